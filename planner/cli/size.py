"""`planner size`: what a machine serves, how fast, and how sure that is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from planner.cli.help import Grouped, lang_option
from planner.cli.options import fetched, measured_option, my_measurements, online_option, told
from planner.errors import MisuseError, suggest
from planner.records import NamedTuple

if TYPE_CHECKING:
    from planner.i18n import English
    from planner.offer import InstanceType
    from planner.sizing import Range, Sizing
    from planner.sizing.engines import Host
    from planner.text import Text
    from planner.workload import Workload


@click.command(cls=Grouped)
@click.option("--model", metavar="NAME", help="Model (see `planner models list`).  [DeepSeek-R1-Distill-Qwen-7B]")
@click.option("--model-config", metavar="FILE", help="A Hugging Face config.json of a known architecture instead.")
@online_option
@click.option(
    "--precision",
    metavar="P",
    help="fp16, bf16, fp8, int8 (W8A8), int8-w8a16, int4-awq, mxfp4, ...  [as the checkpoint is]",
)
@click.option("--kv-cache-dtype", metavar="P", help="Width of the KV cache: auto or fp8.  [auto]")
@click.option("--pipeline-gbps", metavar="GBPS", help="Slowest network over which one copy may be split.  [100]")
@click.option("--instance-type", metavar="TYPE", help="An instance type of the catalogue.")
@click.option("--gpu", metavar="NAME", help="A GPU instead: A100-80, A10, V100, H100, L20, 4090, ...")
@click.option(
    "--gpus", type=click.IntRange(1, 1024), metavar="N", help="GPUs to use.  [all of the instance type, else 1]"
)
@click.option("--tp", type=click.IntRange(1, 1024), metavar="K", help="Tensor parallel degree.  [the best that fits]")
@click.option("--preset", metavar="USE", help="chat, code, agent, rag, research, batch: load of a public trace.")
@click.option("--input-tokens", metavar="N", help="Prompt length.  [1024]")
@click.option("--output-tokens", metavar="N", help="Answer length.  [512]")
@click.option("--context-tokens", metavar="N", help="Longest context to hold.  [input + output]")
@click.option("--concurrency", metavar="C|max", help="Requests at once; max: as many as the memory holds.  [max]")
@click.option("--rps", metavar="R", help="Requests per second instead: how many machines it takes.")
@click.option("--tokens-per-second", metavar="T", help="Output tokens per second instead.")
@click.option(
    "--arrival",
    type=click.Choice(["steady", "burst"]),
    default="steady",
    help="steady keeps C requests running; burst sends C at once and drains.  [steady]",
)
@click.option("--ttft-ms", metavar="MS", help="Limit on the time to the first token.")
@click.option("--tpot-ms", metavar="MS", help="Limit on the time per output token.")
@click.option("--headroom", metavar="SHARE", help="Capacity kept free when counting machines.  [20%]")
@click.option("--spare", metavar="N", help="Machines beyond the need (1 = N+1).")
@click.option("--engine", metavar="NAME@VERSION", help="Engine, e.g. vllm@0.31.0.  [the current one for the GPU]")
@measured_option
@click.option(
    "--explain",
    "--steps",
    "steps",
    is_flag=True,
    help="Show memory by part, what a step consists of, and the measurements behind it.",
)
@click.option(
    "--charts",
    metavar="PATH",
    help="Also draw throughput against latency, into FILE.png or .svg, or both into a folder.",
)
@click.option("--force", is_flag=True, help="Replace files that planner did not write (--charts).")
@lang_option("Language of the table.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", help="Output format.  [table]")
def size(
    instance_type: str | None,
    gpu: str | None,
    gpus: int | None,
    tp: int | None,
    arrival: str,
    measurements: str | None,
    steps: bool,
    charts: str | None,
    force: bool,
    lang: str,
    form: str,
    **values: Any,
) -> int:
    """What a machine delivers for a model: memory, layout, tokens per second and latency, each with its range.

    The ranges hold 90 % of measured runs of sources that the fit had not seen; docs/sizing.md has the table.
    """
    from planner.i18n import translator
    from planner.sizing.machine import on_machine

    work = load_of(values)
    burst = arrival == "burst"
    if burst and (work.rps or work.tokens_per_second):
        raise MisuseError("--arrival burst needs --concurrency: a rate is a steady load")
    asked = machine_of(instance_type, gpu, gpus)
    mine = my_measurements(measurements)

    def run(load: Workload, tp: int) -> Sizing:
        room, network = asked.memory_gib, asked.network_gbps
        return on_machine(load, asked.gpu, asked.count, room, network, tp=tp, burst=burst, host=asked.host, own=mine)

    found = run(work, tp or 0)
    if charts:
        _draw(charts, force, (found, work, asked), run, translator(lang))
    row = _row(asked, work.engine)
    if form == "json":
        import json

        raw = _json(found, work, instance_type, asked, str(row), arrival)
        sys.stdout.write(json.dumps(raw, indent=2, ensure_ascii=False) + "\n")
    else:
        shown = _explained(found, translator(lang)) if steps else []
        binding = ["  " + line for line in _bound(work, asked, lang)]
        table = _table(found, work, asked, row, arrival, translator(lang))
        sys.stdout.write("\n".join([*table, *binding, *shown]) + "\n")
    return 0


class Asked(NamedTuple):
    """The machine in question. name: an instance type or "8 x A100-SXM4-40GB"; host: where no cloud is named, any."""

    name: str
    gpu: str
    count: float  # type: ignore[assignment]  # the command's own word; tuple.count is not used
    memory_gib: float | None
    network_gbps: float | None
    host: Host

    @property
    def gpus(self) -> str:
        """Number and kind of the GPUs, as printed."""
        return f"{self.count:g} x {self.gpu}"


def machine_of(instance_type: str | None, gpu: str | None, gpus: int | None) -> Asked:
    """Return the machine that the options name; raises MisuseError when they name none, or two."""
    if (instance_type is None) == (gpu is None):
        raise MisuseError("name the machine with either --instance-type TYPE or --gpu NAME [--gpus N]")
    return _by_type(instance_type, gpus) if instance_type is not None else _by_gpu(gpu or "", gpus)


def _by_type(name: str, gpus: int | None) -> Asked:
    """Return the machine that an instance type of the catalogue is, or the part of it that `gpus` takes."""
    from planner.sizing.engines import Host

    spec, driver = _instance(name)
    number = float(spec.gpu_count)
    if gpus is not None and gpus > number:
        raise MisuseError(
            "--gpus {gpus}: {name} has {gpu_count} x {gpu_model}",
            gpus=gpus,
            name=spec.name,
            gpu_count=spec.gpu_count,
            gpu_model=spec.gpu_model,
        )
    count = number if gpus is None else float(gpus)
    return Asked(
        name=spec.name,
        gpu=spec.gpu_model,
        count=count,
        memory_gib=None if spec.gpu_memory_gib is None else float(spec.gpu_memory_gib),
        network_gbps=float(spec.network_gbps) if spec.network_gbps is not None and count == number else None,
        host=Host(name=spec.provider, driver=driver),
    )


def _by_gpu(name: str, gpus: int | None) -> Asked:
    """Return the machine that a number of GPUs makes, on no cloud in particular."""
    from planner.sizing.engines import ANYWHERE
    from planner.sizing.gpus import Missing, find, lookup

    count = float(gpus or 1)
    if isinstance(lookup(name), Missing):
        from planner.sizing.streams import device

        cpu = device(name)
        if cpu is not None:
            return Asked(f"{count:g} x {cpu.name}", cpu.name, count, None, None, ANYWHERE)
    gpu = find(name).name
    return Asked(f"{count:g} x {gpu}", gpu, count, None, None, ANYWHERE)


def _bound(work: Workload, asked: Asked, lang: str) -> list[str]:
    """Return what binds the model and the cards by licence, and by export rule where the type's cloud is at home in the mainland."""
    from planner.cli.terms import bound
    from planner.sizing.fit import model_of

    mainland = False
    if asked.host.name:
        from planner.prices.catalog import Catalog

        catalog = Catalog()
        mainland = any(
            catalog.market(asked.host.name, home) == "mainland" for home in catalog.info(asked.host.name).home_regions
        )
    return bound(model_of(work), asked.gpu, mainland, lang)


