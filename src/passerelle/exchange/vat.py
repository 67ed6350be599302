"""VAT of what was sold: the rate where the shop does not tell it, the ERP's VAT code, the territory of the sale.

Source: spec ORD-40, ORD-41, INV-1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import mappings, territory, texts
from passerelle.exchange.options import OrderOptions

GROUP = ["order_key", "tax_rate", "vat_code"]
"""What the ERP sums VAT by: rate and code, within a document."""
_PART = ["order_key", "label", "tax_name", "tax_rate"]


@dataclass(frozen=True, slots=True)
class Coded:
    """Lines and charges with a rate and a VAT code each; what could not be told is in the outcomes."""

    lines: pd.DataFrame
    charges: pd.DataFrame
    outcomes: pd.DataFrame
    unknown: pd.DataFrame


def completed(amounts: pd.DataFrame, columns: list[tuple[str, str]]) -> pd.DataFrame:
    """Fill the amount that the shop does not give from the one it gives, by the rate; both missing stay missing.

    Args:
        amounts: has ``tax_rate`` and the columns named.
        columns: pairs of an amount excluding and the same including tax.
    """
    filled = amounts.copy()
    rate = filled["tax_rate"].fillna(0).to_numpy(dtype=np.int64)
    for without, with_ in columns:
        excl, incl = filled[without], filled[with_]
        from_incl = money.excluding(incl.fillna(0).to_numpy(dtype=np.int64), rate, money.SCALE)
        from_excl = money.including(excl.fillna(0).to_numpy(dtype=np.int64), rate, money.SCALE)
        filled[without] = excl.where(excl.notna() | incl.isna(), pd.Series(from_incl, filled.index, dtype="Int64"))
        filled[with_] = incl.where(incl.notna() | excl.isna(), pd.Series(from_excl, filled.index, dtype="Int64"))
    return filled


def coded(
    lines: pd.DataFrame,
    charges: pd.DataFrame,
    countries: pd.DataFrame,
    ruled_by_nobody: pd.Series,
    table: pd.DataFrame,
    options: OrderOptions,
) -> Coded:
    """Give every line and charge its VAT rate and the ERP's VAT code (ORD-41).

    A rate the shop does not tell is the ERP article's (``article_tax_rate`` of the line); a charge's is the one rate
    of the order that explains its two amounts, else the profile's. An unknown rate refuses the order, it never becomes
    a default. The VAT of a country whose rates nobody knows has the code of a row that names that country, and no
    other one: 20 % is not the same tax there.

    Args:
        lines: article lines.
        charges: charges.
        countries: where each order is sold to, by order key (``territory.of_sale``).
        ruled_by_nobody: by order key, whether that is such a country (``oss.ruled_by_nobody``).
        table: rows of the mapping.
        options: rate of charges, default code.
    """
    lines = lines.assign(tax_rate=lines["tax_rate"].fillna(lines["article_tax_rate"]).astype("Int64"))
    charges = _charge_rates(lines, charges)
    if options.charge_tax_rate is not None:
        charges["tax_rate"] = charges["tax_rate"].fillna(money.of(options.charge_tax_rate))
    parts = pd.concat([lines[_PART], charges[_PART]], ignore_index=True)
    place = texts.places(parts["order_key"], countries.index)
    asked = pd.DataFrame(
        {
            "tax_name": _tax_names(parts),
            "tax_rate": _percent(parts["tax_rate"]),
            "country": territory.asked(countries, table).array.take(place),
        }
    )
    told = parts["tax_rate"].notna()
    rateless = parts[~told]
    said = [
        outcome.said(
            "unknown-tax-rate",
            rateless["order_key"],
            record_type="order",
            stage="map",
            field="tax_rate",
            value=rateless["label"],
        )
    ]
    codes = pd.Series("", parts.index, dtype="str")
    foreign = (parts["tax_rate"].fillna(0) > 0) & texts.among(parts["order_key"], countries.index[ruled_by_nobody])
    naming = table[table["country"].str.strip() != mappings.ANY]
    new = []
    for asking, rows, default in (
        (told & ~foreign, table, options.defaults.get("taxes")),
        (told & foreign, naming, None),
    ):
        found = mappings.find(mappings.TAXES, rows, asked[asking], default)
        codes[asking] = found.answers["vat_code"]
        said.append(mappings.refusals(mappings.TAXES, found, asked[asking], parts.loc[asking, "order_key"]))
        new.append(found.unknown)
    rates = parts["tax_rate"].fillna(0).to_numpy(dtype=np.int64)
    return Coded(
        lines=lines.assign(tax_rate=rates[: len(lines)], vat_code=codes.to_numpy()[: len(lines)]),
        charges=charges.assign(tax_rate=rates[len(lines) :], vat_code=codes.to_numpy()[len(lines) :]),
        outcomes=outcome.together(said),
        unknown=pd.concat(new, ignore_index=True),
    )


def territories(
    orders: pd.DataFrame,
    countries: pd.DataFrame,
    taxed: pd.Series,
    table: pd.DataFrame,
    options: OrderOptions,
) -> tuple[pd.Series, pd.DataFrame, pd.DataFrame]:
    """Give the territory of each sale: with tax, or without where no tax was charged (ORD-40).

    Args:
        orders: the orders.
        countries: where each order is sold to, by order key (``territory.of_sale``).
        taxed: by order key, whether any VAT was charged.
        table: rows of the mapping.
        options: whether the state counts.

    Returns:
        Territory by order key; outcomes; new values.
    """
    known = countries.loc[orders["order_key"]]
    asked = pd.DataFrame({"country": territory.asked(known, table), "state": known["state"]}).set_axis(orders.index)
    if not options.state_in_territory:
        asked = asked.assign(state="")
        table = table[table["state"].isin(["", mappings.ANY])].assign(state="")
    found = mappings.find(mappings.TERRITORIES, table, asked, options.defaults.get("territories"))
    with_tax = taxed.reindex(orders["order_key"]).fillna(value=False).astype(bool).set_axis(orders.index)
    untaxed = found.answers["without_tax"].where(found.answers["without_tax"] != "", found.answers["with_tax"])
    answer = found.answers["with_tax"].where(with_tax, untaxed).set_axis(orders["order_key"])
    return answer, mappings.refusals(mappings.TERRITORIES, found, asked, orders["order_key"]), found.unknown


def _charge_rates(lines: pd.DataFrame, charges: pd.DataFrame) -> pd.DataFrame:
    """Give a charge without rate the rate of its order's lines that turns its net amount into its gross one."""
    charges = charges.copy()
    free = charges["tax_rate"].isna() & (charges["amount_excl"] == charges["amount_incl"])
    charges.loc[free.fillna(value=False), "tax_rate"] = 0
    open_ = charges[charges["tax_rate"].isna() & charges["amount_excl"].notna() & charges["amount_incl"].notna()]
    if open_.empty:
        return charges
    rates = lines.loc[lines["tax_rate"].notna(), ["order_key", "tax_rate"]].drop_duplicates()
    tried = open_.reset_index()[["index", "order_key", "amount_excl", "amount_incl", "decimals"]].merge(
        rates, on="order_key"
    )
    told = tried["amount_incl"].to_numpy(dtype=np.int64)
    computed = money.including(
        tried["amount_excl"].to_numpy(dtype=np.int64),
        tried["tax_rate"].to_numpy(dtype=np.int64),
        tried["decimals"],
    )
    tried["distance"] = np.abs(computed - told)
    near = tried[tried["distance"] <= money.smallest(tried["decimals"])].sort_values(["distance", "tax_rate"])
    near = near.drop_duplicates("index").set_index("index")
    charges.loc[near.index, "tax_rate"] = near["tax_rate"]
    return charges


def _tax_names(parts: pd.DataFrame) -> pd.Series:
    """Give a part without tax name the one that its order has at the same rate: carriers often have a rate only."""
    by = ["order_key", "tax_rate"]
    is_named = parts["tax_name"] != ""
    nameless = parts.loc[~is_named, by]
    if nameless.empty:
        return parts["tax_name"]
    named = parts[is_named & parts["tax_rate"].notna() & texts.among(parts["order_key"], nameless["order_key"])]
    found = nameless.merge(named.drop_duplicates(by)[[*by, "tax_name"]], how="left").set_axis(nameless.index)
    return parts["tax_name"].mask(~is_named, found["tax_name"].fillna("").astype("str"))


def _percent(rates: pd.Series) -> pd.Series:
    """Write rates as the mapping shows them: ``20``, ``5.5``."""
    codes, distinct = pd.factorize(rates)
    written = [*(money.shortest(rate) for rate in distinct), ""]  # a missing rate has the code -1, the last one
    return pd.Series(np.array(written, dtype=object)[codes], rates.index, dtype="str")
