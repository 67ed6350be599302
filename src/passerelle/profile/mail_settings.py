"""What a profile says of the mails that it sends.

Source: spec JOU-6, SEC-3.
"""

from __future__ import annotations

from email.errors import MessageError
from email.headerregistry import Address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from passerelle.exchange.options import Options

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def _addresses(text: str) -> str:
    """Refuse what is no list of addresses with ``;`` between."""
    for address in split(text) or [""]:
        try:
            Address(addr_spec=address)
            good = "@" in address
        except (MessageError, ValueError, IndexError):
            good = False
        if not good:
            raise PydanticCustomError("profile-bad-address", "no mail address", {"part": address})
    return text


def split(addresses: str) -> list[str]:
    """Give the addresses of a list with ``;`` between."""
    return [address for part in addresses.split(";") if (address := part.strip())]


class Mail(Options):
    """Whom the profile tells by mail what its runs did, and when."""

    server: str = Field(description="SMTP server.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(587, description="Its port.")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        description="`starttls`: the connection becomes TLS before anything is said; `tls`: it is from the start, "
        "usually on port 465; `none`: in clear, without a login unless the server is this machine. Certificates are "
        "verified.",
    )
    user: str = Field("", description="User name; empty: no login.")
    password: str = Field("", description="Name of the secret that holds the password.")
    sender: Annotated[str, AfterValidator(_addresses)] = Field(description="Address that the mails come from.")
    recipients: Annotated[str, AfterValidator(_addresses)] = Field(
        description="Addresses that get them, with `;` between."
    )
    subject: str = Field(
        "[Passerelle] %P %T : %S",
        description="Subject: `%P` is the profile, `%T` the task with its shop, `%S` what became of the run, `%C` its "
        "counts.",
    )
    on_orders: bool = Field(default=False, description="When documents other than quotes were made.")
    on_quotes: bool = Field(default=False, description="When quotes were made.")
    on_success: bool = Field(default=False, description="When a run sent anything.")
    on_refused: bool = Field(
        default=True, description="When records are refused that the run before it did not refuse, or not for that."
    )
    on_failure: bool = Field(default=True, description="When runs fail, and when they succeed again.")
    failures: Annotated[int, Field(ge=1)] = Field(
        1, description="Failures of a task one after the other before it is told; the next ones are silent."
    )
    attach: bool = Field(default=False, description="Attach summary and refusals; they hold personal data (SEC-5).")
    digest_hours: Annotated[int, Field(ge=0, le=24 * 7)] = Field(
        0,
        description="Instead of a mail per run, one in so many hours with what all runs did; 0: a mail per run. "
        "Failures are told at once.",
    )

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if bool(self.user) != bool(self.password):
            raise PydanticCustomError("profile-mail-login", "half a login", {"at": ("user",)})
        if self.security == "none" and self.user and self.server not in _LOCAL:
            raise PydanticCustomError("profile-mail-in-clear", "a password in clear", {"at": ("security",)})
        return self
