"""Every value of every manifest is changed once and removed once: rules, schemas or references must notice.

The bar: nothing goes unnoticed but what FREE names with its reason. A field that a template gains needs a rule, or this test fails.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes.cases import CASES, Made, made
from tests.kubernetes.rules import problems
from tests.kubernetes.test_valid import VALIDATOR, needs_kubectl, needs_validator, render, stand_in

pytestmark = pytest.mark.system

#: Whose values mean nothing to a cluster, or are held elsewhere.
FREE = (
    ("metadata", "annotations", "checkov.io/skip"),  # checkov itself refuses what is not excepted (test_valid)
    ("description",),  # words for people
    ("annotations", "summary"),  # words for people
    ("expr",),  # promtool, and the series that the engine's version has (test_valid)
    ("for",),  # promtool
)


def validator() -> Any:
    """Return ../shared/k8s/validate as a module."""
    loader = SourceFileLoader("k8s_validate", str(VALIDATOR))
    spec = importlib.util.spec_from_loader("k8s_validate", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value that is not a map or a list, and of every empty one."""
    if isinstance(node, dict) and node:
        for key, value in node.items():
            yield from leaves(value, (*path, key))
    elif isinstance(node, list) and node:
        for number, value in enumerate(node):
            yield from leaves(value, (*path, number))
    else:
        yield path


def free(path: tuple[Any, ...]) -> bool:
    words = [str(part) for part in path]
    return any(
        all(any(w.startswith(f) for w in words) for f in names) and words[-1].startswith(names[-1]) for names in FREE
    )


def other(value: Any) -> Any:
    """Return another value of the same kind: an order of magnitude for numbers, the opposite for a switch, another word."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value * 10 + 7
    if isinstance(value, str):
        return f"{value}0" if value[-1:].isdigit() else f"{value}x"
    return ["x"] if isinstance(value, list) else {"x": "y"}


def missed(items: list[dict[str, Any]], m: Made, v: Any, step: int) -> tuple[int, list[str]]:
    """Return how many mutations were made, and those that nothing noticed."""
    wanted = m.target.version
    tried, unseen, number = 0, [], 0

    def noticed(item: dict[str, Any]) -> bool:
        if next(problems(items, m), None) is not None or next(v.check(item, wanted), None) is not None:
            return True
        return next(v.references([("x", i) for i in items]), None) is not None

    for item in items:
        for path in list(leaves(item)):
            number += 1
            if number % step or free(path):
                continue
            node: Any = item
            for part in path[:-1]:
                node = node[part]
            key, kept, order = path[-1], node[path[-1]], list(node.items()) if isinstance(node, dict) else None
            for how in ("changed", "removed"):
                if how == "changed":
                    node[key] = other(kept)
                else:
                    node.pop(key)
                tried += 1
                if not noticed(item):
                    unseen.append(
                        f"{item['kind']}/{item['metadata'].get('name')} {'.'.join(map(str, path))} {how}: {kept!r}"
                    )
                if order is not None:
                    node.clear()
                    node.update(order)
                elif how == "changed":
                    node[key] = kept
                else:
                    node.insert(key, kept)
    return tried, unseen


@needs_kubectl
@needs_validator
@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("aws-kueue", 29),
        *(
            pytest.param(n, 1, marks=pytest.mark.slow)
            for n in ("aws-one", "aws-kueue", "aws-zero", "alicloud-three", "tencentcloud-volcano", "tencentcloud-spot")
        ),
    ],
)
def test_every_value_that_is_changed_or_removed_is_noticed(name: str, step: int, tmp_path: Path) -> None:
    items = render(name, tmp_path)
    if CASES[name].provider == "tencentcloud":
        items.append(stand_in(name))
    tried, unseen = missed(items, made(name), validator(), step)
    assert tried > 600 // step and unseen == []
