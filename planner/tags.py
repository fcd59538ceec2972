"""Tags of the owner, a team or a cost centre: KEY=VALUE, for bills, workbooks and modules."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from planner.errors import MisuseError
from planner.harmless import one_line

__all__ = ["tags_of"]


def tags_of(value: object) -> tuple[tuple[str, str], ...]:
    """Return tags of owner, team or cost centre, sorted; the bounds are those of the clouds."""
    found: dict[str, str] = {}
    if isinstance(value, str) and "=" not in value:
        raise MisuseError("--tag: {value} is no KEY=VALUE", value=_seen(value))
    for name, said in value.items() if isinstance(value, Mapping) else _pairs(value):
        word, text = str(name).strip(), str(said).strip() if isinstance(said, (str, int, Decimal, float)) else ""
        if not word or len(word) > 128 or one_line(word) != word or not isinstance(said, (str, int, Decimal, float)):
            raise MisuseError("--tag: {name} is no KEY=VALUE with a key of 1 to 128 characters", name=_seen(name))
        if len(text) > 256 or one_line(text) != text:
            raise MisuseError("--tag {word}: at most 256 characters, none of them a control character", word=word)
        if word in found:
            raise MisuseError("--tag {word} is given twice", word=word)
        found[word] = text
    if len(found) > 50:
        raise MisuseError("--tag: {found} tags are too many: at most 50", found=len(found))
    return tuple(sorted(found.items()))


def _pairs(value: object) -> list[tuple[object, object]]:
    raw = value if isinstance(value, (list, tuple)) else [value]
    made: list[tuple[object, object]] = []
    for item in raw:
        name, sign, said = item.partition("=") if isinstance(item, str) else (item, "", "")
        if not sign:
            raise MisuseError("--tag: {item} is no KEY=VALUE", item=_seen(item))
        made.append((name, said))
    return made


def _seen(value: object) -> str:
    return ascii(value)[:60]
