"""Send a set of files as one delivery, so that whoever reads the folder never sees half of a file.

All files go up under temporary names, several at once, each is compared with what was meant, then they get their final
names in one go. Where an upload cannot be seen before it is whole, files go up under their names; where a server cannot
rename, each gets a done file beside it instead. The manifest comes last: where it stands, all that it lists is there.
Names and bytes are the caller's and do not change from one try to the next, so that a delivery cut anywhere is
completed by publishing it again; what had arrived is not sent again, and of a large file only the rest.

Source: spec STO-4, STO-5, STO-7; design decision 5.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from passerelle.storage import checksums
from passerelle.storage.base import Entry, LocalFile, Moved, Storage, unwatched
from passerelle.storage.errors import AlreadyThere, BadPath, Damaged, NotFound, StorageError, Transient, Unexpected
from passerelle.storage.paths import clean_folder, clean_path, join, parent, twin_key
from passerelle.storage.progress import Progress

Collision = Literal["replace", "keep", "fail", "rename"]
State = Literal["sent", "skipped", "kept"]
_TEMPORARY = re.compile(r"\.(?P<stem>.+)\.[0-9a-f]{8}\.part")
_LONGEST_STEM = 200  # in bytes, so that the temporary name is not longer than names may be


@dataclass(frozen=True, slots=True)
class OutFile:
    """A file to send, as it was recorded when it was prepared.

    Attributes:
        name: final name in the folder; one in a folder below it (``images/x.jpg``) is what others refer to: it is there
            before those beside the manifest are.
        local_path: where it lies.
        size: in bytes.
        sha256: hex digits.
    """

    name: str
    local_path: Path
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file that now stands in the folder.

    Attributes:
        name: its name in the folder.
        size: in bytes.
        sha256: hex digits.
        state: ``sent``; ``skipped``: it was there already; ``kept``: another content was there and stays.
    """

    name: str
    size: int
    sha256: str
    state: State


@dataclass(frozen=True, slots=True)
class Published:
    """What stands in the folder after a delivery.

    Attributes:
        delivery_id: names the delivery in its manifest.
        files: in the order given.
        manifest: the manifest itself.
    """

    delivery_id: str
    files: tuple[PublishedFile, ...]
    manifest: PublishedFile


def publish(
    storage: Storage,
    files: Sequence[OutFile],
    manifest_name: str,
    *,
    folder: str = "",
    collision: Collision = "fail",
    delivery_id: str = "",
    read_back: bool = False,
    done_suffix: str = "",
    progress: Progress | None = None,
) -> Published:
    """Bring files into a folder as one delivery; publishing the same again completes it and is harmless.

    What earlier tries of ours left behind is used or removed, so one delivery of a name must not run beside another.

    Nothing is sent when the manifest of this delivery stands there already (whoever reads the folder may have taken
    the files), or when there is a collision under ``fail``. Once all files are there under their temporary names the
    manifest goes up under its own: a delivery that is cut while names are given only gives the rest, even if somebody
    took files meanwhile.

    Args:
        storage: open.
        files: with distinct names.
        manifest_name: name of the manifest, a JSON file with the delivery id and name, size and SHA-256 of each file.
        folder: where, relative to the storage's folder; created if need be.
        collision: what to do when one of the names is there with another content: ``replace`` it, ``keep`` it and send
            nothing in its place, send under a new name (``rename``: ``x-2.txt``), or ``fail`` before anything is sent.
        delivery_id: by default derived from names and contents.
        read_back: also read each file back before it gets its name, where the storage computes no checksum.
        done_suffix: for a server that cannot rename: files go up under their names, and when one is whole a done file
            (its name and this suffix, with its SHA-256) follows. Whoever reads the folder must wait for that.
        progress: told of what moves.

    Raises:
        AlreadyThere: a collision under ``fail``.
        Damaged: an upload did not arrive as sent.
        StorageError: any other; publish again when it is ``Transient`` or its cause is gone.
        ValueError: two files have the same name.
    """
    with tempfile.TemporaryDirectory(prefix="passerelle-publish-") as workspace:
        delivery = _Delivery(storage, clean_folder(folder, storage=storage.name), Path(workspace))
        delivery.collision, delivery.read_back = collision, read_back
        delivery.done_suffix, delivery.progress = done_suffix, progress
        return delivery.publish(files, manifest_name, delivery_id or _derived_id(files))


