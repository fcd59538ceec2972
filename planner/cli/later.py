"""Modules that others import at the top and that most commands never use: loaded when something of them is asked for.

click imports `inspect` to tidy help texts, and `inspect` brings `ast`, `dis` and `tokenize`: a third of what `import click`
takes, and a sixth of a quote. importlib.util.LazyLoader is no help: the next `import inspect` loads what it put off, since Python
looks at the module's `__spec__` (CPython 3.11 to 3.13).
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any

__all__ = ["put_off"]

#: Two threads may ask at once, and what is half loaded answers nobody.
_LOCK = RLock()


class _Later(ModuleType):
    """A module that has not run yet. What it has no name of is asked for once it has."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":  # asked by Python of every module
            raise AttributeError(name)
        with _LOCK:
            spec = self.__spec__
            if type(self) is _Later and spec is not None and spec.loader is not None:
                spec.loader.exec_module(self)
                self.__class__ = ModuleType  # type: ignore[assignment]
        return ModuleType.__getattribute__(self, name)


def put_off(name: str) -> None:
    """Let `import name` give a module that is loaded on its first use; one that is loaded already stays as it is."""
    spec = find_spec(name) if name not in sys.modules else None
    if spec is not None:
        module = module_from_spec(spec)
        module.__class__ = _Later
        sys.modules[name] = module
