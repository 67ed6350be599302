"""Write ``sample_files/catalogue``: what the ERP of a small shop of tableware would give for its web shops.

    python sample_files/make_catalogue.py [FOLDER]

Articles, prices and pictures are invented. There are variants by colour and size, a pack, texts in three languages with
rich text as EBP writes it, pictures in two places, data sheets and invoices as PDF files, and mistakes of real life: a
reference twice, a word for a quantity.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from passerelle.exchange.mappings import MAPPINGS
from passerelle.profile.workbook import create_workbook

HERE = Path(__file__).parent
RTF = (
    r"{\rtf1\ansi\ansicpg1252\deff0\deflang1036{\fonttbl{\f0\fnil\fcharset0 Arial;}{\f1\fnil\fcharset2 Symbol;}}"
    "\r\n"
    r"{\*\generator Riched20 10.0.19041}\viewkind4\uc1 \pard\f0\fs20 %s\par"
    "\r\n"
    "}"
)
COLUMNS: Mapping[str, str] = {
    "code": "Code article",
    "label": "Libellé",
    "label_en": "LocalizableCaption_2",
    "label_de": "LocalizableCaption_3",
    "rich": "DesCom",
    "plain": "DesComClear",
    "rich_en": "LocalizableDesCom_2",
    "rich_de": "LocalizableDesCom_3",
    "group": "Groupe 1",
    "family": "Code famille",
    "family_label": "Libellé famille",
    "vat": "Code TVA",
    "rate": "Taux de TVA",
    "net": "PV HT",
    "gross": "PV TTC",
    "barcode": "Code barre",
    "weight": "Poids net",
    "brand": "xx_Marque",
    "master": "xx_REFERENCE_MAITRE",
    "master_label": "xx_LIBELLE_REF_MAITRE",
    "colour": "xx_COULEUR",
    "size": "xx_TAILLE",
    "origin": "xx_PROVENANCE",
    "photos": "xx_PHOTOS",
    "ecotax": "EcotaxId",
    "web": "Publié sur le web",
    "state": "Statut",
    "stocked": "Gérer l'article en stock",
}
BASE = {
    "vat": "TVA20",
    "rate": "20",
    "brand": "Grès d'Uzès",
    "web": "1",
    "state": "0",
    "stocked": "1",
    "group": "Vaisselle",
}
BOWL = {
    "rich": RTF % r"Un bol en \b gr\'e8s \'e9maill\'e9\b0 , tourn\'e9 \'e0 la main.",
    "plain": "Un bol en grès émaillé, tourné à la main.",
    "rich_en": RTF % r"A bowl of \b glazed stoneware\b0 .",
    "rich_de": RTF % r"Eine Schale aus \b glasiertem Steinzeug\b0 .",
}
CUP = {
    "family": "TASSES", "family_label": "Tasses", "master": "TASSE", "master_label": "Tasse Garrigue",
    "plain": "Tasse Garrigue.\r\nPasse au lave-vaisselle.", "net": "12,50", "gross": "15,00", "weight": "0,240",
}  # fmt: skip
ARTICLES: list[dict[str, str]] = [
    {"code": "BOL-GRES", "label": "Bol en grès émaillé", "label_en": "Stoneware bowl", "label_de": "Steinzeugschale"}
    | BOWL
    | {"family": "BOLS", "family_label": "Bols", "net": "20,00", "gross": "24,00", "weight": "0,450"}
    | {"barcode": "3760001000020"},
    *(
        {"code": f"TASSE-{colour[:3].upper()}-{size}", "label": f"Tasse Garrigue {colour} {size}"}
        | {"label_en": f"Garrigue cup {english} {size}", "label_de": f"Tasse Garrigue {german} {size}"}
        | CUP
        | {"colour": colour, "size": size, "barcode": f"37600010010{number:02d}"}
        for number, (colour, english, german, size) in enumerate(
            [
                ("Bleu", "blue", "blau", "25 cl"),
                ("Bleu", "blue", "blau", "40 cl"),
                ("Ocre", "ochre", "ocker", "25 cl"),
                ("Ocre", "ochre", "ocker", "40 cl"),
            ]
        )
    ),
    {"code": "THEIERE", "label": "Théière en fonte", "label_en": "Cast iron teapot", "label_de": "Gusseiserne Teekanne"}
    | {
        "rich": RTF
        % r"Elle garde le th\'e9 chaud :\par{\pntext\f1\'B7\tab}1 litre\par{\pntext\f1\'B7\tab}filtre inclus"
    }
    | {"family": "THE", "family_label": "Autour du thé", "net": "41,67", "gross": "50,00", "weight": "1,600"}
    | {"photos": "theiere-face.png;theiere-dos.png", "ecotax": "D3E00028"},
    {"code": "TISANE-1", "label": "Tisane des Cévennes 100 g", "label_en": "Herbal tea from the Cévennes"}
    | {"label_de": "Kräutertee aus den Cevennen", "plain": "Thym, verveine & romarin <bio>"}
    | {"family": "THE", "family_label": "Autour du thé", "vat": "TVA55", "rate": "5,5", "net": "6,36", "gross": "6,71"}
    | {"weight": "0,100", "brand": "Herbes & Co", "group": "Épicerie", "origin": "Cévennes"},
    {"code": "COFFRET-THE", "label": "Coffret du matin", "label_en": "Morning set", "label_de": "Morgenset"}
    | {"plain": "Une théière, deux tasses, une tisane.", "family": "THE", "family_label": "Autour du thé"}
    | {"net": "66,67", "gross": "80,00", "weight": "2,300"},
    {"code": "CARTE-CADEAU", "label": "Carte cadeau 50 €", "label_en": "Gift card 50 €", "label_de": "Gutschein 50 €"}
    | {
        "family": "DIVERS",
        "family_label": "Divers",
        "vat": "EXO",
        "rate": "0",
        "net": "50,00",
        "gross": "50,00",
        "stocked": "0",
    },
    {"code": "VASE-ANCIEN", "label": "Vase ancien", "family": "DIVERS", "family_label": "Divers", "state": "1"},
    {
        "code": "PIECE-LAVE-LINGE",
        "label": "Joint de lave-linge",
        "family": "DIVERS",
        "family_label": "Divers",
        "web": "0",
    },
    {"code": "PLAT-DOUBLE", "label": "Plat à gratin", "family": "PLATS", "family_label": "Plats", "net": "25,00"},
    {
        "code": "PLAT-DOUBLE",
        "label": "Plat à gratin (copie)",
        "family": "PLATS",
        "family_label": "Plats",
        "net": "26,00",
    },
    {
        "code": "SALADIER",
        "label": "Saladier",
        "family": "PLATS",
        "family_label": "Plats",
        "net": "30,00",
        "gross": "36,00",
    },
]
STOCK = [
    ("BOL-GRES", "Dépôt principal", "12", "2"),
    ("BOL-GRES", "Boutique", "3", "0"),
    ("TASSE-BLE-25 cl", "Dépôt principal", "24", "0"),
    ("TASSE-BLE-40 cl", "Dépôt principal", "0", "0"),
    ("TASSE-OCR-25 cl", "Dépôt principal", "18", "4"),
    ("TASSE-OCR-25 cl", "Boutique", "2", "0"),
    ("TASSE-OCR-40 cl", "Boutique", "1", "0"),
    ("THEIERE", "Dépôt principal", "7", "1"),
    ("TISANE-1", "Boutique", "40", "0"),
    ("COFFRET-THE", "Dépôt principal", "3", "0"),
    ("SALADIER", "Dépôt principal", "une dizaine", "0"),
    ("SALADIER", "Boutique", "2", "0"),
]
LINKED = [("THEIERE", "TISANE-1"), ("THEIERE", "TASSE-OCR-25 cl"), ("BOL-GRES", "PIECE-LAVE-LINGE")]
COMPONENTS = [
    ("COFFRET-THE", "THEIERE", "1"),
    ("COFFRET-THE", "TASSE-OCR-25 cl", "2"),
    ("COFFRET-THE", "TISANE-1", "1"),
]
TARIFF_COLUMNS = (
    *("Code article", "Code de la catégorie tarifaire", "Code famille (client)", "Code (tiers)", "Quantité", "PV HT"),
    *("PV TTC", "% remise", "Date de début", "Date de fin"),
)
TARIFFS = [
    ("BOL-GRES", "", "", "", "", "", "", "10", "01/01/2026", "31/12/2099"),
    ("BOL-GRES", "REV", "", "", "6", "14,00", "", "", "", ""),
    ("THEIERE", "", "", "CL00001", "", "35,00", "", "", "", ""),
]
CUSTOMER_COLUMNS = (
    *("Code (tiers)", "Nom", "E-mail (facturation)", "Statut", "Personne physique", "Civilité"),
    *("Nom (contact) (facturation)", "Prénom (facturation)", "Adresse 1 (facturation)", "Code postal (facturation)"),
    *("Ville (facturation)", "Code Pays (facturation)", "Code de la catégorie tarifaire"),
    *("Libellé de la catégorie tarifaire", "Numéro de TVA intracommunautaire"),
)
CUSTOMERS = [
    ("CL00001", "Épicerie du Marché", "contact@epicerie-marche.example.com", "0", "0", "", "", "",
     "2 place du Marché", "30000", "Nîmes", "FR", "REV", "Revendeurs", "FR40303265045"),
    ("CL00002", "Le Goff Gaëlle", "gaelle.legoff@example.com", "0", "1", "Madame", "Le Goff", "Gaëlle",
     "5 rue du Port", "29200", "Brest", "FR", "", "", ""),
    ("CL00003", "Ancien client", "ancien@example.com", "1", "1", "Monsieur", "Ancien", "Paul",
     "1 rue Haute", "69001", "Lyon", "FR", "", "", ""),
    ("CL00004", "Sans adresse lisible", "pas une adresse", "0", "1", "", "Sans", "Luc",
     "3 rue Basse", "69001", "Lyon", "FR", "", "", ""),
]  # fmt: skip
CONTACTS = [("CL00001", "1", "Roux", "Inès", "i.roux@example.com")]
STAFF = [("CO00001", "Roche", "Nadia", "n.roche@example.com"), ("CO00002", "Petit", "Hugo", "h.petit@example.com")]
DOCUMENT_COLUMNS = (
    *("Document - Numéro du document", "Type de document", "Document - Date", "Document - Référence"),
    *("Numéro du document d'origine", "xx_atoosync_order", "xx_COLIS"),
)
DOCUMENTS = [
    ("CM00000031", "8", "20/11/2026", "", "", "501", ""),
    ("CM00000032", "8", "19/11/2026", "", "", "502", ""),
    ("BL00000012", "6", "20/11/2026", "", "CM00000032", "", "6A00000000012"),
    ("FA00000018", "2", "20/11/2026", "", "BL00000012", "", ""),
    ("FA00000019", "2", "20/11/2026", "", "", "503", ""),
]
ORDER = {
    "date_add": "2026-11-18 10:00:00", "currency": "EUR", "shop_currency": "EUR", "conversion_rate": "1.000000",
    "id_customer": "7", "customer_firstname": "Gaëlle", "customer_lastname": "Le Goff",
    "customer_email": "gaelle.legoff@example.com", "product_quantity": "1", "tax_rate": "20.000",
    **{f"{kind}_firstname": "Gaëlle" for kind in ("billing", "delivery")},
    **{f"{kind}_lastname": "Le Goff" for kind in ("billing", "delivery")},
    **{f"{kind}_country": "FR" for kind in ("billing", "delivery")},
    **{f"total_{what}_tax_incl": "0.000000" for what in ("discounts", "shipping", "wrapping")},
    **{f"total_{what}_tax_excl": "0.000000" for what in ("discounts", "shipping", "wrapping")},
}  # fmt: skip
"""What all orders of the shop's export have."""
ORDERS = [
    ("501", "WQXKDBNRT", "2", "24.000000", "20.000000", "BOL-GRES", "Bol en grès émaillé"),
    ("502", "PLMVCSDEF", "2", "24.000000", "20.000000", "BOL-GRES", "Bol en grès émaillé"),
    ("503", "ZRTYUHGFD", "3", "50.000000", "41.670000", "THEIERE", "Théière en fonte"),
    ("504", "AQWSZXEDC", "2", "24.000000", "20.000000", "BOL-GRES", "Bol en grès émaillé"),
]
SHEETS = {
    "fiches/THEIERE/entretien.pdf": "Théière en fonte : entretien",
    "fiches/BOL-GRES/fiche.pdf": "Bol en grès émaillé",
    "factures/FA00000018.pdf": "Facture FA00000018",
}
"""Data sheets of articles, and the invoices that were printed: that of the third order was not."""
PICTURES: Mapping[str, tuple[int, int, int]] = {
    "photos/BOL-GRES/1.png": (150, 110, 80),
    "photos/BOL-GRES/2.png": (160, 120, 90),
    "photos/TASSE-BLE-25 cl/1.png": (60, 90, 160),
    "photos/TASSE-OCR-25 cl/1.png": (200, 140, 60),
    "ftp/photos/theiere-face.png": (40, 40, 45),
    "ftp/photos/theiere-dos.png": (55, 55, 60),
}
"""In the folder of the profile, and on the FTP server."""


