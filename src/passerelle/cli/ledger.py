"""``passerelle ledger``: what was exchanged, what still has to arrive, and giving up what never will."""

from __future__ import annotations

import json as json_text
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from passerelle.cli.session import FAILED, actor, confirm, failing, installation, language, say

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from passerelle.ledger.entries import Pickup
    from passerelle.ledger.ledger import Ledger
    from passerelle.messages import Language
    from passerelle.profile.settings import Profile

app = typer.Typer(no_args_is_help=True, help="What was exchanged. Registre des échanges.")

Url = Annotated[str | None, typer.Option("--ledger", metavar="URL", help="The ledger; default: the installation's.")]
ProspectsOption = Annotated[bool, typer.Option("--prospects", help="Prospects, as shop/customer id, not orders.")]

_WORDS: dict[Language, dict[str, str]] = {
    "fr": {
        "title": "Registre des échanges",
        "exchanged": "Transmis",
        "unfinished": "Livraisons à terminer",
        "effects": "Mises à jour de la boutique en attente",
        "leases": "Tâches en cours",
        "runs": "Dernières exécutions",
        "pickups": "Fichiers relevés à ranger",
        "nothing": "rien",
        "attempts": "essais",
    },
    "en": {
        "title": "Ledger",
        "exchanged": "Exchanged",
        "unfinished": "Deliveries to finish",
        "effects": "Shop updates still to do",
        "leases": "Tasks running",
        "runs": "Latest runs",
        "pickups": "Picked-up files to put away",
        "nothing": "nothing",
        "attempts": "attempts",
    },
}


@app.command()
def status(url: Url = None, json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False) -> None:
    """Show what was exchanged and what still has to arrive. État du registre des échanges."""
    with failing():
        from passerelle.ledger.ledger import Ledger  # noqa: PLC0415

        with Ledger.open(url or installation().ledger_url, create=False) as ledger:
            told = _told(ledger)
        if json:
            typer.echo(json_text.dumps(told, ensure_ascii=False, indent=2))
        else:
            say(_markdown(told, language()))


