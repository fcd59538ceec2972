"""Write docs/reference/ from the product itself (`make docs`): its commands, workload keys, JSON Schemas and public functions.

Nothing here is worded twice: the sentences are those of `--help-all` in English and Chinese, of the tools' schemas, and of the
docstrings.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

import planner
from planner.agents.answers import shape
from planner.agents.tools import TOOLS, schema
from planner.cli import COMMANDS, chinese, cli
from planner.cli.help import COMMAND_GROUPS, GROUPS, Grouped
from planner.cli.mcp import RESOURCES, _options
from planner.gate.policy import Policy
from planner.workload import Workload

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
MADE = "<!-- Written by `make docs` from the product itself: change it there. -->\n"


def cell(text: str) -> str:
    """Return text for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*") or " "


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


# -- commands --------------------------------------------------------------------------------------------------------


def _records(command: click.Command, context: click.Context) -> dict[str, tuple[str, str]]:
    """Return the options of a command: name -> (as it is typed, what it does)."""
    found = {}
    for param in command.get_params(context):
        record = param.get_help_record(context)
        if record is not None and isinstance(param, click.Option) and param.name not in ("help", "help_all"):
            found[max(param.opts, key=len)] = record
    return found


class Words(NamedTuple):
    """What words a page of the commands: titles and sentences, the help of an option, what heads it, how a command is called."""

    said: Callable[[str], str] = str
    meaning: Callable[[str], str] = str
    heading: Callable[[str], str] = str
    usage: Callable[[str], str] = str
    does: str = "what it does"


ENGLISH = Words()
CHINESE = Words(chinese.words, chinese.meaning, chinese.heading, chinese.metavar, "作用")


def _options_of(command: click.Command, context: click.Context, t: Words) -> Iterator[str]:
    records = _records(command, context)
    for title, listed in command.groups() if isinstance(command, Grouped) else ():
        if names := [name for name in listed if name in records]:
            rows = ((f"`{t.heading(records[n][0])}`", cell(t.meaning(records[n][1]))) for n in names)
            yield table((t.said(title), t.does), rows)


def _prose(text: str, t: Words) -> str:
    """Return a help text as paragraphs; what click keeps as it stands (\\b) is a block."""
    made = []
    for part in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        kept = part.startswith("\b")
        said = part if kept else t.said(" ".join(part.split()))
        made.append("```text\n" + part.removeprefix("\b").strip("\n") + "\n```" if kept else cell(said))
    return "\n\n".join(made)


def _command(name: str, command: click.Command, context: click.Context, t: Words) -> Iterator[str]:
    yield f"{'###' if ' ' in name else '##'} planner {name}\n"
    yield _prose(command.help or command.short_help or "", t) + "\n"
    usage = t.usage(" ".join(command.collect_usage_pieces(context)))
    yield f"```text\nplanner {name} {usage}\n```\n"
    yield from _options_of(command, context, t)
    if isinstance(command, click.Group):
        for within in command.list_commands(context):
            found = command.get_command(context, within)
            assert found is not None
            yield from _command(f"{name} {within}", found, click.Context(found, info_name=within), t)


def _listed(t: Words) -> Iterator[str]:
    """Yield the commands in the groups of `planner --help`, then each with its options."""
    root = click.Context(cli, info_name="planner")
    for title, names in COMMAND_GROUPS:
        rows = ((f"[{name}](#planner-{name})", cell(t.said(COMMANDS[name][2]))) for name in names.split())
        yield table((t.said(title), " "), rows)
    for _, names in COMMAND_GROUPS:
        for name in names.split():
            command = cli.get_command(root, name)
            assert command is not None
            yield from _command(name, command, click.Context(command, info_name=name), t)


def commands() -> str:
    """Return the page of the commands."""
    lines = [MADE, "# Commands\n", "[中文](commands.zh.md)\n", cell(cli.help or "") + "\n"]
    lines.append("`planner COMMAND --help` shows the options used most, `--help-all` every one, as they stand here.\n")
    return "\n".join([*lines, *_listed(ENGLISH)])


def chinese_commands() -> str:
    """Return the page of the commands in Chinese, with what the codes of errors mean."""
    lines = [MADE, "# 全部命令\n", "[English](commands.md)\n", _prose(cli.help or "", CHINESE) + "\n"]
    lines.append("`planner COMMAND --help` 显示最常用的选项，`--help-all` 显示全部，与本页相同。\n")
    lines.append(
        "命令行的语言由 `--lang zh`（写在命令之后，或写成 `planner --lang zh COMMAND`）决定，否则由环境变量 `PLANNER_LANG=zh` 决定；"
        "系统的 locale 不起作用，因此已有的脚本不受影响。选项、键和命令的名称不翻译；供程序读取的 JSON 与 CSV 在两种语言下相同，"
        "只有输入 `quote --format csv --lang zh` 时，才为 Excel 在最前加上字节顺序标记。\n"
    )
    lines += _listed(CHINESE)
    lines.append("## 错误代码\n")
    lines.append(
        "错误是 stderr 上的一行，以不变的代码结尾。用法错误（E201）与常见的取值错误（E200）是中文；较少见的句子仍是英文，其后的括号用中文说明代码的含义"
        "与处理方法。\n"
    )
    said = {key: zh for key, _, zh in chinese.rows() if key.startswith("error.")}
    codes = list(dict.fromkeys(key.split(".")[1] for key in said))
    rows = (
        (code, said[f"error.{code}.what"], said[f"error.{code}.do"].replace("(ci.md)", "(../ci.md)")) for code in codes
    )
    lines.append(table(("代码", "含义", "处理方法"), rows))
    return "\n".join(lines)


