"""Fit the sizing's parameters on the measured rows, and say how far off the sizing is on rows it has not seen.

    python tools/fit_sizing.py            print the accuracy table for the committed parameters and cross-validated fits
    python tools/fit_sizing.py --write    refit on all rows, write planner/data/sizing*.csv and the table in docs/sizing.md

Needs numpy and scipy for the fit; reading rows and predicting them needs neither (the tests use that part).
Method: residual = ln(predicted / measured), soft-L1 beyond 12 %, plus a log-normal prior on each parameter, so that a
family or engine with few rows stays near the global value. Rows with fit=no in the file (incomplete conditions) and
1,000-prompt bursts through an HTTP client are left out. In scope: models of 6B and more, engines from 2024 on.
"""

from __future__ import annotations

import csv
import math
import random
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from planner.errors import MisuseError
from planner.sizing import engines, estimate, gpus, memory, models, roofline
from planner.sizing.engines import Engine
from planner.sizing.gpus import GpuSpec
from planner.sizing.models import Model
from planner.sizing.roofline import Parameters

ANCHORS = ROOT / "benchmarks" / "anchors.csv"
DOC = ROOT / "docs" / "sizing.md"
FITTED_ON = "2026-11-23"
SOFT = 0.12
FOLDS = 10
SERIES = 20  # rows of one version that make a generation measured
_PRECISION = {"int8-w8a8": "int8", "int8-gptq": "int8-w8a16"}
_2023 = ("hf_sagemaker", "trtllm06")


class Row(NamedTuple):
    """One measured row, resolved. load is requests over the whole machine (0: as many as the memory holds)."""

    id: str
    source: str
    metric: str
    mode: str
    value: float
    model: Model
    precision: str
    gpu: GpuSpec
    gpus: int
    tp: int
    engine: Engine
    isl: float
    osl: float
    load: float
    fit: bool

    @property
    def scope(self) -> bool:
        """Whether the row is in the scope of the promise: 6B and larger, engines from 2024 on, no HTTP burst."""
        return (
            self.model.total_params >= 6e9 and self.source not in (*_2023, "gpustack") and self.gpu.family != "turing"
        )

    @property
    def kind(self) -> str:
        """The kind of number: output or total rate, ttft or tpot."""
        return "rate" if "put" in self.metric or self.metric == "per_request_tps" else self.metric[:4]


def rows() -> list[Row]:
    """Return the rows whose model, GPU and conditions are known."""
    found = []
    with ANCHORS.open(encoding="utf-8", newline="") as file:
        for r in csv.DictReader(file):
            try:
                model, gpu = models.find(r["model"]), gpus.find(r["gpu"])
                engine = engines.parse(f"{r['engine']}@{r['engine_version']}")
                if not r["engine_version"]:  # parse takes that for today's
                    engine = Engine(engine.key, "", ())
                load = 0.0 if r["concurrency_or_batch"] == "max" else float(r["concurrency_or_batch"])
                isl, osl = float(r["isl"]), float(r["osl"])
            except (MisuseError, ValueError):
                continue  # e.g. "13B-class", "large EP": kept in the file for the reader
            count = int(r["n_gpus"])
            found.append(
                Row(
                    id=r["id"],
                    source=r["src"],
                    metric=r["metric"],
                    mode=r["mode"],
                    value=float(r["value"]),
                    model=model,
                    precision=_PRECISION.get(r["precision"], r["precision"]),
                    gpu=gpu,
                    gpus=count,
                    tp=int(r["tp"] or count),
                    engine=engine,
                    isl=isl,
                    osl=osl,
                    load=load,
                    fit=r["fit"] == "yes",
                )
            )
    return found


