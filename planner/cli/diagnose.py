"""`planner diagnose`: what a log says went wrong, and what to do."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from planner.cli.help import GROUPS, Grouped, lang_option
from planner.cli.options import load_options, make_workload, put
from planner.errors import MisuseError, NoOfferError

if TYPE_CHECKING:
    from planner.diagnose.fixes import Setting
    from planner.diagnose.patterns import Fault
    from planner.i18n import English


#: Options that change what is paid and nothing of what runs.
_PAID = {
    *"--hours --use --start --provider --region --data-stays --purchase-option --low-confidence".split(),
    *(
        name
        for title, names in GROUPS
        if title in ("Traffic, disks, addresses", "Money", "Prices")
        for name in names.split()
    ),
}


@click.command(cls=Grouped)
@click.argument("log", metavar="LOG")
@click.argument("workload_file", metavar="[WORKLOAD.toml]", required=False)
@click.option("--gpus", type=click.IntRange(1, 1024), metavar="N", help="GPUs of the machine, with --gpu.  [1]")
@partial(load_options, but=_PAID)
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", help="table or json.  [table]")
@lang_option()
def diagnose(log: str, gpus: int | None, form: str, lang: str, **values: Any) -> int:
    """Find in a log (a file, or - for stdin) what kept an engine from serving: memory, context, kernels, driver, Xid, NCCL, disk, token, image. Says
    the cause and the fix; with the workload and the machine (--gpu or --instance-type) what fits and runs there.

    Exits 1 where nothing that is known is found. Tokens and keys are not shown.
    """
    from planner.diagnose import patterns
    from planner.i18n import translator

    setting = _setting(values, gpus)
    with _opened(log) as file:
        found, driver = patterns.found(file)
    if driver:
        setting = setting._replace(driver=driver)
    if form == "json":
        put(json.dumps(_record(log, found, setting), indent=2, ensure_ascii=False) + "\n", None, people=False)
    elif found:
        put(_listed(found, setting, translator(lang), lang), None)
    if not found:
        raise NoOfferError(
            f"{log}: none of the {len(patterns.patterns())} lines that are known stands in it; give the engine's whole output from its start "
            "(`docker logs ENGINE`), and the kernel's (`journalctl -k`)"
        )
    return 0


def _opened(log: str) -> BinaryIO:
    if log == "-":
        return sys.stdin.buffer
    try:
        return open(log, "rb")
    except OSError as exc:
        raise MisuseError(f"{log}: {exc.strerror}") from None


def _setting(values: dict[str, Any], cards: int | None) -> Setting:
    """Return what the user said of workload and machine; a workload is known where a model is named."""
    from planner.diagnose.fixes import Setting
    from planner.prices.catalog import Catalog
    from planner.sizing.fit import model_of, settled
    from planner.sizing.gpus import find

    said = bool(values.get("workload_file") or values.get("model") or values.get("model_config"))
    work = make_workload(values)
    if said:
        model_of(settled(work))  # an unknown one is an error
    gpu = find(work.gpu[0]).name if work.gpu else ""
    instance = None
    if work.instance_type:
        catalog = Catalog()
        wanted = work.instance_type[0].lower()
        found = (i for p in catalog.providers() for n, i in catalog.instances(p).items() if n.lower() == wanted)
        instance = next(found, None)
        if instance is None:
            raise MisuseError(
                f"--instance-type: {work.instance_type[0][:60]!r} is in no price list; `planner catalog types` lists them"
            )
        gpu = instance.gpu_model
    number = float(instance.gpu_count) if instance is not None else float(cards or 1)
    return Setting(work if said else None, gpu, number, instance)


def _record(log: str, found: list[Fault], setting: Setting) -> dict[str, Any]:
    from planner.diagnose.fixes import fix

    return {
        "schema": "planner.diagnose/1",
        "log": log,
        "causes": [
            {
                "kind": one.pattern.kind,
                "line": one.line,
                "times": one.times,
                "said": one.said,
                "cause": one.pattern.cause.format_map(one.values),
                "todo": one.pattern.todo.format_map(one.values),
                "computed": [str(said) for said in fix(one.pattern.fix, one.values, setting)],
                "seen": {"source": one.pattern.source, "date": one.pattern.date},
            }
            for one in found
        ],
    }


def _listed(found: list[Fault], setting: Setting, t: English, lang: str) -> str:
    """Return the causes, the first one first: what comes after it is often its consequence."""
    from planner.diagnose.fixes import fix

    lines: list[str] = []
    for one in found:
        zh = lang == "zh"
        cause, todo = (one.pattern.cause_zh, one.pattern.todo_zh) if zh else (one.pattern.cause, one.pattern.todo)
        times = t(" ({n} times)", n=f"{one.times:,}") if one.times > 1 else ""
        lines.append(t("line {n}: {cause}{times}", n=f"{one.line:,}", cause=cause.format_map(one.values), times=times))
        lines.append(f"    {one.said}")
        lines += [f"  > {t.say(said)}" for said in fix(one.pattern.fix, one.values, setting)]
        lines += [
            f"  > {todo.format_map(one.values)}",
            f"    {t('seen at {source}, {date}', source=one.pattern.source, date=one.pattern.date)}",
            "",
        ]
    if len(found) > 1:
        lines.append(t("The first is mostly the cause, the others what came of it."))
    elif lines[-1] == "":
        lines.pop()
    return "\n".join(lines) + "\n"
