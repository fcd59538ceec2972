"""A local endpoint with known latencies, and with the bad manners that `planner verify` must survive."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Served:
    """An OpenAI-compatible server. ttft, tpot: seconds to the first and between later tokens. manners: what is odd about it."""

    def __init__(
        self, ttft: float = 0.02, tpot: float = 0.004, manners: str = "", key: str = "", version: str = "0.26.0"
    ):
        self.ttft, self.tpot, self.manners, self.key, self.version = ttft, tpot, manners, key, version
        self.asked: list[dict[str, Any]] = []
        self.heads: list[str] = []
        self.sent: list[
            tuple[float, float, float, int]
        ] = []  # begun, first and last token, tokens: as they really were
        self.running = self.most = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                fields = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head.split("\r\n")[1:])}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                if not await self.reply(head.split(" ")[1], body, fields, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    async def reply(self, path: str, body: bytes, fields: dict[str, str], out: asyncio.StreamWriter) -> bool:
        if self.key and fields.get("authorization") != f"Bearer {self.key}":
            return self.plain(out, 401, {"error": {"message": "no"}})
        if path == "/v1/models":
            names = ["a", "b"] if self.manners == "two models" else ["served"]
            return self.plain(out, 200, {"data": [{"id": n} for n in names]})
        if path == "/version":
            return self.plain(out, 200, {"version": self.version}) if self.version else self.plain(out, 404, {})
        if self.manners == "redirect":
            out.write(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\nContent-Length: 0\r\n\r\n")
            return True
        if self.manners == "endless head":
            return await self.flood(out, b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * 4000 + b"\r\n")
        if self.manners == "not http":
            out.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
            return True
        asked = json.loads(body)
        chat = path == "/v1/chat/completions"
        if chat != (self.manners == "chat only"):
            return self.plain(out, 404, {"detail": "Not Found"})
        if self.manners in ("text only", "strict", "chat only") and isinstance(asked.get("prompt"), list):
            return self.plain(out, 400, {"error": {"message": "prompt must be a string"}})
        if self.manners == "strict" and "ignore_eos" in asked:
            return self.plain(out, 400, {"error": {"message": "unknown field ignore_eos"}})
        self.asked.append(asked)
        if self.manners == "fails later" and len(self.asked) > 6:
            return self.plain(out, 503, {"error": {"message": "out of memory"}})
        return await self.stream(asked, chat, out)

    def plain(self, out: asyncio.StreamWriter, status: int, data: Any) -> bool:
        text = json.dumps(data).encode()
        out.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n".encode()
            + text
        )
        return True

    async def flood(self, out: asyncio.StreamWriter, start: bytes, piece: bytes) -> bool:
        out.write(start)
        while True:
            out.write(piece * 16)
            await out.drain()

    async def stream(self, asked: dict[str, Any], chat: bool, out: asyncio.StreamWriter) -> bool:
        self.running += 1
        self.most = max(self.most, self.running)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        frame = "Transfer-Encoding: chunked\r\n"
        if self.manners == "to the end":
            frame = "Connection: close\r\n"
        out.write(f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{frame}\r\n".encode())
        if self.manners == "endless line":
            return await self.flood(out, b"", b"10000\r\n" + b"a" * 0x10000 + b"\r\n")
        if self.manners == "endless stream":
            one = b'data: {"choices":[{"text":"a"}]}\n\n'
            return await self.flood(out, b"", f"{len(one):x}\r\n".encode() + one + b"\r\n")
        if self.manners == "bad chunk":
            out.write(b"zzzz\r\n")
            return True
        if self.manners == "error in stream":
            self.event(out, {"error": {"message": "CUDA out of memory"}})
            return False
        count, first = asked["max_tokens"], 0.0
        step = 4 if self.manners == "four at once" else 1
        if chat:
            self.event(out, {"choices": [{"delta": {"role": "assistant", "content": ""}}]})
        for index in range(0, count, step):
            await asyncio.sleep(max(0.0, begun + self.ttft + index * self.tpot - loop.time()))
            last = loop.time()
            first = first or last
            piece = {"delta": {"content": "a "}} if chat else {"text": "a "}
            self.event(out, {"choices": [piece], "usage": None})
            if self.manners == "breaks off" and index:
                self.running -= 1
                return False
            if self.manners == "silent" and index:
                await asyncio.sleep(30)
        if self.manners != "no usage":
            prompt = asked.get("prompt") or asked["messages"][0]["content"]
            read = len(prompt) if isinstance(prompt, list) else round(1.5 * len(prompt.split())) + (7 if chat else 1)
            self.event(out, {"choices": [], "usage": {"prompt_tokens": read, "completion_tokens": count}})
        self.running -= 1
        self.sent.append((begun, first, last, count))
        self.line(out, b"data: [DONE]\n\n")
        if self.manners == "to the end":
            return False
        out.write(b"0\r\n\r\n")
        return True

    def event(self, out: asyncio.StreamWriter, data: Any) -> None:
        self.line(out, b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n")

    def line(self, out: asyncio.StreamWriter, data: bytes) -> None:
        if self.manners == "to the end":
            out.write(data)
        elif self.manners == "in pieces":  # chunks that end within a line
            for part in (data[:7], data[7:]):
                out.write(f"{len(part):x};x=1\r\n".encode() + part + b"\r\n")
        else:
            out.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


@contextmanager
def serving(**settings: Any) -> Iterator[Served]:
    """Serve in a thread until the block ends."""
    served, ready = Served(**settings), threading.Event()
    loop = asyncio.new_event_loop()

    async def main() -> None:
        server = await asyncio.start_server(served.client, "127.0.0.1", 0, backlog=256)
        served.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    thread.start()
    assert ready.wait(5)
    try:
        yield served
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
        loop.close()
