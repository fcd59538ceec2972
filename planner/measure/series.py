"""What Prometheus recorded of a service: samples by metric and series, from a server or from a file of its answers.

Counters are asked for as they are, so that resets and gaps are seen here and not smoothed over by a rate; of gauges the sum or mean over
all instances is asked. A file holds the same: Prometheus's own JSON answers (`/api/v1/query_range`), an OpenMetrics dump
(`promtool tsdb dump-openmetrics`), or what `planner rightsize --save` kept, each also with gzip.
"""

from __future__ import annotations

import gzip
import itertools
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from planner.errors import FetchError, MisuseError
from planner.harmless import one_line
from planner.measure.target import endpoint
from planner.metric_names import GPU, NAMES, counted
from planner.records import NamedTuple

__all__ = ["BASIC", "COUNTERS", "ENGINES", "GAUGES", "STEP", "TOKEN", "Recording", "ask", "read", "record"]

#: The variables that hold what opens a Prometheus: a bearer token, or user:password.
TOKEN, BASIC = "PLANNER_PROMETHEUS_TOKEN", "PLANNER_PROMETHEUS_BASIC"
#: Seconds between samples that are asked for, and the most of them in one answer (Prometheus itself refuses 11,000).
STEP, MOST_POINTS = 300, 3_000
MOST_BYTES, SECONDS, TRIES = 64_000_000, 60.0, 3
MOST_FILE = 512_000_000
ENGINES = tuple(NAMES)
#: What is counted, by engine; the first name that has samples is taken, with or without the `_total` of a counter.
COUNTERS: dict[str, dict[str, tuple[str, ...]]] = {
    name: {engine: tuple(map(counted, names[shown])) for engine, names in NAMES.items()}
    for name, shown in (("output", "output_tokens"), ("prompt", "prompt_tokens"), ("requests", "requests"))
}
#: Gauges, and how those of all instances become one: name -> (how, {engine or "": names}).
GAUGES: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    name: (how, {engine: names[name] for engine, names in NAMES.items()})
    for name, how in (("running", "sum"), ("waiting", "sum"), ("kv_cache", "avg"))
} | {"utilisation": ("avg", {"": (GPU["utilisation"],)}), "power": ("sum", {"": (GPU["power"],)})}
Samples = list[tuple[float, float]]
NO_LABELS: Mapping[str, str] = {}


class Recording(NamedTuple):
    """engine: a word of ENGINES. start, end, step: seconds since 1970, and between samples. counters: of each name the series, each with
    its samples in the order of time; gauges: of each name one series. what is not there was not recorded."""

    engine: str
    start: float
    end: float
    step: float
    counters: dict[str, list[Samples]]
    gauges: dict[str, Samples]


def record(made: Recording) -> str:
    """Return a recording as the JSON that `read` takes."""
    return json.dumps({"schema": "planner.recording/1", **made._asdict()}, separators=(",", ":"))


