"""The page as text: whole, small, its figures the quote's, and no text of the user's can become markup or code."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner import workload
from planner.money import show
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build
from planner.quoting.choose import advise, worth_showing
from planner.rendering import html

ROOT = Path(__file__).parent.parent.parent
BASE = build.quote(
    workload.make({"provider": ("aws",), "instance_type": ("p4d.24xlarge",), "egress_gb": "10"}),
    Catalog(),
    "2026-11-23",
    fx.Rates(fx.committed(""), ()),
)
EVIL = (
    "</script><script>x()</script>",
    "<img src=x onerror=x()>",
    "'\"><svg/onload=x()>",
    "{{7*7}}",
    "]]>",
    "<!--",
    "&lt;",
)


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.scripts, self.inside = [], [], [], False

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *a) for a in attrs]
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "script"

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data


def parse(page):
    parser = Elements()
    parser.feed(page)
    return parser


def test_page_is_small_and_asks_for_nothing():
    page = html.dump(BASE)
    assert len(page.encode()) < 1_500_000
    parsed = parse(page)
    assert not {"link", "img", "iframe", "object", "base"} & set(parsed.tags)
    assert not [a for a in parsed.attributes if a[1] in ("src", "srcset", "action") or a[1].startswith("on")]
    assert [a[2] for a in parsed.attributes if a[1] == "href"] == ["#options"]
    assert "url(" not in page.split("</style>")[0]
    policy = next(a[2] for a in parsed.attributes if a[0] == "meta" and a[1] == "content" and "default-src" in a[2])
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe-eval" not in policy


def test_figures_are_the_quote_s_without_scripts():
    page = html.dump(BASE, top=50)
    for offer in worth_showing(BASE, 50):
        row = page.split(f'data-offer="{offer.id}"')[1].split("</tr>")[0]
        for amount in (offer.totals.report.effective, offer.totals.report.billed, offer.totals.report.committed):
            assert f">{show(amount)}<" in row
        for charge in offer.charges:
            assert charge.source.place in page and charge.source.as_of in page
    assert show(advise(BASE).best.totals.report.obligation) in page


def test_same_quote_same_bytes():
    assert html.dump(BASE, top=1, lang="zh") == html.dump(BASE, top=1, lang="zh")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.sampled_from(EVIL), st.text(min_size=1, max_size=60)), st.sampled_from(["en", "zh"]))
def test_a_name_stays_text(name, lang):
    quote = BASE._replace(workload=BASE.workload._replace(name=name, egress_to=name), notes=(name,))
    page, plain_page = (
        parse(html.dump(quote, top=1, lang=lang)),
        parse(html.dump(BASE._replace(workload=BASE.workload._replace(name="x"), notes=("x",)), top=1, lang=lang)),
    )
    assert page.tags == plain_page.tags
    assert [a for a in page.attributes if a[1].startswith("on")] == []
    assert page.scripts[1] == plain_page.scripts[1]
    json.loads(page.scripts[0])


def test_advice_counts_all_obligations():
    said = advise(BASE)
    assert said.best.purchase_option == "capacity_block"  # 840 h x 11.80 is less than 720 h x 21.96
    lasting = said.lasting
    assert lasting.totals.report.effective < said.best.totals.report.effective
    assert lasting.totals.report.obligation >= lasting.totals.report.committed
    egress = sum(c.billed for c in lasting.charges if c.category == "egress")
    assert lasting.totals.report.obligation == lasting.totals.report.committed + egress


def test_vendored_libraries_name_version_and_licence():
    folder = ROOT / "templates" / "report" / "vendor"
    said = (folder / "README.md").read_text(encoding="utf-8")
    for library in folder.glob("*.min.js"):
        version = re.search(rf"\| {re.escape(library.name)} \|.*?\| (\d+\.\d+\.\d+) \|", said)
        assert version, library.name
        assert version[1] in library.read_text(encoding="utf-8"), library.name
    assert len(list(folder.glob("LICENSE-*"))) >= 3


def test_whole_process_stays_light():
    code = (
        "import sys; from planner.cli import run; run(['quote','--format','html','-o',sys.argv[1]]);"
        "print(sorted(m for m in ('boto3','matplotlib','xlsxwriter','sqlite3') if m in sys.modules))"
    )
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-c", code, f"{folder}/p.html"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("option", [["--compare", "x.json"], ["--charts", "/nonexistent/folder"]])
def test_misuse_is_one_line(option):
    done = subprocess.run(
        [sys.executable, "-m", "planner", "quote", *option], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
