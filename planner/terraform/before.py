"""Before money flows: what the first day can cost at most, and whether the account may start what the module asks for."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from planner import provider
from planner.errors import FetchError, MisuseError, NoOfferError
from planner.money import show
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.provider import Access, Quota, Wanted
from planner.quoting import build
from planner.quoting.around import IMAGES_GB, Bill, Stand, bill
from planner.quoting.choose import pick
from planner.quoting.cost import totals
from planner.quoting.records import Offer, Quote
from planner.terraform.deployment import Deployment
from planner.text import Text, plural, text
from planner.units import Window

__all__ = ["DAY", "ensure", "first_day", "quotas", "said"]

DAY = Decimal(24)
#: Parts of an offer that cost nothing while nobody is served: traffic, and what is owed at the end of a contract.
_SERVED = ("egress", "inter_region", "contract")
#: Ways of buying in which the instances run at the on-demand price, or may.
_AT_MOST_LISTED = ("spot", "reserved", "savings_plan")


def first_day(d: Deployment, quote: Quote, offer: Offer, catalog: Catalog) -> Bill:
    """Return the bill of the first 24 hours in which the engine never starts: all billed, weights and images loaded once.

    Spot, and a commitment that is not bought yet, count at the on-demand price of the same type where there is one. What is paid in advance is billed whole.
    """
    if offer.purchase_option in _AT_MOST_LISTED:
        quote, offer = _listed(quote, offer, catalog)
    load = Decimal(str(round(d.weights_gib * 1.073741824, 3))) + IMAGES_GB[1]
    stand = Stand(d.instance_type, d.count, d.public_ip, d.storage_gb, load, bool(d.place.vpc_id), d.place.balancer)
    window = Window(min(DAY, quote.window.length), quote.window.start)
    day = bill(quote, offer, catalog, stand=stand, window=window, without=_SERVED)
    if d.capacity != "block":
        return day
    # Sold for a fixed time and paid at once: the machines of the whole time, with what stands around them for a day.
    whole = bill(quote, offer, catalog, (), window=quote.window, without=_SERVED)
    beside = [c for c in day.charges if c.category not in ("compute", "tax")]
    share = _tax(day)
    charges = (*whole.charges, *(c._replace(amount=c.amount * share, billed=c.billed * share) for c in beside))
    return day._replace(charges=charges, totals=totals(charges))


def _tax(day: Bill) -> Decimal:
    """Return what a charge costs with its tax, for one of 1."""
    taxes = sum((c.billed for c in day.charges if c.category == "tax"), Decimal(0))
    before = sum((c.billed for c in day.charges), Decimal(0)) - taxes
    return 1 + taxes / before if before else Decimal(1)


def _listed(quote: Quote, offer: Offer, catalog: Catalog) -> tuple[Quote, Offer]:
    """Return the on-demand offer of the same machines, with its quote; the given ones where it is not sold so."""
    work = quote.workload._replace(
        provider=(offer.provider,), region=(offer.region,), instance_type=(offer.instance_type,), purchase_option=("on_demand",), count=offer.count, spare=0,
    )
    try:
        again = build.quote(work, catalog, quote.quoted_on, fx.Rates(fx.committed(catalog.as_of), work.fx))
        return again, pick(again, offer.provider)
    except NoOfferError:
        return quote, offer


def said(d: Deployment, quote: Quote, offer: Offer, catalog: Catalog | None) -> list[Text]:
    """Return what `emit-tf --plan` says before it asks terraform, a sentence each: the first day, and the quotas."""
    day = first_day(d, quote, offer, catalog or Catalog())
    hours = min(DAY, quote.window.length)
    key = "the first {hours} hours cost at most {amount} {code} if the engine never starts"
    line = text(key, hours=hours, amount=show(day.totals.billed), code=day.currency)
    if d.prepaid:
        key = plural(
            d.period_months,
            "{said}, with the subscription, which is paid for {months} month and not given back",
            "{said}, with the subscription, which is paid for {months} months and not given back",
        )
        line = text(key, said=line, months=d.period_months)
    elif d.capacity == "block":
        line = text("{said}, with the whole capacity block, which is not given back", said=line)
    if day.unpriced:
        line = text("{said}; not in it: {names}", said=line, names=day.unpriced)
    return [line, *quotas(d)]


def quotas(d: Deployment, access: Access | None = None) -> list[Text]:
    """Return whether the account may start the instances, a sentence each; where it cannot be asked, what to look at."""
    found, look, said = _asked(d, access)
    return [_compared(one, look) for one in found] or [said]


def ensure(d: Deployment, access: Access | None = None) -> list[Text]:
    """Return what `quotas` returns; raise `MisuseError` where the account may not start the instances."""
    found, look, said = _asked(d, access)
    if lacking := [str(_compared(one, look)) for one in found if not one.enough]:
        raise MisuseError(f"{_needs(d)}: {'; '.join(lacking)}, or choose fewer with --count or a larger type")
    return [_compared(one, look) for one in found] or [said]


def _needs(d: Deployment) -> Text:
    gpus = d.count * d.gpu_count
    key = plural(gpus, "{count} x {type} need {vcpu} vCPUs ({gpus} GPU) in {region}", "{count} x {type} need {vcpu} vCPUs ({gpus} GPUs) in {region}")
    return text(key, count=d.count, type=d.instance_type, vcpu=d.vcpu * d.count, gpus=gpus, region=d.region)


def _asked(d: Deployment, access: Access | None) -> tuple[tuple[Quota, ...], Text, Text]:
    """Return (the quotas, where people look them up, what is said instead where there are none)."""
    adapter = provider.load(d.provider)
    ask = getattr(adapter, "quotas", None)
    look = text(getattr(adapter, "quota_hint", "") or "the cloud's console")
    needs = _needs(d)
    if ask is None:
        return (), look, text("quota not compared: look at {look}: {needs}", look=look, needs=needs)
    if adapter.credentials_hint() is not None:
        return (), look, text("quota not compared, no credentials found: look at {look}: {needs}", look=look, needs=needs)
    wanted = Wanted(d.instance_type, d.purchase_option, d.count, d.vcpu)
    try:
        found = ask(d.region, wanted, access or Access(now=datetime.now(UTC).isoformat(timespec="seconds")))
    except FetchError as exc:
        return (), look, text("quota not compared ({why}): look at {look}: {needs}", why=str(exc), look=look, needs=needs)
    way = text(d.purchase_option.replace("_", " "))
    return found, look, text("no quota is told for this way of buying ({way}): {needs}", way=way, needs=needs)


def _compared(one: Quota, look: Text) -> Text:
    used = text("of which it is not said how many are used") if one.used is None else text("{used} used", used=one.used)
    key = "{name}: {limit} {unit}, {used}, {needs} needed"
    line = text(key, name=one.name, limit=one.limit, unit=one.unit, used=used, needs=one.needs)
    return line if one.enough else text("quota too low: {said}; ask for more at {look} before you apply", said=line, look=look)
