"""A folder of a Dropbox, by Dropbox's own SDK.

Uploads go as upload sessions in parallel and get their names together, by one call: one account takes one writer at a
time, and a batch counts as one. Its content hash is compared for every file, in both directions.

Source: spec STO-7, STO-8, STO-11, STO-13; facts/storage-apis §1.
"""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Self
from urllib.parse import urlencode

import requests
from dropbox import Dropbox, create_session
from dropbox.common import PathRoot
from dropbox.exceptions import (
    ApiError,
    AuthError,
    BadInputError,
    DropboxException,
    HttpError,
    RateLimitError,
)
from dropbox.files import (
    CommitInfo,
    DeletedMetadata,
    FileMetadata,
    FolderMetadata,
    RelocationPath,
    UploadSessionCursor,
    UploadSessionFinishArg,
    WriteMode,
)
from dropbox.session import API_HOST, WEB_HOST
from dropbox.stone_validators import ValidationError
from pydantic import Field, SecretStr

from passerelle.storage import checksums
from passerelle.storage.base import Changes, Entry, Features, LocalFile, Moved, Storage, unwatched
from passerelle.storage.errors import (
    AlreadyThere,
    BadPath,
    Damaged,
    Denied,
    NoSpace,
    NotFound,
    StorageError,
    Throttled,
    TooLarge,
    Unexpected,
    Unreachable,
    UntrustedHost,
    printable,
)
from passerelle.storage.local_files import opened_to_fetch, opened_to_send
from passerelle.storage.login import Grant, token_of
from passerelle.storage.parallel import in_parallel
from passerelle.storage.paths import clean_folder, clean_path, is_good_name, join
from passerelle.storage.place import Place, Secret, SecretName, cloud_folder

_log = logging.getLogger(__name__)

Sessions = Callable[[int], requests.Session]
"""Gives an HTTP session for so many connections at once."""

_BLOCK = 8 * 1024 * 1024
"""How much of a file goes in one call; a multiple of 4 MiB, far from the most that is taken (150 MiB)."""
_CHUNK = 256 * 1024
_PAGE = 2000
_MOST_IN_A_BATCH = 1000
_FILES_IN_A_GROUP = 100
_BYTES_IN_A_GROUP = 64 * 1024 * 1024
_LONGEST_JOB_SECONDS = 600
_MEANINGS: dict[str, type[StorageError]] = {
    "/lookup_failed/": Unreachable,  # an upload session is gone, or elsewhere than we think: it is begun anew
    "/path_write/conflict/": Throttled,  # somebody wrote to it between our look and our removal
    "/too_many_write_operations/": Throttled,
    "/too_many_requests/": Throttled,
    "/content_hash_mismatch/": Damaged,
    "/internal_error/": Unreachable,
    "/reset/": Unreachable,
    "/not_found/": NotFound,
    "/not_file/": NotFound,
    "/not_folder/": NotFound,
    "/conflict/": AlreadyThere,
    "/malformed_path/": BadPath,
    "/disallowed_name/": BadPath,
    "/restricted_content/": Denied,
    "/access_restricted/": Denied,
    "/locked/": Denied,
    "/no_write_permission/": Denied,
    "/operation_suppressed/": Denied,
    "/team_folder/": Denied,
    "insufficient_": NoSpace,
}
"""By a part of the error's tags; the first that fits. What is not here is unexpected."""
_FOREIGN = (DropboxException, requests.RequestException, ValidationError, ValueError, KeyError, AssertionError)
"""What a call of the SDK may raise; the last ones come for answers that are not what it expects."""


def _translate(error: Exception, storage: str, path: str) -> StorageError:
    """Say what an answer means (dropbox.com/developers/documentation/http/documentation#error-handling)."""
    if isinstance(error, ApiError):
        return _meaning(error.error, storage, path)
    if isinstance(error, RateLimitError):
        detail = _tags(error.error.reason) if error.error else "HTTP 429"
        return Throttled(storage, path, detail, retry_after=error.backoff)
    if isinstance(error, AuthError):
        detail = _tags(error.error)
        knows_us = detail.startswith(("missing_scope", "route_access_denied"))
        return Denied(storage, path, detail, "" if knows_us else "storage-login-refused")
    if isinstance(error, HttpError):
        return _meaning_of_status(error, storage, path)
    if isinstance(error, requests.RequestException) and not isinstance(error, ValueError):
        return _meaning_of_silence(error, storage, path)
    return Unexpected(storage, path, str(error) or type(error).__name__)


