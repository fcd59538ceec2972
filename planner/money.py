"""Money: a Decimal and its ISO 4217 code; two currencies never add up without a named rate.

Nothing here rounds. `show` is for people and lives at the very end of the way; everything before it is exact to
Decimal's 28 significant digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from planner.errors import MisuseError, suggest
from planner.records import NamedTuple

__all__ = [
    "CURRENCIES",
    "PLACES",
    "Contract",
    "Fx",
    "Money",
    "Tax",
    "bounded",
    "contracts_of",
    "currency_of",
    "decimal_of",
    "pair_of",
    "pairs_of",
    "percent_of",
    "plain",
    "seen",
    "show",
    "tax_at",
    "tax_of",
    "taxes_given",
    "total",
]

ZERO = Decimal(0)

#: Codes that a price may bear (ISO 4217; the ones the three clouds bill in, and the usual report currencies).
CURRENCIES = frozenset(
    "AUD BRL CAD CHF CNY EUR GBP HKD IDR INR JPY KRW MYR NOK NZD PHP SEK SGD THB TWD USD ZAR".split()
)

_PLAIN = frozenset("0123456789.")
#: Digits after the point that a given number may have: with more, sums would no longer be exact to 28 digits.
PLACES = 12


class Fx(NamedTuple):
    """One `base` is `rate` units of `quote`, as of a date, from a source."""

    base: str
    quote: str
    rate: Decimal
    as_of: str
    source: str


class Money:
    """An exact amount in one currency. Adding or comparing another currency raises `MisuseError`."""

    __slots__ = ("amount", "currency")

    def __init__(self, amount: Decimal, currency: str) -> None:
        self.amount = amount
        self.currency = currency

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        return Money(self.amount * factor, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount < other.amount

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and (self.amount, self.currency) == (other.amount, other.currency)

    def __hash__(self) -> int:
        return hash((self.amount, self.currency))

    def __repr__(self) -> str:
        return f"Money({plain(self.amount)} {self.currency})"

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise MisuseError(
                "cannot put {currency} and {other} together: give a rate with --fx {currency}{other}=RATE",
                currency=self.currency,
                other=other.currency,
            )


def total(parts: Iterable[tuple[Decimal, str]], currency: str) -> Decimal:
    """Return the exact sum of `(amount, currency)` parts, all of which must be in `currency`."""
    result = ZERO
    for amount, code in parts:
        if code != currency:
            Money(amount, code)._same(Money(ZERO, currency))
        result += amount
    return result


def decimal_of(text: object, what: str) -> Decimal:
    """Return `text` as an exact, finite Decimal; `what` names it in the error.

    Accepts plain digits with an optional sign and point. Scientific notation, NaN, infinities, thousands separators
    and blanks raise `MisuseError`: a price written like that was made by a spreadsheet and may have been rounded.
    """
    if isinstance(text, bool) or not isinstance(text, (str, int, Decimal, float)):
        raise MisuseError("{what}: expected a number, got {text}", what=what, text=seen(text))
    raw = _written(text, what)
    body = raw[1:] if raw[:1] in ("-", "+") else raw
    if not body or not _PLAIN.issuperset(body) or body.count(".") > 1 or body == "." or len(body) > 60:
        shown = raw if len(raw) <= 40 else raw[:37] + "..."
        raise MisuseError(
            "{what}: {shown!r} is not a plain decimal number (write it like 12.34)", what=what, shown=shown
        )
    try:
        return Decimal(raw)
    except InvalidOperation as exc:  # pragma: no cover - excluded by the check above
        raise MisuseError("{what}: {raw!r} is not a number", what=what, raw=raw) from exc


def bounded(text: object, what: str, low: Decimal | int, high: Decimal | int) -> Decimal:
    """Return a number that a person gives: from `low` to `high`, at most PLACES digits after the point; else `MisuseError`."""
    value = decimal_of(text, what)
    if not low <= value <= high:
        raise MisuseError(
            "{what}: {value} is outside {low:,} to {high:,}", what=what, value=plain(value), low=low, high=high
        )
    if _places(value) > PLACES:
        raise MisuseError(
            "{what}: {value} has more than {places} digits after the point",
            what=what,
            value=plain(value),
            places=PLACES,
        )
    return value


def _places(value: Decimal) -> int:
    """Return how many digits after the point are not trailing zeros."""
    return len(plain(value).partition(".")[2])


def _written(number: str | int | Decimal | float, what: str) -> str:
    """Return a number as it is written out; one of very many digits raises before they are."""
    if isinstance(number, Decimal):
        _, digits, exponent = number.as_tuple()
        if not isinstance(exponent, int):
            raise MisuseError("{what}: {number} is not a number", what=what, number=number)
        if len(digits) > 60 or not -60 <= exponent <= 60:
            raise MisuseError("{what}: a number of more than 60 digits (write it like 12.34)", what=what)
        return format(number, "f")
    if isinstance(number, int) and number.bit_length() > 200:
        raise MisuseError("{what}: a number of more than 60 digits (write it like 12.34)", what=what)
    return str(number)


def seen(value: object) -> str:
    """Return a value as an error message shows it: at most 60 characters."""
    try:
        shown = repr(value)
    except ValueError:  # an integer of more than 4,300 digits
        return "a number of very many digits"
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def percent_of(text: object, what: str) -> Decimal:
    """Return a share in 0..1 from `"12%"`, `"0.12"` or `0.12`; outside of that raise `MisuseError`."""
    raw = text.strip() if isinstance(text, str) else _written(decimal_of(text, what), what)
    value = decimal_of(raw[:-1], what) / 100 if raw.endswith("%") else decimal_of(raw, what)
    if not 0 <= value <= 1:
        raise MisuseError("{what}: {raw} is outside 0 % to 100 % (write 12% or 0.12)", what=what, raw=raw)
    if _places(value) > PLACES + 2:
        raise MisuseError(
            "{what}: {raw} has more than {places} digits after the point", what=what, raw=raw, places=PLACES
        )
    return value


def plain(value: Decimal) -> str:
    """Return `value` exactly, without exponent and without trailing zeros after the point."""
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    if text[-1] == "0" and "." in text:
        text = text.rstrip("0").rstrip(".")
        return "0" if text == "-0" else text
    return text


_UNITS = {0: Decimal(1), 2: Decimal("0.01"), 3: Decimal("0.001")}


def show(value: Decimal, places: int = 2) -> str:
    """Return `value` for people: grouped by thousands, rounded half up to `places` digits; nothing is "-0.00"."""
    shown = value.quantize(_UNITS.get(places) or Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return f"{shown if shown else abs(shown):,f}"


def signed(value: Decimal) -> str:
    """Return a difference for people: with its sign, and "0.00" for what rounds to nothing."""
    shown = show(value)
    return f"+{shown}" if value > 0 and shown != "0.00" else shown


#: How a tax stands to the price.
TAX_WORDS = ("added", "included", "recoverable")
#: What stands for every provider in a file.
EVERYWHERE = ("", "*", "all", "default")


class Tax(NamedTuple):
    """A share of tax, as it is given:

        6%                               added to everything
        CLOUD=0%                         of one provider
        CLOUD=6%:included                the prices hold it: 46,000 are 43,396.23 and 2,603.77 of tax
        CLOUD:SITE=9%:recoverable        of one site; cash that is paid and comes back, so that it costs nothing

    scope: provider, provider:site, or "" for all. included: the prices hold it; recoverable: it is paid
    and comes back."""

    scope: str
    share: Decimal
    included: bool = False
    recoverable: bool = False

    @property
    def said(self) -> str:
        """What a file says of it: `0.06:included`."""
        words = [w for w, so in (("included", self.included), ("recoverable", self.recoverable)) if so]
        return ":".join([plain(self.share), *words])


def tax_of(scope: str, said: object) -> Tax:
    """Return the tax of a scope as a user or a file gives it (`6%:included`); raise `MisuseError` for anything else."""
    where = f"--tax {scope}" if scope else "--tax"
    share, *words = str(said).split(":") if isinstance(said, str) else (said,)
    words = [str(w).strip().lower() for w in words]
    for word in words:
        if word not in TAX_WORDS:
            raise MisuseError("{where}: {word!r}: {near}", where=where, word=word[:40], near=suggest(word, TAX_WORDS))
    if "added" in words and "included" in words:
        raise MisuseError("{where}: a tax is added to the price or included in it, not both", where=where)
    return Tax(scope, percent_of(share, where), "included" in words, "recoverable" in words)


def taxes_given(value: object) -> dict[str, object]:
    """Return the workload's fields `tax` and `taxes` of what `--tax` (several times) or a file's `tax` says.

    A share that is simply added everywhere is `tax`, as in release 0.1.0; all else is `taxes`, ordered by scope.
    """
    found: dict[str, Tax] = {}
    for scope, said in _scopes(value):
        if scope in found:
            raise MisuseError("--tax: {scope} is given twice", scope=scope or "the tax of all")
        found[scope] = tax_of(scope, said)
    plainly = found.get("")
    if plainly is not None and not plainly.included and not plainly.recoverable:
        del found[""]
        return {"tax": plainly.share, "taxes": tuple(sorted(found.values()))}
    return {"tax": Decimal(0), "taxes": tuple(sorted(found.values()))}


def _scopes(value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, Mapping):
        yield from (("" if str(k) in EVERYWHERE else str(k).replace("/", ":"), v) for k, v in value.items())
        return
    for item in value if isinstance(value, (list, tuple)) else (value,):
        scope, sign, said = item.partition("=") if isinstance(item, str) else ("", "", item)
        if not sign:
            yield "", item
        elif not scope.strip():
            raise MisuseError("--tax: {item}: write 6%, PROVIDER=6% or PROVIDER=6%:included", item=seen(item))
        else:
            yield scope.strip().replace("/", ":"), said.strip()


def tax_at(taxes: Sequence[Tax], usual: Decimal, provider: str, site: str) -> Tax:
    """Return the tax of a provider's site: what is said of the site, else of the provider, else of all, else `usual` added."""
    if not taxes:
        return Tax("", usual)
    known = {tax.scope: tax for tax in taxes}
    found = (known.get(scope) for scope in (f"{provider}:{site}", provider, ""))
    return next((tax for tax in found if tax is not None), Tax("", usual))


