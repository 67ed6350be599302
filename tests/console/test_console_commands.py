"""Every command has its place in the console, and the other way round; what is offered there is done (CON-2)."""

from __future__ import annotations

import io
import re
import tomllib
import zipfile

import pytest
from consoles import NAME

from passerelle.cli.console import commands
from passerelle.console.app import PARTS
from passerelle.console.commands import BROWSER, OFFERED, PAGES, TERMINAL, asked_for, kind, slug
from passerelle.console.words import words
from passerelle.run.orders import run_orders
from passerelle.run.request import Request
from passerelle.run.statistics import statistics


def routes() -> set[str]:
    return {f"{method} {route.path}" for part in PARTS for route in part.router.routes for method in route.methods}


def result(page: str) -> str:
    """Give what the page says that the command said."""
    return page.partition('id="said"')[2].partition("</section>")[0]


@pytest.fixture
def ran(own):
    return run_orders(Request.asked("test"), own.installation)


def test_con_2_every_command_has_its_place_in_the_console():
    """A new command needs a line in ``passerelle.console.commands``; of a group one line may do for all."""
    placed = {*OFFERED, *PAGES, *TERMINAL}
    for path in commands():
        assert {path, path.partition(" ")[0]} & placed, f"no place in the console: {path}"
    for path in placed:
        assert [one for one in commands() if one == path or one.startswith(f"{path} ")], f"no such command: {path}"
    assert set(PAGES.values()) <= routes()


def test_con_2_everything_that_the_console_does_is_a_command_too():
    known = {*PAGES.values(), *BROWSER, "POST /commands/{name}"}
    assert {route for route in routes() if route.startswith("POST ")} <= known
    assert set(BROWSER) <= routes()


def test_con_2_every_offered_command_has_words_and_a_form(own):
    known, member = commands(), own.member()
    listed = member.page("/commands")
    for path, offer in OFFERED.items():
        name = slug(path)
        assert {f"command.{name}", f"command-help.{name}"} <= set(words()), path
        assert f'href="/commands/{name}"' in listed
        page = member.page(f"/commands/{name}")
        for one in asked_for(known[path], offer):
            if kind(offer, one) != "made" or not one.is_needed:
                assert f"option.{name}.{one.name}" in words() or f"option.{one.name}" in words(), (path, one.name)
                assert f'name="{one.name}"' in page, (path, one.name)
        assert (offer.confirm == "words") == (f"confirm.{name}" in words()), path


def test_ord_9_and_con_2_orders_are_reset_once_it_was_said_what_that_means(own, ran):
    member = own.member("en")
    member.page(f"/runs/{ran.run_id}?said=all")
    asked = member.submit("/commands/ledger-reset", orders="ALL", profile="test").text
    assert f"Reset {ran.written} order(s) of profile test (ALL)?" in result(asked)
    assert "delete their documents there first" in asked
    assert 'name="confirmed"' in asked
    with own.ledger() as ledger:
        assert len(ledger.exchanged("test", "order")) == ran.written
    done = member.submit("/commands/ledger-reset", orders="ALL", profile="test", confirmed="1").text
    assert f"{ran.written} order(s) reset" in result(done)
    with own.ledger() as ledger:
        assert ledger.exchanged("test", "order").empty
        actions = {(one.actor, one.action, one.record_type) for one in ledger.audit("test")}
    assert (NAME, "forget", "order") in actions
    assert (NAME, "run", "command") in actions


def test_con_2_what_fails_says_so_and_asks_for_nothing(own, ran):
    member = own.member("fr")
    member.page("/commands")
    page = member.submit("/commands/ledger-reset", orders="s/none", profile="test").text
    assert "Rien à réinitialiser" in result(page)
    assert 'name="confirmed"' not in page
    assert member.submit("/commands/ledger-reset", profile="test").status_code == 400
    assert member.submit("/commands/ledger-reset", orders="ALL", profile="elsewhere").status_code == 404
    assert member.submit("/commands/up").status_code == 404
    assert member.submit("/commands/console-user-add", name="eve").status_code == 404


