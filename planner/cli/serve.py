"""`planner serve`: the report's page with the workload as a form, for people with a browser."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from planner.addresses import loopback
from planner.cli.help import Grouped, lang_option
from planner.cli.listening import listen, long_lived, token_of
from planner.cli.options import book_options, doubted, measured_option, my_measurements, open_catalog
from planner.errors import MisuseError

if TYPE_CHECKING:
    from planner.quoting.records import Quote
    from planner.web.app import Kit
    from planner.workload import Workload

#: The variable whose value a browser must send; without it only this machine is served.
TOKEN = "PLANNER_SERVE_TOKEN"  # noqa: S105 - the name of a variable
#: What is offered to choose from, by the field's key.
LISTED = ("model", "provider", "region", "gpu", "engine")
#: Connections at a time; a browser opens six.
MOST = 64


@click.command(cls=Grouped)
@book_options
@measured_option
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8470, metavar="PORT", help="Port; 0: a free one.  [8470]"
)
@click.option("--host", metavar="HOST", default="127.0.0.1", help="Address to listen on.  [127.0.0.1]")
@click.option(
    "--name", "names", metavar="NAME", multiple=True, help="Also answer to this name, e.g. of a proxy before it."
)
@lang_option("Language of the page.")
def serve(port: int, host: str, names: tuple[str, ...], lang: str, **prices: Any) -> int:
    """Serve the report's page with the workload as a form: quotes, explanations, downloads, at an address to share.

    This machine alone is served, unless PLANNER_SERVE_TOKEN holds a token that browsers send as the password. Ctrl-C ends it.
    Needs the extra `web`.
    """
    try:
        from planner import admission
        from planner.web import app
        from planner.web.wire import Wire
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in ("starlette", "uvicorn"):
            raise
        raise MisuseError("planner serve needs the extra `web`: pip install 'gpu-cost-planner[web]'") from None
    token = token_of(TOKEN, "planner serve")
    if not loopback(host) and not token:
        raise MisuseError(f"--host {host[:60]}: others would reach it: set {TOKEN} to a token of 16 letters or more")
    made = app.app(kit(lang, prices))
    long_lived()
    guarded = admission.Gate(made, token, admission.names(host, names), browser=True)
    limits: dict[str, Any] = {
        "http": Wire,
        "ws": "none",
        "lifespan": "off",
        "limit_concurrency": MOST,
        "log_level": "error",
    }
    return listen(guarded, host, port, "--port", server_header=False, **limits)


def kit(lang: str, prices: dict[str, Any]) -> Kit:
    """Return what the server asks: quotes on the prices that the command's options name, read anew for each."""
    from planner.cli.completion import words_of
    from planner.web.app import Kit

    measurements = prices.pop("measurements")
    own = tuple(os.path.abspath(path) for path in prices.pop("price_book"))

    def quote(work: Workload) -> tuple[Quote, str]:
        from planner import api

        with click.Context(serve):  # at its end the price book is closed
            catalog = open_catalog(own, **prices)
            mine = my_measurements(measurements, catalog.as_of)
            return api.quote(work, catalog=catalog, measurements=mine), doubted()

    def emit(quote: Quote, offer: str | None, lang: str) -> dict[str, str]:
        from datetime import UTC, datetime

        from planner import api
        from planner.terraform.settings import Settings

        return api.emit(quote, offer, Settings(datetime.now(UTC), lang=lang))

    with click.Context(serve):
        open_catalog(own, **prices)  # what is wrong with the prices is said now
        known = {name: tuple(dict.fromkeys(words_of(click.get_current_context(), name))) for name in LISTED}
    return Kit(quote, emit, known, lang)
