"""Which engine, which version of it and which image: the one room for that question.

planner/data/engines.csv has a row for each build that can be deployed: version, CUDA, drivers, compute capabilities,
image and digest. `rank` is the order of choice; a row without a rank is taken only when its version is asked for. A
cloud says what its hosts are (driver, market) in its home; quote, `size`, the module and its README ask here and name
the same build. What a build can run on a GPU is in planner/data/kernels.csv (support.py), how a width is served in
serving.py, what is wrong with a version in advisories.py.
"""

from __future__ import annotations

import os
from functools import lru_cache

from planner import tables
from planner.errors import MisuseError, suggest
from planner.files import DATA
from planner.records import NamedTuple
from planner.sizing import kernels
from planner.sizing.gpus import GpuSpec
from planner.text import Text, text

__all__ = [
    "ANYWHERE",
    "Build",
    "Choice",
    "Engine",
    "Host",
    "builds",
    "choose",
    "default",
    "flags",
    "named",
    "no_cuda",
    "parse",
    "row",
]

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
NOTHING = Text("")


class Host(NamedTuple):
    """What an engine finds on a cloud's instance: name of the cloud, driver ("595.91.07", "": any), market.

    market: "mainland" or "abroad" where images differ by it, "" when it does not matter.
    """

    name: str = ""
    driver: str = ""
    market: str = ""

    @property
    def branch(self) -> int:
        """The driver's branch, 0 when any will do."""
        return int(self.driver.split(".")[0]) if self.driver else 0


ANYWHERE = Host()


def named(gpu: GpuSpec) -> dict[str, str]:
    """Return a GPU's name and compute capability as the sentences say them."""
    return {"gpu": gpu.name, "cc": f"{gpu.compute_capability:g}"}


def no_cuda(gpu: GpuSpec) -> Text:
    """Return why a GPU of another maker is not sized."""
    return text("{gpu} is no CUDA GPU: only NVIDIA GPUs are sized", gpu=gpu.name)


class Engine(NamedTuple):
    """An engine: `key` in lower case, `version` as given ("" = not said), `number` its first two parts, or ()."""

    key: str
    version: str
    number: tuple[int, ...]

    @property
    def label(self) -> str:
        """The name as printed, e.g. `vLLM@0.31.0`."""
        return f"{_NAMES[self.key]}@{self.version}" if self.version else _NAMES.get(self.key, "")


class Build(NamedTuple):
    """One row of planner/data/engines.csv. rank 0: only when asked for. driver_max 0: open. digest "": not known.

    image: repository:tag as somebody was seen using it, "" when nobody was.
    """

    rank: int
    engine: Engine
    cuda: str
    driver_min: int
    driver_max: int
    capabilities: tuple[float, ...]
    market: str
    image: str
    digest: str
    source: str
    as_of: str
    note: str

    def takes(self, host: Host) -> bool:
        """Whether the build runs under the host's driver and is for its market."""
        if host.market and self.market not in ("", host.market):
            return False
        return not host.branch or (
            self.driver_min <= host.branch and (not self.driver_max or host.branch <= self.driver_max)
        )


class Choice(NamedTuple):
    """What a GPU on a host gets. build None: the version is in no row, so it can be sized but not deployed.

    refused: why there is nothing, an empty text otherwise.
    """

    engine: Engine
    build: Build | None
    refused: Text = NOTHING


_builds: list[Build] = []


def builds() -> list[Build]:
    """Return the table, in the order of choice; rows that must be asked for stand last. Read once."""
    if not _builds:
        found = [
            Build(
                rank=int(r[0] or 0),
                engine=Engine(r[1], r[2], kernels.numbers(r[2])),
                cuda=r[3],
                driver_min=int(r[4]),
                driver_max=int(r[5] or 0),
                capabilities=tuple(float(c) for c in r[6].split()),
                market=r[7],
                image=r[8],
                digest=r[9],
                source=r[10],
                as_of=r[11],
                note=r[12],
            )
            for r, _ in tables.read(os.path.join(DATA, "engines.csv"))[1]
        ]
        _builds.extend(sorted(found, key=lambda b: b.rank or len(found) + 1))
    return _builds


