"""A folder of a Cloudinary cloud, by Cloudinary's own SDK.

A cloud keeps assets of three kinds: images, videos, and raw files. A file whose name *and* content are those of an
image or video becomes one, so that a shop can use it; all others are raw. The public id of what is put is its whole
path with the extension, for all kinds: ``a.jpg`` and ``a.png`` are two files, and ``A.JPEG`` comes back as it was
(Cloudinary's links to such an image end in ``.jpg.jpg``). What others uploaded without extension is met under its id
and format.

In a cloud with fixed folders the folder is the beginning of the public id. In one with dynamic folders an asset lies
in its ``asset_folder`` and is called by its ``display_name``, whatever its public id: a rename leaves the id, and with
it the links, as they are.

Calls of the Admin API are few (500 an hour in a free account) and watched; uploads, moves, removals and the look at
one asset go through the Upload API, and content through the delivery network: those are not counted.

Source: spec STO-1, STO-8, STO-13; facts/storage-apis §3.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import logging
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Self
from urllib.parse import unquote, urlsplit

from cloudinary import api, uploader, utils
from pydantic import Field, SecretStr, field_validator

from passerelle.storage.base import Entry, Features, LocalFile, Moved, Storage, unwatched
from passerelle.storage.cloudinary_cloud import API, Cloud
from passerelle.storage.errors import (
    AlreadyThere,
    BadPath,
    BadPlace,
    Damaged,
    NotFound,
    TooLarge,
    Unexpected,
    Unreachable,
    printable,
)
from passerelle.storage.local_files import opened_to_fetch, opened_to_send
from passerelle.storage.parallel import in_parallel
from passerelle.storage.paths import clean_folder, clean_path, is_good_name, is_inside, join, parent
from passerelle.storage.place import Place, Secret, SecretName

_log = logging.getLogger(__name__)

_LOOPBACK = frozenset(["127.0.0.1", "::1", "localhost"])
_FEW_FOLDERS = 10
"""Up to so many folders are asked for one by one; more, and the whole cloud is listed at once."""
_MANY_FILES = 1000
"""More than so many files are looked for in a listing of all."""
_BLOCK = 1024 * 1024
_PART = 8_000_000
"""Larger files go in parts of so many bytes; Cloudinary takes none below 5 MB but the last."""
_LONGEST_ID = 255
_REFUSED_NAMES = r"[?&#\\%<>+]|^\s|\s$|^v\d+$"
"""The characters that no public id has, blanks that are cut off, and folders that read like a version in a link."""

_UPLOADED = {"type": "upload", "invalidate": True}
"""Assets for everybody; what the delivery network holds of an older version is dropped."""
_KINDS = ("image", "video", "raw")
_KIND_OF = {
    extension: kind
    for kind, extensions in {
        "image": "ai avif bmp eps gif heic heif ico jp2 jpeg jpg jxl pdf png psd svg tga tif tiff webp",
        "video": "3gp aac aiff avi flac flv m4a m4v mkv mov mp3 mp4 mpeg ogg wav webm wmv",
    }.items()
    for extension in extensions.split()
}
"""The formats of images and videos, by extension: only there may a name mean something else than a raw file."""
_BEGINNINGS = {
    "avif": rb"....ftypavi[fs]",
    "bmp": rb"BM",
    "gif": rb"GIF8[79]a",
    "heic": rb"....ftyp(heic|heix|mif1)",
    "jpeg": rb"\xff\xd8\xff",
    "jpg": rb"\xff\xd8\xff",
    "m4v": rb"....ftyp",
    "mov": rb"....ftyp",
    "mp4": rb"....ftyp",
    "png": rb"\x89PNG\r\n\x1a\n",
    "tif": rb"II\*\x00|MM\x00\*",
    "tiff": rb"II\*\x00|MM\x00\*",
    "webm": rb"\x1aE\xdf\xa3",
    "webp": rb"RIFF....WEBP",
}
"""How the content of those that we send as images or videos begins."""

_NO_MEDIA = re.compile(r"invalid (image|video)|unsupported (image|video)", re.IGNORECASE)
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class _Asset:
    """An asset.

    Attributes:
        path: where it is met in the storage; ``None``: outside.
        answer: what Cloudinary tells of it.
    """

    path: str | None
    answer: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """``image``, ``video`` or ``raw``."""
        return str(self.answer["resource_type"])

    @property
    def id(self) -> str:
        """The public id; each kind has its own."""
        return str(self.answer["public_id"])

    @property
    def size(self) -> int:
        """In bytes."""
        return int(self.answer["bytes"])

    @property
    def entry(self) -> Entry:
        """The file; Cloudinary's version is the second of the last upload."""
        assert self.path is not None  # noqa: S101 - for the type checker
        etag, version = self.answer.get("etag") or "", self.answer["version"]
        checksum = f"md5:{etag}" if _MD5.fullmatch(etag) else None
        return Entry(self.path, self.size, datetime.fromtimestamp(version, UTC), checksum, f"{version}-{self.size}")


