"""Your own measurements: kept by `planner verify --save`, and preferred to the model's estimate wherever they speak.

A measurement is of one model, precision, GPU and engine at one load. At that load the answer is what was measured; at others
the estimate is scaled by measured / estimated, each measurement weighing by how near its load is, and the model itself as
one that is a factor of 16 away. The range narrows the same way: at the measured load it is REPEAT, by which two runs of the
same load differ (docs/sizing.md), far from it the model's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from planner.errors import MisuseError
from planner.records import NamedTuple
from planner.text import Text, text

if TYPE_CHECKING:
    from planner.sizing.estimate import Estimate

__all__ = [
    "SCHEMA",
    "Measurement",
    "Near",
    "Pace",
    "label",
    "made",
    "narrowed",
    "near",
    "of",
    "pace",
    "sentence",
    "told",
]

SCHEMA = "planner.measurements/1"
#: Two runs of the same load on two machines of a kind differ by less.
REPEAT = 0.06
#: At this distance (a factor of 16 in load) a measurement and the model weigh alike; another version of the engine counts 1.5.
FAR, OTHER_VERSION = math.log(16), math.log(1.5)


class Measurement(NamedTuple):
    """What a machine did with a model at one load. engine: as printed (`vLLM@0.26.0`). gpu: the datasheet's name.

    tp, pp, copies: the layout, of which the load and the rate are the whole. kv_cache_dtype: "" is the engine's own.
    arrival: "steady" or "burst". concurrency: requests in flight. tokens_per_second: output; ttft_ms: median, tpot_ms: mean
    (0: not measured). measured_on: ISO date. tool: who measured. place: the instance type, or "".
    """

    model: str
    precision: str
    kv_cache_dtype: str
    engine: str
    gpu: str
    tp: int
    pp: int
    copies: int
    input_tokens: int
    output_tokens: int
    concurrency: int
    arrival: str
    tokens_per_second: float
    ttft_ms: float
    tpot_ms: float
    requests: int
    seconds: float
    measured_on: str
    tool: str
    place: str


class Pace(NamedTuple):
    """What measurements do to an estimate: factors on it, and how much of the model's own range is left (1: all)."""

    rate: float
    tpot: float
    ttft: float
    spread: float


NONE = Pace(1.0, 1.0, 1.0, 1.0)


class Near(NamedTuple):
    """A measurement beside what the model says of its load, per copy of the model."""

    of: Measurement
    rate: float
    tpot: float
    ttft: float
    each: float
    version: str

    def distance(self, load: float, isl: float, osl: float, tp: int, version: str) -> float:
        """Return how far a load is from the one that was measured, as a logarithm."""
        of = self.of
        parts = [load / self.each, isl / of.input_tokens, osl / of.output_tokens, tp / of.tp]
        other = OTHER_VERSION if version != self.version else 0.0
        return math.sqrt(sum(math.log(part) ** 2 for part in parts) + other**2)


def label(m: Measurement) -> str:
    """Return what stands among the measured rows behind an estimate."""
    return f"yours {m.measured_on} {m.gpu} {m.input_tokens}/{m.output_tokens} x {m.concurrency}"


def of(found: Sequence[Measurement], model: str, precision: str, kv: str, engine: str) -> tuple[Measurement, ...]:
    """Return the measurements of a model in this precision and with this KV cache, on that engine in any version."""
    asked = (model.lower(), _width(precision), kv, engine.partition("@")[0])

    def kind(m: Measurement) -> tuple[str, ...]:
        return m.model.lower(), _width(m.precision), m.kv_cache_dtype, m.engine.partition("@")[0]

    return tuple(m for m in found if kind(m) == asked)


def _width(precision: str) -> str:
    """Return what a precision is to a GPU's speed: the two of 16 bits are one."""
    return "16" if precision in ("fp16", "bf16") else precision


