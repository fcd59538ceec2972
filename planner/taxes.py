"""Taxes as they are given: how much, where, whether the prices hold it already, and whether it comes back.

6%                               added to everything
aws=0%                           of one provider
tencentcloud=6%:included         the prices hold it: 46,000 are 43,396.23 and 2,603.77 of tax
alicloud:intl=9%:recoverable     of one site; cash that is paid and comes back, so that it costs nothing
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from planner.errors import MisuseError, suggest
from planner.money import percent_of, plain, seen
from planner.records import NamedTuple

__all__ = ["Tax", "given", "of", "tax_of"]

WORDS = ("added", "included", "recoverable")
#: What stands for every provider in a file.
ALL = ("", "*", "all", "default")


class Tax(NamedTuple):
    """A share of tax. scope: provider, provider:site, or "" for all. included: the prices hold it; recoverable: it is paid
    and comes back."""

    scope: str
    share: Decimal
    included: bool = False
    recoverable: bool = False

    @property
    def said(self) -> str:
        """What a file says of it: `0.06:included`."""
        words = [w for w, so in (("included", self.included), ("recoverable", self.recoverable)) if so]
        return ":".join([plain(self.share), *words])


def tax_of(scope: str, said: object) -> Tax:
    """Return the tax of a scope as a user or a file gives it (`6%:included`); raise `MisuseError` for anything else."""
    where = f"--tax {scope}" if scope else "--tax"
    share, *words = str(said).split(":") if isinstance(said, str) else (said,)
    words = [str(w).strip().lower() for w in words]
    for word in words:
        if word not in WORDS:
            raise MisuseError(f"{where}: {word[:40]!r}: {suggest(word, WORDS)}")
    if "added" in words and "included" in words:
        raise MisuseError(f"{where}: a tax is added to the price or included in it, not both")
    return Tax(scope, percent_of(share, where), "included" in words, "recoverable" in words)


def given(value: object) -> dict[str, object]:
    """Return the workload's fields `tax` and `taxes` of what `--tax` (several times) or a file's `tax` says.

    A share that is simply added everywhere is `tax`, as in release 0.1.0; all else is `taxes`, ordered by scope.
    """
    found: dict[str, Tax] = {}
    for scope, said in _pairs(value):
        if scope in found:
            raise MisuseError(f"--tax: {scope or 'the tax of all'} is given twice")
        found[scope] = tax_of(scope, said)
    plainly = found.get("")
    if plainly is not None and not plainly.included and not plainly.recoverable:
        del found[""]
        return {"tax": plainly.share, "taxes": tuple(sorted(found.values()))}
    return {"tax": Decimal(0), "taxes": tuple(sorted(found.values()))}


def _pairs(value: object) -> Iterable[tuple[str, object]]:
    if isinstance(value, Mapping):
        yield from (("" if str(k) in ALL else str(k).replace("/", ":"), v) for k, v in value.items())
        return
    for item in value if isinstance(value, (list, tuple)) else (value,):
        scope, sign, said = item.partition("=") if isinstance(item, str) else ("", "", item)
        if not sign:
            yield "", item
        elif not scope.strip():
            raise MisuseError(f"--tax: {seen(item)}: write 6%, PROVIDER=6% or PROVIDER=6%:included")
        else:
            yield scope.strip().replace("/", ":"), said.strip()


def of(taxes: Iterable[Tax], usual: Decimal, provider: str, site: str) -> Tax:
    """Return the tax of a provider's site: what is said of the site, else of the provider, else of all, else `usual` added."""
    known = {tax.scope: tax for tax in taxes}
    found = (known.get(scope) for scope in (f"{provider}:{site}", provider, ""))
    return next((tax for tax in found if tax is not None), Tax("", usual))
