"""From a workload and an instance type to how many instances, in which layout, and what they deliver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

from planner.records import NamedTuple, as_dataframe, as_html
from planner.text import Text

__all__ = ["Layout", "Memory", "Range", "Sizing", "Step", "Steps"]


class Range(NamedTuple):
    """An estimate with its band; `low` and `high` hold about 90 % of the measured cases."""

    low: float
    estimate: float
    high: float


class Memory(NamedTuple):
    """GPU memory of one copy of the model over all its GPUs, GiB: available = weights + overhead + KV cache.

    available_gib is what the engine may take. max_concurrent_tokens is what the KV caches of all replicas hold.
    """

    weights_gib: float
    kv_gib_per_1k_tokens: float
    overhead_gib: float
    available_gib: float
    max_concurrent_tokens: int


class Layout(NamedTuple):
    """tp GPUs serve one pipeline stage, pp instances one replica, `replicas` per instance (or per pp instances)."""

    tp: int
    pp: int
    replicas: int


class Step(NamedTuple):
    """One step of the sizing, so that a reader can redo it: what, formula with numbers, result, unit, source."""

    what: Text
    formula: Text
    result: str
    unit: str
    source: str


class Steps(Sequence[Step]):
    """Steps that are told when somebody looks: most quotes show none, and wording them is a tenth of a quote's time."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], tuple[Step, ...]]) -> None:
        self._make = make
        self._made: tuple[Step, ...] | None = None

    def _told(self) -> tuple[Step, ...]:
        if self._made is None:
            self._made = self._make()
        return self._made

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Step, ...]: ...
    def __getitem__(self, index: int | slice) -> Step | tuple[Step, ...]:
        return self._told()[index]

    def __len__(self) -> int:
        return len(self._told())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (tuple, Steps)) and self._told() == tuple(other)

    def __hash__(self) -> int:
        return hash(self._told())

    def __repr__(self) -> str:
        return repr(self._told())

    def __reduce__(self) -> tuple[type[tuple[Step, ...]], tuple[tuple[Step, ...]]]:
        return tuple, (self._told(),)


class Sizing(NamedTuple):
    """How an instance type serves a workload. fits False: `reasons` say why, the numbers are None.

    count: instances needed (0 when it does not fit). Throughput and latency are for ONE instance (all its replicas)
    at the given load; None where the model cannot estimate. utilisation: share of the low estimate that the given
    demand uses over `count` instances, None without demand. basis: ids of the measured rows behind the estimate.
    """

    fits: bool
    reasons: tuple[Text, ...]
    count: int  # type: ignore[assignment]  # the field's own word; tuple.count is not used
    count_given: bool
    model: str
    precision: str
    engine: str
    layout: Layout | None
    memory: Memory | None
    output_tokens_per_second: Range | None
    total_tokens_per_second: Range | None
    ttft_ms: Range | None
    tpot_ms: Range | None
    concurrency: int
    utilisation: float | None
    idle_gpus: int
    basis: tuple[str, ...]
    warnings: tuple[Text, ...]
    steps: Sequence[Step]

    def _repr_html_(self) -> str | None:
        """Return it as a notebook shows it (docs/notebook.md)."""
        return as_html(self)

    def to_dataframe(self, library: str = "") -> Any:
        """Return throughput and latency, a row each, as a data frame of "pandas" or "polars" ("" = the first that is installed); raise `PlannerError` where neither is."""
        return as_dataframe(self, library)
