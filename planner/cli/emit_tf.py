"""`planner emit-tf`: the Terraform module of one offer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from planner.cli.emitting import besides, choose, engine_options, offer_options, pairs
from planner.cli.help import Grouped, lang_option

if TYPE_CHECKING:
    from planner.i18n import English
    from planner.terraform.deploy import Settings
    from planner.terraform.deployment import Deployment
    from planner.terraform.online import Lookup


def _complete(_context: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Return the installed clouds that can be emitted, for the shell's completion."""
    from planner.terraform.cloud import names

    return [name for name in names() if name.startswith(begun)]


@click.command("emit-tf", cls=Grouped)
@click.argument("cloud", metavar="PROVIDER", shell_complete=_complete)
@offer_options
@click.option("-o", "--output", metavar="DIR", help="Folder to write.  [./NAME]")
@click.option("--force", is_flag=True, help="Replace files that you have edited; terraform.tfvars is kept.")
@click.option("--validate", is_flag=True, help="Then run terraform init and validate.")
@click.option("--plan", is_flag=True, help="Then run terraform plan (needs credentials).")
@click.option("--zone", metavar="ZONE", default="", help="Availability zone.  [set in terraform.tfvars]")
@click.option("--client-cidr", metavar="CIDR", default="", help="Who may call the API.  [set in terraform.tfvars]")
@click.option(
    "--vpc-id", metavar="ID", default="", help="Build into this network instead of a new one; with --subnet-id."
)
@click.option("--subnet-id", metavar="ID", default="", help="Subnet (vSwitch) of that network for the instances.")
@click.option("--security-group-id", metavar="ID", default="", help="Security group of that network.  [a new one]")
@click.option("--vpc-cidr", metavar="CIDR", default="", help="Range of the network that is made.  [10.20.0.0/24]")
@click.option("--balancer/--no-balancer", default=None, help="One address for all replicas.  [from two replicas on]")
@click.option(
    "--balancer-certificate", metavar="ID", default="", help="Certificate in the cloud's store that the balancer shows."
)
@click.option("--balancer-name", metavar="HOST", default="", help="Name of that certificate, which clients call.")
@click.option(
    "--balancer-subnet-id", metavar="ID", default="", help="Second subnet for the balancer, where it needs two zones."
)
@click.option("--as-module", is_flag=True, help="Write a module without a provider, and an example that calls it.")
@click.option("--open-to-internet", is_flag=True, help="Allow a client range wider than /8.")
@click.option(
    "--alert-email", metavar="ADDRESS", default="", help="Who is told about the budget, where the cloud sends mail."
)
@click.option(
    "--deadline", metavar="TIME", default="", help="When all is released, e.g. 2026-12-31T18:00:00Z.  [now + hours]"
)
@click.option(
    "--reserve-capacity", is_flag=True, help="Reserve the capacity until the deadline, where the cloud has that."
)
@engine_options
@click.option(
    "--alert-webhook-secret",
    metavar="NAME",
    default="",
    help="Name of the secret with the address that alerts are posted to (Slack, DingTalk, Feishu, WeCom, or JSON).",
)
@click.option(
    "--power-off-on-failure", is_flag=True, help="Stop an instance, and its bill, whose start-up cannot succeed."
)
@click.option(
    "--stress",
    metavar="'DAY HH:MM'",
    default="",
    help="Stress-test the GPUs with the engine stopped, one instance a week at this hour in UTC, e.g. 'Sun 03:00'.  [never]",
)
@click.option(
    "--registry",
    metavar="HOST/NAMESPACE",
    default="",
    help="Registry into which the images were copied, by their published digests.  [where they are published]",
)
@click.option(
    "--group",
    is_flag=True,
    help="Let a group of the cloud keep the replicas: it makes anew what is lost or taken back.",
)
@click.option(
    "--on-demand-share",
    metavar="PERCENT",
    type=click.IntRange(1, 99),
    help="Of a spot group, so many instances on demand, rounded up.  [0]",
)
@click.option("--fallback", is_flag=True, help="Name other zones and types to try, in order, with their price.")
@click.option(
    "--backend", metavar="s3|oss|cos", default="", help="Keep the state in a bucket of the cloud.  [in the folder]"
)
@click.option("--state-bucket", metavar="NAME", default="", help="That bucket.  [said at terraform init]")
@click.option("--image", metavar="ROLE=IMAGE@SHA256", multiple=True, help="Pin a container image by digest.")
@lang_option("Language of README.md, RUNBOOKS.md and what is said.")
def emit_tf(
    cloud: str,
    quote_file: str | None,
    strict: bool,
    offer_id: str | None,
    output: str | None,
    force: bool,
    validate: bool,
    plan: bool,
    image: tuple[str, ...],
    **values: Any,
) -> int:
    """Write a Terraform module that runs the workload on PROVIDER: instances, network, role, engine, monitoring, an end.

    Takes the cheapest on-demand offer, or the one that --instance-type, --region and --purchase-option name. Nothing is
    applied: read the folder, then run terraform yourself.
    """
    from planner.i18n import translator
    from planner.money import show
    from planner.terraform import cloud as clouds
    from planner.terraform import deploy, module, write

    clouds.find(cloud)
    settings = _settings(values, bool(quote_file))
    lookup = _lookup(settings) if values.get("online") else None
    catalog, priced, offer = choose(cloud, values, quote_file, offer_id, strict)
    deployment = deploy.deploy(priced, offer, settings, catalog=catalog, lookup=lookup)
    files = module.files(deployment, priced, offer, dict(pairs(image, "--image")))
    folder = output or deployment.name
    kept = write.write_module(files, folder, force=force)
    t = translator(settings.lang)
    key = "{folder}: {files} files, {count} x {type} in {region}, {option}, {total} for the quote's hours, with all that the module creates"
    report = [
        t(
            key,
            folder=folder,
            files=len(files),
            count=deployment.count,
            type=offer.instance_type,
            region=offer.region,
            option=t(offer.purchase_option.replace("_", " ")),
            total=deployment.cost_total,
        )
    ]
    named = bool(offer_id or values.get("instance_type") or priced.workload.instance_type)
    report += [t.say(said) for said in besides(cloud, priced, offer, named)]
    report += [t.say(said) for said in lookup.said] if lookup else []
    report += [t("kept your {path}; for a new one, move it away and run this again", path=path) for path in kept]
    best = priced.best
    if best is not None and best.id != offer.id:
        owed = show(best.totals.report.obligation)
        key = "the quote recommends {id}, {owed} {code} in all; --offer ID emits another offer"
        report.append(t(key, id=best.id, owed=owed, code=priced.currency))
    report += [deployment.idle_disk] if deployment.idle_disk else []
    if deployment.buy_note:
        report.append(t("to pay the quoted price: {what}", what=deployment.buy_note))
    if not deployment.place.backend and clouds.find(cloud).backend:
        key = "the state will lie in the folder alone, and with it what must be destroyed: --backend {where} keeps it in a bucket"
        report.append(t(key, where=clouds.find(cloud).backend))
    report += _ways_out(deployment, t)
    if plan:
        from planner.terraform import before

        report += [t.say(said) for said in before.said(deployment, priced, offer, catalog)]
    sys.stdout.write("\n".join(report) + "\n")
    sys.stdout.flush()
    if validate or plan:
        from planner.terraform import run

        sys.stdout.write(t.say(run.plan(folder) if plan else run.validate(folder)) + "\n")
    return 0


