"""The flow ``stocks``: a run per shop, and what stops one shop does not stop another (RUN-1)."""

from __future__ import annotations

import pytest
from prefect.testing.utilities import prefect_test_harness
from stock_shops import articles, home, levels, quantities, shops, told

from passerelle.flows.stocks import stocks
from passerelle.ledger.ledger import Ledger
from passerelle.run.errors import RunError


def test_run_1_stk_8_the_flow_tells_every_shop_and_fails_with_the_one_that_cannot_be(tmp_path, monkeypatch):
    at = shops(tmp_path, ("a", "woocommerce", ""), ("b", "magento", ""), ("C", "prestashop", ""))
    (home(at) / "articles.csv").write_bytes(articles("A1;Bol;1;0;;", "A2;Tasse;1;0;;"))
    (home(at) / "stock.csv").write_bytes(levels("A1;Nice;4", "A2;Nice;x"))
    monkeypatch.setenv("PASSERELLE_PROFILES", str(at.profiles))
    monkeypatch.setenv("PASSERELLE_STATE", str(at.state))
    with prefect_test_harness(server_startup_timeout=120):
        with pytest.raises(RunError) as error:
            stocks("test")
        assert error.value.code == "run-location-not-set"
        assert quantities(at) == {"A1": "4"}
        assert [row["Reference #"] for row in told(at, "C")] == ["A1"]
        state = stocks("test", shop="C", full=True, return_state=True)
        assert state.name == "CompletedWithRejects"
        (home(at) / "stock.csv").write_bytes(levels("A1;Nice;4", "A2;Nice;3"))
        assert stocks("test", shop="C", return_state=True).name == "Completed"
    assert sorted(row["Reference #"] for row in told(at, "C")) == ["A1", "A2"]
    with Ledger.open(at.ledger_url) as ledger:
        assert [(run.state, run.parameters["shop"]) for run in ledger.runs("test")][:2] == [("delivered", "C")] * 2
