"""The mappings as the bookkeeper keeps them: a workbook with a sheet each, or a folder with a CSV file each.

People type in them at any time. What the program adds are rows at the end, marked new; nothing that stands in the file
is ever touched, the file is replaced as a whole, and left alone while somebody has it open.

Source: spec PRO-1, ORD-2, ORD-40 to 45, SEC-4.
"""

from __future__ import annotations

import csv
import os
import shutil
import warnings
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import pandas as pd
from openpyxl import Workbook, load_workbook
from openpyxl.cell.cell import Cell as OpenedCell
from openpyxl.cell.cell import MergedCell
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from passerelle.exchange.mappings import ANY, MAPPINGS, MappingTable, find
from passerelle.messages import Language, system
from passerelle.outcome import none, said, together
from passerelle.profile import csv_files, splice
from passerelle.profile.cells import CHOICES, plain, possible, written
from passerelle.profile.mapping_files import csv_files_in, mapping_files, mapping_of
from passerelle.profile.sheets import (
    NEW_COLUMN,
    NEW_MARK,
    NOTHING,
    Cell,
    Header,
    Sheet,
    columns_of,
    header_of,
    mapping_rows,
    nearest,
)
from passerelle.profile.splice import Cells, Written

MEGABYTE = 1024 * 1024
UNPACKED_LIMIT = 200 * MEGABYTE
"""What a workbook may hold in all, unpacked (SEC-4)."""

Mappings = dict[str, pd.DataFrame]
"""Rows of each mapping by its name: key and value columns, text."""

UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    csv.Error,
    SyntaxError,  # XML that is none
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    NotImplementedError,
)
"""What reading bytes raises that are no workbook or CSV file: openpyxl promises no errors of its own."""
_TEXT_FORMAT = "@"
_HEADER_FONT = Font(bold=True)
_HEADER_FILL = PatternFill("solid", fgColor="DDE7F0")
_VALIDATED_ROWS = 10_000


def read_mappings(path: Path) -> tuple[Mappings, pd.DataFrame]:
    """Read every mapping of a workbook, or of a folder of CSV files.

    Sheets are recognised by their French title or the mapping's name, columns by their French or English title or
    their name, without regard to case and accents. Other sheets and columns are the bookkeeper's own. A cell is the
    text one sees in it; yes and no and document kinds, in French or English, become their canonical words.

    Returns:
        All of ``MAPPINGS``, without rows where there is no sheet. And outcomes of record type ``mapping``, whose
        record names file, sheet and cell: while one has failed, the mappings must not be used.
    """
    sheets, problems = sheets_of(path)
    found = {name: mapping.empty() for name, mapping in MAPPINGS.items()}
    for name, sheet in sheets.items():
        rows, wrong = mapping_rows(MAPPINGS[name], sheet)
        found[name] = rows.reset_index(drop=True)
        problems = together([problems, wrong])
    return found, problems


def create_workbook(path: Path, rows: Mapping[str, pd.DataFrame] | None = None, *, language: Language = "fr") -> None:
    """Write a new workbook (or a new folder of CSV files, when the path has no ending) with a sheet per mapping.

    Cells are formatted as text, so that Excel leaves codes such as ``00123`` as they are typed; yes/no and document
    kinds have drop-down lists.

    Args:
        path: where; must not exist.
        rows: rows of the mappings that have some, key and value columns.
        language: of titles and words.

    Raises:
        FileExistsError: there is something at the path.
        OSError: it cannot be written.
    """
    if path.exists():
        raise FileExistsError(path)
    tables = {name: mapping.empty() for name, mapping in MAPPINGS.items()} | dict(rows or {})
    if not path.suffix:
        path.mkdir(parents=True)
        for name, mapping in MAPPINGS.items():
            replace_file(path / f"{name}.csv", csv_files.with_cells(b"", _table(mapping, tables[name], language)))
        return
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    edits = {}
    for name, mapping in MAPPINGS.items():
        title = mapping.fr  # in either language: messages and pages call the sheet so
        _lay_out(workbook.create_sheet(title), mapping, language)
        edits[title] = _table(mapping, tables[name], language)
    data = BytesIO()
    workbook.save(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, splice.with_cells(data.getvalue(), edits))


