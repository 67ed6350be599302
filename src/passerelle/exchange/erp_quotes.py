"""Quotes that the ERP made, for the shop that its customer knows.

A quote goes out whole or not at all: its lines come to its total as the ERP computes it, or it is refused. What was
sent of a quote is remembered by its content, so that only what is new or has changed goes out.

Source: spec ORD-60, STK-8 (only changes are sent); facts ebp.md §2.3, §3.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import currencies, erp_documents, limits, texts, vat
from passerelle.exchange.options import OrderOptions
from passerelle.model.quotes import SHOP_QUOTES

QUOTE_RECORD = "erp-quote"
"""What the ledger calls a quote of the ERP that a shop was sent."""
_HEADER = ["document_type", "quote_date", "valid_until", "customer_code", "reference", "state", "currency"]
_HEADER += ["shipping_excl", "shipping_tax_rate", "total_incl"]
_RTF = r"{\rtf"
_NUMBERS = {"quantity": "quantity", "tax_rate": "rate", "shipping_tax_rate": "rate"}
_AMOUNTS = ("net_excl", "net_incl", "shipping_excl", "total_incl", "unit_price_excl", "unit_discount_excl")
_WORDS = {
    "quote_date": "Date",
    "valid_until": "Date de validité",
    "customer_code": "Code client",
    "reference": "Référence",
    "state": "Etat du devis",
    "currency": "Code devise",
    "document_type": "Type de document",
    "shipping_excl": "Frais de port HT",
    "shipping_tax_rate": "Taux de TVA port",
    "total_incl": "Total TTC",
    "quantity": "Quantité",
    "tax_rate": "Taux de TVA",
    "unit_price_excl": "PV HT",
    "unit_discount_excl": "Montant de remise unitaire HT cumulé",
    "net_excl": "Montant Net HT",
    "net_incl": "Montant Net TTC",
}
"""What EBP calls the columns, for those who mend them there."""
_CONTENT = [name for name in SHOP_QUOTES.names if name != "change"]


@dataclass(frozen=True, slots=True)
class QuoteOptions:
    """Which quotes a shop is sent.

    Attributes:
        shop: name of the shop.
        states: the ERP's states whose quotes are sent; none named: all.
        valid_days: for how many days a quote holds that does not say until when; ``None``: for ever.
    """

    shop: str
    states: Collection[str] = ()
    valid_days: int | None = None


@dataclass(frozen=True, slots=True)
class Quotes:
    """What a shop is sent.

    Attributes:
        rows: ``SHOP_QUOTES``, sorted by quote.
        contents: what makes two versions of the same quote, by its number.
        replaced: by number, the content that a new one takes the place of.
        outcomes: of the quotes that are not sent (record type ``quote``).
        read: ``currency`` and ``total_incl`` of every quote read, by its number.
    """

    rows: pd.DataFrame
    contents: pd.Series
    replaced: pd.Series
    outcomes: pd.DataFrame
    read: pd.DataFrame

    def without(self, numbers: set[str]) -> Quotes:
        """Leave some quotes out."""
        return replace(
            self,
            rows=self.rows[~texts.among(self.rows["quote_number"], numbers)].reset_index(drop=True),
            contents=self.contents.drop(labels=list(numbers), errors="ignore"),
            replaced=self.replaced.drop(labels=list(numbers), errors="ignore"),
        )


def quotes_for_shop(
    extract: pd.DataFrame,
    lost: Collection[int],
    erp_customers: pd.DataFrame | None,
    accounts: pd.DataFrame,
    sent: pd.DataFrame,
    today: date,
    options: QuoteOptions,
    orders: OrderOptions,
) -> Quotes:
    """Choose the quotes that a shop is sent, and say of the others why they are not.

    Args:
        extract: the ERP's quotes, a row per line (``ebp/quotes_extract``).
        lost: lines of the extract that could not be read: whose quote they were nobody knows, so that the quotes on
            both sides are refused.
        erp_customers: the ERP's customers, for their e-mails; ``None`` without an extract.
        accounts: what the ledger remembers of accounts: ``customer_key``, ``customer_code``, ``email``.
        sent: what the shop was sent before: ``record_key``, ``content_hash``.
        today: the day of the run.
        options: which quotes.
        orders: the ERP's own currency and the decimals of currencies.
    """
    kind = extract["document_type"].str.casefold()
    given = extract[(kind == "") | kind.isin(erp_documents.QUOTES)].reset_index(drop=True)
    heads = given.drop_duplicates("quote_number").set_index("quote_number", drop=False)
    currency = heads["currency"].where(heads["currency"] != "", orders.currency)
    valid_days = pd.Timedelta(days=options.valid_days) if options.valid_days is not None else pd.NaT
    heads = heads.assign(
        currency=currency,
        decimals=currencies.decimals(currency, orders),
        valid_until=heads["valid_until"].fillna(heads["quote_date"] + valid_days),
        shipping_excl=heads["shipping_excl"].fillna(0),
        shipping_tax_rate=heads["shipping_tax_rate"].fillna(0),
    )
    heads = _with_customers(heads, given, erp_customers, accounts, options.shop)
    lines = _lines(given, heads)
    left = [_left_out(heads, today, options), _torn(given, lost), _at_odds(given)]
    left += [_unusable(heads, lines), _out_of_range(given)]
    gone = outcome.refused(outcome.together(left))
    heads = heads[~texts.among(heads["quote_number"], gone)]
    lines = lines[texts.among(lines["quote_number"], heads["quote_number"])]
    totals, wrong = _totals(heads, lines)
    rows = _rows(heads.join(totals), lines[~texts.among(lines["quote_number"], wrong["record"])])
    contents = _contents(rows)
    before = sent.drop_duplicates("record_key").set_index("record_key")["content_hash"].reindex(contents.index)
    same = before.index[(before == contents).to_numpy()]
    told = _said("quote-already-sent", same)
    change = pd.Series(np.where(before.isna(), "new", "changed"), before.index, dtype="str")
    rows["change"] = rows["quote_number"].map(change)
    made = Quotes(
        SHOP_QUOTES.conform(rows),
        contents,
        before.dropna(),
        outcome.together([*left, wrong, told]),
        _read(given, currency),
    )
    return made.without(set(same))


def _said(code: str, numbers: Any, **params: Any) -> pd.DataFrame:
    return outcome.said(code, numbers, record_type="quote", stage="select", **params)


def _read(given: pd.DataFrame, currency: pd.Series) -> pd.DataFrame:
    total = given.drop_duplicates("quote_number").set_index("quote_number")["total_incl"].fillna(0).astype("int64")
    return pd.DataFrame({"currency": currency, "total_incl": total})


def _with_customers(
    heads: pd.DataFrame, given: pd.DataFrame, erp_customers: pd.DataFrame | None, accounts: pd.DataFrame, shop: str
) -> pd.DataFrame:
    """Give the quotes the shop's customer: of the account that the ledger gave, and the e-mail.

    Of several customers who share an account the first registered one is taken; a guest has an e-mail, but no id.
    """
    own = accounts[accounts["customer_key"].str.startswith(f"{shop}/")]
    ids = own["customer_key"].str.removeprefix(f"{shop}/")
    own = own.assign(customer_id=ids.mask(ids.str.startswith("order-"), ""), number=pd.to_numeric(ids, errors="coerce"))
    own = own.assign(is_guest=own["customer_id"] == "").sort_values(["is_guest", "number", "customer_key"])
    own = own.drop_duplicates("customer_code").set_index("customer_code")
    known = own[["customer_id", "email"]].reindex(heads["customer_code"]).fillna("").set_axis(heads.index)
    email = known["email"]
    if erp_customers is not None:
        of_erp = erp_customers.drop_duplicates("customer_code").set_index("customer_code")["email"]
        email = email.where(email != "", of_erp.reindex(heads["customer_code"]).fillna("").to_numpy())
    of_quote = given[given["email"] != ""].drop_duplicates("quote_number").set_index("quote_number")["email"]
    email = email.where(email != "", of_quote.reindex(heads.index).fillna(""))
    return heads.assign(customer_id=known["customer_id"], customer_email=email.str.strip())


def _lines(given: pd.DataFrame, heads: pd.DataFrame) -> pd.DataFrame:
    """Give the lines that sell something with both their amounts; a line of text sells nothing.

    Where a net amount is not told, it is the unit price less discount for the quantity.
    """
    amounts = given[["net_excl", "net_incl"]].fillna(0)
    sells = (given["quantity"].fillna(0) != 0) | (amounts != 0).any(axis=1)
    lines = given[sells].reset_index(drop=True)
    lines["decimals"] = lines["quote_number"].map(heads["decimals"]).astype("int64")
    price = lines["unit_price_excl"] - lines["unit_discount_excl"].fillna(0)
    worth = money.product(price.fillna(0), lines["quantity"].fillna(0), lines["decimals"])
    is_untold = lines[["net_excl", "net_incl"]].isna().all(axis=1) & price.notna()
    lines["net_excl"] = lines["net_excl"].mask(is_untold, pd.Series(worth, lines.index, dtype="Int64"))
    lines = vat.completed(lines, [("net_excl", "net_incl")])
    for name in ("net_excl", "net_incl"):
        told = lines[name]
        rounded = money.rounded_half_up(told.fillna(0), lines["decimals"])
        lines[name] = pd.Series(rounded, lines.index, dtype="Int64").where(told.notna())
    plain = lines["label"].where(~lines["label"].str.startswith(_RTF), "")
    label = lines["plain_label"].where(lines["plain_label"] != "", plain)
    return lines.assign(label=label.where(label != "", lines["article"]))


def _left_out(heads: pd.DataFrame, today: date, options: QuoteOptions) -> pd.DataFrame:
    """Say which quotes are of another state, hold no longer, or are of nobody whom the shop knows."""
    other = heads[~heads["state"].isin(options.states)] if options.states else heads.iloc[:0]
    expired = heads[heads["valid_until"] < pd.Timestamp(today)]
    nobody = heads[(heads["customer_id"] == "") & (heads["customer_email"] == "")]
    nobody = nobody[~texts.among(nobody["quote_number"], [*other["quote_number"], *expired["quote_number"]])]
    return outcome.together(
        [
            _said("quote-state-not-selected", other["quote_number"], field=_WORDS["state"], value=other["state"]),
            _said("quote-expired", expired["quote_number"], value=expired["valid_until"].dt.strftime("%Y-%m-%d")),
            _said("quote-customer-unknown", nobody["quote_number"], value=nobody["customer_code"], shop=options.shop),
        ]
    )


def _torn(given: pd.DataFrame, lost: Collection[int]) -> pd.DataFrame:
    """Say which quotes stand beside a row that could not be read: it may be theirs."""
    lines = given["line"].to_numpy()
    after = np.searchsorted(lines, np.asarray(sorted(lost), dtype=np.int64))
    beside = np.unique(np.concatenate([after, after - 1]))
    beside = beside[(beside >= 0) & (beside < len(lines))]
    return _said("quote-row-unreadable", given["quote_number"].iloc[beside].drop_duplicates())


def _at_odds(given: pd.DataFrame) -> pd.DataFrame:
    """Say which quotes have rows that contradict each other in what is the quote's own."""
    counts = given.groupby("quote_number", sort=False)[_HEADER].nunique(dropna=False)
    differ = counts > 1
    wrong = differ[differ.any(axis=1)]
    fields = [", ".join(_WORDS[name] for name in row.index[row]) for _, row in wrong.iterrows()]
    return _said("quote-rows-differ", wrong.index, field=fields)


