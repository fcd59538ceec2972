"""What engines and the GPU's exporter call what they show of themselves; planner/data/metrics.csv says which version has which."""

from __future__ import annotations

__all__ = ["GPU", "NAMES", "counted"]

#: What is shown, by engine, as the engine's own source names it; the first name that a version has is the one to read, () = it has none.
NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "vllm": {
        "running": ("vllm:num_requests_running",),
        "waiting": ("vllm:num_requests_waiting",),
        "kv_cache": ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
        "preemptions": ("vllm:num_preemptions",),
        "ttft": ("vllm:time_to_first_token_seconds",),
        "per_token": ("vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds"),
        "prompt_tokens": ("vllm:prompt_tokens",),
        "output_tokens": ("vllm:generation_tokens",),
        "requests": ("vllm:request_success",),
    },
    "lmdeploy": {
        "running": ("lmdeploy:num_requests_running",),
        "waiting": ("lmdeploy:num_requests_waiting",),
        "kv_cache": ("lmdeploy:gpu_cache_usage_perc",),
        "preemptions": (),
        "ttft": ("lmdeploy:time_to_first_token_seconds",),
        "per_token": ("lmdeploy:time_per_output_token_seconds",),
        "prompt_tokens": ("lmdeploy:prompt_tokens_total",),
        "output_tokens": ("lmdeploy:generation_tokens_total",),
        "requests": ("lmdeploy:request_success_total",),
    },
    "sglang": {
        "running": ("sglang:num_running_reqs",),
        "waiting": ("sglang:num_queue_reqs",),
        "kv_cache": ("sglang:token_usage",),
        "preemptions": ("sglang:num_retracted_requests_total",),
        "ttft": ("sglang:time_to_first_token_seconds",),
        "per_token": ("sglang:inter_token_latency_seconds",),
        "prompt_tokens": ("sglang:prompt_tokens_total",),
        "output_tokens": ("sglang:generation_tokens_total",),
        "requests": ("sglang:num_requests_total",),
    },
}
#: What the GPU's exporter shows, whatever engine runs.
GPU = {"utilisation": "DCGM_FI_DEV_GPU_UTIL", "power": "DCGM_FI_DEV_POWER_USAGE"}


def counted(name: str) -> str:
    """Return a counter's name as Prometheus stores it."""
    return name.removesuffix("_total") + "_total"
