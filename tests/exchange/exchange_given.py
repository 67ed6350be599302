"""Orders of a shop and the profile they meet, told in a few words.

``order("652", line("A", 2, excl="100.00"), shipping(excl="5.00"))`` is an order of one buyer with both addresses; what
is not told has a plain default. Amounts are texts with a point; the side that is not told follows from the rate, unless
``only`` says that the shop gives one side. ``exchanged(order(…), …, includes_tax=True)`` sends them through the rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import lines, vat
from passerelle.exchange.changes import Sent
from passerelle.exchange.customers import ACCOUNT_COLUMNS
from passerelle.exchange.mappings import MAPPINGS
from passerelle.exchange.options import CustomerOptions, OrderOptions
from passerelle.exchange.orders import Context, Exchange, exchange_orders
from passerelle.exchange.selection import Window
from passerelle.exchange.settlements import nothing_booked
from passerelle.model.documents import ARTICLES, ERP_CUSTOMERS
from passerelle.model.orders import TABLES, SalesOrders

TODAY = date(2026, 11, 21)
CENT = Decimal("0.01")
EXCHANGED = ("record_key", "content_hash", "document_number", "file_name", "document_kind")
SPECIAL_ARTICLES = {
    "misc": "DIVERS",
    "rounding": "ECART",
    "wrapping": "EMBALLAGE",
    "shipping": "PORT",
    "fee": "FRAIS",
    "discount": "REMISE",
}
UNCHECKED = {"unknown_rate": "accept", "untaxed_without_number": "accept"}
"""What a profile says for ``vat`` that takes any rate anywhere."""
ROWS: dict[str, list[tuple[str, ...]]] = {
    "statuses": [("*", "yes", "invoice", "")],
    "territories": [("*", "*", "FRANCE")],
    "taxes": [("*", rate, "*", f"V{rate}") for rate in ("20", "10", "5.5", "2.1", "0")],
    "payment_modes": [("*", "*", "CB", "CARTE")],
    "carriers": [("*", "COLIS")],
    "currencies": [("*", "DEV")],
    "titles": [("M", "Monsieur")],
    "discount_articles": [],
}


@dataclass(frozen=True)
class Part:
    """One row of one of an order's tables."""

    table: str
    cells: dict[str, Any]


@dataclass
class Order:
    """An order with all its rows; ``cells`` are those of the orders table."""

    cells: dict[str, Any]
    parts: list[Part] = field(default_factory=list)
    buyer: dict[str, Any] | None = None

    @property
    def key(self) -> str:
        return self.cells["order_key"]


def at(text: str) -> pd.Timestamp:
    """Give a date of a table."""
    return pd.Timestamp(text)


def both(excl: Any, incl: Any, rate: Any, *, only: bool) -> tuple[int | None, int | None]:
    """Give an amount without and with tax in millionths; the side not told follows, to the cent, or is missing."""
    share = 1 + Decimal(str(rate if rate is not None else 0)) / 100
    if not only and excl is None and incl is not None:
        excl = (Decimal(str(incl)) / share).quantize(CENT, "ROUND_HALF_UP")
    if not only and incl is None and excl is not None:
        incl = (Decimal(str(excl)) * share).quantize(CENT, "ROUND_HALF_UP")
    return amount(excl), amount(incl)


def amount(value: Any) -> int | None:
    """Give an amount in millionths; none stays none."""
    return None if value is None else money.of(str(value))


def line(
    reference: str,
    quantity: Any = 1,
    *,
    excl: Any = None,
    incl: Any = None,
    rate: Any = "20",
    gross_excl: Any = None,
    gross_incl: Any = None,
    only: bool = False,
    **cells: Any,
) -> Part:
    """Tell an article line by its net amount for the whole quantity."""
    net_excl, net_incl = both(excl, incl, rate, only=only)
    gross = both(gross_excl, gross_incl, rate, only=only)
    return Part(
        "lines",
        {
            "reference": reference,
            "label": f"Article {reference}",
            "quantity": money.of(str(quantity)),
            "net_excl": net_excl,
            "net_incl": net_incl,
            "gross_excl": gross[0],
            "gross_incl": gross[1],
            "tax_rate": amount(rate),
            **cells,
        },
    )


def charge(
    kind: str, excl: Any = None, incl: Any = None, rate: Any = "20", *, only: bool = False, **cells: Any
) -> Part:
    """Tell a charge: shipping, wrapping or fee."""
    amount_excl, amount_incl = both(excl, incl, rate, only=only)
    given = {"amount_excl": amount_excl, "amount_incl": amount_incl, "tax_rate": amount(rate)}
    return Part("charges", {"kind": kind, "label": kind, **given, **cells})