_Assets = list[_Asset]
_Standing = dict[str, _Assets]
"""What stands under each path: more than one asset when others gave two the same name."""


class CloudinaryStorage:
    """A folder of a cloud; keeps the contract of ``base.Storage``.

    Args:
        name: for people, without secret.
        cloud: the cloud's name.
        folder: whose files these are; ``""``: the whole cloud.
        api_key: public half of the key.
        api_secret: secret half of the key.
        endpoint: address of the API.
        connections: how many files are under way at once.
        timeout_seconds: for the connection and for every single answer.
    """

    def __init__(
        self,
        name: str,
        cloud: str,
        *,
        folder: str = "",
        api_key: str,
        api_secret: SecretStr,
        endpoint: str = API,
        connections: int = 4,
        timeout_seconds: float = 30.0,
    ) -> None:
        self.name = name
        self._folder = folder
        self._connections = connections
        self._dynamic = False
        self._open = False
        self._api = Cloud(
            name,
            cloud,
            api_key=api_key,
            api_secret=api_secret,
            endpoint=endpoint,
            connections=connections,
            timeout_seconds=timeout_seconds,
        )

    @property
    def features(self) -> Features:
        """See ``base.Storage.features``; nobody guards the names in dynamic folders but we ourselves."""
        return Features(
            partial_uploads=False,
            exclusive_rename=not self._dynamic,
            seamless_replace=True,
            exclusive_put=not self._dynamic,
            empty_files=False,
            refused_names=_REFUSED_NAMES,
            recursive_listing=True,
        )

    def __enter__(self) -> Self:
        self._open = True
        try:
            settings = self._cloud().administer(api.config, path="", settings=True).get("settings") or {}
            self._dynamic = settings.get("folder_mode") == "dynamic"
            self._subfolders("")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._open = False
        self._api.close()

    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        """See ``base.Storage.list``; without checksums, which Cloudinary tells for single files only.

        It costs one call for 500 assets: of those in the folder and below where folders are fixed (three calls at
        least, one for each kind); where they are dynamic, of those in the folder, or of the whole cloud if recursive.
        """
        folder = clean_folder(folder, storage=self.name)
        if folder:
            self._check(folder)
        found = self._below(folder, recursive=recursive)
        below = [path for path in found if is_inside(path, folder)]
        if not below:
            self._subfolders(folder)
        return [found[path][0].entry for path in below if (recursive or parent(path) == folder) and self._is_safe(path)]

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        """See ``base.Storage.read``."""
        asset = self._file(path)
        if limit_bytes is not None and asset.size > limit_bytes:
            raise TooLarge(self.name, path, f"{asset.size} > {limit_bytes}")
        return b"".join(self._content(asset, path))

    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        """See ``base.Storage.put``; one Admin call in fixed folders."""
        standing = self._before([path])
        return self._send(LocalFile(path, Path(), len(data)), io.BytesIO(data), standing[path], overwrite=overwrite)

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """See ``base.Storage.rename``."""
        self.rename_files([(src, dst)], overwrite=overwrite)

    def delete(self, path: str) -> None:
        """See ``base.Storage.delete``."""
        standing = self._standing([path])[path]
        gone = [self._destroy(asset, path) for asset in standing]
        if not any(gone):
            raise NotFound(self.name, path)

    def checksum(self, path: str) -> str | None:
        """See ``base.Storage.checksum``: the MD5."""
        return self._file(path).entry.checksum

    def put_files(
        self, files: Sequence[LocalFile], *, overwrite: bool = True, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[Entry]:
        """See ``base.Storage.put_files``; there are no parts of files to resume."""
        del resume
        standing = self._before([file.path for file in files])

        def sent(file: LocalFile) -> Entry:
            with opened_to_send(file, self.name) as source:
                return self._send(file, source, standing[file.path], overwrite=overwrite, moved=moved)

        yield from in_parallel(sent, files, self._connections)

    def get_files(
        self, files: Sequence[LocalFile], *, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[LocalFile]:
        """See ``base.Storage.get_files``; what was begun is fetched anew. Very many are looked for in one listing."""
        del resume
        paths = [file.path for file in files]
        standing = self._listed_standing(paths) if len(paths) > _MANY_FILES else self._standing(paths)

        def fetched(file: LocalFile) -> LocalFile | None:
            if not standing[file.path]:
                return None
            asset = standing[file.path][0]
            if asset.size != file.size:
                raise Unreachable(self.name, file.path, f"{asset.size} / {file.size}")
            over = 0
            with opened_to_fetch(file, self.name) as (target, _), contextlib.suppress(NotFound):
                for block in self._content(asset, file.path):
                    over += target.write(block)
                    moved(file.path, over)
                return file
            return None

        yield from (file for file in in_parallel(fetched, files, self._connections) if file)

    def rename_files(self, pairs: Sequence[tuple[str, str]], *, overwrite: bool) -> None:
        """See ``base.Storage.rename_files``."""
        for path in itertools.chain.from_iterable(pairs):
            self._check(path)
        sources = self._standing([src for src, _ in pairs])
        for src, _ in pairs:
            if not sources[src]:
                raise NotFound(self.name, src)
        targets = self._before([dst for _, dst in pairs])

        def renamed(pair: tuple[str, str]) -> None:
            src, dst = pair
            if targets[dst] and not overwrite:
                raise AlreadyThere(self.name, dst)
            if src != dst:
                moved = self._move(sources[src][0], src, dst, targets[dst], overwrite=overwrite)
                self._destroy_others(targets[dst], moved)

        for _ in in_parallel(renamed, pairs, self._connections):
            pass

    # What stands where.

    def _before(self, paths: Sequence[str]) -> _Standing:
        """See that files can be put under these paths, and tell what stands there.

        A folder of that name is looked for in a few folders only: one call each. It would not be harmed.
        """
        for path in paths:
            self._check(path)
        folders = {parent(path) for path in paths}
        for folder in folders if len(folders) <= _FEW_FOLDERS else ():
            try:
                names = self._subfolders(folder)
            except NotFound:
                names = set()
                self._subfolders("")
            for path in paths:
                if parent(path) == folder and path.rpartition("/")[2] in names:
                    raise AlreadyThere(self.name, path)
        if len(folders) > _FEW_FOLDERS:
            self._subfolders("")
        return self._standing(paths)

    def _standing(self, paths: Sequence[str]) -> _Standing:
        """Look at each path by the ids that we give; in dynamic folders others may have given any."""
        for path in paths:
            self._check(path)
        standing = dict(in_parallel(self._by_id, paths, self._connections))
        missing = {path for path, assets in standing.items() if not assets} if self._dynamic else set()
        folders = {parent(path) for path in missing}
        listed = (
            [self._below(folder, recursive=False) for folder in folders]
            if len(folders) <= _FEW_FOLDERS
            else [self._below("", recursive=True)]
        )
        for path, there in itertools.product(missing, listed):
            standing[path] += there.get(path, [])
        for assets in standing.values():
            assets.sort(key=self._rank)
        return standing

    def _listed_standing(self, paths: Sequence[str]) -> _Standing:
        """Find each path in a listing of all, for one call in 500 files instead of one or more for each."""
        for path in paths:
            self._check(path)
        listed = self._below("", recursive=True)
        return {path: listed.get(path, []) for path in paths}

    def _by_id(self, path: str) -> tuple[str, _Assets]:
        there = (self._asset_by_id(kind, public_id, path) for kind, public_id in self._ids(path))
        return path, [asset for asset in there if asset and asset.path == path]

    def _asset_by_id(self, kind: str, public_id: str, path: str) -> _Asset | None:
        """Look at an asset by ``explicit`` without any action: unlike ``api.resource`` it is not counted."""
        try:
            answer = self._cloud().ask(uploader.explicit, public_id, path=path, resource_type=kind, type="upload")
        except NotFound:
            return None
        return self._asset(answer)

    def _ids(self, path: str) -> Iterator[tuple[str, str]]:
        whole = self._whole(path)
        yield "raw", whole
        stem, extension = _split(whole)
        kind = _KIND_OF.get(extension)
        if kind:
            yield kind, whole
            if not self._dynamic:
                yield kind, stem

    def _below(self, folder: str, *, recursive: bool) -> _Standing:
        """List a folder, and more than it where that is not more to ask."""
        whole = self._whole(folder)
        if self._dynamic and whole and not recursive:
            with contextlib.suppress(NotFound):
                return self._by_path(self._cloud().pages(api.resources_by_asset_folder, whole, path=folder))
            return {}
        prefix = f"{whole}/" if whole and not self._dynamic else None  # dynamic folders have nothing to do with ids
        return self._by_path(
            answer
            for kind in _KINDS
            for answer in self._cloud().pages(
                api.resources, path=folder, resource_type=kind, type="upload", prefix=prefix
            )
        )

    def _by_path(self, answers: Iterable[Mapping[str, Any]]) -> _Standing:
        found: _Standing = {}
        for answer in answers:
            asset = self._asset(answer)
            if asset.path is not None and answer.get("type") == "upload" and not answer.get("placeholder"):
                found.setdefault(asset.path, []).append(asset)
        for path, assets in found.items():
            assets.sort(key=self._rank)
            if len(assets) > 1:
                others = ", ".join(printable(asset.id) for asset in assets[1:])
                _log.warning("%s: several assets have the name %s; left out: %s", self.name, printable(path), others)
        return found

    def _rank(self, asset: _Asset) -> tuple[bool, int]:
        """Of assets with one name, the one under our own id comes first, then the newest."""
        return asset.id != self._whole(asset.path or ""), -int(asset.answer["version"])

    def _asset(self, answer: Mapping[str, Any]) -> _Asset:
        kind, public_id = answer["resource_type"], answer["public_id"]
        extension = answer.get("format") or ""
        whole = public_id
        if self._dynamic:
            whole = join(answer.get("asset_folder") or "", answer.get("display_name") or public_id.rpartition("/")[2])
        if kind != "raw" and extension and _KIND_OF.get(_split(whole)[1]) != kind:
            whole = f"{whole}.{extension}"
        return _Asset(whole.removeprefix(f"{self._folder}/") if is_inside(whole, self._folder) else None, answer)

    def _file(self, path: str) -> _Asset:
        standing = self._standing([path])[path]
        if not standing:
            raise NotFound(self.name, path)
        return standing[0]

    def _subfolders(self, folder: str) -> set[str]:
        whole = self._whole(folder)
        found = self._cloud().pages(*((api.subfolders, whole) if whole else (api.root_folders,)), path=folder)
        return {answer["name"] for answer in found}

    # What changes something.

    def _send(
        self, file: LocalFile, source: BinaryIO, standing: _Assets, *, overwrite: bool, moved: Moved = unwatched
    ) -> Entry:
        """Upload as what the file is; what claims to be an image and is none that Cloudinary knows is a raw file."""
        if standing and not overwrite:
            raise AlreadyThere(self.name, file.path)
        if not file.size:
            raise Unexpected(self.name, file.path, code="storage-empty-file")

        def upload(options: Mapping[str, Any]) -> Mapping[str, Any]:
            return self._upload(file, source, options, moved)

        kind = _kind_of(file.path, source)
        try:
            asset = self._claim(file.path, kind, upload, standing, overwrite=overwrite)
        except Unexpected as error:
            if kind == "raw" or not _NO_MEDIA.search(error.detail):
                raise
            asset = self._claim(file.path, "raw", upload, standing, overwrite=overwrite)
        self._destroy_others(standing, asset)
        return asset.entry

    def _claim(
        self,
        path: str,
        kind: str,
        upload: Callable[[Mapping[str, Any]], Mapping[str, Any]],
        standing: _Assets,
        *,
        overwrite: bool,
    ) -> _Asset:
        """Upload under the id of the asset that stands there, or under the path itself if that id is free.

        Only what stands there is replaced: the id may belong to an asset that was moved to another dynamic folder, or
        Cloudinary may make of it one that is not ours.
        """
        same = next((asset.id for asset in standing if asset.kind == kind), None)
        options = {"resource_type": kind, **_UPLOADED, **self._shown_as(path), "public_id": same or self._whole(path)}
        answer = upload({**options, "overwrite": overwrite and same is not None})
        if answer.get("existing") and self._asset(answer).path == path:  # it appeared meanwhile
            if not overwrite:
                raise AlreadyThere(self.name, path)
            answer = upload({**options, "overwrite": True})
        elif answer.get("existing") and self._dynamic:
            options["public_id"] = f"{options['public_id']}-{secrets.token_hex(4)}"
            answer = upload({**options, "overwrite": False})
        asset = self._asset(answer)
        if asset.path != path:
            if not (same or answer.get("existing")):
                self._destroy(asset, path)
            raise BadPath(self.name, path, f"→ {asset.path or asset.id}", "storage-path-refused")
        return asset

    def _upload(self, file: LocalFile, source: BinaryIO, options: Mapping[str, Any], moved: Moved) -> Mapping[str, Any]:
        """Send a content in one go, or in parts that appear as a whole with the last one."""
        source.seek(0)
        upload_id = utils.random_public_id()
        answer: Mapping[str, Any] = {}
        for start in range(0, file.size, _PART):
            part = source.read(min(_PART, file.size - start))
            end = start + len(part)
            if end < min(start + _PART, file.size):
                raise Unexpected(self.name, file.path, f"{end} / {file.size}", "storage-local-changed")
            headers = {"Content-Range": f"bytes {start}-{end - 1}/{file.size}", "X-Unique-Upload-Id": upload_id}
            answer = self._cloud().ask(
                uploader.upload_large_part if file.size > _PART else uploader.upload,
                ("file", part),
                path=file.path,
                http_headers=headers if file.size > _PART else None,
                **options,
            )
            moved(file.path, end)
        return answer

    def _shown_as(self, path: str) -> dict[str, str]:
        if not self._dynamic:
            return {}
        folder, _, name = self._whole(path).rpartition("/")
        return {"asset_folder": folder, "display_name": name}

    def _move(self, asset: _Asset, src: str, dst: str, standing: _Assets, *, overwrite: bool) -> _Asset:
        """Give an asset another public id, or in dynamic folders what people see as its folder and name."""
        if asset.kind not in {"raw", _KIND_OF.get(_split(dst)[1])}:
            return self._as_raw(asset, dst, standing, overwrite=overwrite)
        options: dict[str, Any] = {"resource_type": asset.kind, "type": "upload"}
        shown = self._shown_as(dst)
        if shown.get("asset_folder"):
            return self._asset(self._cloud().ask(uploader.explicit, asset.id, path=src, **options, **shown))
        if shown:  # the Upload API's calls leave out what is empty
            return self._asset(self._cloud().administer(api.update, asset.id, path=src, **options, **shown))
        options |= {"overwrite": overwrite, "invalidate": True}
        try:
            return self._asset(self._cloud().ask(uploader.rename, asset.id, self._whole(dst), path=dst, **options))
        except NotFound as error:
            raise NotFound(self.name, src, error.detail) from error

    def _as_raw(self, asset: _Asset, dst: str, standing: _Assets, *, overwrite: bool) -> _Asset:
        """Give an image a name that no image can have: Cloudinary fetches it from itself, as a raw file."""

        def copy(options: Mapping[str, Any]) -> Mapping[str, Any]:
            answer: Mapping[str, Any] = self._cloud().ask(
                uploader.upload, asset.answer["secure_url"], path=dst, **options
            )
            return answer

        made = self._claim(dst, "raw", copy, standing, overwrite=overwrite)
        self._destroy(asset, dst)
        return made

    def _destroy_others(self, standing: Iterable[_Asset], kept: _Asset) -> None:
        for asset in standing:
            if (asset.kind, asset.id) != (kept.kind, kept.id):
                self._destroy(asset, asset.path or "")

    def _destroy(self, asset: _Asset, path: str) -> bool:
        """Remove an asset, and tell whether it was still there."""
        answer = self._cloud().ask(uploader.destroy, asset.id, path=path, resource_type=asset.kind, **_UPLOADED)
        return bool(answer.get("result") == "ok")

    def _whole(self, path: str) -> str:
        return join(self._folder, path) if path else self._folder

    def _check(self, path: str) -> None:
        clean_path(path, storage=self.name)
        if any(re.search(_REFUSED_NAMES, name) for name in path.split("/")):
            raise BadPath(self.name, path, r"? & # \ % < > +", "storage-path-refused")
        if len(self._whole(path)) > _LONGEST_ID:
            raise BadPath(self.name, path, f"> {_LONGEST_ID}", "storage-path-refused")

    def _is_safe(self, path: str) -> bool:
        safe = all(is_good_name(name) for name in path.split("/"))
        if not safe:
            _log.warning("%s: not listed, its name is not safe: %s", self.name, printable(path))
        return safe

    def _content(self, asset: _Asset, path: str) -> Iterator[bytes]:
        """Fetch a whole content, block by block; what came of it before an error is to be thrown away."""
        digest, over = hashlib.md5(usedforsecurity=False), 0
        with self._cloud().delivered(asset.answer, path) as got:
            for block in got.stream(_BLOCK, decode_content=False):
                digest.update(block)
                over += len(block)
                yield block
            expected = asset.answer.get("etag") or got.headers.get("ETag", "").strip('"')
        if over != asset.size:
            raise Unreachable(self.name, path, f"{over} / {asset.size}")
        if _MD5.fullmatch(expected) and digest.hexdigest() != expected:
            raise Damaged(self.name, path, f"MD5 {digest.hexdigest()} / {expected}")

    def _cloud(self) -> Cloud:
        if not self._open:
            raise RuntimeError(f"{self.name} is used outside of its with block")
        return self._api


class CloudinaryPlace(Place):
    """A folder of a Cloudinary cloud: ``cloudinary://cloud_name/folder``."""

    form: ClassVar[str] = "cloudinary://cloud_name/folder"
    opening: ClassVar[tuple[str, ...]] = (
        "storage-step-connected",
        "storage-step-certificate",
        "storage-step-logged-in",
        "storage-step-folder",
    )

    api_key: str = Field(pattern=r"^\d+$", description="Public half of the key: a number, in the console's settings.")
    api_secret: SecretName = Field(description="Name of the secret that holds the secret half of the key.")
    endpoint: str = Field(
        API, description="Address of the API for clouds in Europe or Asia: `https://api-eu.cloudinary.com`, …"
    )

    @field_validator("endpoint")
    @classmethod
    def _endpoint_is_safe(cls, endpoint: str) -> str:
        parts = urlsplit(endpoint)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        bare = not parts.path.strip("/") and not parts.query and not parts.fragment and "@" not in parts.netloc
        if not (safe and bare and parts.hostname and parts.port != 0):
            raise BadPlace("endpoint", "", API)
        return endpoint.rstrip("/")

    @classmethod
    def check_url(cls, url: str) -> None:
        """See that it is ``cloudinary://cloud_name/folder``."""
        _cloud_and_folder(url)

    @property
    def server(self) -> tuple[str, int]:
        """Host and port of the API."""
        parts = urlsplit(self.endpoint)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def storage(self, base_folder: Path, secret: Secret) -> Storage:  # noqa: ARG002
        """See ``Place.storage``."""
        cloud, folder = _cloud_and_folder(self.url)
        api_secret = secret(self.api_secret)
        if api_secret is None:
            raise BadPlace(self.name, "", "api_secret", "storage-secret-missing")
        return CloudinaryStorage(
            self.name,
            cloud,
            folder=folder,
            api_key=self.api_key,
            api_secret=api_secret,
            endpoint=self.endpoint,
            connections=self.connections,
            timeout_seconds=self.timeout_seconds,
        )


def _cloud_and_folder(url: str) -> tuple[str, str]:
    found = re.fullmatch(r"cloudinary://([a-z0-9_-]{2,128})(?:/([^?#]*))?", url, re.IGNORECASE)
    folder = unquote(found[2] or "").strip("/") if found else "?"
    try:
        clean_folder(folder)
    except BadPath:
        found = None
    if found is None or any(re.search(_REFUSED_NAMES, name) for name in folder.split("/")):
        raise BadPlace("cloudinary://…", "", CloudinaryPlace.form)
    return found[1], folder


def _kind_of(path: str, source: BinaryIO) -> str:
    """Tell what a file is sent as: an image or a video if its name and the beginning of its content both say so."""
    beginning = source.read(16)
    extension = _split(path)[1]
    known = _BEGINNINGS.get(extension)
    return _KIND_OF[extension] if known and re.match(known, beginning, re.DOTALL) else "raw"


def _split(path: str) -> tuple[str, str]:
    """Give a path without its extension, and the extension in small letters; ``.jpg`` has none."""
    stem, _, extension = path.rpartition(".")
    return (stem, extension.lower()) if stem and not stem.endswith("/") and "/" not in extension else (path, "")
