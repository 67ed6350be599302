"""Profiles are read whole, and every mistake names file, line and field."""

from __future__ import annotations

import pickle
from decimal import Decimal
from pathlib import Path

import pytest
from profile_demo import problems

from passerelle.profile.loader import ProfileError, load, names
from passerelle.profile.shop_settings import Platform
from passerelle.shops.export import PLATFORMS


def line_of(demo, text: str) -> int:
    (line,) = [number for number, row in enumerate(demo.text.splitlines(), 1) if text in row]
    return line


def test_pro_1_a_profile_is_loaded_with_defaults(demo):
    loaded = demo.load()
    profile = loaded.profile
    assert profile.name == "demo"
    assert profile.language == "fr"
    assert profile.time_zone == "Europe/Paris"
    assert profile.mappings == demo.folder / "mappings.xlsx"
    assert profile.erp.extracts.articles == demo.articles
    assert profile.shops[0].source.place.url == "in"
    assert profile.shops[0].source.files == ("*",)
    assert profile.orders.rounding_ceiling == Decimal("1.00")
    assert profile.erp.batch.imports.delivery_notes.category == "SaleDeliveryOrders"
    assert not profile.paused
    assert loaded.folder == demo.folder
    assert loaded.line("erp", "extracts", "customers") == line_of(demo, "customers =")
    assert loaded.line("orders", "depot") == line_of(demo, "[orders]")


def test_pro_1_a_profile_is_found_by_name_file_and_folder(demo):
    loaded = demo.load()
    assert load(str(demo.path)).profile == loaded.profile
    assert load(demo.path).profile == loaded.profile
    assert load(demo.folder).profile == loaded.profile
    other = demo.profiles / "other.toml"
    other.write_text(demo.text.replace('"demo"', '"other"'), encoding="utf-8")
    assert load("other", profiles_folder=demo.profiles).profile.name == "other"
    assert names(demo.profiles) == ["demo", "other"]
    assert names(demo.profiles / "none") == []


def test_pro_1_a_name_that_is_not_there_is_said_with_the_nearest(demo):
    demo.write()
    with pytest.raises(ProfileError) as raised:
        load("demmo", profiles_folder=demo.profiles)
    assert (
        raised.value.text("fr")
        == f"Il n'y a pas de profil « demmo » dans {demo.profiles}. Le plus proche est « demo »."
    )
    with pytest.raises(ProfileError, match="no profile"):
        load(demo.folder / "missing.toml")


def test_pro_1_the_name_is_that_of_the_file(demo):
    demo.replace('name = "demo"', 'name = "demo2"')
    assert problems(demo) == [
        (
            "profile-other-name",
            1,
            "name = « demo2 », mais le fichier est celui du profil « demo ».",
            "name = “demo2”, but the file is that of profile “demo”.",
        )
    ]
    assert load(demo.path).profile.name == "demo2"


def test_pro_1_an_unknown_setting_names_the_nearest(demo):
    demo.replace("[erp.extracts]\n", "[erp.extracts]\narticels = 'x'\n")
    assert problems(demo) == [
        (
            "profile-unknown-setting",
            5,
            "le réglage erp.extracts.articels n'existe pas. Le plus proche est « articles ».",
            "there is no setting erp.extracts.articels. The nearest is “articles”.",
        )
    ]


