"""A module in Chinese: README.md and RUNBOOKS.md with the same commands, names and numbers as in English, nothing else changed."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner import i18n
from planner.sizing import advisories, engines
from planner.terraform import deploy, module
from planner.terraform.deploy import Settings
from tests.terraform.test_balancer import CERTIFICATE
from tests.terraform.test_module import NOW, quoted
from tests.terraform.test_place import GROUP, NETWORK

PAGES = ("README.md", "RUNBOOKS.md")
#: Ways to emit that the pages tell apart: (provider, fields of the quote, settings).
WAYS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("aws", {}, {}),
    ("aws", {"count": 2, "public_ips": 2}, {"balancer_certificate": CERTIFICATE["aws"], "balancer_name": "llm.example.com"}),
    ("aws", {"purchase_option": ("spot",)}, {"fallback": True, "backend": "s3", "state_bucket": "states"}),
    ("aws", {"instance_type": ("p5.48xlarge",), "purchase_option": ("capacity_block",), "hours": "336"}, {"as_module": True}),
    ("aws", {"instance_type": ("p5.48xlarge",), "model": "DeepSeek-R1", "count": 2}, {**NETWORK["aws"], "security_group_id": GROUP["aws"]}),
    ("aws", {"purchase_option": ("reserved",), "hours": "8760", "storage_gb": "500"}, {"alert_webhook_secret": "hook", "hf_token_secret": "hub"}),
    ("aws", {"engine": "vllm@0.19.1"}, {"reserve_capacity": True, "checkpoint": "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B@" + "0" * 40}),
    ("alicloud", {}, {"fallback": True}),
    ("alicloud", {"count": 2}, {"as_module": True, "backend": "oss"}),
    ("tencentcloud", {"count": 2}, {"registry": "hub.example.cn/llm"}),
    ("aws", {"purchase_option": ("spot",), "count": 4}, {"group": True, "on_demand_share": 30}),
    ("alicloud", {"count": 2}, {"group": True}),
    ("tencentcloud", {"count": 2}, {"group": True}),
    ("tencentcloud", {"purchase_option": ("subscription",)}, {"alert_webhook_secret": "hook", "power_off_on_failure": True}),
]


def both(provider: str, fields: dict[str, Any], settings: dict[str, Any]) -> list[dict[str, str]]:
    quote = quoted(provider, **{"model": "DeepSeek-R1-Distill-Qwen-7B", **fields})
    offer = deploy.pick(quote, provider, option=fields.get("purchase_option", ("on_demand",)))
    limit = Decimal(9) if "spot" in fields.get("purchase_option", ()) else None
    return [
        module.files(deploy.deploy(quote, offer, Settings(NOW, lang=lang, spot_limit=limit, **settings)), quote, offer, {})
        for lang in i18n.LANGUAGES
    ]


def commands(page: str) -> tuple[list[str], Counter[str]]:
    """Return the lines of code, and how often each piece of code and each link stands in the sentences."""
    block = [line for line in page.splitlines() if line.startswith("    ")]
    rest = "\n".join(line for line in page.splitlines() if not line.startswith("    "))
    return block, Counter(re.findall(r"`[^`]+`|\]\([^)]+\)", rest))


def numbers(page: str) -> Counter[str]:
    """Return the numbers of the sentences; how many single things there are, a language may leave out."""
    rest = re.sub(r"`[^`]+`|\[[^]]*\]\([^)]+\)", "", "\n".join(line for line in page.splitlines() if not line.startswith("    ")))
    found = Counter(re.findall(r"\d[\d,.]*\d|\d", rest))
    del found["1"]
    return found


@pytest.mark.parametrize(("provider", "fields", "settings"), WAYS, ids=lambda v: v if isinstance(v, str) else "-".join(v) or "plain")
def test_both_languages_have_the_same_commands_and_numbers(
    provider: str, fields: dict[str, Any], settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: set[str] = set()

    class Strict(i18n.Translator):
        def __call__(self, text: str, /, **values: object) -> str:
            lost.update({text} - set(self._texts))
            return super().__call__(text, **values)

        def say(self, text: Any) -> str:
            lost.update({getattr(text, "key", text)} - set(self._texts))
            return super().say(text)

    monkeypatch.setitem(i18n._MADE, "zh", Strict("zh", "zh-Hans", i18n.rows()))
    english, chinese = both(provider, fields, settings)
    assert not {text for text in lost if text and not text.startswith("{")}, "said in English only"
    for page in PAGES:
        assert commands(chinese[page]) == commands(english[page])
        assert numbers(chinese[page]) == numbers(english[page]), page
        assert len(re.findall(r"[\u4e00-\u9fff]", chinese[page])) > 200
        assert [line.split()[0] for line in chinese[page].splitlines() if line.startswith("#")] == [
            line.split()[0] for line in english[page].splitlines() if line.startswith("#")
        ]
    changed = {path for path in english if english[path] != chinese[path]}
    assert set(english) == set(chinese) and changed <= {*PAGES, "outputs.tf"}
    if "outputs.tf" in changed:  # the sentence of the quoted cost
        assert re.sub(r".*[\u4e00-\u9fff].*", "", chinese["outputs.tf"]).count("\n") == english["outputs.tf"].count("\n")


def test_the_command_says_in_chinese_what_it_wrote(tmp_path: Path) -> None:
    from tests.terraform.test_price import planner

    said = planner("emit-tf", "aws", "--lang", "zh", "--fallback", "-o", str(tmp_path / "m"))
    assert said.code == 0, said.err
    first, *rest = said.out.splitlines()
    assert "个文件" in first and "按量" in first and len(rest) >= 4
    for line in rest:
        assert re.search(r"[\u4e00-\u9fff]", line), line
    assert "## 第一次部署" in (tmp_path / "m/README.md").read_text(encoding="utf-8")
    assert "处置手册" in (tmp_path / "m/RUNBOOKS.md").read_text(encoding="utf-8")


def test_a_stranger_s_part_without_chinese_is_taken_as_it_is() -> None:
    """templates of another distribution may lack `quota.zh.md.j2`: theirs stands there in English."""
    from planner.templating import render
    from tests.conftest import ROOT

    own = str(ROOT / "templates" / "alicloud")
    text = (ROOT / "templates" / "common" / "README.zh.md.j2").read_text(encoding="utf-8")
    parts = re.findall(r"\{% include (\[.*?\])", text)
    assert len(parts) == 4 and all(".zh.md.j2" in part and part.count("md.j2") == 2 for part in parts)
    assert render("common/gitignore.j2", own=own)


def test_what_an_advisory_takes_and_advises_has_chinese_words() -> None:
    known = {english for _, english, _ in i18n.rows()}
    for engine in {b.engine for b in engines.builds()}:
        for found in advisories.judge(engine, advisories.Setting()):
            a = found.advisory
            assert {a.takes, a.mitigation} <= known, a.id
            assert a.severity in known or re.fullmatch(r"[0-9.]+", a.severity), a.id
    page = both("alicloud", {}, {})[1]["README.md"]
    assert "CVE-2026-115911" in page and "拒绝服务" in page and not re.search(r"(严重程度 (medium|high|not read))|建议：upgrade", page)
