"""Saved quotes: `planner.quote/2` as `planner.rendering.json` writes it, read back; 0.1.0's `/1` through `saved_v1`.

What a saved quote says must follow from what it is made of: charges are evaluated anew from its lines, totals from the
charges, and a file whose numbers differ is refused with the place that does not follow.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn

from planner.errors import MisuseError, suggest
from planner.files import read_text
from planner.money import Fx, plain
from planner.offer import PURCHASE_OPTIONS, Source, Way
from planner.prices.fx import Rates
from planner.quoting import choose, cost
from planner.quoting.digest import SEAL, seal
from planner.quoting.fields import check_line, load_workload, machine_of, number_or_none, sizing_of, way_of
from planner.quoting.lines import compute_name
from planner.quoting.offers import offer_id, per_million
from planner.quoting.records import (
    SCHEMA,
    Amounts,
    Api,
    AsOf,
    Beside,
    Budget,
    Charge,
    Commitment,
    Era,
    Gap,
    Line,
    Offer,
    Quote,
    Rate,
    Recommended,
    Rejected,
    Seller,
    Site,
    Stale,
    Totals,
)
from planner.sizing import Sizing, own
from planner.text import Text
from planner.typed import held, number
from planner.units import Window, iso_date
from planner.workload import Workload

__all__ = ["altered", "load", "read"]

#: The note of a quote whose file follows from what it is made of, but is not as planner wrote it.
ALTERED = Text("the file was changed, or written by another program, after planner saved it")

#: From a provider's name to what reports call it, for files that do not carry it.
Sellers = Callable[[str], Seller]

_CHARGE_NUMBERS = ("quantity", "unit_price", "list_unit_price", "amount", "list", "billed", "committed", "obligation")


def read(path: str, sellers: Sellers | None = None) -> Quote:
    """Return the saved quote in the file at `path`, of at most 48 MiB (40 times the largest of ours); sellers: see `load`."""
    return load(read_text(path, "quote", 48 * 2**20), path, sellers)


def load(text: str, where: str = "quote", sellers: Sellers | None = None) -> Quote:
    """Return the quote in `text`; anything that is not a `planner.quote/2` or `/1` raises `MisuseError` naming `where`.

    sellers: names the providers of a quote of 0.1.0, which does not carry their titles.
    """
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise MisuseError(f"{where}: not valid JSON: {exc}") from None
    schema = raw.get("schema") if isinstance(raw, dict) else type(raw).__name__
    reader = _Reader(raw)
    try:
        if schema == SCHEMA:
            made = reader.quote()
        elif schema == "planner.quote/1":
            from planner.quoting import saved_v1

            made = saved_v1.quote(raw, sellers)
        else:
            raise MisuseError(f"not a {SCHEMA} file (found {str(schema)[:40]!r}); save one with --format json")
        held(made, Quote, "")
        iso_date(made.quoted_on, "quoted_on")
        dated(made.offers)
    except MisuseError as exc:
        raise MisuseError(f"{where}: {exc}") from None
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, IndexError, RecursionError) as exc:
        place = f"{reader.at}: " if reader.at else ""
        said = f"{type(exc).__name__} {exc}"[:200]
        raise MisuseError(f"{where}: {place}damaged or from another version: {said}") from None
    whole, _, end = text.rpartition(SEAL)
    if schema == SCHEMA and f'"{seal(whole.encode())}"' != end.rstrip("\n}"):
        made = made._replace(notes=(*made.notes, ALTERED))
    return made


def altered(quote: Quote) -> Text | None:
    """Return what must be said of a quote whose file is not as it was saved, None for one that is."""
    return ALTERED if ALTERED in quote.notes else None


class _Reader:
    """One file being read: its sentences and sources. at: the place in it that is being read."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw, self.at = raw, ""
        self._sizings: dict[str, Sizing] = {}

    def say(self, english: str) -> Text:
        return self.words.get(english) or Text(english)

    def quote(self) -> Quote:
        raw = self.raw
        self.words = {said: self.word(said, *how) for said, how in raw["words"].items()}
        self.sources = [Source(**s) for s in raw["sources"]]
        held(tuple(self.sources), tuple[Source, ...], "sources")
        fx = tuple(Fx(**{**f, "rate": number(f["rate"], f"fx[{n}].rate")}) for n, f in enumerate(raw["fx"]))
        held(fx, tuple[Fx, ...], "fx")
        self.rates = Rates([x for x in fx if x.rate])
        work = load_workload(raw["workload"], "workload")
        window = work.window._replace(hours=number(raw["hours"], "hours"))
        if not isinstance(raw["offers"], list):
            raise MisuseError("offers: expected a list")
        for name, told, follows in (("hours", window.hours, work.hours), ("currency", raw["currency"], work.currency)):
            if told != follows:
                self._differs(name, told, follows)
        months = window.months
        if raw["months"] != months:
            self._differs("months", raw["months"], months)
        made = Quote(
            quoted_on=iso_date(raw["quoted_on"], "quoted_on"),
            hours=window.hours,
            months=months,
            currency=work.currency,
            workload=work,
            fx=fx,
            prices_as_of=tuple(AsOf(**a) for a in raw["prices_as_of"]),
            offers=tuple(self.offer(o, work, window, f"offers[{n}]") for n, o in enumerate(raw["offers"])),
            rejected=tuple(Rejected(**{**r, "reason": self.say(r["reason"])}) for r in raw["rejected"]),
            gaps=tuple(Gap(**{**g, "message": self.say(g["message"])}) for g in raw["gaps"]),
            stale=tuple(Stale(**{**s, "message": self.say(s["message"])}) for s in raw["stale"]),
            budget=None,
            notes=tuple(self.say(n) for n in raw["notes"]),
            hash=raw["hash"],
            reference_types=tuple(raw["reference_types"]),
            sellers=tuple(Seller(**{**s, "sites": tuple(Site(**x) for x in s["sites"])}) for s in raw["sellers"]),
            beyond=tuple(self.offer(o, work, window, f"beyond[{n}]") for n, o in enumerate(raw.get("beyond", ()))),
            measurements=tuple(
                own.made(m, f"measurements[{n}]", held) for n, m in enumerate(raw.get("measurements", ()))
            ),
        )
        if raw.get("beside") is not None:
            self.at = "beside"
            made = made._replace(beside=self.beside(raw["beside"]))
        self.at = ""
        if len({o.id for o in (*made.offers, *made.beyond)}) != len(made.offers) + len(made.beyond):
            raise MisuseError("offers: one stands twice")
        self._worth(made)
        made = made._replace(budget=self.budget(made), recommended=self.recommended(made))
        self.fiscal(made)
        return made

    def beside(self, raw: Mapping[str, Any]) -> Beside:
        def api(a: Mapping[str, Any], n: int) -> Api:
            numbers = {k: number_or_none(a[k], f"beside.apis[{n}].{k}") for k in ("input", "output", "batch", "cached")}
            said = {k: tuple(self.say(x) for x in a[k]) for k in ("notes", "lacks")}
            return Api(**{**a, **numbers, **said, "source": Source(**a["source"])})

        hits = number(raw["cache_hits"], "beside.cache_hits")
        apis = tuple(api(a, n) for n, a in enumerate(raw["apis"]))
        unplaced = tuple(raw.get("unplaced", ()))
        return Beside(**{**raw, "cache_hits": hits, "apis": apis, "unplaced": unplaced})

    def _worth(self, quote: Quote) -> None:
        """Hold the present values and ties of a file that has them to what the offers give."""
        rate, raw = quote.workload.discount_rate, self.raw
        if "ties" not in raw and not any("present_value" in o for o in raw["offers"]):
            return
        from planner.quoting import worth

        for n, (told, offer) in enumerate(zip(raw["offers"], quote.offers, strict=True)):
            made = None if rate is None else plain(worth.present_value(quote, offer, rate))
            if told.get("present_value") != made:
                self._differs(f"offers[{n}].present_value", told.get("present_value"), made)
        if rate is None:
            self._differs("ties", raw["ties"], None)
        made_ties = {(x.early.id, x.late.id): x for x in worth.ties(quote, quote.offers)}
        for n, one in enumerate(raw["ties"]):
            tie = made_ties.pop((one["offer"], one["against"]), None)
            for name, follows in (
                ("offer", tie and tie.early.id),
                ("rate_nominal_monthly", tie and plain(tie.nominal)),
                ("rate_effective", tie and plain(tie.effective)),
                ("upfront", tie and plain(tie.upfront)),
                ("saved", tie and plain(tie.saved)),
            ):
                if one[name] != follows:
                    self._differs(f"ties[{n}].{name}", one[name], follows)
        if made_ties:
            self._differs("ties", "shorter", f"{len(made_ties)} more")

    def word(self, said: str, key: str, values: Mapping[str, Any]) -> Text:
        made = _unmade(key, values)
        held(made, Text, f"words: {ascii(said)[:60]}")
        if str(made) != said:
            self._differs("words", said, str(made))
        return made

    def fiscal(self, quote: Quote) -> None:
        """Hold the quarters of a fiscal year to the offers that they follow from."""
        told = self.raw.get("fiscal_quarters")
        if told is None or quote.best is None:
            return
        from planner.quoting.fiscal import quarters

        made = [
            {f: plain(v) if isinstance(v, Decimal) else v for f, v in q._asdict().items()}
            for q in quarters(quote, quote.best)
        ]
        if told != made:
            self._differs("fiscal_quarters", told, made)

    def budget(self, quote: Quote) -> Budget | None:
        made = choose.within(quote, quote.workload.budget, quote.workload.budget_basis)
        told = made and {
            **made._asdict(),
            "limit": plain(made.limit),
            "cheapest": _plain(made.cheapest),
        }
        if self.raw["budget"] != told:
            self._differs("budget", self.raw["budget"], told)
        return made

    def recommended(self, quote: Quote) -> Recommended | None:
        made, told = choose.recommend(quote), self.raw["recommended"]
        if (told and (told["id"], told["basis"])) != (made and (made.id, made.basis)):
            self._differs("recommended", told and told["id"], made and made.id)
        return made

    def rate(self, raw: Mapping[str, Any]) -> Rate:
        return Rate(
            number(raw["amount"], f"{self.at}.amount"),
            raw["unit"],
            self.sources[raw["source"]],
            number(raw["start"], f"{self.at}.start"),
            number_or_none(raw["end"], f"{self.at}.end"),
        )

    def line(self, raw: Mapping[str, Any], way: Way, place: str) -> Line:
        self.at = place
        name = self.say(raw["name"]) if raw["part"] != "compute" else compute_name(way, raw["rule"] == "upfront")
        made = Line(
            part=raw["part"],
            rule=raw["rule"],
            name=name,
            count=raw["count"],
            each=number(raw["each"], f"{self.at}.each"),
            currency=raw["currency"],
            rates=tuple(self.rate(r) for r in raw["rates"]),
            share=number(raw["share"], f"{self.at}.share"),
            free=None if raw["free"] is None else self.rate(raw["free"]),
            volume=raw["volume"],
        )
        check_line(made, self.at)
        return made

    def offer(self, raw: Mapping[str, Any], work: Workload, window: Window, place: str) -> Offer:
        self.at = place
        way, told = way_of(raw), raw["totals"]
        held(way, Way, self.at)
        if way.purchase_option not in PURCHASE_OPTIONS:
            raise MisuseError(f"{self.at}.purchase_option: {suggest(way.purchase_option, PURCHASE_OPTIONS)}")
        lines = tuple(self.line(x, way, f"{place}.lines[{n}]") for n, x in enumerate(raw["lines"]))
        on_demand, usual = raw["on_demand"], way._replace(purchase_option="on_demand", term="", payment="", offering="")
        hourly = None if on_demand is None else self.line(on_demand, usual._replace(zone=""), f"{place}.on_demand")
        self.at = place
        terms = cost.terms_of(way, window, window.months)
        charges = cost.charges_of(lines, terms, window, window.months)
        self._follow(raw["charges"], charges, place)
        code = told["native_currency"]
        native = cost.totals(charges)
        if any(charge.currency != code for charge in charges):
            self._differs(f"{place}.totals.native_currency", code, charges[0].currency)
        report = Amounts(*(self.rates.convert(a, code, work.currency) for a in native))
        for name, said, made in (("totals.native", told["native"], native), ("totals", told, report)):
            self._same(said, made, f"{place}.{name}")
        commitment, sizing = cost.commitment_of(lines, way, terms), self.sizing(raw)
        even = number_or_none(raw["break_even_hours"], f"{self.at}.break_even_hours")  # the hash holds it
        tokens = per_million(work, sizing, report.effective)
        count = next(line.count for line in lines if line.part == "compute")
        for name, said, follows in (
            ("id", raw["id"], offer_id(way)),
            ("count", raw["count"], count),
            ("sizing.count", sizing.count, count),
            ("commitment", _commitment(raw["commitment"], self.at), commitment),
            ("cost_per_million_output", raw["cost_per_million_output"], _plain(tokens[0])),
            ("cost_per_million_tokens", raw["cost_per_million_tokens"], _plain(tokens[1])),
        ):
            if said != follows:
                self._differs(f"{place}.{name}", said, follows)
        return Offer(
            id=raw["id"],
            way=way,
            machine=machine_of(raw),
            count=count,
            lines=lines,
            charges=charges,
            totals=Totals(code, native, report),
            commitment=commitment,
            on_demand=hourly,
            break_even_hours=None if even is None else int(even),
            unpriced=tuple(self.say(u) for u in raw["unpriced"]),
            sizing=sizing,
            cost_per_million_output=tokens[0],
            cost_per_million_tokens=tokens[1],
            notes=tuple(self.say(n) for n in raw["notes"]),
            eras=self.eras(raw.get("eras", ()), way, place),
        )

    def eras(self, raw: Sequence[Mapping[str, Any]], way: Way, place: str) -> tuple[Era, ...]:
        """Return what an offer is made of from each day on: days in order, the first of them open."""
        made: list[Era] = []
        for n, told in enumerate(raw):
            at, since = f"{place}.eras[{n}]", told["since"] or ""
            if bool(since) != bool(n) or (since and iso_date(since, f"{at}.since") <= made[-1].since):
                raise MisuseError(f"{at}.since: {ascii(since)[:40]}: the first has none, the others are days in order")
            lines = tuple(self.line(x, way, f"{at}.lines[{m}]") for m, x in enumerate(told["lines"]))
            if not lines:
                raise MisuseError(f"{at}.lines: none")
            made.append(Era(since, lines))
        return tuple(made)

    def sizing(self, raw: Mapping[str, Any]) -> Sizing:
        name = f"{raw['provider']}:{raw['instance_type']}"
        key = f"{name} {json.dumps(raw['sizing'], sort_keys=True)}"
        if key not in self._sizings:
            made = sizing_of({**raw["sizing"], **self.raw["sizing_steps"][name]}, self.say)
            held(made, Sizing, f"{self.at}.sizing")
            self._sizings[key] = made
        return self._sizings[key]

    def _follow(self, told: Sequence[Mapping[str, Any]], made: Sequence[Charge], place: str) -> None:
        if len(told) != len(made):
            raise MisuseError(f"{place}.charges: {len(told)} of them, its lines make {len(made)}")
        for index, (said, charge) in enumerate(zip(told, made, strict=True)):
            for name in _CHARGE_NUMBERS:
                if said[name] != plain(getattr(charge, name)):
                    self._differs(f"{place}.charges[{index}].{name}", said[name], getattr(charge, name))

    def _same(self, told: Mapping[str, Any], made: Amounts, place: str) -> None:
        for name, value in zip(made._fields, made, strict=True):
            if told[name] != plain(value):
                self._differs(f"{place}.{name}", told[name], value)

    def _differs(self, place: str, said: object, made: object) -> NoReturn:
        follows = plain(made) if isinstance(made, Decimal) else str(made)
        raise MisuseError(
            f"{place} is {ascii(said)[:60]}, but what it is made of gives {follows[:60]}: "
            "the file was changed or is of another version"
        )


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _commitment(raw: Mapping[str, Any] | None, at: str) -> Commitment | None:
    if raw is None:
        return None
    numbers = {n: number(raw[n], f"{at}.commitment.{n}") for n in ("term_hours", "upfront", "hourly", "monthly")}
    texts = {n: raw[n] or "" for n in ("payment", "offering")}
    return Commitment(**{**raw, **texts, **numbers})


def _unmade(key: str, values: Mapping[str, Any]) -> Text:
    """Return the sentence that `words` describes."""

    def value(given: Any) -> Any:
        if isinstance(given, dict):
            return _unmade(given["key"], given["values"])
        return tuple(value(v) for v in given) if isinstance(given, list) else given

    return Text(key, tuple((name, value(v)) for name, v in values.items()))


def dated(offers: Sequence[Offer]) -> None:
    """Raise `MisuseError` for a source whose days are none: ages are counted from them."""
    for at, offer in enumerate(offers):
        for source in offer.sources:
            if source.seen:
                iso_date(source.seen, f"offers[{at}]: the day of a price")
