"""The measured rows behind an estimate, and the nearest of them: what `planner size --explain` ends with.

planner/data/sizing_rows.csv has the rows that the fit used (tools/fit_sizing.py writes it; benchmarks/anchors.csv has
them whole, with their sources). It is read only when somebody looks.
"""

from __future__ import annotations

import math
import os

from planner.files import DATA
from planner.sizing import Step, engines, estimate, gpus, memory, models, parts
from planner.sizing.case import Case
from planner.sizing.engines import Engine
from planner.sizing.serve import Demand
from planner.text import text

__all__ = ["nearest_steps"]

SHOWN = 3
_NEAR = text("nearest measurement")
_BASIS = text("measurements of this kind of speed")


def _rows() -> list[dict[str, str]]:
    with open(os.path.join(DATA, "sizing_rows.csv"), encoding="utf-8") as file:
        head = file.readline().rstrip("\n").split(",")
        return [dict(zip(head, line.rstrip("\n").split(","), strict=True)) for line in file]


def _apart(a: float, b: float) -> float:
    return abs(math.log(max(a, 1.0) / max(b, 1.0)))


def _distance(row: dict[str, str], case: Case, tp: int, load: float, ask: Demand) -> float:
    """Return how unlike a row is to the question: unlike GPU, model, format or engine count most, then the load."""
    model, gpu = models.find(row["model"]), gpus.find(row["gpu"])
    engine = engines.parse(row["engine"])
    kind = parts.speed_kind(model, row["precision"], gpu)
    far = 3.0 * (kind != parts.speed_kind(case.model, case.load.precision, case.gpu))
    far += 1.0 * (gpu.name != case.gpu.name) + 2.0 * (gpu.family != case.gpu.family)
    far += _apart(gpu.bandwidth_gb_s, case.gpu.bandwidth_gb_s) + 0.5 * _apart(gpu.fp16_tflops, case.gpu.fp16_tflops)
    far += 2.0 * (parts.era(engine) != parts.era(case.engine)) + 0.5 * (engine.key != case.engine.key)
    far += _apart(model.active_params, case.model.active_params) + _apart(int(row["tp"]), tp)
    far += 0.3 * _apart(float(row["load"]) or load, load)
    return far + 0.2 * (_apart(float(row["isl"]), ask.isl) + _apart(float(row["osl"]), ask.osl))


def _estimated(row: dict[str, str]) -> float:
    """Return what the sizing says for a row, in its unit."""
    model, gpu, engine = models.find(row["model"]), gpus.find(row["gpu"]), engines.parse(row["engine"])
    if "@" not in row["engine"]:
        engine = Engine(engine.key, "", ())
    isl, osl = float(row["isl"]), float(row["osl"])
    plan = memory.plan(model, row["precision"], gpu, engine, int(row["tp"]))
    machine = estimate.machine(plan, model, row["precision"], gpu, engine, estimate.calibration().parameters)
    most = estimate.hold(plan, engine, gpu, isl, osl)
    copies = max(1, int(row["gpus"]) // int(row["tp"]))
    found = estimate.at(machine, 1, copies, most, float(row["load"]), isl, osl, row["burst"] == "yes")
    if row["metric"].startswith("tpot"):
        return 1e3 * found.tpot
    if row["metric"] == "per_request_tps":
        return 1.0 / found.tpot
    return found.tokens_per_second * ((isl + osl) / osl if row["metric"] == "total_throughput" else 1.0)


def nearest_steps(case: Case, ask: Demand, tp: int, load: float) -> tuple[Step, ...]:
    """Return how many rows the range rests on, and the nearest rows with what was measured and what is estimated.

    load: requests at once on one copy over `tp` GPUs.
    """
    fit = estimate.calibration()
    kind = parts.speed_kind(case.model, case.load.precision, case.gpu)
    kind = kind if parts.era(case.engine) == "new" else estimate.OLD
    number, sources = fit.rests.get("kind:" + kind, (0, 0))
    low, high = estimate.factors("rate", estimate.kind_of(case.model, case.load.precision, case.gpu, case.engine))
    made = text(
        "{n} rows of {m} sources; range {low} to {high} of the estimate",
        n=str(number),
        m=str(sources),
        low=f"{low:.2f}",
        high=f"{high:.2f}",
    )
    told = [Step(_BASIS, made, f"{number}", "", f"fitted {fit.fitted_on} on {fit.rows} rows")]
    found = sorted(_rows(), key=lambda row: _distance(row, case, tp, load, ask))
    for row in found[:SHOWN]:
        unit = "ms" if row["metric"].startswith("tpot") else "tokens/s"
        key = "{model} {precision} on {n} x {gpu}, tp {tp}, {engine}, {isl} in, {osl} out, {load} at once: estimated {made}"
        said = text(
            key,
            model=row["model"],
            precision=row["precision"],
            n=row["gpus"],
            gpu=row["gpu"],
            tp=row["tp"],
            engine=row["engine"],
            isl=row["isl"],
            osl=row["osl"],
            load=row["load"] if row["load"] != "0" else "max",
            made=f"{_estimated(row):,.4g}",
        )
        source = f"benchmarks/anchors.csv {row['id']} ({row['source']})"
        told.append(Step(_NEAR, said, f"{float(row['value']):,.5g}", unit, source))
    return tuple(told)
