"""The documentation: every page and command has its place in the site, what is generated is today's, and the site is built without a warning."""

from __future__ import annotations

import re
import shutil
import struct
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from planner import emit
from planner.cli import COMMANDS, cli
from tests.conftest import ROOT, make_quote
from tools import clouds, reference, site

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def listed(nav: object) -> Iterator[str]:
    """Yield the pages of a navigation."""
    if isinstance(nav, str):
        yield nav
    else:
        for one in nav.values() if isinstance(nav, dict) else nav:  # type: ignore[attr-defined]
            yield from listed(one)


def settings(lang: str) -> dict[str, object]:
    return tomllib.loads((ROOT / "tools" / "site" / f"{lang}.toml").read_text("utf-8"))["project"]


@pytest.mark.parametrize(("lang", "pages"), [("en", site.english()), ("zh", site.CHINESE)], ids=["en", "zh"])
def test_every_page_has_one_place_in_the_navigation(lang: str, pages: dict[str, str]) -> None:
    found = list(listed(settings(lang)["nav"]))
    assert len(found) == len(set(found)) and set(found) == set(pages.values()), f"tools/site/{lang}.toml"


def test_a_newcomer_finds_every_command() -> None:
    """Each command of `planner --help` has its heading in the reference, a row on the first page, and the page that it names."""
    commands = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    chinese = (ROOT / "docs/reference/commands.zh.md").read_text("utf-8")
    first = (ROOT / "docs/index.md").read_text("utf-8").partition("## Which command for what")[2]
    for name in COMMANDS:
        assert f"\n## planner {name}\n" in commands and f"](#planner-{name})" in commands
        rows = [row for row in first.splitlines() if re.search(rf"`planner {name}\b", row)]
        assert rows and all(re.search(r"\]\([\w./-]+\.md", row) for row in rows), name
        assert f"\n## planner {name}\n" in chinese and f"](#planner-{name})" in chinese
    assert set(re.findall(r"^## planner (\S+)$", commands, re.M)) == set(COMMANDS) == set(cli.list_commands(None))  # type: ignore[arg-type]


def test_the_reference_is_the_products_own() -> None:
    for path, text in reference.pages().items():
        assert path.read_text("utf-8") == text, f"{path.name} differs: run `make docs`"


def test_the_chinese_reference_says_of_every_option_what_the_english_does() -> None:
    """The same headings and the same options in the same order; every row says in Chinese what the option is for."""
    pages = [(ROOT / "docs/reference" / name).read_text("utf-8") for name in ("commands.md", "commands.zh.md")]
    pages[1] = pages[1].partition("\n## 错误代码")[0]
    for kept in (r"^##+ planner .*$", r"^\| `((?:-\w, )?--[\w-]+)"):
        english, chinese = (re.findall(kept, page, re.M) for page in pages)
        assert english == chinese and len(english) > 30
    rows = re.findall(r"^\| `-[^`]+` \| (.*) \|$", pages[1], re.M)
    silent = {row for row in rows if not re.search(r"[\u4e00-\u9fff]", row)}
    assert len(rows) > 500 and silent == {
        "table、json、xlsx、html。 [table]",
        "table、json、csv、xlsx、html、markdown、focus。 [table]",
    }


def test_the_pages_of_the_clouds_are_the_catalogues_own() -> None:
    for path, text in clouds.pages().items():
        assert path.read_text("utf-8") == text, f"{path.name} differs: run `make docs`"


def test_every_cloud_that_comes_with_planner_has_a_page() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    ours = tomllib.loads(text)["project"]["entry-points"]["planner.providers"]
    assert set(clouds.CLOUDS) == set(ours) - {"owned"}


def test_a_page_of_a_cloud_counts_as_the_quote_does() -> None:
    """What the page takes a price for is what a quote takes: the same rows, region by region."""
    from planner.prices.catalog import Catalog

    catalog = Catalog()
    data = clouds.Data(catalog, "tencentcloud")
    for region in ("ap-guangzhou", "ap-nanjing", "na-ashburn"):
        usable = [p for p in catalog.prices("tencentcloud", region) if not p.status and p.source.confidence != "low"]
        assert sorted(p.source.place for p in usable) == sorted(p.source.place for p in data.prices[region])


def test_both_tutorials_run_the_same_way_to_the_same_commands_at_the_end() -> None:
    """The last commands need an account: they are those that the module's own README names, checked where it is written."""
    ends = []
    for name in ("tutorial.md", "tutorial.zh.md"):
        text = (ROOT / "docs" / name).read_text("utf-8")
        ran = re.findall(r"^\$ (planner .*)$", text, re.M)
        words = [line.split()[1] for line in ran]
        assert words[0] == "init" and words[-2:] == ["emit-tf", "price"] and {"quote", "explain"} <= set(words)
        assert name == "tutorial.md" or all("--lang zh" in line or "json" in line for line in ran)
        ends.append(re.findall(r"^    (?:read|terraform) .*$", text, re.M))
    assert ends[0] == ends[1] and len(ends[0]) == 2


def test_the_tutorials_last_commands_are_the_modules() -> None:
    own = emit(make_quote(name="chat", preset="chat", rps="2", provider="aws"), provider="aws")["README.md"]
    text = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
    for line in re.findall(r"^    (?:read|terraform) .*$", text, re.M):
        assert line in own, line


