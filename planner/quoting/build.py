"""From a workload and a catalogue to a quote. Pure: today's date and every price come in as arguments."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from planner.errors import MisuseError, suggest
from planner.money import plain
from planner.offer import OBSERVED, InstanceType, Price, ServicePrice, TransferPrice
from planner.prices.catalog import Catalog, ProviderInfo
from planner.prices.fx import Rates
from planner.quoting import cost
from planner.quoting.records import (
    Amounts,
    AsOf,
    Budget,
    Charge,
    Gap,
    Gpu,
    HourStep,
    Offer,
    Quote,
    Rate,
    Rejected,
    Stale,
    Totals,
)
from planner.sizing import Sizing
from planner.sizing.fit import check, size
from planner.units import billing_months
from planner.workload import Workload

try:  # hashlib loads OpenSSL (4 ms); CPython's own module is what `random` uses for the same reason
    from _sha2 import sha256
except ImportError:
    try:
        from _sha256 import sha256
    except ImportError:  # pragma: no cover - another Python
        from hashlib import sha256

__all__ = ["digest", "quote"]

ZERO = Decimal(0)
Group = tuple[str, str, str, str, str, str, str, str]  # site, type, option, term, payment, offering, zone, currency


def quote(workload: Workload, catalog: Catalog, today: str, rates: Rates, with_prices: bool = False) -> Quote:
    """Return the quote of `workload` on `catalog`.

    today: ISO date against which ages are counted. Unknown names raise `MisuseError` with near ones. The same arguments
    give the same quote, byte for byte. with_prices: each offer carries all its prices (`Offer.prices`), for files that
    recompute.
    """
    check(workload)
    places = _places(workload, catalog)
    _check_names(workload, catalog, places)
    start = None
    if workload.start:
        from datetime import date

        start = date.fromisoformat(workload.start)
    maker = _Maker(workload, catalog, rates, billing_months(workload.hours, start), with_prices)
    for provider, region in places:
        maker.region(provider, region)
    offers = sorted(maker.offers, key=lambda o: (bool(o.unpriced), o.totals.report.effective, o.id))
    prices_as_of, stale = _ages(offers, workload.max_age, today)
    notes = maker.notes()
    result = Quote(
        today,
        workload.hours,
        maker.months,
        workload.currency,
        workload,
        tuple(sorted(rates.used.values())),
        prices_as_of,
        tuple(offers),
        tuple(maker.rejected),
        tuple(maker.gaps),
        stale,
        _budget(workload, offers),
        notes,
        "",
        tuple(t for p in dict.fromkeys(p for p, _ in places) for t in catalog.info(p).reference_types),
    )
    return result._replace(hash=digest(result))


def digest(quote: Quote) -> str:
    """Return the first 12 digits of the SHA-256 of all that decides the quote's numbers and the numbers themselves."""
    parts = [repr(quote.workload), repr(quote.fx)]
    for offer in quote.offers:
        native, report = offer.totals.native, offer.totals.report
        parts.append(
            f"{offer.id} {offer.count} {native.list} {native.effective} {native.billed} {native.committed} "
            f"{report.effective} {report.billed} {offer.break_even_hours}"
        )
    return str(sha256("\n".join(parts).encode()).hexdigest()[:12])


def _places(workload: Workload, catalog: Catalog) -> list[tuple[str, str]]:
    """Return (provider, region) pairs to look at; raise when a named region or provider is unknown."""
    providers = workload.provider or catalog.providers()
    for name in providers:
        catalog.info(name)
    for scope, _ in workload.discount:
        provider = scope.partition(":")[0]
        if provider not in catalog.providers():
            raise MisuseError(f"--discount: unknown provider {provider!r}: {suggest(provider, catalog.providers())}")
    if not workload.region:
        return [(p, r) for p in providers for r in catalog.info(p).home_regions]
    if workload.region == ("all",):
        return [(p, r) for p in providers for r in catalog.regions(p)]
    known = {p: catalog.regions(p) for p in providers}
    for region in workload.region:
        if not any(region in regions for regions in known.values()):
            everywhere = sorted({r for regions in known.values() for r in regions})
            raise MisuseError(f"unknown region {region!r}: {suggest(region, everywhere)}")
    return [(p, r) for p in providers for r in workload.region if r in known[p]]


