"""The measured rows of benchmarks/anchors.csv as questions that the sizing can answer, one at a time or all at once.

One at a time needs no library (the tests do it); `Stack` holds all rows as arrays of numpy, for the fit.
"""

from __future__ import annotations

import csv
import math
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from planner.errors import MisuseError
from planner.sizing import engines, estimate, gpus, memory, models, parts, roofline
from planner.sizing.engines import Engine
from planner.sizing.gpus import GpuSpec
from planner.sizing.models import Model
from planner.sizing.roofline import Parameters

ANCHORS = ROOT / "benchmarks" / "anchors.csv"
_PRECISION = {"int8-w8a8": "int8", "int8-gptq": "int8-w8a16", "int4": "int4-w4a16", "fp8 (sgl-project repack)": "fp8"}
_2023 = ("hf_sagemaker", "trtllm06")
DUMMY = "dummy weights"
FP8_CACHE = "fp8 KV cache"
#: Routers that dummy weights make alike for all tokens: a bias of 1e-3 beside scores that differ by 1e-5, or scores that
#: 16 bits round to one value. Eight requests then take no longer than one, which no reading of 35 experts would.
TIED = (
    "DeepseekV2ForCausalLM",
    "DeepseekV3ForCausalLM",
    "GptOssForCausalLM",
    "Glm4MoeForCausalLM",
    "MiniMaxM2ForCausalLM",
)
NOMINAL = "each drawn uniformly in 0.8-1.0 of nominal"  # InferenceX: what is printed is the longest


class Row(NamedTuple):
    """One measured row, resolved. load is requests over the whole machine (0: as many as the memory holds); running is
    how many the engine takes at once where the source says so; longest is the longest output of a batch; alike: every
    token met the same experts; cache: what --kv-cache-dtype said.
    """

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
    running: float = math.inf
    longest: float = 0.0
    alike: bool = False
    cache: str = ""

    @property
    def scope(self) -> bool:
        """Whether the row is in the scope of the promise: 6B and larger, engines from 2024 on."""
        return self.model.total_params >= 6e9 and self.source not in _2023 and self.gpu.family != "turing"

    @property
    def kind(self) -> str:
        """The kind of number: output or total rate, ttft or tpot."""
        return "rate" if "put" in self.metric or self.metric == "per_request_tps" else self.metric[:4]

    @property
    def burst(self) -> bool:
        """Whether all requests came at once."""
        return self.mode == "wave" or (self.mode == "max" and self.load > 0)

    @property
    def http(self) -> bool:
        """Whether one HTTP client sent them: what it took itself is in the number."""
        return self.source == "gpustack" and self.burst


#: Open loops: prompts, how many come a second, and the median time to the first token.
_POISSON = re.compile(r"(\d+) prompts, Poisson (\d+) req/s.*TTFT median (\d+) ms")


def met(rate: float, seconds: float, lasts: float) -> float:
    """Return how many are in flight where a request is, on average, when `rate` a second come for `seconds`.

    lasts: a request's mean time, of times that spread as exponentials. It is the mean of the square of the number in
    flight over its mean: above the mean over the whole run, which has a long end in which little runs, and below
    rate x lasts, which takes a while to be reached.
    """
    return rate * lasts * (1.0 - lasts / seconds * (1.0 - math.exp(-seconds / lasts)))


