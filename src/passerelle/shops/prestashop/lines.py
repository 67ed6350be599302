"""The lines of orders, with their taxes.

Source: facts/shops § 1; spec ORD-23, ORD-30.
"""

from __future__ import annotations

import pandas as pd

from passerelle import money
from passerelle.exchange.texts import places
from passerelle.shops.cells import numbers
from passerelle.shops.json_records import Records
from passerelle.shops.prestashop.amounts import DECIMALS, lines_to_the_cent
from passerelle.shops.prestashop.reading import NO_ID, Reading, among, filled, ranked

_EXCLUDING_TAX = "1"


def lines_of(reading: Reading, orders: Records, header: pd.DataFrame) -> pd.DataFrame:
    """Give the lines: of the order details, or of the rows inside the orders where no details were exported."""
    rows = orders.each("order_rows")
    details = reading.of_orders("order_details", orders.keys)
    damaged = reading.export.damaged("order_details")
    if reading.given("order_details") or damaged:
        reading.require("order_details", rows.text("id"), rows.keys, field="orders.order_rows")
        lines = _detail_lines(reading, details)
    else:
        lines = _row_lines(rows)
    if damaged or not reading.given("order_details"):  # nothing tells what lines there should be
        rowless = header["order_key"][~among(header["order_key"], rows.keys)]
        reading.problems.say("export-file-missing", rowless, field="order_details")
    return ranked(_settled(lines, header), header)


def _settled(lines: pd.DataFrame, header: pd.DataFrame) -> pd.DataFrame:
    """Bring the net amounts to the cent; where nothing tells a gross amount, it is the net one."""
    owners = pd.Series(places(lines["order_key"], header["order_key"]), index=lines.index)
    tolerance = (lines["quantity"].abs() + money.ONE).groupby(owners).transform("sum") // 100  # a cent for each piece
    settled: dict[str, pd.Series] = {}
    for tax in ("excl", "incl"):
        totals = header[f"products_{tax}"].take(owners).set_axis(lines.index)
        net = lines_to_the_cent(lines[f"net_{tax}"], owners, totals, tolerance)
        settled |= {f"net_{tax}": net, f"gross_{tax}": lines[f"gross_{tax}"].fillna(net)}
    return lines.assign(**settled)


def _detail_lines(reading: Reading, details: Records) -> pd.DataFrame:
    quantity = details.number("product_quantity", required=True).fillna(0)
    excl, incl = (details.number(f"total_price_tax_{tax}", required=True).fillna(0) for tax in ("excl", "incl"))
    rate, tax_name = _taxes(reading, details)
    rate = rate.mask(rate.isna() & (excl == incl), 0)
    reference = details.text("product_reference")
    gross_excl, gross_incl = _gross(details, quantity, excl, incl, rate)
    unit = details.number("ecotax").fillna(0)
    holds = unit != 0
    ecotax = pd.Series(money.product(unit, quantity, money.SCALE), unit.index, dtype="Int64")
    return pd.DataFrame(
        {
            "order_key": details.keys,
            "line_id": details.text("id"),
            "reference": reference,
            "parent_reference": _parent(reading, details, reference),
            "label": details.text("product_name"),
            "quantity": quantity,
            "gross_excl": gross_excl,
            "gross_incl": gross_incl,
            "net_excl": excl,
            "net_incl": incl,
            "tax_rate": rate,
            "tax_name": tax_name,
            "ecotax_excl": ecotax.where(holds),
            "ecotax_rate": details.number("ecotax_tax_rate").where(holds),
            "priced_excl": details.text("tax_computation_method") == _EXCLUDING_TAX,
        }
    )


def _gross(
    details: Records, quantity: pd.Series, excl: pd.Series, incl: pd.Series, rate: pd.Series
) -> tuple[pd.Series, pd.Series]:
    """Give quantity × list price of the lines that are reduced; missing on others and where it cannot be told."""
    price = details.number("original_product_price")
    reduced = details.number("reduction_percent").gt(0) | details.number("reduction_amount").gt(0)
    told = reduced.fillna(value=False) & price.notna() & rate.notna()
    if not told.any():
        nothing = pd.Series(pd.NA, index=price.index, dtype="Int64")
        return nothing, nothing
    price, rate = price.fillna(0), rate.fillna(0)
    gross_excl = pd.Series(money.product(price, quantity, DECIMALS), dtype="Int64")
    price_incl = money.including(price, rate, money.SCALE)
    gross_incl = pd.Series(money.product(price_incl, quantity, DECIMALS), dtype="Int64")
    told &= (gross_excl.abs() >= excl.abs()) & (gross_incl.abs() >= incl.abs())
    return gross_excl.where(told), gross_incl.where(told)


def _taxes(reading: Reading, details: Records) -> tuple[pd.Series, pd.Series]:
    """Give the rate and the name of each line's tax; several taxes on a line add up."""
    links = details.each("taxes")
    found = pd.DataFrame({"line": links.parent, "id": links.text("id"), "order_key": links.keys})
    found = found[~found["id"].isin(NO_ID)].drop_duplicates(["line", "id"])
    reading.require("taxes", found["id"], found["order_key"], field="order_details.taxes")
    places, distinct = pd.factorize(found["id"])
    taxes = reading.referred("taxes", pd.Series(distinct, dtype="str"))
    taxes["number"], wrong = numbers(taxes["rate"])
    taxes["name"] = filled(taxes["name"], pd.Series(distinct, dtype="str"))
    found = found.join(taxes.assign(wrong=wrong).take(places).set_axis(found.index))
    refused = found[found["wrong"]]
    reading.problems.say("export-value-wrong", refused["order_key"], field="taxes.rate", value=refused["rate"])
    lines = range(len(details))
    several = found["line"].duplicated(keep=False)
    one, more = found[~several].set_index("line"), found[several].groupby("line")
    rate = pd.concat([one["number"], more["number"].sum(min_count=1)]).reindex(lines).astype("Int64")
    name = pd.concat([one["name"], more["name"].agg(" + ".join)]).reindex(lines).fillna("").astype("str")
    return rate, name


def _parent(reading: Reading, details: Records, reference: pd.Series) -> pd.Series:
    """Give the article's reference where the line has the one of its combination."""
    article = reading.field_of("products", details.text("product_id"), "reference")
    is_variant = ~details.text("product_attribute_id").isin(NO_ID) & (article != reference)
    return article.where(is_variant, "")


def _row_lines(rows: Records) -> pd.DataFrame:
    """Give lines without rates: the rows carry unit prices only."""
    quantity = rows.number("product_quantity", required=True).fillna(0)
    net = {}
    for tax in ("excl", "incl"):
        price = rows.number(f"unit_price_tax_{tax}", required=True).fillna(0)
        net[f"net_{tax}"] = pd.Series(money.product(price, quantity, money.SCALE), dtype="Int64")
    nothing = pd.Series([pd.NA] * len(rows), dtype="Int64")
    return pd.DataFrame(
        {
            "order_key": rows.keys,
            "line_id": rows.text("id", required=True),
            "reference": rows.text("product_reference"),
            "label": rows.text("product_name"),
            "quantity": quantity,
            "gross_excl": nothing,
            "gross_incl": nothing,
            **net,
            "tax_rate": nothing,
            "tax_name": "",
            "priced_excl": False,
        }
    )
