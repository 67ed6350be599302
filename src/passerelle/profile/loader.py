"""Reading a profile: its settings file checked as a whole, every mistake with file, line and field.

Source: spec PRO-1, ORD-13.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from passerelle import outcome
from passerelle.exchange import reference
from passerelle.exchange.mappings import MAPPINGS
from passerelle.messages import Language, codes, system
from passerelle.profile.cells import chosen, possible
from passerelle.profile.mapping_files import mapping_files
from passerelle.profile.positions import Key, key_lines, line_of
from passerelle.profile.settings import Profile

FILE_NAME = "profile.toml"

_TEMPLATES: tuple[Key, ...] = (
    ("orders", "reference"),
    ("orders", "number"),
    ("orders", "shop_order"),
    ("orders", "credit_note_number"),
    ("orders", "settlements", "label"),
    ("orders", "settlements", "difference_label"),
    ("orders", "grouping", "reference"),
)
_BY_SHOP: tuple[tuple[str, ...], ...] = (
    ("customers", "account", "prefixes"),
    ("orders", "minimum_ids"),
    ("orders", "afterwards", "mark", "by_shop"),
)
"""Tables whose keys are names of shops."""
_STEPS = ("[key]", "[text]", "[table]", "[list]")
"""Parts of pydantic's place of an error that name no setting: the key of a table, the form that a setting has."""
_WANTED = {
    "string": ("un texte entre guillemets", "a text in quotation marks"),
    "path": ("un texte entre guillemets", "a text in quotation marks"),
    "bool": ("true ou false", "true or false"),
    "int": ("un nombre entier", "a whole number"),
    "decimal": ("un nombre", "a number"),
    "float": ("un nombre", "a number"),
    "finite": ("un nombre", "a number"),
    "date": ("une date comme 2026-01-31", "a date as 2026-01-31"),
    "tuple": ("une liste entre crochets", "a list in square brackets"),
    "dict": ("une table", "a table"),
    "model": ("une table", "a table"),
}
"""What a setting must be, by the first word of pydantic's name of the error."""
_TOML_FR = {
    "Invalid value": "valeur non valide",
    "Invalid statement": "ni table, ni clé",
    "Invalid initial character for a key part": "une clé n'a que des lettres sans accent, des chiffres, « _ » et « - »",
    "Invalid date or datetime": "date non valide",
    "Invalid hex value": "« \\ » dans un texte entre guillemets",
    "Escaped character is not a Unicode scalar value": "« \\ » dans un texte entre guillemets",
    "Expected '=' after a key in a key/value pair": "il manque « = » après la clé",
    "Expected newline or end of document after a statement": "il y a un texte de trop en fin de ligne",
    "Expected ']' at the end of a table declaration": "il manque « ] » à la fin du nom de la table",
    "Expected ']]' at the end of an array declaration": "il manque « ]] » à la fin du nom de la table",
    "Expected": "une liste, une table ou un texte n'est pas terminé",
    "Found invalid character": "caractère interdit",
    "Illegal character": "caractère interdit",
    "Cannot overwrite a value": "cette clé a déjà une valeur",
    "Cannot declare": "cette table existe déjà",
    "Cannot mutate immutable namespace": "cette table existe déjà",
    "Cannot redefine namespace": "cette table existe déjà",
    "Duplicate inline table key": "cette clé a déjà une valeur",
    "Unescaped '\\' in a string": "« \\ » dans un texte entre guillemets",
    "Unterminated string": "texte sans guillemets de fin",
    "Unclosed array": "liste sans crochet de fin",
    "Unclosed inline table": "table sans accolade de fin",
    "Nested too deeply": "trop de tables ou de listes l'une dans l'autre",
}
"""What Python's TOML reader says, by how it begins, in French."""
_BOUNDS = {
    "greater_than_equal": ("≥", "ge"),
    "greater_than": (">", "gt"),
    "less_than_equal": ("≤", "le"),
    "less_than": ("<", "lt"),
}


class ProfileError(Exception):
    """A profile cannot be used.

    Attributes:
        problems: outcomes of record type ``profile``: everything that is wrong with it; field and line in each.
        language: the profile's, where its file tells, to say them in.
    """

    def __init__(self, problems: pd.DataFrame, language: Language | None = None) -> None:
        super().__init__(problems, language)
        self.problems = problems
        self.language = language

    def __str__(self) -> str:
        return self.text(self.language or "en")

    def text(self, language: Language) -> str:
        """Say every problem, a line each."""
        return "\n".join(outcome.message(row, language) for row in self.problems.to_dict("records"))

    def todo(self, language: Language) -> str:
        """Say what to do about them, once each."""
        todos = (outcome.todo(row, language) for row in self.problems.to_dict("records"))
        return "\n".join(dict.fromkeys(filter(None, todos)))


