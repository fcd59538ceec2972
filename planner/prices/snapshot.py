"""What the price book knows, written back into committed lists: as few lines as say it, and never back in time.

Of one way of buying (one lane of traffic, one variant of a service) what the book saw last stands in the list afterwards. The
same amounts as before only date the rows anew, and only when they were last seen long ago; other amounts replace the rows, which
go to the history. What the newest fetch has no more goes to the history as `expired`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.offer import InstanceType, Price, Priced, ServicePrice, TransferPrice
from planner.prices.checks import check_beside, check_prices
from planner.prices.listfiles import COLUMNS, FILE, NAMES, Files, Row
from planner.prices.lists import Lists
from planner.prices.overlay import types_over_list
from planner.prices.texts import INSTANCE_TYPE, PRICE, SERVICE, TRANSFER, At, Kind, kind_of
from planner.records import NamedTuple
from planner.text import Text, text

if TYPE_CHECKING:
    from planner.offer import Region
    from planner.prices.book import PriceBook

__all__ = ["MOST_DROPPED", "Snapshot", "snapshot"]

#: Per cent of a provider's rows that may vanish without a word (--force).
MOST_DROPPED = 5
HISTORY = "history.csv.gz"
#: The fields of a group (`Priced.group`), as columns.
_GROUP = {
    PRICE: "region site instance_type purchase_option term payment offering os".split(),
    TRANSFER: "region site destination to_region quota".split(),
    SERVICE: "region site item variant unit".split(),
}
_SPEC = "vcpu memory_gib gpu_model gpu_count gpu_memory_gib network_gbps local_nvme_gb".split()

Group = tuple[str, ...]


class Snapshot(NamedTuple):
    """What a snapshot of one provider does. files: new content by name. rows: quotable rows before, in the places looked at.

    changed, new, withdrawn: rows with another amount, rows that the list lacked, rows that go. confirmed: rows dated anew.
    types: instance types that are new or described anew. back: what the list knows better than the book, in sentences.
    problems: what is wrong with the result.
    """

    provider: str
    files: dict[str, bytes]
    rows: int
    changed: int
    new: int
    withdrawn: int
    confirmed: int
    types: int
    back: tuple[Text, ...]
    problems: tuple[str, ...]

    @property
    def dropped(self) -> bool:
        """Whether more rows go than may without a word."""
        return self.withdrawn * 100 > self.rows * MOST_DROPPED


class _Counts:
    def __init__(self) -> None:
        self.rows = self.changed = self.new = self.withdrawn = self.confirmed = 0
        self.back: list[Text] = []


def snapshot(
    book: PriceBook, provider: str, folder: str, regions: Collection[str] = (), confirm_days: int = 30
) -> Snapshot:
    """Return what the list in `folder` becomes by what `book` knows of `regions` (() = all); nothing is written.

    confirm_days: an unchanged price is dated anew only when it was last seen more than so many days before.
    """
    lists = Lists(provider, folder, folder)
    known = lists.regions()
    files = Files(folder)
    counts = _Counts()
    problems: list[str] = []
    types = _types(book, provider, lists, files)
    specs = {row["name"]: _read(INSTANCE_TYPE, row, provider) for row in files.read("instances.csv")}
    for place in [name for name in book.regions(provider) if not regions or name in regions]:
        _name(files, place, known, book, provider)
        work = _Place(files, provider, known.get(place), place, confirm_days, counts)
        observed = book.prices(provider, place)
        work.lay(PRICE, observed)
        work.withdraw(book.withdrawn(provider, place), max((row.source.seen for row in observed), default=""))
        work.lay(TRANSFER, book.transfer(provider, place))
        work.lay(SERVICE, book.services(provider, place))
        rows = [row for row in files.prices() if row["region"] == place and not row["status"]]
        problems += check_prices([_read(PRICE, row, provider) for row in rows], specs)  # type: ignore[misc,arg-type]
    for kind, name in NAMES.items():
        if name in files.rows:
            live = [row for row in files.rows[name] if not row["status"]]
            problems += check_beside([_read(kind, row, provider) for row in live])  # type: ignore[misc]
    return Snapshot(
        provider=provider,
        files=files.changed(),
        rows=counts.rows,
        changed=counts.changed,
        new=counts.new,
        withdrawn=counts.withdrawn,
        confirmed=counts.confirmed,
        types=types,
        back=tuple(counts.back),
        problems=tuple(problems),
    )


class _Place:
    """One region's rows in the files of a list."""

    def __init__(
        self, files: Files, provider: str, region: Region | None, name: str, confirm_days: int, counts: _Counts
    ) -> None:
        self.files, self.provider, self.name, self.counts = files, provider, name, counts
        self.groups = region.groups if region is not None else ()
        self.confirm_days = confirm_days

    def rows(self, kind: Kind) -> list[Row]:
        """Return the rows of every place."""
        return self.files.prices() if kind is PRICE else self.files.read(NAMES[kind], COLUMNS[kind])

    def file(self, kind: Kind, row: Row) -> str:
        """Return the file of a row, that of its way of buying where it stands in none yet."""
        return NAMES.get(kind) or row.get(FILE) or f"prices/{row['purchase_option']}.csv"

    def lay(self, kind: Kind, observed: Sequence[Priced]) -> None:
        """Lay what was observed over the list."""
        mine: dict[Group, list[Row]] = {}
        for row in self.rows(kind):
            if row["region"] == self.name and not row["status"]:
                mine.setdefault(_group(kind, row), []).append(row)
                self.counts.rows += 1
        shared = self._shared(kind)
        seen: dict[Group, list[Priced]] = {}
        for one in observed:
            if not (one.status or one.source.confidence == "low"):
                seen.setdefault(_group(kind, self._text(one)), []).append(one)
        touched = set()
        for group, told in seen.items():
            old = mine.get(group) or []
            day = max(one.source.observed[:10] for one in told)
            if _amounts(kind, old or shared.get(group, [])) == _amounts(kind, [self._text(one) for one in told]):
                if self._confirm(old, day):
                    touched |= {self.file(kind, row) for row in old}
                continue
            late = [row for row in old if _seen(row) > day]
            if late:
                what = " ".join(word for word in group[2:] if word)
                self.counts.back.append(
                    text(
                        "{what}: the list saw {amount} {currency} on {seen}, the book another price on {day}",
                        what=f"{self.provider} {self.name} {what}",
                        amount=late[0]["amount"],
                        currency=late[0]["currency"],
                        seen=_seen(late[0]),
                        day=day,
                    )
                )
            touched |= self._replace(kind, old, told, day, default=_default(old or shared.get(group, [])))
        for file in touched:
            self.files.sort(file, kind)

    def _shared(self, kind: Kind) -> dict[Group, list[Row]]:
        """Return the rows that hold here because they hold for a group of regions, as rows of this one."""
        found: dict[Group, list[Row]] = {}
        for row in self.rows(kind) if self.groups else ():
            if row["region"] in self.groups and not row["status"]:
                here = row | {"region": self.name}
                found.setdefault(_group(kind, here), []).append(here)
        return found

    def _confirm(self, rows: Iterable[Row], day: str) -> bool:
        due = [row for row in rows if _days(_seen(row), day) > self.confirm_days]
        for row in due:
            row["confirmed"] = day
        self.counts.confirmed += len(due)
        return bool(due)

    def _replace(self, kind: Kind, old: Sequence[Row], told: Sequence[Priced], day: str, default: str) -> set[str]:
        """Put what was observed in the place of the rows before; return the files that changed."""
        files = {self.file(kind, row) for row in old}
        known = {_part(kind, row): row for row in old}
        last = max(map(_seen, old), default="")
        for one in told:
            texts = self._text(one)
            before = known.pop(_part(kind, texts), None)
            if before is not None and _amount(before) == _amount(texts):
                pass  # this step or zone is as it was; its neighbours are not
            elif before is None:
                self.counts.new += 1
            else:
                self.counts.changed += 1
            # A price that differs from what was seen on a day does not hold since before that day.
            since = one.source.as_of[:10] if one.source.as_of[:10] > last else day
            texts |= {"effective_date": since, "confirmed": day if day > since else "", "status": ""}
            texts["dated"] = ""
            if kind is SERVICE:
                texts["default"] = max(texts["default"], default)
            file = self.file(kind, (before or next(iter(old), None)) or texts)
            rows = self.files.read(file, COLUMNS[kind])
            rows.append({name: texts.get(name, "") for name in self.files.columns[file]})
            files.add(file)
        self.counts.withdrawn += len(known)
        self._retire(kind, old, "superseded")
        return files

    def withdraw(self, gone: Iterable[object], day: str) -> None:
        """Take out the ways of buying that the newest fetch has no more."""
        names = {tuple(str(part) for part in way) for way in gone}  # type: ignore[attr-defined]
        order = "provider site region instance_type purchase_option term payment offering".split()
        rows = self.rows(PRICE)
        old = [
            row
            for row in rows
            if row["region"] == self.name
            and not row["status"]
            and (*(row.get(name, self.provider) for name in order), "", row["os"]) in names
        ]
        for row in old:
            if day and _seen(row) > day:
                self.counts.back.append(
                    text(
                        "{what}: the list saw it on {seen}, the book says that it was gone on {day}",
                        what=f"{self.provider} {self.name} {row['instance_type']} {row['purchase_option']}",
                        seen=_seen(row),
                        day=day,
                    )
                )
        self.counts.withdrawn += len(old)
        self._retire(PRICE, old, "expired")

    def _retire(self, kind: Kind, old: Sequence[Row], status: str) -> None:
        if not old:
            return
        ids = {id(row) for row in old}
        for file in {self.file(kind, row) for row in old}:
            rows = self.files.read(file)
            rows[:] = [row for row in rows if id(row) not in ids]
        if kind is PRICE:
            past = self.files.read(HISTORY, COLUMNS[PRICE])
            past += [
                {name: row.get(name, "") for name in self.files.columns[HISTORY]} | {"status": status} for row in old
            ]
            self.files.sort(HISTORY, PRICE)
        else:  # these have no history of their own: they stay, out of quotes
            self.files.read(NAMES[kind]).extend(row | {"status": status} for row in old)

    def _text(self, row: Priced) -> Row:
        """Return an observed row as one of the list; its source is an id."""
        texts = kind_of(row).write(row)
        texts["source"] = self.files.sources.id_of(texts["source"])
        marks = {name: "yes" if texts[name] == "1" else "" for name in ("quota", "default") if name in texts}
        return texts | marks | {"region": self.name, "confirmed": ""}


