"""The file behind Alibaba Cloud's price page: both sites, read as a stream, and refused when its shape has changed."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.errors import FetchError
from planner.provider import Access
from providers.alicloud import public
from tests.providers.aws_world import NOW
from tests.providers.fake_aws import FakeAws, Handler

pytest.importorskip("ijson", reason="ijson is not installed")

PAGES = {"china": "/price/ecs/ecs-pricing/zh", "international": "/en/product/ecs/pricing"}
FILES = {
    "china": "/aliyun/ecs-price-info/2.0.421/price/download/instancePrice.json",
    "international": "/aliyun/ecs-price-info-intl/2.0.421/price/download/instancePrice.json",
}
GN7I = "cn-beijing::ecs.gn7i-c16g1.4xlarge::vpc::linux::optimized"


def _steps(hour: str, month: str, *years: str) -> dict[str, Any]:
    return {
        "hours": [{"price": hour, "period": "1"}],
        "months": [{"price": month, "period": "1"}],
        "years": [{"price": price, "period": str(number)} for number, price in enumerate(years, 1)],
    }


def _file(currency: str, entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "currency": currency,
        "version": "2.0.421",
        "publicationDate": "2026-09-28T08:15:52Z",
        "pricingInfo": entries,
    }


CHINA = _file(
    "CNY",
    {
        GN7I: _steps("10.0934", "4844.83", "49417.27", "98834.53", "148251.80", "197669.06", "247086.33"),
        GN7I.replace("linux", "windows"): _steps("11", "5000"),
        "cn-beijing::ecs.g6.large::vpc::linux::optimized": _steps("0.5", "240"),
        "us-east-1::ecs.gn7i-c16g1.4xlarge::vpc::linux::optimized": _steps("16.035018", "7696.81"),
        "eu-central-1::ecs.g6.large::vpc::linux::optimized": _steps("0.7", "300"),
    },
)
INTERNATIONAL = _file("USD", {GN7I.replace("cn-beijing", "us-east-1"): _steps("2.41", "1156.8", "11799.36")})


def _fill(fake: FakeAws, china: Any = CHINA, international: Any = INTERNATIONAL) -> FakeAws:
    for site, folder, content in (
        ("china", "ecs-price-info", china),
        ("international", "ecs-price-info-intl", international),
    ):
        page = f'<script src="https://g.alicdn.com/aliyun/{folder}/2.0.421/price/js.js"></script> 2.0.9 {folder}/1.0'
        fake.files[PAGES[site]] = (page.encode(), {})
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        fake.files[FILES[site]] = (body, {"ETag": '"x"'})
    return fake


@pytest.fixture
def fake() -> Iterator[FakeAws]:
    with FakeAws() as server:
        yield _fill(server)


def _fetch(fake: FakeAws, region: str = "cn-beijing", now: str = NOW, **more: Any) -> Any:
    return public.fetch(region, Access(now=now, public=True, endpoint=fake.url, sleep=lambda seconds: None, **more))


def _fails(fake: FakeAws) -> str:
    with pytest.raises(FetchError) as caught:
        _fetch(fake)
    assert str(caught.value).startswith("alicloud")
    return str(caught.value)


def test_hours_months_and_years(fake: FakeAws) -> None:
    batch = _fetch(fake)
    rows = {(p.purchase_option, p.term, p.unit): p.amount for p in batch.prices}
    assert rows == {
        ("on_demand", "", "hour"): Decimal("10.0934"),
        ("subscription", "1m", "month"): Decimal("4844.83"),
        ("subscription", "1y", "term"): Decimal("49417.27"),  # the whole year, not a month of it
        ("subscription", "2y", "term"): Decimal("98834.53"),
        ("subscription", "3y", "term"): Decimal("148251.80"),
        ("subscription", "4y", "term"): Decimal("197669.06"),
        ("subscription", "5y", "term"): Decimal("247086.33"),
    }
    assert {(p.site, p.currency, p.source.as_of, p.source.confidence) for p in batch.prices} == {
        ("china", "CNY", "2026-09-28", "medium")
    }
    assert "ecs-price-info 2.0.421" in batch.prices[0].source.text
    assert any("international site's price file has no GPU type in cn-beijing" in gap for gap in batch.gaps)


def test_the_two_sites_are_never_mixed(fake: FakeAws) -> None:
    hourly = {(p.site, p.currency): p.amount for p in _fetch(fake, "us-east-1").prices if p.unit == "hour"}
    assert hourly == {("china", "CNY"): Decimal("16.035018"), ("international", "USD"): Decimal("2.41")}


def test_each_file_is_read_once_for_all_regions_of_a_refresh(fake: FakeAws) -> None:
    for region in ("cn-beijing", "us-east-1", "eu-central-1"):
        _fetch(fake, region, now="2026-11-23T13:00:00Z")
    assert len(fake.calls(FILES["china"])) == 1
    _fetch(fake, now="2026-11-24T13:00:00Z")
    assert len(fake.calls(FILES["china"])) == 2


def test_a_region_nobody_knows(fake: FakeAws) -> None:
    with pytest.raises(FetchError, match="alicloud mars-1: neither price file knows this region"):
        _fetch(fake, "mars-1")


def test_families_and_raw_answers(fake: FakeAws) -> None:
    assert _fetch(fake, families=("gn8v",)).prices == ()
    kept: dict[str, str] = {}
    _fetch(fake, now="2026-11-23T14:00:00Z", keep_raw=kept.__setitem__)
    assert sorted(kept) == ["alicloud-china-instancePrice.json", "alicloud-international-instancePrice.json"]
    raw = json.loads(kept["alicloud-china-instancePrice.json"])
    assert GN7I in raw["pricingInfo"] and not any("ecs.g6." in key for key in raw["pricingInfo"])


def test_what_stands_beside_the_prices_may_come_after_them(fake: FakeAws) -> None:
    turned = dict(reversed(list(CHINA.items())))
    assert next(iter(turned)) == "pricingInfo"
    assert len(_fetch(_fill(fake, turned), now="2026-11-23T15:00:00Z").prices) == 7


def _with(change: Any) -> Any:
    changed = copy.deepcopy(CHINA)
    change(changed, changed["pricingInfo"][GN7I])
    return changed


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_with(lambda f, e: f.update(currency="USD")), "currency 'USD' where CNY is expected"),
        (_with(lambda f, e: f.update(currency="XTS")), "currency 'XTS' where CNY is expected"),
        (_with(lambda f, e: f.pop("currency")), "currency None where CNY is expected"),
        (_with(lambda f, e: f.pop("publicationDate")), "publicationDate '' is not a date"),
        (_with(lambda f, e: f.update(pricingInfo={})), "no GPU type in it"),
        (_with(lambda f, e: f.pop("pricingInfo")), "no GPU type in it"),
        (_with(lambda f, e: e["hours"][0].update(price="0")), "costs 0: not a price"),
        (_with(lambda f, e: e["hours"][0].update(price="a lot")), "not a plain decimal number"),
        (_with(lambda f, e: e["hours"][0].pop("price")), "a step without price or period"),
        (_with(lambda f, e: e["hours"].append({"price": "11", "period": "1"})), "two prices for 1 hours where one"),
        (_with(lambda f, e: e["hours"][0].update(period="2")), "unknown period"),
        (_with(lambda f, e: e["years"][0].update(period="many")), "unknown period"),
        (_with(lambda f, e: e.update(hours="free")), "hours is not a list"),
        (_with(lambda f, e: f["pricingInfo"].update({GN7I: []})), "is not an object"),
        (json.dumps(CHINA).encode()[:-30], "cut off, or not JSON"),
        (b"<html>not here</html>", "cut off, or not JSON"),
        (b"{}", "currency None"),
        (json.dumps(CHINA).replace(GN7I.replace("linux", "windows"), GN7I).encode(), "stands there twice"),
    ],
)
def test_another_shape_is_refused(fake: FakeAws, content: Any, said: str) -> None:
    assert said in _fails(_fill(fake, content))


@pytest.mark.parametrize(
    ("spoil", "name", "said"),
    [
        (lambda f, e: e["hours"][0].update(price="a lot"), "ecs.gn7i-c16g1.4xlarge", "not a plain decimal number"),
        (lambda f, e: e["hours"][0].pop("price"), "ecs.gn7i-c16g1.4xlarge", "a step without price or period"),
        (lambda f, e: e["years"][0].update(period="many"), "ecs.gn7i-c16g1.4xlarge", "unknown period"),
        (lambda f, e: f["pricingInfo"].update({"cn-x/ecs.gn7i": {}}), "", "is not region::type::network::os::io"),
    ],
)
def test_one_bad_item_never_loses_a_region(fake: FakeAws, spoil: Any, name: str, said: str) -> None:
    def both(file: Any, entry: Any) -> None:
        file["pricingInfo"]["cn-beijing::ecs.gn6v-c8g1.2xlarge::vpc::linux::optimized"] = _steps("26.46", "7620.48")
        spoil(file, entry)

    batch = _fetch(_fill(fake, _with(both)))
    ((spoilt, why),) = batch.spoilt
    assert spoilt == name and said in why
    left = {"ecs.gn6v-c8g1.2xlarge"} | (set() if name else {"ecs.gn7i-c16g1.4xlarge"})
    assert {p.instance_type for p in batch.prices} == left


def test_new_fields_are_no_fault(fake: FakeAws) -> None:
    whole = _fetch(fake).prices

    def change(file: Any, entry: Any) -> None:
        file.update(notice=["a", {"deep": [1, 2]}], pricingInfo=dict(file["pricingInfo"]))
        entry.update(weeks=[{"price": "1", "period": "1"}], promotion={"price": None})
        entry["hours"][0]["discount"] = 1

    assert _fetch(_fill(fake, _with(change)), now="2026-11-23T16:00:00Z").prices == whole


def test_a_page_that_points_nowhere(fake: FakeAws) -> None:
    fake.files[PAGES["china"]] = (b"<html>new design</html>", {})
    assert "no longer says where its price file lies" in _fails(fake)
    found = list(public.self_check(Access(now=NOW, endpoint=fake.url)))
    assert [(call, ok) for call, ok, _ in found] == [
        ("price page, china site", False),
        ("price page, international site", True),
    ]


def test_the_newest_version_on_the_page_is_taken_by_number(fake: FakeAws) -> None:
    page, _ = fake.files[PAGES["china"]]
    fake.files[PAGES["china"]] = (page + b" g.alicdn.com/aliyun/ecs-price-info/2.0.99/x", {})
    assert _fetch(fake, now="2026-11-23T17:00:00Z").prices


def test_a_failure_is_told_to_every_region_and_forgotten_with_the_refresh(fake: FakeAws) -> None:
    good = fake.files.pop(FILES["china"])
    _fails(fake)
    asked = len(fake.calls(FILES["china"]))
    _fails(fake)
    assert len(fake.calls(FILES["china"])) == asked == 1
    fake.files[FILES["china"]] = good
    assert _fetch(fake, now="2026-11-23T18:00:00Z").prices


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_forty_megabytes_are_read_as_a_stream(fake: FakeAws) -> None:
    entry = json.dumps(_steps("0.5", "240", "2448", "4896", "7344", "9792", "12240"))
    block = "".join(f'"cn-x{n}::ecs.g6.large::vpc::linux::optimized": {entry},' for n in range(1000)).encode()
    times = (40 << 20) // len(block)
    head, tail = (
        b'{"currency": "CNY", "version": "9", "publicationDate": "2026-09-28", "pricingInfo": {',
        json.dumps({GN7I: CHINA["pricingInfo"][GN7I]})[1:].encode() + b"}",
    )

    def stream(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(head) + times * len(block) + len(tail)))
        handler.end_headers()
        for part in (head, *([block] * times), tail):
            handler.wfile.write(part)

    fake.streams[FILES["china"]] = stream
    code = (
        "from providers.alicloud import public; from planner.provider import Access\n"
        f"b = public.fetch('cn-beijing', Access({NOW!r}, public=True, endpoint={fake.url!r}))\n"
        "peak = next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1]\n"
        "print(len(b.prices), peak)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    prices, peak_kib = (int(word) for word in done.stdout.split())
    assert prices == 7
    assert peak_kib < 200 << 10, f"{peak_kib >> 10} MiB"
    print(f"peak {peak_kib >> 10} MiB")
