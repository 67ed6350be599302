"""Real servers for the tests of storages: in this process, and the programs of the system where they are installed.

All listen on the loopback address and an ephemeral port, and own no right that the test does not have. Tests that run
as root give it up first (``unprivileged``), so that a refused right is really refused.
"""

# ruff: noqa: PTH102, PTH104, PTH107, PTH110, PTH116 - names as bytes, calls as servers make them

from __future__ import annotations

import atexit
import contextlib
import functools
import grp
import itertools
import logging
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Self

import paramiko
import pytest
from pydantic import SecretStr
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer
from storage_certificates import Authority, Certificate

from passerelle.run.demo_server import InPlace
from passerelle.storage.ftp import FtpStorage
from passerelle.storage.ftp.tls import Tls
from passerelle.storage.sftp import SftpStorage
from passerelle.storage.ssh import SshLogin

USER = "tester"
PASSWORD = "pässe-wôrd 1"
SEARCHED = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin:/usr/local/sbin:/usr/lib/openssh"


def _nobody() -> int:
    """Choose a user without rights to serve as; sshd lets none in whose account is locked, as that of nobody may be."""
    if os.geteuid() != 0:
        return os.geteuid()
    locked = {line.split(":")[0] for line in Path("/etc/shadow").read_text().splitlines() if ":!" in line}
    return next(user.pw_uid for user in pwd.getpwall() if user.pw_uid != 0 and user.pw_name not in locked)


NOBODY = _nobody()

logging.getLogger("pyftpdlib").setLevel(logging.CRITICAL)


@dataclass
class Server:
    """A running server and the folder that its users see as their own."""

    port: int
    folder: Path
    user: str = USER
    host: str = "127.0.0.1"
    fingerprint: str = ""  # of its host key
    key_file: Path | None = None
    ca_file: Path | None = None  # whoever trusts it trusts the server's certificate
    implicit_tls: bool = False
    log: list[str] = field(default_factory=list)
    program: FTPServer | None = None  # where it runs in this process


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Do something without root's right to do everything."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def program(name: str) -> str:
    """Find a server program, without which the test fails in CI and is left out elsewhere."""
    found = shutil.which(name, path=SEARCHED)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} must be installed in CI")
        pytest.skip(f"{name} is not installed")
    closed = any(not folder.stat().st_mode & 0o001 for folder in Path(found).resolve().parents)
    return str(_copied(Path(found).parent.parent) / "bin" / name) if closed and os.geteuid() == 0 else found


@functools.cache
def _copied(programs: Path) -> Path:
    """Copy the programs that were unpacked for the tests to where the user without rights may start them."""
    copy = Path(tempfile.mkdtemp(prefix="passerelle-programs-"))
    atexit.register(shutil.rmtree, copy)
    copy.chmod(0o755)
    shutil.copytree(programs, copy, dirs_exist_ok=True, symlinks=True)
    for starter in (copy / "bin").iterdir():
        starter.write_text(starter.read_text().replace(str(programs), str(copy)))
    return copy


