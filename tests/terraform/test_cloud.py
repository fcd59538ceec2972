"""The facts of a cloud: read whole or refused with file and key; a stranger's are found in its home."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from planner.errors import CatalogError, MisuseError
from planner.provider import homes
from planner.terraform import cloud
from tests.conftest import ROOT

FAKE = ROOT / "tests" / "fakecloud"
FACTS = FAKE / "fakecloud" / "cloud.toml"


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install fakecloud (with facts and templates) and otherfake (an adapter and nothing else)."""
    monkeypatch.syspath_prepend(str(FAKE))


@pytest.mark.parametrize("name", ["alicloud", "aws", "tencentcloud"])
def test_ours_are_whole(name: str) -> None:
    found = cloud.find(name)
    assert found is cloud.find(name), "read once"
    assert found.options["on_demand"] and found.readback.resource == f"{name}_instance"
    assert Path(cloud.templates(name)) == ROOT / "templates" / name
    assert {rule.option for rule in found.readback.bought} <= set(found.options)
    variables = (ROOT / "templates" / name / "variables.tf.j2").read_text()
    asked = {b for b in re.findall(r'^variable "(\w+)"', variables, re.M)}
    assert {ask.variable for ask in found.asks} <= asked and {ask.option for ask in found.asks} <= {"", *found.options}


def test_a_machine_image_with_a_driver_is_said_in_both_places() -> None:
    """provider.json says how the driver comes, cloud.toml what the image is called that brings it."""
    from planner.prices.catalog import Catalog

    for name in cloud.names():
        driver = Catalog().info(name).driver
        assert driver is not None and (driver.how == "image") == bool(cloud.find(name).image.name), name


def test_a_stranger_has_its_own_facts_and_templates(stranger: None) -> None:
    assert cloud.names() == ("alicloud", "aws", "fakecloud", "tencentcloud")
    found = cloud.find("fakecloud")
    assert found.title == "Fake Cloud" and found.options["spot"].refused["abroad"]
    assert Path(cloud.templates("fakecloud")) == FAKE / "fakecloud" / "templates"
    assert ("Fake Cloud key", "FAKEKEY-[0-9]{8}") in cloud.secret_shapes()


def test_who_cannot_be_emitted_is_told_why(stranger: None) -> None:
    with pytest.raises(MisuseError, match=r"unknown provider 'fakeclod': did you mean fakecloud"):
        cloud.find("fakeclod")
    with pytest.raises(MisuseError, match=r"otherfake cannot be emitted: it has no .*cloud\.toml"):
        cloud.find("otherfake")
    with pytest.raises(MisuseError, match="otherfake cannot be emitted: it has no templates in"):
        cloud.templates("otherfake")
    assert "otherfake" in homes()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mtu = 1500", "mtuu = 1500", r"unknown key mtuu: did you mean mtu\?"),
        ("mtu = 1500", "", "the key mtu is missing"),
        ("mtu = 1500", 'mtu = "1500"', "mtu must be a whole number"),
        ("mtu = 1500", "mtu = true", "mtu must be a whole number"),
        ("mtu = 1500", "mtu = 0", "mtu must not be empty"),
        ('title = "Fake Cloud"', 'title = "Fake\\nCloud"', "title must stay on one line"),
        ('tag_prefixes = ["fake"]', 'tag_prefixes = "fake"', "tag_prefixes must be a list of texts"),
        ('tag_prefixes = ["fake"]', "tag_prefixes = [1]", "tag_prefixes must be a list of texts"),
        ('argument = "zone"', "", r"the key zone\.argument is missing"),
        ("least_minutes = 1", "least_minute = 1", r"unknown key deadline\.least_minute: did you mean least_minutes"),
        ("needs_limit = true", 'needs_limit = "yes"', r"options\.spot\.needs_limit must be true or false"),
        ("needs_limit = true", "needs_limits = true", r"unknown key options\.spot\.needs_limits"),
        ('value = "spot"', 'values = "spot"', r"unknown key readback\.bought\[0\]\.values"),
        ("[[readback.bought]]", "[readback.bought]", r"readback\.bought is not a list of tables"),
        ("'FAKEKEY-[0-9]{8}'", "'FAKEKEY-['", r"secrets\.shapes is not a regular expression"),
        ('name = "Fake Machine Image"', "name = 'x\"; rm'", r"image\.name takes letters.*shell script"),
        ("[options.on_demand]", "[options.on_demand", "not valid TOML"),
        ("[options.on_demand]", "[options.ondemand]", "unknown way of buying 'ondemand': did you mean on_demand"),
        ('option = "spot"', 'option = "spots"', "unknown way of buying 'spots': did you mean spot"),
        ('region = "local.region"', 'region = "region"', r"readback\.region must be provider\.NAME\.ATTRIBUTE or local\.NAME"),
    ],
)
def test_a_wrong_file_is_refused_with_file_and_key(old: str, new: str, message: str, tmp_path: Path) -> None:
    text = FACTS.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "cloud.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(CatalogError, match=message) as caught:
        cloud.read(str(path))
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_a_cloud_sells_something(tmp_path: Path) -> None:
    path = tmp_path / "cloud.toml"
    head = FACTS.read_text(encoding="utf-8").split("[options.on_demand]")[0]
    tail = "[options]\n" + FACTS.read_text(encoding="utf-8")[FACTS.read_text(encoding="utf-8").index("[readback]") :]
    path.write_text(head + tail, encoding="utf-8")
    with pytest.raises(CatalogError, match="name at least one way of buying"):
        cloud.read(str(path))


def test_every_key_is_explained_in_the_records() -> None:
    """The docstrings are the file's reference: a key that none of them names would be a riddle."""
    for record in (cloud.Cloud, *(getattr(cloud, name) for name in cloud.__all__ if name[0].isupper())):
        text = record.__doc__ or ""
        for field in record._fields:
            known = (cloud.Cloud, field) in cloud._NESTED or re.search(rf"\b{field}\b", text)
            assert known, f"{record.__name__}.{field}"


def test_the_page_shows_the_whole_file_of_the_stranger() -> None:
    page = (ROOT / "docs" / "terraform.md").read_text(encoding="utf-8").split("## A cloud of your own")[1]
    assert "\n".join(f"    {line}".rstrip() for line in FACTS.read_text(encoding="utf-8").splitlines()) in page
    for part in ("quota.md", "secret.sh", "driver.sh", "registry.sh", "provider.tf", "notice.sh", "healthy.sh", "optional.md", "find.sh", "fabric.sh", "group.tf", "members.sh", "renew.sh", "remote.sh", "login.md"):
        assert f"`parts/{part}.j2`" in page
    included = re.findall(
        r'include "cloud/(parts/\S+)"',
        "".join(p.read_text() for f in ("bootstrap", "common") for p in (ROOT / "templates" / f).rglob("*.j2")),
    )
    assert sorted(set(included)) == [f"parts/{part}.j2" for part in ("block.md", "driver.sh", "fabric.sh", "find.sh", "healthy.sh", "login.md", "members.sh", "notice.sh", "optional.md", "provider.tf", "quota.md", "registry.sh", "remote.sh", "renew.sh", "secret.sh", "tags.sh")]
