"""The reader of HCL: it takes what python-hcl2 takes, reads the same names, and says where what is no HCL stands."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import hcl2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.errors import MisuseError
from planner.terraform.evaluate import Scope, Unknown, value
from planner.terraform.hcl import parse
from tests.conftest import ROOT

FILES = sorted(p for folder in ("terraform", "tests/terraform/others") for p in (ROOT / folder).rglob("*.tf"))


def value_of(text: str, **variables: Any) -> Any:
    return value(parse(f"x = {text}\n", "t.tf").attributes["x"], Scope(variables, {}))


@pytest.mark.parametrize("path", FILES, ids=lambda p: os.path.relpath(p, ROOT))
def test_the_same_blocks_as_python_hcl2(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    theirs = hcl2.loads(text)
    ours = parse(text, str(path))
    heads: dict[str, list[str]] = {}
    for block in ours.blocks:
        heads.setdefault(block.header[0], []).append(".".join(block.header[1:]))
    theirs_heads = {
        kind: sorted(_names(kind, held)) for kind, held in theirs.items() if isinstance(held, list) and kind[0] != "_"
    }
    assert {kind: sorted(names) for kind, names in heads.items()} == theirs_heads
    for block in theirs.get("locals", []):
        names = {k for k in block if not k.startswith("__")}
        assert names <= {k for b in ours.blocks if b.header == ("locals",) for k in b.attributes}


def _names(kind: str, held: list[dict[str, Any]]) -> list[str]:
    if kind in ("locals", "terraform", "moved", "import", "removed"):
        return [""] * len(held)
    if kind in ("resource", "data"):
        return [f"{_bare(k)}.{_bare(n)}" for one in held for k, inner in one.items() for n in inner]
    return [_bare(k) for one in held for k in one]


def _bare(word: str) -> str:
    return word.strip('"')


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1 + 2 * 3", Decimal(7)),
        ("-(1 + 2) % 2 == -1 && !false", True),
        ('var.a ? "yes" : "no"', "yes"),
        ('"${var.n}-${upper("x")}$${y}"', "3-X${y}"),
        ('"%{ if var.a }one%{ else }two%{ endif }"', "one"),
        ('"%{ for k, v in var.m ~}\\n${k}=${v};%{ endfor }"', "b=1;c=2;"),
        ("<<-EOT\n    a ${var.n}\n      b\n    EOT", "a 3\n  b\n"),
        ("[for x in range(4) : x * 2 if x != 1]", [Decimal(0), Decimal(4), Decimal(6)]),
        ("{ for k, v in var.m : v => k }", {"1": "b", "2": "c"}),
        ('{ for k, v in var.m : "all" => k... }', {"all": ["b", "c"]}),
        ("var.rows[*].id", ["p", "q"]),
        ("var.rows.*.id", ["p", "q"]),
        ("var.rows[1].id", "q"),
        ("var.rows.1.id", "q"),
        ('merge(var.m, { c = 9 })["c"]', Decimal(9)),
        ("max(var.numbers...)", Decimal(5)),
        ("try(var.m.none, 7)", Decimal(7)),
        ("can(var.m.none)", False),
        ('lookup(var.m, "z", "d")', "d"),
        ('format("%s-%03d", "n", 7)', "n-007"),
        ('join(",", sort(toset(["b", "a", "b"])))', "a,b"),
        ("length(setproduct([1, 2], [3, 4, 5]))", Decimal(6)),
        ('jsondecode("{\\"a\\": [1, 2]}").a[1]', Decimal(2)),
        ("true == 1", False),
        ("null == null", True),
        ("var.a || data.x.y.z", True),
        ("data.x.y.z ? 1 : 1", Decimal(1)),
        ('coalesce(null, "", "c")', "c"),
        ('element(["a", "b"], 3)', "b"),
        ('{\n  a = 1 # one\n  b : 2, "c" = 3\n  (var.n) = 4\n}', {"a": 1, "b": 2, "c": 3, "3": 4}),
        ("one([])", None),
        ("1e3", Decimal(1000)),
    ],
)
def test_values(text: str, wanted: Any) -> None:
    rows = [{"id": "p"}, {"id": "q"}]
    numbers = [Decimal(2), Decimal(5)]
    m = {"b": Decimal(1), "c": Decimal(2)}
    assert value_of(text, a=True, n=Decimal(3), m=m, rows=rows, numbers=numbers) == wanted


@pytest.mark.parametrize(
    "text",
    ["data.x.y.z", "timestamp()", 'file("x")', "data.x.y.z + 1", '"a${data.x.y.z}"', "provider::x::f(1)", "uuid()"],
)
def test_what_only_an_apply_knows_is_unknown(text: str) -> None:
    assert isinstance(value_of(text), Unknown)


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ('resource "a" "b" {\n  x = \n}\n', 2, "a value is missing"),
        ("a {\n  b = 1\n\n", 1, "does not end"),
        ("a {\n}\n}\n", 3, "closes nothing"),
        ("x = [1,\n 2\n", 1, "does not end"),
        ("x = 1 2\n", 1, "stands where the line should end"),
        ('x = "a\n"\n', 1, "a text does not end"),
        ("\nx = <<EOT\nabc\n", 2, "a heredoc does not end"),
        ("/* abc", 1, "a comment does not end"),
        ("x = 1\nx = 2\n", 2, "set twice"),
        ("x = 'a'\n", 1, "cannot stand here"),
        ("x = [for a in b c]\n", 1, "where : should"),
        ("x = foo(1 2)\n", 1, "where , or"),
        ('x = "${1 +}"\n', 1, "value"),
        ('x = "%{ if a }"\n', 1, "does not end"),
        ('x = "%{ endif }"\n', 1, "closes nothing"),
        ("x = 1e999999999\n", 1, "out of range"),
        ("\x00\x01\x02", 1, "no HCL"),
        ("= 3\n", 1, "where a name should"),
        ("x\n", 1, "where = or {"),
        ("x = " + "(" * 20000, 1, "too deeply"),
        ('x = "' + '${"' * 200, 1, "too deep"),
        ("a {" * 20000, 1, "too deeply"),
        ("x = a ? 1\n", 1, "where : should"),
    ],
)
def test_what_is_no_hcl_is_said_with_its_line(text: str, line: int, why: str) -> None:
    with pytest.raises(MisuseError) as caught:
        parse(text, "t.tf")
    assert str(caught.value).startswith(f"t.tf:{line}: ")
    assert why in str(caught.value)


def test_a_file_beyond_any_module_is_refused_at_once() -> None:
    with pytest.raises(MisuseError, match="4 MiB"):
        parse("# x\n" * (5 << 18), "t.tf")


@given(st.text(alphabet='ab ={}[]()"$%\n,.:?*<-#/', max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        made = parse(text, "t.tf")
    except MisuseError as exc:
        assert str(exc).startswith("t.tf:")
    else:
        for held in made.attributes.values():
            value(held, Scope({}, {}))
