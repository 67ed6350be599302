"""Each bad input gives its own message and exit code, and loses nothing: mended, the next run sends what it held."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from builders import ALL_MAPPED, delivered, installed, mapping_rows
from erp import documents, total, unzipped
from ftp_server import FtpServer
from storage_servers import PASSWORD, USER, SftpServer
from typer.testing import CliRunner, Result

from passerelle.cli.main import app
from passerelle.formats.registry import formats
from passerelle.formats.sample import sample
from passerelle.profile.workbook import create_workbook
from passerelle.run.installation import Installation

DEMO = Path(__file__).resolve().parents[2] / "sample_files" / "demo" / "shops"
ORDER = sample(formats().get("prestashop/orders_sql")).data.decode()
HEADER = ORDER.splitlines()[0]


def run(at: Installation, **environment: str) -> Result:
    """Run the command in this process."""
    arguments = ["--profiles", str(at.profiles), "--state", str(at.state), "run", "orders", "-p", "test", "--json"]
    return CliRunner().invoke(app, arguments, env={"PASSERELLE_LANG": "en", **environment})


def codes(result: Result) -> set[str]:
    """Give the codes of what was refused."""
    return {reason["code"] for reason in json.loads(result.stdout)["reasons"] if reason["state"] == "failed"}


def told(result: Result) -> dict[str, Any]:
    """Give the summary."""
    summary: dict[str, Any] = json.loads(result.stdout)
    return summary


@pytest.fixture
def exports(tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    return folder


def csv_shop(exports: Path) -> tuple[str, str, Path, str]:
    return ("s", "prestashop", exports, "*.csv")


def cell(text: str, column: str, value: str) -> str:
    """Change a column on every row."""
    place = HEADER.split(";").index(column)
    head, *rows = text.splitlines()
    changed = [";".join([*row.split(";")[:place], value, *row.split(";")[place + 1 :]]) for row in rows]
    return "\n".join([head, *changed]) + "\n"


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty file": (b"", "export-empty"),
    "wrong encoding": (ORDER.encode("cp1252").replace(b"\xe8", b"\x81"), "row-unreadable"),
    "other columns": (ORDER.replace("id_order;", "numero;").encode(), "file-header-not-ours"),
    "swapped delimiter in a row": (
        "\n".join([HEADER, ORDER.splitlines()[1].replace(";", ",")]).encode(),
        "row-too-few-cells",
    ),
    "total that does not match": (
        cell(cell(ORDER, "total_paid_tax_incl", "99.00"), "total_paid_real", "99.00").encode(),
        "total-mismatch",
    ),
    "rubbish amount": (cell(ORDER, "total_paid_tax_incl", "beaucoup").encode(), "cell-no-number"),
}


@pytest.mark.parametrize(("data", "code"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_ord_8_fmt_2_run_5_a_bad_export_is_refused_with_its_reason_and_taken_once_mended(tmp_path, exports, data, code):
    (exports / "orders.csv").write_bytes(data)
    at = installed(tmp_path, csv_shop(exports))
    refused = run(at)
    assert refused.exit_code == 3, refused.output
    assert code in codes(refused)
    assert delivered(at) == {}
    (exports / "orders.csv").write_text(ORDER)
    mended = run(at)
    assert (mended.exit_code, told(mended)["written"]) == (0, 1)
    assert len(delivered(at)) == 2


def test_fmt_2_a_header_without_orders_is_nothing_to_do_and_says_so(tmp_path, exports):
    (exports / "orders.csv").write_text(HEADER + "\n")
    result = run(installed(tmp_path, csv_shop(exports)))
    assert (result.exit_code, told(result)["state"]) == (0, "nothing-to-do")
    assert "file-without-rows" in {reason["code"] for reason in told(result)["reasons"]}


def test_ord_8_a_delimiter_swapped_in_the_whole_file_is_recognised(tmp_path, exports):
    (exports / "orders.csv").write_text(ORDER.replace(";", "\t"))
    assert told(run(installed(tmp_path, csv_shop(exports))))["written"] == 1


def test_rel_1_truncated_xml_is_told_and_nothing_of_it_goes_out(tmp_path, exports):
    for file in (DEMO / "lyon").iterdir():
        (exports / file.name).write_bytes(file.read_bytes())
    whole = (exports / "order_details.xml").read_bytes()
    (exports / "order_details.xml").write_bytes(whole[: len(whole) // 2])
    at = installed(tmp_path, ("s", "prestashop", exports, "*.xml"))
    refused = run(at)
    assert refused.exit_code == 3
    assert "export-broken" in codes(refused)
    assert delivered(at) == {}
    (exports / "order_details.xml").write_bytes(whole)
    assert told(run(at))["written"] == 9


def test_ord_8_an_order_given_twice_with_different_contents_does_not_go_out(tmp_path, exports):
    (exports / "a.csv").write_text(ORDER)
    (exports / "b.csv").write_text(cell(ORDER, "product_quantity", "7"))
    at = installed(tmp_path, csv_shop(exports))
    refused = run(at)
    assert refused.exit_code == 3
    assert codes(refused) & {"duplicate-order", "export-record-conflict"}
    assert delivered(at) == {}


def test_ord_30_a_returned_line_keeps_its_negative_quantity(tmp_path, exports):
    head, line, other = ORDER.splitlines()
    for column, value in (
        ("product_quantity", "-1"),
        ("total_price_tax_incl", "-36.000000"),
        ("total_price_tax_excl", "-30.000000"),
    ):
        line = cell(f"{head}\n{line}", column, value).splitlines()[1]
    text = f"{head}\n{line}\n{other}\n"
    for column, value in (
        ("total_paid_tax_incl", "-18.000000"),
        ("total_paid_tax_excl", "-15.000000"),
        ("total_paid_real", "0.000000"),
    ):
        text = cell(text, column, value)
    (exports / "orders.csv").write_text(text)
    at = installed(tmp_path, csv_shop(exports))
    assert told(run(at))["written"] == 1
    [archive] = [data for name, data in delivered(at).items() if name.endswith(".zip")]
    [document] = documents(unzipped(archive)).values()
    assert [row["Ligne - Quantité"] for row in document] == ["-1", "2"]
    assert total(document, includes_tax=False) == Decimal("-18.00")


def test_ord_42_ord_45_an_unmapped_payment_mode_is_refused_and_listed_until_it_is_mapped(tmp_path, exports):
    (exports / "orders.csv").write_text(ORDER)
    unmapped = {**ALL_MAPPED, "payment_modes": [("Chèque", "*", "CHQ", "", "", "", "", "", "", "")]}
    at = installed(tmp_path, csv_shop(exports), mapped=unmapped)
    refused = run(at)
    assert refused.exit_code == 3
    assert codes(refused) == {"unmapped-payment-mode"}
    assert told(refused)["new_values"]["Modes de paiement"] == 1
    assert "Nouvelle valeur « Carte bancaire / EUR »" in Path(told(refused)["files"]["outcomes.csv"]).read_text(
        "utf-8-sig"
    )
    workbook = at.profiles / "test" / "mappings.xlsx"
    workbook.unlink()
    create_workbook(workbook, mapping_rows(ALL_MAPPED))
    assert told(run(at))["written"] == 1


def test_ord_45_a_workbook_that_is_open_is_left_alone_and_the_run_says_so(tmp_path, exports):
    (exports / "orders.csv").write_text(ORDER)
    at = installed(tmp_path, csv_shop(exports), mapped={**ALL_MAPPED, "payment_modes": []})
    workbook = at.profiles / "test" / "mappings.xlsx"
    before = workbook.read_bytes()
    workbook.with_name("~$mappings.xlsx").touch()
    refused = run(at)
    assert [reason["state"] for reason in told(refused)["reasons"] if reason["code"] == "mapping-file-open"] == [
        "ignored"
    ]
    assert workbook.read_bytes() == before


def test_ord_28_ord_45_a_missing_special_article_refuses_and_waits_in_its_sheet_until_it_is_named(tmp_path, exports):
    (exports / "orders.csv").write_text(ORDER)
    at = installed(tmp_path, csv_shop(exports), orders='shipping = "line"\n')
    profile = at.profiles / "test" / "profile.toml"
    profile.write_text(profile.read_text().replace('shipping = "PORT"', ""))
    refused = run(at)
    assert refused.exit_code == 3
    assert codes(refused) == {"missing-special-article"}
    path = at.profiles / "test" / "mappings.xlsx"
    workbook = openpyxl.load_workbook(path)
    sheet = workbook["Articles spéciaux"]
    assert [cell.value for cell in sheet[2]] == ["Frais de port", None, "nouveau"]
    sheet["B2"] = "TRANSPORT"
    workbook.save(path)
    with (path.parent / "articles.csv").open("a", encoding="cp1252", newline="") as extract:
        extract.write("TRANSPORT;Port\r\n")
    assert told(run(at))["written"] == 1
    [archive] = [data for name, data in delivered(at).items() if name.endswith(".zip")]
    [document] = documents(unzipped(archive)).values()
    assert "TRANSPORT" in {row["Ligne - Code article"] for row in document}


WRONG_PROFILES: dict[str, tuple[Callable[[str], str], str]] = {
    "syntax": (lambda text: text.replace('name = "test"', "name = test"), "profile.toml, line 1"),
    "unknown setting": (lambda text: text.replace('period = "all"', 'perod = "all"'), "period"),
    "unknown template code": (lambda text: text.replace("%SH-%OI", "%XX"), "%XX"),
    "password in the URL": (
        lambda text: text.replace('place = "delivered"', 'place = "ftp://me:secret1@127.0.0.1/in"'),
        "password",
    ),
}


@pytest.mark.parametrize(("change", "named"), WRONG_PROFILES.values(), ids=WRONG_PROFILES.keys())
def test_pro_1_run_5_a_wrong_profile_is_exit_code_2_and_names_the_place(tmp_path, exports, change, named):
    at = installed(tmp_path, csv_shop(exports))
    profile = at.profiles / "test" / "profile.toml"
    profile.write_text(change(profile.read_text()))
    result = run(at)
    assert result.exit_code == 2
    assert named in result.output
    assert "secret1" not in result.output


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ('[erp.format_settings."ebp/invoices"]\ndecimal_mark = "x"', "Un format, ou un de ses réglages"),
        ('[erp]\nformats_folder = "nope"', "nope"),
    ],
)
def test_pro_1_run_5_a_format_that_cannot_be_used_is_exit_code_2_and_says_what_to_do(tmp_path, exports, settings, says):
    (exports / "orders.csv").write_text(ORDER)
    at = installed(tmp_path, csv_shop(exports))
    profile = at.profiles / "test" / "profile.toml"
    profile.write_text(profile.read_text().replace("[erp.extracts]", f"{settings}\n[erp.extracts]"))
    result = run(at, PASSERELLE_LANG="fr")
    assert result.exit_code == 2
    assert says in result.output
    assert "passerelle format" in result.output


@pytest.mark.parametrize(("language", "says"), [("fr", "est un dossier ; il faut un fichier"), ("en", "is a folder")])
def test_pro_1_run_5_what_the_system_refuses_is_said_in_the_user_s_language(tmp_path, exports, language, says):
    at = installed(tmp_path, csv_shop(exports))
    (at.profiles / "test" / "articles.csv").unlink()
    (at.profiles / "test" / "articles.csv").mkdir()
    failed = run(at, PASSERELLE_LANG=language)
    assert failed.exit_code == 1
    assert says in failed.output


def test_run_5_wrong_usage_is_exit_code_2(tmp_path, exports):
    at = installed(tmp_path, csv_shop(exports))
    for wrong in (["-p", "nobody"], ["-p", "test", "--period", "yesterday"], ["-p", "test", "--since", "31/12/2026"]):
        result = CliRunner().invoke(
            app, ["--profiles", str(at.profiles), "--state", str(at.state), "run", "orders", *wrong]
        )
        assert result.exit_code == 2, (wrong, result.output)


def sent_later(at: Installation, **environment: str) -> None:
    """See that the delivery of a failed run is finished by the next one, once."""
    result = run(at, **environment)
    assert result.exit_code == 0, result.output
    assert len(told(result)["earlier"]) == 1


def test_rel_1_an_unreachable_server_fails_the_run_and_the_next_one_delivers(tmp_path, exports):
    (exports / "orders.csv").write_text(ORDER)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = (
        f'{{ url = "ftp://boss@127.0.0.1:{port}/in", password = "TEST_FTP", attempts = 2, first_delay_seconds = 0.01 }}'
    )
    at = installed(tmp_path, csv_shop(exports), place=place)
    failed = run(at, TEST_FTP="x")
    assert failed.exit_code == 1
    assert f"127.0.0.1:{port}" in failed.output
    with FtpServer(tmp_path / "ftp", port) as server:
        sent_later(at, TEST_FTP=server.password)
        assert [Path(name).suffix for name in server.files()] == [".json", ".zip"]


def test_rel_1_sec_3_a_wrong_password_fails_the_run_without_showing_it(tmp_path, exports):
    (exports / "orders.csv").write_text(ORDER)
    with FtpServer(tmp_path / "ftp") as server:
        place = f'{{ url = "ftp://boss@127.0.0.1:{server.port}/in", password = "TEST_FTP" }}'
        at = installed(tmp_path, csv_shop(exports), place=place)
        failed = run(at, TEST_FTP="wrong-password")
        assert failed.exit_code == 1
        assert "wrong-password" not in failed.output
        assert server.files() == []
        sent_later(at, TEST_FTP=server.password)
        assert server.stored("zip") == 1


def test_sto_9_an_unknown_host_key_is_refused_with_its_fingerprint(tmp_path, exports):
    (exports / "orders.csv").write_text(ORDER)
    (tmp_path / "known_hosts").write_text("")
    inbox = tmp_path / "sftp" / "in"
    inbox.mkdir(parents=True)
    with SftpServer(inbox.parent) as server:
        fingerprint = server.host_key.fingerprint
        unknown = f'known_hosts = "{tmp_path}/known_hosts"'
        place = f'{{ url = "sftp://{USER}@127.0.0.1:{server.port}/in", password = "TEST_SFTP", {unknown} }}'
        at = installed(tmp_path, csv_shop(exports), place=place)
        failed = run(at, TEST_SFTP=PASSWORD)
        assert failed.exit_code == 1
        assert fingerprint in failed.output
        profile = at.profiles / "test" / "profile.toml"
        profile.write_text(profile.read_text().replace(unknown, f'host_key_fingerprint = "{fingerprint}"'))
        sent_later(at, TEST_SFTP=PASSWORD)
        assert [file.suffix for file in sorted(inbox.iterdir())] == [".json", ".zip"]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB; only root can mount one, as CI is."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        if os.environ.get("CI"):
            pytest.fail(f"cannot mount a small disk: {mounted.stderr!r}")
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_rel_1_a_full_disk_fails_the_run_and_the_next_one_delivers(tmp_path, exports, small_disk):
    (exports / "orders.csv").write_text(ORDER)
    stuffing = small_disk / "stuffing"
    at = installed(tmp_path, csv_shop(exports), place=f'"{small_disk}"')
    stuffing.write_bytes(b"x" * 61440)
    failed = run(at)
    assert failed.exit_code == 1
    assert [file.name for file in small_disk.iterdir() if not file.name.startswith(".")] == ["stuffing"]
    stuffing.unlink()
    sent_later(at)
    assert sorted(file.suffix for file in small_disk.iterdir()) == [".json", ".zip"]


def test_rel_1_a_folder_that_is_gone_fails_the_run_and_the_next_one_delivers(tmp_path, exports):
    (exports / "orders.csv").write_text(ORDER)
    at = installed(tmp_path, csv_shop(exports), place=f'"{tmp_path / "later"}"')
    failed = run(at)
    assert failed.exit_code == 1
    assert "later" in failed.output
    (tmp_path / "later").mkdir()
    sent_later(at)


@pytest.fixture
def read_only(tmp_path):
    """A folder that not even root can write to."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder], check=False, capture_output=True)
    if mounted.returncode:
        folder.chmod(0o500)
    yield folder
    if mounted.returncode:
        folder.chmod(0o700)
    else:
        subprocess.run(["umount", folder], check=True)


