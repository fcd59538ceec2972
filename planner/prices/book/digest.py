"""A fetch and its digest, which is over all that it says: what was changed since, by whomever, is found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from planner.prices.texts import Kind
from planner.records import NamedTuple

__all__ = ["Content", "Fetch", "Texts", "digest_of", "uid_of"]

Texts = dict[str, str]
Content = Sequence[tuple[Kind, Texts]]


class Fetch(NamedTuple):
    """One whole region, asked once. access: "keys" or "public"; families: sorted, () = all GPU families.

    tells_zones: whether it said in which zones types are sold; then a type that it covers without a zone is sold nowhere.
    """

    id: int
    uid: str
    provider: str
    region: str
    account_site: str
    access: str
    families: tuple[str, ...]
    observed_at: str
    gaps: tuple[str, ...]
    tells_zones: bool = False


def uid_of(fetch: Fetch, content: Content) -> str:
    """Return a digest of all that a fetch says: the same fetch has the same id in every book."""
    return digest_of(fetch, ([kind.number, *texts.values()] for kind, texts in content))


def digest_of(fetch: Fetch, rows: Iterable[Sequence[object]]) -> str:
    """Return `uid_of` for rows that are their kind's number and their texts, in any order."""
    import json

    try:
        from _sha2 import sha256  # hashlib looks for OpenSSL first, which is 5 ms of a quote
    except ImportError:  # before Python 3.12
        from _sha256 import sha256

    head = [*fetch[2:6], list(fetch.families), fetch.observed_at, list(fetch.gaps)]
    if fetch.tells_zones:  # else left out, so that a fetch from before schema 3 keeps its id
        head.append("zones")
    body = sorted(list(row) for row in rows)
    text = json.dumps([head, body], ensure_ascii=False, separators=(",", ":"))
    return str(sha256(text.encode()).hexdigest()[:32])
