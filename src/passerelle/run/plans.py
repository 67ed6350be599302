"""Plans that are kept, so that people can read them, and apply them as they are.

A plan is a folder with ``plan.json`` (all of it), ``plan.csv`` and ``plan.xlsx`` (for people). It is applied by a run
that first sees that it would do exactly this.

Source: spec PRE-1, JOU-2, SEC-4, SEC-5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

import pandas as pd

from passerelle import money
from passerelle.exchange.plan import counted, moved
from passerelle.exchange.selection import Window
from passerelle.ledger.ledger import Ledger
from passerelle.messages import Language
from passerelle.model.plan import PLAN
from passerelle.run import folder
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation
from passerelle.run.request import Request
from passerelle.run.summary import Planned, PlannedCount, Summary

JSON, CSV, WORKBOOK = "plan.json", "plan.csv", "plan.xlsx"
ROWS_SHOWN = 20
"""Rows of a plan that a summary shows; the files have all."""
_RECORDS_NAMED = 10
_HEAD = ("profile", "task", "only_rejects", "files", "shop", "full")
_SAVED_AT = "%Y%m%dT%H%M%S"
_ID = re.compile(r"[0-9]{8}T[0-9]{6}-[0-9a-f]{8}")
_WORDS: dict[Language, dict[str, str]] = {
    "fr": {
        "add-to-erp": "ajouter à l'ERP",
        "update-erp": "mettre à jour l'ERP",
        "add-to-shop": "ajouter à la boutique",
        "update-shop": "mettre à jour la boutique",
        "remember": "retenir",
        "refuse": "refuser",
        "ignore": "ignorer",
        "quote": "devis",
        "order": "commande",
        "delivery_note": "bon de livraison",
        "invoice": "facture",
        "credit_note": "avoir",
        "refund": "remboursement",
        "settlement": "règlement",
        "customer": "client",
        "prospect": "prospect",
        "account": "compte client",
        "article": "article",
        "file": "fichier",
        "row": "ligne de fichier",
        "shop": "boutique",
    },
    "en": {
        "add-to-erp": "add to ERP",
        "update-erp": "update ERP",
        "add-to-shop": "add to shop",
        "update-shop": "update shop",
        "remember": "remember",
        "refuse": "refuse",
        "ignore": "ignore",
        "delivery_note": "delivery note",
        "credit_note": "credit note",
        "account": "customer account",
        "row": "row of a file",
    },
}


@dataclass(frozen=True, slots=True)
class SavedPlan:
    """A plan as it is kept.

    Attributes:
        profile: whose it is.
        task: the task that it is a plan of.
        days: the days that are exchanged.
        only_rejects: the run whose refused records alone are exchanged; empty: all records.
        files: SHA-256 of what would be delivered, by name.
        rows: ``PLAN``, all columns as text: amounts with two decimals, dates as ISO text.
        shop: the shop that something goes to; empty: the ERP.
        full: the shop is told everything.
    """

    profile: str
    task: str
    days: Window
    only_rejects: str
    files: dict[str, str]
    rows: pd.DataFrame
    shop: str = ""
    full: bool = False

    def to_json(self) -> str:
        """Give the plan as JSON; amounts are texts."""
        head = {name: getattr(self, name) for name in _HEAD}
        days = {"first": self.days.first, "last": self.days.last, "is_unbounded": self.days.is_unbounded}
        rows = {"columns": PLAN.names, "rows": self.rows.to_numpy().tolist()}
        return json.dumps({**head, "days": days, **rows}, ensure_ascii=False, default=str)

    @classmethod
    def from_json(cls, text: str) -> SavedPlan:
        """Read a plan back."""
        data = json.loads(text)
        first, last = (date.fromisoformat(day) if (day := data["days"][end]) else None for end in ("first", "last"))
        return cls(
            **{name: data[name] for name in _HEAD},
            days=Window(first, last, data["days"]["is_unbounded"]),
            rows=pd.DataFrame(data["rows"], columns=data["columns"], dtype="str"),
        )


def as_text(plan: pd.DataFrame) -> pd.DataFrame:
    """Give a ``PLAN`` with all columns as text."""
    day = plan["document_date"].dt.strftime("%Y-%m-%d").fillna("")
    return plan.assign(amount=money.to_text(plan["amount"], 2), document_date=day).astype("str")


def save(installation: Installation, saved: SavedPlan, plan: pd.DataFrame, summary: Summary) -> Summary:
    """Keep a plan, and show its beginning in the summary.

    Args:
        installation: where.
        saved: the plan.
        plan: the same as ``PLAN``.
        summary: what the run would count.

    Raises:
        OSError: the folder cannot be written.
    """
    text = saved.to_json().encode()
    plan_id = f"{installation.clock().astimezone(UTC):{_SAVED_AT}}-{sha256(text).hexdigest()[:8]}"
    home = installation.plan_folder(plan_id)
    home.mkdir(parents=True, exist_ok=True)
    table = _for_people(saved.rows)
    folder.write_csv(home / CSV, table.assign(amount=table["amount"].str.replace(".", ",", regex=False)))
    folder.write_workbook(home / WORKBOOK, "Plan", _typed(table, plan))
    folder.write(home / JSON, text)  # last: a plan that is there is whole
    return replace(
        summary,
        plan=plan_id,
        planned=tuple(_counts(counted(plan), summary.language)),
        plan_rows=tuple(_shown(saved.rows, summary.language)),
        plan_length=len(plan),
        files=files(installation, plan_id),
    )


def files(installation: Installation, plan_id: str) -> dict[str, str]:
    """Give the paths of a plan's files by their names."""
    return {name: str(installation.plan_folder(plan_id) / name) for name in (WORKBOOK, CSV, JSON)}