def add_new_values(
    path: Path, values: Mapping[str, pd.DataFrame], *, language: Language = "fr"
) -> tuple[int, pd.DataFrame]:
    """Add values met in a shop as rows that wait for the bookkeeper: keys filled, values empty, marked new (ORD-45).

    A value whose keys stand in the sheet already is not added, so that saying it again changes nothing. A sheet or
    file that is missing is made. Nothing is written when there is nothing to add.

    Args:
        path: the workbook or the folder; made when there is none.
        values: by mapping, the key columns of the values met.
        language: of a workbook that has to be made.

    Returns:
        How many rows were added; outcomes of record type ``mapping``: one per row added, and what kept others from
        being added (the file is open, or cannot be read or written).
    """
    try:
        if not path.exists():
            create_workbook(path, language=language)
        return _added(path, values, language)
    except PermissionError:
        return 0, said_of_file("mapping-file-open", path)
    except OSError as error:
        return 0, said_of_file("mapping-file-not-written", path, error)


def _added(path: Path, values: Mapping[str, pd.DataFrame], language: Language) -> tuple[int, pd.DataFrame]:
    seen = {file: file.stat() for file in mapping_files(path)}
    sheets, problems = sheets_of(path)
    if len(problems):
        return 0, problems
    edits: dict[Path, dict[str, Cells]] = defaultdict(dict)
    added: dict[Path, list[pd.DataFrame]] = defaultdict(list)
    for name, keys in values.items():
        mapping = MAPPINGS[name]
        titles: Cells = {} if name in sheets else _titles(mapping, language)
        sheet = sheets.get(name) or _titled(path, mapping, titles)
        rows, wrong = mapping_rows(mapping, sheet)
        header = header_of(mapping, sheet)
        if header is None or sheet.place in set(wrong["record"]):  # what is wrong with the sheet as a whole
            problems = together([problems, wrong])
            continue
        new = _new_keys(mapping, rows, keys)
        if len(new):
            file = path / sheet.place if path.is_dir() else path
            edits[file][sheet.title] = {**titles, **_new_rows(sheet, header, new)}
            added[file].append(_listed(mapping, sheet, header, new))
    for file, sheets_of_file in edits.items():
        try:
            replace_file(file, edited(file, sheets_of_file), seen.get(file))
        except PermissionError:
            added[file] = [said_of_file("mapping-file-open", file)]
        except OSError as error:
            added[file] = [said_of_file("mapping-file-not-written", file, error)]
        except UNREADABLE:
            added[file] = [said_of_file("mapping-file-not-edited", file)]
    outcomes = together([problems, *(said_ for of_file in added.values() for said_ in of_file)])
    return int((outcomes["code"] == "mapping-value-added").sum()), outcomes


def edited(file: Path, edits: Mapping[str, Cells]) -> bytes:
    """Give a file of the mappings with cells written, by title of the sheet; see ``splice.with_cells``."""
    data = file.read_bytes() if file.exists() else b""
    if file.suffix.lower() == ".csv":
        (cells,) = edits.values()
        return csv_files.with_cells(data, cells)
    return splice.with_cells(data, edits)


def _new_keys(mapping: MappingTable, rows: pd.DataFrame, met: pd.DataFrame) -> pd.DataFrame:
    """Give the values met that no row names: a ``*`` row names none.

    A value without any text cannot be shown, and one that is ``*`` itself would mean all others.
    """
    shown = met[mapping.key_names].astype("str").map(splice.storable)
    texts = shown.map(str.strip)
    shown = shown[(texts != "").any(axis=1) & (texts != ANY).all(axis=1)]
    named = rows[~(rows[mapping.key_names] == ANY).any(axis=1)]
    answering = named.assign(**dict.fromkeys(mapping.value_names, "answered"))
    return find(mapping, answering, shown).unknown


