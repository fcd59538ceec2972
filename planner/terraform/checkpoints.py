"""Which checkpoint a module downloads: what the user named, on the hub that the region reaches, at which revision."""

from __future__ import annotations

import csv
import os
import re

from planner.errors import MisuseError
from planner.files import DATA
from planner.records import NamedTuple
from planner.sizing.models import Model
from planner.sizing.naming import width_of_name
from planner.text import Text, text

__all__ = ["Checkpoint", "find"]

_NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}(?:@[0-9a-f]{40})?\Z")


class Checkpoint(NamedTuple):
    """hf_id, modelscope_id ("": none is known): ORG/NAME on either hub. revision: a commit, "" = the newest.

    served: the name that clients ask for. note: "" or what a reader must know of the choice.
    """

    hf_id: str
    modelscope_id: str
    revision: str
    served: str
    note: Text


def find(model: Model, asked: str, given: str, mainland: bool) -> Checkpoint:
    """Return the checkpoint of `model`, which the user called `asked`; given: --checkpoint ORG/NAME[@SHA] instead of it.

    An id that is another checkpoint of the same shape (a base model, a later release) is that one, never its sister.
    Raises MisuseError where there is none, or none on the hub that the region reaches.
    """
    if given:
        if not _NAMED.match(given):
            raise MisuseError(
                f"--checkpoint: {given[:60]!r} is not ORG/NAME or ORG/NAME@SHA on the model hub (a SHA has 40 hex digits)"
            )
        name, _, revision = given.partition("@")
        served = model.name if model.hf_id else name.rpartition("/")[2]
        return Checkpoint(name, _modelscope(name) or name, revision, served, text(""))
    if not model.hf_id:
        raise MisuseError("this model has no published checkpoint to download: name one with --checkpoint ORG/NAME")
    name = _sister(model, asked) or model.hf_id
    own = model.modelscope_id if name == model.hf_id else name if model.modelscope_id == model.hf_id else ""
    there = own or _modelscope(name)
    if mainland and not there:
        raise MisuseError(
            f"no id of {name} on ModelScope is known, the hub that mainland China reaches: look it up at modelscope.cn and "
            "give it with --checkpoint ORG/NAME"
        )
    note = text("")
    bases = [a for a in model.aliases if a.rpartition("/")[2].lower() == model.name.lower() and a != name]
    if bases and name == model.hf_id:
        note = text("{model} is served as {name}; for the base model: --checkpoint {base}", model=model.name, name=name, base=bases[0])
    return Checkpoint(name, there, "", model.name if name == model.hf_id else name.rpartition("/")[2], note)


def _sister(model: Model, asked: str) -> str:
    """Return the other checkpoint of the model's shape that `asked` names, "" when it names the model itself."""
    word = asked.strip().lower()
    if word in (model.name.lower(), model.hf_id.lower(), model.modelscope_id.lower()):
        return ""
    for alias in model.aliases:
        if "/" in alias and not width_of_name(alias) and word in (alias.lower(), alias.rpartition("/")[2].lower()):
            return alias
    return ""


def _modelscope(hf_id: str) -> str:
    """Return the id on ModelScope of a checkpoint that has another one there, "" where none is known."""
    with open(os.path.join(DATA, "modelscope.csv"), encoding="utf-8", newline="") as file:
        return next((r["modelscope_id"] for r in csv.DictReader(file) if r["hf_id"].lower() == hf_id.lower()), "")
