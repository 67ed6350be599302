"""What was sent of orders, kept with each run so that it can be reversed later; nobody's name stands in it.

Source: spec ORD-61.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path

import pandas as pd

from passerelle.exchange.changes import Sent
from passerelle.model.documents import DOCUMENT_LINES, DOCUMENTS, SETTLEMENTS

FOLDER = "sent"
_EMPTY = (DOCUMENTS.empty().assign(order_key=""), DOCUMENT_LINES.empty(), SETTLEMENTS.empty())


def keep(run_folder: Path, sent: Sent) -> None:
    """Keep what a run sends, before it is sent."""
    folder = run_folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for table in fields(Sent):
        getattr(sent, table.name).to_parquet(folder / f"{table.name}.parquet", index=False)


def recall(last_sent: Mapping[Path, Iterable[str]]) -> Sent:
    """Give what was last sent of orders.

    Args:
        last_sent: by the folder of a run, the orders that it was the last to send; one that kept nothing gives nothing.
    """
    found = [_read(folder / FOLDER, keys) for folder, keys in last_sent.items() if (folder / FOLDER).is_dir()]
    return Sent(
        *(
            pd.concat([empty, *(getattr(one, table.name) for one in found)], ignore_index=True)
            for table, empty in zip(fields(Sent), _EMPTY, strict=True)
        )
    )


def _read(folder: Path, order_keys: Iterable[str]) -> Sent:
    documents, lines, settlements = (pd.read_parquet(folder / f"{table.name}.parquet") for table in fields(Sent))
    documents = documents[documents["order_key"].isin(list(order_keys))]
    keys = documents["document_key"]
    return Sent(
        DOCUMENTS.conform(documents).assign(order_key=documents["order_key"]),
        DOCUMENT_LINES.conform(lines[lines["document_key"].isin(keys)]),
        SETTLEMENTS.conform(settlements[settlements["document_key"].isin(keys)]),
    )