# -- workload file ---------------------------------------------------------------------------------------------------


def workload() -> str:
    """Return the page of the keys that a workload file may have."""
    quote = cli.get_command(click.Context(cli), "quote")
    assert quote is not None
    records = _records(quote, click.Context(quote))
    lines = [MADE, "# Workload file\n"]
    lines.append(
        "A workload file is TOML. Every key is an option of the same name, with underscores; an option on the command line "
        "comes before the file. An unknown key is refused, and the near ones are named. What takes several values is a list; `discount`, `tax` "
        "and `contract` are tables ([cost model](../cost-model.md#discounts-tax-currency)). `planner init` writes a commented one.\n"
    )
    fields = Workload._fields
    for title, names in GROUPS:
        keys = [name for name in names.split() if name[2:].replace("-", "_") in fields and name in records]
        rows = (
            (f"`{name[2:].replace('-', '_')}`", cell(records[name][1]), f"`{records[name][0].split(', ')[-1]}`")
            for name in keys
        )
        if keys:
            lines.append(f"## {title}\n")
            lines.append(table(("key", "what it is", "option"), rows))
    lines.append("## Policy file\n")
    lines.append("What `planner gate` holds a change to ([how](../ci.md)), all below `[policy]`:\n")
    lines.append(" ".join((Policy.__doc__ or "").split()) + "\n")
    lines.append(table(("key",), ((f"`{name}`",) for name in Policy._fields)))
    return "\n".join(lines)


# -- schemas ---------------------------------------------------------------------------------------------------------


def _kind(has: dict[str, Any]) -> str:
    """Return in a word what a property of a schema may be."""
    if "enum" in has:
        return ", ".join(f"`{one}`" for one in has["enum"])
    if "anyOf" in has:
        return " or ".join(_kind(one) for one in has["anyOf"])
    if has.get("type") == "array":
        return "list of " + _kind(has.get("items") or {})
    kind = has.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def schemas() -> str:
    """Return the page of the JSON Schemas: what each tool for agents takes and tells, and the records of the commands."""
    lines = [MADE, "# JSON Schemas\n"]
    lines.append(
        "What `planner mcp` gives an agent for each tool ([how](../mcp.md)); the answer is the record of the command's `--format json`, "
        "field by field in [JSON](../json.md). Numbers may be strings, so that no digit is lost. No tool takes an argument that is not named.\n"
    )
    for tool in TOOLS:
        takes = schema(tool, _options(cli, tool.command), "folder")
        lines.append(f"## {tool.name}\n")
        lines.append(f"{tool.title}. As `planner {' '.join(tool.command)}`. {tool.about}\n")
        rows = [
            (f"`{name}`" + (" (required)" if name in takes["required"] else ""), _kind(has), cell(has["description"]))
            for name, has in takes["properties"].items()
        ]
        lines.append(table(("argument", "kind", "what it is"), rows))
        lines.append("Its answer:\n")
        lines.append(f"```json\n{json.dumps(shape(tool.answer), indent=1)}\n```\n")
    lines.append("## Resources\n")
    rows = [(f"`{uri}`", title, cell(about)) for uri, (title, about, _) in RESOURCES.items()]
    lines.append(table(("address", "title", "what it is"), rows))
    return "\n".join(lines)


# -- functions -------------------------------------------------------------------------------------------------------


def _signature(name: str, made: Any) -> str:
    """Return a signature as it stands in the source, a parameter a line where it is long."""
    signature, parts, star = inspect.signature(made), [], False
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY and not star:
            parts.append("*")
            star = True
        mark = "**" if one.kind is one.VAR_KEYWORD else ""
        default = "" if one.default is one.empty else f" = {one.default!r}"
        parts.append(f"{mark}{one.name}: {one.annotation}{default}")
        if one.kind is one.POSITIONAL_ONLY:
            parts = [part for part in parts if part != "/"] + ["/"]
    whole = f"{name}({', '.join(parts)}) -> {signature.return_annotation}"
    if len(whole) <= 100:
        return whole
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f") -> {signature.return_annotation}"


def functions() -> str:
    """Return the page of the public functions and records, from their docstrings."""
    lines = [MADE, "# Python API\n"]
    lines.append(
        "The public names of `planner`, from their docstrings; [From Python](../api.md) has an example of each that the tests run.\n"
    )
    names = sorted(planner.__all__, key=lambda name: (name[0].isupper(), name))
    for name in names:
        made = getattr(planner, name)
        lines.append(f"## {name}\n")
        if inspect.isfunction(made):
            lines.append(f"```python\n{_signature(name, made)}\n```\n")
        lines.append("\n\n".join(cell(p) for p in re.split(r"\n\s*\n", inspect.getdoc(made) or "")) + "\n")
        if hasattr(made, "_fields"):
            lines.append("Fields: " + ", ".join(f"`{field}`" for field in made._fields) + ".\n")
    return "\n".join(lines)


def pages() -> dict[Path, str]:
    """Return every page of the reference with what it has to say today."""
    made = {
        "commands": commands(),
        "commands.zh": chinese_commands(),
        "workload": workload(),
        "schemas": schemas(),
        "api": functions(),
    }
    return {FOLDER / f"{name}.md": text for name, text in made.items()}


def main() -> int:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
