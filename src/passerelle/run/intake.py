"""What a run takes of files that are read once and put away: claimed, read, moved; and read again where need be.

    fetch into the inbox → claim → read … (the run prepares: taken) … → move to ``archive/`` or ``error/`` → moved

The files of a shop that one run claims are a lot, read together. A record that was refused and may be mended stays
open: the next runs read its lot again, from the inbox or from where it was put away, and take of it what is open,
unless a newer lot has the same record. So a mended mapping is enough, although the file is gone from its folder.

Source: spec STO-6, REL-1; design.md decision 5.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Generic
from zoneinfo import ZoneInfo

import pandas as pd

from passerelle import outcome
from passerelle.exchange.selection import window
from passerelle.exchange.settlements import order_of
from passerelle.ledger.entries import ORIGINS, FoundFile, Pickup
from passerelle.ledger.ledger import Ledger
from passerelle.profile.loader import LoadedProfile
from passerelle.profile.settings import Profile
from passerelle.profile.shop_settings import Shop, Source
from passerelle.run.exports import Kind, Read, picked_files, sources
from passerelle.run.inbox import Inbox
from passerelle.run.inputs import Inputs
from passerelle.shops.export import order_key
from passerelle.storage.base import Storage
from passerelle.storage.errors import StorageError
from passerelle.storage.pickup import PickedFile, fetch_again, put_away
from passerelle.storage.places import open_place

_log = logging.getLogger(__name__)
_INCOMPLETE = ("export-file-missing", "export-order-missing")
"""Said of records when files that belong together are not all there."""
_WAITING = ("day-not-finished", "not-asked-for", "beyond-batch")
"""Said of orders and refunds whose turn is still to come."""
_OF_ORDERS = ("refund", "settlement")
"""Records that are read with their order."""
_CONFLICTING = ("duplicate-order", "duplicate-customer", "export-record-conflict")
"""Said of records that several files give differently."""


@dataclass(frozen=True, slots=True)
class _Lot:
    """Files of a shop that were claimed by one run.

    Attributes:
        run_id: the run.
        files: what is there of them on this machine, by their numbers in the ledger.
        wanted: keys of the records that are read of them; none: all.
        gone: paths of those whose content is nowhere any more.
    """

    run_id: str
    files: Mapping[int, PickedFile]
    wanted: frozenset[str] | None = None
    gone: tuple[str, ...] = ()


class Intake(Generic[Read]):
    """The files of a profile's shops that hold one kind of records, for one run.

    Args:
        kind: which kind.
        loaded: the profile.
        inbox: its inbox.
        ledger: open.
        run_id: the run; empty: look only, claim nothing.
        inputs: holds on to the files that are read.

    Attributes:
        taken: numbers of the files that were claimed and read, and whether some of each could not be read.
        released: numbers of those that stay where they are, as others that belong to them are not there yet.
    """

    def __init__(
        self, kind: Kind[Read], loaded: LoadedProfile, inbox: Inbox, ledger: Ledger, run_id: str, inputs: Inputs
    ) -> None:
        self._kind: Kind[Read] = kind
        self._loaded = loaded
        self._profile = loaded.profile
        self._inbox = inbox
        self._ledger = ledger
        self._run_id = run_id
        self._inputs = inputs
        self._lot_of: dict[str, str] = {}
        """By record key, the run that claimed the files with its newest content."""
        self.taken: dict[int, bool] = {}
        self.released: frozenset[int] = frozenset()

    def read_shops(self) -> Read:
        """Read the records of the files of all shops.

        Raises:
            StorageError: the files cannot be picked up.
        """
        read = [
            self._read(shop, source) for shop in self._profile.shops if (source := self._kind.source(shop)) is not None
        ]
        return self._kind.joined(read)

    def origins(self, still: Collection[str]) -> pd.DataFrame:
        """Give where the records came from that were read, and which of them are not done with (``ORIGINS``).

        Args:
            still: keys of those that are not: their files are read again.
        """
        return ORIGINS.of(
            {"record_type": self._kind.record_type, "record_key": key, "run_id": run_id, "is_open": key in still}
            for key, run_id in self._lot_of.items()
        )

    def put_away(self) -> None:
        """Move what was taken out of the way, and forget contents that are no longer needed.

        What cannot be moved now stays taken: it is not read again, and the next run moves it.
        """
        taken = self._ledger.pickups(self._profile.name, state="taken")
        for name, source in sources(self._profile):
            waiting = [one for one in taken if one.shop == name]
            try:
                self._move(source, waiting)
            except StorageError as error:
                _log.warning("%d file(s) read and not moved, the next run tries again: %s", len(waiting), error)
        if self._inbox.is_there:
            self._inbox.keep_only(self._ledger.needed_contents(self._profile.name))

    def _read(self, shop: Shop, source: Source) -> Read:
        """Read the records of a shop's files: those that lie there, and of earlier ones what is open."""
        if source.after == "keep":
            return self._kind.read_all(shop, source, self._loaded, self._inputs)
        with self._fetching() as folder:
            with self._place(source) as storage:
                new = self._new_lot(storage, shop, source, Path(folder))
                earlier: list[_Lot] = list(self._open_lots(storage, shop, Path(folder)))
                where = storage.name
            if not (new.files or new.gone or earlier):
                return self._kind.without_files(shop, self._loaded, where)
            read: list[Read] = [self._of_new_lot(shop, new)]
            seen: set[str] = self._keys(read[0])
            read += [self._of_open_lot(shop, lot, seen) for lot in earlier]
            return self._kind.joined(read)

    def _move(self, source: Source, waiting: list[Pickup]) -> None:
        if not waiting:
            return
        with self._place(source) as storage:
            for folder, pickups in groupby(sorted(waiting, key=self._folder), self._folder):
                moved = list(pickups)
                files = [self._picked(one) for one in moved]
                targets = put_away(storage, files, folder, done_suffix=source.done_suffix)
                self._ledger.put_away({one.number: target for one, target in zip(moved, targets, strict=True)})

    def _folder(self, pickup: Pickup) -> str:
        """Give the folder that a file is moved to: by the day it was picked up, so that trying again finds it."""
        day = pickup.picked_at.astimezone(ZoneInfo(self._profile.time_zone))
        return f"{'error' if pickup.is_unreadable else 'archive'}/{day:%Y/%m/%d}"

    def _new_lot(self, storage: Storage, shop: Shop, source: Source, folder: Path) -> _Lot:
        """Claim what lies there, and what a dead run had claimed."""
        found = picked_files(storage, source, folder)
        if not self._run_id:
            known = {one.file for one in self._ledger.pickups() if one.state != "claimed"}
            return _Lot("", dict(enumerate(file for file in found if _found(storage, file) not in known)))
        kept = self._inbox.keep(found)
        claimed = self._ledger.claim(self._run_id, self._name(shop), [_found(storage, file) for file in kept])
        return self._lot(self._run_id, storage, claimed, folder)

    def _open_lots(self, storage: Storage, shop: Shop, folder: Path) -> Iterator[_Lot]:
        """Give the earlier lots of which records are open."""
        rows = self._ledger.open_origins(self._profile.name)
        of_kind = rows[rows["record_type"] == self._kind.record_type]
        of_shop = of_kind[of_kind["record_key"].str.startswith(order_key(shop.name, ""))]
        for run_id, keys in of_shop.groupby("run_id")["record_key"]:
            pickups = self._ledger.pickups(self._profile.name, run_id=str(run_id))
            lot = self._lot(str(run_id), storage, [one for one in pickups if one.shop == self._name(shop)], folder)
            yield replace(lot, wanted=frozenset(keys))

    def _lot(self, run_id: str, storage: Storage, pickups: Iterable[Pickup], folder: Path) -> _Lot:
        """Find the content of files: in the inbox, else where they lie or were put away."""
        files: dict[int, PickedFile] = {}
        gone = []
        for one in pickups:
            file = self._picked(one)
            if self._inbox.holds(file.sha256):
                files[one.number] = file
                continue
            # Claimed or taken on another machine, or done with and needed again.
            file = replace(file, local=folder / file.sha256)
            if fetch_again(storage, file, filter(None, (one.moved_to, file.path))):
                files[one.number] = file
            else:
                gone.append(file.path)
        return _Lot(run_id, files, gone=tuple(gone))

    def _of_new_lot(self, shop: Shop, lot: _Lot) -> Read:
        read = self._newest(shop, list(lot.files.values()))
        unreadable = _unreadable(read.outcomes)
        if not unreadable and read.outcomes["code"].isin(_INCOMPLETE).any():
            # The rest of the set may be on its way: as long as it is not there, the set stays, and is read anew.
            self.released |= lot.files.keys()
        else:
            self.taken |= {number: file.path in unreadable for number, file in lot.files.items()}
            self._lot_of |= dict.fromkeys(self._keys(read), lot.run_id)
        return self._with_gone(shop, read, lot)

    def _of_open_lot(self, shop: Shop, lot: _Lot, seen: set[str]) -> Read:
        """Read of an earlier lot what is open; what stands in the new one too is read there."""
        read = self._newest(shop, list(lot.files.values()))
        wanted = self._keys(read) & (lot.wanted or set()) - seen
        self._lot_of |= dict.fromkeys(wanted, lot.run_id)
        return self._with_gone(shop, self._only(read, wanted), lot)

    def _newest(self, shop: Shop, files: Sequence[PickedFile]) -> Read:
        """Read files together; of a record that several give differently, the newest file's version counts.

        That version is read with the files that give no records. Where the times do not tell which is the newest, or it
        cannot be read so, the record stays refused.
        """
        self._inputs.add(self._name(shop), files)
        read = self._kind.read(shop, self._loaded, files)
        left = set(read.outcomes.loc[read.outcomes["code"].isin(_CONFLICTING), "record"])
        if not left:
            return read
        with_records = [file for file in files if self._given(self._kind.read(shop, self._loaded, [file]))]
        if any(file.modified_utc is None for file in with_records):
            return read
        others: list[PickedFile] = [file for file in files if file not in with_records]
        parts: list[Read] = []
        newest_first = sorted(with_records, key=_modified, reverse=True)
        by_time: list[list[PickedFile]] = [list(together) for _, together in groupby(newest_first, _modified)]
        for of_one_time in by_time:
            version = self._kind.read(shop, self._loaded, others + of_one_time)
            found = left & set(version.keys)
            parts.append(self._only(version, found))
            left -= self._given(version)
        settled = {key for part in parts for key in part.keys}
        said = read.outcomes[~(self._of_kind(read.outcomes) & read.outcomes["record"].isin(settled))]
        parts.append(replace(read, outcomes=said))
        return self._kind.joined(parts)

    def _of_kind(self, outcomes: pd.DataFrame) -> pd.Series:
        return outcomes["record_type"] == self._kind.record_type

    def _keys(self, read: Read) -> set[str]:
        """Give the keys of all records that were read, the refused ones too."""
        return {*read.keys, *read.outcomes.loc[self._of_kind(read.outcomes), "record"]}

    def _given(self, read: Read) -> set[str]:
        """Give the keys of the records that files hold, in whatever state: not those that only something else names."""
        held: pd.Series = self._of_kind(read.outcomes) & (read.outcomes["code"] != "export-order-missing")
        return {*read.keys, *read.outcomes.loc[held, "record"]}

    def _only(self, read: Read, keys: set[str]) -> Read:
        """Keep some of the records, and what was said of them alone."""
        said = self._of_kind(read.outcomes) & read.outcomes["record"].isin(keys)
        return replace(read.only(keys), outcomes=read.outcomes[said])

    def _with_gone(self, shop: Shop, read: Read, lot: _Lot) -> Read:
        gone = outcome.said("picked-file-gone", lot.gone, record_type="file", stage="read", value=shop.name)
        return replace(read, outcomes=outcome.together([read.outcomes, gone]))

    def _name(self, shop: Shop) -> str:
        """Give the name by which the ledger keeps the shop's files of this kind."""
        return shop.name + self._kind.suffix

    def _picked(self, pickup: Pickup) -> PickedFile:
        file = pickup.file
        modified = datetime.fromisoformat(file.modified) if file.modified else None
        return PickedFile(file.path, file.size, modified, file.sha256, self._inbox.at(file.sha256))

    def _place(self, source: Source) -> Storage:
        return open_place(source.place, base_folder=self._loaded.folder)

    def _fetching(self) -> AbstractContextManager[Path | str]:
        """Give a folder to fetch into; one that only looks leaves the inbox to who works."""
        return self._inbox.fetching() if self._run_id else TemporaryDirectory()


