"""planner: what it costs to serve a model on rented GPUs, from dated prices that can be traced."""

__version__ = "0.1.0"
