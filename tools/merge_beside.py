"""Merges dated facts about disks, traffic, addresses and gateways into providers/*/catalog: twice changes nothing.

    python -m tools.merge_beside FOLDER [PROVIDERS]     default: providers/ of this checkout

FOLDER holds other_new.csv and egress_new.csv. Of one thing the latest date is quoted; a newer source with the same amount
dates its `confirmed`, one with another replaces it, and the older row stays as `superseded`. A row without a date never
takes the place of a dated one. What no list has a place for is said and left out.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from decimal import Decimal

from tools.merge_facts import ROOT, Row, Sources, plain, read, site_of, write

SERVICE = (
    "region site item variant unit amount currency default effective_date dated confirmed confidence status source note"
).split()
TRANSFER = (
    "region site destination to_region from_gb to_gb amount currency quota effective_date dated confirmed confidence"
    " status source note"
).split()
UNDATED = "the source bears no date"
#: The disk that the emitted module takes: only its price may be quoted for it.
DEFAULT_DISKS = ("cloud_essd:PL1", "CLOUD_HSSD", "gp3")
#: Free while bound to an instance: charged idle, behind a gateway or on a balancer.
IDLE = ("hour unless bound directly to a VPC ECS instance", "hour while IDLE")
#: The lists' groups of regions, by the facts' words for them.
AREAS = {
    "alicloud": {
        "Chinese mainland": "mainland",
        "Chinese mainland (CDT free quota)": "mainland",
        "outside the mainland (CDT free quota)": "outside-mainland",
        "outside the mainland and Hong Kong": "outside-mainland",
        "all": "all",
    },
    "tencentcloud": {"Chinese mainland": "cn-mainland", "outside the mainland": "outside-mainland", "all": "all"},
    "aws": {},
}
DAY = r"(\d{4}-\d{2}-\d{2})"
#: How a fact says when its source was last changed or read, and when another source showed the same amount.
DATED = re.compile(rf"(?:\(last change|\bread) {DAY}")
SEEN = re.compile(
    r"(?:seen again (?:at [\d.]+ )?on|fetched by another source on(?: [\d-]+ and)?|another source|equal to the catalogue of"
    rf"|another text checked|confirms egress\.csv on) {DAY}"
)


def variant_of(fact: Row) -> str:
    """Return the cloud's own word for what a fact prices, "" where the item has one kind only."""
    item, note = fact["item"], fact["notes"]
    first = re.split(r"[,;:(]", note)[0].strip()
    if item.startswith("block_storage"):
        return re.sub(r"^EBS |^ESSD ", lambda m: "cloud_essd:" if m[0] == "ESSD " else "", first)
    if item == "bandwidth_mbps":
        return "EIP" if note.startswith("EIP") else "public IP" if note.startswith("fixed public IP") else ""
    if item in ("load_balancer", "load_balancer_lcu"):
        name = re.sub(r" (instance|shared|product).*", "", first)
        return "CLB" if name == "LCU-supported CLB only" else name
    if item == "load_balancer_spec":
        return first.removeprefix("CLB ")
    if item == "kms_instance" and first.split()[0] in ("software", "hardware"):
        return first.split()[0]
    if item.startswith("nat_gateway"):
        return "standard" if note.startswith("STANDARD") else "single-AZ" if "single-AZ" in fact["unit"] else ""
    return "standard" if item.endswith("_storage") else ""


def service_of(fact: Row) -> Row:
    """Return a fact of other_new.csv as a row of services.csv; its region may name several (`placed`)."""
    variant = variant_of(fact)
    unit = "idle-hour" if fact["unit"] in IDLE else fact["unit"].replace(" (single-AZ disaster recovery)", "")
    default = fact["item"] == "block_storage" and variant in DEFAULT_DISKS and fact["confidence"] != "low"
    return _told(fact, fact["effective_date"], fact["amount"]) | {
        "item": fact["item"],
        "variant": variant,
        "unit": unit,
        "default": "yes" if default else "",
    }


def transfer_of(fact: Row) -> Row:
    """Return a fact of egress_new.csv as a row of transfer.csv.

    A free quota is one of the tiered regime, whose steps have a destination of their own. Two regions that are all that a
    site has are each other's only "other region".
    """
    destination, _, pair = fact["destination"].partition(" ")
    quota = not Decimal(fact["price_per_gb"])
    to = pair.partition("->")[2]
    if to and fact["provider"] == "aws" and site_of(fact | {"region": to}) == "aws-cn":
        to = ""
    end = fact["tier_to_gb"]
    if "TB 以上" in fact["notes"]:  # the source prints no end; the fact's own is by analogy
        end = ""
    dated = DATED.search(fact["source"])
    row = _told(fact | {"region": fact["from_region_group"]}, dated[1] if dated else "", fact["price_per_gb"])
    return row | {
        "destination": "internet_cdt" if quota and "CDT" in fact["from_region_group"] else destination,
        "to_region": to,
        "from_gb": plain(fact["tier_from_gb"]),
        "to_gb": plain(end) if end else "",
        "quota": "yes" if quota else "",
    }


def _told(fact: Row, day: str, amount: str) -> Row:
    seen = max(SEEN.findall(fact["notes"]), default="")
    return {
        "region": fact["region"],
        "site": "international" if fact["provider"] != "aws" and fact["currency"] == "USD" else site_of(fact),
        "amount": plain(amount),
        "currency": fact["currency"],
        "effective_date": day,
        "dated": "" if day else UNDATED,
        "confirmed": seen if seen > day else "",
        "confidence": fact["confidence"],
        "status": "low" if fact["confidence"] == "low" else "",
        "source": fact["source"],
        "note": fact["notes"],
    }


