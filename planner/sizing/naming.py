"""What a checkpoint's name says: the format it is in, and the model that it was made from."""

from __future__ import annotations

from collections.abc import Iterable

from planner.errors import MisuseError

__all__ = ["UNSERVED", "alike", "base_of", "native_of", "width_of_name"]

#: What is said of a format that no engine in the table reads.
UNSERVED = "not served by the engines sized here: name an AWQ, GPTQ or FP8 checkpoint"

#: What a checkpoint's name says about its width, most telling first.
_HINTS = (
    ("gguf", "gguf"),
    ("bnb", "bnb"),
    ("mlx", "mlx"),
    ("exl2", "exl2"),
    ("exl3", "exl3"),
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
_FORMATS = {"gguf": "GGUF", "bnb": "bitsandbytes", "mlx": "MLX", "exl2": "EXL2", "exl3": "EXL3"}
#: Makers whose checkpoints called -FP8 have a scale for each block of 128 x 128; others' have one per tensor or channel.
_BLOCKED = ("qwen", "deepseek-ai", "moonshotai", "minimaxai", "xiaomimimo")
_BLOCK = "fp8 (e4m3, 128x128 block)"
#: A word of so many letters or fewer ("r1", "671b") is part of a name; a longer one is a name misspelt.
_SHORT = 5
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


def native_of(name: str, maker: str) -> str:
    """Return what a published checkpoint of that name is in, as planner/data/models.csv says it; "" where the name says nothing.

    maker: who made the model ("deepseek-ai"), for a name without an owner. GGUF and its like raise `MisuseError`.
    """
    width = "mlx" if name.lower().startswith("mlx-community/") else width_of_name(name)
    if width in _FORMATS:
        raise MisuseError(f"{name}: {_FORMATS[width]} is {UNSERVED}")
    owner = name.partition("/")[0].lower() if "/" in name else ""
    return _BLOCK if width == "fp8" and (owner or maker.lower()) in _BLOCKED else _NATIVE.get(width, width)


def alike(word: str, known: Iterable[str]) -> list[str]:
    """Return up to three of the names in `known` that have every part of `word` ("deepseek/7b": a maker or series, and a size), the
    shortest first: it is the plainest. None where a name is misspelt, or has no part that tells one model from another."""
    parts = word.lower().replace("/", "-").replace("_", "-").split("-")
    parts = [part for part in parts if part]
    sized = [part for part in parts if any(c.isdigit() for c in part)]
    if not sized or (len(parts) == 1 and len(sized[0]) > _SHORT):
        return []
    found = []
    for name in known:
        pieces = name.lower().replace("_", "-").split("-")
        if all(part in pieces if part in sized else any(piece.startswith(part) for piece in pieces) for part in parts):
            found.append(name)
    return sorted(found, key=lambda name: (len(name), name))[:3]
