"""Where types are sold, and regions that only the price book knows: against naive models, over versions, in quotes."""

from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import MisuseError, PriceBookError
from planner.offer import Region
from planner.prices.book import PriceBook
from planner.prices.book.csvfile import check_csv, export_csv, import_csv
from planner.prices.book.schema import APPLICATION_ID, MIGRATIONS, VERSION
from planner.prices.book.write import Writer
from planner.prices.catalog import Catalog
from planner.prices.checks import check_batch
from planner.prices.texts import DETAIL, KINDS, PRICE, batch_of
from planner.prices.zones import Sold
from planner.provider import in_families
from tests.bookrows import NOON, batch, price, spec, traffic

ROOT = Path(__file__).resolve().parents[2]
P4D, P5 = "p4d.24xlarge", "p5.48xlarge"
A, B = "us-east-1a", "us-east-1b"


def _planner(*args: str, code: int = 0) -> str:
    done = subprocess.run([sys.executable, "-m", "planner", *args], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == code and "Traceback" not in done.stderr, done.stderr
    return done.stdout if code == 0 else done.stderr


def _notes(path: Path, *more: str, name: str = P4D) -> dict[str, list[str]]:
    """Return, by offer id, the notes that speak of zones."""
    out = _planner("quote", "--format", "json", "--instance-type", name, "--price-book-db", str(path), *more)
    return {o["id"]: [n for n in o["notes"] if "when last asked" in n] for o in json.loads(out)["offers"]}


# -- zones -----------------------------------------------------------------------------------------------------------

TYPES = ("a.1", "b.1", "b.2", "c.1")
#: (day, account site, access, families, zones by type; None = the source does not say).
SEEN = st.lists(
    st.tuples(
        st.integers(1, 6),
        st.sampled_from(("aws", "aws-cn")),
        st.sampled_from(("keys", "public")),
        st.sets(st.sampled_from(("a", "b", "c", "!a.1", "!b.2")), max_size=3),
        st.none() | st.dictionaries(st.sampled_from(TYPES), st.sets(st.sampled_from((A, B)), max_size=2)),
    ),
    max_size=8,
)


def _model(
    seen: list[tuple[int, str, str, set[str], Any]], site: str, name: str, day: int
) -> tuple[list[str], int] | None:
    """Return (zones, day), None when unknown: of each way of asking the last look at the type, of these the newest that
    said something."""
    last: dict[str, tuple[int, int, Any]] = {}
    for number, (when, where, access, families, zones) in sorted(enumerate(seen), key=lambda x: (x[1][0], x[0])):
        if where == site and when <= day and in_families(name, tuple(families)):
            last[access] = (when, number, zones)
    told = [look for look in last.values() if look[2] is not None]
    if not told:
        return None
    when, _, zones = max(told, key=lambda look: look[:2])
    return sorted(zones.get(name, ())), when


@settings(max_examples=60, deadline=None)
@given(seen=SEEN, day=st.integers(0, 7))
def test_where_a_type_is_sold_is_what_a_naive_model_says(
    tmp_path_factory: pytest.TempPathFactory, seen: list[tuple[int, str, str, set[str], Any]], day: int
) -> None:
    path = tmp_path_factory.mktemp("zones") / "b.db"
    with Writer.open(str(path)) as writer:
        for number, (when, site, access, families, zones) in enumerate(seen):
            pairs = None if zones is None else tuple((n, z) for n, where in zones.items() for z in sorted(where))
            rows = batch(price(), account_site=site, zones=pairs, gaps=(f"{number}.",))
            writer.add(rows, f"2026-10-{when:02d}T00:00:00Z", access, families)
    with PriceBook.open_for_read(str(path)) as book:  # type: ignore[union-attr]
        # The last of these asks again for what is remembered: the answer must not depend on what was asked before.
        for until, text in ((day, f"2026-10-{day:02d}"), (99, ""), (day, f"2026-10-{day:02d}")):
            book.prices("aws", "us-east-1", text)
            market = book.zones("aws", "us-east-1", text)
            for site in ("aws", "aws-cn"):
                for name in TYPES:
                    sold, wanted = market.sold(site, name), _model(seen, site, name, until)
                    got = None if sold is None else (list(sold.zones), int(sold.observed_at[8:10]))
                    assert got == wanted, (site, name, until)


def test_a_fetch_that_lists_a_zone_no_more_withdraws_it_and_one_that_says_nothing_does_not(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path / "b.db")) as writer:

        def add(day: int, zones: tuple[tuple[str, str], ...] | None, access: str = "keys", family: str = "") -> None:
            writer.add(batch(price(), zones=zones), f"2026-10-{day:02d}T00:00:00Z", access, family.split())

        def sold(name: str = P4D, as_of: str = "") -> tuple[str, ...] | None:
            found = writer.book.zones("aws", "us-east-1", as_of).sold("aws", name)
            return None if found is None else found.zones

        assert sold() is None
        add(1, ((P4D, B), (P4D, A), (P5, A)))
        assert (sold(), sold(P5), sold("g5.xlarge")) == ((A, B), (A,), ())
        add(2, ((P4D, B),))
        assert (sold(), sold(P5), sold(as_of="2026-10-01")) == ((B,), (), (A, B))
        add(3, None, "public")
        assert sold() == (B,)
        add(4, ((P5, A),), family="p5")
        assert (sold(), sold(P5)) == ((B,), (A,))
        add(5, ())
        assert (sold(), sold(P5)) == ((), ())
        # The newest look with keys says nothing of zones: what an older one said is not taken for the present.
        add(6, None)
        assert (sold(), sold(as_of="2026-10-05")) == (None, ())
        for sql in ("DELETE FROM observation WHERE kind = 5", "UPDATE fetch SET tells_zones = 0"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                writer.db.execute(sql)


def test_zones_are_kept_with_their_region_or_not_at_all(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path / "b.db")) as writer:
        broken = batch(price(), zones=((P4D, A), (P4D, A)))
        with pytest.raises(PriceBookError, match="UNIQUE"):
            writer.add(broken, NOON, "keys")
        assert writer.book.fetches() == [] and writer.book.prices("aws") == []
        # What the failed one had numbered is forgotten: the same rows go in afterwards, whole.
        writer.add(batch(price(), zones=((P4D, A),)), NOON, "keys")
        assert writer.book.zones("aws", "us-east-1").sold("aws", P4D) == Sold((A,), NOON)
        assert writer.book.db.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize(
    ("zones", "words"),
    [
        (((P4D, A), (P4D, A)), "two rows where one is expected"),
        (((P4D, ""),), "need a name"),
        ((("", A),), "need a name"),
        (((P4D, "a\0"),), "need a name"),
    ],
)
def test_zones_are_checked_before_they_are_kept(zones: tuple[tuple[str, str], ...], words: str) -> None:
    assert [words in problem for problem in check_batch(batch(price(), zones=zones))] == [True]
    assert check_batch(batch(price(), zones=((P4D, A), (P4D, B), (P5, A)))) == []


