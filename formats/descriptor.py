"""What a file format is: its fields and how they stand in the file.

A format is a YAML file in the vocabulary of the Frictionless standard (Data Resource, Table Schema, CSV Dialect), with
what that standard lacks under one key, ``passerelle``, on the resource and on its fields; docs/formats/README.md lists
all properties. There are no expressions: a field names a canonical column; what must be computed is an exchange rule.

Source: spec FMT-1; design.md decision 4.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from typing import Literal

import passerelle.model
from passerelle.formats.notation import DescriptorError, Entry, Place, Scalar, Scope, Section, merged
from passerelle.model.table import Column, Table

Type = Literal["string", "integer", "number", "boolean", "date", "datetime"]
Layout = Literal["delimited", "fixed"]
Quoting = Literal["all", "data", "needed", "none"]

TYPES: tuple[Type, ...] = ("string", "integer", "number", "boolean", "date", "datetime")
LAYOUTS: tuple[Layout, ...] = ("delimited", "fixed")
QUOTINGS: tuple[Quoting, ...] = ("all", "data", "needed", "none")
ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "windows-1252",
    "iso-8859-1",
    "iso-8859-15",
    "us-ascii",
    "cp437",
    "cp850",
)
_TYPES_OF_KIND: Mapping[str, tuple[Type, ...]] = {
    "text": ("string",),
    "amount": ("number",),
    "quantity": ("number",),
    "rate": ("number",),
    "integer": ("integer",),
    "flag": ("boolean",),
    "date": ("date", "datetime"),
}
_STANDARD_FORMATS = {"date": "%Y-%m-%d", "datetime": "%Y-%m-%dT%H:%M:%S"}
_DIRECTIVES = "dmyYHMSz"
_LINE_ENDS = ("\r\n", "\n", "\r")


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a format.

    Attributes:
        name: its id within the format.
        title: its label in the header.
        type: a type of Table Schema.
        source: the canonical column it is read into and written from; the name, unless declared.
        description: what it holds.
        origin: the document that tells of this column.
        examples: values of the sample file's rows: numbers with a point, dates in ISO form, ``true``/``false``.
        aliases: other labels it is known by.
        date_format: strptime pattern of a date; with ``%z`` the column is in UTC, else it has no zone.
        decimal_mark: of a number.
        group_mark: between thousands, read but never written.
        decimals: written with exactly so many; None writes the exact form.
        least_decimals: the exact form has at least so many, else no more than it needs.
        true_values: texts for true; the first is written.
        false_values: texts for false; the first is written.
        missing_values: texts that mean "nothing"; the empty text always does. The first is written.
        required: must be filled.
        max_length: in characters.
        minimum: of a number.
        maximum: of a number.
        enum: the texts allowed; empty allows all.
        pattern: regular expression of the whole text.
        overflow: what happens to a text that is too long: it is cut, or its record refused. ``refuse`` says that the
            text identifies something, and may not have been altered by a spreadsheet either.
        rows: ``first`` writes it on the first row of a record only.
        kinds: kinds of record that have it; empty: all.
        start: position of its first character in a fixed layout, from 1.
        width: characters it takes in a fixed layout.
        align: side it stands at in a fixed layout.
        pad: character that fills its width.
        constant: the text that every row has, instead of a column of the table; None: it is taken from there.
        description_fr: what it holds, in French, for the pages that integrators read.
    """

    name: str
    title: str
    type: Type
    source: str
    description: str
    origin: str
    examples: tuple[str, ...]
    aliases: tuple[str, ...]
    date_format: str
    decimal_mark: str
    group_mark: str
    decimals: int | None
    least_decimals: int
    true_values: tuple[str, ...]
    false_values: tuple[str, ...]
    missing_values: tuple[str, ...]
    required: bool
    max_length: int | None
    minimum: Decimal | None
    maximum: Decimal | None
    enum: tuple[str, ...]
    pattern: str
    overflow: Literal["cut", "refuse"]
    rows: Literal["all", "first"]
    kinds: tuple[str, ...]
    start: int
    width: int
    align: Literal["left", "right"]
    pad: str
    constant: str | None
    description_fr: str

    @property
    def in_utc(self) -> bool:
        """Whether its times carry an offset, so that the column is in UTC."""
        return "%z" in self.date_format

    @property
    def limit(self) -> int | None:
        """The most characters it can have."""
        return min((most for most in (self.max_length, self.width) if most), default=None)

    @property
    def end(self) -> int:
        """Position after its last character in a fixed layout, from 0."""
        return self.start - 1 + self.width


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A file format.

    Attributes:
        name: ``system/what``, as its file's path within its folder.
        title: for people.
        description: for people.
        path: name of the file it describes.
        notes: Markdown for the documentation page: how to get the file, what to mind.
        encoding: a Python codec's name; empty: detected when reading, UTF-8 when writing.
        delimiter: between cells; empty: detected when reading, a comma when writing.
        detect: users save such files again with other programs: encoding and delimiter are detected when reading.
        quote: the text delimiter; empty: none.
        double_quote: a quote or line break within a cell is written, the quote twice; else they are replaced.
        line_end: written at the end of each line; any is read.
        header: the first line has the labels.
        layout: ``delimited`` or ``fixed`` width.
        quoting: which cells are written in quotes: ``all``, ``data`` (all but the header), ``needed`` or ``none``.
        kind_field: name of the field that tells the kind of a record, when the file has several.
        fields: in the order they stand in the file.
        offered: constants without a value: the file gets their column once a profile gives them one. An empty column
            would empty what the other side has there.
        settings: the values that a profile may override, by name; a constant is the setting of its field's name.
        table: the canonical table its sources belong to; empty: its own.
        joined: canonical tables joined to it, by the prefix of their columns.
        assumed: the labels are a guess: nobody publishes them. Nothing is sent by it until somebody declares better.
        key: names of the fields that tell a row from the others; empty: not declared.
    """

    name: str
    title: str
    description: str
    path: str
    notes: str
    encoding: str
    delimiter: str
    detect: bool
    quote: str
    double_quote: bool
    line_end: str
    header: bool
    layout: Layout
    quoting: Quoting
    kind_field: str
    fields: tuple[Field, ...]
    offered: tuple[Field, ...]
    settings: Mapping[str, str]
    table: str
    joined: Mapping[str, str]
    assumed: bool
    key: tuple[str, ...]
    document: Section = field(repr=False, compare=False)

    @property
    def record_kinds(self) -> tuple[str, ...]:
        """The kinds of record of the file; empty when it has one only."""
        return self.field(self.kind_field).enum if self.kind_field else ()

    def field(self, name: str) -> Field:
        """Give one field.

        Raises:
            KeyError: the format has no such field.
        """
        for one in self.fields:
            if one.name == name:
                return one
        raise KeyError(f"format {self.name} has no field {name}")

    def labelled(self, label: str) -> Field:
        """Give the field that has a label, its own or another one it is known by; case and accents do not count.

        Raises:
            KeyError: no field has it.
        """
        key = label_key(label)
        for one in self.fields:
            if key in {label_key(known) for known in (one.title, *one.aliases)}:
                return one
        raise KeyError(f"no field of format {self.name} has the label {label}")

    def fields_of(self, kind: str) -> tuple[Field, ...]:
        """Give the fields of one kind of record."""
        return tuple(one for one in self.fields if not one.kinds or kind in one.kinds)

    def only(self, sources: Collection[str]) -> Descriptor:
        """Give the format without the fields that nobody needs: neither required nor one of these sources."""
        return replace(self, fields=tuple(one for one in self.fields if one.required or one.source in sources))

    def also(self, columns: Mapping[str, Type]) -> Descriptor:
        """Give the format with further columns of the file, by label; their source is the label.

        A label that one of its fields has is that field's.
        """
        known = {label_key(label) for one in self.fields for label in (one.title, *one.aliases)}
        mark = next((one.decimal_mark for one in self.fields if one.type == "number"), ".")
        further = tuple(_further(label, kind, mark) for label, kind in columns.items() if label_key(label) not in known)
        return replace(self, fields=(*self.fields, *further))

    def configured(self, settings: Mapping[str, object] | None) -> Descriptor:
        """Give the format with other values of its settings, as a profile gives them.

        Raises:
            DescriptorError: it has no such setting, or cannot work with that value.
        """
        if not settings:
            return self
        return build(self.document, settings=settings)


def _further(label: str, kind: Type, decimal_mark: str) -> Field:
    """Declare a column that is known by its label only."""
    place = Place(label, 1)
    plain = Section({key: Scalar(value, place) for key, value in {"name": "column", "type": kind}.items()}, place, {})
    one = _field(Entry(plain, "", Scope()), "delimited", "", ("",), 0)
    return replace(one, name=label, title=label, source=label, decimal_mark=decimal_mark)


@lru_cache(4096)
def label_key(label: str) -> str:
    """Give what counts of a header label: letters and digits, without case and accents.

    Source: spec FMT-2.
    """
    plain = unicodedata.normalize("NFKD", label.casefold())
    return "".join(character for character in plain if character.isalnum())


def build(document: Section, *, settings: Mapping[str, object] | None = None) -> Descriptor:
    """Make the format that a descriptor file declares.

    Raises:
        DescriptorError: with every mistake of the file.
    """
    scope = Scope()
    declared = _settings(document, scope)
    for name, value in (settings or {}).items():
        if name not in declared:
            known = ", ".join(sorted(declared)) or "none"
            scope.mistakes.append(f"{document.place.file}: no setting is named {name}; declared: {known}")
        declared[name] = str(value).lower() if isinstance(value, bool) else str(value)
    scope.settings = declared
    descriptor = _descriptor(document, scope)
    if scope.mistakes:
        raise DescriptorError(scope.mistakes)
    return descriptor


def extend(document: Section, load: Callable[[str], Section]) -> Section:
    """Give a descriptor file's content put over the one that its ``passerelle.extends`` names, if any.

    Args:
        document: the file's content.
        load: gives the whole content of another descriptor by its name.
    """
    extension = document.get("passerelle")
    base = extension.get("extends") if isinstance(extension, Section) else None
    return merged(load(base), document) if isinstance(base, Scalar) and base else document


def _settings(document: Section, scope: Scope) -> dict[str, str]:
    """Give the settings that a descriptor file declares, and the constants of its fields, by name."""
    resource = Entry(document, "", scope)
    scope.settings = declared = resource.entry("passerelle").mapping("settings")
    for entry in resource.entry("schema").entries("fields"):
        extension = entry.entry("passerelle")
        if extension.has("constant") and not extension.has("source"):
            declared[entry.text("name")] = extension.text("constant")
    return declared


@cache
def model_tables() -> Mapping[str, Table]:
    """Give every canonical table by its name."""
    modules = [
        importlib.import_module(f"{passerelle.model.__name__}.{found.name}")
        for found in pkgutil.iter_modules(passerelle.model.__path__)
    ]
    tables = [value for module in modules for value in vars(module).values() if isinstance(value, Table)]
    return {table.name: table for table in tables}


def _descriptor(document: Section, scope: Scope) -> Descriptor:
    resource = Entry(document, "", scope)
    resource.ignore("$schema", "profile", "type", "scheme", "mediatype", "sources", "licenses", "version")
    extension = resource.entry("passerelle")
    extension.ignore("extends", "settings")
    dialect = resource.entry("dialect")
    schema = resource.entry("schema")
    table, joined = _tables(extension)
    layout = extension.choice("layout", LAYOUTS, "delimited")
    origin = extension.text("origin")
    missing = tuple(resource.texts("missingValues")) + tuple(schema.texts("missingValues", ("",)))
    every: list[Field] = []
    for entry in schema.entries("fields"):
        one = _field(entry, layout, origin, missing, every[-1].end if every else 0)
        if one.constant is not None:
            every.append(replace(one, constant=scope.settings[one.name]))
            continue
        column = _model_column(entry, one, table, joined)
        every.append(one if one.description or column is None else replace(one, description=column.meaning))
    descriptor = Descriptor(
        name=resource.mandatory("name"),
        title=resource.text("title"),
        description=resource.text("description"),
        path=resource.mandatory("path"),
        notes=extension.text("notes"),
        encoding=resource.choice("encoding", ("", *ENCODINGS), ""),
        delimiter=_character(dialect, "delimiter"),
        detect=extension.flag("detect", default=False),
        quote="" if layout == "fixed" else _character(dialect, "quoteChar", '"'),
        double_quote=dialect.flag("doubleQuote", default=False),
        line_end=dialect.choice("lineTerminator", _LINE_ENDS, "\r\n"),
        header=dialect.flag("header", default=layout != "fixed"),
        layout=layout,
        quoting=extension.choice("quoting", QUOTINGS, "needed" if layout == "delimited" else "none"),
        kind_field=extension.text("kind_field"),
        fields=tuple(one for one in every if one.constant != "" or layout == "fixed"),
        offered=tuple(one for one in every if one.constant == "" and layout != "fixed"),
        settings=_settings(document, Scope()),
        table=table,
        joined=joined,
        assumed=extension.flag("assumed", default=False),
        key=schema.texts("primaryKey"),
        document=document,
    )
    resource.choice("format", ("csv", "txt", "fixed"), "csv")
    _check_fields(schema, descriptor, every)
    _check_kinds(extension, descriptor)
    _check_marks(dialect, descriptor)
    for entry in (resource, extension, dialect, schema):
        entry.close()
    return descriptor


def _field(entry: Entry, layout: Layout, origin: str, missing: tuple[str, ...], position: int) -> Field:
    name = entry.mandatory("name")
    kind = entry.choice("type", TYPES, "string")
    extension = entry.entry("passerelle")
    constraints = entry.entry("constraints")
    form = _form(extension)
    result = Field(
        name=name,
        title=entry.text("title", name),
        type=kind,
        source=extension.text("source", name),
        description=entry.text("description"),
        origin=extension.text("origin", origin),
        examples=entry.texts("example"),
        aliases=extension.texts("aliases"),
        date_format=_date_format(entry, kind),
        decimal_mark=entry.choice("decimalChar", (".", ","), "."),
        group_mark=_character(entry, "groupChar"),
        decimals=extension.count("decimals", maximum=6),
        least_decimals=extension.count("least_decimals", maximum=6) or 0,
        true_values=form[1:] + entry.texts("trueValues", () if form else ("true", "True", "TRUE", "1")),
        false_values=form[:1] + entry.texts("falseValues", () if form else ("false", "False", "FALSE", "0")),
        missing_values=entry.texts("missingValues", missing),
        required=constraints.flag("required", default=False),
        max_length=constraints.count("maxLength", minimum=1),
        minimum=_number(constraints, "minimum"),
        maximum=_number(constraints, "maximum"),
        enum=constraints.texts("enum"),
        pattern=_pattern(constraints),
        overflow=extension.choice("overflow", ("cut", "refuse"), "cut"),
        rows=extension.choice("rows", ("all", "first"), "all"),
        kinds=extension.texts("kinds"),
        start=extension.count("start", minimum=1) or position + 1,
        width=extension.count("width", minimum=1) or 0,
        align=extension.choice("align", ("left", "right"), "right" if kind in {"number", "integer"} else "left"),
        pad=_character(extension, "pad", " "),
        constant=_constant(extension),
        description_fr=extension.text("description_fr"),
    )
    if layout == "fixed" and not result.width:
        extension.wrong("width", "is missing: every field of a fixed layout has one")
    if layout == "delimited" and (extension.has("width") or extension.has("start")):
        extension.wrong("width" if extension.has("width") else "start", "belongs to passerelle.layout: fixed")
    for one in (entry, extension, constraints):
        one.close()
    return result


def _constant(extension: Entry) -> str | None:
    """Give the text that every row has; a source, which a descriptor puts over it, is taken instead."""
    constant = extension.text("constant") if extension.has("constant") else None
    return None if extension.has("source") else constant


def _form(extension: Entry) -> tuple[str, ...]:
    """Give the texts for false and true of a form such as ``0/1`` or ``N/O``."""
    form = extension.text("form")
    if not form:
        return ()
    parts = tuple(form.split("/"))
    if len(parts) == 2 and parts[0] != parts[1]:
        return parts
    extension.wrong("form", f"{form!r} is not possible; allowed: two texts, false/true, such as 0/1")
    return ()


def _character(entry: Entry, key: str, default: str = "") -> str:
    value = entry.text(key, default)
    if len(value) <= 1 and value not in {"\r", "\n"}:
        return value
    entry.wrong(key, f"{value!r} is not possible; allowed: one character")
    return default


def _number(entry: Entry, key: str) -> Decimal | None:
    value = entry.text(key)
    if not value:
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if number.is_finite():
        return number
    entry.wrong(key, f"{value!r} is no number")
    return None


def _pattern(entry: Entry) -> str:
    pattern = entry.text("pattern")
    try:
        re.compile(pattern)
    except re.error as error:
        entry.wrong("pattern", f"{pattern!r} is no regular expression: {error}")
        return ""
    return pattern


def _date_format(entry: Entry, kind: Type) -> str:
    declared = entry.text("format", "default")
    if kind not in _STANDARD_FORMATS:
        if declared not in {"default", "email", "uri", "uuid"}:
            entry.wrong("format", f"{declared!r} is not possible for a {kind}; allowed: default")
        return ""
    if declared == "default":
        return _STANDARD_FORMATS[kind]
    directives = re.findall(r"%(.?)", declared)
    needed = {"d", "m"} | ({"Y"} if "Y" in directives else {"y"})
    if set(directives) <= set(_DIRECTIVES) and needed <= set(directives):
        return declared
    entry.wrong(
        "format",
        f"{declared!r} is not possible; allowed: default, or a pattern with day, month and year of "
        f"{' '.join('%' + letter for letter in _DIRECTIVES)}, such as %d/%m/%Y",
    )
    return _STANDARD_FORMATS[kind]


def _tables(extension: Entry) -> tuple[str, dict[str, str]]:
    table, joined = extension.text("table"), extension.mapping("joined")
    for key, names in (("table", [table] if table else []), ("joined", list(joined.values()))):
        for name in names:
            if name not in model_tables():
                extension.wrong(
                    key, f"no canonical table is named {name}; allowed: {', '.join(sorted(model_tables()))}"
                )
    return table, joined


def _model_column(entry: Entry, one: Field, table: str, joined: Mapping[str, str]) -> Column | None:
    """Give the canonical column that a field names; None when the format has its own table."""
    tables = model_tables()
    sides = [(prefix, tables[name]) for prefix, name in [("", table), *joined.items()] if name in tables]
    columns = {prefix + column.name: column for prefix, side in sides for column in side.columns}
    if not table or len(sides) <= len(joined):
        return None
    column = columns.get(one.source)
    if column is None:
        entry.wrong("name", f"no canonical column is named {one.source}; allowed: {', '.join(columns)}")
    elif one.type not in _TYPES_OF_KIND[column.kind]:
        allowed = ", ".join(_TYPES_OF_KIND[column.kind])
        entry.wrong("type", f"the canonical column {one.source} is a {column.kind}; allowed: {allowed}")
    return column


def _check_fields(schema: Entry, descriptor: Descriptor, every: Sequence[Field]) -> None:
    if not descriptor.fields:
        schema.wrong("fields", "a format has at least one field")
    met: set[str] = set()
    for one, entry in zip(every, schema.entries("fields"), strict=True):
        if one.name in met:
            entry.wrong("name", f"two fields are named {one.name}")
        if one.source == "line":
            entry.wrong("name", "the source line is the reader's own: the line of the file")
        met.add(one.name)
    filled = {one.name for one in every if one.constant is None}
    if unfit := [name for name in descriptor.key if name not in filled]:
        schema.wrong(
            "primaryKey", f"{', '.join(unfit)} is no field, or is a constant; allowed: {', '.join(sorted(filled))}"
        )
    if descriptor.header:
        _check_labels(schema, descriptor, every)
    if descriptor.layout == "fixed":
        _check_positions(schema, descriptor)


def _check_labels(schema: Entry, descriptor: Descriptor, every: Sequence[Field]) -> None:
    bare = "" if descriptor.quoting in {"all", "needed"} else (descriptor.delimiter or ",") + descriptor.quote
    owners: dict[str, str] = {}
    for one, entry in zip(every, schema.entries("fields"), strict=True):
        if set(one.title) & {*bare, "\r", "\n"} or not _encodable(one.title, descriptor.encoding):
            entry.wrong("title", f"a header of this dialect and encoding cannot hold {one.title!r}")
        for label in (one.title, *one.aliases):
            if not label_key(label):
                entry.wrong("title", f"{label!r} has no letter or digit to know it by")
            owner = owners.setdefault(label_key(label), one.name)
            if owner != one.name:
                entry.wrong("title", f"the header could not tell {label!r} from the label of {owner}")


def _check_positions(schema: Entry, descriptor: Descriptor) -> None:
    ends: dict[str, int] = {}
    for one, entry in zip(descriptor.fields, schema.entries("fields"), strict=True):
        for kind in one.kinds or descriptor.record_kinds or ("",):
            if one.start - 1 < ends.get(kind, 0):
                entry.wrong("name", f"starts at {one.start}, where the field before it has not ended")
            ends[kind] = one.end


def _encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _check_marks(dialect: Entry, descriptor: Descriptor) -> None:
    if descriptor.layout == "fixed":
        for key in ("delimiter", "quoteChar", "doubleQuote"):
            if dialect.has(key):
                dialect.wrong(key, "does not belong to passerelle.layout: fixed")
        if descriptor.header:
            dialect.wrong("header", "a fixed layout has none")
    elif not descriptor.quote and descriptor.quoting != "none":
        dialect.wrong("quoteChar", "may only be empty with passerelle.quoting: none")
    elif descriptor.quoting == "none" and _has_numbers_with(descriptor.delimiter or ",", descriptor):
        dialect.wrong("delimiter", "is the decimal mark of a number, which passerelle.quoting: none cannot tell apart")
    if not (descriptor.delimiter + descriptor.quote).isascii() or descriptor.delimiter == descriptor.quote != "":
        dialect.wrong("delimiter", "delimiter and quoteChar must be two different ASCII characters")


def _has_numbers_with(mark: str, descriptor: Descriptor) -> bool:
    return any(one.type == "number" and one.decimal_mark == mark for one in descriptor.fields)


def _check_kinds(extension: Entry, descriptor: Descriptor) -> None:
    named = {kind for one in descriptor.fields for kind in one.kinds}
    if not descriptor.kind_field:
        if named:
            extension.wrong("kind_field", "is missing: fields name kinds of record, but no field tells the kind")
        return
    found = next((one for one in descriptor.fields if one.name == descriptor.kind_field), None)
    if found is None or not (found.enum and found.required) or found.kinds or found is not descriptor.fields[0]:
        extension.wrong(
            "kind_field", "must name the first field, common to all kinds, required, whose constraints.enum lists them"
        )
    elif unknown := sorted(named - set(found.enum)):
        extension.wrong("kind_field", f"does not allow {', '.join(unknown)}; allowed: {', '.join(found.enum)}")
    if descriptor.header:
        extension.wrong("kind_field", "a file with several kinds of record has no header: dialect.header: false")
