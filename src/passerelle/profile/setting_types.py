"""The types of a profile's settings: paths, places, names; each says what is wrong with a value by its code.

Source: spec PRO-1.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, PlainValidator, SerializeAsAny, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from passerelle.storage import place, places
from passerelle.storage.errors import BadPlace
from passerelle.storage.paths import is_good_name

Setting = str | int | bool
_NAME = r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _typed(path: str) -> str:
    r"""Refuse what ``"C:\temp"`` becomes in TOML: a backslash between quotation marks starts a control character."""
    if _CONTROL.search(path):
        raise PydanticCustomError("profile-control-character", "a control character stands in the path")
    return path


def _in_profile(path: Path, info: ValidationInfo) -> Path:
    """Take a relative path from the profile's folder, which the loader gives."""
    _typed(str(path))
    return Path(info.context["folder"]) / path.expanduser() if info.context else path


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise PydanticCustomError(
            "profile-unknown-time-zone", "no such time zone", {"known": sorted(available_timezones())}
        ) from None
    return name


def is_name(text: str) -> bool:
    """Tell whether something can be the short code of a profile or a shop."""
    return re.fullmatch(_NAME, text) is not None


def _name(name: str) -> str:
    if not is_name(name):
        raise PydanticCustomError("profile-bad-name", "a name has letters, digits and hyphens only")
    return name


def _suffix(suffix: str) -> str:
    if suffix and not is_good_name(f"x{suffix}"):
        raise PydanticCustomError("profile-bad-suffix", "no suffix of a file name")
    return suffix


def _place(given: Any) -> place.Place:
    """Take a URL for a place that has no other options, and say what is wrong with one as of any other setting."""
    if not isinstance(given, str | dict | place.Place):
        raise PydanticCustomError("string_type", "Input should be a valid string")
    try:
        return places.as_place(given)
    except BadPlace as error:
        texts = {"reason_fr": error.text("fr"), "reason_en": error.text("en")}
        todo = {"todo_fr": error.todo("fr"), "todo_en": error.todo("en")}
        raise PydanticCustomError("profile-bad-place", "not a place", texts | todo) from None


class _PlaceSchema:
    """What may stand for a place: its URL, or a table with the options of its kind."""

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        tables = []
        for kind in dict.fromkeys(places.kind_of(scheme) for scheme in places.BACKENDS):
            table = handler(kind.__pydantic_core_schema__)
            table["properties"]["url"]["description"] = kind.form
            tables.append(table)
        return {"anyOf": [{"type": "string"}, *tables]}


def _filled(given: tuple[Any, ...]) -> tuple[Any, ...]:
    if not given:
        raise PydanticCustomError("profile-empty-list", "nothing is in the list")
    return given


Filled = (AfterValidator(_filled), Field(json_schema_extra={"minItems": 1}))
ProfilePath = Annotated[Path, AfterValidator(_in_profile)]
"""A path; a relative one is taken from the folder of the profile's file."""
Place = Annotated[SerializeAsAny[place.Place], PlainValidator(_place), _PlaceSchema]
"""A place, or its URL alone."""
WindowsPath = Annotated[str, AfterValidator(_typed)]
Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": _NAME})]
Suffix = Annotated[str, AfterValidator(_suffix)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
