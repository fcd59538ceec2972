"""Which offer to take, and why: the one answer that every output, the comparison and the emitted module ask for.

A **basis** is an amount by which offers are compared; the same words hold wherever one is named (`--sort`,
`--budget-basis`, `--basis`):

    obligation      all that taking the offer obliges to pay: of each charge the greater of billed and committed
    effective       the cost in the window, upfront payments spread over their term
    billed          cash that leaves in the window
    committed       what is owed over the term (0 for pay as you go)
    present-value   all cash owed, discounted to the first day at the workload's --discount-rate
    per-token       the effective cost per million output tokens

Candidates are firm (spot can be taken back) and fully priced. The least obligation is recommended, or with a discount
rate the least present value; ties go to the lower effective cost, then (only where a contract's shortfall is
due) to what is spent before it, then to the id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from planner.errors import MisuseError, suggest
from planner.money import plain
from planner.offer import Way
from planner.quoting.records import Budget, Offer, Quote, Recommended, Rejected
from planner.records import NamedTuple
from planner.text import Text, text
from planner.workload import BASES

__all__ = [
    "BASES",
    "RIVALS",
    "Advice",
    "Standing",
    "advise",
    "amount",
    "best_of",
    "named",
    "near",
    "pick",
    "place_of",
    "ranked",
    "recommend",
    "rival",
    "standings",
    "why_none",
    "within",
    "worth_showing",
]

#: Why a type that a list prices and nobody describes is rejected.
UNKNOWN = "no specification in the catalogue: cannot be sized"
WAYS_OUT = (" takes it, in ", "one copy needs ")  # what a reason says where an option or a count mends it
_WHY = {
    "obligation": text("least to pay in all, every obligation counted"),
    "present-value": text("least present value of all that is owed"),
}


def amount(quote: Quote, offer: Offer, basis: str) -> Decimal | None:
    """Return an offer's amount on a basis, in the report currency; None where it has none (no estimate of tokens).

    Raises `MisuseError` for an unknown basis, and for present-value without a discount rate.
    """
    if basis not in BASES:
        raise MisuseError("unknown basis {basis!r}: {near}", basis=basis, near=suggest(basis, BASES))
    if basis == "per-token":
        return offer.cost_per_million_output
    if basis == "present-value":
        from planner.quoting.worth import present_value

        if quote.workload.discount_rate is None:
            raise MisuseError("present-value needs a discount rate: give --discount-rate 10%")
        return present_value(quote, offer, quote.workload.discount_rate)
    found: Decimal = getattr(offer.totals.report, basis)
    return found


#: A contract's shortfall makes amounts equal that were added up in another order: they are compared to this many digits.
_DIGITS = 9


def _key(quote: Quote, basis: str) -> Callable[[Offer], tuple[bool, Decimal, Decimal, Decimal, str]]:
    contracts = bool(quote.workload.contract)

    def key(offer: Offer) -> tuple[bool, Decimal, Decimal, Decimal, str]:
        value = amount(quote, offer, basis)
        first, second, third = value or Decimal(0), offer.totals.report.effective, Decimal(0)
        if contracts:
            first, second, third = round(first, _DIGITS), round(second, _DIGITS), _spent(quote, offer)
        return value is None, first, second, third, offer.id

    return key


def _spent(quote: Quote, offer: Offer) -> Decimal:
    """Return the effective cost of an offer before a contract's shortfall and tax, in the report currency."""
    from planner.prices.fx import Rates

    native = sum((c.amount for c in offer.charges if c.category not in ("contract", "tax")), Decimal(0))
    return Rates(list(quote.fx)).convert(native, offer.totals.native_currency, quote.currency)


def ranked(quote: Quote, offers: Iterable[Offer], basis: str) -> list[Offer]:
    """Return `offers` by their amount on `basis`, complete ones first; ties by effective cost, then by what is spent before a
    contract's shortfall (that alone can make two offers equally dear), then id."""
    key = _key(quote, basis)
    return sorted(offers, key=lambda o: (bool(o.unpriced), key(o)))


