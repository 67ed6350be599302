"""Cloudinary's Admin API, Upload API and delivery on this machine, as far as facts/storage-apis §3 knows them.

The real SDK reaches it by ``upload_prefix``. It keeps assets of three kinds in a cloud with fixed or dynamic folders,
checks logins and signatures, counts Admin calls, pages listings, and refuses what the real one refuses, in its words.
Nothing is transformed: images come back as they were sent.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

SMALLEST_PART = 5_000_000
FORBIDDEN = re.compile(r"[?&#\\%<>+]|^/|/$|//")
NOT_SIGNED = frozenset(["file", "api_key", "cloud_name", "resource_type", "signature"])
FORMATS = [
    ("image", "jpg", rb"\xff\xd8\xff"),
    ("image", "png", rb"\x89PNG\r\n\x1a\n"),
    ("image", "gif", rb"GIF8[79]a"),
    ("image", "webp", rb"RIFF....WEBP"),
    ("video", "mp4", rb"....ftyp"),
]
NO_MEDIA = {"image": "Invalid image file", "video": "Unsupported video format or file"}


class Answer(NamedTuple):
    """What is answered; of a cut one only ``sent`` bytes of the body are."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    sent: int | None = None


class Refused(Exception):  # noqa: N818 - it is an answer
    """An answer with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status, json.dumps({"error": {"message": message}}).encode())


@dataclass
class Asset:
    """An asset of the cloud."""

    kind: str
    public_id: str
    data: bytes
    version: int
    format: str
    asset_folder: str = ""
    display_name: str = ""
    type: str = "upload"
    deleted: bool = False
    asset_id: str = field(default_factory=lambda: hashlib.md5(str(time.perf_counter_ns()).encode()).hexdigest())  # noqa: S324


class Request(NamedTuple):
    """A request: form and query are one; ``name[]`` is a list."""

    method: str
    words: list[str]
    fields: dict[str, Any]
    headers: Mapping[str, str]


class CloudinaryApi:
    """One cloud; a context manager.

    Attributes:
        folder_mode: ``fixed`` or ``dynamic``.
        calls: every request, as ``METHOD path``; ``admin_calls``: those that count.
        calls_left: of the ``limit`` of Admin calls until ``reset_at``.
        indexed: whether Search sees what changed at once; if not, what it saw last.
        replaced: characters that are changed to ``_`` in public ids.
        largest: the largest file in bytes.
        blocked: extensions that are delivered to their owner only.
        backup: what is destroyed is still listed, as a placeholder.
    """

    cloud = "demo-cloud"
    api_key = "123456789012345"
    api_secret = "abcd&EFGH=ijkl"

    def __init__(self, folder_mode: str = "fixed", certificate: Path | None = None) -> None:
        self.folder_mode = folder_mode
        self.assets: dict[tuple[str, str], Asset] = {}
        self.folders = {""}
        self.calls: list[str] = []
        self.admin_calls: list[str] = []
        self.limit = self.calls_left = 500_000
        self.reset_at = (int(time.time()) // 3600 + 1) * 3600
        self.indexed = True
        self.replaced = ""
        self.largest = 100_000_000
        self.blocked: frozenset[str] = frozenset()
        self.backup = False
        self._index: list[Asset] = []
        self._parts: dict[str, bytearray] = {}
        self._surprises: list[tuple[str, Callable[[], Answer | None]]] = []
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it is: the ``upload_prefix``."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def surprise(self, matching: str, surprise: Callable[[], Answer | None]) -> None:
        """Do something else, or something before, at the next call that matches; an answer given is the answer."""
        self._surprises.append((matching, surprise))

    def cut(self, matching: str, sent: int) -> None:
        """Do what the next call that matches asks, and send so many bytes of the answer only."""
        self.surprise(matching, lambda: Answer(0, b"", {}, sent))

    def add(self, kind: str, public_id: str, data: bytes, *, folder: str = "", display_name: str = "") -> Asset:
        """Put an asset there, as somebody with a browser would."""
        with self._lock:
            there = self.assets.get((kind, public_id))
            version = max(int(time.time()), there.version + 1 if there else 0)
            extension = _format(data)[1] if kind != "raw" else ""
            folder = folder if self.folder_mode == "dynamic" else public_id.rpartition("/")[0]
            asset = Asset(kind, public_id, data, version, extension, folder)
            asset.display_name = display_name or public_id.rpartition("/")[2]
            if there:
                asset.asset_id = there.asset_id
            self.assets[kind, public_id] = asset
            self.make_folder(folder)
            return asset

    def make_folder(self, folder: str) -> None:
        """Create a folder, and those on the way."""
        while folder:
            self.folders.add(folder)
            folder = folder.rpartition("/")[0]

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Answer a request."""
        parts = urlsplit(target)
        words = [unquote(word) for word in parts.path.strip("/").split("/")]
        with self._lock:
            call = f"{method} {unquote(parts.path)}"
            self.calls.append(call)
            surprise = next((item for item in self._surprises if item[0] in call), None)
            if surprise:
                self._surprises.remove(surprise)
        planned = surprise[1]() if surprise else None
        if planned and planned.sent is None:
            return planned
        with self._lock:
            try:
                answer = self._answer(Request(method, words, _fields(parts.query, headers, body), headers), call)
            except Refused as refused:
                answer = refused.answer
        return answer._replace(sent=planned.sent) if planned else answer

    def _answer(self, request: Request, call: str) -> Answer:
        words = request.words
        if words[0] != "v1_1":
            return self._deliver(words)
        if words[1] != self.cloud:
            raise Refused(401, f"cloud_name mismatch: {words[1]}")
        if words[2] in {"image", "video", "raw"}:
            return _json(self._upload_api(request, words[2], words[3]))
        self.admin_calls.append(call)
        return self._admin_api(request)

    # Admin API.

    def _admin_api(self, request: Request) -> Answer:
        self._check_login(request.headers.get("authorization", ""))
        headers = {
            "X-FeatureRateLimit-Limit": str(self.limit),
            "X-FeatureRateLimit-Reset": formatdate(self.reset_at, usegmt=True),
        }
        if self.calls_left <= 0:
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.reset_at))
            message = f"Rate Limit Exceeded. Limit of {self.limit} api operations reached. Try again on {at} UTC"
            return Refused(420, message).answer._replace(headers={**headers, "X-FeatureRateLimit-Remaining": "0"})
        self.calls_left -= 1
        headers["X-FeatureRateLimit-Remaining"] = str(self.calls_left)
        try:
            answer = self._administer(request.method, request.words[2:], request.fields)
        except Refused as refused:
            answer = refused.answer
        return answer._replace(headers={**answer.headers, **headers})

    def _administer(self, method: str, words: list[str], fields: dict[str, Any]) -> Answer:
        match words:
            case ["config"]:
                settings = {"settings": {"folder_mode": self.folder_mode}} if fields.get("settings") == "true" else {}
                return _json({"cloud_name": self.cloud, "created_at": "2020-01-01T00:00:00Z", **settings})
            case ["folders", *path]:
                return self._administer_folder(method, "/".join(path), fields)
            case ["resources", "search"]:
                return self._search(fields)
            case ["resources", "by_asset_folder"] if self.folder_mode == "dynamic":
                return self._by_asset_folder(fields)
            case ["resources", "image" | "video" | "raw" as kind, *rest] if rest[:1] in ([], ["upload"]):
                return self._administer_resources(method, kind, "/".join(rest[1:]), fields)
        return Answer(404, b"<!DOCTYPE html><html><body>The page you were looking for doesn't exist.</body></html>")

    def _administer_folder(self, method: str, path: str, fields: dict[str, Any]) -> Answer:
        if method == "POST":
            self.make_folder(path)
            return _json({"success": True, "path": path, "name": path.rpartition("/")[2]})
        if path not in self.folders:
            raise Refused(404, f"Can't find folder with path {path}")
        if method == "DELETE":
            return self._delete_folder(path)
        names = sorted(folder for folder in self.folders if folder and folder.rpartition("/")[0] == path)
        return self._page(names, fields, lambda path: {"name": path.rpartition("/")[2], "path": path}, "folders")

    def _administer_resources(self, method: str, kind: str, public_id: str, fields: dict[str, Any]) -> Answer:
        if not public_id:
            prefix = fields.get("prefix", "")
            found = [asset for asset in self._sorted() if asset.kind == kind and asset.public_id.startswith(prefix)]
            return self._page([asset for asset in found if asset.type == "upload"], fields, self._told)
        asset = self._find(kind, public_id)
        if method == "POST":
            self._show_as(asset, fields)
        return _json(self._details(asset))

    def _by_asset_folder(self, fields: dict[str, Any]) -> Answer:
        folder = fields.get("asset_folder")
        if not folder:
            raise Refused(400, "Missing required parameter - asset_folder")
        return self._page([asset for asset in self._sorted() if asset.asset_folder == folder], fields, self._told)

    def _check_login(self, authorization: str) -> None:
        expected = base64.b64encode(f"{self.api_key}:{self.api_secret}".encode()).decode()
        if not hmac.compare_digest(authorization, f"Basic {expected}"):
            raise Refused(401, "Invalid credentials")

    def _delete_folder(self, path: str) -> Answer:
        if any(asset.asset_folder == path or asset.asset_folder.startswith(f"{path}/") for asset in self._sorted()):
            raise Refused(400, "Folder is not empty")
        gone = {folder for folder in self.folders if folder == path or folder.startswith(f"{path}/")}
        self.folders -= gone
        return _json({"deleted": sorted(gone)})

    def _search(self, fields: dict[str, Any]) -> Answer:
        if self.indexed:
            self._index = self._sorted()
        expression = fields.get("expression", "")
        exact = re.fullmatch(r'asset_folder="?([^"]*)"?', expression)
        below = re.fullmatch(r'folder:"?([^"*]*)/\*"?', expression)
        if not exact and not below:
            raise Refused(400, f"General Error: unexpected expression {expression}")
        if exact:
            found = [asset for asset in self._index if asset.asset_folder == exact[1]]
        else:
            found = [asset for asset in self._index if f"{asset.asset_folder}/".startswith(f"{below[1]}/")]
        return self._page(found, fields, self._told)

    def _page(
        self, items: list[Any], fields: dict[str, Any], told: Callable[[Any], dict[str, Any]], key: str = "resources"
    ) -> Answer:
        size = int(fields.get("max_results", 10))
        if not 1 <= size <= 500:
            raise Refused(400, "Invalid max_results")
        start = int(fields["next_cursor"], 16) if fields.get("next_cursor") else 0
        answer = {key: [told(item) for item in items[start : start + size]]}
        if start + size < len(items):
            answer["next_cursor"] = f"{start + size:032x}"
        return _json(answer)

    def _sorted(self) -> list[Asset]:
        return sorted(self.assets.values(), key=lambda asset: asset.public_id)

    # Upload API.

    def _upload_api(self, request: Request, kind: str, action: str) -> dict[str, Any] | Answer:
        fields = request.fields
        if action == "download":
            fields["timestamp"] = fields.get("timestamp", "")
        self._check_signature(fields)
        match action:
            case "upload":
                return self._upload(request, kind, fields)
            case "explicit":
                if "type" not in fields:
                    raise Refused(400, "Missing required parameter - type")
                asset = self._find(kind, fields["public_id"])
                self._show_as(asset, fields)
                return self._details(asset)
            case "rename":
                return self._rename(kind, fields)
            case "destroy":
                return self._destroy(kind, fields["public_id"])
            case "download":
                asset = self._find(kind, fields["public_id"])
                if asset.format != fields.get("format", ""):
                    raise Refused(404, "Resource not found")
                return Answer(200, asset.data)
        raise Refused(400, f"Invalid action {action}")

    def _check_signature(self, fields: dict[str, Any]) -> None:
        if fields.get("api_key") != self.api_key:
            raise Refused(401, f"Unknown API key {fields.get('api_key')}")
        if abs(time.time() - int(fields.get("timestamp") or 0)) > 3600:
            raise Refused(400, "Stale request - reported time is more than 1 hour ago")
        signed = {
            name: value
            for name, value in fields.items()
            if name not in NOT_SIGNED | {"_without_name"} and value not in ("", [])
        }
        pairs = sorted(f"{name}={','.join(v) if isinstance(v, list) else v}" for name, v in signed.items())
        given = fields.get("signature", "")
        algorithm = "sha256" if len(given) == 64 else "sha1"
        strings = ["&".join(pair.replace("&", "%26") for pair in pairs), "&".join(pairs)]  # version 2, version 1
        if given not in [hashlib.new(algorithm, (text + self.api_secret).encode()).hexdigest() for text in strings]:
            raise Refused(401, f"Invalid Signature {given}. String to sign - '{strings[0]}'.")

    def _upload(self, request: Request, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        public_id = self._good_id(fields["public_id"])
        if fields.get("upload_preset"):
            raise Refused(400, "Upload preset not found")
        data = fields.get("file")
        if data is None:
            raise Refused(400, "Missing required parameter - file")
        if data.startswith(b"http://127.0.0.1:") and "file" in fields.get("_without_name", ()):
            words = [unquote(word) for word in urlsplit(data.decode()).path.strip("/").split("/")]
            data = self._deliver(words).body
        unfinished = self._joined(request.headers, data)
        if isinstance(unfinished, str):
            return {"done": False, "public_id": public_id, "bytes": len(data), "upload_id": unfinished}
        data = unfinished
        if not data:
            raise Refused(400, "Empty file")
        if len(data) > self.largest:
            raise Refused(400, f"File size too large. Got {len(data)}. Maximum is {self.largest}.")
        if kind != "raw" and _format(data)[0] != kind:
            raise Refused(400, NO_MEDIA[kind])
        there = self.assets.get((kind, public_id))
        if there and not there.deleted and fields.get("overwrite") == "0":
            return {**self._details(there), "existing": True}
        folder = fields.get("asset_folder", public_id.rpartition("/")[0])
        asset = self.add(kind, public_id, data, folder=folder, display_name=fields.get("display_name", ""))
        return {**self._details(asset), **({"overwritten": True} if there else {})}

    def _joined(self, headers: Mapping[str, str], data: bytes) -> bytes | str:
        """Give the whole content with its last part, else the id of the upload."""
        given = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", headers.get("content-range", ""))
        if not given:
            return data
        start, end, size = (int(number) for number in given.groups())
        upload_id = headers["x-unique-upload-id"]
        joined = self._parts.setdefault(upload_id, bytearray())
        if len(data) != end - start + 1 or start != len(joined):
            raise Refused(400, "Invalid Content-Range header")
        if end + 1 < size and len(data) < SMALLEST_PART:
            raise Refused(400, "All parts except EOF-chunk must be larger than 5mb")
        joined += data
        return upload_id if end + 1 < size else bytes(self._parts.pop(upload_id))

    def _destroy(self, kind: str, public_id: str) -> dict[str, Any]:
        asset = self.assets.get((kind, public_id))
        if asset is None or asset.deleted:
            return {"result": "not found"}
        if self.backup:
            asset.deleted, asset.data = True, b""
        else:
            del self.assets[kind, public_id]
        return {"result": "ok"}

    def _rename(self, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        asset = self._find(kind, fields["from_public_id"])
        public_id = self._good_id(fields["to_public_id"], "to_public_id")
        if (kind, public_id) in self.assets and fields.get("overwrite") != "1":
            raise Refused(400, f"to_public_id ({public_id}) already exists")
        del self.assets[kind, asset.public_id]
        asset.public_id = public_id
        self.assets[kind, public_id] = asset
        if self.folder_mode == "fixed":
            asset.asset_folder = public_id.rpartition("/")[0]
            self.make_folder(asset.asset_folder)
        return self._details(asset)

    def _good_id(self, public_id: str, parameter: str = "public_id") -> str:
        if FORBIDDEN.search(public_id) or not 1 <= len(public_id) <= 255:
            raise Refused(400, f"{parameter} ({public_id}) is invalid")
        changed = public_id.translate({ord(char): "_" for char in self.replaced})
        return "/".join(name.strip() for name in changed.split("/"))

    def _show_as(self, asset: Asset, fields: dict[str, Any]) -> None:
        if self.folder_mode == "dynamic":
            asset.asset_folder = fields.get("asset_folder", asset.asset_folder)
            asset.display_name = fields.get("display_name", asset.display_name)
            self.make_folder(asset.asset_folder)

    def _find(self, kind: str, public_id: str) -> Asset:
        asset = self.assets.get((kind, public_id))
        if asset is None or asset.deleted:
            raise Refused(404, f"Resource not found - {public_id}")
        return asset

    # What is told of an asset, and its content.

    def _told(self, asset: Asset) -> dict[str, Any]:
        name = f"{asset.public_id}.{asset.format}" if asset.format else asset.public_id
        link = f"{self.url}/{self.cloud}/{asset.kind}/upload/v{asset.version}/{quote(name)}"
        told = {
            "asset_id": asset.asset_id,
            "public_id": asset.public_id,
            "version": asset.version,
            "resource_type": asset.kind,
            "type": asset.type,
            "created_at": "2026-01-01T00:00:00Z",
            "bytes": len(asset.data),
            "url": link,
            "secure_url": link,
        }
        if asset.deleted:
            told["placeholder"] = True
        if asset.format:
            told["format"] = asset.format
        if self.folder_mode == "dynamic":
            told |= {"asset_folder": asset.asset_folder, "display_name": asset.display_name}
        return told

    def _details(self, asset: Asset) -> dict[str, Any]:
        """Tell what listings do not: the checksum."""
        return {**self._told(asset), "etag": hashlib.md5(asset.data).hexdigest()}  # noqa: S324

    def _deliver(self, words: list[str]) -> Answer:
        cloud, kind, _, _, *rest = words
        name = "/".join(rest)
        public_id, _, extension = name.rpartition(".")
        asset = self.assets.get((kind, name)) if kind == "raw" else self.assets.get((kind, public_id))
        if cloud != self.cloud or asset is None or (kind != "raw" and asset.format != extension):
            return Answer(404, b"", {"X-Cld-Error": "Resource not found"})
        if extension in self.blocked:
            return Answer(401, b"", {"X-Cld-Error": "deny or ACL failure"})
        return Answer(200, asset.data, {"ETag": f'"{hashlib.md5(asset.data).hexdigest()}"'})  # noqa: S324


def _format(data: bytes) -> tuple[str, str]:
    known = ((kind, name) for kind, name, beginning in FORMATS if re.match(beginning, data, re.DOTALL))
    return next(known, ("raw", ""))


def _json(told: dict[str, Any] | Answer) -> Answer:
    return told if isinstance(told, Answer) else Answer(200, json.dumps(told).encode())


def _fields(query: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, values in parse_qs(query, keep_blank_values=True).items():
        fields[name.removesuffix("[]")] = values if name.endswith("[]") else values[-1]
    kind = headers.get("content-type", "")
    if kind.startswith("application/json") and body:
        return {**fields, **json.loads(body)}
    boundary = re.search(r"boundary=([^;]+)", kind)
    for part in body.split(b"--" + boundary[1].encode())[1:-1] if boundary else ():
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)[1].decode()
        content = content.removesuffix(b"\r\n")
        if name == "file" and b"filename=" not in head:
            fields.setdefault("_without_name", []).append("file")
        fields[name] = content if name == "file" else content.decode()
    return fields


def _handler(api: CloudinaryApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = api.answer(self.command, self.path, headers, body)
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):  # a client that waits no longer
                self.wfile.write(answer.body[: answer.sent])
            if answer.sent is not None:
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the library's names

        def log_message(self, *words: object) -> None:
            pass

    return Handler
