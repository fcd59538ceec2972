"""The committed price lists hold together, trace to sources, and refuse what is wrong with file and line."""

from __future__ import annotations

import csv
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from planner.errors import CatalogError, MisuseError
from planner.offer import Key, Price
from planner.prices import catalog, checks
from planner.prices.review import review
from planner.provider import homes

REAL = catalog.Catalog()


def every_price() -> list[Price]:
    return [p for name in REAL.providers() for place in REAL.priced_places(name) for p in REAL.listed(name, place)]


def test_every_committed_price_passes_and_has_a_source() -> None:
    prices = every_price()
    assert len(prices) > 1500
    specs = {n: REAL.instances(n) for n in REAL.providers()}
    for name in REAL.providers():
        assert checks.check_prices([p for p in prices if p.provider == name], specs[name]) == []
    for price in prices:
        assert len(price.source.text) > 10, price
        assert price.source.confidence in ("high", "medium", "low")
        assert price.source.as_of or price.source.dated, price


def test_all_three_families_and_the_ones_beside_them() -> None:
    types = {p.instance_type for p in every_price()}
    assert {"p4d.24xlarge", "p5.48xlarge", "g6e.xlarge", "ecs.gn7i-c16g1.4xlarge", "ecs.gn6e-c12g1.24xlarge"} <= types
    assert {"GN10Xp.20XLARGE320", "GT4.41XLARGE948", "GN7.5XLARGE80"} <= types


def test_each_way_of_buying_has_a_file_that_a_review_can_show() -> None:
    for name in REAL.providers():
        for path in sorted(Path(homes()[name], "catalog", "prices").glob("*.csv")):
            assert path.stat().st_size < 500_000, path
            with path.open(encoding="utf-8") as text:
                assert {row["purchase_option"] for row in csv.DictReader(text)} == {path.stem}


def test_prices_are_read_from_whatever_file_they_stand_in(copy: Path) -> None:
    """Lists of others may have one file per region, as ours had in 0.1.0."""
    before = {name: REAL.prices("aws", name) for name in ("us-east-1", "us-west-2", "us-east-1-atl-2a")}
    folder = copy / "aws" / "catalog" / "prices"
    rows: dict[str, list[str]] = {}
    for path in folder.glob("*.csv"):
        header, *lines = path.read_text("utf-8").splitlines(keepends=True)
        for line in lines:
            rows.setdefault(line.partition(",")[0], []).append(line)
        path.unlink()
    for name, lines in rows.items():
        (folder / f"{name}.csv").write_text(header + "".join(sorted(lines)), "utf-8")
    after = catalog.Catalog(str(copy))
    for name, prices in before.items():
        assert {(p.key, p.amount) for p in after.prices("aws", name)} == {(p.key, p.amount) for p in prices}, name
        assert [p.way.instance_type for p in after.prices("aws", name)] == [p.way.instance_type for p in prices]


def test_a_row_without_a_region_of_its_own_is_a_problem(copy: Path) -> None:
    path = copy / "tencentcloud" / "catalog" / "prices" / "on_demand.csv"
    assert review(catalog.Catalog(str(copy)), "tencentcloud").problems == ()  # that of an unknown region bears a status
    path.write_text(path.read_text("utf-8").replace(",low,low,cb-tumblebug", ",medium,,cb-tumblebug"), "utf-8")
    told = review(catalog.Catalog(str(copy)), "tencentcloud").problems
    assert told == ("tencentcloud: unplaced has prices, and belongs to no region",)


def test_a_group_price_names_a_real_region() -> None:
    prices = [p for p in REAL.prices("tencentcloud", "ap-shanghai") if p.site == "china"]
    assert prices and {p.region for p in prices} == {"ap-shanghai"}
    group = [p for p in prices if p.source.group]
    assert group and {p.source.group for p in group} == {"cn-mainland"}
    # A price printed for Shanghai itself comes before the mainland's, which is history then.
    own = {p.group for p in prices} - {p.group for p in group}
    past = [p for p in REAL.history("tencentcloud", "ap-shanghai") if p.source.group]
    assert past and {p.group for p in past} <= own and {p.status for p in past} == {"superseded"}
    abroad = [p for p in REAL.prices("tencentcloud", "ap-singapore") if p.site == "china"]
    assert abroad and not any(p.source.group for p in abroad)


def test_sites_are_never_mixed() -> None:
    for name in REAL.providers():
        sites = REAL.info(name).sites
        for region in REAL.regions(name):
            for price in REAL.prices(name, region):
                assert price.currency == sites[price.site]["currency"]


def test_superseded_rows_are_kept_out_but_there() -> None:
    rows = [
        p
        for p in REAL.prices("aws", "us-east-1")
        if p.instance_type == "p4d.24xlarge" and p.purchase_option == "on_demand"
    ]
    assert {(p.amount, p.status) for p in rows} == {(Decimal("21.957642"), ""), (Decimal("32.7726"), "superseded")}


