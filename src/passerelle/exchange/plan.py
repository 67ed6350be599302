"""The plan of a run: what would be created, updated, refused, ignored, told as a table before anything is done.

What would be done is what the run's own tables say, so that a plan cannot promise anything else. Every task makes its
plan of the same parts: ``changes`` for what is updated field by field, ``left_out`` for what is refused or ignored.

Source: spec PRE-1; user-asks (what Gestan shows before it synchronises).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.customers import ACCOUNT_COLUMNS
from passerelle.model.documents import SETTLEMENT
from passerelle.model.plan import PLAN, Direction

if TYPE_CHECKING:  # a task of the catalogue makes plans too, and need not load the rules of orders
    from passerelle.exchange.orders import Exchange
    from passerelle.exchange.prospects import Prospects

_RECORD = ["record_type", "record"]
_REASONS = ["reason_fr", "reason_en"]
_PARTICULARS = list(ACCOUNT_COLUMNS[1:])


@dataclass(frozen=True, slots=True)
class Before:
    """What stands there before the run, to tell old from new.

    Attributes:
        statuses: by order key, the order's status in the shop.
        accounts: what the ledger remembers of accounts (``customers.ACCOUNT_COLUMNS``).
        erp_customers: the ERP's customers; ``None`` without an extract.
        address_fields: what of a customer the ERP's address file updates.
    """

    statuses: pd.Series
    accounts: pd.DataFrame
    erp_customers: pd.DataFrame | None
    address_fields: Iterable[str]


def of_orders(exchange: Exchange, outcomes: pd.DataFrame, effects: pd.DataFrame, before: Before) -> pd.DataFrame:
    """Give the plan of a run that makes ERP documents of orders and refunds.

    Args:
        exchange: what they became.
        outcomes: all that was said.
        effects: what is to be done in the shops: ``record_key``, ``kind``, ``value``.
        before: what stands there.

    Returns:
        ``PLAN``: documents, settlements of earlier ones, customers, addresses, accounts, the shops' orders and
        customers, then what is left out.
    """
    return together(
        [
            _documents(exchange),
            _settlements(exchange),
            _customers(exchange.customers, exchange.addresses),
            _addresses(exchange, before),
            _accounts(exchange.accounts, exchange.customers, before.accounts),
            _in_shops(effects, before),
            left_out(outcomes),
        ]
    )


def of_prospects(prospects: Prospects, outcomes: pd.DataFrame, effects: pd.DataFrame, before: Before) -> pd.DataFrame:
    """Give the plan of a run that makes customers of prospects; see ``of_orders``."""
    return together(
        [
            _customers(prospects.customers, prospects.customers),
            _accounts(prospects.accounts, prospects.customers, before.accounts),
            _in_shops(effects, before),
            left_out(outcomes),
        ]
    )


def together(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put parts of a plan one under the other."""
    return pd.concat([PLAN.empty(), *(PLAN.conform(part) for part in parts if len(part))], ignore_index=True)


