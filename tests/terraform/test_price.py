"""`planner price`: modules of ours give the sum of their README, those of others and plans what real terraform plans, each to
the cent; what has no price is named, and what cannot be read is one line."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from planner.cli import run
from planner.errors import MisuseError
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build
from planner.quoting.around import bill
from planner.terraform import price
from planner.terraform.price import Asked
from planner.terraform.readback import module_of
from planner.terraform.variables import given_by
from planner.terraform.write import write_module
from tests.conftest import ROOT
from planner.terraform.deploy import Settings
from tests.terraform.test_module import NOW, P4D, made, quoted
from tests.terraform.test_real import environment, needs_terraform
from tools import reference_modules

OTHERS = ROOT / "tests" / "terraform" / "others"
HOURS = Decimal(720)
#: Ways to emit a module, beside those under terraform/.
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((provider, {"count": 3}) for provider in ("aws", "alicloud", "tencentcloud")),
    *((provider, {"public_ips": 1}) for provider in ("aws", "tencentcloud")),
    *((provider, {"public_ips": 2, "count": 2}) for provider in ("aws", "alicloud", "tencentcloud")),
    *((provider, {"egress_gb": "500", "tax": "6%"}) for provider in ("aws", "alicloud", "tencentcloud")),
    ("aws", {"purchase_option": ("spot",)}),
    ("aws", {"storage_gb": "900", "hours": "100"}),
    ("aws", {"purchase_option": ("reserved",), "hours": "8760"}),
    ("tencentcloud", {"purchase_option": ("subscription",)}),
]


class Said(NamedTuple):
    code: int
    out: str
    err: str


def planner(*args: str) -> Said:
    """Run the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(args)
    return Said(code, out.getvalue(), err.getvalue())


def own(folder: Path | str) -> price.Priced:
    """Return what a module of ours costs, on the day that the reference modules are of."""
    module = module_of(str(folder))
    rates = fx.Rates(fx.committed(""), ())
    quote = build.quote(module.workload, Catalog(), reference_modules.NOW.date().isoformat(), rates)
    return price.own(str(folder), quote, module.offer, Catalog())[2]


def total(found: price.Priced) -> Decimal:
    (amount,) = found.totals.values()
    return amount


def written(folder: Path | str) -> tuple[Decimal, str]:
    """Return the sum in a module's record and the one in its README."""
    record = json.loads((Path(folder) / "planner.json").read_text(encoding="utf-8"))
    readme = (Path(folder) / "README.md").read_text(encoding="utf-8")
    row = next(line for line in readme.splitlines() if line.startswith("| **Total**"))
    return Decimal(record["bill"]["effective"]), row.split("**")[3].split()[0].replace(",", "")


# -- modules of ours ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", reference_modules.CASES, ids=lambda c: c.folder)
def test_a_committed_module_costs_what_its_readme_says(case: reference_modules.Case) -> None:
    folder = f"{reference_modules.ROOT}/{case.folder}"
    amount = total(own(folder))
    record, readme = written(folder)
    assert amount == record
    assert f"{amount:.2f}" == readme


@pytest.mark.parametrize(("provider", "fields"), VARIANTS, ids=lambda v: str(v) if isinstance(v, str) else "-".join(v))
def test_every_emitted_variant_costs_what_its_readme_says(provider: str, fields: dict[str, Any], tmp_path: Path) -> None:
    write_module(made(provider, **fields)[1], str(tmp_path / "m"))
    amount = total(own(tmp_path / "m"))
    record, readme = written(tmp_path / "m")
    assert amount == record
    assert f"{amount:.2f}" == readme


NETWORKS = {
    "aws": ("vpc-0123456789abcdef0", "subnet-0123456789abcdef0"),
    "alicloud": ("vpc-2zeisljy6zqz8", "vsw-2zeisljy6zqz8"),
    "tencentcloud": ("vpc-0a1b2c3d", "subnet-0a1b2c3d"),
}


