"""The house rules that a reader feels: short modules and functions, calls that read like sentences, honest docstrings.

Each gate finds its offenders in the source. The lists below name today's exceptions, each with its reason; a list may only
shrink: an exception that no longer offends fails the test until its line is deleted, and so does a new offender.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from tests.source import Source, classes, functions, owner, read, sources

pytestmark = pytest.mark.xdist_group("source")  # the code is read once for all of these tests

CODE = ("planner", "providers", "tools", "benchmarks")
LINES, FUNCTION_LINES, POSITIONAL = 400, 80, 8

Gate = Callable[[Source], Iterator[str]]


# -- the gates -------------------------------------------------------------------------------------------------------


def long_modules(source: Source) -> Iterator[str]:
    """A module of more than 400 lines."""
    if source.text.count("\n") > LINES:
        yield source.path


def long_functions(source: Source) -> Iterator[str]:
    """A function of more than 80 lines; its decorators (the options of a command) are a table and do not count."""
    for name, node in functions(source):
        if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES:
            yield f"{source.path}:{name}"


def long_calls(source: Source) -> Iterator[str]:
    """A call with more than eight positional arguments, named by its function and what it calls."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and len(node.args) > POSITIONAL:
            yield f"{source.path}:{owner(source, node)} {ast.unparse(node.func)}"


def unformatted(source: Source) -> Iterator[str]:
    """A switch that keeps the formatter away."""
    if re.search(r"#\s*fmt:\s*(?:skip|off)|#\s*yapf:\s*disable", source.text):
        yield source.path


def regular_expressions(source: Source) -> Iterator[str]:
    """A module that uses regular expressions: facts travel as values, and nobody reads a finished sentence."""
    for node in ast.walk(source.tree):
        named = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if "re" in named or (isinstance(node, ast.ImportFrom) and node.module == "re"):
            yield source.path
            return


def errors_read_back(source: Source) -> Iterator[str]:
    """A decision on the words of an error: `"unknown" in str(error)`."""
    for handler in ast.walk(source.tree):
        if not isinstance(handler, ast.ExceptHandler) or not handler.name:
            continue
        words = {f"str({handler.name})", f"{handler.name}.args[0]", f"repr({handler.name})"}
        for node in ast.walk(handler):
            read_back = isinstance(node, ast.Compare) and words & {
                ast.unparse(x) for x in (node.left, *node.comparators)
            }
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                asked = node.func.attr in ("startswith", "endswith", "find", "index", "count")
                read_back = asked and ast.unparse(node.func.value) in words
            if read_back:
                yield f"{source.path}:{owner(source, node)}"


_NAME = r"`?[a-z][a-z0-9_]*`?"
#: "unit: ..." or "sleep, jitter: ..." where a sentence may begin.
_LABEL = re.compile(rf"(?:\A|\n\n|[.;]\s+)((?:{_NAME}(?:,\s+|/|\.\.|\s+and\s+))*{_NAME})(?:\([^)]*\))?:\s")
#: "hourly_rate" anywhere outside quotes and code.
_SNAKE = re.compile(r"(?<![\w.\-/])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w(]|\.\w)")


def false_docstrings(source: Source) -> Iterator[str]:
    """A field described in a record's docstring that the record does not have.

    A field is described where a sentence begins with names and a colon ("unit: ...", "ttft_ms, tpot_ms: ..."), or where a
    snake_case name stands outside quotes and backticks.
    """
    known = dict(classes(source))
    for name, node in known.items():
        text = ast.get_docstring(node)
        fields = _fields(node, known)
        if not text or not fields or not any(isinstance(s, ast.AnnAssign) for s in node.body):
            continue
        named = [name for label in _LABEL.findall(text) for name in _names(label)]
        bare = re.sub(r'"[^"]*"|`[^`]*`|\{[^}]*\}', " ", text)
        for word in dict.fromkeys([*named, *_SNAKE.findall(bare)]):
            if word not in fields:
                yield f"{source.path}:{name} {word}"


