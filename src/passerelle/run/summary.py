"""What a run tells: counts, amounts, totals by VAT rate, refusals; as data, and as text for people.

Source: spec JOU-1, JOU-5, ORD-45, RUN-5; user-asks A5 (end-of-run balance in count and amount).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from passerelle.messages import Language

State = Literal["delivered", "nothing-to-do", "planned", "paused"]


@dataclass(frozen=True, slots=True)
class Rate:
    """Totals of one VAT rate in one currency; amounts and rate as exact decimal texts."""

    currency: str
    tax_rate: str
    shop_base: str
    shop_tax: str
    file_base: str
    file_tax: str
    difference: str


@dataclass(frozen=True, slots=True)
class Balance:
    """Orders, or refunds, of one currency: read = written + refused + ignored, in count and in amount."""

    currency: str
    read: int
    written: int
    failed: int
    ignored: int
    amount_read: str
    amount_written: str
    amount_failed: str
    amount_ignored: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why records were refused, ignored or remarked, and how many."""

    state: str
    code: str
    count: int
    example: str
    message: str
    todo: str


@dataclass(frozen=True, slots=True)
class PlannedCount:
    """How many documents or records a plan would deal with in one way, and what the documents come to."""

    action: str
    direction: str
    what: str
    count: int
    amount: str
    currency: str


