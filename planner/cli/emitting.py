"""What the commands that emit an offer share: their options, and which offer it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from planner.cli.options import (
    book_options,
    fetched,
    make_quote,
    make_workload,
    measured_option,
    open_catalog,
    saved_quote,
    workload_options,
)
from planner.errors import MisuseError
from planner.text import Text, text

if TYPE_CHECKING:
    from planner.prices.catalog import Catalog
    from planner.quoting.records import Offer, Quote

__all__ = ["besides", "choose", "engine_options", "offer_options", "pairs"]

F = TypeVar("F", bound=Callable[..., Any])


def _with(function: F, options: Sequence[Callable[[F], F]]) -> F:
    """Return a command with `options`, which its help shows in this order."""
    for option in reversed(options):
        function = option(function)
    return function


def offer_options(function: F) -> F:
    """Add the options that say which offer of which quote is emitted, and how the deployment is called."""
    options = (
        workload_options,
        book_options,
        measured_option,
        click.option(
            "--quote", "quote_file", metavar="FILE", help="Emit from a saved JSON quote instead of pricing anew."
        ),
        click.option("--strict", is_flag=True, help="Exit 1 when the saved quote was changed."),
        click.option(
            "--offer",
            "offer_id",
            metavar="OFFER",
            help="Emit exactly this offer, by the id that `planner quote` shows.",
        ),
        click.option(
            "--name",
            metavar="NAME",
            default="",
            help="Name of the deployment (a-z, 0-9, -).  [from the workload or model]",
        ),
        click.option("--spot-limit", metavar="PRICE", help="Most to pay per spot hour, in the cloud's currency."),
    )
    return _with(function, options)


def engine_options(function: F) -> F:
    """Add the options of what is served, and of the secrets that it takes."""
    options = (
        click.option(
            "--api-key-secret", metavar="NAME", default="", help="Name of the API key in the cloud's secret store."
        ),
        click.option(
            "--hf-token-secret",
            metavar="NAME",
            default="",
            help="Name of the model hub's token there, for gated models.",
        ),
        click.option(
            "--checkpoint",
            metavar="ORG/NAME[@SHA]",
            default="",
            help="Checkpoint on the model hub, pinned to a revision by @SHA.  [the model's own, its newest]",
        ),
        click.option(
            "--accept-advisory",
            metavar="ID",
            multiple=True,
            help="Emit although this critical advisory is open and reached.",
        ),
    )
    return _with(function, options)


def choose(
    cloud: str, values: dict[str, Any], quote_file: str | None, offer_id: str | None, strict: bool
) -> tuple[Catalog | None, Quote, Offer]:
    """Return the offer of `cloud` that is emitted, with its quote and the catalogue it was made from (None: a saved quote).

    values: the options of the workload and of the prices, and no others. The cheapest on-demand offer, unless an offer, a
    region, a type or a purchase option is named.
    """
    from planner.quoting.choose import pick

    if values.get("provider") and tuple(values["provider"]) != (cloud,):
        command = click.get_current_context().info_name
        raise MisuseError("{command} writes for one provider, {cloud}; drop --provider", command=command, cloud=cloud)
    if quote_file:
        values.pop("online", None)
    measured = values.pop("measurements")
    books = {key: values.pop(key) for key in ("price_book", "price_book_db", "offline_list", "as_of")}
    if quote_file:
        catalog: Catalog | None = None
        priced = _saved_offers(quote_file, {"measurements": measured, **values}, any(books.values()), strict)
    else:
        online = values.pop("online", None)
        workload = make_workload({**values, "provider": (cloud,)})
        if online and "/" in workload.model and not workload.model_config:
            workload = fetched(workload, online)
        catalog = open_catalog(**books)
        priced = make_quote(workload, catalog, measurements=measured)
    wanted = priced.workload
    region = values.get("region") or wanted.region
    offer = pick(
        priced,
        cloud,
        () if tuple(region) == ("all",) else region,
        values.get("instance_type") or wanted.instance_type,
        values.get("purchase_option") or wanted.purchase_option,
        offer_id or "",
    )
    return catalog, priced, offer


def besides(cloud: str, priced: Quote, offer: Offer, named: bool) -> list[Text]:
    """Return why the offer is not of a type for which the cloud is known (`reference_types`), and how to get that; nothing for a type that
    was named."""
    from planner.money import show
    from planner.quoting.choose import best_of

    told: list[Text] = []
    for name in () if named else priced.reference_types:
        if offer.instance_type == name:
            continue
        same = [o for o in priced.offers if (o.instance_type, o.provider) == (name, cloud)]
        like = [o for o in same if o.purchase_option == offer.purchase_option]
        other = best_of(priced, like or same)
        if other is None:
            why = [r.reason for r in priced.rejected if (r.instance_type, r.provider) == (name, cloud)]
            told += [text("not {type}: {why}", type=name, why=why[0])] if why else []
            continue
        mine, its = offer.totals.report.obligation, other.totals.report.obligation
        if its <= mine:
            key = "not {type}, which is not dearer ({its} {code}): --instance-type {type} emits it"
            told.append(text(key, type=name, its=show(its), code=priced.currency))
            continue
        key = (
            "not {type}: {count} x of it ({gpus}) is {its} {code} {how}, {times} times the {mine} of {own} x {kind}, which serves the "
            "workload as well; --instance-type {type} emits it"
        )
        told.append(
            text(
                key,
                type=name,
                count=other.count,
                gpus=f"{other.gpu.count * other.count:g}x {other.gpu.model}",
                its=show(its),
                code=priced.currency,
                how=text(other.purchase_option.replace("_", " ")),
                times=f"{its / mine:.1f}",
                mine=show(mine),
                own=offer.count,
                kind=offer.instance_type,
            )
        )
    return told


def _saved_offers(path: str, values: dict[str, Any], books: bool, strict: bool) -> Quote:
    """Return the saved quote; options that would change its prices are refused, those that choose an offer are not."""
    choosing = ("region", "instance_type", "purchase_option", "provider")
    given = [k for k, v in values.items() if k not in choosing and v is not None and v != ()]
    if given or books:
        what = f"--{given[0].replace('_', '-')}" if given else "the price book options"
        raise MisuseError(
            "--quote emits a saved quote as it is: {what} cannot change it; quote again instead", what=what
        )
    return saved_quote(path, strict)


def pairs(texts: tuple[str, ...], what: str) -> tuple[tuple[str, str], ...]:
    """Return KEY=VALUE texts as pairs; raise `MisuseError` that names the option `what`."""
    for given in texts:
        if "=" not in given:
            raise MisuseError("{what}: {given!r} is not KEY=VALUE", what=what, given=given[:40])
    return tuple((given.partition("=")[0], given.partition("=")[2]) for given in texts)
