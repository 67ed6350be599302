"""Write ``sample_files/demo``: what three small shops and their ERP would give, in the platforms' own layouts.

    python sample_files/make_demo.py [FOLDER]

People, addresses and figures are invented. The PrestaShop shop rounds each line, the WooCommerce shop enters its prices
including tax, the Shopify shop charges in dollars. Among the orders are accents, discounts, three VAT rates, a guest, a
refund, an unknown article, a foreign currency, a total that does not add up and a broken row.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from passerelle.exchange.mappings import MAPPINGS
from passerelle.profile.workbook import create_workbook

HERE = Path(__file__).parent
D = Decimal
CENT = D("0.01")

ARTICLES = {
    "LIVRE-01": ("L'Œuvre au noir", "9782070360116", "5.5"),
    "LIVRE-02": ("Carnet « Été à Nîmes »", "9782070360123", "5.5"),
    "TISANE-1": ("Tisane des Cévennes 100 g", "3760001000013", "10"),
    "BOL-GRES": ("Bol en grès émaillé", "3760001000020", "20"),
    "AFFICHE-A2": ("Affiche A2 façon rétro", "3760001000037", "20"),
    "00123": ("Marque-page n° 123", "3760001000044", "20"),
    "DIVERS": ("Divers", "", "20"),
    "ECART": ("Écart d'arrondi", "", "0"),
    "EMBALLAGE": ("Emballage cadeau", "", "20"),
    "PORT": ("Frais de port", "", "20"),
    "FRAIS": ("Frais divers", "", "20"),
    "REMISE": ("Remise", "", "20"),
    "REMISE55": ("Remise 5,5 %", "", "5.5"),
}
TAX_IDS = {"20": "1", "10": "2", "5.5": "3"}


def cents(value: Decimal) -> Decimal:
    """Round to the cent, half up."""
    return value.quantize(CENT, ROUND_HALF_UP)


def incl(amount: Decimal, rate: str) -> Decimal:
    """Add VAT and round to the cent."""
    return cents(amount * (1 + D(rate) / 100))


def six(value: Decimal) -> str:
    """Write an amount as PrestaShop's webservice does."""
    return f"{value:.6f}"


# PrestaShop ---------------------------------------------------------------------------------------------------------

NO_DATE = "0000-00-00 00:00:00"
COUNTRIES = {"FR": "8", "BE": "3", "GB": "17"}
PEOPLE: list[dict[str, str]] = [
    {"id": "652", "first": "Zoé", "last": "Lefèvre", "mail": "zoe.lefevre@example.com", "street": "12 rue de l'Église"}
    | {"zip": "06000", "city": "Nice", "country": "FR"},
    {"id": "653", "first": "Anaïs", "last": "Dupré", "mail": "compta@oeuvre-et-fils.example.com"}
    | {"company": "SARL « L'Œuvre ; Fils »", "siret": "73282932000074", "vat": "FR44732829320"}
    | {"street": "3 quai de la Tournelle", "zip": "75005", "city": "Paris", "country": "FR"},
    {"id": "654", "first": "François", "last": "Noël", "mail": "francois.noel@example.com", "guest": "1"}
    | {"street": "8 impasse du Château", "zip": "42000", "city": "Saint-Étienne", "country": "FR"},
    {"id": "655", "first": "Emma", "last": "Smith", "mail": "emma.smith@example.com", "street": "5 High Street"}
    | {"zip": "SW1A 1AA", "city": "London", "country": "GB"},
    {"id": "656", "first": "Jan", "last": "Peeters", "mail": "jan.peeters@example.com", "street": "Grote Markt 1"}
    | {"zip": "2000", "city": "Antwerpen", "country": "BE"},
]
PRESTASHOP: list[dict[str, Any]] = [
    {"id": 1001, "who": "652", "state": "2", "pay": "Carte bancaire", "shipping": ("4.92", "20"), "paid": True}
    | {"lines": [("BOL-GRES", 4, "25.00", "20"), ("LIVRE-01", 5, "10.00", "5.5")], "cart_rule": ("Bon 15 €", "15.00")},
    {"id": 1002, "who": "653", "state": "5", "pay": "Virement bancaire", "shipping": ("4.92", "20"), "paid": True}
    | {"lines": [("TISANE-1", 3, "6.36", "10"), ("AFFICHE-A2", 2, "12.49", "20"), ("LIVRE-02", 1, "8.53", "5.5")]}
    | {"wrapping": "2.50"},
    {"id": 1003, "who": "654", "state": "4", "pay": "Carte bancaire", "shipping": ("4.92", "20"), "paid": True}
    | {"lines": [("BOL-GRES", 1, "25.00", "20")], "free_shipping": True},
    {"id": 1004, "who": "652", "state": "5", "pay": "Carte bancaire", "shipping": ("4.92", "20"), "paid": True}
    | {"lines": [("LIVRE-01", 2, "10.00", "5.5"), ("00123", 10, "1.24", "20")], "refund": 1},
    {"id": 1005, "who": "655", "state": "2", "pay": "Carte bancaire", "shipping": ("9.90", "0"), "paid": True}
    | {"lines": [("AFFICHE-A2", 1, "10.66", "0")], "currency": "GBP"},
    {"id": 1006, "who": "652", "state": "2", "pay": "Carte bancaire", "shipping": ("4.92", "20"), "paid": True}
    | {"lines": [("BOL-GRES", 1, "25.00", "20"), ("VASE-DISPARU", 1, "40.00", "20")]},
    {"id": 1007, "who": "653", "state": "6", "pay": "Virement bancaire", "shipping": ("0.00", "20"), "paid": False}
    | {"lines": [("BOL-GRES", 1, "25.00", "20")]},
    {"id": 1008, "who": "656", "state": "2", "pay": "Paiement en 4 fois", "shipping": ("7.90", "21"), "paid": True}
    | {"lines": [("LIVRE-02", 2, "8.53", "6")]},
    {"id": 1009, "who": "652", "state": "1", "pay": "Chèque", "shipping": ("4.92", "20"), "paid": False}
    | {"lines": [("AFFICHE-A2", 3, "12.49", "20")]},
]


