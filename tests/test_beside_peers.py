"""Peers beside planner: what is skipped says why, what is given to them is ours, and the accuracy is that of the kept answers."""

from __future__ import annotations

import csv
import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import accuracy, page, peers, results
from benchmarks.__main__ import absent
from benchmarks.pairs import environment
from planner.prices.catalog import Catalog


def test_a_peer_that_is_not_installed_is_skipped_and_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what an earlier run measured stays."""
    monkeypatch.setenv(peers.FOLDER, str(tmp_path / "peers"))
    monkeypatch.setenv(results.FOLDER, str(tmp_path))
    monkeypatch.setattr(peers, "lists", lambda folder: {})
    monkeypatch.setattr(peers, "answered", lambda env, folder: {})
    assert peers.main([]) == 0
    said = capsys.readouterr().out
    data = results.handed(tmp_path, "peers")
    assert data is not None and absent({"data": data}) and not absent({"data": None})
    for peer in peers.PEERS:
        assert (
            f"{peer.package} {peer.version}: skipped: not installed: python -m benchmarks.peers --install {peer.package}"
            in said
        )
        assert f"- {peer.package} {peer.version} is not in this run: not installed" in page.peers(data)


def test_another_version_than_the_one_asked_is_not_timed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(peers.FOLDER, str(tmp_path))
    peer = peers.PEERS[0]
    peer.python.parent.mkdir(parents=True)
    peer.python.write_text("#!/bin/sh\necho 0.0.1\n", encoding="utf-8")
    peer.python.chmod(0o755)
    assert peers.why_not(peer) == f"0.0.1 is installed, {peer.version} is asked: install it anew"
    peer.python.write_text(f"#!/bin/sh\necho {peer.version}\n", encoding="utf-8")
    assert peers.why_not(peer) == ""


def test_an_unknown_peer_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert peers.main(["--install", "skypilott"]) == 2
    assert "known: skypilot, gpuhunt" in capsys.readouterr().err


def test_the_lists_that_peers_are_given_are_ours(tmp_path: Path) -> None:
    where = peers.lists(tmp_path)
    with Path(where["GPUHUNT_CATALOG_DIR"], "aws.csv").open(encoding="utf-8") as file:
        hunt = list(csv.DictReader(file))
    with Path(where["SKY_RUNTIME_DIR"], ".sky/catalogs/v8/aws/vms.csv").open(encoding="utf-8") as file:
        sky = list(csv.DictReader(file))
    ours = {
        p.way.instance_type: str(p.amount)
        for p in Catalog().prices("aws", "us-east-1")
        if p.way.purchase_option == "on_demand" and not p.status
    }
    one = [r for r in hunt if (r["instance_name"], r["location"], r["spot"]) == ("p4d.24xlarge", "us-east-1", "False")]
    two = [r for r in sky if (r["InstanceType"], r["Region"]) == ("p4d.24xlarge", "us-east-1")]
    assert [r["price"] for r in one] == [r["Price"] for r in two] == [ours["p4d.24xlarge"]]
    assert (one[0]["gpu_name"], one[0]["gpu_count"], two[0]["AcceleratorName"]) == ("A100", "8", "A100")
    assert len(hunt) > 800 and len(sky) > 500


def test_every_question_is_put_to_every_peer() -> None:
    """A script of ask/ may not lose a question: what it does not say is counted as unanswered, with the reason."""
    for peer in peers.PEERS:
        text = (peers.ASK / f"{peer.script}.py").read_text(encoding="utf-8")
        table = text[text.index("QUESTIONS = {") :]
        assert [name for name in peers.QUESTIONS if f'"{name}":' not in table] == [], peer.script
    kept = results.read()["parts"]["peers"]["data"]["peers"]
    for name, one in kept.items():
        if "skipped" not in one:
            assert set(one["answers"]) == set(peers.QUESTIONS), name
            assert not any("its script ended" in a["said"] for a in one["answers"].values()), name


def test_planner_answers_every_question_that_peers_are_asked(tmp_path: Path) -> None:
    assert set(peers.OURS) == set(peers.QUESTIONS)
    found = peers.answered(environment(tmp_path), tmp_path)
    assert [name for name, answer in found.items() if not answer["yes"]] == [], found
    assert found["aws"]["said"] == "21.957642 USD hour" and "83.16" in found["egress"]["said"], found


def test_what_scripts_share_prints_answers_and_reasons() -> None:
    code = (
        "from said import NoAnswer, answers\n"
        "def no(): raise NoAnswer('has a price only')\n"
        "def bad(): raise ValueError('x\\n y')\n"
        "def loud(): print('noise'); return '3'\n"
        "answers({'a': loud, 'b': no, 'c': bad})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=peers.ASK, capture_output=True, text=True, check=True)
    assert [tuple(json.loads(line).values()) for line in done.stdout.splitlines()] == [
        ("a", True, "3"),
        ("b", False, "has a price only"),
        ("c", False, "ValueError: x y"),
    ]


def test_the_accuracy_is_computed_anew_from_the_kept_answers() -> None:
    """What the page says is what the answers give today; a fit or a formula that moved asks for a new run."""
    found = json.loads(json.dumps(accuracy.compared()))
    assert found == results.read()["parts"]["accuracy"]["data"], "python -m benchmarks --keep accuracy"
    assert accuracy_text(found) in results.PAGE.read_text(encoding="utf-8")


def test_a_newer_fit_and_rows_that_nobody_was_asked_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = accuracy.compared()
    assert "are not made anew" not in page.accuracy(found)
    monkeypatch.setattr(accuracy, "now_of", lambda: "2031-02-03")
    assert "the released fit is that of 2031-02-03" in page.accuracy(accuracy.compared())
    with accuracy.KEPT.open(encoding="utf-8") as file:
        lines = [line for line in file if not line.startswith("own001,")]
    (tmp_path / "kept.csv").write_text("".join(lines), encoding="utf-8")
    assert accuracy.compared(tmp_path / "kept.csv")["rows"] == found["rows"] - 1


def test_who_is_asked_anew_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert accuracy.main(["--ask", "chimera"]) == 2
    assert "known: planner, aiconfigurator, chimeraforge" in capsys.readouterr().err


def accuracy_text(found: results.Data) -> str:
    return page.accuracy(found)


def test_the_figures_are_those_of_a_calculation_by_hand() -> None:
    """Median and share of the peers, from the file's lines and the measured numbers, without what accuracy.py does."""
    measured = {r.id: r.value for r in accuracy.points()}
    with accuracy.KEPT.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    found = accuracy.compared()
    for who in ("aiconfigurator", "chimeraforge", accuracy.MODEL):
        off = [
            abs(float(line["tokens_per_second"]) / measured[line["id"]] - 1)
            for line in lines
            if line["who"] == who and line["tokens_per_second"]
        ]
        assert found["each"][who]["rows"] == len(off) >= 100
        assert found["each"][who]["median"] == pytest.approx(statistics.median(off), abs=1e-4)
        assert found["each"][who]["within"] == pytest.approx(sum(x <= 0.25 for x in off) / len(off), abs=1e-4)


def test_every_row_has_an_answer_or_a_reason_of_each() -> None:
    _, lines = accuracy.kept()
    rows = {line["id"] for line in lines}
    assert len(rows & {r.id for r in accuracy.points()}) >= 150
    for who in accuracy.ORDER:
        mine = [line for line in lines if line["who"] == who]
        if who != accuracy.SEEN:
            assert {line["id"] for line in mine} == rows and len(mine) == len(rows), who
            assert all(bool(line["tokens_per_second"]) != bool(line["why_not"]) for line in mine), who
    assert len({line["version"] for line in lines if line["who"].startswith("planner")}) == 1
    asked = {line["who"]: line["version"] for line in lines}
    pinned = {peer.package: peer.version for peer in peers.PEERS}
    assert all(asked[who] == pinned[who] for who in accuracy.PEERS)
