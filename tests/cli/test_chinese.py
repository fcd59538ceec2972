"""The command line in Chinese: every help text has its words, names and numbers stay, lines fit, and programs notice nothing."""

from __future__ import annotations

import ast
import contextlib
import importlib
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from planner import errors
from planner.cli import COMMANDS, chinese, cli
from planner.cli.help import COMMAND_GROUPS, FORMS, GROUPS
from planner.i18n import width
from tests.conftest import ROOT, Run
from tests.source import sources

ROWS = chinese.rows()
KNOWN = {english for _, english, _ in ROWS}
#: Signs and names among what stands for values: they stay.
SIGNS = set("ID GB GBPS MS CIDR URL SHA HH MM WORKLOAD QUOTE FOCUS PINNED".split())
#: Rows that only list values, without a word.
VALUES = {"quote.format", "commit.format", "error.E201.do", "said.money.18", "said.workload.14"}
HAN = re.compile(r"[\u4e00-\u9fff]")
#: Names in an English text that its Chinese has as well: options, what stands in backticks, variables, files, numbers.
NAMES = re.compile(
    r"--[a-z][\w-]+|`[^`]+`|\$?PLANNER_\w+|[\w*]+\.(?:toml|json|csv|md|png|svg|tfvars)\b|\d[\w.:%/-]*\d\w*|\d+"
)


