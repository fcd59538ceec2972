"""The web view as a browser's requests see it: the report's page with the form, one parser, links, downloads, and what is refused."""

from __future__ import annotations

import base64
import io
import re
import socket
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import click
import pytest
from starlette.testclient import TestClient

from planner import api, i18n, workload
from planner.admission import Gate, names
from planner.cli import cli, run, serve
from planner.cli.help import GROUPS as HELP
from planner.cli.listening import listen
from planner.errors import MisuseError, PlannerError
from planner.rendering import html
from planner.web import app as web
from planner.web.fields import FIELDS, GROUPS, read

TOKEN = "a token for this test alone"
PRICES: dict[str, Any] = {"measurements": "none", "price_book": (), "price_book_db": None, "offline_list": True}
#: One type in one place: what a quote says of more is tested where quotes are.
NARROW = {"provider": "aws", "region": "us-east-1", "instance_type": "g6.xlarge", "hours": "100"}


CATALOG = api.Catalog(as_of="2026-11-23")


@pytest.fixture(scope="module")
def kit() -> web.Kit:
    """The command's, on a catalogue that is opened once for all of these tests."""
    made = serve.kit("en", {**PRICES, "as_of": "2026-11-23"})
    return made._replace(quote=lambda work: (api.quote(work, catalog=CATALOG), ""))


@pytest.fixture
def client(kit: web.Kit) -> TestClient:
    return browser(web.app(kit))


def browser(app: Any, **options: Any) -> TestClient:
    return TestClient(app, base_url="http://127.0.0.1:8470", follow_redirects=False, **options)


def asked(path: str, **said: Any) -> str:
    return f"{path}?{urlencode({**NARROW, **said}, doseq=True)}"


def quote(**said: Any) -> api.Quote:
    made: dict[str, Any] = {**NARROW, **said}
    return api.quote(catalog=CATALOG, **made)


# -- the page and its form -------------------------------------------------------------------------------------------


def test_it_is_the_reports_page_with_a_form(client: TestClient) -> None:
    """What the server adds taken away, the page is `planner quote --format html`, letter by letter."""
    got = client.get(asked("/"))
    assert got.status_code == 200
    text = got.text
    for added in (
        r'<section class="ask".*?</section>\n',
        r'  <p class="files">.*?</p>\n',
        r' \n?<span class="links">.*?</span>\n?',
        r'\n?  <p class="tools">.*?</p>\n?',
    ):
        text, times = re.subn(added, "", text, flags=re.S)
        assert times, added
    head, end = text.index("</style>"), text.rindex("</style>")
    text = text[:head].rpartition("@media print { .ask")[0] and text[:head] + text[end:]
    report = html.dump(quote())
    assert _body(text) == _body(report)
    assert _script(text) == _script(report)


def _body(text: str) -> str:
    return "".join(text.partition("<body>")[2].partition('<script type="application/json"')[0].split())


def _script(text: str) -> str:
    return text.partition('<script type="application/json"')[2]


def test_its_fields_are_the_workloads_keys() -> None:
    assert set(FIELDS) == {*workload.Workload._fields, "preset", "data_stays"} - {"model_config", "taxes"}
    order = [title for title, _ in HELP]
    assert [title for title, _ in GROUPS if title] == [title for title in order if title in dict(GROUPS)]
    options = {title: names.split() for title, names in HELP}
    for title, fields in GROUPS[1:]:
        for field in fields:
            option = "--" + field.key.replace("_", "-")
            assert option in options[title] or field.key == "name", (title, option)


def test_every_label_has_its_chinese() -> None:
    known = {english for _, english, _ in i18n.rows()}
    said = {field.label for field in FIELDS.values()} | {title for title, _ in GROUPS if title}
    said |= {field.example for field in FIELDS.values() if field.kind == "choice" and field.example}
    assert said <= known, said - known