def _check_names(workload: Workload, catalog: Catalog, places: list[tuple[str, str]]) -> None:
    providers = sorted({p for p, _ in places})
    if workload.instance_type:
        known = {n.lower() for p in providers for n in catalog.instances(p)}
        if not {t.lower() for t in workload.instance_type} <= known:
            # A type may be priced without a specification; look only when it is needed.
            known |= {p.instance_type.lower() for pl in places for p in catalog.prices(*pl)}
        for name in workload.instance_type:
            if name.lower() not in known:
                names = {n for p in providers for n in catalog.instances(p)}
                raise MisuseError(f"unknown instance type {name!r}: {suggest(name, names)}")
    if workload.gpu:
        models = {i.gpu_model for p in providers for i in catalog.instances(p).values()}
        for name in workload.gpu:
            if not any(gpu_matches(name, model) for model in models):
                raise MisuseError(f"no instance has a GPU called {name!r}: {suggest(name, models)}")


def gpu_matches(asked: str, model: str) -> bool:
    """Say whether `asked` ("A100", "A100-80", "h20", the full name) means the GPU `model`."""
    want = _letters(asked)
    have = _letters(model)
    if want == have or want == _letters(model.split("-")[0].split(" (")[0]):
        return True
    # "A100-80" and "A100-80GB" for "A100-SXM4-80GB"
    family, _, memory = asked.partition("-")
    if not memory:
        return False
    return have.startswith(_letters(family)) and have.removesuffix("gb").endswith(_letters(memory).removesuffix("gb"))


