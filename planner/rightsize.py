"""`planner rightsize`: what a service was measured to need, beside what was planned and what is still owed.

The count that would do is the quote's own: the busiest hour that was measured, as a demand, with the workload's limits and headroom, on the type
that runs. Pure: measurements, quotes and the day come in as arguments.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from planner import tables
from planner.errors import MisuseError, NoOfferError
from planner.files import DATA
from planner.measure.hours import Measured
from planner.money import plain
from planner.offer import Region
from planner.quoting import choose
from planner.quoting.records import Offer, Quote
from planner.records import NamedTuple
from planner.text import Text, text
from planner.units import RATE_MONTH_HOURS, add_months
from planner.workload import Workload

__all__ = ["Binding", "Grid", "Verdict", "as_json", "grid_of", "judge", "planned", "sentences"]

SCHEMA = "planner.rightsize/1"
_SHARES = (("median", 0.5), ("p95", 0.95), ("most", 1.0))
#: Requests that wait, in the mean of an hour, and the share of the KV cache, from which on a fleet does not keep up.
QUEUE, FULL = 1.0, 0.95
_NAMES = ("output", "prompt", "requests", "running", "waiting", "kv_cache", "utilisation", "power")


class Grid(NamedTuple):
    """Grams of CO2 of a kilowatt-hour of a country's grid, in a year, and who says so."""

    country: str
    grams: Decimal
    year: str
    source: str
    confidence: str


class Binding(NamedTuple):
    """What a commitment still binds of the machines that are not needed. until: its last day; owed: the hourly or monthly part to be paid for them
    until then, native; sunk: the part of what was paid upfront that falls on the time that is left, native."""

    until: str
    owed: Decimal
    sunk: Decimal
    currency: str


class Verdict(NamedTuple):
    """plan: the offer that runs; now: how many of it, by the engines that reported (`counted` "seen"), as the user says ("said") or, where that cannot be told,
    as planned ("plan"). behind: hours in which requests waited or the cache was full, so that less was served than was asked for: fewer than what runs
    are then not advised, whatever `sized` says. would: how many would do at the busiest hour, usual: at the hour that 95 % of the hours do not
    exceed; None where no number serves what was measured. month: what one costs a month, in the quote's currency. lengths: (input, output)
    tokens of a request as measured, None where requests were not counted."""

    measured: Measured
    quote: Quote
    plan: Offer
    now: int
    would: int | None
    usual: int | None
    month: Decimal
    lengths: tuple[int, int] | None
    binding: Binding | None
    grid: Grid | None
    why: Text
    counted: str = "plan"
    behind: int = 0
    sized: int | None = None

    @property
    def spare(self) -> int:
        """Machines that are not needed; below zero those that lack."""
        return 0 if self.would is None else self.now - self.would

    @property
    def saves(self) -> Decimal:
        """What the spare machines cost a month, in the quote's currency."""
        return self.month * max(0, self.spare)


def judge(
    work: Workload,
    found: Measured,
    quoted: Callable[[Workload], Quote],
    *,
    offer: str = "",
    since: str = "",
    today: str,
    grid: Grid | None = None,
    running: int = 0,
) -> Verdict:
    """Return what the measurements say of the plan.

    offer: the id of what runs ("" the recommended one); since: the day on which its commitment was signed; running: how many run (0: those that were seen). Raises `MisuseError` for an offer that is
    not there or a day that does not fit, `NoOfferError` where nothing serves the plan.
    """
    if not found.hours:
        raise MisuseError(
            "not one hour was seen for half of it: nothing can be said (more --days, or a Prometheus that kept them)"
        )
    quote = quoted(work)
    plan = choose.named(quote, offer) if offer else quote.best
    if plan is None:
        raise NoOfferError(choose.why_none(quote))
    lengths = _lengths(found)
    base = work._replace(
        provider=(plan.provider,),
        region=(plan.region,),
        instance_type=(plan.instance_type,),
        purchase_option=(plan.purchase_option,),
        count=0,
        rps=Decimal(0),
        concurrency=0,
        budget=None,
    )
    if lengths is not None:
        base = base._replace(input_tokens=lengths[0], output_tokens=lengths[1], context_tokens=0)
    why = Text("")

    def needed(rate: float) -> int | None:
        nonlocal why
        if rate <= 0:
            return 0
        made = quoted(base._replace(tokens_per_second=Decimal(str(round(rate, 6)))))
        fit = [o.count for o in made.offers if o.way == plan.way]
        if not fit:
            why = next((r.reason for r in made.rejected), Text(""))
        return min(fit, default=None)

    now, counted = _running(plan, found, running)
    behind = sum(1 for hour in found.hours if (hour.waiting or 0) >= QUEUE or (hour.kv_cache or 0) >= FULL)
    sized, usual = needed(found.busiest.output), needed(found.share("output", 0.95) or 0.0)
    would = max(sized, now) if behind and sized is not None else sized
    per_hour = plan.totals.report.effective / quote.workload.hours / plan.count
    spare = 0 if would is None else max(0, now - would)
    return Verdict(
        measured=found,
        quote=quote,
        plan=plan,
        now=now,
        would=would,
        usual=usual,
        month=per_hour * RATE_MONTH_HOURS,
        lengths=lengths,
        binding=_binding(plan, spare, since, today),
        grid=grid,
        why=why,
        counted=counted,
        behind=behind,
        sized=sized,
    )


