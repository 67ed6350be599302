"""What an order changed to after it was exchanged: its invoice is reversed, and entered again if anything remains.

The reversal is a credit note with the very lines that were sent. They come in as tables that tell no person: the credit
note names the account, and the ERP knows the rest.

Source: spec ORD-61; LCV (changes and cancellations without a credit slip); user-asks A9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import date

import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import currencies, rounding, selection, texts
from passerelle.exchange.documents import NUMBER_LENGTH
from passerelle.exchange.options import OrderOptions
from passerelle.exchange.reconciliation import Reconciliation
from passerelle.model.documents import CREDIT_NOTE, DOCUMENT_LINES, DOCUMENTS, QUOTE, SETTLEMENTS
from passerelle.model.orders import SalesOrders

CANCELLED = "cancelled"
"""Content of an order that was reversed and not entered again."""
_REVERSED = "-R"
"""What a reversal's number has after that of the document it reverses."""
_IMPERSONAL = [
    "document_key",
    "document_kind",
    "document_number",
    "use_own_number",
    "number_series",
    "depot",
    "shop_order",
    "customer_code",
    "territory",
    "includes_tax",
    "currency",
    "erp_currency",
    "currency_rate",
    "shipping_excl",
    "shipping_tax_rate",
    "shipping_vat_code",
    "total_excl",
    "total_incl",
    "settlement_mode",
    "representative",
]
"""What is kept of a document that goes out: neither reference, notes nor addresses, which name people."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent of orders that stand alone in their documents, as far as reversing it needs.

    Attributes:
        documents: ``DOCUMENTS``, with the ``order_key`` of each.
        lines: ``DOCUMENT_LINES``.
        settlements: ``SETTLEMENTS``, without label.
    """

    documents: pd.DataFrame
    lines: pd.DataFrame
    settlements: pd.DataFrame


def to_keep(documents: pd.DataFrame, lines: pd.DataFrame, settlements: pd.DataFrame, sources: pd.DataFrame) -> Sent:
    """Give what is kept of the documents of a run; a credit note is not reversed, nor a document of several orders.

    Args:
        documents: the documents.
        lines: their lines.
        settlements: their settlements.
        sources: ``record_key``, ``document_key``: what they are made of.
    """
    alone = sources[~sources["document_key"].duplicated(keep=False)].set_index("document_key")["record_key"]
    own = documents[texts.among(documents["document_key"], alone.index) & (documents["document_kind"] != CREDIT_NOTE)]
    kept = DOCUMENTS.conform(own[_IMPERSONAL].reset_index(drop=True))
    keys = kept["document_key"]
    return Sent(
        kept.assign(order_key=alone.reindex(keys).to_numpy()),
        lines[texts.among(lines["document_key"], keys)].reset_index(drop=True),
        settlements[texts.among(settlements["document_key"], keys)].assign(label="").reset_index(drop=True),
    )


@dataclass(frozen=True, slots=True)
class Changes:
    """What becomes of the orders that were exchanged before.

    Attributes:
        outcomes: of those that stay as they are.
        left_out: keys of those that are not entered again.
        replaced: by key of an order that is reversed or entered again, the content that was exchanged of it.
        version: by key of an order that is entered again, what its new documents' numbers end with.
        documents: ``DOCUMENTS`` that reverse, with the ``order_key`` of each.
        lines: their ``DOCUMENT_LINES``.
        settlements: their ``SETTLEMENTS``: what was settled, negative.
        breakdown: their VAT: ``order_key`` (the document's), ``tax_rate``, ``vat_code``, ``base``, ``tax``, ``total``.
        accepted: by key of an order that was a quote and now is entered as more, the content that the quote had.
    """

    outcomes: pd.DataFrame
    left_out: pd.Index
    replaced: pd.Series
    version: pd.Series
    documents: pd.DataFrame
    lines: pd.DataFrame
    settlements: pd.DataFrame
    breakdown: pd.DataFrame
    accepted: pd.Series = field(default_factory=lambda: pd.Series(dtype="str"))

    @property
    def again(self) -> pd.Index:
        """Keys of the orders that are entered again as the invoices they were."""
        return self.version.index.intersection(pd.Index(self.documents["order_key"]))

    @property
    def remarks(self) -> pd.DataFrame:
        """Say which documents are reversed."""
        number = self.documents["document_number"]
        return outcome.said(
            "document-reversed",
            self.documents["order_key"],
            record_type="order",
            stage="exchange",
            value=number.str.removesuffix(_REVERSED),
            credit_note=number,
        )

    @property
    def reconciliation(self) -> Reconciliation:
        """Give what the reversals come to: what was sent, negative."""
        documents, parts = self.documents, self.breakdown
        total = parts.groupby("order_key")["total"].sum().reindex(documents["document_key"]).fillna(0).to_numpy()
        compared = documents[["document_key", "document_kind", "document_number", "currency"]].assign(
            shop_total=documents["total_incl"], file_total=total, rounding=0, difference=total - documents["total_incl"]
        )
        currency = documents.set_index("document_key")["currency"].reindex(parts["order_key"]).to_numpy()
        sums = parts.assign(currency=currency).groupby(["order_key", "currency", "tax_rate"])[["base", "tax"]].sum()
        signed = pd.DataFrame(
            {f"{side}_{part}": -sums[part] for side in ("shop", "file") for part in ("base", "tax")}
        ).reset_index()
        return Reconciliation(compared.rename(columns={"document_key": "order_key"}), signed)

    def entered(self, order_keys: pd.Series) -> Changes:
        """Leave those alone that were to be entered again and are not among the orders that go out."""
        held = self.version.index.difference(pd.Index(order_keys))
        if held.empty:
            return self
        documents = self.documents[~self.documents["order_key"].isin(held)].reset_index(drop=True)
        keys = documents["document_key"]
        return replace(
            self,
            replaced=self.replaced.drop(held, errors="ignore"),
            documents=documents,
            lines=self.lines[texts.among(self.lines["document_key"], keys)],
            settlements=self.settlements[texts.among(self.settlements["document_key"], keys)],
            breakdown=self.breakdown[texts.among(self.breakdown["order_key"], keys)],
        )


