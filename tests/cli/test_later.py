"""Modules that are loaded on their first use: the same module to everyone, run once, and never half."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from planner.cli.later import put_off

RUNS = "import sys\nsys.later_runs = getattr(sys, 'later_runs', 0) + 1\n"


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "later_runs", 0, raising=False)

    def put(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(RUNS + text)
        monkeypatch.delitem(sys.modules, name, raising=False)
        put_off(name)
        monkeypatch.setitem(sys.modules, name, sys.modules[name])

    return put


def runs() -> int:
    return int(sys.later_runs)  # type: ignore[attr-defined]


def test_it_runs_when_something_of_it_is_asked_for(put: Any) -> None:
    put("asked_for_late", "def two():\n    return 2\n")
    import asked_for_late as again
    import asked_for_late as first  # type: ignore[import-not-found]

    assert first is again and not hasattr(first, "__path__") and runs() == 0
    assert first.two() == 2 and runs() == 1
    from asked_for_late import two

    assert two() == 2 and runs() == 1 and type(first) is ModuleType
    with pytest.raises(AttributeError, match="three"):
        _ = first.three


def test_two_threads_find_it_whole(put: Any) -> None:
    put("wanted_by_two", "import time\ntime.sleep(0.05)\nlast = 1\n")
    import wanted_by_two  # type: ignore[import-not-found]

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(wanted_by_two.last)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1, 1] and runs() == 1


def test_what_is_loaded_or_nowhere_stays_as_it_is() -> None:
    before = sys.modules["json"] if "json" in sys.modules else __import__("json")
    put_off("json")
    put_off("no_such_module_at_all")
    assert sys.modules["json"] is before and "no_such_module_at_all" not in sys.modules
