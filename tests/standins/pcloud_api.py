"""pCloud's HTTP API as far as its documentation, rclone's sources and users' reports describe it: a stand-in for tests.

Two real TLS servers on the loopback address: the API, and the content that links lead to. rclone works with it
(``--pcloud-hostname``). Switches make it fail as pCloud was seen to fail.

Source: docs.pcloud.com; facts/storage-apis §2.
"""

from __future__ import annotations

import contextlib
import email.policy
import functools
import hashlib
import ipaddress
import itertools
import json
import secrets
import ssl
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TOKEN = "a-token-of-the-stand-in"
CLIENT = ("app-key", "app-secret")
_DEEPEST = 40
_MEANINGS = {
    1000: "Log in required.",
    1101: "Recursive listing of the root folder is not allowed.",
    2000: "Log in failed.",
    2001: "Invalid file/folder name.",
    2002: "A component of parent directory does not exist.",
    2004: "File or folder alredy exists.",
    2005: "Directory does not exist.",
    2006: "Folder is not empty.",
    2008: "User is over quota.",
    2009: "File not found.",
    2010: "Invalid path.",
    2012: "Invalid 'code' provided.",
    2088: "No file upload detected.",
    4000: "Too many login tries from this IP address.",
    5000: "Internal error. Try again later.",
    5001: "Internal upload error.",
}


class RefusedError(Exception):
    """An answer with a result other than 0."""

    def __init__(self, result: int) -> None:
        super().__init__(result)
        self.result = result


@dataclass
class Node:
    """A file, or a folder where ``content`` is ``None``."""

    id: int
    name: str
    parent: Node | None
    content: bytes | None = None
    modified: float = field(default_factory=time.time)
    revisions: list[bytes] = field(default_factory=list)
    children: dict[str, Node] = field(default_factory=dict)
    encrypted: bool = False

    def below(self) -> Iterator[tuple[Node, int]]:
        for child in self.children.values():
            yield child, 1
            for node, depth in child.below():
                yield node, depth + 1

    def metadata(self) -> dict[str, object]:
        told: dict[str, object] = {
            "name": self.name,
            "created": _time(self.modified),
            "modified": _time(self.modified),
            "ismine": True,
            "isshared": False,
            "thumb": False,
            "isfolder": self.content is None,
            "parentfolderid": self.parent.id if self.parent else 0,
        }
        if self.content is None:
            return told | {"id": f"d{self.id}", "folderid": self.id, "icon": "folder", "encrypted": self.encrypted}
        digest = int.from_bytes(hashlib.sha256(self.content).digest()[:8], "big")
        return told | {"id": f"f{self.id}", "fileid": self.id, "size": len(self.content), "hash": digest}


def _time(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC))


