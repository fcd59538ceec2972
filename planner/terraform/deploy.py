"""From a quote's offer and a few settings to a `Deployment`; everything that cannot be deployed is refused here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from planner.version import VERSION
from planner.sizing import Layout, engines, fit, gpus, parsers
from planner.sizing.advisories import Setting
from planner.sizing.models import Model
from planner.errors import MisuseError
from planner.i18n import English, translator
from planner.money import plain, show
from planner.quoting.around import ROOT_GB, Bill, Stand, bill, data_disk, weights_gb
from planner.quoting.choose import pick
from planner.prices.catalog import Catalog
from planner.quoting.records import Offer, Quote
from planner.sizing.layout import PIPELINE_GBPS
from planner.sizing.lengths import longest
from planner.sizing.memory import FREE_SHARE, UTILISATION
from planner.sizing.serving import layout_flags
from planner.terraform import checkpoints, cloud, group, images, place
from planner.terraform import stack as stacks
from planner.terraform.cloud import Cloud
from planner.terraform.deployment import Deployment, Stack
from planner.terraform.fallback import fallbacks
from planner.terraform.settings import Settings
from planner.text import Text, text
from planner.units import add_months, term_months
from planner.workload import Workload

if TYPE_CHECKING:
    from planner.terraform.online import Lookup

__all__ = ["Settings", "deploy", "pick", "total"]

MAX_INSTANCES = 40  # the module's subnet has addresses .10 to .49 for them

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
SECRET = re.compile(r"[A-Za-z0-9/][A-Za-z0-9_./-]{0,126}\Z")
TAG_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.:=+@-]{0,62}\Z")  # no /: instance metadata shows tags as paths
WINDOW = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:[01][0-9]|2[0-3]):[0-5][0-9]\Z")
EMAIL = re.compile(r"[^@\s\"\\]+@[^@\s\"\\]+\.[^@\s\"\\]+\Z")
REGISTRY = re.compile(r"[a-z0-9][a-z0-9.-]*\.[a-z0-9.-]*(?::[0-9]{1,5})?(?:/[a-z0-9._-]+)*\Z")


def deploy(
    quote: Quote, offer: Offer, settings: Settings, stack: Stack | None = None, catalog: Catalog | None = None,
    lookup: Lookup | None = None,
) -> Deployment:
    """Return the deployment of `offer`; raise `MisuseError` for what its cloud cannot do.

    stack: driver, engine and images; None takes them from the engine table (planner.terraform.stack). catalog: the prices of what
    stands around the machines; None takes the committed lists. lookup: asks for digests and the revision now (`--online`); None keeps those that are known.
    """
    provider, option = offer.provider, offer.purchase_option
    layout = _layout(offer)
    facts = cloud.find(provider)
    _check_option(offer, settings, facts)
    mainland = _market(offer) == "mainland"
    work = quote.workload
    model = fit.model_of(work)
    hub = checkpoints.find(model, work.model, settings.checkpoint, mainland)
    checkpoint = hub.hf_id
    if lookup and not hub.revision:
        hub = hub._replace(revision=lookup.revision(hub, mainland))
    stack = stack or _stack(offer, settings, quote.workload, model, hub)
    if lookup:
        stack = stack._replace(images=lookup.images(stack.images))
    if layout.pp > 1 and stack.engine != "vllm":
        raise MisuseError(
            f"{offer.instance_type}: the model needs {layout.pp} instances per replica, and modules split one over instances with vLLM only, not {stack.engine} "
            f"(the engine for {offer.gpu.model}); choose a larger instance"
        )
    prepaid = option in ("subscription",)
    unused = unbought(quote, offer, model, stack)
    t = translator(settings.lang)
    stack = stack._replace(notes=tuple(t.say(said) for said in (*filter(None, [unused]), *stack.notes)))
    weights = weights_gb(model, offer.sizing.memory.weights_gib if offer.sizing.memory else None, stack.made)
    storage = data_disk(work.storage_gb, weights, offer.machine.local_nvme_gb)
    public = work.public_ips > 0
    exact = Decimal(str(round(weights, 3)))
    where = place.place(settings, facts, offer.count // layout.pp)
    firm = group.firm(settings, facts, offer, layout.pp, where.balancer)
    stand = Stand(offer.instance_type, offer.count, public, storage, exact, bool(where.vpc_id), where.balancer)
    whole = bill(quote, offer, catalog or Catalog(), stand=stand, firm=firm)
    name = _name(settings.name or work.name or checkpoint.rpartition("/")[2], bool(settings.name))
    if settings.deadline and prepaid:
        raise MisuseError("a subscription is paid for its whole period: it cannot have a deadline; drop --deadline")
    secret = settings.api_key_secret or facts.secrets.api_key.replace("{name}", name)
    hook = settings.alert_webhook_secret
    _check_secrets(secret, settings)
    months = max(1, quote.months)
    fabric = place.fabric(facts, offer.instance_type, layout.pp, public)
    return Deployment(
        name=name, provider=provider, site=offer.site, region=offer.region, zone=_zone(settings.zone or offer.zone, offer, facts),
        mainland=mainland, instance_type=offer.instance_type, vcpu=offer.machine.vcpu, memory_gib=offer.machine.memory_gib,
        network_gbps=offer.machine.network_gbps, local_nvme_gb=offer.machine.local_nvme_gb, gpu_model=offer.gpu.model,
        gpu_count=int(offer.gpu.count), gpu_memory_gib=offer.gpu.memory_gib, count=offer.count,
        nodes=place.nodes(where, offer.count, layout.pp, settings.group), purchase_option=option, term=offer.term, payment=offer.payment,
        offering=offer.offering, period_months=term_months(offer.term) if prepaid else 0, prepaid=prepaid,
        capacity="reservation" if settings.reserve_capacity else facts.options[option].capacity,
        spot_limit=_limit(settings.spot_limit, facts),
        currency=offer.totals.native_currency, hours=quote.hours,
        deadline="" if prepaid else _deadline(facts, quote.window.length, settings),
        client_cidr=_cidr(settings), public_ip=public, egress_gb=work.egress_gb, storage_gb=storage,
        root_gb=ROOT_GB, budget=plain((whole.totals.effective / months).quantize(Decimal("0.01"), ROUND_HALF_UP)),
        model=work.model, served_name=hub.served, hf_id=checkpoint,
        modelscope_id=hub.modelscope_id, revision=hub.revision, weights_gib=weights / 1.073741824,
        precision=work.precision, layout=layout,
        max_model_len=longest(offer.sizing, model, work.input_tokens + work.output_tokens, work.context_tokens),
        stress=_window(settings.stress), alert_webhook_secret=hook, power_off=settings.power_off_on_failure, sized_tokens=(work.input_tokens, work.output_tokens),
        gpu_memory_utilization=f"{FREE_SHARE.get(stack.engine, UTILISATION):.2f}", stack=stack,
        cost=tuple((t.say(c.name), c.amount, c.currency) for c in whole.charges), cost_total=total(whole, t), quote_hash=quote.hash,
        quoted_on=quote.quoted_on, tags=_tags(settings.tags, facts, quote.workload.tag), buy_note=t.say(_buy_note(offer, facts)), planner_version=VERSION,
        months=months, api_key_secret=secret, hf_token_secret=settings.hf_token_secret,
        alert_email=_email(settings.alert_email), open_to_internet=settings.open_to_internet,
        unpriced=tuple(t.say(said) for said in whole.unpriced), lang=t.lang, idle_disk=t.say(unused), bill=whole.totals.effective,
        period_begin=settings.now.strftime("%Y-%m"), period_end=_period_end(offer, quote, settings), place=where,
        fabric=fabric._replace(why=t.say(fabric.why)),
        registry=_registry(settings.registry, mainland), group=settings.group, firm=firm, fallback=fallbacks(quote, offer, catalog) if settings.fallback else None,
        pipeline_gbps=work.pipeline_gbps,
    )


def _stack(offer: Offer, settings: Settings, work: Workload, model: Model, hub: checkpoints.Checkpoint) -> Stack:
    """Return the stack of the engine table, with the flags of this layout and what README.md must say."""
    layout = _layout(offer)
    mainland = _market(offer) == "mainland"
    gpu = gpus.find(offer.gpu.model, float(offer.gpu.memory_gib) if offer.gpu.memory_gib else None)
    found = stacks.stack(
        stacks.host(offer.provider, mainland), gpu, model, work.precision, work.engine, settings.checkpoint and hub.hf_id,
        setting=Setting(pinned=bool(hub.revision), pp=layout.pp), accept=settings.accept_advisory,
    )
    engine = engines.parse(f"{found.engine}@{found.engine_version}")
    more = layout_flags(model, work.precision, layout.tp, work.kv_cache_dtype, engine)
    more += parsers.flags(hub.hf_id, engine)
    notes = (*filter(None, [hub.note]), *_sized_otherwise(offer, found), *_slow(offer), *found.notes)
    return found._replace(notes=notes, flags=(*found.flags, *more))


def _check_secrets(api_key: str, settings: Settings) -> None:
    """Raise MisuseError where a secret itself may have been given instead of its name."""
    given = (
        (api_key, "--api-key-secret"),
        (settings.hf_token_secret, "--hf-token-secret"),
        (settings.alert_webhook_secret, "--alert-webhook-secret"),
    )
    for text, what in given:
        if text and not SECRET.match(text):
            raise MisuseError(f"{what}: {text[:40]!r} is not a secret's name (letters, digits, _ . / -); never give the secret")


def _layout(offer: Offer) -> Layout:
    """Return how the model lies on the instances; raise `MisuseError` for an offer that no module can run."""
    layout = offer.sizing.layout
    if layout is None or not offer.sizing.fits:
        raise MisuseError(f"{offer.instance_type} does not hold the model: {'; '.join(str(r) for r in offer.sizing.reasons)}")
    if offer.gpu.count != int(offer.gpu.count) or offer.gpu.count < 1:
        raise MisuseError(f"{offer.instance_type} has {plain(offer.gpu.count)} of a GPU; a slice cannot run the engine")
    if offer.count > MAX_INSTANCES:
        raise MisuseError(f"{offer.count} instances are more than one module holds ({MAX_INSTANCES}); split the workload")
    return layout


def total(whole: Bill, t: English = translator("en")) -> str:
    """Return the sum of the bill in words."""
    amount, billed = show(whole.totals.effective), show(whole.totals.billed)
    if whole.totals.billed == whole.totals.effective:
        return f"{amount} {whole.currency}"
    return t("{amount} {code} effective, {billed} {code} billed in the window", amount=amount, billed=billed, code=whole.currency)


def _check_option(offer: Offer, settings: Settings, facts: Cloud) -> None:
    option = offer.purchase_option
    if option not in facts.options:
        ways = ", ".join(sorted(facts.options))
        raise MisuseError(f"{offer.provider} has no {option.replace('_', ' ')}s in its modules, only {ways}")
    rules = facts.options[option]
    if settings.reserve_capacity and not rules.reservable:
        raise MisuseError(
            f"--reserve-capacity adds a capacity reservation to instances bought on demand, where the cloud has that; "
            f"it does not go with this offer ({offer.provider}, {option})"
        )
    if offer.site in rules.refused:
        raise MisuseError(f"{option} at the site {offer.site}: {rules.refused[offer.site]}")
    if option == "spot":
        if rules.needs_limit and settings.spot_limit is None:
            raise MisuseError(f"{facts.title} wants a limit on a spot request: give --spot-limit PRICE per hour")
        if settings.spot_limit is not None and settings.spot_limit <= 0:
            raise MisuseError("--spot-limit must be above zero")
    elif settings.spot_limit is not None:
        raise MisuseError(f"--spot-limit goes with a spot offer, this one is {option}; add --purchase-option spot")


def _limit(asked: Decimal | None, facts: Cloud) -> str:
    """Return the spot limit with as many decimals as the cloud takes, never above what was asked for; "" is none."""
    places = facts.options["spot"].decimals if asked is not None else 0
    if asked is None or not places:
        return plain(asked) if asked is not None else ""
    cut = asked.quantize(Decimal(1).scaleb(-places), ROUND_DOWN)
    if not cut:
        raise MisuseError(f"--spot-limit {plain(asked)}: {facts.title} takes {places} decimals, which leave nothing of it")
    return plain(cut)


def _deadline(facts: Cloud, hours: Decimal, settings: Settings) -> str:
    """Return the deadline; raise when the cloud cannot keep it."""
    if settings.deadline:
        try:
            end = datetime.strptime(settings.deadline, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise MisuseError(f"--deadline: {settings.deadline[:40]!r} does not look like 2026-12-31T18:00:00Z") from None
    else:
        try:
            end = settings.now + timedelta(hours=float(hours))
        except OverflowError:
            raise MisuseError(f"{plain(hours)} hours lie beyond the calendar") from None
    ahead = end - settings.now
    most, least = facts.deadline.most_hours, facts.deadline.least_minutes
    own = facts.group.most_hours if settings.group else 0
    if own and ahead > timedelta(hours=own):
        raise MisuseError(
            f"{facts.title} ends a group at most {own // 24} days ahead: give an earlier --deadline, which an apply can move "
            "before it comes, or drop --group"
        )
    if most and ahead > timedelta(hours=most):
        raise MisuseError(
            f"{facts.title} releases an instance at most {most} hours ({most / 8760:.3g} years) ahead; "
            f"shorten --hours or --deadline"
        )
    if ahead < timedelta(minutes=least):
        raise MisuseError(f"the deadline must be at least {least} minutes ahead on {facts.title}")
    return end.strftime("%Y-%m-%dT%H:%M:%SZ")


def _period_end(offer: Offer, quote: Quote, settings: Settings) -> str:
    """Return the last month that the budget watches."""
    return add_months(settings.now.date(), max(quote.months, term_months(offer.term) if offer.term else 1)).strftime("%Y-%m")


def _cidr(settings: Settings) -> str:
    """Return the checked client range; "" leaves it to terraform.tfvars."""
    if not settings.client_cidr:
        return ""
    from ipaddress import IPv4Network

    try:
        network = IPv4Network(settings.client_cidr)
    except ValueError as exc:
        raise MisuseError(f"--client-cidr: not an IPv4 range such as 10.8.0.0/16: {str(exc)[:80]}") from None
    if network.prefixlen < 8 and not settings.open_to_internet:
        raise MisuseError(f"--client-cidr {network} lets nearly everybody in; add --open-to-internet if you mean it")
    return str(network)


def _market(offer: Offer) -> str:
    """Return the market of the offer's region; a zone that is sold apart is `MisuseError`."""
    catalog = Catalog()
    here = catalog.regions(offer.provider).get(offer.region)
    if here is not None and here.zone_of:
        raise MisuseError(
            f"{offer.region} is a zone of {here.zone_of} that is sold apart (it needs an opt-in and a subnet of its own, which "
            f"the module does not write): choose an offer of a region, e.g. --region {here.zone_of}; quotes hold for the zone"
        )
    return catalog.market(offer.provider, offer.region)


