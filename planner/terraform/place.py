"""Where a module's instances stand and what its clients call: a network of its own or one that exists, with or without a balancer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network

from planner.errors import MisuseError
from planner.terraform.cloud import Cloud
from planner.terraform.deployment import Fabric, Node, Place
from planner.terraform.settings import Settings
from planner.text import text

__all__ = ["EXISTING", "balancer", "fabric", "nodes", "place", "words"]

#: Options of a network that exists: the field of `Settings` and the name on the command line.
EXISTING = {
    "vpc_id": "--vpc-id",
    "subnet_id": "--subnet-id",
    "security_group_id": "--security-group-id",
}
#: Containers on a bridge get addresses of it.
_DOCKER = IPv4Network("172.17.0.0/16")
_PRIVATE = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
_LARGEST, _SMALLEST = 16, 25
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")


def place(settings: Settings, facts: Cloud, replicas: int) -> Place:
    """Return the checked place; raise `MisuseError` for an id that is none of this cloud's, or options that contradict.

    replicas: that serve independently of each other; the instances of a pipeline are one.
    """
    for field, option in EXISTING.items():
        _check_id(getattr(settings, field), field, option, facts)
    s = settings
    if bool(s.vpc_id) != bool(s.subnet_id):
        given, missing = ("--vpc-id", "--subnet-id") if s.vpc_id else ("--subnet-id", "--vpc-id")
        raise MisuseError(f"{given} goes with {missing}: with both the module makes no network, without both it makes its own")
    if s.security_group_id and not s.vpc_id:
        raise MisuseError("--security-group-id is a group of a network that exists: give --vpc-id and --subnet-id too")
    if s.vpc_id and s.vpc_cidr:
        raise MisuseError("--vpc-cidr is the range of a network that the module makes; that of --vpc-id has its own")
    if s.vpc_id and s.zone:
        raise MisuseError("--zone does not go with --subnet-id: the zone is the subnet's")
    if s.security_group_id and s.client_cidr:
        raise MisuseError("--client-cidr does not go with --security-group-id: the group says who may call the API")
    whole = _range(s.vpc_cidr or "10.20.0.0/24")
    half = list(whole.subnets(1))
    parts = list(half[1].subnets(new_prefix=28))
    balanced = balancer(s, facts, replicas)
    return Place(
        balancer=balanced, certificate=s.balancer_certificate, host=s.balancer_name, balancer_subnet_id=s.balancer_subnet_id,
        vpc_id=s.vpc_id, subnet_id=s.subnet_id, security_group_id=s.security_group_id, as_module=s.as_module,
        backend=_backend(s, facts), bucket=s.state_bucket,
        cidr=str(whole), subnet_cidr=str(half[0]), nat_cidr=str(parts[0]), balancer_cidr=str(parts[1]),
    )


def balancer(settings: Settings, facts: Cloud, replicas: int) -> bool:
    """Return whether clients call a balancer: from two replicas on, where the cloud's templates have one."""
    s = settings
    given = {
        "--balancer-certificate": s.balancer_certificate,
        "--balancer-name": s.balancer_name,
        "--balancer-subnet-id": s.balancer_subnet_id,
    }
    asked = next((option for option, text in given.items() if text), "--balancer" if s.balancer else "")
    if not facts.balancer.title:
        if asked:
            raise MisuseError(f"{asked}: the modules of {facts.title} have no balancer")
        return False
    wanted = replicas > 1 if s.balancer is None else s.balancer
    if not wanted:
        if asked:
            why = "--no-balancer" if s.balancer is False else "one replica, which needs no balancer (--balancer makes one)"
            raise MisuseError(f"{asked} does not go with {why}")
        return False
    if bool(s.balancer_certificate) != bool(s.balancer_name):
        raise MisuseError("--balancer-certificate and --balancer-name go together: clients call the name that the certificate is for")
    if s.balancer_certificate and not re.fullmatch(facts.balancer.certificate, s.balancer_certificate):
        raise MisuseError(
            f"--balancer-certificate: {s.balancer_certificate[:40]!r} is not a certificate's id on {facts.title}, "
            f"where one looks like {facts.balancer.like}"
        )
    if s.balancer_name and not (_HOST.fullmatch(s.balancer_name) and len(s.balancer_name) < 254):
        raise MisuseError(f"--balancer-name: {s.balancer_name[:40]!r} is not a host's name such as llm.example.com")
    _check_id(s.balancer_subnet_id, "subnet_id", "--balancer-subnet-id", facts)
    if s.balancer_subnet_id and (not s.vpc_id or facts.balancer.zones < 2):
        raise MisuseError(f"--balancer-subnet-id is for a network that exists (--vpc-id) where a balancer must stand in two zones")
    if s.vpc_id and facts.balancer.zones > 1 and not s.balancer_subnet_id:
        raise MisuseError(
            f"the {facts.balancer.title} of {facts.title} must stand in two zones: give a second subnet, in another zone, with "
            "--balancer-subnet-id, or --no-balancer"
        )
    if s.balancer_subnet_id and s.balancer_subnet_id == s.subnet_id:
        raise MisuseError("--balancer-subnet-id must be another subnet than --subnet-id, in another zone")
    return True


