"""What the workbook shows: the options, the prices that each of them uses, and its figures, evaluated from its lines."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from planner.i18n import English
from planner.money import Tax, tax_at
from planner.quoting import whatif
from planner.quoting.choose import advise, amount
from planner.quoting.records import Amounts, Line, Offer, Quote, Rate
from planner.quoting.whatif import Again
from planner.quoting.worth import present_value
from planner.rendering.words import way
from planner.text import Text
from planner.units import RATE_MONTH_HOURS

__all__ = ["Ladder", "Model", "Option", "label"]

ZERO = Decimal(0)


class Ladder:
    """Consecutive rows of the sheet Prices: the steps of one price, or the parts of one commitment.

    part: the lines' part, or "on_demand" for what the break-even compares with. item: what it is.
    """

    def __init__(self, id_: str, offer: Offer, way: str, part: str, lines: tuple[Line, ...]) -> None:
        self.id, self.offer, self.way, self.part, self.lines = id_, offer, way, part, lines
        self.item = lines[0].name if part not in ("compute", "on_demand") else Text(offer.instance_type)
        self.currency = lines[0].currency
        self.row = 0  #: first row of `rates` on the sheet, counted from 0; a free quota stands above it
        self.lane = 0  #: row on the sheet Egress, for traffic
        self.tiers = 0  #: first row of its tiers there

    @property
    def line(self) -> Line:
        return self.lines[0]

    @property
    def free(self) -> Rate | None:
        return self.lines[0].free

    @property
    def rates(self) -> tuple[Rate, ...]:
        return tuple(r for line in self.lines for r in line.rates)

    @property
    def last(self) -> int:
        return self.row + len(self.rates) - 1


def _of_apis(quote: Quote) -> set[str]:
    """Return the currencies of the managed APIs that stand beside the offers."""
    if quote.beside is None:
        return set()
    from planner.quoting.tokens import compared

    return {one.api.currency for one in compared(quote)}


class Option(NamedTuple):
    """An offer with its ladders, and its number from 0; even: the on-demand price of the same type."""

    number: int
    offer: Offer
    own: Ladder
    even: Ladder | None
    egress: Ladder | None
    inter: Ladder | None
    disk: Ladder | None
    ip: Ladder | None

    @property
    def committed(self) -> bool:
        return self.offer.commitment is not None

    @property
    def code(self) -> str:
        return self.offer.totals.native_currency

    @property
    def lanes(self) -> list[Ladder]:
        return [x for x in (self.egress, self.inter) if x is not None]

    @property
    def usual(self) -> Ladder | None:
        """The price by the hour that a commitment is compared with; an on-demand option's is its own."""
        return self.even or (self.own if self.offer.purchase_option == "on_demand" else None)

    @property
    def disk_basis(self) -> str:
        """How a disk is counted: "hour", "month" (calendar) or "rate" (hours / 730); "" without one."""
        names = {"held_hours": "hour", "held_months": "month", "held_730": "rate"}
        return names[self.disk.line.rule] if self.disk else ""


