"""``passerelle profile``: making, checking, pausing and showing profiles."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from passerelle.cli.session import WRONG_USAGE, ProfileArgument, confirm, failing, installation, language, say

if TYPE_CHECKING:
    import pandas as pd

    from passerelle.profile.loader import LoadedProfile

REFUSED = 3
DAYS = {
    "fr": ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}

app = typer.Typer(no_args_is_help=True, help="The profiles: what they say and what they lack. Les profils.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name or file of the profile.")]


@app.command("list")
def list_() -> None:
    """List the profiles. Les profils."""
    from passerelle.profile.default import default as chosen  # noqa: PLC0415
    from passerelle.profile.loader import names  # noqa: PLC0415

    folder = installation().profiles
    titles = (
        ("Profil", "Nom", "ERP", "Boutiques", "État") if _french() else ("Profile", "Label", "ERP", "Shops", "State")
    )
    of_default = ", par défaut" if _french() else ", default"
    rows = [_summary(name) for name in names(folder)]
    rows = [(*row[:-1], row[-1] + (of_default if row[0] == chosen(folder) else "")) for row in rows]
    rows = [titles, ("---",) * len(titles), *rows]
    say("\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows))


def _summary(name: str) -> tuple[str, ...]:
    from passerelle.profile.loader import ProfileError  # noqa: PLC0415

    try:
        profile = _loaded(name).profile
    except ProfileError:
        return name, "", "", "", f"{'à corriger' if _french() else 'to correct'} : passerelle profile check {name}"
    active, paused = ("actif", "en pause") if _french() else ("active", "paused")
    shops = ", ".join(f"{shop.name} ({shop.platform})" for shop in profile.shops)
    return name, profile.label, profile.erp.kind, shops, paused if profile.paused else active


@app.command("show")
def show(name: ProfileArgument = "") -> None:
    """Show every setting, also those left at their default. Tous les réglages, même ceux par défaut."""
    with failing():
        from passerelle.profile.shown import settings  # noqa: PLC0415

        loaded = _loaded(name)
        default = "  # par défaut" if _french() else "  # default"
        typer.echo(f"# {loaded.path}")
        for one in settings(loaded):
            typer.echo(f"{one.name} = {one.value}{'' if one.is_given else default}")


@app.command("check")
def check(name: ProfileArgument = "") -> None:
    """Say all that is missing, at once. Tout ce qui manque, en une fois.

    Exit codes: 0 the profile can run, 2 something is missing.
    """
    if _missing(name):
        raise typer.Exit(WRONG_USAGE)


def _missing(name: str) -> int:
    """Say what a profile lacks; count what keeps it from running."""
    with failing():
        from passerelle.profile.check import check as missing  # noqa: PLC0415

        outcomes = missing(_loaded(name))
        _print(outcomes)
        errors = int((outcomes["state"] == "failed").sum())
        remarks = len(outcomes) - errors
        if _french():
            typer.echo(f"Profil {name} : {errors} manque(s), {remarks} remarque(s).")
        else:
            typer.echo(f"Profile {name}: {errors} missing, {remarks} remark(s).")
        return errors


@app.command("refresh")
def refresh(name: ProfileArgument = "") -> None:
    """Add the values met in the shops' exports to the mappings. Ajouter les nouvelles valeurs aux correspondances.

    Reads the exports that wait in the shops' places, exchanges nothing and leaves them there.

    Exit codes: 0 all well, 1 the values could not be added, 3 some orders could not be read.
    """
    with failing():
        from passerelle.model.orders import join_orders  # noqa: PLC0415
        from passerelle.profile.loader import ProfileError  # noqa: PLC0415
        from passerelle.profile.refresh import new_values  # noqa: PLC0415
        from passerelle.profile.workbook import add_new_values, read_mappings  # noqa: PLC0415
        from passerelle.run.exports import ORDERS  # noqa: PLC0415

        loaded = _loaded(name)
        profile = loaded.profile
        if profile.paused:
            typer.echo(f"Le profil {name} est en pause." if _french() else f"Profile {name} is paused.")
            return
        mappings, wrong = read_mappings(profile.mappings)
        if profile.mappings.exists() and len(wrong):
            raise ProfileError(wrong, profile.language)
        sales = join_orders([ORDERS.read_all(shop, shop.source, loaded) for shop in profile.shops])
        values = new_values(profile, sales, mappings, installation().today(profile.time_zone))
        count, said = add_new_values(profile.mappings, values, language=profile.language)
        unreadable = sales.outcomes[sales.outcomes["state"] == "failed"]
        _print(unreadable)
        _print(said)
        if _french():
            typer.echo(f"{len(sales.orders)} commande(s) lue(s), {count} nouvelle(s) valeur(s).")
        else:
            typer.echo(f"{len(sales.orders)} order(s) read, {count} new value(s).")
    if (said["state"] != "succeeded").any():
        raise typer.Exit(1)
    if len(unreadable):
        raise typer.Exit(REFUSED)


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Short code of the profile; asked for when it is missing.")] = "",
    shop: Annotated[
        list[str] | None,
        typer.Option("--shop", metavar="NAME=PLATFORM", help="A shop, as fr=prestashop; may be repeated."),
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option("--task", help="What goes to the shops: articles, stocks, prices …; repeated.")
    ] = None,
    exports: Annotated[str, typer.Option(help="Place of the shops' exports.")] = "exports",
    delivery: Annotated[str, typer.Option(help="Place of what goes to the ERP.")] = "delivered",
    articles: Annotated[str, typer.Option(help="The ERP's extract of articles.")] = "extracts/Articles.txt",
    customers: Annotated[str, typer.Option(help="The ERP's extract of customers.")] = "",
    rounding: Annotated[str, typer.Option(help="The ERP's article for rounding differences.")] = "",
    label: Annotated[str, typer.Option(help="Name shown to people.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: what is not given has its default.")] = False,
) -> None:
    """Make a profile: asks, and writes a file that explains every setting. Créer un profil."""
    with failing():
        from passerelle.cli.wizard import asked_for  # noqa: PLC0415
        from passerelle.profile.making import make  # noqa: PLC0415

        files = {"exports": exports, "delivery": delivery, "articles": articles, "customers": customers}
        given = files | {"rounding": rounding, "label": label}
        wanted = asked_for(name, shop or [], task or [], given, asks=not yes)
        path = make(wanted, installation().profiles)
        typer.echo(f"Profil écrit : {path}" if _french() else f"Profile written: {path}")
    _missing(wanted.name)


@app.command("duplicate")
def duplicate(
    name: NameArgument, new_name: Annotated[str, typer.Argument(metavar="NEW", help="Name of the copy.")]
) -> None:
    """Copy a profile and its mappings. Dupliquer un profil."""
    with failing():
        from passerelle.profile.making import duplicate as copied  # noqa: PLC0415

        path = copied(name, new_name, installation().profiles)
        typer.echo(f"Profil écrit : {path}" if _french() else f"Profile written: {path}")


@app.command("pause")
def pause(name: NameArgument) -> None:
    """Let no task of a profile do anything until it is resumed. Mettre un profil en pause."""
    _set_paused(name, paused=True)


@app.command("resume")
def resume(name: NameArgument) -> None:
    """Let the tasks of a profile work again. Reprendre un profil en pause."""
    _set_paused(name, paused=False)


def _set_paused(name: str, *, paused: bool) -> None:
    with failing():
        from passerelle.profile.making import pause as written  # noqa: PLC0415

        path = written(name, installation().profiles, paused=paused)
        typer.echo(f"{path}: paused = {'true' if paused else 'false'}")


@app.command("delete")
def delete(name: NameArgument, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Remove a profile and its mappings; what was exchanged stays in the ledger. Supprimer un profil."""
    with failing():
        from passerelle.profile.making import delete as removed  # noqa: PLC0415

        loaded = _loaded(name)
        if not yes:
            confirm(
                f"Supprimer {loaded.path} et {loaded.profile.mappings} ?"
                if _french()
                else f"Delete {loaded.path} and {loaded.profile.mappings}?"
            )
        for path in removed(name, installation().profiles):
            typer.echo(f"- {path}")


