"""The workload's options, shared by every command that takes a workload, and how they become one."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from planner.cli.help import F, lang_option, option
from planner.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Container
    from decimal import Decimal

    from planner.prices.book import PriceBook
    from planner.prices.catalog import Catalog
    from planner.quoting.records import Quote
    from planner.sizing.own import Measurement
    from planner.workload import Workload

__all__ = [
    "book_options",
    "bring_own",
    "fetched",
    "load_options",
    "make_quote",
    "make_workload",
    "measured_option",
    "measurements_path",
    "my_measurements",
    "online_option",
    "open_catalog",
    "output_options",
    "own_option",
    "put",
    "saved_quote",
    "told",
    "workload_options",
]

#: The words of planner.workload.BASES (a test holds them equal; help must not import the cost model).
BASES = ("obligation", "effective", "billed", "committed", "present-value", "per-token")

#: (option, metavar, help, repeatable)
OPTIONS = (
    ("--hours", "H", "Length of the window in hours.  [720]", False),
    ("--use", "PATTERN", 'Instead of --hours: "300h/month x12" or "mon-fri 08-20 Asia/Shanghai x12".', False),
    ("--start", "DATE", "First day of the window (for calendar months).", False),
    ("--preset", "USE", "chat, code, agent, rag, research, batch: lengths, limits, rate of a public trace.", False),
    ("--model", "NAME", "Model to serve.  [DeepSeek-R1-Distill-Qwen-7B]", False),
    ("--model-config", "FILE", "A Hugging Face config.json of a known architecture.", False),
    ("--precision", "P", "fp16, bf16, fp8, int8, int8-w8a16, int4-awq, mxfp4, ...  [as the checkpoint is]", False),
    ("--engine", "NAME@VERSION", "Inference engine.  [the current one for the GPU]", False),
    ("--kv-cache-dtype", "P", "Width of the KV cache: auto or fp8.  [auto]", False),
    ("--pipeline-gbps", "GBPS", "Slowest network over which one copy of the model may be split.  [100]", False),
    ("--count", "N", "Number of instances (else the sizing decides).", False),
    ("--spare", "N", "Instances beyond the need (1 = N+1).", False),
    ("--rps", "R", "Demand: requests per second.", False),
    ("--concurrency", "C", "Demand: requests in flight.", False),
    ("--tokens-per-second", "T", "Demand: output tokens per second.", False),
    ("--input-tokens", "N", "Prompt length.  [1024]", False),
    ("--output-tokens", "N", "Answer length.  [512]", False),
    ("--context-tokens", "N", "Longest context to hold (else input + output).", False),
    ("--ttft-ms", "MS", "Limit on the time to the first token.", False),
    ("--tpot-ms", "MS", "Limit on the time per output token.", False),
    ("--egress-gb", "GB", "Data that leaves per calendar month.", False),
    ("--egress-to", "DEST", "internet, internet_flat, same_region or a region.  [internet]", False),
    ("--egress-months", "HOW", "Traffic of a month used in part: prorated or begun (all of it).  [prorated]", False),
    ("--inter-region-gb", "GB", "Data to other regions of the cloud per calendar month.", False),
    ("--storage-gb", "GB", "Disk per instance.", False),
    ("--public-ips", "N", "Public IPv4 addresses.", False),
    ("--provider", "NAME", "Only this cloud.  [every installed one]", True),
    ("--region", "ID", "A region, or all.  [each provider's home region]", True),
    ("--data-stays", "AREA", "Only regions in CN (mainland), EU or US; says what licences and exports bind.", False),
    ("--gpu", "NAME", "Only this GPU (A100, A100-80, A10, V100, ...).", True),
    ("--instance-type", "TYPE", "Only this instance type.", True),
    ("--purchase-option", "P", "on_demand, reserved, savings_plan, subscription, spot, capacity_block.", True),
    ("--headroom", "SHARE", "Capacity kept free.  [20%]", False),
    ("--budget", "AMOUNT", "Most that an offer may oblige to pay, in --currency; exit 1 when no firm one fits.", False),
    ("--budget-basis", "BASIS", "What the budget is held to: obligation, effective, billed, ...  [obligation]", False),
    ("--currency", "CODE", "Currency of the comparison.  [USD]", False),
    ("--fx", "PAIR=RATE", "Exchange rate, e.g. USDCNY=7.10.", True),
    ("--discount", "SCOPE=SHARE", "Contracted discount: CLOUD=12% or CLOUD:reserved=5%.", True),
    ("--discount-rate", "SHARE", "Cost of money a year, e.g. 10%: the least present value is recommended.", False),
    ("--tax", "[SCOPE=]SHARE[:HOW]", "Tax: 6%, CLOUD=0%, CLOUD:SITE=6%:included, CLOUD=9%:recoverable.", True),
    ("--contract", "CLOUD=SPENDxN:OFF", "Framework contract, e.g. CLOUD=120000x12:8%:50% (shortfall fee).", True),
    ("--fiscal-year-start", "MONTH", "Amounts by quarter and fiscal year, e.g. april.", False),
    ("--tag", "KEY=VALUE", "Tag of the owner, such as team=search: in FOCUS rows, workbook and module.", True),
    ("--max-age", "DAYS", "Age from which prices count as stale.  [90]", False),
)


online_option = option(
    "--online",
    is_flag=True,
    default=None,
    help="Fetch config.json of the model OWNER/NAME[@REVISION] from its hub; emit-tf: digests and revision too.",
)


def fetched(work: Workload, online: bool | None) -> Workload:
    """Return `work` with the config.json of its model, fetched now where `online` says so; what was fetched is said."""
    if not online:
        return work
    if work.model_config:
        raise MisuseError("--online fetches a config.json; drop --model-config")
    from planner.hub import fetch

    got = fetch(work.model, os.path.join(home(), "models"), os.environ)
    whence = f"{got.hub} ({got.endpoint})" if got.endpoint else f"{got.hub}, fetched before"
    click.echo(
        f"planner: config.json of {got.id} at revision {got.revision} from {whence}, kept as {got.path}", err=True
    )
    return work._replace(model_config=got.path)


def workload_options(function: F) -> F:
    """Add the workload's options and the optional WORKLOAD.toml argument to a command."""
    return click.argument("workload_file", metavar="[WORKLOAD.toml]", required=False)(load_options(function))


