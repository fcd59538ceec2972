"""Compare two saved quotes: what changed in money, per offer, and why, adding up to the last digit.

Causes are attributed one after the other, each with everything before it already new and everything after it still old:

    price           published unit prices
    discount        contracted over published
    exchange_rate   native currency to the report currency
    hours           length of the window (for traffic: its billing months)
    count           number of instances
    volume          traffic, disk and addresses of the workload
    tax             tax rows
    rounding        what the quotes' own 28 digits leave over, mostly nothing

A charge that only one quote has (a tier that was reached, a disk that was added) goes whole to the cause that made it:
the volume if that changed, else the hours, else the price (another price structure). Amounts are the effective ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any

from planner.errors import MisuseError
from planner.prices.fx import Rates
from planner.quoting.choose import amount
from planner.quoting.cost import with_tax
from planner.quoting.records import Charge, Offer, Quote
from planner.records import NamedTuple, as_dataframe, as_html

__all__ = ["CAUSES", "NEAR", "Detail", "Diff", "OfferDiff", "compare", "increase", "near"]

CAUSES = ("price", "discount", "exchange_rate", "hours", "count", "volume", "contract", "tax", "rounding")
#: Enough digits that sums and differences of 28-digit numbers are exact.
_EXACT = Context(prec=120)
ZERO = Decimal(0)

#: The workload's field behind each part of an offer.
_VOLUMES = {"egress": "egress_gb", "inter_region": "inter_region_gb", "storage": "storage_gb", "ip": "public_ips"}


class Detail(NamedTuple):
    """One charge's part in a cause, in the report currency; `before` and `after` say what moved."""

    cause: str
    charge: str
    amount: Decimal
    before: str
    after: str


class OfferDiff(NamedTuple):
    """One offer in both quotes, or in one. parts: per cause, in CAUSES' order; they add up to after - before exactly.

    before, after: the effective cost. owed: (before, after) on the comparison's basis. status: "same", "changed", "new"
    (before is None) or "gone" (after is None). Then there are no parts.
    """

    id: str
    status: str
    before: Decimal | None
    after: Decimal | None
    parts: tuple[tuple[str, Decimal], ...]
    details: tuple[Detail, ...]
    notes: tuple[str, ...]
    owed: tuple[Decimal | None, Decimal | None]

    @property
    def difference(self) -> Decimal | None:
        """after - before, exact; None for a new or gone offer."""
        if self.before is None or self.after is None:
            return None
        return _EXACT.subtract(self.after, self.before)


class Diff(NamedTuple):
    """The comparison. basis: a word of `choose.BASES`. before, after: (id, amount on that basis) of the offer that each
    quote recommends, None where it recommends none."""

    currency: str
    quoted_on: tuple[str, str]
    basis: str
    before: tuple[str, Decimal] | None
    after: tuple[str, Decimal] | None
    offers: tuple[OfferDiff, ...]
    notes: tuple[str, ...]

    def _repr_html_(self) -> str | None:
        """Return it as a notebook shows it (docs/notebook.md)."""
        return as_html(self)

    def to_dataframe(self, library: str = "") -> Any:
        """Return the offers of both quotes, a row each, with the causes as columns, as a data frame of "pandas" or "polars" ("" = the first that is installed); raise `PlannerError` where neither is."""
        return as_dataframe(self, library)


def compare(old: Quote, new: Quote, basis: str = "obligation") -> Diff:
    """Return what changed from `old` to `new`; raise `MisuseError` when the two are in different currencies.

    basis: on what the recommended (or a named) offer's increase is judged; the causes are of the effective cost.
    """
    if old.currency != new.currency:
        raise MisuseError(
            f"the quotes are in {old.currency} and {new.currency}: make both with the same --currency to compare them"
        )
    before, after = {o.id: o for o in old.offers}, {o.id: o for o in new.offers}
    offers = []
    for name in dict.fromkeys((*before, *after)):
        one, two = before.get(name), after.get(name)
        if one is None or two is None:
            offers.append(_single(old, new, one, two, basis))
        else:
            offers.append(_both(old, new, one, two, basis))
    notes = [
        f"{field.replace('_', '-')}: {_word(getattr(old.workload, field))} -> {_word(getattr(new.workload, field))}"
        for field in old.workload._fields
        if getattr(old.workload, field) != getattr(new.workload, field)
    ]
    dates = (old.quoted_on, new.quoted_on)
    offers.sort(key=_weight)
    best = _recommended(old, basis), _recommended(new, basis)
    return Diff(new.currency, dates, basis, *best, offers=tuple(offers), notes=tuple(notes))


