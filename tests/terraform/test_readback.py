"""What an emitted module runs, read back from its HCL and priced again, is what the quote said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from planner.errors import MisuseError
from planner.prices import catalog, fx
from planner.quoting import build
from planner.terraform.readback import module_of, workload_of
from planner.terraform.write import write_module
from tests.conftest import TODAY
from tests.terraform.test_module import made, quoted
from tools import reference_modules


def emitted(folder: Path, provider: str, **fields: Any) -> Path:
    write_module(made(provider, **fields)[1], str(folder / "m"))
    return folder / "m"


@pytest.mark.parametrize("case", reference_modules.CASES, ids=lambda c: c.folder)
def test_reference_modules_price_again_to_the_cent(case: reference_modules.Case) -> None:
    found = module_of(f"{reference_modules.ROOT}/{case.folder}")
    again = build.quote(
        found.workload, catalog.Catalog(), reference_modules.NOW.date().isoformat(), fx.Rates(fx.committed(""), ())
    )
    offer = next(o for o in again.offers if o.id == found.offer)
    assert offer.totals.native_currency == found.currency
    assert (offer.totals.native.effective, offer.totals.native.billed) == (found.effective, found.billed)
    assert {o.instance_type for o in again.offers} == {case.workload.instance_type[0]}


@pytest.mark.parametrize("provider", ["aws", "alicloud", "tencentcloud"])
def test_what_the_hcl_says_is_priced(provider: str, tmp_path: Path) -> None:
    count = 2
    folder = emitted(tmp_path, provider, count=count, hours="100", egress_gb="500")
    work = workload_of(str(folder))
    quote = quoted(provider, count=count, hours="100", egress_gb="500")
    again = build.quote(work, catalog.Catalog(), TODAY, fx.Rates(fx.committed(""), ()))
    assert (work.count, work.hours, work.purchase_option) == (count, 100, ("on_demand",))
    wanted = module_of(str(folder)).offer
    assert (
        [o.totals for o in again.offers if o.id == wanted] == [o.totals for o in quote.offers if o.id == wanted] != []
    )


def test_a_changed_instance_type_is_priced_as_changed(tmp_path: Path) -> None:
    main = emitted(tmp_path, "aws") / "main.tf"
    main.write_text(main.read_text().replace('"p4d.24xlarge"', '"p5.48xlarge"').replace("= 720", "= 12 * 2"))
    work = workload_of(str(main.parent))
    assert (work.instance_type, work.hours) == (("p5.48xlarge",), 24)


def test_a_literal_in_the_resource_beats_the_local(tmp_path: Path) -> None:
    main = emitted(tmp_path, "aws") / "main.tf"
    main.write_text(main.read_text().replace("= local.instance_type\n", '= "g5.xlarge"\n', 1))
    assert workload_of(str(main.parent)).instance_type == ("g5.xlarge",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('purchase_option = "on_demand"', 'purchase_option = "spot"', "make them agree"),
        ('resource "aws_instance"', 'resource "aws_other"', "aws_instance.this is not declared"),
        ("hours           = 720", "hours           = data.aws_ssm_parameter.ami.id", "cannot read back local.hours"),
        ("= local.instance_type\n", "= var.instance_type\n", r"main\.tf:\d+: var.instance_type is not declared"),
        ("lifecycle {", "lifecycle {{", r"main\.tf:\d+: no HCL"),
    ],
)
def test_what_cannot_be_read_back_is_said(old: str, new: str, message: str, tmp_path: Path) -> None:
    main = emitted(tmp_path, "aws") / "main.tf"
    text = main.read_text()
    assert old in text
    main.write_text(text.replace(old, new))
    with pytest.raises(MisuseError, match=message):
        workload_of(str(main.parent))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{}",
        '{"schema": "planner.module/1"}',
        '{"schema": "planner.module/1", "provider": "gcp"}',
        "[" * 100_000,
    ],
)
def test_a_damaged_record_is_said(body: str, tmp_path: Path) -> None:
    folder = emitted(tmp_path, "aws")
    (folder / "planner.json").write_text(body)
    with pytest.raises(MisuseError, match=r"planner\.json"):
        workload_of(str(folder))


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="not a folder"):
        workload_of(str(tmp_path / "x"))
    with pytest.raises(MisuseError, match="cannot read"):
        workload_of(str(tmp_path))


def test_planner_json_holds_the_offer(tmp_path: Path) -> None:
    raw = json.loads((emitted(tmp_path, "aws") / "planner.json").read_text())
    assert raw["offer"] == "aws:aws:us-east-1:p4d.24xlarge:on_demand"
    assert raw["cost"]["effective"] == "15809.5008" or raw["cost"]["currency"] == "USD"
