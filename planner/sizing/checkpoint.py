"""What a config.json says of its weights: which format, which parts are left in 16 bits, how wide its groups are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from planner.errors import MisuseError
from planner.records import NamedTuple
from planner.sizing.naming import UNSERVED

__all__ = ["BFLOAT16", "Checkpoint", "read"]

MOST_MODULES = 200_000  # the longest list of unconverted modules that we know of has 1,100 entries


class Checkpoint(NamedTuple):
    """native: the format as models.csv words it. group: width of a group of quantised weights.

    Bytes per parameter, scales counted: attention, mlp (of dense layers), shared and routed experts. cache: what the
    KV cache is kept in ("fp8"), "" where the checkpoint says nothing.
    """

    native: str
    group: int = 128
    attention: float = 2.0
    mlp: float = 2.0
    shared: float = 2.0
    experts: float = 2.0
    cache: str = ""

    @property
    def parts(self) -> tuple[float, float, float, float]:
        """The four widths, as Model keeps them."""
        return self.attention, self.mlp, self.shared, self.experts


BFLOAT16 = Checkpoint("bf16")
_PARTS = ("attention", "mlp", "shared", "experts")
_KNOWN = "awq, gptq, fp8, fbgemm_fp8, compressed-tensors, modelopt, mxfp4"
_BITS = ("load_in_4bit", "load_in_8bit", "bits", "w_bit", "wbits")  # what says a width where no format is named
_PRECISE = "bf16", "fp16", "float16", "bfloat16", "none", ""
#: Share of attention that one projection is, about, where only some of them are left in 16 bits.
_PROJECTIONS = {"qkv_proj": 0.6, "q_proj": 0.4, "k_proj": 0.1, "v_proj": 0.1, "o_proj": 0.4, "kv_b_proj": 0.1}


class _Width(NamedTuple):
    native: str
    bytes: float
    group: int = 128


def read(data: Mapping[str, object], path: str, layers: int, dense: int, experts: bool) -> Checkpoint:
    """Return what `data` (a config.json) says of the weights of `layers` layers, of which `dense` have no experts.

    Raises MisuseError that names the file and the field for a format that is not known.
    """
    raw = data.get("quantization_config") or data.get("compression_config")
    loose = data.get("quantization")
    if not raw and isinstance(loose, dict) and loose.get("bits") is not None:
        raise MisuseError(f"{path}: field `quantization` is MLX's ({loose.get('bits')} bits): {UNSERVED}")
    if raw is None:
        return BFLOAT16
    if not isinstance(raw, dict):
        raise MisuseError(f"{path}: field `quantization_config` must be an object, is {str(raw)[:40]!r}")
    method = str(raw.get("quant_method") or raw.get("quant_algo") or "").lower()[:40]
    said = next((f for f in _BITS if raw.get(f) not in (None, False)), "")
    if said and not method and not raw.get("config_groups"):
        raise MisuseError(
            f"{path}: quantization_config says `{said}` and no `quant_method`, as bitsandbytes and MLX do: {UNSERVED}"
        )
    left = _left_alone(raw, layers, dense)
    if method == "mxfp4":
        width = _Width("mxfp4", 0.53125, 32)
        return _told(width, {**left, "attention": 1.0, "mlp": 1.0, "shared": 1.0})
    groups = raw.get("config_groups")
    algorithm = str(raw.get("quant_algo") or "").upper()
    listed = raw.get("quantized_layers")
    if isinstance(groups, dict) and groups:
        found = _of_groups(groups, raw, path, left, layers, dense)
    elif algorithm == "MIXED_PRECISION" and isinstance(listed, dict) and listed:
        found = _of_layers(listed, path, layers, dense)
    else:
        found = _told(_whole(method, algorithm, raw, path), left)
    fp4 = str(raw.get("expert_dtype") or data.get("expert_dtype") or "").lower()
    if experts and fp4 in ("fp4", "mxfp4") and not isinstance(groups, dict):
        found = found._replace(experts=0.53125)
    return found._replace(cache=_cache(raw))


def _cache(raw: Mapping[str, object]) -> str:
    """Return the KV cache's width that a checkpoint says: compressed-tensors' scheme, or ModelOpt's algorithm."""
    scheme = raw.get("kv_cache_scheme")
    if isinstance(scheme, dict):
        return "fp8" if scheme.get("num_bits") == 8 and str(scheme.get("type", "float")).lower() == "float" else ""
    return "fp8" if str(raw.get("kv_cache_quant_algo") or "").upper() == "FP8" else ""


def _told(width: _Width, left: Mapping[str, float]) -> Checkpoint:
    """Return the checkpoint in one width, but for the shares of its parts that are left in 16 bits."""
    parts = {p: width.bytes + (2.0 - width.bytes) * min(1.0, left.get(p, 0.0)) for p in _PARTS}
    return Checkpoint._make((width.native, width.group, *parts.values(), ""))


