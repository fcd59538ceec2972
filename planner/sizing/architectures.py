"""The architectures whose memory formula we know: one line each, by the name that config.json gives it.

A new architecture of a known kind is one line here; a new kind also needs its formula in shapes.py and memory.py.
"""

from __future__ import annotations

from planner.records import NamedTuple

__all__ = ["ARCHITECTURES", "Architecture", "sized"]


class Architecture(NamedTuple):
    """How a model of this architecture is read. experts: whether it may have routed ones (those configs say how many).

    mla: keys and values are one latent per token. indexed: sparse attention keeps an index entry beside it (DSA).
    kind: attention as kernels.csv names it, where it is neither heads nor MLA. windows: how many layers of a row have a
    sliding window where the config gives a window and no list of layers ("all", or N: every N-th sees everything).
    tied: whether embedding and output head are one where the config does not say. gate: whether queries have an output
    gate as wide as they are. sized: whether its formulas are known; else its models can be named, and the answer says
    what is missing.
    """

    name: str
    mla: bool = False
    experts: bool = False
    indexed: bool = False
    kind: str = ""
    windows: str = ""
    tied: bool = False
    gate: bool = False
    sized: bool = True
    missing: str = ""


ARCHITECTURES = {
    a.name: a
    for a in (
        Architecture("LlamaForCausalLM"),
        Architecture("MistralForCausalLM", windows="all"),
        Architecture("Mistral3ForConditionalGeneration", windows="all"),
        Architecture("PixtralForConditionalGeneration", windows="all"),
        Architecture("LlavaForConditionalGeneration"),
        Architecture("Qwen2ForCausalLM"),
        Architecture("Qwen2MoeForCausalLM", experts=True),
        Architecture("Qwen2VLForConditionalGeneration"),
        Architecture("Qwen2_5_VLForConditionalGeneration"),
        Architecture("Qwen3ForCausalLM"),
        Architecture("Qwen3MoeForCausalLM", experts=True),
        Architecture("Qwen3VLForConditionalGeneration"),
        Architecture("Qwen3VLMoeForConditionalGeneration", experts=True),
        Architecture("Qwen3NextForCausalLM", experts=True, kind="delta", gate=True),
        Architecture("Qwen3_5ForCausalLM", kind="delta", gate=True),
        Architecture("Qwen3_5ForConditionalGeneration", kind="delta", gate=True),
        Architecture("Qwen3_5MoeForCausalLM", experts=True, kind="delta", gate=True),
        Architecture("Qwen3_5MoeForConditionalGeneration", experts=True, kind="delta", gate=True),
        Architecture("MixtralForCausalLM", experts=True, windows="all"),
        Architecture("Phi3ForCausalLM", windows="all"),
        Architecture("PhiMoEForCausalLM", experts=True, windows="all"),
        Architecture("Gemma2ForCausalLM", windows="2", tied=True),
        Architecture("Gemma3ForCausalLM", windows="6", tied=True),
        Architecture("Gemma3ForConditionalGeneration", windows="6", tied=True),
        Architecture("Gemma4ForCausalLM", experts=True, windows="6", tied=True),
        Architecture("Gemma4ForConditionalGeneration", experts=True, windows="6", tied=True),
        Architecture("GptOssForCausalLM", experts=True, kind="sinks", windows="2"),
        Architecture("Llama4ForCausalLM", experts=True, windows="4"),
        Architecture("Llama4ForConditionalGeneration", experts=True, windows="4"),
        Architecture("Glm4ForCausalLM"),
        Architecture("Glm4MoeForCausalLM", experts=True),
        Architecture("GlmMoeDsaForCausalLM", mla=True, experts=True, indexed=True),
        Architecture("MiniMaxM2ForCausalLM", experts=True),
        Architecture("MiniMaxM3ForCausalLM", experts=True),
        Architecture("MiniMaxM3SparseForConditionalGeneration", experts=True),
        Architecture("MiMoForCausalLM"),
        Architecture("MiMoV2FlashForCausalLM", experts=True, windows="6"),
        Architecture("MiMoV2ForCausalLM", experts=True, windows="6"),
        Architecture("Step3p7FlashForCausalLM", experts=True, windows="4"),
        Architecture("HYV3ForCausalLM", experts=True),
        Architecture("SeedOssForCausalLM"),
        Architecture("InternLM2ForCausalLM"),
        Architecture("InternLM3ForCausalLM"),
        Architecture("DeepseekV2ForCausalLM", mla=True, experts=True),
        Architecture("DeepseekVLV2ForCausalLM", mla=True, experts=True),
        Architecture("DeepseekV3ForCausalLM", mla=True, experts=True),
        Architecture("KimiK25ForConditionalGeneration", mla=True, experts=True),
        Architecture("KimiLinearForCausalLM", mla=True, experts=True, kind="delta"),
        Architecture("KimiK3ForConditionalGeneration", mla=True, experts=True, kind="delta"),
        Architecture("DeepseekV32ForCausalLM", mla=True, experts=True, indexed=True),
        Architecture("DeepseekV4ForCausalLM", experts=True, kind="v4"),
        Architecture(
            "DeepseekV41ForCausalLM",
            sized=False,
            missing="what its shared caches and its n-gram table take in an engine",
        ),
        Architecture("NemotronHForCausalLM", experts=True, kind="mamba"),
        Architecture("DeciLMForCausalLM", kind="blocks"),
        Architecture("MistralLarge3ForCausalLM", mla=True, experts=True),
    )
}


def sized() -> list[str]:
    """Return the names of the architectures that can be sized."""
    return [a.name for a in ARCHITECTURES.values() if a.sized]
