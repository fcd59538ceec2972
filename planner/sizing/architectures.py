"""A model's shape from a local Hugging Face config.json of an architecture whose memory formula we know."""

from __future__ import annotations

import os

from planner.errors import MisuseError
from planner.sizing.models import Model

__all__ = ["load"]

MAX_BYTES = 1_000_000  # the largest real config.json we know of is below 100 kB
_DENSE = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
_MIXTURE = ("MixtralForCausalLM", "Qwen3MoeForCausalLM")
_MLA = ("DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM", "DeepseekV32ForCausalLM")


def _read(path: str) -> dict[str, object]:
    import json

    try:
        size = os.path.getsize(path)
        if size > MAX_BYTES:
            raise MisuseError(f"{path}: {size:,} bytes is too large for a config.json (limit {MAX_BYTES:,})")
        with open(path, encoding="utf-8") as file:
            data = json.loads(file.read(MAX_BYTES + 1))
    except (OSError, UnicodeDecodeError) as error:
        detail = getattr(error, "strerror", None) or "is not UTF-8 text"
        raise MisuseError(f"{path}: cannot be read as a config.json: {detail}") from error
    except ValueError as error:
        raise MisuseError(f"{path}: is not JSON ({error}); is the download complete?") from error
    except RecursionError as error:
        raise MisuseError(f"{path}: is nested too deeply for a config.json") from error
    if not isinstance(data, dict):
        raise MisuseError(f"{path}: holds a JSON {type(data).__name__}, a config.json is an object")
    return data


def load(path: str) -> Model:
    """Return the model that `path` describes; raises MisuseError that names the file and the field at fault."""
    data = _read(path)
    known = (*_DENSE, *_MIXTURE, *_MLA)
    listed = data.get("architectures")
    arch = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], str) else ""
    if arch not in known:
        what = f"architecture {arch!r} is not known" if arch else "names no architecture (field `architectures`)"
        raise MisuseError(f"{path}: {what}; known: {', '.join(known)}")

    def number(field: str, default: int | None = None, least: int = 1, most: int = 10_000_000) -> int:
        value = data.get(field)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise MisuseError(f"{path}: field `{field}` must be a whole number from {least} to {most:,}, is {value!r}")
        return value

    hidden, heads = number("hidden_size"), number("num_attention_heads")
    mla, mixture = arch in _MLA, arch in _MIXTURE or arch in _MLA
    rope = number("qk_rope_head_dim", least=1) if mla else 0
    value_dim = number("v_head_dim") if mla else 0
    if not mla and data.get("head_dim") is None and hidden % heads:
        raise MisuseError(f"{path}: hidden_size {hidden} is not a multiple of num_attention_heads {heads}")
    head_dim = number("qk_nope_head_dim") + rope if mla else number("head_dim", hidden // heads)
    kv_heads = number("num_key_value_heads", heads)
    if kv_heads > heads or heads % kv_heads:
        raise MisuseError(f"{path}: num_key_value_heads {kv_heads} does not divide num_attention_heads {heads}")
    layers = number("num_hidden_layers", most=1000)
    expert_field = {"MixtralForCausalLM": "num_local_experts", "Qwen3MoeForCausalLM": "num_experts"}
    experts = number(expert_field.get(arch, "n_routed_experts"), most=100_000) if mixture else 0
    top_k = number("num_experts_per_tok", most=100_000) if mixture else 0
    if top_k > experts:
        raise MisuseError(f"{path}: num_experts_per_tok {top_k} is more than the {experts} experts")
    dense_layers = number("first_k_dense_replace", 0, least=0) if mla else 0
    if dense_layers > layers:
        raise MisuseError(f"{path}: first_k_dense_replace {dense_layers} is more than the {layers} layers")
    intermediate = number("intermediate_size")
    quantised = data.get("quantization_config")
    native = str(quantised.get("quant_method", "bf16")) if isinstance(quantised, dict) else "bf16"
    name = str(data.get("_name_or_path") or "").strip() or os.path.basename(os.path.dirname(os.path.abspath(path)))
    sparse = arch == "DeepseekV32ForCausalLM"
    return Model(
        name=name[:200],
        hf_id="",
        modelscope_id="",
        arch=arch,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        attention="MLA" if mla else "MHA" if kv_heads == heads else "GQA",
        kv_lora_rank=number("kv_lora_rank") if mla else 0,
        rope_dim=rope,
        q_lora_rank=number("q_lora_rank", 0, least=0) if mla else 0,
        intermediate=intermediate,
        experts=experts,
        shared_experts=number("n_shared_experts", 0, least=0) if mla else 0,
        top_k=top_k,
        moe_intermediate=number("moe_intermediate_size", intermediate) if mixture else 0,
        dense_layers=dense_layers,
        vocab=number("vocab_size"),
        max_context=number("max_position_embeddings", most=100_000_000),
        native_precision=native[:40],
        license="",
        total_published="",
        active_published="",
        tied=data.get("tie_word_embeddings") is True,
        extra_kv_bytes=number("index_head_dim", 128) if sparse else 0,
        sizable=True,
        aliases=(),
        source=path,
        notes="",
        v_dim=value_dim if mla else head_dim,
    )
