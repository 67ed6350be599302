"""The records of the webservice out of a table of order lines, column by column.

What a row tells by name or code instead of id gets its name or code as id. Whole columns are cut, never single rows:
an export of a hundred thousand orders takes seconds.

Source: format ``prestashop/orders_sql``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from passerelle import money
from passerelle.exchange.texts import places
from passerelle.shops.cells import LARGEST
from passerelle.shops.export import ReadOptions
from passerelle.shops.json_records import Records
from passerelle.shops.prestashop.reading import Reading
from passerelle.shops.prestashop.records import RESOURCES, Export, Found, Record, joined

Frames = Mapping[str, pd.DataFrame]
"""Records by resource: ``id`` and the fields that the rows tell, typed as the reader gives them."""

_OF_LINE = (
    "id_order_detail",
    "product_reference",
    "parent_reference",
    "product_name",
    "product_quantity",
    "unit_price_tax_incl",
    "unit_price_tax_excl",
    "total_price_tax_incl",
    "total_price_tax_excl",
    "ecotax",
    "ecotax_tax_rate",
    "tax_rate",
    "tax_name",
)
_OF_CUSTOMER = ("firstname", "lastname", "email", "company", "siret", "is_guest")
_OF_ADDRESS = (
    "lastname",
    "firstname",
    "company",
    "address1",
    "address2",
    "other",
    "postcode",
    "city",
    "phone",
    "phone_mobile",
    "vat_number",
)
_LOOKED_UP_BY_NAME = ("taxes", "currencies", "carriers", "languages", "genders", "groups", "countries", "states")
_FEW = (*_LOOKED_UP_BY_NAME, "products")
"""What an export has few of: kept as records."""
_YEARS = ("1970", "2200")


def frames_of(table: pd.DataFrame) -> Frames:
    """Cut a table of order lines into records.

    Orders and lines come as often as they are given with different contents; each thing that an order refers to comes
    once, as the last row has it. Nothing has an empty id but orders and lines.
    """
    table = table.assign(id_order=table["id_order"].str.strip())
    rows = _stripped(table[["id_order", *(name for name in _OF_LINE if name in table)]])
    orders = _distinct_orders(table.drop(columns=[*_OF_LINE, "line"], errors="ignore"))
    around = {
        "order_cart_rules": _cart_rules(orders),
        "order_payments": _payments(orders),
        "currencies": _currencies(orders),
        "carriers": _frame(orders, id="id_carrier", name="carrier"),
        "languages": _frame(orders, id="customer_language", iso_code="customer_language"),
        "genders": _frame(orders, id="customer_title", name="customer_title"),
        "groups": _frame(orders, id="customer_group", name="customer_group"),
        "customers": _customers(orders),
        "addresses": pd.concat([_addresses(orders, "billing"), _addresses(orders, "delivery")], ignore_index=True),
        "countries": _of_both_addresses(orders, "country", "iso_code"),
        "states": _of_both_addresses(orders, "state", "name"),
        "products": _frame(rows, id="parent_reference", reference="parent_reference"),
        "taxes": pd.DataFrame({"id": _tax_ids(rows), "rate": rows["tax_rate"], "name": rows["tax_name"]}),
    }
    once = {name: frame[(frame["id"] != "") & ~frame["id"].duplicated(keep="last")] for name, frame in around.items()}
    return {
        "orders": _orders(orders),
        "order_details": _details(rows),
        **{name: frame.reset_index(drop=True) for name, frame in once.items() if len(frame)},
    }


def records_of(resource: str, frame: pd.DataFrame) -> list[Record]:
    """Give records as the webservice has them: texts, under all the fields that are read."""
    declared = RESOURCES[resource]
    empty = dict.fromkeys(declared.fields, "")
    texts = [as_text(column).tolist() for _, column in frame.items()]
    records = []
    for cells in zip(*texts, strict=True):
        record: Record = {**empty, **dict(zip(frame.columns, cells, strict=True))}
        if "taxes" in declared.rows:
            tax = record.pop("tax")
            record["taxes"] = [{"id": tax}] if tax else []
        records.append({**{name: [] for name in declared.rows}, **record})
    return records


def as_text(column: pd.Series) -> pd.Series:
    """Give the cells of a column as the webservice writes them."""
    if column.dtype == "Int64":
        return money.to_text(column, money.SCALE)
    if column.dtype.kind == "M":
        return column.dt.strftime("%Y-%m-%d %H:%M:%S").fillna("").astype("str")
    return column


@dataclass(frozen=True, slots=True)
class _Columns(Records):
    """Records that stand in a frame; what is asked for by name is there as a column."""

    frame: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __len__(self) -> int:
        return len(self.frame)

    def text(self, name: str, *, required: bool = False) -> pd.Series:
        """See ``Records.text``."""
        column = as_text(self.frame[name]) if name in self.frame else self._nothing("", "str")
        if required:
            self.problems.say("export-value-missing", self.keys[column == ""], field=self.place + name)
        return column

    def number(self, name: str, *, required: bool = False, most: int = LARGEST) -> pd.Series:
        """See ``Records.number``."""
        values = self.frame[name] if name in self.frame else self._nothing(pd.NA, "Int64")
        if required:
            self.problems.say("export-value-missing", self.keys[values.isna()], field=self.place + name)
        wrong = pd.Series(np.abs(values.to_numpy(dtype=np.int64, na_value=0)) > most * money.ONE)
        if not wrong.any():
            return values
        self.say_wrong(name, wrong, as_text(values))
        return values.mask(wrong)

    def time(self, name: str, zone: str, *, required: bool = False, naive: str = "utc") -> pd.Series:  # noqa: ARG002
        """See ``Records.time``; the rows have times of the shop's zone."""
        if required:
            self.text(name, required=True)
        values = self.frame[name] if name in self.frame else self._nothing(pd.NaT, "datetime64[s]")
        wrong = (values < _YEARS[0]) | (values >= _YEARS[1])
        if not wrong.any():
            return values
        self.say_wrong(name, wrong, as_text(values))
        return values.mask(wrong)

    def each(self, name: str, *, required: bool = False) -> Records:
        """See ``Records.each``; a line has one tax, or none."""
        if name != "taxes":
            return Records.each(self, name, required=required)
        parent = np.flatnonzero(self.frame["tax"] != "")
        return _Columns(
            rows=(),
            keys=self.keys.iloc[parent].reset_index(drop=True),
            problems=self.problems,
            place=f"{self.place}{name}.",
            parent=pd.Series(parent, dtype="int64"),
            frame=pd.DataFrame({"id": self.frame["tax"].iloc[parent].reset_index(drop=True)}),
        )

    def only(self, kept: pd.Series) -> Records:
        """See ``Records.only``."""
        if kept.all():
            return self
        return replace(self, keys=self.keys[kept].reset_index(drop=True), frame=self.frame[kept].reset_index(drop=True))

    def _nothing(self, cell: object, dtype: str) -> pd.Series:
        return pd.Series(cell, index=self.keys.index, dtype=dtype)


