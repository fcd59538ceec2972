"""The server of `planner serve`: every answer is made from its address alone, so that an address is a result and two tabs share nothing.

It reads no file that an address names, keeps nothing, and writes nothing; what is taken along is made in memory. Quotes are made one at a
time in a thread; who waits too long is told so.
"""

from __future__ import annotations

import asyncio
import functools
import zipfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from planner.errors import MisuseError, NoOfferError, PlannerError
from planner.i18n import translator
from planner.quoting.choose import named, place_of, why_none
from planner.quoting.records import Quote
from planner.records import NamedTuple
from planner.rendering.explain import dump
from planner.rendering.formats import render
from planner.web import page
from planner.web.fields import Asked, Value, culprit, meant, read
from planner.workload import Workload, make

__all__ = ["LONGEST_QUERY", "Kit", "app"]

LONGEST_QUERY, MOST_FIELDS = 16_384, 300
#: Seconds after which who waits is told to ask again.
PATIENCE = 60.0
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: What goes with every answer: no page of another's may frame, embed or keep it.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Kit(NamedTuple):
    """What the server is given. quote: a workload's quote, and why its prices may not be the newest (""). emit: the module of an offer (by
    its id, None: the best on demand) in a language. known: words to choose from, by the field's key. lang: the language where an address
    names none."""

    quote: Callable[[Workload], tuple[Quote, str]]
    emit: Callable[[Quote, str | None, str], Mapping[str, str]]
    known: Mapping[str, Sequence[str]]
    lang: str = "en"


class _Web:
    """What is answered at each address."""

    def __init__(self, kit: Kit, patience: float) -> None:
        self.kit, self.patience = kit, patience
        self.pool = ThreadPoolExecutor(1, "quote")

    def route(self, path: str, page_of: Callable[[Asked], Response]) -> Route:
        """Return the route of a page that is made from what its address asks."""

        async def answer(request: Request) -> Response:
            try:
                pairs = _pairs(request)
                asked = read(pairs, self.kit.lang)
                if path == "/" and asked.workload is not None and not asked.tidy:
                    return _safe(RedirectResponse(page.link("./", asked, self.kit.lang), 303))
                return await self._made(functools.partial(self._answer, page_of, asked))
            except HTTPException as exc:
                return _safe(_text(exc))

        return Route(path, answer, methods=["GET"])

    async def _made(self, work: Callable[[], Response]) -> Response:
        """Make an answer in the one thread for it; who waits longer than patience is told so, and what was not begun is left."""
        waiting = self.pool.submit(work)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(waiting), self.patience)
        except TimeoutError:
            raise HTTPException(503, "other quotes are being made; try again", {"Retry-After": "10"}) from None

    def _answer(self, page_of: Callable[[Asked], Response], asked: Asked) -> Response:
        """Return the answer, or why there is none; no error leaves here."""
        try:
            if asked.workload is None:
                return self._refused(asked)
            return _safe(page_of(asked))
        except MisuseError as exc:
            key = "" if asked.offer else culprit(asked.values, str(exc), self._said)
            if key:
                return self._refused(asked._replace(errors={key: str(exc)}))
            return self._refused(asked, str(exc), form=not asked.offer)
        except PlannerError as exc:
            return self._refused(asked, str(exc), 422, form=False)
        except Exception as exc:
            return self._refused(asked, f"unexpected {type(exc).__name__}; please report it [E199]", 500, form=False)

    def _refused(self, asked: Asked, why: str = "", status: int = 400, form: bool = True) -> Response:
        text = page.alone(asked, self.kit.known, self.kit.lang, (why,) if why else (), form)
        return _page(text, page.BARE, status)

    def _said(self, values: Mapping[str, Value]) -> str:
        """Return why there is no quote of other values, "" where there is one."""
        try:
            self.kit.quote(meant(values))
        except PlannerError as exc:
            return str(exc)
        return ""

    def _quote(self, asked: Asked) -> Quote:
        """Return the quote; raise `NoOfferError` where there is nothing to take along."""
        assert asked.workload is not None
        quote = self.kit.quote(asked.workload)[0]
        if not quote.offers:
            raise NoOfferError(why_none(quote))
        return quote

    def report(self, asked: Asked) -> Response:
        """Answer with the report's page, the form around it."""
        assert asked.workload is not None
        quote, doubt = self.kit.quote(asked.workload)
        return _page(*page.report(quote, asked, self.kit.known, self.kit.lang, doubt))

    def explain(self, asked: Asked) -> Response:
        """Answer with an offer unfolded, word for word as `planner explain` does."""
        assert asked.workload is not None
        narrow = {} if "region" in asked.values else place_of(asked.offer)
        quote = self._quote(asked._replace(workload=make(narrow, asked.workload)))
        offer = named(quote, asked.offer) if asked.offer else quote.best or quote.offers[0]
        if narrow:  # the best of one type in one place is no recommendation
            quote = quote._replace(recommended=None)
        text = dump(quote, offer, translator(asked.lang))
        return _page(page.unfolded(quote, offer, asked, self.kit.lang, text), page.BARE)

    def workbook(self, asked: Asked) -> Response:
        """Answer with the workbook."""
        quote = self._quote(asked)
        return _file(render(quote, "xlsx", lang=asked.lang), f"quote-{quote.hash[:8]}.xlsx", _XLSX)

    def focus(self, asked: Asked) -> Response:
        """Answer with the rows of an offer's bill."""
        quote = self._quote(asked)
        more = {"offer": asked.offer} if asked.offer else {}
        return _file(render(quote, "focus", **more), f"focus-{quote.hash[:8]}.csv", "text/csv; charset=utf-8")

    def json(self, asked: Asked) -> Response:
        """Answer with the quote as it is saved."""
        quote = self._quote(asked)
        return _file(render(quote, "json"), f"quote-{quote.hash[:8]}.json", "application/json")

    def module(self, asked: Asked) -> Response:
        """Answer with the Terraform module of an offer, packed."""
        quote = self._quote(asked)
        files = self.kit.emit(quote, asked.offer or None, asked.lang)
        return _file(_packed(files, datetime.now(UTC)), f"module-{quote.hash[:8]}.zip", "application/zip")


