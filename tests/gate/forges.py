"""Stand-ins for the comment APIs of GitHub and GitLab: they check method, path and token, and keep what was written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

TOKEN = "a-token-of-the-test"
GITHUB = {
    "list": r"/repos/o/shop/issues/7/comments\?per_page=100&page=(\d+)",
    "make": r"/repos/o/shop/issues/7/comments",
    "change": r"/repos/o/shop/issues/comments/(\d+)",
}
GITLAB = {
    "list": r"/projects/42/merge_requests/7/notes\?per_page=100&page=(\d+)",
    "make": r"/projects/42/merge_requests/7/notes",
    "change": r"/projects/42/merge_requests/7/notes/(\d+)",
}


@dataclass
class World:
    """What a forge holds and was asked. account: what /user answers (None: 403, as for the token of a job). refuse: status of every write."""

    kind: str
    url: str = ""
    account: int | None = None
    refuse: int = 0
    comments: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, Any]:
        github = self.kind == "github"
        self.asked.append(f"{method} {path}")
        given = headers.get("Authorization") if github else headers.get("PRIVATE-TOKEN")
        if given != (f"Bearer {TOKEN}" if github else TOKEN):
            return 401, {"message": "Bad credentials"}
        if github and (headers.get("Accept"), headers.get("X-GitHub-Api-Version")) != (
            "application/vnd.github+json",
            "2022-11-28",
        ):
            return 415, {}
        routes, who = (GITHUB, "user") if github else (GITLAB, "author")
        if path == "/user" and method == "GET":
            return (403, {}) if self.account is None else (200, {"id": self.account})
        found = re.fullmatch(routes["list"], path)
        if found and method == "GET":
            page = int(found[1])
            return 200, self.comments[(page - 1) * 100 : page * 100]
        if self.refuse:
            return self.refuse, {"message": "Resource not accessible by integration"}
        if re.fullmatch(routes["make"], path) and method == "POST":
            me = {"id": self.account or 1, "type": "Bot" if self.account is None else "User"}
            self.comments.append({"id": 1000 + len(self.comments), "body": json.loads(body)["body"], who: me})
            return 201, self.comments[-1]
        found = re.fullmatch(routes["change"], path)
        if found and method == ("PATCH" if github else "PUT"):
            (one,) = [c for c in self.comments if c["id"] == int(found[1])]
            one["body"] = json.loads(body)["body"]
            return 200, one
        return 404, {}

    @property
    def writes(self) -> list[str]:
        return [one.split()[0] for one in self.asked if not one.startswith("GET")]


@contextmanager
def serving(world: World) -> Iterator[World]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = world.answer(self.command, self.path, self.headers, body)
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = handle_any  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    world.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
