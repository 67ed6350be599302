"""Log in to a cloud in the browser, and store the token that it grants (STO-13).

The cloud sends the browser back to a page of this machine's own, on the loopback address, with a code that only we can
change into a token: it comes with our ``state``, and the change needs a secret that never left us (PKCE, RFC 7636,
where the cloud knows it). The token is never shown.

Source: spec STO-2, STO-13; RFC 8252.
"""

from __future__ import annotations

import queue
import threading
import webbrowser
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import compare_digest, token_urlsafe
from typing import Protocol, runtime_checkable
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from passerelle.storage import secrets
from passerelle.storage.errors import BadPlace, Denied
from passerelle.storage.place import Secret

PORT = 27613
"""Where the browser comes back to by default: clouds want to know the address ``http://127.0.0.1:27613/`` before."""

_PAGE = """<!DOCTYPE html><html lang="fr"><meta charset="utf-8"><title>Passerelle</title>
<p>Réponse reçue. Fermez cette page et revenez à Passerelle, qui dit si la connexion est faite.</p>
<p lang="en">Answer received. Close this page and go back to Passerelle, which tells whether you are logged in.</p>
</html>""".encode()


@dataclass(frozen=True, slots=True)
class Grant:
    """What a cloud gave.

    Attributes:
        token: to be stored as the place's secret.
        options: options of the place that the token is good with, such as the host to talk to; no secret.
    """

    token: SecretStr
    options: Mapping[str, str] = field(default_factory=dict)


class Provider(Protocol):
    """How one cloud is asked; its backend's module has it."""

    @property
    def name(self) -> str:
        """The cloud, for people: no secret."""
        ...

    @property
    def secret_name(self) -> str:
        """Name of the secret that its token becomes."""
        ...

    @property
    def returns_state(self) -> bool:
        """Its answer always has the ``state``. Where not, an answer without any is taken; a wrong one never is."""
        ...

    def authorize_url(self, redirect: str, state: str, challenge: str) -> str:
        """Give the page where the user says yes.

        Args:
            redirect: where the browser is sent afterwards.
            state: comes back with it.
            challenge: of PKCE, by S256.
        """
        ...

    def grant(self, answer: Mapping[str, str], redirect: str, verifier: str) -> Grant:
        """Change the code for the token.

        Args:
            answer: what the browser brought: ``code``, and whatever else the cloud added.
            redirect: as it was asked with.
            verifier: of PKCE.

        Raises:
            Denied: (code ``storage-login-code``) the cloud does not take the code.
            Unreachable: the cloud does not answer.
        """
        ...


@runtime_checkable
class BrowserLogin(Protocol):
    """A place whose token comes from the browser."""

    def provider(self, secret: Secret) -> Provider:
        """Give whom to ask; ``secret`` gives the other secrets of the place, not the token."""
        ...


def token_of(place: str, secret_name: str, secret: Secret) -> SecretStr:
    """Give the token that an earlier login stored.

    Raises:
        BadPlace: (code ``storage-login-needed``) there is none yet.
    """
    try:
        token = secret(secret_name)
    except BadPlace as error:
        if error.code != "storage-secret-missing":
            raise
        token = None
    if token is None:
        raise BadPlace(place, "", secret_name, "storage-login-needed")
    return token


def authorise(
    provider: Provider,
    *,
    show: Callable[[str], object],
    open_browser: Callable[[str], object] = webbrowser.open,
    port: int = PORT,
    timeout_seconds: float = 300,
    secrets_file: Path | None = None,
) -> Mapping[str, str]:
    """Let the user log in, and store the token under its name in the secrets file.

    Args:
        provider: whom to ask.
        show: told the address to open, in case that no browser opens by itself.
        open_browser: given the same address.
        port: where the browser comes back to: as registered with the cloud; 0: any free one.
        timeout_seconds: how long the user has.
        secrets_file: see ``secrets.store``.

    Returns:
        Options that the place must have with this token: see ``Grant``.

    Raises:
        BadPlace: the port is in use (code ``storage-login-port``), or the secrets file cannot be written.
        Denied: the user said no, or the answer is not to our question; its code says which.
        Unreachable: the cloud does not answer.
    """
    state, verifier = token_urlsafe(32), token_urlsafe(64)
    challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    with _listening(provider.name, port) as (redirect, answers):
        address = provider.authorize_url(redirect, state, challenge)
        show(address)
        open_browser(address)
        try:
            answer = answers.get(timeout=timeout_seconds)
        except queue.Empty:
            raise Denied(provider.name, code="storage-login-timeout") from None
    _check(provider, answer, state)
    grant = provider.grant(answer, redirect, verifier)
    secrets.store(provider.secret_name, grant.token, file=secrets_file)
    return grant.options


def _check(provider: Provider, answer: Mapping[str, str], state: str) -> None:
    returned = answer.get("state", "" if provider.returns_state else state)
    if not compare_digest(returned.encode(), state.encode()):
        raise Denied(provider.name, code="storage-login-state")
    if "code" not in answer:
        detail = answer.get("error_description") or answer.get("error", "")
        raise Denied(provider.name, "", detail, "storage-login-cancelled")


@contextmanager
def _listening(name: str, port: int) -> Iterator[tuple[str, queue.Queue[dict[str, str]]]]:
    """Wait for the browser: give the address it comes back to, and what it brings."""
    answers: queue.Queue[dict[str, str]] = queue.Queue()

    class Page(BaseHTTPRequestHandler):
        timeout = 10  # browsers open connections in advance and say nothing

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            answer = dict(parse_qsl(parts.query))
            if parts.path != "/" or not answer.keys() & {"code", "error"}:
                self.send_error(404)
                return
            try:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(_PAGE)))
                self.end_headers()
                self.wfile.write(_PAGE)
            finally:  # even if the browser did not wait
                answers.put(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing: the address holds the code."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Page)
    except OSError as error:
        raise BadPlace(name, "", str(port), "storage-login-port") from error
    with server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", answers
        finally:
            server.shutdown()
