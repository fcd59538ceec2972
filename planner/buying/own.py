"""A user's file of machines to own and of the site they stand in: every number with its range, source and date, or labelled a default."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError, suggest
from planner.files import read_text, toml
from planner.harmless import one_line
from planner.money import bounded, currency_of, percent_of, seen
from planner.records import NamedTuple

__all__ = ["Machine", "Measured", "Own", "Site", "Value", "read"]

ZERO = Decimal(0)
_LIMIT = 1 << 20


class Value(NamedTuple):
    """A number and how sure it is. low, high: its range; source, date, confidence: whose it is; default: ours, not the user's.
    currency: of an amount, "" else. line: where it stands, 0 for a default."""

    value: Decimal
    low: Decimal
    high: Decimal
    source: str = ""
    date: str = ""
    confidence: str = ""
    default: bool = False
    currency: str = ""
    line: int = 0


class Measured(NamedTuple):
    """What one machine was measured to put out on a model, tokens a second of all its streams."""

    model: str
    precision: str
    engine: str
    rate: Value


class Machine(NamedTuple):
    """A machine to buy. gpu: a name of the sizing, "" where only `measured` says what it does. *_w: at the wall, under load and idle;
    rated_w: what a rack is paid for. residual: share of the price at the end. failures: share of the price a year. extras: share
    of the price for network, rack and cables. note: printed beside."""

    name: str
    line: int
    gpu: str
    gpus: int
    price: Value
    load_w: Value
    idle_w: Value
    rated_w: Value
    years: Value
    residual: Value
    failures: Value
    extras: Value
    measured: tuple[Measured, ...]
    note: str


class Site(NamedTuple):
    """Where machines stand. electricity: a kWh; rack: a kW and month; staff_year: a person, None where nobody said; capital: a year;
    spares: share of the price kept as parts; standby: machines beyond the need."""

    electricity: Value
    pue: Value
    rack: Value
    staff: Value
    staff_year: Value | None
    capital: Value
    spares: Value
    standby: Value


class Own(NamedTuple):
    """The file."""

    path: str
    currency: str
    site: Site
    machines: tuple[Machine, ...]


def _default(value: str, low: str, high: str, source: str, currency: str = "") -> Value:
    return Value(Decimal(value), Decimal(low), Decimal(high), source=source, default=True, currency=currency)


#: What stands in where a file says nothing; each is printed as a default with its range.
SITE = {
    "pue": _default("1.54", "1.2", "2.2", "Uptime Institute survey of 2025, mean; server rooms of offices 1.6 to 2.2"),
    "rack": _default("184.06", "130", "217.3", "CBRE, US primary markets, H2 2024, asking", "USD"),
    "staff": _default("0.1", "0", "1.5", "an assumption: a team that already runs servers"),
    "capital": _default("0.1", "0.03", "0.15", "an assumption: 6 to 15 % in filings of 2025"),
    "spares": _default("0.1", "0.05", "0.1", "10 % is the article's; 5 % in Cui et al., SC25, arXiv 2503.11901"),
    "standby": _default("1", "0", "2", "N+1"),
}
MACHINE = {
    "years": _default("4", "3", "6", "an assumption; clouds write off over 5 to 6 years"),
    "residual": _default("0.25", "0.1", "0.5", "an assumption; H100 of 2023 asked 0.70 in 2026, V100 of 2018 0.06"),
    "failures": _default(
        "0.03", "0.01", "0.09", "own knowledge; 0.09 incidents a GPU-year in the Llama 3 paper bound it"
    ),
    "extras": _default("0.12", "0.1", "0.15", "an assumption: network, cables, rack"),
}
IDLE = ("0.2", "0.15", "0.25", "an assumption: a fifth of the load")
SHARES = ("residual", "failures", "extras", "capital", "spares")
_MACHINE = ("name", "gpu", "gpus", "price", "load_w", "idle_w", "rated_w", "measured", "note", *MACHINE)
_SITE = ("electricity", "staff_year", *SITE)
_VALUE = ("value", "low", "high", "source", "date", "confidence", "currency")


class _Reader:
    """Reads values and says the line of what is wrong."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self.currency = path, "USD"
        self.sections: list[tuple[str, int, dict[str, int]]] = [("", 1, {})]
        for number, line in enumerate(text.split("\n"), 1):
            word = line.partition("#")[0].strip()
            if word.startswith("["):
                self.sections.append(("".join(word.split()), number, {}))
            elif "=" in word:
                self.sections[-1][2].setdefault(word.partition("=")[0].strip(), number)

    def section(self, name: str, nth: int = 0) -> tuple[int, dict[str, int]]:
        """Return the line on which a table begins, and those of its keys."""
        found = [(line, keys) for title, line, keys in self.sections if title == name]
        return found[nth] if nth < len(found) else (1, {})

    def at(self, line: int, what: str) -> str:
        return f"own {self.path}:{line}: {what}"

    def known(self, given: Mapping[str, object], keys: tuple[str, ...], lines: Mapping[str, int], first: int) -> None:
        for key in given:
            if key not in keys:
                raise MisuseError(f"{self.at(lines.get(key, first), key)}: not known here: {suggest(key, keys)}")

    def value(self, key: str, said: object, line: int, low: Decimal | int, high: Decimal | int, money: bool) -> Value:
        """Return a number, or a table of a number with its range and source."""
        what = self.at(line, key)
        table = said if isinstance(said, dict) else {"value": said}
        for name in table:
            if name not in _VALUE:
                raise MisuseError(f"{what}: {name}: not known to a value: {suggest(name, _VALUE)}")
        if "value" not in table:
            raise MisuseError(f"{what}: no value: write {key} = 1.2, or {key} = {{ value = 1.2, source = ... }}")

        def number(name: str, usual: Decimal | None = None) -> Decimal:
            if name not in table:
                assert usual is not None
                return usual
            label = what if name == "value" else f"{what}: {name}"
            return percent_of(table[name], label) if key in SHARES else bounded(table[name], label, low, high)

        value = number("value")
        lowest, highest = number("low", value), number("high", value)
        if not lowest <= value <= highest:
            raise MisuseError(f"{what}: {value} is not between low {lowest} and high {highest}")
        code = currency_of(what, str(table.get("currency", self.currency))) if money else ""
        source, day, sure = (one_line(str(table.get(name, ""))[:300]) for name in ("source", "date", "confidence"))
        return Value(value, lowest, highest, source, day, sure, currency=code, line=line)