@dataclass(frozen=True, slots=True)
class LoadedProfile:
    """A profile that can be used.

    Attributes:
        profile: its settings; relative paths were taken from its folder.
        path: its file.
        sha256: of the settings and the mappings as they stand in their files; it changes with any of them.
        lines: the line of each setting in the file.
    """

    profile: Profile
    path: Path
    sha256: str
    lines: Mapping[Key, int] = field(repr=False)

    @property
    def folder(self) -> Path:
        """The folder that relative paths are taken from."""
        return self.path.parent

    def line(self, *key: str | int) -> int:
        """Give the line of a setting, or of the table around it."""
        return line_of(self.lines, key)


def load(path_or_name: str | Path, *, profiles_folder: Path = Path("profiles")) -> LoadedProfile:
    """Read a profile.

    Args:
        path_or_name: a path of a .toml file; or a name: ``<name>.toml`` or ``<name>/profile.toml`` in the folder.
        profiles_folder: folder of the profiles.

    Raises:
        ProfileError: it is not there, or has mistakes: all of them.
    """
    path = _path(path_or_name, profiles_folder).absolute()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ProfileError(_unreadable(path, error)) from error
    document, lines = _parsed(path, data)
    language = document.get("language")
    known_language = language if language in {"fr", "en"} else None
    problems = [*_default_problems(document), *_template_problems(document), *_shop_problems(document)]
    try:
        profile = Profile.model_validate(document, context={"folder": path.parent})
    except ValidationError as error:
        # Values may be secrets that were written where they do not belong: pydantic's own message shows them.
        problems = [*map(_problem, error.errors(include_url=False)), *problems]
        raise ProfileError(_located(path, lines, problems), known_language) from None
    if str(path_or_name) in names(profiles_folder) and profile.name != str(path_or_name):
        problems.append(_Problem("profile-other-name", ("name",), profile.name, {"wanted": str(path_or_name)}))
    if problems:
        raise ProfileError(_located(path, lines, problems), known_language)
    try:
        return LoadedProfile(profile, path, _sha256(data, profile.mappings), lines)
    except OSError as error:
        raise ProfileError(_unreadable(profile.mappings, error), known_language) from error


def names(profiles_folder: Path) -> list[str]:
    """Give the names of the profiles of a folder, in order; whether they can be used is another matter."""
    files = {file.stem for file in profiles_folder.glob("*.toml")}
    return sorted(files | {file.parent.name for file in profiles_folder.glob(f"*/{FILE_NAME}")})


@dataclass(frozen=True, slots=True)
class _Problem:
    code: str
    key: Key
    value: str = ""
    params: Mapping[str, object] = field(default_factory=dict)


def _path(path_or_name: str | Path, profiles_folder: Path) -> Path:
    name = str(path_or_name)
    if isinstance(path_or_name, Path) or name.endswith(".toml") or re.search(r"[/\\]", name):
        path = Path(path_or_name)
        if path.is_dir():
            path /= FILE_NAME
        if path.is_file():
            return path
    for path in (profiles_folder / f"{name}.toml", profiles_folder / name / FILE_NAME):
        if path.is_file():
            return path
    raise ProfileError(
        outcome.said(
            "profile-not-found",
            [name],
            record_type="profile",
            stage="read",
            value=str(profiles_folder),
            **hint(name, names(profiles_folder)),
        )
    )


def _parsed(path: Path, data: bytes) -> tuple[dict[str, Any], dict[Key, int]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ProfileError(_said(path, "profile-not-utf-8", line)) from None
    try:
        return tomllib.loads(text, parse_float=Decimal), key_lines(text)
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).partition(" (at ")
        at_line = re.match(r"line (\d+)", place)
        line = int(at_line[1]) if at_line else text.count("\n") + 1
    except RecursionError:
        reason, line = "Nested too deeply", 1
    french = next((text for begin, text in _TOML_FR.items() if reason.startswith(begin)), reason)
    raise ProfileError(_said(path, "profile-not-toml", line, reason_fr=french, reason_en=reason))


def _problem(error: ErrorDetails) -> _Problem:
    """Say what pydantic found in one of the declared codes."""
    context = error.get("ctx", {})
    key: Key = (*(part for part in error["loc"] if part not in _STEPS), *context.pop("at", ()))
    value, known = _shown(key, error["input"]), context.pop("known", ())
    params: Mapping[str, object]
    match error["type"]:
        case code if code in codes():
            params = context | hint(value, known)
        case "missing":
            code, value, params = "profile-missing-setting", "", {}
        case "extra_forbidden":
            code, value, params = "profile-unknown-setting", "", hint(str(key[-1]), _settings_at(key[:-1]))
        case "literal_error":
            choices = re.findall(r"'([^']*)'", context["expected"])
            code, params = "profile-not-possible", {"possible": ", ".join(choices), **hint(value, choices)}
        case bound if bound in _BOUNDS:
            sign, name = _BOUNDS[bound]
            code, params = "profile-out-of-range", {"range": f"{sign} {context[name]}"}
        case kind if kind.partition("_")[0] in _WANTED:
            french, english = _WANTED[kind.partition("_")[0]]
            code, params = "profile-wrong-type", {"wanted_fr": french, "wanted_en": english}
        case _:
            code, params = "profile-refused", {"reason": str(context.get("error", error["msg"]))}
    return _Problem(code, key, value, params)


