"""What the ERP made of a shop's orders: the status, tracking number and documents that the shop is told.

Source: spec STA-1 to STA-5; facts ebp.md §2.3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from passerelle.exchange import erp_documents, mappings, reference, texts
from passerelle.exchange.catalogue import Mask
from passerelle.exchange.options import OrderOptions
from passerelle.exchange.shop_options.statuses import StatusOptions

ORDER = "order"
FIELDS = ("status", "tracking_number", "carrier", "document_number", "delivery_date")
"""What a shop is told of an order, beside the files of its invoices."""
_LIFE = ("quote", "order", "preparation", "delivery_note", "invoice")
"""The documents of an order in the order of its life."""
_TYPES: Mapping[str, str] = {
    "1": "quote",
    "devis": "quote",
    "8": "order",
    "commande": "order",
    "préparation de livraison": "preparation",
    "bon de préparation": "preparation",
    "6": "delivery_note",
    "bon de livraison": "delivery_note",
    "livraison": "delivery_note",
    "2": "invoice",
    "facture": "invoice",
    "7": "deposit_invoice",
    "facture d'acompte": "deposit_invoice",
}
"""Kinds of the ERP's documents by its words; other documents tell nothing of an order."""
_INVOICES = ("invoice", "deposit_invoice")
_ALONE = ("%OI", "%SH", "%%")
"""Template codes that an order's key alone fills."""
_CODES = re.compile("%%|%[A-Z]{2}")
_BETWEEN = r"\s*[;,|\n].*$"
"""What follows the first of several tracking numbers."""
_HOPS = 5


@dataclass(frozen=True, slots=True)
class Orders:
    """A shop's orders, and the texts by which the ERP's documents name them.

    Attributes:
        keys: the orders, each once.
        references: by order, what the ERP writes in the reference of a document that was imported; grouped orders
            share theirs.
        fields: by order, the text of the custom field.
        numbers: by order, the document's number where the ERP takes ours.
        statuses: by order, its status in the shop, where the shop's exports tell.
    """

    keys: pd.Series
    references: pd.Series
    fields: pd.Series
    numbers: pd.Series
    statuses: pd.Series


def orders(shop: str, sent: pd.DataFrame, exported: pd.DataFrame, options: OrderOptions) -> Orders:
    """Put together what the ledger and the shop's exports know of a shop's orders.

    Args:
        shop: the shop.
        sent: the ledger's orders, of all shops: ``record_key``, ``document_kind``, ``document_number``,
            ``delivery_id``.
        exported: the shop's exported orders with the columns of the templates (``reference.named``), and ``status``.
        options: the templates of the number and of the custom field.
    """
    own = sent[sent["record_key"].str.startswith(f"{shop}/")]
    others = exported[~texts.among(exported["order_key"], own["record_key"])]
    of_others = reference.fill(options.number, others).set_axis(pd.Index(others["order_key"]))
    of_others = _each_own(of_others[~texts.among(of_others, sent["document_number"]).to_numpy()])
    numbers = pd.concat([_of_one_document(sent).reindex(own["record_key"]).dropna(), of_others]).astype("str")
    fields = [reference.fill(options.shop_order, exported).set_axis(pd.Index(exported["order_key"]))]
    if all(code in _ALONE for code in _CODES.findall(options.shop_order)):
        keys = sent["record_key"]
        shops, ids = texts.replaced(keys, "/.*", ""), texts.replaced(keys, "^[^/]*/", "")
        known = pd.DataFrame({"order_id": ids, "shop": shops})
        fields.append(reference.fill(options.shop_order, known).set_axis(pd.Index(sent["record_key"])))
    keys = pd.concat([own["record_key"], others["order_key"]], ignore_index=True).astype("str")
    field = _each_own(pd.concat(fields))
    return Orders(
        keys=keys,
        references=erp_documents.IMPORTED + numbers,
        fields=field[texts.among(field.index.to_series(), keys).to_numpy()],
        numbers=numbers if options.use_own_number else numbers.iloc[:0],
        statuses=exported.drop_duplicates("order_key").set_index("order_key")["status"],
    )


def documents_of(documents: pd.DataFrame, known: Orders) -> pd.DataFrame:
    """Give the ERP's documents of the orders: those that name one, and those made from them, one after the other.

    Args:
        documents: ``model.statuses.ERP_DOCUMENTS``.
        known: the orders.

    Returns:
        The documents with ``order_key`` and ``kind``, once per order; those of a kind that tells nothing are left out.
    """
    kind = documents["document_type"].str.strip().str.casefold().map(_TYPES)
    told = documents.assign(kind=kind.astype("str"))[kind.notna().to_numpy()]
    named = [(told["reference"], known.references), (told["shop_order"], known.fields)]
    named.append((told["document_number"], known.numbers))
    found = [pd.concat([_met(told, text, asked) for text, asked in named]).drop_duplicates(["order_key", *_ONE])]
    for _ in range(_HOPS):
        last = found[-1].drop_duplicates(["order_key", "document_number"])
        asked = pd.Series(last["document_number"].to_numpy(), pd.Index(last["order_key"]), dtype="str")
        found.append(_met(told, told["origin_number"], asked))
        if found[-1].empty:
            break
    # A document that its origin names is that order's, whatever else it says.
    return pd.concat(found).drop_duplicates(["order_key", *_ONE]).reset_index(drop=True)


_ONE = ["document_number", "kind", "tracking"]


