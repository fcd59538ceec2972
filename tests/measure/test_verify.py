"""`planner verify` as a user runs it: inside and outside, priced, capped, kept, refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from planner.cli import cli, run
from tests.conftest import Run
from tests.measure.server import serving

SAMPLES = Path(__file__).parent / "samples"
LOAD = ("--input-tokens", "64", "--output-tokens", "12", "--concurrency", "4", "--max-requests", "12")
MODEL = ("--model", "DeepSeek-R1-Distill-Qwen-7B")


def said(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = run(["verify", *args])
    out = capsys.readouterr()
    return code, out.out, out.err


def test_inside_the_range(capsys: pytest.CaptureFixture[str]) -> None:
    """A server as fast as the sizing says: exit 0, and nothing kept without --save."""
    with serving(ttft=0.02, tpot=0.0062) as server:
        code, out, _ = said(capsys, server.url, *MODEL, "--gpu", "H100", *LOAD)
    assert "at most 12 requests and 5 minutes; its cost is not known (no --instance-type or --quote)" in out
    assert (
        "DeepSeek-R1-Distill-Qwen-7B at fp16 on 1 x H100-SXM5, vLLM@0.26.0" in out
    )  # the version is the endpoint's own
    rows = {
        line[2:24].strip(): line.split() for line in out.splitlines() if line.endswith(("inside", "below", "above"))
    }
    assert list(rows) == ["output tokens/s", "TPOT ms", "TTFT ms (weak)"]
    measured = float(rows["TPOT ms"][2])
    assert measured >= 6.1
    low, high = float(rows["TPOT ms"][3]), float(rows["TPOT ms"][5])
    assert (code == 0) == ("verdict       inside the range" in out)
    if low <= measured <= high and rows["output tokens/s"][-1] == "inside":  # a busy machine is slower
        assert code == 0
    assert not os.path.exists(os.path.join(os.environ["PLANNER_HOME"], "measurements.json"))


def test_outside_it_is_said_kept_and_preferred(capsys: pytest.CaptureFixture[str]) -> None:
    size = ["size", *MODEL, "--gpu", "H100", "--engine", "vllm@0.26.0", *LOAD[:6], "--format", "json"]
    run(size)
    before = json.loads(capsys.readouterr().out)
    with serving(ttft=0.02, tpot=0.03) as server:
        code, out, _ = said(capsys, server.url, *MODEL, "--gpu", "H100", *LOAD, "--save")
    assert code == 1
    assert "OUTSIDE the range: output tokens/s is" in out and "below it, TPOT is" in out
    place = os.path.join(os.environ["PLANNER_HOME"], "measurements.json")
    assert f"saved         in {place}" in out
    assert os.stat(place).st_mode & 0o777 == 0o600
    (row,) = json.loads(Path(place).read_text("utf-8"))["measurements"]
    assert (row["model"], row["gpu"], row["engine"], row["concurrency"]) == (MODEL[1], "H100-SXM5", "vLLM@0.26.0", 4)
    assert row["tpot_ms"] == pytest.approx(30, rel=0.3)
    run(size)
    after = json.loads(capsys.readouterr().out)
    assert after["output_tokens_per_second"]["estimate"] == pytest.approx(row["tokens_per_second"], abs=0.01)
    assert after["basis"][0].startswith("yours ")
    assert after["warnings"][0].startswith("your measurement of ")
    run([*size, "--measurements", "none"])
    assert json.loads(capsys.readouterr().out) == before


def test_a_newer_measurement_of_a_load_replaces_the_older(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    place = str(tmp_path / "mine.json")
    args = (*MODEL, "--gpu", "L4", "--save", "--measurements", place)
    for name, rows in (("vllm", 1), ("guidellm", 2), ("vllm", 2), ("aiperf", 3)):
        sample = next(SAMPLES.glob(f"{name}-*.json"))
        code, _, _ = said(capsys, str(sample), *args)
        assert code == 1
        assert len(json.loads(Path(place).read_text("utf-8"))["measurements"]) == rows
    Path(place).write_text("mine\n")
    code, _, err = said(capsys, str(sample), *args)
    assert (code, Path(place).read_text("utf-8")) == (2, "mine\n")
    assert "mine.json: not JSON" in err


def test_priced_and_capped(capsys: pytest.CaptureFixture[str]) -> None:
    machine = ("--instance-type", "p5.48xlarge", "--gpus", "1")
    with serving(ttft=0.01, tpot=0.003) as server:
        _, out, _ = said(capsys, server.url, *MODEL, *machine, *LOAD, "--max-minutes", "3")
        first = out.splitlines()[0]
        assert "at most 12 requests and 3 minutes; that is" in first
        hourly = float(first.split(" at ")[-1].split(" an hour")[0])
        assert float(first.split("that is ")[1].split(" ")[0]) == pytest.approx(hourly / 20, rel=0.01)
        assert "(aws:aws:us-east-1:p5.48xlarge:on_demand)" in first
        _, out, _ = said(capsys, server.url, *MODEL, *machine, *LOAD, "--max-cost", "0.5", "--format", "json")
        found = json.loads(out)
        (one,) = found["runs"]
        # Eight such copies stand on the machine whose hour is paid.
        assert float(one["cost_per_million_output"]) == pytest.approx(
            hourly / 8 / (one["tokens_per_second"] * 0.0036), rel=0.01
        )
        assert found["schema"] == "planner.verify/1"
        code, _, err = said(capsys, server.url, *MODEL, "--gpu", "H100", *LOAD, "--max-cost", "1")
        assert (code, "no price is known" in err) == (2, True)


def test_a_saved_quote_is_checked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Model, precision, load, machine, layout, engine and price are the quote's."""
    path = tmp_path / "q.json"
    quote = [
        "quote",
        "--model",
        "Qwen3-32B",
        "--precision",
        "fp8",
        "--instance-type",
        "p5.48xlarge",
        "--provider",
        "aws",
    ]
    quote += ["--input-tokens", "64", "--output-tokens", "12", "--format", "json", "-o", str(path)]
    assert run(quote) == 0
    capsys.readouterr()
    with serving(ttft=0.01, tpot=0.003) as server:
        _, out, _ = said(capsys, server.url, "--quote", str(path), "--concurrency", "8", "--max-requests", "24")
        assert "Qwen3-32B at fp8 on p5.48xlarge (8 x H100-SXM5), vLLM@0.31.0" in out
        assert "64 tokens in, 12 out, 8 in flight" in out
        assert "per 1M output" in out
        for more, told in (
            (("--gpu", "H100"), "--quote names the machine"),
            (("--model", "Qwen3-8B"), "--quote names the model"),
        ):
            code, _, err = said(capsys, server.url, "--quote", str(path), *more)
            assert (code, told in err) == (2, True)


