"""Months: by the longest month without a date, by the calendar with one."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.units import Window, add_months, billing_months, month_parts, term_hours, term_months


@pytest.mark.parametrize(
    ("hours", "months"),
    [
        (1, 1),
        (720, 1),
        (730, 1),
        (744, 1),
        ("744.5", 2),
        (745, 2),
        (1460, 2),
        (2160, 3),
        (8760, 12),
        (8784, 12),
        (26280, 36),
    ],
)
def test_months_without_a_date(hours: object, months: int) -> None:
    assert billing_months(Decimal(str(hours))) == months


@pytest.mark.parametrize(
    ("start", "hours", "months"),
    [
        ("2026-02-01", 672, 1),
        ("2026-02-01", 673, 2),
        ("2026-12-01", 744, 1),
        ("2026-11-01", 744, 2),
        ("2026-01-31", 672, 1),
        ("2026-01-31", 720, 2),
        ("2024-02-29", 8760, 12),
        ("2026-01-01", 8760, 12),
    ],
)
def test_months_by_the_calendar(start: str, hours: int, months: int) -> None:
    assert billing_months(Decimal(hours), date.fromisoformat(start)) == months


@pytest.mark.parametrize(
    ("hours", "start", "whole", "share"),
    [
        ("720", "", 1, "0"),
        ("730", "", 1, "0"),
        ("744", "", 1, "0"),
        ("30", "", 0, "30/720"),
        ("1092", "", 1, "348/696"),  # between 744 and 1,440 hours
        ("2190", "", 3, "0"),
        ("8760", "", 12, "0"),
        ("26280", "", 36, "0"),
        ("2190", "2026-12-01", 3, "30/744"),
        ("2190", "2026-12-15", 3, "30/744"),
        ("2190", "2026-12-31", 3, "30/720"),
        ("672", "2027-02-01", 1, "0"),
        ("8784", "2027-03-01", 12, "0"),  # 2028 has a day more
    ],
)
def test_a_month_used_in_part_is_a_share_of_it(hours: str, start: str, whole: int, share: str) -> None:
    over, _, under = share.partition("/")
    first = date.fromisoformat(start) if start else None
    assert month_parts(Decimal(hours), first) == (whole, Decimal(over) / Decimal(under or 1))


@given(st.decimals("0.25", "30000", places=2), st.one_of(st.none(), st.dates(date(2026, 1, 1), date(2032, 1, 1))))
def test_more_hours_never_use_less_of_a_month(hours: Decimal, start: date | None) -> None:
    (whole, share), (later, more) = month_parts(hours, start), month_parts(hours + Decimal("0.25"), start)
    assert 0 <= share < 1 and whole + share <= later + more
    assert whole + share <= billing_months(hours, start) + (Decimal(0) if start else hours / 20000)
    begun = Window(hours, start.isoformat() if start else "")
    assert begun.traffic == (begun.months, 0) and begun._replace(prorated=True).traffic == (whole, share)


def test_add_months_keeps_to_the_month() -> None:
    assert add_months(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert add_months(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert add_months(date(2026, 12, 15), 13) == date(2028, 1, 15)


def test_terms() -> None:
    assert (term_hours("1y"), term_hours("3y"), term_hours("1m")) == (8760, 26280, 730)
    assert (term_months("3y"), term_months("1m")) == (36, 1)
