"""A model from a local Hugging Face config.json (or the folder that holds it) of an architecture whose formula we know."""

from __future__ import annotations

import os
from typing import Any

from planner.errors import MisuseError
from planner.files import read_text
from planner.hub import HUBS, place
from planner.sizing import checkpoint, shapes
from planner.sizing.architectures import ARCHITECTURES, Architecture, sized
from planner.sizing.models import Fields, Model
from planner.sizing.shapes import Numbers

__all__ = ["load"]

MAX_BYTES = 1_000_000  # the largest real config.json we know of is below 100 kB
_TEXT = ("text_config", "language_config", "llm_config")
_WEIGHTS = ("quantization_config", "compression_config", "quantization", "expert_dtype")


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


def _named(data: dict[str, object]) -> str:
    listed = data.get("architectures")
    return listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], str) else ""


def _architecture(data: dict[str, object], path: str) -> tuple[Architecture, dict[str, object]]:
    """Return the architecture that a config.json names and the part that has the language model's shape.

    Raises MisuseError for one that cannot be sized.
    """
    name = _named(data)
    text = next((data[field] for field in _TEXT if isinstance(data.get(field), dict)), data)
    if not isinstance(text, dict):  # pragma: no cover - `next` chose an object
        text = data
    found = ARCHITECTURES.get(name) or (ARCHITECTURES.get(_named(text)) if text is not data else None)
    if found is None:
        what = f"architecture {name[:80]!r} is not known" if name else "names no architecture (field `architectures`)"
        raise MisuseError(f"{path}: {what}; known: {', '.join(sized())}")
    if not found.sized:
        raise MisuseError(f"{path}: architecture {found.name!r} cannot be sized: not known is {found.missing}")
    return found, text


def _weights(data: dict[str, object], text: dict[str, object], path: str) -> dict[str, object]:
    """Return what says how weights are stored: of the whole, of the language model, or of the file beside (ModelOpt)."""
    found = {f: data.get(f) or text.get(f) for f in _WEIGHTS}
    beside = os.path.join(os.path.dirname(path), "hf_quant_config.json")
    said = found["quantization_config"]
    # A config.json may say that modules differ, and only the file beside it how.
    bare = isinstance(said, dict) and not said.get("config_groups") and not said.get("quantized_layers")
    bare = bare and isinstance(said, dict) and said.get("quant_algo") == "MIXED_PRECISION"
    if (not said or bare) and os.path.isfile(beside):
        told = _read(beside).get("quantization")
        if isinstance(told, dict):
            found["quantization_config"] = {"quant_method": "modelopt", **told}
    return found


