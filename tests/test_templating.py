"""Values reach templates only in quotes, and quotes hold whatever the value is."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from pathlib import Path

import hcl2
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError

from planner import templating
from planner.errors import MisuseError, PlannerError
from planner.templating import hcl, md, quote_json, render, shell, tftpl, word

NASTY = (
    'say "hi"',
    "${path.module}",
    "$${x}",
    "$$${x}",
    "%{ if true }",
    "%%{ x }",
    "$$$",
    "%%",
    "a\nb",
    "a\r\n\tb",
    "\\",
    '\\"',
    "\\${x}",
    'x" }\nresource "null_resource" "y" {',
    "é 中文 😀",
    "'; rm -rf / #",
    "`id`",
    "$(id)",
    "#",
    "//",
    "/* */",
    "<<EOT\nx\nEOT",
    "",
    " ",
    "{",
    "}",
    "a" * 4096,
)

text = st.text(st.characters(blacklist_categories=("Cs",)), max_size=60) | st.text(
    st.sampled_from("${}%\"'\\\n\t#abc `;é"), max_size=30
)


def survives(value: str) -> bool:
    """Say whether the filters take `value`; what they refuse cannot do harm."""
    try:
        hcl(value)
    except MisuseError:
        return False
    return True


@given(text)
@settings(deadline=None)
def test_hcl_stays_one_attribute(value: str) -> None:
    if not survives(value):
        return
    parsed = hcl2.load(io.StringIO(f"a = {hcl(value)}\nb = 1\n"))
    assert {k for k in parsed if not k.startswith("__")} == {"a", "b"}
    assert "${" not in hcl(value) and "%{" not in hcl(value) and "\n" not in hcl(value)


@pytest.mark.skipif(not shutil.which("terraform"), reason="no terraform on the PATH")
def test_terraform_reads_every_string_back(tmp_path: Path) -> None:
    body = "".join(f'output "o{i}" {{\n  value = {hcl(v)}\n}}\n' for i, v in enumerate(NASTY))
    (tmp_path / "main.tf").write_text(body, encoding="utf-8")
    plain = "x ${a} $${b} $$${c} %{ d } %%{e} $ % {}\n"
    (tmp_path / "t.tftpl").write_text(tftpl(plain) + "${v}\n", encoding="utf-8")
    (tmp_path / "t.tf").write_text(
        'output "t" {\n  value = templatefile("t.tftpl", { v = "V" })\n}\n', encoding="utf-8"
    )
    (tmp_path / "rc").write_text("disable_checkpoint = true\n")
    env = {**os.environ, "TF_CLI_CONFIG_FILE": str(tmp_path / "rc")}

    def run(*words: str) -> str:
        return subprocess.run(
            ["terraform", *words], cwd=tmp_path, env=env, check=True, capture_output=True, text=True
        ).stdout

    run("init", "-input=false")
    run("apply", "-auto-approve", "-input=false")
    out = json.loads(run("output", "-json"))
    assert [out[f"o{i}"]["value"] for i in range(len(NASTY))] == list(NASTY)
    assert out["t"]["value"] == plain + "V\n"


@given(text)
@settings(deadline=None)
def test_yaml_and_json_come_back(value: str) -> None:
    if not survives(value):
        return
    assert yaml.safe_load(f"a: {templating.yaml(value)}\nb: 1\n") == {"a": value, "b": 1}
    assert json.loads(quote_json(value)) == value


def test_shell_words_come_back() -> None:
    for value in NASTY:
        done = subprocess.run(["sh", "-c", f"printf %s {shell(value)}"], capture_output=True, check=True)
        assert done.stdout.decode() == value


@given(text)
@settings(deadline=None)
def test_markdown_stays_on_its_line(value: str) -> None:
    if survives(value):
        written = md(value)
        assert "\n" not in written
        assert not any(c in written.replace("\\" + c, "") for c in "`[]<>|*")


@pytest.mark.parametrize("value", ["a\x00b", "\x1b[0m", "\u202e", "\u2028", "\ud800", "x" * 4097])
def test_what_cannot_be_shown_is_refused(value: str) -> None:
    for quote in (hcl, shell, quote_json, templating.yaml, md, word):
        with pytest.raises(MisuseError):
            quote(value)


@pytest.mark.parametrize("value", ["a b", "a;b", "a\n", "$(x)", "é", "a'b", '"'])
def test_word_takes_plain_words_only(value: str) -> None:
    with pytest.raises(MisuseError):
        word(value)


def test_a_template_that_forgets_to_quote_fails(tmp_path: Path) -> None:
    (tmp_path / "x.j2").write_text("a = {{ value }}\n")
    env = templating.environment(str(tmp_path))
    with pytest.raises(TypeError, match="without a quoting filter"):
        env.get_template("x.j2").render(value="text")
    assert env.get_template("x.j2").render(value=3) == "a = 3\n"
    with pytest.raises(UndefinedError):
        env.get_template("x.j2").render()


def test_only_templating_imports_jinja() -> None:
    root = Path(templating.__file__).parent
    users = [p.name for p in root.rglob("*.py") if "import jinja2" in p.read_text() or "from jinja2" in p.read_text()]
    assert users == ["templating.py"]


def test_a_cloud_brings_its_own_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shared templates find them below cloud/, each folder keeps its compiled ones beside them, and an edit counts."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    shared, one, two = tmp_path / "shared", tmp_path / "one", tmp_path / "two"
    for folder in (shared, one, two):
        folder.mkdir()
    (shared / "a.j2").write_text('a {% include "cloud/part.j2" %}\n')
    for folder in (one, two):
        (folder / "part.j2").write_text(f"part of {folder.name} {{{{ 1 }}}}")
    monkeypatch.setattr(templating, "folder", lambda: str(shared))
    monkeypatch.setattr(templating, "_SHARED", {})
    for _ in range(2):  # the second time from what was compiled
        assert render("a.j2", own=str(one)) == "a part of one 1"
        assert render("a.j2", own=str(two)) == "a part of two 1"
        monkeypatch.setattr(templating, "_SHARED", {})
    assert [len(list((folder / "__pycache__").iterdir())) for folder in (shared, one, two)] == [1, 1, 1]
    (one / "part.j2").write_text("edited")
    assert render("a.j2", own=str(one)) == "a edited"


def test_a_home_that_cannot_be_written_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    own = tmp_path / "own"
    own.mkdir()
    (own / "__pycache__").write_text("a file where the folder should be, as for a disk that refuses")
    (own / "x.j2").write_text("{{ 2 }}")
    assert render("cloud/x.j2", own=str(own)) == "2"
    assert (own / "__pycache__").is_file()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no template cloud/x.j2 in "),
        ('{% include "cloud/y.j2" %}', "there is no template cloud/y.j2 in "),
        ("{{ nothing }}", "'nothing' is undefined"),
        ("{% if %}", "template cloud/x.j2 of "),
    ],
)
def test_a_fault_of_a_strangers_template_is_one_sentence(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "x.j2").write_text(text)
    with pytest.raises(PlannerError) as caught:
        render("cloud/x.j2", own=str(tmp_path))
    assert message in str(caught.value) and str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)


def test_html_escapes(tmp_path: Path) -> None:
    (tmp_path / "x.html").write_text("{{ value }}")
    assert templating.environment(str(tmp_path), html=True).get_template("x.html").render(value="<b>") == "&lt;b&gt;"


def test_unknown_template_is_an_error() -> None:
    with pytest.raises(Exception, match="nothing"):
        render("nothing.j2")
