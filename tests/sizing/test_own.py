"""Your own measurements: exact where they were made, the model's again far away, carried in the quote that they decide."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from planner import api
from planner.errors import MisuseError
from planner.quoting import measured, saved
from planner.rendering import json as as_json
from planner.sizing import Sizing, own
from planner.sizing.own import Measurement

LOAD: dict[str, Any] = {"input_tokens": 1024, "output_tokens": 512, "engine": "vllm@0.26.0"}
MODEL = "DeepSeek-R1-Distill-Qwen-7B"


def mine(**changed: Any) -> Measurement:
    made = {
        "model": MODEL,
        "precision": "fp16",
        "kv_cache_dtype": "",
        "engine": "vLLM@0.26.0",
        "gpu": "H100-SXM5",
        "tp": 1,
        "pp": 1,
        "copies": 1,
        "input_tokens": 1024,
        "output_tokens": 512,
        "concurrency": 64,
        "arrival": "steady",
        "tokens_per_second": 7000.0,
        "ttft_ms": 50.0,
        "tpot_ms": 8.5,
        "requests": 384,
        "seconds": 28.0,
        "measured_on": "2026-11-20",
        "tool": "planner verify",
        "place": "",
    }
    return Measurement(**(made | changed))


def sized(*measurements: Measurement, machine: str = "H100", **load: Any) -> Sizing:
    return api.size(MODEL, machine, measurements=measurements, **(LOAD | {"concurrency": 64} | load))


def rate(s: Sizing) -> float:
    assert s.output_tokens_per_second is not None
    return s.output_tokens_per_second.estimate


def width(s: Sizing) -> float:
    assert s.output_tokens_per_second is not None
    return s.output_tokens_per_second.high / s.output_tokens_per_second.low


def test_at_its_own_load_the_answer_is_what_was_measured() -> None:
    s = sized(mine())
    assert rate(s) == pytest.approx(7000, rel=1e-6)
    assert s.tpot_ms is not None and s.ttft_ms is not None
    assert s.tpot_ms.estimate == pytest.approx(8.5, rel=1e-6)
    assert s.ttft_ms.estimate == pytest.approx(50, rel=1e-6)
    assert width(s) == pytest.approx(1.06**2, rel=1e-3)
    assert s.basis[0] == "yours 2026-11-20 H100-SXM5 1024/512 x 64"
    assert str(s.warnings[0]) == (
        "your measurement of 2026-11-20 is preferred to the estimate: 7,000 output tokens/s at 64 requests of 1,024 + 512 tokens "
        "on H100-SXM5 (vLLM@0.26.0, planner verify)"
    )
    assert not any("newest series of measurements" in str(w) for w in s.warnings)


def test_the_further_the_less_it_says() -> None:
    """The factor goes to 1 and the range to the model's own as the load leaves the measured one, on both sides."""
    for way in (4, 0.25):
        before = math.inf, 0.0
        for times in (1, way, way**2, way**3):
            load = {"concurrency": max(1, int(64 * times))}
            with_it, without = sized(mine(), **load), sized(**load)
            said = abs(math.log(rate(with_it) / rate(without))), width(with_it) / width(without)
            assert said[0] <= before[0] + 1e-9
            assert said[1] >= before[1] - 1e-9
            before = said
        assert width(with_it) < width(without)


def test_several_are_met_one_by_one() -> None:
    two = (mine(), mine(concurrency=8, tokens_per_second=900.0, tpot_ms=8.0))
    assert rate(sized(*two)) == pytest.approx(7000, rel=1e-6)
    s = sized(*two, concurrency=8)
    assert rate(s) == pytest.approx(900, rel=1e-6)
    assert s.basis[:2] == ("yours 2026-11-20 H100-SXM5 1024/512 x 8", "yours 2026-11-20 H100-SXM5 1024/512 x 64")
    assert str(s.warnings[0]).startswith(
        "your 2 measurements are preferred to the estimate, the nearest of 2026-11-20: 900 "
    )
    between = [rate(sized(*two, concurrency=c)) / rate(sized(concurrency=c)) for c in (8, 16, 32, 64)]
    assert between == sorted(between) or between == sorted(between, reverse=True)


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "Qwen3-32B"},
        {"precision": "fp8"},
        {"kv_cache_dtype": "fp8"},
        {"engine": "SGLang@0.5.0"},
        {"gpu": "H200-SXM"},
        {"pp": 2},
    ],
)
def test_of_another_kind_it_says_nothing(changed: dict[str, Any]) -> None:
    assert sized(mine(**changed)) == sized()


