"""A module's folder is written whole or not at all, and what a user edited is his."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from planner.errors import MisuseError, PlannerError
from planner.terraform import write
from planner.terraform.readback import workload_of
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

    monkeypatch.setattr(write.os, "fsync", full)
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


def test_force_keeps_the_users_values(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    write_module(FILES, str(folder))
    (folder / "terraform.tfvars").write_text("client_cidr = 1\n")
    (folder / "main.tf").write_text("mine\n")
    assert write_module({**FILES, "terraform.tfvars": "x = 2\n"}, str(folder), force=True) == ("terraform.tfvars",)
    assert listing(folder) == {**FILES, "terraform.tfvars": "client_cidr = 1\n"}


def test_linked_subfolders_and_what_is_no_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "files").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MisuseError, match="is a link"):
        write_module(FILES, str(folder), force=True)
    (folder / "files").unlink()
    write_module(FILES, str(folder))
    (folder / "files" / "run.sh").rename(tmp_path / "elsewhere" / "run.sh")
    (folder / "files").rmdir()
    (folder / "files").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MisuseError, match="is a link"):
        write_module({"main.tf": "a\n"}, str(folder), force=True)
    assert (tmp_path / "elsewhere" / "run.sh").exists(), "nothing is deleted through a link"
    (folder / "files").unlink()
    (folder / "main.tf").unlink()
    os.mkfifo(folder / "main.tf")
    with pytest.raises(MisuseError, match="no regular file"):
        write_module(FILES, str(folder), force=True)


def test_a_linked_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "m").symlink_to("real")
    write_module(FILES, str(tmp_path / "m"))
    assert (tmp_path / "m").is_symlink() and listing(tmp_path / "real") == FILES


def test_modes_stay_and_new_files_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_module(FILES, str(tmp_path / "m"))
    finally:
        os.umask(before)
    mode = {p: (tmp_path / "m" / p).stat().st_mode & 0o777 for p in ("", "main.tf", "files/run.sh")}
    assert mode == {"": 0o700, "main.tf": 0o600, "files/run.sh": 0o700}
    (tmp_path / "m" / "main.tf").chmod(0o640)
    write_module({**FILES, "main.tf": "b\n"}, str(tmp_path / "m"))
    assert (tmp_path / "m" / "main.tf").stat().st_mode & 0o777 == 0o640


def test_parallel_emits_never_mix(tmp_path: Path) -> None:
    """Eight processes, two modules, one folder: 40 rounds end with one module whole."""
    code = (
        "import sys; from planner.terraform.write import write_module;"
        "files = {f'{n}.tf': sys.argv[1] * 1000 for n in range(8)} | {f'only/{sys.argv[1]}.tf': ''};"
        "[write_module(files, sys.argv[2]) for _ in range(int(sys.argv[3]))]"
    )
    for count in (1, 1, 1, 10):
        started = [
            subprocess.Popen([sys.executable, "-c", code, name, str(tmp_path / "m"), str(count)], stderr=subprocess.PIPE)
            for name in "abababab"
        ]
        for process in started:
            _, said = process.communicate()
            assert process.returncode == 0, said.decode()
        found = listing(tmp_path / "m")
        (name,) = {text[0] for text in found.values() if text}
        assert found == {**{f"{n}.tf": name * 1000 for n in range(8)}, f"only/{name}.tf": ""}
        assert [p.name for p in tmp_path.iterdir()] == ["m"]
        if count == 1:
            shutil.rmtree(tmp_path / "m")


def test_a_half_written_module_is_refused_until_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    write_module(FILES, str(folder))
    (folder / write.UPDATE / "old").mkdir(parents=True)
    (folder / write.UPDATE / "journal.json").write_text("{}")
    with pytest.raises(MisuseError, match="stopped while it wrote"):
        workload_of(str(folder))
    with pytest.raises(MisuseError, match="remove that folder"):
        write_module(FILES, str(folder))
