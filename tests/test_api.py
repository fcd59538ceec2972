"""The public names: the list is held, each is light, pure, typed and documented with examples that run."""

from __future__ import annotations

import ast
import doctest
import inspect
import io
import pkgutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from datetime import date
from importlib import import_module
from pathlib import Path

import pytest

import planner
from planner.errors import MisuseError
from tests.conftest import ROOT

NAMES = ["Catalog", "Quote", "Sizing", "Workload", "diff", "emit", "load", "quote", "render", "size"]


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_public_names() -> None:
    assert planner.__all__ == NAMES
    assert set(NAMES) <= set(dir(planner))


def test_importing_planner_is_the_cost_of_an_empty_module() -> None:
    code = "import sys, typing; before = set(sys.modules); import planner; print(sorted(set(sys.modules) - before))"
    assert python(code) == "['__future__', 'planner', 'planner.version']"


def test_no_submodule_hides_a_public_name() -> None:
    """Every submodule is imported; then each public name is still the function or class, and can be called."""
    modules = [m.name for m in pkgutil.walk_packages(planner.__path__, "planner.") if "__main__" not in m.name]
    assert len(modules) > 90
    code = (
        f"from importlib import import_module\nfor name in {modules!r}: import_module(name)\n"
        f"from planner import {', '.join(NAMES)}\n"
        f"print(all(callable(x) for x in ({', '.join(NAMES)})), quote(hours=1, provider=['aws']).hours)"
    )
    assert python(code) == "True 1"


def test_the_library_never_imports_click() -> None:
    code = (
        "import sys\nfrom planner import quote, render, emit, size, diff\nq = quote(hours=1, provider=['aws'])\n"
        "render(q, 'html'); render(q, 'xlsx'); emit(q); size('Qwen3-32B', 'H100'); diff(q, q)\nprint('click' in sys.modules)"
    )
    assert python(code) == "False"


def test_nothing_is_printed_and_nothing_kept() -> None:
    """The same arguments give the same quote, whatever was asked in between."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        one = planner.quote(hours=720, today=date(2026, 11, 26))
        planner.quote(hours=100, currency="CNY", today=date(2026, 1, 1), model="DeepSeek-R1-Distill-Llama-70B")
        two = planner.quote(hours=720, today=date(2026, 11, 26))
        text = planner.render(two, "table")
    assert one == two
    assert out.getvalue() == err.getvalue() == ""
    assert isinstance(text, str)


@pytest.mark.parametrize("name", ["quote", "size", "render", "emit", "load", "diff"])
def test_every_function_is_typed_and_described(name: str) -> None:
    function = getattr(planner, name)
    assert len(inspect.getdoc(function) or "") > 80
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter


def test_errors_are_planner_s_own(tmp_path: Path) -> None:
    quoted = planner.quote(hours=1, provider=["aws"])
    for deed in (
        lambda: planner.quote(hour=1),
        lambda: planner.quote(model="no-such-model"),
        lambda: planner.size("Qwen3-32B", "H9000"),
        lambda: planner.render(quoted, "pdf"),
        lambda: planner.render(quoted, "json", top=3),
        lambda: planner.emit(quoted, "aws:nowhere"),
        lambda: planner.emit(quoted, provider="azurite"),
        lambda: planner.load(str(tmp_path / "none.json")),
        lambda: planner.diff(quoted, planner.quote(hours=1, provider=["aws"], currency="CNY")),
        lambda: planner.diff(quoted, quoted, basis="cheapness"),
    ):
        with pytest.raises(MisuseError) as caught:
            deed()
        assert "\n" not in str(caught.value)


def test_a_machine_by_any_of_its_names() -> None:
    by_type = planner.size("DeepSeek-R1-Distill-Qwen-7B", "p4d.24xlarge")
    by_record = planner.size("DeepSeek-R1-Distill-Qwen-7B", planner.Catalog().instances("aws")["p4d.24xlarge"])
    by_gpus = planner.size("DeepSeek-R1-Distill-Qwen-7B", "8x A100-40")
    assert by_type == by_record
    assert (by_gpus.layout, by_gpus.memory) == (by_type.layout, by_type.memory)


def test_the_examples_of_the_page_run() -> None:
    page = ROOT / "docs" / "api.md"
    test = doctest.DocTestParser().get_doctest(page.read_text("utf-8"), {}, "api.md", str(page), 0)
    said = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=said.write)
    assert runner.summarize(verbose=False).failed == 0, said.getvalue()
    assert len(test.examples) > 20


def test_each_name_is_in_the_page_and_each_import_in_it_is_public() -> None:
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert all(f"`{name}" in page for name in NAMES)
    source = "\n".join(line[4:] for line in page.splitlines() if line.startswith((">>> ", "... ")))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "planner":
            assert {a.name for a in node.names} <= set(NAMES)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'quotes'"):
        import_module("planner").quotes