def pause() -> None:
    """Wait a little for something that is under way."""
    threading.Event().wait(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Handler(FTPHandler):
    """pyftpdlib that notes the commands it gets."""

    abstracted_fs = InPlace
    use_sendfile = False
    auth_failed_timeout = 0.01
    commands: ClassVar[list[str]] = []

    def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
        self.commands.append(f"{cmd} {arg}".strip() if cmd != "PASS" else cmd)
        super().pre_process_command(line, cmd, arg)


@contextlib.contextmanager
def ftp_server(folder: Path, handler: type[Handler] = Handler, **settings: object) -> Iterator[Server]:
    """Serve a folder by pyftpdlib; ``settings`` are attributes of its handler."""
    authorizer = DummyAuthorizer()
    authorizer.add_user(USER, PASSWORD, str(folder), perm="elradfmwMT")
    authorizer.add_anonymous(str(folder))
    commands: list[str] = []
    own = type("OwnHandler", (handler,), {"authorizer": authorizer, "commands": commands, **settings})
    loop = IOLoop()
    server = FTPServer(("127.0.0.1", 0), own, ioloop=loop)
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            loop.loop(timeout=0.02, blocking=False)
        server.close_all()

    thread = threading.Thread(target=serve, name="pyftpdlib")
    thread.start()
    try:
        yield Server(server.address[1], folder, log=commands, program=server)
    finally:
        ended.set()
        thread.join()


class _Keys(paramiko.ServerInterface):
    """Lets the one user in, by password or by key."""

    def __init__(self, server: SftpServer) -> None:
        self.server = server

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_auth_password(self, username: str, password: str) -> int:
        self.server.logins.append((username, password))
        right = (username, password) == (USER, PASSWORD)
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        right = username == USER and key == self.server.user_key
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        self.server.may_start.wait()
        return super().check_channel_subsystem_request(channel, name)


class _Files(paramiko.SFTPServerInterface):
    """Files of a folder, as the simplest servers give them: without OpenSSH's extensions."""

    def __init__(self, server: _Keys, *args: object, **kwargs: object) -> None:
        super().__init__(server)
        self.settings = server.server

    def _real(self, path: str) -> str:
        return str(self.settings.folder) + self.canonicalize(path)

    def _do(self, action: Callable[[], object]) -> int:
        try:
            action()
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return paramiko.SFTP_OK

    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        try:
            with os.scandir(self._real(path)) as found:
                return [
                    paramiko.SFTPAttributes.from_stat(item.stat(follow_symlinks=False), item.name) for item in found
                ]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        try:
            return paramiko.SFTPAttributes.from_stat(os.stat(self._real(path)))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)

    lstat = stat

    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle | int:
        self.settings.log.append(f"open {path}")
        try:
            handle = paramiko.SFTPHandle(flags)
            handle.filename = self._real(path)
            mode = {os.O_RDONLY: "rb", os.O_WRONLY: "wb"}[flags & os.O_ACCMODE]
            file = open(handle.filename, mode, buffering=0, opener=lambda name, _: os.open(name, flags, 0o644))  # noqa: SIM115
            handle.readfile = handle.writefile = file
            handle.stat = lambda: paramiko.SFTPAttributes.from_stat(os.fstat(file.fileno()))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno)
        return handle

    def remove(self, path: str) -> int:
        return self._do(lambda: os.remove(self._real(path)))

    def rename(self, oldpath: str, newpath: str) -> int:
        if os.path.exists(self._real(newpath)):
            return paramiko.SFTP_FAILURE
        return self._do(lambda: os.rename(self._real(oldpath), self._real(newpath)))

    def mkdir(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        return self._do(lambda: os.mkdir(self._real(path)))


class SftpServer:
    """paramiko's own server side, over a folder."""

    def __init__(self, folder: Path, *, most_connections: int = 100) -> None:
        self.folder = folder
        self.most_connections = most_connections
        self.may_start = threading.Event()
        self.may_start.set()
        self.log: list[str] = []
        self.logins: list[tuple[str, str]] = []
        self.host_key = paramiko.ECDSAKey.generate()
        self.user_key: paramiko.PKey | None = None
        self.accepted = 0
        self.transports: list[paramiko.Transport] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="sftp-server")

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            if sum(transport.is_active() for transport in self.transports) >= self.most_connections:
                connection.close()
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.host_key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files)
            self.transports.append(transport)
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(event=threading.Event(), server=_Keys(self))

    def hang_up(self) -> None:
        """Close every connection, as an idle server does."""
        for transport in self.transports:
            transport.close()
        self.transports.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.may_start.set()
        self.hang_up()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int, *, as_nobody: bool = True, host: str = "127.0.0.1") -> Iterator[None]:
    """Run a server program until it has been used; it is ready when it takes connections."""
    own = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if as_nobody and os.geteuid() == 0 else {}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **own,
    )
    try:
        _wait_until_ready(process, host, port)
        yield
    finally:
        process.terminate()
        process.communicate()


