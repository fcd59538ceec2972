"""`planner catalog snapshot` and `catalog diff OLD NEW`: the lists become what the book over the lists was, in few lines."""

from __future__ import annotations

import difflib
import random
import shutil
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from planner.cli import cli
from planner.offer import Key, Price, Priced
from planner.prices.book import PriceBook
from planner.prices.book.write import Writer
from planner.prices.catalog import Catalog
from planner.prices.listfiles import NAMES, Files
from planner.prices.review import review
from planner.prices.texts import PRICE
from planner.provider import Batch
from tests.bookrows import batch, disk, price, spec, traffic
from tests.conftest import ROOT

D = Decimal
REGION = "us-east-1"
NOW = "2026-11-20T10:00:00Z"


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """Return a folder with a copy of our lists."""
    for name in ("aws", "tencentcloud"):
        source = ROOT / "providers" / name / "catalog"
        shutil.copytree(source, tmp_path / "providers" / name / "catalog", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "providers"


def run(*args: object) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args], standalone_mode=True)


def fails(*args: object) -> str:
    """Return the one line of a refusal."""
    from planner.errors import PlannerError

    done = CliRunner().invoke(cli, [str(arg) for arg in args], standalone_mode=False)
    assert isinstance(done.exception, PlannerError), (done.output, done.exception)
    return f"{done.output}{done.exception}"


def book(path: Path, *batches: tuple[Batch, str]) -> Path:
    with Writer.open(str(path)) as writer:
        for made, when in batches:
            writer.add(made, when, "keys")
    return path


def listed(root: Path | str, region: str = REGION, provider: str = "aws") -> list[Price]:
    return [p for p in Catalog(str(root)).prices(provider, region) if not p.status and p.source.confidence != "low"]


def fetched(rows: Iterable[Price], **more: object) -> Batch:
    """Return rows of the lists as a cloud would give them, each priced as of its own day."""
    made = [row._replace(source=row.source._replace(text="GetProducts", origin="book", confirmed="")) for row in rows]
    types = Catalog(str(ROOT / "providers")).instances("aws")
    specs = tuple(types[name] for name in sorted({row.instance_type for row in made}) if name in types)
    return batch(*made, instance_types=specs, **more)


def amounts(rows: Iterable[Priced]) -> dict[Key, Decimal]:
    return {row.key: row.amount for row in rows if not row.status and row.source.confidence != "low"}


def changed_lines(old: Path, new: Path) -> list[str]:
    lines = difflib.unified_diff(old.read_text().splitlines(), new.read_text().splitlines(), n=0, lineterm="")
    return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def test_our_lists_are_in_the_order_that_a_snapshot_writes() -> None:
    """So its diff holds nothing but what changed."""
    for provider in ("aws", "alicloud", "tencentcloud"):
        home = ROOT / "providers" / provider / "catalog"
        files = Files(str(home))
        for path in sorted((home / "prices").glob("*.csv")):
            files.read(f"prices/{path.name}")
            files.sort(f"prices/{path.name}", PRICE)
        for kind, name in NAMES.items():
            files.read(name)
            files.sort(name, kind)
        files.read("history.csv.gz")
        files.sort("history.csv.gz", PRICE)
        files.read("instances.csv")
        assert files.changed() == {}, provider


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))])
def test_the_lists_become_what_the_book_over_the_lists_was(lists: Path, tmp_path: Path, seed: int) -> None:
    """The law: whatever a refresh brought, the new lists alone quote what the old ones quoted with the book."""
    dice = random.Random(seed)
    rows = listed(lists)
    first = [row for row in rows if row.purchase_option in ("on_demand", "spot", "capacity_block", "reserved")]
    moved = [row._replace(amount=row.amount * D("1.25") if dice.random() < 0.3 else row.amount) for row in first]
    second = [row for row in moved if dice.random() < 0.97]
    second += [price("g5.xlarge", "0.9", purchase_option="spot", zone=f"us-east-1{z}") for z in "xy"]
    kept = {row.way.instance_type for row in second}
    path = book(
        tmp_path / "b.db",
        (fetched(first), "2026-11-19T10:00:00Z"),
        (fetched(second, transfer=(traffic("0.08"),), services=(disk("0.07"),)), NOW),
    )
    with PriceBook.open_for_read(str(path)) as read:  # type: ignore[union-attr]
        before = Catalog(str(lists), book=read)
        wanted = amounts(before.priced("aws", REGION) or ())
    done = run("catalog", "snapshot", lists, "--price-book-db", path, "--force")
    assert done.exit_code == 0, done.output
    after = Catalog(str(lists))
    assert amounts(after.priced("aws", REGION) or ()) == wanted and kept
    assert review(after, "aws").problems == () and amounts(after.priced("aws", "us-west-2") or ()) == amounts(
        Catalog(str(ROOT / "providers")).priced("aws", "us-west-2") or ()
    )
    again = run("catalog", "snapshot", lists, "--price-book-db", path)
    assert again.exit_code == 0 and "0 files written" in again.output  # twice changes nothing


