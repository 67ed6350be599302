"""See step by step whether a place can be used: for the command, the console, and before a flow starts (STO-3)."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from passerelle.storage.base import Storage
from passerelle.storage.errors import Damaged, Denied, NotFound, StorageError, Unreachable, UntrustedHost
from passerelle.storage.place import Place

_PROBE = b"passerelle\r\n\n\x00\xff\xe9\n"
"""Bytes that a server in text mode would change."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried; when it has an ``error`` it failed, and no step follows.

    Attributes:
        code: of ``messages/storage.yaml``: what was tried.
        detail: what its text names as ``{detail}``.
        error: why it failed.
    """

    code: str
    detail: str = ""
    error: StorageError | None = None


def check_place(place: Place, storage: Storage, *, write: bool = True) -> Iterator[Step]:
    """Try what a place is needed for, step by step, up to the first that fails.

    Args:
        place: where.
        storage: what ``open_place`` gave for it, not entered yet.
        write: also write, read back and remove a small hidden file.
    """
    if place.server:
        try:
            socket.getaddrinfo(*place.server, type=socket.SOCK_STREAM)
        except OSError as error:
            yield Step("storage-step-resolved", error=Unreachable(place.name, "", str(error)))
            return
        yield Step("storage-step-resolved")
    opening = place.opening
    try:
        storage.__enter__()
    except StorageError as error:
        failed = _step_that_failed(error, opening)
        yield from (Step(code) for code in opening[: opening.index(failed)])
        yield Step(failed, error=error)
        return
    yield from (Step(code) for code in opening)
    try:
        yield from _steps_inside(storage, write=write)
    finally:
        storage.__exit__(None, None, None)


def _step_that_failed(error: StorageError, opening: Sequence[str]) -> str:
    for code, failed in (
        ("storage-step-host-key", isinstance(error, UntrustedHost)),
        ("storage-step-certificate", isinstance(error, UntrustedHost)),
        ("storage-step-logged-in", error.code == "storage-login-refused"),
        ("storage-step-folder", isinstance(error, NotFound | Denied)),
    ):
        if failed and code in opening:
            return code
    return opening[0]


def _steps_inside(storage: Storage, *, write: bool) -> Iterator[Step]:
    path = f".passerelle-test-{secrets.token_hex(4)}.part"
    steps: list[tuple[str, Callable[[], str]]] = [("storage-step-listed", lambda: str(len(storage.list())))]
    if write:
        steps += [
            ("storage-step-written", lambda: _written(storage, path)),
            ("storage-step-read-back", lambda: _read_back(storage, path)),
            ("storage-step-removed", lambda: _removed(storage, path)),
        ]
    for code, action in steps:
        try:
            yield Step(code, action())
        except StorageError as error:
            yield Step(code, error=error)
            break
    else:
        return
    with contextlib.suppress(StorageError):
        storage.delete(path)


def _written(storage: Storage, path: str) -> str:
    entry = storage.put(path, _PROBE)
    if entry.size != len(_PROBE):
        raise Damaged(storage.name, path, f"{entry.size} / {len(_PROBE)}")
    return ""


def _read_back(storage: Storage, path: str) -> str:
    if storage.read(path, limit_bytes=1024) != _PROBE:
        raise Damaged(storage.name, path, "≠")
    return ""


def _removed(storage: Storage, path: str) -> str:
    storage.delete(path)
    return ""