def read(path: str) -> Own:
    """Return the machines and the site of a file; `MisuseError` names the line of what is wrong or lacks."""
    text = read_text(path, "own", _LIMIT)
    data = toml(text, f"own {path}")
    reader = _Reader(path, text)
    top = reader.section("")[1]
    reader.known(data, ("currency", "site", "machine"), top, 1)
    if "currency" in data:
        reader.currency = currency_of(reader.at(top.get("currency", 1), "currency"), str(data["currency"]))
    site, machines = data.get("site", {}), data.get("machine", [])
    if not isinstance(site, dict):
        raise MisuseError(f"{reader.at(top.get('site', 1), 'site')}: must be a table: [site]")
    if not isinstance(machines, list) or not machines or not all(isinstance(m, dict) for m in machines):
        raise MisuseError(f"own {path}: no machine: write [[machine]] with name, price and load_w")
    made = tuple(_machine(reader, said, n) for n, said in enumerate(machines))
    names = [m.name for m in made]
    for machine in made:
        if names.count(machine.name) > 1:
            raise MisuseError(f"{reader.at(machine.line, 'name')}: {seen(machine.name)} stands twice")
    return Own(path, reader.currency, _site(reader, site), made)


def _site(reader: _Reader, said: dict[str, Any]) -> Site:
    first, lines = reader.section("[site]")
    reader.known(said, _SITE, lines, first)
    if "electricity" not in said:
        told = (
            "no electricity: what does a kWh cost there? write electricity = 0.09 (it differs threefold between places)"
        )
        raise MisuseError(f"{reader.at(first, '[site]')}: {told}")
    bounds: dict[str, tuple[int, int, bool]] = {
        "electricity": (0, 100, True),
        "pue": (1, 5, False),
        "rack": (0, 1_000_000, True),
        "staff": (0, 10_000, False),
        "staff_year": (0, 10**9, True),
        "standby": (0, 10_000, False),
    }
    found = dict(SITE)
    for key, value in said.items():
        low, high, money = bounds.get(key, (0, 1, False))
        found[key] = reader.value(key, value, lines.get(key, first), low, high, money)
    if found["standby"].value % 1:
        raise MisuseError(f"{reader.at(found['standby'].line, 'standby')}: not a whole number of machines")
    fields: dict[str, Any] = {"staff_year": None, **found}
    return Site(**fields)


