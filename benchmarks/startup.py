"""How long the hot commands take beside `python -c "import click"`, as whole processes."""

from __future__ import annotations

import shutil
import sys

from benchmarks.pairs import compare


def main() -> None:
    """Print one line per command; the limits of the issues stand behind."""
    planner = shutil.which("planner", path=f"{sys.prefix}/bin") or "planner"
    click = [sys.executable, "-c", "import click"]
    for args, limit in (
        (["--help"], 1.35),
        (["quote", "--help"], 1.35),
        (["quote", "--hours", "720", "--format", "json"], 3.5),
        (["quote", "--hours", "720"], 1.6),
        (
            [
                "size",
                "--model",
                "DeepSeek-R1-Distill-Qwen-7B",
                "--instance-type",
                "p4d.24xlarge",
                "--concurrency",
                "64",
            ],
            2.0,
        ),
        (["emit-tf", "aws", "--client-cidr", "10.0.0.0/8", "-o", "/tmp/planner-bench", "--force"], 3.5),
    ):
        compare(f"planner {' '.join(args[:3])} (limit {limit})", [planner, *args], click)


if __name__ == "__main__":
    main()
