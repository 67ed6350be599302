"""Buckets of Amazon S3, and of whatever speaks its language, by boto3.

There are no folders, only keys, and no files half sent: an object is there whole or not at all. botocore's own retries
are off, ``RetryingStorage`` tries again for all backends alike.

Source: spec STO-1, STO-8, STO-11; docs/decisions/0008; docs.aws.amazon.com/AmazonS3/latest/API.
"""

from __future__ import annotations

import io
import ipaddress
import logging
import re
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Self, TypedDict
from urllib.parse import unquote, urlsplit

import boto3
import botocore.exceptions as botocore_errors
from boto3.s3.transfer import TransferConfig
from botocore.client import Config
from botocore.parsers import ResponseParserError
from pydantic import Field, SecretStr, field_validator, model_validator

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
    Unexpected,
    Unreachable,
    UntrustedHost,
    printable,
)
from passerelle.storage.local_files import opened_to_fetch, opened_to_send
from passerelle.storage.parallel import in_parallel
from passerelle.storage.paths import clean_folder, clean_path, join
from passerelle.storage.place import Place, Secret, SecretName

if TYPE_CHECKING:
    from types_boto3_s3.client import S3Client
    from types_boto3_s3.type_defs import (
        CompletedPartTypeDef,
        CopySourceTypeDef,
        GetObjectOutputTypeDef,
        HeadObjectOutputTypeDef,
    )

    _Described = HeadObjectOutputTypeDef | GetObjectOutputTypeDef

_log = logging.getLogger(__name__)
_PART = 16 * 1024 * 1024
"""Bytes of a part of a large object, in memory while it is sent."""
_MOST_PARTS = 10_000
_MOST_BYTES_OF_A_PUT = 2 * _PART
_MOST_BYTES_OF_A_COPY = 256 * 1024 * 1024
"""S3 allows twenty times as many, and may then take longer to answer than we wait."""
_BLOCK = 1024 * 1024
_MAKING_CLIENTS = threading.Lock()
"""A session makes its clients in one thread at a time; they themselves may be used in many."""
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_MD5 = re.compile(r'"?([0-9a-f]{32})"?')
_MEANINGS: dict[type[StorageError], tuple[str, ...]] = {
    NotFound: ("NoSuchKey", "NoSuchBucket", "404"),
    AlreadyThere: ("PreconditionFailed", "412"),
    Denied: ("AccessDenied", "AllAccessDisabled", "AccountProblem", "InvalidObjectState", "403"),
    BadPath: ("KeyTooLongError", "XMinioInvalidObjectName"),
    NoSpace: ("QuotaExceeded", "InsufficientCapacity", "XMinioStorageFull", "507"),
    Throttled: (
        "SlowDown",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "RequestLimitExceeded",
        "OperationAborted",
        "ConditionalRequestConflict",
        "InternalError",
        "429",
    ),
    Unreachable: ("RequestTimeout", "IncompleteBody", "NoSuchUpload", "InvalidRange", "416"),
    Damaged: ("BadDigest", "XAmzContentSHA256Mismatch"),
}
_KINDS = {code: kind for kind, codes in _MEANINGS.items() for code in codes}
_CODES = {
    "storage-login-refused": (
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "NotSignedUp",
        "401",
    ),
    "storage-clock-wrong": ("RequestTimeTooSkewed", "RequestExpired"),
}
_LOGIN = {code: meaning for meaning, codes in _CODES.items() for code in codes}
_OTHER_REGION = frozenset(
    [
        "AuthorizationHeaderMalformed",
        "PermanentRedirect",
        "TemporaryRedirect",
        "IllegalLocationConstraintException",
        "301",
    ]
)
_NOT_IMPLEMENTED = frozenset(["NotImplemented", "501"])
_SILENT = (
    botocore_errors.HTTPClientError,
    botocore_errors.ConnectionError,
    botocore_errors.IncompleteReadError,
    botocore_errors.ResponseStreamingError,
)
_FAILURES = (botocore_errors.BotoCoreError, botocore_errors.ClientError, ResponseParserError)


