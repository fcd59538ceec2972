"""What the buying commands refuse: the whole list of kinds, each in one line that says what, where and what next."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.buying import demand, own
from planner.errors import MisuseError
from tests.conftest import Run

OWN = '[site]\nelectricity = 0.1\n\n[[machine]]\nname = "box"\ngpu = "H100"\ngpus = 8\nprice = 269000\nload_w = 7750\nyears = 4\n'
LIST = ("--offline-list", "--provider", "aws", "--region", "us-east-1")


@pytest.mark.parametrize(
    ("said", "code", "why"),
    [
        (("commit", "--demand", "flat rps=5", "--term", "1m"), 2, "--term 1m is 730 hours, shorter than the 8,760"),
        (("commit", "--demand", "flat rps=5 growth=99999%"), 2, "overflows"),
        (("commit", "--demand", "flat rps=-5"), 2, "rps: -5 is outside"),
        (("commit", "--demand", "flat rps=5 hours=99", "--tpot-ms", "0.01"), 1, "times the limit"),
        (
            ("commit", "--demand", "flat rps=5 hours=99", "--ttft-ms", "0.5"),
            1,
            "nothing meets ttft 0.5 ms; nearest is ",
        ),
        (("commit", "--demand", "flat rps=5 hours=99", "--budget", "3"), 1, " over"),
        (("commit", "--own", "examples", "--demand", "flat instances=3"), 2, "no measure for other machines"),
        (("commit", "--own", "nowhere.toml", "--demand", "flat rps=3"), 2, "cannot read own nowhere.toml"),
        (("commit", "--price-falls", "--scenario", "1=flat rps=1", "--scenario", "1=flat rps=2"), 2, "--price-falls"),
        (("quote", "--replay", "saved.json", "--own", "examples"), 2, "--own"),
        (("quote", "--tokens", "2e8", "--by", "48h", "--own", "examples"), 2, "paid for its whole life"),
        (("rent-or-buy", "--rps", "5"), 2, "--own: which machines?"),
    ],
)
def test_one_line_says_it(planner: Run, said: tuple[str, ...], code: int, why: str) -> None:
    command, *rest = said
    made = planner(command, *(LIST if command == "commit" else ("--offline-list",)), *rest)
    assert made.returncode == code, made.stdout + made.stderr
    told = [line for line in made.stderr.split("\n") if line]
    assert len(told) == 1 and told[0].startswith("planner: ") and why in told[0], made.stderr
    assert code == 1 or not made.stdout


@pytest.mark.parametrize(
    ("change", "line", "why", "command"),
    [
        (("years = 4", "years = 0"), 10, "years: 0 is outside", "quote"),
        (("years = 4", "years = 0"), 10, "years: 0 is outside", "commit"),
        (("load_w = 7750\n", ""), 4, "no load_w", "rent-or-buy"),
        (("price = 269000\n", ""), 4, "no price", "quote"),
        (("electricity = 0.1\n", ""), 1, "no electricity", "quote"),
        (("gpus = 8", "gpus = 0"), 7, "gpus: 0 is outside", "commit"),
        (("price = 269000", "price = -1"), 8, "price: -1 is outside", "rent-or-buy"),
    ],
)
def test_a_file_of_machines_names_its_line(
    planner: Run, tmp_path: Path, change: tuple[str, str], line: int, why: str, command: str
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(OWN.replace(*change), "utf-8")
    demand_ = ("--demand", "flat rps=5") if command == "commit" else ("--rps", "5")
    made = planner(command, *LIST, "--own", str(file), *demand_)
    assert made.returncode == 2 and made.stderr.count("\n") == 1 and not made.stdout
    assert f"own.toml:{line}: " in made.stderr and why in made.stderr, made.stderr


ROWS = 30
DAMAGES = {
    "a gap": lambda rows, at: rows[:at] + rows[at + 1 :],
    "a line twice": lambda rows, at: rows[: at + 1] + rows[at:],
    "below zero": lambda rows, at: [*rows[:at], (rows[at][0], "-0.5"), *rows[at + 1 :]],
    "text": lambda rows, at: [*rows[:at], (rows[at][0], "many"), *rows[at + 1 :]],
    "nothing": lambda rows, at: [*rows[:at], (rows[at][0], ""), *rows[at + 1 :]],
    "no number": lambda rows, at: [*rows[:at], (rows[at][0], "nan"), *rows[at + 1 :]],
    "another kind of hour": lambda rows, at: [*rows[:at], ("noon", rows[at][1]), *rows[at + 1 :]],
    "out of order": lambda rows, at: [*rows[: at - 1], rows[at], rows[at - 1], *rows[at + 1 :]],
}


def _rows(kind: str, offset: int) -> list[tuple[str, str]]:
    if kind == "number":
        return [(str(hour), f"{1 + hour % 5}.25") for hour in range(ROWS)]
    first = datetime(2026, 10, 24, 22)
    zone = f"{'+' if offset >= 0 else '-'}{abs(offset):02d}:00"
    return [((first + timedelta(hours=h)).isoformat(timespec="minutes") + zone, "2") for h in range(ROWS)]


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(sorted(DAMAGES)),
    st.sampled_from(["number", "time"]),
    st.integers(2, ROWS - 2),
    st.integers(-11, 13),
)
def test_a_damaged_demand_names_the_line(damage: str, kind: str, at: int, offset: int) -> None:
    """Whatever is wrong with one hour, the first line at which it shows is named; the undamaged file is read whole."""
    rows = _rows(kind, offset)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "demand.csv")
        path.write_text("hour,rps\n" + "".join(f"{a},{b}\n" for a, b in rows), "utf-8")
        assert demand.read(str(path)).hours == ROWS
        path.write_text("hour,rps\n" + "".join(f"{a},{b}\n" for a, b in DAMAGES[damage](rows, at)), "utf-8")
        with pytest.raises(MisuseError) as told:
            demand.read(str(path))
    line = {"a line twice": at + 3, "out of order": at + 1}.get(damage, at + 2)
    assert f"demand.csv:{line}: " in str(told.value) and "\n" not in str(told.value)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 9), st.sampled_from(["", "=", "[", "= 1 2", '= "x', "x = {", "\x00", "años = -1"]))
def test_a_damaged_file_of_machines_is_one_line(at: int, junk: str) -> None:
    lines = OWN.split("\n")
    lines[at] = lines[at].replace("=", junk, 1) if "=" in lines[at] else junk
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "own.toml")
        path.write_text("\n".join(lines), "utf-8")
        said = "own.toml"
        try:
            own.read(str(path))
        except MisuseError as exc:
            said = str(exc)
    assert "own.toml" in said and "\n" not in said
