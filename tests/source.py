"""Our own source as syntax trees, for the tests that hold its shape."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Source(NamedTuple):
    """One module: its path below the checkout, its text and its tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def module(self) -> str:
        """The dotted name by which it is imported."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def read(text: str, path: str = "planner/example.py") -> Source:
    """Return `text` as a module at `path`."""
    return Source(path, text, ast.parse(text))


@cache
def _below(folder: str) -> tuple[Source, ...]:
    paths = sorted((ROOT / folder).rglob("*.py"))
    return tuple(read(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()) for path in paths)


def sources(*folders: str) -> tuple[Source, ...]:
    """Return every module below the folders of the checkout, each folder read once."""
    return tuple(source for folder in sorted(folders) for source in _below(folder))


def functions(source: Source) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function with its name inside the module, e.g. `Book.add.inner`."""
    for name, node in _named(source.tree, ""):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield name, node


def classes(source: Source) -> Iterator[tuple[str, ast.ClassDef]]:
    """Yield every class with its name inside the module."""
    for name, node in _named(source.tree, ""):
        if isinstance(node, ast.ClassDef):
            yield name, node


def _named(node: ast.AST, within: str) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = f"{within}.{child.name}" if within else child.name
            yield name, child
            yield from _named(child, name)
        else:
            yield from _named(child, within)


def owner(source: Source, node: ast.AST) -> str:
    """Return the name of the innermost function that holds `node`, "" at the module's top."""
    line = getattr(node, "lineno", 0)
    holding = [(f.lineno, name) for name, f in functions(source) if f.lineno <= line <= (f.end_lineno or 0)]
    return max(holding)[1] if holding else ""


def imports(source: Source, known: Iterable[str], typing: bool = False) -> set[str]:
    """Return which of the `known` modules a module imports, at its top or inside functions.

    Imports under `if TYPE_CHECKING:` do not exist when the program runs: they count with `typing` only.
    """
    everything, found = set(known), set()

    def note(name: str) -> None:
        while name and name not in everything:
            name = name.rpartition(".")[0]
        if name and name != source.module:
            found.add(name)

    def walk(node: ast.AST) -> None:
        if not typing and isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for child in node.orelse:
                walk(child)
            return
        if isinstance(node, ast.Import):
            for alias in node.names:
                note(alias.name)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{source.path}: a relative import"
            for alias in node.names:
                note(f"{node.module}.{alias.name}")
        elif (
            isinstance(node, ast.Call)
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and ast.unparse(node.func) in ("__import__", "import_module", "importlib.import_module")
        ):
            note(str(node.args[0].value))
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(source.tree)
    return found