def basis_of(quote: Quote) -> str:
    """Return the basis on which a quote recommends."""
    return "obligation" if quote.workload.discount_rate is None else "present-value"


def best_of(quote: Quote, offers: Sequence[Offer]) -> Offer | None:
    """Return the offer of `offers` to take: the least among the firm, fully priced ones; None when there is none."""
    basis, firm = basis_of(quote), [o for o in offers if o.firm]
    if basis == "present-value":  # worth 2 ms an offer: only of those that can be the least
        from planner.quoting.dominated import undominated

        firm = undominated(firm)
    return min(firm, key=_key(quote, basis), default=None)


def recommend(quote: Quote) -> Recommended | None:
    """Return what to recommend among all offers of a quote, None when none is firm and fully priced."""
    best, basis = best_of(quote, quote.offers), basis_of(quote)
    return None if best is None else Recommended(best.id, basis, _WHY[basis])


def within(quote: Quote, limit: Decimal | None, basis: str) -> Budget | None:
    """Return what a budget allows of the firm, fully priced offers on `basis`, None without one.

    A sample of the spot market never counts: nobody sells at it tomorrow.
    """
    if limit is None:
        return None
    found = [amount(quote, o, basis) for o in quote.offers if o.firm]
    amounts = [a for a in found if a is not None]
    fitting = sum(1 for a in amounts if a <= limit)
    return Budget(limit, quote.currency, fitting > 0, min(amounts, default=None), basis, fitting)


def why_none(quote: Quote) -> str:
    """Return why a quote has no offer at all: the first reasons, and how many more there are."""
    said = [f"{r.provider} {r.instance_type} in {r.region}: {r.reason}" for r in _telling(quote.rejected)]
    said += [f"{g.provider} {g.region}: {g.message}" for g in quote.gaps]
    said = list(dict.fromkeys(said))
    near = _nearest(quote)
    if near:
        rest = f"; {len(said) - 1} others are further away or fail for other reasons" if len(said) > 1 else ""
        return f"no offer: {near}{rest}"
    if not said:
        return "no offer: nothing that was asked for is in the price lists"
    more = f"; and {len(said) - 2} more" if len(said) > 2 else ""
    return f"no offer: {'; '.join(said[:2])}{more}"


def _telling(rejected: Iterable[Rejected]) -> list[Rejected]:
    """Return what was rejected, first what an option or a count mends, last what has no datasheet: that says nothing of the workload."""
    return sorted(rejected, key=lambda r: (r.reason.key == UNKNOWN, not any(way in str(r.reason) for way in WAYS_OUT)))


def _nearest(quote: Quote) -> str:
    """Return which instance type comes nearest to the latency limits and by how much it exceeds them, "" where none says."""
    work, best, said = quote.workload, 0.0, ""
    for one in quote.rejected:
        for why in dict(one.reason.values).get("reasons", ()):  # type: ignore[attr-defined]
            if not isinstance(why, Text) or not why.key.startswith("no layout meets {limits}"):
                continue
            told = dict(why.values)
            over = [
                (float(str(told[f"{name}_high"])) / float(limit), name, limit)
                for name, limit in (("tpot", work.tpot_ms), ("ttft", work.ttft_ms))
                if limit
            ]
            times, name, limit = max(over)
            if not said or times < best:
                most = told[f"{name}_high"]
                where = f"{one.instance_type} ({one.provider} {one.region})"
                best = times
                said = (
                    f"nothing meets {name} {plain(limit)} ms; nearest is {where} with {told[f'{name}_low']} to {most} ms "
                    f"for one request at a time: {times:,.2f} times the limit"
                )
    return said


def named(quote: Quote, wanted: str, option: str = "--offer") -> Offer:
    """Return the offer whose id is `wanted`; raise `MisuseError` with near ids when the quote has none."""
    found = next((o for o in quote.offers if o.id == wanted), None)
    if found is None:
        near = suggest(wanted, [o.id for o in quote.offers])
        raise MisuseError("{option}: no offer {wanted!r}: {near}", option=option, wanted=wanted, near=near)
    return found


