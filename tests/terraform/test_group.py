"""Replicas that a group of the cloud keeps: what it refuses, costs and changes, its start-up, and its roll.sh."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.errors import MisuseError
from planner import workload
from planner.prices import fx, own
from planner.prices.catalog import Catalog
from planner.quoting import around, build
from planner.terraform import cloud, deploy, group, module, price, readback
from tests.bootstrap.variants import VARIANTS
from tests.conftest import TODAY, make_quote
from tests.terraform.test_bootstrap_run import Machine
from tests.terraform.test_change import NOW, TYPES, Applied, files, lost
from tests.terraform.test_real import CHECKOV, POLICIES, needs_checkov
from tests.terraform.test_real import against, environment, moto_image, needs_terraform, terraform
from tests.terraform.test_real import moto as moto  # the fixture
from tests.terraform.test_rolling import SHA

pytestmark = pytest.mark.system

GROUP = "aws_autoscaling_group.this"
GROUPS = {"aws": GROUP, "alicloud": "alicloud_ess_scaling_group.this", "tencentcloud": "tencentcloud_as_scaling_group.this"}
TEMPLATES = {"alicloud": "alicloud_ecs_launch_template.this", "tencentcloud": "tencentcloud_as_scaling_config.this"}
ENDS = {"alicloud": "alicloud_ess_scheduled_task.deadline", "tencentcloud": "tencentcloud_as_schedule.this"}
#: The user's own spot prices: the lists of these clouds have none.
SPOT = {
    "alicloud": ("cn-beijing", "china", "3.5", "CNY"),
    "tencentcloud": ("ap-guangzhou", "china", "20.5", "CNY"),
}
LIMIT = Decimal("99.5")


def ahead(days: int) -> str:
    """Return a deadline that lies ahead when terraform looks at the clock, and within what every cloud's group takes."""
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M:00Z}"




def written(folder: Path, given: dict[str, str]) -> Path:
    for path, text in given.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def priced(provider: str) -> Catalog:
    region, site, amount, currency = SPOT[provider]
    row = {"provider": provider, "region": region, "site": site, "instance_type": TYPES[provider], "purchase_option": "spot"}
    row |= {"amount": amount, "currency": currency, "unit": "hour"}
    return Catalog(own=[own._price(row, "own.csv:2", Catalog())])


def spot(provider: str, count: int, share: int | None = None, **settings: Any) -> tuple[dict[str, str], Catalog]:
    """Return the module of a spot group, and the catalogue that has a spot price for it."""
    if provider == "aws":
        return files("aws", count, "spot", group=True, on_demand_share=share, **settings), Catalog()
    catalog = priced(provider)
    model = "DeepSeek-R1-Distill-Qwen-7B" if provider == "alicloud" else "DeepSeek-R1-Distill-Llama-70B"
    work = workload.make(
        {"provider": (provider,), "instance_type": (TYPES[provider],), "purchase_option": ("spot",), "count": count, "model": model}
    )
    quote = build.quote(work, catalog, TODAY, fx.Rates(fx.committed(), work.fx))
    offer = deploy.pick(quote, provider, option=("spot",))
    given = {"name": "llm", "client_cidr": "10.8.0.0/16", "spot_limit": LIMIT, "group": True, "on_demand_share": share}
    d = deploy.deploy(quote, offer, deploy.Settings(NOW, **{**given, **settings}), catalog=catalog)
    return module.files(d, quote, offer, {}), catalog