class Pcloud:
    """One account in one region.

    Attributes:
        largest_tree: a recursive listing of more files and folders is answered with 5000.
        failures: for a method, what its next calls answer instead: an HTTP status (below 600) or a result, or what
            gives one.
        keep_half: an upload that fails or is cut leaves half of its file, ``nopartial`` or not.
        spoil: uploads are stored with one byte changed.
        rename_uploads: what the server makes of the names of uploads.
        dead_hosts: the first hosts of each link do not answer.
        link_seconds: how long links work.
        cut_content: the next downloads are cut after as many bytes, one number for each.
        quota: in bytes, for all files.
        redirect: where a failure with 307 sends the client.
        calls: how often each method was called.
        seen: paths and authorizations of what was asked of the content servers.
    """

    def __init__(self, region: str = "eu", *, token: str = TOKEN) -> None:
        self.region = region
        self.token = token
        self.codes = {"the-code": token}
        self.root = Node(0, "/", None)
        self.largest_tree = 100_000
        self.failures: dict[str, list[int | Callable[[], int]]] = {}
        self.keep_half = False
        self.spoil = False
        self.rename_uploads: Callable[[str], str] = lambda name: name
        self.dead_hosts = 0
        self.link_seconds = 3600.0
        self.cut_content: list[int] = []
        self.quota = 10**12
        self.redirect = ""
        self.calls: Counter[str] = Counter()
        self.seen: list[tuple[str, str | None, str | None]] = []
        self.links: dict[str, tuple[bytes, float]] = {}
        self.lock = threading.RLock()
        self._ids = itertools.count(10_000_000_001)

    def __enter__(self) -> Self:
        self._api = _server(_ApiHandler, self)
        self._content = _server(_ContentHandler, self)
        self.host = f"127.0.0.1:{self._api.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self._api, self._content):
            server.shutdown()
            server.server_close()

    def empty(self) -> None:
        """Forget all files and switches; faster than another server."""
        host = self.host
        api, content = self._api, self._content
        self.__init__(self.region, token=self.token)  # type: ignore[misc]
        self.host, self._api, self._content = host, api, content

    # What the API's methods do; called with the lock held.

    def listfolder(self, given: dict[str, str]) -> dict[str, object]:
        folder = self._folder(given)
        recursive = given.get("recursive", "0") != "0"
        if recursive and folder is self.root:
            raise RefusedError(1101)
        if recursive:
            below = list(folder.below())
            if len(below) > self.largest_tree or max((depth for _, depth in below), default=0) > _DEEPEST:
                raise RefusedError(5000)
        return {"metadata": self._told(folder, recursive=recursive, files=given.get("nofiles", "0") == "0", top=True)}

    def _told(self, node: Node, *, recursive: bool, files: bool, top: bool = False) -> dict[str, object]:
        told = node.metadata()
        if node.content is None and (recursive or top):
            told["contents"] = [
                self._told(child, recursive=recursive, files=files)
                for child in node.children.values()
                if files or child.content is None
            ]
        return told

    def createfolder(self, given: dict[str, str]) -> dict[str, object]:
        folder = self._folder(given)
        name = _good(given["name"])
        if name in folder.children:
            raise RefusedError(2004)
        folder.children[name] = made = Node(next(self._ids), name, folder)
        return {"metadata": made.metadata()}

    def createfolderifnotexists(self, given: dict[str, str]) -> dict[str, object]:
        there = self._folder(given).children.get(given["name"])
        if there is None:
            return self.createfolder(given) | {"created": True}
        if there.content is not None:
            raise RefusedError(2004)
        return {"metadata": there.metadata(), "created": False}

    def deletefolder(self, given: dict[str, str]) -> dict[str, object]:
        folder = self._folder(given)
        if folder.children:
            raise RefusedError(2006)
        return self._remove(folder)

    def deletefolderrecursive(self, given: dict[str, str]) -> dict[str, object]:
        return self._remove(self._folder(given))

    def deletefile(self, given: dict[str, str]) -> dict[str, object]:
        return self._remove(self._file(given))

    def _remove(self, node: Node) -> dict[str, object]:
        assert node.parent is not None
        del node.parent.children[node.name]
        return {"metadata": node.metadata() | {"isdeleted": True}}

    def stat(self, given: dict[str, str]) -> dict[str, object]:
        return {"metadata": self._file(given).metadata()}

    def checksumfile(self, given: dict[str, str]) -> dict[str, object]:
        file = self._file(given)
        return self._checksums(file) | {"metadata": file.metadata()}

    def _checksums(self, file: Node) -> dict[str, object]:
        assert file.content is not None
        algorithms = ("md5", "sha1") if self.region == "us" else ("sha1", "sha256")
        return {name: hashlib.new(name, file.content).hexdigest() for name in algorithms}

    def renamefile(self, given: dict[str, str]) -> dict[str, object]:
        file = self._file(given)
        folder = self._folder({"folderid": given.get("tofolderid", str(file.parent.id if file.parent else 0))})
        name = _good(given.get("toname", file.name))
        there = folder.children.get(name)
        if there is not None and there.content is None:
            raise RefusedError(2004)
        assert file.parent is not None
        del file.parent.children[file.name]
        told: dict[str, object] = {}
        if there is not None and there is not file:
            assert there.content is not None
            file.revisions += [*there.revisions, there.content]
            told["deletedfileid"] = there.id
        file.name, file.parent = name, folder
        folder.children[name] = file
        return {"metadata": file.metadata() | told}

    def copyfile(self, given: dict[str, str]) -> dict[str, object]:
        file = self._file(given)
        assert file.content is not None
        copy = self._store(self._folder({"folderid": given["tofolderid"]}), given["toname"], file.content, given)
        return {"metadata": copy.metadata()}

    def getfilelink(self, given: dict[str, str]) -> dict[str, object]:
        file = self._file(given)
        assert file.content is not None
        ticket, expires = secrets.token_urlsafe(12), time.time() + self.link_seconds
        self.links[ticket] = (file.content, expires)
        alive = f"127.0.0.1:{self._content.server_port}"
        return {
            "path": f"/{ticket}/file",
            "expires": _time(expires),
            "hosts": ["127.0.0.1:9"] * self.dead_hosts + [alive],
        }

    def userinfo(self, _: dict[str, str]) -> dict[str, object]:
        return {"userid": 1, "email": "someone@example.org", "quota": self.quota, "usedquota": self._used()}

    def oauth2_token(self, given: dict[str, str]) -> dict[str, object]:
        if (given.get("client_id"), given.get("client_secret")) != CLIENT:
            raise RefusedError(2000)
        token = self.codes.pop(given.get("code", ""), None)
        if token is None:
            raise RefusedError(2012)
        return {"access_token": token, "token_type": "bearer", "uid": 1}

    def uploaded(self, given: dict[str, str], name: str, content: bytes, *, whole: bool) -> dict[str, object]:
        folder = self._folder(given)
        if not whole and "nopartial" in given and not self.keep_half:
            raise RefusedError(5001)
        if self._used() + len(content) > self.quota:
            raise RefusedError(2008)
        if self.spoil and content:
            content = bytes([content[0] ^ 1]) + content[1:]
        file = self._store(folder, self.rename_uploads(name), content, given)
        return {"fileids": [file.id], "metadata": [file.metadata()], "checksums": [self._checksums(file)]}

    def _store(self, folder: Node, name: str, content: bytes, given: dict[str, str]) -> Node:
        _good(name)
        if "renameifexists" in given and name in folder.children:
            stem, dot, extension = name.rpartition(".")
            numbers = (f"{stem} ({n}).{extension}" if dot else f"{name} ({n})" for n in itertools.count(2))
            name = next(numbered for numbered in numbers if numbered not in folder.children)
        there = folder.children.get(name)
        if there is None:
            folder.children[name] = there = Node(next(self._ids), name, folder, content)
        elif there.content is None:
            raise RefusedError(2004)
        else:
            there.revisions.append(there.content)
            there.content = content
        there.modified = float(given.get("mtime", time.time()))
        return there

    def _used(self) -> int:
        return sum(len(node.content or b"") for node, _ in self.root.below())

    def _folder(self, given: dict[str, str]) -> Node:
        if "folderid" not in given:
            return self._at(given.get("path", "/"), 2005, folder=True)
        nodes = (node for node, _ in self.root.below() if node.content is None and node.id == int(given["folderid"]))
        node = self.root if given["folderid"] == "0" else next(nodes, None)
        if node is None:
            raise RefusedError(2005)
        return node

    def _file(self, given: dict[str, str]) -> Node:
        if "fileid" not in given:
            return self._at(given["path"], 2009, folder=False)
        nodes = (node for node, _ in self.root.below() if node.content is not None)
        node = next((node for node in nodes if node.id == int(given["fileid"])), None)
        if node is None:
            raise RefusedError(2009)
        return node

    def _at(self, path: str, missing: int, *, folder: bool) -> Node:
        if not path.startswith("/") or (path != "/" and path.endswith("/")):
            raise RefusedError(2010)
        node: Node | None = self.root
        for name in path.strip("/").split("/") if path != "/" else ():
            if node is None or node.content is not None:
                raise RefusedError(2002)
            node = node.children.get(name)
        if node is None or (node.content is None) is not folder:
            raise RefusedError(missing)
        return node


