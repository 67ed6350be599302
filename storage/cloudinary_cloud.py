"""The calls that ``passerelle.storage.cloudinary`` makes, by Cloudinary's own SDK, and what their failures mean.

Source: spec STO-8; facts/storage-apis §3.
"""

from __future__ import annotations

import calendar
import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import certifi
import urllib3
from cloudinary import uploader, utils
from cloudinary.api_client.execute_request import EXCEPTION_CODES
from cloudinary.exceptions import Error
from pydantic import SecretStr
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError
from urllib3.exceptions import TimeoutError as NoAnswer
from urllib3.response import BaseHTTPResponse

from passerelle.storage.errors import (
    AlreadyThere,
    BadPath,
    Denied,
    NotFound,
    StorageError,
    Throttled,
    TooLarge,
    Unexpected,
    Unreachable,
    UntrustedHost,
)

API = "https://api.cloudinary.com"
_PAGE = 500
_CALLS_KEPT = 10
"""So many Admin calls of the hour are left to others who use the cloud."""

uploader._http.connection_pool_kw["maxsize"] = 16  # noqa: SLF001 - the SDK keeps one connection only, whatever we do

_MEANINGS: dict[int, tuple[type[StorageError], str]] = {
    200: (Unreachable, ""),
    401: (Denied, "storage-login-refused"),
    403: (Denied, ""),
    404: (NotFound, ""),
    409: (AlreadyThere, ""),
    420: (Throttled, ""),
    429: (Throttled, ""),
    500: (Unreachable, ""),
    502: (Unreachable, ""),
    503: (Unreachable, ""),
    504: (Unreachable, ""),
}
"""By status; a 200 that cannot be read was cut."""
_BAD_REQUESTS: list[tuple[str, type[StorageError], str]] = [
    (r"empty file", Unexpected, "storage-empty-file"),
    (r"file size too large", TooLarge, ""),
    (r"already exists", AlreadyThere, ""),
    (r"(public_id|display_name|folder)\b.* invalid", BadPath, "storage-path-refused"),
]
"""What a 400 means is told by its words only."""
_STATUS = re.compile(r"Error (\d{3}) - |Error parsing server response \((\d{3})\) - ")
_LOST = re.compile(r"Unexpected error|Socket error", re.IGNORECASE)
_COME_BACK = re.compile(r"Try again on (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")


