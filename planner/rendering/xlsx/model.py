"""The numbers behind the workbook: which prices each option uses, and what the formulas give now."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from planner.quoting.records import Line, Offer, Quote, Rate
from planner.text import Text

__all__ = ["Ladder", "Model", "Option", "tiered"]

ZERO = Decimal(0)


def tiered(rates: tuple[Rate, ...], amount: float) -> float:
    """Return what `amount` hours or GB cost at the steps of `rates`."""
    total = 0.0
    for r in rates:
        end = amount if r.end is None else min(amount, float(r.end))
        if end > r.start:
            total += (end - float(r.start)) * float(r.amount)
    return total


class Ladder:
    """Consecutive rows of the sheet Prices: the steps of one price, or the parts of one commitment.

    part: the lines' part, or "on_demand" for what the break-even compares with. item: what it is.
    """

    def __init__(self, id_: str, offer: Offer, way: str, part: str, lines: tuple[Line, ...]) -> None:
        self.id, self.offer, self.way, self.part = id_, offer, way, part
        self.free = lines[0].free
        self.rates = tuple(r for line in lines for r in line.rates)
        self.item = lines[0].name if part not in ("compute", "on_demand") else Text(offer.instance_type)
        self.currency = lines[0].currency
        self.row = 0  #: first row of `rates` on the sheet, counted from 0; a free quota stands above it
        self.lane = 0  #: row on the sheet Egress, for traffic

    @property
    def last(self) -> int:
        return self.row + len(self.rates) - 1

    def gb_cost(self, gb: float) -> float:
        """Return the price of `gb` in one month: the free quota takes the first GB."""
        free = float(self.free.end or 0) if self.free else 0.0
        return tiered(self.rates, gb) - tiered(self.rates, min(gb, free))


class Option(NamedTuple):
    """An offer with its ladders. upfront, hourly, monthly: list, per instance; even: on-demand rows of the same type."""

    offer: Offer
    own: Ladder
    even: Ladder | None
    egress: Ladder | None
    inter: Ladder | None
    disk: Ladder | None
    ip: Ladder | None
    upfront: float
    hourly: float
    monthly: float
    term_hours: float
    term_months: int

    @property
    def committed(self) -> bool:
        return self.offer.commitment is not None

    @property
    def disk_basis(self) -> str:
        """Return how a disk is counted: "hour", "month" (calendar) or "rate" (hours / 730)."""
        if self.disk is None:
            return ""
        if self.disk.rates[0].unit.endswith("-hour"):
            return "hour"
        return "month" if self.offer.purchase_option == "subscription" else "rate"


class Model:
    """The options shown, their distinct ladders, and what a change of inputs would give."""

    def __init__(self, quote: Quote, offers: list[Offer]) -> None:
        self.quote, self.work = quote, quote.workload
        self.ladders: list[Ladder] = []
        self._known: dict[tuple[Any, ...], Ladder] = {}
        self.options = [self._option(o) for o in offers]
        codes = {o.totals.native_currency for o in offers}
        self.currencies = sorted(codes)
        self.shares = dict(self.work.discount)

    def share(self, provider: str, option: str = "") -> float:
        """Return the discount agreed with `provider` for `option`."""
        return float(self.shares.get(f"{provider}:{option}", self.shares.get(provider, ZERO)))

    def _ladder(self, offer: Offer, part: str, way: str, lines: tuple[Line, ...]) -> Ladder | None:
        if not lines:
            return None
        told = tuple((line.rates, line.free) for line in lines)
        key = (offer.provider, offer.site, offer.region, way, told)
        if key not in self._known:
            made = Ladder(f"P{len(self.ladders) + 1}", offer, way, part, lines)
            self.ladders.append(made)
            self._known[key] = made
        return self._known[key]

    def _option(self, offer: Offer) -> Option:
        from planner.rendering.words import way

        def find(part: str, words: str) -> Ladder | None:
            return self._ladder(offer, part, words, tuple(line for line in offer.lines if line.part == part))

        own = find("compute", way(offer))
        assert own is not None, offer.id
        usual = () if offer.on_demand is None or offer.purchase_option == "on_demand" else (offer.on_demand,)
        terms = offer.commitment
        upfront = hourly = monthly = 0.0
        if terms is not None:
            length, months = terms.term_hours, terms.term_months
            parts = own.rates

            def total(unit: str) -> Decimal:
                return sum((r.amount for r in parts if r.unit == unit), ZERO)

            if offer.purchase_option == "subscription":
                monthly = float(total("month") + total("term") / months)
            elif offer.payment == "all_upfront" and not total("term"):
                upfront = float(total("hour") * length)
            else:
                upfront, hourly = float(total("term")), float(total("hour"))
        return Option(
            offer,
            own,
            self._ladder(offer, "on_demand", "on-demand", usual),
            find("egress", "egress"),
            find("inter_region", "inter_region"),
            find("storage", "storage"),
            find("ip", "ip"),
            upfront,
            hourly,
            monthly,
            float(terms.term_hours) if terms else 0.0,
            terms.term_months if terms else 0,
        )

    def months(self, hours: float) -> int:
        """Return the billing months of a window of `hours`."""
        from datetime import date

        from planner.units import billing_months

        start = date.fromisoformat(self.work.start) if self.work.start else None
        return billing_months(Decimal(str(hours)), start)

    def rate(self, option: Option) -> float:
        """Return the factor from the option's currency to the report's."""
        return self.factor(option.offer.totals.native_currency)

    def path(self, code: str) -> list[tuple[int, bool]]:
        """Return the steps from `code` to the report currency: (number of the rate in quote.fx, multiply?)."""
        target = self.quote.currency
        edges = [(f.base, f.quote, i, True) for i, f in enumerate(self.quote.fx)]
        edges += [(f.quote, f.base, i, False) for i, f in enumerate(self.quote.fx)]
        if code == target:
            return []
        for a, b, i, up in edges:
            if (a, b) == (code, target):
                return [(i, up)]
        for a, b, i, up in edges:
            for c, d, j, up2 in edges:
                if a == code and b == c and d == target:
                    return [(i, up), (j, up2)]
        return []

    def factor(self, code: str, scale: float = 1.0) -> float:
        """Return what one `code` is in the report currency, the rates of other currencies scaled by `scale`."""
        result = 1.0
        for number, up in self.path(code):
            rate = float(self.quote.fx[number].rate)
            result = result * rate if up else result / rate
        return result * (scale if code != self.quote.currency else 1.0)

    def compute(self, o: Option, hours: float, months: int) -> float:
        """Return the compute cost at list, native, of all the option's instances."""
        per = o.monthly * months + hours * (o.hourly + (o.upfront / o.term_hours if o.term_hours else 0.0))
        if not o.committed:
            per += tiered(o.own.rates, hours)
        return per * o.offer.count

    def disk(self, o: Option, hours: float, months: int) -> float:
        """Return the disks' cost at list, native."""
        if o.disk is None:
            return 0.0
        basis = {"hour": hours, "month": float(months), "rate": hours / 730}[o.disk_basis]
        return basis * float(self.work.storage_gb) * o.offer.count * float(o.disk.rates[0].amount)

    def ip(self, o: Option, hours: float) -> float:
        """Return the addresses' cost at list, native."""
        return hours * self.work.public_ips * float(o.ip.rates[0].amount) if o.ip else 0.0

    def traffic(self, o: Option, months: int, scale: float = 1.0) -> float:
        """Return the traffic's cost at list, native, with the volumes scaled."""
        per = o.egress.gb_cost(float(self.work.egress_gb) * scale) if o.egress else 0.0
        per += o.inter.gb_cost(float(self.work.inter_region_gb) * scale) if o.inter else 0.0
        return per * months

    def beside(self, o: Option, hours: float, months: int, scale: float = 1.0) -> float:
        """Return traffic, disks and addresses at list, native."""
        return self.traffic(o, months, scale) + self.disk(o, hours, months) + self.ip(o, hours)

    def discount(self, o: Option) -> tuple[float, float]:
        """Return the shares off compute and off everything beside it."""
        return self.share(o.offer.provider, o.offer.purchase_option), self.share(o.offer.provider)

    def effective(
        self, o: Option, hours: float, traffic: float = 1.0, fx: float = 1.0, share: float | None = None
    ) -> float:
        """Return the effective total in the report currency with other inputs."""
        months = self.months(hours)
        off, beside = self.discount(o)
        native = self.compute(o, hours, months) * (1 - (off if share is None else share))
        native += self.beside(o, hours, months, traffic) * (1 - beside)
        return native * (1 + float(self.work.tax)) * self.factor(o.offer.totals.native_currency, fx)