@pytest.mark.parametrize(
    ("old", "new", "code", "at", "says"),
    [
        ('name = "demo"\n', "", "profile-missing-setting", None, "il manque le réglage name."),
        (
            'articles = "extracts/articles.csv"\n',
            "",
            "profile-missing-setting",
            "[erp.extracts]",
            "il manque le réglage erp.extracts.articles.",
        ),
        (
            'place = "in"\n',
            "",
            "profile-missing-setting",
            "[shops.source]",
            "il manque le réglage shops[1].source.place.",
        ),
        ('[delivery]\nplace = "out"\n', "", "profile-missing-setting", None, "il manque le réglage delivery."),
        ('label = "Bou', 'label = 3#"', "profile-wrong-type", "label =", "label doit être un texte entre guillemets."),
        (
            "[orders]",
            "[orders]\nincludes_tax = 'maybe'",
            "profile-wrong-type",
            "includes_tax",
            "orders.includes_tax doit être true ou false.",
        ),
        (
            "[orders]",
            "[orders]\nprice_decimals = 2.5",
            "profile-wrong-type",
            "price_decimals",
            "orders.price_decimals doit être un nombre entier.",
        ),
        (
            "[orders]",
            "[orders]\nrounding_ceiling = 'a lot'",
            "profile-wrong-type",
            "rounding_ceiling",
            "orders.rounding_ceiling doit être un nombre.",
        ),
        (
            "[orders]",
            "[customers]\nmatch = 'email'\n[orders]",
            "profile-wrong-type",
            "match =",
            "customers.match doit être une liste entre crochets.",
        ),
        (
            "[orders]",
            "[erp.batch]\nimports = 'x'\n[orders]",
            "profile-wrong-type",
            "imports",
            "erp.batch.imports doit être une table.",
        ),
        (
            "[orders]",
            "[orders]\nprice_decimals = 7",
            "profile-out-of-range",
            "price_decimals",
            "orders.price_decimals = 7 n'est pas ≤ 6.",
        ),
        (
            "[orders]",
            "[orders]\nprice_decimals = 1",
            "profile-out-of-range",
            "price_decimals",
            "orders.price_decimals = 1 n'est pas ≥ 2.",
        ),
        (
            "[orders]",
            "[orders]\nperiod = 'last-moth'",
            "profile-not-possible",
            "period",
            (
                "orders.period ne peut pas être « last-moth » ; possible : this-week, last-15-days, this-month, "
                "last-month, last-3-months, last-6-months, this-year, last-year, all, since-last-import. "
                "Le plus proche est « last-month »."
            ),
        ),
        (
            'platform = "prestashop"',
            'platform = "prestashops"',
            "profile-not-possible",
            "platform",
            (
                "shops[1].platform ne peut pas être « prestashops » ; possible : prestashop, woocommerce, shopify, "
                "magento, bigcommerce, wix, oasis. Le plus proche est « prestashop »."
            ),
        ),
        ('place = "in"', 'place = "in"\nfiles = []', "profile-empty-list", "files", "shops[1].source.files est vide."),
        (
            'name = "web"',
            'name = "été 2"',
            "profile-bad-name",
            "été",
            ("shops[1].name = « été 2 » : un nom n'a que des lettres sans accent, des chiffres et des tirets."),
        ),
        (
            'name = "web"',
            'name = "web"\ncurrency = "euro"',
            "profile-bad-currency",
            "euro",
            "shops[1].currency = « euro » n'est pas un code de devise ISO tel que EUR.",
        ),
        (
            'name = "demo"',
            'name = "demo"\ntime_zone = "Europe/Pari"',
            "profile-unknown-time-zone",
            "Pari",
            "time_zone : le fuseau horaire « Europe/Pari » n'existe pas. Le plus proche est « Europe/Paris ».",
        ),
        (
            'name = "demo"',
            'name = "demo"\ntime_zone = "../etc/passwd"',
            "profile-unknown-time-zone",
            "passwd",
            "time_zone : le fuseau horaire « ../etc/passwd » n'existe pas.",
        ),
        (
            "[orders]",
            '[erp.batch]\nfolder = "C:\\temp"\n[orders]',
            "profile-control-character",
            "folder",
            "erp.batch.folder contient un caractère de commande : dans un texte entre guillemets, \\ en commence un.",
        ),
        (
            '"extracts/clients.csv"',
            '"C:\\test.csv"',
            "profile-control-character",
            "test.csv",
            "erp.extracts.customers contient un caractère de commande",
        ),
        (
            "[orders]",
            "[schedules]\norders = '61 5 * * *'\n[orders]",
            "profile-bad-schedule",
            "61",
            "schedules.orders = « 61 5 * * * » n'est pas une expression cron (« 61 »).",
        ),
        (
            "[orders]",
            "[schedules]\norders = 'à 5 h'\n[orders]",
            "profile-bad-schedule",
            "5 h",
            "schedules.orders = « à 5 h » n'est pas une expression cron (« à 5 h »).",
        ),
        (
            "[orders]",
            "[orders]\nreference = 'Web %OI %XX'",
            "profile-unknown-template-code",
            "%XX",
            (
                "orders.reference : le code %XX n'existe pas ; "
                "codes possibles : %OI, %OR, %IN, %CF, %CL, %CO, %PM, %SH, %RI."
            ),
        ),
        (
            "[orders]",
            "[orders.settlements]\nlabel = '%ZZ'\n[orders]",
            "profile-unknown-template-code",
            "%ZZ",
            (
                "orders.settlements.label : le code %ZZ n'existe pas ; "
                "codes possibles : %OI, %OR, %IN, %CF, %CL, %CO, %PM, %SH, %RI."
            ),
        ),
        (
            "[orders]",
            "[orders.defaults.taxs]\nvat_code = 'A'\n[orders]",
            "profile-unknown-setting",
            "taxs",
            "le réglage orders.defaults.taxs n'existe pas. Le plus proche est « taxes ».",
        ),
        (
            "[orders]",
            "[orders.defaults.taxes]\nvat_cod = 'A'\n[orders]",
            "profile-unknown-setting",
            "vat_cod =",
            "le réglage orders.defaults.taxes.vat_cod n'existe pas. Le plus proche est « vat_code ».",
        ),
        (
            "[orders]",
            "[orders.defaults.statuses]\nselected = 'peut-être'\n[orders]",
            "profile-not-possible",
            "peut-être",
            "orders.defaults.statuses.selected ne peut pas être « peut-être » ; possible : oui, non, yes, no.",
        ),
        (
            'prefix = "WEB"',
            'prefixes = { wbe = "A" }',
            "profile-unknown-setting",
            "wbe",
            "le réglage customers.account.prefixes.wbe n'existe pas. Le plus proche est « web ».",
        ),
        (
            'prefix = "WEB"',
            'mode = "single"',
            "profile-single-account",
            "[customers.account]",
            "customers.account.single n'est pas donné",
        ),
        (
            'prefix = "WEB"',
            'prefixes = { web = "BOUTIQUEWEB" }',
            "profile-prefix-too-long",
            "BOUTIQUEWEB",
            "customers.account.prefixes.web : le préfixe « BOUTIQUEWEB » ne laisse pas de place à un numéro",
        ),
        (
            "[orders]",
            "[orders.grouping]\norders = 'all'\n[orders]",
            "profile-grouping-account",
            "[orders.grouping]",
            "orders.grouping.account n'est pas donné",
        ),
        (
            "[orders]",
            "[orders]\nrounding_line = false\ngrouping = { orders = 'all', account = 'A' }",
            "profile-grouping-rounding",
            "rounding_line",
            "orders.rounding_line = false ne va pas avec le regroupement",
        ),
        (
            "[orders]",
            "[orders]\ncurrency = 'euro'",
            "profile-bad-currency",
            "euro",
            "orders.currency = « euro » n'est pas un code de devise ISO",
        ),
        (
            "[orders]",
            "[orders]\nvat.country = 'France'",
            "profile-bad-country",
            "France",
            "orders.vat.country = « France » n'est pas un code de pays ISO tel que FR.",
        ),
        (
            "[orders]",
            "[orders]\nrounding_ceiling = nan",
            "profile-wrong-type",
            "nan",
            "orders.rounding_ceiling doit être un nombre.",
        ),
        *(
            (
                "[orders]",
                f"[orders]\n{setting} = {value}",
                "profile-out-of-range",
                setting,
                f"orders.{setting} = {value} n'est pas {limit}.",
            )
            for setting, value, limit in (
                ("rounding_ceiling", "1E+400", "≤ 1000000"),
                ("max_age_days", "999999999", "≤ 36500"),
                ("minimum_id", "1000000000000000000", "< 1000000000000000000"),
                ("settlements.difference_ceiling", "1E+9", "≤ 1000000"),
            )
        ),
        *(
            (
                "[orders]",
                f"[orders]\n{table} = {{ wbe = {value} }}",
                "profile-unknown-setting",
                "wbe",
                f"le réglage orders.{table}.wbe n'existe pas. Le plus proche est « web ».",
            )
            for table, value in (("minimum_ids", "5"), ("afterwards.mark.by_shop", "'tag'"))
        ),
        *(
            (
                "[orders]",
                f"[orders]\n{setting} = '%ZZ'",
                "profile-unknown-template-code",
                "%ZZ",
                f"orders.{setting} : le code %ZZ n'existe pas",
            )
            for setting in ("credit_note_number", "settlements.difference_label", "grouping.reference")
        ),
    ],
)
def test_pro_1_each_mistake_names_file_line_and_field(demo, old, new, code, at, says):
    demo.replace(old, new)
    ((found, line, french, english),) = problems(demo)
    assert found == code
    assert line == (line_of(demo, at) if at else 1)
    assert french.startswith(says)
    assert english != french


