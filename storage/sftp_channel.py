"""SFTP version 3 over one channel of paramiko, with many requests under way.

paramiko's own client waits for each answer and forgets which extensions the server has. Here a *conversation* is a
generator: ``ask`` makes a request and gives its number, ``yield number`` gives its answer. What one asks before it
waits, and what others ask meanwhile, is under way at the same time.

Source: spec STO-11; draft-ietf-secsh-filexfer-02; OpenSSH's PROTOCOL §4.
"""

from __future__ import annotations

import struct
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import paramiko
from paramiko.sftp import (
    CMD_CLOSE,
    CMD_EXTENDED,
    CMD_FSTAT,
    CMD_INIT,
    CMD_OPEN,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    CMD_STATUS,
    CMD_VERSION,
    CMD_WRITE,
    SFTP_EOF,
    SFTP_OK,
    int64,
)

BLOCK = 32 * 1024
"""The most content in one request that every server takes."""
LARGE_BLOCK = 128 * 1024
"""The same of a server that takes more: a large file then costs a quarter of the requests."""
WINDOW = 4 * 1024 * 1024
"""How much content may be under way at once."""

_T = TypeVar("_T")
Conversation = Generator[int, paramiko.Message, _T]

_VERSION = 3
_LIMITS = "limits@openssh.com"
_SSH_PACKET = 32 * 1024 - 64
"""What paramiko puts into one packet of the size that every SSH server takes."""
_RECEIVED_AT_ONCE = 16 * 1024 * 1024
"""All there is: paramiko moves what is left behind."""
_LARGEST_ANSWER = 16 * 1024 * 1024
_MOST_LISTING_REQUESTS = 64


class Refused(Exception):  # noqa: N818 - the name says the consequence
    """The server answered a request with a status that is no success; the connection goes on."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status = status

    def __str__(self) -> str:
        return self.args[1] or f"status {self.status}"


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a server tells of a file: 0 and ``None`` where it tells nothing."""

    size: int
    mode: int
    modified: int | None


@dataclass(slots=True)
class _Talk:
    """A conversation under way: the answer that it waits for, and those that came before it did."""

    conversation: Conversation[Any]
    awaited: int = 0
    early: dict[int, paramiko.Message | Refused] = field(default_factory=dict)
    ended: bool = False