def prestashop() -> dict[str, str]:
    """Give the answers of the webservice, one resource per file."""
    resources: dict[str, list[Mapping[str, Any]]] = {
        name: []
        for name in ("orders", "order_details", "order_cart_rules", "order_slips", "order_payments", "customers")
    }
    resources["addresses"] = []
    taxes = {**TAX_IDS, "6": "4", "21": "5"}
    resources["taxes"] = [
        {"id": number, "rate": f"{D(rate):.3f}", "name": f"TVA {rate} %"} for rate, number in taxes.items()
    ]
    resources["currencies"] = [
        {"id": "1", "iso_code": "EUR", "conversion_rate": "1.000000"},
        {"id": "2", "iso_code": "GBP", "conversion_rate": "0.853100"},
    ]
    resources["countries"] = [{"id": number, "iso_code": code} for code, number in COUNTRIES.items()]
    resources["carriers"] = [{"id": "2", "name": "Colissimo", "active": "1"}]
    for person in PEOPLE:
        resources["customers"].append(
            {"id": person["id"], "lastname": person["last"], "firstname": person["first"], "email": person["mail"]}
            | {"company": person.get("company", ""), "siret": person.get("siret", "")}
            | {"is_guest": person.get("guest", "0"), "id_gender": "0", "id_lang": "1"}
        )
        resources["addresses"].append(
            {"id": person["id"], "id_customer": person["id"], "id_country": COUNTRIES[person["country"]]}
            | {"company": person.get("company", ""), "vat_number": person.get("vat", "")}
            | {"lastname": person["last"], "firstname": person["first"], "address1": person["street"], "address2": ""}
            | {"postcode": person["zip"], "city": person["city"], "phone": "0102030405", "id_state": "0"}
        )
    for order in PRESTASHOP:
        _prestashop_order(order, taxes, resources)
    return {f"{name}.xml": _xml(name, rows) for name, rows in resources.items()}


