"""The closed loop against a server whose latencies are known, and against servers that mean no good."""

from __future__ import annotations

import socket
import statistics
import threading
import time

import pytest

from planner.errors import FetchError, MisuseError, PlannerError
from planner.measure import Run, loop
from planner.measure.loop import Load
from planner.measure.target import endpoint
from tests.measure.server import Served, serving

TTFT, TPOT, TOKENS, MANY = 0.03, 0.004, 16, 8
ROUNDS = 4


def truth(server: Served) -> tuple[float, float, float]:
    """Return what the server itself saw of whole answers: tokens a second, milliseconds to the first and per later token.

    On a busy machine it is slower than it was told to be, and the client must say so.
    """
    whole = [s for s in server.sent if s[3] == TOKENS][-(ROUNDS - 1) * MANY :]
    each = statistics.fmean(last - begun for begun, _, last, _ in whole)
    later = statistics.fmean((last - first) / (n - 1) for _, first, last, n in whole)
    return MANY * TOKENS / each, 1e3 * statistics.median(first - begun for begun, first, _, _ in whole), 1e3 * later


def measured(server: Served, seconds: float = 10, **changed: int) -> Run:
    to = endpoint(server.url, server.key)
    wanted = {"input_tokens": 50, "output_tokens": TOKENS, "concurrency": MANY, "requests": ROUNDS * MANY}
    return loop.run(to, loop.look(to), Load(**{**wanted, **changed}, seconds=seconds, vocabulary=30_000))


@pytest.mark.parametrize("manners", ["", "text only", "strict", "chat only", "no usage", "to the end", "in pieces"])
def test_what_is_measured_is_what_the_server_does(manners: str) -> None:
    """However it is asked and however it frames its answers: token ids or words, chat or not, chunks or the connection's end."""
    with serving(ttft=TTFT, tpot=TPOT, manners=manners) as server:
        run = measured(server)
        assert server.most == MANY
    rate, first, later = truth(server)
    assert run.tpot_ms == pytest.approx(later, rel=0.05, abs=0.1)
    assert later >= 0.7e3 * TPOT  # a late first token is caught up with
    assert first <= run.ttft_ms + 1 <= first + 20  # and what the connection takes
    assert run.tokens_per_second == pytest.approx(rate, rel=0.15)
    assert run.requests == (ROUNDS - 1) * MANY
    assert run.output_tokens == TOKENS
    assert run.input_tokens == pytest.approx(50, abs=1)
    assert run.concurrency == MANY
    assert [str(n) for n in run.notes] == (
        ["the endpoint does not say how many tokens it read: the input's length is a guess"]
        if manners == "no usage"
        else []
    )


def test_tokens_that_come_together_are_counted_one_by_one() -> None:
    """An engine that is faster than its front end puts several tokens into a piece."""
    with serving(ttft=TTFT, tpot=TPOT, manners="four at once") as server:
        run = measured(server)
    assert run.output_tokens == TOKENS
    assert run.tokens_per_second == pytest.approx(truth(server)[0], rel=0.15)


def test_the_load_is_the_one_that_was_asked_for() -> None:
    with serving(ttft=0.01, tpot=0.001) as server:
        measured(server)
    asked = server.asked[1:]
    assert all(len(a["prompt"]) == 50 and a["ignore_eos"] and a["stream"] for a in asked)
    assert all(min(a["prompt"]) >= 1000 and max(a["prompt"]) < 27_000 for a in asked)
    assert len({tuple(a["prompt"]) for a in asked}) == len(asked)  # no cache has seen them
    first, rest = asked[:MANY], asked[MANY:]
    assert sorted(a["max_tokens"] for a in first) == [2, 4, 6, 8, 10, 12, 14, 16]  # so that ends are spread
    assert {a["max_tokens"] for a in rest} == {TOKENS}


def test_time_and_requests_are_limited() -> None:
    with serving(ttft=0.02, tpot=0.002) as server:
        run = measured(server, requests=20)
        assert run.requests == 12
        assert len(server.asked) == 21  # and the one by which the wording was found
        began = time.monotonic()
        run = measured(server, seconds=0.5, requests=100_000)
        assert time.monotonic() - began < 5
        assert run.seconds == pytest.approx(0.4, abs=0.35)
        with pytest.raises(MisuseError, match="at least 20 are needed"):
            measured(server, requests=19)  # 16 end as the window begins: 5,796 tokens/s were once read in 1 ms of it
        with pytest.raises(MisuseError, match="at most 4,096"):
            measured(server, concurrency=5000, requests=100_000)
    with serving(ttft=0.6) as slow, pytest.raises(PlannerError, match=r"no first answer within 0\.3 s"):
        measured(slow, seconds=0.3)
    with (
        serving(ttft=0.2, tpot=0.1) as slow,
        pytest.raises(PlannerError, match=r"no full round of 8 requests ended within 0\.7 s"),
    ):
        measured(slow, seconds=0.7)
    with serving(ttft=0.1, tpot=0.03) as slow, pytest.raises(PlannerError, match="no full round of 8 requests"):
        measured(slow, seconds=0.6, requests=800)  # the window opens at 0.55 s


