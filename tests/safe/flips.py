"""Damage to a price book, one flip of bits at a time, and what a reader then says: `python -m tests.safe.flips N [SEED]`.

Every flip is read as a quote reads (with the fallback to the committed list), as `catalog check` does and as an export
does, in this process. What is counted: tracebacks, answers that differ from the whole book's without a word, and time.
"""

from __future__ import annotations

import io
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from planner.errors import PlannerError
from planner.prices.book import PriceBook
from planner.prices.book.csvfile import export_csv
from planner.prices.book.fallback import Fallback
from planner.prices.book.write import Writer
from tests.bookrows import batch, changed, disk, price, spec, traffic

REGION = "us-east-1"


def make(path: Path) -> None:
    """Write a book of six fetches: two regions, with keys and public, a price changed and one withdrawn."""
    with Writer.open(str(path)) as writer:
        for turn in range(3):
            for region in (REGION, "us-west-2"):
                rows = [price(f"p4d.{size}xlarge", f"{size + turn}.5", region=region) for size in range(1, 20 - turn)]
                types = tuple(spec(f"p4d.{size}xlarge") for size in range(1, 20))
                more = (changed(traffic(), region=region),), (changed(disk(), region=region),)
                writer.add(
                    batch(
                        *rows,
                        region=region,
                        transfer=more[0],
                        services=more[1],
                        instance_types=types,
                        zones=tuple((one.name, f"{region}a") for one in types),
                        gaps=("no spot",),
                    ),
                    f"2026-11-{20 + turn}T08:00:00Z",
                    "public" if turn == 1 else "keys",
                )


def quoted(path: Path) -> tuple[list[Any], list[str]]:
    """Return what a quote gets from the book, and what it says of it."""
    said: list[str] = []
    try:
        opened = PriceBook.open_for_read(str(path))
    except PlannerError as exc:
        return [], [str(exc)]
    if opened is None:
        return [], ["no book"]
    try:
        book = Fallback(opened, said.append, said.append)
        answers: list[Any] = []
        for region in (REGION, "us-west-2"):
            answers += [book.prices("aws", region), book.withdrawn("aws", region), book.transfer("aws", region)]
            answers += [book.services("aws", region), book.zones("aws", region)]
        answers += [sorted(book.instance_types("aws")), book.regions("aws")]
        return answers, said
    finally:
        opened.close()


def checked(path: Path) -> list[str]:
    """Return what `catalog check` and an export find wrong."""
    found: list[str] = []
    try:
        opened = PriceBook.open_for_read(str(path))
        if opened is None:
            return ["no book"]
        with opened:
            found += opened.check()
            export_csv(opened, io.StringIO(newline=""))
    except PlannerError as exc:
        found.append(str(exc))
    return found


def flipped(whole: bytes, rng: random.Random) -> bytes:
    """Return `whole` with one bit flipped in one to four of its bytes."""
    body = bytearray(whole)
    for _ in range(rng.choice((1, 1, 1, 4))):
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
    return bytes(body)


def run(count: int, seed: int = 11) -> Counter[str]:
    """Flip one to four bytes of a whole book `count` times, and count what comes of it."""
    rng = random.Random(seed)
    tally: Counter[str] = Counter(flips=count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "b.db"
        make(path)
        whole = path.read_bytes()
        right, _ = quoted(path)
        assert checked(path) == []
        for _ in range(count):
            path.write_bytes(flipped(whole, rng))
            begin = time.monotonic()
            try:
                answers, said = quoted(path)
                problems = checked(path)
            except Exception as exc:  # noqa: BLE001 - counting them is what this is for
                tally["tracebacks"] += 1
                tally[f"{type(exc).__name__}: {exc}"[:100]] += 1
                continue
            if time.monotonic() - begin > 2:
                tally["slow"] += 1
            if any("\n" in text for text in (*said, *problems)):
                tally["more than a line"] += 1
            if said:
                tally["said by a quote"] += 1
            elif answers != right:
                tally["another answer without a word"] += 1
                tally["of these, found by the check"] += bool(problems)
            elif problems:
                tally["of no matter to a quote, found by the check"] += 1
            if not said and not problems:
                tally["of no matter to anybody"] += 1
            for left in path.parent.glob("b.db-*"):
                left.unlink()
    return tally


if __name__ == "__main__":
    begin = time.monotonic()
    for name, number in run(int(sys.argv[1]), int((sys.argv[2:] or ["11"])[0])).items():
        print(f"{number:8,}  {name}")
    print(f"{time.monotonic() - begin:8.1f}  s")
