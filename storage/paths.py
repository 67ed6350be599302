"""Names are data: the one place that decides which paths are good (STO-12).

A path is relative, its segments joined by ``/``. It must stay inside the storage's folder on every system and be
storable on every system, because what is read from one is written to another.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from passerelle.storage.errors import BadPath

LONGEST_NAME = 255
"""In UTF-8 bytes: what the usual file systems hold."""
LONGEST_PATH = 1024

_SLASH_LOOK_ALIKES = frozenset("⁄∕∖⧵⧸⧹╱╲")
_WINDOWS_CHARACTERS = frozenset('<>:"|?*')
_WINDOWS_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
    + [f"{device}{number}" for device in ("COM", "LPT") for number in "0123456789¹²³"]
)
# Control, format (direction marks, zero width), surrogate; line and paragraph separators.
_INVISIBLE = frozenset(["Cc", "Cf", "Cs", "Zl", "Zp"])


def clean_path(path: str, *, storage: str = "") -> str:
    """Give the path of a file back if it is good.

    Raises:
        BadPath: it is not; its code says why.
    """
    reason = next(_reasons(path), None)
    if reason:
        raise BadPath(storage, path, code=reason)
    return path


def clean_folder(folder: str, *, storage: str = "") -> str:
    """Give the path of a folder back without a last ``/`` if it is good; ``""`` is the storage's own folder.

    Raises:
        BadPath: it is not.
    """
    return folder and clean_path(folder.removesuffix("/"), storage=storage)


def is_good_name(name: str) -> bool:
    """Tell whether a name met in a listing may be used."""
    return "/" not in name and next(_reasons(name), None) is None


def twin_key(name: str) -> str:
    """Give what is the same for names that some systems take for one: in another case, or composed otherwise."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def parent(path: str) -> str:
    """Give the folder of a path; ``""`` for one that lies in the storage's own folder."""
    return path.rpartition("/")[0]


def is_inside(path: str, folder: str) -> bool:
    """Tell whether a path lies in a folder or below; everything lies in ``""``."""
    return not folder or path.startswith(f"{folder}/")


def join(folder: str, name: str) -> str:
    """Put a name under a folder; ``""`` is the storage's own folder."""
    return f"{folder}/{name}" if folder else name


def _reasons(path: str) -> Iterator[str]:
    if len(path.encode(errors="replace")) > LONGEST_PATH:
        yield "storage-path-too-long"
    for name in path.split("/"):
        plain = unicodedata.normalize("NFKC", name)
        if any(unicodedata.category(char) in _INVISIBLE for char in name):
            yield "storage-path-characters"
        elif (
            plain.strip() in {"", ".", ".."}
            or any(mark in plain for mark in "/\\")
            or not _SLASH_LOOK_ALIKES.isdisjoint(name)
            or (len(name) > 1 and name[1] == ":")
        ):
            yield "storage-path-escapes"
        elif (
            not _WINDOWS_CHARACTERS.isdisjoint(name)
            or name.endswith((" ", "."))
            or name.partition(".")[0].rstrip(" ").upper() in _WINDOWS_DEVICES
        ):
            yield "storage-path-reserved"
        elif len(name.encode()) > LONGEST_NAME:
            yield "storage-path-too-long"