def test_16_bits_are_16_bits_and_names_are_read_in_any_case() -> None:
    assert rate(sized(mine(precision="bf16", model=MODEL.lower()))) == pytest.approx(7000, rel=1e-6)


def test_another_version_of_the_engine_counts_a_little_less() -> None:
    s = sized(mine(engine="vLLM@0.25.0"))
    assert rate(sized()) < rate(s) < 7000
    assert 1.06**2 < width(s) < width(sized())


def test_a_measurement_of_one_copy_speaks_of_a_machine_of_eight() -> None:
    s = sized(mine(), machine="8x H100", concurrency=512)
    assert s.layout is not None and s.layout.replicas == 8
    assert rate(s) == pytest.approx(8 * 7000, rel=1e-6)


def test_a_layout_that_was_not_measured_does_not_escape_a_bad_measurement() -> None:
    """Half the estimated rate at tp 1: tp 2 is then no better than the model says of two such copies."""
    slow = mine(tokens_per_second=rate(sized()) / 2, tpot_ms=0.0, ttft_ms=0.0)
    plain, with_it = sized(machine="2x H100"), sized(slow, machine="2x H100")
    assert rate(with_it) < 0.75 * rate(plain)


def test_counts_and_limits_follow() -> None:
    """Half the speed takes twice the machines; a limit that the estimate misses and the measurement meets is met."""
    need = {"concurrency": 0, "tokens_per_second": 400_000}
    full = sized(concurrency=0)
    at = full.concurrency
    half = mine(concurrency=at, tokens_per_second=rate(full) / 2, tpot_ms=0.0, ttft_ms=0.0)
    # Not twice: what is measured has the narrower range, and the low side is what counts.
    assert sized(half, **need).count >= 1.4 * sized(**need).count
    fast = mine(concurrency=1, tokens_per_second=400.0, tpot_ms=2.4, ttft_ms=20.0)
    limit = {"concurrency": 0, "tpot_ms": 3}
    assert not sized(**limit).fits
    assert sized(fast, **limit).fits


def test_the_quote_carries_what_decided_it(tmp_path: Path) -> None:
    """A saved quote is shown again to the same bytes, without the file of measurements; its hash says that they counted."""
    fields: dict[str, Any] = {"provider": ("aws",), "instance_type": ("p5.48xlarge",), **LOAD}
    other = mine(gpu="L4")
    with_it, without = api.quote(measurements=(mine(), other), **fields), api.quote(**fields)
    assert with_it.measurements == (mine(),)
    assert with_it.hash != without.hash
    assert api.quote(measurements=(other,), **fields) == without
    assert any(str(n).startswith("your measurement of 2026-11-20") for n in with_it.notes)
    assert all(str(o.sizing.warnings[0]).startswith("your measurement") for o in with_it.offers)
    text = as_json.dump(with_it)
    assert as_json.dump(api.quote(measurements=(mine(), other), **fields)) == text
    again = saved.load(text)
    assert again.measurements == (mine(),)
    assert as_json.dump(again) == text
    assert '"measurements"' not in as_json.dump(without)
    raw = json.loads(text)
    raw["measurements"][0]["tokens_per_second"] = "fast"
    with pytest.raises(MisuseError, match=r"measurements\[0\].tokens_per_second: expected a number"):
        saved.load(json.dumps(raw))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ({}, "no planner.measurements/1 file"),
        ({"schema": own.SCHEMA, "measurements": 3}, "no planner.measurements/1 file"),
        ({"schema": own.SCHEMA, "measurements": [3]}, r"measurements\[0\]: expected an object"),
        ({"schema": own.SCHEMA, "measurements": [{"model": "x"}]}, "expected an object with model, precision"),
    ],
)
def test_a_damaged_file_is_said(tmp_path: Path, data: object, said: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    with pytest.raises(MisuseError, match=said):
        measured.read(str(path))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((f, v) for f in ("tp", "copies", "concurrency", "input_tokens") for v in (0, -1, 1.5, "1", None, True)),
        *(("tokens_per_second", v) for v in (0, -1, float("nan"), float("inf"), 1e99, "7")),
        ("measured_on", "yesterday"),
        ("arrival", "sometimes"),
        ("model", "a\x1b[2Jb"),
    ],
)
def test_every_field_is_held_to_its_kind(tmp_path: Path, field: str, value: object) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps({"schema": own.SCHEMA, "measurements": [mine()._asdict() | {field: value}]}))
    with pytest.raises(MisuseError, match=rf"m.json: measurements\[0\].{field}"):
        measured.read(str(path))
