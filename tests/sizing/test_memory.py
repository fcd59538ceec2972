"""Memory: checked against what engines and model cards measured, and against the rules of splitting."""

import pytest

from planner.sizing import engines, gpus, layout, memory, models, support


@pytest.mark.parametrize(
    ("model", "precision", "tokens"),
    [
        # The engine's own KV cache size: vLLM 0.26.0, one H100 SXM, utilisation 0.90, measured on 2026-11-23.
        ("DeepSeek-R1-Distill-Qwen-7B", "bf16", 1_040_928),
        ("DeepSeek-R1-Distill-Qwen-7B", "fp8", 1_154_496),
        ("DeepSeek-R1-Distill-Llama-8B", "fp8", 502_640),
        ("DeepSeek-R1-Distill-Qwen-32B", "bf16", 34_208),
        ("DeepSeek-R1-Distill-Qwen-32B", "fp8", 152_208),
    ],
)
def test_kv_cache_as_the_engine_reports_it(model: str, precision: str, tokens: int) -> None:
    gpu = gpus.find("H100")
    plan = memory.plan(models.find(model), precision, gpu, engines.default(gpu), 1)
    assert plan.tokens == pytest.approx(tokens, rel=0.015)


@pytest.mark.parametrize(
    ("model", "precision", "gpu", "tp", "kv", "tokens"),
    [
        # The engine's own KV cache size: vLLM 0.26.0 started with the flags that `emit-tf` writes, 2026-11-26.
        ("DeepSeek-V2-Lite", "bf16", "H100", 1, "", 1_402_256),
        ("Qwen3-30B-A3B", "bf16", "H100", 1, "", 118_192),
        ("Qwen3-30B-A3B", "bf16", "H100", 2, "", 858_271),
        ("Qwen3-30B-A3B", "bf16", "H200", 1, "", 711_937),
        ("Qwen3-30B-A3B-FP8", "fp8", "H100", 1, "", 420_192),
        ("Qwen3-30B-A3B-FP8", "fp8", "H100", 4, "", 2_649_696),
        ("Qwen3-30B-A3B-GPTQ-Int4", "int4-gptq", "H100", 1, "", 555_360),
        ("Qwen2.5-32B", "int4-awq", "H100", 1, "", 208_656),
        ("DeepSeek-R1-Distill-Qwen-7B", "fp8", "H100", 1, "fp8", 2_310_176),
    ],
)
def test_kv_cache_of_mixtures_as_the_engine_reports_it(
    model: str, precision: str, gpu: str, tp: int, kv: str, tokens: int
) -> None:
    engine = engines.parse("vllm@0.26.0")
    plan = memory.plan(models.find(model), precision, gpus.find(gpu), engine, tp, kv=kv)
    assert plan.tokens == pytest.approx(tokens, rel=0.02)


def test_the_older_runner_keeps_the_logits_of_all_sequences() -> None:
    """3.3 to 3.8 GiB beside weights and cache on a card of 80 GB, a quarter of the logits on one of 48."""
    mixture, engine = models.find("Qwen3-30B-A3B"), engines.parse("vllm@0.26.0")
    logits = [memory.overhead_parts(mixture, gpus.find(gpu), 1, engine)[0] for gpu in ("H100", "L40S")]
    spare = [2.0 * b * 8 * (3 * 768 + 2048) + 2.0 * b * 4 * 2048 for b in (8192, 2048)]
    assert (logits[0] - spare[0]) / (logits[1] - spare[1]) == pytest.approx(4)
    plans = [memory.plan(mixture, "bf16", gpus.find("H100"), engines.parse(e), 1) for e in ("vllm@0.26.0", "sglang")]
    assert plans[0].overhead > plans[1].overhead + 2 * 2**30


