"""Fit the sizing's parameters on measured rows: the priors, what each row counts, and a factor of each source's own.

    residual = [ln(predicted / measured) + the source's own factor] / 0.12, squared up to 12 %, linear beyond

Each source has its client, flags, clocks and counting, and lies to one side: a factor of its own (on its speeds, under a
prior of 30 %) takes that, so that the parameters are left with what sources agree on. It is thrown away afterwards:
nobody's machine is any of these sources. Each parameter has a log-normal prior: what the public kernel tables say
(docs/sizing.md), so that a format or family with few rows stays near it. Needs numpy and scipy.
"""

from __future__ import annotations

import collections
from typing import Any, NamedTuple

from sizing_rows import Row, Stack

from planner.sizing.roofline import Parameters

SOFT = 0.12
SERIES = 6  # rows of one model on one card and version that count whole
_TOP = 1e9


class Taste(NamedTuple):
    """How a fit is made; tools/sizing_floor.py chooses it on sources that are judged by others only.

    own: relative width of a source's own factor (0: none). trust: share of the widths below that is used, but for the
    engines' factors. outside: what a row outside the promise counts: a model below 6B, an engine of 2023, a burst of one
    HTTP client.
    """

    own: float = 0.3
    trust: float = 0.5
    outside: float = 0.2


TASTE = Taste()

# --- the priors: value, relative width (sigma of the logarithm), upper bound ----------------------------------------

Priors = dict[str, tuple[float, float, float]]

_GLOBAL: Priors = {
    # GEMMs of 4,096 to 10,240 columns read at 0.82 to 0.87 of the printed bandwidth, all beyond 3 us a kernel.
    "mbu": (0.85, 0.05, 0.95),
    "mbu_kv": (0.8, 0.15, 0.95),
    "mfu": (0.7, 0.1, 0.95),
    "mbu:moe": (1.0, 0.1, 1.15),
    "mfu:moe": (0.5, 0.15, 1.2),
    "link:nvlink": (0.45, 0.2, 1.0),  # custom all-reduce of 1 to 512 MiB: 167 to 234 GB/s of 450
    "link:pcie": (0.6, 0.3, 1.0),
    "reduce_us:nvlink": (8, 0.3, _TOP),  # 4 to 6 us captured, 20 us launched
    "reduce_us:pcie": (40, 0.5, _TOP),
    "linear_us": (15, 0.6, _TOP),
    # Kernel tables are measured with routings by power laws of 1.01 and 1.2 (aiconfigurator, collector/helper.py): where
    # a token takes 1/32 of the experts, 8 to 64 tokens meet as many as an exponent of 0.84 to 0.89 gives, and 0.79 to 0.87.
    "spread": (0.88, 0.05, 1.0),
    "layer:tp": (1.0, 0.2, _TOP),  # a layer whose kernels are split over GPUs
    "launch:moe": (1, 0.3, _TOP),
    "stall_ms": (40, 0.3, _TOP),
    "http_ms": (20, 0.7, _TOP),
}
# Milliseconds a step; microseconds a layer, a mixture, a sequence, a layer launched, a layer of a prompt's step.
_ERAS = {
    "new": (0.3, 32, 32, 8, 300, 100),
    "old": (1.5, 50, 50, 40, 300, 200),
    "tgi": (10, 100, 100, 200, 300, 400),
}
_ERA_WIDTHS = (0.5, 0.3, 0.4, 0.5, 0.5, 0.5)
# Against 16 bits: bandwidth, arithmetic (old engines' too), kernels a layer; the same of routed experts.
_FORMATS = {
    "fp8": (1.0, 0.8, 0.68, 1.5, 0.85, 1.2),
    "w4": (0.85, 0.9, 0.5, 1.3, 0.85, 1.2),
    "w8": (0.9, 0.8, 0.68, 1.2, 0.95, 1.0),
    "int8": (0.95, 0.6, 0.51, 1.4, 0.95, 1.0),
    "fp4": (0.9, 0.6, 0.51, 1.4, 0.85, 2.0),
}
_FAMILIES = {"volta": 0.6, "ada": 0.7, "turing": 0.7}
FAMILIES = ("hopper", "h20", "a100", "ada", "ga102", "volta", "turing", "blackwell")
FACTORS = ("vllm:old", "tensorrt-llm:new", "tensorrt-llm:old", "sglang:new", "lmdeploy:old", "1cat-vllm:new")


