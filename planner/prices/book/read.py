"""Read a price book: what is current, or was on a day."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Container, Iterator, Sequence
from typing import TYPE_CHECKING, Self, cast

from planner.errors import PriceBookError
from planner.offer import InstanceType, Key, Price, ServicePrice, TransferPrice, Way
from planner.prices.book.digest import Fetch, digest_of
from planner.prices.book.schema import VERSION, WITHOUT_DIGEST, check_file, migrate
from planner.prices.book.scopes import Layer, bound_of, read_scopes
from planner.prices.book.sqlite import READ_WAIT_S, connect, damaged, reading
from planner.prices.texts import (
    DETAIL,
    INSTANCE_TYPE,
    KINDS,
    PRICE,
    SERVICE,
    TRANSFER,
    ZONE,
    At,
    Kind,
    Record,
    observed,
)
from planner.prices.zones import Market, Sight
from planner.provider import EXCEPT, in_families

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Fetch", "PriceBook"]

#: Records that replace each other by groups.
Grouped = Price | TransferPrice | ServicePrice | InstanceType
#: By what time and which fetch a group was seen last, and its rows then.
Found = tuple[str, int, list[Record]]


_DIGEST_LENGTH = 32
#: Files up to this size are looked through whole before they are believed (6 ms); of larger ones, the fetches are.
_COMPARED_BYTES = 1 << 20


class PriceBook:
    """An open book. `close` it, or use it as a context manager.

    now: the present UTC time, by which fetches are known that a wrong clock dated later. notes: what a reader should be
    told of what was read so far, each once.
    """

    def __init__(self, db: sqlite3.Connection, path: str, now: str = "") -> None:
        self.db = db
        self.path = path
        self.now = now or time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.notes: list[str] = []
        # The texts of the fetches whose digest was right, by kind, while nothing is written here.
        self._proven: dict[int, dict[int, list[tuple[str, ...]]]] = {}
        # What `prices` answered last, for `withdrawn`, which is asked next; only while nothing is written here.
        self._last: tuple[tuple[str, str, str], list[Price]] | None = None
        self._keeps = self._compared = False
        # The fetches of the region asked last, which is asked for prices, traffic, services and zones in turn.
        self._layers: tuple[tuple[str, str, str], list[list[Layer]]] | None = None

    @classmethod
    def open_for_read(cls, path: str, now: str = "") -> PriceBook | None:
        """Return the book at `path`, None when there is no such file; raise `PriceBookError` when it cannot be used.

        now: the present UTC time, "" = this computer's. A book of an older schema is brought up to date first, which is
        the only thing that reading ever writes.
        """
        try:
            mode = os.stat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise PriceBookError(
                f"{path}: cannot be looked at ({exc.strerror}); name another with --price-book-db"
            ) from exc
        if not stat.S_ISREG(mode):
            raise PriceBookError(f"{path}: not a file; name another with --price-book-db")
        with reading(path):
            db = connect(path, READ_WAIT_S)
            try:
                version = check_file(db, path)
                if version == 0:
                    db.close()
                    return None
                if version < VERSION:
                    migrate(db, path)
                db.execute("PRAGMA query_only = ON")
            except BaseException:
                db.close()
                raise
        book = cls(db, path, now)
        book._keeps = True
        return book

    def _compare_index(self) -> None:
        """Raise `PriceBookError` when an index says something else than its table: what is newest is found by them.

        Done before the first question, not when the file is opened.
        """
        if self._compared or not self._keeps:
            return
        self._compared = True
        whole = os.path.getsize(self.path) <= _COMPARED_BYTES
        found = self.db.execute(f"PRAGMA integrity_check({1 if whole else 'fetch'})").fetchone()[0]
        if found != "ok":
            raise damaged(self.path, str(found))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.db.close()

    def prices(self, provider: str, region: str = "", as_of: str = "") -> list[Price]:
        """Return what was last observed at or before `as_of`, per price key, without withdrawn prices."""
        rows = cast("list[Price]", self._newest(PRICE, provider, region, as_of))
        if self._keeps:
            self._last = ((provider, region, as_of), rows)
        return rows

    def transfer(self, provider: str, region: str = "", as_of: str = "") -> list[TransferPrice]:
        """Return the transfer prices observed last; see `prices`."""
        return cast("list[TransferPrice]", self._newest(TRANSFER, provider, region, as_of))

    def services(self, provider: str, region: str = "", as_of: str = "") -> list[ServicePrice]:
        """Return the prices of services observed last; see `prices`."""
        return cast("list[ServicePrice]", self._newest(SERVICE, provider, region, as_of))

    def instance_types(self, provider: str, region: str = "", as_of: str = "") -> list[InstanceType]:
        """Return the newest observation of each instance type, over all regions unless one is given."""
        return cast("list[InstanceType]", self._newest(INSTANCE_TYPE, provider, region, as_of))

    def withdrawn(self, provider: str, region: str = "", as_of: str = "") -> frozenset[Way]:
        """Return the groups of prices that were observed once and that the newest fetch covering them has no more."""
        known = self._last is not None and self._last[0] == (provider, region, as_of)
        rows = self._last[1] if known and self._last else self.prices(provider, region, as_of)
        current = {row.group for row in rows}
        names = ", ".join(f'"{name}"' for name in Way._fields)
        where, values = "provider = ?", [provider]
        if region:
            where, values = where + " AND region = ?", [*values, region]
        gone: set[Way] = set()
        with reading(self.path):
            sql = f"SELECT {names} FROM price_item WHERE {where} AND first_seen < ?"
            gone.update(
                Way._make(texts)._replace(zone="") for texts in self.db.execute(sql, (*values, bound_of(as_of)))
            )
        return frozenset(gone - current)

    def zones(self, provider: str, region: str, as_of: str = "") -> Market:
        """Return in which zones the types of one region were sold when it was asked last, at or before `as_of`."""
        with reading(self.path):
            scopes = self._scopes(provider, region, as_of)
            told: dict[int, dict[str, tuple[str, ...]]] = {
                layer[0]: {} for layers in scopes for layer in layers if layer[4]
            }
            marks = ", ".join("?" for _ in told)
            sql = (
                f"SELECT o.fetch, i.instance_type, i.zone FROM observation o CROSS JOIN {ZONE.table} i ON i.id = o.item"
                f" WHERE o.fetch IN ({marks}) AND o.kind = {ZONE.number} ORDER BY 1, 2, 3"
            )
            for fetch, name, zone in self.db.execute(sql, tuple(told)) if told else ():
                told[fetch][name] = (*told[fetch].get(name, ()), zone)
        return Market(
            [
                (layers[0][3], [Sight(f, when, id_, told.get(id_), rank) for id_, f, when, _, _, rank in layers])
                for layers in scopes
            ]
        )

    def regions(self, provider: str, as_of: str = "", listed: Container[str] = ()) -> dict[str, tuple[str, ...]]:
        """Return the regions fetched at or before `as_of`, sorted, each with the sites of what was seen there.

        listed: regions to leave out, since they are known already.
        """
        # From one region to the next through the index: the log may hold thousands of fetches of each.
        following = (
            "WITH RECURSIVE place(region) AS (SELECT min(region) FROM fetch WHERE provider = ? UNION ALL"
            " SELECT (SELECT min(region) FROM fetch WHERE provider = ? AND region > place.region) FROM place"
            " WHERE place.region IS NOT NULL) SELECT region FROM place WHERE region IS NOT NULL"
        )
        sites = " UNION ".join(
            f"SELECT site FROM {kind.table} WHERE provider = ? AND region = ? AND first_seen < ?"
            for kind in (PRICE, TRANSFER, SERVICE)
        )
        result, bound = {}, bound_of(as_of)
        with reading(self.path):
            self._compare_index()
            for (region,) in self.db.execute(following, (provider, provider)).fetchall():
                if region not in listed:
                    found = self.db.execute(f"{sites} ORDER BY 1", (provider, region, bound) * 3).fetchall()
                    if found:
                        result[region] = tuple(site for (site,) in found)
        return result

    def places(self) -> list[tuple[str, str]]:
        """Return every (provider, region) that was ever fetched, sorted."""
        with reading(self.path):
            rows = self.db.execute("SELECT DISTINCT provider, region FROM fetch ORDER BY provider, region").fetchall()
        return [(provider, region) for provider, region in rows]

    def fetches(self, provider: str = "", region: str = "", as_of: str = "") -> list[Fetch]:
        """Return the fetches at or before `as_of`, in the order in which the book got them."""
        where, values = _where(provider, region, as_of)
        with reading(self.path):
            return self._read_fetches(f"{where} ORDER BY id", values)

    def late(self, provider: str = "", region: str = "") -> list[Fetch]:
        """Return the fetches that are dated after now: some clock was, or is, wrong."""
        return [fetch for fetch in self.fetches(provider, region) if fetch.observed_at > self.now]

    def check(self) -> list[str]:
        """Return everything that is wrong with the file, the digest of each fetch made again; reads all of it."""
        with reading(self.path):
            found = [str(row[0]) for row in self.db.execute("PRAGMA integrity_check(20)")]
        problems = [] if found == ["ok"] else [f"{self.path}: {line}" for text in found for line in text.splitlines()]
        for fetch in self.fetches():
            try:
                self._prove(fetch.id, keep=False)
            except PriceBookError as exc:
                problems.append(str(exc))
        return problems

    def _read_fetches(self, where: str, values: Sequence[object]) -> list[Fetch]:
        import json

        sql = (
            "SELECT id, uid, provider, region, account_site, access, families, observed_at, gaps, tells_zones FROM fetch"
            f" WHERE {where}"
        )
        return [
            Fetch(
                id=id_,
                uid=uid,
                provider=cloud,
                region=place,
                account_site=site,
                access=access,
                families=tuple(families.split()),
                observed_at=when,
                gaps=tuple(json.loads(gaps)),
                tells_zones=bool(tells),
            )
            for id_, uid, cloud, place, site, access, families, when, gaps, tells in self.db.execute(
                sql, values
            ).fetchall()
        ]

    def _newest(self, kind: Kind, provider: str, region: str, as_of: str) -> list[Record]:
        with reading(self.path):
            return list(self._rows(kind, provider, region, as_of))

    def _prove(self, number: int, keep: bool = True) -> None:
        """Raise `PriceBookError` unless the fetch says what it said when it was kept; `keep` its texts for the reader."""
        if number in self._proven:
            return
        with reading(self.path):
            (fetch,) = self._read_fetches("id = ?", (number,))
            found = {
                kind.number: self.db.execute(_observed_sql(kind), (number, kind.number)).fetchall() for kind in KINDS
            }
            rows = [(kind, *texts) for kind, all_texts in found.items() for texts in all_texts]
            known = len(fetch.uid) == _DIGEST_LENGTH  # an importer of another make may have names of its own
            if known and digest_of(fetch, rows) != fetch.uid and not self._without_digest(number):
                raise damaged(
                    self.path,
                    f"what {fetch.provider} {fetch.region} said at {fetch.observed_at} was changed since: its digest differs",
                )
        if keep and self._keeps:
            self._proven[number] = found

    def _without_digest(self, number: int) -> bool:
        sql = "SELECT 1 FROM detail WHERE source = ? AND CAST(status AS INTEGER) >= ?"
        return self.db.execute(sql, (WITHOUT_DIGEST, number)).fetchone() is not None

    def _rows(self, kind: Kind, provider: str, region: str, as_of: str) -> Iterator[Record]:
        """Merge what the scopes (with keys, public) of a region show: the newer observation of a group wins whole."""
        best: dict[Key, Found] = {}
        for layers in self._scopes(provider, region, as_of):
            for name, found in self._scope(kind, layers).items():
                if name not in best or found[:2] > best[name][:2]:
                    best[name] = found
        if not region:  # else `_scopes` has done so, for all that the region's fetches say
            for number in {number for _, number, _ in best.values()}:
                self._prove(number)
        for _, _, rows in best.values():
            yield from rows

    def _scopes(self, provider: str, region: str, as_of: str) -> list[list[Layer]]:
        """Return what `read_scopes` finds, remembered for one region while nothing is written here."""
        asked = (provider, region, as_of)
        self._compare_index()
        if self._layers is not None and self._layers[0] == asked:
            return self._layers[1]
        scopes = list(read_scopes(self.db, provider, region, bound_of(as_of), self.now))
        for layer in (layer for layers in scopes for layer in layers) if region and self._keeps else ():
            self._prove(layer[0])
            if layer[2] > self.now:
                self._note(
                    f"{self.path}: prices of {provider} {region} are dated {layer[2]}, after now ({self.now}): this "
                    f"computer's clock, or that of the refresh, is wrong; run planner refresh {provider} --region {region}, "
                    "which wins over them"
                )
        if self._keeps:
            self._layers = (asked, scopes)
        return scopes

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _scope(self, kind: Kind, layers: Sequence[Layer]) -> dict[Key, Found]:
        """Return one scope's present rows by group: each layer shows what no newer one has covered."""
        found: dict[Key, Found] = {}
        covered: list[tuple[str, ...]] = []
        by_type = kind is PRICE or kind is INSTANCE_TYPE
        for fetch, families, observed_at, _, _, rank in layers:
            if not by_type and any(all(word.startswith(EXCEPT) for word in words) for words in covered):
                break  # what is of no type was all in the newer whole fetch
            fresh: dict[Key, Found] = {}
            for row in self._observed(kind, fetch, observed_at):
                if isinstance(row, InstanceType):
                    name: Key = ("instance_type", row.provider, row.name)
                    word = row.name
                else:
                    name = row.group
                    word = row.instance_type if isinstance(row, Price) else ""
                if name in found or (by_type and any(in_families(word, words) for words in covered)):
                    continue
                if name in fresh:
                    fresh[name][2].append(row)
                else:
                    fresh[name] = (rank, fetch, [row])
            found.update(fresh)
            covered.append(families)
        return found

    def _observed(self, kind: Kind, fetch: int, observed_at: str) -> Iterator[Grouped]:
        """Yield the rows of one fetch; `zones` reads the kind ZONE itself."""
        read, at = cast("Callable[[Sequence[str], At], Grouped]", kind.read), observed(observed_at)
        for texts in self._texts(kind, fetch):
            yield read(texts, at)

    def _texts(self, kind: Kind, fetch: int) -> list[tuple[str, ...]]:
        """Return the rows of one fetch as texts; no others than those whose digest was right, where it was made."""
        proven = self._proven.get(fetch)
        if proven is not None:
            return proven[kind.number]
        return self.db.execute(_observed_sql(kind), (fetch, kind.number)).fetchall()

    def texts(self, kind: Kind, fetch: int, instance_type: str = "") -> list[tuple[str, ...]]:
        """Return the rows of one fetch as texts in the order of `kind.texts`; prices may be of one type only."""
        with reading(self.path):
            sql = _observed_sql(kind)
            values: tuple[object, ...] = (fetch, kind.number)
            if instance_type:
                sql = sql.replace(" ORDER BY", " AND i.instance_type = ? COLLATE NOCASE ORDER BY")
                values += (instance_type,)
            rows = self.db.execute(sql, values).fetchall()
            if not all(type(text) is str for row in rows for text in row):
                raise damaged(self.path, "bytes where a text is expected")
            return rows


def _observed_sql(kind: Kind) -> str:
    columns = ", ".join(
        f'd."{name}"' if name in DETAIL else "o.amount" if name == "amount" else f'i."{name}"' for name in kind.texts
    )
    return (
        f"SELECT {columns} FROM observation o JOIN {kind.table} i ON i.id = o.item"
        " JOIN detail d ON d.id = o.detail WHERE o.fetch = ? AND o.kind = ? ORDER BY o.item"
    )


def _where(provider: str, region: str, as_of: str) -> tuple[str, list[str]]:
    parts, values = ["1 = 1"], []
    for column, value in (("provider", provider), ("region", region)):
        if value:
            parts.append(f"{column} = ?")
            values.append(value)
    if as_of:
        parts.append("observed_at < ?")
        values.append(bound_of(as_of))
    return " AND ".join(parts), values
