"""What is to be done in the shop once the documents have arrived: prepared here, done by the shop's own module.

An effect has a kind that says what it means and a value that says how. A mark's value begins with how the shop shows
it: ``tag:Exporté``, ``field:passerelle=Exporté``, ``status:Erreur d'exportation``.

    set-status       the status that the statuses' mapping names
    mark-exported    show that the order was exchanged
    set-number       the number of its document; several with a comma between
    send-stock       send the stock of these articles at once, one per line
    mark-error       show that the order was refused
    clear-error      take that mark away; a field then has its new value, a status its next one
    set-account      the ERP's account of a customer

Source: spec ORD-2, ORD-80, ORD-82, CUS-9; spec 60-systems.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from passerelle.exchange import texts
from passerelle.exchange.options import AfterwardsOptions, MarkOptions
from passerelle.model.documents import CREDIT_NOTE

MARK_ERROR, CLEAR_ERROR = "mark-error", "clear-error"
_COLUMNS = ["order_key", "kind", "value"]
_DONE = ("already-exchanged",)
"""Said of orders that are in the ERP although this run did not send them."""


def of_documents(
    header: pd.DataFrame,
    sources: pd.DataFrame,
    status_after: pd.Series,
    sold: pd.DataFrame,
    options: AfterwardsOptions,
) -> pd.DataFrame:
    """Give what is to be done for the orders that go out, those of a grouped document each for itself (ORD-80).

    Args:
        header: documents with kind and number.
        sources: ``record_key``, ``document_key``: what they are made of.
        status_after: by order key, the status to set.
        sold: ``record_key``, ``article``: the articles of the orders.
        options: what is to be done.

    Returns:
        ``order_key``, ``kind``, ``value``, order by order.
    """
    made = sources.merge(header[["document_key", "document_kind", "document_number"]], on="document_key")
    made = made[made["document_kind"] != CREDIT_NOTE]
    keys = pd.Series(made["record_key"].unique(), dtype="str")
    wanted = {"set-status": status_after, "mark-exported": _marks(keys, options.mark, is_error=False)}
    if options.send_number:
        wanted["set-number"] = texts.by_group(made["document_number"], made["record_key"], ", ")
    if options.send_stock:
        articles = sold[sold["article"] != ""].drop_duplicates()
        wanted["send-stock"] = texts.by_group(articles["article"], articles["record_key"], "\n")
    return _effects(keys, wanted)


def of_refused(
    outcomes: pd.DataFrame, exchanged: Iterable[str], shown: Iterable[str], options: AfterwardsOptions
) -> pd.DataFrame:
    """Give the marks of orders that were refused, and take away those of orders that no longer are (ORD-82).

    Args:
        outcomes: all that was said in the run.
        exchanged: orders that go out.
        shown: orders that show their error already.
        options: how it is shown.

    Returns:
        As ``of_documents``.
    """
    of_orders = outcomes[outcomes["record_type"] == "order"]
    failed = set(of_orders.loc[of_orders["state"] == "failed", "record"])
    before = set(shown)
    mended = set(of_orders.loc[of_orders["code"].isin(_DONE), "record"]) | (set(exchanged) if before else set())
    parts = []
    for kind, orders in ((MARK_ERROR, failed - before), (CLEAR_ERROR, (before & mended) - failed)):
        keys = pd.Series(sorted(orders), dtype="str")
        parts.append(_effects(keys, {kind: _marks(keys, options.mark, is_error=True)}))
    return pd.concat(parts, ignore_index=True)


def of_accounts(given: pd.DataFrame, known: pd.DataFrame, options: AfterwardsOptions) -> pd.DataFrame:
    """Give the accounts that the shop's customers do not have yet (CUS-9); who has no account there has none to hold.

    Args:
        given: ``customer_key``, ``customer_code`` of this run's customers.
        known: the same of those that the ledger remembers.
        options: whether they are sent.

    Returns:
        As ``of_documents``; the key is the customer's.
    """
    both = ["customer_key", "customer_code"]
    is_known = texts.among(*(texts.side_by_side(accounts[both], "\x1f") for accounts in (given, known)))
    without_account = given["customer_key"].str.contains("/order-", regex=False)
    new = given[~is_known & ~without_account & options.send_account]
    return _effects(
        new["customer_key"].reset_index(drop=True), {"set-account": new.set_index("customer_key")["customer_code"]}
    )


def _marks(keys: pd.Series, mark: MarkOptions, *, is_error: bool) -> pd.Series:
    """Give how each order shows that it was exchanged, or refused; empty where its shop does not show it.

    By its status alone an order shows errors only: the statuses' mapping says which one an exchanged order gets.
    """
    text = mark.error if is_error else mark.exported
    ways = {
        "none": "",
        "status": f"status:{text}" if is_error else "",
        "tag": f"tag:{text}",
        "field": f"field:{mark.field}={text}",
    }
    shops = texts.replaced(keys, "/.*", "")
    shown = {shop: ways[mark.by_shop.get(shop, mark.by)] for shop in shops.unique()}
    return pd.Series(shops.map(shown).to_numpy(), pd.Index(keys), dtype="str")


def _effects(keys: pd.Series, wanted: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Give the effects of some records, one record after the other; an empty value is no effect."""
    parts = []
    for kind, values in wanted.items():
        value = values.reindex(keys).fillna("").astype("str").reset_index(drop=True)
        told = value.index[value != ""]
        parts.append(
            pd.DataFrame({"order_key": keys.iloc[told].array, "kind": kind, "value": value[told], "row": told})
        )
    rows = pd.concat(parts, ignore_index=True).sort_values("row", kind="stable")
    return rows[_COLUMNS].astype("str").reset_index(drop=True)
