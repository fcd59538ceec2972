"""A refresh of 3 clouds x 5 regions by the real adapters and SDKs, against the tests' local servers, 100 ms a call.

The longest chain is what one region's calls take when they wait for each other. Alibaba Cloud's adapter also keeps to the
API's published rate (500 price calls a minute, 100 at once); that bounds five regions whatever we do, so the refresh is
timed with that pace and without it. Usage: PYTHONPATH=. python benchmarks/adapters.py
"""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from typing import Any

from planner.prices.book.write import Writer
from planner.prices.refresh import Job, run
from planner.provider import Access
from providers import alicloud
from providers.aws import provider as aws
from providers.tencentcloud import Tencentcloud
from tests.providers import aws_world, fake_alicloud, fake_aws, fake_tencentcloud
from tests.providers import test_alicloud as ali
from tests.providers import test_tencentcloud as tencent

LATENCY_S = 0.1
AWS_REGIONS = ["us-east-1", "us-east-2", "us-west-2", "eu-west-1", "ap-northeast-1"]
NOW = "2026-11-23T10:00:00Z"


class Environment:
    """What the tests' `use_keys` want of pytest's monkeypatch."""

    def setenv(self, name: str, value: str) -> None:
        os.environ[name] = value

    def delenv(self, name: str, raising: bool = True) -> None:
        os.environ.pop(name, None)

    def setattr(self, target: Any, name: str, value: Any, raising: bool = True) -> None:
        setattr(target, name, value)


def main() -> None:
    """Print the time of one region of each cloud, and of all fifteen together."""
    keys: Any = Environment()
    ali.use_keys(keys)
    tencent.use_keys(keys)
    os.environ.update(
        AWS_ACCESS_KEY_ID=fake_aws.KEY, AWS_SECRET_ACCESS_KEY=fake_aws.SECRET, AWS_EC2_METADATA_DISABLED="true"
    )
    with fake_aws.FakeAws() as amazon:
        aws_world.World().fill(amazon)
        for call, answer in amazon.answers.items():
            amazon.answers[call] = in_region(answer)
        alibaba = fake_alicloud.FakeAlicloud(ali.world())
        qcloud = fake_tencentcloud.FakeTencentcloud(tencent.world())
        servers = (amazon, alibaba, qcloud)
        for cloud in adapters(*servers):
            cloud[0].fetch(cloud[2][0], Access(NOW, endpoint=cloud[1].url))  # SDK models are read once per process
        amazon.latency = alibaba.latency = qcloud.latency = LATENCY_S
        chains = []
        for adapter, fake, regions in adapters(*servers):
            begin = time.perf_counter()
            adapter.fetch(regions[0], Access(NOW, endpoint=fake.url))
            chains.append(time.perf_counter() - begin)
            print(f"{adapter.name:<13} one region {chains[-1]:.2f} s")
        longest = max(chains)
        for words, rate in (("at the published rate", alicloud.PRICE_PER_SECOND), ("without that pace", 1e6)):
            alicloud.PRICE_PER_SECOND = rate
            took = refresh(adapters(*servers))
            print(f"3 x 5 regions {words}: {took:.2f} s, {took / longest:.1f} times the longest region alone (limit 3)")
        alibaba.close()
        qcloud.close()


def adapters(amazon: Any, alibaba: Any, qcloud: Any) -> list[tuple[Any, Any, list[str]]]:
    """Return new adapters, each with its server and five regions: a first refresh, with its burst of calls unspent."""
    return [
        (aws, amazon, AWS_REGIONS),
        (alicloud.Alicloud(), alibaba, [f"cn-{n}" for n in ("beijing", "hangzhou", "shanghai", "shenzhen", "chengdu")]),
        (Tencentcloud(), qcloud, [f"ap-{n}" for n in ("guangzhou", "shanghai", "beijing", "nanjing", "chengdu")]),
    ]


def in_region(answer: Any) -> Any:
    """The tests' AWS knows us-east-1 only: give its answers the region that was asked for."""

    def reply(request: dict[str, Any]) -> Any:
        asked = json.dumps(request)
        region = next((r for r in AWS_REGIONS if r in asked), AWS_REGIONS[0])
        return json.loads(json.dumps(answer(request)).replace(AWS_REGIONS[0], region))

    return reply


def refresh(clouds: list[Any]) -> float:
    """Return the seconds that a refresh of `clouds` into a new book takes; every region must come whole."""
    jobs = [
        Job(adapter, region, Access(NOW, endpoint=fake.url)) for adapter, fake, regions in clouds for region in regions
    ]
    with tempfile.TemporaryDirectory() as folder, Writer.open(f"{folder}/book.db") as book:
        begin = time.perf_counter()
        outcomes = run(jobs, book, lambda outcome: None, threading.Event())
        took = time.perf_counter() - begin
    failed = [f"{o.provider} {o.region}: {o.error}" for o in outcomes if o.error]
    assert not failed, failed
    return took


if __name__ == "__main__":
    main()
