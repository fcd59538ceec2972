"""How far off planner, aiconfigurator and chimeraforge are on the same measured rows.

    python -m benchmarks accuracy        the table, from the answers that are kept in peers_answers.csv
    python -m benchmarks.accuracy --ask [planner] [aiconfigurator] [chimeraforge]
                                         ask these anew (all without a name): planner by fits without what it is asked (minutes)

The rows are the output tokens/s that were measured for this project on H100 and H200 with vLLM 0.26.0 in a closed loop, but for
those where dummy weights send every token to the same experts, which no peer could know. Neither peer has seen them. Of planner
three figures stand beside them: as released (most of these rows are in its fit: in sample), with the row's model left out of the
fit, and with all rows measured for this project left out of it.
"""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.results import HERE, ROOT, Data, hand

sys.path.insert(0, str(ROOT / "tools"))

import fit_sizing
from fit_sizing import quantile
from sizing_rows import Row, error, rows

from planner.sizing import estimate

KEPT = HERE / "peers_answers.csv"
COLUMNS = ("id", "who", "version", "asked", "tokens_per_second", "why_not")
SEEN, MODEL, SOURCE = (
    "planner as released, in sample",
    "planner, the model left out",
    "planner, all of these rows left out",
)
HYBRID = "aiconfigurator, with its formulas"
PEERS = {"aiconfigurator": "aiconfigurator_points", "chimeraforge": "chimeraforge_points"}
#: Measured in fp8 as published (…-FP8 in verified.json), with a scale for each block; the others' fp8 was made while vLLM loaded them.
BLOCKS = ("Qwen3-30B-A3B", "Qwen3-32B")
ORDER = (SEEN, MODEL, SOURCE, "aiconfigurator", HYBRID, "chimeraforge")


def points() -> list[Row]:
    """Return the measured rows that are compared."""
    return [r for r in rows() if _mine(r) and not r.alike]


def left_aside() -> int:
    """Return how many more there are whose experts dummy weights made alike."""
    return sum(_mine(r) and r.alike for r in rows())


def _mine(row: Row) -> bool:
    return row.source == "own" and row.metric == "output_throughput" and row.mode == "steady"


# --- the table ------------------------------------------------------------------------------------------------------


def kept(path: Path = KEPT) -> tuple[dict[str, dict[str, float]], list[dict[str, str]]]:
    """Return what each said by row, and all lines of the file."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    said: dict[str, dict[str, float]] = {}
    for line in lines:
        found = said.setdefault(line["who"], {})
        if line["tokens_per_second"]:
            found[line["id"]] = float(line["tokens_per_second"])
    return said, lines


def now_of() -> str:
    """Return the day of the released fit."""
    return str(estimate.calibration().fitted_on)


def figures(said: dict[str, float], among: list[Row]) -> Data:
    """Return count, median, P90 and largest of |said / measured - 1|, the share within 25 %, and the median of said / measured."""
    ratios = [said[r.id] / r.value for r in among if r.id in said]
    off = [abs(x - 1) for x in ratios]
    return {
        "rows": len(off),
        "median": round(quantile(off, 0.5), 4),
        "p90": round(quantile(off, 0.9), 4),
        "largest": round(max(off), 4),
        "within": round(sum(x <= 0.25 for x in off) / len(off), 4),
        "bias": round(quantile(ratios, 0.5), 4),
    }


def compared(path: Path = KEPT) -> Data:
    """Return the figures of each on the rows that it answers, on those that all answer, and by kind of model and precision."""
    said, lines = kept(path)
    asked = {line["id"] for line in lines}
    among = [r for r in points() if r.id in asked]  # a row that was added since is compared once it was asked
    now = estimate.calibration().parameters
    said[SEEN] = {r.id: r.value * math.exp(error(r, now)) for r in among}
    by_all = [r for r in among if all(r.id in said.get(who, {}) for who in ORDER)]
    kinds: dict[str, list[Row]] = {}
    for row in by_all:
        shape = "mixture" if row.model.experts else "dense"
        kinds.setdefault(f"{shape}, {row.precision.partition('-')[0].replace('bf16', 'fp16')}", []).append(row)
    why: dict[str, dict[str, int]] = {}
    for line in lines:
        if line["why_not"]:
            reasons = why.setdefault(line["who"], {})
            reasons[line["why_not"]] = reasons.get(line["why_not"], 0) + 1
    return {
        "rows": len(among),
        "left_aside": left_aside(),
        "fitted": sum(r.fit for r in among),
        "fit": {"kept": next((x["version"] for x in lines if x["who"] == MODEL), ""), "released": now_of()},
        "versions": {line["who"]: [line["version"], line["asked"]] for line in lines},
        "each": {who: figures(said[who], among) for who in ORDER},
        "all": {who: figures(said[who], by_all) for who in ORDER},
        "kinds": {kind: {who: figures(said[who], found) for who in ORDER} for kind, found in sorted(kinds.items())},
        "why": why,
    }


# --- asking ---------------------------------------------------------------------------------------------------------


def config_of(row: Row) -> dict[str, Any]:
    """Return the model's config.json, of the numbers that planner has of it."""
    with (ROOT / "planner" / "data" / "models.csv").open(encoding="utf-8", newline="") as file:
        data = next(r for r in csv.DictReader(file) if r["name"] == row.model.name)
    made: dict[str, Any] = {
        "architectures": [data["arch"]],
        "torch_dtype": "bfloat16",
        "tie_word_embeddings": data["tied"] == "yes",
    }
    for key, column in (
        ("num_hidden_layers", "layers"),
        ("hidden_size", "hidden"),
        ("num_attention_heads", "heads"),
        ("num_key_value_heads", "kv_heads"),
        ("head_dim", "head_dim"),
        ("intermediate_size", "intermediate"),
        ("vocab_size", "vocab"),
        ("max_position_embeddings", "max_context"),
        ("num_experts", "n_routed_experts"),
        ("num_experts_per_tok", "top_k"),
        ("moe_intermediate_size", "moe_intermediate"),
        ("kv_lora_rank", "kv_lora_rank"),
        ("q_lora_rank", "q_lora_rank"),
        ("qk_rope_head_dim", "qk_rope_head_dim"),
    ):
        if data[column]:
            made[key] = int(data[column])
    return {"hf_id": data["hf_id"], "config": made}


