"""What every platform's reader and the shared part of it promise."""

from __future__ import annotations

import gzip
import io
import zipfile
import zoneinfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.messages import codes
from passerelle.shops import export
from passerelle.shops.export import (
    PLATFORMS,
    UNPACKED_LIMIT,
    ExportFile,
    ReadOptions,
    UnknownPlatformError,
    order_key,
    read_export,
    unpacked,
)


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


def said_of(data: bytes) -> list[str]:
    plain, outcomes = unpacked([ExportFile("a.zip", data)])
    assert plain == []
    return outcomes["code"].tolist()


def test_unknown_platform_names_the_known_ones() -> None:
    known = "bigcommerce, magento, oasis, prestashop, shopify, wix, woocommerce"
    with pytest.raises(UnknownPlatformError, match=f"'opencart'; known: {known}"):
        read_export("opencart", [], ReadOptions("boutique"))


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_file_gives_tables_without_rows(platform: str) -> None:
    sales = read_export(platform, [], ReadOptions("boutique"))
    assert len(sales.orders) == len(sales.parties) == len(sales.outcomes) == 0


@pytest.mark.parametrize("platform", PLATFORMS)
@settings(max_examples=8, deadline=None)
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_file_is_an_outcome_or_orders(platform: str, data: bytes) -> None:
    sales = read_export(platform, [ExportFile("orders.json", data)], ReadOptions("boutique"))
    assert len(sales.orders) == 0


def test_options_refuse_an_unknown_time_zone() -> None:
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError):
        ReadOptions("boutique", time_zone="Europe/Lutece")


def test_export_files_do_not_show_what_they_hold() -> None:
    assert "secret" not in repr(ExportFile("orders.xml", b"secret"))


def test_order_key_is_shop_and_id() -> None:
    assert order_key("boutique", "12") == "boutique/12"


def test_unpacks_zip_and_gzip_by_content() -> None:
    files = [
        ExportFile("day.bin", zipped(("orders.xml", b"<a/>"), ("sub/", b""), ("sub/taxes.xml", b"<b/>"))),
        ExportFile("customers.json.gz", gzip.compress(b"[]")),
        ExportFile("plain.zip", b"no archive"),
    ]
    plain, outcomes = unpacked(files)
    assert [(file.name, file.data) for file in plain] == [
        ("day.bin/orders.xml", b"<a/>"),
        ("day.bin/sub/taxes.xml", b"<b/>"),
        ("customers.json", b"[]"),
        ("plain.zip", b"no archive"),
    ]
    assert outcomes.empty


def test_leaves_workbooks_and_what_macos_adds() -> None:
    workbook = zipped(("[Content_Types].xml", b""), ("xl/workbook.xml", b""))
    with_traces = zipped(("orders.xml", b"<a/>"), ("__MACOSX/._orders.xml", b"x"))
    plain, _ = unpacked([ExportFile("a.xlsx", workbook), ExportFile("b.zip", with_traces)])
    assert [file.name for file in plain] == ["a.xlsx", "b.zip/orders.xml"]


def test_an_archive_of_nothing_is_said() -> None:
    assert said_of(zipped()) == said_of(zipped(("folder/", b""))) == ["export-empty"]


def test_sec_4_refuses_bombs_by_ratio() -> None:
    assert said_of(zipped(("zeros", bytes(40_000_000)))) == ["archive-too-large"]
    assert said_of(gzip.compress(bytes(40_000_000))) == ["archive-too-large"]


def test_sec_4_refuses_bombs_by_the_sum_of_their_members(monkeypatch: pytest.MonkeyPatch) -> None:
    assert UNPACKED_LIMIT == 200 * 2**20
    monkeypatch.setattr(export, "UNPACKED_LIMIT", 1000)
    assert said_of(zipped(("a", bytes(600)), ("b", bytes(600)))) == ["archive-too-large"]


def test_refuses_archives_in_archives() -> None:
    inner = zipped(("orders.xml", b"<a/>"))
    assert said_of(zipped(("inner.zip", inner))) == ["archive-nested"]
    assert said_of(zipped(("orders.xml.gz", gzip.compress(b"<a/>")))) == ["archive-nested"]


def test_refuses_encrypted_archives() -> None:
    data = bytearray(zipped(("orders.xml", b"<a/>")))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    assert said_of(bytes(data)) == ["archive-encrypted"]


@pytest.mark.parametrize(
    "packed", [zipped(("orders.xml", bytes(range(256)) * 40)), gzip.compress(bytes(range(256)) * 40)]
)
@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_archive_is_an_outcome(packed: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(4, len(packed) - 1))
    damaged = data.draw(st.sampled_from([packed[:place], packed[:place] + b"\xff" + packed[place + 1 :]]))
    plain, outcomes = unpacked([ExportFile("a", damaged)])
    assert len(plain) + len(outcomes) == 1
    assert set(outcomes["code"]) <= {"archive-broken", "archive-encrypted", "archive-too-large", "export-empty"}


def test_a_good_file_beside_a_broken_archive_goes_on() -> None:
    plain, outcomes = unpacked([ExportFile("a.zip", b"PK\x03\x04"), ExportFile("b.json", b"[]")])
    assert [file.name for file in plain] == ["b.json"]
    assert outcomes[["record_type", "record", "code"]].to_numpy().tolist() == [["file", "a.zip", "archive-broken"]]


def test_every_failure_of_the_shops_says_what_to_do() -> None:
    own = [code for code in codes().values() if code.area in {"shops", "shops_json", "shops_rest"}]
    assert own
    assert [code.id for code in own if code.state == "failed" and not (code.todo_fr and code.todo_en)] == []
