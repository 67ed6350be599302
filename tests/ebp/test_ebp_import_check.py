"""The played import against planted faults: each gives its code, at its place, and nothing else."""

from __future__ import annotations

import io
import re
import time
import zipfile
from decimal import Decimal
from string import Formatter

import pytest
from checked import assert_imports
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from zips import numbered, unzipped, with_cells, with_file, with_rows, zipped

from passerelle import outcome
from passerelle.ebp.check import ImportCheck, import_check
from passerelle.ebp.conventions import DEFAULTS, Conventions
from passerelle.ebp.extracts import Extracts
from passerelle.ebp.labels import FILES
from passerelle.messages import codes

KNOWN = {"ebp-column-not-associated"}
"""What is said of the demonstration's zip itself: its document in a foreign currency needs columns set by hand."""


def said(check: ImportCheck) -> list[tuple[str, str, str]]:
    """Give what was said: record, code, field; that of the unchanged zip left out."""
    table = check.findings[~check.findings["code"].isin(KNOWN)]
    return [(row["record"], row["code"], row["field"]) for row in table.to_dict("records")]


@pytest.fixture(scope="session")
def known(demo_zip) -> Extracts:
    """Give an EBP that has all codes of the demonstration's zip."""
    files = unzipped(demo_zip)
    cells: dict[str, set[str]] = {}
    for name in files.keys() & FILES.keys():
        header, *lines = files[name].decode("cp1252").split("\r\n")[:-1]
        for line in lines:
            for label, cell in zip(header.split(";"), line[1:-1].split('";"'), strict=True):
                cells.setdefault(label, set()).add(cell)
    return Extracts(
        codes={
            "articles": frozenset(cells["Ligne - Code article"]),
            "customers": frozenset({"CL00001", "CL00002"}),
            "vat_codes": frozenset(cells["Ligne - Code TVA"] | cells["Document - Code TVA port"]),
            "settlement_modes": frozenset(cells["Document - Code mode de règlement"]),
            "payment_means": frozenset(cells["Acompte - Code moyen de paiement"]),
            "shipping": frozenset(cells["Document - Code frais de port"]),
            "countries": frozenset({"FR", "BE", "DE", "CH", "GB"}),
            "customer_families": frozenset(cells["Code Famille"]),
            "documents": frozenset({"FA00000001"}),
        },
        vat_rates={"TVA20": Decimal(20), "TVA10": Decimal(10), "TVA55": Decimal("5.5"), "EXO": Decimal(0)},
    )


def test_ebp_3_the_demonstrations_zip_imports(demo_zip, known):
    check = assert_imports(demo_zip, known)
    assert said(check) == []
    assert (check.exit_code, check.unchecked) == (3, ()), "the two columns of a foreign currency"
    files = unzipped(demo_zip)
    assert check.rows == {
        name: data.count(b"\r\n") - 1 for name, data in files.items() if name not in {"Batch.txt", "Settlements.txt"}
    }
    bon = next(one for one in check.documents if one.number == "lyon-1001")
    assert (bon.total_excl, bon.total_tax, bon.total_incl, bon.deposit) == (
        Decimal("141.89"), Decimal("21.76"), Decimal("163.65"), Decimal("163.65"),
    )  # fmt: skip
    assert len(check.customers) == check.rows["Customers.txt"]
    batch = files["Batch.txt"].decode("cp1252").splitlines()
    home = {name: data for name, data in files.items() if name != "Orders.txt"}
    home["Batch.txt"] = "".join(f"{line}\r\n" for line in batch if "Orders.txt" not in line).encode("cp1252")
    assert import_check(zipped(home), known).exit_code == 0, "nothing to say"


def test_ebp_10_without_extracts_what_needs_them_is_off_and_told(demo_zip):
    check = assert_imports(demo_zip)
    assert check.unchecked == (
        "articles", "countries", "customer_families", "customers", "payment_means", "settlement_modes", "shipping",
        "vat_codes",
    )  # fmt: skip
    assert {code for _, code, _ in said(check)} == {"ebp-customer-not-in-zip"}