class Model:
    """The options shown and their distinct ladders; `best` and `lasting` are what the quote recommends among them."""

    def __init__(self, quote: Quote, offers: list[Offer]) -> None:
        self.quote, self.work = quote, quote.workload
        self.ladders: list[Ladder] = []
        self._known: dict[tuple[Any, ...], Ladder] = {}
        self.options = [self._option(number, offer) for number, offer in enumerate(offers)]
        self.currencies = sorted({o.code for o in self.options} | _of_apis(quote))
        self.shares = {**{c.provider: c.discount for c in self.work.contract}, **dict(self.work.discount)}
        self.present_value = quote.recommended is not None and quote.recommended.basis == "present-value"
        said, by_id = advise(quote), {o.offer.id: o for o in self.options}
        self.best = by_id.get(said.best.id) if said.best else None
        self.lasting = by_id.get(said.lasting.id) if said.lasting else self.best

    @property
    def span(self) -> int:
        """The months of a duty cycle, 0 where what runs by the hour runs all the time."""
        return self.quote.window.span

    @property
    def length(self) -> str:
        """The name of the cell with the hours from the window's beginning to its end."""
        return "length_used" if self.span else "hours_used"

    def lasting_for(self, hours: str) -> str:
        """Return the formula of the hours from beginning to end of a window with other hours in use."""
        return f"MAX({hours},length_least)" if self.span else hours

    @property
    def shown(self) -> Option:
        """The option that timeline, sensitivity and curve show: the recommended one if it is a commitment, else the one that
        costs least if the need lasts, else the first that lasts, else the recommended one."""
        first = [o for o in (self.best, self.lasting) if o is not None]
        for o in (*first, *self.options):
            lasts = o.committed and o.offer.purchase_option != "capacity_block"
            if lasts and o.even is not None and not o.offer.unpriced:
                return o
        return self.best or self.options[0]

    def share(self, provider: str, option: str = "") -> Decimal:
        """Return the discount agreed with `provider` for `option`."""
        return self.shares.get(f"{provider}:{option}", self.shares.get(provider, ZERO))

    def discount(self, o: Option) -> tuple[Decimal, Decimal]:
        """Return the shares off compute and off everything beside it."""
        return self.share(o.offer.provider, o.offer.purchase_option), self.share(o.offer.provider)

    def tax(self, provider: str, site: str) -> Tax:
        """Return the tax of a provider's site."""
        return tax_at(self.work.taxes, self.work.tax, provider, site)

    def contract(self, o: Option) -> Line | None:
        """Return the line of the framework contract under which an option is bought."""
        return next((line for line in o.offer.lines if line.part == "contract"), None)

    def taxed(self, o: Option) -> tuple[Decimal, Decimal]:
        """Return what is left of a price without the tax that it holds, and what a cost with its tax is a multiple of that."""
        tax = self.tax(o.offer.provider, o.offer.site)
        return 1 / (1 + tax.share) if tax.included else Decimal(1), Decimal(1) if tax.recoverable else 1 + tax.share

    def taxed_apart(self, provider: str, site: str) -> bool:
        """Return whether something else than the tax on top is said of a site."""
        return bool({"", provider, f"{provider}:{site}"} & {tax.scope for tax in self.work.taxes})

    def _ladder(self, offer: Offer, part: str, words: str, lines: tuple[Line, ...]) -> Ladder | None:
        if not lines:
            return None
        told = tuple((line.rates, line.free) for line in lines)
        key = (offer.provider, offer.site, offer.region, words, told)
        if key not in self._known:
            self._known[key] = Ladder(f"P{len(self.ladders) + 1}", offer, words, part, lines)
            self.ladders.append(self._known[key])
        return self._known[key]

    def _option(self, number: int, offer: Offer) -> Option:
        def find(part: str, words: str = "") -> Ladder | None:
            return self._ladder(offer, part, words or part, tuple(line for line in offer.lines if line.part == part))

        own = find("compute", way(offer))
        assert own is not None, offer.id
        usual = () if offer.on_demand is None or offer.purchase_option == "on_demand" else (offer.on_demand,)
        return Option(
            number=number,
            offer=offer,
            own=own,
            even=self._ladder(offer, "on_demand", "on-demand", usual),
            egress=find("egress"),
            inter=find("inter_region"),
            disk=find("storage"),
            ip=find("ip"),
        )

    def months(self, hours: Decimal) -> int:
        """Return the billing months of a window of `hours`."""

        return self.work.window._replace(hours=hours).months

    def traffic(self, hours: Decimal) -> tuple[int, Decimal]:
        """Return the months whose traffic a window of `hours` pays: whole ones, and the share of one more."""
        return self.work.window._replace(hours=hours).traffic

    def path(self, code: str) -> list[tuple[int, bool]]:
        """Return the steps from `code` to the report currency: (number of the rate in quote.fx, multiply?)."""
        from planner.prices.fx import Rates

        steps = []
        for fx in Rates(list(self.quote.fx)).path(code, self.quote.currency):
            steps.append((self.quote.fx.index(fx), fx.base == code))
            code = fx.quote if fx.base == code else fx.base
        return steps

    def rate(self, code: str) -> Decimal:
        """Return what one `code` is in the report currency."""
        return whatif.rate_of(self.quote, code)

    def now(self, o: Option) -> Again:
        """Return the option as quoted."""
        return Again(o.offer.charges, self.rate(o.code))

    def obliged(self, o: Option) -> Decimal | None:
        """Return the amount on which options are ranked, None for one that cannot be recommended."""
        if not o.offer.firm:
            return None
        return amount(self.quote, o.offer, "present-value" if self.present_value else "obligation")

    def per_second(self, o: Option) -> Decimal:
        """Return the output tokens a second that unit costs count: the demand, else what the instances deliver."""
        band, work = o.offer.sizing.output_tokens_per_second, self.work
        low = Decimal(str(round(band.low, 3))) if band else ZERO
        return work.rps * work.output_tokens or work.tokens_per_second or low * (o.offer.count - self.idle(o))

    def idle(self, o: Option) -> int:
        """Return how many of the instances are spare and deliver nothing."""
        return 0 if o.offer.sizing.count_given else min(self.work.spare, o.offer.count - 1)

    def figures(self, o: Option) -> dict[str, object]:
        """Return the value of every calculated column of Costs, from the option's charges."""
        offer, now, terms = o.offer, self.now(o), whatif.listed(o.offer)
        off, beside_off = self.discount(o)
        compute, beside = now.native("compute"), now.native(*whatif.BESIDE)
        upfront = hourly = monthly = ZERO
        if terms is not None:
            upfront, hourly, monthly = terms.upfront, terms.hourly, terms.monthly
            if terms.by_month:  # a longer term's payment, spread over its months
                upfront, monthly = ZERO, terms.monthly + terms.upfront / terms.term_months
        obliged, tax = self.obliged(o), self.tax(offer.provider, offer.site)
        net, cost = self.taxed(o)
        contract = self.contract(o)
        values: dict[str, object] = {
            "count": offer.count,
            "off": off,
            "beside_off": beside_off,
            "rate": now.rate,
            "term_hours": terms.term_hours if terms else 0,
            "term_months": terms.term_months if terms else 0,
            "terms": terms.terms if terms else 0,
            "usage": ZERO if terms else compute.list / offer.count / net,
            "upfront": upfront,
            "hourly": hourly,
            "monthly": monthly,
            "c_list": compute.list,
            "c_eff": compute.effective,
            "c_bill": compute.billed,
            "c_owed": compute.committed,
            "t_share": tax.share,
            "net": net,
            "t_cost": cost,
            "t_cash": 1 + tax.share,
            "lanes": sum((whatif.month_of(x.line).list * net for x in o.lanes), ZERO),
            "free_out": _quota(o.egress),
            "free_in": _quota(o.inter),
            "traffic": now.native(*whatif.TRAFFIC).list,
            "disk": now.native("storage").list,
            "disk_owed": now.native("storage").committed,
            "ip": now.native("ip").list,
            "beside": beside.list,
            "beside_eff": beside.effective,
            "promised": contract.each * self.quote.window.length / RATE_MONTH_HOURS if contract else ZERO,
            "short": contract.rates[0].amount if contract else ZERO,
            "fee": now.native("contract").effective,
            "tax": now.native("tax").effective,
            "pv": present_value(self.quote, offer, self.work.discount_rate or ZERO),
            "whole": 0 if offer.unpriced else 1,
            "rank": obliged,
            "lasting": None if obliged is None else offer.totals.report.effective,
            "per_second": self.per_second(o),
            "m_out": offer.cost_per_million_output,
            "m_all": offer.cost_per_million_tokens,
        }
        for scope, sums in (("n", offer.totals.native), ("r", offer.totals.report)):
            values |= _short(scope, sums)
        return {key: "" if value is None else value for key, value in values.items()}


def _quota(lane: Ladder | None) -> Decimal:
    return (lane.free.end if lane is not None and lane.free is not None else None) or ZERO


def _short(scope: str, sums: Amounts) -> dict[str, object]:
    return {
        f"{scope}_list": sums.list,
        f"{scope}_eff": sums.effective,
        f"{scope}_bill": sums.billed,
        f"{scope}_owed": sums.committed,
        f"{scope}_all": sums.obligation,
    }


def label(o: Option, t: English) -> str:
    """Return the name of an option for people."""
    offer = o.offer
    site = f" ({t(offer.site)})" if offer.site != offer.provider else ""
    return f"{offer.instance_type}, {offer.region}{site}, {way(offer, t)}"
