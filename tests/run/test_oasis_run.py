"""Oasis Commerce: what goes into ``in/`` once its columns are declared, and orders of ``out/``."""

from __future__ import annotations

import json

import account_shops
import article_shops
import price_shops
import pytest
from builders import delivered, installed
from erp import amount, documents, total, unzipped
from stock_shops import articles, codes, home, leave, levels, run, shops, told

from passerelle.formats.registry import formats
from passerelle.formats.sample import sample
from passerelle.run.accounts import CUSTOMERS
from passerelle.run.activation import ACTIVATE
from passerelle.run.errors import RunError
from passerelle.run.job import run_task
from passerelle.run.orders import ORDERS
from passerelle.run.request import Request

OWN_STOCK = """
name: oasis/stock
passerelle: {extends: oasis/stock, assumed: false, settings: {decimal_mark: ","}}
schema:
  fields:
    - {name: quantity, title: quantite_dispo}
    - {name: depot, title: depot, type: string, description: depot, passerelle: {constant: PRINCIPAL}}
"""


def test_oas_1_nothing_is_sent_on_a_guess_of_the_columns(tmp_path):
    at = shops(tmp_path, ("a", "oasis", ""))
    leave(at, "articles.csv", articles("A1;Bol;1;0;;"))
    leave(at, "stock.csv", levels("A1;Nice;4"))
    with pytest.raises(RunError) as error:
        run(at)
    assert (error.value.code, error.value.is_usage) == ("run-format-assumed", True)
    assert list((home(at) / "out-a").iterdir()) == []


def test_oas_1_stk_8_the_stock_goes_in_with_the_columns_that_the_integrator_declared(tmp_path):
    at = shops(tmp_path, ("a", "oasis", 'depots = ["Nice"]\nout_of_stock = "deactivate"\ndecimals = 1'))
    (home(at) / "formats" / "oasis").mkdir(parents=True)
    (home(at) / "formats" / "oasis" / "stock.yaml").write_text(OWN_STOCK, encoding="utf-8")
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text() + '\n[erp]\nformats_folder = "formats"\n')
    leave(at, "articles.csv", articles("A1;Bol;1;0;;", "A2;Thé;1;0;;"))
    leave(at, "stock.csv", levels("A1;Nice;4,5", "A1;Paris;3", "A2;Nice;0"))
    assert run(at).written == 2
    assert told(at, name="stocks") == [
        {"ref": "A1", "quantite_dispo": "4,5", "online": "true", "depot": "PRINCIPAL"},
        {"ref": "A2", "quantite_dispo": "0", "online": "false", "depot": "PRINCIPAL"},
    ]
    assert run(at).state == "nothing-to-do"
    leave(at, "stock.csv", levels("A1;Nice;4,5", "A1;Paris;2", "A2;Nice;1"))
    assert run(at).written == 1
    assert [row["ref"] for row in told(at, name="stocks")] == ["A2"]


def test_oas_1_orders_of_out_become_documents(tmp_path):
    place = tmp_path / "out"
    place.mkdir()
    (place / "commandes.csv").write_bytes(sample(formats().get("oasis/orders")).data)
    at = installed(tmp_path, ("oasis", "oasis", place, "*.csv"))
    summary = run_task(ORDERS, Request("test"), at)
    assert (summary.read, summary.written, summary.failed) == (1, 1, 0)
    [archive] = [data for name, data in delivered(at).items() if name.endswith(".zip")]
    [rows] = documents(unzipped(archive)).values()
    assert [(row["Ligne - Quantité"], amount(row["Ligne - PV HT"])) for row in rows] == [("1", 30), ("2", 5)]
    assert total(rows, includes_tax=False) == 54  # its shipping of 5.00 too
    assert run_task(ORDERS, Request("test"), at).written == 0


CATEGORIES = "ref;lang;title;parent_ref;order;online;purchases_accounting_code;sales_accounting_code;delete"


def compare(at, *names: str) -> None:
    """Declare that some formats were compared with the shop's own documentation, and are right."""
    folder = home(at) / "formats" / "oasis"
    folder.mkdir(parents=True)
    for name in names:
        (folder / f"{name}.yaml").write_text(
            f"name: oasis/{name}\npasserelle: {{extends: oasis/{name}, assumed: false}}\n"
        )
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text() + '\n[erp]\nformats_folder = "formats"\n')


