"""Zips with one thing changed."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping

Rows = list[list[str]]


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def with_file(data: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """Change the bytes of one file."""
    files = unzipped(data)
    return zipped(files | {name: change(files[name])})


def with_rows(data: bytes, name: str, change: Callable[[Rows], Rows]) -> bytes:
    """Change the rows of one file; the header is the first."""

    def changed(content: bytes) -> bytes:
        header, *lines = content.decode("cp1252").split("\r\n")[:-1]
        rows = [header.split(";"), *(line[1:-1].split('";"') for line in lines)]
        head, *body = change(rows)
        text = [";".join(head), *('"' + '";"'.join(row) + '"' for row in body)]
        return "".join(f"{line}\r\n" for line in text).encode("cp1252")

    return with_file(data, name, changed)


def with_cells(data: bytes, name: str, label: str, cells: Mapping[int, str]) -> bytes:
    """Change the cells of a column by their line in the file."""

    def change(rows: Rows) -> Rows:
        place = rows[0].index(label)
        for line, cell in cells.items():
            rows[line - 1][place] = cell
        return rows

    return with_rows(data, name, change)


def numbered(data: bytes, name: str, number: str) -> list[int]:
    """Give the lines of a document."""
    header, *lines = unzipped(data)[name].decode("cp1252").split("\r\n")[:-1]
    place = header.split(";").index("Document - Numéro du document")
    return [line for line, row in enumerate(lines, 2) if row[1:-1].split('";"')[place] == number]
