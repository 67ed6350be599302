"""Does what goes out equal what the shop charged? Document by document, and by VAT rate.

Source: spec JOU-5, INV-1, INV-2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from passerelle.exchange import texts
from passerelle.model.documents import CREDIT_NOTE

_PARTS = ["shop_base", "shop_tax", "file_base", "file_tax"]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The comparison of a run.

    Attributes:
        documents: ``order_key``, ``document_kind``, ``document_number``, ``currency``, ``shop_total``, ``file_total``,
            ``rounding`` (what the Écart line carries), ``difference`` (0 for every document that goes out).
        parts: the same by ``order_key``, ``currency`` and ``tax_rate``: ``shop_base``, ``shop_tax``, ``file_base``,
            ``file_tax``; negative of a credit note.
    """

    documents: pd.DataFrame
    parts: pd.DataFrame

    @property
    def balanced(self) -> bool:
        """Whether every document's total is what the shop charged."""
        return bool((self.documents["difference"] == 0).all())

    @property
    def rates(self) -> pd.DataFrame:
        """The shop's own figures against the ERP's arithmetic, by currency and VAT rate.

        ``currency``, ``tax_rate``, ``shop_base``, ``shop_tax``, ``file_base``, ``file_tax`` and ``difference``
        (file − shop, base and tax together).
        """
        by = ["currency", "tax_rate"]
        summed = self.parts.groupby(by)[_PARTS].sum().reset_index()
        summed = summed.sort_values(by, ascending=[True, False], ignore_index=True)
        difference = summed["file_base"] + summed["file_tax"] - summed["shop_base"] - summed["shop_tax"]
        return summed.assign(difference=difference)

    def without(self, order_keys: set[str]) -> Reconciliation:
        """Leave some orders out."""
        return Reconciliation(
            self.documents[~self.documents["order_key"].isin(order_keys)].reset_index(drop=True),
            self.parts[~self.parts["order_key"].isin(order_keys)].reset_index(drop=True),
        )


def reconcile(
    documents: pd.DataFrame,
    charged: pd.Series,
    shop_amounts: pd.DataFrame,
    breakdown: pd.DataFrame,
    rounding: pd.Series,
) -> Reconciliation:
    """Compare the shop's figures with the documents'.

    Args:
        documents: the documents that go out.
        charged: the shop's total by order key, at the currency's decimals.
        shop_amounts: the shop's own amounts by ``order_key``, ``tax_rate``: ``amount_excl``, ``amount_incl`` (lines
            and charges, less discounts).
        breakdown: the ERP's VAT breakdown of the documents, Écart line included.
        rounding: what the Écart line carries, by order key.
    """
    keys = documents["document_key"]
    place = texts.places(breakdown["order_key"], keys)
    shop_total = charged.reindex(keys).to_numpy(dtype=np.int64)
    file_total = (
        breakdown["total"].groupby(place).sum().reindex(range(len(keys)), fill_value=0).to_numpy(dtype=np.int64)
    )
    compared = pd.DataFrame(
        {
            "order_key": keys.array,
            "document_kind": documents["document_kind"].array,
            "document_number": documents["document_number"].array,
            "currency": documents["currency"].array,
            "shop_total": shop_total,
            "file_total": file_total,
            "rounding": rounding.reindex(keys).fillna(0).astype("int64").to_numpy(),
            "difference": file_total - shop_total,
        }
    )
    return Reconciliation(compared, _parts(documents, shop_amounts, breakdown))


def _parts(documents: pd.DataFrame, shop_amounts: pd.DataFrame, breakdown: pd.DataFrame) -> pd.DataFrame:
    """Compare by document and VAT rate, in the order of the documents' keys."""
    by = ["order_key", "tax_rate"]
    shop = shop_amounts[by].assign(
        shop_base=shop_amounts["amount_excl"], shop_tax=shop_amounts["amount_incl"] - shop_amounts["amount_excl"]
    )
    files = breakdown[[*by, "base", "tax"]].rename(columns={"base": "file_base", "tax": "file_tax"})
    rows = pd.concat([shop, files], ignore_index=True)
    in_order = documents[["document_key", "document_kind", "currency"]].sort_values("document_key", ignore_index=True)
    place = texts.places(rows["order_key"], in_order["document_key"])
    own = rows.assign(place=place)[place >= 0].fillna(dict.fromkeys(_PARTS, 0)).astype(dict.fromkeys(_PARTS, "int64"))
    summed = own.groupby(["place", "tax_rate"], as_index=False)[_PARTS].sum()
    document = in_order.take(summed["place"])
    sign = np.where(document["document_kind"] == CREDIT_NOTE, -1, 1)
    return pd.DataFrame(
        {
            "order_key": document["document_key"].array,
            "currency": document["currency"].array,
            "tax_rate": summed["tax_rate"],
            **{name: sign * summed[name] for name in _PARTS},
        }
    )
