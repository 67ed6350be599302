"""What becomes of each record on its way to a shop, told by count where it is told of many.

Source: spec 00-overview (outcome), CAT-2, CAT-5.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from passerelle.exchange import texts
from passerelle.exchange.catalogue import Mask, near_misses
from passerelle.run.listing import Listed


@dataclass(slots=True)
class Fates:
    """What becomes of each record of the ERP: it goes, is left on purpose, or is refused.

    Attributes:
        references: the articles, customers …, each once.
        record_type: what they are, in the words of the outcomes.
        go: which of them go.
        left: how many were left on purpose, by code, and one of them.
        said: what was said of the refused ones.
    """

    references: pd.Series
    record_type: str = "article"
    go: Mask = field(init=False)
    _alone: Mask = field(init=False)
    left: dict[str, tuple[int, str]] = field(default_factory=dict)
    said: list[pd.DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.go = np.ones(len(self.references), bool)
        self._alone = np.zeros(len(self.references), bool)

    def part(self, which: Mask) -> Fates:
        """Give the fates of some records, which go their own way until ``take_back``."""
        part = Fates(self.references[which].reset_index(drop=True), self.record_type)
        part.go, part._alone = self.go[which], self._alone[which]
        return part

    def take_back(self, part: Fates, which: Mask) -> None:
        """Take note of what became of some records."""
        self.go[which], self._alone[which] = part.go, part._alone
        self.said += part.said
        for code, (count, first) in part.left.items():
            before, earlier = self.left.get(code, (0, first))
            self.left[code] = (before + count, earlier)

    def leave(self, code: str, which: Mask) -> None:
        """Leave some of those that went so far."""
        which = which & self.go
        if which.any():
            before, first = self.left.get(code, (0, str(self.references.iloc[int(which.argmax())])))
            self.left[code] = (before + int(which.sum()), first)
            self.go &= ~which
            self._alone |= which

    def refuse(self, outcomes: pd.DataFrame) -> None:
        """Take note of outcomes, and refuse the records that failed; of those left before, failures do not matter."""
        is_failure = (outcomes["record_type"] == self.record_type) & (outcomes["state"] == "failed")
        if is_failure.any() and self._alone.any():
            outcomes = outcomes[~(is_failure & texts.among(outcomes["record"], self.references[self._alone]))]
            is_failure = is_failure[outcomes.index]
        self.said.append(outcomes)
        failed = outcomes.loc[is_failure, "record"]
        if len(failed):
            self.go &= ~texts.among(self.references, failed).to_numpy()

    def compare(self, listed: Listed) -> None:
        """Refuse the articles that the shop has under nearly their reference, and leave those it does not have."""
        self.refuse(listed.outcomes)
        self.refuse(near_misses(self.references[self.go & ~listed.has(self.references)], listed.rows["article"]))
        self.leave("article-not-in-shop", ~listed.has(self.references))