def test_the_form_shows_what_was_asked_and_its_address_is_the_result(client: TestClient) -> None:
    typed = [
        ("hours", "100"),
        ("rps", ""),
        ("region", "us-east-1, us-west-2"),
        ("fx", "USDCNY=7.1\r\nEURUSD=1.1"),
        ("name", ""),
    ]
    typed += [("provider", "aws"), ("low_confidence", "true"), ("purchase_option", "spot"), ("gpu", "L4")]
    moved = client.get("/?" + urlencode(typed))
    assert moved.status_code == 303
    said = parse_qs(urlsplit(moved.headers["location"]).query)
    assert said == {
        "hours": ["100"],
        "provider": ["aws"],
        "region": ["us-east-1", "us-west-2"],
        "gpu": ["L4"],
        "purchase_option": ["spot"],
        "low_confidence": ["true"],
        "fx": ["USDCNY=7.1", "EURUSD=1.1"],
    }
    page = client.get("/" + moved.headers["location"].removeprefix("./"))
    assert page.status_code == 200
    for part in ('name="hours" type="text"', 'value="us-east-1, us-west-2"', "\nUSDCNY=7.1\nEURUSD=1.1</textarea>"):
        assert part in page.text
    assert re.findall(r'name="(\w+)" value="(\w+)"[^>]* checked', page.text) == [
        ("provider", "aws"),
        ("purchase_option", "spot"),
        ("low_confidence", "true"),
    ]


def test_a_preset_says_what_it_stands_for(client: TestClient) -> None:
    assert "preset chat" in client.get(asked("/", preset="chat")).text


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_both_languages_link_to_each_other(client: TestClient, lang: str) -> None:
    page = client.get(asked("/", **({"lang": "zh"} if lang == "zh" else {})))
    assert f'<html lang="{i18n.translator(lang).tag}">' in page.text
    other = re.search(r'<p class="tools"><a href="([^"]*)"', page.text)
    assert other
    said = parse_qs(urlsplit(unescape(other[1])).query)
    assert (said.pop("lang", ["en"]) == ["en"]) == (lang == "zh")
    assert said == {key: [value] for key, value in NARROW.items()}
    assert ("生成报价" in page.text) == (lang == "zh")


# -- one parser, one error -------------------------------------------------------------------------------------------

WRONG = [
    {"hours": "x"},
    {"hours": "1e400"},
    {"hours": "9" * 300},
    {"count": "0"},
    {"rps": "NaN"},
    {"model": "no-such-model"},
    {"region": "nowhere"},
    {"gpu": "B999"},
    {"provider": "nocloud"},
    {"preset": "nothing"},
    {"precision": "fp3"},
    {"purchase_option": "stolen"},
    {"fx": "abc"},
    {"start": "2026-13-01"},
    {"use": "sometimes"},
    {"low_confidence": "perhaps"},
    {"tax": "aws:nosite=6%"},
    {"input_tokens": "10000000"},
    {"name": "a\u2028b\x07"},
]


@pytest.mark.parametrize("said", WRONG, ids=lambda said: "-".join(said))
def test_a_value_is_refused_as_in_a_file_and_at_its_field(
    client: TestClient, said: dict[str, str], tmp_path: Path
) -> None:
    (key, value), file = *said.items(), tmp_path / "workload.toml"
    several = FIELDS[key].several
    shown = re.sub(r"\\?\x07", r"\\u0007", value)
    file.write_text(f'{key} = ["{shown}"]' if several else f'{key} = "{shown}"', encoding="utf-8")
    with pytest.raises(PlannerError) as wrong:
        api.quote(workload.from_toml(str(file)), catalog=CATALOG)
    expected = str(wrong.value).removeprefix(f"workload {file}: ")
    got = client.get("/?" + urlencode(said))
    assert got.status_code == 400
    at = re.search(rf'<p class="error" id="e-{key}">(.*?)</p>', got.text, re.S)
    assert at and unescape(at[1]) == expected
    assert f'<a href="#f-{key}">' in got.text and f'id="f-{key}"' in got.text


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"hour": "5"}, "unknown key 'hour': did you mean hours"),
        ({"taxes": "6%"}, "unknown key 'taxes': did you mean tax"),
        ({"model_config": "/etc/passwd"}, "model_config: it names a file, and a page reads none"),
        ({"lang": "fr"}, "lang: no texts in 'fr'"),
        ({"workload": "x"}, "unknown key 'workload'"),
    ],
)
def test_what_is_no_field_is_told(client: TestClient, said: dict[str, str], why: str) -> None:
    got = client.get("/?" + urlencode(said))
    assert got.status_code == 400 and why in unescape(got.text)


def test_every_error_is_told_at_once_and_what_was_typed_stays() -> None:
    found = read([("hours", "x"), ("model", "foo"), ("fx", "1"), ("rps", "2"), ("rps", "3"), ("evil", "1")])
    assert set(found.errors) == {"hours", "model", "fx", "rps"} and len(found.wrong) == 1
    assert found.values["hours"] == "x" and found.workload is None


