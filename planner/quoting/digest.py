"""The short hash that a quote bears, made of all that decides its numbers and of the numbers; the seal of a saved file."""

from __future__ import annotations

from planner.quoting.records import Quote
from planner.workload import Workload, unsaid

try:  # hashlib loads OpenSSL (4 ms); CPython's own module is what `random` uses for the same reason
    from _sha2 import sha256
except ImportError:
    try:
        from _sha256 import sha256
    except ImportError:  # pragma: no cover - another Python
        from hashlib import sha256

__all__ = ["SEAL", "of_quote", "seal"]

#: What stands in a saved quote between its content and its seal.
SEAL = ',\n "seal": '


def of_quote(quote: Quote) -> str:
    """Return the first 12 digits of the SHA-256 of all that decides the quote's numbers and the numbers themselves."""
    parts = [_told(quote.workload), repr(quote.fx)]
    for one in quote.offers:
        native, report = one.totals.native, one.totals.report
        parts.append(
            f"{one.id} {one.count} {native.list} {native.effective} {native.billed} {native.committed} "
            f"{report.effective} {report.billed} {one.break_even_hours}"
        )
    if quote.measurements:
        parts.append(repr(quote.measurements))
    if quote.beside is not None:
        parts.append(repr(quote.beside))
    return str(sha256("\n".join(parts).encode()).hexdigest()[:12])


def _told(workload: Workload) -> str:
    """Return the workload's text; fields that 0.1.0 did not have count only where they are used, so its hashes hold."""
    late = [f for f, value in unsaid(workload._asdict()).items() if getattr(workload, f) == value]
    return "Workload(" + ", ".join(f"{f}={v!r}" for f, v in workload._asdict().items() if f not in late) + ")"


def seal(content: bytes) -> str:
    """Return the seal of a saved file's content: 32 digits that show a change by accident, not one by an attacker."""
    from hashlib import blake2b

    return str(blake2b(content, digest_size=16).hexdigest())
