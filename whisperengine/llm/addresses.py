"""Addresses at which no language model answers, only a cloud's own services that hand out its credentials.

Loopback and private networks are where people run their models, so those are allowed.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

REFUSED = "link-local and metadata addresses are not allowed"

# Beyond the link-local networks: AWS over IPv6, Google over IPv6, Alibaba, Oracle, Azure's wire server.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
)
_NAMES = frozenset(
    {"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_BROADCAST = ipaddress.IPv4Address("255.255.255.255")


def is_refused(address: str) -> bool:
    """Whether an IP address, in whatever wrapping of IPv6, is one that we never connect to. A name is none."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and (found in _NAT64 or int(found) < 1 << 32):
            # NAT64, and the old IPv4-compatible form ::a.b.c.d
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None and is_refused(str(inner)):
            return True
    return found.is_link_local or found.is_multicast or found in _METADATA or found == _BROADCAST


def is_refused_url(url: str) -> bool:
    """Whether the host of a URL is refused as it is written. What a name leads to shows when it is connected to."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return True
    if host.rstrip(".").lower() in _NAMES:
        return True
    try:
        # What is no dotted quad to us may be one to the system: 2852039166, 0xa9fea9fe, 169.254.43518.
        return is_refused(socket.inet_ntoa(socket.inet_aton(host)))
    except OSError:
        return is_refused(host)


class Resolver(AbstractResolver):
    """Looks names up, and refuses those that lead to a refused address.

    The connection goes to the very address that was checked, so a name that changes its mind in between gains nothing.
    """

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if any(is_refused(each["host"]) for each in found):
            raise OSError(None, REFUSED)
        return found

    async def close(self) -> None:
        await self._inner.close()
