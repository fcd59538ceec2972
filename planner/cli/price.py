"""`planner price`: what a Terraform module or plan costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.options import book_options, make_quote, make_workload, open_catalog, put

if TYPE_CHECKING:
    from planner.prices.catalog import Catalog

__all__ = ["price"]


@click.command()
@click.argument("path", metavar="PATH")
@click.option("--hours", metavar="H", help="Length of the window in hours.  [the module's, or 720]")
@click.option("--site", metavar="ID", default="", help="Price book of another's module.  [the first that has a price]")
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", help="table or json.  [table]")
@click.option("--lang", type=click.Choice(("en", "zh")), default="en", help="Language of what people read.  [en]")
@book_options
def price(path: str, hours: str | None, site: str, form: str, lang: str, **books: Any) -> int:
    """What a Terraform configuration costs: PATH is a module's folder, or a plan as `terraform show -json PLAN` writes it.

    A module of emit-tf is priced as its HCL stands now; in another's, each resource that this planner knows. What has no price
    is named. Nothing is run, and no cloud is asked.
    """
    from planner.rendering import bill

    priced = priced_at(path, hours, site, open_catalog(**books))
    put(bill.json_of(priced) if form == "json" else bill.resources(priced, lang), None)
    return 0


def priced_at(path: str, hours: str | None, site: str, catalog: Catalog) -> Any:
    """Return what `path` costs (planner.terraform.price): as a module of ours where it is one, else resource by resource."""
    from planner.errors import NoOfferError
    from planner.terraform import price as terraform

    if terraform.record(path) is not None:
        from planner.terraform.readback import module_of

        module = module_of(path)
        workload = make_workload({"hours": hours}, module.workload)
        try:
            return terraform.own(path, make_quote(workload, catalog), module.offer, catalog)[2]
        except NoOfferError:
            hours = hours or str(module.workload.hours)  # another machine than the model fits on: what stands there is priced
    window = make_workload({"hours": hours})
    return terraform.price(path, catalog, window.hours, site)
