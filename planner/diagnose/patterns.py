"""The lines that are known: planner/data/faults.csv, each reduced to its pattern, with the public thread where it was seen.

A pattern is the text of a line with `{name}` where it varies, `{}` where nobody asks what stands there. A log is searched by the longest
text of each pattern, block by block, so that its size costs time and no memory; only a line that has it is looked at closely.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import BinaryIO

from planner import tables
from planner.files import DATA
from planner.records import NamedTuple

__all__ = ["Fault", "Pattern", "found", "patterns", "redacted"]

_BLOCK = 1 << 20
#: Bytes of a line that are looked at, to either side of the text that it was found by.
_REACH = 4096
#: What stands for a `{name}` is no longer than this.
_LONGEST = 300


class Pattern(NamedTuple):
    """A row of the table. kind: a word for the group of causes. pieces: the texts of the line in order; names: what stands between them ("":
    nothing that is asked for). cause, todo: sentences with the names in braces, *_zh in Chinese. fix: how the fix is computed, "" where it is
    none. source, date: the thread where it was seen, and when."""

    kind: str
    pieces: tuple[str, ...]
    names: tuple[str, ...]
    cause: str
    cause_zh: str
    todo: str
    todo_zh: str
    fix: str
    source: str
    date: str

    @property
    def anchor(self) -> str:
        """The longest of the texts, by which a line is found."""
        return max(self.pieces, key=len)

    def match(self, line: str) -> dict[str, str] | None:
        """Return what stands in the places of the names, None where the line is another."""
        at = line.find(self.pieces[0])
        while at >= 0:
            values = self._from(line, at + len(self.pieces[0]))
            if values is not None:
                return values
            at = line.find(self.pieces[0], at + 1)
        return None

    def _from(self, line: str, at: int) -> dict[str, str] | None:
        values: dict[str, str] = {}
        for name, piece in zip(self.names, self.pieces[1:], strict=True):
            end = line.find(piece, at) if piece else len(line)
            if end < 0 or end - at > _LONGEST:
                return None
            word = line[at:end].strip(' \\"\t')
            if not piece:  # to the end of the line: the first word
                word = word.split()[0].strip("'\".,") if word.split() else ""
            if name:
                values[name] = _said(name, word)
            at = end + len(piece)
        return values


def _said(name: str, word: str) -> str:
    """Return a version as people say it: compute capability 86 is 8.6, CUDA 12020 is 12.2."""
    if name in ("least", "capability") and word.isdigit() and 20 <= int(word) < 300:
        return f"{int(word) // 10}.{int(word) % 10}"
    if name == "found" and word.isdigit() and 1000 <= int(word) < 100_000:
        return f"{int(word) // 1000}.{int(word) % 1000 // 10}"
    return word


class Fault(NamedTuple):
    """A line of the log. line: its number, from 1; said: what it says, without secrets; values: what stands in the places of the pattern's
    names; times: how many lines are of this pattern."""

    pattern: Pattern
    line: int
    said: str
    values: dict[str, str]
    times: int


def _parsed(row: tuple[str, ...]) -> Pattern:
    kind, text, *rest = row
    pieces, names = [], []
    while True:
        before, brace, after = text.partition("{")
        pieces.append(before)
        if not brace:
            break
        name, _, text = after.partition("}")
        names.append(name)
    return Pattern(kind, tuple(pieces), tuple(names), *rest)


@cache
def patterns() -> tuple[Pattern, ...]:
    """Return the table, in its order: of two that fit one line the first counts. A pattern never begins with a name."""
    return tuple(_parsed(row) for row, _ in tables.read(os.path.join(DATA, "faults.csv"))[1])


def found(log: BinaryIO) -> tuple[list[Fault], str]:
    """Return what is known in a log, by the line on which it was first seen, and the driver's version where the log has it."""
    kept: dict[tuple[Pattern, tuple[str, ...]], Fault] = {}
    driver = ""
    for number, line in _candidates(log):
        driver = driver or _driver(line)
        for pattern in patterns():
            values = pattern.match(line)
            if values is None:
                continue
            key = (pattern, (values.get("code", ""),))
            known = kept.get(key)
            kept[key] = (
                known._replace(times=known.times + 1)
                if known
                else Fault(
                    pattern, number, redacted(line.strip())[:_LONGEST], {n: redacted(v) for n, v in values.items()}, 1
                )
            )
            break
    return sorted(kept.values(), key=lambda fault: fault.line), driver


