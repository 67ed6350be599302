"""The debug dump of a run: what it read, what it asked storages for, its settings and its error, all masked.

It lies in the run's folder as ``debug.zip``, is purged and searched for persons as the other files there, and no run
fails because it cannot be written. A retry of a run adds to it.

Source: spec PRO-4, SEC-3, SEC-5.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import sys
import traceback
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path, PurePath
from typing import Any

from passerelle import __version__
from passerelle.messages import Language, code, system
from passerelle.profile.loader import LoadedProfile
from passerelle.profile.shown import settings
from passerelle.run import faults
from passerelle.run.installation import Installation
from passerelle.run.masking import Masker
from passerelle.storage import secrets

NAME = "debug.zip"
_LOGGERS = ("passerelle", "aioftp", "urllib3", "paramiko")
"""Who says what is asked of storages: the FTP conversation, addresses of HTTP requests, the SSH connection."""
_LINES = 200_000
_log = logging.getLogger(__name__)
_kept: ContextVar[Dump | None] = ContextVar("debug dump", default=None)


class Dump:
    """What is kept of a run while it works. Use ``dumping``.

    Attributes:
        run_id: the run; empty as long as it has none.
    """

    def __init__(self, folder: Path, loaded: LoadedProfile, about: Mapping[str, Any]) -> None:
        self._folder, self._loaded, self._about = folder, loaded, about
        chosen = loaded.profile.debug
        self._masker = Masker(secrets.resolved, keeps_personal=chosen.personal == "keep")
        self._left = chosen.max_mib * 2**20
        self._inputs: list[dict[str, Any]] = []
        self.run_id = ""

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep what is read within."""
        token = _kept.set(self)
        try:
            yield
        finally:
            _kept.reset(token)

    def keep(self, kind: str, name: str, data: bytes) -> None:
        """Keep a file that was read, masked, as long as there is room; else only which it was."""
        told = {"kind": kind, "name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "kept": ""}
        if any(one == told | {"kept": one["kept"]} for one in self._inputs):
            return  # read again
        self._inputs.append(told)
        if len(data) > self._left:
            return
        try:
            masked = self._masker.content(data)
        except (RecursionError, ValueError):  # nothing that was meant to be masked
            return
        if masked is None or len(masked) > self._left:
            return
        told["kept"] = f"input/{len(self._inputs):03}-{kind}{PurePath(name).suffix.lower()[:8]}"
        try:
            (self._folder / f"{len(self._inputs):03}").write_bytes(masked)
        except OSError:  # the disk is full; the run needs it more
            told["kept"] = ""
        self._left -= len(masked)

    def pack(self, home: Path, lines: list[str], error: BaseException | None) -> Path:
        """Write all of it into the run's folder.

        Raises:
            OSError: it cannot be written.
        """
        home.mkdir(parents=True, exist_ok=True)
        target, part = home / NAME, home / f".{NAME}.part"
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        if target.exists():
            part.write_bytes(target.read_bytes())
        with zipfile.ZipFile(part, "a", zipfile.ZIP_DEFLATED) as archive:
            attempt = len({name.partition("/")[0] for name in archive.namelist()}) + 1
            for name, text in self._texts(lines, error).items():
                archive.writestr(f"{attempt}/{name}", text)
            for number, told in enumerate(self._inputs, 1):
                if told["kept"]:
                    archive.write(self._folder / f"{number:03}", f"{attempt}/{told['kept']}")
        part.replace(target)
        return target

    def _texts(self, lines: list[str], error: BaseException | None) -> dict[str, str]:
        """Give the texts; they are masked now, when all names that were read are known."""
        shown = [f"{one.name} = {one.value}{'' if one.is_given else '  # default'}" for one in settings(self._loaded)]
        inputs = [{**told, "name": self._masker.text(told["name"])} for told in self._inputs]
        about = {**self._about, "run": self.run_id, "inputs": inputs}
        texts = {"settings.txt": "\n".join(shown), "requests.log": "\n".join(lines)}
        if error is not None:
            texts["error.txt"] = "\n".join(_failure(error, self._loaded.profile.language))
        masked = {name: self._masker.text(text) for name, text in texts.items()}
        return {"about.json": json.dumps(about, ensure_ascii=False, indent=2, default=str), **masked}


def _failure(error: BaseException | None, language: Language) -> Iterator[str]:
    """Say where errors were raised, the last one first; in words only those that tell no values that were read."""
    while error is not None:
        yield f"{type(error).__module__}.{type(error).__qualname__}"
        if isinstance(error, Exception) and (fault := faults.told(error, language)):
            yield f"{fault.text} {fault.todo}"
        yield "".join(traceback.format_tb(error.__traceback__))
        error = error.__cause__ or error.__context__


class _Lines(logging.Formatter):
    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Say where, not in whose words: these may have values that were read."""
        return "\n".join(_failure(ei[1], "en"))


class _Tap(logging.Handler):
    """Takes what a logger is told, however little; hands on only what would have been handed on without it."""

    def __init__(self, tapped: logging.Logger, lines: list[str]) -> None:
        super().__init__()
        self._logger, self._lines = tapped, lines
        self._level, self._propagates = tapped.level, tapped.propagate
        self._effective = tapped.getEffectiveLevel()
        self.setFormatter(_Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        tapped.addHandler(self)
        tapped.setLevel(logging.DEBUG)
        tapped.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line; it must never stop who said it."""
        with suppress(Exception):
            if len(self._lines) < _LINES:
                self._lines.append(self.format(record))
        parent = self._logger.parent
        if self._propagates and parent and record.levelno >= self._effective:
            parent.callHandlers(record)

    def remove(self) -> None:
        """Leave the logger as it was."""
        self._logger.removeHandler(self)
        self._logger.setLevel(self._level)
        self._logger.propagate = self._propagates


@contextmanager
def dumping(installation: Installation, loaded: LoadedProfile, about: Mapping[str, Any]) -> Iterator[Dump]:
    """Keep what happens within, in the folder of the run that the dump is given the id of.

    Args:
        installation: where.
        loaded: the profile.
        about: what was asked: the task and its parameters.
    """
    program = {"version": __version__, "python": sys.version, "system": platform.platform()}
    lines: list[str] = []
    with installation.workshop() as folder:
        dump = Dump(folder, loaded, {**program, **about, "started": installation.clock()})
        taps = [_Tap(logging.getLogger(name), lines) for name in _LOGGERS]
        failure: BaseException | None = None
        try:
            yield dump
        except BaseException as error:
            failure = error
            raise
        finally:
            for tap in taps:
                tap.remove()
            if dump.run_id:
                _packed(dump, installation, loaded, lines, failure)


def keep(kind: str, name: str, data: bytes) -> None:
    """Keep a file that was read, where a dump is wanted.

    Args:
        kind: export, extract or listing.
        name: its path at its place.
        data: its content.
    """
    if dump := _kept.get():
        dump.keep(kind, name, data)


def _packed(
    dump: Dump, installation: Installation, loaded: LoadedProfile, lines: list[str], failure: BaseException | None
) -> None:
    language = loaded.profile.language
    try:
        path = dump.pack(installation.run_folder(dump.run_id), lines, failure)
    except OSError as error:
        said = code("debug-not-kept")
        _log.warning("%s %s", said.text(language, reason=system.text(error, language)), said.todo(language))
    else:
        _log.warning("%s", code("debug-kept").text(language, run=dump.run_id, path=path))
