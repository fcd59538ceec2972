"""Fit the sizing's parameters on the measured rows, and say how far off the sizing is on rows it has not seen.

    python tools/fit_sizing.py            print the accuracy tables of the committed parameters (minutes: it refits)
    python tools/fit_sizing.py --write    refit on all rows, write planner/data/sizing*.csv, the tables and the plot

Needs numpy and scipy (sizing_fit.py has the fit); reading rows and predicting them (sizing_rows.py) needs neither, the
tests use that part.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterable
from multiprocessing import Pool
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from sizing_fit import fit
from sizing_rows import Row, error, rows

from planner.sizing import estimate, parts
from planner.sizing.engines import Engine
from planner.sizing.roofline import Parameters

DOC = ROOT / "docs" / "sizing.md"
FITTED_ON = "2026-11-27"
FOLDS = 5
SERIES = 20  # rows of one version that make a generation measured
FEW = 20  # rows below which a kind's range is that of all mixtures, or of all dense models


def _left(task: tuple[list[Row], list[Row], Parameters]) -> list[tuple[str, float]]:
    train, out, start = task
    p = fit(train, start)
    return [(r.id, error(r, p)) for r in out]


def unseen(train: list[Row], start: Parameters, key: Callable[[Row], object]) -> list[tuple[Row, float]]:
    """Return (row, error) where each row was predicted by a fit that had seen no row with the same `key`."""
    groups: dict[object, list[Row]] = {}
    for row in train:
        groups.setdefault(key(row), []).append(row)
    tasks = [([r for r in train if key(r) != one], out, start) for one, out in groups.items()]
    with Pool(2) as pool:
        found = dict(pair for part in pool.imap_unordered(_left, tasks) for pair in part)
    return [(row, found[row.id]) for row in train]


_SAME = {
    "DeepSeek-R1-Distill-Qwen-7B": "Qwen2.5-7B",
    "DeepSeek-R1-Distill-Qwen-32B": "Qwen2.5-32B",
    "DeepSeek-R1-Distill-Llama-8B": "Llama-3.1-8B",
}


def shape_of(row: Row) -> str:
    """Return the model by its shape: a distill is what it was distilled into."""
    name = row.model.name.partition("-Instruct")[0].removeprefix("Meta-").removesuffix("-FP8")
    return _SAME.get(name, name)


def _fold(row: Row) -> int:
    return random.Random(row.id).randrange(FOLDS)


# --- the tables -----------------------------------------------------------------------------------------------------


def quantile(values: Iterable[float], q: float) -> float:
    """Return the q-quantile by linear interpolation."""
    ordered = sorted(values)
    at = (len(ordered) - 1) * q
    low = int(at)
    return ordered[low] + (ordered[min(low + 1, len(ordered) - 1)] - ordered[low]) * (at - low)


def line(name: str, errors: list[float]) -> str:
    """Return one row of an accuracy table."""
    off = [abs(math.exp(e) - 1) for e in errors]
    within = sum(x <= 0.25 for x in off) / len(off)
    return f"| {name} | {len(off)} | {quantile(off, 0.5):.1%} | {quantile(off, 0.9):.1%} | {within:.0%} |"


Found = list[tuple[Row, float]]
HEAD = "rows | median | P90 | within 25 % |"


def speed(row: Row) -> bool:
    """Whether a row is judged by the tables: throughput or TPOT, in scope, no HTTP client's burst."""
    return row.scope and row.kind != "ttft" and not row.http


def table(seen: Found, out: list[tuple[str, Found]], shapes: Found, bands: dict[str, tuple[float, float]]) -> str:
    """Return the accuracy tables in markdown."""
    text = [f"| test | {HEAD}", "|---|---|---|---|---|"]
    text.append(line("in sample: throughput and TPOT", [e for r, e in seen if speed(r)]))
    for name, found in out:
        text.append(line(f"{name}: **throughput and TPOT**", [e for r, e in found if speed(r)]))
        for kind, word in (("rate", "throughput"), ("tpot", "TPOT")):
            text.append(line(f"{name}: {word}", [e for r, e in found if speed(r) and r.kind == kind]))
        text.append(line(f"{name}: TTFT (weak)", [e for r, e in found if r.scope and r.kind == "ttft"]))
        text.append(line(f"{name}: bursts of one HTTP client", [e for r, e in found if r.http]))
    source = out[0][1]
    kinds: dict[tuple[str, str], set[str]] = {}
    for r, _ in source:
        kinds.setdefault((speed_kind(r), r.gpu.family), set()).add(r.source)
    both = [e for r, e in source if speed(r) and len(kinds[speed_kind(r), r.gpu.family]) > 1]
    text.append(line(f"{out[0][0]}, where another has the kind on that GPU family", both))
    text += ["", f"By kind, {out[0][0]}, and the range:", ""]
    text += ["| kind | sources | rows | median | P90 | range of the rate | inside |", "|---|---|---|---|---|---|---|"]
    for kind in sorted({speed_kind(r) for r, _ in source if speed(r)}):
        mine = [(r, e) for r, e in source if speed(r) and speed_kind(r) == kind]
        cells = line(kind, [e for _, e in mine]).split(" | ")
        low, high = bands[kind]
        inside = sum(low <= math.exp(off(r, e)) <= high for r, e in mine) / len(mine)
        text.append(
            f"{cells[0]} | {len({r.source for r, _ in mine})} | {cells[1]} | {cells[2]} | {cells[3]} | "
            f"{low:.2f} to {high:.2f} | {inside:.0%} |"
        )
    text += [
        "",
        "vLLM 0.26.0 on H100 and H200, measured for this, the model left out (two shapes of a size count as one model):",
        "",
    ]
    text += ["| kind | rows | median | P90 | largest |", "|---|---|---|---|---|"]
    fresh = [(r, e) for r, e in shapes if r.source == "own" and r.kind == "rate"]
    named = [("int4, MoE, MLA, mxfp4", lambda r: bool(r.model.experts) or r.precision.startswith("int4"))]
    named += [(shape, lambda r, s=shape: shape_of(r) == s) for shape in sorted({shape_of(r) for r, _ in fresh})]
    for name, test in named:
        cells = line(name, [e for r, e in fresh if test(r)]).split(" | ")
        largest = max((abs(math.exp(e) - 1) for r, e in fresh if test(r)), default=0.0)
        text.append(f"{cells[0]} | {cells[1]} | {cells[2]} | {cells[3]} | {largest:.0%} |")
    for title, key in (
        ("GPU family", lambda r: r.gpu.family),
        ("engine", lambda r: f"{r.engine.label.partition('@')[0]}, {parts.era(r.engine)}"),
        ("source", lambda r: r.source),
    ):
        text += ["", f"By {title}, {out[0][0]}:", "", f"| part | {HEAD}", "|---|---|---|---|---|"]
        for part in sorted({key(r) for r, _ in source if speed(r)}):
            text.append(line(part, [e for r, e in source if speed(r) and key(r) == part]))
    return "\n".join(text)


