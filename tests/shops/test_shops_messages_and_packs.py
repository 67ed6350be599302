"""Messages of orders and the components of packs, as the shops give them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from passerelle.model.orders import SalesOrders
from passerelle.shops.export import ExportFile, ReadOptions, read_export

OPTIONS = ReadOptions(shop="boutique", time_zone="Europe/Paris", shop_currency="EUR")
LIVE = ("prestashop-8.2-live", "woocommerce-10.0-live")


def read(platform: str, **documents: object) -> SalesOrders:
    """Read documents by the name of their file."""
    files = [ExportFile(f"{name}.json", json.dumps(content).encode()) for name, content in documents.items()]
    return read_export(platform, files, OPTIONS)


def woo_order(**changes: object) -> dict[str, object]:
    sold = {"id": 1, "name": "A", "sku": "A", "quantity": 1, "total": "10.00", "total_tax": "0.00", "taxes": []}
    return {
        "id": 77,
        "status": "completed",
        "currency": "EUR",
        "date_created": "2026-11-20T10:00:00",
        "total": "10.00",
        "total_tax": "0.00",
        "customer_note": "Bonjour",
        "line_items": [sold],
        "shipping_lines": [],
        **changes,
    }


def note(number: int, text: str, *, order: int = 77, for_buyer: bool = True) -> dict[str, object]:
    link = f"https://shop.example/wp-json/wc/v3/orders/{order}"
    return {
        "id": number,
        "author": "Zoé",
        "date_created": f"2026-11-20T1{number}:00:00",
        "note": text,
        "customer_note": for_buyer,
        "_links": {"up": [{"href": link}]},
    }


class TestOrd6:
    def test_notes_that_the_buyer_reads_come_oldest_first(self):
        notes = [note(3, "Expédiée"), note(2, "Préparée"), note(1, "À surveiller", for_buyer=False)]
        sales = read("woocommerce", orders=[woo_order()], notes=notes)
        assert sales.orders["note"].tolist() == ["Bonjour"]
        assert sales.messages[["order_key", "position", "text"]].to_numpy().tolist() == [
            ["boutique/77", 1, "Préparée"],
            ["boutique/77", 2, "Expédiée"],
        ]
        assert str(sales.messages["written_at"].iloc[0]) == "2026-11-20 12:00:00"

    def test_every_message_of_the_live_shops_stands_at_one_order(self, samples: Path):
        folder = samples / "prestashop-8.2-live"
        files = [ExportFile(path.name, path.read_bytes()) for path in sorted(folder.glob("*.xml"))]
        sales = read_export("prestashop", files, OPTIONS)
        assert set(sales.messages["order_key"]) <= set(sales.orders["order_key"])
        assert not (sales.messages["text"] == "").any()

    @pytest.mark.parametrize(
        ("private", "employee", "text", "further"),
        [
            ("0", "0", "Et ma facture ?", ["Et ma facture ?"]),
            ("0", "3", "Elle est jointe", ["Elle est jointe"]),
            ("1", "3", "Client difficile", []),
            ("0", "0", "Bonjour", []),
        ],
    )
    def test_further_messages_of_prestashop_are_those_that_both_read(self, samples, private, employee, text, further):
        folder = samples / "prestashop-8.2-live"
        files = {path.name: path.read_text() for path in sorted(folder.glob("*.json"))}
        order_id = json.loads(files["orders.json"])["orders"][0]["id"]
        common = {"id_order": str(order_id), "date_add": "2026-01-01 10:00:00"}
        first = {"id": "9001", "id_employee": "0", "private": "0", "message": "Bonjour", **common}
        second = {"id": "9002", "id_employee": employee, "private": private, "message": text, **common}
        files["messages.json"] = json.dumps({"messages": [first, second]})
        given = [ExportFile(name, content.encode()) for name, content in files.items()]
        sales = read_export("prestashop", given, OPTIONS)
        key = f"boutique/{order_id}"
        assert sales.orders.set_index("order_key").loc[key, "note"].startswith("Bonjour")
        assert sales.messages.loc[sales.messages["order_key"] == key, "text"].tolist() == further


class TestOrd30:
    def sold(self, number: int, **changes: object) -> dict[str, object]:
        plain = {"id": number, "name": "A", "sku": f"S{number}", "quantity": 1, "total": "0.00", "total_tax": "0.00"}
        return {**plain, "taxes": [], **changes}

    def parents(self, *items: dict[str, object]) -> list[str]:
        return read("woocommerce", orders=[woo_order(line_items=list(items))]).lines["parent_line_id"].tolist()

    def test_the_plugins_field_names_the_pack(self):
        pack, part = self.sold(1, total="10.00", bundled_by=""), self.sold(2, bundled_by=1)
        assert self.parents(pack, part, self.sold(3)) == ["", "1", ""]
        assert self.parents(pack, self.sold(2, composite_parent="1")) == ["", "1"]

    def test_else_the_cart_keys_do(self):
        pack = self.sold(1, total="10.00", meta_data=[{"id": 1, "key": "_bundle_cart_key", "value": "abc"}])
        part = self.sold(2, meta_data=[{"id": 2, "key": "_bundled_by", "value": "abc"}])
        lost = self.sold(3, meta_data=[{"id": 3, "key": "_bundled_by", "value": "other"}])
        assert self.parents(pack, part, lost) == ["", "1", ""]
