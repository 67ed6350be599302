"""What is written in the ledger and read back: runs, deliveries with their files, and what a run prepares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from passerelle import outcome
from passerelle.model.table import Column, Table

RunState = Literal["running", "prepared", "delivered", "nothing_to_do", "failed"]
DeliveryState = Literal["prepared", "delivered", "abandoned"]
PickupState = Literal["claimed", "taken", "moved"]

RECORDS = Table(
    "exchanged records",
    "record that a delivery carries",
    (
        Column("record_type", "text", "order, refund, customer, article …"),
        Column("record_key", "text", "its id, unique within profile and type (order_key …)"),
        Column("content_hash", "text", "hash of what the shop or the ERP said of it"),
        Column("replaces", "text", "content hash that this content takes the place of; empty: never exchanged before"),
        Column("document_kind", "text", "kind of the document made of it; empty: none"),
        Column("document_number", "text", "number of that document; empty: none"),
        Column("total_incl", "amount", "total of that document including VAT; missing: none", optional=True),
    ),
)

ACCOUNTS = Table(
    "given accounts",
    "ERP account given to a customer of the shop (CUS-2, CUS-9)",
    (
        Column("customer_key", "text", "the buyer in the shop"),
        Column("customer_code", "text", "account code; buyers that are one customer share it"),
        Column("accounting_account", "text", "accounting account (CUS-3); empty: none"),
        Column("email", "text", "e-mail the customer is matched by (CUS-1)"),
        Column("siret", "text", "SIRET the customer is matched by"),
        Column("vat_number", "text", "VAT number the customer is matched by"),
    ),
)

EFFECTS = Table(
    "effects",
    "change to make in the shop once the delivery has arrived (ORD-80)",
    (
        Column("record_key", "text", "the record concerned (order_key, customer_key …)"),
        Column("kind", "text", "what to do: set-status, mark-exported, set-account … (passerelle.exchange.effects)"),
        Column("value", "text", "the value to set"),
    ),
)

VALUES = Table(
    "sent values",
    "value that a delivery brings to a shop (STK-8)",
    (
        Column("kind", "text", "what it is of the article: stock …"),
        Column("key", "text", "the article"),
        Column("value", "text", "the value"),
        Column("before", "text", "the value the shop had acknowledged; empty: none"),
    ),
)

ORIGINS = Table(
    "origins",
    "record that came in files which are put away afterwards (STO-6)",
    (
        Column("record_type", "text", "order, refund …"),
        Column("record_key", "text", "its id, unique within profile and type"),
        Column("run_id", "text", "the run that picked up the files with its newest content"),
        Column("is_open", "flag", "those files are to be read again for it: it was refused and may be mended"),
    ),
)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the outbox: the very bytes that a delivery sends.

    Attributes:
        name: its name where it is delivered.
        path: where its bytes wait.
        size: in bytes.
        sha256: of its bytes, in hexadecimal.
        record_count: records it carries; 0 where they are not counted.
    """

    name: str
    path: Path
    size: int
    sha256: str
    record_count: int = 0


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery about to be prepared.

    Attributes:
        delivery_id: see ``outbox.delivery_id``.
        place: URL of the storage, without secret.
        folder: folder there.
        manifest_name: name of the manifest there; empty when there is none.
        files: in the order they are sent; already in the outbox.
        shop: the shop it is for; empty: the ERP.
    """

    delivery_id: str
    place: str
    folder: str = ""
    manifest_name: str = ""
    files: tuple[StoredFile, ...] = ()
    shop: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a run has found out and is about to send.

    Attributes:
        outcomes: what was said of its records (``passerelle.outcome``).
        parcel: what it sends; none when there is nothing to send.
        records: what the parcel carries (``RECORDS``); none of them is refused in ``outcomes``.
        accounts: accounts given, or whose particulars changed (``ACCOUNTS``).
        effects: what is to be done in the shop afterwards (``EFFECTS``).
        values: what the parcel tells its shop (``VALUES``).
        learned: what was found out of files, told to no shop (``VALUES``): true whatever becomes of the parcel.
        origins: where the records came from that were read of files which are put away (``ORIGINS``).
        taken: numbers of the files that the run claimed and has read, and whether each could not be read.
        released: numbers of those that it claimed and leaves for another time.
        counts: the run's counts, as the journal shows them.
    """

    outcomes: pd.DataFrame = field(default_factory=outcome.none)
    parcel: Parcel | None = None
    records: pd.DataFrame = field(default_factory=RECORDS.empty)
    accounts: pd.DataFrame = field(default_factory=ACCOUNTS.empty)
    effects: pd.DataFrame = field(default_factory=EFFECTS.empty)
    values: pd.DataFrame = field(default_factory=VALUES.empty)
    learned: pd.DataFrame = field(default_factory=VALUES.empty)
    origins: pd.DataFrame = field(default_factory=ORIGINS.empty)
    taken: Mapping[int, bool] = field(default_factory=dict)
    released: frozenset[int] = frozenset()
    counts: Mapping[str, int] = field(default_factory=dict)

    def check(self) -> Prepared:
        """Give itself back if its tables are as declared and agree with each other.

        Raises:
            TypeError: a table does not have its declared columns and types.
            ValueError: records without a parcel, values without a shop's, a record or customer that stands twice, a
                record both sent and refused. All of them are programming errors.
        """
        RECORDS.check(self.records)
        ACCOUNTS.check(self.accounts)
        EFFECTS.check(self.effects)
        VALUES.check(self.values)
        VALUES.check(self.learned)
        ORIGINS.check(self.origins)
        if tuple(self.outcomes.columns) != outcome.COLUMNS:
            raise TypeError(f"outcomes have the columns {outcome.COLUMNS}, not {tuple(self.outcomes.columns)}")
        if len(self.records) and self.parcel is None:
            raise ValueError(f"{len(self.records)} records are exchanged, but nothing is sent")
        if len(self.values) and not (self.parcel and self.parcel.shop):
            raise ValueError(f"{len(self.values)} values are sent, but to no shop")
        refused = self.outcomes.loc[self.outcomes["state"] != "succeeded", ["record_type", "record"]]
        sent = self.records[["record_type", "record_key"]].set_axis(["record_type", "record"], axis=1)
        if sent.duplicated().any():
            raise ValueError(f"records stand twice, the first is {sent[sent.duplicated()].iloc[0].to_dict()}")
        if self.accounts["customer_key"].duplicated().any():
            raise ValueError("customers stand twice among the accounts")
        both = sent.merge(refused.drop_duplicates())
        if len(both):
            raise ValueError(f"{len(both)} records are both sent and refused, the first is {both.iloc[0].to_dict()}")
        return self


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery of the ledger.

    Attributes:
        attempts: how often it was tried, successfully or not.
        last_error: why the last try failed; empty when none did.
        shop: the shop it is for; empty: the ERP.
    """

    delivery_id: str
    profile: str
    task: str
    run_id: str
    place: str
    folder: str
    manifest_name: str
    state: DeliveryState
    prepared_at: datetime
    delivered_at: datetime | None
    attempts: int
    last_error: str
    shop: str
    files: tuple[StoredFile, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the ledger (JOU-1).

    Attributes:
        finished_at: missing while it is running or its delivery is still to arrive.
        counts: by the run's own names; total = succeeded + failed + ignored.
        message: how it ended, for people.
    """

    run_id: str
    profile: str
    task: str
    state: RunState
    started_at: datetime
    finished_at: datetime | None
    parameters: Mapping[str, Any]
    counts: Mapping[str, int]
    message: str


