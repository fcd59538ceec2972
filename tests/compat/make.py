"""Make the files of this folder with planner 0.1.0: `python -m tests.compat.make CHECKOUT_OF_0_1_0 CHECKOUT_OF_8aebf0c`.

Run once, by hand; what it wrote is committed and never made again by a newer planner. The second checkout is the last
commit whose price book had schema 2; schema 1 left no commit behind, so its file is that book in the tables that 0.1.0's
own first migration creates.
"""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: Saved quotes: name -> options of `planner quote`.
QUOTES: dict[str, tuple[str, ...]] = {
    "default": ("--hours", "720"),
    "parts": (
        *("--hours", "1000.5", "--start", "2026-03-15", "--egress-gb", "12000"),
        *("--region", "us-east-1", "--region", "cn-hangzhou", "--region", "cn-beijing", "--gpu", "A10G"),
        *("--storage-gb", "500", "--public-ips", "2", "--tax", "6%", "--discount", "aws=12%"),
        *("--discount", "alicloud:subscription=5%", "--fx", "USDCNY=7.10", "--budget", "90000", "--gpu", "A10"),
    ),
    "yuan": ("--hours", "8760", "--currency", "CNY", "--provider", "alicloud", "--spare", "1", "--rps", "2"),
    "subscription": (
        *("--provider", "tencentcloud", "--region", "ap-beijing", "--region", "ap-guangzhou", "--hours", "2200"),
        *("--gpu", "V100", "--gpu", "T4", "--low-confidence"),
    ),
    "steps": ("--provider", "tencentcloud", "--hours", "500", "--price-book-db", "{book}", "--region", "ap-guangzhou"),
    "reserved": (
        "--provider",
        "aws",
        "--hours",
        "8760",
        "--purchase-option",
        "reserved",
        "--gpu",
        "A10G",
        "--gpu",
        "L4",
    ),
    "nothing": ("--model", "DeepSeek-R1", "--provider", "tencentcloud", "--budget", "1"),
    "int8": (
        "--precision",
        "int8-w8a16",
        "--model",
        "DeepSeek-R1-Distill-Qwen-32B",
        "--provider",
        "aws",
        "--gpu",
        "L40S",
    ),
}
#: Made as the workbook and the page are: with every price that an offer could need.
WITH_PRICES = ("default-prices", "parts-prices")

_QUOTE_WITH_PRICES = """
import sys
from datetime import date
from planner import build, catalog, fx, workload
from planner.render.json import dump_bytes
fields = {"hours": "1000.5", "start": "2026-03-15", "egress_gb": "500", "storage_gb": "100", "public_ips": "1", "tax": "6%",
          "gpu": ["A10", "A10G"]} if sys.argv[1] == "parts-prices" else {"hours": "720", "gpu": ["A10G", "A10", "V100"]}
work = workload.make(fields)
made = build.quote(work, catalog.Catalog(), "2026-11-23", fx.Rates(fx.committed(), work.fx), with_prices=True)
sys.stdout.buffer.write(dump_bytes(made))
"""

_BOOK = """
import sys
from decimal import Decimal
from planner.pricebook.store import Writer
from tests.bookrows import batch, disk, price, spec, traffic
path, zones = sys.argv[1], ([("g6.xlarge", "us-east-1a"), ("g6.xlarge", "us-east-1b")],) if sys.argv[2] == "3" else ()
L4 = spec("g6.xlarge", vcpu=4, memory_gib=Decimal(16), gpu_model="L4", gpu_count=Decimal(1), gpu_memory_gib=Decimal("22.35"),
          network_gbps=Decimal("2.5"), local_nvme_gb=250)
TX = dict(provider="tencentcloud", site="china", region="ap-guangzhou", currency="CNY")
def tx(amount, low, high, **other):
    return price("GN10Xp.2XLARGE40", amount, tier_from=Decimal(low), tier_to=high and Decimal(high), **TX, **other)
def add(writer, day, amount):
    rows = batch(
        price("g6.xlarge", amount), price("g6.xlarge", "0.31", purchase_option="spot", zone="us-east-1a", note='q" \\u4e2d'),
        price("g6.xlarge", "0.507", purchase_option="reserved", term="1y", payment="no_upfront", offering="standard"),
        price("g6.xlarge", "2133", purchase_option="reserved", term="1y", payment="partial_upfront", offering="standard", unit="term"),
        price("g6.xlarge", "0.2435", purchase_option="reserved", term="1y", payment="partial_upfront", offering="standard"),
        instance_types=(L4,), transfer=(traffic("0", quota=True, to_gb=Decimal(100)), traffic("0.09")), services=(disk(),),
        gaps=("Capacity blocks are not sold here.",))
    writer.add(rows._replace(zones=tuple(zones[0])) if zones else rows, f"2026-11-{day:02d}T08:00:00Z", "keys")
with Writer.open(path) as writer:
    add(writer, 20, "0.8048"), add(writer, 21, "0.7901")
    writer.add(batch(tx("11.98", 0, "96"), tx("9.5", 96, "360"), tx("6.25", 360, None),
                     tx("5750", 0, None, purchase_option="subscription", term="1m", unit="month"),
                     provider="tencentcloud", region="ap-guangzhou", account_site="china"), "2026-11-21T08:00:00Z", "keys")
"""