class _Delivery:
    collision: Collision
    read_back: bool
    done_suffix: str
    progress: Progress | None

    def __init__(self, storage: Storage, folder: str, workspace: Path) -> None:
        self._storage = storage
        self._folder = folder
        self._workspace = workspace
        self._folders: list[str] = []
        self._there: dict[str, Entry] = {}

    def publish(self, files: Sequence[OutFile], manifest_name: str, delivery_id: str) -> Published:
        self._check_names([file.name for file in files], manifest_name)
        self._there = self._listed()
        as_meant = tuple(PublishedFile(file.name, file.size, file.sha256, "skipped") for file in files)
        manifest = self._written(manifest_name, delivery_id, as_meant)
        if self._same([manifest]):
            return Published(delivery_id, as_meant, _as_published(manifest, "skipped"))

        plan = self._planned(files)
        manifest = self._written(manifest_name, delivery_id, plan)
        manifest_plan = self._planned([manifest])[0]
        if manifest_plan.state != "skipped":
            manifest = replace(manifest, name=manifest_plan.name)
            manifest_plan = _as_published(manifest, "sent")
            sending = [replace(file, name=to.name) for file, to in zip(files, plan, strict=True) if to.state == "sent"]
            self._remove_leftovers([*files, manifest], [*sending, manifest])
            self._remove_stale([manifest.name, *self._done_files(sending)])
            self._send(sending, manifest)
        return Published(delivery_id, tuple(plan), manifest_plan)

    def _check_names(self, names: list[str], manifest_name: str) -> None:
        if "/" in manifest_name:
            raise BadPath(self._storage.name, manifest_name)
        names = [*names, manifest_name]
        for name in names:
            clean_path(name, storage=self._storage.name)
        self._folders = sorted({parent(self._path(name)) for name in names})
        if len({twin_key(name) for name in names}) < len(names):
            raise ValueError(f"two files of a delivery have the same name: {sorted(names)}")

    def _listed(self) -> dict[str, Entry]:
        return {self._key(self._name(entry)): entry for entry in self._entries()}

    def _entries(self) -> list[Entry]:
        """List the folders that the files go to; one that is not there yet is empty."""
        found = []
        for folder in self._folders:
            try:
                found += self._storage.list(folder)
            except NotFound:
                self._storage.list()  # the storage's own folder must be there
        return found

    def _name(self, entry: Entry) -> str:
        """Give the name of a file in the folder, or below it."""
        return entry.path.removeprefix(f"{self._folder}/") if self._folder else entry.path

    def _key(self, name: str) -> str:
        return name if self._storage.features.case_sensitive else name.casefold()

    def _entry(self, name: str) -> Entry | None:
        return self._there.get(self._key(name))

    def _planned(self, files: Sequence[OutFile]) -> list[PublishedFile]:
        """Say what is to be done about each: it is to be sent, it is there already, or another stays in its place."""
        same = self._same(files)
        plan = []
        for file in files:
            entry = self._entry(file.name)
            if entry is None or self._lacks_done_file(file.name):
                plan.append(_as_published(file, "sent"))
            elif file.name in same:
                plan.append(_as_published(file, "skipped"))
            elif self.collision == "replace":
                plan.append(_as_published(file, "sent"))
            elif self.collision == "keep":
                plan.append(PublishedFile(file.name, entry.size, self._sha256_of(entry), "kept"))
            elif self.collision == "rename":
                plan.append(self._renamed(file))
            else:
                raise AlreadyThere(self._storage.name, entry.path)
        return plan

    def _renamed(self, file: OutFile) -> PublishedFile:
        """Give a file the first name that is free, or that it was given by an earlier try."""
        stem, dot, suffix = file.name.rpartition(".")
        has_suffix = bool(stem.rpartition("/")[2]) and "/" not in suffix
        for number in itertools.count(2):
            other = replace(file, name=f"{stem}-{number}{dot}{suffix}" if has_suffix else f"{file.name}-{number}")
            if self._entry(other.name) is None or self._lacks_done_file(other.name):
                return _as_published(other, "sent")
            if self._same([other]):
                return _as_published(other, "skipped")
        raise AssertionError("numbers do not end")

    def _lacks_done_file(self, name: str) -> bool:
        """Tell whether a file is an unfinished one of an earlier try."""
        return bool(self.done_suffix) and self._entry(name + self.done_suffix) is None

    def _same(self, files: Sequence[OutFile]) -> set[str]:
        """Give the names under which the very contents stand; read back only what the storage has no checksum of."""
        candidates = [(file, entry) for file in files if (entry := self._entry(file.name)) and entry.size == file.size]
        same, unknown = set(), []
        for file, entry in candidates:
            theirs = entry.checksum or self._storage.checksum(entry.path)
            if not checksums.is_known(theirs):
                unknown.append((file, entry))
            elif theirs == _checksum(file, theirs):
                same.add(file.name)
        fetched = self._fetched([entry for _, entry in unknown])
        return same | {file.name for file, entry in unknown if fetched.get(entry.path) == file.sha256}

    def _sha256_of(self, entry: Entry) -> str:
        algorithm, _, digits = (entry.checksum or "").partition(":")
        return digits if algorithm == "sha256" else self._fetched([entry]).get(entry.path, "")

    def _fetched(self, entries: Sequence[Entry]) -> dict[str, str]:
        """Read files back and give the SHA-256 of each that is there."""
        found = {}
        files = [
            LocalFile(entry.path, self._workspace / f"{number}.back", entry.size)
            for number, entry in enumerate(entries)
        ]
        for file in self._storage.get_files(files) if files else ():
            found[file.path] = checksums.of_file("sha256", file.local).partition(":")[2]
            file.local.unlink()
        return found

    def _remove_leftovers(self, files: Sequence[OutFile], sending: Sequence[OutFile]) -> None:
        """Take away what earlier tries left under temporary names, but not what can be gone on with."""
        stems = {_stem(file.name) for file in [*files, *sending]}
        useful = {_temporary(file) for file in sending} if self._renames else set()
        for entry in list(self._there.values()):
            name = self._name(entry)
            temporary = _TEMPORARY.fullmatch(name.rpartition("/")[2])
            if temporary and join(parent(name), temporary["stem"]) in stems and name not in useful:
                self._storage.delete(entry.path)
                del self._there[self._key(name)]

    def _remove_stale(self, names: Iterable[str]) -> None:
        """Take an older manifest, or older done files, away: they would stand beside what they do not describe."""
        for name in names:
            if entry := self._entry(name):
                self._storage.delete(entry.path)

    @property
    def _renames(self) -> bool:
        return self._storage.features.partial_uploads and not self.done_suffix

    def _send(self, files: Sequence[OutFile], manifest: OutFile) -> None:
        below = [file for file in files if "/" in file.name]
        beside = [file for file in files if "/" not in file.name]
        if not self._renames:
            for group in filter(None, (below, beside)):
                self._upload(group, {file.name: file.name for file in group})
            for name, content in self._done_files(files).items():
                self._storage.put(self._path(name), content)
            self._upload([manifest], {manifest.name: manifest.name})
            return
        temporary = {file.name: _temporary(file) for file in [*files, manifest]}
        if self._is_complete(manifest, temporary[manifest.name]):
            # The others have their names.
            below, beside = ([file for file in group if self._entry(temporary[file.name])] for group in (below, beside))
        else:
            self._upload(files, temporary)
            self._upload([manifest], temporary)
        for group in (below, beside, [manifest]):
            self._give_names(group, temporary)

    def _is_complete(self, manifest: OutFile, temporary: str) -> bool:
        """Tell whether an earlier try brought all files there: only then does it send the manifest."""
        return bool(self._same([replace(manifest, name=temporary)]))

    def _give_names(self, files: Sequence[OutFile], temporary: dict[str, str]) -> None:
        self._rename([(self._path(temporary[file.name]), self._path(file.name)) for file in files])

    def _rename(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Rename, also while a server still does what it was told before a connection was cut."""
        while pairs:
            try:
                self._storage.rename_files(pairs, overwrite=self.collision == "replace")
            except NotFound:
                there = {entry.path for entry in self._entries()}
                left = [pair for pair in pairs if pair[0] in there]
                if len(left) == len(pairs):
                    raise
                pairs = left
            else:
                return

    def _done_files(self, files: Sequence[OutFile]) -> dict[str, bytes]:
        """Give the names and contents of the done files, where there are any."""
        named = [(f"{file.name}{self.done_suffix}", file) for file in files if self.done_suffix]
        return {name: f"{file.sha256}  {file.name}\n".encode() for name, file in named}

    def _upload(self, files: Sequence[OutFile], names: dict[str, str]) -> None:
        """Bring files there under given names, whole, or take what is not away again.

        The local files are read a second time meanwhile, to see that they are still the ones on record.
        """
        meant = {self._path(names[file.name]): file for file in files}
        going = [LocalFile(path, file.local_path, file.size) for path, file in meant.items()]
        if self.progress:
            self.progress.expect({file.path: file.size for file in going})
        arrived: dict[str, Entry] = {}
        with ThreadPoolExecutor(1, thread_name_prefix="passerelle-sha256") as pool:
            unchanged = pool.submit(self._check_unchanged, files)
            try:
                for entry in self._put(going):
                    arrived[entry.path] = entry
                unchanged.result()
                self._verify(meant, arrived)
            except Transient:
                raise  # the next try goes on with what is there
            except StorageError:
                wrong = unchanged.exception() is not None
                self._take_away(meant.keys() if wrong else meant.keys() - arrived.keys())
                raise

    def _put(self, files: Sequence[LocalFile]) -> Iterator[Entry]:
        moved: Moved = self.progress.moved if self.progress else unwatched
        if self._renames:
            return self._storage.put_files(files, resume=True, moved=moved)
        overwrite = self.collision == "replace" or bool(self.done_suffix)
        return self._storage.put_files(files, overwrite=overwrite, moved=moved)

    def _check_unchanged(self, files: Sequence[OutFile]) -> None:
        """See that prepared files are still the ones on record."""
        for file in files:
            path, name = self._path(file.name), file.local_path.name
            try:
                now = checksums.of_file("sha256", file.local_path)
            except OSError as error:
                detail = f"{name}: {error.strerror}"
                raise Unexpected(self._storage.name, path, detail, "storage-local-changed") from error
            if now != f"sha256:{file.sha256}":
                raise Unexpected(self._storage.name, path, name, "storage-local-changed")

    def _verify(self, meant: dict[str, OutFile], arrived: dict[str, Entry]) -> None:
        """Compare what arrived with what was meant: its size, its checksum, or its content where that is asked for."""
        unknown = [entry for entry in arrived.values() if not checksums.is_known(entry.checksum)]
        fetched = self._fetched(unknown) if self.read_back else {}
        damaged = []
        for path, file in meant.items():
            entry, theirs = arrived[path], arrived[path].checksum
            if not checksums.is_known(theirs):
                theirs = f"sha256:{fetched.get(path, '?') if self.read_back else file.sha256}"
            if entry.size != file.size or theirs != _checksum(file, theirs):
                damaged.append(Damaged(self._storage.name, path, f"{entry.size} / {file.size}, {theirs}"))
        if damaged:
            self._take_away({error.path for error in damaged})
            raise damaged[0]

    def _take_away(self, paths: AbstractSet[str]) -> None:
        """Leave nothing that the next try cannot use."""
        with contextlib.suppress(StorageError):
            there = {entry.path for entry in self._entries()}
            for path in paths & there if self._renames else ():
                self._storage.delete(path)

    def _path(self, name: str) -> str:
        return join(self._folder, name)

    def _written(self, name: str, delivery_id: str, files: Sequence[PublishedFile]) -> OutFile:
        """Write the manifest on this side: the same bytes for the same files."""
        content = {
            "delivery": delivery_id,
            "files": [{"name": file.name, "size": file.size, "sha256": file.sha256} for file in files],
        }
        data = (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()
        local = self._workspace / "manifest.json"
        local.write_bytes(data)
        return OutFile(name, local, len(data), hashlib.sha256(data).hexdigest())


def _temporary(file: OutFile) -> str:
    """Name a file while it is not whole: the same for the same name and content, so that it can be gone on with."""
    identity = hashlib.sha256(f"{file.name}\n{file.sha256}".encode()).hexdigest()
    stem = _stem(file.name)
    return join(parent(stem), f".{stem.rpartition('/')[2]}.{identity[:8]}.part")


def _stem(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return f"{folder}{slash}{name.encode()[:_LONGEST_STEM].decode(errors='ignore')}"


def _checksum(file: OutFile, like: str | None) -> str:
    """Give the checksum of a file to send, by the same algorithm as another."""
    algorithm = (like or "").partition(":")[0]
    return f"sha256:{file.sha256}" if algorithm == "sha256" else checksums.of_file(algorithm, file.local_path)


def _derived_id(files: Sequence[OutFile]) -> str:
    return hashlib.sha256("\n".join(f"{file.name}\t{file.sha256}" for file in files).encode()).hexdigest()[:16]


def _as_published(file: OutFile, state: State) -> PublishedFile:
    return PublishedFile(file.name, file.size, file.sha256, state)
