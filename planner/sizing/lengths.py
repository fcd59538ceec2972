"""How long a request the engine is told to take: one answer for the module, its README, the quote and `planner size`."""

from __future__ import annotations

from planner.sizing import Sizing
from planner.sizing.models import Model

__all__ = ["LEAST", "longest"]

LEAST = 8192  # a reasoning model's answer alone fills 1,536 tokens: where one request of this length fits, it is taken
_ROOM = 0.9  # an engine does not start when one request is longer than its KV cache: room for the estimate to be wrong


def longest(sizing: Sizing, model: Model, sized: int, asked: int = 0) -> int:
    """Return --max-model-len in tokens: the load stays sized for `sized` (input and output), which is the least.

    It is the lesser of the model's context and the KV tokens of a replica over the requests that the replica is sized
    for; at least 8192 where one such request fits. asked: what the user gave as context, taken as it is.
    """
    if asked or sizing.memory is None or sizing.layout is None:
        return max(asked, sized)
    replica = sizing.memory.max_concurrent_tokens / sizing.layout.replicas * _ROOM
    at_once = max(1, sizing.concurrency * sizing.layout.pp / sizing.layout.replicas)
    share = replica / at_once
    if share < LEAST <= replica:
        share = LEAST
    if share >= model.max_context:
        return model.max_context
    return max(sized, int(share) // 256 * 256)