def place_of(wanted: str) -> dict[str, tuple[str, ...]]:
    """Return the cloud, region and type that an offer's id names, as a workload's keys: what must be looked at to find it."""
    parts = wanted.split(":")
    return (
        dict(zip(("provider", "region", "instance_type"), ((parts[i],) for i in (0, 2, 3)), strict=True))
        if len(parts) >= 5
        else {}
    )


def pick(
    quote: Quote,
    provider: str,
    region: Sequence[str] = (),
    instance_type: Sequence[str] = (),
    option: Sequence[str] = (),
    offer_id: str = "",
) -> Offer:
    """Return the offer of `provider` that a module provisions: its best on demand, or of the ways of buying in `option`.

    On demand unless told otherwise, because a spot instance may vanish and a commitment outlives the deadline. Raises
    `MisuseError` saying what is missing when there is none.
    """
    mine = [o for o in quote.offers if o.provider == provider]
    if offer_id:
        mine = [o for o in mine if o.id == offer_id]
        if not mine:
            raise MisuseError(
                f"this quote has no {provider} offer {offer_id[:80]!r}; `planner quote --format csv` lists their ids"
            )
        option = option or (mine[0].purchase_option,)
    types = {t.lower() for t in instance_type}
    fit = [o for o in mine if (not region or o.region in region) and (not types or o.instance_type.lower() in types)]
    wanted = tuple(option) or ("on_demand",)
    bought = [o for o in fit if o.purchase_option in wanted]
    best = min((o for o in bought if not o.unpriced), key=_key(quote, basis_of(quote)), default=None)
    if best is not None:
        return best
    for offer in bought:
        raise MisuseError(
            f"{offer.instance_type} in {offer.region} cannot be emitted: part of it has no price "
            f"({'; '.join(str(u) for u in offer.unpriced)}); leave that part out or give a price with --price-book"
        )
    if fit:
        have = sorted({o.purchase_option for o in fit})
        raise MisuseError(f"no {' or '.join(wanted)} price for this on {provider}; it is sold as {', '.join(have)}")
    raise MisuseError(_nothing(quote, provider, region, instance_type, wanted))


def _nothing(
    quote: Quote, provider: str, region: Sequence[str], instance_type: Sequence[str], wanted: Sequence[str]
) -> str:
    """Return why `provider` has no offer at all for what was asked."""
    where = ", ".join(region) or "the regions looked at"
    mine = (r for r in quote.rejected if r.provider == provider)
    reasons = [f"{r.instance_type} in {r.region}: {r.reason}" for r in _telling(mine)]
    gaps = [g for g in quote.gaps if g.provider == provider]
    said = [str(g.message) for g in gaps if g.purchase_option in wanted] + reasons + [str(g.message) for g in gaps]
    types = {t.lower() for t in instance_type}
    about = [r for r in said if any(t in r.lower() for t in types)]
    said = about or said
    why = f" ({said[0]})" if said else ""
    what = ", ".join(instance_type) or "anything that serves the workload"
    return f"{provider} has no price for {what} in {where}{why}; `planner quote` shows what there is"


class Advice(NamedTuple):
    """best: the recommended offer. lasting: a commitment with a lower effective cost, for a need that lasts its term.
    market: the cheapest spot sample, if it is lower still. Each may be None."""

    best: Offer | None
    lasting: Offer | None
    market: Offer | None


def advise(quote: Quote) -> Advice:
    """Return the recommendation and what lies beside it."""
    best = quote.best
    if best is None:
        return Advice(None, None, None)

    most = best.totals.report.effective

    def lower(firm: bool) -> Offer | None:
        # A capacity block is bought for this window: it does not last.
        rest = [
            o
            for o in quote.offers
            if o.totals.report.effective < most
            and (o.firm if firm else o.market and not o.unpriced)
            and o.purchase_option != "capacity_block"
        ]
        return min(rest, key=lambda o: o.totals.report.effective, default=None)

    return Advice(best, lower(True), lower(False))


class Standing(NamedTuple):
    """Where an offer stands beside the recommended one, on the basis on which the quote recommends.

    offer: None where nothing firm and fully priced is on sale at `provider`. amount: what it comes to. more: by how much
    that is above the recommended amount; share: the same as a share of the recommended amount (None: that is 0); saved:
    the same as a share of `amount`, what taking the recommended one instead saves.
    """

    provider: str
    offer: Offer | None
    amount: Decimal
    more: Decimal
    share: Decimal | None
    saved: Decimal | None