def _prestashop_order(
    order: Mapping[str, Any], taxes: Mapping[str, str], resources: dict[str, list[Mapping[str, Any]]]
) -> None:
    number, reference = str(order["id"]), f"LYON{order['id']}X"
    currency, rate = ("2", "0.853100") if order.get("currency") == "GBP" else ("1", "1.000000")
    moment = f"2026-11-{order['id'] - 990:02d} 14:30:00"
    excl_sum = incl_sum = D(0)
    bases: dict[str, Decimal] = {}
    for position, (article, quantity, price, vat) in enumerate(order["lines"]):
        excl = cents(D(price) * quantity)
        with_tax = incl(excl, vat)
        excl_sum, incl_sum = excl_sum + excl, incl_sum + with_tax
        bases[vat] = bases.get(vat, D(0)) + with_tax
        detail = f"{number}{position}"
        associations = {"associations": {"taxes": [{"id": taxes[vat]}]}} if vat in taxes else {}
        resources["order_details"].append(
            {"id": detail, "id_order": number, "product_id": str(position + 1), "product_attribute_id": "0"}
            | {"product_name": ARTICLES.get(article, ("Vase soliflore disparu",))[0], "product_quantity": str(quantity)}
            | {"product_reference": article, "product_price": six(D(price))}
            | {"unit_price_tax_excl": six(D(price)), "unit_price_tax_incl": six(D(price) * (1 + D(vat) / 100))}
            | {"total_price_tax_excl": six(excl), "total_price_tax_incl": six(with_tax)}
            | associations
        )
        if order.get("refund") and position == 0:
            resources["order_slips"].append(
                {"id": "1", "id_order": number, "id_customer": order["who"], "conversion_rate": "1.000000"}
                | {"total_products_tax_excl": price, "total_products_tax_incl": six(incl(D(price), vat))}
                | {"total_shipping_tax_excl": "0.000000", "total_shipping_tax_incl": "0.000000", "amount": price}
                | {"shipping_cost": "0", "shipping_cost_amount": "0.000000", "partial": "1", "date_add": moment}
                | {
                    "associations": {
                        "order_slip_details": [
                            {"id_order_detail": detail, "product_quantity": "1", "amount_tax_excl": six(D(price))}
                            | {"amount_tax_incl": six(incl(D(price), vat))}
                        ]
                    }
                }
            )
    shipping, shipping_vat = D(order["shipping"][0]), order["shipping"][1]
    shipping_incl = incl(shipping, shipping_vat)
    wrapping = D(order.get("wrapping", "0"))
    wrapping_incl = incl(wrapping, "20")
    off_excl = off_incl = D(0)
    if "cart_rule" in order:
        name, off = order["cart_rule"]
        off_incl = D(off)
        off_excl = cents(sum((off_incl * base / incl_sum / (1 + D(vat) / 100) for vat, base in bases.items()), D(0)))
        resources["order_cart_rules"].append(_cart_rule(number, name, off_excl, off_incl, free_shipping="0"))
    if order.get("free_shipping"):
        off_excl, off_incl = shipping, shipping_incl
        resources["order_cart_rules"].append(_cart_rule(number, "Port offert", off_excl, off_incl, free_shipping="1"))
    total_excl = excl_sum + shipping + wrapping - off_excl
    total = incl_sum + shipping_incl + wrapping_incl - off_incl
    paid = total if order["paid"] else D(0)
    resources["orders"].append(
        {"id": number, "reference": reference, "id_customer": order["who"], "id_carrier": "2", "id_currency": currency}
        | {"id_address_delivery": order["who"], "id_address_invoice": order["who"], "id_lang": "1", "id_shop": "1"}
        | {"current_state": order["state"], "payment": order["pay"], "module": "ps_demo", "conversion_rate": rate}
        | {"date_add": moment, "date_upd": moment, "invoice_number": number if order["paid"] else "0"}
        | {"invoice_date": moment if order["paid"] else NO_DATE, "note": ""}
        | {"total_discounts_tax_excl": six(off_excl), "total_discounts_tax_incl": six(off_incl)}
        | {"total_products": six(excl_sum), "total_products_wt": six(incl_sum)}
        | {"total_shipping_tax_excl": six(shipping), "total_shipping_tax_incl": six(shipping_incl)}
        | {"carrier_tax_rate": f"{D(shipping_vat):.3f}", "round_mode": "2", "round_type": "2"}
        | {"total_wrapping_tax_excl": six(wrapping), "total_wrapping_tax_incl": six(wrapping_incl)}
        | {"total_paid": six(total), "total_paid_tax_incl": six(total), "total_paid_tax_excl": six(total_excl)}
        | {"total_paid_real": six(paid), "gift": "1" if wrapping else "0", "gift_message": "", "valid": "1"}
    )
    if order["paid"]:
        resources["order_payments"].append(
            {"id": number, "order_reference": reference, "id_currency": currency, "amount": six(total)}
            | {"payment_method": order["pay"], "conversion_rate": rate, "transaction_id": f"T{number}"}
            | {"date_add": moment}
        )