def _default_problems(document: Mapping[str, Any]) -> Iterator[_Problem]:
    """Check ``[orders.defaults]`` against the declared mappings, and put its words in their canonical form."""
    for name, values in _tables(_table(document, "orders", "defaults")):
        key: Key = ("orders", "defaults", name)
        if name not in MAPPINGS:
            yield _Problem("profile-unknown-setting", key, params=hint(name, MAPPINGS))
            continue
        for column, text in values.items():
            value = chosen(column, text) if isinstance(text, str) else text
            if column not in MAPPINGS[name].value_names:
                yield _Problem(
                    "profile-unknown-setting", (*key, column), params=hint(column, MAPPINGS[name].value_names)
                )
            elif value is None:
                choices = ", ".join(possible(column, "fr") + possible(column, "en"))
                yield _Problem("profile-not-possible", (*key, column), text, {"possible": choices, **hint("", ())})
            else:
                values[column] = value


def _template_problems(document: Mapping[str, Any]) -> Iterator[_Problem]:
    for *tables, name in _TEMPLATES:
        template = _table(document, *map(str, tables)).get(str(name))
        try:
            reference.check(template if isinstance(template, str) else "")
        except reference.UnknownTemplateCodeError as error:
            params = {"unknown": error.code, "known": ", ".join(reference.CODES)}
            yield _Problem("profile-unknown-template-code", (*tables, name), error.template, params)


def _shop_problems(document: Mapping[str, Any]) -> Iterator[_Problem]:
    shops = document.get("shops")
    shop_names = [str(shop.get("name")) for shop in shops if isinstance(shop, dict)] if isinstance(shops, list) else []
    for tables in _BY_SHOP:
        for name in _table(document, *tables):
            if name not in shop_names:
                yield _Problem("profile-unknown-setting", (*tables, name), params=hint(name, shop_names))


def _table(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    found: Any = document
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _tables(table: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((name, value) for name, value in table.items() if isinstance(value, dict))


def _shown(key: Key, value: object) -> str:
    """Give a wrong value as it may be shown: no part of a place, where a password may have been written."""
    return "" if "place" in key or isinstance(value, dict | list) else str(value)


def hint(name: str, known: Iterable[str]) -> dict[str, str]:
    """Give the nearest known name, as the messages' ``hint_fr`` and ``hint_en``."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return {
        "hint_fr": f" Le plus proche est « {near[0]} »." if near else "",
        "hint_en": f" The nearest is “{near[0]}”." if near else "",
    }


@cache
def _schema() -> dict[str, Any]:
    return Profile.model_json_schema()


def _settings_at(key: Key) -> list[str]:
    """Give the names of the settings of a table, from the JSON Schema."""
    node = _schema()
    for part in key:
        node = _resolved(node)
        node = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
    return list(_resolved(node).get("properties", {}))


def _resolved(node: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference; of alternatives take the tables, all in one."""
    if "$ref" in node:
        return _resolved(_schema()["$defs"][node["$ref"].rpartition("/")[2]])
    tables = [_resolved(one).get("properties", {}) for one in node.get("anyOf", ())]
    return {"properties": dict(ChainMap(*tables))} if any(tables) else node


def _located(path: Path, lines: Mapping[Key, int], problems: list[_Problem]) -> pd.DataFrame:
    found = [(line_of(lines, problem.key), problem) for problem in problems]
    return outcome.together(
        _said(path, problem.code, line, field=dotted(problem.key), value=problem.value, **problem.params)
        for line, problem in sorted(found, key=lambda one: one[0])
    )


def dotted(key: Key) -> str:
    """Name a setting as people read it: ``shops[1].source.files``, elements of lists from 1."""
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in key)
    return text.removeprefix(".")


def _said(path: Path, code: str, line: int = 1, *, field: str = "", value: str = "", **params: object) -> pd.DataFrame:
    return outcome.said(
        code, [str(path)], record_type="profile", stage="read", field=field, value=value, line=line, **params
    )


def _unreadable(path: Path, error: OSError) -> pd.DataFrame:
    return _said(path, "profile-unreadable", 1, **system.texts(error, path))


def _sha256(settings: bytes, mappings: Path) -> str:
    digest = hashlib.sha256(hashlib.sha256(settings).digest())
    for file in mapping_files(mappings):
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
