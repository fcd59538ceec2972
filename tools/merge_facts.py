"""Merges a folder of dated price facts into providers/*/catalog: the same facts twice change nothing.

    python -m tools.merge_facts FOLDER [PROVIDERS]     default: providers/ of this checkout

FOLDER holds prices_new.csv, history.csv, confirmed.csv, specs_new.csv and not_sold.csv. Of one way of buying the latest
date wins; what it replaces goes to catalog/history.csv.gz, beside what was history from the start. A source that saw a
price unchanged dates its `confirmed`. Prices stand in a file for each purchase option, in whatever files they stood before.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
from collections.abc import Container, Iterable
from decimal import Decimal

Row = dict[str, str]

PRICE = (
    "region site instance_type purchase_option term payment offering os zone unit amount range_low currency tier_from"
    " tier_to effective_date dated confirmed confidence status source note"
).split()
SPEC = (
    "name vcpu memory_gib gpu_model gpu_count gpu_memory_gib network_gbps local_nvme_gb confidence source note".split()
)
REGION = "id name_en name_zh sites groups market source zone_of".split()
NOT_SOLD = "types regions site purchase_option term offering os confidence source note".split()
#: Hours of a run at which the steps of an hourly price begin, by the facts' word for the step.
STEPS = {"": ("0", ""), "_step2": ("96", "360"), "_step3": ("360", "")}
#: What a row is about, but for its step: rows of one such thing and one date stand together.
THING = ("region", "site", "instance_type", "purchase_option", "term", "payment", "offering", "os", "currency")
ROOT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "providers")


def way(word: str) -> Row:
    """Return the columns that a fact's purchase option stands for."""
    row = dict.fromkeys(("term", "payment", "offering"), "")
    row["tier_from"], row["tier_to"] = STEPS[""]
    if word.startswith("on_demand"):
        row["tier_from"], row["tier_to"] = STEPS[word.removeprefix("on_demand")]
        return row | {"purchase_option": "on_demand"}
    kind, _, rest = word.partition("_")
    if kind == "reserved":
        term, _, payment = rest.partition("_")
        convertible = payment.endswith("_convertible")
        offering = "convertible" if convertible else "standard"
        payment = payment.removesuffix("_convertible")
        return row | {"purchase_option": kind, "term": term, "payment": payment, "offering": offering}
    if kind == "subscription":
        return row | {"purchase_option": kind, "term": rest.removesuffix("_promotion")}
    return row | {"purchase_option": word}


def site_of(fact: Row) -> str:
    """Return the price book of a fact."""
    if fact["provider"] != "aws":
        return "international" if "INTERNATIONAL" in fact["notes"] else "china"
    region = fact["region"]
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def price_of(fact: Row) -> Row:
    """Return a fact as a row of a price file; its source is still the whole text."""
    low = fact["confidence"] == "low"
    return {
        "region": fact["region"],
        "site": site_of(fact),
        "instance_type": fact["instance_type"],
        "os": "linux",
        "zone": "",
        "unit": fact["unit"],
        "amount": plain(fact["amount"]),
        "range_low": "",
        "currency": fact["currency"],
        "effective_date": fact["effective_date"],
        "dated": "",
        "confirmed": "",
        "confidence": fact["confidence"],
        "status": "low" if low else "",
        "source": fact["source"],
        "note": fact["notes"],
    } | way(fact["purchase_option"])


def plain(number: str) -> str:
    """Return a number without zeros that say nothing."""
    text = f"{Decimal(number):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def thing(row: Row) -> tuple[str, ...]:
    """Return what a row is about; a low row never takes the place of a better one, nor the other way round."""
    return (*(row[name] for name in THING), row["status"])


def part(row: Row) -> tuple[str, ...]:
    """Return which row of its thing it is."""
    return (row["zone"], row["unit"], row["tier_from"])


def _same(row: Row) -> tuple[str, ...]:
    return (*(row[name] for name in THING), *part(row), row["effective_date"], row["amount"])


def order(row: Row) -> tuple[str | Decimal, ...]:
    """Return the place of a row in its file."""
    texts = (*(row[name] for name in THING), row["zone"], row["unit"])
    return (
        *texts,
        Decimal(row["tier_from"]),
        row["status"],
        row["effective_date"],
        Decimal(row["amount"]),
        row["source"],
    )


def merged(current: Iterable[Row], new: Iterable[Row]) -> tuple[list[Row], list[Row]]:
    """Return the rows to quote, and those that a later one of the same thing replaces.

    What is printed together (steps, zones, parts of a payment) is replaced together.
    """
    told: dict[tuple[str, ...], list[Row]] = {}
    for row in new:
        told.setdefault(thing(row), []).append(row)
    kept: list[Row] = []
    old: list[Row] = []
    for row in current:
        rows = told.get(thing(row))
        if rows is None:
            kept.append(row)
        else:
            rows.insert(0, row)
    for rows in told.values():
        newest, best = max(row["effective_date"] for row in rows), dict[tuple[str, ...], Row]()
        for row in rows:
            if row["effective_date"] == newest and part(row) not in best:
                best[part(row)] = row
            else:
                old.append(row)
        kept += best.values()
    return kept, old