def load_options(function: F, but: Container[str] = ()) -> F:
    """Add the workload's options to a command. but: those that it has no use for."""
    for name, metavar, text, many in reversed(OPTIONS):
        if name not in but:
            function = option(name, metavar=metavar, help=text, multiple=many, default=() if many else None)(function)
    function = online_option(function)
    if "--low-confidence" in but:
        return function
    return option("--low-confidence", is_flag=True, default=None, help="Also quote prices of low confidence.")(function)


measured_option = option(
    "--measurements",
    metavar="FILE",
    help="Measurements of `planner verify --save`, or none.  [yours, where there are any]",
)


own_option = option(
    "--own", "own_file", metavar="FILE", help="Machines of your own beside the clouds (TOML), or `examples`."
)


def book_options(function: F) -> F:
    """Add the options that choose which prices are read."""
    for one in (
        option("--price-book", metavar="FILE", multiple=True, help="Your own prices (CSV or TOML)."),
        option("--price-book-db", metavar="FILE", help="Price book of `planner refresh`."),
        option("--offline-list", is_flag=True, help="Use the committed lists only."),
        option("--as-of", metavar="DATE", help="Quote with what was known on this date."),
    ):
        function = one(function)
    return function


def output_options(function: F) -> F:
    """Add the options of an answer that is read as a table, kept as JSON, or shown as a workbook or page."""
    for one in (
        lang_option(),
        option("--force", is_flag=True, help="Replace a file that planner did not write (-o)."),
        option("-o", "--output", metavar="FILE", help="Write to a file instead of the terminal."),
        option(
            "--format",
            "form",
            type=click.Choice(("table", "json", "xlsx", "html")),
            metavar="FORMAT",
            default="table",
            help="table, json, xlsx, html.  [table]",
        ),
    ):
        function = one(function)
    return function


