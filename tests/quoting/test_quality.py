"""Neighbours of a model: published scores only, within one benchmark, each with its source; each priced as its own quote prices it."""

from __future__ import annotations

import json
from datetime import date

import pytest

from planner import api
from planner.errors import MisuseError
from planner.quoting import quality
from planner.quoting.records import Quote
from planner.sizing.models import find
from planner.workload import Workload, make
from tests.conftest import Run

DAY = date(2026, 11, 26)


def quoted(work: Workload) -> Quote:
    return api.quote(work, today=DAY)


@pytest.fixture(scope="module")
def distill() -> quality.Neighbours:
    return quality.near(make({"model": "DeepSeek-R1-Distill-Qwen-32B", "region": ("us-east-1",)}), quoted)


def test_every_row_has_a_source_and_a_model_that_can_be_asked_for() -> None:
    rows = quality.scores()
    assert len(rows) > 150
    for row in rows:
        assert find(row.model).sizable and row.source and row.date and row.confidence in ("high", "medium", "low")
        assert row.format != "native" or (row.number is not None and not row.baseline), row
        assert row.format == "native" or row.baseline, row
    # Nothing of another generation is lent its scores.
    assert not [row for row in rows if row.model == "Qwen2.5-72B" and "Qwen2-72B" in row.published_as]


def test_scores_stand_beside_those_of_the_same_benchmark(distill: quality.Neighbours) -> None:
    by_name = {near.published_as: near for near in distill.models}
    pair = {
        mine.benchmark: (mine.score, other.score)
        for mine, other in by_name["DeepSeek-R1-Distill-Qwen-14B"].scores
        if other
    }
    assert pair == {"AIME 2024": ("69.7", "72.6"), "GPQA Diamond": ("59.1", "62.1"), "LiveCodeBench": ("53.1", "57.2")}
    known = {(row.published_as, row.benchmark, row.score) for row in quality.scores()}
    for near in distill.models:
        for mine, other in near.scores:
            assert other is not None and mine.benchmark == other.benchmark
            assert (near.published_as, mine.benchmark, mine.score) in known, "a score that nobody published"
    assert len(distill.models) <= quality.MOST


def test_the_asked_model_has_its_weights_beside_them(distill: quality.Neighbours) -> None:
    from planner.cli.neighbours import table
    from planner.i18n import translator

    assert (distill.precision, round(distill.gigabytes)) == ("fp16", 66)
    asked = table(distill, translator("en")).splitlines()[1]
    assert asked.split()[:4] == ["DeepSeek-R1-Distill-Qwen-32B", "fp16", "66", "GB"]
    assert quality.as_json(distill)["weights_gb"] == 65.5


def test_formats_stand_beside_their_own_baseline(distill: quality.Neighbours) -> None:
    by_format = {near.precision: near for near in distill.formats}
    (row, other), *_ = by_format["int4-gptq"].scores
    assert other is None and (row.score, row.baseline) == ("97 or more", "100")
    assert by_format["int4-gptq"].gigabytes < by_format["fp8"].gigabytes


def test_each_costs_what_its_own_quote_says(distill: quality.Neighbours) -> None:
    for near in (*distill.models[-3:], *distill.formats[:2]):
        fields = {"model": near.model, "region": ("us-east-1",)}
        if near in distill.formats:
            fields["precision"] = near.precision
        best = api.quote(make(fields), today=DAY).best
        assert (near.offer and near.offer.id) == (best and best.id)


def test_a_smaller_one_that_fits_is_named_where_nothing_does(planner: Run) -> None:
    words = "quote --model DeepSeek-R1-Distill-Qwen-32B --precision fp16 --instance-type g6.xlarge --region us-east-1"
    done = planner(*words.split())
    assert done.returncode == 1
    assert (
        "DeepSeek-R1-Distill-Llama-8B fits, on 1 x g6.xlarge (AIME 2024 50.4 beside 72.6, github deepseek-ai/DeepSeek-R1@"
        in done.stderr
    )
    assert "--model DeepSeek-R1-Distill-Llama-8B" in done.stderr
    said = planner(*"quote --model Mistral-7B-v0.1 --gpu T4 --precision bf16 --region us-east-1".split())
    assert said.returncode == 1 and " fits, on " not in said.stderr, "no score of it was published"


def test_as_people_and_programs_read_it(planner: Run) -> None:
    words = "quote --model DeepSeek-R1-Distill-Qwen-7B --region us-east-1 --neighbours".split()
    table = planner(*words)
    assert table.returncode == 0 and "AIME 2024" in table.stdout and "none is estimated" in table.stdout
    assert "Source: github deepseek-ai/DeepSeek-R1@0cf78561 README.md (2025-01-20)" in table.stdout
    record = json.loads(planner(*words, "--format", "json").stdout)
    assert record["schema"] == "planner.neighbours/1" and record["models"] and record["formats"]
    assert all(score["source"] and score["date"] for near in record["models"] for score in near["scores"])
    assert "没有任何估算" in planner(*words, "--lang", "zh").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--model Mistral-7B-v0.1 --neighbours", "no published score of Mistral-7B-v0.1"),
        ("--neighbours --format xlsx -o x.xlsx", "goes with --format table or json"),
        ("--neighbours --own examples", "--own: says nothing of neighbours"),
        ("--neighbours --model nothing-like-it", "unknown model"),
    ],
)
def test_bad_input(planner: Run, words: str, said: str) -> None:
    done = planner("quote", *words.split())
    assert done.returncode == 2 and said in done.stderr


def test_nothing_is_known_of_a_model_without_scores() -> None:
    with pytest.raises(MisuseError, match="no published score"):
        quality.near(make({"model": "Mistral-7B-v0.1"}), quoted)
