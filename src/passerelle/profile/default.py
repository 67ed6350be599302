"""The default profile: the one that commands take which are given none.

Its name stands in a file of the profiles' folder, so that it goes with the profiles. Where nobody has chosen one and
there is only one profile, it is that; of several none is guessed: these are somebody's books.

Source: spec PRO-2.
"""

from __future__ import annotations

from pathlib import Path

from passerelle import outcome
from passerelle.profile.loader import ProfileError, hint, names

_FILE = ".default"


def default(profiles_folder: Path) -> str:
    """Give the name of the default profile as somebody chose it, there or not; empty: nobody has."""
    try:
        return (profiles_folder / _FILE).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def make_default(name: str, profiles_folder: Path) -> None:
    """Choose the default profile; empty: none.

    Raises:
        ProfileError: there is no profile of this name.
        OSError: the folder cannot be written.
    """
    if not name:
        (profiles_folder / _FILE).unlink(missing_ok=True)
        return
    if name not in names(profiles_folder):
        raise _no("profile-not-found", name, profiles_folder)
    part = profiles_folder / f"{_FILE}.part"
    part.write_text(f"{name}\n", encoding="utf-8")
    part.replace(profiles_folder / _FILE)


def taken(profiles_folder: Path) -> str:
    """Give the name of the profile that is taken where none is named: the default one, else the only one.

    Raises:
        ProfileError: the default one is gone, or there is none, or there are several.
    """
    known = names(profiles_folder)
    if name := default(profiles_folder):
        if name not in known:
            raise _no("profile-default-gone", name, profiles_folder)
        return name
    if len(known) != 1:
        raise _no("profile-not-named" if known else "profile-none", ", ".join(known), profiles_folder)
    return known[0]


def _no(code: str, name: str, folder: Path) -> ProfileError:
    near = hint(name, names(folder))
    return ProfileError(outcome.said(code, [name], record_type="profile", stage="read", value=str(folder), **near))
