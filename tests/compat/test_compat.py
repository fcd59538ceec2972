"""Nothing of 0.1.0 is lost: its quotes, workloads, modules and price books are read by today's planner.

The files were written by release 0.1.0 (make.py) and are never written again. Amounts and ids are compared through the
records and the exchange formats, not byte by byte: a newer planner may write a newer schema, but may not mean another sum.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from planner.cli import run
from planner.quoting import saved

HERE = Path(__file__).resolve().parent
QUOTES = sorted(p.name.removeprefix("quote-").removesuffix(".json.gz") for p in HERE.glob("quote-*.json.gz"))
WITH_OFFERS = [name for name in QUOTES if name != "nothing"]
CLOUDS = ("aws", "alicloud", "tencentcloud")
AHEAD = f"{date.today() + timedelta(days=60)}T18:00:00Z"  # a cloud takes no deadline in the past, nor one in years
KINDS = ("list", "effective", "billed", "committed")

Sums = dict[str, dict[str, Decimal]]


class Said(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command line in this process."""

    def said(*args: object) -> Said:
        code = run([str(a) for a in args])
        return Said(code, *capsys.readouterr())

    return said


def _raw(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(gzip.decompress((HERE / f"quote-{name}.json.gz").read_bytes()))
    return data


def _old_sums(name: str) -> Sums:
    """Return the totals of every offer as 0.1.0 wrote them, in the order it ranked them."""
    return {
        o["id"]: {k: Decimal(o["totals"][k]) for k in KINDS}
        | {f"native {k}": Decimal(o["totals"]["native"][k]) for k in KINDS}
        for o in _raw(name)["offers"]
    }


def _sums(text: str) -> Sums:
    """Return the totals of every offer of a saved quote as today's planner reads them."""
    return {
        o.id: {k: getattr(o.totals.report, k) for k in KINDS}
        | {f"native {k}": getattr(o.totals.native, k) for k in KINDS}
        for o in saved.load(text).offers
    }


def _same(left: Sums, right: Sums) -> None:
    """Equal to 24 digits: another order of adding the same charges may move the last ones of 28."""
    assert list(left) == list(right)
    for offer, sums in left.items():
        for kind, amount in sums.items():
            assert abs(amount - right[offer][kind]) <= abs(amount) * Decimal("1e-24"), (offer, kind)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every file unpacked."""
    folder = tmp_path_factory.mktemp("v010")
    for path in HERE.glob("*.gz"):
        (folder / path.name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))
    return folder


def _fresh(files: Path, name: str, folder: Path) -> Path:
    return Path(shutil.copy(files / name, folder / name))


# -- quotes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUOTES)
def test_a_saved_quote_keeps_its_offers_and_totals(name: str, files: Path, say: Any) -> None:
    path = files / f"quote-{name}.json"
    raw, loaded = _raw(name), saved.load(path.read_text(encoding="utf-8"))
    _same(_old_sums(name), _sums(path.read_text(encoding="utf-8")))
    assert (loaded.hash, loaded.quoted_on, loaded.currency) == (raw["hash"], raw["quoted_on"], raw["currency"])
    assert len(loaded.rejected) == len(raw["rejected"]) and len(loaded.gaps) == len(raw["gaps"])
    for old, offer in zip(raw["offers"], loaded.offers, strict=True):
        assert (offer.region, offer.instance_type, offer.count) == (old["region"], old["instance_type"], old["count"])
        assert (offer.term, offer.payment) == (old["term"] or "", old["payment"] or "")
        assert len(offer.unpriced) == len(old["unpriced"]) and str(offer.sizing.engine) == old["sizing"]["engine"]
    again = say("quote", "--replay", path, "--format", "json")
    assert (again.code, again.err == "") == ((0, True) if not _over(raw) else (1, False)), again.err
    _same(_old_sums(name), _sums(again.out))


def _over(raw: dict[str, Any]) -> bool:
    return bool(raw["budget"]) and not raw["budget"]["fits"]


#: Every format of some quotes and every quote in some formats; all of them in all with `make slow`.
SHOWN = [
    pytest.param(
        name, form, marks=[] if name in ("parts", "nothing", "steps") or form in ("table", "csv") else pytest.mark.slow
    )
    for name in QUOTES
    for form in ("table", "csv", "xlsx", "html", "markdown", "focus", "explain")
]


@pytest.mark.parametrize(("name", "form"), SHOWN)
def test_a_saved_quote_is_shown_in_every_format(name: str, form: str, files: Path, tmp_path: Path, say: Any) -> None:
    raw = _raw(name)
    options = {"explain": ("--explain",)}.get(form, ("--format", form, "-o", tmp_path / "out"))
    got = say("quote", "--replay", files / f"quote-{name}.json", *options)
    if not raw["offers"] and got.code and not (tmp_path / "out").exists():
        assert "offer" in got.err  # a workbook or FOCUS rows of nothing
        return
    assert got.code == int(_over(raw)), got.err
    text = got.out if form == "explain" else (tmp_path / "out").read_bytes().decode("utf-8", "replace")
    if form == "csv":
        assert list(dict.fromkeys(r["offer"] for r in csv.DictReader(io.StringIO(text)))) == list(_old_sums(name))
    elif form != "xlsx" and raw["offers"]:
        assert any(o["instance_type"] in text for o in raw["offers"])


@pytest.mark.parametrize("form", ["table", "markdown"])
@pytest.mark.parametrize("name", ["parts", "yuan", "steps"])
def test_a_saved_quote_is_worded_in_chinese(name: str, form: str, files: Path, say: Any) -> None:
    got = say("quote", "--replay", files / f"quote-{name}.json", "--format", form, "--lang", "zh")
    assert got.code == int(_over(_raw(name))) and any("\u4e00" <= c <= "\u9fff" for c in got.out)


@pytest.mark.parametrize("name", WITH_OFFERS)
def test_a_saved_quote_is_explained_and_compared(name: str, files: Path, tmp_path: Path, say: Any) -> None:
    path = files / f"quote-{name}.json"
    last = list(_old_sums(name))[-1]
    explained = say("explain", "--replay", path, "--offer", last)
    assert explained.code == 0 and last.split(":")[3] in explained.out
    again = say("quote", "--replay", path, "--format", "json")
    new = tmp_path / "new.json"
    new.write_text(again.out, encoding="utf-8")
    for pair in ((path, new), (new, path), (path, path)):
        got = say("diff", *pair, "--format", "json", "--top", "0", "--fail-on-increase", "0%")
        assert got.code == 0, got.err
        assert {o["status"] for o in json.loads(got.out)["offers"]} == {"same"}


@pytest.mark.parametrize("form", ["table", "markdown", "json"])
def test_an_old_quote_is_compared_with_todays(form: str, files: Path, tmp_path: Path, say: Any) -> None:
    new = tmp_path / "new.json"
    made = say("quote", "--hours", "900", "--gpu", "A10", "--offline-list", "--format", "json", "-o", new)
    assert made.code == 0, made.err
    got = say("diff", files / "quote-parts.json", new, "--format", form)
    assert got.code == 0, got.err
    compared = say("quote", "--replay", new, "--compare", files / "quote-default.json", "--format", "markdown")
    assert compared.code == 0, compared.err


@pytest.mark.parametrize("cloud", CLOUDS)
def test_emit_tf_from_an_old_quote(cloud: str, files: Path, tmp_path: Path, say: Any) -> None:
    old = json.loads((HERE / f"module-{cloud}" / "planner.json").read_text())
    got = say(
        *("emit-tf", cloud, "--quote", files / "quote-default.json", "--offer", old["offer"], "-o", tmp_path / "m"),
        *("--client-cidr", "10.1.0.0/16", "--deadline", AHEAD),
    )
    assert got.code == 0, got.err
    new = json.loads((tmp_path / "m" / "planner.json").read_text())
    assert (new["offer"], new["cost"]) == (old["offer"], old["cost"])


# -- workloads and modules -------------------------------------------------------------------------------------------


def test_a_workload_file_with_every_key(say: Any) -> None:
    got = say("quote", HERE / "workload.toml", "--offline-list", "--format", "json")
    assert got.code in (0, 1), got.err
    new, old = saved.load(got.out).workload, saved.load(json.dumps(_raw("workload"))).workload
    for field, value in _raw("workload")["workload"].items():
        assert getattr(new, field) == getattr(old, field), field
        assert value is not None


@pytest.mark.parametrize("cloud", CLOUDS)
def test_an_old_module_is_priced_and_written_again(cloud: str, tmp_path: Path, say: Any) -> None:
    folder = tmp_path / "m"
    shutil.copytree(HERE / f"module-{cloud}", folder)
    old = json.loads((folder / "planner.json").read_text())
    priced = say("quote", "--from-tf", folder, "--offline-list", "--format", "json")
    assert priced.code == 0, priced.err
    (tmp_path / "priced.json").write_text(priced.out)
    offers = {o.id: o for o in saved.load(priced.out).offers}
    assert old["offer"] in offers
    native = offers[old["offer"]].totals.native
    assert {k: Decimal(old["cost"][k]) for k in ("effective", "billed")} == {
        "effective": native.effective,
        "billed": native.billed,
    }
    # Nobody edited the old files, so they are replaced without --force.
    again = say(
        *("emit-tf", cloud, "--quote", tmp_path / "priced.json", "--offer", old["offer"], "-o", folder),
        *("--name", f"old-{cloud}", "--client-cidr", "10.1.0.0/16", "--deadline", AHEAD),
    )
    assert again.code == 0, again.err
    assert json.loads((folder / "planner.json").read_text())["offer"] == old["offer"]


# -- price books -----------------------------------------------------------------------------------------------------


def _rows(text: str) -> Iterator[tuple[str, ...]]:
    for row in csv.DictReader(io.StringIO(text)):
        yield tuple(row[k] for k in ("region", "instance_type", "bought_as", "term", "zone", "amount", "unit", "state"))


@pytest.mark.parametrize("version", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3))])
def test_an_old_price_book_quotes_the_same_rows(version: int, files: Path, tmp_path: Path, say: Any) -> None:
    book = _fresh(files, f"book{version}.sqlite3", tmp_path)
    listed = say(
        *("catalog", "list", "--format", "csv", "--price-book-db", book, "--provider", "aws", "--region", "us-east-1"),
        *("--instance-type", "g6.xlarge"),
    )
    assert listed.code == 0, listed.err
    # What the list says beside the book is newer by now; what the book has seen is as it was.
    then = _rows((HERE / "book3-list.csv").read_text(encoding="utf-8"))
    assert sorted(r for r in _rows(listed.out) if r[-1] == "book") == sorted(r for r in then if r[-1] == "book")
    made = say(
        *("quote", "--provider", "tencentcloud", "--hours", "500", "--price-book-db", book),
        *("--region", "ap-guangzhou", "--format", "json"),
    )
    assert made.code == 0, made.err
    old, new = _old_sums("steps"), _sums(made.out)
    # What a GPU can serve is the sizing's to say, and may be known better today; so are the prices of the list.
    seen = {o["id"] for o in json.loads(made.out)["offers"] if o["charges"][0]["origin"] == "book"}
    both = sorted(set(old) & set(new) & seen)
    assert any("GN10Xp.2XLARGE40:on_demand" in i for i in both) and any(":subscription:" in i for i in both)
    _same({i: old[i] for i in both}, {i: new[i] for i in both})
    exported = say("catalog", "export", "--price-book-db", book)
    assert exported.code == 0 and exported.out.count("\n") == _lines(version)
    history = say("catalog", "history", "g6.xlarge", "--price-book-db", book)
    assert history.code == 0 and "0.8048" in history.out and "0.7901" in history.out


def _lines(version: int) -> int:
    """Lines of an export: schema 3 also tells zones."""
    lines = (HERE / "book3.csv").read_text(encoding="utf-8").splitlines()
    return sum(version == 3 or not line.startswith("zone,") for line in lines)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_old_price_book_takes_what_is_new(version: int, files: Path, tmp_path: Path, say: Any) -> None:
    book = _fresh(files, f"book{version}.sqlite3", tmp_path)
    got = say("catalog", "import", HERE / "book3.csv", "--price-book-db", book)
    assert got.code == 0, got.err
    again = say("catalog", "export", "--price-book-db", book)
    assert again.code == 0, again.err


def test_an_exported_book_is_read_into_an_empty_one(tmp_path: Path, say: Any) -> None:
    book = tmp_path / "new.sqlite3"
    assert say("catalog", "import", HERE / "book3.csv", "--price-book-db", book).code == 0
    exported = say("catalog", "export", "--price-book-db", book)
    assert sorted(exported.out.splitlines()) == sorted((HERE / "book3.csv").read_text(encoding="utf-8").splitlines())
