"""How many instances a part of the sized load takes: a fleet is laid out for its peak, and follows the demand below it."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal

from planner.sizing import Sizing
from planner.sizing.serve import demand_of
from planner.workload import Load

__all__ = ["capacity", "counter"]


def capacity(sizing: Sizing, load: Load) -> tuple[float, int]:
    """Return the output tokens a second that a unit may be asked for with headroom kept, and the instances of a unit.

    sizing: of `load`, which has a rate: of its peak. At that rate, `counter` gives the sizing's own number.
    """
    ask = demand_of(load)
    assert ask.rate and sizing.layout is not None and sizing.utilisation, sizing.model
    pp = sizing.layout.pp
    units = max(1, (sizing.count - load.spare) // pp)
    return ask.rate / (units * sizing.utilisation) * ask.keep, pp


def counter(sizing: Sizing, load: Load) -> Callable[[Decimal | float], int]:
    """Return the function from a demand, in what `load` is counted in, to instances: none for none, spare ones included."""
    each, pp = capacity(sizing, load)
    tokens = 1.0 if load.tokens_per_second else float(load.output_tokens)
    spare = load.spare

    def count(demand: Decimal | float) -> int:
        if not demand:
            return 0
        return (math.ceil(float(demand) * tokens / each - 1e-9) or 1) * pp + spare

    return count
