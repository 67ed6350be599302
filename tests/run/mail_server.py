"""A real SMTP server for the tests: with STARTTLS and a login, or in clear; it keeps what it is sent."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from socket import socket
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword


class MailServer:
    """What arrived."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.port = 0
        self.refuses = False

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a mail."""
        if self.refuses:
            return "451 try again later"
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.mails.append(cast("EmailMessage", message_from_bytes(content, policy=policy.default)))
        return "250 OK"

    @property
    def subjects(self) -> list[str]:
        """The subjects of what arrived, in order."""
        return [mail["Subject"] for mail in self.mails]


@contextmanager
def mail_server(certificate: Path | None = None, login: tuple[str, str] | None = None) -> Iterator[MailServer]:
    """Run a server on this machine.

    Args:
        certificate: its certificate and key, for STARTTLS; none: in clear.
        login: user and password that are asked for.
    """
    kept = MailServer()
    more: dict[str, Any] = {}
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
        more |= {"tls_context": context, "require_starttls": True}
    if login:
        asked = LoginPassword(*(part.encode() for part in login))
        more |= {"auth_required": True, "auth_require_tls": bool(certificate)}
        more |= {"authenticator": lambda *given: AuthResult(success=given[-1] == asked, handled=False)}
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        kept.port = free.getsockname()[1]
    controller = Controller(kept, hostname="127.0.0.1", port=kept.port, **more)
    controller.start()
    try:
        yield kept
    finally:
        controller.stop()
