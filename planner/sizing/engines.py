"""Inference engines: which one a GPU gets by default, and which precision runs on which GPU in which engine."""

from planner.errors import MisuseError, suggest
from planner.records import NamedTuple
from planner.sizing.gpus import GpuSpec
from planner.sizing.models import Model

__all__ = ["Engine", "default", "note", "parse", "refusal"]

VLLM = "0.33.0"  # newest on PyPI on 2026-11-23; read from the wheel: sm75 and newer
LMDEPLOY = "0.18.0"  # newest on PyPI on 2026-11-23; its wheel ships sm70 kernels
LAST_SM70_VLLM = (0, 19)  # 0.19.1 is the last vLLM wheel with sm70 kernels, 0.20 has none

_NAMES = {
    "vllm": "vLLM",
    "lmdeploy": "LMDeploy",
    "sglang": "SGLang",
    "tensorrt-llm": "TensorRT-LLM",
    "tgi": "TGI",
    "1cat-vllm": "1Cat-vLLM",
}
_ALIASES = {
    "lmdeploy-turbomind": "lmdeploy",
    "turbomind": "lmdeploy",
    "nim": "tensorrt-llm",
    "trt-llm": "tensorrt-llm",
    "trtllm": "tensorrt-llm",
    "tensorrt_llm": "tensorrt-llm",
    "text-generation-inference": "tgi",
}
_DEFAULT_VERSION = {"vllm": VLLM, "lmdeploy": LMDEPLOY}


class Engine(NamedTuple):
    """An engine: `key` in lower case, `version` as given ("" = not said), `number` its first two parts, or ()."""

    key: str
    version: str
    number: tuple[int, ...]

    @property
    def label(self) -> str:
        """The name as printed, e.g. `vLLM@0.33.0`."""
        return f"{_NAMES[self.key]}@{self.version}" if self.version else _NAMES[self.key]


def _numbers(version: str) -> tuple[int, ...]:
    """Return the leading two numbers of `0.20.1+x`, `2024` or `0.9.3(2023)`; () when there is none."""
    parts: list[int] = []
    for word in version.lstrip("vV").split(".")[:2]:
        digits = ""
        for letter in word:
            if not letter.isdigit():
                break
            digits += letter
        if not digits:
            break
        parts.append(int(digits[:6]))
        if len(digits) < len(word):
            break
    return tuple(parts)


def parse(text: str) -> Engine:
    """Return the engine that `NAME` or `NAME@VERSION` names; without a version it is the one we plan with today.

    Raises MisuseError for a name we do not know.
    """
    name, _, version = text.strip().partition("@")
    key = name.strip().lower().partition("(")[0].strip()
    key = _ALIASES.get(key, key)
    if key not in _NAMES:
        raise MisuseError(f"unknown engine {name!r}: {suggest(key, list(_NAMES))}")
    version = version.strip() or _DEFAULT_VERSION.get(key, "")
    if version and not _numbers(version):
        raise MisuseError(f"engine version {version!r} is not a version: write NAME@VERSION, e.g. vllm@{VLLM}")
    return Engine(key, version, _numbers(version))


_ON_V100 = Engine("lmdeploy", LMDEPLOY, _numbers(LMDEPLOY))
_ON_OTHERS = Engine("vllm", VLLM, _numbers(VLLM))


def default(gpu: GpuSpec) -> Engine:
    """Return the engine we plan with on `gpu`: current vLLM, but LMDeploy TurboMind on V100 (no sm70 in vLLM 0.20+)."""
    return _ON_V100 if gpu.compute_capability == 7.0 else _ON_OTHERS


def _floor(engine: Engine) -> float:
    """Return the lowest compute capability that `engine` has kernels for."""
    if engine.key == "vllm":
        year = bool(engine.number) and engine.number[0] >= 2000
        return 7.0 if year or engine.number <= LAST_SM70_VLLM else 7.5
    return {"lmdeploy": 7.0, "tgi": 7.0, "1cat-vllm": 7.0, "sglang": 8.0, "tensorrt-llm": 8.0}[engine.key]


def refusal(engine: Engine, gpu: GpuSpec, precision: str, model: Model) -> str:
    """Return why `engine` cannot run `model` at `precision` on `gpu`, or "" when it can.

    Sources: vLLM docs/features/quantization and the kernels in its wheels, LMDeploy's install page and wheel, read on
    2026-11-23; see docs/sizing.md.
    """
    cc = gpu.compute_capability
    on = f"{gpu.name} (compute capability {cc:g})"
    if cc == 0:
        return f"{gpu.name} is no CUDA GPU: only NVIDIA GPUs are sized"
    floor = _floor(engine)
    if cc < floor:
        hint = "; leave --engine out to use LMDeploy TurboMind" if cc == 7.0 else ""
        return f"{engine.label} has no kernels for {on}: it needs {floor:g} or newer{hint}"
    if precision == "bf16" and (cc < 8.0 or not gpu.bf16_tflops):
        return f"{on} has no bf16: use fp16"
    if precision == "fp8" and cc < 8.0:
        return f"{on} has no fp8, not even for weights only: use fp16 or int4"
    if engine.key == "lmdeploy":
        if precision in ("int8", "int8-w8a16"):
            return f"LMDeploy TurboMind has no {precision}: use fp16 or int4-awq"
        if precision == "fp8" and cc < 8.9:
            return f"LMDeploy TurboMind has no fp8 on {on}"
        if precision.startswith("int4") and model.mla:
            return f"LMDeploy TurboMind runs {model.name} in 16 bits only"
    if precision == "int4-awq" and cc < 7.5 and engine.key in ("vllm", "tgi"):
        return f"AWQ in {engine.label} needs compute capability 7.5, {gpu.name} has {cc:g}"
    if precision == "int8" and (cc < 7.5 or not gpu.int8_tops):
        return f"{gpu.name} has no INT8 tensor cores for int8 (W8A8)"
    if precision == "int8-w8a16" and cc < 7.5 and engine.key == "vllm":
        return f"int8-w8a16 in {engine.label} needs compute capability 7.5, {gpu.name} has {cc:g}"
    if precision == "fp8" and cc < 8.9 and engine.key == "tensorrt-llm":
        return f"TensorRT-LLM has no fp8 on {on}"
    return ""


def note(engine: Engine, gpu: GpuSpec, precision: str, model: Model) -> tuple[str, ...]:
    """Return what a reader must know about a combination that runs."""
    cc = gpu.compute_capability
    notes: list[str] = []
    if precision == "fp8" and cc < 8.9:
        notes.append(f"{gpu.name} has no fp8 arithmetic: weights are stored in fp8 and computed in 16 bits (W8A16)")
    if precision == "int4-awq" and cc == 7.0:
        notes.append("int4-awq on V100 depends on the model in LMDeploy TurboMind (issues 2332, 4558): try it first")
    if precision == "int4-gptq" and cc == 7.0 and engine.key == "vllm":
        notes.append("int4-gptq on V100 uses a slow kernel in vLLM")
    if precision in ("fp16", "bf16") and model.native_precision.startswith("fp8"):
        notes.append(f"{model.name} is published in fp8: {precision} doubles its weights without adding quality")
    if cc == 7.0 and engine.key == "lmdeploy":
        notes.append("V100 rows were measured with vLLM 0.7.3, LMDeploy rows on A100: their combination is a model's")
    if cc == 7.0 and engine.key == "vllm":
        notes.append("vLLM on V100 ends with 0.19.1, and needs patches there; driver branch R580 is the last for V100")
    return tuple(notes)
