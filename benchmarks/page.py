"""RESULTS.md, and the figures of docs/comparison.md, written from results.json: `python -m benchmarks.page`. No number is typed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.results import KEPT, PAGE, ROOT, Data, read

HEAD = """# Results of the benchmarks

<!-- Written by `make bench` from results.json; a test holds them equal. How each is measured: README.md. -->

{where}

Times are whole processes. Each run of a command is followed at once by a run of `python -c "import click"`, which is what any command line of
Python costs that does nothing; medians of both and of the ratio of each pair. The processor's time is what repeats on a shared machine; the
wall's is what a user waits.
"""


BESIDE = ROOT / "docs" / "comparison.md"
MARKS = "<!-- peers: written by `make bench` -->\n", "<!-- end of peers -->"


def main() -> None:
    """Write the page, and the measured figures of the comparison with peers."""
    found = read(KEPT)
    PAGE.write_text(render(found), encoding="utf-8")
    BESIDE.write_text(within(BESIDE.read_text(encoding="utf-8"), found), encoding="utf-8")


def within(text: str, found: Data) -> str:
    """Return the comparison's text with the figures of these results between its marks."""
    head, opening, rest = text.partition(MARKS[0])
    _, closing, tail = rest.partition(MARKS[1])
    if not opening or not closing:
        raise ValueError(f"{BESIDE}: the marks of the peers are missing")
    return f"{head}{opening}{brief(found['parts'])}{closing}{tail}"


def brief(parts: dict[str, Data]) -> str:
    """Return the peers in one table: time beside planner's, questions answered, accuracy where it sizes."""
    peers_, exact = parts["peers"], parts["accuracy"]["data"]["all"]
    rows = []
    for name, one in peers_["data"]["peers"].items():
        if "skipped" in one:
            continue
        off = f"{exact[name]['median']:.1%}, {exact[name]['p90']:.0%}" if name in exact else "sizes nothing"
        yes = sum(answer["yes"] for answer in one["answers"].values())
        beside = f"{ms(one['planner']['cpu'])}: **{one['times']['cpu_ratio']:.1f}**"
        rows.append(
            (f"{name} {one['version']}", f"{yes} of {len(one['answers'])}", ms(one["peer"]["cpu"]), beside, off)
        )
    own = peers_["data"]["planner"].values()
    ours = [(f"{exact[who]['median']:.1%}, {exact[who]['p90']:.0%}", who) for who in list(exact)[:3]]
    said = "; ".join(f"{who.removeprefix('planner, ').removeprefix('planner ')}: {off}" for off, who in ours)
    head = ("peer", "questions answered", "its nearest query", "planner's beside it, times", "off by, median and P90")
    count = next(iter(exact.values()))["rows"]
    when = peers_["about"]["when"][:10]
    return (
        table(head, rows)
        + f"\nMeasured on {when}, processor time of whole processes. Accuracy is of tokens/s on the {count} measured points that all answer; "
        + f"planner on the same: {said}. It answers {sum(a['yes'] for a in own)} of the {len(own)} questions, which are ours.\n"
    )


def render(found: Data) -> str:
    """Return the page of these results."""
    parts: dict[str, Data] = found["parts"]
    text = [HEAD.format(where=where(parts))]
    for name, section in (("startup", startup), ("catalogue", growth), ("peers", peers), ("accuracy", accuracy)):
        if (part := parts.get(name)) and part["data"]:
            text.append(section(part["data"]))
    text.append(others(parts))
    return "\n".join(text)


def where(parts: dict[str, Data]) -> str:
    """Return what was measured, where and when: once where one run made all, else by part."""
    groups: dict[tuple[object, ...], list[str]] = {}
    for name, part in parts.items():
        a = part["about"]
        key = tuple(a[k] for k in ("machine", "cores", "memory_gib", "system", "python", "planner", "commit"))
        groups.setdefault((*key, a["when"][:10]), []).append(name)
    lines = []
    for (machine, cores, memory, system, python, planner, commit, day), members in groups.items():
        loads = [x for name in members for x in (parts[name]["about"]["load"], parts[name]["about"]["load_after"])]
        all_of = "" if len(groups) == 1 else f" ({', '.join(members)})"
        lines.append(
            f"- {day}, planner {planner} at commit {commit}{all_of}: {machine}, {cores} cores, {memory} GiB, {system}, "
            f"Python {python}. Load of the machine meanwhile {min(loads):.1f} to {max(loads):.1f}, this run's own included."
        )
    return "\n".join(lines)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], texts: Sequence[int] = (0,)) -> str:
    """Return a table in markdown whose columns are numbers, but for those of `texts`."""
    marks = ["---" if column in texts else "---:" for column in range(len(head))]
    lines = [f"| {' | '.join(head)} |", f"|{'|'.join(marks)}|"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines) + "\n"


