"""What PrestaShop files may look like, and what becomes of those that are none."""

from __future__ import annotations

import gzip
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prestashop_given import LIVE, Given, codes, live_files, read, said

from passerelle.model.orders import TABLES, SalesOrders
from passerelle.shops.export import ExportFile, ReadOptions

ODD_SAMPLES = {
    "ps1.6_eventbus_order_carriers.json": "export-not-recognised",
    "ps1.6_eventbus_order_details.json": "export-not-recognised",
    "ps1.6_eventbus_order_status_history.json": "export-not-recognised",
    "ps1.6_eventbus_orders.json": "export-not-recognised",
    "ps1.6_eventbus_specific_prices.json": "export-not-recognised",
    "ps1.7_eventbus_order_carriers.json": "export-not-recognised",
    "ps1.7_eventbus_order_details.json": "export-not-recognised",
    "ps1.7_eventbus_order_status_history.json": "export-not-recognised",
    "ps1.7_eventbus_orders.json": "export-not-recognised",
    "ps1.7_eventbus_specific_prices.json": "export-not-recognised",
    "ps16_addresses_import.csv": "file-header-not-ours",
    "ps16_combinations_import.csv": "file-header-not-ours",
    "ps16_customers_import.csv": "file-header-not-ours",
    "ps16_products_import.csv": "file-header-not-ours",
    "ps8_products_import.csv": "file-header-not-ours",
    "ws16_orders_list.xml": "export-ids-only",
    "ws16_stock_available_1.xml": "export-unused",
    "ws16_stock_availables_filter.xml": "export-unused",
    "ws17_combination.json": "export-unused",
    "ws17_order_carrier.json": "export-unused",
    "ws17_stock_available.json": "export-unused",
}
XML = '<?xml version="1.0" encoding="UTF-8"?>\n<prestashop xmlns:xlink="http://www.w3.org/1999/xlink">{}</prestashop>'


@pytest.fixture
def shop(samples: Path) -> Given:
    return Given(samples, [229, 260])


@pytest.fixture(scope="module")
def whole(samples: Path) -> SalesOrders:
    """Give what the files of ``shop`` hold."""
    return Given(samples, [229, 260]).read()


@pytest.fixture(scope="module")
def live(samples: Path) -> SalesOrders:
    return read(live_files(samples, "xml"))


def same(left: SalesOrders, right: SalesOrders) -> bool:
    return all(getattr(left, name).equals(getattr(right, name)) for name in TABLES)


def code_of(data: bytes, name: str = "orders.xml") -> list[str]:
    sales = read([ExportFile(name, data)])
    assert len(sales.orders) == 0
    return codes(sales, name)


def as_xml(name: str, records: list[dict[str, Any]], single: str) -> bytes:
    """Write records without CDATA, indented, as other programs do."""

    def element(tag: str, value: Any) -> str:
        if isinstance(value, dict):
            value = "\n".join(element(key, one) for key, one in value.items())
        elif isinstance(value, list):
            value = "\n".join(element("row", one) for one in value)
        else:
            value = escape(str(value or ""))
        return f"<{tag}>\n  {value}\n</{tag}>"

    return XML.format(f"<{name}>{''.join(element(single, record) for record in records)}</{name}>").encode()


def test_samples_that_are_no_orders_say_why(samples: Path) -> None:
    sales = read([ExportFile(name, (samples / "prestashop" / name).read_bytes()) for name in ODD_SAMPLES])
    assert {name: codes(sales, name) for name in ODD_SAMPLES} == {name: [code] for name, code in ODD_SAMPLES.items()}
    assert len(sales.orders) == 0


def test_all_other_samples_are_documents(samples: Path) -> None:
    folder = samples / "prestashop"
    files = [
        ExportFile(path.name, path.read_bytes())
        for path in sorted(folder.iterdir())
        if path.name not in ODD_SAMPLES and path.suffix != ".md"
    ]
    assert len(files) == 10
    assert set(read(files).outcomes["record_type"]) == {"order"}


