"""aiconfigurator: what it says to the questions of peers.py. Its command is timed as it is (peers.py)."""

import subprocess
import sys
from pathlib import Path

from said import NoAnswer, answers

MODEL = "meta-llama/Meta-Llama-3.1-8B"


def command(*words: str) -> str:
    """Return what the command prints."""
    run = [str(Path(sys.executable).with_name("aiconfigurator")), "cli", *words, "--no-color"]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "rror" in line and "Deprecat" not in line]
        raise NoAnswer((lines or ["failed"])[-1].strip()[-150:])
    return done.stdout


def value(text: str, label: str) -> str:
    """Return what stands behind a label of its summary."""
    found = [line.strip().split(label, 1)[1].strip() for line in text.splitlines() if line.strip().startswith(label)]
    if not found:
        raise NoAnswer(f"no {label} in what it printed")
    return found[0]


def speed(system: str) -> str:
    """Ask for the tokens/s of 64 at once."""
    asked = ("--isl", "1024", "--osl", "512", "--batch-size", "64", "--tp-size", "1")
    said = command("estimate", "--model-path", MODEL, "--system", system, "--backend", "vllm", *asked)
    return f"{value(said, 'tokens/s:')} tokens/s"


def fit() -> str:
    """Ask how many GPUs serve the load."""
    asked = ("--target-request-rate", "20", "--isl", "1024", "--osl", "512", "--ttft", "5000", "--tpot", "100")
    said = command("recommend", "--model-path", MODEL, "--system", "h100_sxm", "--backend", "vllm", *asked)
    return f"agg {value(said, 'agg GPUs needed:')}, disagg {value(said, 'disagg GPUs needed:')}"


def option(*words: str) -> str:
    """Look for an option of its commands that speaks of these words."""
    text = " ".join(command(name, "--help") for name in ("estimate", "default", "recommend"))
    found = sorted(
        {word.strip("[],") for word in text.split() if word.startswith("--") and any(w in word for w in words)}
    )
    if not found:
        raise NoAnswer("no option of its commands says that: it knows no prices")
    return ", ".join(found)


QUESTIONS = {
    "aws": lambda: option("price", "cost"),
    "offline": lambda: speed("h100_sxm") + ", of a model whose config.json comes with it",
    "alicloud": lambda: option("price", "cost", "alicloud"),
    "tencentcloud": lambda: option("price", "cost", "tencent"),
    "committed": lambda: option("commit", "reserv"),
    "monthly": lambda: option("month", "subscri"),
    "egress": lambda: option("egress", "traffic"),
    "fit": fit,
    "speed": lambda: speed("h100_sxm"),
    "a10": lambda: speed("a10"),
}

if __name__ == "__main__":
    answers(QUESTIONS)