def ms(value: float) -> str:
    """Return milliseconds, or seconds from one on."""
    return f"{value / 1000:,.2f} s" if value >= 1000 else f"{value:.0f} ms"


def startup(data: Data) -> str:
    """Return the section of the commands."""
    rows = []
    for r in data["rows"]:
        words, _, said = r["words"].partition("  # ")
        limit = f"{r['ratio']} x" if r["ratio"] else f"{r['seconds']} s" if r["seconds"] else ""
        rows.append(
            (
                f"`{words}`" + (f" ({said})" if said else ""),
                ms(r["cpu"]),
                f"**{r['cpu_ratio']:.2f}**" + (" (over)" if r["over"] else ""),
                limit,
                ms(r["wall"]),
                f"{r['wall_ratio']:.2f}",
                r["runs"],
            )
        )
    least, most = (pick(r["cpu_beside"] for r in data["rows"]) for pick in (min, max))
    head = ("command", "processor", "ratio", "limit", "wall", "ratio", "pairs")
    return (
        f'## Every main command beside `python -c "import click"`\n\nOn the committed lists. `import click` took {least:.0f} to {most:.0f} ms of '
        f"processor time beside them. Limits are of the processor's time.\n\n" + table(head, rows)
    )


def growth(data: Data) -> str:
    """Return the section of the generated catalogues."""
    text = [
        "## Catalogues that grow\n",
        "`planner quote` on the committed lists and on generated ones, in more regions that it is not asked for, and in more instance types of "
        "the regions that it is. The first quote after lists changed reads them anew and keeps what it read; the others are the usual.\n",
    ]
    head = ("lists", "prices", "offers weighed", "processor", "ratio", "wall", "memory", "first quote")
    rows = [
        (
            f"{name}, {p['times']} x" if p["times"] > 1 else "committed",
            f"{p['prices']:,}",
            f"{p['offers']:,}",
            ms(p["cpu"]),
            f"**{p['cpu_ratio']:.2f}**",
            ms(p["wall"]),
            f"{p['memory_mb']} MB",
            f"{p['first_s']:.1f} s",
        )
        for at, (name, points) in enumerate(data["series"].items())
        for p in points
        if p["times"] > 1 or not at
    ]
    text.append(table(head, rows))
    text.append(
        f"With the most prices elsewhere a quote takes {data['ratio']:.2f} times what it takes on the committed lists (limit {data['limit']:g}).\n"
    )
    text.append("![time and memory of a quote against the prices in the lists](growth.svg)\n")
    return "\n".join(text)


def peers(data: Data) -> str:
    """Return the section of the peers: their times, and what each answers."""
    found: dict[str, Data] = data["peers"]
    here = {name: one for name, one in found.items() if "skipped" not in one}
    text = [
        "## Beside its peers\n",
        "Each in an environment of its own, the nearest question that it answers without network, as a whole process: in each round the peer, planner "
        "with the question beside it, and `import click`, one after the other. Ratios are medians of the rounds.\n",
    ]
    text += [
        f"- {name} {one['version']} is not in this run: {one['skipped']}."
        for name, one in found.items()
        if "skipped" in one
    ]
    if not here:
        return "\n".join([*text, ""])
    rows = []
    for name, one in here.items():
        a, b, times = one["peer"], one["planner"], one["times"]
        shown = [words.partition("  # ") for words in (one["words"], one["beside"])]
        first, second = (f"`{words}`" + (f" ({more})" if more else "") for words, _, more in shown)
        rows.append(
            (
                f"{name} {one['version']}: {first}",
                ms(a["cpu"]),
                f"{a['cpu_ratio']:.1f}",
                second,
                ms(b["cpu"]),
                f"{b['cpu_ratio']:.2f}",
                f"**{times['cpu_ratio']:.1f}**",
                f"{times['wall_ratio']:.1f}",
                times["runs"],
            )
        )
    head = (
        "peer",
        "processor",
        "of click",
        "planner",
        "processor",
        "of click",
        "peer / planner",
        "by the wall",
        "rounds",
    )
    text.append(table(head, rows, (0, 3)))
    text += [f"{name} was given {one['given']}.\n" for name, one in here.items() if one["given"]]
    text.append("### What each answers\n\nAsked in that run; what it said, or why it said nothing.\n")
    for key, question in data["questions"].items():
        text.append(f"- **{question}**")
        text.append(
            f"  - planner: {'yes' if data['planner'][key]['yes'] else '**no**'}: {plain(data['planner'][key]['said'])}"
        )
        for name, one in here.items():
            answer = one["answers"][key]
            text.append(f"  - {name}: {'yes' if answer['yes'] else '**no**'}: {plain(answer['said'])}")
    return "\n".join([*text, ""])


