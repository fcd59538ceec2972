"""CSV files of ours: parsed once, remembered beside the file, and never believed when the file has changed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from planner import tables

OLD = 1_700_000_000


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "list.csv"
    _write(file, 'a,b\n1,"two, quoted"\n3,"over\ntwo lines"\n5,六\n', OLD)
    return file


def _write(file: Path, text: str, at: int) -> None:
    file.write_text(text, "utf-8", newline="")
    os.utime(file, (at, at))


def kept(path: Path) -> Path:
    return path.parent / "__pycache__" / f"list.csv.{sys.implementation.cache_tag}.rows"


def test_rows_and_their_lines(path: Path) -> None:
    expected = (("a", "b"), [(("1", "two, quoted"), 2), (("3", "over\ntwo lines"), 4), (("5", "六"), 5)])
    assert tables.read(str(path)) == expected
    assert kept(path).exists()
    assert tables.read(str(path)) == expected  # from what was kept


def test_what_was_kept_is_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables.read(str(path))
    monkeypatch.setattr(tables, "_parsed", lambda _: pytest.fail("parsed again"))
    assert tables.read(str(path))[0] == ("a", "b")


@pytest.mark.parametrize("change", ["longer", "later"])
def test_a_changed_file_is_parsed_anew(path: Path, change: str) -> None:
    tables.read(str(path))
    _write(path, "a,b\n7,8\n" if change == "longer" else path.read_text("utf-8").replace("1", "9"), OLD + 60)
    assert tables.read(str(path))[1][0][0][0] == ("7" if change == "longer" else "9")


def test_a_file_of_this_moment_is_not_kept(path: Path) -> None:
    os.utime(path)
    tables.read(str(path))
    assert not kept(path).exists()


@pytest.mark.parametrize("damage", [b"", b"\x00", b"no marshal", b"\xe9\x00\x00\x00\x00"])
def test_damage_is_no_trouble(path: Path, damage: bytes) -> None:
    tables.read(str(path))
    kept(path).write_bytes(damage)
    assert tables.read(str(path))[0] == ("a", "b")


def test_damage_in_the_rows_is_no_trouble(path: Path) -> None:
    """What stands before the rows is whole: the file is parsed all the same."""
    expected = tables.read(str(path))
    whole = kept(path).read_bytes()
    begin = 4 + int.from_bytes(whole[:4], "big")
    for bad in (b"\x00", b"?", b"\xff"):
        kept(path).write_bytes(whole[:begin] + bad + whole[begin + 1 :])
        assert tables.read(str(path)) == expected


def test_nothing_is_kept_when_python_keeps_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    tables.read(str(path))
    assert not kept(path).parent.exists()


def test_two_versions_of_python_keep_their_own(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of two versions ran in one checkout, and each start of one undid what the other had kept."""
    tables.read(str(path))
    mine = kept(path).read_bytes()
    monkeypatch.setattr(tables, "_ENDING", ".cpython-399.rows")
    tables.read(str(path))
    assert sorted(f.name for f in kept(path).parent.iterdir()) == sorted((kept(path).name, "list.csv.cpython-399.rows"))
    assert kept(path).read_bytes() == mine


def test_a_folder_that_cannot_be_written(path: Path) -> None:
    kept(path).parent.write_text("a file in the way")
    assert tables.read(str(path))[0] == ("a", "b")


def test_marks_and_missing_files(path: Path) -> None:
    _write(path, "\ufeffa,b\n1,2\n", OLD)
    assert tables.read(str(path)) == (("a", "b"), [(("1", "2"), 2)])
    _write(path, "", OLD + 1)
    assert tables.read(str(path)) == ((), [])
    with pytest.raises(FileNotFoundError):
        tables.read(str(path) + "x")


def test_who_asks_for_one_region_reads_that_one(path: Path) -> None:
    _write(path, "a,region\n1,x\n2,y\n3,x\n4,z\n", OLD)
    expected = {"x": [1, 3], "y": [2], "z": [4], "w": []}
    for _ in range(2):  # parsed, then from what was kept
        for name, numbers in expected.items():
            assert [int(row[0]) for row, _ in tables.read(str(path), [name])[1]] == numbers
        assert [line for _, line in tables.read(str(path), ["z", "x"])[1]] == [2, 4, 5]  # in the order of the file
        assert [line for _, line in tables.read(str(path))[1]] == [2, 3, 4, 5]
    whole = kept(path).read_bytes()
    kept(path).write_bytes(whole[:-2])  # cut off within the last part
    assert [line for _, line in tables.read(str(path), ["z"])[1]] == [5]


def test_a_row_of_another_width_is_refused_with_its_line(path: Path) -> None:
    _write(path, "a,b\n1,2\n3\n", OLD)
    with pytest.raises(tables.RaggedError, match="1 columns, expected 2") as caught:
        tables.read(str(path))
    assert caught.value.line == 3 and not kept(path).exists()


def test_json_is_remembered_as_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(path, '\ufeff{"a": [1, "二", null]}', OLD)
    assert tables.json_of(str(path)) == {"a": [1, "二", None]} and kept(path).exists()
    with monkeypatch.context() as only:
        only.setitem(sys.modules, "json", None)  # from what was kept
        assert tables.json_of(str(path)) == {"a": [1, "二", None]}
    _write(path, '{"a": 2}', OLD + 60)
    assert tables.json_of(str(path)) == {"a": 2}
    kept(path).write_bytes(b"no marshal")
    assert tables.json_of(str(path)) == {"a": 2}