def increase(diff: Diff, offer: str = "") -> Decimal | None:
    """Return the increase of the recommended (or the named) offer in per cent, on the comparison's basis.

    None when one side has no such offer, or nothing to compare with (0).
    """
    if offer:
        found = next((o for o in diff.offers if o.id == offer), None)
        if found is None:
            raise MisuseError(f"--offer {offer}: neither quote has it; `planner diff --format json` lists the ids")
        first, last = found.owed
    else:
        first = diff.before[1] if diff.before else None
        last = diff.after[1] if diff.after else None
    if first is None or last is None or not first:
        return None
    return (last - first) / first * 100


#: What costs more than this many times the recommended offer is of no interest beside it.
NEAR = 2


def near(diff: Diff) -> list[OfferDiff]:
    """Return the offers that each quote recommends, then those that changed and cost at most NEAR times as much.

    What an offer costs is its lesser amount on the comparison's basis, so that one which came near or went away counts.
    Without a recommended offer it is everything that changed.
    """
    best = [one for one in (diff.after, diff.before) if one is not None]
    names = [name for name, _ in best]
    first = sorted((o for o in diff.offers if o.id in names), key=lambda o: names.index(o.id))
    limit = NEAR * max((value for _, value in best), default=ZERO)
    rest = [o for o in diff.offers if o.status != "same" and o.id not in names]
    return first + [o for o in rest if not best or _least(o) <= limit]


def _least(offer: OfferDiff) -> Decimal:
    known = [v for v in offer.owed if v is not None] or [v for v in (offer.before, offer.after) if v is not None]
    return min(known, default=ZERO)


def _recommended(quote: Quote, basis: str) -> tuple[str, Decimal] | None:
    best = quote.best
    value = None if best is None else amount(quote, best, basis)
    return None if best is None or value is None else (best.id, value)


def _weight(offer: OfferDiff) -> tuple[int, Decimal, str]:
    order = {"changed": 0, "new": 1, "gone": 2, "same": 3}[offer.status]
    return order, -abs(offer.difference or ZERO), offer.id


def _single(old: Quote, new: Quote, one: Offer | None, two: Offer | None, basis: str) -> OfferDiff:
    """Return the entry of an offer that only one of the quotes has."""
    last = None if two is None else two.totals.report.effective
    first = None if one is None else one.totals.report.effective
    return OfferDiff(
        id=(two or one).id,  # type: ignore[union-attr]
        status="new" if one is None else "gone",
        before=first,
        after=last,
        parts=(),
        details=(),
        notes=(),
        owed=(None if one is None else amount(old, one, basis), None if two is None else amount(new, two, basis)),
    )


def _both(old: Quote, new: Quote, one: Offer, two: Offer, basis: str) -> OfferDiff:
    maker = _Attribution(old, new, one, two)
    maker.run()
    first, last = one.totals.report.effective, two.totals.report.effective
    with localcontext(_EXACT):
        # The details are decimals, so their sum is exact; what the quotes' own rounding adds is a part of its own.
        explained = sum((d.amount for d in maker.details), ZERO)
        rounding = (last - first) - explained
        parts = []
        for cause in CAUSES[:-1]:
            amounts = [d.amount for d in maker.details if d.cause == cause]
            if any(amounts):
                parts.append((cause, sum(amounts, ZERO)))
        if rounding:
            parts.append(("rounding", rounding))
    notes = []
    if one.unpriced != two.unpriced:
        before, after = (", ".join(str(u) for u in o.unpriced) or "nothing" for o in (one, two))
        notes.append(f"unpriced before: {before}; now: {after}")
    return OfferDiff(
        id=one.id,
        status="changed" if parts else "same",
        before=first,
        after=last,
        parts=tuple(parts),
        details=tuple(d for d in maker.details if d.amount),
        notes=tuple(notes),
        owed=(amount(old, one, basis), amount(new, two, basis)),
    )


