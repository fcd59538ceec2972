"""The user's own files and options, damaged: refused in one sentence or read as what they say, never a traceback.

What is accepted is used: a quote is made of an accepted workload, rows of CSV of accepted prices. `PLANNER_FUZZ` is how often
each reader is tried; the seed is fixed. Texts are made by hypothesis with a fixed budget.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner import emit, quote, render
from planner.errors import PlannerError
from planner.harmless import cell, one_line, visible
from planner.prices import fx, own
from planner.prices.catalog import Catalog
from planner.quoting import build
from planner.rendering import formats
from planner.sizing import config
from planner.workload import Workload, from_toml, make
from tests.conftest import ROOT, TODAY
from tests.damage import BAD, damaged, places
from tests.safe import flips
from tests.sizing.test_models import QWEN

TIMES = int(os.environ.get("PLANNER_FUZZ", "300"))
CATALOG = Catalog()
WORKLOAD = """hours = 720.5
start = 2026-12-01
model = "DeepSeek-R1-Distill-Qwen-7B"
precision = "fp16"
rps = 2.5
egress_gb = "500"
provider = ["aws"]
instance_type = "g6.xlarge"
headroom = "20%"
budget = 1e6
tax = 0.06
[fx]
USDCNY = 7.10
[discount]
aws = "12%"
"""
PRICES = """provider,region,instance_type,purchase_option,amount,currency,term,payment,zone,effective_date,tier_to,note
aws,us-east-1,g6.xlarge,on_demand,0.7,USD,,,,2026-10-01,,"a ""quoted"" note"
aws,us-east-1,g6.xlarge,reserved,0.4,USD,1y,no_upfront,us-east-1a,2026-10-01,,x
alicloud,cn-beijing,ecs.gn7i-c16g1.4xlarge,subscription,7000,CNY,1m,,,,,
"""
PRICES_TOML = """[[price]]
provider = "aws"
region = "us-east-1"
instance_type = "g6.xlarge"
purchase_option = "on_demand"
amount = 0.7
currency = "USD"
effective_date = 2026-10-01
note = "mine"
"""
#: Values as TOML and CSV write them, hostile and otherwise.
VALUES = (
    *(
        "1e999999999",
        "-1e-999999999",
        "inf",
        "nan",
        "0x" + "f" * 5000,
        "1" * 5000,
        "0." + "0" * 60 + "1",
        "-0",
        "1_0",
        "'x'",
    ),
    *(
        "9999-12-31",
        "0001-01-01",
        "2026-12-01T10:00:00Z",
        "12:00",
        '"2026-12-01 nonsense"',
        "[]",
        "[[1]]",
        "{}",
        "true",
        '""',
    ),
    *(
        '"\\u001b[31m"',
        '"\\u0000"',
        '"=1+1"',
        "'''\n'''",
        "\x1b",
        "\r",
        "\n",
        "=1+1",
        "+1",
        '"',
        "\u2028",
        "\ud800",
        "x" * 5000,
    ),
    *("[" * 2000, "１２", "a.b.c = 1", "[workload]", "[[price]]", ",,,,", "null"),
)

Read = Callable[[Path], None]


def mangled(text: str, rng: random.Random) -> bytes:
    """Return text with one to three of its values, words or bytes replaced."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if rng.random() < 0.4:
            return damaged(text.encode("utf-8", "replace").decode(), rng, [])
        cuts = [i for i, c in enumerate(text) if c in "=,\n "]
        start = rng.choice(cuts) + 1
        end = next((i for i in cuts if i >= start), len(text))
        text = text[:start] + rng.choice(VALUES) + text[end:]
    return text.encode("utf-8", "surrogatepass")


def tried(path: Path, make_bytes: Callable[[], bytes], read: Read) -> Counter[str]:
    """Read TIMES damaged files; return how many were refused and read."""
    kinds: Counter[str] = Counter()
    for number in range(TIMES):
        path.write_bytes(make_bytes())
        begun = time.process_time()
        try:
            read(path)
        except PlannerError as exc:
            kinds["refused" if len(str(exc)) < 2000 and exc.exit_code in (1, 2) else f"number {number}: {exc}"] += 1
        else:
            kinds["read"] += 1
        assert time.process_time() - begun < 2, f"number {number} took too long"
    assert kinds["refused"] > TIMES // 5 and set(kinds) == {"refused", "read"}
    print(path.name, dict(kinds))
    return kinds


def quoted(work: Workload) -> None:
    """Quote an accepted workload and show it; what is not found for it may be said."""
    work = work._replace(provider=("aws",), region=("us-east-1",), instance_type=("g6.xlarge",))
    made = build.quote(work, CATALOG, TODAY, fx.Rates(fx.committed(), work.fx))
    for form in ("table", "csv", "json"):
        formats.render(made, form)


@pytest.mark.fuzz
def test_workload_files(tmp_path: Path) -> None:
    rng = random.Random(11)

    def read(path: Path) -> None:
        work = from_toml(str(path))
        if rng.random() < 0.1:
            quoted(work)

    tried(tmp_path / "w.toml", lambda: mangled(WORKLOAD, rng), read)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", ["own.csv", "own.toml"])
def test_own_prices(name: str, tmp_path: Path) -> None:
    rng = random.Random(12)

    def read(path: Path) -> None:
        for price in own.load(str(path), CATALOG):
            row = [cell(x) for x in (*price.way, price.source.text, price.source.place, price.note, price.amount)]
            out = io.StringIO()
            csv.writer(out).writerow(row)
            assert out.getvalue().count("\n") == 1 and "\x1b" not in out.getvalue()
            assert not any(x.startswith(("=", "+", "@")) for x in row)

    tried(tmp_path / name, lambda: mangled(PRICES if name == "own.csv" else PRICES_TOML, rng), read)


