"""What the sheet Timeline takes of the option shown, from its row on Costs."""

from __future__ import annotations

from typing import NamedTuple

from planner.rendering.xlsx.book import Book, Sheet, cell, named
from planner.rendering.xlsx.costs import span
from planner.rendering.xlsx.model import Model, Option, label

__all__ = ["TAKEN", "TOP", "Shown", "write_shown"]

TOP = 4
#: What Timeline takes from the row of the option shown on Costs: key, name, number format
TAKEN = (
    ("option", "option", ""),
    ("way", "bought as", ""),
    ("ladder", "price", ""),
    ("even", "on-demand price", ""),
    ("basis", "disk counted by", ""),
    ("count", "instances", "num"),
    ("off", "discount on compute", "pct"),
    ("beside_off", "discount on the rest", "pct"),
    ("rate", "rate to report", "rate"),
    ("net", "of a price, without the tax that it holds", "rate"),
    ("t_cost", "cost with tax", "rate"),
    ("t_cash", "cash with tax", "rate"),
    ("term_hours", "hours of term", "num"),
    ("term_months", "months of term", "num"),
    ("terms", "terms needed", "num"),
    ("upfront", "upfront, one", "money"),
    ("hourly", "commitment, one", "price"),
    ("monthly", "subscription, one", "money"),
    ("promised", "promised under a contract", "money"),
    ("short", "due of what stays unspent", "pct"),
    ("fee", "contract shortfall", "money"),
    ("lane_out", "traffic out", ""),
    ("lane_in", "traffic to other regions", ""),
    ("free_out", "free GB, out", "num"),
    ("free_in", "free GB, other regions", "num"),
    ("lanes", "traffic, a whole month", "num"),
    ("traffic", "traffic, list", "num"),
    ("disk", "disk, list", "num"),
    ("ip", "addresses, list", "num"),
)


class Shown(NamedTuple):
    """The option shown: what it is now, and where that stands; `at` refers to it from other sheets."""

    option: Option
    values: dict[str, object]
    cells: dict[str, str]
    at: dict[str, str]


def write_shown(book: Book, model: Model, s: Sheet) -> Shown:
    """Write what Timeline takes of the option shown, and return where it stands."""
    t, o = book.t, model.shown
    values: dict[str, object] = {
        **model.figures(o),
        "option": label(o, t),
        "way": named(o.offer.purchase_option, t),
        "ladder": o.own.id,
        "even": o.usual.id if o.usual else "",
        "basis": named(o.disk_basis, t),
        "lane_out": o.egress.id if o.egress else "-",
        "lane_in": o.inter.id if o.inter else "-",
    }
    cells, at = {}, {}
    for row, (key, words, number) in enumerate(TAKEN, TOP):
        s.text(row, 0, t(words))
        s.calc(row, 2, f"INDEX({span(book, model, key)},option_shown)", values[key], number, "link")
        cells[key] = cell(row, 2, "rc")
        at[key] = book.ref("timeline", cells[key])
    return Shown(o, values, cells, at)
