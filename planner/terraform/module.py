"""From a deployment to the module's files, checked for secrets and for the cloud's user-data limit before anyone writes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from decimal import Decimal

from planner.errors import MisuseError
from planner.money import plain, show
from planner.quoting.around import IMAGES_GB
from planner.quoting.records import Offer, Quote
from planner.templating import render
from planner.terraform import cloud, images, place, words
from planner.terraform.align import tidy
from planner.terraform.deployment import Deployment
from planner.terraform.hcl import parse

__all__ = ["files", "record", "scan"]

#: Files that every module has, from shared templates; the others are the templates at the top of the cloud's own folder.
SHARED = {
    "terraform.tfvars": "common/terraform.tfvars.j2",
    ".gitignore": "common/gitignore.j2",
}


def files(
    deployment: Deployment, quote: Quote, offer: Offer, pins: Mapping[str, str], bootstrap: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return `{path: text}` of the whole module, sorted by path.

    pins: role -> repository@sha256:digest for images that the user has pinned. bootstrap: the files of
    `planner.terraform.bootstrap.render`, None to call it. Raises `MisuseError` when the user-data would be over the
    cloud's limit or when any file holds what looks like a secret.
    """
    from planner.terraform.bootstrap import in_place, user_data_size
    from planner.terraform.bootstrap import render as render_bootstrap

    if bootstrap is None:
        bootstrap = render_bootstrap(deployment)
    d = deployment
    facts, own = cloud.find(d.provider), cloud.templates(d.provider)
    resource, many = facts.readback.resource, d.count > 1 and not d.group
    by_id = bool(facts.zone.id_pattern and re.fullmatch(facts.zone.id_pattern, d.zone))
    pinned = images.pinned(d, pins)
    copied = [p for p in pinned if p.copied]
    finds = not d.zone and not d.place.vpc_id and os.path.exists(os.path.join(own, "zone.tf.j2"))
    values = {
        "d": d,
        "cloud": facts,
        "many": many,
        "first": f'{resource}.this["0"]' if many else f"{resource}.this",
        "limit": facts.user_data_bytes,
        "pinned": [(p.image, p.pin) for p in pinned],
        "unpinned": [p for p in pinned if not p.pin],
        "copied": copied,
        "finds_zone": finds,
        "zone": "local.zone" if finds else "var.zone",
        "images": IMAGES_GB,
        "cost": [(label, show(amount), currency) for label, amount, currency in d.cost],
        "zone_argument": facts.zone.id_argument if by_id else facts.zone.argument,
        "zone_by_id": by_id,
        "hours": plain(d.hours),
        "disk_kind": facts.disks.kinds.get(d.instance_type.partition(".")[0], facts.disks.kind),
        "resource": resource,
        "rolls": d.place.balancer and d.count // d.layout.pp > 1,
        "in_place": in_place(d),
        "board_apart": "dashboard.json" in bootstrap,
        "weights": f"{d.weights_gib * 1.073741824:.0f}",
        "tfvars": "example/terraform.tfvars" if d.place.as_module else "terraform.tfvars",
        "other": f"{d.name[:29]}-b",
        "missing": words.missing(d, facts, pinned, finds_zone=finds),
        **words.of(d, facts),
    }
    if d.place.vpc_id:
        values["words"] = place.words(facts, many)
    templates = _templates(own, d, copied=bool(copied), finds=finds, rolls=bool(values["rolls"]), stays=in_place(d))
    result = {path: render(template, own=own, **values) for path, template in templates.items()}
    if d.place.as_module:
        result |= _example(result, own, values)
    result = {path: tidy(text) if path.endswith((".tf", ".tfvars")) else text for path, text in result.items()}
    for page in ("README.md", "RUNBOOKS.md"):
        result[page] = re.sub(r"\n{3,}", "\n\n", result[page])
    overlap = set(result) & set(bootstrap)
    if overlap:
        raise AssertionError(f"bootstrap and module both write {sorted(overlap)}")
    result.update(bootstrap)
    result["planner.json"] = record(d, quote, offer)
    scan(result)
    size = user_data_size(d, result)
    if size > facts.user_data_bytes:
        raise MisuseError(
            f"the user-data would be {size:,} bytes, over {d.provider}'s limit of {facts.user_data_bytes:,}; "
            f"shorten names and tags, or take a prepared image"
        )
    return dict(sorted(result.items()))