def test_pro_1_all_mistakes_are_said_at_once_in_the_order_of_the_file(demo):
    demo.replace('name = "demo"', 'name = "dé mo"')
    demo.replace('platform = "prestashop"', 'platfrom = "prestashop"')
    demo.replace('place = "out"', 'place = "ftp://user:hunter2@host"\ncolision = "keep"')
    demo.replace("[orders]\n", "[orders]\nprice_decimals = 9\nreference = '%QQ'\n")
    assert [(code, line) for code, line, *_ in problems(demo)] == [
        ("profile-bad-name", 1),
        ("profile-missing-setting", 8),
        ("profile-unknown-setting", 10),
        ("profile-bad-place", 15),
        ("profile-unknown-setting", 16),
        ("profile-out-of-range", 19),
        ("profile-unknown-template-code", 20),
    ]


def test_cus_6_the_customers_of_some_platforms_are_not_read(demo):
    demo.replace('platform = "prestashop"', 'platform = "wix"\ncustomers = { place = "in" }')
    ((code, line, french, _),) = problems(demo)
    assert (code, line) == ("profile-customers-not-read", 11)
    assert french == "shops[1].customers : les clients d'une boutique wix ne sont pas lus."


def test_cus_6_the_day_without_an_order_is_a_date(demo):
    demo.replace("[delivery]", "[prospects]\nno_order_since = 2026-01-31\n[delivery]")
    assert str(demo.load().profile.prospects.no_order_since) == "2026-01-31"
    demo.replace("2026-01-31", '"31/01/2026"')
    ((code, _, french, _),) = problems(demo)
    assert (code, french) == (
        "profile-wrong-type",
        "prospects.no_order_since doit être une date comme 2026-01-31.",
    )


