"""The price book under real trouble: killed writers, two planners at once, a full disk, a read-only place."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from planner.errors import PriceBookError
from planner.prices.book import PriceBook, schema
from planner.prices.book.write import Writer
from tests.bookrows import NOON, batch, price
from tests.fakecloud.fakecloud import REGIONS

ROOT = Path(__file__).resolve().parents[3]
ROWS = 300


def _environ(**told: object) -> dict[str, str]:
    told = {"rows": ROWS, **told}
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests" / "fakecloud")))
    return os.environ | {"PYTHONPATH": path, "FAKECLOUD": json.dumps(told), "PYTHONDONTWRITEBYTECODE": "1"}


def _refresh(path: Path, *more: str, **told: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "planner", "refresh", "fakecloud", "--price-book-db", str(path), *more]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=_environ(**told), stdout=pipe, stderr=pipe, text=True)


def _whole(path: Path) -> int:
    """Return how many whole regions the book holds; fail if any is not whole, or the file is not sound."""
    book = PriceBook.open_for_read(str(path))
    if book is None:
        return 0
    with book:
        assert book.db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        counts = book.db.execute(
            "SELECT f.id, count(o.item) FROM fetch f LEFT JOIN observation o ON o.fetch = f.id GROUP BY f.id"
        ).fetchall()
        assert {count for _, count in counts} <= {2 * ROWS + 2}
        return len(counts)


@pytest.mark.parametrize("times", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_killed_at_random_moments_the_book_holds_whole_regions_only(times: int, tmp_path: Path) -> None:
    """One process does what `planner refresh` does after its start-up, so that the deaths fall into the work.

    The seed is fixed so that a failure can be repeated; how far each child gets still depends on the machine.
    """
    path = tmp_path / "b.db"
    rng = random.Random(4)
    died = 0
    partly = set()
    for turn in range(times):
        child = os.fork()
        if child == 0:
            try:
                os.environ.update(_environ())
                _work(path, turn)
            finally:
                os._exit(0)
        # Up to a little over a whole refresh, measured on the first turn without a kill.
        if turn == 0:
            begin = time.monotonic()
            os.waitpid(child, 0)
            whole_s = time.monotonic() - begin
            assert _whole(path) == len(REGIONS)
            path.unlink()
            continue
        time.sleep(rng.uniform(0, whole_s * 1.1))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        died += os.WIFSIGNALED(status)
        # Every tenth turn begins with a new file, so that the making of the schema is killed as well.
        partly.add(_whole(path) % len(REGIONS))
        if turn % 10 == 0 and path.exists():
            for left in tmp_path.iterdir():
                left.unlink()
    assert died >= times // 2 - 1, f"only {died} children were still at work when they were killed"
    assert len(partly) >= 2, "every kill found the same number of regions: the moments were not random"
    before = _whole(path)
    os.environ.update({"FAKECLOUD": json.dumps({"rows": ROWS})})
    _work(path, 99)
    assert _whole(path) == before + len(REGIONS)
    with Writer.open(str(path)) as writer:
        assert all(len(writer.book.prices("fakecloud", region)) == ROWS for region in REGIONS)


def _work(path: Path, turn: int) -> None:
    import threading

    from planner.prices.refresh import Job, run
    from planner.provider import Access
    from tests.fakecloud.fakecloud import Fake

    access = Access(f"2026-11-23T00:{turn % 60:02d}:{turn // 60:02d}Z")
    with Writer.open(str(path)) as book:
        run(
            [Job(Fake("fakecloud"), region, access) for region in REGIONS],
            book,
            lambda outcome: None,
            threading.Event(),
        )


@pytest.fixture(autouse=True)
def _clean_environ() -> object:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_a_refresh_from_the_command_line_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    first = _refresh(path, delay_s=0.15)
    assert first.stderr is not None
    assert "300 prices" in first.stderr.readline()  # one region is in; others are under way
    first.kill()
    first.communicate()
    assert 1 <= _whole(path) <= len(REGIONS)
    out, err = _refresh(path).communicate()
    assert f"{len(REGIONS)} regions added, 0 failed" in out, err
    with Writer.open(str(path)) as writer:
        assert all(len(writer.book.prices("fakecloud", region)) == ROWS for region in REGIONS)


def test_ctrl_c_keeps_whole_regions_and_says_how_many_are_left(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    child = _refresh(path, delay_s=0.4)
    assert child.stderr is not None
    child.stderr.readline()
    child.send_signal(signal.SIGINT)
    begin = time.monotonic()
    out, err = child.communicate(timeout=10)
    assert time.monotonic() - begin < 8  # far less than the timeouts of a hanging fetch
    assert child.returncode == 130 and "interrupted" in err and "Traceback" not in err
    assert f"({_whole(path)} regions added, 0 failed)" in out and 1 <= _whole(path) <= len(REGIONS)


def test_two_planners_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    # A different amount each, or the second would rightly be the same fetch; both also make the schema at once.
    children = [_refresh(path, amount=amount) for amount in ("10.5", "11.5", "12.5")]
    for child in children:
        out, err = child.communicate(timeout=60)
        assert child.returncode == 0 and f"{len(REGIONS)} regions added, 0 failed" in out, err
    assert _whole(path) == 3 * len(REGIONS)


@pytest.mark.parametrize("question", ["application_id", "sqlite_master"])
def test_a_file_that_becomes_a_book_while_it_is_looked_at_is_no_other_programs(question: str, tmp_path: Path) -> None:
    """Between two questions about the file another planner makes the schema: the answers are of one moment."""
    path = tmp_path / "b.db"
    path.touch()
    tried: list[bool] = []

    def make(sql: str) -> None:
        if question in sql and not tried:
            tried.append(True)
            other = sqlite3.connect(path, isolation_level=None, timeout=0)
            with suppress(sqlite3.OperationalError):  # locked: it waits until we have looked
                schema.migrate(other, str(path))
            other.close()

    looking = sqlite3.connect(path, isolation_level=None)
    looking.set_trace_callback(make)
    with closing(looking):
        assert schema.check_file(looking, str(path)) in (0, schema.VERSION) and tried


def test_a_locked_book_is_named_not_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "b.db"
    monkeypatch.setattr("planner.prices.book.write.WRITE_WAIT_S", 0.2)
    with Writer.open(str(path)) as one, Writer.open(str(path)) as two:
        one.db.execute("BEGIN IMMEDIATE")
        with pytest.raises(PriceBookError, match="another planner is writing"):
            two.add(batch(price()), NOON, "keys")
        one.db.execute("ROLLBACK")
        assert two.add(batch(price()), NOON, "keys")
        # While one writes, a reader still reads.
        one.db.execute("BEGIN IMMEDIATE")
        book = PriceBook.open_for_read(str(path))
        assert book is not None and len(book.prices("aws")) == 1
        book.close()
        one.db.execute("ROLLBACK")


def test_a_full_disk_keeps_what_was_whole(tmp_path: Path) -> None:
    """The limit on the file's size stands for the disk: the same error from the same call, and no root is needed."""
    path = tmp_path / "b.db"
    out, err = _refresh(path, "--region", "north-1").communicate()
    assert _whole(path) == 1, err
    size = path.stat().st_size

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, size + 20_000))

    command = [sys.executable, "-m", "planner", "refresh", "fakecloud", "--price-book-db", str(path)]
    environ = _environ(amount="99.5", regions=["north-1", "south-1", "south-2"])
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "nothing of this region was kept" in done.stdout
    kept = _whole(path)
    assert f"({kept - 1} regions added" in done.stdout and kept < 4
    out, err = _refresh(path).communicate()
    assert "5 regions added, 0 failed" in out, err


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_really_full_disk(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(tmp_path)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"this machine mounts no tmpfs: {mounted.stderr.strip()}")
    try:
        out, err = _refresh(tmp_path / "b.db").communicate()
        assert "disk is full" in out and "Traceback" not in err, out + err
        kept = _whole(tmp_path / "b.db")
        assert 0 <= kept < len(REGIONS)
        assert f"({kept} regions added" in out
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="giving up root needs root")
def test_a_read_only_book_is_read_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "b.db"
    with Writer.open(str(path)) as writer:
        writer.add(batch(price()), NOON, "keys")
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    for folder in tmp_path.parents:
        if len(folder.parts) > 2:  # pytest's own folders, more of them under xdist; never /tmp itself
            folder.chmod(0o755)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setuid(65534)
            book = PriceBook.open_for_read(str(path))
            assert book is not None and len(book.prices("aws")) == 1
            for target in (path, tmp_path / "new.db", tmp_path / "deep" / "new.db"):
                with pytest.raises(PriceBookError, match="cannot be written"):
                    Writer.open(str(target))
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