def speed_kind(row: Row) -> str:
    """Return the kind of speed that a row measures; what older engines do says nothing of a kind today."""
    if parts.era(row.engine) != "new":
        return estimate.OLD
    return parts.speed_kind(row.model, row.precision, row.gpu)


def off(row: Row, e: float) -> float:
    """Return ln(measured / estimated) of the speed: of the rate, or of one over the TPOT."""
    return -e if row.kind == "rate" else e


def ranges(source: Found, family: Found) -> dict[str, tuple[float, float]]:
    """Return, for each kind, the factors on the estimate within which 90 % of the rows of unseen sources lie."""
    judged = [(r, e) for r, e in source if speed(r)]
    found = {}

    def band(values: list[float], even: bool = False) -> tuple[float, float]:
        if even:
            wide = math.exp(quantile([abs(v) for v in values], 0.9))
            return 1.0 / wide, wide
        return math.exp(quantile(values, 0.05)), math.exp(quantile(values, 0.95))

    for kind in sorted({speed_kind(r) for r, _ in judged}):
        mine = [off(r, e) for r, e in judged if speed_kind(r) == kind]
        if len(mine) < FEW:
            mine = [off(r, e) for r, e in judged if speed_kind(r).startswith(kind.partition(":")[0])]
        # Where one or two sources are all there is, leaving one out says how far off a guess is, not to which side.
        found[kind] = band(mine, len({r.source for r, _ in judged if speed_kind(r) == kind}) < estimate.FEW)
    for kind in ("dense", "mixture"):
        found[kind] = band([off(r, e) for r, e in judged if speed_kind(r).startswith(kind)])
    found["other"] = band([off(r, e) for r, e in family if speed(r)])
    for name, rows_ in (("ttft", source), ("ttft:other", family)):
        found[name] = band([-e for r, e in rows_ if r.scope and r.kind == "ttft"])
    return found


def measured(train: list[Row]) -> dict[str, str]:
    """Return, for each engine of today's era, the newest version that has a series of rows (else the newest that has any).

    Eight public rows of one model at its latency limits (vLLM 0.30.0) are used, but are no series; years are no versions.
    """
    series: dict[str, dict[tuple[int, ...], list[Engine]]] = {}
    for row in train:
        if parts.era(row.engine) == "new" and row.engine.number and row.engine.number[0] < 2000:
            series.setdefault(row.engine.key, {}).setdefault(row.engine.number, []).append(row.engine)
    found = {}
    for key, versions in sorted(series.items()):
        long = [number for number, engines_ in versions.items() if len(engines_) >= SERIES]
        found[key] = versions[max(long or versions)][0].version
    return found


def fitted() -> list[Row]:
    """Return the rows that are fitted."""
    return [r for r in rows() if r.fit]


def main(argv: list[str]) -> None:
    """Print the accuracy of the committed parameters; with --write refit first and commit the result to the files."""
    import sizing_write

    train = fitted()
    p = fit(train) if "--write" in argv else estimate.calibration().parameters
    out = [
        ("unseen source", unseen(train, p, lambda r: r.source)),
        ("unseen GPU family", unseen(train, p, lambda r: r.gpu.family)),
        (f"unseen rows ({FOLDS} random parts)", unseen(train, p, _fold)),
    ]
    fresh = {shape_of(r) for r in train if r.source == "own"}
    shapes = unseen(train, p, lambda r: shape_of(r) if shape_of(r) in fresh else "")
    bands = ranges(out[0][1], out[1][1])
    if "--write" in argv:
        sizing_write.write(p, train, bands)
        estimate._loaded.clear()
        p = estimate.calibration().parameters
    text = table([(r, error(r, p)) for r in train], out, shapes, bands)
    print(text)
    if "--write" in argv:
        sizing_write.document(text, out[0][1])


if __name__ == "__main__":
    main(sys.argv[1:])