@dataclass(frozen=True, slots=True)
class OldRun:
    """A run that may be purged (SEC-5).

    Attributes:
        delivery_id: what it delivered, or was given up; missing: nothing.
    """

    number: int
    run_id: str
    delivery_id: str | None


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file as it was found where files are picked up; all of it together is its identity (STO-6).

    Attributes:
        place: the storage, without secret.
        path: in the storage.
        size: in bytes.
        modified: when it was last changed, as ISO text; empty where the storage does not tell.
        sha256: of its bytes, in hexadecimal.
    """

    place: str
    path: str
    size: int
    modified: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Pickup:
    """A file of the ledger that was picked up and is put away afterwards.

    Attributes:
        number: its own, in the order they were picked up.
        file: what it is.
        profile: whose it is.
        shop: of which shop it is.
        run_id: the run that claimed it.
        state: ``claimed`` by a run that reads it, ``taken`` once what was read is written, ``moved`` out of the way.
        is_unreadable: something of it could not be read.
        picked_at: when it was claimed.
        moved_to: its path where it was put away; empty until then.
    """

    number: int
    file: FoundFile
    profile: str
    shop: str
    run_id: str
    state: PickupState
    is_unreadable: bool
    picked_at: datetime
    moved_to: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What was done with data, or what somebody made the ledger forget (JOU-4, ORD-9); nobody's name stands in it.

    Attributes:
        action: ``exchange``, ``deliver``; ``forget``, ``abandon``, ``close``, ``purge``, ``erase``.
        record_type: the records' type, ``mark``, ``file`` or ``run``.
        detail: document, place and delivery of what was sent; else what the ledger knew of it: delivery, document
            number and content hash, the mark's value, the file, or the run that picked the record's files up.
    """

    at: datetime
    actor: str
    profile: str
    action: str
    record_type: str
    record: str
    detail: str
