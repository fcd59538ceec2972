"""What a module's README says about the chosen way of buying, and the cloud's commands with the values filled in."""

from __future__ import annotations

from planner.templating import word
from planner.terraform.cloud import Cloud
from planner.terraform.deployment import Deployment

__all__ = ["of"]


def of(d: Deployment, cloud: Cloud) -> dict[str, object]:
    """Return the sentences and commands of `d`; every value in a command has been checked to be a plain word."""

    def command(text: str) -> str:
        for name, value in (("region", d.region), ("type", d.instance_type), ("name", d.api_key_secret)):
            text = text.replace("{" + name + "}", word(value))
        return text

    return {
        "put_secret": command(cloud.secrets.put),
        "zones": command(cloud.zone.command),
        "asks": [(ask.variable, command(ask.command)) for ask in cloud.asks],
        "option_words": _option(d),
    }


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