def make_workload(
    values: dict[str, Any], base: Workload | None = None, aside: dict[str, str] | None = None, *, batch: bool = False
) -> Workload:
    """Return the workload of a command's parameters; options given on the command line beat the file's keys.

    aside: what the file of `base` said beside it (planner.asides); batch: whether it may say that the workload is one.
    """
    from planner import asides, workload
    from planner.cli.filed import stays, table_of

    path, aside = values.get("workload_file"), dict(aside or {})
    result = base or workload.Workload()
    if path:
        table = values.get("workload_table") or table_of(path)
        result = workload.of_table(table, f"workload {path}: ", base, told, aside)
    asides.refused(aside, asides.KEYS if batch else ("data_stays", "cache_hits"), f"workload {path}: " if path else "")
    values = {**values, "data_stays": values.get("data_stays") or aside.get("data_stays")}
    known = (*workload.Workload._fields, "preset")
    given = {k: v for k, v in values.items() if k in known and v is not None and v != ()}
    given |= stays(values, given.get("region", result.region), given.get("provider", result.provider), told)
    demands = ("rps", "concurrency", "tokens_per_second")
    if any(key in given for key in demands):  # the demand that is typed takes the place of the file's
        result = result._replace(**{key: workload.Workload._field_defaults[key] for key in demands})
    return fetched(workload.make(given, result, heard=told), values.get("online"))


def told(sentence: str) -> None:
    """Say on stderr what was understood by what was typed."""
    click.echo(f"planner: {sentence}", err=True)


def open_catalog(
    price_book: tuple[str, ...] = (),
    price_book_db: str | None = None,
    offline_list: bool = False,
    as_of: str | None = None,
) -> Catalog:
    """Return the catalogue that the book options describe; a price book that cannot be read is a warning on stderr."""
    from planner.prices.catalog import Catalog
    from planner.units import iso_date

    date = iso_date(as_of, "--as-of") if as_of else ""
    book = None if offline_list else _open_book(price_book_db)
    catalog = Catalog(book=book, as_of=date)
    if price_book:
        from planner.prices.own import load_all

        catalog.own = load_all(price_book, catalog)
    return catalog


def home() -> str:
    """Return the folder of the user's data: $PLANNER_HOME or the platform's place for it.

    One that stands there and is no folder, or that we may not look into, raises `MisuseError`: prices in it would be
    passed over without a word.
    """
    from planner.files import data_folder

    folder = data_folder(os.environ)
    name = "PLANNER_HOME" if os.environ.get("PLANNER_HOME") else "the data folder"
    try:
        os.stat(os.path.join(folder, ""))
        if not os.access(folder, os.X_OK):
            raise PermissionError(13, "may not be searched")
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as exc:
        why = getattr(exc, "strerror", "") or str(exc)
        raise MisuseError(f"{name}: {folder}: {why}; name another folder, or --price-book-db FILE") from None
    return folder


def book_path(price_book_db: str | None) -> str:
    """Return where the price book is: --price-book-db, else $PLANNER_BOOK, else the file of the user's own."""
    return price_book_db or os.environ.get("PLANNER_BOOK") or os.path.join(home(), "prices.sqlite3")


def read_book(price_book_db: str | None) -> PriceBook | None:
    """Return the price book for reading, None where there is none yet; raise `PriceBookError` when it cannot be used."""
    from planner.prices.book.places import open_book

    return open_book(
        book_path(price_book_db), os.path.join(home(), "shared"), doubt, os.environ.get("PLANNER_BOOK_TOKEN", "")
    )


def doubt(why: str) -> None:
    """Warn that prices are not those of the book as it is now; --strict makes an error of it (`doubted`)."""
    click.echo(f"planner: warning: {why}", err=True)
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta["planner.doubt"] = why


