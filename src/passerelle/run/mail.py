"""Mails about runs: as text and HTML, sent by SMTP over verified TLS.

A mail that cannot be sent fails no run: it is logged, and the journal has all it would have said.

Source: spec JOU-6, SEC-3.
"""

from __future__ import annotations

import logging
import mimetypes
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from passerelle.ledger.errors import BusyError, LedgerError
from passerelle.ledger.ledger import Ledger
from passerelle.messages import Language, code, system
from passerelle.profile.loader import ProfileError, load
from passerelle.profile.mail_settings import Mail, split
from passerelle.profile.settings import Profile
from passerelle.run import notices, without_ledger
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation
from passerelle.run.notices import Ended, Notice
from passerelle.run.request import Request
from passerelle.run.summary import Summary
from passerelle.storage import secrets
from passerelle.storage.errors import BadPlace

_log = logging.getLogger(__name__)
_TIMEOUT = 30.0
_STYLE = "body{font-family:sans-serif}table{border-collapse:collapse}td,th{border:1px solid #999;padding:2px 6px}"


class Told:
    """What a run ended with, for the mails about it."""

    def __init__(self) -> None:
        self.summary: Summary | None = None

    def of(self, summary: Summary) -> Summary:
        """Take note of a summary, and give it back."""
        self.summary = summary
        return summary


@contextmanager
def telling(task: str, request: Request, installation: Installation) -> Iterator[Told]:
    """Tell by mail how the run inside ended, if the profile wants that; its failure goes on.

    Args:
        task: name of the task.
        request: what was asked.
        installation: where.
    """
    told = Told()
    try:
        yield told
    except BusyError:
        raise
    except Exception as error:
        _tell(task, request, installation, None, error)
        raise
    if told.summary and told.summary.state not in {"planned", "paused"}:
        _tell(task, request, installation, told.summary)


def message(mail: Mail, notice: Notice, language: str) -> EmailMessage:
    """Make a mail: its text as it is, and as HTML; files attached."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - most runs write no mail

    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = notice.subject, mail.sender, ", ".join(split(mail.recipients))
    made["Date"], made["Message-ID"] = formatdate(), make_msgid(domain=mail.sender.rpartition("@")[2])
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(notice.text)
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(notice.text)
    made.add_alternative(
        f'<!doctype html><html lang="{language}"><head><style>{_STYLE}</style></head><body>{body}</body></html>', "html"
    )
    for file in notice.files:
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        main, sub = kind.split("/", 1)
        made.add_attachment(file.read_bytes(), maintype=main, subtype=sub, filename=file.name)
    return made


def send(mail: Mail, made: EmailMessage) -> None:
    """Send a mail.

    Raises:
        OSError: the server cannot be reached, its certificate is wrong, or it refuses (``smtplib.SMTPException``).
        BadPlace: the password's secret is missing.
    """
    password = secrets.resolve(mail.password) if mail.password else None
    context = ssl.create_default_context()
    with _connected(mail, context) as to:
        if mail.security == "starttls":
            to.starttls(context=context)
        if password:
            to.login(mail.user, password.get_secret_value())
        to.send_message(made)


def send_trial(profile: Profile) -> None:
    """Send a mail that only shows that mails arrive; the profile has mail settings.

    Raises:
        RunError: the server has not taken it.
    """
    mail, language = profile.mail, profile.language
    if mail is None:
        raise ValueError(f"profile {profile.name} has no mail settings")
    said = code("mail-trial").text(language)
    try:
        send(
            mail,
            message(mail, Notice(f"[Passerelle] {profile.name} : {said}", f"# {profile.name}\n\n{said}\n"), language),
        )
    except (OSError, BadPlace) as error:
        place = f"{mail.server}:{mail.port}"
        raise RunError(
            "mail-refused-by-server", place=place, reason_fr=_reason(error, "fr"), reason_en=_reason(error, "en")
        ) from error


def _connected(mail: Mail, context: ssl.SSLContext) -> smtplib.SMTP:
    if mail.security == "tls":
        return smtplib.SMTP_SSL(mail.server, mail.port, timeout=_TIMEOUT, context=context)
    return smtplib.SMTP(mail.server, mail.port, timeout=_TIMEOUT)


def _tell(
    task: str, request: Request, installation: Installation, summary: Summary | None, error: Exception | None = None
) -> None:
    """Send the mails that the end of a run is worth; what goes wrong with that is logged."""
    try:
        profile = load(request.profile, profiles_folder=installation.profiles).profile
    except ProfileError:
        return  # who could be told stands there
    if request.plan or profile.mail is None:
        return
    mail, language = profile.mail, profile.language
    ended = Ended(task, request.shop, summary, _reason(error, language) if error else "")
    home = installation.run_folder(summary.run_id if summary else "")
    try:
        try:
            ledger = Ledger.open(installation.ledger_url, clock=installation.clock)
        except LedgerError as failure:
            _tell_without_ledger(installation, profile, mail, replace(ended, reason=_reason(failure, language)))
            return
        with ledger:
            _tell_of_ledger(installation, profile, mail, ended)
            for notice in notices.due(profile, mail, ended, ledger, installation.clock(), home):
                send(mail, message(mail, notice, language))
                for mark in notice.marks.items():
                    ledger.set_mark(profile.name, *mark)
    except Exception as failure:  # noqa: BLE001 - a run is what it is, told or not
        said = code("mail-not-sent")
        shown = said.text(language, place=f"{mail.server}:{mail.port}", reason=_reason(failure, language))
        _log.warning("%s %s", shown, said.todo(language))


def _tell_without_ledger(installation: Installation, profile: Profile, mail: Mail, ended: Ended) -> None:
    """Tell once that the ledger cannot be opened, whichever task fails for that, however often."""
    _log.warning("%s", ended.reason)
    if not mail.on_failure or not without_ledger.remember(installation, profile.name):
        return
    try:
        send(mail, message(mail, notices.without_ledger(profile, mail, ended), profile.language))
    except Exception:
        without_ledger.forget(installation, profile.name)
        raise


def _tell_of_ledger(installation: Installation, profile: Profile, mail: Mail, ended: Ended) -> None:
    """Tell that the ledger can be opened again, where people were told that it could not."""
    if without_ledger.is_told(installation, profile.name):
        send(mail, message(mail, notices.ledger_again(profile, mail, ended), profile.language))
        without_ledger.forget(installation, profile.name)


def _reason(error: Exception, language: Language) -> str:
    """Say why something failed, without what might be secret or personal."""
    text, todo = getattr(error, "text", None), getattr(error, "todo", None)
    if callable(text) and callable(todo):
        return f"{text(language)} {todo(language)}".strip()
    if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException):
        return system.text(error, language)
    return type(error).__name__
