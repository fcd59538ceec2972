"""An agent's view of planner: the official SDK's own client, in this process, over stdin and stdout, and over HTTP."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import click
import httpx2
import jsonschema
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from planner.agents import server
from planner.agents.tools import TOOLS
from planner.cli import cli, mcp
from planner.errors import MisuseError
from tests.conftest import ROOT, Run

TOKEN = "a token for this test alone"
READING = [tool.name for tool in TOOLS if not tool.writes]


def kit(folder: str = "") -> server.Kit:
    with click.Context(cli):
        return mcp._kit(folder)


def asked(ask: Callable[[Client], Coroutine[Any, Any, Any]], folder: str = "", at: Any = None, **options: Any) -> Any:
    """What `ask` finds with a client of the server in this process, or of `at`."""

    async def run() -> Any:
        async with Client(at if at is not None else server.server(kit(folder)), **options) as client:
            return await ask(client)

    return asyncio.run(run())


def called(name: str, allowed: str = "", /, **arguments: Any) -> tuple[dict[str, Any], bool]:
    """The structured answer of a tool and whether it failed; the text says the same."""
    result = asked(lambda client: client.call_tool(name, arguments), allowed)
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content, bool(result.is_error)


def printed(planner: Run, *words: str) -> Any:
    done = planner(*words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_question_is_a_tool_with_a_schema() -> None:
    tools = asked(lambda client: client.list_tools()).tools
    assert [tool.name for tool in tools] == READING
    for tool in tools:
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        jsonschema.Draft202012Validator.check_schema(tool.output_schema)
        assert tool.input_schema["additionalProperties"] is False
        assert all(said["description"] for said in tool.input_schema["properties"].values())
        assert tool.annotations.read_only_hint is True
        assert not {"output", "force", "online", "price_book", "strict"} & set(tool.input_schema["properties"])
    quote = tools[0].input_schema["properties"]
    assert quote["rps"]["type"] == ["number", "string"] and quote["count"]["type"] == ["integer", "string"]
    assert quote["region"] == {
        "type": "array",
        "items": {"type": "string"},
        "description": quote["region"]["description"],
    }
    assert quote["low_confidence"]["type"] == "boolean"


def test_a_quote_is_that_of_the_command(planner: Run) -> None:
    found, failed = called("quote", model="Qwen3-32B", rps=2, region=["us-east-1"], top=2)
    whole = printed(planner, *"quote --model Qwen3-32B --rps 2 --region us-east-1 --format json".split())
    assert not failed and found["recommended"] == whole["recommended"]
    assert found["hash"] == whole["hash"] and found["stale"] == whole["stale"] and found["gaps"] == whole["gaps"]
    by_id = {offer["id"]: offer for offer in whole["offers"]}
    assert found["offers"][0]["id"] == whole["recommended"]["id"]
    for offer in found["offers"]:
        mine = by_id[offer["id"]]
        assert offer["totals"] == mine["totals"] and offer["unpriced"] == mine["unpriced"]
        for charge, other in zip(offer["charges"], mine["charges"], strict=True):
            assert charge.items() <= other.items() and charge["source"] and charge["place"]
    assert found["offers_left_out"] == len(whole["offers"]) - len(found["offers"]) > 0
    assert len(json.dumps(found)) < 60_000


def test_the_others_answer_as_their_commands_do(planner: Run) -> None:
    size, _ = called("size", gpu="H100", model="Qwen3-32B", concurrency=16)
    assert size == printed(planner, *"size --gpu H100 --model Qwen3-32B --concurrency 16 --format json".split())
    plan, _ = called("commit", demand="diurnal rps=20")
    whole = printed(planner, "commit", "--demand", "diurnal rps=20", "--format", "json")
    whole["mix"].pop("instances")
    assert plan == whole
    both, _ = called("rent_or_buy", own="examples", demand="flat rps=3")
    assert both == printed(planner, "rent-or-buy", "--own", "examples", "--demand", "flat rps=3", "--format", "json")
    offer = "aws:aws:us-east-1:g6.xlarge:on_demand"
    told, _ = called("explain", offer=offer)
    assert told["text"] == planner("explain", offer).stdout
    rows, _ = called("catalog_search", provider="aws", instance_type="p4d", limit=3)
    assert len(rows["rows"]) == 3 and rows["found"] == rows["left_out"] + 3
    assert {row["instance_type"] for row in rows["rows"]} == {"p4d.24xlarge"}
    assert rows["rows"][0]["amount"] and rows["rows"][0]["as_of"]
    past, _ = called("history", instance_type="p4d.24xlarge", region="us-east-1", limit=500)
    assert "32.7726" in {row["amount"] for row in past["rows"]}


def test_a_difference_is_that_of_two_quotes() -> None:
    found, failed = called("diff", old={"hours": 720}, new={"hours": 800}, top=2)
    assert not failed and found["workload_changes"] == ["hours: 720 -> 800"]
    best = {found["recommended"][side]["id"] for side in ("before", "after")}
    assert best <= {offer["id"] for offer in found["offers"]} and found["offers_left_out"] > 100
    assert called("diff", old={"hours": 720}, new={"hours": "x"})[1]
    assert called("diff", old={"hours": 720}) == ({"error": "diff: new must hold the arguments of `quote`"}, True)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("quote", {"modell": "x"}, "no argument 'modell': did you mean model"),
        ("quote", {"model": "no such model"}, "unknown model"),
        ("quote", {"rps": [1, 2]}, "rps: [1, 2] is neither text nor a number"),
        ("quote", {"low_confidence": "yes"}, "low_confidence is true or false"),
        ("quote", {"top": 0}, "top is a whole number of 1 to 20"),
        ("quote", {"top": True}, "top is a whole number of 1 to 20"),
        ("quote", {"model": "x" * 5000}, "is no value"),
        ("quote", {"output": "/tmp/x"}, "no argument 'output'"),
        ("quote", {"force": True}, "no argument 'force'"),
        ("quote", {"online": True}, "no argument 'online'"),
        ("quote", {"model": "--output=/tmp/x"}, "unknown model"),
        ("quote", {"price_book": ["/etc/passwd"]}, "no folder was allowed"),
        ("quote", {"workload_file": "/etc/passwd"}, "no folder was allowed"),
        ("commit", {"demand": "/etc/passwd"}, "no folder was allowed"),
        ("commit", {"demand": "flat rps=x"}, "rps"),
        ("rent_or_buy", {"own": "/etc/passwd"}, "no folder was allowed"),
        ("history", {}, "instance_type must be given"),
        ("catalog_search", {"limit": 10**9}, "limit is a whole number"),
        ("emit", {"cloud": "aws", "folder": "m"}, "no tool 'emit'"),
        ("format_disk", {}, "no tool 'format_disk'"),
    ],
)
def test_a_wrong_question_is_answered_with_what_to_do(name: str, arguments: dict[str, Any], said: str) -> None:
    result = asked(lambda client: client.call_tool(name, arguments))
    assert result.is_error and said in result.structured_content["error"]


def test_a_budget_that_nothing_fits_still_shows_the_quote() -> None:
    found, failed = called("quote", budget="1")
    assert failed and "budget" in found["error"] and found["offers"]


def test_a_module_is_written_where_the_user_allows(tmp_path: Path) -> None:
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    allowed.mkdir()
    outside.mkdir()
    (allowed / "link").symlink_to(outside)
    tools = asked(lambda client: client.list_tools(), str(allowed)).tools
    assert [tool.name for tool in tools if not tool.annotations.read_only_hint] == ["emit"]
    found, failed = called("emit", str(allowed), cloud="aws", folder="chat", deadline="2031-01-01T00:00:00Z")
    assert not failed, found
    assert sorted(found["files"]) == sorted(
        p.relative_to(allowed / "chat").as_posix() for p in (allowed / "chat").rglob("*") if p.is_file()
    )
    assert "main.tf" in found["files"] and any("g6.xlarge" in line for line in found["report"])
    for name in ("../outside/m", str(outside / "m"), "link/m", "..", ".", "", "a\0b"):
        said, failed = called("emit", str(allowed), cloud="aws", folder=name)
        assert failed and ("outside" in said["error"] or "folder" in said["error"]), name
    assert not list(outside.iterdir())
    (allowed / "demand.csv").write_text("hour,rps\n" + "".join(f"{h},{1 + h % 3}\n" for h in range(48)))
    assert called("commit", str(allowed), demand="demand.csv")[0]["demand"]["hours"] == 48
    assert called("commit", str(allowed), demand="../allowed2/demand.csv")[1]


def test_resources_and_prompts() -> None:
    async def ask(client: Client) -> Any:
        listed = (await client.list_resources()).resources
        read = {str(r.uri): (await client.read_resource(str(r.uri))).contents[0] for r in listed}
        with pytest.raises(MCPError, match="no resource"):
            await client.read_resource("planner://secrets")
        with pytest.raises(MCPError, match="cheapest_way_to_serve"):
            await client.get_prompt("cheapest_way_to_serve", {})
        return read, await client.get_prompt("cheapest_way_to_serve", {"model": "DeepSeek-R1", "load": "2 rps"})

    read, prompt = asked(ask)
    assert {"planner://models", "planner://gpus", "planner://instance-types"} == set(read)
    assert "DeepSeek-R1" in {m["name"] for m in json.loads(read["planner://models"].text)}
    assert "H20" in {g["name"] for g in json.loads(read["planner://gpus"].text)}
    assert "p4d.24xlarge" in read["planner://instance-types"].text
    assert "DeepSeek-R1 for 2 rps" in prompt.messages[0].content.text


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PLANNER_HOME": str(tmp_path / "home"), **more}


def test_over_stdin_and_stdout(tmp_path: Path) -> None:
    params = StdioServerParameters(
        command=sys.executable, args=["-m", "planner", "mcp"], env=environment(tmp_path), cwd=str(tmp_path)
    )

    async def ask(client: Client) -> Any:
        first = await client.call_tool("size", {"gpu": "H100"})
        wrong = await client.call_tool("size", {"gpu": "no such GPU"})
        return first, wrong, await client.call_tool("size", {"gpu": "H100"})

    first, wrong, again = asked(ask, at=params)
    assert first.structured_content["gpu"] == "H100-SXM5" and first.structured_content == again.structured_content
    assert wrong.is_error and "no such GPU" in wrong.structured_content["error"]
    assert not list(tmp_path.iterdir()), "nothing is written"


def test_a_malformed_line_ends_nothing(tmp_path: Path) -> None:
    start = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    lines = ["this is no JSON", '{"jsonrpc": "2.0", "id": 7, "method": 5}', "[]", "\u0000\u0001", json.dumps(start)]
    with subprocess.Popen(
        [sys.executable, "-m", "planner", "mcp"],
        env=environment(tmp_path),
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdin.write("\n".join(lines) + "\n")
        process.stdin.flush()
        answered = {}
        while 1 not in answered:
            said = json.loads(process.stdout.readline())
            answered[said.get("id")] = said
        process.stdin.close()
        assert process.wait(20) == 0
        assert "Traceback" not in process.stderr.read()
    assert answered[1]["result"]["serverInfo"]["name"] == "planner"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server over HTTP on a free port of the loopback."""
    with subprocess.Popen(
        [sys.executable, "-m", "planner", "mcp", "--http", "0"],
        env=environment(tmp_path, PLANNER_MCP_TOKEN=TOKEN),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert said.startswith("planner: serving on http://127.0.0.1:"), said + process.stderr.read()
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield said.split()[-1]
        process.terminate()
        process.wait(20)


def test_over_http_with_the_token_alone(address: str) -> None:
    async def run() -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(address, http_client=http)) as client,
        ):
            several = await asyncio.gather(*(client.call_tool("size", {"gpu": gpu}) for gpu in ("H100", "A10", "L20")))
            return [one.structured_content["gpu"] for one in several]

    assert asyncio.run(run()) == ["H100-SXM5", "A10", "L20"]
    for sent in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
        refused = httpx2.post(address, json={}, headers=sent)
        assert refused.status_code == 401 and TOKEN not in refused.text
    other = {
        "Authorization": f"Bearer {TOKEN}",
        "Host": "evil.example",
        "Accept": "application/json, text/event-stream",
    }
    assert httpx2.post(address, json={"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers=other).status_code in (
        403,
        421,
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--http", "0"), "PLANNER_MCP_TOKEN"),
        (("--folder", "nowhere"), "'nowhere' is no folder"),
        (("--http", "99999"), "99999"),
    ],
)
def test_a_wrong_start(planner: Run, words: tuple[str, ...], said: str) -> None:
    done = planner("mcp", *words)
    assert done.returncode == 2 and said in done.stderr and not done.stdout