def _names(label: str) -> Iterator[str]:
    """Yield the names of a label; `cheapest_before/after` is short for cheapest_before and cheapest_after."""
    for part in re.split(r",\s+|\.\.|\s+and\s+", label.replace("`", "")):
        first, *rest = part.split("/")
        yield first
        yield from (
            name if first.count("_") <= name.count("_") else f"{first.rpartition('_')[0]}_{name}" for name in rest
        )


def _fields(node: ast.ClassDef, known: dict[str, ast.ClassDef]) -> set[str]:
    """Return the names that a class and its bases in the same module define."""
    found: set[str] = set()
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id in known and base.id != node.name:
            found |= _fields(known[base.id], known)
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            found.add(statement.target.id)
        elif isinstance(statement, ast.Assign):
            found |= {t.id for t in statement.targets if isinstance(t, ast.Name)}
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.add(statement.name)
    return found


def unsorted_names(source: Source) -> Iterator[str]:
    """A list `__all__` that is not sorted (constants, classes, the rest), names one twice, or names what is not there."""
    defined = {n for node in source.tree.body for n in _defined(node)}
    lazy = "__getattr__" in defined
    for node in source.tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = [e.value for e in getattr(node.value, "elts", []) if isinstance(e, ast.Constant)]
            if names != sorted(set(names), key=lambda n: (-(len(n) > 1 and n.isupper()), n[0].islower(), _natural(n))):
                yield source.path
            if not lazy:
                yield from (f"{source.path} {name}" for name in names if name not in defined)


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", name)]