class _Attribution:
    """Walks one offer from old to new, cause by cause, and notes what each step moves."""

    def __init__(self, old: Quote, new: Quote, one: Offer, two: Offer) -> None:
        self.old, self.new, self.one, self.two = old, new, one, two
        self.details: list[Detail] = []
        self._rates: dict[tuple[int, str], Fraction] = {}

    def run(self) -> None:
        """Fill `details`."""
        asked = ((self.one, self.old), (self.two, self.new))
        before, after = (_by_name(with_tax(offer, quote.window)) for offer, quote in asked)
        for name in dict.fromkeys((*before, *after)):
            first, last = before.get(name), after.get(name)
            part = (first or last).category  # type: ignore[union-attr]
            if part in ("contract", "tax"):
                self._whole(part, first, last)
            elif first is None or last is None or first.currency != last.currency:
                self._whole(self._maker_of(first or last), first, last)  # type: ignore[arg-type]
            else:
                self._steps(first, last)

    def _rate(self, quote: Quote, side: int, currency: str) -> Fraction:
        """Return how much one unit of `currency` is in the report currency, as the quote converted it, exactly."""
        if (side, currency) not in self._rates:
            self._rates[side, currency] = _exact_rate(quote, currency)
        return self._rates[side, currency]

    def _whole(self, cause: str, first: Charge | None, last: Charge | None) -> None:
        value, words = Fraction(0), ["", ""]
        if first is not None:
            value -= Fraction(first.amount) * self._rate(self.old, 0, first.currency)
            words[0] = f"{_word(first.amount)} {first.currency}"
        if last is not None:
            value += Fraction(last.amount) * self._rate(self.new, 1, last.currency)
            words[1] = f"{_word(last.amount)} {last.currency}"
        charge = first or last
        assert charge is not None
        self._note(cause, charge, value, *words)

    def _maker_of(self, charge: Charge) -> str:
        """Return which cause made a charge appear or go."""
        field = _VOLUMES.get(charge.category)
        if field is not None and getattr(self.old.workload, field) != getattr(self.new.workload, field):
            return "volume"
        same = self.old.hours == self.new.hours and self.old.window == self.new.window
        return "price" if same else "hours"

    def _steps(self, first: Charge, last: Charge) -> None:
        code = first.currency
        rate0, rate1 = self._rate(self.old, 0, code), self._rate(self.new, 1, code)
        quantity = Fraction(first.quantity)
        price0, price1 = Fraction(first.unit_price), Fraction(last.unit_price)
        if first.list_unit_price == last.list_unit_price or not first.list_unit_price:
            listed = price0
        else:
            listed = Fraction(last.list_unit_price) * price0 / Fraction(first.list_unit_price)
            if abs(listed - price1) <= abs(price1) / 10**20:
                listed = price1  # the same discount, but for the 28th digit of a prorated price
        unit = f"{code}/{first.unit}"
        self._note(
            "price",
            first,
            (listed - price0) * quantity * rate0,
            f"{_word(first.list_unit_price)} {unit} ({_dated(first)})",
            f"{_word(last.list_unit_price)} {unit} ({_dated(last)})",
        )
        self._note(
            "discount",
            first,
            (price1 - listed) * quantity * rate0,
            _word(first.unit_price) + " " + unit,
            _word(last.unit_price) + " " + unit,
        )
        self._note(
            "exchange_rate",
            first,
            price1 * quantity * (rate1 - rate0),
            _rate_words(rate0, code, self.old.currency),
            _rate_words(rate1, code, self.old.currency),
        )
        at_hours, at_count, end = self._quantities(first, last)
        step = price1 * rate1
        self._note("hours", first, step * (at_hours - quantity), _word(self.old.hours), _word(self.new.hours))
        self._note("count", first, step * (at_count - at_hours), str(self.one.count), str(self.two.count))
        field = _VOLUMES.get(first.category, "")
        words = [_word(getattr(q.workload, field)) if field else "" for q in (self.old, self.new)]
        self._note("volume", first, step * (end - at_count), *words)

    def _quantities(self, first: Charge, last: Charge) -> tuple[Fraction, Fraction, Fraction]:
        """Return the quantity with new hours; with new hours and count; new altogether."""
        start, end = Fraction(first.quantity), Fraction(last.quantity)
        field = _VOLUMES.get(first.category)
        volume = [Fraction(getattr(q.workload, field)) for q in (self.old, self.new)] if field else [Fraction(1)] * 2
        if first.category in ("egress", "inter_region"):
            # Tiers make these bend in the volume, but they are straight in the months.
            windows = [q.window.traffic for q in (self.old, self.new)]
            months = [Fraction(whole) + Fraction(part) for whole, part in windows]
            at_hours = end if volume[0] == volume[1] else start * months[1] / months[0]
            return at_hours, at_hours, end
        at_count = end * volume[0] / volume[1] if volume[1] else end
        counts = [Fraction(o.count) for o in (self.one, self.two)] if first.category != "ip" else [Fraction(1)] * 2
        at_hours = at_count * counts[0] / counts[1] if counts[1] else at_count
        # What has not moved has no part, not even in the 28th digit of a quotient.
        if self.old.hours == self.new.hours and _months(self.old) == _months(self.new):
            at_hours = start
        if counts[0] == counts[1]:
            at_count = at_hours
        return at_hours, at_count, end

    def _note(self, cause: str, charge: Charge, value: Fraction, before: str, after: str) -> None:
        if value:
            # Rounded once, here; the part "rounding" takes up what that leaves, so the sum is exact.
            amount = Context(prec=40).divide(Decimal(value.numerator), Decimal(value.denominator))
            self.details.append(Detail(cause, _label(charge), amount, before, after))


