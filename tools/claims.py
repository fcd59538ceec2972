"""Write docs/claims.csv and the pages docs/claims.md and docs/claims.zh.md from tools/claims.csv (`make docs`).

tools/claims.csv has the article's claims with our verdict; a {name} in a figure is asked of the product itself (`values`), so that a new
price changes the page. `command` shows the figure, `shows` is what its output has; where the product cannot show it, the command says
"none: why" in both languages. A verdict that a new figure turns is a person's to change:
`CHECKS` says when it must be.
"""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from planner.api import quote
from planner.errors import MisuseError
from planner.presets import PRESETS
from planner.prices.catalog import Catalog
from planner.prices.fx import Rates, committed
from planner.quoting.records import Offer
from planner.sizing import gpus, models
from planner.sizing.machine import on_machine
from planner.terraform import cloud
from planner.workload import Workload, make

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tools" / "claims.csv"
VERDICTS = {"holds": "成立", "outdated": "过时", "wrong": "错误", "unproven": "未证实"}
GROUPS = {
    "A": ("What decides", "决定因素"),
    "B": ("Consumer cards and CPUs", "消费级显卡与 CPU"),
    "C": ("Company clusters", "企业集群"),
    "D": ("Clouds", "云"),
    "E": ("Operation", "运维"),
    "F": ("What comes", "未来"),
    "G": ("About the article", "关于文章"),
}
COLUMNS = ("id", "claim", "claim_zh", "verdict", "figure", "figure_zh", "source", "date", "command")
TYPES = {
    "p4d": ("aws", "p4d.24xlarge", "us-east-1"),
    "p5": ("aws", "p5.48xlarge", "us-east-1"),
    "gn7i": ("alicloud", "ecs.gn7i-c16g1.4xlarge", "cn-beijing"),
    "gn10": ("tencentcloud", "GN10Xp.20XLARGE320", "ap-guangzhou"),
}

#: What must be true of the product's figures for a verdict to stand; a test asks each.
CHECKS: dict[str, Callable[[dict[str, str]], bool]] = {
    "A2": lambda v: Decimal(v["w4"]) > 4 and Decimal(v["w16"]) > 14,
    "A4": lambda v: v["headroom"] == "20 %",
    "B1": lambda v: v["t4090"] != "82.6",
    "B2": lambda v: v["t7900"] != "61.4",
    "B3": lambda v: v["ta4000"] != "23.7",
    "B9": lambda v: Decimal(v["ratio"]) < 4,
    "C1": lambda v: v["p5_gpus"].startswith("8x H100"),
    "C3": lambda v: Decimal(v["p4d_gbps"]) > 200,
    "D1": lambda v: (
        v["p4d_price"] != "32.77" and v["p4d_gpus"] == "8x A100-SXM4-40GB 40 GiB" and v["p4d_gbps"] == "400"
    ),
    "D2": lambda v: abs(Decimal(v["gn7i_usd"]) - Decimal("3.2")) > 1 and v["gn7i_gbps"] != "10",
    "D3": lambda v: "T4" not in v["gn10_gpus"] and abs(Decimal(v["gn10_intl"]) - Decimal("18.4")) > 1,
    "E2": lambda v: not v["drv_aws"].startswith("535"),
    "E3": lambda v: v["mtu_ali"] != "9000",
}


def _weights(model: str, precision: str, gpu: str, number: int) -> str:
    made = on_machine(make({"model": model, "precision": precision}), gpu, number).memory
    assert made is not None, (model, precision, gpu)
    return f"{made.weights_gib:.2f}"


def _plain(value: Decimal | float | None) -> str:
    return "" if value is None else f"{Decimal(str(value)).normalize():f}"


def _named(source: str) -> str:
    """Return a source without what is said of it in brackets, where enough is left to find it."""
    short = source.partition(" (")[0]
    return short if len(short) > 24 else source


def _offers() -> dict[str, list[Offer]]:
    names = tuple(name for _, name, _ in TYPES.values())
    every = quote(instance_type=names, count=1, whole=False, inter_region_gb="0")
    return {
        key: [o for o in every.offers if (o.instance_type, o.region) == (name, region)]
        for key, (_, name, region) in TYPES.items()
    }


def _of(offers: list[Offer], option: str, site: str, term: str = "") -> Offer:
    return next(o for o in offers if (o.purchase_option, o.site, o.term) == (option, site, term))


