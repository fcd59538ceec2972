"""Our records behave as typing's own, which type checkers see."""

import copy
import pickle
import typing
from typing import Any

import pytest

from planner import records


class Ours(records.NamedTuple):
    """Doc."""

    a: int
    b: str = "x"
    c: tuple[int, ...] = ()

    @property
    def twice(self) -> int:
        return self.a * 2


class Theirs(typing.NamedTuple):
    """Doc."""

    a: int
    b: str = "x"
    c: tuple[int, ...] = ()

    @property
    def twice(self) -> int:
        return self.a * 2


CASES: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((1,), {}),
    ((1, "y"), {}),
    ((1, "y", (2,)), {}),
    ((), {"a": 1}),
    ((1,), {"c": (3,)}),
    ((), {"c": (1,), "a": 2, "b": "z"}),
]


@pytest.mark.parametrize(("args", "given"), CASES)
def test_same_values(args: tuple[Any, ...], given: dict[str, Any]) -> None:
    ours, theirs = Ours(*args, **given), Theirs(*args, **given)
    assert tuple(ours) == tuple(theirs) and ours == theirs and hash(ours) == hash(theirs)
    assert repr(ours).replace("Ours", "Theirs") == repr(theirs)
    assert ours._asdict() == theirs._asdict() and ours.twice == theirs.twice
    assert ours._replace(a=9) == theirs._replace(a=9)
    assert type(ours._replace(a=9)) is Ours and type(Ours._make([1, "b", ()])) is Ours
    assert pickle.loads(pickle.dumps(ours)) == ours == copy.copy(ours) and type(copy.deepcopy(ours)) is Ours


def test_same_class() -> None:
    for name in ("_fields", "_field_defaults", "__match_args__", "__doc__"):
        assert getattr(Ours, name) == getattr(Theirs, name)
    assert issubclass(Ours, tuple) and not hasattr(Ours(1), "__dict__")
    match Ours(1, "q"):
        case Ours(a=1, b=word):
            assert word == "q"
        case _:
            raise AssertionError


@pytest.mark.parametrize(("args", "given"), [((), {}), ((1, 2, 3, 4), {}), ((1,), {"a": 1}), ((1,), {"z": 1})])
def test_same_refusals(args: tuple[Any, ...], given: dict[str, Any]) -> None:
    for kind in (Ours, Theirs):
        with pytest.raises(TypeError):
            kind(*args, **given)
    with pytest.raises(ValueError, match="zz"):
        Ours(1)._replace(zz=1)
    with pytest.raises(TypeError):
        Ours._make([1])
    with pytest.raises(AttributeError):
        Ours(1).a = 2  # type: ignore[misc]