def _cart_rule(order: str, name: str, excl: Decimal, with_tax: Decimal, *, free_shipping: str) -> dict[str, str]:
    return {"id": order, "id_order": order, "name": name, "value": six(with_tax), "value_tax_excl": six(excl)} | {
        "free_shipping": free_shipping,
        "deleted": "0",
    }


_SINGULAR = {"addresses": "address", "currencies": "currency", "countries": "country", "taxes": "tax"}


def _xml(name: str, rows: Iterable[Mapping[str, Any]]) -> str:
    one = _single(name)
    body = "".join(f"<{one}>\n{_fields(row)}</{one}>\n" for row in rows)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<prestashop xmlns:xlink="http://www.w3.org/1999/xlink">\n'
    return f"{head}<{name}>\n{body}</{name}>\n</prestashop>\n"


def _single(name: str) -> str:
    return _SINGULAR.get(name, name.removesuffix("s"))


def _fields(row: Mapping[str, Any]) -> str:
    return "".join(_nested(key, value) if isinstance(value, dict) else _field(key, value) for key, value in row.items())


def _field(key: str, value: str) -> str:
    return f"\t<{key}><![CDATA[{value}]]></{key}>\n"


def _nested(key: str, lists: Mapping[str, list[Mapping[str, Any]]]) -> str:
    written = []
    for name, items in lists.items():
        rows = "".join(f"<{_single(name)}>\n{_fields(item)}</{_single(name)}>\n" for item in items)
        written.append(f"<{name}>\n{rows}</{name}>\n")
    return f"<{key}>\n{''.join(written)}</{key}>\n"


# WooCommerce --------------------------------------------------------------------------------------------------------

WOOCOMMERCE: list[dict[str, Any]] = [
    {"id": 201, "status": "processing", "customer": 31, "name": ("Gaëlle", "Le Goff"), "city": ("29000", "Quimper")}
    | {"lines": [("BOL-GRES", 2, "30.00", "20", "0"), ("LIVRE-01", 1, "10.55", "5.5", "0")], "shipping": "5.90"},
    {"id": 202, "status": "completed", "customer": 32, "name": ("Noémie", "Garçon"), "city": ("67000", "Strasbourg")}
    | {
        "lines": [("AFFICHE-A2", 3, "14.99", "20", "4.50")],
        "shipping": "5.90",
        "coupon": "BIENVENUE10",
        "gift": "3.00",
    },
    {"id": 203, "status": "completed", "customer": 31, "name": ("Gaëlle", "Le Goff"), "city": ("29000", "Quimper")}
    | {"lines": [("TISANE-1", 4, "7.00", "10", "0")], "shipping": "5.90", "refund": "7.00"},
    {"id": 204, "status": "processing", "customer": 0, "name": ("Théo", "Œuvrard"), "city": ("14000", "Caen")}
    | {
        "lines": [("00123", 7, "1.49", "20", "0")],
        "shipping": "5.90",
        "note": "Sonner 2 fois ;\nmerci « beaucoup » 🙂",
    },
    {"id": 205, "status": "pending", "customer": 33, "name": ("Léa", "Müller"), "city": ("68100", "Mulhouse")}
    | {"lines": [("BOL-GRES", 1, "30.00", "20", "0")], "shipping": "5.90"},
]
RATE_IDS = {"20": 1, "5.5": 2, "10": 3}


def woocommerce() -> tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]:
    """Give the shop's orders and refunds as its REST API answers them."""
    refunds = {
        str(order["id"]): [
            {"id": order["id"] + 5000, "date_created_gmt": "2026-11-19T10:00:00", "amount": f"{D(order['refund']):.6f}"}
            | {"reason": "Article abîmé", "line_items": [], "shipping_lines": [], "fee_lines": []}
        ]
        for order in WOOCOMMERCE
        if "refund" in order
    }
    return [_woocommerce_order(order) for order in WOOCOMMERCE], refunds


