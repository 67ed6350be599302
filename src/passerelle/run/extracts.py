"""Extracts of the ERP, as every task reads them.

Source: spec EBP-10.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from passerelle import outcome
from passerelle.formats.reader import read
from passerelle.formats.registry import Formats
from passerelle.profile.settings import Erp
from passerelle.run import debug
from passerelle.run.errors import RunError
from passerelle.run.log import note


def read_extract(
    name: str, path: Path | None, available: Formats, erp: Erp
) -> tuple[pd.DataFrame | None, pd.DataFrame]:
    """Read an extract of the ERP; one that the profile does not name switches off what needs it.

    One without any row that can be read was cut off, or is not what it should be: its articles and customers would all
    be unknown, and become Divers and new accounts. Only of customers and documents there may be none yet.

    Raises:
        RunError: the file is not there, or has no row that can be read.
        FormatError: it is not of this format.
    """
    if path is None:
        return None, outcome.none()
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise RunError("run-extract-missing", file=path) from None
    note("log-read", file=path.name, bytes=len(data))
    debug.keep("extract", path.name, data)
    extract = read(available.get(name, erp.format_settings.get(name)), data, name=path.name)
    unread = extract.outcomes[extract.outcomes["state"] == "failed"]
    if extract.table.empty and extract.rows:
        first = unread.iloc[0].to_dict()
        raise RunError("run-extract-unreadable-rows", file=path, rows=extract.rows, reason=first)
    if extract.table.empty and (name == "ebp/articles" or len(unread)):
        raise RunError("run-extract-empty", file=path)
    return extract.table, extract.outcomes
