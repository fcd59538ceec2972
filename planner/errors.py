"""Every error a user can meet; the tree is drawn here, and the command line turns it into an exit code.

    PlannerError            exit 1: the request was fine, the work could not be done
    |-- CatalogError        a price list that fails its checks (names file and line)
    |-- BudgetError         nothing fits the budget
    |-- NoOfferError        nothing that is for sale serves the workload
    |-- StaleError          --strict, and a price list is too old
    |-- FetchError          a cloud did not answer as expected (providers map their SDKs' errors to it)
    |-- PriceBookError      the user's price book cannot be read or written
    |-- TerraformError      terraform is missing, or refused a module
    |-- PolicyError         exit 3: a policy file does not allow it
    `-- MisuseError         exit 2: the request itself is wrong (a value, a name, a file's content)

A message says what, where and what to do next, in one line, and never a password: whatever becomes the text of a
`PlannerError`, and whatever the command line prints of another error, has gone through `scrubbed`.
"""

from __future__ import annotations

__all__ = [
    "BudgetError",
    "CatalogError",
    "FetchError",
    "MisuseError",
    "Near",
    "NoOfferError",
    "PlannerError",
    "PolicyError",
    "PriceBookError",
    "StaleError",
    "TerraformError",
    "scrubbed",
    "suggest",
]


class PlannerError(Exception):
    """Base of all errors that a user may see; `exit_code` is the process's, `code` stays the same (docs/errors.md).

    said: the sentence, in English, or a `Text`; values: what stands for its {names}. Given apart, the command line can say the
    same in Chinese (data/help.csv).
    """

    exit_code = 1
    code = "E100"

    def __init__(self, said: object = "", /, **values: object) -> None:
        super().__init__(str(said).format(**values) if values else str(said))
        self.said, self.values = said, values

    def __str__(self) -> str:
        return scrubbed(super().__str__())


class CatalogError(PlannerError):
    """A price list fails its checks."""

    code = "E101"


class BudgetError(PlannerError):
    """No offer fits the budget."""

    code = "E102"


class NoOfferError(PlannerError):
    """No offer serves the workload."""

    code = "E103"


class StaleError(PlannerError):
    """A price list is older than the limit and `--strict` was given."""

    code = "E104"


class FetchError(PlannerError):
    """A cloud did not answer, or answered something that cannot be trusted."""

    code = "E105"


class PriceBookError(PlannerError):
    """The user's price book cannot be used."""

    code = "E106"


class TerraformError(PlannerError):
    """Terraform is missing, or refused."""

    code = "E107"


class PolicyError(PlannerError):
    """All could be done, and a policy file does not allow what came out."""

    exit_code = 3
    code = "E300"


class MisuseError(PlannerError):
    """The request itself is wrong."""

    exit_code = 2
    code = "E200"


def scrubbed(text: str) -> str:
    """Return `text` with the user and the password of every address in it replaced by `***`.

    Libraries put whole proxy addresses into their errors ("Failed to parse: http://user:pw@proxy"). What stands before the
    last @ of a word is taken for a secret, since a password may hold any sign that an address should not. One with a blank
    in it is found by its value, which stands in the variables that name proxies.
    """
    start = text.find("//") if "@" in text else -1
    while start >= 0:
        start += 2
        word = text[start:].split(None, 1)[0] if text[start : start + 1].strip() else ""
        at = word.rfind("@")
        if at >= 0:
            text = f"{text[:start]}***{text[start + at :]}"
        start = text.find("//", start)
    for secret in _proxy_secrets():
        text = text.replace(secret, "***")
    return text


def _proxy_secrets() -> list[str]:
    """Return the userinfo, and the password alone, of the addresses in the variables that name proxies."""
    import os

    found = []
    for name, value in os.environ.items():
        if name.lower().endswith("_proxy") and "@" in value:
            userinfo = value.rpartition("@")[0].rpartition("//")[2]
            # Libraries cut an address that they cannot read at signs of their own choice.
            pieces = userinfo.translate({ord(sign): " " for sign in "/@?#[]"}).split()
            words = (userinfo, *pieces, *(piece.partition(":")[2] for piece in pieces))
            found += sorted((word for word in words if len(word) > 5), key=len, reverse=True)
    return found


def nearest(word: str, known: list[str]) -> list[str]:
    """Return up to three of the names in `known` that are spelled nearly as `word` is, nearest first."""
    import difflib

    lower = {name.lower(): name for name in known}
    return [lower[n] for n in difflib.get_close_matches(word.lower(), list(lower), n=3, cutoff=0.5)]


class Near(str):
    """What helps with a misspelt word, in English. said: its sentence; values: what stands for its {names}; names are lists."""

    said: str
    values: dict[str, str | list[str]]

    def told(self, sign: str) -> dict[str, str]:
        """Return the values, a list joined with `sign`."""
        return _joined(self.values, sign)


def _joined(values: dict[str, str | list[str]], sign: str) -> dict[str, str]:
    return {name: value if isinstance(value, str) else sign.join(value) for name, value in values.items()}


def suggest(word: str, known: object, alike: list[str] | None = None) -> Near:
    """Return `": did you mean a, b?"`-style help for a misspelt `word`, or the choices when none is near.

    alike: the near ones, where somebody has looked closer than `nearest`.
    """
    names = sorted(str(name) for name in known)  # type: ignore[attr-defined]
    values: dict[str, str | list[str]]
    if near := alike or nearest(word, names):
        said, values = "did you mean {names}?", {"names": near}
    elif not names:
        said, values = "none are known", {}
    elif len(names) <= 12:
        said, values = "known: {names}", {"names": names}
    else:
        said, values = "{count} are known, e.g. {names}", {"count": str(len(names)), "names": names[:3]}
    made = Near(said.format(**_joined(values, ", ")))
    made.said, made.values = said, values
    return made
