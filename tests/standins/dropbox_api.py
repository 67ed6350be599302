"""A server that answers as Dropbox does, by what its API v2 documents and what was seen of it (facts/storage-apis §1).

It is strict where Dropbox is: hosts, content types, paths, names, revisions, offsets, tokens, one writer at a time.
Faults are asked for by ``fail``; what was asked of it is in ``asked``.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import itertools
import json
import re
import secrets
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import requests
from requests.adapters import HTTPAdapter

API, CONTENT, WWW = "api.dropboxapi.com", "content.dropboxapi.com", "www.dropbox.com"
APP_KEY, APP_SECRET = "key-of-the-app", "Secret-Of-The-App"
REDIRECTS = re.compile(r"http://127\.0\.0\.1:\d+/")
MOST_BYTES = 150 * 1024 * 1024
MOST_ENTRIES = 1000
_BLOCK = 4 * 1024 * 1024
_BUFFER = 256 * 1024  # of the sockets: what does not fit waits, as on any line but the loopback
_IGNORED_NAMES = {"desktop.ini", "thumbs.db", ".ds_store", "icon\r", ".dropbox", ".dropbox.attr"}
_ROOT_NAMESPACE = "3235641"

Json = dict[str, Any]


class RouteError(Exception):
    """409 with a tagged error, as ``path/conflict/file``."""

    def __init__(self, summary: str, **fields: object) -> None:
        super().__init__(summary)
        error: Json = dict(fields)
        *outer, last = summary.split("/")
        error[".tag"] = last
        for tag in reversed(outer):
            is_struct = "reason" in error and ".tag" not in error
            error = (
                {tag: error, "upload_session_id": "s"}
                if tag == "reason"
                else {".tag": tag, **(error if is_struct else {tag: error})}
            )
        self.body = {"error_summary": f"{summary}/..", "error": error}


class HttpError(Exception):
    """Any other refusal: status, body as JSON or as plain text, headers."""

    def __init__(self, status: int, body: Json | str, **headers: str) -> None:
        super().__init__(status, body)
        self.status, self.body, self.headers = status, body, headers


@dataclass(frozen=True)
class Node:
    """A file (``data``) or a folder at a path; ``display`` has the case of whoever made it."""

    display: str
    data: bytes | None = None
    rev: str = ""
    id: str = ""
    modified: datetime = datetime(2026, 11, 21, tzinfo=UTC)
    downloadable: bool = True

    @property
    def name(self) -> str:
        return self.display.rpartition("/")[2]


@dataclass
class Session:
    """An upload session."""

    data: bytearray = field(default_factory=bytearray)
    closed: bool = False


@dataclass
class Cursor:
    """Where a listing stands: what of its snapshot was not given yet, and from which change on it goes on."""

    folder: str
    recursive: bool
    limit: int
    home: str
    pending: list[Json]
    since: int
    empty_next: bool = False
    known: bool = True


@dataclass
class Fault:
    """What goes wrong, at the next calls of a route."""

    route: str
    happen: Callable[[Handler], bool | None]
    times: int
    skip: int


def content_hash(data: bytes) -> str:
    blocks = (data[start : start + _BLOCK] for start in range(0, len(data), _BLOCK))
    return hashlib.sha256(b"".join(hashlib.sha256(block).digest() for block in blocks)).hexdigest()


class DropboxApi:
    """The server; in a thread of its own within ``with``.

    Attributes:
        asked: the routes that were called, in order.
        received: how many bytes of content arrived.
        page: how many entries a page has at most; each second page is empty.
        quota: in bytes.
        write_seconds: how long a write takes; another one meanwhile is refused.
        token_seconds: how long an access token is said to live.
        consent: what the user answers to the question of the browser.
        home: path of the member's own folder under the team's root; ``""``: no team.
        batch_polls: how often a batch is still under way when asked; 0: it is done at once.

    Args:
        certificate: file with a certificate and its key, to be talked to in TLS.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self.certificate = certificate
        self.nodes: dict[str, Node] = {}
        self.changes: list[tuple[str, Node | None]] = []
        self.cursors: dict[str, Cursor] = {}
        self.sessions: dict[str, Session] = {}
        self.jobs: dict[str, tuple[int, list[Json]]] = {}
        self.asked: list[str] = []
        self.received = 0
        self.page = 40
        self.quota = 1 << 40
        self.write_seconds = 0.001
        self.token_seconds = 14_400
        self.consent = True
        self.home = ""
        self.batch_polls = 1
        self.restricted: set[str] = set()
        self.refresh_tokens: set[str] = set()
        self.access_tokens: dict[str, str] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.faults: list[Fault] = []
        self.lock = threading.RLock()
        self._writing = threading.Lock()
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.api = self  # type: ignore[attr-defined]
        self._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def session(self, connections: int = 8) -> requests.Session:
        """Give a session for the real client, whose requests for Dropbox's hosts come here."""
        session = requests.Session()
        session.trust_env = False
        scheme = "https" if self.certificate else "http"
        session.mount("https://", _Here(f"{scheme}://127.0.0.1:{self._server.server_port}", pool_maxsize=connections))
        return session

    def new_refresh_token(self) -> str:
        token = f"refresh-{secrets.token_hex(8)}"
        self.refresh_tokens.add(token)
        return token

    def expire_tokens(self) -> None:
        """Let all access tokens expire, whatever was said of how long they live."""
        self.access_tokens = dict.fromkeys(self.access_tokens, "expired_access_token")

    def revoke(self) -> None:
        """Let the user take the app's access away."""
        self.refresh_tokens.clear()
        self.access_tokens = dict.fromkeys(self.access_tokens, "invalid_access_token")

    def forget_cursors(self) -> None:
        for cursor in self.cursors.values():
            cursor.known = False

    def fail(self, route: str, happen: Callable[[Handler], bool | None], *, times: int = 1, skip: int = 0) -> None:
        """Let something happen at calls of a route; its answer is given too unless ``happen`` returns ``False``."""
        self.faults.append(Fault(route, happen, times, skip))

    def fault(self, route: str) -> Callable[[Handler], bool | None] | None:
        with self.lock:
            for fault in self.faults:
                if fault.route == route and fault.times:
                    if fault.skip:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault.happen
        return None

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Write; refuse who writes meanwhile."""
        if not self._writing.acquire(blocking=False):
            reason = {"reason": {".tag": "too_many_write_operations"}, "retry_after": 0}
            raise HttpError(
                429, {"error_summary": "too_many_write_operations/", "error": reason}, **{"Retry-After": "0"}
            )
        try:
            time.sleep(self.write_seconds)
            with self.lock:
                yield
        finally:
            self._writing.release()

    # The tree. Paths are absolute, in the account's own case; keys are in lower case.

    def put(self, path: str, data: bytes, *, downloadable: bool = True) -> Node:
        """Make a file, as the user does on another machine."""
        with self.lock:
            self.make_folders(path.rpartition("/")[0])
            old = self.nodes.get(path.lower())
            if old and old.data == data:
                return old
            number = next(self._numbers)
            known = old.id if old else f"id:{number:022}"
            node = Node(old.display if old else path, data, f"{number:016x}", known, _now(), downloadable)
            self._set(path, node)
            return node

    def make_folders(self, path: str) -> None:
        with self.lock:
            if path and path.lower() not in self.nodes:
                self.make_folders(path.rpartition("/")[0])
                self._set(path, Node(path, id=f"id:{next(self._numbers):022}"))

    def remove(self, path: str) -> None:
        """Remove a file or a folder with all in it; one change tells it."""
        with self.lock:
            key = path.lower()
            for below in [one for one in self.nodes if one == key or one.startswith(f"{key}/")]:
                del self.nodes[below]
            self.changes.append((path, None))

    def move(self, src: str, dst: str) -> None:
        with self.lock:
            self.make_folders(dst.rpartition("/")[0])
            key = src.lower()
            moved = {one: node for one, node in self.nodes.items() if one == key or one.startswith(f"{key}/")}
            self.remove(src)
            for node in moved.values():
                number = next(self._numbers)
                rev = f"{number:016x}" if node.data is not None else ""
                path = dst + node.display[len(src) :]
                self._set(path, replace(node, display=path, rev=rev))

    def _set(self, path: str, node: Node) -> None:
        self.nodes[path.lower()] = node
        self.changes.append((path, node))

    def describe(self, node: Node, home: str) -> Json:
        told: Json = {
            ".tag": "folder" if node.data is None else "file",
            "name": node.name,
            "path_lower": node.display.lower()[len(home) :],
            "path_display": node.display[len(home) :],
            "id": node.id,
        }
        if node.data is not None:
            when = node.modified.strftime("%Y-%m-%dT%H:%M:%SZ")
            told |= {"client_modified": when, "server_modified": when, "rev": node.rev, "size": len(node.data)}
            told |= {"is_downloadable": node.downloadable}
            if node.downloadable:
                told |= {"content_hash": content_hash(node.data)}
        return told

    def file(self, path: str, error: str) -> Node:
        node = self.nodes.get(path.lower())
        if node is None:
            raise RouteError(f"{error}/not_found")
        if node.data is None:
            raise RouteError(f"{error}/not_file")
        return node

    def see_free(self, path: str, error: str) -> None:
        """See that something can be made at a path, as far as its name and the folders on the way go."""
        for name in path.split("/")[1:]:
            if name in {"", ".", ".."} or len(name) > 255:
                raise RouteError(f"{error}/malformed_path")
            if name.lower() in _IGNORED_NAMES or name.endswith(" ") or re.search(r"[\\\x00-\x1f\x7f]", name):
                raise RouteError(f"{error}/disallowed_name")
        folder = path.rpartition("/")[0]
        while folder:
            if (node := self.nodes.get(folder.lower())) and node.data is not None:
                raise RouteError(f"{error}/conflict/file_ancestor")
            folder = folder.rpartition("/")[0]

    def commit(self, path: str, commit: Json, data: bytes, home: str, error: str) -> Json:
        """Put an upload in its place (``files/upload`` says how)."""
        mode = commit.get("mode", "add")
        tag = mode if isinstance(mode, str) else mode[".tag"]
        if commit.get("autorename"):
            raise HttpError(400, "autorename is not stood in for")
        self.see_free(path, error)
        there = self.nodes.get(path.lower())
        if there and there.data is None:
            raise RouteError(f"{error}/conflict/folder")
        differs = there is not None and (there.data != data or commit.get("strict_conflict"))
        if differs and (tag == "add" or (tag == "update" and there and mode["update"] != there.rev)):
            raise RouteError(f"{error}/conflict/file")
        used = sum(len(node.data or b"") for node in self.nodes.values())
        if used - len(there.data or b"" if there else b"") + len(data) > self.quota:
            raise RouteError(f"{error}/insufficient_space")
        return self.describe(self.put(path, data), home)

    def relocate(self, src: str, dst: str, home: str) -> Json:
        if src.lower() not in self.nodes:
            raise RouteError("from_lookup/not_found")
        self.see_free(dst, "to")
        if there := self.nodes.get(dst.lower()):  # case-only renames are not supported either
            raise RouteError("to/conflict/folder" if there.data is None else "to/conflict/file")
        if dst.lower().startswith(f"{src.lower()}/"):
            raise RouteError("cant_move_folder_into_itself")
        self.move(src, dst)
        return self.describe(self.nodes[dst.lower()], home)

    def listing(self, cursor: Cursor) -> Json:
        """Give the next page of a listing: first of its snapshot, then of what changed since."""
        entries: list[Json] = []
        if cursor.empty_next:
            cursor.empty_next = False
        elif cursor.pending:
            size = min(cursor.limit, self.page)
            entries, cursor.pending = cursor.pending[:size], cursor.pending[size:]
            cursor.empty_next = bool(cursor.pending)
        else:
            for path, node in self.changes[cursor.since :]:
                if self._concerns(cursor, path):
                    gone = {".tag": "deleted", "name": path.rpartition("/")[2]}
                    shown = path[len(cursor.home) :]
                    gone |= {"path_lower": shown.lower(), "path_display": shown}
                    entries.append(self.describe(node, cursor.home) if node else gone)
            cursor.since = len(self.changes)
        token = secrets.token_urlsafe(16)
        self.cursors[token] = replace(cursor)
        more = bool(cursor.pending) or any(self._concerns(cursor, path) for path, _ in self.changes[cursor.since :])
        return {"entries": entries, "cursor": token, "has_more": more}

    def begin(self, folder: str, *, recursive: bool, limit: int, home: str) -> Cursor:
        cursor = Cursor(folder, recursive, limit, home, [], len(self.changes))
        inside = [node for key, node in self.nodes.items() if self._concerns(cursor, key)]
        if recursive and folder != home:
            inside.insert(0, self.nodes[folder.lower()])
        cursor.pending = [self.describe(node, home) for node in inside]
        return cursor

    def _concerns(self, cursor: Cursor, path: str) -> bool:
        inside = path.lower().startswith(f"{cursor.folder.lower()}/")
        return inside and (cursor.recursive or "/" not in path[len(cursor.folder) + 1 :])


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    cut_after: int | None = None
    lost = damaged = False
    pause = 0.0
    piece = MOST_BYTES
    routes: ClassVar[dict[str, tuple[str, str]]] = {
        "files/list_folder": (API, "rpc"),
        "files/list_folder/continue": (API, "rpc"),
        "files/get_metadata": (API, "rpc"),
        "files/move_v2": (API, "rpc"),
        "files/move_batch_v2": (API, "rpc"),
        "files/move_batch/check_v2": (API, "rpc"),
        "files/delete_v2": (API, "rpc"),
        "files/create_folder_v2": (API, "rpc"),
        "files/upload_session/finish_batch_v2": (API, "rpc"),
        "users/get_current_account": (API, "rpc"),
        "files/upload": (CONTENT, "upload"),
        "files/upload_session/start": (CONTENT, "upload"),
        "files/upload_session/append_v2": (CONTENT, "upload"),
        "files/upload_session/finish": (CONTENT, "upload"),
        "files/download": (CONTENT, "download"),
    }

    @property
    def api(self) -> DropboxApi:
        api: DropboxApi = self.server.api  # type: ignore[attr-defined]
        return api

    def _body(self) -> bytes:
        """Read what comes, also in chunks as rclone sends it."""
        if self.headers["Transfer-Encoding"] != "chunked":
            return b"".join(self._arriving(int(self.headers["Content-Length"] or 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _arriving(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.rfile.read(min(size, self.piece))
            if not piece:
                raise ConnectionResetError("cut")
            time.sleep(self.pause)
            size -= len(piece)
            yield piece

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if (self.headers["Host"], parts.path) != (WWW, "/oauth2/authorize"):
            self.answer(404, "no such page")
            return
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        good = asked.get("client_id") == APP_KEY and asked.get("response_type") == "code"
        if not good or not REDIRECTS.fullmatch(asked.get("redirect_uri", "")):
            self.answer(400, "Invalid redirect_uri or client_id")
            return
        back = {"state": asked["state"]} if "state" in asked else {}
        if self.api.consent:
            back["code"] = secrets.token_urlsafe(24)
            self.api.codes[back["code"]] = asked
        else:
            back |= {"error": "access_denied", "error_description": "The user chose not to give your app access"}
        self.answer(302, "", Location=f"{asked['redirect_uri']}?{urlencode(back)}")

    def do_POST(self) -> None:
        route = self.path.removeprefix("/2/")
        self.cut_after, self.lost, self.damaged = None, False, False
        try:
            happen = self.api.fault(route)
            if happen is not None and happen(self) is False:
                return
            self.content = self._body()
            self.api.asked.append(route)
            if route == "/oauth2/token":
                self.answer(200, self.token())
            else:
                self._call(route)
        except RouteError as error:
            self.answer(409, error.body)
        except HttpError as refusal:
            self.answer(refusal.status, refusal.body, **refusal.headers)
        except ConnectionError:
            self.close_connection = True

    # Faults

    def cut(self, *, reset: bool = True) -> None:
        """Break the connection; with a reset, what the client has not read yet is lost to it too."""
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.rfile.close()
        self.connection.close()

    # Answers

    def answer(self, status: int, body: Json | str | bytes, **headers: str) -> None:
        if self.lost:
            self.cut()
            return
        kind = "text/plain; charset=utf-8"
        if isinstance(body, dict):
            body, kind = json.dumps(body), "application/json"
        elif isinstance(body, bytes):
            kind = "application/octet-stream"
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(data)), "X-Dropbox-Request-Id": "r1"} | headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.cut_after is not None and kind == "application/octet-stream":
            self.wfile.write(data[: self.cut_after])
            self.cut(reset=False)
        else:
            self.wfile.write(data)

    def token(self) -> Json:
        if self.headers["Host"] != API or self.headers["Content-Type"] != "application/x-www-form-urlencoded":
            raise HttpError(400, {"error": "invalid_request"})
        form = {name: values[0] for name, values in parse_qs(self.content.decode()).items()}
        if form.get("client_id") != APP_KEY or form.get("client_secret", APP_SECRET) != APP_SECRET:
            raise HttpError(400, {"error": "invalid_client: Invalid client_id or client_secret"})
        granted: Json = {}
        if form["grant_type"] == "refresh_token":
            if form["refresh_token"] not in self.api.refresh_tokens:
                raise HttpError(400, {"error": "invalid_grant", "error_description": "refresh token is revoked"})
        else:
            granted = self._code(form)
        token = f"sl.u.{secrets.token_urlsafe(40)}"
        self.api.access_tokens[token] = ""
        return granted | {"access_token": token, "token_type": "bearer", "expires_in": self.api.token_seconds}

    def _code(self, form: dict[str, str]) -> Json:
        asked = self.api.codes.pop(form["code"], None)  # good for once
        if asked is None:
            raise HttpError(400, {"error": "invalid_grant", "error_description": "code doesn't exist or has expired"})
        if asked["redirect_uri"] != form.get("redirect_uri"):
            raise HttpError(400, {"error": "invalid_grant", "error_description": "redirect_uri mismatch"})
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if "code_challenge" in asked:
            if asked.get("code_challenge_method") != "S256" or asked["code_challenge"] != _base64(digest):
                raise HttpError(400, {"error": "invalid_grant", "error_description": "invalid code verifier"})
        elif "client_secret" not in form:
            raise HttpError(400, {"error": "invalid_client: Invalid client_id or client_secret"})
        granted = {"uid": "1", "account_id": "dbid:1", "scope": "files.content.read files.content.write"}
        if asked.get("token_access_type") == "offline":
            granted["refresh_token"] = self.api.new_refresh_token()
        return granted

    def _call(self, route: str) -> None:
        if route not in self.routes or self.headers["Host"] != self.routes[route][0]:
            raise HttpError(400, f'Unknown API function: "{route}"')
        style = self.routes[route][1]
        self._see_login()
        self._see_home()
        self._see_style(style)
        given = self.content.decode() if style == "rpc" else self.headers["Dropbox-API-Arg"]
        if style != "rpc" and not given.isascii():
            raise HttpError(400, "HTTP header Dropbox-API-Arg: could not decode input as JSON")
        verb = getattr(self, route.rpartition("files/")[2].replace("/", "_"))
        result = verb(json.loads(given))
        if result is not None:
            self.answer(200, result)

    def _see_login(self) -> None:
        token = self.headers["Authorization"].removeprefix("Bearer ")
        problem = self.api.access_tokens.get(token, "invalid_access_token")
        if problem:
            raise HttpError(401, {"error_summary": f"{problem}/", "error": {".tag": problem}})

    def _see_home(self) -> None:
        self.home = self.api.home
        if root := self.headers["Dropbox-API-Path-Root"]:
            if json.loads(root) != {".tag": "root", "root": _ROOT_NAMESPACE}:
                raise HttpError(422, {"error_summary": "no_permission/", "error": {".tag": "no_permission"}})
            self.home = ""

    def _see_style(self, style: str) -> None:
        kind = "application/json" if style == "rpc" else "application/octet-stream"
        if self.headers["Content-Type"] not in ({kind, None} if style == "download" else {kind}):
            raise HttpError(400, f"Bad HTTP Content-Type header: {self.headers['Content-Type']}")
        if style == "upload":
            self.api.received += len(self.content)
            if len(self.content) > MOST_BYTES:
                raise HttpError(413, "Request Entity Too Large")

    def _path(self, path: str, *, root: bool = False) -> str:
        """Give a path of the account; Dropbox wants the root as the empty one, and only where it makes sense."""
        if path.startswith("id:"):
            return next((node.display for node in self.api.nodes.values() if node.id == path), self.home + "/?")
        if path == "/" or (not path and not root) or (path and not path.startswith("/")) or path.endswith("/"):
            raise HttpError(400, f'Error in call to API function: path: "{path}": Specify the root as an empty string')
        return self.home + path

    # Routes

    def users_get_current_account(self, _: None) -> Json:
        home = {"root_namespace_id": _ROOT_NAMESPACE, "home_namespace_id": "9", "home_path": self.api.home or "/x"}
        name = dict.fromkeys(["given_name", "surname", "familiar_name", "display_name", "abbreviated_name"], "A")
        return {
            "account_id": "dbid:" + "A" * 35,
            "name": name,
            "email": "a@example.org",
            "email_verified": True,
            "disabled": False,
            "locale": "fr",
            "referral_link": "https://db.tt/x",
            "is_paired": False,
            "account_type": {".tag": "business"},
            "root_info": {".tag": "team", **home},
        }

    def list_folder(self, arg: Json) -> Json:
        asked = arg["path"]
        folder = self._path(asked[1:] if asked.startswith("//") else asked, root=True)  # rclone does, Dropbox takes it
        with self.api.lock:
            node = self.api.nodes.get(folder.lower())
            if folder and node is None:
                raise RouteError("path/not_found")
            if node and node.data is not None:
                raise RouteError("path/not_folder")
            limit = arg.get("limit") or 2000
            if not 1 <= limit <= 2000:
                raise HttpError(400, "limit: must be from 1 to 2000")
            recursive = arg.get("recursive", False)
            cursor = self.api.begin(folder, recursive=recursive, limit=limit, home=self.home)
            return self.api.listing(cursor)

    def list_folder_continue(self, arg: Json) -> Json:
        with self.api.lock:
            cursor = self.api.cursors.get(arg["cursor"])
            if cursor is None:
                raise HttpError(400, 'Error in call to API function "files/list_folder/continue": Invalid "cursor"')
            if not cursor.known:
                raise RouteError("reset")
            if cursor.folder and cursor.folder.lower() not in self.api.nodes:
                raise RouteError("path/not_found")
            return self.api.listing(replace(cursor))

    def get_metadata(self, arg: Json) -> Json:
        node = self.api.nodes.get(self._path(arg["path"]).lower())
        if node is None:
            raise RouteError("path/not_found")
        return self.api.describe(node, self.home)

    def upload(self, arg: Json) -> Json:
        self._see_hash(arg)
        with self.api.writing():
            return self.api.commit(self._path(arg["path"]), arg, self.content, self.home, "path/reason")

    def upload_session_start(self, arg: Json) -> Json:
        self._see_hash(arg)
        token = f"pid_upload_session:{secrets.token_hex(8)}"
        self.api.sessions[token] = Session(bytearray(self.content), arg.get("close", False))
        return {"session_id": token}

    def upload_session_append_v2(self, arg: Json) -> Json:
        session = self._session(arg["cursor"], "")
        self._see_hash(arg)
        session.data += self.content
        session.closed = arg.get("close", False)
        return {}

    def upload_session_finish(self, arg: Json) -> Json:
        session = self._session(arg["cursor"], "lookup_failed/")
        self._see_hash(arg)
        with self.api.writing():
            data, path = bytes(session.data) + self.content, self._path(arg["commit"]["path"])
            told = self.api.commit(path, arg["commit"], data, self.home, "path")
            del self.api.sessions[arg["cursor"]["session_id"]]
            return told

    def upload_session_finish_batch_v2(self, arg: Json) -> Json:
        if not 1 <= len(arg["entries"]) <= MOST_ENTRIES:
            raise HttpError(400, "entries: too many")
        with self.api.writing():
            return {"entries": [self._finished(entry) for entry in arg["entries"]]}

    def _finished(self, arg: Json) -> Json:
        try:
            session = self._session(arg["cursor"], "lookup_failed/", closed=True)
            path = self._path(arg["commit"]["path"])
            told = self.api.commit(path, arg["commit"], bytes(session.data), self.home, "path")
        except RouteError as error:
            return {".tag": "failure", "failure": error.body["error"]}
        del self.api.sessions[arg["cursor"]["session_id"]]
        return told | {".tag": "success"}

    def _session(self, cursor: Json, error: str, *, closed: bool = False) -> Session:
        session = self.api.sessions.get(cursor["session_id"])
        if session is None:
            raise RouteError(f"{error}not_found")
        if session.closed != closed:
            raise RouteError(f"{error}closed" if session.closed else f"{error}not_closed")
        if cursor["offset"] != len(session.data):
            raise RouteError(f"{error}incorrect_offset", correct_offset=len(session.data))
        return session

    def _see_hash(self, arg: Json) -> None:
        if arg.get("content_hash") not in {None, content_hash(self.content)}:
            raise RouteError("content_hash_mismatch")

    def download(self, arg: Json) -> None:
        path = self._path(arg["path"])
        with self.api.lock:
            node = self.api.file(path, "path")
        if path.lower() in self.api.restricted:
            raise RouteError("path/restricted_content")
        if not node.downloadable:
            raise RouteError("unsupported_file")
        data, status = node.data or b"", 200
        if self.damaged:
            data = data[:-1] + b"?"
        headers = {"Dropbox-API-Result": json.dumps(self.api.describe(node, self.home))}
        if asked := re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or ""):
            start = int(asked[1])
            if start >= len(data):
                raise HttpError(416, "Requested Range Not Satisfiable")
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            data, status = data[start:], 206
        self.answer(status, data, **headers)

    def move_v2(self, arg: Json) -> Json:
        with self.api.writing():
            paths = self._path(arg["from_path"]), self._path(arg["to_path"])
            return {"metadata": self.api.relocate(*paths, self.home)}

    def move_batch_v2(self, arg: Json) -> Json:
        if not 1 <= len(arg["entries"]) <= MOST_ENTRIES:
            raise HttpError(400, "entries: too many")
        with self.api.writing():
            done = [self._moved(entry) for entry in arg["entries"]]
        if not self.api.batch_polls:
            return {".tag": "complete", "entries": done}
        token = f"job-{secrets.token_hex(8)}"
        self.api.jobs[token] = (self.api.batch_polls, done)
        return {".tag": "async_job_id", "async_job_id": token}

    def _moved(self, entry: Json) -> Json:
        try:
            paths = self._path(entry["from_path"]), self._path(entry["to_path"])
            return {".tag": "success", "success": self.api.relocate(*paths, self.home)}
        except RouteError as error:
            failure = {".tag": "relocation_error", "relocation_error": error.body["error"]}
            return {".tag": "failure", "failure": failure}

    def move_batch_check_v2(self, arg: Json) -> Json:
        left, done = self.api.jobs[arg["async_job_id"]]
        self.api.jobs[arg["async_job_id"]] = (left - 1, done)
        return {".tag": "in_progress"} if left > 0 else {".tag": "complete", "entries": done}

    def delete_v2(self, arg: Json) -> Json:
        with self.api.writing():
            path = self._path(arg["path"])
            node = self.api.nodes.get(path.lower())
            if node is None:
                raise RouteError("path_lookup/not_found")
            if arg.get("parent_rev") not in {None, node.rev}:
                raise RouteError("path_write/conflict/file" if node.rev else "path_write/conflict/folder")
            self.api.remove(path)
            return {"metadata": self.api.describe(node, self.home)}

    def create_folder_v2(self, arg: Json) -> Json:
        with self.api.writing():
            path = self._path(arg["path"])
            self.api.see_free(path, "path")
            if there := self.api.nodes.get(path.lower()):
                raise RouteError("path/conflict/folder" if there.data is None else "path/conflict/file")
            self.api.make_folders(path)
            return {"metadata": self.api.describe(self.api.nodes[path.lower()], self.home)}


# What may happen at a call: see ``DropboxApi.fail``.


def cut_upload(after: int) -> Callable[[Handler], bool]:
    """Break the connection after so many bytes of the content; a session keeps them."""

    def happen(handler: Handler) -> bool:
        arrived = handler.rfile.read(after)
        handler.api.received += len(arrived)
        if handler.path.endswith("append_v2"):
            cursor = json.loads(handler.headers["Dropbox-API-Arg"])["cursor"]
            handler.api.sessions[cursor["session_id"]].data += arrived
        handler.cut()
        return False

    return happen


def slow_line(bytes_in_a_second: int) -> Callable[[Handler], None]:
    """Take the content as a slow line brings it."""

    def happen(handler: Handler) -> None:
        handler.pause = 0.02
        handler.piece = bytes_in_a_second // 50

    return happen


def cut_download(after: int) -> Callable[[Handler], None]:
    """Break the connection after so many bytes of the content."""

    def happen(handler: Handler) -> None:
        handler.cut_after = after

    return happen


def damage(handler: Handler) -> None:
    """Change the content on its way to the client."""
    handler.damaged = True


def lose_answer(handler: Handler) -> None:
    """Do what is asked, and break the connection before it is answered."""
    handler.lost = True


def limit_rate(seconds: int, *, plain: bool = False) -> Callable[[Handler], bool]:
    """Ask to come back later, in one of the two forms."""

    def happen(handler: Handler) -> bool:
        handler.rfile.read(int(handler.headers["Content-Length"] or 0))
        if plain:
            handler.answer(429, "too many requests", **{"Retry-After": str(seconds)})
        else:
            reason = {"reason": {".tag": "too_many_requests"}, "retry_after": seconds}
            handler.answer(429, {"error_summary": "too_many_requests/..", "error": reason})
        return False

    return happen


def refuse(status: int, body: Json | str) -> Callable[[Handler], bool]:
    """Answer with a status."""

    def happen(handler: Handler) -> bool:
        handler.rfile.read(int(handler.headers["Content-Length"] or 0))
        handler.answer(status, body)
        return False

    return happen


def error(summary: str) -> Callable[[Handler], bool]:
    """Answer with a route's error."""
    return refuse(409, RouteError(summary).body)


class _Here(HTTPAdapter):
    """Brings requests for ``https://`` hosts to the server; it learns the host from the ``Host`` header."""

    def __init__(self, server: str, **options: int) -> None:
        self._server = server
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        small = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)]
        super().init_poolmanager(*args, socket_options=small, **options)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        request.headers["Host"] = parts.netloc
        request.url = self._server + parts._replace(scheme="", netloc="").geturl()
        return super().send(request, *args, **options)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
