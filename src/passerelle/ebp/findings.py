"""What the played import has to say, each thing with its file, line and column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import pandas as pd

from passerelle import outcome


class Findings:
    """Collects what is said; one table of outcomes comes of it, in the order of the files and their lines."""

    def __init__(self, files: Iterable[str]) -> None:
        self._rank = {name: rank for rank, name in enumerate(files)}
        self._told: dict[str, list[tuple[tuple[int, int], str, str, str, dict[str, object]]]] = defaultdict(list)

    def tell(self, code: str, name: str, /, line: int = 0, field: str = "", value: str = "", **params: object) -> None:
        """Say a code of a line of a file; line 0 is the file as a whole."""
        place = (self._rank.get(name, len(self._rank)), line)
        record = f"{name}:{line}" if line else name
        self._told[code].append((place, record, field, value, params))

    def outcomes(self) -> pd.DataFrame:
        """Give all that was said: record ``file:line`` (type ``row``), or ``file`` (type ``file``)."""
        said, places = [], []
        for code, told in self._told.items():
            records = [one[1] for one in told]
            params = {name: [one[4][name] for one in told] for name in told[0][4]}
            said.append(
                outcome.said(
                    code,
                    records,
                    record_type="row",
                    stage="read",
                    field=[one[2] for one in told],
                    value=[one[3] for one in told],
                    **params,
                )
            )
            places += [one[0] for one in told]
        table = outcome.together(said)
        if table.empty:
            return table
        table["record_type"] = ["row" if line else "file" for _, line in places]
        order = sorted(range(len(places)), key=places.__getitem__)
        return table.iloc[order].reset_index(drop=True).astype("str")
