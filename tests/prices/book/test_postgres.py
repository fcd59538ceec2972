"""The price book in PostgreSQL: a real server of the system's packages, on a socket, as a user of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="psycopg or libpq is not installed", exc_type=ImportError)

from planner.errors import PriceBookError
from planner.offer import Price
from planner.prices.book import PriceBook, postgres
from planner.prices.book.csvfile import check_csv, export_csv, import_csv
from planner.prices.book.history import history
from planner.prices.book.write import Writer
from planner.prices.refresh import Job, check_fetch, run
from planner.provider import Access
from tests.bookrows import NOON, batch, disk, price, spec, traffic
from tests.conftest import ROOT
from tests.fakecloud.fakecloud import REGIONS, Fake

D = Decimal
FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
pytestmark = [
    pytest.mark.system,
    pytest.mark.long,
    pytest.mark.xdist_group("postgres"),
    pytest.mark.skipif(not FOUND, reason="no PostgreSQL server is installed"),
]
PASSWORD = "team-s3cret"


class Server:
    """A server in a folder of its own, reached by a socket; `url(user)` with the password of that user."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder, FOUND[-1].parent
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        if os.getuid() == 0:
            shutil.chown(folder, "postgres")
        words = folder / "words"
        words.write_text(PASSWORD)
        if os.getuid() == 0:
            shutil.chown(words, "postgres")
        self.as_user(
            "initdb",
            "-D",
            str(folder / "data"),
            "-U",
            "owner",
            "--auth=scram-sha-256",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            f"--pwfile={words}",
            "--no-sync",
        )
        self.start()

    def as_user(self, program: str, *args: str) -> None:
        user = self.user if os.getuid() == 0 else None
        with (self.folder / "said").open("a") as said:  # no pipe: the server would hold it open
            command = [self.bin / program, *args]
            subprocess.run(command, user=user, check=True, cwd=self.folder, stdout=said, stderr=said)

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=off -c max_connections=60"
        self.as_user(
            "pg_ctl", "-D", str(self.folder / "data"), "-o", options, "-l", str(self.folder / "log"), "-w", "start"
        )

    def stop(self) -> None:
        self.as_user("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")

    def url(self, name: str = "postgres", user: str = "owner", password: str = PASSWORD) -> str:
        return f"postgresql://{user}:{password}@/{name}?host={self.folder}"

    def sql(self, url: str, text: str) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(url, autocommit=True) as db:
            cursor = db.execute(text)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="planner-pg-"))  # a socket's path must be short
    folder.chmod(0o755)
    made = Server(folder)
    yield made
    made.stop()
    shutil.rmtree(folder)


@pytest.fixture
def url(server: Server, request: pytest.FixtureRequest) -> str:
    """Return the address of an empty database."""
    name = f"d{abs(hash(request.node.name)) % 10**9}"
    server.sql(server.url(), f"DROP DATABASE IF EXISTS {name}")
    server.sql(server.url(), f"CREATE DATABASE {name}")
    return server.url(name)


def opened(url: str) -> PriceBook:
    book = postgres.open_for_read(url)
    assert book is not None
    return book


