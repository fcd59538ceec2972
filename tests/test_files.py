"""Files are read within bounds of size and time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from planner.errors import MisuseError
from planner.files import read_text
from tests.conftest import ROOT, Run
from tests.sizing.test_models import QWEN


def test_reads_any_text(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes("\ufeffa\r\nb\rc\n".encode())
    assert read_text(str(path), "file") == "a\nb\nc\n"
    with pytest.raises(MisuseError, match="more than the limit"):
        read_text(str(path), "file", 3)
    with pytest.raises(MisuseError, match="cannot read"):
        read_text(str(tmp_path), "file")


def test_devices_and_pipes_end(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(MisuseError, match="more than the limit"):
        read_text("/dev/zero", "file", 1 << 20)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(MisuseError, match="nothing comes"):
        read_text(str(pipe), "file")
    with pytest.raises(MisuseError, match="cannot read"):
        read_text("a\0b", "file")
    assert time.monotonic() - started < 10


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        with open(pipe, "w") as out:
            for _ in range(20):
                out.write("x" * 10_000)
                out.flush()
                time.sleep(0.005)

    thread = threading.Thread(target=write)
    thread.start()
    assert read_text(str(pipe), "file") == "x" * 200_000
    thread.join()


READERS = (
    ("quote", "--price-book", "F"),
    ("quote", "--price-book", "F.toml"),
    ("quote", "F.toml"),
    ("quote", "--replay", "F"),
    ("diff", "F", "F"),
    ("emit-tf", "aws", "--quote", "F"),
    ("size", "--model-config", "F"),
    ("catalog", "import", "F"),
)


@pytest.mark.parametrize("args", READERS, ids=" ".join)
@pytest.mark.parametrize("what", ["zero", "pipe"])
def test_no_command_reads_without_end(args: tuple[str, ...], what: str, tmp_path: Path) -> None:
    """At most 300 MB, 2 s beyond the start of a command, exit 2, one line."""
    for name in ("F", "F.toml"):
        os.mkfifo(tmp_path / name) if what == "pipe" else (tmp_path / name).symlink_to("/dev/zero")
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20));"
        "from planner.cli import main; main(sys.argv[1:])"
    )
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert time.monotonic() - started < 20


def test_a_byte_order_mark_changes_nothing(planner: Run, tmp_path: Path) -> None:
    header = "provider,region,instance_type,purchase_option,amount,currency\n"
    (tmp_path / "own.csv").write_bytes(
        b"\xef\xbb\xbf" + header.encode() + b"aws,us-east-1,g6.xlarge,on_demand,0.7,USD\n"
    )
    (tmp_path / "w.toml").write_bytes(b'\xef\xbb\xbfhours = 10\r\nprovider = "aws"\r\n')
    assert planner("quote", "--price-book", "own.csv", "w.toml", "-o", "plain", "--format", "json").returncode == 0
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "plain").read_bytes())
    assert planner("quote", "--replay", "bom").stdout == planner("quote", "--replay", "plain").stdout != ""
    (tmp_path / "config.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(QWEN).encode())
    assert planner("models", "show", "--model-config", "config.json").returncode == 0
