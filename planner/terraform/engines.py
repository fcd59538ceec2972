"""Chooses driver, engine and images for a GPU on a cloud from planner/data/versions.csv, and refuses what cannot run."""

from __future__ import annotations

import csv
import os
from decimal import Decimal

from planner.sizing import gpus
from planner.errors import MisuseError
from planner.files import DATA
from planner.records import NamedTuple
from planner.sizing import engines as sizing_engines
from planner.terraform.deployment import Deployment, Image, Stack

__all__ = ["MIN_NODE_GBPS", "Version", "check_layout", "packages", "refusal", "stack", "versions"]

#: Network that pipeline stages on several instances need, Gbps. One boundary moves hidden x 2 bytes a token (14 KB for
#: DeepSeek-R1: 1.1 Gbps at 10,000 tokens/s), so this leaves room for bursts of prefill and for the model's download.
MIN_NODE_GBPS = Decimal(25)

_DATA = os.path.join(DATA, "versions.csv")
_MONITORING = ("proxy", "prometheus", "grafana", "dcgm_exporter", "node_exporter")


class Version(NamedTuple):
    """One row of planner/data/versions.csv. provider, market ("mainland", "abroad"): "" means any.

    reference: an image's repository:tag, a package's name, or what installs a driver ("image": the machine image has
    it). driver_min: lowest driver branch that the row runs on, "" where it does not matter.
    """

    role: str
    provider: str
    market: str
    engine: str
    version: str
    reference: str
    digest: str
    cuda: str
    driver_min: str
    source: str
    as_of: str
    note: str


_rows: list[Version] = []


def versions() -> list[Version]:
    """Return the table, read once."""
    if not _rows:
        with open(_DATA, encoding="utf-8", newline="") as file:
            _rows.extend(Version(**row) for row in csv.DictReader(file))
    return _rows


def _matching(role: str, provider: str, mainland: bool, engine: str = "") -> list[Version]:
    """Return the rows for a role, those for the very market first; the first row is the default."""
    market = "mainland" if mainland else "abroad"
    rows = [
        row
        for row in versions()
        if row.role == role
        and row.provider in ("", provider)
        and row.market in ("", market)
        and (not engine or row.engine == engine)
    ]
    return sorted(rows, key=lambda row: (not row.provider, not row.market))


def packages(provider: str, mainland: bool) -> tuple[str, ...]:
    """Return the Python packages that an instance needs to fetch its secrets and its model, each `name==version`."""
    return tuple(f"{row.reference}=={row.version}" for row in _matching("package", provider, mainland))


def refusal(engine: str, version: str, capability: float, driver: str) -> str:
    """Return why `engine` `version` cannot run on a GPU of compute `capability` under `driver`, or "".

    Sources: kernels in the wheels of vLLM 0.19.1, 0.20.2 and 0.33.0; NVIDIA's CUDA compatibility and driver branch
    pages; read on 2026-11-23, see docs/bootstrap.md.
    """
    branch = int(driver.split(".")[0])
    number = tuple(int(part) for part in version.split(".")[:2])
    if capability == 7.0 and branch >= 590:
        return f"driver {driver} has no Volta support: R580 is the last branch for V100"
    if engine == "vllm" and number >= (0, 20):
        if capability < 7.5:
            return f"vLLM {version} has no kernels for compute capability {capability:g} (V100): use lmdeploy"
        if branch < 580:
            return f"vLLM {version} is a CUDA 13 build and needs driver 580 or newer, not {driver}"
    if branch < 525:
        return f"driver {driver} is too old for a CUDA 12 image: 525 or newer is needed"
    return ""


def _precision(engine: str, version: str, gpu: gpus.GpuSpec, precision: str) -> tuple[str, str, list[str]]:
    """Return dtype, quantization and notes for `precision` on `gpu`; raise MisuseError where the GPU lacks it."""
    capability = gpu.compute_capability
    half = "float16" if capability < 8.0 else "bfloat16"
    notes: list[str] = []
    if precision == "bf16" and capability < 8.0:
        raise MisuseError(f"{gpu.name} (compute capability {capability:g}) has no bf16: use --precision fp16")
    if precision == "fp8":
        if capability < 8.0:
            raise MisuseError(
                f"{gpu.name} (compute capability {capability:g}) has no fp8: use --precision fp16 or int4-awq"
            )
        if engine == "lmdeploy" and capability < 8.9:
            raise MisuseError(f"LMDeploy TurboMind has no fp8 on {gpu.name}: use --engine vllm")
        if capability < 8.9:
            notes.append(
                f"{gpu.name} has no fp8 arithmetic: vLLM keeps the weights in fp8 and computes in 16 bits (W8A16)"
            )
        return half, "fp8", notes
    if precision == "int8" and (capability < 7.5 or engine == "lmdeploy"):
        raise MisuseError(f"int8 (W8A8) does not run in {engine} on {gpu.name}: use --precision fp16 or int4-awq")
    if precision == "int4-awq":
        if engine == "vllm" and capability < 7.5:
            raise MisuseError(f"AWQ in vLLM needs compute capability 7.5, {gpu.name} has {capability:g}: use lmdeploy")
        if capability == 7.0:
            notes.append("AWQ on V100 depends on the model (LMDeploy issues 2332, 4558): try it before you commit")
        return "float16", "awq", notes
    if precision == "int4-gptq":
        return "float16", "gptq", notes
    return ("float16" if precision == "fp16" else half), "", notes


