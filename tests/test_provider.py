"""Endpoint overrides are https or loopback; families are found by what stands before the size."""

from __future__ import annotations

import pytest

from planner.errors import MisuseError
from planner.provider import checked_endpoint, in_families


@pytest.mark.parametrize(
    "url",
    [
        "https://proxy.example",
        "https://proxy.example:8443/aws",
        "http://127.0.0.1:4010",
        "http://127.9.9.9",
        "http://[::1]:80",
        "http://localhost:1",
    ],
)
def test_safe_addresses_pass(url: str) -> None:
    assert checked_endpoint(url, "aws") == url
    assert checked_endpoint(url + "/", "aws") == url


@pytest.mark.parametrize(
    "url",
    [
        "http://proxy.example",
        "http://127.0.0.1.example.com",
        "http://0.0.0.0:80",
        "http://[::ffff:8.8.8.8]",
        "http://169.254.169.254",
        "ftp://127.0.0.1",
        "127.0.0.1:80",
        "https://",
        "",
        "https://host:99999",
        "https://host:x",
        "https://host:0",
        "https://ho st",
        "https://host\n",
        "https://host/?key=1",
        "https://host/#x",
        "http://127.0.0.1@evil.example",
        "http://evil.example#@127.0.0.1",
        "file:///etc/passwd",
    ],
)
def test_unsafe_addresses_are_refused(url: str) -> None:
    with pytest.raises(MisuseError) as caught:
        checked_endpoint(url, "aws")
    assert "--endpoint aws=" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(MisuseError) as caught:
        checked_endpoint("https://AKID:s3cret@host", "aws")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "families", "expected"),
    [
        ("p4d.24xlarge", (), True),
        ("p4d.24xlarge", ("p4d",), True),
        ("p4d.24xlarge", ("P4D", "p5"), True),
        ("p4de.24xlarge", ("p4d",), False),
        ("ecs.gn7i-c16g1.4xlarge", ("gn7i",), True),
        ("ecs.gn7i-c16g1.4xlarge", ("ecs.gn7i",), True),
        ("ecs.gn7ix.4xlarge", ("gn7i",), False),
        ("ecs.sgn7i-vws-m2.xlarge", ("ecs.sgn7i-vws",), True),
        ("GN10Xp.20XLARGE320", ("gn10xp",), True),
        ("GN10X.20XLARGE320", ("gn10xp",), False),
        ("p4d.24xlarge", ("p4d.24xlarge",), True),
    ],
)
def test_families(name: str, families: tuple[str, ...], expected: bool) -> None:
    assert in_families(name, families) is expected
