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


_A = Architecture
ARCHITECTURES = {
    a.name: a
    for a in (
        _A("LlamaForCausalLM"),
        _A("MistralForCausalLM", windows="all"),
        _A("Mistral3ForConditionalGeneration", windows="all"),
        _A("PixtralForConditionalGeneration", windows="all"),
        _A("LlavaForConditionalGeneration"),
        _A("Qwen2ForCausalLM"),
        _A("Qwen2MoeForCausalLM", experts=True),
        _A("Qwen2VLForConditionalGeneration"),
        _A("Qwen2_5_VLForConditionalGeneration"),
        _A("Qwen3ForCausalLM"),
        _A("Qwen3MoeForCausalLM", experts=True),
        _A("Qwen3VLForConditionalGeneration"),
        _A("Qwen3VLMoeForConditionalGeneration", experts=True),
        _A("Qwen3NextForCausalLM", experts=True, kind="delta", gate=True),
        _A("Qwen3_5ForCausalLM", kind="delta", gate=True),
        _A("Qwen3_5ForConditionalGeneration", kind="delta", gate=True),
        _A("Qwen3_5MoeForCausalLM", experts=True, kind="delta", gate=True),
        _A("Qwen3_5MoeForConditionalGeneration", experts=True, kind="delta", gate=True),
        _A("MixtralForCausalLM", experts=True, windows="all"),
        _A("Phi3ForCausalLM", windows="all"),
        _A("PhiMoEForCausalLM", experts=True, windows="all"),
        _A("Gemma2ForCausalLM", windows="2", tied=True),
        _A("Gemma3ForCausalLM", windows="6", tied=True),
        _A("Gemma3ForConditionalGeneration", windows="6", tied=True),
        _A("Gemma4ForCausalLM", experts=True, windows="6", tied=True),
        _A("Gemma4ForConditionalGeneration", experts=True, windows="6", tied=True),
        _A("GptOssForCausalLM", experts=True, kind="sinks", windows="2"),
        _A("Llama4ForCausalLM", experts=True, windows="4"),
        _A("Llama4ForConditionalGeneration", experts=True, windows="4"),
        _A("Glm4ForCausalLM"),
        _A("Glm4MoeForCausalLM", experts=True),
        _A("GlmMoeDsaForCausalLM", mla=True, experts=True, indexed=True),
        _A("MiniMaxM2ForCausalLM", experts=True),
        _A("MiniMaxM3ForCausalLM", experts=True),
        _A("MiniMaxM3SparseForConditionalGeneration", experts=True),
        _A("MiMoForCausalLM"),
        _A("MiMoV2FlashForCausalLM", experts=True, windows="6"),
        _A("MiMoV2ForCausalLM", experts=True, windows="6"),
        _A("Step3p7FlashForCausalLM", experts=True, windows="4"),
        _A("HYV3ForCausalLM", experts=True),
        _A("SeedOssForCausalLM"),
        _A("InternLM2ForCausalLM"),
        _A("InternLM3ForCausalLM"),
        _A("DeepseekV2ForCausalLM", mla=True, experts=True),
        _A("DeepseekVLV2ForCausalLM", mla=True, experts=True),
        _A("DeepseekV3ForCausalLM", mla=True, experts=True),
        _A("KimiK25ForConditionalGeneration", mla=True, experts=True),
        _A("KimiLinearForCausalLM", mla=True, experts=True, kind="delta"),
        _A("KimiK3ForConditionalGeneration", mla=True, experts=True, kind="delta"),
        _A("DeepseekV32ForCausalLM", mla=True, experts=True, indexed=True),
        _A("DeepseekV4ForCausalLM", experts=True, kind="v4"),
        _A(
            "DeepseekV41ForCausalLM",
            sized=False,
            missing="what its shared caches and its n-gram table take in an engine",
        ),
        _A("NemotronHForCausalLM", sized=False, missing="how its Mamba and latent expert layers are laid out"),
        _A("DeciLMForCausalLM", sized=False, missing="the shape of each layer, which differs"),
    )
}


def sized() -> list[str]:
    """Return the names of the architectures that can be sized."""
    return [a.name for a in ARCHITECTURES.values() if a.sized]
