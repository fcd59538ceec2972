"""A demand from a file or a shape: what is taken, and what is refused with its line."""

from decimal import Decimal
from itertools import pairwise

import pytest

from planner.buying import demand, shapes
from planner.errors import MisuseError

D = Decimal


@pytest.fixture
def csv(tmp_path):
    def write(text):
        path = tmp_path / "demand.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


@pytest.mark.parametrize(
    ("text", "kind", "values", "start"),
    [
        ("hour,rps\n0,1\n1,2.5\n2,0\n", "rps", ("1", "2.5", "0"), ""),
        ("\ufeffhour,rps\r\n0,1\r\n1,2\r\n", "rps", ("1", "2"), ""),
        ("tokens_per_second,hour,note\n5,0,x\n\n6,1,y\n", "tokens_per_second", ("5", "6"), ""),
        ("Hour,Instances\n2026-01-01T00:00+08:00,3\n2026-01-01T01:00+08:00,4", "instances", ("3", "4"), "2026-01-01"),
        ("hour,rps\n2025-12-31T23:00Z,1\n2026-01-01T00:00:00Z,2\n", "rps", ("1", "2"), "2025-12-31"),
        # Clocks go forward, and back: the offsets say so.
        ("hour,rps\n2026-03-29T01:00+01:00,1\n2026-03-29T03:00+02:00,1\n", "rps", ("1", "1"), "2026-03-29"),
        ("hour,rps\n2026-10-25T02:00+02:00,1\n2026-10-25T02:00+01:00,2\n", "rps", ("1", "2"), "2026-10-25"),
        ("hour,rps\n2026-01-01T00:00+05:30,1\n2026-01-01T01:00+05:30,2\n", "rps", ("1", "2"), "2026-01-01"),
    ],
)
def test_what_a_file_says(csv, text, kind, values, start):
    found = demand.read(csv(text))
    assert (found.kind, found.values, found.start) == (kind, tuple(map(D, values)), start)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"csv:1: the file is empty"),
        ("hour,rps\n", "no hours"),
        ("time,rps\n0,1\n", r"csv:1: no column `hour`.*call time `hour`"),
        ("hour,rsp\n0,1\n", "csv:1: no column of rps.*did you mean rps"),
        ("hour,rps,instances\n0,1,1\n", "csv:1: give one demand"),
        ("hour,rps,rps\n0,1,1\n", "csv:1: the column rps stands twice"),
        ("hour,rps\n0,1\n1,2\n3,1\n", "csv:4: 3 follows 1: an hour is missing .hour 2 is next"),
        ("hour,rps\n0,1\n9,1\n", "csv:3: 9 follows 0: 8 hours are missing"),
        ("hour,rps\n0,1\n1,2\n1,1\n", "csv:4: hour 1 stands twice"),
        ("hour,rps\n0,1\n1,2\n2,2\n0,1\n", "csv:5: hour 0 goes back"),
        ("hour,rps\n1,1\n", "csv:2: the first hour is 1"),
        ("hour,rps\n-1,1\n", "csv:2: the first hour is -1"),
        ("hour,rps\n0,-2\n", "csv:2: rps is '-2': a demand is not below zero"),
        ("hour,rps\n0,1\n\n1,many\n", "csv:4: rps is 'many': not a number"),
        ("hour,rps\n0,nan\n", "csv:2: rps is 'nan': not a number"),
        ("hour,rps\n0,inf\n", "not a number"),
        ("hour,rps\n0,1_000\n", "not a number"),
        ("hour,rps\n0,\n", "csv:2: rps is '': not a number"),
        ("hour,rps\n0,1e40\n", "csv:2: .*out of bounds"),
        ("hour,rps\n0\n", "csv:2: 1 fields, the first line has 2"),
        ('hour,rps\n0,"1\n', "not CSV"),
        ("hour,rps\nmonday,1\n", "csv:2: hour is 'monday': neither a whole number nor a time"),
        ("hour,rps\n2026-01-01T00:00,1\n", "csv:2: .*names no time zone"),
        ("hour,rps\n2026-01-01T00:30Z,1\n", "csv:2: .*not a whole hour"),
        ("hour,rps\n2026-01-01T00:00Z,1\n2026-01-01T01:00+05:30,1\n", "csv:3: .*not a whole number of hours after"),
        ("hour,rps\n0,1\n2026-01-01T00:00Z,1\n", "csv:3: .*is no number"),
        ("hour,rps\n2026-01-01T00:00Z,1\n1,1\n", "csv:3: .*is a number"),
        ("hour,rps\n0001-01-01T00:00+08:00,1\n", "csv:2: .*outside the calendar"),
        ("hour,rps\n2026-03-29T01:00+01:00,1\n2026-03-29T03:00+01:00,1\n", "csv:3: .*clock changes"),
        ("hour,rps\n2026-10-25T02:00+02:00,1\n2026-10-25T02:00+02:00,1\n", "csv:3: .*stands twice.*clock changes"),
        ("hour,rps\n0,0\n1,0\n", "nothing is asked for"),
        ("hour,instances\n0,100001\n", "more than the limit of 100,000"),
        (b"hour,rps\n0,\xff\n", "not UTF-8"),
    ],
)
def test_what_is_refused(csv, text, told):
    with pytest.raises(MisuseError, match=told):
        demand.read(csv(text))


