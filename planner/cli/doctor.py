"""`planner doctor`: what works here, what does not, and what to do."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from planner.cli.help import Grouped, lang_option
from planner.cli.options import open_catalog, put

if TYPE_CHECKING:
    from planner.doctor import Finding
    from planner.i18n import English


@click.command(cls=Grouped)
@click.option(
    "--engine", metavar="ENGINE@VERSION", default="", help="Advisories of this one.  [those that modules deploy]"
)
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", help="table or json.  [table]")
@lang_option()
def doctor(engine: str, form: str, lang: str) -> int:
    """Look at this installation: versions, age of prices, credentials, terraform, folders, advisories of the engines.

    Exits 1 where something is broken; what is only worth a look (old prices, no credentials) leaves 0. Values of credentials are not shown.
    """
    from datetime import date

    from planner import doctor as checks
    from planner.i18n import translator

    found = checks.examine(open_catalog(), date.today().isoformat(), os.environ, engine)
    if form == "json":
        put(json.dumps(checks.record(found), indent=2, ensure_ascii=False) + "\n", None, people=False)
    else:
        put(listed(found, translator(lang)), None)
    return 0 if checks.passed(found) else 1


def listed(found: list[Finding], t: English) -> str:
    """Return the findings by topic, a line each, and in the last line how many there are of each state."""
    titles = {
        "versions": t("Versions"),
        "prices": t("Prices"),
        "credentials": t("Credentials"),
        "terraform": t("Terraform"),
        "folders": t("Folders"),
        "advisories": t("Advisories of the engines"),
    }
    marks = {"fine": t("fine"), "look": t("look"), "fault": t("fault")}
    lines: list[str] = []
    for topic, title in titles.items():
        lines.append(title)
        for one in (f for f in found if f.topic == topic):
            todo = f"; {t.say(one.todo)}" if one.todo else ""
            lines.append(f"  {marks[one.state]}: {t.say(one.said)}{todo}")
    faults, looks = (sum(f.state == state for f in found) for state in ("fault", "look"))
    lines += ["", t("{faults} faults, {looks} worth a look", faults=faults, looks=looks)]
    return "\n".join(lines) + "\n"