def confirm(rows: Iterable[Row], facts: Iterable[Row]) -> int:
    """Set the last day on which a source showed a price unchanged; return how many facts met no row."""
    known: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        known.setdefault(_seen(row), []).append(row)
    missed = 0
    for fact in facts:
        row = way(fact["purchase_option"]) | {k: fact[k] for k in ("region", "instance_type", "unit", "currency")}
        found = [r for r in known.get(_seen(row | {"amount": fact["amount"]}), ()) if r["os"] == "linux"]
        missed += not found
        for match in found:
            if max(match["effective_date"], match["confirmed"]) < fact["confirmed_on"]:
                match["confirmed"] = fact["confirmed_on"]
    return missed


def _seen(row: Row) -> tuple[str, ...]:
    names = "region instance_type purchase_option term payment offering unit currency tier_from".split()
    return (*(row[name] for name in names), plain(row["amount"]))


def spec_of(fact: Row) -> Row:
    """Return a fact as a row of instances.csv. A share of a GPU is that GPU, so many times."""
    model = fact["gpu_model"].split(" (1/")[0]
    memory = Decimal(fact["gpu_memory_gib_each"])
    share = Decimal(fact["gpu_count"])
    return {
        "name": fact["instance_type"],
        "vcpu": fact["vcpu"],
        "memory_gib": plain(fact["memory_gib"]),
        "gpu_model": model,
        "gpu_count": plain(fact["gpu_count"]),
        "gpu_memory_gib": plain(str(memory / share)) if share < 1 else plain(str(memory)),
        "network_gbps": plain(fact["network_gbps"]) if fact["network_gbps"] else "",
        "local_nvme_gb": fact["local_nvme_gb"],
        "confidence": fact["confidence"],
        "source": fact["source"],
        "note": fact["notes"],
    }


def not_sold_of(fact: Row) -> Row | None:
    """Return a fact as a row of not_sold.csv, None for one that is about no way of buying."""
    types, region, term = fact["family_or_type"], fact["region"], fact["term"]
    if "step" in term:
        return None
    site = ""
    if region.endswith(" site"):
        site, region = region.removesuffix(" site"), "all"
    region = region.replace("Atlanta Local Zone", "us-east-1-atl-2a")
    names = region.removeprefix("all but ").replace(", ", " ")
    bought = {"reserved_instance": "reserved", "public_sale": "", "on_demand_windows": "on_demand"}.get(term, term)
    offering = ""
    length = ""
    for option in ("reserved", "subscription"):
        if bought.startswith(option + "_"):
            length, _, offering = bought.removeprefix(option + "_").partition("_")
            bought = option
    return {
        "types": "" if types.startswith("all ") else " ".join(_full(t, fact["provider"]) for t in types.split(", ")),
        "regions": "" if region == "all" else ("!" if region.startswith("all but ") else "") + names,
        "site": site,
        "purchase_option": bought,
        "term": length,
        "offering": offering,
        "os": "windows" if term.endswith("windows") else "",
        "confidence": fact["confidence"],
        "source": fact["source"],
        "note": fact["notes"],
    }


def with_zones(regions: Iterable[Row], prices: Iterable[Row], zones: Container[str]) -> list[Row]:
    """Return the regions with the sites of their prices, and a row for every zone that has any.

    A region that is not listed raises `ValueError`.
    """
    known = {row["id"]: row | {"zone_of": row.get("zone_of", "")} for row in regions}
    for price in prices:
        name = price["region"]
        if name not in zones and name not in known:
            raise ValueError(f"{name}: give the region its names in regions.csv first")
        if name in known:
            if price["site"] not in (sites := known[name]["sites"].split()):
                known[name]["sites"] = " ".join(sorted([*sites, price["site"]]))
            continue
        parent = max((r for r in known.values() if name.startswith(r["id"] + "-")), key=lambda r: len(r["id"]))
        kind, kind_zh = ("Wavelength Zone", "Wavelength 区域") if "-wl" in name else ("Local Zone", "本地扩展区")
        names = {"name_en": f"{parent['name_en']}, {kind} {name}", "name_zh": f"{parent['name_zh']}，{kind_zh} {name}"}
        known[name] = {**parent, "id": name, **names, "zone_of": parent["id"]}
    return [known[name] for name in sorted(known)]


def _full(family: str, provider: str) -> str:
    return f"ecs.{family}" if provider == "alicloud" else family


