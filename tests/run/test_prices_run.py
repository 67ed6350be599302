"""The ERP's prices told to shops: night after night what differs, and what is gone (PRI-1 to PRI-4)."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from datetime import timedelta

import pytest
from killed import STOCK_STEPS as STEPS
from killed import run_killed
from price_shops import leave_prices, price_shops, run
from stock_shops import NOW, codes, home, leave, told
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.ledger.entries import ACCOUNTS, VALUES, Parcel, Prepared
from passerelle.ledger.ledger import Ledger
from passerelle.run.errors import RunError
from passerelle.run.prices import PRICES

BOWL, CUP = "A1;Bol;1;41,67;50;20", "A2;Tasse;1;4,5;;5,5"
NEUTRAL = 'includes_tax = true\nspecific_format = "shop/specific_prices"\ngroups = { PRO = "Pros" }\n'
PRO, CUSTOMER, SALE = "A1;PRO;;;10;38,5;;;;", "A1;;;CLI1;;;;5;;", "A2;;;;;;;20;20/11/2026;30/11/2026"


def columns(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


def regular(at):
    return columns(told(at, name="prices"), "SKU", "Regular price", "Sale price", "Date sale price ends")


def specific(at):
    names = ("sku", "group", "customer_email", "quantity_from", "price", "discount_percent", "deleted")
    return columns(told(at, name="specific_prices"), *names)


def test_pri_1_pri_2_night_two_tells_only_what_has_changed_and_what_is_gone(tmp_path):
    at = price_shops(tmp_path, ("a", "woocommerce", NEUTRAL))
    leave_prices(at, [BOWL, CUP, "A3;Pot;0;1;;20"], [PRO, CUSTOMER, SALE])
    first = run(at)
    assert (first.read, first.written, first.failed, first.ignored) == (3, 2, 0, 1)
    assert regular(at) == [("A1", "50.00", "", ""), ("A2", "4.75", "3.80", "2026-11-30 23:59:59")]
    pros, zoe = ("A1", "Pros", "", "10", "46.20", "", "0"), ("A1", "", "zoe@example.com", "1", "", "5", "0")
    assert specific(at) == [zoe, pros]
    assert run(at).state == "nothing-to-do"
    # Only a group's price has changed: the article's own is not told again.
    leave_prices(at, [BOWL, CUP, "A3;Pot;0;1;;20"], ["A1;PRO;;;10;40;;;;", CUSTOMER, SALE])
    planned = run(at, plan=True)
    [row] = [row for row in planned.plan_rows if row.what.startswith("mettre")]
    assert (row.record, row.field, row.old, row.new) == ("A1", "10 / … / group Pros", "46.2", "48")
    second = run(at)
    assert (second.written, codes(second)) == (1, {"article-not-on-web": 1, "price-unchanged": 1})
    assert (regular(at), specific(at)) == ([], [zoe, (*pros[:4], "48.00", *pros[5:])])
    # The price of the group and the promotion are gone in the ERP.
    leave_prices(at, [BOWL, CUP, "A3;Pot;0;1;;20"], [CUSTOMER])
    assert run(at).written == 2
    assert regular(at) == [("A2", "4.75", "", "")]
    assert specific(at) == [zoe, ("A1", "Pros", "", "10", "", "", "1")]
    assert run(at).state == "nothing-to-do"
    # A full run tells everything that is there, and ends in the same state.
    assert run(at, full=True).written == 2
    assert (len(regular(at)), specific(at)) == (2, [zoe])
    # The last tariff of a customer is gone: whose it was is told.
    leave_prices(at, [BOWL, CUP, "A3;Pot;0;1;;20"], [SALE])
    run(at)
    assert specific(at) == [("A1", "", "zoe@example.com", "1", "", "", "1")]


def test_pri_2_a_tariff_of_a_reference_that_is_too_long_stops_nobody_elses_price(tmp_path):
    at = price_shops(tmp_path, ("a", "woocommerce", NEUTRAL))
    leave_prices(at, [BOWL, CUP, f"{'x' * 300};B;1;1;;20"], [SALE, "x" * 300 + ";;;;;1;;;;"])
    assert codes(run(at)) == {"cell-too-long": 2, "price-row-unreadable": 1}
    assert [row[0] for row in regular(at)] == ["A1", "A2"]


def test_stk_8_a_lost_night_is_caught_up(tmp_path):
    at = price_shops(tmp_path, ("a", "woocommerce", NEUTRAL))
    nights = (["A1;B;1;1;;20"], [SALE]), (["A1;B;1;2;;20"], [PRO]), (["A1;B;1;2;;20", CUP], [SALE])
    shop = {}
    for number in (0, 2):
        leave_prices(at, *nights[number])
        run(at)
        shop |= {row[0]: row[1:] for row in regular(at)}
    assert shop == {"A1": ("2.40", "", ""), "A2": ("4.75", "3.80", "2026-11-30 23:59:59")}
    assert specific(at) == []


def test_pri_2_a_shop_without_days_is_told_a_promotion_when_it_begins_and_when_it_has_ended(tmp_path):
    at = price_shops(tmp_path, ("a", "bigcommerce", 'includes_tax = true\nlisting = { place = "exports" }'))
    listing = (
        "Item,ID,Name,Type,SKU,Options,Inventory Tracking,Price,Sale Price\nProduct,2,Tasse,Physical,A2,,none,4,0\n"
    )
    (home(at) / "exports" / "products.csv").write_text(listing, encoding="utf-8")
    found = []
    for day in (-2, -1, 0, 9, 10):
        now = NOW + timedelta(days=day)
        leave_prices(at, [CUP], [SALE], now)
        run(replace(at, clock=lambda now=now: now))
        found.append(columns(told(at, name="prices"), "ID", "Price", "Sale Price"))
    assert found == [[("2", "4.75", "0")], [("2", "4.75", "3.80")], [], [], [("2", "4.75", "0")]]


def test_pri_2_prestashop_is_told_the_end_of_a_discount_that_its_import_cannot_take_away(tmp_path):
    at = price_shops(tmp_path, ("a", "prestashop", 'groups = { PRO = "4" }'))
    tariffs = [PRO, CUSTOMER, "A1;;;;;;45;;;", SALE]
    leave_prices(at, [BOWL, CUP], tariffs)
    with Ledger.open(at.ledger_url) as ledger:
        run_id = ledger.start_run("test", "orders")
        accounts = ACCOUNTS.of([{"customer_key": "a/17", "customer_code": "CLI1", "email": "zoe@example.com"}])
        ledger.prepare(run_id, Prepared(accounts=accounts))
    run(at)
    names = ("Price tax excluded", "Discount amount", "Discount percent", "Discount to (yyyy-mm-dd)", "Reference #")
    assert columns(told(at, name="prices"), *names) == [
        ("41.67", "5.00", "", "", "A1"), ("4.50", "", "20", "2026-11-30 23:59:59", "A2")
    ]  # fmt: skip
    names = (
        "reference",
        "id_group",
        "id_customer",
        "from_quantity",
        "price",
        "reduction",
        "reduction_type",
        "from",
        "deleted",
    )
    assert columns(told(at, name="specific_prices"), *names) == [
        ("A1", "0", "17", "1", "-1", "0.05", "percentage", "0000-00-00 00:00:00", "0"),
        ("A1", "4", "0", "10", "38.5", "0", "amount", "0000-00-00 00:00:00", "0"),
    ]
    leave_prices(at, [BOWL, CUP], [PRO])
    run(at)
    names = ("Discount percent", "Discount from (yyyy-mm-dd)", "Discount to (yyyy-mm-dd)", "Reference #")
    over = ("1", "2000-01-01", "2000-01-01 23:59:59")
    assert columns(told(at, name="prices"), *names) == [(*over, "A1"), (*over, "A2")]
    names = ("reference", "id_group", "id_customer", "deleted")
    # The customer's price is gone, not one of everybody.
    assert columns(told(at, name="specific_prices"), *names) == [("A1", "4", "0", "0"), ("A1", "0", "17", "1")]


def test_pri_2_magento_replaces_the_prices_of_an_article_and_deletes_those_of_one_that_has_none(tmp_path):
    at = price_shops(tmp_path, ("a", "magento", 'groups = { PRO = "Wholesale" }'))
    leave_prices(at, [BOWL, CUP], [PRO, "A1;;;;5;;;10;;", "A2;PRO;;;;4;;;;", SALE])
    run(at)
    assert columns(told(at, name="prices"), "sku", "price", "special_price", "special_price_to_date") == [
        ("A1", "41.67", "__EMPTY__VALUE__", "__EMPTY__VALUE__"), ("A2", "4.50", "3.60", "2026-11-30")
    ]  # fmt: skip
    names = (
        "sku",
        "tier_price_website",
        "tier_price_customer_group",
        "tier_price_qty",
        "tier_price",
        "tier_price_value_type",
    )
    ours = "All Websites [EUR]"
    assert columns(told(at, name="advanced_pricing"), *names) == [
        ("A1", ours, "ALL GROUPS", "5", "10.00", "Discount"),
        ("A1", ours, "Wholesale", "10", "38.50", "Fixed"),
        ("A2", ours, "Wholesale", "1", "4.00", "Fixed"),
    ]
    leave_prices(at, [BOWL, CUP], [PRO])
    run(at)
    assert told(at, name="advanced_pricing_delete") == [{"sku": "A2"}]
    assert columns(told(at, name="advanced_pricing"), "sku", "tier_price_qty") == [("A1", "10")]
    # An empty extract of tariffs is no news of an ERP that has none.
    leave_prices(at, [BOWL, CUP], [])
    with pytest.raises(RunError) as error:
        run(at)
    assert error.value.code == "run-extract-empty"


def test_pri_4_bigcommerce_has_a_price_list_for_each_group_and_groups_of_the_shop_are_known(tmp_path):
    options = 'includes_tax = true\nlisting = { place = "exports" }\ngroups = { PRO = "3" }\n'
    groups = '[shops.groups]\nids = { WEB = "7", PRO = "4" }\n'
    neutral = 'includes_tax = true\nspecific_format = "shop/specific_prices"'
    at = price_shops(tmp_path, ("a", "bigcommerce", options + groups), ("b", "woocommerce", neutral))
    listing = (
        "Item,ID,Name,Type,SKU,Options,Inventory Tracking,Price,Sale Price\nProduct,1,Bol,Physical,A1,,none,40,0\n"
    )
    (home(at) / "exports" / "products.csv").write_text(listing, encoding="utf-8")
    with Ledger.open(at.ledger_url) as ledger:
        # As `customer-groups` tells a shop its groups.
        values = VALUES.of([{"kind": "group", "key": "family/WEB", "value": "Web"}])
        run_id = ledger.start_run("test", "customer-groups", {"shop": "b"})
        ledger.prepare(run_id, Prepared(parcel=Parcel("d1", "place", shop="b"), values=values))
        ledger.delivered("d1")
    tariffs = [
        PRO,
        "A1;PRO;;;1;40;;;;",
        "A1;PRO;;;20;;;30;;",
        "A1;;WEB;;;;;10;;",
        "A1;NEW;;;;30;;;;",
        "A1;;;CLI1;;;;5;;",
    ]
    leave_prices(at, [BOWL], tariffs)
    summary = run(at)
    assert (summary.failed, summary.exit_code) == (0, 3)
    assert codes(summary) == {"price-group-unknown": 1, "price-target-not-told": 1}
    names = ("price_list_id", "sku", "currency", "price", "quantity_min", "quantity_max", "type", "amount", "deleted")
    assert columns(told(at, name="price_list_records"), *names) == [
        ("3", "A1", "EUR", "48.00", "", "", "fixed", "", "0"),
        ("3", "A1", "EUR", "48.00", "10", "19", "fixed", "46.2", "0"),
        ("3", "A1", "EUR", "48.00", "20", "", "percent", "30", "0"),
        ("7", "A1", "EUR", "45.00", "", "", "percent", "", "0"),
    ]
    assert run(at).state == "nothing-to-do"
    assert codes(run(at, "b")) == {"price-group-unknown": 2}
    rows = told(at, "b", name="specific_prices")
    assert columns(rows, "group", "customer_code", "discount_percent") == [("", "CLI1", "5"), ("Web", "", "10")]


def test_shp_1_pri_1_variants_of_bigcommerce_stand_under_their_product_as_the_shop_has_it(tmp_path):
    at = price_shops(tmp_path, ("a", "bigcommerce", 'includes_tax = true\nlisting = { place = "exports" }'))
    listing = (
        "Item,ID,Name,Type,SKU,Options,Inventory Tracking,Price,Sale Price\nProduct,1,Pot,Physical,N1,,none,9,0\n"
        "Image,8,,,,,,,\nProduct,2,Bol,Physical,,,variant,12.5,11\nVariant,22,,,A1,x,,13,0\nVariant,23,,,N2,y,,14,0\n"
    )
    (home(at) / "exports" / "products.csv").write_text(listing, encoding="utf-8")
    leave_prices(at, [BOWL], ["A1;;;;;;45;;;"])
    summary = run(at)
    assert (summary.exit_code, codes(summary)) == (0, {})
    assert columns(told(at, name="prices"), "Item", "ID", "Price", "Sale Price") == [
        ("Product", "2", "12.50", "11.00"), ("Variant", "22", "50.00", "45.00")
    ]  # fmt: skip


SHOPIFY = (
    "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Compare At Price,Image Src\n"
    "bol,Bol,Taille,S,A1,48.00,,x\nbol,,,M,N1,49.00,60.00,\nbol,,,,,,,y\ntasse,Tasse,Title,Default Title,A2,5.00,,\n"
    "pot,Pot,Title,Default Title,N2,5.00,,\n"
)
WIX = (
    "handleId,fieldType,name,sku,price,surcharge,discountMode,discountValue,productOptionName1,productOptionType1,"
    "productOptionDescription1\n"
    "product_1,Product,Bol,,40,,PERCENT,0,Taille,DROP_DOWN,S;M\nproduct_1,Variant,,A1,,0,,,,,S\n"
    "product_1,Variant,,N1,,3,,,,,M\nproduct_2,Product,Tasse,A2,4,,PERCENT,0,,,\n"
)


@pytest.mark.parametrize(
    ("platform", "listing", "names", "rows"),
    [
        (
            "shopify",
            SHOPIFY,
            ("URL handle", "Option1 value", "Price", "Compare-at price"),
            [("bol", "S", "50.00", ""), ("bol", "M", "49.00", "60.00"), ("tasse", "Default Title", "3.80", "4.75")],
        ),
        (
            "wix",
            WIX,
            ("fieldType", "sku", "price", "surcharge", "discountMode", "discountValue"),
            [
                ("Product", "", "40.00", "", "PERCENT", "0"),
                ("Variant", "A1", "", "10.00", "", ""),
                ("Variant", "N1", "", "3.00", "", ""),
                ("Product", "A2", "4.75", "", "AMOUNT", "0.95"),
            ],
        ),
    ],
)
def test_shp_1_pri_2_whole_products_go_and_what_the_erp_does_not_tell_is_as_the_shop_has_it(
    tmp_path, platform, listing, names, rows
):
    at = price_shops(tmp_path, ("a", platform, 'includes_tax = true\nlisting = { place = "exports" }'))
    (home(at) / "exports" / "products.csv").write_text(listing, encoding="utf-8")
    leave_prices(at, [BOWL, CUP, "A9;Plat;1;1;;20"], [SALE, PRO])
    summary = run(at)
    assert codes(summary) == {"article-not-in-shop": 1, "price-no-format": 1}
    assert columns(told(at, name="prices"), *names) == rows


def test_pri_1_without_an_extract_of_tariffs_promotions_are_the_shops_own_and_rates_come_of_the_vat_codes(tmp_path):
    at = price_shops(tmp_path, ("a", "woocommerce", "includes_tax = true"), tariffs=False)
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace("[erp.extracts]\n", '[erp.extracts]\nvat_codes = "vat.csv"\n'))
    leave(at, "vat.csv", b"Code TVA;Taux de TVA\r\nN;20\r\nR;5,5\r\n")
    header = "Code article;Libellé;Publié sur le web;PV HT;Code TVA"
    leave_prices(at, ["A1;Bol;1;10;N", "A2;Tasse;1;4,5;R", "A3;Pot;1;3;X"], header=header)
    summary = run(at)
    assert codes(summary) == {"price-rate-unknown": 1}
    assert told(at, name="prices") == [
        {"SKU": "A1", "Regular price": "12.00"}, {"SKU": "A2", "Regular price": "4.75"}
    ]  # fmt: skip


def test_pri_3_filters_and_the_mark_are_the_tasks_own_and_tariffs_are_looked_at_every_time(tmp_path):
    options = f"{NEUTRAL}changed_only = true\ncriterion = \"ID <> 'A3'\""
    at = price_shops(tmp_path, ("a", "woocommerce", options))
    header = "Code article;Libellé;Publié sur le web;PV HT;Taux de TVA;sysModifiedDate"
    day = "19/11/2026 10:00:00"
    rows = [f"A1;Bol;1;10;20;{day}", f"A2;Tasse;1;4,5;20;{day}", f"A3;Pot;1;3;20;{day}"]
    leave_prices(at, rows, [PRO], NOW - timedelta(days=1), header)
    assert codes(run(at)) == {"article-criterion": 1}
    with Ledger.open(at.ledger_url) as ledger:
        assert ledger.mark("test", "prices.last-transfer.a") == "2026-11-20T03:30:00"
    told(at, name="*prices")
    # The price of an article that says it has not changed is not looked at; a tariff that is gone is.
    rows = [f"A1;Bol;1;11;20;{day}", f"A2;Tasse;1;5;20;{day}", f"A3;Pot;1;3;20;{day}"]
    leave_prices(at, rows, ["A9;PRO;;;10;1;;;;"], NOW, header)
    summary = run(at)
    assert codes(summary) == {"article-criterion": 1, "article-not-changed": 1, "price-article-unknown": 1}
    assert (regular(at), specific(at)) == ([("A1", "13.20", "", "")], [("A1", "Pros", "", "10", "", "", "1")])


def test_ebp_10_an_article_one_of_whose_tariffs_cannot_be_read_keeps_what_the_shop_was_told(tmp_path):
    at = price_shops(tmp_path, ("a", "woocommerce", NEUTRAL))
    leave_prices(at, [BOWL, CUP], [PRO, SALE])
    run(at)
    told(at, name="*prices")
    leave_prices(at, [BOWL, CUP, "A2;Twice;1;1;;20"], ["A1;PRO;;;10;x;;;;", SALE])
    summary = run(at)
    assert (summary.failed, summary.exit_code) == (3, 3)
    assert codes(summary) == {"price-row-unreadable": 1, "cell-no-number": 1, "article-twice": 1}
    assert (regular(at), specific(at)) == ([], [])


@pytest.mark.parametrize(
    ("platform", "options", "header", "code"),
    [
        ("wix", "", None, "run-listing-not-set"),
        ("magento", "", "Code article;Publié sur le web", "run-extract-lacks-column"),
    ],
)
def test_shp_1_what_cannot_be_told_is_said(tmp_path, platform, options, header, code):
    at = price_shops(tmp_path, ("a", platform, options))
    leave_prices(at, ["A1;1"] if header else [BOWL], [PRO], **({"header": header} if header else {}))
    with pytest.raises(RunError) as error:
        run(at)
    assert (error.value.code, error.value.is_usage) == (code, True)


def test_pri_1_a_shop_in_another_currency_than_the_erp_is_told_nothing(tmp_path):
    at = price_shops(tmp_path, ("a", "magento", ""))
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace('platform = "magento"', 'platform = "magento"\ncurrency = "CHF"'))
    with pytest.raises(RunError) as error:
        run(at)
    assert (error.value.code, error.value.is_usage) == ("run-prices-currency", True)


@pytest.mark.parametrize("step", [STEPS[2], STEPS[5], STEPS[8]], ids=lambda step: step.rpartition(":")[2])
def test_stk_8_rel_1_killed_and_run_again_tells_each_price_once(tmp_path, step):
    at = price_shops(tmp_path, ("a", "woocommerce", NEUTRAL))
    leave_prices(at, [BOWL, CUP], [PRO])
    assert run_killed(at, step, "after", PRICES, "a") == -signal.SIGKILL
    run(at)
    assert [row[0] for row in regular(at)] == ["A1", "A2"]
    assert [row[0] for row in specific(at)] == ["A1"]
    assert run(at).state == "nothing-to-do"


def test_cat_1_the_command_tells_every_shop(tmp_path):
    at = price_shops(tmp_path, ("a", "magento", ""), ("b", "prestashop", ""))
    leave_prices(at, [BOWL], [PRO])
    for name in ("articles.csv", "prices.csv"):
        (home(at) / name).write_bytes((home(at) / name).read_bytes())  # written now: commands look at the real clock
    folders = ["--profiles", str(at.profiles), "--state", str(at.state)]
    ended = CliRunner().invoke(app, [*folders, "run", "prices", "-p", "test", "--json"], env={"PASSERELLE_LANG": "en"})
    assert ended.exit_code == 3
    shops = [json.loads(text) for text in ended.stdout.replace("}\n{", "}\0{").split("\0")]
    assert [(shop["shop"], shop["written"]) for shop in shops] == [("a", 1), ("b", 1)]
