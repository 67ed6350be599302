"""Is the VAT that a shop charged one that exists? By the place of the sale and the day.

The rate that the shop applied is taken as it is, and looked up in a table of the project with dates (``vat_rates.csv``)
and the profile's mapping *Taux de TVA* on top of it. A rate that is in neither never becomes another one: the order is
refused, or remarked. Of a country of which neither has any rate, the shop's word is taken, and remarked: nobody keeps a
table of the world's sales taxes.

Source: European Commission, Taxes in Europe Database; Directive 2006/112/EC art. 33, 138; spec ORD-40, ORD-41;
user-asks A8, A24, D (OSS).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pandas as pd
import stdnum.eu.vat

from passerelle import money, outcome
from passerelle.exchange import mappings, territory, texts
from passerelle.exchange.options import VatOptions
from passerelle.model.orders import SalesOrders

_EVER = {"valid_from": pd.Timestamp("1900-01-01"), "valid_to": pd.Timestamp("2999-12-31")}
_CODES = {
    "refuse": ("unknown-vat-rate", "untaxed-without-vat-number"),
    "remark": ("vat-rate-to-check", "untaxed-sale-to-check"),
}


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found.

    Attributes:
        outcomes: refusals and remarks of orders; rows of the profile's mapping that cannot be read.
        unknown: keys of rates that were met and that no table has, for the mapping (ORD-45).
    """

    outcomes: pd.DataFrame
    unknown: pd.DataFrame


def checked(
    sales: SalesOrders, places: pd.DataFrame, rates: pd.DataFrame, own: pd.DataFrame, options: VatOptions
) -> Checked:
    """Check the VAT of orders.

    Args:
        sales: the orders, with addresses and buyers.
        places: where each is sold to, by order key (``territory.of_sale``).
        rates: ``order_key`` and ``tax_rate`` of everything that was sold.
        own: rows of the profile's mapping *Taux de TVA*.
        options: the seller's country, and what an unknown rate or a sale without VAT does.
    """
    table, unreadable = known_rates(own)
    places = places.loc[sales.orders["order_key"]]
    home = territory.vat_country(options.country)
    abroad = (places["vat_country"] != "") & (places["vat_country"] != home) & (home != "")
    of_orders = rates[texts.among(rates["order_key"], sales.orders["order_key"])]
    taxed = of_orders[of_orders["tax_rate"] > 0].drop_duplicates()
    met = _dated(taxed, sales.orders, _rated(places, abroad, table, options))
    wrong = met[~_exists(met, table)]
    is_foreign = texts.among(wrong["country"], places.loc[_ruled_by_nobody(places, table), "zone"])
    foreign, wrong = wrong[is_foreign], wrong[~is_foreign]
    untaxed = abroad & ~texts.among(places.index.to_series(), taxed["order_key"])
    return Checked(
        outcome.together(
            [
                unreadable,
                _unknown_rates(wrong, table, options),
                _foreign_rates(foreign, options),
                _without_number(_exempt(sales, places[untaxed], table), sales, home, options),
            ]
        ),
        _new_rates(wrong, own, options),
    )


def ruled_by_nobody(places: pd.DataFrame, own: pd.DataFrame, options: VatOptions) -> pd.Series:
    """Tell which sales are to a country whose rates nobody knows: neither the program's tables nor the profile.

    Args:
        places: where each order is sold to, by order key (``territory.of_sale``).
        own: rows of the profile's mapping *Taux de TVA*.
        options: who accepts any rate wants none of them told apart.
    """
    if options.unknown_rate == "accept":
        return pd.Series(data=False, index=places.index)
    return _ruled_by_nobody(places, known_rates(own)[0])


