"""AWS's words beside ours: terms of commitment, GPU names, partitions and the addresses that go with them."""

from __future__ import annotations

from planner.records import NamedTuple

__all__ = [
    "DURATIONS",
    "GPUS",
    "GPU_FAMILY_PATTERNS",
    "LEASES",
    "OFFERING_CLASSES",
    "ON_DEMAND_FILTERS",
    "PAYMENTS",
    "PLAN_FAMILIES",
    "PLAN_TYPES",
    "Partition",
    "gpu_model",
    "partition_of",
]

#: Price list `LeaseContractLength` -> our term.
LEASES = {"1yr": "1y", "3yr": "3y"}

#: Savings Plans `durationSeconds` (365-day years) -> our term.
DURATIONS = {31_536_000: "1y", 94_608_000: "3y"}

#: `PurchaseOption` (price list) and `paymentOption` (Savings Plans) -> our payment.
PAYMENTS = {"No Upfront": "no_upfront", "Partial Upfront": "partial_upfront", "All Upfront": "all_upfront"}

#: `OfferingClass` of a reserved instance -> our offering.
OFFERING_CLASSES = {"standard": "standard", "convertible": "convertible"}

#: Savings Plans `planType` (API) -> our offering. SageMaker and Database plans do not cover EC2 and are left out.
PLAN_TYPES = {"Compute": "compute", "EC2Instance": "ec2_instance"}

#: The same in the public price file (`Product Family`).
PLAN_FAMILIES = {"ComputeSavingsPlans": "compute", "EC2InstanceSavingsPlans": "ec2_instance"}

#: What pins one on-demand Linux price per type. Without `tenancy` dedicated rows (x 1.1) come in, without
#: `capacitystatus` reservations at 0.0, without `preInstalledSw` SQL Server, without `marketoption` Capacity Blocks.
ON_DEMAND_FILTERS = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "licenseModel": "No License required",
    "marketoption": "OnDemand",
}

#: EC2's wildcards for every family that has had a GPU. Trainium, Inferentia and Gaudi are not GPUs and stay out.
GPU_FAMILY_PATTERNS = ("g*", "p*")

#: (GpuInfo Name, MiB per GPU) -> name in planner/data/gpus.csv, only where one part is certain.
GPUS = {
    ("A100", 40960): "A100-SXM4-40GB",
    ("A100", 81920): "A100-SXM4-80GB",
    ("V100", 16384): "V100-SXM2-16GB",
    ("V100", 32768): "V100-SXM2-32GB",
    ("H100", 81920): "H100-SXM5",
    ("H200", 144384): "H200-SXM",
    ("L40S", 45776): "L40S",
    ("L4", 22888): "L4",
    ("A10G", 22888): "A10G",
    ("T4", 16384): "T4",
}


def gpu_model(name: str, memory_mib: int, share: float) -> str:
    """Return the data-sheet name of a GPU, or AWS's own word; a slice (share < 1) is a part of the same chip."""
    whole = memory_mib if share >= 1 else round(memory_mib / share)
    for (known, mib), model in GPUS.items():
        # A slice's memory is rounded down to whole MiB, so eight of them may miss a few.
        if known == name and abs(whole - mib) <= (0 if share >= 1 else 8):
            return model
    return name


class Partition(NamedTuple):
    """A part of AWS with its own accounts. `pricing_region`, `plans_region`: "" where it has no such API of its own."""

    name: str
    site: str
    currency: str
    pricing_region: str
    plans_region: str
    bulk_host: str
    bulk_cloud: str


_COMMERCIAL = Partition("aws", "aws", "USD", "us-east-1", "us-east-1", "https://pricing.us-east-1.amazonaws.com", "aws")
_CHINA = Partition(
    "aws-cn", "aws-cn", "CNY", "cn-northwest-1", "cn-north-1", "https://pricing.cn-north-1.amazonaws.com.cn", "cn"
)
# GovCloud's prices stand in the commercial list; its own keys open neither the Price List nor the Savings Plans API.
_GOV = Partition("aws-us-gov", "aws-us-gov", "USD", "", "", "https://pricing.us-east-1.amazonaws.com", "aws")


def partition_of(region: str) -> Partition:
    """Return the partition that `region` belongs to, by its id."""
    if region.startswith("cn-"):
        return _CHINA
    if region.startswith("us-gov-"):
        return _GOV
    return _COMMERCIAL
