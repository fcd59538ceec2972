"""Files are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.errors import MisuseError, PlannerError
from planner.files import read_text, write_new


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_new(str(path), "one")
    write_new(str(path), b"two")
    assert path.read_text() == "two"
    with pytest.raises(MisuseError, match="--force"):
        write_new(str(path), "three", force=False)
    assert path.read_text() == "two" and list(tmp_path.iterdir()) == [path]


def test_refuses_folders_and_read_only_files(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="is a folder"):
        write_new(str(tmp_path), "x")
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(PlannerError, match="read-only"):
        write_new(str(path), "new")
    assert path.read_text() == "old"


def test_reads_any_text(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes("\ufeffa\r\nb\rc\n".encode())
    assert read_text(str(path), "file") == "a\nb\nc\n"
    with pytest.raises(MisuseError, match="over the limit"):
        read_text(str(path), "file", 3)
    with pytest.raises(MisuseError, match="cannot read"):
        read_text(str(tmp_path), "file")
