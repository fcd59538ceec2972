"""Owner tags: given once, in FOCUS rows, workbook, module and saved quotes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import openpyxl
import pytest

from planner import workload
from planner.errors import MisuseError
from planner.quoting.saved import load
from planner.rendering import focus, xlsx
from planner.rendering import json as as_json
from tests.conftest import Run, make_quote

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")
GIVEN = ["team=search", "cost-center=4711"]


def test_tags_flow_into_every_row_of_focus_and_the_workbook() -> None:
    quote = make_quote(tag=GIVEN, provider="aws", egress_gb="200", tax="6%")
    found = list(csv.DictReader(io.StringIO(focus.dump(quote))))
    assert {row["Tags"] for row in found} == {'{"cost-center":"4711","team":"search"}'}
    assert {row["Tags"] for row in csv.DictReader(io.StringIO(focus.dump(make_quote(provider="aws"))))} == {""}
    book = openpyxl.load_workbook(io.BytesIO(xlsx.dump(quote, top=1)))
    cells = [cell.value for row in book["Cover"].iter_rows() for cell in row]
    assert "cost-center=4711, team=search" in cells


def test_tags_go_through_toml_and_saved_quotes_and_cost_no_hash(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text('provider = "aws"\n[tag]\nteam = "search"\ncost-center = 4711\n')
    assert workload.from_toml(str(path)).tag == (("cost-center", "4711"), ("team", "search"))
    quote = make_quote(tag=GIVEN, provider="aws")
    assert load(as_json.dump(quote)) == quote
    assert json.loads(as_json.dump(quote))["workload"]["tag"] == {"team": "search", "cost-center": "4711"}


def test_a_module_bears_them_as_its_default_tags(planner: Run, tmp_path: Path) -> None:
    p4d = ("aws", "--instance-type", "p4d.24xlarge", "--offline-list", "--client-cidr", "10.8.0.0/16")
    done = planner("emit-tf", *p4d, "-o", "m", "--tag", "team=search", "--tag", "cost-center=4711")
    assert done.returncode == 0, done.stderr
    text = "".join(path.read_text() for path in sorted((tmp_path / "m").glob("*.tf")))
    assert "default_tags" in text and '"search"' in text and '"4711"' in text
    saved = planner("quote", "--provider", "aws", "--tag", "team=search", "--format", "json", "-o", "q.json")
    assert saved.returncode == 0, saved.stderr
    more = ("--client-cidr", "10.8.0.0/16", "--tag", "env=test")
    done = planner("emit-tf", "aws", "--quote", "q.json", "-o", "n", *more)
    assert done.returncode == 0, done.stderr
    text = "".join(path.read_text() for path in sorted((tmp_path / "n").glob("*.tf")))
    assert '"search"' in text and '"test"' in text


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("team", "'team' is no KEY=VALUE"),
        (["=x"], "is no KEY=VALUE"),
        (["a=1", "a=2"], "--tag a is given twice"),
        (["a=" + "x" * 257], "at most 256 characters"),
        (["k" * 129 + "=x"], "1 to 128 characters"),
        (["a=b\nc"], "control character"),
        ([f"k{n}=x" for n in range(51)], "51 tags are too many"),
        ({"a": ["x"]}, "is no KEY=VALUE"),
    ],
)
def test_what_is_no_tag_is_a_misuse(given: object, words: str) -> None:
    with pytest.raises(MisuseError, match=words):
        workload.make({"tag": given})
