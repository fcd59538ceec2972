"""Demands that are told by their shape: flat, office hours, a daily wave, and the weeks of three public services.

    flat rps=20
    office instances=4 from=8 to=20 trough=25% weekend=0.1
    diurnal tokens_per_second=9000 peak_hour=20 trough=0.2 weekend=60% growth=5% hours=8760
    chat-global rps=12 of=mean start=2027-01-01

The same words stand in a TOML file as keys, with `shape = "diurnal"`. Hour 0 is a Monday's midnight where no `start` is given.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from planner.buying import demand
from planner.buying.demand import KINDS, MOST, MOST_HOURS, Demand, made
from planner.errors import MisuseError, suggest
from planner.files import DATA, read_text, toml
from planner.money import bounded, decimal_of, percent_of, seen
from planner.units import RATE_MONTH_HOURS, iso_date

__all__ = ["PROFILES", "SHAPES", "from_words", "is_shape", "read", "read_toml", "shape"]

#: The public weeks (planner/data/profiles.csv; profile_sources.csv says whose). docs/commit.md tells how they were made.
PROFILES = ("chat-global", "code-workday", "api-evening")
SHAPES = ("flat", "office", "diurnal", *PROFILES)
WEEK = 168
_KEYS = (*KINDS, "of", "trough", "weekend", "growth", "hours", "start", "from", "to", "peak_hour")
#: Keys that only some shapes know.
_OWN = {"from": ("office",), "to": ("office",), "peak_hour": ("diurnal",), "trough": ("office", "diurnal")}


def is_shape(said: str) -> bool:
    """Return whether `--demand` was given a shape in words rather than a file."""
    word = said.split(None, 1)[0] if said.split() else ""
    return word in SHAPES or ("=" in said and " " in said.strip() and not os.path.exists(said))


def read(said: str) -> Demand:
    """Return the demand that `--demand` names: a shape in words, one in a TOML file, or a CSV file."""
    if is_shape(said):
        return from_words(said)
    return read_toml(said) if said.endswith(".toml") else demand.read(said)


def from_words(said: str) -> Demand:
    """Return the demand of a shape in words ("flat rps=20"); `MisuseError` names the word that is wrong."""
    name, *words = said.split()
    given: dict[str, object] = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or not value:
            raise MisuseError(f"--demand: {seen(word)} is not KEY=VALUE (known: {', '.join(_KEYS)})")
        if key in given:
            raise MisuseError(f"--demand: {key} is given twice")
        given[key] = value
    return shape(name, given, "--demand")


def read_toml(path: str) -> Demand:
    """Return the demand of a shape in a TOML file; `MisuseError` names the file and the line."""
    text = read_text(path, "demand", 2**16)
    given: dict[str, object] = dict(toml(text, f"demand {path}"))
    name = given.pop("shape", None)
    if not isinstance(name, str):
        raise MisuseError(f'demand {path}: no shape: write shape = "flat" ({", ".join(SHAPES)})')
    return shape(name, given, f"demand {path}", _lines(text))


def _lines(text: str) -> dict[str, int]:
    """Return the line on which each key stands."""
    return {line.partition("=")[0].strip(): number for number, line in enumerate(text.split("\n"), 1) if "=" in line}


def shape(
    name: str, given: Mapping[str, object], where: str, lines: Mapping[str, int] | None = None, whole: str = ""
) -> Demand:
    """Return the demand of the shape `name` with its keys, hour by hour; anything wrong is `MisuseError`.

    lines: the line on which each key stands, where there is a file. whole: where all of it stands, for what is wrong with no one key.
    """
    whole = whole or where

    def at(key: str) -> str:
        return f"{where}:{lines[key]}: {key}" if lines and key in lines else f"{where}: {key}"

    if name not in SHAPES:
        raise MisuseError(f"{at('shape') if lines else whole}: no shape {seen(name)}: {suggest(name, SHAPES)}")
    for key in given:
        if key not in _KEYS:
            raise MisuseError(f"{at(key)}: not known to a shape: {suggest(key, _KEYS)}")
        if name not in _OWN.get(key, (name,)):
            raise MisuseError(f"{at(key)}: only of the shape {' or '.join(_OWN[key])}")
    found = [kind for kind in KINDS if kind in given]
    if len(found) != 1:
        told = f"not {' and '.join(found)}" if found else "such as rps=20"
        raise MisuseError(f"{whole}: {name} needs one of {', '.join(KINDS)}, {told}")
    kind = found[0]
    size = bounded(given[kind], at(kind), 0, MOST)
    hours = int(_whole(given.get("hours", 8760), at("hours"), 1, MOST_HOURS))
    start = iso_date(str(given["start"]), at("start")) if "start" in given else ""
    growth = _growth(given.get("growth", 0), at("growth"))
    week = _week(name, given, at)
    first = date.fromisoformat(start).weekday() * 24 if start else 0
    of = str(given.get("of", "peak"))
    if of not in ("peak", "mean"):
        raise MisuseError(f"{at('of')}: {seen(of)}: the number is of the peak or of the mean")
    scale = max(week) if of == "peak" else sum(week) / WEEK
    if not scale:
        raise MisuseError(f"{whole}: nothing is asked for in any hour of the week")
    factors = _factors(growth, hours, float(size), max(week) / scale, at("growth"))
    values = _hours(week, first, hours, float(size) / scale, factors)
    said = f"{name} {kind}={size}"
    return made(kind, values, whole, start)._replace(source=f"{said}: {_source(name)}" if name in PROFILES else said)


def _hours(week: Sequence[float], first: int, hours: int, at_peak: float, factors: Sequence[float]) -> list[Decimal]:
    """Return the demand of each hour: the week again and again, each month of 730 hours by its own factor."""
    month = int(RATE_MONTH_HOURS)
    known: dict[float, list[Decimal]] = {}
    values: list[Decimal] = []
    for number, factor in enumerate(factors):
        if factor not in known:
            known[factor] = [Decimal(str(round(share * at_peak * factor, 6))) for share in week]
        begin = number * month
        at = (first + begin) % WEEK
        turned = known[factor][at:] + known[factor][:at]
        values += (turned * (month // WEEK + 1))[: min(month, hours - begin)]
    return values


def _whole(value: object, what: str, low: int, high: int) -> Decimal:
    number = bounded(value, what, low, high)
    if number % 1:
        raise MisuseError(f"{what}: {number} is not a whole number from {low:,} to {high:,}")
    return number


def _growth(value: object, what: str) -> float:
    """Return the growth a month: 0.05 for 5 %; a shrinking demand is above -100 %."""
    text = str(value).strip()
    number = decimal_of(text.removesuffix("%"), what) / (100 if text.endswith("%") else 1)
    if number <= -1:
        raise MisuseError(f"{what}: {text} a month leaves nothing: write more than -100%")
    return float(number)


def _factors(growth: float, hours: int, size: float, peak: float, what: str) -> list[float]:
    """Return what each month multiplies the demand by; one that grows out of all bounds is `MisuseError`."""
    months = -(-hours // int(RATE_MONTH_HOURS))
    room = math.log(float(MOST) / (size * peak)) if size * peak else 0.0
    step = math.log1p(growth)
    if size and step * (months - 1) > room:
        when = int(room / step) + 1
        raise MisuseError(
            f"{what}: {growth:.6g} a month, for {months} months, overflows: by month {when + 1} the peak is over {MOST:,}"
        )
    return [math.exp(step * month) for month in range(months)]


def _week(name: str, given: Mapping[str, object], at: object) -> list[float]:
    """Return the 168 hours of the shape's week, Monday first, the highest being any number above 0."""
    label = at
    assert callable(label)
    weekend = given.get("weekend", 0 if name == "office" else 1)
    factor = float(bounded(percent_of(weekend, label("weekend")), label("weekend"), 0, 1))
    trough = float(percent_of(given.get("trough", 0), label("trough")))
    if name in PROFILES:
        week = _profile(name)
    elif name == "flat":
        week = [1.0] * WEEK
    elif name == "office":
        begin = int(_whole(given.get("from", 9), label("from"), 0, 23))
        end = int(_whole(given.get("to", 18), label("to"), 1, 24))
        if end <= begin:
            raise MisuseError(f"{label('to')}: {end} is not after from={begin}")
        week = [1.0 if begin <= hour % 24 < end else trough for hour in range(WEEK)]
    else:
        top = float(bounded(given.get("peak_hour", 15), label("peak_hour"), 0, 24))
        wave = [(1 + math.cos((hour - top) * math.pi / 12)) / 2 for hour in range(24)]
        week = [trough + (1 - trough) * wave[hour % 24] for hour in range(WEEK)]
    return _weekend(week, factor)


def _weekend(week: Sequence[float], factor: float) -> list[float]:
    return [value * factor if hour >= 120 else value for hour, value in enumerate(week)]


def _source(name: str) -> str:
    from planner.tables import read

    return next(row[1] for row, _ in read(os.path.join(DATA, "profile_sources.csv"))[1] if row[0] == name)


def _profile(name: str) -> list[float]:
    from planner.tables import read

    header, rows = read(os.path.join(DATA, "profiles.csv"))
    column = header.index(name.replace("-", "_"))
    return [float(row[column]) for row, _ in rows]