def _letters(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


class _Maker:
    """Collects offers, rejections and gaps, region by region."""

    def __init__(self, workload: Workload, catalog: Catalog, rates: Rates, months: int, with_prices: bool) -> None:
        self.workload = workload
        self.with_prices = with_prices
        self.catalog = catalog
        self.rates = rates
        self.months = months
        self.offers: list[Offer] = []
        self.rejected: list[Rejected] = []
        self.gaps: list[Gap] = []
        self.types = {t.lower() for t in workload.instance_type}
        self.shares = dict(workload.discount)
        self._sized: dict[tuple[str, str], Sizing] = {}
        self._gpu: dict[str, bool] = {}

    def _wanted(self, name: str, spec: InstanceType | None) -> bool:
        if self.types and name.lower() not in self.types:
            return False
        if not self.workload.gpu:
            return True
        if spec is None:
            return False
        if spec.gpu_model not in self._gpu:
            self._gpu[spec.gpu_model] = any(gpu_matches(g, spec.gpu_model) for g in self.workload.gpu)
        return self._gpu[spec.gpu_model]

    def region(self, provider: str, region: str) -> None:
        """Add everything that `region` sells for the workload."""
        info, specs = self.catalog.info(provider), self.catalog.instances(provider)
        groups: dict[str, dict[Group, list[Price]]] = {}
        kept_out: dict[str, int] = {}
        for price in self.catalog.prices(provider, region):
            name = price.instance_type
            if not self._wanted(name, specs.get(name)) or price.os != "linux":
                continue
            if price.status and not (price.status == "low" and self.workload.low_confidence):
                kept_out[price.purchase_option] = kept_out.get(price.purchase_option, 0) + 1
                continue
            key = (
                price.site,
                name,
                price.purchase_option,
                price.term,
                price.payment,
                price.offering,
                price.zone,
                price.currency,
            )
            groups.setdefault(name, {}).setdefault(key, []).append(price)
        traffic = self.catalog.transfer(provider, region) if self._needs_traffic() else []
        services = self.catalog.services(provider, region) if self._needs_services() else []
        options = self.workload.purchase_option
        found = set()
        for name in sorted(groups):
            sizing = self._size(provider, region, name, specs.get(name))
            ways = groups[name]
            found |= {key[2] for key in ways}
            if sizing is None:
                continue
            on_demand = {k[0]: rows for k, rows in ways.items() if k[2] == "on_demand"}
            for key, rows in ways.items():
                if not options or key[2] in options:
                    spec = specs[name]
                    self.offers.append(self._offer(info, spec, sizing, rows, on_demand.get(key[0]), traffic, services))
        self._gaps(info, region, specs, set(groups), found, kept_out)

    def _needs_traffic(self) -> bool:
        return self.with_prices or bool(self.workload.egress_gb or self.workload.inter_region_gb)

    def _needs_services(self) -> bool:
        return self.with_prices or bool(self.workload.storage_gb or self.workload.public_ips)

    def _size(self, provider: str, region: str, name: str, spec: InstanceType | None) -> Sizing | None:
        if spec is None:
            self.rejected.append(Rejected(provider, region, name, "no specification in the catalogue: cannot be sized"))
            return None
        sizing = self._sized.get((provider, name))
        if sizing is None:
            sizing = self._sized[provider, name] = size(self.workload, spec)
        if not sizing.fits:
            self.rejected.append(Rejected(provider, region, name, "; ".join(sizing.reasons)))
            return None
        return sizing

    def _share(self, provider: str, option: str = "") -> Decimal:
        if option and f"{provider}:{option}" in self.shares:
            return self.shares[f"{provider}:{option}"]
        return self.shares.get(provider, ZERO)

    def _offer(
        self,
        info: ProviderInfo,
        spec: InstanceType,
        sizing: Sizing,
        rows: list[Price],
        on_demand: list[Price] | None,
        traffic: list[TransferPrice],
        services: list[ServicePrice],
    ) -> Offer:
        work, first = self.workload, rows[0]
        share = self._share(info.name, first.purchase_option)
        charges = cost.compute(rows, sizing.count, work.hours, self.months, share)
        beside, unpriced = self._beside(info, first, sizing.count, traffic, services)
        charges += beside
        charges += cost.tax(charges, work.tax)
        native = cost.totals(charges)
        convert = self.rates.convert
        report = Amounts(*(convert(a, first.currency, work.currency) for a in native))
        terms = cost.commitment_of(rows, work.hours, self.months, share)
        even = None
        if terms is not None and on_demand:
            usual = self._share(info.name, "on_demand")
            even = cost.break_even(terms, on_demand, usual, first.purchase_option == "subscription")
        per_output, per_token = self._per_million(sizing, report.effective)
        parts = [info.name, first.site, first.region, spec.name, first.purchase_option]
        parts += [p for p in (first.term, first.payment, first.offering, first.zone) if p]
        return Offer(
            ":".join(parts),
            info.name,
            first.site,
            first.region,
            first.zone,
            spec.name,
            spec.vcpu,
            spec.memory_gib,
            spec.network_gbps,
            spec.local_nvme_gb,
            Gpu(spec.gpu_model, spec.gpu_count, spec.gpu_memory_gib),
            sizing.count,
            first.purchase_option,
            first.term,
            first.payment,
            first.offering,
            first.purchase_option == "spot",
            tuple(charges),
            Totals(first.currency, native, report),
            terms,
            even,
            on_demand[0].amount * (1 - self._share(info.name, "on_demand")) if on_demand else None,
            unpriced,
            sizing,
            per_output,
            per_token,
            (*self._offer_notes(rows, terms), *self._zone_notes(first)),
            self._prices(rows, on_demand, traffic, services) if self.with_prices else (),
            _hour_steps(rows) if terms is None else (),
        )

    def _prices(
        self,
        rows: list[Price],
        on_demand: list[Price] | None,
        traffic: list[TransferPrice],
        services: list[ServicePrice],
    ) -> tuple[Rate, ...]:
        """Return every price that the offer is made of, or would be with other hours, traffic or disks."""
        first, work = rows[0], self.workload
        found = [_rate("compute", r.instance_type, r, r.tier_from, r.tier_to) for r in rows]
        if on_demand and first.purchase_option != "on_demand":
            found += [_rate("on_demand", r.instance_type, r, r.tier_from, r.tier_to) for r in on_demand]
        for dest, part in ((work.egress_to, "egress"), ("inter_region", "inter_region")):
            lane, what = self._lane(first, dest, traffic)
            steps = cost.ladder(lane)
            quota = cost.quota(lane) if steps else None
            found += [_rate(part, what, quota, ZERO, quota.to_gb, True)] if quota else []
            found += [_rate(part, what, t, t.from_gb, t.to_gb) for t in steps]
        disks = [s for s in services if s.site == first.site and s.currency == first.currency]
        disk = cost.disk(disks, first.purchase_option == "subscription")
        if disk is not None:
            found.append(_rate("storage", disk.variant, disk, ZERO, None))
        address = cost.address(disks)
        if address is not None:
            free = address.unit == "idle-hour"
            rate = _rate("ip", "public IPv4", address, ZERO, None)
            found.append(rate._replace(unit="hour", amount=ZERO) if free else rate)
        return tuple(found)

    def _beside(
        self,
        info: ProviderInfo,
        first: Price,
        count: int,
        traffic: list[TransferPrice],
        services: list[ServicePrice],
    ) -> tuple[list[Charge], tuple[str, ...]]:
        """Return the charges for traffic, disks and addresses in the book (site) of the offer, and what has no price."""
        work, site, months, share = self.workload, first.site, self.months, self._share(info.name)
        where = f"{first.region}, {info.sites.get(site, {}).get('title', site)}"
        disks = [s for s in services if s.site == site and s.currency == first.currency]
        by_month = first.purchase_option == "subscription"
        charges: list[Charge] = []
        unpriced = []
        for gb, dest in ((work.egress_gb, work.egress_to), (work.inter_region_gb, "inter_region")):
            if not gb:
                continue
            rows, what = self._lane(first, dest, traffic)
            kind = "egress" if dest in ("internet", "same_region") else "inter_region"
            made = cost.transfer(rows, kind, what, gb, months, share)
            charges += made
            if not made:
                unpriced.append(f"{what.lower()}: no price for {where}")
        if work.storage_gb:
            made = cost.storage(disks, work.storage_gb, count, work.hours, months, by_month, share)
            charges += made
            if not made:
                unpriced.append(f"disk: no price for {where}")
        if work.public_ips:
            addresses = cost.ip(disks, work.public_ips, work.hours, share)
            if addresses is None:
                unpriced.append(f"public IP: no price for {where}")
            charges += addresses or []
        return charges, tuple(unpriced)

    def _lane(self, first: Price, dest: str, traffic: list[TransferPrice]) -> tuple[list[TransferPrice], str]:
        """Return the prices of traffic to `dest` in the book (site) and currency of `first`, and what to call it."""
        lanes = [
            t for t in traffic if t.site == first.site and t.currency in (first.currency, t.currency if t.quota else "")
        ]
        named = dest not in ("internet", "same_region", "inter_region")
        kind = "inter_region" if named else dest
        rows = [t for t in lanes if t.destination == kind and t.to_region == (dest if named else "")]
        rows = rows or [t for t in lanes if t.destination == kind and not t.to_region]
        words = {"internet": "Data transfer out to the internet", "same_region": "Data transfer to another zone"}
        what = words.get(kind, "Data transfer to another region" + (f" ({dest})" if named else ""))
        return [t._replace(currency=first.currency) if t.quota else t for t in rows], what

    def _per_million(self, sizing: Sizing, cost_: Decimal) -> tuple[Decimal | None, Decimal | None]:
        """Return the report currency per million output and per million input and output tokens.

        With a demand the tokens are those that it makes in the window; without one they are what the instances deliver
        at the low side of the estimate.
        """
        work = self.workload
        inflow = Decimal(work.input_tokens) / work.output_tokens
        if work.rps:
            rate = work.rps * work.output_tokens
        elif work.tokens_per_second:
            rate = work.tokens_per_second
        elif sizing.output_tokens_per_second is not None:
            rate = Decimal(str(round(sizing.output_tokens_per_second.low, 3))) * (
                sizing.count if sizing.count_given else max(1, sizing.count - work.spare)
            )
        else:
            return None, None
        millions = rate * 3600 * work.hours / 1_000_000
        if not millions:
            return None, None
        return cost_ / millions, cost_ / (millions * (1 + inflow))

    def _offer_notes(self, rows: list[Price], terms: object) -> tuple[str, ...]:
        first, notes = rows[0], []
        if first.purchase_option == "spot":
            notes.append("market price of a past sample: it moves, and the instance can be taken back")
        for row in rows:
            if row.range_low is not None:
                notes.append(
                    f"the source prints {plain(row.range_low)} to {plain(row.amount)} {row.currency} per {row.unit} for "
                    "the group of regions; the high end is quoted"
                )
        if first.source.group:
            notes.append(
                f"price printed for the region group {first.source.group}; ask whether {first.region} has stock"
            )
        if not first.source.as_of:
            notes.append(f"undated price: {first.source.dated or 'the source bears no date'}")
        if getattr(terms, "terms", 1) > 1:
            notes.append(f"the window needs {getattr(terms, 'terms', 1)} terms; each is counted at today's price")
        return tuple(notes)

    def _zone_notes(self, first: Price) -> tuple[str, ...]:
        """Return what the price book knows of where the type is sold."""
        market = self.catalog.zones(first.provider, first.region)
        sold = market.sold(first.site, first.instance_type) if market is not None else None
        # A price of one zone (spot, capacity block) is sold there, whatever the list of offerings leaves out.
        if sold is None or not (sold.zones or not first.zone):
            return ()
        where = ", ".join(sold.zones) or "no zone"
        return (f"sold in {where} when last asked ({sold.observed_at[:10]})",)

    def _gaps(
        self,
        info: ProviderInfo,
        region: str,
        specs: dict[str, InstanceType],
        priced: set[str],
        found: set[str],
        kept_out: dict[str, int],
    ) -> None:
        options = self.workload.purchase_option or info.sells
        scope = f" for {', '.join(self.workload.instance_type)}" if self.types else ""
        for option in options:
            if option in found:
                continue
            words = option.replace("_", "-")
            if option not in info.sells:
                message = f"{info.title} does not sell GPU instances as {words}"
            else:
                message = f"no {info.title} {words} price in the catalogue{scope}"
                if kept_out.get(option):
                    number = kept_out[option]
                    message += f" ({number} superseded, expired or low-confidence row{'s' * (number > 1)} kept out)"
            self.gaps.append(Gap(info.name, region, "", option, message))
        missing = sorted(n for n, s in specs.items() if n not in priced and self._wanted(n, s))
        if missing and self.types:
            for name in missing:
                self.rejected.append(Rejected(info.name, region, name, f"no price in the catalogue for {region}"))
        elif missing:
            shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
            text = f"{len(missing)} {info.title} instance types have a specification but no price: {shown}"
            self.gaps.append(Gap(info.name, region, "", "", text))

    def notes(self) -> tuple[str, ...]:
        """Return what holds for the whole quote."""
        work = self.workload
        notes = []
        if not work.region:
            notes.append("regions: each provider's home region; --region NAME or --region all for others")
        if work.count:
            notes.append(f"the count of {work.count} was given; the sizing did not decide it")
        if work.discount:
            notes.append("discounts are the user's own; list prices stand beside contracted ones")
        if not work.tax:
            notes.append("tax is not modelled; --tax 6% adds it")
        return tuple(notes)


def _rate(
    part: str,
    item: str,
    row: Price | TransferPrice | ServicePrice,
    start: Decimal,
    end: Decimal | None,
    quota: bool = False,
) -> Rate:
    unit = row.unit if isinstance(row, (Price, ServicePrice)) else "GB"
    return Rate(
        part,
        item,
        unit,
        start,
        end,
        row.amount,
        row.currency,
        quota,
        row.source.text,
        row.source.as_of,
        row.source.dated,
        row.source.confidence,
        row.source.origin,
        row.source.place,
    )


def _hour_steps(rows: list[Price]) -> tuple[HourStep, ...]:
    """Return the steps of a pay-as-you-go price, () when it is the same for every hour."""
    if len(rows) == 1 and rows[0].tier_to is None and not rows[0].tier_from:
        return ()
    return tuple(HourStep(r.tier_from, r.tier_to, r.amount) for r in sorted(rows, key=lambda r: r.tier_from))


def _ages(offers: Iterable[Offer], limit: int, today: str) -> tuple[tuple[AsOf, ...], tuple[Stale, ...]]:
    """Return the dates of the prices used per provider, and which providers are older than `limit` days.

    Prices of the market (spot) do not count: they are old the day after. An observed price is as old as its observation.
    """
    dates: dict[str, set[str]] = {}
    undated: dict[str, set[str]] = {}
    origins: dict[str, set[str]] = {}
    for offer in offers:
        if offer.market:
            continue
        for charge in offer.charges:
            if charge.category == "tax":
                continue
            if charge.origin == "book":
                # What a cloud answered on a day held on that day, however long ago the price became effective.
                dates.setdefault(offer.provider, set()).add(charge.place.removeprefix(OBSERVED)[:10])
            elif charge.as_of:
                dates.setdefault(offer.provider, set()).add(charge.as_of)
            else:
                undated.setdefault(offer.provider, set()).add(charge.place)
            origins.setdefault(offer.provider, set()).add(charge.origin)
    from datetime import date, timedelta

    oldest_allowed = (date.fromisoformat(today) - timedelta(days=limit)).isoformat()
    result, stale = [], []
    for provider in sorted(origins):
        known = sorted(dates.get(provider, ()))
        oldest, newest = (known[0], known[-1]) if known else ("", "")
        missing = len(undated.get(provider, ()))
        result.append(AsOf(provider, oldest, newest, missing, "+".join(sorted(origins[provider]))))
        if missing or oldest < oldest_allowed:
            words = f"prices from {oldest}" if oldest else "undated prices"
            words += f" and {missing} undated" if oldest and missing else ""
            message = f"{words}: older than {limit} days; run `planner refresh {provider}`"
            stale.append(Stale(provider, oldest if not missing else "", limit, message))
    return tuple(result), tuple(stale)


def _budget(workload: Workload, offers: list[Offer]) -> Budget | None:
    if workload.budget is None:
        return None
    complete = [o.totals.report.billed for o in offers if not o.unpriced]
    cheapest = min(complete, default=None)
    fits = cheapest is not None and cheapest <= workload.budget
    return Budget(workload.budget, workload.currency, fits, cheapest)
