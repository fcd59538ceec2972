"""Which container image each role runs, by digest: pinned by the user, as last known, or copied into the user's own registry."""

from __future__ import annotations

import re
from collections.abc import Mapping

from planner.errors import MisuseError
from planner.records import NamedTuple
from planner.terraform.deployment import Deployment, Image

__all__ = ["ABROAD", "PIN", "Pinned", "pinned"]

PIN = re.compile(r"[a-z0-9][A-Za-z0-9./_:-]*@sha256:[0-9a-f]{64}\Z")
#: Hosts that mainland China cannot rely on.
ABROAD = frozenset({"docker.io", "registry-1.docker.io", "nvcr.io", "quay.io", "ghcr.io", "gcr.io"})


class Pinned(NamedTuple):
    """image: what is published. pin: NAME@DIGEST as the module takes it, "" = no digest is known, the user must say it.

    copied: the pin names no host; it is in the registry that the module's variable names.
    """

    image: Image
    pin: str
    copied: bool = False

    @property
    def name(self) -> str:
        """What the image is called in the registry into which it is copied."""
        return self.image.reference.rpartition("/")[2]

    @property
    def source(self) -> str:
        """The published image, by its digest where that is known."""
        return f"{self.image.reference}@{self.image.digest}" if self.image.digest else self.image.reference


def pinned(d: Deployment, pins: Mapping[str, str]) -> list[Pinned]:
    """Return every image of the deployment; raise `MisuseError` for a pin of no role, or that is none."""
    roles = {image.role for image in d.stack.images}
    for role, pin in pins.items():
        if role not in roles:
            raise MisuseError(f"--image: there is no image for {role[:30]!r}; roles: {', '.join(sorted(roles))}")
        if not PIN.match(pin) or len(pin) > 255:
            raise MisuseError(f"--image {role}: {pin[:60]!r} is not pinned; write repository@sha256:<64 hex digits>")
    return [_one(d, image, pins.get(image.role, "")) for image in d.stack.images]


def _one(d: Deployment, image: Image, pin: str) -> Pinned:
    if pin:
        return Pinned(image, pin)
    made = Pinned(image, "")
    away = d.mainland and image.reference.partition("/")[0] in ABROAD and not d.registry
    if not image.digest:
        return made._replace(copied=away)
    if d.registry:
        return made._replace(pin=f"{d.registry}/{made.name}@{image.digest}")
    return made._replace(pin=f"{made.name}@{image.digest}", copied=True) if away else made._replace(pin=made.source)
