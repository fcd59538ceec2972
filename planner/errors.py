"""Every error a user can meet; the tree is drawn here, and the command line turns it into an exit code.

    PlannerError            exit 1: the request was fine, the work could not be done
    |-- CatalogError        a price list that fails its checks (names file and line)
    |-- BudgetError         nothing fits the budget
    |-- NoOfferError        nothing that is for sale serves the workload
    |-- StaleError          --strict, and a price list is too old
    |-- FetchError          a cloud did not answer as expected (providers map their SDKs' errors to it)
    |-- PriceBookError      the user's price book cannot be read or written
    |-- TerraformError      terraform is missing, or refused a module
    `-- MisuseError         exit 2: the request itself is wrong (a value, a name, a file's content)

A message says what, where and what to do next, in one line.
"""

from __future__ import annotations

__all__ = [
    "BudgetError",
    "CatalogError",
    "FetchError",
    "MisuseError",
    "NoOfferError",
    "PlannerError",
    "PriceBookError",
    "StaleError",
    "TerraformError",
    "suggest",
]


class PlannerError(Exception):
    """Base of all errors that a user may see; `exit_code` is the process's."""

    exit_code = 1


class CatalogError(PlannerError):
    """A price list fails its checks."""


class BudgetError(PlannerError):
    """No offer fits the budget."""


class NoOfferError(PlannerError):
    """No offer serves the workload."""


class StaleError(PlannerError):
    """A price list is older than the limit and `--strict` was given."""


class FetchError(PlannerError):
    """A cloud did not answer, or answered something that cannot be trusted."""


class PriceBookError(PlannerError):
    """The user's price book cannot be used."""


class TerraformError(PlannerError):
    """Terraform is missing, or refused."""


class MisuseError(PlannerError):
    """The request itself is wrong."""

    exit_code = 2


def suggest(word: str, known: object) -> str:
    """Return `": did you mean a, b?"`-style help for a misspelt `word`, or the choices when none is near."""
    import difflib

    names = sorted(str(name) for name in known)  # type: ignore[attr-defined]
    lower = {name.lower(): name for name in names}
    near = [lower[n] for n in difflib.get_close_matches(word.lower(), list(lower), n=3, cutoff=0.5)]
    if near:
        return f"did you mean {', '.join(near)}?"
    if len(names) <= 12:
        return f"known: {', '.join(names)}" if names else "none are known"
    return f"{len(names)} are known, e.g. {', '.join(names[:3])}"