def _zone(zone: str, offer: Offer, facts: Cloud) -> str:
    """Return the zone: a name in the offer's region or, where the cloud has them, a zone id."""
    pattern = facts.zone.id_pattern
    named = zone.startswith(offer.region) or (pattern and re.fullmatch(pattern, zone))
    if zone and not (named and re.fullmatch(r"[a-z0-9-]+", zone)):
        raise MisuseError(f"--zone {zone[:40]!r} is not in {offer.region}")
    return zone


def _window(text: str) -> str:
    if text and not WINDOW.match(text):
        raise MisuseError(f"--stress: {text[:40]!r} is not a weekday and a time in UTC such as 'Sun 03:00'")
    return text


def _registry(text: str, mainland: bool) -> str:
    """Return the checked registry that the images were copied into."""
    if text and (not REGISTRY.match(text) or len(text) > 200):
        raise MisuseError(f"--registry: {text[:60]!r} is not HOST/NAMESPACE of a registry, without https:// and without a tag")
    if mainland and text.partition("/")[0] in images.ABROAD:
        raise MisuseError(f"--registry: mainland China cannot count on {text.partition('/')[0]}; name a registry there")
    return text


def _email(text: str) -> str:
    if text and (not EMAIL.match(text) or len(text) > 254):
        raise MisuseError(f"--alert-email: {text[:40]!r} is not an e-mail address")
    return text