def _meaning_of_status(error: HttpError, storage: str, path: str) -> StorageError:
    """Say what an answer without a tagged error means; 416: the file became shorter than what we have of it."""
    if error.status_code >= 500 or error.status_code == 416:
        return Unreachable(storage, path, f"HTTP {error.status_code}")
    if "invalid_client" in str(error.body):
        return Denied(storage, path, "invalid_client", "storage-login-refused")
    return Unexpected(storage, path, f"HTTP {error.status_code} {error.body or ''}")


def _meaning_of_silence(error: requests.RequestException, storage: str, path: str) -> StorageError:
    """Say why there is no answer."""
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return UntrustedHost(storage, path, "CERTIFICATE_VERIFY_FAILED", "storage-certificate-refused")
    timed_out = isinstance(error, requests.Timeout)
    return Unreachable(storage, path, type(error).__name__, "storage-timeout" if timed_out else "")


def _meaning(error: Any, storage: str, path: str) -> StorageError:
    """Say what a tagged error means."""
    tags = _tags(error)
    kind = next((kind for part, kind in _MEANINGS.items() if part in f"/{tags}/"), Unexpected)
    return kind(storage, path, tags, "storage-path-refused" if kind is BadPath else "")


def _tags(error: Any) -> str:
    """Write an error's tags from the outermost to the innermost: ``path/conflict/file``."""
    tags = []
    while error is not None:
        if hasattr(error, "_tag"):
            tags.append(error._tag)  # noqa: SLF001 - the only way to walk any of them
            error = error._value  # noqa: SLF001
        elif hasattr(error, "required_scope"):
            tags.append(error.required_scope)
            break
        else:
            error = getattr(error, "reason", None)
    return "/".join(tags)


class DropboxPlace(Place):
    """A folder of a Dropbox; of an app's own folder where the app has only that."""

    form: ClassVar[str] = "dropbox:/folder"
    opening: ClassVar[tuple[str, ...]] = (
        "storage-step-connected",
        "storage-step-certificate",
        "storage-step-logged-in",
        "storage-step-folder",
    )

    app_key: str = Field(min_length=1, description="Key of your app, as the Dropbox App Console shows it.")
    app_secret: SecretName = Field("", description="Name of the secret with the app's secret; not needed.")
    refresh_token: SecretName = Field(
        min_length=1, description="Name of the secret with the token; passerelle storage login stores it."
    )
    team_root: bool = Field(default=False, description="Start at the team's folders, not at the member's own.")

    @classmethod
    def check_url(cls, url: str) -> None:
        """See ``Place.check_url``."""
        cloud_folder(url)

    @property
    def name(self) -> str:
        """The folder."""
        return f"dropbox:/{cloud_folder(self.url)}"

    @property
    def server(self) -> tuple[str, int]:
        """Dropbox's API."""
        return API_HOST, 443

    def storage(self, base_folder: Path, secret: Secret) -> Storage:  # noqa: ARG002 - it has no files
        """See ``Place.storage``."""
        return DropboxStorage(
            self.name,
            cloud_folder(self.url),
            app_key=self.app_key,
            app_secret=secret(self.app_secret),
            refresh_token=token_of(self.name, self.refresh_token, secret),
            team_root=self.team_root,
            timeout_seconds=self.timeout_seconds,
            connections=self.connections,
        )

    def provider(self, secret: Secret) -> DropboxLogin:
        """See ``login.BrowserLogin``."""
        return DropboxLogin(self.name, self.refresh_token, self.app_key, secret(self.app_secret), self.timeout_seconds)


