"""Who looks at whom: no circle of imports, no arrow back up, at most nine floors, and a drawing that says the same.

import-linter holds the order of the rooms; here stands what it does not say. Imports inside functions count, since they
run; imports under TYPE_CHECKING do not exist when the program runs and make no floor, but close no circle either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from tests.source import ROOT, imports, read, sources
from tools import architecture
from tools.architecture import layers

pytestmark = pytest.mark.xdist_group("source")  # the code is read once for all of these tests

FLOORS = 9
Graph = Mapping[str, set[str]]

#: Circles of today; may only shrink.
CIRCLES: dict[str, str] = {}


def graph(typing: bool = False) -> dict[str, set[str]]:
    """Return, for every module of planner and providers, the modules that it imports; typing: for its types as well."""
    every = sources("planner", "providers")
    known = [s.module for s in every]
    return {s.module: imports(s, known, typing) for s in every}


def rooms(modules: Graph) -> dict[str, set[str]]:
    """Return the same between the rooms: the folders and the lone modules directly in `planner`."""
    found: dict[str, set[str]] = {}
    for module, others in modules.items():
        room = _room(module)
        if room:
            found.setdefault(room, set()).update({_room(o) for o in others} - {room, ""})
    return found


def _room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "planner" and len(parts) > 1 else ""


def circles(edges: Graph) -> list[list[str]]:
    """Return the strongly connected components of more than one node (Tarjan), each sorted."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in sorted(edges.get(node, ())):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            at = stack.index(node)
            if len(stack) - at > 1:
                found.append(sorted(stack[at:]))
            del stack[at:]

    for node in sorted(edges):
        if node not in number:
            visit(node)
    return found


def floors(edges: Graph) -> dict[str, int]:
    """Return the floor of every node of a graph without circles: 1 looks at nobody, others stand above all they see."""
    height: dict[str, int] = {}

    def of(node: str) -> int:
        if node not in height:
            height[node] = 1 + max((of(other) for other in edges.get(node, ())), default=0)
        return height[node]

    for node in edges:
        of(node)
    return height


def test_no_module_stands_in_a_circle() -> None:
    found = {" ".join(circle) for circle in circles(graph())}
    assert found == set(CIRCLES), "a new circle, or one that is gone and can be deleted from the list"
    # A cloud's modules name the type of their adapter, which stands at the door of their folder.
    typed = {" ".join(circle) for circle in circles(graph(typing=True)) if circle[0].startswith("planner")}
    assert typed == set(CIRCLES)


def test_no_room_stands_in_a_circle_and_none_looks_up() -> None:
    edges = rooms(graph())
    assert circles(edges) == []
    order = {room: at for at, layer in enumerate(layers()) for room in layer}
    up = [
        f"{room} -> {other}"
        for room, seen in edges.items()
        for other in seen
        if order.get(room, 0) > order.get(other, 0)
    ]
    assert [arrow for arrow in up if not arrow.startswith(("__main__", "testing"))] == []


def test_at_most_nine_floors() -> None:
    height = floors(rooms(graph()))
    assert max(height.values()) <= FLOORS, sorted(height.items(), key=lambda x: -x[1])


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, [["a", "b", "c"]]),
        ({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}, []),
        ({"a": {"b"}, "b": {"a"}, "c": {"d"}, "d": {"c"}}, [["a", "b"], ["c", "d"]]),
    ],
)
def test_circles_are_found(edges: dict[str, set[str]], found: list[list[str]]) -> None:
    assert sorted(circles(edges)) == found
    if not found:
        assert floors(edges) == {"a": 3, "b": 2, "c": 2, "d": 1}


def test_imports_in_functions_count_and_those_for_types_do_not() -> None:
    text = (
        "from typing import TYPE_CHECKING\nfrom planner import errors\nif TYPE_CHECKING:\n    from planner.offer import Price\n"
        "def f():\n    from planner.money import show\n    import planner.units as u\n    __import__('planner.files')\n"
    )
    known = ["planner", "planner.errors", "planner.offer", "planner.money", "planner.units", "planner.files"]
    assert imports(read(text), known) == {"planner.errors", "planner.money", "planner.units", "planner.files"}


def test_the_page_draws_the_plan_as_it_is() -> None:
    page = architecture.PAGE.read_text(encoding="utf-8")
    assert architecture.renew(page) == page, "run `make docs`"
    assert len(layers()) <= FLOORS
    for room in (room for floor in layers() for room in floor):
        assert re.search(rf"^\| `{room}` +\|", page, re.M), f"{room} has no row in docs/architecture.md"
    for path in ("README.md", "CONTRIBUTING.md"):
        assert "docs/architecture.md" in (ROOT / path).read_text(encoding="utf-8")


def test_a_page_that_lost_its_marks_is_named() -> None:
    with pytest.raises(SystemExit, match="marks"):
        architecture.renew("no drawing here")
