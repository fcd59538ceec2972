"""Many workloads at once: each as by itself, together with shared commitments, and every fault told before any work."""

import json
import os
import random
import subprocess
import sys
from contextlib import suppress
from decimal import Decimal
from itertools import product

import pytest

from planner.api import quote as fresh
from planner.buying import plan, portfolio, shapes, sharing, stock, workloads
from planner.buying.levels import solve
from planner.buying.market import Rules
from planner.cli.portfolio import _machines
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.workload import Workload
from tests.conftest import ROOT, Run

D = Decimal
MANY = """\
currency = "USD"

[[workload]]
name = "chat"
rps = 20
hours = 720

[[workload]]
name = "code"
model = "DeepSeek-R1-Distill-Qwen-32B"
[workload.demand]
shape = "code-workday"
rps = 3
hours = 336
"""


def read(planner, *args):
    found = planner("portfolio", "--offline-list", *args, "--format", "json")
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def test_each_workload_is_what_it_is_by_itself(planner: Run, tmp_path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(MANY, "utf-8")
    raw = read(planner, str(file))
    chat, code = raw["workloads"]
    best = fresh(rps="20", hours="720").best
    assert D(chat["cost"]) == best.totals.report.obligation and chat["takes"][0]["offer"] == best.id
    alone = tmp_path / "code.toml"
    alone.write_text(MANY.split("[[workload]]")[2].replace("[workload.demand]", "[demand]"), "utf-8")
    told = json.loads(planner("commit", "--offline-list", str(alone), "--format", "json").stdout)
    assert code["cost"] == told["mix"]["cost"] and code["instance_type"] == told["mix"]["instance_type"]
    assert D(raw["cost"]) == D(chat["cost"]) + D(code["cost"])
    assert chat["where"].endswith("p.toml:3") and code["where"].endswith("p.toml:8")


def test_a_folder_a_table_and_a_file_say_the_same(planner: Run, tmp_path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    (folder / "a.toml").write_text("rps = 20\nhours = 720\n", "utf-8")
    (folder / "b.toml").write_text('[demand]\nshape = "flat"\nrps = 3\nhours = 48\n', "utf-8")
    (folder / "notes.txt").write_text("not a workload", "utf-8")
    table = tmp_path / "t.csv"
    table.write_text(
        "name,rps,hours,provider,demand\na,20,720,aws;alicloud;tencentcloud,\nb,,,,flat rps=3 hours=48\n", "utf-8"
    )
    one, other = read(planner, str(folder)), read(planner, str(table))
    assert [(w["name"], w["cost"]) for w in one["workloads"]] == [(w["name"], w["cost"]) for w in other["workloads"]]
    assert [w["name"] for w in one["workloads"]] == ["a", "b"]


def test_processes_change_nothing(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(portfolio, "ALONE", 2)
    table = tmp_path / "t.csv"
    table.write_text("name,rps,hours\n" + "".join(f"w{n},{1 + n % 5},{100 + n}\n" for n in range(40)), "utf-8")
    items, wrong = workloads.many(str(table), Workload(), {})
    assert not wrong and len(items) == 40
    lists = Catalog()
    given = portfolio.Given(Catalog, "2026-11-26", plan.Asked(), (), False)
    steps = []
    alone = list(portfolio.results(items, given, lists, 1, lambda: steps.append(1)))
    assert alone == list(portfolio.results(items, given, lists, 2, lambda: None))
    assert len(steps) == 40 and [r.row.name for r in alone] == [i.name for i in items]


def shared(items):
    lists, given = Catalog(), portfolio.Given(Catalog, "2026-11-26", plan.Asked(), (), True)
    found = list(portfolio.results(items, given, lists, 1, lambda: None))
    return found, sharing.share(items, found, given, lists)


def item(name, said, **fields):
    asked = shapes.from_words(said)
    work = plan.workload_at_peak(Workload(**fields), asked)
    return workloads.Item(name, f"x:{name}", work, said)


DAY = "office rps=60 from=0 to=12 weekend=1"
NIGHT = "office rps=60 from=12 to=24 weekend=1"


def test_day_and_night_share_what_neither_would_buy() -> None:
    """Two halves of a day commit nothing alone at half the hours; together they are flat, and all of it is committed."""
    only = {"instance_type": ("g6e.xlarge",), "region": ("us-east-1",)}
    found, all_ = shared([item("day", DAY, **only), item("night", NIGHT, **only)])
    assert all(not any("reserved" in offer for offer, _, _ in one.row.offers) for one in found)
    (pool,) = all_.pools
    assert min(pool.counts) == max(pool.counts) and pool.solved.on_demand == 0
    assert all_.cost < all_.apart == sum(one.row.cost for one in found) and pool.names == ("day", "night")
    # Exact for its type: the sum's own cheapest mix.
    assert pool.cost == solve(pool.counts, pool.market.deals, pool.market.paid).cost


def test_starts_lie_where_the_calendar_has_them() -> None:
    only = {"instance_type": ("g6e.xlarge",), "region": ("us-east-1",)}
    first = item("first", "flat instances=3 hours=48 start=2027-01-01", **only)
    later = item("later", "flat instances=2 hours=48 start=2027-01-02", **only)
    _, all_ = shared([first, later])
    (pool,) = all_.pools
    assert pool.counts == (3,) * 24 + (5,) * 24 + (2,) * 24 and all_.start == "2027-01-01"


def test_what_costs_an_instance_otherwise_is_not_shared() -> None:
    only = {"instance_type": ("g6e.xlarge",), "region": ("us-east-1",)}
    _, all_ = shared([item("bare", DAY, **only), item("disk", NIGHT, storage_gb=D(500), **only)])
    assert len(all_.pools) == 2


def test_the_search_for_types_is_no_worse_than_any_choice() -> None:
    """Every choice of types for a few workloads, tried: the search comes within one percent of the best, and often to it."""
    r = random.Random(7)
    said = [
        f"{shape} rps={r.randint(4, 30)}" for shape in ("chat-global", "code-workday", "api-evening", DAY.split()[0])
    ]
    items = [item(f"w{n}", words, region=("us-east-1",)) for n, words in enumerate(said)]
    found, all_ = shared(items)
    lists, given = Catalog(), portfolio.Given(Catalog, "2026-11-26", plan.Asked(), (), True)
    start = ""
    members = [sharing._Member(one.row, it.work, 0, one.candidates[:3]) for it, one in zip(items, found, strict=True)]
    search = sharing._Search(members, given, lists, start)
    best = None
    for choice in product(range(3), repeat=len(members)):
        sums, beside = {}, D(0)
        for n, c in enumerate(choice):
            beside += members[n].candidates[c].fixed
            key, counts = search.key(n, c), members[n].candidates[c].counts
            sums[key] = [a + b for a, b in zip(sums.get(key, [0] * 8760), counts, strict=True)]
        total = beside + sum(search._cost(key, sharing._packed(counts, 0)) for key, counts in sums.items())
        best = total if best is None else min(best, total)
    assert best <= all_.apart and all_.cost <= min(best * D("1.01"), all_.apart)


def test_as_people_read_it(planner: Run, tmp_path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(MANY, "utf-8")
    said = ["portfolio", "--offline-list", str(file)]
    shown = planner(*said, "--budget", "1000000", "--top", "1")
    assert shown.returncode == 0 and "2 workloads:" in shown.stdout and "left." in shown.stdout
    assert "and 1 more" in shown.stdout and shown.stderr == ""  # no bar where nobody looks
    over = planner(*said, "--budget", "1000")
    assert over.returncode == 1 and "over" in over.stderr and "over." in over.stdout
    chinese = planner(*said, "--lang", "zh", "--shared").stdout
    assert "个工作负载" in chinese and "workload" not in chinese
    table = tmp_path / "t.csv"
    table.write_text("name,demand\n" + f"day,{DAY}\nnight,{NIGHT}\n", "utf-8")
    only = ["--instance-type", "g6e.xlarge", "--region", "us-east-1", "--shared"]
    both = planner("portfolio", "--offline-list", str(table), *only)
    assert "shared commitments save" in both.stdout and "reserved 1y" in both.stdout, both.stderr
    raw = read(planner, str(table), *only)
    assert D(raw["cost"]) == D(raw["shared"]["cost"]) < D(raw["cost_apart"])


def test_what_nothing_serves_does_not_stop_the_others(planner: Run, tmp_path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(MANY + '\n[[workload]]\nname = "fast"\nrps = 1\nttft_ms = 1\n', "utf-8")
    found = planner("portfolio", "--offline-list", str(file))
    assert found.returncode == 1 and found.stderr.count("\n") == 1
    assert "nothing serves fast" in found.stderr and "p.toml:16" in found.stderr
    assert "2 workloads:" in found.stdout and "served by nothing" in found.stdout
    own = tmp_path / "own.csv"
    own.write_text("name,hours,budget\nsmall,720,1\n", "utf-8")
    over = planner("portfolio", "--offline-list", str(own))
    assert over.returncode == 1 and "over its own budget" in over.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (MANY.replace("rps = 20", 'rps = "many"'), "p.toml:5: --rps: 'many'"),
        (MANY.replace("rps = 20", "rpz = 20"), "p.toml:5: unknown key 'rpz'"),
        (MANY.replace("Qwen-32B", "Qwen-33B"), "p.toml:10:"),
        (MANY.replace("rps = 3\n", "rps = -3\n"), "p.toml:13: rps"),
        (MANY.replace('"code-workday"', '"nights"'), "no shape 'nights'"),
        (MANY.replace('"code"', '"chat"'), "the name 'chat' is also at"),
        (MANY.replace("hours = 720", 'hours = 720\ncurrency = "CNY"'), "amounts in CNY and USD are not added"),
        (MANY.replace("hours = 720", "hours = 720\ncontext_tokens = 5"), "p.toml:3: context_tokens 5"),
        ("", "p.toml"),
        ("[[workload]\n", "not valid TOML"),
        ("workload = 3\n", "[workload] must be a table"),
        ("workload = [3]\n", "must be tables"),
    ],
)
def test_a_fault_names_its_file_and_line(planner: Run, tmp_path, text, told) -> None:
    file = tmp_path / "p.toml"
    file.write_text(text, "utf-8")
    found = planner("portfolio", "--offline-list", str(file))
    if text == "":  # an empty file is the reference workload, as for `planner quote`
        assert found.returncode == 0
        return
    assert found.returncode == 2 and told in found.stderr and found.stderr.count("\n") == 1, found.stderr
    assert not found.stdout


def test_all_faults_are_told_at_once_and_nothing_is_done(planner: Run, tmp_path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("name,rps\na,1\nb,x\nc,-1\nd,1,2\n", "utf-8")
    found = planner("portfolio", "--offline-list", str(table), "-o", str(tmp_path / "out"))
    assert found.returncode == 2 and not found.stdout and not (tmp_path / "out").exists()
    lines = found.stderr.strip().split("\n")
    assert [line.split(": ")[1] for line in lines[:3]] == [f"{table}:{n}" for n in (3, 4, 5)]
    assert "3 faults, all above; nothing was planned" in lines[3]
    table.write_text("name,rps\n" + "".join(f"w{n},x\n" for n in range(50)), "utf-8")
    lines = planner("portfolio", "--offline-list", str(table)).stderr.strip().split("\n")
    assert len(lines) == 21 and "50 faults, the first 20 above" in lines[-1]
    table.write_text("name,rps,rps\na,1,2\n", "utf-8")
    twice = planner("portfolio", "--offline-list", str(table))
    assert twice.returncode == 2 and "t.csv:1: the column 'rps' stands twice" in twice.stderr


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["nowhere.toml"], "cannot read workload nowhere.toml"),
        (["--jobs", "0", "x"], "--jobs"),
        (["--top", "many", "x"], "--top"),
        (["--region", "us-east-99", "{file}"], "us-east-99"),
        (["--hours", "-1", "{file}"], "--hours"),
        (["{folder}"], "no *.toml"),
        ([], "FILE|DIR"),
    ],
)
def test_misuse_is_one_line(planner: Run, tmp_path, args, told) -> None:
    file, folder = tmp_path / "p.toml", tmp_path / "empty"
    folder.mkdir()
    file.write_text(MANY, "utf-8")
    found = planner("portfolio", "--offline-list", *(a.format(file=file, folder=folder) for a in args))
    assert found.returncode == 2 and told in found.stderr and found.stderr.count("\n") == 1 and not found.stdout


@pytest.mark.system
def test_a_bar_on_a_terminal(tmp_path) -> None:
    """On a terminal standard error has click's bar, and nothing of it is in the answer."""
    file = tmp_path / "p.toml"
    file.write_text(MANY, "utf-8")
    import pty

    inside, outside = pty.openpty()
    env = dict(os.environ, PLANNER_HOME=str(tmp_path), TERM="xterm", PYTHONPATH=str(ROOT))
    command = [sys.executable, "-m", "planner", "portfolio", "--offline-list", str(file)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=outside, text=True, env=env, timeout=120, cwd=ROOT)
    os.close(outside)
    drawn = ""
    with suppress(OSError):  # a terminal that nobody writes to any more ends with one
        while part := os.read(inside, 4096):
            drawn += part.decode("utf-8", "replace")
    os.close(inside)
    assert done.returncode == 0 and "100%" in drawn and "#" in drawn and "100%" not in done.stdout


@pytest.mark.slow
def test_a_thousand_workloads_in_ten_seconds_of_two_processors(tmp_path) -> None:
    import resource

    table = tmp_path / "t.csv"
    models = ("DeepSeek-R1-Distill-Qwen-7B", "DeepSeek-R1-Distill-Qwen-32B", "DeepSeek-R1-Distill-Llama-8B")
    rows = "".join(f"w{n},{100 + 7 * n},{models[n % 3]},{1 + n % 17}\n" for n in range(1000))
    table.write_text("name,hours,model,rps\n" + rows, "utf-8")
    # A process remembers as its own peak that of the one which started it: the peak is asked of /proc, within.
    code = (
        "import resource, sys\nfrom planner.cli import run\ncode = run(sys.argv[1:])\n"
        "own = next(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmHWM'))\n"
        "print(max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss), file=sys.stderr)\nsys.exit(code)"
    )
    command = [sys.executable, "-c", code, "portfolio", "--offline-list", "--jobs", "2", str(table)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 20
    assert int(done.stderr.split()[-1]) < 500 * 1024 / 3


def test_machines_of_ones_own_cost_what_each_workload_asks_of_them(tmp_path) -> None:
    """One catalogue serves all, one after the other; each is as with a catalogue and machines of its own, also in another order."""
    table = tmp_path / "t.csv"
    hours = ["a,26280,3,,owned", "b,8760,9,,owned;aws", "e,24,1,,aws"]
    rows = [*hours, "c,,,flat rps=9 hours=8760,owned", "d,,,diurnal rps=9 trough=20% hours=8760,owned"]
    machines, asked = stock.file_of("examples"), plan.Asked(rules=Rules("4y"))
    given = portfolio.Given(Catalog, "2026-11-26", asked, (), False, _machines("examples"))
    for order in (rows, rows[::-1]):
        table.write_text("name,hours,rps,demand,provider\n" + "\n".join(order) + "\n", "utf-8")
        items, wrong = workloads.many(str(table), Workload(), {})
        assert not wrong
        found = [one.row for one in portfolio.results(items, given, Catalog(), 1, lambda: None)]
        for item, row in zip(items, found, strict=True):
            catalog, demand = Catalog(), item.demand
            share = D(1) if demand is None else stock.busy(demand)
            stock.bring(catalog, machines, item.work, fx.Rates(fx.committed()), share)
            quote = portfolio.quoted(given, catalog, item.work, top=int(demand is None))
            best = quote.best.totals.report.obligation if demand is None else plan.make(quote, demand, asked).best.cost
            assert row.cost == best, item.name
        assert {row.provider for row in found} == {"owned", "aws"}


def test_machines_of_ones_own_are_refused_where_they_cannot_be(planner: Run, tmp_path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("name,demand\na,flat instances=2 hours=48\n", "utf-8")
    for args, words in (((), "p.csv:2: --own: instances of a cloud"), (("--shared",), "not with --shared")):
        found = planner("portfolio", "--offline-list", "--own", "examples", *args, str(file))
        assert found.returncode == 2 and words in found.stderr and found.stderr.count("\n") == 1, found.stderr


#: Workloads that differ in what a price depends on, and in what it does not (model, rate).
PRICED_BY = (
    {},
    {"model": "DeepSeek-R1-Distill-Qwen-32B", "rps": 20},
    {"storage_gb": 500},
    {"currency": "CNY"},
    {"discount": {"aws": "12%"}},
    {"hours": 8760},
    {"tax": "6%"},
    {"purchase_option": ("on_demand", "spot")},
    {"rps": 3, "egress_gb": 100},
)


def check_kept(asked: tuple[dict[str, object], ...], **where: object) -> None:
    from planner.buying.market import Known, markets

    known: Known = {}
    for fields in asked:
        quoted = fresh(start="2027-01-01", **{"hours": 2190, **where, **fields})
        for rules in (Rules(), Rules("1y", Decimal("0.3"), Decimal("0.05"))):
            hours = int(quoted.hours)
            kept, made = markets(quoted, hours, rules, known), markets(quoted, hours, rules)
            assert len(kept) == len(made) > 1
            for one, other in zip(kept, made, strict=True):
                assert (one[:4], one.deals, one[7:]) == (other[:4], other.deals, other[7:])
                assert one.paid._replace(run=None) == other.paid._replace(run=None)
                assert [way.lines for way in one.ways] == [way.lines for way in other.ways]
                if one.paid.run is not None and other.paid.run is not None:
                    assert one.paid.run(500) == other.paid.run(500)
    assert len(known) > len(made)


def test_prices_that_are_kept_are_those_that_would_be_made() -> None:
    check_kept(PRICED_BY[:4], provider=("tencentcloud",), region=("ap-guangzhou",), gpu=("A100", "V100", "T4"))


@pytest.mark.slow
def test_prices_that_are_kept_over_all_that_they_depend_on() -> None:
    check_kept(PRICED_BY, provider=("aws", "tencentcloud"))
