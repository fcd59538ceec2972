"""What the terminal can show: how many columns it has, and whether colours are wanted."""

from __future__ import annotations

import os
import sys

__all__ = ["colours", "columns"]

#: Below this a table is unreadable however it is folded.
LEAST = 40


def columns() -> int | None:
    """Return how many columns the output has: $COLUMNS where it is set, else the terminal's; None: no limit (a pipe)."""
    said = os.environ.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and int(said[:6]):
        return max(LEAST, int(said[:6]))
    if not sys.stdout.isatty():
        return None
    try:
        found = os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return 80
    return max(LEAST, found) if found else 80


def colours() -> bool:
    """Return whether bold and dim are wanted: on a terminal that knows them, unless $NO_COLOR is set (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
