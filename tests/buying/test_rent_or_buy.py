"""Rent or buy: the arithmetic by hand, the file's every fault with its line, and the answer as people and programs read it."""

import json
from decimal import Decimal

import pytest

from planner.buying import own, owned, rentbuy, stock
from planner.buying.owned import Asked, Fleet, Work, costs, wins
from planner.errors import MisuseError
from planner.workload import Workload
from tests.conftest import Run

D = Decimal
SITE = """\
currency = "USD"
[site]
electricity = 0.10
pue = 1.5
rack = 100
staff = 0
capital = 0
spares = 0
standby = 1

"""
MACHINE = """\
[[machine]]
name = "box"
gpu = "RTX 4090"
price = 12000
load_w = 1000
idle_w = 200
rated_w = 2000
years = 2
residual = "25%"
failures = 0
extras = "10%"
"""


def read(tmp_path, text):
    file = tmp_path / "own.toml"
    file.write_text(text, "utf-8")
    return own.read(str(file))


def same(amount, code):
    assert code == "USD"
    return amount


def test_by_hand(tmp_path) -> None:
    """Two machines of 12,000 (one stands by), used to half: every part counted on paper."""
    found = read(tmp_path, SITE + MACHINE)
    box = found.machines[0]
    work = Work(Workload(), D(100), D(50))
    cost = costs(Asked(found.site, box, Fleet(1, D(100), None, "", "")), work, same)
    assert (cost.bought, cost.months, cost.upfront, cost.residual) == (2, 24, D("26400"), D(6000))
    # 200 W and half of 800 W, and 200 W that stand by: 800 W, times 1.5, for 730 hours
    assert cost.kwh == D(876) and cost.power == D("87.6")
    assert cost.rack == 400 and cost.staff == cost.repairs == cost.capital == 0
    assert cost.cumulative[0] == 26400 and cost.cumulative[1] == D("26887.6")
    assert cost.cumulative[-1] == 26400 + 24 * D("487.6") - 6000
    assert cost.month == (20400 + 24 * D("487.6")) / 24
    assert cost.utilisation == D("0.5")


def test_capital_costs_what_is_in_the_books(tmp_path) -> None:
    text = SITE.replace("capital = 0", 'capital = "12%"').replace("standby = 1", "standby = 0")
    found = read(tmp_path, text + MACHINE.replace('extras = "10%"', "extras = 0"))
    cost = costs(
        Asked(found.site, found.machines[0], Fleet(1, D(100), None, "", "")), Work(Workload(), D(1), D(0)), same
    )
    # 12,000 fall to 3,000 in 24 months, 375 each: 1 % a month of 12,000, 11,625 ... 3,375
    assert cost.capital == 120
    interest = sum((12000 - 375 * D(month)) / 100 for month in range(24))
    assert cost.cumulative[-1] == 9000 + interest + 24 * (cost.power + cost.rack)


def test_staff_and_repairs(tmp_path) -> None:
    text = SITE.replace("staff = 0", "staff = 0.5\nstaff_year = 120000")
    found = read(tmp_path, text + MACHINE.replace("failures = 0", 'failures = "6%"'))
    cost = costs(
        Asked(found.site, found.machines[0], Fleet(3, D(100), None, "", "")), Work(Workload(), D(1), D(1)), same
    )
    assert cost.staff == 5000 and cost.repairs == 4 * 12000 * D("0.06") / 12


def test_the_month_from_which_buying_wins() -> None:
    own_ = [D(x) for x in (100, 110, 120, 130, 90)]
    assert wins(own_, D(60)) == 2 and wins(own_, D(55)) == 3 and wins(own_, D(30)) == 4  # the last has the residual
    assert wins(own_, D(20)) is None and wins(own_, D(1000)) == 1


