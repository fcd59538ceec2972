"""`planner refresh` as a user runs it, on a cloud that is found by its entry point like any third party's."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from planner.errors import MisuseError
from planner.prices.book import PriceBook
from planner.prices.book.write import Writer
from planner.prices.raw import RawFiles, redacted
from planner.prices.refresh import Job, endpoints_of, plan, run
from planner.provider import Access
from tests.bookrows import NOON
from tests.fakecloud.fakecloud import REGIONS, Fake

ROOT = Path(__file__).resolve().parents[2]


def _environ(told: dict[str, object], **more: str) -> dict[str, str]:
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests" / "fakecloud")))
    return os.environ | {"PYTHONPATH": path, "FAKECLOUD": json.dumps(told)} | more


def _planner(
    tmp_path: Path, *args: str, told: dict[str, object] | None = None, **more: str
) -> subprocess.CompletedProcess[str]:
    environ = _environ(told or {}, PLANNER_HOME=str(tmp_path / "home"), **more)
    command = [sys.executable, "-m", "planner", *args]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)


def _regions(tmp_path: Path, provider: str = "fakecloud") -> set[str]:
    book = PriceBook.open_for_read(str(tmp_path / "home" / "prices.sqlite3"))
    if book is None:
        return set()
    with book:
        return {price.region for price in book.prices(provider)}


def test_what_was_fetched_changed_and_not_given_is_said(tmp_path: Path) -> None:
    first = _planner(tmp_path, "refresh", "fakecloud")
    assert first.returncode == 0 and _regions(tmp_path) == set(REGIONS)
    assert len(first.stderr.splitlines()) == len(REGIONS)  # one line per region where there is no terminal
    second = _planner(tmp_path, "refresh", "fakecloud", told={"amount": "12.6"})
    assert "fakecloud north-1 h0.0xlarge on_demand: 10.5 -> 12.6 USD/hour (+20.00 %)" in second.stdout
    assert "1 changed, 0 new, 0 withdrawn" in second.stdout
    assert second.stdout.count("Spot prices are not sold.") == 1
    third = _planner(tmp_path, "refresh", "fakecloud", "--region", "north-1", told={"drop": 1})
    assert "h0.0xlarge on_demand: withdrawn (was 12.6 USD/hour)" in third.stdout


def test_one_failure_never_touches_another(tmp_path: Path) -> None:
    _planner(tmp_path, "refresh", "fakecloud")
    told: dict[str, object] = {
        "amount": "11",
        "fail": {"north-1": "throttled five times"},
        "crash": ["north-2"],
        "rows": 1,
        "zero": ["south-1"],
        "wrong_region": ["south-2"],
        "otherfake": {"fail": dict.fromkeys(REGIONS, "wrong secret")},
    }
    done = _planner(tmp_path, "refresh", "fakecloud", "otherfake", told=told)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "1 regions added, 9 failed" in done.stdout
    for words in (
        "throttled five times",
        "unexpected KeyError",
        "amount 0 is not above zero",
        "got fakecloud elsewhere",
        "wrong secret",
    ):
        assert words in done.stdout, words
    with Writer.open(str(tmp_path / "home" / "prices.sqlite3")) as writer:
        amounts = {
            r: str(max(p.amount for p in writer.book.prices("fakecloud", r) if p.instance_type == "h0.0xlarge"))
            for r in REGIONS
        }
    assert amounts == {"north-1": "10.5", "north-2": "10.5", "south-1": "10.5", "south-2": "10.5", "west-1": "11"}


def _amounts(tmp_path: Path, region: str, as_of: str = "") -> dict[str, str]:
    book = PriceBook.open_for_read(str(tmp_path / "home" / "prices.sqlite3"))
    assert book is not None
    with book:
        assert not book.withdrawn("fakecloud", region)
        return {p.instance_type: str(p.amount) for p in book.prices("fakecloud", region, as_of)}


def test_one_bad_item_never_loses_a_region(tmp_path: Path) -> None:
    """A price that fails the checks is reported and counted; its last known price stays, and every other is the new one."""
    _planner(tmp_path, "refresh", "fakecloud", "--region", "north-1")
    before = _amounts(tmp_path, "north-1")
    assert len(before) == 8
    done = _planner(tmp_path, "refresh", "fakecloud", "--region", "north-1", told={"zero": ["north-1"]})
    assert done.returncode == 0 and "north-1: 7 prices, 1 traffic" in done.stdout
    assert "0 changed, 0 new, 0 withdrawn; 1 item left out" in done.stdout
    assert "fakecloud north-1 h0.0xlarge: " in done.stdout and "amount 0 is not above zero" in done.stdout
    assert "(1 regions added, 0 failed, 1 items of them left out)" in done.stdout
    assert _amounts(tmp_path, "north-1") == before
    assert "withdrawn" not in _planner(tmp_path, "catalog", "history", "h0.0xlarge").stdout
    fine = _planner(tmp_path, "refresh", "fakecloud", "--region", "north-1", told={"amount": "12.6"})
    assert "1 changed, 0 new, 0 withdrawn" in fine.stdout and "left out" not in fine.stdout
    assert _amounts(tmp_path, "north-1") == before | {"h0.0xlarge": "12.6"}
    assert "!" not in _planner(tmp_path, "refresh", "fakecloud", "--family", "h0").stderr


def test_an_item_that_is_far_off_is_held_alone(tmp_path: Path) -> None:
    _planner(tmp_path, "refresh", "fakecloud", "--region", "north-1")
    before = _amounts(tmp_path, "north-1")
    done = _planner(tmp_path, "refresh", "fakecloud", "--region", "north-1", told={"amount": "0.4"})
    assert done.returncode == 0 and "h0.0xlarge: held for confirmation, 1 prices are more than 20 times" in done.stdout
    assert _amounts(tmp_path, "north-1") == before
    path = next((tmp_path / "home").glob("prices.sqlite3.held/*.csv"))
    _planner(tmp_path, "catalog", "import", str(path))
    assert _amounts(tmp_path, "north-1") == before | {"h0.0xlarge": "0.4"}


def test_a_family_is_not_an_exception(tmp_path: Path) -> None:
    done = _planner(tmp_path, "refresh", "fakecloud", "--family", "!h0")
    assert done.returncode == 2 and "--family '!h0'" in done.stderr and _regions(tmp_path) == set()


def test_without_keys_the_public_source_or_the_list(tmp_path: Path) -> None:
    told: dict[str, object] = {
        "hint": "no Fake credentials found: neither here nor there.",
        "otherfake": {"public": ""},
    }
    done = _planner(tmp_path, "refresh", "fakecloud", "otherfake", told=told)
    assert "no Fake credentials found: neither here nor there; reading the fake list instead" in done.stderr
    assert "otherfake left out: no Fake credentials found" in done.stderr
    assert done.returncode == 1  # it was asked for by name and not fetched
    assert _regions(tmp_path) == set(REGIONS) and _regions(tmp_path, "otherfake") == set()
    with Writer.open(str(tmp_path / "home" / "prices.sqlite3")) as writer:
        assert {fetch.access for fetch in writer.book.fetches()} == {"public"}


def test_public_is_used_although_there_are_keys(tmp_path: Path) -> None:
    done = _planner(tmp_path, "refresh", "fakecloud", "--public", "--region", "north-1")
    assert done.returncode == 0 and "public list" in done.stderr and _regions(tmp_path) == {"north-1"}


def test_the_committed_list_is_named_by_its_date() -> None:
    from planner.cli.refresh import _go_on

    assert _go_on("aws").startswith("quotes go on with the list of 20")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("fakeclod",), "did you mean fakecloud"),
        (("fakecloud", "--endpoint", "fakecloud=http://example.com"), "plain http is for loopback only"),
        (("fakecloud", "--endpoint", "aws=https://example.com"), "not among the providers"),
        (("fakecloud", "--endpoint", "https://example.com"), "write PROVIDER=URL"),
        (("fakecloud", "--family", "p4 d"), "write the part before the size"),
        (("fakecloud", "otherfake", "--region", "moon-1"), "name the provider as well"),
        (("owned",), "stand in your file: name it with --own FILE"),
    ],
)
def test_misuse_is_one_line_and_exit_2(tmp_path: Path, args: tuple[str, ...], words: str) -> None:
    done = _planner(tmp_path, "refresh", *args)
    assert done.returncode == 2 and words in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "home").exists()


def test_endpoints_come_from_options_before_the_environment() -> None:
    environ = {"PLANNER_ENDPOINT_AWS": "https://one", "PLANNER_ENDPOINT_ALICLOUD": "http://127.0.0.1:1/"}
    assert endpoints_of(["aws=https://two"], environ, ["aws", "alicloud"]) == {
        "aws": "https://two",
        "alicloud": "http://127.0.0.1:1",
    }
    assert endpoints_of([], {"PLANNER_ENDPOINT_AWS": "http://evil"}, ["alicloud"]) == {}
    with pytest.raises(MisuseError):
        endpoints_of([], {"PLANNER_ENDPOINT_AWS": "http://evil"}, ["aws"])


def test_a_self_check_keeps_nothing(tmp_path: Path) -> None:
    good = _planner(tmp_path, "refresh", "fakecloud", "--self-check")
    assert good.returncode == 0 and good.stdout == "ok      fakecloud  DescribePrice  10.5 USD\n"
    bad = _planner(tmp_path, "refresh", "fakecloud", "--self-check", told={"check_fails": 1})
    assert bad.returncode == 1 and "FAILED  fakecloud  DescribeTraffic  answered 403: no permission" in bad.stdout
    assert not (tmp_path / "home").exists()


def test_raw_answers_are_kept_without_secrets(tmp_path: Path) -> None:
    secret = "wJalrXUtnFEMI/K7MDENG"
    told: dict[str, object] = {
        "raw": json.dumps({"SecretKey": "abc", "note": f"seen {secret}", "Token": "t0k"}),
        "regions": ["north-1"],
    }
    done = _planner(
        tmp_path, "refresh", "fakecloud", "--keep-raw", str(tmp_path / "raw"), told=told, FAKE_SECRET_KEY=secret
    )
    assert done.returncode == 0
    files = [path for path in (tmp_path / "raw").rglob("*") if path.is_file()]
    assert len(files) == 1 and files[0].stat().st_mode & 0o077 == 0
    text = files[0].read_text()
    assert json.loads(text) == {"SecretKey": "[removed]", "note": "seen [removed]", "Token": "[removed]"}


def test_secret_fields_go_and_prices_stay() -> None:
    text = (
        "Authorization: AWS4-HMAC-SHA256 Credential=AKID/x, Signature=0a1b\nprice: 10\n?X-Amz-Security-Token=zzz&page=2"
    )
    clean = redacted(text, {"HOME": "price: 10", "MY_TOKEN": "short"})
    assert "0a1b" not in clean and "zzz" not in clean and "price: 10" in clean and "page=2" in clean
    plain = '{"instance": "p4d", "price": "21.957642", "publicationDate": "2018-10-08T08:15:52Z", "signatures": 1}'
    assert redacted(plain, {}) == plain


def test_a_raw_name_cannot_leave_its_folder(tmp_path: Path) -> None:
    RawFiles(str(tmp_path), NOON, {}).keeper("aws", "../../x")("../../../etc/passwd", "text")
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 1 and ".." not in files[0].parts and len(files[0].parts) == 4


def test_regions_run_at_once_within_each_providers_limit(tmp_path: Path) -> None:
    active: dict[str, int] = {"one": 0, "two": 0}
    most = dict(active)
    lock = threading.Lock()

    class Slow(Fake):
        max_parallel_regions = 2

        def fetch(self, region: str, access: Access) -> object:  # type: ignore[override]
            with lock:
                active[self.name] += 1
                most[self.name] = max(most[self.name], active[self.name])
            time.sleep(0.1)
            with lock:
                active[self.name] -= 1
            return super().fetch(region, access)

    jobs = [Job(cloud, region, Access(NOON)) for cloud in (Slow("one"), Slow("two")) for region in REGIONS]
    with Writer.open(str(tmp_path / "b.db")) as book:
        outcomes = run(jobs, book, lambda outcome: None, threading.Event())
    assert most == {"one": 2, "two": 2}
    assert [(o.provider, o.region) for o in outcomes] == [(j.provider.name, j.region) for j in jobs]


def test_a_region_goes_to_the_provider_that_has_it() -> None:
    made = plan([Fake("one"), Fake("two")], lambda p, public, region: Access(NOON), named=False, regions=["north-1"])
    assert [(job.provider.name, job.region) for job in made.jobs] == [("one", "north-1"), ("two", "north-1")]
    listed = {"one": ["moon-1"], "two": []}
    made = plan(
        [Fake("one"), Fake("two")],
        lambda p, public, region: Access(NOON),
        named=False,
        regions=["moon-1"],
        known=lambda n: listed[n],
    )
    assert [(job.provider.name, job.region) for job in made.jobs] == [("one", "moon-1")]


def test_a_terminal_gets_a_progress_bar(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    environ = _environ({"delay_s": 0.05}, PLANNER_HOME=str(tmp_path / "home"), TERM="xterm")
    command = [sys.executable, "-m", "planner", "refresh", "fakecloud"]
    child = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=slave, text=True)
    out, _ = child.communicate(timeout=30)
    os.close(slave)
    shown = os.read(master, 65536).decode()
    os.close(master)
    assert "5 regions" in shown and "100%" in shown and "5 regions added" in out
    assert "fakecloud north-1:" not in shown


@pytest.mark.long
def test_catalog_diff_and_history_tell_the_story(tmp_path: Path) -> None:
    _planner(tmp_path, "refresh", "fakecloud", "--region", "north-1")
    time.sleep(1.1)  # two refreshes a second apart are two moments
    _planner(tmp_path, "refresh", "fakecloud", "--region", "north-1", told={"amount": "12.6"})
    diff = _planner(tmp_path, "catalog", "diff")
    assert diff.stdout.splitlines() == [
        "fakecloud north-1 h0.0xlarge on_demand: 10.5 -> 12.6 USD/hour (+20.00 %)",
        "  affects fakecloud:fake:north-1:h0.0xlarge:on_demand",
        "1 changed, 0 new, 0 withdrawn",
    ]
    assert "10 new" in _planner(tmp_path, "catalog", "diff", "--since", "2020-01-01").stdout
    assert "0 changed, 0 new" in _planner(tmp_path, "catalog", "diff", "--since", "2999-01-01").stdout
    history = _planner(tmp_path, "catalog", "history", "H0.0xlarge").stdout.splitlines()
    assert len(history) == 4 and "10.5 USD/hour" in history[1] and history[2].endswith("12.6 USD/hour (+20.00 %)")
    assert _planner(tmp_path, "catalog", "history", "nothing").returncode == 2
    assert _planner(tmp_path, "catalog", "diff", "--since", "soon").returncode == 2
    assert _planner(tmp_path / "other", "catalog", "diff").returncode == 1


def test_a_price_without_a_specification_is_checked_against_the_committed_one(tmp_path: Path) -> None:
    """The public lists give prices only; a month's price taken for an hour's must be found all the same."""
    from tests.bookrows import batch, price

    class Bare(Fake):
        def fetch(self, region: str, access: Access) -> object:  # type: ignore[override]
            return batch(price(amount="15809.5"))

    with Writer.open(str(tmp_path / "b.db")) as book:
        (outcome,) = run([Job(Bare("aws"), "us-east-1", Access(NOON))], book, lambda outcome: None, threading.Event())
    assert "per GPU-hour is outside" in outcome.error
