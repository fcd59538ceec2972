"""`planner rightsize`: measured load against the plan, the count that would do, and what the commitment still binds."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from planner.cli.help import Grouped, lang_option
from planner.cli.options import (
    book_options,
    make_quote,
    make_workload,
    measured_option,
    open_catalog,
    put,
    workload_options,
)
from planner.errors import MisuseError

if TYPE_CHECKING:
    from planner.i18n import English
    from planner.measure.series import Recording
    from planner.offer import Region
    from planner.quoting.records import Quote
    from planner.rightsize import Verdict
    from planner.workload import Workload


@click.command(cls=Grouped)
@click.option(
    "--prometheus",
    "source",
    metavar="URL|FILE",
    help="Prometheus of the emitted module (http://127.0.0.1:9090 through its tunnel), or a file of its answers.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 400),
    default=30,
    metavar="N",
    help="How many days, back from now or the file's end.  [30]",
)
@click.option("--offer", metavar="ID", default="", help="What runs, by its id.  [the recommended offer]")
@click.option("--since", metavar="DATE", default="", help="The day on which its commitment was signed.")
@click.option("--running", type=click.IntRange(1, 10_000), metavar="N", help="How many run.  [those that were seen]")
@click.option("--label", "labels", metavar="KEY=VALUE", multiple=True, help="Only series that bear this label.")
@click.option("--save", metavar="FILE", default="", help="Keep what Prometheus answered, to be read again.")
@click.option("--force", is_flag=True, help="Replace a file that planner did not write (--save).")
@workload_options
@book_options
@measured_option
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", help="table or json.  [table]")
@lang_option()
def rightsize(
    source: str | None,
    days: int,
    offer: str,
    since: str,
    running: int | None,
    labels: tuple[str, ...],
    save: str,
    force: bool,
    price_book: tuple[str, ...],
    price_book_db: str | None,
    offline_list: bool,
    as_of: str | None,
    measurements: str | None,
    form: str,
    lang: str,
    **values: Any,
) -> int:
    """Read what was measured of a service (tokens, requests, KV use, GPU load, power) and say what it needs: the count at its busiest hour, what that
    saves, what a commitment still binds, and the energy of a million tokens.

    WORKLOAD.toml is what was planned. A key for Prometheus is in PLANNER_PROMETHEUS_TOKEN, or user:password in PLANNER_PROMETHEUS_BASIC.
    """
    from planner import rightsize as sizes
    from planner.i18n import translator
    from planner.measure.hours import measured
    from planner.units import iso_date

    if not source:
        raise MisuseError(
            "--prometheus: where was it measured? give the address of Prometheus, or a file of its answers"
        )
    signed = iso_date(since, "--since") if since else ""
    work = make_workload(values)
    now = datetime.now(UTC)
    recording = _recorded(source, days, now, _labels(labels))
    if save:
        from planner.measure.series import record
        from planner.writing import write_new

        write_new(
            save,
            record(recording),
            force=force,
            mine=lambda old: old.read(40).startswith(b'{"schema":"planner.recording/'),
        )
    catalog = open_catalog(price_book, price_book_db, offline_list, as_of)

    def quoted(asked: Workload) -> Quote:
        return make_quote(asked, catalog, brief=True, measurements=measurements)

    def region(provider: str, name: str) -> Region | None:
        return catalog.regions(provider).get(name) if provider in catalog.providers() else None

    found = sizes.judge(
        work,
        measured(recording),
        quoted,
        region=region,
        offer=offer,
        since=signed,
        today=catalog.as_of or now.date().isoformat(),
        running=running or 0,
    )
    if form == "json":
        put(json.dumps(sizes.as_json(found), indent=2, ensure_ascii=False) + "\n", None, people=False)
    else:
        put(told(found, translator(lang)), None)
    return 0


def _labels(said: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for one in said:
        key, sign, value = one.partition("=")
        name = key.strip()
        if not sign or not name.replace("_", "a").isalnum() or not name.isascii() or name[0].isdigit():
            raise MisuseError(f"--label: {one[:60]!r}: write KEY=VALUE, as in job=engine")
        found[name] = value
    return found


def _recorded(source: str, days: int, now: datetime, labels: dict[str, str]) -> Recording:
    from planner.measure import series

    if "://" in source:
        end = now.timestamp()
        token, basic = os.environ.get(series.TOKEN, ""), os.environ.get(series.BASIC, "")
        return series.ask(source, token, basic, end - days * 86_400, end, labels=labels)
    found = series.read(source, labels)
    return found._replace(start=found.end - days * 86_400)


def told(v: Verdict, t: English) -> str:
    """Return the verdict as people read it."""
    from planner import rightsize as sizes
    from planner.rendering.columns import grid
    from planner.text import plural

    m = v.measured
    seen = t("{seen} of {asked} hours seen", seen=f"{len(m.hours):,}", asked=f"{m.asked:,}")
    names = {"vllm": "vLLM", "lmdeploy": "LMDeploy", "sglang": "SGLang"}
    one = "{engine}: {seen}, {n} instance reported"
    many = "{engine}: {seen}, {n} instances reported"
    lines = [t(plural(m.instances, one, many), engine=names[m.engine], seen=seen, n=m.instances)]
    late = m.hours[0].start - m.first if m.hours else 0
    if late >= 86_400:
        days = f"{m.asked / 24 - late / 86_400:.3g}"
        lines.append(t("days that are there: the last {days} of {asked}", days=days, asked=m.asked // 24))
    if m.resets:
        lines.append(t("counters began anew {n} times: what they counted since then was taken", n=m.resets))
    if m.missing:
        lines.append(t("not recorded: {what}", what=", ".join(m.missing)))
    plan = sizes.planned(v.quote.workload)
    head = ("", t("plan"), t("median"), "p95", t("most"))
    rows: list[tuple[str, ...]] = []
    labels = (
        ("output", t("output tokens per second"), 1.0, ""),
        ("prompt", t("prompt tokens per second"), 1.0, ""),
        ("requests", t("requests per second"), 1.0, ""),
        ("running", t("running requests"), 1.0, ""),
        ("waiting", t("waiting requests"), 1.0, ""),
        ("kv_cache", t("KV cache used"), 100.0, " %"),
        ("utilisation", t("GPU utilisation"), 100.0, " %"),
        ("power", t("GPU power"), 1.0, " W"),
    )
    for name, label, unit, sign in labels:
        if name in m.missing:
            continue
        cells = [m.share(name, share) for share in (0.5, 0.95, 1.0)]
        said = ["" if c is None else f"{c * unit:,.{2 if abs(c * unit) < 10 else 0}f}{sign}" for c in cells]
        rows.append((label, f"{plan:,.0f}" if name == "output" and plan else "", *said))
    lines += grid(head, rows, {1, 2, 3, 4}, False)
    lines.append(
        t("busiest hour: {when} UTC", when=datetime.fromtimestamp(m.busiest.start, UTC).strftime("%Y-%m-%d %H:00"))
    )
    if v.lengths:
        lines.append(
            t("a request: {input} tokens in, {output} out, as measured", input=v.lengths[0], output=v.lengths[1])
        )
    lines += ["", t("runs: {now} x {id}", now=v.now, id=v.plan.id)]
    lines += [t.say(said) for said in sizes.sentences(v)]
    kwh = m.kwh_per_million
    if kwh is not None and v.grid is not None:
        lines.append(
            t(
                "a million output tokens: {kwh} kWh of the GPUs alone, {grams} g CO2 ({per} g/kWh, {country} {year}, {source})",
                kwh=f"{kwh:,.3f}",
                grams=f"{kwh * float(v.grid.grams):,.0f}",
                per=v.grid.grams,
                country=v.grid.country,
                year=v.grid.year,
                source=v.grid.source,
            )
        )
    elif kwh is not None:
        lines.append(
            t(
                "a million output tokens: {kwh} kWh of the GPUs alone; what its grid emits is not known",
                kwh=f"{kwh:,.3f}",
            )
        )
    return "\n".join(lines) + "\n"
