"""Tokens bought instead of machines rented: what managed APIs ask for the workload's tokens, and from how many a day machines win."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from planner.errors import MisuseError
from planner.money import tax_at
from planner.offer import Source
from planner.prices import fx, tokens
from planner.prices.catalog import Catalog
from planner.prices.places import stands
from planner.quoting.choose import standings
from planner.quoting.digest import of_quote
from planner.quoting.records import Api, Beside, Offer, Quote
from planner.records import NamedTuple
from planner.sizing import models
from planner.text import Text, text
from planner.workload import Workload

__all__ = ["Compared", "Even", "Volume", "beside", "compared", "cost", "evens", "machines", "volume"]

ZERO, ONE, MILLION = Decimal(0), Decimal(1), Decimal(1_000_000)
DAY = Decimal(24)


class Volume(NamedTuple):
    """Millions of tokens in the window, and its days. full: nobody said how many: they are what the recommended machines put out."""

    inputs: Decimal
    outputs: Decimal
    days: Decimal
    full: bool

    @property
    def tokens(self) -> Decimal:
        return self.inputs + self.outputs

    @property
    def a_day(self) -> Decimal:
        """Tokens a day."""
        return self.tokens * MILLION / self.days


class Even(NamedTuple):
    """The tokens a day from which all machines of an offer cost no more than an API. units: the copies of the model that they are; each wins
    from its part of `a_day`. holds: tokens a day that they put out at most, None where no estimate says. Where `a_day` is more than
    that, the API is cheaper however much is asked."""

    offer: Offer
    a_day: Decimal
    units: int
    holds: Decimal | None

    @property
    def each(self) -> Decimal:
        return self.a_day / self.units

    @property
    def never(self) -> bool:
        return self.holds is not None and self.a_day > self.holds


class Compared(NamedTuple):
    """An API at the workload's tokens, in the report currency. million: of a million tokens, input and output as the workload has them;
    cost: of the window, None without a volume; batch: of the window in batches, None where there are none."""

    api: Api
    million: Decimal
    cost: Decimal | None
    batch: Decimal | None


def beside(quote: Quote, catalog: Catalog, cache_hits: Decimal, area: str = "") -> Quote:
    """Return the quote with the managed APIs that sell its model on its day; rates of exchange that they need are added to its own.

    area: where data has to stay: APIs whose list says another place, or none, are left out and told.
    """
    work = quote.workload
    day = catalog.as_of or quote.quoted_on
    found = tokens.listed(_names(work.model), day, work.low_confidence)
    rows = [r for r in found.rows if r.start <= work.input_tokens and (not r.end or work.input_tokens <= r.end)]
    sold: dict[tuple[str, ...], list[tokens.Row]] = {}
    for row in rows:
        sold.setdefault((row.vendor, row.site, row.region, row.model, row.mode, row.currency), []).append(row)
    rates = fx.Rates(fx.committed(catalog.as_of), work.fx)
    apis, outside, unplaced = [], 0, []
    for parts in sold.values():
        one = _api(parts, work)
        place = stands(catalog, one.vendor, one.region) if area else ""
        if area and place != area:
            outside += bool(place)
            unplaced += [] if place else [" ".join(x for x in (one.vendor, one.site) if x)]
            continue
        if area:
            key = "its list says {region}; no text seen promises that data stays in {area}"
            one = one._replace(lacks=(*one.lacks, text(key, region=one.region, area=area)))
        try:
            rates.path(one.currency, quote.currency)
        except MisuseError:
            key = "no dated exchange rate from {source} to {target}: not compared"
            one = one._replace(notes=(*one.notes, text(key, source=one.currency, target=quote.currency)))
        apis.append(one)
    known = {(f.base, f.quote): f for f in quote.fx} | rates.used
    apis.sort(key=lambda a: (a.vendor, a.site, a.region, a.model))
    names = tuple(sorted(set(unplaced)))
    told = Beside(
        cache_hits, tuple(apis), found.undated, found.doubtful, len(found.rows) - len(rows), area, outside, names
    )
    made = quote._replace(beside=told, fx=tuple(sorted(known.values())))
    return made._replace(hash=of_quote(made)) if quote.hash else made


def _names(model: str) -> tuple[str, ...]:
    """Return what the workload's model is called: as it was named, and as the table of models calls it where that is the same one."""
    try:
        known = models.find(model)
    except MisuseError:
        return (model,)
    # An alias may be another model of the same shape, of the same size but not of the same answers.
    return (model, known.name) if tokens.alike(known.name) == tokens.alike(model) else (model,)