@app.command("default")
def default(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the profile; missing: say which it is.")] = "",
    unset: Annotated[bool, typer.Option("--unset", help="No profile is the default one any more.")] = False,
) -> None:
    """Say or choose which profile commands take that are given none. Le profil par défaut.

    Exit codes: 0 all well, 2 there is none, or none of this name.
    """
    with failing():
        from passerelle.profile.default import make_default, taken  # noqa: PLC0415

        folder = installation().profiles
        if name or unset:
            make_default("" if unset else name, folder)
        if unset:
            typer.echo("Aucun profil n'est celui par défaut." if _french() else "No profile is the default one.")
        else:
            typer.echo(taken(folder))


@app.command("schedule")
def schedule(
    name: ProfileArgument = "",
    count: Annotated[
        int, typer.Option("--next", min=1, max=1000, metavar="N", help="How many runs of each task. Combien.")
    ] = 10,
) -> None:
    """Say when the tasks will run, in the profile's time zone. Prochaines exécutions des tâches planifiées."""
    with failing():
        from passerelle.profile.features import offers  # noqa: PLC0415
        from passerelle.profile.moments import next_moments  # noqa: PLC0415
        from passerelle.profile.schedules import is_frequent  # noqa: PLC0415

        profile = _loaded(name).profile
        typer.echo(f"# {profile.name}, {profile.time_zone}")
        if profile.paused:
            typer.echo("Le profil est en pause." if _french() else "The profile is paused.")
        for setting, chosen in profile.schedules:
            task = setting.replace("_", "-")
            offered = offers(profile, task)
            moments = next_moments(chosen, profile.time_zone, installation().clock(), count)
            if moments:
                typer.echo(f"\n{task}{_meeting(skips=is_frequent(chosen)) if offered else _off(task)}")
            for moment in moments if offered else ():
                typer.echo(f"  {DAYS[language()][moment.weekday()]} {moment:%Y-%m-%d %H:%M %z}")