def everything(within: click.Group = cli, path: str = "planner") -> Iterator[tuple[str, click.Command]]:
    """Yield every command and group."""
    yield path, within
    context = click.Context(within)
    for name in within.list_commands(context):
        found = within.get_command(context, name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from everything(found, f"{path} {name}")
        else:
            yield f"{path} {name}", found


ALL = dict(everything())


def texts() -> Iterator[tuple[str, str]]:
    """Yield every English text of the help of every command, and where it stands."""
    for name, (_, _, said) in COMMANDS.items():
        yield f"planner --help: {name}", said
    for title, _ in (*COMMAND_GROUPS, *GROUPS, *FORMS):
        yield "titles", title
    for path, command in ALL.items():
        for part in re.split(r"\n\s*\n", (command.help or "").strip()):
            if not part.lstrip(" ").startswith("\b"):
                yield path, " ".join(part.split())
        assert not command.epilog and not command.short_help
        for param in command.params:
            if isinstance(param, click.Option):
                assert param.help, (path, param.name)
                yield f"{path} {max(param.opts, key=len)}", param.help


TEXTS = list(texts())


def helped(path: str, lang: str, columns: int = 80, whole: bool = True) -> str:
    command = ALL[path]
    context = command.context_class(
        command, info_name=path, obj=lang, max_content_width=110, terminal_width=columns - 2
    )
    context.meta["planner.help_all"] = whole
    with chinese.speaking() if lang == "zh" else contextlib.nullcontext():
        return command.get_help(context)


def test_every_help_text_has_a_chinese_one() -> None:
    """A new option, command or paragraph gets a row in planner/data/help.csv."""
    assert len(TEXTS) > 500
    assert sorted({(where, text) for where, text in TEXTS if chinese.words(text) == text and text not in KNOWN}) == []
    assert {key for key, english, zh in ROWS if not HAN.search(zh)} == VALUES
    assert {key for key, english, zh in ROWS if english == zh} <= VALUES


def test_the_table_is_whole_and_holds_nothing_that_nobody_says() -> None:
    assert len({key for key, _, _ in ROWS}) == len(ROWS)
    words: dict[str, str] = {}
    for key, english, zh in ROWS:
        assert english and zh, key
        assert words.setdefault(english, zh) == zh, f"{key}: two translations"
    used = {text for _, text in TEXTS}
    # Sentences of the code that prints them; those of click are compared below.
    code = "".join(
        (ROOT / "planner" / name).read_text("utf-8")
        for name in ("cli/__init__.py", "cli/chinese.py", "cli/help.py", "errors.py")
    )
    used |= {
        node.value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    used |= set(sentences())
    own = [
        (key, english)
        for key, english, _ in ROWS
        if not key.startswith(("click.", "metavar.", "error.", "help.options"))
    ]
    assert [key for key, english in own if english not in used] == []


@pytest.mark.parametrize(("key", "english", "zh"), [row for row in ROWS if not row[0].startswith("metavar.")])
def test_names_and_numbers_stand_in_the_chinese_text_as_well(key: str, english: str, zh: str) -> None:
    lost = [name for name in NAMES.findall(english) if name not in zh]
    assert lost == [], key
    gaps = re.compile(r"\{[\w.]+(?:!r)?(?::[^}]*)?\}")
    assert sorted(gaps.findall(english)) == sorted(gaps.findall(zh)), key


def metavars() -> set[str]:
    found = {"[OPTIONS]", "COMMAND", "[ARGS]..."}
    for command in ALL.values():
        found |= {param.make_metavar(click.Context(command)) for param in command.params}
    return found - {"BOOLEAN"}


def test_what_stands_for_a_value_has_its_words() -> None:
    listed = {key.removeprefix("metavar.") for key, _, _ in ROWS if key.startswith("metavar.")}
    parts = {part for one in metavars() for part in re.findall(r"[A-Z]{2,}(?:_[A-Z]+)*", one)}
    assert parts - SIGNS == listed
    assert chinese.metavar("[FILE.csv]") == "[文件.csv]" and chinese.metavar("WORKLOAD.toml") == "WORKLOAD.toml"


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("path", ALL)
def test_no_line_is_wider_than_the_terminal_and_no_option_is_lost(path: str, columns: int) -> None:
    english = helped(path, "en", columns)
    example = {
        line.strip() for line in english.splitlines() if "planner.1" in line or "eval" in line or ".fish" in line
    }
    name = re.compile(r"^  (?:-\w, )?(--[a-z0-9-]+)", re.M)
    for whole in (False, True):
        text = helped(path, "zh", columns, whole)
        assert text.startswith(f"用法：{path}")
        assert not re.search(r"[Dd]efault: |required", text)
        wide = [line for line in text.splitlines() if width(line) > columns and line.strip() not in example]
        assert wide == []
        listed = name.findall(text[text.index("：\n") :])
        assert listed and listed == name.findall(
            re.split(r"^\w.*:\n", helped(path, "en", columns, whole), maxsplit=1, flags=re.M)[1]
        )
        assert all(line in text for line in example)
        # No line ends where a bracket opens, or begins with what ends a sentence.
        assert re.findall(r"[（“\[]$|^ +[，。；：）”]", text, re.M) == []


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("path", ALL)
def test_meanings_stand_in_one_column(path: str, lang: str) -> None:
    """Also in a group whose names are all too long for the column."""
    titled = re.split(r"^\S.*[:：]\n", helped(path, lang), flags=re.M)[1:]
    for parts in (
        (titled[:1], titled[1:]) if isinstance(ALL[path], click.Group) else (titled,)
    ):  # options, then commands
        lines = [line for part in parts for line in part.splitlines() if line.strip()]
        columns = {width(found[1]) for line in lines if (found := re.match(r"(  \S.*?\s{2,}|\s{5,})\S", line))}
        assert len(columns) == 1, columns


# -- which language --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "env", "zh"),
    [
        ("quote --help", {}, False),
        ("quote --help", {"LANG": "zh_CN.UTF-8", "LC_ALL": "zh_CN.UTF-8"}, False),
        ("quote --help", {"PLANNER_LANG": "zh"}, True),
        ("quote --help", {"PLANNER_LANG": "zh_CN.UTF-8"}, True),
        ("quote --help", {"PLANNER_LANG": "en"}, False),
        ("quote --help", {"PLANNER_LANG": "fr"}, False),
        ("quote --help --lang zh", {}, True),
        ("--lang=zh quote --help-all", {}, True),
        ("--lang zh catalog list --help", {}, True),
        ("quote --help --lang en", {"PLANNER_LANG": "zh"}, False),
        ("size --gpu A10 --lang zh", {}, True),
        ("--lang zh size --gpu A10", {}, True),
        ("size --gpu A10", {"PLANNER_LANG": "zh"}, True),
        ("--lang en size --gpu A10", {"PLANNER_LANG": "zh"}, False),
        ("--lang en size --gpu A10 --lang zh", {}, True),
    ],
)
def test_the_language_is_the_options_else_the_environments(
    line: str, env: dict[str, str], zh: bool, planner: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    done = planner(*line.split())
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(HAN.search(done.stdout)) == zh


def test_a_language_that_is_not_there(planner: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANNER_LANG", "fr")
    done = planner("size", "--gpu", "A10")
    assert (done.returncode, done.stderr) == (
        2,
        "planner: PLANNER_LANG: no texts in 'fr': en and zh are there [E200]\n",
    )
    assert planner("size", "--gpu", "A10", "--lang", "en").returncode == 0


@pytest.mark.parametrize(
    "line",
    [
        "quote --format json",
        "quote --format csv",
        "quote --format focus --allow-unpriced",
        "size --gpu A10 --format json",
        "explain aws:aws:us-east-1:g6.xlarge:on_demand --lang en",
        "catalog list --format csv --instance-type p4d.24xlarge",
        "catalog history p4d.24xlarge --format csv",
        "models gpus",
    ],
)
def test_what_programs_read_is_the_same(line: str, planner: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = planner(*line.split())
    monkeypatch.setenv("PLANNER_LANG", "zh")
    other = planner(*line.split())
    assert plain.returncode == other.returncode == 0
    assert plain.stdout == other.stdout


# -- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "quote --foo",
            "没有选项 '--foo'。（是否想输入其中之一：'--force', '--format', '--fx'？）（见 `planner quote --help`） [E201]",
        ),
        ("quote --topp", "没有选项 '--topp'。是否想输入 '--top'？（见 `planner quote --help`） [E201]"),
        ("quoet", "没有命令 'quoet'：是否想输入 quote？（见 `planner --help`） [E201]"),
        ("zzzzzz", f"没有命令 'zzzzzz'：`planner --help` 列出全部 {len(COMMANDS)} 个（见 `planner --help`） [E201]"),
        ("catalog lst", "没有命令 'lst'。是否想输入 'list'？（见 `planner catalog --help`） [E201]"),
        ("emit-tf", "缺少参数 '云厂商'（见 `planner emit-tf --help`） [E201]"),
        ("quote --top 0", "'--top' 的值无效：0 不在范围 1<=x<=1000 内（见 `planner quote --help`） [E201]"),
        ("quote --top x", "'--top' 的值无效：'x' 不是有效的整数范围（见 `planner quote --help`） [E201]"),
        ("size --gpus file", "'--gpus' 的值无效：'file' 不是有效的整数"),
        (
            "doctor --format xml",
            "'--format' 的值无效：'xml' 不在可选值之中：'table', 'json'（见 `planner doctor --help`） [E201]",
        ),
        ("quote a.toml b.toml", "多余的参数（b.toml）（见 `planner quote --help`） [E201]"),
        ("quote --gaps=1", "选项 '--gaps' 不带值（见"),
        ("quote --hours x", "--hours：'x' 不是普通的十进制数（请写成 12.34） [E200]"),
        ("quote --region us-east-9", "未知的地域 'us-east-9'：是否想输入 us-east-2、us-east-1、us-west-2？ [E200]"),
        ("size --gpu nothing", "没有 GPU 'nothing' 的规格数据：已知 "),
        (
            "quote --model a/b",
            "（`planner models list` 列出全部；--online 可取其 config.json，--model-config FILE 可用任何已知架构的模型） [E200]",
        ),
        (
            "quote --input-tokens 9999999",
            "10,000,511 个 token 超过 DeepSeek-R1-Distill-Qwen-7B 的上下文（131,072） [E200]",
        ),
        ("quote none.toml", "无法读取 workload none.toml：No such file or directory [E200]"),
        ("catalog types --gpu A10 --format table --provider xx", "未知的云厂商 'xx'：可选："),
        ("commit --demand flat", "（请求本身有误：某个值、名称或文件内容） [E200]"),
        (
            "quote --budget 1",
            "（能买到的方案都不符合预算；本行说明缺什么；换一个预算、时长或地域；`--rejected` 与 `--gaps` 列出被排除的内容） [E102]",
        ),
    ],
)
def test_errors_are_said_in_chinese(line: str, said: str, planner: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = planner(*line.split())
    monkeypatch.setenv("PLANNER_LANG", "zh")
    done = planner(*line.split())
    assert said in done.stderr and done.stderr.startswith("planner: ")
    assert not HAN.search(plain.stderr) and plain.returncode == done.returncode
    assert done.stderr.rpartition("[")[2] == plain.stderr.rpartition("[")[2]


def sentences(valued: bool = False) -> Iterator[str]:
    """Yield what errors of planner's own say, as the code has it. valued: those alone whose values are given apart."""
    for source in sources("planner"):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error") and node.args:
                said = getattr(node.args[0], "value", None)
                if isinstance(said, str) and (node.keywords or not valued):
                    yield said


def test_a_sentence_whose_values_are_given_apart_has_its_chinese() -> None:
    """Who writes `MisuseError("no {what}", what=...)` adds a row `said. ...` to planner/data/help.csv."""
    valued = set(sentences(valued=True)) - {"{at}{error}"}
    assert len(valued) > 90 and sorted(valued - KNOWN) == []


def test_an_error_carries_its_sentence_and_values_to_another_process() -> None:
    error = errors.MisuseError(
        "{what}: unknown currency {text!r}: {near}", what="--x", text="A", near=errors.suggest("A", ["AB"])
    )
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert str(one) == "--x: unknown currency 'A': did you mean AB?"
        assert (one.said, dict(one.values)) == (error.said, error.values)
    known = {"{label}: unknown currency {text!r}: {near}"}
    assert known <= KNOWN
    wrapped = errors.MisuseError(
        "{at}{error}", at="file: ", error=errors.MisuseError("{label}: {value} is not above zero", label="rps", value=0)
    )
    assert (
        str(wrapped) == "file: rps: 0 is not above zero" and chinese.framed(wrapped, "E200") == "file: rps：0 不大于零"
    )


def test_words_that_help_with_a_misspelt_name() -> None:
    for known, word, english, zh in (
        (["aws"], "awss", "did you mean aws?", "是否想输入 aws？"),
        (["b", "a"], "zzz", "known: a, b", "可选：a、b"),
        ([], "zzz", "none are known", "没有已知的名称"),
        ([f"k{n:02}" for n in range(20)], "zzz", "20 are known, e.g. k00, k01, k02", "已知 20 个，如 k00、k01、k02"),
    ):
        error = errors.MisuseError(
            "unknown provider {provider!r}: {near}", provider=word, near=errors.suggest(word, known)
        )
        assert str(error) == f"unknown provider {word!r}: {english}"
        assert chinese.framed(error, "E200") == f"未知的云厂商 {word!r}：{zh}"


def test_english_sentences_stay_whole_before_what_their_code_means(planner: Run) -> None:
    plain = planner("commit", "--demand", "flat")
    done = planner("commit", "--demand", "flat", "--lang", "zh")
    assert done.stderr.startswith(plain.stderr.rpartition(" [")[0] + "（")


@pytest.mark.parametrize("line", [[], ["catalog"], ["models"], ["book"]])
def test_a_group_without_a_command_shows_its_help(
    line: list[str], planner: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    english = planner(*line)
    monkeypatch.setenv("PLANNER_LANG", "zh")
    zh = planner(*line)
    assert english.returncode == zh.returncode == 2 and english.stdout == zh.stdout == ""
    assert (
        english.stderr.startswith(f"Usage: {' '.join(['planner', *line])} [OPTIONS]")
        and "\nOptions:\n" in english.stderr
    )
    assert zh.stderr.startswith(f"用法：{' '.join(['planner', *line])} [选项]") and "\n选项：\n" in zh.stderr


def test_the_codes_are_explained_as_the_docs_do() -> None:
    table = re.findall(r"^\| (E\d{3}) \| \d \| (.*?) \| (.*?) \|$", (ROOT / "docs/errors.md").read_text("utf-8"), re.M)
    own = {key: english for key, english, _ in ROWS if key.startswith("error.")}
    assert own == {
        f"error.{code}.{part}": text for code, *both in table for part, text in zip(("what", "do"), both, strict=True)
    }


#: Sentences of click's that no command of ours comes to say: of programming, of prompts that we word ourselves, of types without use.
NEVER = (
    "DeprecationWarning",
    "deprecated",
    "Could not determine",
    "No options defined",
    "Name '",
    "Boolean option",
    "Arguments take",
    "(dynamic)",
    "env var",
    "Aborted!",
    "Try '",
    "unknown error",
    "Invalid start",
    "Choice(",
    "{value!r} does not",
    "{value!r} is not a valid UUID.",
    "{len_type} values",
    "Value must be",
    "Repeat for",
    "Error: The two",
    "Unknown color",
    "Press any key",
    "Missing argument.",
    "Positional arguments",
)


def of_click() -> set[str]:
    """The sentences that click words, as its source has them."""
    found = set()
    for name in ("core", "exceptions", "parser", "types", "termui"):
        path = importlib.import_module(f"click.{name}").__file__
        for node in ast.walk(ast.parse(Path(str(path)).read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "ngettext"):
                found |= {getattr(arg, "value", None) for arg in node.args}
    return {text for text in found if isinstance(text, str) and not text.startswith(NEVER)}


def test_what_click_says_has_a_row() -> None:
    assert sorted(of_click() - KNOWN) == []


def test_click_speaks_english_again_afterwards() -> None:
    import click.exceptions

    before = click.exceptions._  # type: ignore[attr-defined]
    with chinese.speaking():
        assert click.NoSuchOption("--x").format_message() == "没有选项 '--x'。"
    assert click.exceptions._ is before  # type: ignore[attr-defined]
    assert click.NoSuchOption("--x").format_message() == "No such option '--x'."
