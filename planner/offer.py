"""What a cloud sells: instance types, regions, and prices with their provenance. Plain records, no arithmetic."""

from decimal import Decimal

from planner.records import NamedTuple

__all__ = [
    "CATEGORIES",
    "CONFIDENCES",
    "OBSERVED",
    "PAYMENTS",
    "PURCHASE_OPTIONS",
    "InstanceType",
    "Price",
    "Region",
    "ServicePrice",
    "TransferPrice",
]

PURCHASE_OPTIONS = ("on_demand", "reserved", "savings_plan", "subscription", "spot", "capacity_block")
PAYMENTS = ("no_upfront", "partial_upfront", "all_upfront")
CONFIDENCES = ("high", "medium", "low", "own")
#: How the place of a price begins that a refresh has seen; the UTC time of the observation follows.
OBSERVED = "price book, observed "
CATEGORIES = ("compute", "egress", "inter_region", "storage", "ip", "tax")


class Region(NamedTuple):
    """A region by the cloud's own id; `groups` are price groups it belongs to (one price printed for several)."""

    provider: str
    id: str
    name_en: str
    name_zh: str
    sites: tuple[str, ...]
    groups: tuple[str, ...]
    source: str


class InstanceType(NamedTuple):
    """An instance type. `gpu_count` may be a fraction (a vGPU slice); `gpu_memory_gib` is per GPU, as printed.

    `gpu_model` is the name in planner/data/gpus.csv where the model is known, else the vendor's word (masked names
    stay masked). `network_gbps` is the total of the instance. `local_nvme_gb` is 0 where none is known.
    """

    provider: str
    name: str
    vcpu: int
    memory_gib: Decimal
    gpu_model: str
    gpu_count: Decimal
    gpu_memory_gib: Decimal | None
    network_gbps: Decimal | None
    local_nvme_gb: int
    source: str
    confidence: str
    note: str


class Price(NamedTuple):
    """One published (or observed, or the user's own) price of an instance type.

    unit: `hour` (per instance-hour run, or per hour of the term for commitments), `month` (per calendar month) or
    `term` (once per term). term: "" or "1m", "1y", "3y". payment: "" or one of PAYMENTS. offering: the cloud's class of
    commitment ("standard", "convertible", "ec2_instance", "compute") or "". tier_from/tier_to: hours that the
    instance has run, for hourly prices in steps; tier_to None is open. range_low: the low end where the source prints a
    range (amount is then the high end). status: "" = quotable, else why it is kept out ("superseded",
    "low", "expired"). effective_date: ISO date or "" where the source has none; `dated` then says what is known.
    origin: "list" (committed), "book" (observed by `planner refresh`) or "own" (the user's file).
    place: file:line, or the book's row, where the price stands.
    """

    provider: str
    site: str
    region: str
    instance_type: str
    purchase_option: str
    term: str
    payment: str
    offering: str
    unit: str
    amount: Decimal
    currency: str
    tier_from: Decimal
    tier_to: Decimal | None
    zone: str
    os: str
    effective_date: str
    dated: str
    source: str
    confidence: str
    status: str
    note: str
    origin: str
    place: str
    range_low: Decimal | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rows the same price; the catalogue holds each key once."""
        return (
            self.provider,
            self.site,
            self.region,
            self.instance_type,
            self.purchase_option,
            self.term,
            self.payment,
            self.offering,
            self.unit,
            self.currency,
            str(self.tier_from),
            self.zone,
            self.os,
        )


class TransferPrice(NamedTuple):
    """Price per GB leaving a region, by cumulative monthly tier. `from_gb`..`to_gb` (None: open) per calendar month.

    destination: "internet", "same_region" (another zone) or "inter_region" (another region; `to_region` names one
    where the price holds for that pair only). A free quota is a tier with amount 0 and `quota` True: it takes the
    first GB of the month whatever the tier.
    """

    provider: str
    site: str
    region: str
    destination: str
    to_region: str
    from_gb: Decimal
    to_gb: Decimal | None
    amount: Decimal
    currency: str
    quota: bool
    effective_date: str
    dated: str
    source: str
    confidence: str
    status: str
    note: str
    origin: str
    place: str


class ServicePrice(NamedTuple):
    """Price of what stands beside an instance. item: "block_storage", "public_ip", "nat_gateway", ...

    variant: the cloud's own word ("gp3", "cloud_essd:PL1"). unit: "GB-month", "GiB-hour", "hour", ... `default` marks
    the variant that a quote uses.
    """

    provider: str
    site: str
    region: str
    item: str
    variant: str
    unit: str
    amount: Decimal
    currency: str
    default: bool
    effective_date: str
    dated: str
    source: str
    confidence: str
    status: str
    note: str
    origin: str
    place: str
