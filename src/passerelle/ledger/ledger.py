"""The durable record of what was exchanged, and the outbox of what still has to arrive.

A run reads and computes, stores its files in the outbox (``passerelle.ledger.outbox``), and writes all it found out and
is about to send in one transaction (``prepare``). Then it publishes the files, and says so (``delivered``). Then it
does the effects in the shop. Whatever stops it, the next run first finishes ``unfinished`` deliveries with the very
same bytes, then does the effects still pending, then reads anything new.

    run:       running ─► prepared ─► delivered          any ─► failed ─► (retry) where it was
                  └─► nothing_to_do
    delivery:  prepared ─► delivered | abandoned
    effect:    recorded ─► done

Source: design.md decisions 5, 6; spec ORD-1, ORD-9, ORD-80, ORD-81, CUS-9, RUN-4, RUN-6, JOU-1, REL-1.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import pandas as pd
import sqlalchemy as sa
from sqlalchemy import exc

from passerelle import outcome
from passerelle.ledger import history, pickups, prepare, purging, tables
from passerelle.ledger.access import Access
from passerelle.ledger.database import Database, open_database
from passerelle.ledger.entries import (
    ACCOUNTS,
    AuditEntry,
    Delivery,
    FoundFile,
    OldRun,
    Pickup,
    PickupState,
    Prepared,
    Run,
    RunState,
    StoredFile,
)
from passerelle.ledger.errors import UndeliveredError, UnknownError, WrongStateError
from passerelle.ledger.history import Span
from passerelle.ledger.journal import Journal
from passerelle.ledger.leases import Clock, Lease
from passerelle.ledger.people import People
from passerelle.ledger.schema import (
    Moment,
    accounts,
    audit,
    deliveries,
    effects,
    files,
    leases,
    marks,
    origins,
    outcomes,
    records,
    runs,
    sent_values,
)
from passerelle.ledger.schema import pickups as picked_up
from passerelle.messages import code

_KEYS_AT_ONCE = 10_000


def _now() -> datetime:
    return datetime.now(UTC)


_LAST_TRANSFER = "last-transfer"


def last_transfer(task: str, shop: str) -> str:
    """Name the mark of when a task last transferred to a shop (CAT-2)."""
    return f"{task}.{_LAST_TRANSFER}.{shop}"


def is_last_transfer(mark: str) -> bool:
    """Tell whether a mark is of when a task last transferred to a shop."""
    return f".{_LAST_TRANSFER}." in mark


def new_run_id(now: datetime) -> str:
    """Name a run so that it sorts by time."""
    now = now.astimezone(UTC)
    return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}-{secrets.token_hex(4)}"


class Ledger:
    """The ledger of one installation; every method is a transaction of its own. Use ``Ledger.open``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._leases: dict[tuple[str, str], Lease] = {}

    @classmethod
    def open(cls, url: str, *, clock: Clock = _now, create: bool = True) -> Self:
        """Open the ledger and bring it to the newest schema.

        Args:
            url: see ``database.open_database``.
            clock: gives the time, with its zone.
            create: make it when there is none.

        Raises:
            LedgerError: it cannot be opened; every method may raise one when it is locked, full, damaged or gone.
        """
        return cls(open_database(url, create=create), clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the database's connections back."""
        self._database.close()

    @property
    def url(self) -> str:
        """The address of the database, without password."""
        return self._database.url

    @property
    def journal(self) -> Journal:
        """The journal's questions."""
        return Journal(self._database, self._clock)

    @property
    def access(self) -> Access:
        """Who may use the console."""
        return Access(self._database, self._clock)

    # Leases

    @contextmanager
    def lease(self, profile: str, task: str, holder: str, ttl: timedelta = timedelta(minutes=5)) -> Iterator[Lease]:
        """Hold a task of a profile: no other process can, until the end of the ``with`` or of this process.

        Args:
            profile: the profile.
            task: the task.
            holder: who does it, for people.
            ttl: how long it is held when this machine no longer answers.

        Raises:
            BusyError: another process holds it.
        """
        with Lease(self._database, self._clock, profile, task, holder, ttl) as held:
            self._leases[profile, task] = held
            try:
                yield held
            finally:
                if self._leases.get((profile, task)) is held:
                    del self._leases[profile, task]

    def _held(self, profile: str) -> list[Lease]:
        return [lease for (whose, _), lease in self._leases.items() if whose == profile]

    def leases(self) -> pd.DataFrame:
        """Tell which tasks are held: profile, task, holder, host; one row per lease, run out or not."""
        query = sa.select(leases.c.profile, leases.c.task, leases.c.holder, leases.c.host)
        return self._select(query.order_by(leases.c.profile, leases.c.task))

    # Runs

    def start_run(
        self, profile: str, task: str, parameters: Mapping[str, Any] | None = None, *, run_id: str | None = None
    ) -> str:
        """Write that a run starts, or starts again.

        A run that is started again is again what it was before it failed: ``running``, or further when it had prepared
        something already (see ``run``). Runs of the task, for the same shop, that were killed are written down as
        failed; that is only sure, and only done, when this ledger holds a lease of the profile, which keeps out all
        that would work beside it.

        Args:
            profile: the profile.
            task: the task.
            parameters: what the run was asked for; JSON values, no secrets.
            run_id: its id; none: one is made that sorts by time.

        Returns:
            The run's id.

        Raises:
            ValueError: the run is another profile's or task's.
        """
        now = self._clock()
        run_id = run_id or new_run_id(now)
        with self._database.writing() as connection:
            if self._held(profile):
                killed = _running(connection, profile, task, (parameters or {}).get("shop")) - {run_id}
                message = code("run-interrupted").text("fr")
                failed = sa.update(runs).where(runs.c.run_id.in_(killed))
                connection.execute(failed.values(state="failed", finished_at=now, message=message))
            run = _row_or_none(connection, runs, run_id)
            if run is None:
                new = {"run_id": run_id, "profile": profile, "task": task, "state": "running", "started_at": now}
                rest = {"parameters": dict(parameters or {}), "counts": {}, "message": ""}
                connection.execute(sa.insert(runs), {**new, **rest})
            elif (run.profile, run.task) != (profile, task):
                raise ValueError(f"run {run_id} is of {run.profile}/{run.task}, not of {profile}/{task}")
            elif run.state == "failed":
                state = _state_before_failure(connection, run)
                finished_at = None if state in {"running", "prepared"} else run.finished_at
                _change(connection, runs, run.number, state=state, finished_at=finished_at, message="")
        return run_id

    def finish_run(
        self, run_id: str, state: RunState, counts: Mapping[str, int] | None = None, message: str = ""
    ) -> None:
        """Write how a run ended: ``nothing_to_do``, or ``delivered`` once ``delivered`` has said so of its delivery.

        Args:
            run_id: the run.
            state: how it ended.
            counts: its counts; none: those it was prepared with.
            message: for people.

        Raises:
            UnknownError: no such run.
            WrongStateError: it did not end like that.
        """
        allowed = {"nothing_to_do": {"running", "nothing_to_do"}, "delivered": {"delivered"}}
        self._end_run(run_id, state, allowed.get(state, set()), counts, message)

    def fail_run(self, run_id: str, message: str, counts: Mapping[str, int] | None = None) -> None:
        """Write that a run failed, from whatever state; what it had prepared is delivered all the same.

        Raises:
            UnknownError: no such run.
        """
        anything = {"running", "prepared", "delivered", "nothing_to_do", "failed"}
        self._end_run(run_id, "failed", anything, counts, message)

    def _end_run(
        self, run_id: str, state: RunState, allowed: set[str], counts: Mapping[str, int] | None, message: str
    ) -> None:
        with self._database.writing() as connection:
            run = _row(connection, runs, run_id)
            if run.state not in allowed:
                raise WrongStateError(name=run_id, state=run.state, wanted=state)
            given = {} if counts is None else _counted(counts)
            finished_at = run.finished_at if run.state == state and run.finished_at else self._clock()
            _change(connection, runs, run.number, state=state, message=message, finished_at=finished_at, **given)

    def run(self, run_id: str) -> Run:
        """Give one run.

        Raises:
            UnknownError: no such run.
        """
        with self._database.reading() as connection:
            return _run(_row(connection, runs, run_id))

    def runs(self, profile: str | None = None, limit: int = 100) -> list[Run]:
        """Give the newest runs, newest first, of one profile or of all (JOU-1)."""
        query = sa.select(runs).order_by(runs.c.number.desc()).limit(limit)
        if profile is not None:
            query = query.where(runs.c.profile == profile)
        with self._database.reading() as connection:
            return [_run(row) for row in connection.execute(query)]

    def old_runs(self, profile: str, before: datetime) -> list[OldRun]:
        """Give the runs of a profile that ended before a moment and have nothing left to deliver, oldest first."""
        with self._database.reading() as connection:
            return purging.old_runs(connection, profile, before)

    def forget_said(self, profile: str, of_runs: Sequence[OldRun], *, by: str) -> int:
        """Forget what old runs said of their records, but that they were exchanged; audited (SEC-5).

        Args:
            profile: the profile.
            of_runs: the runs, as ``old_runs`` gives them.
            by: who wants it: a user or a run.

        Returns:
            How many outcomes were forgotten.
        """
        with self._database.writing() as connection:
            parts = [list(of_runs[start : start + _KEYS_AT_ONCE]) for start in range(0, len(of_runs), _KEYS_AT_ONCE)]
            count = sum(purging.forget_said(connection, part) for part in parts)
            if count:
                row = {"at": self._clock(), "actor": by, "profile": profile, "action": "purge", "record_type": "run"}
                last = {
                    "record": of_runs[-1].run_id,
                    "detail": f"{count} outcomes of {len(of_runs)} runs up to this one",
                }
                connection.execute(sa.insert(audit), {**row, **last})
            return count

    def run_of_plan(self, plan: str) -> Run | None:
        """Give the run that has prepared what a saved plan says, and how far it has come; none: it is still a plan.

        A run that failed while it delivered is ``prepared``: what it prepared will arrive.
        """
        applies = runs.c.parameters["apply"].as_string() == plan
        with self._database.reading() as connection:
            for row in connection.execute(sa.select(runs).where(applies).order_by(runs.c.number.desc())).all():
                state = _state_before_failure(connection, row) if row.state == "failed" else row.state
                if state != "running":
                    return replace(_run(row), state=cast("RunState", state))
        return None

    def run_outcomes(self, run_id: str) -> pd.DataFrame:
        """Give what a run said of its records, as ``passerelle.outcome`` has it.

        One row per thing said, in the order said, then one row ``exchanged`` per record that it sent, whose value is
        the document's number.

        Raises:
            UnknownError: no such run.
        """
        with self._database.reading() as connection:
            number = _row(connection, runs, run_id).number
            query = sa.select(*(outcomes.c[name] for name in outcome.COLUMNS))
            said = query.where(outcomes.c.run_number == number).order_by(outcomes.c.position)
            return tables.select(connection, said)

    def run_delivery(self, run_id: str) -> Delivery | None:
        """Give what a run sends or sent; none when it sent nothing.

        Raises:
            UnknownError: no such run.
        """
        with self._database.reading() as connection:
            number = _row(connection, runs, run_id).number
            found = _deliveries(connection, deliveries.c.run_number == number)
            return found[0] if found else None

    def run_files(self, run_id: str) -> list[StoredFile]:
        """Give the files a run sends or sent (JOU-2).

        Raises:
            UnknownError: no such run.
        """
        delivery = self.run_delivery(run_id)
        return list(delivery.files) if delivery else []

    # The outbox

    def prepare(self, run_id: str, prepared: Prepared) -> None:
        """Write all that a run found out and is about to send, in one transaction: all of it or nothing.

        The files must be in the outbox already. Afterwards the run is ``prepared``, or ``nothing_to_do`` without a
        parcel. A record goes in when it was never exchanged, or when what was exchanged of it is the content that it
        says to replace; else nothing is written. Each record that is sent gets an outcome ``exchanged``.

        Raises:
            TypeError, ValueError: see ``Prepared.check``.
            UnknownError: no such run.
            WrongStateError: the run is not running; it has prepared before.
            LeaseLostError: this ledger held the task, and another process has taken it over.
            AlreadyExchangedError: records were exchanged, or changed, since the run has read the ledger.
            PickupLostError: files that it claimed were taken over by another run.

        Source: design.md decision 5; spec ORD-81.
        """
        prepared.check()
        try:
            with self._database.writing() as connection:
                run = _row(connection, runs, run_id)
                if run.state != "running":
                    raise WrongStateError(name=run_id, state=run.state, wanted="prepared")
                for held in self._held(run.profile):
                    held.renew_in(connection)
                prepare.write(connection, run.number, run.profile, prepared, self._clock())
                ended = {} if prepared.parcel else {"finished_at": self._clock()}
                state = "prepared" if prepared.parcel else "nothing_to_do"
                _change(connection, runs, run.number, state=state, **_counted(prepared.counts), **ended)
        except (exc.IntegrityError, prepare.NotAsReadError) as error:
            with self._database.reading() as connection:
                conflict = prepare.conflict(connection, _row(connection, runs, run_id).profile, prepared)
            if conflict is None:
                raise
            raise conflict from error

    def unfinished(self, profile: str | None = None) -> list[Delivery]:
        """Give the deliveries that are prepared and have not arrived, oldest first, of one profile or of all."""
        wanted = deliveries.c.state == "prepared"
        with self._database.reading() as connection:
            return _deliveries(connection, wanted if profile is None else wanted & (runs.c.profile == profile))

    def delivered(self, delivery_id: str) -> None:
        """Write that a delivery has arrived, and its run with it; saying so twice is harmless.

        Raises:
            UnknownError: no such delivery.
            WrongStateError: the delivery was abandoned.
        """
        now = self._clock()
        with self._database.writing() as connection:
            delivery = _row(connection, deliveries, delivery_id)
            if delivery.state == "delivered":
                return
            if delivery.state != "prepared":
                raise WrongStateError(name=delivery_id, state=delivery.state, wanted="delivered")
            attempts = delivery.attempts + 1
            _change(connection, deliveries, delivery.number, state="delivered", delivered_at=now, attempts=attempts)
            _change(connection, runs, delivery.run_number, state="delivered", finished_at=now, message="")

    def delivery_failed(self, delivery_id: str, error: str) -> None:
        """Write that a delivery did not arrive this time; it stays ``unfinished``.

        Args:
            delivery_id: the delivery.
            error: why, for people, without secrets.

        Raises:
            UnknownError: no such delivery.
            WrongStateError: the delivery was abandoned, or has arrived.
        """
        with self._database.writing() as connection:
            delivery = _row(connection, deliveries, delivery_id)
            if delivery.state != "prepared":
                raise WrongStateError(name=delivery_id, state=delivery.state, wanted="prepared")
            _change(connection, deliveries, delivery.number, attempts=delivery.attempts + 1, last_error=error)

    def abandon(self, delivery_id: str, *, by: str) -> int:
        """Give up a delivery that can never arrive: its place is gone, or its files are.

        What it carried counts as not exchanged (the ledger says of such a record or value what it said before this
        delivery), accounts first given by its run as not given, and its effects are not done. Its run is failed; when
        its task last transferred is forgotten, so that what has changed since is looked at again.

        Args:
            delivery_id: the delivery.
            by: who wants it, for the audit.

        Returns:
            How many records it carried.

        Raises:
            UnknownError: no such delivery.
            WrongStateError: the delivery has arrived, or was abandoned before.
        """
        now = self._clock()
        with self._database.writing() as connection:
            delivery = _row(connection, deliveries, delivery_id)
            if delivery.state != "prepared":
                raise WrongStateError(name=delivery_id, state=delivery.state, wanted="abandoned")
            run = connection.execute(sa.select(runs).where(runs.c.number == delivery.run_number)).one()
            prepare.say_of_records(connection, run.number, delivery.number, "delivery-abandoned")
            count = self._forget(connection, records.c.delivery_number == delivery.number, "abandon", by)
            prepare.put_back_replaced(connection, delivery.number)
            prepare.put_back_values(connection, delivery.number)
            mark = last_transfer(run.task, delivery.shop)
            connection.execute(sa.delete(marks).where(marks.c.profile == run.profile, marks.c.name == mark))
            connection.execute(sa.delete(accounts).where(accounts.c.run_number == run.number))
            _change(connection, deliveries, delivery.number, state="abandoned")
            message = code("delivery-abandoned").text("fr", value=delivery_id)
            _change(connection, runs, run.number, state="failed", finished_at=now, message=message)
            return count

    # Files picked up

    def claim(self, run_id: str, shop: str, found: Sequence[FoundFile]) -> list[Pickup]:
        """Claim files that lie where a shop leaves them, so that no other run reads them; twice is harmless.

        Passed over are files that a living run has claimed, and those that were taken before: the latter are to be put
        away (again). What a dead run had claimed of the same shop is claimed too, found or not.

        Args:
            run_id: the run; it is running.
            shop: whose files they are.
            found: their content is on our disk already.

        Returns:
            What the run has claimed of the shop: to be read, and named in ``Prepared.taken``.

        Raises:
            UnknownError: no such run.

        Source: spec STO-6.
        """
        with self._database.writing() as connection:
            return pickups.claim(connection, _row(connection, runs, run_id), shop, found, self._clock())

    def pickups(
        self, profile: str | None = None, *, run_id: str | None = None, state: PickupState | None = None
    ) -> list[Pickup]:
        """Give the files picked up where they are put away afterwards, oldest first."""
        wanted = {picked_up.c.profile: profile, runs.c.run_id: run_id, picked_up.c.state: state}
        which = sa.and_(sa.true(), *(column == value for column, value in wanted.items() if value is not None))
        with self._database.reading() as connection:
            return pickups.select(connection, which)

    def put_away(self, moved: Mapping[int, str]) -> None:
        """Write that files taken are out of the way, by their numbers, and where each is now."""
        with self._database.writing() as connection:
            for number, path in moved.items():
                taken = (picked_up.c.number == number) & (picked_up.c.state == "taken")
                connection.execute(sa.update(picked_up).where(taken).values(state="moved", moved_to=path))

    def forget_pickup(self, profile: str, path: str, *, by: str) -> int:
        """Forget that a file was taken, so that it is read again when it lies there again; audited.

        Args:
            profile: the profile.
            path: where the file lay.
            by: who wants it, for the audit.

        Returns:
            How many files of this path were forgotten.
        """
        this = (picked_up.c.profile == profile) & (picked_up.c.path == path) & (picked_up.c.state != "claimed")
        noted = {"at": self._clock(), "actor": by, "profile": profile, "action": "forget", "record_type": "file"}
        with self._database.writing() as connection:
            found = pickups.select(connection, this)
            for one in found:
                detail = f"{one.file.place} {one.file.sha256} {one.run_id} {one.moved_to}"
                connection.execute(sa.insert(audit), {**noted, "record": path, "detail": detail})
            connection.execute(sa.delete(picked_up).where(this))
            return len(found)

    def open_origins(self, profile: str) -> pd.DataFrame:
        """Give the records whose files are to be read again, as they were refused or are to be exchanged again.

        Columns (text): record_type, record_key, run_id of the run that picked the files up.
        """
        query = sa.select(origins.c.record_type, origins.c.record_key, runs.c.run_id).join(runs)
        return self._select(query.where(origins.c.profile == profile, origins.c.is_open).order_by(origins.c.record_key))

    def close_records(self, profile: str, record_type: str, keys: Iterable[str], *, by: str) -> int:
        """Have files no longer read again for records that were refused, as somebody dealt with them; audited.

        Args:
            profile: the profile.
            record_type: their type.
            keys: their keys; those that are not open are passed over.
            by: who wants it, for the audit.

        Returns:
            How many were open.
        """
        noted = {"at": self._clock(), "actor": by, "profile": profile, "action": "close", "record_type": record_type}
        this = (origins.c.profile == profile) & (origins.c.record_type == record_type) & origins.c.is_open
        count = 0
        with self._database.writing() as connection:
            for key in sorted(set(keys)):
                found = this & (origins.c.record_key == key)
                run_id = connection.scalar(sa.select(runs.c.run_id).select_from(origins.join(runs)).where(found))
                if run_id is not None:
                    connection.execute(sa.insert(audit), {**noted, "record": key, "detail": run_id})
                    count += connection.execute(sa.update(origins).where(found).values(is_open=False)).rowcount
        return count

    def needed_contents(self, profile: str) -> set[str]:
        """Give the SHA-256 of the picked-up files whose content is still needed: not put away, or read again."""
        awaited = sa.select(origins.c.run_number).where(origins.c.profile == profile, origins.c.is_open)
        needed = (picked_up.c.state != "moved") | picked_up.c.run_number.in_(awaited)
        with self._database.reading() as connection:
            return {one.file.sha256 for one in pickups.select(connection, needed & (picked_up.c.profile == profile))}

    # What to do in the shop

    def pending_effects(self, profile: str | None = None) -> pd.DataFrame:
        """Give the effects still to do in the shop, of deliveries that have arrived, in the order recorded (ORD-80).

        Columns: effect (its number), profile, run_id, record_key, kind, value.
        """
        query = (
            sa.select(
                effects.c.number.label("effect"),
                runs.c.profile,
                runs.c.run_id,
                effects.c.record_key,
                effects.c.kind,
                effects.c.value,
            )
            .select_from(
                effects.join(runs, effects.c.run_number == runs.c.number).outerjoin(
                    deliveries, effects.c.delivery_number == deliveries.c.number
                )
            )
            .where(effects.c.state == "recorded")
            .where(effects.c.delivery_number.is_(None) | (deliveries.c.state == "delivered"))
            .order_by(effects.c.number)
        )
        return self._select(query if profile is None else query.where(runs.c.profile == profile))

    def latest_effects(self, profile: str, kinds: Iterable[str]) -> pd.DataFrame:
        """Give the latest effect of some kinds that each record got, done or still to do (ORD-82).

        Those of abandoned deliveries are never done and do not count.

        Columns (text): record_key, kind, value.
        """
        abandoned = sa.select(deliveries.c.number).where(deliveries.c.state == "abandoned")
        counts = effects.c.delivery_number.is_(None) | effects.c.delivery_number.not_in(abandoned)
        query = (
            sa.select(effects.c.record_key, effects.c.kind, effects.c.value)
            .join(runs, effects.c.run_number == runs.c.number)
            .where(runs.c.profile == profile, effects.c.kind.in_(list(kinds)), counts)
            .order_by(effects.c.number)
        )
        return self._select(query).drop_duplicates("record_key", keep="last", ignore_index=True)

    def effects_done(self, numbers: Iterable[int]) -> None:
        """Write that effects are done, by their numbers (column ``effect`` of ``pending_effects``)."""
        done = sa.update(effects).where(effects.c.number == sa.bindparam("effect")).values(state="done")
        with self._database.writing() as connection:
            tables.execute(connection, done, pd.DataFrame({"effect": pd.Series(list(numbers), dtype="int64")}))

    # What was exchanged

    def exchanged(self, profile: str, record_type: str) -> pd.DataFrame:
        """Give what was exchanged, once per record: what must not be sent again (ORD-81).

        Columns (text): record_key, content_hash, document_kind, document_number, delivery_id, files (names, comma
        between), run_id; and total_incl (int64, 0 where there is none). Records whose delivery is prepared and has not
        arrived yet are among them: it will.
        """
        columns = ("record_key", "content_hash", "document_kind", "document_number", "delivery_number")
        total = sa.func.coalesce(records.c.total_incl, 0).label("total_incl")
        this = (records.c.profile == profile) & (records.c.record_type == record_type)
        carriers = sa.select(deliveries.c.number, deliveries.c.delivery_id, runs.c.run_id).select_from(
            deliveries.join(runs)
        )
        names = sa.select(files.c.delivery_number, files.c.name).select_from(files.join(deliveries).join(runs))
        ours = runs.c.profile == profile
        with self._database.reading() as connection:
            found = tables.select(connection, sa.select(*(records.c[name] for name in columns), total).where(this))
            carrier = tables.select(connection, carriers.where(ours)).set_index("number")
            file = tables.select(connection, names.where(ours).order_by(files.c.delivery_number, files.c.position))
        carrier["files"] = file.groupby("delivery_number")["name"].agg(", ".join).reindex(carrier.index, fill_value="")
        carried = carrier.astype("str").reindex(found.pop("delivery_number")).set_axis(found.index)
        return found.assign(delivery_id=carried["delivery_id"], files=carried["files"], run_id=carried["run_id"])

    def sent_values(self, profile: str, shop: str, kind: str, keys: pd.Series | None = None) -> pd.DataFrame:
        """Give what a shop was last told and has acknowledged: the delivery has arrived (STK-8).

        Args:
            profile: the profile.
            shop: the shop.
            kind: kind of the values.
            keys: only of these articles; ``None``: of all.

        Returns:
            Columns (text): key, value; one row per article.
        """
        return self._sent(profile, shop, kind, keys, with_value=True)

    def sent_keys(self, profile: str, shop: str, kind: str) -> pd.Series:
        """Give the articles of ``sent_values`` without their values, which may be long."""
        return self._sent(profile, shop, kind, None, with_value=False)["key"]

    def _sent(self, profile: str, shop: str, kind: str, keys: pd.Series | None, *, with_value: bool) -> pd.DataFrame:
        this = [sent_values.c.profile == profile, sent_values.c.shop == shop, sent_values.c.kind == kind]
        waiting = sa.select(deliveries.c.number).where(deliveries.c.state == "prepared", deliveries.c.shop == shop)
        is_waiting = sent_values.c.delivery_number.in_(waiting) & sent_values.c.delivery_number.is_not(None)
        value, before = ([sent_values.c[name].label("value")] * with_value for name in ("value", "before"))
        with self._database.reading() as connection:
            if keys is not None:
                this.append(tables.is_among(connection, sent_values.c.key, keys))
            told = sa.select(sent_values.c.key, *value).where(*this)
            if not connection.scalar(sa.select(sa.exists(waiting))):  # as nearly always; asking of each row takes time
                return tables.select_by_key(connection, told, sent_values.c.key)
            unsure = sa.select(sent_values.c.key, *before).where(*this, is_waiting, sent_values.c.before.is_not(None))
            both = (told.where(~is_waiting), unsure)
            found = [tables.select_by_key(connection, query, sent_values.c.key) for query in both]
        return pd.concat(found, ignore_index=True)

    def exchanged_counts(self) -> pd.DataFrame:
        """Count what was exchanged: profile, record_type, records; one row per profile and type."""
        kinds = (records.c.profile, records.c.record_type)
        query = sa.select(*kinds, sa.func.count().label("records")).group_by(*kinds).order_by(*kinds)
        return self._select(query)

    def accounts(self, profile: str) -> pd.DataFrame:
        """Give the accounts given to customers of the shop (CUS-1, CUS-9).

        Columns (text): those of ``entries.ACCOUNTS``, then the run_id and the task of the run that gave it.
        """
        query = sa.select(*(accounts.c[name] for name in ACCOUNTS.names), runs.c.run_id, runs.c.task).join(runs)
        return self._select(query.where(accounts.c.profile == profile).order_by(accounts.c.customer_key))

    def forget(self, profile: str, record_type: str, keys: Iterable[str] | None, *, by: str) -> int:
        """Forget records, so that they are exchanged again (ORD-9); audited record by record.

        Args:
            profile: the profile.
            record_type: their type.
            keys: their keys; none: all of them. Keys that were never exchanged are passed over.
            by: who wants it: a user or a run.

        Returns:
            How many were forgotten.

        Raises:
            UndeliveredError: some wait in a delivery that has not arrived yet; nothing is forgotten.
        """
        this = (records.c.profile == profile) & (records.c.record_type == record_type)
        wanted = None if keys is None else sorted(set(keys))
        parts = [this] if wanted is None else [this & records.c.record_key.in_(part) for part in _batches(wanted)]
        with self._database.writing() as connection:
            for part in parts:
                _check_all_arrived(connection, part)
            return sum(self._forget(connection, part, "forget", by) for part in parts)

    def _forget(self, connection: sa.Connection, which: sa.ColumnElement[bool], action: str, by: str) -> int:
        row: dict[str, sa.ColumnElement[Any]] = {
            "at": sa.literal(self._clock(), Moment),
            "actor": sa.literal(by),
            "profile": records.c.profile,
            "action": sa.literal(action),
            "record_type": records.c.record_type,
            "record": records.c.record_key,
            "detail": deliveries.c.delivery_id + " " + records.c.document_number + " " + records.c.content_hash,
        }
        query = sa.select(*(value.label(name) for name, value in row.items()))
        noted = query.select_from(records.join(deliveries)).where(which).order_by(records.c.record_key)
        connection.execute(sa.insert(audit).from_select(list(row), noted))
        pickups.open_again(connection, which)
        return connection.execute(sa.delete(records).where(which)).rowcount

    # Marks

    def mark(self, profile: str, name: str) -> str | None:
        """Give how far a profile has read (ORD-1: since the last import); none: no mark stands."""
        query = sa.select(marks.c.value).where(marks.c.profile == profile, marks.c.name == name)
        with self._database.reading() as connection:
            return connection.scalar(query)

    def set_mark(self, profile: str, name: str, value: str, *, by: str = "") -> None:
        """Write how far a profile has read; after ``prepare``, so that nothing read is lost.

        Args:
            profile: the profile.
            name: the mark.
            value: what it becomes.
            by: who wants it, which is audited; empty: a run, whose marks follow from what it did.
        """
        this = (marks.c.profile == profile) & (marks.c.name == name)
        noted = {"at": self._clock(), "actor": by, "profile": profile, "action": "set", "record_type": "mark"}
        with self._database.writing() as connection:
            connection.execute(sa.delete(marks).where(this))
            connection.execute(sa.insert(marks), {"profile": profile, "name": name, "value": value})
            if by:
                connection.execute(sa.insert(audit), {**noted, "record": name, "detail": value})

    def forget_mark(self, profile: str, name: str, *, by: str) -> bool:
        """Forget how far a profile has read (ORD-1); audited. Tells whether a mark stood."""
        this = (marks.c.profile == profile) & (marks.c.name == name)
        noted = {"at": self._clock(), "actor": by, "profile": profile, "action": "forget", "record_type": "mark"}
        with self._database.writing() as connection:
            value = connection.scalar(sa.select(marks.c.value).where(this))
            if value is None:
                return False
            connection.execute(sa.insert(audit), {**noted, "record": name, "detail": value})
            connection.execute(sa.delete(marks).where(this))
            return True

    def audit(self, profile: str | None = None) -> list[AuditEntry]:
        """Give what was forgotten and by whom, oldest first (ORD-9)."""
        with self._database.reading() as connection:
            return history.forgotten(connection, Span(profile))

    def actions(
        self, profile: str | None = None, first: datetime | None = None, last: datetime | None = None
    ) -> list[AuditEntry]:
        """Give all that was done with data, oldest first: what was sent, forgotten and closed (JOU-4).

        A record that was sent is the action ``exchange`` of its run, with the document, the place and the delivery; a
        file that has arrived is ``deliver``, with how many records it carries: of what shops are told there is no row
        per record.

        Args:
            profile: of one profile; none: of all.
            first: from that moment on.
            last: before that moment.
        """
        with self._database.reading() as connection:
            return history.actions(connection, Span(profile, first, last))

    def first_action(self, profile: str) -> datetime | None:
        """Give when anything was first done with data of a profile; none: never."""
        with self._database.reading() as connection:
            return history.first_action(connection, profile)

    def sent_counts(self, profile: str, first: datetime | None = None, last: datetime | None = None) -> pd.DataFrame:
        """Count what was delivered, delivery by delivery (JOU-3).

        Columns: delivered_at; shop (empty: to the ERP), kind (text: of the document, or else of the record; to a shop
        the task), records (int64). What was forgotten since counts by the kind of its record.

        Args:
            profile: the profile.
            first: from that moment on.
            last: before that moment.
        """
        with self._database.reading() as connection:
            return history.sent_counts(connection, Span(profile, first, last))

    @property
    def people(self) -> People:
        """What is kept of one person (SEC-5)."""
        return People(self._database, self._clock)

    def _select(self, query: sa.Select[Any]) -> pd.DataFrame:
        with self._database.reading() as connection:
            return tables.select(connection, query)


def _row(connection: sa.Connection, table: sa.Table, name: str) -> sa.Row[Any]:
    """Give the row of a run or delivery by its id; in a transaction that writes, no other changes it meanwhile.

    Raises:
        UnknownError: there is none.
    """
    row = _row_or_none(connection, table, name)
    if row is None:
        raise UnknownError(name=name)
    return row


def _running(connection: sa.Connection, profile: str, task: str, shop: str | None) -> set[str]:
    """Give the runs of a task that are said to run, for one shop where runs are of one."""
    this = (runs.c.profile == profile) & (runs.c.task == task) & (runs.c.state == "running")
    found = connection.execute(sa.select(runs.c.run_id, runs.c.parameters).where(this))
    return {run.run_id for run in found if run.parameters.get("shop") == shop}


def _row_or_none(connection: sa.Connection, table: sa.Table, name: str) -> sa.Row[Any] | None:
    identity = runs.c.run_id if table is runs else deliveries.c.delivery_id
    query = sa.select(table).where(identity == name)
    reads_only = connection.get_execution_options().get("reads_only", False)
    return connection.execute(query if reads_only else query.with_for_update()).one_or_none()


def _change(connection: sa.Connection, table: sa.Table, number: int, **values: Any) -> None:
    connection.execute(sa.update(table).where(table.c.number == number).values(values))


def _counted(counts: Mapping[str, int]) -> dict[str, Any]:
    """Give a run's counts as they are kept: all together, and once more those that charts sum."""
    return {"counts": dict(counts)} | {name: counts.get(name, 0) for name in ("succeeded", "failed")}


def _state_before_failure(connection: sa.Connection, run: sa.Row[Any]) -> str:
    """Tell how far a failed run had come; one whose delivery was abandoned stays failed."""
    delivery = connection.scalar(sa.select(deliveries.c.state).where(deliveries.c.run_number == run.number))
    if delivery is not None:
        return "failed" if delivery == "abandoned" else str(delivery)
    has_said = sa.exists().where(outcomes.c.run_number == run.number)
    return "nothing_to_do" if connection.scalar(sa.select(has_said)) else "running"


def _check_all_arrived(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """Make sure that no record waits in a delivery.

    Raises:
        UndeliveredError: some do.
    """
    waiting = (
        sa.select(deliveries.c.delivery_id, sa.func.count())
        .select_from(records.join(deliveries))
        .where(which, deliveries.c.state == "prepared")
        .group_by(deliveries.c.delivery_id)
    )
    found = connection.execute(waiting).all()
    if found:
        raise UndeliveredError(count=sum(row[1] for row in found), deliveries=", ".join(row[0] for row in found))


def _batches(keys: list[str]) -> Iterator[list[str]]:
    """Cut a list so that databases take it as parameters of one statement."""
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        yield keys[start : start + _KEYS_AT_ONCE]


def _run(row: sa.Row[Any]) -> Run:
    return Run(*(getattr(row, field.name) for field in fields(Run)))


def _deliveries(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[Delivery]:
    """Give deliveries with their files, in the order they were prepared."""
    query = sa.select(deliveries, runs.c.profile, runs.c.task, runs.c.run_id).join(runs).where(which)
    rows = connection.execute(query.order_by(deliveries.c.number)).all()
    carried: dict[int, list[StoredFile]] = {row.number: [] for row in rows}
    query = sa.select(files).select_from(files.join(deliveries).join(runs)).where(which).order_by(files.c.position)
    for file in connection.execute(query):
        stored = StoredFile(file.name, Path(file.path), file.size, file.sha256, file.record_count)
        carried[file.delivery_number].append(stored)
    own = [field.name for field in fields(Delivery) if field.name != "files"]
    return [Delivery(**{name: getattr(row, name) for name in own}, files=tuple(carried[row.number])) for row in rows]