def test_reads_an_order_of_prestashop_1_6(samples: Path) -> None:
    """The recorded answers lack three resources, which are given here."""
    files = [ExportFile(path.name, path.read_bytes()) for path in (samples / "prestashop").glob("ws16_*.xml")]
    others = {
        "customers": [{"id": 1, "firstname": "John", "lastname": "DOE", "email": "john@example.com"}],
        "currencies": [{"id": 1, "iso_code": "EUR", "conversion_rate": "1.000000"}],
        "countries": [{"id": 21, "iso_code": "US"}],
        "states": [{"id": 9, "iso_code": "FL", "name": "Florida"}],
        "order_discounts": [
            {"id": 1, "id_order": "5", "name": "x", "value": "1", "value_tax_excl": "1", "free_shipping": "0"}
        ],
    }
    sales = read([*files, ExportFile("others.json", json.dumps(others).encode())])
    assert codes(sales, "boutique/5") == ["allowances-adjusted"]  # the discount was invented here
    assert sales.orders["charged_total"].tolist() == [71_510_000]
    assert sales.lines["net_incl"].tolist() == [16_510_000, 27_000_000, 26_000_000]
    assert sales.lines["tax_rate"].tolist() == [0, 0, 0]
    assert sales.charges["amount_incl"].tolist() == [2_000_000]
    assert set(sales.addresses["state"]) == {"FL"}


def test_reads_an_order_of_prestashop_1_7_by_its_rows(samples: Path) -> None:
    names = ("ws17_order.json", "ws17_customer.json")
    files = [ExportFile(name, (samples / "prestashop" / name).read_bytes()) for name in names]
    sales = read(files)
    told = {(code, field) for code, field in zip(sales.outcomes["code"], sales.outcomes["field"], strict=True)}
    assert told == {
        ("export-file-missing", "currencies"),
        ("export-file-missing", "addresses"),
        ("export-record-missing", "customers"),
    }


# One content in many shapes


def test_any_file_name_will_do(shop: Given, whole: SalesOrders) -> None:
    files = [ExportFile(f"{number}.txt", file.data) for number, file in enumerate(shop.files())]
    assert same(read(files), whole)


def test_one_document_of_everything(shop: Given, whole: SalesOrders) -> None:
    together = json.dumps(shop.lists).encode()
    assert same(read([ExportFile("all.json", together)]), whole)
    wrapped = json.dumps({"prestashop": shop.lists}).encode()
    assert same(read([ExportFile("all.json", wrapped)]), whole)


def test_one_xml_document_of_everything(samples: Path, live: SalesOrders) -> None:
    whole = b"".join(
        re.sub(rb"^<\?xml.*?<prestashop[^>]*>", b"", path.read_bytes(), flags=re.DOTALL).replace(b"</prestashop>", b"")
        for path in sorted((samples / LIVE).glob("*.xml"))
    )
    data = b'<prestashop xmlns:xlink="http://www.w3.org/1999/xlink">' + whole + b"</prestashop>"
    assert same(read([ExportFile("all.xml", data)]), live)


def test_single_records_and_pages_are_joined(shop: Given, whole: SalesOrders) -> None:
    orders = shop.lists.pop("orders")
    details = shop.lists.pop("order_details")
    singles = [ExportFile(f"{one['id']}.json", json.dumps({"order": one}).encode()) for one in orders]
    pages = [
        ExportFile(f"details{start}.json", json.dumps({"order_details": details[start : start + 2]}).encode())
        for start in range(0, len(details), 2)
    ]
    assert same(shop.read(*singles, *pages), whole)


def test_the_shape_of_xml_turned_into_json(shop: Given, whole: SalesOrders) -> None:
    orders = [
        {**order, "associations": {"order_rows": {"order_row": order["associations"]["order_rows"]}}}
        for order in shop.lists.pop("orders")
    ]
    taxes = [{**tax, "name": {"language": {"id": "1", "value": tax["name"]}}} for tax in shop.lists.pop("taxes")]
    data = json.dumps({"prestashop": {"orders": {"order": orders}, "taxes": {"tax": taxes}}}).encode()
    assert same(shop.read(ExportFile("a.json", data)), whole)


def test_numbers_and_flags_of_json(shop: Given, whole: SalesOrders) -> None:
    text = json.dumps(shop.lists)
    plain = re.sub(r'"(-?(?:0|[1-9]\d*)(?:\.\d+)?)"', r"\1", text)
    assert plain != text
    assert same(read([ExportFile("a.json", plain.encode())]), whole)
    flags = plain.replace('"is_guest": 1', '"is_guest": true').replace('"free_shipping": 0', '"free_shipping": false')
    assert flags != plain
    assert same(read([ExportFile("a.json", flags.encode())]), whole)