def quotes(exchanged: pd.DataFrame) -> pd.Series:
    """Give the content of the orders that were exchanged as quotes, by order key."""
    known = exchanged[exchanged["document_kind"] == QUOTE]
    return known.drop_duplicates("record_key").set_index("record_key")["content_hash"]


def accepted_quotes(kinds: pd.Series, exchanged: pd.DataFrame) -> pd.Series:
    """Give the content of the quotes that were exchanged and of which the buyer has made more than a quote (ORD-60).

    Args:
        kinds: kind of the document that each order becomes now, by order key; empty where it becomes none.
        exchanged: what the ledger knows of orders.
    """
    known = quotes(exchanged)
    now = kinds.reindex(known.index).fillna("")
    return known[(now != "") & (now != QUOTE)]


def found(
    sales: SalesOrders,
    contents: pd.Series,
    exchanged: pd.DataFrame,
    sent: Sent | None,
    today: date,
    options: OrderOptions,
) -> Changes:
    """Find what changed of the orders that were exchanged before.

    An order is reversed when the profile wants it, when its documents are invoices of its own, and when the shop made
    no refund of it: the refund's credit note says what changed then.

    Args:
        sales: the orders.
        contents: their content hashes by order key.
        exchanged: what the ledger knows of orders.
        sent: what was sent of them; ``None``: nobody knows.
        today: the day of the run, which is that of a reversal.
        options: whether changes are reversed, and which statuses cancel an order.
    """
    known = exchanged.drop_duplicates("record_key").set_index("record_key").reindex(contents.index)
    known = known.dropna(subset=["content_hash"])
    if known.empty:
        return _unchanged(known["content_hash"].astype("str"))
    reverses = options.changes == "reverse" and sent is not None
    before = sent if reverses and sent is not None else _nothing_sent()
    orders = sales.orders.set_index("order_key").loc[known.index]
    is_cancelled = orders["status"].isin(options.cancelled_statuses) & reverses
    was_cancelled = (known["content_hash"] == CANCELLED) & reverses
    is_stale = ~was_cancelled & (is_cancelled | (known["content_hash"] != contents.reindex(known.index)))
    back = sales.refunds.groupby("order_key")["amount_incl"].sum().reindex(known.index)
    breakdown = _breakdown(before, options)
    is_reversed = is_stale & back.isna() & texts.among(known.index.to_series(), _reversible(before, breakdown))
    is_again = ~is_cancelled & (was_cancelled | is_reversed)
    is_stuck = is_stale & is_cancelled & ~is_reversed & ~(back >= orders["charged_total"]).fillna(value=False)
    is_settled = ~(is_reversed | is_again | is_stuck)
    compared = contents.reindex(known.index).mask(is_cancelled & was_cancelled, CANCELLED)
    stuck = outcome.said(
        "cancelled-since-exchange",
        known.index[is_stuck],
        record_type="order",
        stage="select",
        value=known.loc[is_stuck, "document_number"],
        file=known.loc[is_stuck, "file_name"],
    )
    documents = before.documents[texts.among(before.documents["order_key"], known.index[is_reversed])]
    return Changes(
        outcome.together([selection.exchanged_before(compared[is_settled], exchanged), stuck]),
        left_out=known.index[~is_again],
        replaced=known.loc[is_reversed | is_again, "content_hash"],
        version=_next_version(known.loc[is_again, "document_number"]),
        **_reversals(before, documents.reset_index(drop=True), breakdown, today),
    )