def currency_of(label: str, text: str) -> str:
    """Return a currency's code in capitals; raise `MisuseError` that begins with `label` for an unknown one."""
    code = text.upper()
    if code not in CURRENCIES:
        raise MisuseError(
            "{label}: unknown currency {text!r}: {near}", label=label, text=text, near=suggest(code, CURRENCIES)
        )
    return code


def pair_of(label: str, pair: str, rate: object) -> tuple[str, Decimal]:
    """Return an exchange rate as it is given (`USDCNY=7.10`); raise `MisuseError` that begins with `label`."""
    pair = pair.upper().replace("/", "")
    if len(pair) != 6:
        raise MisuseError("{label}: {pair!r}: write it like USDCNY=7.10", label=label, pair=pair)
    currency_of(label, pair[:3])
    currency_of(label, pair[3:])
    number = decimal_of(rate, f"{label} {pair}")
    if not 0 < number < 1_000_000:
        raise MisuseError("{label}: {pair}={rate}: a rate must be above zero", label=label, pair=pair, rate=rate)
    return (pair, bounded(number, f"{label} {pair}", Decimal("0.000001"), 1_000_000))


class Contract(NamedTuple):
    """A framework contract with a provider, `CLOUD=120000x12:8%:50%`: so much is promised to be spent in so many months, in the
    currency that the cloud bills. discount: off all its list prices. shortfall: the share of what stays unspent that is due.
    spent: what else is spent under it in these months."""

    provider: str
    committed: Decimal
    months: int
    discount: Decimal
    shortfall: Decimal = Decimal(1)
    spent: Decimal = ZERO


