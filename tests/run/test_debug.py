"""The debug dump of real runs: what is needed to find a fault is in it, and nothing that is secret or somebody's."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import replace
from datetime import timedelta

import pytest
import stock_shops
from builders import NOW, installed
from ftp_server import FtpServer
from test_journal import _mapped, passerelle

from passerelle.ledger.ledger import Ledger
from passerelle.run.installation import Installation
from passerelle.run.masking import Masker
from passerelle.run.orders import run_orders
from passerelle.run.people import erase, find
from passerelle.run.purge import purge
from passerelle.run.request import Request

CUSTOMERS = (
    "Code (tiers);Nom;E-mail;Téléphone;Ville;Famille\r\nCLI1;Zoé Quatrefages;zoe@example.org;0612345678;Uzès;PRO\r\n"
)
HIDDEN = ("first_name", "last_name", "company", "address_1", "address_2", "city", "postcode", "email", "phone")


def personal(told: object) -> set[str]:
    """Give what an export of WooCommerce tells of people."""
    if isinstance(told, list):
        return set().union(*map(personal, told))
    if not isinstance(told, dict):
        return set()
    own = {value for key, value in told.items() if key in HIDDEN and isinstance(value, str) and len(value) > 3}
    return own.union(*map(personal, told.values()))


@pytest.fixture
def source(tmp_path, request):
    """The exports of the demonstration's shop; a customer is named in the note of another one's order, too."""
    folder = tmp_path / "exports"
    folder.mkdir()
    orders = json.loads((request.config.rootpath / "sample_files/demo/shops/web/orders.json").read_text("utf-8"))
    orders[1]["customer_note"] = f"Pour {orders[0]['billing']['last_name']}, code 1234, ou client31@example.com"
    orders[1]["meta_data"] = [{"id": 1, "key": "parrain", "value": orders[0]["billing"]["first_name"]}]
    (folder / "orders.json").write_text(json.dumps(orders), encoding="utf-8")
    return folder


def shop(tmp_path, source, place: str = '"delivered"', debug: str = "") -> Installation:
    at = installed(tmp_path, ("s", "woocommerce", source, "*.json"), mapped=_mapped(), place=place)
    home = at.profiles / "test"
    (home / "customers.csv").write_text(CUSTOMERS, encoding="cp1252", newline="")
    profile = home / "profile.toml"
    text = profile.read_text().replace('"articles.csv"', '"articles.csv"\ncustomers = "customers.csv"', 1)
    profile.write_text(f"{text}\n[debug]\n{debug}\n" if debug else text)
    return at


def dump(at: Installation, run_id: str) -> dict[str, str]:
    """Give the texts of a run's dump."""
    with zipfile.ZipFile(at.run_folder(run_id) / "debug.zip") as archive:
        return {name: archive.read(name).decode("utf-8", "replace") for name in archive.namelist()}


def test_pro_4_sec_3_sec_5_a_dump_has_requests_and_input_but_no_password_and_nobodys_name(
    tmp_path, source, monkeypatch
):
    with FtpServer(tmp_path / "ftp") as ftp:
        monkeypatch.setenv("TEST_FTP", ftp.password)
        place = f'{{ url = "ftp://boss@127.0.0.1:{ftp.port}/in", password = "TEST_FTP", attempts = 1 }}'
        at = shop(tmp_path, source, place)
        ftp.refuse()
        passerelle(at, "run", "--debug", "orders", "-p", "test", code=1)
        ftp.accept()
        passerelle(at, "run", "--run-id", "second", "--debug", "orders", "-p", "test", code=3)
    with Ledger.open(at.ledger_url) as ledger:
        failed = next(run.run_id for run in ledger.runs("test") if run.run_id != "second")
    told = dump(at, failed)
    assert {"1/about.json", "1/settings.txt", "1/requests.log", "1/error.txt"} < set(told)
    assert "Denied" in told["1/error.txt"] or "530" in told["1/error.txt"]
    assert re.search(r"aioftp.*PASS", told["1/requests.log"])
    assert "rename_files" in dump(at, "second")["1/requests.log"]
    inputs = {one["name"]: one for one in json.loads(told["1/about.json"])["inputs"]}
    assert set(inputs) == {"orders.json", "articles.csv", "customers.csv"}
    orders = json.loads(told[f"1/{inputs['orders.json']['kept']}"])
    raw = json.loads((source / "orders.json").read_text("utf-8"))
    for key in ("id", "status", "total", "currency", "payment_method", "date_created"):
        assert [order[key] for order in orders] == [order[key] for order in raw]
    # Who is who can still be seen: the same customer has the same stand-in.
    shown, real = ([order["billing"]["email"].lower() for order in all_] for all_ in (orders, raw))
    assert [one == shown[0] for one in shown] == [one == real[0] for one in real]
    assert "CLI1" not in told[f"1/{inputs['customers.csv']['kept']}"]
    assert ";PRO" in told[f"1/{inputs['customers.csv']['kept']}"]
    hidden = personal(raw) | {ftp.password, "Quatrefages", "zoe@example.org", "0612345678", "client31"}
    assert len(hidden) > 20
    for text in [*told.values(), *dump(at, "second").values()]:
        assert [one for one in hidden if one.lower() in text.lower()] == []
    passerelle(at, "download", failed, "debug.zip", "-o", str(tmp_path))
    assert zipfile.is_zipfile(tmp_path / "debug.zip")
    assert (at.run_folder(failed) / "debug.zip").stat().st_mode & 0o077 == 0