NUMBER = "Document - Numéro du document"
TOTAL = "Document - Total TTC"
CELLS: dict[str, tuple[str, str, dict[int, str], str]] = {
    "wrong length": ("Customers.txt", "Ville (facturation)", {2: "V" * 36}, "ebp-cell-too-long"),
    "customer code too long": ("Adresses.txt", "Civilité (adresse) (livraison)", {3: "M" * 26}, "ebp-cell-too-long"),
    "unknown article": ("Invoices.txt", "Ligne - Code article", {4: "INCONNU"}, "ebp-unknown-code"),
    "unknown VAT code": ("Invoices.txt", "Ligne - Code TVA", {10: "TVA99"}, "ebp-unknown-code"),
    "unknown settlement mode": ("Invoices.txt", "Document - Code mode de règlement", {16: "TROC"}, "ebp-unknown-code"),
    "unknown shipping": ("Invoices.txt", "Document - Code frais de port", {16: "FUSEE"}, "ebp-unknown-code"),
    "unknown country": ("Adresses.txt", "Code Pays (livraison)", {4: "XX"}, "ebp-unknown-code"),
    "unknown family": ("Customers.txt", "Code Famille", {3: "NOPE"}, "ebp-unknown-code"),
    "unknown means": ("Orders.txt", "Acompte - Code moyen de paiement", {2: "OR"}, "ebp-unknown-code"),
    "unknown customer": ("Invoices.txt", "Document - Code client", {16: "CL99999"}, "ebp-unknown-customer"),
    "address of nobody": ("Adresses.txt", "Code (tiers)", {2: "PERSONNE"}, "ebp-unknown-customer"),
    "swapped decimal mark": ("Invoices.txt", "Ligne - PV HT", {10: "25.37"}, "ebp-decimal-mark"),
    "thousands": ("Invoices.txt", "Ligne - PV HT", {10: "1 025,37"}, "ebp-cell-no-number"),
    "a word as quantity": ("Invoices.txt", "Ligne - Quantité", {10: "deux"}, "ebp-cell-no-number"),
    "ISO date": ("Quotes.txt", "Ligne - Date de livraison", {2: "2026-11-19"}, "ebp-cell-no-date"),
    "impossible date": ("Quotes.txt", "Ligne - Date de livraison", {2: "31/02/2026"}, "ebp-cell-no-date"),
    "short date": ("Quotes.txt", "Ligne - Date de livraison", {2: "1/2/2026"}, "ebp-cell-no-date"),
    "boolean in words": ("Customers.txt", "Personne physique", {2: "oui"}, "ebp-cell-no-boolean"),
    "empty quantity": ("Invoices.txt", "Ligne - Quantité", {5: ""}, "ebp-cell-empty"),
    "empty customer name": ("Customers.txt", "Nom", {5: ""}, "ebp-cell-empty"),
    "rate of another code": ("Invoices.txt", "Ligne - Taux de TVA", {15: "20,5"}, "ebp-vat-rate-differs"),
    "line amount": ("Invoices.txt", "Ligne - Montant Net HT", {2: "19,09"}, "ebp-line-amount"),
    "document column": ("Invoices.txt", "Document - Ville (facturation)", {3: "Lyon"}, "ebp-document-differs"),
    "deposit on two rows": ("Orders.txt", "Acompte - Montant", {3: "5,00"}, "ebp-document-differs"),
    "control character": ("Invoices.txt", "Ligne - Description", {3: "A\x07B"}, "ebp-control-character"),
    "line break": ("Invoices.txt", "Ligne - Description", {3: "A\nB"}, "ebp-line-break-in-cell"),
    "deposit on an invoice": ("Invoices.txt", "Acompte - Montant", {16: "1,00"}, "ebp-deposit-not-on-order"),
}


@pytest.mark.parametrize(("file", "label", "cells", "code"), CELLS.values(), ids=CELLS.keys())
def test_ebp_3_a_wrong_cell_gives_its_code_at_its_place(demo_zip, known, file, label, cells, code):
    check = import_check(with_cells(demo_zip, file, label, cells), known)
    [line] = cells
    found = said(check)
    assert (f"{file}:{line}", code, label) in found
    # A rate or price that changed changes the total too; a deposit without means and date is said so.
    consequences = {"ebp-total-differs", "ebp-deposit-incomplete"}
    assert {one for one in found if one[1] not in consequences} == {(f"{file}:{line}", code, label)}
    assert check.exit_code == (1 if codes()[code].state == "failed" else 3)


