"""Workloads that carry their demand: one TOML file of `planner commit`, or the many of a portfolio."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from typing import Any

from planner import asides
from planner.buying import demand, shapes
from planner.buying.demand import Demand
from planner.buying.plan import workload_at_peak
from planner.errors import MisuseError, NoOfferError
from planner.files import read_text, toml
from planner.money import seen as shown
from planner.prices.catalog import Catalog
from planner.prices.places import kept
from planner.records import NamedTuple
from planner.sizing.fit import check
from planner.workload import Workload, make, of_table

__all__ = ["Item", "Lines", "demand_of", "many", "one"]

_LIMIT = 1 << 20
#: Columns of a table of workloads that hold several names, with `;` between.
MANY = {"provider", "region", "gpu", "instance_type", "purchase_option", "tag", "discount", "fx", "contract"}


def _keys(text: str) -> dict[str, int]:
    """Return the line on which each key of a TOML file stands first, and each table as `[name]`."""
    found: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        word = line.strip()
        key = word.partition("#")[0].strip() if word.startswith("[") else word.partition("=")[0].strip()
        if key and (word.startswith("[") or "=" in word):
            found.setdefault(key, number)
    return found


def one(
    path: str,
    base: Workload | None = None,
    heard: Callable[[str], None] | None = None,
    aside: dict[str, str] | None = None,
) -> tuple[Workload, Demand | None]:
    """Return the workload in a TOML file, and its `[demand]` where it has one. heard, aside: as planner.workload.of_table's."""
    text, where = read_text(path, "workload", _LIMIT), f"workload {path}"
    data = toml(text, where)
    said = data.pop("demand", None)
    inner = data.get("workload")
    if said is None and isinstance(inner, dict) and "demand" in inner:
        data["workload"] = {k: v for k, v in inner.items() if k != "demand"}
        said = inner["demand"]
    lines = _below(text, ("[demand]", "[workload.demand]"))
    found = None if said is None else demand_of(said, where, os.path.dirname(path), lines, where)
    return of_table(data, f"{where}: ", base, heard, aside), found


def _below(text: str, names: tuple[str, ...]) -> dict[str, int]:
    """Return the line of each key below the first table of those names."""
    rows = text.split("\n")
    for number, row in enumerate(rows, 1):
        if row.partition("#")[0].strip() in names:
            return {key: number + line for key, line in _keys("\n".join(rows[number:])).items()}
    return {}


def demand_of(said: object, where: str, folder: str, lines: Mapping[str, int] | None = None, file: str = "") -> Demand:
    """Return the demand of a table `[demand]` or of words: a shape with its keys, or a CSV file, beside the workload's file.

    where: begins what is told; file: begins it where the line of a key is known.
    """
    if isinstance(said, str):
        try:
            return shapes.read(said if shapes.is_shape(said) else os.path.join(folder, said))
        except MisuseError as exc:
            raise MisuseError(f"{where}: {exc}") from None
    if not isinstance(said, dict):
        raise MisuseError(f'{where}: [demand] must be a table: shape = "flat" and rps = 20, or file = "demand.csv"')
    path, name = said.get("file"), said.get("shape")
    if path is not None:
        others = sorted(set(said) - {"file"})
        if others or not isinstance(path, str):
            beside = f", not with {others[0]}" if others else ""
            raise MisuseError(f'{where}: [demand]: file = "demand.csv" stands alone{beside}')
        return demand.read(os.path.join(folder, path))
    if not isinstance(name, str):
        known = ", ".join(shapes.SHAPES)
        raise MisuseError(f'{where}: [demand] needs shape = "flat" ({known}) or file = "demand.csv"')
    rest = {key: value for key, value in said.items() if key != "shape"}
    return shapes.shape(name, rest, file or where, lines, where)


class Item(NamedTuple):
    """One workload of a portfolio. where: its file and line; work: at the demand's peak where it has a demand; said, folder: what is
    said of that, None without. The hours themselves are made when they are needed: a thousand years of hours fill a machine."""

    name: str
    where: str
    work: Workload
    said: object = None
    folder: str = ""

    @property
    def demand(self) -> Demand | None:
        """The demand hour by hour, made anew."""
        return None if self.said is None else demand_of(self.said, self.where, self.folder)