def _defined(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (a.asname or a.name.partition(".")[0] for a in node.names)
    elif isinstance(node, (ast.If, ast.Try, ast.With)):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                yield from _defined(child)
            elif isinstance(child, ast.ExceptHandler):
                for inner in child.body:
                    yield from _defined(inner)
    else:
        yield from (n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


# -- today's exceptions: each list may only shrink -------------------------------------------------------------------

EXCEPTIONS: dict[str, dict[str, str]] = {
    "long modules": {},
    "long functions": {},
    "long calls": {},
    "regular expressions": {},
    "errors read back": {},
}

#: Modules that may use regular expressions, for good. Not exceptions to be worked off: what each of them reads is not ours.
PATTERNS: dict[str, str] = {
    "planner/cli/chinese.py": "cuts usage lines and our own help texts into words and paragraphs",
    "planner/quoting/saved_v1.py": "recognises the sentences of release 0.1.0",
    "planner/prices/raw.py": "finds secrets in foreign answers, and characters that a file name must not hold",
    "planner/rendering/html.py": "finds the texts in the page's own script when it is made",
    "planner/rendering/markdown.py": "blank lines that empty parts leave behind",
    "planner/templating.py": "escapes for HCL, shell and YAML",
    "planner/kubernetes/cluster.py": "the pattern of a zone id, which the cloud's facts give",
    "planner/kubernetes/target.py": "checks names that the user gave",
    "planner/terraform/align.py": "aligns HCL as terraform fmt does",
    "planner/terraform/bootstrap.py": "finds secrets in emitted files; checks names",
    "planner/terraform/cloud.py": "checks the patterns and words of a cloud's facts",
    "planner/terraform/checkpoints.py": "checks the name of a checkpoint that the user gave",
    "planner/terraform/deploy.py": "checks names that the user gave",
    "planner/terraform/images.py": "checks pins of images that the user gave",
    "planner/terraform/module.py": "blank lines that empty parts leave behind",
    "planner/terraform/place.py": "checks ids of networks against the patterns of a cloud's facts",
    "planner/terraform/run.py": "reads the output of terraform",
    "planner/terraform/tokens.py": "cuts HCL into tokens",
    "planner/testing.py": "checks a provider's name",
    "providers/_border.py": "finds keys in error messages of SDKs",
    "providers/alicloud/public.py": "reads the vendor's page and file",
    "providers/aws/parse.py": "reads AWS's words",
    "providers/aws/public.py": "reads AWS's files line by line",
    "providers/aws/rows.py": "reads AWS's dates",
}

GATES: dict[str, tuple[Gate, tuple[str, ...]]] = {
    "long modules": (long_modules, CODE),
    "long functions": (long_functions, CODE),
    "long calls": (long_calls, CODE),
    "unformatted": (unformatted, (*CODE, "tests")),
    "regular expressions": (regular_expressions, ("planner", "providers")),
    "errors read back": (errors_read_back, CODE),
    "false docstrings": (false_docstrings, (*CODE, "tests")),
    "unsorted names": (unsorted_names, CODE),
}


@pytest.mark.parametrize("name", GATES)
def test_the_gate_holds(name: str) -> None:
    gate, folders = GATES[name]
    found = {at for source in sources(*folders) for at in gate(source)}
    allowed = set(EXCEPTIONS.get(name, ())) | (set(PATTERNS) if gate is regular_expressions else set())
    new, gone = sorted(found - allowed), sorted(allowed - found)
    assert not new, f"{name}: {gate.__doc__} Mend it (or, with a reason, list it): {new}"
    assert not gone, f"{name}: no longer offending; delete from the list in tests/test_house.py: {gone}"


#: One bad example for each gate: a gate that finds nothing would hold nothing.
BAD: dict[str, tuple[str, str]] = {
    "long modules": ("x = 1\n" * 401, "planner/example.py"),
    "long functions": ("class A:\n    def f(self):\n" + "        x = 1\n" * 80, "planner/example.py:A.f"),
    "long calls": ("def f():\n    return g(1, 2, 3, 4, 5, 6, 7, 8, 9)\n", "planner/example.py:f g"),
    "unformatted": ("x = (1,\n  2)  # " + "fmt: skip\n", "planner/example.py"),
    "regular expressions": ("def f():\n    import re\n", "planner/example.py"),
    "errors read back": (
        "try:\n    f()\nexcept ValueError as exc:\n    if 'no price' in str(exc):\n        raise\n",
        "planner/example.py:",
    ),
    "false docstrings": (
        'class A:\n    """A thing. sleep, jitter: for retries."""\n\n    sleep: float\n',
        "planner/example.py:A jitter",
    ),
    "unsorted names": ("__all__ = ['b', 'a']\na = b = 1\n", "planner/example.py"),
}
GOOD = '''"""A module."""

__all__ = ["LIMIT", "A", "make"]
LIMIT = 1

class A:
    """A thing. sleep: seconds."""

    sleep: float

def make():
    return A(sleep=1)
'''


@pytest.mark.parametrize("name", GATES)
def test_the_gate_sees_a_bad_example_and_lets_a_good_one_pass(name: str) -> None:
    gate, (text, at) = GATES[name][0], BAD[name]
    assert list(gate(read(text))) == [at]
    assert list(gate(read(GOOD))) == []


def _described(said: str) -> list[str]:
    fields = "".join(f"    {name}: str\n" for name in ("unit", "place", "sleep", "place_before", "place_after"))
    return list(
        false_docstrings(read(f"class Charge:\n    '''One line of a cost.\n\n    {said}.\n    '''\n\n{fields}"))
    )


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ('place: a row; unit names the step ("0-100 GB"). group_id ties the charges of one together', "group_id"),
        ('place: a row. prorated: what unit was made from, e.g. "214420 / 26280 h"', "prorated"),
        ("Ranks after complete ones. hourly: effective cost per instance-hour. place: a row", "hourly"),
        ("place: a row. sleep, jitter: for retries", "jitter"),
        ("Totals first. unit, place: texts; gone: a field of long ago", "gone"),
    ],
)
def test_a_field_that_does_not_exist_is_found_however_it_is_described(said: str, missing: str) -> None:
    assert _described(said) == [f"planner/example.py:Charge {missing}"]


@pytest.mark.parametrize(
    "said",
    [
        'unit: `hour` (per hour run) or `term`. place: "on_demand" or another of PURCHASE_OPTIONS, see units.py',
        "place_before/after: (id, amount) of the cheapest. unit, place: texts. None: not known",
        "`place` True: `build.quote(..., with_prices=True)`. unit: see planner/cost_model.py and planner.json",
    ],
)
def test_words_that_are_no_fields_are_let_alone(said: str) -> None:
    assert _described(said) == []