@dataclass(frozen=True, slots=True)
class TableReading(Reading):
    """A reading of one table of order lines: what it has many of stays in columns."""

    frames: Frames = field(default_factory=dict)

    def given(self, resource: str) -> bool:
        """See ``Reading.given``."""
        return resource in self.frames or Reading.given(self, resource)

    def ids(self, resource: str) -> pd.Series:
        """See ``Reading.ids``."""
        return self.frames[resource]["id"] if resource in self.frames else Reading.ids(self, resource)

    def every(self, resource: str, owner: str = "id_order") -> Records:
        """See ``Reading.every``."""
        if resource not in self.frames:
            return Reading.every(self, resource, owner)
        frame = self.frames[resource]
        return _Columns((), self.keys(frame[owner]), self.problems, place=f"{resource}.", frame=frame)

    def referred(self, resource: str, ids: pd.Series, *names: str) -> pd.DataFrame:
        """See ``Reading.referred``."""
        if resource not in self.frames:
            return Reading.referred(self, resource, ids, *names)
        frame = self.frames[resource]
        wanted = names or RESOURCES[resource].fields
        place = places(ids, frame["id"])
        found = frame[[name for name in wanted if name in frame]].take(np.maximum(place, 0)).set_axis(ids.index)
        texts = pd.DataFrame({name: as_text(column) for name, column in found.items()}, copy=False)
        return texts.reindex(columns=list(wanted), fill_value="").where(pd.Series(place >= 0, ids.index), "", axis=0)


