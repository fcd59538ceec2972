"""What a sizing says, in words and rounded as people read it: the one room that the terminal's table, the notebook and pictures ask."""

from __future__ import annotations

from planner.i18n import English
from planner.records import NamedTuple
from planner.sizing import Range, Sizing

__all__ = ["Rate", "cache", "layout", "memory", "rates", "title"]


class Rate(NamedTuple):
    """A range as it is printed. label: English; value: the numbers themselves."""

    label: str
    low: str
    estimate: str
    high: str
    value: Range


def title(s: Sizing, machine: str, t: English) -> str:
    """Return what runs where, in one line; machine: "" where the reader knows it."""
    key = "{model} at {precision} on {machine}" if machine else "{model} at {precision}"
    named = t(key, model=s.model, precision=s.precision, **({"machine": machine} if machine else {}))
    return named + (f", {s.engine}" if s.engine else "")


def rates(s: Sizing) -> list[Rate]:
    """Return throughput and latency, each with its range, as far as they are known."""
    made = []
    for label, value, digits in (
        ("output tokens/s", s.output_tokens_per_second, 0),
        ("total tokens/s", s.total_tokens_per_second, 0),
        ("TPOT ms", s.tpot_ms, 1),
        ("TTFT ms (weak)", s.ttft_ms, 0),
    ):
        if value is not None:
            digits = 1 if label.endswith("/s") and value.estimate < 100 else digits
            low, estimate, high = (f"{x:,.{digits}f}" for x in (value.low, value.estimate, value.high))
            made.append(Rate(label, low, estimate, high, value))
    return made


def layout(s: Sizing, t: English) -> str:
    """Return how the GPUs are used; "" where it does not fit."""
    at = s.layout
    if at is None:
        return ""
    said = t("{n} replicas of {rest}", n=at.replicas, rest=f"tp {at.tp}") if at.replicas > 1 else f"tp {at.tp}"
    said += t(" x pp {n} over {n} machines", n=at.pp) if at.pp > 1 else ""
    return said + (t(", {n} GPUs idle", n=s.idle_gpus) if s.idle_gpus else "")


def memory(s: Sizing, t: English) -> str:
    """Return what fills the GPUs of one copy; "" where it does not fit."""
    m, at = s.memory, s.layout
    if m is None or at is None:
        return ""
    cards = at.tp * at.pp
    key = "{a} GiB weights + {b} engine of {c} available on the {n} GPUs of a copy"
    if cards == 1:
        key = "{a} GiB weights + {b} engine of {c} available on the {n} GPU of a copy"
    room = (f"{x:.2f}" for x in (m.weights_gib, m.overhead_gib, m.available_gib))
    return t(key, **dict(zip("abc", room, strict=True)), n=cards)


def cache(s: Sizing, t: English) -> str:
    """Return what the KV cache takes and holds; "" where it does not fit."""
    m = s.memory
    if m is None:
        return ""
    key = "{a} GiB per 1,000 tokens; all copies hold {n} tokens"
    return t(key, a=f"{m.kv_gib_per_1k_tokens:.4f}", n=f"{m.max_concurrent_tokens:,}")
