"""Two languages: a complete table, and Chinese outputs in which only names are left in English."""

import ast
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from planner import i18n, workload
from planner.errors import MisuseError
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build
from planner.rendering import explain, formats, html, markdown, table
from planner.text import text

openpyxl = pytest.importorskip("openpyxl")
ROOT = Path(__file__).parent.parent
ROWS = i18n.rows()
IN_PAGE = re.compile(r"""\bt\(\s*(?:"((?:[^"\\]|\\.)*)"|'([^'\\]*)')[,)]""")
CASES = (
    {},
    {"rps": "2", "storage_gb": "100", "egress_gb": "500", "public_ips": "1", "tax": "6%", "budget": "900"},
    {"count": 3, "hours": "8760", "discount": ("aws=10%",), "inter_region_gb": "50"},
)
#: Words that are names: clouds, currencies, GPUs, engines, commands, file names, units as symbols.
NAMES = set(
    """aws alicloud tencentcloud alibaba cloud tencent us east cn beijing hangzhou ap guangzhou mainland use az spot
    deepseek distill qwen usd cny gpu gpus gib gb gbps vcpu vllm lmdeploy turbomind sglang token tp pp mla kv nvidia fp
    bf int awq gptq int8 ipv ip eur ecb json csv planner explain offer format or region name all tax refresh aliyun com tencentcloud
    international ebs essd hssd ms min ceil docs sizing md focus cloud_hssd gp pl cloud_essd xlarge large metal
    top gaps rejected wide tok help sxm pcie vgpu cc ada gflop tflops mfu mbu""".split()
)


@pytest.fixture(scope="module", params=range(len(CASES)))
def quote(request):
    rates = fx.Rates(fx.committed(""), ())
    return build.quote(workload.make(CASES[request.param]), Catalog(), "2026-11-23", rates)


def used_texts():
    texts = set()
    for path in (ROOT / "planner").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            if called == "t" and node.args:
                texts.add(getattr(node.args[0], "value", None))
            elif called == "plural":
                texts.update(getattr(arg, "value", None) for arg in node.args[1:])
    for name in ("page.html", "page.js"):
        found = IN_PAGE.findall((ROOT / "templates" / "report" / name).read_text(encoding="utf-8"))
        texts.update(a or b for a, b in found)
    return {text for text in texts if isinstance(text, str)}


def test_every_text_in_code_and_page_has_a_row():
    texts = used_texts()
    assert len(texts) > 150
    assert sorted(texts - {english for _, english, _ in ROWS}) == []


#: What is looked up and stays: citations of sources, names of machines and books, and templates that only list values.
CITED = ("fitted on", "config.json of", "own knowledge", "torch total capacity", "ECB euro reference", "aws", "{")
EVERYTHING = (
    {
        "use": "300h/month x12",
        "egress_gb": "700",
        "storage_gb": "100",
        "public_ips": "2",
        "contract": ["aws=120000x12:8%:50%"],
        "fiscal_year_start": "april",
        "tag": ["team=search"],
        "tax": ["aws=6%", "alicloud=13%:included:recoverable"],
        "budget": "1000",
        "discount_rate": "10%",
    },
    {"hours": "720", "gpu": "A100", "inter_region_gb": "50"},
)


@pytest.mark.parametrize("asked", EVERYTHING)
@pytest.mark.parametrize("form", ["table", "markdown", "html", "xlsx", "csv"])
def test_no_output_looks_up_a_text_without_a_row(asked, form, monkeypatch):
    """Also those that the code names by a variable: keys, units, columns."""
    lost = set()

    class Strict(i18n.Translator):
        def __call__(self, text, /, **values):
            lost.update({text} - set(self._texts))
            return super().__call__(text, **values)

        def say(self, text):
            lost.update({getattr(text, "key", text)} - set(self._texts))
            return super().say(text)

    monkeypatch.setitem(i18n._MADE, "zh", Strict("zh", "zh-Hans", ROWS))
    made = build.quote(workload.make(asked), Catalog(), "2026-11-23", fx.Rates(fx.committed(""), ()), whole=True)
    formats.render(made, form, lang="zh")
    machines = {o.instance_type for o in made.offers} | {r.instance_type for r in made.rejected}
    assert sorted(t for t in lost - machines if t and not t.startswith(CITED)) == []


@pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")
def test_the_chinese_workbook_has_no_keys():
    made = build.quote(
        workload.make({"gpu": "A100", "egress_gb": "90"}),
        Catalog(),
        "2026-11-23",
        fx.Rates(fx.committed(""), ()),
        whole=True,
    )
    book = openpyxl.load_workbook(io.BytesIO(formats.render(made, "xlsx", lang="zh")), data_only=True)
    costs = [row for row in book["成本计算"].iter_rows(min_row=6, values_only=True) if row[0]]
    assert {row[3] for row in costs} >= {"按量付费", "预留实例", "竞价实例"}
    assert {row[7] for row in costs} <= {"月", "小时", "小时数 / 730", None, ""}
    units = {row[6] for row in book["价格"].iter_rows(min_row=5, values_only=True) if row[0]}
    assert units & {"小时", "月"} and not units & {"hour", "month", "term"}


def test_rows_are_whole_and_unique():
    assert len({key for key, _, _ in ROWS}) == len(ROWS)
    assert len({english for _, english, _ in ROWS}) == len(ROWS)
    for key, english, chinese in ROWS:
        assert english, key
        assert chinese or key == "text.blank", key
        gaps = set(re.findall(r"\{(\w+)\}", english))
        assert set(re.findall(r"\{(\w+)(?:!t)?\}", chinese)) <= gaps, key


