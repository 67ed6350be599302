"""Short ways to what a run prepares."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from passerelle import money
from passerelle.ledger.entries import ACCOUNTS, EFFECTS, RECORDS, Parcel, Prepared, StoredFile


def records(*keys, content="v1", replaces="", total="12.34"):
    """Orders shop/1, shop/2 …, document W1, W2 …, whose content is "v1 of shop/1" …"""
    return RECORDS.of(
        {
            "record_type": "order",
            "record_key": key,
            "content_hash": f"{content} of {key}",
            "replaces": f"{replaces} of {key}" if replaces else "",
            "document_kind": "order",
            "document_number": key.replace("shop/", "W"),
            "total_incl": money.of(total),
        }
        for key in keys
    )


def accounts(**codes):
    return ACCOUNTS.of(
        {"customer_key": f"shop/{key}", "customer_code": code, "email": f"{key}@example.org"}
        for key, code in codes.items()
    )


def effects(**values):
    return EFFECTS.of(
        {"record_key": f"shop/{key.removeprefix('o')}", "kind": "set_status", "value": value}
        for key, value in values.items()
    )


def parcel(delivery_id, *names):
    """A parcel whose files are not really in the outbox."""
    files = (
        StoredFile(name, Path("/outbox") / delivery_id / name, 3, "ab" * 32, 1) for name in names or ["orders.txt"]
    )
    return Parcel(delivery_id, "ftp://erp.example", "in", "manifest.json", tuple(files))


def send(ledger, delivery_id, sent, profile="demo", task="orders", **prepared):
    """Run a task up to the point where its files would be published; give the run."""
    run = ledger.start_run(profile, task)
    ledger.prepare(run, Prepared(parcel=parcel(delivery_id), records=sent, **prepared))
    return run


def known(ledger, profile="demo") -> dict[str, str]:
    found = ledger.exchanged(profile, "order")
    return dict(zip(found["record_key"], found["content_hash"], strict=True))


def spoken(error) -> bool:
    """Whether an error says something complete in both languages, and what to do."""
    told = [error.text("fr"), error.text("en"), error.todo("fr"), error.todo("en"), str(error)]
    return all(text and "{" not in text for text in told)


def table(frame: pd.DataFrame, *columns: str) -> list[tuple]:
    return list(frame[list(columns)].itertuples(index=False, name=None))
