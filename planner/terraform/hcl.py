"""HCL read as a tree: blocks, attributes and expressions, as far as modules are written with them.

No dependency: what `planner price` needs of the language is small, and what it does not understand stays an expression whose
value is unknown (planner.terraform.evaluate), never an error. Braces or quotes that do not match are one.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from planner.errors import MisuseError
from planner.records import NamedTuple

__all__ = ["Block", "Expression", "parse"]

#: ("literal", value), ("ref", [name, ...]), ("list", [...]), ("map", [(key, value)]), ("text", [parts]), ("call", name, [...]),
#: ("op", sign, left, right), ("not", x), ("minus", x), ("if", a, b, c), ("index", x, key), ("get", x, name), ("unknown", text)
Expression = tuple[Any, ...]

_PAIRS = {"{": "}", "[": "]", "(": ")"}
_SIGNS = ("...", "&&", "||", "==", "!=", "<=", ">=", "=>")
_LEVELS = (("||",), ("&&",), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%"))
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}


class Block(NamedTuple):
    """header: its words, the first its type. attributes: expressions by name. blocks: nested, in order."""

    header: tuple[str, ...]
    attributes: dict[str, Expression]
    blocks: list[Any]


class Token(NamedTuple):
    """kind: "word", "number", "text" (value: parts), "sign", "line" (a line's end)."""

    kind: str
    value: Any
    line: int


class _Bad(Exception):
    """An expression that is not understood."""


def parse(text: str, where: str) -> Block:
    """Return the file as a block without a header; raise `MisuseError` naming `where` and the line for what is no HCL."""
    tokens = _tokens(text, where)
    root, at = _body(tokens, 0, where, None)
    if at < len(tokens):
        raise MisuseError(f"{where}:{tokens[at].line}: braces do not match")
    return root


def _tokens(text: str, where: str) -> list[Token]:
    found: list[Token] = []
    at, line = 0, 1
    text = text.replace("\r\n", "\n")
    while at < len(text):
        c = text[at]
        if c == "\n":
            found.append(Token("line", "\n", line))
            at, line = at + 1, line + 1
        elif c in " \t\ufeff":
            at += 1
        elif c == "#" or text.startswith("//", at):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif text.startswith("/*", at):
            end = text.find("*/", at + 2)
            if end < 0:
                raise MisuseError(f"{where}:{line}: a comment does not end")
            line += text.count("\n", at, end)
            at = end + 2
        elif c == '"':
            parts, at = _text(text, at + 1, where, line)
            found.append(Token("text", parts, line))
        elif text.startswith("<<", at) and text[at + 2 : at + 3].strip("-").isidentifier() | (text[at + 2 : at + 3] == "-"):
            body, end = _heredoc(text, at, where, line)
            found.append(Token("text", [body], line))
            line += text.count("\n", at, end)
            at = end
        elif c.isdigit():
            end = at
            while end < len(text) and (text[end].isalnum() or (text[end] == "." and text[end + 1 : end + 2].isdigit())):
                end += 1
            found.append(Token("number", text[at:end], line))
            at = end
        elif c.isalpha() or c == "_":
            end = at
            while end < len(text) and (text[end].isalnum() or text[end] in "_-"):
                end += 1
            found.append(Token("word", text[at:end], line))
            at = end
        else:
            sign = next((s for s in _SIGNS if text.startswith(s, at)), c)
            found.append(Token("sign", sign, line))
            at += len(sign)
    return found


def _text(text: str, at: int, where: str, line: int) -> tuple[list[Any], int]:
    """Return the parts of a quoted text (plain text and expressions) and where it ends."""
    parts: list[Any] = []
    plain = ""
    while at < len(text):
        c = text[at]
        if c == '"':
            return [*parts, plain] if plain or not parts else parts, at + 1
        if c == "\n":
            break
        if text.startswith(("$${", "%%{"), at):
            plain, at = plain + text[at : at + 3][1:], at + 3
        elif text.startswith(("${", "%{"), at):
            end = _closing(text, at + 2)
            if end < 0:
                break
            inner = text[at + 2 : end]
            made = ("unknown", inner) if c == "%" else _expression(_tokens(inner.strip("~"), where), inner)
            parts += [plain, made] if plain else [made]
            plain, at = "", end + 1
        elif c == "\\":
            following = text[at + 1 : at + 2]
            plain, at = plain + _ESCAPES.get(following, "\\" + following), at + 2
        else:
            plain, at = plain + c, at + 1
    raise MisuseError(f"{where}:{line}: a text does not end")


def _closing(text: str, at: int) -> int:
    """Return where the brace of an interpolation closes; -1 for nowhere."""
    depth, quoted = 1, False
    while at < len(text) and text[at] != "\n":
        c = text[at]
        if quoted and c == "\\":
            at += 1
        elif c == '"':
            quoted = not quoted
        elif not quoted and c in "{}":
            depth += 1 if c == "{" else -1
            if not depth:
                return at
        at += 1
    return -1


def _heredoc(text: str, at: int, where: str, line: int) -> tuple[str, int]:
    end = text.find("\n", at)
    mark = text[at + 2 : end].lstrip("-").strip() if end >= 0 else ""
    begins = end + 1
    while 0 < begins <= len(text) and mark:
        stop = text.find("\n", begins)
        stop = len(text) if stop < 0 else stop
        if text[begins:stop].strip() == mark:
            return text[end + 1 : begins], stop
        begins = stop + 1
    raise MisuseError(f"{where}:{line}: a heredoc does not end")


def _body(tokens: list[Token], at: int, where: str, opened: int | None) -> tuple[Block, int]:
    """Read attributes and blocks up to the closing brace of line `opened`, or to the end."""
    block = Block((), {}, [])
    while at < len(tokens):
        token = tokens[at]
        if token.kind == "line":
            at += 1
            continue
        if token.value == "}":
            if opened is None:
                return block, at
            return block, at + 1
        header: list[str] = []
        while at < len(tokens) and tokens[at].kind in ("word", "text"):
            header.append(_plain(tokens[at]))
            at += 1
        sign = tokens[at].value if at < len(tokens) else ""
        if sign == "=" and len(header) == 1:
            value, at = _value(tokens, at + 1, where)
            block.attributes[header[0]] = value
        elif sign == "{" and header:
            inner, at = _body(tokens, at + 1, where, token.line)
            block.blocks.append(Block(tuple(header), inner.attributes, inner.blocks))
        else:
            line = tokens[min(at, len(tokens) - 1)].line
            if sign in ("", "}", "]", ")"):
                raise MisuseError(f"{where}:{line}: braces do not match")
            raise MisuseError(f"{where}:{line}: no HCL that can be read: {str(sign)[:20]!r} stands where a name or = should")
    if opened is not None:
        raise MisuseError(f"{where}:{opened}: braces do not match: the block that begins here does not end")
    return block, at


def _plain(token: Token) -> str:
    return token.value if token.kind == "word" else "".join(p for p in token.value if isinstance(p, str))


def _value(tokens: list[Token], at: int, where: str) -> tuple[Expression, int]:
    """Return the expression up to the end of its line; inside brackets lines do not count."""
    want: list[str] = []
    mine: list[Token] = []
    begins = tokens[at].line if at < len(tokens) else 0
    while at < len(tokens):
        token = tokens[at]
        if token.kind == "sign" and token.value in _PAIRS:
            want.append(_PAIRS[token.value])
        elif token.kind == "sign" and token.value in ("}", "]", ")"):
            if not want:
                break
            if want.pop() != token.value:
                raise MisuseError(f"{where}:{token.line}: braces do not match")
        elif token.kind == "line" and not want:
            break
        mine.append(token)
        at += 1
    if want:
        raise MisuseError(f"{where}:{begins}: braces do not match")
    return _expression(mine, " ".join(str(t.value) for t in mine[:8])), at


def _expression(tokens: list[Token], text: str) -> Expression:
    """Return the tree of an expression; ("unknown", text) for what is not understood."""
    reader = _Reader(tokens)
    try:
        made = reader.whole()
        reader.skip()
        if reader.at < len(reader.tokens):
            raise _Bad
    except (_Bad, RecursionError):
        return ("unknown", text)
    return made


class _Reader:
    """Reads one expression."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.at = tokens, 0

    def skip(self) -> None:
        while self.at < len(self.tokens) and self.tokens[self.at].kind == "line":
            self.at += 1

    def peek(self) -> Any:
        self.skip()
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        return token.value if token is not None and token.kind == "sign" else ""

    def take(self, sign: str) -> bool:
        if self.peek() != sign:
            return False
        self.at += 1
        return True

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise _Bad

    def whole(self) -> Expression:
        made = self.level(0)
        if self.take("?"):
            yes = self.whole()
            self.need(":")
            return ("if", made, yes, self.whole())
        return made

    def level(self, number: int) -> Expression:
        if number == len(_LEVELS):
            return self.unary()
        made = self.level(number + 1)
        while (sign := self.peek()) in _LEVELS[number]:
            self.at += 1
            made = ("op", sign, made, self.level(number + 1))
        return made

    def unary(self) -> Expression:
        if self.take("!"):
            return ("not", self.unary())
        if self.take("-"):
            return ("minus", self.unary())
        return self.after(self.atom())

    def atom(self) -> Expression:
        self.skip()
        if self.at >= len(self.tokens):
            raise _Bad
        token = self.tokens[self.at]
        self.at += 1
        if token.kind == "number":
            try:
                return ("literal", Decimal(token.value))
            except ArithmeticError:
                raise _Bad from None
        if token.kind == "text":
            parts = token.value
            return ("literal", "".join(parts)) if all(isinstance(p, str) for p in parts) else ("text", parts)
        if token.kind == "word":
            if token.value in ("true", "false", "null"):
                return ("literal", {"true": True, "false": False, "null": None}[token.value])
            if self.at < len(self.tokens) and self.tokens[self.at].value == "(" and self.tokens[self.at].kind == "sign":
                self.at += 1
                return ("call", token.value, self.many(")", self.whole))
            return ("ref", (token.value,))
        if token.value == "(":
            made = self.whole()
            self.need(")")
            return made
        if token.value == "[":
            return ("list", self.many("]", self.whole))
        if token.value == "{":
            return ("map", self.many("}", self.pair))
        raise _Bad

    def many(self, closing: str, one: Callable[[], Any]) -> list[Any]:
        found = []
        while not self.take(closing):
            found.append(one())
            self.take("...")
            if not self.take(",") and closing != "}" and self.peek() != closing:
                raise _Bad
        return found

    def pair(self) -> tuple[Expression, Expression]:
        key = self.whole()
        if key[0] == "ref" and len(key[1]) == 1:
            key = ("literal", key[1][0])
        if not (self.take("=") or self.take(":")):
            raise _Bad
        return key, self.whole()

    def after(self, made: Expression) -> Expression:
        while True:
            if self.at < len(self.tokens) and self.tokens[self.at].kind == "line":
                return made
            if self.take("."):
                self.skip()
                token = self.tokens[self.at] if self.at < len(self.tokens) else None
                if token is None or token.kind not in ("word", "number"):
                    raise _Bad  # a splat
                self.at += 1
                made = ("ref", (*made[1], token.value)) if made[0] == "ref" else ("get", made, token.value)
            elif self.peek() == "[":
                self.at += 1
                if self.take("*"):
                    raise _Bad
                made = ("index", made, self.whole())
                self.need("]")
            else:
                return made
