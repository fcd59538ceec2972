"""The roofline behaves as machines do: more load, more tokens and slower ones; more bandwidth, faster steps."""

import math

import pytest

from planner.sizing import engines, estimate, gpus, memory, models, parts, roofline

P = estimate.calibration().parameters


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


def test_a_step_of_weights_is_what_it_reads_and_computes() -> None:
    """Nothing but the datasheet, the parts and the parameters: the sum by hand."""
    spec, engine = gpus.find("H100"), engines.parse("vllm@0.26.0")
    model, p = models.find("gpt-oss-120b"), estimate.calibration().parameters
    made = parts.parts(model, "mxfp4", spec, engine, 2)
    v = dict(zip(parts.SLOTS, roofline.values(made, p), strict=True))
    m = roofline.Machine(made, roofline.values(made, p))
    read = made.read / (v["mbu"] * 3350e9)
    work = 32 * made.flops / (v["mfu"] * spec.fp16_tflops * 1e12)
    touched = 1 - (1 - 4 / 128) ** (32 ** v["spread"])
    experts = touched * made.experts / (v["mbu_moe"] * 3350e9)
    share = 32 * made.expert_flops / (v["mfu_moe"] * spec.fp16_tflops * 1e12)
    assert roofline.core(m, 32) == pytest.approx(math.hypot(read, work) + math.hypot(experts, share))
    assert made.experts == pytest.approx(model.expert_params * 0.53125 / 2)
    assert made.flops == pytest.approx(2 * model.dense_body_params / 2)


def test_latents_are_read_whole_by_every_gpu_and_heads_in_part() -> None:
    spec, engine = gpus.find("H200"), engines.parse("vllm@0.26.0")
    latent, heads = models.find("DeepSeek-V3"), models.find("Qwen3-235B-A22B")
    assert parts.parts(latent, "fp8", spec, engine, 8).kv == parts.parts(latent, "fp8", spec, engine, 1).kv == 70272
    assert parts.parts(heads, "fp8", spec, engine, 2).kv == parts.parts(heads, "fp8", spec, engine, 1).kv / 2
    assert parts.parts(heads, "fp8", spec, engine, 8).kv == parts.parts(heads, "fp8", spec, engine, 4).kv


def test_sparse_attention_reads_its_index_and_two_thousand_tokens() -> None:
    made = parts.parts(models.find("DeepSeek-V3.2"), "fp8", gpus.find("H200"), engines.parse("vllm@0.26.0"), 8)
    assert made.kv == 61 * 132
    assert (made.kv_window, made.window) == (61 * 1152, 2048)


def test_windows_bound_what_a_step_reads() -> None:
    m = made("H100", "gpt-oss-20b", "mxfp4")
    growing, whole = models.find("gpt-oss-20b").kv_growing, made("H100", "Qwen2.5-7B")
    assert growing == 12 * 2 * 8 * 64 * 2
    near, far, farther = (roofline.step(m, 8, c) for c in (64, 4096, 8192))
    assert near < far < farther
    assert roofline.step(whole, 8, 8192) > roofline.step(whole, 8, 4096)
    assert farther - far == pytest.approx(m.factor * 8 * 4096 * m.kv)


def test_prompts_slow_the_steps_that_they_meet_in() -> None:
    m = made("H100")
    come, meet, beside = roofline.meeting(m, 64, 1000, 500)
    assert come == pytest.approx(63 / 500, rel=1e-6)
    assert 0 < meet < come
    assert beside > roofline.step(m, 64, 1250)
    _, often, _ = roofline.meeting(m, 64, 32000, 500)
    assert often > meet, "a prompt of four chunks is in four steps"


def test_a_long_step_takes_at_least_its_launch() -> None:
    """Beyond 512 tokens nothing is replayed: a mixture of today's vLLM stalls, whatever it computes."""
    new, old = (
        roofline.machine(models.find("DeepSeek-V2-Lite"), "bf16", gpus.find("H100"), engines.parse(e), 1, P)
        for e in ("vllm@0.26.0", "vllm@0.18.0")
    )
    assert roofline.mixed(new, 8, 500, 300, 1) > P["stall_ms"] * 1e-3
    assert roofline.mixed(old, 8, 500, 300, 1) < roofline.mixed(new, 8, 500, 300, 1)
    assert roofline.mixed(new, 8, 500, 100, 1, 0.0) == pytest.approx(roofline.mixed(old, 8, 500, 100, 1, 0.0), rel=1e-9)


def test_what_fits_a_captured_graph_is_not_launched() -> None:
    """One prompt of 225 tokens beside 64 is replayed (measured: 9,400 tokens/s, no stall); two of them are not."""
    assert roofline.launched(64, 600, 0.2) == 1
    once = 0.2 * math.exp(-0.2) / (1 - math.exp(-0.2))
    assert roofline.launched(64, 225, 0.2) == pytest.approx(1 - once)
    assert roofline.launched(64, 100, 0.2) == pytest.approx(1 - once * 1.1)
    assert roofline.launched(600, 10, 0.2) == 1
    assert roofline.launched(1, 100, 1e-9) == pytest.approx(0, abs=1e-6)
    assert roofline.launched(1024, 1, 1e5) == 1, "a load without end is no overflow"
    m = made("H100")
    assert roofline.prefill(m, 513) - roofline.prefill(m, 511) > roofline.prefill(m, 511) - roofline.prefill(m, 509)


def test_the_longest_answer_ends_a_burst() -> None:
    m = made("A100-80")
    alike, _, _ = roofline.burst(m, 64, 64, 225, 345)
    ragged, _, _ = roofline.burst(m, 64, 64, 225, 345, 512)
    assert 0.6 * alike < ragged < alike


@pytest.mark.parametrize(
    ("model", "precision", "gpu", "kind"),
    [
        ("Qwen2.5-7B", "bf16", "H100", "dense:16"),
        ("Qwen2.5-7B", "int4-awq", "A10", "dense:w4"),
        ("Qwen2.5-7B", "fp8", "A100-80", "dense:w8"),
        ("Kimi-K2.5", "int4-w4a16", "H200", "mixture:i4"),
        ("gpt-oss-120b", "mxfp4", "H100", "mixture:w4"),
        ("gpt-oss-120b", "mxfp4", "B200", "mixture:fp4"),
    ],
)
def test_kinds_of_speed(model: str, precision: str, gpu: str, kind: str) -> None:
    assert parts.speed_kind(models.find(model), precision, gpus.find(gpu)) == kind


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
    assert parts.era(engines.parse(engine)) == era


def test_fp8_cache_only_where_the_engine_keeps_one() -> None:
    h100, a100 = gpus.find("H100"), gpus.find("A100-80")
    assert memory.kv_width("fp8", h100, engines.parse("tensorrt-llm@1.0")) == 0.5
    assert memory.kv_width("fp8", h100, engines.parse("vllm")) == 1.0
    assert memory.kv_width("fp8", a100, engines.parse("tensorrt-llm@1.0")) == 1.0
