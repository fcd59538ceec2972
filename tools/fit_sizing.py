"""Fit the sizing's parameters on the measured rows, and say how far off the sizing is on rows it has not seen.

    python tools/fit_sizing.py            print the accuracy tables of the committed parameters (minutes: it refits)
    python tools/fit_sizing.py --write    refit on all rows, write planner/data/sizing*.csv, the tables and the plot

Needs numpy and scipy; reading rows and predicting them (sizing_rows.py) needs neither, the tests use that part.
Residual = ln(predicted / measured), soft-L1 beyond 12 %. A series of one model on one card counts as six rows, one HTTP
client that sends a thousand requests at once as 0.4 of that. Each parameter has a log-normal prior: what the public
kernel tables say (docs/sizing.md), so that a format or family with few rows stays near it.
"""

from __future__ import annotations

import collections
import math
import random
import sys
from collections.abc import Callable, Iterable
from multiprocessing import Pool
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

from sizing_rows import Row, Stack, error, rows

from planner.sizing import estimate, parts
from planner.sizing.engines import Engine
from planner.sizing.roofline import Parameters

DOC = ROOT / "docs" / "sizing.md"
FITTED_ON = "2026-11-26"
SOFT = 0.12
FOLDS = 5
SERIES = 20  # rows of one version that make a generation measured
FEW = 20  # rows below which a kind's range is that of all mixtures, or of all dense models
_TOP = 1e9

# --- the priors: value, relative width (sigma of the logarithm), upper bound ----------------------------------------

Priors = dict[str, tuple[float, float, float]]

_GLOBAL: Priors = {
    # GEMMs of 4,096 to 10,240 columns read at 0.82 to 0.87 of the printed bandwidth, all beyond 3 us a kernel.
    "mbu": (0.85, 0.05, 0.95),
    "mbu_kv": (0.8, 0.15, 0.95),
    "mfu": (0.7, 0.1, 0.95),
    "mbu:moe": (1.0, 0.1, 1.15),
    "mfu:moe": (0.5, 0.15, 1.2),
    "link:nvlink": (0.45, 0.2, 1.0),  # custom all-reduce of 1 to 512 MiB: 167 to 234 GB/s of 450
    "link:pcie": (0.6, 0.3, 1.0),
    "reduce_us:nvlink": (8, 0.3, _TOP),  # 4 to 6 us captured, 20 us launched
    "reduce_us:pcie": (40, 0.5, _TOP),
    "linear_us": (15, 0.6, _TOP),
    "spread": (0.92, 0.05, 1.0),  # kernel tables are measured with routings by power laws of 1.01 and 1.2
    "launch:moe": (1, 0.3, _TOP),
    "stall_ms": (40, 0.3, _TOP),
    "http_ms": (20, 0.7, _TOP),
}
# Milliseconds a step; microseconds a layer, a mixture, a sequence, a layer launched, a layer of a prompt's step.
_ERAS = {
    "new": (0.3, 32, 32, 8, 300, 100),
    "old": (1.5, 50, 50, 40, 300, 200),
    "tgi": (10, 100, 100, 200, 300, 400),
}
_ERA_WIDTHS = (0.5, 0.3, 0.4, 0.5, 0.5, 0.5)
# Against 16 bits: bandwidth, arithmetic (old engines' too), kernels a layer; the same of routed experts.
_FORMATS = {
    "fp8": (1.0, 0.8, 0.68, 1.5, 0.85, 1.2),
    "w4": (0.85, 0.9, 0.5, 1.3, 0.85, 1.2),
    "w8": (0.9, 0.8, 0.68, 1.2, 0.95, 1.0),
    "int8": (0.95, 0.6, 0.51, 1.4, 0.95, 1.0),
    "fp4": (0.9, 0.6, 0.51, 1.4, 0.85, 2.0),
}
_FAMILIES = {"volta": 0.6, "ada": 0.7, "turing": 0.7}
FAMILIES = ("hopper", "h20", "a100", "ada", "ga102", "volta", "turing", "blackwell")
FACTORS = ("vllm:old", "tensorrt-llm:new", "tensorrt-llm:old", "sglang:new", "lmdeploy:old", "1cat-vllm:new")


