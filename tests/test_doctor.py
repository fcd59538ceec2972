"""`planner doctor`: sound and broken installations."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planner import doctor, i18n, provider
from planner.cli import run
from planner.errors import MisuseError, TerraformError
from planner.prices.catalog import Catalog
from planner.terraform import run as terraform

SECRET = "AKIAIOSFODNN7EXAMPLE"
TODAY = "2026-11-26"


class Cloud:
    """An adapter that has credentials, lacks them, or fails with what must not be shown."""

    def __init__(self, name: str, hint: Any) -> None:
        self.name, self.hint = name, hint

    def default_regions(self) -> tuple[str, ...]:
        return ("here",)

    def credentials_hint(self) -> str | None:
        if isinstance(self.hint, Exception):
            raise self.hint
        return self.hint  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def clouds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Cloud]:
    """No network, and a data folder of the test's own."""
    monkeypatch.setenv("PLANNER_HOME", str(tmp_path / "home"))
    made = {name: Cloud(name, None) for name in ("alicloud", "aws", "tencentcloud")}
    monkeypatch.setattr(provider, "load", lambda name: made.get(name) or Cloud(name, "no keys"))
    monkeypatch.setattr(terraform, "version", lambda: "1.11.4")
    return made


_quote: list[Any] = []


@pytest.fixture(autouse=True)
def _once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default quote is made once for all tests."""
    from planner.quoting import build

    made = build.quote

    def kept(*args: Any, **more: Any) -> Any:
        if not _quote:
            _quote.append(made(*args, **more))
        return _quote[0]

    monkeypatch.setattr(doctor.build, "quote", kept)


def examined(engine: str = "") -> list[doctor.Finding]:
    return doctor.examine(Catalog(), TODAY, os.environ, engine)


def of(topic: str, engine: str = "") -> list[tuple[str, str]]:
    return [(f.state, f"{f.said} | {f.todo}") for f in examined(engine) if f.topic == topic]


def test_a_sound_installation_has_every_topic_and_no_fault() -> None:
    found = examined()
    assert list(dict.fromkeys(f.topic for f in found)) == [
        "versions",
        "prices",
        "credentials",
        "terraform",
        "folders",
        "advisories",
    ]
    assert doctor.passed(found)
    assert all(f.todo for f in found if f.state != "fine"), "what is not fine says what to do"


def test_credentials_are_found_or_not_and_never_shown(clouds: dict[str, Cloud]) -> None:
    clouds["aws"].hint = "looked everywhere"
    clouds["alicloud"].hint = ValueError(f"bad key https://user:{SECRET}@host")
    said = of("credentials")
    assert [state for state, _ in said if state == "fine"], said
    assert any("aws: not found (looked everywhere)" in text for _, text in said)
    assert any("alicloud: not found (ValueError" in text for _, text in said)
    assert SECRET not in str(said)


def _no_terraform(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise TerraformError("no terraform on the PATH; install Terraform 1.9 or newer")

    monkeypatch.setattr(terraform, "version", none)


def _old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_PYTHON", (9, 9))


def _missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_requirements", lambda: (["click", "no-such-package"], {"charts": ["no-such-chart"]}))


def _no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_requirements", lambda: ([], {}))


def _no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANNER_HOME", "/proc/nowhere")
    monkeypatch.setattr(os, "access", lambda path, _: not str(path).startswith("/proc"))


def _aged(monkeypatch: pytest.MonkeyPatch) -> None:
    from planner.text import text

    one = _quote[0] if _quote else None
    if one is None:
        examined()
        one = _quote[0]
    stale = type(one.stale[0]) if one.stale else None
    assert stale is not None
    gap = one.gaps[0]._replace(provider="aws") if one.gaps else None
    made = one._replace(
        stale=(stale("aws", "2020-01-01", 90, text("old")),), prices_as_of=one.prices_as_of, gaps=(gap,) if gap else ()
    )
    monkeypatch.setattr(doctor.build, "quote", lambda *_, **__: made)


@pytest.mark.parametrize(
    ("breaks", "topic", "state", "said"),
    [
        (_no_terraform, "terraform", "look", "no terraform on the PATH"),
        (_old_python, "versions", "fault", "install Python 9.9 or newer"),
        (_missing, "versions", "fault", "missing: no-such-package"),
        (
            _missing,
            "versions",
            "fine",
            "the extra charts is not installed (no-such-chart) | only if you want it: pip install 'gpu-cost-planner[charts]'",
        ),
        (_no_package, "versions", "look", "make setup"),
        (
            _no_folder,
            "folders",
            "fault",
            "cannot be written to | the price book and your own prices lie there: make it writable",
        ),
        (_aged, "prices", "look", "fetch newer ones: planner refresh"),
    ],
)
def test_what_is_broken_is_named_with_what_to_do(
    breaks: Callable[[pytest.MonkeyPatch], None], topic: str, state: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaks(monkeypatch)
    found = of(topic)
    assert any(have == state and said in text for have, text in found), found
    assert doctor.passed(examined()) is (state != "fault" and breaks is not _missing)


def test_lists_that_cannot_be_read_are_a_fault_and_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from planner.errors import CatalogError

    def broken(*_: Any, **__: Any) -> Any:
        raise CatalogError("on_demand.csv:7: not a price")

    monkeypatch.setattr(doctor.build, "quote", broken)
    assert of("prices") == [("fault", "on_demand.csv:7: not a price | ")]


def test_an_engine_that_a_module_would_refuse_is_a_fault() -> None:
    found = of("advisories", "vllm@0.11.0")
    assert found and all(text.startswith("vLLM@0.11.0") for _, text in found)
    assert any(state == "fault" and "CVE-2026-22778" in text and "advised: " in text for state, text in found), found
    assert {state for state, _ in of("advisories")} <= {"fine", "look"}, "what modules deploy is in no critical range"
    with pytest.raises(MisuseError):
        examined("nothing@1")


def test_the_command_in_text_json_and_chinese(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["doctor"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("Versions\n  fine: planner ") and "0 faults" in text.splitlines()[-1]
    assert run(["doctor", "--format", "json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert (
        body["schema"] == "planner.doctor/1"
        and body["ok"] is True
        and {f["state"] for f in body["findings"]} <= {"fine", "look"}
    )
    assert run(["doctor", "--lang", "zh"]) == 0
    zh = capsys.readouterr().out
    assert "凭证" in zh and "0 项故障" in zh and "needed and there" not in zh
    _old_python(monkeypatch)
    assert run(["doctor", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False
    assert run(["doctor", "--engine", "nothing@1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_every_sentence_has_its_chinese(monkeypatch: pytest.MonkeyPatch, clouds: dict[str, Cloud]) -> None:
    known = {english for _, english, _ in i18n.rows()}
    clouds["aws"].hint = "none"
    for breaks in (_no_terraform, _old_python, _missing, _no_folder):
        breaks(monkeypatch)
    found = examined() + examined("vllm@0.11.0")
    keys = {one.key for f in found for one in (f.said, f.todo) if one} - {"{why}"}
    assert len(keys) > 15 and sorted(keys - known) == []