@app.command()
def pickups(
    profile: Annotated[str | None, typer.Option("--profile", "-p", help="Of one profile only.")] = None,
    last: Annotated[int, typer.Option(min=1, help="How many, the newest.")] = 100,
    url: Url = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show the files picked up where they are put away: when, by which run, where they are. Fichiers relevés."""
    with failing():
        from passerelle.ledger.ledger import Ledger  # noqa: PLC0415

        with Ledger.open(url or installation().ledger_url, create=False) as ledger:
            told = [_picked_up(one) for one in ledger.pickups(profile)[-last:]]
        if json:
            typer.echo(json_text.dumps(told, ensure_ascii=False, indent=2))
        else:
            typer.echo("\n".join(map(_pickup_line, told)) or _WORDS[language()]["nothing"])


@app.command("forget-pickup")
def forget_pickup(
    path: Annotated[str, typer.Argument(help="Where the file lay, as `ledger pickups` names it.")],
    profile: Annotated[str, typer.Option("--profile", "-p", help="The profile.")],
    url: Url = None,
) -> None:
    """Forget that a file was picked up: put back as it was, it is read again. Oublier un fichier relevé."""
    with failing():
        from passerelle.ledger.ledger import Ledger  # noqa: PLC0415

        with Ledger.open(url or installation().ledger_url, create=False) as ledger:
            count = ledger.forget_pickup(profile, path, by=actor())
        if not count:
            typer.echo(_text("no-pickup", profile=profile, path=path), err=True)
            raise typer.Exit(FAILED)
        done = {
            "fr": f"{count} fichier(s) oublié(s) : remis à sa place, {path} sera relu.",
            "en": f"{count} file(s) forgotten: put back in its place, {path} is read again.",
        }
        typer.echo(done[language()])


@app.command()
def close(
    orders: Annotated[list[str], typer.Argument(help="The orders as shop/id.")],
    profile: Annotated[str, typer.Option("--profile", "-p", help="The profile.")],
    prospects: ProspectsOption = False,
    url: Url = None,
) -> None:
    """Read files no longer again for refused records, entered by hand or not wanted. Clore des refus."""
    with failing():
        from passerelle.ledger.ledger import Ledger  # noqa: PLC0415

        with Ledger.open(url or installation().ledger_url, create=False) as ledger:
            count = ledger.close_records(profile, _record_type(prospects), orders, by=actor())
        typer.echo({"fr": f"{count} refus écarté(s).", "en": f"{count} record(s) closed."}[language()])


@app.command()
def abandon(
    delivery: Annotated[str, typer.Argument(help="The delivery, as `ledger status` names it.")],
    url: Url = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Give up a delivery that can never arrive: its records are exchanged again. Abandonner une livraison."""
    with failing():
        from passerelle.ledger.ledger import Ledger  # noqa: PLC0415

        with Ledger.open(url or installation().ledger_url, create=False) as ledger:
            if not yes:
                asked = {
                    "fr": f"Abandonner la livraison {delivery} ? Ses enregistrements seront transmis à nouveau.",
                    "en": f"Abandon delivery {delivery}? Its records will be exchanged again.",
                }
                confirm(asked[language()])
            count = ledger.abandon(delivery, by=actor())
        done = {
            "fr": f"Livraison {delivery} abandonnée : {count} enregistrement(s) seront transmis à nouveau.",
            "en": f"Delivery {delivery} abandoned: {count} record(s) will be exchanged again.",
        }
        typer.echo(done[language()])


@app.command("forget-mark")
def forget_mark(
    profile: Annotated[str, typer.Option("--profile", "-p", help="The profile.")],
    mark: Annotated[str, typer.Option(help="The mark.")] = "orders.last-import",
    url: Url = None,
) -> None:
    """Forget how far a task was: orders since the last import, an extract's rows, changes. Oublier un repère."""
    with failing():
        from passerelle.ledger.ledger import Ledger  # noqa: PLC0415

        with Ledger.open(url or installation().ledger_url, create=False) as ledger:
            forgotten = ledger.forget_mark(profile, mark, by=actor())
        done = {
            "fr": f"Repère {mark} oublié." if forgotten else f"Le profil {profile} n'a pas de repère {mark}.",
            "en": f"Mark {mark} forgotten." if forgotten else f"Profile {profile} has no mark {mark}.",
        }
        typer.echo(done[language()])


@app.command("set-mark")
def set_mark(
    value: Annotated[str, typer.Argument(help="A day, or day and time: 2026-11-20 or 2026-11-20T03:00:00.")],
    profile: Annotated[str, typer.Option("--profile", "-p", help="The profile.")],
    mark: Annotated[str, typer.Option(help="The mark, such as stocks.last-transfer.SHOP.")],
    url: Url = None,
) -> None:
    """Say since when changes are taken, in the profile's time zone. Fixer depuis quand les changements sont repris."""
    with failing():
        from datetime import datetime  # noqa: PLC0415

        from passerelle.ledger.ledger import Ledger  # noqa: PLC0415
        from passerelle.profile.loader import load  # noqa: PLC0415
        from passerelle.run.orders import LAST_IMPORT  # noqa: PLC0415

        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise typer.BadParameter(value) from None
        _check_mark(load(profile, profiles_folder=installation().profiles).profile, mark)
        if moment.tzinfo:
            moment = moment.astimezone(_zone(profile)).replace(tzinfo=None)
        is_day = mark == LAST_IMPORT or len(value) == len("2026-11-20")
        written = moment.date().isoformat() if is_day else moment.isoformat(timespec="seconds")
        with Ledger.open(url or installation().ledger_url, create=False) as ledger:
            ledger.set_mark(profile, mark, written, by=actor())
        typer.echo(f"{mark} = {written}")


def _check_mark(profile: Profile, mark: str) -> None:
    """See that a mark says since when something is taken; others are the program's own, and hold no time.

    Raises:
        RunError: it is none of the profile's.
    """
    from passerelle.ledger.ledger import last_transfer  # noqa: PLC0415
    from passerelle.profile.features import TABLES  # noqa: PLC0415
    from passerelle.run.errors import RunError  # noqa: PLC0415
    from passerelle.run.orders import LAST_IMPORT  # noqa: PLC0415

    if mark not in {LAST_IMPORT, *(last_transfer(task, shop.name) for task in TABLES for shop in profile.shops)}:
        raise RunError("mark-not-of-profile", is_usage=True, value=mark, known=LAST_IMPORT, profile=profile.name)


@app.command()
def reset(
    orders: Annotated[
        list[str],
        typer.Argument(help="Orders as shop/id, comma between; or ALL; or refunds, settlements, as a run names them."),
    ],
    profile: Annotated[str, typer.Option("--profile", "-p", help="The profile.")],
    prospects: ProspectsOption = False,
    url: Url = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget that orders, or prospects, were exchanged: they are exchanged again. Réinitialiser des commandes."""
    with failing():
        from passerelle.exchange.settlements import whose  # noqa: PLC0415
        from passerelle.ledger.ledger import Ledger  # noqa: PLC0415

        asked = list(dict.fromkeys(filter(None, (key.strip() for given in orders for key in given.split(",")))))
        with Ledger.open(url or installation().ledger_url, create=False) as ledger:
            record_type = _record_type(prospects)
            sent = ledger.exchanged(profile, record_type)["record_key"]
            back, booked = (ledger.exchanged(profile, one)["record_key"] for one in ("refund", "settlement"))
            if prospects:
                back, booked = back.iloc[:0], booked.iloc[:0]
            known = {*sent, *back, *booked}
            is_all = [key.upper() for key in asked] == ["ALL"]
            never = [] if is_all else [key for key in asked if key not in known]
            if never:
                typer.echo(_text("never", orders=", ".join(never), profile=profile), err=True)
            count = len(sent) if is_all else len(asked) - len(never)
            if not count:
                typer.echo(_text("nothing-to-reset", profile=profile), err=True)
                raise typer.Exit(FAILED)
            if not yes:
                shown = "ALL" if is_all else ", ".join(key for key in asked if key in known)
                confirm(_text(f"reset-{record_type}?", count=count, orders=shown, profile=profile))
            paid = booked[is_all | booked.isin(asked) | whose(booked).isin(asked)]
            ledger.forget(profile, record_type, None if is_all else asked, by=actor())
            ledger.forget(profile, "refund", back[is_all | back.isin(asked)], by=actor())
            ledger.forget(profile, "settlement", paid, by=actor())
        typer.echo(_text(f"reset-{record_type}", count=count, profile=profile))


_SAID: dict[str, dict[Language, str]] = {
    "never": {
        "fr": "Jamais transmises par le profil {profile} : {orders}.",
        "en": "Never exchanged by profile {profile}: {orders}.",
    },
    "no-pickup": {
        "fr": "Aucun fichier relevé ne se trouvait là : {path}. passerelle ledger pickups -p {profile} les nomme.",
        "en": "No file was picked up there: {path}. passerelle ledger pickups -p {profile} names them.",
    },
    "nothing-to-reset": {
        "fr": "Rien à réinitialiser. Une commande s'écrit boutique/numéro, comme dans « passerelle run-show ».",
        "en": "Nothing to reset. An order is written shop/id, as `passerelle run-show` has it.",
    },
    "reset-prospect?": {
        "fr": "Réinitialiser {count} prospect(s) du profil {profile} ({orders}) ? Ils seront de nouveau envoyés à "
        "l'ERP, ce qui met à jour leurs fiches.",
        "en": "Reset {count} prospect(s) of profile {profile} ({orders})? They are sent to the ERP again, which "
        "updates them.",
    },
    "reset-prospect": {
        "fr": "{count} prospect(s) réinitialisé(s) : passerelle run prospects -p {profile} les transmet.",
        "en": "{count} prospect(s) reset: passerelle run prospects -p {profile} sends them.",
    },
    "reset-order?": {
        "fr": "Réinitialiser {count} commande(s) du profil {profile} ({orders}) ? Elles seront de nouveau envoyées à "
        "l'ERP : supprimez-y d'abord leurs documents.",
        "en": "Reset {count} order(s) of profile {profile} ({orders})? They are sent to the ERP again: delete their "
        "documents there first.",
    },
    "reset-order": {
        "fr": "{count} commande(s) réinitialisée(s) : le prochain passage les transmet. Plus anciennes que la période "
        "du profil : passerelle run orders -p {profile} --since AAAA-MM-JJ.",
        "en": "{count} order(s) reset: the next run exchanges them. Those of before the profile's period: "
        "passerelle run orders -p {profile} --since YYYY-MM-DD.",
    },
}


def _text(name: str, **parameters: object) -> str:
    return _SAID[name][language()].format(**parameters)


@app.command("audit")
def audit_trail(
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="One day only.")] = None,
    profile: Annotated[str | None, typer.Option("--profile", "-p", help="Of one profile only.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it as a CSV file.")] = None,
    url: Url = None,
) -> None:
    """Show what was sent, forgotten and closed: when, by whom or by which run. Piste d'audit.

    Days and times are in the profile's time zone; of all profiles in this machine's.
    """
    with failing():
        from passerelle.ledger.ledger import Ledger  # noqa: PLC0415
        from passerelle.run.audit import table as as_table  # noqa: PLC0415
        from passerelle.run.folder import csv_bytes  # noqa: PLC0415

        zone = _zone(profile)
        days = [(day + timedelta(days=number)).replace(tzinfo=zone) for number in (0, 1)] if day else []
        first, last = (one.astimezone(zone) for one in days) if day else (None, None)
        with Ledger.open(url or installation().ledger_url, create=False) as ledger:
            table = as_table(ledger.actions(profile, first, last), zone)
        if output:
            output.write_bytes(csv_bytes(table))
        else:
            typer.echo("\n".join("  ".join(row).rstrip() for row in table.itertuples(index=False)))


def _zone(profile: str | None) -> ZoneInfo | None:
    """Give the time zone of a profile's days; of all of them, and of one that is gone, it is this machine's."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    from passerelle.profile.loader import ProfileError, load  # noqa: PLC0415

    try:
        return ZoneInfo(load(profile, profiles_folder=installation().profiles).profile.time_zone) if profile else None
    except ProfileError:
        return None


def _record_type(prospects: bool) -> str:
    return "prospect" if prospects else "order"


def _told(ledger: Ledger) -> dict[str, Any]:
    """Give what there is to know, as JSON has it."""
    return {
        "ledger": ledger.url,
        "exchanged": ledger.exchanged_counts().to_dict("records"),
        "unfinished": [
            {
                "delivery": delivery.delivery_id,
                "profile": delivery.profile,
                "task": delivery.task,
                "place": delivery.place,
                "files": [file.name for file in delivery.files],
                "prepared_at": delivery.prepared_at.isoformat(timespec="seconds"),
                "attempts": delivery.attempts,
                "last_error": delivery.last_error,
            }
            for delivery in ledger.unfinished()
        ],
        "pickups": [_picked_up(one) for one in ledger.pickups(state="taken")],
        "effects": ledger.pending_effects().groupby("profile").size().to_dict(),
        "leases": ledger.leases().to_dict("records"),
        "runs": [
            {
                "run": run.run_id,
                "profile": run.profile,
                "task": run.task,
                "state": run.state,
                "started_at": run.started_at.isoformat(timespec="seconds"),
            }
            for run in ledger.runs(limit=5)
        ],
    }


def _picked_up(pickup: Pickup) -> dict[str, Any]:
    return {
        "profile": pickup.profile,
        "shop": pickup.shop,
        "place": pickup.file.place,
        "path": pickup.file.path,
        "size": pickup.file.size,
        "sha256": pickup.file.sha256,
        "state": pickup.state,
        "unreadable": pickup.is_unreadable,
        "run": pickup.run_id,
        "picked_at": pickup.picked_at.isoformat(timespec="seconds"),
        "moved_to": pickup.moved_to,
    }


def _pickup_line(told: dict[str, Any]) -> str:
    line = "{picked_at} · {profile}/{shop} · {place} · {path} · {state} · {run}".format(**told)
    return f"{line} → {told['moved_to']}" if told["moved_to"] else line


def _markdown(told: dict[str, Any], spoken: Language) -> str:
    words = _WORDS[spoken]
    sections = {
        "exchanged": ["{profile} · {record_type}: {records}".format(**row) for row in told["exchanged"]],
        "unfinished": [
            f"{row['delivery']} · {row['profile']}/{row['task']} → {row['place']} ({', '.join(row['files'])}), "
            + f"{row['prepared_at']}, {row['attempts']} {words['attempts']} {row['last_error']}".rstrip()
            for row in told["unfinished"]
        ],
        "pickups": [_pickup_line(row) for row in told["pickups"]],
        "effects": [f"{profile}: {count}" for profile, count in told["effects"].items()],
        "leases": ["{profile}/{task} · {holder} ({host})".format(**row) for row in told["leases"]],
        "runs": ["{run} · {profile}/{task} · {state} · {started_at}".format(**row) for row in told["runs"]],
    }
    lines = [f"# {words['title']}", "", told["ledger"]]
    for name, rows in sections.items():
        lines += ["", f"## {words[name]}", "", *(f"- {row}" for row in rows or [words["nothing"]])]
    return "\n".join(lines)
