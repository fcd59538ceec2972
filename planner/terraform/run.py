"""Running terraform on an emitted module, told in our words; the one importer of python-terraform.

python-terraform's own `plan`, `apply` and `destroy` have defaults that no longer fit Terraform 1.x (`plan` always asks
for detailed exit codes and logs them as errors, `destroy` sends -force): only its `cmd` is used here, with every flag
written out. This module never applies and never destroys.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from typing import Any

from planner.errors import TerraformError
from planner.terraform.variables import unset
from planner.text import Text, text

__all__ = ["MINIMUM", "plan", "validate", "version"]

MINIMUM = (1, 9)
BACKEND = "backend.tf"


def version() -> str:
    """Return the version of the terraform on the PATH; raise `TerraformError` where there is none, or one too old."""
    return _found("")[1]


def _terraform(folder: str) -> Any:
    return _found(folder)[0]


def _found(folder: str) -> tuple[Any, str]:
    """Return terraform in a folder, and its version."""
    path = shutil.which("terraform")
    need = f"Terraform {MINIMUM[0]}.{MINIMUM[1]} or newer"
    if path is None:
        raise TerraformError(f"no terraform on the PATH; install {need} (the module is written, only the check is missing)")
    from python_terraform import Terraform

    tf = Terraform(working_dir=folder or None, terraform_bin_path=path)
    code, out, _ = _run(tf, "version", "-json")
    try:
        version = str(json.loads(out[out.index("{") :])["terraform_version"])
        number = tuple(int(x) for x in version.split("-")[0].split(".")[:2])
    except (ValueError, KeyError, IndexError):
        raise TerraformError(f"{path} does not say its version (exit {code}); install {need}") from None
    if number < MINIMUM:
        raise TerraformError(f"{path} is Terraform {version}; this module needs {need}")
    return tf, version


def _run(tf: Any, *words: str) -> tuple[int, str, str]:
    """Run one command; a file that terraform cannot be started from becomes a `TerraformError`."""
    import logging

    logging.getLogger("python_terraform").setLevel(logging.CRITICAL)
    try:
        code, out, err = tf.cmd(*words)
    except OSError as exc:
        raise TerraformError(f"cannot start terraform: {exc.strerror or exc}") from exc
    return int(code), out or "", err or ""


def _init(tf: Any) -> None:
    code, out, err = _run(tf, "init", "-backend=false", "-input=false", "-no-color")
    if code:
        raise TerraformError(f"terraform init: {_first(err or out)}")


def validate(folder: str) -> Text:
    """Return a sentence when terraform finds the module in `folder` valid; raise `TerraformError` when it does not."""
    tf = _terraform(folder)
    _init(tf)
    return _validate(tf)


def _validate(tf: Any) -> Text:
    code, out, err = _run(tf, "validate", "-json")
    try:
        found = json.loads(out[out.index("{") :])
    except ValueError:
        raise TerraformError(f"terraform validate: {_first(err or out)}") from None
    problems = [d for d in found.get("diagnostics", []) if d.get("severity") == "error"]
    if code or problems:
        first = problems[0] if problems else {}
        place = first.get("range") or {}
        where = f"{place.get('filename', '')}:{place.get('start', {}).get('line', '')}: " if place else ""
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise TerraformError(f"terraform finds the module invalid: {where}{first.get('summary', _first(err))}{more}")
    return text("terraform finds the module valid")


def plan(folder: str) -> Text:
    """Return what a first apply would do, in a sentence; raise `TerraformError` with each missing value, or terraform's first reason.

    Needs the cloud's credentials and every variable that has no default. The plan is thrown away. A remote state is left alone: a copy
    without backend.tf is planned, from nothing.
    """
    root = os.path.join(folder, "example") if os.path.isfile(os.path.join(folder, "example", "main.tf")) else folder
    missing = unset(root, os.environ)
    if missing:
        each = "; ".join(f"{name} ({said.rstrip('.')})" if said else name for name, said in missing)
        where = os.path.join(root, "terraform.tfvars")
        raise TerraformError(f"terraform plan needs {len(missing)} value{'s' if len(missing) > 1 else ''} more, in {where}: {each}")
    with tempfile.TemporaryDirectory() as scratch:
        if os.path.exists(os.path.join(root, BACKEND)):
            root = _without_backend(folder, root, os.path.join(scratch, "module"))
        return _plan(root, os.path.join(scratch, "plan"))


def _without_backend(folder: str, root: str, target: str) -> str:
    """Copy a module without its backend, state and settings of init; what providers it has already is shared. Return the copy's root."""
    shutil.copytree(folder, target, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*", BACKEND, "plan"))
    copy = os.path.join(target, os.path.relpath(root, folder))
    providers = os.path.join(os.path.abspath(root), ".terraform", "providers")
    os.makedirs(providers, exist_ok=True)
    os.makedirs(os.path.join(copy, ".terraform"), exist_ok=True)
    os.symlink(providers, os.path.join(copy, ".terraform", "providers"))
    return copy


def _plan(folder: str, saved: str) -> Text:
    tf = _terraform(folder)
    _init(tf)
    _validate(tf)
    # 0: nothing to do, 2: changes, 1: failed.
    code, out, err = _run(tf, "plan", "-input=false", "-no-color", "-lock=false", "-detailed-exitcode", f"-out={saved}")
    if code not in (0, 2):
        raise TerraformError(f"terraform plan: {_first(err or out)}")
    code, out, err = _run(tf, "show", "-json", saved)
    try:
        changes = json.loads(out[out.index('{"') :]).get("resource_changes", [])
    except ValueError:
        raise TerraformError(f"terraform show: {_first(err or out)}") from None
    count = {"create": 0, "update": 0, "delete": 0}
    for change in changes:
        for action in change["change"]["actions"]:
            if action in count:
                count[action] += 1
    return text("terraform plans {create} to add, {update} to change, {delete} to destroy", **count)


def _first(text: str) -> str:
    """Return the errors of terraform's report in one line: box drawing and colour out, at most 300 characters."""
    plain = re.sub(r"\x1b\[[0-9;]*m|[│╷╵]", "", text)
    parts = [" ".join(p.split()) for p in re.split(r"\n\s*\n|(?=Error: )", plain)]
    errors = [p.removeprefix("Error: ") for p in parts if p.startswith("Error: ")]
    missing = re.findall(r'variable "(\w+)"', plain) if "No value for required variable" in errors else []
    if missing:
        return f"no value for {', '.join(missing)}: set {'it' if len(missing) == 1 else 'them'} in terraform.tfvars"
    line = "; ".join(dict.fromkeys(errors)) if errors else " ".join(plain.split())
    return line[:297] + "..." if len(line) > 300 else line or "failed without a message"
