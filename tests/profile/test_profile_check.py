"""The check of a profile names all that is missing, at once."""

from __future__ import annotations

import json

import pytest
from profile_demo import ARTICLES, CUSTOMERS, mapping_rows

from passerelle.outcome import message, todo
from passerelle.profile.check import check
from passerelle.profile.loader import load
from passerelle.profile.workbook import add_new_values


def said(demo, **options) -> list[tuple[str, str, str]]:
    """Give code, field and value of what the check says; every text must be whole in both languages."""
    outcomes = check(demo.load(), **options)
    for row in outcomes.to_dict("records"):
        texts = [message(row, "fr"), message(row, "en"), todo(row, "fr"), todo(row, "en")]
        assert texts[0] != texts[1]
        assert not any("{" in text for text in texts), texts
        assert row["state"] in {"failed", "succeeded"}
    return list(zip(outcomes["code"], outcomes["field"], outcomes["value"], strict=True))


def codes(demo, **options) -> list[str]:
    return [code for code, _, _ in said(demo, **options)]


ALWAYS = ["check-article-not-set-yet"] * 4
"""Of the demo: shipping at several rates, gift wrapping, fees and amounts refunded have no article."""


@pytest.fixture
def complete(demo):
    special = ("shipping", "PORT"), ("wrapping", "DIVERS"), ("fee", "DIVERS"), ("misc", "DIVERS")
    written = "\n".join(f'{name} = "{article}"' for name, article in (("rounding", "ECART"), *special))
    demo.replace('rounding = "ECART"', written)
    return demo


def test_ord_28_a_complete_profile_has_nothing_to_say(complete):
    assert said(complete) == []


def test_pro_3_a_profile_without_orders_is_asked_for_nothing_that_only_they_need(demo):
    demo.rows = {}
    demo.replace('rounding_vat_code = "zero"\n[orders.special_articles]\nrounding = "ECART"', "")
    demo.replace('[customers.account]\nprefix = "WEB"\nguest_prefix = "INV"', "")
    demo.replace('customers = "extracts/clients.csv"', "")
    assert "check-mapping-empty" in codes(demo)
    demo.replace("[orders]\n", "[orders]\nenabled = false\n")
    assert said(demo) == []


def test_ord_28_remarks_do_not_fail(demo):
    outcomes = check(demo.load())
    assert outcomes["code"].tolist() == ALWAYS
    assert set(outcomes["state"]) == {"succeeded"}
    assert message(outcomes.iloc[1].to_dict(), "fr") == (
        "orders.special_articles.wrapping (ligne 19) n'est pas réglé : "
        "une commande qui aura un emballage cadeau sera refusée."
    )


def test_ord_28_all_that_is_missing_is_named_at_once(demo):
    demo.replace('[orders.special_articles]\nrounding = "ECART"', 'unknown_article = "misc"\nshipping = "line"')
    demo.replace('rounding_vat_code = "zero"\n', "")
    demo.replace('place = "out"', 'place = { url = "ftp://u@host/in", password = "FTP_PASSWORD" }')
    demo.replace("customers = ", "# customers = ")
    demo.articles.unlink()
    demo.rows = {"carriers": [], "discount_articles": []}
    found = said(demo, secrets_file=demo.folder / "none.toml")
    assert [(code, field) for code, field, _ in found] == [
        ("check-mapping-empty", "orders.defaults.statuses"),
        ("check-mapping-empty", "orders.defaults.territories"),
        ("check-mapping-empty", "orders.defaults.taxes"),
        ("check-mapping-empty", "orders.defaults.payment_modes"),
        ("check-carriers-empty", "orders.defaults.carriers"),
        ("check-file-missing", "erp.extracts.articles"),
        ("check-no-customers-extract", "erp.extracts.customers"),
        ("check-article-not-set", "orders.special_articles.misc"),
        ("check-article-not-set", "orders.special_articles.rounding"),
        ("check-article-not-set-yet", "orders.special_articles.wrapping"),
        ("check-article-not-set", "orders.special_articles.shipping"),
        ("check-article-not-set-yet", "orders.special_articles.fee"),
        ("check-article-not-set-yet", "orders.special_articles.discount"),
        ("check-no-rounding-vat-code", "orders.rounding_vat_code"),
        ("check-place", "delivery.place"),
    ]


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ('unknown_article = "misc"', "misc"),
        ('shipping = "line"', "shipping"),
        ('eco_tax = "line"', "eco_tax"),
        ("rounding_line = true", "rounding"),
    ],
)
def test_ord_28_an_option_needs_its_special_article(complete, option, name):
    complete.replace("[orders]", f"[orders]\n{option}")
    complete.replace('rounding = "ECART"\nshipping = "PORT"', "")
    complete.replace('misc = "DIVERS"', "")
    expected = {
        ("check-article-not-set", f"orders.special_articles.{name}"),
        ("check-article-not-set", "orders.special_articles.rounding"),
    }
    assert {(code, field) for code, field, _ in said(complete) if code == "check-article-not-set"} == expected
    complete.replace("[orders]\n", "[orders]\nrounding_line = false\n" if "rounding" not in option else "[orders]\n")
    if name == "misc":
        complete.replace("[orders.special_articles]", '[orders.special_articles]\nmisc = "DIVERS"')
        assert "check-article-not-set" not in codes(complete)