def test_nothing_is_worth_less_for_more(tmp_path) -> None:
    """Dearer power, racks, money or machines never make owning cheaper; a longer life and a higher residual value do."""
    found = own.read(stock.examples())
    work = Work(Workload(), D(1000), D(600))
    for machine in found.machines:
        one = owned.Owned(machine, Fleet(4, D(300), None, "", ""), None)

        def convert(amount, code):
            return amount * (D("0.14") if code == "CNY" else 1)

        middle = costs(Asked(found.site, machine, one.fleet), work, convert)
        for what, end, value, cost in owned.varied(one, found.site, work, convert):
            up = (
                value.value
                > {**dict(zip(found.site._fields, found.site, strict=True)), **machine._asdict()}[
                    next(f for w, _, f in owned.RANGES if w == what)
                ].value
            )
            assert up == (end == "high")
            cheaper = cost.month < middle.month
            assert cheaper == ((what in ("years", "residual value")) == up), (machine.name, what, end)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("years = 2", "years = 0", "own.toml:18: years: 0 is outside"),
        ("years = 2", "years = -1", "own.toml:18: years: -1 is outside"),
        ("load_w = 1000\n", "", "own.toml:11: 'box': no load_w: what does it draw"),
        ("price = 12000\n", "", "own.toml:11: 'box': no price: what does one cost?"),
        ("price = 12000", "price = 0", "own.toml:14: price"),
        ("price = 12000", 'price = "cheap"', "own.toml:14: price: 'cheap'"),
        ("price = 12000", "price = { low = 3 }", "own.toml:14: price: no value"),
        ("price = 12000", "price = { value = 3, low = 4 }", "own.toml:14: price: 3 is not between low 4"),
        ("price = 12000", 'price = { value = 3, currency = "XYZ" }', "own.toml:14: price: unknown currency"),
        ("price = 12000", "price = { value = 3, sauce = 1 }", "own.toml:14: price: sauce"),
        ("idle_w = 200", "idle_w = 2000", "own.toml:16: idle_w: more than load_w"),
        ('residual = "25%"', 'residual = "125%"', "own.toml:19: residual"),
        ("electricity = 0.10\n", "", "own.toml:2: [site]: no electricity"),
        ("pue = 1.5", "pue = 0.5", "own.toml:4: pue: 0.5 is outside 1"),
        ("standby = 1", "standby = 0.5", "own.toml:9: standby: not a whole number"),
        ("rack = 100", "rak = 100", "own.toml:5: rak: not known here"),
        ('name = "box"\n', "", "own.toml:11: name"),
        ('gpu = "RTX 4090"\n', "", "neither gpu"),
        ("years = 2", "yeers = 2", "own.toml:18: yeers"),
        (MACHINE, MACHINE + MACHINE, "stands twice"),
        (MACHINE, "", "no machine"),
        ('currency = "USD"', 'currency = "dollars"', "own.toml:1: currency"),
    ],
)
def test_a_fault_names_its_line(tmp_path, old, new, told) -> None:
    text = SITE + MACHINE
    assert old in text
    with pytest.raises(MisuseError) as caught:
        read(tmp_path, text.replace(old, new, 1))
    assert told in str(caught.value), str(caught.value)


def test_what_is_missing_is_a_default_with_a_range(tmp_path) -> None:
    text = (
        'currency = "EUR"\n[site]\nelectricity = 0.19\n[[machine]]\nname = "a"\ngpu = "H100"\nprice = 1\nload_w = 700\n'
    )
    found = read(tmp_path, text)
    for value in (
        found.site.pue,
        found.site.rack,
        found.site.capital,
        found.machines[0].years,
        found.machines[0].residual,
    ):
        assert value.default and value.low < value.value < value.high and value.source
    assert found.machines[0].idle_w.value == 140 and found.machines[0].price.currency == "EUR"
    assert found.site.rack.currency == "USD"  # the default's own currency, not the file's
    assert found.site.staff_year is None


def test_the_examples_say_whose_every_number_is() -> None:
    found = own.read(stock.examples())
    assert len(found.machines) == 7
    for machine in found.machines:
        for value in (machine.price, machine.load_w, *(m.rate for m in machine.measured)):
            assert value.source and value.date and value.confidence in ("high", "medium", "low"), machine.name


SAID = (
    "rent-or-buy",
    "--offline-list",
    "--own",
    "examples",
    "--model",
    "DeepSeek-R1-Distill-Qwen-7B",
    "--region",
    "us-east-1",
)


