"""One process at a time does a task of a profile, on one machine or several.

A lease runs out unless its holder renews it, which happens by itself every third of its time. It is taken over when it
has run out, or at once when its holder was a process of this machine that is gone. Nothing depends on it for being
exchanged only once (``Ledger.prepare`` sees to that): it spares two runs from doing the same work.

Source: design.md decision 6; spec RUN-3, RUN-6, REL-1.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy import exc

from passerelle.ledger.database import Database
from passerelle.ledger.errors import BusyError, LeaseLostError, LedgerError
from passerelle.ledger.schema import leases

Clock = Callable[[], datetime]
"""Tells the time, with its zone."""

_log = logging.getLogger(__name__)
_held_here: set[str] = set()
"""Tokens of the leases this process holds: they tell its own from those of a dead process that had its number."""


class Lease:
    """A task of a profile, held by this process from ``with`` to its end.

    Attributes:
        profile: the profile.
        task: the task.
        holder: who does it, for people: a run's id, a user.
        ttl: how long it is held without being renewed.
    """

    def __init__(self, database: Database, clock: Clock, profile: str, task: str, holder: str, ttl: timedelta) -> None:
        self.profile, self.task, self.holder, self.ttl = profile, task, holder, ttl
        self._database, self._clock = database, clock
        self._token = uuid4().hex
        self._given_back = threading.Event()
        self._renewer = threading.Thread(target=self._renew_until_given_back, daemon=True, name=f"lease {task}")

    def __enter__(self) -> Self:
        """Take the task.

        Raises:
            BusyError: another process holds it.
        """
        _held_here.add(self._token)
        try:
            self._take()
        except BaseException:
            _held_here.discard(self._token)
            raise
        self._renewer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the task back."""
        self._given_back.set()
        self._renewer.join()
        _held_here.discard(self._token)
        try:
            with self._database.writing() as connection:
                connection.execute(sa.delete(leases).where(leases.c.token == self._token))
        except LedgerError:
            # What went wrong inside matters more, and a lease that cannot be given back runs out.
            _log.warning("the lease of %s/%s could not be given back", self.profile, self.task, exc_info=True)

    def renew(self) -> None:
        """Hold the task for its ``ttl`` from now on.

        Raises:
            LeaseLostError: another process has taken it over.
        """
        with self._database.writing() as connection:
            self.renew_in(connection)

    def renew_in(self, connection: sa.Connection) -> None:
        """Renew as part of a transaction: what else it writes is written by the holder or not at all.

        Raises:
            LeaseLostError: another process has taken it over.
        """
        renewed = connection.execute(
            sa.update(leases).where(leases.c.token == self._token).values(expires_at=self._clock() + self.ttl)
        )
        if not renewed.rowcount:
            raise LeaseLostError(profile=self.profile, task=self.task)

    def _take(self) -> None:
        try:
            self._insert_or_take_over()
        except exc.IntegrityError:
            # Another process was between our look and our insert: now there is one to be named.
            self._insert_or_take_over()

    def _insert_or_take_over(self) -> None:
        now = self._clock()
        mine = {
            "token": self._token,
            "holder": self.holder,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "acquired_at": now,
            "expires_at": now + self.ttl,
        }
        this = (leases.c.profile == self.profile) & (leases.c.task == self.task)
        with self._database.writing() as connection:
            held = connection.execute(sa.select(leases).where(this).with_for_update()).one_or_none()
            if held is None:
                connection.execute(sa.insert(leases), {"profile": self.profile, "task": self.task, **mine})
                return
            if lives(held, now):
                raise BusyError(
                    profile=self.profile,
                    task=self.task,
                    holder=held.holder,
                    host=held.host,
                    since=f"{held.acquired_at:%Y-%m-%d %H:%M:%S} UTC",
                )
            connection.execute(sa.update(leases).where(this).values(mine))
        _log.warning("took over %s/%s from %s, which did not give it back", self.profile, self.task, held.holder)

    def _renew_until_given_back(self) -> None:
        while not self._given_back.wait(self.ttl.total_seconds() / 3):
            try:
                self.renew()
            except LeaseLostError:
                return  # the run is told when it prepares
            except LedgerError:
                _log.warning("the lease of %s/%s could not be renewed", self.profile, self.task, exc_info=True)


def is_held(connection: sa.Connection, profile: str, task: str, now: datetime) -> bool:
    """Tell whether a living process holds a task of a profile."""
    held = connection.execute(sa.select(leases).where(leases.c.profile == profile, leases.c.task == task)).one_or_none()
    return held is not None and lives(held, now)


def lives(held: sa.Row[Any], now: datetime) -> bool:
    """Tell whether the row of a lease counts: it has not run out, and its holder is not known to be gone."""
    return bool(now < held.expires_at) and not _is_gone(held.host, held.pid, held.token)


def _is_gone(host: str, pid: int, token: str) -> bool:
    """Tell whether a lease's holder was a process of this machine that no longer runs."""
    if host != socket.gethostname() or os.name != "posix":  # elsewhere, signal 0 would end the process
        return False
    if pid == os.getpid():
        return token not in _held_here
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
