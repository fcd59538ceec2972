"""What the crash harness does: files and modules written anew and over old ones."""

from __future__ import annotations

import os
from pathlib import Path

from planner.terraform.write import GUARD, MANIFEST, STAGE, UPDATE, restore, write_module
from planner.writing import PREFIX, write_new
from tests.safe.kills import Deed

OLD, NEW = "old " * 5000, "new " * 6000


class File(Deed):
    """A file that replaces another, through a link."""

    name = "x"

    def prepare(self, folder: Path) -> None:
        (folder / "real").write_text(OLD)
        (folder / "real").chmod(0o640)
        (folder / self.name).symlink_to("real")

    def act(self, folder: Path) -> None:
        write_new(str(folder / self.name), NEW, mine=lambda file: file.read(4) == b"old " or not file.seek(0))

    def again(self, folder: Path) -> None:
        write_new(str(folder / self.name), NEW, mine=lambda file: True)

    def state(self, folder: Path) -> str:
        left = {p.name for p in folder.iterdir() if not p.name.startswith(PREFIX)}
        text = (folder / self.name).read_text()
        if left != {"real", self.name} or not (folder / self.name).is_symlink():
            return f"files {sorted(left)}"
        if (folder / "real").stat().st_mode & 0o777 != 0o640:
            return f"mode {(folder / 'real').stat().st_mode:o}"
        return {OLD: "old", NEW: "new"}.get(text, f"{len(text)} characters of something")


class NewFile(Deed):
    """A file where there was none."""

    def act(self, folder: Path) -> None:
        write_new(str(folder / "x"), NEW)

    def again(self, folder: Path) -> None:
        write_new(str(folder / "x"), NEW, mine=lambda file: True)

    def state(self, folder: Path) -> str:
        if not (folder / "x").exists():
            return "old"
        return "new" if (folder / "x").read_text() == NEW else "half"


BEFORE = {f"{n}.tf": f"old {n}\n" for n in "abcdef"} | {"files/run.sh": "old\n", "old/gone.tf": "old\n"}
AFTER = {f"{n}.tf": f"new {n}\n" for n in "abcdef"} | {"files/run.sh": "new\n", "more/new.tf": "new\n"}
TFVARS = "mine = 1\n"


class Module(Deed):
    """A module's folder that stands, with the user's values and state in it."""

    def prepare(self, folder: Path) -> None:
        write_module({**BEFORE, "terraform.tfvars": "x = 1\n"}, str(folder / "m"))
        (folder / "m" / "terraform.tfvars").write_text(TFVARS)
        (folder / "m" / "terraform.tfstate").write_text("{}")

    def act(self, folder: Path) -> None:
        write_module({**AFTER, "terraform.tfvars": "x = 2\n"}, str(folder / "m"))

    def again(self, folder: Path) -> None:
        restore(str(folder / "m"))
        assert self.state(folder) in ("old", "new") and not (folder / "m" / GUARD).exists()
        self.act(folder)

    def state(self, folder: Path) -> str:
        """A guarded folder counts as old: terraform refuses it, and the next run puts the old files back."""
        if (folder / "m" / UPDATE).exists() and (folder / "m" / GUARD).exists():
            return "old"
        found = module(folder / "m")
        mine = {"terraform.tfvars": TFVARS, "terraform.tfstate": "{}"}
        if found == {**BEFORE, **mine}:
            return "old"
        return "new" if found == {**AFTER, **mine} else f"a mixture {sorted(found.items())}"


class NewModule(Deed):
    """A module where there was no folder."""

    def act(self, folder: Path) -> None:
        write_module(AFTER, str(folder / "m"))

    def state(self, folder: Path) -> str:
        if not (folder / "m").exists():
            return "old"
        return "new" if module(folder / "m") == AFTER else "a mixture"


def module(folder: Path) -> dict[str, str]:
    """Return what stands in a module's folder, without planner's own records."""
    return {
        p.relative_to(folder).as_posix(): p.read_text()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
        and p.name != MANIFEST
        and not {STAGE, UPDATE} & {q[: len(STAGE)] for q in p.parts}
        and UPDATE not in p.parts
    }


DEEDS: dict[str, Deed] = {"file": File(), "new-file": NewFile(), "module": Module(), "new-module": NewModule()}

assert os.name == "posix", "the harness forks"
