"""The result of a quote, as plain records: what renderers, Terraform and comparisons read.

A `Quote` is complete: `planner.rendering.json` writes all of it and `planner.rendering.json.load` reads it back to the same
bytes, so a saved quote can be shown, compared and emitted later without a catalogue.
"""

from decimal import Decimal

from planner.money import Fx
from planner.records import NamedTuple
from planner.sizing import Sizing
from planner.workload import Workload

__all__ = [
    "Amounts",
    "Budget",
    "Charge",
    "Gap",
    "Gpu",
    "HourStep",
    "Offer",
    "Quote",
    "Rate",
    "Rejected",
    "Stale",
    "Totals",
]

SCHEMA = "planner.quote/1"


class Charge(NamedTuple):
    """One line of a cost, in the currency it is billed in.

    amount = quantity x unit_price = the effective cost in the window (upfront payments spread over their term).
    unit_price is the contracted price, list_unit_price the published one; they are equal without a discount.
    list = quantity x list_unit_price. billed: cash in the window. committed: what is owed over the term (0 for pay as
    you go). formula says in words and numbers how quantity and unit_price came about. source, as_of ("" = undated),
    confidence and place point at the price row; tier names the step ("0-100 GB"), "" without steps.
    """

    name: str
    category: str
    unit: str
    quantity: Decimal
    unit_price: Decimal
    list_unit_price: Decimal
    currency: str
    amount: Decimal
    list: Decimal
    billed: Decimal
    committed: Decimal
    tier: str
    formula: str
    source: str
    as_of: str
    dated: str
    confidence: str
    origin: str
    place: str


class Amounts(NamedTuple):
    """The four totals, in one currency. Each is the sum of the charges' field of that name (effective: `amount`)."""

    list: Decimal
    effective: Decimal
    billed: Decimal
    committed: Decimal


class Totals(NamedTuple):
    """`native` in the currency the cloud bills; `report` the same in the quote's currency at the quote's rate."""

    native_currency: str
    native: Amounts
    report: Amounts


class Gpu(NamedTuple):
    """GPUs of one instance; memory_gib is per GPU (None: not known)."""

    model: str
    count: Decimal  # type: ignore[assignment]  # the field's own word; tuple.count is not used
    memory_gib: Decimal | None


class Commitment(NamedTuple):
    """The raw numbers of a commitment, per instance, native currency, contracted: what a workbook needs to recompute.

    term "1m".."5y"; term_hours for hourly commitments (AWS), term_months for calendar ones. upfront per term,
    hourly per hour of the term, monthly per calendar month; absent parts are 0. terms: how many terms the window needs.
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


class Rate(NamedTuple):
    """One step of a price that an offer is or could be made of, at list: what lets a file recompute it.

    part: "compute" (the offer's own rows), "on_demand" (the same type by the hour, for the break-even), "egress",
    "inter_region", "storage" or "ip". start..end: hours run or GB a month that this step covers (end None: open);
    quota: the first `end` GB of a month are free. Other fields as in `Charge`.
    """

    part: str
    item: str
    unit: str
    start: Decimal
    end: Decimal | None
    amount: Decimal
    currency: str
    quota: bool
    source: str
    as_of: str
    dated: str
    confidence: str
    origin: str
    place: str


class HourStep(NamedTuple):
    """A step of an hourly price: hours tier_from to tier_to (None: no end) of the window at list_unit_price an hour."""

    tier_from: Decimal
    tier_to: Decimal | None
    list_unit_price: Decimal


class Offer(NamedTuple):
    """One way to run the workload: an instance type in a region, bought in one way.

    site: the price book ("aws", "aws-cn", "china", "international", ...). market: the price moves (spot).
    break_even_hours: hours a month from which this commitment is cheaper than on-demand of the same type and region
    (None: not a commitment, or no on-demand price, or never within a month). unpriced: parts of the workload for which
    no price exists; the totals leave them out and the offer ranks after complete ones. notes: what a reader must know, in sentences. prices: every price that the offer could
    need, also beyond the workload (`build.quote(..., with_prices=True)`; else empty). hour_steps: all
    steps of an hourly price that depends on the hours run, also those that this window does not reach; () when one price
    holds for every hour.
    """

    id: str
    provider: str
    site: str
    region: str
    zone: str
    instance_type: str
    vcpu: int
    memory_gib: Decimal
    network_gbps: Decimal | None
    local_nvme_gb: int
    gpu: Gpu
    count: int  # type: ignore[assignment]
    purchase_option: str
    term: str
    payment: str
    offering: str
    market: bool
    charges: tuple[Charge, ...]
    totals: Totals
    commitment: Commitment | None
    break_even_hours: int | None
    on_demand_hourly: Decimal | None
    unpriced: tuple[str, ...]
    sizing: Sizing
    cost_per_million_output: Decimal | None
    cost_per_million_tokens: Decimal | None
    notes: tuple[str, ...]
    prices: tuple[Rate, ...] = ()
    hour_steps: tuple[HourStep, ...] = ()


class Rejected(NamedTuple):
    """An instance type that does not serve the workload, and why."""

    provider: str
    region: str
    instance_type: str
    reason: str


class Gap(NamedTuple):
    """A price that does not exist in the catalogue: the message holds for `region`; the other names may be ""."""

    provider: str
    region: str
    instance_type: str
    purchase_option: str
    message: str


class Stale(NamedTuple):
    """A provider whose prices are older than the limit; as_of is the oldest used ("" = a price without a date)."""

    provider: str
    as_of: str
    limit_days: int
    message: str


class AsOf(NamedTuple):
    """Dates of the prices that a provider's offers were made of; "" where undated. undated counts those."""

    provider: str
    oldest: str
    newest: str
    undated: int
    origin: str


class Budget(NamedTuple):
    """limit in the report currency; cheapest is the cheapest complete offer's billed total, None if there is none."""

    limit: Decimal
    currency: str
    fits: bool
    cheapest: Decimal | None


class Quote(NamedTuple):
    """Everything about one quote. offers: cheapest effective first, incomplete ones after complete ones.

    quoted_on: the date against which ages are counted (an argument, never the clock). months: billing months of the
    window. hash: 12 digits of a SHA-256 over workload, rates and totals. reference_types: instance types that a table
    shows whatever their rank.
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
    notes: tuple[str, ...]
    hash: str
    reference_types: tuple[str, ...] = ()
