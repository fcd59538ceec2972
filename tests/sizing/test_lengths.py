"""The longest request that an emitted engine takes: the rule, and that module, README, quote and `size` say the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.cli import cli
from planner.sizing import Layout, Memory, models, parsers
from planner.sizing.engines import parse
from planner.sizing.lengths import LEAST, longest
from planner.terraform import deploy, module
from tests.conftest import make_quote

MODEL = models.find("Qwen2.5-7B")


def sizing(tokens: int, concurrency: int = 1, replicas: int = 1, pp: int = 1) -> Any:
    fitted = make_quote(provider=("aws",), instance_type=("p4d.24xlarge",)).offers[0].sizing
    return fitted._replace(memory=Memory(1, 1, 1, 1, tokens), concurrency=concurrency, layout=Layout(1, pp, replicas))


@pytest.mark.parametrize(
    ("found", "length"),
    [
        (sizing(10_000_000), MODEL.max_context),  # room for everything: the model's own context
        (sizing(64_000, 4), 14_336),  # 57,600 tokens over 4 requests, in steps of 256
        (sizing(64_000, 40), LEAST),  # 1,440 each would cut a reasoning model: 8,192, since one such request fits
        (sizing(8_000, 40), 1536),  # not even one fits: what was sized
        (sizing(128_000, 8, replicas=2), 14_336),  # the same a replica
        (sizing(64_000, 2, pp=2), 14_336),
        (sizing(0, 0), 1536),
    ],
)
def test_the_rule(found: Any, length: int) -> None:
    assert longest(found, MODEL, 1536) == length


def test_what_the_user_gave_is_taken() -> None:
    assert longest(sizing(10_000_000), MODEL, 1536, 4096) == 4096


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**7), st.integers(0, 500), st.integers(1, 8), st.integers(1, 30_000))
def test_the_engine_always_starts_and_always_serves_the_load(tokens: int, many: int, replicas: int, sized: int) -> None:
    found = longest(
        BASE._replace(memory=Memory(1, 1, 1, 1, tokens), concurrency=many, layout=Layout(1, 1, replicas)), MODEL, sized
    )
    assert sized <= found <= max(sized, MODEL.max_context)
    assert found == sized or found <= tokens / replicas


BASE = sizing(1)


def test_module_readme_explanation_and_size_agree() -> None:
    from planner.rendering import explain

    fields = {"model": "DeepSeek-R1", "instance_type": ("p5en.48xlarge",), "concurrency": 32}
    quote = make_quote(provider=("aws",), **fields)
    offer = deploy.pick(quote, "aws")
    files = module.files(
        deploy.deploy(quote, offer, deploy.Settings(datetime(2026, 11, 24, tzinfo=UTC))), quote, offer, {}
    )
    tokens = longest(offer.sizing, models.find("DeepSeek-R1"), 1536)
    assert tokens > LEAST
    assert f'"--max-model-len"\n      - "{tokens}"' in files["files/compose.yaml"]
    assert f"requests of up to {tokens} tokens (sized for 1024 in and 512 out)" in files["README.md"]
    assert f"requests of up to {tokens:,} tokens; sized for 1,024 in and 512 out" in explain.dump(quote, offer)
    words = "size --model DeepSeek-R1 --instance-type p5en.48xlarge --concurrency 32 --format json"
    assert json.loads(CliRunner().invoke(cli, words.split()).stdout)["max_model_len"] == tokens


# -- parsers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("checkpoint", "engine", "reasoning", "tool"),
    [
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "vllm@0.31.0", "deepseek_r1", ""),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "lmdeploy@0.17.0", "deepseek-r1", ""),
        ("deepseek-ai/DeepSeek-R1-0528", "vllm@0.31.0", "deepseek_r1", "deepseek_v3"),
        ("deepseek-ai/DeepSeek-V3-0324", "vllm@0.31.0", "", "deepseek_v3"),
        ("deepseek-ai/DeepSeek-V3.1-Terminus", "vllm@0.31.0", "deepseek_v3", "deepseek_v31"),
        ("deepseek-ai/DeepSeek-V3.1", "vllm@0.11.0", "", "deepseek_v31"),
        ("Qwen/Qwen3-32B-FP8", "vllm@0.31.0", "qwen3", "hermes"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "vllm@0.31.0", "", "hermes"),
        ("Qwen/Qwen3-30B-A3B-Thinking-2507", "vllm@0.31.0", "qwen3", "hermes"),
        ("Qwen/Qwen3-Coder-480B-A35B-Instruct", "vllm@0.31.0", "", "qwen3_coder"),
        ("Qwen/Qwen3.5-27B", "vllm@0.31.0", "qwen3", "qwen3_coder"),
        ("Qwen/Qwen2.5-7B-Instruct", "vllm@0.31.0", "", "hermes"),
        ("Qwen/QwQ-32B", "vllm@0.31.0", "deepseek_r1", "hermes"),
        ("openai/gpt-oss-120b", "vllm@0.31.0", "openai_gptoss", "openai"),
        ("zai-org/GLM-4.5-Air", "vllm@0.31.0", "glm45", "glm45"),
        ("zai-org/GLM-4.7", "vllm@0.31.0", "glm47", "glm47"),
        ("moonshotai/Kimi-K2-Instruct", "vllm@0.31.0", "", "kimi_k2"),
        ("moonshotai/Kimi-K2-Thinking", "vllm@0.31.0", "kimi_k2", "kimi_k2"),
        ("moonshotai/Kimi-K2-Base", "vllm@0.31.0", "", ""),
        ("MiniMaxAI/MiniMax-M2.5", "vllm@0.31.0", "minimax_m2", "minimax_m2"),
        ("MiniMaxAI/MiniMax-M3", "vllm@0.31.0", "", ""),
        ("meta-llama/Llama-3.1-8B-Instruct", "vllm@0.31.0", "", "llama3_json"),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", "vllm@0.31.0", "", "llama4_pythonic"),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", "vllm@0.31.0", "", "mistral"),
        ("microsoft/phi-4", "vllm@0.31.0", "", ""),
    ],
)
def test_parsers_go_by_family_and_version(checkpoint: str, engine: str, reasoning: str, tool: str) -> None:
    found = parsers.find(checkpoint, parse(engine))
    assert (found.get("reasoning", ""), found.get("tool", "")) == (reasoning, tool)


def test_an_engine_is_told_in_its_own_words() -> None:
    vllm = "--reasoning-parser openai_gptoss --enable-auto-tool-choice --tool-call-parser openai"
    assert " ".join(parsers.flags("openai/gpt-oss-20b", parse("vllm@0.31.0"))) == vllm
    lmdeploy = "--reasoning-parser qwen-qwq --tool-call-parser qwen3"
    assert " ".join(parsers.flags("Qwen/Qwen3-8B", parse("lmdeploy@0.17.0"))) == lmdeploy
    assert parsers.flags("microsoft/phi-4", parse("vllm@0.31.0")) == ()
