"""`planner models`: the models that can be sized, and what is known about each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from planner.cli.help import Group
from planner.cli.machines import gpus
from planner.cli.options import fetched, online_option

if TYPE_CHECKING:
    from planner.sizing.models import Model


@click.group(cls=Group)
def models() -> None:
    """List the models that can be sized, or show one."""


@models.command("list")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="Output format.  [table]")
def list_(form: str) -> int:
    """List the registry: parameters, KV cache, tensor parallel degrees, context, licence."""
    from planner.rendering.columns import grid
    from planner.sizing.models import rows

    if form == "json":
        return _write([_facts(m) for m in rows()])
    header = ("model", "params", "active", "KV B/token", "tp", "context", "precision", "licence")
    table = []
    for m in rows():
        sized = (
            f"{m.total_params / 1e9:.1f}B",
            f"{m.active_params / 1e9:.1f}B",
            f"{m.kv_bytes_per_token:,}",
            _degrees(m),
        )
        known = (f"{m.total_published}B".split(" ")[0], "", "", "not sized")
        table.append(
            (
                m.name,
                *(sized if m.sizable else known),
                f"{m.max_context:,}",
                m.native_precision.split(" ")[0],
                m.license,
            )
        )
    for line in grid(header, table, {1, 2, 3, 5}, False):
        sys.stdout.write(line + "\n")
    return 0


@models.command()
@click.argument("words", metavar="WORD...", nargs=-1, required=True)
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="Output format.  [table]")
def search(words: tuple[str, ...], form: str) -> int:
    """List the models whose names, ids or aliases have every WORD in them.

    Where no name has them: those whose architecture, kind of attention (MLA, ...), format or licence has.
    """
    from planner.sizing.models import rows

    wanted = " ".join(words).lower().split()
    every = rows()
    found = [m for m in every if all(word in " ".join(_ids(m)).lower() for word in wanted)]
    if not found:
        found = [m for m in every if all(word in _kinds(m) for word in wanted)]
    if form == "json":
        _write([_facts(m) for m in found])
    for m in found if form == "table" else ():
        sys.stdout.write(f"{m.name}: {', '.join(n for n in _ids(m) if n != m.name)}\n")
    if not found:
        click.echo(f"planner: no model has {' '.join(words)!r} in its names; `planner models list` shows all", err=True)
    return 0 if found else 1


def _ids(m: Model) -> list[str]:
    return list(dict.fromkeys(n for n in (m.name, m.hf_id, *m.aliases) if n))


def _kinds(m: Model) -> str:
    """Return what a model is beside its names, as words to be searched."""
    mixture = "moe mixture" if m.experts else "dense"
    return " ".join((m.arch, m.attention, m.native_precision, m.license, mixture)).lower()


@models.command()
@click.argument("name", metavar="MODEL", required=False)
@click.option("--model-config", metavar="FILE", help="A local config.json instead of a name.")
@online_option
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="Output format.  [table]")
def show(name: str | None, model_config: str | None, online: bool | None, form: str) -> int:
    """Show one model: architecture, memory, ids, licence, source."""
    from planner.errors import MisuseError
    from planner.sizing import config
    from planner.sizing.models import find

    if (name is None) == (model_config is None):
        raise MisuseError("give either a model's name or --model-config FILE")
    if online:
        from planner.workload import make

        model_config = fetched(make({"model": name or "", "model_config": model_config or ""}), online).model_config
    model = config.load(model_config) if model_config else find(name or "")
    facts = _facts(model)
    if form == "json":
        return _write(facts)
    for key, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v:,.2f} GiB" for k, v in value.items())
        elif isinstance(value, list):
            value = ", ".join(str(v) for v in value)
        elif isinstance(value, int) and not isinstance(value, bool):
            value = f"{value:,}"
        if value not in ("", None):
            sys.stdout.write(f"{key.replace('_', ' '):<22}{value}\n")
    return 0


def _degrees(m: Model) -> str:
    from planner.sizing.memory import tp_refusal

    return " ".join(str(k) for k in (1, 2, 4, 8, 16) if not tp_refusal(m, "bf16", k))


def _facts(m: Model) -> dict[str, Any]:
    """Return what is known about a model, sizes computed from its shape."""
    from planner.sizing.memory import BYTES, weight_bytes

    shape: dict[str, Any] = {
        "name": m.name,
        "sizable": m.sizable,
        "hf_id": m.hf_id,
        "modelscope_id": m.modelscope_id,
        "aliases": list(m.aliases),
        "architecture": m.arch,
        "attention": m.attention,
        "layers": m.layers,
        "hidden": m.hidden,
        "heads": m.heads,
        "kv_heads": m.kv_heads,
        "head_dim": m.head_dim,
        "experts": m.experts or None,
        "experts_per_token": m.top_k or None,
        "vocabulary": m.vocab,
        "max_context": m.max_context,
        "native_precision": m.native_precision,
        "parameters_published": f"{m.total_published} x 10^9" if m.total_published else "",
    }
    if m.sizable:
        shape |= {
            "parameters": m.total_params,
            "active_parameters": m.active_params,
            "kv_bytes_per_token": m.kv_bytes_per_token,
            "kv_bytes_in_window": m.kv_window or None,
            "window": m.window or None,
            "state_bytes_per_request": m.state or None,
            "tensor_parallel": [int(k) for k in _degrees(m).split()],
            "weights": {
                p: round(weight_bytes(m, p) / 2**30, 2)
                for p in BYTES
                if p in ("fp16", "fp8", "int8", "int4-awq", m.own)
            },
        }
    return shape | {"licence": m.license, "source": m.source, "notes": m.notes}


def _write(value: object) -> int:
    import json

    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    return 0


models.add_command(gpus)
