"""Records as texts and back: exact for every record, in the order that books and exports have had since 0.1.0."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.money import plain
from planner.offer import OBSERVED, InstanceType, Price, ServicePrice, Source, TransferPrice, Way
from planner.prices.texts import KINDS, PRICE, At, Zone, clean, kind_of, observed
from tests.bookrows import disk, price, spec, traffic

WORDS = st.text(max_size=12)
AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**9, places=9)
MAYBE = st.none() | AMOUNTS
TIMES = st.sampled_from(("", "2026-11-23T12:00:00Z"))

SOURCES = st.builds(
    Source,
    text=WORDS,
    as_of=WORDS,
    dated=WORDS,
    confidence=WORDS,
    origin=st.sampled_from(("list", "book", "own")),
    place=WORDS,
    observed=TIMES,
    group=WORDS,
)
WAYS = st.builds(Way, **dict.fromkeys(Way._fields, WORDS))
PRICES = st.builds(
    Price,
    way=WAYS,
    unit=WORDS,
    amount=AMOUNTS,
    currency=WORDS,
    source=SOURCES,
    tier_from=AMOUNTS,
    tier_to=MAYBE,
    status=WORDS,
    note=WORDS,
    range_low=MAYBE,
)
LANES = dict.fromkeys(("provider", "site", "region", "destination", "to_region", "currency", "status", "note"), WORDS)
TRANSFERS = st.builds(
    TransferPrice, **LANES, from_gb=AMOUNTS, to_gb=MAYBE, amount=AMOUNTS, source=SOURCES, quota=st.booleans()
)
ITEMS = dict.fromkeys(("provider", "site", "region", "item", "variant", "unit", "currency", "status", "note"), WORDS)
SERVICES = st.builds(ServicePrice, **ITEMS, amount=AMOUNTS, source=SOURCES, default=st.booleans())
TYPES = st.builds(
    InstanceType,
    **dict.fromkeys(("provider", "name", "gpu_model", "source", "confidence", "note"), WORDS),
    vcpu=st.integers(0, 10**6),
    memory_gib=AMOUNTS,
    gpu_count=AMOUNTS,
    gpu_memory_gib=MAYBE,
    network_gbps=MAYBE,
    local_nvme_gb=st.integers(0, 10**9),
)
ZONES = st.builds(Zone, **dict.fromkeys(Zone._fields, WORDS))


@given(row=PRICES | TRANSFERS | SERVICES | TYPES | ZONES)
def test_every_record_comes_back_exactly(row: Any) -> None:
    kind = kind_of(row)
    texts = kind.write(row)
    assert tuple(texts) == kind.texts and all(isinstance(text, str) for text in texts.values())
    source = getattr(row, "source", None)
    at = At(*source[4:]) if isinstance(source, Source) else At("book")
    back = kind.read(tuple(texts.values()), at)
    assert back == row and type(back) is type(row)
    assert kind.write(back) == texts  # also to the last digit: 1.50 and 1.5 are written the same


@given(row=PRICES | TRANSFERS | SERVICES)
def test_what_the_book_gives_back_is_the_book_s(row: Any) -> None:
    got = clean(row, "2026-11-23T12:00:00Z")
    assert not isinstance(got, (InstanceType, Zone))
    assert got.source[:4] == row.source[:4]
    assert got.source[4:] == ("book", f"{OBSERVED}2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z", "", "")
    assert got.key == row.key and got.group == row.group


@given(one=PRICES, other=PRICES)
def test_a_key_is_a_group_and_more(one: Price, other: Price) -> None:
    if one.key == other.key:
        assert one.group == other.group
    assert one.group == one._replace(way=one.way._replace(zone="elsewhere")).group


def test_one_key_whatever_the_digits() -> None:
    assert price(tier_from=Decimal("1.50")).key == price(tier_from=Decimal("1.5")).key
    assert traffic(from_gb=Decimal(0)).key != traffic(from_gb=Decimal(1)).key
    assert traffic(quota=True).group != traffic().group
    assert disk(unit="GB-hour").group != disk().group and disk(currency="EUR").group == disk().group
    keys = {row.key for row in (price(), price(zone="z"), price(unit="term"), price(currency="EUR"))}
    assert len(keys) == 4


def test_the_order_of_texts_is_that_of_0_1_0() -> None:
    assert [(kind.number, kind.name, len(kind.texts)) for kind in KINDS] == [
        (1, "price", 22),
        (2, "transfer", 16),
        (3, "service", 15),
        (4, "instance_type", 12),
        (5, "zone", 4),
    ]
    assert PRICE.texts == (
        *("provider", "site", "region", "instance_type", "purchase_option", "term", "payment", "offering"),
        *("unit", "amount", "currency", "tier_from", "tier_to", "zone", "os"),
        *("effective_date", "dated", "source", "confidence", "status", "note", "range_low"),
    )


@pytest.mark.parametrize("text", ["", "1e3", "NaN", "inf", " 1", "+1", "1_000", "1.2.3", "0x10"])
def test_a_number_that_is_none_is_named(text: str) -> None:
    texts = PRICE.write(price()) | {"amount": text}
    with pytest.raises(ValueError, match=r"amount .* is not a plain number"):
        PRICE.read(tuple(texts.values()), observed(""))


def test_numbers_are_written_plain() -> None:
    assert PRICE.write(price(amount="1E+3"))["amount"] == "1000" == plain(Decimal("1E+3"))
    assert kind_of(spec()).write(spec(gpu_memory_gib=None))["gpu_memory_gib"] == ""