def test_xml_without_cdata_and_with_blanks(shop: Given, whole: SalesOrders) -> None:
    data = as_xml("customers", shop.lists.pop("customers"), "customer")
    more = as_xml("order_details", shop.lists.pop("order_details"), "order_detail")
    assert same(shop.read(ExportFile("a.xml", data), ExportFile("b.xml", b"\n\n" + more)), whole)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_encodings_of_json(shop: Given, whole: SalesOrders, encoding: str) -> None:
    files = [ExportFile(file.name, file.data.decode().encode(encoding)) for file in shop.files()]
    assert same(read(files), whole)


def test_encodings_of_xml(samples: Path, live: SalesOrders) -> None:
    texts = [(file.name, file.data.decode()) for file in live_files(samples, "xml")]
    xml = [ExportFile(name, text.replace('"UTF-8"', '"utf-16"').encode("utf-16")) for name, text in texts[::2]]
    xml += [ExportFile(name, text.encode("utf-8-sig")) for name, text in texts[1::2]]
    assert same(read(xml), live)


def test_declared_xml_encoding(shop: Given) -> None:
    data = XML.replace("UTF-8", "ISO-8859-1").format(
        "<carriers><carrier><id>2</id><name>Éclair</name></carrier></carriers>"
    )
    del shop.lists["carriers"]
    sales = shop.read(ExportFile("carriers.xml", data.encode("iso-8859-1")))
    assert set(sales.orders["carrier"]) == {"Éclair"}


def test_zip_and_gzip(shop: Given, whole: SalesOrders) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in shop.files():
            archive.writestr(f"export/{file.name}", file.data)
    assert same(read([ExportFile("night.zip", stream.getvalue())]), whole)
    packed = [ExportFile(f"{file.name}.gz", gzip.compress(file.data)) for file in shop.files()]
    assert same(read(packed), whole)


def test_empty_lists(shop: Given) -> None:
    for name in ("order_cart_rules", "order_payments", "order_slips"):
        shop.lists[name] = []
    sales = shop.read(ExportFile("empty.xml", XML.format("<order_payments>\n</order_payments>").encode()))
    assert len(sales.orders) == 2
    assert len(sales.payments) == len(sales.refunds) == 0


# What is none


NO_EXPORTS = [
    (b"", "export-empty"),
    (b"\xef\xbb\xbf \n", "export-empty"),
    (b"<!DOCTYPE html><html><body>Maintenance</body></html>", "export-web-page"),
    (b"<html><head></head></html>", "export-web-page"),
    (b"<br />\n<b>Notice</b>: Undefined index", "export-broken"),
    (b"<prestashop><orders><order><id>1</id>", "export-broken"),
    (b'{"orders":[{"id":1,', "export-broken"),
    (b'{"orders":[{"id":1,"reference":"\xff"}]}', "export-broken"),
    (b"[" * 100_000, "export-broken"),
    (b'<?xml version="1.0" encoding="klingon"?><prestashop/>', "export-broken"),
    (b"<feed><entry/></feed>", "export-not-recognised"),
    (b'{"orders":[{"id":1,"line_items":[]}]}', "export-not-recognised"),
    (b'{"data":1}', "export-not-recognised"),
    (b"{}", "export-not-recognised"),
    (b"[1]", "export-not-recognised"),
    (b"401 Unauthorized", "export-not-recognised"),
    (b'{"orders":[{"id":1},{"id":2}]}', "export-ids-only"),
    (b"<prestashop><orders><order id='1'/></orders></prestashop>", "export-ids-only"),
    (b'{"products_x":[{"id":1}]}', "export-unused"),
    (b'{"carriers":' + b'{"a":' * 900 + b"1" + b"}" * 901, "export-record-without-id"),
    (b"<prestashop>" + b"<orders>" * 100_000 + b"</orders>" * 100_000 + b"</prestashop>", "export-not-recognised"),
    (b'{"x":[{"id":1,"name":"<html>"}]}', "export-unused"),
]


def test_what_is_no_export_says_why() -> None:
    sales = read([ExportFile(f"{number}.xml", data) for number, (data, _) in enumerate(NO_EXPORTS)])
    told = [codes(sales, f"{number}.xml") for number in range(len(NO_EXPORTS))]
    assert told == [[code] for _, code in NO_EXPORTS]
    assert len(sales.orders) == 0


