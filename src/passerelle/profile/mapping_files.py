"""Which files hold the mappings: seen without opening them, so without what opens workbooks.

Source: spec 00-overview (mapping), PRO-1.
"""

from __future__ import annotations

from pathlib import Path

from passerelle.exchange.mappings import MAPPINGS, MappingTable
from passerelle.formats.descriptor import label_key


def mapping_files(path: Path) -> list[Path]:
    """Give the files that hold the mappings: the workbook, or the folder's CSV files."""
    if path.is_dir():
        return [file for file in csv_files_in(path) if mapping_of(file.stem)]
    return [path] if path.is_file() else []


def csv_files_in(folder: Path) -> list[Path]:
    """Give the CSV files of a folder by name, whatever they hold."""
    return sorted(file for file in folder.iterdir() if file.suffix.lower() == ".csv" and not file.name.startswith("."))


def mapping_of(title: str) -> MappingTable | None:
    """Tell which mapping a sheet or a file holds, by its French title or its name."""
    wanted = label_key(title)
    return next((one for one in MAPPINGS.values() if wanted in {label_key(one.fr), label_key(one.name)}), None)