def test_ord_28_without_rounding_line_no_rounding_article_is_needed(complete):
    complete.replace("[orders]", "[orders]\nrounding_line = false")
    complete.replace('rounding = "ECART"', "")
    complete.replace('rounding_vat_code = "zero"', "")
    assert said(complete) == []


def test_ord_28_special_articles_must_be_in_the_extract(complete):
    complete.replace('"ECART"', '"ecart"')
    complete.rows["discount_articles"] = [["NORMAL", "REM20"], ["*", "#ignore"], ["ZERO", "REMISE"]]
    assert said(complete) == [
        ("check-article-unknown", "orders.special_articles.rounding", "ecart"),
        ("check-article-unknown", "Articles remise", "REM20"),
    ]


def test_ord_26_a_discount_article_is_set_or_mapped_for_every_vat_code(complete):
    complete.rows["discount_articles"] = [["NORMAL", "REMISE"]]
    assert said(complete) == [("check-article-not-set-yet", "orders.special_articles.discount", "")]
    complete.replace('rounding = "ECART"', 'rounding = "ECART"\ndiscount = "REMISE"')
    assert said(complete) == []


def test_ord_41_a_missing_default_vat_is_remarked(complete):
    complete.rows["taxes"] = [["TVA", "20", "FR", "NORMAL"], ["*", "*", "FR", "NORMAL"]]
    assert said(complete) == [("check-no-default-vat", "orders.defaults.taxes.vat_code", "")]
    complete.replace("[orders]", '[orders.defaults.taxes]\nvat_code = "NORMAL"\n[orders]')
    assert said(complete) == []


def test_ord_40_to_44_a_default_stands_for_an_empty_sheet(complete):
    complete.rows = {"statuses": [["2", "yes", "order", "", ""]], "discount_articles": [["*", "REMISE"]]}
    defaults = {
        "territories": "with_tax",
        "taxes": "vat_code",
        "payment_modes": "settlement_mode",
        "carriers": "shipping_code",
    }
    for name, column in defaults.items():
        complete.replace("[orders]", f'[orders.defaults.{name}]\n{column} = "X"\n[orders]')
    assert said(complete) == []


def test_ord_2_no_selected_status_is_said(complete):
    complete.rows["statuses"] = [["2", "no", "", "", ""]]
    assert codes(complete) == ["check-nothing-selected"]
    complete.replace("[orders]", '[orders.defaults.statuses]\nselected = "oui"\ndocument_kind = "devis"\n[orders]')
    assert said(complete) == []


