"""The policy file: what a change may cost, how old its prices may be, and from whom and how it may buy.

[policy]
budget = "5,000 USD"                       # the most that one workload or module may oblige to pay
max_increase = ["20 %", "500 USD"]         # over the base; a share, an amount, or both
max_age = 90                               # days
providers = ["CLOUD", "OTHER"]
purchase_options = ["on_demand", "reserved"]
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from planner.errors import MisuseError, suggest
from planner.files import read_toml
from planner.gate.sides import BASES, Side, Subject
from planner.money import bounded, currency_of, plain, seen, show
from planner.offer import PURCHASE_OPTIONS
from planner.prices.fx import Rates
from planner.quoting.choose import amount, best_of
from planner.records import NamedTuple
from planner.text import Text, text

__all__ = ["Policy", "judge", "read"]

Limit = tuple[Decimal, str]


class Policy(NamedTuple):
    """What is allowed; an empty field allows everything. budget, max_increase: amounts with their currency, shares with "%". max_age: days, None: any.
    basis: what an offer comes to (planner.quoting.choose). allow_unpriced: whether parts without a price may stand beside a limit."""

    budget: Limit | None = None
    max_increase: tuple[Limit, ...] = ()
    max_age: int | None = None
    providers: tuple[str, ...] = ()
    purchase_options: tuple[str, ...] = ()
    basis: str = "obligation"
    allow_unpriced: bool = False


def read(path: str, known: tuple[str, ...]) -> Policy:
    """Return the policy in a TOML file; anything that it cannot mean raises `MisuseError`. known: the providers that there are."""
    data = read_toml(path, "policy", 1 << 20)
    others = sorted(set(data) - {"policy"})
    if others or not isinstance(data.get("policy"), dict):
        said = (
            f"[policy] is all that it may hold, not {others[0][:60]!r}" if others else "its table [policy] is missing"
        )
        raise MisuseError(f"policy {path}: {said}")
    keys = (*Policy._fields, "currency")
    table = dict(data["policy"])
    for key in table:
        if key not in keys:
            raise MisuseError(f"policy {path}: unknown key {key[:60]!r}: {suggest(key, keys)}")
    code = str(table.pop("currency", ""))
    if code:
        code = currency_of(f"policy {path}: currency", code)
    fields = {key: _field(key, value, f"policy {path}: {key}", known, code) for key, value in table.items()}
    return Policy(**fields)  # type: ignore[arg-type]


def _field(key: str, value: object, at: str, known: tuple[str, ...], code: str) -> object:
    if key == "budget":
        return _limit(value, at, code, share=False)
    if key == "max_increase":
        return tuple(_limit(one, at, code, share=True) for one in (value if isinstance(value, list) else [value]))
    if key == "max_age":
        days = bounded(value, at, 0, 36_500)
        if days != int(days):
            raise MisuseError(f"{at}: {seen(value)} is no whole number of days")
        return int(days)
    if key == "allow_unpriced":
        if not isinstance(value, bool):
            raise MisuseError(f"{at}: expected true or false, got {seen(value)}")
        return value
    if key == "basis":
        word = str(value).lower().replace("_", "-")
        if word not in BASES:
            raise MisuseError(f"{at}: {seen(value)}: {suggest(word, BASES)}")
        return word
    return _names(value, at, PURCHASE_OPTIONS if key == "purchase_options" else known)


def _names(value: object, at: str, known: tuple[str, ...]) -> tuple[str, ...]:
    raw = [value] if isinstance(value, str) else value
    if not isinstance(raw, list) or not raw or not all(isinstance(name, str) for name in raw):
        raise MisuseError(f"{at}: expected a list of names, got {seen(value)}; leave the key out to allow all")
    names = tuple(
        str(name).strip().replace("-", "_") if known is PURCHASE_OPTIONS else str(name).strip() for name in raw
    )
    for name in names:
        if name not in known:
            raise MisuseError(f"{at}: unknown {name[:60]!r}: {suggest(name, known)}")
    return names


def _limit(value: object, at: str, code: str, *, share: bool) -> Limit:
    """Return an amount with its currency ("5,000 USD"; a bare number is in `code`, the policy's own), or a share ("20 %")."""
    how = 'write "20 %" or "500 USD"' if share else 'write "5000 USD"'
    said = str(value).strip() if isinstance(value, (str, int, Decimal)) and not isinstance(value, bool) else ""
    if code and said[-1:].isdigit():
        said += code
    unit = "%" if said.endswith("%") else said[-3:]
    number = said.removesuffix(unit).strip().replace(",", "")
    if not number or (unit == "%" and not share) or not (unit == "%" or unit.isalpha()):
        raise MisuseError(f"{at}: {seen(value)} is no amount with its currency: {how}")
    return bounded(number, at, 0, 10**15), unit if unit == "%" else currency_of(at, unit)


def judge(policy: Policy, subject: Subject, today: str, rates: Rates) -> tuple[Text, ...]:
    """Return why the policy does not allow what a change leaves behind; nothing where it does, or where nothing is left."""
    side = subject.after
    if side is None:
        return ()
    said = [*_money(policy, subject, side, rates), *_bought(policy, subject, side)]
    if policy.max_age is not None:
        age = (date.fromisoformat(today) - date.fromisoformat(side.seen)).days if side.seen else 0
        if age > policy.max_age:
            key = "its oldest price was last seen on {day}, {age} days ago; the policy allows {most}: planner refresh"
            said.append(text(key, day=side.seen, age=age, most=policy.max_age))
        if side.undated:
            said.append(
                text(
                    "a price of it has no date, and the policy allows none older than {most} days", most=policy.max_age
                )
            )
    return tuple(said)


def _money(policy: Policy, subject: Subject, side: Side, rates: Rates) -> list[Text]:
    said = []
    if policy.budget is not None:
        limit, code = policy.budget
        comes = rates.convert(side.amount, side.currency, code)
        if comes > limit:
            key = "{amount} {code} is over the budget of {limit} {code}"
            said.append(text(key, amount=show(comes), limit=show(limit), code=code))
    before = subject.before
    for most, unit in policy.max_increase if before is not None else ():
        assert before is not None
        start = rates.convert(before.amount, before.currency, side.currency)
        rise = side.amount - start
        if unit == "%":
            if rise > 0 and (not start or rise / start * 100 > most):
                more = show(rise / start * 100) if start else "?"
                said.append(text("it costs {more} % more, and the policy allows {most} %", more=more, most=plain(most)))
            continue
        comes = rates.convert(rise, side.currency, unit)
        if comes > most:
            key = "it costs {more} {code} more, and the policy allows {most} {code}"
            said.append(text(key, more=show(comes), most=show(most), code=unit))
    if side.unpriced and (policy.budget or policy.max_increase) and not policy.allow_unpriced:
        key = "no price for a part of it, so that no limit can be judged ({what}); allow_unpriced = true lets it pass"
        said.append(text(key, what=side.unpriced[:3]))
    return said


def _bought(policy: Policy, subject: Subject, side: Side) -> list[Text]:
    wrong = []
    for allowed, got, what in (
        (policy.providers, side.providers, text("provider")),
        (policy.purchase_options, side.options, text("purchase option")),
    ):
        wrong += [(what, name) for name in got if allowed and name not in allowed]
    if not wrong:
        return []
    hint = text("")
    if subject.quote is not None:
        fine = [
            o
            for o in subject.quote.offers
            if (not policy.providers or o.provider in policy.providers)
            and (not policy.purchase_options or o.purchase_option in policy.purchase_options)
        ]
        best = best_of(subject.quote, fine)
        comes = None if best is None else amount(subject.quote, best, policy.basis)
        hint = (
            text("nothing that serves it is allowed")
            if best is None or comes is None
            else text("the least that is allowed: {offer} at {amount}", offer=best.id, amount=show(comes))
        )
    key = "{what} {name} is not allowed; {hint}" if hint else "{what} {name} is not allowed"
    return [text(key, what=what, name=name, **({"hint": hint} if hint else {})) for what, name in wrong]
