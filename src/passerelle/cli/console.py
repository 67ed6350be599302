"""``passerelle console``, who may use it (``console-user``, ``console-token``), and ``passerelle stop``."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from passerelle.cli.session import FAILED, WRONG_USAGE, actor, confirm, failing, installation, language

if TYPE_CHECKING:
    from passerelle.console.commands import Command, Commands, Parameter
    from passerelle.console.tasks import Tasks
    from passerelle.ledger.ledger import Ledger

LOOPBACK = "127.0.0.1"
_HIDDEN = {"profile", "output", "json", "help"}
"""Options of a task's command that are not asked for in the console."""

users = typer.Typer(no_args_is_help=True, help="Users of the console. Utilisateurs de la console.")
tokens = typer.Typer(no_args_is_help=True, help="Tokens of the trigger URL. Jetons de l'URL de lancement.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.")]


def console(
    host: Annotated[str, typer.Option(help="Address to listen at.", envvar="PASSERELLE_CONSOLE_HOST")] = LOOPBACK,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Its port.", envvar="PASSERELLE_CONSOLE_PORT")] = 4280,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A name that the console is called by, beside this machine's own; may be repeated.",
            envvar="PASSERELLE_CONSOLE_HOSTS",
        ),
    ] = None,
    allow_ip: Annotated[
        list[str] | None,
        typer.Option(
            help="An address or network whose requests are answered; may be repeated; default: all.",
            envvar="PASSERELLE_CONSOLE_IPS",
        ),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            help="Address or network of a proxy that says who asks and whether by TLS; may be repeated.",
            envvar="PASSERELLE_CONSOLE_PROXIES",
        ),
    ] = None,
) -> None:
    """Serve the web console, on loopback unless told otherwise. Ctrl-C stops it. La console web.

    Add the first user with: passerelle console-user add NAME.
    """
    with failing():
        from passerelle.console.app import LOOPBACK as OWN_NAMES  # noqa: PLC0415
        from passerelle.console.app import Doors, opened, server  # noqa: PLC0415
        from passerelle.console.guard import networks  # noqa: PLC0415

        try:
            doors = Doors(
                (*OWN_NAMES, host, *(name.lower() for name in allow_host or ())),
                networks(allow_ip or ()),
                networks(trusted_proxy or ()),
            )
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        with opened(installation(), tasks(), commands(), os.environ.get("PREFECT_API_URL", "")) as site:
            typer.echo(f"Console: http://{host}:{port}")
            with suppress(KeyboardInterrupt):  # Ctrl-C: it has stopped as it should
                server(site, doors, host, port).run()


def tasks() -> Tasks:
    """Give the tasks as their commands declare them."""
    from passerelle.cli import run  # noqa: PLC0415
    from passerelle.console.tasks import Option, Task  # noqa: PLC0415

    group = typer.main.get_command(run.app)
    found = {}
    for name, command in getattr(group, "commands", {}).items():
        options = tuple(
            Option(one.name, bool(one.is_flag), one.help or "") for one in command.params if one.name not in _HIDDEN
        )
        found[name] = Task(name, (command.help or "").partition("\n")[0], options)
    return found


def commands() -> Commands:
    """Give all commands with their parameters, by their words."""
    from passerelle.cli.main import app  # noqa: PLC0415 - it imports this module

    return {command.path: command for command in _commands(typer.main.get_command(app), "")}


def _commands(group: Any, path: str) -> Iterator[Command]:
    from passerelle.console.commands import Command  # noqa: PLC0415

    for name, one in group.commands.items():
        words = f"{path} {name}".strip()
        if hasattr(one, "commands"):
            yield from _commands(one, words)
        else:
            help_ = (one.help or "").partition("\n")[0]
            yield Command(words, help_, [_parameter(each) for each in one.params if each.name != "help"])


def _parameter(one: Any) -> Parameter:
    """Describe a parameter as the command line reads it."""
    from passerelle.console.commands import Parameter  # noqa: PLC0415

    option = next((text for text in one.opts if text.startswith("--")), "")
    default = one.default.value if isinstance(one.default, Enum) else one.default
    return Parameter(
        name=one.name,
        option=option,
        is_flag=bool(getattr(one, "is_flag", False)),
        is_many=one.nargs == -1 or bool(getattr(one, "multiple", False)),
        is_needed=one.required,
        default="" if default in (None, False) else str(default),
        choices=[choice.value for choice in type(one.default)] if isinstance(one.default, Enum) else [],
        help=getattr(one, "help", "") or "",
    )


