"""`emit-tf --online`: the digests of the images and the model's revision, looked up now, anonymously, at their registries and hub.

A registry answers by its v2 API: where it wants a token, it says who gives one to anybody. What comes back is believed when the
manifest has the digest that is said. PLANNER_REGISTRY_MIRROR is asked instead of docker.io, HF_ENDPOINT and MODELSCOPE_ENDPOINT
instead of the hubs; proxies are those of the environment.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlsplit

from planner import hub
from planner.addresses import loopback
from planner.errors import FetchError
from planner.harmless import one_line
from planner.terraform.checkpoints import Checkpoint
from planner.terraform.deployment import Image
from planner.text import Text, text

__all__ = ["Lookup", "digest"]

MOST_MANIFEST = 1_000_000
_DOCKER = "https://registry-1.docker.io"
_ACCEPT = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "docker.distribution.manifest.list.v2",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.v2",
    )
)
_HEX = frozenset("0123456789abcdef")


class Lookup:
    """What one emit-tf asks for. said: a sentence for each answer that differs from what was known, or did not come."""

    def __init__(self, today: str, environ: Mapping[str, str], sleep: Callable[[float], None] = time.sleep) -> None:
        self.today, self.environ, self.sleep = today, environ, sleep
        self.said: list[Text] = []

    def images(self, known: tuple[Image, ...]) -> tuple[Image, ...]:
        """Return the images with the digests that their tags have now; where none comes, the last known one stays with its date."""
        made = []
        for image in known:
            try:
                found = digest(image.reference, self.environ, self.sleep)
            except FetchError as exc:
                kept = text("the digest of {day} stays", day=image.as_of) if image.digest else text("no digest of it is known")
                self.said.append(text("{role}: {why}; {kept}", role=image.role, why=str(exc), kept=kept))
                made.append(image)
                continue
            if image.digest and found != image.digest:
                key = "{role}: {image} is now {now}..., not {was}... of {day}"
                self.said.append(text(key, role=image.role, image=image.reference, now=found[:19], was=image.digest[:19], day=image.as_of))
            made.append(image._replace(digest=found, source="registry", as_of=self.today))
        return tuple(made)

    def revision(self, checkpoint: Checkpoint, mainland: bool) -> str:
        """Return the commit of the checkpoint on the hub that the instances ask, "" (and a sentence) where it does not say."""
        name = checkpoint.modelscope_id if mainland else checkpoint.hf_id
        try:
            return hub.newest(name, "modelscope" if mainland else "huggingface", self.environ, self.sleep)
        except FetchError as exc:
            self.said.append(text("revision of {name}: {why}; the newest of the first boot is taken", name=name, why=str(exc)))
            return ""


def digest(reference: str, environ: Mapping[str, str], sleep: Callable[[float], None] = time.sleep) -> str:
    """Return the digest that HOST/NAME:TAG has now; raise `FetchError` where its registry does not say."""
    host, _, rest = reference.partition("/")
    name, _, tag = rest.rpartition(":")
    if not name or not tag or "/" in tag:
        raise FetchError(f"{one_line(reference)[:80]} is not HOST/NAME:TAG")
    if host == "docker.io":
        web = hub.Web(hub.endpoint_of("PLANNER_REGISTRY_MIRROR", _DOCKER, environ), "", sleep)
    else:
        web = hub.Web(f"https://{host}", "", sleep)
    path = f"/v2/{quote(name)}/manifests/{quote(tag, safe='')}"
    web.accept = _ACCEPT
    try:
        body = web.get(path, MOST_MANIFEST)
    except hub.AbsentError:
        challenge = web.told.get("www-authenticate", "")
        if not challenge.lower().startswith("bearer "):
            raise
        web = _with_token(web, challenge, name)
        body = web.get(path, MOST_MANIFEST)
    counted = f"sha256:{hashlib.sha256(body).hexdigest()}"
    said = web.told.get("docker-content-digest", "").strip() or counted
    if said != counted or not set(counted[7:]) <= _HEX:
        raise FetchError(f"{web.endpoint} answered for {rest} with a manifest that has another digest than it says")
    return counted


def _with_token(web: hub.Web, challenge: str, name: str) -> hub.Web:
    """Return the registry with the token that whoever it names gives to anybody; raise `FetchError`."""
    fields = dict(_fields(challenge[7:]))
    realm = fields.get("realm", "")
    here = loopback(urlsplit(web.endpoint).hostname or "")
    if not hub.safe(realm) or (loopback(urlsplit(realm).hostname or "") and not here):
        raise FetchError(f"{web.endpoint} names no place that gives a token")
    parts = urlsplit(realm)
    giver = hub.Web(f"{parts.scheme}://{parts.netloc}", "", web.sleep)
    scope = quote(f"repository:{name}:pull", safe="")
    data = giver.get(f"{parts.path}?service={quote(fields.get('service', ''), safe='')}&scope={scope}", MOST_MANIFEST)
    try:
        body = json.loads(data)
        token = body.get("token") or body.get("access_token") or ""
    except (ValueError, AttributeError, RecursionError):
        token = ""
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise FetchError(f"{giver.endpoint} gives no token for {name}")
    made = hub.Web(web.endpoint, token, web.sleep)
    made.accept = web.accept
    return made


def _fields(text: str) -> list[tuple[str, str]]:
    """Return KEY="VALUE" pairs of a challenge."""
    found = []
    while "=" in text:
        key, _, text = text.partition("=")
        if text.startswith('"'):
            value, _, text = text[1:].partition('"')
        else:
            value, _, text = text.partition(",")
        found.append((key.strip(" ,").lower(), value))
    return found