#: How nvidia-smi and vLLM's own report of the machine say the driver's version.
_DRIVERS = ("Driver Version: ", "Nvidia driver version: ")


def _driver(line: str) -> str:
    for before in _DRIVERS:
        word = (
            line.partition(before)[2].split(None, 1)[0] if before in line and line.partition(before)[2].strip() else ""
        )
        if word[:3].isdigit() and word.replace(".", "").isdigit():
            return word
    return ""


def _candidates(log: BinaryIO) -> Iterator[tuple[int, str]]:
    """Yield (number, text) of the lines in which the longest text of a pattern stands, in their order."""
    anchors = sorted({*(pattern.anchor.encode() for pattern in patterns()), *(d.encode() for d in _DRIVERS)})
    number, rest = 1, b""
    while True:
        block = log.read(_BLOCK)
        whole = rest + block
        # A line that the block cuts is looked at with the next one; what is longer than a block is cut.
        end = whole.rfind(b"\n") + 1 if block and len(whole) < 4 * _BLOCK else len(whole)
        yield from _within(whole[:end], anchors, number)
        number += whole.count(b"\n", 0, end)
        rest = whole[end:]
        if not block:
            return


def _within(block: bytes, anchors: list[bytes], number: int) -> Iterator[tuple[int, str]]:
    hits: dict[int, int] = {}
    for anchor in anchors:
        at = block.find(anchor)
        while at >= 0:
            start = block.rfind(b"\n", 0, at) + 1
            hits.setdefault(start, at)
            end = block.find(b"\n", at)
            at = block.find(anchor, end) if end >= 0 else -1
    seen, lines = 0, 0
    for start in sorted(hits):
        lines += block.count(b"\n", seen, start)
        seen, at = start, hits[start]
        end = block.find(b"\n", at)
        part = block[max(start, at - _REACH) : min(end if end >= 0 else len(block), at + _REACH)]
        yield number + lines, part.decode("utf-8", "replace")


#: How words begin that are secrets: tokens of hubs and APIs, access keys of clouds.
_SECRETS = ("hf_", "sk-", "AKIA", "ASIA", "LTAI", "AKID", "ms-", "ghp_", "glpat-", "eyJ")
_NAMED = ("token", "password", "secret", "api_key", "api-key", "apikey", "authorization", "bearer")


def redacted(text: str) -> str:
    """Return `text` with whatever looks like a token, key or password as `***`: by how it begins, or by the word before it."""
    for start in _SECRETS:
        at = text.find(start)
        while at >= 0:
            end = at + len(start)
            while end < len(text) and (text[end].isalnum() or text[end] in "_-."):
                end += 1
            if end - at > 12 and not (at and text[at - 1].isalnum()):
                text, end = f"{text[:at]}***{text[end:]}", at
            at = text.find(start, end)
    words: list[str] = []
    hide = False
    for word in text.split(" "):
        bare = word.strip("'\"(),;[]{}<>")
        sign = "=" if "=" in bare else ":"
        name, given, value = bare.partition(sign)
        named = name.lower().lstrip("-").endswith(_NAMED) and "/" not in name
        if given and named and len(value) > 3:
            word = word.replace(value, "***")
        elif hide and len(bare) > 5 and not named:
            word = word.replace(bare, "***")
        hide = named and not value
        words.append(word)
    return " ".join(words)
