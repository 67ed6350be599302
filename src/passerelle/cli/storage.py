"""``passerelle storage``: see whether a place works, what is there, and let Passerelle into a cloud account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from passerelle.cli.session import FAILED, failing, installation, language

if TYPE_CHECKING:
    from passerelle.storage.place import Place

app = typer.Typer(
    no_args_is_help=True,
    help="Places of files: test, list, log in. Emplacements : essayer, lister, autoriser.",
)

Where = Annotated[
    str,
    typer.Argument(
        metavar="[PLACE]",
        help="A folder or URL, such as sftp://user@host/folder or dropbox:/folder; with --profile, 'delivery' or the "
        "name of a shop.",
    ),
]
FromProfile = Annotated[str, typer.Option("--profile", metavar="NAME", help="Take the place from this profile.")]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-o",
        metavar="NAME=VALUE",
        help="An option of the place, as in a profile; a secret by its name, never its value. May be repeated.",
    ),
]


@app.command("test")
def try_place(
    place: Where = "",
    option: Options = None,
    profile: FromProfile = "",
    read_only: Annotated[bool, typer.Option("--read-only", help="Write no test file.")] = False,
) -> None:
    """Say step by step what works at a place, or at all places of a profile. Dire étape par étape ce qui marche.

    Exit codes: 0 all of it works, 1 a step failed, 2 the address or an option is wrong.
    """
    failed = False
    with failing():
        for tried, base in _places(place, profile, option or ()):
            failed |= _try(tried, base, write=not read_only)
    raise typer.Exit(FAILED if failed else 0)


def _try(place: Place, base: Path, *, write: bool) -> bool:
    """Say the steps; tell whether one failed."""
    from passerelle.messages import code  # noqa: PLC0415
    from passerelle.storage.check import check_place  # noqa: PLC0415
    from passerelle.storage.places import open_place  # noqa: PLC0415

    spoken, once = language(), place.model_copy(update={"attempts": 1})
    typer.echo(place.name)
    for warning in place.warnings:
        typer.echo(f"  ! {code(warning).text(spoken, where=place.name)}")
    failed = False
    for step in check_place(place, open_place(once, base_folder=base), write=write):
        failed = step.error is not None
        typer.echo(f"  {'✗' if failed else '✓'} {code(step.code).text(spoken, detail=step.detail or '?')}")
        if step.error:
            typer.echo(f"    {step.error.text(spoken)}\n    {step.error.todo(spoken)}")
    return failed


@app.command("ls")
def ls(
    place: Where = "",
    folder: Annotated[str, typer.Argument(help="A folder inside of the place.")] = "",
    option: Options = None,
    profile: FromProfile = "",
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Also the folders below.")] = False,
    changes: Annotated[
        bool, typer.Option("--changes", help="Only what changed since the last time, with the folders below (Dropbox).")
    ] = False,
) -> None:
    """List the files of a place: size, time (UTC), path; - before what is gone. Lister les fichiers."""
    with failing():
        from passerelle.storage.cursors import changed  # noqa: PLC0415
        from passerelle.storage.errors import printable  # noqa: PLC0415
        from passerelle.storage.places import open_place  # noqa: PLC0415

        for listed, base in _places(place, profile, option or ()):
            with open_place(listed, base_folder=base) as storage:
                if changes:
                    found = changed(storage, folder, installation().state / "cursors")
                    gone, entries = found.gone, list(found.entries)
                else:
                    gone, entries = (), storage.list(folder, recursive=recursive)
            for path in gone:
                typer.echo(f"{'-':>12}  {'-':<19}  {printable(path)}")
            for entry in sorted(entries, key=lambda entry: entry.path):
                time = f"{entry.modified_utc:%Y-%m-%d %H:%M:%S}" if entry.modified_utc else "-"
                typer.echo(f"{entry.size:>12}  {time:<19}  {printable(entry.path)}")


@app.command()
def login(
    place: Where = "",
    option: Options = None,
    profile: FromProfile = "",
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Where the browser comes back to, as registered; 0: any.")
    ] = None,
) -> None:
    """Let Passerelle into a Dropbox or pCloud account, in the browser. Autoriser l'accès à un compte.

    The token is stored in the secrets file under the name that the place has for it; it is never shown.
    """
    with failing():
        from passerelle.messages import code  # noqa: PLC0415
        from passerelle.storage.errors import BadPlace  # noqa: PLC0415
        from passerelle.storage.login import PORT, BrowserLogin, authorise  # noqa: PLC0415
        from passerelle.storage.places import secrets_of  # noqa: PLC0415

        spoken = language()
        wanted = [one for one, _ in _places(place, profile, option or ()) if isinstance(one, BrowserLogin)]
        if not wanted:
            raise BadPlace(place or profile, code="storage-login-not-needed")
        for one in wanted:
            provider = one.provider(secrets_of())
            typer.echo(code("storage-login-open").text(spoken, where=provider.name))
            needed = authorise(provider, show=typer.echo, port=PORT if port is None else port)
            typer.echo(code("storage-login-done").text(spoken, where=provider.name, detail=provider.secret_name))
            for name, value in needed.items():
                typer.echo(f'  {name} = "{value}"')


def _places(place: str, profile: str, options: Sequence[str]) -> Iterator[tuple[Place, Path]]:
    """Give the places meant, each with the folder that its relative paths are taken from."""
    if not profile:
        yield _given(place, options), Path()
        return
    from passerelle.profile.loader import load  # noqa: PLC0415
    from passerelle.storage.errors import BadPlace  # noqa: PLC0415

    loaded = load(profile, profiles_folder=installation().profiles)
    named = loaded.profile.places
    if place and place not in named:
        raise BadPlace(place, "", ", ".join(named), "storage-no-such-place")
    for name in [place] if place else named:
        yield named[name], loaded.folder


def _given(place: str, options: Sequence[str]) -> Place:
    """Read a place from the command line; an option that is repeated is a list."""
    from pydantic import ValidationError  # noqa: PLC0415

    from passerelle.storage.errors import BadPlace  # noqa: PLC0415
    from passerelle.storage.places import as_place  # noqa: PLC0415

    repeated: dict[str, list[str]] = defaultdict(list)
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise BadPlace("", "", name, "storage-bad-option")
        repeated[name].append(value)
    table: dict[str, object] = {"url": place}
    table |= {name: values[0] if len(values) == 1 else values for name, values in repeated.items()}
    try:
        return as_place(table)
    except ValidationError as error:
        wrong = "; ".join(f"{one['loc'][0] if one['loc'] else '?'}: {one['msg']}" for one in error.errors())
        raise BadPlace("", "", wrong, "storage-bad-option") from None
