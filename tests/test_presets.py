"""Presets are shorthand for typed values, each with its source; what is said beside them beats them, and is told."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from planner import presets
from planner.cli import cli
from planner.cli.options import OPTIONS, make_workload
from planner.errors import MisuseError
from planner.workload import Workload, from_toml, make


def shown(*args: str, text: str | None = None) -> tuple[int, str, str]:
    """Run a command in this process: its code, stdout and stderr; an error of ours is code 2."""
    done = CliRunner().invoke(cli, list(args), input=text, standalone_mode=False)
    if isinstance(done.exception, MisuseError):
        return 2, done.stdout, done.stderr + str(done.exception)
    assert done.exception is None, done.exception
    return 0, done.stdout, done.stderr


def typed(name: str) -> dict[str, object]:
    return {one.field: one.value for one in presets.values(name) if one.value}


@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_value_has_its_source_and_date(name: str) -> None:
    rows = presets.values(name)
    fields = [one.field for one in rows]
    assert len(set(fields)) == len(fields)
    assert {"input_tokens", "output_tokens", "rps", "ttft_ms", "tpot_ms"} <= set(fields)
    for one in rows:
        assert one.what
        assert one.source.startswith("github ")
        assert date.fromisoformat(f"{one.date}-01-01"[:10]) <= date.today()
        assert one.confidence in ("high", "medium", "low")
        assert one.value or one.field == "rps"


@pytest.mark.parametrize("name", presets.PRESETS)
def test_typing_the_values_gives_the_same_workload(name: str, tmp_path: Path) -> None:
    want = make(typed(name))
    assert make({"preset": name}) == make({"preset": name.upper()}) == want
    file = tmp_path / "w.toml"
    file.write_text(f'preset = "{name}"\n')
    assert from_toml(str(file)) == want
    assert want != Workload()


def test_typing_the_values_gives_the_same_quote() -> None:
    words = [word for key, value in typed("chat").items() for word in (f"--{key.replace('_', '-')}", str(value))]
    common = ["quote", "--offline-list", "--provider", "aws", "--format", "csv"]
    _, short, _ = shown(*common, "--preset", "chat")
    _, long, _ = shown(*common, *words)
    assert short == long
    assert short != shown(*common)[1]


def test_what_is_said_beside_a_preset_beats_it_and_is_told() -> None:
    heard: list[str] = []
    work = make({"preset": "chat", "rps": "2", "ttft_ms": 900}, heard=heard.append)
    assert (work.rps, work.ttft_ms, work.tpot_ms, work.input_tokens) == (2, 900, 40, 1155)
    assert "ttft_ms 900 (its 450)" in heard[0]
    assert "rps 2 (its 5.53)" in heard[0]


@pytest.mark.parametrize(
    ("said", "want"),
    [
        ({"concurrency": 8}, {"rps": 0, "concurrency": 8}),
        ({"tokens_per_second": "50"}, {"rps": 0, "tokens_per_second": 50}),
        ({"input_tokens": 9000}, {"context_tokens": 0, "input_tokens": 9000}),
        ({"input_tokens": 9000, "context_tokens": 16000}, {"context_tokens": 16000}),
        ({"output_tokens": 10}, {"context_tokens": 0}),
    ],
)
def test_half_a_preset_never_contradicts_itself(said: dict[str, object], want: dict[str, object]) -> None:
    work = make({"preset": "chat", **said})
    assert {key: getattr(work, key) for key in want} == want


def test_a_typed_preset_or_demand_beats_the_file(tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    file.write_text('preset = "chat"\nhours = 100\n')
    work = make_workload({"workload_file": str(file), "concurrency": "4"})
    assert (work.concurrency, work.rps, work.hours) == (4, 0, 100)
    file.write_text("concurrency = 4\nttft_ms = 9\n")
    work = make_workload({"workload_file": str(file), "preset": "agent"})
    assert (work.concurrency, str(work.rps), work.ttft_ms, work.context_tokens) == (0, "6.6", 2000, 0)


@pytest.mark.parametrize("name", ["chta", "", " ", "x" * 900, "chat,code", "--chat"])
def test_an_unknown_preset_is_refused(name: str) -> None:
    if not name:
        assert make({"preset": name}) == Workload()
        return
    with pytest.raises(MisuseError, match="unknown preset"):
        make({"preset": name})


@pytest.mark.parametrize("value", [3, True, ["chat"], 1.5])
def test_a_preset_of_another_kind_is_refused(value: object) -> None:
    with pytest.raises(MisuseError, match="unknown preset"):
        make({"preset": value}, where="w.toml")


def test_size_takes_one_and_max_beats_its_rate() -> None:
    code, out, err = shown("size", "--preset", "rag", "--gpu", "A100-80", "--concurrency", "max")
    assert code == 0
    assert "12,035 tokens in, 343 out" in out
    assert "no rate (its rps 3.40)" in err


def test_the_option_names_every_preset() -> None:
    said = next(text for name, _, text, _ in OPTIONS if name == "--preset")
    assert said.startswith(", ".join(presets.PRESETS))


# -- planner init ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", presets.PRESETS)
def test_init_writes_what_the_preset_stands_for(name: str, lang: str, tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    code, out, _ = shown("init", "--yes", "--preset", name, "--lang", lang, "-o", str(file))
    assert code == 0
    assert str(file) in out
    assert from_toml(str(file)) == make({"preset": name, "name": name})
    text = file.read_text("utf-8")
    for one in presets.values(name):
        assert one.source in text


def test_init_asks_five_questions(tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    code, _, err = shown("init", "-o", str(file), text="code\nDeepSeek-R1\n3\n100\naws, alicloud\n")
    assert code == 0
    assert [f"{n}/5" in err for n in range(1, 6)] == [True] * 5
    want = {"name": "code", "model": "DeepSeek-R1", "rps": 3, "hours": 100, "provider": ["aws", "alicloud"]}
    assert tomllib.loads(file.read_text("utf-8")).items() >= want.items()


@pytest.mark.parametrize(
    ("args", "text", "said"),
    [
        ([], "", "no answer to question 1"),
        ([], "chat\n\n", "no answer to question 3"),
        ([], "tea\n", "unknown preset"),
        (["--yes", "--rps", "0"], None, "0 is not above zero"),
        (["--yes", "--rps", "many"], None, "--rps"),
        (["--yes", "--hours", "-1"], None, "--hours"),
        (["--yes", "--provider", "awss"], None, "did you mean aws"),
        (["--yes", "--model", "no-such-model"], None, "unknown model"),
    ],
)
def test_a_wrong_answer_writes_nothing(args: list[str], text: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    code, _, err = shown("init", "-o", str(file), *args, text=text)
    assert code == 2
    assert said in err
    assert not file.exists()


def test_init_replaces_no_file_unasked(tmp_path: Path) -> None:
    file = tmp_path / "w.toml"
    file.write_text("mine")
    assert "is there already" in shown("init", "--yes", "-o", str(file))[2]
    assert file.read_text() == "mine"
    assert shown("init", "--yes", "--force", "-o", str(file))[0] == 0
    assert file.read_text() != "mine"
