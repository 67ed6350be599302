"""Orders as sales documents: header, addresses, notes, and the customers that they need.

Source: spec ORD-10, ORD-12 to ORD-16, CUS-5, EBP-2 (lengths of numbers).
"""

from __future__ import annotations

from datetime import date

import pandas as pd

from passerelle import outcome
from passerelle.exchange import reference, texts
from passerelle.exchange.options import CustomerOptions, OrderOptions
from passerelle.model.documents import CREDIT_NOTE, CUSTOMERS, DOCUMENT_KINDS

NUMBER_LENGTH = 24
"""EBP keeps 30 characters of a number, but only 24 of it in credit notes: longer ones are refused (facts §2.3)."""
SHOP_ORDER_LENGTH = 32

_ADDRESS = {
    "title": "title",
    "line_1": "line_1",
    "line_2": "line_2",
    "line_3": "line_3",
    "postcode": "postcode",
    "city": "city",
    "state": "state",
    "country": "country",
    "contact_name": "last_name",
    "contact_first_name": "first_name",
    "phone": "phone",
    "mobile": "mobile",
    "email": "email",
}


def display_name(people: pd.DataFrame) -> pd.Series:
    """Give the name on a document: the company, else last and first name."""
    person = (people["last_name"] + " " + people["first_name"]).str.strip()
    return people["company"].where(people["company"] != "", person)


def address_columns(prefix: str, addresses: pd.DataFrame) -> pd.DataFrame:
    """Give addresses under the columns of a document or customer (``billing_city`` …), same index."""
    columns = {f"{prefix}_{name}": addresses[source] for name, source in _ADDRESS.items()}
    names = {f"{prefix}_company": addresses["company"], f"{prefix}_name": display_name(addresses)}
    return pd.DataFrame({**names, **columns, f"{prefix}_line_4": ""})


def addresses_by_order(orders: pd.DataFrame, addresses: pd.DataFrame, buyers: pd.DataFrame) -> pd.DataFrame:
    """Give each order's billing and delivery address side by side, indexed by order key.

    An order that has one address only has it twice; what the address does not say (e-mail, name) the buyer does.
    """
    first = ~texts.side_by_side(addresses[["order_key", "kind"]], " ").duplicated()
    kinds = {
        kind: addresses[first & (addresses["kind"] == kind)].set_index("order_key") for kind in ("billing", "delivery")
    }
    keys = pd.Index(orders["order_key"], name="order_key")
    names, contacts = ["first_name", "last_name", "company"], ["email", "phone"]
    buyer = buyers[[*names, *contacts]].reindex(orders["customer_key"]).set_axis(keys).fillna("")
    sides = []
    for kind, other in (("billing", "delivery"), ("delivery", "billing")):
        own = kinds[kind].reindex(keys)
        missing = own["country"].isna()
        text = own
        if missing.any():
            text = own.where(~missing, kinds[other].reindex(keys), axis=0).fillna("").astype("str")
        nameless = (text["last_name"] == "") & (text["company"] == "")
        if nameless.any():
            text = text.assign(**{name: text[name].where(~nameless, buyer[name]).astype("str") for name in names})
        told = {name: text[name].where(text[name] != "", buyer[name]).astype("str") for name in contacts}
        text = text.assign(**told)
        sides.append(address_columns(kind, text))
    return pd.concat(sides, axis=1)


def chosen_addresses(sides: pd.DataFrame, kinds: pd.Series, options: OrderOptions) -> pd.DataFrame:
    """Give each document the addresses that its kind chooses (ORD-16); the ERP's own is left empty.

    Args:
        sides: both addresses by order key.
        kinds: the document kind by order key.
        options: the choice per kind.
    """
    chosen = sides.copy()
    for kind in (*DOCUMENT_KINDS, CREDIT_NOTE):
        rows = (kinds == kind).to_numpy()
        if not rows.any():
            continue
        choice = getattr(options.addresses, kind)
        for place, source in (("billing", choice.billing), ("delivery", choice.delivery)):
            if source == place:
                continue
            for column in [name for name in sides if name.startswith(f"{place}_")]:
                value = "" if source == "erp" else sides.loc[rows, column.replace(place, source, 1)]
                chosen.loc[rows, column] = value
    return chosen