@pytest.mark.parametrize(
    ("provider", "count", "option", "settings", "said"),
    [
        ("aws", 2, "spot", {"on_demand_share": 50}, "--on-demand-share is of a group"),
        ("aws", 1, "spot", {"group": True}, "two replicas or more"),
        ("aws", 2, "spot", {"group": True, "balancer": False}, "two replicas or more"),
        ("aws", 2, "on_demand", {"group": True, "on_demand_share": 50}, "is of spot instances"),
        ("aws", 2, "spot", {"group": True, "on_demand_share": 51}, "none would be spot"),
        ("aws", 2, "on_demand", {"group": True, "reserve_capacity": True}, "not with reserved capacity"),
        ("aws", 2, "spot", {"group": True, "stress": "Sun 03:00"}, "--stress does not go with --group"),
        (
            "aws",
            2,
            "spot",
            {"group": True, "power_off_on_failure": True},
            "--power-off-on-failure does not go with --group",
        ),
        ("aws", 2, "spot", {"group": True, "as_module": True}, "--as-module does not go with --group"),
        ("alicloud", 2, "on_demand", {"group": True, "deadline": "2027-03-01T00:00:00Z"}, "at most 90 days ahead"),
    ],
)
def test_a_group_that_cannot_be_is_refused(
    provider: str, count: int, option: str, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(MisuseError, match=said):
        files(provider, count, option, **settings)


@pytest.mark.parametrize(
    ("count", "option", "share", "firm"), [(2, "spot", None, 0), (4, "spot", 30, 2), (2, "on_demand", None, 0)]
)
def test_module_readme_and_price_give_one_sum(
    count: int, option: str, share: int | None, firm: int, tmp_path: Path
) -> None:
    made = files("aws", count, option, group=True, on_demand_share=share)
    folder = str(written(tmp_path / "m", made))
    module = readback.module_of(folder)
    assert (module.workload.count, module.workload.purchase_option) == (count, (option,))
    quote = build.quote(module.workload, Catalog(), TODAY, fx.Rates(fx.committed(), ()))
    bill, offer, priced = price.own(folder, quote, module.offer, Catalog())
    assert f"{bill.totals.effective:,.2f} USD" in made["README.md"].partition("| **Total**")[2].splitlines()[0].replace(
        "*", ""
    )
    assert Decimal(json.loads(made["planner.json"])["bill"]["effective"]) == bill.totals.effective
    assert priced.totals["USD"] == bill.totals.effective
    by = {c.name.key: c for c in bill.charges}
    machines = [c.amount for c in bill.charges if str(c.name).startswith("Instance usage")]
    assert by and len(machines) == (2 if firm else 1)
    if firm:
        spot = around.bill(quote, offer, Catalog()).charges[0].amount
        assert machines[0] == spot * (count - firm) / count
        hourly = Decimal("21.957642")
        assert machines[1] == hourly * firm * 720
        assert f"on_demand_base_capacity = {firm}" in " ".join(made["main.tf"].split()), "and the group is told"


def test_a_share_without_an_on_demand_price_is_said_and_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    quote = make_quote(
        provider=("aws",), instance_type=("p4d.24xlarge",), purchase_option=("spot",), count=2, model="Llama-3.1-8B"
    )
    offer = deploy.pick(quote, "aws", option=("spot",))
    kept = [p for p in Catalog().prices("aws", offer.region) if p.way.purchase_option != "on_demand"]
    monkeypatch.setattr(Catalog, "prices", lambda *_: kept)
    bill = around.bill(quote, offer, Catalog(), firm=1)
    assert any("has no on-demand price" in str(said) for said in bill.unpriced)
    assert bill.charges[0].amount == around.bill(quote, offer, Catalog()).charges[0].amount / 2


def test_without_a_group_nothing_of_one_is_written() -> None:
    made = files("aws", 2, "spot")
    assert not [path for path, text in made.items() if "autoscaling" in text]
    one = files("aws", 2, "spot", group=True)
    assert "aws_instance" not in "".join(text for path, text in one.items() if path.endswith(".tf"))
    assert "Auto Scaling" not in one["README.md"] and "The group makes another instance" in one["README.md"]
    assert "另建一台" in files("aws", 2, "spot", group=True, lang="zh")["README.md"]


@pytest.mark.parametrize(("provider", "count", "share", "firm"), [("alicloud", 2, None, 0), ("alicloud", 4, 30, 2), ("tencentcloud", 4, 30, 2)])
def test_other_clouds_groups_are_priced_as_their_readme_says(provider: str, count: int, share: int | None, firm: int, tmp_path: Path) -> None:
    made, catalog = spot(provider, count, share)
    folder = str(written(tmp_path / "m", made))
    found = readback.module_of(folder)
    assert (found.workload.count, found.workload.purchase_option, found.workload.instance_type) == (count, ("spot",), (TYPES[provider],))
    quote = build.quote(found.workload, catalog, TODAY, fx.Rates(fx.committed(), ()))
    bill, _, priced_now = price.own(folder, quote, found.offer, catalog)
    assert f"**{bill.totals.effective:,.2f} CNY**" in made["README.md"]
    assert priced_now.totals["CNY"] == bill.totals.effective == Decimal(json.loads(made["planner.json"])["bill"]["effective"])
    machines = [c.amount for c in bill.charges if str(c.name).startswith("Instance usage")]
    assert machines[0] == Decimal(SPOT[provider][2]) * (count - firm) * 720 and len(machines) == (2 if firm else 1)
    assert not [u for u in bill.unpriced if "not priced by this planner" in str(u)]
    parts = price.price(folder, catalog, Decimal(720)).parts
    usage = [c.amount for p in parts for c in p.charges if str(c.name).startswith("Instance usage")]
    assert sum(usage) == sum(machines), "and the HCL alone says the same"


def test_a_group_of_alibaba_cloud_says_what_it_keeps_and_ends() -> None:
    made, _ = spot("alicloud", 4, 30)
    main = " ".join(made["main.tf"].split())
    for line in (
        'multi_az_policy = "COST_OPTIMIZED"',
        "on_demand_base_capacity = 2 on_demand_percentage_above_base_capacity = 0",
        "spot_instance_remedy = true",
        "min_size = local.instances - 1 ",
        'launch_template_version = "Latest"',
        'http_tokens = "required"',
        "encrypted = true",
        "spot_price_limit = 99.5 ",
        "formatdate(\"YYYY-MM-DD'T'hh:mm'Z'\", var.deadline)",
        'timeadd(plantimestamp(), "2160h")',
        "template_tags = local.tags",
        'if key == "planner-workload" || !startswith(key, "planner-")',
    ):
        assert line in main, line
    everything = "".join(made.values())
    assert '"alicloud_instance"' not in everything and "alicloud_ecs_ram_role_attachment" not in everything
    assert 'type             = "NLB"' in made["balancer.tf"] and "server_group_server_attachment" not in made["balancer.tf"]
    assert '"ecs:DescribeLaunchTemplates"' in made["iam.tf"] and "DescribeInstances" not in made["iam.tf"]
    assert "at most 90 days" in made["README.md"] and "90 天" in spot("alicloud", 4, lang="zh")[0]["README.md"]


def test_a_group_of_tencent_cloud_has_one_of_its_own_for_what_is_on_demand() -> None:
    made, _ = spot("tencentcloud", 4, 30)
    main = " ".join(made["main.tf"].split())
    assert main.count('instance_charge_type = "SPOTPAID"') == 1 == main.count('instance_charge_type = "POSTPAID_BY_HOUR"')
    for line in ("max_size = local.instances - 2 ", "max_size = 2 ", 'spot_max_price = "99.5"', 'configuration_name = "${local.name}-on-demand"'):
        assert line in main, line
    assert made["deadline.tf"].count("tencentcloud_as_schedule") == 2 and "timeadd(var.deadline, \"8h\")" in made["deadline.tf"]
    everything = "".join(made.values())
    assert '"tencentcloud_instance"' not in everything and "tencentcloud_cvm_action_timer" not in everything
    assert "tencentcloud_clb_attachment" not in everything and main.count("forward_balancer_ids") == 2
    assert "name/as:DescribeAutoScalingGroups" in made["iam.tf"] and all(said in made["README.md"] for said in ("not encrypted", "terraform untaint"))
    alone = spot("tencentcloud", 2)[0]["main.tf"]
    assert alone.count('"tencentcloud_as_scaling_group"') == 1 and "max_size                        = local.instances\n" in alone


def test_a_type_that_no_group_can_start_is_refused() -> None:
    facts = cloud.find("tencentcloud")
    offer = deploy.pick(make_quote(provider=("tencentcloud",), instance_type=(TYPES["tencentcloud"],), model="Qwen3-8B"), "tencentcloud")
    sold = offer._replace(way=offer.way._replace(instance_type="HCCPNV4h"), count=2)
    with pytest.raises(MisuseError, match="sold inside an HPC cluster only"):
        group.firm(deploy.Settings(NOW, group=True), facts, sold, 1, True)


@needs_terraform
@pytest.mark.slow
@pytest.mark.parametrize("provider", ["alicloud", "tencentcloud"])
def test_no_change_of_another_clouds_group_deletes_or_replaces_anything(provider: str, tmp_path: Path) -> None:
    def at(count: int, share: int | None = 30, **more: Any) -> dict[str, str]:
        return spot(provider, count, share, **more)[0]

    soon, later = ahead(20), ahead(40)
    m = Applied(tmp_path / "m", provider, at(4), deadline=soon)
    assert m.plan() == {}, "an empty second plan"
    group_, end = GROUPS[provider], ENDS[provider]
    m.write(at(4), deadline=later)
    plan = m.plan()
    assert not lost(plan) and plan[group_] == ("update",) and plan[end] == ("update",)
    if provider == "alicloud":
        terraform(m.folder, m.env, "plan", "-input=false", "-out=saved")
        changes = {c["address"]: c["change"] for c in json.loads(terraform(m.folder, m.env, "show", "-json", "saved").stdout)["resource_changes"]}
        template = changes[TEMPLATES[provider]]
        assert template["before"]["tags"] == template["after"]["tags"] != template["after"]["template_tags"], "no version of its own"
    m.write(at(4), deadline=soon, api_key_secret="another-key")
    assert not lost(m.plan()) and m.plan()[group_] == ("update",)
    m.write(at(4), api_key_secret="llm-api-key")
    for late, said in (("2026-01-01T00:00:00Z", "deadline has passed"), (ahead(100), "at most 90 days" if provider == "alicloud" else "")):
        (m.folder / "zz.auto.tfvars").write_text(f'deadline = "{late}"\n')
        if said:
            with pytest.raises(AssertionError, match=said):
                m.plan()
    (m.folder / "zz.auto.tfvars").unlink()
    for count in (5, 3):
        m.write(at(count, 40 if count == 5 else 50))  # two of them on demand, as before
        plan = m.plan()
        assert not lost(plan) and plan[group_] == ("update",) and not [a for a, x in plan.items() if "create" in x]
    m.write(at(4, checkpoint=f"deepseek-ai/DeepSeek-R1-Distill-Qwen-7B@{SHA}" if provider == "alicloud" else f"deepseek-ai/DeepSeek-R1-Distill-Llama-70B@{SHA}"))
    plan = m.plan()
    assert not lost(plan) and plan[TEMPLATES[provider]] == ("update",), "the next instance starts with it, roll.sh takes it to the others"
    m.write(at(4, None))
    gone = [a for a in lost(m.plan()) if not a.partition(".")[2].startswith("firm")]
    assert gone == [], "without a share only the group of what is on demand goes"


@needs_terraform
@pytest.mark.slow
def test_no_change_of_a_group_deletes_or_replaces_anything(tmp_path: Path) -> None:
    made = files("aws", 3, "spot", group=True, on_demand_share=30)
    m = Applied(tmp_path / "m", "aws", made, deadline="2098-12-24T00:00:00Z")
    assert m.plan() == {}
    m.write(files("aws", 3, "spot", group=True, on_demand_share=30), deadline="2099-01-31T12:00:00Z")
    plan = m.plan()
    assert not lost(plan) and plan[GROUP] == ("update",) and plan["aws_autoscaling_schedule.deadline"] == ("update",)
    assert "aws_launch_template.this" not in plan or plan["aws_launch_template.this"] == ("update",)
    m.write(
        files("aws", 3, "spot", group=True, on_demand_share=30),
        deadline="2098-12-24T00:00:00Z",
        api_key_secret="another-key",
    )
    assert not lost(m.plan()) and m.plan()[GROUP] == ("update",)
    m.write(files("aws", 3, "spot", group=True, on_demand_share=30), api_key_secret="llm-api-key")
    late = m.folder / "zz.auto.tfvars"
    late.write_text('deadline = "2026-01-01T00:00:00Z"\n')
    with pytest.raises(AssertionError, match="The deadline has passed"):
        m.plan()
    late.unlink()
    for count in (4, 2):
        m.write(files("aws", count, "spot", group=True, on_demand_share=30))
        plan = m.plan()
        assert not lost(plan) and plan[GROUP] == ("update",) and not [a for a, x in plan.items() if "create" in x]
    m.write(
        files(
            "aws",
            3,
            "spot",
            group=True,
            on_demand_share=30,
            checkpoint=f"deepseek-ai/DeepSeek-R1-Distill-Llama-70B@{SHA}",
        )
    )
    plan = m.plan()
    assert not lost(plan) and plan["aws_launch_template.this"] == ("update",), (
        "the next instance starts with it, roll.sh takes it to the others"
    )


@needs_checkov
@pytest.mark.slow
def test_checkov_finds_nothing(tmp_path: Path) -> None:
    for provider in TYPES:
        written(tmp_path / provider, spot(provider, 4, 50)[0])
    words = [CHECKOV, "-d", str(tmp_path), "--framework", "terraform", "secrets", "-o", "json", "--compact"]
    words += ["--external-checks-dir", str(POLICIES / "rules")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, "LOG_LEVEL": "ERROR"})
    found = json.loads(done.stdout)
    for report in found if isinstance(found, list) else [found]:
        failed = report.get("results", {}).get("failed_checks", [])
        assert not failed, [(f["check_id"], f["resource"], f["check_name"]) for f in failed]