def test_zones_that_are_not_the_fetch_s_own_are_refused() -> None:
    texts = {"provider": "aws", "region": "us-east-1", "instance_type": P4D, "zone": A}
    content = [(KINDS[4], texts)]
    assert batch_of("aws", "us-east-1", "aws", content, (), True).zones == ((P4D, A),)
    assert batch_of("aws", "us-east-1", "aws", [], (), True).zones == ()
    assert batch_of("aws", "us-east-1", "aws", [], ()).zones is None
    for place, tells in (("us-east-1", False), ("us-west-2", True)):
        with pytest.raises(ValueError, match="do not belong"):
            batch_of("aws", place, "aws", content, (), tells)


# -- versions and files ----------------------------------------------------------------------------------------------


def _old_file(path: Path, version: int) -> None:
    """Write a book as a planner of schema `version` did: one fetch of one price."""
    db = sqlite3.connect(path, isolation_level=None)
    for step in MIGRATIONS[:version]:
        step(db)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {version}")
    texts = PRICE.write(price())
    columns = ", ".join(f'"{name}"' for name in PRICE.item)
    marks = ", ".join("?" for _ in PRICE.item)
    db.execute(f"INSERT INTO price_item (id, {columns}) VALUES (1, {marks})", [texts[name] for name in PRICE.item])
    if version > 1:
        db.execute("UPDATE price_item SET first_seen = '2026-10-01T00:00:00Z'")
    db.execute("INSERT INTO detail VALUES (1, ?, ?, ?, ?, ?, ?)", [texts[name] for name in DETAIL])
    db.execute(
        "INSERT INTO fetch (id, uid, provider, region, account_site, access, families, observed_at)"
        " VALUES (1, 'uid', 'aws', 'us-east-1', 'aws', 'keys', '', '2026-10-01T00:00:00Z')"
    )
    db.execute("INSERT INTO observation VALUES (1, 1, 1, 1, '21')")
    assert [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE name = 'zone_item'")] == []
    db.close()


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_file_gains_zones_and_claims_none(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old.db"
    _old_file(path, version)
    with PriceBook.open_for_read(str(path)) as book:  # type: ignore[union-attr]
        assert book.db.execute("PRAGMA user_version").fetchone() == (VERSION,) == (4,)
        assert [str(p.amount) for p in book.prices("aws", "us-east-1")] == ["21"]
        assert book.zones("aws", "us-east-1").sold("aws", P4D) is None
        assert [f.tells_zones for f in book.fetches()] == [False]
    assert list(_notes(path, "--purchase-option", "on_demand").values()) == [[]]
    with Writer.open(str(path)) as writer:
        writer.add(batch(price(), zones=((P4D, A),)), NOON, "keys")
        assert writer.book.zones("aws", "us-east-1").sold("aws", P4D) == Sold((A,), NOON)
    fresh = tmp_path / "fresh.db"
    Writer.open(str(fresh)).close()
    tables = "SELECT name, sql FROM sqlite_master ORDER BY name"
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(fresh)) as new:
        assert old.execute(tables).fetchall() == new.execute(tables).fetchall()


def test_a_fetch_without_zones_keeps_the_id_that_older_planners_gave_it(tmp_path: Path) -> None:
    """Else a book that a team merges would hold the same fetch twice. The digest was made by the planner of schema 2."""
    rows = batch(price(), instance_types=(spec(),), gaps=("no spot",))
    with Writer.open(str(tmp_path / "b.db")) as writer:
        writer.add(rows, NOON, "keys", ("p4d",))
        writer.add(rows._replace(zones=()), NOON, "keys", ("p4d",))
        first, second = writer.book.fetches()
    assert first.uid == "6f156d1362f1876ae09d215acc86550d" != second.uid


def _exported(writer: Writer) -> str:
    out = io.StringIO(newline="")
    export_csv(writer.book, out)
    return out.getvalue()


@settings(max_examples=40, deadline=None)
@given(
    told=st.lists(
        st.none()
        | st.sets(
            st.tuples(
                st.sampled_from(TYPES),
                st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=6),
            ),
            max_size=4,
        ),
        max_size=4,
    )
)
def test_zones_go_there_and_back_exactly(tmp_path_factory: pytest.TempPathFactory, told: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("csv")
    with Writer.open(str(folder / "a.db")) as writer:
        for day, zones in enumerate(told, 1):
            rows = batch(price(), zones=None if zones is None else tuple(sorted(zones)))
            writer.add(rows, f"2026-11-{day:02d}T00:00:00Z", "keys")
        text, fetches = _exported(writer), writer.book.fetches()
        now = [writer.book.zones("aws", "us-east-1").sold("aws", name) for name in TYPES]
    (folder / "a.csv").write_bytes(text.encode())

    def check(fetch: Any, content: Any) -> list[str]:
        return check_batch(
            batch_of(fetch.provider, fetch.region, fetch.account_site, content, fetch.gaps, fetch.tells_zones)
        )

    check_csv(str(folder / "a.csv"), check)
    with Writer.open(str(folder / "b.db")) as other:
        import_csv(str(folder / "a.csv"), other)
        assert _exported(other) == text and other.book.fetches() == fetches
        assert [other.book.zones("aws", "us-east-1").sold("aws", name) for name in TYPES] == now


def test_an_export_from_before_zones_is_still_read_and_a_changed_one_is_not(tmp_path: Path) -> None:
    import csv

    with Writer.open(str(tmp_path / "a.db")) as writer:
        writer.add(batch(price()), "2026-11-01T00:00:00Z", "keys")
        rows = list(csv.reader(io.StringIO(_exported(writer), newline="")))
        at = rows[0].index("tells_zones")
        with (tmp_path / "old.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([row[:at] + row[at + 1 :] for row in rows])
        writer.add(batch(price(), zones=((P4D, A),)), NOON, "keys")
        new = _exported(writer)
    new_db = str(tmp_path / "new.db")
    assert "1 regions with 1 observations added" in _planner(
        "catalog", "import", str(tmp_path / "old.csv"), "--price-book-db", new_db
    )
    (tmp_path / "new.csv").write_bytes(new.encode())
    # The fetch that came in the old form is known: 2 = the other one's price and zone.
    assert "1 regions with 2 observations added, 1 were known" in _planner(
        "catalog", "import", str(tmp_path / "new.csv"), "--price-book-db", new_db
    )
    lines = new.splitlines(keepends=True)
    for bad, words in (
        (new.replace(A, B), "changed since it was exported"),
        ("".join(line for line in lines if not line.startswith("zone,")), "changed since it was exported"),
        (new.replace(",[],1,", ",[],,"), "changed since it was exported"),
        (new.replace(",[],1,", ",[],yes,"), "neither 1 nor empty"),
    ):
        assert bad != new
        (tmp_path / "bad.csv").write_bytes(bad.encode())
        with pytest.raises(MisuseError, match=words):
            check_csv(str(tmp_path / "bad.csv"), lambda fetch, content: ())


# -- what a user sees ------------------------------------------------------------------------------------------------


def test_quoted_offers_say_where_their_type_is_sold(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    with Writer.open(str(path)) as writer:
        spot = price(purchase_option="spot", zone=A, amount="8")
        writer.add(batch(price(), spot, zones=((P4D, B), (P4D, A))), "2026-11-20T00:00:00Z", "keys")
        writer.add(batch(price(), spot, zones=((P5, B),)), NOON, "keys")
    only = ("--purchase-option", "on_demand", "--purchase-option", "spot")
    before = _notes(path, *only, "--as-of", "2026-11-21")
    assert before[f"aws:aws:us-east-1:{P4D}:on_demand"] == [f"sold in {A}, {B} when last asked (2026-11-20)"]
    now = _notes(path, *only)
    assert now[f"aws:aws:us-east-1:{P4D}:on_demand"] == ["sold in no zone when last asked (2026-11-23)"]
    # A price of one zone was seen there: "in no zone" would contradict it.
    assert now[f"aws:aws:us-east-1:{P4D}:spot:{A}"] == []
    # The committed list's offers of another type of the same region have it too; those of other regions do not.
    assert set(map(tuple, _notes(path, name=P5).values())) == {(f"sold in {B} when last asked (2026-11-23)",)}
    assert set(map(tuple, _notes(path, "--region", "us-west-2", name=P5).values())) == {()}
    assert all(notes == [] for notes in _notes(path, "--offline-list").values())


@pytest.mark.long
def test_show_says_per_region_where_a_type_is_sold(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    with Writer.open(str(path)) as writer:
        writer.add(batch(price(), zones=((P4D, B), (P4D, A))), NOON, "keys")
        west = batch(
            price("g5.xlarge", "1", region="us-west-2"), region="us-west-2", zones=(("g5.xlarge", "us-west-2a"),)
        )
        writer.add(west, "2026-11-22T00:00:00Z", "keys")
        far = batch(price("g5.xlarge", "1", region="xx-far-9"), region="xx-far-9", zones=((P4D, "xx-far-9c"),))
        writer.add(far, "2026-11-21T00:00:00Z", "keys")
        silent = batch(price(region="eu-west-1"), region="eu-west-1")
        writer.add(silent, NOON, "public")

    def said(*more: str) -> dict[str, list[str]]:
        places: dict[str, list[str]] = {}
        for line in _planner("catalog", "show", "P4D.24xlarge", "--price-book-db", str(path), *more).splitlines():
            if line.startswith("  ") and line.endswith("(aws)"):
                mine = places.setdefault(line.strip(), [])
            elif " sold in " in line or line == "    no price":
                mine.append(line.strip())
        return places

    everywhere = said()
    assert everywhere["us-east-1 (aws)"] == [f"sold in zones {A}, {B} (observed 2026-11-23)"]
    assert everywhere["us-west-2 (aws)"] == ["not sold in any zone (observed 2026-11-22)"]
    assert everywhere["xx-far-9 (aws)"] == ["sold in zones xx-far-9c (observed 2026-11-21)", "no price"]
    assert everywhere["eu-west-1 (aws)"] == []
    assert said("--region", "us-west-2") == {"us-west-2 (aws)": everywhere["us-west-2 (aws)"]}
    assert set(map(tuple, said("--offline-list").values())) == {()}


def test_without_a_book_nothing_is_asked_and_with_one_a_region_costs_one_query(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    with Writer.open(str(path)) as writer:
        for day in range(1, 29):
            writer.add(batch(price(amount=str(day)), zones=((P4D, A),)), f"2026-10-{day:02d}T00:00:00Z", "keys")
    with PriceBook.open_for_read(str(path)) as book:  # type: ignore[union-attr]
        book.prices("aws", "us-east-1")
        asked: list[str] = []
        book.db.set_trace_callback(asked.append)
        assert book.zones("aws", "us-east-1").sold("aws", P4D) == Sold((A,), "2026-10-28T00:00:00Z")
        book.db.set_trace_callback(None)
        assert len(asked) == 1, asked
        plan = [row[3] for row in book.db.execute("EXPLAIN QUERY PLAN " + asked[0])]
        assert plan and not [step for step in plan if step.startswith("SCAN")], plan
        asked.clear()
        book.db.set_trace_callback(asked.append)
        assert book.regions("aws", "", ("us-east-1",)) == {}
        book.db.set_trace_callback(None)
        assert len(asked) == 1, asked
    assert Catalog().zones("aws", "us-east-1") is None


# -- regions that only the book knows --------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    seen=st.lists(
        st.tuples(
            st.integers(1, 6), st.sampled_from(("x-1", "x-2", "us-east-1")), st.sampled_from(("aws", "aws-cn", "moon"))
        ),
        max_size=6,
    ),
    day=st.integers(0, 7),
)
def test_regions_are_those_seen_until_then(
    tmp_path_factory: pytest.TempPathFactory, seen: list[tuple[int, str, str]], day: int
) -> None:
    path = tmp_path_factory.mktemp("regions") / "b.db"
    with Writer.open(str(path)) as writer:
        for when, region, site in seen:
            rows = batch(
                price(site=site, region=region),
                region=region,
                account_site=site,
                transfer=(traffic(site=site, region=region),),
            )
            writer.add(rows, f"2026-10-{when:02d}T00:00:00Z", "keys")
        book = writer.book
        wanted = {
            region: tuple(sorted({s for w, r, s in seen if r == region and w <= day}))
            for region in sorted({r for w, r, _ in seen if w <= day})
        }
        text = f"2026-10-{day:02d}"
        assert book.regions("aws", text) == wanted and list(book.regions("aws", text)) == list(wanted)
        assert book.regions("alicloud") == {}
        listed = Catalog().regions("aws")
        regions = Catalog(book=book, as_of=text).regions("aws")
    assert list(regions)[: len(listed)] == list(listed)
    assert {r: regions[r] for r in listed} == listed
    # "moon" is no price list that aws has: a region that only it names cannot be quoted.
    more = {r: tuple(s for s in sites if s != "moon") for r, sites in wanted.items() if r not in listed}
    assert {r: row for r, row in regions.items() if r not in listed} == {
        r: Region("aws", r, r, r, sites, (), "price book") for r, sites in more.items() if sites
    }


def test_a_region_of_the_book_alone_is_quoted_listed_and_priced_by_the_user(tmp_path: Path) -> None:
    path, far = tmp_path / "b.db", "xx-far-9"
    with Writer.open(str(path)) as writer:
        rows = batch(price(amount="20.5", region=far), region=far, zones=((P4D, "xx-far-9a"),))
        writer.add(rows, NOON, "keys", ("p4d",))
    book = ("--price-book-db", str(path))
    assert _notes(path, "--region", far) == {
        f"aws:aws:{far}:{P4D}:on_demand": ["sold in xx-far-9a when last asked (2026-11-23)"]
    }
    assert f"aws:aws:{far}:{P4D}:on_demand" in _notes(path, "--region", "all", "--provider", "aws")
    assert far in _planner("catalog", "list", "--region", far, *book)
    _planner("catalog", "check", *book)
    own = tmp_path / "own.csv"
    own.write_text(
        "provider,region,instance_type,purchase_option,unit,amount,currency\n"
        f"aws,{far},{P4D},on_demand,hour,19.5,USD\n",
        encoding="utf-8",
    )
    quoted = json.loads(_planner("quote", "--format", "json", "--region", far, "--price-book", str(own), *book))
    assert [c["unit_price"] for o in quoted["offers"] for c in o["charges"]] == ["19.5"]
    for more in (("--offline-list",), (*book, "--as-of", "2026-11-22"), (*book, "--provider", "alicloud")):
        assert f"unknown region '{far}'" in _planner("quote", "--region", far, *more, code=2)


def test_the_notes_have_a_chinese_form() -> None:
    from planner.i18n import translator
    from planner.text import text

    say = translator("zh").say
    sold = text("sold in {zones} when last asked ({date})", zones=f"{A}, {B}", date="2026-11-23")
    assert say(sold) == f"最近一次查询（2026-11-23）时在 {A}, {B} 出售"
    assert (
        say(text("sold in no zone when last asked ({date})", date="2026-11-23"))
        == "最近一次查询（2026-11-23）时没有可用区出售"
    )
