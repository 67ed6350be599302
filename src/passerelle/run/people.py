"""All that is kept of one person, exported or erased on request.

Source: spec SEC-5.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import PurePath
from typing import Any

import pandas as pd

from passerelle import money, outcome
from passerelle.ledger.ledger import Ledger
from passerelle.ledger.people import Person, Record
from passerelle.profile.loader import load
from passerelle.profile.settings import Profile
from passerelle.run import debug
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation
from passerelle.run.job import LEASE, to_shop
from passerelle.run.traces import Trace, search


@dataclass(frozen=True, slots=True)
class Found:
    """A person and what is theirs.

    Attributes:
        person: as the ledger knows them.
        records: exchanged records, type and key.
        files: files that name them.
        outcomes: files of which some part could not be looked through, so that it may name them.
    """

    person: Person
    records: frozenset[Record]
    files: tuple[Trace, ...]
    outcomes: pd.DataFrame = field(compare=False)


def find(installation: Installation, name: str, who: str) -> Found:
    """Find a person by e-mail, account code or key in a shop.

    Raises:
        ProfileError: the profile cannot be used.
        RunError: neither the ledger nor a file knows them.
    """
    with _opened(installation, name) as (profile, ledger):
        return _found(installation, profile, ledger, who)


def export(installation: Installation, name: str, who: str) -> str:
    """Give all that is kept of a person as JSON.

    Raises:
        ProfileError: the profile cannot be used.
        RunError: neither the ledger nor a file knows them.
    """
    with _opened(installation, name) as (profile, ledger):
        found = _found(installation, profile, ledger, who)
        kept = ledger.people.kept(profile.name, found.person, found.records)
    for row in kept["told"]:
        row |= {side: json.loads(row[side]) if row[side] else None for side in ("value", "before")}
    for row in (*kept["records"], *kept["replaced"]):
        row["total_incl"] = None if row["total_incl"] is None else f"{money.decimal(row['total_incl']).normalize():f}"
    for row in kept["outcomes"]:
        row["message"] = outcome.message(row, profile.language)
    unread = [outcome.message(row, profile.language) for row in found.outcomes.to_dict("records")]
    about = {"profile": profile.name, "asked": who, "exported_at": installation.clock()}
    told = {
        **about,
        "person": asdict(found.person),
        **kept,
        "files": [asdict(file) for file in found.files],
        "unread": unread,
    }
    return json.dumps(told, ensure_ascii=False, indent=2, default=_text) + "\n"


def erase(installation: Installation, name: str, who: str, *, by: str) -> tuple[Found, dict[str, int]]:
    """Forget who a person is, while no task of the profile works; files stay until they are purged, but debug dumps.

    Args:
        installation: where.
        name: the profile.
        who: e-mail, account code or key in a shop.
        by: who wants it.

    Returns:
        What was found, and how many ``accounts``, values ``told`` and ``outcomes`` were forgotten.

    Raises:
        ProfileError: the profile cannot be used.
        RunError: neither the ledger nor a file knows them.
        BusyError: a task works.
    """
    with _opened(installation, name) as (profile, ledger), ExitStack() as held:
        for lease in (LEASE, *(to_shop(shop.name) for shop in profile.shops)):
            held.enter_context(ledger.lease(profile.name, lease, "passerelle people erase"))
        found = _found(installation, profile, ledger, who)
        for file in found.files:
            if PurePath(file.path).name == debug.NAME:
                (installation.state / file.path).unlink(missing_ok=True)
        left = replace(found, files=tuple(one for one in found.files if PurePath(one.path).name != debug.NAME))
        return left, ledger.people.forget(profile.name, found.person, found.records, by=by)


@contextmanager
def _opened(installation: Installation, name: str) -> Iterator[tuple[Profile, Ledger]]:
    profile = load(name, profiles_folder=installation.profiles).profile
    with Ledger.open(installation.ledger_url, clock=installation.clock, create=False) as ledger:
        yield profile, ledger


def _found(installation: Installation, profile: Profile, ledger: Ledger, who: str) -> Found:
    person = ledger.people.find(profile.name, who)
    names = {*person.emails, *person.numbers, *([who.strip()] if "@" in who else [])}
    traces = search(installation, profile, ledger, names, person.codes)
    if not (person.is_known or traces.files or len(traces.outcomes)):
        raise RunError("person-unknown", value=who, profile=profile.name)
    exchanged = ledger.people.of_documents(profile.name, traces.documents)
    return Found(person, frozenset(person.records | exchanged), traces.files, traces.outcomes)


def _text(value: object) -> Any:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