def test_as_of_leaves_out_later_prices() -> None:
    early = catalog.Catalog(as_of="2026-08-01")
    rows = [p for p in early.prices("aws", "us-east-1") if p.instance_type == "p4d.24xlarge"]
    assert rows and not any(p.source.as_of > "2026-08-01" for p in rows)
    # The reservations of 2026-09-17 are not known yet: those that they replaced are quoted.
    reserved = [p for p in rows if (p.purchase_option, p.term, p.offering) == ("reserved", "1y", "standard")]
    assert [(p.source.as_of, p.status) for p in reserved if p.payment == "no_upfront"] == [("2026-01-21", "")]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in REAL.providers():
        shutil.copytree(Path(homes()[name], "catalog"), tmp_path / name / "catalog")
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",hour,21.957642,", ",hour,0,", "not above zero"),
        (",hour,21.957642,", ",hour,-1,", "not above zero"),
        (",hour,21.957642,", ",hour,NaN,", "not a plain number"),
        (",hour,21.957642,", ",hour,2.1e1,", "not a plain number"),
        (",hour,21.957642,,USD", ",hour,21.957642,,XXX", "unknown currency"),
        (",hour,21.957642,", ",fortnight,21.957642,", "unknown unit"),
        (",hour,21.957642,", ",hour,21957.642,", "per GPU-hour"),
        (",hour,21.957642,", ",hour,", "columns, expected"),
        (
            ",2026-07-20,,,high,",
            ",2026-07-20,,2026-07-19,high,",
            "confirmed 2026-07-19, not a day after its date 2026-07-20",
        ),
        (",2026-07-20,,,high,", ",2026-07-20,,soon,high,", "confirmed soon, not a day after its date"),
        (",2026-07-20,,,high,", ",2026-13-40,,,high,", "its date '2026-13-40' is not an ISO date"),
    ],
)
def test_a_bad_row_names_its_line(copy: Path, old: str, new: str, message: str) -> None:
    path = copy / "aws" / "catalog" / "prices" / "on_demand.csv"
    text = path.read_text(encoding="utf-8")
    line = next(n for n, row in enumerate(text.splitlines(), 1) if old in row)
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(CatalogError, match=f"on_demand.csv:{line}: .*{message}"):
        catalog.Catalog(str(copy)).prices("aws", "us-east-1")


def test_a_duplicate_names_both_lines(copy: Path) -> None:
    path = copy / "aws" / "catalog" / "prices" / "on_demand.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines, lines[1]]), encoding="utf-8")
    with pytest.raises(CatalogError, match=rf"on_demand.csv:{len(lines) + 1}: .* stands already at .*on_demand.csv:2"):
        catalog.Catalog(str(copy)).prices("aws", lines[1].partition(",")[0])


def test_unknown_provider() -> None:
    with pytest.raises(MisuseError, match="did you mean aws"):
        REAL.info("awss")


def test_a_provider_says_its_services_its_driver_and_where_mainland_china_is() -> None:
    book = catalog.Catalog()
    for name, service, branch in (
        ("aws", "Amazon EC2", 595),
        ("alicloud", "Elastic Compute Service", 570),
        ("tencentcloud", "Cloud Virtual Machine", 580),
    ):
        info = book.info(name)
        assert info.services == {"compute": service}
        assert info.driver is not None and info.driver.branch == branch and info.driver.source and info.driver.as_of
    markets = {name: {r.id: r.market for r in book.regions(name).values()} for name in book.providers()}
    assert [r for r, market in markets["aws"].items() if market == "mainland"] == [
        "cn-north-1",
        "cn-north-1-pkx-1",
        "cn-northwest-1",
    ]
    assert {r for r, m in markets["alicloud"].items() if m == "abroad" and r.startswith("cn-")} == {"cn-hongkong"}
    assert markets["tencentcloud"]["ap-guangzhou"] == "mainland" and markets["tencentcloud"]["ap-tokyo"] == "abroad"
    # Regions that the list does not have (the price book may) are told by the provider's own rule.
    assert book.info("tencentcloud").market("ap-shenzhen-fsi") == "mainland"
    assert book.info("alicloud").market("cn-fuzhou") == "mainland" and book.info("aws").market("xx-far-9") == "abroad"


def test_an_unknown_market_is_refused(tmp_path: Path) -> None:
    shutil.copytree(Path(homes()["aws"], "catalog"), tmp_path / "aws" / "catalog")
    path = tmp_path / "aws" / "catalog" / "regions.csv"
    path.write_text(path.read_text("utf-8").replace(",mainland,", ",moon,"), "utf-8")
    with pytest.raises(CatalogError, match=r"regions\.csv:\d+: unknown market 'moon'"):
        catalog.Catalog(str(tmp_path)).regions("aws")


def test_no_quoted_price_is_older_than_it_must_be() -> None:
    """Of no way of buying does the history hold a newer sight than the price that is quoted; so no offer is staler than it must."""
    looked = 0
    for provider in REAL.providers():
        past: dict[Key, list[Price]] = {}
        for row in REAL.history(provider):
            if row.status == "superseded" and row.source.confidence != "low":
                past.setdefault((row.group, row.unit, row.currency), []).append(row)
        for region in REAL.regions(provider):
            for price in REAL.prices(provider, region):
                earlier = past.get((price.group, price.unit, price.currency), [])
                if price.status or price.source.confidence == "low":
                    continue
                looked += len(earlier)
                newer = [row for row in earlier if row.source.seen > price.source.seen]
                assert newer == [], (price, newer)
    assert looked > 300
