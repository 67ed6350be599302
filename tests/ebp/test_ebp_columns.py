"""What the writer's descriptors and the played import each say of EBP's columns; two authors, compared."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

from passerelle.ebp.chosen import IMPORTED, Chosen
from passerelle.ebp.labels import CUSTOMER_LABELS, DOCUMENT_LABELS, FILES
from passerelle.formats.documentation import page
from passerelle.formats.notation import DescriptorError
from passerelle.formats.registry import formats
from passerelle.formats.writer import write
from passerelle.model.documents import CUSTOMERS

UNKNOWN_TO_EBP = {
    "Document - Code souche": "the SQL column is known, the label is inferred: associated by hand",
    "Document - Code dépôt": "the SQL column is known, the label is inferred: associated by hand",
    "Document - Code ISO devise": "inferred from the deposit's column of that name: associated by hand",
    "Document - Cours de la devise": "inferred from the deposit's column of that name: associated by hand",
    "atoosync_order": "a custom field: its name is the profile's",
}
OTHER_LENGTH = {
    "Document - Numéro du document": "EBP takes 30, but keeps 24 in credit notes: the writer refuses more than 24",
}
TYPES = {"text": "string", "number": "number", "date": "date", "boolean": "boolean"}


@pytest.mark.parametrize("file", list(FILES))
def test_ebp_2_ebp_3_both_declarations_agree_or_their_difference_is_explained(file):
    descriptor, labels = Chosen().descriptor(file), FILES[file].labels
    assert descriptor.path == file
    for one in (*descriptor.fields, *descriptor.offered):
        if one.title in UNKNOWN_TO_EBP:
            assert one.title not in labels
            continue
        known = labels[one.title]
        if one.title not in OTHER_LENGTH:
            assert one.max_length == known.length, one.title
        else:
            assert one.max_length < known.length
        if one.constant is None:  # a constant is the text of the file, whatever its type
            assert one.type == TYPES[known.kind], one.title
    titles = {one.title for one in descriptor.fields}
    needed = {label for label, known in labels.items() if known.column}
    if FILES[file].kind != "addresses":
        assert needed <= titles
    required = {one.title for one in descriptor.fields if one.required}
    filled = {label for label, known in labels.items() if known.filled}
    # The writer always fills the deposit: 0 when there is none, as the product's files do.
    assert required - filled <= {"Acompte - Montant"}
    assert filled & titles <= required


def test_ebp_2_every_documented_label_is_in_the_descriptors():
    for name, labels in (("ebp/customers", CUSTOMER_LABELS), ("ebp/document", DOCUMENT_LABELS)):
        descriptor = formats().get(name)
        titles = {one.title for one in (*descriptor.fields, *descriptor.offered)}
        assert titles - set(labels) <= set(UNKNOWN_TO_EBP)
        assert set(labels) - titles == set()
    assert (len(CUSTOMER_LABELS), len(DOCUMENT_LABELS)) == (87, 81), "as counted in § 2.1 and § 2.3 of the facts"


def test_ebp_2_every_column_is_explained_in_french():
    for name in IMPORTED.values():
        descriptor = formats().get(name)
        for one in (*descriptor.fields, *descriptor.offered):
            assert one.description_fr, f"{name}: {one.name}"


def row(**cells: object) -> pd.DataFrame:
    return CUSTOMERS.of([{"customer_code": "A1", "name": "Dupont", **cells}])


def test_ebp_2_a_constant_stands_on_every_row_once_the_profile_gives_it():
    plain = formats().get("ebp/customers")
    assert "Libellé de la catégorie tarifaire" not in write(plain, row()).data.decode("cp1252")
    chosen = formats().get("ebp/customers", {"price_category_label": "WEB", "discount_rate": "5,00"})
    table = pd.concat([row(), row(customer_code="A2")], ignore_index=True)
    written = write(chosen, table).data.decode("cp1252")
    read = list(csv.DictReader(io.StringIO(written, newline=""), delimiter=";"))
    assert [one["Libellé de la catégorie tarifaire"] for one in read] == ["WEB", "WEB"]
    assert [one["% remise"] for one in read] == ["5,00", "5,00"]
    labels = written.split("\r\n")[0].split(";")
    assert labels.index("% remise") < labels.index("Code territorialité"), "where EBP's own export has it"
    assert len(labels) == len(plain.fields) + 2


def test_ebp_2_a_constant_is_checked_like_any_other_text():
    long = formats().get("ebp/customers", {"bic": "X" * 12})
    assert write(long, row()).outcomes["code"].tolist() == ["cell-cut"]
    with pytest.raises(DescriptorError, match="no setting is named price_categorie"):
        formats().get("ebp/customers", {"price_categorie": "WEB"})


def test_ebp_2_a_users_descriptor_may_give_an_offered_column_a_source(tmp_path):
    (tmp_path / "ebp").mkdir()
    (tmp_path / "ebp" / "orders.yaml").write_text(
        "name: ebp/orders\npath: Orders.txt\npasserelle: {extends: ebp/document}\n"
        "schema: {fields: [{name: line_plain_label, passerelle: {source: line_label}}]}\n",
        encoding="utf-8",
    )
    descriptor = formats(tmp_path).get("ebp/orders")
    one = descriptor.field("line_plain_label")
    assert (one.constant, one.source, one.title) == (None, "line_label", "Ligne - Description commerciale en clair")
    assert "line_plain_label" not in {offered.name for offered in descriptor.offered}
    assert "line_plain_label" not in descriptor.settings


def test_ebp_2_a_page_tells_settings_and_constants_apart():
    text = page(formats().get("ebp/orders"))
    settings, offered = text.split("## Columns that a profile may add")
    assert "| `decimal_mark` | `,` |" in settings
    assert "`discount_amount`" not in settings
    assert "| `Document - Montant de la remise` | `discount_amount` | footer discount |" in offered


def test_ebp_1_credit_notes_are_a_file_of_the_same_declaration():
    known = formats()
    credit_notes = known.get("ebp/credit_notes")
    assert credit_notes.path == "Credit Notes.txt"
    assert credit_notes.fields == known.get("ebp/document").fields