def test_pro_1_two_shops_of_one_name(demo):
    demo.replace("[delivery]", '[[shops]]\nname = "web"\nplatform = "shopify"\nsource = { place = "in2" }\n[delivery]')
    ((code, line, french, _),) = problems(demo)
    assert (code, line, french) == ("profile-shop-twice", 15, "shops[2].name : deux boutiques s'appellent « web ».")


@pytest.mark.parametrize(
    ("text", "code", "line", "says"),
    [
        ('name = "a"\nlabel = x\n', "profile-not-toml", 2, "ce n'est pas du TOML (valeur non valide)."),
        ("a = 1\na = 2\n", "profile-not-toml", 2, "ce n'est pas du TOML (cette clé a déjà une valeur)."),
        ('a = "C:\\Import"\n', "profile-not-toml", 1, "ce n'est pas du TOML (« \\ » dans un texte entre guillemets)."),
        ('a = """never closed\n\n', "profile-not-toml", 3, "ce n'est pas du TOML (texte sans guillemets de fin)."),
        ("[a]\n[a]\n", "profile-not-toml", 2, "ce n'est pas du TOML (cette table existe déjà)."),
        (
            "a.é = 1\n",
            "profile-not-toml",
            1,
            "ce n'est pas du TOML (une clé n'a que des lettres sans accent, des chiffres, « _ » et « - »).",
        ),
        (
            "a = " + "[" * 5000,
            "profile-not-toml",
            1,
            "ce n'est pas du TOML (trop de tables ou de listes l'une dans l'autre).",
        ),
        ("", "profile-missing-setting", 1, "il manque le réglage name."),
    ],
)  # fmt: skip
def test_pro_1_what_is_no_toml_names_the_line(demo, text, code, line, says):
    demo.text = text
    first = problems(demo)[0]
    assert first[:3] == (code, line, says)


def test_pro_1_a_file_in_another_encoding_names_the_line(demo):
    demo.path.write_bytes(demo.text.replace("[erp.", "# Écart\n[erp.").encode("cp1252"))
    with pytest.raises(ProfileError, match="line 2: the file is not in UTF-8") as raised:
        load("demo", profiles_folder=demo.profiles)
    assert "ligne 2" in raised.value.text("fr")


def test_pro_1_notepads_files_are_read(demo):
    demo.write()
    plain = load(demo.path).profile
    demo.path.write_bytes(b"\xef\xbb\xbf" + demo.text.replace("\n", "\r\n").encode())
    assert load(demo.path).profile == plain


