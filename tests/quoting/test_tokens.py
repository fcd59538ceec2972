"""Tokens bought instead of machines rented: a hand calculation, what is left out, from when machines win, and what is refused."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from markupsafe import escape

from planner import cli, i18n, provider
from planner.errors import MisuseError
from planner.prices import fx, tokens
from planner.prices.catalog import Catalog
from planner.quoting import build, saved
from planner.quoting import tokens as beside
from planner.rendering import formats
from planner.rendering.tokens import dump, name, section
from planner.rendering.xlsx import names_of
from planner.workload import make
from tests.rendering.test_xlsx import needs_soffice, recalculate

D = Decimal
DAY = "2026-11-26"
HEADER = (
    "vendor,site,region,model,serves,input,cached_input,output,currency,batch_discount,input_from,input_to,mode,band,hours,"
    "as_of,until,source,confidence,notes"
)


def quoted(hits: str = "0", **values):
    work = make({"model": "Qwen3-32B", "rps": 3, "provider": ("aws",), **values})
    catalog = Catalog(as_of=DAY)
    made = build.quote(work, catalog, DAY, fx.Rates(fx.committed(DAY), work.fx))
    return beside.beside(made, catalog, D(hits))


@pytest.fixture(scope="module")
def usual():
    return quoted()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes a stranger's home the only one, with these rows."""

    def made(*rows: str) -> Path:
        (tmp_path / "tokens.csv").write_text("\n".join((HEADER, *rows)) + "\n")
        monkeypatch.setattr(tokens, "token_homes", lambda: {"mine": str(tmp_path)})
        return tmp_path

    return made


def row(price: str, **told: str) -> str:
    """Return a row of input, cached input and output prices."""
    fields = dict.fromkeys(HEADER.split(","), "")
    fields |= {"vendor": "me", "site": "here", "model": "q", "serves": "Qwen3-32B", "currency": "USD"}
    fields |= {"as_of": "2026-11-01", "source": "a test", "confidence": "high"}
    fields |= dict(zip(("input", "cached_input", "output"), price.split("/"), strict=True)) | told
    return ",".join(fields.values())


def test_the_door_is_that_of_a_provider() -> None:
    assert set(provider.token_homes()) == {"tokens"} and "tokens" not in provider.installed()


def test_a_hand_calculation(usual) -> None:
    # 3 requests a second of 1,024 + 512 tokens over 720 h: 3 x 3600 x 720 = 7,776,000 requests.
    much = beside.volume(usual)
    assert (much.inputs, much.outputs, much.days, much.full) == (D("7962.624"), D("3981.312"), 30, False)
    by = {(c.api.vendor, c.api.site): c for c in beside.compared(usual)}
    one = by["deepinfra", "US"]  # 0.08 in, 0.28 out, 20 % off in a batch
    assert one.cost == D("637.00992") + D("1114.76736") == D("1751.77728")
    assert one.batch == D("1401.421824")
    yuan = by["siliconflow", "China"]  # 1 and 4 CNY, at the committed rate of 2026-10-30
    assert yuan.cost == (D("7962.624") + 4 * D("3981.312")) / D("6.652882")
    assert [(f.base, f.quote, f.as_of) for f in usual.fx] == [("USD", "CNY", "2026-10-30")]


def test_hits_cost_the_price_of_hits_and_a_tax_is_added(home) -> None:
    home(row("10/1/20"), row("10//20", model="none"))
    found = quoted("0.4", rps=1, hours="1", input_tokens=1000, output_tokens=1000, tax="10%")
    by = {c.api.model: c.cost for c in beside.compared(found)}
    # 3.6 M in, of which 1.44 at 1 and 2.16 at 10, and 3.6 M out at 20; without a price of hits all of it at 10.
    assert by == {"q": (D("1.44") + D("21.6") + 72) * D("1.1"), "none": (36 + 72) * D("1.1")}


def test_hours_of_a_week_weigh_by_their_number_and_currencies_stay_apart(home) -> None:
    peak, off = {"band": "peak", "hours": "35/168"}, {"band": "off-peak", "hours": "133/168"}
    home(
        row("2/0/4", **peak),
        row("1/0/2", **off),
        row("14/0/28", **peak, currency="CNY"),
        row("7/0/14", **off, currency="CNY"),
    )
    found = {a.currency: (a.input, a.output) for a in quoted().beside.apis}
    assert found["USD"] == (D(203) / 168, D(406) / 168) and found["CNY"] == (D(1421) / 168, D(2842) / 168)


