"""Looks whether every dated fact is in the catalogue, with its amount and currency: what `catalog list --all` says.

    python -m tools.check_facts FILE.csv ...     e.g. prices.csv of the first collection, prices_new.csv and history.csv of the next

Low-confidence facts are counted apart: lists keep them out of quotes. What is missing is printed and the exit code is 1 when that
is more than one in a hundred of the good ones.
"""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from tools.merge_facts import ROOT, Row, plain, read, way

#: What a fact says, as `catalog list` prints it.
Said = tuple[str, ...]
#: One in so many may lack.
SHARE = 100
#: Hours of a year.
HOURS = 8760


def listed() -> list[Row]:
    """Return the rows of `planner catalog list --offline-list --all --format csv`."""
    command = [sys.executable, "-m", "planner", "catalog", "list", "--offline-list", "--all", "--format", "csv"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=os.path.dirname(ROOT))
    return list(csv.DictReader(io.StringIO(done.stdout)))


def told(fact: Row) -> Said:
    """Return what a fact says, but for its region."""
    word = fact["purchase_option"]
    if word == "on_demand_windows":
        row = way("on_demand")
    elif word.startswith("savings_plan"):
        _, _, rest = word.partition("savings_plan_")
        term = next((part for part in rest.split("_") if part[:1].isdigit()), "")
        row = {
            "purchase_option": "savings_plan",
            "term": term,
            "payment": rest.partition(f"{term}_")[2],
            "offering": "",
        }
    else:
        row = way(word)
    payment = row["payment"].replace("_", " ")
    exchangeable = "convertible" if row["offering"] == "convertible" else ""
    how = " ".join(part for part in (payment, exchangeable) if part)
    return (
        fact["provider"],
        fact["instance_type"],
        row["purchase_option"],
        row["term"],
        how,
        plain(fact["amount"]),
        fact["currency"],
        fact["unit"],
    )


def said(row: Row) -> Said:
    """Return what a row of the list says, but for its region."""
    how = "" if row["bought_as"] == "capacity_block" else row["payment"]  # a block is always paid at once
    names = ("provider", "instance_type", "bought_as", "term")
    return (*(row[name] for name in names), how, plain(row["amount"]), row["currency"], row["unit"])


def lump(amount: str, unit: str, term: str) -> str:
    """Return what a term paid at once comes to, in whole units of money: sources print it as a total or as a price of an hour."""
    hours = HOURS * int(term[:-1]) if unit == "hour" else 1
    return f"{round(Decimal(amount) * hours)} a term"


def missing(facts: Iterable[Row], rows: Sequence[Row]) -> list[Row]:
    """Return the facts that no row says of their region; of a fact whose region no row knows, any region will do."""
    places: dict[Said, set[str]] = {}
    for row in rows:
        places.setdefault(said(row), set()).add(row["region"])
        if row["payment"].startswith("all upfront") and row["term"].endswith("y"):
            *who, amount, currency, unit = said(row)
            places.setdefault((*who, lump(amount, unit, row["term"]), currency), set()).add(row["region"])
    known = {(row["provider"], row["region"]) for row in rows}
    lacking = []
    for fact in facts:
        *who, amount, currency, unit = mine = told(fact)
        where = places.get(mine, set())
        if "all upfront" in who:
            where = where | places.get((*who, lump(amount, unit, who[3]), currency), set())
        if not (fact["region"] in where or (where and (fact["provider"], fact["region"]) not in known)):
            lacking.append(fact)
    return lacking


def main() -> int:
    """Print how many facts the list has, file by file, and those that it lacks."""
    rows = listed()
    lacking_, good_ = 0, 0
    for path in sys.argv[1:]:
        facts = read(path)
        good = [fact for fact in facts if fact["confidence"] != "low"]
        lacking = missing(good, rows)
        low = missing((fact for fact in facts if fact["confidence"] == "low"), rows)
        print(
            f"{path}: {len(good) - len(lacking)} of {len(good)} good facts; {len(low)} of low confidence are not there"
        )
        for fact, count in Counter(" ".join(told(fact)[:5]) for fact in lacking).most_common(20):
            print(f"  lacks {fact} ({count})")
        lacking_ += len(lacking)
        good_ += len(good)
    print(f"{good_ - lacking_} of {good_} good facts are listed with their amount and currency")
    return int(lacking_ * SHARE > good_)


if __name__ == "__main__":
    sys.exit(main())
