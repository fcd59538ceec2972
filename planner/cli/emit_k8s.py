"""`planner emit-k8s`: one offer on the cloud's managed Kubernetes: the cluster's Terraform and the manifests."""

from __future__ import annotations

import sys
from typing import Any

import click

from planner.cli.emitting import besides, choose, engine_options, offer_options, pairs
from planner.cli.help import Grouped
from planner.errors import MisuseError


def _complete(_context: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Return the installed clouds whose Kubernetes can be emitted, for the shell's completion."""
    from planner.kubernetes.facts import names

    return [name for name in names() if name.startswith(begun)]


@click.command("emit-k8s", cls=Grouped)
@click.argument("cloud", metavar="PROVIDER", shell_complete=_complete)
@offer_options
@click.option("-o", "--output", metavar="DIR", help="Folder to write.  [./NAME-kubernetes]")
@click.option("--force", is_flag=True, help="Replace files that you have edited.")
@click.option("--existing-cluster", is_flag=True, help="Leave cluster/ out: you have one.")
@click.option("--namespace", metavar="NAME", default="", help="Namespace of its own.  [the deployment's name]")
@click.option(
    "--kubernetes", "version", metavar="VERSION", default="", help="Version of the cluster.  [what the data advises]"
)
@click.option("--host", metavar="HOST", default="", help="Name under which clients call, e.g. llm.example.com.")
@click.option(
    "--gateway-class", metavar="NAME", default="istio", show_default=True, help="Whose gateway opens the door."
)
@click.option(
    "--lb-subnet",
    metavar="ID",
    default="",
    help="Subnet of the private load balancer, for the clouds that ask for one.",
)
@click.option(
    "--registry", metavar="HOST/PATH", default="", help="Where the images were copied to; mainland China needs it."
)
@click.option(
    "--min-replicas",
    metavar="N",
    type=int,
    help="Scale between N and the quote's replicas; 0 sleeps while nobody asks.  [always the quote's]",
)
@click.option(
    "--most-nodes",
    metavar="N",
    type=click.IntRange(1),
    help="GPU nodes that your block, reservation or quota has; more is refused.",
)
@click.option(
    "--check-quota", is_flag=True, help="Ask the cloud whether your account may start them; refuse where not."
)
@click.option(
    "--reserve-capacity", is_flag=True, help="Reserve the GPU nodes until the deadline, where the cloud has that."
)
@click.option("--queue", metavar="NAME", default="", help="Quota and gang scheduling by kueue or volcano.")
@click.option("--observe", is_flag=True, help="Monitors, alerts and a dashboard for the Prometheus operator.")
@click.option("--zone", metavar="ZONE", default="", help="Availability zone of the GPU nodes.  [set before apply]")
@click.option(
    "--deadline",
    metavar="TIME",
    default="",
    help="When the GPU pool goes to 0 nodes, e.g. 2026-12-31T18:00:00Z.  [now + hours]",
)
@engine_options
@click.option(
    "--image",
    metavar="ROLE=IMAGE@SHA256",
    multiple=True,
    help="Pin a container image by digest: engine, router, fabric.",
)
def emit_k8s(
    cloud: str,
    quote_file: str | None,
    strict: bool,
    offer_id: str | None,
    output: str | None,
    force: bool,
    existing_cluster: bool,
    check_quota: bool,
    image: tuple[str, ...],
    **values: Any,
) -> int:
    """Write what serves the workload on PROVIDER's managed Kubernetes: the cluster in Terraform, and the manifests in it.

    Takes the cheapest on-demand offer, or the one that --instance-type, --region and --purchase-option name, and the engine,
    flags, image and precision that emit-tf takes for it. Nothing is applied: read the folder, then run kubectl yourself.
    """
    import json
    from decimal import Decimal

    from planner.kubernetes import facts, target, tree
    from planner.money import show
    from planner.terraform import deploy, write

    facts.find(cloud)
    given = next((f"--{n.replace('_', '-')}" for n in ("deadline", "zone", "reserve_capacity") if values[n]), "")
    if existing_cluster and given:
        raise MisuseError(f"{given} is the cluster's, and --existing-cluster leaves that out: drop one of them")
    settings, cluster = _settings(values)
    catalog, priced, offer = choose(cloud, values, quote_file, offer_id, strict)
    deployment = deploy.deploy(priced, offer, settings, catalog=catalog)
    made = target.target(deployment, cluster, dict(pairs(image, "--image")), settings.now.date())
    quotas: list[str] = []
    if check_quota:
        from planner.terraform import before

        quotas = [str(said) for said in before.ensure(deployment)]
    files = tree.files(made, priced, offer, existing_cluster, catalog)
    folder = output or f"{deployment.name}-kubernetes"
    tree.check_place(folder, made)
    write.write_module(files, folder, force=force)
    record = json.loads(files["planner.json"])
    unit = "replica" if made.size == 1 else "group"
    what = f"{made.replicas} {unit}{'s' if made.replicas > 1 else ''}" + (
        f" of {made.size} nodes" if made.size > 1 else ""
    )
    report = [
        f"{folder}: {len(files)} files, {what} with {made.gpus} x {deployment.gpu_model} each for {made.service.service} "
        f"{made.version} in {offer.region}, {show(Decimal(record['bill']['effective']))} {offer.totals.native_currency} for the quote's hours",
        f"{'' if existing_cluster else f'{folder}/cluster/README.md, then '}{folder}/addons/README.md, then {folder}/serve/README.md",
    ]
    report += quotas
    named = bool(offer_id or values.get("instance_type") or priced.workload.instance_type)
    report += map(str, besides(cloud, priced, offer, named))
    best = priced.best
    if best is not None and best.id != offer.id:
        report.append(f"the quote recommends {best.id}; --offer ID emits another offer")
    sys.stdout.write("\n".join(report) + "\n")
    return 0


def _settings(values: dict[str, Any]) -> tuple[Any, Any]:
    """Return the options that are the deployment's and the cluster's own, taken out of `values`."""
    from datetime import UTC, datetime

    from planner.kubernetes.target import Cluster
    from planner.money import decimal_of
    from planner.terraform.deploy import Settings

    limit = values.pop("spot_limit")
    own = (
        "name",
        "zone",
        "deadline",
        "reserve_capacity",
        "api_key_secret",
        "hf_token_secret",
        "checkpoint",
        "accept_advisory",
    )
    settings = Settings(
        now=datetime.now(UTC),
        spot_limit=decimal_of(limit, "--spot-limit") if limit is not None else None,
        **{name: values.pop(name) for name in own},
    )
    return settings, Cluster(**{name: values.pop(name) for name in Cluster._fields})