def _wait_until_ready(process: subprocess.Popen[bytes], host: str, port: int) -> None:
    for _ in range(500):
        if process.poll() is not None:
            pytest.fail(f"{process.args} ended: {process.communicate()[0]!r}")
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection((host, port), timeout=5):
            return
        pause()
    pytest.fail(f"{process.args} takes no connection")


def owned(path: Path) -> Path:
    """Give a file or folder to whoever the servers run as."""
    if os.geteuid() == 0:
        os.chown(path, NOBODY, NOBODY)
    return path


@contextlib.contextmanager
def shared_folder() -> Iterator[Path]:
    """Give a folder that the servers may reach and write, whoever runs the tests; pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="passerelle-"))
    folder.chmod(0o755)
    try:
        yield owned(folder)
    finally:
        shutil.rmtree(folder)


def _root(base: Path) -> Path:
    (base / "root").mkdir()
    return owned(base / "root")


def _configured(folder: Path, text: str) -> Path:
    file = folder / "server.conf"
    file.write_text(textwrap.dedent(text).rstrip(" "), encoding="utf-8")
    return owned(file)


@contextlib.contextmanager
def certified() -> Iterator[tuple[Authority, Certificate]]:
    """Give an authority, and a good certificate, whose file the servers may read."""
    with shared_folder() as folder:
        authority = Authority(folder)
        certificate = authority.certificate()
        owned(certificate.file).chmod(0o600)
        yield authority, certificate


TLS_OF_VSFTPD = {
    "ssl_enable": "YES",
    "allow_anon_ssl": "YES",
    "force_anon_logins_ssl": "YES",
    "force_anon_data_ssl": "YES",
    "require_ssl_reuse": "YES",
    "ssl_tlsv1": "YES",
    "ssl_ciphers": "HIGH",
}


@contextlib.contextmanager
def vsftpd(
    served: Path | None = None, *, host: str = "127.0.0.1", tls: Path | None = None, **more: object
) -> Iterator[Server]:
    """vsftpd without root can only let anonymous users in.

    Args:
        served: folder.
        host: address.
        tls: file with a certificate and its key, for explicit TLS.
        more: options of its configuration.
    """
    binary = program("vsftpd")
    with shared_folder() as base:
        folder, port = served or _root(base), free_port()
        options = {
            "listen": "YES",
            "listen_address": host,
            "listen_port": port,
            "background": "NO",
            "run_as_launching_user": "YES",
            "anonymous_enable": "YES",
            "ftp_username": "nobody",  # Debian makes the user ftp when vsftpd is installed; here it is unpacked only
            "anon_root": folder,
            "allow_writeable_chroot": "YES",
            "write_enable": "YES",
            "anon_upload_enable": "YES",
            "anon_mkdir_write_enable": "YES",
            "anon_other_write_enable": "YES",
            "anon_world_readable_only": "NO",
            "anon_umask": "022",
            "secure_chroot_dir": base,
            "xferlog_enable": "NO",
            "seccomp_sandbox": "NO",
            **({"rsa_cert_file": tls, "rsa_private_key_file": tls, **TLS_OF_VSFTPD} if tls else {}),
            **more,
        }
        file = _configured(base, "".join(f"{name}={value}\n" for name, value in options.items()))
        with running([binary, str(file)], port, host=host):
            yield Server(port, folder, user="anonymous", host=host)


@contextlib.contextmanager
def vsftpd_tls(*, implicit: bool = False) -> Iterator[Server]:
    """vsftpd that demands TLS, and that data connections take up the session of the control connection."""
    with (
        certified() as (authority, certificate),
        vsftpd(tls=certificate.file, implicit_ssl="YES" if implicit else "NO") as server,
    ):
        yield replace(server, ca_file=authority.file, implicit_tls=implicit)


def _hashed_password() -> str:
    command = ["openssl", "passwd", "-6", "-stdin"]
    return subprocess.run(command, input=PASSWORD.encode(), capture_output=True, check=True).stdout.decode().strip()


@contextlib.contextmanager
def proftpd(tls: Path | None = None, more: Sequence[str] = ()) -> Iterator[Server]:
    """ProFTPD with its checksums; ``tls``: file with a certificate and its key, for explicit TLS."""
    binary = program("proftpd")
    unpacked = Path(binary).parent.parent / "proftpd/usr/lib/proftpd"
    modules = unpacked if unpacked.is_dir() else Path("/usr/lib/proftpd")
    with shared_folder() as base:
        folder, port, users = _root(base), free_port(), base / "users"
        users.write_text(f"{USER}:{_hashed_password()}:{NOBODY}:{NOBODY}::{folder}:/bin/false\n")
        owned(users).chmod(0o600)
        file = _configured(
            base,
            f"""
            ServerName passerelle
            ServerType standalone
            DefaultAddress 127.0.0.1
            Port {port}
            UseIPv6 off
            User {pwd.getpwuid(NOBODY).pw_name}
            Group {grp.getgrgid(pwd.getpwuid(NOBODY).pw_gid).gr_name}
            ControlsEngine off
            DelayEngine off
            AuthOrder mod_auth_file.c
            AuthUserFile {users}
            RequireValidShell off
            UseReverseDNS off
            AllowOverwrite on
            AllowStoreRestart on
            PidFile {base}/pid
            ScoreboardFile {base}/scoreboard
            WtmpLog off
            SystemLog none
            ModulePath {modules}
            LoadModule mod_digest.c
            """,
        )
        if tls:
            demand = ("LoadModule mod_tls.c", "TLSEngine on", "TLSRequired on", f"TLSECCertificateFile {tls}")
            more = (*demand, f"TLSECCertificateKeyFile {tls}")
        with file.open("a") as configuration:
            configuration.writelines(f"{line}\n" for line in (*more, "TransferLog none"))  # the first of a kind counts
        with running([binary, "-n", "-c", str(file)], port):
            yield Server(port, folder)


@contextlib.contextmanager
def proftpd_sftp(more: Sequence[str] = ()) -> Iterator[Server]:
    """ProFTPD as an SFTP server: it computes checksums; ``more``: lines of its configuration."""
    with shared_folder() as keys:
        fingerprint = _key(keys / "host_ed25519")
        settings = ("SFTPEngine on", f"SFTPHostKey {keys}/host_ed25519", "SFTPAuthMethods password")
        with proftpd(more=("LoadModule mod_sftp.c", *settings, *more)) as server:
            yield replace(server, fingerprint=fingerprint)


@contextlib.contextmanager
def proftpd_tls() -> Iterator[Server]:
    """ProFTPD that demands TLS, and the session taken up, as it does by default."""
    with certified() as (authority, certificate), proftpd(certificate.file) as server:
        yield replace(server, ca_file=authority.file)


@contextlib.contextmanager
def pure_ftpd(tls: Path | None = None) -> Iterator[Server]:
    """Pure-FTPd only serves when it is started by root; its users have the rights of nobody.

    ``tls``: file with a certificate and its key, for explicit TLS on both connections.
    """
    binary, maker = program("pure-ftpd"), program("pure-pw")
    if os.geteuid() != 0:
        pytest.skip("pure-ftpd must be started by root")
    with shared_folder() as base:
        folder, port, users, database = _root(base), free_port(), base / "users", base / "users.pdb"
        users.write_text(f"{USER}:{_hashed_password()}:{NOBODY}:{NOBODY}::{folder}/./{':' * 12}\n")
        subprocess.run([maker, "mkdb", database, "-f", users], check=True)
        command = [
            binary,
            "-S",
            f"127.0.0.1,{port}",
            "-E",
            "-H",
            "-4",
            "-u",
            "1",
            "-C",
            "50",
            "-l",
            f"puredb:{database}",
            "-g",
            f"{base}/pid",
            *(["-Y", "3", "-2", str(tls)] if tls else []),
        ]
        with running(command, port, as_nobody=False):
            yield Server(port, folder)


@contextlib.contextmanager
def pure_ftpd_tls() -> Iterator[Server]:
    """Pure-FTPd that demands TLS."""
    with certified() as (authority, certificate), pure_ftpd(certificate.file) as server:
        yield replace(server, ca_file=authority.file)


def _key(file: Path) -> str:
    """Make a key of the kind that the file's name ends with; give its fingerprint."""
    maker = program("ssh-keygen")
    subprocess.run([maker, "-q", "-t", file.name.partition("_")[2], "-N", "", "-f", file], check=True)
    owned(file)
    shown = subprocess.run([maker, "-lf", file.with_suffix(".pub")], capture_output=True, check=True)
    return shown.stdout.decode().split()[1]