def _new_rows(sheet: Sheet, header: Header, keys: pd.DataFrame) -> Cells:
    """Give the cells of new rows below all others; they look like the row above, not like the header."""
    cells: dict[splice.Position, Written] = {}
    new = header.new or sheet.width + 1
    if not header.new:
        cells[header.row, new] = Written(NEW_COLUMN[header.language], like=(header.row, new - 1))
    above = sheet.last_row if sheet.last_row > header.row else None
    for number, row in enumerate(keys.to_dict("records"), sheet.last_row + 1):
        texts = {
            header.columns[str(name)]: written(str(name), str(text), header.language) for name, text in row.items()
        } | {new: NEW_MARK[header.language]}
        for column, text in texts.items():
            if text:
                cells[number, column] = Written(text, like=(above, column) if above else None)
    return cells


def _listed(mapping: MappingTable, sheet: Sheet, header: Header, keys: pd.DataFrame) -> pd.DataFrame:
    letter = get_column_letter(header.columns[mapping.key_names[0]])
    return said(
        "mapping-value-added",
        [f"{sheet.place}!{letter}{sheet.last_row + 1 + position}" for position in range(len(keys))],
        record_type="mapping",
        stage="map",
        field=mapping.fr,
        value=shown_keys(keys),
    )


def shown_keys(keys: pd.DataFrame) -> list[str]:
    """Name values by their keys: ``paypal / EUR``."""
    shown = keys.apply(lambda column: column.map(lambda text: written(str(column.name), text, "fr") or "—"))
    return [" / ".join(row) for row in shown.itertuples(index=False)]


def sheets_of(path: Path) -> tuple[dict[str, Sheet], pd.DataFrame]:
    """Read the sheets that hold mappings, by the mapping's name."""
    files = mapping_files(path)
    if not files and not path.is_dir():
        return {}, said("mapping-file-missing", [path.name], record_type="mapping", stage="read", value=str(path))
    found: dict[str, Sheet] = {}
    others = {file.name: file.stem for file in csv_files_in(path) if file not in files} if path.is_dir() else {}
    problems = []
    for file in files:
        try:
            if path.is_file():
                sheets, own = _of_workbook(file)
                others |= {f"{file.name}, {title}": title for title in own}
            else:
                sheets = [csv_files.sheet_of(file.name, file.read_bytes())]
        except OSError as error:
            problems.append(said_of_file("mapping-file-refused", file, error))
            continue
        except UNREADABLE:
            problems.append(said_of_file("mapping-file-unreadable", file))
            continue
        for sheet in sheets:
            mapping = mapping_of(sheet.title)
            if mapping is not None and found.setdefault(mapping.name, sheet) is not sheet:
                problems.append(
                    said(
                        "mapping-sheet-twice",
                        [sheet.place],
                        record_type="mapping",
                        stage="read",
                        other=found[mapping.name].place,
                    )
                )
    problems += [_misnamed(place, title, found) for place, title in others.items()]
    return found, together(problems)


def _misnamed(place: str, title: str, found: Mapping[str, Sheet]) -> pd.DataFrame:
    """Say that a sheet was meant for a mapping that has none, its name being almost that mapping's."""
    meant = nearest(title, (mapping for mapping in MAPPINGS.values() if mapping.name not in found))
    if meant is None:
        return none()
    return said("mapping-sheet-misnamed", [place], record_type="mapping", stage="read", value=meant.fr)


