"""What a change does to servers that run: planned by real terraform from an applied state, for every cloud.

Deadline, key and a higher count delete and replace nothing; a lower count takes only the highest instances. The mirror's
stand-in of AWS plans no replacement of its own (its schema does not say what forces one): there the user-data itself
must stay the same, which is what replaces an instance.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.quoting.records import Quote
from planner.terraform import deploy, module
from tests.conftest import make_quote
from tests.terraform.test_real import copied, environment, needs_terraform, terraform

pytestmark = pytest.mark.system

SLOW = [pytest.param("aws", marks=pytest.mark.slow), "alicloud", pytest.param("tencentcloud", marks=pytest.mark.slow)]
NOW = datetime(2026, 11, 24, tzinfo=UTC)
TYPES = {"aws": "p4d.24xlarge", "alicloud": "ecs.gn7i-c16g1.4xlarge", "tencentcloud": "GN10Xp.20XLARGE320"}
SERVERS = {"aws_instance", "alicloud_instance", "tencentcloud_instance"}
#: What a cloud cannot change in place, with the reason. None of it is a server, a disk or a network.
REPLACED = {"tencentcloud_cvm_action_timer"}  # its time is fixed when it is made; the new one is made first

_quotes: dict[tuple[str, int, str], Quote] = {}


def files(provider: str, count: int = 1, option: str = "on_demand", **settings: Any) -> dict[str, str]:
    """Return the module of `count` instances; the same name whatever the count."""
    at = (provider, count, option)
    if at not in _quotes:
        model = "DeepSeek-R1-Distill-Qwen-7B" if provider == "alicloud" else "DeepSeek-R1-Distill-Llama-70B"
        _quotes[at] = make_quote(
            provider=(provider,), instance_type=(TYPES[provider],), purchase_option=(option,), count=count, model=model
        )
    quote = _quotes[at]
    offer = deploy.pick(quote, provider, option=(option,))
    usual = {"name": "llm", "client_cidr": "10.8.0.0/16", "alert_email": "ops@example.com"}
    given = deploy.Settings(NOW, **{**usual, **settings})
    return module.files(deploy.deploy(quote, offer, given), quote, offer, {})


class Applied:
    """A module that has been applied with the mirror's providers; `plan` says what a change of it would do."""

    def __init__(self, folder: Path, provider: str, first: Mapping[str, str], **values: str) -> None:
        self.folder, self.env, self.provider = folder, environment(folder), provider
        self.folder.mkdir(exist_ok=True)
        self.given: tuple[str, ...] = ()
        self.values: dict[str, str] = {"deadline": "2035-12-24T00:00:00Z"}
        self.write(first, **values)
        terraform(self.folder, self.env, "init", "-input=false")
        terraform(self.folder, self.env, "apply", "-auto-approve", "-input=false")

    def write(self, given: Mapping[str, str], **values: str) -> None:
        """Put the files there as emit-tf does: terraform.tfvars stays as the user has it, what is no more of it goes."""
        for path in {*self.given} - {*given}:
            (self.folder / path).unlink()
        self.given = tuple(given)
        for path, text in given.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text if path != "terraform.tfvars" else "")
        self.values |= values
        variables = given["variables.tf"]
        lines = [f'{name} = "{value}"' for name, value in self.values.items() if f'variable "{name}"' in variables]
        lines.append('client_cidr = "10.8.0.0/16"')
        copied(self.folder)
        (self.folder / "test.auto.tfvars").write_text("\n".join(lines) + "\n")

    def plan(self) -> dict[str, tuple[str, ...]]:
        """Return {address: actions} of all that would change."""
        terraform(self.folder, self.env, "plan", "-input=false", "-out=saved")
        shown = json.loads(terraform(self.folder, self.env, "show", "-json", "saved").stdout)
        changes = {
            c["address"]: c for c in shown["resource_changes"] if c["change"]["actions"] not in (["no-op"], ["read"])
        }
        for address, change in changes.items():
            before, after = change["change"]["before"] or {}, change["change"]["after"] or {}
            if change["type"] in SERVERS and before and after:
                for data in ("user_data", "user_data_base64"):
                    assert before.get(data) == after.get(data), f"{address}: other user-data replaces the server"
        return {address: tuple(change["change"]["actions"]) for address, change in changes.items()}


