"""One machine at more and more requests: the numbers of `planner size` at each load."""

from __future__ import annotations

from planner.api import size
from planner.sizing.sweep import sweep


def test_each_point_is_what_the_sizing_says_and_more_requests_mean_more_tokens_later() -> None:
    runs = sweep(lambda requests: size("DeepSeek-R1-Distill-Qwen-7B", "A10", concurrency=requests))
    counts = [s.concurrency for s in runs]
    assert counts[:5] == [1, 2, 4, 8, 16] and counts == sorted(set(counts))
    speeds = [s.output_tokens_per_second.estimate for s in runs if s.output_tokens_per_second]
    waits = [s.tpot_ms.estimate for s in runs if s.tpot_ms]
    assert len(speeds) == len(waits) == len(runs) and speeds == sorted(speeds) and waits == sorted(waits)
    assert sweep(lambda requests: size("DeepSeek-R1", "T4", concurrency=requests)) == ()