def _by_name(charges: Iterable[Charge]) -> dict[tuple[str, ...], Charge]:
    """Return charges by what makes them the same line in another quote; a repeated line counts up."""
    result: dict[tuple[str, ...], Charge] = {}
    for charge in charges:
        name = str(charge.name) if charge.category != "tax" else ""
        key: tuple[str, ...] = (charge.category, name, str(charge.tier), charge.unit)
        while key in result:
            key = (*key, "again")
        result[key] = charge
    return result


def _label(charge: Charge) -> str:
    return f"{charge.name} [{charge.tier}]" if charge.tier else str(charge.name)


def _months(quote: Quote) -> int:
    if quote.months:
        return quote.months
    return quote.window.months


def _exact_rate(quote: Quote, currency: str) -> Fraction:
    """Return the rate over the same path that the quote's own converter takes, without its rounding."""
    if currency == quote.currency:
        return Fraction(1)
    rates = Rates(list(quote.fx))
    rates.convert(Decimal(1), currency, quote.currency)
    rate, code = Fraction(1), currency
    for fx in rates.used.values():  # in the order of the path
        rate, code = (rate * Fraction(fx.rate), fx.quote) if fx.base == code else (rate / Fraction(fx.rate), fx.base)
    return rate


def _rate_words(rate: Fraction, code: str, report: str) -> str:
    if code == report or not rate:
        return ""
    shown = rate if rate >= 1 else 1 / rate
    first, last = (code, report) if rate >= 1 else (report, code)
    return f"{_word(Context(prec=12).divide(Decimal(shown.numerator), Decimal(shown.denominator)))} {first}{last}"


def _dated(charge: Charge) -> str:
    source = charge.source
    if source.origin == "book":
        return source.place
    return f"{source.origin} of {source.as_of}" if source.as_of else f"{source.origin}, undated"


def _word(value: object) -> str:
    from planner.money import Tax, plain

    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Tax):
        return f"{value.scope}={value.said}" if value.scope else value.said
    if isinstance(value, tuple):
        return ", ".join("=".join(map(_word, one)) if type(one) is tuple else _word(one) for one in value) or "-"
    return str(value)
