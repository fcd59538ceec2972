"""A month as Prometheus recorded it: a quarter of the planned load, gaps, resets, silence; files, a fake server and the real one."""

from __future__ import annotations

import gzip
import http.server
import json
import math
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from planner import rightsize
from planner.api import quote as make_quote
from planner.errors import FetchError, MisuseError
from planner.measure import series
from planner.measure.hours import measured
from planner.measure.series import Recording, read
from planner.prices.catalog import Catalog
from planner.quoting.records import Quote
from planner.workload import Workload, make
from tests.conftest import Run

START, STEP = 1_761_955_200, 900  # 2025-11-01, a quarter of an hour
DAY = date(2026, 11, 26)
PLANNED = {"rps": "5", "region": ("us-east-1",), "instance_type": ("g6.xlarge",)}  # 2,560 output tokens a second
QUARTER = 640.0


def shape(at: float) -> float:
    """A load of the day whose busiest hour is 1."""
    return 0.6 + 0.4 * math.sin(2 * math.pi * ((at // 3600) % 24 - 9) / 24)


def month(
    days: int = 30, peak: float = QUARTER, engine: str = "vllm", gap: range = range(0), reset: int = 0, waiting: int = 0
) -> str:
    """An OpenMetrics dump of four instances. waiting: requests, at each; gap: quarters of an hour that nobody recorded; reset: the one at which a counter begins anew."""
    names = {
        "vllm": (
            "generation_tokens_total",
            "prompt_tokens_total",
            "request_success_total",
            "num_requests_running",
            "num_requests_waiting",
            "kv_cache_usage_perc",
        ),
        "lmdeploy": (
            "generation_tokens_total",
            "prompt_tokens_total",
            "request_success_total",
            "num_requests_running",
            "num_requests_waiting",
            "gpu_cache_usage_perc",
        ),
    }[engine]
    lines = []
    for instance in range(4):
        tokens = 0.0
        for i in range(days * 86_400 // STEP + 1):
            at = START + i * STEP
            if i in gap:
                tokens += peak / 4 * shape(at) * STEP
                continue
            if reset and i == reset and instance == 0:
                tokens = 0.0
            values = (tokens, tokens * 2, tokens / 512, 8 * shape(at), waiting, 0.2 * shape(at))
            label = f'{{instance="10.0.0.{instance}:8000"}}'
            lines += [f"{engine}:{name}{label} {value} {at}" for name, value in zip(names, values, strict=True)]
            lines += [f"DCGM_FI_DEV_GPU_UTIL{label} {20 * shape(at)} {at}", f"DCGM_FI_DEV_POWER_USAGE{label} 50 {at}"]
            tokens += peak / 4 * shape(at) * STEP
    return "\n".join([*lines, "# EOF", ""])


def kept(tmp_path: Path, text: str, name: str = "month.om") -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def quoted(work: Workload) -> Quote:
    return make_quote(work, today=DAY)


def verdict(recording: Recording, **options: Any) -> rightsize.Verdict:
    return rightsize.judge(make(PLANNED), measured(recording), quoted, today=DAY.isoformat(), **options)


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return read(kept(tmp_path_factory.mktemp("m"), month()))


def test_a_quarter_of_the_load_needs_what_the_quote_says_of_it(quarter: Recording) -> None:
    found = verdict(quarter, running=7)
    m = found.measured
    assert (m.engine, len(m.hours), m.asked, m.instances, m.resets, m.missing) == ("vllm", 720, 720, 4, 0, ())
    assert m.busiest.output == pytest.approx(QUARTER, rel=1e-3)
    assert found.lengths == (1024, 512)
    mine = make(
        {**PLANNED, "rps": "0", "tokens_per_second": str(round(m.busiest.output, 6)), "purchase_option": ("on_demand",)}
    )
    assert found.would == min(o.count for o in quoted(mine).offers) < found.now == found.plan.count
    each = Decimal("0.8048") * 730
    assert found.month == each and found.saves == each * (found.now - (found.would or 0))
    assert found.binding is None
    # 200 W for the tokens of a day's shape, whose mean is 0.6
    assert m.kwh_per_million == pytest.approx(0.2 / (QUARTER * 0.6 * 3600) * 1e6, rel=0.01)


def test_a_commitment_binds_to_the_end_of_its_term(quarter: Recording) -> None:
    one = "aws:aws:us-east-1:g6.xlarge:reserved:1y:no_upfront:standard"
    found = verdict(quarter, offer=one, since="2026-05-26")
    held = found.plan.commitment
    assert held is not None and found.binding is not None
    left = Decimal((date(2027, 5, 26) - DAY).days) / 365
    assert found.binding.until == "2027-05-26" and found.binding.sunk == 0
    assert found.binding.owed == held.hourly * 8760 * left * found.spare > 0
    upfront = verdict(
        quarter, offer="aws:aws:us-east-1:g6.xlarge:reserved:3y:all_upfront:standard", since="2026-11-26"
    ).binding
    assert upfront is not None and upfront.owed == 0 and upfront.sunk == Decimal(8449) * found.spare
    over = verdict(quarter, offer=one, since="2020-01-01").binding
    assert over is not None and over.owed == 0
    assert verdict(quarter, offer=one).binding is None
    with pytest.raises(MisuseError, match="is not over yet"):
        verdict(quarter, offer=one, since="2027-01-01")
    with pytest.raises(MisuseError, match="has no term"):
        verdict(quarter, since="2026-01-01")


def test_more_than_was_planned_is_said(tmp_path: Path) -> None:
    found = verdict(read(kept(tmp_path, month(2, peak=6000))))
    assert found.spare < 0 and found.saves == 0
    assert "are needed at the busiest hour" in "; ".join(map(str, rightsize.sentences(found)))


def test_resets_and_gaps_lose_nothing_and_invent_nothing(tmp_path: Path) -> None:
    whole = measured(read(kept(tmp_path, month(4))))
    broken = measured(read(kept(tmp_path, month(4, gap=range(100, 140), reset=200))))
    assert broken.resets == 1 and whole.resets == 0
    assert len(broken.hours) == len(whole.hours) - 10, "forty quarters of an hour were not seen"
    same = {hour.start: hour for hour in whole.hours}
    lost = (
        (START + 199 * STEP) // 3600 * 3600
    )  # what the engine counted between the last sample and its end, nobody saw
    for hour in broken.hours:
        near = 0.07 if hour.start == lost else 1e-6
        assert hour.output == pytest.approx(same[hour.start].output, rel=near) or hour.seen < 1
    assert broken.busiest.output <= whole.busiest.output * 1.001


def test_nothing_asked_needs_nothing(tmp_path: Path) -> None:
    found = verdict(read(kept(tmp_path, month(1, peak=0))))
    assert found.would == 0 and "stood idle" in "; ".join(map(str, rightsize.sentences(found)))
    assert found.measured.kwh_per_million is None


def test_the_forms_of_a_file_are_one(tmp_path: Path) -> None:
    text = month(1)
    dump = read(kept(tmp_path, text))
    packed = tmp_path / "m.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    saved = kept(tmp_path, series.record(dump), "saved.json")
    answers = []
    for name in {line.split("{")[0] for line in text.splitlines() if "{" in line}:
        found: dict[str, list[Any]] = {}
        for line in text.splitlines():
            if line.startswith(f"{name}{{"):
                label, value, at = line.split("{")[1].rsplit(" ", 2)
                found.setdefault(label, []).append([float(at), value])
        result = [{"metric": {"__name__": name, "l": label}, "values": values} for label, values in found.items()]
        answers.append(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}))
    for other in (
        str(packed),
        saved,
        kept(tmp_path, "\n".join(answers), "answers.json"),
        kept(tmp_path, f"[{','.join(answers)}]", "list.json"),
    ):
        assert measured(read(other)).hours == measured(dump).hours, other
    assert measured(read(kept(tmp_path, month(1, engine="lmdeploy")))).engine == "lmdeploy"


def test_how_many_run_is_what_reports(quarter: Recording) -> None:
    """Where each machine has a Prometheus of its own, one sees a part: what the plan has more is not called spare."""
    found = verdict(quarter)
    assert (found.now, found.counted, found.plan.count) == (4, "seen", 7)
    assert found.spare == 4 - (found.would or 0) and "the plan has 7: 4 were seen" in str(rightsize.sentences(found)[0])
    assert verdict(quarter, running=6).counted == "said" and verdict(quarter, running=6).now == 6


def test_requests_that_wait_forbid_fewer(tmp_path: Path) -> None:
    found = verdict(read(kept(tmp_path, month(1, waiting=2))))
    assert (found.behind, found.would, found.spare, found.saves) == (24, 4, 0, 0) and (found.sized or 9) < 4
    said = "; ".join(map(str, rightsize.sentences(found)))
    assert "requests waited or the KV cache was full: 24" in said and "keep all 4 x g6.xlarge" in said


def test_promtools_dump_and_labels(tmp_path: Path) -> None:
    """`promtool tsdb dump` has the name among the labels, and milliseconds; a label keeps to the series that bear it."""
    text = month(1)
    lines = []
    for line in text.splitlines():
        if "{" in line:
            name, _, rest = line.partition("{")
            label, value, at = rest.rsplit(" ", 2)
            lines.append(f'{{__name__="{name}", job="engine", {label} {value} {int(at) * 1000}')
    whole = measured(read(kept(tmp_path, text)))
    path = kept(tmp_path, "\n".join(lines), "dump.txt")
    assert measured(read(path)).hours == whole.hours
    one = measured(read(path, {"instance": "10.0.0.1:8000", "job": "engine"}))
    assert one.instances == 1 and one.busiest.output == pytest.approx(whole.busiest.output / 4)
    with pytest.raises(MisuseError, match=r"no tokens of .* with job=other in it"):
        read(path, {"job": "other"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no tokens of vllm"),
        ("up{job='x'} 1 1761955200\n", "no tokens of vllm"),
        ("<html>not found</html>", "no tokens of vllm"),
        ("vllm:generation_tokens_total{a='b'} x 1761955200\n", "is no sample"),
        ('{"status": "success"}', "no recording"),
        ("[1, 2]", "no recording"),
        ('{"schema": "planner.recording/1", "engine": "vllm"}', "no recording"),
        ("[" * 100_000, "no recording"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(MisuseError, match=said):
        read(kept(tmp_path, text))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    for name, body in (
        ("a", b"\xff\xfe\x00"),
        ("b.gz", b"\x1f\x8b\x08garbage"),
        ("c.gz", gzip.compress(b"x" * 1000)[:20]),
    ):
        (tmp_path / name).write_bytes(body)
        with pytest.raises(MisuseError, match=r"no text|gzip"):
            read(str(tmp_path / name))
    with pytest.raises(MisuseError, match="No such file"):
        read(str(tmp_path / "nowhere"))


# -- a server ------------------------------------------------------------------------------------------------------------


@contextmanager
def serving(answer: Callable[[str, dict[str, list[str]], Any], tuple[int, bytes]]) -> Iterator[str]:
    """A server whose answers `answer` makes of (path, query, headers)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, body = answer(parts.path, parse_qs(parts.query), self.headers)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def matrix(values: list[list[Any]]) -> bytes:
    result = [{"metric": {"instance": "a"}, "values": values}] if values else []
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}).encode()


def asked(url: str, days: float = 1, token: str = "", basic: str = "") -> Recording:
    return series.ask(url, token, basic, START, START + days * 86_400, sleep=lambda _: None)


def test_a_server_is_asked_in_pieces_and_with_its_key() -> None:
    spans, keys = [], set()

    def answer(path: str, query: dict[str, list[str]], headers: Any) -> tuple[int, bytes]:
        assert path == "/prom/api/v1/query_range"
        start, end, step = (int(query[name][0]) for name in ("start", "end", "step"))
        keys.add(headers.get("Authorization"))
        if query["query"][0] != "vllm:generation_tokens_total":
            return 200, matrix([])
        spans.append((start, end))
        assert (end - start) / step < 11_000
        return 200, matrix([[at, str(at - START)] for at in range(start, end + 1, step)])

    with serving(answer) as url:
        found = asked(f"{url}/prom", days=20, token="t" * 20)
    assert keys == {f"Bearer {'t' * 20}"} and len(spans) == 2
    m = measured(found)
    assert len(m.hours) == 480 and {round(hour.output, 6) for hour in m.hours} == {1.0}
    assert m.missing == ("prompt", "requests", "running", "waiting", "kv_cache", "utilisation", "power")
    with serving(answer) as url:
        asked(f"{url}/prom", basic="me:secret")
    with serving(answer) as url, pytest.raises(FetchError, match=r"no tokens of .* with job=engine in this time"):
        series.ask(f"{url}/prom", "", "", START, START + 86_400, lambda _: None, {"job": "engine"})
    assert "Basic bWU6c2VjcmV0" in keys


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>a page</html>", "none of Prometheus's"),
        (200, b'{"status": "success", "data": {"resultType": "vector", "result": []}}', "none of Prometheus's"),
        (200, matrix([]), "no tokens of vllm"),
        (200, matrix([[START, "x"]]), "is no number"),
        (400, b'{"status": "error", "error": "parse error"}', "it answers 400: parse error"),
        (401, b"", "PLANNER_PROMETHEUS_TOKEN"),
        (404, b"404 page not found", "none of Prometheus's"),
        (503, b"", "it answers 503, 3 times"),
    ],
)
def test_a_server_that_answers_something_else(status: int, body: bytes, said: str) -> None:
    with serving(lambda *_: (status, body)) as url, pytest.raises(FetchError, match=said):
        asked(url)


def test_a_server_that_is_down_or_an_address_that_will_not_do() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(FetchError, match="no connection, 3 times"):
        asked(f"http://127.0.0.1:{port}")
    with pytest.raises(MisuseError, match="in the clear"):
        asked("http://prometheus.example:9090", token="x" * 20)
    with pytest.raises(MisuseError, match="must not hold credentials"):
        asked("http://me:secret@127.0.0.1:9090")


# -- as people use it ------------------------------------------------------------------------------------------------------


def test_as_people_and_programs_read_it(tmp_path: Path, planner: Run) -> None:
    path = kept(tmp_path, month(3, gap=range(100, 140)))
    words = (
        "rightsize",
        "--prometheus",
        path,
        "--rps",
        "5",
        "--region",
        "us-east-1",
        "--instance-type",
        "g6.xlarge",
        "--running",
        "9",
        "--days",
        "3",
    )
    done = planner(*words)
    assert done.returncode == 0, done.stderr
    assert "62 of 72 hours seen" in done.stdout and "would do at the busiest hour, instead of 9" in done.stdout
    assert "g CO2 (369.473 g/kWh, United States 2023" in done.stdout
    record = json.loads(planner(*words, "--format", "json", "--save", str(tmp_path / "kept.json")).stdout)
    assert record["schema"] == "planner.rightsize/1" and record["hours_seen"] == 62 and record["hours_asked"] == 72
    assert record["count"] == 9 and record["spare"] == 9 - record["count_at_busiest_hour"] > 0
    again = ("rightsize", "--prometheus", str(tmp_path / "kept.json"), *words[3:], "--format", "json")
    assert json.loads(planner(*again).stdout) == record
    assert "最忙的一小时" in planner(*words, "--lang", "zh").stdout
    last = json.loads(planner(*words, "--days", "1", "--format", "json").stdout)
    assert last["hours_asked"] <= 25 and last["hours_seen"] >= 23


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "where was it measured?"),
        (("--prometheus", "nowhere"), "No such file"),
        (("--prometheus", "ftp://x/y"), "write http://HOST:PORT"),
        (("--prometheus", "m", "--days", "0"), "--days"),
        (("--prometheus", "m", "--since", "yesterday"), "is not a date"),
        (("--prometheus", "m", "--label", "job"), "write KEY=VALUE"),
    ],
)
def test_bad_input(planner: Run, words: tuple[str, ...], said: str) -> None:
    done = planner("rightsize", *words)
    assert done.returncode == 2 and said in done.stderr


def test_each_home_region_has_a_grid_or_none_is_claimed() -> None:
    catalog = Catalog()
    for provider in catalog.providers():
        for region in catalog.regions(provider).values():
            grid = rightsize.grid_of(region)
            if region.market == "mainland":
                assert grid is not None and grid.country == "China"
            if "Hong Kong" in region.name_en:
                assert grid is not None and grid.country == "Hong Kong"
            if grid is not None:
                assert 10 < grid.grams < 1000 and grid.year >= "2022" and grid.source
        home = catalog.regions(provider)[catalog.info(provider).home_regions[0]]
        assert rightsize.grid_of(home) is not None
    lima = catalog.regions("aws")["us-east-1-lim-1"]  # sold under Virginia
    assert rightsize.grid_of(lima) is None and rightsize.grid_of(None) is None


@pytest.mark.long
@pytest.mark.system
@pytest.mark.skipif(
    not shutil.which("prometheus") or not shutil.which("promtool"), reason="Prometheus is not installed"
)
def test_the_real_prometheus_says_what_the_file_says(tmp_path: Path) -> None:
    text = month(2)
    dump = kept(tmp_path, text)
    data = tmp_path / "data"
    typed = {line.split("{")[0] for line in text.splitlines() if "{" in line}
    ordered = []
    for name in sorted(typed):
        # OpenMetrics wants a counter's family without its `_total`, and each family in one piece.
        family = name.removesuffix("_total")
        ordered.append(f"# TYPE {family} {'counter' if name.endswith('_total') else 'gauge'}")
        ordered += [line for line in text.splitlines() if line.startswith(f"{name}{{")]
    source = tmp_path / "typed.om"
    source.write_text("\n".join([*ordered, "# EOF", ""]))
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(source), str(data)],
        check=True,
        capture_output=True,
    )
    (tmp_path / "prometheus.yml").write_text("{}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = ["prometheus", f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={data}"]
    line += ["--storage.tsdb.retention.time=20y", f"--web.listen-address=127.0.0.1:{port}"]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(100):
                try:
                    found = series.ask(f"http://127.0.0.1:{port}", "", "", START, START + 2 * 86_400)
                    break
                except FetchError:
                    time.sleep(0.3)
            real, mine = measured(found), measured(read(dump))
        finally:
            process.terminate()
    assert abs(len(real.hours) - len(mine.hours)) <= 1 and real.instances == mine.instances
    assert real.busiest.output == pytest.approx(mine.busiest.output, rel=0.02)
    assert real.kwh_per_million == pytest.approx(mine.kwh_per_million or 0, rel=0.02)
    assert real.missing == ()


def test_an_error_that_prometheus_answered_is_told_as_it_is(tmp_path: Path) -> None:
    answer = kept(
        tmp_path, '{"status":"error","errorType":"bad_data","error":"invalid parameter \\"query\\""}', "a.json"
    )
    with pytest.raises(MisuseError, match='Prometheus answered an error: invalid parameter "query"'):
        read(answer)