def _name(text: str, given: bool) -> str:
    """Return a resource name; a name the user gave must be right, one taken from the workload is made right."""
    if given:
        if not NAME.match(text):
            raise MisuseError(f"--name: {text[:40]!r} must be 1 to 31 of a-z, 0-9 and -, and start with a letter")
        return text
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:31].strip("-")
    return slug if NAME.match(slug) else "llm-" + (slug or "server")[:26]


def _tags(
    tags: Sequence[tuple[str, str]], facts: Cloud, owner: Sequence[tuple[str, str]]
) -> tuple[tuple[str, str], ...]:
    """Return the user's tags over the workload's own, sorted; the limits are the narrowest that a cloud is known to have."""
    seen: dict[str, str] = {}
    given = {key for key, _ in tags}
    for key, value in (*((k, v) for k, v in owner if k not in given), *tags):
        if not TAG_KEY.match(key) or key.lower().startswith((*facts.tag_prefixes, "planner-")):
            raise MisuseError(f"--tag: the key {key[:40]!r} is not allowed (1 to 63 letters, digits and _.:=+@-; no cloud's prefix)")
        if len(value) > 127:
            raise MisuseError(f"--tag {key}: the value has {len(value):,} characters; at most 127 are allowed")
        if key in seen:
            raise MisuseError(f"--tag {key} is given twice")
        seen[key] = value
    if len(seen) > 15:
        raise MisuseError(f"{len(seen)} tags are too many: at most 15 beside the planner's own 5")
    return tuple(sorted(seen.items()))


