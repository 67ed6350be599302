"""Documents of the PrestaShop webservice: what resource they are, and their records.

A document is XML or JSON, of one record (``<order>``, ``{"order": {…}}``), of a list (``<orders>``,
``{"orders": […]}``, ``[]`` when empty) or of several of these together. Both give the same records: of each, the fields
that are read, as texts without blanks around them (absent, null and empty are all ``""``), nested rows, and translated
texts by language id.

Source: facts/shops § 1; spec SEC-4.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import pandas as pd
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from passerelle.shops.export import ExportFile, of_file
from passerelle.shops.json_records import UnreadableError, document, shown
from passerelle.shops.prestashop.records import RESOURCES, Found, Record, Resource, Sections

_LISTS: Mapping[str, str] = {
    **{name: name for name in RESOURCES},
    "order_discounts": "order_cart_rules",  # their name in PrestaShop 1.6
}
_SINGLES: Mapping[str, str] = {
    **{resource.single: name for name, resource in RESOURCES.items()},
    "order_discount": "order_cart_rules",
}
_NAMES: Mapping[str, str] = {**_LISTS, **_SINGLES}
_A_NAME = re.compile('[<"](' + "|".join(_NAMES) + ')[ />"]')
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def is_document(data: bytes) -> bool:
    """Tell a file that claims to be XML, JSON or HTML from another; an empty file counts as one."""
    return _head(data)[:1] in {"", "<", "{", "["}


def found_in(file: ExportFile, resources: Mapping[str, Resource] = RESOURCES) -> Found:
    """Give the records of a document by resource; one that cannot be read is an outcome.

    Args:
        file: the document.
        resources: the fields that are read; the resources are those of ``RESOURCES``.
    """
    try:
        sections = _sections(file.data)
        for name, raw in sections:
            _check_content(name, raw)
    except UnreadableError as error:
        said = of_file(error.code, file.name, value=error.value, platform="PrestaShop")
        lost = frozenset() if error.code == "export-not-recognised" else frozenset({_first_named(file.data)})
        return Found(outcomes=(said,), unreadable=lost)
    found: Sections = []
    outcomes: list[pd.DataFrame] = []
    lost_of: set[str] = set()
    for name, raw in sections:
        if name not in _NAMES:
            continue
        resource = _NAMES[name]
        numbered = [record for record in raw if _is_id(record.get("id"))]
        if lost_count := len(raw) - len(numbered):
            lost_of.add(resource)
            outcomes.append(of_file("export-record-without-id", file.name, value=name, count=lost_count))
        found.append((resource, [_record(resources[resource], record) for record in numbered]))
    if sections and not found:
        outcomes.append(of_file("export-unused", file.name, value=", ".join(sorted({name for name, _ in sections}))))
    return Found(found, tuple(outcomes), frozenset(lost_of))


def _check_content(name: str, raw: Sequence[Record]) -> None:
    fields = {field for record in raw for field in record}
    if raw and fields <= {"id"} and name in _NAMES and RESOURCES[_NAMES[name]].fields:
        raise UnreadableError("export-ids-only", name)
    if raw and _NAMES.get(name) == "orders" and fields.isdisjoint(("id_currency", "current_state")):
        raise UnreadableError("export-not-recognised")  # other platforms have orders too


def _head(data: bytes) -> str:
    """Give the beginning of a document as text, without byte order mark and blanks."""
    encoding = "utf-16" if data.startswith(_UTF_16) else "utf-8-sig"
    return data.lstrip()[:1024].decode(encoding, "replace").lstrip()


def _first_named(data: bytes) -> str:
    """Give the resource whose name stands first in a document; empty when none does."""
    name = _A_NAME.search(_head(data))
    return _NAMES[name[1]] if name else ""


def _sections(data: bytes) -> Sequence[tuple[str, Sequence[Record]]]:
    """Give the raw records of a document under the names they have in it; unknown names without records."""
    head = _head(data)
    if not head:
        raise UnreadableError("export-empty")
    if head[0] in "{[":
        return _json_sections(data)
    if head[0] != "<":
        raise UnreadableError("export-not-recognised")
    if "<prestashop" not in head and re.search("<html|<!doctype html", head, re.IGNORECASE):
        raise UnreadableError("export-web-page")
    return _xml_sections(data.lstrip())


def _json_sections(data: bytes) -> Sequence[tuple[str, Sequence[Record]]]:
    content = document(ExportFile("", data))
    if content == []:
        return []
    if isinstance(content, dict) and isinstance(content.get("prestashop"), dict):
        content = content["prestashop"]
    if not isinstance(content, dict):
        raise UnreadableError("export-not-recognised")
    if "errors" in content:
        raise UnreadableError("export-webservice-error", _errors(_rows(content["errors"])))
    sections = [(shown(name), _rows(value)) for name, value in content.items()]
    if not any(name in _NAMES or any("id" in row for row in rows) for name, rows in sections):
        raise UnreadableError("export-not-recognised")
    return sections


def _xml_sections(data: bytes) -> Sequence[tuple[str, Sequence[Record]]]:
    try:
        root = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise UnreadableError("export-with-entities") from error
    except ParseError as error:
        raise UnreadableError("export-broken", "XML, {}:{}".format(*error.position)) from error
    except (LookupError, ValueError) as error:  # an encoding that is unknown, or not the one declared
        raise UnreadableError("export-broken", "XML") from error
    if root.tag != "prestashop" and root.tag not in _NAMES:
        raise UnreadableError("export-not-recognised")
    sections = list(root) if root.tag == "prestashop" else [root]
    for section in sections:
        if section.tag == "errors":
            raise UnreadableError("export-webservice-error", _errors([_raw(error) for error in section]))
    return [
        (section.tag, [_raw(element) for element in ([section] if section.tag in _SINGLES else section)])
        for section in sections
    ]


def _errors(errors: Sequence[Record]) -> str:
    return shown("; ".join(f"{_text(error.get('code'))} {_text(error.get('message'))}".strip() for error in errors))


def _raw(element: Element) -> Record:
    """Give an XML record the shape that the same record has in JSON."""
    if not len(element):
        return {"id": element.get("id", "")}
    return {child.tag: _raw_value(child) for child in element}


def _raw_value(element: Element) -> Any:
    if not len(element):
        return element.text
    if element.tag == "associations":
        return {rows.tag: [{cell.tag: cell.text for cell in row} for row in rows] for rows in element}
    return [{"id": text.get("id"), "value": text.text} for text in element]


def _rows(value: Any) -> list[Record]:
    """Give the records of a JSON value: a list, one record, or either of them under its single name."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(inner := next(iter(value.values())), dict | list):
        value = inner
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list):
        return [row if isinstance(row, dict) else {"id": row} for row in value]
    return []


