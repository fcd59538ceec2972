"""Read a price book: what is current, or was on a day."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterator, Sequence
from typing import TYPE_CHECKING, Self, cast

from planner.errors import MisuseError, PriceBookError
from planner.offer import InstanceType, Key, Price, ServicePrice, TransferPrice, Way
from planner.prices.book.schema import VERSION, check_file, migrate
from planner.prices.book.sqlite import READ_WAIT_S, connect, mapped
from planner.prices.texts import DETAIL, INSTANCE_TYPE, PRICE, SERVICE, TRANSFER, ZONE, At, Kind, Record, observed
from planner.prices.zones import Market, Sight
from planner.records import NamedTuple

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Fetch", "PriceBook"]

#: A fetch as `_scope` needs it: id, families, observed_at, account site, whether it tells zones.
Layer = tuple[int, tuple[str, ...], str, str, bool]
#: Records that replace each other by groups.
Grouped = Price | TransferPrice | ServicePrice | InstanceType
#: When and by which fetch a group was seen last, and its rows then.
Found = tuple[str, int, list[Record]]


class Fetch(NamedTuple):
    """One whole region, asked once. access: "keys" or "public"; families: sorted, () = all GPU families.

    tells_zones: whether it said in which zones types are sold; then a type that it covers without a zone is sold nowhere.
    """

    id: int
    uid: str
    provider: str
    region: str
    account_site: str
    access: str
    families: tuple[str, ...]
    observed_at: str
    gaps: tuple[str, ...]
    tells_zones: bool = False


class PriceBook:
    """An open book. `close` it, or use it as a context manager."""

    def __init__(self, db: sqlite3.Connection, path: str) -> None:
        self.db = db
        self.path = path
        # What `prices` answered last, for `withdrawn`, which is asked next; only while nothing is written here.
        self._last: tuple[tuple[str, str, str], list[Price]] | None = None
        self._keeps = False
        # The fetches of the region asked last, which is asked for prices, traffic, services and zones in turn.
        self._layers: tuple[tuple[str, str, str], list[list[Layer]]] | None = None

    @classmethod
    def open_for_read(cls, path: str) -> PriceBook | None:
        """Return the book at `path`, None when there is no such file; raise `PriceBookError` when it cannot be used.

        A book of an older schema is brought up to date first, which is the only thing that reading ever writes.
        """
        if not os.path.exists(path):
            return None
        if not os.path.isfile(path):
            raise PriceBookError(f"{path}: not a file; name another with --price-book-db")
        with mapped(path):
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
        book = cls(db, path)
        book._keeps = True
        return book

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
        with mapped(self.path):
            sql = f"SELECT {names} FROM price_item WHERE {where} AND first_seen < ?"
            gone.update(Way._make(texts)._replace(zone="") for texts in self.db.execute(sql, (*values, _bound(as_of))))
        return frozenset(gone - current)

    def zones(self, provider: str, region: str, as_of: str = "") -> Market:
        """Return in which zones the types of one region were sold when it was asked last, at or before `as_of`."""
        with mapped(self.path):
            scopes = self._scopes(provider, region, as_of)
            told: dict[int, dict[str, tuple[str, ...]]] = {
                layer[0]: {} for layers in scopes for layer in layers if layer[4]
            }
            marks = ", ".join("?" for _ in told)
            sql = (
                f"SELECT o.fetch, i.instance_type, i.zone FROM observation o JOIN {ZONE.table} i ON i.id = o.item"
                f" WHERE o.fetch IN ({marks}) AND o.kind = {ZONE.number} ORDER BY 1, 2, 3"
            )
            for fetch, name, zone in self.db.execute(sql, tuple(told)) if told else ():
                told[fetch][name] = (*told[fetch].get(name, ()), zone)
        return Market(
            [(layers[0][3], [Sight(f, when, id_, told.get(id_)) for id_, f, when, _, _ in layers]) for layers in scopes]
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
        result, bound = {}, _bound(as_of)
        with mapped(self.path):
            for (region,) in self.db.execute(following, (provider, provider)).fetchall():
                if region not in listed:
                    found = self.db.execute(f"{sites} ORDER BY 1", (provider, region, bound) * 3).fetchall()
                    if found:
                        result[region] = tuple(site for (site,) in found)
        return result

    def places(self) -> list[tuple[str, str]]:
        """Return every (provider, region) that was ever fetched, sorted."""
        with mapped(self.path):
            rows = self.db.execute("SELECT DISTINCT provider, region FROM fetch ORDER BY provider, region").fetchall()
        return [(provider, region) for provider, region in rows]

    def fetches(self, provider: str = "", region: str = "", as_of: str = "") -> list[Fetch]:
        """Return the fetches at or before `as_of`, in the order in which the book got them."""
        import json

        where, values = _where(provider, region, as_of)
        sql = (
            "SELECT id, uid, provider, region, account_site, access, families, observed_at, gaps, tells_zones FROM fetch"
            f" WHERE {where} ORDER BY id"
        )
        with mapped(self.path):
            rows = self.db.execute(sql, values).fetchall()
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
            for id_, uid, cloud, place, site, access, families, when, gaps, tells in rows
        ]

    def _newest(self, kind: Kind, provider: str, region: str, as_of: str) -> list[Record]:
        with mapped(self.path):
            return list(self._rows(kind, provider, region, as_of))

    def _rows(self, kind: Kind, provider: str, region: str, as_of: str) -> Iterator[Record]:
        """Merge what the scopes (with keys, public) of a region show: the newer observation of a group wins whole."""
        best: dict[Key, Found] = {}
        for layers in self._scopes(provider, region, as_of):
            for name, found in self._scope(kind, layers).items():
                if name not in best or found[:2] > best[name][:2]:
                    best[name] = found
        for _, _, rows in best.values():
            yield from rows

    def _scopes(self, provider: str, region: str, as_of: str) -> list[list[Layer]]:
        """Return what `_read_scopes` finds, remembered for one region while nothing is written here."""
        asked = (provider, region, as_of)
        if self._layers is not None and self._layers[0] == asked:
            return self._layers[1]
        scopes = list(self._read_scopes(provider, region, as_of))
        if self._keeps:
            self._layers = (asked, scopes)
        return scopes

    def _read_scopes(self, provider: str, region: str, as_of: str) -> Iterator[list[Layer]]:
        """Yield, per scope, the fetches that show its present state, newest first: up to the newest whole one."""
        bound = _bound(as_of)
        # From one scope to the next through the index, then from its newest fetch back: neither reads the whole log.
        following = "SELECT region, account_site, access FROM fetch WHERE provider = ? AND {} ORDER BY 1, 2, 3 LIMIT 1"
        if region:
            following = following.format("region = ? AND (account_site, access) > (?, ?)")
            scope = self.db.execute(following, (provider, region, "", "")).fetchone()
        else:
            following = following.format("(region, account_site, access) > (?, ?, ?)")
            scope = self.db.execute(following, (provider, "", "", "")).fetchone()
        while scope:
            layers: list[Layer] = []
            asked: set[str] = set()
            rows = self.db.execute(
                "SELECT id, families, observed_at, tells_zones FROM fetch WHERE provider = ? AND region = ? AND account_site = ?"
                " AND access = ? AND observed_at < ? ORDER BY observed_at DESC, id DESC",
                (provider, *scope, bound),
            )
            for number, words, observed_at, tells in rows:
                families = tuple(words.split())
                # A fetch of families that newer ones have all asked again can add nothing.
                if not families or not asked.issuperset(families):
                    layers.append((number, families, observed_at, scope[1], bool(tells)))
                    asked.update(families)
                if not families:
                    break
            rows.close()
            if layers:
                yield layers
            scope = self.db.execute(following, (provider, *scope)).fetchone()

    def _scope(self, kind: Kind, layers: Sequence[Layer]) -> dict[Key, Found]:
        """Return one scope's present rows by group: each layer shows what no newer one has covered."""
        from planner.provider import in_families

        found: dict[Key, Found] = {}
        covered: tuple[str, ...] = ()
        by_type = kind is PRICE or kind is INSTANCE_TYPE
        for fetch, families, observed_at, _, _ in layers:
            fresh: dict[Key, Found] = {}
            for row in self._observed(kind, fetch, observed_at):
                if isinstance(row, InstanceType):
                    name: Key = ("instance_type", row.provider, row.name)
                    word = row.name
                else:
                    name = row.group
                    word = row.instance_type if isinstance(row, Price) else ""
                if name in found or (by_type and covered and in_families(word, covered)):
                    continue
                if name in fresh:
                    fresh[name][2].append(row)
                else:
                    fresh[name] = (observed_at, fetch, [row])
            found.update(fresh)
            covered += families
        return found

    def _observed(self, kind: Kind, fetch: int, observed_at: str) -> Iterator[Grouped]:
        """Yield the rows of one fetch; `zones` reads the kind ZONE itself."""
        read, at = cast("Callable[[Sequence[str], At], Grouped]", kind.read), observed(observed_at)
        for texts in self.db.execute(_observed_sql(kind), (fetch, kind.number)):
            yield read(texts, at)

    def texts(self, kind: Kind, fetch: int, instance_type: str = "") -> list[tuple[str, ...]]:
        """Return the rows of one fetch as texts in the order of `kind.texts`; prices may be of one type only."""
        with mapped(self.path):
            if not instance_type:
                return self.db.execute(_observed_sql(kind), (fetch, kind.number)).fetchall()
            sql = _observed_sql(kind).replace(" ORDER BY", " AND i.instance_type = ? COLLATE NOCASE ORDER BY")
            return self.db.execute(sql, (fetch, kind.number, instance_type)).fetchall()


