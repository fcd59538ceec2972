"""The roofline behaves as machines do: more load, more tokens and slower ones; more bandwidth, faster steps."""

import pytest

from planner.sizing import engines, estimate, gpus, memory, models, roofline


def made(
    gpu: str, model: str = "DeepSeek-R1-Distill-Qwen-7B", precision: str = "fp16", tp: int = 1
) -> roofline.Machine:
    spec = gpus.find(gpu)
    return roofline.machine(
        models.find(model), precision, spec, engines.default(spec), tp, estimate.calibration().parameters
    )


def test_load_raises_the_rate_and_the_latency() -> None:
    m = made("A100-40")
    found = [roofline.steady(m, b, 512, 256) for b in (1.0, 4.0, 16.0, 64.0)]
    rates, tpots = [f[0] for f in found], [f[2] for f in found]
    assert rates == sorted(rates)
    assert tpots == sorted(tpots)


def test_one_request_is_bound_by_the_bandwidth() -> None:
    """No step is faster than reading the weights once at the printed bandwidth."""
    for gpu in ("A10", "A100-40", "H100", "L4", "V100-32", "H20"):
        m, spec = made(gpu), gpus.find(gpu)
        floor = (7.615e9 - 0.545e9) * 2 / (spec.bandwidth_gb_s * 1e9)
        assert roofline.step(m, 1, 512) > floor


def test_no_prompt_beats_the_peak() -> None:
    for gpu in ("A10", "A100-40", "H100", "L4", "V100-32", "H20"):
        assert roofline.prefill(made(gpu), 2000) > 2 * 6.5e9 * 2000 / (gpus.find(gpu).fp16_tflops * 1e12)


def test_a_burst_ends_with_every_token_and_is_no_faster_than_steady_without_prompts() -> None:
    m = made("A10")
    rate, first, later = roofline.burst(m, 64, 64, 256, 256)
    assert rate < 64 / roofline.step(m, 64, 384)
    assert first > roofline.prefill(m, 256)
    assert later > 0
    slower, waits, _ = roofline.burst(m, 640, 64, 256, 256)
    assert slower > rate * 0.9
    assert waits > first


def test_a_mixture_reads_more_experts_with_more_requests() -> None:
    m = made("H200", "DeepSeek-R1", "fp8", 8)
    one, many = roofline.step(m, 1, 512), roofline.step(m, 64, 512)
    assert many > 2 * one
    assert m.miss == pytest.approx(1 - 8 / 256)


def test_queue_is_counted_in_ttft() -> None:
    m = made("A10")
    held = estimate.at(m, 1, 1, 32, 32, 512, 256)
    more = estimate.at(m, 1, 1, 32, 64, 512, 256)
    assert more.batch == 32
    assert more.tokens_per_second == pytest.approx(held.tokens_per_second)
    assert more.ttft - held.ttft == pytest.approx(32 * 256 / held.tokens_per_second)


def test_copies_share_a_load() -> None:
    m = made("A10")
    four = estimate.at(m, 1, 4, 32, 32, 512, 256)
    one = estimate.at(m, 1, 1, 32, 8, 512, 256)
    assert four.tokens_per_second == pytest.approx(4 * one.tokens_per_second)
    assert estimate.at(m, 1, 4, 32, 2, 512, 256).tokens_per_second == pytest.approx(
        2 * estimate.at(m, 1, 1, 32, 1, 512, 256).tokens_per_second
    )


@pytest.mark.parametrize(
    ("engine", "era"),
    [
        ("vllm@0.7.3", "old"),
        ("vllm@0.8.0", "new"),
        ("vllm", "new"),
        ("vllm@2024", "old"),
        ("vllm@2026", "new"),
        ("tensorrt-llm@0.6.1", "old"),
        ("tensorrt-llm@0.17", "new"),
        ("tgi@0.9.3(2023)", "tgi"),
        ("lmdeploy@0.2.0", "old"),
        ("lmdeploy", "new"),
    ],
)
def test_eras(engine: str, era: str) -> None:
    assert roofline.era(engines.parse(engine)) == era


def test_fp8_cache_only_where_the_engine_keeps_one() -> None:
    h100, a100 = gpus.find("H100"), gpus.find("A100-80")
    assert memory.kv_width("fp8", h100, engines.parse("tensorrt-llm@1.0")) == 0.5
    assert memory.kv_width("fp8", h100, engines.parse("vllm")) == 1.0
    assert memory.kv_width("fp8", a100, engines.parse("tensorrt-llm@1.0")) == 1.0
