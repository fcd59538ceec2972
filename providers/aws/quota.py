"""How many vCPUs of a kind of machines an account may run in a region: Service Quotas, and what runs already."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from planner.errors import FetchError
from planner.provider import Access, Quota, Wanted
from providers.aws.fetch import Aws
from providers.aws.where import Where

__all__ = ["group_of", "quotas"]

#: First letters of the families that share a quota "Running On-Demand ... instances", and its name.
_GROUPS = {"G": "G and VT", "GR": "G and VT", "VT": "G and VT", "P": "P", "INF": "Inf", "TRN": "Trn", "DL": "DL"}


def quotas(region: str, wanted: Wanted, access: Access) -> tuple[Quota, ...]:
    """Return the vCPU quota of the wanted machines; raise `FetchError` where it cannot be asked, or none has that name.

    A capacity block needs none: what is bought is there.
    """
    if wanted.option == "capacity_block":
        return ()
    aws = Aws(region, access)
    spot = wanted.option == "spot"
    where = Where(region, aws.partition, "ListServiceQuotas", "ec2", access.now)
    found = aws.items("service-quotas", "ListServiceQuotas", "Quotas", where, ServiceCode="ec2", MaxResults=100)
    named = [q for q in found if _covers(str(q.get("QuotaName", "")), wanted.instance_type, spot)]
    if not named:
        raise FetchError(
            f"aws {region}: Service Quotas lists none for {wanted.instance_type} ({wanted.option.replace('_', ' ')})"
        )
    quota = max(named, key=lambda q: _length(str(q["QuotaName"]), wanted.instance_type))
    name, limit = str(quota["QuotaName"]), Decimal(str(quota.get("Value", 0)))
    where = where._replace(call="DescribeInstances")
    states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    held = aws.items("ec2", "DescribeInstances", "Reservations", where, Filters=states)
    running = [i for r in held for i in r.get("Instances", ())]
    used = sum(_vcpus(i) for i in running if _counts(i, name, spot))
    return (Quota(name, "vCPUs", limit, Decimal(used), Decimal(wanted.vcpu * wanted.count)),)


def _family(instance_type: str) -> str:
    return instance_type.partition(".")[0].upper()


def group_of(instance_type: str) -> str:
    """Return what the on-demand quota of a type is called by: "P", "G and VT", "Standard" for what has no accelerator."""
    family = _family(instance_type)
    letters = family[: next((i for i, char in enumerate(family) if char.isdigit()), len(family))]
    return _GROUPS.get(letters, "Standard (A, C, D, H, I, M, R, T, Z)")


def _covers(name: str, instance_type: str, spot: bool) -> bool:
    if spot:
        return name.startswith("All ") and name.endswith(" Spot Instance Requests") and _length(name, instance_type) > 0
    return name == f"Running On-Demand {group_of(instance_type)} instances"


def _length(name: str, instance_type: str) -> int:
    """Return how much of the family a spot quota's name has: "All P4, P3 and P2 Spot Instance Requests" has P4 of p4d; 0 for nothing."""
    words = name.removeprefix("All ").removesuffix(" Spot Instance Requests").replace(",", " ").split()
    family = _family(instance_type).replace("GR", "G", 1)
    return max(
        (len(word) for word in words if word != "and" and family.startswith(word.upper()) and _whole(family, word)),
        default=0,
    )


def _whole(family: str, word: str) -> bool:
    """Return whether `word` ends where letters and digits of the family part: P4 is in P4D, P is in P5 and not in PX."""
    rest = family[len(word) :]
    return not rest or rest[0].isdigit() != word[-1].isdigit()


def _counts(instance: Mapping[str, Any], name: str, spot: bool) -> bool:
    lifecycle = instance.get("InstanceLifecycle", "")
    return lifecycle == ("spot" if spot else "") and _covers(name, str(instance.get("InstanceType", "")), spot)


def _vcpus(instance: Mapping[str, Any]) -> int:
    said = instance.get("CpuOptions", {})
    return int(said.get("CoreCount", 0)) * int(said.get("ThreadsPerCore", 1))
