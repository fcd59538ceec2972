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

from planner.offer import InstanceType, Price, Source, Way
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
            InstanceType(
                provider=self.name,
                name=n,
                vcpu=8,
                memory_gib=Decimal(64),
                gpu_model="A10",
                gpu_count=Decimal(1),
                gpu_memory_gib=Decimal(24),
                network_gbps=None,
                local_nvme_gb=0,
                source="fake",
                confidence="high",
                note="",
            )
            for n in names
        )
        source = Source(text="fake", as_of="2026-01-01", dated="", confidence="high", origin="book")
        ways = [Way(self.name, "fake", region, instance_type=n, purchase_option="on_demand") for n in names]
        prices = tuple(Price(way=w, unit="hour", amount=Decimal("1.5"), currency="USD", source=source) for w in ways)
        return Batch(self.name, region, "fake", types, prices, transfer=(), services=(), gaps=())


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
