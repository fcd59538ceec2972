"""What a checkpoint's name says: the format it is in, and the model that it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import MisuseError

if TYPE_CHECKING:
    from planner.sizing.models import Model

__all__ = ["base_of", "variant", "width_of_name"]

#: What a checkpoint's name says about its width, most telling first.
_HINTS = (
    ("gguf", "gguf"),
    ("awq", "int4-awq"),
    ("gptq-int8", "int8-w8a16"),
    ("gptq-8bit", "int8-w8a16"),
    ("gptq", "int4-gptq"),
    ("w8a8-fp8", "fp8"),
    ("w8a8", "int8"),
    ("w8a16", "int8-w8a16"),
    ("w4a16", "int4"),
    ("nvfp4", "nvfp4"),
    ("mxfp4", "mxfp4"),
    ("fp4", "fp4"),
    ("fp8", "fp8"),
    ("int8", "int8"),
    ("int4", "int4"),
    ("4bit", "int4"),
    ("8bit", "int8"),
    ("bf16", "16"),
    ("fp16", "16"),
)
_NATIVE = {"16": "bf16", "int4-awq": "awq", "int4-gptq": "gptq", "int4": "int4-w4a16", "fp4": "nvfp4"}
#: Makers whose checkpoints called -FP8 have a scale for each block of 128 x 128; others' have one per tensor or channel.
_BLOCKED = ("qwen", "deepseek-ai", "moonshotai", "minimaxai", "xiaomimimo")
_BLOCK = "fp8 (e4m3, 128x128 block)"
_MARKS = ("-quantized", "-dynamic", "-static", "-per", "-bnb", "-unsloth", "-g128", "-autoround", "-ptq")


def width_of_name(name: str) -> str:
    """Return the width that a checkpoint's name says: a precision, "16", "int4", another format's word, or ""."""
    word = name.rpartition("/")[2].lower().replace("_", "-")
    return next((width for hint, width in _HINTS if hint in word), "")


def base_of(name: str) -> str:
    """Return the last part of `name` in lower case without the format that it names; "" when it names none."""
    word = name.rpartition("/")[2].lower().replace("_", "-")
    if not width_of_name(name):
        return ""
    cut = len(word)
    for mark in (*(f"-{hint}" for hint, _ in _HINTS), *_MARKS):
        at = word.find(mark)
        cut = min(cut, at) if at > 0 else cut
    return word[:cut]


def variant(model: Model, name: str) -> Model:
    """Return `model` as the checkpoint called `name` has it: in the format that the name says, where it says one."""
    width = width_of_name(name)
    if not width or name.lower() in (model.name.lower(), model.hf_id.lower(), model.modelscope_id.lower()):
        return model
    if width == "gguf":
        raise MisuseError(f"{name}: GGUF is not served by the engines sized here: name an AWQ, GPTQ or FP8 checkpoint")
    native = _NATIVE.get(width, width)
    org = name.partition("/")[0].lower() if "/" in name else ""
    if width == "fp8" and (org in _BLOCKED or (not org and model.hf_id.partition("/")[0].lower() in _BLOCKED)):
        native = _BLOCK
    if native.partition(" ")[0] == model.native_precision.partition(" ")[0]:
        return model
    ids = {a.lower(): a for a in (*model.aliases, name) if "/" in a}
    tails = {i.rpartition("/")[2]: full for i, full in ids.items()}
    full = ids.get(name.lower()) or tails.get(name.lower(), "")
    same = full.partition("/")[0].lower() == model.modelscope_id.partition("/")[0].lower()
    return model._replace(
        name=name.rpartition("/")[2],
        hf_id=full,
        modelscope_id=full if same else "",
        native_precision=native,
        intermediate=model.int4_width if native in ("awq", "gptq") and model.int4_width else model.intermediate,
        parts=(),
    )