def _sized_otherwise(offer: Offer, stack: Stack) -> tuple[Text, ...]:
    """Return what a saved quote must hear when the engine table has moved on since it was sized."""
    deployed = engines.parse(f"{stack.engine}@{stack.engine_version}").label
    if offer.sizing.engine in ("", deployed):
        return ()
    key = "the quote was sized for {was}; the engine table deploys {now} today: quote again"
    return (text(key, was=offer.sizing.engine, now=deployed),)


def _slow(offer: Offer) -> tuple[Text, ...]:
    """Return what the sizing says of a network that is slower than what one copy is otherwise split over."""
    gbps = offer.machine.network_gbps
    if _layout(offer).pp == 1 or gbps is None or gbps >= PIPELINE_GBPS:
        return ()
    key = "each replica is split over {n} instances with {gbps} Gbps of TCP between them, on your --pipeline-gbps: the estimate counts that network, no measurement has one; measure before you promise a speed"
    return (text(key, n=str(_layout(offer).pp), gbps=f"{gbps:g}"),)


def unbought(quote: Quote, offer: Offer, model: Model, stack: Stack) -> Text:
    """Return what is said where the quote has a data disk that the module does not need, else an empty text."""
    asked, local = quote.workload.storage_gb, offer.machine.local_nvme_gb
    memory = offer.sizing.memory
    weights = weights_gb(model, memory.weights_gib if memory else None, stack.made)
    if not asked or data_disk(asked, weights, local):
        return text("")
    key = "the quote counts {gb} GB of block storage, which would lie idle: the local disks ({local} GB) hold the weights, so no data disk is made; quote without --storage-gb"
    return text(key, gb=asked, local=local)


