"""Ask chimeraforge for the tokens/s of measured points: `python chimeraforge_points.py POINTS.json`.

It chooses the batch itself, in powers of two, as the smallest that serves the rate: the rate is raised until it takes the
batch that was measured, and `total_throughput_tps` of that plan is its answer. What it would fetch of a model (config.json
and the number of parameters) is laid into its cache by its own functions. Answers are printed as JSON, one a line.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

CARDS = {"H100-SXM5": "H100 80GB", "H200-SXM": "H200 141GB"}
QUANTS = {
    "bf16": "FP16",
    "fp16": "FP16",
    "fp8": "FP8",
    "fp8-block": "FP8",
    "int4-awq": "AWQ",
    "int4-gptq": "GPTQ",
    "int4-w4a16": "GPTQ",
}


def plan(point: dict, quant: str, rate: float) -> dict:
    """Return its plan for that rate on one machine with vLLM, as it is written as JSON; {} where it has none."""
    from chimeraforge.planner.service import run_plan

    result = run_plan(
        models=[point["hf_id"]],
        hardware=CARDS[point["gpu"]],
        request_rate=rate,
        latency_slo=1e9,
        quality_target=0.0,
        budget=1e9,
        avg_tokens=point["osl"],
        prompt_tokens=point["isl"],
        context_length=point["isl"] + point["osl"],
        tensor_parallel=point["tp"],
        kv_quant="q8" if point["cache"] == "fp8" else "fp16",
        allow_network=False,
    )
    for one in result.candidates:
        if one.backend == "vllm" and one.quant == quant and one.n_agents == 1:
            return {"batch": one.effective_batch, "rate": one.total_throughput_tps}
    return {}


def ask(point: dict) -> dict:
    """Return the answer to one point, or why there is none."""
    from chimeraforge.planner import resolver

    quant = QUANTS.get(point["precision"])
    if quant is None:
        return {"id": point["id"], "why": f"no quantisation of its own for {point['precision']} with vLLM"}
    spec = resolver.spec_from_hf(point["hf_id"], point["config"], point["params_b"])
    resolver._cache_store(point["hf_id"], spec)
    try:
        found = plan(point, quant, 1e-6)
        while found and found["batch"] < point["load"]:
            more = plan(point, quant, found["rate"] * 1.0001 / point["osl"])
            if not more or more["batch"] <= found["batch"]:
                return {"id": point["id"], "why": f"no plan beyond a batch of {found['batch']} on one machine"}
            found = more
    except Exception as error:
        return {"id": point["id"], "why": f"{type(error).__name__}: {error}".replace("\n", " ")[:200]}
    if not found:
        return {"id": point["id"], "why": f"no candidate with vLLM in {quant}"}
    if found["batch"] != point["load"]:
        return {"id": point["id"], "why": f"takes a batch of {found['batch']}, measured was {point['load']}"}
    return {"id": point["id"], "rate": float(found["rate"])}


def main() -> None:
    """Print a line with the version, then one an answer."""
    points = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps({"version": version("chimeraforge")}), flush=True)
    for point in points:
        print(json.dumps(ask(point)), flush=True)


main()
