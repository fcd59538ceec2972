"""What is published against an engine: which version it is in, what a module makes of it, what is refused."""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime

import pytest

from planner.errors import MisuseError
from planner.files import DATA
from planner.sizing import advisories, engines, models
from planner.sizing.advisories import Advisory, Setting
from planner.terraform import deploy, module
from planner.terraform import stack as stacks
from tests.conftest import make_quote

TEXT, VISION = Setting(), Setting(images=True)


def rows() -> list[dict[str, str]]:
    with open(os.path.join(DATA, "advisories.csv"), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def finding(version: str, name: str, setting: Setting = TEXT) -> advisories.Finding:
    return next(f for f in advisories.judge(engines.parse(version), setting) if name in f.advisory.names)


def test_every_row_says_by_which_way_it_comes() -> None:
    words = {"port", "request", "image", "model", "pp", "unused"}
    for row in rows():
        assert row["reach"] in words or all(part.startswith("/") for part in row["reach"].split()), row["id"]
        assert row["reach"] and row["source"] and row["confirmed"], row["id"]


@pytest.mark.parametrize(
    ("severity", "score"),
    [("9.1", 9.1), ("10", 10.0), ("critical", 9.0), ("high", 7.0), ("medium", 5.0), ("not read", 0.0)],
)
def test_a_severity_is_a_number(severity: str, score: float) -> None:
    assert Advisory("X-1", severity, "", "", "port", True).score == score


@pytest.mark.parametrize(
    ("version", "name", "setting", "reached", "answer"),
    [
        ("vllm@0.19.1", "CVE-2026-48746", TEXT, False, "loopback"),
        ("lmdeploy@0.17.0", "CVE-2026-119706", TEXT, False, "loopback"),
        ("vllm@0.11.0", "CVE-2026-22778", TEXT, False, "takes no images"),
        ("vllm@0.11.0", "CVE-2026-22778", VISION, True, "nothing"),
        ("vllm@0.11.0", "CVE-2026-22807", TEXT, True, "--checkpoint ORG/NAME@SHA"),
        ("vllm@0.11.0", "CVE-2026-22807", Setting(pinned=True), False, "pinned"),
        ("vllm@0.31.0", "PYSEC-2026-4349", TEXT, False, "does not open /v1/responses"),
        ("vllm@0.19.1", "GHSA-v97p-wpxp-px84", TEXT, False, "no replica spans"),
        ("vllm@0.19.1", "GHSA-v97p-wpxp-px84", Setting(pp=2), True, "nothing"),
    ],
)
def test_what_a_module_makes_of_it(version: str, name: str, setting: Setting, reached: bool, answer: str) -> None:
    found = finding(version, name, setting)
    assert found.reached is reached and answer in str(found.answer)


def test_a_path_that_an_open_advisory_names_stays_closed() -> None:
    assert "/v1/responses" not in advisories.paths(engines.parse("vllm@0.31.0"))
    assert "/v1/responses" in advisories.paths(engines.parse("vllm@0.33.0"))
    assert "/v1/rerank" not in advisories.paths(engines.parse("vllm@0.29.0"))
    assert {"/v1/rerank", "/v1/embeddings", "/v1/messages"} <= set(advisories.paths(engines.parse("vllm@0.31.0")))
    assert advisories.paths(engines.parse("lmdeploy@0.17.0")) == (
        "/v1/models",
        "/v1/completions",
        "/v1/chat/completions",
    )


def test_only_what_was_read_is_fatal() -> None:
    known = Advisory("CVE-1", "9.8", "", "", "request", True)
    guessed = known._replace(id="CVE-2", read=False)
    found = tuple(advisories._finding(a, TEXT) for a in (known, guessed, known._replace(id="CVE-3", severity="8.9")))
    assert [f.advisory.id for f in advisories.fatal(found)] == ["CVE-1"]


def _emit(monkeypatch: pytest.MonkeyPatch, row: dict[str, str], engine: str = "", *accept: str) -> str:
    """Emit with one more row in the table of advisories; return the README."""
    given = Advisory(
        row["id"], row["severity"], row["takes"], row["mitigation"], row["reach"], row.get("read", "yes") == "yes"
    )
    quote = make_quote(provider=("aws",), instance_type=("p4d.24xlarge",), engine=engine)  # sizings are kept: first
    monkeypatch.setattr(advisories, "opened", lambda engine: (given,))
    settings = deploy.Settings(datetime(2026, 11, 24, tzinfo=UTC), accept_advisory=accept)
    offer = deploy.pick(quote, "aws")
    return module.files(deploy.deploy(quote, offer, settings), quote, offer, {})["README.md"].replace("\\", "")


BAD = {
    "id": "CVE-2026-1 / GHSA-x",
    "severity": "9.8",
    "takes": "any request: code runs",
    "mitigation": "upgrade",
    "reach": "request",
}


def test_a_critical_one_that_is_reached_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MisuseError) as error:
        _emit(monkeypatch, BAD)
    for words in ("CVE-2026-1 / GHSA-x", "9.8", "any request: code runs", "--engine", "--accept-advisory CVE-2026-1"):
        assert words in str(error.value)


