"""The module serves exactly the width that was sized, or says why not: every precision, GPU, build and several models."""

from __future__ import annotations

from functools import lru_cache

import pytest

from planner.cli import run
from planner.errors import MisuseError
from planner.prices.catalog import Catalog
from planner.sizing import engines, fit, gpus, models
from planner.sizing.memory import BYTES
from planner.sizing.serving import width_of_name
from planner.terraform import bootstrap, deploy, stack
from planner.workload import PRECISIONS, Workload
from tests.bootstrap.variants import deployment
from tests.conftest import make_quote
from tests.terraform.test_module import NOW

MODELS = ("DeepSeek-R1-Distill-Qwen-7B", "DeepSeek-R1", "DeepSeek-V3.2", "Mixtral-8x7B-v0.1", "Mistral-7B-v0.3")
#: A checkpoint made in each width, as they are named on the hubs.
MADE = {
    "fp16": "org/M",
    "bf16": "org/M-BF16",
    "fp8": "org/M-FP8",
    "int8": "org/M-quantized.w8a8",
    "int8-w8a16": "org/M-GPTQ-Int8",
    "int4-awq": "org/M-AWQ",
    "int4-gptq": "org/M-GPTQ-Int4",
    "int4-w4a16": "org/M-quantized.w4a16",
    "mxfp4": "org/M-MXFP4",
    "nvfp4": "org/M-NVFP4",
}
CLASS = {"fp16": "16", "bf16": "16", "fp8-block": "fp8", "awq": "int4-awq", "gptq": "int4-gptq"}


@lru_cache(maxsize=1)
def catalogue() -> list[tuple[str, str, float | None]]:
    """Every (provider, GPU, memory) of the three catalogues, once."""
    book = Catalog()
    found = {
        (p, s.gpu_model, float(s.gpu_memory_gib) if s.gpu_memory_gib else None): None
        for p in book.providers()
        for s in book.instances(p).values()
        if s.gpu_count >= 1 and not s.gpu_model.startswith("GPU ")
    }
    return list(found)


def served(command: list[str], published: str, checkpoint: str) -> str:
    """What the engine would serve: the checkpoint's own width, unless the command makes it fp8."""
    width = width_of_name(checkpoint) or ("16" if checkpoint else CLASS.get(published, published))
    if "--quantization" in command:
        assert command[command.index("--quantization") + 1] in ("fp8", "fp8_per_tensor")
        assert width == "16", "only a 16-bit checkpoint can be made fp8"
        return "fp8"
    if "--model-format" in command:
        assert command[command.index("--model-format") + 1] == {"int4-awq": "awq", "int4-gptq": "gptq"}[width]
    if width == "16":
        return {"float16": "fp16", "bfloat16": "bf16"}[command[command.index("--dtype") + 1]]
    return width


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_width_is_served_or_refused(precision: str, name: str) -> None:
    model = models.find(name)
    emitted, reasons = 0, set()
    builds = ["", *(f"{b.engine.key}@{b.engine.version}" for b in engines.builds())]
    for provider, gpu, memory in catalogue():
        for asked in builds:
            for checkpoint in ("", MADE[precision]):
                try:
                    made = stack.stack(
                        stack.host(provider, False), gpus.find(gpu, memory), model, precision, asked, checkpoint
                    )
                except MisuseError as why:
                    reasons.add(str(why))
                    continue
                emitted += 1
                d = STILL._replace(stack=made)
                command = bootstrap.engine_command(d)
                got = served(command, model.published, checkpoint)
                got = "int4-w4a16" if got == "int4" else got
                assert got == precision, (provider, gpu, asked, checkpoint, command)
                assert BYTES[got] == BYTES[precision]
                known = engines.flags(made.engine, made.engine_version)
                for flag in (word for word in command if word.startswith("--")):
                    assert flag in known or f"{flag} {command[command.index(flag) + 1]}" in known, (made, flag)
    assert all(len(why) > 20 and "\n" not in why for why in reasons) and reasons
    assert emitted > 0 or precision not in ("fp16", "bf16", "fp8")


STILL = deployment()