@dataclass(frozen=True, slots=True)
class DropboxLogin:
    """How Dropbox is asked for a token; see ``login.Provider``."""

    name: str
    secret_name: str
    app_key: str
    app_secret: SecretStr | None = None
    timeout_seconds: float = 30.0
    sessions: Sessions = create_session
    returns_state: ClassVar[bool] = True

    def authorize_url(self, redirect: str, state: str, challenge: str) -> str:
        """See ``login.Provider.authorize_url``."""
        asked = {
            "client_id": self.app_key,
            "response_type": "code",
            "redirect_uri": redirect,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            "token_access_type": "offline",  # or there is no refresh token
        }
        return f"https://{WEB_HOST}/oauth2/authorize?{urlencode(asked)}"

    def grant(self, answer: Mapping[str, str], redirect: str, verifier: str) -> Grant:
        """See ``login.Provider.grant``."""
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": redirect,
            "code_verifier": verifier,
            "client_id": self.app_key,
        }
        if self.app_secret:
            form["client_secret"] = self.app_secret.get_secret_value()
        try:
            with self.sessions(1) as session:
                reply = session.post(f"https://{API_HOST}/oauth2/token", data=form, timeout=self.timeout_seconds)
            told = reply.json() if reply.status_code < 500 else {}
        except _FOREIGN as error:
            raise _translate(error, self.name, "") from error
        if reply.status_code >= 500 or reply.status_code == 429:
            raise Unreachable(self.name, "", f"HTTP {reply.status_code}")
        if "refresh_token" not in told:
            detail = str(told.get("error_description") or told.get("error") or f"HTTP {reply.status_code}")
            raise Denied(self.name, "", detail, "storage-login-code")
        return Grant(SecretStr(told["refresh_token"]))


@dataclass(slots=True)
class _Upload:
    """A file on its way: Dropbox has its bytes up to ``offset``, and will give it its name later."""

    path: str
    size: int
    checksum: str
    session: str = ""
    offset: int = 0

    @property
    def cursor(self) -> UploadSessionCursor:
        return UploadSessionCursor(self.session, self.offset)