def doubted() -> str:
    """Return why the prices of this command may not be those of the price book, "" where nothing speaks for it."""
    context = click.get_current_context(silent=True)
    return str(context.meta.get("planner.doubt", "")) if context is not None else ""


def _open_book(price_book_db: str | None) -> Any:
    path = book_path(price_book_db)
    if "://" not in path and not os.path.exists(path):
        if price_book_db or os.environ.get("PLANNER_BOOK"):
            raise MisuseError("no price book at {path}; `planner refresh --price-book-db {path}` makes one", path=path)
        return None
    from planner.errors import PriceBookError
    from planner.prices.book.fallback import Fallback

    def warn(why: str) -> None:
        doubt(f"{why}; quoting from the committed lists")

    try:
        book = read_book(price_book_db)
    except PriceBookError as exc:
        warn(str(exc))
        return None
    if book is None:
        return None
    context = click.get_current_context(silent=True)
    if context is not None:
        context.call_on_close(book.close)
    return Fallback(book, warn, lambda text: click.echo(f"planner: warning: {text}", err=True))


def saved_quote(path: str, strict: bool = False) -> Quote:
    """Return the quote saved at `path`; one whose file was changed since is a warning on stderr, with `strict` an error."""
    from planner.api import load
    from planner.errors import PlannerError
    from planner.quoting.saved import altered

    quote = load(path)
    said = altered(quote)
    if said is not None:
        if strict:
            raise PlannerError(f"{path}: {said}")
        click.echo(f"planner: warning: {path}: {said}", err=True)
    return quote


def measurements_path() -> str:
    """Return the file of the user's measurements."""
    return os.path.join(home(), "measurements.json")


def my_measurements(given: str | None, as_of: str = "") -> tuple[Measurement, ...]:
    """Return the user's measurements: those in the file `given` ("none": none), else in their own file if there is one.

    as_of: those made later are left out.
    """
    if given == "none":
        return ()
    path = given or measurements_path()
    if not given and not os.path.exists(path):
        return ()
    from planner.quoting.measured import read

    return tuple(m for m in read(path) if not as_of or m.measured_on <= as_of)


def make_quote(
    workload: Workload,
    catalog: Catalog,
    whole: bool = False,
    brief: bool = False,
    measurements: str | None = None,
    top: int = 0,
) -> Quote:
    """Return the quote of `workload`, aged against today or the catalogue's own date (planner.quoting.build).

    measurements: as `--measurements`.
    """
    from datetime import date

    from planner.prices import fx
    from planner.quoting import build

    today = catalog.as_of or date.today().isoformat()
    own = my_measurements(measurements, catalog.as_of)
    return build.quote(
        workload, catalog, today, fx.Rates(fx.committed(catalog.as_of), workload.fx), whole, brief, own, top
    )


def bring_own(catalog: Catalog, own_file: str, workload: Workload, share: Decimal | None = None) -> None:
    """Add the machines of the file that `--own` names to a catalogue, at what they cost for `workload`.

    share: the mean demand as a share of the workload's, None: the machines run full.
    """
    from planner.buying import stock
    from planner.prices import fx

    rates = fx.Rates(fx.committed(catalog.as_of), workload.fx)
    stock.bring(catalog, stock.file_of(own_file), workload, rates, **({} if share is None else {"share": share}))


def put(text: str | bytes, output: str | None, force: bool = False, people: bool = True) -> None:
    """Write a rendering to the file `output`, else to the terminal.

    force: also over a file that planner did not write. people: it is read in the terminal, in the terminal's encoding.
    """
    if output:
        from planner.harmless import visible
        from planner.rendering.formats import ours
        from planner.writing import write_new

        if people and isinstance(text, str):
            text = visible(text)
        write_new(output, text, force=force, mine=ours)
    elif hasattr(sys.stdout, "buffer") and not (isinstance(text, str) and people):
        # A file's bytes are the same, whatever the terminal's encoding.
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode(errors="backslashreplace") if isinstance(text, str) else text)
    else:
        sys.stdout.write(text if isinstance(text, str) else text.decode())