def extract(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    """Write an extract as EBP's exports are: Windows-1252, ``;``, every cell of the data in quotes."""
    lines = [";".join(columns), *(";".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows), ""]
    return "\r\n".join(lines).encode("cp1252")


def picture(colour: tuple[int, int, int], width: int = 48, height: int = 36) -> bytes:
    """Give a PNG of one colour; stored, so that every version of zlib writes the same bytes."""
    rows = (b"\0" + bytes(colour) * width) * height
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 0)),
        (b"IEND", b""),
    ]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def sheet(title: str) -> bytes:
    """Give a PDF of one page with a title."""
    text = title.encode("cp1252").replace(b"(", b"\\(").replace(b")", b"\\)")
    fonts = b"<< /Font << /F1 5 0 R >> >>"
    drawn = b"BT /F1 24 Tf 60 760 Td (" + text + b") Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources %s >>" % fonts,
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    file, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start, count = len(file), len(objects) + 1
    file += b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
    return file + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, start)


def exported_orders() -> bytes:
    """Give the orders as the shop's SQL manager exports them: one line each."""
    rows = [
        {**ORDER, "id_order": number, "reference": reference, "current_state": state, "id_order_detail": number}
        | {"total_paid_tax_incl": gross, "total_price_tax_incl": gross, "product_reference": article}
        | {"total_paid_tax_excl": net, "total_price_tax_excl": net, "product_name": label}
        for number, reference, state, gross, net, article, label in ORDERS
    ]
    lines = [";".join(rows[0]), *(";".join(row.values()) for row in rows), ""]
    return "\n".join(lines).encode()