def _bits(raw: Mapping[str, object], path: str, *names: str) -> int:
    for name in names:
        value = raw.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 16:
            return value
        if value is not None:
            raise MisuseError(
                f"{path}: field `{name}` of quantization_config must be from 1 to 16 bits, is {str(value)[:40]!r}"
            )
    raise MisuseError(f"{path}: quantization_config says no bits (field `{names[0]}`)")


def _group(raw: Mapping[str, object], path: str) -> int:
    """Return the width of a group; 0 for one scale per column."""
    value = raw.get("group_size", raw.get("q_group_size"))
    if value is None or value == -1:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65_536:
        raise MisuseError(f"{path}: field `group_size` of quantization_config is no group size: {str(value)[:40]!r}")
    return value


def _four(native: str, bits: int, group: int, zeros: bool) -> _Width:
    """Return a whole-number width: the bits, a 16-bit scale per group and, with zeros, as many bits again."""
    scale = (2.0 + (bits / 8 if zeros else 0.0)) / group if group else 0.0
    return _Width(native, bits / 8 + scale, group or 1)


def _whole(method: str, algorithm: str, raw: Mapping[str, object], path: str) -> _Width:
    """Return the one width that a checkpoint without groups of modules is in."""
    # What vLLM calls its kernels for a format, and what it writes in saved configs.
    method = {"awq_marlin": "awq", "gptq_marlin": "gptq", "moe_wna16": "gptq"}.get(method, method)
    if method in ("awq", "gptq", "auto-round", "auto_round", "intel/auto-round", "gptqmodel"):
        bits = _bits(raw, path, "bits", "w_bit", "wbits")
        group = _group(raw, path) if "group_size" in raw or "q_group_size" in raw else 128
        packed = str(raw.get("packing_format") or raw.get("format") or "").lower()
        kind = "awq" if method == "awq" or "awq" in packed else "gptq"
        if bits == 4:
            return _four(kind, 4, group, zeros=True)
        if bits == 8 and kind == "gptq":
            return _four("int8-w8a16", 8, group, zeros=True)
        raise MisuseError(f"{path}: {method} in {bits} bits has no kernels in the engines sized here (4, or gptq 8)")
    if method == "fp8" or algorithm == "FP8" or method in ("fbgemm_fp8", "fp8_e4m3"):
        block = raw.get("weight_block_size")
        return _Width("fp8 (128x128 block)" if block == [128, 128] else "fp8", 1.0)
    if algorithm in ("FP8_PB_WO", "FP8_PER_CHANNEL_PER_TOKEN"):
        return _Width("fp8", 1.0)
    if algorithm in ("NVFP4", "MIXED_PRECISION", "NVFP4_AWQ", "W4A16_NVFP4"):
        return _Width("nvfp4", 0.5625, 16)
    if algorithm in ("MXFP4", "W4A8_MXFP4_FP8"):
        return _Width("mxfp4", 0.53125, 32)
    if method in _PRECISE:
        return _Width("bf16", 2.0)
    named = algorithm or method
    raise MisuseError(f"{path}: weights in {named!r} cannot be sized (field `quant_method`); known: {_KNOWN}")


def _of_weights(group: object, raw: Mapping[str, object], path: str) -> _Width:
    """Return the width that one of `config_groups` gives its weights."""
    weights = group.get("weights") if isinstance(group, dict) else None
    if not isinstance(group, dict) or not isinstance(weights, dict):
        raise MisuseError(f"{path}: a group of quantization_config.config_groups says no `weights`")
    bits, floats = _bits(weights, path, "num_bits"), str(weights.get("type", "int")).lower() == "float"
    size = _group(weights, path)
    if bits == 8 and floats:
        blocked = weights.get("strategy") == "block" or weights.get("block_structure") == [128, 128]
        return _Width("fp8 (128x128 block)" if blocked else "fp8", 1.0)
    if bits == 8:
        half = group.get("input_activations") is None
        return _four("int8-w8a16" if half else "int8", 8, size, zeros=False)
    if bits == 4 and floats:
        micro = size == 32 or "mxfp4" in str(group.get("format") or raw.get("format") or "")
        return _Width("mxfp4", 0.53125, 32) if micro else _Width("nvfp4", 0.5625, 16)
    if bits == 4:
        return _four("int4-w4a16", 4, size, zeros=weights.get("symmetric") is False)
    raise MisuseError(f"{path}: weights of {bits} bits have no kernels in the engines sized here (4 or 8)")