def shipping(excl: Any = None, incl: Any = None, rate: Any = "20", **cells: Any) -> Part:
    """Tell the shipping."""
    return charge("shipping", excl, incl, rate, **cells)


def discount(excl: Any = None, incl: Any = None, *, on: str = "lines", label: str = "BIENVENUE") -> Part:
    """Tell an order discount by the sides that the shop gives."""
    return Part("allowances", {"target": on, "label": label, "amount_excl": amount(excl), "amount_incl": amount(incl)})


def payment(value: Any, mode: str = "carte", paid_at: str = "2026-11-20") -> Part:
    """Tell a payment."""
    return Part("payments", {"payment_mode": mode, "amount": amount(value), "paid_at": at(paid_at)})


def refund(refund_id: str, incl: Any = None, excl: Any = None) -> Part:
    """Tell a refund."""
    return Part("refunds", {"refund_id": refund_id, "amount_incl": amount(incl), "amount_excl": amount(excl)})


def address(kind: str = "billing", **cells: Any) -> Part:
    """Tell an address."""
    plain = {
        "first_name": "John",
        "last_name": "DOE",
        "line_1": "1 rue de la Paix",
        "postcode": "75002",
        "city": "Paris",
    }
    return Part("addresses", {"kind": kind, **plain, "country": "FR", **cells})


def order(
    order_id: str = "187",
    *parts: Part,
    shop: str = "boutique",
    buyer: dict[str, Any] | str | None = "652",
    total: Any = None,
    **cells: Any,
) -> Order:
    """Tell an order.

    Args:
        order_id: the shop's id.
        parts: lines, charges … ; without any address it has a French billing address.
        shop: the shop's name.
        buyer: the shop's customer id, or cells of the parties table, or none when the shop does not tell.
        total: what the shop charged; else the sum of its parts including tax.
        cells: of the orders table.
    """
    told = {"customer_id": buyer} if isinstance(buyer, str) else buyer
    party = None
    if told is not None:
        key = f"{shop}/{told.get('customer_id', '652')}"
        person = {"customer_id": "652", "first_name": "John", "last_name": "DOE", "email": f"{key}@example.fr"}
        party = {"customer_key": key, "shop": shop, **person, **told}
    rows = list(parts)
    if not any(part.table == "addresses" for part in rows):
        rows.append(address())
    charged = amount(total) if total is not None else _sum(rows)
    plain = {
        "order_key": f"{shop}/{order_id}",
        "shop": shop,
        "order_id": order_id,
        "order_reference": f"R{order_id}",
        "customer_key": party["customer_key"] if party else "",
        "status": "2",
        "created_at": at("2026-11-20 10:11:12"),
        "currency": "EUR",
        "shop_currency": "EUR",
        "charged_total": charged,
        "payment_mode": "carte",
    }
    return Order({**plain, **cells}, rows, party)


def guest(order_id: str, **cells: Any) -> dict[str, Any]:
    """Tell a buyer without account."""
    return {"customer_key": f"boutique/order-{order_id}", "customer_id": order_id, "is_guest": True, **cells}


def _sum(parts: list[Part]) -> int:
    """Add up what the parts charge, including tax."""
    signs = {"lines": ("net_incl", 1), "charges": ("amount_incl", 1), "allowances": ("amount_incl", -1)}
    told = [(part.cells.get(signs[part.table][0]), signs[part.table][1]) for part in parts if part.table in signs]
    return sum((value or 0) * sign for value, sign in told)


