"""The documentation page of a format, made from its declaration.

Source: spec FMT-1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from passerelle.formats.descriptor import Descriptor, Field
from passerelle.formats.registry import Formats
from passerelle.formats.sample import in_file

_LINE_ENDS = {"\r\n": "CRLF", "\n": "LF", "\r": "CR"}
_DELIMITERS = {"\t": "tab", "": "comma"}
_QUOTINGS = {
    "all": "every cell",
    "data": "every cell but those of the header",
    "needed": "cells that need it",
    "none": "never",
}
_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "yes or no"}
_MADE = "<!-- Made from the descriptor by passerelle.formats.documentation; edits are lost. -->"


def page(descriptor: Descriptor) -> str:
    """Write the page of a format: what the file is, its columns, types, lengths, meaning and origin; in Markdown."""
    parts = [
        f"# {descriptor.title or descriptor.name}",
        descriptor.description,
        _table(("", ""), _properties(descriptor)),
        _settings(descriptor),
        "## Columns",
        _columns(descriptor),
        _offered(descriptor),
        descriptor.notes.strip(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def page_name(name: str) -> str:
    """Name the page of a format: ``prestashop/orders_sql`` is on ``prestashop-orders-sql.md``."""
    return name.replace("/", "-").replace("_", "-") + ".md"


def pages(known: Formats) -> dict[str, str]:
    """Write the pages of all formats and their index, by file name; docs/format_pages.py keeps them in docs/formats."""
    descriptors = [known.get(name) for name in known.names()]
    rows = [(f"[{one.name}]({page_name(one.name)})", one.title, f"`{one.path}`") for one in descriptors]
    index = "\n\n".join(
        [
            _MADE,
            "# Formats",
            "How a format is declared: [descriptors.md](descriptors.md).",
            _table(("Format", "What it is", "File"), rows),
        ]
    )
    return {"README.md": index + "\n", **{page_name(one.name): f"{_MADE}\n\n{page(one)}" for one in descriptors}}


def _properties(descriptor: Descriptor) -> list[tuple[str, str]]:
    detected = " (another is detected when reading)" if descriptor.detect else ""
    rows = [("Format", f"`{descriptor.name}`"), ("File", f"`{descriptor.path}`")]
    rows.append(("Encoding", (descriptor.encoding or "utf-8") + (detected if descriptor.encoding else "")))
    if descriptor.layout == "fixed":
        rows.append(("Layout", "fixed width"))
    else:
        delimiter = _DELIMITERS.get(descriptor.delimiter, f"`{descriptor.delimiter}`")
        rows.append(("Delimiter", delimiter + detected))
        rows.append(("Quotes", f"`{descriptor.quote}` around {_QUOTINGS[descriptor.quoting]}"))
        rows.append(("Header", "yes" if descriptor.header else "no"))
    rows.append(("Line end", _LINE_ENDS[descriptor.line_end]))
    if descriptor.kind_field:
        rows.append(("Kinds of record", ", ".join(f"`{kind}`" for kind in descriptor.record_kinds)))
    if descriptor.key:
        rows.append(("A row is told by", ", ".join(f"`{descriptor.field(name).title}`" for name in descriptor.key)))
    if descriptor.assumed:
        rows.append(("Assumed", "nothing is sent by it until a descriptor of yours says what the labels are"))
    origins = dict.fromkeys(one.origin for one in descriptor.fields if one.origin)
    return [*rows, ("Known from", "; ".join(origins))]


def _settings(descriptor: Descriptor) -> str:
    constants = {one.name for one in (*descriptor.fields, *descriptor.offered) if one.constant is not None}
    settings = {name: value for name, value in descriptor.settings.items() if name not in constants}
    if not settings:
        return ""
    rows = [(f"`{name}`", f"`{value}`" if value else "empty") for name, value in settings.items()]
    return "## Settings\n\nA profile may give other values.\n\n" + _table(("Setting", "Default"), rows)


def _columns(descriptor: Descriptor) -> str:
    is_fixed, has_kinds = descriptor.layout == "fixed", bool(descriptor.kind_field)
    heads = ["", "Column", "Holds", "Type", "Length", "Required", "Example"]
    heads[1:1] = ["Position"] * is_fixed + ["Kinds"] * has_kinds
    rows = []
    for number, one in enumerate(descriptor.fields, 1):
        row = [str(number), f"`{one.title}`", _holds(one), _type(one), _length(one), "yes" if one.required else ""]
        row[1:1] = [f"{one.start}-{one.end}"] * is_fixed + [", ".join(one.kinds) or "all"] * has_kinds
        rows.append([*row, *in_file(one)[:1]] if one.examples else [*row, ""])
    return _table(heads, rows)


def _offered(descriptor: Descriptor) -> str:
    if not descriptor.offered:
        return ""
    rows = [(f"`{one.title}`", f"`{one.name}`", one.description, _length(one)) for one in descriptor.offered]
    return (
        "## Columns that a profile may add\n\n"
        "Each has the same text on every row, given as the setting of that name; "
        "without it the file lacks the column.\n\n" + _table(("Column", "Setting", "Holds", "Length"), rows)
    )


def _holds(one: Field) -> str:
    also = f" Also known as {', '.join(f'`{alias}`' for alias in one.aliases)}." if one.aliases else ""
    return f"{one.description} (`{one.source}`).{also}".strip()


def _type(one: Field) -> str:
    words = [_TYPES.get(one.type) or f"{one.type} `{one.date_format}`"]
    if one.type == "number":
        words.append({",": "decimal comma", ".": "decimal point"}[one.decimal_mark])
        words += [f"{one.decimals} decimals"] if one.decimals is not None else []
        words += [f"at least {one.least_decimals} decimals"] if one.least_decimals else []
    if one.type == "boolean":
        words.append(f"`{one.true_values[0]}` or `{one.false_values[0]}`")
    if one.enum:
        words.append("one of " + ", ".join(f"`{value}`" for value in one.enum))
    words += [f"at least {one.minimum:f}"] if one.minimum is not None else []
    words += [f"at most {one.maximum:f}"] if one.maximum is not None else []
    words += [f"pattern `{one.pattern}`"] if one.pattern else []
    words += [f"nothing is `{one.missing_values[0]}`"] if one.missing_values and one.missing_values[0] else []
    words += ["on a record's first row"] if one.rows == "first" else []
    return ", ".join(words)


def _length(one: Field) -> str:
    if one.limit is None:
        return ""
    return f"{one.limit}, cut" if one.overflow == "cut" and one.type == "string" else f"{one.limit}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
