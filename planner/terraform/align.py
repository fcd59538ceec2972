"""Lay HCL out as `terraform fmt` does, so that templates need not count blanks around values of any length."""

from __future__ import annotations

import re

__all__ = ["tidy"]

_ATTRIBUTE = re.compile(r'^( *)((?:"(?:[^"\\]|\\.)*"|[A-Za-z_][\w-]*)) *= +(.*)$')
_OPENS = ("{", "[", "(", "<<-EOT")


def tidy(text: str) -> str:
    """Return HCL with `=` and trailing comments of neighbouring one-line attributes aligned and blank lines single.

    Works on what our templates write: two-space indentation, one attribute a line. A test holds it to `terraform fmt`.
    """
    out: list[str] = []
    group: list[tuple[str, str, str, str]] = []

    def flush() -> None:
        if not group:
            return
        width = max(len(key) for _, key, _, _ in group)
        lines = [f"{pad}{key:<{width}} = {value}" for pad, key, value, _ in group]
        start = 0
        while start < len(group):  # comments line up within a run of lines that all have one
            end = start
            while end < len(group) and group[end][3]:
                end += 1
            run = range(start, end)
            column = max((len(lines[i]) for i in run), default=0)
            for i in run:
                lines[i] = f"{lines[i]:<{column}} {group[i][3]}"
            start = end + 1
        out.extend(lines)
        group.clear()

    for line in text.splitlines():
        line = line.rstrip()
        found = _ATTRIBUTE.match(line)
        if found is None or line.endswith(_OPENS):
            flush()
            if not line and (not out or not out[-1] or out[-1].endswith(("{", "["))):
                continue
            if line.strip() in ("}", "]") and out and not out[-1]:
                out.pop()
            out.append(line if found is None else f"{found[1]}{found[2]} = {found[3]}")
            continue
        value, comment = _split_comment(found[3])
        if group and group[-1][0] != found[1]:
            flush()
        group.append((found[1], found[2], value, comment))
    flush()
    while out and not out[-1]:
        out.pop()
    return "\n".join(out) + "\n"


def _split_comment(value: str) -> tuple[str, str]:
    """Return the value and its trailing comment ("" if none); a # in a string is no comment."""
    quoted = False
    i = 0
    while i < len(value):
        char = value[i]
        if quoted and char == "\\":
            i += 1
        elif char == '"':
            quoted = not quoted
        elif char == "#" and not quoted:
            return value[:i].rstrip(), value[i:]
        i += 1
    return value, ""
