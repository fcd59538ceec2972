"""Ask aiconfigurator (NVIDIA) for the output tokens/s of measured points: `python aiconfigurator_points.py POINTS.json`.

Its estimate of continuous batching (`cli estimate`, mode agg) with vLLM's newest kernels, by the function that the command
calls, so that the kernels' tables are read once: "rate" of measured kernels alone (SILICON, its default), "hybrid" where a
formula stands in for kernels that it has not measured (HYBRID; the same where it has all). A model whose config.json does not come with the package is read from a
folder, as the command does; one whose config.json does is asked by its name. Answers are printed as JSON, one a line.
"""

import contextlib
import io
import json
import logging
import sys
import tempfile
import warnings
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

warnings.simplefilter("ignore")
SYSTEMS = {"H100-SXM5": "h100_sxm", "H200-SXM": "h200_sxm"}
#: The widths of a checkpoint in its words: products, experts; nothing said is read from config.json.
MODES = {
    "bf16": {},
    "fp16": {},
    "fp8": {"gemm_quant_mode": "fp8", "moe_quant_mode": "fp8"},
    "fp8-block": {"gemm_quant_mode": "fp8_block", "moe_quant_mode": "fp8_block"},
    "int8": {"gemm_quant_mode": "sq"},
    "int8-w8a16": {"gemm_quant_mode": "int8_wo"},
    "int4-awq": {"gemm_quant_mode": "int4_wo", "moe_quant_mode": "int4_wo"},
    "int4-gptq": {"gemm_quant_mode": "int4_wo", "moe_quant_mode": "int4_wo"},
    "int4-w4a16": {"gemm_quant_mode": "int4_wo", "moe_quant_mode": "int4_wo"},
    "mxfp4": {"moe_quant_mode": "w4a16_mxfp4"},
}


def path_of(point: dict, folder: Path) -> str:
    """Return the model's name where its config.json comes with the package, else a folder that holds it."""
    known = files("aiconfigurator_core") / "model_configs" / f"{point['hf_id'].replace('/', '--')}_config.json"
    if known.is_file():
        return point["hf_id"]
    place = folder / point["hf_id"].replace("/", "--")
    place.mkdir(exist_ok=True)
    (place / "config.json").write_text(json.dumps(point["config"]), encoding="utf-8")
    return str(place)


def ask(point: dict, folder: Path) -> dict:
    """Return the answer to one point, or why there is none."""
    modes = dict(MODES[point["precision"]])
    mixture = point["config"].get("num_experts_per_tok")
    if not mixture:
        modes.pop("moe_quant_mode", None)
    if modes or point["cache"]:
        modes["kvcache_quant_mode"] = "fp8" if point["cache"] == "fp8" else "bfloat16"
        modes["fmha_quant_mode"] = "bfloat16"
    layout = {}
    if mixture:
        # Blocks of 128 that a shard would cut are spread whole, as they were measured (--enable-expert-parallel).
        cut = point["precision"] == "fp8-block" and point["config"]["moe_intermediate_size"] // point["tp"] % 128
        layout = {"moe_tp_size": 1 if cut else point["tp"], "moe_ep_size": point["tp"] if cut else 1}
    found = {"id": point["id"]}
    for database, key in (("SILICON", "rate"), ("HYBRID", "hybrid")):
        try:
            found[key] = estimate(point, folder, database_mode=database, **modes, **layout)
            found.setdefault("hybrid", found[key])
            return found
        except (Exception, SystemExit) as error:
            said = " ".join(f"{type(error).__name__}: {error}".split()).partition(" at /")[0].replace(f"{folder}/", "")
            found["why" if key == "rate" else "why_hybrid"] = said[:160]
    return found


def estimate(point: dict, folder: Path, **more: object) -> float:
    """Return its output tokens/s of one point."""
    from aiconfigurator.cli.api import cli_estimate

    found = cli_estimate(
        path_of(point, folder),
        SYSTEMS[point["gpu"]],
        backend_name="vllm",
        isl=point["isl"],
        osl=point["osl"],
        batch_size=point["load"],
        tp_size=point["tp"],
        **more,
    )
    return float(found.tokens_per_second)


def main() -> None:
    """Print a line with the version, then one an answer."""
    logging.disable(logging.CRITICAL)
    points = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps({"version": version("aiconfigurator")}), flush=True)
    with tempfile.TemporaryDirectory() as name:
        for point in points:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                answer = ask(point, Path(name))
            print(json.dumps(answer), flush=True)


main()
