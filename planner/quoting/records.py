"""The result of a quote, as plain records: what renderers, Terraform and comparisons read.

A `Quote` is complete: `planner.rendering.json` writes all of it and `planner.quoting.saved` reads it back to the same
bytes, so a saved quote can be shown, compared and emitted later without a catalogue.

What an offer costs has one definition, its **lines** (planner.quoting.parts). `planner.quoting.cost` evaluates lines to
charges, `planner.quoting.calendar` to months; page and workbook carry lines and evaluate them alike (tests hold them
equal).
"""

from decimal import Decimal
from typing import Any

from planner.money import Fx
from planner.offer import Source, Way
from planner.quoting.parts import RULES, Amounts, Charge, Line, Rate, Totals
from planner.records import NamedTuple, as_dataframe, as_html
from planner.sizing import Sizing
from planner.sizing.own import Measurement
from planner.text import Text
from planner.units import Window
from planner.workload import Workload

__all__ = [
    "RULES",
    "SCHEMA",
    "Amounts",
    "Api",
    "AsOf",
    "Beside",
    "Budget",
    "Charge",
    "Commitment",
    "Era",
    "Gap",
    "Gpu",
    "Line",
    "Machine",
    "Offer",
    "Quote",
    "Rate",
    "Recommended",
    "Rejected",
    "Seller",
    "Site",
    "Stale",
    "Totals",
]

SCHEMA = "planner.quote/2"


class Gpu(NamedTuple):
    """GPUs of one instance; memory_gib is per GPU (None: not known)."""

    model: str
    count: Decimal  # type: ignore[assignment]  # the field's own word; tuple.count is not used
    memory_gib: Decimal | None


class Machine(NamedTuple):
    """The instance type's specification. network_gbps: total (None: not known); local_nvme_gb: 0 where none is known."""

    vcpu: int
    memory_gib: Decimal
    network_gbps: Decimal | None
    local_nvme_gb: int
    gpu: Gpu


class Commitment(NamedTuple):
    """The raw numbers of a commitment, per instance, native currency, contracted.

    term "1m".."5y"; term_hours for hourly commitments, term_months for calendar ones. upfront per term, hourly per
    hour of the term, monthly per calendar month; absent parts are 0. terms: how many terms the window needs. by_month:
    whether it is bought in calendar months (a subscription).
    """

    term: str
    payment: str
    offering: str
    term_hours: Decimal
    term_months: int
    upfront: Decimal
    hourly: Decimal
    monthly: Decimal
    terms: int
    by_month: bool = False


class Era(NamedTuple):
    """What a way of buying is made of from a day on (ISO date; "" = from before the window)."""

    since: str
    lines: tuple[Line, ...]


class Offer(NamedTuple):
    """One way to run the workload: a way of buying (`way`), the machine, how many, and what it is made of (`lines`).

    charges: the lines evaluated in the quote's window. lines may also hold parts that the workload does not ask for
    (each 0), so that a file can recompute with other volumes. on_demand: the same type by the hour, for the break-even
    (None: no such price). break_even_hours: hours a month from which this commitment is cheaper than that (None: not a
    commitment, or never within a month). unpriced: parts of the workload for which no price exists; the totals leave
    them out and the offer ranks after complete ones. notes: what a reader must know, in sentences. eras: where its price
    changes in the window, the machine's lines from each day on (`lines` have the changes as steps of the price by the hour).
    """

    id: str
    way: Way
    machine: Machine
    count: int  # type: ignore[assignment]
    lines: tuple[Line, ...]
    charges: tuple[Charge, ...]
    totals: Totals
    commitment: Commitment | None
    on_demand: Line | None
    break_even_hours: int | None
    unpriced: tuple[Text, ...]
    sizing: Sizing
    cost_per_million_output: Decimal | None
    cost_per_million_tokens: Decimal | None
    notes: tuple[Text, ...]
    eras: tuple[Era, ...] = ()

    @property
    def provider(self) -> str:
        return self.way.provider

    @property
    def site(self) -> str:
        return self.way.site

    @property
    def region(self) -> str:
        return self.way.region

    @property
    def zone(self) -> str:
        return self.way.zone

    @property
    def instance_type(self) -> str:
        return self.way.instance_type

    @property
    def purchase_option(self) -> str:
        return self.way.purchase_option

    @property
    def term(self) -> str:
        return self.way.term

    @property
    def payment(self) -> str:
        return self.way.payment

    @property
    def offering(self) -> str:
        return self.way.offering

    @property
    def gpu(self) -> Gpu:
        return self.machine.gpu

    @property
    def market(self) -> bool:
        """Whether the price moves and the instance can be taken back (spot)."""
        return self.way.purchase_option == "spot"

    @property
    def sources(self) -> tuple[Source, ...]:
        """Who says its prices; a tax is the user's own and does not count."""
        return tuple([charge.source for charge in self.charges if charge.category != "tax"])

    @property
    def firm(self) -> bool:
        """Whether the price holds and every part of the workload has one."""
        return not self.unpriced and not self.market

    @property
    def on_demand_hourly(self) -> Decimal | None:
        """The first step's contracted price of an on-demand hour of the same type, None without one."""
        line = self.on_demand
        return None if line is None else line.rates[0].amount * (1 - line.share)