def test_ebp_3_a_broken_total_is_said_once_with_both_totals(demo_zip, known):
    lines = numbered(demo_zip, "Invoices.txt", "lyon-1002")
    check = import_check(with_cells(demo_zip, "Invoices.txt", TOTAL, dict.fromkeys(lines, "68,88")), known)
    assert said(check) == [(f"Invoices.txt:{lines[0]}", "ebp-total-differs", TOTAL)]
    row = check.findings[check.findings["code"] == "ebp-total-differs"].iloc[0].to_dict()
    assert outcome.message(row, "fr") == "Le document lyon-1002 annonce 68,88 TTC, mais EBP calcule 68,87."


def test_ebp_3_a_deposit_above_the_total(demo_zip, known):
    check = import_check(with_cells(demo_zip, "Orders.txt", "Acompte - Montant", {2: "163,66"}), known)
    assert said(check) == [("Orders.txt:2", "ebp-deposit-above-total", "Acompte - Montant")]


ROWS = {
    "rows apart": ("Invoices.txt", lambda rows: [*rows[:2], rows[5], *rows[2:5], *rows[6:]],
                   [("Invoices.txt:4", "ebp-rows-apart", NUMBER), ("Invoices.txt:7", "ebp-rows-apart", NUMBER)]),
    "missing customer": ("Customers.txt", lambda rows: [row for row in rows if "LYON000000000653" not in row],
                         [("Adresses.txt:5", "ebp-unknown-customer", "Code (tiers)"),
                          ("Invoices.txt:2", "ebp-unknown-customer", "Document - Code client")]),
    "duplicate customer": ("Customers.txt", lambda rows: [*rows, rows[2]],
                           [("Customers.txt:9", "ebp-duplicate-customer", "Code (tiers)")]),
    "address twice": ("Adresses.txt", lambda rows: [*rows, rows[2]],
                      [("Adresses.txt:9", "ebp-address-twice", "Code (tiers)")]),
    "missing column": ("Invoices.txt", lambda rows: [row[:rows[0].index("Ligne - Code article")]
                                                     + row[rows[0].index("Ligne - Code article") + 1:] for row in rows],
                       [("Invoices.txt:1", "ebp-column-missing", "Ligne - Code article")]),
    "label twice": ("Customers.txt", lambda rows: [[*row, row[3]] for row in rows],
                    [("Customers.txt:1", "ebp-label-twice", "Nom")]),
    "missing cell": ("Invoices.txt", lambda rows: [*rows[:2], rows[2][:-1], *rows[3:]],
                     [("Invoices.txt:3", "ebp-row-cells", "")]),
}  # fmt: skip


@pytest.mark.parametrize(("file", "change", "expected"), ROWS.values(), ids=ROWS.keys())
def test_ebp_3_wrong_rows_give_their_code_at_their_place(demo_zip, known, file, change, expected):
    assert said(import_check(with_rows(demo_zip, file, change), known)) == expected


def test_ebp_3_two_documents_of_one_number(demo_zip, known):
    lines = numbered(demo_zip, "Invoices.txt", "lyon-1004")
    check = import_check(with_cells(demo_zip, "Invoices.txt", NUMBER, dict.fromkeys(lines, "lyon-1002")), known)
    assert said(check) == [(f"Invoices.txt:{lines[0]}", "ebp-duplicate-number", NUMBER)]


def test_ebp_3_two_addresses_of_one_name(demo_zip, known):
    def another(rows):
        place = rows[0].index("Adresse 1 (livraison)")
        return [*rows, [*rows[2][:place], "ailleurs", *rows[2][place + 1 :]]]

    check = import_check(with_rows(demo_zip, "Adresses.txt", another), known)
    assert said(check) == [("Adresses.txt:9", "ebp-address-name-twice", "Nom (adresse) (livraison)")]


def test_ebp_3_a_number_that_ebp_has_counts_when_it_is_to_be_kept(demo_zip, known):
    lines = numbered(demo_zip, "Invoices.txt", "web-203")
    taken = with_cells(demo_zip, "Invoices.txt", NUMBER, dict.fromkeys(lines, "FA00000001"))
    assert said(import_check(taken, known)) == []
    own = "Document - Utiliser le numéro du document d'origine"
    kept = with_cells(taken, "Invoices.txt", own, dict.fromkeys(lines, "1"))
    assert said(import_check(kept, known)) == [(f"Invoices.txt:{lines[0]}", "ebp-number-taken", NUMBER)]