def left_out(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Give what is refused or ignored, and why; of a refused record only what refuses it."""
    said = outcomes[outcomes["state"] != "succeeded"]
    is_refusal = said["state"] == "failed"
    is_refused = is_refusal.groupby([said["record_type"], said["record"]]).transform("any")
    said = said[is_refusal | ~is_refused]
    rows = said.to_dict("records")
    reasons = {
        f"reason_{language}": pd.Series(
            [f"{outcome.message(row, language)} {outcome.todo(row, language)}".strip() for row in rows],
            said.index,
            dtype="str",
        )
        for language in ("fr", "en")
    }
    action = said["state"].map({"failed": "refuse", "ignored": "ignore"}).astype("str")
    rows_left = said[[*_RECORD, "code", "field"]].assign(action=action, **reasons)
    return rows_left.sort_values("action", ascending=False, kind="stable")


def changes(
    record_type: str, direction: Direction, old: pd.DataFrame, new: pd.DataFrame, fields: Iterable[str]
) -> pd.DataFrame:
    """Give what is updated of records, field by field; what is empty in the new ones stays as it is.

    Args:
        record_type: what kind of records they are.
        direction: where they are updated.
        old: what stands there, by record; a record or field that it lacks is not known.
        new: what will stand there, by record, with ``customer_code``.
        fields: the fields compared.
    """
    parts = []
    for rank, name in enumerate(fields):
        known = old[name] if name in old else pd.Series(dtype="str")
        before = known.reindex(new.index).fillna("").astype("str")
        row = pd.DataFrame({"field": name, "old": before, "new": new[name], "rank": rank})
        parts.append(row[(row["new"] != "") & (row["new"] != before)])
    rows = pd.concat(parts).rename_axis("record").reset_index()
    rows["place"] = new.index.get_indexer(rows["record"])
    rows = rows.sort_values(["place", "rank"], ignore_index=True)
    customer = new["customer_code"].reindex(rows["record"]).to_numpy()
    return rows.assign(record_type=record_type, action="update", direction=direction, customer_code=customer)


def counted(plan: pd.DataFrame) -> pd.DataFrame:
    """Count a plan.

    Returns:
        ``action``, ``direction``, ``what`` (a document's kind, else the type of the records), ``currency``, ``count``
        (of documents, else of records), ``amount`` (missing where there are no documents). A document that several
        records share counts once.
    """
    by = ["action", "direction", "what", "currency"]
    is_document = plan["document_kind"] != ""
    named = plan.assign(what=plan["document_kind"].where(is_document, plan["record_type"]))
    documents = named[is_document].drop_duplicates(["document_kind", "document_number", "content"])
    made = documents.groupby(by, sort=False).agg(count=("record", "size"), amount=("amount", "sum"))
    others = named[~is_document].drop_duplicates(["action", "direction", *_RECORD])
    rest = others.groupby(by, sort=False).agg(count=("record", "size")).assign(amount=pd.NA)
    both = pd.concat([made, rest.astype({"amount": "Int64"})]).reset_index()
    return both.astype({"count": "int64", "amount": "Int64"})


@dataclass(frozen=True, slots=True)
class Moved:
    """What is not any more as a plan said: records by type and key.

    Attributes:
        gone: nothing would be done with them any more.
        new: the plan did not have them.
        changed: something else would be done with them.
    """

    gone: list[str]
    new: list[str]
    changed: list[str]

    @property
    def records(self) -> list[str]:
        """All of them."""
        return [*self.changed, *self.gone, *self.new]


def moved(said: pd.DataFrame, now: pd.DataFrame) -> Moved:
    """Compare a plan with what would be done now; records that are ignored do not count, nothing is done with them.

    Args:
        said: the plan, with all columns as text.
        now: the same of now.
    """
    before, after = _by_record(said), _by_record(now)
    both = before.index.intersection(after.index)
    return Moved(
        gone=[*before.index.difference(after.index, sort=False)],
        new=[*after.index.difference(before.index, sort=False)],
        changed=[*both[before[both].to_numpy() != after[both].to_numpy()]],
    )


def _by_record(plan: pd.DataFrame) -> pd.Series:
    """Give all that is done with each record as one text; the wording of reasons does not count."""
    done = plan[plan["action"] != "ignore"]
    told = texts.side_by_side(done.drop(columns=[*_RECORD, *_REASONS]), "\x1f").sort_values(kind="stable")
    return texts.by_group(told, texts.side_by_side(done[_RECORD], " ")[told.index], "\x1e")


def _documents(exchange: Exchange) -> pd.DataFrame:
    """Give the documents to be created, once per record that is in them."""
    documents = exchange.documents.assign(content=_contents(exchange))
    made = documents.merge(exchange.sources, on="document_key", sort=False)
    is_refund = texts.among(made["record_key"], exchange.parents.index)
    columns = {"record_key": "record", "total_incl": "amount"}
    return made.rename(columns=columns).assign(
        record_type=is_refund.map({True: "refund", False: "order"}), action="create", direction="add-to-erp"
    )


def _settlements(exchange: Exchange) -> pd.DataFrame:
    """Give the settlements of documents that are in the ERP already; those of new documents go with them."""
    settlements = exchange.settlements
    later = settlements[~texts.among(settlements["document_key"], exchange.documents["document_key"])]
    columns = {"settlement_key": "record", "settled_at": "document_date"}
    return later.rename(columns=columns).assign(
        record_type=SETTLEMENT,
        document_kind=SETTLEMENT,
        action="create",
        direction="add-to-erp",
        content=_as_text(_hashed(later)),
    )


def _contents(exchange: Exchange) -> pd.Series:
    """Give what tells two versions of each document apart: its header, lines and settlements; row for row."""
    keys = exchange.documents["document_key"]
    parts = [
        _hashed(rows).groupby(rows["document_key"].to_numpy()).sum().reindex(keys, fill_value=0)
        for rows in (exchange.documents, exchange.lines, exchange.settlements)
    ]
    return _as_text(sum(parts[1:], parts[0])).set_axis(exchange.documents.index)


def _hashed(rows: pd.DataFrame) -> pd.Series:
    hashed: pd.Series = pd.util.hash_pandas_object(rows, index=False)
    return hashed


def _as_text(numbers: pd.Series) -> pd.Series:
    return pd.Series([f"{number:016x}" for number in numbers], numbers.index, dtype="str")


def _customers(customers: pd.DataFrame, addresses: pd.DataFrame) -> pd.DataFrame:
    """Give the customers to be created, with their addresses."""
    of_customer = _hashed(addresses).groupby(addresses["customer_code"].to_numpy()).sum()
    content = _hashed(customers) + of_customer.reindex(customers["customer_code"], fill_value=0).to_numpy()
    return customers[["customer_code"]].assign(
        record=customers["customer_key"],
        record_type="customer",
        action="create",
        direction="add-to-erp",
        new=customers["name"],
        field="name",
        content=_as_text(content),
    )


def _addresses(exchange: Exchange, before: Before) -> pd.DataFrame:
    """Give the addresses that the ERP's customers get (CUS-4)."""
    is_new = texts.among(exchange.addresses["customer_code"], exchange.customers["customer_code"])
    new = exchange.addresses[~is_new].set_index("customer_key")
    if before.erp_customers is None or new.empty:
        return PLAN.empty()
    known = before.erp_customers.drop_duplicates("customer_code").set_index("customer_code")
    old = known.assign(billing_email=known["email"]).reindex(new["customer_code"]).set_axis(new.index)
    return changes("customer", "update-erp", old, new, before.address_fields)


def _accounts(given: pd.DataFrame, customers: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Give the accounts that the ledger remembers from now on, but for those of customers that are created."""
    new = given.set_index("customer_key")
    old = known.drop_duplicates("customer_key").set_index("customer_key")
    is_known = new.index.isin(old.index)
    is_created = texts.among(new["customer_code"], customers["customer_code"]).to_numpy()
    found = new[~is_known & ~is_created]
    return together(
        [
            pd.DataFrame({"record": found.index, "customer_code": found["customer_code"].to_numpy()}).assign(
                record_type="account", action="create", direction="remember"
            ),
            changes("account", "remember", old, new[is_known], _PARTICULARS),
        ]
    )


def _in_shops(effects: pd.DataFrame, before: Before) -> pd.DataFrame:
    """Give what is to be done in the shops (ORD-80, ORD-82, CUS-9)."""
    known = {
        "set-status": before.statuses,
        "set-account": before.accounts.drop_duplicates("customer_key").set_index("customer_key")["customer_code"],
    }
    old = pd.Series("", effects.index, dtype="str")
    for kind, values in known.items():
        known_of = values.reindex(effects["record_key"]).fillna("").set_axis(effects.index).astype("str")
        old = old.mask(effects["kind"] == kind, known_of)
    is_account = effects["kind"] == "set-account"
    columns = {"record_key": "record", "kind": "field", "value": "new"}
    return effects.rename(columns=columns).assign(
        record_type=is_account.map({True: "customer", False: "order"}),
        action="update",
        direction="update-shop",
        old=old,
    )