def test_as_people_and_programs_read_it(planner: Run) -> None:
    said = [*SAID, "--demand", "chat-global rps=60 of=mean"]
    shown = planner(*said)
    assert shown.returncode == 0 and "Buying wins from month" in shown.stdout, shown.stderr
    for word in ("default", "estimate", "GeForce licence", "Staff is not in it", "CNY, 2026"):
        assert word in shown.stdout, word
    raw = json.loads(planner(*said, "--format", "json").stdout)
    best, rent = raw["machines"][0], D(raw["rent"]["month"])
    assert raw["schema"] == "planner.rent-or-buy/1" and best["machine"] == raw["chosen"]
    wins_ = best["buying_wins_from_month"]
    for row in raw["cumulative"]:
        if row["month"]:
            assert (D(row["own"]) <= D(row["rent"])) == (row["month"] >= wins_)
            assert abs(D(row["rent"]) - rent * row["month"]) < D("1e-9")
    months = [D(m["month"]) for m in raw["machines"]]
    assert months == sorted(months)
    tokens = D(raw["millions_of_tokens_a_month"])
    # 60 requests of 512 tokens a second on average, in 730 hours
    assert abs(tokens - D(60 * 512 * 3600 * 730) / 1_000_000) < tokens * D("0.001")
    assert abs(D(best["per_million_tokens"]) - D(best["month"]) / tokens) < D("1e-5")
    # The rent is what `planner commit` says of the same year.
    commit = json.loads(
        planner(
            "commit", "--offline-list", *SAID[4:], "--demand", "chat-global rps=60 of=mean", "--format", "json"
        ).stdout
    )
    assert abs(rent * 12 - D(commit["mix"]["cost"])) < D("1e-9")
    chinese = planner(*said, "--lang", "zh").stdout
    assert "自购" in chinese and "Buying" not in chinese


def test_a_machine_in_full_and_those_left_out(planner: Run) -> None:
    found = planner(*SAID, "--rps", "5", "--machine", "8x H20 node")
    assert found.returncode == 0 and "8x H20 node, a month on average" in found.stdout, found.stderr
    assert "RTX A4000 workstation is left out: tp 1: weights and engine need" in found.stdout
    assert "RX 7900 XTX workstation: 4-bit (Q4_K_M) by llama.cpp, one stream a card or socket: " in found.stdout
    limits = planner(
        *SAID, "--rps", "5", "--tpot-ms", "60"
    )  # the card keeps it at the slow end of its range, a socket does not
    assert "RX 7900 XTX workstation" in limits.stdout.split("rent, cheapest")[0]
    assert "2x EPYC 7763 server is left out: a token takes up to 69 ms there, the limit is 60" in limits.stdout
    tuned = planner(
        *(a.replace("DeepSeek-R1-Distill-Qwen-7B", "meta-llama/Llama-3.1-8B-Instruct") for a in SAID), "--rps", "1"
    )
    assert tuned.returncode == 0 and "RX 7900 XTX workstation" in tuned.stdout.split("rent, cheapest")[0], tuned.stderr


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--rps", "5", "--machine", "8x H21 node"], "no '8x H21 node'"),
        ([], "how much work?"),
        (["--concurrency", "5"], "how much work?"),
        (["--demand", "flat instances=3"], "instances of a cloud"),
        (["--rps", "5", "--budget", "3"], "--budget"),
        (["--rps", "5", "--use", "300h/month x12"], "leave out --use"),
        (["--rps", "5", "--own", "nowhere.toml"], "cannot read own nowhere.toml"),
    ],
)
def test_misuse_is_one_line(planner: Run, args, told) -> None:
    found = planner(*SAID, *args)
    assert found.returncode == 2 and told in found.stderr and found.stderr.count("\n") == 1 and not found.stdout
    if not args:
        none = planner("rent-or-buy", "--offline-list", "--rps", "5")
        assert none.returncode == 2 and "--own examples" in none.stderr


def test_no_currency_without_a_rate(planner: Run, tmp_path) -> None:
    file = tmp_path / "own.toml"
    file.write_text((SITE + MACHINE).replace("price = 12000", 'price = { value = 9000, currency = "CHF" }'), "utf-8")
    said = [a if a != "examples" else str(file) for a in SAID]
    found = planner(*said, "--rps", "5")
    assert found.returncode == 2 and "CHF" in found.stderr, found.stderr
    given = planner(*said, "--rps", "5", "--fx", "CHFUSD=1.2")
    assert given.returncode == 0 and "1 CHF = 1.2 USD" in given.stdout


def test_a_year_is_said_again_from_a_shorter_demand() -> None:
    from planner.buying.demand import Demand

    week = Demand("rps", tuple(D(1 + n % 3) for n in range(168)))
    assert rentbuy.yearly(Workload(), week).hours == 8760
    assert rentbuy.yearly(Workload(rps=D(3)), None).values == (D(3),) * 8760
