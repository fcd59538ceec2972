"""A closed loop against an endpoint: so many requests in flight, each followed by the next, for a bounded time.

The first request of each worker asks for a share of the output (1/C, 2/C ... of it), so that from then on requests end evenly
spread and the load is the steady one that the sizing estimates. The window begins when all of those have ended and closes
when a worker has nothing more to send: within it exactly C are in flight. Tokens count by when they arrive.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import statistics
import time
from datetime import UTC, datetime
from typing import Any

from planner.errors import FetchError, MisuseError, PlannerError
from planner.harmless import one_line
from planner.measure import Run
from planner.measure.stream import Answer, Connection, opened
from planner.measure.target import KEY, Endpoint
from planner.records import NamedTuple
from planner.text import Text, text

__all__ = ["MOST_CONCURRENCY", "Load", "Served", "look", "run", "wanted"]

MOST_CONCURRENCY = 4096
WARM, COUNTED, OVER = range(3)
#: Rounds of C requests in the window, and the least number of requests, where the user sets no limit.
ROUNDS, LEAST = 6, 10
#: The window takes at least this share of an answer's time: a shorter one says what happened to arrive in it.
SHORTEST = 0.25
#: From this share of one core on it is this program that may be the slow part.
BUSY = 0.85
_WORDS = "time year people way day man thing woman life child world school state family student group country problem hand part"


class Load(NamedTuple):
    """What is asked: lengths in tokens, requests in flight, the limits. vocabulary: ids below it are tokens."""

    input_tokens: int
    output_tokens: int
    concurrency: int
    requests: int
    seconds: float
    vocabulary: int


class Served(NamedTuple):
    """What the endpoint says of itself. model: the name that requests use. engine: `vllm@VERSION`, "" unknown."""

    model: str
    engine: str


class _Form(NamedTuple):
    """How requests are worded. ids: prompts are token ids; extras: the answer's length is held by `ignore_eos`."""

    chat: bool
    ids: bool
    extras: bool


_FORMS = (
    _Form(chat=False, ids=True, extras=True),
    _Form(chat=False, ids=True, extras=False),
    _Form(chat=False, ids=False, extras=True),
    _Form(chat=False, ids=False, extras=False),
    _Form(chat=True, ids=False, extras=True),
    _Form(chat=True, ids=False, extras=False),
)


def wanted(concurrency: int) -> int:
    """Return how many requests a run makes where the user sets no limit: the first round, and the rounds that count."""
    return concurrency + max(ROUNDS * concurrency, LEAST)


def look(to: Endpoint, model: str = "") -> Served:
    """Return what the endpoint serves; raises `MisuseError` when several models are served and none is named."""
    return asyncio.run(_look(to, model))


def run(to: Endpoint, served: Served, load: Load) -> Run:
    """Hold the load and return what was measured; raises `FetchError` for an endpoint that does not serve it."""
    if load.concurrency > MOST_CONCURRENCY:
        raise MisuseError(f"a concurrency of {load.concurrency:,}: one client holds at most {MOST_CONCURRENCY:,}")
    need = (
        2 * load.concurrency + load.concurrency // 2
    )  # the two that open and close the window, and half a round in it
    if load.requests < need:
        raise MisuseError(
            f"{load.requests} requests are too few for {load.concurrency} at once: at least {need} are needed"
        )
    _files(load.concurrency + 16)
    return asyncio.run(_Loop(to, served, load).run())


