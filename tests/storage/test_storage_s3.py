"""S3: the contract against moto's server, and what is particular to it (STO-1, STO-8, STO-11)."""

from __future__ import annotations

import hashlib
import http.client
import itertools
import logging
import os
import ssl
import subprocess
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.exceptions
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from pydantic import SecretStr, ValidationError
from standins.pcloud_api import certificate
from storage_servers import program

from passerelle.storage import s3 as backend
from passerelle.storage.base import LocalFile, Storage
from passerelle.storage.check import check_place
from passerelle.storage.checksums import of_bytes
from passerelle.storage.contract import StorageContract
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
    Unexpected,
    Unreachable,
    UntrustedHost,
)
from passerelle.storage.places import as_place
from passerelle.storage.s3 import S3Place, S3Storage

BUCKET, SECRET = "exchange", "the-secret-access-key"
_numbers = itertools.count()


@dataclass
class Fault:
    """What the next request of a method gets, and whether it still reaches the server."""

    method: str
    status: int = 0
    code: str = ""
    header: tuple[str, str] | None = None
    cut: int | None = None
    first: Callable[[], object] | None = None


class Front:
    """Stands before moto's server, passes on what it gets, and makes trouble when it is told to."""

    def __init__(self, behind: str, *, tls: bool = False) -> None:
        self.behind = urlsplit(behind).netloc
        self.faults: list[Fault] = []
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                if self.headers.get("Expect"):
                    self.send_response_only(100)
                    self.end_headers()
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                front.seen.append(
                    (self.command, self.path, {key.lower(): value for key, value in self.headers.items()})
                )
                fault = next((one for one in front.faults if one.method == self.command), None)
                if fault:
                    front.faults.remove(fault)
                    if fault.first:
                        fault.first()
                    if fault.status:
                        self._refuse(fault)
                        return
                self._pass_on(body, fault.cut if fault else None)

            do_PUT = do_POST = do_HEAD = do_DELETE = do_GET  # noqa: N815 - as the library wants it

            def _refuse(self, fault: Fault) -> None:
                told = f"<Error><Code>{fault.code}</Code><Message>said so</Message></Error>".encode()
                told = b"" if self.command == "HEAD" else told if fault.code else b"<html>Bad gateway</html>"
                self.send_response(fault.status)
                self.send_header("Content-Length", str(len(told)))
                if fault.header:
                    self.send_header(*fault.header)
                self.end_headers()
                self.wfile.write(told)

            def _pass_on(self, body: bytes, cut: int | None) -> None:
                behind = http.client.HTTPConnection(front.behind, timeout=20)
                headers = {key: value for key, value in self.headers.items() if key != "Expect"}
                behind.request(self.command, self.path, body or None, headers)
                answer = behind.getresponse()
                told = answer.read()
                self.send_response(answer.status)
                for key, value in answer.getheaders():
                    if key.lower() not in {"connection", "server", "date", "transfer-encoding", "content-length"}:
                        self.send_header(key, value)
                length = answer.getheader("Content-Length") if self.command == "HEAD" else len(told)
                self.send_header("Content-Length", str(length or 0))
                self.end_headers()
                self.wfile.write(told if cut is None else told[:cut])
                self.close_connection = self.close_connection or cut is not None
                behind.close()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate())
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who does not trust us hangs up
        self.endpoint = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "40")  # so that every listing has pages
        server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture(scope="module")
def s3(endpoint: str) -> Any:
    """Give boto3's own client, to see and to prepare what is in the bucket."""
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="key", aws_secret_access_key="secret"
    )
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def prefix() -> str:
    return f"échanges/{next(_numbers)}"


def made(endpoint: str, prefix: str, bucket: str = BUCKET, ca_file: Path | None = None) -> S3Storage:
    return S3Storage(
        f"s3://{bucket}/{prefix}",
        bucket,
        prefix,
        endpoint=endpoint,
        access_key_id="key",
        secret_access_key=SecretStr(SECRET),
        ca_file=ca_file,
        timeout_seconds=10,
    )


@pytest.fixture
def storage(endpoint: str, s3: Any, prefix: str) -> Iterator[S3Storage]:
    with made(endpoint, prefix) as storage:
        yield storage