@pytest.mark.slow
@needs_terraform
def test_the_real_aws_provider_makes_a_group_that_serves_behind_the_balancer(moto: str, tmp_path: Path) -> None:
    env = environment(tmp_path, real=True)
    if "aws" not in Path(env["TF_CLI_CONFIG_FILE"]).read_text():
        pytest.skip("the real hashicorp/aws provider is not installed on this machine")
    moto_image(moto)
    folder = tmp_path / "m"

    def write(count: int, share: int) -> None:
        written(folder, files("aws", count, "spot", group=True, on_demand_share=share))
        (folder / "budget.tf").unlink()
        override = against(moto).partition('resource "aws_instance"')[0]
        (folder / "test_override.tf").write_text(
            override.replace("endpoints {", f'endpoints {{\n    autoscaling = "{moto}"', 1)
        )
        (folder / "terraform.tfvars").write_text('client_cidr = "10.8.0.0/16"\ndeadline = "2098-12-24T00:00:00Z"\n')

    def deleted() -> list[str]:
        terraform(folder, env, "plan", "-input=false", "-out=saved")
        shown = json.loads(terraform(folder, env, "show", "-json", "saved").stdout)["resource_changes"]
        return [c["address"] for c in shown if "delete" in c["change"]["actions"]]

    write(3, 30)
    terraform(folder, env, "init", "-input=false")
    terraform(folder, env, "apply", "-auto-approve", "-input=false")
    shown = json.loads(terraform(folder, env, "show", "-json").stdout)["values"]["root_module"]["resources"]
    group = next(r["values"] for r in shown if r["address"] == GROUP)
    assert (
        group["desired_capacity"],
        group["mixed_instances_policy"][0]["instances_distribution"][0]["on_demand_base_capacity"],
    ) == (3, 1)
    assert deleted() == []
    write(2, 30)
    assert deleted() == [], "a lower count is the group's own matter"