def _api(parts: Sequence[tokens.Row], work: Workload) -> Api:
    """Return what one API asks: of hours with prices of their own the mean of an even week."""
    first, share = parts[0], sum((p.share for p in parts), ZERO)
    hits = [p.cached for p in parts if p.cached is not None]
    notes = [text("{note}", note=n) for n in dict.fromkeys(p.notes for p in parts) if n]
    key = "{hours} % of the week ({band}): {input} for input, {output} for output"
    if len(parts) > 1:
        for p in parts:
            hours = round(p.share / share * 100, 1)
            notes.append(text(key, hours=hours, band=text(p.band or "all hours"), input=p.input, output=p.output))
    if first.start or first.end:
        notes.append(text("the price of requests with so much input; others cost otherwise"))
    return Api(
        vendor=first.vendor,
        site=first.site,
        region=first.region,
        model=first.model + (f" ({first.mode})" if first.mode else ""),
        currency=first.currency,
        input=sum((p.input * p.share for p in parts), ZERO) / share,
        cached=sum((p.cached * p.share for p in parts if p.cached is not None), ZERO) / share
        if len(hits) == len(parts)
        else None,
        output=sum((p.output * p.share for p in parts), ZERO) / share,
        batch=first.batch or ZERO,
        source=Source(first.source, first.as_of, "", first.confidence, "list", first.place),
        notes=tuple(notes),
        lacks=_lacks(first, work),
    )


def _lacks(row: tokens.Row, work: Workload) -> tuple[Text, ...]:
    """Return what a machine of one's own has and this API has not, as far as a text was seen that says so."""
    terms = tokens.terms_of(row)
    if work.ttft_ms or work.tpot_ms:
        said = [text("no text seen promises your limits of latency, nor an uptime")]
    else:
        said = [text("no text seen promises a latency, nor an uptime")]
    if terms.at_once:
        said.append(text("at most {n} requests at once", n=terms.at_once))
    if terms.requests_per_minute:
        said.append(text("at most {n} requests a minute", n=terms.requests_per_minute))
    if terms.tokens_per_minute:
        said.append(text("at most {n} tokens a minute", n=terms.tokens_per_minute))
    if not (terms.at_once or terms.requests_per_minute):
        said.append(text("its rate limits were not seen"))
    if over := _over(terms, work):
        said.append(over)
    said.append(text("in which format its weights are was not seen"))
    kept = {"no": "keeps no input or output", "chosen": "what it keeps is set in the account"}
    said.append(text(kept.get(terms.kept, "what it keeps of your data was not seen")))
    trains = {"no": "does not train on it", "unsaid": "its terms do not say that it does not train on it"}
    said.append(text(trains.get(terms.trains, "whether it trains on it was not seen")))
    if row.batch and terms.batch_hours:
        said.append(text("batches within {hours} h, not promised", hours=terms.batch_hours))
    return tuple(said)


def _over(terms: tokens.Terms, work: Workload) -> Text | None:
    """Return that the workload asks for more than the API takes, None where it does not, or nobody says."""
    requests = work.rps or work.tokens_per_second / work.output_tokens
    for most, asked in (
        (terms.at_once, Decimal(work.concurrency)),
        (terms.requests_per_minute, requests * 60),
        (terms.tokens_per_minute, requests * 60 * (work.input_tokens + work.output_tokens)),
    ):
        if most and asked > most:
            return text("YOUR WORKLOAD ASKS FOR MORE: {asked} against {most}", asked=round(asked), most=most)
    return None


