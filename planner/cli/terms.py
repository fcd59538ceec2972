"""What binds by law or licence, in sentences below a quote: each with the source of its text."""

from __future__ import annotations

from planner.i18n import translator
from planner.prices.places import Term, terms
from planner.sizing.gpus import Missing, lookup
from planner.sizing.models import Model

__all__ = ["bound"]


def bound(model: Model, gpu: str, mainland: bool, lang: str) -> list[str]:
    """Return what binds a model, and the cards that it runs on ("": none). mainland: they are in mainland China."""
    t = translator(lang)
    known = lookup(gpu) if gpu else None
    card = gpu if known is None or isinstance(known, Missing) else known.name

    def said(term: Term, what: str) -> str:
        key = "Binding: {what}: {said} ({source}, {date}, confidence {confidence})"
        words = term.said_zh if lang == "zh" else term.said
        return t(key, what=what, said=words, source=term.source, date=term.date, confidence=t(term.confidence))

    found = []
    for term in terms():
        if term.kind == "licence" and model.license in term.match:
            found.append(said(term, f"{model.name}, {model.license}"))
        names = [name for name in term.match if card == name or card.startswith(f"{name}-")]
        if names and (term.kind == "gpu" or (term.kind == "export" and mainland)):
            found.append(said(term, gpu))
    return found
