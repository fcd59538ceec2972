"""Files are written whole or not at all, where they were meant to go, and nobody's is lost without being asked."""

from __future__ import annotations

import io
import os
import resource
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from planner.errors import MisuseError, PlannerError
from planner.rendering.formats import FORMATS, ours, render
from planner.writing import PREFIX, sweep, write_new, writing
from tests.conftest import ROOT, Run, make_quote

ROOT_ONLY = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")


def theirs(_: object) -> bool:
    return False


def test_writes_and_replaces_what_is_ours(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_new(str(path), "one")
    write_new(str(path), b"two", mine=lambda file: file.read() == b"one")
    with pytest.raises(MisuseError, match="--force"):
        write_new(str(path), "three")
    with pytest.raises(MisuseError, match="not written by planner"):
        write_new(str(path), "three", mine=theirs)
    assert path.read_text() == "two"
    write_new(str(path), "three", mine=theirs, force=True)
    assert path.read_text() == "three" and list(tmp_path.iterdir()) == [path]


def test_an_empty_file_holds_nothing_to_lose(tmp_path: Path) -> None:
    (tmp_path / "x").touch(0o600)
    write_new(str(tmp_path / "x"), "new", mine=theirs)
    assert (tmp_path / "x").read_text() == "new" and (tmp_path / "x").stat().st_mode & 0o777 == 0o600


def test_refuses_folders_and_read_only_files(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="is a folder"):
        write_new(str(tmp_path), "x")
    with pytest.raises(MisuseError, match="does not exist"):
        write_new(str(tmp_path / "no" / "x"), "x")
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(MisuseError, match="does not exist"):
        write_new(str(path / "y"), "x")
    with pytest.raises(MisuseError):
        write_new("a\0b", "x")
    path.chmod(0o444)
    with pytest.raises(PlannerError, match="read-only"):
        write_new(str(path), "new", force=True)
    assert path.read_text() == "old"


def test_links_stay_links(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "a").symlink_to("folder/b")
    (tmp_path / "folder" / "b").symlink_to("c")
    write_new(str(tmp_path / "a"), "one")
    write_new(str(tmp_path / "a"), "two", force=True)
    assert (tmp_path / "a").is_symlink() and (tmp_path / "folder" / "b").is_symlink()
    assert (tmp_path / "folder" / "c").read_text() == "two" and not (tmp_path / "folder" / "c").is_symlink()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(MisuseError, match="lead to one another"):
        write_new(str(tmp_path / "loop"), "x")


@ROOT_ONLY
def test_a_strangers_link_in_a_shared_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("v")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "report").symlink_to(tmp_path / "victim")
    os.lchown(shared / "report", 12345, 12345)
    with pytest.raises(PlannerError):
        write_new(str(shared / "report"), "x", force=True)
    assert (tmp_path / "victim").read_text() == "v"


def test_a_planted_temporary_file_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "victim"
    victim.write_text("v")
    monkeypatch.setattr("planner.writing.os.urandom", lambda n: b"\0" * n)
    (tmp_path / f"{PREFIX}{'00' * 8}").symlink_to(victim)
    with pytest.raises(PlannerError, match="File exists"):
        write_new(str(tmp_path / "x"), "new")
    assert victim.read_text() == "v" and not (tmp_path / "x").exists()