class _Server:
    """A Prometheus over HTTP."""

    def __init__(self, url: str, token: str, basic: str, sleep: Callable[[float], None]) -> None:
        self.at = endpoint(url, token or basic)
        self.headers = {"Accept": "application/json", "User-Agent": "gpu-cost-planner"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"
        elif basic:
            from base64 import b64encode

            self.headers["Authorization"] = f"Basic {b64encode(basic.encode()).decode()}"
        self.sleep = sleep

    def get(self, query: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """Return the series of a query; raises `FetchError` for a server that is down, slow, or no Prometheus."""
        import urllib3

        asked = urlencode({"query": query, "start": f"{start:.0f}", "end": f"{end:.0f}", "step": f"{step:.0f}"})
        pool: urllib3.PoolManager = (
            urllib3.ProxyManager(self.at.proxy, retries=False) if self.at.proxy else urllib3.PoolManager(retries=False)
        )
        why = ""
        for attempt in range(TRIES):
            if attempt:
                self.sleep(2.0**attempt)
            try:
                answer = pool.request(
                    "GET",
                    f"{self.at.shown}/api/v1/query_range?{asked}",
                    headers=self.headers,
                    timeout=urllib3.Timeout(connect=10.0, read=SECONDS),
                    preload_content=False,
                    redirect=False,
                )
                with answer:
                    body = answer.read(MOST_BYTES + 1)
                    status = answer.status
            except (urllib3.exceptions.HTTPError, OSError) as exc:
                why = "no answer in time" if "Timeout" in type(exc).__name__ else "no connection"
                continue
            if status in (502, 503, 504, 429):
                why = f"it answers {status}"
                continue
            return self._series(status, body)
        raise FetchError(f"{self.at.shown}: {why}, {TRIES} times; is this the address of Prometheus?")

    def _series(self, status: int, body: bytes) -> list[dict[str, Any]]:
        where = self.at.shown
        if len(body) > MOST_BYTES:
            raise FetchError(f"{where}: an answer of more than {MOST_BYTES // 10**6} MB; ask for fewer --days")
        if status in (401, 403):
            raise FetchError(f"{where}: refused ({status}); {TOKEN} or {BASIC} holds what opens it")
        try:
            found = json.loads(body)
            said = one_line(str(found.get("error", "")))[:200]
            if status != 200 or found.get("status") != "success":
                raise FetchError(f"{where}: it answers {status}{': ' + said if said else ''}")
            series = found["data"]["result"]
            if found["data"]["resultType"] != "matrix":
                raise ValueError
            return list(series)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise FetchError(f"{where}: the answer ({status}) is none of Prometheus's; is this its address?") from None


def ask(
    url: str,
    token: str,
    basic: str,
    start: float,
    end: float,
    sleep: Callable[[float], None] = time.sleep,
    labels: Mapping[str, str] = NO_LABELS,
) -> Recording:
    """Return what the Prometheus at `url` recorded between two times, in pieces that it answers. labels: what series must bear.

    Raises `MisuseError` for an address or key that will not do, `FetchError` where it is down, slow, another program, or knows no engine.
    """
    server = _Server(url, token, basic, sleep)
    where = "".join(f"{key}={json.dumps(value, ensure_ascii=False)}," for key, value in labels.items())
    where = f"{{{where}}}" if where else ""

    def series(query: str) -> list[Samples]:
        kept: dict[str, Samples] = {}
        at = start
        while at < end:
            until = min(end, at + STEP * MOST_POINTS)
            for one in server.get(query, at, until, STEP):
                key = json.dumps(one.get("metric", {}), sort_keys=True)
                kept.setdefault(key, []).extend(_points(one.get("values", ()), server.at.shown))
            at = until + STEP
        return list(kept.values())

    gauges: dict[str, Samples] = {}
    engine, output = next(
        ((e, found) for e in ENGINES if (found := _first(series, COUNTERS["output"][e], where))), ("", [])
    )
    if not engine:
        raise FetchError(
            f"{server.at.shown}: no tokens of {', '.join(ENGINES)}{_with(labels)} in this time; does it scrape the engines, and since when?"
        )
    counters = {"output": output}
    counters |= {n: _first(series, COUNTERS[n][engine], where) for n in COUNTERS if n != "output"}
    for name, (how, names) in GAUGES.items():
        found = next(
            (s for metric in names.get(engine, names.get("", ())) if (s := series(f"{how}({metric}{where})"))), []
        )
        gauges[name] = found[0] if found else []
    return Recording(engine, start, end, STEP, counters, gauges)


def _first(series: Callable[[str], list[Samples]], names: Iterable[str], where: str) -> list[Samples]:
    """Return the series of the first of `names` that has any. where: labels that they must bear, as a query has them."""
    return next((found for name in names if (found := series(name + where))), [])


def _points(values: Iterable[Any], where: str) -> Iterator[tuple[float, float]]:
    try:
        for at, value in values:
            number = float(value)
            if math.isfinite(number):
                yield float(at), number
    except (ValueError, TypeError):
        raise FetchError(f"{where}: a sample is no number") from None


def _with(labels: Mapping[str, str]) -> str:
    return f" with {', '.join(f'{key}={value}' for key, value in labels.items())}" if labels else ""


def read(path: str, labels: Mapping[str, str] = NO_LABELS) -> Recording:
    """Return the recording in a file, of the series that bear `labels`; raises `MisuseError` for what is none, or knows no engine."""
    try:
        with open(path, "rb") as file:
            body = file.read(MOST_FILE + 1)
        if body[:2] == b"\x1f\x8b":
            with gzip.open(path) as packed:
                body = packed.read(MOST_FILE + 1)
        if len(body) > MOST_FILE:
            raise MisuseError(f"{path}: more than {MOST_FILE // 10**6} MB; export fewer metrics or days")
        text = body.decode("utf-8")
    except (OSError, EOFError, gzip.BadGzipFile) as exc:
        raise MisuseError(f"{path}: {getattr(exc, 'strerror', None) or 'not a whole gzip file'}") from None
    except UnicodeDecodeError:
        raise MisuseError(f"{path}: this is no text; {_FORMS}") from None
    start = text.lstrip()[:1]
    if start in ("{", "[") and not text.lstrip().startswith("{__name__="):
        return _of_json(path, text, labels)
    return _of_raw(path, _openmetrics(path, text, labels), labels)


_FORMS = "give Prometheus's JSON answers, a dump of promtool, or what --save kept"
Raw = dict[str, dict[str, Samples]]


def _of_json(path: str, text: str, labels: Mapping[str, str]) -> Recording:
    raw: Raw = {}
    decoder, at = json.JSONDecoder(), 0
    try:
        while at < len(text):
            while at < len(text) and text[at].isspace():
                at += 1
            if at >= len(text):
                break
            found, at = decoder.raw_decode(text, at)
            for answer in found if isinstance(found, list) else [found]:
                if answer.get("schema") == "planner.recording/1":
                    if labels:
                        raise MisuseError(
                            f"{path}: what --save kept is of the labels it was saved with: leave out --label"
                        )
                    return _kept(path, answer)
                if answer.get("status") == "error":
                    raise MisuseError(
                        f"{path}: Prometheus answered an error: {one_line(str(answer.get('error')))[:200]}"
                    )
                for one in answer["data"]["result"]:
                    name = one["metric"].get("__name__", "")
                    if any(one["metric"].get(key) != value for key, value in labels.items()):
                        continue
                    key = json.dumps(one["metric"], sort_keys=True)
                    raw.setdefault(name, {}).setdefault(key, []).extend(_points(one["values"], path))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise MisuseError(f"{path}: no recording; {_FORMS}") from None
    return _of_raw(path, raw, labels)


def _kept(path: str, found: dict[str, Any]) -> Recording:
    def samples(values: Any) -> Samples:
        return list(_points(values, path))

    try:
        made = Recording(
            str(found["engine"]),
            float(found["start"]),
            float(found["end"]),
            float(found["step"]),
            {str(n): [samples(s) for s in every] for n, every in found["counters"].items()},
            {str(n): samples(s) for n, s in found["gauges"].items()},
        )
    except FetchError as exc:
        raise MisuseError(str(exc)) from None
    if made.engine not in ENGINES or not made.end > made.start or not made.step > 0:
        raise MisuseError(f"{path}: no recording; {_FORMS}")
    return made


def _openmetrics(path: str, text: str, wanted: Mapping[str, str]) -> Raw:
    """Return the samples of a dump that have a time: `name{labels} value time`, seconds or milliseconds since 1970.

    `promtool tsdb dump` has the name among the labels.
    """
    raw: Raw = {}
    borne = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in wanted.items()]
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        head, _, rest = line.rpartition("} ") if "} " in line else line.partition(" ")
        name, _, labels = head.partition("{")
        if not name and labels.startswith('__name__="'):
            name = labels.split('"', 2)[1]
        if borne:
            parts = labels.rstrip("}").replace('", ', '",').split(",")
            if any(one not in parts for one in borne):
                continue
        words = rest.split()
        if len(words) < 2:
            continue
        try:
            value, at = float(words[0]), float(words[1])
        except ValueError:
            raise MisuseError(f"{path}: {one_line(line)[:80]!r} is no sample; {_FORMS}") from None
        if math.isfinite(value):
            raw.setdefault(name, {}).setdefault(labels, []).append((at / 1000 if at > 1e11 else at, value))
    return raw


def _of_raw(path: str, raw: Raw, labels: Mapping[str, str]) -> Recording:
    for every in raw.values():
        for samples in every.values():
            samples.sort()

    def named(names: Iterable[str]) -> list[Samples]:
        for name in names:
            for spelled in (name, name.removesuffix("_total")):
                if raw.get(spelled):
                    return [s for s in raw[spelled].values() if s]
        return []

    engine = next((e for e in ENGINES if named(COUNTERS["output"][e])), "")
    if not engine:
        raise MisuseError(f"{path}: no tokens of {', '.join(ENGINES)}{_with(labels)} in it; {_FORMS}")
    counters = {name: named(by_engine[engine]) for name, by_engine in COUNTERS.items()}
    gauges = {
        name: _together(named(names.get(engine, names.get("", ()))), how) for name, (how, names) in GAUGES.items()
    }
    times = [at for series in counters["output"] for at, _ in series]
    gaps = sorted(b - a for series in counters["output"] for (a, _), (b, _) in itertools.pairwise(series))
    step = gaps[len(gaps) // 2] if gaps else STEP
    return Recording(engine, min(times), max(times), max(step, 1.0), counters, gauges)


def _together(series: list[Samples], how: str) -> Samples:
    """Return the sum or mean of several series at each time, to the nearest quarter of a minute."""
    at: dict[float, list[float]] = {}
    for samples in series:
        for when, value in samples:
            at.setdefault(round(when / 15) * 15.0, []).append(value)
    return [(when, sum(v) if how == "sum" else sum(v) / len(v)) for when, v in sorted(at.items())]
