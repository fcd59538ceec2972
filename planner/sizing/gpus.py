"""GPUs by name: the datasheet of one by any of its usual names, or plainly why there is none; and who is meant."""

import os

from planner import tables
from planner.errors import MisuseError, suggest
from planner.files import DATA
from planner.records import NamedTuple
from planner.text import Text, text

__all__ = ["GpuSpec", "Missing", "find", "gpu_of", "lookup", "means", "names", "rows"]

GIB = 2**30
_DATA = os.path.join(DATA, "gpus.csv")
_MASKED = ("gpu h", "gpu h-e", "gpu b", "gpu l", "gpu k")
#: GPUs of the price lists that nobody has given us a datasheet of (a row in gpus.csv makes them known).
_UNDESCRIBED = ("gb200", "l20n", "rtxpro4500")
_AMBIGUOUS = {
    "a100": "A100-40, A100-80",
    "a100pcie": "A100-PCIE-40GB, A100-PCIE-80GB",
    "a100sxm": "A100-SXM4-40GB, A100-SXM4-80GB",
    "a100sxm4": "A100-SXM4-40GB, A100-SXM4-80GB",
    "a800": "A800-40, A800-80",
    "a800pcie": "A800-PCIE-40GB, A800-PCIE-80GB",
    "v100": "V100-16, V100-32",
    "v100sxm2": "V100-16, V100-32",
    "v100pcie": "V100-PCIE-16GB, V100-PCIE-32GB",
}


class GpuSpec(NamedTuple):
    """One GPU as its datasheet has it. Rates are dense with FP32 accumulation, in units of 10^12 a second (0: none).

    memory_gb is the printed size; usable_gib what a process sees, from `usable_source`. bandwidth_gb_s and link_gb_s
    (per direction, between GPUs of one machine) in 10^9 bytes a second. link is "nvlink", "pcie" or "host": PCIe whose
    driver gives no peer access (GeForce). share is below 1 for a slice of a GPU (vGPU): memory, bandwidth and rates are
    that share of the whole.
    """

    name: str
    family: str
    memory_gb: float
    usable_gib: float
    usable_source: str
    bandwidth_gb_s: float
    fp16_tflops: float
    bf16_tflops: float
    fp8_tflops: float
    int8_tops: float
    tdp_w: float
    compute_capability: float
    link: str
    link_gb_s: float
    aliases: tuple[str, ...]
    source: str
    confidence: str
    notes: str
    share: float = 1.0


class Missing(NamedTuple):
    """Why there is no datasheet for a name. unknown: nothing can be sized on it (else a size or an ambiguity is off)."""

    why: Text
    unknown: bool


_rows: dict[str, GpuSpec] = {}
_by_key: dict[str, GpuSpec] = {}
_found: dict[tuple[str, float | None], GpuSpec | Missing] = {}


_APART = str.maketrans("", "", "-_ ")
_MAKERS = ("nvidia", "tesla", "geforce", "amdradeon", "amd")


def _key(name: str) -> str:
    """Return `name` in lower case without spaces, dashes, underscores and a vendor's prefix."""
    key = name.lower().translate(_APART)
    if key.startswith(_MAKERS):
        for prefix in _MAKERS:
            key = key.removeprefix(prefix)
    # "80G" for "80GB", at the end: L20N 48G and the like are whole names, looked up before.
    return key + "b" if key[-1:] == "g" and key[-3:-1].isdigit() else key


def rows() -> dict[str, GpuSpec]:
    """Return all datasheets by name, in the order of planner/data/gpus.csv (read once)."""
    if not _rows:
        for r, _ in tables.read(_DATA)[1]:
            numbers = [float(x) for x in r[5:12]]
            spec = GpuSpec._make(
                (
                    *r[:2],
                    float(r[2]),
                    float(r[3]),
                    r[4],
                    *numbers,
                    r[12],
                    float(r[13]),
                    tuple(r[14].split()),
                    *r[15:18],
                    1.0,
                )
            )
            _rows[spec.name] = spec
            for alias in (spec.name, *spec.aliases):
                _by_key[_key(alias)] = spec
    return _rows


def names() -> list[str]:
    """Return every name and alias by which a GPU is found."""
    return [alias for spec in rows().values() for alias in (spec.name, *spec.aliases)]


def _slice(name: str, memory_gib: float | None) -> GpuSpec | Missing | None:
    """Return the share of a GPU that `"T4 (1/4 vGPU)"` names, or None when `name` is not a slice."""
    head, mark, tail = name.partition("(")
    part = tail.partition("/")
    number = part[2].split(" ")[0].rstrip(")")
    if not mark or part[0].strip() != "1" or not number.isdigit() or int(number) < 2:
        return None
    share = 1 / int(number)
    whole = lookup(head.strip(), memory_gib / share if memory_gib else None)
    if isinstance(whole, Missing):
        return whole
    return whole._replace(
        name=f"{whole.name} (1/{number} vGPU)",
        memory_gb=whole.memory_gb * share,
        usable_gib=whole.usable_gib * share,
        bandwidth_gb_s=whole.bandwidth_gb_s * share,
        fp16_tflops=whole.fp16_tflops * share,
        bf16_tflops=whole.bf16_tflops * share,
        fp8_tflops=whole.fp8_tflops * share,
        int8_tops=whole.int8_tops * share,
        share=share,
    )


