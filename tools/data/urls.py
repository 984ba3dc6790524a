"""Which http(s) addresses may be asked, and how they are shown."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from ..errors import BadRequest, NotAllowed, Unavailable

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def checked_url(url: str) -> SplitResult:
    """Take an http(s) URL apart.

    Raises:
        BadRequest: it is not one, has no host, or holds a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadRequest(f"{shown_url(url)} is not a URL: {error}") from None
    if parts.scheme not in {"http", "https"}:
        raise NotAllowed(f"{shown_url(url)}: only http and https addresses are fetched, not {parts.scheme}:")
    if "@" in parts.netloc:
        raise BadRequest(
            f"{shown_url(url)} holds a user name or password, which must not pass through here; leave it out"
        )
    if not parts.hostname or port == 0 or any(ord(c) <= 32 or ord(c) == 127 for c in url):
        raise BadRequest(f"{shown_url(url)} is not a URL: it needs a host, and no blanks; write them as %20")
    return parts


def shown_url(url: str) -> str:
    """Return a URL for people: without user, password and query, which may hold secrets, and not too long."""
    scheme, _, rest = url.partition("://")
    rest = rest.partition("#")[0]
    host, slash, tail = rest.partition("/")
    path, query, _ = tail.partition("?")
    host, mark, _ = host.rpartition("@")[2].partition("?")
    text = f"{scheme}://{host}{slash}{path}{'?…' if query or mark else ''}"
    return text if len(text) <= 120 else f"{text[:100]}…{text[-15:]}"


def addresses_of(parts: SplitResult, *, private: bool) -> list[str]:
    """Return the addresses to connect to, once every one of the host may be asked.

    The connection is then made to one of these, so that a second answer of the name server changes nothing.

    Raises:
        NotAllowed: one of the host's addresses is not public.
        Unavailable: the host has no address.
    """
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, parts.port or port_of(parts), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unavailable(f"the host {host!r} has no address that can be found; check its spelling") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not private and not all(_public(address) for address in addresses):
        raise NotAllowed(
            f"the host {host!r} does not have a public address, and others are not asked; "
            "set data.private_addresses to true to allow hosts of your own network"
        )
    return addresses


def _public(text: str) -> bool:
    """Tell whether an address, and any IPv4 address that it carries, belongs to the public network."""
    address = ipaddress.ip_address(text.partition("%")[0])
    inner: list[ipaddress.IPv4Address | None] = []
    if isinstance(address, ipaddress.IPv6Address):
        inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if any(carried is not None and not _public(str(carried)) for carried in inner):
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return True
    return address.is_global and not address.is_multicast


def port_of(parts: SplitResult) -> int:
    """Return the port that a scheme means when none is given."""
    return 443 if parts.scheme == "https" else 80