def _of_workbook(file: Path) -> tuple[list[Sheet], list[str]]:
    """Read the sheets that hold mappings, and give the titles of the others."""
    data = file.read_bytes()
    with zipfile.ZipFile(BytesIO(data)) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > UNPACKED_LIMIT:
            raise ValueError("larger than any workbook of mappings")
    sheets, others = [], []
    with warnings.catch_warnings(action="ignore"):  # of what openpyxl would lose, did it write the workbook
        for sheet in load_workbook(BytesIO(data), read_only=True).worksheets:
            if mapping_of(sheet.title) is None:
                others.append(sheet.title)
                continue
            sheet.reset_dimensions()  # what a file says of its own size is often wrong
            rows = ([_cell(cell) for cell in row] for row in sheet.iter_rows())
            sheets.append(Sheet.of(sheet.title, f"{file.name}, {sheet.title}", rows))
    return sheets, others


def _cell(cell: OpenedCell | MergedCell) -> Cell:
    if cell.value is None:
        return NOTHING
    if cell.data_type == "f":
        return Cell(str(getattr(cell.value, "text", cell.value)), "mapping-formula")
    if cell.data_type == "e":
        return Cell(str(cell.value), "mapping-cell-error")
    return Cell(plain(cell.value, cell.number_format))


def _titled(path: Path, mapping: MappingTable, titles: Cells) -> Sheet:
    """Give the sheet that a mapping gets when the file has none yet."""
    title = mapping.fr  # in either language: messages and pages call the sheet so
    place = f"{mapping.name}.csv" if path.is_dir() else f"{path.name}, {title}"
    return Sheet(title, place, {1: [Cell(cell.text) for cell in titles.values()]})


def _titles(mapping: MappingTable, language: Language) -> Cells:
    titles = [column.fr if language == "fr" else column.en for column in columns_of(mapping)]
    return {(1, position): Written(title) for position, title in enumerate([*titles, NEW_COLUMN[language]], 1)}


def _table(mapping: MappingTable, rows: pd.DataFrame, language: Language) -> Cells:
    """Give all cells of a new sheet: titles, then the rows in the words of people."""
    cells = {
        (number, position): Written(written(column.name, str(text), language))
        for position, column in enumerate(columns_of(mapping), 1)
        for number, text in enumerate(rows.get(column.name, ()), 2)
        if text
    }
    return {**_titles(mapping, language), **cells}


def _lay_out(sheet: Worksheet, mapping: MappingTable, language: Language) -> None:
    """Prepare a sheet for people: a header that stays in view, columns of text, drop-down lists."""
    for (row, position), cell in _titles(mapping, language).items():
        letter = get_column_letter(position)
        title = sheet.cell(row, position)
        title.font, title.fill = _HEADER_FONT, _HEADER_FILL
        sheet.column_dimensions[letter].width = max(14, len(cell.text) + 4)
        sheet.column_dimensions[letter].number_format = _TEXT_FORMAT
    sheet.freeze_panes = "A2"
    for position, column in enumerate(columns_of(mapping), 1):
        if column.name in CHOICES:
            choices = DataValidation(type="list", formula1=f'"{",".join(possible(column.name, language))}"')
            choices.showErrorMessage = False  # `#ignore` may stand there too
            letter = get_column_letter(position)
            choices.add(f"{letter}2:{letter}{_VALIDATED_ROWS}")
            sheet.add_data_validation(choices)


def replace_file(path: Path, data: bytes, seen: os.stat_result | None = None) -> None:
    """Put a file in the place of another one at once, unless somebody is at work on that.

    Raises:
        PermissionError: it is open in Excel or LibreOffice, write-protected, or not as it was ``seen``.
    """
    path = path.resolve()
    if any((path.parent / name).exists() for name in (f"~${path.name}", f".~lock.{path.name}#")):
        raise PermissionError(f"{path.name} is open")
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with part.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if seen is not None:
            shutil.copymode(path, part)
            now = path.stat()
            if (now.st_mtime_ns, now.st_size) != (seen.st_mtime_ns, seen.st_size):
                raise PermissionError(f"{path.name} was changed meanwhile")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def said_of_file(code: str, file: Path, error: OSError | None = None) -> pd.DataFrame:
    """Say a code of a file of the mappings."""
    params = {} if error is None else system.texts(error, file.name)
    return said(code, [file.name], record_type="mapping", stage="read", **params)
