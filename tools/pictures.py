"""Take the pictures of the quote's page for README.md and README.zh.md (by hand: `python -m tools.pictures`; needs Chromium).

The captions name the day; write it there when the pictures are new.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from planner import quote, render

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "images"
#: language -> file and height; a picture stays below 200 kB.
PICTURES = {"en": ("report.png", 1120), "zh": ("report.zh.png", 960)}


def main() -> int:
    """Write both pictures."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    made = quote(hours=720)
    with sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        browser = play.chromium.launch(executable_path=chromium)
        for lang, (name, height) in PICTURES.items():
            page = Path(folder) / f"{lang}.html"
            page.write_text(str(render(made, "html", lang=lang)), encoding="utf-8")
            tab = browser.new_page(viewport={"width": 1120, "height": height})
            tab.goto(page.as_uri())
            tab.wait_for_timeout(1000)
            tab.screenshot(path=str(FOLDER / name))
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