def _row(asked: Asked, engine: str) -> Text:
    """Return which row of the engine table was taken, in words; nothing for a version that is in none."""
    from planner.sizing import engines, gpus

    gpu = gpus.lookup(asked.gpu, asked.memory_gib)
    if isinstance(gpu, gpus.Missing):
        return engines.NOTHING
    build = engines.choose(gpu, asked.host, engine).build
    return engines.row(build, gpu) if build else engines.NOTHING


def load_of(values: dict[str, Any]) -> Workload:
    """Return the load that the options describe."""
    from planner import workload

    given = {k: v for k, v in values.items() if v is not None}
    concurrency = str(given.get("concurrency", "")).strip().lower()
    if concurrency == "max":
        given["concurrency"] = 0  # said, so that no preset's rate stands
    elif concurrency in ("0", "00"):
        raise MisuseError("--concurrency: 0 requests make no load; write 1 or more, or max")
    elif concurrency:
        try:
            int(concurrency)
        except ValueError:
            raise MisuseError(
                "--concurrency: {given!r} is neither a whole number nor max", given=given["concurrency"]
            ) from None
    for field in ("rps", "tokens_per_second", "ttft_ms", "tpot_ms"):
        if field in given and str(given[field]).strip() in ("0", "0.0"):
            raise MisuseError("--{value}: 0 is not above zero; leave it out instead", value=field.replace("_", "-"))
    if given.get("model") and given.get("model_config"):
        raise MisuseError("give either --model or --model-config, not both")
    online = given.pop("online", None)
    return fetched(workload.make(given, heard=told), online)


