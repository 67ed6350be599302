"""The technical log of a run: what it did and when, in a file beside its other files.

It has ids, codes and counts, nobody's name (SEC-5); secrets are masked, whoever logs them (SEC-3). A log that cannot be
written stops no run. What is logged before a run has its name waits for it.

Source: spec JOU-1, SEC-3, SEC-5.
"""

from __future__ import annotations

import logging
import os
import traceback
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from passerelle.messages import Language, code
from passerelle.storage import secrets

NAME = "log.txt"
SHOWN = 500
_ROOT = "passerelle"
_log = logging.getLogger(__name__)
_MORE = "    "


@dataclass(frozen=True, slots=True)
class Line:
    """A declared message and its parameters; a run's log has it in the profile's language."""

    name: str
    parameters: Mapping[str, object]

    def text(self, language: Language) -> str:
        """Say it."""
        return code(self.name).text(language, **self.parameters)

    def __str__(self) -> str:
        return self.text("en")


@dataclass(frozen=True, slots=True)
class Logged:
    """A line of a log as it is shown; of a longer message its first."""

    at: str
    level: str
    text: str

    @property
    def is_wrong(self) -> bool:
        """Whether somebody should look at it."""
        return self.level in {"WARNING", "ERROR", "CRITICAL"}


def note(name: str, /, **parameters: object) -> None:
    """Log a declared message, in the run that works in this process."""
    _log.info(Line(name, parameters))


class RunLog(logging.Handler):
    """Writes what is logged into the log of a run."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._waiting: list[logging.LogRecord] = []
        self._path: Path | None = None
        self._file: TextIO | None = None
        self._language: Language = "en"
        self._zone = ZoneInfo("UTC")

    def begin(self, folder: Path, language: Language, time_zone: str) -> None:
        """Go on in the log of a run.

        Args:
            folder: the run's.
            language: of the profile.
            time_zone: of the profile.
        """
        if self._path == folder / NAME:
            return
        self.end()
        self._path, self._language, self._zone = folder / NAME, language, ZoneInfo(time_zone)
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self._file = os.fdopen(descriptor, "a", encoding="utf-8")
        waiting, self._waiting = self._waiting, []
        for record in waiting:
            self.emit(record)

    def end(self) -> None:
        """Write nothing more into this log."""
        file, self._file = self._file, None
        if file:
            with suppress(OSError):
                file.close()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, at once: it is shown while the run works."""
        if self._path is None:
            self._waiting.append(record)
        elif self._file:
            try:
                self._file.write(self._written(record))
                self._file.flush()
            except OSError:
                self.end()

    def _written(self, record: logging.LogRecord) -> str:
        message = record.msg.text(self._language) if isinstance(record.msg, Line) else record.getMessage()
        at = f"{datetime.fromtimestamp(record.created, self._zone):%Y-%m-%d %H:%M:%S%z}"
        first, *more = secrets.masked(message).splitlines() or [""]
        lines = [f"{at} {record.levelname:<7} {first}", *(_MORE + line for line in [*more, *_where(record)])]
        return "".join(f"{line}\n" for line in lines)


@contextmanager
def kept() -> Iterator[RunLog]:
    """Keep what this process logs inside, once it is told for which run."""
    handler, logger = RunLog(), logging.getLogger(_ROOT)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        handler.end()


def read(folder: Path, *, only_wrong: bool = False) -> list[Logged]:
    """Give the newest lines of a run's log, oldest first; none: it has none, or is not there any more."""
    found: deque[Logged] = deque(maxlen=SHOWN)
    level = "INFO"
    try:
        with (folder / NAME).open(encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith(_MORE):
                    logged = Logged("", level, line.rstrip())
                else:
                    day, time, level, text = (*line.rstrip().split(maxsplit=3), "", "", "", "")[:4]
                    logged = Logged(f"{day} {time}", level, text)
                if logged.is_wrong or not only_wrong:
                    found.append(logged)
    except FileNotFoundError:
        return []
    return list(found)


def _where(record: logging.LogRecord) -> list[str]:
    """Say where an error came from; its own words may hold anything, and are not repeated."""
    error = record.exc_info[1] if record.exc_info else None
    lines: list[str] = []
    while error is not None:
        lines.append(type(error).__qualname__)
        lines += [
            f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
        error = error.__cause__ or error.__context__
    return lines
