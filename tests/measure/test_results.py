"""Results of other tools: each file says what its tool measured, whatever its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from planner.errors import MisuseError
from planner.measure.results import read

SAMPLES = Path(__file__).parent / "samples"
FILES = {
    "vllm-0.26.0.json": "vllm bench serve",
    "guidellm-0.8.1.json": "guidellm 0.8.1",
    "aiperf-0.13.0.json": "aiperf 0.13.0",
    "inference-perf-0.7.0.json": "inference-perf",
}


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / name).read_text(encoding="utf-8"))
    return found


def one(tmp_path: Path, data: object) -> Any:
    path = tmp_path / "results.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return read(str(path))


@pytest.mark.parametrize("name", FILES)
def test_a_sample_says_what_the_server_did(name: str) -> None:
    """All four measured one server: 8 at once, 32 tokens, 50 ms to the first, 10 ms between."""
    (run,) = read(str(SAMPLES / name))
    assert run.tool == FILES[name]
    assert run.concurrency == 8
    assert not run.burst
    assert run.output_tokens == 32
    assert run.failed == 0
    assert run.tpot_ms == pytest.approx(10, rel=0.02)
    assert 50 <= run.ttft_ms < 60  # the tools' own delay stands on top
    assert run.tokens_per_second == pytest.approx(8 * 32 / 0.36, rel=0.1)
    assert run.day in ("2026-11-26", "")
    assert run.seconds * run.tokens_per_second == pytest.approx(run.requests * 32, rel=0.02)


def test_the_endpoints_count_of_tokens_beats_the_tools(tmp_path: Path) -> None:
    for name in ("aiperf-0.13.0.json", "inference-perf-0.7.0.json"):
        (run,) = read(str(SAMPLES / name))
        assert [str(n) for n in run.notes] == [
            "the tool's tokenizer counts 65 output tokens a request, the endpoint 32: the endpoint's count is taken"
        ]
    data = sample("inference-perf-0.7.0.json")
    data["successes"]["throughput"]["output_tokens_per_sec"] *= 32 / 65  # as with use_server_output_tokens
    (run,) = one(tmp_path, data)
    assert run.tokens_per_second == pytest.approx(645.5, rel=0.01)
    assert run.notes == ()


def test_requests_at_a_rate_are_counted_by_littles_law(tmp_path: Path) -> None:
    data = sample("vllm-0.26.0.json")
    data |= {"request_rate": 10.0, "max_concurrency": None, "request_throughput": 10.0}
    (run,) = one(tmp_path, data)
    assert run.concurrency == pytest.approx(10 * (data["mean_ttft_ms"] + 31 * data["mean_tpot_ms"]) / 1e3)
    data = sample("inference-perf-0.7.0.json")
    del data["load_summary"]["concurrency"]
    (run,) = one(tmp_path, data)
    assert run.concurrency == pytest.approx(7.32, rel=0.01)
    assert "Little" in str(run.notes[-1])


def test_all_at_once_is_a_burst(tmp_path: Path) -> None:
    (run,) = one(tmp_path, sample("vllm-0.26.0.json") | {"max_concurrency": None})
    assert (run.burst, run.concurrency) == (True, 64)
    (run,) = one(tmp_path, sample("vllm-0.26.0.json") | {"num_prompts": 16, "completed": 16})
    assert "filling and draining" in str(run.notes[0])


def test_several_runs_in_a_file(tmp_path: Path) -> None:
    """--append-result writes a line a run; a sweep of guidellm holds several."""
    row = json.dumps(sample("vllm-0.26.0.json"))
    assert len(one(tmp_path, f"{row}\n{row}\n")) == 2
    data = sample("guidellm-0.8.1.json")
    data["benchmarks"] *= 3
    assert len(one(tmp_path, data)) == 3


def test_older_guidellm(tmp_path: Path) -> None:
    """0.2 to 0.4 have the strategy under `args` and the totals beside the metrics."""
    data = sample("guidellm-0.8.1.json")
    row = data["benchmarks"][0]
    row["args"] = {"strategy": row.pop("config")["strategy"]}
    row["request_totals"] = row["metrics"].pop("request_totals")
    del row["duration"]
    (run,) = one(tmp_path, data)
    assert (run.concurrency, run.requests) == (8, 48)
    assert run.seconds == pytest.approx(2.33, rel=0.01)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "0 runs in it"),
        ("{", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "0 runs in it"),
        ("3", "holds a JSON int"),
        ({"a": 1}, "of no known tool"),
        ({"benchmarks": 3}, "damaged"),
        ({"benchmarks": [{"metrics": None}]}, "request_totals.successful: expected a number"),
        ({"output_throughput": 1, "completed": 0, "mean_tpot_ms": 1, "duration": 1}, "no request ended"),
        ({"output_throughput": 1, "completed": 1e99, "mean_tpot_ms": 1, "duration": 1}, "from 0 to 10^12"),
        ('{"output_throughput": NaN, "completed": 1, "mean_tpot_ms": NaN, "duration": 1}', "expected a number"),
        ({"load_summary": [], "successes": {"count": 1}}, "no request ended"),
        ({"output_token_throughput": {"avg": -1}, "request_count": {"avg": 1}}, "expected a number"),
    ],
)
def test_what_is_no_result_is_said(tmp_path: Path, data: object, said: str) -> None:
    with pytest.raises(MisuseError, match=said.replace("(", r"\(").replace("^", r"\^")) as found:
        one(tmp_path, data)
    assert "results.json" in str(found.value)
    assert "\n" not in str(found.value)


def test_every_number_of_a_file_may_be_damaged(tmp_path: Path) -> None:
    """A value of the wrong kind anywhere is a `MisuseError` or of no account; nothing else is raised."""

    def places(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        rows = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
        return [p for key, value in rows for p in ((*at, key), *places(value, (*at, key)))]

    for name in FILES:
        for place in places(sample(name))[::37]:
            for bad in (None, "x", -1, [], {}):
                data: Any = sample(name)
                inner = data
                for step in place[:-1]:
                    inner = inner[step]
                inner[place[-1]] = bad
                try:
                    one(tmp_path, data)
                except MisuseError:
                    continue
