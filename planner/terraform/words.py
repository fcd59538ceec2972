"""What a module's README says about the chosen way of buying, and the cloud's commands with the values filled in."""

from __future__ import annotations

from collections.abc import Sequence

from planner.money import plain
from planner.templating import word
from planner.terraform.cloud import Cloud
from planner.records import NamedTuple
from planner.terraform.deployment import Deployment
from planner.terraform.images import Pinned

__all__ = ["Missing", "missing", "of"]


class Missing(NamedTuple):
    """A variable without a value. example: of HCL; what: it is; command: finds it, "" where the user knows it."""

    name: str
    example: str
    what: str
    command: str = ""


def of(d: Deployment, cloud: Cloud) -> dict[str, object]:
    """Return the sentences and commands of `d`; every value in a command has been checked to be a plain word."""

    given = (("region", d.region), ("type", d.instance_type), ("name", d.api_key_secret), ("count", str(d.count)), ("hours", plain(d.hours)))

    def command(text: str) -> str:
        for name, value in given:
            text = text.replace("{" + name + "}", word(value))
        return text

    return {
        "put_secret": command(cloud.secrets.put),
        "put_again": command(cloud.secrets.put.replace("{name}", "{name}-2")),
        "store": cloud.secrets.store.partition(" (")[0].partition(",")[0],
        "zone_like": d.zone or f"{d.region}{cloud.zone.end}",
        "zones": command(cloud.zone.command),
        "asks": [(a.variable, command(a.command)) for a in cloud.asks if a.option in ("", d.purchase_option)],
        "option_words": _option(d),
        "digests": _digests(d),
    }


def _digests(d: Deployment) -> str:
    """Return since when the digests of the images are known, as a clause."""
    days = sorted({image.as_of for image in d.stack.images if image.digest})
    if not days:
        return "not known"
    return f"as seen on {word(days[0])}" if len(days) == 1 else f"as seen between {word(days[0])} and {word(days[-1])}"


def missing(d: Deployment, cloud: Cloud, pins: Sequence[Pinned], *, finds_zone: bool) -> list[Missing]:
    """Return what the user must still say before the first apply, in the order of asking."""
    said = of(d, cloud)
    found = []
    if not d.client_cidr and not d.place.security_group_id:
        found.append(Missing("client_cidr", '"10.8.0.0/16"', "who may call the API"))
    if not d.zone and not d.place.vpc_id and not finds_zone:
        found.append(Missing("zone", f'"{word(d.region)}..."', "availability zone that sells the type", str(said["zones"])))
    asks = said["asks"]
    assert isinstance(asks, list)
    found += [Missing(name, '"..."', "from the cloud", command) for name, command in asks]
    holes = [p for p in pins if not p.pin and not p.copied]
    if holes:
        names = {p.image.role: f"{d.registry}/{p.name}" if d.registry else p.image.reference for p in holes}
        each = ", ".join(f'{word(role)} = "{word(name)}@sha256:..."' for role, name in names.items())
        what = "digest that was not known; emit-tf --online looks it up"
        found.append(Missing("images", f"{{ {each} }}", what, f"crane digest {word(next(iter(names.values())))}"))
    if d.place.vpc_id and d.layout.pp > 1:
        found.append(Missing("addresses", '["10.0.0.10", "10.0.0.11"]', f"free addresses of the subnet, one for each of the {d.count} instances"))
    return found


def _option(d: Deployment) -> str:
    if d.purchase_option == "spot":
        return "as spot: the cloud may take the instances back at short notice"
    if d.purchase_option == "subscription":
        return (
            f"as a subscription of {d.period_months} month{'s' if d.period_months != 1 else ''}, without automatic renewal"
        )
    if d.capacity == "block":
        return "as a capacity block: the instances run from the block's start to its end"
    if d.capacity == "reservation":
        return "on demand, with the capacity reserved from apply to the deadline"
    if d.purchase_option in ("reserved", "savings_plan"):
        way = d.purchase_option.replace("_", " ")
        return f"on demand, to be covered by a {way} commitment ({d.term} {d.payment.replace('_', ' ')})"
    return "on demand"