def _files(need: int) -> None:
    """Allow as many open files as there are connections, where the system lets us."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < need + 64:
        most = need + 64 if hard == resource.RLIM_INFINITY else min(hard, need + 64)
        if most < need + 64:
            raise MisuseError(f"{need} connections need more open files than the system allows ({hard}): see ulimit -n")
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def _get(to: Endpoint, path: str) -> Any:
    """Return what JSON stands at a path, None where there is none."""
    one = await opened(to, lambda _: None)
    answer = Answer()
    try:
        async with asyncio.timeout(20):
            await one.ask(path, None, answer)
    except TimeoutError:
        raise FetchError(f"{to.shown}{path}: no answer within 20 s") from None
    finally:
        one.close()
    if answer.status in (401, 403):
        raise FetchError(f"{to.shown}{path}: HTTP {answer.status}; is {KEY} set, and is it this endpoint's key?")
    if answer.status != 200:
        return None
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


async def _look(to: Endpoint, model: str) -> Served:
    listed = await _get(to, "/v1/models")
    data = listed.get("data") if isinstance(listed, dict) else None
    names = [str(m["id"])[:500] for m in data if isinstance(m, dict) and m.get("id")] if isinstance(data, list) else []
    if not model:
        if not names:
            raise FetchError(
                f"{to.shown}/v1/models lists no model: is it an OpenAI-compatible endpoint? --served-model NAME says which"
            )
        if len(names) > 1:
            shown = one_line(", ".join(names[:5]))[:300]
            raise MisuseError(f"{to.shown} serves {len(names)} models ({shown}): choose with --served-model NAME")
    version = await _get(to, "/version")
    told = version.get("version") if isinstance(version, dict) else None
    number = str(told).partition("+")[0] if isinstance(told, str) else ""
    plain = number[:20].replace(".", "").isalnum() and number[:1].isdecimal()
    return Served(model or names[0], f"vllm@{number}" if plain and len(number) <= 20 else "")


class _Loop:
    """One run. phase: WARM until each worker's first answer, then COUNTED, then OVER."""

    def __init__(self, to: Endpoint, served: Served, load: Load) -> None:
        self.to, self.model, self.load = to, served.model, load
        self.phase, self.sent, self.warmed = WARM, 0, 0
        self.tokens, self.cut = 0.0, 0  # within the window: of answers that ended, pieces of those that were cut off
        self.flying: set[Answer] = set()
        self.full: list[Answer] = []
        self.failed = 0
        self.why = ""
        self.begun = self.over = self.cpu = 0.0
        self.whole = False
        self.form = _FORMS[0]
        self.words = load.input_tokens
        self.random = random.Random()  # noqa: S311 - prompts that no cache has seen, not secrets
        self.open: set[Connection] = set()

    async def run(self) -> Run:
        load = self.load
        try:
            async with asyncio.timeout(min(120.0, load.seconds)):
                await self.find_form()
        except TimeoutError:
            raise FetchError(f"{self.to.shown}: no first answer within {min(120.0, load.seconds):g} s") from None
        workers = [asyncio.create_task(self.work(index)) for index in range(load.concurrency)]
        try:
            done, _ = await asyncio.wait(workers, timeout=load.seconds, return_when=asyncio.FIRST_EXCEPTION)
            self.end()
            self.cut = sum(answer.counted for answer in self.flying)
            for one in done:
                error = one.exception()
                if error is not None:
                    raise error
        finally:
            for one in workers:
                one.cancel()
            for connection in self.open:
                connection.close()
            await asyncio.gather(*workers, return_exceptions=True)
        return self.result()

    # -- how the endpoint is asked -------------------------------------------------------------------------------

    async def find_form(self) -> None:
        """Choose the first wording that the endpoint takes; a prompt of words is made as long as asked."""
        said = ""
        for form in _FORMS:
            self.form, answer = form, Answer(form.chat)
            said = await self.once(answer, min(4, self.load.output_tokens), 16)
            if said:
                continue
            if not form.ids:
                await self.measure_words()
            return
        raise FetchError(f"{self.to.shown}: {said}")

    async def measure_words(self) -> None:
        """Find how many words make the input: what a template adds, and how many tokens a word is."""
        short, long = Answer(self.form.chat), Answer(self.form.chat)
        for answer, words in ((short, 32), (long, 160)):
            said = await self.once(answer, 1, words)
            if said:
                raise FetchError(f"{self.to.shown}: {said}")
        if long.prompt > short.prompt:
            each = (long.prompt - short.prompt) / 128
            self.words = max(1, round((self.load.input_tokens - (short.prompt - 32 * each)) / each))

    async def once(self, answer: Answer, tokens: int, words: int) -> str:
        """Send one request by itself; return why the endpoint does not take it, "" when it does."""
        one = await opened(self.to, lambda _: None)
        try:
            await one.ask(self.path, self.body(tokens, words), answer, tokens)
        finally:
            one.close()
        return self.refusal(answer)

    def refusal(self, answer: Answer) -> str:
        """Return why an answer is none, "" when it is one; raises what no other wording would change."""
        if answer.status == 200:
            return "" if answer.events else "it answers without a stream of tokens"
        said = f"HTTP {answer.status}"
        try:
            error = json.loads(answer.body)
            error = error.get("error", error) if isinstance(error, dict) else error
            told = (error.get("message") or error.get("detail")) if isinstance(error, dict) else error
            said += f": {one_line(' '.join(str(told).split()))[:300]}" if told else ""
        except (ValueError, RecursionError):
            pass
        if answer.status in (401, 403):
            raise FetchError(f"{self.to.shown}: {said}; is {KEY} set, and is it this endpoint's key?")
        if answer.status == 429 or answer.status >= 500:
            raise FetchError(f"{self.to.shown}: {said}")
        return said

    @property
    def path(self) -> str:
        return "/v1/chat/completions" if self.form.chat else "/v1/completions"

    def body(self, tokens: int, words: int) -> bytes:
        """Return a request for `tokens` tokens on a prompt of `words` words or ids that no cache has seen."""
        data: dict[str, Any] = {"model": self.model, "max_tokens": tokens, "temperature": 0, "stream": True}
        data["stream_options"] = {"include_usage": True}
        if self.form.extras:
            data["ignore_eos"] = True
        if self.form.ids:
            top = self.load.vocabulary
            low = min(1000, top // 10)  # special tokens stand first, or last
            data["prompt"] = self.random.choices(range(low, max(low + 2, top * 9 // 10)), k=words)
        else:
            prompt = " ".join(self.random.choices(_WORDS.split(), k=words))
            data |= {"messages": [{"role": "user", "content": prompt}]} if self.form.chat else {"prompt": prompt}
        return json.dumps(data, separators=(",", ":")).encode()

    # -- the loop ------------------------------------------------------------------------------------------------

    async def work(self, index: int) -> None:
        """Send one request after another until enough were sent."""
        load = self.load
        one = await self.connect()
        share = max(1, math.ceil(load.output_tokens * (index + 1) / load.concurrency))
        self.sent += 1
        await self.answer(one, share)
        self.warmed += 1
        if self.warmed == load.concurrency and self.phase == WARM:
            self.phase, self.begun, self.cpu = COUNTED, time.monotonic(), time.process_time()
        while self.sent < load.requests and self.phase != OVER:
            self.sent += 1
            if not one.alive:
                one = await self.connect()
            answer = await self.answer(one, load.output_tokens)
            if answer is not None:
                self.full.append(answer)
        self.end()

    def end(self) -> None:
        """Close the window: from here on fewer requests are in flight."""
        if self.phase != OVER:
            self.over = time.monotonic()
            self.cpu = time.process_time() - self.cpu
            self.whole = self.phase == COUNTED
            self.phase = OVER

    async def connect(self) -> Connection:
        one = await opened(self.to, self.came)
        self.open = {c for c in self.open if c.alive} | {one}
        return one

    def came(self, answer: Answer) -> None:
        """Count a piece that arrived within the window, to its answer."""
        if self.phase == COUNTED:
            answer.counted += 1

    async def answer(self, one: Connection, tokens: int) -> Answer | None:
        """Ask once; None where the request failed. Raises when failures are more than accidents."""
        answer = Answer(self.form.chat)
        self.flying.add(answer)
        try:
            await one.ask(self.path, self.body(tokens, self.words), answer, tokens)
            why = self.refusal(answer)
        except FetchError as exc:
            why = str(exc)
        self.flying.discard(answer)
        if not why:
            # A piece is several tokens where the endpoint falls behind its own engine.
            self.tokens += answer.counted * answer.tokens / answer.events
            return answer
        one.close()
        self.failed += 1
        self.why = self.why or why
        if self.failed > max(2, self.sent // 20):
            raise FetchError(f"{self.failed} of {self.sent} requests failed, the first so: {self.why}")
        await asyncio.sleep(0.05)
        return None

    # -- what came of it -----------------------------------------------------------------------------------------

    def result(self) -> Run:
        load, window = self.load, self.over - self.begun
        if (
            not self.whole
            or not self.full
            or window < SHORTEST * statistics.fmean(a.last - a.started for a in self.full)
        ):
            raise PlannerError(
                f"no full round of {load.concurrency} requests ended within {load.seconds:g} s"
                + (f" ({self.failed} failed: {self.why})" if self.failed else "")
                + "; allow more with --max-minutes, or hold fewer at once"
            )
        pieces, known = sum(a.events for a in self.full), sum(a.tokens for a in self.full)
        tokens = self.tokens + self.cut * known / pieces
        clock = asyncio.get_running_loop().time() - time.monotonic()
        within = [a for a in self.full if a.last <= self.over + clock] or self.full
        first = [a for a in self.full if a.started >= self.begun + clock] or self.full
        per_token = [(a.last - a.first) / (a.tokens - 1) for a in within if a.tokens > 1]
        told = [a.prompt for a in self.full if a.prompt]
        return Run(
            tool="planner verify",
            model=self.model,
            day=datetime.now(UTC).date().isoformat(),
            input_tokens=statistics.fmean(told) if told else float(load.input_tokens),
            output_tokens=known / len(self.full),
            concurrency=float(load.concurrency),
            burst=False,
            requests=len(self.full),
            failed=self.failed,
            seconds=window,
            tokens_per_second=tokens / window,
            ttft_ms=1e3 * statistics.median(a.first - a.started for a in first),
            tpot_ms=1e3 * statistics.fmean(per_token) if per_token else 0.0,
            notes=tuple(self.notes(window, bool(told))),
        )

    def notes(self, window: float, counted: bool) -> list[Text]:
        found = []
        if not counted:
            found.append(text("the endpoint does not say how many tokens it read: the input's length is a guess"))
        if self.cpu > BUSY * window:
            key = "this program itself was busy {share} of the time: from a faster machine the endpoint may show more"
            found.append(text(key, share=f"{self.cpu / window:.0%}"))
        if self.failed:
            key = "{n} of {sent} requests failed, the first so: {why}"
            found.append(text(key, n=str(self.failed), sent=str(self.sent), why=self.why))
        return found
