"""Chart files: PNG and SVG of the right figures, the same bytes each time, and a clear word without matplotlib."""

import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from planner import workload
from planner.cli import run
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
        f"{n}.{k}" for n in ("cost", "hours", "months", "break-even") for k in ("png", "svg")
    ]
    first = {p: Path(p).read_bytes() for p in paths}
    for path, data in first.items():
        if path.endswith("png"):
            assert data.startswith(b"\x89PNG") and struct.unpack(">II", data[16:24])[0] == 1920
        else:
            assert b"<svg" in data and not re.search(rb"<dc:date>", data)
    # One file is the picture of the hours alone, the same bytes again; another's file stays as it is.
    (alone,) = charts.write(quote, str(tmp_path / "alone.svg"), 1, lang)
    assert Path(alone).read_bytes() == first[str(tmp_path / "hours.svg")]
    Path(alone).write_text("mine")
    with pytest.raises(MisuseError, match="was not written by planner"):
        charts.write(quote, alone, 1, lang)
    missing = [str(w.message) for w in recwarn if "Glyph" in str(w.message)]
    if lang == "en":
        assert missing == []


def test_without_matplotlib_it_says_what_to_install(quote, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(PlannerError, match=r"gpu-cost-planner\[charts\]"):
        charts.write(quote, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_misuse(quote, tmp_path):
    for name in ("no", "chart.pdf", "png"):
        with pytest.raises(MisuseError, match="does not exist"):
            charts.write(quote, str(tmp_path / name))


def test_throughput_against_latency_is_drawn_from_the_sizing(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib (extra charts) is not installed")
    asked = ["size", "--gpu", "A10", "--tpot-ms", "80", "--charts"]
    path = tmp_path / "latency.svg"
    assert run([*asked, str(path)]) == 0
    first = path.read_bytes()
    assert b"<dc:title>planner</dc:title>" in first and b"<dc:date>" not in first
    assert run([*asked, str(path)]) == 0 and path.read_bytes() == first
    assert (
        run(["size", "--gpu", "T4", "--model", "DeepSeek-R1-Distill-Qwen-32B", "--charts", str(tmp_path / "x.png")])
        == 2
    )
    assert "nothing to draw" in capsys.readouterr().err and not (tmp_path / "x.png").exists()


def test_nothing_else_imports_matplotlib():
    code = "import sys; from planner.cli import run; run(['quote']); assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