def _translate(error: Exception, storage: str, path: str) -> StorageError:
    """Say what an error code means (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)."""
    if isinstance(error, botocore_errors.ClientError):
        return _of_answer(error, storage, path)
    text = str(error)
    if isinstance(error, botocore_errors.SSLError) and "CERTIFICATE_VERIFY_FAILED" in text:
        return UntrustedHost(storage, "", "CERTIFICATE_VERIFY_FAILED", "storage-certificate-refused")
    if isinstance(error, botocore_errors.ReadTimeoutError | botocore_errors.ConnectTimeoutError):
        return Unreachable(storage, path, type(error).__name__, "storage-timeout")
    return (Unreachable if isinstance(error, _SILENT) else Unexpected)(storage, path, text)


def _of_answer(error: botocore_errors.ClientError, storage: str, path: str) -> StorageError:
    said = error.response.get("Error", {})
    code = said.get("Code", "")
    detail = f"{code} {said.get('Message', '')}".strip()
    answer = error.response.get("ResponseMetadata", {})
    if code in _LOGIN:
        return Denied(storage, path, detail, _LOGIN[code])
    if code in _OTHER_REGION:
        region = answer.get("HTTPHeaders", {}).get("x-amz-bucket-region", "")
        return Unexpected(storage, path, f"{detail} {region}".strip(), "storage-region-wrong")
    kind = _KINDS.get(code, Throttled if answer.get("HTTPStatusCode", 0) >= 500 else Unexpected)
    if kind is Throttled:
        wait = answer.get("HTTPHeaders", {}).get("retry-after", "")
        return Throttled(storage, path, detail, retry_after=float(wait) if wait.isdecimal() else None)
    if code == "NoSuchBucket":
        path = ""
    return kind(storage, path, detail, "storage-path-refused" if kind is BadPath else "")


class _Condition(TypedDict, total=False):
    """That nothing is there."""

    IfNoneMatch: str


class _Span(TypedDict, total=False):
    """Which bytes are wanted."""

    Range: str


class S3Place(Place):
    """A bucket, or what is below a prefix in it, of Amazon S3 or of another service with its API."""

    form: ClassVar[str] = "s3://bucket/prefix"

    endpoint: str = Field("", description="URL of the service, https://host:port; empty: Amazon's.")
    region: str = Field("us-east-1", min_length=1, description="The bucket's region; other services mostly ignore it.")
    access_key_id: str = Field(min_length=1, description="The access key's public part.")
    secret_access_key: SecretName = Field(min_length=1, description="Name of the secret with the access key.")
    ca_file: Path | None = Field(None, description="File with the only authorities (PEM) to trust at the endpoint.")
    allow_plain_http: bool = Field(
        default=False, description="Allow an endpoint http://…: anybody on the way can read and change everything."
    )

    @classmethod
    def check_url(cls, url: str) -> None:
        """See ``Place.check_url``."""
        _bucket_and_prefix(url)

    @field_validator("endpoint")
    @classmethod
    def _endpoint_is_good(cls, endpoint: str) -> str:
        try:
            parts = urlsplit(endpoint)
            whole = not endpoint or (parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0)
        except ValueError:
            whole = False
        if not whole or parts.username or parts.path.strip("/") or parts.query or parts.fragment:
            raise BadPlace("s3:…", "", "endpoint = https://host:port ?", "storage-bad-option")
        return endpoint.rstrip("/")

    @model_validator(mode="after")
    def _plain_http_is_wanted(self) -> Self:
        if self._is_plain and not self.allow_plain_http:
            raise BadPlace("s3:…", "", "endpoint = http://…, allow_plain_http = false", "storage-bad-option")
        return self

    @property
    def opening(self) -> tuple[str, ...]:  # type: ignore[override]  # plain http has no certificate
        """See ``Place.opening``."""
        certificate = () if urlsplit(self.endpoint).scheme == "http" else ("storage-step-certificate",)
        return ("storage-step-connected", *certificate, "storage-step-logged-in", "storage-step-folder")

    @property
    def name(self) -> str:
        """Bucket and prefix."""
        return f"s3://{join(*_bucket_and_prefix(self.url))}".rstrip("/")

    @property
    def server(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.endpoint)
        if parts.hostname:
            return parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]
        return f"s3.{self.region}.amazonaws.com", 443

    @property
    def warnings(self) -> tuple[str, ...]:
        """See ``Place.warnings``."""
        return ("storage-unencrypted",) if self._is_plain else ()

    def storage(self, base_folder: Path, secret: Secret) -> Storage:
        """See ``Place.storage``."""
        key = secret(self.secret_access_key)
        assert key is not None  # noqa: S101 - the name is never ""
        bucket, prefix = _bucket_and_prefix(self.url)
        return S3Storage(
            self.name,
            bucket,
            prefix,
            endpoint=self.endpoint,
            region=self.region,
            access_key_id=self.access_key_id,
            secret_access_key=key,
            ca_file=base_folder / self.ca_file if self.ca_file else None,
            connections=self.connections,
            timeout_seconds=self.timeout_seconds,
        )

    @property
    def _is_plain(self) -> bool:
        """Tell whether content leaves this machine unencrypted."""
        parts = urlsplit(self.endpoint)
        if parts.scheme != "http":
            return False
        try:
            return not ipaddress.ip_address(parts.hostname or "").is_loopback
        except ValueError:
            return parts.hostname != "localhost"