def _instance(name: str) -> tuple[InstanceType, str]:
    """Return the instance type of the catalogue and the driver of its cloud; raises MisuseError with near matches."""
    from planner.prices.catalog import Catalog

    catalog = Catalog()
    found = None
    for provider in catalog.providers():
        found = found or catalog.instances(provider).get(name)
    known = {n: s for p in catalog.providers() for n, s in catalog.instances(p).items()} if found is None else {}
    for other, spec in known.items():
        if other.lower() == name.lower():
            found = spec
    if found is not None:
        driver = catalog.info(found.provider).driver
        return found, driver.version if driver else ""
    raise MisuseError("no instance type {name!r} in the catalogue: {near}", name=name, near=suggest(name, known))


def _range(value: Range | None, digits: int) -> dict[str, float] | None:
    return None if value is None else {k: round(v, digits) for k, v in zip(value._fields, value, strict=True)}


def _json(s: Sizing, work: Workload, instance_type: str | None, asked: Asked, row: str, arrival: str) -> dict[str, Any]:
    """Return `planner.size/1`."""
    memory = layout = None
    if s.memory is not None and s.layout is not None:
        memory = {k: round(v, 4) for k, v in zip(s.memory._fields, s.memory, strict=True)}
        layout = dict(zip(s.layout._fields, s.layout, strict=True))
    return {
        "schema": "planner.size/1",
        "model": s.model,
        "precision": s.precision,
        "engine": s.engine,
        "engine_row": row,
        "instance_type": instance_type,
        "gpu": asked.gpu,
        "gpus": asked.count if asked.count % 1 else int(asked.count),
        "input_tokens": work.input_tokens,
        "output_tokens": work.output_tokens,
        "arrival": arrival,
        "fits": s.fits,
        "reasons": [str(said) for said in s.reasons],
        "memory": memory,
        "layout": layout,
        "concurrency": s.concurrency,
        "max_model_len": _longest(s, work) if s.fits else None,
        "output_tokens_per_second": _range(s.output_tokens_per_second, 2),
        "total_tokens_per_second": _range(s.total_tokens_per_second, 2),
        "ttft_ms": _range(s.ttft_ms, 2),
        "tpot_ms": _range(s.tpot_ms, 3),
        "count": s.count,
        "utilisation": None if s.utilisation is None else round(s.utilisation, 4),
        "idle_gpus": s.idle_gpus,
        "basis": list(s.basis),
        "warnings": [str(said) for said in s.warnings],
        "steps": [{f: str(v) for f, v in zip(x._fields, x, strict=True)} for x in s.steps],
    }


def _longest(s: Sizing, work: Workload) -> int:
    """Return the longest request that a module's engine takes."""
    from planner.sizing.fit import model_of
    from planner.sizing.lengths import longest

    return longest(s, model_of(work), work.input_tokens + work.output_tokens, work.context_tokens)


def _title(s: Sizing, asked: Asked, t: English) -> str:
    from planner.rendering.sizing import title

    return title(s, asked.name + (f" ({asked.gpus})" if asked.gpus != asked.name else ""), t)


