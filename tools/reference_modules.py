"""Writes terraform/: the modules that `emit-tf` makes of the committed price lists, to be read (`make terraform`).

    python -m tools.reference_modules [DIR]     default: terraform/ of this checkout

The clock stands still, so the same lists and templates give the same bytes; a test compares them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build
from planner.terraform import deploy, module
from planner.workload import Workload

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ROOT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "terraform")


class Case(NamedTuple):
    """A folder below terraform/ and what is asked for."""

    folder: str
    workload: Workload
    settings: deploy.Settings


def _case(folder: str, kind: str, option: str = "on_demand", region: str = "", **settings: Any) -> Case:
    provider = folder.split("/")[0]
    workload = Workload(
        provider=(provider,),
        instance_type=(kind,),
        purchase_option=(option,),
        region=(region,) if region else (),
        model="DeepSeek-R1-Distill-Llama-70B" if provider != "alicloud" else "DeepSeek-R1-Distill-Qwen-7B",
    )
    return Case(folder, workload, deploy.Settings(NOW, **settings))


CASES = (
    _case("aws/p4d", "p4d.24xlarge"),
    _case("aws/p4d-spot", "p4d.24xlarge", "spot", spot_limit=Decimal("21.95")),
    _case("alicloud/gn7i", "ecs.gn7i-c16g1.4xlarge"),
    _case("tencentcloud/gn10xp", "GN10Xp.20XLARGE320"),
    _case("tencentcloud/gn10xp-subscription", "GN10Xp.20XLARGE320", "subscription"),
)


def modules() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (folder below terraform/, {path: text}) of every reference module."""
    catalog = Catalog()
    for case in CASES:
        quote = build.quote(case.workload, catalog, NOW.date().isoformat(), fx.Rates(fx.committed(""), ()))
        offer = deploy.pick(quote, case.workload.provider[0], option=case.workload.purchase_option)
        yield case.folder, module.files(deploy.deploy(quote, offer, case.settings), quote, offer, {})


def write(made: Iterable[tuple[str, dict[str, str]]], root: str) -> None:
    """Write every (folder, {path: text}) below `root`, replacing what is there."""
    from planner.terraform.write import write_module

    for folder, files in made:
        path = os.path.join(root, folder)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_module(files, path, force=True)
        print(f"{path}: {len(files)} files")


def main(root: str = ROOT) -> None:
    """Write every module below `root`."""
    write(modules(), root)


if __name__ == "__main__":
    main(*sys.argv[1:2])