def contracts_of(value: object) -> tuple[Contract, ...]:
    """Return the contracts that `--contract` (several times) or a file's `[contract]` says, by provider."""
    if isinstance(value, Mapping):
        items: Iterable[object] = (
            [value]
            if "provider" in value
            else [{"provider": k, **v} if isinstance(v, Mapping) else v for k, v in value.items()]
        )
    else:
        items = value if isinstance(value, (list, tuple)) else [value]
    made: dict[str, Contract] = {}
    for item in items:
        one = _contract(item) if isinstance(item, Mapping) else _contract(_told(item))
        if one.provider in made:
            raise MisuseError("--contract: {provider} is given twice", provider=one.provider)
        made[one.provider] = one
    return tuple(sorted(made.values()))


def _told(item: object) -> dict[str, object]:
    """Return the fields of `CLOUD=120000x12:8%:50%`."""
    provider, sign, said = str(item).partition("=")
    parts = said.split(":")
    committed, times, months = parts[0].lower().partition("x")
    if not sign or not times or not 2 <= len(parts) <= 4:
        raise MisuseError(
            "--contract: {item}: write CLOUD=120000x12:8%:50% (promised, months, discount, shortfall)", item=seen(item)
        )
    told: dict[str, object] = {"provider": provider, "committed": committed, "months": months}
    return told | dict(zip(("discount", "shortfall", "spent"), parts[1:], strict=False))


