"""``passerelle storage``: see whether a place works, and what is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from passerelle.cli.session import FAILED, failing, language

if TYPE_CHECKING:
    from passerelle.storage.places import Place

app = typer.Typer(no_args_is_help=True, help="Places of files: test, list. Emplacements : essayer, lister.")

Url = Annotated[
    str,
    typer.Argument(
        metavar="PLACE-URL", help="A folder, file:///path, ftp://user@host:21/folder or sftp://user@host:22/folder."
    ),
]
PasswordName = Annotated[str, typer.Option("--password", metavar="NAME", help="Name of the secret, not the secret.")]
KeyFile = Annotated[Path | None, typer.Option("--key-file", help="SFTP: private key.")]
PassphraseName = Annotated[
    str, typer.Option("--key-passphrase", metavar="NAME", help="SFTP: name of the secret that opens the key.")
]
Agent = Annotated[bool, typer.Option("--agent", help="SFTP: also try the keys of the SSH agent.")]
KnownHosts = Annotated[Path | None, typer.Option("--known-hosts", help="SFTP: host keys to trust.")]
HostKeys = Annotated[
    list[str] | None, typer.Option("--host-key-fingerprint", metavar="SHA256:…", help="SFTP: host key to trust.")
]
Passive = Annotated[
    Literal["auto", "epsv", "pasv"], typer.Option("--passive", help="FTP: how data connections are asked for.")
]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, max=600, help="Seconds to wait for each answer.")]
Attempts = Annotated[int, typer.Option("--attempts", min=1, max=10, help="How often to try when a fault may pass.")]


@app.command("test")
def try_place(
    url: Url,
    password: PasswordName = "",
    key_file: KeyFile = None,
    key_passphrase: PassphraseName = "",
    agent: Agent = False,
    known_hosts: KnownHosts = None,
    host_keys: HostKeys = None,
    passive: Passive = "auto",
    timeout: Timeout = 30,
    attempts: Attempts = 1,
    read_only: Annotated[bool, typer.Option("--read-only", help="Write no test file.")] = False,
) -> None:
    """Say step by step what works at a place. Dire étape par étape ce qui marche.

    Exit codes: 0 all of it works, 1 a step failed, 2 the address or an option is wrong.
    """
    with failing():
        from passerelle.messages import code  # noqa: PLC0415
        from passerelle.storage.check import check_place  # noqa: PLC0415
        from passerelle.storage.places import open_place  # noqa: PLC0415

        place = _place(
            url,
            password,
            key_file,
            key_passphrase,
            agent,
            known_hosts,
            host_keys,
            passive,
            timeout,
            attempts,
        )
        spoken = language()
        typer.echo(place.name)
        failed = False
        for step in check_place(place, open_place(place), write=not read_only):
            failed = step.error is not None
            typer.echo(f"  {'✗' if failed else '✓'} {code(step.code).text(spoken, detail=step.detail or '?')}")
            if step.error:
                typer.echo(f"    {step.error.text(spoken)}\n    {step.error.todo(spoken)}")
    raise typer.Exit(FAILED if failed else 0)


@app.command("ls")
def ls(
    url: Url,
    folder: Annotated[str, typer.Argument(help="A folder inside of the place.")] = "",
    password: PasswordName = "",
    key_file: KeyFile = None,
    key_passphrase: PassphraseName = "",
    agent: Agent = False,
    known_hosts: KnownHosts = None,
    host_keys: HostKeys = None,
    passive: Passive = "auto",
    timeout: Timeout = 30,
    attempts: Attempts = 1,
) -> None:
    """List the files of a place: size, time (UTC), path. Lister les fichiers."""
    with failing():
        from passerelle.storage.errors import printable  # noqa: PLC0415
        from passerelle.storage.places import open_place  # noqa: PLC0415

        place = _place(
            url,
            password,
            key_file,
            key_passphrase,
            agent,
            known_hosts,
            host_keys,
            passive,
            timeout,
            attempts,
        )
        with open_place(place) as storage:
            entries = storage.list(folder)
        for entry in sorted(entries, key=lambda entry: entry.path):
            time = f"{entry.modified_utc:%Y-%m-%d %H:%M:%S}" if entry.modified_utc else "-"
            typer.echo(f"{entry.size:>12}  {time:<19}  {printable(entry.path)}")


def _place(
    url: str,
    password: str,
    key_file: Path | None,
    key_passphrase: str,
    agent: bool,
    known_hosts: Path | None,
    host_keys: list[str] | None,
    passive: Literal["auto", "epsv", "pasv"],
    timeout: float,
    attempts: int,
) -> Place:
    from passerelle.storage.places import Place  # noqa: PLC0415

    return Place(
        url=url,
        password=password,
        key_file=key_file,
        key_passphrase=key_passphrase,
        agent=agent,
        known_hosts=known_hosts,
        host_key_fingerprint=tuple(host_keys or ()),
        passive=passive,
        timeout_seconds=timeout,
        attempts=attempts,
    )
