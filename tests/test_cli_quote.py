"""`planner quote` as a user meets it: its own process, its exit code, one line for each mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from planner.quoting import choose, notes, saved
from planner.quoting.fields import load_workload
from tests.conftest import ROOT, Run


def one_line(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert result.returncode == code, (result.returncode, result.stderr[-500:])
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    for word in words:
        assert word in lines[0], lines[0]


def test_the_main_command(planner: Run) -> None:
    result = planner("quote", "--hours", "720")
    assert result.returncode == 0 and result.stderr == ""
    for text in (
        "p4d.24xlarge",
        "15,809.50",
        "ecs.gn7i-c16g1.4xlarge",
        "7,267.25 CNY",
        "GN10Xp.20XLARGE320",
        "480 h/mo",
    ):
        assert text in result.stdout
    assert "--gaps lists them" in result.stdout
    assert "no Alibaba Cloud subscription price in the catalogue" in planner("quote", "--gaps").stdout
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("hours", ["-1", "0", "NaN", "1e9", "1000000000", "abc", "", "inf", "0x10", "1,000"])
def test_bad_hours(planner: Run, hours: str) -> None:
    one_line(planner("quote", f"--hours={hours}"), 2, "--hours")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--region", "us-eest-1"], ("us-eest-1", "us-east-1")),
        (["--provider", "awz"], ("awz", "aws")),
        (["--model", "DeepSeek-R1-Distil-Qwen-7B"], ("DeepSeek-R1-Distill-Qwen-7B",)),
        (["--precision", "fp17"], ("fp17", "fp16")),
        (["--gpu", "A1000000"], ("A1000000",)),
        (["--instance-type", "p4d.24xlargee"], ("p4d.24xlarge",)),
        (["--purchase-option", "on_demnd"], ("on_demand",)),
        (["--discount", "aws=101%"], ("--discount", "outside 0 % to 100 %")),
        (["--discount", "aws=100%"], ("--discount aws", "a discount of 100 % leaves no price")),
        (["--discount", "aws:reserved=1"], ("--discount aws:reserved", "a discount of 100 %")),
        (["--count", "0"], ("--count", "0 instances run nothing", "the sizing decides")),
        (["--discount", "aws"], ("no '='",)),
        (["--discount", "gcp=5%"], ("unknown provider",)),
        (["--fx", "USDCNY=0"], ("--fx",)),
        (["--fx", "USD=7"], ("USDCNY=7.10",)),
        (["--currency", "XYZ"], ("XYZ",)),
        (["--currency", "EUR"], ("no exchange rate", "--fx")),
        (["--budget", "-5"], ("--budget",)),
        (["--count", "1.5"], ("--count",)),
        (["--egress-gb", "-1"], ("--egress-gb",)),
        (["--headroom", "100%"], ("--headroom",)),
        (["--as-of", "yesterday"], ("--as-of",)),
        (["--start", "2026-13-01"], ("--start",)),
        (["--no-such"], ("--no-such",)),
        (["nothere.toml"], ("nothere.toml",)),
        (["--price-book", "nothere.csv"], ("nothere.csv",)),
        (["--replay", "nothere.json"], ("nothere.json",)),
    ],
)
def test_misuse(planner: Run, args: list[str], words: tuple[str, ...]) -> None:
    one_line(planner("quote", *args), 2, *words)


def test_unknown_command(planner: Run) -> None:
    one_line(planner("qote"), 2, "quote")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hours = ", ("not valid TOML",)),
        ("houres = 720", ("houres", "hours")),
        ("hours = '7 20'", ("hours",)),
        ("[workload]\nhours = 1\n[other]\nx = 1", ("other",)),
        ("hours = 1\n[workload]\nhours = 2", ("twice",)),
        ("model = 7\nprecision = ['a']", ("precision",)),
        ("region = [1]", ("region",)),
        ("hours = 1e9", ("hours",)),
        ("hours = nan", ("hours",)),
        ("budget = true", ("budget",)),
        ("[discount]\naws = 1", ("--discount aws", "a discount of 100 %")),
    ],
)
def test_bad_workload_file(planner: Run, tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    (tmp_path / "w.toml").write_text(text, encoding="utf-8")
    one_line(planner("quote", "w.toml"), 2, "w.toml", *words)


def test_workload_file_and_options(planner: Run, tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text(
        '\ufeff[workload]\r\nname = "trial"\r\nhours = 100\r\nprovider = "aws"\r\negress_gb = 50.5\r\n'
        '[discount]\r\naws = "12%"\r\n[fx]\r\nUSDCNY = 7.10\r\n',
        encoding="utf-8",
    )
    raw = json.loads(planner("quote", "w.toml", "--hours", "200", "--format", "json").stdout)
    assert (raw["hours"], raw["workload"]["egress_gb"], raw["workload"]["name"]) == ("200", "50.5", "trial")
    assert raw["workload"]["discount"] == {"aws": "0.12"}
    assert {o["provider"] for o in raw["offers"]} == {"aws"}


HEADER = "provider,region,instance_type,purchase_option,amount,currency"


def test_own_prices_replace_and_add(planner: Run, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(
        f"\ufeff{HEADER},term,unit\r\naws,us-east-1,p4d.24xlarge,on_demand,20,USD,,\r\n"
        "alicloud,cn-beijing,ecs.gn7i-c16g1.4xlarge,subscription,3000,CNY,1m,month\r\n",
        encoding="utf-8",
    )
    args = ("--price-book", "own.csv", "--instance-type", "p4d.24xlarge", "--instance-type", "ecs.gn7i-c16g1.4xlarge")
    raw = json.loads(planner("quote", *args, "--format", "json").stdout)
    usage = [o for o in raw["offers"] if o["id"] == "aws:aws:us-east-1:p4d.24xlarge:on_demand"]
    assert [o["totals"]["native"]["list"] for o in usage] == ["14400"]
    assert usage[0]["charges"][0]["origin"] == "own" and usage[0]["charges"][0]["place"] == "own.csv:2"
    month = [o for o in raw["offers"] if o["purchase_option"] == "subscription" and o["provider"] == "alicloud"]
    assert [o["totals"]["native"]["billed"] for o in month] == ["3000"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("own.csv", "missing")),
        (f"{HEADER}\n", ("no price",)),
        ("provider,region\naws,us-east-1\n", ("instance_type", "missing")),
        (f"{HEADER},colour\n", ("colour",)),
        (f"{HEADER}\naws,us-east-1,p4d.24xlarge,on_demand,2.1e1,USD\n", ("own.csv:2", "2.1e1")),
        (f"{HEADER}\naws,us-east-1,p4d.24xlarge,on_demand,0,USD\n", ("own.csv:2", "not above zero")),
        (f"{HEADER}\naws,us-east-1,p4d.24xlarge,on_demand,20,XXX\n", ("own.csv:2", "unknown currency")),
        (f"{HEADER}\naws,us-eest-1,p4d.24xlarge,on_demand,20,USD\n", ("own.csv:2", "us-east-1")),
        (f"{HEADER}\naws,us-east-1,p4d.24xlarge,on_demand,20\n", ("own.csv:2", "5 columns")),
        (
            f"{HEADER}\naws,us-east-1,p4d.24xlarge,on_demand,20,USD\naws,us-east-1,p4d.24xlarge,on_demand,21,USD\n",
            ("own.csv:3", "own.csv:2"),
        ),
    ],
)
def test_bad_price_book(planner: Run, tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    (tmp_path / "own.csv").write_text(text, encoding="utf-8")
    one_line(planner("quote", "--price-book", "own.csv"), 2, *words)


def test_huge_and_binary_price_books(planner: Run, tmp_path: Path) -> None:
    with (tmp_path / "big.csv").open("wb") as file:
        file.truncate(100 * 2**20)
    one_line(planner("quote", "--price-book", "big.csv"), 2, "more than the limit")
    (tmp_path / "bin.csv").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    one_line(planner("quote", "--price-book", "bin.csv"), 2, "neither UTF-8 nor GBK")
    (tmp_path / "two.csv").write_bytes(b"\xff\xfe\x00\x01")
    one_line(planner("quote", "--price-book", "two.csv"), 2, "no header")


def test_budget(planner: Run) -> None:
    result = planner("quote", "--budget", "20000")
    assert result.returncode == 0 and "offers fit" in result.stdout
    result = planner("quote", "--budget", "10", "--instance-type", "p4d.24xlarge")
    assert "NOTHING FITS" in result.stdout and "9,902.00 over" in result.stdout
    one_line(result, 1, "nothing fits the budget", "the lowest obligation is 9,912.00, 9,902.00 over")


def test_a_spot_sample_never_fits_a_budget(planner: Run) -> None:
    asked = (
        "quote",
        "--instance-type",
        "p4d.24xlarge",
        "--region",
        "us-east-1",
        "--provider",
        "aws",
        "--budget",
        "1000000",
    )
    result = planner(*asked, "--purchase-option", "spot")
    assert "no firm, fully priced offer to compare" in result.stdout
    one_line(result, 1, "nothing fits the budget", "spot samples do not count")
    raw = json.loads(planner(*asked, "--format", "json").stdout)
    firm = [o for o in raw["offers"] if o["purchase_option"] != "spot"]
    least = min(Decimal(o["totals"]["obligation"]) for o in firm)
    assert raw["budget"]["fits"] and raw["budget"]["fitting"] == len(firm)
    assert Decimal(raw["budget"]["cheapest"]) == least and raw["budget"]["basis"] == "obligation"
    assert raw["workload"]["budget_basis"] == "obligation"


NOTHING = ("--provider", "tencentcloud", "--model", "DeepSeek-R1")


@pytest.mark.parametrize("form", ["table", "json", "csv", "html", "markdown", "focus", "xlsx"])
def test_a_quote_without_an_offer_exits_1_with_the_reason(planner: Run, tmp_path: Path, form: str) -> None:
    out = tmp_path / f"out.{form}"
    result = planner("quote", *NOTHING, "--format", form, "-o", str(out), "--charts", str(tmp_path / "charts"))
    one_line(
        result, 1, "no offer: tencentcloud ", "tencentcloud GI3X", "in ap-guangzhou", "weights and engine need", " more"
    )
    assert out.exists() == (form not in ("focus", "xlsx"))  # a workbook or rows of nothing are not written


def test_a_saved_quote_and_a_module_without_an_offer_exit_1(planner: Run, tmp_path: Path) -> None:
    planner("quote", *NOTHING, "--format", "json", "-o", "nothing.json")
    again = planner("quote", "--replay", "nothing.json")
    one_line(again, 1, "no offer: tencentcloud ", "GI3X")
    assert "DeepSeek-R1" in again.stdout
    made = planner("emit-tf", "aws", "-o", "m", "--client-cidr", "10.1.0.0/16", "--deadline", "2036-01-31T18:00:00Z")
    assert made.returncode == 0, made.stderr
    priced = planner("quote", "--from-tf", "m", "--model", "DeepSeek-R1")
    one_line(priced, 1, "no offer: aws")


def test_a_saved_count_of_0_and_a_discount_of_100_percent_still_load(planner: Run, tmp_path: Path) -> None:
    """A workload's count of 0 means that the sizing decides, also in a TOML file; 0.1.0 quoted 100 % off."""
    (tmp_path / "w.toml").write_text("count = 0\nprovider = 'aws'\ngpu = 'A10G'\n", encoding="utf-8")
    assert json.loads(planner("quote", "w.toml", "--format", "json").stdout)["workload"]["count"] == 0
    one_line(planner("quote", "w.toml", "--count", "0"), 2, "--count")
    text = planner("quote", "--provider", "aws", "--gpu", "A10G", "--format", "json").stdout
    raw = json.loads(text)
    assert raw["workload"]["count"] == 0
    assert saved.load(text).workload.count == 0
    free = load_workload({**raw["workload"], "discount": {"alicloud": "1"}}, "old.json")
    assert free.discount == (("alicloud", Decimal(1)),)