def _meeting(*, skips: bool) -> str:
    """Say what becomes of a run that would begin while another one of its task works."""
    if _french():
        return " : sautée si la précédente n'est pas finie" if skips else " : attend que la précédente soit finie"
    return ": left out while the one before works" if skips else ": waits until the one before has ended"


def _off(task: str) -> str:
    from passerelle.profile.features import OF_ORDERS  # noqa: PLC0415

    if task in OF_ORDERS:
        return " : orders.enabled est false" if _french() else ": orders.enabled is false"
    return " : aucune boutique n'a la table de cette tâche" if _french() else ": no shop has the table of this task"


@app.command("mail")
def mail(name: ProfileArgument = "") -> None:
    """Send a mail to see that mails arrive. Envoyer un e-mail d'essai.

    Exit codes: 0 the server has taken it, 1 it has not, 2 the profile sends no mails.
    """
    with failing():
        from passerelle.run.errors import RunError  # noqa: PLC0415
        from passerelle.run.mail import send_trial  # noqa: PLC0415

        profile = _loaded(name).profile
        if profile.mail is None:
            raise RunError("mail-not-set", is_usage=True, profile=name)
        send_trial(profile)
        typer.echo(
            f"E-mail envoyé à {profile.mail.recipients}." if _french() else f"Mail sent to {profile.mail.recipients}."
        )


def _loaded(name: str) -> LoadedProfile:
    from passerelle.profile.loader import load  # noqa: PLC0415

    return load(name, profiles_folder=installation().profiles)


def _print(outcomes: pd.DataFrame) -> None:
    """Print what is said, and after those that ask for the same what to do about them."""
    from passerelle.outcome import message, todo  # noqa: PLC0415

    for advice, rows in groupby(outcomes.to_dict("records"), lambda row: todo(row, language())):
        for row in rows:
            typer.echo(f"{'-' if row['state'] == 'succeeded' else '✗'} {message(row, language())}")
        if advice:
            typer.echo(f"  → {advice}")


def _french() -> bool:
    return language() == "fr"