@pytest.mark.long
@pytest.mark.parametrize(("minutes", "off"), [(3, False), (6, True)])
def test_a_guest_ends_later_than_its_group(minutes: int, off: bool, tmp_path: Path) -> None:
    """A guest that ended first would be made anew, and end, until the group's own end comes."""
    m = Machine(tmp_path, VARIANTS["p4d"]._replace(group=True, purchase_option="spot"))
    passed = datetime.now(UTC) - timedelta(minutes=minutes)
    m.tag("api-key-secret=the-key", f"deadline={passed:%Y-%m-%dT%H:%M:%SZ}", "instances=2")
    assert m.boot().returncode == 0
    assert bool(m.called("systemctl poweroff")) == off


def test_a_group_replaces_what_is_lost_and_nothing_that_serves() -> None:
    text = files("aws", 2, "spot", group=True)["main.tf"]
    assert re.search(r"capacity_rebalance += false", text), "it takes an instance before the other one has its weights"
    assert re.search(r"timecmp\(var.deadline, plantimestamp\(\)\) > 0", text)


def test_the_start_up_reads_the_tags_of_the_group(tmp_path: Path) -> None:
    m = Machine(tmp_path, VARIANTS["p4d"]._replace(group=True, purchase_option="spot"))
    m.tag("api-key-secret=the-key", "deadline=2099-12-31T10:00:00Z", "instances=2")
    run = m.boot()
    assert run.returncode == 0, run.stdout + run.stderr
    assert m.called("aws autoscaling describe-tags --region us-east-1 --filters Name=auto-scaling-group,Values=llm")
    settings = (m.root / "lib/planner/settings.env").read_text()
    assert "PLANNER_DEADLINE=2099-12-31T10:00:00Z" in settings and "PLANNER_API_KEY_SECRET=the-key" in settings


