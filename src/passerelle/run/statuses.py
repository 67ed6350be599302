"""The task that tells a shop what became of its orders in the ERP: only what differs from what it was told.

A run is of one shop: what stops one does not stop the others.

Source: spec STA-1 to STA-5; design.md decision 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import file_digest
from pathlib import Path, PurePath

import pandas as pd

from passerelle import outcome
from passerelle.exchange import reference, statuses, texts
from passerelle.exchange.mappings import SHOP_STATUSES as MAPPING
from passerelle.exchange.statuses import ORDER, Orders
from passerelle.exchange.told import as_json, as_table
from passerelle.formats.writer import Written, write
from passerelle.ledger.entries import VALUES
from passerelle.model.statuses import ERP_DOCUMENTS, SHOP_STATUSES
from passerelle.profile.loader import ProfileError
from passerelle.profile.shop_settings import InvoiceFiles, ShopStatuses
from passerelle.profile.workbook import read_mappings
from passerelle.run.erp_catalogue import ErpCatalogue, Extract
from passerelle.run.errors import RunError
from passerelle.run.exports import ORDERS
from passerelle.run.fates import Fates
from passerelle.run.job import Attached, Desk, Package
from passerelle.run.made_files import fault_of_pdf
from passerelle.run.to_shops import shops_with
from passerelle.run.told import Told, acknowledged, differing
from passerelle.storage.base import LocalFile
from passerelle.storage.places import open_place

STATUSES = "statuses"
"""The shop's table in the profile."""
STATUS, INVOICE = "status", "invoice"
"""The kinds of values that the ledger keeps of what a shop was told."""
_DOCUMENTS = "ebp/sales_documents"
_NOTHING = "{}"


@dataclass(frozen=True, slots=True)
class StatusesTask:
    """What became of a shop's orders in the ERP, to the shop."""

    name: str = "statuses"

    def make(self, desk: Desk) -> Told:
        """Read the ERP's documents and the shop's orders, write what differs, and take the files of the invoices.

        Raises:
            RunError: the shop is told nothing of its orders, or the extract cannot be believed.
            ProfileError: the mapping cannot be used.
            StorageError: the shop's exports or the files of the invoices could not be fetched.
            FormatError: a file is not of its format.
        """
        shops_with(desk.loaded, STATUSES, desk.shop.name)
        options = desk.shop.statuses or ShopStatuses()
        erp = ErpCatalogue(desk, self.name)
        extract = _read(erp, options)
        rows, wrong = read_mappings(desk.profile.mappings)
        if (wrong["state"] == "failed").any():
            raise ProfileError(wrong, desk.profile.language)
        (known, unreadable), mapping = _orders(desk, options), rows[MAPPING.name]
        documents = statuses.documents_of(extract.table, known)
        life = statuses.life(mapping, desk.shop.name, options)
        wanted = statuses.states(documents, desk.shop.name, mapping, options, life)
        sent = desk.ledger.sent_values(desk.profile.name, desk.shop.name, STATUS)
        before = as_table(sent)
        found, stays, is_further = statuses.settled(wanted, before, known.statuses, life, options)
        values = _values(found)
        invoices = _Invoices.of(desk, options.invoices, documents)
        changed = _changed(desk, values, sent, invoices.changed["order_key"])

        fates = Fates(known.keys, ORDER)
        fates.leave("order-not-in-erp", ~texts.among(known.keys, wanted.index).to_numpy())
        goes = texts.among(known.keys, changed["key"]).to_numpy()
        fates.leave("status-later-in-shop", texts.among(known.keys, wanted.index[is_further]).to_numpy() & ~goes)
        fates.leave("status-unchanged", ~goes)
        kept = found.index[stays]
        package, written = _written(desk, options, found.reindex(changed["key"]), before, kept, invoices)
        fates.refuse(written.outcomes)
        told = invoices.changed[texts.among(invoices.changed["order_key"], known.keys[fates.go])]
        return Told(
            desk,
            read=len(known.keys),
            fates=fates,
            outcomes=outcome.together([extract.read.outcomes, unreadable, invoices.outcomes, *fates.said]),
            changed={
                STATUS: changed[texts.among(changed["key"], known.keys[fates.go])].reset_index(drop=True),
                INVOICE: VALUES.conform(told)[["key", "value", "before"]],
            },
            labels=pd.Series(dtype="str"),
            packages=(replace(package, attached=invoices.files),) if written.rows else (),
            marks=erp.marks,
            unread=len(invoices.outcomes) + unreadable["record"].nunique() + extract.read.rows - len(extract.table),
        ).checked()