@ROOT_ONLY
def test_mode_owner_and_attributes_stay(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    os.chown(path, 12345, 23456)
    path.chmod(0o4640)
    try:
        os.setxattr(path, "user.keep", b"1")
        attributes = ["user.keep"]
    except OSError:
        attributes = []
    write_new(str(path), "new", force=True)
    known = path.stat()
    assert (known.st_uid, known.st_gid, stat.S_IMODE(known.st_mode)) == (12345, 23456, 0o640), "without set-user-id"
    assert os.listxattr(path) == attributes


def test_a_new_file_follows_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_new(str(tmp_path / "x"), "x")
        write_new(str(tmp_path / "y"), "x", private=True)
    finally:
        os.umask(before)
    assert [(tmp_path / n).stat().st_mode & 0o777 for n in "xy"] == [0o640, 0o600]


def test_pipes_and_devices_are_written_through(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_new(str(pipe), "x" * 200_000)
    reader.join()
    assert got == [b"x" * 200_000] and stat.S_ISFIFO(pipe.stat().st_mode)
    started = time.monotonic()
    with pytest.raises(MisuseError, match="nobody reads"):
        write_new(str(pipe), "x")
    assert time.monotonic() - started < 10
    write_new("/dev/null", "x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(PlannerError, match="No space left"):
        write_new("/dev/full", "x")


def test_a_file_that_came_in_between_is_asked_about(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(MisuseError, match="not written by planner"):
        with writing(str(path), mine=theirs) as out:
            out.write(b"ours")
            path.write_text("theirs")
    assert path.read_text() == "theirs" and list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_goes_and_what_a_living_one_holds_stays(tmp_path: Path) -> None:
    for name in ("dead", "held", "young"):
        (tmp_path / f"{PREFIX}{name}").write_text("x")
        if name != "young":
            os.utime(tmp_path / f"{PREFIX}{name}", (0, 0))
    (tmp_path / "old").write_text("user's")
    os.utime(tmp_path / "old", (0, 0))
    with writing(str(tmp_path / "y")) as out:
        (held,) = [p for p in tmp_path.iterdir() if p.name.startswith(PREFIX) and p.stat().st_size == 0]
        os.utime(held, (0, 0))
        sweep(str(tmp_path), PREFIX, os.unlink)
        assert held.exists()
        out.write(b"x")
    assert {p.name for p in tmp_path.iterdir()} == {f"{PREFIX}young", "old", "y"}


def test_a_full_disk(tmp_path: Path) -> None:
    """RLIMIT_FSIZE: the file stops growing at 64 KiB, in a process of its own."""
    (tmp_path / "x").write_text("old")
    code = (
        "import resource, signal, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536));"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from planner.cli import main; main(sys.argv[1:])"
    )
    for args in (("quote", "--format", "csv", "-o", "x", "--force"), ("quote", "--format", "json", "-o", "new.json")):
        done = subprocess.run(
            [sys.executable, "-B", "-c", code, *args],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1 and "File too large" in done.stderr and done.stderr.count("\n") == 1
    assert (tmp_path / "x").read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["x"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 65536


def test_many_writers_of_one_file_leave_one_of_theirs(tmp_path: Path) -> None:
    texts = [str(n) * 50_000 for n in range(8)]
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                seen.add((tmp_path / "x").read_text())
            except FileNotFoundError:
                continue

    reader = threading.Thread(target=read)
    reader.start()
    threads = [
        threading.Thread(
            target=lambda t=text: [write_new(str(tmp_path / "x"), t, mine=lambda file: True) for _ in range(20)]  # type: ignore[misc]
        )
        for text in texts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    reader.join()
    assert seen <= set(texts) and seen and [p.name for p in tmp_path.iterdir()] == ["x"]


# -- the commands ----------------------------------------------------------------------------------------------------


def test_every_format_knows_its_own_again() -> None:
    quote = make_quote(hours="720")
    for form in FORMATS:
        for lang in ("en", "zh") if "lang" in form.options else ("",):
            made = render(quote, form.name, **({"lang": lang} if lang else {}))
            assert ours(io.BytesIO(made if isinstance(made, bytes) else made.encode())), (form.name, lang)
    for text in (
        b"mine\n",
        b"a,b\n1,2\n",
        b"PK\x03\x04",
        b"PK",
        b"{}",
        b'{"schema": 1}',
        b"\x89PNG\r\n",
        b"AvailabilityZone,BilledCost\n",
    ):
        assert not ours(io.BytesIO(text)), text


def test_quote_and_diff_ask_before_they_replace(planner: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("mine\n")
    quote = ("quote", "--provider", "alicloud", "--format")
    done = planner(*quote, "markdown", "-o", "notes.md")
    assert done.returncode == 2 and "--force" in done.stderr and (tmp_path / "notes.md").read_text() == "mine\n"
    assert planner(*quote, "markdown", "-o", "notes.md", "--force").returncode == 0
    assert planner(*quote, "json", "-o", "notes.md").returncode == 0, "its own output is replaced"
    (tmp_path / "d").write_text("mine\n")
    for form in ("table", "json", "markdown"):
        args = ("diff", "notes.md", "notes.md", "--format", form, "-o")
        assert planner(*args, "d").returncode == 2
        assert [planner(*args, f"new-{form}").returncode for _ in range(2)] == [0, 0]
    assert planner("diff", "notes.md", "notes.md", "-o", "d", "--force").returncode == 0


@pytest.mark.long
def test_charts_ask_before_they_replace(planner: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "cost.svg").write_text("mine")
    args = ("quote", "--provider", "aws", "--charts", "c")
    assert planner(*args).returncode == 2 and (tmp_path / "c" / "cost.svg").read_text() == "mine"
    assert [planner(*args, *more).returncode for more in (["--force"], [])] == [0, 0]


def test_through_what_a_shell_gives(planner: Run, tmp_path: Path) -> None:
    def shell(line: str) -> subprocess.CompletedProcess[str]:
        command = f"{sys.executable} -m planner quote --provider aws --format csv"
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            ["bash", "-c", line.replace("QUOTE", command)],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )

    right = planner("quote", "--provider", "aws", "--format", "csv").stdout
    assert shell("QUOTE -o >(cat > got); wait $!; sleep 0.3; cat got").stdout == right
    assert shell("QUOTE -o /dev/stdout").stdout == right
    assert shell("QUOTE -o /dev/stdout > f; cat f").stdout == right
    assert shell("echo first > f; QUOTE -o /dev/fd/5 5>> f; cat f").stdout == "first\n" + right
    assert shell("QUOTE -o >(true)").returncode == 0
    assert shell("QUOTE -o /dev/fd/77").returncode == 1
    done = shell("QUOTE -o /dev/full")
    assert done.returncode == 1 and done.stderr.count("\n") == 1


def test_the_home_of_the_data(planner: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PLANNER_HOME", str(tmp_path / "file"))
    done = planner("quote", "--provider", "aws")
    assert done.returncode == 2 and "PLANNER_HOME" in done.stderr and "Not a directory" in done.stderr
    monkeypatch.setenv("PLANNER_HOME", "~nobody-of-that-name/x")
    assert planner("quote", "--provider", "aws").returncode == 2
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PLANNER_HOME", "~/made")
    (tmp_path / "e.csv").write_text("")
    from planner.cli.options import book_path
    from planner.prices.book.write import Writer

    Writer.open(book_path(None)).close()
    assert [p.name for p in (tmp_path / "made").iterdir()] == ["prices.sqlite3"]
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "made" / "prices.sqlite3").stat().st_mode & 0o777 == 0o600
