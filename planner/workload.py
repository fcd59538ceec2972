"""What must run: the workload, from options or a TOML file, checked as a whole before anything is priced."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from operator import attrgetter

from planner import asides
from planner.duty import parse
from planner.errors import MisuseError, suggest
from planner.files import read_toml
from planner.harmless import one_line
from planner.money import (
    Contract,
    Tax,
    bounded,
    contracts_of,
    currency_of,
    decimal_of,
    pair_of,
    pairs_of,
    percent_of,
    seen,
    tax_of,
    taxes_given,
)
from planner.offer import PURCHASE_OPTIONS
from planner.precisions import PRECISIONS, precision_of
from planner.records import NamedTuple
from planner.tags import tags_of
from planner.units import Window, add_months, iso_date, month_of, months_from

__all__ = ["BASES", "PRECISIONS", "Load", "Workload", "from_toml", "in_time", "make", "of_table", "unsaid"]

#: Amounts by which offers are compared, wherever one is named (planner.quoting.choose says what each is).
BASES = ("obligation", "effective", "billed", "committed", "present-value", "per-token")
KV_DTYPES = ("", "fp8")
#: Whether a month that is used in part pays for the traffic of that part, or of all of it.
EGRESS_MONTHS = ("prorated", "begun")


class Load(NamedTuple):
    """What of a workload decides how many instances it takes: exactly the sizing's inputs, and the key of its cache.

    Field names are the workload's; `Workload.load` makes it.
    """

    model: str
    model_config: str
    precision: str
    engine: str
    count: int  # type: ignore[assignment]  # as in Workload
    spare: int
    input_tokens: int
    output_tokens: int
    context_tokens: int
    rps: Decimal
    concurrency: int
    tokens_per_second: Decimal
    ttft_ms: Decimal
    tpot_ms: Decimal
    headroom: Decimal
    kv_cache_dtype: str
    pipeline_gbps: int


_load_of = attrgetter(*Load._fields)


class Workload(NamedTuple):
    """A workload. Every field has the name of its option (`--egress-gb` is `egress_gb`, also in TOML).

    hours: length of the window, or of the part of it in which the capacity runs (use: how, planner.duty; "" = all the time). start: ISO date of its first day, or "" (then months are counted as in units.py).
    count: number of instances, or 0 to let the sizing decide. egress_gb, inter_region_gb: GB per calendar month;
    storage_gb: GB per instance kept for the whole window. headroom: share of capacity kept free (0.2). budget: in
    `currency`, or None. Empty tuples mean "all" (region: the providers' home regions). discount: (scope, share) where
    scope is a provider or provider:purchase_option. fx: (pair, rate) given by the user.
    rps, concurrency, tokens_per_second: the demand (0 = not given); ttft_ms, tpot_ms: latency limits (0 = none).
    spare: instances beyond the need (1 = N+1). tax: share added as tax rows (0 = not modelled). taxes: those of a provider,
    of provider:site, or of all ("") that are not simply added (planner.money.Tax). discount_rate: nominal
    cost of money a year (0.1 = 10 %), or None: then offers are recommended by what they oblige to pay. budget_basis: a
    word of BASES, what the budget is held to (0.1.0 held it to what is billed). precision: "auto" is what the model's
    checkpoint is in. kv_cache_dtype: width of the KV cache, "" for the engine's own choice. egress_months: whether the traffic
    of a month used in part is "prorated" or counts from when it is "begun" (as in 0.1.0). tag: of the owner, for bills and modules.
    fiscal_year_start: the month with which a fiscal year begins (0: not told). contract: planner.money.Contract. pipeline_gbps: the slowest network over
    which one copy may be split (100: below it a cloud has TCP only, which is taken on the user's word).
    """

    name: str = ""
    hours: Decimal = Decimal(720)
    start: str = ""
    model: str = "DeepSeek-R1-Distill-Qwen-7B"
    model_config: str = ""
    precision: str = "auto"
    engine: str = ""
    count: int = 0  # type: ignore[assignment]  # the option's own word; tuple.count is not used
    spare: int = 0
    input_tokens: int = 1024
    output_tokens: int = 512
    context_tokens: int = 0
    rps: Decimal = Decimal(0)
    concurrency: int = 0
    tokens_per_second: Decimal = Decimal(0)
    ttft_ms: Decimal = Decimal(0)
    tpot_ms: Decimal = Decimal(0)
    egress_gb: Decimal = Decimal(0)
    egress_to: str = "internet"
    inter_region_gb: Decimal = Decimal(0)
    storage_gb: Decimal = Decimal(0)
    public_ips: int = 0
    provider: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    gpu: tuple[str, ...] = ()
    instance_type: tuple[str, ...] = ()
    purchase_option: tuple[str, ...] = ()
    headroom: Decimal = Decimal("0.2")
    budget: Decimal | None = None
    currency: str = "USD"
    discount: tuple[tuple[str, Decimal], ...] = ()
    fx: tuple[tuple[str, Decimal], ...] = ()
    tax: Decimal = Decimal(0)
    max_age: int = 90
    low_confidence: bool = False
    discount_rate: Decimal | None = None
    budget_basis: str = "obligation"
    kv_cache_dtype: str = ""
    egress_months: str = "prorated"
    taxes: tuple[Tax, ...] = ()
    use: str = ""
    tag: tuple[tuple[str, str], ...] = ()
    fiscal_year_start: int = 0
    contract: tuple[Contract, ...] = ()
    pipeline_gbps: int = 100

    @property
    def load(self) -> Load:
        """What the sizing is asked, without prices and places."""
        return Load._make(_load_of(self))

    @property
    def window(self) -> Window:
        """What is paid for."""
        span = parse(self.use).months if self.use else 0
        return Window(self.hours, self.start, self.egress_months == "prorated", span)


def unsaid(said: Mapping[str, object]) -> dict[str, object]:
    """Return the fields that came after 0.1.0, each with the value that a saved quote means by not naming it.

    Files and hashes leave a field out at that value, so that those of 0.1.0 hold: a `budget` without a basis was judged by
    what is billed, and of a month begun all traffic was paid. Without a budget, or traffic, these say nothing.
    said: the fields that tell (`Workload._asdict()`, or as a file has them).
    """
    usual = Workload._field_defaults
    basis = usual["budget_basis"] if said.get("budget") is None else "billed"
    still = not any(str(said.get(name, 0)).strip("0.") for name in ("egress_gb", "inter_region_gb"))
    months = usual["egress_months"] if still else "begun"
    quiet = ("discount_rate", "kv_cache_dtype", "taxes", "use", "tag", "fiscal_year_start", "contract", "pipeline_gbps")
    return {**{name: usual[name] for name in quiet}, "budget_basis": basis, "egress_months": months}


MAX_HOURS = Decimal(24 * 366 * 10)
_LISTS = ("provider", "region", "gpu", "instance_type", "purchase_option")
_WHOLE = {
    "count": (0, 10_000),
    "spare": (0, 1_000),
    "input_tokens": (1, 10_000_000),
    "output_tokens": (1, 10_000_000),
    "context_tokens": (0, 10_000_000),
    "concurrency": (0, 1_000_000),
    "public_ips": (0, 100_000),
    "max_age": (0, 36_500),
    "pipeline_gbps": (1, 100_000),
}
_AMOUNTS = ("rps", "tokens_per_second", "ttft_ms", "tpot_ms", "egress_gb", "inter_region_gb", "storage_gb")


def make(
    values: Mapping[str, object],
    base: Workload | None = None,
    where: str = "",
    *,
    saved: bool = False,
    heard: Callable[[str], None] | None = None,
) -> Workload:
    """Return the workload that `values` (option names with underscores) describe, on top of `base`.

    Values may be text as typed or TOML values. An unknown key, a value of the wrong kind or out of bounds raises
    `MisuseError`; `where` (a file's name) stands before the message. saved: the values are those of a saved file, whose
    `count` 0 means that the sizing decided, and which may hold a discount of 100 % (0.1.0 took it). heard: is told what a `preset`
    among the values stands for (planner.presets).
    """
    at = f"{where}: " if where else ""
    if "preset" in values and not saved:
        from planner.presets import expanded

        values = expanded(values, at, heard)
    fields: dict[str, object] = {}
    for key, value in values.items():
        if key not in Workload._fields:
            near = suggest(key, (*Workload._fields, *asides.KEYS))
            raise MisuseError("{at}unknown key {key!r}: {near}", at=at, key=key[:60], near=near)
        try:
            if key == "tax" and not saved:
                fields |= taxes_given(value)
                continue
            fields[key] = _field(key, value)
            if not saved:
                _worth_asking(key, fields[key])
        except MisuseError as exc:
            told = exc if len(str(exc)) <= 400 else f"{str(exc)[:397]}..."
            raise MisuseError("{at}{error}", at=at, error=told) from None
    made = (base or Workload())._replace(**fields)  # type: ignore[arg-type]
    if made.use and "hours" in values and not saved:
        if "use" in values:
            raise MisuseError("{at}--use says how many hours there are: leave out --hours", at=at)
        made = made._replace(use="")
    if not made.use:
        return made
    hours = _used(made)
    if saved and made.hours != hours:
        raise MisuseError(f"{at}hours is {made.hours}, but {made.use!r} is {hours}")
    return made._replace(hours=hours)


def _used(work: Workload) -> Decimal:
    """Return the hours of a workload's use, at most what its months have; without a first day those of average months."""
    use = parse(work.use)
    if not work.start:
        return use.average
    return sum(use.by_month(months_from(work.start, use.months)), Decimal(0))


def in_time(work: Workload, today: str) -> Workload:
    """Return a workload that runs part of the time with its first day: the first of the month after `today` if none is given."""
    if not work.use or work.start:
        return work
    first = add_months(date.fromisoformat(today).replace(day=1), 1).isoformat()
    return work._replace(start=first, hours=_used(work._replace(start=first)))


def _worth_asking(key: str, value: object) -> None:
    """Raise `MisuseError` for a value within bounds by which nothing is asked: no instances, or all of them for free."""
    if key == "count" and value == 0:
        raise MisuseError("--count: 0 instances run nothing; give at least 1, or leave it out and the sizing decides")
    if key == "discount" and isinstance(value, tuple):
        for scope, share in value:
            if share == 1:
                raise MisuseError("--discount {scope}: a discount of 100 % leaves no price to compare", scope=scope)


def _field(key: str, value: object) -> object:
    label = "--" + key.replace("_", "-")
    if isinstance(value, int) and value.bit_length() > 200:
        raise MisuseError("{label}: a number of more than 60 digits", label=label)
    if key == "hours":
        hours = decimal_of(value, label)
        if not 0 < hours <= MAX_HOURS:
            raise MisuseError(
                "{at}: {n} is outside 0 (exclusive) to {most} hours (ten years)", at=label, n=value, most=MAX_HOURS
            )
        return bounded(hours, label, 0, MAX_HOURS)
    if key in _LISTS:
        return _names(key, label, value)
    if key in _WHOLE:
        return _whole(label, value, *_WHOLE[key])
    if key in _AMOUNTS:
        return bounded(value, label, 0, 10**12)
    if key == "precision":
        return precision_of(value, label)
    if key == "kv_cache_dtype":
        word = str(value).lower()
        word = {"auto": "", "fp8_e4m3": "fp8"}.get(word, word)
        if word not in KV_DTYPES:
            raise MisuseError("{label}: unknown width {value!r}: write auto or fp8", label=label, value=value)
        return word
    if key in ("headroom", "tax"):
        share = percent_of(value, label)
        if key == "headroom" and share >= 1:
            raise MisuseError("{label}: a headroom of 100 % leaves nothing to work with", label=label)
        return share
    if key in ("budget_basis", "egress_months"):
        known = BASES if key == "budget_basis" else EGRESS_MONTHS
        word = str(value).lower().replace("_", "-")
        if word not in known:
            raise MisuseError("{label}: {value}: {near}", label=label, value=seen(value), near=suggest(word, known))
        return word
    if key == "fiscal_year_start":
        return month_of(value, label) if value else 0
    if key in ("contract", "tag"):
        return contracts_of(value) if key == "contract" else tags_of(value)
    if key == "use":
        return parse(str(value)).text if value else ""
    if key == "discount_rate":
        return None if value is None else percent_of(value, label)
    if key == "budget":
        if value is None:
            return None
        limit = decimal_of(value, label)
        if limit <= 0:
            raise MisuseError("{label}: {value} is not above zero", label=label, value=value)
        return bounded(limit, label, 0, 10**15)
    if key == "currency":
        return currency_of(label, str(value))
    if key == "taxes":
        return tuple(sorted(tax_of(scope, said) for scope, said in pairs_of(label, value)))
    if key == "discount":
        return tuple(sorted(_discount(label, scope, share) for scope, share in pairs_of(label, value)))
    if key == "fx":
        return tuple(sorted(pair_of(label, pair, rate) for pair, rate in pairs_of(label, value)))
    if key == "low_confidence":
        if not isinstance(value, bool):
            raise MisuseError("{label}: expected true or false, got {value}", label=label, value=seen(value))
        return value
    return _text(key, label, value)


def _text(key: str, label: str, value: object) -> str:
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        if key == "start" and hasattr(value, "isoformat") and hasattr(value, "year"):
            value = value.isoformat()[:10]  # TOML's own date or time
        else:
            raise MisuseError("{label}: expected text, got {value}", label=label, value=seen(value))
    text = str(value).strip()
    if len(text) > 500 or one_line(text) != text:
        raise MisuseError("{label}: at most 500 characters, none of them a control character", label=label)
    if key == "start" and text:
        text = iso_date(text, label)
    return text


def _names(key: str, label: str, value: object) -> tuple[str, ...]:
    raw = [value] if isinstance(value, str) else value
    if not isinstance(raw, (list, tuple)) or not all(isinstance(v, str) and v.strip() for v in raw):
        raise MisuseError("{label}: expected a name or a list of names, got {value}", label=label, value=seen(value))
    names = tuple(dict.fromkeys(v.strip() for v in raw))
    if len(raw) > 1000 or any(len(name) > 200 or not name.isprintable() for name in names):
        raise MisuseError(f"{label}: at most 1,000 names of at most 200 characters, none of them a control character")
    if key == "purchase_option":
        names = tuple(n.replace("-", "_") for n in names)
        for name in names:
            if name not in PURCHASE_OPTIONS:
                raise MisuseError(f"{label}: unknown purchase option {name!r}: {suggest(name, PURCHASE_OPTIONS)}")
    return names


def _whole(label: str, value: object, low: int, high: int) -> int:
    number = decimal_of(value, label)
    if number != number.to_integral_value() or not low <= number <= high:
        raise MisuseError(
            "{at}: {value} is not a whole number from {low:,} to {high:,}", at=label, value=value, low=low, high=high
        )
    return int(number)


def _discount(label: str, scope: str, share: object) -> tuple[str, Decimal]:
    provider, colon, option = scope.replace("/", ":").partition(":")
    option = option.replace("-", "_")
    if colon and option not in PURCHASE_OPTIONS:
        raise MisuseError(f"{label}: unknown purchase option {option!r}: {suggest(option, PURCHASE_OPTIONS)}")
    if not provider:
        raise MisuseError("{label}: {scope!r}: write PROVIDER=12% or PROVIDER:reserved=5%", label=label, scope=scope)
    return (provider + colon + option, percent_of(share, f"{label} {scope}"))


def from_toml(path: str, base: Workload | None = None, heard: Callable[[str], None] | None = None) -> Workload:
    """Return the workload in a TOML file: keys at the top or in `[workload]`, and tables `[fx]` and `[discount]`."""
    return of_table(read_toml(path, "workload", asides.MOST), f"workload {path}: ", base, heard)


def of_table(
    data: dict[str, object],
    where: str,
    base: Workload | None = None,
    heard: Callable[[str], None] | None = None,
    aside: dict[str, str] | None = None,
) -> Workload:
    """Return the workload of a file's keys; `count = 0` leaves the number to the sizing, as the field's default does. where: begins errors.

    aside: takes what the file says beside the workload (planner.asides); None: that is refused.
    """
    data = dict(data)
    served = data.get("engine")
    if isinstance(served, dict):  # [engine] with name and kv_cache_dtype
        for other in sorted(set(served) - {"name", "kv_cache_dtype"}):
            raise MisuseError(f"{where}[engine] knows name and kv_cache_dtype, not {other!r}")
        del data["engine"]
        data |= {"engine" if key == "name" else key: value for key, value in served.items()}
    inner = data.pop("workload", {})
    if not isinstance(inner, dict):
        raise MisuseError("{where}[workload] must be a table", where=where)
    for both in sorted(set(inner) & set(data)):
        raise MisuseError("{where}{both!r} stands twice, at the top and in [workload]", where=where, both=both)
    if isinstance({**data, **inner}.get("demand"), dict):
        raise MisuseError(f"{where}[demand] is for `planner commit` and `planner portfolio`; name one load here")
    values = {**data, **inner}
    values = asides.without(values, where, aside)
    decides = values.get("count") == 0 and values.pop("count") == 0  # a file with every key says so by the default
    made = make(values, base, where.removesuffix(": "), heard=heard)
    return made._replace(count=0) if decides else made