@dataclass(frozen=True, slots=True)
class Planned:
    """A row of a plan (``model.plan.PLAN``), as text."""

    what: str
    record: str
    document_number: str
    document_date: str
    customer_code: str
    amount: str
    currency: str
    field: str
    old: str
    new: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The result of a run; everything in it can be written as JSON.

    Attributes:
        run_id: the run.
        profile: its profile.
        state: what became of it.
        read: orders, or articles, read; ``written + failed + ignored`` is the same number.
        unread_files: files that could not be read at all.
        documents: how many of each kind were written.
        balances: what became of the orders by currency, in number and in amount.
        refunds_failed: refunds refused.
        refund_balances: what became of the refunds.
        settlements: by currency, what the settlements come to, as text; money given back is negative.
        settlements_failed: settlements refused of documents exchanged before.
        customers: customer accounts written.
        roundings: how many documents carry an Écart line, and the largest, as text.
        delivery: name of the delivery; empty when nothing was sent.
        place: where it was delivered.
        files: paths of the run's files on this machine, by name.
        new_values: by mapping, how many new values wait for the bookkeeper.
        earlier: deliveries of earlier runs that this one finished.
        period: the days exchanged, as text.
        shop: the shop that something went to; empty: the ERP.
        plan: the plan that was made, or applied (PRE-1).
        planned: what that plan would do, counted.
        plan_rows: its first rows.
        plan_length: how many rows it has.
        quotas: what is used of quotas of which little or nothing is left, as text (JOU-3).
    """

    run_id: str
    profile: str
    language: Language
    state: State
    read: int = 0
    written: int = 0
    failed: int = 0
    ignored: int = 0
    unread_files: int = 0
    documents: dict[str, int] = field(default_factory=dict)
    customers: int = 0
    roundings: int = 0
    largest_rounding: str = "0.00"
    balances: tuple[Balance, ...] = ()
    refunds_failed: int = 0
    refund_balances: tuple[Balance, ...] = ()
    settlements: dict[str, str] = field(default_factory=dict)
    settlements_failed: int = 0
    rates: tuple[Rate, ...] = ()
    reasons: tuple[Reason, ...] = ()
    new_values: dict[str, int] = field(default_factory=dict)
    delivery: str = ""
    place: str = ""
    files: dict[str, str] = field(default_factory=dict)
    earlier: tuple[str, ...] = ()
    period: str = ""
    shop: str = ""
    plan: str = ""
    planned: tuple[PlannedCount, ...] = ()
    plan_rows: tuple[Planned, ...] = ()
    plan_length: int = 0
    quotas: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """The counts as the journal shows them; the first is the sum of the others (JOU-1)."""
        return {"read": self.read, "succeeded": self.written, "failed": self.failed, "ignored": self.ignored}

    @property
    def has_refusals(self) -> bool:
        """Whether anything was refused: records or whole files."""
        return bool(self.failed or self.refunds_failed or self.settlements_failed or self.unread_files)

    @property
    def exit_code(self) -> int:
        """The command's exit code: 0 all well, 3 finished with refused records (RUN-5)."""
        return 3 if self.has_refusals else 0

    def to_json(self) -> str:
        """Give the summary as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Summary:
        """Read a summary back."""
        data: dict[str, Any] = json.loads(text)
        rows = {
            "balances": Balance,
            "refund_balances": Balance,
            "rates": Rate,
            "reasons": Reason,
            "planned": PlannedCount,
            "plan_rows": Planned,
        }
        for name, kind in rows.items():
            data[name] = tuple(kind(**row) for row in data.get(name, ()))
        return cls(**{**data, "earlier": tuple(data["earlier"]), "quotas": tuple(data.get("quotas", ()))})


_WORDS: dict[Language, dict[str, str]] = {
    "fr": {
        "delivered": "livré",
        "nothing-to-do": "rien à envoyer",
        "planned": "simulation : rien n'a été envoyé ni enregistré",
        "paused": "profil en pause : rien n'a été fait",
        "run": "Exécution",
        "counts": "Lues | Écrites | Refusées | Ignorées",
        "quote": "devis",
        "order": "commande(s)",
        "delivery_note": "bon(s) de livraison",
        "invoice": "facture(s)",
        "credit_note": "avoir(s)",
        "documents": "Documents : {documents} ; clients : {customers}",
        "customers": "Fiches clients : {customers}",
        "amounts": "Montants",
        "balance": "Devise | Lu | Écrit | Refusé | Ignoré",
        "refunds": "Remboursements (montant et nombre)",
        "settlements": "Règlements : {amounts} ; refusés : {failed}",
        "by_rate": "Par taux de TVA",
        "rate": "Devise | Taux % | Boutique HT | Boutique TVA | Fichier HT | Fichier TVA | Écart TTC",
        "roundings": "Lignes Écart : {count}, la plus grande {largest}",
        "reasons": "Refus, remarques",
        "failed": "refusé",
        "ignored": "ignoré",
        "succeeded": "remarque",
        "reason": "État | Nombre | Exemple | Raison | Que faire",
        "new_values": "Nouvelles valeurs à compléter dans les correspondances : {values}",
        "earlier": "Livraisons antérieures terminées : {names}",
        "delivery": "Livraison `{name}` → {place}",
        "plan": "Plan",
        "planned_count": "Ce qui serait fait | Nombre | Montant",
        "planned_row": "Ce qui serait fait | Enregistrement | N° | Date | Compte | Montant | Changement | Raison",
        "planned_code": "Ce qui serait fait | Enregistrement | Code",
        "plan_rest": "{shown} lignes sur {length} ; toutes sont dans les fichiers du plan.",
        "plan_apply": "Pour le faire : la même commande avec `--apply {plan}` à la place de `--plan`.",
        "plan_applied": "Plan appliqué : `{plan}`",
    },
    "en": {
        "delivered": "delivered",
        "nothing-to-do": "nothing to send",
        "planned": "plan: nothing was sent or recorded",
        "paused": "profile paused: nothing was done",
        "run": "Run",
        "counts": "Read | Written | Refused | Ignored",
        "quote": "quote(s)",
        "order": "order(s)",
        "delivery_note": "delivery note(s)",
        "invoice": "invoice(s)",
        "credit_note": "credit note(s)",
        "documents": "Documents: {documents}; customers: {customers}",
        "customers": "Customers: {customers}",
        "amounts": "Amounts",
        "balance": "Currency | Read | Written | Refused | Ignored",
        "refunds": "Refunds (amount and number)",
        "settlements": "Settlements: {amounts}; refused: {failed}",
        "by_rate": "By VAT rate",
        "rate": "Currency | Rate % | Shop excl. | Shop VAT | File excl. | File VAT | Difference incl.",
        "roundings": "Rounding lines: {count}, the largest {largest}",
        "reasons": "Refusals, remarks",
        "failed": "refused",
        "ignored": "ignored",
        "succeeded": "remark",
        "reason": "State | Count | Example | Reason | What to do",
        "new_values": "New values to fill in in the mappings: {values}",
        "earlier": "Earlier deliveries finished: {names}",
        "delivery": "Delivery `{name}` → {place}",
        "plan": "Plan",
        "planned_count": "What would be done | Count | Amount",
        "planned_row": "What would be done | Record | Number | Date | Account | Amount | Change | Reason",
        "planned_code": "What would be done | Record | Code",
        "plan_rest": "{shown} rows of {length}; the plan's files have all.",
        "plan_apply": "To do it: the same command with `--apply {plan}` instead of `--plan`.",
        "plan_applied": "Plan applied: `{plan}`",
    },
}


def markdown(summary: Summary, *, values: bool = True) -> str:
    """Write the summary for people, as Markdown, in the profile's language.

    Args:
        summary: the summary.
        values: say the reasons with the values met, which may be personal; else by their codes (SEC-5).
    """
    words = _WORDS[summary.language]
    parts = [
        [f"# {summary.profile}{summary.shop and f' → {summary.shop}'} — {words[summary.state]}"],
        [" ".join(filter(None, (words["run"], f"`{summary.run_id}`" if summary.run_id else "", summary.period)))],
        _table(words["counts"], [(summary.read, summary.written, summary.failed, summary.ignored)]),
        *_plan(summary, words, values=values),
        *_documents(summary, words),
        *_reasons(summary, words, values=values),
        *_what_next(summary, words),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _documents(summary: Summary, words: dict[str, str]) -> Iterator[list[str]]:
    """Say what was written, and how its totals compare with the shop's."""
    if summary.documents:
        counted = ", ".join(f"{count} {words[kind]}" for kind, count in summary.documents.items())
        yield [words["documents"].format(documents=counted, customers=summary.customers)]
    elif summary.customers:
        yield [words["customers"].format(customers=summary.customers)]
    if summary.balances:
        amounts = ("currency", "amount_read", "amount_written", "amount_failed", "amount_ignored")
        yield [f"## {words['amounts']}"]
        yield _table(words["balance"], [tuple(getattr(row, name) for name in amounts) for row in summary.balances])
    if summary.refund_balances:
        yield [f"## {words['refunds']}"]
        states = ("read", "written", "failed", "ignored")
        yield _table(
            words["balance"],
            [
                (row.currency, *(f"{getattr(row, f'amount_{state}')} ({getattr(row, state)})" for state in states))
                for row in summary.refund_balances
            ],
        )
    if summary.settlements or summary.settlements_failed:
        booked = ", ".join(f"{amount} {currency}" for currency, amount in summary.settlements.items()) or "0"
        yield [words["settlements"].format(amounts=booked, failed=summary.settlements_failed)]
    if summary.rates:
        yield [f"## {words['by_rate']}"]
        yield _table(words["rate"], [tuple(asdict(row).values()) for row in summary.rates])
        yield [words["roundings"].format(count=summary.roundings, largest=summary.largest_rounding)]


