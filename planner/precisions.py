"""The precisions that can be sized, and the other words under which people know them: understood, or refused with the reason."""

from __future__ import annotations

from planner.errors import MisuseError, suggest

__all__ = ["PRECISIONS", "precision_of"]

PRECISIONS = (
    *("fp16", "bf16", "fp8", "int8", "int8-w8a16"),
    *("int4-awq", "int4-gptq", "int4-w4a16", "mxfp4", "nvfp4"),
)
#: Words that mean one of them. Weights of 4 bits under 16-bit activations are int4-w4a16 where no method is named.
_MEANT = {
    **dict.fromkeys(("half", "float16", "16bit", "w16a16"), "fp16"),
    **dict.fromkeys(("bfloat16",), "bf16"),
    **dict.fromkeys(("fp8-e4m3", "e4m3", "float8", "w8a8-fp8", "fp8-w8a8"), "fp8"),
    **dict.fromkeys(("w8a8", "int8-w8a8", "smoothquant"), "int8"),
    **dict.fromkeys(("8bit", "w8a16", "int8-gptq", "gptq-int8", "gptq-8bit"), "int8-w8a16"),
    **dict.fromkeys(("int4", "4bit", "w4a16", "q4"), "int4-w4a16"),
    **dict.fromkeys(("awq", "awq-int4", "awq-4bit", "w4a16-awq"), "int4-awq"),
    **dict.fromkeys(("gptq", "gptq-int4", "gptq-4bit", "w4a16-gptq"), "int4-gptq"),
    "mx-fp4": "mxfp4",
    "nv-fp4": "nvfp4",
}
_FOUR = "int4-awq, int4-gptq or int4-w4a16 are 4 bits as well"
_BNB = f"bitsandbytes quantises while it loads, and nothing measured of it says how fast it serves: {_FOUR}"
_LOADERS = "is a format of other programs, which the engines sized here do not serve"
#: Words that are known and not served, and why.
_REFUSED = {
    **dict.fromkeys(
        (
            "nf4",
            "bnb",
            "bnb-4bit",
            "bnb-nf4",
            "int4-bnb",
            "bitsandbytes",
            "bitsandbytes-4bit",
            "bitsandbytes-nf4",
            "qlora",
        ),
        _BNB,
    ),
    **dict.fromkeys(("bnb-8bit", "bitsandbytes-8bit", "llm.int8"), _BNB.replace(_FOUR, "int8-w8a16 is 8 bits as well")),
    **dict.fromkeys(("fp32", "float32", "tf32", "32bit"), "engines serve in 16 bits or less: write bf16 or fp16"),
    "fp4": "which of the two 4-bit float formats: write nvfp4 (blocks of 16) or mxfp4 (blocks of 32)",
    "fp6": f"no engine sized here serves 6 bits: write fp8, or {_FOUR}",
    **dict.fromkeys(("int2", "2bit", "int3", "3bit"), f"no engine sized here serves so few bits: {_FOUR}"),
    "mlx": f"MLX {_LOADERS}: {_FOUR}",
    **dict.fromkeys(
        ("exl2", "exl3"), f"EXL2 and EXL3 are formats of other programs, which are not sized here: {_FOUR}"
    ),
    "gguf": f"GGUF {_LOADERS} (llama.cpp does): {_FOUR}",
    **dict.fromkeys(
        ("hqq", "aqlm", "quip#", "quip", "spqr", "squeezellm", "eetq", "torchao", "quanto"),
        f"nothing measured of this method says how fast an engine serves it: {_FOUR}",
    ),
    **dict.fromkeys(
        ("autoround", "auto-round"), "AutoRound saves its weights as GPTQ or AWQ: write int4-gptq or int4-awq"
    ),
    **dict.fromkeys(("1bit", "1.58bit", "bitnet", "ternary"), f"no engine sized here serves so few bits: {_FOUR}"),
    "marlin": "marlin is a kernel that the engine takes by itself: write int4-gptq or int4-awq",
    "awq-marlin": "marlin is a kernel that the engine takes by itself: write int4-awq",
    "gptq-marlin": "marlin is a kernel that the engine takes by itself: write int4-gptq",
}


def precision_of(value: object, label: str) -> str:
    """Return the precision that a word means, "auto" for the checkpoint's own; `MisuseError` says why a known one is not served."""
    said = str(value)
    word = said.strip().lower().replace("_", "-").replace(" ", "-")
    word = _MEANT.get(word, word)
    if word in PRECISIONS or word == "auto":
        return word
    shown = repr(said if len(said) <= 40 else said[:37] + "...")
    if word[:1] == "q" and word[1:2].isdigit():  # q4-k-m and its kin
        word = "gguf"
    if word in _REFUSED:
        raise MisuseError(f"{label}: {shown} is known, but not sized: {_REFUSED[word]}")
    raise MisuseError(
        "{label}: unknown precision {shown}: {near}", label=label, shown=shown, near=suggest(word[:40], PRECISIONS)
    )
