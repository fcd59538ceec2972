"""How long a refresh takes: 3 clouds x 5 regions, 100 ms per call, against its longest chain of dependent calls.

The clouds here are fakes that sleep 100 ms for each of the calls that a region needs one after the other (CALLS); they
measure the orchestration (threads, checks, the book), not an SDK. Usage: python benchmarks/refresh.py [ROWS]
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from decimal import Decimal

from planner.offer import InstanceType, Price
from planner.prices.book.write import Writer
from planner.prices.refresh import Job, run
from planner.provider import Access, Batch

LATENCY_S = 0.1
#: Calls of one region that wait for each other: types, prices, commitments, spot, traffic.
CALLS = 5
REGIONS = tuple(f"region-{number}" for number in range(5))


class Cloud:
    max_parallel_regions = 5

    def __init__(self, name: str, rows: int) -> None:
        self.name, self.rows = name, rows

    def fetch(self, region: str, access: Access) -> Batch:
        for _ in range(CALLS):
            time.sleep(LATENCY_S)
        names = [f"g{number}.xlarge" for number in range(self.rows)]
        types = tuple(
            InstanceType(self.name, n, 8, Decimal(64), "A10", Decimal(1), Decimal(24), None, 0, "fake", "high", "")
            for n in names
        )
        prices = tuple(
            Price(
                self.name,
                "fake",
                region,
                n,
                "on_demand",
                "",
                "",
                "",
                "hour",
                Decimal("1.5"),
                "USD",
                Decimal(0),
                None,
                "",
                "linux",
                "2026-01-01",
                "",
                "fake",
                "high",
                "",
                "",
                "book",
                "",
            )
            for n in names
        )
        return Batch(self.name, region, "fake", types, prices, (), (), ())


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    jobs = [Job(Cloud(name, rows), region, Access("2026-11-23T00:00:00Z")) for name in "abc" for region in REGIONS]  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder, Writer.open(f"{folder}/book.db") as book:
        begin = time.perf_counter()
        outcomes = run(jobs, book, lambda outcome: None, threading.Event())
        took = time.perf_counter() - begin
    assert not any(outcome.error for outcome in outcomes)
    chain = CALLS * LATENCY_S
    print(
        f"{len(jobs)} regions x {rows} prices: {took:.2f} s; longest chain {chain:.2f} s; ratio {took / chain:.2f} (limit 3)"
    )


if __name__ == "__main__":
    main()
