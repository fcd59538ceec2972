"""From a workload and a catalogue to a quote. Pure: today's date and every price come in as arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.offer import InstanceType, Price, Way
from planner.prices.catalog import Catalog, ProviderInfo
from planner.prices.fx import Rates
from planner.quoting import choose, lines, notes
from planner.quoting.offers import Bought, later, offer, unweighed
from planner.quoting.records import Era, Gap, Line, Offer, Quote, Rejected, Seller, Site
from planner.quoting.rules import sold
from planner.quoting.select import Place, Request, place, places, request
from planner.quoting.shortlist import Shortlist, simple
from planner.sizing import Sizing
from planner.sizing.engines import Host
from planner.sizing.fit import Sizer, check, settled, sizer
from planner.text import Text, text
from planner.units import block_hours
from planner.workload import Workload, in_time

if TYPE_CHECKING:
    from planner.quoting.changes import Changes
    from planner.sizing.own import Measurement

__all__ = ["quote", "seller"]

_How = Callable[[InstanceType], Sizing]


def quote(
    workload: Workload,
    catalog: Catalog,
    today: str,
    rates: Rates,
    whole: bool = False,
    brief: bool = False,
    own: tuple[Measurement, ...] = (),
    top: int = 0,
    ranked: bool = True,
) -> Quote:
    """Return the quote of `workload` on `catalog`.

    today: ISO date against which ages are counted. Unknown names raise `MisuseError` with near ones. The same arguments
    give the same quote, byte for byte. whole: offers carry every line that they could need with other volumes, for files
    that recompute. brief: for a screen; offers are weighed and made only when they are looked at, and the quote has no hash,
    which would look at all. top: with `brief`, how many offers of each provider and kind are listed: where nothing but the
    machines costs, records are made of these alone and of what they are compared with; the others are counted (`left_out`).
    own: the user's measurements, preferred to the estimate for the model, GPU and engine that they are of; the quote carries
    those that have a say in it. ranked: without it offers stand by their ids, nothing is recommended and no age is told: for who
    asks what each would cost otherwise (with `brief`).
    """
    check(workload)
    workload = settled(in_time(workload, today))
    catalog, changes = _dated(workload, catalog, today)
    looked, req = places(workload, catalog), request(workload, catalog, rates, whole, changes)
    offers: list[Offer] = []
    beyond: list[Offer] = []
    rejected: list[Rejected] = []
    gaps: list[Gap] = []
    sizings: dict[int, Sizing] = {}
    hows: list[_How] = [catalog.sized.get(at[0]) or sizer(workload, _host(req, *at), own) for at in looked]
    make = offer if not brief else later if ranked else unweighed
    short = _shortlist(req, zip(looked, hows, strict=True), top, today) if brief and top else None
    for here, how in zip(short.places() if short else (place(req, *at) for at in looked), hows, strict=True):
        # Of what serves and is not listed only a measurement would have to be told.
        for name in sorted({*here.types, *(here.unmade if own else here.refused)}):
            found = here.refused.get(name) or _size(here, name, how)
            if isinstance(found, Text):
                rejected.append(Rejected(here.info.name, here.region, name, found))
                continue
            sizings[id(found)] = found
            if name in here.types:
                for one in _offers(req, here, name, found, make):
                    (offers if sold(one.way, req.window.length) else beyond).append(one)
                rejected += _too_long(req, here, name)
        missing, bare = notes.gaps(req, here)
        gaps += missing
        rejected += bare
    offers.sort(key=_by_cost if ranked else _by_id)
    prices_as_of, stale = (
        short.ages.result() if short else notes.ages(offers if ranked else (), workload.max_age, today)
    )
    heard = _heard(own, workload.kv_cache_dtype, sizings.values()) if own else ()
    infos = [catalog.info(p) for p in dict.fromkeys(p for p, _ in looked)]
    made = Quote(
        quoted_on=today,
        hours=workload.hours,
        months=req.months,
        currency=workload.currency,
        workload=workload,
        fx=tuple(sorted(rates.used.values())),
        prices_as_of=prices_as_of,
        offers=tuple(offers),
        rejected=tuple(rejected),
        gaps=tuple(gaps),
        stale=stale,
        budget=None,
        notes=(*notes.of_all(workload), *(changes.notes() if changes else ()), *notes.measured(heard)),
        hash="",
        reference_types=tuple(t for info in infos for t in info.reference_types),
        sellers=tuple(seller(info) for info in infos),
        beyond=tuple(sorted(beyond, key=_by_id)),
        measurements=heard,
        left_out=short.left_out if short else 0,
    )
    return _judged(made, brief) if ranked else made


def _judged(made: Quote, brief: bool) -> Quote:
    """Return the quote with what its budget allows, what is recommended, and its hash where it is not brief."""
    made = made._replace(budget=choose.within(made, made.workload.budget, made.workload.budget_basis))
    made = made._replace(recommended=choose.recommend(made))
    made = made._replace(notes=(*made.notes, *notes.of_engine(made.best)))
    if brief:
        return made
    from planner.quoting.digest import of_quote

    return made._replace(hash=of_quote(made))


def _by_cost(offer: Offer) -> tuple[bool, Decimal, str]:
    return bool(offer.unpriced), offer.totals.report.effective, offer.id


def _by_id(offer: Offer) -> str:
    return offer.id


def _dated(workload: Workload, catalog: Catalog, today: str) -> tuple[Catalog, Changes | None]:
    """Return the catalogue on the window's first day, and what of the user's own prices changes later; None without such prices."""
    if not catalog.own:
        return catalog, None
    from planner.quoting.changes import begin

    return begin(workload, catalog, today)


def _shortlist(req: Request, looked: Iterable[tuple[tuple[str, str], _How]], top: int, today: str) -> Shortlist | None:
    """Return what the places have to show, None where every offer must be made to know."""
    if (req.changes is not None and req.changes.later) or not simple(req):
        return None
    looked = list(looked)
    types = [t for p in {at[0] for at, _ in looked} for t in req.catalog.info(p).reference_types]
    named = frozenset(t.lower() for t in (*types, *req.workload.instance_type))
    short = Shortlist(req, top, named, notes.Ages(req.workload.max_age, today))
    return short if all(isinstance(how, Sizer) and short.look(*at, how) for at, how in looked) else None


def seller(info: ProviderInfo) -> Seller:
    """Return what reports call a provider."""
    sites = tuple(
        Site(id_, told.get("title", id_), told.get("tax", "unknown"), told.get("mark", ""))
        for id_, told in info.sites.items()
    )
    return Seller(info.name, info.title, info.services.get("compute", info.title), sites)


def _heard(own: tuple[Measurement, ...], kv: str, sizings: Iterable[Sizing]) -> tuple[Measurement, ...]:
    """Return the measurements that have a say in a sizing."""
    from planner.sizing.own import label, of

    heard: set[Measurement] = set()
    for s in sizings:
        heard.update(m for m in of(own, s.model, s.precision, kv, s.engine) if label(m) in s.basis)
    return tuple(m for m in own if m in heard)


def _size(here: Place, name: str, how: _How) -> Sizing | Text:
    """Return how an instance type serves the workload, or why it does not."""
    spec = here.specs.get(name)
    sizing = how(spec) if spec is not None else None
    return sizing if sizing is not None and sizing.fits else notes.refusal(sizing)


def _host(req: Request, provider: str, region: str) -> Host:
    """Return what an engine finds on the instances of a place: the engine table chooses the version by it.

    The market counts only where a version is asked for: no build that is chosen by itself is for one market alone.
    """
    driver = req.catalog.info(provider).driver
    market = req.catalog.market(provider, region) if req.workload.engine else ""
    return Host(provider, driver.version if driver else "", market)


def _too_long(req: Request, here: Place, name: str) -> list[Rejected]:
    """Return that a type's capacity blocks cannot be bought for so long a window, where that is so."""
    options = req.workload.purchase_option
    if block_hours(req.window.length) or (options and "capacity_block" not in options):
        return []
    if not any(way.purchase_option == "capacity_block" for way, _ in here.types[name]):
        return []
    why = text("a capacity block lasts at most 182 days (4,368 h); the window has {hours} h", hours=req.window.hours)
    return [Rejected(here.info.name, here.region, name, why)]


def _offers(
    req: Request, here: Place, name: str, sizing: Sizing, make: Callable[[Request, Bought], Offer]
) -> list[Offer]:
    """Return every way of buying an instance type that the workload lets pass."""
    made: dict[tuple[Way, str], tuple[Line, ...]] = {}
    on_demand: dict[str, Line] = {}
    priced: dict[tuple[Way, str], Sequence[Price]] = {}
    eras: dict[tuple[Way, str], tuple[Era, ...]] = {}
    for key, rows in here.types[name].items():
        way, share = key[0], req.share(here.info.name, key[0].purchase_option)
        priced[key] = rows
        if req.changes is not None and req.changes.later:
            from planner.quoting.changes import eras_of

            priced[key], changed = req.changes.merged(rows)
            eras[key] = eras_of(changed, sizing.count, share)
        made[key] = lines.compute(priced[key], sizing.count, share)
        if way.purchase_option == "on_demand":
            on_demand[way.site] = made[key][0]
    options, spec = req.workload.purchase_option, here.specs[name]
    return [
        make(req, Bought(here, spec, sizing, priced[key], made[key], on_demand.get(key[0].site), eras.get(key, ())))
        for key in here.types[name]
        if not options or key[0].purchase_option in options
    ]
