"""Oasis Commerce: what goes into ``in/`` once its columns are declared, and orders of ``out/``."""

from __future__ import annotations

import pytest
from builders import delivered, installed
from erp import amount, documents, total, unzipped
from stock_shops import articles, home, leave, levels, run, shops, told

from passerelle.formats.registry import formats
from passerelle.formats.sample import sample
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