def _ruled_by_nobody(places: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    known = pd.concat([table["country"], territory.packaged("vat_zones.csv")["zone"]]).drop_duplicates()
    return (places["zone"] != "") & (places["vat_country"] == "") & ~texts.among(places["zone"], known)


def known_rates(own: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give all rates that are known: the project's, but of a place and rate that the profile names, the profile's.

    Args:
        own: rows of the profile's mapping; a row without kind waits for the bookkeeper.

    Returns:
        ``country``, ``tax_rate``, ``valid_from``, ``valid_to`` (both days included); an outcome for each row of the
        profile whose rate or dates cannot be read: it is not used.
    """
    ours, answered = _packaged_rates(), own[own["rate_kind"] != ""]
    if answered.empty:
        return ours.copy(deep=False), outcome.none()
    theirs, unreadable = _read(answered)
    by = ["country", "tax_rate"]
    replaced = pd.MultiIndex.from_frame(ours[by]).isin(pd.MultiIndex.from_frame(theirs[by]))
    said = outcome.said(
        "vat-rate-row-unreadable",
        texts.side_by_side(unreadable[["country", "tax_rate", "valid_from", "valid_to"]], " / "),
        record_type="mapping",
        stage="map",
        field=mappings.VAT_RATES.fr,
    )
    return pd.concat([theirs, ours[~replaced]], ignore_index=True), said


@cache
def _packaged_rates() -> pd.DataFrame:
    return _read(territory.packaged("vat_rates.csv").rename(columns={"zone": "country"}))[0]


def _read(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the texts of a table of rates; the rows that cannot be read come second."""
    rate, wrong = _numbers(rows["tax_rate"])
    read = {"country": rows["country"].str.strip().str.upper(), "tax_rate": rate}
    wrong |= rate.isna()
    for column, ever in _EVER.items():
        text = rows[column].str.strip().replace(mappings.ANY, "")
        day = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")
        day = day.fillna(pd.to_datetime(text, format="%d/%m/%Y", errors="coerce"))
        wrong |= day.isna() & (text != "")
        read[column] = day.fillna(ever).astype("datetime64[s]")
    table = pd.DataFrame(read)[~wrong].astype({"tax_rate": "int64"}).reset_index(drop=True)
    return table, rows[wrong]


def _numbers(rates: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Read rates as people write them: ``5,5`` and ``5.50``; see ``money.parse``."""
    return money.parse(texts.replaced(rates, ",", "."))


def _rated(places: pd.DataFrame, abroad: pd.Series, table: pd.DataFrame, options: VatOptions) -> pd.Series:
    """Tell whose rates each order may have: those of its zone where it has its own, else of the zone's country."""
    own = texts.among(places["zone"], table["country"])
    rated = places["zone"].where(own | (places["vat_country"] == ""), places["vat_country"])
    at_home = (rated == "") | (abroad & (options.distance_sales == "origin"))
    return rated.mask(at_home, options.country)


def _dated(taxed: pd.DataFrame, orders: pd.DataFrame, rated: pd.Series) -> pd.DataFrame:
    """Give each order's rates with the place whose they are, and the days of order and of invoice.

    An order without any date has the rates that have no end.
    """
    by_key = orders.set_index("order_key")
    ordered = by_key["created_at"].fillna(by_key["invoiced_at"]).fillna(_EVER["valid_to"]).dt.normalize()
    days = pd.DataFrame({"ordered": ordered, "invoiced": by_key["invoiced_at"].dt.normalize().fillna(ordered)})
    return taxed.assign(country=rated.reindex(taxed["order_key"]).to_numpy()).join(days, on="order_key")


def _exists(met: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """Tell which rates were in force in their place: on the day of the order, or on that of its invoice."""
    by = ["country", "tax_rate", "ordered", "invoiced"]
    distinct = met[by].drop_duplicates()
    joined = distinct.merge(table, on=["country", "tax_rate"])
    in_force = [
        ((joined["valid_from"] <= joined[day]) & (joined[day] <= joined["valid_to"])) for day in ("ordered", "invoiced")
    ]
    known = pd.MultiIndex.from_frame(joined.loc[in_force[0] | in_force[1], by])
    return pd.Series(pd.MultiIndex.from_frame(met[by]).isin(known), met.index)


def _unknown_rates(wrong: pd.DataFrame, table: pd.DataFrame, options: VatOptions) -> pd.DataFrame:
    """Say which rates their place did not have on that day, and which it had."""
    if options.unknown_rate == "accept":
        return outcome.none()
    return outcome.said(
        _CODES[options.unknown_rate][0],
        wrong["order_key"],
        record_type="order",
        stage="map",
        field="tax_rate",
        value=[money.shortest(rate) for rate in wrong["tax_rate"]],
        country=wrong["country"],
        day=_written(wrong["ordered"]).replace("", "?"),
        known=_in_force(wrong[["country", "ordered"]], table),
    )


def _foreign_rates(foreign: pd.DataFrame, options: VatOptions) -> pd.DataFrame:
    """Remark the rates of countries whose rates nobody knows."""
    if options.unknown_rate == "accept":
        return outcome.none()
    return outcome.said(
        "vat-rate-of-unknown-country",
        foreign["order_key"],
        record_type="order",
        stage="map",
        field="tax_rate",
        value=[money.shortest(rate) for rate in foreign["tax_rate"]],
        country=foreign["country"],
    )


def _in_force(asked: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """Write the rates that each place has on a day: ``24, 13, 9``."""
    met = asked.drop_duplicates().merge(table, on="country")
    met = met[(met["valid_from"] <= met["ordered"]) & (met["ordered"] <= met["valid_to"])]
    rates = met.groupby(["country", "ordered"])["tax_rate"].unique()
    written = {
        key: ", ".join(money.shortest(rate) for rate in sorted(found, reverse=True)) for key, found in rates.items()
    }
    return [written.get(key, "—") for key in asked.itertuples(index=False, name=None)]


def _new_rates(wrong: pd.DataFrame, own: pd.DataFrame, options: VatOptions) -> pd.DataFrame:
    """Give the keys of rates that were met and not found, since the first day they were met: rows for the mapping.

    A rate that a row names already, waiting or with other dates, is none of them.
    """
    names = mappings.VAT_RATES.key_names
    if options.unknown_rate == "accept":
        return pd.DataFrame(columns=names, dtype="str")
    first = wrong.sort_values("ordered").drop_duplicates(["country", "tax_rate"])
    rates = _numbers(own["tax_rate"])[0].fillna(-1).astype("int64")
    named = pd.MultiIndex.from_arrays([own["country"].str.strip().str.upper(), rates])
    first = first[~pd.MultiIndex.from_frame(first[["country", "tax_rate"]]).isin(named)]
    new = pd.DataFrame(
        {
            "country": first["country"],
            "tax_rate": [money.shortest(rate) for rate in first["tax_rate"]],
            "valid_from": _written(first["ordered"]),
        },
        dtype="str",
    )
    return new.sort_values(names, ignore_index=True)


def _written(days: pd.Series) -> pd.Series:
    """Write days; empty where an order has none."""
    return days.dt.strftime("%Y-%m-%d").mask(days == _EVER["valid_to"], "").astype("str")


def _exempt(sales: SalesOrders, untaxed: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Keep the orders that were sold for money and without VAT to a place without a rate of 0 in the tables."""
    charged = sales.orders.loc[sales.orders["charged_total"] != 0, "order_key"]
    zero = table.loc[table["tax_rate"] == 0, "country"]
    is_zero_rated = texts.among(untaxed["zone"], zero) | texts.among(untaxed["vat_country"], zero)
    return untaxed[texts.among(untaxed.index.to_series(), charged) & ~is_zero_rated]


def _without_number(untaxed: pd.DataFrame, sales: SalesOrders, home: str, options: VatOptions) -> pd.DataFrame:
    """Say which sales without VAT within the EU have no buyer with a VAT number of another member state.

    The number is the buyer's or that of one of the order's addresses; it is checked by its own rules, without asking
    anybody.
    """
    if options.untaxed_without_number == "accept" or untaxed.empty:
        return outcome.none()
    orders = sales.orders[texts.among(sales.orders["order_key"], untaxed.index)]
    told = pd.concat(
        [
            orders[["order_key", "customer_key"]].merge(sales.parties, on="customer_key"),
            sales.addresses[texts.among(sales.addresses["order_key"], untaxed.index)],
        ]
    )
    told = told.loc[told["vat_number"] != "", ["order_key", "vat_number"]].drop_duplicates()
    countries = untaxed["vat_country"].reindex(told["order_key"])
    numbers = list(zip(told["vat_number"], countries, strict=True))
    states = {one: member_state(*one) for one in set(numbers)}
    good = told.loc[[states[one] not in {"", home} for one in numbers], "order_key"]
    wrong = untaxed[~texts.among(untaxed.index.to_series(), good)]
    given = texts.by_group(told["vat_number"], told["order_key"], ", ").reindex(wrong.index).fillna("—")
    return outcome.said(
        _CODES[options.untaxed_without_number][1],
        wrong.index,
        record_type="order",
        stage="map",
        field="vat_number",
        value=given,
        country=wrong["zone"],
    )


def member_state(number: str, country: str) -> str:
    """Give the member state of a VAT number; empty when it is none.

    Args:
        number: as the shop holds it; buyers often leave the letters of the country out.
        country: the country whose letters are tried then.
    """
    for written in (number, f"{country}{number}"):
        if stdnum.eu.vat.is_valid(written):
            state = str(stdnum.eu.vat.compact(written))[:2]
            return "GR" if state == "EL" else state
    return ""
