"""The price book: what `planner refresh` saw, kept for ever, in one SQLite file of the user's.

A book is a log of *fetches*. A fetch is one whole region, asked once: provider, region, account site, how it was asked
(`keys` or `public`), which families (none = all), when. Its observations say what stood there: amount, currency,
effective date, source call. Nothing is changed or deleted later. What is *current* follows from the log alone: the
rows of the newest fetch that covers them. A price that this fetch no longer has is withdrawn.

How a catalogue uses it (all of this is cheap, and sqlite3 is imported only when there is a file):

    book = PriceBook.open_for_read(path)      # None: no book yet
    if book is not None:
        rows = newest_over_list(listed, book.prices(provider, region, as_of), book.withdrawn(provider, region, as_of))

`listed` are the committed rows of the same provider and region. `book.transfer`, `book.services` go through
`newest_over_list` in the same way (withdrawn = ()), `book.instance_types(provider)` through `types_over_list`. An empty
region means every region. as_of is an ISO date or time ("" = now); a date includes its whole day.

`open_for_read` and every method of the book may raise `PriceBookError` (corrupt, newer, unreadable): warn with its text
and go on with the committed list; `planner.prices.book.fallback.Fallback` wraps a book so that it does just that.
Rows have origin "book", the place "price book, observed 2026-11-23T10:00:00Z" and that time as `source.observed`.

Two planners may write at once: every region is one immediate transaction and others wait for it. The journal is the
classic one, not WAL: a book is then one file that can be copied, mailed and read on a read-only disk, and readers wait
only for the milliseconds of a commit.
"""

from __future__ import annotations

from planner.prices.book.read import PriceBook
from planner.prices.overlay import newest_over_list, types_over_list

__all__ = ["PriceBook", "newest_over_list", "types_over_list"]
