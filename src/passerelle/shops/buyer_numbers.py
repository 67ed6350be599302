"""VAT number and SIRET that a shop asks its buyers for, in fields whose names its owner chose.

Source: facts/shops § 3, § 5, § 6.
"""

from __future__ import annotations

import pandas as pd

from passerelle.shops.json_records import Records
from passerelle.shops.tables import looked_up

VAT_NUMBER_NAMES = ("vat number", "vat_number", "vat", "numéro de tva", "n° tva", "tva intracommunautaire")
"""Names of the field with the VAT number, in lower case."""
SIRET_NAMES = ("siret", "numéro de siret", "n° siret")


def buyer_numbers(entries: Records, keys: pd.Series, name: str = "name") -> pd.DataFrame:
    """Give the numbers that stand in fields named like them, the first that is filled.

    Args:
        entries: the fields of orders, each with its name and its ``value``.
        keys: the orders.
        name: where an entry has its name.

    Returns:
        ``vat_number`` and ``siret``, same rows as ``keys``.
    """
    names, value = entries.text(name).str.lower(), entries.text("value")
    columns = {}
    for column, accepted in (("vat_number", VAT_NUMBER_NAMES), ("siret", SIRET_NAMES)):
        found = pd.DataFrame({"key": entries.keys, "value": value})[names.isin(accepted) & (value != "")]
        columns[column] = looked_up(keys, found.drop_duplicates("key").set_index("key")["value"])
    return pd.DataFrame(columns)
