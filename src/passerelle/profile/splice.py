"""Write cells into an .xlsx workbook without touching anything else of it.

A spreadsheet library that reads a workbook and writes it anew loses what it does not know: pictures, shapes, text with
several colours, drop-down lists that take their values from another sheet. Here only the cells asked for are put into
the sheet's XML, at their byte positions; every other byte of every part stays as the bookkeeper's program wrote it.

All cells are written as text, so that none is ever a formula (SEC-4).

Source: spec PRO-1, ORD-45, SEC-4; ECMA-376 part 1, 18.3.1 (worksheets) and part 2 (packages).
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from itertools import count
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from defusedxml import ElementTree
from openpyxl.utils import get_column_letter
from openpyxl.utils.cell import coordinate_to_tuple, range_boundaries

Position = tuple[int, int]
"""Row and column of a cell, from 1."""


@dataclass(frozen=True, slots=True)
class Written:
    """What is written into a cell, and the cell whose style a new one takes (else its column's)."""

    text: str
    like: Position | None = None


Cells = Mapping[Position, Written]

_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
_EMPTY_SHEET = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<worksheet xmlns={namespace}><sheetData/></worksheet>'
)
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class NotSpliceableError(ValueError):
    """The workbook is written in a way that cells cannot be put into."""


def storable(text: str) -> str:
    """Give a text without the characters that no workbook can hold (control characters)."""
    return _NOT_XML.sub("", text)


def with_cells(workbook: bytes, edits: Mapping[str, Cells]) -> bytes:
    """Give the workbook with cells written; a sheet that it does not have is added at the end.

    Args:
        workbook: the .xlsx file.
        edits: by title of the sheet, what is written into empty cells; one that has a style keeps it.

    Raises:
        NotSpliceableError: a cell is not empty, a sheet is not in UTF-8, or the package has no workbook.
    """
    parts = _Package(workbook)
    for title, cells in edits.items():
        path = parts.sheets.get(title) or parts.add_sheet(title)
        parts.changed[path] = _with_cells(parts.content(path), cells)
    return parts.packed()


class _Package:
    """The parts of a workbook, by their path in the archive."""

    def __init__(self, data: bytes) -> None:
        self._archive = zipfile.ZipFile(io.BytesIO(data))
        self.changed: dict[str, bytes] = {}
        roots = [target for kind, target in self._relations("").values() if kind == "officeDocument"]
        if not roots:
            raise NotSpliceableError("the package has no workbook")
        self._workbook = roots[0]
        self.sheets = self._sheets()

    def content(self, path: str) -> bytes:
        return self.changed[path] if path in self.changed else self._archive.read(path)

    def add_sheet(self, title: str) -> str:
        main = self.content(self._workbook)
        root = ElementTree.fromstring(main).tag
        namespace = quoteattr(root[1:].partition("}")[0])
        last = max(int(number) for number in re.findall(rb'\ssheetId="(\d+)"', main))
        taken = self.changed.keys() | set(self._archive.namelist())
        number = next(number for number in count(last + 1) if f"xl/worksheets/passerelle{number}.xml" not in taken)
        path, relation = f"xl/worksheets/passerelle{number}.xml", f"passerelle{number}"
        prefix = _found(rb"\s(\w+):id=", main)[1].decode()
        self._insert(
            self._workbook, "sheets", f'sheet name={quoteattr(title)} sheetId="{number}" {prefix}:id="{relation}"'
        )
        kind = next(uri for uri in self._relation_types() if uri.endswith("/worksheet"))
        self._insert(
            _relations_path(self._workbook),
            "Relationships",
            f'Relationship Id="{relation}" Type="{kind}" Target="/{path}"',
        )
        self._insert("[Content_Types].xml", "Types", f'Override PartName="/{path}" ContentType="{_SHEET_TYPE}"')
        self.changed[path] = _EMPTY_SHEET.format(namespace=namespace).encode()
        self.sheets[title] = path
        return path

    def packed(self) -> bytes:
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry in self._archive.infolist():
                archive.writestr(copy(entry), self.content(entry.filename))
            for path in self.changed.keys() - set(archive.namelist()):
                archive.writestr(zipfile.ZipInfo(path), self.changed[path], zipfile.ZIP_DEFLATED)
        return written.getvalue()

    def _sheets(self) -> dict[str, str]:
        relations = self._relations(self._workbook)
        found = {}
        for element in ElementTree.fromstring(self.content(self._workbook)).iter():
            if _local(element.tag) == "sheet":
                ids = [value for name, value in element.attrib.items() if _local(name) == "id" and name != "id"]
                found[element.attrib["name"]] = relations[ids[0]][1]
        return found

    def _relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Give the kind and the path of each part that a part refers to, by the id it uses."""
        found = {}
        for element in ElementTree.fromstring(self.content(_relations_path(part))):
            target = posixpath.normpath(posixpath.join("/", posixpath.dirname(part), element.attrib["Target"]))
            found[element.attrib["Id"]] = (element.attrib["Type"].rpartition("/")[2], target.lstrip("/"))
        return found

    def _relation_types(self) -> list[str]:
        relations = ElementTree.fromstring(self.content(_relations_path(self._workbook)))
        return [element.attrib["Type"] for element in relations]

    def _insert(self, path: str, parent: str, element: str) -> None:
        """Write an empty element at the end of another one, under the same prefix."""
        content = self.content(path)
        end = _found(rb"</(\w+:)?" + parent.encode() + rb"\s*>", content)
        prefix = (end[1] or b"").decode()
        self.changed[path] = content[: end.start()] + f"<{prefix}{element}/>".encode() + content[end.start() :]


@dataclass(slots=True)
class _Element:
    """A row or a cell as it stands in the sheet's XML; its end tag begins at ``inner_end``."""

    number: int
    start: int
    inner_end: int = 0
    end: int = 0
    is_empty_tag: bool = False
    is_filled: bool = False
    style: str = ""
    cells: dict[int, _Element] = field(default_factory=dict)