def test_results_are_compared_with_the_load_that_ran(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, str(SAMPLES / "guidellm-0.8.1.json"), *MODEL, "--gpu", "H100", "--concurrency", "64")
    assert "62 tokens in, 32 out, 8 in flight; 48 requests in 2.3 s" in out
    assert "requests at once: 64 asked for, 8 is what ran; the estimate is for that" in out
    assert code in (0, 1)


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("nowhere.json", "--gpu", "H100"), 2, "cannot read results nowhere.json"),
        (("x.json",), 2, "name the machine with either --instance-type TYPE or --gpu NAME"),
        (("http://127.0.0.1:1", "--gpu", "H100"), 1, "no connection"),
        (("http://u:p@host", "--gpu", "H100"), 2, "must not hold credentials"),
        (("http://127.0.0.1:1", "--gpu", "H100", "--max-minutes", "0"), 2, "--max-minutes: 0 is outside"),
        (("http://127.0.0.1:1", "--gpu", "H100", "--max-minutes", "soon"), 2, "--max-minutes"),
        ((str(SAMPLES / "inference-perf-0.7.0.json"), "--gpu", "H100"), 2, "do not say which model ran"),
        ((str(SAMPLES / "vllm-0.26.0.json"), "--gpu", "H100"), 2, "'served', which is none that we know"),
        (
            (str(SAMPLES / "vllm-0.26.0.json"), "--gpu", "H100", *MODEL, "--save", "--measurements", "none"),
            2,
            "--save needs a file",
        ),
        (
            (str(SAMPLES / "vllm-0.26.0.json"), "--gpu", "H100", *MODEL, "--offer", "x"),
            2,
            "--offer is of a saved quote",
        ),
        ((str(SAMPLES / "vllm-0.26.0.json"), "--gpu", "H100", *MODEL, "--engine", "vllm@x"), 2, "engine version"),
    ],
)
def test_misuse_is_one_line(capsys: pytest.CaptureFixture[str], args: tuple[str, ...], code: int, told: str) -> None:
    found, out, err = said(capsys, *args)
    assert found == code
    assert told in err
    assert err.count("\n") == 1
    assert "saved" not in out


