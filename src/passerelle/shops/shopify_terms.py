"""What Shopify's words mean, in its CSV export and in its APIs alike.

Source: facts/shops § 3, § 13.
"""

from __future__ import annotations

import pandas as pd

_PAID = ("paid", "partially_refunded", "refunded")
_UNPAID = ("pending", "authorized", "voided", "expired")


def status_of(financial: pd.Series, cancelled: pd.Series) -> pd.Series:
    """Give the order's status: its financial status in lower case, or ``cancelled``."""
    return financial.str.lower().mask(cancelled, "cancelled")


def paid_total(total: pd.Series, financial: pd.Series, outstanding: pd.Series) -> pd.Series:
    """Give what was paid so far, refunds apart (``Int64``); missing where the shop does not tell.

    Args:
        total: what was charged.
        financial: the financial status.
        outstanding: what is still to be paid; missing where the export does not have it.
    """
    status = financial.str.lower()
    by_status = total.astype("Int64").where(status.isin(_PAID)).mask(status.isin(_UNPAID), 0)
    return by_status.fillna(total - outstanding)
