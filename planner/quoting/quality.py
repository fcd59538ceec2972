"""Scores that were published of models, and what was measured to be lost by a format: planner/data/quality.csv.

Scores are compared within one benchmark's name only, and none is worked out: a model that nobody scored on a benchmark has no score there. Rows of
`format` "native" are of the checkpoint as published (with the mode of thinking in `published_as`); others stand beside their `baseline`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

from planner import tables
from planner.errors import MisuseError, PlannerError
from planner.files import DATA
from planner.quoting.records import Offer, Quote
from planner.records import NamedTuple
from planner.sizing.fit import model_of, settled
from planner.sizing.memory import weight_bytes
from planner.sizing.models import find
from planner.text import Text
from planner.workload import Workload

__all__ = ["Near", "Neighbours", "Score", "as_json", "near", "scores", "smaller"]

#: Neighbours that are listed: those nearest in what they cost or score.
MOST = 10


class Score(NamedTuple):
    """One row. model: a name that `--model` takes; published_as: what the source calls it. score may be text ("near 100"); baseline: of the
    format's unquantised form, "" for native."""

    model: str
    published_as: str
    format: str
    benchmark: str
    score: str
    baseline: str
    source: str
    date: str
    confidence: str
    note: str

    @property
    def number(self) -> float | None:
        """The score as a number, None where it is text."""
        try:
            return float(self.score)
        except ValueError:
            return None


class Near(NamedTuple):
    """A neighbour, or the same model in another format. scores: (its score, the asked model's on the same benchmark, None for a format, whose
    baseline stands in the row). offer: the cheapest that serves the same load, None with `why` where nothing does."""

    model: str
    published_as: str
    precision: str
    gigabytes: float
    scores: tuple[tuple[Score, Score | None], ...]
    offer: Offer | None
    why: Text | str


class Neighbours(NamedTuple):
    """asked: the quote of the workload itself. models: others with a score on a benchmark on which the asked model has one, the best first.
    formats: the asked model in formats whose loss was measured. precision, gigabytes: of the asked model and its weights."""

    asked: Quote
    model: str
    models: tuple[Near, ...]
    formats: tuple[Near, ...]
    precision: str
    gigabytes: float


@cache
def scores() -> tuple[Score, ...]:
    """Return every row, in its order."""
    return tuple(Score(*row) for row, _ in tables.read(os.path.join(DATA, "quality.csv"))[1])


def _own(work: Workload) -> tuple[str, dict[str, Score]]:
    """Return the model's name as the scores have it, and its native score by benchmark: the best of its modes."""
    known = model_of(settled(work)).name
    names = (work.model, known)
    own: dict[str, Score] = {}
    for row in scores():
        if row.model in names and row.format == "native" and row.number is not None:
            held = own.get(row.benchmark)
            if held is None or (held.number or 0) < row.number:
                own[row.benchmark] = row
    return known, own


