"""An FTP server (RFC 959, 2428, 2640, 3659, 4217), by aioftp.

Source: spec STO-1, STO-8, STO-9, STO-10.
"""

from passerelle.storage.ftp.place import FtpPlace
from passerelle.storage.ftp.storage import FtpStorage

__all__ = ["FtpPlace", "FtpStorage"]
