"""Making profiles: a new one with every setting explained, a copy of one, and taking one away.

What a setting means is told by the models alone; a new profile's file has their words as comments.

Source: spec PRO-2.
"""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from passerelle import outcome
from passerelle.messages import Language
from passerelle.profile.check import named_places
from passerelle.profile.default import default, make_default
from passerelle.profile.features import TABLES
from passerelle.profile.loader import FILE_NAME, LoadedProfile, ProfileError, load, names
from passerelle.profile.setting_types import is_name
from passerelle.profile.settings import Profile
from passerelle.profile.shop_settings import Platform
from passerelle.profile.workbook import create_workbook
from passerelle.storage.local import LocalPlace

ASKED = ("articles", "stocks", "prices", "activation", "images", "customers", "customer-groups", "statuses")
"""The tasks to shops that a new profile may have from the start."""
_EXTRACTS: Mapping[str, Mapping[str, str]] = {
    "stocks": {"stock": "extracts/Stocks.txt"},
    "prices": {"prices": "extracts/Tarifs.txt"},
    "customers": {"customers": "extracts/Clients.txt"},
    "customer-groups": {"customers": "extracts/Clients.txt"},
    "statuses": {"documents": "extracts/Documents.txt"},
}
"""The extracts that tasks need besides that of the articles."""
_WIDTH = 110


@dataclass(frozen=True, slots=True)
class NewShop:
    """A shop of a new profile.

    Attributes:
        name: its short code.
        platform: which software it runs.
        source: place of its exports.
        delivery: place of what goes to it; empty: nothing does.
        tasks: of ``ASKED``, what goes to it.
    """

    name: str
    platform: Platform
    source: str
    delivery: str = ""
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewProfile:
    """What is asked for a new profile.

    Attributes:
        name: its short code.
        language: of its messages.
        shops: its shops.
        delivery: place of what goes to the ERP.
        articles: the ERP's extract of articles.
        customers: the ERP's extract of customers; empty: there is none.
        rounding: the ERP's article of rounding differences; empty: to be given later.
        label: name shown to people.
    """

    name: str
    language: Language
    shops: tuple[NewShop, ...]
    delivery: str
    articles: str = "extracts/Articles.txt"
    customers: str = ""
    rounding: str = ""
    label: str = ""


def make(asked: NewProfile, profiles_folder: Path) -> Path:
    """Write a new profile, ``<name>/profile.toml``, its workbook of mappings, and the folders in it that it names.

    Returns:
        The file.

    Raises:
        ProfileError: there is one of this name, or what was asked makes none; nothing is left behind.
        OSError: the folder cannot be written.
    """
    _check_free(asked.name, profiles_folder)
    home = profiles_folder / asked.name
    path = home / FILE_NAME
    home.mkdir(parents=True)
    try:
        path.write_text(text_of(asked), encoding="utf-8")
        loaded = load(path)
        create_workbook(loaded.profile.mappings, language=asked.language)
        for folder in _own_folders(loaded):
            folder.mkdir(parents=True, exist_ok=True)
    except BaseException:
        shutil.rmtree(home)
        raise
    return path


def text_of(asked: NewProfile) -> str:
    """Give the file of a new profile: what was asked, and every other setting of its tables as a comment."""
    extracts = {"articles": asked.articles}
    if asked.customers:
        extracts["customers"] = asked.customers
    for shop in asked.shops:
        for task in shop.tasks:
            extracts = {**_EXTRACTS.get(task, {}), **extracts}
    given: dict[str, Any] = {
        "name": asked.name,
        "label": asked.label,
        "language": asked.language,
        "erp": {"extracts": extracts},
        "shops": [_shop(shop) for shop in asked.shops],
        "delivery": {"place": asked.delivery},
        "schedules": {},
        "orders": {"special_articles": {"rounding": asked.rounding}},
        "customers": {"account": {}},
    }
    return "\n".join([*_table("", Profile, given)]).strip() + "\n"


def duplicate(name: str, new_name: str, profiles_folder: Path) -> Path:
    """Copy a profile and its workbook of mappings; the ledger knows nothing of the copy.

    Returns:
        The new file.

    Raises:
        ProfileError: there is none, it has mistakes, or there is one of the new name.
        OSError: the folder cannot be written.
    """
    found = load(name, profiles_folder=profiles_folder)
    _check_free(new_name, profiles_folder)
    home = profiles_folder / new_name
    text = found.path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    line = found.lines["name",] - 1
    lines[line] = re.sub(r"^(\s*name\s*=\s*).*$", lambda begun: f"{begun[1]}{json.dumps(new_name)}", lines[line])
    mappings = found.profile.mappings
    home.mkdir(parents=True)
    (home / FILE_NAME).write_text("".join(lines), encoding="utf-8")
    own = home / mappings.relative_to(found.path.parent) if mappings.is_relative_to(found.path.parent) else None
    if own and mappings.is_dir():
        shutil.copytree(mappings, own)
    elif own and mappings.is_file():
        own.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(mappings, own)
    return home / FILE_NAME