def test_stale_is_marked_and_strict_fails(planner: Run) -> None:
    result = planner("quote", "--as-of", "2026-11-23", "--strict")
    assert "STALE" in result.stdout
    one_line(result, 1, "alicloud", "planner refresh alicloud")
    raw = json.loads(planner("quote", "--as-of", "2026-11-23", "--format", "json").stdout)
    assert [s["provider"] for s in raw["stale"]] == ["alicloud", "aws", "tencentcloud"]
    text = planner("quote", "--as-of", "2026-11-23", "--format", "csv", "--provider", "aws").stdout
    assert text.splitlines()[1].endswith(",yes")
    fresh = planner("quote", "--as-of", "2026-11-23", "--strict", "--max-age", "36500", "--provider", "alicloud")
    assert fresh.returncode == 0 and "STALE" not in fresh.stdout


def test_output_file(planner: Run, tmp_path: Path) -> None:
    assert planner("quote", "--format", "json", "-o", "q.json").stdout == ""
    saved = (tmp_path / "q.json").read_text(encoding="utf-8")
    assert planner("quote", "--replay", "q.json", "--format", "json").stdout == saved
    one_line(planner("quote", "--replay", "q.json", "--hours", "5"), 2, "--replay")
    one_line(planner("quote", "-o", "no/such/folder/q.txt"), 2, "does not exist")
    assert sorted(os.listdir(tmp_path)) == ["q.json"]


