"""Files picked up once: claimed by one run, taken with what it found out, moved out of the way.

    pickup:  claimed ─► taken ─► moved        moved ─► taken when the very same file lies there again

A claim is one insert under a unique key, so that of several runs one gets a file. The claim of a run that is dead
(failed, or without a living lease) goes over to the next run that finds the file, or of the same shop.

Source: spec STO-6, REL-1, RUN-6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from importlib import import_module
from typing import Any

import pandas as pd
import sqlalchemy as sa

from passerelle.ledger import leases, tables
from passerelle.ledger.entries import FoundFile, Pickup
from passerelle.ledger.errors import PickupLostError
from passerelle.ledger.schema import origins, pickups, records, runs

_IDENTITY = [field.name for field in fields(FoundFile)]


def claim(
    connection: sa.Connection, run: sa.Row[Any], shop: str, found: Sequence[FoundFile], now: datetime
) -> list[Pickup]:
    """Claim files for a run; see ``Ledger.claim``."""
    mine = {"profile": run.profile, "shop": shop, "run_number": run.number, "picked_at": now}
    new = [{**asdict(file), **mine} for file in sorted(found, key=lambda file: file.path)]
    if new:
        # The database's own insert, of the one that is used: each takes a while to import.
        insert = import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert(pickups)
        rest = {"state": "claimed", "is_unreadable": False, "moved_to": ""}
        connection.execute(insert.on_conflict_do_nothing(), [{**row, **rest} for row in new])
    for row in [*(_row(connection, file) for file in new), *_left_behind(connection, run, shop)]:
        if row.state == "moved":
            _change(connection, row.number, state="taken")
        elif row.state == "claimed" and row.run_number != run.number and not _lives(connection, row, now):
            _change(connection, row.number, **mine)
    own = (pickups.c.run_number == run.number) & (pickups.c.shop == shop) & (pickups.c.state == "claimed")
    return select(connection, own)


def select(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[Pickup]:
    """Give pickups in the order they were claimed."""
    query = sa.select(pickups, runs.c.run_id).join(runs).where(which).order_by(pickups.c.number)
    own = [field.name for field in fields(Pickup) if field.name != "file"]
    return [
        Pickup(
            **{name: getattr(row, name) for name in own}, file=FoundFile(*(getattr(row, name) for name in _IDENTITY))
        )
        for row in connection.execute(query)
    ]


def take(connection: sa.Connection, run_number: int, taken: Mapping[int, bool]) -> None:
    """Write that a run has read the files it claimed, by their numbers, and whether each could not be read.

    Raises:
        PickupLostError: another run has taken some over.
    """
    lost = 0
    for number, is_unreadable in taken.items():
        claimed = _claimed(run_number, number)
        changed = sa.update(pickups).where(claimed).values(state="taken", is_unreadable=is_unreadable)
        lost += not connection.execute(changed).rowcount
    if lost:
        raise PickupLostError(count=lost)


def release(connection: sa.Connection, run_number: int, numbers: Iterable[int]) -> None:
    """Give back what a run has claimed, as if it had never been seen; never what is another run's by now."""
    for number in numbers:
        connection.execute(sa.delete(pickups).where(_claimed(run_number, number)))


def write_origins(connection: sa.Connection, profile: str, given: pd.DataFrame) -> None:
    """Remember where the newest content of records came from."""
    if given.empty:
        return
    this = (
        (origins.c.profile == profile)
        & (origins.c.record_type == sa.bindparam("old_record_type"))
        & (origins.c.record_key == sa.bindparam("old_record_key"))
    )
    tables.execute(connection, sa.delete(origins).where(this), given[["record_type", "record_key"]].add_prefix("old_"))
    for (run_id, is_open), rows in given.groupby(["run_id", "is_open"]):
        number = connection.execute(sa.select(runs.c.number).where(runs.c.run_id == run_id)).scalar_one()
        kept = rows[["record_type", "record_key"]]
        tables.insert(connection, origins, kept, profile=profile, run_number=number, is_open=bool(is_open))


def open_again(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """Have the files of exchanged records read again, because those records are to be exchanged again."""
    same = (
        (records.c.profile == origins.c.profile)
        & (records.c.record_type == origins.c.record_type)
        & (records.c.record_key == origins.c.record_key)
    )
    connection.execute(sa.update(origins).where(sa.exists().where(same, which)).values(is_open=True))


def _claimed(run_number: int, number: int) -> sa.ColumnElement[bool]:
    return (pickups.c.number == number) & (pickups.c.run_number == run_number) & (pickups.c.state == "claimed")


def _row(connection: sa.Connection, file: Mapping[str, Any]) -> sa.Row[Any]:
    this = sa.and_(*(pickups.c[name] == file[name] for name in _IDENTITY))
    return connection.execute(sa.select(pickups).where(this).with_for_update()).one()


def _left_behind(connection: sa.Connection, run: sa.Row[Any], shop: str) -> Sequence[sa.Row[Any]]:
    """Give what earlier runs claimed of the shop and did not take; the file itself may be gone by now."""
    claimed = (pickups.c.profile == run.profile) & (pickups.c.shop == shop) & (pickups.c.state == "claimed")
    query = sa.select(pickups).where(claimed, pickups.c.run_number != run.number).order_by(pickups.c.path)
    return connection.execute(query.with_for_update()).all()


def _lives(connection: sa.Connection, row: sa.Row[Any], now: datetime) -> bool:
    """Tell whether the run that claimed a file still works on it."""
    run = connection.execute(sa.select(runs).where(runs.c.number == row.run_number)).one()
    return run.state == "running" and leases.is_held(connection, run.profile, run.task, now)


def _change(connection: sa.Connection, number: int, **values: Any) -> None:
    connection.execute(sa.update(pickups).where(pickups.c.number == number).values(values))