def stack(
    provider: str,
    gpu_model: str,
    precision: str,
    engine: str,
    mainland: bool,
    gpu_memory_gib: float | None = None,
) -> Stack:
    """Return driver, engine and images for `gpu_model` on `provider`.

    `engine` is what the user asked for: "" for the default, "vllm", "lmdeploy", or either with a version from the
    table ("vllm@0.19.1"). Raises MisuseError, with the way out, for what cannot run.
    """
    gpu = gpus.find(gpu_model, gpu_memory_gib)
    if not gpu.compute_capability:
        raise MisuseError(f"{gpu.name} is no CUDA GPU: no engine of this project runs on it")
    asked = sizing_engines.parse(engine) if engine else sizing_engines.default(gpu)
    if asked.key not in ("vllm", "lmdeploy"):
        raise MisuseError(
            f"emit-tf deploys vllm or lmdeploy, not {asked.label}: choose --engine vllm or --engine lmdeploy"
        )
    drivers = _matching("driver", provider, mainland)
    rows = _matching("engine", provider, mainland, asked.key)
    if not drivers or not rows:
        raise MisuseError(f"{asked.key} on {provider} has no row in planner/data/versions.csv")
    driver = drivers[0]
    wanted = engine.partition("@")[2].strip()
    if wanted:
        rows = [row for row in rows if row.version == wanted]
        if not rows:
            known = ", ".join(row.version for row in _matching("engine", provider, mainland, asked.key))
            why = refusal(asked.key, wanted, gpu.compute_capability, driver.version) if asked.number else ""
            raise MisuseError(
                f"--engine {engine} on {provider}: {why or f'no image of {asked.key} {wanted} is known'} (known: {known})"
            )
    chosen = rows[0]
    why = refusal(chosen.engine, chosen.version, gpu.compute_capability, driver.version)
    if not why and chosen.engine == "vllm" and gpu.compute_capability < 7.5:
        why = f"vLLM {chosen.version} is not proven on {gpu.name}: use lmdeploy"
    if why:
        raise MisuseError(f"{gpu.name} on {provider}: {why}")
    dtype, quantization, notes = _precision(chosen.engine, chosen.version, gpu, precision)
    images = [chosen, *(row for role in _MONITORING for row in _matching(role, provider, mainland)[:1])]
    if wanted == "" and asked.version != chosen.version:
        notes.append(
            f"sized for {asked.label}, deployed with {chosen.engine} {chosen.version}: {chosen.note or chosen.source}"
        )
    notes += [f"{row.reference} has no known digest: set it before apply" for row in images if not row.digest]
    return Stack(
        engine=chosen.engine,
        engine_version=chosen.version,
        driver="" if driver.reference == "image" else driver.version,
        driver_min=chosen.driver_min,
        dtype=dtype,
        quantization=quantization,
        images=tuple(Image(row.role, row.reference, row.digest, row.source, row.as_of) for row in images),
        notes=tuple(notes),
    )


def check_layout(deployment: Deployment) -> None:
    """Raise MisuseError when the layout does not fit the instances, their engine or their network."""
    layout, engine = deployment.layout, deployment.stack.engine
    where = f"{deployment.instance_type} in {deployment.region}"
    if layout.tp > deployment.gpu_count:
        raise MisuseError(
            f"tensor parallel {layout.tp} would span instances of {where} ({deployment.gpu_count} GPUs each) over TCP: "
            "only pipeline parallel crosses instances; choose a larger instance type or a smaller precision"
        )
    if layout.pp == 1:
        if layout.tp * layout.replicas > deployment.gpu_count:
            raise MisuseError(
                f"{layout.replicas} x tp {layout.tp} need more than the {deployment.gpu_count} GPUs of {where}"
            )
        return
    if layout.replicas != 1:
        raise MisuseError(
            f"pipeline parallel {layout.pp} on {where}: one replica for each {layout.pp} instances, not {layout.replicas}"
        )
    if deployment.count % layout.pp:
        raise MisuseError(
            f"{deployment.count} instances do not divide into pipelines of {layout.pp} instances on {where}"
        )
    if engine != "vllm":
        raise MisuseError(f"{engine} has no pipeline parallel across instances: {where} must hold the model alone")
    if tuple(int(part) for part in deployment.stack.engine_version.split(".")[:2]) < (0, 19):
        raise MisuseError(
            f"vLLM {deployment.stack.engine_version} (the image for {where}) has no --nnodes; "
            "multi-node needs 0.19.1 or newer: choose --engine vllm@VERSION or a larger instance type"
        )
    gbps = deployment.network_gbps
    if gbps is None or gbps < MIN_NODE_GBPS:
        have = "an unknown network" if gbps is None else f"{gbps:g} Gbps"
        raise MisuseError(f"{where} has {have}: pipeline stages across instances need {MIN_NODE_GBPS} Gbps")
