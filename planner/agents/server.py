"""The server of the Model Context Protocol: tools, resources and prompts, over the official SDK.

Questions are answered one at a time, in a thread, so that the line stays open; an error of planner's is an answer that says what to do, and never
ends the server.
"""

from __future__ import annotations

import gc
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import anyio
import anyio.to_thread
import mcp.types as types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from starlette.types import ASGIApp

from planner.admission import Gate
from planner.agents.answers import ANSWERS, shape
from planner.agents.tools import TOOLS, Option, Tool, arguments, inside, schema
from planner.errors import MisuseError, PlannerError
from planner.records import NamedTuple
from planner.version import VERSION

__all__ = ["Done", "Kit", "app", "serve", "server"]

PROMPT = "cheapest_way_to_serve"
INSTRUCTIONS = (
    "planner answers what it costs to serve a model on rented GPUs, from dated price lists. Amounts are decimal strings in the "
    "currency named beside them; a price that is not known is unpriced, never zero. Say the day and the source of a price with "
    "it, and that throughput is an estimate with a range. Ask `quote` first; `explain` takes an offer's id."
)
#: Questions after which the memory that calls leave in circles is freed.
_SWEEP = 20


class Done(NamedTuple):
    """What a command came to. out: what it printed; said: what it said beside (stderr); error: why it failed, "" where it did
    not."""

    out: str
    said: str
    error: str


