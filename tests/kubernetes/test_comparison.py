"""`quote --target kubernetes`: both bills are those of their rooms, the levels are the pool's, and what is refused says so."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal

import pytest
from click.testing import CliRunner

from planner.errors import MisuseError
from planner.i18n import translator
from planner.kubernetes import comparison, costs, facts
from planner.prices.catalog import Catalog
from planner.quoting import around
from tests.conftest import make_quote
from tests.kubernetes.cases import made
from tests.terraform.test_module import changed

CATALOG = Catalog()
#: What stands in the sum of plain instances and not in the cluster's, as the difference of both has it.
SHOWN = ("aws-one", "aws-three", "aws-groups", "alicloud-three", "tencentcloud-one")


def compared(name: str) -> comparison.Comparison:
    m = made(name)
    return comparison.make(m.quote, m.offer, CATALOG)


@pytest.mark.parametrize("name", SHOWN)
def test_both_bills_are_those_of_emit_tf_and_emit_k8s(name: str) -> None:
    m, found = made(name), compared(name)
    assert found.plain.totals.effective == around.bill(m.quote, m.offer, CATALOG).totals.effective
    no_subnet = m.target._replace(cluster=m.target.cluster._replace(lb_subnet=""))
    _, whole = costs.costed(no_subnet, m.quote, m.offer, existing=False, catalog=CATALOG)
    assert found.cluster.charges == whole.charges and found.cluster.unpriced == whole.unpriced
    assert sum(r.plain for r in found.rows) == found.plain.totals.effective
    assert sum(r.cluster for r in found.rows) == found.cluster.totals.effective
    assert (found.replicas, found.size) == (m.target.replicas, m.target.size)


def test_the_levels_take_machines_and_their_disks_away_and_nothing_else() -> None:
    found = compared("aws-groups")
    assert [(x.at, x.replicas, x.nodes) for x in found.levels] == [
        ("minimum", 1, 3),
        ("expected", 2, 6),
        ("maximum", 2, 6),
    ]
    rows = {str(r.name): r.cluster for r in found.rows}
    half = ("Instance usage (p4d.24xlarge, on-demand)", "System disk (gp3)", "Weights through the NAT gateway")
    saved = found.levels[2].amount - found.levels[0].amount
    assert abs(saved - sum(rows[name] for name in half) / 2) < Decimal("1e-9")
    assert found.levels[2].amount == found.cluster.totals.effective


def test_expected_is_the_demand_without_what_is_kept_free() -> None:
    quote = make_quote(provider=("aws",), instance_type=("g6e.xlarge",), rps=Decimal("7.5"))
    offer = quote.best
    assert offer is not None and offer.count == 3 and offer.sizing.utilisation is not None
    found = comparison.make(quote, offer, CATALOG)
    assert [x.replicas for x in found.levels] == [1, 2, 3]
    assert 1 < offer.sizing.utilisation * 3 <= 2
    odd = offer._replace(sizing=offer.sizing._replace(utilisation=None))
    assert [x.replicas for x in comparison.make(quote, odd, CATALOG).levels] == [1, 3, 3]
    said = comparison.table(found, translator("en"))
    assert "do not follow" not in said and "+72.00" in said
    kept = comparison.table(found._replace(scales_nodes=False), translator("en"))
    assert "Nodes of Amazon EKS do not follow" in kept
    assert "the difference is at least this" in said


def test_only_a_pool_that_scales_says_that_nodes_follow() -> None:
    assert "do not follow" not in comparison.table(compared("alicloud-three"), translator("en"))
    raw = comparison.as_json(compared("alicloud-three"))
    assert raw["nodes_follow"] is True and comparison.as_json(compared("aws-three"))["nodes_follow"] is True
    assert all(facts.find(name).scales_nodes for name in facts.names())
    kept = comparison.as_json(compared("aws-three")._replace(scales_nodes=False))
    assert kept["nodes_follow"] is False


def test_a_commitment_is_paid_at_every_level() -> None:
    quote = make_quote(provider=("aws",), instance_type=("p4d.24xlarge",), model="DeepSeek-R1", count=6)
    offer = next(o for o in quote.offers if o.purchase_option == "capacity_block")
    found = comparison.make(quote, offer, CATALOG)
    machines = next(r for r in found.rows if str(r.name).startswith("Capacity block"))
    assert machines.plain == machines.cluster and found.levels[0].amount > machines.cluster
    assert "paid whether they run or not" in comparison.table(found, translator("en"))


def test_json_holds_every_amount_exactly() -> None:
    found = compared("aws-three")
    raw = json.loads(json.dumps(comparison.as_json(found)))
    assert raw["schema"] == "planner.target/1" and raw["quote"] == found.quote.hash
    overhead = Decimal(raw["totals"]["cluster"]) - Decimal(raw["totals"]["plain"])
    assert Decimal(raw["totals"]["overhead"]) == overhead != 0
    assert abs(overhead - sum(Decimal(c["difference"]) for c in raw["charges"])) < Decimal("1e-9")
    assert all(c["source"]["text"] and c["source"]["confidence"] for c in raw["charges"])


def test_the_chinese_table_has_no_english_sentence() -> None:
    for name in ("aws-groups", "aws-three"):
        said = comparison.table(compared(name), translator("zh"))
        for word in ("cluster", "nodes", "a replica", "plain", "minimum", "difference"):
            assert word not in said, word


@pytest.mark.parametrize(
    ("provider", "kind", "change", "message"),
    [
        ("tencentcloud", "GN10X.2XLARGE40", {}, "V100-SXM2-32GB takes lmdeploy"),
        (
            "tencentcloud",
            "GN7.5XLARGE80",
            {"purchase_option": "subscription"},
            "quote with --purchase-option on_demand",
        ),
        ("aws", "g6.xlarge", {"region": "xx-nowhere-1"}, "Amazon EKS is not sold in xx-nowhere-1"),
    ],
)
def test_what_a_cluster_cannot_hold_is_refused(provider: str, kind: str, change: dict[str, str], message: str) -> None:
    quote = make_quote(provider=(provider,), instance_type=(kind,), model="Qwen2.5-0.5B")
    offer = next(o for o in quote.offers if o.purchase_option == change.get("purchase_option", "on_demand"))
    change = {k: v for k, v in change.items() if k != "purchase_option"}
    with pytest.raises(MisuseError, match=message):
        comparison.make(quote, changed(offer, change), CATALOG)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--target", "mars"), 2, "known: kubernetes"),
        (("--target", "kubernetes", "--format", "csv"), 2, "table or json"),
        (("--target", "kubernetes", "--explain"), 2, "--explain: says nothing of --target"),
        (("--target", "kubernetes", "--offer", "none"), 2, "--offer 'none'"),
        (("--target", "kubernetes", "--tokens", "2e9", "--by", "48h"), 2, "--target: says nothing of a batch"),
    ],
)
def test_options_that_do_not_go_together(words: tuple[str, ...], code: int, message: str) -> None:
    from planner.cli import quote as command

    result = CliRunner().invoke(
        command.quote, ["--provider", "aws", "--instance-type", "g6.xlarge", *words], standalone_mode=False
    )
    assert result.exception is not None and message in str(result.exception)
    assert getattr(result.exception, "exit_code", code) == code and not result.stdout


def test_a_quote_that_does_not_ask_imports_nothing_of_it() -> None:
    code = (
        "import sys; from planner.cli import main; sys.argv = ['planner', 'quote', '--provider', 'aws', '--instance-type', "
        "'g6.xlarge']\ntry: main()\nexcept SystemExit: pass\n"
        "assert not [m for m in sys.modules if m.startswith(('planner.kubernetes', 'planner.cli.on_cluster'))]"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
