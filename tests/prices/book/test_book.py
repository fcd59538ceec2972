"""The price book against a naive model, its versions, and what a quote is told when it cannot be used."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import MisuseError, PriceBookError
from planner.files import data_folder
from planner.offer import Price
from planner.prices.book import PriceBook, newest_over_list, types_over_list
from planner.prices.book.schema import APPLICATION_ID, MIGRATIONS, VERSION
from planner.prices.book.write import Writer
from planner.prices.texts import KINDS, clean
from planner.provider import in_families
from tests.bookrows import NOON, batch, disk, price, spec, traffic

ROOT = Path(__file__).resolve().parents[3]


def _read(path: Path) -> PriceBook:
    book = PriceBook.open_for_read(str(path))
    assert book is not None
    return book


def test_no_file_is_no_book_and_needs_no_sqlite(tmp_path: Path) -> None:
    code = (
        "import sys; from planner.prices.book import PriceBook; "
        f"assert PriceBook.open_for_read({str(tmp_path / 'none.db')!r}) is None; "
        "print(sorted(m for m in sys.modules if m in ('sqlite3', '_sqlite3', 'json', 'hashlib')))"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_record_comes_back_exactly(tmp_path: Path) -> None:
    rows = batch(
        price(amount="0.0000001234567890123456789"),
        price(
            "p5.48xlarge", "98.32", tier_from=Decimal(96), tier_to=Decimal(360), zone="us-east-1a", note='q"\n, é 中'
        ),
        price("p5.48xlarge", "5000", unit="month", range_low=Decimal("4500.5")),
        transfer=(traffic(), traffic("0", quota=True, to_gb=Decimal(100)), traffic("0.085", from_gb=Decimal("10240"))),
        services=(disk(), disk("0.1", variant="gp2", default=False)),
        instance_types=(spec(), spec("g6f.large", gpu_count=Decimal("0.125"), gpu_memory_gib=None, network_gbps=None)),
    )
    with Writer.open(str(tmp_path / "b.db")) as writer:
        changes = writer.add(rows, NOON, "keys")
    assert len(changes) == 3 + 3 + 2
    with _read(tmp_path / "b.db") as book:
        for kind, sent, got in (
            ("prices", rows.prices, book.prices("aws", "us-east-1")),
            ("transfer", rows.transfer, book.transfer("aws", "us-east-1")),
            ("services", rows.services, book.services("aws")),
            ("types", rows.instance_types, book.instance_types("aws")),
        ):
            assert sorted(got, key=repr) == sorted((clean(row, NOON) for row in sent), key=repr), kind
        assert {row.source.origin for row in book.prices("aws")} == {"book"}
        assert book.prices("aws")[0].source.place == f"price book, observed {NOON}"
        assert book.prices("alicloud") == [] and book.prices("aws", "eu-west-1") == []


FAMILIES = ("a", "b", "c")
TYPES = ("a.1", "a.2", "b.1", "c.1")
#: One fetch: (day, access, families, {type: amount}); days may repeat and come in any order.
FETCHES = st.lists(
    st.tuples(
        st.integers(1, 9),
        st.sampled_from(("keys", "public")),
        # "!a.1": a fetch that could not read this type, and covers the others
        st.sets(st.sampled_from((*FAMILIES, "!a.1", "!a.2", "!c.1")), max_size=3),
        st.dictionaries(st.sampled_from(TYPES), st.integers(1, 5), max_size=4),
    ),
    max_size=8,
)


def _model(fetches: list[tuple[int, str, set[str], dict[str, int]]], day: int) -> dict[str, int]:
    """What is current at the end of `day`: replay the log in time, one state per way of asking, newest sight wins."""
    states: dict[str, dict[str, tuple[int, int, int]]] = {"keys": {}, "public": {}}
    order = sorted(range(len(fetches)), key=lambda i: (fetches[i][0], i))
    for i in order:
        when, access, families, amounts = fetches[i]
        if when > day:
            continue
        state = states[access]
        for name in [n for n in state if in_families(n, tuple(families))]:
            del state[name]
        state.update({n: (when, i, a) for n, a in amounts.items() if in_families(n, tuple(families))})
    result: dict[str, tuple[int, int, int]] = {}
    for state in states.values():
        for name, seen in state.items():
            if name not in result or seen > result[name]:
                result[name] = seen
    return {name: seen[2] for name, seen in result.items()}


@settings(max_examples=120, deadline=None)
@given(fetches=FETCHES, day=st.integers(0, 10))
def test_newest_at_or_before_a_day_is_what_a_naive_model_says(
    tmp_path_factory: pytest.TempPathFactory, fetches: list[tuple[int, str, set[str], dict[str, int]]], day: int
) -> None:
    path = tmp_path_factory.mktemp("book") / "b.db"
    with Writer.open(str(path)) as writer:
        kept = []
        for when, access, families, amounts in fetches:
            names = {n: a for n, a in amounts.items() if in_families(n, tuple(families))}
            # The same fetch twice is one fetch, so each is marked by a gap of its own.
            rows = batch(*(price(n, str(a)) for n, a in names.items()), gaps=(f"{len(kept)}.",))
            writer.add(rows, f"2026-10-{when:02d}T00:00:00Z", access, families)
            kept.append((when, access, families, names))
        got = {p.instance_type: int(p.amount) for p in writer.book.prices("aws", "us-east-1", f"2026-10-{day:02d}")}
        assert got == _model(kept, day)
        now = {p.instance_type: int(p.amount) for p in writer.book.prices("aws", "us-east-1")}
        assert now == _model(kept, 99)
        ever = {n for when, _, _, names in kept for n in names if when <= day}
        gone = {way.instance_type for way in writer.book.withdrawn("aws", "us-east-1", f"2026-10-{day:02d}")}
        assert gone == ever - set(got)


def test_a_vanished_price_is_not_quoted_and_not_listed(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path / "b.db")) as writer:
        writer.add(batch(price("a.1"), price("b.1")), "2026-10-01T00:00:00Z", "keys")
        changes = writer.add(batch(price("a.1")), "2026-10-02T00:00:00Z", "keys")
        assert [(c.row.instance_type, c.after) for c in changes if isinstance(c.row, Price)] == [("b.1", None)]
        listed = [price("a.1", "1"), price("b.1", "1"), price("c.1", "1")]
        gone = writer.book.withdrawn("aws", "us-east-1")
        shown = newest_over_list(listed, writer.book.prices("aws", "us-east-1"), gone)
        assert {(p.instance_type, p.amount) for p in shown} == {("a.1", Decimal("21.957642")), ("c.1", Decimal(1))}
        before = writer.book.prices("aws", "us-east-1", "2026-10-01")
        assert {p.instance_type for p in before} == {"a.1", "b.1"}


def test_a_fetch_of_families_withdraws_only_those(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path / "b.db")) as writer:
        rows = (price("p4d.24xlarge"), price("p5.48xlarge", "98"))
        writer.add(batch(*rows, transfer=(traffic(),)), "2026-10-01T00:00:00Z", "keys")
        writer.add(batch(price("p4de.24xlarge", "27")), "2026-10-02T00:00:00Z", "keys", ("p4d", "P4DE"))
        assert {p.instance_type for p in writer.book.prices("aws")} == {"p4de.24xlarge", "p5.48xlarge"}
        assert len(writer.book.transfer("aws")) == 1
        # The keyless list knows no spot prices: it must not take those away that keys have shown.
        writer.add(batch(price("p4d.24xlarge", "22")), "2026-10-03T00:00:00Z", "public")
        assert {p.instance_type for p in writer.book.prices("aws")} == {"p4d.24xlarge", "p4de.24xlarge", "p5.48xlarge"}


def test_new_steps_replace_old_ones_whole() -> None:
    old = [price(tier_from=Decimal(s), tier_to=e) for s, e in ((0, Decimal(96)), (96, Decimal(360)), (360, None))]
    flat = price(amount="20")
    assert newest_over_list(old, [flat]) == [flat]
    quota = traffic("0", quota=True, to_gb=Decimal(100), origin="list")
    tiers = [traffic(origin="list"), traffic("0.05", from_gb=Decimal(10240), origin="list")]
    assert newest_over_list([quota, *tiers], [traffic("0.08")]) == [quota, traffic("0.08")]
    assert newest_over_list([disk("0.08")], [disk("0.09", default=False)]) == [disk("0.09", default=True)]


def test_what_a_call_leaves_open_stays_as_listed() -> None:
    seen = spec(gpu_model="", gpu_memory_gib=None, network_gbps=None, local_nvme_gb=0, vcpu=97)
    assert types_over_list([spec()], [seen]) == [spec(vcpu=97)]
    assert types_over_list([spec()], [spec("new")]) == [spec(), spec("new")]


def test_the_log_cannot_be_changed(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    with Writer.open(str(path)) as writer:
        writer.add(batch(price()), NOON, "keys")
        for sql in ("DELETE FROM observation", "UPDATE observation SET amount = '1'", "DELETE FROM fetch"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                writer.db.execute(sql)
    with _read(path) as book, pytest.raises(sqlite3.OperationalError, match="readonly"):
        book.db.execute("INSERT INTO detail VALUES (99, '', '', '', '', '', '')")


def test_a_record_with_a_new_field_needs_a_migration() -> None:
    """The columns of versions 3 and 4; whoever changes a record sees this fail and writes the next migration."""
    assert VERSION == 4
    assert {kind.table: len(kind.item) for kind in KINDS} == {
        "price_item": 15,
        "transfer_item": 9,
        "service_item": 8,
        "instance_type_item": 9,
        "zone_item": 4,
    }


def test_a_version_1_file_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    db = sqlite3.connect(path, isolation_level=None)
    MIGRATIONS[0](db)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute("PRAGMA user_version = 1")
    item = KINDS[0].write(price())
    names = KINDS[0].item
    for day, amount in ((2, "21"), (1, "20")):
        db.execute(
            "INSERT INTO fetch VALUES (?, ?, 'aws', 'us-east-1', 'aws', 'keys', '', ?)",
            (day, f"uid{day}", f"2026-10-{day:02d}T00:00:00Z"),
        )
        db.execute("INSERT OR IGNORE INTO detail VALUES (1, '2026-07-20', '', 'GetProducts', 'high', '', '')")
        columns = ", ".join(f'"{name}"' for name in names)
        marks = ", ".join("?" for _ in names)
        values = [item[name] for name in names]
        db.execute(f"INSERT OR IGNORE INTO price_item (id, {columns}) VALUES (1, {marks})", values)
        db.execute("INSERT INTO observation VALUES (?, 1, 1, 1, ?)", (day, amount))
    db.close()
    with _read(path) as book:
        assert [p.amount for p in book.prices("aws", "us-east-1")] == [Decimal(21)]
        assert [p.amount for p in book.prices("aws", "us-east-1", "2026-10-01")] == [Decimal(20)]
        assert book.db.execute("SELECT first_seen FROM price_item").fetchall() == [("2026-10-01T00:00:00Z",)]
        assert book.fetches()[0].gaps == ()
        assert book.db.execute("PRAGMA user_version").fetchone() == (VERSION,)


def _corrupt(path: Path) -> None:
    path.write_bytes(b"this is no database, but it is long enough to be read as one\n" * 100)


def _newer(path: Path) -> None:
    Writer.open(str(path)).close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.commit()
    db.close()


def _foreign(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE photos (id)")
    db.commit()
    db.close()


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_corrupt, "not a price book, or a damaged one"),
        (_newer, "written by a newer planner"),
        (_foreign, "another program"),
        (_folder, "not a file"),
    ],
)
def test_an_unusable_file_is_named_with_what_to_do_and_a_quote_goes_on(
    tmp_path: Path, spoil: object, words: str
) -> None:
    path = tmp_path / "b.db"
    spoil(path)  # type: ignore[operator]
    before = path.read_bytes() if path.is_file() else b""
    for opening in (PriceBook.open_for_read, Writer.open):
        with pytest.raises(PriceBookError) as caught:
            opening(str(path))
        assert words in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else b"") == before
    command = [sys.executable, "-m", "planner", "quote", "--format", "csv", "--instance-type", "p4d.24xlarge"]
    with_book = subprocess.run([*command, "--price-book-db", str(path)], cwd=ROOT, capture_output=True, text=True)
    without = subprocess.run([*command, "--offline-list"], cwd=ROOT, capture_output=True, text=True)
    assert with_book.returncode == 0 and "warning" in with_book.stderr and words in with_book.stderr
    assert with_book.stdout == without.stdout and "p4d.24xlarge" in with_book.stdout


def test_damage_deep_in_the_file_is_a_warning_too(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    with Writer.open(str(path)) as writer:
        writer.add(batch(*(price(f"p4d.{i}xlarge") for i in range(1, 200))), NOON, "keys")
    body = bytearray(path.read_bytes())
    # The header and the schema stay whole: the file opens, and fails when its rows are read.
    body[4096 * 8 :] = b"\xff" * (len(body) - 4096 * 8)
    path.write_bytes(body)
    with _read(path) as book, pytest.raises(PriceBookError, match="damaged"):
        book.prices("aws", "us-east-1")
    command = [
        sys.executable,
        "-m",
        "planner",
        "quote",
        "--instance-type",
        "p4d.24xlarge",
        "--price-book-db",
        str(path),
    ]
    quoted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert quoted.returncode == 0 and quoted.stderr.count("warning") == 1 and "p4d.24xlarge" in quoted.stdout


def test_an_empty_file_is_an_empty_book(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    path.touch()
    assert PriceBook.open_for_read(str(path)) is None
    with Writer.open(str(path)) as writer:
        assert writer.book.prices("aws") == []


def test_a_wrong_day_is_misuse(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path / "b.db")) as writer, pytest.raises(MisuseError, match="as-of"):
        writer.book.prices("aws", "", "yesterday")


def test_the_data_folder_follows_the_platform(tmp_path: Path) -> None:
    assert data_folder({"PLANNER_HOME": "/x"}) == "/x"
    assert data_folder({"XDG_DATA_HOME": "/data"}, "linux") == os.path.join("/data", "planner")
    assert data_folder({"XDG_DATA_HOME": "relative"}, "linux").endswith(os.path.join(".local", "share", "planner"))
    assert data_folder({"LOCALAPPDATA": "/local"}, "win32") == os.path.join("/local", "planner")
    assert "Application Support" in data_folder({}, "darwin")


def test_a_quote_takes_the_book_over_the_list_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    with Writer.open(str(path)) as writer:
        writer.add(batch(price(amount="20.5")), NOON, "keys")
    command = [sys.executable, "-m", "planner", "quote", "--format", "json", "--instance-type", "p4d.24xlarge"]
    command += ["--purchase-option", "on_demand"]
    import json

    def amounts(*more: str) -> list[tuple[str, str]]:
        done = subprocess.run([*command, *more], cwd=ROOT, capture_output=True, text=True, check=True)
        charges = json.loads(done.stdout)["offers"][0]["charges"]
        return [(c["unit_price"], c["place"]) for c in charges]

    assert amounts("--price-book-db", str(path)) == [("20.5", f"price book, observed {NOON}")]
    assert amounts("--offline-list")[0][0] == "21.957642"
    assert amounts("--price-book-db", str(path), "--as-of", "2026-11-22")[0][0] == "21.957642"


def test_groups_tell_ways_of_buying_apart() -> None:
    rows = [
        price(),
        price(purchase_option="spot"),
        price(term="1y"),
        price(payment="all_upfront"),
        price(site="x"),
        price(os="w"),
    ]
    assert len({row.group for row in rows}) == len(rows)
    assert price().group == price(zone="us-east-1a", unit="month", tier_from=Decimal(5), currency="EUR").group


def test_an_observed_price_is_as_old_as_its_observation(tmp_path: Path) -> None:
    """AWS's effective dates can be years old; what it answered yesterday is not stale for that."""
    import json

    path = tmp_path / "b.db"
    with Writer.open(str(path)) as writer:
        writer.add(batch(price(as_of="2021-01-01"), price("p5.48xlarge", "98", as_of="")), NOON, "keys")
    command = [
        sys.executable,
        "-m",
        "planner",
        "quote",
        "--format",
        "json",
        "--purchase-option",
        "on_demand",
        "--region",
        "us-east-1",
    ]
    command += ["--instance-type", "p4d.24xlarge", "--instance-type", "p5.48xlarge", "--price-book-db", str(path)]
    for day, stale in (("2026-12-01", False), ("2027-06-01", True)):
        done = subprocess.run([*command, "--as-of", day], cwd=ROOT, capture_output=True, text=True, check=True)
        quote = json.loads(done.stdout)
        assert [p["oldest"] for p in quote["prices_as_of"]] == ["2026-11-23"]
        assert bool(quote["stale"]) is stale


def test_the_book_is_set_beside_the_committed_list(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    with Writer.open(str(path)) as writer:
        writer.add(batch(price(amount="20"), price("p99.1xlarge", "7")), NOON, "keys")
    command = [sys.executable, "-m", "planner", "catalog", "diff", "--from-list", "--price-book-db", str(path)]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert out == [
        "aws us-east-1 p4d.24xlarge on_demand: 21.957642 -> 20 USD/hour (-8.92 %)",
        "  affects aws:aws:us-east-1:p4d.24xlarge:on_demand",
        "aws us-east-1 p99.1xlarge on_demand: new at 7 USD/hour",
        "  affects aws:aws:us-east-1:p99.1xlarge:on_demand",
        "1 changed, 1 new, 0 withdrawn",
    ]
    both = subprocess.run([*command, "--since", "2026-01-01"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert both.returncode == 2
