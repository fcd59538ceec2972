"""planner: what it costs to serve a model on rented GPUs, from dated prices that can be traced.

    from planner import quote, render
    print(render(quote(hours=720)))

The public names are below; each is loaded when it is first used, so that `import planner` costs nothing. docs/api.md
describes them.
"""

from __future__ import annotations

from planner.version import VERSION

TYPE_CHECKING = False  # typing alone would cost more than all else here; type checkers take the name for true
if TYPE_CHECKING:
    from typing import Any

    from planner.api import Catalog, Quote, Sizing, Workload, diff, emit, load, quote, render, size

__all__ = ["Catalog", "Quote", "Sizing", "Workload", "diff", "emit", "load", "quote", "render", "size"]

__version__ = VERSION


def __getattr__(name: str) -> Any:
    if name in __all__:
        from importlib import import_module

        value = globals()[name] = getattr(import_module("planner.api"), name)
        return value
    raise AttributeError(f"module 'planner' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
