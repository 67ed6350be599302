"""What the ledger keeps of one person, and forgetting who it is.

A person is found by e-mail, by the ERP's account or by the shop's key of the customer. What others share with them, the
account of a company, is not theirs.

Forgetting leaves what keeps the books right: the account code given to a customer of the shop, which nobody else may
get (CUS-2) and under which the same customer orders again (CUS-9), and what was exchanged, which is not sent twice
(ORD-81).

Source: spec SEC-5.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from passerelle import outcome
from passerelle.exchange.accounts import CUSTOMER
from passerelle.exchange.told import ROW, as_table
from passerelle.ledger import tables
from passerelle.ledger.database import Database
from passerelle.ledger.entries import ACCOUNTS
from passerelle.ledger.leases import Clock
from passerelle.ledger.purging import KEPT
from passerelle.ledger.schema import (
    accounts,
    audit,
    deliveries,
    effects,
    outcomes,
    records,
    replaced,
    runs,
    sent_values,
)
from passerelle.model.customers import PROSPECT

_NUMBERS = ("siret", "vat_number")
_PERSONAL = ("email", *_NUMBERS)
_STAYS = {"customer_code", "is_active"}
"""What stays of what a shop was told of a login: that it is there."""
_GUEST = "/order-"
_BETWEEN = ", "
"""What stands between the numbers of several documents."""
_SET_ACCOUNT = "set-account"
_EXCHANGED = {"records": records, "replaced": replaced}
_AT_ONCE = 500

Record = tuple[str, str]
"""Type and key of a record."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the ledger knows by what was asked.

    Attributes:
        keys: in the shops (``shop/id``, a guest's ``shop/order-id``).
        codes: the ERP's accounts that are theirs alone.
        shared_codes: those that others have too.
        logins: by which shops were told of them: shop and login.
        rows: of declared tables that name them, a colleague: shop and row.
        emails: in small letters.
        numbers: SIRET and VAT numbers that nobody else has.
    """

    keys: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    shared_codes: tuple[str, ...] = ()
    logins: tuple[tuple[str, str], ...] = ()
    rows: tuple[tuple[str, str], ...] = ()
    emails: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether the ledger has anything of them."""
        return bool(self.keys or self.logins or self.rows)

    @property
    def records(self) -> set[Record]:
        """The records that tell by themselves that they are theirs: accounts of shops, logins, orders of guests."""
        names = [*self.keys, *(login for _, login in self.logins)]
        guests = {("order", key.replace(_GUEST, "/", 1)) for key in self.keys if _GUEST in key}
        rows = {(ROW, key) for _, key in self.rows}
        return {*((PROSPECT, key) for key in self.keys), *((CUSTOMER, name) for name in names), *guests, *rows}


class People:
    """See ``Ledger.people``."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def find(self, profile: str, who: str) -> Person:
        """Give the person of an e-mail (whatever its case), an account code, or a key in a shop.

        Args:
            profile: the profile.
            who: one of these. Of an account's code all who share it are meant.
        """
        who = who.strip()
        with self._database.reading() as connection:
            known, told = _accounts(connection, profile), _logins(connection, profile)
        asked = who.casefold()
        of_accounts = known[["customer_key", "customer_code"]].eq(who).any(axis=1) | (known["email"] == asked)
        of_logins = told[["key", "customer_code"]].eq(who).any(axis=1) | (told["email"] == asked)
        emails = {*known.loc[of_accounts, "email"], *told.loc[of_logins, "email"]} - {""}
        of_accounts |= known["email"].isin(emails)
        mine, others = known[of_accounts], known[~of_accounts]
        alone = ~mine["customer_code"].isin(others["customer_code"])
        own_codes = mine.loc[alone, "customer_code"]
        login = told[of_logins | told["email"].isin(emails) | told["key"].isin(own_codes)]
        emails |= {*login["email"]} - {""}
        with self._database.reading() as connection:
            rows = _rows_naming(connection, profile, {*emails, *([asked] if "@" in asked else [])})
        numbers = {*mine[list(_NUMBERS)].to_numpy().ravel()} - {*others[list(_NUMBERS)].to_numpy().ravel(), ""}
        return Person(
            keys=tuple(mine["customer_key"]),
            codes=tuple(sorted({*own_codes})),
            shared_codes=tuple(sorted({*mine.loc[~alone, "customer_code"]})),
            logins=tuple(sorted({*login[["shop", "key"]].itertuples(index=False, name=None)})),
            rows=rows,
            emails=tuple(sorted({*mine["email"], *emails} - {""})),
            numbers=tuple(sorted(numbers)),
        )

    def of_documents(self, profile: str, numbers: Mapping[str, Collection[str]]) -> set[Record]:
        """Give the exchanged records whose document has one of the numbers, by the run that sent it."""
        return {
            (row.record_type, row.record_key)
            for row in self._documents(profile)
            if not {*row.document_number.split(_BETWEEN)}.isdisjoint(numbers.get(row.run_id, ()))
        }

    def document_numbers(self, profile: str) -> dict[str, set[str]]:
        """Give the numbers of all documents that were sent, by run."""
        found: dict[str, set[str]] = {}
        for row in self._documents(profile):
            found.setdefault(row.run_id, set()).update(row.document_number.split(_BETWEEN))
        return found

    def _documents(self, profile: str) -> Sequence[sa.Row[str, str, str, str]]:
        carried = records.join(deliveries).join(runs)
        query = sa.select(runs.c.run_id, records.c.record_type, records.c.record_key, records.c.document_number)
        this = (records.c.profile == profile) & (records.c.document_number != "")
        with self._database.reading() as connection:
            return connection.execute(query.select_from(carried).where(this)).all()

    def kept(self, profile: str, person: Person, theirs: Collection[Record]) -> dict[str, list[dict[str, Any]]]:
        """Give all that the ledger keeps of a person: rows by what they are.

        Args:
            profile: the profile.
            person: as ``find`` gives them.
            theirs: their records, ``Person.records`` and others that are known to be theirs.

        Returns:
            ``accounts``, ``told`` (to shops), ``records`` and ``replaced`` (exchanged), ``outcomes``, ``effects`` and
            ``audit``; moments are moments, totals millionths.
        """
        of_profile = runs.c.profile == profile
        keys = sorted({key for kind, key in theirs if kind not in {PROSPECT, CUSTOMER}})
        given = sa.select(*(accounts.c[name] for name in ACCOUNTS.names), runs.c.run_id).join(runs)
        told = [sent_values.c[name] for name in ("shop", "kind", "key", "value", "before")]
        said = sa.select(runs.c.run_id, runs.c.started_at, *(outcomes.c[name] for name in outcome.COLUMNS))
        done = [effects.c[name] for name in ("record_key", "kind", "value", "state")]
        queries = {
            "accounts": (given, _in(accounts.c.customer_key, person.keys, accounts.c.profile == profile)),
            "told": (
                sa.select(*told, deliveries.c.delivery_id).select_from(sent_values.outerjoin(deliveries)),
                _told(profile, person),
            ),
            **{name: _exchanged(table, profile, theirs) for name, table in _EXCHANGED.items()},
            "outcomes": (said.select_from(outcomes.join(runs)), _said(profile, person, theirs)),
            "effects": (
                sa.select(runs.c.run_id, *done).join(runs, effects.c.run_number == runs.c.number),
                [
                    *_in(effects.c.record_key, person.keys, of_profile, effects.c.kind == _SET_ACCOUNT),
                    *_in(effects.c.record_key, keys, of_profile, effects.c.kind != _SET_ACCOUNT),
                ],
            ),
            "audit": (
                sa.select(*(column for column in audit.c if column.name != "number")),
                _of(audit.c.record_type, audit.c.record, theirs, audit.c.profile == profile),
            ),
        }
        with self._database.reading() as connection:
            return {name: _rows(connection, query, parts) for name, (query, parts) in queries.items()}

    def forget(self, profile: str, person: Person, theirs: Collection[Record], *, by: str) -> dict[str, int]:
        """Forget who a person is; audited by their keys and codes, never by what is forgotten.

        E-mail, SIRET and VAT number go from the accounts; of what shops were told only stays that they have the login;
        what was said of the person and their orders goes, but that these were exchanged.

        Args:
            profile: the profile.
            person: as ``find`` gives them.
            theirs: their records.
            by: who wants it: a user or a run.

        Returns:
            How many ``accounts``, values ``told`` and ``outcomes`` were forgotten.
        """
        with self._database.writing() as connection:
            if connection.dialect.name == "sqlite":  # else what is overwritten stays in the file until its page is used
                connection.exec_driver_sql("PRAGMA secure_delete = ON")
            blank = dict.fromkeys(_PERSONAL, "")
            of_keys = _in(accounts.c.customer_key, person.keys, accounts.c.profile == profile)
            counts = {
                "accounts": sum(
                    connection.execute(sa.update(accounts).where(part).values(blank)).rowcount for part in of_keys
                ),
                "told": sum(_blank(connection, this) for this in _told(profile, person)),
                "outcomes": sum(
                    connection.execute(sa.delete(outcomes).where(part)).rowcount
                    for part in _said(profile, person, theirs)
                ),
            }
            about = ", ".join(f"{count} {name}" for name, count in counts.items())
            row = {"at": self._clock(), "actor": by, "profile": profile, "action": "erase", "record_type": CUSTOMER}
            names = [*person.keys, *(key for _, key in (*person.logins, *person.rows))]
            noted = [{**row, "record": name, "detail": about} for name in dict.fromkeys(names)]
            if noted:
                connection.execute(sa.insert(audit), noted)
            return counts


def _accounts(connection: sa.Connection, profile: str) -> pd.DataFrame:
    """Give the accounts of a profile, e-mails in small letters."""
    query = sa.select(*(accounts.c[name] for name in ACCOUNTS.names)).where(accounts.c.profile == profile)
    known = tables.select(connection, query.order_by(accounts.c.customer_key))
    return known.assign(email=known["email"].str.strip().str.casefold())


def _logins(connection: sa.Connection, profile: str) -> pd.DataFrame:
    """Give what shops were told of logins, now and before: shop, key, email (in small letters), customer_code."""
    this = (sent_values.c.profile == profile) & (sent_values.c.kind == CUSTOMER)
    query = sa.select(sent_values.c.shop, sent_values.c.key, sent_values.c.value).where(this)
    earlier = sa.select(sent_values.c.shop, sent_values.c.key, sent_values.c.before.label("value"))
    parts = [query, earlier.where(this, sent_values.c.before.is_not(None))]
    told = pd.concat([tables.select(connection, part) for part in parts], ignore_index=True)
    cells = as_table(told)
    found = {name: cells[name].fillna("").to_numpy() if name in cells else "" for name in ("email", "customer_code")}
    table = told[["shop", "key"]].assign(**found).astype("str")
    return table.assign(email=table["email"].str.strip().str.casefold())


def _rows_naming(connection: sa.Connection, profile: str, emails: Collection[str]) -> tuple[tuple[str, str], ...]:
    """Give the rows of declared tables that have one of the e-mails, now or before: shop and row."""
    this = (sent_values.c.profile == profile) & (sent_values.c.kind == ROW)
    query = sa.select(sent_values.c.shop, sent_values.c.key)
    found: set[tuple[str, str]] = set()
    for email in emails:
        named = [
            column.icontains(f'"{email}"', autoescape=True) for column in (sent_values.c.value, sent_values.c.before)
        ]
        found.update((row.shop, row.key) for row in connection.execute(query.where(this, sa.or_(*named))))
    return tuple(sorted(found))


def _told(profile: str, person: Person) -> list[sa.ColumnElement[bool]]:
    """Give the conditions for what shops were told of a person, value by value."""
    keys = [*((CUSTOMER, *login) for login in person.logins), *((ROW, *row) for row in person.rows)]
    return [
        (sent_values.c.profile == profile)
        & (sent_values.c.kind == kind)
        & (sent_values.c.shop == shop)
        & (sent_values.c.key == key)
        for kind, shop, key in keys
    ]


def _blank(connection: sa.Connection, this: sa.ColumnElement[bool]) -> int:
    """Leave of what a shop was told of a login or a row only that it is there."""
    row = connection.execute(sa.select(sent_values.c.key, sent_values.c.value, sent_values.c.before).where(this)).one()
    left = {"value": _left(row.key, row.value), "before": _left(row.key, row.before)}
    return connection.execute(sa.update(sent_values).where(this).values(left)).rowcount


def _left(key: str, text: str | None) -> str | None:
    """Give what stays: also what the key says anyway, by which a row can still be taken out of the shop."""
    if not text:
        return text
    told = {name: value for name, value in json.loads(text).items() if name in _STAYS or (value and value in key)}
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _exchanged(
    table: sa.Table, profile: str, theirs: Collection[Record]
) -> tuple[sa.Select[Any], list[sa.ColumnElement[bool]]]:
    """Give the question for what was exchanged, in which delivery."""
    names = ("record_type", "record_key", "content_hash", "document_kind", "document_number", "total_incl")
    carried = table.join(deliveries, table.c.delivery_number == deliveries.c.number).join(runs)
    columns = (deliveries.c.delivery_id, deliveries.c.place, deliveries.c.delivered_at, runs.c.run_id)
    query = sa.select(*(table.c[name] for name in names), *columns).select_from(carried)
    return query, _of(table.c.record_type, table.c.record_key, theirs, table.c.profile == profile)


def _said(profile: str, person: Person, theirs: Collection[Record]) -> list[sa.ColumnElement[bool]]:
    """Give the conditions for what was said of a person's records, or names their e-mail or numbers.

    That records were exchanged is the audit's.
    """
    of_profile = outcomes.c.run_number.in_(sa.select(runs.c.number).where(runs.c.profile == profile))
    said = of_profile & (outcomes.c.code != KEPT)
    named = [
        said & ((sa.func.lower(outcomes.c.value) == text) | outcomes.c.params.icontains(f'"{text}"', autoescape=True))
        for text in (*person.emails, *map(str.lower, person.numbers))
    ]
    return [*_of(outcomes.c.record_type, outcomes.c.record, theirs, said), *named]


def _of(
    record_type: sa.Column[str], record: sa.Column[str], theirs: Collection[Record], *conditions: sa.ColumnElement[bool]
) -> list[sa.ColumnElement[bool]]:
    """Give the conditions for records, part by part."""
    by_type: dict[str, list[str]] = {}
    for kind, key in sorted(theirs):
        by_type.setdefault(kind, []).append(key)
    return [part for kind, keys in by_type.items() for part in _in(record, keys, record_type == kind, *conditions)]


def _in(
    column: sa.Column[str], keys: Sequence[str], *conditions: sa.ColumnElement[bool]
) -> list[sa.ColumnElement[bool]]:
    """Give the conditions for keys, as many at once as databases take."""
    return [sa.and_(column.in_(keys[start : start + _AT_ONCE]), *conditions) for start in range(0, len(keys), _AT_ONCE)]


def _rows(
    connection: sa.Connection, query: sa.Select[Any], parts: list[sa.ColumnElement[bool]]
) -> list[dict[str, Any]]:
    """Give the rows that fulfil any of the conditions, each once."""
    found = [row for which in parts for row in connection.execute(query.where(which))]
    return [dict(row._mapping) for row in dict.fromkeys(found)]  # noqa: SLF001 - SQLAlchemy's documented name
