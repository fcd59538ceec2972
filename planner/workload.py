"""What must run: the workload, from options or a TOML file, checked as a whole before anything is priced."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

__all__ = ["PRECISIONS", "Workload"]

PRECISIONS = ("fp16", "bf16", "fp8", "int8", "int8-w8a16", "int4-awq", "int4-gptq")


class Workload(NamedTuple):
    """A workload. Every field has the name of its option (`--egress-gb` is `egress_gb`, also in TOML).

    hours: length of the window. start: ISO date of its first day, or "" (then months are counted as in units.py).
    count: number of instances, or 0 to let the sizing decide. egress_gb, inter_region_gb: GB per calendar month;
    storage_gb: GB per instance kept for the whole window. headroom: share of capacity kept free (0.2). budget: in
    `currency`, or None. Empty tuples mean "all" (region: the providers' home regions). discount: (scope, share) where
    scope is a provider or provider:purchase_option. fx: (pair, rate) given by the user.
    rps, concurrency, tokens_per_second: the demand (0 = not given); ttft_ms, tpot_ms: latency limits (0 = none).
    spare: instances beyond the need (1 = N+1). tax: share added as tax rows (0 = not modelled).
    """

    name: str = ""
    hours: Decimal = Decimal(720)
    start: str = ""
    model: str = "DeepSeek-R1-Distill-Qwen-7B"
    model_config: str = ""
    precision: str = "fp16"
    engine: str = ""
    count: int = 0
    spare: int = 0
    input_tokens: int = 1024
    output_tokens: int = 512
    context_tokens: int = 0
    rps: Decimal = Decimal(0)
    concurrency: int = 0
    tokens_per_second: Decimal = Decimal(0)
    ttft_ms: Decimal = Decimal(0)
    tpot_ms: Decimal = Decimal(0)
    egress_gb: Decimal = Decimal(0)
    egress_to: str = "internet"
    inter_region_gb: Decimal = Decimal(0)
    storage_gb: Decimal = Decimal(0)
    public_ips: int = 0
    provider: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    gpu: tuple[str, ...] = ()
    instance_type: tuple[str, ...] = ()
    purchase_option: tuple[str, ...] = ()
    headroom: Decimal = Decimal("0.2")
    budget: Decimal | None = None
    currency: str = "USD"
    discount: tuple[tuple[str, Decimal], ...] = ()
    fx: tuple[tuple[str, Decimal], ...] = ()
    tax: Decimal = Decimal(0)
    max_age: int = 90
    low_confidence: bool = False