def reading_of(table: pd.DataFrame, parts: list[Found], options: ReadOptions) -> TableReading:
    """Begin to read a table of order lines.

    Args:
        table: typed, of format ``prestashop/orders_sql``.
        parts: what else is to be said of the file that held it; no records.
        options: of the shop.
    """
    frames = dict(frames_of(table))
    few = [(name, records_of(name, frames.pop(name))) for name in _FEW if name in frames]
    export = joined([*parts, Found(few)])
    conflicts: dict[str, dict[str, Record]] = {}
    repeated: frozenset[str] = frozenset()
    for name in ("orders", "order_details"):
        frames[name], again, conflicts[name] = _settled(name, frames[name])
        if name == "orders":
            repeated = again
    ordered = {name: _by_id(frame) for name, frame in frames.items()}
    return TableReading(
        Export(
            records=export.records,
            conflicts=conflicts,
            repeated=repeated,
            unreadable=export.unreadable,
            incomplete=export.incomplete,
            outcomes=export.outcomes,
        ),
        options,
        frames=ordered,
    )


def _settled(resource: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, frozenset[str], dict[str, Record]]:
    """Keep records once; give the ids of those that came again the same, and the first version of those that differ."""
    again = frame["id"].duplicated(keep=False)
    if not again.any():
        return frame, frozenset(), {}
    versions = frame[again].drop_duplicates()
    differing = versions["id"].isin(versions.loc[versions["id"].duplicated(), "id"])
    refused = records_of(resource, versions[differing].drop_duplicates("id"))
    kept = pd.concat([frame[~again], versions[~differing]]).reset_index(drop=True)
    return kept, frozenset(versions.loc[~differing, "id"]), {record["id"]: record for record in refused}


