"""`planner quote --target kubernetes`: one offer on plain instances, and the same on the cloud's managed cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.cli.options import put
from planner.errors import MisuseError, NoOfferError, suggest

if TYPE_CHECKING:
    from planner.prices.catalog import Catalog
    from planner.quoting.records import Offer, Quote

TARGETS = ("kubernetes",)
#: Options of `quote` that say nothing of a target, in the order in which `alone` takes them.
OTHERS = (
    "from-tf",
    "compare",
    "charts",
    "explain",
    "infrastructure",
    "sort",
    "gaps",
    "rejected",
    "granularity",
    "beside-apis",
)


def alone(given: tuple[object, ...]) -> None:
    """Raise `MisuseError` for an option of `OTHERS` that was given."""
    for name, said in zip(OTHERS, given, strict=True):
        if said:
            raise MisuseError(f"--{name}: says nothing of --target: leave it out")


def compare(
    target: str,
    quote: Quote,
    offer_id: str | None,
    catalog: Catalog,
    form: str,
    lang: str,
    output: str | None,
    force: bool,
) -> None:
    """Write the comparison of the offer `offer_id`, or of the recommended one."""
    if target not in TARGETS:
        raise MisuseError(f"--target {target[:30]!r}: {suggest(target, TARGETS)}")
    if form not in ("table", "json"):
        raise MisuseError(f"--target {target}: is told as table or json, not as {form}")
    from planner.i18n import translator
    from planner.kubernetes import comparison

    made = comparison.make(quote, _chosen(quote, offer_id), catalog)
    if form == "json":
        import json

        text = json.dumps(comparison.as_json(made), indent=2, ensure_ascii=False) + "\n"
    else:
        text = comparison.table(made, translator(lang))
    put(text, output, force, people=form == "table")


def _chosen(quote: Quote, offer_id: str | None) -> Offer:
    if offer_id is None:
        if quote.best is None:
            raise NoOfferError(
                "no offer is firm and fully priced, so that none is recommended: name one with --offer ID"
            )
        return quote.best
    found = next((o for o in quote.offers if o.id == offer_id), None)
    if found is None:
        raise MisuseError(f"--offer {offer_id[:80]!r}: {suggest(offer_id, [o.id for o in quote.offers])}")
    return found