STATUSES_TO_SHOP = StatusesTask()


@dataclass(frozen=True, slots=True)
class _Invoices:
    """The files of invoices that a shop does not have yet.

    Attributes:
        changed: ``key``, ``value``, ``before`` of each invoice of an order, with ``order_key``, ``document_number`` and
            ``file``, its name where it is delivered.
        files: the files.
        outcomes: invoices whose file is not there, or is none.
    """

    changed: pd.DataFrame
    files: tuple[Attached, ...] = ()
    outcomes: pd.DataFrame = field(default_factory=outcome.none)

    @classmethod
    def of(cls, desk: Desk, settings: InvoiceFiles | None, documents: pd.DataFrame) -> _Invoices:
        """Find the files of all invoices of the orders, and fetch those that are new or were printed again (STA-4).

        Raises:
            StorageError: the place cannot be listed, or a file not be fetched.
        """
        due = statuses.invoices_of(documents)
        if settings is None:
            return cls(due.iloc[:0].assign(key="", value="", before="", file=""))
        called = [settings.file_name.replace("{number}", number) for number in due["document_number"]]
        due["called"] = pd.Series(called, due.index, dtype="str")
        due["name"] = due["called"].str.casefold()
        due["key"] = due["order_key"] + "/" + due["document_number"]
        with open_place(settings.place, base_folder=desk.loaded.folder) as storage:
            there = {PurePath(entry.path).name.casefold(): entry for entry in storage.list()}
            found = due[due["name"].isin(list(there))]
            version = [f"{there[name].size} {there[name].modified_utc}" for name in found["name"]]
            known = acknowledged(desk, INVOICE)
            changed = differing(desk, INVOICE, pd.Series(version, pd.Index(found["key"]), dtype="str"), known)
            rows = found.merge(changed, on="key")
            wanted = {
                there[name].path: LocalFile(there[name].path, desk.workshop / f"{number}.pdf", there[name].size)
                for number, name in enumerate(rows["name"].unique())
            }
            fetched = {PurePath(one.path).name.casefold(): one.local for one in storage.get_files([*wanted.values()])}
        digests = {name: _digest(local) for name, local in fetched.items()}
        # What the shop was given it has, though the ERP's folder has been cleared meanwhile.
        had = texts.among(due["key"], known["key"]) & (not desk.request.full)
        gone = due["name"].isin(rows["name"]) & ~due["name"].isin(list(fetched))
        missing = due[(~due["name"].isin(list(there)) & ~had) | gone]
        wrong = rows[rows["name"].isin([name for name, digest in digests.items() if not digest])]
        rows = rows[rows["name"].isin([name for name, digest in digests.items() if digest])].reset_index(drop=True)
        # A number may have signs that no file has; a content of another kind has another name.
        number = texts.replaced(rows["document_number"], r"[^\pL\pN_-]+", "_")
        ends = pd.Series([f"-{digests[name][:8]}.pdf" for name in rows["name"]], rows.index, dtype="str")
        rows["file"] = number + ends
        attached = {
            file: Attached(file, fetched[name], digests[name])
            for file, name in zip(rows["file"], rows["name"], strict=True)
        }
        said = [_said("invoice-file-missing", missing), _said("invoice-file-invalid", wrong)]
        return cls(rows.drop(columns=["name", "called"]), tuple(attached.values()), outcome.together(said))


def _digest(file: Path) -> str:
    """Give the SHA-256 of a PDF file; empty: it is none, or half of one that the ERP is still printing."""
    if fault_of_pdf(file):
        return ""
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


