"""The form's fields: the workload's keys, read from a query by the parser of workload.toml, each error at its field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from planner.errors import PlannerError, suggest
from planner.offer import PURCHASE_OPTIONS
from planner.precisions import PRECISIONS
from planner.presets import PRESETS
from planner.prices.places import AREAS, stays
from planner.records import NamedTuple
from planner.sizing.fit import check
from planner.units import MONTHS
from planner.workload import BASES, EGRESS_MONTHS, Workload, make, of_table

__all__ = ["FIELDS", "GROUPS", "Asked", "Field", "culprit", "meant", "read"]

Value = str | bool | tuple[str, ...]


class Field(NamedTuple):
    """A field. key: the workload's. kind: "text", "number", "date", "choice" (one of `words`), "names" and "lines" (several values, with
    commas or one a line), "many" (any of `words`, or of what is known), "flag". example: how a value is written, or the default."""

    key: str
    label: str
    kind: str = "text"
    example: str = ""
    words: tuple[str, ...] = ()

    @property
    def several(self) -> bool:
        """Whether it holds several values."""
        return self.kind in ("names", "lines", "many")


#: The groups are those of `planner quote --help-all`; the first, without a title, is always open.
GROUPS: tuple[tuple[str, tuple[Field, ...]], ...] = (
    (
        "",
        (
            Field("model", "Model", "text", "DeepSeek-R1-Distill-Qwen-7B"),
            Field("preset", "What it is used for", "choice", words=PRESETS),
            Field("rps", "Requests per second", "number"),
            Field("hours", "Hours in the window", "number", "720"),
            Field("provider", "Clouds", "many"),
            Field("region", "Regions", "names", "ID, ID; all"),
            Field("budget", "Budget", "number"),
            Field("currency", "Currency", "text", "USD"),
        ),
    ),
    (
        "What must run",
        (
            Field("name", "Name of the workload"),
            Field("use", "In use (instead of hours)", "text", "mon-fri 08-20 Asia/Shanghai x12"),
            Field("start", "First day", "date"),
            Field("precision", "Precision", "choice", "as the checkpoint is", tuple(PRECISIONS)),
            Field("kv_cache_dtype", "Width of the KV cache", "choice", "as the engine chooses", ("fp8",)),
            Field("engine", "Inference engine", "text", "NAME@VERSION"),
            Field("pipeline_gbps", "Slowest network of a split copy, Gbps", "number", "100"),
        ),
    ),
    (
        "Its load",
        (
            Field("concurrency", "Requests in flight", "number"),
            Field("tokens_per_second", "Output tokens per second", "number"),
            Field("input_tokens", "Prompt length, tokens", "number", "1024"),
            Field("output_tokens", "Answer length, tokens", "number", "512"),
            Field("context_tokens", "Longest context, tokens", "number"),
            Field("ttft_ms", "Limit on the first token, ms", "number"),
            Field("tpot_ms", "Limit per output token, ms", "number"),
            Field("headroom", "Capacity kept free", "number", "20%"),
            Field("count", "Number of instances", "number"),
            Field("spare", "Spare instances", "number", "0"),
        ),
    ),
    (
        "Traffic, disks, addresses",
        (
            Field("egress_gb", "Data out, GB a month", "number", "0"),
            Field("egress_to", "Data goes to", "text", "internet"),
            Field("egress_months", "Months used in part", "choice", EGRESS_MONTHS[0], EGRESS_MONTHS[1:]),
            Field("inter_region_gb", "Data to other regions, GB a month", "number", "0"),
            Field("storage_gb", "Disk per instance, GB", "number", "0"),
            Field("public_ips", "Public IPv4 addresses", "number", "0"),
        ),
    ),
    (
        "Where to look",
        (
            Field("data_stays", "Data stays in", "choice", words=tuple(AREAS)),
            Field("gpu", "GPUs", "names", "A100, L4"),
            Field("instance_type", "Instance types", "names"),
            Field("purchase_option", "Ways of buying", "many", words=PURCHASE_OPTIONS),
            Field("low_confidence", "Also prices of low confidence", "flag"),
        ),
    ),
    (
        "Money",
        (
            Field("budget_basis", "Budget is held to", "choice", BASES[0], BASES[1:]),
            Field("discount_rate", "Cost of money a year", "text", "10%"),
            Field("fiscal_year_start", "Fiscal year begins in", "choice", words=MONTHS),
            Field("fx", "Exchange rates", "lines", "USDCNY=7.10"),
            Field("discount", "Contracted discounts", "lines", "CLOUD=12%"),
            Field("tax", "Taxes", "lines", "6%"),
            Field("contract", "Framework contracts", "lines", "CLOUD=120000x12:8%:50%"),
            Field("tag", "Tags of the owner", "lines", "team=search"),
        ),
    ),
    ("Prices", (Field("max_age", "Days until prices are stale", "number", "90"),)),
)
FIELDS: dict[str, Field] = {field.key: field for _, fields in GROUPS for field in fields}
#: Keys of a workload that no page takes, and why.
KEPT = {"model_config": "it names a file, and a page reads none; `planner quote --model-config FILE` does"}


class Asked(NamedTuple):
    """What a query says. values: as typed; errors: of a field, by its key; wrong: what is of no field. heard: what the parser
    understood. workload: None where there is an error. lang, offer: what is shown. tidy: written as we would write it."""

    values: Mapping[str, Value]
    errors: Mapping[str, str]
    wrong: tuple[str, ...]
    heard: tuple[str, ...]
    workload: Workload | None
    lang: str
    offer: str
    tidy: bool

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The query again: the fields that say something, in the form's order."""
        found = [(key, self.values[key]) for key in FIELDS if key in self.values]
        return [(key, one) for key, value in found for one in _each(value)]