def states(
    documents: pd.DataFrame, shop: str, rows: pd.DataFrame, options: StatusOptions, statuses: pd.Series
) -> pd.DataFrame:
    """Give what each order's documents say of it.

    Args:
        documents: as ``documents_of`` gives them.
        shop: the shop.
        rows: the mapping ``shop_statuses``.
        options: the shop's.
        statuses: statuses in the order of an order's life (``life``).

    Returns:
        ``FIELDS`` as text by order key; empty where the ERP does not tell, or it is not to be told.
    """
    asked = pd.DataFrame({"shop": shop, "erp_document": documents["kind"], "erp_state": documents["state"]})
    found = mappings.find(mappings.SHOP_STATUSES, rows, asked.astype("str"))
    status = found.answers["status"].where(found.answered & ~found.ignored, "")
    ranked = documents.assign(
        status=status,
        place=_places(status, statuses),
        age=documents["kind"].map({kind: rank for rank, kind in enumerate(_LIFE)}).fillna(-1),
        tracking=texts.replaced(documents["tracking"].str.strip(), _BETWEEN, ""),
    )
    ranked = ranked.sort_values(["document_date", "document_number"], kind="stable")
    first = ranked.replace({"tracking": {"": None}, "carrier": {"": None}}).groupby("order_key")[
        ["tracking", "carrier"]
    ]
    parcels = first.first().fillna("").astype("str")
    last = ranked.sort_values(["place", "age"], kind="stable").groupby("order_key")
    told = last[["status", "document_number", "delivery_date"]].last()  # of the delivery date the last that is known
    table = pd.DataFrame(
        {
            "status": _furthest(told["status"], parcels["tracking"], options, statuses),
            "tracking_number": parcels["tracking"] if options.tracking_column else "",
            "carrier": parcels["carrier"] if options.carrier_column else "",
            "document_number": told["document_number"] if options.send_number else "",
            "delivery_date": told["delivery_date"].dt.strftime("%Y-%m-%d") if options.send_delivery_date else "",
        },
        index=told.index,
    )
    return table.fillna("").astype("str")


def life(rows: pd.DataFrame, shop: str, options: StatusOptions) -> pd.Series:
    """Give the shop's statuses in the order of an order's life (STA-5): the profile's, else the mapping's."""
    named = rows.loc[rows["shop"].isin([shop, mappings.ANY]) & ~rows["status"].isin(["", mappings.IGNORE]), "status"]
    statuses = options.order or (*named, options.tracking_status)
    return pd.Series([*filter(None, dict.fromkeys(statuses))], dtype="str")


def settled(
    wanted: pd.DataFrame, told: pd.DataFrame, current: pd.Series, statuses: pd.Series, options: StatusOptions
) -> tuple[pd.DataFrame, Mask, Mask]:
    """Leave statuses that the shop has, or is further than (STA-5).

    Args:
        wanted: as ``states`` gives them.
        told: by order, the fields that the shop was told last.
        current: by order, its status in the shop.
        statuses: as ``life`` gives them.
        options: the shop's.

    Returns:
        The fields, with the status told before where there is none to set; for which orders that is so; and of which
        orders the shop is further.
    """
    before = told.reindex(wanted.index).get("status", pd.Series("", wanted.index)).fillna("").astype("str")
    there = current.reindex(wanted.index).fillna("").astype("str")
    new = wanted["status"]
    place = _places(new, statuses)
    is_further = (new != "") & (np.maximum(_places(before, statuses), _places(there, statuses)) > place)
    is_further &= not options.pull_back
    stays = (new == "") | is_further | (new == there)
    return wanted.assign(status=new.where(~stays, before)), stays.to_numpy(), is_further.to_numpy()


def invoices_of(documents: pd.DataFrame) -> pd.DataFrame:
    """Give ``order_key`` and ``document_number`` of all invoices of the orders, deposit invoices too (STA-4)."""
    found = documents.loc[documents["kind"].isin(_INVOICES), ["order_key", "document_number"]]
    return found.drop_duplicates().sort_values(["order_key", "document_number"], ignore_index=True)


def _places(texts_: pd.Series, statuses: pd.Series) -> pd.Series:
    return pd.Series(texts.places(texts_, statuses), texts_.index)


def _furthest(status: pd.Series, tracking: pd.Series, options: StatusOptions, statuses: pd.Series) -> pd.Series:
    """Give the status of the documents, or that of a parcel on its way where that is further."""
    if not (options.tracking_status and options.tracking_column):
        return status
    of_parcel = pd.Series(options.tracking_status, status.index, dtype="str").where(tracking != "", "")
    return status.where(_places(status, statuses) >= _places(of_parcel, statuses), of_parcel)


def _met(documents: pd.DataFrame, told: pd.Series, asked: pd.Series) -> pd.DataFrame:
    """Give the documents whose text is an order's, once per order that has it."""
    wanted = pd.DataFrame({"text": asked.to_numpy(), "order_key": asked.index})
    wanted = wanted[wanted["text"] != ""]
    rows = documents.assign(text=told).reset_index(drop=True).drop(columns="order_key", errors="ignore")
    return rows.merge(wanted, on="text").drop(columns="text")


def _each_own(fields: pd.Series) -> pd.Series:
    """Leave texts that several orders have: whose such a document is nobody knows."""
    fields = fields[~fields.index.duplicated() & (fields != "")]
    return fields[~fields.duplicated(keep=False)]


def _of_one_document(sent: pd.DataFrame) -> pd.Series:
    """Give the document's number of each order, but those of several documents: orders of one document share theirs."""
    one = texts.side_by_side(sent[["document_kind", "delivery_id"]], " ").groupby(sent["document_number"]).nunique()
    alone = sent["document_number"].map(one).eq(1).to_numpy()
    return sent[alone].set_index("record_key")["document_number"]