def test_sec_4_and_con_2_nothing_that_is_typed_is_an_option(own, ran):
    member = own.member("en")
    member.page("/commands")
    page = member.submit("/commands/ledger-reset", orders="ALL, --yes", profile="test").text
    with own.ledger() as ledger:
        assert len(ledger.exchanged("test", "order")) == ran.written
    assert "Never exchanged by profile test: ALL, --yes" in result(page)
    page = member.submit("/commands/ledger-abandon", delivery="--help").text
    assert "Abandon delivery --help?" in result(page)
    page = member.submit("/commands/people-find", who="s/\0", profile="test").text
    assert "keeps nothing of s/\N{REPLACEMENT CHARACTER}" in result(page)
    assert member.submit("/commands/profile-new", name="../outside").status_code == 200
    assert not (own.installation.profiles.parent / "outside").exists()
    assert member.submit("/commands/profile-duplicate", name="test", new_name="../../outside").status_code == 200
    assert [path.name for path in own.installation.profiles.iterdir()] == ["test"]


def test_con_2_a_mark_and_a_pickup_are_confirmed_in_words_and_audited(own):
    member = own.member("fr")
    member.page("/commands")
    given = {"value": "2026-11-20", "mark": "stocks.last-transfer.s", "profile": "test"}
    page = member.submit("/commands/ledger-set-mark", **given).text
    assert words()["confirm.ledger-set-mark"]["fr"] in page
    with own.ledger() as ledger:
        assert ledger.mark("test", given["mark"]) is None
    member.submit("/commands/ledger-set-mark", **given, confirmed="1")
    with own.ledger() as ledger:
        assert ledger.mark("test", given["mark"]) == "2026-11-20"
        assert [(one.actor, one.detail) for one in ledger.audit("test") if one.action == "set"] == [
            (NAME, "2026-11-20")
        ]
    member.submit("/commands/ledger-forget-mark", mark=given["mark"], profile="test", confirmed="1")
    with own.ledger() as ledger:
        assert ledger.mark("test", given["mark"]) is None


def test_sec_5_and_con_2_old_files_are_removed_after_a_plan(own, ran):
    member = own.member("en")
    member.page("/commands")
    home = own.installation.run_folder(ran.run_id)
    page = member.submit("/commands/purge", profile="test", days="1").text
    assert re.search(r"0 run\(s\), 0 delivery", result(page))
    assert 'name="confirmed"' in page
    assert home.is_dir()
    assert "0 run(s)" in result(member.submit("/commands/purge", profile="test", days="1", confirmed="1").text)


def test_sec_5_and_con_2_a_person_is_found_exported_and_erased(own, ran):
    with own.ledger() as ledger:
        known = ledger.accounts("test")
    who = known.loc[known["email"] != "", "email"].iloc[0]
    member = own.member("en")
    member.page("/commands")
    assert who in result(member.submit("/commands/people-find", who=who, profile="test").text)
    answer = member.submit("/commands/people-export", who=who, profile="test")
    assert answer.headers["content-disposition"].endswith("person.json")
    assert answer.json()["person"]["emails"] == [who]
    asked = member.submit("/commands/people-erase", who=who, profile="test").text
    assert "Erase e-mail, SIRET" in result(asked)
    assert "erased" in result(member.submit("/commands/people-erase", who=who, profile="test", confirmed="1").text)
    with own.ledger() as ledger:
        assert ledger.people.find("test", who).emails == ()
        assert who not in str([(one.record, one.detail) for one in ledger.audit()])
    left = [path for path in own.installation.state.rglob("*") if path.is_file() and "started" in path.parts]
    assert left == []


def test_jou_3_and_con_2_statistics_are_shown_and_downloaded(own, ran):
    member = own.member("fr")
    member.page("/commands")
    table = statistics(own.installation, "test", "day")
    page = result(member.submit("/commands/stats", profile="test", by="day").text)
    assert "<th>Période</th>" in page.replace(' style="text-align:right"', "")
    for row in table.to_dict("records"):
        assert f"<td>{row['kind']}</td>" in page
    answer = member.submit("/commands/stats", profile="test", by="day", output="1")
    assert answer.headers["content-disposition"].endswith("stats.csv")
    heads, *rows = answer.content.decode("utf-8-sig").splitlines()
    assert heads == "period;direction;shop;kind;records"
    assert len(rows) == len(table)


