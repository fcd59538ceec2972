"""Small public price files for tests, written under the real files' column names (recorded/aws/price-list-heads.txt)."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from tests.providers.fake_aws import FakeAws

_HEADS = (Path(__file__).parent / "recorded" / "aws" / "price-list-heads.txt").read_text().split("=====\n")
EC2_HEAD, PLAN_HEAD = ("\n".join(part.splitlines()[:6]) + "\n" for part in _HEADS)
EC2_OTHERS, PLAN_OTHERS = ("\n".join(part.splitlines()[6:]) + "\n" for part in _HEADS)
EC2_COLUMNS, PLAN_COLUMNS = (next(csv.reader([head.splitlines()[5]])) for head in (EC2_HEAD, PLAN_HEAD))

OFFERS = "/offers/v1.0/aws/AmazonEC2/current/us-east-1/index.csv"
TRANSFER = "/offers/v1.0/aws/AWSDataTransfer/current/us-east-1/index.csv"
PLAN_INDEX = "/savingsPlan/v1.0/aws/AWSComputeSavingsPlan/current/region_index.json"
PLANS = "/savingsPlan/v1.0/aws/AWSComputeSavingsPlan/20250911184447/us-east-1/index.csv"

_BOX = {
    "SKU": "SKU1",
    "TermType": "OnDemand",
    "EffectiveDate": "2026-11-01",
    "StartingRange": "0",
    "EndingRange": "Inf",
    "Unit": "Hrs",
    "Currency": "USD",
    "Product Family": "Compute Instance",
    "serviceCode": "AmazonEC2",
    "Location Type": "AWS Region",
    "Tenancy": "Shared",
    "Operating System": "Linux",
    "Pre Installed S/W": "NA",
    "License Model": "No License required",
    "CapacityStatus": "Used",
    "MarketOption": "OnDemand",
    "operation": "RunInstances",
    "Region Code": "us-east-1",
    "PriceDescription": 'made up, with "quotes", and a comma',
}


def _row(columns: list[str], values: dict[str, str]) -> str:
    assert set(values) <= set(columns), set(values) - set(columns)
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow([values.get(c, "") for c in columns])
    return out.getvalue()


def offer(name: str, amount: str, **more: str) -> str:
    """One row of the EC2 file; keyword arguments name columns with `_` for blanks."""
    extra = {key.replace("_", " "): value for key, value in more.items()}
    return _row(EC2_COLUMNS, {**_BOX, "Instance Type": name, "PricePerUnit": amount, **extra})


def transfer(sku: str, begin: str, end: str, amount: str, **more: str) -> str:
    values = {
        "SKU": sku,
        "TermType": "OnDemand",
        "EffectiveDate": "2026-10-01",
        "StartingRange": begin,
        "EndingRange": end,
        "Unit": "GB",
        "PricePerUnit": amount,
        "Currency": "USD",
        "Transfer Type": "AWS Outbound",
        "From Location Type": "AWS Region",
        "From Region Code": "us-east-1",
        "To Location": "External",
        "To Location Type": "Other",
    }
    return _row(EC2_COLUMNS, {**values, **{key.replace("_", " "): value for key, value in more.items()}})


def plan(name: str, rate: str, **more: str) -> str:
    values = {
        "SKU": "P1",
        "Unit": "Hrs",
        "EffectiveDate": "2026-06-05T18:51:13Z",
        "DiscountedRate": rate,
        "Currency": "USD",
        "DiscountedUsageType": f"BoxUsage:{name}",
        "DiscountedOperation": "RunInstances",
        "PurchaseOption": "No Upfront",
        "LeaseContractLength": "3",
        "LeaseContractLengthUnit": "year",
        "Product Family": "ComputeSavingsPlans",
        "DiscountedRegionCode": "us-east-1",
        "DiscountedInstanceType": name,
    }
    return _row(PLAN_COLUMNS, {**values, **{key.replace("_", " "): value for key, value in more.items()}})


OFFER_ROWS = (
    offer("p4d.24xlarge", "21.9576420000"),
    offer("p4d.24xlarge", "24.1534062000", Tenancy="Dedicated", SKU="SKU2"),
    offer("p4d.24xlarge", "0.0000000000", CapacityStatus="AllocatedCapacityReservation", SKU="SKU3"),
    offer("p4d.24xlarge", "14.7500000000", MarketOption="CapacityBlock", SKU="SKU4"),
    offer("g5.xlarge", "1.1900000000", Operating_System="Windows", SKU="SKU5"),
    offer(
        "p4d.24xlarge",
        "110000",
        TermType="Reserved",
        LeaseContractLength="1yr",
        PurchaseOption="All Upfront",
        OfferingClass="standard",
        Unit="Quantity",
    ),
    offer(
        "p4d.24xlarge",
        "0.0000000000",
        TermType="Reserved",
        LeaseContractLength="1yr",
        PurchaseOption="All Upfront",
        OfferingClass="standard",
    ),
    offer("m5.large", "0.0960000000", SKU="SKU6"),
)


def put(fake: FakeAws, path: str, text: str) -> None:
    fake.files[path] = (text.encode(), {"Content-Type": "text/csv", "ETag": f'"{len(text)}"'})


def move(fake: FakeAws, region: str, cloud: str = "aws", currency: str = "USD") -> None:
    """Turn the files of us-east-1 into those of another region, partition and currency."""
    for path, (body, headers) in list(fake.files.items()):
        text = (
            body.decode()
            .replace("us-east-1", region)
            .replace('"USD"', f'"{currency}"')
            .replace("v1.0/aws/", f"v1.0/{cloud}/")
        )
        fake.files[path.replace("us-east-1", region).replace("v1.0/aws/", f"v1.0/{cloud}/")] = (text.encode(), headers)
        del fake.files[path]


def fill(fake: FakeAws, offers: tuple[str, ...] = OFFER_ROWS) -> FakeAws:
    put(fake, OFFERS, EC2_HEAD + EC2_OTHERS + "".join(offers))
    put(
        fake,
        TRANSFER,
        EC2_HEAD.replace("AmazonEC2", "AWSDataTransfer")
        + transfer("OUT", "0", "10240", "0.09")
        + transfer("OUT", "10240", "Inf", "0.085")
        + transfer("FREE", "0", "1", "0", From_Region_Code="")
        + transfer(
            "EAST",
            "0",
            "Inf",
            "0.01",
            Transfer_Type="InterRegion Outbound",
            To_Location="US East (Ohio)",
            To_Location_Type="AWS Region",
            To_Region_Code="us-east-2",
        ),
    )
    path = PLANS.removesuffix("csv") + "json"
    put(
        fake,
        PLAN_INDEX,
        json.dumps(
            {
                "regions": [
                    {"regionCode": "eu-west-1", "versionUrl": "/elsewhere"},
                    {"regionCode": "us-east-1", "versionUrl": path},
                ]
            }
        ),
    )
    put(
        fake,
        PLANS,
        PLAN_HEAD
        + PLAN_OTHERS
        + plan("p4d.24xlarge", "9.9")
        + plan("p4d.24xlarge", "8.159", PurchaseOption="All Upfront", Product_Family="EC2InstanceSavingsPlans")
        + plan("p4d.24xlarge", "9.9", DiscountedUsageType="UnusedBox:p4d.24xlarge")
        + plan("p4d.24xlarge", "12", DiscountedOperation="RunInstances:0002"),
    )
    return fake
