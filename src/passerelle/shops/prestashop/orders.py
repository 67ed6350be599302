"""From PrestaShop's records to the canonical tables of orders.

Source: facts/shops § 1, § 10; spec 10-orders.
"""

from __future__ import annotations

import pandas as pd

from passerelle import money
from passerelle.model.orders import TABLES, SalesOrders, no_orders
from passerelle.outcome import together
from passerelle.shops.cells import numbers
from passerelle.shops.json_records import Records
from passerelle.shops.prestashop.amounts import DECIMALS
from passerelle.shops.prestashop.buyers import addresses_of, buyers_of
from passerelle.shops.prestashop.charges import allowances_of, charges_of
from passerelle.shops.prestashop.lines import lines_of
from passerelle.shops.prestashop.payments import paid_at, payments_of, refunds_of
from passerelle.shops.prestashop.reading import NO_ID, Reading, among, filled, id_of, ranked


def orders_of(reading: Reading) -> SalesOrders:
    """Give the tables of the orders that can be read whole, with what is said of the others."""
    records = _orders(reading)
    if not len(records):
        return no_orders(together([reading.export.outcomes, reading.problems.outcomes()]))
    header = _header(reading, records)
    lines = lines_of(reading, records, header)
    charges = charges_of(reading, header, lines)
    payments = payments_of(reading, header)
    refunds, refund_lines, refund_outcomes = refunds_of(reading, header, lines, charges)
    frames = {
        "orders": header.assign(
            prices_include_tax=~among(header["order_key"], lines.loc[lines["priced_excl"], "order_key"]),
            paid_at=paid_at(header, payments),
        ),
        "lines": lines,
        "charges": charges,
        "allowances": allowances_of(reading, header),
        "taxes": TABLES["taxes"].empty(),  # the webservice has no VAT breakdown
        "payments": payments,
        "refunds": refunds,
        "refund_lines": refund_lines,
        "parties": buyers_of(reading, header),
        "addresses": addresses_of(reading, header),
        "messages": _further_messages(reading, header),
    }
    outcomes = together([reading.export.outcomes, reading.problems.outcomes(), refund_outcomes])
    failed = outcomes.loc[(outcomes["record_type"] == "order") & (outcomes["state"] == "failed"), "record"]
    kept = {name: frame[~among(frame["order_key"], failed)] if len(failed) else frame for name, frame in frames.items()}
    kept["parties"] = kept["parties"].drop_duplicates("customer_key", keep="last")  # as of their last order
    tables = {name: TABLES[name].conform(frame.reset_index(drop=True)) for name, frame in kept.items()}
    return SalesOrders(**tables, outcomes=outcomes)


def _orders(reading: Reading) -> Records:
    """Give the orders by id, those given in several versions left out."""
    reading.problems.say("repeated-order", reading.keys(sorted(reading.export.repeated)))
    reading.problems.say("duplicate-order", reading.keys(sorted(reading.export.conflicts.get("orders", ()))))
    reading.problems.say("order-rows-unreadable", reading.keys(sorted(reading.export.incomplete)))
    for resource in ("order_details", "order_slips"):
        reading.say_orderless(resource)
    return reading.every("orders", "id")


def _header(reading: Reading, orders: Records) -> pd.DataFrame:
    """Give one row per order: the columns of its table, and what the other tables need of it."""
    keys, zone = orders.keys, reading.options.time_zone
    customer, order_id = id_of(orders, "id_customer"), orders.text("id")
    has_account = customer != ""
    billing, delivery = id_of(orders, "id_address_invoice"), id_of(orders, "id_address_delivery")
    rate = orders.number("conversion_rate")
    first, _ = _messages(reading)
    header = pd.DataFrame(
        {
            "order_key": keys,
            "shop": reading.options.shop,
            "order_id": order_id,
            "order_reference": orders.text("reference"),
            "store": "" if len(reading.rows("shops")) == 1 else orders.text("id_shop"),
            "status": orders.text("current_state", required=True),
            "created_at": orders.time("date_add", zone, naive="local"),
            "updated_at": orders.time("date_upd", zone, naive="local"),
            "invoiced_at": orders.time("invoice_date", zone, naive="local"),
            "invoice_number": id_of(orders, "invoice_number"),
            "customer_key": reading.options.shop + "/" + customer.where(has_account, "order-" + order_id),
            "currency": reading.iso_code("currencies", orders.text("id_currency"), keys, field="orders.id_currency"),
            "shop_currency": _shop_currency(reading, keys),
            "currency_rate": rate,
            "charged_total": orders.number("total_paid_tax_incl", required=True),
            "charged_total_excl": orders.number("total_paid_tax_excl"),
            "paid_total": orders.number("total_paid_real"),
            "payment_mode": filled(orders.text("payment"), orders.text("module")),
            "carrier_id": id_of(orders, "id_carrier"),
            "carrier": reading.field_of("carriers", orders.text("id_carrier"), "name"),
            "note": _notes(keys, first, orders.text("gift_message")),
            "id_customer": customer,
            "id_currency": orders.text("id_currency"),
            "id_lang": orders.text("id_lang"),
            "id_billing": filled(billing, delivery),
            "id_delivery": filled(delivery, billing),
            "carrier_tax_rate": orders.number("carrier_tax_rate"),
            "products_excl": orders.number("total_products"),
            "products_incl": orders.number("total_products_wt"),
        }
    )
    for name in ("discounts", "shipping", "wrapping"):
        for tax in ("excl", "incl"):
            header[f"{name}_{tax}"] = orders.number(f"total_{name}_tax_{tax}", required=True).fillna(0)
    orders.text("date_add", required=True)
    worthless = rate.le(0).fillna(value=False).astype(bool)
    reading.problems.say(
        "export-value-wrong",
        keys[worthless],
        field="orders.conversion_rate",
        value=orders.text("conversion_rate")[worthless],
    )
    reading.require("customers", customer[has_account], keys[has_account], field="orders.id_customer")
    _say_contradictions(reading, header, orders.number("total_paid", required=True))
    return header


