"""The ``passerelle`` command: its sub-commands and their order in the help."""

from __future__ import annotations

import typer

app = typer.Typer(
    no_args_is_help=True, help="Exchange between French ERPs and web shops. Échanges entre ERP et boutiques."
)