def catalogue(tmp_path, more: str = ""):
    """A shop whose integrator has compared all formats, and left their columns as they are."""
    own = article_shops.options(more, tables="[shops.articles.update]\ncategories = true\nprice = true\nbrand = false")
    at = article_shops.shops(tmp_path, ("a", "oasis", own))
    compare(at, "products", "product_categories", "product_brands", "product_features")
    leave(at, "linked.csv", b"Code article;Code article li\xe9\r\n")
    return at


def test_oas_1_cat_16_one_delivery_has_products_categories_and_what_they_belong_to(tmp_path):
    at = catalogue(tmp_path)
    rows = (
        "A1;Bol;1;TVA20;12,00;Gres;Vaisselle;gr\xe8s;;",
        "A2;Tasse;1;TVA20;8,00;;Vaisselle;;;",
        "A3;Th\xe9;1;TVA55;5,00;Kyusu;\xc9picerie;;;",
    )
    leave(at, "articles.csv", article_shops.extract(*rows))
    assert article_shops.run(at).written == 3
    [manifest] = (home(at) / "out-a").glob("*.manifest.json")
    assert len(json.loads(manifest.read_text())["files"]) == 5
    [categories] = (home(at) / "out-a").glob("categories-*.csv")
    assert categories.read_text("utf-8").splitlines() == [
        CATEGORIES, "vaisselle;FR;Vaisselle;;;1;;;0", "epicerie;FR;Épicerie;;;1;;;0"
    ]  # fmt: skip
    files = article_shops.told(at)
    assert [(row["ref"], row["title"], row["price"]) for row in files["catalogue_produits_new"]] == [
        ("A1", "Bol", "12"), ("A2", "Tasse", "8"), ("A3", "Thé", "5")
    ]  # fmt: skip
    assert [tuple(row.values()) for row in files["categories_articles"]] == [
        ("A1", "vaisselle", "1", "0"), ("A2", "vaisselle", "1", "0"), ("A3", "epicerie", "1", "0")
    ]  # fmt: skip
    assert [tuple(row.values()) for row in files["marques_articles"]] == [("A1", "Gres", "0"), ("A3", "Kyusu", "0")]
    assert [tuple(row.values()) for row in files["caracteristiques_articles"]] == [("A1", "Matière", "grès", "0")]
    assert article_shops.run(at).state == "nothing-to-do"


def test_oas_1_cat_16_names_of_files_of_their_own_are_whole_and_nobody_says_otherwise(tmp_path):
    at = catalogue(tmp_path)
    leave(at, "articles.csv", article_shops.extract("A1;Bol;1;TVA20;12,00;A, B;Th\xe9s, caf\xe9s/cacao;gr\xe8s: 2,5;;"))
    assert codes(article_shops.run(at)) == {"mapping-value-added": 1}
    files = article_shops.told(at)
    assert [(row["ref"], row["title"]) for row in files["categories"]] == [("thes-cafes-cacao", "Thés, cafés/cacao")]
    assert [(row["feature"], row["value"]) for row in files["caracteristiques_articles"]] == [("Matière", "grès: 2,5")]
    assert [row["brand"] for row in files["marques_articles"]] == ["A, B"]


def test_oas_1_stk_8_an_article_that_moves_leaves_its_category_and_what_is_the_shops_own_stays(tmp_path):
    at = catalogue(tmp_path)
    row = "A1;Bol;1;TVA20;12,00;{};{};{};;"
    leave(at, "articles.csv", article_shops.extract(row.format("Gres", "Vaisselle", "gr\xe8s")))
    article_shops.run(at)
    article_shops.told(at)
    leave(at, "articles.csv", article_shops.extract(row.format("Kyusu", "Cuisine", "fonte")))
    second = article_shops.run(at)
    assert second.written == 1
    files = article_shops.told(at)
    assert [row["ref"] for row in files["categories"]] == ["cuisine"]
    assert [tuple(row.values()) for row in files["categories_articles"]] == [
        ("A1", "cuisine", "1", "0"), ("A1", "vaisselle", "0", "1")
    ]  # fmt: skip
    assert not {"marques_articles", "caracteristiques_articles"} & files.keys()
    assert article_shops.run(at).state == "nothing-to-do"
    leave(at, "articles.csv", article_shops.extract(row.format("Kyusu", "Vaisselle", "fonte")))
    assert article_shops.run(at).written == 1
    assert [tuple(row.values()) for row in article_shops.told(at)["categories_articles"]] == [
        ("A1", "vaisselle", "1", "0"), ("A1", "cuisine", "0", "1")
    ]  # fmt: skip