class Recommended(NamedTuple):
    """The offer to take, by its id; the basis on which it is the least (planner.quoting.choose); why, in a sentence."""

    id: str
    basis: str
    reason: Text


class Rejected(NamedTuple):
    """An instance type that does not serve the workload, and why."""

    provider: str
    region: str
    instance_type: str
    reason: Text


class Gap(NamedTuple):
    """A price that does not exist in the catalogue: the message holds for `region`; the other names may be ""."""

    provider: str
    region: str
    instance_type: str
    purchase_option: str
    message: Text


class Stale(NamedTuple):
    """A provider of whose offers some stand on prices older than the limit: `offers` of `among`, spot apart.

    as_of: the day from which the oldest price counts ("" = a price without one). A file of before 0.2.0 does not say how
    many (0).
    """

    provider: str
    as_of: str
    limit_days: int
    message: Text
    offers: int = 0
    among: int = 0


class AsOf(NamedTuple):
    """The days on which the prices of a provider's offers were last seen; "" where undated. undated counts those."""

    provider: str
    oldest: str
    newest: str
    undated: int
    origin: str


class Site(NamedTuple):
    """A provider's price book: its id, title, the tax in its prices ("exclusive", "inclusive", "unknown"), and a mark
    ("intl") where readers must not take it for another site of the same provider ("" = none)."""

    id: str
    title: str
    tax: str
    mark: str


class Seller(NamedTuple):
    """What reports call a provider and what it sells. compute: its own name for rented instances."""

    provider: str
    title: str
    compute: str
    sites: tuple[Site, ...]


class Budget(NamedTuple):
    """limit in the report currency; cheapest is the lowest amount of a firm, complete offer on `basis`, None if there is
    none. fitting: how many of these fit."""

    limit: Decimal
    currency: str
    fits: bool
    cheapest: Decimal | None
    basis: str = "billed"
    fitting: int = 0


class Api(NamedTuple):
    """Tokens of the workload's model from a managed API, in its currency per million, for requests of the workload's length.

    cached: of input that hits the cache (None: as the rest). batch: share off in a batch (0: none printed). A price that changes
    by the hour is the mean of an even week, and `notes` has its parts. lacks: what a machine of one's own has and this has not.
    """

    vendor: str
    site: str
    region: str
    model: str
    currency: str
    input: Decimal
    cached: Decimal | None
    output: Decimal
    batch: Decimal
    source: Source
    notes: tuple[Text, ...]
    lacks: tuple[Text, ...]


class Beside(NamedTuple):
    """Managed APIs beside the offers. cache_hits: share of input that hits the cache. undated, doubtful: prices that were left out because
    they bear no day, or are of low confidence; long: those for shorter requests only. area: in which data has to stay ("": anywhere); outside: APIs that were
    left out for it, unplaced: the names of those of which no list says where they compute."""

    cache_hits: Decimal
    apis: tuple[Api, ...]
    undated: int = 0
    doubtful: int = 0
    long: int = 0
    area: str = ""
    outside: int = 0
    unplaced: tuple[str, ...] = ()


class Quote(NamedTuple):
    """Everything about one quote. offers: cheapest effective first, incomplete ones after complete ones.

    quoted_on: the date against which ages are counted (an argument, never the clock). months: billing months of the
    window. hash: 12 digits of a SHA-256 over workload, rates and totals. reference_types: instance types that a table
    shows whatever their rank. recommended: None when no firm, fully priced offer serves the workload. sellers: the
    providers looked at. beyond: what is not sold for so long a window (capacity blocks), for questions about shorter ones.
    measurements: the user's own that have a say in the sizing. left_out: offers that a screen does not list and that were not
    made, of a quote for a screen. beside: managed APIs, where they were asked for.
    """

    quoted_on: str
    hours: Decimal
    months: int
    currency: str
    workload: Workload
    fx: tuple[Fx, ...]
    prices_as_of: tuple[AsOf, ...]
    offers: tuple[Offer, ...]
    rejected: tuple[Rejected, ...]
    gaps: tuple[Gap, ...]
    stale: tuple[Stale, ...]
    budget: Budget | None
    notes: tuple[Text, ...]
    hash: str
    reference_types: tuple[str, ...] = ()
    recommended: Recommended | None = None
    sellers: tuple[Seller, ...] = ()
    beyond: tuple[Offer, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    left_out: int = 0
    beside: Beside | None = None

    @property
    def window(self) -> Window:
        """What is paid for: the workload's window at the quote's hours (planner.quoting.whatif asks at others)."""
        return self.workload.window._replace(hours=self.hours)

    @property
    def best(self) -> Offer | None:
        """The recommended offer, None when there is none."""
        chosen = self.recommended
        return None if chosen is None else next((o for o in self.offers if o.id == chosen.id), None)

    def seller(self, provider: str) -> Seller:
        """Return what is known of `provider` (a quote of 0.1.0 knows its name only)."""
        found = next((s for s in self.sellers if s.provider == provider), None)
        return found or Seller(provider, provider, provider, ())

    def _repr_html_(self) -> str | None:
        """Return it as a notebook shows it (docs/notebook.md)."""
        return as_html(self)

    def to_dataframe(self, library: str = "") -> Any:
        """Return the offers, a row each, as a data frame of "pandas" or "polars" ("" = the first that is installed); raise `PlannerError` where neither is."""
        return as_dataframe(self, library)