def _record(resource: Resource, raw: Record) -> Record:
    record: Record = {"id": _text(raw["id"])}
    for name in resource.fields:
        record[name] = (_translated if name in resource.translated else _text)(raw.get(name))
    associations = raw.get("associations")
    for name, fields in resource.rows.items():
        rows = _rows(associations.get(name)) if isinstance(associations, dict) else []
        record[name] = [{cell: _text(row.get(cell)) for cell in fields} for row in rows]
    return record


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    text = value.strip() if isinstance(value, str) else ""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()  # JSON can write half a character
    if text.startswith("0000-00-00"):
        return ""
    return text.replace("\r\n", "\n")  # as XML has it


def _translated(value: Any) -> str | dict[str, str]:
    """Give a text, or its versions by language id: ``[{"id": "1", "value": "…"}, …]``, also under ``language``."""
    if isinstance(value, dict):
        value = value.get("language")
    versions = [value] if isinstance(value, dict) else value
    if not isinstance(versions, list):
        return _text(versions)
    texts = {_text(one.get("id")): _text(one.get("value")) for one in versions if isinstance(one, dict)}
    return texts if len(texts) > 1 else next(iter(texts.values()), "")


def _is_id(value: Any) -> bool:
    return bool(re.fullmatch("[0-9]{1,18}", _text(value)))
