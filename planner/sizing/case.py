"""What is put where: the question that the sizing answers and that its steps and its neighbours are told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.records import NamedTuple
from planner.sizing.engines import Engine
from planner.sizing.gpus import GpuSpec
from planner.sizing.models import Model
from planner.workload import Load

if TYPE_CHECKING:
    from planner.sizing.own import Measurement

    Own = tuple[Measurement, ...]

__all__ = ["Case"]


class Case(NamedTuple):
    """What is put where: a load's model on `cards` GPUs of one kind, under one engine.

    built: whether the engine table has a build for that host, to be deployed. own: the user's measurements of all that.
    """

    load: Load
    model: Model
    gpu: GpuSpec
    engine: Engine
    cards: int
    built: bool = True
    own: Own = ()
