"""The ERP's stock told to shops: night after night, only what differs; a wrong extract stops all of it."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import timedelta

import openpyxl
import pytest
from killed import STOCK_STEPS as STEPS
from killed import run_killed
from stock_shops import NOW, articles, codes, home, leave, levels, quantities, run, shops, told

from passerelle.formats.errors import CriterionError
from passerelle.formats.registry import formats
from passerelle.ledger.ledger import Ledger
from passerelle.run.activation import ACTIVATE
from passerelle.run.errors import RunError
from passerelle.run.job import run_task
from passerelle.run.request import Request
from passerelle.run.stocks import STOCKS
from passerelle.storage.errors import StorageError


def test_stk_8_night_two_sends_only_what_has_changed(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", ""))
    leave(at, "articles.csv", articles("A1;Bol;1;0;;", "A2;Tasse;1;0;;", "A3;Théière;0;0;;"))
    leave(at, "stock.csv", levels("A1;Nice;4", "A1;Paris;3", "A2;Nice;0", "A3;Nice;9"))
    first = run(at)
    assert (first.state, first.read, first.written, first.failed, first.ignored) == ("delivered", 3, 2, 0, 1)
    assert codes(first) == {"article-not-on-web": 1}
    assert quantities(at) == {"A1": "7", "A2": "0"}
    assert run(at).state == "nothing-to-do"
    leave(at, "stock.csv", levels("A1;Nice;4", "A1;Paris;2", "A2;Nice;0", "A3;Nice;9"))
    second = run(at)
    assert (second.written, second.ignored) == (1, 2)
    assert codes(second) == {"article-not-on-web": 1, "stock-unchanged": 1}
    assert quantities(at) == {"A1": "6"}


NIGHTS = ({"A1": 4, "A2": 0, "A3": 2}, {"A1": 5, "A2": 0, "A3": 2}, {"A1": 5, "A2": 1, "A3": 0})


def extracts(at, stock: dict[str, object], depot="Nice") -> None:
    leave(at, "articles.csv", articles(*(f"{article};Bol;1;0;;" for article in stock)))
    leave(at, "stock.csv", levels(*(f"{article};{depot};{count}" for article, count in stock.items())))


@pytest.mark.parametrize(("lost", "full", "sent"), [(None, False, [3, 1, 2]), (1, False, [3, 3]), (1, True, [3, 3])])
def test_stk_8_a_lost_night_is_caught_up_and_a_full_run_ends_in_the_same_state(tmp_path, lost, full, sent):
    at = shops(tmp_path, ("a", "woocommerce", ""))
    shop: dict[str, str] = {}
    counts = []
    for night, stock in enumerate(NIGHTS):
        if night != lost:
            extracts(at, stock)
            counts.append(run(at, full=full and night == 2).written)
            shop |= quantities(at)
    assert counts == sent
    assert shop == {"A1": "5", "A2": "1", "A3": "0"}
    assert run(at).written == 0
    assert run(at, full=True).written == 3


def test_stk_8_what_never_arrived_is_not_taken_for_known(tmp_path):
    """A delivery that cannot be made stays prepared; given up, its values go again, and the mark with them."""
    at = shops(tmp_path, ("a", "woocommerce", "changed_only = true\npublished_only = false"))
    head, day = "Code article;Libellé;sysModifiedDate", "19/11/2026 10:00:00"
    leave(at, "articles.csv", articles(f"A1;Bol;{day}", f"A2;Tasse;{day}", header=head))
    stock = "Code article;Dépôt;Stock réel;sysModifiedDate"
    leave(at, "stock.csv", levels(f"A1;Nice;4;{day}", f"A2;Nice;1;{day}", header=stock), NOW - timedelta(days=1))
    assert run(at).written == 2
    with Ledger.open(at.ledger_url) as ledger:
        assert ledger.mark("test", "stocks.last-transfer.a") == "2026-11-20T03:30:00"
    leave(at, "stock.csv", levels(f"A1;Nice;4;{day}", "A2;Nice;2;21/11/2026 03:00:00", header=stock))
    place = home(at) / "out-a"
    place.rename(home(at) / "gone")
    place.write_bytes(b"no folder")
    with pytest.raises(StorageError):
        run(at)
    with Ledger.open(at.ledger_url) as ledger:
        [waiting] = ledger.unfinished("test")
        assert (waiting.shop, waiting.task) == ("a", "stocks")
        assert dict(ledger.sent_values("test", "a", "stock").itertuples(index=False)) == {"A1": "4", "A2": "1"}
        assert ledger.mark("test", "stocks.last-transfer.a") == "2026-11-21T03:30:00"
        ledger.abandon(waiting.delivery_id, by="test")
        assert dict(ledger.sent_values("test", "a", "stock").itertuples(index=False)) == {"A1": "4", "A2": "1"}
        assert ledger.mark("test", "stocks.last-transfer.a") is None
    place.unlink()
    (home(at) / "gone").rename(place)
    again = run(at)
    assert (again.written, codes(again)) == (1, {"stock-unchanged": 1})
    # Taken again only when it has changed since the extract that was transferred.
    assert codes(run(at)) == {"article-not-changed": 2}
    assert codes(run(at, full=True)) == {}


def test_cat_2_stk_8_what_the_shop_lacked_or_was_refused_goes_later_though_the_erp_does_not_change_it(tmp_path):
    """A2 is not in the shop on the first night; a row of A1 cannot be read on the second."""
    at = shops(tmp_path, ("a", "woocommerce", 'changed_only = true\nlisting = { place = "exports" }'))
    head, day = "Code article;Libellé;Publié sur le web;sysModifiedDate", "19/11/2026 10:00:00"

    def night(number, first, second, *skus):
        now = NOW + timedelta(days=number)
        leave(at, "articles.csv", articles(f"A1;Bol;1;{day}", f"A2;Tasse;1;{day}", header=head), now)
        stock = "Code article;Dépôt;Stock réel;sysModifiedDate"
        rows = [f"A1;Nice;{first}", f"A1;Lyon;{second};{day}", f"A2;Nice;3;{day}"]
        leave(at, "stock.csv", levels(*rows, header=stock), now)
        listed = "".join(f"{sku},{sku}\n" for sku in skus)
        (home(at) / "exports" / "wc.csv").write_text(f"SKU,Name\n{listed}", encoding="utf-8")
        summary = run(replace(at, clock=lambda: now))
        return codes(summary), quantities(at)

    assert night(0, f"4;{day}", 1, "A1") == ({"article-not-in-shop": 1}, {"A1": "5"})
    changed = "3;21/11/2026 22:00:00"
    refused = {"stock-row-unreadable": 1, "cell-no-number": 1}
    assert night(1, changed, "?", "A1", "A2") == (refused, {"A2": "3"})
    assert night(2, changed, 1, "A1", "A2") == ({"article-not-changed": 1}, {"A1": "4"})
    assert night(3, changed, 1, "A1", "A2") == ({"article-not-changed": 2}, {})


def test_stk_8_a_value_that_comes_back_on_the_same_day_is_sent_again_and_names_are_in_the_order_of_time(tmp_path):
    """Whoever reads the folder takes the files and leaves the manifests: the third file is the first one again."""
    at = shops(tmp_path, ("a", "woocommerce", ""))
    found, names = [], []
    for minute, count in enumerate((4, 5, 4)):
        extracts(at, {"A1": count})
        run(replace(at, clock=lambda minute=minute: NOW + timedelta(minutes=minute)))
        names += [file.name for file in (home(at) / "out-a").glob("stock*.csv")]
        found.append(quantities(at))
    assert found == [{"A1": "4"}, {"A1": "5"}, {"A1": "4"}]
    assert names == sorted(names)
    assert names[0].startswith("stock-test-a-20261121T023000-")


def test_stk_8_two_shops_have_each_their_own_state_and_place(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", ""), ("b", "prestashop", 'depots = ["Nice"]\nout_of_stock = "hide"'))
    extracts(at, {"A1": 4, "A2": 0})
    assert [run(at, shop).written for shop in "ab"] == [2, 2]
    assert quantities(at) == {"A1": "4", "A2": "0"}
    assert told(at, "b") == [
        {"Reference #": "A1", "Quantity": "4", "Visibility": "both"},
        {"Reference #": "A2", "Quantity": "0", "Visibility": "none"},
    ]
    extracts(at, {"A1": 4, "A2": 3})
    assert run(at, "b").written == 1
    assert told(at, "b") == [{"Reference #": "A2", "Quantity": "3", "Visibility": "both"}]
    assert run(at, "a").written == 1


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.rpartition(":")[2])
def test_stk_8_rel_1_killed_anywhere_and_run_again_tells_each_value_once(tmp_path, step, moment):
    at = shops(tmp_path, ("a", "woocommerce", ""))
    extracts(at, NIGHTS[0])
    run(at)
    quantities(at)
    extracts(at, NIGHTS[1])
    assert run_killed(at, step, moment, STOCKS, "a") == -signal.SIGKILL
    extracts(at, NIGHTS[2])
    run(at)
    shop = {"A1": "4", "A2": "0", "A3": "2"} | quantities(at)
    assert shop == {"A1": "5", "A2": "1", "A3": "0"}
    assert run(at).state == "nothing-to-do"
    with Ledger.open(at.ledger_url) as ledger:
        assert ledger.unfinished("test") == []


def test_cat_2_a_criterion_names_columns_by_label_or_sql_name_custom_fields_too(tmp_path):
    criterion = "Item.Id LIKE 'E%' AND xx_couleur <> 'rouge' AND xx_securite > 1.5"
    at = shops(tmp_path, ("a", "woocommerce", f'criterion = "{criterion}"'))
    leave(
        at,
        "articles.csv",
        articles("E1;Bol;1;0;bleu;2", "E2;Bol;1;0;rouge;2", "E3;Bol;1;0;bleu;1,5", "F1;Bol;1;0;bleu;9"),
    )
    leave(at, "stock.csv", levels("E1;Nice;4"))
    summary = run(at)
    assert (quantities(at), codes(summary)) == ({"E1": "4"}, {"article-criterion": 3})
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace("xx_couleur", "xx_couleurs"))
    with pytest.raises(CriterionError) as error:
        run(at)
    assert "“xx_couleurs”" in error.value.text("en")
    assert "« xx_couleur »" in error.value.text("fr")


@pytest.mark.parametrize(
    ("stock", "code"),
    [
        ("published_only = true", "run-extract-lacks-column"),
        ('published_only = false\nkind = "forward"', "run-extract-lacks-column"),
        ('published_only = false\ndepots = ["Nancy"]', "run-unknown-depot"),
        ('published_only = false\nsafety_column = "xx_securite"', "run-extract-lacks-column"),
        ('published_only = false\nout_of_stock = "deactivate"', "run-extract-lacks-column"),
    ],
)
def test_ebp_10_an_option_whose_column_is_lacking_is_said(tmp_path, stock, code):
    at = shops(tmp_path, ("a", "woocommerce", stock))
    leave(at, "articles.csv", articles("A1;Bol", header="Code article;Libellé"))
    leave(at, "stock.csv", levels("A1;Nice;4"))
    with pytest.raises(RunError) as error:
        run(at)
    assert (error.value.code, error.value.is_usage) == (code, True)
    assert quantities(at) == {}


def test_ebp_10_stk_8_a_stale_empty_or_shrunken_extract_sends_nothing(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", "published_only = false"))
    names = [f"A{number}" for number in range(10)]
    full = levels(*(f"{name};Nice;4" for name in names))
    leave(at, "articles.csv", articles(*(f"{name};Bol;1;0;;" for name in names)))
    with pytest.raises(RunError, match="not there"):
        run(at)
    leave(at, "stock.csv", full)
    assert run(at).written == 10
    for data, made_at, code in (
        (full, NOW - timedelta(hours=49), "run-extract-stale"),
        (b"", NOW, "run-extract-empty"),
        (levels(), NOW, "run-extract-empty"),
        (levels(*(f"{name};Nice;0" for name in names[:7])), NOW, "run-extract-shrunken"),
    ):
        leave(at, "stock.csv", data, made_at)
        with pytest.raises(RunError) as error:
            run(at)
        assert error.value.code == code
        assert "{" not in error.value.text("fr") + error.value.todo("fr") + error.value.text("en") + error.value.todo(
            "en"
        )
    quantities(at)
    # What is meant is made to pass by hand.
    with Ledger.open(at.ledger_url) as ledger:
        assert ledger.forget_mark("test", "extract.stock.rows", by="test")
    assert run(at).written == 10
    assert set(quantities(at).values()) == {"0"}
    leave(at, "stock.csv", levels(*(f"{name};Nice;1" for name in names[:6])))
    assert run(at).written == 6


def test_ebp_10_extracts_may_be_workbooks_by_sql_names_and_stk_2_of_any_kind(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", 'kind = "forward"\nuntracked_quantity = 99'))
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace("articles.csv", "articles.xlsx").replace("stock.csv", "stock.xlsx"))
    rows = {
        "articles.xlsx": [
            ("Id", "Caption", "AllowPublishOnWeb", "ManageStock"),
            ("A1", "Bol", True, True),
            ("A2", "Gravure", True, False),
            ("A3", "Pot", False, True),
        ],
        "stock.xlsx": [
            ("ItemId", "Storehouse", "RealStock", "OrderedQuantity", "SuppliersOrderedQuantity"),
            ("A1", "Nice", 4, 2.5, None),
            ("A1", "Paris", 1, 0, 3),
        ],
    }
    for name, cells in rows.items():
        book = openpyxl.Workbook()
        for row in cells:
            book.active.append(row)
        book.save(home(at) / name)
        leave(at, name, (home(at) / name).read_bytes())
    summary = run(at)
    # 4 - 2.5 + 1 + 3, rounded down; the article that is not kept in stock has its default.
    assert (quantities(at), codes(summary)) == ({"A1": "5", "A2": "99"}, {"article-not-on-web": 1})


@pytest.mark.parametrize("column", ["xx_securite", "Quantité réservée"])
def test_stk_5_a_column_of_the_extract_has_each_articles_safety_stock(tmp_path, column):
    at = shops(tmp_path, ("a", "woocommerce", f'published_only = false\nsafety_stock = 1\nsafety_column = "{column}"'))
    header = f"Code article;Libellé;{column}"
    leave(at, "articles.csv", articles("A1;Bol;2,5", "A2;Tasse;", "A3;Pot;0", header=header))
    leave(at, "stock.csv", levels("A1;Nice;4", "A2;Nice;4", "A3;Nice;4"))
    run(at)
    assert quantities(at) == {"A1": "1", "A2": "3", "A3": "4"}


def test_ebp_10_an_article_whose_stock_cannot_be_read_is_not_sent(tmp_path):
    """Of two depots one is unreadable: their sum would be wrong. A row without article could be anybody's."""
    at = shops(tmp_path, ("a", "woocommerce", ""))
    leave(at, "articles.csv", articles("A1;Bol;1;0;;", "A2;Tasse;1;0;;", "A3;Pot;peut-être;0;;", "A2 ;Tasse;1;0;;"))
    leave(at, "stock.csv", levels("A1;Nice;4", "A1;Paris;x", "A2;Nice;1"))
    summary = run(at)
    assert (summary.read, summary.written, summary.failed) == (4, 2, 2)
    assert codes(summary) == {"stock-row-unreadable": 1, "cell-no-number": 1, "cell-no-flag": 1}
    assert quantities(at) == {"A2": "1", "A2 ": "0"}
    leave(at, "stock.csv", levels("A1;Nice;4", "A1;Paris", "A2;Nice;1"))
    with pytest.raises(RunError, match="do not tell which article"):
        run(at)


