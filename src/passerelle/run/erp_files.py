"""The files EBP imports: text files by their descriptors, the batch file, all in one ``erpFiles.zip``.

Source: spec EBP-1, EBP-2, FMT-3, INV-2, INV-3.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from passerelle import outcome
from passerelle.exchange import texts
from passerelle.exchange.orders import Exchange
from passerelle.exchange.prospects import Prospects
from passerelle.formats.registry import Formats
from passerelle.formats.writer import write
from passerelle.profile.settings import Batch, Import

ZIP_NAME = "erpFiles.zip"
BATCH_NAME = "Batch.txt"
FORMATS = {
    "customers": "ebp/customers",
    "addresses": "ebp/addresses",
    "quote": "ebp/quotes",
    "order": "ebp/orders",
    "delivery_note": "ebp/delivery_notes",
    "invoice": "ebp/invoices",
    "credit_note": "ebp/credit_notes",
}
"""The descriptor of each file, in the order EBP must import them (facts §1.4)."""
PROSPECTS = "ebp/prospects"
"""The descriptor of the customers' file where these are prospects."""
SETTLEMENTS_FORMAT = "ebp/settlements"
"""The descriptor of the file that EBP does not import, for who books the settlements (ORD-50)."""
_IMPORTS = {
    "quote": "quotes",
    "order": "orders",
    "delivery_note": "delivery_notes",
    "invoice": "invoices",
    "credit_note": "credit_notes",
}
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ErpFiles:
    """The files of a run.

    Attributes:
        files: content by file name, in the order EBP imports them; empty when there is no document.
        exchange: what stands in them: an order that a file cannot hold was taken out.
        outcomes: what the writer said of documents, by order and refund.
    """

    files: Mapping[str, bytes]
    exchange: Exchange
    outcomes: pd.DataFrame

    def zipped(self) -> bytes:
        """Give the zip."""
        return zipped(self.files)


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Give the zip of a run's files, the same bytes for the same files (INV-3)."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            member = zipfile.ZipInfo(name, _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 0
            archive.writestr(member, data, compresslevel=1)
    return buffer.getvalue()


def write_prospects(
    prospects: Prospects, formats: Formats, settings: Mapping[str, Mapping[str, object]], batch: Batch
) -> tuple[dict[str, bytes], Prospects, pd.DataFrame]:
    """Write prospects as customers and their addresses (CUS-6).

    Returns:
        Content by file name, in the order EBP imports them, none when there is no prospect; the prospects that stand in
        them, one that a file cannot hold taken out; what the writer said, by the shop's accounts.
    """
    said = []
    while True:
        files: dict[str, bytes] = {}
        names: dict[str, str] = {}
        told = []
        kinds = {"customers": PROSPECTS, "addresses": FORMATS["addresses"]}
        for kind, name in kinds.items() if len(prospects.customers) else ():
            own = settings.get(FORMATS["customers"], {}) if name == PROSPECTS else {}
            descriptor = formats.get(name, {**own, **settings.get(name, {})})
            written = write(descriptor, prospects.customers, record_column="customer_code")
            names[kind] = str(descriptor.path)
            files[names[kind]] = written.data
            told.append(written.outcomes)
        outcomes = outcome.together(told)
        refused = outcome.refused(outcomes)
        of_refused = outcomes["record"].isin(refused)
        said.append(prospects.of_accounts(outcomes[of_refused] if refused else outcomes))
        if not refused:
            break
        prospects = prospects.without(refused)
    if files:
        files[BATCH_NAME] = _batch(names, batch, batch.imports.prospects)
    return files, prospects, outcome.together(said).drop_duplicates(ignore_index=True)


