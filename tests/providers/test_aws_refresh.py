"""AWS through `planner refresh` into a price book: with keys, without, and when something fails nothing is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.prices.book import PriceBook
from planner.prices.book.write import Writer
from planner.prices.refresh import Job, Outcome, run
from planner.provider import Access
from providers.aws import provider
from tests.providers import fake_aws, public_files
from tests.providers.aws_world import REGION, World, product
from tests.providers.fake_aws import KEY, SECRET, FakeAws

pytest.importorskip("boto3", reason="boto3 is not installed")

ROOT = Path(__file__).resolve().parents[2]
FIRST, SECOND, THIRD = "2026-11-21T10:00:00Z", "2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z"


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from botocore.retries.standard import ExponentialBackoff

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0.001)


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    with FakeAws() as server:
        yield public_files.fill(World().fill(server))


def _refresh(fake: FakeAws, path: Path, now: str, public: bool = False) -> Outcome:
    access = Access(now=now, endpoint=fake.url, public=public, sleep=lambda _: None)
    with Writer.open(str(path)) as book:
        (outcome,) = run([Job(provider, REGION, access)], book, lambda outcome: None, threading.Event())
    return outcome


def _rows(path: Path) -> list[tuple[Any, ...]]:
    book = PriceBook.open_for_read(str(path))
    assert book is not None
    try:
        return sorted((row.key, row.amount) for row in book.prices("aws", REGION))
    finally:
        book.close()


def _zero(fake: FakeAws) -> None:
    world = World()
    world.products[0] = product("g5.xlarge", "0.0")
    world.fill(fake)


def _double(fake: FakeAws) -> None:
    world = World()
    other = product("g5.xlarge", "1.1")
    other["product"]["sku"] = "OTHER"
    world.products.append(other)
    world.fill(fake)


def _currency(fake: FakeAws) -> None:
    world = World()
    world.products[0] = product("g5.xlarge", "1.0", currency="XTS")
    world.fill(fake)


def _page_two(fake: FakeAws) -> None:
    world = World()
    world.size = 1
    world.fill(fake).faults["DescribeInstanceTypes"].extend([fake_aws.passes, *[fake_aws.unavailable] * 5])


def _field(fake: FakeAws) -> None:
    world = World()
    del world.products[0]["product"]["sku"]
    world.fill(fake)


FAULTS = {
    "throttled": lambda fake: fake.always.update(GetProducts=fake_aws.throttled),
    "503": lambda fake: fake.always.update(DescribeSpotPriceHistory=fake_aws.unavailable),
    "truncated": lambda fake: fake.always.update(GetProducts=fake_aws.truncated(b'{"PriceList": ["{')),
    "expired": lambda fake: fake.expired_tokens.add(""),
    "clock": lambda fake: setattr(fake, "clock_offset", timedelta(hours=1)),
    "zero": _zero,
    "two prices": _double,
    "currency": _currency,
    "page two": _page_two,
    "missing field": _field,
}


ITEMS = ("zero", "two prices", "currency", "missing field")


@pytest.mark.parametrize("fault", FAULTS)
def test_the_book_loses_nothing_and_the_next_refresh_goes_on(fake: FakeAws, tmp_path: Path, fault: str) -> None:
    path = tmp_path / "book.sqlite3"
    assert _refresh(fake, path, FIRST).error == ""
    before = _rows(path)
    assert len(before) > 10
    FAULTS[fault](fake)
    failed = _refresh(fake, path, SECOND)
    if fault in ITEMS:  # of one type alone: the others are fetched, and what was known of it stays
        assert failed.error == "" and [name for name, _ in failed.spoilt] == ["g5.xlarge"] and failed.changes == ()
    else:
        assert failed.error.startswith(f"aws {REGION}: ")
    assert _rows(path) == before
    fake.always.clear()
    fake.expired_tokens.clear()
    fake.clock_offset = timedelta(0)
    world = World()
    world.products[0] = product("g5.xlarge", "1.106")
    world.fill(fake)
    again = _refresh(fake, path, THIRD)
    assert again.error == ""
    hourly = {way.instance_type: amount for (way, *_), amount in _rows(path) if way.purchase_option == "on_demand"}
    assert hourly == {"g5.xlarge": Decimal("1.106"), "p4d.24xlarge": Decimal("21.957642")}


def test_the_public_list_goes_into_the_same_book(fake: FakeAws, tmp_path: Path) -> None:
    path = tmp_path / "book.sqlite3"
    outcome = _refresh(fake, path, FIRST, public=True)
    assert outcome.error == "" and outcome.counts[:2] == (4, 3)
    assert any("need keys" in gap for gap in outcome.gaps)


def _planner(tmp_path: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would, the adapter found by its entry point."""
    info = tmp_path / "site" / "gpu_cost_planner-0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gpu-cost-planner\nVersion: 0\n")
    (info / "entry_points.txt").write_text("[planner.providers]\naws = providers.aws:provider\n")
    whole = {**os.environ, "PYTHONPATH": f"{tmp_path / 'site'}{os.pathsep}{ROOT}", "PLANNER_HOME": str(tmp_path), **env}
    return subprocess.run(
        [sys.executable, "-m", "planner", *args], capture_output=True, text=True, env=whole, cwd=tmp_path, timeout=60
    )


