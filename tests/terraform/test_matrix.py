"""The full matrix of emitted modules, `make slow`: each through checkov, and through fmt, validate, plan, apply and an empty second plan."""

from __future__ import annotations

import json
import os
import re
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.prices.catalog import Catalog
from planner.terraform import deploy, module
from tests.conftest import make_quote
from tests.terraform.test_balancer import CERTIFICATE, SECOND
from tests.terraform.test_before import written
from tests.terraform.test_change import NOW, TYPES
from tests.terraform.test_group import ahead
from tests.terraform.test_place import GROUP, NETWORK
from tests.terraform.test_real import (
    CHECKOV,
    POLICIES,
    answers,
    copied,
    environment,
    needs_checkov,
    needs_terraform,
    terraform,
)

pytestmark = [pytest.mark.system, pytest.mark.slow]

USUAL = {"aws": "g6.xlarge", "alicloud": "ecs.gn7i-c16g1.4xlarge", "tencentcloud": "GN10Xp.20XLARGE320"}
STATE = {"aws": "s3", "alicloud": "oss", "tencentcloud": "cos"}
ZONE = {"aws": "us-east-1a", "alicloud": "cn-beijing-a", "tencentcloud": "ap-guangzhou-3"}
P5 = {"instance_type": ("p5.48xlarge",), "model": "DeepSeek-R1"}
ALL = {
    "hf_token_secret": "hub",
    "alert_webhook_secret": "hook",
    "power_off_on_failure": True,
    "tags": (("team", "a b"),),
    "vpc_cidr": "10.99.0.0/20",
}

#: name -> (provider, fields of the quote, settings).
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "aws-spot": ("aws", {"purchase_option": ("spot",), "count": 2}, {"spot_limit": Decimal("5.12345")}),
    "aws-reserve": (
        "aws",
        {"instance_type": ("p4d.24xlarge",)},
        {"reserve_capacity": True, "alert_email": "a@b.example"},
    ),
    "aws-group": (
        "aws",
        {"purchase_option": ("spot",), "count": 4},
        {"group": True, "on_demand_share": 30, "spot_limit": Decimal("5.12345"), "alert_webhook_secret": "hook"},
    ),
    "aws-group-vpc": (
        "aws",
        {"instance_type": ("p4d.24xlarge",), "count": 2, "public_ips": 1},
        {
            "group": True,
            **NETWORK["aws"],
            **SECOND.get("aws", {}),
            "security_group_id": GROUP["aws"],
            "client_cidr": "",
        },
    ),
    "aws-savings": ("aws", {"instance_type": ("g7e.2xlarge",), "purchase_option": ("savings_plan",)}, {}),
    "aws-stress": ("aws", {"instance_type": ("p4d.24xlarge",)}, {"stress": "Sun 03:00"}),
    "aws-sglang": ("aws", {"instance_type": ("g6e.xlarge",), "engine": "sglang@0.5.20"}, {"lang": "zh"}),
    "aws-block": (
        "aws",
        {"instance_type": ("p5.48xlarge",), "purchase_option": ("capacity_block",), "hours": Decimal(336)},
        {},
    ),
    "aws-block-pipeline": (
        "aws",
        {**P5, "purchase_option": ("capacity_block",), "hours": Decimal(336), "count": 2},
        {},
    ),
    "aws-pipeline": ("aws", {**P5, "count": 2}, {}),
    "aws-two-pipelines": ("aws", {**P5, "count": 4}, {}),
    "aws-pipeline-in-a-network": ("aws", {**P5, "count": 2}, NETWORK["aws"]),
    "tencentcloud-subscription": ("tencentcloud", {"purchase_option": ("subscription",), "count": 2}, {}),
    "tencentcloud-stress": ("tencentcloud", {}, {"stress": "Mon 01:00"}),
    "alicloud-group": ("alicloud", {"count": 3}, {"group": True, "alert_webhook_secret": "hook"}),
    "alicloud-group-vpc": (
        "alicloud",
        {"count": 2, "public_ips": 1},
        {"group": True, **NETWORK["alicloud"], **SECOND["alicloud"], "security_group_id": GROUP["alicloud"]},
    ),
    "tencentcloud-group": ("tencentcloud", {"count": 3}, {"group": True, "alert_webhook_secret": "hook"}),
    "tencentcloud-group-vpc": (
        "tencentcloud",
        {"count": 2, "public_ips": 1},
        {"group": True, **NETWORK["tencentcloud"], "security_group_id": GROUP["tencentcloud"]},
    ),
}
for one in TYPES:
    own = {"balancer_certificate": CERTIFICATE[one], "balancer_name": "llm.example.com"}
    CASES |= {
        f"{one}-one": (one, {}, {}),
        f"{one}-three": (one, {"count": 3}, {}),
        f"{one}-public": (one, {"public_ips": 1}, {}),
        f"{one}-public-two": (one, {"count": 2, "public_ips": 2}, {}),
        f"{one}-no-balancer": (one, {"count": 2}, {"balancer": False}),
        f"{one}-certificate": (one, {"count": 2}, own),
        f"{one}-group-certificate": (one, {"count": 2}, {**own, "group": True, "lang": "zh", "backend": STATE[one]}),
        f"{one}-in-a-network": (one, {}, NETWORK[one]),
        f"{one}-in-a-group": (one, {}, {**NETWORK[one], "security_group_id": GROUP[one]}),
        f"{one}-two-in-a-network": (one, {"count": 2}, {**NETWORK[one], **SECOND.get(one, {})}),
        f"{one}-as-module": (one, {"count": 2}, {"as_module": True}),
        f"{one}-state": (one, {}, {"backend": STATE[one], "fallback": True, "lang": "zh"}),
        f"{one}-zone": (one, {}, {"zone": ZONE[one], "registry": "reg.example.cn/llm"}),
        f"{one}-all": (one, {}, ALL),
    }


