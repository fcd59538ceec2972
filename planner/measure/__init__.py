"""What an endpoint or another tool measured, and what that says about the estimate: the room behind `planner verify`."""

from __future__ import annotations

from planner.records import NamedTuple
from planner.text import Text

__all__ = ["Run"]


class Run(NamedTuple):
    """One load that was held and what came of it; every value is as measured, 0 where it was not.

    tool: who measured. model: as the endpoint or the file calls it. day: ISO date. input_tokens, output_tokens: means
    per request. concurrency: requests in flight. burst: all sent at once and drained, not kept up. tokens_per_second:
    output. ttft_ms: median; tpot_ms: mean. seconds: length of the window. notes: what a reader must know.
    """

    tool: str
    model: str
    day: str
    input_tokens: float
    output_tokens: float
    concurrency: float
    burst: bool
    requests: int
    failed: int
    seconds: float
    tokens_per_second: float
    ttft_ms: float
    tpot_ms: float
    notes: tuple[Text, ...] = ()

    @property
    def broken(self) -> bool:
        """Whether so many requests failed that what is left measures nothing: more than one in twenty."""
        return self.failed * 20 > self.requests + self.failed
