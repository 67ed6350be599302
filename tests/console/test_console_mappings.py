"""Profiles and mappings in the console (CON-1, PRO-1, PRO-2, STO-3)."""

from __future__ import annotations

import io
import re
import threading
import zipfile
from hashlib import sha256

import openpyxl
import pandas as pd
import pytest
from builders import mapping_rows
from consoles import shop_installation

from passerelle.profile.answers import answer, answerable
from passerelle.profile.default import default
from passerelle.profile.workbook import add_new_values, create_workbook, read_mappings

NEW = {"taxes": pd.DataFrame([("TVA", "10", "FR"), ("TVA", "2.1", "FR")], columns=["tax_name", "tax_rate", "country"])}


@pytest.fixture(params=["mappings.xlsx", "mappings"])
def book(tmp_path, request):
    """A workbook, and a folder of CSV files, with two taxes that wait for their VAT code."""
    path = tmp_path / request.param
    create_workbook(
        path, mapping_rows({"taxes": [("*", "20", "*", "TVA20")], "statuses": [("2", "yes", "invoice", "", "")]})
    )
    add_new_values(path, {**NEW, "statuses": pd.DataFrame({"status": ["9"]})})
    return path


def shown(path, name="taxes"):
    found, problems = answerable(path)
    assert problems.empty
    return next(one for one in found if one.mapping.name == name)


def codes(outcomes) -> list[str]:
    return outcomes["code"].tolist()


def state(path) -> str:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def test_ord_45_and_con_1_what_waits_comes_first_and_is_answered(book):
    sheet = shown(book)
    assert [(row.texts["tax_rate"], row.is_waiting) for row in sheet.rows] == [
        ("10", True),
        ("2.1", True),
        ("20", False),
    ]
    said = answer(book, "taxes", sheet.state, {(sheet.rows[0].number, "vat_code"): " TVA10 "})
    assert codes(said) == ["mapping-answered"]
    table = read_mappings(book)[0]["taxes"].set_index("tax_rate")
    assert table["vat_code"].to_dict() == {"20": "TVA20", "10": "TVA10", "2.1": ""}
    assert shown(book).waiting == 1


def test_pro_1_answers_are_refused_once_the_file_has_changed(book):
    sheet = shown(book)
    add_new_values(book, {"taxes": pd.DataFrame([("TVA", "5.5", "FR")], columns=NEW["taxes"].columns)})
    before = state(book)
    said = answer(book, "taxes", sheet.state, {(sheet.rows[0].number, "vat_code"): "TVA10"})
    assert codes(said) == ["mapping-changed-meanwhile"]
    assert state(book) == before


@pytest.mark.parametrize(
    ("cell", "text"),
    [((2, "vat_code"), "OTHER"), ((3, "tax_rate"), "10"), ((99, "vat_code"), "X"), ((3, "nonsense"), "X")],
)
def test_pro_1_only_cells_that_are_empty_and_there_are_written(book, cell, text):
    before = state(book)
    said = answer(book, "taxes", shown(book).state, {cell: text})
    assert codes(said) == ["mapping-changed-meanwhile"]
    assert state(book) == before


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"selected": "peut-être"}, "mapping-not-possible"),
        ({"selected": "oui"}, "mapping-value-missing"),
        ({"selected": "oui", "document_kind": "facture"}, "mapping-answered"),
        ({"selected": "#ignore"}, "mapping-answered"),
    ],
)
def test_ord_2_and_con_1_an_answer_that_would_spoil_the_sheet_is_not_written(book, cells, code):
    sheet, before = shown(book, "statuses"), state(book)
    said = answer(book, "statuses", sheet.state, {(sheet.rows[0].number, name): text for name, text in cells.items()})
    assert codes(said) == [code]
    assert (state(book) == before) == (code != "mapping-answered")
    assert read_mappings(book)[1].empty


def test_sec_4_an_answer_is_never_a_formula(book):
    sheet = shown(book)
    answer(book, "taxes", sheet.state, {(sheet.rows[0].number, "vat_code"): "=1+1"})
    assert "=1+1" in read_mappings(book)[0]["taxes"]["vat_code"].tolist()
    if book.is_file():
        cells = [cell for row in openpyxl.load_workbook(book)["Taxes"].iter_rows() for cell in row]
        assert [cell.data_type for cell in cells if cell.value == "=1+1"] != ["f"]
    else:
        assert "'=1+1" in (book / "taxes.csv").read_text(encoding="utf-8-sig")


def test_pro_1_a_file_that_is_open_elsewhere_is_left_alone(book):
    sheet = shown(book)
    file = book if book.is_file() else book / "taxes.csv"
    (file.parent / f".~lock.{file.name}#").write_text("")
    before = file.read_bytes()
    assert codes(answer(book, "taxes", sheet.state, {(3, "vat_code"): "X"})) == ["mapping-not-answered-open"]
    assert file.read_bytes() == before