def _row(r: dict[str, str]) -> Row | None:
    try:
        model, gpu = models.find(r["model"]), gpus.find(r["gpu"])
        engine = engines.parse(f"{r['engine']}@{r['engine_version']}")
        if not r["engine_version"]:  # parse takes that for today's
            engine = Engine(engine.key, "", ())
        load = 0.0 if r["concurrency_or_batch"] == "max" else float(r["concurrency_or_batch"])
        isl, osl = float(r["isl"]), float(r["osl"])
    except (MisuseError, ValueError):
        return None  # e.g. "13B-class", "large EP": kept in the file for the reader
    count, running = int(r["n_gpus"]), math.inf
    precision = _PRECISION.get(r["precision"], r["precision"])
    if precision == "fp8+fp4 experts":
        precision = model.own
    if r["src"] == "gpustack" and r["mode"] == "max" and load:
        # The file's number is the engine's limit; 1,000 prompts came at once.
        running, load = load, 1000.0
    if r["src"] == "sglang_cookbook" and r["mode"] == "max" and "TPOT " in r["notes"]:
        # What ran at once, by Little's law: the rest waited for a place that the engine's own limits did not give.
        running = float(r["value"]) * float(r["notes"].partition("TPOT ")[2].split(" ")[0]) * 1e-3
    if NOMINAL in r["notes"]:
        isl, osl = 0.9 * isl, 0.9 * osl
    if r["mode"] == "tpot" and (open_loop := _POISSON.search(r["notes"])):
        prompts, rate, ttft = map(float, open_loop.groups())
        load = met(rate, prompts / rate, 1e-3 * (ttft + osl * float(r["value"])))
    return Row(
        id=r["id"],
        source=r["src"],
        metric=r["metric"],
        mode=r["mode"],
        value=float(r["value"]),
        model=model,
        precision=precision,
        gpu=gpu,
        gpus=count,
        tp=int(r["tp"] or count),
        engine=engine,
        isl=isl,
        osl=osl,
        load=load,
        fit=r["fit"] == "yes",
        running=running,
        alike=DUMMY in r["notes"] and model.arch in TIED,
        cache="fp8" if FP8_CACHE in r["notes"] else "",
        longest=float(r["osl_max"] or 0) if r["mode"] == "wave" else 0.0,
    )


def rows() -> list[Row]:
    """Return the rows whose model, GPU and conditions are known."""
    with ANCHORS.open(encoding="utf-8", newline="") as file:
        found = [_row(r) for r in csv.DictReader(file)]
    return [r for r in found if r is not None and r.model.sizable]


