"""What binds by law or licence, in sentences below a quote: each with the source of its text."""

from __future__ import annotations

from planner.i18n import translator
from planner.prices.places import Term, terms
from planner.quoting.records import Offer
from planner.sizing.models import Model

__all__ = ["bound"]


def bound(model: Model, offer: Offer | None, mainland: bool, lang: str) -> list[str]:
    """Return what binds a model, and an offer's cards. mainland: the offer is in mainland China."""
    t = translator(lang)
    gpu = "" if offer is None else offer.gpu.model

    def said(term: Term, what: str) -> str:
        key = "Binding: {what}: {said} ({source}, {date}, confidence {confidence})"
        words = term.said_zh if lang == "zh" else term.said
        return t(key, what=what, said=words, source=term.source, date=term.date, confidence=t(term.confidence))

    found = []
    for term in terms():
        if term.kind == "licence" and model.license in term.match:
            found.append(said(term, f"{model.name}, {model.license}"))
        names = [name for name in term.match if gpu == name or gpu.startswith(f"{name}-")]
        if names and (term.kind == "gpu" or (term.kind == "export" and mainland)):
            found.append(said(term, gpu))
    return found