def numbers(orders: pd.DataFrame, kinds: pd.Series, options: OrderOptions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Write number, reference and custom field of each document by the templates (ORD-13 to ORD-15).

    Args:
        orders: the orders with the buyer's names and ``refund_id`` (empty but for a refund), and ``part`` (what tells
            the documents of one order apart; else empty).
        kinds: the document kind, same index.
        options: the templates.

    Returns:
        ``document_number``, ``reference``, ``shop_order``; the outcomes of orders whose number is empty, too long, or
        that another order of the run has too: the rows of a document are told apart by its number.
    """
    number = reference.fill(options.number, orders)
    given_back = kinds == CREDIT_NOTE
    if given_back.any():
        number = number.where(~given_back, reference.fill(options.credit_note_number, orders))
    number = number.where(number == "", number + orders["part"])
    written = pd.DataFrame(
        {
            "document_number": number,
            "reference": reference.fill(options.reference, orders),
            "shop_order": reference.fill(options.shop_order, orders),
        }
    )
    twice = pd.DataFrame({"number": number, "kind": kinds}).duplicated(keep=False)
    said = [
        outcome.said(
            code,
            orders.loc[wrong, "order_key"],
            record_type="order",
            stage="exchange",
            field=field,
            value=written.loc[wrong, field],
            length=length,
        )
        for code, field, wrong, length in (
            ("document-number-not-unique", "document_number", twice & (number != ""), NUMBER_LENGTH),
            (
                "document-number-unusable",
                "document_number",
                (number == "") | (number.str.len() > NUMBER_LENGTH),
                NUMBER_LENGTH,
            ),
            (
                "shop-order-too-long",
                "shop_order",
                written["shop_order"].str.len() > SHOP_ORDER_LENGTH,
                SHOP_ORDER_LENGTH,
            ),
        )
    ]
    return written, outcome.together(said)


def notes(orders: pd.DataFrame, messages: pd.DataFrame, options: OrderOptions) -> pd.Series:
    """Give each document's notes: no message of the order, its first one, or all of them (ORD-6); same index.

    Args:
        orders: the orders; ``note`` is their first message, where it is filled.
        messages: their further messages, oldest first.
        options: which of them.
    """
    if options.messages == "none":
        return pd.Series("", orders.index, dtype="str")
    if options.messages == "first":
        messages = messages.drop_duplicates("order_key")
    further = texts.by_group(messages["text"], messages["order_key"], "\n").reindex(orders["order_key"])
    further = further.fillna("").astype("str").set_axis(orders.index)
    first = orders["note"]
    if options.messages == "first":
        return first.where(first != "", further)
    return first.where((first == "") | (further == ""), first + "\n") + further


def dates(orders: pd.DataFrame, today: date, options: OrderOptions) -> tuple[pd.Series, pd.DataFrame]:
    """Give each document's date: the order's, the invoice's, or today (ORD-10), and who has no invoice date."""
    if options.document_date == "today":
        return pd.Series(pd.Timestamp(today), index=orders.index, dtype="datetime64[s]"), outcome.none()
    column = {"order": "created_at", "invoice": "invoiced_at"}[options.document_date]
    missing = orders.loc[orders[column].isna(), "order_key"]
    said = outcome.said("document-without-date", missing, record_type="order", stage="exchange", field=column)
    return orders[column].dt.normalize(), said


def customer_rows(
    documents: pd.DataFrame, buyers: pd.DataFrame, sides: pd.DataFrame, options: CustomerOptions
) -> pd.DataFrame:
    """Give the customers table of documents: one row per document whose account is the buyer's own.

    Args:
        documents: documents with ``customer_key``, ``accounting_account``, ``is_new``.
        buyers: the checked buyers by customer key.
        sides: both addresses by order key.
        options: families and wordings.

    Returns:
        ``CUSTOMERS``, in the order of the documents; the same account may stand several times.
    """
    buyer = texts.rows_of(buyers, documents["customer_key"]).set_axis(documents.index)
    place = texts.rows_of(sides, documents["document_key"]).set_axis(documents.index)
    # A shop often keeps the company on the address only.
    company = buyer["company"].where(buyer["company"] != "", place["billing_company"])
    is_company = (company != "") | (buyer["siret"] != "") | (buyer["vat_number"] != "")
    own_name = display_name(buyer.assign(company=company))
    name = own_name.where(own_name != "", place["billing_name"])
    return _as_written(
        pd.DataFrame(
            {
                "customer_key": documents["customer_key"],
                "customer_code": documents["customer_code"],
                "is_new": documents["is_new"],
                "typology": is_company.map({True: options.company_typology, False: options.person_typology}),
                "natural_person": ~is_company,
                "title": documents["customer_title"],
                "name": name,
                "family": options.family,
                "price_category": options.group,
                "state": options.active_state,
                "language": buyer["language"],
                **{column: place[column] for column in place},
                "accounting_account": documents["accounting_account"],
                "territory": documents["territory"] if options.take_territory else "",
                "siren": buyer["siren"],
                "vat_number": buyer["vat_number"],
                "notes": buyer["notes"],
                "representative": options.representative,
                "includes_tax": documents["includes_tax"],
                "email": buyer["email"],
            },
            index=documents.index,
        ),
        options,
    )


def updates_addresses(options: CustomerOptions) -> bool:
    """Tell whether orders update the addresses of customers that the ERP has (CUS-4)."""
    return options.update_billing_address or options.update_delivery_address


def updated_addresses(customers: pd.DataFrame, options: CustomerOptions) -> pd.DataFrame:
    """Give the latest addresses of customers that the ERP has, the one that is not to be updated left out (CUS-4).

    Args:
        customers: ``CUSTOMERS`` of their documents, oldest first.
        options: which addresses are updated.
    """
    latest = customers.drop_duplicates("customer_code", keep="last", ignore_index=True)
    updated = {"billing_": options.update_billing_address, "delivery_": options.update_delivery_address}
    left_out = tuple(side for side, is_updated in updated.items() if not is_updated)
    blank = ["family", *(name for name in CUSTOMERS.names if name.startswith(left_out))]
    return CUSTOMERS.conform(latest.assign(**dict.fromkeys(blank, "")))


def _as_written(customers: pd.DataFrame, options: CustomerOptions) -> pd.DataFrame:
    """Give names and addresses in the form that the profile wants: without accents, in capitals (CUS-4)."""
    addresses = [
        name
        for name in customers
        if name.startswith(("billing_", "delivery_")) and not name.endswith(("_email", "_country"))
    ]
    written = CUSTOMERS.conform(customers)
    if options.strip_accents:
        for name in ("name", *addresses):
            if name in written:
                written[name] = texts.without_accents(written[name])
    capitals = ["name"] * options.upper_case_name + addresses * options.upper_case_addresses
    for name in capitals:
        if name in written:
            written[name] = written[name].str.upper()
    return written