def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "planner.agents.server", None)
    monkeypatch.setitem(sys.modules, "mcp", None)
    monkeypatch.delattr("planner.agents.server", raising=False)
    monkeypatch.delitem(sys.modules, "planner.agents.server")
    with pytest.raises(MisuseError, match=r"gpu-cost-planner\[mcp\]"), click.Context(cli):
        mcp.mcp.callback("", None, "127.0.0.1")


@pytest.mark.parametrize(
    "times", [pytest.param(60, marks=pytest.mark.long), pytest.param(10_000, marks=pytest.mark.slow)]
)
def test_many_calls_in_a_row_stay_small(times: int) -> None:
    def resident() -> int:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20

    async def ask(client: Client) -> int:
        for _ in range(40):
            await client.call_tool("size", {"gpu": "H100"})
        before = resident()
        for at in range(times):
            result = await client.call_tool("size", {"gpu": "H100", "input_tokens": 500 + at})
            assert not result.is_error
        return resident() - before

    gc.collect()
    gc.freeze()  # what other tests left is none of this one's
    started = time.process_time()
    grown = asked(ask)
    gc.unfreeze()
    assert grown < 30, f"{grown} MB more after {times} calls"
    assert (time.process_time() - started) / times < 0.2


INSPECTOR = os.environ.get("PLANNER_INSPECTOR", "")


@pytest.mark.long
@pytest.mark.skipif(not INSPECTOR, reason="PLANNER_INSPECTOR is not set: npm install @modelcontextprotocol/inspector")
def test_the_inspector_takes_tools_and_answers(tmp_path: Path) -> None:
    def inspected(*words: str) -> Any:
        line = [INSPECTOR, "--cli", sys.executable, "-m", "planner", "mcp", *words]
        done = subprocess.run(line, env=environment(tmp_path), capture_output=True, text=True, check=True, timeout=120)
        return json.loads(done.stdout)

    assert [tool["name"] for tool in inspected("--method", "tools/list")["tools"]] == READING
    words = ("--method", "tools/call", "--tool-name", "quote", "--tool-arg", "model=Qwen3-8B", "--tool-arg", "rps=2")
    assert inspected(*words)["structuredContent"]["recommended"]["id"]
    assert len(inspected("--method", "resources/list")["resources"]) == 3
