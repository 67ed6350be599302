"""What changed in a folder since the last time: the cursors that storages give are kept (STO-13)."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import astuple
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from passerelle.storage.base import Changes, Entry, Storage, Tracking
from passerelle.storage.errors import Unexpected
from passerelle.storage.local import LocalStorage


def changed(storage: Storage, folder: str, kept: Path) -> Changes:
    """Give what changed in a folder and below since this was asked before; all files the first time.

    Args:
        storage: open.
        folder: relative to the storage's folder.
        kept: folder of this machine where the cursors are.

    Raises:
        Unexpected: (code ``storage-no-cursors``) the storage tells no changes.
        NotFound: there is no such folder.
    """
    if not storage.features.cursors:
        raise Unexpected(storage.name, folder, "", "storage-no-cursors")
    cursor = kept / _name(storage, folder)
    known = cursor.read_text("utf-8") if cursor.exists() else ""
    changes = cast("Tracking", storage).changes(folder, known)
    _keep(cursor, changes.cursor)
    return changes


def listed(storage: Storage, folder: str, kept: Path, *, anew: bool = False) -> list[Entry]:
    """Give every file in a folder and below; where the storage tells what changed, only that is asked for.

    Args:
        storage: open.
        folder: relative to the storage's folder.
        kept: folder of this machine where the last listing is.
        anew: do not go by the last listing.

    Raises:
        NotFound: there is no such folder.
    """
    if not storage.features.cursors:
        return storage.list(folder, recursive=True)
    listing = kept / f"{_name(storage, folder)}.json"
    known: dict[str, Any] = {"cursor": "", "entries": []}
    if listing.exists() and not anew:
        known = json.loads(listing.read_text("utf-8"))
    changes = cast("Tracking", storage).changes(folder, known["cursor"])
    fold = str if storage.features.case_sensitive else str.casefold
    entries = {} if changes.complete else {fold(entry.path): entry for entry in map(_entry, known["entries"])}
    gone = tuple(map(fold, changes.gone))
    if gone:
        folders = tuple(f"{path}/" for path in gone)
        entries = {path: one for path, one in entries.items() if path not in gone and not path.startswith(folders)}
    entries |= {fold(entry.path): entry for entry in changes.entries}
    if changes.cursor != known["cursor"]:
        now = {"cursor": changes.cursor, "entries": [astuple(entry) for entry in entries.values()]}
        _keep(listing, json.dumps(now, default=datetime.isoformat))
    return list(entries.values())


def _entry(told: list[str]) -> Entry:
    path, size, modified, checksum, version = told
    return Entry(path, int(size), datetime.fromisoformat(modified) if modified else None, checksum, version)


def _name(storage: Storage, folder: str) -> str:
    return hashlib.sha256(f"{storage.name}\n{folder}".encode()).hexdigest()[:32]


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = f".{path.name}.{secrets.token_hex(4)}.part"  # another run may keep the same at this moment
    with LocalStorage(path.parent) as local:
        local.put(part, text.encode())
        local.rename(part, path.name, overwrite=True)
