"""One reading of an export: its records column by column, what they refer to, and what is said on the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.exchange.texts import places
from passerelle.shops.cells import Problems
from passerelle.shops.export import ReadOptions, order_key
from passerelle.shops.json_records import Records
from passerelle.shops.prestashop.records import RESOURCES, Export, Record

NO_ID = ("", "0")
"""What stands for no record."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The records of an export, and what is said of the orders that need them."""

    export: Export
    options: ReadOptions
    problems: Problems = field(default_factory=Problems)

    def keys(self, order_ids: Iterable[str]) -> pd.Series:
        """Give the keys of orders."""
        ids = order_ids if isinstance(order_ids, pd.Series) else pd.Series(list(order_ids), dtype="str")
        return order_key(self.options.shop, "") + ids

    def given(self, resource: str) -> bool:
        """Tell whether a resource stands in the files, if only without records."""
        return resource in self.export.records

    def rows(self, resource: str) -> list[Record]:
        """Give the records of a resource by id."""
        return sorted(
            self.export.records.get(resource, {}).values(), key=lambda record: (len(record["id"]), record["id"])
        )

    def ids(self, resource: str) -> pd.Series:
        """Give the ids of the records of a resource."""
        return pd.Series(list(self.export.records.get(resource, ())), dtype="str")

    def every(self, resource: str, owner: str = "id_order") -> Records:
        """Give the records of a resource by id, under the keys of what their field ``owner`` names."""
        rows = self.rows(resource)
        keys = self.keys(row[owner] for row in rows)
        return Records(rows, keys, self.problems, place=f"{resource}.")

    def of_orders(self, resource: str, keys: pd.Series) -> Records:
        """Give the records of a resource that belong to some orders (their ``id_order``) by id."""
        for record in self.export.conflicts.get(resource, {}).values():
            owner = self.keys([record["id_order"]])
            self.problems.say("export-record-conflict", owner[owner.isin(keys)], field=resource, value=record["id"])
        found = self.every(resource)
        return found.only(among(found.keys, keys))

    def say_orderless(self, resource: str) -> None:
        """Say which orders have records of a resource although they are not given themselves."""
        orders = {*self.export.records.get("orders", ()), *self.export.conflicts.get("orders", ())}
        owners = {row["id_order"] for row in self.rows(resource)}
        self.problems.say("export-order-missing", self.keys(sorted(owners - orders)), field=resource)

    def require(self, resource: str, ids: pd.Series, keys: pd.Series, *, field: str) -> None:
        """Say of orders which record they need and do not have.

        Args:
            resource: what they refer to.
            ids: the record each refers to.
            keys: the order that does.
            field: the field that does.
        """
        none = ids.isin(NO_ID)
        self.problems.say("export-value-missing", keys[none], field=field)
        if not self.given(resource):
            self.problems.say("export-file-missing", keys[~none], field=resource)
            return
        in_conflict = ids.isin(list(self.export.conflicts.get(resource, ())))
        missing = ~none & ~in_conflict & ~among(ids, self.ids(resource))
        self.problems.say("export-record-missing", keys[missing], field=resource, value=ids[missing])
        self.problems.say("export-record-conflict", keys[in_conflict], field=resource, value=ids[in_conflict])

    def referred(self, resource: str, ids: pd.Series, *names: str) -> pd.DataFrame:
        """Give some fields, or all, of the records referred to, as texts; empty where they are not given."""
        places, distinct = pd.factorize(ids)
        records = self.export.records.get(resource, {})
        found = [records.get(one, {}) for one in distinct]
        texts = {
            name: pd.Series([self._in_language(one.get(name, "")) for one in found], dtype="str")
            for name in names or RESOURCES[resource].fields
        }
        return pd.DataFrame(texts).take(places).set_axis(ids.index)

    def field_of(self, resource: str, ids: pd.Series, name: str) -> pd.Series:
        """Give one field of the records referred to; see ``referred``."""
        return self.referred(resource, ids, name)[name]

    def iso_code(self, resource: str, ids: pd.Series, keys: pd.Series, *, field: str) -> pd.Series:
        """Give the ISO code of the currency or country that each order needs; see ``require``."""
        self.require(resource, ids, keys, field=field)
        codes = self.field_of(resource, ids, "iso_code")
        lacking = (codes == "") & among(ids, self.ids(resource))
        self.problems.say("export-value-missing", keys[lacking], field=f"{resource}.iso_code")
        return codes

    def _in_language(self, text: str | dict[str, str]) -> str:
        if isinstance(text, str):
            return text
        wanted = self.options.language.lower()
        languages = self.export.records.get("languages", {})
        ids = [wanted, *(one for one, language in languages.items() if language["iso_code"].lower() == wanted)]
        return next((text[one] for one in ids if one in text), next(iter(text.values())))


def among(texts: pd.Series, others: pd.Series) -> pd.Series:
    """Tell which texts stand in another column; ``isin`` takes every text of the other apart."""
    met = pc.is_in(pa.array(texts, pa.large_string()), value_set=pa.array(others, pa.large_string()))
    return pd.Series(met.to_numpy(zero_copy_only=False), index=texts.index)


def ranked(frame: pd.DataFrame, header: pd.DataFrame) -> pd.DataFrame:
    """Put rows in the order of their orders, and number them within each from 1 (``position``)."""
    rank = places(frame["order_key"], header["order_key"])
    order = rank.argsort(kind="stable")
    ordered = frame.take(order).reset_index(drop=True)
    return ordered.assign(position=ordered.groupby(rank[order]).cumcount() + 1)


def id_of(records: Records, name: str) -> pd.Series:
    """Give an id; empty where it is 0, which stands for none."""
    ids = records.text(name)
    return ids.mask(ids == "0", "")


def filled(texts: pd.Series, otherwise: pd.Series) -> pd.Series:
    """Give a text, or another where it is empty."""
    return texts.where(texts != "", otherwise)