def delete(name: str, profiles_folder: Path) -> list[Path]:
    """Remove a profile's file and its mappings; extracts and what else lies there stay, and so does the ledger.

    It is the default profile no longer, if it was.

    Returns:
        What was removed.

    Raises:
        ProfileError: there is none, or it has mistakes: then it is not known what is its.
        OSError: something cannot be removed.
    """
    found = load(name, profiles_folder=profiles_folder)
    removed = [path for path in (found.path, found.profile.mappings) if path.exists()]
    if default(profiles_folder) == found.profile.name:
        make_default("", profiles_folder)
    for path in removed:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    home = found.path.parent
    if home != profiles_folder.absolute():
        for folder in sorted((path for path in home.rglob("*") if path.is_dir()), reverse=True):
            _remove_empty(folder)
        _remove_empty(home)
    return removed


def _own_folders(loaded: LoadedProfile) -> set[Path]:
    """Give the folders beside a profile's file that it reads from and writes to."""
    named = (place for _, place in named_places(loaded.profile))
    places = {loaded.folder / place.folder for place in named if isinstance(place, LocalPlace)}
    extracts = {path.parent for _, path in loaded.profile.erp.extracts if path is not None}
    return {folder for folder in places | extracts if folder.is_relative_to(loaded.folder)}


def _remove_empty(folder: Path) -> None:
    if not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()


def pause(name: str, profiles_folder: Path, *, paused: bool) -> Path:
    """Have a profile's tasks do nothing, or their work again; nothing else of its file changes, comments neither.

    Returns:
        The file.

    Raises:
        ProfileError: there is none, or it has mistakes.
        OSError: the file cannot be written.
    """
    found = load(name, profiles_folder=profiles_folder)
    text = found.path.read_bytes().decode("utf-8")
    lines = text.splitlines(keepends=True)
    written, end = f"paused = {json.dumps(paused)}", "\r\n" if "\r\n" in text else "\n"
    if at := found.lines.get(("paused",)):
        lines[at - 1] = re.sub(r"^(\s*)[\"']?paused[\"']?\s*=\s*(true|false)", rf"\g<1>{written}", lines[at - 1])
    else:
        lines.insert(found.lines["name",] - 1, written + end)
    part = found.path.with_name(f".{found.path.name}.part")
    part.write_bytes("".join(lines).encode())
    shutil.copymode(found.path, part)
    part.replace(found.path)
    return found.path


def _check_free(name: str, profiles_folder: Path) -> None:
    """See that a name is one, and that no profile has it.

    Raises:
        ProfileError: it is none, a profile has it, or something else lies there.
    """
    if not is_name(name):
        raise ProfileError(_refused("profile-bad-name", str(profiles_folder), name))
    if name in names(profiles_folder) or (profiles_folder / name).exists():
        raise ProfileError(_refused("profile-exists", str(profiles_folder / name), name))


def _refused(code: str, there: str, name: str) -> pd.DataFrame:
    where = {"record_type": "profile", "field": "name", "value": name}
    return outcome.said(code, [there], stage="read", line=1, **where)


def _shop(shop: NewShop) -> dict[str, Any]:
    given: dict[str, Any] = {"name": shop.name, "platform": shop.platform, "source": {"place": shop.source}}
    if shop.delivery:
        given["delivery"] = {"place": shop.delivery}
    return given | {TABLES[task]: _TOLD.get(task, {}) for task in shop.tasks}


_TOLD: Mapping[str, Mapping[str, Any]] = {"images": {"place": "photos", "base_url": "https://shop.example/import"}}
"""What a table of a shop cannot do without."""


def _table(path: str, model: type[BaseModel], given: Mapping[str, Any], *, is_one_of: bool = False) -> Iterator[str]:
    """Write a table: its settings, then the tables in it that were asked for."""
    if path:
        yield ""
        yield f"[[{path}]]" if is_one_of else f"[{path}]"
    inner = []
    for name, info in model.model_fields.items():
        value, below = given.get(name), _model_in(info)
        if below is not None and isinstance(value, list):
            inner += [line for one in value for line in _table(_joined(path, name), below, one, is_one_of=True)]
        elif below is not None and isinstance(value, Mapping):
            inner += _table(_joined(path, name), below, value)
        elif below is not None and value is None:
            inner += ["", *_comment(f"[{_joined(path, name)}] {info.description or _first_line(below)}")]
        else:
            yield from _comment(info.description or "")
            yield f"{name} = {_written(value)}" if name in given and value != "" else f"# {name} = {_default(info)}"
    yield from inner


def _model_in(info: FieldInfo) -> type[BaseModel] | None:
    """Give the model of a field that is a table, or a list of tables; a place and a schedule are written as texts."""
    if isinstance(info.default, str):
        return None
    found = [one for one in _types(info.annotation) if isinstance(one, type) and issubclass(one, BaseModel)]
    return found[0] if found and found[0].__module__.startswith(("passerelle.profile", "passerelle.exchange")) else None


def _types(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _types(inner)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _first_line(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").splitlines()[0]


def _default(info: FieldInfo) -> str:
    if info.is_required() or info.default is None or info.default_factory is not None:
        return '""' if info.default_factory is None else "{}"
    return _written(info.default)


def _written(value: Any) -> str:
    """Write a value in TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_written(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_written, value)) + "]"
    if isinstance(value, bool | int):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False)