def _bucket_and_prefix(url: str) -> tuple[str, str]:
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    try:
        if url.startswith("s3://") and _BUCKET.fullmatch(bucket) and "?" not in prefix and "#" not in prefix:
            return bucket, clean_folder(unquote(prefix).strip("/"))
    except BadPath:
        pass
    raise BadPlace("s3:…", "", S3Place.form)


class S3Storage:
    """Objects below a prefix of a bucket; keeps the contract of ``base.Storage``.

    An upload is signed with the SHA-256 of its content, so that the service refuses what is not what was sent.

    Args:
        name: for people, without secret.
        bucket: must be there.
        prefix: without ``/`` at its ends; ``""`` is the whole bucket.
        endpoint: URL of the service, by default Amazon's.
        region: of the bucket.
        access_key_id: public part of the key.
        secret_access_key: its secret part.
        ca_file: the only authorities to trust.
        connections: how many are used at once.
        timeout_seconds: for the connection and for every single answer.

    Raises:
        BadPlace: the file of authorities cannot be used.
    """

    def __init__(
        self,
        name: str,
        bucket: str,
        prefix: str = "",
        *,
        access_key_id: str,
        secret_access_key: SecretStr,
        endpoint: str = "",
        region: str = "us-east-1",
        ca_file: Path | None = None,
        connections: int = 4,
        timeout_seconds: float = 30,
    ) -> None:
        self.name = name
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._key = (access_key_id, secret_access_key)
        self._endpoint = endpoint or None
        self._region = region
        self._ca_file = _checked(ca_file, name)
        self._connections = connections
        self._timeout = timeout_seconds
        self._client: S3Client | None = None

    @property
    def features(self) -> Features:
        """See ``base.Storage.features``; of other services than Amazon's, many overlook a condition on a put."""
        return Features(
            partial_uploads=False,
            exclusive_rename=False,
            seamless_replace=True,
            exclusive_put=self._endpoint is None,
            folders=False,
            recursive_listing=True,
        )

    def __enter__(self) -> Self:
        with self._translated(""):
            self._client = self._connected()
            try:
                self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)
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

    def list(self, folder: str = "", *, recursive: bool = False) -> list[Entry]:
        """See ``base.Storage.list``; without checksums, as a listing does not tell which tags are one."""
        folder = clean_folder(folder, storage=self.name)
        start = self._at(f"{folder}/" if folder else "")
        with self._translated(folder):
            pages = self._live.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=start, Delimiter="" if recursive else "/"
            )
            return [
                Entry(path, item["Size"], item["LastModified"].astimezone(UTC), None, item["ETag"].strip('"'))
                for page in pages
                for item in page.get("Contents", ())
                if (path := self._path(item["Key"]))
            ]

    def read(self, path: str, *, limit_bytes: int | None = None) -> bytes:
        """See ``base.Storage.read``."""
        clean_path(path, storage=self.name)
        with self._translated(path):
            answer = self._live.get_object(Bucket=self._bucket, Key=self._at(path))
            with closing(answer["Body"]) as body:
                if limit_bytes is not None and answer["ContentLength"] > limit_bytes:
                    raise TooLarge(self.name, path, f"{answer['ContentLength']} > {limit_bytes}")
                return body.read()

    def put(self, path: str, data: bytes, *, overwrite: bool = True) -> Entry:
        """See ``base.Storage.put``."""
        clean_path(path, storage=self.name)
        with self._translated(path):
            self._check_free(path, overwrite=overwrite)
            self._put(path, data, overwrite=overwrite)
            return _entry(path, self._head(path))

    def rename(self, src: str, dst: str, *, overwrite: bool) -> None:
        """See ``base.Storage.rename``: a copy made by the service, then the removal of the original."""
        clean_path(src, storage=self.name)
        clean_path(dst, storage=self.name)
        with self._translated(src):
            size = self._head(src)["ContentLength"]
        with self._translated(dst):
            self._check_free(dst, overwrite=overwrite)
            if src == dst:  # the removal would be of the copy
                return
            self._copy(src, dst, size)
        with self._translated(src):
            self._live.delete_object(Bucket=self._bucket, Key=self._at(src))

    def delete(self, path: str) -> None:
        """See ``base.Storage.delete``; in a bucket with versions, the older ones stay."""
        clean_path(path, storage=self.name)
        with self._translated(path):
            self._head(path)
            self._live.delete_object(Bucket=self._bucket, Key=self._at(path))

    def checksum(self, path: str) -> str | None:
        """See ``base.Storage.checksum``: MD5, where the object's tag is one."""
        clean_path(path, storage=self.name)
        with self._translated(path):
            return _md5(self._head(path))

    def put_files(
        self, files: Sequence[LocalFile], *, overwrite: bool = True, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[Entry]:
        """See ``base.Storage.put_files``; what an earlier try left is either whole, or sent again."""

        def put(file: LocalFile) -> Entry:
            with opened_to_send(file, self.name) as source, self._translated(file.path):
                there = self._arrived(file) if resume else None
                if there is None:
                    self._check_free(file.path, overwrite=overwrite)
                    if file.size <= _MOST_BYTES_OF_A_PUT:
                        self._put(file.path, source, overwrite=overwrite)
                    else:
                        self._put_parts(file, source, overwrite=overwrite, moved=moved)
                moved(file.path, file.size)
                return there or _entry(file.path, self._head(file.path))

        self._check_names(file.path for file in files)
        return in_parallel(put, files, self._connections)

    def get_files(
        self, files: Sequence[LocalFile], *, resume: bool = False, moved: Moved = unwatched
    ) -> Iterator[LocalFile]:
        """See ``base.Storage.get_files``; a file that was resumed is compared, where the object's tag is its MD5."""

        def get(file: LocalFile) -> LocalFile | None:
            try:
                self._download(file, resume=resume, moved=moved)
            except NotFound as error:
                if error.path != file.path:  # the bucket itself
                    raise
                file.local.unlink(missing_ok=True)
                return None
            return file

        self._check_names(file.path for file in files)
        return (file for file in in_parallel(get, files, self._connections) if file)

    def rename_files(self, pairs: Sequence[tuple[str, str]], *, overwrite: bool) -> None:
        """See ``base.Storage.rename_files``."""
        self._check_names(path for pair in pairs for path in pair)
        for _ in in_parallel(lambda pair: self.rename(*pair, overwrite=overwrite), pairs, self._connections):
            pass

    # Keys

    def _at(self, path: str) -> str:
        return self._prefix + path

    def _path(self, key: str) -> str:
        """Give the path of a key; ``""`` for one that is no file of ours: consoles mark folders by ``in/``."""
        path = key.removeprefix(self._prefix)
        if path.endswith("/") or not path:
            return ""
        try:
            return clean_path(path)
        except BadPath:
            _log.warning("%s: not listed, its name is not safe: %s", self.name, printable(path))
            return ""

    def _check_names(self, paths: Iterable[str]) -> None:
        for path in paths:
            clean_path(path, storage=self.name)

    # Objects

    def _head(self, path: str) -> HeadObjectOutputTypeDef:
        return self._live.head_object(Bucket=self._bucket, Key=self._at(path))

    def _looked_for(self, path: str) -> HeadObjectOutputTypeDef | None:
        try:
            return self._head(path)
        except botocore_errors.ClientError as error:
            if _code(error) in _MEANINGS[NotFound]:
                return None
            raise

    def _check_free(self, path: str, *, overwrite: bool) -> None:
        if not overwrite and self._looked_for(path):
            raise AlreadyThere(self.name, path)

    def _put(self, path: str, body: bytes | BinaryIO, *, overwrite: bool) -> None:
        source = io.BytesIO(body) if isinstance(body, bytes) else body

        def put(condition: _Condition) -> None:
            source.seek(0)
            self._live.put_object(Bucket=self._bucket, Key=self._at(path), Body=source, **condition)

        _unless_there(put, overwrite=overwrite)

    def _put_parts(self, file: LocalFile, source: BinaryIO, *, overwrite: bool, moved: Moved) -> None:
        """Send a large file in parts, which become an object together, or are thrown away."""
        client, bucket, key = self._live, self._bucket, self._at(file.path)
        self._abort_leftovers(key)
        upload = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]

        def complete(condition: _Condition) -> None:
            client.complete_multipart_upload(
                Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **condition
            )

        try:
            parts = self._sent_parts(file, source, upload, moved)
            _unless_there(complete, overwrite=overwrite)
        except BaseException:
            with suppress(*_FAILURES):
                client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)
            raise

    def _sent_parts(
        self, file: LocalFile, source: BinaryIO, upload: str, moved: Moved
    ) -> Sequence[CompletedPartTypeDef]:
        size = max(_PART, -(-file.size // _MOST_PARTS))

        def sent(number: int, data: bytes) -> CompletedPartTypeDef:
            # As a stream: bytes would have to be over within one time-out, however slow the line is.
            part = self._live.upload_part(
                Bucket=self._bucket, Key=self._at(file.path), UploadId=upload, PartNumber=number, Body=io.BytesIO(data)
            )
            moved(file.path, source.tell())
            return {"ETag": part["ETag"], "PartNumber": number}

        parts = [sent(number, data) for number, data in enumerate(iter(lambda: source.read(size), b""), 1)]
        if source.tell() != file.size:
            raise Unexpected(self.name, file.path, f"{source.tell()} / {file.size}", "storage-local-changed")
        return parts

    def _abort_leftovers(self, key: str) -> None:
        """Throw the parts away that a try left which was killed; they are paid for, and nobody sees them."""
        with suppress(*_FAILURES):  # not everybody may
            for upload in self._live.list_multipart_uploads(Bucket=self._bucket, Prefix=key).get("Uploads", ()):
                if upload["Key"] == key:
                    self._live.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload["UploadId"])

    def _copy(self, src: str, dst: str, size: int) -> None:
        bucket, key = self._bucket, self._at(dst)
        source: CopySourceTypeDef = {"Bucket": bucket, "Key": self._at(src)}
        if size <= _MOST_BYTES_OF_A_COPY:
            self._live.copy_object(Bucket=bucket, Key=key, CopySource=source)
        else:
            parts = TransferConfig(multipart_chunksize=_MOST_BYTES_OF_A_COPY, max_concurrency=self._connections)
            self._live.copy(source, bucket, key, Config=parts)

    def _arrived(self, file: LocalFile) -> Entry | None:
        """Give the object that an earlier try sent whole."""
        there = self._looked_for(file.path)
        md5 = _md5(there) if there and there["ContentLength"] == file.size else None
        same = md5 and md5 == checksums.of_file("md5", file.local)
        return _entry(file.path, there) if there and same else None

    def _download(self, file: LocalFile, *, resume: bool, moved: Moved) -> None:
        with opened_to_fetch(file, self.name, resume=resume) as (target, begun), self._translated(file.path):
            if begun and begun == file.size:
                there: _Described = self._head(file.path)
                self._check_size(file, there["ContentLength"])
            else:
                there = self._fetch(file, target, begun, moved)
        if begun and (md5 := _md5(there)) and md5 != checksums.of_file("md5", file.local):
            file.local.unlink()
            raise Damaged(self.name, file.path, "MD5")

    def _fetch(self, file: LocalFile, target: BinaryIO, begun: int, moved: Moved) -> GetObjectOutputTypeDef:
        wanted: _Span = {"Range": f"bytes={begun}-"} if begun else {}
        answer = self._live.get_object(Bucket=self._bucket, Key=self._at(file.path), **wanted)
        with closing(answer["Body"]) as body:
            _, _, whole = answer.get("ContentRange", "").rpartition("/")
            self._check_size(file, int(whole or answer["ContentLength"]))
            if not whole:  # all of it, asked for or not
                target.truncate(target.seek(0))
            for block in body.iter_chunks(_BLOCK):
                target.write(block)
                moved(file.path, target.tell())
        return answer

    def _check_size(self, file: LocalFile, size: int) -> None:
        if size != file.size:
            raise Unreachable(self.name, file.path, f"{size} / {file.size}")

    # Calls

    @property
    def _live(self) -> S3Client:
        if self._client is None:
            raise RuntimeError(f"{self.name} is used outside of its with block")
        return self._client

    def _connected(self) -> S3Client:
        access_key_id, secret_access_key = self._key
        with _MAKING_CLIENTS:
            return _sdk().client(
                "s3",
                endpoint_url=self._endpoint,
                region_name=self._region,
                aws_access_key_id=access_key_id,
                aws_secret_access_key=secret_access_key.get_secret_value(),
                verify=str(self._ca_file) if self._ca_file else None,
                config=Config(
                    connect_timeout=self._timeout,
                    read_timeout=self._timeout,
                    max_pool_connections=self._connections,
                    retries={"total_max_attempts": 1, "mode": "standard"},
                    s3={"addressing_style": "path" if self._endpoint else "auto"},
                    request_checksum_calculation="when_required",  # other services refuse what is newer
                    response_checksum_validation="when_required",
                    ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]  # the stubs do not know it yet
                ),
            )

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            raise _translate(error, self.name, path) from error