@pytest.mark.long
def test_a_change_of_one_price_is_a_change_of_one_line(lists: Path, tmp_path: Path) -> None:
    rows = [
        row for row in listed(lists) if row.way.instance_type == "p4d.24xlarge" and row.purchase_option == "on_demand"
    ]
    (row,) = rows
    path = book(tmp_path / "b.db", (fetched([row._replace(amount=D("20.5"))]), NOW))
    done = run("catalog", "snapshot", lists, "--price-book-db", path)
    assert done.exit_code == 0 and "aws: 1 changed, 0 new, 0 withdrawn, 0 seen again" in done.output
    file = "aws/catalog/prices/on_demand.csv"
    lines = changed_lines(ROOT / "providers" / file, lists / file)
    assert len(lines) == 2 and lines[0].startswith("-us-east-1,aws,p4d.24xlarge,on_demand")
    # It differs from what was seen on 2026-07-20, so it holds from the day on which it was observed.
    assert lines[1].startswith("+us-east-1,aws,p4d.24xlarge,on_demand,,,,linux,,hour,20.5,,USD,0,,2026-11-20,,,high")
    past = Catalog(str(lists), as_of="2026-08-01")
    assert [p.amount for p in past.prices("aws", REGION) if p.way == row.way and not p.status] == [row.amount]
    words = run("catalog", "diff", ROOT / "providers", lists, "--provider", "aws").output
    assert "1 fell;" in words and "- p4d.24xlarge on_demand: 21.957642 to 20.5 USD/hour, -6.64 % (us-east-1)" in words


@pytest.mark.slow
def test_what_is_as_it_was_is_dated_anew_only_when_it_was_seen_long_ago(lists: Path, tmp_path: Path) -> None:
    rows = [row for row in listed(lists) if row.purchase_option == "on_demand"]
    path = book(tmp_path / "b.db", (fetched(rows), NOW))
    old = [row for row in rows if row.source.seen < "2026-10-21"]
    assert old
    done = run("catalog", "snapshot", lists, "--price-book-db", path)
    assert f"0 changed, 0 new, 0 withdrawn, {len(old)} seen again" in done.output
    assert {row.source.confirmed for row in listed(lists) if row.key in {r.key for r in old}} == {"2026-11-20"}
    files = [path.relative_to(lists) for path in (lists / "aws/catalog/prices").glob("*.csv")]
    assert sum(len(changed_lines(ROOT / "providers" / file, lists / file)) for file in files) == 2 * len(old)
    assert "Nothing changed." in run("catalog", "diff", ROOT / "providers", lists, "--provider", "aws").output
    later = book(tmp_path / "c.db", (fetched(rows), "2026-12-01T10:00:00Z"))
    assert "0 seen again" in run("catalog", "snapshot", lists, "--price-book-db", later).output
    done = run("catalog", "snapshot", lists, "--price-book-db", later, "--confirm-days", "5")
    assert f"{len(rows)} seen again" in done.output