def test_what_bears_no_day_is_past_unsure_or_of_another_length_stays_out(home) -> None:
    home(
        row("1//1", as_of="2026-10-01"),
        row("2//2"),  # newer: the one that counts
        row("3//3", as_of="2026-11-27"),  # tomorrow's
        row("4//4", model="ended", until="2026-11-20"),
        row("5//5", model="undated", as_of=""),
        row("6//6", model="rumour", confidence="low"),
        row("7//7", model="tiers", input_to="1000"),
        row("8//8", model="tiers", input_from="1000", input_to="4000"),
        row("9//9", model="other", serves="Qwen3-14B"),
    )
    told = quoted().beside
    assert {(a.model, a.input) for a in told.apis} == {("q", D(2)), ("tiers", D(8))}
    assert (told.undated, told.doubtful, told.long) == (1, 1, 1)
    assert {a.model for a in quoted(low_confidence=True).beside.apis} == {"q", "tiers", "rumour"}


def test_an_alias_of_one_size_is_no_other_models_price() -> None:
    other = tokens.listed(beside._names("Llama-3.1-70B"), DAY).rows
    mine = tokens.listed(beside._names("meta-llama/Llama-3.3-70B-Instruct"), DAY).rows
    assert {r.serves for r in other} == {"Llama-3.1-70B"} and {r.serves for r in mine} == {"Llama-3.3-70B"}


def test_at_the_break_even_both_cost_the_same(usual) -> None:
    for one in beside.compared(usual):
        for even in beside.evens(usual, one):
            bill = even.a_day * 30 / 1_000_000 * one.million
            assert abs(bill - even.offer.totals.report.effective) < D("1e-15")
            assert even.never == (even.a_day > even.holds)
            assert abs(even.each * even.units - even.a_day) < D("1e-9")
    told = beside.evens(usual, beside.compared(usual)[0])
    # 3 requests a second are 398.13 M tokens a day: the machines that were chosen for them hold these.
    assert all(e.holds >= beside.volume(usual).a_day == D("398131200") for e in told)


def test_without_a_demand_the_tokens_are_those_of_the_recommended_machines() -> None:
    found = quoted(rps=0)
    best, much = found.best, beside.volume(found)
    assert much.full
    assert abs(much.outputs * best.cost_per_million_output - best.totals.report.effective) < D("1e-15")


def test_a_currency_without_a_rate_is_told_and_not_compared(home) -> None:
    home(row("1//1", currency="CHF"), row("1//1", model="dollars"))
    found = quoted()
    assert [c.api.model for c in beside.compared(found)] == ["dollars"]
    assert "no dated exchange rate from CHF to USD" in dump(found, i18n.translator("en"), None)


def test_a_limit_below_the_demand_is_said(home) -> None:
    terms = (
        "vendor,site,model,requests_at_once,requests_per_minute,tokens_per_minute,batch_hours,kept,trains,as_of,source"
    )
    (home(row("1//1")) / "terms.csv").write_text(f"{terms}\nme,here,,,100,1000000,,no,no,2026-11-01,a test\n")
    assert "YOUR WORKLOAD ASKS FOR MORE: 180 against 100" in [str(x) for x in quoted().beside.apis[0].lacks]
    assert "YOUR WORKLOAD" not in str(quoted(rps=1).beside.apis[0].lacks)


def test_every_sentence_is_there_in_chinese(usual) -> None:
    known = {english for _, english, _ in i18n.rows()}
    for api in usual.beside.apis:
        assert {x.key for x in (*api.lacks, *api.notes) if x.key != "{note}"} <= known
    shown = dump(usual, i18n.translator("zh"), 110)
    assert "仅看价格" in shown and "By price" not in shown


def test_a_saved_quote_has_it_and_a_changed_figure_is_refused(usual) -> None:
    text = formats.render(usual, "json").decode()
    back = saved.load(text)
    assert back.beside == usual.beside and formats.render(back, "json").decode() == text
    told = json.loads(text)
    assert told["apis"]["offers"][0]["cost"] == "1751.77728" and told["apis"]["volume"]["input_tokens"] == "7962624000"
    for field, value in (("input", "NaN"), ("input", 1), ("vendor", "a\x1bb"), ("lacks", ["{x}", 1])):
        told["beside"]["apis"][0][field] = value
        with pytest.raises(MisuseError):
            saved.load(json.dumps(told))
        told = json.loads(text)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (row("1e3//1"), "tokens.csv:2: input"),
        (row("-1//1"), "below zero"),
        (row("1//1", currency="XXX"), "unknown currency"),
        (row("1//1", batch_discount="20"), "no share below 1"),
        (row("1//1", hours="200/168"), "35/168"),
        ("a,b", "tokens.csv"),
    ],
)
def test_a_broken_list_is_one_clear_line(home, bad: str, said: str) -> None:
    home(bad)
    with pytest.raises(MisuseError, match=said):
        tokens.listed(("Qwen3-32B",), DAY)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    ask = ("quote", "--offline-list", "--as-of", DAY, "--model", "Qwen3-32B", "--rps", "3", "--provider", "aws")
    assert cli.run([*ask, "--beside-apis"]) == 0
    assert "By price alone tokens win: deepinfra US asks 1,751.78 USD" in capsys.readouterr().out
    for options, said in (
        (("--cache-hits", "10%"), "goes with --beside-apis"),
        (("--beside-apis", "--format", "csv"), "table, json, html or xlsx"),
        (("--beside-apis", "--cache-hits", "150%"), "--cache-hits"),
    ):
        assert cli.run([*ask, *options]) == 2
        assert said in capsys.readouterr().err