def test_ebp_3_a_long_number(demo_zip, known):
    lines = numbered(demo_zip, "Invoices.txt", "web-203")
    for length, code in ((25, "ebp-number-long"), (31, "ebp-cell-too-long")):
        zip_ = with_cells(demo_zip, "Invoices.txt", NUMBER, dict.fromkeys(lines, "N" * length))
        assert said(import_check(zip_, known)) == [(f"Invoices.txt:{line}", code, NUMBER) for line in lines]


def in_line(number: int, old: bytes, new: bytes):
    """Change bytes of one line."""

    def change(data: bytes) -> bytes:
        lines = data.split(b"\r\n")
        assert old in lines[number - 1]
        lines[number - 1] = lines[number - 1].replace(old, new, 1)
        return b"\r\n".join(lines)

    return change


BYTES = {
    "LF only": (lambda data: data.replace(b"\r\n", b"\n"), [("Invoices.txt:1", "ebp-line-end", "")]),
    "UTF-8": (lambda data: data.decode("cp1252").encode(), [("Invoices.txt:1", "ebp-encoding-utf-8", "")]),
    "BOM": (lambda data: b"\xef\xbb\xbf" + data.decode("cp1252").encode(),
            [("Invoices.txt:1", "ebp-byte-order-mark", "")]),
    "UTF-16": (lambda data: data.decode("cp1252").encode("utf-16"), [("Invoices.txt:1", "ebp-byte-order-mark", "")]),
    "a byte that does not exist": (in_line(16, b"@", b"\x81@"), [("Invoices.txt:16", "ebp-encoding", "")]),
    "cut within the last row": (lambda data: data[:-40], [("Invoices.txt:16", "ebp-last-line-open", ""),
                                                          ("Invoices.txt:16", "ebp-quotes", "")]),
    "last line end missing": (lambda data: data[:-2], [("Invoices.txt:16", "ebp-last-line-open", "")]),
    "extra delimiter": (in_line(4, b'";"', b'";"";"'), [("Invoices.txt:4", "ebp-row-cells", "")]),
    "unbalanced quote": (in_line(4, b'"lyon-1002"', b'"lyon-1002'), [("Invoices.txt:4", "ebp-quotes", "")]),
    "doubled quote": (in_line(4, b"Web 1002", b'Web ""1002'), None),
    "tabs": (lambda data: data.replace(b";", b"\t"), [("Invoices.txt:1", "ebp-no-delimiter", "")]),
    "empty": (lambda data: b"\r\n", [("Invoices.txt", "ebp-file-empty", "")]),
    "quoted header": (lambda data: b'"' + data.replace(b"\r\n", b'"\r\n', 1).replace(b";", b'";"', 66),
                      [("Invoices.txt:1", "ebp-header-quoted", "")]),
}  # fmt: skip


@pytest.mark.parametrize(("change", "expected"), BYTES.values(), ids=BYTES.keys())
def test_ebp_3_wrong_bytes_give_their_code_at_their_place(demo_zip, known, change, expected):
    found = said(import_check(with_file(demo_zip, "Invoices.txt", change), known))
    if expected is None:
        expected = [
            ("Invoices.txt:4", "ebp-quote-in-cell", "Document - Référence"),
            ("Invoices.txt:4", "ebp-document-differs", "Document - Référence"),
        ]
    assert sorted(found) == sorted(expected)


def test_ebp_3_accents_that_were_utf_8_once():
    garbled = document(line("1", "10", "20"), Document_Notes="Café".encode().decode("cp1252"))
    assert ("Invoices.txt:2", "ebp-text-garbled", "") in said(import_check(garbled))
    right = document(line("1", "10", "20"), Document_Notes="Café")
    assert "ebp-text-garbled" not in {code for _, code, _ in said(import_check(right))}


def hostile(name: str, data: bytes = b"x") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name", ["../Orders.txt", "/etc/Orders.txt", "C:\\Orders.txt", "a\\..\\Orders.txt", "x\x00.txt"]
)
def test_ebp_3_sec_4_hostile_names_are_refused(name):
    buffer = hostile("N" * len(name.encode())).replace(b"N" * len(name.encode()), name.encode())
    check = import_check(buffer)
    assert check.findings["code"].tolist() == ["zip-entry-name"]
    assert check.exit_code == 1