def planner(home: Path, place: str, *args: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PLANNER_HOME": str(home), "PLANNER_BOOK": place}
    env |= {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests/fakecloud"), *filter(None, sys.path)])}
    command = [sys.executable, "-m", "planner", *args]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def fill(writer: Writer) -> None:
    """Write a small history: a price that moves, one that vanishes, one that is left out, zones, traffic and a disk."""
    first = batch(
        price(),
        price("p5.48xlarge", "98.32"),
        instance_types=(spec(),),
        transfer=(traffic(),),
        services=(disk("0.08"),),
        zones=(("p4d.24xlarge", "us-east-1a"),),
    )
    writer.add(first, "2026-11-01T10:00:00Z", "keys")
    writer.add(batch(price(amount="20"), zones=()), "2026-11-02T10:00:00Z", "keys")
    writer.add(batch(price("g5.xlarge", "1.006")), "2026-11-03T10:00:00Z", "keys", ("g5",))
    writer.add(batch(price("g5.xlarge", "1.1")), "2026-11-04T10:00:00Z", "keys", ("!p4d.24xlarge",))
    writer.add(batch(price("p4d.24xlarge", "19.5", note="x" * 4000)), "2026-11-05T10:00:00Z", "public")


def told(book: PriceBook) -> dict[str, Any]:
    """Return everything that a book answers."""
    with book:
        found: dict[str, Any] = {}
        for day in ("", "2026-11-01", "2026-11-02", "2026-11-04", "2020-01-01"):
            for region in ("us-east-1", ""):
                found[day, region, "prices"] = sorted(map(repr, book.prices("aws", region, day)))
                found[day, region, "gone"] = sorted(map(repr, book.withdrawn("aws", region, day)))
                found[day, region, "rest"] = sorted(
                    map(repr, (*book.transfer("aws", region, day), *book.services("aws", region, day)))
                )
            found[day, "types"] = sorted(map(repr, book.instance_types("aws", "", day)))
            found[day, "regions"] = book.regions("aws", day)
            found[day, "zones"] = book.zones("aws", "us-east-1", day).sold("aws", "p4d.24xlarge")
        found["history"] = list(map(repr, history(book, "P4D.24xlarge")))
        found["places"], found["check"] = book.places(), book.check()
        found["late"] = book.late()
        return found


def test_it_answers_what_the_file_answers(url: str, tmp_path: Path) -> None:
    with Writer.open(str(tmp_path / "b.db")) as writer:
        fill(writer)
    with postgres.open_writer(url, str(tmp_path)) as writer:
        fill(writer)
        assert writer.add(batch(price("p4d.24xlarge", "19.5", note="x" * 4000)), "2026-11-05T10:00:00Z", "public") == []
    file = PriceBook.open_for_read(str(tmp_path / "b.db"))
    assert file is not None
    file.now = "2026-11-20T00:00:00Z"
    book = opened(url)
    book.now = file.now
    assert told(book) == told(file)


def test_a_whole_history_goes_from_a_file_to_the_server_and_back(url: str, tmp_path: Path) -> None:
    def exported(book: PriceBook, name: str) -> Path:
        path = tmp_path / name
        with book, path.open("w", newline="", encoding="utf-8") as out:
            export_csv(book, out)
        return path

    with Writer.open(str(tmp_path / "b.db")) as writer:
        fill(writer)
    first = exported(PriceBook.open_for_read(str(tmp_path / "b.db")), "a.csv")  # type: ignore[arg-type]
    check_csv(str(first), check_fetch)
    with postgres.open_writer(url, str(tmp_path)) as writer:
        assert import_csv(str(first), writer).fetches == 5
        assert import_csv(str(first), writer).fetches == 0
    assert exported(opened(url), "b.csv").read_bytes() == first.read_bytes()


def test_nothing_that_was_seen_can_be_changed(url: str, server: Server, tmp_path: Path) -> None:
    import psycopg

    with postgres.open_writer(url, str(tmp_path)) as writer:
        fill(writer)
    for text in ('DELETE FROM "fetch"', "UPDATE observation SET amount = '1'", "TRUNCATE detail CASCADE"):
        with pytest.raises(psycopg.Error, match="append-only"):
            server.sql(url, text)
    server.sql(
        url, "ALTER TABLE observation DISABLE TRIGGER ALL; UPDATE observation SET amount = '1' WHERE amount = '20'"
    )
    book = opened(url)
    with book, pytest.raises(PriceBookError, match="was changed since: its digest differs"):
        book.prices("aws", "us-east-1")


def test_a_reader_quotes_and_cannot_write(url: str, server: Server, tmp_path: Path) -> None:
    with postgres.open_writer(url, str(tmp_path)) as writer:
        writer.add(batch(price(amount="20")), NOON, "keys")
    name = url.partition("@/")[2].partition("?")[0]
    server.sql(
        url,
        f"DROP ROLE IF EXISTS r_{name}; CREATE ROLE r_{name} LOGIN PASSWORD 'look';"
        f" GRANT SELECT ON ALL TABLES IN SCHEMA public TO r_{name}",
    )
    reader = server.url(name, f"r_{name}", "look")
    quote = ("quote", "--provider", "aws", "--instance-type", "p4d.24xlarge", "--purchase-option", "on_demand")
    done = planner(tmp_path, reader, *quote)
    assert done.returncode == 0 and "14,400.00" in done.stdout and not done.stderr, done.stderr  # 720 x 20
    done = planner(tmp_path, reader, "refresh", "fakecloud", "--region", "north-1")
    assert done.returncode == 1 and "may read the price book and not write it" in done.stdout + done.stderr
    assert "look" not in done.stdout + done.stderr.replace("look at", "")
    server.sql(url, f"DROP OWNED BY r_{name}; DROP ROLE r_{name}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((PASSWORD, "wrong-Pa55"), "refused the user or its password"),
        (("/d", "/no_such_d"), "no such database on the server"),
        (("?host=", "?host=/nowhere"), "the server or the way to it failed"),
        (("postgresql://", "postgresql://["), ""),
    ],
)
def test_what_is_wrong_with_an_address_is_said_without_its_password(
    url: str, tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    place = url.replace(*change, 1)
    done = planner(tmp_path, place, "quote", "--provider", "aws", "--top", "1")
    assert done.returncode == 0 and done.stdout and "quoting from the committed lists" in done.stderr
    assert words in done.stderr and done.stderr.count("\n") == 1, done.stderr
    strict = planner(tmp_path, place, "quote", "--provider", "aws", "--top", "1", "--strict", "--max-age", "9999")
    assert strict.returncode == 1 and "--strict: " in strict.stderr
    rest = (("refresh", "fakecloud"), ("book", "export"), ("catalog", "check"), ("catalog", "snapshot", "providers"))
    for args in rest if change[0] == PASSWORD else ():
        other = planner(tmp_path, place, *args)
        assert other.returncode == 1 and "Traceback" not in other.stderr, (args, other.stderr)
        assert PASSWORD not in other.stdout + other.stderr and "wrong-Pa55" not in other.stdout + other.stderr
    assert PASSWORD not in done.stderr + strict.stderr and "wrong-Pa55" not in done.stderr + strict.stderr


def test_an_empty_database_is_no_book_yet(url: str, tmp_path: Path) -> None:
    done = planner(tmp_path, url, "quote", "--provider", "aws", "--top", "1")
    assert done.returncode == 0 and not done.stderr
    done = planner(tmp_path, url, "book", "export")
    assert done.returncode == 1 and "no price book at postgresql:///d" in done.stderr and PASSWORD not in done.stderr


def test_a_newer_schema_is_left_alone_and_an_older_one_migrated(
    url: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.open_writer(url, str(tmp_path)) as writer:
        fill(writer)
    before = told(opened(url))
    monkeypatch.setattr(
        postgres, "MIGRATIONS", (*postgres.MIGRATIONS, lambda db: db._run("CREATE TABLE later (x int)"))
    )
    with pytest.raises(PriceBookError, match=r"of an older planner \(schema 4\)"):
        postgres.open_for_read(url)
    with postgres.open_writer(url, str(tmp_path)):
        assert server.sql(url, "SELECT max(version) FROM planner_book") == [(5,)]
    assert told(opened(url)) == before
    monkeypatch.undo()
    for work in (lambda: postgres.open_for_read(url), lambda: postgres.open_writer(url, str(tmp_path))):
        with pytest.raises(PriceBookError, match=r"written by a newer planner \(schema 5, this one knows 4\)"):
            work()


def test_a_migration_is_whole_or_not_at_all(
    url: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(db: postgres.Connection) -> None:
        db._run("CREATE TABLE half (x int)")
        db._run("SELECT 1 / 0")

    monkeypatch.setattr(postgres, "MIGRATIONS", (*postgres.MIGRATIONS, broken))
    with pytest.raises(PriceBookError):
        postgres.open_writer(url, str(tmp_path))
    assert server.sql(url, "SELECT to_regclass('half'), to_regclass('planner_book')") == [(None, None)]


@pytest.mark.long
def test_twenty_planners_at_once(url: str, tmp_path: Path) -> None:
    """Each adds fetches of its own, all make the tables, and nothing is lost or doubled."""

    def one(number: int) -> None:
        with postgres.open_writer(url, str(tmp_path)) as writer:
            for turn in range(5):
                rows = batch(price("p4d.24xlarge", f"{number}.{turn + 1}"), gaps=(f"{number}.",))
                writer.add(rows, f"2026-10-{number + 1:02d}T0{turn}:00:00Z", "keys")
            with opened(url) as book:
                assert book.prices("aws", "us-east-1")

    with ThreadPoolExecutor(20) as pool:
        for done in [pool.submit(one, number) for number in range(20)]:
            done.result()
    with opened(url) as book:
        assert len(book.fetches()) == 100 and book.check() == []
        (row,) = book.prices("aws", "us-east-1")
        assert row.amount == D("19.5")


def test_who_waits_too_long_lays_aside_and_the_next_takes_it_in(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "WRITE_WAIT_S", 0.3)
    busy = postgres.open_writer(url, str(tmp_path))
    writer = postgres.open_writer(url, str(tmp_path))
    with busy, writer:
        busy.db.execute("BEGIN IMMEDIATE")
        (outcome,) = run([Job(Fake("fakecloud"), REGIONS[0], Access(NOON))], writer, lambda o: None, threading.Event())
        assert "another planner is writing" in outcome.error and "the next refresh takes it in" in outcome.error
        busy.db.execute("ROLLBACK")
    assert list(tmp_path.glob("postgresql-*.aside/*.csv"))
    from planner.prices.book.aside import take_in

    with postgres.open_writer(url, str(tmp_path)) as writer:
        assert [why for _, why in take_in(writer, check_fetch)] == [""]
        assert {p.region for p in writer.book.prices("fakecloud")} == {REGIONS[0]}


def test_a_killed_refresh_leaves_whole_regions_and_no_lock(url: str, tmp_path: Path) -> None:
    env = os.environ | {
        "PLANNER_HOME": str(tmp_path),
        "PLANNER_BOOK": url,
        "FAKECLOUD": '{"delay_s": 0.2, "rows": 400}',
    }
    env |= {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests/fakecloud"), *filter(None, sys.path)])}
    work = subprocess.Popen(
        [sys.executable, "-m", "planner", "refresh", "fakecloud"],
        env=env,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert work.stderr is not None and work.stderr.readline()  # a region was reported: others are under way
    work.send_signal(signal.SIGKILL)
    work.wait()
    work.stderr.close()
    with opened(url) as book:
        assert book.check() == []
        regions = {price.region for price in book.prices("fakecloud")}
        assert regions and all(len(book.prices("fakecloud", region)) == 400 for region in regions)
    done = planner(tmp_path, url, "refresh", "fakecloud")
    assert done.returncode == 0, done.stderr
    with opened(url) as book:
        assert {price.region for price in book.prices("fakecloud")} == set(REGIONS)


def test_a_lost_connection_falls_back_to_the_lists(server: Server, url: str, tmp_path: Path) -> None:
    from planner.prices.book.fallback import Fallback

    with postgres.open_writer(url, str(tmp_path)) as writer:
        writer.add(batch(price(amount="20")), NOON, "keys")
    warned: list[str] = []
    book = Fallback(opened(url), warned.append)
    server.sql(
        server.url(),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '"
        + url.partition("@/")[2].partition("?")[0]
        + "'",
    )
    assert book.prices("aws", "us-east-1") == [] and len(warned) == 1 and PASSWORD not in warned[0]
    server.stop()
    try:
        done = planner(tmp_path, url, "quote", "--provider", "aws", "--top", "1")
        assert done.returncode == 0 and "the server or the way to it failed" in done.stderr
        strict = planner(tmp_path, url, "quote", "--provider", "aws", "--top", "1", "--strict", "--max-age", "9999")
        assert strict.returncode == 1
    finally:
        server.start()
    with opened(url) as again:
        assert [row.amount for row in again.prices("aws", "us-east-1") if isinstance(row, Price)] == [20]


def test_without_psycopg_the_remedy_is_said(tmp_path: Path) -> None:
    (tmp_path / "psycopg.py").write_text("raise ImportError('none')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from planner.cli import main; main()"
    env = os.environ | {"PLANNER_BOOK": "postgresql://me@host/book", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code, "quote"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr == (
        "planner: a price book in PostgreSQL needs psycopg: pip install 'gpu-cost-planner[postgres]' [E100]\n"
    )
