"""Write docs/clouds/<cloud>.md from the catalogue, the cloud's facts and the committed modules (`make docs`)."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

from planner.money import plain
from planner.offer import PURCHASE_OPTIONS, InstanceType, Price, ServicePrice, Source
from planner.prices.catalog import Catalog
from planner.prices.lists import NotSold
from planner.prices.texts import PRICE
from planner.provider import bare_type
from planner.terraform import cloud
from tools.reference import MADE, cell, table

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "clouds"
CLOUDS = ("aws", "alicloud", "tencentcloud")
#: What each cloud itself calls a way of buying, in English and on its Chinese pages; "" where it does not sell it for GPU machines.
WORDS = {
    "on_demand": ("On-Demand", "Pay-As-You-Go, 按量付费", "pay-as-you-go, 按量计费"),
    "subscription": ("", "Subscription, 包年包月", "monthly subscription, 包年包月"),
    "reserved": ("Reserved Instances", "Reserved Instance, 预留实例券", ""),
    "savings_plan": ("Savings Plans", "Savings Plan, 节省计划", ""),
    "spot": ("Spot Instances", "preemptible instance, 抢占式实例", "spot instance, 竞价实例"),
    "capacity_block": ("Capacity Blocks for ML", "", ""),
}
PER = {
    "instance": "an instance",
    "data_disk": "a data disk, where weights need one",
    "gateway": "the module, where instances have no public address",
    "download": "the weights of an instance, once, where instances have no public address",
    "balancer": "the balancer, from two replicas on",
    "balancer_public": "the balancer, where it is public",
    "public": "an instance with a public address",
    "module": "the module",
}


def family(name: str) -> str:
    """Return the family of an instance type: what stands before its size."""
    return re.split(r"[.-]", name[len(name) - len(bare_type(name)) :], maxsplit=1)[0]


def days(sources: Iterable[Source]) -> str:
    """Return the oldest and newest day that prices are of, with how many bear none."""
    found = [s.seen for s in sources]
    dated = sorted(day for day in found if day)
    said = dated[0] if dated and dated[0] == dated[-1] else f"{dated[0]} to {dated[-1]}" if dated else ""
    bare = len(found) - len(dated)
    if bare == len(found) == 1:
        return "undated"
    return ", ".join(part for part in (said, f"{bare} undated" if bare else "") if part)


class Data:
    """What the catalogue has of one cloud. prices: those that quotes take, by region; kept: rows that are there and not taken."""

    def __init__(self, catalog: Catalog, name: str) -> None:
        self.catalog, self.name, self.info = catalog, name, catalog.info(name)
        self.types: dict[str, InstanceType] = dict(catalog.instances(name))
        self.regions = catalog.regions(name)
        self.prices: dict[str, list[Price]] = defaultdict(list)
        self.kept = 0
        lists = catalog._of(name)  # one look at each file: a catalogue asks region by region
        rows = [cast(Price, row) for file in lists.price_files for row in lists._records(PRICE, file)]
        own = {row.group for row in rows if not row.status}
        for row in rows:
            if row.status or row.source.confidence == "low":
                self.kept += 1
                continue
            place = row.way.region
            if place in self.regions:
                self.prices[place].append(row)
                continue
            for region in self.regions.values():
                here = row._replace(way=row.way._replace(region=region.id))
                if place in region.groups and here.group not in own:
                    self.prices[region.id].append(here)

    def every(self) -> list[Price]:
        return [price for listed in self.prices.values() for price in listed]


def sites(data: Data) -> str:
    rows = (
        (f"`{key}`", cell(site["title"]), site["currency"], cell(f"{site['tax']}: {site['tax_source']}"))
        for key, site in data.info.sites.items()
    )
    return table(("site", "what it is", "currency", "tax in its prices"), rows)


def families(data: Data) -> str:
    made: dict[str, list[InstanceType]] = defaultdict(list)
    priced: dict[str, set[str]] = defaultdict(set)
    for spec in data.types.values():
        made[family(spec.name)].append(spec)
    for price in data.every():
        priced[price.way.instance_type].add(price.way.region)
    rows = []
    for name, specs in sorted(made.items(), key=lambda one: one[0].lower()):
        gpus = sorted({spec.gpu_model for spec in specs})
        counts = sorted({spec.gpu_count for spec in specs})
        regions = {region for spec in specs for region in priced[spec.name]}
        types = sum(1 for spec in specs if priced[spec.name])
        many = plain(counts[0]) if len(counts) == 1 else f"{plain(counts[0])} to {plain(counts[-1])}"
        rows.append((f"`{name}`", cell(", ".join(gpus)), many, f"{types} of {len(specs)}", str(len(regions))))
    return table(("family", "GPU", "GPUs an instance", "types with a price", "regions"), rows)


def ways(data: Data) -> str:
    by = defaultdict(list)
    for price in data.every():
        by[price.way.purchase_option].append(price)
    at = CLOUDS.index(data.name)
    rows = []
    for option in PURCHASE_OPTIONS:
        if option not in data.info.sells:
            continue
        word = WORDS[option][at]
        assert word, f"{data.name} sells {option}: what does it call it?"
        terms = sorted({p.way.term for p in by[option] if p.way.term})
        types = {p.way.instance_type for p in by[option]}
        where = {p.way.region for p in by[option]}
        said = days(p.source for p in by[option]) or "no price in the list"
        rows.append((word, f"`{option}`", ", ".join(terms), str(len(types)), str(len(where)), said))
    return table(("in the cloud's words", "`--purchase-option`", "terms", "types", "regions", "prices of"), rows)


def places(data: Data) -> str:
    rows = []
    for name, listed in sorted(data.prices.items()):
        region = data.regions[name]
        home = " (home)" if name in data.info.home_regions else ""
        market = "mainland China" if region.market == "mainland" else "abroad"
        types = {p.way.instance_type for p in listed}
        title = region.name_en if region.name_en == region.name_zh else f"{region.name_en}, {region.name_zh}"
        rows.append((f"`{name}`{home}", cell(title), market, str(len(types)), days(p.source for p in listed)))
    return table(("region", "name", "market", "types with a price", "prices of"), rows)


def beside(data: Data) -> str:
    home = data.info.home_regions[0]
    found: dict[tuple[str, str, str], ServicePrice] = {}
    site = next(iter(data.info.sites))
    for row in data.catalog.services(data.name, home):
        if not row.status and row.site == site:
            found.setdefault((row.item, row.variant, ""), row)
            found.setdefault((row.item, "", ""), row)
            found.setdefault((row.item, "", row.unit), row)
    rows = []
    for one in data.info.module:
        price = found.get((one["item"], one.get("variant", ""), one.get("unit", "")))
        amount = f"{plain(price.amount)} {price.currency} per {price.unit}" if price else "unpriced, and said so"
        kinds = defaultdict(list)
        for of, kind in one.get("kinds", {}).items():
            kinds[kind].append(of)
        variants = [one.get("variant", ""), *(f"{', '.join(of)}: {kind}" for kind, of in kinds.items())]
        what = f"{one['what']} ({'; '.join(variants)})" if variants[0] else one["what"]
        rows.append((cell(what), PER[one["per"]], cell(amount), days([price.source]) if price else ""))
    return table(("what", "for", f"price in `{home}`, site `{site}`", "of"), rows)


def traffic(data: Data) -> str:
    home = data.info.home_regions[0]
    rows = []
    for row in data.catalog.transfer(data.name, home):
        if row.status:
            continue
        to = f"{row.destination.replace('_', ' ')}{f' ({row.to_region})' if row.to_region else ''}"
        step = f"from {plain(row.from_gb)} GB" + ("" if row.to_gb is None else f" to {plain(row.to_gb)} GB")
        amount = "free quota" if row.quota else f"{plain(row.amount)} {row.currency}"
        rows.append((f"`{row.site}`", to, step, amount, days([row.source])))
    return table(("site", "to", "in a month", "a GB", "of"), rows)


def module(data: Data) -> Iterator[str]:
    facts = cloud.find(data.name)
    folders = sorted(p for p in (ROOT / "terraform" / data.name).iterdir() if (p / "main.tf").exists())
    yield f"`planner emit-tf {data.name}` writes one folder ([how](../terraform.md)). Those committed, which a test holds equal to the templates:\n"
    rows = []
    for folder in folders:
        text = "\n".join(p.read_text(encoding="utf-8") for p in sorted(folder.glob("*.tf")))
        kinds = sorted(set(re.findall(r'^resource "(\w+)"', text, re.M)))
        rows.append((f"`terraform/{data.name}/{folder.name}`", ", ".join(f"`{kind}`" for kind in kinds)))
    yield table(("module", "resources"), rows)
    keys = [
        (
            "machine image",
            facts.image.name or "the cloud's public image, with the driver below installed at the first start",
        ),
        ("end", facts.deadline.by),
        ("keys", facts.secrets.store),
        ("balancer", facts.balancer.title or "none"),
        ("network between instances", facts.fabric.title or facts.fabric.without or "TCP"),
        ("state", f"in the folder, or in a bucket: `--backend {facts.backend}`" if facts.backend else "in the folder"),
    ]
    if data.info.driver:
        d = data.info.driver
        keys.append(("driver", f"{d.version}, CUDA {d.cuda} ({d.how}; {d.source}, {d.as_of})"))
    yield table(("part", "what it is here"), ((key, cell(said)) for key, said in keys))


def _bought(one: NotSold) -> str:
    parts = (one.purchase_option.replace("_", "-"), one.term, one.offering, one.os and f"({one.os})")
    return " ".join(part for part in parts if part) or "in any way"


def gaps(data: Data) -> Iterator[str]:
    priced = {p.way.instance_type for p in data.every()}
    bare = sorted(set(data.types) - priced)
    if bare:
        shown = ", ".join(f"`{name}`" for name in bare[:20]) + (f" and {len(bare) - 20} more" if len(bare) > 20 else "")
        yield f"- {len(bare)} of {len(data.types)} instance types have a specification and no price anywhere: {shown}.\n"
    options = {p.way.purchase_option for p in data.every()}
    for option in data.info.sells:
        if option not in options:
            yield f"- {WORDS[option][CLOUDS.index(data.name)]} (`{option}`): no price in the list that comes with planner; `planner refresh {data.name}` fetches it.\n"
    home = {o for r in data.info.home_regions for o in {p.way.purchase_option for p in data.prices.get(r, [])}}
    lacking = [o for o in data.info.sells if o not in home and o in options]
    if lacking:
        where = ", ".join(f"`{r}`" for r in data.info.home_regions)
        yield f"- In {where}, which quotes take when no region is named, no price of: {', '.join(lacking).replace('_', ' ')}.\n"
    if data.kept:
        yield f"- {data.kept} prices are kept and not quoted: superseded, expired, or of low confidence (`planner catalog list --all`, `--low-confidence`).\n"
    for key, option in cloud.find(data.name).options.items():
        for site, why in option.refused.items():
            yield f"- `emit-tf` refuses {key.replace('_', '-')} on the site `{site}`: {cell(why)}.\n"
    rows = [
        (
            cell(", ".join(one.types) or "all"),
            f"`{one.site}`" if one.site else "any",
            cell((", ".join(one.regions) and ("all but " if one.but else "") + ", ".join(one.regions)) or "all"),
            _bought(one),
            cell(one.source),
        )
        for one in data.catalog.not_sold(data.name)
    ]
    if rows:
        yield "\nKnown not to be sold (no gap):\n\n" + table(
            ("types", "site", "regions", "bought as", "who says so"), rows
        )


def page(catalog: Catalog, name: str) -> str:
    """Return the page of one cloud."""
    data = Data(catalog, name)
    homes = ", ".join(f"`{region}`" for region in data.info.home_regions)
    each = data.every()
    lines = [
        MADE,
        f"# {data.info.title}\n",
        f"{len(each):,} prices of {len({p.way.instance_type for p in each})} GPU instance types in {len(data.prices)} regions, of {days(p.source for p in each)}. "
        f"A quote looks in {homes} unless `--region` says otherwise. A month is counted as {data.info.month if data.info.month[0].isdigit() else f'a {data.info.month}'} ([units](../units.md)). "
        f"[Live prices](../providers/{name}.md) come with `planner refresh {name}`.\n",
        "## Sites\n",
        sites(data),
        "## Families\n",
        families(data),
        "## Ways of buying\n",
        "How each is counted: [cost model](../cost-model.md#ways-of-buying).\n",
        ways(data),
        "## What is billed beside the machines\n",
        "The module's own parts, in `planner quote --infrastructure` and in its README:\n",
        beside(data),
        f"Traffic from `{data.info.home_regions[0]}`:\n",
        traffic(data),
        "## What the module makes\n",
        *module(data),
        "## Known gaps\n",
        "".join(gaps(data)),
        "What is true of every cloud: [known gaps](../gaps.md).\n",
        "## Regions and the days of their prices\n",
        places(data),
    ]
    return "\n".join(lines)


def pages() -> dict[Path, str]:
    """Return the page of each cloud with what the catalogue has today."""
    catalog = Catalog()
    return {FOLDER / f"{name}.md": page(catalog, name) for name in CLOUDS}


def main() -> int:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
