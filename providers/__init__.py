"""The wing that asks: one adapter per cloud, and what they share about asking; clouds never meet."""

#: Whose this package is: another distribution may bring a package of the same name (planner.provider looks).
OWNER = "gpu-cost-planner"
