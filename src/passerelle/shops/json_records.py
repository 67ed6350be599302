"""JSON exports of shops: what a file holds, and its objects read column by column.

Numbers are kept as the text that stands in the file: no binary float is made on the way.

Source: design.md decision 2; spec SEC-4.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from passerelle import money
from passerelle.model.orders import SalesOrders
from passerelle.outcome import none, together
from passerelle.shops.cells import LARGEST, Problems, local_times, numbers
from passerelle.shops.export import ExportFile, ReadOptions, of_file, order_key, unpacked
from passerelle.shops.tables import given_again, without

Object = dict[str, Any]
_SHOWN = 80


class UnreadableError(Exception):
    """A file gives no records; ``code`` (of the messages) and ``value`` say why."""

    def __init__(self, code: str, value: str = "") -> None:
        super().__init__(f"{code} {value}")
        self.code = code
        self.value = value


def take_all(files: Iterable[ExportFile], platform: str, take: Callable[[str, Any], None]) -> pd.DataFrame:
    """Hand the name and content of each JSON file on; give the outcomes of those that cannot be read.

    Args:
        files: not packed.
        platform: named in the outcomes.
        take: may raise ``UnreadableError``.
    """
    outcomes = []
    for file in files:
        try:
            take(file.name, document(file))
        except UnreadableError as error:
            outcomes.append(of_file(error.code, file.name, value=error.value, platform=platform))
        except RecursionError as error:  # nested deeper than any shop's answer
            outcomes.append(of_file("export-broken", file.name, value=shown(str(error))))
    return together(outcomes)


class Given(Protocol):
    """What a platform's files hold of orders, as it is taken in file by file."""

    orders: list[Object]
    remarks: list[pd.DataFrame]

    def take(self, name: str, content: Any) -> None:
        """Take in what one file holds; may raise ``UnreadableError``."""
        ...


def read_documents(
    platform: str,
    files: Iterable[ExportFile],
    options: ReadOptions,
    given: Given,
    tables: Callable[[Records], dict[str, pd.DataFrame]],
) -> SalesOrders:
    """Read a platform's orders from JSON files, packed or not.

    Args:
        platform: named in the outcomes.
        files: the files.
        options: the profile's.
        given: takes in what they hold.
        tables: makes the canonical tables of the orders, each given once; what is wrong is said to their problems.
    """
    plain, packing = unpacked(files)
    unreadable = take_all(plain, platform, given.take)
    records, repeated = once(given.orders, options.shop)
    problems = Problems()
    keys = pd.Series([order_key(options.shop, identity(record)) for record in records], dtype="str")
    made = tables(Records(records, keys, problems))
    outcomes = together([packing, unreadable, *given.remarks, repeated, problems.outcomes()])
    return without(SalesOrders(**made, outcomes=outcomes), problems.refused()).check()


