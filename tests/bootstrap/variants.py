"""The reference deployments that the bootstrap's tests render: one of each kind that the templates tell apart."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from planner.prices.catalog import Catalog
from planner.sizing import Layout, gpus, models
from planner.terraform import cloud, place
from planner.terraform.deployment import Deployment, Node
from planner.terraform.stack import host, stack


def deployment(**changes: Any) -> Deployment:
    """Return p4d with a 70B model, or what `changes` make of it; the stack follows from GPU, precision and region."""
    given: dict[str, Any] = {
        "name": "llm",
        "provider": "aws",
        "site": "aws",
        "region": "us-east-1",
        "zone": "",
        "instance_type": "p4d.24xlarge",
        "vcpu": 96,
        "memory_gib": Decimal(1152),
        "network_gbps": Decimal(400),
        "local_nvme_gb": 8000,
        "gpu_model": "A100-SXM4-40GB",
        "gpu_count": 8,
        "gpu_memory_gib": Decimal(40),
        "count": 1,
        "purchase_option": "on_demand",
        "term": "",
        "payment": "",
        "offering": "",
        "period_months": 0,
        "prepaid": False,
        "capacity": "",
        "spot_limit": "",
        "currency": "USD",
        "hours": Decimal(720),
        "deadline": "",
        "client_cidr": "10.0.0.0/16",
        "public_ip": False,
        "egress_gb": Decimal(0),
        "storage_gb": 0,
        "root_gb": 200,
        "budget": "",
        "model": "DeepSeek-R1-Distill-Llama-70B",
        "served_name": "DeepSeek-R1-Distill-Llama-70B",
        "hf_id": "deepseek-ai/DeepSeek-R1-Distill-Llama-70B",
        "modelscope_id": "deepseek-ai/DeepSeek-R1-Distill-Llama-70B",
        "weights_gib": 131.4,
        "precision": "bf16",
        "layout": Layout(8, 1, 1),
        "max_model_len": 16384,
        "gpu_memory_utilization": "0.9",
        "cost": (),
        "cost_total": "",
        "quote_hash": "0123456789ab",
        "quoted_on": "2026-11-23",
        "tags": (),
        "buy_note": "",
        "planner_version": "0.1.0",
    }
    engine, checkpoint = changes.pop("engine", ""), changes.pop("checkpoint", "")
    given.update(changes)
    given["mainland"] = Catalog().market(given["provider"], given["region"]) == "mainland"
    pp = given["layout"].pp
    given["nodes"] = tuple(
        Node(i, i % pp, f"10.0.0.{10 + i}", f"10.0.0.{10 + i - i % pp}") for i in range(given["count"])
    )
    given["fabric"] = place.fabric(cloud.find(given["provider"]), given["instance_type"], pp, given["public_ip"])
    given["stack"] = stack(
        host(given["provider"], given["mainland"]),
        gpus.find(given["gpu_model"]),
        models.find(given["model"]),
        given["precision"],
        engine,
        checkpoint,
    )
    return Deployment(**{name: value for name, value in given.items() if name in Deployment._fields})


_SMALL = {
    "served_name": "DeepSeek-R1-Distill-Qwen-7B",
    "model": "DeepSeek-R1-Distill-Qwen-7B",
    "hf_id": "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
    "modelscope_id": "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
    "layout": Layout(1, 1, 1),
    "max_model_len": 8192,
    "weights_gib": 14.2,
    "gpu_count": 1,
}
_R1 = {
    "served_name": "DeepSeek-R1",
    "model": "DeepSeek-R1",
    "hf_id": "deepseek-ai/DeepSeek-R1",
    "modelscope_id": "deepseek-ai/DeepSeek-R1",
    "precision": "fp8",
    "weights_gib": 641.0,
    "max_model_len": 65536,
}

VARIANTS: dict[str, Deployment] = {
    "p4d": deployment(),
    "p4d-8x-tp1": deployment(
        **{**_SMALL, "gpu_count": 8, "layout": Layout(1, 1, 8)},
        stress="Sun 03:00",
        alert_webhook_secret="hook",
        power_off=True,
    ),
    "gn7i": deployment(
        **_SMALL,
        provider="alicloud",
        region="cn-hangzhou",
        instance_type="ecs.gn7i-c16g1.4xlarge",
        gpu_model="A10",
        gpu_memory_gib=Decimal(24),
        network_gbps=Decimal(16),
        local_nvme_gb=0,
        storage_gb=500,
    ),
    "gn7i-subscription": deployment(
        **_SMALL,
        provider="alicloud",
        region="cn-hangzhou",
        instance_type="ecs.gn7i-c16g1.4xlarge",
        gpu_model="A10",
        gpu_memory_gib=Decimal(24),
        network_gbps=Decimal(16),
        local_nvme_gb=0,
        storage_gb=500,
        count=2,
        purchase_option="subscription",
        prepaid=True,
        period_months=1,
    ),
    "gn10xp": deployment(
        provider="tencentcloud",
        region="ap-guangzhou",
        instance_type="GN10Xp.20XLARGE320",
        gpu_model="V100-SXM2-32GB",
        gpu_memory_gib=Decimal(32),
        network_gbps=Decimal(24),
        local_nvme_gb=0,
        storage_gb=500,
        precision="fp16",
    ),
    "gn7-8x-tp1": deployment(
        **{**_SMALL, "gpu_count": 4, "layout": Layout(1, 1, 4)},
        provider="tencentcloud",
        region="ap-singapore",
        instance_type="GN7.20XLARGE320",
        gpu_model="T4",
        gpu_memory_gib=Decimal(16),
        network_gbps=Decimal(32),
        local_nvme_gb=0,
        storage_gb=200,
        precision="fp16",
    ),
    "p5en-r1": deployment(**_R1, instance_type="p5en.48xlarge", gpu_model="H200-SXM", gpu_memory_gib=Decimal(141)),
    "p5-r1-2-nodes": deployment(
        **_R1,
        instance_type="p5.48xlarge",
        gpu_model="H100-SXM5",
        gpu_memory_gib=Decimal(80),
        network_gbps=Decimal(3200),
        count=2,
        layout=Layout(8, 2, 1),
    ),
    "g5": deployment(
        **_SMALL,
        instance_type="g5.2xlarge",
        gpu_model="A10G",
        gpu_memory_gib=Decimal(24),
        network_gbps=Decimal(10),
        local_nvme_gb=450,
    ),
    "g6e-sglang": deployment(
        **_SMALL,
        instance_type="g6e.xlarge",
        gpu_model="L40S",
        gpu_memory_gib=Decimal(48),
        network_gbps=Decimal(20),
        local_nvme_gb=250,
        engine="sglang@0.5.20",
    ),
    "alicloud-h20": deployment(
        **_R1,
        provider="alicloud",
        region="ap-southeast-1",
        instance_type="ecs.ebmgn8v",
        gpu_model="H20-3e-141GB",
        gpu_memory_gib=Decimal(141),
        network_gbps=Decimal(160),
        local_nvme_gb=0,
        storage_gb=1500,
    ),
    "tencentcloud-h20-2-nodes": deployment(
        **_R1,
        provider="tencentcloud",
        region="ap-guangzhou",
        instance_type="HCCPNV6.96XLARGE2304",
        gpu_model="H20",
        gpu_memory_gib=Decimal(96),
        network_gbps=Decimal(100),
        local_nvme_gb=6000,
        count=2,
        layout=Layout(8, 2, 1),
    ),
}