def _ways_out(d: Deployment, t: English) -> list[str]:
    """Return the fallbacks of a deployment, a line each."""
    if d.fallback == ():
        return [
            t(
                "fallback: no other zone is known, and no other type of this cloud serves the workload in this way of buying"
            )
        ]
    return [
        t(
            "fallback {number}: zone {zone}, the same machines, {amount}",
            number=number,
            zone=one.zone,
            amount=one.amount,
        )
        if one.zone
        else t(
            "fallback {number}: {count} x {type} in {region}, {amount}",
            number=number,
            count=one.count,
            type=one.instance_type,
            region=one.region,
            amount=one.amount,
        )
        for number, one in enumerate(d.fallback or (), 1)
    ]


def _lookup(settings: Settings) -> Lookup:
    """Return what asks registries and the hub now."""
    import os

    from planner.terraform.online import Lookup

    return Lookup(settings.now.date().isoformat(), os.environ)


def _settings(values: dict[str, Any], saved: bool) -> Settings:
    """Return the options that are the module's own, taken out of `values`; tags too where the workload is a saved quote's."""
    from datetime import UTC, datetime

    from planner.money import decimal_of
    from planner.terraform.deploy import Settings

    limit, tags = values.pop("spot_limit"), values.pop("tag") if saved else ()
    plain = [name for name in Settings._fields if name not in ("now", "spot_limit", "tags")]
    return Settings(
        now=datetime.now(UTC),
        spot_limit=decimal_of(limit, "--spot-limit") if limit is not None else None,
        tags=pairs(tags, "--tag"),
        **{name: values.pop(name) for name in plain},
    )