def test_sec_3_no_secret_is_shown_wherever_it_was_written(demo):
    demo.replace(
        'place = "out"', 'place = { url = "sftp://u@h", password = "hunter2", pasword = "hunter2", agent = "hunter2" }'
    )
    demo.replace('place = "in"', 'place = "ftp://user:hunter2@host/in"')
    demo.path.write_text(demo.text, encoding="utf-8")
    with pytest.raises(ProfileError) as raised:
        load("demo", profiles_folder=demo.profiles)
    error = raised.value
    assert len(error.problems) >= 2
    for shown in (str(error), repr(error), error.text("fr"), error.todo("en"), error.problems.to_csv()):
        assert "hunter2" not in shown
    chain = error
    while chain := (chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)):
        assert "hunter2" not in repr(chain)


def test_pro_1_an_error_says_its_language_and_what_to_do(demo):
    demo.replace("[orders]", "[orders]\nprice_decimals = 9")
    demo.replace('name = "demo"', 'name = "demo"\nlanguage = "en"')
    problems(demo)
    with pytest.raises(ProfileError) as raised:
        load("demo", profiles_folder=demo.profiles)
    assert raised.value.language == "en"
    assert str(raised.value) == raised.value.text("en")
    assert raised.value.todo("fr") == "Corrigez le nombre."
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)  # noqa: S301 - what Prefect does


def test_ord_2_defaults_may_be_written_in_french(demo):
    demo.replace(
        "[orders]", '[orders.defaults.statuses]\nselected = "oui"\ndocument_kind = "Bon de livraison"\n[orders]'
    )
    assert demo.load().profile.orders.defaults == {"statuses": {"selected": "yes", "document_kind": "delivery_note"}}


def test_pro_1_money_is_exact(demo):
    demo.replace("[orders]", "[orders]\nrounding_ceiling = 0.1")
    assert demo.load().profile.orders.rounding_ceiling == Decimal("0.1")


def test_pro_1_the_hash_changes_with_settings_and_mappings(demo):
    first = demo.load()
    assert load(demo.path).sha256 == first.sha256
    (demo.folder / "notes.txt").write_text("x")
    assert load(demo.path).sha256 == first.sha256
    demo.path.write_text(demo.text + "\n# note\n", encoding="utf-8")
    second = load(demo.path)
    assert second.sha256 != first.sha256
    mappings = demo.folder / "mappings.xlsx"
    mappings.write_bytes(mappings.read_bytes() + b"\0")
    assert load(demo.path).sha256 != second.sha256
    mappings.unlink()
    assert len(load(demo.path).sha256) == 64


def test_pro_1_absolute_paths_and_csv_folders(demo, tmp_path):
    demo.replace('label = "', f"mappings = '{tmp_path / 'tables'}'\nlabel = \"")
    (tmp_path / "tables").mkdir()
    assert demo.load().profile.mappings == tmp_path / "tables"


def test_pro_1_relative_to_the_file_wherever_one_stands(demo, monkeypatch):
    demo.write()
    monkeypatch.chdir(demo.folder)
    assert load(Path("profile.toml")).profile.erp.extracts.articles == demo.articles
    assert load("./profile.toml").folder == demo.folder


def test_pro_4_a_profile_can_be_paused(demo):
    demo.replace('name = "demo"', 'name = "demo"\npaused = true')
    assert demo.load().profile.paused


def test_pro_1_platforms_are_those_that_can_be_read():
    assert set(Platform.__args__) == set(PLATFORMS)


def test_pro_1_settings_cannot_change_once_loaded(demo):
    profile = demo.load().profile
    with pytest.raises(ValueError, match="frozen"):
        profile.name = "x"


@pytest.mark.parametrize(
    "text",
    ["", "30 5 * * *", "*/15 8-20 * * mon-fri", "0 0 1,15 jan-jun/2 *", "5 4 * * SUN", "0 22 * * 1-5", "0 5 * * 7"],
)
def test_run_3_cron_expressions_are_taken(demo, text):
    demo.replace("[orders]", f"[schedules]\norders = '{text}'\n[orders]")
    assert demo.load().profile.schedules.orders == text


@pytest.mark.parametrize(
    "text",
    [
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "1- * * * *",
        "a * * * *",
        "1,,2 * * * *",
        "@daily",
        "* * mon * *",
        "1-70 * * * *",
    ],
)
def test_run_3_what_is_no_cron_expression_is_refused(demo, text):
    demo.replace("[orders]", f"[schedules]\norders = '{text}'\n[orders]")
    assert [code for code, *_ in problems(demo)] == ["profile-bad-schedule"]