def test_ord_45_values_that_wait_are_listed(complete):
    path = complete.load().profile.mappings
    values = mapping_rows({"payment_modes": [[f"mode {number}", "EUR", *[""] * 8] for number in range(7)]})
    add_new_values(path, values)
    outcomes = check(load(complete.path))
    assert outcomes["code"].tolist() == ["check-values-waiting"]
    assert message(outcomes.iloc[0].to_dict(), "en") == (
        "In the sheet Modes de paiement, 7 value(s) wait to be filled in: mode 0 / EUR, mode 1 / EUR, mode 2 / EUR, "
        "mode 3 / EUR, mode 4 / EUR …."
    )


def test_ord_28_mistakes_of_the_workbook_are_said_instead_of_what_they_hide(complete):
    complete.load()
    (complete.folder / "mappings.xlsx").write_bytes(b"no workbook")
    assert check(load(complete.path))["code"].tolist()[0] == "mapping-file-unreadable"
    (complete.folder / "mappings.xlsx").unlink()
    outcomes = check(load(complete.path))
    assert outcomes["code"].tolist()[0] == "mapping-file-missing"
    assert "check-mapping-empty" not in outcomes["code"].tolist()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "check-extract-unreadable"),
        (b"Titre;Prix\r\nx;1\r\n", "check-extract-unreadable"),
        ("Code article;Libellé\r\n".encode("cp1252"), "check-extract-unreadable"),
        (ARTICLES.encode("cp1252") + b";Sans code\r\n;Aussi\r\n", "check-extract-rows"),
    ],
)
def test_ord_28_an_extract_that_cannot_be_read_is_said_with_the_reason(complete, content, code):
    complete.articles.write_bytes(content)
    ((found, field, value),) = said(complete)
    assert (found, field, value) == (code, "erp.extracts.articles", "articles.csv")


def test_ord_28_unreadable_rows_are_counted(complete):
    complete.articles.write_bytes(ARTICLES.encode("cp1252") + b";Sans code\r\n;Aussi\r\n")
    row = check(complete.load()).iloc[0].to_dict()
    assert json.loads(row["params"])["count"] == 2
    assert "2 ligne(s)" in message(row, "fr")


def test_inv_2_shared_accounts_must_be_in_the_extract(complete):
    complete.replace("[customers.account]", '[customers]\nguest_account = "INVITES"\n[customers.account]')
    complete.rows["payment_modes"] = [
        ["AMAZON", "*", "CB", "", "", "", "WEBAMAZON", "", "", ""],
        ["CDISCOUNT", "*", "CB", "", "", "", "WEBCDISCOUNT", "", "", ""],
        ["*", "*", "CB", "", "", "", "", "", "", ""],
    ]
    assert said(complete) == [
        ("check-account-unknown", "customers.guest_account", "INVITES"),
        ("check-account-unknown", "Modes de paiement", "WEBCDISCOUNT"),
    ]
    complete.customers.write_bytes((CUSTOMERS + "INVITES;Invités\r\nWEBCDISCOUNT;C\r\n").encode("cp1252"))
    assert said(complete) == []


def test_inv_2_an_erp_without_customers_yet_is_possible(complete):
    complete.customers.write_bytes("Code (tiers);Nom\r\n".encode("cp1252"))
    assert said(complete) == []


def test_cus_2_one_single_account(complete):
    complete.replace('prefix = "WEB"\nguest_prefix = "INV"', 'mode = "single"\nsingle = "COMPTOIRE"')
    assert said(complete) == [("check-account-unknown", "customers.account.single", "COMPTOIRE")]
    complete.replace('"COMPTOIRE"', '"COMPTOIR"')
    assert said(complete) == []


def test_cus_2_two_shops_need_two_prefixes(complete):
    complete.replace(
        "[delivery]", '[[shops]]\nname = "b2b"\nplatform = "shopify"\nsource = { place = "in" }\n[delivery]'
    )
    complete.replace("[orders]", '[orders]\nnumber = "%SH-%OI"\ncredit_note_number = "AV-%SH-%RI"')
    assert said(complete) == [("check-same-prefix", "customers.account.prefix", "web, b2b")]
    complete.replace('prefix = "WEB"', 'prefix = "WEB"\nprefixes = { b2b = "B2B" }')
    assert said(complete) == []


