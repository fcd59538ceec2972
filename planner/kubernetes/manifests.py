"""Manifests read back: the part of YAML that emitted trees are written in, and people edit them in.

Block maps and lists, flow ones, quoted and plain words, literal blocks, anchors and aliases, several documents. What is beyond that (tags,
folded blocks over several plain lines, complex keys) is refused with file and line, never guessed. Numbers stay text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from planner.errors import MisuseError
from planner.records import NamedTuple

__all__ = ["at", "documents"]

_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


class _Line(NamedTuple):
    number: int
    indent: int
    text: str


def documents(text: str, path: str) -> list[Any]:
    """Return the documents of a file; raise `MisuseError` with path and line for what this reader does not know."""
    found, start = [], 0
    lines = text.split("\n")
    for end, line in enumerate([*lines, "---"]):
        if line.rstrip() == "---" or line.startswith("--- "):
            try:
                made = _Reader(lines[start:end], start, path).document()
            except RecursionError:
                raise MisuseError(f"{path}: nested too deep") from None
            found += [made] if made is not None else []
            start = end + 1
    return found


def at(node: Any, *keys: str) -> Any:
    """Return what is below the keys, None where there is nothing of the kind."""
    for key in keys:
        node = node.get(key) if isinstance(node, Mapping) else None
    return node


class _Reader:
    """One document."""

    def __init__(self, raw: list[str], offset: int, path: str) -> None:
        self.raw, self.offset, self.path = raw, offset, path
        self.here = 0
        self.anchors: dict[str, Any] = {}

    def fail(self, why: str, number: int) -> MisuseError:
        return MisuseError(
            f"{self.path}:{self.offset + number + 1}: {why}; planner reads the YAML that emit-k8s writes"
        )

    def document(self) -> Any:
        line = self.peek()
        if line is None:
            return None
        made = self.node(line.indent)
        left = self.peek()
        if left is not None:
            raise self.fail(f"{left.text[:40]!r} does not stand under anything", left.number)
        return made

    def peek(self) -> _Line | None:
        """Return the next line that says something, without its comment."""
        while self.here < len(self.raw):
            raw = self.raw[self.here]
            said = _uncommented(raw).rstrip()
            if said.strip():
                body = said.lstrip(" ")
                if body.startswith("\t"):
                    raise self.fail("a tab in the indentation", self.here)
                return _Line(self.here, len(said) - len(body), body)
            self.here += 1
        return None

    def node(self, indent: int) -> Any:
        line = self.peek()
        if line is None or line.indent < indent:
            return None
        if line.text == "-" or line.text.startswith("- "):
            return self.sequence(line.indent)
        if _colon(line.text) < 0:
            self.here += 1
            return self.scalar(line.text, line)
        return self.mapping(line.indent)

    def sequence(self, indent: int) -> list[Any]:
        made: list[Any] = []
        while (line := self.peek()) is not None and line.indent == indent and (line.text + " ").startswith("- "):
            rest = line.text[2:].lstrip(" ")
            inner = indent + len(line.text) - len(rest)
            if not rest:
                self.here += 1
                made.append(self.below(indent + 1))
            elif (rest + " ").startswith("- ") or (_colon(rest) >= 0 and rest[0] not in "{[\"'"):
                self.raw[self.here] = " " * inner + rest
                made.append(self.node(inner))
            else:
                made.append(self.value(rest, indent, line))
        return made

    def mapping(self, indent: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        while (line := self.peek()) is not None and line.indent == indent:
            colon = _colon(line.text)
            if colon < 0:
                raise self.fail(f"{line.text[:40]!r} is no key", line.number)
            key = str(self.scalar(line.text[:colon].strip(), line))
            if key in made:
                raise self.fail(f"the key {key[:40]} is given twice", line.number)
            made[key] = self.value(line.text[colon + 1 :].strip(), indent, line)
        return made

    def below(self, indent: int) -> Any:
        line = self.peek()
        return self.node(indent) if line is not None and line.indent >= indent else None

    def value(self, said: str, indent: int, line: _Line) -> Any:
        """Return what stands after a key or a dash, and below it."""
        anchor, bare = "", said
        if said.startswith("&"):
            anchor, _, bare = said[1:].partition(" ")
            bare = bare.strip()
        if bare[:1] in ("|", ">"):
            made: Any = self.block(bare, indent, line)
        elif bare:
            self.here += 1
            made = self.scalar(bare, line)
        else:
            self.here += 1
            following = self.peek()
            dash = following is not None and (following.text + " ").startswith("- ") and following.indent == indent
            made = self.node(indent) if dash and _colon(line.text) >= 0 else self.below(indent + 1)
        if anchor:
            self.anchors[anchor] = made
        return made

    def block(self, said: str, indent: int, line: _Line) -> str:
        if said[0] == ">" or said[1:] not in ("", "-", "+"):
            raise self.fail(f"a block {said[:8]!r}", line.number)
        self.here += 1
        taken: list[str] = []
        while self.here < len(self.raw):
            raw = self.raw[self.here]
            if raw.strip() and len(raw) - len(raw.lstrip(" ")) <= indent:
                break
            taken.append(raw)
            self.here += 1
        margin = min((len(x) - len(x.lstrip(" ")) for x in taken if x.strip()), default=0)
        body = "\n".join(x[margin:] for x in taken)
        return body.rstrip("\n") + ("" if said[1:] == "-" or not body.strip() else "\n")

    def scalar(self, said: str, line: _Line) -> Any:
        made, rest = self.flow(said, line, "")
        if rest.strip():
            raise self.fail(f"{rest.strip()[:40]!r} after a value", line.number)
        return made

    def flow(self, said: str, line: _Line, ends: str) -> tuple[Any, str]:
        """Return one value and what follows it; `ends`: what ends a plain word inside brackets."""
        said = said.lstrip(" ")
        first = said[:1]
        if first == "{" or first == "[":
            return self.collection(said, line)
        if first in ('"', "'"):
            return self.quoted(said, line)
        if first and first in "!%@`":
            raise self.fail(f"{said[:20]!r}", line.number)
        stop = next((i for i, char in enumerate(said) if char in ends), len(said)) if ends else len(said)
        word, rest = said[:stop].strip(), said[stop:]
        if word.startswith("*"):
            if word[1:] not in self.anchors:
                raise self.fail(f"no anchor {word[1:40]}", line.number)
            return self.anchors[word[1:]], rest
        return _WORDS.get(word, word), rest

    def quoted(self, said: str, line: _Line) -> tuple[str, str]:
        mark, at_ = said[0], 1
        while at_ < len(said) and said[at_] != mark:
            at_ += 2 if mark == '"' and said[at_] == "\\" else 1
            if mark == "'" and said[at_ : at_ + 2] == "''":
                at_ += 2
        if at_ >= len(said):
            raise self.fail("a quote that does not end on its line", line.number)
        body = said[1:at_]
        try:
            text = json.loads(f'"{body}"') if mark == '"' else body.replace("''", "'")
        except ValueError:
            raise self.fail(f"{said[:30]!r} is not readable text", line.number) from None
        return text, said[at_ + 1 :]

    def collection(self, said: str, line: _Line) -> tuple[Any, str]:
        pairs = said[0] == "{"
        close, rest = "}" if pairs else "]", said[1:].lstrip(" ")
        made: Any = {} if pairs else []
        while not rest.startswith(close):
            one, rest = self.flow(rest, line, ":,}" if pairs else ",]")
            rest = rest.lstrip(" ")
            if pairs:
                if not rest.startswith(":"):
                    raise self.fail("a pair without a colon", line.number)
                made[str(one)], rest = self.flow(rest[1:], line, ",}")
            else:
                made.append(one)
            rest = rest.lstrip(" ")
            if rest.startswith(","):
                rest = rest[1:].lstrip(" ")
            elif not rest.startswith(close):
                raise self.fail(f"no {close} on the line", line.number)
        return made, rest[1:]


def _outside(said: str) -> list[tuple[int, str]]:
    """Return (place, character) of every character that stands in no quotes."""
    found, mark = [], ""
    skip = False
    for i, char in enumerate(said):
        if skip:
            skip = False
        elif mark:
            if mark == '"' and char == "\\":
                skip = True
            elif char == mark:
                mark = ""
        elif char in "\"'" and (i == 0 or said[i - 1] in " {[,:"):
            mark = char
        else:
            found.append((i, char))
    return found


def _uncommented(raw: str) -> str:
    for i, char in _outside(raw):
        if char == "#" and (i == 0 or raw[i - 1] in " \t"):
            return raw[:i]
    return raw


def _colon(said: str) -> int:
    """Return where a key ends, -1 where the line has none: at the first colon with a blank or nothing after it, outside of quotes and brackets."""
    depth = 0
    for i, char in _outside(said):
        if char in "{[" and (depth or i == 0):
            depth += 1
        elif char in "}]" and depth:
            depth -= 1
        elif char == ":" and not depth and said[i + 1 : i + 2] in ("", " "):
            return i
    return -1
