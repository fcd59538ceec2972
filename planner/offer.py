"""What a cloud sells: instance types, regions, and prices with their provenance. Plain records, no arithmetic.

What makes two prices the same is said here and nowhere else: rows of one `group` are replaced together (by a newer
observation, or by the user's own price), and of one `key` there is one amount at a time. Both are hashable; compare
them, do not take them apart.
"""

from decimal import Decimal

from planner.records import NamedTuple

#: A group or a key of a priced record.
Key = tuple[object, ...]

__all__ = [
    "CATEGORIES",
    "CONFIDENCES",
    "MARKETS",
    "OBSERVED",
    "PAYMENTS",
    "PURCHASE_OPTIONS",
    "TERMS",
    "Driver",
    "InstanceType",
    "Key",
    "Price",
    "Priced",
    "Region",
    "ServicePrice",
    "Source",
    "TransferPrice",
    "Way",
]

PURCHASE_OPTIONS = ("on_demand", "reserved", "savings_plan", "subscription", "spot", "capacity_block")
PAYMENTS = ("no_upfront", "partial_upfront", "all_upfront")
#: Terms of a commitment: months and years.
TERMS = frozenset([*(f"{n}m" for n in range(1, 61)), *(f"{n}y" for n in range(1, 11))])
MARKETS = ("mainland", "abroad")
CONFIDENCES = ("high", "medium", "low", "own")
#: How the place of a price begins that a refresh has seen; the UTC time of the observation follows.
OBSERVED = "price book, observed "
CATEGORIES = ("compute", "egress", "inter_region", "storage", "ip", "contract", "tax")


class Region(NamedTuple):
    """A region by the cloud's own id; `groups` are price groups it belongs to (one price printed for several).

    market: one of MARKETS, whether it is in mainland China; hosts of images, packages and models differ by it. zone_of: the
    region that it is a zone of, for a zone with prices of its own (Local Zone, Wavelength): such a place is looked at only
    where it is named. "" for a region.
    """

    provider: str
    id: str
    name_en: str
    name_zh: str
    sites: tuple[str, ...]
    groups: tuple[str, ...]
    source: str
    market: str = "abroad"
    zone_of: str = ""


class Driver(NamedTuple):
    """The GPU driver that a cloud's machines get.

    version: "595.91.07". how: "image" where the machine image brings it, else the name of what installs it. cuda, cudnn: the
    versions that come with it, "" where none does. source, as_of: who says so, and when that was read.
    """

    version: str
    how: str
    cuda: str = ""
    cudnn: str = ""
    source: str = ""
    as_of: str = ""
    note: str = ""

    @property
    def branch(self) -> int:
        """NVIDIA's branch: 595 of 595.91.07."""
        return int(self.version.split(".")[0])


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


class Way(NamedTuple):
    """One way to buy one type in one place.

    purchase_option: one of PURCHASE_OPTIONS. term: "" or "1m", "1y", "3y". payment: "" or one of PAYMENTS. offering: the
    cloud's class of commitment ("standard", "convertible", "compute") or "". zone: "" where the price
    holds in the whole region.
    """

    provider: str
    site: str
    region: str
    instance_type: str
    purchase_option: str
    term: str = ""
    payment: str = ""
    offering: str = ""
    zone: str = ""
    os: str = "linux"

    @property
    def anywhere(self) -> "Way":
        """The same in whatever zone."""
        return self._replace(zone="") if self.zone else self


class Source(NamedTuple):
    """Who says a price, since when, and when that was confirmed.

    text: whom we have it from, in words. as_of: the ISO date since when it holds, or "" where the source has none; `dated`
    then says what is known. confidence: one of CONFIDENCES. origin: "list" (committed), "book" (observed by `planner
    refresh`) or "own" (the user's file). place: file:line, or the book's row, where it stands. observed: the UTC time at
    which a cloud answered so ("2026-11-23T10:00:00Z"), "" where none was asked. group: the group of regions that the
    source prints it for, "" where it is for the region itself. confirmed: the ISO date on which another source last showed
    the price unchanged, "" where none did.
    """

    text: str
    as_of: str
    dated: str
    confidence: str
    origin: str
    place: str = ""
    observed: str = ""
    group: str = ""
    confirmed: str = ""

    @property
    def seen(self) -> str:
        """The last day on which the price is known to have held, "" where no day is: its age counts from here.

        What a cloud answered on a day held on that day, however long ago the price became effective.
        """
        return self.observed[:10] or max(self.as_of[:10], self.confirmed)


class Price(NamedTuple):
    """One published (or observed, or the user's own) price of an instance type.

    unit: `hour` (per instance-hour run, or per hour of the term for commitments), `month` (per calendar month) or
    `term` (once per term). tier_from/tier_to: hours that the instance has run, for hourly prices in steps; tier_to None
    is open. range_low: the low end where the source prints a range (amount is then the high end). status: "" =
    quotable, else why it is kept out ("superseded", "low", "expired").
    """

    way: Way
    unit: str
    amount: Decimal
    currency: str
    source: Source
    tier_from: Decimal = Decimal(0)
    tier_to: Decimal | None = None
    status: str = ""
    note: str = ""
    range_low: Decimal | None = None

    @property
    def group(self) -> Way:
        """The way to buy without its zone.

        Steps (tier_from), the parts of a commitment (unit), zones and currency are inside a group: a new flat price must
        not stand beside yesterday's third step, nor a zone's spot price beside an older one of the whole region.
        """
        return self.way.anywhere

    @property
    def key(self) -> Key:
        """The way to buy, the part of it that is paid (unit, step) and the currency."""
        return (self.way, self.unit, self.currency, self.tier_from)

    @property
    def provider(self) -> str:
        """The cloud; this and the following are the way's, so that every priced record answers to them."""
        return self.way.provider

    @property
    def site(self) -> str:
        return self.way.site

    @property
    def region(self) -> str:
        return self.way.region

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
    def zone(self) -> str:
        return self.way.zone

    @property
    def os(self) -> str:
        return self.way.os


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
    source: Source
    quota: bool = False
    status: str = ""
    note: str = ""

    @property
    def group(self) -> Key:
        """The lane. A free quota is a group of its own, since some clouds sell tiers in one call and tell the quota in prose."""
        return (self.provider, self.site, self.region, self.destination, self.to_region, self.quota)

    @property
    def key(self) -> Key:
        """The lane, where the tier begins, and the currency."""
        return (*self.group, self.from_gb, self.currency)


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
    source: Source
    default: bool = False
    status: str = ""
    note: str = ""

    @property
    def group(self) -> Key:
        """The variant by its unit: a disk by the hour and the same by the month are two things."""
        return (self.provider, self.site, self.region, self.item, self.variant, self.unit)

    @property
    def key(self) -> Key:
        """The group and the currency."""
        return (*self.group, self.currency)


Priced = Price | TransferPrice | ServicePrice