def test_planner_refresh_aws_from_end_to_end(fake: FakeAws, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    done = _planner(
        tmp_path, "refresh", "aws", "--region", REGION, "--endpoint", f"aws={fake.url}", "--keep-raw", str(raw)
    )
    assert done.returncode == 0, done.stderr
    assert REGION in done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr and list(raw.rglob("*.json"))
    history = _planner(tmp_path, "catalog", "history", "p4d.24xlarge")
    assert history.returncode == 0 and "21.957642" in history.stdout, history.stdout + history.stderr


def test_planner_refresh_without_keys_reads_the_public_list(fake: FakeAws, tmp_path: Path) -> None:
    done = _planner(
        tmp_path,
        "refresh",
        "aws",
        "--region",
        REGION,
        "--endpoint",
        f"aws={fake.url}",
        AWS_ACCESS_KEY_ID="",
        AWS_SECRET_ACCESS_KEY="",
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "no AWS credentials found" in said and "AWS bulk price list" in said
    assert not any(call in dict(fake.log) for call in ("GetProducts", "DescribeInstanceTypes"))


def test_planner_refresh_that_fails_says_why_and_exits_with_one(fake: FakeAws, tmp_path: Path) -> None:
    done = _planner(
        tmp_path,
        "refresh",
        "aws",
        "--region",
        REGION,
        "--endpoint",
        f"aws={fake.url}",
        AWS_SECRET_ACCESS_KEY="wrong-one",
    )
    assert done.returncode == 1
    assert "AWS refuses these credentials" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr and "wrong-one" not in done.stdout + done.stderr


def test_self_check_of_the_command(fake: FakeAws, tmp_path: Path) -> None:
    done = _planner(tmp_path, "refresh", "aws", "--self-check", "--endpoint", f"aws={fake.url}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "savingsplans:DescribeSavingsPlansOfferingRates" in done.stdout + done.stderr


def test_zones_come_with_keys_and_a_public_list_leaves_them(fake: FakeAws, tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    for when, public in ((FIRST, False), (SECOND, True)):
        assert _refresh(fake, path, when, public).error == ""
        with Writer.open(str(path)) as writer:
            market = writer.book.zones("aws", REGION)
            assert [fetch.tells_zones for fetch in writer.book.fetches()][-1] is not public
        sold = market.sold("aws", "p4d.24xlarge")
        assert sold is not None and "us-east-1a" in sold.zones and sold.observed_at == FIRST
        assert market.sold("aws", "g2.2xlarge") == ((), FIRST)  # not offered in that world any more