def sales(*orders: Order, outcomes: pd.DataFrame | None = None) -> SalesOrders:
    """Give the tables of orders."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for one in orders:
        rows["orders"].append(one.cells)
        count = dict.fromkeys(TABLES, 0)
        for part in one.parts:
            count[part.table] += 1
            numbered = {"position": count[part.table], "line_id": str(count[part.table])}
            rows[part.table].append({"order_key": one.key, **numbered, **part.cells})
    parties = {one.buyer["customer_key"]: one.buyer for one in orders if one.buyer}
    rows["parties"] = list(parties.values())
    tables = {name: declared.of(rows[name]) for name, declared in TABLES.items()}
    return SalesOrders(**tables, outcomes=outcome.none() if outcomes is None else outcomes).check()


def mapping(name: str, *rows: tuple[str, ...]) -> pd.DataFrame:
    """Give the rows of a mapping; what a row leaves out is empty."""
    columns = [*MAPPINGS[name].key_names, *MAPPINGS[name].value_names]
    full = [[*row, *[""] * (len(columns) - len(row))] for row in rows]
    return pd.DataFrame(full, columns=columns, dtype="str")


def articles(*references: str, **cells: Any) -> pd.DataFrame:
    """Give an ERP article extract of plain articles."""
    return ARTICLES.of([{"article": one, "label": f"ERP {one}", **cells} for one in references])


def erp_customers(*customers: dict[str, str]) -> pd.DataFrame:
    """Give an ERP customer extract."""
    return ERP_CUSTOMERS.of(customers)


def accounts(*known: dict[str, str]) -> pd.DataFrame:
    """Give the accounts that the ledger remembers."""
    blank = dict.fromkeys(ACCOUNT_COLUMNS, "")
    return pd.DataFrame([{**blank, **one} for one in known], columns=list(ACCOUNT_COLUMNS), dtype="str")


def exchanged_before(*known: tuple[str, str, str, str], kind: str = "invoice") -> pd.DataFrame:
    """Give what the ledger knows of orders."""
    return pd.DataFrame([(*one, kind) for one in known], columns=list(EXCHANGED), dtype="str")


def context(
    *,
    customers: dict[str, Any] | None = None,
    mappings: dict[str, list[tuple[str, ...]]] | None = None,
    articles: pd.DataFrame | None = None,
    erp_customers: pd.DataFrame | None = None,
    accounts: pd.DataFrame | None = None,
    exchanged: pd.DataFrame | None = None,
    days: Window | None = None,
    erp_documents: pd.DataFrame | None = None,
    sent: Sent | None = None,
    booked: pd.DataFrame | None = None,
    special_articles: dict[str, str] | None = None,
    **options: Any,
) -> Context:
    """Give a profile that takes everything, changed by what is told.

    Args:
        mappings: rows of the mappings that are not the plain ones of ``ROWS``.
        special_articles: those that are not the plain ones.
        options: order options.
    """
    special = {**SPECIAL_ARTICLES, **(special_articles or {})}
    return Context(
        orders=OrderOptions.model_validate({"special_articles": special, **options}),
        customers=CustomerOptions.model_validate({"account": {"prefix": "PREST", "length": 9}, **(customers or {})}),
        mappings={name: mapping(name, *rows) for name, rows in {**ROWS, **(mappings or {})}.items()},
        articles=articles,
        erp_customers=erp_customers,
        accounts=_accounts_of(accounts),
        exchanged=exchanged_before() if exchanged is None else exchanged,
        days=days or Window(),
        today=TODAY,
        erp_documents=erp_documents,
        sent=sent,
        booked=nothing_booked() if booked is None else booked,
    )


def _accounts_of(known: pd.DataFrame | None) -> pd.DataFrame:
    return accounts() if known is None else known


def exchanged(*orders: Order, **told: Any) -> Exchange:
    """Send orders through the rules; what is told is for ``context``."""
    return exchange_orders(sales(*orders), context(**told))


def only_document(*orders: Order, **told: Any) -> pd.Series:
    """Send orders through the rules and give the one document they become."""
    made = exchanged(*orders, **told)
    assert len(made.documents) == 1, said(made)
    return made.documents.iloc[0]


def said(made: Exchange, *records: str) -> list[str]:
    """Give the codes said, of all records or of some, sorted."""
    rows = made.outcomes if not records else made.outcomes[made.outcomes["record"].isin(records)]
    return sorted(rows["code"])


def row(made: Exchange, code: str) -> dict[str, Any]:
    """Give the one outcome with a code."""
    rows = made.outcomes[made.outcomes["code"] == code]
    assert len(rows) == 1, said(made)
    return rows.iloc[0].to_dict()


def priced(*parts: Part, **options: Any) -> pd.DataFrame:
    """Send article lines through the rules of prices alone."""
    wanted = OrderOptions.model_validate(options)
    told_lines = sales(order("1", *parts)).lines.assign(decimals=2)
    sold, _ = lines.with_articles(told_lines, None, wanted)
    sold = vat.completed(sold.assign(vat_code="V"), [("net_excl", "net_incl"), ("gross_excl", "gross_incl")])
    return lines.priced(lines.article_lines(sold, wanted), wanted)


def told(made: Exchange | pd.DataFrame, *columns: str, kind: str | None = None) -> list[tuple[Any, ...]]:
    """Give document lines by some columns; numbers as short texts."""
    rows = made if isinstance(made, pd.DataFrame) else made.lines
    rows = rows if kind is None else rows[rows["kind"] == kind]
    return [tuple(short(row[column]) for column in columns) for row in rows.to_dict("records")]


def short(value: Any) -> Any:
    """Give a number of a table as a short text; anything else as it is."""
    return money.shortest(value) if isinstance(value, int | np.integer) else value
