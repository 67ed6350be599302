"""The exports of the two shops as their platforms write them: PrestaShop's webservice, WooCommerce's REST API, as JSON.

Source: facts/shops § 1, § 2; real answers of both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from month import CARRIERS, CURRENCIES, PLACES, Buyer, Order, Refund
from till import ZERO, Charge, Line, Sale, added, rounded

Row = dict[str, Any]
Files = dict[str, bytes]
NEVER = "0000-00-00 00:00:00"
_RATES = sorted({Decimal(rate) for place in PLACES for rate in (*place.rates, *(place.later_rates or ()))} - {ZERO})
_TAX_IDS = {rate: str(number) for number, rate in enumerate(_RATES, 1)}
_CURRENCY_IDS = {code: str(number) for number, code in enumerate(CURRENCIES, 1)}
_COUNTRY_IDS = {place.country: str(number) for number, place in enumerate(PLACES, 1)}
_ROUND_TYPES = {"unit": "1", "line": "2", "total": "3"}


def prestashop(orders: Iterable[Order]) -> Files:
    """Write the webservice's answers with the orders and all that they refer to."""
    orders = list(orders)
    buyers = {_customer_id(order.buyer): order.buyer for order in orders}
    resources: dict[str, list[Row]] = {
        "orders": [_prestashop_order(order) for order in orders],
        "order_details": [row for order in orders for row in _details(order)],
        "order_cart_rules": [row for order in orders for row in _cart_rules(order)],
        "order_payments": [row for order in orders for row in _payments(order)],
        "order_slips": [_slip(order, refund) for order in orders for refund in order.refunds],
        "messages": [
            {"id": order.number, "id_order": str(order.number), "id_employee": "0", "private": "0",
             "message": order.note, "date_add": _local(order.moment)}
            for order in orders if order.note
        ],
        "customers": [_customer(number, buyer) for number, buyer in buyers.items()],
        "addresses": [_prestashop_address(number, buyer) for number, buyer in buyers.items()],
        "taxes": [
            {"id": int(number), "rate": f"{rate:.3f}", "name": f"TVA {rate} %"} for rate, number in _TAX_IDS.items()
        ],
        "currencies": [
            {"id": int(number), "iso_code": code, "conversion_rate": CURRENCIES[code][0]}
            for code, number in _CURRENCY_IDS.items()
        ],
        "countries": [{"id": int(number), "iso_code": code} for code, number in _COUNTRY_IDS.items()],
        "carriers": [{"id": number, "name": name} for number, name in enumerate(CARRIERS, 1)],
        "languages": [{"id": 1, "iso_code": "fr"}],
        "groups": [{"id": 3, "name": "Client"}],
    }  # fmt: skip
    return {f"{name}.json": _json({name: rows} if rows else []) for name, rows in resources.items()}


