"""What changed in a folder since the last time: the cursors that storages give are kept (STO-13)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import cast

from passerelle.storage.base import Changes, Storage, Tracking
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
    name = hashlib.sha256(f"{storage.name}\n{folder}".encode()).hexdigest()[:32]
    cursor = kept / name
    known = cursor.read_text("utf-8") if cursor.exists() else ""
    changes = cast("Tracking", storage).changes(folder, known)
    kept.mkdir(parents=True, exist_ok=True)
    with LocalStorage(kept) as local:
        local.put(f".{name}.part", changes.cursor.encode())
        local.rename(f".{name}.part", name, overwrite=True)
    return changes
