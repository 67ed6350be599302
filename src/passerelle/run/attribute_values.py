"""The weekly list of values of attributes that no product of a shop has any more.

Source: spec CAT-20; seed 002.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta

import pandas as pd

from passerelle.exchange import attribute_values as rules
from passerelle.exchange import texts
from passerelle.exchange.catalogue import differing
from passerelle.formats.writer import write
from passerelle.ledger.entries import VALUES
from passerelle.run.job import Desk, Package

KIND = "attribute-value"
_FORMAT = "shop/unused_values"
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class AttributeValues:
    """What became of the values of a shop's attributes.

    Attributes:
        changed: ``key``, ``value``, ``before``: values that are used now, or unused.
        packages: the list, when a week has gone by.
        marks: when the list was made.
        reports: the values that are unused, at any time.
    """

    changed: pd.DataFrame = field(default_factory=VALUES.empty)
    packages: tuple[Package, ...] = ()
    marks: dict[str, str] = field(default_factory=dict)
    reports: dict[str, pd.DataFrame] = field(default_factory=dict)

    @classmethod
    def after(cls, desk: Desk, articles: pd.DataFrame, kind: str) -> AttributeValues:
        """Look at the values once the shop has been told what it is told now.

        Args:
            desk: the run's.
            articles: ``key`` and ``value``: what it is told of articles.
            kind: the ledger's word for these.
        """
        name, shop = desk.profile.name, desk.shop.name
        last = desk.ledger.sent_values(name, shop, kind)
        told = pd.concat([last[~texts.among(last["key"], articles["key"])], articles])["value"]
        known = desk.ledger.sent_values(name, shop, KIND)
        used = rules.used_values(told)
        gone = rules.unused(rules.known_values(known["value"]), used)
        values = rules.as_told(used, used=True)
        mark = f"unused-values.{shop}"
        due = _is_due(desk.ledger.mark(name, mark), desk.today)
        if not due or gone.empty:
            return cls(differing(values, known, full=False), reports={"unused_values.csv": gone})
        descriptor = desk.shop_format(_FORMAT)
        written = write(descriptor, gone, record_type=KIND)
        changed = differing(pd.concat([values, rules.as_told(gone, used=False)]), known, full=False)
        package = Package(descriptor.path, written.data, written.rows)
        return cls(changed, (package,), {mark: desk.today.isoformat()}, {"unused_values.csv": gone})


def _is_due(mark: str | None, today: date) -> bool:
    return mark is None or today - date.fromisoformat(mark) >= _WEEK
