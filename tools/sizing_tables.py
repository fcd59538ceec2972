"""Write the tables of docs/sizing.md that are sizings: the named instances, and every GPU of the catalogue.

python tools/sizing_tables.py           print them
python tools/sizing_tables.py --write   write them into docs/sizing.md (tests/test_sizing_docs.py holds them equal)
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from planner.errors import MisuseError
from planner.offer import InstanceType
from planner.prices.catalog import Catalog
from planner.sizing import Sizing
from planner.sizing.fit import check, size
from planner.sizing.gpus import find
from planner.workload import Workload

DOC = ROOT / "docs" / "sizing.md"
NAMED = ("p4d.24xlarge", "ecs.gn7i-c16g1.4xlarge", "GN10Xp.20XLARGE320")
MODELS = (
    ("7B", "DeepSeek-R1-Distill-Qwen-7B"),
    ("14B", "DeepSeek-R1-Distill-Qwen-14B"),
    ("32B", "DeepSeek-R1-Distill-Qwen-32B"),
    ("70B", "DeepSeek-R1-Distill-Llama-70B"),
    ("671B", "DeepSeek-R1"),
)


def catalogue() -> list[InstanceType]:
    """Return every instance type of the committed catalogue."""
    book = Catalog()
    return [spec for provider in book.providers() for spec in book.instances(provider).values()]


def answer(s: Sizing) -> tuple[str, str]:
    """Return (layout, output tokens/s of one instance or why not)."""
    if not s.fits or s.layout is None or s.output_tokens_per_second is None:
        return "-", "; ".join(s.reasons)
    copies = f"{s.layout.replicas} x " if s.layout.replicas > 1 else ""
    shape = f"{copies}tp {s.layout.tp}" + (f" x pp {s.layout.pp}: {s.count} instances" if s.layout.pp > 1 else "")
    r = s.output_tokens_per_second
    return shape, f"**{r.estimate:,.0f}** ({r.low:,.0f} to {r.high:,.0f})"


def named() -> str:
    """Return the table of the three named instance types."""
    specs = {s.name: s for s in catalogue()}
    lines = [
        "| instance type | model | precision | layout | output tokens/s of one instance, or why not |",
        "|---|---|---|---|---|",
    ]
    for name in NAMED:
        for short, model in MODELS:
            for precision in ("fp16", "int4-awq") if short != "671B" else ("fp8", "int4-awq"):
                work = Workload(model=model, precision=precision)
                check(work)
                shape, text = answer(size(work, specs[name]))
                lines.append(f"| {name} | {short} | {precision} | {shape} | {text} |")
    return "\n".join(lines)


def families() -> str:
    """Return the table of every GPU in the catalogue: its instance type with most GPUs, 7B and 70B at fp16."""
    best: dict[tuple[str, str], InstanceType] = {}
    for spec in catalogue():
        try:
            key = (spec.gpu_model, find(spec.gpu_model, float(spec.gpu_memory_gib or 0) or None).name)
        except MisuseError:
            key = (spec.gpu_model, "")
        if key not in best or (spec.gpu_count, best[key].name) > (best[key].gpu_count, spec.name):
            best[key] = spec
    lines = [
        "| GPU | instance type | 7B fp16: layout | output tokens/s | 70B fp16: layout | output tokens/s |",
        "|---|---|---|---|---|---|",
    ]
    for (gpu, _), spec in sorted(best.items()):
        cells = []
        for model in ("DeepSeek-R1-Distill-Qwen-7B", "DeepSeek-R1-Distill-Llama-70B"):
            cells += answer(size(Workload(model=model), spec))
        lines.append(f"| {gpu} | {spec.name} ({spec.gpu_count.normalize():f}) | {' | '.join(cells)} |")
    return "\n".join(lines)


def replace(text: str, mark: str, table: str) -> str:
    """Return `text` with what stands between the marks replaced."""
    head, opening, rest = text.partition(f"<!-- {mark} -->\n")
    _, closing, tail = rest.partition(f"\n<!-- /{mark} -->")
    if not opening or not closing:
        raise SystemExit(f"{DOC}: the marks of {mark} are missing")
    return head + opening + table + closing + tail


def main(argv: list[str]) -> None:
    """Print the tables, or write them."""
    tables = {"named": named(), "families": families()}
    if "--write" in argv:
        text = DOC.read_text(encoding="utf-8")
        for mark, table in tables.items():
            text = replace(text, mark, table)
        DOC.write_text(text, encoding="utf-8")
    else:
        print("\n\n".join(tables.values()))


if __name__ == "__main__":
    main(sys.argv[1:])