def _woocommerce_order(order: Mapping[str, Any]) -> dict[str, Any]:
    used: dict[str, list[Decimal]] = {}

    def part(gross: Decimal, rate: str, kind: int) -> tuple[str, str]:
        excl = (gross / (1 + D(rate) / 100)).quantize(D("0.000001"), ROUND_HALF_UP)
        used.setdefault(rate, [D(0), D(0)])[kind] += gross - excl
        return f"{excl:.6f}", f"{gross - excl:.6f}"

    total = D(0)
    items = []
    for position, (sku, quantity, price, rate, off) in enumerate(order["lines"]):
        gross = D(price) * quantity
        before = (gross / (1 + D(rate) / 100)).quantize(D("0.000001"), ROUND_HALF_UP)
        net, tax = part(gross - D(off), rate, 0)
        total += gross - D(off)
        items.append(
            {"id": order["id"] * 10 + position, "name": ARTICLES[sku][0], "product_id": position + 1, "variation_id": 0}
            | {"quantity": quantity, "subtotal": f"{before:.6f}", "subtotal_tax": f"{gross - before:.6f}"}
            | {"total": net, "total_tax": tax, "sku": sku, "tax_class": "", "meta_data": []}
            | {"taxes": [{"id": RATE_IDS[rate], "total": tax, "subtotal": f"{gross - before:.6f}"}]}
        )
    net, tax = part(D(order["shipping"]), "20", 1)
    total += D(order["shipping"])
    shipping = {"id": 1, "method_title": "Colissimo", "method_id": "flat_rate", "total": net, "total_tax": tax}
    fees = []
    if "gift" in order:
        fee_net, fee_tax = part(D(order["gift"]), "20", 0)
        total += D(order["gift"])
        fees = [
            {"id": 2, "name": "Emballage cadeau", "total": fee_net, "total_tax": fee_tax}
            | {"taxes": [{"id": 1, "total": fee_tax, "subtotal": ""}]}
        ]
    first, last = order["name"]
    postcode, city = order["city"]
    address = {"first_name": first, "last_name": last, "company": "", "address_1": "14 rue des Lilas", "address_2": ""}
    address |= {"city": city, "state": "", "postcode": postcode, "country": "FR", "phone": "+33 1 02 03 04 05"}
    paid = order["status"] in {"processing", "completed"}
    moment = f"2026-11-{order['id'] - 190:02d}T09:15:00"
    return {
        "id": order["id"],
        "number": str(order["id"]),
        "status": order["status"],
        "currency": "EUR",
        "prices_include_tax": True,
        "date_created": moment,
        "date_created_gmt": moment.replace("T09", "T08"),
        "date_modified_gmt": moment.replace("T09", "T08"),
        "date_paid_gmt": moment.replace("T09", "T08") if paid else None,
        "discount_total": "0.000000",
        "total": f"{total:.2f}",
        "customer_id": order["customer"],
        "billing": {**address, "email": f"client{order['customer'] or order['id']}@example.com"},
        "shipping": address,
        "payment_method": "bacs",
        "payment_method_title": "Virement bancaire",
        "transaction_id": "",
        "customer_note": order.get("note", ""),
        "meta_data": [],
        "line_items": items,
        "tax_lines": [
            {
                "id": 3,
                "rate_id": RATE_IDS[rate],
                "rate_code": f"FR-TVA-{rate}",
                "label": f"TVA {rate} %",
                "compound": False,
            }
            | {"tax_total": f"{goods:.6f}", "shipping_tax_total": f"{post:.6f}", "rate_percent": float(rate)}
            for rate, (goods, post) in used.items()
        ],
        "shipping_lines": [{**shipping, "taxes": [{"id": 1, "total": tax, "subtotal": ""}]}],
        "fee_lines": fees,
        "coupon_lines": [{"code": order["coupon"].lower(), "discount": "3.75"}] if "coupon" in order else [],
        "refunds": [{"id": order["id"] + 5000, "total": f"-{order['refund']}"}] if "refund" in order else [],
    }


# Shopify ------------------------------------------------------------------------------------------------------------