def test_ord_14_two_shops_need_numbers_that_name_them(complete):
    complete.replace(
        "[delivery]", '[[shops]]\nname = "b2b"\nplatform = "shopify"\nsource = { place = "in" }\n[delivery]'
    )
    complete.replace('prefix = "WEB"', 'prefix = "WEB"\nprefixes = { b2b = "B2B" }')
    assert said(complete) == [
        ("check-number-without-shop", "orders.number", "%OI"),
        ("check-number-without-shop", "orders.credit_note_number", "AV%RI"),
    ]
    complete.replace("[orders]", '[orders]\nnumber = "%SH-%OI"\nrefunds = "ignore"')
    assert said(complete) == []


def test_cus_2_guests_without_a_prefix_of_their_own_are_remarked(complete):
    complete.replace('guest_prefix = "INV"', "")
    assert said(complete) == [("check-guest-prefix", "customers.account.guest_prefix", "")]


def test_cus_3_an_accounting_account_for_all_must_be_given(complete):
    complete.replace("[customers.account]", '[customers.accounting]\nmode = "single"\n[customers.account]')
    assert said(complete) == [("check-account-not-set", "customers.accounting.single", "")]
    complete.replace('mode = "single"', 'mode = "single"\nsingle = "411000"')
    assert said(complete) == []


def test_ebp_10_without_a_customer_extract_what_is_switched_off_is_said(complete):
    complete.replace("customers = ", "# customers = ")
    assert codes(complete) == ["check-no-customers-extract"]


def test_sec_3_a_secret_that_is_not_set_is_named(complete, monkeypatch, tmp_path):
    complete.replace(
        'place = "in"',
        'place = { url = "sftp://u@host/in", key_passphrase = "KEY", key_file = "id", known_hosts = "hosts" }',
    )
    complete.replace('place = "out"', 'place = { url = "ftp://u@host/in", password = "FTP_PASSWORD" }')
    nowhere = tmp_path / "secrets.toml"
    found = said(complete, secrets_file=nowhere)
    assert [(code, field) for code, field, _ in found] == [
        ("check-place", "shops[1].source.place"),
        ("check-file-missing", "shops[1].source.place"),
        ("check-file-missing", "shops[1].source.place"),
        ("check-place", "delivery.place"),
    ]
    texts = [message(row, "fr") for row in check(complete.load(), secrets_file=nowhere).to_dict("records")]
    assert "FTP_PASSWORD" in texts[3]
    assert "KEY" in texts[0]
    for name in ("id", "hosts"):
        (complete.folder / name).touch()
    monkeypatch.setenv("KEY", "hunter2")
    nowhere.write_text('FTP_PASSWORD = "hunter2"\n')
    nowhere.chmod(0o600)
    assert said(complete, secrets_file=nowhere) == []


def test_ord_28_folders_that_are_missing_are_named(complete):
    complete.replace('place = "in"', 'place = "inn"')
    assert said(complete) == [("check-folder-missing", "shops[1].source.place", str(complete.folder / "inn"))]


def test_fmt_1_settings_of_formats_must_exist(complete):
    complete.replace(
        "[erp.extracts]",
        '[erp.format_settings]\n"ebp/article" = { a = 1 }\n"ebp/articles" = { decimal_mrak = "," }\n[erp.extracts]',
    )
    assert [(code, field) for code, field, _ in said(complete)] == [
        ("check-unknown-format", "erp.format_settings.ebp/article"),
        ("check-unknown-format-setting", "erp.format_settings.ebp/articles.decimal_mrak"),
    ]
    texts = [message(row, "fr") for row in check(complete.load()).to_dict("records")]
    assert "Le plus proche est « ebp/articles »" in texts[0]
    assert "Le plus proche est « decimal_mark »" in texts[1]
    complete.replace("decimal_mrak", "decimal_mark")
    complete.replace('"ebp/article" = { a = 1 }\n', "")
    assert said(complete) == []
    complete.replace('decimal_mark = ","', 'decimal_mark = "x"')
    assert codes(complete) == ["check-formats"]


