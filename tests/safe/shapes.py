"""Answers of another shape than the SDKs' models say, one swapped value at a time: `python -m tests.safe.shapes N [SEED]`.

The official SDKs ask our local servers, which sign-check every question; one value somewhere in one call's answer is not
what it should be. What may come of it: the region as it is, or one `FetchError` in one line that names a field.
"""

from __future__ import annotations

import copy
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from planner.errors import FetchError
from planner.provider import Access, Batch

WRONG: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**40,
    "",
    "x",
    "NaN",
    "1e9",
    [],
    [1],
    ["x"],
    [[]],
    {},
    {"x": 1},
    [{}],
    [None],
)
NOW = "2026-11-23T12:00:00+00:00"


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in `node`, its own first."""
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def swapped(node: Any, rng: random.Random) -> tuple[Any, str]:
    """Return `node` with one value replaced, and where that was."""
    path = rng.choice(list(places(node)))
    wrong = rng.choice(WRONG)
    if not path:
        return wrong, "whole"
    node = copy.deepcopy(node)
    at = node
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = copy.deepcopy(wrong)
    return node, f"{'.'.join(map(str, path))} = {wrong!r}"


class Swapping:
    """Wraps a fake cloud's answers: in one call, picked by the seed, one value is swapped, the same in each answer."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers, self.seed, self.where = answers, 0, ""

    def wrapped(self) -> dict[str, Any]:
        return {call: self._wrap(call, answer) for call, answer in self.answers.items()}

    def _wrap(self, call: str, answer: Any) -> Callable[[Any], Any]:
        def reply(asked: Any) -> Any:
            found = answer(asked) if callable(answer) else answer
            rng = random.Random(self.seed)
            if rng.choice(sorted(self.answers)) != call:
                return found
            made, where = swapped(found, rng)
            self.where = f"{call}: {where}"
            return made if not isinstance(made, tuple) else found

        return reply


@contextmanager
def alicloud() -> Iterator[tuple[Swapping, Callable[[], Batch]]]:
    from providers.alicloud import Alicloud
    from tests.providers.fake_alicloud import FakeAlicloud
    from tests.providers.fake_http import serving
    from tests.providers.test_alicloud import world

    swapping = Swapping(world())
    with serving(lambda: FakeAlicloud(swapping.wrapped())) as fake:
        adapter = Alicloud(random=lambda: 0.0, credentials_timeout=10.0)
        yield swapping, lambda: adapter.fetch("cn-hangzhou", _access(fake.url, "gn7i"))


@contextmanager
def tencentcloud() -> Iterator[tuple[Swapping, Callable[[], Batch]]]:
    from providers.tencentcloud import Tencentcloud
    from tests.providers.fake_http import serving
    from tests.providers.fake_tencentcloud import FakeTencentcloud
    from tests.providers.test_tencentcloud import world

    swapping = Swapping(world())
    with serving(lambda: FakeTencentcloud(swapping.wrapped())) as fake:
        adapter = Tencentcloud(random=lambda: 0.0, credentials_timeout=10.0)
        yield swapping, lambda: adapter.fetch("ap-guangzhou", _access(fake.url))


@contextmanager
def aws() -> Iterator[tuple[Swapping, Callable[[], Batch]]]:
    """Only the price lists' items: all else is written, and read, by the SDK's own models."""
    from providers.aws import provider
    from tests.providers.aws_world import World
    from tests.providers.fake_aws import FakeAws

    world = World()
    whole = {"products": world.products, "egress": world.egress}
    swapping = Swapping(whole)

    def fetch() -> Batch:
        swapped_world = World()
        for name, answer in swapping.wrapped().items():
            made = answer(None)
            setattr(swapped_world, name, made if isinstance(made, list) else [made])
        return provider.fetch("us-east-1", Access(now=NOW, endpoint=swapped_world.fill(fake).url))

    with FakeAws() as fake:
        yield swapping, fetch


def _access(url: str, *families: str) -> Access:
    return Access(now=NOW, endpoint=url, families=families, sleep=lambda seconds: None)


CLOUDS: dict[str, Any] = {"aws": aws, "alicloud": alicloud, "tencentcloud": tencentcloud}


def run(cloud: str, count: int, seed: int = 11) -> tuple[Counter[str], list[str]]:
    """Return the counts, and what went wrong with the swap that did it."""
    tally: Counter[str] = Counter(swaps=count)
    wrong: list[str] = []
    with CLOUDS[cloud]() as (swapping, fetch):
        for number in range(count):
            swapping.seed, swapping.where = seed * 1_000_003 + number, ""
            try:
                fetch()
                tally["as it is"] += 1
            except FetchError as exc:
                line = str(exc)
                if "\n" in line or "Error:" in line or len(line) > 1000:
                    tally["no field named"] += 1
                    wrong.append(f"{swapping.where}: {line}")
                else:
                    tally["refused with a reason"] += 1
            except Exception as exc:
                tally["tracebacks"] += 1
                wrong.append(f"{swapping.where}: {type(exc).__name__}: {exc}")
    return tally, wrong


if __name__ == "__main__":
    import pytest

    from tests.providers import fake_alicloud, fake_aws, fake_tencentcloud

    with pytest.MonkeyPatch.context() as patch:
        fake_alicloud.use_keys(patch)
        fake_tencentcloud.use_keys(patch)
        patch.setenv("AWS_ACCESS_KEY_ID", fake_aws.KEY)
        patch.setenv("AWS_SECRET_ACCESS_KEY", fake_aws.SECRET)
        for name in CLOUDS:
            tally, wrong = run(name, int(sys.argv[1]), int((sys.argv[2:] or ["11"])[0]))
            print(name, dict(tally))
            for line in wrong[:40]:
                print("  ", line[:300])