def servers(plan: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {a: actions for a, actions in plan.items() if a.partition(".")[0] in SERVERS}


def lost(plan: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return what would be deleted or replaced beside what no cloud could keep."""
    return [a for a, actions in plan.items() if "delete" in actions and a.partition(".")[0] not in REPLACED]


@needs_terraform
@pytest.mark.parametrize("count", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("provider", SLOW)
@pytest.mark.long
def test_deadline_key_and_client_range_touch_no_server(provider: str, count: int, tmp_path: Path) -> None:
    m = Applied(tmp_path / "m", provider, files(provider, count))
    for change in ({"deadline": "2036-01-31T12:00:00Z"}, {"api_key_secret": "another-key"}):
        m.write(files(provider, count), **change)
        plan = m.plan()
        assert plan and not lost(plan), plan
        found = servers(plan)
        assert len(found) == count and set(found.values()) == {("update",)}, "the instances learn it by their tags"
    timers = [a for a in plan if "action_timer" in a]
    assert all(plan[a][0] == "create" for a in timers), "never a moment without an end"


@needs_terraform
@pytest.mark.slow
@pytest.mark.parametrize("provider", ["aws", "alicloud", "tencentcloud"])
def test_a_higher_count_only_adds_and_a_lower_one_takes_the_highest(provider: str, tmp_path: Path) -> None:
    kind = f"{provider}_instance.this"
    m = Applied(tmp_path / "m", provider, files(provider, 1))
    for count in (2, 3):
        m.write(files(provider, count))
        plan = m.plan()
        assert not lost(plan), plan
        created = [a for a, actions in servers(plan).items() if "create" in actions]
        assert created == [f'{kind}["{count - 1}"]'], plan
        terraform(m.folder, m.env, "apply", "-auto-approve", "-input=false")
    m.write(files(provider, 2))
    plan = m.plan()
    gone = [a for a, actions in servers(plan).items() if "delete" in actions]
    assert gone == [f'{kind}["2"]'] and plan[gone[0]] == ("delete",)
    terraform(m.folder, m.env, "apply", "-auto-approve", "-input=false")
    m.write(files(provider, 1))
    plan = m.plan()
    gone = [a for a, actions in servers(plan).items() if "delete" in actions]
    assert gone == [f'{kind}["1"]'], "the first stays, under its new address"
    balancer = re.findall(r'^resource "(\w+)" "(\w+)"', files(provider, 2)["balancer.tf"], re.M)
    theirs = {".".join(named) for named in balancer}
    assert not [a for a in lost(plan) if '["1"]' not in a and "security" not in a and a.split("[")[0] not in theirs], plan


def test_each_instance_of_aws_has_an_end_of_its_own() -> None:
    """EC2 ends none of several when one of them is gone already (a spot instance taken back, one that powered itself off)."""
    text = files("aws", 3)["deadline.tf"]
    assert "for_each = local.nodes" in text and "InstanceIds = [aws_instance.this[each.key].id]" in text
    assert 'to   = aws_scheduler_schedule.deadline["0"]' in text and 'each.key == "0" ? "" :' in text, "the first keeps its schedule"


@pytest.mark.parametrize("provider", TYPES)
def test_how_many_there_are_is_in_no_file_of_an_instance(provider: str) -> None:
    """The user-data is made of these: what differs replaces every server."""
    one, two, five = (
        {p: t for p, t in files(provider, n).items() if p.startswith(("files/", "cloud-init"))} for n in (1, 2, 5)
    )
    assert one == two == five
    for text in one.values():
        assert "deadline = " not in text


@pytest.mark.parametrize("provider", TYPES)
def test_the_quote_behind_a_module_is_in_no_file_of_an_instance(provider: str) -> None:
    """A quote of another day has other prices and another hash: emitted again it must not replace the servers."""
    text = "".join(t for p, t in files(provider).items() if p.startswith(("files/", "cloud-init")))
    quote = _quotes[provider, 1, "on_demand"]
    assert quote.hash not in text and quote.quoted_on not in text
    assert not re.search(r"planner [0-9]+\.[0-9]+\.[0-9]+", text)


@needs_terraform
@pytest.mark.slow
def test_a_subscription_grows_too(tmp_path: Path) -> None:
    m = Applied(tmp_path / "m", "tencentcloud", files("tencentcloud", 1, "subscription"))
    m.write(files("tencentcloud", 2, "subscription"))
    plan = m.plan()
    created = [a for a, x in servers(plan).items() if "create" in x]
    assert not lost(plan) and created == ['tencentcloud_instance.this["1"]']


@needs_terraform
@pytest.mark.slow
def test_a_spot_instance_keeps_its_place(tmp_path: Path) -> None:
    limit = {"spot_limit": Decimal("21.95")}
    m = Applied(tmp_path / "m", "aws", files("aws", 1, "spot", **limit))
    m.write(files("aws", 3, "spot", **limit), deadline="2036-01-31T12:00:00Z")
    plan = m.plan()
    assert not lost(plan)
    created = [a for a, x in servers(plan).items() if "create" in x]
    assert created == ['aws_instance.this["1"]', 'aws_instance.this["2"]']
