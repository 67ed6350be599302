"""The transaction that writes what a run is about to send, and its undoing.

Source: design.md decision 5; spec ORD-61, ORD-80, ORD-81, CUS-2, CUS-9.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from passerelle.ledger import pickups, tables
from passerelle.ledger.entries import Parcel, Prepared
from passerelle.ledger.errors import AlreadyExchangedError, LedgerError, WrongStateError
from passerelle.ledger.schema import accounts, deliveries, effects, files, outcomes, records, replaced, sent_values
from passerelle.messages import code

_KEY = ["record_type", "record_key"]
_NAMED = 10
"""How many records an error names."""


class NotAsReadError(Exception):
    """A record is no longer what the run read of it."""


def write(connection: sa.Connection, run_number: int, profile: str, prepared: Prepared, now: datetime) -> None:
    """Write all that a run prepared, but the run's own row.

    Raises:
        WrongStateError: another run has prepared a delivery of this name.
        PickupLostError: another run has taken over files that this one had claimed.
        NotAsReadError, sqlalchemy.exc.IntegrityError: see ``conflict`` for which record it is.
    """
    said = prepared.outcomes.assign(position=range(1, len(prepared.outcomes) + 1))
    tables.insert(connection, outcomes, said, run_number=run_number)
    delivery_number = None
    if prepared.parcel is not None:
        delivery_number = _write_parcel(connection, run_number, prepared.parcel, now)
        _write_records(connection, profile, prepared.records, delivery_number)
        say_of_records(connection, run_number, delivery_number, "exchanged")
        _write_values(connection, profile, prepared.parcel.shop, prepared.values, delivery_number)
    _write_values(connection, profile, "", prepared.learned, None)
    _write_accounts(connection, run_number, profile, prepared.accounts)
    bound: dict[str, Any] = {"run_number": run_number, "delivery_number": delivery_number, "state": "recorded"}
    tables.insert(connection, effects, prepared.effects, **bound)
    pickups.take(connection, run_number, prepared.taken)
    pickups.release(connection, run_number, prepared.released)
    pickups.write_origins(connection, profile, prepared.origins)


def say_of_records(connection: sa.Connection, run_number: int, delivery_number: int, name: str) -> None:
    """Say a code of each record that a delivery carries, after what was said before.

    The value is the document's number, or the delivery's id when the record was not sent.
    """
    said = sa.select(sa.func.coalesce(sa.func.max(outcomes.c.position), 0)).where(outcomes.c.run_number == run_number)
    sent = code(name).state == "succeeded"
    row = {
        "run_number": sa.literal(run_number),
        "position": connection.scalar(said)
        + sa.func.row_number().over(order_by=(records.c.record_type, records.c.record_key)),
        "record_type": records.c.record_type,
        "record": records.c.record_key,
        "stage": sa.literal("deliver"),
        "state": sa.literal(code(name).state),
        "code": sa.literal(name),
        "field": sa.literal(""),
        "value": records.c.document_number if sent else deliveries.c.delivery_id,
        "params": sa.literal("{}"),
    }
    query = sa.select(*(value.label(column) for column, value in row.items()))
    carried = query.select_from(records.join(deliveries)).where(records.c.delivery_number == delivery_number)
    connection.execute(sa.insert(outcomes).from_select(list(row), carried))


def put_back_replaced(connection: sa.Connection, delivery_number: int) -> None:
    """Make the records that a delivery replaced again what they were before."""
    by_this = replaced.c.replaced_by == delivery_number
    before = sa.select(*(replaced.c[column.name] for column in records.c)).where(by_this)
    connection.execute(sa.insert(records).from_select(list(records.c), before))
    connection.execute(sa.delete(replaced).where(by_this))


def conflict(connection: sa.Connection, profile: str, prepared: Prepared) -> LedgerError | None:
    """Tell which records of what a run prepared contradict the ledger; none: nothing does."""
    query = sa.select(records.c.record_type, records.c.record_key, records.c.content_hash)
    types = prepared.records["record_type"].unique().tolist()
    known = tables.select(connection, query.where(records.c.profile == profile, records.c.record_type.in_(types)))
    sent = prepared.records.merge(known.rename(columns={"content_hash": "found"}), on=_KEY, how="left")
    changed = sent.loc[sent["found"].fillna("") != sent["replaces"], "record_key"]
    if len(changed):
        return AlreadyExchangedError(count=len(changed), records=", ".join(changed.head(_NAMED)))
    return None


def _write_parcel(connection: sa.Connection, run_number: int, parcel: Parcel, now: datetime) -> int:
    namesake = sa.select(deliveries.c.state).where(deliveries.c.delivery_id == parcel.delivery_id)
    if state := connection.scalar(namesake):
        raise WrongStateError(name=parcel.delivery_id, state=state, wanted="prepared")
    delivery = {
        "delivery_id": parcel.delivery_id,
        "run_number": run_number,
        "place": parcel.place,
        "folder": parcel.folder,
        "manifest_name": parcel.manifest_name,
        "state": "prepared",
        "prepared_at": now,
        "attempts": 0,
        "last_error": "",
        "shop": parcel.shop,
    }
    written = sa.insert(deliveries).values(delivery).returning(deliveries.c.number)
    number: int = connection.execute(written).scalar_one()
    rows = [
        {**asdict(file), "path": str(file.path), "delivery_number": number, "position": position}
        for position, file in enumerate(parcel.files, start=1)
    ]
    if rows:
        connection.execute(sa.insert(files), rows)
    return number


def _write_records(connection: sa.Connection, profile: str, sent: pd.DataFrame, delivery_number: int) -> None:
    replacing = sent.loc[sent["replaces"] != "", [*_KEY, "replaces"]].add_prefix("old_")
    if len(replacing):
        this = (
            (records.c.profile == profile)
            & (records.c.record_type == sa.bindparam("old_record_type"))
            & (records.c.record_key == sa.bindparam("old_record_key"))
            & (records.c.content_hash == sa.bindparam("old_replaces"))
        )
        before = sa.select(records, sa.literal(delivery_number)).where(this)
        tables.execute(connection, sa.insert(replaced).from_select(list(replaced.c), before), replacing)
        kept = sa.select(sa.func.count()).where(replaced.c.replaced_by == delivery_number)
        if connection.scalar(kept) != len(replacing):
            raise NotAsReadError
        tables.execute(connection, sa.delete(records).where(this), replacing)
    rows = sent.drop(columns="replaces")
    tables.insert(connection, records, rows, by=_KEY, profile=profile, delivery_number=delivery_number)


def _write_values(
    connection: sa.Connection, profile: str, shop: str, sent: pd.DataFrame, delivery_number: int | None
) -> None:
    """Remember what a shop is told, in the place of what it was told before; without a shop, what was learned."""
    if sent.empty:
        return
    of_shop = (sent_values.c.profile == profile) & (sent_values.c.shop == shop)
    this = of_shop & (sent_values.c.kind == sa.bindparam("old_kind")) & (sent_values.c.key == sa.bindparam("old_key"))
    if connection.scalar(sa.select(sa.exists().where(of_shop))):
        tables.execute(connection, sa.delete(sent_values).where(this), sent[["kind", "key"]].add_prefix("old_"))
    rows = sent.assign(before=sent["before"].mask(sent["before"] == ""))
    bound: dict[str, Any] = {"profile": profile, "shop": shop, "delivery_number": delivery_number}
    tables.insert(connection, sent_values, rows, by=["kind", "key"], **bound)


def put_back_values(connection: sa.Connection, delivery_number: int) -> None:
    """Make the values that a delivery brought again what the shop had acknowledged before."""
    by_this = sent_values.c.delivery_number == delivery_number
    connection.execute(sa.delete(sent_values).where(by_this, sent_values.c.before.is_(None)))
    back = {"value": sent_values.c.before, "before": None, "delivery_number": None}
    connection.execute(sa.update(sent_values).where(by_this).values(back))


def _write_accounts(connection: sa.Connection, run_number: int, profile: str, given: pd.DataFrame) -> None:
    """Remember new accounts, and what changed of those known: a buyer may be found under another account later."""
    if given.empty:
        return
    known = tables.select(connection, sa.select(accounts.c.customer_key).where(accounts.c.profile == profile))
    is_new = ~given["customer_key"].isin(known["customer_key"])
    tables.insert(connection, accounts, given[is_new], profile=profile, run_number=run_number)
    particulars = [name for name in given.columns if name != "customer_key"]
    this = (accounts.c.profile == profile) & (accounts.c.customer_key == sa.bindparam("new_customer_key"))
    update = sa.update(accounts).where(this).values({name: sa.bindparam(f"new_{name}") for name in particulars})
    tables.execute(connection, update, given[~is_new].add_prefix("new_"))
