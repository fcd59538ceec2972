"""A server on loopback that answers as nobody should: without end, packed a thousandfold, a byte a second, elsewhere."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Answer = Callable[[socket.socket], None]


class Hostile:
    """`answer` gets the connection once the question's head is read. `heads`: what was asked, with its headers."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.heads: list[str] = []
        hostile = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                head = b""
                with suppress(OSError):
                    while b"\r\n\r\n" not in head:
                        data = self.request.recv(65536)
                        if not data:
                            return
                        head += data
                    hostile.heads.append(head.decode("latin-1").lower())
                    hostile.answer(self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            block_on_close = False

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@contextmanager
def serving(answer: Answer) -> Iterator[Hostile]:
    """Run a hostile server for the length of a `with` block."""
    hostile = Hostile(answer)
    try:
        yield hostile
    finally:
        hostile.server.shutdown()
        hostile.server.server_close()


def head(status: int = 200, **headers: str) -> bytes:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{lines}\r\n".encode()


def endless(connection: socket.socket) -> None:
    """A body that never ends."""
    connection.sendall(head() + b'{"a": "')
    while True:
        connection.sendall(b"x" * 65536)


def bomb(connection: socket.socket) -> None:
    """Four gigabytes in four megabytes."""
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    connection.sendall(head(Content_Encoding="gzip"))
    zeros = b"0" * (1 << 20)
    for _ in range(4096):
        connection.sendall(pack.compress(zeros))
    connection.sendall(pack.flush())


def trickle(connection: socket.socket) -> None:
    """A byte now and then, faster than any timeout between two bytes."""
    connection.sendall(head(Content_Length="1000000") + b'{"a": "')
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def trickling_head(connection: socket.socket) -> None:
    """The head itself, letter by letter."""
    connection.sendall(b"HTTP/1.1 200 X\r\nX-A: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def to(where: str, status: int = 302) -> Answer:
    """A redirect."""

    def answer(connection: socket.socket) -> None:
        connection.sendall(head(status, Location=where, Content_Length="0"))

    return answer


def saying(status: int, body: bytes = b"{}") -> Answer:
    def answer(connection: socket.socket) -> None:
        connection.sendall(head(status, Content_Length=str(len(body)), Connection="close") + body)

    return answer