def write_erp_files(
    exchange: Exchange, formats: Formats, settings: Mapping[str, Mapping[str, object]], batch: Batch
) -> ErpFiles:
    """Write the documents, the customers they need, and the settlements.

    A customer or document that its file cannot hold (a code or an e-mail too long: never cut) takes its order out of
    all files, and the rest is written again without it; a settlement of a document exchanged before goes alone.

    Args:
        exchange: what the rules made.
        formats: the built-in and the user's descriptors.
        settings: the profile's values of the descriptors' settings, by format.
        batch: where EBP finds the files, and by which saved imports it takes them.
    """
    said = []
    while True:
        files, names, outcomes, refused = _written(exchange, formats, settings)
        said.append(outcomes[outcomes["record"].isin(refused)] if refused else outcomes)
        if not refused:
            break
        exchange = exchange.without(refused)
    if imported := _batch(names, batch, batch.imports.customers):
        files[BATCH_NAME] = imported
    return ErpFiles(files, exchange, outcome.together(said))


def _document_rows(exchange: Exchange, kind: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the lines of the documents of a kind, with the prefix ``line_``, document by document; and these (EBP-2)."""
    documents = exchange.documents[exchange.documents["document_kind"] == kind]
    lines = exchange.lines.add_prefix("line_").rename(columns={"line_document_key": "document_key"})
    place = texts.places(lines["document_key"], documents["document_key"])
    order = np.argsort(place, kind="stable")
    return lines.take(order[np.count_nonzero(place < 0) :]), documents


def _written(
    exchange: Exchange, formats: Formats, settings: Mapping[str, Mapping[str, object]]
) -> tuple[dict[str, bytes], dict[str, str], pd.DataFrame, set[str]]:
    """Write every file once.

    Returns:
        Content by file name; the file's name by what EBP imports; outcomes by order and refund; those that cannot be
        written.
    """
    files: dict[str, bytes] = {}
    names: dict[str, str] = {}
    said = []
    for kind, name in FORMATS.items():
        is_customer = kind in {"customers", "addresses"}
        rows, documents = (getattr(exchange, kind), None) if is_customer else _document_rows(exchange, kind)
        if rows.empty:
            continue
        descriptor = formats.get(name, settings.get(name))
        key = "customer_code" if is_customer else "document_key"
        written = write(descriptor, rows, record_column=key, shared=documents)
        said.append(_of_documents(written.outcomes, exchange) if is_customer else written.outcomes)
        names[kind] = str(descriptor.path)
        files[names[kind]] = written.data
    rows = exchange.settlements[~exchange.settlements["is_deposit"]]
    if len(rows):
        descriptor = formats.get(SETTLEMENTS_FORMAT, settings.get(SETTLEMENTS_FORMAT))
        is_entered = rows["document_key"].isin(exchange.documents["document_key"])
        record = rows["document_key"].where(is_entered, rows["settlement_key"])
        written = write(descriptor, rows.assign(record=record), record_column="record")
        said.append(written.outcomes)
        files[str(descriptor.path)] = written.data
    outcomes = exchange.of_records(outcome.together(said))
    return files, names, outcomes, outcome.refused(outcomes)


def _of_documents(outcomes: pd.DataFrame, exchange: Exchange) -> pd.DataFrame:
    """Say of the documents what was said of their customer."""
    documents = exchange.documents[["customer_code", "document_key"]]
    met = outcomes.merge(documents, left_on="record", right_on="customer_code")
    return met.assign(record=met["document_key"])[list(outcome.COLUMNS)]


def _batch(names: Mapping[str, str], batch: Batch, customers: Import) -> bytes:
    """Write EBP's batch file: one import per row, customers first (facts §1.3); no login or password stands in it."""
    imports = {"customers": customers, "addresses": batch.imports.addresses}
    imports |= {kind: getattr(batch.imports, name) for kind, name in _IMPORTS.items()}
    folder = batch.folder.rstrip("\\") + "\\" if batch.folder else ""
    rows = [f'/Import="{folder}{name}";{imports[kind].category};{imports[kind].name}' for kind, name in names.items()]
    return "".join(f"{row}\r\n" for row in rows).encode("cp1252")
