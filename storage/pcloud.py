"""pCloud, by its HTTP API; there is no SDK that is kept up.

The API knows folders and files by ids. A listing by path is the one call that tells the ids of a folder and of all that
is in it, so each verb begins with one, and no id outlives its verb. The answers say what happened by a number of their
own (``result``), with HTTP status 200.

Source: spec STO-1, STO-8, STO-13; facts/storage-apis §2; docs.pcloud.com.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, BinaryIO, ClassVar, Literal, Self

import requests
from pydantic import BaseModel, BeforeValidator, Field, SecretStr
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from passerelle.storage import checksums
from passerelle.storage.base import Entry, Features, LocalFile, Moved, Storage, unwatched
from passerelle.storage.errors import (
    AlreadyThere,
    BadPath,
    BadPlace,
    Damaged,
    Denied,
    NoSpace,
    NotFound,
    StorageError,
    Throttled,
    TooLarge,
    Transient,
    Unexpected,
    Unreachable,
    UntrustedHost,
    printable,
)
from passerelle.storage.local_files import opened_to_fetch, opened_to_send
from passerelle.storage.login import Grant, Provider, token_of
from passerelle.storage.parallel import in_parallel
from passerelle.storage.paths import clean_folder, clean_path, is_good_name, join, parent
from passerelle.storage.place import Place, Secret, SecretName, cloud_folder

Region = Literal["us", "eu"]
HOSTS: dict[str, str] = {"us": "api.pcloud.com", "eu": "eapi.pcloud.com"}
"""Hosts of the API, by the region where the account's files are."""

_log = logging.getLogger(__name__)
_BLOCK = 256 * 1024
_FEW_FOLDERS = 10
"""Up to so many folders are listed one by one."""
_LOCK_OUT_SECONDS = 300
_Given = dict[str, str | int]
"""Parameters of a call; among them a folder, by path or by id."""
_ACCOUNT: _Given = {"folderid": 0}
"""The account's root, which pCloud does not list recursively."""
_TREE_REFUSED = frozenset([1101, 5000])
"""Answers to a recursive listing of the account's root, and of a tree that is too large or too deep."""
_LINK_EXPIRED = frozenset([403, 404, 410])
_MEANINGS: dict[int, tuple[type[StorageError], str]] = {
    1000: (Denied, "storage-login-refused"),
    2001: (BadPath, "storage-path-refused"),
    2002: (NotFound, ""),
    2003: (Denied, ""),
    2004: (AlreadyThere, ""),
    2005: (NotFound, ""),
    2008: (NoSpace, ""),
    2009: (NotFound, ""),
    2010: (BadPath, "storage-path-refused"),
    2041: (Unreachable, ""),
    2094: (Denied, "storage-login-refused"),
}
_BUSY = frozenset([408, 429])