def test_ebp_10_an_unreadable_row_of_an_article_that_is_left_anyway_does_not_matter(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", ""))
    leave(at, "articles.csv", articles("A1;Bol;0;0;;", "A2;Tasse;1;0;;"))
    leave(at, "stock.csv", levels("A1;Nice;x", "A2;Nice;1"))
    summary = run(at)
    assert (summary.read, summary.written, summary.failed, summary.ignored) == (2, 1, 0, 1)


def test_cat_5_sec_4_odd_references_are_only_data_and_doubled_ones_refused(tmp_path):
    odd = ["../../etc/x", "CON", "ÉTÉ 01 ", "=1+1", 'a""b', "0042", "-5"]
    at = shops(tmp_path, ("a", "woocommerce", ""))
    rows = [f'"{name}";Bol;1;0;;' for name in (*odd, "x" * 300, "A\r\n1", "A\x011", "TWICE", "TWICE")]
    leave(at, "articles.csv", articles(*rows))
    leave(
        at,
        "stock.csv",
        levels(*(f'"{name}";Nice;{number}' for number, name in enumerate([*odd, "x" * 300, "A\r\n1"], 1))),
    )
    summary = run(at)
    expected = {"article-twice": 1, "cell-too-long": 2, "cell-with-controls": 3, "stock-row-unreadable": 2}
    assert codes(summary) == expected
    assert (summary.read, summary.written, summary.failed) == (12, 7, 5)
    assert quantities(at) == {name.replace('""', '"'): str(number) for number, name in enumerate(odd, 1)}
    assert {path.name for path in (tmp_path / "profiles" / "test").iterdir()} == {
        "articles.csv", "stock.csv", "profile.toml", "mappings.xlsx", "exports", "erp", "out-a"
    }  # fmt: skip


def test_cat_5_references_are_compared_with_the_shops_own_list(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", 'listing = { place = "exports" }'))
    extracts(at, {"A1": 4, "ÉTÉ 01": 1, "B": 2, "NEW": 3})
    listing = "ID,Type,SKU,Name,In stock?\n1,simple,A1,Bol,backorder\n2,simple,été 01 ,Pot,1\n3,simple,b,Pot,1\n"
    with pytest.raises(RunError, match="export of the shop's articles is not there"):
        run(at)
    (home(at) / "exports" / "wc.csv").write_text(listing, encoding="utf-8")
    summary = run(at)
    assert (summary.written, codes(summary)) == (1, {"article-near-miss": 2, "article-not-in-shop": 1})
    assert quantities(at) == {"A1": "4"}
    rejects = (at.run_folder(summary.run_id) / "rejects.csv").read_text("utf-8-sig")
    assert "« été 01  »" in rejects


def test_shp_1_shopify_gets_its_handles_of_its_own_export(tmp_path):
    stock = 'location = "Boutique"\nlisting = { place = "exports" }'
    at = shops(tmp_path, ("a", "shopify", stock))
    extracts(at, {"A1": 4, "A2": 1})
    header = ",".join(field.title for field in formats().get("shopify/stock").fields)
    listing = [
        "bol,Bol,Taille,S,,,,,A1,,FR,Boutique,,0,0,1,1,2,",
        "bol,Bol,Taille,S,,,,,A1,,FR,Entrepôt,,0,0,1,1,2,",
        "set,Set,,,,,,,A1,,,Boutique,,0,0,0,0,0,",
    ]
    (home(at) / "exports" / "inventory.csv").write_text("\n".join([header, *listing, ""]), encoding="utf-8")
    assert run(at).written == 1
    rows = told(at, name="inventory")
    assert list(rows[0]) == header.split(",")
    shown = [(row["Handle"], row["Option1 Value"], row["Location"], row["COO"], row["On hand (new)"]) for row in rows]
    assert shown == [("bol", "S", "Boutique", "FR", "4"), ("set", "", "Boutique", "", "4")]


@pytest.mark.parametrize("stock", ['depots = ["Nice"]', '[shops.stock.stores.nice]\ndepots = ["Nice"]'])
def test_stk_1_stk_7_depots_without_an_extract_of_their_stock_empty_no_shop(tmp_path, stock):
    at = shops(tmp_path, ("a", "woocommerce", stock))
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text().replace('stock = "stock.csv"\n', ""))
    leave(
        at, "articles.csv", articles("A1;Bol;1;0;5", header="Code article;Libellé;Publié sur le web;Statut;Stock réel")
    )
    with pytest.raises(RunError) as error:
        run(at)
    assert (error.value.code, error.value.is_usage) == ("run-extract-not-set", True)
    assert "erp.extracts.stock" in error.value.todo("fr")


BIGCOMMERCE = (
    "Item,ID,Name,Type,SKU,Options,Inventory Tracking,Current Stock,Is Visible,Image URL (Import)\n"
    "Product,2,Tasse,Physical,A1,,product,4,TRUE,\n"
    "Image,991,,,,,,,,https://x.example/1.jpg\n"
    "Product,3,Bol,Physical,,,variant,,TRUE,\n"
    "Variant,33,,,A2,Type=Dropdown|Name=Taille|Value=M,,4,,\n"
    "Variant,34,,,A3,Type=Dropdown|Name=Taille|Value=L,,4,,\n"
    "Product,4,Plat,Physical,,,variant,,FALSE,\n"
    "Variant,43,,,A4,Type=Dropdown|Name=Taille|Value=M,,4,,\n"
    "Variant,44,,,N1,Type=Dropdown|Name=Taille|Value=L,,4,,\n"
)


def test_shp_1_stk_6_variants_of_bigcommerce_stand_under_their_product_and_one_task_does_not_undo_the_other(tmp_path):
    """Its import takes a variant for one of the product above it, and has one switch, of the product."""
    options = 'out_of_stock = "deactivate"\nlisting = { place = "exports" }\n[shops.activation]\n'
    at = shops(tmp_path, ("a", "bigcommerce", options + 'listing = { place = "exports" }\n'))
    (home(at) / "exports" / "products.csv").write_text(BIGCOMMERCE, encoding="utf-8")

    def rows(name="stock"):
        found = told(at, name=name)
        return [(row["Item"], row["ID"], row.get("Current Stock"), row["Is Visible"]) for row in found]

    extracts(at, {"A1": 5, "A2": 0, "A3": 3, "A4": 0})
    summary = run(at)
    assert (summary.written, summary.exit_code, codes(summary)) == (4, 0, {})
    variants = ("Variant", "33", "0", ""), ("Variant", "34", "3", "")
    # Of the last product the shop alone knows whether its other variant is for sale: it stays as it is there.
    last = ("Product", "4", "", "FALSE"), ("Variant", "43", "0", "")
    assert rows() == [("Product", "2", "5", "TRUE"), ("Product", "3", "", "TRUE"), *variants, *last]
    extracts(at, {"A1": 0, "A2": 0, "A3": 0, "A4": 0})
    assert run(at).written == 2
    assert rows() == [("Product", "2", "0", "FALSE"), ("Product", "3", "", "FALSE"), ("Variant", "34", "0", "")]
    assert codes(run_task(ACTIVATE, Request("test", shop="a"), at)) == {"activation-unchanged": 4}
    extracts(at, {"B1": 5, "B2": 5, "B3": 5, "B4": 5})
    assert codes(run(at)) == {"article-not-in-shop": 4}


@pytest.mark.parametrize(
    ("platform", "stock", "code"),
    [
        ("magento", "", "run-location-not-set"),
        ("magento", 'location = "default"\nout_of_stock = "hide"', "run-target-lacks"),
        ("wix", "", "run-listing-not-set"),
        ("bigcommerce", "", "run-listing-not-set"),
        ("shopify", 'location = "x"', "run-listing-not-set"),
    ],
)
def test_shp_1_what_a_shop_cannot_be_told_is_said_before_anything_is_read(tmp_path, platform, stock, code):
    at = shops(tmp_path, ("a", platform, stock))
    with pytest.raises(RunError) as error:
        run(at)
    assert (error.value.code, error.value.is_usage) == (code, True)


def test_shp_1_magento_gets_its_source_and_stk_7_stores_their_availability(tmp_path):
    stores = 'location = "default"\n[shops.stock.stores.nice]\ndepots = ["Nice"]\n'
    at = shops(tmp_path, ("a", "magento", stores))
    extracts(at, {"A1": 9, "A2": 0})
    assert run(at).written == 2
    assert told(at) == [
        {"source_code": "default", "sku": "A1", "status": "1", "quantity": "9"},
        {"source_code": "default", "sku": "A2", "status": "0", "quantity": "0"},
    ]
