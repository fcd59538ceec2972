"""How a check of the sizing is told: a table for people, `planner.verify/1` for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.money import plain, show
from planner.records import NamedTuple

if TYPE_CHECKING:
    from planner.measure import Run
    from planner.measure.verdict import Compared, Priced
    from planner.sizing import Sizing
    from planner.text import Text

__all__ = ["Judged", "as_json", "table", "verdict"]


class Judged(NamedTuple):
    """A run beside the estimate of its load."""

    run: Run
    sizing: Sizing
    rows: tuple[Compared, ...]
    notes: tuple[Text, ...]
    priced: Priced | None

    @property
    def holds(self) -> bool:
        """Whether what decides lies inside its range."""
        return (
            self.sizing.fits and not self.run.broken and all(r.said in ("", "inside") for r in self.rows if not r.weak)
        )


def verdict(j: Judged) -> str:
    """Return the verdict in a sentence."""
    if j.run.broken:
        sent = j.run.requests + j.run.failed
        return (
            f"NO VERDICT: {j.run.failed:,} of {sent:,} requests failed, what is left measures nothing and is not kept"
        )
    if not j.sizing.fits:
        return f"OUTSIDE: by the sizing this machine does not serve it ({'; '.join(str(r) for r in j.sizing.reasons)})"
    off = [r for r in j.rows if not r.weak and r.said not in ("", "inside")]
    if not off:
        return "inside the range: the sizing holds"
    told = ", ".join(f"{r.name.removesuffix(' ms')} is {r.off:.0%} {r.said} it" for r in off)
    return f"OUTSIDE the range: {told}"


def table(j: Judged, title: str) -> str:
    run, s = j.run, j.sizing
    failed = f", {run.failed} failed" if run.failed else ""
    way = "all sent at once" if run.burst else "in flight"
    lines = [
        f"{s.model} at {s.precision} on {title}" + (f", {s.engine}" if s.engine else ""),
        f"  measured by   {run.tool}"
        + (f" on {run.day}" if run.day else "")
        + (f", as {run.model}" if run.model else ""),
        f"  load          {run.input_tokens:,.0f} tokens in, {run.output_tokens:,.0f} out, {run.concurrency:,.4g} {way}; "
        f"{run.requests:,} requests{failed} in {run.seconds:,.1f} s",
    ]
    if j.rows:
        lines += ["", f"  {'':<22}{'measured':>10}{'low':>12}{'estimate':>12}{'high':>12}"]
        for r in j.rows:
            digits = 1 if r.range.high < 100 else 0
            cells = [f"{v:,.{digits}f}" for v in (r.range.low, r.range.estimate, r.range.high)]
            value = f"{r.measured:,.{digits}f}" if r.measured else "-"
            lines.append(
                f"  {r.name + (' (weak)' if r.weak else ''):<22}{value:>10}"
                + "".join(f"{c:>12}" for c in cells)
                + f"   {r.said}"
            )
        lines.append("")
    if j.priced is not None:
        p = j.priced
        beside = f"; {show(p.estimated)} by the low side of the estimate" if p.estimated is not None else ""
        lines.append(
            f"  per 1M output {show(p.output)} {p.currency} measured{beside} ({show(p.tokens)} per 1M in and out)"
        )
    lines += [f"  note          {n}" for n in j.notes]
    lines.append(f"  verdict       {verdict(j)}")
    return "\n".join(lines) + "\n"


def as_json(shown: list[Judged], saved: str) -> dict[str, Any]:
    """Return `planner.verify/1`."""
    return {
        "schema": "planner.verify/1",
        "inside": all(j.holds for j in shown),
        "saved": saved or None,
        "runs": [_run_json(j) for j in shown],
    }


def _run_json(j: Judged) -> dict[str, Any]:
    run, s, p = j.run, j.sizing, j.priced
    return {
        **{k: v for k, v in run._asdict().items() if k != "notes"},
        "sized_model": s.model,
        "precision": s.precision,
        "engine": s.engine,
        "layout": s.layout._asdict() if s.layout else None,
        "inside": j.holds,
        "compared": [
            {"name": r.name, "measured": r.measured or None, **r.range._asdict(), "said": r.said, "weak": r.weak}
            for r in j.rows
        ],
        "currency": p.currency if p else None,
        "cost_per_million_output": plain(p.output) if p else None,
        "cost_per_million_tokens": plain(p.tokens) if p else None,
        "estimated_cost_per_million_output": plain(p.estimated) if p and p.estimated is not None else None,
        "notes": [str(n) for n in j.notes],
        "verdict": verdict(j),
    }