class Kit(NamedTuple):
    """What the server is given. run: runs a command line. options: what each tool's command takes. resources: from an address
    to (title, what it is, the command line whose output it is). folder: where files may be read and written, "" for nowhere."""

    run: Callable[[Sequence[str]], Done]
    options: Mapping[str, Sequence[Option]]
    resources: Mapping[str, tuple[str, str, tuple[str, ...]]]
    folder: str = ""

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools that are there: those that write only with a folder."""
        return tuple(tool for tool in TOOLS if self.folder or not tool.writes)

    def answer(self, name: str, said: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """Return the answer to a question, and whether it failed."""
        tool = next((tool for tool in self.tools if tool.name == name), None)
        if tool is None:
            raise MisuseError(f"no tool {name[:40]!r}: there are {', '.join(tool.name for tool in self.tools)}")
        said = dict(said)
        for key, own in tool.own.items():
            _own(tool, key, own, said)
        if tool.name == "diff":
            return self._differ(tool, said)
        more: tuple[str, ...] = ()
        if tool.writes:
            said["folder"] = inside(self.folder, str(said.get("folder") or ""), f"{tool.name}: folder")
            if said["folder"] == os.path.realpath(self.folder):
                raise MisuseError(f"{tool.name}: folder: name a new folder inside the one that the user allowed")
            more = (f"--output={said['folder']}",)
        line = arguments(tool, self.options[tool.name], said, self.folder)
        at = line.index("--") if "--" in line else len(line)
        return self._told(tool, self.run([*line[:at], *more, *line[at:]]), said)

    def _told(self, tool: Tool, done: Done, said: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        found: dict[str, Any] = {}
        if done.out.strip():
            found = ANSWERS[tool.answer](done.out, said)
        heard = [line.removeprefix("planner: ") for line in done.said.splitlines() if line.strip()]
        if heard:
            found["said"] = heard
        if done.error:
            found["error"] = done.error
        return found, bool(done.error)

    def _differ(self, tool: Tool, said: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """Answer `diff`: both quotes are made, kept for the while in a folder of their own, and compared."""
        quote = next(tool for tool in TOOLS if tool.name == "quote")
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for name in ("old", "new"):
                made = self.run(arguments(quote, self.options["quote"], said[name], self.folder))
                if not made.out.strip():
                    return {"error": f"{name}: {made.error}"}, True
                paths.append(os.path.join(folder, f"{name}.json"))
                with open(paths[-1], "w", encoding="utf-8") as file:
                    file.write(made.out)
            line = arguments(tool, self.options["diff"], said, self.folder)
            done = self.run([*line, "--top=0", "--", *paths])
            return self._told(tool, done, said)


def _own(tool: Tool, key: str, own: Mapping[str, Any], said: dict[str, Any]) -> None:
    """Hold an argument of the tool itself to its schema; one that is not given takes its default."""
    value = said.get(key, own.get("default"))
    if own["type"] == "object":
        if not isinstance(value, Mapping):
            raise MisuseError(f"{tool.name}: {key} must hold the arguments of `quote`")
    elif own["type"] == "integer":
        if isinstance(value, bool) or not isinstance(value, int) or not own["minimum"] <= value <= own["maximum"]:
            raise MisuseError(
                f"{tool.name}: {key} is a whole number of {own['minimum']} to {own['maximum']}, not {ascii(value)[:40]}"
            )
    elif not isinstance(value, str) or not 1 <= len(value) <= own["maxLength"] or "\0" in value:
        raise MisuseError(f"{tool.name}: {key} must be a name of 1 to {own['maxLength']} letters")
    said[key] = value


class _Handlers:
    """What the server does when it is asked; one question at a time."""

    def __init__(self, kit: Kit) -> None:
        self.kit, self.turn, self.asked = kit, anyio.Lock(), 0

    async def list_tools(self, context: Any, params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=tool.name,
                    title=tool.title,
                    description=tool.about,
                    input_schema=schema(tool, self.kit.options[tool.name], self.kit.folder),
                    output_schema=shape(tool.answer),
                    annotations=types.ToolAnnotations(
                        read_only_hint=not tool.writes,
                        destructive_hint=False,
                        idempotent_hint=True,
                        open_world_hint=False,
                    ),
                )
                for tool in self.kit.tools
            ]
        )

    async def call_tool(self, context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        async with self.turn:
            self.asked += 1
            if self.asked % _SWEEP == 0:
                gc.collect()
            try:
                found, failed = await anyio.to_thread.run_sync(self.kit.answer, params.name, params.arguments or {})
            except PlannerError as exc:
                found, failed = {"error": str(exc)}, True
        text = json.dumps(found, ensure_ascii=False)
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text)], structured_content=found, is_error=failed
        )

    async def list_resources(self, context: Any, params: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(
            resources=[
                types.Resource(uri=uri, name=title, description=about, mime_type=_mime(line))
                for uri, (title, about, line) in self.kit.resources.items()
            ]
        )

    async def read_resource(self, context: Any, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        uri = str(params.uri)
        if uri not in self.kit.resources:
            raise MCPError(
                types.INVALID_PARAMS, f"no resource {uri[:100]!r}: there are {', '.join(self.kit.resources)}"
            )
        line = self.kit.resources[uri][2]
        async with self.turn:
            done = await anyio.to_thread.run_sync(self.kit.run, line)
        text = types.TextResourceContents(uri=uri, mime_type=_mime(line), text=done.out)
        return types.ReadResourceResult(contents=[text])

    async def list_prompts(self, context: Any, params: Any) -> types.ListPromptsResult:
        return types.ListPromptsResult(
            prompts=[
                types.Prompt(
                    name=PROMPT,
                    title="The cheapest way to serve a model",
                    description="Sizes, quotes, and weighs commitments and machines of one's own for a model and its load.",
                    arguments=[
                        types.PromptArgument(name="model", description="Name of the model.", required=True),
                        types.PromptArgument(
                            name="load",
                            description='The load, e.g. "3 requests per second in office hours".',
                            required=False,
                        ),
                    ],
                )
            ]
        )

    async def get_prompt(self, context: Any, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        given = params.arguments or {}
        if params.name != PROMPT or not given.get("model"):
            raise MCPError(types.INVALID_PARAMS, f"the prompt is {PROMPT!r}, and needs `model`")
        load = given.get("load") or "a load that you ask me about first"
        text = (
            f"What is the cheapest way to serve {given['model']} for {load}? Use planner's tools. First `quote` with the load as "
            "numbers (rps or concurrency, input_tokens, output_tokens, latency limits). Then `commit` if the need lasts, and "
            "`rent_or_buy` with own=examples. Name the recommended offer, what it obliges to pay, the day and source of its "
            "price, what is stale or unpriced, and the range of its throughput."
        )
        return types.GetPromptResult(
            messages=[types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))]
        )


def server(kit: Kit) -> Server[Any]:
    """Return the server of `kit`."""
    on = _Handlers(kit)
    return Server(
        "planner",
        version=VERSION,
        title="planner",
        instructions=INSTRUCTIONS,
        on_list_tools=on.list_tools,
        on_call_tool=on.call_tool,
        on_list_resources=on.list_resources,
        on_read_resource=on.read_resource,
        on_list_prompts=on.list_prompts,
        on_get_prompt=on.get_prompt,
    )


def _mime(line: Sequence[str]) -> str:
    return "text/csv" if "--format=csv" in line else "application/json"


def serve(kit: Kit) -> None:
    """Serve over stdin and stdout until they close."""
    from mcp.server.stdio import stdio_server

    async def run() -> None:
        one = server(kit)
        async with stdio_server() as (read, write):
            await one.run(read, write, one.create_initialization_options())

    anyio.run(run)


def app(kit: Kit, host: str, token: str) -> ASGIApp:
    """Return the server as an ASGI application at /mcp, for who sends `token` as a bearer token alone."""
    return Gate(server(kit).streamable_http_app(host=host), token)