def document(file: ExportFile) -> Any:
    """Give what a JSON file holds, numbers as text.

    Raises:
        UnreadableError: it is empty, a web page, no JSON, or damaged JSON.
    """
    head = _head(file.data)
    if not head:
        raise UnreadableError("export-empty")
    if head.startswith(b"<") and b"<html" in head:
        raise UnreadableError("export-web-page")
    if head[:1] not in {b"{", b"["}:
        raise UnreadableError("export-not-recognised")
    try:
        return json.loads(file.data, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("export-broken", shown(str(error))) from error


def is_document(data: bytes) -> bool:
    """Tell whether a file claims to be JSON or a web page; an empty one counts as such."""
    return _head(data)[:1] in {b"", b"{", b"[", b"<"}


def _head(data: bytes) -> bytes:
    return data[:1024].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").lower()


def shown(value: object) -> str:
    """Show a value in an outcome, cut where it is long."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        text = "…"
    return _clean(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")


def same(one: Object, other: Object) -> bool:
    """Tell whether two objects have the same content; what is nested too deep to be compared is taken as different."""
    try:
        return one == other
    except RecursionError:
        return False


def identity(record: Mapping[str, Any], name: str = "id") -> str:
    """Give the id of an object; empty where it has none."""
    value = record.get(name)
    return _clean(value.strip()) if isinstance(value, str) else ""


def numbered(items: Iterable[Any], file: str, kind: str) -> tuple[list[Object], pd.DataFrame]:
    """Keep the objects that have an id; the outcome says how many others the file has."""
    given = list(items)
    kept = [item for item in given if isinstance(item, dict) and identity(item)]
    lost = len(given) - len(kept)
    return kept, of_file("export-record-without-id", file, value=kind, count=lost) if lost else none()


def unused(file: str, content: Any) -> pd.DataFrame:
    """Say that a file holds nothing that orders need."""
    first = content[0] if isinstance(content, list) and content else content
    return of_file("export-unused", file, value=shown(", ".join(first) if isinstance(first, dict) else first))


def once(records: Iterable[Object], shop: str, record_type: str = "order") -> tuple[list[Object], pd.DataFrame]:
    """Give the records of all files each once, sorted by id.

    Returns:
        The records; the outcomes of those given several times. Of different contents none is taken.
    """
    versions: dict[str, list[Object]] = {}
    for record in records:
        versions.setdefault(identity(record), []).append(record)
    ids = sorted(versions, key=lambda one: one.zfill(20))
    conflicting = [one for one in ids if not all(same(record, versions[one][0]) for record in versions[one])]
    kept = [one for one in ids if one not in set(conflicting)]
    repeated = [one for one in kept if len(versions[one]) > 1]
    alike, differently = ([order_key(shop, one) for one in ids] for ids in (repeated, conflicting))
    return [versions[one][0] for one in kept], given_again(alike, differently, record_type)


@dataclass(frozen=True, slots=True)
class Records:
    """JSON objects of one kind that belong to orders; each method gives one field of all of them as a column.

    A value of the wrong kind is said of its order (``export-value-wrong``), and the column is empty there.

    Attributes:
        rows: the objects.
        keys: of each, the key of its order.
        problems: takes what was wrong.
        place: where the objects stand in the order, for the field names in outcomes: ``line_items.``.
        entities: texts carry HTML entities, as WordPress writes them.
        parent: of each, the number of the row it stands in (of nested objects).
        position: of each, its rank in that row, from 1.
    """

    rows: Sequence[Object]
    keys: pd.Series
    problems: Problems
    place: str = ""
    entities: bool = False
    parent: pd.Series | None = None
    position: pd.Series | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def text(self, name: str, *, required: bool = False) -> pd.Series:
        """Give a field as text without blanks around; absent, null, false and empty are all ``""``."""
        cells = [row.get(name) for row in self.rows]
        self._refuse(name, [isinstance(cell, list | dict) and len(cell) > 0 for cell in cells], cells)
        column = _texts([cell.strip() if isinstance(cell, str) else _scalar(cell) for cell in cells])
        if self.entities and (marked := column.str.contains("&", regex=False)).any():
            column = column.where(~marked, column[marked].map(html.unescape).reindex(column.index)).astype("str")
        if required:
            lacking = column == ""
            self.problems.say("export-value-missing", self.keys[lacking], field=self.place + name)
        return column

    def joined(self, name: str) -> pd.Series:
        """Give a list of texts as one text."""
        cells = [row.get(name) for row in self.rows]
        lists = [cell if isinstance(cell, list) else [] for cell in cells]
        return _texts([" + ".join(one for one in texts if isinstance(one, str)) for texts in lists])

    def number(self, name: str, *, required: bool = False, most: int = LARGEST) -> pd.Series:
        """Give a field as millionths (``Int64``); missing where it is empty, not a number, or beyond ``most`` units."""
        text = self.text(name, required=required)
        values, wrong = numbers(text)
        wrong |= np.abs(values.to_numpy(dtype=np.int64, na_value=0)) > most * money.ONE
        if not wrong.any():
            return values
        self.say_wrong(name, wrong, text)
        return values.mask(wrong)

    def time(
        self, name: str, zone: str, *, required: bool = False, naive: Literal["utc", "local"] = "utc"
    ) -> pd.Series:
        """Give a field as time in a zone; see ``local_times``."""
        text = self.text(name, required=required)
        values, wrong = local_times(text, zone, naive=naive)
        self.say_wrong(name, wrong, text)
        return values

    def flag(self, name: str) -> pd.Series:
        """Give a field as flag: true where the file says ``true``."""
        return self.text(name).str.lower().isin(["true", "yes", "1"])

    def has(self, name: str) -> pd.Series:
        """Tell which objects have a field, be it empty, that is not null."""
        return pd.Series([row.get(name) is not None for row in self.rows], dtype="bool")

    def part(self, name: str) -> Records:
        """Give the object that stands in a field, row by row; an empty one where there is none."""
        cells = [row.get(name) for row in self.rows]
        self._refuse(name, [not isinstance(cell, dict) and not _is_empty(cell) for cell in cells], cells)
        parts = [cell if isinstance(cell, dict) else {} for cell in cells]
        return replace(self, rows=parts, place=f"{self.place}{name}.")

    def each(self, name: str, *, required: bool = False) -> Records:
        """Give the objects of the list that stands in a field, all rows' together."""
        cells = [row.get(name) for row in self.rows]
        if required:
            lacking = pd.Series([cell is None for cell in cells], dtype="bool")
            self.problems.say("export-value-missing", self.keys[lacking], field=self.place + name)
        lists = [_objects(cell) for cell in cells]
        self._refuse(name, [not one and not _is_empty(cell) for one, cell in zip(lists, cells, strict=True)], cells)
        counts = [len(one) for one in lists]
        parent = np.repeat(np.arange(len(lists)), counts)
        return Records(
            rows=[row for one in lists for row in one],
            keys=self.keys.iloc[parent].reset_index(drop=True),
            problems=self.problems,
            place=f"{self.place}{name}.",
            entities=self.entities,
            parent=pd.Series(parent, dtype="int64"),
            position=pd.Series([rank for count in counts for rank in range(1, count + 1)], dtype="int64"),
        )

    def rows_where(self, kept: pd.Series) -> list[Object]:
        """Give the objects themselves, some of them."""
        return [row for row, keep in zip(self.rows, kept, strict=True) if keep]

    def only(self, kept: pd.Series) -> Records:
        """Keep some of the objects; their columns are numbered anew from 0."""
        return replace(
            self,
            rows=self.rows_where(kept),
            keys=self.keys[kept].reset_index(drop=True),
            parent=None if self.parent is None else self.parent[kept].reset_index(drop=True),
            position=None if self.position is None else self.position[kept].reset_index(drop=True),
        )

    def _refuse(self, name: str, wrong: list[bool], cells: list[Any]) -> None:
        if any(wrong):
            values = pd.Series([shown(cell) if bad else "" for bad, cell in zip(wrong, cells, strict=True)])
            self.say_wrong(name, pd.Series(wrong, dtype="bool"), values)

    def say_wrong(self, name: str, wrong: pd.Series, values: pd.Series) -> None:
        """Say that a field is wrong where ``wrong``, with its value."""
        if wrong.any():
            self.problems.say(
                "export-value-wrong", self.keys[wrong], field=self.place + name, value=values[wrong].map(shown)
            )


def _objects(cell: Any) -> list[Object]:
    """Give a list of objects; an empty one where it is anything else."""
    return cell if isinstance(cell, list) and all(isinstance(one, dict) for one in cell) else []


def _scalar(cell: Any) -> str:
    return "true" if cell is True else ""


def _is_empty(cell: Any) -> bool:
    """Tell what stands for nothing; PHP writes an absent object as ``[]``, ``""`` or ``false``."""
    return cell is None or cell is False or cell in ("", [], {})


def _texts(cells: list[str]) -> pd.Series:
    try:
        return pd.Series(cells, dtype="str")
    except UnicodeEncodeError:
        return pd.Series([_clean(cell) for cell in cells], dtype="str")


def _clean(text: str) -> str:
    """Put ``?`` for a lone half of a surrogate pair, which no encoding can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def attached(
    orders: Records, given: Iterable[tuple[str, Object]], name: str, shop: str, nested: Records | None = None
) -> Records:
    """Give the records that belong to orders and stand in files of their own, each once, sorted by order, then id.

    A record of an order that is not at hand is said; of one that is given with different contents the order is refused.

    Args:
        orders: the orders at hand.
        given: the records, each with the id of its order.
        name: what they are, for the outcomes.
        shop: name of the shop.
        nested: records of the same kind that stand in the orders themselves.
    """
    rank = {key: place for place, key in enumerate(orders.keys)}
    own = [] if nested is None else list(zip(nested.keys, nested.rows, strict=True))
    by_id: dict[tuple[str, str], Object] = {}
    strangers, conflicts = set(), []
    for key, record in [*own, *((order_key(shop, order_id), record) for order_id, record in given)]:
        if key not in rank:
            strangers.add(key)
        elif not same(by_id.setdefault((key, identity(record)), record), record):
            conflicts.append((key, identity(record)))
    orders.problems.say("export-order-missing", pd.Series(sorted(strangers), dtype="str"), field=name)
    for key, record_id in conflicts:
        orders.problems.say("export-record-conflict", pd.Series([key]), field=name, value=record_id)
    found = sorted(by_id, key=lambda place: (rank[place[0]], place[1].zfill(20)))
    keys = pd.Series([key for key, _ in found], dtype="str")
    rows = [by_id[place] for place in found]
    return Records(rows, keys, orders.problems, place=f"{name}.", entities=orders.entities)


def each_once(items: Records, name: str = "id") -> Records:
    """Keep each line of an order once: some shops' exports give a line twice that the order's total counts once.

    The same line with the same content is remarked; with different contents its order is refused.

    Args:
        items: the lines.
        name: the field with their id.
    """
    line_id = items.text(name, required=True)
    places = list(zip(items.keys, line_id, strict=True))
    again = pd.Series(pd.Index(places).duplicated(), dtype="bool") & (line_id != "")
    if not again.any():
        return items
    first = dict(zip(reversed(places), reversed(items.rows), strict=True))
    equal = pd.Series([same(row, first[place]) for place, row in zip(places, items.rows, strict=True)], dtype="bool")
    for code, wrong in (("line-repeated", again & equal), ("line-conflict", again & ~equal)):
        items.problems.say(code, items.keys[wrong], field=f"{items.place}{name}", value=line_id[wrong])
    return items.only(~again)
