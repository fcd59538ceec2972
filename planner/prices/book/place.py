"""Where the user's data lives on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

__all__ = ["data_folder"]


def data_folder(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """Return $PLANNER_HOME, else the folder `planner` where the platform keeps the data of programs."""
    home = environ.get("PLANNER_HOME", "")
    if home:
        return os.path.expanduser(home)
    if platform == "win32":
        base = environ.get("LOCALAPPDATA") or os.path.join(os.path.expanduser("~"), "AppData", "Local")
    elif platform == "darwin":
        base = os.path.join(os.path.expanduser("~"), "Library", "Application Support")
    else:
        # The XDG rule: a relative path in the variable is invalid and is ignored.
        base = environ.get("XDG_DATA_HOME", "")
        if not os.path.isabs(base):
            base = os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(base, "planner")