@pytest.mark.parametrize(
    ("manners", "said"),
    [
        ("redirect", "a redirect .HTTP 302, to 169.254.169.254., which is not followed"),
        ("endless head", "the answer's head has no end"),
        ("not http", "does not speak HTTP"),
        ("endless line", "bytes came for one answer"),
        ("endless stream", "bytes came for one answer"),
        ("bad chunk", "not framed as HTTP"),
        ("error in stream", "it says CUDA out of memory"),
        ("breaks off", "the connection broke before the answer was whole"),
        ("fails later", "3 of . requests failed, the first so: .*HTTP 503: out of memory"),
        ("silent", "no first answer within 1 s"),
    ],
)
def test_a_bad_endpoint_is_bounded_and_named(manners: str, said: str) -> None:
    with serving(manners=manners) as server:
        began = time.monotonic()
        with pytest.raises(FetchError, match=said) as found:
            measured(server, seconds=1)
        assert time.monotonic() - began < 15
        assert "\n" not in str(found.value)


def test_the_key_goes_to_the_endpoint_and_nowhere_else() -> None:
    with serving(ttft=0.01, tpot=0.001, key="sesame") as server:
        measured(server)
        assert all("Authorization: Bearer sesame" in head for head in server.heads)
        server.key = "other"
        with pytest.raises(FetchError, match="HTTP 401; is PLANNER_VERIFY_KEY set") as found:
            to = endpoint(server.url, "sesame")
            loop.look(to)
        assert "sesame" not in str(found.value)


def test_several_models_are_asked_back() -> None:
    with serving(manners="two models") as server:
        to = endpoint(server.url, "")
        with pytest.raises(MisuseError, match=r"serves 2 models \(a, b\): choose with --served-model NAME"):
            loop.look(to)
        assert loop.look(to, "b").model == "b"


@pytest.mark.parametrize(
    ("version", "engine"), [("0.26.0", "vllm@0.26.0"), ("0.30.1+cu129", "vllm@0.30.1"), ("", ""), ("x y", "")]
)
def test_the_engine_is_what_the_endpoint_says(version: str, engine: str) -> None:
    with serving(version=version) as server:
        assert loop.look(endpoint(server.url, "")).engine == engine


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        to = endpoint(f"http://127.0.0.1:{free.getsockname()[1]}", "")
        with pytest.raises(FetchError, match=r"no connection .*is the endpoint up"):
            loop.look(to)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost/v1", "http://localhost:80"),
        ("https://host/api/v1/", "https://host:443/api"),
        ("https://host/v1/chat/completions", "https://host:443"),
        ("http://[::1]:8000/v1/completions", "http://[::1]:8000"),
    ],
)
def test_an_address_with_or_without_its_path(url: str, shown: str) -> None:
    assert endpoint(url, "k").shown == shown


@pytest.mark.parametrize(
    ("url", "key", "said"),
    [
        ("http://user:pw@host", "", "an address must not hold credentials"),
        ("http://host?x=1", "", "without query"),
        ("http://", "", "write http://HOST:PORT"),
        ("http://host:0", "", "write http://HOST:PORT"),
        ("http://host:99999", "", "not an address"),
        ("http://host", "k", "would cross the network in the clear"),
        ("https://host/a b", "", "blanks"),
        ("https://host", "k\r\nX: y", "one word of ASCII"),
    ],
)
def test_an_address_that_will_not_do(url: str, key: str, said: str) -> None:
    with pytest.raises(MisuseError, match=said) as found:
        endpoint(url, key)
    assert "pw" not in str(found.value)


def test_a_proxy_is_asked_for_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    """https goes through CONNECT, with the proxy's own password and without the endpoint's key."""
    heard: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        one, _ = server.accept()
        heard.append(one.recv(4096))
        one.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        one.close()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    monkeypatch.setenv("https_proxy", f"http://me:pw@127.0.0.1:{server.getsockname()[1]}")
    monkeypatch.delenv("no_proxy", raising=False)
    to = endpoint("https://endpoint.example/v1", "secret")
    with pytest.raises(FetchError, match=r"the proxy 127.0.0.1 refused \(HTTP/1.1 403 Forbidden\)") as found:
        loop.look(to)
    thread.join(5)
    server.close()
    assert heard[0].startswith(b"CONNECT endpoint.example:443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic bWU6cHc=" in heard[0]
    assert b"secret" not in heard[0]
    assert "pw" not in str(found.value)
    assert endpoint("http://127.0.0.1:1", "").proxy == ""