def _say_contradictions(reading: Reading, header: pd.DataFrame, paid: pd.Series) -> None:
    wrong = (paid != header["charged_total"]).fillna(value=False).astype(bool)
    reading.problems.say(
        "contradictory-totals",
        header.loc[wrong, "order_key"],
        field="total_paid",
        value=money.to_text(paid[wrong], DECIMALS),
        other_field="total_paid_tax_incl",
        other=money.to_text(header.loc[wrong, "charged_total"], DECIMALS),
    )


def _shop_currency(reading: Reading, keys: pd.Series) -> str:
    """Give the shop's own currency: as the profile says, else the one whose rate is 1."""
    if reading.options.shop_currency:
        return reading.options.shop_currency
    currencies = reading.rows("currencies")
    rates, _ = numbers(pd.Series([currency["conversion_rate"] for currency in currencies], dtype="str"))
    is_own = rates.eq(money.ONE).fillna(value=False)
    own = [currency["iso_code"] for currency, is_this in zip(currencies, is_own, strict=True) if is_this]
    if len(own) == 1:
        return str(own[0])
    if currencies:
        reading.problems.say("shop-currency-unknown", keys)
    return ""


def _messages(reading: Reading) -> tuple[dict[str, str], pd.DataFrame]:
    """Give the messages that buyer and shop both read, those of the shop itself left private stay out.

    Returns:
        By order key, the first that no employee wrote; all others, oldest first: ``order_key``, ``text``, ``date_add``.
    """
    threads = {thread["id"]: thread["id_order"] for thread in reading.rows("customer_threads")}
    messages = [(row["id_order"], row) for row in reading.rows("messages")]
    messages += [(threads.get(row["id_customer_thread"], ""), row) for row in reading.rows("customer_messages")]
    first: dict[str, str] = {}
    others: list[tuple[str, str, str]] = []
    for order, row in sorted(messages, key=lambda message: message[1]["date_add"]):
        if row["private"] not in NO_ID or not row["message"] or not order:
            continue
        if row["id_employee"] in NO_ID and order not in first:
            first[order] = row["message"]
        elif row["message"] != first.get(order):  # PrestaShop keeps the message of the checkout in both lists
            others.append((order, row["message"], row["date_add"]))
    keys = reading.keys(order for order, _, _ in others)
    told = pd.DataFrame(others, columns=["order", "text", "date_add"], dtype="str")
    return dict(zip(reading.keys(first), first.values(), strict=True)), told.assign(order_key=keys)


def _further_messages(reading: Reading, header: pd.DataFrame) -> pd.DataFrame:
    """Give the messages of orders beyond their notes (ORD-6)."""
    _, others = _messages(reading)
    kept = others[among(others["order_key"], header["order_key"])].reset_index(drop=True)
    written_at = pd.to_datetime(kept["date_add"], format="%Y-%m-%d %H:%M:%S", errors="coerce").astype("datetime64[s]")
    return ranked(kept.assign(written_at=written_at), header)


def _notes(keys: pd.Series, first: dict[str, str], gift_messages: pd.Series) -> pd.Series:
    """Give what the buyer wrote: the first message, then the gift message."""
    if not first:
        return gift_messages
    written = pd.Series([first.get(key, "") for key in keys], dtype="str")
    return written.where((written == "") | (gift_messages == ""), written + "\n") + gift_messages