def _types(book: PriceBook, provider: str, lists: Lists, files: Files) -> int:
    """Put what the book says of instance types into instances.csv; return how many are new or described anew."""
    listed = lists.instances()
    merged = {spec.name: spec for spec in types_over_list(listed.values(), book.instance_types(provider))}
    rows = files.read("instances.csv", INSTANCE_TYPE.texts[1:])
    by_name = {row["name"]: row for row in rows}
    count = 0
    for name in sorted(merged):
        spec, old = merged[name], listed.get(name)
        if old is not None and all(getattr(old, field) == getattr(spec, field) for field in _SPEC):
            continue
        texts = INSTANCE_TYPE.write(spec)
        texts["source"] = files.sources.id_of(texts["source"])
        count += 1
        if name in by_name:
            by_name[name].update({field: texts[field] for field in by_name[name]})
        else:
            rows.append({field: texts[field] for field in files.columns["instances.csv"]})
    return count


def _name(files: Files, place: str, known: Mapping[str, Region], book: PriceBook, provider: str) -> None:
    """Give a region that the list does not have a row; its names are its id until somebody knows better."""
    if place in known:
        return
    sites = sorted({row.site for row in book.prices(provider, place)})
    rows = files.read("regions.csv")
    row = dict.fromkeys(files.columns["regions.csv"], "")
    market = Lists(provider, files.folder, files.folder).info().market(place)
    row |= {"id": place, "name_en": place, "name_zh": place, "sites": " ".join(sites), "market": market}
    rows.append(row | {"source": files.sources.id_of("price book: the region's names are not known")})
    rows.sort(key=lambda row: row["id"])