def _json(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def _local(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _six(amount: Decimal) -> str:
    return f"{amount:.6f}"


def _customer_id(buyer: Buyer) -> str:
    return str(buyer.number + 100_000 * buyer.is_guest)


def _prestashop_order(order: Order) -> Row:
    sale = order.sale
    is_invoiced = order.kind == "invoice" and order.status in {"2", "5", "7"}
    totals = {
        f"total_{name}_tax_{side}": _six(amount)
        for side in ("excl", "incl")
        for name, amount in (
            ("discounts", sale.reduced_excl if side == "excl" else sale.reduced_incl),
            ("paid", sale.total_excl if side == "excl" else sale.total),
            ("shipping", sale.charged("shipping", side)),
            ("wrapping", sale.charged("wrapping", side)),
        )
    }
    shipping = [one.rate for one in sale.charges if one.kind == "shipping"]
    return {
        "id": order.number,
        "id_address_delivery": _customer_id(order.buyer),
        "id_address_invoice": _customer_id(order.buyer),
        "id_currency": _CURRENCY_IDS[order.currency],
        "id_lang": "1",
        "id_shop": "1",
        "id_customer": _customer_id(order.buyer),
        "id_carrier": str(CARRIERS.index(order.carrier) + 1),
        "current_state": order.status,
        "module": "ps_checkout",
        "payment": order.mode,
        "invoice_number": str(order.number) if is_invoiced else "0",
        "invoice_date": _local(order.statuses[0][0]) if is_invoiced else NEVER,
        "date_add": _local(order.moment),
        "date_upd": _local(order.changed_at),
        "gift_message": "",
        "conversion_rate": CURRENCIES[order.currency][0],
        "reference": f"REF{order.number:06}",
        "total_paid": _six(sale.total),
        "total_paid_real": _six(added(amount for _, amount in order.payments)),
        "total_products": _six(rounded(added(line.excl for line in sale.lines), order.decimals)),
        "total_products_wt": _six(rounded(added(line.incl for line in sale.lines), order.decimals)),
        "carrier_tax_rate": f"{shipping[0]:.3f}" if shipping else "0.000",
        "round_type": _ROUND_TYPES[sale.rounding],
        **totals,
    }


def _detail_id(order: Order, place: int) -> int:
    return order.number * 100 + place


def _details(order: Order) -> list[Row]:
    return [
        {
            "id": _detail_id(order, place),
            "id_order": str(order.number),
            "product_id": line.item.reference[-3:],
            "product_attribute_id": "0",
            "product_name": line.item.label,
            "product_reference": line.item.reference,
            "product_quantity": str(line.item.quantity),
            "original_product_price": _six(line.item.price),
            "reduction_percent": f"{line.item.off:.2f}",
            "reduction_amount": "0.000000",
            "tax_computation_method": "0",
            "unit_price_tax_excl": _six(line.unit_excl),
            "unit_price_tax_incl": _six(line.unit_incl),
            "total_price_tax_excl": _six(line.excl),
            "total_price_tax_incl": _six(line.incl),
            "associations": {"taxes": [{"id": _TAX_IDS[line.item.rate]}] if line.item.rate else []},
        }
        for place, line in enumerate(order.sale.lines)
    ]


def _cart_rules(order: Order) -> list[Row]:
    return [
        {
            "id": _detail_id(order, place),
            "id_order": str(order.number),
            "name": one.name,
            "value": _six(one.incl),
            "value_tax_excl": _six(one.excl),
            "free_shipping": str(int(one.free_shipping)),
            "deleted": "0",
        }
        for place, one in enumerate(order.sale.vouchers)
    ]


def _payments(order: Order) -> list[Row]:
    return [
        {
            "id": _detail_id(order, place),
            "order_reference": f"REF{order.number:06}",
            "id_currency": _CURRENCY_IDS[order.currency],
            "amount": _six(amount),
            "payment_method": mode,
            "transaction_id": "",
            "date_add": _local(order.moment),
        }
        for place, (mode, amount) in enumerate(order.payments)
    ]


def _slip(order: Order, refund: Refund) -> Row:
    products = {side: added(line[place] for line in refund.lines) for side, place in (("excl", 2), ("incl", 3))}
    back = refund.shipping
    shipping = {"excl": back.excl if back else ZERO, "incl": back.incl if back else ZERO}
    return {
        "id": refund.number,
        "id_order": str(order.number),
        "date_add": _local(refund.moment),
        "amount": _six(products["incl"] + shipping["incl"]),
        **{f"total_products_tax_{side}": _six(amount) for side, amount in products.items()},
        **{f"total_shipping_tax_{side}": _six(amount) for side, amount in shipping.items()},
        "associations": {
            "order_slip_details": [
                {
                    "id": str(place),
                    "id_order_detail": str(_detail_id(order, place)),
                    "product_quantity": str(quantity),
                    "amount_tax_excl": _six(excl),
                    "amount_tax_incl": _six(incl),
                }
                for place, quantity, excl, incl in refund.lines
            ]
        },
    }


def _customer(number: str, buyer: Buyer) -> Row:
    return {
        "id": int(number),
        "id_default_group": "3",
        "id_lang": "1",
        "id_gender": "0",
        "firstname": buyer.first_name,
        "lastname": buyer.last_name,
        "email": buyer.email,
        "company": buyer.company,
        "siret": buyer.siret,
        "is_guest": str(int(buyer.is_guest)),
    }


def _prestashop_address(number: str, buyer: Buyer) -> Row:
    return {
        "id": int(number),
        "id_country": _COUNTRY_IDS[buyer.place.country],
        "id_state": "0",
        "firstname": buyer.first_name,
        "lastname": buyer.last_name,
        "company": buyer.company,
        "vat_number": buyer.vat_number,
        "address1": f"{buyer.number} rue de l'Église",
        "address2": "",
        "postcode": buyer.place.postcode,
        "city": buyer.place.city,
        "other": "",
        "phone": "0102030405",
        "phone_mobile": "",
    }


def woocommerce(orders: Iterable[Order], name: str) -> Files:
    """Write the REST API's answers: a list of orders, and their refunds by order."""
    orders = list(orders)
    refunds = {
        str(order.number): [_woocommerce_refund(order, one) for one in order.refunds]
        for order in orders
        if order.refunds
    }
    files = {f"orders-{name}.json": _json([_woocommerce_order(order) for order in orders])}
    return files | ({f"refunds-{name}.json": _json(refunds)} if refunds else {})


def _moments(name: str, moment: datetime | None) -> Row:
    if moment is None:
        return {name: None, f"{name}_gmt": None}
    return {name: moment.isoformat(), f"{name}_gmt": (moment - timedelta(hours=2)).isoformat()}


def _taxes(rate: Decimal, tax: Decimal, full: Decimal) -> list[Row]:
    return [{"id": int(_TAX_IDS[rate]), "total": _six(tax), "subtotal": _six(full)}] if rate else []


def _woocommerce_order(order: Order) -> Row:
    buyer, sale = order.buyer, order.sale
    address = {
        "first_name": buyer.first_name, "last_name": buyer.last_name, "company": buyer.company,
        "address_1": f"{buyer.number} rue de l'Église", "address_2": "", "city": buyer.place.city, "state": "",
        "postcode": buyer.place.postcode, "country": buyer.place.country, "phone": "+33 1 02 03 04 05",
    }  # fmt: skip
    tax_lines = _tax_lines(order)
    shipping = [one for one in sale.charges if one.kind == "shipping"]
    fees = [one for one in sale.charges if one.kind != "shipping"]
    return {
        "id": order.number,
        "parent_id": 0,
        "number": str(order.number),
        "status": order.status,
        "currency": order.currency,
        "prices_include_tax": True,
        **_moments("date_created", order.moment),
        **_moments("date_modified", order.changed_at),
        **_moments("date_paid", order.moment if order.payments else None),
        "total": _six(sale.total),
        "total_tax": _six(added(Decimal(row["tax_total"]) + Decimal(row["shipping_tax_total"]) for row in tax_lines)),
        "customer_id": 0 if buyer.is_guest else buyer.number,
        "order_key": f"wc_order_{order.number}",
        "billing": {**address, "email": buyer.email},
        "shipping": address,
        "payment_method": "any",
        "payment_method_title": order.mode,
        "transaction_id": "",
        "customer_note": order.note,
        "meta_data": [
            {"id": 1, "key": key, "value": value}
            for key, value in (("_billing_vat_number", buyer.vat_number), ("_billing_siret", buyer.siret))
            if value
        ],
        "line_items": [_line_item(order, place, line) for place, line in enumerate(sale.lines)],
        "tax_lines": tax_lines,
        "shipping_lines": [_charge(order, place, one) for place, one in enumerate(shipping)],
        "fee_lines": [_charge(order, place, one) for place, one in enumerate(fees, 20)],
        "coupon_lines": [],
        "refunds": [{"id": one.number, "reason": "", "total": _six(-one.amount)} for one in order.refunds],
    }  # fmt: skip


def _line_item(order: Order, place: int, line: Line) -> Row:
    tax, full = line.incl - line.excl, line.full_incl - line.full_excl
    packs = [rank for rank, one in enumerate(order.sale.lines) if one.item.is_component]
    return {
        "id": _detail_id(order, place),
        "name": line.item.label,
        "product_id": 1,
        "variation_id": 0,
        "sku": line.item.reference,
        "quantity": line.item.quantity,
        "subtotal": _six(line.full_excl),
        "subtotal_tax": _six(rounded(full)),
        "total": _six(line.excl),
        "total_tax": _six(rounded(tax)),
        "taxes": _taxes(line.item.rate, tax, full),
        "meta_data": [],
        **({"bundled_by": str(_detail_id(order, packs[0] - 1))} if line.item.is_component and packs else {}),
    }


def _charge(order: Order, place: int, one: Charge) -> Row:
    tax = one.incl - one.excl
    return {
        "id": _detail_id(order, 50 + place),
        "method_id": "flat_rate",
        "method_title": order.carrier,
        "name": one.label,
        "total": _six(one.excl),
        "total_tax": _six(tax),
        "taxes": _taxes(one.rate, tax, tax),
    }


def _tax(sale: Sale, rate: Decimal, *, of_shipping: bool) -> Decimal:
    """Give the tax at a rate as the shop shows it: each line's rounded."""
    charges = [one for one in sale.charges if one.rate == rate and (one.kind == "shipping") == of_shipping]
    lines = [] if of_shipping else [line for line in sale.lines if line.item.rate == rate]
    return added(rounded(one.incl - one.excl) for one in (*lines, *charges))


def _tax_lines(order: Order) -> list[Row]:
    rates = {line.item.rate for line in order.sale.lines} | {one.rate for one in order.sale.charges}
    return [
        {
            "id": _detail_id(order, 80 + place),
            "rate_code": f"TVA-{rate}",
            "rate_id": int(_TAX_IDS[rate]),
            "label": f"TVA {rate} %",
            "compound": False,
            "rate_percent": float(rate),
            "tax_total": _six(_tax(order.sale, rate, of_shipping=False)),
            "shipping_tax_total": _six(_tax(order.sale, rate, of_shipping=True)),
        }
        for place, rate in enumerate(sorted(rates - {ZERO}))
    ]


def _woocommerce_refund(order: Order, refund: Refund) -> Row:
    items = []
    for place, quantity, excl, incl in refund.lines:
        rate = order.sale.lines[place].item.rate
        items.append(
            {
                "id": refund.number * 100 + place,
                "name": order.sale.lines[place].item.label,
                "quantity": -quantity,
                "subtotal": _six(-excl),
                "total": _six(-excl),
                "total_tax": _six(-(incl - excl)),
                "taxes": _taxes(rate, -(incl - excl), -(incl - excl)),
                "meta_data": [{"id": 1, "key": "_refunded_item_id", "value": str(_detail_id(order, place))}],
            }
        )
    back = refund.shipping
    shipping = [
        {
            "id": refund.number * 100 + 50,
            "method_title": order.carrier,
            "method_id": "flat_rate",
            "total": _six(-back.excl),
            "total_tax": _six(-(back.incl - back.excl)),
            "taxes": _taxes(back.rate, -(back.incl - back.excl), ZERO),
            "meta_data": [{"id": 2, "key": "_refunded_item_id", "value": "1"}],
        }
    ] if back else []  # fmt: skip
    rates = {order.sale.lines[place].item.rate for place, *_ in refund.lines} | ({back.rate} if back else set())
    return {
        "id": refund.number,
        **_moments("date_created", refund.moment),
        "amount": _six(refund.amount),
        "reason": "",
        "refunded_by": 1,
        "line_items": items,
        "shipping_lines": shipping,
        "fee_lines": [],
        "tax_lines": [row for row in _tax_lines(order) if Decimal(row["label"].split()[1]) in rates],
        "_links": {"up": [{"href": f"https://shop.example/wp-json/wc/v3/orders/{order.number}"}]},
    }
