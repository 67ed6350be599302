"""Write docs/outcomes.md: everything that can be said of a record, with what to do about it."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter

from page import keep, table

from passerelle.messages import codes

INTRODUCTION = """\
# What does this error mean

Written by `make docs` from the message files of `passerelle.messages`. Codes are stable, texts may improve.
`failed`: the record was refused; `ignored`: it was left out on purpose; `succeeded`: a remark, nothing is lost.
"""


def text() -> str:
    """Give the page."""
    parts = [INTRODUCTION]
    for area, group in groupby(sorted(codes().values(), key=attrgetter("area", "id")), key=attrgetter("area")):
        rows = ((f"`{one.id}`", one.state, one.fr, one.todo_fr, one.en, one.todo_en) for one in group)
        parts.append(f"## {area}\n\n" + table(("code", "state", "français", "à faire", "English", "to do"), rows))
    return "\n".join(parts)


if __name__ == "__main__":
    keep({"outcomes.md": text()})
