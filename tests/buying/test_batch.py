"""A batch with a deadline: the cheapest run is that of brute force, bad input is one line, longer deadlines are never dearer."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import pytest
from click.testing import CliRunner

from planner.buying.batch import Asked, Run, Shop, cheapest, shortest
from planner.cli import cli
from planner.cli.batch import deadline, tokens_of
from planner.errors import MisuseError, NoOfferError, PlannerError

ZERO = Decimal(0)
LIST = ("quote", "--offline-list", "--provider", "aws", "--gpu", "A10G")


def random_case(chance: random.Random) -> tuple[Shop, Asked]:
    """A place and a batch, small enough to try everything."""
    price = Decimal(chance.randint(50, 400)) / 100
    step = chance.choice((0, 0, 3))

    def hour(hours: int) -> Decimal:
        return price * hours - (Decimal("0.5") * max(0, hours - step) if step else 0) * price / 2

    blocks, end, cost = [], 0, ZERO
    for _ in range(chance.choice((0, 0, 1, 2))):
        end, cost = end + chance.randint(2, 6), cost + Decimal(chance.randint(100, 1200)) / 100
        blocks.append((end, cost))
    spot = chance.choice((None, price * chance.randint(20, 99) / 100, price))
    shop = Shop(
        each=chance.randint(50, 5000),
        most=chance.randint(1, 9),
        hour=chance.choice((hour, hour, None)) if spot is not None or blocks else hour,
        spot=spot,
        blocks=tuple(blocks),
        start=chance.choice((0, 0, 21, 60, 75)),
        beside=chance.choice((lambda hours: ZERO, lambda hours: Decimal(hours) / 7)),
    )
    share = Decimal(chance.choice((0, 10, 33, 50, 75, 100))) / 100
    lost = Decimal(chance.choice((0, 5, 10, 25, 37))) / 100
    return shop, Asked(chance.randint(1, 60_000), chance.randint(1, 10), share=share, lost=lost)


def brute(shop: Shop, asked: Asked) -> Run | None:
    """Try every number of hours, firm and spot units, and every commitment."""
    every: list[Run] = []
    for hours in range(1, asked.hours + 1):
        minutes = max(0, 60 * hours - shop.start)
        beside = shop.beside(hours)
        for x in range(shop.most + 1):
            for number, (end, cost) in enumerate(shop.blocks):
                if hours <= end and shop.each * minutes * x >= 60 * asked.tokens:
                    every.append(Run(cost * x + beside, 0, 0, x, hours, number))
            if x and shop.hour is None:
                continue
            for y in range((shop.most - x if shop.spot is not None else 0) + 1):
                work = shop.each * minutes * (x * 100 + y * int(100 - 100 * asked.lost))
                if work >= 6000 * asked.tokens and y <= asked.share * (x + y):
                    price = (shop.hour(hours) * x if shop.hour else ZERO) + (shop.spot or ZERO) * y * hours
                    every.append(Run(price + beside, x, y, 0, hours))
    return min(every, key=lambda run: run.rank, default=None)


def test_the_cheapest_run_is_that_of_brute_force() -> None:
    chance = random.Random(20261126)
    met = 0
    for _ in range(500):
        shop, asked = random_case(chance)
        want, got = brute(shop, asked), cheapest(shop, asked)
        assert (got is None) == (want is None), (shop, asked, want, got)
        if got is not None and want is not None:
            assert got.rank == want.rank, (shop, asked, want, got)
            met += 1
    assert met > 200


def test_the_shortest_time_is_the_least_in_which_it_can_be_done() -> None:
    chance = random.Random(7)
    for _ in range(60):
        shop, asked = random_case(chance)
        asked = asked._replace(share=Decimal(1), tokens=asked.tokens // 4 + 1)
        least = shortest(shop._replace(blocks=()), asked)
        shop = shop._replace(blocks=())
        if least <= 30 and (shop.hour or shop.spot is not None):
            assert brute(shop, asked._replace(hours=least)) is not None
            assert brute(shop, asked._replace(hours=least - 1)) is None


def told(*args: str) -> str:
    done = CliRunner().invoke(cli, [*LIST, *args], standalone_mode=False)
    if isinstance(done.exception, PlannerError):
        raise done.exception
    assert done.exception is None, done.exception
    return done.stdout


def test_the_answer_adds_up() -> None:
    raw = json.loads(told("--tokens", "2e8", "--by", "72h", "--preset", "batch", "--format", "json"))
    assert raw["schema"] == "planner.batch/1"
    assert raw["tokens"] == 200_000_000
    assert raw["requests"] == -(-200_000_000 // 51)
    for plan in (raw["plan"], raw["without_spot"], *raw["alternatives"]):
        lost = Decimal(raw["spot_interruption"])
        full = plan["on_demand"] + plan["committed"] + plan["spot"] * (1 - lost)
        minutes = plan["hours"] * 60 - plan["start_minutes"]
        assert full * (plan["tokens_per_second"] + 1) * 60 * minutes >= raw["tokens"]
        assert plan["instances"] == plan["on_demand"] + plan["spot"] + plan["committed"]
        assert plan["hours"] <= raw["hours"] == 72
        assert Decimal(plan["cost"]) >= Decimal(raw["plan"]["cost"])
    assert raw["without_spot"]["spot"] == 0


def test_a_later_deadline_or_more_spot_is_never_dearer() -> None:
    costs = []
    for by in ("30h", "60h", "200h"):
        row = [
            Decimal(
                json.loads(told("--tokens", "3e8", "--by", by, "--spot-share", s, "--format", "json"))["plan"]["cost"]
            )
            for s in ("0", "50%", "100%")
        ]
        assert row == sorted(row, reverse=True)
        costs.append(row)
    assert all(a >= b for early, late in pairwise(costs) for a, b in zip(early, late, strict=True))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_table_names_what_to_take(lang: str) -> None:
    text = told("--tokens", "2e8", "--by", "72h", "--preset", "batch", "--lang", lang)
    assert "g5.xlarge" in text
    assert "3,921,569" in text  # 200,000,000 / 51, rounded up
    assert ("需要" in text or "小时" in text) == (lang == "zh")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--tokens", "1e19", "--by", "48"), "outside 1 to 1e18"),
        (("--tokens", "1e999", "--by", "48"), "outside 1 to 1e18"),
        (("--tokens", "0", "--by", "48"), "outside 1 to 1e18"),
        (("--tokens", "-5", "--by", "48"), "outside 1 to 1e18"),
        (("--tokens", "1.5", "--by", "48"), "not a whole number"),
        (("--tokens", "nan", "--by", "48"), "no number of tokens"),
        (("--tokens", "2e", "--by", "48"), "no number of tokens"),
        (("--tokens", "2e9"), "--tokens needs --by"),
        (("--by", "48"), "--by needs --tokens"),
        (("--spot-share", "50%"), "needs"),
        (("--tokens", "2e9", "--by", "2020-01-01T00:00"), "not after the start"),
        (("--tokens", "2e9", "--by", "2027-01-01", "--start", "2027-02-01"), "not after the start"),
        (("--tokens", "2e9", "--by", "soon"), "is no time"),
        (("--tokens", "2e9", "--by", "2026-02-30T00:00"), "is no time"),
        (("--tokens", "2e9", "--by", "0.5"), "less than an hour"),
        (("--tokens", "2e9", "--by", "9000h"), "outside 0 to"),
        (("--tokens", "2e9", "--by", "400d"), "more than a year off"),
        (("--tokens", "2e9", "--by", "2099-01-01"), "more than a year off"),
        (("--tokens", "2e9", "--by", "48", "--rps", "3"), "leave it out"),
        (("--tokens", "2e9", "--by", "48", "--hours", "3"), "leave it out"),
        (("--tokens", "2e9", "--by", "48", "--spare", "1"), "--spare"),
        (("--tokens", "2e9", "--by", "48", "--spot-interruption", "100%"), "100 %"),
        (("--tokens", "2e9", "--by", "48", "--spot-interruption", "3.7%"), "whole percent"),
        (("--tokens", "2e9", "--by", "48", "--format", "csv"), "table or json"),
        (("--tokens", "2e9", "--by", "48", "--offer", "x"), "leave it out"),
    ],
)
def test_bad_input_is_one_line(args: tuple[str, ...], said: str) -> None:
    with pytest.raises(MisuseError, match=r".") as caught:
        told(*args)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("said", "tokens"),
    [
        ("2e9", 2 * 10**9),
        ("2,000,000,000", 2 * 10**9),
        ("2_000_000_000", 2 * 10**9),
        ("2B", 2 * 10**9),
        ("2.5 billion tokens", 25 * 10**8),
        ("300M", 3 * 10**8),
        ("40k", 40_000),
        ("1.5T", 15 * 10**11),
    ],
)
def test_a_number_of_tokens_as_people_write_it(said: str, tokens: int) -> None:
    assert tokens_of(said) == tokens


@pytest.mark.parametrize(
    "said", ["nan", "2,0", ",5", "1,00,000", "B", "2e", "2 e 9 e", "two", "2e19", "-1", "0.5", "²", ""]
)
def test_what_is_no_number_of_tokens_is_refused(said: str) -> None:
    with pytest.raises(MisuseError, match="--tokens"):
        tokens_of(said)


START = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "hours"),
    [
        *(("48", 48), ("48h", 48), ("48 hours", 48), ("2 days", 48), ("2d12h", 60), ("1 week", 168), ("90min", 1.5)),
        *(("1.5d", 36), ("2026-11-29T08:00+08:00", 48), ("2026-11-29 08:00 Asia/Shanghai", 48), ("2026-11-29 UTC", 48)),
        *(("20261129T0000Z", 48), ("2026-11-28T19:00-05:00", 48)),
    ],
)
def test_a_deadline_as_people_write_it(said: str, hours: float) -> None:
    assert (deadline(said, START) - START).total_seconds() == hours * 3600


@pytest.mark.parametrize(
    "said",
    [
        "",
        "h",
        "48x",
        "-48h",
        "tomorrow",
        "2026-11-29 Mars/Base",
        "2026-11-29 ../etc",
        "1e9h",
        "1..5h",
        "2026-13-01",
        "5m",
    ],
)
def test_what_is_no_deadline_is_refused(said: str) -> None:
    with pytest.raises(MisuseError, match="--by"):
        deadline(said, START)


def test_a_deadline_that_cannot_be_met_names_the_shortest() -> None:
    with pytest.raises(NoOfferError, match=r"shortest is ([\d,]+) hours, with 2 x ") as caught:
        told("--tokens", "1e9", "--by", "2h", "--count", "2")
    hours = str(caught.value).partition("shortest is ")[2].partition(" ")[0].replace(",", "")
    assert f"for {int(hours):,} hours" in told(
        "--tokens", "1e9", "--by", f"{hours}h", "--count", "2", "--spot-share", "0"
    )
    with pytest.raises(NoOfferError):
        told("--tokens", "1e9", "--by", f"{int(hours) - 1}h", "--count", "2")


@pytest.mark.parametrize(
    ("said", "want"),
    [
        ("48", "2026-12-03T00:00"),
        ("48h", "2026-12-03T00:00"),
        ("2d", "2026-12-03T00:00"),
        ("1.5", "2026-12-01T01:30"),
        ("2026-12-05T08:00", "2026-12-05T08:00"),
        ("2026-12-05T08:00Z", "2026-12-05T08:00"),
        ("2026-12-05T08:00+08:00", "2026-12-05T00:00"),
        ("2026-12-05", "2026-12-05T00:00"),
    ],
)
def test_deadlines(said: str, want: str) -> None:
    start = datetime(2026, 12, 1, tzinfo=UTC)
    assert deadline(said, start) == datetime.fromisoformat(want).replace(tzinfo=UTC)


@pytest.mark.parametrize(("said", "want"), [("2e9", 2 * 10**9), ("2.5E3", 2500), ("1e+18", 10**18), ("7", 7)])
def test_numbers_of_tokens(said: str, want: int) -> None:
    assert tokens_of(said) == want
