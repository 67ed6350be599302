"""The demonstration's FTP server, in this process; it needs pyftpdlib (``passerelle[demo]``)."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.filesystems import AbstractedFS
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import ThreadedFTPServer


class InPlace(AbstractedFS):  # type: ignore[misc]
    """Folders for pyftpdlib that leave the process where it is.

    Its own change the folder of the whole process for a moment, and of two connections at once each goes back to where
    the other one was: the process may end in a folder that is gone.
    """

    def chdir(self, path: str) -> None:
        """Go to a folder; it is looked into, as who may not may not go there either."""
        with os.scandir(path):
            self.cwd = self.fs2ftp(path)


class _Handler(FTPHandler):  # type: ignore[misc]
    """Quiet."""

    log_prefix = "demo"
    banner = "passerelle demo"
    abstracted_fs = InPlace


@contextmanager
def ftp_server(folder: Path, user: str, password: str) -> Iterator[int]:
    """Run an FTP server on loopback, on a port of its own, which it gives."""
    # Left alone, the server writes its log to the terminal.
    logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())
    logging.getLogger("pyftpdlib").propagate = False
    authorizer = DummyAuthorizer()
    authorizer.add_user(user, password, str(folder.absolute()), perm="elradfmwMT")
    handler = type("Handler", (_Handler,), {"authorizer": authorizer})
    server = ThreadedFTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"handle_exit": False}, daemon=True)
    thread.start()
    try:
        yield int(server.address[1])
    finally:
        server.close_all()
        thread.join(timeout=5)
