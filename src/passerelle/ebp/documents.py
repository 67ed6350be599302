"""The documents of a file: which rows make one, and whether they agree.

Source: facts ebp.md §2.3, §3; spec EBP-2, EBP-3.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from passerelle.ebp.findings import Findings
from passerelle.ebp.labels import DOCUMENT_CUSTOMER, NUMBER
from passerelle.ebp.reading import Grid

_DEPOSIT = "Acompte - "
_LINE = "Ligne - "
_ZERO = "0,."
"""Signs of an amount of nothing, which rows after the first may have instead of the deposit."""


@dataclass(slots=True)
class Document:
    """A document as a file tells it.

    Attributes:
        file: the file.
        kind: quote, order, delivery_note, invoice or credit_note.
        number: as it stands in the file.
        places: where each label's cell stands in a row.
        lines: lines of the file that make it.
        rows: their cells.
        torn: some of its rows may be among those that could not be read.
    """

    file: str
    kind: str
    number: str
    places: Mapping[str, int]
    lines: list[int]
    rows: list[list[str]]
    torn: bool = False

    def cell(self, label: str, row: int = 0) -> str:
        """Give a cell; empty when the file lacks the column."""
        place = self.places.get(label)
        return "" if place is None else self.rows[row][place]


def documents(grid: Grid, kind: str, custom_field: str, found: Findings) -> list[Document]:
    """Put the rows of a file together to documents, and say which do not fit together.

    Rows of one number are one document, unless they are of two customers or two orders of the shop.
    """
    places = {label: place for place, label in enumerate(grid.labels)}
    own = [place for label, place in places.items() if not label.startswith((_DEPOSIT, _LINE))]
    identity = [places[label] for label in (DOCUMENT_CUSTOMER, custom_field) if label in places]
    deposits = [place for label, place in places.items() if label.startswith(_DEPOSIT)]
    of_document = itemgetter(*own, own[0])
    known: dict[str, Document] = {}
    made: list[Document] = []
    previous = ""
    for line, cells in zip(grid.lines, grid.rows, strict=True):
        number = cells[places[NUMBER]]
        one = known.get(number)
        if one is None or any(cells[place] != one.rows[-1][place] for place in identity):
            if one is not None:
                found.tell("ebp-duplicate-number", grid.file, line, NUMBER, number, first=one.lines[0])
            known[number] = Document(grid.file, kind, number, places, [line], [cells])
            made.append(known[number])
        else:
            if number != previous:
                found.tell("ebp-rows-apart", grid.file, line, NUMBER, number, first=one.lines[0])
            first = one.rows[0]
            wrong = own if of_document(first) != of_document(cells) else []
            differing = [place for place in wrong if first[place] != cells[place]]
            differing += [place for place in deposits if cells[place] != first[place] and cells[place].strip(_ZERO)]
            for place in differing:
                found.tell(
                    "ebp-document-differs", grid.file, line, grid.labels[place], cells[place],
                    first=one.lines[0], expected=first[place], number=number,
                )  # fmt: skip
            one.lines.append(line)
            one.rows.append(cells)
        previous = number
    _mark_torn(made, grid.refused)
    return made


def _mark_torn(made: Sequence[Document], refused: Sequence[int]) -> None:
    """Mark the documents that a refused row may belong to: those right before and after it."""
    starts = [one.lines[0] for one in made]
    for line in refused:
        after = bisect(starts, line)
        for one in made[max(0, after - 1) : after + 1]:
            one.torn = True
