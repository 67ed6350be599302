"""``passerelle people``: all that is kept of one person, found, exported, erased."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from passerelle.cli.session import ProfileOption, actor, confirm, failing, installation, language

if TYPE_CHECKING:
    from passerelle.messages import Language
    from passerelle.run.people import Found

app = typer.Typer(no_args_is_help=True, help="What is kept of one person. Données d'une personne.")

WhoArgument = Annotated[str, typer.Argument(help="E-mail, account code of the ERP, or shop/id.")]

_SAID: dict[Language, dict[str, str]] = {
    "fr": {
        "keys": "Client de la boutique : {names}",
        "codes": "Compte ERP : {names}",
        "shared_codes": "Compte ERP partagé avec d'autres : {names}",
        "logins": "Compte transmis à la boutique : {names}",
        "rows": "Ligne transmise à la boutique : {names}",
        "emails": "E-mail : {names}",
        "numbers": "SIRET, TVA : {names}",
        "records": "Enregistrements : {names}",
        "file": "Fichier {path}, retiré par « passerelle purge » à partir du {goes_on}",
        "file-needed": "Fichier {path}, encore utile : livraison ou reprise en attente",
        "erase?": "Effacer du registre l'e-mail, le SIRET, le n° de TVA et ce qui a été dit de cette personne ?",
        "erased": "{accounts} compte(s), {told} valeur(s) transmise(s), {outcomes} remarque(s) effacé(s). Restent les "
        "codes des comptes et ce qui a été transmis, pour que rien ne parte deux fois.",
    },
    "en": {
        "keys": "Customer of the shop: {names}",
        "codes": "ERP account: {names}",
        "shared_codes": "ERP account shared with others: {names}",
        "logins": "Login told to the shop: {names}",
        "rows": "Row told to the shop: {names}",
        "emails": "E-mail: {names}",
        "numbers": "SIRET, VAT: {names}",
        "records": "Records: {names}",
        "file": "File {path}, removed by `passerelle purge` from {goes_on} on",
        "file-needed": "File {path}, still needed: a delivery or a refused record waits",
        "erase?": "Erase e-mail, SIRET, VAT number and what was said of this person from the ledger?",
        "erased": "{accounts} account(s), {told} value(s) told, {outcomes} outcome(s) erased. Account codes and what "
        "was exchanged stay, so that nothing is sent twice.",
    },
}


@app.command()
def find(who: WhoArgument, profile: ProfileOption = "") -> None:
    """Say what is kept of a person, and in which files. Trouver une personne."""
    with failing():
        from passerelle.run import people  # noqa: PLC0415

        typer.echo("\n".join(_lines(people.find(installation(), profile, who))))


@app.command()
def export(
    who: WhoArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The JSON file to write.")],
    profile: ProfileOption = "",
) -> None:
    """Write all that is kept of a person as a JSON file. Exporter les données d'une personne."""
    with failing():
        from passerelle.run import people  # noqa: PLC0415

        output.write_text(people.export(installation(), profile, who), encoding="utf-8")
        output.chmod(0o600)


@app.command()
def erase(
    who: WhoArgument,
    profile: Annotated[str, typer.Option("--profile", "-p", help="The profile.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget who a person is; name the files that stay until they are purged. Effacer une personne."""
    with failing():
        from passerelle.run import people  # noqa: PLC0415

        if not yes:
            typer.echo("\n".join(_lines(people.find(installation(), profile, who))))
            confirm(_SAID[language()]["erase?"])
        found, counts = people.erase(installation(), profile, who, by=actor())
        typer.echo("\n".join([_SAID[language()]["erased"].format(**counts), *_file_lines(found)]))


def _lines(found: Found) -> list[str]:
    said, person = _SAID[language()], found.person
    named = {
        **{name: getattr(person, name) for name in ("keys", "codes", "shared_codes", "emails", "numbers")},
        "logins": [" ".join(login) for login in person.logins],
        "rows": [" ".join(row) for row in person.rows],
        "records": [" ".join(record) for record in sorted(found.records)],
    }
    return [*(said[name].format(names=", ".join(names)) for name, names in named.items() if names), *_file_lines(found)]


def _file_lines(found: Found) -> list[str]:
    from passerelle import outcome  # noqa: PLC0415

    said, spoken = _SAID[language()], language()
    named = [
        said["file" if file.goes_on else "file-needed"].format(path=file.path, goes_on=file.goes_on)
        for file in found.files
    ]
    unread = [
        f"{outcome.message(row, spoken)} {outcome.todo(row, spoken)}" for row in found.outcomes.to_dict("records")
    ]
    return [*named, *unread]
