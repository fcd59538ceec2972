"""Numbers and dates are held to bounds before anything is computed with them: 2 s, 300 MB, one line, exit 2."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

from planner.errors import MisuseError
from planner.money import bounded, decimal_of, percent_of
from planner.units import iso_date
from tests.conftest import ROOT

TINY = "0." + "0" * 57 + "1"
HEAD = "provider,region,instance_type,purchase_option,amount,currency,term,note,effective_date,tier_to\n"
OPTIONS = (
    *(
        ("--start", d)
        for d in ("9999-12-31", "0001-01-01", "2026-12-01 nonsense", "2026-13-01", "1" * 5000, "２０２６-12-01")
    ),
    ("--as-of", "9999-12-31"),
    *(
        (f"--{name}", TINY)
        for name in ("rps", "hours", "tokens-per-second", "ttft-ms", "tpot-ms", "egress-gb", "tax", "headroom")
    ),
    *((f"--{name}", "9" * 50) for name in ("rps", "hours", "budget", "count", "public-ips", "storage-gb", "max-age")),
    *((f"--{name}", "1e999999999") for name in ("rps", "hours", "budget", "count", "discount-rate")),
    *((f"--{name}", "nan") for name in ("rps", "hours", "budget", "tax")),
    ("--fx", f"USDCNY={TINY}"),
    ("--discount", f"aws={TINY}"),
    ("--discount", "aws=" + "9" * 100_000),
    ("--hours", "٣"),
)
TOMLS = (
    "hours = 1e999999999",
    "hours = -1e-999999999",
    "hours = 1e99999999999999999999",
    "hours = inf",
    "hours = nan",
    "hours = 0x" + "f" * 100_000,
    "hours = " + "1" * 5000,
    "rps = " + TINY,
    "count = " + "9" * 4000,
    "start = 9999-12-31",
    'start = "2026-12-01 nonsense"',
    "start = 12:00:00",
    "start = 2026-12-01T25:00:00",
    "headroom = 1e-999999",
    "tax = 1e400000",
    "x = " + "[" * 100_000,
    "[fx]\nUSDCNY = 1e99999999",
    "[discount]\naws = 1e-99999999",
    "hours = [[1]]",
    "region = [" + "'x'," * 200_000 + "]",
    "name = '\x1b'",
)
OWN = (
    *(f"aws,us-east-1,g6.xlarge,on_demand,{a},USD,,,," for a in ("1e9999999", TINY, "9" * 59, "nan", "0", "-1")),
    *(f"aws,us-east-1,g6.xlarge,reserved,0.7,USD,{t},,," for t in ("=1+1y", "99y", "1", "y", "0m", "1m\x1b", "１y")),
    "aws,us-east-1,g6.xlarge,on_demand,0.7,USD,,,9999-12-31,",
    "aws,us-east-1,g6.xlarge,on_demand,0.7,USD,,,2026-12-01 nonsense,",
    "aws,us-east-1,g6.xlarge,on_demand,0.7,USD,,,," + "9" * 59,
    'aws,us-east-1,g6.xlarge,on_demand,0.7,USD,,"a\rb",,',
    "aws,us-east-1,g6.xlarge,on_demand,0.7,USD,,\x1b]0;x\x07,,",
    'aws,us-east-1,g6.xlarge,on_demand,0.7,USD,,"' + "x" * 200_000,
)
OWN_TOML = (
    "amount = 1e999999999",
    "amount = 0x" + "f" * 100_000,
    "amount = [1]",
    "amount = " + "1" * 5000,
    "amount = true",
    "amount = 1979-05-27",
)


def refused(tmp_path: Path, *args: str) -> None:
    """Run it as a process of at most 300 MB of addresses and few seconds of its own."""
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20));"
        "resource.setrlimit(resource.RLIMIT_CPU, (6, 6)); from planner.cli import main; main(sys.argv[1:])"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PLANNER_DEBUG": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *args],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and len(done.stderr) < 1500, (
        args[1:],
        done.stderr[-600:],
    )


def test_the_worst_as_processes(tmp_path: Path) -> None:
    for number, text in enumerate((TOMLS[0], TOMLS[5], TOMLS[15], TOMLS[19])):
        (tmp_path / f"{number}.toml").write_text(text)
        refused(tmp_path, "quote", f"{number}.toml")
    (tmp_path / "own.toml").write_text(
        '[[price]]\nprovider = "aws"\nregion = "us-east-1"\ninstance_type = "g6.xlarge"\npurchase_option = "on_demand"\n'
        'currency = "USD"\namount = 1e999999999\n'
    )
    refused(tmp_path, "quote", "--price-book", "own.toml")
    refused(tmp_path, "quote", "--start", "9999-12-31")
    refused(tmp_path, "quote", "--rps", TINY)
    started = time.monotonic()
    (tmp_path / "big.csv").write_text(HEAD + "aws,us-east-1,g6.xlarge,on_demand,0.7,USD,,,,\n" * 80_000)
    refused(tmp_path, "quote", "--price-book", "big.csv")
    assert time.monotonic() - started < 20  # 3.8 MB of rows, on a busy machine


@pytest.mark.parametrize("option", OPTIONS, ids=lambda o: f"{o[0]} {o[1][:20]}")
def test_options(option: tuple[str, str]) -> None:
    from planner.cli.options import make_workload, open_catalog

    name, value = option[0].strip("-").replace("-", "_"), option[1]
    with pytest.raises(MisuseError) as caught:
        if name == "as_of":
            open_catalog(as_of=value)
        else:
            make_workload({name: (value,) if name in ("fx", "discount") else value})
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("text", TOMLS, ids=lambda t: t[:30])
def test_workload_files(text: str, tmp_path: Path) -> None:
    from planner.workload import from_toml

    (tmp_path / "w.toml").write_text(text)
    with pytest.raises(MisuseError) as caught:
        from_toml(str(tmp_path / "w.toml"))
    assert len(str(caught.value)) < 1200


@pytest.mark.parametrize("row", [*OWN, *OWN_TOML], ids=lambda t: t[-40:])
def test_own_prices(row: str, tmp_path: Path) -> None:
    from planner.prices.catalog import Catalog
    from planner.prices.own import load

    if row in OWN_TOML:
        path = tmp_path / "own.toml"
        path.write_text(
            '[[price]]\nprovider = "aws"\nregion = "us-east-1"\ninstance_type = "g6.xlarge"\npurchase_option = "on_demand"\n'
            f'currency = "USD"\n{row}\n'
        )
    else:
        path = tmp_path / "own.csv"
        path.write_text(HEAD + row + "\n", newline="")
    with pytest.raises(MisuseError) as caught:
        load(str(path), Catalog())
    assert len(str(caught.value)) < 1200


def test_what_people_write_stays_allowed() -> None:
    assert bounded("0.000000000001", "x", 0, 1) == Decimal("1e-12")
    assert bounded(Decimal("1E+3"), "x", 0, 10**6) == 1000
    assert decimal_of("0." + "0" * 40 + "1", "x")
    assert percent_of("33.333333333333%", "x") and percent_of(Decimal("0.2"), "x") == Decimal("0.2")
    assert iso_date("2026-12-01", "x") == "2026-12-01"
