"""Which tasks a profile offers: those of orders unless they are switched off, others where a shop has their table.

Source: spec PRO-3.
"""

from __future__ import annotations

from collections.abc import Mapping

from passerelle.profile.settings import Profile

TABLES: Mapping[str, str] = {
    "prospects": "customers",
    "articles": "articles",
    "new-articles": "articles",
    "stocks": "stock",
    "prices": "prices",
    "activation": "activation",
    "images": "images",
    "documents": "documents",
    "customers": "accounts",
    "customer-groups": "groups",
    "statuses": "statuses",
    "tables": "tables",
    "quotes-to-shop": "quotes",
}
"""By task, the table of a shop that switches it on."""
OF_ORDERS = ("orders", "quotes", "credit-notes", "settlements")
"""What ``orders.enabled`` switches; what is in neither every profile offers."""


def offers(profile: Profile, task: str) -> bool:
    """Tell whether a profile offers a task."""
    if task in OF_ORDERS:
        return profile.orders.enabled
    table = TABLES.get(task)
    return table is None or any(getattr(shop, table) for shop in profile.shops)
