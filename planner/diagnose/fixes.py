"""The computed part of a fix: what fits, runs or is needed, from the numbers of the log and from the sizing of the workload.

A fix says nothing where neither knows enough: then the sentence of the table stands alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from planner.errors import MisuseError
from planner.offer import InstanceType
from planner.precisions import PRECISIONS
from planner.records import NamedTuple
from planner.sizing import Sizing, engines, gpus, kernels, support
from planner.sizing.engines import Host
from planner.sizing.fit import model_of, settled
from planner.sizing.gpus import GpuSpec, Missing
from planner.sizing.machine import on_machine
from planner.sizing.memory import weight_bytes
from planner.text import Text, text
from planner.workload import Workload

__all__ = ["Setting", "fix"]

#: Tokens in a block of the KV cache: a context is a whole number of them.
_BLOCK = 16
_DEGREES = (1, 2, 4, 8, 16)
GIB = 2**30


class Setting(NamedTuple):
    """What the log is of. work: the workload, None where nobody said it; gpu: the GPU's name, "" where it is not known; cards: how many;
    instance: the instance type, None where it is not one; driver: the driver's version as the log has it, "" where it does not.
    """

    work: Workload | None = None
    gpu: str = ""
    cards: float = 1.0
    instance: InstanceType | None = None
    driver: str = ""

    @property
    def spec(self) -> GpuSpec | None:
        """The GPU's datasheet, None where no GPU is known."""
        found = gpus.lookup(self.gpu) if self.gpu else None
        return None if found is None or isinstance(found, Missing) else found


def fix(name: str, values: Mapping[str, str], setting: Setting) -> tuple[Text, ...]:
    """Return the sentences of the fix `name` (column `fix` of the table) for what the log says and the setting."""
    return tuple(_FIXES[name](values, setting)) if name else ()


def _number(word: str) -> float:
    """Return the number that a word begins with, nan where it begins with none."""
    digits = ""
    for letter in word.replace(",", ""):
        if not (letter.isdigit() or letter == "."):
            break
        digits += letter
    try:
        return float(digits)
    except ValueError:
        return math.nan