SHOPIFY_HEADER = [
    "Name",
    "Email",
    "Financial Status",
    "Paid at",
    "Fulfillment Status",
    "Fulfilled at",
    "Accepts Marketing",
    "Currency",
    "Subtotal",
    "Shipping",
    "Taxes",
    "Total",
    "Discount Code",
    "Discount Amount",
    "Shipping Method",
    "Created at",
    "Lineitem quantity",
    "Lineitem name",
    "Lineitem price",
    "Lineitem compare at price",
    "Lineitem sku",
    "Lineitem requires shipping",
    "Lineitem taxable",
    "Lineitem fulfillment status",
    "Billing Name",
    "Billing Street",
    "Billing Address1",
    "Billing Address2",
    "Billing Company",
    "Billing City",
    "Billing Zip",
    "Billing Province",
    "Billing Country",
    "Billing Phone",
    "Shipping Name",
    "Shipping Street",
    "Shipping Address1",
    "Shipping Address2",
    "Shipping Company",
    "Shipping City",
    "Shipping Zip",
    "Shipping Province",
    "Shipping Country",
    "Shipping Phone",
    "Notes",
    "Note Attributes",
    "Cancelled at",
    "Payment Method",
    "Payment Reference",
    "Refunded Amount",
    "Vendor",
    "Outstanding Balance",
    "Employee",
    "Location",
    "Device ID",
    "Id",
    "Tags",
    "Risk Level",
    "Source",
    "Lineitem discount",
    "Tax 1 Name",
    "Tax 1 Value",
    "Tax 2 Name",
    "Tax 2 Value",
]


