"""Does what goes out equal what the shop charged? Document by document, and by VAT rate.

Source: spec JOU-5, INV-1, INV-2.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from passerelle import money


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The comparison of a run.

    Attributes:
        documents: ``order_key``, ``document_kind``, ``document_number``, ``currency``, ``shop_total``, ``file_total``,
            ``rounding`` (what the Écart line carries), ``difference`` (0 for every document that goes out).
        rates: ``currency``, ``tax_rate``, ``shop_base``, ``shop_tax``, ``file_base``, ``file_tax``, ``difference``
            (file − shop, base and tax together): the shop's own figures against the ERP's arithmetic.
    """

    documents: pd.DataFrame
    rates: pd.DataFrame

    @property
    def balanced(self) -> bool:
        """Whether every document's total is what the shop charged."""
        return bool((self.documents["difference"] == 0).all())


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
        charged: the shop's total by order key.
        shop_amounts: the shop's own amounts by ``order_key``, ``tax_rate``: ``amount_excl``, ``amount_incl`` (lines
            and charges, less discounts).
        breakdown: the ERP's VAT breakdown of the documents, Écart line included.
        rounding: what the Écart line carries, by order key.
    """
    keys = documents["document_key"]
    totals = breakdown.groupby("order_key")["total"].sum()
    shop_total = pd.Series(money.rounded_half_up(charged.reindex(keys), 2), keys)
    file_total = totals.reindex(keys).fillna(0).astype("int64")
    compared = pd.DataFrame(
        {
            "order_key": keys.to_numpy(),
            "document_kind": documents["document_kind"].to_numpy(),
            "document_number": documents["document_number"].to_numpy(),
            "currency": documents["currency"].to_numpy(),
            "shop_total": shop_total.to_numpy(),
            "file_total": file_total.to_numpy(),
            "rounding": rounding.reindex(keys).fillna(0).astype("int64").to_numpy(),
            "difference": (file_total - shop_total).to_numpy(),
        }
    )
    currency = documents.set_index("document_key")["currency"]
    shop = shop_amounts[shop_amounts["order_key"].isin(keys)]
    shop = shop.assign(
        currency=shop["order_key"].map(currency),
        shop_base=shop["amount_excl"],
        shop_tax=shop["amount_incl"] - shop["amount_excl"],
    )
    files = breakdown.assign(
        currency=breakdown["order_key"].map(currency), file_base=breakdown["base"], file_tax=breakdown["tax"]
    )
    by = ["currency", "tax_rate"]
    rates = pd.concat(
        [shop.groupby(by)[["shop_base", "shop_tax"]].sum(), files.groupby(by)[["file_base", "file_tax"]].sum()], axis=1
    )
    rates = rates.fillna(0).astype("int64").reset_index().sort_values(by, ascending=[True, False], ignore_index=True)
    rates["difference"] = rates["file_base"] + rates["file_tax"] - rates["shop_base"] - rates["shop_tax"]
    return Reconciliation(compared, rates)
