"""Money adds only within a currency; numbers are read strictly and shown exactly."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import MisuseError
from planner.money import Money, decimal_of, percent_of, plain, show, total

amounts = st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**12), max_value=10**12)


def test_two_currencies_do_not_add() -> None:
    with pytest.raises(MisuseError, match="USDCNY"):
        Money(Decimal(1), "USD") + Money(Decimal(1), "CNY")
    with pytest.raises(MisuseError):
        total([(Decimal(1), "USD"), (Decimal(1), "CNY")], "USD")
    assert Money(Decimal("0.1"), "USD") + Money(Decimal("0.2"), "USD") == Money(Decimal("0.3"), "USD")


@given(amounts)
def test_plain_comes_back_exact(value: Decimal) -> None:
    text = plain(value)
    assert Decimal(text) == value
    assert "E" not in text and not (("." in text) and text.endswith("0"))


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_plain_never_shows_an_exponent(value: Decimal) -> None:
    if abs(value.adjusted()) < 60:
        assert Decimal(plain(value)) == value
        assert "E" not in plain(value)


@pytest.mark.parametrize(
    "text", ["", " ", "1e3", "NaN", "inf", "1,000", "1_000", "--1", "1.2.3", ".", "0x10", "٣", True, None, []]
)
def test_odd_numbers_are_refused(text: object) -> None:
    with pytest.raises(MisuseError, match="--x"):
        decimal_of(text, "--x")


@pytest.mark.parametrize(("text", "value"), [("12%", "0.12"), ("0.12", "0.12"), ("0", "0"), ("100%", "1"), ("1", "1")])
def test_percent(text: str, value: str) -> None:
    assert percent_of(text, "x") == Decimal(value)


@pytest.mark.parametrize("text", ["101%", "-1%", "1.01", "12 %%", "%"])
def test_percent_out_of_bounds(text: str) -> None:
    with pytest.raises(MisuseError):
        percent_of(text, "x")


def test_show_rounds_half_up() -> None:
    assert show(Decimal("1234.565")) == "1,234.57"
    assert show(Decimal("-0.005")) == "-0.01"
