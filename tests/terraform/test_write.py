"""A module's folder is written whole or not at all, and what a user edited is his."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from planner.errors import MisuseError, PlannerError
from planner.terraform import write
from planner.terraform.write import write_module

FILES = {"main.tf": "a\n", "files/run.sh": "#!/bin/sh\n", "terraform.tfvars": "x = 1\n"}


def listing(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): p.read_text()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != write.MANIFEST
    }


def test_a_new_folder(tmp_path: Path) -> None:
    assert write_module(FILES, str(tmp_path / "m")) == ()
    assert listing(tmp_path / "m") == FILES
    assert os.access(tmp_path / "m" / "files" / "run.sh", os.X_OK)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_our_own_files_are_replaced_and_stale_ones_go(tmp_path: Path) -> None:
    write_module({**FILES, "old.tf": "o\n"}, str(tmp_path / "m"))
    (tmp_path / "m" / "terraform.tfstate").write_text("{}")
    write_module({**FILES, "main.tf": "b\n"}, str(tmp_path / "m"))
    assert listing(tmp_path / "m") == {**FILES, "main.tf": "b\n", "terraform.tfstate": "{}"}


def test_edits_are_refused_unless_forced(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    write_module(FILES, str(folder))
    (folder / "main.tf").write_text("mine\n")
    before = listing(folder)
    with pytest.raises(MisuseError, match=r"main\.tf not written by planner or edited"):
        write_module({**FILES, "main.tf": "b\n", "new.tf": "n\n"}, str(folder))
    assert listing(folder) == before
    write_module({**FILES, "main.tf": "b\n"}, str(folder), force=True)
    assert listing(folder)["main.tf"] == "b\n"


def test_tfvars_that_were_filled_in_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    write_module(FILES, str(folder))
    (folder / "terraform.tfvars").write_text("client_cidr = 1\n")
    assert write_module({**FILES, "terraform.tfvars": "x = 2\n"}, str(folder)) == ("terraform.tfvars",)
    assert listing(folder)["terraform.tfvars"] == "client_cidr = 1\n"


def test_an_edited_file_of_an_older_module_is_not_removed(tmp_path: Path) -> None:
    write_module({**FILES, "old.tf": "o\n"}, str(tmp_path / "m"))
    (tmp_path / "m" / "old.tf").write_text("mine\n")
    write_module(FILES, str(tmp_path / "m"))
    assert listing(tmp_path / "m")["old.tf"] == "mine\n"


def test_a_manifest_cannot_reach_outside(tmp_path: Path) -> None:
    import hashlib
    import json

    (tmp_path / "victim").write_text("v")
    write_module(FILES, str(tmp_path / "m"))
    (tmp_path / "m" / write.MANIFEST).write_text(json.dumps({"../victim": hashlib.sha256(b"v").hexdigest()}))
    write_module(FILES, str(tmp_path / "m"), force=True)
    assert (tmp_path / "victim").exists()


def test_a_read_only_folder(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    write_module(FILES, str(folder))
    folder.chmod(0o555)
    try:
        with pytest.raises(PlannerError, match="read-only"):
            write_module({**FILES, "main.tf": "b\n"}, str(folder))
        assert listing(folder) == FILES
    finally:
        folder.chmod(0o755)
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_full_disk_leaves_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "m"
    write_module(FILES, str(folder))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write.os, "chmod", full)
    with pytest.raises(PlannerError, match="No space left"):
        write_module({**FILES, "main.tf": "b\n"}, str(folder))
    with pytest.raises(PlannerError, match="No space left"):
        write_module(FILES, str(tmp_path / "other"))
    assert listing(folder) == FILES
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_places_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MisuseError, match="is a file"):
        write_module(FILES, str(tmp_path / "file"))
    with pytest.raises(MisuseError, match="does not exist"):
        write_module(FILES, str(tmp_path / "no" / "m"))
    (tmp_path / "m" / "main.tf").mkdir(parents=True)
    with pytest.raises(PlannerError):
        write_module(FILES, str(tmp_path / "m"), force=True)
