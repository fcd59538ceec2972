"""Write a CycloneDX 1.6 bill of materials of a release: what it needs at run time, and what it ships of others.

From this environment, so make it where the release was tested. The same environment gives the same bytes.
Usage: python -m tools.sbom [--output FILE]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NAME = "gpu-cost-planner"
#: What the page of a quote holds, by the files in templates/report/vendor.
VENDORED = (
    ("echarts", "Apache-2.0"),
    ("zrender", "BSD-3-Clause"),
    ("tslib", "0BSD"),
    ("decimal.js", "MIT"),
)


def normal(name: str) -> str:
    """Return a distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(name: str) -> list[str]:
    """Return what a distribution needs here at run time, extras left out."""
    from packaging.requirements import Requirement

    found = [Requirement(text) for text in metadata.requires(name) or ()]
    return sorted({normal(one.name) for one in found if one.marker is None or one.marker.evaluate({"extra": ""})})


def closure(name: str) -> dict[str, list[str]]:
    """Return every distribution that `name` needs, itself first, with what each of them needs."""
    found: dict[str, list[str]] = {}
    todo = [normal(name)]
    while todo:
        one = todo.pop(0)
        if one not in found:
            found[one] = needed(one)
            todo += found[one]
    return found


def hashes() -> dict[str, list[str]]:
    """Return the SHA-256 of the files that the lock allows, by distribution."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in (ROOT / "requirements" / "dev.lock").read_text(encoding="utf-8").splitlines():
        if "==" in line and not line.startswith((" ", "#")):
            name = normal(line.partition("==")[0])
        elif "--hash=sha256:" in line:
            found.setdefault(name, []).append(line.partition("sha256:")[2].split()[0])
    return found


def _licence(name: str) -> list[dict[str, Any]]:
    about = metadata.metadata(name)
    word = about.get("License-Expression") or ""
    if word:
        return [{"expression": word}]
    given = [text.rpartition(" :: ")[2] for text in about.get_all("Classifier") or () if text.startswith("License ::")]
    return [{"license": {"name": text}} for text in given or [(about.get("License") or "").split("\n")[0]] if text]


def _component(name: str, allowed: dict[str, list[str]]) -> dict[str, Any]:
    version = metadata.version(name)
    purl = f"pkg:pypi/{name}@{version}"
    made: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    licences = _licence(name)
    if licences:
        made["licenses"] = licences
    if name in allowed:
        made["externalReferences"] = [
            {
                "type": "distribution",
                "url": f"https://pypi.org/project/{name}/{version}/",
                "hashes": [{"alg": "SHA-256", "content": content} for content in allowed[name]],
            }
        ]
    return made


def sbom() -> dict[str, Any]:
    """Return the bill of materials."""
    import os

    found = closure(NAME)
    allowed = hashes()
    own, *others = [_component(name, allowed) for name in found]
    refs = {component["name"]: component["bom-ref"] for component in (own, *others)}
    vendored: list[dict[str, Any]] = [
        {"type": "library", "bom-ref": f"vendored:{name}", "name": name, "licenses": [{"license": {"id": licence}}]}
        for name, licence in VENDORED
    ]
    when = int(os.environ.get("SOURCE_DATE_EPOCH", "0") or 0)
    named = json.dumps([own, others], sort_keys=True)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, named)}",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when)),
            "component": {**own, "type": "application"},
        },
        "components": sorted(others, key=lambda one: str(one["name"])) + vendored,
        "dependencies": [
            {
                "ref": refs[name],
                "dependsOn": [refs[one] for one in needs]
                + [f"vendored:{one}" for one, _ in VENDORED if name == normal(NAME)],
            }
            for name, needs in found.items()
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--output", default="-")
    output = parser.parse_args().output
    text = json.dumps(sbom(), indent=1, sort_keys=True) + "\n"
    if output == "-":
        sys.stdout.write(text)
    else:
        Path(output).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
