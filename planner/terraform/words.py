"""What a module's README says about the chosen way of buying, and the cloud's commands with the values filled in."""

from __future__ import annotations

from collections.abc import Sequence

from planner.i18n import translator
from planner.money import plain
from planner.templating import word
from planner.terraform.cloud import Cloud
from planner.records import NamedTuple
from planner.terraform.deployment import Deployment
from planner.terraform.images import Pinned
from planner.text import Text, plural, text

__all__ = ["Missing", "missing", "of"]


class Missing(NamedTuple):
    """A variable without a value. example: of HCL; what: it is, said: the same in the language of README.md; command: finds it, "" where the user knows it."""

    name: str
    example: str
    what: str
    said: str
    command: str = ""


def of(d: Deployment, cloud: Cloud) -> dict[str, object]:
    """Return the sentences and commands of `d`; every value in a command has been checked to be a plain word."""
    t = translator(d.lang)
    given = (("region", d.region), ("type", d.instance_type), ("name", d.api_key_secret), ("count", str(d.count)), ("hours", plain(d.hours)))

    def command(text: str) -> str:
        for name, value in given:
            text = text.replace("{" + name + "}", word(value))
        return text

    return {
        "put_secret": command(cloud.secrets.put),
        "put_again": command(cloud.secrets.put.replace("{name}", "{name}-2")),
        "store": cloud.secrets.store.partition(" (")[0].partition(",")[0],
        "store_said": t.say(cloud.secrets.store),
        "store_short": t.say(cloud.secrets.store).partition("（")[0].partition("，")[0],
        "needs": t.say(cloud.secrets.needs),
        "ends": t.say(cloud.deadline.by),
        "group_note": t.say(cloud.group.note) if cloud.group.note else "",
        "acceptance": t.say(cloud.acceptance) if cloud.acceptance else "`sudo /opt/planner/acceptance.sh`",
        "zone_like": d.zone or f"{d.region}{cloud.zone.end}",
        "zones": command(cloud.zone.command),
        "asks": [(a.variable, command(a.command)) for a in cloud.asks if a.option in ("", d.purchase_option)],
        "option_words": t.say(_option(d)),
        "digests": t.say(_digests(d)),
    }


def _digests(d: Deployment) -> Text:
    """Return since when the digests of the images are known, as a clause."""
    days = sorted({image.as_of for image in d.stack.images if image.digest})
    if not days:
        return text("not known")
    if len(days) == 1:
        return text("as seen on {day}", day=word(days[0]))
    return text("as seen between {first} and {last}", first=word(days[0]), last=word(days[-1]))


def missing(d: Deployment, cloud: Cloud, pins: Sequence[Pinned], *, finds_zone: bool) -> list[Missing]:
    """Return what the user must still say before the first apply, in the order of asking."""
    known = of(d, cloud)
    t = translator(d.lang)
    found = []

    def ask(name: str, example: str, what: Text, command: str = "") -> None:
        found.append(Missing(name, example, str(what), t.say(what), command))

    if not d.client_cidr and not d.place.security_group_id:
        ask("client_cidr", '"10.8.0.0/16"', text("who may call the API"))
    if not d.zone and not d.place.vpc_id and not finds_zone:
        ask("zone", f'"{word(d.region)}..."', text("availability zone that sells the type"), str(known["zones"]))
    asks = known["asks"]
    assert isinstance(asks, list)
    for name, command in asks:
        ask(name, '"..."', text("from the cloud"), command)
    holes = [p for p in pins if not p.pin and not p.copied]
    if holes:
        names = {p.image.role: f"{d.registry}/{p.name}" if d.registry else p.image.reference for p in holes}
        each = ", ".join(f'{word(role)} = "{word(name)}@sha256:..."' for role, name in names.items())
        what = text("digest that was not known; emit-tf --online looks it up")
        ask("images", f"{{ {each} }}", what, f"crane digest {word(next(iter(names.values())))}")
    if d.place.vpc_id and d.layout.pp > 1:
        what = text("free addresses of the subnet, one for each of the {count} instances", count=d.count)
        ask("addresses", '["10.0.0.10", "10.0.0.11"]', what)
    return found


def _option(d: Deployment) -> Text:
    if d.purchase_option == "spot":
        return text("as spot: the cloud may take the instances back at short notice")
    if d.purchase_option == "subscription":
        one, many = "as a subscription of {months} month, without automatic renewal", "as a subscription of {months} months, without automatic renewal"
        return text(plural(d.period_months, one, many), months=d.period_months)
    if d.capacity == "block":
        return text("as a capacity block: the instances run from the block's start to its end")
    if d.capacity == "reservation":
        return text("on demand, with the capacity reserved from apply to the deadline")
    if d.purchase_option in ("reserved", "savings_plan"):
        way, paid = d.purchase_option.replace("_", " "), text(d.payment.replace("_", " "))
        return text("on demand, to be covered by a {way} commitment ({term} {payment})", way=text(way), term=d.term, payment=paid)
    return text("on demand")