@contextlib.contextmanager
def sshd(served: Path | None = None, more: str = "MaxStartups 50") -> Iterator[Server]:
    """OpenSSH without root lets in whoever runs it, by key; ``more``: a line of its configuration."""
    binary = program("sshd")
    with shared_folder() as base:
        folder, port = served or _root(base), free_port()
        fingerprint, _, _ = (_key(base / name) for name in ("host_ed25519", "host_ecdsa", "user_ed25519"))
        file = _configured(
            base,
            f"""
            ListenAddress 127.0.0.1:{port}
            HostKey {base}/host_ecdsa
            HostKey {base}/host_ed25519
            AuthorizedKeysFile {base}/user_ed25519.pub
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            PidFile none
            {more}
            Subsystem sftp internal-sftp
            ForceCommand internal-sftp -d {folder}
            """,
        )
        user = pwd.getpwuid(NOBODY).pw_name
        with running([binary, "-D", "-e", "-f", str(file)], port):
            yield Server(port, folder, user=user, fingerprint=fingerprint, key_file=base / "user_ed25519")


def sessions(process: int) -> set[int]:
    """Give the processes that serve the connections of the servers that a process runs: its children's children."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    below: set[int] = set()
    found = {child for child, parent in parents.items() if parent == process}
    while found:
        found = {child for child, parent in parents.items() if parent in found}
        below |= found
    return below


_numbers = itertools.count(1)


def new_folder(base: Path) -> str:
    """Make an empty folder below what a server serves; give its name."""
    name = f"test {next(_numbers)}"
    (base / name).mkdir()
    owned(base / name)
    return name


def emptied(folder: Path) -> None:
    """Remove all that a folder holds."""
    for item in folder.iterdir():
        shutil.rmtree(item) if item.is_dir() else item.unlink()


def ftp_storage(server: Server, folder: str | None = None, **options: object) -> FtpStorage:
    """Give a storage on a folder of an FTP server, by default a new one; in TLS if the server has a certificate."""
    password = SecretStr(PASSWORD) if server.user == USER else None
    settings = {
        "port": server.port,
        "user": server.user,
        "password": password,
        "timeout_seconds": 10.0,
        "tls": Tls(implicit=server.implicit_tls, ca_file=server.ca_file) if server.ca_file else None,
        **options,
    }
    folder = new_folder(server.folder) if folder is None else folder
    return FtpStorage(f"ftp://{server.user}@{server.host}/{folder}", server.host, folder=folder, **settings)


def sftp_storage(server: SftpServer, folder: str | None = None, **options: object) -> SftpStorage:
    """Give a storage on a folder of an SFTP server in this process, by default a new one."""
    own = {"password": SecretStr(PASSWORD), "fingerprints": (server.host_key.fingerprint,)}
    return _over_ssh(server, USER, folder, {**own, **options})


def openssh_storage(server: Server, folder: str | None = None, **options: object) -> SftpStorage:
    """Give a storage on a folder of an OpenSSH server, by default a new one."""
    own = {"key_file": server.key_file, "fingerprints": (server.fingerprint,)}
    return _over_ssh(server, server.user, folder, {**own, **options})


def _over_ssh(server: Server | SftpServer, user: str, folder: str | None, options: dict[str, object]) -> SftpStorage:
    folder = new_folder(server.folder) if folder is None else folder
    connections = options.pop("connections", 4)
    settings = {"host": "127.0.0.1", "port": server.port, "user": user, "timeout_seconds": 10.0, **options}
    return SftpStorage(SshLogin(f"sftp://{user}@127.0.0.1/{folder}", **settings), folder, connections=connections)