def emitted(name: str) -> dict[str, str]:
    provider, fields, settings = CASES[name]
    fields = {
        "instance_type": (USUAL[provider],),
        "model": "DeepSeek-R1-Distill-Qwen-7B",
        "purchase_option": ("on_demand",),
        **fields,
    }
    quote = make_quote(provider=(provider,), **fields)
    offer = deploy.pick(quote, provider, option=fields["purchase_option"])
    return module.files(
        deploy.deploy(quote, offer, deploy.Settings(NOW, **settings), catalog=Catalog()), quote, offer, {}
    )


@needs_terraform
@pytest.mark.parametrize("name", CASES)
def test_it_lives(name: str, tmp_path: Path) -> None:
    written(tmp_path, emitted(name))
    env = environment(tmp_path)
    terraform(tmp_path, env, "fmt", "-check", "-recursive")
    folder = tmp_path / "example" if CASES[name][2].get("as_module") else tmp_path
    given = folder / "terraform.tfvars"
    asked = given.read_text()
    if CASES[name][2].get("group"):  # which looks at the clock
        asked = re.sub(r'deadline = "[^"]*"', f'deadline = "{ahead(20)}"', asked)
    given.write_text(answers(asked))
    copied(tmp_path)
    for state in folder.glob("backend.tf"):
        state.unlink()
    terraform(folder, env, "init", "-input=false")
    terraform(folder, env, "validate")
    terraform(folder, env, "plan", "-input=false", "-out=saved")
    if "block" in name:
        return  # bought first, and launched only when it starts
    terraform(folder, env, "apply", "-auto-approve", "-input=false")
    again = terraform(folder, env, "plan", "-input=false", "-detailed-exitcode", ok=(0, 2))
    assert again.returncode == 0, "a second plan finds changes"


@needs_checkov
def test_checkov_finds_nothing_in_any(tmp_path: Path) -> None:
    for name in CASES:
        written(tmp_path / name, emitted(name))
    words = [
        "-d",
        str(tmp_path),
        "--framework",
        "terraform",
        "secrets",
        "--external-checks-dir",
        str(POLICIES / "rules"),
    ]
    run = subprocess.run(
        [CHECKOV, *words, "-o", "json", "--compact", "--quiet", "--skip-download"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
    )
    reports = json.loads(run.stdout)
    reports = reports if isinstance(reports, list) else [reports]
    assert sum(r["summary"]["passed"] for r in reports) > 1500 and not any(
        r["summary"]["parsing_errors"] for r in reports
    )
    assert [
        (c["check_id"], c["file_path"], c["resource"]) for r in reports for c in r["results"]["failed_checks"]
    ] == []