class SftpChannel:
    """The client's side of an SFTP session; for one thread at a time.

    Attributes:
        extensions: names of what the server can do beyond the protocol.

    Args:
        channel: open, with nothing started in it yet.

    Raises:
        EOFError, OSError, paramiko.SSHException: (also of every method) the connection is lost.
        paramiko.SFTPError: (also of every method) this is no SFTP server.
    """

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._to_send = bytearray(struct.pack(">IBI", 5, CMD_INIT, _VERSION))
        self._received = bytearray()
        self._last_number = 0
        self._asked: dict[int, tuple[_Talk, int]] = {}
        self._size_under_way = 0
        self._talk: _Talk | None = None
        self._is_lost = False
        self._large_block = 0
        channel.invoke_subsystem("sftp")
        kind, answer = self._packet()
        if kind != CMD_VERSION:
            raise paramiko.SFTPError("no SFTP server")
        answer.get_int()
        self.extensions = frozenset(_extensions(answer))

    def run(self, conversation: Conversation[_T]) -> _T:
        """Hold one conversation; give what it gives."""
        waiting = [conversation]
        (outcome,) = self.run_all(lambda: waiting.pop() if waiting else None, 1)
        return outcome

    def run_all(self, begun: Callable[[], Conversation[_T] | None], at_once: int) -> Iterator[_T]:
        """Hold many conversations; give what each gives, in the order they end.

        When one fails no other is begun, those under way are finished, then its error is raised.

        Args:
            begun: gives another conversation; ``None`` when there is none now.
            at_once: how many may be under way.
        """
        under_way: set[Conversation[_T]] = set()
        failed: Exception | None = None
        try:
            while True:
                may_begin = failed is None and len(under_way) < at_once and not self._is_full
                answer: paramiko.Message | Refused | None = None
                if may_begin and (conversation := begun()):
                    under_way.add(conversation)
                    talk = _Talk(conversation)
                elif under_way:
                    talk, answer = self._next_answer()
                else:
                    break
                try:
                    self._advance(talk, answer)
                except StopIteration as end:
                    under_way.remove(talk.conversation)
                    yield end.value
                except Exception as error:
                    under_way.remove(talk.conversation)
                    if self._is_lost:
                        raise
                    failed = failed or error
            self._flush()
        finally:
            for conversation in under_way:
                conversation.close()
        if failed is not None:
            raise failed

    def ask(self, kind: int, *fields: str | bytes | int, size: int = 0) -> int:
        """Make a request within a conversation; give the number of its answer, which need not be waited for.

        Args:
            kind: one of ``paramiko.sftp.CMD_…``.
            fields: as the protocol has them; ``int64`` for those of 64 bits.
            size: of the content that the request or its answer brings.
        """
        assert self._talk is not None  # noqa: S101 - for the type checker
        self._last_number = number = self._last_number + 1
        self._asked[number] = (self._talk, size)
        self._size_under_way += size
        packed = [struct.pack(">BI", kind, number)]
        for one in fields:
            if isinstance(one, int):
                packed.append(struct.pack(">Q" if isinstance(one, int64) else ">I", one))
            else:
                text = one.encode(errors="surrogateescape") if isinstance(one, str) else one
                packed += (struct.pack(">I", len(text)), text)
        self._to_send += struct.pack(">I", sum(map(len, packed)))
        self._to_send += b"".join(packed)
        while len(self._to_send) >= _SSH_PACKET and not self._is_lost:
            self._send()
        return number

    def opened(self, path: str, flags: int) -> Conversation[bytes]:
        """Open a file; give its handle."""
        return (yield self.ask(CMD_OPEN, path, flags, 0)).get_binary()

    @contextmanager
    def closing(self, handle: bytes) -> Iterator[None]:
        """Close a handle at last, without waiting for the answer."""
        try:
            yield
        except GeneratorExit:  # the connection is lost
            raise
        except BaseException:
            self.ask(CMD_CLOSE, handle)
            raise
        self.ask(CMD_CLOSE, handle)

    def names(self, folder: str) -> Conversation[list[tuple[str, Attributes]]]:
        """List a folder, also the names that are not UTF-8; links are not followed."""
        found: list[tuple[str, Attributes]] = []
        handle = (yield self.ask(CMD_OPENDIR, folder)).get_binary()
        with self.closing(handle):
            ahead = 2  # the names, and the end
            while True:
                asked = [self.ask(CMD_READDIR, handle) for _ in range(ahead)]
                try:
                    for number in asked:
                        found += _names((yield number))
                except Refused as refused:
                    if refused.status == SFTP_EOF:
                        return found
                    raise
                ahead = min(2 * ahead, _MOST_LISTING_REQUESTS)

    def block(self, size: int) -> Conversation[int]:
        """Give how much content one request should carry of a file of some size; the server is asked once."""
        if size <= LARGE_BLOCK:
            return BLOCK
        if not self._large_block:
            self._large_block = BLOCK  # until it answers, and where it tells nothing
            if _LIMITS in self.extensions:
                answer = yield self.ask(CMD_EXTENDED, _LIMITS)
                _, reads, writes = (answer.get_int64() for _ in range(3))
                self._large_block = max(BLOCK, min(LARGE_BLOCK, reads, writes))
        return self._large_block

    def fetch(self, handle: bytes, begin: int, end: int, take: Callable[[bytes], None]) -> Conversation[Attributes]:
        """Hand over a part of an open file piece by piece; then give the file's attributes."""
        asked: deque[tuple[int, int, int]] = deque()

        def piece() -> Conversation[None]:
            number, at, size = asked.popleft()
            data = (yield number).get_binary()
            while len(data) < size:  # fewer are allowed; the end of the file is said by a status
                rest = self.ask(CMD_READ, handle, int64(at + len(data)), size - len(data))
                data += (yield rest).get_binary()
            take(data)

        block = yield from self.block(end - begin)
        for at in range(begin, end, block):
            size = min(block, end - at)
            asked.append((self.ask(CMD_READ, handle, int64(at), size, size=size), at, size))
            while asked and self._is_full:
                yield from piece()
        known = self.ask(CMD_FSTAT, handle)
        while asked:
            yield from piece()
        return attributes((yield known))

    def store(
        self, handle: bytes, begin: int, pieces: Iterable[bytes], over: Callable[[int], None]
    ) -> Conversation[Attributes]:
        """Write an open file from ``begin`` on and close it; give its attributes after that.

        Args:
            handle: of the file.
            begin: where to write.
            pieces: the content from there on, none larger than ``block`` gave.
            over: told how many of the file's bytes the server has taken.
        """
        asked: deque[tuple[int, int]] = deque()

        def piece() -> Conversation[None]:
            number, at = asked.popleft()
            yield number
            over(at)

        at, closed = begin, 0
        try:
            for data in pieces:
                number = self.ask(CMD_WRITE, handle, int64(at), data, size=len(data))
                at += len(data)
                asked.append((number, at))
                while asked and self._is_full:
                    yield from piece()
            known, closed = self.ask(CMD_FSTAT, handle), self.ask(CMD_CLOSE, handle)
            while asked:
                yield from piece()
            told = attributes((yield known))
            yield closed
        except Exception:
            if not closed:
                self.ask(CMD_CLOSE, handle)
            raise
        return told

    @property
    def _is_full(self) -> bool:
        return self._size_under_way >= WINDOW

    def _advance(self, talk: _Talk, answer: paramiko.Message | Refused | None) -> None:
        """Tell a conversation its answer, and those of its next ones that are here already."""
        self._talk = talk
        try:
            while True:
                if isinstance(answer, Refused):
                    talk.awaited = talk.conversation.throw(answer)
                else:
                    talk.awaited = talk.conversation.send(answer)  # type: ignore[arg-type]  # None begins it
                if talk.awaited not in talk.early:
                    return
                answer = talk.early.pop(talk.awaited)
        except BaseException:
            talk.ended = True
            raise

    def _next_answer(self) -> tuple[_Talk, paramiko.Message | Refused]:
        """Give the next answer that a conversation waits for."""
        while True:
            kind, message = self._packet()
            number = message.get_int()
            if number not in self._asked:
                raise paramiko.SFTPError("an answer to no request")
            talk, size = self._asked.pop(number)
            self._size_under_way -= size
            answer = _refusal(message) if kind == CMD_STATUS else None
            if talk.awaited == number and not talk.ended:
                return talk, answer or message
            if not talk.ended:
                talk.early[number] = answer or message

    def _packet(self) -> tuple[int, paramiko.Message]:
        """Give the next packet: its kind and the rest."""
        while True:
            if len(self._received) >= 4:  # a packet begins with its length
                end = 4 + int.from_bytes(self._received[:4])
                if end > _LARGEST_ANSWER:
                    raise paramiko.SFTPError("no SFTP server")
                if end <= len(self._received):
                    break
            self._flush()
            with self._in_time():
                data = self._channel.recv(_RECEIVED_AT_ONCE)
                if not data:
                    raise EOFError("the server closed the connection")
            self._received += data
        kind, content = self._received[4], bytes(self._received[5:end])
        del self._received[:end]
        return kind, paramiko.Message(content)

    def _flush(self) -> None:
        while self._to_send:
            self._send()

    def _send(self) -> None:
        self._is_lost = True  # unless all goes well: what is asked then is not sent, it would only wait once more
        with self._in_time():
            sent = self._channel.send(bytes(self._to_send[:_SSH_PACKET]))
            if not sent:
                raise EOFError("the connection is closed")
        self._is_lost = False
        del self._to_send[:sent]

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        """Call it a time-out when a silent connection ends, whoever ends it.

        The system may do so (TCP_USER_TIMEOUT) just before we would; paramiko then tells only that it is closed.
        """
        begun, limit = time.monotonic(), self._channel.gettimeout()
        try:
            yield
        except (OSError, EOFError) as error:
            if limit and time.monotonic() - begun >= limit / 2:
                raise TimeoutError(str(error) or "no answer in time") from error
            raise