@pytest.fixture
def front(endpoint: str, s3: Any) -> Iterator[Front]:
    front = Front(endpoint)
    yield front
    front.close()


@pytest.fixture
def fronted(front: Front, prefix: str) -> Iterator[S3Storage]:
    """A storage behind the front, already open."""
    with made(front.endpoint, prefix) as storage:
        front.seen.clear()
        yield storage


class TestS3(StorageContract):
    backend = S3Storage

    @pytest.fixture
    def storage(self, storage: S3Storage) -> Storage:
        return storage


# What others see


def test_sto_1_rclone_reads_what_we_send_and_we_read_what_it_sends(
    storage: S3Storage, endpoint: str, prefix: str, tmp_path: Path
) -> None:
    contents = {"a.txt": b"hello", "vidé.txt": b"", "été/é l+%41.bin": os.urandom(300_000)}
    files = []
    for path, data in contents.items():
        (tmp_path / "out" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / path).write_bytes(data)
        files.append(LocalFile(f"in/{path}", tmp_path / "out" / path, len(data)))
    environment = {
        "PATH": os.environ["PATH"],
        "RCLONE_CONFIG": str(tmp_path / "rclone.conf"),
        "RCLONE_CONFIG_S3_TYPE": "s3",
        "RCLONE_CONFIG_S3_PROVIDER": "Other",
        "RCLONE_CONFIG_S3_ENDPOINT": endpoint,
        "RCLONE_CONFIG_S3_ACCESS_KEY_ID": "key",
        "RCLONE_CONFIG_S3_SECRET_ACCESS_KEY": "secret",
    }

    def rclone(*words: str) -> str:
        command = [program("rclone"), "--retries", "1", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert len(list(storage.put_files(files))) == 3
    said = rclone("check", str(tmp_path / "out"), f"s3:{BUCKET}/{prefix}/in")
    assert "0 differences found" in said
    assert "hashes could not be checked" not in said
    rclone("copy", str(tmp_path / "out"), f"s3:{BUCKET}/{prefix}/theirs")
    theirs = storage.list("theirs", recursive=True)
    assert {entry.path.removeprefix("theirs/"): storage.read(entry.path) for entry in theirs} == contents


def test_sto_12_marks_of_folders_and_unsafe_keys_are_no_files(
    storage: S3Storage, s3: Any, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    unsafe = ("in/../up.txt", "in//b.txt", "in/CON", "in/x\x1b[2J", "in/a\\b")
    for key in ("", "in/", "in/deep/", "in/good.txt", *unsafe):
        s3.put_object(Bucket=BUCKET, Key=f"{prefix}/{key}", Body=b"")
    with caplog.at_level(logging.WARNING):
        assert [entry.path for entry in storage.list("in", recursive=True)] == ["in/good.txt"]
    assert caplog.text.count("not listed") == len(unsafe)
    assert "\x1b" not in caplog.text
    assert [entry.path for entry in storage.list("in")] == ["in/good.txt"]
    assert storage.list() == []


def test_sto_1_a_neighbours_prefix_is_not_ours(storage: S3Storage, s3: Any, prefix: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=f"{prefix}0/a.txt", Body=b"the neighbour's")
    assert storage.list(recursive=True) == []


def test_sto_1_the_whole_bucket_can_be_used(endpoint: str, s3: Any) -> None:
    s3.create_bucket(Bucket="another-bucket")
    with made(endpoint, "", "another-bucket") as storage:
        storage.put("in/a.txt", b"a")
        assert [entry.path for entry in storage.list(recursive=True)] == ["in/a.txt"]
        assert [item["Key"] for item in s3.list_objects_v2(Bucket="another-bucket")["Contents"]] == ["in/a.txt"]


# Checksums


def test_sto_13_the_tag_is_a_checksum_where_it_is_one(storage: S3Storage, s3: Any, prefix: str) -> None:
    entry = storage.put("a.txt", b"content")
    assert entry.checksum == storage.checksum("a.txt") == of_bytes("md5", b"content")
    s3.put_object(
        Bucket=BUCKET, Key=f"{prefix}/kms.txt", Body=b"content", ServerSideEncryption="aws:kms", SSEKMSKeyId="key"
    )
    assert storage.checksum("kms.txt") is None
    assert {entry.checksum for entry in storage.list()} == {None}
    assert storage.list()[0].version == entry.version == "9a0364b9e99bb480dd25e1f0284c8555"  # MD5 of "content"


# Large objects


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """Make parts as small as S3 allows."""
    size = 5 * 1024 * 1024
    monkeypatch.setattr(backend, "_PART", size)
    monkeypatch.setattr(backend, "_MOST_BYTES_OF_A_PUT", size)
    return size


@pytest.fixture
def large(small_parts: int, tmp_path: Path) -> LocalFile:
    data = os.urandom(1024) * (2 * small_parts // 1024) + b"and the rest"
    (tmp_path / "large").write_bytes(data)
    return LocalFile("in/large.bin", tmp_path / "large", len(data))


def uploads(s3: Any, prefix: str) -> list[str]:
    return [upload["Key"] for upload in s3.list_multipart_uploads(Bucket=BUCKET, Prefix=prefix).get("Uploads", ())]


@pytest.mark.parametrize("overwrite", [True, False])
def test_sto_11_a_large_file_goes_in_parts(
    storage: S3Storage, large: LocalFile, small_parts: int, tmp_path: Path, overwrite: bool
) -> None:
    seen: list[int] = []
    [entry] = storage.put_files([large], overwrite=overwrite, moved=lambda _, over: seen.append(over))
    assert (entry.size, entry.checksum) == (large.size, None)
    assert str(entry.version).endswith("-3")
    assert seen[:2] == [small_parts, 2 * small_parts]
    assert seen[-1] == large.size
    back = LocalFile(large.path, tmp_path / "back", large.size)
    assert list(storage.get_files([back])) == [back]
    assert back.local.read_bytes() == large.local.read_bytes()


def test_sto_4_parts_that_become_no_object_are_thrown_away(
    front: Front, fronted: S3Storage, s3: Any, prefix: str, large: LocalFile
) -> None:
    fronted.put("in/large.bin", b"older")
    front.faults = [Fault("PUT", first=lambda: front.faults.append(Fault("PUT", 503, "SlowDown")))]
    with pytest.raises(Throttled):
        list(fronted.put_files([large]))
    assert uploads(s3, prefix) == []
    assert fronted.read("in/large.bin") == b"older"


def test_sto_5_a_large_local_file_cut_while_it_is_sent(
    storage: S3Storage, s3: Any, prefix: str, large: LocalFile
) -> None:
    def cut(_: str, over: int) -> None:
        os.truncate(large.local, over)

    with pytest.raises(Unexpected) as found:
        list(storage.put_files([large], moved=cut))
    assert (found.value.code, found.value.path) == ("storage-local-changed", large.path)
    assert uploads(s3, prefix) == []
    assert storage.list(recursive=True) == []


def test_sto_11_parts_that_a_killed_try_left_are_thrown_away(
    storage: S3Storage, s3: Any, prefix: str, large: LocalFile
) -> None:
    for path in (large.path, f"{large.path}.other"):
        s3.create_multipart_upload(Bucket=BUCKET, Key=f"{prefix}/{path}")
    assert len(list(storage.put_files([large]))) == 1
    assert uploads(s3, prefix) == [f"{prefix}/{large.path}.other"]


def test_sto_4_an_object_too_large_for_one_copy_is_renamed_too(
    storage: S3Storage, large: LocalFile, small_parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(storage.put_files([large]))
    monkeypatch.setattr(backend, "_MOST_BYTES_OF_A_COPY", small_parts)
    storage.rename(large.path, "done/large.bin", overwrite=False)
    assert storage.read("done/large.bin") == large.local.read_bytes()
    assert storage.list("in") == []


def test_sto_4_a_rename_to_itself_keeps_the_file(storage: S3Storage) -> None:
    storage.put("a.txt", b"content")
    storage.rename("a.txt", "a.txt", overwrite=True)
    with pytest.raises(AlreadyThere):
        storage.rename("a.txt", "a.txt", overwrite=False)
    assert storage.read("a.txt") == b"content"


# Not overwriting


def test_sto_4_a_writer_at_the_same_moment_is_not_overwritten(
    front: Front, fronted: S3Storage, s3: Any, prefix: str
) -> None:
    front.faults = [Fault("PUT", first=lambda: s3.put_object(Bucket=BUCKET, Key=f"{prefix}/a", Body=b"the other's"))]
    with pytest.raises(AlreadyThere):
        fronted.put("a", b"ours", overwrite=False)
    assert fronted.read("a") == b"the other's"


@pytest.mark.parametrize("size", [5, 12_000_000])
def test_sto_4_a_service_without_conditions_is_looked_at_first(
    front: Front, fronted: S3Storage, small_parts: int, tmp_path: Path, size: int
) -> None:
    (tmp_path / "a").write_bytes(os.urandom(size))
    file = LocalFile("a", tmp_path / "a", size)
    conditional = "PUT" if size == 5 else "POST"
    start = [] if size == 5 else [Fault("POST")]
    front.faults = [*start, Fault(conditional, 501, "NotImplemented")]
    assert len(list(fronted.put_files([file], overwrite=False))) == 1
    assert fronted.read("a") == file.local.read_bytes()
    conditions = [headers.get("if-none-match") for method, _, headers in front.seen if method == conditional]
    assert conditions[-2:] == ["*", None]
    with pytest.raises(AlreadyThere):
        list(fronted.put_files([file], overwrite=False))


def test_sto_4_only_amazon_is_believed_about_conditions() -> None:
    assert made("", "in").features.exclusive_put
    assert not made("https://s3.example.org", "in").features.exclusive_put


def test_sto_13_what_arrived_whole_is_not_sent_again(front: Front, fronted: S3Storage, tmp_path: Path) -> None:
    fronted.put("whole", b"12345")
    fronted.put("other", b"54321")
    (tmp_path / "a").write_bytes(b"12345")
    front.seen.clear()
    files = [LocalFile(name, tmp_path / "a", 5) for name in ("whole", "other", "new")]
    assert len(list(fronted.put_files(files, resume=True))) == 3
    assert sum(method == "PUT" for method, _, _ in front.seen) == 2


# Downloads


def test_sto_7_a_download_that_was_cut_goes_on_with_the_rest(front: Front, fronted: S3Storage, tmp_path: Path) -> None:
    data = bytes(range(251)) * 12_000
    fronted.put("a.bin", data)
    front.faults = [Fault("GET", cut=100_000)]
    with pytest.raises(Unreachable):
        fronted.read("a.bin")
    file = LocalFile("a.bin", tmp_path / "a", len(data))
    front.faults = [Fault("GET", cut=2_000_000)]
    with pytest.raises(Unreachable):
        list(fronted.get_files([file]))
    begun = file.local.stat().st_size
    assert 1_000_000 <= begun <= 2_000_000
    assert list(fronted.get_files([file], resume=True)) == [file]
    assert front.seen[-1][2]["range"] == f"bytes={begun}-"
    assert file.local.read_bytes() == data


def test_sto_7_a_beginning_of_another_file_is_found_out(storage: S3Storage, tmp_path: Path) -> None:
    storage.put("a.bin", b"0123456789")
    file = LocalFile("a.bin", tmp_path / "a", 10)
    for wrong in (b"xxxxx", b"xxxxxxxxxx"):
        file.local.write_bytes(wrong)
        with pytest.raises(Damaged):
            list(storage.get_files([file], resume=True))
        assert list(storage.get_files([file], resume=True)) == [file]
        assert file.local.read_bytes() == b"0123456789"


def test_sto_7_a_file_that_became_shorter_is_not_whole(storage: S3Storage, tmp_path: Path) -> None:
    storage.put("a.bin", b"012")
    file = LocalFile("a.bin", tmp_path / "a", 10)
    file.local.write_bytes(b"01234")
    with pytest.raises(Unreachable):
        list(storage.get_files([file], resume=True))


def test_sto_8_a_bucket_that_is_gone_is_no_empty_one(front: Front, fronted: S3Storage, tmp_path: Path) -> None:
    front.faults = [Fault("GET", 404, "NoSuchBucket")]
    with pytest.raises(NotFound) as found:
        list(fronted.get_files([LocalFile("a", tmp_path / "a", 1)]))
    assert found.value.path == ""


# Failures


def _answer(code: str, status: int, **headers: str) -> botocore.exceptions.ClientError:
    told = {"Error": {"Code": code, "Message": "said so"}}
    return botocore.exceptions.ClientError(
        {**told, "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers}},  # type: ignore[typeddict-item]
        "PutObject",
    )


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (_answer("NoSuchKey", 404), NotFound, "storage-not-found"),
        (_answer("404", 404), NotFound, "storage-not-found"),
        (_answer("PreconditionFailed", 412), AlreadyThere, "storage-already-there"),
        (_answer("AccessDenied", 403), Denied, "storage-denied"),
        (_answer("403", 403), Denied, "storage-denied"),
        (_answer("InvalidAccessKeyId", 403), Denied, "storage-login-refused"),
        (_answer("SignatureDoesNotMatch", 403), Denied, "storage-login-refused"),
        (_answer("ExpiredToken", 400), Denied, "storage-login-refused"),
        (_answer("RequestTimeTooSkewed", 403), Denied, "storage-clock-wrong"),
        (_answer("KeyTooLongError", 400), BadPath, "storage-path-refused"),
        (_answer("QuotaExceeded", 403), NoSpace, "storage-no-space"),
        (_answer("XMinioStorageFull", 507), NoSpace, "storage-no-space"),
        (_answer("SlowDown", 503), Throttled, "storage-busy"),
        (_answer("ConditionalRequestConflict", 409), Throttled, "storage-busy"),
        (_answer("502", 502), Throttled, "storage-busy"),
        (_answer("429", 429), Throttled, "storage-busy"),
        (_answer("RequestTimeout", 400), Unreachable, "storage-unreachable"),
        (_answer("BadDigest", 400), Damaged, "storage-damaged"),
        (_answer("AuthorizationHeaderMalformed", 400), Unexpected, "storage-region-wrong"),
        (_answer("PermanentRedirect", 301), Unexpected, "storage-region-wrong"),
        (_answer("MalformedXML", 400), Unexpected, "storage-unexpected"),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="https://x"), Unreachable, "storage-unreachable"),
        (botocore.exceptions.ConnectionClosedError(endpoint_url="https://x"), Unreachable, "storage-unreachable"),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="https://x"), Unreachable, "storage-timeout"),
        (botocore.exceptions.ConnectTimeoutError(endpoint_url="https://x"), Unreachable, "storage-timeout"),
        (
            botocore.exceptions.SSLError(endpoint_url="https://x", error="[SSL: CERTIFICATE_VERIFY_FAILED]"),
            UntrustedHost,
            "storage-certificate-refused",
        ),
        (botocore.exceptions.SSLError(endpoint_url="https://x", error="EOF"), Unreachable, "storage-unreachable"),
        (
            botocore.exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2),
            Unreachable,
            "storage-unreachable",
        ),
        (botocore.exceptions.ParamValidationError(report="x"), Unexpected, "storage-unexpected"),
    ],
    ids=lambda value: type(value).__name__ + str(value)[:40] if isinstance(value, Exception) else None,
)
def test_sto_8_answers_are_told_by_their_consequence(error: Exception, kind: type[StorageError], code: str) -> None:
    told = backend._translate(error, "s3://exchange", "a.txt")
    assert (type(told), told.code) == (kind, code)
    assert told.detail