def values() -> dict[str, str]:
    """Return every figure that a claim is held against, as it is printed."""
    small = "DeepSeek-R1-Distill-Qwen-7B"
    r1 = _weights("DeepSeek-R1", "fp8", "H200", 8)
    found = {
        "w16": _weights(small, "fp16", "A10", 1),
        "w4": _weights(small, "int4-awq", "A10", 1),
        "d14": _weights("DeepSeek-R1-Distill-Qwen-14B", "int4-awq", "A4000", 1),
        "r1": f"{Decimal(r1):.0f}",
        "r1_two": r1,
        "headroom": f"{Workload().headroom * 100:.0f} %",
        "presets": ", ".join(PRESETS),
    }
    found["ratio"] = f"{Decimal(found['w16']) / Decimal(found['w4']):.1f}"
    for key, gpu in (("t4090", "RTX 4090"), ("t7900", "RX 7900 XTX"), ("ta4000", "RTX A4000")):
        found[key] = _plain(gpus.find(gpu).fp16_tflops)
    for key, cpu in (("c8380", "Xeon Platinum 8380"), ("c7763", "EPYC 7763")):
        found[key] = _cpu(cpu)
    try:
        models.find("deepseek/7b")
    except MisuseError as exc:
        found["suggested"] = str(exc).partition("did you mean ")[2].partition(",")[0].rstrip("?")
    offers, sites = _offers(), {"p4d": "aws", "p5": "aws", "gn7i": "china", "gn10": "china"}
    for key, site in sites.items():
        offer = _of(offers[key], "on_demand", site)
        source = offer.charges[0].source
        gib = "" if offer.gpu.memory_gib is None else f" {_plain(offer.gpu.memory_gib)} GiB"
        found |= {
            f"{key}_price": _plain(offer.on_demand_hourly),
            f"{key}_gpus": f"{offer.gpu.count:g}x {offer.gpu.model}{gib}",
            f"{key}_gbps": _plain(offer.machine.network_gbps),
            f"{key}_source": _named(source.text),
            f"{key}_date": source.as_of,
        }
    rates = Rates(committed(""))
    found["gn7i_usd"] = f"{rates.convert(Decimal(found['gn7i_price']), 'CNY', 'USD'):.2f}"
    found["gn10_intl"] = _plain(_of(offers["gn10"], "on_demand", "international").on_demand_hourly)
    monthly, yearly = _of(offers["gn10"], "subscription", "china", "1m"), _of(offers["p4d"], "reserved", "aws", "1y")
    found |= {"be_gn10": str(monthly.break_even_hours), "be_p4d": str(yearly.break_even_hours)}
    found["be_source"] = (
        f"{monthly.charges[0].source.text.partition(' (')[0]}; {yearly.charges[0].source.text.partition(' (')[0]}"
    )
    moved = quote(instance_type=("p4d.24xlarge",), provider=("aws",), count=1, whole=False, inter_region_gb="1000")
    between = next(c for c in _of([*moved.offers], "on_demand", "aws").charges if c.category == "inter_region")
    found |= {"inter": _plain(between.amount), "inter_date": between.source.as_of}
    catalog = Catalog()
    for word, name in (("aws", "aws"), ("ali", "alicloud"), ("tc", "tencentcloud")):
        driver = catalog.info(name).driver
        assert driver is not None
        found |= {f"drv_{word}": driver.version, f"mtu_{word}": str(cloud.find(name).mtu)}
    counted = Counter(row["verdict"] for row in table() if row["id"] != "G1")
    return found | {"n_wrong": str(counted["wrong"]), "n_old": str(counted["outdated"])}


def _cpu(name: str) -> str:
    with open(ROOT / "planner" / "data" / "cpus.csv", encoding="utf-8", newline="") as file:
        return next(row[1] for row in csv.reader(file) if row[0] == name)


def table() -> list[dict[str, str]]:
    """Return the rows of tools/claims.csv as they were written."""
    with open(TABLE, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rows(known: dict[str, str]) -> list[dict[str, str]]:
    """Return the rows with their figures."""
    return [{key: value.format_map(known) for key, value in row.items()} for row in table()]


def pages(made: list[dict[str, str]]) -> dict[str, str]:
    """Return the three files, by their path under docs/."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({**row, "command": command(row, zh=False).strip("`")} for row in made)
    return {"claims.csv": out.getvalue(), "claims.md": _page(made, zh=False), "claims.zh.md": _page(made, zh=True)}


def command(row: dict[str, str], *, zh: bool) -> str:
    """Return the command of a claim as the pages have it, or why there is none."""
    said = row["command"]
    return said.split("|")[zh] if said.startswith("none: ") else f"`{said}`"


def _page(made: list[dict[str, str]], *, zh: bool) -> str:
    count = Counter(row["verdict"] for row in made)
    said = ", ".join(f"{VERDICTS[v] if zh else v} {count[v]}" for v in VERDICTS)
    lines = [
        "# 文章的 45 条论断" if zh else "# The article's 45 claims, judged",
        "",
        (
            f"`planner` 源自 2025-09-17 的一篇 DeepSeek 本地部署硬件指南。逐条结论：{said}。数字取自产品本身（`make docs`），同样的表见 "
            "[claims.csv](claims.csv)，英文见 [claims.md](claims.md)。"
            if zh
            else "`planner` grew out of a guide of 2025-09-17 to hardware for DeepSeek models. Each of its claims is judged: "
            f"{said}. Figures are asked of the product itself when this page is made (`make docs`). The same table: "
            "[claims.csv](claims.csv); in Chinese: [claims.zh.md](claims.zh.md)."
        ),
    ]
    for letter, title in GROUPS.items():
        heads = (
            ("论断", "结论", "我们的数字", "来源，日期", "命令")
            if zh
            else ("claim", "verdict", "our figure", "source, date", "command")
        )
        lines += ["", f"## {title[zh]}", "", "| | " + " | ".join(heads) + " |", "|---|---|---|---|---|---|"]
        for row in made:
            if row["id"][0] == letter:
                verdict = VERDICTS[row["verdict"]] if zh else row["verdict"]
                cells = (row["claim_zh" if zh else "claim"], f"**{verdict}**", row["figure_zh" if zh else "figure"])
                where = f"{row['source']}, {row['date']}"
                lines.append(f"| {row['id']} | " + " | ".join((*cells, where, command(row, zh=zh))) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the files, or with `--check` return 1 when one differs."""
    different = 0
    for name, text in pages(rows(values())).items():
        path = ROOT / "docs" / name
        if not path.exists() or path.read_text("utf-8") != text:
            different += 1
            print(f"docs/{name}: {'differs: run `make docs`' if '--check' in sys.argv else 'rewritten'}")
            if "--check" not in sys.argv:
                path.write_text(text, "utf-8")
    return 1 if different and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
