"""AWS's public price list: what is read from it, in how much memory, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.errors import FetchError
from planner.provider import Access
from providers.aws import provider
from tests.providers import fake_aws, public_files
from tests.providers.aws_world import NOW, REGION
from tests.providers.fake_aws import FakeAws, Handler
from tests.providers.public_files import EC2_HEAD, EC2_OTHERS, OFFERS, PLAN_INDEX, PLANS, TRANSFER, offer, plan, put

pytest.importorskip("urllib3", reason="urllib3 is not installed")


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    with FakeAws() as server:
        yield public_files.fill(server)


def _fetch(fake: FakeAws, **more: Any) -> Any:
    return provider.fetch(REGION, Access(now=NOW, public=True, endpoint=fake.url, sleep=lambda seconds: None, **more))


def _fails(fake: FakeAws) -> str:
    with pytest.raises(FetchError) as caught:
        _fetch(fake)
    assert str(caught.value).startswith("aws us-east-1: public price list")
    return str(caught.value)


def _reported(fake: FakeAws, spoilt: str) -> str:
    """Return why `spoilt` was left out; the rest of the region is there."""
    batch = _fetch(fake)
    ((name, why),) = batch.spoilt
    assert name == spoilt and "p4d.24xlarge" in {p.instance_type for p in batch.prices}
    assert spoilt not in {p.instance_type for p in batch.prices}
    assert {t.destination for t in batch.transfer} == {"inter_region", "internet"} or not spoilt
    return str(why)


def test_prices_come_without_keys(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    batch = _fetch(fake)
    rows = {(p.instance_type, p.purchase_option, p.term, p.payment, p.offering, p.unit): p.amount for p in batch.prices}
    assert rows == {
        ("p4d.24xlarge", "on_demand", "", "", "", "hour"): Decimal("21.957642"),
        ("p4d.24xlarge", "reserved", "1y", "all_upfront", "standard", "term"): Decimal(110000),
        ("p4d.24xlarge", "savings_plan", "3y", "no_upfront", "compute", "hour"): Decimal("9.9"),
        ("p4d.24xlarge", "savings_plan", "3y", "all_upfront", "ec2_instance", "hour"): Decimal("8.159"),
    }
    assert batch.prices[0].source.text == "AWS public price list AmazonEC2, us-east-1, version 20250912225308"
    assert [p.source.as_of for p in batch.prices] == ["2026-11-01", "2026-11-01", "2026-06-05", "2026-06-05"]
    assert [(t.destination, t.amount) for t in batch.transfer] == [
        ("inter_region", Decimal("0.01")),
        ("internet", Decimal("0.09")),
        ("internet", Decimal("0.085")),
    ]
    assert any("spot" in gap for gap in batch.gaps) and batch.account_site == "aws"


def test_reading_the_list_imports_no_sdk(fake: FakeAws) -> None:
    code = (
        "import sys; from providers.aws import provider; from planner.provider import Access\n"
        f"b = provider.fetch('us-east-1', Access({NOW!r}, public=True, endpoint={fake.url!r}))\n"
        "print(len(b.prices), 'boto3' in sys.modules, 'botocore' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["4", "False", "False"]


def test_china_has_its_own_list_and_currency(fake: FakeAws) -> None:
    public_files.move(fake, "cn-north-1", "cn", "CNY")
    access = Access(now=NOW, public=True, endpoint=fake.url)
    batch = provider.fetch("cn-north-1", access)
    assert {(p.site, p.currency) for p in batch.prices} == {("aws-cn", "CNY")} and len(batch.prices) == 4
    del fake.files[PLAN_INDEX.replace("/aws/", "/cn/")]
    assert "no public list of savings plans for this partition" in provider.fetch("cn-north-1", access).gaps


def test_a_zone_of_a_region_is_not_the_region(fake: FakeAws) -> None:
    local = offer("p4d.24xlarge", "30.0", Region_Code="us-east-1-bos-1", SKU="SKU9")
    put(fake, OFFERS, EC2_HEAD + "".join(public_files.OFFER_ROWS) + local)
    assert [p.amount for p in _fetch(fake).prices if p.purchase_option == "on_demand"] == [Decimal("21.957642")]


def test_only_what_was_looked_at_is_kept_raw(fake: FakeAws) -> None:
    kept: dict[str, str] = {}
    _fetch(fake, keep_raw=kept.__setitem__)
    text = kept["aws-us-east-1-public-price-list-AmazonEC2.csv"]
    assert text.startswith(f"# {fake.url}{OFFERS} version 20250912225308\n") and "21.9576420000" in text
    assert "m5.large" not in text and len(kept) == 3


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((offer("g5.xlarge", "1.0"), offer("g5.xlarge", "1.1", SKU="SKU7")), "2 on-demand prices for g5.xlarge"),
        ((offer("g5.xlarge", "0.0000000000"),), "costs 0: not a price"),
        ((offer("g5.xlarge", "1.0", Unit="Quantity"),), "unit 'Quantity', expected Hrs"),
        ((offer("g5.xlarge", "1.0", Currency="XTS"),), "unknown currency 'XTS'"),
        ((offer("g5.xlarge", "1.0", Currency="CNY"),), "CNY where aws bills in USD"),
        ((offer("g5.xlarge", "1,0"),), "not a plain decimal number"),
        ((offer("g5.xlarge", "1.0")[:-40] + "\n", offer("m5.xlarge", "1.0")), "the file is cut off"),
    ],
)
def test_a_wrong_row_is_reported_and_the_others_stay(fake: FakeAws, rows: tuple[str, ...], said: str) -> None:
    put(fake, OFFERS, EC2_HEAD + EC2_OTHERS + "".join(rows))
    assert said in _reported(fake, "g5.xlarge")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((offer("g5.xlarge", "1.0")[:-40] + "\n",), "the file is cut off"),
        ((offer("m5.xlarge", "1.0")[:300],), "the file is cut off"),
    ],
)
def test_a_file_that_ends_within_a_row_is_refused(fake: FakeAws, rows: tuple[str, ...], said: str) -> None:
    put(fake, OFFERS, EC2_HEAD + EC2_OTHERS + "".join(rows))
    assert said in _fails(fake)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (EC2_HEAD.replace("MarketOption", "Market"), "the file has no column marketoption: its shape has changed"),
        (EC2_HEAD, "the list is empty"),
        ("<html>welcome to this hotel</html>\n", "this is not an AWS price list"),
        ("", "this is not an AWS price list"),
        ("x" * (2 << 20), "a line of more than"),
    ],
)
def test_another_shape_is_refused(fake: FakeAws, text: str, said: str) -> None:
    put(fake, OFFERS, text)
    assert said in _fails(fake)


def test_a_new_column_is_no_fault(fake: FakeAws) -> None:
    whole = _fetch(fake)
    text, headers = fake.files[OFFERS]
    lines = [
        line + (b',"New Thing"' if line.startswith(b'"SKU","Offer') else b',"x"' if number > 5 else b"")
        for number, line in enumerate(text.splitlines())
    ]
    fake.files[OFFERS] = (b"\n".join(lines) + b"\n", headers)
    assert _fetch(fake).prices == whole.prices


def test_a_missing_file_and_a_missing_region(fake: FakeAws) -> None:
    put(fake, PLAN_INDEX, '{"regions": []}')
    assert "the public list of savings plans does not have this region" in _fetch(fake).gaps
    del fake.files[OFFERS]
    assert "HTTP 404 where the file was expected" in _fails(fake)


@pytest.mark.parametrize("address", ["https://elsewhere.example/x/index.json", "/savingsPlan/../../x/index.json"])
def test_an_index_that_points_elsewhere_is_refused(fake: FakeAws, address: str) -> None:
    put(fake, PLAN_INDEX, f'{{"regions": [{{"regionCode": "us-east-1", "versionUrl": "{address}"}}]}}')
    assert "not a price file" in _fails(fake)


def test_two_rates_of_one_plan(fake: FakeAws) -> None:
    put(fake, PLANS, public_files.PLAN_HEAD + plan("g5.xlarge", "0.5") + plan("g5.xlarge", "0.6"))
    assert "rates 0.5 and 0.6 where one is expected" in _reported(fake, "g5.xlarge")


def test_no_egress(fake: FakeAws) -> None:
    put(fake, TRANSFER, EC2_HEAD + public_files.transfer("OUT", "0", "Inf", "0.09", To_Location="Mars"))
    assert "no price for traffic to the internet" in _reported(fake, "")


def test_a_hole_between_tiers(fake: FakeAws) -> None:
    put(
        fake,
        TRANSFER,
        EC2_HEAD + public_files.transfer("OUT", "0", "10", "0.09") + public_files.transfer("OUT", "11", "Inf", "0.08"),
    )
    assert "tiers have a hole or overlap" in _reported(fake, "")


@pytest.mark.parametrize("path", [OFFERS, PLANS, TRANSFER, PLAN_INDEX])
def test_busy_twice_then_fine_and_for_ever(fake: FakeAws, path: str) -> None:
    whole = _fetch(fake)
    fake.faults[path].extend([fake_aws.unavailable, fake_aws.unavailable])
    assert _fetch(fake) == whole
    fake.always[path] = fake_aws.unavailable
    asked = len(fake.calls(path))
    assert "HTTP 503, 5 tries" in _fails(fake)
    assert len(fake.calls(path)) - asked == 5


def test_self_check(fake: FakeAws) -> None:
    del fake.files[TRANSFER]
    found = list(provider.self_check(Access(now=NOW, public=True, endpoint=fake.url)))
    assert [(ok, call.split()[-1]) for call, ok, _ in found] == [
        (True, "AmazonEC2"),
        (False, "AWSDataTransfer"),
        (True, "AWSComputeSavingsPlan"),
    ]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_two_hundred_megabytes_take_no_more_memory_than_a_few(fake: FakeAws) -> None:
    """The file is made up while it is sent; the reader is a process of its own, whose peak memory the kernel keeps."""
    size = 220 << 20
    rows = "".join(offer(f"m5.{n}xlarge", "1.0", SKU=f"S{n}") for n in range(400)).encode()
    sent: list[int] = []

    def stream(handler: Handler) -> None:
        head, gpu = (EC2_HEAD + EC2_OTHERS).encode(), "".join(public_files.OFFER_ROWS).encode()
        times = size // len(rows)
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(head) + len(gpu) + times * len(rows)))
        handler.end_headers()
        for part in (head, *([rows] * times), gpu):
            handler.wfile.write(part)
        sent.append(times * len(rows))

    fake.streams[OFFERS] = stream
    code = (
        "from providers.aws import provider; from planner.provider import Access\n"
        f"b = provider.fetch('us-east-1', Access({NOW!r}, public=True, endpoint={fake.url!r}))\n"
        "peak = next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1]\n"
        "print(len(b.prices), peak)"
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    prices, peak_kib = (int(word) for word in done.stdout.split())
    assert prices == 4 and sent[0] > 219 << 20
    assert peak_kib < 200 << 10, f"{peak_kib >> 10} MiB after {time.monotonic() - start:.1f} s"
    print(f"peak {peak_kib >> 10} MiB, {time.monotonic() - start:.1f} s")