def _by_id(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort by id, shorter ones first: numbers by size."""
    ids = pa.array(frame["id"], type=pa.large_string())
    keys = pa.table({"length": pc.utf8_length(ids), "id": ids})
    order = pc.sort_indices(keys, [("length", "ascending"), ("id", "ascending")]).to_numpy()
    return frame.take(order).reset_index(drop=True)


def _distinct_orders(table: pd.DataFrame) -> pd.DataFrame:
    """Give what the rows tell of their orders, each content once; rows of one order mostly tell the same."""
    kept = np.zeros(len(table), bool)
    kept[:1] = True
    for column in (table[name] for name in table):
        kept[1:] |= ~_as_before(column)
    orders = _stripped(table[kept])
    several = orders["id_order"].duplicated(keep=False)
    if several.any():
        orders = orders.drop(index=orders.index[several].difference(orders[several].drop_duplicates().index))
    return orders.reset_index(drop=True)


def _as_before(column: pd.Series) -> npt.NDArray[np.bool_]:
    """Tell which cells but the first are the same as the one before."""
    cells = pa.array(column, from_pandas=True)
    this, before = cells[1:], cells[:-1]
    both_missing = pc.and_(pc.is_null(this), pc.is_null(before))
    same: npt.NDArray[np.bool_] = pc.coalesce(pc.equal(this, before), both_missing).to_numpy(zero_copy_only=False)
    return same


def _stripped(rows: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {name: column.str.strip() if column.dtype == "str" else column for name, column in rows.items()},
        index=rows.index,
        copy=False,
    )


def _frame(rows: pd.DataFrame, /, **columns: str) -> pd.DataFrame:
    """Give some columns under other names; those that a user's format lacks are left out."""
    empty = pd.Series("", index=rows.index, dtype="str")
    return pd.DataFrame({name: rows.get(source, empty) for name, source in columns.items()})


def _orders(rows: pd.DataFrame) -> pd.DataFrame:
    same = {name: name for name in RESOURCES["orders"].fields if name in rows}
    named = {"id_currency": "currency", "id_lang": "customer_language", "total_paid": "total_paid_tax_incl"}
    return _frame(rows, id="id_order", **same, **named).assign(
        id_address_invoice=rows["id_order"] + "/billing", id_address_delivery=rows["id_order"] + "/delivery"
    )


def _details(rows: pd.DataFrame) -> pd.DataFrame:
    same = {name: name for name in RESOURCES["order_details"].fields if name in rows}
    frame = _frame(rows, id="id_order_detail", **same, product_id="parent_reference")
    is_variant = (frame["product_id"] != "") & (frame["product_id"] != frame["product_reference"])
    return frame.assign(
        product_attribute_id=frame["product_reference"].where(is_variant, ""),
        tax=_tax_ids(rows),
    )


def _tax_ids(rows: pd.DataFrame) -> pd.Series:
    """Name the tax of each line by rate and name; empty where there is none."""
    taxes = rows[["tax_rate", "tax_name"]]
    codes = taxes.groupby(list(taxes.columns), sort=False, dropna=False).ngroup()
    distinct = taxes[~codes.duplicated()]
    ids = (as_text(distinct["tax_rate"]) + " " + distinct["tax_name"]).str.strip()
    ids = ids.where(distinct["tax_rate"].notna(), "")
    return ids.take(codes.to_numpy()).set_axis(rows.index)


def _cart_rules(orders: pd.DataFrame) -> pd.DataFrame:
    """Give what was deducted as two rules: what offers the shipping, and the rest."""
    nothing = pd.Series(0, index=orders.index, dtype="Int64")
    unnamed = pd.Series("", index=orders.index, dtype="str")
    whole = {tax: orders.get(f"total_discounts_tax_{tax}", nothing).fillna(0) for tax in ("excl", "incl")}
    shipping = {tax: orders.get(f"discount_shipping_tax_{tax}", nothing).fillna(0) for tax in ("excl", "incl")}
    lines = {tax: whole[tax] - shipping[tax] for tax in whole}
    rules = pd.concat(
        pd.DataFrame(
            {
                "id": orders["id_order"] + f"/{name}",
                "id_order": orders["id_order"],
                "name": orders.get(label, unnamed),
                "free_shipping": free,
                "value": value["incl"],
                "value_tax_excl": value["excl"],
            }
        ).astype({"free_shipping": "str"})
        for name, label, free, value in (
            ("shipping", "discount_shipping_name", "1", shipping),
            ("lines", "discount_name", "0", lines),
        )
    )
    return rules[(rules["value"] != 0) | (rules["value_tax_excl"] != 0)]


def _payments(orders: pd.DataFrame) -> pd.DataFrame:
    """Give what was paid as one payment: the rows tell the sum and the first date."""
    paid = orders[orders["total_paid_real"].fillna(0) != 0]
    named = {"order_reference": "reference", "amount": "total_paid_real", "payment_method": "payment"}
    return _frame(paid, id="id_order", **named, date_add="payment_date")


def _currencies(orders: pd.DataFrame) -> pd.DataFrame:
    pairs = _frame(orders, currency="currency", shop_currency="shop_currency").drop_duplicates(keep="last")
    both = pd.concat(
        pd.DataFrame({"id": pairs[name], "is_own": pairs[name] == pairs["shop_currency"]}) for name in pairs
    ).sort_index(kind="stable")
    rate = pd.Series(np.where(both["is_own"], "1", ""), index=both.index, dtype="str")
    return pd.DataFrame({"id": both["id"], "iso_code": both["id"], "conversion_rate": rate})


def _customers(orders: pd.DataFrame) -> pd.DataFrame:
    own = {name: f"customer_{name}" for name in _OF_CUSTOMER}
    frame = _frame(
        orders, id="id_customer", **own, id_gender="customer_title", id_default_group="customer_group"
    ).drop_duplicates("id", keep="last")
    is_guest = frame["is_guest"].map({True: "1", False: "0"}).fillna("").astype("str")
    return frame.assign(is_guest=is_guest)


def _addresses(orders: pd.DataFrame, kind: str) -> pd.DataFrame:
    own = {name: f"{kind}_{name}" for name in _OF_ADDRESS}
    frame = _frame(orders, **own, id_country=f"{kind}_country", id_state=f"{kind}_state")
    return frame.assign(id=orders["id_order"] + f"/{kind}")


def _of_both_addresses(orders: pd.DataFrame, what: str, name: str) -> pd.DataFrame:
    ids = pd.concat([_frame(orders, id=f"{kind}_{what}") for kind in ("billing", "delivery")])
    return ids.assign(**{name: ids["id"]})