class Cloud:
    """One cloud with its login; several can be used in one process, nothing of the SDK's own configuration is.

    Args:
        storage: name of the storage, for errors.
        name: the cloud's name.
        api_key: public half of the key.
        api_secret: secret half of the key.
        endpoint: address of the API.
        connections: how many are kept.
        timeout_seconds: for the connection and for every single answer.
    """

    def __init__(
        self,
        storage: str,
        name: str,
        *,
        api_key: str,
        api_secret: SecretStr,
        endpoint: str,
        connections: int,
        timeout_seconds: float,
    ) -> None:
        self._storage = storage
        self._name = name
        self._api_key = api_key
        self._api_secret = api_secret
        self._endpoint = endpoint
        self._timeout = timeout_seconds
        self._calls_left = 0
        self._calls_reset = 0.0
        self._delivery = urllib3.PoolManager(
            maxsize=connections, retries=False, cert_reqs="CERT_REQUIRED", ca_certs=certifi.where()
        )

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self._delivery.clear()

    def ask(self, verb: Callable[..., Any], *words: object, path: str, **options: object) -> Any:
        """Make a call, whatever the process or its environment has configured."""
        try:
            return verb(*words, **options, **self._login(), timeout=self._timeout, upload_preset=None)
        except Exception as error:
            if not isinstance(error, Error) and type(error) is not Exception:
                raise
            raise translate(error, self._storage, path) from error  # the SDK raises plain ones for unknown statuses

    def administer(self, verb: Callable[..., Any], *words: str, path: str, **options: object) -> Mapping[str, Any]:
        """Make a call of the Admin API, which is counted, unless few are left of the hour."""
        wait = self._calls_reset - time.time()
        if self._calls_left <= _CALLS_KEPT and wait > 0:
            raise Throttled(self._storage, path, f"{self._calls_left} API calls left", retry_after=wait)
        answer = self.ask(verb, *words, path=path, **options)
        if answer.rate_limit_remaining is not None and answer.rate_limit_reset_at is not None:
            self._calls_left = answer.rate_limit_remaining
            self._calls_reset = calendar.timegm(answer.rate_limit_reset_at)
        return dict(answer)

    def pages(
        self, verb: Callable[..., Any], *words: str, path: str, **options: str | None
    ) -> Iterator[Mapping[str, Any]]:
        """Give the items of all pages of a listing of the Admin API."""
        cursor = None
        while True:
            answer = self.administer(verb, *words, path=path, max_results=_PAGE, next_cursor=cursor, **options)
            yield from answer.get("resources") or answer.get("folders") or ()
            cursor = answer.get("next_cursor")
            if not cursor:
                return

    @contextlib.contextmanager
    def delivered(self, answer: Mapping[str, Any], path: str) -> Iterator[BaseHTTPResponse]:
        """Get the content of an asset from the delivery network, under the link of this very version."""
        got = self._get(answer["secure_url"], path)
        if got.status == HTTPStatus.UNAUTHORIZED:  # new clouds deliver PDF and ZIP files to their owner only
            got.close()
            options = {"resource_type": answer["resource_type"], "type": "upload", **self._login()}
            got = self._get(utils.private_download_url(answer["public_id"], answer.get("format"), **options), path)
        try:
            if got.status != HTTPStatus.OK:
                raise _meaning(got.status, got.headers.get("X-Cld-Error") or got.reason or "", self._storage, path)
            yield got
        except HTTPError as error:
            raise translate(error, self._storage, path) from error
        finally:
            got.close()  # no harm once it was read to its end

    def _get(self, url: str, path: str) -> BaseHTTPResponse:
        try:
            return self._delivery.request("GET", url, preload_content=False, timeout=self._timeout)
        except HTTPError as error:
            raise translate(error, self._storage, path) from None  # its words may show a signed link

    def _login(self) -> dict[str, Any]:
        return {
            "cloud_name": self._name,
            "api_key": self._api_key,
            "api_secret": self._api_secret.get_secret_value(),
            "oauth_token": None,
            "signature_algorithm": "sha1",
            "signature_version": 2,
            "upload_prefix": self._endpoint,
        }


def translate(error: Exception, storage: str, path: str) -> StorageError:
    """Say what an error of the SDK means (cloudinary.com/documentation/admin_api#error_handling).

    The SDK keeps neither status nor headers: the status stands in the error's words or is told by its class, and what
    broke a connection is the error that it was handling.
    """
    words = str(error)
    fault = error.__context__ if _LOST.match(words) else error
    if isinstance(fault, HTTPError | OSError):
        return _broken(fault, storage, path)
    found = _STATUS.match(words)
    if found is None:
        status = next((number for number, kind in EXCEPTION_CODES.items() if type(error) is kind), 0)
        return _meaning(status, words, storage, path)
    if found[2] == "404":  # a page for people: there is no such address, which says nothing about a file
        return Unexpected(storage, path, words)
    return _meaning(int(found[1] or found[2]), words[found.end() :], storage, path)


def _meaning(status: int, words: str, storage: str, path: str) -> StorageError:
    if status == HTTPStatus.BAD_REQUEST:
        known = ((kind, code) for said, kind, code in _BAD_REQUESTS if re.search(said, words, re.IGNORECASE))
        kind, code = next(known, (Unexpected, ""))
        return kind(storage, path, words, code)
    kind, code = _MEANINGS.get(status, (Unexpected, ""))
    if kind is Throttled:
        return Throttled(storage, path, words, retry_after=_wait_asked(words))
    return kind(storage, path, f"{status} {words}" if kind is Unexpected and status else words, code)


def _broken(fault: Exception, storage: str, path: str) -> StorageError:
    reason = getattr(fault, "reason", None) or fault
    if isinstance(reason, SSLError):
        return UntrustedHost(storage, "", str(reason), "storage-certificate-refused")
    silent = isinstance(reason, NoAnswer | TimeoutError) and not isinstance(reason, NewConnectionError)
    return Unreachable(storage, path, type(reason).__name__, "storage-timeout" if silent else "")


def _wait_asked(words: str) -> float | None:
    found = _COME_BACK.search(words)
    if found is None:
        return None
    at = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
