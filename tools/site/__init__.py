"""Build the documentation site from docs/, offline and strictly (`make site`), and look through what was built.

The pages are laid out below a folder of their own: docs/ as it is, beside it the pages of the project itself, and what they link
to. Links between the two are written anew. zensical builds the English site, then the Chinese one below it; a warning of
its is an error here. `check` then reads every page: nothing is loaded from outside, and each link leads to a page and a place in it.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
OUT = ROOT / "build" / "docs"
#: page of the repository -> page of the English site; docs/ comes as it is.
PROJECT = {
    "README.md": "project/readme.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changes.md",
    "SECURITY.md": "project/security.md",
    "benchmarks/README.md": "project/benchmarks.md",
    "benchmarks/RESULTS.md": "project/results.md",
}
#: page of the repository -> page of the Chinese site.
CHINESE = {
    "README.zh.md": "index.md",
    "docs/tutorial.zh.md": "tutorial.md",
    "docs/reference/commands.zh.md": "commands.md",
    "docs/claims.zh.md": "claims.md",
}
LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<to>[^()\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)
#: What zensical writes into each page so that the search works from a folder; the copy beside this file stands in for it.
SHIM = "https://unpkg.com/iframe-worker/shim"
#: Without an address of the site, zensical leads to the folder of the first page, which a browser lists.
UP = re.compile(r'(?<=href=")\.?/?(?:\.\./?)+(?=")')
COLOUR = re.compile(r"\x1b\[[\d;]*m")
LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
}


def english() -> dict[str, str]:
    """Return page of the repository -> page of the English site."""
    docs = (p.relative_to(ROOT).as_posix() for p in sorted((ROOT / "docs").rglob("*.md")))
    return {p: p.removeprefix("docs/") for p in docs if p not in CHINESE} | PROJECT


def outside(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the parts of a page, each with whether it is prose (and no code)."""
    at = 0
    for match in FENCE.finditer(text):
        yield text[at : match.start()], True
        yield match[0], False
        at = match.end()
    yield text[at:], True


class Layout:
    """One language's pages. pages: of the repository -> of this site. other: those of the other language, below `way`."""

    def __init__(self, folder: Path, pages: dict[str, str], other: dict[str, str], way: str) -> None:
        self.folder, self.pages, self.other, self.way = folder, pages, other, way

    def write(self) -> None:
        """Write every page, with its links written anew, and what they show or link to."""
        for source, page in self.pages.items():
            text = (ROOT / source).read_text(encoding="utf-8")
            parts = (self._linked(part, source, page) if prose else part for part, prose in outside(text))
            target = self.folder / page
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text("".join(parts), encoding="utf-8")
        for name in ("site.css", "iframe-worker.js"):
            shutil.copy(HERE / name, self.folder / name)

    def _linked(self, text: str, source: str, page: str) -> str:
        """Return prose of a page of the repository with the links that it has in this site."""

        def one(match: re.Match[str]) -> str:
            path, _, place = match["to"].partition("#")
            if not path or urlsplit(match["to"]).scheme:
                return match[0]
            wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
            to = self._place(wanted)
            if to is None:
                return match["text"]
            way = posixpath.relpath(to, posixpath.dirname(page) or ".")
            return f"{match['image']}[{match['text']}]({way}{'#' + place if place else ''})"

        return LINK.sub(one, text)

    def _place(self, wanted: str) -> str | None:
        """Return where the site has a path of the repository; None for a folder, which it has not."""
        if wanted in self.pages:
            return self.pages[wanted]
        if wanted in self.other:
            return f"{self.way}/{self.other[wanted].removesuffix('.md')}.html"
        if not (ROOT / wanted).is_file():
            return None
        place = wanted.removeprefix("docs/") if wanted.startswith("docs/") else f"project/files/{wanted}"
        (self.folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / wanted, self.folder / place)
        return place


def lay_out(out: Path) -> None:
    """Write the pages of both languages and their settings below `out`, which is made anew."""
    shutil.rmtree(out, ignore_errors=True)
    Layout(out / "en", english(), CHINESE, "zh").write()
    Layout(out / "zh", CHINESE, english(), "..").write()
    for lang in ("en", "zh"):
        shutil.copy(HERE / f"{lang}.toml", out / f"{lang}.toml")


def zensical(out: Path, lang: str) -> None:
    """Build one language's site; raise `SystemExit` with zensical's words where it warns."""
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", f"{lang}.toml"],
        cwd=out,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{lang}: {COLOUR.sub('', done.stdout + done.stderr)}")


def build(out: Path) -> Path:
    """Build both sites below `out` and return the folder; raise `SystemExit` where zensical warns."""
    lay_out(out)
    for lang in ("en", "zh"):
        zensical(out, lang)
    site = out / "site"
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        home = site / "zh" if page.is_relative_to(site / "zh") else site
        way = posixpath.relpath(home.as_posix(), page.parent.as_posix())
        text = UP.sub(f"{way}/index.html", text.replace(SHIM, f"{way}/iframe-worker.js"))
        page.write_text(text, encoding="utf-8")
    return site


class Page(HTMLParser):
    """What a built page loads, links to, and can be linked at."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        self.places |= {has[name] for name in ("id", "name") if has.get(name)}
        if tag == "a" and "href" in has:
            self.links.append(has["href"])
        elif tag == "link" and "canonical" not in has.get("rel", "") and "href" in has:
            self.loads.append(has["href"])
        elif LOADED.get(tag) in has:
            self.loads.append(has[LOADED[tag]])


def check(site: Path) -> list[str]:
    """Return what is wrong with a built site: loads from outside, links that lead nowhere, pages that nothing leads to."""
    pages = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    wrong, reached = [], {site / "index.html"}
    for path, page in pages.items():
        if path.name == "404.html":
            continue
        name = path.relative_to(site).as_posix()
        wrong += [f"{name} loads {one} from outside" for one in page.loads if urlsplit(one).netloc]
        for one in [*page.loads, *page.links]:
            to = urlsplit(one)
            if to.scheme or to.netloc:
                continue
            target = Path(os.path.normpath(path.parent / unquote(to.path))) if to.path else path
            reached.add(target)
            if not target.is_file():
                wrong.append(f"{name}: {one} leads nowhere")
            elif to.fragment and target in pages and unquote(to.fragment) not in pages[target].places:
                wrong.append(f"{name}: {one}: the page has no such place")
    wrong += [f"{p.relative_to(site)}: nothing leads here" for p in pages if p not in reached and p.name != "404.html"]
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        wrong += [
            f"{path.name} loads {one}" for one in re.findall(r"(?:url\(|@import )[\"']?(?:https?:)?//[^\"')]+", text)
        ]
    return wrong


def main() -> int:
    """Build the site and say where it is, or what is wrong with it."""
    site = build(OUT)
    wrong = check(site)
    print(
        "\n".join(wrong) or f"{site.relative_to(ROOT)}: {sum(1 for _ in site.rglob('*.html'))} pages; open index.html"
    )
    return int(bool(wrong))
