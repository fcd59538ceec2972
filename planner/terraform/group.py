"""Replicas that a group of the cloud keeps: what it takes, and how many of a spot group are on demand."""

from __future__ import annotations

import os
from math import ceil

from planner.errors import MisuseError
from planner.quoting.records import Offer
from planner.terraform import cloud
from planner.terraform.cloud import Cloud
from planner.terraform.settings import Settings

__all__ = ["firm"]

#: What is billed by the hour, and may end and begin again.
_OPTIONS = ("on_demand", "spot", "reserved", "savings_plan")


def firm(s: Settings, facts: Cloud, offer: Offer, pp: int, balancer: bool) -> int:
    """Return how many instances of a spot group are on demand; raise `MisuseError` where no group can keep the replicas."""
    share = s.on_demand_share
    if not s.group:
        if share is not None:
            raise MisuseError("--on-demand-share is of a group: give --group too")
        return 0
    if not os.path.exists(os.path.join(cloud.templates(offer.provider), "parts", "group.tf.j2")):
        raise MisuseError(f"--group: the modules of {facts.title} have no group that replaces instances; drop it")
    for start, why in facts.group.refused.items():
        if offer.instance_type.startswith(start):
            raise MisuseError(f"--group: no group starts {offer.instance_type}: {why}; drop it, or choose another type")
    if pp > 1:
        raise MisuseError(f"--group: the {pp} instances of a replica are one engine, of which a group cannot replace one; drop it")
    if offer.purchase_option not in _OPTIONS or s.reserve_capacity:
        way = "reserved capacity" if s.reserve_capacity else offer.purchase_option.replace("_", " ")
        raise MisuseError(f"--group makes instances anew, which goes with on-demand and spot instances, not with {way}")
    if not balancer or offer.count < 2:
        raise MisuseError("--group stands behind a balancer and keeps two replicas or more: raise --count, and drop --no-balancer")
    for given, option, why in (
        (s.stress, "--stress", "takes its turn by the number of an instance, which those of a group do not have"),
        (s.power_off_on_failure, "--power-off-on-failure", "would end an instance that the group makes anew, again and again"),
        (s.as_module, "--as-module", "has no script that takes a change to one instance after the other"),
    ):
        if given:
            raise MisuseError(f"{option} does not go with --group: it {why}")
    if share is None:
        return 0
    if offer.purchase_option != "spot":
        raise MisuseError(f"--on-demand-share is of spot instances, this offer is {offer.purchase_option.replace('_', ' ')}; add --purchase-option spot")
    made = ceil(offer.count * share / 100)
    if made >= offer.count:
        raise MisuseError(f"--on-demand-share {share}: of {offer.count} instances none would be spot; give less, or --purchase-option on_demand")
    return made
