"""Wix orders as its APIs give them, saved as JSON files: eCommerce v1 and its events, the older Stores v2, payments.

Orders of Stores v2 are given the names of eCommerce first, so that both are read alike. What each field becomes is in
docs/shops/wix.md.

Source: facts/shops § 6; spec ORD-8.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from passerelle import money
from passerelle.model.orders import (
    ADDRESSES,
    ORDER_ALLOWANCES,
    ORDER_CHARGES,
    ORDER_LINES,
    ORDER_TAXES,
    ORDERS,
    PARTIES,
    PAYMENTS,
    SalesOrders,
)
from passerelle.shops.buyer_numbers import buyer_numbers
from passerelle.shops.cells import LARGEST_RATE, too_large
from passerelle.shops.export import ExportFile, ReadOptions
from passerelle.shops.json_records import (
    Object,
    Records,
    UnreadableError,
    attached,
    each_once,
    identity,
    numbered,
    read_documents,
    shown,
    unused,
)
from passerelle.shops.tables import (
    by_order,
    explained_refunds,
    filled,
    first_filled,
    looked_up,
    ranked,
    share_of_lines,
    whole_payments,
)

GIFT_CARD = "giftCard"
"""Payment mode of a gift card, which has no name of its own."""

_FIELDS_OF = {"orders": {"lineItems", "currency"}, "transactions": {"orderId", "payments"}}
"""The fields that tell what a record is."""
_TRANSACTION = {"payment": ("APPROVED", "REFUNDED", "PARTIALLY_REFUNDED"), "refund": ("SUCCEEDED",)}
"""The states of a payment and of a refund in which the money moved."""
_PAID = ("PAID", "PARTIALLY_REFUNDED", "FULLY_REFUNDED")
_UNPAID = ("NOT_PAID", "UNPAID", "PENDING")


def read_orders(files: Sequence[ExportFile], options: ReadOptions) -> SalesOrders:
    """Read Wix orders with their payments and refunds.

    Returns:
        See ``passerelle.shops.export.OrderReader``.
    """
    given = _Given()
    return read_documents("Wix", files, options, given, lambda orders: _tables(orders, given.transactions, options))


@dataclass(slots=True)
class _Given:
    """What all files hold."""

    orders: list[Object] = field(default_factory=list)
    transactions: list[Object] = field(default_factory=list)
    remarks: list[pd.DataFrame] = field(default_factory=list)

    def take(self, name: str, content: Any) -> None:
        """Take in what one file holds.

        Raises:
            UnreadableError: it holds an error of the shop.
        """
        if isinstance(content, dict) and "message" in content and "details" in content:
            raise UnreadableError("export-webservice-error", shown(content["message"]))
        taken = False
        for kind, records in _lists(content):
            kept, remark = numbered([_PREPARED[kind](_plain(record)) for record in records], name, kind)
            getattr(self, kind).extend(kept)
            self.remarks.append(remark)
            taken = True
        if not taken and content not in ([], {}):
            self.remarks.append(unused(name, content))


def _lists(content: Any) -> Iterator[tuple[str, list[Any]]]:
    """Give the lists of records of a kind, wherever an answer or an event has them."""
    if isinstance(content, list):
        kind = next((kind for kind in map(_kind, content) if kind), "")
        if kind:
            yield kind, content
    elif kind := _kind(content):
        yield kind, [content]
    elif isinstance(content, dict):
        for value in content.values():
            yield from _lists(value)


def _kind(record: Any) -> str:
    """Tell what a record is; empty where it is nothing that orders need."""
    if not isinstance(record, dict):
        return ""
    return next((kind for kind, fields in _FIELDS_OF.items() if fields <= record.keys()), "")


def _plain(value: Any) -> Any:
    """Write ``{"amount": "2.0", "formattedAmount": "2,00 €"}`` as the amount alone."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "amount" in value and (len(value) == 1 or "formattedAmount" in value):
        return value["amount"]
    return {name: _plain(one) for name, one in value.items()}