@pytest.mark.fuzz
def test_model_configs(tmp_path: Path) -> None:
    rng, where = random.Random(13), list(places(QWEN))
    tried(
        tmp_path / "config.json",
        lambda: damaged(json.dumps(QWEN), rng, where),
        lambda path: config.load(str(path)) and None,
    )


@pytest.mark.fuzz
def test_options() -> None:
    rng, kinds = random.Random(14), Counter[str]()
    plain = ("1", "0.5", "12%", "720", "aws", "USDCNY=7", "aws=5%", "2026-12-01", "fp8", "spot", "USD", "internet")
    bad = [str(x) for x in BAD if not isinstance(x, int) or x < 10**100]
    for number in range(TIMES):
        keys = rng.sample(Workload._fields, rng.choice((1, 1, 2, 3)))
        given: dict[str, object] = {}
        for key in keys:
            value = rng.choice((rng.choice(plain), rng.choice(bad), rng.choice(VALUES)))
            given[key] = (value,) if isinstance(getattr(Workload(), key), tuple) else value
        try:
            work = make(given)
            kinds["read"] += 1
            if rng.random() < 0.1:
                quoted(work)
        except PlannerError as exc:
            kinds["refused" if len(str(exc)) < 2000 else f"number {number}: {exc}"] += 1
    assert kinds["read"] > TIMES // 20 and kinds["refused"] > TIMES // 5 and len(kinds) == 2
    print("options", dict(kinds))


ANY = st.text(st.characters(exclude_categories=[]), max_size=60)


@settings(max_examples=max(200, TIMES // 10), deadline=None, derandomize=True, database=None)
@given(st.lists(ANY, min_size=1, max_size=5))
def test_any_text_is_one_row_and_no_formula(texts: list[str]) -> None:
    out = io.StringIO()
    csv.writer(out).writerow([cell(x) for x in texts])
    body = out.getvalue()
    assert body.splitlines() == [body[:-2]] and body.encode()
    (row,) = csv.reader(io.StringIO(body))
    for made, text in zip(row, texts, strict=True):
        assert not made.startswith(("=", "+", "@", "\t", "\r")) and one_line(made) == made
        if made.startswith("-"):
            assert float(made) <= 0, text


@settings(max_examples=max(200, TIMES // 10), deadline=None, derandomize=True, database=None)
@given(ANY)
def test_any_text_is_shown(text: str) -> None:
    made = visible(text)
    assert made.encode().decode() == made == visible(made)
    assert not any((ord(c) < 32 and c not in "\n\t") or (127 <= ord(c) < 160 and c != "\xa0") for c in made)
    assert made.count("\n") == text.count("\n") and (not text.isprintable() or made == text)


def text_of(made: str | bytes) -> str:
    return made if isinstance(made, str) else made.decode()


@pytest.mark.slow
def test_as_processes(tmp_path: Path) -> None:
    """200 damaged files of each kind, each read by a process of at most 300 MB: exit 0, 1 or 2, at most one line of error."""
    rng = random.Random(15)
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20));"
        "from planner.cli import main; main(sys.argv[1:])"
    )
    narrow = ("--provider", "aws", "--region", "us-east-1", "--instance-type", "g6.xlarge")
    made = quote(Workload(provider=("aws",), region=("us-east-1",), instance_type=("g6.xlarge",)))
    for name, text in emit(made).items():
        (tmp_path / "module" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "module" / name).write_text(text, "utf-8")
    flips.make(tmp_path / "whole.db")
    saved, record, book = (
        text_of(render(made, "json")),
        (tmp_path / "module/planner.json").read_text("utf-8"),
        (tmp_path / "whole.db").read_bytes(),
    )

    def json_of(text: str) -> Callable[[], bytes]:
        where = list(places(json.loads(text)))
        return lambda: damaged(text, rng, where)

    kinds: tuple[tuple[str, Callable[[], bytes], tuple[str, ...]], ...] = (
        ("w.toml", lambda: mangled(WORKLOAD, rng), ("quote", "w.toml")),
        ("own.csv", lambda: mangled(PRICES, rng), ("quote", *narrow, "--price-book", "own.csv")),
        (
            "own.toml",
            lambda: mangled(PRICES_TOML, rng),
            ("catalog", "list", "--format", "csv", "--price-book", "own.toml"),
        ),
        ("config.json", json_of(json.dumps(QWEN)), ("models", "show", "--model-config", "config.json")),
        ("q.json", json_of(saved), ("quote", "--replay", "q.json", "--format", "csv")),
        ("module/planner.json", json_of(record), ("quote", "--from-tf", "module", *narrow[2:4])),
        ("b.db", lambda: flips.flipped(book, rng), ("quote", *narrow, "--price-book-db", "b.db")),
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    slowest = 0.0
    for name, make_bytes, args in kinds:
        codes: Counter[int] = Counter()
        for number in range(200):
            (tmp_path / name).write_bytes(make_bytes())
            begun = os.times().children_user + os.times().children_system
            done = subprocess.run(
                [sys.executable, "-c", code, *args], cwd=tmp_path, env=env, capture_output=True, timeout=60, check=False
            )
            slowest = max(slowest, os.times().children_user + os.times().children_system - begun)
            codes[done.returncode] += 1
            at = f"{name} number {number}: {done.stderr[-500:]!r}"
            assert done.returncode in (0, 1, 2) and done.stderr.count(b"\n") <= 1, at
            assert b"unexpected" not in done.stderr and b"\x1b" not in done.stdout + done.stderr, at
        print(name, dict(codes))
    print(f"slowest {slowest:.2f} s")
    assert slowest < 2