def _run(checkout: Path, home: Path, *command: str) -> bytes:
    env = {**os.environ, "PYTHONPATH": str(checkout), "PLANNER_HOME": str(home), "NO_COLOR": "1"}
    done = subprocess.run([sys.executable, *command], cwd=checkout, env=env, capture_output=True, check=False)
    if done.returncode not in (0, 1) or (done.returncode and b"budget" not in done.stderr):
        raise SystemExit(f"{command}: {done.stderr.decode()}")
    return done.stdout


def _pack(name: str, data: bytes) -> None:
    (HERE / name).write_bytes(gzip.compress(data, 9, mtime=0))


def _first_schema(checkout: Path, second: Path, path: Path) -> None:
    """Put the rows of a book of schema 2 into the tables of schema 1."""
    code = (
        "import sqlite3, sys; from planner.pricebook.schema import APPLICATION_ID, MIGRATIONS; db = sqlite3.connect(sys.argv[1]);"
        "MIGRATIONS[0](db); db.execute(f'PRAGMA application_id = {APPLICATION_ID}'); db.execute('PRAGMA user_version = 1');"
        "db.commit(); db.close()"
    )
    _run(checkout, path.parent, "-c", code, str(path))
    db = sqlite3.connect(path)
    db.execute("ATTACH ? AS newer", (str(second),))
    tables = [row[0] for row in db.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")]
    for table in tables:
        columns = ", ".join(f'"{row[1]}"' for row in db.execute(f'PRAGMA main.table_info("{table}")'))
        db.execute(f'INSERT INTO main."{table}" ({columns}) SELECT {columns} FROM newer."{table}"')
    db.commit()
    db.close()


def main(release: Path, schema2: Path) -> None:
    """Write every file of this folder."""
    with tempfile.TemporaryDirectory() as folder:
        temp = Path(folder)
        for number, checkout in ((2, schema2), (3, release)):
            _run(checkout, temp, "-c", _BOOK, str(temp / f"book{number}.sqlite3"), str(number))
        _first_schema(release, temp / "book2.sqlite3", temp / "book1.sqlite3")
        for number in (1, 2, 3):
            db = sqlite3.connect(temp / f"book{number}.sqlite3")
            db.execute("VACUUM")
            db.close()
            _pack(f"book{number}.sqlite3.gz", (temp / f"book{number}.sqlite3").read_bytes())
        book = str(temp / "book3.sqlite3")
        exported = _run(release, temp, "-m", "planner", "catalog", "export", "--price-book-db", book)
        (HERE / "book3.csv").write_bytes(exported)
        listed = _run(
            release,
            temp,
            "-m",
            "planner",
            "catalog",
            "list",
            "--format",
            "csv",
            "--price-book-db",
            book,
            *("--provider", "aws", "--region", "us-east-1", "--instance-type", "g6.xlarge"),
        )
        (HERE / "book3-list.csv").write_bytes(listed)
        for name, options in QUOTES.items():
            options = tuple(o.replace("{book}", book) for o in options)
            where = () if "--price-book-db" in options else ("--offline-list",)
            made = _run(release, temp, "-m", "planner", "quote", *options, *where, "--format", "json")
            _pack(f"quote-{name}.json.gz", made)
        for name in WITH_PRICES:
            _pack(f"quote-{name}.json.gz", _run(release, temp, "-c", _QUOTE_WITH_PRICES, name))
        made = _run(
            release, temp, "-m", "planner", "quote", str(HERE / "workload.toml"), "--offline-list", "--format", "json"
        )
        _pack("quote-workload.json.gz", made)
        for cloud in ("aws", "alicloud", "tencentcloud"):
            out = temp / cloud
            _run(
                release,
                temp,
                "-m",
                "planner",
                "emit-tf",
                cloud,
                "--offline-list",
                "-o",
                str(out),
                "--name",
                f"old-{cloud}",
                *("--client-cidr", "10.1.0.0/16", "--deadline", "2027-01-31T18:00:00Z"),
            )
            target = HERE / f"module-{cloud}"
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            for path in sorted(
                [*out.glob("*.tf"), *out.glob("*.tfvars"), out / "planner.json", out / ".planner-files.json"]
            ):
                shutil.copyfile(path, target / path.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
