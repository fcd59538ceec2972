"""Every good fact is in the catalogue: a sample of each collection's ways of buying here, all of them by the tool by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import check_facts
from tools.check_facts import listed, missing
from tools.merge_facts import Row, read

#: Two facts of each collection, cloud and way of buying, drawn at random; their sources stand in the lists.
SAMPLE = Path(__file__).with_name("facts.csv")
FACT: Row = {
    "provider": "aws",
    "region": "us-east-1",
    "instance_type": "g5.xlarge",
    "purchase_option": "reserved_3y_all_upfront",
    "unit": "hour",
    "amount": "0.378273",
    "currency": "USD",
}
LISTED: Row = {
    "provider": "aws",
    "region": "us-east-1",
    "instance_type": "g5.xlarge",
    "bought_as": "reserved",
    "term": "3y",
    "payment": "all upfront",
    "amount": "9941",
    "currency": "USD",
    "unit": "term",
}


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return listed()


def test_the_sample_is_listed_with_amount_and_currency(rows: list[Row]) -> None:
    facts = read(str(SAMPLE))
    assert len(facts) > 50 and {fact["provider"] for fact in facts} == {"aws", "alicloud", "tencentcloud"}
    assert missing(facts, rows) == []
    for change in ({"amount": "7.654321"}, {"currency": "EUR"}, {"instance_type": "p0.nano"}):
        wrong = [fact | change for fact in facts]
        assert len(missing(wrong, rows)) == len(wrong), change


@pytest.mark.parametrize(
    ("fact", "row", "there"),
    [
        ({}, {}, True),  # a total of the term, printed as a price of the hour
        ({"amount": "0.379"}, {}, False),
        ({"region": "us-west-2"}, {}, True),  # nobody lists us-west-2 here: a group's name, or none
        ({"region": "us-west-2"}, {"region": "us-west-2", "instance_type": "other"}, False),
        ({"purchase_option": "on_demand_windows", "amount": "1.5"}, {"bought_as": "on_demand", "amount": "1.50"}, True),
        ({"purchase_option": "capacity_block"}, {"bought_as": "capacity_block", "amount": "0.378273"}, True),
    ],
)
def test_what_says_the_same(fact: Row, row: Row, there: bool) -> None:
    whole = LISTED | row
    if row.get("bought_as"):
        whole |= {"term": "", "unit": "hour", "payment": "all upfront" * (row["bought_as"] == "capacity_block")}
    rows = [whole] if "region" not in row else [LISTED, whole]
    assert (missing([FACT | fact], rows) == []) is there


def test_more_than_one_in_a_hundred_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check_facts, "listed", lambda: [LISTED])
    path = tmp_path / "facts.csv"
    for wrong, code in ((1, 0), (2, 1)):
        amounts = ["0.378273"] * (100 - wrong) + ["5"] * wrong
        lines = [",".join((FACT | {"amount": amount, "confidence": "high"}).values()) for amount in amounts]
        path.write_text("\n".join([",".join([*FACT, "confidence"]), *lines]) + "\n")
        monkeypatch.setattr("sys.argv", ["check_facts", str(path)])
        assert check_facts.main() == code
        assert f"{100 - wrong} of 100 good facts are listed" in capsys.readouterr().out
