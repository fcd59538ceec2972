"""What a config.json says of layers that differ: windows, linear attention, mixtures, latents, a vision tower."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planner.errors import MisuseError
from planner.sizing.architectures import Architecture

__all__ = ["Numbers", "attention", "context", "experts_of", "mixture_layers", "vision_params", "windowed"]

MOST_LAYERS = 1000
_STEADY_ROPE = ("su", "longrope", "llama3", "mrope", "default", "proportional", "")
_V4_BLOCK = 256  # tokens of a page (vLLM, DeepSeek-V4)
_V4_ENTRY = {4: 37_440 + 8_640, 128: 1_728}  # bytes of a page of a layer: compressed entries and, at 4, their index


class Numbers:
    """The whole numbers of a config.json; each is checked as it is read, before anything is computed with it."""

    def __init__(self, data: Mapping[str, object], path: str) -> None:
        self.data = data
        self.path = path

    def number(self, field: str, default: int | None = None, least: int = 1, most: int = 10_000_000) -> int:
        """Return a field; raise MisuseError where it is missing without a default, no whole number, or out of bounds."""
        value = self.data.get(field)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise MisuseError(
                f"{self.path}: field `{field}` must be a whole number from {least} to {most:,}, is {str(value)[:60]!r}"
            )
        return value

    def first(self, *fields: str, default: int | None = None, least: int = 1, most: int = 10_000_000) -> int:
        """Return the first of `fields` that is there."""
        for field in fields:
            if self.data.get(field) is not None:
                return self.number(field, least=least, most=most)
        return self.number(fields[0], default, least, most)

    def listed(self, field: str, layers: int) -> list[object] | None:
        """Return a list of one entry per layer (more are cut off), None where there is none; raise where it is shorter."""
        value = self.data.get(field)
        if not isinstance(value, list) or not value:
            return None
        if not layers <= len(value) <= layers + 64:
            raise MisuseError(f"{self.path}: field `{field}` has {len(value):,} entries for {layers} layers")
        return value[:layers]

    def part(self, *fields: str) -> Numbers | None:
        """Return the first of `fields` that is an object."""
        for field in fields:
            value = self.data.get(field)
            if isinstance(value, dict):
                return Numbers(value, self.path)
        return None


def context(n: Numbers) -> int:
    """Return the longest context: what the positions say, stretched by the rope scaling where that is not in them."""
    longest = n.first("max_position_embeddings", "model_max_length", "seq_length", most=100_000_000)
    scaling = n.data.get("rope_scaling") or n.data.get("rope_parameters")
    if not isinstance(scaling, dict):
        return longest
    kind = str(scaling.get("rope_type") or scaling.get("type") or "").lower()
    factor = scaling.get("factor")
    if kind in _STEADY_ROPE or factor is None or "gemma" in str(n.data.get("model_type")):
        return longest
    if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not 1 <= factor <= 10_000:
        raise MisuseError(
            f"{n.path}: field `factor` of the rope scaling must be from 1 to 10,000, is {str(factor)[:40]!r}"
        )
    original = Numbers(scaling, n.path).number("original_max_position_embeddings", longest, most=100_000_000)
    return max(longest, int(original * factor)) if kind == "yarn" else int(longest * factor)


def experts_of(n: Numbers, arch: Architecture) -> tuple[int, int]:
    """Return the routed experts and how many of them a token passes through; (0, 0) for a dense model."""
    fields = ("n_routed_experts", "num_experts", "num_local_experts")
    if not arch.experts or not any(n.data.get(f) for f in fields) or n.data.get("enable_moe_block") is False:
        return 0, 0
    experts = n.first(*fields, most=100_000)
    top_k = n.first("num_experts_per_tok", "num_experts_per_token", "top_k_experts", "moe_topk", most=100_000)
    if top_k > experts:
        raise MisuseError(f"{n.path}: num_experts_per_tok {top_k} is more than the {experts} experts")
    return experts, top_k


def mixture_layers(n: Numbers, layers: int) -> int:
    """Return how many layers have routed experts."""
    first = n.number("first_k_dense_replace", 0, least=0)
    if first > layers:
        raise MisuseError(f"{n.path}: first_k_dense_replace {first} is more than the {layers} layers")
    kinds = n.listed("mlp_layer_types", layers) or n.listed("moe_layer_freq", layers)
    if kinds is not None:
        return sum(k in (1, True, "sparse", "moe") for k in kinds)
    chosen = n.data.get("moe_layers")
    if isinstance(chosen, list) and chosen:
        return len({k for k in chosen if isinstance(k, int) and 0 <= k < layers})
    step = 1
    for field in ("decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_freq"):
        if isinstance(n.data.get(field), int):
            step = n.number(field, 1, most=MOST_LAYERS)
            if field == "moe_layer_freq":
                return sum(i % step == 0 for i in range(first, layers))
            break
    only = n.data.get("mlp_only_layers")
    dense = {k for k in only if isinstance(k, int)} if isinstance(only, list) else set()
    return sum((i + 1) % step == 0 and i not in dense for i in range(first, layers))


def windowed(n: Numbers, arch: Architecture, layers: int) -> tuple[int, int]:
    """Return the window and how many layers have it; (0, 0) where every layer sees every token."""
    window = n.first(
        "sliding_window", "attention_chunk_size", "sliding_window_size", default=0, least=0, most=100_000_000
    )
    if not window or n.data.get("use_sliding_window") is False or arch.kind == "v4":
        return 0, 0
    kinds = n.listed("layer_types", layers)
    if kinds is not None:
        return window, sum(k in ("sliding_attention", "chunked_attention") for k in kinds)
    pattern = n.listed("hybrid_layer_pattern", layers) or n.listed("no_rope_layers", layers)
    if pattern is not None:
        return window, sum(k == 1 for k in pattern)
    if n.data.get("use_sliding_window") is True and not arch.windows:
        return window, max(0, layers - n.number("max_window_layers", layers, least=0))
    if arch.windows == "all":
        return window, layers
    if arch.windows:
        every = n.first("sliding_window_pattern", "no_rope_layer_interval", default=int(arch.windows), most=MOST_LAYERS)
        return window, layers - layers // every
    return 0, 0


def attention(n: Numbers, arch: Architecture, shape: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of Model that say how layers of several kinds attend; `shape` has what all have in common."""
    layers = shape["layers"]
    if arch.kind == "v4":
        return _v4(n, shape)
    if arch.kind == "delta":
        return _kda(n, shape) if arch.mla else _delta(n, arch, shape)
    if arch.kind == "mamba":
        return _mamba(n, shape)
    if arch.kind == "blocks":
        return _blocks(n, shape)
    if arch.indexed:
        kinds = n.listed("indexer_types", layers)
        full = layers if kinds is None else sum(k == "full" for k in kinds)
        entry = n.number("index_head_dim", 128, most=4096)
        heads = n.number("index_n_heads", 64, most=4096)
        asks = (n.number("q_lora_rank", 0, least=0) or shape["hidden"]) * heads * entry + shape["hidden"] * (
            entry + heads
        )
        return {"extra_kv_bytes": entry + 4, "index_layers": full, "extra_params": full * asks}
    sparse = n.part("sparse_attention_config")
    if sparse is not None:
        freq = sparse.listed("sparse_attention_freq", layers)
        full = layers if freq is None else sum(k == 1 for k in freq)
        return {"extra_kv_bytes": 2 * sparse.number("sparse_index_dim", 128, most=4096), "index_layers": full}
    window, near = windowed(n, arch, layers)
    if not near or window >= shape["max_context"]:
        return {}
    far = layers - near
    a, kv, d, v = shape["heads"], shape["kv_heads"], shape["head_dim"], shape["v_dim"]
    near_kv = n.number("swa_num_key_value_heads", kv)
    near_d, near_v = n.number("swa_head_dim", d), n.number("swa_v_head_dim", v)
    far_kv, far_d, far_v = n.number("num_global_key_value_heads", kv), n.number("global_head_dim", d), v
    if n.data.get("global_head_dim") is not None:
        far_v = far_d
    same = n.data.get("attention_k_eq_v") is True  # global layers of Gemma 4 have no projection of values
    near_params = (a + near_kv) * (near_d + near_v)
    far_params = a * far_d + far_kv * far_d + (0 if same else far_kv * far_v) + a * far_v
    return {
        "kind": arch.kind or "window",
        "attention_all": shape["hidden"] * (near * near_params + far * far_params),
        "full_layers": far,
        "growing": 2 * far * far_kv * (far_d + far_v),
        "window": window,
        "kv_window": 2 * near * near_kv * (near_d + near_v),
    }