def _example(made: dict[str, str], own: str, values: Mapping[str, object]) -> dict[str, str]:
    """Return the example that calls a module without a provider; terraform.tfvars moves there, where terraform reads it."""
    if not os.path.exists(os.path.join(own, "parts", "provider.tf.j2")):
        raise MisuseError(f"--as-module: {own} has no parts/provider.tf.j2, which the example needs")
    variables = [b for b in parse(made["variables.tf"], "variables.tf").blocks if b.header[0] == "variable"]
    needed = [(b.header[1], b.attributes["type"], b.attributes["description"][1]) for b in variables if "default" not in b.attributes]
    types = {"object": "map(string)", "list": "list(string)"}  # of a call; a plain type is a reference
    asked = [(name, kind[1][0] if kind[0] == "ref" else types[kind[1]], said) for name, kind, said in needed]
    return {
        "example/main.tf": tidy(render("common/example.tf.j2", own=own, **values, asked=asked, sources=_sources(made["versions.tf"]))),
        "example/terraform.tfvars": made.pop("terraform.tfvars"),
    }


def _sources(versions: str) -> list[tuple[str, str, str]]:
    """Return (name, source, version) of the providers that a module's versions.tf requires."""
    inner = [b for whole in parse(versions, "versions.tf").blocks for b in whole.blocks if b.header[0] == "required_providers"]
    found = []
    for name, said in ((name, said) for b in inner for name, said in b.attributes.items()):
        fields = {str(key[1]): str(value[1]) for key, value in said[1]}
        found.append((name, fields["source"], fields["version"]))
    return found


def _templates(own: str, d: Deployment, *, copied: bool, finds: bool, rolls: bool, stays: bool) -> dict[str, str]:
    """Return {module file: template} of the whole module; its pages are in the deployment's language."""
    tongue = "" if d.lang == "en" else f".{d.lang}"
    pages = {f"{page}.md": f"common/{page}{tongue}.md.j2" for page in ("README", "RUNBOOKS")}
    found = {**_own_templates(own, d), **SHARED, **pages}
    if copied:
        found["copy-images.sh"] = "common/copy-images.sh.j2"
    if not d.place.backend:
        found.pop("backend.tf", None)
    elif d.place.as_module:
        found["example/backend.tf"] = found.pop("backend.tf")
    if not finds:
        found.pop("zone.tf", None)
    if rolls and not d.place.as_module:
        found["roll.sh"] = "common/roll.sh.j2"
    elif stays:
        found["roll.sh"] = "common/roll-in-place.sh.j2"
    return found


def _own_templates(folder: str, d: Deployment) -> dict[str, str]:
    """Return {module file: template} of the cloud's own folder: what is paid in advance has no deadline."""
    names = sorted(name for name in os.listdir(folder) if name.endswith(".j2"))
    missing = {f"{stem}.tf.j2" for stem in ("versions", "main", "variables", "outputs")}.difference(names)
    if missing:
        raise MisuseError(f"{folder}: a module needs {', '.join(sorted(missing))}")
    wanted = {"deadline.tf.j2": not d.prepaid, "balancer.tf.j2": d.place.balancer, "fabric.tf.j2": bool(d.fabric.slots)}
    return {name.removesuffix(".j2"): f"cloud/{name}" for name in names if wanted.get(name, True)}


def record(d: Deployment, quote: Quote, offer: Offer) -> str:
    """Return planner.json: what `planner quote --from-tf` needs beside the HCL itself."""
    from planner.quoting.fields import workload_dict

    body = {
        "schema": "planner.module/1",
        "planner": d.planner_version,
        "quote": quote.hash,
        "quoted_on": quote.quoted_on,
        "offer": offer.id,
        "provider": d.provider,
        "term": d.term,
        "payment": d.payment,
        "offering": d.offering,
        "cost": {"currency": d.currency, "effective": plain(offer.totals.native.effective), "billed": plain(offer.totals.native.billed)},
        "bill": {"effective": plain(d.bill), "weights_gb": plain(Decimal(str(round(d.weights_gib * 1.073741824, 3))))},
        "workload": workload_dict(quote.workload),
    }
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def scan(module: Mapping[str, str]) -> None:
    """Raise `MisuseError` when a file holds what looks like a credential; the message never repeats it."""
    from planner.terraform.bootstrap import find_secrets

    for path, text in sorted(module.items()):
        if not find_secrets(text):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for kind in find_secrets(line):
                raise MisuseError(
                    f"{path}:{number} would hold what looks like a secret ({kind}); give secrets to the cloud's own store "
                    f"and only their names to planner"
                )
