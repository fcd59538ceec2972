"""Write what a fit found: the files that the sizing reads, the tables of docs/sizing.md and its plot."""

from __future__ import annotations

import math
from pathlib import Path

import fit_sizing
from sizing_rows import Row

from planner.sizing import parts
from planner.sizing.roofline import Parameters

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "planner" / "data"
DOC = ROOT / "docs" / "sizing.md"
PLOT = ROOT / "docs" / "sizing.svg"


def write(p: Parameters, train: list[Row], bands: dict[str, tuple[float, float]]) -> None:
    """Write the parameters, ranges and rows that the sizing reads."""
    judged = [r for r in train if fit_sizing.speed(r)]
    lines = ["kind,name,value,high", f"fact,fitted_on,{fit_sizing.FITTED_ON},", f"fact,rows,{len(train)},"]
    lines += [f"measured,{name},{version}," for name, version in fit_sizing.measured(train).items()]
    lines += [f"parameter,{name},{value:.4g}," for name, value in p.items()]
    lines += [f"band,{name},{low:.3f},{high:.3f}" for name, (low, high) in bands.items()]
    lines += [f"family,{name},," for name in sorted({r.gpu.family for r in judged})]
    behind = [r for r in train if r.scope and r.kind != "ttft"]
    lines += _rests("gpu", [(r.gpu.name, r.source) for r in behind])
    lines += _rests("kind", [(fit_sizing.speed_kind(r), r.source) for r in behind])
    _put(DATA / "sizing.csv", lines)
    index: dict[tuple[str, str], list[Row]] = {}
    for row in train:
        kind = parts.speed_kind(row.model, row.precision, row.gpu)
        for name in (row.gpu.name, row.gpu.family):
            index.setdefault((name, kind), []).append(row)
    lines = ["gpu,kind,rows"]
    for (name, kind), members in sorted(index.items()):
        # The rows that say most about today: newer engines first, then the file's order.
        members.sort(key=lambda r: (parts.era(r.engine) != "new", not r.scope, r.http, r.kind == "ttft"))
        lines.append(f"{name},{kind},{' '.join(dict.fromkeys(r.id for r in members[:8]))}")
    _put(DATA / "sizing_anchors.csv", lines)
    lines = ["id,model,precision,gpu,gpus,tp,engine,isl,osl,load,burst,metric,value,source"]
    lines += [_told(r) for r in judged if not r.alike and math.isinf(r.running)]
    _put(DATA / "sizing_rows.csv", lines)


def _told(r: Row) -> str:
    engine = f"{r.engine.key}@{r.engine.version}" if r.engine.version else r.engine.key
    numbers = f"{r.gpus},{r.tp},{engine},{r.isl:g},{r.osl:g},{r.load:g},{'yes' if r.burst else 'no'}"
    return f"{r.id},{r.model.name},{r.precision},{r.gpu.name},{numbers},{r.metric},{r.value:g},{r.source}"


def _rests(kind: str, pairs: list[tuple[str, str]]) -> list[str]:
    """Return, for each name, how many rows it rests on and of how many sources they are."""
    names = sorted({name for name, _ in pairs})
    return [
        f"rests,{kind}:{name},{sum(n == name for n, _ in pairs)},{len({s for n, s in pairs if n == name})}"
        for name in names
    ]