def test_pro_4_sec_5_what_is_kept_as_it_was_read_is_found_erased_and_purged(tmp_path, source):
    at = shop(tmp_path, source, debug='on = true\npersonal = "keep"')
    first, second = (run_orders(Request("test"), at) for _ in range(2))
    told = dump(at, second.run_id)
    [orders] = [text for name, text in told.items() if name.endswith("export.json")]
    assert orders == (source / "orders.json").read_text("utf-8")
    kept = {file.path for file in find(at, "test", "client31@example.com").files if file.path.endswith("debug.zip")}
    assert kept == {f"runs/{one.run_id}/debug.zip" for one in (first, second)}
    found, _ = erase(at, "test", "client31@example.com", by="anne")
    assert not [file for file in found.files if file.path.endswith("debug.zip")]
    assert not list(at.state.rglob("debug.zip"))
    third = run_orders(Request("test"), at)
    assert (at.run_folder(third.run_id) / "debug.zip").is_file()
    purge(replace(at, clock=lambda: NOW + timedelta(days=91)), "test", by="me")
    assert not list(at.state.rglob("debug.zip"))


def test_pro_4_what_cannot_be_masked_or_has_no_room_is_named_alone_and_a_retry_adds_to_the_dump(tmp_path, source):
    at = shop(tmp_path, source, debug="on = true\nmax_mib = 1")
    padding = [{"id": number, "status": "draft", "total": "x" * 1000} for number in range(2000)]
    (source / "large.json").write_text(json.dumps(padding), encoding="utf-8")
    (at.profiles / "test" / "customers.csv").write_bytes(b"Code (tiers);x;y;z\r\nCLI1;Quatrefages;b;c\r\n")
    run_orders(Request("test", run_id="once"), at)
    inputs = {one["name"]: one["kept"] for one in json.loads(dump(at, "once")["1/about.json"])["inputs"]}
    assert (inputs["large.json"], inputs["customers.csv"], bool(inputs["orders.json"])) == ("", "", True)
    assert "Quatrefages" not in str(dump(at, "once"))
    run_orders(Request("test", run_id="once"), at)
    assert {name[0] for name in dump(at, "once")} == {"1", "2"}


def test_pro_4_what_the_erp_and_the_shop_gave_for_the_stock_is_kept(tmp_path):
    listing = 'listing = { place = "listing" }'
    at = stock_shops.shops(tmp_path, ("a", "woocommerce", listing))
    (stock_shops.home(at) / "listing").mkdir()
    stock_shops.leave(at, "listing/products.csv", b"SKU,Stock\r\nA1,3\r\n")
    stock_shops.leave(at, "articles.csv", stock_shops.articles("A1;Bol;1;0;;"))
    stock_shops.leave(at, "stock.csv", stock_shops.levels("A1;Nice;4"))
    summary = stock_shops.run(at, debug=True)
    told = dump(at, summary.run_id)
    assert [one["kind"] for one in json.loads(told["1/about.json"])["inputs"]].count("extract") == 2
    assert "A1;Bol" in "".join(told.values())
    assert "A1,3" in "".join(told.values())


def test_pro_4_a_plan_leaves_no_dump_and_says_so(tmp_path, source):
    at = shop(tmp_path, source)
    assert "--debug" in passerelle(at, "run", "--debug", "orders", "-p", "test", "--plan", code=2)
    run_orders(Request("test"), at)
    assert not list(at.state.rglob("debug.zip"))


def test_pro_4_sec_5_no_address_of_the_real_exports_gets_through(samples):
    masked = 0
    for file in sorted(samples.rglob("*")):
        if file.suffix.lower() not in {".json", ".csv", ".txt"} or file.stat().st_size > 2_000_000:
            continue
        text = Masker(frozenset).content(file.read_bytes())
        masked += text is not None
        assert not re.search(rb"[\w.+-]+@[\w-]+\.\w+", text or b""), file
    assert masked > 20


def test_pro_4_sec_5_only_known_columns_keep_texts_and_no_name_that_was_masked_stands_in_them():
    table = (
        "Nom;Champ libre;Code client;Libellé;Numéro TVA;N° pièce\r\n"
        "Éva;Bob;DUPONT01;Bol pour Eva;FR40303265045;F-12\r\n"
        ";12,50;407;+33 6 12 34 56 78;;\r\n"
    )
    head, first, second = Masker(frozenset).content(table.encode("cp1252")).decode().splitlines()
    assert head == table.splitlines()[0]
    name, free, customer, label, vat, number = first.split(";")
    assert all(re.fullmatch("~[0-9a-f]{8}", one) for one in (name, free, customer, vat))
    assert label == f"Bol pour {name}"
    assert number == "F-12"
    assert re.fullmatch(";12,50;407;~[0-9a-f]{8};;", second)


@pytest.mark.parametrize(
    "data",
    [
        b"Jean;Dupont;0612345678\r\nAnne;Martin;0698765432\r\n",
        b"PK\x03\x04 a workbook",
        b"<orders><email>a@example.com</email></orders>",
        b'{"email": "a@example.com"',
        b'name;email\r\n"Jean;a@example.com\r\n',
    ],
    ids=["no heading", "binary", "xml", "broken json", "broken csv"],
)
def test_pro_4_sec_5_a_file_whose_columns_cannot_be_told_is_not_kept(data):
    assert Masker(frozenset).content(data) is None


def test_pro_4_sec_3_a_secret_is_masked_however_it_is_written():
    masker = Masker(lambda: {"p&ss wörd"}, keeps_personal=True)
    for text in ("p&ss wörd", "p%26ss%20w%C3%B6rd", "p%26ss+w%C3%B6rd", '"p&ss w\\u00f6rd"'):
        assert "***" in masker.text(f"login {text} done")
    assert masker.text("GET /list?access_token=abc HTTP/1.1") == "GET /list?… HTTP/1.1"
    assert masker.content("code;p&ss wörd\r\n".encode()) == b"code;***\r\n"