def test_rel_1_a_read_only_folder_fails_the_run(tmp_path, exports, read_only):
    (exports / "orders.csv").write_text(ORDER)
    at = installed(tmp_path, csv_shop(exports), place=f'"{read_only}"')
    failed = run(at)
    assert failed.exit_code == 1
    assert "read-only" in failed.output
    profile = at.profiles / "test" / "profile.toml"
    profile.write_text(profile.read_text().replace(str(read_only), "delivered"))
    sent_later(at)
    assert len(delivered(at)) == 2


def test_pro_4_a_paused_profile_does_nothing_and_says_so(tmp_path, exports):
    (exports / "orders.csv").write_text(ORDER)
    at = installed(tmp_path, csv_shop(exports))
    profile = at.profiles / "test" / "profile.toml"
    profile.write_text(profile.read_text().replace('language = "fr"', 'language = "fr"\npaused = true'))
    result = run(at)
    assert (result.exit_code, told(result)["state"]) == (0, "paused")
    assert delivered(at) == {}


def test_pre_1_a_plan_sends_and_records_nothing(tmp_path, exports):
    (exports / "orders.csv").write_text(ORDER)
    at = installed(tmp_path, csv_shop(exports))
    plan = CliRunner().invoke(
        app,
        ["--profiles", str(at.profiles), "--state", str(at.state), "run", "orders", "-p", "test", "--plan", "--json"],
    )
    assert (told(plan)["state"], told(plan)["written"]) == ("planned", 1)
    assert delivered(at) == {}
    assert told(run(at))["written"] == 1


@pytest.mark.parametrize("kind", ["articles", "customers"])
@pytest.mark.parametrize("data", [b"", b"Code article;Code (tiers);Nom\r\n;;x\r\n"], ids=["no byte", "no code"])
def test_ord_20_cus_1_ebp_10_an_extract_that_was_cut_off_stops_the_run(tmp_path, exports, kind, data):
    (exports / "orders.csv").write_text(ORDER)
    at = installed(tmp_path, csv_shop(exports))
    home = at.profiles / "test"
    profile = home / "profile.toml"
    extract = 'articles = "articles.csv"'
    profile.write_text(profile.read_text().replace(extract, f'{extract}\ncustomers = "customers.csv"'))
    (home / "customers.csv").write_text("Code (tiers);Nom\n")
    whole = (home / f"{kind}.csv").read_bytes()
    (home / f"{kind}.csv").write_bytes(data)
    failed = run(at)
    assert failed.exit_code == 1
    assert (f"{kind}.csv:2" if data else f"{kind}.csv") in failed.output
    assert delivered(at) == {}
    (home / f"{kind}.csv").write_bytes(whole)
    assert told(run(at))["written"] == 1
