"""What every request passes before a page is asked: who may come, by which name, how large; what every answer says.

Source: spec SEC-1; OWASP Secure Headers Project.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Network = IPv4Network | IPv6Network
LARGEST_BODY = 1024 * 1024
LARGEST_FILE = 32 * 1024 * 1024
TAKE_FILES = "/commands/"
"""Paths that forms with files are sent to begin so."""
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_ONLY_TLS = "max-age=31536000"


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read addresses and networks: ``192.0.2.7``, ``10.0.0.0/8``, ``2001:db8::/32``.

    Raises:
        ValueError: a text is none.
    """
    return tuple(ip_network(text, strict=False) for text in texts)


class Guard:
    """ASGI middleware; without any address or host named, all may come.

    Args:
        app: what is guarded.
        hosts: names that the console may be called by, without port; a foreign one may be another site that was pointed
            here (DNS rebinding).
        addresses: whose requests are answered.
        proxies: whose word is taken for the address and the scheme of the one they ask for.
    """

    def __init__(
        self, app: ASGIApp, hosts: Sequence[str], addresses: Sequence[Network], proxies: Sequence[Network]
    ) -> None:
        self._app, self._hosts, self._addresses, self._proxies = app, set(hosts), addresses, proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        address, scheme = self._caller(scope, headers)
        scope = {**scope, "client": (address, 0), "scheme": scheme}
        is_tls = scheme == "https"

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    said[name] = value
                if is_tls:
                    said["strict-transport-security"] = _ONLY_TLS
                said.setdefault("cache-control", "no-store")
            await send(message)

        refusal = self._refusal(address, headers, _largest(scope))
        if refusal:
            await refusal(scope, receive, answer)
        else:
            await self._app(scope, _limited(receive, _largest(scope)), answer)

    def _caller(self, scope: Scope, headers: Headers) -> tuple[str, str]:
        """Give the address and the scheme that a request came by: the proxies' word, as far as they are trusted."""
        address: str = scope["client"][0] if scope.get("client") else ""
        if not _is_in(address, self._proxies):
            return address, scope["scheme"]
        for named in reversed([part.strip() for part in headers.get("x-forwarded-for", "").split(",") if part.strip()]):
            address = named
            if not _is_in(named, self._proxies):
                break
        forwarded = headers.get("x-forwarded-proto", scope["scheme"])
        return address, forwarded if forwarded in {"http", "https"} else scope["scheme"]

    def _refusal(self, address: str, headers: Headers, largest: int) -> PlainTextResponse | None:
        if self._addresses and not _is_in(address, self._addresses):
            return PlainTextResponse("Adresse refusée. Address refused.\n", 403)
        if self._hosts and _host(headers.get("host", "")) not in self._hosts:
            return PlainTextResponse("Nom d'hôte inconnu. Unknown host name.\n", 421)
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > largest:
            return PlainTextResponse("Trop long. Too large.\n", 413)
        return None


def _limited(receive: Receive, largest: int) -> Receive:
    """Take no more of a body than is allowed; one that says no length is cut there."""
    taken = 0

    async def some() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return {"type": "http.disconnect"} if taken > largest else message

    return some


def _largest(scope: Scope) -> int:
    return LARGEST_FILE if scope["path"].startswith(TAKE_FILES) else LARGEST_BODY


def _is_in(address: str, among: Sequence[Network]) -> bool:
    try:
        known = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(known, "ipv4_mapped", None)
    return any((mapped or known) in network for network in among)


def _host(header: str) -> str:
    """Give the name of a Host header: ``[::1]:4280`` is ``::1``."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()