def parse(words: str) -> Engine:
    """Return the engine that `NAME` or `NAME@VERSION` names; without a version it is the table's first choice.

    Raises MisuseError for a name we do not know.
    """
    name, _, version = words.strip().partition("@")
    key = name.strip().lower().partition("(")[0].strip()
    key = _ALIASES.get(key, key)
    if key not in _NAMES:
        raise MisuseError("unknown engine {name!r}: {near}", name=name, near=suggest(key, list(_NAMES)))
    version = version.strip() or next((b.engine.version for b in builds() if b.engine.key == key), "")
    if version and not kernels.numbers(version):
        newest = builds()[0].engine.version
        raise MisuseError(
            "engine version {version!r} is not a version: write NAME@VERSION, e.g. vllm@{newest}",
            version=version,
            newest=newest,
        )
    return Engine(key, version, kernels.numbers(version))


def default(gpu: GpuSpec, host: Host = ANYWHERE) -> Engine:
    """Return the engine that `gpu` gets on `host`; where nothing runs, the one that the table would take first."""
    chosen = choose(gpu, host)
    return builds()[0].engine if chosen.refused else chosen.engine


@lru_cache(maxsize=1024)
def choose(gpu: GpuSpec, host: Host = ANYWHERE, asked: str = "") -> Choice:
    """Return the build that `gpu` gets on `host`: the first that runs there, or what `asked` (NAME[@VERSION]) names.

    A version in no row is an answer too (it can be sized); a version whose rows the host's driver does not take is
    refused. Raises MisuseError only for an unknown name.
    """
    wanted = parse(asked) if asked else None
    capability = gpu.compute_capability
    nobody = wanted or Engine("", "", ())
    if not capability:
        return Choice(nobody, None, no_cuda(gpu))
    if not any(capability in build.capabilities for build in builds()):
        return Choice(
            nobody,
            None,
            text("there are no kernels for {gpu} (compute capability {cc}) in any engine's build", **named(gpu)),
        )
    last = kernels.last_branch(capability)
    if host.branch and last and host.branch > last:
        return Choice(
            nobody,
            None,
            text(
                "R{last} is the last branch for {gpu}, the driver here is {driver}",
                driver=host.driver,
                gpu=gpu.name,
                last=last,
            ),
        )
    if wanted is not None:
        return _asked(wanted, "@" in asked, gpu, host)
    for build in builds():
        if build.rank and build.takes(host) and capability in build.capabilities:
            return Choice(build.engine, build)
    why = text("no build of the engine table runs on {gpu} under driver {driver}", gpu=gpu.name, driver=host.driver)
    return Choice(nobody, None, why)


def _asked(wanted: Engine, exact: bool, gpu: GpuSpec, host: Host) -> Choice:
    """Return the choice among the rows of the engine that was asked for."""
    rows = [
        b for b in builds() if b.engine.key == wanted.key and (b.engine.version == wanted.version if exact else b.rank)
    ]
    if not rows and not exact:  # an engine that is never taken by itself: the first of its rows
        rows = [b for b in builds() if b.engine == wanted]
    fit = [b for b in rows if gpu.compute_capability in b.capabilities]
    for build in fit:
        if build.takes(host):
            return Choice(build.engine, build)
    if fit and host.branch:
        newest = fit[0]
        return Choice(
            newest.engine,
            None,
            text(
                "{engine} is a CUDA {cuda} build and needs driver {low} or newer, not {driver}",
                engine=newest.engine.label,
                cuda=newest.cuda,
                low=newest.driver_min,
                driver=host.driver,
            )
            if newest.driver_min > host.branch
            else text(
                "no build of {engine} is for {where}", engine=newest.engine.label, where=host.market or host.name
            ),
        )
    return Choice(wanted, None)


def row(build: Build, gpu: GpuSpec) -> Text:
    """Return which row of the table `build` is, in words: the engine and the drivers that it is deployed on."""
    last = build.driver_max or kernels.last_branch(gpu.compute_capability)
    if last:
        return text(
            "{engine} as deployed on drivers {low} to {high}",
            engine=build.engine.label,
            low=build.driver_min,
            high=last,
        )
    return text("{engine} as deployed on drivers >= {low}", engine=build.engine.label, low=build.driver_min)


def flags(key: str, version: str) -> frozenset[str]:
    """Return the flags that were read in the source of this very version (planner/data/flags.csv)."""
    import csv

    with open(os.path.join(DATA, "flags.csv"), encoding="utf-8", newline="") as file:
        return frozenset(r[1] for r in csv.reader(file) if r[0] == key and version in r[2].split())