def test_a_book_older_than_the_list_is_refused(lists: Path, tmp_path: Path) -> None:
    (row,) = [p for p in listed(lists) if p.way.instance_type == "p4d.24xlarge" and p.purchase_option == "on_demand"]
    path = book(tmp_path / "b.db", (fetched([row._replace(amount=D("30"))]), "2026-07-01T10:00:00Z"))
    before = {p: p.read_bytes() for p in lists.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    said = fails("catalog", "snapshot", lists, "--price-book-db", path)
    assert "the list saw 21.957642 USD on 2026-07-20, the book another price on 2026-07-01" in said
    assert "nothing was written" in said
    assert {p: p.read_bytes() for p in before} == before
    assert run("catalog", "snapshot", lists, "--price-book-db", path, "--force").exit_code == 0
    assert [p.amount for p in listed(lists) if p.way == row.way] == [30]


def test_more_than_a_twentieth_of_the_rows_may_not_go_without_a_word(lists: Path, tmp_path: Path) -> None:
    rows = listed(lists)
    path = book(tmp_path / "b.db", (fetched(rows), "2026-11-19T10:00:00Z"), (fetched(rows[::2]), NOW))
    said = fails("catalog", "snapshot", lists, "--price-book-db", path)
    assert "rows would go, more than 5 %" in said
    done = run("catalog", "snapshot", lists, "--price-book-db", path, "--force")
    assert done.exit_code == 0 and len(listed(lists)) < len(rows)
    gone = {row.way for row in rows} - {row.way for row in listed(lists)}

    # What was withdrawn is history: it is quoted for a day on which it was seen, and for no later one.
    def on(day: str) -> set[object]:
        return {p.way for p in Catalog(str(lists), as_of=day).prices("aws", REGION) if not p.status}

    assert gone and gone & on("2026-08-01") and not gone & on("2026-11-21")


@pytest.mark.long
def test_types_and_regions_that_the_list_lacks(lists: Path, tmp_path: Path) -> None:
    made = batch(price("g9.new", "1", region="ap-new-1"), instance_types=(spec("g9.new"),), region="ap-new-1")
    path = book(tmp_path / "b.db", (made, NOW))
    dry = run("catalog", "snapshot", lists, "--price-book-db", path, "--dry-run")
    assert "files would be written" in dry.output and "ap-new-1" not in Catalog(str(lists)).regions("aws")
    done = run("catalog", "snapshot", lists, "--price-book-db", path)
    assert done.exit_code == 0 and "1 instance types" in done.output
    after = Catalog(str(lists))
    assert after.regions("aws")["ap-new-1"].sites == ("aws",) and "g9.new" in after.instances("aws")
    assert [p.amount for p in after.prices("aws", "ap-new-1")] == [1] and review(after, "aws").problems == ()
    words = run("catalog", "diff", ROOT / "providers", lists).output
    assert "New instance types: g9.new." in words and "- g9.new on_demand: 1 USD/hour (ap-new-1)" in words


def test_a_price_of_a_group_of_regions_is_replaced_for_the_region_that_was_asked(lists: Path, tmp_path: Path) -> None:
    catalog = Catalog(str(lists))
    found = (p for r in catalog.regions("tencentcloud") for p in catalog.prices("tencentcloud", r))
    row = next(p for p in found if p.source.group and not p.status and p.unit == "hour" and p.tier_to is None)
    other = next(
        r
        for r, known in catalog.regions("tencentcloud").items()
        if row.source.group in known.groups and r != row.region
    )

    def now(region: str) -> list[Decimal]:
        found = Catalog(str(lists)).prices("tencentcloud", region)
        return [p.amount for p in found if p.way._replace(region="") == row.way._replace(region="") and not p.status]

    elsewhere = now(other)
    assert elsewhere
    moved = row._replace(amount=row.amount + 1, source=row.source._replace(text="x", group="", as_of="2026-11-01"))
    made = batch(moved, provider="tencentcloud", region=row.region, instance_types=(), account_site="china")
    path = book(tmp_path / "b.db", (made, NOW))
    assert run("catalog", "snapshot", lists, "--price-book-db", path).exit_code == 0
    assert now(row.region) == [row.amount + 1] and now(other) == elsewhere


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("snapshot", "{tmp}/nowhere"), "no such folder"),
        (("snapshot", "{tmp}"), "holds no PROVIDER/catalog/provider.json"),
        (("snapshot", "{lists}", "--provider", "mars"), "--provider mars: no list of it"),
        (("snapshot", "{lists}", "--provider", "tencentcloud"), "the price book has nothing of it"),
        (("snapshot", "{lists}", "--region", "us-eat-1"), "did you mean us-east-1"),
        (("snapshot", "{lists}", "--price-book-db", "{tmp}/none.db"), "no price book at"),
        (("diff", "{lists}"), "compare two folders of lists"),
        (("diff", "{lists}", "{tmp}/nowhere"), "no such folder"),
        (("diff", "{lists}", "{tmp}"), "holds no PROVIDER/catalog"),
        (("diff", "{lists}", "{lists}", "--from-list"), "without other options"),
    ],
)
def test_bad_input_is_one_line(lists: Path, tmp_path: Path, args: tuple[str, ...], words: str) -> None:
    path = book(tmp_path / "b.db", (batch(price()), NOW))
    (tmp_path / "empty").mkdir()
    told = [a.format(tmp=tmp_path / "empty" if a == "{tmp}" else tmp_path, lists=lists) for a in args]
    if args[0] == "snapshot" and "--price-book-db" not in args:
        told += ["--price-book-db", str(path)]
    assert words in fails("catalog", *told)


