"""Chart files: PNG and SVG of the right figures, the same bytes each time, and a clear word without matplotlib."""

import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from planner import workload
from planner.errors import MisuseError, PlannerError
from planner.prices import fx
from planner.prices.catalog import Catalog
from planner.quoting import build
from planner.rendering import charts

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def quote():
    work = workload.make({"instance_type": ("p4d.24xlarge",)})
    return build.quote(work, Catalog(), "2026-11-23", fx.Rates(fx.committed(""), ()))


@pytest.mark.parametrize("lang", ["en", pytest.param("zh", marks=pytest.mark.long)])
def test_files_are_whole_pictures_and_stay_the_same(quote, tmp_path, lang, recwarn):
    pytest.importorskip("matplotlib", reason="matplotlib (extra charts) is not installed")
    paths = charts.write(quote, str(tmp_path), 1, lang)
    assert [Path(p).name for p in paths] == [
        f"{n}.{k}" for n in ("cost", "months", "break-even") for k in ("png", "svg")
    ]
    first = {p: Path(p).read_bytes() for p in paths}
    for path, data in first.items():
        if path.endswith("png"):
            assert data.startswith(b"\x89PNG") and struct.unpack(">II", data[16:24])[0] == 1920
        else:
            assert b"<svg" in data and not re.search(rb"<dc:date>", data)
    charts.write(quote, str(tmp_path), 1, lang)
    assert {p: Path(p).read_bytes() for p in paths} == first
    missing = [str(w.message) for w in recwarn if "Glyph" in str(w.message)]
    if lang == "en":
        assert missing == []


def test_without_matplotlib_it_says_what_to_install(quote, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(PlannerError, match=r"gpu-cost-planner\[charts\]"):
        charts.write(quote, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_misuse(quote, tmp_path):
    with pytest.raises(MisuseError, match="does not exist"):
        charts.write(quote, str(tmp_path / "no"))


def test_nothing_else_imports_matplotlib():
    code = "import sys; from planner.cli import run; run(['quote']); assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