def _of_groups(
    groups: Mapping[str, object],
    raw: Mapping[str, object],
    path: str,
    left: Mapping[str, float],
    layers: int,
    dense: int,
) -> Checkpoint:
    """Return the checkpoint whose groups of modules have widths of their own; the routed experts' names it."""
    widths: dict[str, _Width] = {}
    last: _Width | None = None
    for group in list(groups.values())[:64]:
        last = _of_weights(group, raw, path)
        targets = group.get("targets") if isinstance(group, dict) else None
        named = targets if isinstance(targets, list) else ["Linear"]
        shares = _shares([str(t) for t in named[:MOST_MODULES]], layers, dense)
        for part in _PARTS:
            if "Linear" in named or shares.get(part, 0.0) > 0.5:
                widths.setdefault(part, last)
    if last is None or not widths:
        return _told(last or _Width("bf16", 2.0), left)
    narrow = min(widths.values(), key=lambda w: w.bytes)
    full = _Width("bf16", 2.0)
    parts = {p: _told(widths.get(p, full), left)._asdict()[p] for p in _PARTS}
    return Checkpoint._make((narrow.native, narrow.group, *parts.values(), ""))


def _of_layers(listed: Mapping[str, object], path: str, layers: int, dense: int) -> Checkpoint:
    """Return the checkpoint whose modules each say their algorithm (ModelOpt's `quantized_layers`); others are in 16 bits."""
    modules: dict[_Width, list[str]] = {}
    for name, told in list(listed.items())[:MOST_MODULES]:
        if not isinstance(told, dict) or not isinstance(told.get("quant_algo"), str):
            raise MisuseError(f"{path}: quantized_layers says no `quant_algo` of {name[:80]!r}")
        width = _whole("", told["quant_algo"].upper()[:40], told, path)
        # Blocks of Nemotron-H call all of their modules a mixer.
        modules.setdefault(width, []).append(name if "expert" in name else name.replace(".mixer.", ".attn."))
    shares = {width: _shares(names, layers, dense) for width, names in modules.items()}
    narrow = min(shares, key=lambda width: width.bytes)
    parts = []
    for part in _PARTS:
        whole = max(1.0, sum(share[part] for share in shares.values()))
        parts.append(2.0 - sum((2.0 - width.bytes) * share[part] / whole for width, share in shares.items()))
    return Checkpoint._make((narrow.native, narrow.group, *parts, ""))


def _left_alone(raw: Mapping[str, object], layers: int, dense: int) -> dict[str, float]:
    """Return which share of each part is not converted."""
    names: list[str] = []
    for field in ("modules_to_not_convert", "ignore", "ignored_layers", "exclude_modules"):
        value = raw.get(field)
        if isinstance(value, list):
            names += [v for v in value[:MOST_MODULES] if isinstance(v, str)]
    rules = raw.get("dynamic")  # GPTQModel's: "-:PATTERN" leaves modules alone
    if isinstance(rules, dict):
        names += [r[2:] for r in list(rules)[:MOST_MODULES] if isinstance(r, str) and r.startswith("-:")]
    return _shares(names, layers, dense)


def _shares(names: Iterable[str], layers: int, dense: int) -> dict[str, float]:
    """Return which share of each part's parameters the module names or patterns `names` cover, about."""
    shares = dict.fromkeys(_PARTS, 0.0)
    for name in names:
        word = name.lower().removeprefix("re:").replace("\\", "").replace("^", "").replace("$", "")
        at = _layer(word)
        if at is not None and at >= layers:
            continue  # a multi-token-prediction layer, which is not loaded
        if any(part in word for part in ("norm", "visual", "vision", "embed", "bias", "mtp", "rotary")):
            continue
        share = 1.0
        if at is None and word.strip("*.") in ("mlp", "ffn", "feed_forward"):  # all of it, experts too
            shares.update(dict.fromkeys(_PARTS[1:], 1.0))
            continue
        if "shared_expert" in word:
            part = "shared"
        elif "expert" in word:
            part = "experts"
        elif "attn" in word or "attention" in word:
            part = "attention"
            share = next((s for projection, s in _PROJECTIONS.items() if word.endswith(projection)), 1.0)
            share = 0.02 if word.endswith(("a_proj_with_mqa", "indexer", "weights_proj")) else share
        elif (
            "down_proj" in word
            or "up_proj" in word
            or "down)_proj" in word
            or "mlp*" in word
            or word.endswith((".mlp", ".mlp.*"))
        ):
            part = "mlp"
            whole = "(" in word or word.endswith(("mlp", "*"))
            share = 1.0 if whole else 1 / 3
        elif at is not None and word.rstrip(".*").endswith(f"layers.{at}"):
            for every in _PARTS:
                shares[every] += 1.0 / layers
            continue
        elif word in _PROJECTIONS:
            part, share = "attention", _PROJECTIONS[word]
        else:
            continue
        count = {"mlp": dense, "attention": layers}.get(part, layers - dense)
        shares[part] += share / max(1, count) if at is not None else share
    return {part: min(1.0, share) for part, share in shares.items()}


def _layer(word: str) -> int | None:
    """Return the number of the layer that a module's name has, or None."""
    _, mark, rest = word.partition("layers.")
    digits = rest.partition(".")[0].rstrip("*$")
    return int(digits) if mark and digits.isdigit() and len(digits) < 7 else None
