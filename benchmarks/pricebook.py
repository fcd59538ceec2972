"""How much a price book of 1,000,000 observations costs a quote: the whole process with it, with an empty one, with none.

The book holds the committed home regions' prices, observed again and again (as a refresh every few hours would), in 15
regions. Usage: python benchmarks/pricebook.py [OBSERVATIONS] [RUNS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

from planner.offer import Price
from planner.prices.book.read import Fetch
from planner.prices.book.sqlite import transaction
from planner.prices.book.write import Writer
from planner.prices.catalog import Catalog
from planner.prices.texts import kind_of

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _regions() -> dict[tuple[str, str], list[Price]]:
    catalog = Catalog()
    found: dict[tuple[str, str], list[Price]] = {}
    for provider in catalog.providers():
        homes = catalog.info(provider).home_regions
        more = [region for region in catalog.regions(provider) if region not in homes]
        for region in (*homes, *more)[:5]:
            prices = [p for p in catalog.prices(provider, region) if not p.status and p.source.confidence != "low"]
            base = prices or [
                p._replace(way=p.way._replace(region=region))
                for p in catalog.prices(provider, homes[0])
                if not p.status
            ]
            found[provider, region] = list({p.key: p for p in base}.values())
    return found


def fill(path: str, wanted: int) -> int:
    """Write at least `wanted` observations; each round moves every price by a hair, so that nothing repeats."""
    regions = _regions()
    written, turn = 0, 0
    with Writer.open(path) as writer:
        while written < wanted:
            turn += 1
            when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_700_000_000 + turn * 3600))
            with transaction(writer.db):
                for (provider, region), prices in regions.items():
                    rows = [p._replace(amount=p.amount + Decimal(turn) / 1_000_000) for p in prices]
                    content = [(kind_of(p), kind_of(p).write(p)) for p in rows]
                    fetch = Fetch(
                        id=0,
                        uid="",
                        provider=provider,
                        region=region,
                        account_site=prices[0].site,
                        access="keys",
                        families=(),
                        observed_at=when,
                        gaps=(),
                    )
                    writer.insert(fetch, content)
                    written += len(rows)
    return written


def _quote(*more: str) -> float:
    command = [sys.executable, "-m", "planner", "quote", "--format", "json", *more]
    begin = time.perf_counter()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    with tempfile.TemporaryDirectory() as folder:
        full, empty = f"{folder}/full.db", f"{folder}/empty.db"
        begin = time.perf_counter()
        count = fill(full, wanted)
        print(
            f"filled {count:,} observations in {time.perf_counter() - begin:.0f} s, {os.path.getsize(full) / 2**20:.0f} MiB"
        )
        Writer.open(empty).close()
        cases = {"none": ("--offline-list",), "empty": ("--price-book-db", empty), "full": ("--price-book-db", full)}
        # In turns, so that a busy moment of the machine hits all alike; the best of each is what the code needs.
        times = {name: [] for name in cases}
        for _ in range(runs):
            for name, more in cases.items():
                times[name].append(_quote(*more))
        best = {name: min(values) * 1000 for name, values in times.items()}
        print("  ".join(f"{name} {value:.0f} ms" for name, value in best.items()))
        print(f"full / empty = {best['full'] / best['empty']:.2f} (limit 2)")


if __name__ == "__main__":
    main()