def _context(tokens: float) -> list[Text]:
    if not tokens >= _BLOCK:
        return [text("not one request fits: the weights leave no room (more GPUs, or a smaller precision)")]
    fits = int(tokens // _BLOCK) * _BLOCK
    return [text("--max-model-len {n} fits", n=fits)]


def _held(values: Mapping[str, str], setting: Setting) -> list[Text]:
    held = _number(values["held"])
    return [*_context(held), *_sized(setting), *_apart(setting, held)]


def _said(values: Mapping[str, str], setting: Setting) -> list[Text]:
    asked, need, have = (_number(values[name]) for name in ("asked", "need", "have"))
    fits = _number(values["fits"])
    return [*_context(fits), *_sized(setting), *_apart(setting, fits, need / asked if asked > 0 else math.nan, have)]


def _needed(values: Mapping[str, str], setting: Setting) -> list[Text]:
    asked, need, have = (_number(values[name]) for name in ("asked", "need", "have"))
    if not need > 0:
        return _sized(setting)
    fits = asked * have / need
    return [*_context(fits), *_sized(setting), *_apart(setting, fits, need / asked if asked > 0 else math.nan, have)]


def _derived(values: Mapping[str, str], setting: Setting) -> list[Text]:
    own = _number(values["derived"].rpartition("=")[2])
    if math.isnan(own):
        own = next((n for n in map(_number, values["derived"].replace("=", " ").split()) if n > 0), math.nan)
    return [] if math.isnan(own) else [text("--max-model-len {n} fits", n=int(own))]


def _degrees(values: Mapping[str, str], setting: Setting) -> list[Text]:
    heads = _number(values["heads"])
    if not heads >= 1:
        return []
    fine = ", ".join(str(k) for k in _DEGREES if heads % k == 0)
    return [text("tensor parallel sizes that divide {heads}: {fine}", heads=int(heads), fine=fine)]


def _share(values: Mapping[str, str], setting: Setting) -> list[Text]:
    free, total = _number(values["free"]), _number(values["total"])
    if not 0 < free <= total:
        return []
    share = math.floor(free / total * 100 - 1) / 100
    said = [text("{gib} GiB are held by something else", gib=f"{total - free:.2f}")]
    return [*said, text("--gpu-memory-utilization {share} would start", share=share)] if share > 0 else said


def _size(setting: Setting, **changed: Any) -> Sizing | None:
    """Return what the sizing says of the machine, None where workload or GPU are not known."""
    if setting.work is None or not setting.gpu:
        return None
    cards = float(changed.pop("cards", setting.cards))
    memory = setting.instance.gpu_memory_gib if setting.instance is not None else None
    try:
        return on_machine(
            setting.work._replace(**changed), setting.gpu, cards, None if memory is None else float(memory)
        )
    except MisuseError:
        return None


def _sized(setting: Setting) -> list[Text]:
    """Say what the KV cache of the machine holds by the sizing."""
    found = _size(setting, concurrency=1)
    if found is None or found.memory is None:
        return []
    return [
        text(
            "by the sizing {cards} x {gpu} hold {model} at {precision} and {tokens} tokens of KV cache",
            cards=int(setting.cards) or 1,
            gpu=setting.gpu,
            model=found.model,
            precision=found.precision,
            tokens=found.memory.max_concurrent_tokens,
        )
    ]


def _apart(setting: Setting, said: float, each: float = math.nan, have: float = math.nan) -> list[Text]:
    """Say why the log's context is another than what the sizing holds, where they lie more than a tenth apart.

    said: tokens that fit by the log; each, have: GiB of KV cache that a token takes, and that were left, on one GPU.
    """
    found = _size(setting, concurrency=1)
    if found is None or found.memory is None or found.layout is None or not said >= 1:
        return []
    mine, memory, tp = found.memory.max_concurrent_tokens, found.memory, found.layout.tp
    if mine < 1 or abs(mine / said - 1) < 0.1:
        return []
    why = []
    kib = memory.kv_gib_per_1k_tokens / 1000 / tp * GIB / 1024
    if each > 0 and abs(each * GIB / 1024 / kib - 1) >= 0.1:
        key = "why: a token takes {said} KiB of a GPU in the log and {mine} by the sizing: another model, tensor parallel size or width of the KV cache runs there"
        why.append(text(key, said=f"{each * GIB / 1024:.0f}", mine=f"{kib:.0f}"))
    left = (memory.available_gib - memory.weights_gib - memory.overhead_gib) / tp
    if have > 0 and abs(have / left - 1) >= 0.1:
        key = "why: the log's engine had {said} GiB of a GPU for the KV cache, the sizing leaves {mine}: "
        key += "it was given less of the GPU (--gpu-memory-utilization, another process on it, CUDA graphs), or another precision or number of GPUs runs there"
        if have > left:
            key = "why: the log's engine had {said} GiB of a GPU for the KV cache, the sizing leaves {mine}: "
            key += "it was given more of the GPU (--gpu-memory-utilization), or another precision or number of GPUs runs there"
        why.append(text(key, said=f"{have:.2f}", mine=f"{left:.2f}"))
    if not why:
        key = "why: the log does not say what its engine had: --gpu-memory-utilization, precision, number of GPUs or another process on them differ from what was sized"
        why.append(text(key))
    return why


def _partition(values: Mapping[str, str], setting: Setting) -> list[Text]:
    """Say by how much smaller a tensor parallel size cuts the weights evenly."""
    size, least = _number(values["size"]), _number(values["multiple"])
    if not (size >= 1 and least >= 1):
        return []
    times = int(least) // math.gcd(int(size), int(least))
    if times not in _DEGREES:
        return []
    key = "a tensor parallel size {n} times smaller gives a GPU {size}, which {least} divides; where it is 1 already, only weights in another format help"
    return [text(key, n=times, size=int(size) * times, least=int(least))]


def _memory(values: Mapping[str, str], setting: Setting) -> list[Text]:
    """Say whether the model fits by the sizing, and if it does not, with how many GPUs or at which precision it would."""
    if setting.work is None or not setting.gpu:
        return []
    found = _size(setting)
    if found is not None and found.fits:
        return _sized(setting)
    said: list[Text] = []
    for cards in _DEGREES:
        if cards > setting.cards:
            more = _size(setting, cards=cards)
            if more is not None and more.fits:
                said.append(
                    text("it fits {n} x {gpu} at {precision}", n=cards, gpu=setting.gpu, precision=more.precision)
                )
                break
    fine = [p for p in PRECISIONS if (s := _size(setting, precision=p)) is not None and s.fits]
    if fine:
        said.append(
            text("on {n} x {gpu} it fits at: {fine}", n=int(setting.cards) or 1, gpu=setting.gpu, fine=", ".join(fine))
        )
    return said or [text("by the sizing no number of {gpu} up to 16 holds it", gpu=setting.gpu)]


def _seen_gpu(values: Mapping[str, str], setting: Setting) -> GpuSpec | None:
    """Return the GPU that the line names, else the setting's; by its compute capability where nothing else is known."""
    if values.get("gpu"):
        named = gpus.lookup(values["gpu"])
        if not isinstance(named, Missing):
            return named
    capability, mine = _number(values.get("capability", "")), setting.spec
    if math.isnan(capability) or (mine is not None and mine.compute_capability == capability):
        return mine
    return next((s for s in gpus.rows().values() if s.compute_capability == capability), mine)


def _build(values: Mapping[str, str], setting: Setting) -> list[Text]:
    """Say which build of which engine has kernels for the GPU."""
    spec = _seen_gpu(values, setting)
    if spec is None:
        return [text("name the GPU (--gpu) and the build that runs there is named here")]
    choice = engines.choose(spec, Host(driver=setting.driver))
    if choice.build is None:
        return [choice.refused] if choice.refused else []
    return [text("{gpu} runs {engine}: {image}", gpu=spec.name, engine=choice.engine.label, image=choice.build.image)]


def _precisions(values: Mapping[str, str], setting: Setting) -> list[Text]:
    """Say at which precisions the model runs there."""
    spec = _seen_gpu(values, setting)
    if spec is None:
        return [text("name the GPU (--gpu) and the build that runs there is named here")]
    engine = engines.default(spec, Host(driver=setting.driver))
    model = model_of(settled(setting.work or Workload()))
    fine = [p for p in PRECISIONS if not support.refusal(engine, spec, p, model)]
    return [
        text(
            "compute capability {cc} runs {model} on {engine} at: {fine}",
            cc=f"{spec.compute_capability:g}",
            model=model.name,
            engine=engine.label,
            fine=", ".join(fine) or "-",
        )
    ]


def _driver(values: Mapping[str, str], setting: Setting) -> list[Text]:
    """Say which engine runs under the driver that is there, and what driver the newest engine needs."""
    said: list[Text] = []
    spec = setting.spec
    newest = engines.builds()[0]
    if spec is not None:
        best = engines.choose(spec)
        newest = best.build or newest
        here = engines.choose(spec, Host(driver=setting.driver)) if setting.driver else None
        if here is not None and here.build is not None:
            said.append(
                text(
                    "under driver {driver} {gpu} runs {engine}: {image}",
                    driver=setting.driver,
                    gpu=spec.name,
                    engine=here.engine.label,
                    image=here.build.image,
                )
            )
    spoken = kernels.numbers(values.get("found", ""))
    if spoken:
        older = [b for b in engines.builds() if b.cuda and kernels.numbers(b.cuda) <= spoken]
        if older and not said:
            said.append(
                text(
                    "CUDA {cuda} runs {engine}: {image}",
                    cuda=values["found"],
                    engine=older[0].engine.label,
                    image=older[0].image,
                )
            )
    said.append(
        text(
            "{engine} is a CUDA {cuda} build and needs driver {low} or newer",
            engine=newest.engine.label,
            cuda=newest.cuda,
            low=newest.driver_min,
        )
    )
    return said


def _weights(setting: Setting) -> tuple[str, str, float] | None:
    """Return (model, precision, bytes of its weights), None where no workload is known."""
    if setting.work is None:
        return None
    work = settled(setting.work)
    model = model_of(work)
    return model.name, work.precision, weight_bytes(model, work.precision)


def _disk(values: Mapping[str, str], setting: Setting) -> list[Text]:
    found = _weights(setting)
    if found is None:
        return []
    key = "the weights of {model} at {precision} are {gb} GB, beside the engine's image and the logs"
    return [text(key, model=found[0], precision=found[1], gb=f"{found[2] / 1e9:.1f}")]


def _ram(values: Mapping[str, str], setting: Setting) -> list[Text]:
    found = _weights(setting)
    if found is None or setting.instance is None:
        return []
    key = "{type} has {ram} GiB of memory, and the weights of {model} are {gib} GiB"
    return [
        text(
            key,
            type=setting.instance.name,
            ram=setting.instance.memory_gib,
            model=found[0],
            gib=f"{found[2] / GIB:.1f}",
        )
    ]


def _gated(values: Mapping[str, str], setting: Setting) -> list[Text]:
    """Name the page on which the terms are accepted."""
    where = values.get("url", "") or values.get("model", "")
    parts = where.partition("://")[2].split("/") if "://" in where else ["huggingface.co", *where.split("/")]
    parts = [p for p in parts if p not in ("api", "models")]
    if len(parts) < 3 or not all(parts[:3]):
        return []
    return [text("its page: https://{host}/{owner}/{name}", host=parts[0], owner=parts[1], name=parts[2].rstrip("."))]


_FIXES: dict[str, Callable[[Mapping[str, str], Setting], list[Text]]] = {
    "memory": _memory,
    "partition": _partition,
    "context_held": _held,
    "context_said": _said,
    "context_needed": _needed,
    "share": _share,
    "degrees": _degrees,
    "derived": _derived,
    "build": _build,
    "precisions": _precisions,
    "driver": _driver,
    "disk": _disk,
    "ram": _ram,
    "gated": _gated,
}
