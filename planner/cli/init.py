"""`planner init`: five questions, and a commented workload.toml that every command takes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from planner.cli.help import Grouped, lang_option
from planner.errors import MisuseError, PlannerError

if TYPE_CHECKING:
    from planner.i18n import English
    from planner.presets import Value

#: (key of the workload, question, what an empty answer means where the workload's own default does not say it)
QUESTIONS = (
    ("preset", "What is it for?", ""),
    ("model", "Which model?", ""),
    ("rps", "How many requests a second?", "as one machine does"),
    ("hours", "For how many hours?", ""),
    ("provider", "On which clouds?", "all"),
)
#: Why a value stands in the file that comes from no preset.
REASONS = {
    "model": "`planner models list` names them; a checkpoint's name or config.json will do",
    "hours": "730 are an average month",
    "provider": "leave it out to compare all",
    "rps": "requests a second at the peak; without it one machine is sized",
}


@click.command(cls=Grouped)
@click.option("--preset", metavar="USE", help="Answer 1: chat, code, agent, rag, research or batch.")
@click.option("--model", metavar="NAME", help="Answer 2.")
@click.option("--rps", metavar="R", help="Answer 3: requests per second.")
@click.option("--hours", metavar="H", help="Answer 4.")
@click.option("--provider", metavar="NAME", multiple=True, help="Answer 5: a cloud, repeatable.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing: what is not answered above is the default.")
@click.option("--sources", is_flag=True, help="Write nothing: list the presets, each value with its source.")
@click.option("-o", "--output", metavar="FILE", default="workload.toml", help="The file.  [workload.toml]")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@lang_option("Language of questions and comments.")
def init(yes: bool, sources: bool, output: str, force: bool, lang: str, **given: Any) -> int:
    """Ask five questions and write a commented workload file, with the lengths and limits of a preset.

    Options answer in advance; `--yes` asks nothing. Answers may come from a pipe, one a line.
    """
    from planner.i18n import translator

    t = translator(lang)
    if sources:
        sys.stdout.write(listed(t, str(given["preset"] or "")))
        return 0
    import os

    if os.path.exists(output) and not force:
        raise MisuseError(
            "{output} is there already; name another file with -o, or replace it with --force", output=output
        )
    answers: dict[str, object] = {}
    for key, question, _ in QUESTIONS:
        answer = given[key] if given[key] not in (None, ()) else "" if yes else None
        answers[key] = _answer(key, t(question), answer, answers, t)
    from planner.writing import write_new

    write_new(output, written(answers, t), force=force)
    name = output if " " not in output else f"'{output}'"
    click.echo(t("{file} is written; `planner quote {file}` says what it costs", file=name))
    return 0


def _usual(key: str, answers: dict[str, object], t: English) -> tuple[object, str]:
    """Return the answer that an empty line means, and how it is shown."""
    from planner.workload import Workload

    if key == "preset":
        return "chat", "chat"
    if key == "rps":
        from planner.presets import values

        value = next((one.value for one in values(answers["preset"]) if one.field == "rps"), "")
        if value:
            return value, t("{rate}, as in its trace", rate=value)
    word = t(next(said for name, _, said in QUESTIONS if name == key))
    usual = "" if key in ("rps", "provider") else Workload._field_defaults[key]
    return usual, word or str(usual)


def _answer(key: str, question: str, answer: object, answers: dict[str, object], t: English) -> object:
    """Return the checked answer: the given one, or one that is asked for; a wrong one is asked again on a terminal."""
    from planner.presets import PRESETS

    usual, shown = _usual(key, answers, t)
    choices = f" ({', '.join(PRESETS)})" if key == "preset" else ""
    number = [name for name, _, _ in QUESTIONS].index(key) + 1
    asked = answer is None
    while True:
        if asked:
            click.echo(f"{number}/{len(QUESTIONS)} {question}{choices} [{shown}] ", nl=False, err=True)
            line = sys.stdin.readline()
            if not line.endswith("\n") and not line:
                raise MisuseError(
                    "no answer to question {number} ({question}): answer with --{key}, or say --yes",
                    number=number,
                    question=question,
                    key=key,
                )
            if not sys.stdin.isatty():
                click.echo(line.strip(), err=True)
            answer = line.strip()
        try:
            return _checked(key, usual if answer == "" else answer)
        except PlannerError as exc:
            if not asked or not sys.stdin.isatty():
                raise
            click.echo(f"  {exc}", err=True)


def _checked(key: str, answer: object) -> object:
    from planner.workload import make

    if key == "provider":
        names = answer.replace(",", " ").split() if isinstance(answer, str) else answer
        if not names:
            return ()
        from planner.prices.catalog import Catalog

        catalog = Catalog()
        found = make({"provider": names}).provider
        for name in found:
            catalog.info(name)
        return found
    if answer == "":
        return ""
    if key == "preset":
        from planner.presets import values

        return values(str(answer))[0].preset
    work = make({key: answer})
    if key == "model":
        from planner.sizing.fit import model_of

        model_of(work)
    if key == "rps" and not work.rps:
        raise MisuseError("--rps: 0 is not above zero; leave it out instead")
    return answer


def written(answers: dict[str, object], t: English) -> str:
    """Return the file: what was answered, and the preset's values with their sources."""
    import json

    from planner.presets import values
    from planner.workload import Workload

    rows = values(answers["preset"])
    name = rows[0].preset
    lines = [
        "# " + t("Written by `planner init`: a workload for planner quote, commit, emit-tf and the others."),
        "# " + t("Every option of `planner quote --help-all` may stand here, with _ for -."),
        f"name = {json.dumps(name)}",
        "",
    ]
    for key in ("model", "hours"):
        value = str(answers[key] or Workload._field_defaults[key])
        quoted = json.dumps(value, ensure_ascii=False) if key == "model" else value
        lines.append(f"{key} = {quoted}  # {t(REASONS[key])}")
    clouds = answers["provider"]
    said = ", ".join(json.dumps(one) for one in clouds) if isinstance(clouds, tuple) else ""
    mark = "" if said else "# "
    lines.append(f"{mark}provider = [{said}]  # {t(REASONS['provider'])}")
    lines += ["", "# " + t("Lengths, limits and rate of the preset {name}: means of what was measured.", name=name)]
    for row in rows:
        rate = str(answers["rps"]) if row.field == "rps" else ""
        if rate and rate != row.value:
            lines += [f"# {t(REASONS['rps'])}", f"rps = {rate}"]
            continue
        lines.append(f"# {row.what} ({row.source}, {row.date})")
        lines.append(f"{row.field} = {row.value}" if row.value else f"# {row.field} =")
    lines += [
        "",
        "# " + t("What often comes next:"),
        "# egress_gb = 400",
        '# region = ["..."]',
        "# budget = 5000",
        "# spare = 1",
        "",
    ]
    return "\n".join(lines)


def listed(t: English, only: str = "") -> str:
    """Return the presets, each value with what it is, where it is from and how sure it is."""
    from planner.presets import PRESETS, values

    shown: list[Value] = [row for name in ([only] if only else PRESETS) for row in values(name)]
    lines: list[str] = []
    before = ("", "")
    for row in shown:
        if row.preset != before[0]:
            lines += ["", row.preset] if lines else [row.preset]
        lines.append(f"  {row.field:<15}{row.value or t('open'):<7}{row.what}")
        source = f"{row.source}, {row.date}, {t('confidence')} {t(row.confidence)}"
        if (row.preset, source) != before:
            lines.append(f"  {'':<22}{source}")
        before = (row.preset, source)
    return "\n".join(lines) + "\n"
