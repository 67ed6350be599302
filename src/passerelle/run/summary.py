"""What a run tells: counts, amounts, totals by VAT rate, refusals; as data, and as text for people.

Source: spec JOU-1, JOU-5, ORD-45, RUN-5; user-asks A5 (end-of-run balance in count and amount).
"""

from __future__ import annotations

import json
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
    """Orders of one currency: read = written + refused + ignored, in count and in amount."""

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
class Summary:
    """The result of a run; everything in it can be written as JSON.

    Attributes:
        run_id: the run.
        profile: its profile.
        state: what became of it.
        read: orders read; ``written + failed + ignored`` is the same number.
        unread_files: files that could not be read at all.
        documents: how many of each kind were written.
        customers: customer accounts written.
        roundings: how many documents carry an Écart line, and the largest, as text.
        delivery: name of the delivery; empty when nothing was sent.
        place: where it was delivered.
        files: paths of the run's files on this machine, by name.
        new_values: by mapping, how many new values wait for the bookkeeper.
        earlier: deliveries of earlier runs that this one finished.
        period: the days exchanged, as text.
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
    rates: tuple[Rate, ...] = ()
    reasons: tuple[Reason, ...] = ()
    new_values: dict[str, int] = field(default_factory=dict)
    delivery: str = ""
    place: str = ""
    files: dict[str, str] = field(default_factory=dict)
    earlier: tuple[str, ...] = ()
    period: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """The counts as the journal shows them; the first is the sum of the others (JOU-1)."""
        return {"read": self.read, "succeeded": self.written, "failed": self.failed, "ignored": self.ignored}

    @property
    def has_refusals(self) -> bool:
        """Whether anything was refused: records or whole files."""
        return bool(self.failed or self.unread_files)

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
        rows = {"balances": Balance, "rates": Rate, "reasons": Reason}
        for name, kind in rows.items():
            data[name] = tuple(kind(**row) for row in data[name])
        return cls(**{**data, "earlier": tuple(data["earlier"])})


_KINDS = {
    "quote": ("devis", "quotes"),
    "order": ("commandes", "orders"),
    "delivery_note": ("bons de livraison", "delivery notes"),
    "invoice": ("factures", "invoices"),
}
_STATES = {
    "delivered": ("livré", "delivered"),
    "nothing-to-do": ("rien à envoyer", "nothing to send"),
    "planned": ("simulation : rien n'a été envoyé ni enregistré", "plan: nothing was sent or recorded"),
    "paused": ("profil en pause : rien n'a été fait", "profile paused: nothing was done"),
}


def markdown(summary: Summary) -> str:
    """Write the summary for people, as Markdown, in the profile's language: no names, no e-mails (SEC-5)."""
    fr = summary.language == "fr"
    pick = 0 if fr else 1
    lines = [
        f"# {summary.profile} — {_STATES[summary.state][pick]}",
        "",
        f"{'Exécution' if fr else 'Run'} `{summary.run_id}`" + (f", {summary.period}" if summary.period else ""),
        "",
        *_table(
            [("Lues", "Écrites", "Refusées", "Ignorées"), ("Read", "Written", "Refused", "Ignored")][pick],
            [(summary.read, summary.written, summary.failed, summary.ignored)],
        ),
    ]
    if summary.documents:
        kinds = ", ".join(f"{count} {_KINDS[kind][pick]}" for kind, count in summary.documents.items())
        lines += [
            "",
            f"Documents : {kinds} ; clients : {summary.customers}"
            if fr
            else f"Documents: {kinds}; customers: {summary.customers}",
        ]
    if summary.balances:
        heads = (
            ("Devise", "Lu", "Écrit", "Refusé", "Ignoré"),
            ("Currency", "Read", "Written", "Refused", "Ignored"),
        )[pick]
        lines += ["", "## Montants" if fr else "## Amounts", ""]
        lines += _table(
            heads,
            [
                (row.currency, row.amount_read, row.amount_written, row.amount_failed, row.amount_ignored)
                for row in summary.balances
            ],
        )
    if summary.rates:
        heads = (
            ("Devise", "Taux %", "Boutique HT", "Boutique TVA", "Fichier HT", "Fichier TVA", "Écart TTC"),
            ("Currency", "Rate %", "Shop excl.", "Shop VAT", "File excl.", "File VAT", "Difference incl."),
        )[pick]
        lines += ["", "## Par taux de TVA" if fr else "## By VAT rate", ""]
        lines += _table(heads, [tuple(asdict(row).values()) for row in summary.rates])
        lines += [
            "",
            f"Lignes Écart : {summary.roundings}, la plus grande {summary.largest_rounding}"
            if fr
            else f"Rounding lines: {summary.roundings}, the largest {summary.largest_rounding}",
        ]
    if summary.reasons:
        heads = (
            ("État", "Nombre", "Exemple", "Raison", "Que faire"),
            ("State", "Count", "Example", "Reason", "What to do"),
        )
        lines += ["", "## Refus, remarques" if fr else "## Refusals, remarks", ""]
        lines += _table(
            heads[pick], [(row.state, row.count, row.example, row.message, row.todo) for row in summary.reasons]
        )
    if summary.new_values:
        counted = ", ".join(f"{name} ({count})" for name, count in summary.new_values.items())
        lines += ["", f"Nouvelles valeurs à compléter : {counted}" if fr else f"New values to fill in: {counted}"]
    if summary.earlier:
        names = ", ".join(summary.earlier)
        lines += ["", f"Livraisons antérieures terminées : {names}" if fr else f"Earlier deliveries finished: {names}"]
    if summary.delivery:
        lines += [
            "",
            f"Livraison `{summary.delivery}` → {summary.place}"
            if fr
            else f"Delivery `{summary.delivery}` → {summary.place}",
        ]
    if summary.files:
        lines += ["", *(f"- {name}: `{path}`" for name, path in summary.files.items())]
    return "\n".join(lines) + "\n"


def _table(heads: tuple[str, ...], rows: list[tuple[object, ...]]) -> list[str]:
    return [
        "| " + " | ".join(heads) + " |",
        "|" + "---|" * len(heads),
        *("| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in row) + " |" for row in rows),
    ]