def test_ebp_3_sec_4_a_zip_bomb_is_refused():
    check = import_check(zipped({"Orders.txt": b"\0" * 40_000_000}))
    assert check.findings["code"].tolist() == ["zip-too-large"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"no zip", "zip-broken"),
        (zipped({}), "ebp-nothing-to-import"),
        (zipped({"Batch.txt": b""}), "ebp-nothing-to-import"),
        (hostile("orders.txt"), "ebp-nothing-to-import"),
    ],
)
def test_ebp_3_what_is_no_zip_of_ours(data, code):
    check = import_check(data)
    assert code in check.findings["code"].tolist()
    assert check.exit_code == 1


def test_ebp_3_other_files_are_remarked(demo_zip, known):
    check = import_check(zipped(unzipped(demo_zip) | {"Lisez-moi.txt": b"bonjour"}), known)
    assert said(check) == [("erpFiles.zip/Lisez-moi.txt", "ebp-file-unknown", "")]


BATCH = {
    "missing": (lambda _: None, lambda _: ("Batch.txt", "ebp-batch-missing")),
    "rubbish": (lambda lines: [*lines, "importe tout"], lambda count: (f"Batch.txt:{count + 1}", "ebp-batch-line")),
    "wrong category": (
        lambda lines: [line.replace("SaleOrders", "SaleInvoices") for line in lines],
        lambda _: ("Batch.txt:4", "ebp-batch-category"),
    ),
    "documents first": (
        lambda lines: [*lines[1:], lines[0]],
        lambda count: (f"Batch.txt:{count}", "ebp-batch-order"),
    ),
    "a file is not imported": (lambda lines: lines[:-1], lambda _: ("Batch.txt", "ebp-batch-count")),
    "imported twice": (lambda lines: [lines[0], *lines], lambda _: ("Batch.txt", "ebp-batch-count")),
    "a file that is not there": (
        lambda lines: [*lines, '/Import="C:\\x\\Stock.txt";Stock;Nom'],
        lambda count: (f"Batch.txt:{count + 1}", "ebp-batch-file-missing"),
    ),
}


@pytest.mark.parametrize(("change", "expected"), BATCH.values(), ids=BATCH.keys())
def test_ebp_3_batch_txt_agrees_with_the_files(demo_zip, known, change, expected):
    files = unzipped(demo_zip)
    written = files.pop("Batch.txt").decode("cp1252").splitlines()
    lines = change(written)
    if lines is not None:
        files["Batch.txt"] = "".join(f"{line}\r\n" for line in lines).encode("cp1252")
    assert [one[:2] for one in said(import_check(zipped(files), known))] == [expected(len(written))]


def test_ebp_3_a_profile_may_have_other_conventions(demo_zip, known):
    points = Conventions.of_settings({"decimal_mark": ".", "date_format": "%d/%m/%Y"})
    conventions = {**DEFAULTS, "Quotes.txt": points}
    wrong = said(import_check(demo_zip, known, conventions))
    assert {code for _, code, _ in wrong} == {"ebp-decimal-mark"}
    assert {record.partition(":")[0] for record, _, _ in wrong} == {"Quotes.txt"}

    def with_points(rows):
        return [rows[0], *([re.sub(r"^(-?\d+),(\d+)$", r"\1.\2", cell) for cell in row] for row in rows[1:])]

    assert said(import_check(with_rows(demo_zip, "Quotes.txt", with_points), known, conventions)) == []
    other = Conventions.of_settings({"custom_field_name": "Document - IdCdeWeb", "custom_field_suffix": "*"})
    assert other.custom_field == "Document - IdCdeWeb*"
    check = import_check(demo_zip, known, {**DEFAULTS, "Quotes.txt": other})
    assert ("Quotes.txt:1", "ebp-column-not-associated", "atoosync_order") in [
        (row["record"], row["code"], row["field"]) for row in check.findings.to_dict("records")
    ]