def _common(n: Numbers, arch: Architecture) -> dict[str, Any]:
    """Return the shape that every layer has, checked."""
    path = n.path
    hidden = n.number("hidden_size")
    heads = n.number("num_attention_heads", most=100_000)
    rope = n.number("qk_rope_head_dim", most=100_000) if arch.mla else 0
    if not arch.mla and n.data.get("head_dim") is None and hidden % heads:
        raise MisuseError(f"{path}: hidden_size {hidden} is not a multiple of num_attention_heads {heads}")
    head_dim = n.number("qk_nope_head_dim", most=100_000) + rope if arch.mla else n.number("head_dim", hidden // heads)
    kv_heads = n.number("num_key_value_heads", heads, most=100_000)
    if kv_heads > heads or heads % kv_heads:
        raise MisuseError(f"{path}: num_key_value_heads {kv_heads} does not divide num_attention_heads {heads}")
    if arch.kind == "mamba" and n.data.get("num_hidden_layers") is None:
        layers = len(shapes.pattern(n))
    else:
        layers = n.number("num_hidden_layers", most=shapes.MOST_LAYERS)
    experts, top_k = shapes.experts_of(n, arch)
    mixtures = shapes.mixture_layers(n, layers) if experts else 0
    width = n.first("moe_intermediate_size", "intermediate_size") if experts else 0
    mlp = ("intermediate_size_mlp", "dense_intermediate_size", "intermediate_size", "moe_intermediate_size")
    if arch.name.startswith("Llama4") and mixtures < layers:
        dense = n.number("intermediate_size_mlp", 16384)  # the library's default
    else:
        spare = mixtures == layers or arch.kind == "blocks"
        dense = n.first(*mlp, default=0 if spare else None, least=0)
    return {
        "layers": layers,
        "hidden": hidden,
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": head_dim,
        "v_dim": n.number("v_head_dim") if arch.mla else n.number("v_head_dim", head_dim),
        "kv_lora_rank": n.number("kv_lora_rank") if arch.mla else 0,
        "rope_dim": rope,
        "q_lora_rank": n.number("q_lora_rank", 0, least=0) if arch.mla else 0,
        "intermediate": dense,
        "experts": experts,
        "top_k": top_k,
        "moe_intermediate": width,
        "dense_layers": layers - mixtures if experts else 0,
        "vocab": n.number("vocab_size"),
        "max_context": shapes.context(n),
        **_shared(n, arch, experts, width),
    }


def _shared(n: Numbers, arch: Architecture, experts: int, width: int) -> dict[str, int]:
    """Return the experts that every token passes through."""
    if not experts:
        return {"shared_experts": 0, "shared_width": 0}
    if arch.name.startswith(("Llama4", "Gemma4")):  # a dense MLP beside the routed experts
        return {"shared_experts": 1, "shared_width": n.number("intermediate_size")}
    wide = n.first(
        *("shared_expert_intermediate_size", "shared_intermediate_size", "share_expert_dim"),
        default=0,
        least=0,
    )
    count = n.first("n_shared_experts", "num_shared_experts", default=0, least=0, most=1000)
    return {"shared_experts": count or int(wide > 0), "shared_width": wide if wide != count * width else 0}


def load(path: str) -> Model:
    """Return the model that `path` describes; raises MisuseError that names the file and the field at fault."""
    if os.path.isdir(path):
        path = os.path.join(path, "config.json")
    data = _read(path)
    arch, text = _architecture(data, path)
    n = Numbers(text, path)
    shape = _common(n, arch)
    more = shapes.attention(n, arch, shape)
    shape.update((k, more[k]) for k in ("layers", "dense_layers") if k in more)
    tower = shapes.vision_params(Numbers(data, path)) if text is not data else 0
    if tower:
        more["extra_params"] = more.get("extra_params", 0) + tower
    dense = shape["layers"] if not shape["experts"] else shape["dense_layers"]
    stored = checkpoint.read(_weights(data, text, path), path, shape["layers"], dense, bool(shape["experts"]))
    hub, known, revision = place(path)
    name = str(data.get("_name_or_path") or "").strip() or os.path.basename(os.path.dirname(os.path.abspath(path)))
    name = known.rpartition("/")[2] or name
    tied = data.get("tie_word_embeddings", text.get("tie_word_embeddings", arch.tied))
    kind = "MLA" if arch.mla else "MHA" if shape["kv_heads"] == shape["heads"] else "GQA"
    return Model(
        **{
            **Fields._field_defaults,
            **shape,
            "name": name[:200],
            "hf_id": known,
            "modelscope_id": known if hub == "modelscope" else "",
            "arch": arch.name,
            "attention": "CSA/HCA" if arch.kind == "v4" else kind,
            "native_precision": stored.native,
            "license": "",
            "total_published": "",
            "active_published": "",
            "tied": tied is True,
            "extra_kv_bytes": 0,
            "sizable": True,
            "aliases": (),
            "source": f"config.json of {known} at {revision} ({HUBS[hub]})" if known else path,
            "notes": "",
            "group": stored.group,
            "cache": stored.cache,
            "parts": stored.parts if stored.native != checkpoint.BFLOAT16.native else (),
            **more,
        }
    )