def test_sto_8_the_region_that_is_meant_is_named() -> None:
    told = backend._translate(_answer("301", 301, **{"x-amz-bucket-region": "eu-west-3"}), "s3://exchange", "")
    assert told.detail == "301 said so eu-west-3"


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        (Fault("GET", 404, "NoSuchBucket"), NotFound, "storage-not-found"),
        (Fault("GET", 403, "InvalidAccessKeyId"), Denied, "storage-login-refused"),
        (Fault("GET", 403, "RequestTimeTooSkewed"), Denied, "storage-clock-wrong"),
        (Fault("GET", 403, "AccessDenied"), Denied, "storage-denied"),
        (Fault("GET", 400, "AuthorizationHeaderMalformed"), Unexpected, "storage-region-wrong"),
        (Fault("GET", 503, "SlowDown", ("Retry-After", "7")), Throttled, "storage-busy"),
        (Fault("GET", 502), Throttled, "storage-busy"),
    ],
    ids=lambda value: value.code or value.status if isinstance(value, Fault) else None,
)
def test_sto_8_opening_tells_what_is_wrong_and_asks_once(
    front: Front, prefix: str, fault: Fault, kind: type[StorageError], code: str
) -> None:
    front.faults = [fault]
    with pytest.raises(StorageError) as found, made(front.endpoint, prefix):
        pytest.fail("it does not open")
    assert (type(found.value), found.value.code, found.value.path) == (kind, code, "")
    assert len(front.seen) == 1
    if fault.header:
        assert isinstance(found.value, Throttled)
        assert found.value.retry_after == 7
    with made(front.endpoint, prefix) as again:
        assert again.list() == []