def _order(record: Any) -> Any:
    """Give an order the names of eCommerce v1; its id is its number, the id of 36 characters is ``orderId``."""
    if not isinstance(record, dict):
        return record
    order = _as_ecommerce(record) if "totals" in record and "priceSummary" not in record else record
    return {**order, "id": record.get("number") or record.get("id"), "orderId": record.get("id")}


def _transactions(record: Any) -> Any:
    return {**record, "id": record.get("orderId")} if isinstance(record, dict) else record


_PREPARED = {"orders": _order, "transactions": _transactions}


def _as_ecommerce(order: Object) -> Object:
    """Give an order of Stores v2 the names that it has in eCommerce v1; what is no object stays, to be said."""
    billing, shipping, lines = (order.get(name) for name in ("billingInfo", "shippingInfo", "lineItems"))
    of_lines = [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
    renamed = {
        "createdDate": order.get("dateCreated"),
        "updatedDate": order.get("lastUpdated"),
        "status": "CANCELED" if order.get("fulfillmentStatus") == "CANCELED" else "APPROVED",
        "priceSummary": order["totals"],
        "taxIncludedInPrices": any(line.get("taxIncludedInPrice") is True for line in of_lines),
        "customFields": [custom] if (custom := order.get("customField")) else [],
    }
    if isinstance(lines, list):
        renamed["lineItems"] = [_line_as_ecommerce(line) for line in lines]
    if isinstance(billing, dict):
        address = billing.get("address")
        renamed |= {
            "billingInfo": _place_as_ecommerce(address),
            "paymentMethod": billing.get("paymentMethod"),
            "paidDate": billing.get("paidDate"),
        }
    if isinstance(shipping, dict):
        renamed["shippingInfo"] = _shipping_as_ecommerce(shipping)
    return {**order, **renamed}


def _line_as_ecommerce(line: Any) -> Any:
    if not isinstance(line, dict):
        return line
    return {
        **line,
        "id": line.get("index"),
        "productName": {"original": line.get("name")},
        "physicalProperties": {"sku": line.get("sku")},
        "totalDiscount": line.get("discount"),
        "taxDetails": {"totalTax": line.get("tax")},
    }


def _place_as_ecommerce(address: Any) -> Any:
    if not isinstance(address, dict):
        return {"address": address}
    lines = {"addressLine": address.get("addressLine1"), "postalCode": address.get("zipCode")}
    name = address.get("fullName")
    contact = {**(name if isinstance(name, dict) else {}), **{part: address.get(part) for part in ("phone", "company")}}
    return {"address": {**address, **lines}, "contactDetails": contact}


def _shipping_as_ecommerce(shipping: Object) -> Object:
    details = shipping.get("shipmentDetails")
    if not isinstance(details, dict):
        return {"title": shipping.get("deliveryOption"), "cost": {"price": details}}
    price = details.get("priceData")
    return {
        "code": shipping.get("code"),
        "title": shipping.get("deliveryOption"),
        "logistics": {"shippingDestination": _place_as_ecommerce(details.get("address"))},
        "cost": {
            "price": price.get("price") if isinstance(price, dict) else price,
            "discount": details.get("discount"),
            "taxDetails": {"totalTax": details.get("tax")},
        },
    }


def _tables(orders: Records, transactions: list[Object], options: ReadOptions) -> dict[str, pd.DataFrame]:
    numbers = {identity(row, "orderId"): identity(row) for row in orders.rows}
    placed = [(numbers.get(identity(one), identity(one)), one) for one in transactions]
    moved = attached(orders, placed, "orderTransactions", options.shop)
    lines = _lines(orders)
    charges, shipping_discount = _charges(orders, options)
    payments = _payments(moved, options)
    header = _header(orders, payments, options)
    refunds, refund_lines = _refunds(orders, moved, lines, charges, options)
    return {
        "orders": ORDERS.conform(header),
        "lines": ORDER_LINES.conform(lines),
        "charges": charges,
        "allowances": _allowances(orders, lines, shipping_discount),
        "taxes": _order_taxes(orders),
        "payments": ranked(by_order(PAYMENTS, [payments, whole_payments(header, payments)], orders.keys)),
        "refunds": refunds,
        "refund_lines": refund_lines,
        "parties": _parties(orders, header),
        "addresses": _addresses(orders),
    }


def _header(orders: Records, payments: pd.DataFrame, options: ReadOptions) -> pd.DataFrame:
    """Give the orders table, undeclared columns included.

    A buyer is the contact that he is in Wix; ids of 36 characters fit no account, so the number of his first order
    stands for his id.
    """
    number, buyer = orders.text("id"), orders.part("buyerInfo")
    contact = first_filled(buyer.text("contactId"), buyer.text("memberId"))
    customer = options.shop + "/" + first_filled(contact, "order-" + number)
    currency = orders.text("currency", required=True)
    shop_currency = currency.mask(currency != "", options.shop_currency) if options.shop_currency else currency
    summary = orders.part("priceSummary")
    total = summary.number("total").fillna(summary.number("totalPrice"))
    orders.problems.say("export-value-missing", orders.keys[total.isna()], field="priceSummary.total")
    state, paid = orders.text("status"), orders.text("paymentStatus")
    received = payments.groupby("order_key")["amount"].sum().reindex(orders.keys).astype("Int64")
    by_status = total.where(paid.isin(_PAID)).mask(paid.isin(_UNPAID), 0)
    balance = orders.part("balanceSummary").number("balance")
    first = payments.drop_duplicates("order_key").set_index("order_key")
    shipping = orders.part("shippingInfo")
    return pd.DataFrame(
        {
            "order_key": orders.keys,
            "shop": options.shop,
            "order_id": number,
            "order_reference": number,
            "status": paid.where(state.isin(["", "APPROVED"]), state),
            "created_at": orders.time("createdDate", options.time_zone, required=True),
            "updated_at": orders.time("updatedDate", options.time_zone),
            "paid_at": first["paid_at"]
            .reindex(orders.keys)
            .set_axis(orders.keys.index)
            .fillna(orders.time("paidDate", options.time_zone)),
            "is_guest": buyer.text("memberId") == "",
            "customer_id": number.groupby(customer).transform("first"),
            "customer_key": customer,
            "currency": currency,
            "shop_currency": shop_currency,
            # Amounts are in the site's own currency; the one that the buyer saw has no part in the order.
            "currency_rate": pd.Series(money.ONE, orders.keys.index, dtype="Int64").where(currency == shop_currency),
            "prices_include_tax": orders.flag("taxIncludedInPrices"),
            "charged_total": total.fillna(0),
            "charged_total_excl": total - summary.number("tax"),
            "paid_total": pd.Series(received.array, orders.keys.index).fillna(by_status).fillna(total - balance),
            "payment_mode": first_filled(orders.text("paymentMethod"), looked_up(orders.keys, first["payment_mode"])),
            "carrier_id": shipping.text("code"),
            "carrier": shipping.text("title"),
            "note": orders.text("buyerNote"),
        }
    )


def _order_taxes(orders: Records) -> pd.DataFrame:
    """Give the order's tax, which has a rate where the owner typed one in."""
    summary = orders.part("taxSummary")
    tax = summary.number("totalTax").fillna(orders.part("priceSummary").number("tax"))
    rate = summary.number("manualTaxRate", most=LARGEST_RATE // 100) * 100
    taxes = pd.DataFrame({"order_key": orders.keys, "tax_rate": rate, "tax_amount": tax})
    return ORDER_TAXES.conform(taxes[(tax.fillna(0) != 0)].reset_index(drop=True))


def _lines(orders: Records) -> pd.DataFrame:
    """Give the lines, undeclared column ``discount`` included."""
    items = each_once(orders.each("lineItems", required=True))
    quantity = items.number("quantity", required=True).fillna(0)
    price = items.number("price", required=True).fillna(0)
    beyond = too_large(price, quantity)
    items.say_wrong("quantity", beyond, items.text("quantity"))
    gross = pd.Series(money.product(price.mask(beyond, 0), quantity, money.SCALE), price.index, dtype="Int64")
    discount = items.number("totalDiscount").fillna(0)
    sides = _sides(items, orders, gross - discount, "totalPrice")
    includes = _of_order(items, orders, orders.flag("taxIncludedInPrices")).astype(bool)
    undiscounted = discount == 0
    name = items.part("productName")
    return ranked(
        pd.DataFrame(
            {
                "order_key": items.keys,
                "line_id": items.text("id"),
                "reference": items.part("physicalProperties").text("sku"),
                "label": first_filled(name.text("original"), name.text("translated")),
                "quantity": quantity,
                "gross_excl": (sides["excl"] + discount).mask(includes & ~undiscounted),
                "gross_incl": (sides["incl"] + discount).mask(~includes & ~undiscounted),
                "net_excl": sides["excl"],
                "net_incl": sides["incl"],
                "tax_rate": sides["tax_rate"],
                "discount": discount,
            }
        )
    )


def _of_order(items: Records, orders: Records, column: pd.Series) -> pd.Series:
    """Give of each item what its order has."""
    return items.keys.map(column.set_axis(orders.keys))


def _sides(items: Records, orders: Records, known: pd.Series, name: str) -> pd.DataFrame:
    """Give amounts without and with tax: as told, else from ``known`` and the item's tax.

    Args:
        items: what is charged.
        orders: the orders.
        known: the amount after discounts, with tax where the order's prices include it.
        name: the start of the two fields that tell the amount.

    Returns:
        ``excl``, ``incl``, ``tax_rate``; same rows as ``items``.
    """
    details, info = items.part("taxDetails"), items.part("taxInfo")
    tax = details.number("totalTax").fillna(info.number("taxAmount")).fillna(0)
    includes = _of_order(items, orders, orders.flag("taxIncludedInPrices")).astype(bool)
    excl = items.number(f"{name}BeforeTax").fillna(known - tax.where(includes, 0))
    incl = items.number(f"{name}AfterTax").fillna(known + tax.mask(includes, 0))
    most = LARGEST_RATE // 100
    told = details.number("taxRate", most=most).fillna(info.number("taxRate", most=most)) * 100
    return pd.DataFrame({"excl": excl, "incl": incl, "tax_rate": _rate(items, orders, told, excl, incl - excl)})


def _rate(items: Records, orders: Records, told: pd.Series, excl: pd.Series, tax: pd.Series) -> pd.Series:
    """Give the rate: as told, unless it is none beside a tax; then the owner's, where it explains that tax to the cent.

    What neither tells is 0 where there is no tax, else not told.
    """
    rate = told.mask((told == 0) & (tax != 0))
    manual = orders.part("taxSummary").number("manualTaxRate", most=LARGEST_RATE // 100).fillna(0) * 100
    owner = _of_order(items, orders, manual).astype("Int64")
    computed = money.tax(excl.fillna(0), owner.fillna(0), 2)
    explains = (tax - computed).abs() <= money.ONE // 100
    return rate.fillna(owner.where(explains & (tax != 0))).mask(rate.isna() & (tax == 0), 0)


def _charges(orders: Records, options: ReadOptions) -> tuple[pd.DataFrame, pd.Series]:
    """Give shipping and fees that are not free, and the discount that the shipping has by order.

    A fee under one of the profile's labels is gift wrapping (ORD-25).
    """
    info = orders.part("shippingInfo")
    cost = info.part("cost")
    discount = cost.number("discount").fillna(0)
    fees = orders.each("additionalFees")
    parts = []
    for items, kind, label, known, name in (
        (cost, "shipping", info.text("title"), cost.number("price").fillna(0) - discount, "totalPrice"),
        (fees, "fee", first_filled(fees.text("name"), fees.text("code")), fees.number("price").fillna(0), "price"),
    ):
        sides = _sides(items, orders, known, name).rename(columns={"excl": "amount_excl", "incl": "amount_incl"})
        charge = sides.assign(order_key=items.keys, kind=kind, label=label)
        parts.append(charge[(charge["amount_excl"] != 0) | (charge["amount_incl"] != 0)])
    charges = by_order(ORDER_CHARGES, parts, orders.keys)
    is_wrapping = (charges["kind"] == "fee") & charges["label"].isin(options.wrapping_labels)
    charges["kind"] = charges["kind"].mask(is_wrapping, "wrapping")
    return ranked(charges), discount.set_axis(orders.keys)


def _allowances(orders: Records, lines: pd.DataFrame, shipping_discount: pd.Series) -> pd.DataFrame:
    """Give what the lines and the shipping do not have of an order's discount.

    ``appliedDiscounts`` tells the same discount several times (of the order, of each line); it only gives the name.
    """
    total = orders.part("priceSummary").number("discount").fillna(0).set_axis(orders.keys)
    allocated = lines.groupby("order_key")["discount"].sum().reindex(orders.keys).fillna(0)
    rest = total - allocated - shipping_discount
    rest = rest[rest > 0]
    coupons = orders.each("appliedDiscounts").part("coupon")
    code = first_filled(coupons.text("code"), coupons.text("name")).set_axis(coupons.keys)
    named = code[code != ""].groupby(level=0).agg(" + ".join)
    includes = orders.flag("taxIncludedInPrices").set_axis(orders.keys).loc[rest.index].array
    return ORDER_ALLOWANCES.conform(
        pd.DataFrame(
            {
                "order_key": rest.index,
                "position": 1,
                "target": "lines",
                "label": looked_up(pd.Series(rest.index), named).array,
                "amount_excl": rest.mask(includes).array,
                "amount_incl": rest.where(includes).array,
            }
        )
    )


def _payments(moved: Records, options: ReadOptions) -> pd.DataFrame:
    """Give the payments that went through, by card, by hand, or by gift card."""
    payments = moved.each("payments")
    regular, card = payments.part("regularPaymentDetails"), payments.part("giftcardPaymentDetails")
    is_card = payments.has("giftcardPaymentDetails")
    done = regular.text("status").isin(_TRANSACTION["payment"]) | (is_card & ~card.flag("voided"))
    table = pd.DataFrame(
        {
            "order_key": payments.keys,
            "payment_mode": regular.text("paymentMethod").mask(is_card, GIFT_CARD),
            "amount": payments.number("amount", required=True).fillna(0),
            "paid_at": payments.time("createdDate", options.time_zone),
            "transaction_id": first_filled(
                regular.text("providerTransactionId"), regular.text("gatewayTransactionId"), payments.text("id")
            ),
        }
    )
    return PAYMENTS.conform(table[done].reset_index(drop=True))


def _parties(orders: Records, header: pd.DataFrame) -> pd.DataFrame:
    """Give each buyer once, as the latest order has them."""
    buyer, billing = orders.part("buyerInfo"), orders.part("billingInfo")
    contact, address = billing.part("contactDetails"), billing.part("address")
    nameless = buyer.text("lastName") == ""
    own = buyer_numbers(orders.each("customFields"), orders.keys, "title")
    buyers = header[["customer_key", "shop", "customer_id", "is_guest"]].assign(
        first_name=buyer.text("firstName").mask(nameless, contact.text("firstName")),
        last_name=buyer.text("lastName").mask(nameless, contact.text("lastName")),
        company=contact.text("company"),
        email=first_filled(buyer.text("email"), address.text("email")),
        phone=first_filled(buyer.text("phone"), contact.text("phone")),
        siret=own["siret"],
        vat_number=first_filled(contact.part("vatId").text("id"), own["vat_number"]),
        language=orders.text("buyerLanguage").str.slice(0, 2).str.lower(),
    )
    return PARTIES.conform(buyers.drop_duplicates("customer_key", keep="last", ignore_index=True))


def _addresses(orders: Records) -> pd.DataFrame:
    billing = orders.part("billingInfo")
    delivery = orders.part("shippingInfo").part("logistics").part("shippingDestination")
    parts = [filled(_address(billing), orders.keys, "billing"), filled(_address(delivery), orders.keys, "delivery")]
    return by_order(ADDRESSES, parts, orders.keys)


def _address(place: Records) -> pd.DataFrame:
    address, contact = place.part("address"), place.part("contactDetails")
    street = address.part("streetAddress")
    built = (street.text("number") + " " + street.text("name")).str.strip()
    return pd.DataFrame(
        {
            "first_name": contact.text("firstName"),
            "last_name": contact.text("lastName"),
            "company": contact.text("company"),
            "line_1": first_filled(address.text("addressLine"), address.text("addressLine1"), built),
            "line_2": address.text("addressLine2"),
            "postcode": address.text("postalCode"),
            "city": address.text("city"),
            # ISO 3166-2: what stands after the country.
            "state": address.text("subdivision").str.replace(r"^[A-Z]{2}-", "", regex=True),
            "country": address.text("country"),
            "phone": contact.text("phone"),
            "email": address.text("email"),
        }
    )


def _refunds(
    orders: Records, moved: Records, lines: pd.DataFrame, charges: pd.DataFrame, options: ReadOptions
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give refunds and their lines; the amount is what the transactions gave back."""
    refunds = _refund_records(orders, moved)
    given_back = refunds.each("transactions")
    given_back = given_back.only(given_back.text("refundStatus").isin(_TRANSACTION["refund"]))
    by_refund = given_back.number("amount", required=True).groupby(given_back.parent).sum()
    amount = by_refund.reindex(range(len(refunds))).astype("Int64").fillna(refunds.number("amount"))
    undone = amount.isna()
    orders.problems.say(
        "refund-not-carried-out", refunds.keys[undone], field="refunds", value=refunds.text("id")[undone]
    )
    done = refunds.only(~undone)
    table = pd.DataFrame(
        {
            "order_key": done.keys,
            "refund_id": done.text("id", required=True),
            "refunded_at": done.time("createdDate", options.time_zone),
            "amount_incl": amount[~undone].reset_index(drop=True),
            "reason": done.part("details").text("reason"),
        }
    )
    status = orders.text("paymentStatus")
    untold = status.isin(["PARTIALLY_REFUNDED", "FULLY_REFUNDED"]) & ~orders.keys.isin(refunds.keys)
    orders.problems.say("refunds-not-given", orders.keys[untold], field="orderTransactions", value=status[untold])
    parts = [_refunded_lines(done, lines), _refunded_shipping(done, charges)]
    return explained_refunds(table, parts, orders.keys)


def _refund_records(orders: Records, moved: Records) -> Records:
    """Give the refunds of the transactions and, of Stores v2, those in the orders; each once."""
    own, others = moved.each("refunds"), orders.each("refunds")
    dated = [{**row, "createdDate": row.get("dateCreated")} for row in others.rows]
    both = replace(own, rows=[*own.rows, *dated], keys=pd.Series([*own.keys, *others.keys], dtype="str"))
    places = pd.Series(list(zip(both.keys, map(identity, both.rows), strict=True)), dtype="object")
    return replace(both, parent=None, position=None).only(~places.duplicated())


def _refunded_lines(refunds: Records, lines: pd.DataFrame) -> pd.DataFrame:
    """Give the lines given back, each with its share by quantity of what was charged for it."""
    items = refunds.part("details").each("items")
    line_id, quantity = items.text("lineItemId"), items.number("quantity", required=True).fillna(0)
    share = share_of_lines(lines, items.keys, line_id, quantity)
    lost = ~share["is_sold"]
    items.problems.say("refund-line-unknown", items.keys[lost], field=f"{items.place}lineItemId", value=line_id[lost])
    rows = share.assign(
        order_key=items.keys,
        refund_id=refunds.text("id").reindex(items.parent).to_numpy(),
        line_id=line_id,
        kind="article",
        quantity=quantity,
    )
    return rows[share["is_sold"]]


def _refunded_shipping(refunds: Records, charges: pd.DataFrame) -> pd.DataFrame:
    shipping = charges[charges["kind"] == "shipping"][["order_key", "amount_excl", "amount_incl", "tax_rate"]]
    included = refunds.only(refunds.part("details").flag("shippingIncluded"))
    rows = pd.DataFrame({"order_key": included.keys, "refund_id": included.text("id")})
    return rows.merge(shipping, on="order_key").assign(kind="shipping", quantity=money.ONE)
