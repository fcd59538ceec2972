"""HCL read as a tree: blocks, attributes and expressions, the whole of the language that modules are written in.

A reader of our own: python-hcl2, which the tests hold this one to, gives expressions back as text, so that most of what is here
would be needed beside it, and takes 25 times as long. Whatever is not HCL is one error with its file and line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NoReturn

from planner.errors import MisuseError
from planner.records import NamedTuple
from planner.terraform.tokens import Token, template, tokens

__all__ = ["Block", "Expression", "parse", "parse_json"]

#: ("literal", value), ("ref", (name, ...), where), ("list", [...]), ("map", [(key, value)]), ("text", [parts]),
#: ("call", name, [...], spread), ("op", sign, left, right), ("not", x), ("minus", x), ("if", a, b, c), ("index", x, key), ("get", x, name),
#: ("splat", x, each), ("item",), ("for", (key, name), of, key, value, condition, grouped)
Expression = tuple[Any, ...]

_LEVELS = (("||",), ("&&",), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%"))
_WORDS = {"true": True, "false": False, "null": None}
_MOST = 1 << 22


class Block(NamedTuple):
    """header: its words, the first its type. attributes: expressions by name. blocks: nested, in order. where: file and line."""

    header: tuple[str, ...]
    attributes: dict[str, Expression]
    blocks: list[Any]
    where: str = ""


def parse(text: str, where: str) -> Block:
    """Return the file as a block without a header; raise `MisuseError` naming `where` and the line for what is no HCL."""
    if len(text) > _MOST:
        raise MisuseError(f"{where}: over {_MOST >> 20} MiB: no module is that large")
    reader = _Reader(tokens(text, where), where)
    try:
        return reader.body((), 0)
    except RecursionError:
        raise MisuseError(f"{where}:{reader.line}: nested too deeply") from None


def parse_json(text: str, where: str) -> Block:
    """Return a file in Terraform's JSON syntax as the same; nested blocks stand as maps, which evaluate alike."""
    try:
        raw = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, RecursionError) as exc:
        raise MisuseError(f"{where}: not valid JSON: {str(exc)[:80]}") from None
    root = Block((), {}, [], where)
    depths = {"resource": 2, "data": 2, "locals": 0, "terraform": 0}
    for kind, held in raw.items() if isinstance(raw, dict) else ():
        root.blocks.extend(_json_blocks((kind,), held, depths.get(kind, 1), where))
    return root


def _json_blocks(header: tuple[str, ...], held: Any, depth: int, where: str) -> list[Block]:
    if isinstance(held, list):
        return [block for one in held for block in _json_blocks(header, one, depth, where)]
    if not isinstance(held, dict):
        return []
    if depth:
        return [b for name, one in held.items() for b in _json_blocks((*header, name), one, depth - 1, where)]
    literal = header[0] == "variable"
    return [Block(header, {k: ("literal", v) if literal else _json_value(v, where) for k, v in held.items()}, [], where)]


def _json_value(held: Any, where: str) -> Expression:
    if isinstance(held, str):
        return _Reader([], where).text(template(held, where, 1))
    if isinstance(held, list):
        return ("list", [_json_value(one, where) for one in held])
    if isinstance(held, dict):
        return ("map", [(("literal", key), _json_value(one, where)) for key, one in held.items()])
    return ("literal", held)


