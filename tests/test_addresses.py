"""Which hosts are this machine: a name that only looks like one gets no key in the clear and no way round the proxy."""

from __future__ import annotations

import pytest

from planner.addresses import loopback, proxy_for
from planner.errors import MisuseError
from planner.hub import fetch
from planner.measure.target import endpoint
from planner.prices.book.remote import checked
from planner.provider import checked_endpoint

NEAR = ["localhost", "127.0.0.1", "127.8.9.1", "::1"]
FAR = ["127.example.com", "127.0.0.1.example.com", "localhost.example.com", "10.0.0.1", "::2", ""]


@pytest.mark.parametrize("host", NEAR)
def test_this_machine(host: str) -> None:
    assert loopback(host)


@pytest.mark.parametrize("host", FAR)
def test_another(host: str) -> None:
    assert not loopback(host)


def test_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert proxy_for("https://example.com/x") == ""
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_for("https://127.example.com/x") == "http://proxy:3128"
    assert [proxy_for(f"https://{h}/x") for h in ("127.0.0.1", "[::1]", "localhost", "inside.example")] == [""] * 4
    assert proxy_for("http://example.com") == ""


@pytest.mark.parametrize("host", ["127.example.com", "127.0.0.1.example.com"])
def test_every_room_that_asks_a_network_refuses_plain_http_there(host: str, tmp_path) -> None:
    url = f"http://{host}"
    with pytest.raises(MisuseError, match="in the clear"):
        endpoint(url, "a-key")
    with pytest.raises(MisuseError, match="HF_ENDPOINT"):
        fetch("owner/name", str(tmp_path), {"HF_ENDPOINT": url})
    with pytest.raises(MisuseError, match="plain http"):
        checked(f"{url}/prices.sqlite3")
    with pytest.raises(MisuseError, match="loopback only"):
        checked_endpoint(url, "aws")