def shopify() -> str:
    """Give the shop's orders export: one row per line of an order, the order's own columns on its first row."""
    rows = [
        _shopify_row("#1001", "AFFICHE-A2", 2, "15.00", subtotal="36.55", shipping="6.00", taxes="6.57", total="42.55")
        | {"Discount Code": "NOEL", "Discount Amount": "4.00", "Tax 1 Name": "TVA 20%", "Tax 1 Value": "5.53"}
        | {"Tax 2 Name": "TVA 5.5%", "Tax 2 Value": "1.04"},
        _shopify_line("#1001", "LIVRE-01", 1, "10.55"),
        _shopify_row("#1002", "BOL-GRES", 1, "30.00", subtotal="30.00", shipping="0.00", taxes="5.00", total="30.00")
        | {"Tax 1 Name": "TVA 20%", "Tax 1 Value": "5.00", "Refunded Amount": "30.00", "Financial Status": "refunded"},
        _shopify_row("#1003", "BOL-GRES", 1, "trente", subtotal="30.00", shipping="0.00", taxes="5.00", total="30.00")
        | {"Tax 1 Name": "TVA 20%", "Tax 1 Value": "5.00"},
        _shopify_row("#1004", "00123", 5, "1.49", subtotal="7.45", shipping="3.00", taxes="1.74", total="15.45")
        | {"Tax 1 Name": "TVA 20%", "Tax 1 Value": "1.74"},
        _shopify_row("#1005", "BOL-GRES", 3, "30.00", subtotal="90.00", shipping="0.00", taxes="0.00", total="90.00")
        | {"Currency": "USD", "Billing Country": "US", "Shipping Country": "US", "Billing Zip": "'02134"}
        | {"Billing City": "Boston", "Shipping City": "Boston", "Shipping Zip": "'02134", "Billing Name": "Ada Byron"},
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, SHOPIFY_HEADER, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _shopify_line(name: str, sku: str, quantity: int, price: str) -> dict[str, str]:
    return {
        "Name": name,
        "Email": "claire.dupont@example.com",
        "Created at": f"2026-11-{int(name[1:]) - 985:02d} 10:00:00 +0100",
        "Lineitem quantity": str(quantity),
        "Lineitem name": ARTICLES[sku][0],
        "Lineitem price": price,
        "Lineitem sku": sku,
        "Lineitem requires shipping": "true",
        "Lineitem taxable": "true",
        "Lineitem discount": "0.00",
    }


def _shopify_row(
    name: str, sku: str, quantity: int, price: str, *, subtotal: str, shipping: str, taxes: str, total: str
) -> dict[str, str]:
    place = {
        "Name": "Claire Dupont",
        "Address1": "7 allée des Tilleuls",
        "City": "Orléans",
        "Zip": "'45000",
        "Country": "FR",
    }
    return _shopify_line(name, sku, quantity, price) | {
        "Financial Status": "paid",
        "Paid at": f"2026-11-{int(name[1:]) - 985:02d} 10:00:05 +0100",
        "Currency": "EUR",
        "Subtotal": subtotal,
        "Shipping": shipping,
        "Taxes": taxes,
        "Total": total,
        "Discount Amount": "0.00",
        "Shipping Method": "Colissimo",
        "Payment Method": "Shopify Payments",
        "Refunded Amount": "0.00",
        "Outstanding Balance": "0.00",
        "Id": f"55000000{name[1:]}",
        **{f"{kind} {key}": value for kind in ("Billing", "Shipping") for key, value in place.items()},
    }


# The ERP's side -----------------------------------------------------------------------------------------------------


def articles() -> str:
    """Give the ERP's article extract."""
    rows = [
        f'"{reference}";"{label}";"{barcode}";"{rate.replace(".", ",")}";"TVA{rate.replace(".", "")}"'
        for reference, (label, barcode, rate) in ARTICLES.items()
    ]
    return "\r\n".join(["Code article;Libellé;Code barre;Taux de TVA;Code TVA", *rows, ""])


def customers() -> str:
    """Give the ERP's customer extract: one of the shop's buyers is a customer already."""
    header = "Code (tiers);Nom;E-mail (facturation);Siren;Numéro de TVA intracommunautaire"
    rows = [
        '"CL00001";"Librairie du Marché";"contact@librairie-marche.example.com";"552100554";""',
        '"CL00002";"Le Goff Gaëlle";"Client31@example.com";"";""',
    ]
    return "\r\n".join([header, *rows, ""])


def mapping_rows() -> dict[str, pd.DataFrame]:
    """Give the mappings as a bookkeeper filled them; "Paiement en 4 fois" and Belgium's rates are not there yet."""
    filled: dict[str, list[tuple[str, ...]]] = {
        "statuses": [
            ("1", "yes", "quote", "", ""),
            ("2", "yes", "order", "", "3"),
            ("4", "yes", "delivery_note", "", ""),
            ("5", "yes", "invoice", "", ""),
            ("6", "no", "", "", ""),
            ("processing", "yes", "order", "", ""),
            ("completed", "yes", "invoice", "", ""),
            ("paid", "yes", "invoice", "", ""),
            ("refunded", "yes", "invoice", "", ""),
            ("*", "no", "", "", ""),
        ],
        "territories": [
            ("FR", "*", "FRANCE", "FRANCE"),
            ("BE", "*", "INTRACOMMUNAUTAIRE", "INTRACOMMUNAUTAIRE"),
            ("*", "*", "IMPORT/EXPORT", "IMPORT/EXPORT"),
        ],
        "taxes": [
            ("*", "20", "FR", "TVA20"),
            ("*", "10", "FR", "TVA10"),
            ("*", "5.5", "FR", "TVA55"),
            ("*", "0", "*", "EXO"),
        ],
        "payment_modes": [
            ("Carte bancaire", "*", "CB", "CB", "BQ", "512000", "", "", "", "yes"),
            ("Shopify Payments", "*", "CB", "CB", "BQ", "512000", "", "", "", "yes"),
            ("Virement bancaire", "*", "VIR", "VIR", "BQ", "512000", "", "", "", "yes"),
            ("Chèque", "*", "CHQ", "CHQ", "BQ", "512000", "", "", "", "no"),
        ],
        "carriers": [("Colissimo", "COLISS")],
        "currencies": [("GBP", "GBP")],
        "titles": [],
        "discount_articles": [("TVA55", "REMISE55")],
    }
    return {
        name: pd.DataFrame(rows, columns=MAPPINGS[name].key_names + MAPPINGS[name].value_names, dtype="str")
        for name, rows in filled.items()
    }


def write(folder: Path) -> None:
    """Write all files; the workbook and the profile are left alone when they are there."""
    shops = folder / "shops"
    for name, text in prestashop().items():
        _put(shops / "lyon" / name, text.encode())
    orders, refunds = woocommerce()
    _put(shops / "web" / "orders.json", json.dumps(orders, ensure_ascii=False, indent=1).encode())
    _put(shops / "web" / "refunds_by_order.json", json.dumps(refunds, ensure_ascii=False, indent=1).encode())
    _put(shops / "intl" / "orders_export.csv", shopify().encode())
    _put(folder / "extracts" / "articles.csv", articles().encode("cp1252"))
    _put(folder / "extracts" / "customers.csv", customers().encode("cp1252"))
    if not (folder / "mappings.xlsx").exists():
        create_workbook(folder / "mappings.xlsx", mapping_rows())


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "demo")