class _Reader:
    """Reads tokens as blocks and expressions."""

    def __init__(self, found: Sequence[Token], where: str) -> None:
        self.tokens, self.where, self.at = found, where, 0

    # -- blocks

    def body(self, header: tuple[str, ...], opened: int) -> Block:
        """Read attributes and blocks up to the brace that closes what line `opened` opens, or to the end for 0."""
        block = Block(header, {}, [], f"{self.where}:{opened}")
        while True:
            self.skip()
            if self.at >= len(self.tokens):
                if opened:
                    self.fail("braces do not match: the block that begins here does not end", opened)
                return block
            token = self.tokens[self.at]
            if token.value == "}" and token.kind == "sign":
                if not opened:
                    self.fail("braces do not match: this one closes nothing")
                self.at += 1
                return block
            if token.kind != "word":
                self.fail(f"no HCL: {_shown(token)} stands where a name should")
            self.entry(block, token.line)

    def entry(self, block: Block, line: int) -> None:
        """Read an attribute or a nested block into `block`."""
        words: list[str] = []
        while (token := self.now()) is not None and token.kind in ("word", "text"):
            words.append(token.value if token.kind == "word" else "".join(p for p in token.value if isinstance(p, str)))
            self.at += 1
        sign = token.value if token is not None and token.kind == "sign" else ""
        if sign == "{":
            self.at += 1
            block.blocks.append(self.body(tuple(words), line))
        elif sign == "=" and len(words) == 1:
            self.at += 1
            if words[0] in block.attributes:
                self.fail(f"{words[0]} is set twice", line)
            block.attributes[words[0]] = self.whole(True)
            token = self.now()
            if token is not None and token.kind != "line" and token.value != "}":
                self.fail(f"no HCL: {_shown(token)} stands where the line should end")
        else:
            self.fail(f"no HCL: {_shown(token)} stands where = or {{ should", line)

    # -- tokens

    @property
    def line(self) -> int:
        if not self.tokens:
            return 1
        return self.tokens[min(self.at, len(self.tokens) - 1)].line

    def fail(self, why: str, line: int = 0) -> NoReturn:
        raise MisuseError(f"{self.where}:{line or self.line}: {why}")

    def now(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def skip(self) -> None:
        while self.at < len(self.tokens) and self.tokens[self.at].kind == "line":
            self.at += 1

    def peek(self, still: bool) -> str:
        """Return the sign at hand, "" for anything else; still: a line's end ends the expression."""
        if not still:
            self.skip()
        token = self.now()
        return token.value if token is not None and token.kind == "sign" else ""

    def take(self, sign: str, still: bool = False) -> bool:
        if self.peek(still) != sign:
            return False
        self.at += 1
        return True

    def need(self, sign: str) -> None:
        if not self.take(sign):
            self.fail(f"no HCL: {_shown(self.now())} stands where {sign} should")

    def name(self) -> str:
        token = self.now()
        if token is None or token.kind != "word":
            self.fail(f"no HCL: {_shown(token)} stands where a name should")
        self.at += 1
        return str(token.value)

    # -- expressions

    def whole(self, still: bool = False) -> Expression:
        """Read an expression; still: it ends with its line, but where a bracket is open."""
        made = self.level(0, still)
        if self.take("?", still):
            yes = self.whole()
            self.need(":")
            return ("if", made, yes, self.whole(still))
        return made

    def level(self, number: int, still: bool) -> Expression:
        if number == len(_LEVELS):
            return self.unary(still)
        made = self.level(number + 1, still)
        while (sign := self.peek(still)) in _LEVELS[number]:
            self.at += 1
            made = ("op", sign, made, self.level(number + 1, still))
        return made

    def unary(self, still: bool) -> Expression:
        if self.take("!", still):
            return ("not", self.unary(still))
        if self.take("-", still):
            return ("minus", self.unary(still))
        return self.after(self.atom(still))

    def atom(self, still: bool) -> Expression:
        if not still:
            self.skip()
        token = self.now()
        if token is None or token.kind == "line":
            self.fail("no HCL: a value is missing", self.tokens[self.at - 1].line if self.at else 0)
        self.at += 1
        if token.kind == "number":
            return ("literal", self.number(token))
        if token.kind == "text":
            return self.text(token.value)
        if token.kind == "word":
            return self.word(token)
        if token.value == "(":
            made = self.whole()
            self.need(")")
            return made
        if token.value in ("[", "{"):
            closing = "]" if token.value == "[" else "}"
            self.skip()
            following = self.now()
            if following is not None and following.kind == "word" and following.value == "for" and not self.plain_key():
                return self.loop(closing)
            if closing == "]":
                return ("list", self.many("]", self.whole)[0])
            return ("map", self.many("}", self.pair)[0])
        self.at -= 1
        self.fail(f"no HCL: {_shown(token)} stands where a value should")

    def plain_key(self) -> bool:
        """Return whether `for` at hand is a key or a name."""
        following = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else None
        return following is None or following.kind != "word"

    def number(self, token: Token) -> Decimal:
        made = Decimal(token.value)
        if abs(made.adjusted()) > 60:
            self.fail(f"{token.value[:20]} is out of range", token.line)
        return made

    def word(self, token: Token) -> Expression:
        if token.value in _WORDS:
            return ("literal", _WORDS[token.value])
        name = token.value
        while self.peek(True) == "::":
            self.at += 1
            name += "::" + self.name()
        if self.peek(True) == "(":
            self.at += 1
            return ("call", name, *self.many(")", self.whole))
        return ("ref", (name,), f"{self.where}:{token.line}")

    def text(self, parts: list[Any]) -> Expression:
        """Return a text: a literal where nothing is interpolated."""
        if all(isinstance(part, str) for part in parts):
            return ("literal", "".join(parts))
        made, rest = self.run(parts, 0, ())
        if rest < len(parts):
            self.fail("a %{ } that closes nothing")
        return ("text", made)

    def run(self, parts: list[Any], at: int, ends: tuple[str, ...]) -> tuple[list[Any], int]:
        """Return the parts of a template up to a directive in `ends`, and where that stands."""
        made: list[Any] = []
        while at < len(parts):
            part = parts[at]
            if isinstance(part, str):
                made.append(part)
            elif part[0] == "of":
                made.append(self.inner(part[1]).all())
            else:
                inner = self.inner(part[1])
                word = inner.name()
                if word in ends:
                    return made, at
                if word == "if":
                    test = inner.all()
                    yes, at = self.run(parts, at + 1, ("else", "endif"))
                    no: list[Any] = []
                    if at < len(parts) and self.inner(parts[at][1]).name() == "else":
                        no, at = self.run(parts, at + 1, ("endif",))
                    made.append(("if", test, ("text", yes), ("text", no)))
                elif word == "for":
                    names, of = inner.heads()
                    each, at = self.run(parts, at + 1, ("endfor",))
                    made.append(("text", [("spread", ("for", names, of, None, ("text", each), None, False))]))
                else:
                    return made, at
                if at >= len(parts):
                    self.fail(f"a %{{ {word} }} does not end")
            at += 1
        return made, at

    def inner(self, found: list[Token]) -> _Reader:
        return _Reader(found, self.where)

    def all(self) -> Expression:
        """Return the expression that all tokens make."""
        made = self.whole()
        self.skip()
        if self.at < len(self.tokens):
            self.fail(f"no HCL: {_shown(self.now())} cannot stand here")
        return made

    def many(self, closing: str, one: Callable[[], Any]) -> tuple[list[Any], bool]:
        """Return what stands between brackets, and whether the last is spread by `...`."""
        opened = self.tokens[self.at - 1].line
        found: list[Any] = []
        spread = False
        while not self.take(closing):
            if self.at >= len(self.tokens):
                self.fail("braces do not match: what begins here does not end", opened)
            found.append(one())
            spread = self.take("...")
            ended = self.take(",") or self.peek(False) == closing
            if not ended and not (closing == "}" and self.tokens[self.at - 1].kind == "line"):
                if self.at >= len(self.tokens):
                    self.fail("braces do not match: what begins here does not end", opened)
                self.fail(f"no HCL: {_shown(self.now())} stands where , or {closing} should")
        return found, spread

    def pair(self) -> tuple[Expression, Expression]:
        self.skip()
        token = self.now()
        following = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else None
        if token is not None and token.kind == "word" and following is not None and following.value in ("=", ":"):
            self.at += 1
            key: Expression = ("literal", token.value)
        else:
            key = self.whole(True)
        if not (self.take("=") or self.take(":")):
            self.fail(f"no HCL: {_shown(self.now())} stands where = should")
        self.skip()
        return key, self.whole(True)

    def heads(self) -> tuple[tuple[str, str], Expression]:
        """Read `key, name in of`."""
        self.skip()
        names = [self.name()]
        if self.take(","):
            self.skip()
            names.append(self.name())
        self.skip()
        if self.name() != "in":
            self.at -= 1
            self.fail(f"no HCL: {_shown(self.now())} stands where in should")
        return ("" if len(names) == 1 else names[0], names[-1]), self.whole()

    def loop(self, closing: str) -> Expression:
        self.at += 1
        names, of = self.heads()
        self.need(":")
        key, made = None, self.whole()
        if closing == "}":
            self.need("=>")
            key, made = made, self.whole()
        grouped = self.take("...")
        self.skip()
        token = self.now()
        test = None
        if token is not None and token.kind == "word" and token.value == "if":
            self.at += 1
            test = self.whole()
        self.need(closing)
        return ("for", names, of, key, made, test, grouped)

    def after(self, made: Expression, splat: bool = False) -> Expression:
        """Read what follows a value: attributes, indices, splats."""
        while True:
            if self.take(".", True):
                token = self.now()
                if token is not None and token.value == "*":
                    self.at += 1
                    return ("splat", made, self.after(("item",)))
                if token is None or token.kind not in ("word", "number"):
                    self.fail(f"no HCL: {_shown(token)} stands where a name should")
                self.at += 1
                for name in str(token.value).split("."):  # `.0.1` is one number to the lexer
                    made = ("ref", (*made[1], name), made[2]) if made[0] == "ref" else ("get", made, name)
            elif self.peek(True) == "[":
                self.at += 1
                if self.take("*"):
                    self.need("]")
                    return ("splat", made, self.after(("item",)))
                made = ("index", made, self.whole())
                self.need("]")
            else:
                return made


def _shown(token: Token | None) -> str:
    if token is None:
        return "the end"
    if token.kind == "line":
        return "the line's end"
    return "a text" if token.kind == "text" else repr(str(token.value)[:20])