def question(row: Row) -> dict[str, Any]:
    """Return the point as the scripts of ask/ read it."""
    return {
        **config_of(row),
        "id": row.id,
        "params_b": row.model.total_params / 1e9,
        "precision": "fp8-block" if row.precision == "fp8" and row.model.name in BLOCKS else row.precision,
        "gpu": row.gpu.name,
        "tp": row.tp,
        "isl": int(row.isl),
        "osl": int(row.osl),
        "load": int(row.load),
        "cache": row.cache,
    }


def ask(among: list[Row], wanted: Sequence[str]) -> list[dict[str, object]]:
    """Return the lines of those that are asked here, and of all others what is kept of them."""
    from benchmarks import peers

    _, old = kept() if KEPT.exists() else ({}, [])
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    own = [line for line in old if line["who"] in (MODEL, SOURCE)]
    lines: list[dict[str, object]] = [*(unseen(among, today) if "planner" in wanted else own)]
    for who, script in PEERS.items():
        peer = next(p for p in peers.PEERS if p.package == who)
        why = peers.why_not(peer) if who in wanted else "not asked"
        if why:
            print(f"{who}: {why}; its answers stay as they were")
            lines += [line for line in old if line["who"].partition(",")[0] == who]
            continue
        with tempfile.TemporaryDirectory() as name:
            asked = Path(name, "points.json")
            asked.write_text(json.dumps([question(r) for r in among]), encoding="utf-8")
            command = [str(peer.python), str(peers.ASK / f"{script}.py"), str(asked)]
            env = {"PATH": "/usr/bin:/bin", "HOME": name}
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        lines += spoken(who, [json.loads(line) for line in done.stdout.splitlines()], today)
    return lines


def spoken(who: str, found: list[dict[str, Any]], today: str) -> list[dict[str, object]]:
    """Return the lines of what a script of ask/ printed: its version, then an answer each."""
    head, *answers = found
    lines: list[dict[str, object]] = []
    for name, key, why in ((who, "rate", "why"), (HYBRID, "hybrid", "why_hybrid")):
        if name == HYBRID and who != "aiconfigurator":
            continue
        for one in answers:
            rate = f"{one[key]:.1f}" if key in one else ""
            said = (one["id"], name, head["version"], today, rate, "" if rate else one.get(why, ""))
            lines.append(dict(zip(COLUMNS, said, strict=True)))
        print(f"{name} {head['version']}: {sum(key in one for one in answers)} of {len(answers)} points")
    return lines


def unseen(among: list[Row], today: str) -> Iterable[dict[str, object]]:
    """Return what planner says of each row by fits that had not seen its model, and by one that had seen none of them."""
    p = estimate.calibration().parameters
    train = fit_sizing.fitted()
    fits = {
        shape: fit_sizing.fit([r for r in train if fit_sizing.shape_of(r) != shape], p)
        for shape in {fit_sizing.shape_of(r) for r in among}
    }
    none = fit_sizing.fit([r for r in train if r.source != "own"], p)
    for row in among:
        for who, fitted in ((MODEL, fits[fit_sizing.shape_of(row)]), (SOURCE, none)):
            rate = f"{row.value * math.exp(error(row, fitted)):.1f}"
            yield dict(zip(COLUMNS, (row.id, who, fit_sizing.FITTED_ON, today, rate, ""), strict=True))


def main(argv: list[str]) -> int:
    """Ask anew where that is asked; print the table."""
    if argv[:1] == ["--ask"]:
        known = ("planner", *PEERS)
        if unknown := sorted(set(argv[1:]) - set(known)):
            print(f"nobody is called {unknown[0]!r}: known: {', '.join(known)}", file=sys.stderr)
            return 2
        lines = ask(points(), argv[1:] or known)
        with KEPT.open("w", encoding="utf-8", newline="") as file:
            out = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            out.writeheader()
            out.writerows(lines)
    found = compared()
    for title, part in (("on the rows that it answers", "each"), ("on the rows that all answer", "all")):
        print(title)
        for who, x in found[part].items():
            print(
                f"  {who:<38} {x['rows']:>4} rows: median {x['median']:6.1%}, P90 {x['p90']:6.1%}, within 25 % {x['within']:4.0%},"
                f" said / measured {x['bias']:.2f}"
            )
    hand("accuracy", found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