def _contract(told: Mapping[str, object]) -> Contract:
    provider = str(told.get("provider", "")).strip()
    where = f"--contract {provider[:60]}"
    wrong = sorted(str(k) for k in told if k not in Contract._fields)
    lacks = [k for k in ("provider", "committed", "months") if not str(told.get(k, "")).strip()]
    if wrong or lacks:
        what = (
            f"unknown {wrong[0][:40]!r}: {suggest(wrong[0], Contract._fields)}" if wrong else f"{lacks[0]} is missing"
        )
        raise MisuseError(f"{where}: {what}")
    months = decimal_of(told["months"], f"{where}: months")
    if months != months.to_integral_value() or not 1 <= months <= 120:
        raise MisuseError("{where}: months: {found} is not 1 to 120", where=where, found=seen(told["months"]))
    committed = bounded(told["committed"], f"{where}: committed", 0, 10**12)
    spent = bounded(told.get("spent", 0), f"{where}: spent", 0, 10**12)
    discount = percent_of(told.get("discount", 0), f"{where}: discount")
    if not committed or discount == 1:
        raise MisuseError("{where}: a contract promises something, and leaves a price", where=where)
    shortfall = percent_of(told.get("shortfall", 1), f"{where}: shortfall")
    return Contract(provider, committed, int(months), discount, shortfall, spent)


def pairs_of(label: str, value: object) -> list[tuple[str, object]]:
    """Return the pairs of a mapping, or of texts `NAME=VALUE`; raises `MisuseError` for one without the sign."""
    if isinstance(value, Mapping):
        return [(str(k), v) for k, v in value.items()]
    raw = [value] if isinstance(value, str) else value
    result: list[tuple[str, object]] = []
    for item in raw if isinstance(raw, (list, tuple)) else [raw]:
        if isinstance(item, tuple) and len(item) == 2:
            result.append((str(item[0]), item[1]))
            continue
        name, sign, rest = str(item).partition("=")
        if not sign:
            raise MisuseError("{label}: {item!r} has no '='", label=label, item=item)
        result.append((name.strip(), rest.strip()))
    return result