@pytest.mark.parametrize("name", ["CVE-2026-1", "GHSA-x"])
def test_it_can_be_taken_on_by_either_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert "taken on by --accept-advisory" in _emit(monkeypatch, BAD, "", name)
    with pytest.raises(MisuseError, match=r"not open in vLLM@.*open there: CVE-2026-1"):
        _emit(monkeypatch, BAD, "", "CVE-2026-2")


@pytest.mark.parametrize(
    "change",
    [
        {"reach": "port"},
        {"severity": "8.9"},
        {"severity": "high"},
        {"read": "no"},
        {"reach": "unused"},
        {"reach": "/v9/x"},
    ],
)
def test_the_others_are_warned_of_with_the_answer(monkeypatch: pytest.MonkeyPatch, change: dict[str, str]) -> None:
    readme = _emit(monkeypatch, {**BAD, **change})
    assert "CVE-2026-1" in readme and "Here: " in readme


def test_a_version_that_was_asked_for_is_only_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    readme = _emit(monkeypatch, BAD, "vllm@0.31.0")
    assert (
        "is open to CVE-2026-1 / GHSA-x (severity 9.8): any request: code runs." in readme
        and "advised: upgrade" in readme
    )
    with pytest.raises(MisuseError, match="accept-advisory"):
        _emit(monkeypatch, BAD, "vllm")


def test_a_quote_and_size_say_what_is_serious() -> None:
    quote = make_quote(provider=("aws",), instance_type=("p4d.24xlarge",), engine="vllm@0.19.1")
    assert any("vLLM@0.19.1 is open to CVE-2026-48746" in str(n) and "loopback" in str(n) for n in quote.notes)
    newest = make_quote(provider=("aws",), instance_type=("p4d.24xlarge",))
    assert not [n for n in newest.notes if "is open to" in str(n)]


def test_no_default_needs_an_advisory_accepted() -> None:
    for build in engines.builds():
        if build.rank:
            for setting in (TEXT, VISION):
                assert not advisories.fatal(advisories.judge(build.engine, setting)), build.engine.label


@pytest.mark.parametrize(
    ("model", "images"), [("Qwen3-VL-8B", True), ("gemma-3-27b", True), ("Qwen2.5-7B", False), ("DeepSeek-R1", False)]
)
def test_which_models_take_images(model: str, images: bool) -> None:
    assert models.find(model).images is images


def test_the_door_opens_what_the_version_may(monkeypatch: pytest.MonkeyPatch) -> None:
    from planner.terraform import bootstrap
    from tests.bootstrap.variants import VARIANTS

    caddy = bootstrap.render(VARIANTS["p4d"])["files/Caddyfile"]
    assert (
        "path /health /v1/models /v1/completions /v1/chat/completions /v1/embeddings /v1/rerank /v1/messages\n" in caddy
    )
    caddy = bootstrap.render(VARIANTS["g6e-sglang"])["files/Caddyfile"]
    assert (
        "path /health /v1/models /v1/completions /v1/chat/completions /v1/embeddings /v1/responses /v1/messages\n"
        in caddy
    )
    assert stacks.DEPLOYED == ("vllm", "lmdeploy", "sglang")