def _unusable(heads: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Say which quotes sell nothing, and which have a line that lacks quantity, VAT rate or price."""
    empty = heads.index.difference(pd.Index(lines["quote_number"]), sort=False)
    needed = {"quantity": lines["quantity"].fillna(0) == 0, "tax_rate": lines["tax_rate"].isna()}
    needed["net_excl"] = lines["net_excl"].isna()
    lacking = [
        _said("quote-line-incomplete", rows["quote_number"], field=_WORDS[name], value=rows["article"])
        for name, where in needed.items()
        for rows in [lines[where]]
    ]
    return outcome.together([_said("quote-without-lines", empty), *lacking]).drop_duplicates(ignore_index=True)


def _out_of_range(given: pd.DataFrame) -> pd.DataFrame:
    """Say which quotes have a number that cannot be true."""
    kinds = {**dict.fromkeys(_AMOUNTS, "amount"), **_NUMBERS}
    said = []
    for name, kind in kinds.items():
        largest = limits.LARGEST[kind] * money.ONE
        numbers = given[name].fillna(0)
        rows = given[~numbers.between(0 if kind == "rate" else -largest, largest)]
        value = [money.shortest(number) for number in rows[name]]
        said.append(_said("quote-number-out-of-range", rows["quote_number"], field=_WORDS[name], value=value))
    return outcome.together(said).drop_duplicates(ignore_index=True)


def _totals(heads: pd.DataFrame, lines: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compute each quote's totals as the ERP does, by VAT rate, in the tax mode that comes to the total it tells.

    Returns:
        ``total_excl`` and ``total`` by number; the quotes whose lines do not come to their total either way.
    """
    shipping = heads[heads["shipping_excl"] != 0]
    rate = shipping["shipping_tax_rate"].astype("int64")
    footer = pd.DataFrame(
        {
            "quote_number": shipping["quote_number"],
            "tax_rate": rate,
            "decimals": shipping["decimals"],
            "net_excl": shipping["shipping_excl"],
            "net_incl": money.including(shipping["shipping_excl"].astype("int64"), rate, shipping["decimals"]),
        }
    )
    parts = pd.concat([lines[footer.columns], footer], ignore_index=True)
    sums = parts.groupby(["quote_number", "tax_rate", "decimals"], as_index=False)[["net_excl", "net_incl"]].sum()
    excl, incl, places = sums["net_excl"].astype("int64"), sums["net_incl"].astype("int64"), sums["decimals"]
    rate = sums["tax_rate"].astype("int64")
    sums = sums.assign(
        net_excl=excl,
        of_excl=excl + money.tax(excl, rate, places),
        net_incl=incl,
        base=money.excluding(incl, rate, places),
    )
    by_quote = sums.groupby("quote_number")[["net_excl", "of_excl", "net_incl", "base"]].sum().reindex(heads.index)
    told = heads["total_incl"].fillna(by_quote["of_excl"])
    is_excl = told == by_quote["of_excl"]
    wrong = heads[~is_excl & (told != by_quote["net_incl"])]
    totals = pd.DataFrame(
        {"total_excl": by_quote["net_excl"].where(is_excl, by_quote["base"]), "total": told}, index=heads.index
    )
    return totals, _said(
        "quote-total-differs",
        wrong["quote_number"],
        value=money.to_text(wrong["total_incl"], wrong["decimals"]),
        computed=money.to_text(by_quote.loc[wrong.index, "of_excl"], wrong["decimals"]),
    )


def _rows(heads: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of the file, the quotes by number and their lines in the ERP's order."""
    own = heads.drop(columns=["quote_number", "total_incl", "currency"]).rename(columns={"total": "total_incl"})
    own = own[["total_excl", "total_incl", "customer_id", "customer_email"]]
    of_quote = ["currency", "valid_until", "shipping_excl", "shipping_tax_rate"]
    rows = lines.drop(columns=[*own.columns.intersection(lines.columns), *of_quote])
    rows = rows.join(own, on="quote_number").join(heads[of_quote], on="quote_number")
    price = {
        f"unit_price_{side}": money.quotient(rows[f"net_{side}"].astype("int64"), rows["quantity"], money.SCALE)
        for side in ("excl", "incl")
    }
    rows = rows.assign(change="", **price).sort_values("quote_number", kind="stable", ignore_index=True)
    return rows.assign(line_position=rows.groupby("quote_number").cumcount() + 1)


def _contents(rows: pd.DataFrame) -> pd.Series:
    """Give the SHA-256 of what the file says of each quote, by its number."""
    cells = SHOP_QUOTES.conform(rows)[_CONTENT].astype("str").fillna("")
    whole = texts.by_group(texts.side_by_side(cells, "\x1f"), rows["quote_number"], "\x1e")
    return pd.Series([hashlib.sha256(text.encode()).hexdigest() for text in whole], whole.index, dtype="str")
