"""The questions of ``passerelle profile new``: what is not given is asked, with a default that makes a profile.

Source: spec PRO-2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

import typer

from passerelle.cli.session import WRONG_USAGE, language

if TYPE_CHECKING:
    from passerelle.profile.making import NewProfile

_QUESTIONS = {
    "fr": {
        "name": "Nom court du profil (lettres, chiffres, tirets)",
        "label": "Nom affiché",
        "shops": "Boutiques, comme fr=prestashop, séparées par des virgules",
        "exports": "Où sont les exports des boutiques (dossier ou URL)",
        "delivery": "Où va ce qui est pour l'ERP (dossier ou URL)",
        "articles": "Extraction des articles de l'ERP",
        "customers": "Extraction des clients de l'ERP (vide : pas d'extraction)",
        "rounding": "Article de l'ERP pour les écarts d'arrondi (vide : plus tard)",
        "tasks": "Ce qui va vers les boutiques, séparé par des virgules ({known} ; vide : rien)",
        "unknown": "« {value} » n'est pas connu ; connus : {known}.",
    },
    "en": {
        "name": "Short code of the profile (letters, digits, hyphens)",
        "label": "Name shown to people",
        "shops": "Shops, as fr=prestashop, with commas between",
        "exports": "Where the shops' exports lie (folder or URL)",
        "delivery": "Where what is for the ERP goes (folder or URL)",
        "articles": "The ERP's extract of articles",
        "customers": "The ERP's extract of customers (empty: none)",
        "rounding": "The ERP's article for rounding differences (empty: later)",
        "tasks": "What goes to the shops, with commas between ({known}; empty: nothing)",
        "unknown": "“{value}” is not known; known: {known}.",
    },
}


def asked_for(name: str, shops: list[str], tasks: list[str], given: Mapping[str, str], *, asks: bool) -> NewProfile:
    """Give what is wanted of a new profile; ask for what was not given.

    Args:
        name: the profile's, or empty.
        shops: as ``name=platform``.
        tasks: what goes to the shops.
        given: ``exports``, ``delivery``, ``articles``, ``customers``, ``rounding``, ``label``, each with its default.
        asks: ask; else take defaults.

    Raises:
        typer.Exit: a platform or task is not known.
    """
    from passerelle.profile.making import ASKED, NewProfile, NewShop  # noqa: PLC0415
    from passerelle.profile.shop_settings import Platform  # noqa: PLC0415

    chosen = language()
    words = _QUESTIONS[chosen]
    known = ", ".join(ASKED)
    if asks:
        name = name or typer.prompt(words["name"])
        given = {key: typer.prompt(words[key], default=value) for key, value in given.items()}
        shops = shops or _parts(typer.prompt(words["shops"], default="shop=prestashop"))
        tasks = tasks or _parts(typer.prompt(words["tasks"].format(known=known), default="", show_default=False))
    pairs: list[tuple[str, Any]] = [shop.partition("=")[::2] for shop in shops or ["shop=prestashop"]]
    for value, allowed in [*((pair[1], get_args(Platform)) for pair in pairs), *((task, ASKED) for task in tasks)]:
        if value not in allowed:
            typer.echo(words["unknown"].format(value=value, known=", ".join(allowed)), err=True)
            raise typer.Exit(WRONG_USAGE)
    several = len(pairs) > 1
    return NewProfile(
        name=name or "new",
        label=given["label"],
        language=chosen,
        shops=tuple(
            NewShop(
                shop,
                platform,
                f"{given['exports'].rstrip('/')}/{shop}" if several else given["exports"],
                f"to-{shop}" if tasks else "",
                tuple(tasks),
            )
            for shop, platform in pairs
        ),
        delivery=given["delivery"],
        articles=given["articles"],
        customers=given["customers"],
        rounding=given["rounding"],
    )


def _parts(answer: str) -> list[str]:
    return [part for one in answer.split(",") if (part := one.strip())]