def volume(quote: Quote) -> Volume | None:
    """Return the tokens of the window: those of the demand, else what the recommended machines put out; None where neither is known."""
    work, window = quote.workload, quote.window
    rate = work.rps * work.output_tokens or work.tokens_per_second
    full = not rate
    if full:
        rate = ZERO if quote.best is None else _rate(quote.best, work) or ZERO
    if not rate:
        return None
    outputs = rate * 3600 * window.hours / MILLION
    return Volume(outputs * work.input_tokens / work.output_tokens, outputs, window.length / DAY, full)


def _rate(offer: Offer, work: Workload) -> Decimal | None:
    """Return the output tokens a second of all machines of an offer that serve, at the low side of the estimate."""
    speed = offer.sizing.output_tokens_per_second
    if speed is None:
        return None
    return Decimal(str(round(speed.low, 3))) * _serving(offer, work)


def _serving(offer: Offer, work: Workload) -> int:
    return offer.count if offer.sizing.count_given else max(1, offer.count - work.spare)


def cost(api: Api, quote: Quote, millions: tuple[Decimal, Decimal], batch: bool = False) -> Decimal:
    """Return what so many millions of input and output tokens cost in the API's currency, taxes included.

    A batch is not known to find the cache: its input is all at the full price.
    """
    work, told = quote.workload, quote.beside
    hits = ZERO if batch or api.cached is None or told is None else told.cache_hits
    inputs = api.input * (ONE - hits) + (api.cached or ZERO) * hits
    tax = tax_at(work.taxes, work.tax, api.vendor, api.site)
    added = ZERO if tax.included or tax.recoverable else tax.share
    kept = ONE - api.batch if batch else ONE
    return (inputs * millions[0] + api.output * millions[1]) * kept * (ONE + added)


def compared(quote: Quote) -> list[Compared]:
    """Return the APIs of a quote by what they cost; those whose currency has no rate of exchange are left out."""
    if quote.beside is None:
        return []
    work, much = quote.workload, volume(quote)
    mixed = Decimal(work.input_tokens), Decimal(work.output_tokens)
    rates = fx.Rates([f for f in quote.fx if f.rate])
    found = []
    for api in quote.beside.apis:

        def asked(millions: tuple[Decimal, Decimal], batch: bool = False, api: Api = api) -> Decimal:
            return rates.convert(cost(api, quote, millions, batch), api.currency, quote.currency)

        try:
            one = asked(mixed) / sum(mixed)
        except MisuseError:
            continue
        whole = None if much is None else asked((much.inputs, much.outputs))
        less = None if much is None or not api.batch else asked((much.inputs, much.outputs), batch=True)
        found.append(Compared(api, one, whole, less))
    return sorted(found, key=lambda c: (c.million, c.api.vendor, c.api.region, c.api.model))


def machines(quote: Quote) -> list[Offer]:
    """Return the machines to compare with: of each provider the best offer, and the one that costs least in these hours where it is
    another."""
    found: dict[str, Offer] = {}
    for standing in standings(quote):
        mine = [o for o in quote.offers if o.provider == standing.provider and o.firm]
        least = min(mine, key=lambda o: (o.totals.report.effective, o.id), default=None)
        found |= {o.id: o for o in (standing.offer, least) if o is not None}
    return list(found.values())


def evens(quote: Quote, one: Compared) -> list[Even]:
    """Return for each of `machines` the tokens a day from which it costs no more than an API, a commitment's payments spread over
    its term."""
    work, days = quote.workload, quote.window.length / DAY
    running = quote.window.hours * 3600 / days
    found = []
    for offer in machines(quote) if one.million else ():
        rate, layout = _rate(offer, work), offer.sizing.layout
        every = ONE + Decimal(work.input_tokens) / work.output_tokens
        holds = None if rate is None else rate * running * every
        units = max(1, _serving(offer, work) // (layout.pp if layout else 1))
        found.append(Even(offer, offer.totals.report.effective / days / one.million * MILLION, units, holds))
    return found