def test_a_full_disk_leaves_the_old_file(planner: Run, tmp_path: Path) -> None:
    """A limit on file sizes stands for a full disk: the write fails half way."""
    (tmp_path / "q.json").write_text("old", encoding="utf-8")
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        "from planner.cli import main; main(['quote', '--format', 'json', '-o', 'q.json', '--force'])"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=env)
    one_line(result, 1, "q.json", "untouched")
    assert (tmp_path / "q.json").read_text(encoding="utf-8") == "old"
    assert sorted(os.listdir(tmp_path)) == ["q.json"]


def test_a_closed_pipe_is_silent(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = f"{sys.executable} -m planner quote --format json | head -1; echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, env=env)
    assert result.stdout == "{\n0\n" and result.stderr == ""


def test_explain_reaches_the_price_row(planner: Run) -> None:
    result = planner("explain", "tencentcloud:china:ap-guangzhou:GN10Xp.20XLARGE320:subscription:1m")
    for text in ("prices/subscription.csv:", "46000 CNY", "qcloud-price", "break-even 480 h", "6.652882", "weights"):
        assert text in result.stdout
    one_line(planner("explain", "aws:aws:us-east-1:p4d.24xlarge:on_demnd"), 2, "on_demand")


def test_catalog_commands(planner: Run) -> None:
    listed = planner("catalog", "list", "--gpu", "A100-40", "--region", "us-east-1")
    assert "21.957642" in listed.stdout and "32.7726" not in listed.stdout
    assert "32.7726" in planner("catalog", "list", "--gpu", "A100-40", "--region", "us-east-1", "--all").stdout
    shown = planner("catalog", "show", "GN10Xp.20XLARGE320").stdout
    assert "95.84 CNY per hour" in shown and "13.78 USD per hour" in shown and "qcloud-documents" in shown
    checked = planner("catalog", "check", "--as-of", "2026-11-23")
    assert checked.returncode == 0 and "alicloud: 749 prices" in checked.stdout
    one_line(planner("catalog", "show", "p4d.24xlargee"), 2, "p4d.24xlarge")
    one_line(planner("catalog", "check", "--strict", "--as-of", "2026-11-23"), 1, "stale")


@pytest.mark.parametrize(("provider", "region"), [("tencentcloud", "ap-guiyang"), ("aws", "ca-west-1")])
def test_a_region_without_any_price_says_how_to_get_them(planner: Run, provider: str, region: str) -> None:
    done = planner("quote", "--offline-list", "--provider", provider, "--region", region)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert f"no price at all for {region}: `planner refresh {provider} --region {region}`" in done.stderr


def test_why_nothing_serves_is_said_by_what_is_known(planner: Run) -> None:
    """Not by a type that nobody has a datasheet of, while others say what the model lacks."""
    done = planner("quote", "--model", "DeepSeek-R1", "--provider", "tencentcloud")
    assert done.returncode == 1
    first = done.stderr.splitlines()[-1].split(";")[0]
    assert "no offer: " in first and choose.UNKNOWN not in first and "GiB a GPU" in first
    assert str(notes.refusal(None)) == choose.UNKNOWN
