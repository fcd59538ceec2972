"""What the user of `emit-tf` decides beyond the workload."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from planner.records import NamedTuple

__all__ = ["Settings"]


class Settings(NamedTuple):
    """What the user decides beyond the workload; "" leaves it to the module's defaults or to terraform.tfvars.

    now: time of writing, UTC. deadline: RFC 3339, else now + the quote's hours. spot_limit: per hour, in the cloud's
    currency. checkpoint: ORG/NAME on the hub instead of the model's own, with @SHA for one revision of it. accept_advisory: identifiers of
    published weaknesses that are taken on. stress: weekly hour in UTC ("Sun 03:00") in which GPUs are stress-tested.
    alert_webhook_secret: name of the secret that holds the address to which alerts are posted. vpc_id, subnet_id, security_group_id: a
    network that exists; vpc_cidr: the range of the one that is made. as_module: written to be called by another module.
    balancer: one address for all replicas, None = from two on; with a certificate of the cloud's store and the name that it is for.
    balancer_subnet_id: a second subnet for it in a network that exists, where the cloud wants two zones.
    registry: HOST/NAMESPACE into which the images were copied. backend: kind of the remote state, "" = in the folder; state_bucket: its bucket.
    group: the cloud's own keeps the instances, on_demand_share: percent of a spot group's that are on demand.
    fallback: other zones and types are named, in order, with their price. lang: of README.md and RUNBOOKS.md.
    """

    now: datetime
    name: str = ""
    zone: str = ""
    client_cidr: str = ""
    open_to_internet: bool = False
    alert_email: str = ""
    deadline: str = ""
    spot_limit: Decimal | None = None
    reserve_capacity: bool = False
    api_key_secret: str = ""
    hf_token_secret: str = ""
    checkpoint: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    accept_advisory: tuple[str, ...] = ()
    stress: str = ""
    alert_webhook_secret: str = ""
    power_off_on_failure: bool = False
    vpc_id: str = ""
    subnet_id: str = ""
    security_group_id: str = ""
    vpc_cidr: str = ""
    as_module: bool = False
    balancer: bool | None = None
    balancer_certificate: str = ""
    balancer_name: str = ""
    balancer_subnet_id: str = ""
    registry: str = ""
    backend: str = ""
    state_bucket: str = ""
    fallback: bool = False
    group: bool = False
    on_demand_share: int | None = None
    lang: str = "en"
