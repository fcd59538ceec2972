"""Look for known vulnerabilities in what a release installs: the floors in pyproject.toml, then constraints.txt by pip-audit.

The first needs no network. The second asks the Python advisory database; where that is out of reach it says that nothing was
looked up, and the exit code is 0: not knowing is no finding. Usage: python -m tools.audit
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
#: distribution -> (first version without it, the advisory): what our own requirements must not allow.
FLOORS = {
    "jinja2": ("3.1.6", "CVE-2025-27516"),
    "requests": ("2.32.4", "CVE-2024-47081"),
    "urllib3": ("2.6.3", "CVE-2026-21441"),
}


def low_floors() -> list[str]:
    """Return the requirements of pyproject.toml that allow a version with a known vulnerability."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = {one.name.lower(): one for one in map(Requirement, project["dependencies"])}
    found = []
    for name, (first, advisory) in FLOORS.items():
        lows = [Version(part.version) for part in required[name].specifier if part.operator in (">=", "~=", "==")]
        if not lows or max(lows) < Version(first):
            found.append(f"{required[name]}: needs >={first} ({advisory})")
    return found


def looked_up(file: str = "constraints.txt") -> tuple[int, str]:
    """Return (exit code, what to say) of pip-audit for `file`; 0 with the reason where it cannot ask."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--requirement",
        str(ROOT / file),
        "--no-deps",
        "--disable-pip",
        "--progress-spinner",
        "off",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        return 0, f"not looked up: pip-audit did not answer ({type(exc).__name__})"
    said = (done.stdout + done.stderr).strip()
    if done.returncode and "Found " not in said:
        last = said.splitlines()[-1][:200] if said else f"exit code {done.returncode}"
        return 0, f"not looked up: the advisory database is out of reach, or pip-audit is not installed ({last})"
    return done.returncode, said


def main() -> int:
    low = low_floors()
    for line in low:
        print(f"pyproject.toml: {line}")
    code, said = looked_up()
    print(said)
    return 1 if low or code else 0


if __name__ == "__main__":
    sys.exit(main())
