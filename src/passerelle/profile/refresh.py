"""Which values of a shop's orders the mappings have no row for.

Source: spec PRO-2 (refresh), ORD-45.
"""

from __future__ import annotations

from datetime import date

import pandas as pd

from passerelle.exchange.customers import ACCOUNT_COLUMNS
from passerelle.exchange.orders import Context, exchange_orders
from passerelle.exchange.selection import Window
from passerelle.model.orders import SalesOrders
from passerelle.profile.settings import Profile
from passerelle.profile.workbook import Mappings

_EXCHANGED = ("record_key", "content_hash", "document_kind", "document_number", "file_name")


def new_values(profile: Profile, sales: SalesOrders, mappings: Mappings, today: date) -> dict[str, pd.DataFrame]:
    """Give the values that a run over all these orders would ask for and not find.

    Orders whose status is not selected ask for nothing, as in a run; those with a status that has no row yet do.

    Args:
        profile: its settings.
        sales: the orders.
        mappings: rows of the mappings.
        today: the day of the run.

    Returns:
        By mapping, the key columns of the new values: what ``workbook.add_new_values`` takes.
    """
    context = Context(
        orders=profile.orders,
        customers=profile.customers,
        mappings=mappings,
        articles=None,
        erp_customers=None,
        accounts=pd.DataFrame(columns=list(ACCOUNT_COLUMNS), dtype="str"),
        exchanged=pd.DataFrame(columns=list(_EXCHANGED), dtype="str"),
        days=Window(),
        today=today,
    )
    return exchange_orders(sales, context).new_values
