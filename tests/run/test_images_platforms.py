"""Images told to each platform, in the words of its own import (IMG-3)."""

from __future__ import annotations

import csv
import io

import pytest
from image_shops import URL, codes, photo, put, rows, run, sent, shop
from stock_shops import home

from passerelle.run.errors import RunError

LISTING = 'listing = { place = "exports" }\n'


def named(at, article: str) -> list[str]:
    """Give the URLs of an article's images that lie at the shop's, in the order of their names."""
    return [f"{URL}/images/{name}" for name in sorted(sent(at)) if name.startswith(article)]


def leave_export(at, *lines: str) -> None:
    (home(at) / "exports" / "products.csv").write_text("\n".join([*lines, ""]), "utf-8")


def whole_cells(found: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{name: cell for name, cell in row.items() if cell} for row in found]


def test_img_3_prestashop_drops_what_it_has_and_takes_the_whole_list(tmp_path):
    at = shop(tmp_path, "A")
    put(at, A__1=photo(1), A__2=photo(2))
    run(at)
    [row] = rows(at)
    assert row.pop("Image URLs (x,y,z...)").split(",") != []
    assert row == {
        "Reference #": "A",
        "Image alt texts (x,y,z...)": "Article A,Article A",
        "Delete existing images (0 = No, 1 = Yes)": "1",
    }


def test_img_3_prestashop_may_keep_what_it_has_and_is_given_new_images_only(tmp_path):
    at = shop(tmp_path, "A", options="delete_existing = false")
    put(at, A__1=photo(1))
    run(at)
    [first] = rows(at)
    put(at, A__2=photo(2))
    run(at)
    [second] = rows(at)
    assert second["Delete existing images (0 = No, 1 = Yes)"] == "0"
    urls = second["Image URLs (x,y,z...)"].split(",")
    assert len(urls) == 1
    assert urls != first["Image URLs (x,y,z...)"].split(",")
    # That one is gone cannot be told by adding.
    (home(at) / "photos" / "A" / "1.jpg").unlink()
    summary = run(at)
    assert (summary.state, codes(summary)) == ("nothing-to-do", {"article-file-nothing-new": 1})


def test_img_3_woocommerce_replaces_its_list(tmp_path):
    at = shop(tmp_path, "A", platform="woocommerce")
    put(at, A__1=photo(1))
    run(at)
    rows(at)
    put(at, A__0=photo(2))
    run(at)
    [row] = rows(at)
    assert row["SKU"] == "A"
    assert sorted(row["Images"].split(", ")) == named(at, "a-")


def test_img_3_magento_is_given_the_cover_and_the_others_and_later_what_is_new(tmp_path):
    at = shop(tmp_path, "A", platform="magento")
    put(at, A__1=photo(1), A__2=photo(2))
    run(at)
    [row] = rows(at)
    assert row["base_image"] == row["small_image"] == row["thumbnail_image"]
    assert sorted([row["base_image"], row["additional_images"]]) == named(at, "a-")
    put(at, A__3=photo(3))
    run(at)
    [row] = rows(at)
    assert row["base_image"] == ""
    assert row["additional_images"].startswith(URL)


def test_img_3_shopify_is_told_a_row_per_image_by_the_handle_that_it_has(tmp_path):
    at = shop(tmp_path, "A", "B", "C ", platform="shopify", options=LISTING)
    leave_export(at, "Handle,Title,SKU,Location", "bol,Bol bleu,A,Nice", "bol,Bol bleu,A,Paris", "pot,Pot,c,Nice")
    put(at, A__1=photo(1), A__2=photo(2), B__1=photo(3))
    summary = run(at)
    assert codes(summary) == {"article-not-in-shop": 1, "article-near-miss": 1}
    found = rows(at)
    assert sorted(row.pop("Product image URL") for row in found) == named(at, "a-")
    plain = {"URL handle": "bol", "Title": "Bol bleu", "Image alt text": "Article A"}
    assert found == [{**plain, "Image position": "1"}, {**plain, "Image position": "2"}]