def _unchanged(nothing: pd.Series) -> Changes:
    """Say that no order was exchanged before: nothing can have changed."""
    sent = _nothing_sent()
    breakdown = pd.DataFrame(columns=["order_key", "tax_rate", "vat_code", "base", "tax", "total"])
    return Changes(
        outcome.none(), nothing.index, nothing, nothing, sent.documents, sent.lines, sent.settlements, breakdown
    )


def _next_version(numbers: pd.Series) -> pd.Series:
    """Give what the numbers of an order's next documents end with: ``-V2`` where the first ones had no version."""
    versions = {key: [int(one) for one in re.findall(r"-V([0-9]+)", number)] for key, number in numbers.items()}
    return pd.Series({key: f"-V{max(found, default=1) + 1}" for key, found in versions.items()}, dtype="str")


def _reversible(sent: Sent, breakdown: pd.DataFrame) -> pd.Index:
    """Give the orders all of whose documents can be reversed: invoices that come to what was written of them."""
    documents = sent.documents
    total = breakdown.groupby("order_key")["total"].sum().reindex(documents["document_key"]).fillna(0).to_numpy()
    fits = documents["document_number"].str.len() + len(_REVERSED) <= NUMBER_LENGTH
    good = (documents["document_kind"] == "invoice") & fits & (documents["total_incl"] == total)
    whole = good.groupby(documents["order_key"]).all()
    return whole.index[whole]


def _breakdown(sent: Sent, options: OrderOptions) -> pd.DataFrame:
    """Compute the VAT of documents that were sent, each in its own tax mode."""
    documents = sent.documents.set_index("document_key")
    decimals = currencies.decimals(documents["currency"], options)
    lines = sent.lines.assign(
        order_key=sent.lines["document_key"], decimals=decimals.reindex(sent.lines["document_key"]).to_numpy()
    )
    footer = documents[documents["shipping_excl"] != 0].drop(columns="order_key")
    rate, places = footer["shipping_tax_rate"].fillna(0).astype("int64"), decimals.reindex(footer.index)
    footer = footer.assign(
        tax_rate=rate,
        vat_code=footer["shipping_vat_code"],
        shipping_incl=money.including(footer["shipping_excl"], rate, places),
        decimals=places,
    )
    return pd.concat(
        rounding.breakdown(
            lines[documents["includes_tax"].reindex(lines["document_key"]).to_numpy() == mode],
            footer[footer["includes_tax"] == mode],
            options.model_copy(update={"includes_tax": mode}),
        )
        for mode in (False, True)
    ).reset_index(drop=True)


def _reversals(sent: Sent, documents: pd.DataFrame, breakdown: pd.DataFrame, today: date) -> dict[str, pd.DataFrame]:
    """Give the credit notes of documents, line by line what was sent."""
    number = documents["document_number"]
    new = pd.Series((documents["order_key"] + "/reversal-" + number).to_numpy(), documents["document_key"], dtype="str")
    lines, settlements = (rows[texts.among(rows["document_key"], new.index)] for rows in (sent.lines, sent.settlements))
    parts = breakdown[texts.among(breakdown["order_key"], new.index)]
    label = documents.set_index("document_key")["document_number"]
    return {
        "documents": documents.assign(
            document_key=new.to_numpy(),
            document_kind=CREDIT_NOTE,
            document_number=number + _REVERSED,
            document_date=pd.Timestamp(today),
            reference="Annule " + number,
        ),
        "lines": lines.assign(document_key=new.reindex(lines["document_key"]).to_numpy()),
        "settlements": settlements.assign(
            document_key=new.reindex(settlements["document_key"]).to_numpy(),
            document_kind=CREDIT_NOTE,
            document_number=settlements["document_number"] + _REVERSED,
            settled_at=pd.Timestamp(today),
            amount=-settlements["amount"],
            label=("Annule " + label.reindex(settlements["document_key"])).to_numpy(),
        ),
        "breakdown": parts.assign(order_key=new.reindex(parts["order_key"]).to_numpy()),
    }


def _nothing_sent() -> Sent:
    return Sent(DOCUMENTS.empty().assign(order_key=""), DOCUMENT_LINES.empty(), SETTLEMENTS.empty())