def test_oas_1_pre_1_the_plan_tells_a_product_s_associations(tmp_path):
    at = catalogue(tmp_path)
    leave(at, "articles.csv", article_shops.extract("A1;Bol;1;TVA20;12,00;Gres;Vaisselle;;;"))
    summary = article_shops.run(at, plan=True)
    assert summary.written == 1
    assert {row.record for row in summary.plan_rows} >= {"A1", "vaisselle", "A1 → vaisselle", "A1 → Gres"}
    assert list((home(at) / "out-a").iterdir()) == []


def test_oas_1_cli_1_cli_2_customers_and_their_contacts_go_with_their_addresses(tmp_path):
    at = account_shops.shop(tmp_path, "oasis", "[shops.accounts]\ncontacts = true\n")
    compare(at, "accounts", "account_addresses")
    buyer = account_shops.customer("CL1", "Bol & Cie", "a@example.com", last="Lefèvre", first="Zoé")
    leave(at, "clients.csv", account_shops.customers(buyer))
    contacts = account_shops.lines(account_shops.CONTACTS, "CL1;7;Martin;Luc;luc@example.com")
    leave(at, "contacts.csv", contacts)
    assert account_shops.run(at, CUSTOMERS).written == 2
    logins = account_shops.told(at, "contacts")
    assert [(row["ref"], row["customer_ref"], row["email"], row["online"]) for row in logins] == [
        ("CL1", "CL1", "a@example.com", "1"), ("CL1/7", "CL1", "luc@example.com", "1")
    ]  # fmt: skip
    addresses = account_shops.told(at, "adresses")
    assert [(row["contact_ref"], row["address1"], row["zip"], row["country"]) for row in addresses] == [
        ("CL1", "1 rue A", "06000", "FR")
    ]
    assert account_shops.run(at, CUSTOMERS).state == "nothing-to-do"


@pytest.mark.parametrize(("update", "told"), [('["email", "names"]', ["b@example.com"]), ('["names"]', [])])
def test_oas_1_cli_5_an_e_mail_is_changed_where_it_may_be_as_the_file_names_accounts_by_their_code(
    tmp_path, update, told
):
    at = account_shops.shop(tmp_path, "oasis", f"[shops.accounts]\nupdate = {update}\n")
    compare(at, "accounts", "account_addresses")
    for email in ("a@example.com", "b@example.com"):
        buyer = account_shops.customer("CL1", "Bol & Cie", email, last="Lefèvre", first="Zoé")
        leave(at, "clients.csv", account_shops.customers(buyer))
        account_shops.run(at, CUSTOMERS)
    assert [row["email"] for row in account_shops.told(at, "contacts-changed")] == told
    assert account_shops.run(at, CUSTOMERS).state == "nothing-to-do"