def test_data_that_stays_leaves_out_what_computes_elsewhere_or_says_nothing(home) -> None:
    china, nowhere = {"vendor": "siliconflow", "region": "cn"}, {"vendor": "openrouter", "region": ""}
    home(row("1//1", region="us-east-1", vendor="aws"), row("2//2", **china), row("3//3", **nowhere))
    found = quoted()
    for area, kept, outside in (("US", ["aws"], 1), ("CN", ["siliconflow"], 1), ("EU", [], 2)):
        told = beside.beside(found, Catalog(as_of=DAY), D(0), area)
        assert [a.vendor for a in told.beside.apis] == kept
        assert (told.beside.outside, told.beside.unplaced) == (outside, ("openrouter here",))
        assert saved.load(formats.render(told, "json").decode()).beside == told.beside
        said = dump(told, i18n.translator("en"), None)
        assert f"no list says where they compute ({area} was asked for): openrouter here" in said
        promise = f"no text seen promises that data stays in {area}"
        assert promise in said if kept else f"No API is known to sell Qwen3-32B inside {area}" in said
        assert area in dump(told, i18n.translator("zh"), None)


def whole(**values):
    work = make({"model": "Qwen3-32B", "rps": 3, "provider": ("aws",), **values})
    catalog = Catalog(as_of=DAY)
    made = build.quote(work, catalog, DAY, fx.Rates(fx.committed(DAY), work.fx), whole=True)
    return beside.beside(made, catalog, D("0.4"))


@pytest.fixture(scope="module")
def complete():
    return whole(instance_type=("g7e.2xlarge", "g6e.12xlarge"), tax="6%")


@pytest.mark.parametrize("lang", ["en", pytest.param("zh", marks=pytest.mark.slow)])
def test_page_and_workbook_say_what_the_table_says(complete, lang: str) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    t = i18n.translator(lang)
    page = formats.render(complete, "html", lang=lang)
    page = page if isinstance(page, str) else page.decode()
    head, rows, _, lacks = section(complete, t)
    for said in (*head, rows[1][0], rows[1][7], lacks[1]):
        assert str(escape(said)) in page, said
    book = openpyxl.load_workbook(
        io.BytesIO(formats.render(complete, "xlsx", lang=lang)), read_only=True, data_only=True
    )
    sheet = [[*r, *[None] * 15] for r in book[t("Tokens")].iter_rows(values_only=True)]
    shown = {(r[0], r[1], r[3]): r for r in sheet}
    for one in beside.compared(complete):
        found = shown[name(one.api), one.api.model, one.api.currency]
        assert found[10] == pytest.approx(float(one.million)) and found[11] == pytest.approx(float(one.cost))
        assert (found[12] or 0) == pytest.approx(float(one.batch or 0))
        even = next(e for e in beside.evens(complete, one) if e.offer == complete.best)
        assert found[13] == t("- never") if even.never else found[13] == pytest.approx(float(even.a_day))
        said = t("; ").join(t.say(x) for x in one.api.lacks)
        assert any(said == r[1] for r in sheet)
    assert "tokens" in names_of(complete) and "tokens" not in names_of(complete._replace(beside=None))


@pytest.mark.slow
@pytest.mark.system
@pytest.mark.xdist_group("libreoffice")
@pytest.mark.filterwarnings("ignore::UserWarning:openpyxl")
@needs_soffice
def test_its_formulas_give_the_figures_that_they_show(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    for number, quote in enumerate((whole(rps=0), whole(tax="6%", use="300h/month x12"))):
        path = tmp_path / f"{number}.xlsx"
        path.write_bytes(formats.render(quote, "xlsx"))
        again = openpyxl.load_workbook(recalculate(tmp_path, [path])[path.name], data_only=True)["Tokens"]
        compared = 0
        for line in openpyxl.load_workbook(path, data_only=True)["Tokens"].iter_rows():
            for cell in line:
                there = again[cell.coordinate].value
                if isinstance(cell.value, (int, float)):
                    compared += 1
                    assert there == pytest.approx(cell.value, rel=1e-9, abs=1e-6), cell.coordinate
                else:
                    assert (there or "") == (cell.value or ""), cell.coordinate
        assert compared > 60


def test_committed_prices_are_sound() -> None:
    path = Path(provider.token_homes()["tokens"]) / "tokens.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 300 and all(r["source"] and r["confidence"] and r["serves"] for r in rows)
    assert len(tokens._rows(str(path.parent))) == len(rows)
    assert all(D(r["input"]) > 0 for r in rows), "free on a day is no price"