@pytest.mark.parametrize(
    "data",
    [
        b"<prestashop><errors><error><code>21</code><message>Bad key</message></error></errors></prestashop>",
        b'{"errors":[{"code":21,"message":"Bad key"}]}',
    ],
)
def test_an_error_of_the_shop_is_told_in_its_words(data: bytes) -> None:
    sales = read([ExportFile("orders.xml", data)])
    assert said(sales, "export-webservice-error") == [("orders.xml", "", "21 Bad key")]


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE x [<!ENTITY a "b">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    ],
)
def test_sec_4_xml_with_entities_is_refused(declared: str) -> None:
    data = f"<?xml version='1.0'?>{declared}<prestashop><orders/></prestashop>".encode()
    assert code_of(data) == ["export-with-entities"]
    assert code_of(data.decode().encode("utf-16")) == ["export-with-entities"]


def test_a_record_without_id_is_counted(shop: Given) -> None:
    shop["customers"].append({"lastname": "Nobody"})
    shop["customers"].append({"id": "1; DROP", "lastname": "Bobby"})
    sales = shop.read()
    assert said(sales, "export-record-without-id") == [("customers.json", "", "customers")]
    assert '"count": 2' in sales.outcomes.loc[sales.outcomes["code"] == "export-record-without-id", "params"].item()
    assert len(sales.orders) == 2


def test_a_detail_without_id_may_be_any_orders(shop: Given) -> None:
    del shop["order_details"][0]["id"]
    assert read(shop.files()).orders["order_id"].tolist() == ["260"]


def test_a_broken_file_leaves_the_others(shop: Given) -> None:
    sales = shop.read(ExportFile("page2.xml", b"<prestashop><orders><order><id>"))
    assert len(sales.orders) == 2
    assert codes(sales, "page2.xml") == ["export-broken"]


def test_a_broken_file_of_cart_rules_stops_the_orders_with_a_discount(samples: Path) -> None:
    shop = Given(samples, [229, 230])
    shop.lists["order_cart_rules"] = []
    sales = shop.read(ExportFile("rules.xml", b"<prestashop><order_cart_rules><order_cart"))
    discounted = [f"boutique/{one['id']}" for one in shop["orders"] if float(one["total_discounts"])]
    assert discounted
    assert said(sales, "export-file-missing") == [(order, "order_cart_rules", "") for order in discounted]
    assert len(sales.orders) == len(shop["orders"]) - len(discounted)


def test_half_characters_of_json_are_replaced(shop: Given) -> None:
    data = json.dumps({"carriers": [{"id": 2, "name": "\ud83d express"}]}).encode()
    del shop.lists["carriers"]
    assert set(shop.read(ExportFile("carriers.json", data)).orders["carrier"]) == {"? express"}
    assert code_of(b'{"\\ud83d": [{"id": 1}]}') == ["export-unused"]
    assert code_of(b'{"errors": [{"code": "\\ud83d"}]}') == ["export-webservice-error"]


# Damage


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_cut_or_changed_files_never_raise(samples: Path, data: st.DataObject) -> None:
    files = live_files(samples, data.draw(st.sampled_from(["xml", "json"])))
    number = data.draw(st.integers(0, len(files) - 1))
    content = files[number].data
    place = data.draw(st.integers(0, len(content)))
    noise = data.draw(st.binary(max_size=3) | st.sampled_from([b"-", b"e9", b"null", b"<a/>", b"]", b"\\ud800", b"\0"]))
    kept = data.draw(st.sampled_from([content[place + len(noise) :], b""]))
    files[number] = ExportFile(files[number].name, content[:place] + noise + kept)
    sales = read(files, ReadOptions("boutique", shop_currency="EUR")).check()
    failed = sales.outcomes.loc[
        (sales.outcomes["record_type"] == "order") & (sales.outcomes["state"] == "failed"), "record"
    ]
    assert set(failed).isdisjoint(sales.orders["order_key"])
    assert set(sales.lines["order_key"]) <= set(sales.orders["order_key"])
    assert len(sales.orders) + len(set(failed)) >= 59 or codes(sales, files[number].name)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_anywhere_never_raises(samples: Path, data: st.DataObject) -> None:
    shop = Given(samples, [229, 260])
    for _ in range(3):
        record = data.draw(st.sampled_from(shop[data.draw(st.sampled_from(sorted(shop.lists)))]))
        name = data.draw(st.sampled_from(sorted(record)))
        record[name] = data.draw(_JSON)
    sales = shop.read().check()
    assert len(sales.orders) <= 3
    pd.testing.assert_index_equal(sales.orders.index, pd.RangeIndex(len(sales.orders)))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["-1", "1e3", "0"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "value", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)
