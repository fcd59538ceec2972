"""No cloud is named in planner/ or in shared templates: what is peculiar to one is in its home and its own templates.

Clouds come in by the same door as a stranger's, so a name here would be a rule that only ours can have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import ROOT

#: Their names, their tools and the prefixes of their resources and types, as words of their own.
NAMED = re.compile(
    r"(?<![A-Za-z0-9])(?:aws|amazon|ec2|alicloud|aliyun\w*|alibaba|acs|ecs|tencent\w*|qcloud|qcs|tccli|cvm|azure|gcp)(?![A-Za-z0-9])",
    re.IGNORECASE,
)

#: Files that may still name one, each with what takes the name away; the list may only shrink, to nothing.
ALLOWED: dict[str, str] = {}


def shared() -> Iterator[Path]:
    """Yield the files that every cloud shares."""
    yield from (ROOT / "planner").rglob("*.py")
    for folder in ("common", "bootstrap", "kubernetes", "report"):
        for path in (ROOT / "templates" / folder).rglob("*"):
            if path.is_file() and not {"__pycache__", "vendor"} & set(path.parts):
                yield path


def naming(text: str) -> list[str]:
    """Return the lines of `text` that name a cloud."""
    return [line.strip() for line in text.splitlines() if NAMED.search(line)]


def test_no_cloud_is_named_where_all_clouds_are_served() -> None:
    found = {p.relative_to(ROOT).as_posix(): naming(p.read_text(encoding="utf-8")) for p in shared()}
    new = {path: lines for path, lines in found.items() if lines and path not in ALLOWED}
    assert not new, "say it in the cloud's home (cloud.toml, provider.json) or its templates"
    assert not [path for path in ALLOWED if not found.get(path)], "names none any more: delete it from the list"


def test_a_name_is_seen_however_it_stands() -> None:
    for line in ('if d.provider == "aws":', "acs:kms:x", "ecs.gn7i", "tencentcloud_instance", "# Alibaba's", "ALIYUN"):
        assert naming(line), line
    for line in ("laws and pawns", "recs.x", "the scvm", "focus_aws2x"):
        assert not naming(line), line