def _standing(quote: Quote, provider: str, offer: Offer | None) -> Standing:
    basis, best = basis_of(quote), quote.best
    value = amount(quote, offer, basis) if offer is not None else None
    least = amount(quote, best, basis) if best is not None else None
    if value is None or least is None:
        return Standing(provider, None, Decimal(0), Decimal(0), None, None)
    more = value - least
    return Standing(provider, offer, value, more, more / least if least else None, more / value if value else None)


def standings(quote: Quote) -> list[Standing]:
    """Return the best offer of each provider looked at, the recommended one first; providers without one come last."""
    names = dict.fromkeys([*(s.provider for s in quote.sellers), *(o.provider for o in quote.offers)])
    result = [_standing(quote, n, best_of(quote, [o for o in quote.offers if o.provider == n])) for n in names]
    return sorted(result, key=lambda s: (s.offer is None, s.amount, s.provider))


#: What the recommended offer is compared with: the least on demand, the best of another provider, the next way to buy.
RIVALS = ("on_demand", "provider", "next")


def rival(quote: Quote) -> tuple[str, Standing] | None:
    """Return what the recommended offer beats, and which of RIVALS that is; None where nothing stands beside it.

    A commitment must be worth binding oneself, so it is compared with the best on demand; an on-demand offer with the
    best of another provider; where there is none, with the next way of buying anything.
    """
    best = quote.best
    if best is None:
        return None
    mine = best.way.anywhere
    others = [o for o in quote.offers if o.way.anywhere != mine]
    for name in RIVALS[kind_of(best) == "on_demand" :]:
        found = best_of(quote, [o for o in others if _is_rival(name, o, best)])
        if found is not None:
            return name, _standing(quote, found.provider, found)
    return None


def _is_rival(name: str, offer: Offer, best: Offer) -> bool:
    if name == "on_demand":
        return offer.purchase_option == "on_demand"
    return name == "next" or offer.provider != best.provider


def near(quote: Quote, offers: Iterable[Offer], times: int = 2) -> list[Offer]:
    """Return those of `offers` that a short report lists, by what must be paid: the recommended offer, the best of each
    provider, and what comes to at most `times` the recommended amount."""
    basis, best = basis_of(quote), quote.best
    least = amount(quote, best, basis) if best is not None else None
    kept = {s.offer.id for s in standings(quote) if s.offer is not None}
    rest = [o for o in offers if o.id not in kept and least is not None]
    kept |= {o.id for o in rest if (amount(quote, o, basis) or Decimal(0)) <= times * (least or Decimal(0))}
    return ranked(quote, (o for o in quote.offers if o.id in kept), basis)


def kind_of(offer: Offer) -> str:
    """Return "on_demand", "spot" or "committed"."""
    return kind_of_option(offer.purchase_option)


def kind_of_option(option: str) -> str:
    """Return the same of a purchase option."""
    return option if option in ("on_demand", "spot") else "committed"


def worth_showing(quote: Quote, top: int) -> list[Offer]:
    """Return the offers that a report lists, in the quote's order: what `advise` names, per provider the `top` of each
    kind, and all of the named instance types (else the reference ones).

    Of the same type bought in the same way in several zones the first stands for all.
    """
    named = {t.lower() for t in quote.workload.instance_type or quote.reference_types}
    said = {o.id for o in advise(quote) if o is not None}
    shown: list[Offer] = []
    counts: dict[tuple[str, str], int] = {}
    seen: set[Way] = set()
    for offer in quote.offers:
        way = offer.way
        way = way.anywhere if way.zone else way
        if way in seen and offer.id not in said:
            continue
        seen.add(way)
        key = (offer.provider, kind_of(offer))
        if offer.id in said or offer.instance_type.lower() in named or counts.get(key, 0) < top:
            counts[key] = counts.get(key, 0) + 1
            shown.append(offer)
    return shown
