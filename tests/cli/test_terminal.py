"""Whatever the terminal is, or is no more: the right exit code, at most one line, never a traceback."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from planner.cli.terminal import shown
from planner.harmless import cell, one_line, visible
from tests.conftest import ROOT

PLANNER = f"{sys.executable} -m planner"

COMMANDS = {
    "quote": 0,
    "quote --lang zh": 0,
    "quote --lang zh --format csv": 0,
    "quote --lang zh --format markdown": 0,
    "quote --format json": 0,
    "quote --budget 0.01": 1,
    "quote --hours x": 2,
    "explain --provider aws": 0,
    "catalog list": 0,
    "catalog list --format csv": 0,
    "catalog check": 0,
    "models list": 0,
    "size --gpu A10": 0,
    "--help": 0,
    "quote --help": 0,
    "nothing": 2,
}


def shell(line: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash; its exit code is planner's."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
    script = "set -o pipefail\n" + line
    return subprocess.run(["bash", "-c", script], env=env, capture_output=True, check=False, timeout=60)


def quiet(done: subprocess.CompletedProcess[bytes], code: int) -> None:
    assert done.returncode == code, (done.returncode, done.stderr)
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr
    assert done.stderr.count(b"\n") <= 1, done.stderr


#: Of every kind one; the others are alike (`make slow`).
SAMPLE = {"quote", "quote --lang zh --format csv", "nothing"}


@pytest.mark.parametrize("command", [c if c in SAMPLE else pytest.param(c, marks=pytest.mark.slow) for c in COMMANDS])
def test_every_kind_of_terminal(command: str) -> None:
    code = COMMANDS[command]
    for encoding in ("ascii", "cp1252"):
        quiet(shell(f"{PLANNER} {command}", PYTHONIOENCODING=encoding), code)
    quiet(shell(f"{PLANNER} {command} | true"), code)
    quiet(shell(f"{PLANNER} {command} 2>&-"), code)
    quiet(shell(f"{PLANNER} {command} 2>/dev/full"), code)
    quiet(shell(f"{PLANNER} {command} <&- >/dev/null"), code)
    for place in (">&-", ">/dev/full"):
        done = shell(f"{PLANNER} {command} {place}")
        quiet(done, code or 1)
        assert done.stderr
    quiet(shell(f"{PLANNER} {command} >&- 2>&-"), code or 1)


def test_a_file_of_ours_never_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    done = shell(f"cd {tmp_path}; {PLANNER} quote --format json -o q.json >&- 2>&-")
    quiet(done, 0)
    assert (tmp_path / "q.json").read_bytes().startswith(b"{") and (tmp_path / "q.json").read_bytes().endswith(b"}\n")


def test_bytes_of_a_file_do_not_follow_the_terminal() -> None:
    for form in ("csv", "html", "json", "focus"):
        made = {
            shell(f"{PLANNER} quote --provider aws --format {form}", PYTHONIOENCODING=e).stdout
            for e in ("ascii", "utf-8")
        }
        assert len(made) == 1 and next(iter(made))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_signals_end_a_command_with_a_word(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """It waits for a pipe that nobody reads; then the signal comes, and nothing is left behind."""
    os.mkfifo(tmp_path / "in")
    hold = os.open(tmp_path / "in", os.O_RDWR)  # a writer that says nothing
    process = subprocess.Popen(
        [sys.executable, "-m", "planner", "quote", "--replay", "in", "-o", "out"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    time.sleep(1)
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    os.close(hold)
    assert (process.returncode, out, err.count(b"\n")) == (code, b"", 1), err
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_nohup_stays_nohup(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); from planner.cli import terminal;"
        "terminal.prepare(); os.kill(os.getpid(), signal.SIGHUP); print('alive')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "alive\n", done.stderr


def test_an_unexpected_error_is_one_line() -> None:
    code = "import planner.cli as c; c.run = lambda args: {}['x\\x1b\\n']; c.main([])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    quiet(done, 1)
    assert b"unexpected KeyError" in done.stderr and b"\x1b" not in done.stderr
    env = {**os.environ, "PLANNER_DEBUG": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, check=False)
    assert b"Traceback" in done.stderr


def test_escape_sequences_are_shown_not_obeyed(tmp_path: Path) -> None:
    """On a terminal: a file's name, a note and a zone with ESC, CR and a turn of direction in them."""
    evil = "\x1b]0;owned\x07\x1b[2J\r\u202e\x9b31m"
    master, slave = pty.openpty()
    got = bytearray()

    def read() -> None:
        try:
            while True:
                got.extend(os.read(master, 65536))
        except OSError:
            return

    reader = threading.Thread(target=read)
    reader.start()
    name = tmp_path / evil.replace("/", "")
    name.write_text("x")
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    env.pop("NO_COLOR", None)
    for args in (["quote", str(name)], ["quote", "--price-book", str(name)], ["quote", "--provider", "aws"], [evil]):
        subprocess.run([sys.executable, "-m", "planner", *args], stdout=slave, stderr=slave, env=env, check=False)
    os.close(slave)
    reader.join(5)
    os.close(master)
    for sequence in (b"\x1b]", b"\x1b[2", b"\x07", b"\xc2\x9b", "\u202e".encode()):
        assert sequence not in got.replace(b"\x1b[2m", b""), sequence
    assert b"\\x1b]0;owned" in got and b"\x1b[1m" in got


def test_text_made_harmless() -> None:
    assert one_line("a\nb\r\tc\x1b\x7f\x85\u2028\u202e") == "a\\nb\\r\\tc\\x1b\\x7f\\x85\\u2028\\u202e"
    assert one_line("中文　全角 nb\xa0sp – ok") == "中文　全角 nb\xa0sp – ok"
    assert one_line("\udcff") == "\\udcff"
    assert visible("a\n\tb\r\n\x1b") == "a\n\tb\\r\n\\x1b"
    assert shown("\x1b[1mbold\x1b[0m \x1b[31mred\x1b \x1b[") == "\x1b[1mbold\x1b[0m \\x1b[31mred\\x1b \\x1b["
    assert [cell(x) for x in ("=1+1", "+1", "-1", "-1.5", "@a", "\tx", "a\rb", "＝1", "-1+1", 5)] == [
        *("'=1+1", "'+1", "-1", "-1.5", "'@a", "'\\tx", "a\\rb", "'＝1", "'-1+1", "5")
    ]