def _backend(s: Settings, facts: Cloud) -> str:
    """Return the kind of the remote state; raise `MisuseError` for one that this cloud's modules do not write."""
    if s.state_bucket and not s.backend:
        raise MisuseError("--state-bucket goes with --backend, which says what kind of bucket it is")
    if s.backend and s.backend != facts.backend:
        there = f"keep their state in {facts.backend}: --backend {facts.backend}" if facts.backend else "know no remote state"
        raise MisuseError(f"--backend {s.backend[:20]}: the modules of {facts.title} {there}")
    if s.state_bucket and not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", s.state_bucket):
        raise MisuseError(f"--state-bucket: {s.state_bucket[:40]!r} is not a bucket's name (3 to 63 of a-z, 0-9, . and -)")
    return s.backend


def nodes(where: Place, count: int, pp: int, group: bool = False) -> tuple[Node, ...]:
    """Return the instances with their addresses; in a group or a network that exists the cloud chooses them, or the user names them."""
    if count % pp:
        raise MisuseError(f"{count} instances do not split into replicas of {pp} instances; give a multiple with --count")
    if where.vpc_id or group:
        return tuple(Node(i, i % pp, "", "") for i in range(count))
    first = IPv4Network(where.subnet_cidr).network_address + 10
    return tuple(Node(i, i % pp, str(first + i), str(first + i - i % pp)) for i in range(count))


def fabric(facts: Cloud, instance_type: str, pp: int, public: bool) -> Fabric:
    """Return how the nodes of a pipeline speak to each other: by the cloud's own interfaces where the type has them, else TCP and why."""
    own = facts.fabric
    if pp == 1:
        return Fabric()
    if not own.title:
        return Fabric(why=own.without)
    many = int(own.interfaces.get(instance_type, "0"))
    if not many:
        return Fabric(why=text("how many {what} interfaces {type} takes was not read", what=own.title, type=instance_type))
    if public:
        return Fabric(why=text("an instance with a public address takes one interface, so none of {what}", what=own.title))
    first, rest = ([], many) if instance_type in own.spared else ([(0, 1)], many - 1)
    slots = (*first, *((card, 0) for card in range(1, rest + 1)))
    return Fabric(own.title, slots, own.transport, tuple(sorted(own.environment.items())))


def words(facts: Cloud, many: bool) -> dict[str, str]:
    """Return what the variables of a network that exists are described as."""
    needs = "it must let the clients in on port 8443, out to ports 80 and 443" + (", and its members to each other" if many else "")
    return {field: f"The {what} that exists{'; ' + needs if 'group' in field else ''}." for field, what in facts.network.words.items()}


def _check_id(text: str, field: str, option: str, facts: Cloud) -> None:
    if not text:
        return
    if field not in facts.network.ids:
        raise MisuseError(f"{option}: the modules of {facts.title} make a network of their own, and know no other")
    if not re.fullmatch(facts.network.ids[field], text):
        raise MisuseError(f"{option}: {text[:40]!r} is not an id of {facts.title}, where one looks like {facts.network.like[field]}")


def _range(text: str) -> IPv4Network:
    """Return the checked range of a network that the module makes."""
    try:
        network = IPv4Network(text)
    except ValueError as exc:
        raise MisuseError(f"--vpc-cidr: not an IPv4 range such as 10.20.0.0/24: {str(exc)[:80]}") from None
    if not _inside(network, _PRIVATE):
        raise MisuseError(f"--vpc-cidr {network} is not private: take one of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
    if not _LARGEST <= network.prefixlen <= _SMALLEST:
        raise MisuseError(f"--vpc-cidr {network}: the range must be from /{_LARGEST} to /{_SMALLEST}")
    if network.overlaps(_DOCKER):
        raise MisuseError(f"--vpc-cidr {network} overlaps {_DOCKER}, which containers on the instances use")
    return network


def _inside(network: IPv4Network, ranges: Sequence[IPv4Network]) -> bool:
    return any(network.subnet_of(whole) for whole in ranges)