class _Reading:
    """A portfolio being read: what is found, and everything that is wrong."""

    def __init__(self, base: Workload, given: Mapping[str, object]) -> None:
        self.base, self.given = base, given
        self.items: list[Item] = []
        self.wrong: list[str] = []

    def table(self, data: dict[str, Any], where: str, lines: Lines, folder: str, name: str) -> None:
        """Take in one workload's keys; what is wrong is kept, with the line of the key."""
        data = dict(data)
        said, found = data.pop("demand", None), None
        at = f"{where}:{lines.keys.get('demand', lines.first)}"
        try:
            if said is not None and said != "":
                found = demand_of(said, at, folder, lines.demand, where)
        except MisuseError as exc:
            self.wrong.append(str(exc))
            return
        try:
            work = make(self.given, self._inside(data))
            check(work)
            if found is not None:
                work = workload_at_peak(work, found)
        except (MisuseError, NoOfferError) as exc:
            self.wrong.append(f"{where}:{self._line(data, lines)}: {exc}")
            return
        place = f"{where}:{lines.first}"
        self.items.append(Item(work.name or name, place, work, None if found is None else said, folder))

    def _inside(self, data: dict[str, Any]) -> Workload:
        """Return the workload of a file's keys, in the area in which its data stays unless regions are given."""
        aside: dict[str, str] = {}
        work = of_table(data, "", self.base, aside=aside)
        asides.refused(aside, ("data_stays", "cache_hits"), "")
        if "data_stays" not in aside or "region" in self.given:
            return work
        providers = tuple(str(p) for p in self.given.get("provider", ()) or work.provider)  # type: ignore[attr-defined]
        return work._replace(region=kept(Catalog(), aside["data_stays"], providers, work.region)[1])

    def _line(self, data: Mapping[str, object], lines: Lines) -> int:
        """Return the line of the key that is wrong by itself, else the workload's first."""
        for key, value in data.items():
            try:
                make({} if key in asides.KEYS else {key: value})
            except MisuseError:
                return lines.keys.get(key, lines.first)
        likely = (*asides.KEYS, "model", "precision", "engine")
        return next((lines.keys[k] for k in likely if k in lines.keys), lines.first)

    def toml(self, path: str) -> None:
        """Take in a file: one workload, or many below `[[workload]]`; keys above these hold for all of them."""
        where, stem = path, os.path.splitext(os.path.basename(path))[0]
        try:
            text = read_text(path, "workload", _LIMIT * 16)
            data = toml(text, f"workload {path}")
        except MisuseError as exc:
            self.wrong.append(str(exc))
            return
        many = data.get("workload")
        folder = os.path.dirname(path)
        if not isinstance(many, list):
            below = _below(text, ("[demand]", "[workload.demand]"))
            if isinstance(many, dict):
                data = {**{k: v for k, v in data.items() if k != "workload"}, **many}
            self.table(data, where, Lines(1, _keys(text), below), folder, stem)
            return
        common = {key: value for key, value in data.items() if key != "workload"}
        sections = _sections(text)
        for number, own in enumerate(many):
            lines = sections[number] if number < len(sections) else Lines(1, {}, {})
            if not isinstance(own, dict):
                self.wrong.append(f"{where}:{lines.first}: [[workload]] must be tables")
                return
            self.table({**common, **own}, where, lines, folder, f"{stem} {number + 1}")

    def csv(self, path: str) -> None:
        """Take in a table: a line a workload, columns named as the options, and `demand`."""
        try:
            rows = csv.reader(read_text(path, "workloads", _LIMIT * 64).split("\n"), strict=True)
            header = [name.strip() for name in next(rows, [])]
            for name in header:
                if header.count(name) > 1:
                    raise MisuseError(f"{path}:1: the column {shown(name[:60])} stands twice")
            for row in rows:
                line = rows.line_num
                if not any(cell.strip() for cell in row):
                    continue
                if len(row) != len(header):
                    told = f"{len(row)} fields, the first line has {len(header)} columns"
                    self.wrong.append(f"{path}:{line}: {told}")
                    continue
                pairs = zip(header, row, strict=True)
                data: dict[str, Any] = {key: cell.strip() for key, cell in pairs if cell.strip()}
                for key in MANY & data.keys():
                    data[key] = [part.strip() for part in str(data[key]).split(";")]
                lines = Lines(line, dict.fromkeys(header, line), {})
                self.table(data, path, lines, os.path.dirname(path), f"line {line}")
        except csv.Error as exc:
            self.wrong.append(f"{path}:{rows.line_num}: not CSV: {exc}")
        except MisuseError as exc:
            self.wrong.append(str(exc))


class Lines(NamedTuple):
    """Where a workload stands in its file: its first line, and the line of each key of it and of its demand."""

    first: int
    keys: dict[str, int]
    demand: dict[str, int]


def _sections(text: str) -> list[Lines]:
    """Return where each `[[workload]]` of a file stands."""
    found: list[Lines] = []
    inside = ""
    for number, line in enumerate(text.split("\n"), 1):
        word = line.partition("#")[0].strip()
        if word.startswith("["):
            inside = "".join(word.split())
            if inside == "[[workload]]":
                found.append(Lines(number, {}, {}))
        elif "=" in word and found:
            key = word.partition("=")[0].strip()
            if inside == "[[workload]]":
                found[-1].keys.setdefault(key, number)
            elif inside == "[workload.demand]":
                found[-1].demand.setdefault(key, number)
    return found


def many(path: str, base: Workload, given: Mapping[str, object]) -> tuple[list[Item], list[str]]:
    """Return the workloads of a portfolio, a file or a folder of TOML files, and everything that is wrong with them.

    base: what holds for all of them unless they say otherwise; given: what holds whatever they say (typed options).
    """
    reading = _Reading(base, given)
    if os.path.isdir(path):
        names = sorted(n for n in os.listdir(path) if n.endswith(".toml") and not n.startswith("."))
        if not names:
            raise MisuseError(f"portfolio {path}: no *.toml in this folder")
        for name in names:
            reading.toml(os.path.join(path, name))
    elif path.endswith(".csv"):
        reading.csv(path)
    else:
        reading.toml(path)
    if not reading.items and not reading.wrong:
        raise MisuseError(f"portfolio {path}: no workload in it")
    seen: dict[str, str] = {}
    for item in reading.items:
        if item.name in seen:
            reading.wrong.append(f"{item.where}: the name {shown(item.name)} is also at {seen[item.name]}")
        seen.setdefault(item.name, item.where)
    return reading.items, reading.wrong