def priors() -> Priors:
    """Return each parameter's prior value, its relative width and its upper bound."""
    table = dict(_GLOBAL)
    for age, values in _ERAS.items():
        names = ("step_ms", "layer_us", "mixture_us", "sequence_us", "launch_us", "prompt_us")
        for name, value, width in zip(names, values, _ERA_WIDTHS, strict=True):
            table[f"{name}:{age}"] = (value, width, _TOP)
    for name, (mbu, mfu, then, layer, expert_mbu, expert_mfu) in _FORMATS.items():
        table[f"mbu:{name}"] = (mbu, 0.1, 1.1)
        table[f"mfu:{name}"] = (mfu, 0.2, 1.2)
        table[f"layer:{name}"] = (layer, 0.15, _TOP)
        if name != "fp4":
            table[f"mbu:{name}:old"] = (max(mbu, 0.95), 0.08, 1.1)
            table[f"mfu:{name}:old"] = (then, 0.25, 1.2)
        table[f"mbu:moe:{name}"] = (expert_mbu, 0.1, 1.2)
        table[f"mfu:moe:{name}"] = (expert_mfu, 0.2, _TOP)
    # 4-bit experts: tables of vLLM 0.24 and 0.19 on H100, H200 and B200. Marlin of 0.24 reads at 0.95 (H100, whole experts)
    # and 0.7 (H200, all shards) of what 16-bit experts do.
    for name, (mbu, mfu) in {"i4": (0.85, 0.5), "i4:early": (0.38, 0.4), "f4": (0.55, 0.5)}.items():
        table[f"mbu:moe:{name}"] = (mbu, 0.2, 1.2)
        table[f"mfu:moe:{name}"] = (mfu, 0.2, _TOP)
    # What the kernel of the experts takes for one token, against 16 bits: 24 us for nvfp4 on B200, 40 to 60 on Hopper.
    for name, factor in {"fp4": 0.5, "fp8": 1.1, "w4": 1.2, "i4": 1.0, "i4:early": 1.3, "f4": 1.0}.items():
        table[f"mixture:{name}"] = (factor, 0.2, _TOP)
    for family in FAMILIES:
        table[f"mbu:{family}"] = (1.0, 0.3 if family == "h20" else 0.08, 1.15)
        table[f"mfu:{family}"] = (_FAMILIES.get(family, 1.0), 0.2, 1.3)
    for name in FACTORS:
        table[f"factor:{name}"] = (1.0, 0.1, _TOP)
    return table


# --- the fit --------------------------------------------------------------------------------------------------------


def weight(found: list[Row]) -> list[float]:
    """Return what each row counts: a series of many rows no more than six, an HTTP client's burst 0.4 of that."""
    series = [(r.source, r.model.name, r.precision, r.gpu.name, r.engine.version) for r in found]
    many = collections.Counter(series)
    return [(0.4 if r.http else 1.0) * min(1.0, (6 / many[s]) ** 0.5) for r, s in zip(found, series, strict=True)]


def fit(train: list[Row], start: Parameters | None = None) -> Parameters:
    """Return the parameters that fit `train` best under the priors."""
    import numpy as np
    from scipy.optimize import least_squares  # type: ignore[import-untyped]

    table = priors()
    names = list(table)
    centre, width, top = (np.array([table[n][i] for n in names]) for i in range(3))
    centre, top = np.log(centre), np.log(top)
    first = np.log([(start or {}).get(n, table[n][0]) for n in names])
    stack, weights = Stack(train, names), np.array(weight(train))

    def residuals(theta: Any) -> Any:
        return np.concatenate([weights * stack.errors(theta) / SOFT, (theta - centre) / width])

    best = least_squares(
        residuals,
        np.minimum(first, top - 1e-6),
        bounds=(np.full(len(names), -30.0), top),
        loss="soft_l1",
        max_nfev=15 if start else 40,
        ftol=1e-4,
    )
    return dict(zip(names, np.exp(best.x).tolist(), strict=True))


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
