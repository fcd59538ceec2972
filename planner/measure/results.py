"""Results of other tools as runs: `vllm bench serve` (and SGLang's), guidellm, aiperf, inference-perf.

A file is known by its fields, not by its name. Formats as the tools' own releases write them: vLLM 0.26.0
(benchmarks/serve.py), guidellm 0.8.1 (and the `args` of 0.2 to 0.4), aiperf 0.13.0 (profile_export_aiperf.json),
inference-perf 0.7.0 (stage_N_lifecycle_metrics.json). What they all call time per output token is without the first one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from planner.errors import MisuseError
from planner.files import read_text
from planner.harmless import one_line
from planner.measure import Run
from planner.text import Text, text

__all__ = ["read"]

#: Files with every request's text in them are large.
LIMIT = 256 * 2**20
MOST_RUNS = 200
_LITTLE = text("the requests in flight are counted by Little's law: the file does not say that so many were held")


def read(path: str) -> tuple[Run, ...]:
    """Return the runs in a result file, in file order; raises `MisuseError` that names the file and what is missing."""
    import json

    said = read_text(path, "results", LIMIT)
    try:
        found = [json.loads(said)]
    except RecursionError:
        raise MisuseError(f"results {path}: nested too deeply") from None
    except ValueError:
        found = _lines(said, path)
    runs: list[Run] = []
    for data in found:
        for one in data if isinstance(data, list) else [data]:
            if not isinstance(one, Mapping):
                raise MisuseError(f"results {path}: holds a JSON {type(one).__name__}, a result is an object")
            runs += _runs(one, path)
    if not runs or len(runs) > MOST_RUNS:
        raise MisuseError(f"results {path}: {len(runs)} runs in it, expected 1 to {MOST_RUNS}")
    return tuple(runs)


def _lines(said: str, path: str) -> list[Any]:
    """Return what a file of one result a line holds (`--append-result`, SGLang's)."""
    import json

    try:
        return [json.loads(line) for line in said.split("\n") if line.strip()]
    except (ValueError, RecursionError) as exc:
        raise MisuseError(f"results {path}: not JSON: {exc}") from None


def _runs(data: Mapping[str, Any], path: str) -> list[Run]:
    for known, read_one in _KNOWN:
        if all(field in data for field in known):
            try:
                return read_one(_At(data, f"results {path}"))
            except (TypeError, AttributeError, KeyError, IndexError) as exc:
                raise MisuseError(
                    f"results {path}: damaged, or from a version not known ({one_line(str(exc))[:100]})"
                ) from None
    raise MisuseError(
        f"results {path}: of no known tool: expected the JSON of vllm bench serve, guidellm, aiperf (profile_export_aiperf.json) "
        "or inference-perf (stage_0_lifecycle_metrics.json)"
    )


class _At:
    """A place in a file, whose numbers are checked as they are taken."""

    def __init__(self, data: Any, where: str) -> None:
        self.data, self.where = data, where

    def at(self, *path: str | int) -> _At:
        """Return a part; one that is not there is empty."""
        data = self.data
        for step in path:
            if isinstance(data, Mapping):
                data = data.get(step)
            else:
                data = data[step] if isinstance(data, list) and isinstance(step, int) and step < len(data) else None
        return _At(data, self.where + "".join(f".{step}" if isinstance(step, str) else f"[{step}]" for step in path))

    def number(self, *path: str | int, default: float | None = None) -> float:
        """Return a number from 0 to 10^12; one that is not there is `default`, or raises `MisuseError`."""
        found = self.at(*path)
        value = found.data
        if value is None and default is not None:
            return default
        if (
            not isinstance(value, (int, float))
            or isinstance(value, bool)
            or not math.isfinite(value)
            or not 0 <= value <= 1e12
        ):
            raise MisuseError(f"{found.where}: expected a number from 0 to 10^12, got {ascii(value)[:40]}")
        return float(value)

    def word(self, *path: str | int) -> str:
        """Return a text on one line, "" for anything else."""
        value = self.at(*path).data
        return one_line(value)[:200] if isinstance(value, str) else ""

    def refuse(self, why: str) -> MisuseError:
        return MisuseError(f"{self.where}: {why}")


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat() if 0 < seconds < 4e9 else ""


def _plain_day(word: str) -> str:
    """Return the date that a text begins with (20261126-... or 2026-11-26T...), "" for none."""
    digits = word[:10].replace("-", "")[:8]
    try:
        return datetime.strptime(digits, "%Y%m%d").date().isoformat()
    except ValueError:
        return ""


# -- vllm bench serve, and SGLang's bench_serving ----------------------------------------------------------------------


def _vllm(at: _At) -> list[Run]:
    done, seconds = at.number("completed"), at.number("duration")
    sent = at.number("num_prompts", default=done)
    if not done or not seconds:
        raise at.refuse("no request ended, so nothing was measured")
    inflow, outflow = at.number("total_input_tokens") / done, at.number("total_output_tokens") / done
    ttft, tpot = at.number("median_ttft_ms"), at.number("mean_tpot_ms")
    limit = at.number("max_concurrency", default=0.0)
    open_loop = at.data.get("request_rate") not in (None, "inf", math.inf)
    alone = (at.number("mean_ttft_ms", default=ttft) + tpot * max(0.0, outflow - 1)) / 1e3
    flowing = min(at.number("request_throughput", default=done / seconds) * alone, limit or math.inf)
    notes = []
    if open_loop:
        notes.append(_LITTLE)
    elif limit and sent < 4 * limit:
        key = "{n} requests for {c} at once: filling and draining weigh on the rate; send at least 4 for each"
        notes.append(text(key, n=f"{sent:.0f}", c=f"{limit:.0f}"))
    return [
        Run(
            tool="vllm bench serve" if "tokenizer_id" in at.data else "bench_serving",
            model=at.word("model_id"),
            day=_plain_day(at.word("date")),
            input_tokens=inflow,
            output_tokens=outflow,
            concurrency=flowing if open_loop else limit or sent,
            burst=not open_loop and not limit,
            requests=int(done),
            failed=int(at.number("failed", default=max(0.0, sent - done))),
            seconds=seconds,
            tokens_per_second=at.number("output_throughput"),
            ttft_ms=ttft,
            tpot_ms=tpot,
            notes=tuple(notes),
        )
    ]


# -- guidellm ----------------------------------------------------------------------------------------------------------


def _guidellm(at: _At) -> list[Run]:
    version = at.word("metadata", "guidellm_version")
    found = []
    for index in range(len(at.data["benchmarks"])):
        one = at.at("benchmarks", index)
        metrics = one.at("metrics")
        strategy = one.at("config", "strategy") if one.at("config", "strategy").data else one.at("args", "strategy")
        begun = one.number("start_time", default=0.0)
        seconds = one.number("duration", default=max(0.0, one.number("end_time", default=0.0) - begun))
        totals = metrics.at("request_totals") if metrics.at("request_totals").data else one.at("request_totals")
        done = totals.number("successful")
        if not done:
            raise one.refuse("no request ended, so nothing was measured")
        streams = strategy.number("streams", default=0.0)
        if strategy.word("type_") == "synchronous":
            streams = 1.0
        found.append(
            Run(
                tool=f"guidellm {version}".strip(),
                model=one.word("config", "backend", "model") or one.word("worker", "backend_model"),
                day=_day(begun),
                input_tokens=metrics.number("prompt_token_count", "successful", "mean"),
                output_tokens=metrics.number("output_token_count", "successful", "mean"),
                concurrency=streams or metrics.number("request_concurrency", "successful", "mean"),
                burst=False,
                requests=int(done),
                failed=int(totals.number("errored", default=0.0)),
                seconds=seconds,
                tokens_per_second=metrics.number("output_tokens_per_second", "total", "mean"),
                ttft_ms=metrics.number("time_to_first_token_ms", "successful", "median"),
                tpot_ms=metrics.number("inter_token_latency_ms", "successful", "mean"),
            )
        )
    return found


# -- aiperf ------------------------------------------------------------------------------------------------------------


def _aiperf(at: _At) -> list[Run]:
    done = at.number("request_count", "avg")
    seconds = at.number("benchmark_duration", "avg", default=0.0)
    rate = at.number("output_token_throughput", "avg")
    if not done or not rate:
        raise at.refuse("no request ended, so nothing was measured")
    inflow, outflow = at.number("input_sequence_length", "avg"), at.number("output_sequence_length", "avg")
    tpot = at.number("inter_token_latency", "avg", default=0.0)
    made = at.number("usage_completion_tokens", "avg", default=0.0)
    rate, tpot, outflow, notes = _recounted(rate, tpot, outflow, made)
    inflow = at.number("usage_prompt_tokens", "avg", default=0.0) or inflow
    asked = at.number("input_config", "loadgen", "concurrency", default=0.0)
    phases = at.at("input_config", "phases").data
    for index in range(len(phases) if isinstance(phases, list) else 0):
        if at.word("input_config", "phases", index, "kind") in ("profiling", ""):
            asked = at.number("input_config", "phases", index, "concurrency", default=asked)
    flowing = (
        at.number("request_throughput", "avg", default=0.0) * at.number("request_latency", "avg", default=0.0) / 1e3
    )
    model = at.word("input_config", "endpoint", "model_names", 0) or at.word(
        "input_config", "models", "items", 0, "name"
    )
    ttft = at.at("time_to_first_token")
    return [
        Run(
            tool=f"aiperf {at.word('aiperf_version')}".strip(),
            model=model,
            day=_plain_day(at.word("start_time")),
            input_tokens=inflow,
            output_tokens=outflow,
            concurrency=asked or at.number("effective_concurrency", "avg", default=flowing),
            burst=False,
            requests=int(done),
            failed=int(at.number("error_request_count", "avg", default=0.0)),
            seconds=seconds,
            tokens_per_second=rate,
            ttft_ms=ttft.number("p50", default=ttft.number("avg", default=0.0)),
            tpot_ms=tpot,
            notes=notes,
        )
    ]


def _recounted(rate: float, tpot: float, told: float, made: float) -> tuple[float, float, float, tuple[Text, ...]]:
    """Return rate, time per token and length by the endpoint's own count of output tokens (`made`, 0: not said).

    A tool that was given another tokenizer counts the same text differently.
    """
    if made <= 1 or told <= 1 or abs(made / told - 1) <= 0.01:
        return rate, tpot, made or told, ()
    key = (
        "the tool's tokenizer counts {told} output tokens a request, the endpoint {made}: the endpoint's count is taken"
    )
    said = text(key, told=f"{told:.0f}", made=f"{made:.0f}")
    return rate * made / told, tpot * (told - 1) / (made - 1), made, (said,)


# -- inference-perf ----------------------------------------------------------------------------------------------------


def _inference_perf(at: _At) -> list[Run]:
    good, load = at.at("successes"), at.at("load_summary")
    done, failed = good.number("count"), at.number("failures", "count", default=0.0)
    rate = good.number("throughput", "output_tokens_per_sec", default=0.0)
    if not done or not rate:
        raise at.refuse("no request ended, or none had its tokens counted, so nothing was measured")
    told, made = good.number("output_len", "mean", default=0.0), good.number("output_tokens", "mean", default=0.0)
    each = good.number("throughput", "requests_per_sec", default=0.0) or rate / (told or made or 1.0)
    latency = good.at("latency")
    tpot = latency.number("time_per_output_token", "mean", default=0.0)
    # The rate is by the client's count unless the configuration asks for the server's.
    by_client = not made or not told or abs(rate / each / told - 1) < 0.01
    rate, tpot, outflow, notes = _recounted(rate, tpot, told, made) if by_client else (rate, tpot, made, ())
    inflow = good.number("prompt_tokens", "mean", default=0.0) or good.number("prompt_len", "mean")
    flowing = each * latency.number("request_latency", "mean")
    asked = load.number("concurrency", default=0.0)
    first = latency.at("time_to_first_token")
    return [
        Run(
            tool="inference-perf",
            model="",
            day="",
            input_tokens=inflow,
            output_tokens=outflow,
            concurrency=asked or flowing,
            burst=False,
            requests=int(done),
            failed=int(failed),
            seconds=done / each,
            tokens_per_second=rate,
            ttft_ms=1e3
            * first.number("median", default=first.number("p50", default=first.number("mean", default=0.0))),
            tpot_ms=1e3 * tpot,
            notes=notes if asked else (*notes, _LITTLE),
        )
    ]


#: By which fields a file is known, and who reads it.
_KNOWN: tuple[tuple[tuple[str, ...], Callable[[_At], list[Run]]], ...] = (
    (("benchmarks",), _guidellm),
    (("output_token_throughput", "request_count"), _aiperf),
    (("load_summary", "successes"), _inference_perf),
    (("output_throughput", "completed", "mean_tpot_ms"), _vllm),
)