def _put(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def document(text: str, source: fit_sizing.Found) -> None:
    """Write the tables into docs/sizing.md, and the plot of unseen sources."""
    head, _, rest = DOC.read_text(encoding="utf-8").partition("<!-- accuracy -->\n")
    _, _, tail = rest.partition("<!-- /accuracy -->")
    DOC.write_text(f"{head}<!-- accuracy -->\n{text}\n<!-- /accuracy -->{tail}", encoding="utf-8")
    PLOT.write_text(plot([(r, e) for r, e in source if fit_sizing.speed(r)]), encoding="utf-8")


_COLOURS = {"16": "#1b5e9b", "fp8": "#c2410c", "int8": "#7c3aed", "w8": "#7c3aed", "w4": "#15803d", "i4": "#15803d"}
_EDGE, _SIZE, _LOW, _HIGH = 56.0, 520.0, 0.0, 5.2  # decades of tokens a second and copy


def plot(found: fit_sizing.Found) -> str:
    """Return a picture of measured against estimated tokens a second of one copy, by an estimate that saw no such source.

    Both axes are logarithmic; the lines are equality and 25 % to either side.
    """

    def at(rate: float) -> float:
        return _EDGE + (math.log10(rate) - _LOW) / (_HIGH - _LOW) * _SIZE

    def up(y: float) -> float:
        return _SIZE + 2 * _EDGE - y

    whole = _SIZE + 2 * _EDGE
    shapes = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole:g} {whole:g}" font-family="sans-serif" '
        'font-size="12" role="img" aria-label="estimated against measured tokens a second">',
        f'<rect width="{whole:g}" height="{whole:g}" fill="#ffffff"/>',
    ]
    first, last = 10**_LOW, 10**_HIGH
    for part, dash in ((1.0, ""), (1.25, "4 4"), (0.8, "4 4")):
        a, b = max(first, first / part), min(last, last / part)
        mark = f' stroke-dasharray="{dash}"' if dash else ""
        ends = f'x1="{at(a):.1f}" y1="{up(at(a * part)):.1f}" x2="{at(b):.1f}" y2="{up(at(b * part)):.1f}"'
        shapes.append(f'<line {ends} stroke="#475569"{mark}/>')
    for decade in range(int(_LOW), int(_HIGH) + 1):
        x, label = at(10.0**decade), f"{10**decade:,}"
        shapes.append(f'<line x1="{x:.1f}" y1="{up(_EDGE):.1f}" x2="{x:.1f}" y2="{_EDGE:g}" stroke="#e2e8f0"/>')
        shapes.append(
            f'<line x1="{_EDGE:g}" y1="{up(x):.1f}" x2="{whole - _EDGE:g}" y2="{up(x):.1f}" stroke="#e2e8f0"/>'
        )
        shapes.append(f'<text x="{x:.1f}" y="{whole - 36:g}" text-anchor="middle">{label}</text>')
        shapes.append(f'<text x="{_EDGE - 6:g}" y="{up(x) + 4:.1f}" text-anchor="end">{label}</text>')
    for row, error in found:
        speed = row.value if row.kind == "rate" else 1e3 * (row.load or 1.0) / row.value
        made = speed * math.exp(-fit_sizing.off(row, error))
        kind = fit_sizing.speed_kind(row)
        fill = _COLOURS.get(kind.partition(":")[2], "#0f766e")
        hollow = f'fill="none" stroke="{fill}"' if kind.startswith("mixture") else f'fill="{fill}"'
        shapes.append(f'<circle cx="{at(speed):.1f}" cy="{up(at(made)):.1f}" r="2.4" {hollow} opacity="0.7"/>')
    legend = [("16 bits", "16"), ("fp8", "fp8"), ("int8", "int8"), ("4 bits", "w4"), ("4-bit floats, Blackwell", "fp4")]
    for i, (word, kind) in enumerate(legend):
        y = _EDGE + 14 + 18 * i
        fill = _COLOURS.get(kind, "#0f766e")
        shapes.append(f'<circle cx="{_EDGE + 14:g}" cy="{y - 4:g}" r="4" fill="{fill}"/>')
        shapes.append(f'<text x="{_EDGE + 26:g}" y="{y:g}">{word}</text>')
    y = _EDGE + 14 + 18 * len(legend)
    shapes.append(f'<text x="{_EDGE + 10:g}" y="{y:g}">hollow: mixtures of experts; dashed: 25 %</text>')
    middle = whole / 2
    shapes.append(f'<text x="{middle:g}" y="{whole - 12:g}" text-anchor="middle">measured tokens a second</text>')
    turn = f'transform="rotate(-90 14 {middle:g})"'
    shapes.append(
        f'<text x="14" y="{middle:g}" text-anchor="middle" {turn}>estimated, the row\'s source left out</text>'
    )
    return "\n".join([*shapes, "</svg>"]) + "\n"