def near(work: Workload, quoted: Callable[[Workload], Quote]) -> Neighbours:
    """Return the neighbours of a workload's model, each with what serves the same load at the least.

    Raises `MisuseError` where nothing was published of the model that could be compared.
    """
    name, own = _own(work)
    by_published: dict[str, list[Score]] = {}
    for row in scores():
        if (
            row.format == "native"
            and row.benchmark in own
            and row.model not in (work.model, name)
            and row.number is not None
        ):
            by_published.setdefault(row.published_as, []).append(row)
    formats: dict[str, list[Score]] = {}
    for row in scores():
        if row.format != "native" and row.model in (work.model, name):
            formats.setdefault(row.format, []).append(row)
    if not by_published and not formats:
        raise MisuseError(
            f"--neighbours: no published score of {name} is known; docs/quality.md lists the models that have some"
        )

    def ahead(rows: list[Score]) -> float:
        """How far a model is ahead, in the mean over the benchmarks that both have."""
        return sum((row.number or 0) - (own[row.benchmark].number or 0) for row in rows) / len(rows)

    ranked = sorted(by_published.items(), key=lambda item: (-ahead(item[1]), item[0]))
    mine = [published for published, _ in ranked]
    # Those around the asked model: as many better ones as worse ones, where there are so many.
    better = sum(1 for rows in by_published.values() if ahead(rows) > 0)
    start = max(0, min(better - MOST // 2, len(mine) - MOST))
    models = []
    for published, rows in ranked[start : start + MOST]:
        other = work._replace(model=rows[0].model, model_config="", precision="auto", engine="", kv_cache_dtype="")
        paired = tuple((row, own[row.benchmark]) for row in rows)
        models.append(_priced(other, published, paired, quoted))
    found = []
    for precision, rows in formats.items():
        other = work._replace(precision=precision, engine="", kv_cache_dtype="")
        found.append(_priced(other, name, tuple((row, None) for row in rows), quoted))
    ready = settled(work)
    weights = weight_bytes(model_of(ready), ready.precision) / 1e9
    return Neighbours(quoted(work), name, tuple(models), tuple(found), ready.precision, weights)


def _priced(
    work: Workload, published: str, rows: tuple[tuple[Score, Score | None], ...], quoted: Callable[[Workload], Quote]
) -> Near:
    gigabytes, precision = 0.0, work.precision
    try:
        ready = settled(work)
        precision, gigabytes = ready.precision, weight_bytes(model_of(ready), ready.precision) / 1e9
        quote = quoted(work)
    except PlannerError as exc:
        return Near(work.model, published, precision, gigabytes, rows, None, str(exc))
    why: Text | str = "" if quote.best else next((r.reason for r in quote.rejected), "")
    return Near(work.model, published, precision, gigabytes, rows, quote.best, why)


def smaller(work: Workload, quoted: Callable[[Workload], Quote]) -> tuple[Score, Score, Offer] | None:
    """Return the largest smaller model with a published score beside the asked one's that does fit where that one does not: its score, the
    asked model's, and its offer; None where there is none."""
    try:
        _, own = _own(work)
        ready = settled(work)
        limit = weight_bytes(model_of(ready), ready.precision)
    except PlannerError:
        return None
    sized: dict[str, float] = {}
    for row in scores():
        if row.format == "native" and row.benchmark in own and row.model not in sized:
            try:
                other = settled(work._replace(model=row.model, model_config="", precision="auto"))
                sized[row.model] = weight_bytes(find(row.model), other.precision)
            except PlannerError:
                continue
    for model, size in sorted(sized.items(), key=lambda item: -item[1]):
        if size >= limit:
            continue
        try:
            best = quoted(work._replace(model=model, model_config="", precision="auto", engine="")).best
        except PlannerError:
            continue
        if best is not None:
            row = next(r for r in scores() if r.model == model and r.format == "native" and r.benchmark in own)
            return row, own[row.benchmark], best
    return None


def as_json(found: Neighbours) -> dict[str, object]:
    """Return the neighbours as JSON has them (planner.neighbours/1); amounts as decimal strings."""
    from planner.money import plain

    def offer(one: Offer | None) -> dict[str, object] | None:
        if one is None:
            return None
        return {"id": one.id, "count": one.count, "obligation": plain(one.totals.report.obligation)}

    def row(one: Near) -> dict[str, object]:
        return {
            "model": one.model,
            "published_as": one.published_as,
            "precision": one.precision,
            "weights_gb": round(one.gigabytes, 1),
            "scores": [
                {
                    "benchmark": mine.benchmark,
                    "score": mine.score,
                    "beside": mine.baseline if other is None else other.score,
                    "beside_published_as": "" if other is None else other.published_as,
                    "source": mine.source,
                    "date": mine.date,
                    "confidence": mine.confidence,
                    "note": mine.note,
                }
                for mine, other in one.scores
            ],
            "offer": offer(one.offer),
            "why_none": None if one.offer is not None else str(one.why),
        }

    best = found.asked.best
    return {
        "schema": "planner.neighbours/1",
        "quoted_on": found.asked.quoted_on,
        "currency": found.asked.currency,
        "model": found.model,
        "precision": found.precision,
        "weights_gb": round(found.gigabytes, 1),
        "offer": offer(best),
        "models": [row(one) for one in found.models],
        "formats": [row(one) for one in found.formats],
        "fx": [
            {"base": f.base, "quote": f.quote, "rate": plain(f.rate), "as_of": f.as_of, "source": f.source}
            for f in found.asked.fx
        ],
    }
