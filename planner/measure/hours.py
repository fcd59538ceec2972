"""From samples to hours: what a service did in each, which hours were seen at all, and what that comes to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

from planner.measure.series import Recording, Samples
from planner.records import NamedTuple

__all__ = ["Hour", "Measured", "measured"]

#: An hour counts where at least this share of it was seen.
SEEN = 0.5
#: Samples further apart than so many steps leave a gap between them.
_GAP = 3.0


class Hour(NamedTuple):
    """One hour. start: seconds since 1970; seen: share of it between samples. output, prompt: tokens a second, requests: a second, while it was
    seen. The others are means over the hour's samples, None without one: running, waiting requests, kv_cache and utilisation as shares,
    power in watts."""

    start: float
    seen: float
    output: float
    prompt: float
    requests: float
    running: float | None
    waiting: float | None
    kv_cache: float | None
    utilisation: float | None
    power: float | None


class Measured(NamedTuple):
    """hours: those that were seen, in order. asked: how many there are in the time that was asked for, which begins at `first`, seconds since 1970. instances: engines that reported at once,
    at most. resets: how often a counter began anew. missing: what was not recorded."""

    engine: str
    hours: tuple[Hour, ...]
    asked: int
    instances: int
    resets: int
    missing: tuple[str, ...]
    first: float = 0.0

    def share(self, name: str, share: float) -> float | None:
        """Return the value of `name` that a share of the hours does not exceed (0.5: the median, 1: the most), None without one."""
        values = sorted(v for hour in self.hours if (v := getattr(hour, name)) is not None)
        if not values:
            return None
        return float(values[min(len(values) - 1, max(0, math.ceil(share * len(values)) - 1))])

    @property
    def busiest(self) -> Hour:
        """The hour with the most output."""
        return max(self.hours, key=lambda hour: hour.output)

    def total(self, name: str) -> float:
        """Return what a rate comes to over all that was seen."""
        return float(sum(getattr(hour, name) * hour.seen * 3600 for hour in self.hours))

    @property
    def kwh_per_million(self) -> float | None:
        """Energy of the GPUs for a million output tokens, over the hours whose power was recorded."""
        known = [hour for hour in self.hours if hour.power is not None]
        tokens = sum(hour.output * hour.seen * 3600 for hour in known)
        if not tokens:
            return None
        return sum((hour.power or 0) * hour.seen / 1000 for hour in known) / tokens * 1e6


def measured(recording: Recording) -> Measured:
    """Return the hours of a recording. Of a counter that begins anew, what it has counted since then; nothing is filled in over a gap."""
    first = math.floor(recording.start / 3600)
    asked = max(1, math.ceil(recording.end / 3600) - first)
    counted, seen, resets = {}, {}, 0
    for name, every in recording.counters.items():
        amounts: dict[int, float] = {}
        spans: dict[int, list[tuple[float, float]]] = {}
        for samples in every:
            anew = _add(samples, recording.step, amounts, spans)
            resets += anew if name == "output" else 0
        counted[name] = amounts
        if name == "output":
            seen = {hour: _covered(parts) for hour, parts in spans.items()}
    means = {name: _means(samples) for name, samples in recording.gauges.items()}

    def mean(name: str, hour: int, unit: float = 1.0) -> float | None:
        value = means.get(name, {}).get(hour)
        return None if value is None else value * unit

    hours = []
    for hour in sorted(seen):
        share = min(1.0, seen[hour] / 3600)
        if share < SEEN or not first <= hour < first + asked:
            continue
        rates = {name: counted.get(name, {}).get(hour, 0.0) / seen[hour] for name in ("output", "prompt", "requests")}
        hours.append(
            Hour(
                start=hour * 3600.0,
                seen=share,
                **rates,
                running=mean("running", hour),
                waiting=mean("waiting", hour),
                kv_cache=mean("kv_cache", hour),
                utilisation=mean("utilisation", hour, 0.01),
                power=mean("power", hour),
            )
        )
    missing = [n for n in ("prompt", "requests") if not any(recording.counters.get(n, ()))]
    missing += [n for n in ("running", "waiting", "kv_cache", "utilisation", "power") if not recording.gauges.get(n)]
    instances = _at_once(recording.counters["output"], recording.step)
    return Measured(recording.engine, tuple(hours), asked, instances, resets, tuple(missing), first * 3600.0)


def _add(samples: Samples, step: float, amounts: dict[int, float], spans: dict[int, list[tuple[float, float]]]) -> int:
    """Add what a counter counted to its hours; return how often it began anew."""
    resets = 0
    for (at, before), (until, after) in pairwise(samples):
        if not 0 < until - at <= _GAP * step:
            continue
        grown = after - before
        if grown < 0:
            resets, grown = resets + 1, after
        rate, start = grown / (until - at), at
        while start < until:
            hour = math.floor(start / 3600)
            end = min(until, (hour + 1) * 3600.0)
            amounts[hour] = amounts.get(hour, 0.0) + rate * (end - start)
            spans.setdefault(hour, []).append((start, end))
            start = end
    return resets


def _covered(parts: Iterable[tuple[float, float]]) -> float:
    """Return the seconds that lie in at least one part."""
    total, reached = 0.0, -math.inf
    for start, end in sorted(parts):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _means(samples: Samples) -> dict[int, float]:
    every: dict[int, list[float]] = {}
    for at, value in samples:
        every.setdefault(math.floor(at / 3600), []).append(value)
    return {hour: sum(values) / len(values) for hour, values in every.items()}


def _at_once(series: list[Samples], step: float) -> int:
    """Return how many series have a sample at the same time, at most."""
    events: list[tuple[float, int]] = []
    for samples in series:
        if samples:
            events += [(samples[0][0], 1), (samples[-1][0] + step, -1)]
    most = now = 0
    for _, change in sorted(events):
        now += change
        most = max(most, now)
    return most