def _running(plan: Offer, found: Measured, said: int) -> tuple[int, str]:
    """Return how many machines run and how that is known: one Prometheus may see all of them, or its own alone."""
    if said:
        return said, "said"
    layout = plan.sizing.layout
    if not found.instances or layout is None:
        return plan.count, "plan"
    return max(1, -(-found.instances // max(1, layout.replicas))) * layout.pp, "seen"


def _lengths(found: Measured) -> tuple[int, int] | None:
    """Return the mean lengths of a request, None where requests or prompts were not counted or too few came."""
    if "requests" in found.missing or "prompt" in found.missing:
        return None
    requests = found.total("requests")
    if requests < 1:
        return None
    return max(1, round(found.total("prompt") / requests)), max(1, round(found.total("output") / requests))


def _binding(plan: Offer, spare: int, since: str, today: str) -> Binding | None:
    """Return what a commitment still binds of `spare` machines."""
    held = plan.commitment
    if held is None:
        if since:
            raise MisuseError(
                f"--since: {plan.purchase_option.replace('_', ' ')} has no term that was signed; leave it out, or name the commitment with --offer"
            )
        return None
    if not since:
        return None
    signed, now = date.fromisoformat(since), date.fromisoformat(today)
    if signed > now:
        raise MisuseError(f"--since: {since} is not over yet")
    until = add_months(signed, held.term_months)
    left = Decimal(max(0, (until - now).days)) / max(1, (until - signed).days)
    running = held.hourly * held.term_hours + (held.monthly * held.term_months if held.by_month else Decimal(0))
    return Binding(until.isoformat(), running * left * spare, held.upfront * left * spare, plan.totals.native_currency)


def grid_of(region: Region | None) -> Grid | None:
    """Return the grid of the country in which a region lies, None where its name does not tell."""
    rows, where = tables.read(os.path.join(DATA, "grid.csv"))[1], region
    if where is None or (
        where.zone_of and where.market != "mainland"
    ):  # a zone that is sold apart may stand in another country
        return None
    for (country, name, places, grams, year, source, confidence), _ in rows:
        words = places.split(";")
        if (where.market == "mainland") == (country == "CHN") and (
            country == "CHN" or any(word in where.name_en for word in words)
        ):
            return Grid(name, Decimal(grams), year, source, confidence)
    return None


def planned(work: Workload) -> Decimal | None:
    """Return the output tokens a second that a workload asks for, None where it says another demand."""
    if work.tokens_per_second:
        return work.tokens_per_second
    return work.rps * work.output_tokens if work.rps else None


def _or_none(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)


def as_json(v: Verdict) -> dict[str, Any]:
    """Return the verdict as JSON has it (planner.rightsize/1); money as decimal strings."""
    m, kwh = v.measured, v.measured.kwh_per_million
    loads = {name: {label: _or_none(m.share(name, share)) for label, share in _SHARES} for name in _NAMES}
    rate = planned(v.quote.workload)
    return {
        "schema": SCHEMA,
        "engine": m.engine,
        "hours_asked": m.asked,
        "hours_seen": len(m.hours),
        "instances_reporting": m.instances,
        "counter_resets": m.resets,
        "not_recorded": list(m.missing),
        "busiest_hour": datetime.fromtimestamp(m.busiest.start, UTC).strftime("%Y-%m-%dT%H:00:00Z"),
        "planned_output_tokens_per_second": None if rate is None else plain(rate),
        "measured": loads,
        "request_tokens": None if v.lengths is None else {"input": v.lengths[0], "output": v.lengths[1]},
        "offer": v.plan.id,
        "count": v.now,
        "count_is": v.counted,
        "count_planned": v.plan.count,
        "hours_behind": v.behind,
        "count_at_busiest_hour": v.would,
        "count_at_p95": v.usual,
        "spare": v.spare,
        "currency": v.quote.currency,
        "month_each": plain(v.month),
        "saves_a_month": plain(v.saves),
        "binding": None
        if v.binding is None
        else {
            "until": v.binding.until,
            "owed": plain(v.binding.owed),
            "sunk": plain(v.binding.sunk),
            "currency": v.binding.currency,
        },
        "kwh_per_million_output": _or_none(kwh, 6),
        "g_co2_per_million_output": None if kwh is None or v.grid is None else _or_none(kwh * float(v.grid.grams), 3),
        "grid": None
        if v.grid is None
        else {
            "country": v.grid.country,
            "g_co2_per_kwh": plain(v.grid.grams),
            "year": v.grid.year,
            "source": v.grid.source,
            "confidence": v.grid.confidence,
        },
        "fx": [
            {"base": f.base, "quote": f.quote, "rate": plain(f.rate), "as_of": f.as_of, "source": f.source}
            for f in v.quote.fx
        ],
    }


def sentences(v: Verdict) -> list[Text]:
    """Return what the verdict comes to."""
    of, said = v.plan.instance_type, []
    if v.counted == "seen" and v.now != v.plan.count:
        key = "the plan has {plan}: {now} were seen, and the load is theirs; if each has a Prometheus of its own, ask one that sees all, or say --running"
        said.append(text(key, plan=v.plan.count, now=v.now))
    if v.behind:
        key = "hours in which requests waited or the KV cache was full: {n}; less was served than was asked for"
        said.append(text(key, n=v.behind))
    if v.would is None:
        said.append(text("no number of {type} serves the busiest hour: {why}", type=of, why=v.why))
    elif v.would == 0:
        said.append(text("nothing was asked in this time: {now} x {type} stood idle", now=v.now, type=of))
    elif v.behind and v.sized is not None and v.sized < v.would:
        said.append(text("keep all {now} x {type}, and look why they do not keep up", now=v.now, type=of))
    elif v.spare > 0:
        key = "{would} x {type} would do at the busiest hour, instead of {now}"
        said.append(text(key, would=v.would, type=of, now=v.now))
    elif v.spare < 0:
        key = "{would} x {type} are needed at the busiest hour: {lack} more than the {now} that run"
        said.append(text(key, would=v.would, type=of, lack=-v.spare, now=v.now))
    else:
        said.append(text("{now} x {type} is what the busiest hour needs", now=v.now, type=of))
    if v.usual is not None and v.would is not None and not v.behind and 0 < v.usual < v.would:
        said.append(text("in 95 % of the hours {usual} would do", usual=v.usual))
    if v.spare > 0:
        if v.plan.commitment is None:
            said.append(text("saves {amount} {code} a month", amount=f"{v.saves:,.2f}", code=v.quote.currency))
        elif v.binding is None:
            key = "they cost {amount} {code} a month, and are committed: --since DATE says what is still owed"
            said.append(text(key, amount=f"{v.saves:,.2f}", code=v.quote.currency))
        else:
            key = "they are committed until {until}: {owed} {code} is still to be paid for them, and {sunk} {code} of what was paid upfront falls on that time"
            b = v.binding
            said.append(text(key, until=b.until, owed=f"{b.owed:,.2f}", sunk=f"{b.sunk:,.2f}", code=b.currency))
    return said
