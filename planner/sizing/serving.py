"""How an engine serves exactly the width that was sized: dtype, flags, and what the checkpoint must be.

A checkpoint is in one width. The engine reads that from its config.json, so a quantised checkpoint needs no flag; a
16-bit one can be made fp8 while it loads (vLLM, SGLang), and nothing else: what would be served in another width is refused.
A checkpoint that is named with --checkpoint is known by its name only ("-AWQ", "-FP8", "w8a8", ...); a name that says
nothing is believed to be what the precision asks for.
"""

from __future__ import annotations

from planner.errors import MisuseError
from planner.records import NamedTuple
from planner.sizing.engines import Engine
from planner.sizing.gpus import GpuSpec
from planner.sizing.memory import expert_parallel
from planner.sizing.models import Model
from planner.sizing.naming import width_of_name
from planner.workload import PRECISIONS

__all__ = ["Serving", "layout_flags", "serving", "width_of_name"]

_WIDTHS = {"fp16": "16", "bf16": "16"}
_PUBLISHED = {"fp8-block": "fp8", "awq": "int4-awq", "gptq": "int4-gptq"}
_FORMATS = {"int4-awq": "awq", "int4-gptq": "gptq"}
_ONLINE_FP8 = (0, 26)  # from here on `--quantization fp8` is a deprecated word for fp8_per_tensor (flags.csv)


class Serving(NamedTuple):
    """What the module passes to the engine for one width.

    dtype: of the activations, "bfloat16" or "float16". quantization: "" or the engine's word for the weights.
    flags: what is said on the command line beside --dtype. made: the checkpoint comes in this width already, so what
    is downloaded weighs what is served.
    """

    dtype: str
    quantization: str
    flags: tuple[str, ...]
    made: bool


def _have(model: Model, checkpoint: str) -> str:
    """Return the width that the checkpoint is in, "" when nothing says so."""
    published = _PUBLISHED.get(model.published, model.published)
    known = {n.lower() for n in (model.hf_id, model.modelscope_id, *model.aliases) if n}
    if not checkpoint:
        return published
    said = width_of_name(checkpoint)
    # A config.json that the user gave describes the checkpoint that the user names.
    return said or (published if checkpoint.lower() in known or not model.hf_id else "")


def _same(have: str, want: str) -> bool:
    return have == want or (have == "int4" and want.startswith("int4")) or (have == "fp4" and want.endswith("fp4"))


def serving(model: Model, precision: str, gpu: GpuSpec, engine: Engine, checkpoint: str = "") -> Serving:
    """Return how `engine` serves `model` at `precision` on `gpu` from `checkpoint` ("": the published one).

    Raises MisuseError where that checkpoint would be served in another width. Whether the engine has kernels for the
    width is support.py's question.
    """
    want, have = _WIDTHS.get(precision, precision), _have(model, checkpoint)
    half = "float16" if gpu.compute_capability < 8.0 or precision == "fp16" else "bfloat16"
    named = checkpoint or model.hf_id or model.name
    # What a named checkpoint is in, the engine reads from its config.json: by a word of ours it would take another loader.
    if want == "fp8" and (have == "16" or not (have or checkpoint)) and engine.key in ("vllm", "sglang"):
        old = engine.key == "sglang" or (engine.number and engine.number < _ONLINE_FP8)
        word = "fp8" if old else "fp8_per_tensor"
        return Serving(half, "fp8", ("--quantization", word), made=False)
    if not have or _same(have, want):
        made = want != "16"
        if want in _FORMATS:
            # LMDeploy stops when the checkpoint is in another format; vLLM would take its slower kernel by the word.
            format_ = "compressed-tensors" if have == "int4" else _FORMATS[want]
            flags = ("--model-format", format_) if engine.key == "lmdeploy" else ()
            return Serving("float16", _FORMATS[want], flags, made)
        return Serving(half, want if want != "16" else "", (), made)
    if not checkpoint and have == "16":
        raise MisuseError(f"precision {precision} needs a checkpoint made in it: name one with --checkpoint ORG/NAME")
    in_bits = "16 bits" if have == "16" else have
    way = f"--precision {have}, or " if have in PRECISIONS else ""
    raise MisuseError(
        f"{named} is in {in_bits} and would be served so, not in {precision}: use {way}"
        f"--checkpoint with one that is made in {'16 bits' if want == '16' else precision}"
    )


def layout_flags(model: Model, precision: str, tp: int, kv: str, engine: Engine) -> tuple[str, ...]:
    """Return the flags that the layout and the KV cache's width ask for, beside those of the weights."""
    flags: tuple[str, ...] = ()
    if expert_parallel(model, precision, tp) and engine.key == "vllm":
        flags += ("--enable-expert-parallel",)
    elif expert_parallel(model, precision, tp) and engine.key == "sglang":
        flags += ("--ep-size", str(tp))
    if model.kind == "v4" and engine.key == "sglang":
        raise MisuseError(
            f"{engine.label}: no recipe for {model.name} was read, whose cache needs flags of its own: choose --engine vllm"
        )
    if model.kind == "v4" and engine.key == "vllm":
        # The recipe's words (vllm-project/recipes, DeepSeek-V4-Flash.yaml); the layout of its cache needs them.
        return (*flags, "--tokenizer-mode", "deepseek_v4", "--kv-cache-dtype", "fp8", "--block-size", "256")
    if kv and engine.key == "vllm":
        flags += ("--kv-cache-dtype", kv)
    return flags
