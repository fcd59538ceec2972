"""The first screen: it opens with what to take and what that beats, fits the terminal, and loses nothing in a pipe."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from decimal import Decimal

import pytest

from planner import i18n
from planner.money import show
from planner.quoting import choose, notes
from planner.quoting.records import Quote
from planner.rendering import columns, table
from tests.conftest import ROOT, Run, make_quote

WIDTHS = (80, 100, 120, 200)


@pytest.fixture(scope="module", params=[{}, {"hours": "8760", "rps": "9", "discount_rate": "10%", "egress_gb": "500"}])
def asked(request: pytest.FixtureRequest) -> Quote:
    return make_quote(**request.param)


@pytest.mark.parametrize("lang", i18n.LANGUAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_the_terminal(asked: Quote, width: int, lang: str) -> None:
    text = table.dump(asked, width=width, lang=lang, gaps=True, rejected=True)
    assert [line for line in text.splitlines() if i18n.width(line) > width] == []
    assert asked.best is not None
    marked = [line for line in text.splitlines() if line.startswith("> ")]
    assert asked.best.instance_type in marked[0]


def test_a_wider_terminal_shows_more_never_less(asked: Quote) -> None:
    before: set[str] = set()
    for width in range(80, 260, 10):
        lines = table.dump(asked, width=width).splitlines()
        head = next(line for line in lines if line.startswith("  provider"))
        names = {c.title for c in table.COLUMNS if f" {c.title} " in f"{head} "}
        assert before <= names, width
        before = names
    assert before >= {c.title for c in table.COLUMNS} - {"present value", "1M full"}  # of what is asked only


def test_it_opens_with_the_recommendation_and_what_it_beats(quote: Quote) -> None:
    """579.46 is what the reference case costs on demand; the best of another provider 780.11."""
    first, second, third, *_ = table.dump(quote).splitlines()
    assert first == (
        "Take 1 x g6.xlarge (1x L4), aws us-east-1, on-demand: 579.46 USD to pay for 720 hours, all obligations included."
    )
    assert second.startswith("That is 200.66 USD (26 %) less than the best of another provider: 1 x GN10X.2XLARGE40")
    assert (
        third.startswith("Its price: 2026-07-20, ") and "STALE: older than 90 days; run `planner refresh aws`." in third
    )


def test_a_commitment_is_held_against_the_best_on_demand() -> None:
    quote = make_quote(hours="8760")
    found = choose.rival(quote)
    assert found is not None
    kind, other = found
    assert quote.best is not None
    assert other.offer is not None
    assert (kind, quote.best.purchase_option, other.offer.purchase_option) == ("on_demand", "reserved", "on_demand")
    assert f"{other.amount:.2f} {other.more:.2f}" == "7050.05 2459.81"
    assert "less than the best on demand" in table.dump(quote)


def test_alone_it_beats_the_next_best_or_nothing() -> None:
    alone = make_quote(provider="aws", instance_type="p4d.24xlarge", purchase_option="on_demand")
    assert choose.rival(alone) is None
    two = make_quote(provider="aws", purchase_option="on_demand")
    found = choose.rival(two)
    assert found is not None and found[0] == "next" and found[1].more > 0
    assert "best of each" not in table.dump(two)


def test_one_line_per_provider_tells_its_best_offer(quote: Quote) -> None:
    found = choose.standings(quote)
    assert [s.provider for s in found] == ["aws", "tencentcloud", "alicloud"]
    assert found[0].offer is quote.best and found[0].more == 0
    lines = table.dump(quote, width=80).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("  best of each"))
    for line, one in zip(lines[start + 1 :], found, strict=False):
        assert one.offer is not None
        assert one.provider in line and one.offer.instance_type in line and show(one.amount) in line
        assert one.offer is quote.best or f"+{show((one.share or Decimal(0)) * 100, 0)} %" in line


def test_a_provider_without_an_offer_is_named() -> None:
    quote = make_quote(gpu="A10", purchase_option="on_demand", provider=("alicloud", "tencentcloud"), model_config="")
    assert "tencentcloud: no firm, fully priced offer" in table.dump(quote)


def test_rows_stand_in_the_order_of_what_must_be_paid(quote: Quote) -> None:
    lines = table.dump(quote).splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("  provider"))
    at = lines[head].index("to pay") + len("to pay")
    paid = []
    for line in lines[head + 1 : lines.index("", head)]:
        if "more offers" not in line:
            paid.append(Decimal(line[:at].split()[-1].strip("~").replace(",", "")))
    assert paid == sorted(paid) and len(paid) == 20
    assert show(Decimal("246348.72")) in lines[head + 20]


def test_a_month_does_not_open_with_three_years(quote: Quote) -> None:
    """Issue 12: the first row was a reservation that bills 8,449.00 for a need of 720 h, as "cheapest first"."""
    trap = next(o for o in quote.offers if f"{o.totals.report.billed:.2f}" == "8449.00")
    assert (trap.term, trap.payment) == ("3y", "all_upfront")
    assert quote.best is not None and quote.best.totals.report.obligation < 600
    assert trap.totals.report.effective < quote.best.totals.report.effective
    lines = table.dump(quote).splitlines()
    first = next(line for line in lines if line.startswith("> "))
    assert "8,449.00" not in first and show(quote.best.totals.report.obligation) in first
    rows = lines[lines.index(first) + 1 :]
    assert any("8,449.00" in row and "reserved 3y all upfront" in row for row in rows)


def test_gaps_and_rejections_are_counted_and_can_be_listed(quote: Quote) -> None:
    text = table.dump(quote)
    assert f"{len(quote.gaps)} gaps in the price lists: --gaps lists them" in text
    assert f"{len(quote.rejected)} instance types do not serve this workload: --rejected says why" in text
    assert "no Tencent Cloud spot price" not in text and "no kernels for P40" not in text
    assert "no Tencent Cloud spot price" in table.dump(quote, gaps=True)
    assert "no kernels for P40" in table.dump(quote, rejected=True)
    one = quote._replace(gaps=quote.gaps[:1], rejected=quote.rejected[:1])
    assert "1 gap in the price lists: --gaps shows it" in table.dump(one)
    assert "1 instance type does not serve" in table.dump(one)


def test_nothing_at_all_is_said_so(quote: Quote) -> None:
    none = quote._replace(offers=(), recommended=None)
    assert table.dump(none).startswith("No firm, fully priced offer serves this workload.")
    assert "to pay" not in table.dump(none, width=80).replace("lowest to pay", "")


@pytest.mark.parametrize("room", [8, 13, 20, 40])
@pytest.mark.parametrize(
    "text", ["the quick brown fox jumps", "竞价实例的采样价为 288.50 USD；价格会变动，可被收回。", "x" * 90, "a"]
)
def test_folding_loses_nothing(text: str, room: int) -> None:
    lines = columns.fold(text, room, 2)
    assert all(i18n.width(line) <= room for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert not any(line.strip()[0] in "，。；" for line in lines)


def on_a_terminal(width: int, *args: str, **more: str) -> str:
    """Return what `planner ARGS` writes to a terminal of `width` columns."""
    first, second = pty.openpty()
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
    subprocess.run(["stty", "cols", str(width)], stdin=second, check=True)
    done = subprocess.Popen(
        [sys.executable, "-m", "planner", *args],
        stdout=second,
        env={**env, "PYTHONPATH": str(ROOT), "TERM": "xterm", **more},
    )
    os.close(second)
    parts = []
    while True:
        try:
            part = os.read(first, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    os.close(first)
    assert done.wait(timeout=60) == 0
    return b"".join(parts).decode()


def test_the_terminal_is_asked_and_a_pipe_gets_all(planner: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def widest(text: str) -> int:
        plain = text.replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "")
        return max(i18n.width(line) for line in plain.splitlines())

    monkeypatch.delenv("COLUMNS", raising=False)
    seen = on_a_terminal(90, "quote")
    assert widest(seen) <= 90 and "\x1b[1mTake" in seen
    assert "\x1b" not in on_a_terminal(90, "quote", NO_COLOR="1")
    assert "tok/s" in on_a_terminal(90, "quote", "--wide") and "tok/s" not in seen
    assert "native list" in planner("quote").stdout
    monkeypatch.setenv("COLUMNS", "80")
    assert widest(planner("quote").stdout) <= 80
    assert widest(on_a_terminal(200, "quote", COLUMNS="100")) <= 100
    refused = planner("quote", "--format", "csv", "--gaps")
    assert refused.returncode == 2 and "--gaps goes with --format table" in refused.stderr


def test_each_row_says_of_when_its_prices_are_and_whether_that_is_too_old(asked: Quote) -> None:
    lines = table.dump(asked, width=None).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("  provider"))
    start = lines[at].index("price of")
    shown = choose.ranked(asked, choose.worth_showing(asked, 1), choose.basis_of(asked))
    old, told = notes.old_offers(asked), set()
    for offer, line in zip(shown, lines[at + 1 :], strict=False):
        cell = line[start:].split("  ")[0].strip()
        assert cell.endswith(" !") is (offer.id in old), line
        assert cell.removesuffix(" !") == (notes.seen(offer)[0] if not notes.seen(offer)[1] else "undated")
        told.add(cell[-1])
    assert {"!"} < told  # a stale offer beside others: it is not said of the provider
