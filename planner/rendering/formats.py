"""The formats in which a quote can be shown: one row here, one module with a `dump`. Everything else asks this table.

A format's `dump(quote, **options)` returns text or bytes and sees nothing but the quote. Its module is imported only when it
is asked for.
"""

from __future__ import annotations

from importlib import import_module

from planner.errors import MisuseError, suggest
from planner.quoting.records import Quote
from planner.records import NamedTuple

__all__ = ["FORMATS", "Format", "find", "render"]


class Format(NamedTuple):
    """A format. options: the keywords that its `dump` takes. whole: it recomputes, so a quote for it carries every line
    (`planner.quoting.build.quote(..., whole=True)`). file: it is not for a terminal."""

    name: str
    module: str
    options: tuple[str, ...] = ()
    whole: bool = False
    file: bool = False
    function: str = "dump"


FORMATS = (
    Format("table", "planner.rendering.table", ("top", "lang", "sort", "colour")),
    Format("json", "planner.rendering.json", function="dump_bytes"),
    Format("csv", "planner.rendering.csv"),
    Format("xlsx", "planner.rendering.xlsx", ("top", "lang"), whole=True, file=True),
    Format("html", "planner.rendering.html", ("top", "lang"), whole=True),
    Format("markdown", "planner.rendering.markdown", ("top", "lang", "compare")),
    Format("focus", "planner.rendering.focus", ("offer",)),
)


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
            raise MisuseError(f"--{name} goes with {where}" if takers else f"no format has an option {name!r}")
    made: str | bytes = getattr(import_module(found.module), found.function)(quote, **options)
    return made