@cache
def _sdk() -> boto3.Session:
    """Load the SDK's descriptions once: they are large."""
    return boto3.Session()


def _unless_there(call: Callable[[_Condition], None], *, overwrite: bool) -> None:
    """Have an object made; without ``overwrite`` only if there is none, on the service's word where it gives one."""
    try:
        call({} if overwrite else {"IfNoneMatch": "*"})
    except botocore_errors.ClientError as error:
        if overwrite or _code(error) not in _NOT_IMPLEMENTED:
            raise
        call({})  # we have looked


def _code(error: botocore_errors.ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def _entry(path: str, there: HeadObjectOutputTypeDef) -> Entry:
    modified = there["LastModified"].astimezone(UTC)
    return Entry(path, there["ContentLength"], modified, _md5(there), there["ETag"].strip('"'))


def _md5(there: _Described) -> str | None:
    """Give an object's MD5 if its tag is one: not of one sent in parts, nor with a key of KMS or of the customer."""
    plain = there.get("ServerSideEncryption", "AES256") == "AES256" and not there.get("SSECustomerAlgorithm")
    tag = _MD5.fullmatch(there["ETag"])
    return f"md5:{tag[1]}" if plain and tag else None


def _checked(ca_file: Path | None, name: str) -> Path | None:
    """See that a file of authorities can be used."""
    if ca_file:
        try:
            ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            detail = f"{ca_file}: {error.strerror or error}"
            raise BadPlace(name, "", detail, "storage-ca-unreadable") from None
    return ca_file