@pytest.mark.long
@pytest.mark.parametrize("name", ["gn7i", "gn10xp"])
def test_the_start_up_of_other_clouds_reads_them_too_and_finds_its_address(name: str, tmp_path: Path) -> None:
    m = Machine(tmp_path, VARIANTS[name]._replace(group=True))
    m.disks(("vdb", "", 500))
    m.tag("api-key-secret=the-key", "deadline=2099-12-31T10:00:00Z", "instances=2")
    del m.env["PLANNER_NODE_IP"]
    run = m.boot()
    assert run.returncode == 0, run.stdout + run.stderr
    assert m.called("python tags.py")
    assert "PLANNER_DEADLINE=2099-12-31T10:00:00Z" in (m.root / "lib/planner/settings.env").read_text()
    assert re.search(r"(?m)^PLANNER_NODE_IP=[0-9.]+$", (m.root / "etc/planner/module.env").read_text())


STUB = """#!/bin/bash
# Stands in for terraform, aws and sleep. `left` holds how many replicas are healthy, a line for each look.
case "${0##*/} $*" in
  sleep*) ;;
  terraform*) echo arn ;;
  *describe-auto-scaling-groups*) printf 'i-a\\ti-b\\n' ;;
  *terminate-instance-in*) echo "renew $(sed 's/.*--instance-id \\([^ ]*\\) .*/\\1/' <<<"$*") $([[ $* == *--no-should-decrement* ]] && echo kept)" >>"$STUB/calls" ;;
  *describe-target-health*)
    head -n 1 "$STUB/left"
    [ "$(wc -l <"$STUB/left")" -le 1 ] || sed -i 1d "$STUB/left" ;;
esac
"""