def test_lists_that_have_a_file_per_region_keep_them(tmp_path: Path) -> None:
    """A changed price stays in the file in which it stood; a new way of buying gets the file of its option."""
    home = tmp_path / "aws" / "catalog"
    source = ROOT / "providers" / "aws" / "catalog"
    shutil.copytree(source, home, ignore=shutil.ignore_patterns("__pycache__", "prices"))
    header, *lines = (source / "prices" / "on_demand.csv").read_text("utf-8").splitlines(keepends=True)
    (home / "prices").mkdir()
    (home / "prices" / "here.csv").write_text(header + "".join(x for x in lines if x.startswith("us-east-1,")), "utf-8")
    (row,) = [p for p in listed(tmp_path) if p.way.instance_type == "p4d.24xlarge"]
    spot = price("p4d.24xlarge", "9.5", purchase_option="spot", zone="us-east-1a")
    path = book(tmp_path / "b.db", (fetched([row._replace(amount=D("20.5")), spot]), NOW))
    done = run("catalog", "snapshot", tmp_path, "--price-book-db", path)
    assert done.exit_code == 0 and "aws: 1 changed, 1 new" in done.output, done.output
    assert sorted(p.name for p in (home / "prices").glob("*.csv")) == ["here.csv", "spot.csv"]
    assert ",20.5," in (home / "prices" / "here.csv").read_text("utf-8")
    assert {p.amount for p in listed(tmp_path) if p.way.instance_type == "p4d.24xlarge"} == {D("20.5"), D("9.5")}


#: Names, options and units that stand in Chinese outputs as they are.
NAMES_IN_CHINESE = set(
    "alicloud tencentcloud aws us east xlarge on demand capacity block reserved convertible standard no upfront all spot"
    " savings plan usd hour region id planner refresh catalog diff from list force term month partial gn xp ap guangzhou cny"
    " eu sa north south northeast southeast central west az use gov gb internet".split()
)


def foreign(text: str) -> set[str]:
    """Return the English words of a text that are no names."""
    words = "".join(c if c.isascii() and c.isalpha() else " " for c in text).lower().split()
    return {word for word in words if len(word) > 1} - NAMES_IN_CHINESE


@pytest.mark.slow
def test_history_diff_and_snapshot_in_chinese(lists: Path, tmp_path: Path) -> None:
    rows = [p for p in listed(lists) if p.way.instance_type == "p4d.24xlarge" and p.purchase_option == "on_demand"]
    moved = fetched([rows[0]._replace(amount=D("25"))], transfer=(traffic("0.01"),))
    path = book(tmp_path / "b.db", (fetched(rows), "2026-11-19T10:00:00Z"), (moved, NOW))
    db = ("--price-book-db", path)
    told = [
        run("catalog", "history", "p5.48xlarge", "--offline-list", "--lang", "zh").output,
        run("catalog", "history", "p4d.24xlarge", "--region", REGION, "--lang", "zh", *db).output,
        run(
            *"catalog history p5.4xlarge --region us-east-1 --purchase-option capacity_block --plot --lang zh".split()
        ).output,
        run("catalog", "diff", "--lang", "zh", *db).output,
        run("catalog", "snapshot", lists, "--lang", "zh", "--dry-run", *db).output,
        run("catalog", "snapshot", lists, "--lang", "zh", *db).output,
        run("catalog", "diff", ROOT / "providers", lists, "--provider", "aws", "--lang", "zh").output,
    ]
    for words, text in zip(("再次见到", "随附价目表", "为", "影响", "将写入", "已写入", "上涨"), told, strict=True):
        assert words in text, text
        assert not foreign(text), text
    old = book(tmp_path / "old.db", (fetched([rows[0]._replace(amount=D("30"))]), "2026-07-01T10:00:00Z"))
    refused = run("catalog", "snapshot", ROOT / "providers", "--lang", "zh", "--price-book-db", old).output
    assert "拒绝写入：aws us-east-1 p4d.24xlarge on_demand linux：价目表在 2026-07-20 见到 21.957642 USD" in refused