def share(row: Row) -> tuple[float, float, float]:
    """Return the copies that are busy, the requests of each, and how many of those it runs at once."""
    plan = memory.plan(row.model, row.precision, row.gpu, row.engine, row.tp, kv=row.cache)
    most = min(estimate.hold(plan, row.engine, row.gpu, row.isl, row.osl), row.running)
    copies = max(1, row.gpus // row.tp)
    load = row.load or most * copies
    busy = min(float(copies), load)
    return busy, load / busy, min(load / busy, most)


def _in_unit(row: Any, rate: Any, first: Any, later: Any) -> Any:
    if row.metric == "output_throughput":
        return rate
    if row.metric == "total_throughput":
        return rate * (row.isl + row.osl) / row.osl
    if row.metric == "per_request_tps":
        return 1 / later
    return 1e3 * (later if row.metric.startswith("tpot") else first)


def _parts(row: Row) -> parts.Parts:
    width = memory.kv_width(row.precision, row.gpu, row.engine, row.cache) if row.cache else 0.0
    return parts.parts(row.model, row.precision, row.gpu, row.engine, row.tp, width)


def predict(row: Row, p: Parameters) -> float:
    """Return what the sizing says for a row, in the row's unit."""
    made = _parts(row)
    machine = roofline.Machine(made, roofline.values(made, p))
    if row.alike:
        machine.spread = 0.0
    busy, each, batch = share(row)
    if row.burst:
        rate, first, later = roofline.burst(machine, each, batch, row.isl, row.osl, row.longest)
        if row.http:
            rate = row.osl / (row.osl / rate + p.get("http_ms", 0.0) * 1e-3)
    else:
        rate, first, later = roofline.steady(machine, batch, row.isl, row.osl)
        first += (each - batch) * row.osl / rate
    return float(_in_unit(row, rate * busy, first, later))


def error(row: Row, p: Parameters) -> float:
    """Return ln(predicted / measured)."""
    return math.log(predict(row, p) / row.value)


class Stack:
    """Rows as arrays: `errors` of all of them for a vector of parameters in the order of `names`."""

    def __init__(self, found: list[Row], names: list[str]) -> None:
        import numpy as np

        self.np = np
        self.rows = found
        made = [_parts(r) for r in found]
        columns = list(zip(*(p[:-1] for p in made), strict=True))
        self.parts = parts.Parts(*[np.array(c, float) for c in columns], ())  # type: ignore[arg-type]
        index = {name: i for i, name in enumerate(names)}
        last = len(names)  # a parameter that is always 1
        wide = max(len(n) for p in made for n in p.names)
        self.index = np.full((len(parts.SLOTS), wide, len(found)), last)
        for j, p in enumerate(made):
            for slot, used in enumerate(p.names):
                for k, name in enumerate(used):
                    self.index[slot, k, j] = index.get(name, last)
        busy, each, batch = (np.array(c, float) for c in zip(*(share(r) for r in found), strict=True))
        self.busy, self.each, self.batch = busy, each, batch
        self.isl = np.array([r.isl for r in found])
        self.osl = np.array([r.osl for r in found])
        self.longest = np.array([r.longest for r in found])
        self.http = index.get("http_ms")
        self.over = np.array([float(r.http) for r in found])
        self.mixed = np.array([not r.alike for r in found])
        self.burst = np.array([r.burst for r in found])
        self.log = np.log([r.value for r in found])
        self.per = np.array([(r.isl + r.osl) / r.osl if r.metric == "total_throughput" else 1.0 for r in found])
        kinds = [
            "ttft" if r.metric.startswith("ttft") else "tpot" if r.metric.startswith("tpot") else "" for r in found
        ]
        self.kinds = np.array(
            [k or ("user" if r.metric == "per_request_tps" else "rate") for k, r in zip(kinds, found, strict=True)]
        )

    def errors(self, theta: Any) -> Any:
        """Return ln(predicted / measured) of every row; theta holds logarithms."""
        return self._errors(*self._slots(theta))

    def slopes(self, theta: Any) -> Any:
        """Return how much each row's error grows with each logarithm: a row's slots know what a parameter moves."""
        np, little = self.np, 1e-5
        slots, http = self._slots(theta)
        now = self._errors(slots, http)
        found = np.zeros((len(now), len(theta) + 1))  # the last column is the parameter that is always 1
        each = np.arange(len(now))
        for number, used in enumerate(self.index):
            moved = slots.copy()
            moved[number] *= 1.0 + little
            slope = (self._errors(moved, http) - now) / little
            for names in used:
                np.add.at(found, (each, names), slope)
        if self.http is not None:
            found[:, self.http] += (self._errors(slots, http * (1.0 + little)) - now) / little
        return found[:, :-1]

    def _slots(self, theta: Any) -> tuple[Any, Any]:
        """Return the value of each slot of every row, and the seconds that an HTTP client takes for a request."""
        np = self.np
        value = np.append(np.exp(theta), 1.0)
        return value[self.index].prod(axis=1), value[self.http] * 1e-3 if self.http is not None else 0.0

    def _errors(self, slots: Any, http: Any) -> Any:
        np = self.np
        m = roofline.Machine(self.parts, tuple(slots))
        m.spread = m.spread * self.mixed
        rate, first, later = roofline.steady(m, self.batch, self.isl, self.osl)  # type: ignore[arg-type]
        first = first + (self.each - self.batch) * self.osl / rate
        fast = roofline.burst(m, self.each, self.batch, self.isl, self.osl, self.longest)  # type: ignore[arg-type]
        # An HTTP client that sends all at once takes its own time for each request.
        fast = (self.each * self.osl / (self.each * self.osl / fast[0] + self.each * self.over * http), *fast[1:])
        rate, first, later = (np.where(self.burst, b, a) for a, b in zip((rate, first, later), fast, strict=True))
        rate = rate * self.busy * self.per
        kind = self.kinds
        made = np.where(
            kind == "rate",
            rate,
            np.where(kind == "tpot", 1e3 * later, np.where(kind == "ttft", 1e3 * first, 1 / later)),
        )
        return np.log(made) - self.log
