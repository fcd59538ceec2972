"""The formats in which a quote can be shown: one row here, one module with a `dump`. Everything else asks this table.

A format's `dump(quote, **options)` returns text or bytes and sees nothing but the quote. Its module is imported only when it
is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import BinaryIO

from planner.errors import MisuseError, suggest
from planner.harmless import visible
from planner.quoting.records import Quote
from planner.records import NamedTuple

__all__ = ["FORMATS", "Format", "find", "ours", "render"]


class Format(NamedTuple):
    """A format. options: the keywords that its `dump` takes. whole: it recomputes, so a quote for it carries every line
    (`planner.quoting.build.quote(..., whole=True)`). file: it is not for a terminal. plain: people read it as it
    is, so control characters in it are shown. marks: what stands within the first 4 KiB
    of a file of this format that planner wrote, one of them: such a file is replaced without being asked for."""

    name: str
    module: str
    options: tuple[str, ...] = ()
    whole: bool = False
    file: bool = False
    plain: bool = False
    function: str = "dump"
    marks: tuple[str, ...] = ()


FORMATS = (
    Format(
        "table",
        "planner.rendering.table",
        ("top", "lang", "sort", "colour", "width", "gaps", "rejected"),
        plain=True,
        marks=("\nAmounts in ", "\n金额单位 ", ", amounts in "),
    ),
    Format("json", "planner.rendering.json", function="dump_bytes", marks=('"schema": "planner.',)),
    Format("csv", "planner.rendering.csv", ("lang",), marks=("offer,provider,site,region,zone,instance_type,",)),
    Format("xlsx", "planner.rendering.xlsx", ("top", "lang"), whole=True, file=True),
    Format(
        "html",
        "planner.rendering.html",
        ("top", "lang"),
        whole=True,
        marks=('<meta name="generator" content="planner">',),
    ),
    Format(
        "markdown",
        "planner.rendering.markdown",
        ("top", "lang", "compare"),
        plain=True,
        marks=("### GPU cost quote", "### GPU 成本报价", "### Cost of the workload"),
    ),
    Format("focus", "planner.rendering.focus", ("offer", "granularity", "allow_unpriced"), marks=(",x_PricePlace,",)),
)

#: The same for what is no format of a quote: charts (PNG, SVG), the CSV file of a price book, the comment of a pull request.
_OTHERS = (
    "Software\0planner",
    "<dc:title>planner</dc:title>",
    "record,fetch,uid,observed_at,access,",
    "<!-- planner gate: ",
)
_HEAD = 4096


def find(name: str) -> Format:
    """Return the format called `name`; raise `MisuseError` with near names when there is none."""
    for form in FORMATS:
        if form.name == name:
            return form
    raise MisuseError(f"unknown format {name!r}: {suggest(name, [f.name for f in FORMATS])}")


def render(quote: Quote, form: str = "table", **options: object) -> str | bytes:
    """Return `quote` in a format, as text or (json, xlsx) bytes; an option that the format lacks raises `MisuseError`."""
    found = find(form)
    for name in options:
        if name not in found.options:
            takers = [f.name for f in FORMATS if name in f.options]
            where = " or ".join(f"--format {taker}" for taker in takers)
            raise MisuseError(
                f"--{name.replace('_', '-')} goes with {where}" if takers else f"no format has an option {name!r}"
            )
    made: str | bytes = getattr(import_module(found.module), found.function)(quote, **options)
    # Bold and dim go to a terminal, and planner.cli's stream lets nothing else through.
    return visible(made) if found.plain and isinstance(made, str) and not options.get("colour") else made


def ours(file: BinaryIO) -> bool:
    """Return whether the open file is one that planner wrote, in whatever format, by the marks that stand in it.

    A workbook says it in its properties. What somebody has edited since still bears the mark.
    """
    head = file.read(_HEAD)
    if head.startswith(b"PK"):
        return _workbook_of_ours(file)
    return any(mark.encode() in head for mark in (*_OTHERS, *(m for form in FORMATS for m in form.marks)))


def _workbook_of_ours(file: BinaryIO) -> bool:
    import zipfile

    try:
        with zipfile.ZipFile(file) as book, book.open("docProps/core.xml") as properties:
            return b"<dc:subject>planner " in properties.read(1 << 16)
    except (OSError, KeyError, ValueError, NotImplementedError, RuntimeError, zipfile.BadZipFile):
        return False
