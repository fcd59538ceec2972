"""Write the tables of docs/sizing.md and docs/bootstrap.md that follow from the data (`make sizing`).

python tools/sizing_tables.py           print them: the named instances, every GPU of the catalogue, the engine table
python tools/sizing_tables.py --write   write them into the pages (tests/sizing/test_docs.py holds them equal)
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from planner.errors import MisuseError
from planner.offer import InstanceType
from planner.prices.catalog import Catalog
from planner.sizing import Sizing, engines, kernels, models, support
from planner.sizing.engines import Host
from planner.sizing.fit import check, size
from planner.sizing.gpus import find
from planner.workload import PRECISIONS, Workload

SIZING = ROOT / "docs" / "sizing.md"
BOOTSTRAP = ROOT / "docs" / "bootstrap.md"
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


def host(spec: InstanceType) -> Host:
    """Return what an engine finds on an instance type of the catalogue."""
    driver = Catalog().info(spec.provider).driver
    return Host(spec.provider, driver.version if driver else "")


def answer(s: Sizing) -> tuple[str, str]:
    """Return (layout, output tokens/s of one instance or why not)."""
    if not s.fits or s.layout is None or s.output_tokens_per_second is None:
        return "-", "; ".join(map(str, s.reasons))
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
                shape, text = answer(size(work, specs[name], host(specs[name])))
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
            cells += answer(size(Workload(model=model), spec, host(spec)))
        lines.append(f"| {gpu} | {spec.name} ({spec.gpu_count.normalize():f}) | {' | '.join(cells)} |")
    return "\n".join(lines)


#: A GPU that stands for those with the same code, and how the column is headed.
KINDS = (
    ("V100-32", "V100"),
    ("T4", "T4"),
    ("A100-40", "A10, A30, A100"),
    ("L40S", "L4, L20, L40S, 4090"),
    ("H100", "H20, H100, H200"),
    ("B200", "B200, B300"),
    ("RTX PRO 6000", "RTX PRO 6000"),
)


def runs() -> str:
    """Return the table of what runs where with the engines that are deployed by default, for a 16-bit model."""
    model = models.find("DeepSeek-R1-Distill-Qwen-7B")
    specs = [find(name) for name, _ in KINDS]
    defaults = [engines.default(spec) for spec in specs]
    lines = ["| | " + " | ".join(head for _, head in KINDS) + " |", "|---|" + "---|" * len(KINDS)]
    lines.append("| default engine | " + " | ".join(e.label.replace("@", " ") for e in defaults) + " |")
    for precision in PRECISIONS:
        cells = []
        for engine, spec in zip(defaults, specs, strict=True):
            found = kernels.find(engine.key, engine.number, "weight", precision, spec.compute_capability)
            if support.refusal(engine, spec, precision, model):
                cells.append("no")
            else:
                weights = precision == "fp8" and found is not None and found.support == "weights"
                cells.append("weights only (W8A16)" if weights else "yes")
        lines.append(f"| {precision} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def builds() -> str:
    """Return the engine table: what is deployed where, and what can be asked for."""
    lines = ["| engine | CUDA | drivers | image | taken | note |", "|---|---|---|---|---|---|"]
    for b in engines.builds():
        drivers = f"{b.driver_min} to {b.driver_max}" if b.driver_max else f"{b.driver_min} and newer"
        taken = f"{b.rank}. where it runs" if b.rank else "when asked for" if b.image else "never: no image seen"
        image = f"`{b.image}`" + ("" if b.digest or not b.image else ", digest not known") if b.image else "-"
        market = f" ({b.market})" if b.market else ""
        name = b.engine.label.replace("@", " ")
        lines.append(f"| {name}{market} | {b.cuda} | {drivers} | {image} | {taken} | {b.note} |")
    return "\n".join(lines)


def replace(text: str, mark: str, table: str) -> str:
    """Return `text` with what stands between the marks replaced."""
    head, opening, rest = text.partition(f"<!-- {mark} -->\n")
    _, closing, tail = rest.partition(f"\n<!-- /{mark} -->")
    if not opening or not closing:
        raise SystemExit(f"the marks of {mark} are missing")
    return head + opening + table + closing + tail


def main(argv: list[str]) -> None:
    """Print the tables, or write them."""
    tables = {
        SIZING: {"runs": runs(), "named": named(), "families": families()},
        BOOTSTRAP: {"builds": builds()},
    }
    for page, marks in tables.items():
        text = page.read_text(encoding="utf-8")
        for mark, table in marks.items():
            text = replace(text, mark, table)
            if "--write" not in argv:
                print(table, end="\n\n")
        if "--write" in argv:
            page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
