"""What a run takes of files that are read once and put away: claimed, read, moved; and read again where need be.

    fetch into the inbox → claim → read … (the run prepares: taken) … → move to ``archive/`` or ``error/`` → moved

The files of a shop that one run claims are a lot, read together. A record that was refused and may be mended stays
open: the next runs read its lot again, from the inbox or from where it was put away, and take of it what is open,
unless a newer lot has the same record. So a mended mapping is enough, although the file is gone from its folder.

Source: spec STO-6, REL-1; design.md decision 5.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import pandas as pd

from passerelle import outcome
from passerelle.exchange.selection import window
from passerelle.ledger.entries import ORIGINS, FoundFile, Pickup
from passerelle.ledger.ledger import Ledger
from passerelle.model.orders import SalesOrders, join_orders
from passerelle.profile.loader import LoadedProfile
from passerelle.profile.settings import Shop
from passerelle.run.exports import picked_files, read_files, read_shop, without_files
from passerelle.run.inbox import Inbox
from passerelle.shops.export import order_key
from passerelle.storage.base import Storage
from passerelle.storage.errors import StorageError
from passerelle.storage.pickup import PickedFile, fetch_again, put_away
from passerelle.storage.places import open_place

_log = logging.getLogger(__name__)
_INCOMPLETE = ("export-file-missing", "export-order-missing")
"""Said of orders when files that belong together are not all there."""
_WAITING = ("day-not-finished", "not-asked-for")
"""Said of orders and refunds whose turn is still to come."""
_CONFLICTING = ("duplicate-order", "export-record-conflict")
"""Said of orders that several files give differently."""


@dataclass(frozen=True, slots=True)
class _Lot:
    """Files of a shop that were claimed by one run.

    Attributes:
        run_id: the run.
        files: what is there of them on this machine, by their numbers in the ledger.
        wanted: keys of the orders that are read of them; none: all.
        gone: paths of those whose content is nowhere any more.
    """

    run_id: str
    files: Mapping[int, PickedFile]
    wanted: frozenset[str] | None = None
    gone: tuple[str, ...] = ()


class Intake:
    """The files of a profile's shops, for one run.

    Args:
        loaded: the profile.
        inbox: its inbox.
        ledger: open.
        run_id: the run; empty: look only, claim nothing.

    Attributes:
        taken: numbers of the files that were claimed and read, and whether some of each could not be read.
        released: numbers of those that stay where they are, as others that belong to them are not there yet.
    """

    def __init__(self, loaded: LoadedProfile, inbox: Inbox, ledger: Ledger, run_id: str) -> None:
        self._loaded = loaded
        self._profile = loaded.profile
        self._inbox = inbox
        self._ledger = ledger
        self._run_id = run_id
        self._lot_of: dict[str, str] = {}
        """By order key, the run that claimed the files with its newest content."""
        self.taken: dict[int, bool] = {}
        self.released: frozenset[int] = frozenset()

    def read(self, shop: Shop) -> SalesOrders:
        """Read the orders of a shop's files: those that lie there, and of earlier ones what is open.

        Raises:
            StorageError: the files cannot be picked up.
        """
        if shop.source.after == "keep":
            return read_shop(shop, self._loaded)
        with self._fetching() as folder:
            with self._place(shop) as storage:
                new = self._new_lot(storage, shop, Path(folder))
                earlier = list(self._open_lots(storage, shop, Path(folder)))
                where = storage.name
            if not (new.files or new.gone or earlier):
                return without_files(shop, self._loaded, where)
            newest = self._of_new_lot(shop, new)
            seen = _keys(newest)
            return join_orders([newest, *(self._of_open_lot(shop, lot, seen) for lot in earlier)])

    def origins(self, outcomes: pd.DataFrame, today: date) -> pd.DataFrame:
        """Give where the orders came from that were read, and which of them are not done with (``ORIGINS``).

        Open are those refused, those of days that the profile's own period has still to come to, those that wait for
        the end of their day, and those that another task exchanges.
        """
        of_orders = outcomes[outcomes["record_type"] == "order"]
        first = window(self._profile.orders.period, today).first
        is_outside = (of_orders["code"] == "outside-period") & (of_orders["value"] >= str(first or ""))
        known = set(self._ledger.exchanged(self._profile.name, "order")["record_key"]) if is_outside.any() else set()
        still = set(of_orders.loc[is_outside & (of_orders["value"] != ""), "record"]) - known
        waiting = (outcomes["state"] == "failed") | outcomes["code"].isin(_WAITING)
        still |= set(outcomes.loc[waiting & (outcomes["record_type"] == "order"), "record"])
        refused = outcomes[waiting & (outcomes["record_type"] == "refund")]
        still |= {record.rpartition("/")[0] for record in refused["record"]}  # a refund's key begins with its order's
        return ORIGINS.of(
            {"record_type": "order", "record_key": key, "run_id": run_id, "is_open": key in still}
            for key, run_id in self._lot_of.items()
        )

    def put_away(self) -> None:
        """Move what was taken out of the way, and forget contents that are no longer needed.

        What cannot be moved now stays taken: it is not read again, and the next run moves it.
        """
        taken = self._ledger.pickups(self._profile.name, state="taken")
        for shop in self._profile.shops:
            waiting = [one for one in taken if one.shop == shop.name]
            try:
                self._move(shop, waiting)
            except StorageError as error:
                _log.warning("%d file(s) read and not moved, the next run tries again: %s", len(waiting), error)
        if self._inbox.is_there:
            self._inbox.keep_only(self._ledger.needed_contents(self._profile.name))

    def _move(self, shop: Shop, waiting: list[Pickup]) -> None:
        if not waiting:
            return
        with self._place(shop) as storage:
            for folder, pickups in groupby(sorted(waiting, key=self._folder), self._folder):
                moved = list(pickups)
                files = [self._picked(one) for one in moved]
                targets = put_away(storage, files, folder, done_suffix=shop.source.done_suffix)
                self._ledger.put_away({one.number: target for one, target in zip(moved, targets, strict=True)})

    def _folder(self, pickup: Pickup) -> str:
        """Give the folder that a file is moved to: by the day it was picked up, so that trying again finds it."""
        day = pickup.picked_at.astimezone(ZoneInfo(self._profile.time_zone))
        return f"{'error' if pickup.is_unreadable else 'archive'}/{day:%Y/%m/%d}"

    def _new_lot(self, storage: Storage, shop: Shop, folder: Path) -> _Lot:
        """Claim what lies there, and what a dead run had claimed."""
        found = picked_files(storage, shop, folder)
        if not self._run_id:
            known = {one.file for one in self._ledger.pickups() if one.state != "claimed"}
            return _Lot("", dict(enumerate(file for file in found if _found(storage, file) not in known)))
        kept = self._inbox.keep(found)
        claimed = self._ledger.claim(self._run_id, shop.name, [_found(storage, file) for file in kept])
        return self._lot(self._run_id, storage, claimed, folder)

    def _open_lots(self, storage: Storage, shop: Shop, folder: Path) -> Iterator[_Lot]:
        """Give the earlier lots of which orders are open."""
        rows = self._ledger.open_origins(self._profile.name)
        of_shop = rows[rows["record_key"].str.startswith(order_key(shop.name, ""))]
        for run_id, keys in of_shop.groupby("run_id")["record_key"]:
            pickups = self._ledger.pickups(self._profile.name, run_id=str(run_id))
            lot = self._lot(str(run_id), storage, [one for one in pickups if one.shop == shop.name], folder)
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

    def _of_new_lot(self, shop: Shop, lot: _Lot) -> SalesOrders:
        sales = self._newest(shop, list(lot.files.values()))
        unreadable = _unreadable(sales.outcomes)
        if not unreadable and sales.outcomes["code"].isin(_INCOMPLETE).any():
            # The rest of the set may be on its way: as long as it is not there, the set stays, and is read anew.
            self.released |= lot.files.keys()
        else:
            self.taken |= {number: file.path in unreadable for number, file in lot.files.items()}
            self._lot_of |= dict.fromkeys(_keys(sales), lot.run_id)
        return _with_gone(shop, sales, lot)

    def _of_open_lot(self, shop: Shop, lot: _Lot, seen: set[str]) -> SalesOrders:
        """Read of an earlier lot what is open; what stands in the new one too is read there."""
        sales = self._newest(shop, list(lot.files.values()))
        wanted = _keys(sales) & (lot.wanted or set()) - seen
        self._lot_of |= dict.fromkeys(wanted, lot.run_id)
        return _with_gone(shop, _only(sales, wanted), lot)

    def _newest(self, shop: Shop, files: Sequence[PickedFile]) -> SalesOrders:
        """Read files together; of an order that several give differently, the newest file's version counts.

        That version is read with the files that give no orders. Where the times do not tell which is the newest, or it
        cannot be read so, the order stays refused.
        """
        sales = read_files(shop, self._loaded, files)
        left = set(sales.outcomes.loc[sales.outcomes["code"].isin(_CONFLICTING), "record"])
        if not left:
            return sales
        with_orders = [file for file in files if _given(read_files(shop, self._loaded, [file]))]
        if any(file.modified_utc is None for file in with_orders):
            return sales
        others = [file for file in files if file not in with_orders]
        parts = []
        newest_first = sorted(with_orders, key=_modified, reverse=True)
        for _, of_one_time in groupby(newest_first, _modified):
            version = read_files(shop, self._loaded, [*others, *of_one_time])
            found = left & set(version.orders["order_key"])
            parts.append(_only(version, found))
            left -= _given(version)
        settled = {key for part in parts for key in part.orders["order_key"]}
        said = sales.outcomes[~((sales.outcomes["record_type"] == "order") & sales.outcomes["record"].isin(settled))]
        return join_orders([*parts, replace(sales, outcomes=said)])

    def _picked(self, pickup: Pickup) -> PickedFile:
        file = pickup.file
        modified = datetime.fromisoformat(file.modified) if file.modified else None
        return PickedFile(file.path, file.size, modified, file.sha256, self._inbox.at(file.sha256))

    def _place(self, shop: Shop) -> Storage:
        return open_place(shop.source.place, base_folder=self._loaded.folder)

    def _fetching(self) -> AbstractContextManager[Path | str]:
        """Give a folder to fetch into; one that only looks leaves the inbox to who works."""
        return self._inbox.fetching() if self._run_id else TemporaryDirectory()


def _keys(sales: SalesOrders) -> set[str]:
    """Give the keys of all orders that were read, the refused ones too."""
    said = sales.outcomes["record_type"] == "order"
    return set(sales.orders["order_key"]) | set(sales.outcomes.loc[said, "record"])


def _given(sales: SalesOrders) -> set[str]:
    """Give the keys of the orders that files hold, in whatever state: not those that only something else names."""
    said = sales.outcomes
    of_orders = said[(said["record_type"] == "order") & (said["code"] != "export-order-missing")]
    return set(sales.orders["order_key"]) | set(of_orders["record"])


def _modified(file: PickedFile) -> str:
    return str(file.modified_utc)


def _unreadable(outcomes: pd.DataFrame) -> set[str]:
    """Give the paths of files of which something could not be read: ``in/a.zip`` for ``in/a.zip/b.csv``."""
    refused = outcomes.loc[(outcomes["record_type"] == "file") & (outcomes["state"] == "failed"), "record"]
    above = {
        "/".join(record.split("/")[:length]) for record in set(refused) for length in range(1, record.count("/") + 2)
    }
    return above | {f"{path}.gz" for path in above}


def _with_gone(shop: Shop, sales: SalesOrders, lot: _Lot) -> SalesOrders:
    gone = outcome.said("picked-file-gone", lot.gone, record_type="file", stage="read", value=shop.name)
    return replace(sales, outcomes=outcome.together([sales.outcomes, gone]))


def _only(sales: SalesOrders, keys: set[str]) -> SalesOrders:
    """Keep some of the orders, and what was said of them alone."""
    said = (sales.outcomes["record_type"] == "order") & sales.outcomes["record"].isin(keys)
    return replace(sales.only(keys), outcomes=sales.outcomes[said])


def _found(storage: Storage, file: PickedFile) -> FoundFile:
    modified = file.modified_utc.isoformat() if file.modified_utc else ""
    return FoundFile(storage.name, file.path, file.size, modified, file.sha256)