@pytest.mark.parametrize(
    ("model", "precision", "gib"),
    [
        # Memory after loading and one prompt token, Transformers (QwenLM/Qwen2.5 speed_benchmark.rst; its GB are GiB).
        ("Qwen2.5-7B", "bf16", 14.38),
        ("Qwen2.5-7B", "int8-w8a16", 8.42),
        ("Qwen2.5-7B", "int4-gptq", 5.52),
        ("Qwen2.5-7B", "int4-awq", 5.39),
        ("Qwen2.5-14B", "bf16", 28.08),
        ("Qwen2.5-14B", "int8-w8a16", 16.11),
        ("Qwen2.5-14B", "int4-gptq", 9.94),
        ("Qwen2.5-32B", "bf16", 61.58),
        ("Qwen2.5-32B", "int8-w8a16", 33.56),
        ("Qwen2.5-32B", "int4-awq", 18.94),
        ("Qwen2.5-72B", "bf16", 136.2),
        ("Qwen2.5-72B", "int8-w8a16", 72.6),
        ("Qwen2.5-72B", "int4-gptq", 39.9),
        ("Qwen2.5-72B", "int4-awq", 39.4),
    ],
)
def test_weights_against_measured_sizes(model: str, precision: str, gib: float) -> None:
    # The measurement holds activations and allocator slack as well: 6 % covers both signs.
    assert memory.weight_bytes(models.find(model), precision) / 2**30 == pytest.approx(gib, rel=0.06)


def test_r1_in_fp8_holds_on_h200_and_h20_but_not_on_eight_80_gb_cards() -> None:
    model = models.find("DeepSeek-R1")
    assert 620 < memory.weight_bytes(model, "fp8") / 2**30 < 640

    def held(gpu: str) -> bool:
        spec = gpus.find(gpu)
        return bool(layout.options(model, "fp8", spec, engines.default(spec), 8, 8192)[0])

    assert held("H200") and held("H20")
    assert not held("H100") and not held("A100-80")


def test_kv_heads_split_then_replicate() -> None:
    gpu = gpus.find("A100-80")
    seventy = models.find("DeepSeek-R1-Distill-Llama-70B")
    r1 = models.find("DeepSeek-R1")
    engine = engines.default(gpu)
    assert memory.plan(seventy, "bf16", gpu, engine, 8).kv_per_token == seventy.kv_bytes_per_token / 8
    assert memory.plan(seventy, "bf16", gpu, engine, 16).kv_per_token == seventy.kv_bytes_per_token / 8
    assert memory.plan(r1, "fp8", gpu, engine, 8).kv_per_token == r1.kv_bytes_per_token


@pytest.mark.parametrize(
    ("model", "precision", "tp", "refused"),
    [
        ("DeepSeek-R1-Distill-Qwen-7B", "bf16", 4, ""),
        ("DeepSeek-R1-Distill-Qwen-7B", "bf16", 8, "28 attention heads"),
        ("DeepSeek-R1-Distill-Qwen-14B", "int4-awq", 4, ""),
        ("DeepSeek-R1-Distill-Qwen-14B", "int4-awq", 8, "groups of 128"),
        ("DeepSeek-R1-Distill-Qwen-14B", "bf16", 8, ""),
        ("DeepSeek-R1-Distill-Qwen-32B", "int4-awq", 8, ""),
        ("DeepSeek-R1-Distill-Llama-70B", "bf16", 16, ""),
        ("DeepSeek-R1", "fp8", 16, ""),
        ("Qwen2.5-0.5B", "bf16", 4, "14 attention heads"),
    ],
)
def test_divisibility(model: str, precision: str, tp: int, refused: str) -> None:
    reason = memory.tp_refusal(models.find(model), precision, tp)
    assert (refused in str(reason)) if refused else not reason


ALL = ("fp16", "bf16", "fp8", "int8", "int8-w8a16", "int4-awq", "int4-gptq")