def plain(said: str) -> str:
    """Return what another program said as text of a page, not as its marks."""
    return "`" + said.replace("`", "'") + "`"


def accuracy(data: Data) -> str:
    """Return the section of the accuracy on the same rows."""
    text = [
        "## Accuracy on the same measured rows\n",
        f"Output tokens/s of {data['rows']} points that were measured for this project on H100 and H200 with vLLM 0.26.0, in a closed loop at 1 to 256 "
        f"at once (benchmarks/anchors.csv). {data['fitted']} of them are in the fit of what is released: its figure is *in sample*. Out of sample "
        f"are the two below it, from fits without the row's model and without all of these rows. The peers have seen none of them. "
        f"{data['left_aside']} more points are left aside: dummy weights send every token to the same experts there, which no peer could know.\n",
    ]
    text.append(
        "aiconfigurator is asked with its tables of vLLM 0.24, the newest it has: alone, and with its formulas for kernels that it has not measured. "
        "chimeraforge gives the rate of decoding and calls it estimated on these cards: what it has measured are consumer cards.\n"
    )
    head = ("who", "rows", "median off", "P90 off", "largest", "within 25 %", "said / measured")
    for title, part in (("Rows that each answers", data["each"]), ("Rows that all answer", data["all"])):
        text.append(f"{title}:\n")
        text.append(table(head, (line(who, x) for who, x in part.items())))
    text.append("The same by kind, median off and P90 off, on the rows that all answer:\n")
    names = list(data["all"])
    rows = [
        (kind, next(iter(found.values()))["rows"], *(f"{found[n]['median']:.0%}, {found[n]['p90']:.0%}" for n in names))
        for kind, found in data["kinds"].items()
    ]
    text.append(table(("kind", "rows", *names), rows))
    text.append("What was not answered:\n")
    for who, reasons in data["why"].items():
        text += [
            f"- {who}, {number} rows: {plain(why)}" for why, number in sorted(reasons.items(), key=lambda x: -x[1])
        ]
    versions = [
        f"{who} {version}, asked on {asked}"
        for who, (version, asked) in data["versions"].items()
        if "planner" not in who
    ]
    fit = data["fit"]
    newer = (
        ""
        if fit["kept"] == fit["released"]
        else f"; the released fit is that of {fit['released']}, and its out-of-sample figures are not made anew"
    )
    text.append(
        f"\nFrom the answers kept in peers_answers.csv: {'; '.join(versions)}; planner out of sample by fits of {fit['kept']}{newer}.\n"
    )
    return "\n".join(text)


def line(who: str, x: Data) -> tuple[object, ...]:
    """Return one row of an accuracy table."""
    said = f"{x['bias']:.2f}"
    return (
        who,
        x["rows"],
        f"**{x['median']:.1%}**",
        f"{x['p90']:.1%}",
        f"{x['largest']:.0%}",
        f"{x['within']:.0%}",
        said,
    )


def others(parts: dict[str, Data]) -> str:
    """Return what every other benchmark printed, whole."""
    text = ["## The other benchmarks, as printed\n", "```text"]
    for name, part in parts.items():
        if not part["data"]:
            failed = f", FAILED ({part['code']})" if part["code"] else ""
            text += [f"== {name}: {part['seconds']} s{failed}", *part["printed"]]
    return "\n".join([*text, "```", ""])


if __name__ == "__main__":
    main()
