"""CSV of a quote: one line per charge, exact decimals; sums by (offer, column) give the offer's totals."""

from __future__ import annotations

import csv
import io

from planner.harmless import cell
from planner.money import plain
from planner.quoting.notes import old_offers
from planner.quoting.records import Quote

__all__ = ["COLUMNS", "dump"]

COLUMNS = (
    "offer",
    "provider",
    "site",
    "region",
    "zone",
    "instance_type",
    "count",
    "gpu_model",
    "gpu_count",
    "purchase_option",
    "term",
    "payment",
    "offering",
    "market",
    "charge",
    "category",
    "tier",
    "unit",
    "quantity",
    "unit_price",
    "list_unit_price",
    "currency",
    "amount",
    "list",
    "billed",
    "committed",
    "report_currency",
    "offer_effective",
    "offer_billed",
    "offer_committed",
    "offer_obligation",
    "recommended",
    "break_even_hours",
    "unpriced",
    "source",
    "as_of",
    "confirmed",
    "confidence",
    "place",
    "stale",
)


def dump(quote: Quote, *, lang: str = "en") -> str:
    """Return the quote as CSV text (RFC 4180, line feeds), every offer in it.

    The columns are the same in every language; in Chinese a byte-order mark stands first, without which Excel in China takes
    the file for GBK.
    """
    out = io.StringIO("\ufeff" if lang == "zh" else "")
    out.seek(0, io.SEEK_END)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    old, best = old_offers(quote), quote.best
    for o in quote.offers:
        report = o.totals.report
        head = [
            o.id,
            o.provider,
            o.site,
            o.region,
            o.zone,
            o.instance_type,
            o.count,
            o.gpu.model,
            plain(o.gpu.count),
            o.purchase_option,
            o.term,
            o.payment,
            o.offering,
            "yes" if o.market else "no",
        ]
        tail = [
            quote.currency,
            plain(report.effective),
            plain(report.billed),
            plain(report.committed),
            plain(report.obligation),
            "yes" if o is best else "no",
            "" if o.break_even_hours is None else o.break_even_hours,
            "; ".join(str(u) for u in o.unpriced),
        ]
        for c in o.charges:
            line = [
                str(c.name),
                c.category,
                str(c.tier),
                c.unit,
                plain(c.quantity),
                plain(c.unit_price),
                plain(c.list_unit_price),
                c.currency,
                plain(c.amount),
                plain(c.list),
                plain(c.billed),
                plain(c.committed),
                *tail,
                c.source.text,
                c.source.as_of,
                c.source.confirmed,
                c.source.confidence,
                c.source.place,
                "yes" if o.id in old else "no",
            ]
            writer.writerow([cell(x) if isinstance(x, str) else x for x in [*head, *line]])
    return out.getvalue()