def test_a_machine_too_small_is_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as server:
        code, out, err = said(capsys, server.url, "--model", "Qwen3-32B", "--gpu", "T4", *LOAD)
        assert server.asked == []
    assert code == 1
    assert "does not serve it by the sizing: tp 1: weights and engine need" in err
    code, out, _ = said(capsys, str(SAMPLES / "vllm-0.26.0.json"), "--model", "Qwen3-32B", "--gpu", "T4", "--save")
    assert code == 1
    assert "OUTSIDE: by the sizing this machine does not serve it" in out
    assert "saved" not in out


def test_a_run_of_failures_measures_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Seen on a GPU: a tool whose tokenizer made prompts that the engine refused, and a result that looked like one."""
    data = json.loads((SAMPLES / "vllm-0.26.0.json").read_text("utf-8"))
    path = tmp_path / "r.json"
    for failed, kept in ((3, True), (4, False)):
        path.write_text(json.dumps(data | {"failed": failed}))
        place = str(tmp_path / f"{failed}.json")
        code, out, _ = said(capsys, str(path), *MODEL, "--gpu", "L4", "--save", "--measurements", place)
        assert code == 1
        assert os.path.exists(place) == kept
        assert ("NO VERDICT: 4 of 68 requests failed" in out) != kept


def test_the_key_is_never_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANNER_VERIFY_KEY", "open-sesame")
    with serving(ttft=0.01, tpot=0.002, key="open-sesame") as server:
        _, out, err = said(capsys, server.url, *MODEL, "--gpu", "H100", *LOAD)
        server.key = "other"
        code, _, more = said(capsys, server.url, *MODEL, "--gpu", "H100", *LOAD)
    assert code == 1 and "HTTP 401" in more
    assert "sesame" not in out + err + more


def test_quotes_keep_it_and_show_it_again(planner: Run, tmp_path: Path) -> None:
    """In processes: what was saved decides the quote; --replay needs no file of measurements; --as-of before it leaves it out."""
    base = ("--instance-type", "p5.48xlarge", "--provider", "aws", "--engine", "vllm@0.31.0")
    sample = str(SAMPLES / "guidellm-0.8.1.json")
    assert planner("verify", sample, *MODEL, "--instance-type", "p5.48xlarge", "--gpus", "1", "--save").returncode == 1
    table = planner("quote", *base).stdout
    assert (
        "Note: your measurement of 2026-11-26 is preferred to the estimate: 658 output tokens/s at 8 requests" in table
    )
    assert "your measurement" not in planner("quote", *base, "--as-of", "2026-11-24").stdout
    planner("quote", *base, "--format", "json", "-o", "q.json")
    text = (tmp_path / "q.json").read_bytes()
    data: dict[str, Any] = json.loads(text)
    assert data["measurements"][0]["tool"] == "guidellm 0.8.1"
    os.remove(os.path.join(os.environ["PLANNER_HOME"], "measurements.json"))
    assert planner("quote", "--replay", "q.json", "--format", "json").stdout.encode() == text
    assert "your measurement" in planner("quote", "--replay", "q.json", "--lang", "en").stdout
    assert "自测结果" in planner("quote", "--replay", "q.json", "--lang", "zh").stdout
    refused = planner("quote", "--replay", "q.json", "--measurements", "none")
    assert (refused.returncode, "--measurements cannot change it" in refused.stderr) == (2, True)


def test_nothing_of_it_is_loaded_by_other_commands() -> None:
    import subprocess
    import sys

    code = (
        "import sys, io, contextlib\nfrom planner.cli import run\n"
        "with contextlib.redirect_stdout(io.StringIO()): run(['quote', '--hours', '720'])\n"
        "print([m for m in ('asyncio', 'ssl', 'planner.measure', 'planner.measure.loop') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", done.stdout


def test_help_names_the_key_and_the_exit_codes() -> None:
    text = CliRunner().invoke(cli, ["verify", "--help"]).output
    assert "PLANNER_VERIFY_KEY" in text
    assert "exit 0 inside its range" in text