def _buy_note(offer: Offer, facts: Cloud) -> Text:
    """Return what must be bought by hand for a billing-only option, an empty text for the others."""
    if offer.purchase_option not in ("reserved", "savings_plan"):
        return text("")
    terms = offer.commitment
    key, paid = ("{term} {payment}", offer.payment.replace("_", " ")) if offer.payment else ("{term}", "")
    how = text(key, term=offer.term, **({"payment": text(paid)} if paid else {}))
    where: dict[str, object] = {"type": offer.instance_type, "region": offer.region, "how": how}
    if offer.purchase_option == "reserved":
        key = (
            "buy {count} {offering} reserved instances of {type} (Linux, {region}), {how}; a reservation is a discount on the bill, so there is no "
            "Terraform resource for it."
        )
        return text(key, count=offer.count, offering=offer.offering or "standard", **where)
    if terms is not None and terms.term_hours:
        hourly = (terms.upfront / terms.term_hours + terms.hourly) * offer.count
        rate = plain(hourly.quantize(Decimal("0.001"), ROUND_HALF_UP))
        where["how"] = text("{how}, commitment {rate} {code} an hour", how=how, rate=rate, code=offer.totals.native_currency)
    where["type"] = offer.instance_type.split(".")[0]
    key = (
        "buy one {kind} savings plan for {type} in {region}, {how}; it is a discount on the bill, so there is no Terraform resource for it."
    )
    return text(key, kind=facts.offerings.get(offer.offering, offer.offering), **where)