def _table(s: Sizing, work: Workload, asked: Asked, row: Text, arrival: str, t: English) -> list[str]:
    """Return the answer for people."""
    from planner.i18n import pad
    from planner.rendering.sizing import rates

    def line(label: str, value: str) -> str:
        return f"  {pad(t(label), 14)}{value}"

    lines = [_title(s, asked, t)]
    if not s.fits or s.memory is None or s.layout is None:
        return [*lines, "  " + t("does not serve it:"), *(f"    {t.say(r)}" for r in s.reasons)]
    lines += [line("engine row", t.say(row))] if row else []
    lines += [line(label, value) for label, value in _facts(s, work, arrival, t)]
    lines += ["", f"  {'':<22}{pad(t('low'), 10, True)}{pad(t('estimate'), 12, True)}{pad(t('high'), 10, True)}"]
    for rate in rates(s):
        lines.append(f"  {pad(t(rate.label), 22)}{rate.low:>10}{rate.estimate:>12}{rate.high:>10}")
    lines.append("")
    if s.utilisation is not None and not work.concurrency:
        used = t("{n}, used to {share} of their low side", n=s.count, share=f"{s.utilisation:.0%}")
        lines.append(line("machines", used))
    lines.append(line("basis", ", ".join(s.basis) if s.basis else t("no measured rows of this family")))
    return lines + [line("warning", t.say(w)) for w in s.warnings]


def _facts(s: Sizing, work: Workload, arrival: str, t: English) -> list[tuple[str, str]]:
    """Return layout, memory, KV cache and load, each with its label."""
    from planner.rendering.sizing import cache, layout, memory

    longest = t("requests of up to {n} tokens in a module (--max-model-len)", n=f"{_longest(s, work):,}")
    facts = [("layout", layout(s, t)), ("memory", memory(s, t)), ("KV cache", cache(s, t))]
    return [*facts, ("load", _load(work, s.concurrency, arrival, t)), ("longest", longest)]


def _load(work: Workload, concurrency: int, arrival: str, t: English) -> str:
    key = "{a} tokens in, {b} out, {n} requests at once per machine ({arrival})"
    return t(key, a=f"{work.input_tokens:,}", b=f"{work.output_tokens:,}", n=f"{concurrency:,}", arrival=t(arrival))


def _draw(
    where: str, force: bool, drawn: tuple[Sizing, Workload, Asked], run: Callable[..., Sizing], t: English
) -> None:
    """Draw throughput against latency of the machine, in the layout that the answer has, from one request at once to as many as it holds."""
    from planner.rendering.canvas import kept, pyplot_of, single
    from planner.rendering.curves import latency
    from planner.sizing.sweep import sweep

    found, work, asked = drawn
    single(where)
    if not found.fits or found.layout is None:
        raise MisuseError("--charts {where}: the machine does not serve it, so there is nothing to draw", where=where)
    plt = pyplot_of()
    free = work._replace(rps=Decimal(0), tokens_per_second=Decimal(0), ttft_ms=Decimal(0), tpot_ms=Decimal(0))
    tp = found.layout.tp
    runs = sweep(lambda requests: run(free._replace(concurrency=requests), tp=tp))
    lengths = t("{a} tokens in, {b} out", a=f"{work.input_tokens:,}", b=f"{work.output_tokens:,}")
    basis = ", ".join(found.basis) if found.basis else t("no measured rows of this family")
    below = [f"{lengths}; {_layout(found, t)}", f"{t('basis')}: {basis}"]
    figure = latency(plt, runs, _title(found, asked, t), (float(work.tpot_ms), float(work.ttft_ms)), below, t)
    kept(plt, [("latency", figure)], where, force=force)


def _layout(s: Sizing, t: English) -> str:
    from planner.rendering.sizing import layout

    return layout(s, t)


def _explained(s: Sizing, t: English) -> list[str]:
    """Return every step with its formula and numbers."""
    lines = ["", "  " + t("steps")] if s.steps else []
    for x in s.steps:
        unit = f" {t(x.unit)}" if x.unit else ""
        source = f"  [{t.say(x.source)}]" if x.source else ""
        lines.append(f"    {t.say(x.what)}: {x.result}{unit} = {t.say(x.formula)}{source}")
    return lines
