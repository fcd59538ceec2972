"""A price book shared over the web: kept with its ETag, its copy used when it is out of reach, and never written to."""

from __future__ import annotations

import http.server
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.errors import MisuseError, PriceBookError
from planner.prices.book import PriceBook
from planner.prices.book.csvfile import export_csv
from planner.prices.book.places import open_book, open_writer
from planner.prices.book.remote import checked, copy_of
from planner.prices.book.write import Writer
from tests.bookrows import NOON, batch, price
from tests.conftest import ROOT

TOKEN = "t0ken-of-the-team"


class Shelf(http.server.ThreadingHTTPServer):
    """Serves one file with its ETag. broken: how the next answers go wrong. asked: (path, status, headers)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.data, self.tag = b"", '"1"'
        self.broken = ""
        self.token = ""
        self.asked: list[tuple[str, int, dict[str, str]]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/team/prices.sqlite3"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Shelf

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        shelf = self.server
        status, body, headers = 200, shelf.data, {"ETag": shelf.tag}
        if shelf.token and self.headers.get("Authorization") != f"Bearer {shelf.token}":
            status, body, headers = 403, b"no", {}
        elif shelf.broken.startswith("redirect ") and self.path != "/there":
            status, body, headers = 302, b"", {"Location": shelf.broken.split()[1]}
        elif shelf.broken in ("404", "500"):
            status, body, headers = int(shelf.broken), b"gone", {}
        elif shelf.broken == "html":
            body, headers = b"<html>a hotel</html>", {}
        elif self.headers.get("If-None-Match") == shelf.tag:
            status, body = 304, b""
        shelf.asked.append((self.path, status, dict(self.headers)))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if shelf.broken == "cut":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif shelf.broken == "silent":
            self.wfile.write(body[:10])
            self.wfile.flush()
            time.sleep(1)
        else:
            self.wfile.write(body)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with Shelf() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        put(server, tmp_path, "21.5")
        yield server
        server.shutdown()


def put(shelf: Shelf, tmp_path: Path, amount: str) -> None:
    """Publish a book in which p4d costs `amount`."""
    path = tmp_path / f"source-{amount}.db"
    with Writer.open(str(path)) as writer:
        writer.add(batch(price("p4d.24xlarge", amount)), NOON, "keys")
    shelf.data, shelf.tag = path.read_bytes(), f'"{amount}"'


def amount_of(path: str) -> Decimal:
    with PriceBook.open_for_read(path) as book:  # type: ignore[union-attr]
        (row,) = book.prices("aws", "us-east-1")
        return row.amount


def planner(home: Path, place: str, *args: str, token: str = "") -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    env |= {"PYTHONPATH": str(ROOT), "PLANNER_HOME": str(home), "PLANNER_BOOK": place, "PLANNER_BOOK_TOKEN": token}
    return subprocess.run(
        [sys.executable, "-m", "planner", *args], env=env, capture_output=True, text=True, check=False
    )


QUOTE = (
    "quote",
    "--provider",
    "aws",
    "--instance-type",
    "p4d.24xlarge",
    "--purchase-option",
    "on_demand",
    "--top",
    "1",
)


def test_a_book_is_fetched_once_and_again_when_it_changed(shelf: Shelf, tmp_path: Path) -> None:
    warned: list[str] = []
    folder = str(tmp_path / "shared")
    path = copy_of(shelf.url, folder, warned.append)
    assert amount_of(path) == Decimal("21.5") and oct(os.stat(path).st_mode & 0o777) == "0o600"
    assert copy_of(shelf.url, folder, warned.append) == path
    assert [status for _, status, _ in shelf.asked] == [200, 304]
    put(shelf, tmp_path, "22.5")
    assert amount_of(copy_of(shelf.url, folder, warned.append)) == Decimal("22.5")
    assert [status for _, status, _ in shelf.asked] == [200, 304, 200] and not warned
    assert sorted(os.listdir(folder)) == [os.path.basename(path), os.path.basename(path) + ".json"]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("404", "answered 404 Not Found"),
        ("500", "answered 500"),
        ("html", "not a price book"),
        ("cut", "broke off after"),
        ("silent", "broke off after"),
        ("redirect http://prices.example.com/x", "redirected to http://prices.example.com/x: prices over plain http"),
        ("redirect file:///etc/passwd", "is not allowed"),
    ],
)
def test_what_goes_wrong_is_said_and_the_copy_is_used(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, words: str
) -> None:
    monkeypatch.setattr("planner.prices.book.remote.SILENT_S", 0.3)
    warned: list[str] = []
    folder = str(tmp_path / "shared")
    shelf.broken = broken
    with pytest.raises(PriceBookError, match="there is no copy of it here yet") as caught:
        copy_of(shelf.url, folder, warned.append)
    assert words in str(caught.value) and not warned
    shelf.broken = ""
    copy_of(shelf.url, folder, warned.append)
    put(shelf, tmp_path, "23.5")
    shelf.broken = broken
    path = copy_of(shelf.url, folder, warned.append)
    (said,) = warned
    assert words in said and "the copy of 20" in said and amount_of(path) == Decimal("21.5")
    assert all(name.endswith((".sqlite3", ".json")) for name in os.listdir(folder))  # nothing half-written
    shelf.broken = ""
    assert amount_of(copy_of(shelf.url, folder, warned.append)) == Decimal("23.5")


def test_a_redirect_takes_no_token_along(shelf: Shelf, tmp_path: Path) -> None:
    shelf.broken = f"redirect {shelf.url.replace('/team/prices.sqlite3', '/there')}"
    copy_of(shelf.url, str(tmp_path / "shared"), lambda text: None, TOKEN)
    assert [path for path, _, _ in shelf.asked] == ["/team/prices.sqlite3", "/there"]
    assert ["Authorization" in headers for _, _, headers in shelf.asked] == [True, False]


def test_a_damaged_file_is_not_taken_for_a_book(shelf: Shelf, tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE x (y)")
    shelf.data = path.read_bytes()
    with pytest.raises(PriceBookError, match="an SQLite file of another program") as caught:
        copy_of(shelf.url, str(tmp_path / "shared"), lambda text: None)
    assert shelf.url in str(caught.value) and str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://prices.example.com/b.sqlite3", "plain http"),
        ("https://user:secret@example.com/b", "must not hold credentials"),
        ("https:///b", "not an address"),
        ("https://example.com:port/b", "not an address"),
        ("https://exa mple.com/b", "not an address"),
    ],
)
def test_an_address_that_is_none_is_refused(url: str, words: str) -> None:
    with pytest.raises(MisuseError, match=words) as caught:
        checked(url)
    assert "secret" not in str(caught.value)
    assert checked("https://s3.example.com/b?X-Amz-Signature=abc") == "https://s3.example.com/b"


def test_it_is_read_and_never_written(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="is read-only; name a file of yours"):
        open_writer(shelf.url)
    book = open_book(shelf.url, str(tmp_path / "shared"), lambda text: None)
    assert book is not None
    with book, pytest.raises(sqlite3.OperationalError, match="readonly"):
        book.db.execute("DELETE FROM fetch")


def test_a_quote_takes_it_and_says_when_it_stands_on_a_copy(shelf: Shelf, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shelf.token = TOKEN
    refused = planner(home, shelf.url, *QUOTE)
    assert refused.returncode == 0 and "answered 403 Forbidden; is $PLANNER_BOOK_TOKEN right?" in refused.stderr
    assert refused.stderr.count("\n") == 1 and "quoting from the committed lists" in refused.stderr
    fine = planner(home, shelf.url, *QUOTE, token=TOKEN)
    assert fine.returncode == 0 and "15,480.00" in fine.stdout and not fine.stderr  # 720 x 21.5
    assert planner(home, shelf.url, *QUOTE, "--strict", "--max-age", "10000", token=TOKEN).returncode == 0
    shelf.shutdown()
    shelf.server_close()
    away = planner(home, shelf.url, *QUOTE, token=TOKEN)
    assert away.returncode == 0 and "15,480.00" in away.stdout
    assert "out of reach" in away.stderr and "the copy of 20" in away.stderr and away.stderr.count("\n") == 1
    strict = planner(home, shelf.url, *QUOTE, "--strict", "--max-age", "10000", token=TOKEN)
    assert strict.returncode == 1 and "planner: --strict: " in strict.stderr and "15,480.00" in strict.stdout
    for done in (refused, fine, away, strict):
        assert TOKEN not in done.stdout + done.stderr
    with PriceBook.open_for_read(str(tmp_path / "source-21.5.db")) as book, (tmp_path / "a.csv").open("w") as out:  # type: ignore[union-attr]
        export_csv(book, out)
    for args in (("refresh", "aws"), ("book", "import", str(tmp_path / "a.csv"))):
        done = planner(home, shelf.url, *args)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and "is read-only" in done.stderr, done.stderr


def test_a_book_goes_from_hand_to_hand_with_its_digests(shelf: Shelf, tmp_path: Path) -> None:
    """`planner book export` of the shared book, `import` into one's own: the same bytes come out again."""
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    assert planner(tmp_path / "home", shelf.url, "book", "export", str(first)).returncode == 0
    mine = str(tmp_path / "mine.db")
    done = planner(tmp_path / "home", mine, "book", "import", str(first))
    assert done.returncode == 0 and "1 regions with 1 observations added" in done.stdout
    assert planner(tmp_path / "home", mine, "book", "export", str(second)).returncode == 0
    assert first.read_bytes() == second.read_bytes()
    text = first.read_text().replace("21.5", "2.15")
    first.write_text(text)
    changed = planner(tmp_path / "home", str(tmp_path / "new.db"), "book", "import", str(first))
    assert changed.returncode == 2 and "nothing was imported" in changed.stderr