class _Item(BaseModel):
    """A file or a folder in an answer (docs.pcloud.com/structures/metadata.html)."""

    name: str
    isfolder: bool
    folderid: int = 0
    fileid: int = 0
    size: int = 0
    hash: int = 0
    modified: Annotated[datetime | None, BeforeValidator(parsedate_to_datetime)] = None
    encrypted: bool = False
    contents: list[_Item] = []

    def called(self, name: str) -> _Item | None:
        """Give what has this name in the folder."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> Mapping[str, _Item]:
        return {item.name: item for item in self.contents}


class _Checksums(BaseModel):
    sha1: str = ""


class _Answer(_Checksums):
    """What the methods used here answer; each fills some of it."""

    result: int
    error: str = ""
    metadata: _Item | list[_Item] | None = None
    checksums: list[_Checksums] = []
    hosts: list[str] = []
    path: str = ""
    access_token: SecretStr | None = None

    @property
    def item(self) -> _Item:
        """The one file or folder that the answer is about.

        Raises:
            ValueError: it tells of none.
        """
        items = self.metadata if isinstance(self.metadata, list) else [self.metadata]
        if len(items) != 1 or items[0] is None:
            raise ValueError("no metadata")
        return items[0]

    @property
    def token(self) -> SecretStr:
        """What a login gives.

        Raises:
            ValueError: it gives none.
        """
        if self.access_token is None:
            raise ValueError("no access_token")
        return self.access_token


class _Refused(Exception):  # noqa: N818 - it says the consequence
    """An answer with a ``result`` other than 0."""

    def __init__(self, result: int, text: str) -> None:
        super().__init__(result, text)
        self.result = result
        self.detail = f"{result} {text}".strip()


def _translate(error: Exception, storage: str, path: str) -> StorageError:
    """Say what a ``result`` (docs.pcloud.com/errors), an HTTP status, or a broken connection means."""
    if isinstance(error, _Refused):
        return _of_result(error, storage, path)
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return _of_status(error.response, storage, path)
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return UntrustedHost(storage, path, "CERTIFICATE_VERIFY_FAILED", "storage-certificate-refused")
    if isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError):
        timed_out = isinstance(error, requests.Timeout) or "Read timed out" in str(error)
        return Unreachable(storage, path, _reason(error), "storage-timeout" if timed_out else "")
    if isinstance(error, EOFError):
        return Unexpected(storage, path, str(error), "storage-local-changed")
    return Unexpected(storage, path, _reason(error))


def _of_result(refused: _Refused, storage: str, path: str) -> StorageError:
    if refused.result // 1000 == 4:  # too many logins; each try makes it last longer
        return Throttled(storage, path, refused.detail, retry_after=_LOCK_OUT_SECONDS)
    if refused.result == 2000:  # pCloud says the same of a token of the other region
        return Denied(storage, path, f"{refused.detail} Token? Region?", "storage-login-refused")
    kind, code = _MEANINGS.get(refused.result, (Throttled if refused.result // 1000 == 5 else Unexpected, ""))
    return kind(storage, path, refused.detail, code)


def _of_status(response: requests.Response, storage: str, path: str) -> StorageError:
    detail = f"HTTP {response.status_code} {response.reason}"
    if response.status_code in _BUSY or response.status_code >= 500:
        wait = response.headers.get("Retry-After", "")
        return Throttled(storage, path, detail, retry_after=float(wait) if wait.isdecimal() else None)
    if response.status_code == requests.codes.unauthorized:
        return Denied(storage, path, detail, "storage-login-refused")
    return Unexpected(storage, path, detail)


def _reason(error: BaseException) -> str:
    """Give the system's own words: those of ``requests`` repeat addresses, and a link's address opens the file."""
    told = [error]
    while told:
        one = told.pop()
        if isinstance(one, OSError) and one.strerror and not isinstance(one, requests.RequestException):
            return one.strerror
        inner = (*one.args, getattr(one, "reason", None), one.__context__)
        told += [deeper for deeper in inner if isinstance(deeper, BaseException)]
    return type(error).__name__


class PcloudPlace(Place):
    """A folder of a pCloud account."""

    form: ClassVar[str] = "pcloud:/folder"
    opening: ClassVar[tuple[str, ...]] = (
        "storage-step-connected",
        "storage-step-certificate",
        "storage-step-logged-in",
        "storage-step-folder",
    )

    region: Region = Field("eu", description="Where the account's files are; an account is known in its region only.")
    access_token: SecretName = Field(min_length=1, description="Name of the secret with the token of the login.")
    app_key: str = Field("", description="Client ID of your pCloud app; only to log in.")
    app_secret: SecretName = Field("", description="Name of the secret with the app's client secret; only to log in.")

    @classmethod
    def check_url(cls, url: str) -> None:
        """See ``Place.check_url``."""
        cloud_folder(url)

    @property
    def name(self) -> str:
        """The folder."""
        return f"pcloud:/{cloud_folder(self.url)}"

    @property
    def server(self) -> tuple[str, int]:
        """The API's host."""
        return HOSTS[self.region], 443

    def storage(self, base_folder: Path, secret: Secret) -> Storage:  # noqa: ARG002 - it needs no local file
        """See ``Place.storage``."""
        return PcloudStorage(
            self.name,
            token_of(self.name, self.access_token, secret),
            host=HOSTS[self.region],
            folder=cloud_folder(self.url),
            connections=self.connections,
            timeout_seconds=self.timeout_seconds,
        )

    def provider(self, secret: Secret) -> Provider:
        """See ``login.BrowserLogin``.

        Raises:
            BadPlace: (code ``storage-login-app``) the place names no app to log in as.
        """
        app_secret = secret(self.app_secret)
        if not self.app_key or app_secret is None:
            raise BadPlace(self.name, "", "app_key, app_secret", "storage-login-app")
        return PcloudLogin(self.name, self.access_token, self.app_key, app_secret, timeout_seconds=self.timeout_seconds)


