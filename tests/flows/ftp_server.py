"""An FTP server whose login can be switched off and on, or kept waiting."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Self

from pyftpdlib.authorizers import AuthenticationFailed, DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer

from passerelle.run.demo_server import InPlace


class _Authorizer(DummyAuthorizer):
    refusing = False

    def __init__(self) -> None:
        super().__init__()
        self.came, self.open = threading.Event(), threading.Event()
        self.open.set()

    def validate_authentication(self, username, password, handler):
        self.came.set()
        self.open.wait()
        if self.refusing:
            raise AuthenticationFailed("Not today.")
        super().validate_authentication(username, password, handler)


class FtpServer:
    """A real server on loopback; counts the uploads it took."""

    user = "boss"
    password = "open sesame"

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._inbox = folder / "in"
        self._inbox.mkdir(parents=True)
        self._authorizer = _Authorizer()
        self._authorizer.add_user(self.user, self.password, str(folder), perm="elradfmwMT")
        self._uploads: list[str] = []
        uploads = self._uploads
        logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())

        class Handler(FTPHandler):
            authorizer = self._authorizer
            abstracted_fs = InPlace
            auth_failed_timeout = 0

            def on_file_received(self, file):
                uploads.append(file)

        self._server = ThreadedFTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"handle_exit": False}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._server.close_all()

    def refuse(self) -> None:
        self._authorizer.refusing = True

    def accept(self) -> None:
        self._authorizer.refusing = False

    def hold(self) -> None:
        """Answer no login until ``let_go``."""
        self._authorizer.came.clear()
        self._authorizer.open.clear()

    def let_go(self) -> None:
        self._authorizer.open.set()

    def wait_for_login(self, seconds: float) -> bool:
        """Tell whether somebody has come since ``hold``."""
        return self._authorizer.came.wait(seconds)

    def files(self) -> list[str]:
        return sorted(file.name for file in self._inbox.iterdir())

    def stored(self, ending: str) -> int:
        """Tell how many uploads of a kind of file there were."""
        return sum(f".{ending}" in Path(file).name for file in self._uploads)