class DropboxStorage:
    """A folder of a Dropbox; keeps the contract of ``base.Storage``.

    A rename with ``overwrite`` removes the target first, which can be restored in Dropbox; when it is cut in between
    the source is still there, and the same rename completes it. What an upload or a download that was cut brought over
    is used by the next call for the same file, as long as the storage is open.

    Args:
        name: for people, without secret.
        folder: without ``/`` at its ends; ``""`` is the account's (or the app's) root.
        app_key: of the app that the token was given to.
        app_secret: of the app; not needed with a token by PKCE.
        refresh_token: never expires, but may be revoked.
        team_root: start at the root of the team's space.
        timeout_seconds: for the connection and for every single answer.
        connections: how many calls are made at once; writes are made one at a time all the same.
        sessions: makes the HTTP session, for networks that need another than the usual.
    """

    features = Features(
        partial_uploads=False,
        exclusive_rename=True,
        seamless_replace=False,
        exclusive_put=True,
        case_sensitive=False,
        refused_names=r"(?i)^(desktop\.ini|thumbs\.db|\.ds_store|\.dropbox|\.dropbox\.attr)$",
        recursive_listing=True,
        cursors=True,
    )

    def __init__(
        self,
        name: str,
        folder: str,
        *,
        app_key: str,
        refresh_token: SecretStr,
        app_secret: SecretStr | None = None,
        team_root: bool = False,
        timeout_seconds: float = 30.0,
        connections: int = 4,
        sessions: Sessions = create_session,
    ) -> None:
        self.name = name
        self._root = f"/{folder}" if folder else ""
        self._app_key = app_key
        self._app_secret = app_secret
        self._refresh_token = refresh_token
        self._team_root = team_root
        self._timeout = timeout_seconds
        self._connections = connections
        self._sessions = sessions
        self._client: Dropbox | None = None
        self._writing = threading.Lock()
        self._begun_uploads: dict[tuple[str, str], _Upload] = {}
        self._begun_downloads: set[LocalFile] = set()

    def __enter__(self) -> Self:
        session = self._sessions(self._connections)
        session.auth = _in_pieces
        self._client = Dropbox(
            oauth2_refresh_token=self._refresh_token.get_secret_value(),
            app_key=self._app_key,
            app_secret=self._app_secret.get_secret_value() if self._app_secret else None,
            session=session,
            user_agent="Passerelle",
            timeout=self._timeout,
            max_retries_on_error=0,  # by RetryingStorage
            max_retries_on_rate_limit=0,
        )
        try:
            with self._translated(""):
                if self._team_root:
                    account = self._client.users_get_current_account()
                    root = PathRoot.root(account.root_info.root_namespace_id)
                    self._client = self._client.with_path_root(root)
                self._client.files_list_folder(self._root, limit=1)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        if self._client:
            self._client.close()
        self._client = None
        self._begun_uploads.clear()
        self._begun_downloads.clear()

    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        """See ``base.Storage.list``; what cannot be downloaded (Paper, Google documents) is left out."""
        folder = clean_folder(folder, storage=self.name)
        with self._translated(folder):
            page = self._live.files_list_folder(self._at(folder), recursive=recursive, limit=_PAGE)
        return self._told(folder, page).entries

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        """See ``base.Storage.read``."""
        clean_path(path, storage=self.name)
        with self._translated(path):
            known, response = self._live.files_download(self._at(path))
            with closing(response):
                if limit_bytes is not None and known.size > limit_bytes:
                    raise TooLarge(self.name, path, f"{known.size} > {limit_bytes}")
                data: bytes = response.content
        self._see_same(path, known, checksums.of_bytes("dropbox", data))
        return data

    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        """See ``base.Storage.put``."""
        clean_path(path, storage=self.name)
        self._see_root()
        upload = _Upload(path, len(data), checksums.of_bytes("dropbox", data))
        if len(data) > _BLOCK:
            sent = self._sent(io.BytesIO(data), upload, unwatched)
            return next(self._committed([sent], overwrite=overwrite))
        with self._translated(path), self._writing:
            known = self._live.files_upload(data, self._at(path), **_how(overwrite=overwrite))
        return self._arrived(upload, known)

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """See ``base.Storage.rename``."""
        if self._has_room(src, dst, overwrite=overwrite):
            try:
                with self._translated(dst), self._writing:
                    self._live.files_move_v2(self._at(src), self._at(dst))
            except NotFound as error:
                raise NotFound(self.name, src, error.detail) from error

    def delete(self, path: str) -> None:
        """See ``base.Storage.delete``."""
        self._remove(path, self._file(path))

    def checksum(self, path: str) -> str | None:
        """See ``base.Storage.checksum``."""
        return _checksum(self._file(path))

    def put_files(
        self, files: Sequence[LocalFile], *, overwrite: bool = True, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[Entry]:
        """See ``base.Storage.put_files``; no part ever stands under a name, so ``resume`` only spares whole files."""
        for file in files:
            clean_path(file.path, storage=self.name)
        self._see_root()
        for group in _groups(files):
            yield from self._put_group(group, overwrite=overwrite, spare=resume, moved=moved)

    def get_files(
        self, files: Sequence[LocalFile], *, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[LocalFile]:
        """See ``base.Storage.get_files``."""
        for file in files:
            clean_path(file.path, storage=self.name)
        fetched = in_parallel(lambda file: self._fetched(file, moved, resume=resume), files, self._connections)
        yield from (file for file in fetched if file)

    def rename_files(self, pairs: Sequence[tuple[str, str]], *, overwrite: bool) -> None:
        """See ``base.Storage.rename_files``; Dropbox moves them together."""
        for start in range(0, len(pairs), _MOST_IN_A_BATCH):
            group = pairs[start : start + _MOST_IN_A_BATCH]
            have_room = in_parallel(
                lambda pair: (pair, self._has_room(*pair, overwrite=overwrite)), group, self._connections
            )
            ready = [pair for pair, has_room in have_room if has_room]
            if ready:
                self._move(ready)

    def changes(self, folder: str = "", cursor: str = "") -> Changes:
        """See ``base.Tracking.changes``; ``gone`` comes before ``entries``: a folder may be made anew."""
        folder = clean_folder(folder, storage=self.name)
        page = None
        with self._translated(folder):
            if cursor:
                try:
                    page = self._live.files_list_folder_continue(cursor)
                except (ApiError, BadInputError) as error:  # forgotten, or the folder is gone: a listing says which
                    _log.info("%s: all is listed anew: %s", self.name, error)
            complete = page is None
            page = page or self._live.files_list_folder(self._at(folder), recursive=True, limit=_PAGE)
        told = self._told(folder, page)
        return Changes(tuple(told.entries), () if complete else told.gone, told.cursor, complete)

    @property
    def _live(self) -> Any:
        if self._client is None:
            raise RuntimeError(f"{self.name} is used outside of its with block")
        return self._client

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except _FOREIGN as error:
            raise _translate(error, self.name, path) from error

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _look(self, path: str) -> Any:
        """Give what is known of a file or folder; ``None``: there is none."""
        try:
            with self._translated(path):
                return self._live.files_get_metadata(self._at(path))
        except NotFound:
            return None

    def _file(self, path: str) -> FileMetadata:
        known = self._look(clean_path(path, storage=self.name))
        if not isinstance(known, FileMetadata):
            raise NotFound(self.name, path)
        return known

    def _see_root(self) -> None:
        """See that the storage's folder is there: an upload would make it."""
        if self._root and not isinstance(self._look(""), FolderMetadata):
            raise NotFound(self.name)

    def _see_same(self, path: str, known: FileMetadata, checksum: str) -> None:
        if _checksum(known) != checksum:
            raise Damaged(self.name, path, f"{checksum} ≠ {_checksum(known)}")

    # Listings

    def _told(self, folder: str, page: Any) -> _Told:
        """Read a listing to its end."""
        told = _Told(self.name, folder, self._at(folder))
        told.take(page.entries)
        while page.has_more:
            with self._translated(folder):
                page = self._live.files_list_folder_continue(page.cursor)
            told.take(page.entries)
        told.cursor = page.cursor
        return told

    # Uploads

    def _put_group(self, files: Sequence[LocalFile], *, overwrite: bool, spare: bool, moved: Moved) -> Iterator[Entry]:
        """Send the bytes of some files, then give all their names; what was sent gets its own even if another fails."""
        sent = []
        failed = None
        try:
            for one in in_parallel(lambda file: self._ready(file, spare=spare, moved=moved), files, self._connections):
                if isinstance(one, Entry):
                    yield one
                else:
                    sent.append(one)
        except StorageError as error:
            failed = error
        yield from self._committed(sent, overwrite=overwrite)
        if failed:
            raise failed

    def _ready(self, file: LocalFile, *, spare: bool, moved: Moved) -> Entry | _Upload:
        """Send a file's bytes, unless the very file is there."""
        with opened_to_send(file, self.name) as source:
            checksum = checksums.of_file("dropbox", file.local)
            if spare:
                there = self._look(file.path)
                if isinstance(there, FileMetadata) and _checksum(there) == checksum:
                    moved(file.path, file.size)
                    return _entry(file.path, there)
            return self._sent(source, _Upload(file.path, file.size, checksum), moved)

    def _sent(self, source: BinaryIO, upload: _Upload, moved: Moved) -> _Upload:
        """Send the bytes of a file, or the rest of them after a cut."""
        upload = self._begun_uploads.setdefault((upload.path, upload.checksum), upload)
        while not upload.session or upload.offset < upload.size:
            source.seek(upload.offset)
            block = source.read(_BLOCK)
            if len(block) != min(_BLOCK, upload.size - upload.offset):
                raise Unexpected(self.name, upload.path, "", "storage-local-changed")
            with self._translated(upload.path):
                self._send(upload, block)
            moved(upload.path, upload.offset)
        return upload

    def _send(self, upload: _Upload, block: bytes) -> None:
        close = upload.offset + len(block) == upload.size
        if not upload.session:
            upload.session = self._live.files_upload_session_start(block, close=close).session_id
        else:
            try:
                self._live.files_upload_session_append_v2(block, upload.cursor, close=close)
            except ApiError as error:
                arrived = _arrived_bytes(error.error, upload.size)
                if arrived is not None and arrived > upload.offset:  # the answer to an earlier call was lost
                    upload.offset = arrived
                    return
                self._forget(upload)
                if arrived is not None or error.error.is_not_found():
                    raise Unreachable(self.name, upload.path, _tags(error.error)) from error
                raise
        upload.offset += len(block)

    def _committed(self, uploads: Sequence[_Upload], *, overwrite: bool) -> Iterator[Entry]:
        """Give files whose bytes were sent their names, by one call."""
        if not uploads:
            return
        how = _how(overwrite=overwrite)
        finish = [UploadSessionFinishArg(one.cursor, CommitInfo(self._at(one.path), **how)) for one in uploads]
        with self._translated(uploads[0].path), self._writing:
            results = self._live.files_upload_session_finish_batch_v2(finish).entries
        failed = None
        for upload, result in zip(uploads, results, strict=True):
            try:
                entry = self._named(upload, result)
            except StorageError as error:
                failed = failed or error
            else:
                yield entry
        if failed:
            raise failed

    def _named(self, upload: _Upload, result: Any) -> Entry:
        """Read what became of one upload."""
        if result.is_success():
            self._forget(upload)
            return self._arrived(upload, result.get_success())
        error = _meaning(result.get_failure(), self.name, upload.path)
        if isinstance(error, Unreachable):  # its session is of no more use
            self._forget(upload)
        raise error

    def _forget(self, upload: _Upload) -> None:
        self._begun_uploads.pop((upload.path, upload.checksum), None)

    def _arrived(self, upload: _Upload, known: FileMetadata) -> Entry:
        """See that the file is what was sent."""
        try:
            self._see_same(upload.path, known, upload.checksum)
        except Damaged:
            self._remove(upload.path, known)
            raise
        return _entry(upload.path, known)

    # Downloads

    def _fetched(self, file: LocalFile, moved: Moved, *, resume: bool) -> LocalFile | None:
        resume = resume or file in self._begun_downloads
        self._begun_downloads.add(file)
        try:
            with opened_to_fetch(file, self.name, resume=resume) as (target, begun):
                same = self._fetch(file, target, begun, moved)
        except NotFound:
            file.local.unlink(missing_ok=True)
            return None
        self._begun_downloads.discard(file)
        if same:
            moved(file.path, file.size)
            return file
        file.local.unlink()
        if begun:  # it was not the beginning of this file
            return self._fetched(file, moved, resume=False)
        raise Damaged(self.name, file.path, "content_hash")

    def _fetch(self, file: LocalFile, target: BinaryIO, begun: int, moved: Moved) -> bool:
        """Fetch what is missing; tell whether the whole is what Dropbox has."""
        digest = checksums.DropboxDigest()
        if begun:
            target.seek(0)
            while block := target.read(_CHUNK):
                digest.update(block)
        if begun == file.size > 0:
            known = self._file(file.path)
            self._see_size(file, known)
            return bool(known.content_hash == digest.hexdigest())
        with self._translated(file.path):
            asked = {"Range": f"bytes={begun}-"} if begun else None
            known, response = self._live.files_download(self._at(file.path), extra_headers=asked)
        with closing(response):
            self._see_size(file, known)
            for block in self._blocks(file.path, response):
                target.write(block)
                digest.update(block)
                moved(file.path, target.tell())
        return bool(known.content_hash == digest.hexdigest())

    def _blocks(self, path: str, response: requests.Response) -> Iterator[bytes]:
        with self._translated(path):
            yield from response.iter_content(_CHUNK)

    def _see_size(self, file: LocalFile, known: FileMetadata) -> None:
        if known.size != file.size:
            raise Unreachable(self.name, file.path, f"{known.size} / {file.size}")

    # Moves and removals

    def _has_room(self, src: str, dst: str, *, overwrite: bool) -> bool:
        """See that there is a source, and take a file off its target's place; ``False``: it is the very same file."""
        clean_path(dst, storage=self.name)
        source = self._file(src)
        there = self._look(dst) if overwrite else None
        if not isinstance(there, FileMetadata):
            return True
        if there.id == source.id:
            return False
        self._remove(dst, there)
        return True

    def _remove(self, path: str, known: FileMetadata) -> None:
        """Remove the file that was looked at, and nothing that stands there since."""
        with self._translated(path), self._writing:
            self._live.files_delete_v2(self._at(path), parent_rev=known.rev)

    def _move(self, pairs: Sequence[tuple[str, str]]) -> None:
        with self._translated(""):
            with self._writing:
                job = self._live.files_move_batch_v2(
                    [RelocationPath(self._at(src), self._at(dst)) for src, dst in pairs]
                )
            results = (job.get_complete() if job.is_complete() else self._finished(job.get_async_job_id())).entries
        for (src, dst), result in zip(pairs, results, strict=True):
            if result.is_failure():
                error = _meaning(result.get_failure(), self.name, dst)
                raise NotFound(self.name, src, error.detail) if isinstance(error, NotFound) else error

    def _finished(self, job: str) -> Any:
        """Wait for a batch."""
        until = time.monotonic() + _LONGEST_JOB_SECONDS
        pause = 0.05
        while time.monotonic() < until:
            status = self._live.files_move_batch_check_v2(job)
            if status.is_complete():
                return status.get_complete()
            time.sleep(pause)
            pause = min(2 * pause, 2.0)
        raise Unreachable(self.name, "", "move_batch", "storage-timeout")


class _Told:
    """What a listing told: its entries come in order, and a later one goes before an earlier one."""

    def __init__(self, storage: str, folder: str, place: str) -> None:
        self.cursor = ""
        self._storage = storage
        self._folder = folder
        self._depth = place.count("/") + 1
        self._number = 0
        self._files: dict[str, tuple[int, FileMetadata]] = {}
        self._gone: dict[str, tuple[int, DeletedMetadata]] = {}
        self._folders: dict[str, str] = {}

    def take(self, items: Iterable[Any]) -> None:
        """Take note of a page's entries."""
        for item in items:
            self._number += 1
            if isinstance(item, FileMetadata):
                self._files[item.path_lower] = (self._number, item)
            elif isinstance(item, DeletedMetadata):
                self._gone[item.path_lower] = (self._number, item)
            else:
                self._folders[item.path_lower] = item.name

    @property
    def entries(self) -> list[Entry]:
        """The files that are there."""
        there = [item for key, (number, item) in self._files.items() if not self._is_gone(key, number)]
        return [entry for item in there if (entry := self._entry(item))]

    @property
    def gone(self) -> tuple[str, ...]:
        """What is not there any more."""
        left = [item for key, (number, item) in self._gone.items() if self._files.get(key, (0,))[0] < number]
        return tuple(path for item in left if (path := self._path(item)))

    def _is_gone(self, key: str, number: int) -> bool:
        """Tell whether the file, or a folder on the way to it, was removed later on."""
        names = key.split("/")
        ways = ("/".join(names[:end]) for end in range(self._depth + 1, len(names) + 1))
        return any(way in self._gone and self._gone[way][0] > number for way in ways)

    def _entry(self, item: FileMetadata) -> Entry | None:
        path = self._path(item)
        if path is None:
            _log.warning("%s: not listed, its name is not safe: %s", self._storage, printable(item.path_display))
            return None
        if not item.is_downloadable:
            _log.info("%s: not listed, it is no file that could be fetched: %s", self._storage, printable(path))
            return None
        return _entry(path, item)

    def _path(self, item: FileMetadata | DeletedMetadata) -> str | None:
        """Give the path of an entry, if it is good; only the last part of ``path_display`` is right for sure."""
        keys, shown = item.path_lower.split("/"), item.path_display.split("/")
        folders = range(self._depth, len(keys) - 1)
        names = [self._folders.get("/".join(keys[: end + 1]), shown[end]) for end in folders] + [item.name]
        return join(self._folder, "/".join(names)) if all(is_good_name(name) for name in names) else None


def _in_pieces(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Have a body sent in pieces: the time limit holds for each, while a whole block may take longer on a slow line.

    As the session's ``auth`` it sees every request before it is sent, and keeps the user's ``.netrc`` out of it.
    """
    if isinstance(request.body, bytes):
        request.body = io.BytesIO(request.body)  # type: ignore[assignment]  # whatever can be read will do
    return request


def _groups(files: Sequence[LocalFile]) -> Iterator[list[LocalFile]]:
    """Divide files into groups that get their names together."""
    group: list[LocalFile] = []
    size = 0
    for file in files:
        group.append(file)
        size += file.size
        if len(group) == _FILES_IN_A_GROUP or size >= _BYTES_IN_A_GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group


def _how(*, overwrite: bool) -> dict[str, Any]:
    """Say how an upload takes its place; ``strict_conflict``: the same content there is a conflict too."""
    mode = WriteMode.overwrite if overwrite else WriteMode.add
    return {"mode": mode, "autorename": False, "mute": True, "strict_conflict": not overwrite}


def _arrived_bytes(error: Any, size: int) -> int | None:
    """Tell how much an upload session has, if its error says so."""
    if error.is_incorrect_offset():
        return int(error.get_incorrect_offset().correct_offset)
    return size if error.is_closed() else None


def _entry(path: str, known: FileMetadata) -> Entry:
    return Entry(path, known.size, known.server_modified.replace(tzinfo=UTC), _checksum(known), known.rev)


def _checksum(known: FileMetadata) -> str | None:
    return f"dropbox:{known.content_hash}" if known.content_hash else None
