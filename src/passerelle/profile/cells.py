"""What people type into a mapping, as text: numbers and dates without the spreadsheet's disguise, yes and no, kinds.

Source: spec ORD-2, ORD-41, CAT-19, FMT-2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from passerelle.exchange.mappings import ANY, IGNORE, SPECIAL_NAMES
from passerelle.exchange.selection import YES
from passerelle.formats.descriptor import label_key
from passerelle.messages import Language

_YES_NO: Mapping[str, tuple[str, ...]] = {"yes": YES, "no": ("non", "no", "0", "faux", "false")}
_DOCUMENT_KINDS: Mapping[str, tuple[str, ...]] = {
    "quote": ("devis", "quote"),
    "order": ("commande", "order"),
    "delivery_note": ("bon de livraison", "delivery note", "BL"),
    "invoice": ("facture", "invoice"),
}
_ERP_DOCUMENTS: Mapping[str, tuple[str, ...]] = {
    **_DOCUMENT_KINDS,
    "preparation": ("préparation de livraison", "preparation", "préparation", "bon de préparation"),
}
_PRESENTATIONS: Mapping[str, tuple[str, ...]] = {
    "select": ("liste", "select"),
    "radio": ("boutons", "radio"),
    "color": ("couleur", "color"),
}
CHOICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "selected": _YES_NO,
    "create_settlement": _YES_NO,
    "document_kind": _DOCUMENT_KINDS,
    "special_article": SPECIAL_NAMES,
    "erp_document": _ERP_DOCUMENTS,
    "attribute_type": _PRESENTATIONS,
}
"""By column of a mapping: what may stand there, and how people write it, in French first, then in English."""

_CHOSEN = {
    column: {label_key(written): value for value, labels in choices.items() for written in labels}
    for column, choices in CHOICES.items()
}
_EXCEL_DIGITS = 15
_RATE = re.compile(r"\d{1,3}([.,]\d{0,6})?$")
_WEIGHT = re.compile(r"\d{1,6}([.,]\d{1,6})?$")
_DAYS = ("%Y-%m-%d", "%d/%m/%Y")
_LEADING_ZEROS = re.compile(r"^0+$")


def chosen(column: str, text: str) -> str | None:
    """Give what a text of a column of ``CHOICES`` means; None when it means nothing. Other columns stay as they are."""
    if column not in CHOICES or text in {"", IGNORE}:
        return text
    return _CHOSEN[column].get(label_key(text))


def written(column: str, value: str, language: Language) -> str:
    """Give a value of a mapping in the words of people."""
    labels = CHOICES.get(column, {}).get(value)
    return (labels[0] if language == "fr" else labels[1]) if labels else value


def possible(column: str, language: Language) -> list[str]:
    """Give what people may write in a column of ``CHOICES``."""
    return [written(column, value, language) for value in CHOICES[column]]


def fault(column: str, text: str) -> str:
    """Give the code of what keeps a rate, a weight or a date from being read; empty: it can be, or is neither."""
    if text in {"", ANY, IGNORE}:
        return ""
    if column == "tax_rate":
        return "" if _RATE.match(text) else "mapping-no-rate"
    if column == "default_weight":
        return "" if _WEIGHT.match(text) else "mapping-no-weight"
    if column in {"valid_from", "valid_to"}:
        return "" if any(_is_day(text, form) for form in _DAYS) else "mapping-no-date"
    return ""


def _is_day(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return False
    return True


def plain(value: object, number_format: str = "General") -> str:
    """Give a spreadsheet's cell as the text a person sees in it.

    A number has no exponent, no trailing zeros and no more than the 15 digits that a spreadsheet keeps (5.5, 20); a
    percentage is the number before the sign (20 % is 20); a format of zeros keeps the leading ones (00042). A date is
    written 2026-11-21.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return _number(value, number_format)
        case datetime():
            midnight = value.time() == datetime.min.time()
            return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
        case date():
            return value.isoformat()
        case _:
            return str(value).strip()


def rate(text: str) -> str:
    """Give a rate as the mapping compares it: ``20 %`` is ``20``."""
    return text.removesuffix("%").strip()


def _number(value: float | Decimal, number_format: str) -> str:
    exact = Decimal(f"{value:.{_EXCEL_DIGITS}g}") if isinstance(value, float) else Decimal(value)
    if not exact.is_finite():
        return str(value)
    if "%" in number_format:
        exact = exact.scaleb(2)
    text = f"{exact:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if _LEADING_ZEROS.match(number_format) and text.isdigit():
        text = text.zfill(len(number_format))
    return "0" if text == "-0" else text