def near(
    found: Sequence[Measurement], pp: int, says: Callable[[Measurement, float], tuple[Estimate, float]]
) -> tuple[Near, ...]:
    """Return the measurements beside what the model says of them; those over another number of machines are left out.

    says: the model's estimate of one copy at a measurement's load, given the requests of that copy, and how many it holds.
    """
    made = []
    for m in found:
        if m.pp != pp:
            continue
        each = m.concurrency / m.copies
        now, most = says(m, each)
        rate = m.tokens_per_second / m.copies / now.tokens_per_second
        tpot = m.tpot_ms / 1e3 / now.tpot if m.tpot_ms else 1.0 / rate
        ttft = m.ttft_ms / 1e3 / now.ttft if m.ttft_ms else 1.0 / rate
        made.append(Near(m, rate, tpot, ttft, min(each, most), m.engine.partition("@")[2]))
    return tuple(made)


def pace(points: Sequence[Near], load: float, isl: float, osl: float, tp: int, version: str) -> Pace:
    """Return what `points` do to the estimate of one copy at `load` requests of `isl` and `osl` tokens."""
    if not points:
        return NONE
    own = 1.0 / FAR**2
    weights = [1.0 / max(p.distance(load, isl, osl, tp, version), 1e-6) ** 2 for p in points]
    whole = sum(weights) + own

    def mean(values: list[float]) -> float:
        return math.exp(sum(w * math.log(v) for w, v in zip(weights, values, strict=True)) / whole)

    return Pace(
        rate=mean([p.rate for p in points]),
        tpot=mean([p.tpot for p in points]),
        ttft=mean([p.ttft for p in points]),
        spread=math.sqrt(own / whole),
    )


def narrowed(band: tuple[float, float], spread: float) -> tuple[float, float]:
    """Return the model's band as far as it is left, and the difference between two runs."""
    again = math.log(1.0 + REPEAT)
    low, high = (math.sqrt((spread * math.log(side)) ** 2 + again**2) for side in band)
    return math.exp(-low), math.exp(high)


def told(
    points: Sequence[Near], load: float, isl: float, osl: float, tp: int, version: str
) -> tuple[tuple[str, ...], Text]:
    """Return the labels of the measurements that speak at a load, nearest first, and the sentence that says so."""
    near_first = sorted(points, key=lambda p: p.distance(load, isl, osl, tp, version))
    return tuple(label(p.of) for p in near_first), sentence(near_first[0].of, len(points))


def sentence(m: Measurement, n: int = 1) -> Text:
    """Return the sentence that stands with every answer in which a measurement speaks; n: how many do, this the nearest."""
    values: dict[str, object] = {
        "date": m.measured_on,
        "tool": m.tool,
        "engine": m.engine,
        "gpu": m.gpu,
        "rate": f"{m.tokens_per_second:,.0f}",
        "isl": f"{m.input_tokens:,}",
        "osl": f"{m.output_tokens:,}",
        "load": f"{m.concurrency:,}",
    }
    if n == 1:
        key = (
            "your measurement of {date} is preferred to the estimate: {rate} output tokens/s at {load} requests of "
            "{isl} + {osl} tokens on {gpu} ({engine}, {tool})"
        )
        return text(key, **values)
    key = (
        "your {n} measurements are preferred to the estimate, the nearest of {date}: {rate} output tokens/s at {load} "
        "requests of {isl} + {osl} tokens on {gpu} ({engine}, {tool})"
    )
    return text(key, n=str(n), **values)


def made(raw: object, where: str, held: Callable[[object, object, str], None]) -> Measurement:
    """Return the measurement that a file's object describes; raises `MisuseError` that begins with `where`."""
    from planner.units import iso_date

    if not isinstance(raw, dict) or sorted(raw) != sorted(Measurement._fields):
        raise MisuseError(f"{where}: expected an object with {', '.join(Measurement._fields)}")
    one = Measurement(**raw)
    held(one, Measurement, where)
    for field in ("tp", "pp", "copies", "input_tokens", "output_tokens", "concurrency", "tokens_per_second"):
        if not getattr(one, field) > 0:
            raise MisuseError(f"{where}.{field}: must be above zero")
    if one.arrival not in ("steady", "burst"):
        raise MisuseError(f"{where}.arrival: steady or burst, not {one.arrival[:40]!r}")
    iso_date(one.measured_on, f"{where}.measured_on")
    return one
