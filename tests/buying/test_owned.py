"""Machines of one's own by the door of a cloud: quote, commit and rent-or-buy tell one amount, and nobody sees them unasked."""

import json
from decimal import Decimal

import pytest

from planner import provider
from planner.buying import own, owned, stock
from planner.buying.owned import Work
from planner.prices.catalog import Catalog
from planner.prices.fx import Rates, committed
from planner.quoting import build
from planner.sizing import streams
from planner.sizing.machine import on_machine
from planner.sizing.models import find
from planner.workload import Workload
from tests.conftest import Run

D = Decimal
QUIET = ("--offline-list", "--own", "examples", "--model", "DeepSeek-R1-Distill-Qwen-7B")


ONE = D(1)


def quoted(work: Workload, share: Decimal = ONE):
    catalog = Catalog(as_of="2026-11-26")
    rates = Rates(committed("2026-11-26"), ())
    stock.bring(catalog, stock.file_of("examples"), work, rates, share)
    return build.quote(work, catalog, "2026-11-26", Rates(committed("2026-11-26"), ()))


def test_the_door_is_a_strangers() -> None:
    entry = provider.installed()["owned"]
    assert entry.module == "providers.owned" and provider.owns("owned") and not provider.owns("aws")
    adapter = provider.load("owned")
    assert adapter.name == "owned" and adapter.default_regions() == ()
    assert "owned" not in Catalog().providers(), "nothing of it is for sale until --own names a file"


@pytest.mark.parametrize("spare", [0, 2])
@pytest.mark.parametrize("share", [D(1), D("0.4")])
def test_quote_and_rent_or_buy_tell_one_amount(spare: int, share: Decimal) -> None:
    """For each machine: what the offer obliges to over its life is what owning it costs to the end, standby and idle hours in it."""
    work = Workload(rps=D(60), hours=D(35040), spare=spare, provider=("owned",))
    quote = quoted(work, share)
    file = stock.file_of("examples")
    rates = Rates(committed("2026-11-26"), ())
    peak = owned.work_of(work, None).peak
    seen = 0
    for machine in file.machines:
        fleet = owned.fleet(machine, Work(work, peak, peak * share))
        offer = next((o for o in quote.offers if o.instance_type == machine.name), None)
        if isinstance(fleet, owned.Unserved):
            assert offer is None
            continue
        site = file.site._replace(standby=file.site.standby._replace(value=D(max(1, spare))))

        def convert(amount: Decimal, code: str) -> Decimal:
            return rates.convert(amount, code, "USD")

        cost = owned.costs(owned.Asked(site, machine, fleet), Work(work, peak, peak * share), convert)
        assert offer is not None and offer.count == fleet.working + spare
        assert abs(offer.totals.report.obligation - cost.cumulative[-1]) < D("1e-9"), machine.name
        seen += 1
    assert seen == 6


def test_commit_takes_the_same_offer(planner: Run) -> None:
    """Four years of a demand: a machine bought for four years costs in commit what it costs in rent-or-buy."""
    said = ("--demand", "chat-global rps=60 of=mean", "--term", "4y", "--repeat", "--format", "json")
    mix = json.loads(planner("commit", *QUIET, *said).stdout)["mix"]
    bought = json.loads(
        planner("rent-or-buy", *QUIET, "--demand", "chat-global rps=60 of=mean", "--format", "json").stdout
    )
    best = bought["machines"][0]
    assert (mix["provider"], mix["instance_type"]) == ("owned", best["machine"])
    assert abs(D(mix["cost"]) - D(best["month"]) * best["months"]) < D("0.005")


def test_a_quote_shows_them_when_asked(planner: Run) -> None:
    told = planner("quote", *QUIET, "--rps", "60", "--hours", "35040", "--explain")
    assert told.returncode == 0 and "owned own, bought for 4y" in told.stdout, told.stderr
    count = int(told.stdout.partition("Take ")[2].split(" ")[0]) + 1  # as sized, and the one that stands by
    assert f"{count} machines are bought, 1 of them stand by: {count * 3410:,} USD at once" in told.stdout
    for part in ("Wear of the machine", "Electricity", "Rack", "Repairs", "Cost of capital"):
        assert f"    {part}: " in told.stdout
    assert "owned" not in planner("quote", "--offline-list", "--rps", "60").stdout
    alone = planner("quote", "--offline-list", "--provider", "owned")
    assert alone.returncode == 2 and "--own" in alone.stderr and alone.stderr.count("\n") == 1
    chinese = planner("quote", *QUIET, "--rps", "60", "--hours", "35040", "--lang", "zh", "--explain").stdout
    assert "购置，使用 4 年" in chinese and "机器折旧" in chinese and "bought" not in chinese


def test_without_a_demand_they_run_full() -> None:
    quote = quoted(Workload(hours=D(35040), provider=("owned",)))
    one = next(o for o in quote.offers if o.instance_type == "8x H100 SXM node")
    report = one.totals.report
    assert one.count == 1 and abs(report.effective - report.obligation) < D("1e-9")
    disk = quoted(Workload(hours=D(720), provider=("owned",), storage_gb=D(500), public_ips=1)).offers
    assert disk and not any(o.unpriced for o in disk), "disks are in the machine"


@pytest.mark.parametrize("name", ["RX 7900 XTX", "Xeon 8380", "EPYC-7763", "AMD EPYC 7763", "Xeon Platinum 8380"])
def test_a_card_or_socket_of_its_own_kind(name: str) -> None:
    found = on_machine(Workload(), name, 1)
    rate = found.output_tokens_per_second
    assert found.fits and found.engine == "llama.cpp" and found.precision == "4-bit (Q4_K_M)" and rate is not None
    assert 0 < rate.low < rate.estimate <= rate.high and found.basis


def test_the_anchors_lie_within_their_own_range() -> None:
    """Each measured row is inside the range of its kind, and the estimate of a socket is what STREAM read of its memory."""
    card = streams.device("RX 7900 XTX")
    socket = streams.device("EPYC 7763")
    assert (
        card is not None and socket is not None and streams.device("H100") is None and streams.device("nothing") is None
    )
    eight = streams.speed(card, find("Llama-3.1-8B"))
    assert eight.seen and eight.rate.low <= 98.54 * 1.01 and eight.rate.high > 105.81
    seven = streams.speed(socket, find("DeepSeek-R1-Distill-Qwen-7B"))
    assert not seven.seen and abs(seven.rate.estimate - 24.4) < 0.1 and seven.rate.low < 0.65 * seven.rate.estimate


def test_what_does_not_fit_a_card_is_refused_with_numbers() -> None:
    found = on_machine(Workload(model="DeepSeek-R1-Distill-Llama-70B"), "RX 7900 XTX", 1)
    assert not found.fits and "takes 41.5 GiB with 1,536 tokens, RX 7900 XTX has 24.0" in str(found.reasons[0])
    slow = on_machine(Workload(tpot_ms=D(30)), "EPYC 7763", 2)
    assert not slow.fits and "the limit is 30" in str(slow.reasons[0])
    late = on_machine(Workload(ttft_ms=D(1000)), "EPYC 7763", 2)
    assert not late.fits and "the first token takes up to" in str(late.reasons[0])


def test_each_example_has_a_date_and_a_range_where_it_is_an_estimate() -> None:
    for machine in own.read(stock.examples()).machines:
        for value in (machine.price, machine.load_w):
            assert value.source and value.date, machine.name
            assert value.confidence != "low" or value.low < value.value < value.high, machine.name