def test_a_file_without_end_is_not_read_to_it(csv, monkeypatch):
    many = "hour,rps\n" + "".join(f"{hour},1\n" for hour in range(demand.MOST_HOURS + 5))
    with pytest.raises(MisuseError, match=r"csv:87842: more than 87,840 hours"):
        demand.read(csv(many))
    path = csv("hour,rps\n" + "0,1\n" * 2_200_000)
    monkeypatch.setattr(demand, "read_text", None)  # not even opened
    with pytest.raises(MisuseError, match="at most 87,840 hours"):
        demand.read(path)


def test_flat_and_office():
    assert set(shapes.from_words("flat rps=20 hours=30").values) == {D(20)}
    office = shapes.from_words("office instances=4 from=8 to=20 trough=25% hours=168").values
    assert office[:24] == (D(1),) * 8 + (D(4),) * 12 + (D(1),) * 4
    assert not any(office[120:])  # a weekend of 0 unless it is said
    assert shapes.from_words("office instances=4 weekend=50% hours=168").values[130] == 2


def test_a_daily_wave():
    wave = shapes.from_words("diurnal rps=10 trough=0.2 peak_hour=20 weekend=0.5 hours=336").values
    assert (max(wave), wave[20], wave[8], wave[24 * 5 + 20]) == (10, 10, 2, 5)
    assert wave[:168] == wave[168:]
    mean = shapes.from_words("diurnal rps=10 trough=0.2 weekend=0.5 of=mean hours=168").values
    assert abs(sum(mean) / 168 - 10) < D("0.001")


def test_growth_is_by_the_month():
    grown = shapes.from_words("flat rps=100 growth=10% hours=2190").values
    assert [grown[0], grown[729], grown[730], grown[1460]] == [100, 100, D("110.0"), D("121.0")]
    assert shapes.from_words("flat rps=100 growth=-50% hours=1460").values[-1] == 50


def test_a_week_begins_on_its_own_day():
    monday = shapes.from_words("office rps=1 hours=24 start=2026-11-23").values
    assert monday[9] == 1 and not monday[8]
    with pytest.raises(MisuseError, match="nothing is asked for"):
        shapes.from_words("office rps=1 hours=24 start=2026-11-28")


@pytest.mark.parametrize("name", shapes.PROFILES)
def test_the_public_weeks(name):
    found = shapes.from_words(f"{name} rps=1 of=mean hours=168")
    assert abs(sum(found.values) - 168) < D("0.01") and "aggregate" in found.source
    assert max(shapes.from_words(f"{name} rps=7 hours=168").values) == 7


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("flat", "flat needs one of rps"),
        ("flat rps=1 instances=2", "not rps and instances"),
        ("flut rps=1", "no shape 'flut': did you mean flat"),
        ("flat rps", "'rps' is not KEY=VALUE"),
        ("flat rps=1 rps=2", "rps is given twice"),
        ("flat rps=1 foo=2", "foo: not known"),
        ("flat rps=-1", "rps: -1 is outside"),
        ("flat rps=many", "rps: 'many'"),
        ("flat rps=0", "nothing is asked"),
        ("flat rps=1 trough=2%", "trough: only of the shape office or diurnal"),
        ("office rps=1 from=20 to=8", "to: 8 is not after"),
        ("diurnal rps=1 weekend=7", "weekend: 7 is outside"),
        ("diurnal rps=1 of=all", "of: 'all'"),
        ("diurnal rps=1 hours=0", "hours: 0 is outside"),
        ("diurnal rps=1 hours=1.5", "hours: 1.5 is not a whole number"),
        ("diurnal rps=1 start=tomorrow", "start: 'tomorrow' is not a date"),
        ("diurnal rps=1 growth=-100%", "leaves nothing"),
        ("diurnal rps=1 growth=9999999%", "growth: .* overflows: by month 4"),
        ("diurnal rps=1 growth=900% hours=87840", "growth: 9 a month, for 121 months, overflows: by month 1[34]"),
    ],
)
def test_a_shape_that_is_none(said, told):
    assert shapes.is_shape(said) or said.split()[0] not in shapes.SHAPES
    with pytest.raises(MisuseError, match=told):
        shapes.from_words(said)


def test_a_shape_in_a_file(tmp_path):
    path = tmp_path / "shape.toml"
    path.write_text('shape = "diurnal"\nrps = 12.5\ntrough = 0.2\ngrowth = "3%"\nstart = 2027-01-01\n', "utf-8")
    assert (
        shapes.read_toml(str(path))[:3]
        == shapes.from_words("diurnal rps=12.5 trough=0.2 growth=3% start=2027-01-01")[:3]
    )
    for text, told in (
        ('shape = "diurnal"\nrps = 4\n\nweekend = 7\n', "toml:4: weekend: 7 is outside"),
        ('shape = "wave"\nrps = 4\n', "toml:1: shape: no shape 'wave'"),
        ("rps = 4\n", "no shape: write shape"),
        ('shape = "flat"\nrps = 1\nforever = 2\n', "toml:3: forever: not known"),
        ("shape = \n", "toml"),
    ):
        path.write_text(text, "utf-8")
        with pytest.raises(MisuseError, match=told):
            shapes.read_toml(str(path))


def test_repeated_to_the_end():
    week = shapes.from_words("diurnal rps=3 trough=0.1 hours=168")
    year = demand.repeated(week, 8760)
    assert year.hours == 8760 and all(a == b for a, b in zip(year.values, year.values[168:], strict=False))
    assert [b - a for a, b in pairwise(demand.scaled(week, D(2)).values)][:3] == [
        2 * (b - a) for a, b in pairwise(week.values[:4])
    ]
