"""Export and import: exact there and back, refused when anything was changed, nothing written unless all is right."""

from __future__ import annotations

import io
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import MisuseError
from planner.prices.book.csvfile import check_csv, export_csv, import_csv
from planner.prices.book.write import Writer
from planner.prices.checks import check_batch
from planner.prices.texts import batch_of
from tests.bookrows import NOON, batch, disk, price, spec, traffic

ROOT = Path(__file__).resolve().parents[3]

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
AMOUNT = st.decimals("0.000000000001", "999999999", allow_nan=False, allow_infinity=False, places=12)


def _exported(writer: Writer) -> str:
    out = io.StringIO(newline="")
    export_csv(writer.book, out)
    return out.getvalue()


def _check(fetch: object, content: object) -> list[str]:
    made = batch_of(fetch.provider, fetch.region, fetch.account_site, content, fetch.gaps, fetch.tells_zones)  # type: ignore[attr-defined,arg-type]
    return check_batch(made)


@settings(max_examples=60, deadline=None)
@given(
    fetches=st.lists(
        st.tuples(st.integers(1, 28), st.lists(st.tuples(AMOUNT, TEXT), min_size=1, max_size=3), TEXT, st.booleans()),
        max_size=4,
    )
)
def test_there_and_back_is_exact(
    tmp_path_factory: pytest.TempPathFactory, fetches: list[tuple[int, list[tuple[Decimal, str]], str, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    with Writer.open(str(folder / "a.db")) as writer:
        for day, rows, gap, public in fetches:
            prices = [price(f"x{i}.1", str(amount), note=note) for i, (amount, note) in enumerate(rows)]
            made = batch(
                *prices, gaps=(gap,), transfer=(traffic(),), services=(disk(note=gap),), instance_types=(spec(),)
            )
            writer.add(made, f"2026-11-{day:02d}T00:00:00Z", "public" if public else "keys", ("x0", "x1") * public)
        text = _exported(writer)
        state = writer.book.prices("aws"), writer.book.fetches()
    (folder / "a.csv").write_bytes(text.encode())
    check_csv(str(folder / "a.csv"), lambda fetch, content: ())
    with Writer.open(str(folder / "b.db")) as other:
        first = import_csv(str(folder / "a.csv"), other)
        again = import_csv(str(folder / "a.csv"), other)
        assert _exported(other) == text
        assert (sorted(other.book.prices("aws")), other.book.fetches()) == (sorted(state[0]), state[1])
    assert (again.fetches, again.observations) == (0, 0) and again.known == first.fetches == len(state[1])


def _small(tmp_path: Path) -> str:
    with Writer.open(str(tmp_path / "a.db")) as writer:
        writer.add(batch(price(), price("p5.48xlarge", "98.32"), instance_types=(spec(),)), NOON, "keys")
        return _exported(writer)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("98.32", "98.33", "changed since it was exported"),
        ("98.32", "9.832E+1", "not a plain decimal"),
        ("98.32", "", "not a plain decimal"),
        (NOON, "2026-11-23 12:00", "not a UTC time"),
        ("\nprice,1", "\nprice,2", "follows no fetch"),
        ("\nprice,", "\nprise,", "unknown record"),
        (",keys,", ",stolen,", "neither keys nor public"),
        ("record,fetch,uid", "record,uid,fetch", "not a price book's columns"),
        ("us-east-1", "us-east-2", "changed since"),
        (",[],", ",{},", "gaps is not a JSON list"),
    ],
)
def test_a_changed_file_is_refused_whole(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = _small(tmp_path)
    assert old in text
    path = tmp_path / "a.csv"
    path.write_text(text.replace(old, new, 1 if old != "us-east-1" else -1), encoding="utf-8", newline="")
    with pytest.raises(MisuseError) as caught:
        check_csv(str(path), _check)
    assert words in str(caught.value) and "nothing was imported" in str(caught.value)
    command = [
        sys.executable,
        "-m",
        "planner",
        "catalog",
        "import",
        str(path),
        "--price-book-db",
        str(tmp_path / "new.db"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "Traceback" not in done.stderr and not (tmp_path / "new.db").exists()


def test_a_lost_line_and_other_bytes_are_refused(tmp_path: Path) -> None:
    text = _small(tmp_path)
    lines = text.splitlines(keepends=True)
    for body in (
        "".join(lines[:-1]).encode(),
        b"",
        text.encode("utf-16"),
        b"\xff\xfe\x00",
        text.encode()[:-40],
        b'"' + text.encode(),
    ):
        (tmp_path / "bad.csv").write_bytes(body)
        with pytest.raises(MisuseError):
            check_csv(str(tmp_path / "bad.csv"), _check)
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    check_csv(str(tmp_path / "bom.csv"), _check)


def test_an_import_is_checked_like_a_fetch(tmp_path: Path) -> None:
    with Writer.open(str(tmp_path / "a.db")) as writer:
        # 0.01 USD for eight GPUs: whoever wrote this book had no such check.
        writer.add(batch(price(amount="0.01"), instance_types=(spec(),)), NOON, "keys")
        (tmp_path / "a.csv").write_text(_exported(writer), newline="")
    with pytest.raises(MisuseError, match="GPU-hour"):
        check_csv(str(tmp_path / "a.csv"), _check)


def test_two_books_merge_into_what_one_would_have_been(tmp_path: Path) -> None:
    fetches = [
        (batch(price("a.1"), price("b.1")), "2026-10-01T00:00:00Z"),
        (batch(price("a.1", "20")), "2026-10-02T00:00:00Z"),
        (batch(price("a.1", "19"), price("c.1")), "2026-10-03T00:00:00Z"),
    ]
    with Writer.open(str(tmp_path / "one.db")) as one, Writer.open(str(tmp_path / "all.db")) as both:
        for made, when in fetches:
            both.add(made, when, "keys")
        one.add(*fetches[0], "keys")
        one.add(*fetches[2], "keys")
        with Writer.open(str(tmp_path / "two.db")) as two:
            two.add(*fetches[1], "keys")
            (tmp_path / "two.csv").write_text(_exported(two), newline="")
        import_csv(str(tmp_path / "two.csv"), one)
        for day in ("", "2026-10-01", "2026-10-02"):
            assert sorted(one.book.prices("aws", "", day)) == sorted(both.book.prices("aws", "", day))
            assert one.book.withdrawn("aws", "us-east-1", day) == both.book.withdrawn("aws", "us-east-1", day)


def test_export_replaces_nothing_unasked(tmp_path: Path) -> None:
    _small(tmp_path)
    target = tmp_path / "out.csv"
    target.write_text("mine")
    command = [
        sys.executable,
        "-m",
        "planner",
        "catalog",
        "export",
        str(target),
        "--price-book-db",
        str(tmp_path / "a.db"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and target.read_text() == "mine"
    done = subprocess.run([*command, "--force"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and target.read_text().startswith("record,")
    assert [p.name for p in tmp_path.iterdir() if ".tmp" in p.name] == []
    piped = subprocess.run([*command[:5], *command[6:]], cwd=ROOT, capture_output=True)
    assert piped.stdout == target.read_bytes()
