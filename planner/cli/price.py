"""`planner price`: what a Terraform module or plan costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.help import Grouped, lang_option
from planner.cli.options import book_options, make_quote, make_workload, open_catalog, put

if TYPE_CHECKING:
    from planner.prices.catalog import Catalog
    from planner.terraform.price import Asked, Priced

__all__ = ["price", "priced_at"]


@click.command(cls=Grouped)
@click.argument("path", metavar="PATH")
@click.option("--hours", metavar="H", help="Length of the window in hours.  [the module's, or 720]")
@click.option("--var", "pairs", metavar="NAME=VALUE", multiple=True, help="A variable of another's module. Repeatable.")
@click.option("--var-file", "files", metavar="FILE", multiple=True, help="Variables from a tfvars file. Repeatable.")
@click.option("--region", metavar="REGION", default="", help="The region where the configuration names none.")
@click.option("--site", metavar="ID", default="", help="Price book of another's module.  [the first that has a price]")
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", help="table or json.  [table]")
@click.option("-o", "--output", metavar="FILE", help="Write to a file instead of the terminal.")
@click.option("--force", is_flag=True, help="Replace a file that planner did not write.")
@lang_option()
@book_options
def price(
    path: str,
    hours: str | None,
    pairs: tuple[str, ...],
    files: tuple[str, ...],
    region: str,
    site: str,
    form: str,
    output: str | None,
    force: bool,
    lang: str,
    **books: Any,
) -> int:
    """What a Terraform configuration costs: PATH is a module's folder, or a plan as `terraform show -json PLAN` writes it.

    A module of emit-tf is priced as its HCL stands now; in another's, each resource that this planner knows. What has no price
    is named. Nothing is run, and no cloud is asked.
    """
    from planner.terraform.price import Asked
    from planner.terraform.variables import given_by

    asked = Asked(site, region, given_by(files, pairs))
    show(priced_at(path, hours, asked, open_catalog(**books)), form, lang, output, force=force)
    return 0


def show(priced: Priced, form: str, lang: str, output: str | None, *, force: bool = False) -> None:
    """Write what a configuration costs, for people or as JSON."""
    from planner.rendering import bill

    text = bill.json_of(priced) if form == "json" else bill.resources(priced, lang)
    put(text, output, force, people=form != "json")


def priced_at(path: str, hours: str | None, asked: Asked, catalog: Catalog) -> Priced:
    """Return what `path` costs (planner.terraform.price): as a module of ours where it is one, else resource by resource."""
    from planner.errors import NoOfferError
    from planner.terraform import price as terraform

    tree = _tree(path)
    if tree is not None:
        return _of_tree(tree, path, hours, asked, catalog)
    if terraform.record(path) is not None and asked == terraform.Asked():
        from planner.terraform.readback import Mixed, module_of

        try:
            module = module_of(path)
            workload = make_workload({"hours": hours}, module.workload)
            hours = hours or str(module.workload.hours)
            return terraform.own(path, make_quote(workload, catalog), module.offer, catalog)[2]
        except (NoOfferError, Mixed):
            pass  # other machines than one offer's, or none that the model fits on: what stands there is priced
    window = make_workload({"hours": hours})
    return terraform.price(path, catalog, window.hours, asked)


def _tree(path: str) -> Any:
    """Return the tree of emit-k8s in a folder, None where there is none."""
    import os

    if not os.path.isdir(os.path.join(path, "serve")):
        return None
    from planner.kubernetes import drift

    return drift.read(path)


def _of_tree(tree: Any, path: str, hours: str | None, asked: Asked, catalog: Catalog) -> Priced:
    """Return what a tree of emit-k8s costs: its pools and what stands around them, or what its manifests ask for in a cluster that is there."""
    import os

    from planner.errors import NoOfferError
    from planner.kubernetes import drift
    from planner.quoting import around
    from planner.terraform import price as terraform

    differs = tuple(drift.found(tree, catalog))
    inner = os.path.join(path, "cluster")
    if os.path.isfile(os.path.join(inner, "main.tf")):
        return priced_at(inner, hours, asked, catalog)._replace(drift=differs)
    workload, offer_id, words = drift.workload(tree, catalog)
    quote = make_quote(make_workload({"hours": hours}, workload), catalog)
    offer = next((o for o in quote.offers if o.id == offer_id), None)
    if offer is None:
        raise NoOfferError(f"{path}: {offer_id} has no price any more")
    bill = around.bill(quote, offer, catalog, ())
    return terraform.Priced(path, quote.hours, (terraform.Part(words, bill.charges),), bill.unpriced, (), differs)
