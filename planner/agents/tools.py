"""The tools: which command answers each, what an agent may say to it, and how that becomes a command line.

A tool is a command, asked in the command's own words: nothing is computed here, so an agent hears what a user reads. What a
command can take is handed in (`Option`), since this floor knows no command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError, suggest
from planner.records import NamedTuple
from planner.workload import Workload

__all__ = ["TOOLS", "Option", "Tool", "arguments", "inside", "schema"]


class Option(NamedTuple):
    """What a command takes. name: in an agent's words (`egress_gb`); flag: on the command line ("" for an argument, given in
    its place). many: repeatable. choices: the words that are allowed, () for any. path: "file" where it names one, "demand" where it
    is a shape in words or a file, "weighted" for such with a weight. switch: it has no value. off: the flag that says no, "" where
    there is none.
    """

    name: str
    flag: str
    help: str
    many: bool = False
    choices: tuple[str, ...] = ()
    path: str = ""
    switch: bool = False
    required: bool = False
    off: str = ""


class Tool(NamedTuple):
    """A question. command: the words of the command that answers it; given: what is always said to it. answer: how what it
    prints is read (a function's name in planner.agents.answers). leaves: options that are kept from agents. own: arguments
    of the tool itself, with their schema. writes: it writes into the folder that the user allowed, and is there only then.
    """

    name: str
    command: tuple[str, ...]
    title: str
    about: str
    answer: str
    given: tuple[str, ...] = ()
    leaves: frozenset[str] = frozenset()
    own: Mapping[str, dict[str, Any]] = {}
    writes: bool = False


#: What is kept from every tool: it would write, fetch, start terraform, or ask for another way of printing.
KEPT = frozenset(
    "output force format lang top sort wide gaps rejected plot compare charts from_tf target replay strict online validate plan "
    "help help_all price_book_db quote_file offline_list granularity allow_unpriced infrastructure".split()
)
TOP = {
    "type": "integer",
    "minimum": 1,
    "maximum": 20,
    "default": 1,
    "description": "Offers of each cloud and way of buying that are told; the others are counted.",
}
ROWS = {
    "type": "integer",
    "minimum": 1,
    "maximum": 1000,
    "default": 100,
    "description": "The most rows that are told; the others are counted.",
}

TOOLS: tuple[Tool, ...] = (
    Tool(
        name="quote",
        command=("quote",),
        title="What a workload costs",
        about="What serving a model costs on each cloud: on demand, committed and spot, with traffic, from dated price lists. The "
        "recommended offer, and what stands beside it, each with its charges, their price rows, sources and days; what has no "
        "price is unpriced. Amounts are decimal strings.",
        answer="quoted",
        given=("--format=json",),
        leaves=frozenset(("offer", "explain")),
        own={"top": TOP},
    ),
    Tool(
        name="size",
        command=("size",),
        title="How many GPUs a model needs",
        about="Whether a model fits a GPU or an instance type, in which layout, and what it delivers: memory, tokens a second and "
        "latency, each with a range and the measurements behind it.",
        answer="as_json",
        given=("--format=json",),
    ),
    Tool(
        name="explain",
        command=("explain",),
        title="Where an offer's numbers come from",
        about="Unfolds one offer (its id stands in a quote's answer; without one the recommended offer): each charge to its price row, "
        "source and day, each total to its formula, the sizing step by step.",
        answer="as_text",
        leaves=frozenset(("workload_file",)),
    ),
    Tool(
        name="diff",
        command=("diff",),
        title="What changed between two quotes",
        about="What two workloads, or the same one on two days (`as_of`), differ by in money, and why: price, discount, exchange rate, "
        "hours, count and volume. `old` and `new` hold the arguments of `quote`.",
        answer="differed",
        given=("--format=json",),
        leaves=frozenset(("old", "new", "fail_on_increase")),
        own={
            **{
                name: {"type": "object", "description": f"Arguments of `quote` that make the {name} quote."}
                for name in ("old", "new")
            },
            "top": {
                **TOP,
                "default": 5,
                "description": "Offers that changed most that are told; the others are counted.",
            },
        },
    ),
    Tool(
        name="commit",
        command=("commit",),
        title="How much to commit",
        about="The cheapest mix of commitments, on-demand and spot for a demand that changes by the hour: its cost beside all "
        "on-demand and all committed, coverage, utilisation, regret, break-even and what is owed at termination.",
        answer="committed",
        given=("--format=json",),
    ),
    Tool(
        name="rent_or_buy",
        command=("rent-or-buy",),
        title="Rent or buy",
        about="Machines of one's own beside the cheapest rent for the same demand: monthly and cumulative cost, the month in which "
        "buying wins or never, energy, and what would turn it. `own` is `examples` for the dated machines that come with planner.",
        answer="as_json",
        given=("--format=json",),
    ),
    Tool(
        name="emit",
        command=("emit-tf",),
        title="Write the Terraform module",
        about="Writes the Terraform module of an offer into a folder of the given name, inside the folder that the user allowed. Nothing "
        "is applied.",
        answer="emitted",
        leaves=frozenset(("provider",)),
        own={"folder": {"type": "string", "description": "Name of the new folder.", "minLength": 1, "maxLength": 100}},
        writes=True,
    ),
    Tool(
        name="catalog_search",
        command=("catalog", "list"),
        title="Search the price lists",
        about="Prices by cloud, region, instance type (or how its name begins), GPU and way of buying: each row with its day, the last "
        "day on which it was seen unchanged, and its confidence.",
        answer="rows",
        given=("--format=csv",),
        own={"limit": ROWS},
    ),
    Tool(
        name="history",
        command=("catalog", "history"),
        title="How a price moved",
        about="Every price of an instance type that is known, with the days on which it began to hold.",
        answer="rows",
        given=("--format=csv",),
        own={"limit": ROWS},
    ),
)


def _kind(option: Option) -> dict[str, Any]:
    """Return the JSON Schema of an option: its kind is that of the workload's field of the same name, where there is one."""
    if option.switch:
        return {"type": "boolean"}
    if option.choices:
        one: dict[str, Any] = {"type": "string", "enum": list(option.choices)}
    else:
        usual = Workload._field_defaults.get(option.name, "")
        number = (
            "integer" if isinstance(usual, int) else "number" if usual is None or isinstance(usual, Decimal) else ""
        )
        one = {"type": [number, "string"] if number else "string"}
    return {"type": "array", "items": one} if option.many else one


def schema(tool: Tool, options: Iterable[Option], folder: str) -> dict[str, Any]:
    """Return the JSON Schema of what a tool takes; without a `folder` no file can be named."""
    shown = [o for o in _allowed(tool, options) if folder or o.path != "file" or o.name == "own"]
    properties = {o.name: {**_kind(o), "description": o.help} for o in shown}
    needed = [o.name for o in shown if o.required]
    needed += [name for name, said in tool.own.items() if "default" not in said]
    return {
        "type": "object",
        "properties": {**properties, **tool.own},
        "required": needed,
        "additionalProperties": False,
    }


def _allowed(tool: Tool, options: Iterable[Option]) -> list[Option]:
    return [o for o in options if o.name not in KEPT and o.name not in tool.leaves]


def arguments(tool: Tool, options: Sequence[Option], said: Mapping[str, Any], folder: str) -> list[str]:
    """Return the command line of a question; raise `MisuseError` for what the tool does not take.

    A value is never taken for an option, whatever it begins with. A file is one inside `folder`.
    """
    known = {o.name: o for o in _allowed(tool, options)}
    line, placed = [*tool.command, *tool.given], []
    for name, value in said.items():
        if name in tool.own or value is None:
            continue
        option = known.get(name)
        if option is None:
            raise MisuseError(f"{tool.name}: no argument {name[:40]!r}: {suggest(name[:40], [*known, *tool.own])}")
        if option.switch:
            if not isinstance(value, bool):
                raise MisuseError(f"{tool.name}: {name} is true or false, not {_seen(value)}")
            line += [option.flag] if value else [option.off] if option.off else []
            continue
        for one in value if option.many and isinstance(value, (list, tuple)) else [value]:
            word = _word(tool, name, one)
            word = _placed(tool, option, word, folder)
            if option.flag:
                line.append(f"{option.flag}={word}")
            else:
                placed.append(word)
    missing = [o.name for o in known.values() if o.required and said.get(o.name) is None]
    missing += [n for n, own in tool.own.items() if "default" not in own and said.get(n) is None]
    if missing:
        raise MisuseError(f"{tool.name}: {', '.join(missing)} must be given")
    return [*line, "--", *placed] if placed else line


def _word(tool: Tool, name: str, value: Any) -> str:
    """Return a value as it is typed; JSON's numbers keep the digits that they are written with."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise MisuseError(f"{tool.name}: {name}: {_seen(value)} is neither text nor a number")
    word = str(value)
    if len(word) > 4000 or "\0" in word:
        raise MisuseError(f"{tool.name}: {name}: {_seen(value)} is no value")
    return word


def _placed(tool: Tool, option: Option, word: str, folder: str) -> str:
    """Return a value that may name a file with that file's path inside the folder that the user allowed."""
    from planner.buying.shapes import is_shape

    what = f"{tool.name}: {option.name}"
    if option.path == "file" and word not in ("examples", "none"):
        return inside(folder, word, what)
    if option.path == "weighted":
        weight, _, said = word.partition("=")
        return f"{weight}={said if is_shape(said) else inside(folder, said, what)}"
    if option.path == "demand" and not is_shape(word):
        return inside(folder, word, what)
    return word


def _seen(value: Any) -> str:
    return ascii(value)[:60]


def inside(folder: str, name: str, what: str) -> str:
    """Return the path of `name` inside the folder that the user allowed; raise `MisuseError` for any other, links followed."""
    if not folder:
        raise MisuseError(f"{what}: no folder was allowed: the user starts `planner mcp --folder DIR`")
    root = os.path.realpath(folder)
    path = os.path.realpath(os.path.join(root, name))
    if path != root and not path.startswith(os.path.join(root, "")):
        raise MisuseError(f"{what}: {name[:100]!r} is outside the folder that the user allowed")
    return path
