"""How long every main command takes beside `python -c "import click"`, as whole processes in pairs, on the committed lists.

Each command runs in a folder of its own with what it reads; the user's price book is not looked at.
"""

from __future__ import annotations

import importlib.util
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.pairs import environment, line, measure, once, program, session
from benchmarks.results import Data, hand

#: Pairs of a command that takes less than `LONG` seconds, and of a longer one.
PAIRS, FEWER, LONG = 11, 5, 0.4
WORKLOADS = 100
QUOTE = "planner quote --hours 720"
LOG = (
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 22.00 GiB\n"
)


class Command(NamedTuple):
    """One row: how it is shown and run, and its limit (a ratio of the processor's time, or seconds of it)."""

    words: str
    ratio: float | None = None
    seconds: float | None = None
    said: str | None = None


def commands() -> list[Command]:
    """Return every main command, on the usual workload; those that need an extra only where it is installed."""
    found = [
        Command("planner --version"),
        Command("planner --help", ratio=1.35),
        Command("planner quote --help", ratio=1.35),
        Command(QUOTE, ratio=1.6),
        Command(f"{QUOTE} --format json", ratio=3.5),
        Command(f"{QUOTE} --format csv"),
        Command(f"{QUOTE} --format focus"),
        Command(f"{QUOTE} --format markdown"),
        Command(f"{QUOTE} --format html -o page.html --force", seconds=1.0),
        Command(f"{QUOTE} --format xlsx -o book.xlsx --force", seconds=1.5),
        Command(f"{QUOTE} --region all"),
        Command("planner explain aws:aws:us-east-1:g6.xlarge:on_demand --hours 720"),
        Command(
            "planner size --model DeepSeek-R1-Distill-Qwen-7B --instance-type p4d.24xlarge --concurrency 64", ratio=2.0
        ),
        Command("planner models list"),
        Command("planner init --preset chat --yes -o asked.toml --force"),
        Command("planner commit --demand 'diurnal rps=20 trough=20%'", seconds=2.0),
        Command(f"planner portfolio many.csv  # {WORKLOADS} workloads"),
        Command("planner rent-or-buy --own examples --rps 20 --hours 26280"),
        Command("planner emit-tf aws --client-cidr 10.0.0.0/8 -o tf --force", ratio=3.5),
        Command("planner emit-k8s aws --quote quote.json -o k8s --force"),
        Command("planner price module"),
        Command("planner catalog list"),
        Command("planner catalog show p4d.24xlarge"),
        Command("planner catalog check"),
        Command("planner diff quote.json year.json"),
        Command("planner actual quote.json bill.csv"),
        Command("planner gate chat.toml"),
        Command("planner diagnose engine.log"),
        Command("planner doctor"),
        Command("planner completion bash"),
        Command("planner man"),
    ]
    if importlib.util.find_spec("mcp"):
        found.append(Command("planner mcp  # one session: hello and a quote", said=session("quote", {"hours": 720})))
    return found


def prepare(folder: Path, run: list[str], env: dict[str, str]) -> None:
    """Write what the commands read: saved quotes, a bill, a workload, many workloads, a module, a log."""
    for args in (
        "quote --hours 720 --format json -o quote.json",
        "quote --hours 8760 --format json -o year.json",
        "quote --hours 720 --format focus -o bill.csv",
        "init --preset chat --yes -o chat.toml",
        "emit-tf aws --client-cidr 10.0.0.0/8 -o module",
    ):
        once([*run, *args.split()], env, cwd=folder)
    models = ("DeepSeek-R1-Distill-Qwen-7B", "DeepSeek-R1-Distill-Qwen-32B", "DeepSeek-R1-Distill-Llama-8B")
    rows = (f"w{n},{100 + 7 * n},{models[n % 3]},{1 + n % 17}\n" for n in range(WORKLOADS))
    (folder / "many.csv").write_text("name,hours,model,rps\n" + "".join(rows), encoding="utf-8")
    (folder / "engine.log").write_text(LOG, encoding="utf-8")


def words_of(command: Command, run: list[str]) -> list[str]:
    """Return the command as the words of a process."""
    _, *args = shlex.split(command.words, comments=True)
    return [*run, *args]


def over(command: Command, found: Data) -> bool:
    """Whether a command took more than its limit."""
    ratio, seconds = command.ratio, command.seconds
    return bool((ratio and found["cpu_ratio"] > ratio) or (seconds and found["cpu"] > seconds * 1000))


def main() -> None:
    """Print one line per command; the limits of the issues stand behind."""
    run = [program()]
    click = [sys.executable, "-c", "import click"]
    rows: list[Data] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = environment(folder / "home")
        prepare(folder, run, env)
        subprocess.run(["git", "init", "-q"], cwd=folder, check=False, capture_output=True)
        for command in commands():
            words = words_of(command, run)
            once(words, env, command.said, folder)
            wall, _ = once(words, env, command.said, folder)
            found = measure(words, click, FEWER if wall > LONG else PAIRS, env, command.said, folder)
            limit = {"ratio": command.ratio, "seconds": command.seconds, "over": over(command, found)}
            rows.append({"words": command.words, **found, **limit})
            said = f"limit {command.ratio or ''}{f'{command.seconds} s' if command.seconds else ''}"
            shown = command.words.partition(" --model")[0][:60]
            print(line(f"{shown} ({said})" if command.ratio or command.seconds else shown, found), flush=True)
    hand("startup", {"rows": rows})


if __name__ == "__main__":
    main()