def test_oas_1_cat_17_cat_18_variants_name_their_product_and_packs_what_they_hold(tmp_path):
    own = 'master_column = "xx_maitre"\npacks = true\nattributes = [{ name = "Taille", value_column = "xx_taille" }]'
    at = article_shops.shops(
        tmp_path, ("a", "oasis", f'update = {{ name = true }}\nfields = {{ vat_code = "" }}\n[shops.variants]\n{own}')
    )
    compare(at, "products", "pack_articles", "pack_variants")
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace("[erp.extracts]", '[erp.extracts]\ncomponents = "packs.csv"'))
    header = "Code article;Libellé;Publié sur le web;xx_maitre;xx_taille"
    rows = ("T-S;Tasse S;1;TASSE;S", "T-L;Tasse L;1;TASSE;L", "MUG;Mug;1;;", "POT;Pot;1;;", "BOX;Coffret;1;;")
    leave(at, "articles.csv", article_shops.extract(*rows, header=header))
    packs = "ParentItemId;ItemId;Quantity;ComponentOrder\r\nBOX;T-S;2;1\r\nBOX;T-L;1;2\r\n{}"
    leave(at, "packs.csv", packs.format("BOX;MUG;1;3\r\n").encode("cp1252"))
    summary = article_shops.run(at)
    assert (summary.read, summary.written, summary.failed) == (5, 5, 0)
    files = article_shops.told(at)
    variants = files["catalogue_produits_new_variants"]
    assert [(row["ref"], row["parent_ref"], row["attribute_1"], row["value_1"]) for row in variants] == [
        ("TASSE", "", "Taille", "S, L"),
        ("T-S", "TASSE", "Taille", "S"),
        ("T-L", "TASSE", "Taille", "L"),
        ("BOX", "", "", ""),
    ]
    assert [tuple(row.values()) for row in files["liaison_articles_pack"]] == [
        ("BOX", "TASSE", "3", "0"), ("BOX", "MUG", "1", "0")
    ]  # fmt: skip
    assert [tuple(row.values()) for row in files["liaison_variantes_pack"]] == [
        ("BOX", "T-S", "2", "0"), ("BOX", "T-L", "1", "0"), ("BOX", "MUG", "1", "0")
    ]  # fmt: skip
    assert article_shops.run(at).state == "nothing-to-do"
    # Of the next night's articles only the pack has changed: what it holds is of the same products as before.
    text = profile.read_text().replace("update = { name = true }", "update = { name = true }\nchanged_only = true")
    profile.write_text(text)
    dates = [
        f"{row};{day}" for row, day in zip(rows, ["01/11/2026 00:00:00"] * 4 + ["21/11/2026 09:00:00"], strict=True)
    ]
    leave(at, "articles.csv", article_shops.extract(*dates, header=f"{header};Date de modification"))
    leave(at, "packs.csv", packs.format("BOX;POT;2;3\r\n").encode("cp1252"))
    assert article_shops.run(at).written == 1
    files = article_shops.told(at)
    assert [(row["ref"], row["delete"]) for row in files["liaison_articles_pack"]] == [("POT", "0"), ("MUG", "1")]
    assert [(row["ref"], row["delete"]) for row in files["liaison_variantes_pack"]] == [("POT", "0"), ("MUG", "1")]


def test_oas_1_pri_1_pri_2_sale_prices_and_promotions(tmp_path):
    at = price_shops.price_shops(tmp_path, ("a", "oasis", ""))
    compare(at, "prices")
    bowl, tea = "A1;Bol;1;20,00;24,00;20", "A2;Thé;1;5,00;5,275;5,5"
    promotion = "A1;;;;;18;;;20/11/2026;30/11/2026"
    price_shops.leave_prices(at, [bowl, tea], [promotion])
    assert price_shops.run(at).written == 2
    assert told(at, name="prix_de_vente") == [
        {"ref": "A1", "price_excl_tax": "20.00", "promotion_price": "18.00"}
        | {"promotion_from": "2026-11-20", "promotion_to": "2026-11-30"},
        {"ref": "A2", "price_excl_tax": "5.00", "promotion_price": "", "promotion_from": "", "promotion_to": ""},
    ]
    assert price_shops.run(at).state == "nothing-to-do"


def test_oas_1_cat_5_articles_go_on_and_off(tmp_path):
    at = shops(tmp_path, ("a", "oasis", "\n[shops.activation]"))
    compare(at, "activation")
    leave(at, "articles.csv", articles("A1;Bol;1;0;;", "A2;Thé;1;1;;", "A3;Pot;0;0;;"))
    assert run_task(ACTIVATE, Request("test", shop="a"), at).written == 3
    assert told(at, name="articles_en_ligne") == [
        {"ref": "A1", "online": "1"}, {"ref": "A2", "online": "0"}, {"ref": "A3", "online": "0"}
    ]  # fmt: skip
