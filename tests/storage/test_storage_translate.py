"""What every backend makes of the answers of its other side (STO-8)."""

from __future__ import annotations

import errno
import os
import re
import socket

import aioftp
import paramiko
import pytest

from passerelle.storage import ftp, local, sftp
from passerelle.storage.errors import (
    AlreadyThere,
    BadPath,
    Denied,
    NoSpace,
    NotFound,
    StorageError,
    Throttled,
    Unexpected,
    Unreachable,
    UntrustedHost,
)
from passerelle.storage.sftp_channel import Refused

HOST_KEY = paramiko.ECDSAKey.generate()


def _reply(code: str, text: str = "said so") -> aioftp.StatusCodeError:
    return aioftp.StatusCodeError(aioftp.Code("2xx"), aioftp.Code(code), [f"-{text}", " in two lines"])


FTP = [
    (_reply("421"), Throttled, "storage-busy"),
    (_reply("425"), Unreachable, "storage-unreachable"),
    (_reply("426"), Unreachable, "storage-unreachable"),
    (_reply("426", "No space left on device"), NoSpace, "storage-no-space"),
    (_reply("430"), Denied, "storage-denied"),
    (_reply("450"), Throttled, "storage-busy"),
    (_reply("451"), Unexpected, "storage-unexpected"),
    (_reply("451", "Disk full"), NoSpace, "storage-no-space"),
    (_reply("452"), NoSpace, "storage-no-space"),
    (_reply("500"), Unexpected, "storage-unexpected"),
    (_reply("501"), Unexpected, "storage-unexpected"),
    (_reply("504"), Unexpected, "storage-unexpected"),
    (_reply("522", "SSL connection failed; session reuse required"), Unexpected, "storage-unexpected"),
    (_reply("530"), Denied, "storage-denied"),
    (_reply("532"), Denied, "storage-denied"),
    (_reply("550"), Denied, "storage-denied"),
    (_reply("551"), Denied, "storage-denied"),
    (_reply("552"), NoSpace, "storage-no-space"),
    (_reply("553"), Denied, "storage-denied"),
    (_reply("550", "Quota exceeded"), NoSpace, "storage-no-space"),
    (_reply("999"), Unexpected, "storage-unexpected"),
    (_reply("226", "no space left on the moon"), Unexpected, "storage-unexpected"),
    (TimeoutError(), Unreachable, "storage-timeout"),
    (ConnectionResetError(errno.ECONNRESET, "reset"), Unreachable, "storage-unreachable"),
    (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), Unreachable, "storage-unreachable"),
    (socket.gaierror(socket.EAI_NONAME, "no such name"), Unreachable, "storage-unreachable"),
    (OSError(errno.ENETUNREACH, "no network"), Unreachable, "storage-unreachable"),
    (EOFError(), Unreachable, "storage-unreachable"),
    (ValueError("no number"), Unexpected, "storage-unexpected"),
    (IndexError("nothing there"), Unexpected, "storage-unexpected"),
]
SFTP = [
    (Refused(2, "No such file"), NotFound, "storage-not-found"),
    (Refused(3, "Permission denied"), Denied, "storage-denied"),
    (Refused(4, "Failure"), Unexpected, "storage-unexpected"),
    (Refused(8, "Operation unsupported"), Unexpected, "storage-unexpected"),
    (OSError("Socket is closed"), Unreachable, "storage-unreachable"),
    (OSError(errno.EHOSTUNREACH, "no way"), Unreachable, "storage-unreachable"),
    (socket.gaierror(socket.EAI_NONAME, "no such name"), Unreachable, "storage-unreachable"),
    (ConnectionResetError(errno.ECONNRESET, "reset"), Unreachable, "storage-unreachable"),
    (EOFError(), Unreachable, "storage-unreachable"),
    (TimeoutError(), Unreachable, "storage-timeout"),
    (paramiko.AuthenticationException("Authentication failed."), Denied, "storage-login-refused"),
    (paramiko.BadAuthenticationType("no", ["publickey"]), Denied, "storage-login-refused"),
    (paramiko.BadHostKeyException("host", HOST_KEY, HOST_KEY), UntrustedHost, "storage-host-changed"),
    (paramiko.ssh_exception.IncompatiblePeer("no common key type"), Unexpected, "storage-unexpected"),
    (paramiko.SSHException("Error reading SSH protocol banner"), Unreachable, "storage-unreachable"),
    (paramiko.ChannelException(2, "Connect failed"), Unreachable, "storage-unreachable"),
    (paramiko.SFTPError("Garbage packet received"), Unexpected, "storage-unexpected"),
]
LOCAL = [
    (errno.ENOENT, NotFound, "storage-not-found"),
    (errno.ENOTDIR, NotFound, "storage-not-found"),
    (errno.EEXIST, AlreadyThere, "storage-already-there"),
    (errno.EISDIR, AlreadyThere, "storage-already-there"),
    (errno.EACCES, Denied, "storage-denied"),
    (errno.EPERM, Denied, "storage-denied"),
    (errno.EROFS, Denied, "storage-denied"),
    (errno.ENOSPC, NoSpace, "storage-no-space"),
    (errno.EDQUOT, NoSpace, "storage-no-space"),
    (errno.EFBIG, NoSpace, "storage-no-space"),
    (errno.ENAMETOOLONG, BadPath, "storage-path-refused"),
    (errno.EINVAL, BadPath, "storage-path-refused"),
    (errno.ELOOP, BadPath, "storage-path-refused"),
    (errno.ESTALE, Unreachable, "storage-unreachable"),
    (errno.ETIMEDOUT, Unreachable, "storage-unreachable"),
    (errno.EIO, Unexpected, "storage-unexpected"),
    (errno.EMFILE, Unexpected, "storage-unexpected"),
]


@pytest.mark.parametrize(
    ("translate", "error", "kind", "code"),
    [(ftp.replies.translate, *case) for case in FTP]
    + [(sftp._translate, *case) for case in SFTP]
    + [(local._translate, OSError(number, os.strerror(number)), kind, code) for number, kind, code in LOCAL],
    ids=lambda value: re.sub(r"fp=[^)]*", "", repr(value)) if isinstance(value, Exception) else None,
)
def test_sto_8_answers_are_told_by_their_consequence(
    translate: object, error: Exception, kind: type[StorageError], code: str
) -> None:
    told = translate(error, "somewhere", "a/b.txt")
    assert type(told) is kind
    assert told.code == code
    assert told.storage == "somewhere"
    if kind is Unexpected:
        assert told.detail, "the other side's words are kept"
        assert told.detail in told.text("fr")


def test_sto_8_an_answer_of_several_lines_is_kept_on_one() -> None:
    assert ftp.replies.translate(_reply("999"), "somewhere", "").detail == "999 said so in two lines"


def test_sto_8_words_of_the_other_side_cannot_play_with_the_terminal() -> None:
    told = Unexpected("somewhere", "a\x1b[2J", "x\x1b]0;title\x07\r\n" + "y" * 1000)
    assert str(told).isprintable()
    assert len(told.detail) == 300
