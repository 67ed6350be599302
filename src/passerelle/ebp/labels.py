"""What EBP's import wizard knows of each file: labels, lengths, types, and the codes that must exist.

Written from the collected facts on EBP alone, not from the descriptors of ``passerelle.formats``: two declarations that
nobody made of each other can contradict each other, and a test compares them.

Source: facts ebp.md §1.4, §2.1 to §2.3, §3; spec EBP-2, EBP-3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["text", "number", "date", "boolean"]


@dataclass(frozen=True, slots=True)
class Label:
    """A column that the wizard associates by itself.

    Attributes:
        kind: what its cells must be.
        length: characters that EBP keeps.
        codes: name of EBP's list that its cells must stand in; empty: any text.
        column: working imports always have this column.
        filled: EBP cannot make the record without it.
    """

    kind: Kind = "text"
    length: int | None = None
    codes: str = ""
    column: bool = False
    filled: bool = False


@dataclass(frozen=True, slots=True)
class WizardFile:
    """A file of the zip.

    Attributes:
        kind: what its records are.
        wizard: EBP's name of it in the list of the wizard.
        category: its name on EBP's command line, where one was seen.
        labels: what it may have.
    """

    kind: str
    wizard: str
    category: str
    labels: Mapping[str, Label]


NUMBER = "Document - Numéro du document"
CUSTOMER = "Code (tiers)"
DOCUMENT_CUSTOMER = "Document - Code client"
CURRENCY = "Document - Code ISO devise"
"""EBP's code of the document's currency, empty for the company's own; no public source gives the label."""
SAFE_NUMBER_LENGTH = 24
"""EBP keeps 30 characters of a document's number, but 26 of it in stock movements and 24 in credit notes."""

_NUMBER = Label("number")
_DATE = Label("date")
_BOOLEAN = Label("boolean")
_FREE = Label()


def _text(length: int) -> Label:
    return Label(length=length)


def _code(length: int, codes: str) -> Label:
    return Label(length=length, codes=codes)


def _place(side: str) -> Iterator[tuple[str, Label]]:
    yield from ((f"Adresse {number} ({side})", _text(40)) for number in range(1, 5))
    yield f"Code postal ({side})", _text(10)
    yield f"Ville ({side})", _text(35)
    yield f"Département ({side})", _text(50)
    yield f"Code Pays ({side})", _code(3, "countries")


def _contact(side: str) -> Iterator[tuple[str, Label]]:
    yield f"Nom (contact) ({side})", _text(60)
    yield f"Prénom ({side})", _text(60)
    yield f"Téléphone fixe ({side})", _text(20)
    yield f"Téléphone portable ({side})", _text(20)
    yield f"Fax ({side})", _text(20)
    yield f"E-mail ({side})", _text(100)


def _recipient() -> Iterator[tuple[str, Label]]:
    yield "Civilité (adresse) (livraison)", _text(25)
    yield "Nom (adresse) (livraison)", _text(60)


def _customer_side(side: str) -> Iterator[tuple[str, Label]]:
    yield from _place(side)
    yield f"Site Web ({side})", _text(100)
    yield f"Civilité (contact) ({side})", _text(25)
    yield from _contact(side)
    yield f"Fonction ({side})", _text(40)
    yield f"Service/Bureau ({side})", _text(40)


CUSTOMER_LABELS: Mapping[str, Label] = {
    "Typologie": _FREE,
    CUSTOMER: Label(length=20, column=True, filled=True),
    "Civilité": _text(25),
    "Nom": Label(length=60, column=True, filled=True),
    "Code Famille": _code(10, "customer_families"),
    "Libellé": _text(40),
    "Code sous-famille client": _text(10),
    "Libellé sous-famille client": _text(40),
    "Personne physique": _BOOLEAN,
    "Statut": _FREE,
    "Langue": _text(3),
    **dict(_customer_side("facturation")),
    **dict(_recipient()),
    **dict(_customer_side("livraison")),
    "Compte comptable": _text(20),
    "% remise": _NUMBER,
    "% Remise 2": _NUMBER,
    "% escompte": _NUMBER,
    "Encours autorisé": _NUMBER,
    "Solde initial": _NUMBER,
    "Date de première facture": _DATE,
    "Date de dernière facturation": _DATE,
    "Code mode de règlement": _code(6, "settlement_modes"),
    "Libellé du mode règlement": _text(60),
    "Date de paiement": _FREE,
    "Code territorialité": _FREE,
    "Siren": _text(20),
    "Code NAF": _text(8),
    "Libellé du code NAF": _FREE,
    "Numéro de TVA intracommunautaire": _text(20),
    "Notes en texte brut": _FREE,
    "Est la banque principale": _BOOLEAN,
    "Libellé de la banque": _text(60),
    "Code pays de la banque": _code(3, "countries"),
    "Domiciliation 1 de la banque": _text(60),
    "Domiciliation 2 de la banque": _text(60),
    "Domiciliation 3 de la banque": _text(60),
    "RIB / BBAN": _text(46),
    "BIC": _text(11),
    "IBAN": _text(50),
    "Code de la catégorie tarifaire": _text(8),
    "Libellé de la catégorie tarifaire": _text(40),
    "Code commercial/collaborateur": _text(20),
    "Nom commercial/collaborateur": _text(60),
    "Type de tiers": _FREE,
    "Facturation TTC": _BOOLEAN,
    "Code frais de port": _code(8, "shipping"),
    "Client en compte": _BOOLEAN,
    "Type d'envoi des contacts sur le web": _FREE,
    "Référence unique du mandat SEPA": _text(35),
    "Date de signature du mandat SEPA": _DATE,
    "Séquence de présentation SEPA": _FREE,
}
"""Clients/Prospects, which the addresses are imported as too."""