def find(name: str, memory_gib: float | None = None) -> GpuSpec:
    """Return the datasheet for `name`; `memory_gib` (as the vendor prints it) tells variants apart.

    Raises MisuseError for an unknown name (with near matches), for a name that fits several sizes when no memory is
    given, for a memory that no variant has, and for a name that the vendor masks: those are never guessed.
    """
    found = lookup(name, memory_gib)
    if isinstance(found, Missing):
        raise MisuseError(found.why)
    return found


def lookup(name: str, memory_gib: float | None = None) -> GpuSpec | Missing:
    """Return what `find` does, or why there is none; the same question gets the same object."""
    known = _found.get((name, memory_gib))
    if known is None:
        known = _found[(name, memory_gib)] = _lookup(name, memory_gib)
    return known


def _lookup(name: str, memory_gib: float | None) -> GpuSpec | Missing:
    all_rows = rows()
    word = " ".join(name.split())
    if word.lower() in _MASKED:
        return Missing(text("no datasheet for {gpu}: the vendor masks its name", gpu=word), unknown=False)
    if _key(_whole(word)) in _UNDESCRIBED:
        return Missing(
            text(
                "no datasheet for {gpu}: it is sold, but what it delivers is not known here, so nothing is sized on it",
                gpu=word,
            ),
            unknown=True,
        )
    part = _slice(word, memory_gib)
    if part is not None:
        return part
    key = _key(word)
    spec = _by_key.get(key)
    if memory_gib:
        # Vendors print GB or GiB, before or after ECC (24, 22.35): a variant matches within 12 %.
        stem = key if spec is None else _key(spec.name.split("-")[0])
        near = [s for s in ([spec] if spec else []) if abs(s.memory_gb - memory_gib) <= 0.12 * s.memory_gb]
        near = near or [
            s
            for s in all_rows.values()
            if _key(s.name.split("-")[0]) == stem and abs(s.memory_gb - memory_gib) <= 0.12 * s.memory_gb
        ]
        if near:
            return near[0]
        if spec is not None or any(_key(s.name.split("-")[0]) == stem for s in all_rows.values()):
            return Missing(
                text("no datasheet for {gpu} with {gib} GiB", gpu=word, gib=f"{memory_gib:g}"), unknown=False
            )
    elif spec is not None:
        return spec
    elif key in _AMBIGUOUS:
        sizes = _AMBIGUOUS[key].replace(", ", " or ")
        return Missing(
            text("GPU {gpu} comes in several sizes: say {sizes}", gpu=repr(word), sizes=sizes), unknown=False
        )
    if memory_gib:  # a machine's own GPU: no slip of the keyboard, and looking for near names takes 4 ms
        return Missing(text("no datasheet for GPU {gpu}", gpu=repr(word)), unknown=True)
    advice = suggest(word, names())
    hint = text(advice.said, **advice.told(", "))
    return Missing(text("no datasheet for GPU {gpu}: {hint}", gpu=repr(word), hint=hint), unknown=True)


def means(asked: str, model: str) -> bool:
    """Say whether `asked` ("A100", "A100-80", "h20", the full name) means the GPU that a cloud calls `model`.

    Unlike `find` it takes a family for all its sizes: a filter of offers may be wide, a datasheet may not be guessed.
    """
    want = _letters(asked)
    have = _letters(model)
    if want == have or want == _letters(_whole(model).split("-")[0].split(" (")[0]):
        return True
    # "A100-80" and "A100-80GB" for "A100-SXM4-80GB"
    family, _, memory = asked.partition("-")
    if not memory:
        return False
    return have.startswith(_letters(family)) and have.removesuffix("gb").endswith(_letters(memory).removesuffix("gb"))


def _whole(model: str) -> str:
    """Return a vendor's name of a GPU without the memory that may end it ("L20N 48G")."""
    name, _, last = model.rpartition(" ")
    return name if name and last[-1:] == "G" and last[:-1].isdigit() else model


def _letters(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


def gpu_of(name: str, memory_gib: float | None, number: float) -> GpuSpec | Missing:
    """Return the datasheet of an instance's GPU, or of its share of one; or why there is none."""
    gpu = lookup(name, memory_gib)
    if not isinstance(gpu, Missing) and 0 < number < 1 and gpu.share == 1:
        return lookup(f"{gpu.name} (1/{round(1 / number)} vGPU)")
    return gpu