def document(*lines: dict[str, str], file: str = "Invoices.txt", customers: bytes = b"", **cells: str) -> bytes:
    """Make a zip with one document from what differs from a plain one."""
    plain = {
        NUMBER: "F1", "Document - Date": "21/11/2026", "Document - Code client": "CL1", "Document - Nom du client": "N",
        "Document - Adresse 1 (facturation)": "", "Document - Code postal (facturation)": "",
        "Document - Ville (facturation)": "", "Document - Code Pays (facturation)": "FR",
    } | {label.replace("_", " - ", 1): cell for label, cell in cells.items()}  # fmt: skip
    rows = [plain | {"Ligne - Code article": "A", **line} for line in lines]
    text = [";".join(rows[0]), *('"' + '";"'.join(row.values()) + '"' for row in rows)]
    files = {file: "".join(f"{line}\r\n" for line in text).encode("cp1252")}
    return zipped(({"Customers.txt": customers} if customers else {}) | files)


def line(quantity: str, price: str, rate: str, net: str = "", **cells: str) -> dict[str, str]:
    numbers = {"Quantité": quantity, "PV HT": price, "Taux de TVA": rate, "Montant Net HT": net}
    return {f"Ligne - {label}": cell for label, cell in numbers.items()} | cells


def total(data: bytes) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    [made] = import_check(data).documents
    return made.total_excl, made.total_tax, made.total_incl


def test_ebp_3_inv_1_totals_are_rounded_once_for_each_rate_half_up():
    lines = [line("1", "0,125", "20"), line("3", "1,111", "20"), line("2", "10", "5,5"), line("-1", "0,5", "20")]
    # 0.13 + 3.33 - 0.50 at 20 %: 0.592 of VAT; 20.00 at 5.5 %: 1.10.
    assert total(document(*lines)) == (Decimal("22.96"), Decimal("1.69"), Decimal("24.65"))
    # 0.13 + 0.12 of VAT when rounded by line; 1.25 at 20 % is 0.25.
    assert total(document(line("1", "0,63", "20"), line("1", "0,62", "20")))[1] == Decimal("0.25")
    # half up: 0.125 of VAT is 0.13, and -0.125 is -0.13.
    assert total(document(line("1", "2,50", "5")))[1] == Decimal("0.13")
    assert total(document(line("-1", "2,50", "5")))[1] == Decimal("-0.13")


def test_ebp_3_footer_discounts_and_shipping():
    lines = [line("1", "100", "20"), line("1", "50", "5,5")]
    footer = {"Document_Frais de port HT": "5", "Document_Taux de TVA port": "20"}
    assert total(document(*lines, **footer)) == (Decimal("155.00"), Decimal("23.75"), Decimal("178.75"))
    # 10 % off the lines, not off the shipping.
    percent = total(document(*lines, **footer, **{"Document_% remise": "10"}))
    assert percent == (Decimal("140.00"), Decimal("21.48"), Decimal("161.48"))
    amount = total(document(*lines, **footer, **{"Document_Montant de la remise": "15"}))
    assert amount == percent
    # 2 % for early payment, on the shipping too unless it is left out.
    early = total(document(*lines, **footer, **{"Document_% escompte": "2"}))
    assert early[0] == Decimal("151.90")
    kept = {"Document_% escompte": "2", "Document_Port non soumis à escompte": "1"}
    assert total(document(*lines, **footer, **kept))[0] == Decimal("152.00")


CUSTOMERS = 'Code (tiers);Nom;Facturation TTC\r\n"CL1";"N";"{}"\r\n'


def test_ebp_3_documents_including_tax_take_the_vat_out():
    priced = {"Ligne - PV TTC": "12,00", "Ligne - Montant Net TTC": "36,00"}
    with_tax = document(line("3", "10", "20", **priced), customers=CUSTOMERS.format(1).encode())
    assert total(with_tax) == (Decimal("30.00"), Decimal("6.00"), Decimal("36.00"))
    odd = {"Ligne - PV TTC": "9,99", "Ligne - Montant Net TTC": "29,97"}
    with_tax = document(line("3", "8,325", "20", "24,98", **odd), customers=CUSTOMERS.format(1).encode())
    assert total(with_tax) == (Decimal("24.98"), Decimal("4.99"), Decimal("29.97"))
    without = document(line("3", "8,325", "20", "24,98", **odd), customers=CUSTOMERS.format(0).encode())
    assert total(without) == (Decimal("24.98"), Decimal("5.00"), Decimal("29.98"))
    discounted = {"Ligne - PV TTC": "12,00", "Ligne - Montant Net TTC": "32,40",
                  "Ligne - Montant de remise unitaire HT cumulé": "1,000000"}  # fmt: skip
    with_discount = document(line("3", "10", "20", **discounted), customers=CUSTOMERS.format(1).encode())
    assert total(with_discount)[2] == Decimal("32.40")
    wrong = {**discounted, "Ligne - Montant Net TTC": "32,50"}
    check = import_check(document(line("3", "10", "20", **wrong), customers=CUSTOMERS.format(1).encode()))
    assert "ebp-line-amount" in check.findings["code"].tolist()