def attributes(answer: paramiko.Message) -> Attributes:
    """Read the attributes of a file (§5 of the draft)."""
    flags = answer.get_int()
    size = answer.get_int64() if flags & paramiko.SFTPAttributes.FLAG_SIZE else 0
    if flags & paramiko.SFTPAttributes.FLAG_UIDGID:
        answer.get_int64()
    mode = answer.get_int() if flags & paramiko.SFTPAttributes.FLAG_PERMISSIONS else 0
    modified = None
    if flags & paramiko.SFTPAttributes.FLAG_AMTIME:
        answer.get_int()
        modified = answer.get_int()
    if flags & paramiko.SFTPAttributes.FLAG_EXTENDED:
        for _ in range(2 * answer.get_int()):
            answer.get_binary()
    return Attributes(size, mode, modified)


def _names(answer: paramiko.Message) -> Iterator[tuple[str, Attributes]]:
    for _ in range(answer.get_int()):
        name = answer.get_binary().decode(errors="surrogateescape")
        answer.get_binary()  # the line for people
        known = attributes(answer)
        if name not in {".", ".."}:
            yield name, known


def _extensions(answer: paramiko.Message) -> Iterator[str]:
    while answer.get_remainder():
        yield answer.get_binary().decode(errors="replace")
        answer.get_binary()  # its version


def _refusal(answer: paramiko.Message) -> Refused | None:
    status, text = answer.get_int(), answer.get_binary().decode(errors="replace")
    return None if status == SFTP_OK else Refused(status, text)