def test_pro_2_and_con_2_a_profile_is_made_copied_paused_resumed_and_deleted(own):
    member = own.member("fr")
    member.page("/commands")
    files = own.installation.profiles
    made = {"shop": "fr=prestashop, de=woocommerce", "task": "stocks,prices", "exports": "exports", "label": "Le Nord",
            "delivery": "out", "articles": "extracts/Articles.txt"}  # fmt: skip
    page = result(member.submit("/commands/profile-new", name="north", **made).text)
    assert "Profil écrit" in page
    document = tomllib.loads((files / "north" / "profile.toml").read_text(encoding="utf-8"))
    assert [(one["name"], one["platform"]) for one in document["shops"]] == [
        ("fr", "prestashop"),
        ("de", "woocommerce"),
    ]
    assert document["label"] == "Le Nord"
    member.submit("/commands/profile-duplicate", name="north", new_name="south")
    path = files / "south" / "profile.toml"
    before = path.read_text(encoding="utf-8")
    assert before.count("\n#") > 100
    member.submit("/commands/profile-pause", name="south")
    assert "en pause" in member.page("/profiles/south")
    paused = path.read_text(encoding="utf-8")
    assert tomllib.loads(paused) == {**tomllib.loads(before), "paused": True}
    assert [line for line in paused.splitlines() if line not in before.splitlines()] == ["paused = true"]
    member.submit("/commands/profile-resume", name="south")
    assert path.read_text(encoding="utf-8") == paused.replace("paused = true", "paused = false")
    assert "Supprimer" in result(member.submit("/commands/profile-delete", name="south").text)
    assert path.is_file()
    member.submit("/commands/profile-delete", name="south", confirmed="1")
    assert not path.exists()
    with own.ledger() as ledger:
        done = [one.record for one in ledger.audit() if one.record_type == "command"]
        of_south = [one.record for one in ledger.audit("south")]
    assert of_south == ["profile pause", "profile resume", "profile delete"]
    assert done == ["profile new", "profile duplicate", "profile pause", "profile resume", "profile delete"]


def test_fmt_4_and_con_2_files_are_checked_and_converted(own):
    member = own.member("en")
    member.page("/commands")

    def send(command: str, data: bytes, called: str = "Customers.txt", **fields: str):
        field = "source" if command.endswith("convert") else "file"
        return member.post(f"/commands/{command}", data={"csrf": member.csrf, **fields}, files={field: (called, data)})

    sample = member.submit("/commands/format-sample", name="ebp/customers")
    assert sample.headers["content-disposition"].endswith("Customers.txt")
    checked = result(send("format-check", sample.content, name="ebp/customers").text)
    assert "0 refused" in checked
    broken = sample.content.replace(b"\r\n", b"\r\n\x00\xff;", 1)
    assert result(send("format-check", broken, "../../etc/passwd", name="ebp/customers").text)
    converted = send("format-convert", sample.content, source_format="ebp/customers", target_format="ebp/customers")
    assert converted.headers["content-disposition"].endswith("Customers.txt")
    assert converted.content.count(b"\r\n") == sample.content.count(b"\r\n")
    assert "ebp/customers" in result(member.submit("/commands/format-list").text)
    assert member.submit("/commands/format-sample", name="ebp/none").status_code == 400
    assert send("format-check", b"", name="ebp/customers").status_code == 400
    assert not list(own.installation.state.glob("workshop-*"))


def test_ebp_3_and_con_2_the_import_of_a_runs_zip_is_played(own, ran):
    member = own.member("en")
    assert f"/commands/ebp-import-check?run={ran.run_id}" in member.page(f"/runs/{ran.run_id}")
    page = member.page(f"/commands/ebp-import-check?run={ran.run_id}&profile=test")
    assert f'name="run" value="{ran.run_id}"' in page
    ours = result(member.submit("/commands/ebp-import-check", run=ran.run_id, profile="test").text)
    data = member.get(f"/runs/{ran.run_id}/files/erpFiles.zip").content
    assert len(zipfile.ZipFile(io.BytesIO(data)).namelist()) > 1
    sent = {"csrf": member.csrf, "profile": "test"}
    again = result(member.post("/commands/ebp-import-check", data=sent, files={"file": ("erpFiles.zip", data)}).text)
    assert ours.count("<tr>") == again.count("<tr>") == ran.written + 1


def test_sec_1_and_con_2_a_form_with_a_file_is_guarded_too(own):
    member = own.member()
    member.page("/commands")
    file = {"file": ("a.txt", b"x")}
    assert member.post("/commands/format-check", data={"name": "ebp/customers"}, files=file).status_code == 403
    assert own.browser().post("/commands/format-check", files=file).status_code == 303
    large = {"file": ("a.txt", b"x" * (33 * 2**20))}
    assert member.post("/commands/format-check", data={"csrf": member.csrf}, files=large).status_code == 413
    cut = f'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{member.csrf}\r\n--b\r\nContent-Dis'
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = member.post("/commands/format-check", content=cut.encode(), headers=headers)
    assert answer.status_code == 400
    assert "pas arrivé entier" in answer.text
