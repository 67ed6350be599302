"""Workbooks as people's programs write them, for the tests of the mappings."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO

from openpyxl import Workbook
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill


def parts(data: bytes) -> dict[str, bytes]:
    """Give every part of a workbook by its path."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(content: dict[str, bytes]) -> bytes:
    written = BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return written.getvalue()


def changed(data: bytes, path: str, *replacements: tuple[bytes, bytes]) -> bytes:
    """Give a workbook with a part edited by hand."""
    content = parts(data)
    for old, new in replacements:
        assert old in content[path], (old, content[path])
        content[path] = content[path].replace(old, new)
    return packed(content)


def book(sheets: dict[str, list[list[object]]]) -> bytes:
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
    data = BytesIO()
    workbook.save(data)
    return data.getvalue()


CARRIERS = [["Transporteur (id ou nom)", "Code frais de port"], ["Colissimo", "COL"], ["Chronopost", "CHR"]]

LOST_BY_LIBRARIES = (
    b'<extLst><ext uri="{CCE6A557-97BC-4b89-ADB6-D9C93CAAB3DF}" '
    b'xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"><x14:dataValidations count="1" '
    b'xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main"><x14:dataValidation type="list">'
    b"<x14:formula1><xm:f>Listes!$A$1:$A$9</xm:f></x14:formula1><xm:sqref>B2:B99</xm:sqref></x14:dataValidation>"
    b"</x14:dataValidations></ext></extLst></worksheet>"
)


def kept_by_a_bookkeeper() -> bytes:
    """Give a workbook full of what people do: colours, comments, notes, own sheets and columns, a picture, lists."""
    workbook = Workbook()
    sheet = workbook.active
    sheet.title = "Transporteurs"
    sheet.append(["Correspondances des transporteurs"])
    sheet.append([])
    sheet.append(["Remarque", "Code frais de port", "Transporteur (id ou nom)"])
    sheet.append(["vu avec Anne", "COL", "Colissimo"])
    sheet.append(["", "CHR", "Chronopost"])
    sheet["B4"].font = Font(bold=True, color="FF0000")
    sheet["C5"].fill = PatternFill("solid", fgColor="FFFF00")
    sheet["B5"].number_format = "@"
    sheet["C5"].comment = Comment("À vérifier en janvier", "Anne")
    sheet.column_dimensions["C"].width = 41.5
    sheet.auto_filter.ref = "A3:C5"
    for number in range(6, 9):  # formatted in advance, nothing typed yet
        for column in "ABC":
            sheet[f"{column}{number}"].fill = PatternFill("solid", fgColor="EEEEEE")
    own = workbook.create_sheet("Calculs")
    own["A1"] = "=SUM(B1:B9)"
    workbook.create_sheet("Listes").append(["COL"])
    data = BytesIO()
    workbook.save(data)
    content = parts(data.getvalue())
    path = "xl/worksheets/sheet1.xml"
    content[path] = re.sub(b"</worksheet>", LOST_BY_LIBRARIES, content[path])
    content["xl/media/logo.png"] = b"\x89PNG logo of the company"
    return packed(content)
