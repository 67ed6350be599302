"""A format in the words of the Frictionless standard alone, for programs that know nothing of ours.

Source: spec FMT-1; design.md decision 4.
"""

from __future__ import annotations

from typing import Any

from passerelle.formats.descriptor import Descriptor, Field


def to_frictionless(descriptor: Descriptor) -> dict[str, Any]:
    """Give the Data Resource of a format, without our extension.

    What the standard has no words for (a fixed layout, several kinds of record) cannot be given.

    Raises:
        ValueError: the format has a fixed layout or several kinds of record.
    """
    if descriptor.layout == "fixed" or descriptor.kind_field:
        raise ValueError(f"the Frictionless standard cannot describe {descriptor.name}")
    return {
        "name": descriptor.name.replace("/", "-").replace("_", "-"),
        "title": descriptor.title,
        "description": descriptor.description,
        "path": descriptor.path,
        "format": "csv",
        "encoding": descriptor.encoding or "utf-8",
        "dialect": {
            "header": descriptor.header,
            "delimiter": descriptor.delimiter or ",",
            "quoteChar": descriptor.quote,
            "doubleQuote": True,
            "lineTerminator": descriptor.line_end,
        },
        "schema": {
            "fields": [_field(one) for one in descriptor.fields],
            "missingValues": [""],
            **({"primaryKey": [descriptor.field(name).title for name in descriptor.key]} if descriptor.key else {}),
        },
    }


def _field(one: Field) -> dict[str, Any]:
    constraints = {
        "required": one.required or None,
        "maxLength": one.max_length if one.type == "string" else None,
        "minimum": None if one.minimum is None else f"{one.minimum:f}",
        "maximum": None if one.maximum is None else f"{one.maximum:f}",
        "enum": list(one.enum) or None,
        "pattern": one.pattern or None,
    }
    properties = {
        "name": one.title,
        "type": one.type,
        "description": one.description or None,
        "format": one.date_format or None,
        "decimalChar": one.decimal_mark if one.type == "number" else None,
        "groupChar": one.group_mark or None,
        "trueValues": list(one.true_values) if one.type == "boolean" else None,
        "falseValues": list(one.false_values) if one.type == "boolean" else None,
        "constraints": {key: value for key, value in constraints.items() if value is not None} or None,
        "missingValues": list(one.missing_values) if any(one.missing_values) else None,
    }
    return {key: value for key, value in properties.items() if value is not None}
