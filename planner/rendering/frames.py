"""Records as data frames of pandas or polars, which are imported here alone; amounts stay the decimals that they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError, PlannerError, suggest
from planner.quoting.diff import CAUSES, Diff
from planner.quoting.notes import old_offers, seen
from planner.quoting.records import Offer, Quote
from planner.sizing import Range, Sizing

__all__ = ["LIBRARIES", "columns", "dataframe"]

#: In the order in which they are looked for.
LIBRARIES = ("pandas", "polars")
#: What a column holds: "text", "amount" (Decimal), "number" (float), "whole" and "yes" (bool); any of it may be absent (None).
Column = tuple[str, Sequence[Any]]
_DIGITS = 38


def dataframe(record: object, library: str = "") -> Any:
    """Return a `Quote`, `Sizing` or `Diff` as a data frame; raise `PlannerError` that says what to install where it cannot be."""
    if library and library not in LIBRARIES:
        raise MisuseError(f"to_dataframe: {library[:60]!r}: {suggest(library, LIBRARIES)}")
    for name in (library,) if library else LIBRARIES:
        try:
            module = __import__(name)
        except ImportError:
            continue
        return _MAKERS[name](module, columns(record))
    wanted = library or "pandas or polars"
    raise PlannerError(
        f"to_dataframe needs {wanted}: pip install 'gpu-cost-planner[notebook]' (pandas), or pip install polars"
    )


def columns(record: object) -> dict[str, Column]:
    """Return a record's columns by name, each with its kind and its values."""
    if isinstance(record, Quote):
        return _quote(record)
    if isinstance(record, Diff):
        return _diff(record)
    assert isinstance(record, Sizing)
    return _sizing(record)


def _quote(quote: Quote) -> dict[str, Column]:
    old, best = old_offers(quote), quote.best

    def speed(offer: Offer, side: int) -> float | None:
        one = offer.sizing.output_tokens_per_second
        return None if one is None else one[side] * offer.count

    made: dict[str, tuple[str, Callable[[Offer], Any]]] = {
        "offer": ("text", lambda o: o.id),
        "recommended": ("yes", lambda o: o is best),
        "provider": ("text", lambda o: o.provider),
        "site": ("text", lambda o: o.site),
        "region": ("text", lambda o: o.region),
        "zone": ("text", lambda o: o.zone or None),
        "instance_type": ("text", lambda o: o.instance_type),
        "count": ("whole", lambda o: o.count),
        "gpu_model": ("text", lambda o: o.gpu.model),
        "gpu_count": ("amount", lambda o: o.gpu.count),
        "purchase_option": ("text", lambda o: o.purchase_option),
        "term": ("text", lambda o: o.term or None),
        "payment": ("text", lambda o: o.payment or None),
        "market": ("yes", lambda o: o.market),
        "currency": ("text", lambda o: quote.currency),
        "obligation": ("amount", lambda o: o.totals.report.obligation),
        "effective": ("amount", lambda o: o.totals.report.effective),
        "billed": ("amount", lambda o: o.totals.report.billed),
        "committed": ("amount", lambda o: o.totals.report.committed),
        "list": ("amount", lambda o: o.totals.report.list),
        "break_even_hours": ("whole", lambda o: o.break_even_hours),
        "cost_per_million_output": ("amount", lambda o: o.cost_per_million_output),
        "output_tokens_per_second_low": ("number", lambda o: speed(o, 0)),
        "output_tokens_per_second_high": ("number", lambda o: speed(o, 2)),
        "unpriced": ("text", lambda o: "; ".join(map(str, o.unpriced)) or None),
        "prices_seen": ("text", lambda o: seen(o)[0] or None),
        "stale": ("yes", lambda o: o.id in old),
    }
    return {name: (kind, [read(offer) for offer in quote.offers]) for name, (kind, read) in made.items()}


def _sizing(sizing: Sizing) -> dict[str, Column]:
    from planner.rendering.sizing import rates

    rows = rates(sizing)
    made: dict[str, Column] = {"quantity": ("text", [row.label for row in rows])}
    return made | {name: ("number", [getattr(row.value, name) for row in rows]) for name in Range._fields}


def _diff(diff: Diff) -> dict[str, Column]:
    rows = diff.offers
    basis = diff.basis.replace("-", "_")
    made: dict[str, Column] = {
        "offer": ("text", [o.id for o in rows]),
        "status": ("text", [o.status for o in rows]),
        "currency": ("text", [diff.currency for _ in rows]),
        "effective_before": ("amount", [o.before for o in rows]),
        "effective_after": ("amount", [o.after for o in rows]),
        "difference": ("amount", [o.difference for o in rows]),
    }
    for cause in CAUSES:
        made[f"by_{cause}"] = ("amount", [_part(dict(o.parts), cause, o.difference) for o in rows])
    if basis != "effective":
        made |= {f"{basis}_{when}": ("amount", [o.owed[n] for o in rows]) for n, when in enumerate(("before", "after"))}
    return made


def _part(parts: Mapping[str, Decimal], cause: str, difference: Decimal | None) -> Decimal | None:
    """Return a cause's part: 0 where it has none, None of an offer that only one quote has."""
    return None if difference is None else parts.get(cause, Decimal(0))


def _pandas(pandas: Any, made: Mapping[str, Column]) -> Any:
    kinds = {"text": "string", "amount": "object", "number": "float64", "whole": "Int64", "yes": "bool"}
    return pandas.DataFrame(
        {name: pandas.Series(list(values), dtype=kinds[kind]) for name, (kind, values) in made.items()}
    )


def _polars(polars: Any, made: Mapping[str, Column]) -> Any:
    kinds = {"text": polars.String, "number": polars.Float64, "whole": polars.Int64, "yes": polars.Boolean}
    series = []
    for name, (kind, values) in made.items():
        dtype = kinds[kind] if kind != "amount" else _exact(polars, values)
        series.append(polars.Series(name, list(values), dtype=dtype))
    return polars.DataFrame(series)


def _exact(polars: Any, values: Sequence[Decimal | None]) -> Any:
    """Return the type that holds these decimals to the last digit: polars' own of 38 digits, else Python's own as objects."""
    told = [value.as_tuple() for value in values if value is not None]
    exponents = [one.exponent for one in told if isinstance(one.exponent, int)]
    scale = max((-exponent for exponent in exponents), default=0)
    whole = max((len(one.digits) + exponent for one, exponent in zip(told, exponents, strict=True)), default=1)
    scale = max(scale, 0)
    return polars.Decimal(_DIGITS, scale) if max(whole, 1) + scale <= _DIGITS else polars.Object


_MAKERS: dict[str, Callable[[Any, Mapping[str, Column]], Any]] = {"pandas": _pandas, "polars": _polars}
