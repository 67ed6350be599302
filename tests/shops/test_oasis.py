"""Orders of Oasis Commerce: our layout, and a shop's own by a descriptor of its own."""

from __future__ import annotations

from decimal import Decimal

import pytest

from passerelle import money
from passerelle.formats.registry import formats
from passerelle.formats.sample import sample
from passerelle.shops.export import ExportFile, ReadOptions, read_export

OPTIONS = ReadOptions("boutique", shop_currency="EUR")
HEAD = "order_id;created_at;charged_total;buyer_customer_id;buyer_last_name;line_reference;line_quantity;line_net_incl"


def read(*rows: str, header: str = HEAD, options: ReadOptions = OPTIONS):
    data = "\n".join([header, *rows, ""]).encode()
    return read_export("oasis", [ExportFile("out/commandes.csv", data)], options)


def said(sales) -> list[tuple[str, str]]:
    return list(sales.outcomes[["record", "code"]].itertuples(index=False, name=None))


def test_oas_1_the_declared_layout_is_read_whole():
    sales = read_export("oasis", [ExportFile("a.csv", sample(formats().get("oasis/orders")).data)], OPTIONS)
    assert said(sales) == []
    [order] = sales.orders.to_dict("records")
    assert (order["order_key"], order["status"], str(order["created_at"])) == (
        "boutique/12", "En préparation", "2026-01-31 10:00:00"
    )  # fmt: skip
    assert money.decimal(order["charged_total"]) == Decimal(54)
    lines = sales.lines
    assert lines[["line_id", "position", "reference", "label"]].to_numpy().tolist() == [
        ["25", 1, "TH-012-ROUGE", "Théière en fonte - Rouge"],
        ["26", 2, "0042", "Thé vert"],
    ]
    assert [money.decimal(amount) for amount in lines["net_excl"]] == [Decimal(30), Decimal(10)]
    [shipping] = sales.charges.to_dict("records")
    assert (shipping["kind"], shipping["label"], money.decimal(shipping["amount_excl"])) == (
        "shipping", "Colissimo", Decimal(5)
    )  # fmt: skip
    assert len(sales.allowances) == 0
    assert sales.payments[["payment_mode", "amount"]].to_numpy().tolist() == [["Carte bancaire", 54 * money.ONE]]
    assert sales.parties[["customer_key", "is_guest", "email"]].to_numpy().tolist() == [
        ["boutique/CL0000001", False, "zoe.lefevre@example.com"]
    ]
    assert sales.addresses["kind"].tolist() == ["billing", "delivery"]


def test_oas_1_columns_of_the_shop_are_declared_by_the_integrator(tmp_path):
    """What the file calls its columns, how it writes days and amounts, is the descriptor's."""
    (tmp_path / "oasis").mkdir()
    (tmp_path / "oasis" / "orders.yaml").write_text(
        """
name: oasis/orders
dialect: {delimiter: "|"}
passerelle:
  extends: oasis/orders
  settings: {decimal_mark: ",", date_format: "%d/%m/%Y %H:%M"}
schema:
  fields:
    - {name: order_id, title: "N° commande"}
    - {name: created_at, title: Date}
    - {name: charged_total, title: "Total TTC"}
    - {name: line_quantity, title: Qté}
    - {name: line_net_excl, title: "Montant HT"}
    - {name: line_tax_rate, title: TVA}
""",
        encoding="utf-8",
    )
    options = ReadOptions("boutique", shop_currency="EUR", formats=formats(tmp_path))
    sales = read(
        "7|31/01/2026 23:30|18,99|2|15,825|20", header="N° commande|Date|Total TTC|Qté|Montant HT|TVA", options=options
    )
    assert said(sales) == []
    [line] = sales.lines.to_dict("records")
    assert (line["line_id"], money.decimal(line["net_excl"]), money.decimal(line["tax_rate"])) == (
        "1", Decimal("15.825"), Decimal(20)
    )  # fmt: skip
    [order] = sales.orders.to_dict("records")
    assert (str(order["created_at"]), order["prices_include_tax"], order["customer_key"]) == (
        "2026-01-31 23:30:00", False, "boutique/order-7"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        (["1;2026-01-31T10:00:00;10;C1;A;X;1;", "2;2026-01-31T10:00:00;10;C1;A;X;1;10"], "export-value-missing"),
        (["1;2026-01-31T10:00:00;10;C1;A;X;un;10", "2;2026-01-31T10:00:00;10;C1;A;X;1;10"], "order-row-unreadable"),
        (["1;2026-01-31T10:00:00;;C1;A;X;1;10", "2;2026-01-31T10:00:00;10;C1;A;X;1;10"], "order-row-unreadable"),
        (
            [
                "1;2026-01-31T10:00:00;10;C1;A;X;1;10",
                "2;2026-01-31T10:00:00;10;C1;A;X;1;10",
                "1;2026-01-31T10:00:00;10;C1;A;X;2;10",
            ],
            "duplicate-order",
        ),
    ],
)
def test_oas_1_ord_8_what_is_wrong_with_an_order_refuses_that_order_alone(rows, code):
    sales = read(*rows)
    assert sales.orders["order_key"].tolist() == ["boutique/2"]
    assert ("boutique/1", code) in said(sales)


def test_oas_1_a_buyer_stands_once_and_a_line_needs_an_id_of_its_own():
    sales = read(
        "1;2026-01-31T10:00:00;10;C1;Avant;X;1;10;7", "2;2026-02-01T10:00:00;10;C1;Après;X;1;5;8",
        "2;2026-02-01T10:00:00;10;C1;Après;Y;1;5;9", "3;2026-02-01T10:00:00;10;C1;Après;Y;1;5;9",
        "3;2026-02-01T10:00:00;10;C1;Après;Y;1;5;9", header=HEAD + ";line_line_id"
    )  # fmt: skip
    assert sales.lines[["order_key", "line_id"]].to_numpy().tolist() == [
        ["boutique/1", "7"],
        ["boutique/2", "8"],
        ["boutique/2", "9"],
    ]
    assert ("boutique/3", "export-value-wrong") in said(sales)
    assert sales.parties["last_name"].tolist() == ["Après"]
