"""HCL cut into tokens: words, numbers, signs and texts with what is interpolated in them, each with its line."""

from __future__ import annotations

import re
from typing import Any

from planner.errors import MisuseError
from planner.records import NamedTuple

__all__ = ["Token", "template", "tokens"]

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\ufeff]+|~(?=\})|\#[^\n]*|//[^\n]*)|(?P<line>\n)|(?P<comment>/\*.*?\*/)
    |(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<word>[^\W\d][\w-]*)|(?P<heredoc><<-?[^\W\d][\w-]*[ \t]*(?=\n))
    |(?!/\*)(?P<sign>\.\.\.|&&|\|\||==|!=|<=|>=|=>|::|[-+*/%!?:,.=<>{}()\[\]])|(?P<quote>")""",
    re.S | re.X,
)
_PLAIN = re.compile(r'[^"\\$%\n]+')
_PLAIN_LINES = re.compile(r"[^$%]+")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_DEEPEST = 100


class Token(NamedTuple):
    """kind: "word", "number", "text" (value: parts), "sign", "line" (a line's end).

    The parts of a text are plain text, ("of", tokens) for `${}` and ("do", tokens) for `%{}`.
    """

    kind: str
    value: Any
    line: int


def tokens(text: str, where: str) -> list[Token]:
    """Return the tokens of a file; raise `MisuseError` naming `where` and the line for what is none."""
    return _tokens(text, 0, where, 1, 0)[0]


def template(text: str, where: str, line: int) -> list[Any]:
    """Return the parts of a text without quotes around it, as in a heredoc or a JSON file."""
    return _parts(text, 0, where, line, "", 0)[0]


def _bad(where: str, line: int, why: str) -> MisuseError:
    return MisuseError(f"{where}:{line}: {why}")


def _tokens(text: str, at: int, where: str, line: int, inside: int) -> tuple[list[Token], int, int]:
    """Return tokens up to the end, or inside a text up to the brace that closes; where that is, and its line."""
    if inside > _DEEPEST:
        raise _bad(where, line, "texts within texts, too deep")
    found: list[Token] = []
    depth = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            c = text[at]
            said = "a comment does not end" if text.startswith("/*", at) else f"no HCL: {c!r} cannot stand here"
            raise _bad(where, line, said)
        kind, said = str(match.lastgroup), match[0]
        at = match.end()
        if kind == "blank":
            continue
        if kind == "line":
            found.append(Token("line", "\n", line))
            line += 1
        elif kind == "comment":
            line += said.count("\n")
        elif kind == "quote":
            parts, at, after = _parts(text, at, where, line, '"', inside)
            found.append(Token("text", parts, line))
            line = after
        elif kind == "heredoc":
            parts, end = _heredoc(text, said, at + 1, (where, line), inside)
            found.append(Token("text", parts, line))
            line += text.count("\n", at, end)
            at = end
        else:
            if inside and kind == "sign" and said in "{}":
                if said == "}" and not depth:
                    return found, at, line
                depth += 1 if said == "{" else -1
            found.append(Token(kind, said, line))
    if inside:
        raise _bad(where, line, "a text does not end")
    return found, at, line


def _parts(text: str, at: int, where: str, line: int, end: str, inside: int) -> tuple[list[Any], int, int]:
    """Return the parts of a text up to `end` ('"', or "" for all of it), what follows, and its line."""
    parts: list[Any] = []
    plain: list[str] = []
    began, strip = line, False
    pattern = _PLAIN if end else _PLAIN_LINES
    while at < len(text):
        match = pattern.match(text, at)
        if match is not None:
            plain.append(match[0])
            line += match[0].count("\n")
            at = match.end()
            continue
        c = text[at]
        if end and c == '"':
            return _closed(parts, plain, strip), at + 1, line
        if end and c == "\n":
            break
        if text.startswith(("$${", "%%{"), at):
            plain.append(text[at + 1 : at + 3])
            at += 3
        elif text.startswith(("${", "%{"), at):
            kept = "".join(plain).lstrip() if strip else "".join(plain)
            trim = text.startswith("~", at + 2)
            if kept := (kept.rstrip() if trim else kept):
                parts.append(kept)
            inner, at, line = _tokens(text, at + 2 + trim, where, line, inside + 1)
            plain, strip = [], text[at - 2] == "~"
            parts.append(("of" if c == "$" else "do", inner))
        elif end and c == "\\":
            said, at = _escape(text, at)
            plain.append(said)
        else:
            plain.append(c)
            at += 1
    if end:
        raise _bad(where, began, "a text does not end")
    return _closed(parts, plain, strip), at, line


def _closed(parts: list[Any], plain: list[str], strip: bool) -> list[Any]:
    kept = "".join(plain).lstrip() if strip else "".join(plain)
    return [*parts, kept] if kept or not parts else parts


def _escape(text: str, at: int) -> tuple[str, int]:
    following = text[at + 1 : at + 2]
    for mark, digits in (("u", 4), ("U", 8)):
        if following == mark:
            try:
                return chr(int(text[at + 2 : at + 2 + digits], 16)), at + 2 + digits
            except (ValueError, OverflowError):
                break
    return _ESCAPES.get(following, "\\" + following), at + 2


def _heredoc(text: str, said: str, at: int, place: tuple[str, int], inside: int) -> tuple[list[Any], int]:
    """Return the parts of a heredoc whose first line begins at `at`, and where its last one ends."""
    mark = said.strip().lstrip("<-")
    begins = at
    lines: list[str] = []
    while begins <= len(text):
        stop = text.find("\n", begins)
        stop = len(text) if stop < 0 else stop
        line = text[begins:stop]
        if line.strip() == mark:
            if said.startswith("<<-"):
                indents = [len(x) - len(x.lstrip()) for x in lines if x.strip()]
                lines = [x[min(indents, default=0) :] for x in lines]
            body = "".join(f"{x}\n" for x in lines)
            return _parts(body, 0, place[0], place[1] + 1, "", inside)[0], stop
        lines.append(line)
        begins = stop + 1
    raise _bad(*place, "a heredoc does not end")
