"""The progress of transfers on a terminal (STO-14); nothing where the output goes elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from passerelle.storage.progress import Progress, Snapshot


@contextmanager
def shown_on_terminal() -> Iterator[Progress | None]:
    """Give a progress whose bar is on the terminal's last line while within ``with``."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bar  # noqa: PLC0415

    from passerelle.storage.progress import Progress  # noqa: PLC0415

    columns = (
        TextColumn("{task.fields[files]}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", files="", total=None, visible=False)

        def show(snapshot: Snapshot) -> None:
            files = f"{snapshot.files}/{snapshot.files_expected}"
            bar.update(task, completed=snapshot.bytes, total=snapshot.bytes_expected, files=files, visible=True)

        yield Progress(show)
