"""Where templates live and how values get into them; the one importer of jinja2.

A value reaches text only through a filter that quotes it for the language at hand: `hcl`, `shell`, `yaml`, `json`,
`md`, or `word` where only a plain word may stand. Whole numbers and Decimals print as they are. A bare string is
refused at render time, so a template that forgets to quote fails at once instead of on the first odd name.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    Undefined,
)
from jinja2.bccache import Bucket, FileSystemBytecodeCache

from planner.errors import MisuseError, PlannerError

__all__ = ["FILTERS", "Quoted", "environment", "folder", "render"]

#: Longest string that a template takes; the clouds' own limits are far below.
LONGEST = 4096

_WORD = re.compile(r"[A-Za-z0-9:/._,@+=-]*\Z")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_MD = re.compile(r"([\\`*_{}\[\]<>#|~$])")


class Quoted(str):
    """Text that is already written in the template's language."""

    __slots__ = ()


def _text(value: object, what: str) -> str:
    """Return `value` as text that every target language can hold, or raise `MisuseError`."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if not isinstance(value, (str, int)):
        raise TypeError(f"{what}: cannot write {type(value).__name__}")
    text = str(value)
    if len(text) > LONGEST:
        raise MisuseError(
            f"{what}: a value of {len(text):,} characters is too long for a template (at most {LONGEST:,})"
        )
    for char in text:
        code = ord(char)
        if (code < 32 and char not in "\n\t\r") or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000 or code in _NO_CODE:
            raise MisuseError(f"{what}: the value {text[:40]!r} holds the control character U+{code:04X}; remove it")
    return text


#: Line and paragraph separators, byte order mark and bidirectional overrides: they show one text and mean another.
_NO_CODE = frozenset((0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))


def hcl(value: object) -> Quoted:
    """Return `value` as an HCL literal: string, number, bool, list of them.

    `$` and `%` before a brace are written as code points: `$${` would do for `${`, but not for `$${`, whose escape
    `$$${` HCL reads as a literal `$$` and an interpolation.
    """
    if isinstance(value, bool):
        return Quoted("true" if value else "false")
    if isinstance(value, (int, Decimal)):
        return Quoted(_text(value, "HCL"))
    if isinstance(value, (tuple, list)):
        return Quoted("[" + ", ".join(hcl(item) for item in value) + "]")
    text = _text(value, "HCL").replace("\\", "\\\\").replace('"', '\\"')
    text = text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return Quoted('"' + re.sub(r"[$%](?=[$%]*\{)", lambda m: f"\\u{ord(m[0]):04x}", text) + '"')


def shell(value: object) -> Quoted:
    """Return `value` as one shell word."""
    return Quoted(shlex.quote(_text(value, "shell")))


def quote_json(value: object) -> Quoted:
    """Return `value` as JSON, ASCII only."""
    if isinstance(value, str):
        _text(value, "JSON")
    return Quoted(json.dumps(value, default=str))


def yaml(value: object) -> Quoted:
    """Return `value` as a YAML scalar that YAML 1.1 and 1.2 read alike: a double-quoted string, a number or a bool.

    Astral characters stand as they are: JSON's surrogate pairs are two characters to a YAML reader.
    """
    if isinstance(value, bool):
        return Quoted("true" if value else "false")
    if isinstance(value, int):
        return Quoted(str(value))
    return Quoted(json.dumps(_text(value, "YAML"), ensure_ascii=False))


def md(value: object) -> Quoted:
    """Return `value` as one line of Markdown text without any markup."""
    return Quoted(_MD.sub(r"\\\1", " ".join(_text(value, "Markdown").split())))


def word(value: object) -> Quoted:
    """Return `value` bare where it is a plain word that needs no quotes in shell, YAML, HCL or a comment; else raise."""
    text = _text(value, "word")
    if not _WORD.match(text):
        raise MisuseError(f"{text[:60]!r}: only letters, digits and :/._,@+=- may stand here")
    return Quoted(text)


def remark(value: object) -> Quoted:
    """Return `value` as one line of a comment in HCL, shell or YAML."""
    return Quoted(" ".join(_text(value, "comment").split()))


def key(value: object) -> Quoted:
    """Return `value` bare where it is an HCL identifier, else raise."""
    text = _text(value, "name")
    if not _KEY.match(text):
        raise MisuseError(f"{text[:60]!r} is not a name (letters, digits, _ and -)")
    return Quoted(text)


def hcl_map(value: Mapping[str, object] | tuple[tuple[str, object], ...], indent: int = 2) -> Quoted:
    """Return an HCL map, one entry a line, each indented by `indent` spaces more than its closing brace."""
    pairs = value.items() if isinstance(value, Mapping) else value
    pad = " " * indent
    return Quoted("{\n" + "".join(f"{pad}{hcl(k)} = {hcl(v)}\n" for k, v in pairs) + " " * (indent - 2) + "}")


def tftpl(value: object) -> Quoted:
    """Return whole text for a Terraform template file, in which it stands for itself: no `${` or `%{` is left."""
    return Quoted(re.sub(r"[$%](?=[$%]*\{)", lambda m: '${"' + m[0] + '"}', str(value)))


def bare(value: object) -> Quoted:
    """Return text that planner itself wrote in the template's language; never a value of the user's or a catalogue's."""
    return Quoted(str(value))


