"""How numbers, dates and booleans stand in the files: what the public sources leave open, a profile settles.

Source: facts ebp.md §3, §6; spec EBP-2 (what is uncertain is a setting).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from passerelle.ebp.labels import FILES
from passerelle.exchange.currencies import DECIMALS, USUAL

_NUMBER = {
    ",": re.compile(r"[+-]?[0-9]{1,15}(,[0-9]{1,12})?"),
    ".": re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,12})?"),
}
"""No amount has more digits; what multiplies two of them stays exact (``totals``)."""
_OTHER_MARK = {",": ".", ".": ","}


@dataclass(frozen=True, slots=True)
class Conventions:
    """What was ticked and chosen in EBP's wizard for one file.

    Attributes:
        decimal_mark: of numbers; no thousands separator is possible.
        date_format: EBP's *Format des dates*, as a strptime pattern.
        booleans: the texts for false and true.
        custom_field: label of the custom field that holds the shop's order.
        decimals: of amounts, by EBP's code of their currency where it has not two; "" is the company's own.
    """

    decimal_mark: str = ","
    date_format: str = "%d/%m/%Y"
    booleans: tuple[str, str] = ("0", "1")
    custom_field: str = "atoosync_order"
    decimals: Mapping[str, int] = field(default_factory=lambda: DECIMALS)

    @classmethod
    def of_settings(cls, settings: Mapping[str, str], decimals: Mapping[str, int] = DECIMALS) -> Conventions:
        """Take them from the values of a format's settings; what it does not have is as documented."""
        default = cls()
        false, _, true = settings.get("boolean_form", "/".join(default.booleans)).partition("/")
        label = settings.get("custom_field_name", default.custom_field) + settings.get("custom_field_suffix", "")
        return cls(
            decimal_mark=settings.get("decimal_mark", default.decimal_mark),
            date_format=settings.get("date_format", default.date_format),
            booleans=(false, true),
            custom_field=label,
            decimals=decimals,
        )

    def decimals_of(self, currency: str) -> int:
        """Give the decimals that EBP rounds amounts of a currency to."""
        return self.decimals.get(currency, USUAL)

    def number_problem(self, text: str) -> str:
        """Give the code of what is wrong with a number; empty: nothing."""
        if _NUMBER[self.decimal_mark].fullmatch(text):
            return ""
        swapped = _NUMBER[_OTHER_MARK[self.decimal_mark]].fullmatch(text)
        return "ebp-decimal-mark" if swapped else "ebp-cell-no-number"

    def number(self, text: str) -> Decimal | None:
        """Give a number; None when there is none."""
        return None if not text or self.number_problem(text) else Decimal(text.replace(",", "."))

    def text(self, amount: Decimal) -> str:
        """Write an amount."""
        return f"{amount:f}".replace(".", self.decimal_mark)

    def date_problem(self, text: str) -> str:
        """Give the code of what is wrong with a date."""
        try:
            written = datetime.strptime(text, self.date_format).strftime(self.date_format)  # noqa: DTZ007 - a day
        except ValueError:
            return "ebp-cell-no-date"
        return "" if written == text else "ebp-cell-no-date"

    def boolean_problem(self, text: str) -> str:
        """Give the code of what is wrong with a boolean."""
        return "" if text in self.booleans else "ebp-cell-no-boolean"


DEFAULTS: Mapping[str, Conventions] = dict.fromkeys(FILES, Conventions())
"""As documented, for every file."""
