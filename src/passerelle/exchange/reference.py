"""Reference templates: ``Web %OI - %CF %CL`` (ORD-13)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from passerelle.exchange import texts

CODES: Mapping[str, str] = {
    "%OI": "order_id",
    "%OR": "order_reference",
    "%IN": "invoice_number",
    "%CF": "first_name",
    "%CL": "last_name",
    "%CO": "company",
    "%PM": "payment_mode",
    "%SH": "shop",
    "%RI": "refund_id",
}
"""The template codes and the columns they stand for."""

_CODE = re.compile("(%%|%[A-Z]{2})")


class UnknownTemplateCodeError(ValueError):
    """A template has a code that does not exist; the message names it and the known ones."""

    def __init__(self, template: str, code: str) -> None:
        super().__init__(f"{template!r}: {code} is no template code; known: {', '.join(CODES)}")
        self.template = template
        self.code = code


def check(template: str) -> None:
    """Say whether a template can be used.

    Raises:
        UnknownTemplateCodeError: it has a code that does not exist (ORD-13).
    """
    for code in _CODE.findall(template):
        if code not in CODES and code != "%%":
            raise UnknownTemplateCodeError(template, code)


def named(orders: pd.DataFrame, buyers: pd.DataFrame, addresses: pd.DataFrame) -> pd.DataFrame:
    """Give the orders with the buyer's names for the templates; the billing address's where he has none.

    Args:
        orders: the orders.
        buyers: the buyers by customer key.
        addresses: the orders' addresses.
    """
    names = ["first_name", "last_name", "company"]
    buyer = buyers[names].reindex(orders["customer_key"]).fillna("").set_axis(orders.index)
    billing = addresses.loc[addresses["kind"] == "billing", ["order_key", *names]]
    billing = billing.drop_duplicates("order_key").set_index("order_key")
    address = billing.reindex(orders["order_key"]).fillna("").set_axis(orders.index)
    nameless = (buyer["last_name"] == "") & (buyer["company"] == "")
    return orders.assign(**{name: buyer[name].where(~nameless, address[name]).astype("str") for name in names})


def fill(template: str, orders: pd.DataFrame) -> pd.Series:
    """Write the template for each order; blanks that an empty value leaves at the ends or doubled are taken out.

    Args:
        template: text with the codes of ``CODES``; ``%%`` is a percent sign.
        orders: has the columns that the codes stand for.

    Raises:
        UnknownTemplateCodeError: see ``check``.
    """
    check(template)
    text = pd.Series("", index=orders.index, dtype="str")
    for part in _CODE.split(template):
        text = text + (orders[CODES[part]].astype("str") if part in CODES else part.replace("%%", "%"))
    return texts.replaced(text, r"[\s\pZ]+", " ").str.strip()
