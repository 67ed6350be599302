"""Which of a run's ends people are told by mail, and in which words; told is only what is new to them.

What was told before is known by the ledger's runs, so that a poller that fails every five minutes sends one mail, and
one more when it works again. Nothing here is sent: ``run.mail`` does.

Source: spec JOU-6; SEC-5 (mails hold no personal data, but for what is attached).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from passerelle.ledger.ledger import Ledger
from passerelle.messages import Language, code
from passerelle.profile.mail_settings import Mail
from passerelle.profile.settings import Profile
from passerelle.run import quotas
from passerelle.run.summary import Summary, markdown

ATTACHED = ("summary.md", "rejects.csv", "rejects.xlsx")
DIGEST = "mail.digest"
"""The ledger's mark of the moment up to which a digest has told."""
_LATEST = 500
"""Runs of a profile that are looked at for what went before."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail to be sent.

    Attributes:
        subject: one line.
        text: Markdown.
        files: files that are attached.
        marks: marks of the ledger that stand once it is sent.
    """

    subject: str
    text: str
    files: tuple[Path, ...] = ()
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run of a task ended.

    Attributes:
        task: name of the task.
        shop: the shop that something went to; empty: the ERP.
        summary: what it did; ``None``: it failed.
        reason: why it failed, for people.
    """

    task: str
    shop: str
    summary: Summary | None = None
    reason: str = ""


def due(profile: Profile, mail: Mail, ended: Ended, ledger: Ledger, now: datetime, home: Path) -> list[Notice]:
    """Give the mails that the end of a run is worth, and count its failures in the ledger.

    Args:
        profile: the profile.
        mail: its mail settings.
        ended: how the run ended; it is in the ledger.
        ledger: what it and the runs before it did.
        now: the moment, in UTC.
        home: the folder of the run's reports.
    """
    words = _Words(profile, mail, ended)
    mark = ".".join(filter(None, ("mail.failures", ended.task, ended.shop)))
    count, _, told = (ledger.mark(profile.name, mark) or "0").partition(" ")
    failures = int(count)
    if ended.summary is None:
        ledger.set_mark(profile.name, mark, f"{failures + 1} {told}".strip())
        is_due = mail.on_failure and not told and failures + 1 >= mail.failures
        return [words.failed(failures + 1, {mark: f"{failures + 1} told"})] if is_due else []
    if failures and not told:
        ledger.set_mark(profile.name, mark, "0")
    notices = [words.works_again(failures, {mark: "0"})] if told else []
    if ended.summary.delivery:
        notices += _quotas(words, ledger, now)
    if mail.digest_hours:
        return notices + _digest(profile, mail, ledger, now)
    news = new_refusals(ledger, profile.name, ended) if mail.on_refused else 0
    if news or _is_told(mail, ended.summary):
        files = tuple(home / name for name in ATTACHED if (home / name).is_file()) if mail.attach else ()
        notices.append(words.done(ended.summary, files))
    return notices


def without_ledger(profile: Profile, mail: Mail, ended: Ended) -> Notice:
    """Give the mail of the ledger that cannot be opened; the reason says why."""
    return _Words(profile, mail, ended).without_ledger()


def ledger_again(profile: Profile, mail: Mail, ended: Ended) -> Notice:
    """Give the mail of the ledger that can be opened again."""
    return _Words(profile, mail, ended).ledger_again()


def new_refusals(ledger: Ledger, profile: str, ended: Ended) -> int:
    """Count the records that a run refused and the one before it did not, or not for that reason."""
    run_id = ended.summary.run_id if ended.summary else ""
    refused = _refused(ledger.run_outcomes(run_id))
    before = [
        run.run_id
        for run in ledger.runs(profile, _LATEST)
        if (run.task, run.parameters.get("shop", "")) == (ended.task, ended.shop)
        and run.run_id != run_id
        and run.state != "failed"
    ]
    if refused.empty or not before:
        return len(refused)
    known = pd.MultiIndex.from_frame(_refused(ledger.run_outcomes(before[0])))
    return int((~pd.MultiIndex.from_frame(refused).isin(known)).sum())


def _quotas(words: _Words, ledger: Ledger, now: datetime) -> list[Notice]:
    """Tell of quotas once when little is left of them, and once when nothing is."""
    profile = words.profile
    today = now.astimezone(ZoneInfo(profile.time_zone)).date()
    used = {f"mail.quota.{use.name}": use for use in quotas.told(profile, ledger, today)}
    marks = {mark: f"{use.month} {use.level}" for mark, use in used.items()}
    news = {mark: level for mark, level in marks.items() if ledger.mark(profile.name, mark) != level}
    return [words.quotas([used[mark].text(profile.language) for mark in news], news)] if news else []


def _refused(outcomes: pd.DataFrame) -> pd.DataFrame:
    return outcomes.loc[outcomes["state"] == "failed", ["record", "code"]].drop_duplicates()


def _is_told(mail: Mail, summary: Summary) -> bool:
    quotes = summary.documents.get("quote", 0)
    documents = sum(summary.documents.values()) - quotes
    return bool((mail.on_orders and documents) or (mail.on_quotes and quotes) or (mail.on_success and summary.delivery))


def _digest(profile: Profile, mail: Mail, ledger: Ledger, now: datetime) -> list[Notice]:
    """Tell of all runs since the last digest, once its time has come and something was done."""
    mark = ledger.mark(profile.name, DIGEST)
    since = datetime.fromisoformat(mark) if mark else now - timedelta(hours=mail.digest_hours)
    if mark and now - since < timedelta(hours=mail.digest_hours):
        return []
    runs = [run for run in ledger.runs(profile.name, _LATEST) if run.finished_at and since < run.finished_at <= now]
    if not any(run.state != "nothing_to_do" or run.counts.get("failed") for run in runs):
        return []
    zone = ZoneInfo(profile.time_zone)
    rows = [
        f"| {run.started_at.astimezone(zone):%Y-%m-%d %H:%M} | {run.task} {run.parameters.get('shop', '')} "
        f"| {run.state} | {' '.join(f'{name}={count}' for name, count in run.counts.items())} |"
        for run in reversed(runs)
    ]
    title = _said("mail-digest", profile.language, count=len(runs))
    heads = "| " + " | ".join(_said("mail-digest-heads", profile.language).split("; ")) + " |"
    text = "\n".join([f"# {profile.name} — {title}", "", heads, "|---|---|---|---|", *rows, ""])
    return [Notice(f"[Passerelle] {profile.name} : {title}", text, marks={DIGEST: now.isoformat()})]


@dataclass(frozen=True, slots=True)
class _Words:
    """The mails about one run, in the profile's language."""

    profile: Profile
    mail: Mail
    ended: Ended

    def failed(self, count: int, marks: Mapping[str, str]) -> Notice:
        """Say that the run failed, and why."""
        text = f"{self._title('mail-failed')}\n\n{self.ended.reason}\n"
        if count > 1:
            text += f"\n{_said('mail-failures', self._language, count=count)}\n"
        return Notice(self._subject("mail-failed", ""), text, marks=marks)

    def without_ledger(self) -> Notice:
        """Say that the ledger cannot be opened, why, and that no other mail follows."""
        silent = _said("mail-without-ledger", self._language)
        text = f"{self._title('mail-failed')}\n\n{self.ended.reason}\n\n{silent}\n"
        return Notice(self._subject("mail-failed", ""), text)

    def ledger_again(self) -> Notice:
        """Say that the ledger can be opened again."""
        return Notice(self._subject("mail-ledger-again", ""), f"{self._title('mail-ledger-again')}\n")

    def works_again(self, failures: int, marks: Mapping[str, str]) -> Notice:
        """Say that the task works again."""
        text = f"{self._title('mail-works-again')}\n\n{_said('mail-failures', self._language, count=failures)}\n"
        return Notice(self._subject("mail-works-again", ""), text, marks=marks)

    def quotas(self, used: list[str], marks: Mapping[str, str]) -> Notice:
        """Say what is used of quotas."""
        text = "\n".join([self._title("mail-quota"), "", *(f"- {one}" for one in used), ""])
        return Notice(self._subject("mail-quota", ""), text, marks=marks)

    def done(self, summary: Summary, files: tuple[Path, ...]) -> Notice:
        """Say what the run did."""
        counts = " ".join(f"{name}={count}" for name, count in summary.counts.items())
        state = "mail-refused" if summary.has_refusals else "mail-done"
        return Notice(self._subject(state, counts), markdown(summary, values=False), files)

    @property
    def _language(self) -> Language:
        return self.profile.language

    @property
    def _task(self) -> str:
        return f"{self.ended.task} {self.ended.shop}".strip()

    def _title(self, name: str) -> str:
        return f"# {self.profile.name} — {self._task} : {_said(name, self._language)}"

    def _subject(self, state: str, counts: str) -> str:
        parts = {"%P": self.profile.name, "%T": self._task, "%S": _said(state, self._language), "%C": counts}
        subject = self.mail.subject
        for mark, part in parts.items():
            subject = subject.replace(mark, part)
        return " ".join(subject.split())


def _said(name: str, language: Language, **parameters: object) -> str:
    return code(name).text(language, **parameters)