def priors(trust: float = TASTE.trust) -> Priors:
    """Return each parameter's prior value, its relative width and its upper bound."""
    table = dict(_GLOBAL)
    for age, values in _ERAS.items():
        names = ("step_ms", "layer_us", "mixture_us", "sequence_us", "launch_us", "prompt_us")
        for name, value, width in zip(names, values, _ERA_WIDTHS, strict=True):
            table[f"{name}:{age}"] = (value, width, _TOP)
    for name, (mbu, mfu, then, layer, expert_mbu, expert_mfu) in _FORMATS.items():
        table[f"mbu:{name}"] = (mbu, 0.1, 1.1)
        table[f"mfu:{name}"] = (mfu, 0.2, 1.2)
        table[f"layer:{name}"] = (layer, 0.15, _TOP)
        if name != "fp4":
            table[f"mbu:{name}:old"] = (max(mbu, 0.95), 0.08, 1.1)
            table[f"mfu:{name}:old"] = (then, 0.25, 1.2)
        table[f"mbu:moe:{name}"] = (expert_mbu, 0.1, 1.2)
        table[f"mfu:moe:{name}"] = (expert_mfu, 0.2, _TOP)
    # 4-bit experts: tables of vLLM 0.24 and 0.19 on H100, H200 and B200. Marlin of 0.24 reads at 0.95 (H100, whole experts)
    # and 0.7 (H200, all shards) of what 16-bit experts do. None has 4-bit floats beside fp8: wider.
    four = {"i4": (0.85, 0.5, 0.2), "i4:early": (0.38, 0.4, 0.2), "f4": (0.55, 0.5, 0.4)}
    for name, (mbu, mfu, width) in four.items():
        table[f"mbu:moe:{name}"] = (mbu, width, 1.2)
        table[f"mfu:moe:{name}"] = (mfu, width, _TOP)
    # What the kernel of the experts takes for one token, against 16 bits: 24 us for nvfp4 on B200, 40 to 60 on Hopper.
    for name, factor in {"fp4": 0.5, "fp8": 1.1, "w4": 1.2, "i4": 1.0, "i4:early": 1.3, "f4": 1.0}.items():
        table[f"mixture:{name}"] = (factor, 0.2, _TOP)
    for family in FAMILIES:
        table[f"mbu:{family}"] = (1.0, 0.3 if family == "h20" else 0.08, 1.15)
        table[f"mfu:{family}"] = (_FAMILIES.get(family, 1.0), 0.2, 1.3)
    table = {name: (value, trust * width, top) for name, (value, width, top) in table.items()}
    for name in FACTORS:
        table[f"factor:{name}"] = (1.0, 0.1, _TOP)
    return table


# --- the fit --------------------------------------------------------------------------------------------------------


def weight(found: list[Row], outside: float = TASTE.outside) -> list[float]:
    """Return what each row counts: a series of many rows no more than six, a row outside the promise a fifth."""
    series = [(r.source, r.model.name, r.precision, r.gpu.name, r.engine.version) for r in found]
    many = collections.Counter(series)
    return [
        (1.0 if r.scope and not r.http else outside) * min(1.0, (SERIES / many[s]) ** 0.5)
        for r, s in zip(found, series, strict=True)
    ]


def solve(
    train: list[Row], start: Parameters | None = None, taste: Taste = TASTE
) -> tuple[Parameters, dict[str, float]]:
    """Return the parameters that fit `train` best under the priors, and each source's own factor (its logarithm)."""
    import numpy as np
    from scipy.optimize import least_squares  # type: ignore[import-untyped]

    table = priors(taste.trust)
    names, sources = list(table), sorted({r.source for r in train}) if taste.own else []
    centre, width, top = (np.array([table[n][i] for n in names]) for i in range(3))
    centre, top = np.log(centre), np.log(top)
    first = np.log([(start or {}).get(n, table[n][0]) for n in names])
    stack, weights = Stack(train, names), np.array(weight(train, taste.outside)) / SOFT
    # On speeds: a slow client makes rates low and times long.
    side = np.array([[(r.source == s) * (1.0 if r.kind == "rate" else -1.0) for s in sources] for r in train])
    side = side.reshape(len(train), len(sources))
    count, kinds = len(names), len(sources)

    def residuals(theta: Any) -> Any:
        off = stack.errors(theta[:count]) + side @ theta[count:]
        return np.concatenate([weights * off, (theta[:count] - centre) / width, theta[count:] / (taste.own or 1.0)])

    def slopes(theta: Any) -> Any:
        rows = np.hstack([stack.slopes(theta[:count]), side]) * weights[:, None]
        return np.vstack([rows, np.diag(np.concatenate([1.0 / width, np.full(kinds, 1.0 / (taste.own or 1.0))]))])

    best = least_squares(
        residuals,
        np.concatenate([np.minimum(first, top - 1e-6), np.zeros(kinds)]),
        jac=slopes,
        bounds=(np.full(count + kinds, -30.0), np.concatenate([top, np.full(kinds, 30.0)])),
        loss="huber",
        max_nfev=100,
        ftol=1e-6,
    )
    values = dict(zip(names, np.exp(best.x[:count]).tolist(), strict=True))
    return values, dict(zip(sources, best.x[count:].tolist(), strict=True))


def fit(train: list[Row], start: Parameters | None = None, taste: Taste = TASTE) -> Parameters:
    """Return the parameters that fit `train` best under the priors."""
    return solve(train, start, taste)[0]
