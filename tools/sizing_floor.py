"""How well any sizing could do on the measured rows, and whether the way it is fitted was chosen honestly.

    python tools/sizing_floor.py            print the tables of docs/sizing.md, Noise (a minute: each source is left out)
    python tools/sizing_floor.py --nested   choose the fit's taste anew for each source, on the others only (half an hour)

The floor: what is left of the error of unseen sources when each source's constant is known, then each version's and each
series' of it; and how far apart two sources, and two runs of one source, lie in the same question. Needs numpy and scipy.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import fit_sizing
from fit_sizing import Found, fitted, off, quantile, shape_of, speed, unseen
from sizing_fit import TASTE, Taste, fit
from sizing_rows import Row, error

from planner.sizing import estimate, parts
from planner.sizing.roofline import Parameters

TABLE = "| known of the source | constants | median | P90 |\n|---|---|---|---|"
PAIRS = "| two rows of | pairs | median | P90 |\n|---|---|---|---|"
#: How alike two questions are: requests at once, tokens in and tokens out differ by less than this factor.
ALIKE = 2.0
LARGE = 40  # rows from which a source is a group of its own when one is left out within another
Key = Callable[[Row], object]


def series_of(r: Row) -> object:
    """Return what a source ran in one go: one model in one format on one card with one version."""
    return (r.source, r.model.name, r.precision, r.gpu.name, r.engine.label)


KNOWN: tuple[tuple[str, Key], ...] = (
    ("nothing: unseen", lambda r: r.id + r.metric),
    ("its constant", lambda r: r.source),
    ("one of each engine version", lambda r: (r.source, r.engine.label)),
    ("one of each version and GPU family", lambda r: (r.source, r.engine.label, r.gpu.family)),
    ("one of each series (model, format, card, version)", series_of),
)


def centred(found: Found, key: Key) -> tuple[list[float], int]:
    """Return each row's error less its group's median (of speeds), and how many groups of several rows there are."""
    groups: dict[object, list[float]] = {}
    for r, e in found:
        groups.setdefault(key(r), []).append(off(r, e))
    middle = {k: quantile(v, 0.5) for k, v in groups.items() if len(v) > 1}
    less = [(r, off(r, e) - middle.get(key(r), 0.0)) for r, e in found]
    return [off(r, x) for r, x in less], len(middle)  # as often as not the other way round, and back


def pairs(found: Found, same: Key, other: Key, alike: float = ALIKE) -> list[float]:
    """Return how far apart the errors of two rows of one question lie, of rows that differ in `other`.

    The estimate takes out what the questions differ by; what is left is the sources'.
    """

    def near(a: float, b: float) -> bool:
        return max(a, b) <= alike * max(min(a, b), 1e-9)

    groups: dict[object, list[tuple[Row, float]]] = {}
    for r, e in found:
        groups.setdefault(same(r), []).append((r, e))
    return [
        off(a, d) - off(b, e)
        for members in groups.values()
        for (a, d), (b, e) in itertools.combinations(members, 2)
        if other(a) != other(b)
        and (a.load == b.load or near(a.load, b.load))
        and near(a.isl, b.isl)
        and near(a.osl, b.osl)
    ]


def question(r: Row) -> object:
    """Return what two rows share when they ask the same: shape, class of the weights, card, engine and era, layout."""
    kind = parts.speed_kind(r.model, r.precision, r.gpu)
    return (shape_of(r), kind, r.gpu.name, r.gpus, r.tp, r.engine.key, parts.era(r.engine), r.alike, r.cache)


def line(name: str, number: int, errors: list[float]) -> str:
    """Return one row of a table."""
    away = [abs(math.exp(e) - 1) for e in errors]
    return f"| {name} | {number or '-'} | {quantile(away, 0.5):.1%} | {quantile(away, 0.9):.1%} |"


def floor(found: Found) -> str:
    """Return the tables of the noise: what is left when more is known, and how far apart two measurements lie."""
    judged = [(r, e) for r, e in found if speed(r)]
    text = [TABLE]
    for name, key in KNOWN:
        errors, number = centred(judged, key)
        text.append(line(name, number, errors))
    apart = pairs(judged, question, lambda r: r.source)
    again = pairs(judged, lambda r: (r.source, question(r), r.metric, r.engine.label), lambda r: r.id, 1.0)
    text += ["", PAIRS, line("two sources, one question", len(apart), apart)]
    text.append(line("one source, the same question again", len(again), again))
    return "\n".join(text)


# --- is the taste chosen honestly? ----------------------------------------------------------------------------------

TASTES = tuple(Taste(own, trust, outside) for own in (0.0, 0.2, 0.3) for trust in (0.5, 1.0) for outside in (0.2, 1.0))


def nested(train: list[Row], start: Parameters) -> Found:
    """Return each row's error by a fit that had not seen its source, made to a taste that had not seen it either.

    A taste is chosen for each source by how well, without that source, it foretells the others: small sources go as one.
    """
    sizes = {s: sum(r.source == s and speed(r) for r in train) for s in {r.source for r in train}}

    def group(r: Row) -> str:
        return r.source if sizes[r.source] >= LARGE else "small"

    names = sorted({group(r) for r in train})
    inner: dict[tuple[Taste, str], list[float]] = {}
    outer: dict[tuple[Taste, str], float] = {}
    for taste in TASTES:
        for a, b in itertools.combinations(names, 2):
            p = fit([r for r in train if group(r) not in (a, b)], start, taste)
            for r in train:
                if speed(r) and group(r) in (a, b):
                    left = a if group(r) == b else b
                    inner.setdefault((taste, left), []).append(abs(error(r, p)))
        for source in sizes:
            p = fit([r for r in train if r.source != source], start, taste)
            outer.update({(taste, r.id + r.metric): error(r, p) for r in train if r.source == source})
    best = {n: min(TASTES, key=lambda t: quantile(inner[t, n], 0.5) + quantile(inner[t, n], 0.9) / 3) for n in names}
    for name, taste in best.items():
        print(f"without {name}: {taste}")
    return [(r, outer[best[group(r)], r.id + r.metric]) for r in train]


def main(argv: list[str]) -> None:
    """Print the floor, or with --nested the error of unseen sources when the taste is unseen too."""
    train, p = fitted(), estimate.calibration().parameters
    if "--nested" in argv:
        found = nested(train, p)
        print(fit_sizing.line(f"chosen within, of {len(TASTES)} tastes", [e for r, e in found if speed(r)]))
        print(fit_sizing.line("as committed", [e for r, e in unseen(train, p, lambda r: r.source) if speed(r)]), TASTE)
        return
    print(floor(unseen(train, p, lambda r: r.source)))


if __name__ == "__main__":
    main(sys.argv[1:])