FILTERS = {
    "bare": bare,
    "hcl": hcl,
    "hcl_map": hcl_map,
    "json": quote_json,
    "key": key,
    "md": md,
    "remark": remark,
    "shell": shell,
    "tftpl": tftpl,
    "word": word,
    "yaml": yaml,
}


def _finalize(value: object) -> object:
    if isinstance(value, Quoted) or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Undefined):
        return str(value)  # raises, with the name that is missing
    raise TypeError(f"a template prints {value!r} without a quoting filter ({', '.join(FILTERS)})")


def folder() -> str:
    """Return the folder of the templates: inside the package in a wheel, beside it in a checkout."""
    here = os.path.dirname(os.path.abspath(__file__))
    for path in (os.path.join(here, "_templates"), os.path.join(os.path.dirname(here), "templates")):
        if os.path.isdir(path):
            return path
    raise FileNotFoundError("planner's templates are missing from this installation")


class _Compiled(FileSystemBytecodeCache):
    """Compiled templates in a __pycache__ beside the templates, as Python keeps its own; half of a render's time.

    Each root keeps its own. Where that folder cannot be written, templates are compiled anew each time.
    """

    def __init__(self, roots: tuple[str, ...]) -> None:
        super().__init__(os.path.join(roots[0], "__pycache__"), f"%s.{sys.implementation.cache_tag}.jinja")
        self.roots = roots

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Return where the compiled template lies, less the ending: an absolute path, so `directory` plays no part."""
        root = next((r for r in self.roots if filename and filename.startswith(r + os.sep)), self.roots[0])
        return os.path.join(root, "__pycache__", super().get_cache_key(name, filename))

    def load_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        if sys.dont_write_bytecode:
            return
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(bucket.key), exist_ok=True)
            super().dump_bytecode(bucket)


def environment(root: str = "", *, html: bool = False, own: str = "") -> Environment:
    """Return the Jinja environment: for code by default, or with HTML escaping; both refuse undefined names.

    own: a folder of templates that the others find below `cloud/`.
    """
    place = root or folder()
    loader: BaseLoader = FileSystemLoader(place)
    if own:
        loader = ChoiceLoader([PrefixLoader({"cloud": FileSystemLoader(own)}), loader])
    env = Environment(
        loader=loader,
        bytecode_cache=_Compiled((own, place) if own else (place,)),
        auto_reload=False,
        undefined=StrictUndefined,
        autoescape=html,
        finalize=None if html else _finalize,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    if not html:
        env.filters = {**env.filters, **FILTERS}
    return env


_SHARED: dict[str, Environment] = {}


def render(name: str, /, *, own: str = "", **values: Any) -> str:
    """Return the template `name` (a path below the templates' folder, with /) filled with `values`.

    own: the folder of one cloud's templates, which are named `cloud/...`. Raises `PlannerError`, naming template and
    folder, for one that is missing, cannot be read or asks for a value that there is not.
    """
    env = _SHARED.get(own)
    if env is None:
        env = _SHARED[own] = environment(own=own)
    try:
        return env.get_template(name).render(**values)
    except TemplateNotFound as exc:
        raise PlannerError(f"there is no template {exc.name} in {own or folder()}") from exc
    except TemplateError as exc:
        raise PlannerError(f"template {name} of {own or folder()}: {exc}") from exc