def test_ebp_3_a_document_without_prices_is_left_to_ebp():
    data = document({"Ligne - Quantité": "2"}, {"Ligne - Quantité": "1"})
    assert total(data) == (None, None, None)
    assert not (import_check(data).findings["state"] == "failed").any()


def test_ebp_3_credit_notes_are_documents_too():
    data = document(line("1", "10", "20"), file="Credit Notes.txt")
    [made] = import_check(data).documents
    assert (made.kind, made.total_incl) == ("credit_note", Decimal("12.00"))


FILE = st.sampled_from(["Customers.txt", "Adresses.txt", "Orders.txt", "Invoices.txt", "Batch.txt"])
CHANGE = st.tuples(FILE, st.integers(0, 100_000), st.binary(max_size=12), st.integers(0, 12))


@given(changes=st.lists(CHANGE, min_size=1, max_size=4))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_ebp_3_whatever_the_bytes_there_is_an_answer(demo_zip, known, changes):
    files = unzipped(demo_zip)
    for name, anywhere, new, cut in changes:
        place = anywhere % len(files[name])
        files[name] = files[name][:place] + new + files[name][place + cut :]
    check = import_check(zipped(files, zipfile.ZIP_STORED), known)
    assert check.exit_code in {0, 1, 3}
    for row in check.findings.to_dict("records"):
        assert outcome.message(row, "fr")


def test_ebp_3_numbers_of_any_length_are_computed_exactly_or_refused():
    long = total(document(line("123456789012345", "0,000000000001", "20")))
    assert long[0] == Decimal("123.46")
    large = total(document(line("999999999999999,999999999999", "999999999999999,999999999999", "20")))
    assert large[0] == Decimal("1000000000000000000000000000000.00") - Decimal("2000.00")
    check = import_check(document(line("1234567890123456", "1", "20")))
    assert check.findings["code"].tolist().count("ebp-cell-no-number") == 1


def test_ebp_3_every_code_of_the_check_is_shown_here_and_fully_said(demo_zip, known):
    """No message keeps a placeholder, whatever the fault."""
    faults = [with_cells(demo_zip, file, label, cells) for file, label, cells, _ in CELLS.values()]
    faults += [with_rows(demo_zip, file, change) for file, change, _ in ROWS.values()]
    faults += [with_file(demo_zip, "Invoices.txt", change) for change, _ in BYTES.values()]
    met = set()
    for data in faults:
        for row in import_check(data, known).findings.to_dict("records"):
            met.add(row["code"])
            for text in (outcome.message(row, "fr"), outcome.message(row, "en"), outcome.todo(row, "fr")):
                assert not [name for _, name, _, _ in Formatter().parse(text) if name], text
    assert len(met) > 25


def test_ebp_3_100_000_rows_take_seconds(demo_zip):
    files = unzipped(demo_zip)
    header, *lines = files["Invoices.txt"].decode("cp1252").split("\r\n")[:-1]
    whole = [line for line in lines if '"lyon-1002"' in line]
    body = [line.replace('"lyon-1002"', f'"lyon-{number}"') for number in range(25_000) for line in whole]
    text = "".join(f"{line}\r\n" for line in (header, *body))
    data = zipped(files | {"Invoices.txt": text.encode("cp1252")}, zipfile.ZIP_STORED)
    start = time.process_time()
    check = import_check(data)
    assert time.process_time() - start < 30
    assert check.rows["Invoices.txt"] == 100_000
    assert sum(one.kind == "invoice" for one in check.documents) == 25_000
    assert check.exit_code == 3