class PcloudLogin:
    """How pCloud is asked for a token (see ``login.Provider``); it knows no PKCE, and its tokens do not expire.

    Args:
        name: of the place.
        secret_name: of the secret that the token becomes.
        app_key: client ID of the app.
        app_secret: its client secret.
        hosts: the API's host in each region.
        timeout_seconds: for the connection and for the answer.
    """

    returns_state = False  # rclone issue 4210

    def __init__(
        self,
        name: str,
        secret_name: str,
        app_key: str,
        app_secret: SecretStr,
        *,
        hosts: Mapping[str, str] = HOSTS,
        timeout_seconds: float = 30,
    ) -> None:
        self.name = name
        self.secret_name = secret_name
        self._app_key = app_key
        self._app_secret = app_secret
        self._hosts = hosts
        self._timeout = timeout_seconds

    def authorize_url(self, redirect: str, state: str, challenge: str) -> str:  # noqa: ARG002 - no PKCE
        """See ``login.Provider``."""
        asked = {"client_id": self._app_key, "response_type": "code", "redirect_uri": redirect, "state": state}
        address = requests.Request("GET", "https://my.pcloud.com/oauth2/authorize", params=asked).prepare().url
        assert address is not None  # noqa: S101 - it was just given
        return address

    def grant(self, answer: Mapping[str, str], redirect: str, verifier: str) -> Grant:  # noqa: ARG002 - no PKCE
        """See ``login.Provider``: the account's region comes with the code, and goes with the token."""
        region = self._region(answer)
        given = {
            "client_id": self._app_key,
            "client_secret": self._app_secret.get_secret_value(),
            "code": answer["code"],
        }
        try:
            with _session() as session:
                address = f"https://{self._hosts[region]}/oauth2_token"
                token = _answer(session.post(address, data=given, timeout=self._timeout, allow_redirects=False)).token
        except _Refused as refused:
            raise Denied(self.name, "", refused.detail, "storage-login-code") from None
        except (requests.RequestException, ValueError) as error:
            raise _translate(error, self.name, "") from None
        return Grant(token, {"region": region})

    def _region(self, answer: Mapping[str, str]) -> str:
        """Tell the region, by the host's name or its number; the app's secret goes to no other host than pCloud's."""
        by_host = {host: region for region, host in self._hosts.items()}
        by_number = {"1": "us", "2": "eu"}
        region = by_host.get(answer.get("hostname", "")) or by_number.get(answer.get("locationid", ""))
        if region is None or answer.get("hostname", self._hosts[region]) != self._hosts[region]:
            raise Denied(self.name, "", f"hostname={answer.get('hostname', '')}", "storage-login-code")
        return region