def _observed_sql(kind: Kind) -> str:
    columns = ", ".join(
        f'd."{name}"' if name in DETAIL else "o.amount" if name == "amount" else f'i."{name}"' for name in kind.texts
    )
    return (
        f"SELECT {columns} FROM observation o JOIN {kind.table} i ON i.id = o.item"
        " JOIN detail d ON d.id = o.detail WHERE o.fetch = ? AND o.kind = ? ORDER BY o.item"
    )


def _where(provider: str, region: str, as_of: str) -> tuple[str, list[str]]:
    parts, values = ["1"], []
    for column, value in (("provider", provider), ("region", region)):
        if value:
            parts.append(f"{column} = ?")
            values.append(value)
    if as_of:
        parts.append("observed_at < ?")
        values.append(_bound(as_of))
    return " AND ".join(parts), values


def _bound(as_of: str) -> str:
    """Return a text that sorts after every time within `as_of` (a date, a time, or "" for ever)."""
    if not as_of:
        return "~"
    day = as_of[:10]
    if len(day) != 10 or day[4] + day[7] != "--" or not (day[:4] + day[5:7] + day[8:]).isdecimal():
        raise MisuseError(f"--as-of {as_of!r}: write a date like 2026-10-01")
    return as_of.removesuffix("Z") + "~"