class _Sheet:
    """Where rows and cells stand in a sheet's XML, and which styles they have."""

    def __init__(self, xml: bytes) -> None:
        self.xml = xml
        self.rows: dict[int, _Element] = {}
        self.data: _Element | None = None
        self.dimension: _Element | None = None
        self.extent = ""
        self.prefix = ""
        self.column_styles: list[tuple[range, str]] = []
        self._row = _Element(0, 0)
        self._open: list[_Element] = []
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._started
        self._parser.EndElementHandler = self._ended
        self._parser.CharacterDataHandler = self._read
        self._parser.XmlDeclHandler = self._declared
        self._parser.StartDoctypeDeclHandler = self._refused
        try:
            self._parser.Parse(xml, True)  # noqa: FBT003 - expat has no keywords
        except expat.ExpatError as error:
            raise NotSpliceableError(str(error)) from error

    def style(self, like: Position | None, column: int) -> str:
        """Give the style for a new cell: of the one it is like, else of the column."""
        if like is not None and like[0] in self.rows and like[1] in self.rows[like[0]].cells:
            return self.rows[like[0]].cells[like[1]].style
        return next((style for columns, style in self.column_styles if column in columns), "")

    def _started(self, tag: str, attributes: dict[str, str]) -> None:
        element = _Element(0, self._parser.CurrentByteIndex)
        match tag.rpartition(":")[2]:
            case "sheetData":
                self.data = element
                self.prefix = tag.removesuffix("sheetData")
            case "row" if self._open and self._open[-1] is self.data:
                element.number = int(attributes.get("r", self._row.number + 1))
                self._row = self.rows[element.number] = element
            case "c" if self._open and self._open[-1] is self._row:
                before = max(self._row.cells, default=0)
                element.number = coordinate_to_tuple(attributes["r"])[1] if "r" in attributes else before + 1
                element.style = attributes.get("s", "")
                self._row.cells[element.number] = element
            case "f" if self._open:  # a formula that shares another cell's text has none
                self._open[-1].is_filled = True
            case "dimension":
                self.dimension, self.extent = element, attributes.get("ref", "A1")
            case "col" if "min" in attributes:
                columns = range(int(attributes["min"]), int(attributes["max"]) + 1)
                self.column_styles.append((columns, attributes.get("style", "")))
        self._open.append(element)

    def _read(self, text: str) -> None:
        for element in self._open:
            element.is_filled |= not text.isspace()

    def _ended(self, tag: str) -> None:
        element = self._open.pop()
        element.inner_end = self._parser.CurrentByteIndex
        end_tag = re.compile(rb"</" + tag.encode() + rb"\s*>").match(self.xml, element.inner_end)
        # Of an empty tag (<row/>) expat tells where it is over.
        element.is_empty_tag = end_tag is None
        element.end = end_tag.end() if end_tag else element.inner_end

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding and encoding.upper() not in {"UTF-8", "US-ASCII"}:
            raise NotSpliceableError(f"the sheet is in {encoding}")

    def _refused(self, *_declaration: object) -> None:
        raise NotSpliceableError("the sheet declares a document type")