def test_what_contradicts_is_told_at_a_field(client: TestClient) -> None:
    got = client.get("/?" + urlencode({"hours": "100", "use": "300h/month x12"}))
    assert got.status_code == 400 and "leave out --hours" in got.text and 'class="error"' in got.text


def test_where_data_stay_is_said_as_by_the_command(client: TestClient) -> None:
    said = {**NARROW, "data_stays": "EU"}
    wrong = client.get("/?" + urlencode(said))
    assert wrong.status_code == 400 and "--region us-east-1: aws has it outside EU" in wrong.text
    del said["region"]
    got = client.get("/?" + urlencode(said))
    assert got.status_code == 200 and "data stays in EU: " in got.text and "aws:aws:us-east-1:" not in got.text
    assert "is no area that is known" in unescape(client.get("/?data_stays=XX").text)


def test_text_of_others_does_not_become_markup(client: TestClient) -> None:
    evil = '"><script>alert(1)</script>'
    for said in ({**NARROW, "name": evil}, {"model": evil}, {evil: "1"}):
        assert "<script>alert" not in client.get("/?" + urlencode(said)).text
    assert "<script>alert" not in client.get(asked("/explain", offer=evil)).text


# -- explain and downloads -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [{}, {"region": "us-east-1", "hours": "100"}])
def test_explain_says_what_the_command_says(
    client: TestClient, said: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    offer = "aws:aws:us-east-1:g6.xlarge:on_demand"
    got = client.get("/explain?" + urlencode({**said, "offer": offer}))
    told = re.search(r'<pre class="told">(.*?)</pre>', got.text, re.S)
    line = ["explain", "--offline-list", "--as-of=2026-11-23", "--measurements=none"]
    assert run([*line, *(f"--{key}={value}" for key, value in said.items()), "--offer", offer]) == 0
    assert told and unescape(told[1]) == capsys.readouterr().out


def linked(client: TestClient, name: str) -> Any:
    """What the page's link to a file leads to."""
    found = re.search(rf'<p class="files">.*?<a href="({re.escape(name)}[^"]*)"', client.get(asked("/")).text)
    assert found
    got = client.get("/" + unescape(found[1]))
    kind, _, ending = name.partition(".")
    assert got.status_code == 200
    assert got.headers["content-disposition"] == f'attachment; filename="planner-{kind}-{quote().hash[:8]}.{ending}"'
    return got


def test_the_pages_links_lead_to_files_of_the_same_quote(client: TestClient) -> None:
    assert linked(client, "quote.json").content == api.render(quote(), "json")
    assert linked(client, "focus.csv").text == api.render(quote(), "focus")


@pytest.mark.long
def test_a_workbook_and_a_module_to_take_along(client: TestClient) -> None:
    assert linked(client, "quote.xlsx").content[:2] == b"PK"
    packed = zipfile.ZipFile(io.BytesIO(linked(client, "module.zip").content))
    names, best = set(packed.namelist()), quote().best
    assert best is not None and names == {f"module/{path}" for path in api.emit(quote(), best.id)}
    assert packed.getinfo("module/main.tf").external_attr >> 16 == 0o100644
    assert all(packed.getinfo(n).external_attr >> 16 == 0o100755 for n in names if n.endswith(".sh"))


def test_an_offer_that_is_not_there(client: TestClient) -> None:
    for path in ("/explain", "/module.zip"):
        got = client.get(asked(path, offer="aws:aws:us-east-1:g6.xlarge:on_demanded"))
        assert got.status_code == 400 and "on_demanded" in got.text and "To the quote" in got.text


def test_nothing_for_sale_is_a_page_and_no_file(client: TestClient) -> None:
    said = {**NARROW, "instance_type": "g4dn.xlarge"}
    assert "No firm" in client.get("/?" + urlencode(said)).text
    got = client.get("/quote.xlsx?" + urlencode(said))
    assert got.status_code == 422 and "g4dn.xlarge" in got.text


# -- what is refused -------------------------------------------------------------------------------------------------


def test_what_no_page_answers(client: TestClient) -> None:
    assert client.get("/etc/passwd").status_code == 404
    assert client.get("/..%2f..%2fetc/passwd").status_code == 404
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        got = client.request(method, "/")
        assert got.status_code == 405 and "GET" in got.headers["allow"]
    assert client.request("GET", "/", content=b"x").status_code == 413
    assert client.get("/?name=" + "a" * 20_000).status_code == 414
    assert client.get("/?" + "&".join(["gpu=L4"] * 1000)).status_code == 400
    assert client.get("/?name=%ff").status_code == 400
    cross = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert client.get("/", headers=cross).status_code == 403
    for got in (client.get("/nowhere"), client.get("/?name=%ff"), client.get("/?hours=x")):
        assert got.headers["cache-control"] == "no-store" and got.headers["x-content-type-options"] == "nosniff"


def test_the_policy_lets_nothing_in(client: TestClient) -> None:
    for path in (asked("/"), "/?hours=x", asked("/explain")):
        policy = dict(
            part.strip().partition(" ")[::2] for part in client.get(path).headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["form-action"] == "'self'" and "unsafe" not in policy.get("script-src", "")
        assert "http" not in "".join(policy.values())


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8470", 404),
        ("localhost", 404),
        ("[::1]:8470", 404),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:8470", 421),
        ("", 421),
    ],
)
def test_only_its_own_name_is_answered(kit: web.Kit, host: str, status: int) -> None:
    guarded = browser(Gate(web.app(kit), "", names("127.0.0.1"), browser=True))
    assert guarded.get("/nowhere", headers={"host": host}).status_code == status