def read(installation: Installation, plan_id: str) -> SavedPlan:
    """Read a saved plan.

    Raises:
        RunError: there is none of this name.
    """
    path = installation.plan_folder(plan_id) / JSON
    if not (_ID.fullmatch(plan_id) and path.is_file()):
        raise RunError("run-plan-unknown", is_usage=True, value=plan_id)
    return SavedPlan.from_json(path.read_text(encoding="utf-8"))


def older(installation: Installation, profile: str, before: datetime) -> list[Path]:
    """Give the folders of a profile's plans that were saved before a moment, and of any whose saving was cut then."""
    homes = sorted(installation.plan_folder("").glob("*"))
    old = [home for home in homes if _ID.fullmatch(home.name) and saved_at(home.name) < before]
    return [home for home in old if not (home / JSON).is_file() or read(installation, home.name).profile == profile]


def saved_at(plan_id: str) -> datetime:
    """Tell when a plan was saved."""
    return datetime.strptime(plan_id.partition("-")[0], _SAVED_AT).replace(tzinfo=UTC)


def to_apply(request: Request, saved: SavedPlan, profile: str, task: str, ledger: Ledger) -> Request:
    """Give what is asked when a plan is applied: its days and rejects, by the run that has begun to, if there is one.

    Raises:
        RunError: the plan is another profile's or task's, or has been applied.
    """
    if saved.profile != profile:
        raise RunError("run-plan-of-other-profile", is_usage=True, value=request.apply, profile=saved.profile)
    if saved.task != task:
        raise RunError("run-plan-of-other-task", is_usage=True, value=request.apply, task=saved.task)
    run = ledger.run_of_plan(request.apply)
    if run and run.run_id != request.run_id and run.state != "prepared":
        raise RunError("run-plan-applied", is_usage=True, value=request.apply, run=run.run_id)
    run_id = run.run_id if run else request.run_id
    if saved.shop != request.shop:
        raise RunError("run-plan-of-other-shop", is_usage=True, value=request.apply, shop=saved.shop)
    return replace(request, run_id=run_id, window=saved.days, only_rejects=saved.only_rejects, full=saved.full)


def check_same(plan_id: str, said: SavedPlan, now: SavedPlan) -> None:
    """See that what would be done is what a plan says.

    Raises:
        RunError: it is not.
    """
    found = moved(said.rows, now.rows)
    # Other bytes of the same records: what they are written with has changed, such as a format.
    rewritten = [name for name in {**said.files, **now.files} if said.files.get(name) != now.files.get(name)]
    names = found.records or rewritten
    if names:
        raise RunError(
            "run-plan-moved",
            value=plan_id,
            changed=len(found.changed),
            gone=len(found.gone),
            new=len(found.new),
            records=", ".join([*names[:_RECORDS_NAMED], *(["…"] if len(names) > _RECORDS_NAMED else [])]),
        )


def _for_people(rows: pd.DataFrame) -> pd.DataFrame:
    """Say in words what would be done, before the columns of the plan."""
    words = {f"what_{language}": _what(rows, language) for language in ("fr", "en")}
    return pd.DataFrame(words, index=rows.index).join(rows.drop(columns="content"))


def _typed(table: pd.DataFrame, plan: pd.DataFrame) -> pd.DataFrame:
    """Give the table with amounts and dates that a spreadsheet can count with."""
    amounts = [None if pd.isna(amount) else money.decimal(int(amount)) for amount in plan["amount"]]
    days = [None if pd.isna(day) else day.date() for day in plan["document_date"]]
    return table.assign(
        amount=pd.Series(amounts, table.index, dtype="object"),
        document_date=pd.Series(days, table.index, dtype="object"),
    )


def _what(rows: pd.DataFrame, language: Language) -> pd.Series:
    """Say what would be done: ``ajouter à l'ERP : facture``."""
    words = _WORDS[language]
    done = rows["direction"].where(rows["direction"] != "", rows["action"])
    kind = rows["document_kind"].where(rows["document_kind"] != "", rows["record_type"])
    named = {one: words.get(one, one) for one in {*done, *kind}}
    colon = " : " if language == "fr" else ": "
    return (done.map(named).astype("str") + colon + kind.map(named).astype("str")).astype("str")


def _counts(counts: pd.DataFrame, language: Language) -> Iterator[PlannedCount]:
    named = counts.rename(columns={"what": "document_kind"}).assign(record_type="")
    amounts = money.to_text(counts["amount"], 2)
    for row, what, amount in zip(counts.to_dict("records"), _what(named, language), amounts, strict=True):
        yield PlannedCount(row["action"], row["direction"], what, row["count"], amount, row["currency"])


def _shown(rows: pd.DataFrame, language: Language) -> Iterator[Planned]:
    shown = rows.head(ROWS_SHOWN)
    names = [name for name in Planned.__dataclass_fields__ if name not in {"what", "reason"}]
    reasons = shown[f"reason_{language}"]
    for row, what, reason in zip(shown[names].to_dict("records"), _what(shown, language), reasons, strict=True):
        yield Planned(what=what, reason=reason, **row)