@pytest.mark.parametrize(
    ("model", "precision", "checkpoint", "words"),
    [
        ("DeepSeek-R1-Distill-Qwen-32B", "int8-w8a16", "", "needs a checkpoint made in it"),
        ("DeepSeek-R1-Distill-Qwen-32B", "int8", "", "needs a checkpoint made in it"),
        ("DeepSeek-R1-Distill-Qwen-32B", "int4-awq", "", "needs a checkpoint made in it"),
        ("DeepSeek-R1-Distill-Qwen-32B", "int8-w8a16", "Qwen/Q-AWQ", "is in int4-awq"),
        ("DeepSeek-R1-Distill-Qwen-32B", "fp16", "Qwen/Q-AWQ", "is in int4-awq"),
        ("DeepSeek-R1-Distill-Qwen-32B", "int8", "deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "is in 16 bits"),
        ("DeepSeek-R1", "bf16", "", "is in fp8 and would be served so, not in bf16: use --precision fp8"),
        ("DeepSeek-R1", "fp16", "deepseek-ai/DeepSeek-R1-0528", "is in fp8"),
        ("DeepSeek-R1", "int4-awq", "", "is in fp8"),
    ],
)
def test_another_width_is_refused_with_the_way_out(model: str, precision: str, checkpoint: str, words: str) -> None:
    with pytest.raises(MisuseError, match=words):
        stack.stack(stack.host("aws", False), gpus.find("H100"), models.find(model), precision, "", checkpoint)


@pytest.mark.parametrize(
    ("model", "precision", "checkpoint", "asked", "flags"),
    [
        ("DeepSeek-R1", "fp8", "", "", ()),
        ("DeepSeek-R1", "bf16", "org/DeepSeek-R1-bf16", "", ()),
        ("Qwen3-8B", "fp8", "", "", ("--quantization", "fp8_per_tensor")),
        ("Qwen3-8B", "fp8", "", "vllm@0.19.1", ("--quantization", "fp8")),
        ("Qwen3-8B", "fp8", "Qwen/Qwen3-8B-FP8", "", ()),
        ("Qwen3-8B", "int4-awq", "Qwen/Qwen3-8B-AWQ", "", ()),
        ("Qwen3-8B", "int4-awq", "Qwen/Qwen3-8B-AWQ", "lmdeploy", ("--model-format", "awq")),
        (
            "Qwen3-8B",
            "int4-gptq",
            "RedHatAI/Qwen3-8B-quantized.w4a16",
            "lmdeploy",
            ("--model-format", "compressed-tensors"),
        ),
    ],
)
def test_flags(model: str, precision: str, checkpoint: str, asked: str, flags: tuple[str, ...]) -> None:
    made = stack.stack(stack.host("aws", False), gpus.find("H100"), models.find(model), precision, asked, checkpoint)
    assert made.flags == flags


def test_the_case_of_issue_10(capsys: pytest.CaptureFixture[str], tmp_path: object) -> None:
    """Sized at 32 GiB on a 40 GiB L40S, it was served in 16 bits, which does not fit."""
    args = [
        "emit-tf",
        "aws",
        "--precision",
        "int8-w8a16",
        "--model",
        "DeepSeek-R1-Distill-Qwen-32B",
        "-o",
        f"{tmp_path}/m",
    ]
    assert run(args) == 2
    assert "needs a checkpoint made in it: name one with --checkpoint ORG/NAME" in capsys.readouterr().err
    assert run([*args, "--checkpoint", "org/DeepSeek-R1-Distill-Qwen-32B-quantized.w8a16"]) == 0


def test_quote_size_module_and_readme_name_one_version() -> None:
    from planner.terraform import module

    for provider, kind in (
        ("aws", "p4d.24xlarge"),
        ("alicloud", "ecs.gn7i-c16g1.4xlarge"),
        ("tencentcloud", "GN10Xp.20XLARGE320"),
    ):
        quote = make_quote(provider=(provider,), instance_type=(kind,))
        offer = deploy.pick(quote, provider)
        d = deploy.deploy(quote, offer, deploy.Settings(NOW))
        spec = Catalog().instances(provider)[kind]
        host = stack.host(provider, False)
        label = offer.sizing.engine
        assert label == fit.size(Workload(), spec, host).engine
        assert label == engines.parse(f"{d.stack.engine}@{d.stack.engine_version}").label
        files = module.files(d, quote, offer, {})
        assert f"{d.stack.engine} {d.stack.engine_version}" in files["README.md"]
        assert not any("sized for" in note for note in d.stack.notes)


def test_a_saved_quote_of_another_version_says_so() -> None:
    quote = make_quote(provider=("aws",), instance_type=("p4d.24xlarge",))
    offer = deploy.pick(quote, "aws")
    old = offer._replace(sizing=offer.sizing._replace(engine="vLLM@0.33.0"))
    notes = deploy.deploy(quote, old, deploy.Settings(NOW)).stack.notes
    assert any("was sized for vLLM@0.33.0; the engine table deploys vLLM@0.31.0 today" in n for n in notes)


def test_an_fp8_model_needs_its_own_bytes_of_disk_not_twice_as_many() -> None:
    quote = make_quote(provider=("aws",), instance_type=("p5en.48xlarge",), model="DeepSeek-R1", precision="fp8")
    options = tuple({o.purchase_option for o in quote.offers})
    d = deploy.deploy(quote, deploy.pick(quote, "aws", option=options), deploy.Settings(NOW))
    assert d.weights_gib == pytest.approx(627, rel=0.02)


def test_a_version_of_one_market_is_quoted_and_emitted_there_alone() -> None:
    for region, runs in (("cn-hangzhou", True), ("ap-southeast-1", False)):
        quote = make_quote(
            provider=("alicloud",), region=(region,), instance_type=("ecs.gn7i-c16g1.4xlarge",), engine="vllm@0.11.0"
        )
        assert bool(quote.offers) == runs
        if not runs:
            assert any("no build of vLLM@0.11.0 is for abroad" in str(r.reason) for r in quote.rejected)