class PcloudStorage:
    """A folder of a pCloud account; keeps the contract of ``base.Storage``.

    There are no ``changes``: of a renamed file, pCloud's events tell the new name alone. A whole tree is one call, and
    ``Entry.version`` tells what changed in it.

    pCloud keeps what is replaced or deleted for a while, as a revision or in its trash. Its "Crypto" folders cannot be
    used through the API, and are not listed.

    Args:
        name: for people, without secret.
        access_token: of the login; it does not expire.
        host: of the API, in the account's region.
        folder: path within the account; ``""`` is the account's root.
        connections: how many are used at once.
        timeout_seconds: for the connection and for every single answer.
    """

    features = Features(
        partial_uploads=True,
        exclusive_rename=False,
        seamless_replace=True,
        exclusive_put=True,
        recursive_listing=True,
    )

    def __init__(
        self,
        name: str,
        access_token: SecretStr,
        *,
        host: str,
        folder: str = "",
        connections: int = 4,
        timeout_seconds: float = 30,
    ) -> None:
        self.name = name
        self._login = _Bearer(access_token)
        self._host = host
        self._root = folder
        self._connections = connections
        self._timeout = timeout_seconds
        self._session: requests.Session | None = None

    def __enter__(self) -> Self:
        self._session = _session(self._connections)
        try:
            self._check_root("")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        if self._session:
            self._session.close()
        self._session = None

    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        """See ``base.Storage.list``; ``modified_utc`` is what the uploading program said, if it said something."""
        folder = clean_folder(folder, storage=self.name)
        return list(self._entries(self._tree(folder) if recursive else self._listed(folder, folder), folder))

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        """See ``base.Storage.read``."""
        file = self._file(path)
        if limit_bytes is not None and file.size > limit_bytes:
            raise TooLarge(self.name, path, f"{file.size} > {limit_bytes}")
        return b"".join(block for _, block in self._content(file, path))

    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        """See ``base.Storage.put``."""
        clean_path(path, storage=self.name)
        body = _Body(io.BytesIO(data), len(data), lambda _: None)
        return self._upload(self._made(parent(path), path), path, body, overwrite=overwrite)

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """See ``base.Storage.rename``."""
        self.rename_files([(src, dst)], overwrite=overwrite)

    def delete(self, path: str) -> None:
        """See ``base.Storage.delete``; the file goes to pCloud's trash."""
        self._write("deletefile", path, {"fileid": self._file(path).fileid})

    def checksum(self, path: str) -> str | None:
        """See ``base.Storage.checksum``: SHA-1, the one that both regions compute."""
        return self._checksum(self._file(path), path)

    def put_files(
        self, files: Sequence[LocalFile], *, overwrite: bool = True, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[Entry]:
        """See ``base.Storage.put_files``; what an earlier try left is either whole, or sent again."""
        folders = self._each_folder((file.path for file in files), self._made)

        def put(file: LocalFile) -> Entry:
            folder = folders[parent(file.path)]
            there = self._arrived(folder, file) if resume else None
            if there:
                moved(file.path, file.size)
                return there
            with opened_to_send(file, self.name) as source:
                body = _Body(source, file.size, lambda over: moved(file.path, over))
                return self._upload(folder, file.path, body, overwrite=overwrite)

        return in_parallel(put, files, self._connections)

    def get_files(
        self, files: Sequence[LocalFile], *, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[LocalFile]:
        """See ``base.Storage.get_files``; a file that was resumed is compared by its checksum."""
        found = self._found([file.path for file in files])

        def get(file: LocalFile) -> LocalFile | None:
            item = found[file.path]
            if item is None or item.isfolder:
                return None
            if item.size != file.size:
                raise Unreachable(self.name, file.path, f"{item.size} / {file.size}")
            self._download(item, file, resume=resume, moved=moved)
            return file

        return (file for file in in_parallel(get, files, self._connections) if file)

    def rename_files(self, pairs: Sequence[tuple[str, str]], *, overwrite: bool) -> None:
        """See ``base.Storage.rename_files``."""
        for _, dst in pairs:
            clean_path(dst, storage=self.name)
        sources = self._each_folder((src for src, _ in pairs), self._listed)
        files = [self._file_in(sources[parent(src)], src) for src, _ in pairs]
        targets = self._each_folder((dst for _, dst in pairs), self._made)
        for _, dst in pairs:
            self._check_free(targets[parent(dst)], dst, overwrite=overwrite)

        def move(pair: tuple[_Item, str]) -> None:
            file, dst = pair
            folder = targets[parent(dst)].folderid
            self._write("renamefile", dst, {"fileid": file.fileid, "tofolderid": folder, "toname": _name(dst)})

        for _ in in_parallel(move, zip(files, (dst for _, dst in pairs), strict=True), self._connections):
            pass

    # Finding ids by paths

    def _where(self, folder: str) -> _Given:
        whole = "/".join(part for part in (self._root, folder) if part)
        return {"path": f"/{whole}"} if whole else _ACCOUNT

    def _listed(self, folder: str, path: str) -> _Item:
        """List a folder by its path; ``path`` is what an error is about."""
        return self._contents(self._where(folder), path)

    def _contents(self, where: _Given, path: str) -> _Item:
        with self._translated(path):
            return self._call("listfolder", path, where).item

    def _listed_or_empty(self, folder: str, path: str) -> _Item:
        try:
            return self._listed(folder, path)
        except NotFound:
            self._check_root(path)
            return _Item(name="", isfolder=True)

    def _check_root(self, path: str) -> None:
        """See that the storage's own folder is there."""
        self._call("listfolder", path, self._where("") | {"nofiles": 1})

    def _made(self, folder: str, path: str) -> _Item:
        """List a folder, which is created where it is missing; the storage's own folder never is."""
        try:
            return self._listed(folder, path)
        except NotFound:
            if not folder:
                raise
        above = self._made(parent(folder), path)
        there = above.called(_name(folder))
        if there and not there.isfolder:
            raise AlreadyThere(self.name, path)
        self._write("createfolderifnotexists", path, {"folderid": above.folderid, "name": _name(folder)})
        return self._listed(folder, path)

    def _each_folder(self, paths: Iterable[str], look: Callable[[str, str], _Item]) -> dict[str, _Item]:
        """List the folders of many files, each folder once."""
        wanted = {parent(clean_path(path, storage=self.name)): path for path in paths}

        def looked(pair: tuple[str, str]) -> tuple[str, _Item]:
            return pair[0], look(*pair)

        return dict(in_parallel(looked, wanted.items(), self._connections))

    def _found(self, paths: Sequence[str]) -> dict[str, _Item | None]:
        """Look for many files: where they lie in many folders, by one listing of all instead of one for each."""
        if len({parent(clean_path(path, storage=self.name)) for path in paths}) > _FEW_FOLDERS:
            tree = self._tree("")
            return {path: _inside(tree, path) for path in paths}
        folders = self._each_folder(paths, self._listed_or_empty)
        return {path: folders[parent(path)].called(_name(path)) for path in paths}

    def _file(self, path: str) -> _Item:
        return self._file_in(self._listed(parent(clean_path(path, storage=self.name)), path), path)

    def _file_in(self, folder: _Item, path: str) -> _Item:
        there = folder.called(_name(path))
        if there is None or there.isfolder:
            raise NotFound(self.name, path)
        return there

    def _check_free(self, folder: _Item, path: str, *, overwrite: bool) -> _Item | None:
        """Give the file that is in the place of another, if that may be replaced."""
        there = folder.called(_name(path))
        if there and (there.isfolder or not overwrite):
            raise AlreadyThere(self.name, path)
        return there

    # Listing

    def _tree(self, folder: str) -> _Item:
        """List a folder with all that is below it."""
        top = _Item(name="", isfolder=True)
        level = [(top, self._where(folder))]
        while level:
            grown = list(in_parallel(lambda one: self._grown(*one, folder), level, self._connections))
            level = [below for found in grown for below in found]
        return top

    def _grown(self, item: _Item, where: _Given, path: str) -> Sequence[tuple[_Item, _Given]]:
        """List a folder and all below it by one call if pCloud agrees; else it alone, and give the folders in it."""
        with self._translated(path):
            if where != _ACCOUNT:
                told = self._call("listfolder", path, where | {"recursive": 1}, may_refuse=_TREE_REFUSED)
                if not told.result:
                    item.contents = told.item.contents
                    return []
        item.contents = self._contents(where, path).contents
        return [(below, {"folderid": below.folderid}) for below in item.contents if below.isfolder]

    def _entries(self, folder: _Item, path: str) -> Iterator[Entry]:
        """Give the files of a folder, and of the folders in it as far as these were listed."""
        for item in folder.contents:
            inside = join(path, item.name)
            if not is_good_name(item.name) or item.encrypted:
                _log.warning("%s: not listed, encrypted or its name is not safe: %s", self.name, printable(inside))
            elif item.isfolder:
                yield from self._entries(item, inside)
            else:
                yield _entry(inside, item)

    # Content

    def _upload(self, folder: _Item, path: str, body: _Body, *, overwrite: bool) -> Entry:
        name = _name(path)
        there = self._check_free(folder, path, overwrite=overwrite)
        given: _Given = {"folderid": folder.folderid, "filename": name, "nopartial": 1}
        if not overwrite:
            given["renameifexists"] = 1
        try:
            told = self._send(path, name, body, given)
        except StorageError:
            with suppress(StorageError, OSError):
                self._remove_half(folder, path, body, there)
            raise
        with self._translated(path):
            made, sha1 = told.item, told.checksums[0].sha1 if told.checksums else ""
        error: StorageError
        if made.size != len(body) or sha1 != body.sha1:
            error = Damaged(self.name, path, f"{made.size} / {len(body)}, SHA-1 {sha1} / {body.sha1}")
        elif made.name != name and overwrite:
            error = BadPath(self.name, path, made.name, "storage-path-refused")
        elif made.name != name:
            error = AlreadyThere(self.name, path)  # it came after we looked
        else:
            return _entry(path, made, sha1)
        with suppress(StorageError):
            self._write("deletefile", path, {"fileid": made.fileid})
        raise error

    def _send(self, path: str, name: str, body: _Body, given: _Given) -> _Answer:
        if len(body):
            return self._ask("PUT", "uploadfile", path, params=given, data=body)
        return self._ask("POST", "uploadfile", path, data=given, files={"file": (name, b"")})  # refused by PUT

    def _remove_half(self, folder: _Item, path: str, body: _Body, before: _Item | None) -> None:
        """Take away what a failed upload left, which pCloud should not keep (``nopartial``) but sometimes does.

        Only what is the beginning of ours: a file of the same name may be another writer's.
        """
        left = self._contents({"folderid": folder.folderid}, path).called(_name(path))
        if left is None or left.isfolder or (before and left.hash == before.hash):
            return
        if left.size <= len(body) and self._checksum(left, path) == f"sha1:{body.sha1_of_first(left.size)}":
            self._write("deletefile", path, {"fileid": left.fileid})

    def _arrived(self, folder: _Item, file: LocalFile) -> Entry | None:
        """Give the file that an earlier try sent whole."""
        there = folder.called(_name(file.path))
        if there is None or there.isfolder or there.size != file.size:
            return None
        with opened_to_send(file, self.name):
            same = self._checksum(there, file.path) == checksums.of_file("sha1", file.local)
        return _entry(file.path, there) if same else None

    def _download(self, item: _Item, file: LocalFile, *, resume: bool, moved: Moved) -> None:
        with opened_to_fetch(file, self.name, resume=resume) as (target, begun):
            for start, block in self._content(item, file.path, begun):
                target.seek(start)
                target.write(block)
                moved(file.path, start + len(block))
        if begun and checksums.of_file("sha1", file.local) != self._checksum(item, file.path):
            file.local.unlink()
            raise Damaged(self.name, file.path, "SHA-1")

    def _content(self, file: _Item, path: str, begun: int = 0) -> Iterator[tuple[int, bytes]]:
        """Give a file's content from a byte on, in blocks, each with its place; from the start if it must be."""
        if begun == file.size:
            return
        with self._opened(file, path, begun) as response, self._translated(path):
            over = begun if response.status_code == requests.codes.partial_content else 0
            for block in response.iter_content(_BLOCK):
                yield over, block
                over += len(block)
        if over != file.size:
            raise Unreachable(self.name, path, f"{over} / {file.size}")

    def _opened(self, file: _Item, path: str, begun: int) -> requests.Response:
        """Ask the hosts of a link, one after the other; then those of a second link, if the first has expired."""
        failed: Transient = Unreachable(self.name, path)
        for _ in range(2):
            link = self._call("getfilelink", path, {"fileid": file.fileid})
            for host in link.hosts:
                try:
                    return self._response(f"https://{host}{link.path}", file, path, begun)
                except Transient as error:
                    failed = error
        raise failed

    def _response(self, address: str, file: _Item, path: str, begun: int) -> requests.Response:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begun}-"} if begun else {})
        with self._translated(path):
            response = self._live.get(
                address, headers=headers, auth=_no_login, timeout=self._timeout, stream=True, allow_redirects=False
            )
            status = response.status_code
            start = begun if status == requests.codes.partial_content else 0
            whole = start + int(response.headers.get("Content-Length", -1))
            if status in {requests.codes.ok, requests.codes.partial_content} and whole == file.size:
                return response
            response.close()
            if status not in _LINK_EXPIRED:
                response.raise_for_status()
        raise Unreachable(self.name, path, f"HTTP {status}, {whole} / {file.size}")

    def _checksum(self, file: _Item, path: str) -> str:
        return f"sha1:{self._call('checksumfile', path, {'fileid': file.fileid}).sha1}"

    # Calls

    @property
    def _live(self) -> requests.Session:
        if self._session is None:
            raise RuntimeError(f"{self.name} is used outside of its with block")
        return self._session

    def _call(self, method: str, path: str, given: _Given, *, may_refuse: frozenset[int] = frozenset()) -> _Answer:
        """Ask something; ``path`` is what an error is about."""
        return self._ask("GET", method, path, params=given, may_refuse=may_refuse)

    def _write(self, method: str, path: str, given: _Given) -> _Answer:
        """Have something changed."""
        return self._ask("POST", method, path, params=given)

    def _ask(
        self, verb: str, method: str, path: str, *, may_refuse: frozenset[int] = frozenset(), **request: Any
    ) -> _Answer:
        with self._translated(path):
            response = self._live.request(
                verb,
                f"https://{self._host}/{method}",
                auth=self._login,
                timeout=self._timeout,
                allow_redirects=False,
                **request,
            )
            return _answer(response, may_refuse)

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except (_Refused, requests.RequestException, EOFError, ValueError) as error:
            raise _translate(error, self.name, path) from None  # it would show the address: see ``_reason``


def _session(connections: int = 1) -> requests.Session:
    """Open a session that several threads may use: it keeps no cookies, the one thing that a session changes."""
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.mount("https://", HTTPAdapter(pool_maxsize=connections, max_retries=0))
    return session


def _answer(response: requests.Response, may_refuse: frozenset[int] = frozenset()) -> _Answer:
    response.raise_for_status()
    told = _Answer.model_validate_json(response.content)
    if told.result and told.result not in may_refuse:
        raise _Refused(told.result, told.error)
    return told


class _Body:
    """What is sent: ``requests`` asks for its length, so that it is announced, and then reads it in blocks."""

    def __init__(self, source: BinaryIO, size: int, moved: Callable[[int], None]) -> None:
        self._source = source
        self._size = size
        self._moved = moved
        self._over = 0
        self._digest = hashlib.sha1(usedforsecurity=False)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(_BLOCK), b"")

    def read(self, amount: int = -1) -> bytes:
        """Give the next bytes; never more than were announced."""
        left = self._size - self._over
        block = self._source.read(left if amount < 0 else min(amount, left))
        if left and not block:
            raise EOFError(f"{self._over} / {self._size}")
        self._digest.update(block)
        self._over += len(block)
        self._moved(self._over)
        return block

    @property
    def sha1(self) -> str:
        """Hex digits of what was read."""
        return self._digest.hexdigest()

    def sha1_of_first(self, size: int) -> str:
        """Give the hex digits of so many bytes; nothing more can be sent afterwards."""
        self._source.seek(0)
        digest = hashlib.sha1(usedforsecurity=False)
        while block := self._source.read(min(size, _BLOCK)):
            digest.update(block)
            size -= len(block)
        return digest.hexdigest()


class _Bearer(AuthBase):
    """Give the token to the API; as ``auth`` it is stronger than what a ``.netrc`` has for the host."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return request


def _no_login(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Give nothing to the hosts of content, not even what a ``.netrc`` has: their addresses open the files."""
    return request


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _inside(folder: _Item, path: str) -> _Item | None:
    """Give what lies under a path in a folder that was listed with all below it."""
    item: _Item | None = folder
    for name in path.split("/"):
        item = item.called(name) if item else None
    return item


def _entry(path: str, file: _Item, sha1: str = "") -> Entry:
    modified = file.modified.astimezone(UTC) if file.modified else None
    return Entry(path, file.size, modified, f"sha1:{sha1}" if sha1 else None, str(file.hash))