def mapping_rows() -> dict[str, pd.DataFrame]:
    """Give the mappings as a bookkeeper filled them."""
    filled: dict[str, list[tuple[str, ...]]] = {
        "tax_rules": [("*", "TVA20", "1"), ("*", "TVA55", "2"), ("*", "EXO", "0")],
        "shop_statuses": [("*", "order", "*", "3"), ("*", "delivery_note", "*", "4"), ("*", "invoice", "*", "5")],
    }
    return {
        name: pd.DataFrame(rows, columns=MAPPINGS[name].key_names + MAPPINGS[name].value_names, dtype="str")
        for name, rows in filled.items()
    }


def write(folder: Path) -> None:
    """Write all files; the workbook, the profile and its formats are left alone when they are there."""
    articles = extract(COLUMNS.values(), ([(BASE | article).get(name, "") for name in COLUMNS] for article in ARTICLES))
    _put(folder / "extracts" / "articles.csv", articles)
    header: tuple[str, ...] = ("Code article", "Dépôt", "Stock réel", "Quantité commandée clients")
    _put(folder / "extracts" / "stocks.csv", extract(header, STOCK))
    _put(folder / "extracts" / "articles_lies.csv", extract(("Code article", "Code article lié"), LINKED))
    _put(folder / "extracts" / "tarifs.csv", extract(TARIFF_COLUMNS, TARIFFS))
    header = ("ParentItemId", "ItemId", "Quantity")
    _put(folder / "extracts" / "nomenclatures.csv", extract(header, COMPONENTS))
    _put(folder / "extracts" / "clients.csv", extract(CUSTOMER_COLUMNS, CUSTOMERS))
    header = ("AssociatedCustomerId", "Contact.Id", "Name", "FirstName", "Email")
    _put(folder / "extracts" / "contacts.csv", extract(header, CONTACTS))
    header = ("Code commercial/collaborateur", "Nom commercial/collaborateur", "Prénom", "E-mail")
    _put(folder / "extracts" / "commerciaux.csv", extract(header, STAFF))
    _put(folder / "extracts" / "documents.csv", extract(DOCUMENT_COLUMNS, DOCUMENTS))
    _put(folder / "commandes" / "orders.csv", exported_orders())
    for name, colour in PICTURES.items():
        _put(folder / name, picture(colour))
    for name, title in SHEETS.items():
        _put(folder / name, sheet(title))
    if not (folder / "mappings.xlsx").exists():
        create_workbook(folder / "mappings.xlsx", mapping_rows())


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "catalogue")