def stop(run: Annotated[str, typer.Argument(help="The run.")]) -> None:
    """Stop a run that was started by the console, by Prefect or under a name of its own. Arrêter une exécution."""
    with failing():
        from passerelle.console.app import opened  # noqa: PLC0415

        with opened(installation(), tasks(), commands(), os.environ.get("PREFECT_API_URL", "")) as site:
            site.starter.stop(run, by=actor())


@users.command("add")
def add_user(name: NameArgument) -> None:
    """Add a user; the password is asked for, or read from a pipe. Ajouter un utilisateur."""
    with failing(), _ledger() as ledger:
        ledger.access.add_user(name, _password(), by=actor())
        _say(f"Utilisateur {name} ajouté.", f"User {name} added.")


@users.command("password")
def set_password(name: NameArgument) -> None:
    """Give a user another password, and log the user out everywhere. Changer un mot de passe."""
    with failing(), _ledger() as ledger:
        ledger.access.set_password(name, _password(), by=actor())
        _say(f"Mot de passe de {name} changé.", f"Password of {name} changed.")


@users.command("remove")
def remove_user(name: NameArgument, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Remove a user, who is logged out at once. Retirer un utilisateur."""
    with failing(), _ledger() as ledger:
        if not yes:
            confirm(f"Retirer {name} ?" if language() == "fr" else f"Remove {name}?")
        ledger.access.remove_user(name, by=actor())
        _say(f"Utilisateur {name} retiré.", f"User {name} removed.")


@users.command("list")
def list_users() -> None:
    """List the users. Les utilisateurs."""
    with failing(), _ledger() as ledger:
        for user in ledger.access.users():
            typer.echo(f"{user.name}  {user.created_at:%Y-%m-%d}")


@tokens.command("add")
def add_token(
    label: Annotated[str, typer.Argument(help="What it is for.")],
    profile: Annotated[str, typer.Option("--profile", "-p", help="Only for this profile; default: all.")] = "",
) -> None:
    """Make a token and print it; it is never shown again. Créer un jeton."""
    with failing(), _ledger() as ledger:
        from passerelle.profile.loader import load  # noqa: PLC0415

        if profile:
            load(profile, profiles_folder=installation().profiles)
        typer.echo(ledger.access.add_token(label, profile, by=actor()))


@tokens.command("list")
def list_tokens() -> None:
    """List the tokens, not what they are. Les jetons."""
    with failing(), _ledger() as ledger:
        for one in ledger.access.tokens():
            used = f"{one.used_at:%Y-%m-%d %H:%M}" if one.used_at else "—"
            typer.echo(f"{one.number}  {one.label}  {one.profile or '*'}  {one.created_by}  {used}")


@tokens.command("remove")
def remove_token(number: Annotated[int, typer.Argument(help="Its number, as the list has it.")]) -> None:
    """Remove a token. Retirer un jeton."""
    with failing(), _ledger() as ledger:
        if not ledger.access.remove_token(number, by=actor()):
            _say(f"Il n'y a pas de jeton {number}.", f"There is no token {number}.")
            raise typer.Exit(WRONG_USAGE)


def _ledger() -> Ledger:
    from passerelle.ledger.ledger import Ledger  # noqa: PLC0415

    return Ledger.open(installation().ledger_url)


def _password() -> str:
    """Ask for a password twice; from a pipe its first line is taken. It is never an argument, which others can see."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first, again = ("Mot de passe : ", "Encore une fois : ") if language() == "fr" else ("Password: ", "Once more: ")
    password = getpass.getpass(first)
    if password != getpass.getpass(again):
        _say("Les deux ne sont pas les mêmes.", "The two are not the same.")
        raise typer.Exit(FAILED)
    return password


def _say(french: str, english: str) -> None:
    typer.echo(french if language() == "fr" else english)