@pytest.mark.parametrize("provider", NETWORKS)
@pytest.mark.parametrize("as_module", [False, True])
def test_a_module_in_a_network_that_exists_costs_what_its_readme_says(
    provider: str, as_module: bool, tmp_path: Path
) -> None:
    vpc_id, subnet_id = NETWORKS[provider]
    second = "vsw-2zeisljy6zqz9" if provider == "alicloud" else ""
    settings = Settings(NOW, vpc_id=vpc_id, subnet_id=subnet_id, as_module=as_module, balancer_subnet_id=second)
    write_module(made(provider, settings, count=2)[1], str(tmp_path / "m"))
    amount = total(own(tmp_path / "m"))
    assert amount == written(tmp_path / "m")[0]
    if as_module:
        site = module_of(str(tmp_path / "m")).offer.split(":")[1]
        called = price.price(str(tmp_path / "m" / "example"), Catalog(), HOURS, Asked(site=site))
        assert f"{total(called):.6f}" == f"{amount:.6f}"


@pytest.mark.parametrize(
    ("text", "amount", "said"),
    [
        ('resource "aws_lb" "a" {\n  subnets = ["subnet-1", "subnet-2"]\n}', Decimal("0.0225") + 2 * Decimal("0.005"), ""),
        ('resource "aws_lb" "a" {\n  internal = true\n  subnets = ["subnet-1"]\n}', Decimal("0.0225"), ""),
        ('resource "aws_lb" "a" {\n  load_balancer_type = "network"\n  subnet_mapping {\n    subnet_id = "subnet-1"\n  }\n'
         '  subnet_mapping {\n    subnet_id = "subnet-2"\n    allocation_id = aws_eip.a.id\n  }\n}\nresource "aws_eip" "a" {}', Decimal("0.0225") + 2 * Decimal("0.005"), ""),
        ('variable "s" {}\nresource "aws_lb" "a" {\n  subnets = var.s\n}', Decimal("0.0225"), "Address of the load balancer: whether it has one is not known"),
    ],
)
def test_another_s_balancer_has_its_addresses(text: str, amount: Decimal, said: str, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text('provider "aws" {\n  region = "us-east-1"\n}\n' + text + "\n")
    found = price.price(str(tmp_path), Catalog(), Decimal(1))
    assert total(found) == amount
    assert ("Address" in " ".join(map(str, found.unpriced))) == bool(said) and said in " ".join(map(str, found.unpriced))


def edited(tmp_path: Path, fields: dict[str, Any], *changes: tuple[str, str], provider: str = "aws") -> Path:
    write_module(made(provider, **fields)[1], str(tmp_path / "m"))
    main = tmp_path / "m" / "main.tf"
    text = main.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    main.write_text(text, encoding="utf-8")
    return main.parent


@pytest.mark.parametrize("provider", ["aws", "alicloud", "tencentcloud"])
def test_one_node_fewer_in_the_hcl_costs_what_a_module_of_one_fewer_does(provider: str, tmp_path: Path) -> None:
    write_module(made(provider, count=2)[1], str(tmp_path / "two"))
    nodes = (tmp_path / "two" / "main.tf").read_text(encoding="utf-8").split("  nodes = {\n")[1].split("  }\n")[0]
    third = nodes.splitlines()[-1].replace('"1"', '"2"')
    folder = edited(tmp_path, {"count": 2}, (nodes, nodes + third + "\n"), provider=provider)
    write_module(made(provider, count=3)[1], str(tmp_path / "three"))
    assert total(own(folder)) == total(own(tmp_path / "three")) == written(tmp_path / "three")[0]
    assert total(own(folder)) > total(own(tmp_path / "two"))


def test_another_type_and_window_in_the_hcl_cost_what_they_cost(tmp_path: Path) -> None:
    folder = edited(tmp_path, {}, (f'"{P4D}"', '"p5.48xlarge"'), ("hours           = 720", "hours = 24 * 2"))
    there = quoted("aws", instance_type=("p5.48xlarge",), count=1, hours="48", purchase_option=("on_demand",))
    offer = next(o for o in there.offers if o.id.startswith("aws:aws:us-east-1:p5.48xlarge:on_demand"))
    around = price.created(str(folder), Decimal("15.231"))[0]
    assert total(own(folder)) == bill(there, offer, Catalog(), around).totals.effective
    assert offer.totals.native.effective < total(own(folder)) < offer.totals.native.effective + 20


def test_another_disk_and_a_second_gateway_in_the_hcl_are_in_the_sum(tmp_path: Path) -> None:
    folder = edited(tmp_path, {}, ("volume_size = 200", "volume_size = 1200"))
    before = written(folder)[0]
    assert abs(total(own(folder)) - before - Decimal(1000) * 720 / 730 * Decimal("0.08")) < Decimal("1e-9")
    (folder / "more.tf").write_text('resource "aws_nat_gateway" "b" {\n  subnet_id = aws_subnet.this.id\n}\n')
    with_gateway = own(folder)
    assert total(with_gateway) - before > Decimal(1000) * 720 / 730 * Decimal("0.08") + Decimal("32.40")


def test_an_override_of_ours_counts(tmp_path: Path) -> None:
    folder = edited(tmp_path, {})
    (folder / "our_override.tf").write_text('locals {\n  hours = 100\n}\nresource "aws_instance" "this" {\n  monitoring = false\n}\n')
    names = {str(c.name) for part in own(folder).parts for c in part.charges}
    assert module_of(str(folder)).workload.hours == 100
    assert "Detailed monitoring: metrics" not in names
    assert "System disk (gp3)" in names


def test_other_machines_beside_ours_are_priced_one_by_one(tmp_path: Path) -> None:
    folder = edited(tmp_path, {})
    (folder / "more.tf").write_text('resource "aws_instance" "b" {\n  ami = "x"\n  instance_type = "g5.xlarge"\n}\n')
    said = planner("price", str(folder), "--offline-list")
    assert said.code == 0
    assert "aws_instance.b\n    Instance usage (g5.xlarge, on-demand): 724.32 USD" in said.out
    assert "aws_instance.this\n    Instance usage (p4d.24xlarge, on-demand): 15,809.50 USD" in said.out
    assert "several types" in planner("quote", "--from-tf", str(folder), "--offline-list").err


# -- modules of others, and plans --------------------------------------------------------------------------------


def sums(found: price.Priced) -> dict[str, list[tuple[str, str]]]:
    return {p.address: sorted((str(c.name), f"{c.amount:.6f}") for c in p.charges) for p in found.parts}


def test_a_module_by_hand_costs_the_sum_of_what_stands_in_it() -> None:
    found = price.price(str(OTHERS / "aws"), Catalog(), HOURS)
    hour = {"g5.xlarge": Decimal("1.006"), "g5.12xlarge": Decimal("5.672"), "g4dn.xlarge": Decimal("0.526")}
    machines = hour["g5.xlarge"] * (1 + 3) + hour["g5.12xlarge"] + hour["g4dn.xlarge"] * 2
    gp3 = Decimal("0.08") * (150 * 2 + 2 * 100 + 2 * 250 + 500 + 80 * 4)
    month = gp3 + Decimal("0.1") * 8 * 2 + Decimal("0.005") * 1000 * 4 + Decimal("0.3") * 7
    wanted = machines * 720 + month * 720 / 730 + Decimal("0.005") * 2 * 720
    assert abs(total(found) - wanted) < Decimal("0.000001")
    said = {str(u) for u in found.unpriced}
    assert said == {
        "aws_s3_bucket.weights: not priced by this planner",
        "module.fleet.aws_autoscaling_group.this: g5.xlarge has no spot price in us-east-1",
    }


@pytest.mark.parametrize(
    ("name", "machines"),
    [("alicloud", Decimal("10.0934") * 5 + Decimal("0.23")), ("tencentcloud", Decimal("11.98") * 3)],
)
def test_modules_by_hand_of_the_other_clouds(name: str, machines: Decimal) -> None:
    found = price.price(str(OTHERS / name), Catalog(), HOURS)
    assert total(found) == machines * 720
    assert any("System disk" in str(u) for u in found.unpriced)
    assert any("bucket" in str(u) for u in found.unpriced)


def test_variables_of_the_command_line_win(tmp_path: Path) -> None:
    few = given_by((), ("bastions=0", 'servers={ a = { kind = "small", spot = true } }'))
    found = price.price(str(OTHERS / "aws"), Catalog(), HOURS, Asked(variables=few))
    assert {p.address for p in found.parts} == {'aws_instance.server["a"]', "module.fleet.aws_autoscaling_group.this"}
    assert 'aws_instance.server["a"]: g5.xlarge has no spot price in us-east-1' in {str(u) for u in found.unpriced}
    (tmp_path / "v.tfvars").write_text('region = "eu-west-1"\nbastions = "1"\n')
    given = given_by((str(tmp_path / "v.tfvars"),), ())
    with pytest.raises(MisuseError, match="no such variable"):
        price.price(str(OTHERS / "aws"), Catalog(), HOURS, Asked(variables={"bastion": "1"}))
    other = price.price(str(OTHERS / "aws"), Catalog(), HOURS, Asked(variables=given))
    assert "aws_instance.bastion[0]" in sums(other)


def test_the_same_in_chinese_and_as_json() -> None:
    chinese = planner("price", str(OTHERS / "aws"), "--offline-list", "--lang", "zh").out
    assert "本工具不计价" in chinese
    assert "not priced" not in chinese
    raw = json.loads(planner("price", str(OTHERS / "aws"), "--offline-list", "--format", "json").out)
    assert raw["schema"] == "planner.price/1"
    assert sum(Decimal(c["amount"]) for r in raw["resources"] for c in r["charges"]) == Decimal(raw["totals"]["USD"])
    assert all(c["source"]["text"] for r in raw["resources"] for c in r["charges"])


def test_from_tf_is_the_same_command() -> None:
    for path in (OTHERS / "tencentcloud",):
        assert planner("quote", "--from-tf", str(path), "--offline-list").out == planner("price", str(path), "--offline-list").out
    said = planner("quote", "--from-tf", str(OTHERS / "aws"), "--offline-list", "--rps", "3")
    assert (said.code, "--rps" in said.err) == (2, True)
    assert planner("quote", "--from-tf", str(OTHERS / "aws"), "--format", "xlsx", "-o", "x.xlsx").code == 2


@needs_terraform
@pytest.mark.system
@pytest.mark.parametrize(
    "name", ["aws", *(pytest.param(n, marks=pytest.mark.slow) for n in ("alicloud", "tencentcloud"))]
)
def test_the_plan_of_real_terraform_costs_the_same(name: str, tmp_path: Path) -> None:
    shutil.copytree(OTHERS / name, tmp_path / "m")
    _same_as_its_plan(tmp_path / "m", price.price(str(tmp_path / "m"), Catalog(), HOURS), tmp_path)


def _same_as_its_plan(folder: Path, found: price.Priced, tmp_path: Path) -> None:
    env = environment(tmp_path)
    for command in (["init", "-input=false"], ["plan", "-input=false", "-out=saved"]):
        subprocess.run(["terraform", *command], cwd=folder, env=env, check=True, capture_output=True)
    done = subprocess.run(["terraform", "show", "-json", "saved"], cwd=folder, env=env, check=True, capture_output=True)
    (tmp_path / "plan.json").write_bytes(done.stdout)
    planned = price.price(str(tmp_path / "plan.json"), Catalog(), HOURS)
    assert sums(planned) == sums(found) != {}
    assert set(planned.unpriced) == set(found.unpriced)
    said = planner("price", str(folder / "saved"))
    assert (said.code, "terraform show -json" in said.err) == (2, True)


# -- what cannot be read -----------------------------------------------------------------------------------------

INSTANCE = 'resource "aws_instance" "a" {\n  instance_type = "g5.xlarge"\n'
BAD = {
    "a syntax error": (INSTANCE + "  ami = \n}\n", "main.tf:3: no HCL: a value is missing"),
    "an open brace": (INSTANCE, "main.tf:1: braces do not match"),
    "an unknown variable": (INSTANCE + "  ami = var.nope\n}\n", "main.tf:3: var.nope is not declared"),
    "an unknown local": (INSTANCE + "  ami = local.nope\n}\n", "main.tf:3: local.nope is not declared"),
    "an unknown resource": (INSTANCE + "  ami = aws_ami.nope.id\n}\n", "main.tf:3: aws_ami.nope is not declared"),
    "an unknown data source": (INSTANCE + "  ami = data.aws_ami.no.id\n}\n", "main.tf:3: data.aws_ami.no is not declared"),
    "an unknown module": (INSTANCE + "  ami = module.nope.id\n}\n", "main.tf:3: module.nope is not declared"),
    "a circle": (
        "locals {\n  a = local.b\n  b = local.a\n}\n" + INSTANCE + "  ami = local.a\n}\n",
        "main.tf:3: local.a needs itself: local.a -> local.b -> local.a",
    ),
    "a circle of counts": (
        INSTANCE + "  count = length(aws_instance.a)\n}\n",
        "main.tf:1: aws_instance.a: how many there are needs itself",
    ),
    "a huge count": (INSTANCE + "  count = 1000000000\n}\n", "main.tf:1: aws_instance.a: a count of 1000000000 is over 10,000"),
    "a huge number": (INSTANCE + "  count = 1e999999999\n}\n", "main.tf:3: 1e999999999 is out of range"),
    "a negative count": (INSTANCE + "  count = 0 - 1\n}\n", "a count of -1 is none"),
    "a huge range": (INSTANCE + "  count = length(range(100000000))\n}\n", "evaluates to too much: range()"),
    "a bomb": (
        "locals {\n  a0 = \"xxxxxxxxxx\"\n"
        + "".join(f'  a{n + 1} = "${{local.a{n}}}${{local.a{n}}}"\n' for n in range(60))
        + "}\n" + INSTANCE + "  ami = local.a60\n}\n",
        "evaluates to too much",
    ),
    "a bomb of lists": (
        "locals {\n  a0 = [1, 2]\n"
        + "".join(f"  a{n + 1} = concat(local.a{n}, local.a{n})\n" for n in range(60))
        + "}\n" + INSTANCE + "  ami = local.a60[0]\n}\n",
        "evaluates to too much",
    ),
    "a bomb of loops": (
        INSTANCE + "  count = length([for a in range(9999) : [for b in range(9999) : a * b]])\n}\n",
        "evaluates to too much",
    ),
    "nothing": ("", "creates no resource"),
    "a module that is missing": ('module "x" {\n  source = "./x"\n}\n', "main.tf:1: module x: no folder ./x"),
    "a module in itself": ('module "x" {\n  source = "./"\n}\n', "module.x calls the module that it stands in"),
    "noise": ("\x00\x01\x02\x03", "main.tf:1: no HCL"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_module_is_one_line(name: str, tmp_path: Path) -> None:
    text, why = BAD[name]
    (tmp_path / "main.tf").write_text(text)
    said = planner("price", str(tmp_path), "--offline-list")
    assert (said.code, said.out) == (2, "")
    assert why in said.err
    assert len(said.err.splitlines()) == 1
    assert "unexpected" not in said.err


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("x.json", b"{", "not valid JSON"),
        ("x.json", b"[" * 100_000, "not valid JSON"),
        ("x.json", b"{}", "no Terraform plan"),
        ("x.json", b'{"format_version": "1.2"}', "without planned values"),
        ("x.json", b'{"format_version": "1.2", "errored": true}', "failed"),
        ("x.json", b'{"format_version": "1", "planned_values": {"root_module": {"resources": [3]}}}', "damaged plan"),
        ("x.json", b'{"format_version": "1", "planned_values": {"root_module": {"resources": [{}]}}}', "damaged plan"),
        ("x.json", b"\xff\xfe\x00", "not valid JSON"),
        ("tfplan", b"PK\x03\x04", "terraform show -json"),
        ("main.tf", b"", "name the folder"),
    ],
)
def test_a_bad_plan_is_one_line(name: str, data: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    said = planner("price", str(tmp_path / name), "--offline-list")
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert why in said.err


def test_bad_paths_and_files_are_one_line(tmp_path: Path) -> None:
    assert "no such file or folder" in planner("price", str(tmp_path / "none")).err
    assert "no .tf file" in planner("price", str(tmp_path)).err
    (tmp_path / "main.tf").write_bytes(b"\xff\xfe\xfa")
    assert "not UTF-8" in planner("price", str(tmp_path)).err
    (tmp_path / "main.tf").write_text("x = 1\n" * (2 << 20))
    said = planner("price", str(tmp_path))
    assert (said.code, "4 MiB" in said.err) == (2, True)
    (tmp_path / "main.tf").write_text('variable "a" {}\n')
    (tmp_path / "terraform.tfvars.json").write_text("[")
    assert "terraform.tfvars.json: not valid JSON" in planner("price", str(tmp_path)).err
    assert "say NAME=VALUE" in planner("price", str(tmp_path), "--var", "x").err


def test_what_is_not_known_is_said_and_not_counted_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        'variable "kind" {}\nvariable "n" {}\nvariable "gb" {}\n'
        'provider "aws" {\n  region = "us-east-1"\n}\n'
        'resource "aws_instance" "a" {\n  ami = "x"\n  instance_type = var.kind\n}\n'
        'resource "aws_instance" "b" {\n  count = var.n\n  ami = "x"\n  instance_type = "g5.xlarge"\n'
        '  ebs_block_device {\n    volume_size = var.gb\n  }\n}\n'
        'resource "aws_instance" "c" {\n  ami = "x"\n  instance_type = "g5.none"\n}\n'
        'module "out" {\n  source = "terraform-aws-modules/vpc/aws"\n}\n'
    )
    found = price.price(str(tmp_path), Catalog(), HOURS)
    said = {str(u) for u in found.unpriced}
    assert {
        "aws_instance.a: its instance type is var.kind, which has no value: give it with --var",
        "aws_instance.b: its count is not known: it is counted once",
        "aws_instance.b: Data disk: its size is not known",
        "aws_instance.c: g5.none has no price in us-east-1 at all",
        "module.out: terraform-aws-modules/vpc/aws is not in this folder: price its plan (`terraform show -json`)",
    } <= said
    more = price.price(str(tmp_path), Catalog(), HOURS, Asked(variables=given_by((), ("kind=g5.xlarge", "n=3", "gb=10"))))
    assert total(more) > total(found) * 3
    assert "aws_instance.b x 3" in sums(more)


def test_a_region_that_the_module_leaves_open(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(INSTANCE + "}\n")
    assert "its region is not known: give it with --region" in planner("price", str(tmp_path), "--offline-list").out
    assert "724.32 USD" in planner("price", str(tmp_path), "--offline-list", "--region", "us-east-1").out
    assert "no prices for region mars" in planner("price", str(tmp_path), "--offline-list", "--region", "mars").out


def test_json_syntax_is_read_too(tmp_path: Path) -> None:
    body = {
        "provider": {"aws": {"region": "us-east-1"}},
        "variable": {"n": {"default": 2}},
        "resource": {
            "aws_instance": {"a": {"count": "${var.n}", "instance_type": "g5.xlarge", "root_block_device": {"volume_size": 100}}}
        },
    }
    (tmp_path / "main.tf.json").write_text(json.dumps(body))
    found = price.price(str(tmp_path), Catalog(), HOURS)
    assert total(found) == Decimal("1.006") * 2 * 720 + Decimal(100 * 2) * 720 / 730 * Decimal("0.1")