def predict(row: Row, p: Parameters) -> float:
    """Return what the sizing says for a row, in the row's unit."""
    plan = memory.plan(row.model, row.precision, row.gpu, row.engine, row.tp)
    machine = estimate.machine(plan, row.model, row.precision, row.gpu, row.engine, p)
    most = estimate.hold(plan, row.engine, row.gpu, row.isl, row.osl)
    burst = row.mode == "wave" or (row.mode == "max" and row.load > 0)
    found = estimate.at(machine, 1, max(1, row.gpus // row.tp), most, row.load, row.isl, row.osl, burst)
    if row.metric == "output_throughput":
        return found.tokens_per_second
    if row.metric == "total_throughput":
        return found.tokens_per_second * (row.isl + row.osl) / row.osl
    if row.metric == "per_request_tps":
        return 1 / found.tpot
    return 1e3 * (found.tpot if row.metric.startswith("tpot") else found.ttft)


def error(row: Row, p: Parameters) -> float:
    """Return ln(predicted / measured)."""
    return math.log(predict(row, p) / row.value)


# --- the fit ---------------------------------------------------------------------------------------------------------

FAMILIES = ("hopper", "h20", "a100", "ada", "ga102", "volta")
FACTORS = ("vllm:old", "tensorrt-llm:new", "tensorrt-llm:old", "sglang:new", "lmdeploy:old", "1cat-vllm:new")


def priors() -> dict[str, tuple[float, float, float]]:
    """Return each parameter's prior value, its relative width (sigma of the logarithm) and its upper bound."""
    top = 1e9
    table: dict[str, tuple[float, float, float]] = {
        # The measured current engine reads at 0.76 to 0.79 of the printed bandwidth, computes prompts at 0.6 of peak.
        "mbu": (0.78, 0.1, 0.95),
        "mbu_kv": (0.7, 0.3, 0.95),
        "mfu": (0.5, 0.3, 0.95),
        "mfu_prefill": (0.6, 0.3, 0.95),
        "link": (0.6, 0.3, 1.0),
        "reduce_us:nvlink": (10, 0.5, top),
        "reduce_us:pcie": (40, 0.5, top),
        "mixture_us": (30, 0.7, top),
    }
    # Milliseconds per step, microseconds per sequence in it, milliseconds per prompt.
    for age, (step, sequence, prompt) in {"new": (1, 15, 5), "old": (2, 40, 10), "tgi": (10, 200, 20)}.items():
        table[f"step_ms:{age}"] = (step, 0.5, top)
        table[f"sequence_us:{age}"] = (sequence, 0.5, top)
        table[f"prompt_ms:{age}"] = (prompt, 0.5, top)
    for name, (mbu, mfu) in {
        "fp8": (0.9, 0.65),
        "w4": (0.7, 0.7),
        "w8": (0.8, 0.8),
        "int8": (0.85, 0.6),
        "moe": (0.9, 0.7),
    }.items():
        table[f"mbu:{name}"] = (mbu, 0.12, 1.1)
        table[f"mfu:{name}"] = (mfu, 0.3, top)
    for family in FAMILIES:
        table[f"mbu:{family}"] = (1.0, 0.12, top)
        table[f"mfu:{family}"] = (1.0, 0.25, top)
    for name in FACTORS:
        table[f"factor:{name}"] = (1.0, 0.2, top)
    return table


def fit(train: list[Row], start: Parameters | None = None) -> Parameters:
    """Return the parameters that fit `train` best under the priors."""
    import numpy as np
    from scipy.optimize import least_squares  # type: ignore[import-untyped]

    table = priors()
    names = list(table)
    centre = np.log([table[n][0] for n in names])
    width = np.array([table[n][1] for n in names])
    top = np.log([table[n][2] for n in names])
    first = np.log([(start or {}).get(n, table[n][0]) for n in names])

    def residuals(theta: Any) -> Any:
        p = dict(zip(names, np.exp(theta).tolist(), strict=True))
        return np.concatenate([np.array([error(row, p) / SOFT for row in train]), (theta - centre) / width])

    bounds = (np.full(len(names), -30.0), top)
    best = least_squares(
        residuals, np.minimum(first, top - 1e-6), bounds=bounds, loss="soft_l1", max_nfev=25, ftol=1e-4
    )
    return dict(zip(names, np.exp(best.x).tolist(), strict=True))


def unseen(train: list[Row], start: Parameters, key: Callable[[int, Row], object]) -> list[tuple[Row, float]]:
    """Return (row, error) where each row was predicted by a fit that had seen no row with the same `key`."""
    keys = [key(i, row) for i, row in enumerate(train)]
    out = []
    for one in sorted(set(keys), key=str):
        p = fit([r for r, k in zip(train, keys, strict=True) if k != one], start)
        out += [(r, error(r, p)) for r, k in zip(train, keys, strict=True) if k == one]
    return out


def folds(train: list[Row]) -> dict[str, int]:
    """Return a fold per row id: ten random parts, the same in every run."""
    ids = sorted(r.id for r in train)
    random.Random(20261123).shuffle(ids)
    return {name: i % FOLDS for i, name in enumerate(ids)}


# --- the tables ------------------------------------------------------------------------------------------------------


def quantile(values: Iterable[float], q: float) -> float:
    """Return the q-quantile by linear interpolation."""
    ordered = sorted(values)
    at = (len(ordered) - 1) * q
    low = int(at)
    return ordered[low] + (ordered[min(low + 1, len(ordered) - 1)] - ordered[low]) * (at - low)


def line(name: str, errors: list[float]) -> str:
    """Return one row of the accuracy table."""
    off = [abs(math.exp(e) - 1) for e in errors]
    within = sum(x <= 0.25 for x in off) / len(off)
    return f"| {name} | {len(off)} | {quantile(off, 0.5):.1%} | {quantile(off, 0.9):.1%} | {within:.0%} |"


def table(seen: list[tuple[Row, float]], out: list[tuple[str, list[tuple[Row, float]]]]) -> str:
    """Return the accuracy tables in markdown."""
    text = ["| test | rows | median | P90 | within 25 % |", "|---|---|---|---|---|"]
    text.append(line("in sample: throughput and TPOT", [e for r, e in seen if r.scope and r.kind != "ttft"]))
    for name, found in out:
        scoped = [(r, e) for r, e in found if r.scope]
        text.append(line(f"{name}: **throughput and TPOT**", [e for r, e in scoped if r.kind != "ttft"]))
        for kind, word in (("rate", "throughput"), ("tpot", "TPOT"), ("ttft", "TTFT (weak)")):
            text.append(line(f"{name}: {word}", [e for r, e in scoped if r.kind == kind]))
    name, found = out[0]
    parts = (
        ("GPU family", lambda r: r.gpu.family),
        ("engine", lambda r: f"{r.engine.label.partition('@')[0]}, {roofline.era(r.engine)}"),
        ("precision", lambda r: r.precision),
        ("load", lambda r: r.mode),
    )
    for title, key in parts:
        text += [
            "",
            f"By {title}, {name}:",
            "",
            "| part | rows | median | P90 | within 25 % |",
            "|---|---|---|---|---|",
        ]
        for part in sorted({key(r) for r, _ in found if r.scope}):
            text.append(line(part, [e for r, e in found if r.scope and key(r) == part]))
    return "\n".join(text)


def band(found: list[tuple[Row, float]], kind: str) -> tuple[float, float]:
    """Return (low, high) factors on the estimate within which 80 % of the measured values lie."""
    off = [-e for r, e in found if r.scope and r.kind == kind]
    return math.exp(quantile(off, 0.1)), math.exp(quantile(off, 0.9))


def measured(train: list[Row]) -> dict[str, str]:
    """Return, for each engine of today's era, the newest version that has a series of rows (else the newest that has any).

    Eight public rows of one model at its latency limits (vLLM 0.30.0) are used, but are no series; years are no versions.
    """
    series: dict[str, dict[tuple[int, ...], list[Engine]]] = {}
    for row in train:
        if roofline.era(row.engine) == "new" and row.engine.number and row.engine.number[0] < 2000:
            series.setdefault(row.engine.key, {}).setdefault(row.engine.number, []).append(row.engine)
    found = {}
    for key, versions in sorted(series.items()):
        long = [number for number, engines_ in versions.items() if len(engines_) >= SERIES]
        found[key] = versions[max(long or versions)][0].version
    return found


def write(p: Parameters, train: list[Row], source: list[tuple[Row, float]], family: list[tuple[Row, float]]) -> None:
    """Write the parameters, bands and the index of anchors that the sizing reads."""
    lines = ["kind,name,value,high", f"fact,fitted_on,{FITTED_ON},", f"fact,rows,{len(train)},"]
    lines += [f"measured,{name},{version}," for name, version in measured(train).items()]
    lines += [f"parameter,{name},{value:.4g}," for name, value in p.items()]
    for kind in ("rate", "tpot", "ttft"):
        for name, found in (("anchored", source), ("other", family)):
            low, high = band(found, kind)
            lines.append(f"band,{kind}:{name},{low:.3f},{high:.3f}")
    lines += [f"family,{name},," for name in sorted({r.gpu.family for r in train if r.scope})]
    data = ROOT / "planner" / "data"
    (data / "sizing.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    index: dict[tuple[str, str], list[Row]] = {}
    for row in train:
        width = {"16": "16", "w4": "4"}.get(roofline.width_class(row.precision, row.gpu)[0], "8")
        for name in (row.gpu.name, row.gpu.family):
            index.setdefault((name, width), []).append(row)
    lines = ["gpu,bits,rows"]
    for (name, width), members in sorted(index.items()):
        # The rows that say most about today: newer engines first, then the file's order.
        members.sort(key=lambda r: (roofline.era(r.engine) != "new", not r.scope))
        lines.append(f"{name},{width},{' '.join(dict.fromkeys(r.id for r in members[:8]))}")
    (data / "sizing_anchors.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(argv: list[str]) -> None:
    """Print the accuracy of the committed parameters; with --write refit first and commit the result to the files."""
    train = [r for r in rows() if r.fit and r.source != "gpustack"]
    p = fit(train) if "--write" in argv else estimate.calibration().parameters
    part = folds(train)
    out = [
        (f"unseen rows ({FOLDS} random parts)", unseen(train, p, lambda i, r: part[r.id])),
        ("unseen source", unseen(train, p, lambda i, r: r.source)),
        ("unseen GPU family", unseen(train, p, lambda i, r: r.gpu.family)),
    ]
    if "--write" in argv:
        write(p, train, out[1][1], out[2][1])
        estimate._loaded.clear()
        p = estimate.calibration().parameters
    text = table([(r, error(r, p)) for r in train], out)
    print(text)
    if "--write" in argv and DOC.exists():
        head, _, rest = DOC.read_text(encoding="utf-8").partition("<!-- accuracy -->\n")
        _, _, tail = rest.partition("<!-- /accuracy -->")
        DOC.write_text(f"{head}<!-- accuracy -->\n{text}\n<!-- /accuracy -->{tail}", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
