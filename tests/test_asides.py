"""What a workload's file says beside the workload means what the option of the same name means, or is refused with the remedy."""

import json
from pathlib import Path

import pytest

from planner import asides, cli
from planner.buying.workloads import many
from planner.cli.quote import quote
from planner.workload import Workload

ASK = ("--offline-list", "--as-of", "2026-11-26", "--format", "json")
MODEL = 'model = "Qwen3-32B"\nprovider = ["aws"]\n'


def test_each_option_of_quote_is_a_key_or_says_that_it_is_none() -> None:
    named = {max(param.opts, key=len).removeprefix("--").replace("-", "_") for param in quote.params}
    apart = {"workload_file", "help", "help_all", "preset"}
    assert named - apart == {*Workload._fields, *asides.KEYS, *asides.OPTIONS} - {"name", "taxes"}


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        ("tokens = 2e9\nby = 2026-12-05T08:00:00+08:00", ("--tokens", "2e9", "--by", "2026-12-05T08:00+08:00")),
        (
            'tokens = 100_000_000\nby = 48\nspot_share = "50%"',
            ("--tokens", "1e8", "--by", "48h", "--spot-share", "50%"),
        ),
        ('rps = 3\ndata_stays = "eu"', ("--rps", "3", "--data-stays", "EU")),
    ],
)
def test_a_key_means_what_the_option_means(
    keys: str, options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.toml"
    path.write_text(MODEL + keys)
    assert cli.run(["quote", str(path), *ASK]) == 0
    by_file = json.loads(capsys.readouterr().out)
    assert cli.run(["quote", "--model", "Qwen3-32B", "--provider", "aws", *options, *ASK]) == 0
    assert json.loads(capsys.readouterr().out) == by_file


def test_hits_of_the_cache_count_where_apis_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "w.toml"
    path.write_text(f'{MODEL}rps = 3\ncache_hits = "40%"')
    assert cli.run(["quote", str(path), *ASK, "--beside-apis"]) == 0
    assert json.loads(capsys.readouterr().out)["beside"]["cache_hits"] == "0.4"


@pytest.mark.parametrize(
    ("keys", "ask", "said"),
    [
        ("tokens = 2e9", ("quote",), "--tokens needs --by"),
        ('spot_share = "50%"', ("quote",), "--spot-share needs --tokens and --by"),
        ("tokens = true\nby = 48", ("quote",), "tokens: expected text or a number"),
        ("tokens = 2e9\nby = 48\nrps = 3", ("quote", "--neighbours"), "a batch with a deadline"),
        ("tokens = 2e9\nby = 48", ("commit", "--demand", "flat rps=3"), "a batch with a deadline"),
        ("tokens = 2e9\nby = 48", ("rent-or-buy", "--own", "examples"), "a batch with a deadline"),
        ('own = "examples"', ("quote",), "give it as the option --own"),
        ("beside_apis = true", ("quote",), "give it as the option --beside-apis"),
        ("token = 3", ("quote",), "did you mean tokens"),
        ('data_stays = "XX"', ("quote",), "write CN, EU, US"),
    ],
)
def test_what_a_file_may_not_say_is_told_with_the_remedy(
    keys: str, ask: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "w.toml"
    path.write_text(MODEL + keys)
    assert cli.run([ask[0], str(path), *ask[1:]]) == 2
    assert said in capsys.readouterr().err


def test_each_workload_of_a_portfolio_has_its_own_area(tmp_path: Path) -> None:
    path = tmp_path / "many.toml"
    rows = ("EU", "US", "XX", "CN")
    path.write_text("".join(f'[[workload]]\nname = "{x}"\n{MODEL}data_stays = "{x}"\n' for x in rows))
    items, wrong = many(str(path), Workload(), {})
    assert {i.name for i in items} == {"EU", "US", "CN"}
    assert all(all(r.startswith(i.name.lower()) for r in i.work.region) and i.work.region for i in items)
    assert wrong == [f"{path}:15: --data-stays: 'XX' is no area that is known: write CN, EU, US"]
    typed, _ = many(str(path), Workload(), {"region": ("us-east-1",)})
    assert {i.work.region for i in typed} == {("us-east-1",)}
