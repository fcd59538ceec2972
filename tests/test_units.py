"""Months: by the longest month without a date, by the calendar with one."""

from datetime import date
from decimal import Decimal

import pytest

from planner.units import add_months, billing_months, term_hours, term_months


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


def test_add_months_keeps_to_the_month() -> None:
    assert add_months(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert add_months(date(2024, 1, 31), 1) == date(2024, 2, 29)
    assert add_months(date(2026, 12, 15), 13) == date(2028, 1, 15)


def test_terms() -> None:
    assert (term_hours("1y"), term_hours("3y"), term_hours("1m")) == (8760, 26280, 730)
    assert (term_months("3y"), term_months("1m")) == (36, 1)
