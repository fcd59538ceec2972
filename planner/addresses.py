"""Addresses: whether a host is this machine, and which proxy the environment names for another."""

from __future__ import annotations

__all__ = ["loopback", "proxy_for"]


def loopback(host: str) -> bool:
    """Return whether `host` is this machine: `localhost`, 127.0.0.0/8 or ::1 as they are written.

    A name that merely resolves there, or begins like one of them ("127.example.com"), is not.
    """
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def proxy_for(url: str) -> str:
    """Return the proxy that the environment names for `url`, "" for none and for this machine."""
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = {} if loopback(host) else getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    return "" if proxy and proxy_bypass(host) else proxy
