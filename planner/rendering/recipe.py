"""An offer's lines as the page carries them: templates/report/calc.js evaluates them for any hours and exchange rate.

In the same 28-digit arithmetic as planner.quoting.cost; tests hold the two equal.
"""

from typing import Any

from planner.money import plain
from planner.prices.fx import Rates
from planner.quoting.records import Line, Offer, Quote, Rate

__all__ = ["path", "recipe"]


def recipe(quote: Quote, offer: Offer) -> dict[str, Any]:
    """Return the lines of `offer`, its terms, and the way of its currency to the quote's."""
    terms = offer.commitment
    return {
        "lines": [_line(line) for line in offer.lines],
        "path": path(quote, offer),
        "terms": terms
        and {
            "by_month": terms.by_month,
            "block": offer.purchase_option == "capacity_block",
            "hours": plain(terms.term_hours),
            "months": terms.term_months,
            "upfront": plain(terms.upfront),
            "hourly": plain(terms.hourly),
            "monthly": plain(terms.monthly),
        },
    }


def _line(line: Line) -> dict[str, Any]:
    made: dict[str, Any] = {
        "rule": line.rule,
        "count": str(line.count),
        "each": plain(line.each),
        "share": plain(line.share),
        "unit": line.rates[0].unit,
        "rates": [_rate(r) for r in line.rates],
    }
    return made | {"free": plain(line.free.end)} if line.free and line.free.end else made


def _rate(rate: Rate) -> list[str | None]:
    return [plain(rate.start), None if rate.end is None else plain(rate.end), plain(rate.amount)]


def path(quote: Quote, offer: Offer) -> list[list[Any]]:
    """Return the rates that lead from the offer's currency to the report's: [index in quote.fx, "x" or "/"]."""
    steps, code = [], offer.totals.native_currency
    for fx in Rates(list(quote.fx)).path(code, quote.currency):
        steps.append([quote.fx.index(fx), "x" if fx.base == code else "/"])
        code = fx.quote if fx.base == code else fx.base
    return steps