def test_names_of_a_server_for_others() -> None:
    every, one = names("0.0.0.0", ["Plans.Example."]), names("10.1.2.3")
    assert every("10.9.9.9") and every("plans.example") and every("fe80::1") and not every("evil.example")
    assert one("10.1.2.3") and one("localhost") and not one("10.1.2.4")


def test_with_a_token_only_who_has_it(kit: web.Kit) -> None:
    guarded = browser(Gate(web.app(kit), TOKEN, names("127.0.0.1"), browser=True))
    for sent in ("", "Bearer wrong", "Basic !!", "Basic " + base64.b64encode(b"me:wrong").decode(), TOKEN):
        got = guarded.get("/nowhere", headers={"authorization": sent} if sent else {})
        assert got.status_code == 401 and got.headers["www-authenticate"].startswith("Basic") and TOKEN not in got.text
    basic = "Basic " + base64.b64encode(f"me:{TOKEN}".encode()).decode()
    for sent in (basic, f"Bearer {TOKEN}"):
        assert guarded.get("/nowhere", headers={"authorization": sent}).status_code == 404


def test_a_fault_is_a_page_and_who_waits_too_long_is_told() -> None:
    def broken(work: workload.Workload) -> Any:
        raise RuntimeError("secret detail")

    def slow(work: workload.Workload) -> Any:
        time.sleep(0.3)
        raise MisuseError("late")

    got = browser(web.app(web.Kit(broken, api.emit, {}))).get("/")
    assert (
        got.status_code == 500
        and "RuntimeError" in got.text
        and "secret" not in got.text
        and "Traceback" not in got.text
    )
    got = browser(web.app(web.Kit(slow, api.emit, {}), patience=0.05)).get("/")
    assert got.status_code == 503 and got.headers["retry-after"]


# -- the command -----------------------------------------------------------------------------------------------------


def start(**said: Any) -> Callable[[], Any]:
    usual: dict[str, Any] = {"port": 0, "host": "127.0.0.1", "names": (), "lang": "en", **PRICES, "as_of": None}
    assert serve.serve.callback is not None
    return lambda: serve.serve.callback(**{**usual, **said})


@pytest.fixture
def context() -> Iterator[None]:
    with click.Context(cli):
        yield


@pytest.mark.usefixtures("context")
def test_others_are_served_with_a_token_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(serve.TOKEN, raising=False)
    with pytest.raises(MisuseError, match=serve.TOKEN):
        start(host="0.0.0.0")()
    monkeypatch.setenv(serve.TOKEN, "short")
    with pytest.raises(MisuseError, match="16 letters"):
        start()()


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(MisuseError, match=rf"cannot listen on 127\.0\.0\.1 port {port}: Address already in use"):
            listen(Gate, "127.0.0.1", port, "--port")  # type: ignore[arg-type]


@pytest.mark.usefixtures("context")
def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("planner.admission", "starlette.responses"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    monkeypatch.delattr("planner.admission")
    with pytest.raises(MisuseError, match=r"gpu-cost-planner\[web\]"):
        start()()