def test_pictures_are_small_and_named_with_their_day() -> None:
    for name, page in (("report.png", "README.md"), ("report.zh.png", "README.zh.md")):
        picture = (ROOT / "docs" / "images" / name).read_bytes()
        assert len(picture) < 200_000 and picture[:8] == b"\x89PNG\r\n\x1a\n"
        assert 800 <= struct.unpack(">I", picture[16:20])[0] <= 1600
        text = (ROOT / page).read_text("utf-8")
        assert re.search(rf"\]\(docs/images/{name}\)\n\n\*[^\n]*\d{{4}}-\d\d-\d\d[^\n]*`planner quote [^\n]*html", text)


def test_the_first_screen_of_the_readme() -> None:
    """Two commands with their output, the table of all clouds, the picture, in 45 lines; Chinese is linked from the first lines."""
    head = (ROOT / "README.md").read_text("utf-8").splitlines()[:45]
    text = "\n".join(head)
    assert len(re.findall(r"^\$ planner ", text, re.M)) == 2 and "](docs/images/report.png)" in text
    assert all(re.search(rf"^  {cloud} +1 x ", text, re.M) for cloud in clouds.CLOUDS)
    assert (
        "](README.zh.md)" in "\n".join(head[:5]) and "](README.md)" in (ROOT / "README.zh.md").read_text("utf-8")[:200]
    )


# -- the builder -----------------------------------------------------------------------------------------------------


def test_links_are_written_anew_and_code_is_left_alone(tmp_path: Path) -> None:
    layout = site.Layout(tmp_path, site.english(), site.CHINESE, "zh")
    text = "[`a`](../action.yml) [r](../README.md#start) [t](tutorial.zh.md) [f](../terraform/aws) [o](https://x.org) [s](sizing.md)"
    assert layout._linked(text, "docs/index.md", "index.md") == (
        "[`a`](project/files/action.yml) [r](project/readme.md#start) [t](zh/tutorial.html) f [o](https://x.org) [s](sizing.md)"
    )
    assert (tmp_path / "project/files/action.yml").is_file()
    assert [prose for _, prose in site.outside("a\n```sh\n[x](y)\n```\nb")] == [True, False, True]


def test_what_is_wrong_with_a_site_is_found(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(
        '<script src="https://unpkg.com/x"></script><link rel="stylesheet" href="//fonts.example/y">'
        '<a href="gone.html">1</a><a href="a.html#no">2</a><a href="a.html#yes">3</a><a href="https://out.org">4</a>'
    )
    (tmp_path / "a.html").write_text('<h2 id="yes">x</h2>')
    (tmp_path / "lost.html").write_text("nobody links here")
    (tmp_path / "x.css").write_text("@import url(https://fonts.example/z.css);")
    wrong = "\n".join(site.check(tmp_path))
    for part in (
        "unpkg.com/x from outside",
        "//fonts.example/y from outside",
        "gone.html leads nowhere",
        "a.html#no",
        "lost.html",
        "x.css",
    ):
        assert part in wrong
    assert "#yes" not in wrong and "out.org" not in wrong


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site.build(tmp_path_factory.mktemp("site") / "out")


@pytest.mark.long
@pytest.mark.xdist_group("site")
@pytest.mark.skipif(find_spec("zensical") is None, reason="zensical is not installed: `make site` brings it")
def test_the_site_is_built_without_a_warning_and_loads_nothing_from_outside(built: Path, tmp_path: Path) -> None:
    assert site.check(built) == []
    assert (built / "zh/index.html").is_file() and (built / "reference/commands.html").is_file()
    for path in built.rglob("*.html"):
        lang = "zh" if "zh" in path.relative_to(built).parts else "en"
        assert f'<html lang="{lang}"' in path.read_text("utf-8")
    (tmp_path / "en").mkdir()
    (tmp_path / "en/index.md").write_text("# x\n\n[gone](gone.md)\n")
    (tmp_path / "en.toml").write_text('[project]\nsite_name = "x"\ndocs_dir = "en"\n')
    with pytest.raises(SystemExit, match=r"gone\.md"):
        site.zensical(tmp_path, "en")


@pytest.mark.long
@pytest.mark.system
@pytest.mark.xdist_group("site")
@pytest.mark.skipif(CHROMIUM is None or find_spec("zensical") is None, reason="needs Chromium and zensical")
def test_the_site_in_a_browser_from_a_folder(built: Path) -> None:
    """No page asks the network, none is wider than the window, and the search finds words of both languages."""
    play = pytest.importorskip("playwright.sync_api")
    asked: list[str] = []
    with play.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM)
        for width in (390, 1280):
            tab = browser.new_page(viewport={"width": width, "height": 900})
            tab.on("request", lambda one: asked.append(one.url))
            for name in (
                "index.html",
                "reference/commands.html",
                "clouds/aws.html",
                "comparison.html",
                "zh/tutorial.html",
                "zh/commands.html",
            ):
                tab.goto((built / name).as_uri())
                tab.wait_for_timeout(200)
                assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
        for name, word in (("index.html", "capacity-block"), ("zh/index.html", "竞价实例")):
            tab.goto((built / name).as_uri())
            tab.keyboard.press("Control+k")
            tab.keyboard.type(word)
            tab.wait_for_timeout(1500)
            assert tab.locator("mark").count(), (name, word)
        browser.close()
    assert asked and not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