def _plan(summary: Summary, words: dict[str, str], *, values: bool) -> Iterator[list[str]]:
    """Say what the plan would do; without values only what, with which record, by which code."""
    if summary.state != "planned":
        if summary.plan:
            yield [words["plan_applied"].format(plan=summary.plan)]
        return
    yield [f"## {words['plan']} `{summary.plan}`"]
    counts = [(row.what, row.count, f"{row.amount} {row.currency}".strip()) for row in summary.planned]
    yield _table(words["planned_count"], counts)
    if values:
        yield _table(words["planned_row"], [_planned(row) for row in summary.plan_rows])
    else:
        yield _table(words["planned_code"], [(row.what, row.record, row.code) for row in summary.plan_rows])
    if summary.plan_length > len(summary.plan_rows):
        yield [words["plan_rest"].format(shown=len(summary.plan_rows), length=summary.plan_length)]
    yield [words["plan_apply"].format(plan=summary.plan)]


def _planned(row: Planned) -> tuple[str, ...]:
    change = f"{row.field} : {row.old} → {row.new}" if row.new else row.field
    amount = f"{row.amount} {row.currency}".strip()
    return row.what, row.record, row.document_number, row.document_date, row.customer_code, amount, change, row.reason


def _reasons(summary: Summary, words: dict[str, str], *, values: bool) -> Iterator[list[str]]:
    """Say what was refused, ignored or remarked, and what to do."""
    if summary.reasons:
        yield [f"## {words['reasons']}"]
        rows = [
            (words[row.state], row.count, row.example, row.message if values else row.code, row.todo)
            for row in summary.reasons
        ]
        yield _table(words["reason"], rows)
    if summary.new_values:
        counted = ", ".join(f"{name} ({count})" for name, count in summary.new_values.items())
        yield [words["new_values"].format(values=counted)]


def _what_next(summary: Summary, words: dict[str, str]) -> Iterator[list[str]]:
    """Say what was delivered, what is left of quotas, and where the run's files are."""
    if summary.earlier:
        yield [words["earlier"].format(names=", ".join(summary.earlier))]
    if summary.delivery:
        yield [words["delivery"].format(name=summary.delivery, place=summary.place)]
    if summary.quotas:
        yield [f"- {used}" for used in summary.quotas]
    if summary.files:
        yield [f"- {name}: `{path}`" for name, path in summary.files.items()]


def _table(heads: str, rows: Iterable[tuple[object, ...]]) -> list[str]:
    return [
        f"| {heads} |",
        "|" + "---|" * (heads.count("|") + 1),
        *("| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in row) + " |" for row in rows),
    ]
