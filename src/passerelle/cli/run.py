"""``passerelle run``, and the journal's commands: ``runs``, ``run-show``, ``download``, ``rejects``."""

from __future__ import annotations

import gc
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from passerelle.cli.session import ProfileOption, failing, installation, language, say

if TYPE_CHECKING:
    from passerelle.run.job import Task
    from passerelle.run.request import Request

app = typer.Typer(no_args_is_help=True, help="Run a task now. Lancer une tâche.")

Periods = (
    "this-week, last-15-days, this-month, last-month, last-3-months, last-6-months, this-year, last-year, all, "
    "since-last-import"
)


PlanOption = Annotated[bool, typer.Option("--plan", help="Say what would be done; send and record nothing.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="With --plan: where its workbook goes too, a file or a folder.")
]
ApplyOption = Annotated[
    str, typer.Option("--apply", metavar="PLAN", help="Do what that plan says, if it is still what would be done.")
]
FullOption = Annotated[bool, typer.Option("--full", help="Tell the shop everything, whatever it was told before.")]
ShopOption = Annotated[str, typer.Option(help="Only this shop.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
_WORST_FIRST = (1, 2, 3, 0)
"""Exit codes: failed, wrong usage, refused records, all well."""
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_named: dict[str, Any] = {"run_id": "", "debug": False}


@app.callback()
def named(
    run_id: Annotated[
        str, typer.Option("--run-id", metavar="RUN", help="Name the run, or go on with it; of a shop: RUN-shop.")
    ] = "",
    debug: Annotated[
        bool, typer.Option("--debug", help="Keep what is read and asked for, masked, in the run's debug.zip.")
    ] = False,
) -> None:
    """Keep the run's name, and whether it is debugged, for the task."""
    with failing():
        from passerelle.run.errors import RunError  # noqa: PLC0415

        if run_id and not _RUN_ID.fullmatch(run_id):
            raise RunError("console-bad-run-id", is_usage=True, value=run_id)
    _named.update(run_id=run_id, debug=debug)


def _sales_command(task: str) -> Callable[..., None]:
    """Make the command of a task of ``passerelle.run.orders``."""

    def command(
        profile: ProfileOption = "",
        period: Annotated[str | None, typer.Option(help=f"One of: {Periods}.")] = None,
        since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day.")] = None,
        until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day.")] = None,
        only_rejects: Annotated[
            str, typer.Option("--only-rejects", metavar="RUN", help="Only what that run refused, whatever its day.")
        ] = "",
        plan: PlanOption = False,
        output: OutputOption = None,
        apply: ApplyOption = "",
        json: JsonOption = False,
    ) -> None:
        with failing():
            from passerelle.run import orders as tasks  # noqa: PLC0415
            from passerelle.run.request import Request  # noqa: PLC0415

            first, last = (day.date() if day else None for day in (since, until))
            request = Request.asked(profile, period, first, last, plan=plan, only_rejects=only_rejects, apply=apply)
            _run(getattr(tasks, task), request, output, json=json)

    return command


app.command(
    "orders",
    help="""Shop orders to ERP documents. Commandes des boutiques vers l'ERP.

    Exit codes: 0 all well, 1 the run failed, 2 wrong usage or configuration, 3 finished with refused records.""",
)(_sales_command("ORDERS"))
app.command("quotes", help="Shop quotes alone to the ERP. Demandes de devis des boutiques vers l'ERP, seules.")(
    _sales_command("QUOTES")
)
app.command("credit-notes", help="Refunds of sent orders alone to the ERP. Remboursements vers l'ERP, seuls.")(
    _sales_command("CREDIT_NOTES")
)
app.command("settlements", help="What was paid of sent orders, alone. Règlements de commandes envoyées, seuls.")(
    _sales_command("SETTLEMENTS")
)


@app.command()
def prospects(
    profile: ProfileOption = "",
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Without an order since that day; default: never.")
    ] = None,
    plan: PlanOption = False,
    output: OutputOption = None,
    apply: ApplyOption = "",
    json: JsonOption = False,
) -> None:
    """Shop accounts that have not ordered to the ERP. Comptes des boutiques sans commande vers l'ERP."""
    with failing():
        from passerelle.run.prospects import PROSPECTS  # noqa: PLC0415
        from passerelle.run.request import Request  # noqa: PLC0415

        request = Request.asked(profile, since=since.date() if since else None, plan=plan, apply=apply)
        _run(PROSPECTS, request, output, json=json)


def _shop_command(module: str, task: str, table: str) -> Callable[..., None]:
    """Make the command of a task that tells each shop with a table in the profile something."""

    def command(
        profile: ProfileOption = "",
        shop: ShopOption = "",
        full: FullOption = False,
        plan: PlanOption = False,
        apply: ApplyOption = "",
        json: JsonOption = False,
    ) -> None:
        with failing():
            from passerelle.run.to_shops import requests  # noqa: PLC0415

            done = getattr(import_module(f"passerelle.run.{module}"), task)
            asked = requests(installation(), profile, table, shop, full=full, plan=plan, apply=apply)
        _run_each(done, asked, json=json)

    return command


_TO_SHOPS = (
    ("articles", "articles", "ARTICLES", "articles", "articles: new ones, and what may be changed. Articles"),
    ("new-articles", "articles", "NEW_ARTICLES", "articles", "new articles alone. Nouveaux articles, seuls,"),
    ("stocks", "stocks", "STOCKS", "stock", "stock: what differs from what each was told. Stocks"),
    ("prices", "prices", "PRICES", "prices", "prices, of groups and customers too. Prix et tarifs"),
    ("activation", "activation", "ACTIVATE", "activation", "articles on and off. Articles activés ou non"),
    ("images", "images", "IMAGES", "images", "new and changed images of the articles. Images des articles"),
    ("documents", "images", "DOCUMENTS", "documents", "documents of the articles likewise. Documents des articles"),
    ("customer-groups", "accounts", "CUSTOMER_GROUPS", "groups", "customer groups, first. Familles et catégories"),
    ("customers", "accounts", "CUSTOMERS", "accounts", "customers. Clients"),
    ("statuses", "statuses", "STATUSES_TO_SHOP", "statuses", "word of what became of orders. Statuts des commandes"),
    ("tables", "tables", "TABLES_TO_SHOP", "tables", "further tables, by declared formats. Autres tables"),
)
"""The tasks that tell shops something: command, module of ``passerelle.run`` and task in it, the shops' table, help."""
for _name, _module, _task, _table, _help in _TO_SHOPS:
    app.command(
        _name,
        help=f"""To the shops the ERP's {_help} de l'ERP vers les boutiques.

        A run per shop; what stops one does not stop the others, and the worst exit code counts.""",
    )(_shop_command(_module, _task, _table))


@app.command("quotes-to-shop")
def quotes_to_shop(
    profile: ProfileOption = "",
    shop: ShopOption = "",
    plan: PlanOption = False,
    apply: ApplyOption = "",
    json: JsonOption = False,
) -> None:
    """New and changed quotes of the ERP to the shops. Devis de l'ERP vers les boutiques.

    A run per shop; what stops one does not stop the others, and the worst exit code counts.
    """
    with failing():
        from passerelle.run.quotes import QUOTES_TO_SHOP, TABLE  # noqa: PLC0415
        from passerelle.run.to_shops import requests  # noqa: PLC0415

        asked = requests(installation(), profile, TABLE, shop, plan=plan, apply=apply)
    _run_each(QUOTES_TO_SHOP, asked, json=json)


def _run_each(task: Task, asked: list[Request], *, json: bool) -> NoReturn:
    """Run a task for each shop, and leave with the worst exit code."""
    raise typer.Exit(min((_exit_code(task, one, json=json) for one in asked), key=_WORST_FIRST.index))


def _exit_code(task: Task, request: Request, *, json: bool) -> int:
    try:
        _run(task, request, json=json)
    except typer.Exit as ended:
        return ended.exit_code


def _run(task: Task, request: Request, output: Path | None = None, *, json: bool) -> NoReturn:
    """Run a task and print its result; of a plan, put the workbook where it is wanted."""
    with failing():
        from passerelle.cli.transfers import shown_on_terminal  # noqa: PLC0415
        from passerelle.run.errors import RunError  # noqa: PLC0415
        from passerelle.run.job import run_task  # noqa: PLC0415
        from passerelle.run.summary import markdown  # noqa: PLC0415

        if output and not request.plan:
            raise RunError("run-output-without-plan", is_usage=True)
        if _named["debug"] and request.plan:
            raise RunError("run-debug-plan", is_usage=True)
        gc.freeze()  # what was imported stays: looking through it again and again costs a small run a tenth of its time
        run_id = "-".join(filter(None, (_named["run_id"], request.shop))) if _named["run_id"] else request.run_id
        with shown_on_terminal() as progress:
            asked = replace(request, run_id=run_id, debug=_named["debug"])
            summary = run_task(task, asked, installation(), progress)
        if output and summary.plan:
            _copy(summary.files["plan.xlsx"], output, "plan.xlsx")
        if json:
            typer.echo(summary.to_json())
        else:
            say(markdown(summary))
    raise typer.Exit(summary.exit_code)


def _copy(source: Path | str, target: Path, name: str) -> None:
    """Copy a file to a place: another file, or a folder, where it keeps its name."""
    shutil.copyfile(source, target / name if target.is_dir() else target)


def register(root: typer.Typer) -> None:
    """Add the journal's commands to the top level."""
    root.command("runs")(runs)
    root.command("run-show")(run_show)
    root.command("download")(download)
    root.command("rejects")(rejects)


def runs(
    profile: Annotated[str | None, typer.Option("--profile", "-p", help="Only this profile's.")] = None,
    task: Annotated[str, typer.Option(help="Only this task's.")] = "",
    state: Annotated[
        str, typer.Option(help="running, prepared, delivered, nothing_to_do, failed; refusals: with refused records.")
    ] = "",
    text: Annotated[str, typer.Option(help="What the run's name begins with, or its message holds.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
) -> None:
    """List the latest runs. Dernières exécutions."""
    with failing():
        from passerelle.ledger.journal import STATES, Wanted  # noqa: PLC0415
        from passerelle.run.journal import latest_runs  # noqa: PLC0415

        if state and state not in STATES:
            raise typer.BadParameter(f"{state}: {', '.join(STATES)}")
        wanted = Wanted(profile or "", task, state, text=text)
        for line in latest_runs(installation(), wanted, limit):
            typer.echo(line)


def run_show(
    run: Annotated[str, typer.Argument(help="The run.")],
    log: Annotated[bool, typer.Option("--log", help="Its technical log instead.")] = False,
) -> None:
    """Show the summary of a run. Résumé d'une exécution."""
    with failing():
        from passerelle.run import journal  # noqa: PLC0415

        if log:
            typer.echo("\n".join(journal.log_lines(installation(), run)))
            return
        say(journal.summary_text(installation(), run))


def download(
    run: Annotated[str, typer.Argument(help="The run.")],
    name: Annotated[str, typer.Argument(help="The file, such as erpFiles.zip or rejects.xlsx.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to put it; default: this folder.")
    ] = None,
) -> None:
    """Copy a file of a run. Récupérer un fichier d'une exécution."""
    with failing():
        from passerelle.run import journal  # noqa: PLC0415

        source = journal.run_file(installation(), run, name)
        _copy(source, output or Path(name), name)


def rejects(run: Annotated[str, typer.Argument(help="The run.")]) -> None:
    """Say what a run refused, why, and what to do. Ce qui a été refusé, pourquoi, que faire."""
    with failing():
        from passerelle.run import journal  # noqa: PLC0415

        lines = journal.reject_lines(installation(), run, language())
        for line in lines:
            typer.echo(line)
    raise typer.Exit(3 if lines else 0)
