"""What the server shows: the report's own page with the form around it, a form alone where there is no quote, an offer unfolded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from planner.i18n import English, translator
from planner.quoting.records import Offer, Quote
from planner.rendering import html, words
from planner.templating import environment
from planner.web.fields import FIELDS, GROUPS, Asked, Field

__all__ = ["alone", "link", "report", "unfolded"]

#: The policy of a page without scripts.
BARE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'self'"
Known = Mapping[str, Sequence[str]]


def link(path: str, asked: Asked, usual: str, **more: str) -> str:
    """Return the address of a page about the same workload, relative to the server's own; usual: its language."""
    said = [*asked.pairs, *([("lang", asked.lang)] if asked.lang != usual else []), *more.items()]
    return path + ("?" + urlencode(said) if said else "")


def report(quote: Quote, asked: Asked, known: Known, usual: str, doubt: str = "") -> tuple[str, str]:
    """Return the report of a quote with the form, and its security policy. doubt: why its prices may not be the newest."""
    t = translator(asked.lang)
    files = []
    if quote.best is not None:
        files = [
            _to("quote.xlsx", t("Workbook (xlsx)"), asked, usual, file=True),
            *_files(quote.best, asked, usual, _called(t)),
            _to("quote.json", t("Quote (JSON)"), asked, usual, file=True),
        ]
    by_id = {offer.id: offer for offer in quote.offers}
    served = {
        **_form(asked, known, usual, t),
        "heard": asked.heard,
        "doubt": doubt,
        "files": files,
        "of": lambda name: _of(by_id[name], asked, usual, t),
    }
    more = {"served": served, "form_style": _style("serve.css")}
    return html.page(quote, "report/serve.html", more, lang=asked.lang, form="'self'")


def alone(asked: Asked, known: Known, usual: str, wrong: Sequence[str] = (), form: bool = True) -> str:
    """Return a page that says why there is no quote; form: with the form, in which each error stands at its field."""
    t = translator(asked.lang)
    errors = [(key, t(FIELDS[key].label), said) for key, said in asked.errors.items()]
    served = {**_form(asked, known, usual, t)} if form else None
    back = "" if form else link("./", asked, usual)
    return _bare(t, t("GPU cost quote"), served=served, wrong=[*wrong, *asked.wrong], errors=errors, back=back)


def unfolded(quote: Quote, offer: Offer, asked: Asked, usual: str, text: str) -> str:
    """Return the page of an offer that `planner explain` has unfolded to `text`."""
    t = translator(asked.lang)
    title = f"{offer.count} x {offer.instance_type}, {words.way(offer, t)}"
    files = _files(offer, asked, usual, _called(t))
    other = {"groups": (), "other": _other(asked, usual, "explain", offer=offer.id)}
    back = link("./", asked, usual)
    return _bare(t, title, under=offer.id, text=text, back=back, files=files, served=other)


def _bare(t: English, title: str, **said: Any) -> str:
    empty: dict[str, Any] = {
        "served": None,
        "wrong": (),
        "errors": (),
        "under": "",
        "back": "",
        "text": "",
        "files": (),
    }
    env = environment(html=True)
    env.globals.update({"t": t})
    style = {"style": _style("page.css"), "form_style": _style("serve.css")}
    return env.get_template("report/alone.html").render(**{**empty, **style, **said, "title": title})


def _style(name: str) -> Any:
    from markupsafe import Markup

    return Markup(html.read(name))  # noqa: S704 - our own file


def _to(path: str, text: str, asked: Asked, usual: str, offer: str = "", file: bool = False) -> dict[str, Any]:
    """Return a link; one about an offer ends where its id comes, so that the page can make it for another."""
    to = link(path, asked, usual) + (("&" if asked.pairs or asked.lang != usual else "?") + "offer=" if offer else "")
    return {"to": to, "text": text, "id": offer, "follow": bool(offer), "file": file}


def _of(offer: Offer, asked: Asked, usual: str, t: English) -> list[dict[str, Any]]:
    """Return what can be done with an offer: unfold it, take its bill or its module along."""
    return [_to("explain", t("Explain"), asked, usual, offer.id), *_files(offer, asked, usual, ("FOCUS", "Terraform"))]


def _files(offer: Offer, asked: Asked, usual: str, texts: tuple[str, str]) -> list[dict[str, Any]]:
    """Return the links to an offer's bill and module, called by `texts`."""
    found = []
    if not offer.unpriced:
        found.append(_to("focus.csv", texts[0], asked, usual, offer.id, file=True))
        if _has_module(offer):
            found.append(_to("module.zip", texts[1], asked, usual, offer.id, file=True))
    return found


def _called(t: English) -> tuple[str, str]:
    return t("FOCUS rows (CSV)"), t("Terraform module (zip)")


def _has_module(offer: Offer) -> bool:
    """Return whether a module can be written of an offer, as far as its cloud and its way of buying tell."""
    from planner.provider import owns
    from planner.terraform import cloud

    if owns(offer.provider):
        return False
    rules = cloud.find(offer.provider).options.get(offer.purchase_option)
    return rules is not None and not rules.needs_limit and offer.site not in rules.refused


def _form(asked: Asked, known: Known, usual: str, t: English) -> dict[str, Any]:
    groups = []
    for title, fields in GROUPS:
        said = sum(f.key in asked.values for f in fields)
        wrong = any(f.key in asked.errors for f in fields)
        shown = [_field(f, asked, known, t) for f in fields]
        groups.append({"title": t(title) if title else "", "fields": shown, "said": said, "open": wrong})
    return {
        "groups": groups,
        "known": {name: words for name, words in known.items() if FIELDS[name].kind != "many"},
        "lang": asked.lang if asked.lang != usual else "",
        "other": _other(asked, usual, "./"),
    }


def _other(asked: Asked, usual: str, path: str, **more: str) -> dict[str, str]:
    """Return the link to the same page in the other language."""
    lang, tag, name = ("zh", "zh-Hans", "中文") if asked.lang == "en" else ("en", "en", "English")
    return {"href": link(path, asked._replace(lang=lang), usual, **more), "tag": tag, "name": name}


def _field(field: Field, asked: Asked, known: Known, t: English) -> dict[str, Any]:
    value = asked.values.get(field.key, "")
    chosen = value if isinstance(value, tuple) else (str(value),) if value else ()
    listed = field.words or (tuple(known.get(field.key, ())) if field.kind == "many" else ())
    listed = (*listed, *(one for one in chosen if one not in listed))  # also what is wrong is shown as it was typed
    shown = value
    if isinstance(value, tuple):
        shown = ("\n" if field.kind == "lines" else ", ").join(value)
    return {
        "key": field.key,
        "label": t(field.label),
        "kind": "text" if field.kind == "date" and field.key in asked.errors else field.kind,
        "example": t(field.example) if field.kind == "choice" and field.example else field.example,
        "value": shown,
        "words": [(word, _word(field, word, t), word in chosen) for word in listed],
        "known": field.key in known,
        "error": asked.errors.get(field.key, ""),
    }


def _word(field: Field, word: str, t: English) -> str:
    """Return what a word of a list is called; names of models' formats and of clouds stay."""
    if field.key == "purchase_option":
        return t(word.replace("_", "-"))
    if field.key in ("budget_basis", "egress_months"):
        return t(word.replace("-", " "))
    if field.key == "preset":
        return t(word.upper() if len(word) < 4 else word.capitalize())
    return t(word.capitalize()) if field.key == "fiscal_year_start" else word