def placed(row: Row, provider: str, known: Iterable[str]) -> list[Row]:
    """Return a row for each region (or group of regions) that it names; [] where it names none that there is."""
    names = []
    for word in row["region"].split("; "):
        name = AREAS[provider].get(word, word)
        if name in known or re.fullmatch(r"[a-z]+-[a-z]+(-\d)?", name):
            names.append(name)
    return [row | {"region": name} for name in names]


def merged(current: list[Row], new: list[Row], key: tuple[str, ...]) -> list[Row]:
    """Return the rows to keep: of one key one to quote, and what it replaced as `superseded`."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in (*current, *new):
        groups.setdefault((*(row[name] for name in key), row["status"] == "low"), []).append(row)
    kept = []
    for rows in groups.values():
        kept += _one(rows)
    return kept


def _one(rows: list[Row]) -> list[Row]:
    """Return one row to quote, and those with other amounts; rows stand in the order in which they were merged."""
    past = [row for row in rows if row["status"] == "superseded"]
    live = sorted((row for row in rows if row["status"] != "superseded"), key=lambda row: row["effective_date"])
    best = live[0] if live else past.pop()
    for row in live[1:]:
        if plain(row["amount"]) == plain(best["amount"]):  # the older date stays: it was only seen again
            seen = max(best["confirmed"], row["effective_date"], row["confirmed"])
            if not best["effective_date"] and row["effective_date"]:
                best, seen = row, max(best["confirmed"], row["confirmed"])
            best = best | {"confirmed": seen if seen > best["effective_date"] else ""}
        elif row["effective_date"] > best["effective_date"]:
            past.append(best | {"status": "superseded"})
            best = row
    if best.get("item"):
        best = best | {"default": max(row["default"] for row in rows)}
    return [best, *past]


def merge(facts: str, provider: str, folder: str) -> str:
    """Merge what the facts tell of one provider into its lists; return what was done, in a line."""
    sources = Sources(read(f"{folder}/sources.csv"))
    known = {name for row in read(f"{folder}/regions.csv") for name in (row["id"], *row["groups"].split())}
    said: list[str] = []
    jobs = (
        ("services", "other_new", SERVICE, service_of, ("region", "site", "item", "variant", "unit", "currency")),
        (
            "transfer",
            "egress_new",
            TRANSFER,
            transfer_of,
            ("region", "site", "destination", "to_region", "from_gb", "quota", "currency"),
        ),
    )
    for name, file, columns, row_of, key in jobs:
        current = []
        for row in read(f"{folder}/{name}.csv"):
            row = row | {"confirmed": row.get("confirmed", ""), "source": sources.texts[row["source"]]}
            current.append(_mended(provider, row))
        new: list[Row] = []
        left = []
        for fact in read(f"{facts}/{file}.csv"):
            if fact["provider"] == provider:
                rows = placed(row_of(fact), provider, known)
                new += rows
                left += [] if rows else [f"{fact.get('region') or fact['from_region_group']} ({fact['notes'][:40]}...)"]
        if provider == "aws" and name == "transfer":
            new = _only_confirms(current, new)
        rows = merged(current, new, key)
        rows.sort(key=lambda row: _order(row, key))
        write(f"{folder}/{name}.csv", columns, [row | {"source": sources.id_of(row["source"])} for row in rows])
        said.append(f"{len(rows)} rows of {name}" + (f", left out: {'; '.join(left)}" if left else ""))
    listed = [{"id": name, "source": sources.texts[name]} for name in sorted(sources.texts)]
    write(f"{folder}/sources.csv", ("id", "source"), listed)
    return f"{provider}: {'; '.join(said)}"


def _order(row: Row, key: tuple[str, ...]) -> tuple[object, ...]:
    place = tuple(Decimal(row[name]) if name == "from_gb" else row[name] for name in key)
    return (*place, row["status"], row["effective_date"], Decimal(row["amount"]), row["source"])


def _mended(provider: str, row: Row) -> Row:
    """Return a row of the lists as the rules found since would have written it."""
    if provider == "alicloud" and row.get("item") == "public_ip" and row["unit"] == "hour":
        return row | {"unit": "idle-hour", "default": ""}
    if provider == "alicloud" and row.get("quota") and row["destination"] == "internet":
        return row | {"destination": "internet_cdt"}
    return row


def _only_confirms(current: list[Row], new: list[Row]) -> list[Row]:
    """Date the current rows that `new` ones only show again (a part of a ladder); return the others."""
    rest = []
    for row in new:
        if "confirms egress.csv" not in row["note"]:
            rest.append(row)
            continue
        for old in current:
            same = not old["status"] and all(
                old[name] == row[name] for name in ("site", "destination", "to_gb", "amount", "quota")
            )
            if same and (old["region"] == row["region"] or old["quota"]):
                old["confirmed"] = max(old["confirmed"], row["effective_date"])
    return rest


def main() -> None:
    """Merge the facts into every provider's lists and say what was done."""
    facts, *root = sys.argv[1:]
    where = root[0] if root else ROOT
    for provider in sorted(os.listdir(where)):
        folder = os.path.join(where, provider, "catalog")
        if os.path.isdir(folder) and provider in AREAS:
            sys.stdout.write(merge(facts, provider, folder) + "\n")


if __name__ == "__main__":
    main()
