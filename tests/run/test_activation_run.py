"""Articles of shops on and off: only what differs, together with what the stock switches."""

from __future__ import annotations

import json
import signal

import pytest
from killed import STOCK_STEPS as STEPS
from killed import run_killed
from stock_shops import articles, codes, home, leave, levels, run, shops, told
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.ledger.ledger import Ledger
from passerelle.run.activation import ACTIVATE
from passerelle.run.errors import RunError
from passerelle.run.job import run_task
from passerelle.run.request import Request

ACTIVATION = "\n[shops.activation]\n"
DEACTIVATE = f'out_of_stock = "deactivate"\n{ACTIVATION}'


def activate(at, shop="a", **asked):
    return run_task(ACTIVATE, Request("test", shop=shop, **asked), at)


def switched(at, shop="a") -> dict[str, str]:
    """Give what a WooCommerce shop is told, by SKU: the files of both tasks, in the order of time."""
    files = (home(at) / f"out-{shop}").glob("*.csv")
    for number, file in enumerate(sorted(files, key=lambda file: file.stat().st_mtime_ns)):
        file.rename(file.with_name(f"all-{number}.csv"))
    return {row["SKU"]: row["Published"] for row in told(at, shop, "all")}


def test_cat_5_the_four_cases_and_night_two_switches_only_what_has_changed(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", ACTIVATION))
    leave(at, "articles.csv", articles("A1;Bol;1;1;;", "A2;Tasse;0;0;;", "A3;Pot;0;1;;", "A4;Thé;1;0;;"))
    first = activate(at)
    assert (first.read, first.written, first.ignored) == (4, 4, 0)
    assert switched(at) == {"A1": "0", "A2": "0", "A3": "0", "A4": "1"}
    assert activate(at).state == "nothing-to-do"
    leave(at, "articles.csv", articles("A1;Bol;1;0;;", "A2;Tasse;0;0;;", "A3;Pot;0;1;;", "A4;Thé;1;0;;"))
    planned = activate(at, plan=True)
    [row] = planned.plan_rows
    assert (row.record, row.field, row.old, row.new) == ("A1", "activation", "inactive", "active")
    second = activate(at)
    assert (second.written, codes(second)) == (1, {"activation-unchanged": 3})
    assert switched(at) == {"A1": "1"}
    # A lost night is caught up, and a full run ends in the same state.
    leave(at, "articles.csv", articles("A1;Bol;1;0;;", "A2;Tasse;1;0;;", "A3;Pot;0;1;;", "A4;Thé;0;0;;"))
    assert activate(at, full=True).written == 4
    assert switched(at) == {"A1": "1", "A2": "1", "A3": "0", "A4": "0"}


def test_stk_6_cat_5_what_the_stock_switched_off_is_not_switched_on_in_between(tmp_path):
    """The two tasks in any order; each switches only what is not as the shop was told last, by whichever of them."""
    at = shops(tmp_path, ("a", "woocommerce", DEACTIVATE))
    rows = ("A1;Bol;1;0;;", "A2;Tasse;1;0;;")
    leave(at, "articles.csv", articles(*rows))
    leave(at, "stock.csv", levels("A1;Nice;4", "A2;Nice;0"))
    run(at)
    assert switched(at) == {"A1": "1", "A2": "0"}
    assert activate(at).state == "nothing-to-do"
    assert activate(at, full=True).written == 2
    assert switched(at) == {"A1": "1", "A2": "0"}
    # Unpublished, switched off by the one; published again, and meanwhile sold out.
    leave(at, "articles.csv", articles("A1;Bol;0;0;;", rows[1]))
    activate(at)
    assert switched(at) == {"A1": "0"}
    leave(at, "articles.csv", articles(*rows))
    leave(at, "stock.csv", levels("A1;Nice;0", "A2;Nice;2"))
    run(at)
    assert switched(at) == {"A1": "0", "A2": "1"}
    assert activate(at).state == "nothing-to-do"
    # Dormant and out of stock, awake and out of stock: off. Back in stock, the task of the stock switches it on.
    for state in "10":
        leave(at, "articles.csv", articles(f"A1;Bol;1;{state};;", rows[1]))
        assert activate(at).state == "nothing-to-do"
    leave(at, "stock.csv", levels("A1;Nice;3", "A2;Nice;2"))
    run(at)
    assert switched(at) == {"A1": "1"}
    # Unpublished after that: what was told last counts, not what this task told last.
    leave(at, "articles.csv", articles("A1;Bol;0;0;;", rows[1]))
    activate(at)
    assert switched(at) == {"A1": "0"}
    leave(at, "articles.csv", articles(*rows))
    activate(at)
    assert switched(at) == {"A1": "1"}
    assert run(at).state == "nothing-to-do"


def test_cat_5_a_reference_that_the_shop_has_nearly_is_refused_and_others_are_not_told(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", f'{ACTIVATION}listing = {{ place = "exports" }}'))
    (home(at) / "exports" / "wc.csv").write_text("SKU,Name\nA1,Bol\na2,Tasse\n", encoding="utf-8")
    leave(at, "articles.csv", articles("A1;Bol;0;0;;", "A2;Tasse;1;0;;", "A3;Pot;0;0;;"))
    summary = activate(at)
    assert codes(summary) == {"article-near-miss": 1, "article-not-in-shop": 1}
    assert switched(at) == {"A1": "0"}


@pytest.mark.parametrize("step", [STEPS[2], STEPS[5], STEPS[8]], ids=lambda step: step.rpartition(":")[2])
def test_cat_5_rel_1_killed_and_run_again_tells_each_value_once(tmp_path, step):
    at = shops(tmp_path, ("a", "woocommerce", ACTIVATION))
    leave(at, "articles.csv", articles("A1;Bol;1;0;;", "A2;Tasse;0;0;;"))
    assert run_killed(at, step, "after", ACTIVATE, "a") == -signal.SIGKILL
    activate(at)
    rows = told(at, name="activation")
    assert sorted((row["SKU"], row["Published"]) for row in rows) == [("A1", "1"), ("A2", "0")]
    with Ledger.open(at.ledger_url) as ledger:
        assert ledger.unfinished("test") == []


SHOPIFY = (
    "Handle,Title,Body (HTML),Vendor,Published,Option1 Name,Option1 Value,Variant SKU,Variant Price,Image Src,Status\n"
    "bol,Bol,<p>x</p>,V,TRUE,Taille,S,A1,12.00,http://x/1.png,active\n"
    "bol,,,,,,M,A2,13.00,http://x/2.png,\n"
    "bol,,,,,,,,,http://x/3.png,\n"
    "pot,Pot,,V,TRUE,Title,Default Title,A3,5.00,,active\n"
)
WIX = (
    "handleId,fieldType,name,sku,price,visible,productOptionName1,productOptionType1,productOptionDescription1\n"
    "product_1,Product,Bol,,12,true,Taille,DROP_DOWN,S;M\n"
    "product_1,Variant,,A1,,true,,,S\nproduct_1,Variant,,A2,,true,,,M\nproduct_2,Product,Pot,A3,5,true,,,\n"
)
BIGCOMMERCE = (
    "Item,ID,Name,Type,SKU,Options,Inventory Tracking,Price,Is Visible\n"
    "Product,1,Bol,Physical,,,variant,12,TRUE\nVariant,2,,,A1,Type=Dropdown|Name=Taille|Value=S,,12,\n"
    "Variant,3,,,A2,Type=Dropdown|Name=Taille|Value=M,,12,\nProduct,4,Pot,Physical,A3,,product,5,TRUE\n"
)


@pytest.mark.parametrize(
    ("platform", "listing", "key", "told_of"),
    [
        (
            "shopify",
            SHOPIFY,
            ("URL handle", "SKU", "Status"),
            [("bol", "A1", "active"), ("bol", "A2", ""), ("pot", "A3", "draft")],
        ),
        (
            "wix",
            WIX,
            ("fieldType", "sku", "visible"),
            [
                ("Product", "", "true"),
                ("Variant", "A1", "false"),
                ("Variant", "A2", "true"),
                ("Product", "A3", "false"),
            ],
        ),
        (
            "bigcommerce",
            BIGCOMMERCE,
            ("ID", "SKU", "Is Visible"),
            [("1", "", "TRUE"), ("2", "A1", ""), ("3", "A2", ""), ("4", "A3", "FALSE")],
        ),
    ],
)
def test_shp_1_cat_5_products_are_switched_by_the_shops_own_ids(tmp_path, platform, listing, key, told_of):
    at = shops(tmp_path, ("a", platform, f'{ACTIVATION}listing = {{ place = "exports" }}'))
    (home(at) / "exports" / "products.csv").write_text(listing, encoding="utf-8")
    leave(at, "articles.csv", articles("A1;Bol;1;1;;", "A2;Bol;1;0;;", "A3;Pot;0;0;;", "A4;Thé;1;0;;"))
    summary = activate(at)
    assert (summary.written, summary.failed, codes(summary)) == (3, 0, {"article-not-in-shop": 1})
    rows = told(at, name="activation")
    assert [tuple(row[name] for name in key) for row in rows] == told_of
    assert activate(at).state == "nothing-to-do"


@pytest.mark.parametrize(
    ("platform", "rows"),
    [
        ("prestashop", [{"Active (0/1)": "1", "Reference #": "A1"}, {"Active (0/1)": "0", "Reference #": "A2"}]),
        ("magento", [{"sku": "A1", "product_online": "1"}, {"sku": "A2", "product_online": "2"}]),
    ],
)
def test_shp_1_cat_5_platforms_by_reference(tmp_path, platform, rows):
    at = shops(tmp_path, ("a", platform, f"{ACTIVATION}criterion = \"ID <> 'A3'\""))
    leave(at, "articles.csv", articles("A1;Bol;1;0;;", "A2;Tasse;1;1;;", "A3;Pot;1;0;;"))
    assert codes(activate(at)) == {"article-criterion": 1}
    assert told(at, name="activation") == rows


def test_cat_5_what_is_lacking_is_said(tmp_path):
    at = shops(tmp_path, ("a", "wix", ACTIVATION), ("b", "magento", ACTIVATION), ("c", "magento", ""))
    leave(at, "articles.csv", articles("A1;Bol", header="Code article;Libellé"))
    for shop, code in (("a", "run-listing-not-set"), ("b", "run-extract-lacks-column"), ("c", "run-no-shop-with")):
        with pytest.raises(RunError) as error:
            activate(at, shop)
        assert (error.value.code, error.value.is_usage) == (code, True)


def test_cat_1_the_command_switches_every_shop(tmp_path):
    at = shops(tmp_path, ("a", "magento", ACTIVATION), ("b", "prestashop", ACTIVATION))
    (home(at) / "articles.csv").write_bytes(articles("A1;Bol;1;0;;"))
    folders = ["--profiles", str(at.profiles), "--state", str(at.state)]
    asked = ["run", "activation", "-p", "test", "--json"]
    ended = CliRunner().invoke(app, [*folders, *asked], env={"PASSERELLE_LANG": "en"})
    assert ended.exit_code == 0
    assert [json.loads(line)["shop"] for line in ended.stdout.replace("}\n{", "}\0{").split("\0")] == ["a", "b"]