def _delta(n: Numbers, arch: Architecture, shape: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of gated delta nets among layers with heads (Qwen3-Next, Qwen3.5)."""
    layers, h = shape["layers"], shape["hidden"]
    kinds = n.listed("layer_types", layers)
    full = layers // n.number("full_attention_interval", 4, most=MOST_LAYERS)
    if kinds is not None:
        full = sum(k == "full_attention" for k in kinds)
    keys, values = n.number("linear_num_key_heads", most=4096), n.number("linear_num_value_heads", most=4096)
    key_dim, value_dim = n.number("linear_key_head_dim", most=4096), n.number("linear_value_head_dim", most=4096)
    kernel = n.number("linear_conv_kernel_dim", 4, most=64)
    mixed = 2 * keys * key_dim + values * value_dim
    linear = h * (mixed + values * value_dim + 2 * values) + mixed * kernel + values * value_dim * h
    a, kv, d, v = shape["heads"], shape["kv_heads"], shape["head_dim"], shape["v_dim"]
    heads = h * ((a + kv) * (d + v) + (a * d if arch.gate else 0))
    wide = 2 if str(n.data.get("mamba_ssm_dtype") or "float32") in ("bfloat16", "float16") else 4
    return {
        "kind": "delta",
        "attention_all": full * heads + (layers - full) * linear,
        "full_layers": full,
        "growing": 2 * full * kv * (d + v),
        "state": (layers - full) * (values * key_dim * value_dim * wide + mixed * (kernel - 1) * 2),
    }


def pattern(n: Numbers) -> list[str]:
    """Return the kind of each block of a Nemotron-H: "M" Mamba-2, "*" attention, "E" a mixture, "-" a dense MLP."""
    said = n.data.get("hybrid_override_pattern")
    words = {"mamba": "M", "attention": "*", "moe": "E", "mlp": "-"}
    listed = n.data.get("layers_block_type")
    kinds = list(said) if isinstance(said, str) else []
    if not kinds and isinstance(listed, list):
        kinds = [words.get(str(k), "?") for k in listed]
    if not kinds or len(kinds) > MOST_LAYERS or any(k not in "M*E-" for k in kinds):
        raise MisuseError(
            f"{n.path}: field `hybrid_override_pattern` or `layers_block_type` must name each block (M, *, E, -)"
        )
    return kinds


def _mamba(n: Numbers, shape: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of a Nemotron-H: each block is one thing; a layer here is what mixes tokens, Mamba-2 or attention."""
    kinds = pattern(n)
    scans, heads, mixtures, dense = (kinds.count(k) for k in "M*E-")
    h, a, kv, d, v = (shape[k] for k in ("hidden", "heads", "kv_heads", "head_dim", "v_dim"))
    inner = n.number("mamba_num_heads", most=4096) * n.number("mamba_head_dim", most=4096)
    states, groups = n.number("ssm_state_size", 128, most=4096), n.number("n_groups", 8, most=4096)
    kernel = n.number("conv_kernel", 4, most=64)
    mixed = inner + 2 * groups * states
    scan = h * (inner + mixed + n.number("mamba_num_heads")) + mixed * kernel + inner * h
    latent = n.number("moe_latent_size", 0, least=0)
    wide = 2 if str(n.data.get("mamba_ssm_cache_dtype") or "float32") in ("bfloat16", "float16") else 4
    return {
        "kind": "delta",
        "layers": scans + heads,
        "dense_layers": scans + heads - mixtures if mixtures else 0,
        "intermediate": shape["intermediate"] if dense else 0,
        "shared_width": n.number("moe_shared_expert_intermediate_size", 0, least=0) if mixtures else 0,
        "matrices": 2,  # squared ReLU: no gate
        "attention_all": heads * h * (a + kv) * (d + v) + scans * scan,
        "dense_all": 2 * h * shape["intermediate"] * dense,
        "expert_hidden": latent,
        "extra_params": 2 * h * latent * mixtures,
        "full_layers": heads,
        "growing": 2 * heads * kv * (d + v),
        "state": scans * (inner * states * wide + mixed * (kernel - 1) * 2),
    }


def _blocks(n: Numbers, shape: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of a DeciLM (Nemotron Super and Ultra of Llama): heads and MLP of each layer are its own."""
    blocks = n.listed("block_configs", shape["layers"])
    if blocks is None:
        raise MisuseError(f"{n.path}: field `block_configs` is missing: the shape of each layer, which differs")
    h, a, d = shape["hidden"], shape["heads"], shape["head_dim"]
    shared, widths, linear = [], [], 0
    for block in blocks:
        whole = Numbers(block if isinstance(block, dict) else {}, n.path)
        heads, mlp = whole.part("attention"), whole.part("ffn")
        if heads is None or mlp is None:
            raise MisuseError(f"{n.path}: field `block_configs`: an entry without `attention` or `ffn`")
        if heads.data.get("replace_with_linear") is True:
            linear += h * h
        elif heads.data.get("no_op") is not True:
            shared.append(max(1, a // heads.number("n_heads_in_group", most=a)))
        if mlp.data.get("replace_with_linear") is True:
            linear += h * h
        elif mlp.data.get("no_op") is not True:
            part = mlp.data.get("ffn_mult")
            if isinstance(part, (int, float)) and not isinstance(part, bool) and 0 < part <= 100:
                widths.append(-(-int(2 * part * h / 3) // 256) * 256)
            else:
                widths.append(mlp.number("intermediate_size"))
    if not shared or not widths:
        raise MisuseError(f"{n.path}: field `block_configs`: no layer has attention, or none has an MLP")
    return {
        "kind": "",
        "kv_heads": min(shared),
        "intermediate": max(widths),
        "attention_all": sum(2 * h * (a + kv) * d for kv in shared) + linear,
        "dense_all": sum(3 * h * width for width in widths),
        "growing": sum(2 * kv * 2 * d for kv in shared),
    }


def _kda(n: Numbers, shape: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of Kimi delta attention among layers with latents (Kimi-Linear, Kimi-K3)."""
    inner = n.part("linear_attn_config")
    if inner is None:
        raise MisuseError(f"{n.path}: field `linear_attn_config` is missing")
    layers, h, a = shape["layers"], shape["hidden"], shape["heads"]
    listed = inner.data.get("full_attn_layers")
    full = len(listed) if isinstance(listed, list) else inner.number("full_attn_layers", most=layers)
    if full > layers:
        raise MisuseError(f"{n.path}: full_attn_layers has {full} entries for {layers} layers")
    heads, dim = inner.number("num_heads", most=4096), inner.number("head_dim", most=4096)
    kernel = inner.number("short_conv_kernel_size", 4, most=64)
    wide = heads * dim
    gate = h * wide if inner.data.get("use_full_rank_gate") is True else (h + wide) * dim
    linear = 4 * h * wide + gate + (h + wide) * dim + h * heads + 3 * wide * kernel
    rank, rope, query = shape["kv_lora_rank"], shape["rope_dim"], shape["q_lora_rank"]
    asks = query * (h + a * shape["head_dim"]) if query else h * a * shape["head_dim"]
    latent = h * (rank + rope) + rank * a * (shape["head_dim"] - rope + shape["v_dim"]) + a * shape["v_dim"] * h
    routed = n.number("routed_expert_hidden_size", 0, least=0)
    return {
        "kind": "delta",
        "attention_all": full * (asks + latent) + (layers - full) * linear,
        "full_layers": full,
        "growing": 2 * full * (rank + rope),
        "state": (layers - full) * (wide * dim * 4 + 3 * wide * (kernel - 1) * 2),
        "expert_hidden": routed,
        "extra_params": 2 * h * routed * mixture_layers(n, layers) if routed else 0,
    }


def _v4(n: Numbers, shape: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of compressed sparse attention (DeepSeek-V4) as vLLM lays out its cache: pages of 256 tokens."""
    layers, h, a, d = shape["layers"], shape["hidden"], shape["heads"], shape["head_dim"]
    ratios = n.listed("compress_ratios", layers)
    if ratios is None:
        raise MisuseError(f"{n.path}: field `compress_ratios` is missing")
    odd = next((r for r in ratios if r not in (0, 4, 128)), None)
    if odd is not None:
        raise MisuseError(f"{n.path}: field `compress_ratios`: a ratio of {str(odd)[:20]} is not known (0, 4, 128)")
    near, far = ratios.count(4), ratios.count(128)
    query, out = n.number("q_lora_rank"), n.number("o_lora_rank")
    index, index_heads = n.number("index_head_dim", 128, most=4096), n.number("index_n_heads", 64, most=4096)
    heads = query * (h + a * d) + h * d + a * d * out + n.number("o_groups", 1) * out * h
    index_params = query * index_heads * index + h * index_heads + 4 * h * index
    page = near * _V4_ENTRY[4] + far * _V4_ENTRY[128]
    one = 3 * h * shape["moe_intermediate"]
    predicted = n.number("num_nextn_predict_layers", 0, least=0, most=8)
    # Bytes of a layer that predicts more tokens, which recipes serve with: experts in 4 bits, the rest in 8.
    more = predicted * (one * (0.53125 * shape["experts"] + 1) + heads + 4 * h * h)
    return {
        "kind": "v4",
        "attention_all": layers * heads,
        "extra_params": near * (4 * h * d + index_params) + far * 2 * h * d,
        "extra_bytes": int(more),
        "full_layers": 0,
        "growing": page // _V4_BLOCK,
        # Windows of 128 tokens (two groups, 64 tokens a page) and compressor states (4 and 8 tokens a page), one more
        # page each; every group's page is as long as the biggest one.
        "state": page * (2 * 3 + 3 + 17),
        # A prefill batch holds the same groups for each of its tokens, twice with asynchronous scheduling.
        "inflight": 2 * (2 * page // 64 + page // 4 + page // 8),
    }


def vision_params(n: Numbers) -> int:
    """Return the parameters of a vision tower, about; 0 where there is none or its shape is not said."""
    v = n.part("vision_config")
    if v is None:
        return 0
    fields = ("hidden_size", "width", "vt_hidden_size", "embed_dim")
    layer_fields = ("depth", "num_hidden_layers", "layers", "vt_num_hidden_layers")
    if not any(v.data.get(f) for f in fields) or not any(v.data.get(f) for f in layer_fields):
        return 0
    wide, layers = v.first(*fields, most=100_000), v.first(*layer_fields, most=MOST_LAYERS)
    inner = v.first("intermediate_size", "vt_intermediate_size", default=4 * wide, most=1_000_000)
    out = v.number("out_hidden_size", 0, least=0, most=1_000_000)
    merged = (16 * wide * wide + 4 * wide * out) * (
        4 if n.data.get("model_type") in ("qwen3_vl", "qwen3_vl_moe") else 1
    )
    return layers * (4 * wide * wide + 2 * wide * inner) + (merged if out else 0)