def _good(name: str) -> str:
    if not name or name in {".", ".."} or "/" in name or len(name.encode()) > 1024:
        raise RefusedError(2001)
    return name.replace("＼", "\\")


METHODS = frozenset(
    name
    for name, value in vars(Pcloud).items()
    if callable(value) and name[0] != "_" and name not in {"empty", "uploaded"}
)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    pcloud: Pcloud

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
            super().handle()

    def answer(self, status: int, body: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class _ApiHandler(_Handler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        method, given = parts.path.strip("/"), dict(parse_qsl(parts.query, keep_blank_values=True))
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            self.answer(411, b"Length Required", "text/plain")
            return
        length = int(self.headers.get("Content-Length", 0))
        try:
            self._reply(self._done(method, given, length))
        except RefusedError as refused:
            self._reply({"result": refused.result, "error": _MEANINGS[refused.result]})

    do_POST = do_PUT = do_GET  # noqa: N815 - as the library wants it

    def _done(self, method: str, given: dict[str, str], length: int) -> dict[str, object]:
        fault = self._fault(method)
        if method == "uploadfile":
            return self._upload(given, length, fault)
        body = self.rfile.read(length)
        if "urlencoded" in self.headers.get("Content-Type", ""):
            given |= dict(parse_qsl(body.decode(), keep_blank_values=True))
        if fault:
            return self._fail(fault)
        with self.pcloud.lock:
            if method not in METHODS:
                return {"result": 1900, "error": f"No such method: {method}"}
            if method != "oauth2_token":
                self._log_in(given)
            return {"result": 0} | getattr(self.pcloud, method)(given)

    def _fault(self, method: str) -> int | None:
        with self.pcloud.lock:
            self.pcloud.calls[method] += 1
            waiting = self.pcloud.failures.get(method)
            fault = waiting.pop(0) if waiting else None
            return fault() if callable(fault) else fault

    def _fail(self, fault: int) -> dict[str, object]:
        if fault >= 1000:
            raise RefusedError(fault)
        headers = {"Retry_After": "7"} if fault == 429 else {"Location": self.pcloud.redirect} if fault < 400 else {}
        self.answer(fault, b"<html>not now</html>", "text/html", **headers)
        return {}

    def _log_in(self, given: dict[str, str]) -> None:
        word, _, token = self.headers.get("Authorization", "").partition(" ")
        token = token if word == "Bearer" else given.get("access_token", "")
        if not token:
            raise RefusedError(1000)
        if token != self.pcloud.token:  # also one of the other region
            raise RefusedError(2000)

    def _upload(self, given: dict[str, str], length: int, fault: int | None) -> dict[str, object]:
        body = self.rfile.read(length)
        pcloud = self.pcloud
        with pcloud.lock:
            self._log_in(given)
            if self.command == "POST":
                given, name, content = self._form(body)
            else:
                name, content = given.get("filename", ""), body
            if (self.command == "PUT" and not length) or not name:
                raise RefusedError(2088)
            whole = len(body) == length
            self.close_connection = not whole
            if fault:
                if pcloud.keep_half:
                    pcloud.uploaded(given, name, content[: len(content) // 2], whole=False)
                return self._fail(fault)
            return {"result": 0} | pcloud.uploaded(given, name, content, whole=whole)

    def _form(self, body: bytes) -> tuple[dict[str, str], str, bytes]:
        """Read a form: parameters that come after the file are not seen."""
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        given: dict[str, str] = {}
        for part in BytesParser(policy=email.policy.HTTP).parsebytes(head + body).iter_parts():
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            if name := part.get_filename():
                return given, name, content
            given[str(part.get_param("name", header="Content-Disposition"))] = content.decode()
        return given, "", b""

    def _reply(self, told: dict[str, object]) -> None:
        if told:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                self.answer(200, json.dumps(told).encode())


class _ContentHandler(_Handler):
    def do_GET(self) -> None:
        pcloud = self.pcloud
        with pcloud.lock:
            pcloud.calls["content"] += 1
            pcloud.seen.append((self.path, self.headers.get("Authorization"), self.headers.get("Range")))
            content, expires = pcloud.links.get(self.path.split("/")[1], (b"", 0.0))
            cut = pcloud.cut_content.pop(0) if pcloud.cut_content else None
        if time.time() >= expires:
            self.answer(410, b"Gone", "text/plain")
            return
        asked = self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
        if asked and start >= len(content):
            self.answer(416, b"", "text/plain", Content_Range=f"bytes */{len(content)}")
            return
        part = content[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(part)))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if cut is not None:
            self.close_connection = True
            part = part[:cut]
        self.wfile.write(part)


class _TlsServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def finish_request(self, request: ssl.SSLSocket, client_address: object) -> None:  # type: ignore[override]
        """Shake hands in the connection's own thread, then serve."""
        request.settimeout(20)
        with contextlib.suppress(OSError):
            request.do_handshake()
            super().finish_request(request, client_address)


def _server(handler: type[_Handler], pcloud: Pcloud) -> ThreadingHTTPServer:
    server = _TlsServer(("127.0.0.1", 0), type(handler.__name__, (handler,), {"pcloud": pcloud}))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate())
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


@functools.cache
def certificate() -> Path:
    """Give a certificate of 127.0.0.1 with its key, which is its own authority; it is gone with the process."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pCloud stand-in")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = Path(tempfile.mkdtemp(prefix="passerelle-pcloud-")) / "server.pem"
    file.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file