def test_fmt_1_a_folder_of_formats_must_exist(complete):
    complete.replace("[erp.extracts]", '[erp]\nformats_folder = "formats"\n[erp.extracts]')
    assert said(complete) == [("check-folder-missing", "erp.formats_folder", str(complete.folder / "formats"))]
    (complete.folder / "formats" / "ebp").mkdir(parents=True)
    (complete.folder / "formats" / "ebp" / "articles.yaml").write_text("name: ebp/articles\nnonsense: 1\n")
    assert codes(complete) == ["check-formats"]


def test_oas_1_formats_whose_columns_nobody_has_declared_are_said(complete):
    complete.replace('platform = "prestashop"', 'platform = "oasis"\ndelivery = { place = "out" }')
    complete.replace("[erp.extracts]", '[erp]\nformats_folder = "formats"\n[erp.extracts]')
    folder = complete.folder / "formats" / "oasis"
    folder.mkdir(parents=True)
    (folder / "stock.yaml").write_text("name: oasis/stock\npasserelle: {extends: oasis/stock, assumed: false}\n")
    [(code, field, value)] = said(complete)
    assert (code, field) == ("check-formats-assumed", "shops[1].platform")
    assert "oasis/prices" in value
    assert "oasis/stock" not in value
    assert "oasis/categories" not in value
    (folder / "prices.yaml").write_text("name: oasis/prices\nnonsense: 1\n")
    assert codes(complete) == ["check-formats"]


def test_pro_4_a_paused_profile_says_so(complete):
    complete.replace('name = "demo"', 'name = "demo"\npaused = true')
    assert codes(complete) == ["check-paused"]


def test_ord_1_ord_4_since_the_last_import_needs_the_date_of_the_last_change(complete):
    complete.replace("[orders]\n", '[orders]\nperiod = "since-last-import"\n')
    assert said(complete) == [("check-last-import-by-creation", "orders.date", "created")]
    complete.replace("[orders]\n", '[orders]\ndate = "updated"\n')
    assert said(complete) == []


def test_ord_28_special_articles_may_stand_in_their_sheet(demo):
    demo.replace('[orders.special_articles]\nrounding = "ECART"', 'unknown_article = "misc"')
    demo.rows["special_articles"] = [["rounding", "ECART"], ["misc", "DIVER"], ["fee", "DIVERS"], ["shipping", "PORT"]]
    assert said(demo) == [
        ("check-article-not-set-yet", "orders.special_articles.wrapping", ""),
        ("check-article-unknown", "Articles spéciaux", "DIVER"),
    ]
    demo.rows["special_articles"][1] = ["misc", ""]
    found = said(demo)
    assert ("check-article-not-set", "orders.special_articles.misc", "") in found
    assert ("check-values-waiting", "", "Divers") in found


def test_cus_6_customers_need_a_folder_of_their_own_where_files_are_put_away(complete):
    complete.replace('place = "in"', 'place = "in"\n[shops.customers]\nplace = "in"')
    assert said(complete) == []
    complete.replace('[shops.customers]\nplace = "in"', '[shops.customers]\nplace = "in"\nafter = "archive"')
    assert said(complete) == [("check-customers-place-shared", "shops[1].customers", "web")]
    complete.replace('[shops.customers]\nplace = "in"', '[shops.customers]\nplace = "customers"')
    [(code, field, folder)] = said(complete)
    assert (code, field) == ("check-folder-missing", "shops[1].customers.place")
    assert folder.endswith("customers")


def test_cus_6_prospects_need_accounts_of_their_own(complete):
    complete.replace('place = "in"', 'place = "in"\n[shops.customers]\nplace = "in"')
    complete.replace("[customers.account]", '[customers.account]\nmode = "single"\nsingle = "COMPTOIR"')
    assert said(complete) == [("prospects-single-account", "shops[1].customers", "")]