class Sources:
    """The texts of a provider's sources by their ids; a text that is new gets an id of its own."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.texts = {row["id"]: row["source"] for row in rows}
        self._ids = {text: name for name, text in self.texts.items()}

    def id_of(self, text: str) -> str:
        """Return the id of a text."""
        if text not in self._ids:
            stem, number = _stem(text), 1
            while (name := stem if number == 1 else f"{stem}-{number}") in self.texts:
                number += 1
            self._ids[text] = name
            self.texts[name] = text
        return self._ids[text]


def _stem(text: str) -> str:
    for word in text.split():
        repository, at, commit = word.partition("@")
        if at and "/" in repository:
            return f"{repository.split('/')[1]}-{commit[:7]}"
    letters = "".join(c if c.isascii() and c.isalnum() else "-" for c in text.lower())
    return "-".join(letters.split("-"))[:28].strip("-").replace("--", "-")


def read(path: str) -> list[Row]:
    """Return the rows of a CSV file, [] where there is none."""
    if not os.path.exists(path):
        return []
    with open(path, "rb") as file:
        data = file.read()
    text = (gzip.decompress(data) if path.endswith(".gz") else data).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def write(path: str, columns: Iterable[str], rows: Iterable[Row]) -> None:
    """Write a CSV file; the same rows give the same bytes, compressed ones too."""
    text = io.StringIO()
    out = csv.DictWriter(text, list(columns), lineterminator="\n")
    out.writeheader()
    out.writerows(rows)
    data = text.getvalue().encode()
    if path.endswith(".gz"):
        data = gzip.compress(data, mtime=0)
    with open(path, "wb") as file:
        file.write(data)


def merge(facts: str, provider: str, folder: str) -> str:
    """Merge what the facts tell of one provider into its catalogue; return what was done, in a line."""
    told = {n: [r for r in read(f"{facts}/{n}.csv") if r["provider"] == provider] for n in FILES}
    sources = Sources(read(f"{folder}/sources.csv"))
    current = []
    for name in sorted(os.listdir(f"{folder}/prices")):
        for row in read(f"{folder}/prices/{name}"):
            current.append(row | {"confirmed": row.get("confirmed", ""), "source": sources.texts[row["source"]]})
    new = [price_of(fact) for fact in told["prices_new"]]
    zones = {fact["region"] for fact in told["prices_new"] if "ZONE" in fact["notes"]}
    write(f"{folder}/regions.csv", REGION, with_zones(read(f"{folder}/regions.csv"), new, zones))
    history = [price_of(fact) | {"status": "superseded"} for fact in told["history"]]
    _end_steps((*new, *history))
    before = [row | {"source": sources.texts[row["source"]]} for row in read(f"{folder}/history.csv.gz")]
    rows, old = merged(current, new)
    missed = confirm(rows, told["confirmed"])
    files: dict[str, list[Row]] = {}
    for row in sorted(rows, key=order):
        files.setdefault(f"{row['purchase_option']}.csv", []).append(row | {"source": sources.id_of(row["source"])})
    for name, content in files.items():
        write(f"{folder}/prices/{name}", PRICE, content)
    for name in {*os.listdir(f"{folder}/prices")} - {*files}:
        if name.endswith(".csv"):
            os.remove(f"{folder}/prices/{name}")
    quotable = {_same(row) for row in rows}
    past: dict[tuple[str, ...], Row] = {}
    for row in (*before, *history, *old):
        row = {name: row[name] for name in PRICE} | {"status": row["status"] or "superseded"}
        if _same(row) not in quotable:
            past.setdefault((*_same(row), row["source"]), row)
    kept = sorted(past.values(), key=order)
    write(f"{folder}/history.csv.gz", PRICE, [row | {"source": sources.id_of(row["source"])} for row in kept])
    specs = {row["name"]: row for row in read(f"{folder}/instances.csv")}
    for fact in told["specs_new"]:
        spec = spec_of(fact)
        specs[spec["name"]] = spec | {"source": sources.id_of(spec["source"])}
    write(f"{folder}/instances.csv", SPEC, specs.values())
    unsold: list[Row] = []
    for fact in told["not_sold"]:
        lacking = not_sold_of(fact)
        if lacking is not None:
            same = {"source": unsold[-1]["source"]} if lacking["source"] == "same" else {}
            unsold.append(lacking | same)
    if unsold:
        write(f"{folder}/not_sold.csv", NOT_SOLD, [row | {"source": sources.id_of(row["source"])} for row in unsold])
    listed = [{"id": name, "source": sources.texts[name]} for name in sorted(sources.texts)]
    write(f"{folder}/sources.csv", ("id", "source"), listed)
    return (
        f"{provider}: {len(rows)} prices, {len(kept)} in the history, {len(specs)} types, {len(unsold)} not sold; "
        f"{len(told['confirmed']) - missed} confirmed, {missed} confirmations met no current price"
    )


FILES = ("prices_new", "history", "confirmed", "specs_new", "not_sold")


def _end_steps(rows: Iterable[Row]) -> None:
    """End the first step of a price where the second begins."""
    stepped = {(*thing(row), row["effective_date"]) for row in rows if row["tier_from"] == "96"}
    for row in rows:
        if row["tier_from"] == "0" and (*thing(row), row["effective_date"]) in stepped:
            row["tier_to"] = "96"


def main() -> None:
    """Merge the facts into every provider's catalogue and say what was done."""
    facts, *root = sys.argv[1:]
    where = root[0] if root else ROOT
    for provider in sorted(os.listdir(where)):
        folder = os.path.join(where, provider, "catalog")
        if os.path.isdir(folder):
            sys.stdout.write(merge(facts, provider, folder) + "\n")


if __name__ == "__main__":
    main()
