"""Driver, engine and images for one GPU on one cloud, made concrete for a module: the engine table's answer in full.

Which build, which flags and every refusal come from planner.sizing (engines, support, serving); here they meet the
cloud's driver (its provider.json), the model hubs' clients (planner/data/packages.csv) and the images beside the engine (planner/data/images.csv).
"""

from __future__ import annotations

import csv
import os
from functools import lru_cache

from planner.errors import MisuseError
from planner.files import DATA
from planner.offer import Driver
from planner.prices.catalog import Catalog
from planner.sizing import advisories, engines, support
from planner.sizing.engines import Build, Engine, Host
from planner.sizing.gpus import GpuSpec
from planner.sizing.models import Model
from planner.sizing.serving import serving
from planner.terraform.deployment import Deployment, Image, Stack
from planner.text import Text, text

__all__ = ["check_layout", "driver", "host", "packages", "stack"]

_USUAL = advisories.Setting()
DEPLOYED = ("vllm", "lmdeploy", "sglang")  # the engines that our templates start


def _market(mainland: bool) -> str:
    return "mainland" if mainland else "abroad"


def packages(mainland: bool) -> tuple[str, ...]:
    """Return the Python packages that an instance needs to fetch its model, each `name==version`."""
    with open(os.path.join(DATA, "packages.csv"), encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["market"] in ("", _market(mainland))]
    return tuple(f"{row['package']}=={row['version']}" for row in rows)


@lru_cache(maxsize=64)
def driver(provider: str) -> Driver:
    """Return the driver of the provider's GPU machines; raise MisuseError where its provider.json says none."""
    found = Catalog().info(provider).driver
    if found is None:
        raise MisuseError(f"{provider} does not say which driver its GPU machines run (`driver` in its provider.json)")
    return found


def host(provider: str, mainland: bool) -> Host:
    """Return what an engine finds on the provider's instances once our module has seen to the driver."""
    return Host(name=provider, driver=driver(provider).version, market=_market(mainland))


@lru_cache(maxsize=1)
def _images() -> list[Image]:
    """Return the images beside the engine: proxy, monitoring, exporters."""
    with open(os.path.join(DATA, "images.csv"), encoding="utf-8", newline="") as file:
        return [Image(r["role"], r["image"], r["digest"], r["source"], r["as_of"]) for r in csv.DictReader(file)]


def _build(gpu: GpuSpec, where: Host, asked: str) -> Build:
    """Return the build to deploy; raise MisuseError with the way out where there is none."""
    choice = engines.choose(gpu, where, asked)
    if choice.refused:
        raise MisuseError(f"{gpu.name} on {where.name}: {choice.refused}{_known(asked, where)}")
    engine = choice.engine
    if engine.key not in DEPLOYED:
        raise MisuseError(f"emit-tf deploys {', '.join(DEPLOYED)}, not {engine.label}: choose --engine with one of them")
    if choice.build is None:
        low = support.gpu_refusal(engine, gpu)
        why = str(low) if low else f"no image of {engine.label} is known that runs there"
        raise MisuseError(f"{gpu.name} on {where.name}: {why}{_known(asked, where)}")
    if not choice.build.image:
        raise MisuseError(f"--engine {asked}: {choice.build.note}{_known(asked, where)}")
    return choice.build


def _known(asked: str, where: Host) -> str:
    """Return the builds of the engine asked for that the host takes, as the end of a sentence."""
    if not asked:
        return ""
    key = engines.parse(asked).key
    fit = [b.engine.version for b in engines.builds() if b.engine.key == key and b.image and b.takes(where)]
    return f" (known there: {', '.join(dict.fromkeys(fit))})" if fit else ""


def stack(where: Host, gpu: GpuSpec, model: Model, precision: str, engine: str = "", checkpoint: str = "", *,
    setting: advisories.Setting = _USUAL, accept: tuple[str, ...] = (),
) -> Stack:
    """Return driver, engine and images that serve `model` at exactly `precision` on `gpu`.

    `engine` is what the user asked for: "" for the default, a name, or a name with a version of the engine table.
    `checkpoint`: ORG/NAME instead of the published one. setting: what the module does about advisories; accept: those that
    the user takes on. Raises MisuseError, with the way out, for what cannot run or
    would be served in another width.
    """
    build = _build(gpu, where, engine)
    chosen = build.engine
    refused = support.refusal(chosen, gpu, precision, model)
    if refused:
        raise MisuseError(f"{gpu.name} on {where.name}: {refused}")
    way = serving(model, precision, gpu, chosen, checkpoint)
    installed = driver(where.name)
    images = [Image("engine", build.image, build.digest, build.source, build.as_of), *_images()]
    notes = [*support.note(chosen, gpu, precision, model)]
    notes += _advisories(chosen, setting._replace(images=model.images), accept, named="@" in engine)
    return Stack(
        engine=chosen.key,
        engine_version=chosen.version,
        driver="" if installed.how == "image" else installed.version,
        driver_min=str(build.driver_min),
        dtype=way.dtype,
        quantization=way.quantization,
        images=tuple(images),
        notes=tuple(notes),
        flags=way.flags,
        made=way.made,
    )


def _advisories(engine: Engine, setting: advisories.Setting, accept: tuple[str, ...], *, named: bool) -> list[Text]:
    """Return what the README says of the version's advisories; raise MisuseError for one that must not be emitted.

    named: the user asked for this very version, who is warned and not refused.
    """
    found = advisories.judge(engine, setting)
    taken = advisories.accepted(accept, found, engine)
    fatal = [f for f in advisories.fatal(found) if f not in taken]
    if fatal and not named:
        a = fatal[0].advisory
        raise MisuseError(
            f"{engine.label} is open to {a.id} (severity {a.severity}: {a.takes}) and the module's open paths reach it: choose "
            f"another version with --engine, or take it on with --accept-advisory {a.names[0]}"
        )
    told = [f for f in found if f.reached or f.advisory.score >= advisories.HIGH]
    notes = []
    for f in told:
        values = {"engine": engine.label, "id": f.advisory.id, "severity": f.advisory.rating, "takes": text(f.advisory.takes), "answer": f.answer}
        said = text("{engine} is open to {id} (severity {severity}): {takes}. Here: {answer}", **values)
        if f in taken:
            said = text("{said}; taken on by --accept-advisory", said=said)
        notes.append(text("{said}; advised: {mitigation}.", said=said, mitigation=text(f.advisory.mitigation)) if f.reached else text("{said}.", said=said))
    rest = [f.advisory.names[0] for f in found if f not in told]
    if rest:
        notes.append(text("{engine}: less serious and answered by this module: {ids}", engine=engine.label, ids=", ".join(rest)))
    return notes


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
        raise MisuseError(f"modules split a model over instances with vLLM only, not {engine}: {where} must hold the model alone")
    version = deployment.stack.engine_version
    if "--nnodes" not in engines.flags("vllm", version):
        raise MisuseError(
            f"vLLM {version} (the image for {where}) has no --nnodes; "
            "multi-node needs 0.11.1 or newer: choose --engine vllm@VERSION or a larger instance type"
        )
    gbps = deployment.network_gbps
    least = deployment.pipeline_gbps
    if gbps is None or gbps < least:
        have = "an unknown network" if gbps is None else f"{gbps:g} Gbps"
        raise MisuseError(f"{where} has {have}: pipeline stages across instances need {least} Gbps")