def _each(value: Value) -> Sequence[str]:
    if isinstance(value, tuple):
        return value
    return (str(value).lower(),) if isinstance(value, bool) else (value,)


def read(pairs: Iterable[tuple[str, str]], lang: str = "en") -> Asked:
    """Return what a query says; nothing raises. lang: the language where the query names none."""
    pairs = list(pairs)
    given: dict[str, list[str]] = {}
    wrong: list[str] = []
    own = {"lang": lang, "offer": ""}
    for key, text in pairs:
        if key in own:
            own[key] = text
        elif key in FIELDS:
            given.setdefault(key, []).append(text)
        else:
            why = KEPT.get(key) or suggest(key[:60], FIELDS)
            wrong.append(f"{key}: {why}" if key in KEPT else f"unknown key {key[:60]!r}: {why}")
    if own["lang"] not in ("en", "zh"):
        wrong.append(f"lang: no texts in {own['lang'][:20]!r}: en and zh are there")
        own["lang"] = lang
    values: dict[str, Value] = {}
    errors: dict[str, str] = {}
    for key, texts in given.items():
        _take(FIELDS[key], texts, values, errors)
    for key, value in values.items():
        if key not in errors and (said := _said({key: value})):
            errors[key] = said
    heard: list[str] = []
    work = None
    if not (errors or wrong):
        try:
            work = meant(values, heard.append)
        except PlannerError as exc:
            errors[culprit(values, str(exc), _said) or ""] = str(exc)
    if "" in errors:
        wrong.append(errors.pop(""))
    asked = Asked(values, errors, tuple(wrong[:20]), tuple(heard), work, own["lang"], own["offer"], True)
    return asked._replace(tidy=sorted(p for p in pairs if p[0] in FIELDS) == sorted(asked.pairs))


def _take(field: Field, texts: list[str], values: dict[str, Value], errors: dict[str, str]) -> None:
    """Put what a field was given among the values, in the kind that the parser takes."""
    if field.several:
        apart = "\n" if field.kind == "lines" else ",，\n"
        parts = [text.replace("\r", "\n") for text in texts]
        for sign in apart[:-1]:
            parts = [part.replace(sign, "\n") for part in parts]
        if found := tuple(one.strip() for part in parts for one in part.split("\n") if one.strip()):
            values[field.key] = found
        return
    said = [text.strip() for text in texts if text.strip()]
    if len(said) > 1:
        errors[field.key] = f"{field.key}: given {len(said)} times"
    if said:
        values[field.key] = (
            {"true": True, "on": True, "false": False}.get(said[0], said[0]) if field.kind == "flag" else said[0]
        )


def meant(values: Mapping[str, Value], heard: Callable[[str], None] | None = None) -> Workload:
    """Return the workload that values mean, as in a file; `MisuseError` or `NoOfferError` where there is none. heard: is told what was understood."""
    aside: dict[str, str] = {}
    work = of_table(dict(values), "", heard=heard, aside=aside)
    if aside.get("data_stays"):
        regions = stays(aside["data_stays"], work.provider, work.region, heard or (lambda said: None))
        work = make({"region": regions}, work)
    return work


def _said(values: Mapping[str, Value]) -> str:
    """Return why the parser refuses values, "" where it takes them."""
    try:
        work = meant(values)
        if set(values) == {"model"}:  # a name that nobody knows is told with the other errors, not after them
            check(work)
    except PlannerError as exc:
        return str(exc)
    return ""


def culprit(values: Mapping[str, Value], message: str, tried: Callable[[Mapping[str, Value]], str]) -> str:
    """Return the key without which the error `message` would not be; "" for none. tried: says the error of other values."""
    for key in values:
        if tried({name: value for name, value in values.items() if name != key}) != message:
            return key
    return ""
