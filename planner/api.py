"""The public functions, in the command line's own words: `from planner import quote, size, emit, render, load, diff`.

They print nothing, read no environment and keep no state: what they know comes in as arguments, and errors are those of
`planner.errors`. docs/api.md has an example of each that the tests run.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from planner.errors import MisuseError, suggest
from planner.prices.catalog import Catalog
from planner.prices.fx import Rates, committed
from planner.quoting import build, saved
from planner.quoting.diff import Diff, compare
from planner.quoting.records import Offer, Quote, Seller
from planner.records import SHOWN
from planner.sizing import Sizing
from planner.workload import Workload, make

if TYPE_CHECKING:
    from planner.offer import InstanceType
    from planner.sizing.engines import Host
    from planner.sizing.own import Measurement
    from planner.terraform.deploy import Settings

__all__ = ["Catalog", "Diff", "Quote", "Sizing", "Workload", "diff", "emit", "load", "quote", "render", "size"]


def _html(record: object) -> str:
    from planner.rendering.notebook import html

    return html(record)


def _dataframe(record: object, library: str) -> Any:
    from planner.rendering.frames import dataframe

    return dataframe(record, library)


SHOWN.update(html=_html, dataframe=_dataframe)


def quote(
    workload: Workload | None = None,
    /,
    *,
    catalog: Catalog | None = None,
    today: date | None = None,
    rates: Rates | None = None,
    whole: bool = True,
    measurements: tuple[Measurement, ...] = (),
    **fields: object,
) -> Quote:
    """Return what a workload costs, offer by offer.

    workload: what must run, or None for the reference case; fields: its fields by name (`hours=720`, `model="..."`), on
    top of it, typed as on the command line. catalog: the prices (default: the lists that come with planner). today: the
    day against which ages are counted (default: the catalogue's date, else today). rates: exchange rates (default: the
    newest committed ones and the workload's own). whole: offers carry every line that other volumes could need, so that
    the workbook and the page can recompute them. measurements: your own (`planner.quoting.measured.read(path)`), preferred to the
    estimate. Raises `MisuseError` for unknown names and values out of bounds.
    """
    work = make({k: v for k, v in fields.items() if v is not None}, workload)
    prices = catalog or Catalog()
    day = today.isoformat() if today else prices.as_of or date.today().isoformat()
    found = rates or Rates(committed(prices.as_of), work.fx)
    return build.quote(work, prices, day, found, whole, own=measurements)


def size(
    model: str,
    machine: str | InstanceType,
    /,
    *,
    catalog: Catalog | None = None,
    measurements: tuple[Measurement, ...] = (),
    **load: object,
) -> Sizing:
    """Return how a machine serves a model: layout, memory, tokens a second and latency, each with its range.

    machine: an instance type's name or record, a GPU ("H100"), or several ("8x H100"). load: fields of the workload
    (`concurrency=64`, `precision="fp8"`, `input_tokens=...`), and `tp`, `burst`. measurements: your own, as for `quote`.
    Raises `MisuseError` for what can never run; memory and latency limits that are not met are an answer (`fits` False, with
    reasons).
    """
    from planner.sizing.machine import on_machine

    tp, burst = int(str(load.pop("tp", 0))), bool(load.pop("burst", False))
    work = make({"model": model, **load})
    if isinstance(machine, str):
        number, times, name = machine.partition("x ")
        if times and number.strip().isdigit():
            return on_machine(work, name.strip(), float(number), tp=tp, burst=burst, own=measurements)
        spec = _instance(machine, catalog or Catalog())
        if spec is None:
            return on_machine(work, machine, 1.0, tp=tp, burst=burst, own=measurements)
        machine = spec
    memory = None if machine.gpu_memory_gib is None else float(machine.gpu_memory_gib)
    network = None if machine.network_gbps is None else float(machine.network_gbps)
    host = _host(machine.provider, catalog or Catalog())
    count = float(machine.gpu_count)
    return on_machine(work, machine.gpu_model, count, memory, network, tp, burst, host, own=measurements)


def _host(provider: str, catalog: Catalog) -> Host:
    """Return what an engine finds on a provider's instances; anything for a provider that the catalogue does not have."""
    from planner.sizing.engines import Host

    driver = catalog.info(provider).driver if provider in catalog.providers() else None
    return Host(provider if driver else "", driver.version if driver else "")


def _instance(name: str, catalog: Catalog) -> InstanceType | None:
    """Return the instance type of that name, case aside; None when it is no instance type's name."""
    found = (s for p in catalog.providers() for n, s in catalog.instances(p).items() if n.lower() == name.lower())
    return next(found, None)


def render(quote: Quote, form: str = "table", **options: object) -> str | bytes:
    """Return a quote as `form`: table, json, csv, xlsx, html, markdown or focus.

    options: those of the format (`top`, `lang`, `sort`, `offer`, `granularity`, `allow_unpriced`, `compare`, `colour`); another raises `MisuseError`. json
    and xlsx are bytes, the others text. A quote is all that a format sees.
    """
    from planner.rendering import formats

    return formats.render(quote, form, **options)


def emit(
    quote: Quote, offer: Offer | str | None = None, settings: Settings | None = None, *, provider: str = ""
) -> dict[str, str]:
    """Return the Terraform module of an offer as {path: text}; nothing is written or applied.

    offer: an offer of the quote or its id; None takes the best on-demand offer (of `provider`, where the quote has
    several): spot may vanish, and a commitment outlives the deadline. settings: names, zone, deadline and the like
    (`planner.terraform.deploy.Settings`); None counts the deadline from now. Raises `MisuseError` for what the cloud, the
    GPU or the engine cannot do.
    """
    from planner.terraform import deploy, module

    if isinstance(offer, str):
        offer = deploy.pick(quote, offer.partition(":")[0], offer_id=offer)
    elif offer is None:
        names = sorted({o.provider for o in quote.offers})
        if provider and provider not in names:
            raise MisuseError(f"no offer of {provider!r} in this quote: {suggest(provider, names)}")
        if not provider and len(names) != 1:
            best = quote.best
            if best is None:
                raise MisuseError("no firm, fully priced offer in this quote; name one")
            provider = best.provider
        offer = deploy.pick(quote, provider or names[0])
    deployment = deploy.deploy(quote, offer, settings or deploy.Settings(datetime.now(UTC)))
    return module.files(deployment, quote, offer, {})


def load(path: str) -> Quote:
    """Return a quote saved as JSON, by this or an earlier release; raise `MisuseError` for anything else."""
    return saved.read(path, seller)


def seller(provider: str) -> Seller:
    """Return what reports call a provider, by the lists that come with planner; its bare name where they lack it."""
    catalog = Catalog()
    if provider not in catalog.providers():
        return Seller(provider, provider, provider, ())
    return build.seller(catalog.info(provider))


def diff(old: Quote, new: Quote, *, basis: str = "obligation") -> Diff:
    """Return what changed between two quotes: the recommended offer on `basis`, and every offer with its causes.

    Amounts of the causes are effective costs and add up exactly. Raises `MisuseError` when the currencies differ.
    """
    return compare(old, new, basis)
