"""The contract of adapters holds for the fake cloud, and each of its tests can fail."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from planner.provider import Access, Batch, Provider
from planner.testing import ProviderContract
from tests.bookrows import NOON, changed
from tests.fakecloud import fakecloud
from tests.fakecloud.fakecloud import Fake


class TestFakeCloud(ProviderContract):
    region = "north-1"
    family = "g1"
    secrets = ("hunter22",)

    @pytest.fixture(autouse=True)
    def installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(str(Path(fakecloud.__file__).parents[1]))

    def provider(self) -> Provider:
        return Fake("fakecloud")

    def access(self, **changes: Any) -> Access:
        return Access(NOON)._replace(**changes)


class _Zero(TestFakeCloud):
    __test__ = False

    def provider(self) -> Provider:
        class Bad(Fake):
            name = "Fake-Cloud"

            def __init__(self) -> None:
                pass

            def default_regions(self) -> tuple[str, ...]:
                return ()

            def credentials_hint(self) -> str:
                return "two\nlines"

            def fetch(self, region: str, access: Access) -> Batch:
                batch = Fake("fakecloud").fetch("north-1", access._replace(endpoint="", families=()))
                prices = (
                    changed(batch.prices[0], amount=Decimal(0), note="hunter22", instance_type="unknown"),
                    *batch.prices,
                )
                self.turn = getattr(self, "turn", 0) + 1
                return batch._replace(prices=prices, gaps=(f"{id(prices)}.",))

            def self_check(self, access: Access) -> list[tuple[str, bool, str]]:
                return []

            def variables(self) -> dict[str, str]:
                return {"n": 1}  # type: ignore[dict-item]

        return Bad()


@pytest.mark.parametrize(
    "name",
    [
        "test_the_name_is_a_plain_word",
        "test_an_entry_point_names_it",
        "test_it_has_default_regions",
        "test_a_hint_is_one_sentence",
        "test_a_region_comes_whole_and_passes_every_check",
        "test_every_price_has_a_specification",
        "test_families_narrow_the_fetch",
        "test_an_unknown_region_is_named",
        "test_an_unsafe_endpoint_is_refused",
        "test_raw_answers_are_kept_and_nothing_secret_leaves",
        "test_the_self_check_answers",
        "test_variables_are_texts",
    ],
)
def test_each_rule_catches_a_bad_adapter(name: str) -> None:
    with pytest.raises(AssertionError):
        getattr(_Zero(), name)()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("provider.json", '"north-1"', '"nowhere-1"'),
        ("prices/north.csv", "9.75", "-9.75"),
        ("regions.csv", ",fake,", ",elsewhere,"),
    ],
)
def test_a_bad_list_is_caught(file: str, old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(Path(fakecloud.__file__).parents[1], tmp_path, dirs_exist_ok=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    TestFakeCloud().test_its_price_lists_can_be_quoted()
    path = tmp_path / "fakecloud" / "catalog" / file
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(AssertionError):
        TestFakeCloud().test_its_price_lists_can_be_quoted()


def test_a_heavy_import_is_caught() -> None:
    contract = TestFakeCloud()
    contract.heavy = ("decimal",)
    with pytest.raises(AssertionError):
        contract.test_importing_the_adapter_loads_no_sdk()


def test_the_fake_tells_what_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKECLOUD", json.dumps({"amount": "7"}))
    assert Fake("fakecloud").fetch("north-1", Access(NOON)).prices[0].amount == 7
