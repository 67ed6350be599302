"""The flows ``articles`` and ``new-articles``: a run per shop (RUN-1, CAT-1)."""

from __future__ import annotations

from article_shops import extract, options, shops, told
from prefect.testing.utilities import prefect_test_harness
from stock_shops import home

from passerelle.flows.articles import articles, new_articles


def test_run_1_cat_1_the_flows_tell_every_shop_new_articles_alone_or_all(tmp_path, monkeypatch):
    update = "[shops.articles.update]\nname = true\n"
    at = shops(tmp_path, *((name, "woocommerce", options(tables=update)) for name in "ab"))
    monkeypatch.setenv("PASSERELLE_PROFILES", str(at.profiles))
    monkeypatch.setenv("PASSERELLE_STATE", str(at.state))
    (home(at) / "articles.csv").write_bytes(extract("A1;Bol;1;T20;12,5;;;;0;", "A2;;1;T20;1;;;;0;"))
    with prefect_test_harness(server_startup_timeout=120):
        assert new_articles("test", return_state=True).name == "CompletedWithRejects"
        assert [[row["SKU"] for row in told(at, name)["products_new"]] for name in "ab"] == [["A1"], ["A1"]]
        (home(at) / "articles.csv").write_bytes(extract("A1;Bol bleu;1;T20;12,5;;;;0;", "A2;Tasse;1;T20;1;;;;0;"))
        assert new_articles("test", shop="a", return_state=True).name == "Completed"
        assert [*told(at, "a")] == ["products_new"]
        assert articles("test", return_state=True).name == "Completed"
    assert told(at, "a") == {"products_changed": [{"SKU": "A1", "Name": "Bol bleu"}]}
    assert sorted(told(at, "b")) == ["products_changed", "products_new"]
