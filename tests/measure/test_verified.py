"""What was measured on GPUs by `planner verify`: read by the reader of measurements, and told in docs/sizing.md as it is."""

from __future__ import annotations

from planner.quoting import measured
from tests.conftest import ROOT


def test_the_docs_tell_the_committed_measurements() -> None:
    rows = measured.read(str(ROOT / "benchmarks" / "verified.json"))
    text = (ROOT / "docs" / "sizing.md").read_text("utf-8").split("## Measure and feed back")[1].split("## Accuracy")[0]
    assert len(rows) == 107
    told = [cell.strip() for line in text.splitlines() if line.startswith("|") for cell in line.split("|")]
    assert [f"{m.tokens_per_second:,.0f}" for m in rows if f"{m.tokens_per_second:,.0f}" not in told] == []
