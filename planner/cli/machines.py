"""`planner catalog types` and `planner models gpus`: the machines that can be rented, and the GPUs that can be sized."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from planner.cli.help import Grouped
from planner.errors import MisuseError, suggest

__all__ = ["gpus", "types"]

_NUMBERS = ("vcpu", "memory_gib", "gpus", "gpu_memory_gib", "network_gbps", "local_nvme_gb", "memory_gb", "tdp_w")


@click.command(cls=Grouped)
@click.option("--provider", metavar="NAME", multiple=True, help="Only this cloud.")
@click.option("--gpu", metavar="NAME", default="", help="Only this GPU.")
@click.option("--format", "form", type=click.Choice(["table", "csv"]), default="table", help="Output format.  [table]")
def types(provider: tuple[str, ...], gpu: str, form: str) -> int:
    """List instance types: GPUs, memory, network, local disks, and who says so."""
    from planner.prices.catalog import Catalog
    from planner.sizing.gpus import means

    catalog = Catalog()
    for name in provider:
        catalog.info(name)  # an unknown one is an error
    every = [i for p in provider or catalog.providers() for _, i in sorted(catalog.instances(p).items())]
    found = [i for i in every if not gpu or means(gpu, i.gpu_model)]
    if not found:
        raise MisuseError(
            f"--gpu: no instance type has {gpu[:40]!r}: {suggest(gpu[:40], {i.gpu_model for i in every})}"
        )
    header = (
        "provider",
        "instance_type",
        "gpu",
        "gpus",
        "gpu_memory_gib",
        "vcpu",
        "memory_gib",
        "network_gbps",
        "local_nvme_gb",
    )
    rows: list[Sequence[object]] = [
        (
            i.provider,
            i.name,
            i.gpu_model,
            i.gpu_count,
            i.gpu_memory_gib,
            i.vcpu,
            i.memory_gib,
            i.network_gbps,
            i.local_nvme_gb,
        )
        for i in found
    ]
    if form == "csv":
        more = [(i.source, i.confidence) for i in found]
        _csv((*header, "source", "confidence"), [(*row, *rest) for row, rest in zip(rows, more, strict=True)])
    else:
        _table(header, rows)
    return 0


@click.command(cls=Grouped)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="Output format.  [table]")
def gpus(form: str) -> int:
    """List the GPUs that can be sized: memory, bandwidth, operations, and other names of each."""
    from planner.sizing.gpus import rows

    every = sorted({spec.name: spec for spec in rows().values()}.values(), key=lambda spec: spec.name.lower())
    if form == "json":
        said = [spec._asdict() | {"aliases": list(spec.aliases)} for spec in every]
        sys.stdout.write(json.dumps(said, indent=2, ensure_ascii=False) + "\n")
        return 0
    header = ("gpu", "memory_gb", "bandwidth_gb_s", "bf16_tflops", "fp8_tflops", "tdp_w", "capability", "also")
    _table(
        header,
        [
            (
                s.name,
                *(
                    f"{value:g}" if value else ""
                    for value in (s.memory_gb, s.bandwidth_gb_s, s.bf16_tflops, s.fp8_tflops, s.tdp_w)
                ),
                f"{s.compute_capability:.1f}" if s.compute_capability else "",
                " ".join(s.aliases),
            )
            for s in every
        ],
    )
    return 0


def _said(value: object) -> str:
    return "" if value is None else str(value)


def _csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    made = io.StringIO()
    out = csv.writer(made, lineterminator="\n")
    out.writerow(header)
    out.writerows([_said(value) for value in row] for row in rows)
    sys.stdout.write(made.getvalue())


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write columns; those of numbers to the right."""
    from planner.rendering.columns import grid

    right = {i for i, name in enumerate(header) if name in _NUMBERS or name.endswith(("_gb_s", "tflops"))}
    names = [name.replace("_", " ") for name in header]
    for line in grid(names, ([_said(value) for value in row] for row in rows), right, False):
        sys.stdout.write(line + "\n")