def app(kit: Kit, patience: float = PATIENCE) -> ASGIApp:
    """Return the server as an ASGI application. patience: seconds for which an answer is waited for."""
    web = _Web(kit, patience)
    pages = {
        "/": web.report,
        "/explain": web.explain,
        "/quote.xlsx": web.workbook,
        "/quote.json": web.json,
        "/focus.csv": web.focus,
        "/module.zip": web.module,
    }

    async def none(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, HTTPException)
        return _safe(_text(exc))

    return Starlette(
        routes=[web.route(path, one) for path, one in pages.items()], exception_handlers={HTTPException: none}
    )


def _pairs(request: Request) -> list[tuple[str, str]]:
    """Return what an address asks; raise `HTTPException` for a request that is not ours to answer."""
    headers = request.headers
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        raise HTTPException(413, "a request here has no body", {"Connection": "close"})
    if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode", "navigate") != "navigate":
        raise HTTPException(403, "another site's page may not ask this one")
    query = request.scope["query_string"]
    if len(query) > LONGEST_QUERY:
        raise HTTPException(414, f"an address may have {LONGEST_QUERY:,} letters")
    try:
        return parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise HTTPException(400, "the address cannot be read") from None


def _text(exc: HTTPException) -> Response:
    return Response(f"{exc.detail}\n", exc.status_code, exc.headers, "text/plain; charset=utf-8")


def _page(text: str, policy: str, status: int = 200) -> Response:
    return _safe(HTMLResponse(text, status, {"Content-Security-Policy": f"{policy}; frame-ancestors 'none'"}))


def _file(made: str | bytes, name: str, kind: str) -> Response:
    said = {"Content-Disposition": f'attachment; filename="planner-{name}"'}
    return Response(made, 200, said, kind)


def _safe(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _packed(files: Mapping[str, str], now: datetime) -> bytes:
    """Return files in a zip, in a folder of their own, scripts to be run."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as out:
        for path, text in files.items():
            one = zipfile.ZipInfo(f"module/{path}", now.timetuple()[:6])
            one.compress_type = zipfile.ZIP_DEFLATED
            one.external_attr = (0o100755 if path.endswith(".sh") else 0o100644) << 16
            out.writestr(one, text)
    return made.getvalue()
