"""A small AWS region for tests: two families with real shapes (recorded/aws) and prices that are plainly made up."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.providers.fake_aws import FakeAws

RECORDED = Path(__file__).parent / "recorded" / "aws"
REGION = "us-east-1"
NOW = "2026-11-23T12:00:00Z"

ON_DEMAND = {"g5.xlarge": "1.0060000000", "p4d.24xlarge": "21.9576420000"}


def instance_type(name: str) -> dict[str, Any]:
    answer = json.loads((RECORDED / f"DescribeInstanceTypes.{name}.json").read_text())
    return dict(answer["response"]["InstanceTypes"][0])


def product(
    name: str, hourly: str, region: str = REGION, currency: str = "USD", reserved: bool = True
) -> dict[str, Any]:
    """One price list item; reserved: all upfront, partial and none, of 1 year, made from the hourly price."""
    sku = "SKU" + name.replace(".", "").upper()
    attributes = {
        "servicecode": "AmazonEC2",
        "location": "US East (N. Virginia)",
        "locationType": "AWS Region",
        "regionCode": region,
        "instanceType": name,
        "instanceFamily": "GPU instance",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "licenseModel": "No License required",
        "capacitystatus": "Used",
        "operation": "RunInstances",
        "usagetype": f"BoxUsage:{name}",
        "marketoption": "OnDemand",
    }

    def term(code: str, words: dict[str, str], rates: list[tuple[str, str]]) -> dict[str, Any]:
        return {
            "sku": sku,
            "offerTermCode": code,
            "effectiveDate": "2026-11-01T00:00:00Z",
            "termAttributes": words,
            "priceDimensions": {
                f"{sku}.{code}.{unit}": {
                    "unit": unit,
                    "pricePerUnit": {currency: amount},
                    "appliesTo": [],
                    "description": "made up",
                    "rateCode": f"{sku}.{code}.{unit}",
                }
                for unit, amount in rates
            },
        }

    terms: dict[str, Any] = {"OnDemand": {f"{sku}.JRTCKXETXF": term("JRTCKXETXF", {}, [("Hrs", hourly)])}}
    if reserved:
        year = str(Decimal(hourly) * 5000)
        terms["Reserved"] = {
            f"{sku}.{code}": term(
                code, {"LeaseContractLength": "1yr", "OfferingClass": "standard", "PurchaseOption": option}, rates
            )
            for code, option, rates in (
                ("6QCMYABX3D", "All Upfront", [("Hrs", "0.0000000000"), ("Quantity", year)]),
                ("HU7G6KETJZ", "Partial Upfront", [("Hrs", "0.2500000000"), ("Quantity", "3000")]),
                ("4NA7Y494T4", "No Upfront", [("Hrs", "13.6300000000" if Decimal(hourly) > 10 else "0.6300000000")]),
            )
        }
    return {
        "product": {"productFamily": "Compute Instance", "sku": sku, "attributes": attributes},
        "serviceCode": "AmazonEC2",
        "version": "20261101000000",
        "publicationDate": "2026-11-01T00:00:00Z",
        "terms": terms,
    }


def egress(region: str = REGION, currency: str = "USD") -> list[dict[str, Any]]:
    """Traffic to the internet in two tiers, the world-wide free row, to one other region, and between zones."""

    def item(sku: str, attributes: dict[str, str], tiers: list[tuple[str, str, str]]) -> dict[str, Any]:
        return {
            "product": {
                "productFamily": "Data Transfer",
                "sku": sku,
                "attributes": {"servicecode": "AWSDataTransfer", "operation": "", **attributes},
            },
            "serviceCode": "AWSDataTransfer",
            "version": "20261102000000",
            "terms": {
                "OnDemand": {
                    f"{sku}.JRTCKXETXF": {
                        "sku": sku,
                        "effectiveDate": "2026-10-01T00:00:00Z",
                        "termAttributes": {},
                        "priceDimensions": {
                            f"{sku}.JRTCKXETXF.{number}": {
                                "unit": "GB",
                                "beginRange": begin,
                                "endRange": end,
                                "pricePerUnit": {currency: amount},
                            }
                            for number, (begin, end, amount) in enumerate(tiers)
                        },
                    }
                }
            },
        }

    here = {"fromRegionCode": region, "fromLocationType": "AWS Region", "fromLocation": "US East (N. Virginia)"}
    return [
        item(
            "OUT",
            {**here, "transferType": "AWS Outbound", "toLocation": "External", "toLocationType": "Other"},
            [("10240", "Inf", "0.085"), ("0", "10240", "0.09")],
        ),
        item(
            "FREE",
            {"transferType": "AWS Outbound", "fromLocation": "Global", "toLocation": "External"},
            [("0", "1", "0.0000000000")],
        ),
        item(
            "EAST",
            {
                **here,
                "transferType": "InterRegion Outbound",
                "toLocation": "US East (Ohio)",
                "toLocationType": "AWS Region",
                "toRegionCode": "us-east-2",
            },
            [("0", "Inf", "0.01")],
        ),
        item(
            "LOCAL",
            {
                **here,
                "fromLocationType": "AWS Local Zone",
                "transferType": "AWS Outbound",
                "toLocation": "External",
                "toLocationType": "Other",
            },
            [("0", "Inf", "0.2")],
        ),
        item(
            "ZONE",
            {**here, "transferType": "IntraRegion", "toLocationType": "AWS Region", "toRegionCode": region},
            [("0", "Inf", "0.01")],
        ),
    ]


def plan(
    name: str, rate: str, kind: str = "Compute", payment: str = "No Upfront", seconds: int = 31536000
) -> dict[str, Any]:
    return {
        "savingsPlanOffering": {
            "offeringId": "11111111-2222-3333-4444-555555555555",
            "paymentOption": payment,
            "planType": kind,
            "durationSeconds": seconds,
            "currency": "USD",
            "planDescription": "made up",
        },
        "rate": rate,
        "unit": "Hrs",
        "productType": "EC2",
        "serviceCode": "AmazonEC2",
        "usageType": f"BoxUsage:{name}",
        "operation": "RunInstances",
        "properties": [
            {"name": "region", "value": REGION},
            {"name": "instanceType", "value": name},
            {"name": "productDescription", "value": "Linux/UNIX"},
            {"name": "tenancy", "value": "shared"},
        ],
    }


def page(key: str, items: list[Any], size: int, token_in: str = "NextToken", token_out: str = "NextToken") -> Any:
    """Return an answer function that hands `items` out in pages."""

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        start = int(request.get(token_in) or 0)
        found = {key: items[start : start + size]}
        if start + size < len(items):
            found[token_out] = str(start + size)
        return found

    return answer


class World:
    """What the region sells; change it before `fill`."""

    def __init__(self) -> None:
        self.types = [instance_type("p4d.24xlarge"), instance_type("g5.xlarge")]
        self.products = [product(name, hourly) for name, hourly in ON_DEMAND.items()]
        self.egress = egress()
        self.plans = [
            plan("p4d.24xlarge", "16.47"),
            plan("p4d.24xlarge", "14.23", "EC2Instance"),
            plan("g5.xlarge", "0.7", payment="All Upfront", seconds=94608000),
            {**plan("g5.xlarge", "0.9"), "usageType": "UnusedBox:g5.xlarge"},
        ]
        self.spot = [
            ("p4d.24xlarge", "us-east-1a", "11.5", "2026-11-23T10:00:00Z"),
            ("p4d.24xlarge", "us-east-1a", "12.5", "2026-11-23T09:00:00Z"),
            ("p4d.24xlarge", "us-east-1b", "21.957642", "2026-11-23T10:00:00Z"),
            ("g5.xlarge", "us-east-1a", "0.4", "2026-11-23T10:00:00Z"),
        ]
        self.blocks = [("p4d.24xlarge", "us-east-1c", "354.00", 24, 1), ("p4d.24xlarge", "us-east-1c", "400.00", 24, 1)]
        self.size = 100

    def fill(self, fake: FakeAws) -> FakeAws:
        names = [t["InstanceType"] for t in self.types]
        zones = [
            {"InstanceType": n, "LocationType": "availability-zone", "Location": f"us-east-1{z}"}
            for n in names
            for z in "ab"
        ]
        spot = [
            {
                "InstanceType": n,
                "AvailabilityZone": z,
                "SpotPrice": p,
                "Timestamp": t,
                "ProductDescription": "Linux/UNIX",
            }
            for n, z, p, t in self.spot
        ]
        blocks = [
            {
                "InstanceType": n,
                "AvailabilityZone": z,
                "UpfrontFee": fee,
                "CurrencyCode": "USD",
                "InstanceCount": count,
                "CapacityBlockDurationHours": hours,
                "StartDate": "2026-12-01T11:30:00Z",
                "EndDate": "2026-12-02T11:30:00Z",
                "CapacityBlockOfferingId": "cb-0",
            }
            for n, z, fee, hours, count in self.blocks
        ]
        products, transfer = ([json.dumps(item) for item in items] for items in (self.products, self.egress))

        def get_products(request: dict[str, Any]) -> Any:
            wanted = {f["Field"]: f["Value"] for f in request["Filters"]}
            items = transfer if request["ServiceCode"] == "AWSDataTransfer" else products
            if "instanceType" in wanted:
                items = [
                    i
                    for i in items
                    if json.loads(i)["product"].get("attributes", {}).get("instanceType") == wanted["instanceType"]
                ]
            return page("PriceList", items, self.size)(request)

        def offerings(request: dict[str, Any]) -> Any:
            asked = {value for key, value in request.items() if key.startswith("Filter.1.Value.")}
            return page("InstanceTypeOfferings", [z for z in zones if z["InstanceType"] in asked], self.size)(request)

        fake.answers = {
            "DescribeInstanceTypes": page("InstanceTypes", self.types, self.size),
            "DescribeInstanceTypeOfferings": offerings,
            "DescribeSpotPriceHistory": page("SpotPriceHistory", spot, self.size),
            "DescribeCapacityBlockOfferings": page("CapacityBlockOfferings", blocks, self.size),
            "GetProducts": get_products,
            "DescribeSavingsPlansOfferingRates": page("searchResults", self.plans, self.size, "nextToken", "nextToken"),
        }
        return fake