@pytest.mark.parametrize(
    ("gpu", "engine", "runs"),
    [
        ("V100-32", "", {"fp16", "int4-awq", "int4-gptq"}),
        ("V100-32", "vllm@0.7.3", {"fp16", "int4-gptq"}),
        ("V100-32", "vllm@0.33.0", set()),
        ("T4", "", set(ALL) - {"bf16"}),
        ("T4", "vllm@0.13.0", set(ALL) - {"bf16", "fp8"}),
        ("A10", "", set(ALL)),
        ("A100-40", "", set(ALL)),
        ("L4", "", set(ALL)),
        ("L40S", "", set(ALL)),
        ("H100", "", set(ALL)),
        ("H20", "", set(ALL)),
        ("RTX PRO 6000", "", set(ALL) - {"int8"}),
        ("P40", "", set()),
        ("RX 7900 XTX", "", set()),
    ],
)
def test_precision_against_gpu_and_engine(gpu: str, engine: str, runs: set[str]) -> None:
    spec, model = gpus.find(gpu), models.find("DeepSeek-R1-Distill-Qwen-7B")
    chosen = engines.parse(engine) if engine else engines.default(spec)
    assert {p for p in ALL if not support.refusal(chosen, spec, p, model)} == runs


def test_fp8_on_ampere_is_said_to_be_weights_only() -> None:
    spec = gpus.find("A100-40")
    notes = support.note(engines.default(spec), spec, "fp8", models.find("DeepSeek-R1"))
    assert any("W8A16" in str(n) for n in notes)


def test_pipeline_needs_the_network() -> None:
    model, gpu = models.find("DeepSeek-R1"), gpus.find("A100-40")
    engine = engines.default(gpu)
    plans = layout.options(model, "fp8", gpu, engine, 8, 2048, 400).fits
    assert [(p.tp, p.pp) for p in plans] == [(8, 3)]
    plans, reasons, networked = layout.options(model, "fp8", gpu, engine, 8, 2048, 24)
    assert not networked
    assert not plans
    assert any("100 Gbps" in r and "24 Gbps" in r for r in map(str, reasons))
    slow = layout.options(model, "fp8", gpu, engine, 8, 2048, 24, least_gbps=24).fits
    assert [(p.tp, p.pp, p.gbps) for p in slow] == [(8, 3, 24)] and slow[0].tokens > 0
    assert any(str(r).endswith("the network is 24 Gbps: --pipeline-gbps 24 takes it, in 3 stages") for r in reasons)
    (tiny,) = layout.options(model, "fp8", gpus.find("T4"), engines.default(gpus.find("T4")), 2, 2048, 24).reasons[1:]
    assert "takes it" not in str(tiny)  # no number of stages would hold it
    plans, reasons, networked = layout.options(model, "fp8", gpu, engine, 8, 2048, None)
    assert networked
    assert not plans
    assert any("unknown" in str(r) for r in reasons)


@pytest.mark.parametrize(
    ("text", "label", "number"),
    [
        ("vllm@0.7.3", "vLLM@0.7.3", (0, 7)),
        ("vLLM", "vLLM@0.31.0", (0, 31)),
        ("lmdeploy", "LMDeploy@0.17.0", (0, 17)),
        ("LMDeploy-TurboMind@0.2.0", "LMDeploy@0.2.0", (0, 2)),
        ("NIM(TensorRT-LLM)@1.8.0", "TensorRT-LLM@1.8.0", (1, 8)),
        ("TGI@0.9.3(2023)", "TGI@0.9.3(2023)", (0, 9)),
        ("vLLM@2024", "vLLM@2024", (2024,)),
        ("vLLM@0.7.x/0.8 (fork wheel)", "vLLM@0.7.x/0.8 (fork wheel)", (0, 7)),
        ("vLLM@0.20.1+transformers-5.8.1", "vLLM@0.20.1+transformers-5.8.1", (0, 20)),
    ],
)
def test_engine_names(text: str, label: str, number: tuple[int, ...]) -> None:
    engine = engines.parse(text)
    assert (engine.label, engine.number) == (label, number)


@pytest.mark.parametrize(
    ("text", "message"), [("vlm", "did you mean vllm"), ("vllm@new", "not a version"), ("@1", "unknown engine")]
)
def test_engines_refused(text: str, message: str) -> None:
    from planner.errors import MisuseError

    with pytest.raises(MisuseError, match=message):
        engines.parse(text)
