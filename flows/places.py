"""What Prefect adds to places: secrets kept in its blocks, and the progress of transfers as an artifact.

Source: spec STO-2, STO-14.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from queue import SimpleQueue
from threading import Thread
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.blocks.system import Secret

from passerelle.storage.progress import Progress, Snapshot

_EVERY_SECONDS = 2.0


def secret_of_block(name: str) -> str | None:
    """Give the secret kept in the block of that name; ``FTP_PASSWORD`` is the block ``ftp-password``.

    For ``storage.secrets.also_from``: ``None`` where there is no such block.
    """
    try:
        block = Secret.load(name.lower().replace("_", "-"))
    except ValueError:
        return None
    value = block.get() if isinstance(block, Secret) else None
    return value if isinstance(value, str) else None


@contextmanager
def shown_as_artifact(key: str) -> Iterator[Progress]:
    """Give a progress that is shown among the run's artifacts.

    Transfers tell it from their own threads, which know no run: another thread, with the run's context, tells Prefect.
    """
    snapshots: SimpleQueue[Snapshot | None] = SimpleQueue()
    teller = Thread(target=copy_context().run, args=(_tell, snapshots, key), name="passerelle-progress", daemon=True)
    teller.start()
    try:
        yield Progress(snapshots.put, every_seconds=_EVERY_SECONDS)
    finally:
        snapshots.put(None)
        teller.join()


def described(snapshot: Snapshot) -> str:
    """Say a moment of a transfer in words, without names of files (SEC-5)."""
    left = snapshot.seconds_left
    parts = [
        f"{snapshot.files} / {snapshot.files_expected} fichiers",
        f"{snapshot.bytes / 1e6:.1f} / {snapshot.bytes_expected / 1e6:.1f} Mo",
        f"{snapshot.rate / 1e6:.1f} Mo/s",
    ]
    return ", ".join(parts if left is None else [*parts, f"reste {left:.0f} s"])


def _tell(snapshots: SimpleQueue[Snapshot | None], key: str) -> None:
    artifact: UUID | None = None
    while (snapshot := snapshots.get()) is not None:
        percent, words = round(snapshot.percent, 1), described(snapshot)
        if artifact is None:
            made = create_progress_artifact(progress=percent, key=key, description=words)
            artifact = made if isinstance(made, UUID) else None
        else:
            update_progress_artifact(artifact, progress=percent, description=words)