@pytest.fixture
def waiting(own):
    book = own.installation.profiles / "test" / "mappings.xlsx"
    add_new_values(book, NEW)
    return book


def test_con_1_a_page_saves_answers_and_says_when_somebody_was_faster(own, waiting):
    first, second = own.member(), own.member("en")
    assert "2 à compléter" in first.page("/profiles/test/mappings")
    path = "/profiles/test/mappings/taxes"
    pages = [one.page(path) for one in (first, second)]
    states = [re.search(r'name="state" value="(\w+)"', page)[1] for page in pages]
    cell = re.search(r'name="(cell-\d+-vat_code)"', pages[0])[1]
    saved = first.submit(path, state=states[0], **{cell: "TVA10"})
    assert saved.status_code == 200
    assert "1 réponse(s) écrite(s)" in saved.text
    late = second.submit(path, state=states[1], **{cell: "OTHER"})
    assert late.status_code == 409
    assert "has changed since the page was shown: nothing was written" in late.text
    assert "TVA10" in read_mappings(waiting)[0]["taxes"]["vat_code"].tolist()
    assert [(one.actor, one.action, one.record) for one in own.ledger().audit()][-1] == ("anne", "answer", "taxes")


def test_con_1_of_many_who_answer_at_once_one_is_heard(own, waiting):
    path = "/profiles/test/mappings/taxes"
    members = [own.member() for _ in range(4)]
    *_, page = [one.page(path) for one in members]
    form = {"state": re.search(r'name="state" value="(\w+)"', page)[1]}
    cell = re.search(r'name="(cell-\d+-vat_code)"', page)[1]
    answers: dict[int, int] = {}

    def submit(number: int) -> None:
        answers[number] = members[number].submit(path, **form, **{cell: f"V{number}"}).status_code

    threads = [threading.Thread(target=submit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers.values()) == [200, 409, 409, 409]
    (winner,) = [number for number, status in answers.items() if status == 200]
    assert f"V{winner}" in read_mappings(waiting)[0]["taxes"]["vat_code"].tolist()


def test_pro_2_and_con_1_a_profile_is_shown_checked_and_its_places_tried(served):
    member = served.member()
    page = member.page("/profiles/test")
    assert "orders.number" in page
    assert "par défaut" in page
    checked = member.submit("/profiles/test/check").text
    assert re.search(r'<li class="(failed|succeeded)">', checked)
    tried = member.submit("/profiles/test/places", write="1").text
    assert "delivery" in tried
    assert 'class="failed"' not in tried
    assert list((served.installation.profiles / "test" / "delivered").glob(".*")) == []
    assert member.submit("/profiles/test/mail").status_code == 400


def test_pro_2_and_con_2_the_default_profile_is_chosen_in_its_page(own):
    member = own.member()
    folder = own.installation.profiles
    assert default(folder) == ""
    member.page("/profiles/test")
    member.submit("/profiles/test/default")
    assert default(folder) == "test"
    assert "actif, par défaut" in member.page("/profiles")
    member.page("/profiles/test")
    member.submit("/profiles/test/default", unset="1")
    assert default(folder) == ""
    assert member.submit("/profiles/nobody/default").status_code == 404


def test_pro_2_a_profile_with_mistakes_says_which_and_the_others_go_on(own):
    (own.installation.profiles / "wrong.toml").write_text('name = "wrong"\nnonsense = 1\n')
    member = own.member()
    assert "à corriger" in member.page("/profiles")
    page = member.page("/profiles/wrong")
    assert "wrong.toml" in page
    assert "nonsense" in page
    assert "test" in member.page("/start")


def test_ebp_4_and_5_and_con_1_files_for_ebp_are_downloaded(served):
    member = served.member()
    for kind, inside in (("samples", "Customers.txt"), ("import-formats", ".html")):
        answer = member.get(f"/profiles/test/files/{kind}")
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert any(inside in name for name in archive.namelist())
    book = served.installation.profiles / "test" / "mappings.xlsx"
    assert member.get("/profiles/test/files/mappings").content == book.read_bytes()
    assert member.get("/profiles/test/files/profile.toml").status_code == 404


def test_sto_3_a_place_that_does_not_work_says_what_to_do(tmp_path, request):
    from consoles import serve

    made = shop_installation(tmp_path, request.config.rootpath)
    (made.profiles / "test" / "delivered").rmdir()
    with serve(made) as served:
        member = served.member()
        member.page("/profiles/test")
        tried = member.submit("/profiles/test/places", place="delivery").text
        assert 'class="failed"' in tried
        assert "→" in tried