@pytest.mark.parametrize("method", ["HEAD", "PUT"])
def test_sto_8_a_service_that_is_busy_is_asked_once(front: Front, fronted: S3Storage, method: str) -> None:
    front.faults = [Fault(method, 503, "SlowDown")]
    with pytest.raises(Throttled) as found:
        fronted.put("in/a.txt", b"x", overwrite=False)
    assert found.value.path == "in/a.txt"
    assert [seen for seen, _, _ in front.seen].count(method) == 1
    fronted.put("in/a.txt", b"x", overwrite=False)


def test_sto_8_a_bucket_that_is_not_there(endpoint: str, s3: Any) -> None:
    with pytest.raises(NotFound) as found, made(endpoint, "in", "no-such-bucket"):
        pytest.fail("it is not there")
    assert found.value.path == ""
    assert "no-such-bucket" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


def test_sto_8_a_service_that_is_gone(endpoint: str) -> None:
    front = Front(endpoint)
    front.close()
    with pytest.raises(Unreachable), made(front.endpoint, "in"):
        pytest.fail("nobody listens")


def test_sto_2_the_secret_is_shown_nowhere(front: Front, prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "passerelle")
    with made(front.endpoint, prefix) as storage:
        front.faults = [Fault("GET", 403, "SignatureDoesNotMatch")]
        with pytest.raises(Denied) as found:
            storage.list()
        shown = repr(storage) + repr(vars(storage)) + "".join(traceback.format_exception(found.value)) + caplog.text
    assert SECRET not in shown
    assert all(SECRET not in repr(headers) for _, _, headers in front.seen)