def _machine(reader: _Reader, said: dict[str, Any], number: int) -> Machine:
    first, lines = reader.section("[[machine]]", number)
    reader.known(said, _MACHINE, lines, first)
    name = said.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > 100 or not name.isprintable():
        raise MisuseError(f"{reader.at(lines.get('name', first), 'name')}: every [[machine]] needs a name")
    for key, why in (
        ("price", "what does one cost? no price of it is sourced here; ask for a quote"),
        ("load_w", "what does it draw at the wall under load, in watts?"),
    ):
        if key not in said:
            raise MisuseError(f"{reader.at(first, seen(name))}: no {key}: {why}")
    found = dict(MACHINE)
    bounds: dict[str, tuple[Decimal | int, int, bool]] = {
        "price": (Decimal("0.01"), 10**9, True),
        "load_w": (1, 10**6, False),
        "idle_w": (0, 10**6, False),
        "rated_w": (1, 10**6, False),
        "years": (Decimal("0.5"), 30, False),
    }
    for key in (*bounds, *MACHINE):
        if key in said:
            low, high, money = bounds.get(key, (0, 1, False))
            found[key] = reader.value(key, said[key], lines.get(key, first), low, high, money)
    load = found["load_w"]
    if "idle_w" not in found:
        usual, low_, high_ = (load.value * Decimal(share) for share in IDLE[:3])
        found["idle_w"] = Value(usual, low_, high_, source=IDLE[3], default=True)
    if found["idle_w"].value > load.value:
        raise MisuseError(f"{reader.at(found['idle_w'].line, 'idle_w')}: more than load_w ({load.value})")
    found.setdefault("rated_w", load)
    gpu, note = said.get("gpu", ""), said.get("note", "")
    if not isinstance(gpu, str) or not isinstance(note, str):
        raise MisuseError(f"{reader.at(first, seen(name))}: gpu and note are text")
    gpus = bounded(said.get("gpus", 1), reader.at(lines.get("gpus", first), "gpus"), 1, 1024)
    if gpus % 1:
        raise MisuseError(f"{reader.at(lines.get('gpus', first), 'gpus')}: not a whole number")
    measured = _measured(reader, said.get("measured", []), first)
    if not gpu and not measured:
        raise MisuseError(
            f"{reader.at(first, seen(name))}: neither gpu (it is sized) nor [[machine.measured]] says what it does"
        )
    fields: dict[str, Any] = dict(found)
    return Machine(name, first, gpu, int(gpus), measured=measured, note=one_line(note[:300]), **fields)


def _measured(reader: _Reader, said: object, first: int) -> tuple[Measured, ...]:
    if not isinstance(said, list) or not all(isinstance(row, dict) for row in said):
        raise MisuseError(
            f"{reader.at(first, 'measured')}: write [[machine.measured]] with model and tokens_per_second"
        )
    found = []
    for row in said:
        model = row.get("model")
        if not isinstance(model, str) or "tokens_per_second" not in row:
            raise MisuseError(f"{reader.at(first, 'measured')}: needs model and tokens_per_second")
        value = {k: v for k, v in row.items() if k not in ("model", "precision", "engine", "tokens_per_second")}
        said_rate = row["tokens_per_second"]
        table = {**value, **(said_rate if isinstance(said_rate, dict) else {"value": said_rate})}
        rate = reader.value("tokens_per_second", table, first, Decimal("0.001"), 10**9, False)
        found.append(Measured(model, str(row.get("precision", "")), str(row.get("engine", "")), rate))
    return tuple(found)