_MINIMAL = (
    "Document - Nom du client",
    "Document - Adresse 1 (facturation)",
    "Document - Code postal (facturation)",
    "Document - Ville (facturation)",
    "Document - Code Pays (facturation)",
    "Ligne - Code article",
)
"""What the shortest header seen to work has, beside what must be filled."""

_DOCUMENT_LABELS: Mapping[str, Label] = {
    "Acompte - Montant": _NUMBER,
    "Acompte - Code moyen de paiement": _code(6, "payment_means"),
    "Acompte - Montant en devise": _NUMBER,
    "Acompte - Cours de la devise": _NUMBER,
    "Acompte - Code ISO devise": _text(3),
    "Acompte - Date du règlement": _DATE,
    "Document - Utiliser le numéro du document d'origine": _BOOLEAN,
    NUMBER: Label(length=30, column=True, filled=True),
    "Document - Date": Label("date", column=True, filled=True),
    DOCUMENT_CUSTOMER: Label(length=20, column=True, filled=True),
    "Document - Civilité": _text(25),
    "Document - Nom du client": _text(60),
    **{f"Document - {label}": known for label, known in _place("facturation")},
    **{f"Document - {label}": known for label, known in _contact("facturation")},
    **{f"Document - {label}": known for label, known in _recipient()},
    **{f"Document - {label}": known for label, known in _place("livraison")},
    **{f"Document - {label}": known for label, known in _contact("livraison")},
    "Document - Territorialité": _FREE,
    "Document - Numéro de TVA intracommunautaire": _text(20),
    "Document - % remise": _NUMBER,
    "Document - Montant de la remise": _NUMBER,
    "Document - % escompte": _NUMBER,
    "Document - Montant de l'escompte": _NUMBER,
    "Document - Code frais de port": _code(8, "shipping"),
    "Document - Frais de port HT": _NUMBER,
    "Document - Taux de TVA port": _NUMBER,
    "Document - Code TVA port": _code(36, "vat_codes"),
    "Document - Port non soumis à escompte": _BOOLEAN,
    "Document - Total Brut HT": _NUMBER,
    "Document - Total TTC": _NUMBER,
    "Document - Notes": _FREE,
    "Document - Notes en texte brut": _FREE,
    "Document - Référence": _text(70),
    "Document - Code commercial/collaborateur": _text(20),
    "Document - Code mode de règlement": _code(6, "settlement_modes"),
    "Document - Etat du devis": _FREE,
    "Ligne - Code ligne de document": _text(36),
    "Ligne - Code article": _code(40, "articles"),
    "Ligne - Description": _FREE,
    "Ligne - Description commerciale en clair": _FREE,
    "Ligne - Date de livraison": _DATE,
    "Ligne - Quantité": Label("number", column=True, filled=True),
    "Ligne - Taux de TVA": _NUMBER,
    "Ligne - Code TVA": _code(36, "vat_codes"),
    "Ligne - Type de ligne": _FREE,
    "Ligne - PV HT": _NUMBER,
    "Ligne - PV TTC": _NUMBER,
    "Ligne - % remise unitaire cumulé": _NUMBER,
    "Ligne - Montant de remise unitaire HT cumulé": _NUMBER,
    "Ligne - Montant Net HT": _NUMBER,
    "Ligne - Montant Net TTC": _NUMBER,
    "Ligne - Poids Net": _NUMBER,
    "Ligne - Code commercial/collaborateur": _text(20),
    "Ligne - Codes des lignes de commandes": _FREE,
    "Ligne - Codes des commandes": _FREE,
    "Ligne - Quantités à livrer": _FREE,
}
DOCUMENT_LABELS: Mapping[str, Label] = {
    label: replace(known, column=known.column or label in _MINIMAL) for label, known in _DOCUMENT_LABELS.items()
}
"""The five kinds of sales documents."""

BATCH = "Batch.txt"
SETTLEMENTS = "Settlements.txt"
"""What no wizard imports: it is for who books the settlements."""
FILES: Mapping[str, WizardFile] = {
    "Customers.txt": WizardFile("customers", "Clients/Prospects", "Customers", CUSTOMER_LABELS),
    "Adresses.txt": WizardFile("addresses", "Clients/Prospects", "Customers", CUSTOMER_LABELS),
    "Quotes.txt": WizardFile("quote", "Devis (Vente)", "", DOCUMENT_LABELS),
    "Orders.txt": WizardFile("order", "Commandes (Vente)", "SaleOrders", DOCUMENT_LABELS),
    "Delivery Notes.txt": WizardFile("delivery_note", "Bons de livraison (Vente)", "", DOCUMENT_LABELS),
    "Invoices.txt": WizardFile("invoice", "Factures (Vente)", "SaleInvoices", DOCUMENT_LABELS),
    "Credit Notes.txt": WizardFile("credit_note", "Avoirs (Vente)", "", DOCUMENT_LABELS),
}
"""The files of the zip, in the order EBP must import them."""