def test_sto_1_it_is_used_only_while_it_is_open(endpoint: str) -> None:
    with pytest.raises(RuntimeError, match="with block"):
        made(endpoint, "in").list()


# TLS


@contextmanager
def behind_tls(endpoint: str) -> Iterator[Front]:
    front = Front(endpoint, tls=True)
    yield front
    front.close()


def test_sto_9_a_private_authority_is_trusted_when_given_and_only_then(endpoint: str, s3: Any, prefix: str) -> None:
    with behind_tls(endpoint) as front:
        with made(front.endpoint, prefix, ca_file=certificate()) as storage:
            storage.put("a.txt", b"content")
            assert storage.read("a.txt") == b"content"
        assert front.seen.pop(1)[2]["x-amz-content-sha256"] == hashlib.sha256(b"content").hexdigest()
        front.seen.clear()
        with pytest.raises(UntrustedHost) as found, made(front.endpoint, prefix):
            pytest.fail("it is not to be trusted")
        assert found.value.code == "storage-certificate-refused"
        assert front.seen == []


def test_sto_9_a_file_of_authorities_must_be_one(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for file in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        with pytest.raises(BadPlace) as found:
            made("https://s3.example.org", "in", ca_file=file)
        assert found.value.code == "storage-ca-unreadable"
        assert file.name in found.value.detail


# The place

OPTIONS = {"access_key_id": "AKIA", "secret_access_key": "S3_SECRET"}


def test_sto_2_a_place_is_its_url_and_a_few_options(tmp_path: Path) -> None:
    place = as_place({"url": "s3://exchange/%C3%A9changes/in/", "region": "eu-west-3", **OPTIONS})
    assert isinstance(place, S3Place)
    assert (place.name, place.server) == ("s3://exchange/échanges/in", ("s3.eu-west-3.amazonaws.com", 443))
    assert place.secret_names == {"secret_access_key": "S3_SECRET"}
    assert place.warnings == ()
    storage = place.storage(tmp_path, lambda _: SecretStr(SECRET))
    assert isinstance(storage, S3Storage)
    assert (storage.name, storage._bucket, storage._prefix) == (place.name, "exchange", "échanges/in/")
    assert SECRET not in repr(place) + repr(vars(storage))
    assert as_place({"url": "s3://exchange", **OPTIONS}).name == "s3://exchange"


def test_sto_9_a_file_of_authorities_lies_beside_the_profile() -> None:
    place = as_place({"url": "s3://exchange", "endpoint": "https://127.0.0.1:9", "ca_file": "server.pem", **OPTIONS})
    storage = place.storage(certificate().parent, lambda _: SecretStr(SECRET))
    assert isinstance(storage, S3Storage)
    assert storage._ca_file == certificate()


@pytest.mark.parametrize(
    "url",
    ["s3:/bucket", "s3://", "s3:///in", "s3://a b/in", "s3://bucket/../x", "s3://bucket/in?x", "s3://u@bucket/in"],
)
def test_sto_2_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(BadPlace):
        as_place({"url": url, **OPTIONS})


@pytest.mark.parametrize("missing", OPTIONS)
def test_sto_2_a_key_has_two_parts(missing: str) -> None:
    with pytest.raises(ValidationError):
        as_place({"url": "s3://bucket", **OPTIONS, missing: ""})


@pytest.mark.parametrize(
    "endpoint",
    [
        "s3.example.org",
        "ftp://x",
        "https://",
        "https://user@x",
        "https://x/path",
        "https://x:y",
        "https://x?y",
        "http://x",
    ],
)
def test_sto_2_a_wrong_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(BadPlace) as found:
        as_place({"url": "s3://bucket", "endpoint": endpoint, **OPTIONS})
    assert found.value.code == "storage-bad-option"


@pytest.mark.parametrize(
    ("endpoint", "server", "steps", "warnings"),
    [
        ("https://s3.example.org", ("s3.example.org", 443), 4, ()),
        ("https://[::1]:9000/", ("::1", 9000), 4, ()),
        ("http://127.0.0.1:9000", ("127.0.0.1", 9000), 3, ()),
        ("http://localhost", ("localhost", 80), 3, ()),
        ("http://minio.lan:9000", ("minio.lan", 9000), 3, ("storage-unencrypted",)),
        ("http://192.168.1.5", ("192.168.1.5", 80), 3, ("storage-unencrypted",)),
    ],
)
def test_sto_9_plain_http_beyond_this_machine_is_asked_for_and_warned_about(
    endpoint: str, server: tuple[str, int], steps: int, warnings: tuple[str, ...]
) -> None:
    allowed = {"allow_plain_http": True} if warnings else {}
    place = as_place({"url": "s3://bucket", "endpoint": endpoint, **OPTIONS, **allowed})
    assert (place.server, len(place.opening), place.warnings) == (server, steps, warnings)


def test_sto_3_every_step_is_told(front: Front, endpoint: str, s3: Any, prefix: str) -> None:
    def told(front: Front, fault: Fault | None = None, **options: str) -> list[str]:
        front.faults = [fault] if fault else []
        place = as_place({"url": f"s3://{BUCKET}/{prefix}", "endpoint": front.endpoint, **OPTIONS, **options})
        steps = list(check_place(place, place.storage(certificate().parent, lambda _: SecretStr(SECRET))))
        assert all(step.error is None for step in steps[:-1])
        names = [step.code.removeprefix("storage-step-") for step in steps]
        return [*names[:-1], f"{names[-1]} failed" if steps[-1].error else names[-1]]

    rest = ["listed", "written", "read-back", "removed"]
    assert told(front) == ["resolved", "connected", "logged-in", "folder", *rest]
    assert told(front, Fault("GET", 403, "InvalidAccessKeyId")) == ["resolved", "connected", "logged-in failed"]
    assert told(front, Fault("GET", 404, "NoSuchBucket")) == ["resolved", "connected", "logged-in", "folder failed"]
    with behind_tls(endpoint) as secured:
        assert told(secured, ca_file="server.pem")[2:] == ["certificate", "logged-in", "folder", *rest]
        assert told(secured) == ["resolved", "connected", "certificate failed"]
