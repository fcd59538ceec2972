"""From a deployment to the module's files, checked for secrets and for the cloud's user-data limit before anyone writes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from planner.errors import MisuseError
from planner.money import plain, show
from planner.quoting.records import Offer, Quote
from planner.templating import render
from planner.terraform import words
from planner.terraform.align import tidy
from planner.terraform.deploy import PIN, ZONE_ID
from planner.terraform.deployment import USER_DATA_LIMIT, Deployment

__all__ = ["files", "record", "scan"]

#: Template of each module file, per provider; {p} is the provider.
TEMPLATES = {
    "versions.tf": "{p}/versions.tf.j2",
    "main.tf": "{p}/main.tf.j2",
    "network.tf": "{p}/network.tf.j2",
    "iam.tf": "{p}/iam.tf.j2",
    "deadline.tf": "{p}/deadline.tf.j2",
    "budget.tf": "{p}/budget.tf.j2",
    "variables.tf": "{p}/variables.tf.j2",
    "outputs.tf": "{p}/outputs.tf.j2",
    "terraform.tfvars": "common/terraform.tfvars.j2",
    "README.md": "common/README.md.j2",
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
    from planner.terraform.bootstrap import render as render_bootstrap
    from planner.terraform.bootstrap import user_data_size

    if bootstrap is None:
        bootstrap = render_bootstrap(deployment)
    d = deployment
    names = dict(TEMPLATES)
    if d.provider == "alicloud" or d.prepaid:
        del names["deadline.tf"]  # on Alibaba Cloud it is an argument of the instance, a subscription has none
    if d.provider == "alicloud":
        del names["budget.tf"]  # the provider has no such resource
    resource = {"aws": "aws_instance", "alicloud": "alicloud_instance", "tencentcloud": "tencentcloud_instance"}[d.provider]
    many = d.count > 1
    values = {
        "d": d,
        "many": many,
        "first": f'{resource}.this["0"]' if many else f"{resource}.this",
        "limit": USER_DATA_LIMIT[d.provider],
        "pinned": _pinned(d, pins),
        "cost": [(label, show(amount), currency) for label, amount, currency in d.cost],
        "zone_argument": "availability_zone_id" if d.provider == "aws" and ZONE_ID.match(d.zone) else "availability_zone",
        "hours": plain(d.hours),
        "weights": f"{d.weights_gib * 1.073741824:.0f}",
        **words.of(d),
    }
    result = {path: render(template.format(p=d.provider), **values) for path, template in names.items()}
    result = {path: tidy(text) if path.endswith((".tf", ".tfvars")) else text for path, text in result.items()}
    result["README.md"] = re.sub(r"\n{3,}", "\n\n", result["README.md"])
    overlap = set(result) & set(bootstrap)
    if overlap:
        raise AssertionError(f"bootstrap and module both write {sorted(overlap)}")
    result.update(bootstrap)
    result["planner.json"] = record(d, quote, offer)
    scan(result)
    size = user_data_size(d, result)
    if size > USER_DATA_LIMIT[d.provider]:
        raise MisuseError(
            f"the user-data would be {size:,} bytes, over {d.provider}'s limit of {USER_DATA_LIMIT[d.provider]:,}; "
            f"shorten names and tags, or take a prepared image"
        )
    return dict(sorted(result.items()))


def _pinned(d: Deployment, pins: Mapping[str, str]) -> list[tuple[object, str]]:
    """Return (image, pin) for every image when all are pinned, else []."""
    roles = {image.role for image in d.stack.images}
    for role, pin in pins.items():
        if role not in roles:
            raise MisuseError(f"--image: there is no image for {role[:30]!r}; roles: {', '.join(sorted(roles))}")
        if not PIN.match(pin) or len(pin) > 255:
            raise MisuseError(f"--image {role}: {pin[:60]!r} is not pinned; write repository@sha256:<64 hex digits>")
    known = [
        (i, pins.get(i.role) or (f"{i.reference}@{i.digest}" if i.digest else "")) for i in d.stack.images
    ]
    if d.mainland and not pins:
        return []  # the published references are on hosts that mainland China cannot rely on
    return list(known) if all(pin for _, pin in known) else []


def record(d: Deployment, quote: Quote, offer: Offer) -> str:
    """Return planner.json: what `planner quote --from-tf` needs beside the HCL itself."""
    from planner.quoting.saved import workload_dict

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
