"""From an emitted module back to the workload it was priced for, so that what runs can be priced again.

The instance type, count, region, way of buying and hours are read from the HCL itself, where a reader may have changed
them; the rest of the workload from planner.json.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError, suggest
from planner.files import read_text
from planner.money import CURRENCIES
from planner.quoting.fields import load_workload
from planner.records import NamedTuple
from planner.terraform import cloud, configuration
from planner.terraform.cloud import Readback
from planner.terraform.machines import Machine, bought, first, holds, kind, machine, word
from planner.terraform.write import unfinished
from planner.typed import held, number
from planner.workload import Workload, make

__all__ = ["Mixed", "Module", "module_of", "workload_of"]

SCHEMA = "planner.module/1"
_BILLING_ONLY = ("reserved", "savings_plan")


class Module(NamedTuple):
    """What a module folder says: the workload that prices it, and the offer it was made from."""

    workload: Workload
    offer: str
    quote: str
    currency: str
    effective: Decimal
    billed: Decimal


class Run(NamedTuple):
    """A resource of machines: its values, how many, and how they are bought."""

    values: Any
    count: int  # type: ignore[assignment]
    way: str


class Mixed(MisuseError):
    """A module whose machines are not all alike: no offer is made of them."""


def workload_of(folder: str) -> Workload:
    """Return the workload of the module in `folder`, narrowed to exactly what its HCL runs; else `MisuseError`."""
    return module_of(folder).workload


def module_of(folder: str) -> Module:
    """Return all that the module in `folder` says; raise `MisuseError` naming the file that cannot be read."""
    path = os.path.join(folder, "planner.json")
    if not os.path.isdir(folder):
        raise MisuseError(f"{folder} is not a folder")
    if unfinished(folder):
        raise MisuseError(f"{folder}: planner was stopped while it wrote there; run `planner emit-tf` again")
    try:
        raw = json.loads(read_text(path, "module record"))
    except (ValueError, RecursionError) as exc:
        raise MisuseError(f"{path}: not valid JSON: {exc}") from None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise MisuseError(f"{path}: not a {SCHEMA} file; was this folder written by `planner emit-tf`?")
    from planner.quoting.fields import load_workload

    try:
        provider, cost, currency = raw["provider"], raw["cost"], str(raw["cost"]["currency"])
        base = load_workload(raw["workload"], f"{path}: workload")
        amounts = number(cost["effective"], f"{path}: cost.effective"), number(cost["billed"], f"{path}: cost.billed")
        offer, quote_hash = raw["offer"], raw["quote"]
    except (KeyError, TypeError, AttributeError) as exc:
        raise MisuseError(f"{path}: damaged: {type(exc).__name__} {exc}") from None
    for name, text in (("provider", provider), ("offer", offer), ("quote", quote_hash)):
        held(text, str, f"{path}: {name}")
    if currency not in CURRENCIES:
        raise MisuseError(
            f"{path}: cost.currency: unknown currency {currency[:40]!r}: {suggest(currency[:40], CURRENCIES)}"
        )
    facts = _facts(folder, provider, _rules(provider, path))
    names = {name: [facts[name]] for name in ("region", "instance_type", "purchase_option")}
    run = {"provider": [provider], **names, "count": facts["count"], "spare": 0, "hours": facts["hours"]}
    return Module(make(run, base, folder), offer, quote_hash, currency, *amounts)


def _rules(provider: str, path: str) -> Readback:
    """Return where the HCL of `provider` says what is bought; raise `MisuseError` that names the record `path`."""
    try:
        return cloud.find(provider).readback
    except MisuseError as exc:
        raise MisuseError(f"{path}: {exc}") from None


def _facts(folder: str, provider: str, rules: Readback) -> dict[str, str]:
    """Return instance_type, count, region, purchase_option and hours as the module's HCL has them."""
    found = configuration.read(folder)
    machines = [Run(one.values, 1, _way(one.values, rules)) for one in found.resources if one.type == rules.resource]
    if rules.group and not machines:
        made = [machine(one, found.resources, []) for one in found.resources if one.type == rules.group]
        groups = [one for one in made if one is not None]
        machines = [Run({rules.instance_type: kind(one)}, one.count, _of_groups(groups)) for one in groups]
    if not machines:
        raise MisuseError(f"{folder}: expected one {rules.resource}, found 0")
    kinds = {
        _value(first(one.values, rules.instance_type), f"{rules.resource}.{rules.instance_type}", folder)
        for one in machines
    }
    if len(kinds) > 1:
        raise Mixed(f"{folder}: machines of several types ({', '.join(sorted(kinds))}); `planner price` prices each")
    said = _value(found.local.get("purchase_option", ""), "local.purchase_option", folder)
    return {
        "instance_type": kinds.pop(),
        "region": word(found.named(rules.region)) or _value(found.local.get("region", ""), rules.region, folder),
        "count": str(sum(one.count for one in machines)),
        "hours": _value(found.local.get("hours", ""), "local.hours", folder),
        "purchase_option": _bought(provider, {one.way for one in machines}, said, folder),
    }


def _way(values: Any, rules: Readback) -> str:
    return next((rule.option for rule in rules.bought if holds(rule, values)), "on_demand")


def _of_groups(groups: Sequence[Machine]) -> str:
    """Return the way of buying of a module's groups; with a share on demand they are spot."""
    return max((option for one in groups for option, _, _ in bought(one)), key=lambda option: option == "spot", default="")


def _bought(provider: str, ways: set[str], said: str, folder: str) -> str:
    """Return the way of buying by the machines' own arguments; billing-only ways run on demand and are only said."""
    real = ways.pop()
    if ways:
        raise Mixed(f"{folder}: machines bought in several ways; `planner price` prices each")
    if real == said or (real == "on_demand" and said in _BILLING_ONLY):
        return said
    raise MisuseError(
        f"{folder}: locals say {said or 'nothing'}, but the {provider} instance is bought as {real}; make them agree"
    )


def _value(held: Any, what: str, folder: str) -> str:
    """Return a value as a word; raise `MisuseError` for what the module does not say itself."""
    made = word(held)
    if not made:
        raise MisuseError(
            f"{folder}: cannot read back {what}: only an apply knows it, or nothing does; write its value there"
        )
    return made
