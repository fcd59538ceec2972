"""`planner quote --tokens N --by WHEN`: what a batch with a deadline takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.cli.options import make_quote, make_workload, put, told
from planner.errors import BudgetError, MisuseError

if TYPE_CHECKING:
    from planner.prices.catalog import Catalog
    from planner.workload import Workload

#: The longest time to a deadline, in hours.
LONGEST = 366 * 24
MOST_TOKENS = 10**18
#: Words for powers of ten of tokens; the longer of two comes first.
_THOUSANDS = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12, "bn": 9, "k": 3, "m": 6, "b": 9, "t": 12}
#: Seconds in what a deadline may be counted in.
_SPANS = {"m": 60, "min": 60, "h": 3600, "hour": 3600, "d": 86_400, "day": 86_400, "w": 604_800, "week": 604_800}
_DEMANDS = ("rps", "concurrency", "tokens_per_second")


def batch(said: dict[str, str | None], values: dict[str, Any], catalog: Catalog, shown: dict[str, Any]) -> int:
    """Tell the cheapest way to make the tokens in time. said: tokens, by, spot_share, spot_interruption; shown: how it is told."""
    from planner.buying import batch as batches

    if shown["form"] not in ("table", "json"):
        raise MisuseError("--tokens: a batch is told as table or json, not as {shown}", shown=shown["form"])
    if said["tokens"] is None and said["by"] is None:
        lone = next(name for name, value in said.items() if value is not None).replace("_", "-")
        raise MisuseError("--{lone} needs --tokens and --by: it says how a batch is run", lone=lone)
    if said["tokens"] is None or said["by"] is None:
        lone, other = (
            ("--by", "--tokens 2e9") if said["tokens"] is None else ("--tokens", "--by 2026-12-05T08:00 or 48h")
        )
        raise MisuseError(f"{lone} needs {other.split()[0]}: say {other} as well")
    for name in ("hours", "use", *_DEMANDS):
        if values.get(name) is not None:
            other = "--by says how long" if name in ("hours", "use") else "the demand is --tokens"
            raise MisuseError(f"--{name.replace('_', '-')}: {other}: leave it out")
    tokens = tokens_of(said["tokens"])
    work = make_workload(values, batch=True)
    start = begin(work.start, catalog.as_of)
    end = deadline(said["by"], start)
    hours = (end - start) // timedelta(hours=1)
    work = _alone(work)
    share, lost = _shares(said)
    asked = batches.Asked(tokens, hours, work.count or batches.MOST, share, lost)
    work = work._replace(hours=Decimal(hours), count=0)
    made = batches.make(make_quote(work, catalog, brief=True, measurements=shown["measurements"]), asked)
    put(_text(made, (start, end), shown), shown["output"], shown["force"], people=shown["form"] == "table")
    cost, limit = made.best[0].run.cost, work.budget
    if limit is not None and cost > limit:
        from planner.money import show

        raise BudgetError(
            "nothing fits the budget of {limit} {currency}: the cheapest run costs {cost}",
            limit=show(limit),
            currency=work.currency,
            cost=show(cost),
        )
    return 0


def _text(made: Any, span: tuple[datetime, datetime], shown: dict[str, Any]) -> str:
    from planner.buying import batched

    if shown["form"] == "json":
        import json

        return json.dumps(batched.as_json(made, *span), indent=2, ensure_ascii=False) + "\n"
    from planner.i18n import translator
    from planner.rendering.words import seller, way

    return batched.table(made, *span, translator(shown["lang"]), way, seller)


def _alone(work: Workload) -> Workload:
    """Return the workload without the demand of its file or preset; that is said."""
    zero = {"rps": Decimal(0), "concurrency": 0, "tokens_per_second": Decimal(0)}
    for name, none in zero.items():
        if getattr(work, name) != none:
            told(f"the demand is --tokens: {name} {getattr(work, name)} is left out")
    if work.use:
        raise MisuseError("use: --by says how long: leave it out")
    if work.spare:
        raise MisuseError("--spare: a batch that ends has no spare machines: leave it out")
    return work._replace(**zero)  # type: ignore[arg-type]


def tokens_of(said: str) -> int:
    """Return a number of tokens: 2000000000, 2e9, 2,000,000,000, 2B, 2.5 billion; `MisuseError` for what is none or out of bounds."""
    label = "--tokens"
    word = said.strip().lower().removesuffix("tokens").strip().replace("_", "")
    whole, point, part = word.partition(".")
    groups = whole.split(",")
    if len(groups) > 1 and 0 < len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:]):
        word = "".join(groups) + point + part
    unit = next((u for u in _THOUSANDS if word.endswith(u) and word[: -len(u)].strip()[-1:].isdigit()), "")
    number, mark, power = word.removesuffix(unit).strip().partition("e")
    tens = power.removeprefix("+")
    fine = number.isascii() and number.replace(".", "", 1).removeprefix("-").isdigit() and len(number) < 60
    if not fine or (mark and not (tens.isascii() and tens.isdigit() and len(tens) <= 3)):
        raise MisuseError(
            "{label}: {what!r} is no number of tokens: write it like 2e9, 2B or 2000000000", label=label, what=said[:40]
        )
    value = Decimal(number).scaleb((int(tens) if mark else 0) + _THOUSANDS.get(unit, 0))
    if not 1 <= value <= MOST_TOKENS:
        raise MisuseError("{label}: {what} is outside 1 to 1e18", label=label, what=said[:40])
    if value != value.to_integral_value():
        raise MisuseError("{label}: {what} is not a whole number of tokens", label=label, what=said[:40])
    return int(value)


def begin(day: str, as_of: str) -> datetime:
    """Return when the work begins: on the first day of the window, else now (with --as-of: that day)."""
    if day or as_of:
        return datetime.fromisoformat(day or as_of).replace(tzinfo=UTC)
    return datetime.now(UTC).replace(second=0, microsecond=0)


def deadline(said: str, start: datetime) -> datetime:
    """Return when a deadline is: a time after `start` (48, 48h, 3 days, 2d12h), or a day and time, UTC where no zone is said."""
    after = _span(said)
    end = start + timedelta(seconds=after) if after is not None else _until(said.strip(), start)
    if end - start > timedelta(hours=LONGEST):
        raise MisuseError(
            "--by {what}: more than a year off ({longest:,} hours): that is no batch; size it by --rps",
            what=said[:40],
            longest=LONGEST,
        )
    if end - start < timedelta(hours=1):
        raise MisuseError("--by {what}: less than an hour after the start: the shortest run is 1 hour", what=said[:40])
    return end


def _span(said: str) -> int | None:
    """Return the seconds of a span of time (hours where no unit is said), None for what is none."""
    from planner.money import bounded

    rest, seconds = "".join(said.lower().split()), 0
    while rest:
        number = next((rest[:n] for n in range(len(rest), 0, -1) if _plain(rest[:n])), "")
        rest = rest[len(number) :]
        unit = next((rest[:n] for n in range(len(rest), 0, -1) if rest[:n].isalpha()), "h")
        rest = rest.removeprefix(unit)
        each = _SPANS.get(unit) or _SPANS.get(unit.removesuffix("s"))
        if not number or each is None:
            return None
        seconds += int(bounded(number, "--by", 0, LONGEST) * each)
    return seconds if said.strip() else None


def _plain(word: str) -> bool:
    digits = word.replace(".", "", 1)
    return digits.isascii() and digits.isdigit() and word[-1] != "."


def _until(word: str, start: datetime) -> datetime:
    try:
        day, _, zone = word.rpartition(" ")
        if "/" in zone:  # a place, as in --use
            from zoneinfo import ZoneInfo

            end = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        else:
            end = datetime.fromisoformat(word.removesuffix(" UTC"))
            end = end.replace(tzinfo=UTC) if end.tzinfo is None else end.astimezone(UTC)
    except (ValueError, OverflowError, OSError, KeyError):
        raise MisuseError(
            "--by: {word!r} is no time: write 2026-12-05T08:00 (UTC, or with +08:00 or Asia/Shanghai), or hours: 48h",
            word=word[:40],
        ) from None
    if end <= start:
        raise MisuseError(
            "--by {word}: is not after the start, {start:%Y-%m-%d %H:%M} UTC: say a later deadline",
            word=word[:40],
            start=start,
        )
    return end


def _shares(said: dict[str, str | None]) -> tuple[Decimal, Decimal]:
    from planner.money import percent_of

    lost = percent_of(said["spot_interruption"] or "5%", "--spot-interruption")
    if lost >= 1:
        raise MisuseError("--spot-interruption: 100 % of the work is lost: no spot hour ends")
    if lost * 100 % 1:
        raise MisuseError("--spot-interruption: {what}: say it in whole percent", what=said["spot_interruption"])
    share = percent_of(said["spot_share"] or "100%", "--spot-share")
    if share * 100 % 1:
        raise MisuseError("--spot-share: {what}: say it in whole percent", what=said["spot_share"])
    return share, lost


def alone(
    said: dict[str, str | None],
    values: dict[str, Any],
    catalog: Catalog,
    other: tuple[str | None, ...],
    shown: tuple[str, str | None, bool, str, str | None],
) -> int:
    """Tell a batch with a deadline; other: options that say nothing of one."""
    names = ("from-tf", "replay", "compare", "charts", "offer", "own", "beside-apis", "target")
    for name, given in zip(names, other, strict=True):
        if given is not None:
            why = "says nothing of a batch (--tokens): leave it out"
            if name == "own":
                why = (
                    "what is bought is paid for its whole life, however short a batch is: leave it out; "
                    "planner rent-or-buy --own FILE tells what a million tokens of it cost beside the rent's"
                )
            raise MisuseError(f"--{name}: {why}")
    return batch(
        said, values, catalog, dict(zip(("form", "output", "force", "lang", "measurements"), shown, strict=True))
    )
