"""A model's shape from a local Hugging Face config.json of an architecture whose memory formula we know."""

from __future__ import annotations

import os

from planner.errors import MisuseError
from planner.files import read_text
from planner.sizing.architectures import ARCHITECTURES, Architecture, sized
from planner.sizing.models import Model

__all__ = ["load"]

MAX_BYTES = 1_000_000  # the largest real config.json we know of is below 100 kB


def _read(path: str) -> dict[str, object]:
    import json

    text = read_text(path, "config.json", MAX_BYTES)
    try:
        data = json.loads(text)
    except ValueError as error:
        raise MisuseError(f"{path}: is not JSON ({error}); is the download complete?") from error
    except RecursionError as error:
        raise MisuseError(f"{path}: is nested too deeply for a config.json") from error
    if not isinstance(data, dict):
        raise MisuseError(f"{path}: holds a JSON {type(data).__name__}, a config.json is an object")
    return data


def _architecture(data: dict[str, object], path: str) -> Architecture:
    """Return the architecture that a config.json names; raise MisuseError for one that cannot be sized."""
    listed = data.get("architectures")
    name = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], str) else ""
    found = ARCHITECTURES.get(name)
    if found is None or not found.sized:
        what = f"architecture {name!r} is not known" if name else "names no architecture (field `architectures`)"
        raise MisuseError(f"{path}: {what}; known: {', '.join(sized())}")
    return found


class _Fields:
    """The whole numbers of a config.json; each is checked as it is read."""

    def __init__(self, data: dict[str, object], path: str) -> None:
        self.data = data
        self.path = path

    def number(self, field: str, default: int | None = None, least: int = 1, most: int = 10_000_000) -> int:
        """Return a field; raise MisuseError where it is missing without a default, no whole number, or out of bounds."""
        value = self.data.get(field)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise MisuseError(
                f"{self.path}: field `{field}` must be a whole number from {least} to {most:,}, is {value!r}"
            )
        return value


def _native(data: dict[str, object]) -> str:
    """Return what the checkpoint is in: its quantisation method, with its blocks where it names them."""
    quantised = data.get("quantization_config")
    if not isinstance(quantised, dict):
        return "bf16"
    method = str(quantised.get("quant_method", "bf16"))[:40]
    return f"{method} (128x128 block)" if quantised.get("weight_block_size") == [128, 128] else method


def load(path: str) -> Model:
    """Return the model that `path` describes; raises MisuseError that names the file and the field at fault."""
    data = _read(path)
    arch = _architecture(data, path)
    number = _Fields(data, path).number
    hidden, heads = number("hidden_size"), number("num_attention_heads")
    rope = number("qk_rope_head_dim", least=1) if arch.mla else 0
    if not arch.mla and data.get("head_dim") is None and hidden % heads:
        raise MisuseError(f"{path}: hidden_size {hidden} is not a multiple of num_attention_heads {heads}")
    head_dim = number("qk_nope_head_dim") + rope if arch.mla else number("head_dim", hidden // heads)
    kv_heads = number("num_key_value_heads", heads)
    if kv_heads > heads or heads % kv_heads:
        raise MisuseError(f"{path}: num_key_value_heads {kv_heads} does not divide num_attention_heads {heads}")
    layers = number("num_hidden_layers", most=1000)
    experts = number(arch.experts, most=100_000) if arch.experts else 0
    top_k = number("num_experts_per_tok", most=100_000) if arch.experts else 0
    if top_k > experts:
        raise MisuseError(f"{path}: num_experts_per_tok {top_k} is more than the {experts} experts")
    dense_layers = number("first_k_dense_replace", 0, least=0) if arch.mla else 0
    if dense_layers > layers:
        raise MisuseError(f"{path}: first_k_dense_replace {dense_layers} is more than the {layers} layers")
    intermediate = number("intermediate_size")
    name = str(data.get("_name_or_path") or "").strip() or os.path.basename(os.path.dirname(os.path.abspath(path)))
    return Model(
        name=name[:200],
        hf_id="",
        modelscope_id="",
        arch=arch.name,
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        attention="MLA" if arch.mla else "MHA" if kv_heads == heads else "GQA",
        kv_lora_rank=number("kv_lora_rank") if arch.mla else 0,
        rope_dim=rope,
        q_lora_rank=number("q_lora_rank", 0, least=0) if arch.mla else 0,
        intermediate=intermediate,
        experts=experts,
        shared_experts=number("n_shared_experts", 0, least=0) if arch.mla else 0,
        top_k=top_k,
        moe_intermediate=number("moe_intermediate_size", intermediate) if arch.experts else 0,
        dense_layers=dense_layers,
        vocab=number("vocab_size"),
        max_context=number("max_position_embeddings", most=100_000_000),
        native_precision=_native(data),
        license="",
        total_published="",
        active_published="",
        tied=data.get("tie_word_embeddings") is True,
        extra_kv_bytes=number("index_head_dim", 128) if arch.indexed else 0,
        sizable=True,
        aliases=(),
        source=path,
        notes="",
        v_dim=number("v_head_dim") if arch.mla else head_dim,
    )