def _said(code: str, rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows.drop_duplicates("document_number")
    return outcome.said(code, rows["document_number"], record_type=INVOICE, stage="read", value=rows["called"])


def _read(erp: ErpCatalogue, options: ShopStatuses) -> Extract:
    """Read the ERP's documents, with the columns that the profile names.

    Raises:
        RunError: the profile names no extract; or it is missing, empty, stale or shrunken, or lacks a column.
        FormatError: the file is not of the format.
    """
    path = erp.desk.profile.erp.extracts.documents
    if path is None:
        raise RunError("run-extract-not-set", is_usage=True, setting="erp.extracts.documents")
    named = {"tracking": options.tracking_column, "carrier": options.carrier_column}
    labels = [label for label in named.values() if label]
    descriptor = erp.format(_DOCUMENTS).also(dict.fromkeys(labels, "string"))
    sources = {name: descriptor.labelled(label).source for name, label in named.items() if label}
    wanted = {"document_type", *sources.values(), *(["delivery_date"] if options.send_delivery_date else [])}
    only = descriptor.only({*ERP_DOCUMENTS.names, *wanted})
    extract = erp.extract("documents", path, only, ERP_DOCUMENTS, wanted)
    told = {name: extract.read.table[source] for name, source in sources.items()}
    return replace(extract, table=extract.table.assign(**told))


def _orders(desk: Desk, options: ShopStatuses) -> tuple[Orders, pd.DataFrame]:
    """Give the shop's orders, as the ledger and its exports know them, and what was said of those that cannot be read.

    Raises:
        StorageError: the exports cannot be fetched.
    """
    shop, profile = desk.shop, desk.profile
    exported, unreadable = SHOP_STATUSES.empty().assign(order_key="", status=""), outcome.none()
    sales = ORDERS.read_all(shop, shop.source, desk.loaded) if options.look_at_exports else None
    if sales is not None:
        buyers = sales.parties.drop_duplicates("customer_key").set_index("customer_key")
        exported = reference.named(sales.orders, buyers, sales.addresses)
        unreadable = sales.outcomes[sales.outcomes["state"] == "failed"]
    known = statuses.orders(shop.name, desk.ledger.exchanged(profile.name, ORDER), exported, profile.orders)
    return known, unreadable[~texts.among(unreadable["record"], known.keys)]  # of the others the ledger tells enough


def _values(found: pd.DataFrame) -> pd.Series:
    """Give what the shop is told of each order as one text; what is not known is not told."""
    fields = found.replace("", None)
    return as_json(fields.reset_index(names="key"), "key")


def _changed(desk: Desk, values: pd.Series, sent: pd.DataFrame, with_invoices: pd.Series) -> pd.DataFrame:
    """Give the orders of which something differs from what the shop was told, or that have new invoices."""
    changed = differing(desk, STATUS, values)
    changed = changed[(changed["value"] != _NOTHING) | (changed["before"] != "")]
    more = values[texts.among(values.index.to_series(), with_invoices).to_numpy() & ~values.index.isin(changed["key"])]
    told = sent.set_index("key")["value"].reindex(more.index).fillna("")
    also = pd.DataFrame({"key": more.index, "value": more.to_numpy(), "before": told.to_numpy()})
    return pd.concat([changed, also], ignore_index=True).astype("str")


def _written(
    desk: Desk,
    options: ShopStatuses,
    rows: pd.DataFrame,
    before: pd.DataFrame,
    kept: pd.Index,
    invoices: _Invoices,
) -> tuple[Package, Written]:
    """Write the file.

    A status is only set where it is another than the shop was told, or all is to be told; never of orders that keep
    theirs.
    """
    descriptor = desk.shop_format(options.format, settings=options.format_settings)
    told = before.reindex(rows.index).get("status", pd.Series("", rows.index)).fillna("")
    is_set = ((rows["status"] != told) | desk.request.full) & ~rows.index.isin(kept)
    files: Mapping[str, pd.Series] = {
        column: texts.by_group(invoices.changed[source], invoices.changed["order_key"], ",").reindex(rows.index)
        for column, source in {"invoice_numbers": "document_number", "invoice_files": "file"}.items()
    }
    table = rows.assign(
        order_key=rows.index,
        order_id=texts.replaced(rows.index.to_series(), "^[^/]*/", ""),
        status=rows["status"].where(is_set, ""),
        delivery_date=pd.to_datetime(rows["delivery_date"], format="%Y-%m-%d", errors="coerce"),
        **{column: texts_.fillna("") for column, texts_ in files.items()},
    )
    table = SHOP_STATUSES.conform(table.reset_index(drop=True))
    written = write(descriptor, table, record_column="order_key", record_type=ORDER)
    return Package(descriptor.path, written.data, written.rows), written