_Edit = tuple[int, int, str]
"""Start and end of a stretch of the XML, and what stands there instead."""


def _with_cells(xml: bytes, cells: Cells) -> bytes:
    sheet = _Sheet(_opened(_Sheet(xml), {row for row, _ in cells}))
    if sheet.data is None:
        raise NotSpliceableError("the sheet has no data")
    edits: list[_Edit] = []
    for number in sorted({row for row, _ in cells}):
        positions = sorted(position for position in cells if position[0] == number)
        wanted = {position[1]: _cell(sheet, position, cells[position]) for position in positions}
        if number in sheet.rows:
            edits += _in_row(sheet.rows[number], wanted)
        else:
            place = _before(sheet.rows, number, sheet.data)
            content = "".join(wanted.values())
            edits.append((place, place, f'<{sheet.prefix}row r="{number}">{content}</{sheet.prefix}row>'))
    if sheet.dimension is not None:
        edits.append((sheet.dimension.start, sheet.dimension.end, _dimension(sheet, cells)))
    return _applied(sheet.xml, edits)


def _opened(sheet: _Sheet, rows: set[int]) -> bytes:
    """Give the XML with start and end tags where cells will be put into an empty one (``<row/>``)."""
    touched = [element for number, element in sheet.rows.items() if number in rows]
    if sheet.data is not None:
        touched.append(sheet.data)
    edits: list[_Edit] = []
    for element in touched:
        if element.is_empty_tag:
            tag = _found(rb"<([\w:]+)", sheet.xml[element.start :])[1].decode()
            edits.append((element.end - 2, element.end, f"></{tag}>"))
    return _applied(sheet.xml, edits)


def _in_row(row: _Element, wanted: Mapping[int, str]) -> list[_Edit]:
    edits: list[_Edit] = []
    for column, content in wanted.items():
        if column in row.cells:
            edits.append((row.cells[column].start, row.cells[column].end, content))
        else:
            place = _before(row.cells, column, row)
            edits.append((place, place, content))
    return edits


def _before(elements: Mapping[int, _Element], number: int, parent: _Element) -> int:
    """Give where an element of a number belongs: before the next higher one, else at the end of the parent."""
    return next((elements[other].start for other in sorted(elements) if other > number), parent.inner_end)


def _cell(sheet: _Sheet, position: Position, written: Written) -> str:
    row, column = position
    present = sheet.rows[row].cells.get(column) if row in sheet.rows else None
    if present and present.is_filled:
        raise NotSpliceableError(f"{get_column_letter(column)}{row} is not empty")
    style = present.style if present else sheet.style(written.like, column)
    attributes = f'r="{get_column_letter(column)}{row}"' + (f" s={quoteattr(style)}" if style else "")
    text = escape(storable(written.text), {"\r": "&#13;"})
    x = sheet.prefix
    return f'<{x}c {attributes} t="inlineStr"><{x}is><{x}t xml:space="preserve">{text}</{x}t></{x}is></{x}c>'


def _dimension(sheet: _Sheet, cells: Cells) -> str:
    left, top, right, bottom = range_boundaries(sheet.extent)
    rows, columns = [row for row, _ in cells], [column for _, column in cells]
    first = f"{get_column_letter(min(left or 1, *columns))}{min(top or 1, *rows)}"
    last = f"{get_column_letter(max(right or 1, *columns))}{max(bottom or 1, *rows)}"
    return f'<{sheet.prefix}dimension ref="{first}:{last}"/>'


def _applied(xml: bytes, edits: list[_Edit]) -> bytes:
    """Replace each stretch of the text; edits at one place follow each other as they were asked for."""
    pieces: list[bytes] = []
    done = 0
    for start, end, content in sorted(edits, key=lambda edit: edit[:2]):
        pieces += [xml[done:start], content.encode()]
        done = end
    return b"".join([*pieces, xml[done:]])


def _relations_path(part: str) -> str:
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{name}.rels")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _found(pattern: bytes, content: bytes) -> re.Match[bytes]:
    match = re.search(pattern, content)
    if match is None:
        raise NotSpliceableError(f"no {pattern!r}")
    return match
