"""The tables in docs/sizing.md are what the tools say today, and every GPU of the catalogue has its row."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import fit_sizing
import sizing_tables

from planner.sizing import estimate

DOC = (ROOT / "docs" / "sizing.md").read_text(encoding="utf-8")


def between(mark: str) -> str:
    return DOC.partition(f"<!-- {mark} -->\n")[2].partition(f"\n<!-- /{mark} -->")[0]


def test_what_runs_where_as_documented() -> None:
    assert between("runs") == sizing_tables.runs(), "run: make sizing"


def test_the_pages_name_the_versions_of_the_engine_table() -> None:
    """No page may speak of a version that the table neither holds nor calls measured."""
    import re

    from planner.sizing import engines

    page = (ROOT / "docs" / "bootstrap.md").read_text(encoding="utf-8")
    assert f"<!-- builds -->\n{sizing_tables.builds()}\n<!-- /builds -->" in page, "run: make sizing"
    told = {b.engine.version for b in engines.builds()} | {"0.11.1", "0.7.3", "0.20", "0.8", "0.17", "0.4"}
    deployed = {b.engine.version for b in engines.builds() if b.rank}
    assert all(version in DOC + page for version in deployed)
    for text in (DOC, page):
        outside = re.sub(r"<!-- builds -->.*<!-- /builds -->", "", text, flags=re.S)
        for version in re.findall(r"(?:vLLM|LMDeploy|vllm)[ @]v?(\d+\.\d+(?:\.\d+)?)", outside):
            assert version in told, version


def test_named_instances_as_documented() -> None:
    table = sizing_tables.named()
    assert between("named") == table, "run: make sizing"
    for name in sizing_tables.NAMED:
        for short, _ in sizing_tables.MODELS:
            assert table.count(f"| {name} | {short} |") == 2


def test_every_gpu_of_the_catalogue_is_sized_or_refused_with_a_reason() -> None:
    table = sizing_tables.families()
    assert between("families") == table, "run: make sizing"
    shown = {line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]}
    assert shown == {spec.gpu_model for spec in sizing_tables.catalogue()}
    for line in table.splitlines()[2:]:
        cells = [c.strip() for c in line.strip("|").split("|")]
        assert len(cells) == 6
        assert all(cells)


@pytest.fixture(scope="module")
def rows() -> list[fit_sizing.Row]:
    return [r for r in fit_sizing.rows() if r.fit and r.source != "gpustack"]


def test_committed_parameters_still_give_the_documented_error(rows: list[fit_sizing.Row]) -> None:
    p = estimate.calibration().parameters
    errors = [fit_sizing.error(r, p) for r in rows if r.scope and r.kind != "ttft"]
    assert fit_sizing.line("in sample: throughput and TPOT", errors) in between("accuracy")
    assert estimate.calibration().rows == len(rows)


def test_the_newest_measured_version_is_the_rows_own(rows: list[fit_sizing.Row]) -> None:
    assert estimate.calibration().measured == fit_sizing.measured(rows)
    assert estimate.calibration().measured["vllm"] == "0.26.0"


def cell(name: str, column: int) -> float:
    line = next(x for x in between("accuracy").splitlines() if x.startswith(f"| {name}"))
    return float(line.split("|")[column].strip().rstrip("%"))


def test_documented_error_keeps_the_promise() -> None:
    assert cell("unseen rows (10 random parts): **throughput", 3) <= 15
    assert cell("unseen rows (10 random parts): **throughput", 4) <= 45
    assert cell("unseen source: **throughput", 3) <= 20


def test_fresh_measurements_on_a_current_engine_are_predicted_well(rows: list[fit_sizing.Row]) -> None:
    """The default engine is the one these rows were measured on; 30 % is outside of what any of them is off."""
    p = estimate.calibration().parameters
    own = [r for r in rows if r.source == "own" and r.kind != "ttft"]
    off = sorted(abs(fit_sizing.error(r, p)) for r in own)
    assert len(off) > 40
    assert off[len(off) // 2] < 0.06
    assert off[-1] < 0.30


def test_old_engines_are_slower_on_the_same_card(rows: list[fit_sizing.Row]) -> None:
    row = next(r for r in rows if r.id == "t0028")
    p = estimate.calibration().parameters
    from planner.sizing import engines

    old = fit_sizing.predict(row._replace(engine=engines.parse("vllm@0.7.3")), p)
    new = fit_sizing.predict(row._replace(engine=engines.parse("vllm@0.31.0")), p)
    assert new > old if row.kind == "rate" else new < old


def test_bands_hold_four_fifths(rows: list[fit_sizing.Row]) -> None:
    """The bands come from unseen sources, so rows that were seen lie inside more often than 80 %."""
    fit = estimate.calibration()
    low, high = fit.bands["rate:anchored"]
    found = [-fit_sizing.error(r, fit.parameters) for r in rows if r.scope and r.kind == "rate"]
    import math

    inside = sum(low <= math.exp(e) <= high for e in found) / len(found)
    assert 0.8 <= inside < 1.0


def test_anchor_ids_point_at_rows() -> None:
    known = {r.id for r in fit_sizing.rows()}
    from planner.sizing import gpus

    for spec in gpus.rows().values():
        for precision in ("fp16", "fp8", "int4-awq"):
            assert set(estimate.anchors(spec, precision)) <= known
    assert "own001" in estimate.anchors(gpus.find("H100"), "bf16")
    assert estimate.anchors(gpus.find("B200"), "bf16") == ()


def test_every_fitted_row_fits_in_the_memory_it_ran_in(rows: list[fit_sizing.Row]) -> None:
    from planner.sizing import layout

    refused = []
    for r in rows:
        plans = layout.options(r.model, r.precision, r.gpu, r.engine, r.gpus, int(r.isl + r.osl), None, r.tp)
        if not plans.fits:
            refused.append(r.id)
    # t0680: R1 in int4 on 8 x L40S ran with more than 0.90 of the memory and was out of memory at 32 requests.
    assert refused == ["t0680"]


def test_the_accuracy_table_speaks_of_what_planner_size_answers(rows: list[fit_sizing.Row]) -> None:
    """The fit's prediction and the command's answer are the same number, row by row."""
    from planner.sizing.machine import on_machine
    from planner.workload import Workload

    p = estimate.calibration().parameters
    for r in rows:
        if r.id == "t0680" or r.metric == "per_request_tps":
            continue
        work = Workload(
            model=r.model.name,
            precision=r.precision,
            engine=f"{r.engine.key}@{r.engine.version}",
            input_tokens=int(r.isl),
            output_tokens=int(r.osl),
            concurrency=int(r.load),
        )
        burst = r.mode == "wave" or (r.mode == "max" and r.load > 0)
        s = on_machine(work, r.gpu.name, float(r.gpus), tp=r.tp, burst=burst)
        found = {
            "rate": s.total_tokens_per_second if r.metric == "total_throughput" else s.output_tokens_per_second,
            "tpot": s.tpot_ms,
            "ttft": s.ttft_ms,
        }[r.kind]
        assert found is not None, r.id
        assert found.estimate == pytest.approx(fit_sizing.predict(r, p), rel=1e-9), r.id
