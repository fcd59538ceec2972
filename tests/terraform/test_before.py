"""Before money flows: missing values, the first day, quotas, fallbacks and the remote state."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.cli import run
from planner.errors import FetchError, MisuseError
from planner.money import decimal_of
from planner.prices.catalog import Catalog
from planner.quoting import around
from planner.quoting.records import Offer, Quote
from planner.terraform import before, deploy, variables
from planner.terraform.deployment import Deployment
from planner.terraform.fallback import fallbacks
from planner.units import Window
from tests.conftest import make_quote
from tests.terraform.test_change import NOW, TYPES, files
from tests.terraform.test_place import NETWORK
from tests.terraform.test_real import environment, needs_terraform, terraform


def deployed(provider: str, option: str = "on_demand", kind: str = "", **given: Any) -> tuple[Deployment, Quote, Offer]:
    settings = {k: given.pop(k) for k in [*given] if k in deploy.Settings._fields}
    model = "DeepSeek-R1-Distill-Qwen-7B"
    quote = make_quote(provider=(provider,), instance_type=(kind or TYPES[provider],), purchase_option=(option,), model=model, **given)
    offer = deploy.pick(quote, provider, option=(option,))
    return deploy.deploy(quote, offer, deploy.Settings(NOW, **settings), catalog=Catalog()), quote, offer


def written(folder: Path, given: dict[str, str]) -> Path:
    for path, text in given.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


# -- what is missing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", TYPES)
def test_each_missing_value_is_named_once_and_in_order(provider: str, tmp_path: Path) -> None:
    folder = written(tmp_path, files(provider, client_cidr=""))
    script = folder / "copy-images.sh"
    copied = ["registry"] if script.exists() else []
    holes = ["images"] if copied and "crane digest" in script.read_text() else []
    found = [name for name, _ in variables.unset(str(folder), {})]
    assert found == ["client_cidr", *copied, *holes]
    assert all(said for _, said in variables.unset(str(folder), {}))
    assert "client_cidr" not in dict(variables.unset(str(folder), {"TF_VAR_client_cidr": "10.0.0.0/8"}))
    (folder / "x.auto.tfvars").write_text('client_cidr = "10.8.0.0/16"\n')
    assert "client_cidr" not in dict(variables.unset(str(folder), {}))


def test_plan_says_what_is_missing_before_it_looks_for_terraform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [*os.environ]:
        if name.startswith(("AWS_", "TF_VAR_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    args = ["emit-tf", "aws", "--offline-list", "-o", "m", "--plan", "--as-module"]
    assert run(args) == 1
    said = capsys.readouterr()
    assert said.err.count("\n") == 1 and said.err.count("client_cidr") == 1
    assert "terraform plan needs 1 value more, in m/example/terraform.tfvars: client_cidr (IPv4 range" in said.err
    assert "the first 24 hours cost at most" in said.out and "--backend s3 keeps it" in said.out
    assert "quota not compared, no credentials found: look at Service Quotas" in said.out
    assert run([*args, "--client-cidr", "10.8.0.0/16"]) == 1
    assert "no terraform on the PATH" in capsys.readouterr().err


# -- the first day -----------------------------------------------------------------------------------------------------


def amounts(whole: around.Bill, *categories: str) -> Decimal:
    return sum((c.billed for c in whole.charges if c.category in categories), Decimal(0))


def test_the_first_day_is_a_day_of_machines_and_of_what_stands_around_them() -> None:
    d, quote, offer = deployed("aws", egress_gb=Decimal(5000), hours=Decimal(720))
    day, catalog = before.first_day(d, quote, offer, Catalog()), Catalog()
    hourly = next(c.unit_price for c in offer.charges if c.category == "compute")
    assert amounts(day, "compute") == hourly * 24
    assert not [c for c in day.charges if c.category in ("egress", "inter_region")], "nobody is served"
    month = around.bill(quote, offer, catalog)
    gateway = {str(c.name): c.billed for c in month.charges}["NAT gateway"]
    assert {str(c.name): c.billed for c in day.charges}["NAT gateway"] == gateway / 30
    passing = next(c for c in day.charges if "Weights" in str(c.name))
    assert passing.quantity == Decimal(str(round(d.weights_gib * 1.073741824, 3))) + 20, "and the images, once"


def test_a_short_window_is_no_whole_day() -> None:
    d, quote, offer = deployed("aws", hours=Decimal(10))
    assert amounts(before.first_day(d, quote, offer, Catalog()), "compute") == amounts(around.bill(quote, offer, Catalog()), "compute")


@pytest.mark.parametrize("option", ["spot", "reserved"])
def test_what_may_run_at_the_listed_price_counts_at_it(option: str) -> None:
    d, quote, offer = deployed("aws", option)
    _, listed, there = deployed("aws")
    hourly = next(c.unit_price for c in there.charges if c.category == "compute")
    assert amounts(before.first_day(d, quote, offer, Catalog()), "compute") == hourly * 24
    assert there.purchase_option == "on_demand" and listed.workload.purchase_option == ("on_demand",)


def test_what_is_paid_in_advance_counts_whole() -> None:
    d, quote, offer = deployed("tencentcloud", "subscription", hours=Decimal(720))
    assert amounts(before.first_day(d, quote, offer, Catalog()), "compute") == amounts(around.bill(quote, offer, Catalog()), "compute")
    d, quote, offer = deployed("aws", "capacity_block", "p5.48xlarge", hours=Decimal(336), tax=decimal_of("0.1", "tax"))
    day = before.first_day(d, quote, offer, Catalog())
    machines = next(c.billed for c in offer.charges if c.category == "compute")
    without = around.bill(quote, offer, Catalog(), window=Window(Decimal(24)), without=("compute", "egress", "inter_region"))
    assert day.totals.billed > machines * Decimal("1.1")
    assert day.totals.billed - machines * Decimal("1.1") - without.totals.billed < Decimal("1.2"), "and the images"


# -- quotas ------------------------------------------------------------------------------------------------------------


class Adapter:
    """A cloud that answers, refuses, or cannot be asked."""

    quota_hint = "the Fake Console"

    def __init__(self, answer: Any, hint: str | None = None) -> None:
        self.answer, self.hint = answer, hint
        if answer is None:
            self.quotas = None

    def credentials_hint(self) -> str | None:
        return self.hint

    def quotas(self, region: str, wanted: Any, access: Any) -> Any:  # type: ignore[no-redef]
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("adapter", "said"),
    [
        (Adapter((before.Quota("P instances", "vCPUs", Decimal(384), Decimal(96), Decimal(96)),)), "P instances: 384 vCPUs, 96 used, 96 needed"),
        (Adapter((before.Quota("P", "vCPUs", Decimal(96), Decimal(96), Decimal(96)),)), "quota too low: P: 96 vCPUs, 96 used, 96 needed; ask for more at the Fake Console before you apply"),
        (Adapter((before.Quota("P", "vCPUs", Decimal(0), None, Decimal(96)),)), "quota too low: P: 0 vCPUs, of which it is not said how many are used, 96 needed"),
        (Adapter(()), "no quota is told for this way of buying (on demand): 1 x p4d.24xlarge"),
        (Adapter(FetchError("AccessDenied")), "quota not compared (AccessDenied): look at the Fake Console: 1 x p4d.24xlarge need 96 vCPUs (8 GPUs) in us-east-1"),
        (Adapter((), "no keys"), "quota not compared, no credentials found: look at the Fake Console"),
        (Adapter(None), "quota not compared: look at the Fake Console"),
    ],
)
def test_quotas_are_compared_or_said_where_to_look(adapter: Adapter, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(before.provider, "load", lambda _: adapter)
    (line,) = before.quotas(deployed("aws")[0])
    assert str(line).startswith(said), line


# -- fallbacks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", TYPES)
def test_fallbacks_are_in_the_order_of_their_price_and_can_be_emitted(provider: str) -> None:
    d, quote, offer = deployed(provider, fallback=True)
    assert d.fallback and len(d.fallback) <= 5
    whole = [decimal_of(one.amount.split()[0].replace(",", ""), "amount") for one in d.fallback]
    assert whole == sorted(whole)
    first = d.fallback[0]
    again = make_quote(provider=(provider,), instance_type=(first.instance_type,), region=(first.region,), model=quote.workload.model)
    picked = deploy.pick(again, provider, option=(offer.purchase_option,))
    assert deploy.total(around.bill(again, picked, Catalog())) == first.amount, "the price that its own module says"
    assert (first.region, first.instance_type) != (offer.region, offer.instance_type)


def test_zones_of_the_same_machines_come_first() -> None:
    d, quote, offer = deployed("aws", "spot", fallback=True)
    assert d.fallback is not None and d.fallback[0].zone and d.fallback[0].zone != offer.zone
    kinds = [bool(one.zone) for one in d.fallback]
    assert kinds == sorted(kinds, reverse=True)
    assert fallbacks(quote._replace(offers=(offer,)), offer, None) == (), "a saved quote with one offer knows no way out"


# -- the remote state --------------------------------------------------------------------------------------------------

KINDS = {"aws": "s3", "alicloud": "oss", "tencentcloud": "cos"}


@pytest.mark.parametrize("provider", TYPES)
def test_a_backend_is_written_where_terraform_reads_it(provider: str) -> None:
    kind = KINDS[provider]
    assert "backend.tf" not in files(provider)
    given = files(provider, backend=kind, state_bucket="states-1250000000")
    assert f'backend "{kind}"' in given["backend.tf"] and '"states-1250000000"' in given["backend.tf"]
    assert "It lies in the bucket states-1250000000" in given["README.md"]
    bare = files(provider, backend=kind)
    assert "bucket " not in bare["backend.tf"].split("backend")[-1] and "terraform init -backend-config=bucket=BUCKET" in bare["README.md"]
    called = files(provider, backend=kind, as_module=True)
    assert "backend.tf" not in called and f'backend "{kind}"' in called["example/backend.tf"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"backend": "oss"}, "keep their state in s3: --backend s3"),
        ({"backend": "s3", "state_bucket": "No Bucket"}, "is not a bucket's name"),
        ({"state_bucket": "states"}, "goes with --backend"),
    ],
)
def test_a_backend_is_checked(given: dict[str, str], message: str) -> None:
    with pytest.raises(MisuseError, match=message):
        files("aws", **given)


@needs_terraform
@pytest.mark.system
@pytest.mark.long
@pytest.mark.filterwarnings("ignore:The 'warn' method:DeprecationWarning")  # of python_terraform, for exit code 2
@pytest.mark.parametrize("provider", ["aws", pytest.param("alicloud", marks=pytest.mark.slow), pytest.param("tencentcloud", marks=pytest.mark.slow)])
def test_a_plan_leaves_the_remote_state_alone(provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backend's block is one that terraform knows; planning asks no bucket, writes no state, and keeps the providers."""
    from planner.terraform import run as running

    given = files(provider, backend=KINDS[provider], state_bucket="states-1250000000", **NETWORK[provider])
    folder = written(tmp_path / "m", given)
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    if (folder / "copy-images.sh").exists():
        digest = f'images = {{\n  engine = "x@sha256:{"a" * 64}"\n}}\n' if "crane digest" in given["copy-images.sh"] else ""
        (folder / "images.auto.tfvars").write_text('registry = "registry.example.com/llm"\n' + digest)
    assert "to add, 0 to change, 0 to destroy" in str(running.plan(str(folder)))
    assert not list(folder.rglob("*.tfstate*")) and list((folder / ".terraform" / "providers").iterdir())
    assert str(running.validate(str(folder))) == "terraform finds the module valid"
    terraform(folder, environment(tmp_path), "fmt", "-check", "-diff")