def open_orders(outcomes: pd.DataFrame, profile: Profile, ledger: Ledger, today: date) -> set[str]:
    """Give the keys of the orders that are not done with.

    Those refused, those of days that the profile's own period has still to come to, those that wait for the end of
    their day, and those that another task exchanges.
    """
    of_orders = outcomes[outcomes["record_type"] == "order"]
    first = window(profile.orders.period, today).first
    is_outside = (of_orders["code"] == "outside-period") & (of_orders["value"] >= str(first or ""))
    known = set(ledger.exchanged(profile.name, "order")["record_key"]) if is_outside.any() else set()
    still = set(of_orders.loc[is_outside & (of_orders["value"] != ""), "record"]) - known
    waiting = (outcomes["state"] == "failed") | outcomes["code"].isin(_WAITING)
    still |= set(outcomes.loc[waiting & (outcomes["record_type"] == "order"), "record"])
    return still | set(order_of(outcomes.loc[waiting & outcomes["record_type"].isin(_OF_ORDERS), "record"]))


def _modified(file: PickedFile) -> str:
    return str(file.modified_utc)


def _unreadable(outcomes: pd.DataFrame) -> set[str]:
    """Give the paths of files of which something could not be read: ``in/a.zip`` for ``in/a.zip/b.csv``."""
    refused = outcomes.loc[(outcomes["record_type"] == "file") & (outcomes["state"] == "failed"), "record"]
    above = {
        "/".join(record.split("/")[:length]) for record in set(refused) for length in range(1, record.count("/") + 2)
    }
    return above | {f"{path}.gz" for path in above}


def _found(storage: Storage, file: PickedFile) -> FoundFile:
    modified = file.modified_utc.isoformat() if file.modified_utc else ""
    return FoundFile(storage.name, file.path, file.size, modified, file.sha256)
