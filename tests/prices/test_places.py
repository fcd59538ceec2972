"""Data stays where it has to: regions inside the area only, and every text that binds has its source."""

from __future__ import annotations

import csv
from datetime import date

import pytest
from click.testing import CliRunner

from planner.cli import cli
from planner.cli.terms import bound
from planner.errors import MisuseError, NoOfferError
from planner.prices.catalog import Catalog
from planner.prices.places import AREAS, kept, terms
from planner.sizing import models
from tests.conftest import ROOT, make_quote

CATALOG = Catalog()
#: Traps: near by name or seller, and outside.
OUTSIDE = {
    "EU": ("eu-central-2", "eu-west-2", "eu-moscow", "us-east-1", "ap-guangzhou"),
    "US": ("na-toronto", "ca-central-1", "eu-west-1", "cn-north-1"),
    "CN": ("cn-hongkong", "ap-hongkong", "ap-singapore", "us-east-1", "ap-east-1"),
}
INSIDE = {
    "EU": ("eu-central-1", "eu-west-3", "eu-frankfurt"),
    "US": ("us-east-1", "us-west-1", "na-ashburn"),
    "CN": ("cn-north-1", "cn-beijing", "ap-guangzhou"),
}


@pytest.mark.parametrize("area", AREAS)
def test_all_regions_inside_and_none_outside(area: str) -> None:
    _, every = kept(CATALOG, area, (), ("all",))
    assert set(INSIDE[area]) <= set(every)
    assert not set(OUTSIDE[area]) & set(every)
    _, usual = kept(CATALOG, area.lower(), (), ())
    assert usual
    assert set(usual) <= set(every)
    for name in INSIDE[area]:
        sellers = [p for p in CATALOG.providers() if name in CATALOG.regions(p)]
        assert kept(CATALOG, area, sellers, (name,)) == (area, (name,))
    for name in OUTSIDE[area]:
        with pytest.raises(MisuseError, match=f"outside {area}"):
            kept(CATALOG, area, (), (name,))


def test_every_region_that_an_area_names_is_listed() -> None:
    for provider in CATALOG.providers():
        for area, names in CATALOG.info(provider).areas.items():
            assert area in AREAS
            for name in names:
                assert CATALOG.market(provider, name) == "abroad"
                region = CATALOG.regions(provider).get(name)
                assert region is None or not region.zone_of


def test_a_zone_in_another_country_than_its_region_is_outside() -> None:
    zones = [n for n, r in CATALOG.regions("aws").items() if r.zone_of == "us-east-1"]
    assert zones
    with pytest.raises(MisuseError, match="outside US"):
        kept(CATALOG, "US", ("aws",), (zones[0],))


@pytest.mark.parametrize("said", ["", "moon", "E U", "x" * 500])
def test_an_unknown_area_is_refused(said: str) -> None:
    with pytest.raises(MisuseError, match="CN, EU, US"):
        kept(CATALOG, said, (), ())


def test_a_provider_without_a_region_inside_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog()
    monkeypatch.setattr(catalog, "regions", lambda provider: {})
    with pytest.raises(NoOfferError, match="aws has no region in EU"):
        kept(catalog, "EU", ("aws",), ())
    with pytest.raises(NoOfferError, match="no provider has a region in EU"):
        kept(catalog, "EU", (), ())


def test_typing_the_regions_gives_the_same_quote() -> None:
    base = ["quote", "--offline-list", "--provider", "alicloud", "--format", "csv"]
    _, regions = kept(CATALOG, "US", ("alicloud",), ())
    short = CliRunner().invoke(cli, [*base, "--data-stays", "US"], standalone_mode=False)
    words = [word for region in regions for word in ("--region", region)]
    assert short.exception is None, short.exception
    assert short.stdout == CliRunner().invoke(cli, [*base, *words], standalone_mode=False).stdout
    assert "huggingface.co" in short.stderr


def test_every_text_has_source_date_and_both_languages() -> None:
    assert {one.kind for one in terms()} == {"licence", "gpu", "export", "weights"}
    for one in terms():
        assert one.said
        assert not one.said_zh.isascii()
        assert one.source
        assert date.fromisoformat(f"{one.date}-01-01"[:10]) <= date.today()
        assert one.confidence in ("high", "medium", "low")
    assert {area for one in terms() if one.kind == "weights" for area in one.match} == set(AREAS)


def test_every_licence_that_is_not_free_has_its_text() -> None:
    texts = {match for one in terms() if one.kind == "licence" for match in one.match}
    with open(ROOT / "planner" / "data" / "models.csv", encoding="utf-8", newline="") as file:
        every = {row["license"] for row in csv.DictReader(file)}
    free = {name for name in every if name.startswith(("Apache", "MIT")) and "+" not in name}
    assert every - free - {""} == texts & every
    assert len(every - free) > 10


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_quote_says_what_binds(lang: str) -> None:
    quote = make_quote(provider="tencentcloud", gpu="A100")
    offer = next(o for o in quote.offers if o.region == "ap-guangzhou")
    free, llama = models.find("DeepSeek-R1-Distill-Qwen-7B"), models.find("Llama-3.1-8B")
    (export,) = bound(free, offer.gpu.model, True, lang)
    assert "88 FR 73458" in export
    assert bound(free, offer.gpu.model, False, lang) == []
    assert any("700" in line or "7 亿" in line for line in bound(llama, offer.gpu.model, False, lang))
    for name in ("RTX 4090", "4090", "rtx-3090"):  # also as the file of own machines may say it
        assert "GeForce" in bound(free, name, False, lang)[0]
    assert bound(free, "no such card", True, lang) == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("--gpu", "4090"), ("GeForce",)),
        (("--gpu", "3090", "--model", "Llama-3.1-8B"), ("700 million", "GeForce")),
        (("--instance-type", "GT4.4XLARGE96"), ("88 FR 73458",)),
        (("--instance-type", "p4d.24xlarge"), ()),
        (("--gpu", "L20"), ()),
    ],
)
def test_size_says_what_binds_the_model_and_the_card(asked: tuple[str, ...], words: tuple[str, ...]) -> None:
    """Where a type's cloud is at home decides of exports, as for a quote without a region; a card on no cloud stands nowhere."""
    shown = CliRunner().invoke(cli, ["size", *asked], standalone_mode=False)
    assert shown.exception is None, shown.exception
    said = [line for line in shown.stdout.splitlines() if line.startswith("  Binding: ")]
    assert len(said) == len(words)
    for line, word in zip(said, words, strict=True):
        assert word in line


def test_rent_or_buy_says_what_binds_once_each() -> None:
    base = ["rent-or-buy", "--own", "examples", "--offline-list", "--rps", "1", "--measurements", "none"]
    here = ["--provider", "tencentcloud", "--region", "ap-guangzhou", "--gpu", "A100", "--model", "Llama-3.1-8B"]
    shown = CliRunner().invoke(cli, [*base, *here, "--machine", "RTX 4090 workstation"], standalone_mode=False)
    assert shown.exception is None, shown.exception
    said = [line for line in shown.stdout.splitlines() if line.startswith("Binding: ")]
    assert [word in line for word, line in zip(("700 million", "88 FR 73458", "GeForce"), said, strict=True)] == [
        True
    ] * 3
    free = CliRunner().invoke(cli, [*base, "--provider", "aws"], standalone_mode=False)
    assert free.exception is None, free.exception
    assert "88 FR" not in free.stdout