def _group(kind: Kind, row: Row) -> Group:
    return tuple(row[name] for name in _GROUP[kind])


def _part(kind: Kind, row: Row) -> tuple[str, ...]:
    names = {
        PRICE: ("zone", "unit", "currency", "tier_from"),
        TRANSFER: ("from_gb", "currency"),
        SERVICE: ("currency",),
    }
    return tuple(row[name] for name in names[kind])


def _amount(row: Row) -> Decimal:
    return Decimal(row["amount"])


def _amounts(kind: Kind, rows: Iterable[Row]) -> frozenset[tuple[tuple[str, ...], Decimal]]:
    return frozenset((_part(kind, row), _amount(row)) for row in rows)


def _default(rows: Iterable[Row]) -> str:
    return max((row.get("default", "") for row in rows), default="")


def _seen(row: Row) -> str:
    return max(row["effective_date"][:10], row["confirmed"])


def _days(since: str, until: str) -> int:
    from datetime import date

    if not since:
        return 1_000_000
    return (date.fromisoformat(until) - date.fromisoformat(since)).days


def _read(kind: Kind, row: Row, provider: str) -> Price | TransferPrice | ServicePrice | InstanceType:
    """Return a row of text as the record that it stands for."""
    texts = tuple(provider if name == "provider" else row[name] for name in kind.texts)
    where = " ".join(row.get(name, "") for name in ("region", "instance_type", "item", "destination", "name")).split()
    record = kind.read(texts, At("list", " ".join(where), "", "", row.get("confirmed", "")))
    return record  # type: ignore[return-value]
