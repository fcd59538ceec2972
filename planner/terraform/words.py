"""What a module's README says about each cloud: quotas, secret stores, commands. Sentences, no decisions."""

from __future__ import annotations

import re

from planner.terraform.deployment import Deployment

__all__ = ["of"]

ENDS = {
    "aws": "EventBridge Scheduler terminates the instances",
    "alicloud": "Alibaba Cloud releases the instances (auto_release_time)",
    "tencentcloud": "Tencent Cloud terminates the instances (action timer)",
}
STORES = {
    "aws": "Systems Manager Parameter Store (key aws/ssm; with a key of your own, also grant the role kms:Decrypt on it)",
    "alicloud": "KMS Secrets Manager",
    "tencentcloud": "Secrets Manager (SSM), as version v1",
}
PUT = {
    "aws": 'read -rs KEY; printf %s "$KEY" | aws ssm put-parameter --region {region} --name {name} --type SecureString --value file:///dev/stdin',
    "alicloud": 'read -rs KEY; aliyun kms CreateSecret --RegionId {region} --SecretName {name} --VersionId v1 --SecretData "$KEY"',
    "tencentcloud": 'read -rs KEY; tccli ssm CreateSecret --region {region} --SecretName {name} --VersionId v1 --SecretString "$KEY"',
}
ZONES = {
    "aws": "aws ec2 describe-instance-type-offerings --region {region} --location-type availability-zone --filters Name=instance-type,Values={type}",
    "alicloud": "aliyun ecs DescribeAvailableResource --RegionId {region} --DestinationResource InstanceType --InstanceType {type}",
    "tencentcloud": "tccli cvm DescribeZoneInstanceConfigInfos --region {region} --Filters '[{{\"Name\":\"instance-type\",\"Values\":[\"{type}\"]}}]'",
}
IMAGES = "tccli cvm DescribeImages --region {region} --InstanceType {type} --Filters '[{{\"Name\":\"platform\",\"Values\":[\"Ubuntu\"]}}]'"


def of(d: Deployment) -> dict[str, str]:
    """Return the sentences and commands of `d`'s cloud; every value in a command has been checked to be a plain word."""
    from planner.templating import word

    region, kind = word(d.region), word(d.instance_type)
    return {
        "ends": ENDS[d.provider],
        "store": STORES[d.provider],
        "put_secret": PUT[d.provider].format(region=region, name=word(d.api_key_secret)),
        "zones": ZONES[d.provider].format(region=region, type=kind),
        "list_images": IMAGES.format(region=region, type=kind),
        "quota": _quota(d),
        "option_words": _option(d),
    }


def _quota(d: Deployment) -> str:
    total = d.vcpu * d.count
    if d.provider == "aws":
        family = re.match(r"[a-z]+", d.instance_type)
        letter = (family[0] if family else "p").upper()[:1]
        group = "G and VT" if letter == "G" else letter
        if d.capacity == "block":
            return f"Capacity Blocks for {d.instance_type}: {d.count} instances."
        kind = f"All {group} Spot Instance Requests" if d.purchase_option == "spot" else f"Running On-Demand {group} instances"
        return f'EC2 "{kind}" in {d.region}, at least {total} vCPUs; it is 0 in most new accounts.'
    real_name = " Mainland regions want a real-name registered account." if d.mainland else ""
    if d.provider == "alicloud":
        return f"ECS privileges and quotas for {d.instance_type} in {d.region}, at least {total} vCPUs.{real_name}"
    return f"CVM quota for {d.instance_type} in {d.region}, at least {d.count} instances.{real_name}"


def _option(d: Deployment) -> str:
    if d.purchase_option == "spot":
        return "as spot: the cloud may take the instances back at short notice"
    if d.purchase_option == "subscription":
        return f"as a subscription of {d.period_months} month{'s' if d.period_months != 1 else ''}, without automatic renewal"
    if d.capacity == "block":
        return "as a capacity block: the instances run from the block's start to its end"
    if d.capacity == "reservation":
        return "on demand, with the capacity reserved from apply to the deadline"
    if d.purchase_option in ("reserved", "savings_plan"):
        return f"on demand, to be covered by a {d.purchase_option.replace('_', ' ')} commitment ({d.term} {d.payment.replace('_', ' ')})"
    return "on demand"
