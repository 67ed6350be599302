"""Where a sale is for VAT: a country, or the part of one that its post codes tell and that has a VAT of its own.

The zones are a table of the project (``vat_zones.csv``), and the profile's mapping *Zones de TVA* on top of it. A zone
is named by its ISO 3166 code where it has one (RE, IC, AX, FR-20R), and says whose VAT it has: Corsica and Monaco that
of France, the Azores that of Portugal, the Canary Islands and Büsingen none of the EU.

Source: Directive 2006/112/EC art. 5 to 7, 104, 105, 120; spec ORD-40; user-asks A8, D (OSS).
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from passerelle.exchange import mappings, texts

_RULE = ["country", "postcode", "zone", "vat_country"]


@cache
def packaged(name: str) -> pd.DataFrame:
    """Give one of the tables that the project keeps beside this module, all text."""
    rows = csv.DictReader((files(__package__) / name).read_text(encoding="utf-8").splitlines(), delimiter=";")
    return pd.DataFrame(list(rows), dtype="str")


def rules(own: pd.DataFrame) -> pd.DataFrame:
    """Give all rules of zones: the profile's, then the project's for what the profile does not name.

    Args:
        own: rows of the profile's mapping; a row without zone waits for the bookkeeper.
    """
    answered = own.loc[own["zone"] != "", _RULE]
    return _with_packaged(answered) if len(answered) else _packaged_rules().copy(deep=False)


@cache
def _packaged_rules() -> pd.DataFrame:
    return _with_packaged(packaged("vat_zones.csv").loc[[], _RULE])


def _with_packaged(own: pd.DataFrame) -> pd.DataFrame:
    answered = own.replace({"postcode": {mappings.ANY: ""}})
    both = pd.concat([answered, packaged("vat_zones.csv")[_RULE]], ignore_index=True)
    for column in ("country", "zone", "vat_country"):
        both[column] = both[column].str.strip().str.upper()
    both["postcode"] = _plain(both["postcode"])
    return both.drop_duplicates(["country", "postcode"], ignore_index=True)


def of_sale(orders: pd.DataFrame, addresses: pd.DataFrame, own: pd.DataFrame, home: str) -> pd.DataFrame:
    """Tell where each order is sold to: its delivery address, else its billing address, else at the seller's.

    Args:
        orders: the orders.
        addresses: their addresses.
        own: rows of the profile's mapping of zones.
        home: the seller's country: that of an order whose addresses name none, such as a till's.

    Returns:
        ``country``, ``state``, ``zone`` and ``vat_country`` (empty outside the EU) by order key.
    """
    places = addresses[["order_key", "country", "state", "postcode"]]
    ranked = places.assign(rank=(addresses["kind"] != "delivery").astype("int64") + 2 * (places["country"] == ""))
    first = ranked.sort_values("rank", kind="stable").drop_duplicates("order_key").set_index("order_key")
    known = first[["country", "state", "postcode"]].reindex(orders["order_key"]).fillna("").astype("str")
    known["country"] = known["country"].mask(known["country"] == "", home)
    return pd.concat([known[["country", "state"]], zones(known, rules(own))], axis=1)


def zones(places: pd.DataFrame, rules_: pd.DataFrame) -> pd.DataFrame:
    """Give the zone of places: the rule with the longest start of the post code, else the country itself.

    Args:
        places: ``country`` and ``postcode``, any index.
        rules_: what ``rules`` gave.

    Returns:
        ``zone`` and ``vat_country``, same index.
    """
    as_one = texts.side_by_side(places[["country", "postcode"]], "\x1f")
    codes, _ = pd.factorize(as_one)
    distinct = places[~as_one.duplicated()]
    country, postcode = distinct["country"].str.strip().str.upper(), _plain(distinct["postcode"])
    known = pd.Index(rules_["country"] + " " + rules_["postcode"])
    best = np.full(len(distinct), -1, dtype=np.int64)
    for length in sorted(set(rules_["postcode"].str.len()), reverse=True):
        best = np.where(best < 0, known.get_indexer(country + " " + postcode.str[:length]), best)
    ruled = best >= 0
    found = pd.DataFrame(
        {
            "zone": np.where(ruled, rules_["zone"].to_numpy()[best], country),
            "vat_country": np.where(ruled, rules_["vat_country"].to_numpy()[best], ""),
        },
        dtype="str",
    )
    return found.take(codes).set_axis(places.index)


def asked(places: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """Give the country by which a mapping is asked for places, same index.

    It is the zone where the mapping names it; else the country whose VAT the zone has: Corsica is France, where nobody
    says otherwise. A zone outside the EU's VAT is never its country.

    Args:
        places: ``zone`` and ``vat_country``.
        table: rows of the mapping, with ``country``.
    """
    named = texts.among(places["zone"], table["country"].str.strip().str.upper())
    return places["zone"].where(named | (places["vat_country"] == ""), places["vat_country"])


def vat_country(country: str) -> str:
    """Give the country whose VAT a country has: its own within the EU, France for Monaco; none outside the EU."""
    known = packaged("vat_zones.csv")
    found = known.loc[(known["country"] == country) & (known["postcode"] == ""), "vat_country"]
    return str(found.iloc[0]) if len(found) else ""


def _plain(postcodes: pd.Series) -> pd.Series:
    """Give post codes as they are compared: ``F-20 000`` is ``20000``, ``bt1 1aa`` is ``BT11AA``."""
    compact = texts.replaced(postcodes.str.upper(), r"[\s\pZ.-]", "")
    return texts.replaced(compact, r"^[A-Z]{1,2}([0-9]{4,})$", r"\1")