def rolled(folder: Path, left: list[int], *words: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    (folder / "bin").mkdir(parents=True)
    (folder / "roll.sh").write_text(files("aws", 2, "spot", group=True)["roll.sh"].replace("{1..360}", "{1..3}"))
    for name in ("terraform", "aws", "sleep"):
        (folder / "bin" / name).write_text(STUB)
        (folder / "bin" / name).chmod(0o755)
    (folder / "left").write_text("".join(f"{n}\n" for n in left))
    (folder / "calls").write_text("")
    env = {**os.environ, "STUB": str(folder), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", str(folder / "roll.sh"), *words], capture_output=True, text=True, env=env, check=False, timeout=60
    )
    return done, (folder / "calls").read_text().splitlines()


@pytest.mark.long
def test_roll_renews_one_after_the_other_and_never_the_last_healthy_one(tmp_path: Path) -> None:
    done, calls = rolled(tmp_path / "a", [2, 1, 2, 2, 1, 2])
    assert done.returncode == 0 and calls == ["renew i-a kept", "renew i-b kept"], done.stderr
    done, calls = rolled(tmp_path / "b", [1])
    assert done.returncode == 1 and not calls and "might be the last one" in done.stderr
    done, calls = rolled(tmp_path / "c", [2, 1], "i-b")
    assert done.returncode == 1 and calls == ["renew i-b kept"] and "does not come up" in done.stderr
    done, calls = rolled(tmp_path / "d", [2], "i-other")
    assert done.returncode == 2 and not calls and "is not an instance of the group" in done.stderr


OTHERS = """#!/bin/bash
# Stands in for terraform, aliyun, tccli and sleep: i-a and i-b, of which the one that is taken out goes, and i-c comes.
all() { for id in i-a i-b; do grep -qx "renew $id" "$STUB/calls" || echo $id; done; }
well=$(head -n 1 "$STUB/left")
case "${0##*/} $*" in
  sleep*) echo "sleep $1" >>"$STUB/slept" ;;
  terraform*json*) echo '["asg-1"]' ;;
  terraform*) echo asg-1 ;;
  *DescribeScalingInstances*) all | python3 -c 'import json, sys; print(json.dumps({"ScalingInstances": {"ScalingInstance": [{"InstanceId": i} for i in sys.stdin.read().split()]}}))' ;;
  *DescribeAutoScalingInstances*) [[ $* == *'"asg-1"'* ]] && all | python3 -c 'import json, sys; print(json.dumps({"AutoScalingInstanceSet": [{"InstanceId": i} for i in sys.stdin.read().split()]}))' ;;
  *RunCommand*) echo "drain $(sed 's/.*\\["\\(i-.\\)"\\].*/\\1/' <<<"$*") $(sed 's/.*--Content //' <<<"$*" | base64 -d)" >>"$STUB/slept" ;;
  *RemoveInstances*) [[ $* == *"--DecreaseDesiredCapacity false"* ]] && echo "renew $(sed 's/.*--InstanceId.1 \\(i-.\\).*/\\1/' <<<"$*")" >>"$STUB/calls" ;;
  *TerminateInstances*) echo "renew $(sed 's/.*\\["\\(i-.\\)"\\].*/\\1/' <<<"$*")" >>"$STUB/calls" ;;
  *ListServerGroupServers*) python3 -c 'import json; print(json.dumps({"Servers": [{"ServerId": i, "Status": "Available"} for i in ("i-x", "i-y")]}))' ;;
  *GetListenerHealthStatus*) python3 -c 'import json, sys; print(json.dumps({"ListenerHealthStatus": [{"ServerGroupInfos": [{"NonNormalServers": [{"ServerId": i} for i in ("i-x", "i-y")[int(sys.argv[1]):]]}]}]}))' "$well"
    [ "$(wc -l <"$STUB/left")" -le 1 ] || sed -i 1d "$STUB/left" ;;
  *DescribeTargetHealth*) python3 -c 'import json, sys; print(json.dumps({"LoadBalancers": [{"Listeners": [{"Rules": [{"Targets": [{"HealthStatus": n < int(sys.argv[1])} for n in range(2)]}]}]}]}))' "$well"
    [ "$(wc -l <"$STUB/left")" -le 1 ] || sed -i 1d "$STUB/left" ;;
esac
"""


@pytest.mark.long
@pytest.mark.parametrize("provider", ["alicloud", "tencentcloud"])
def test_roll_of_other_clouds_waits_for_the_one_in_its_place(provider: str, tmp_path: Path) -> None:
    def run(name: str, left: list[int]) -> tuple[subprocess.CompletedProcess[str], list[str], str]:
        folder = tmp_path / name
        (folder / "bin").mkdir(parents=True)
        (folder / "roll.sh").write_text(spot(provider, 2)[0]["roll.sh"].replace("{1..360}", "{1..3}"))
        for tool in ("terraform", "aliyun", "tccli", "sleep"):
            (folder / "bin" / tool).write_text(OTHERS)
            (folder / "bin" / tool).chmod(0o755)
        (folder / "left").write_text("".join(f"{n}\n" for n in left))
        (folder / "calls").write_text("")
        (folder / "slept").write_text("")
        env = {**os.environ, "STUB": str(folder), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", str(folder / "roll.sh")], capture_output=True, text=True, env=env, check=False, timeout=60)
        return done, (folder / "calls").read_text().splitlines(), (folder / "slept").read_text()

    done, calls, slept = run("a", [2, 1, 2, 2, 1, 2])
    assert done.returncode == 0 and calls == ["renew i-a", "renew i-b"], done.stderr
    if provider == "tencentcloud":
        assert "drain i-a date -u +%FT%TZ >/run/planner/keys/drain" in slept and "sleep 330" in slept, "streams end first"
    done, calls, _ = run("b", [1])
    assert done.returncode == 1 and not calls and "might be the last one" in done.stderr
    done, calls, _ = run("c", [2, 1])
    assert done.returncode == 1 and calls == ["renew i-a"] and "does not come up" in done.stderr


@pytest.mark.parametrize("provider", TYPES)
def test_without_a_state_the_group_is_found_first(provider: str) -> None:
    """AWS's search by tag knows no Auto Scaling groups, and what a group keeps comes again when it is ended by hand."""
    lost = spot(provider, 2)[0]["RUNBOOKS.md"].partition("## The state is lost")[2]
    first = next(line for line in lost.splitlines() if line.startswith("    ") and "terraform" not in line)
    assert re.search("describe-auto-scaling-groups|DescribeScalingGroups|DescribeAutoScalingGroups", first) and "llm" in first


@pytest.mark.parametrize("provider", TYPES)
def test_roll_is_clean_shell(provider: str, tmp_path: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck")
    (tmp_path / "roll.sh").write_text(spot(provider, 2)[0]["roll.sh"])
    done = subprocess.run(
        ["shellcheck", "-S", "style", str(tmp_path / "roll.sh")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("provider", ["alicloud", "tencentcloud"])
def test_the_guest_reads_the_tags_that_an_apply_changes(provider: str, tmp_path: Path) -> None:
    """tags.py as it is, with the cloud's library stubbed: what it asks for, and what it prints."""
    made = spot(provider, 2)[0]["files/tags.py"]
    tags = [("planner-deadline", "2099-12-31T10:00:00Z"), ("team", "a"), ("planner-api-key-secret", "k")]
    asked: list[Any] = []

    class Client:
        def __init__(self, *given: Any) -> None:
            asked.append(given)

        def call_api(self, call: Any, request: Any, _: Any) -> Any:
            asked.append((call["action"], request["query"]))
            found = {"Tags": {"Tag": [{"TagKey": k, "TagValue": v} for k, v in tags]}}
            return {"body": {"LaunchTemplateSets": {"LaunchTemplateSet": [found]}}}

        def call_json(self, action: str, query: Any) -> Any:
            asked.append((action, query))
            groups = [{"AutoScalingGroupName": name, "Tags": [{"Key": k, "Value": v} for k, v in tags]} for name in ("llm-b", "llm")]
            return {"Response": {"AutoScalingGroupSet": groups}}

    def kept(**given: Any) -> dict[str, Any]:
        return given

    code = re.sub(r"(?m)^from .* import .*\n", "", made)
    names = {n: kept for n in ("CredentialsConfig", "Config", "OpenApiRequest", "Params", "RuntimeOptions", "CVMRoleCredential")}
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLANNER_REGION", "somewhere")
        exec(code, {**names, "Credentials": lambda given: given, "Client": lambda given: Client(given), "CommonClient": Client})
    assert said.getvalue().splitlines() == ["deadline=2099-12-31T10:00:00Z", "api-key-secret=k"]
    assert asked[-1][0] == {"alicloud": "DescribeLaunchTemplates", "tencentcloud": "DescribeAutoScalingGroups"}[provider]
    assert "llm" in json.dumps(asked[-1][1])