def test_img_3_bigcommerce_is_told_a_row_for_the_product_and_one_per_image(tmp_path):
    at = shop(tmp_path, "A", "V", platform="bigcommerce", options=LISTING)
    head = "Item,ID,Name,Type,SKU,Options,Inventory Tracking,Current Stock"
    leave_export(at, head, "Product,111,Bol,Physical,A,,product,1", "Variant,7,,,V,Type=Size,,1")
    put(at, A__1=photo(1), A__2=photo(2), V__1=photo(3))
    summary = run(at)
    assert codes(summary) == {"article-not-in-shop": 1}
    product, *images = rows(at)
    assert whole_cells([product]) == [{"Item": "Product", "ID": "111", "Name": "Bol", "Image is Thumbnail": "FALSE"}]
    assert [(row["Item"], row["ID"], row["Image is Thumbnail"], row["Image Sort Order"]) for row in images] == [
        ("Image", "", "TRUE", "1"),
        ("Image", "", "FALSE", "2"),
    ]
    assert sorted(row["Image URL (Import)"] for row in images) == named(at, "a-")


def test_img_3_wix_is_told_by_its_handle(tmp_path):
    at = shop(tmp_path, "A", platform="wix", options=LISTING)
    leave_export(at, "handleId,fieldType,name,sku,visible,inventory", "product_1,Product,Bol,A,true,3")
    put(at, A__1=photo(1), A__2=photo(2))
    run(at)
    [row] = rows(at)
    assert sorted(row.pop("productImageUrl").split(";")) == named(at, "a-")
    assert row == {"handleId": "product_1", "fieldType": "Product", "name": "Bol"}


@pytest.mark.parametrize("platform", ["shopify", "bigcommerce", "wix"])
def test_img_3_a_shop_that_goes_by_its_own_ids_needs_its_listing(tmp_path, platform):
    at = shop(tmp_path, "A", platform=platform)
    put(at, A__1=photo(1))
    with pytest.raises(RunError) as error:
        run(at)
    assert (error.value.code, error.value.is_usage) == ("run-listing-not-set", True)


def test_img_3_a_platform_without_an_import_of_images_is_said_to_have_none(tmp_path):
    at = shop(tmp_path, "A", platform="oasis")
    put(at, A__1=photo(1))
    with pytest.raises(RunError) as error:
        run(at)
    assert (error.value.code, error.value.is_usage) == ("run-no-format-of-platform", True)
    assert "oasis/images" in error.value.text("fr")


def test_img_3_an_image_that_two_articles_have_is_theirs_both(tmp_path):
    at = shop(tmp_path, "A", "B", options='column = "xx_couleur"')
    extract = home(at) / "articles.csv"
    text = extract.read_text("cp1252").replace(";1;0;;", ";1;0;commun.jpg;")
    extract.write_text(text, "cp1252")
    put(at, commun=photo(1))
    assert run(at).written == 2
    told = list(csv.DictReader(io.StringIO("\n".join(row["Image URLs (x,y,z...)"] for row in rows(at))), ["url"]))
    assert len({row["url"] for row in told}) == 2
    assert len(sent(at)) == 2


def test_oas_1_img_3_a_platform_without_a_file_of_images_is_given_one_that_the_integrator_declares(tmp_path):
    at = shop(tmp_path, "A", platform="oasis")
    put(at, A__1=photo(1))
    with pytest.raises(RunError) as error:
        run(at)
    assert (error.value.code, error.value.is_usage) == ("run-no-format-of-platform", True)
    (home(at) / "formats" / "oasis").mkdir(parents=True)
    own = "name: oasis/images\npasserelle: {extends: prestashop/images}\n"
    (home(at) / "formats" / "oasis" / "images.yaml").write_text(own, "utf-8")
    profile = home(at) / "profile.toml"
    profile.write_text(profile.read_text() + '\n[erp]\nformats_folder = "formats"\n')
    assert run(at).written == 1
    assert [row["Reference #"] for row in rows(at)] == ["A"]
