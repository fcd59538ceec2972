"""`planner emit-tf`: the Terraform module of one offer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from planner.cli.help import Grouped
from planner.cli.options import (
    book_options,
    make_quote,
    make_workload,
    measured_option,
    open_catalog,
    saved_quote,
    workload_options,
)
from planner.errors import MisuseError

if TYPE_CHECKING:
    from planner.quoting.records import Quote
    from planner.terraform.deploy import Settings


def _complete(_context: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Return the installed clouds that can be emitted, for the shell's completion."""
    from planner.terraform.cloud import names

    return [name for name in names() if name.startswith(begun)]


@click.command("emit-tf", cls=Grouped)
@click.argument("cloud", metavar="PROVIDER", shell_complete=_complete)
@workload_options
@book_options
@measured_option
@click.option("--quote", "quote_file", metavar="FILE", help="Emit from a saved JSON quote instead of pricing anew.")
@click.option("--strict", is_flag=True, help="Exit 1 when the saved quote was changed.")
@click.option(
    "--offer", "offer_id", metavar="OFFER", help="Emit exactly this offer, by the id that `planner quote` shows."
)
@click.option("-o", "--output", metavar="DIR", help="Folder to write.  [./NAME]")
@click.option("--force", is_flag=True, help="Replace files that you have edited; terraform.tfvars is kept.")
@click.option("--validate", is_flag=True, help="Then run terraform init and validate.")
@click.option("--plan", is_flag=True, help="Then run terraform plan (needs credentials).")
@click.option(
    "--name", metavar="NAME", default="", help="Name of the deployment (a-z, 0-9, -).  [from the workload or model]"
)
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
@click.option("--spot-limit", metavar="PRICE", help="Most to pay per spot hour, in the cloud's currency.")
@click.option(
    "--reserve-capacity", is_flag=True, help="Reserve the capacity until the deadline, where the cloud has that."
)
@click.option("--api-key-secret", metavar="NAME", default="", help="Name of the API key in the cloud's secret store.")
@click.option(
    "--hf-token-secret", metavar="NAME", default="", help="Name of the model hub's token there, for gated models."
)
@click.option(
    "--checkpoint",
    metavar="ORG/NAME[@SHA]",
    default="",
    help="Checkpoint on the model hub, pinned to a revision by @SHA.  [the model's own, its newest]",
)
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
    "--accept-advisory", metavar="ID", multiple=True, help="Emit although this critical advisory is open and reached."
)
@click.option("--image", metavar="ROLE=IMAGE@SHA256", multiple=True, help="Pin a container image by digest.")
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
    from planner.money import show
    from planner.terraform import cloud as clouds
    from planner.terraform import deploy, module, write

    clouds.find(cloud)
    settings = _settings(values, bool(quote_file))
    if values.get("provider") and tuple(values["provider"]) != (cloud,):
        raise MisuseError(f"emit-tf writes for one provider, {cloud}; drop --provider")
    measured = values.pop("measurements")
    books = {key: values.pop(key) for key in ("price_book", "price_book_db", "offline_list", "as_of")}
    if quote_file:
        catalog = None
        priced = saved_offers(quote_file, {"measurements": measured, **values}, any(books.values()), strict)
    else:
        workload = make_workload({**values, "provider": (cloud,)})
        catalog = open_catalog(**books)
        priced = make_quote(workload, catalog, measurements=measured)
    wanted = priced.workload
    region = values.get("region") or wanted.region
    offer = deploy.pick(
        priced,
        cloud,
        () if tuple(region) == ("all",) else region,
        values.get("instance_type") or wanted.instance_type,
        values.get("purchase_option") or wanted.purchase_option,
        offer_id or "",
    )
    deployment = deploy.deploy(priced, offer, settings, catalog=catalog)
    files = module.files(deployment, priced, offer, dict(pairs(image, "--image")))
    folder = output or deployment.name
    kept = write.write_module(files, folder, force=force)
    report = [
        f"{folder}: {len(files)} files, {deployment.count} x {offer.instance_type} in {offer.region}, "
        f"{offer.purchase_option.replace('_', ' ')}, {deployment.cost_total} for the quote's hours, with all that the module creates"
    ]
    report += [f"kept your {path}; for a new one, move it away and run this again" for path in kept]
    best = priced.best
    if best is not None and best.id != offer.id:
        owed = show(best.totals.report.obligation)
        report.append(
            f"the quote recommends {best.id}, {owed} {priced.currency} in all; --offer ID emits another offer"
        )
    report += [note for note in deployment.stack.notes if note.startswith("the quote counts ")]
    if deployment.buy_note:
        report.append(f"to pay the quoted price: {deployment.buy_note}")
    if validate or plan:
        from planner.terraform import run

        report.append(run.plan(folder) if plan else run.validate(folder))
    sys.stdout.write("\n".join(report) + "\n")
    return 0


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


def saved_offers(path: str, values: dict[str, Any], books: bool, strict: bool) -> Quote:
    """Return the saved quote; options that would change its prices are refused, those that choose an offer are not."""
    choosing = ("region", "instance_type", "purchase_option", "provider")
    given = [k for k, v in values.items() if k not in choosing and v is not None and v != ()]
    if given or books:
        what = f"--{given[0].replace('_', '-')}" if given else "the price book options"
        raise MisuseError(f"--quote emits a saved quote as it is: {what} cannot change it; quote again instead")
    return saved_quote(path, strict)


def pairs(texts: tuple[str, ...], what: str) -> tuple[tuple[str, str], ...]:
    """Return KEY=VALUE texts as pairs; raise `MisuseError` that names the option `what`."""
    for text in texts:
        if "=" not in text:
            raise MisuseError(f"{what}: {text[:40]!r} is not KEY=VALUE")
    return tuple((text.partition("=")[0], text.partition("=")[2]) for text in texts)