def english_left(words):
    text = re.sub(r"`[^`]*`|https?://\S+|[\w./-]+\.(?:csv|md|json|com|toml)\S*", " ", words)
    text = re.sub(
        r"\b(?:CVE|PYSEC|GHSA)-[\w-]+|(?<![\w.])/[a-z]\w*(?:/\w+)+", " ", text
    )  # identifiers, paths of the API
    text = re.sub(r"\b(?=\w*\d)[\w.:/@-]+", " ", text)
    return sorted({w for w in re.findall(r"[A-Za-z_]{2,}", text) if w.lower() not in NAMES and len(w) > 2})


def machine_names(quote):
    """Names of the catalogue: types, GPUs, regions."""
    parts = [quote.workload.model, *(g.message for g in quote.gaps)]
    for o in quote.offers:
        parts += [o.instance_type, o.gpu.model, o.region, o.zone, o.site]
    for r in quote.rejected:
        parts += [r.instance_type, r.region]
    result = set()
    for part in parts[:1] + parts[1 + len(quote.gaps) :]:
        result |= {w.lower() for w in re.findall(r"[A-Za-z_]{2,}", part)}
    return result


def check(text, quote):
    left = [w for w in english_left(text) if w.lower() not in machine_names(quote)]
    assert left == []


def test_chinese_table_has_no_english_left(quote):
    text = table.dump(quote, lang="zh", gaps=True, rejected=True) + table.dump(quote, lang="zh", width=80)
    gaps = [line for line in text.splitlines() if "没有价格：" in line]
    check("\n".join(line for line in text.splitlines() if line not in gaps), quote)
    assert all("实例规格" in g for g in gaps)


def test_chinese_markdown_has_no_english_left(quote):
    text = markdown.dump(quote, lang="zh").replace("details", "").replace("summary", "").replace("\\", "")
    check("\n".join(line for line in text.splitlines() if "没有价格：" not in line), quote)


def test_chinese_explanation_has_no_english_left(quote):
    lines = explain.dump(quote, quote.offers[0], i18n.translator("zh")).splitlines()
    # Sources are citations and stay as their authors wrote them; the id is a name.
    kept = [line for line in lines[1:] if "来源：" not in line and "价格行" not in line]
    assert len(kept) < len(lines)
    check("\n".join(kept), quote)


def test_chinese_page_has_no_english_left(quote):
    page = html.dump(quote, top=1, lang="zh")
    body = page.split("<body>")[1].split('<script type="application/json"')[0]
    body = re.sub(r'<td role="cell" data-label="来源".*?</td>|<td class="source">.*?</td>', " ", body)
    labels = " ".join(re.findall(r'(?:aria-label|data-label|title)="([^"]*)"', body))
    text = re.sub(r"<[^>]+>", "\n", body)
    kept = [
        x
        for x in text.splitlines()
        if "没有价格：" not in x and "Apache" not in x and "http" not in x and "CurrencyConverter" not in x
    ]
    check("\n".join(kept) + labels, quote)


def test_a_forgotten_translation_is_found():
    assert english_left("价格 of the past, 3 台 g6.xlarge") == ["past", "the"]


def test_say_puts_values_of_a_sentence_into_the_translation():
    t = i18n.translator("zh")
    assert t.say(text("the window needs {n} terms; each is counted at today's price", n=12)) == (
        "该期间需要 12 个期限；均按当前价格计"
    )
    assert t.say(text("Disk ({what})", what="gp3")) == "磁盘（gp3）"
    assert t.say(text("undated price: {text}", text=text("no such {thing}", thing="{evil}"))).endswith("no such {evil}")
    assert t.say("no such sentence anywhere") == "no such sentence anywhere"
    assert t("Amounts in {code}", code="{evil}") == "金额单位：{evil}"


def test_every_sentence_in_code_has_a_row():
    """Keys given to `text` and `raw` as they stand; those put together at run time are found by the outputs in Chinese."""
    known = {english for _, english, _ in ROWS}
    missing = set()
    for path in (ROOT / "planner").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("text", "raw") and node.args:
                key = getattr(node.args[0], "value", None)
                if (
                    isinstance(key, str)
                    and re.search(r"[A-Za-z]{2,}", re.sub(r"\{\w+\}", "", key))
                    and key not in known
                ):
                    missing.add(key)
    assert sorted(missing) == []


def test_english_reads_no_table():
    code = "import planner.i18n as i; i.rows = None; t = i.translator('en'); assert t('a {b}', b=1) == 'a 1' and t.say('x') == 'x'"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_unknown_language_is_refused():
    with pytest.raises(MisuseError, match="en and zh"):
        i18n.translator("fr")


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("价格", 4), ("a价", 3), ("e\u0301", 1)])
def test_width(text, columns):
    assert i18n.width(text) == columns
    assert i18n.width(i18n.pad(text, 9)) == i18n.width(i18n.pad(text, 9, right=True)) == 9


def test_chinese_columns_line_up(quote):
    lines = table.dump(quote, lang="zh", width=160).splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().startswith("云厂商"))
    grid = lines[start : lines.index("", start)]
    regions = {o.region for o in quote.offers}
    places = {i18n.width(line[: line.index(r)]) for line in grid[1:] for r in regions if f" {r} " in line}
    assert len(places) == 1
    assert len(grid) > 3
