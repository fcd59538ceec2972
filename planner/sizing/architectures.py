"""The architectures whose memory formula we know: one line each, by the name that config.json gives it.

A new architecture of a known kind is one line here; a new kind also needs its formula in models.py and memory.py.
"""

from __future__ import annotations

from planner.records import NamedTuple

__all__ = ["ARCHITECTURES", "Architecture", "sized"]


class Architecture(NamedTuple):
    """How a model of this architecture is read. experts: config.json's field with the number of routed experts.

    mla: keys and values are one latent per token. indexed: sparse attention keeps an index entry beside it (DSA).
    sized: whether its formulas are known; else its models can be named, and the answer says what is missing.
    """

    name: str
    mla: bool = False
    experts: str = ""
    indexed: bool = False
    sized: bool = True


ARCHITECTURES = {
    a.name: a
    for a in (
        Architecture("LlamaForCausalLM"),
        Architecture("MistralForCausalLM"),
        Architecture("Qwen2ForCausalLM"),
        Architecture("Qwen3ForCausalLM"),
        Architecture("MixtralForCausalLM", experts="num_local_experts"),
        Architecture("Qwen3MoeForCausalLM", experts="num_experts"),
        Architecture("DeepseekV2ForCausalLM", mla=True, experts="n_routed_experts"),
        Architecture("DeepseekV3ForCausalLM", mla=True, experts="n_routed_experts"),
        Architecture("DeepseekV32ForCausalLM", mla=True, experts="n_routed_experts", indexed=True),
        Architecture("DeepseekV4ForCausalLM", sized=False),
        Architecture("DeepseekV41ForCausalLM", sized=False),
    )
}


def sized() -> list[str]:
    """Return the names of the architectures that can be sized."""
    return [a.name for a in ARCHITECTURES.values() if a.sized]
