"""Each file of a shop is read once and put away; what was refused of it is read again until it is settled (STO-6)."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from datetime import date

import pytest
import storage_servers
from builders import ALL_MAPPED, delivered
from exports import ARCHIVE, ERROR, UNMAPPED, archiving, inbox, key, leave, lying, orders, remap

from passerelle.ledger.ledger import Ledger
from passerelle.profile.loader import ProfileError
from passerelle.run.orders import run_orders
from passerelle.run.request import Request
from passerelle.run.summary import Summary
from passerelle.storage.errors import StorageError


def run(at, **asked) -> Summary:
    return run_orders(Request("test", **asked), at)


def codes(summary) -> set[str]:
    return {reason.code for reason in summary.reasons}


def exchanged(at) -> set[str]:
    with Ledger.open(at.ledger_url) as ledger:
        return set(ledger.exchanged("test", "order")["record_key"])


def states(at) -> list[tuple[str, str]]:
    with Ledger.open(at.ledger_url) as ledger:
        return [(one.file.path, one.state) for one in ledger.pickups("test")]


def test_sto_6_a_file_is_read_once_and_moved_to_the_archive_of_its_day(tmp_path, samples):
    at, place = archiving(tmp_path)
    data = orders(samples, 0, 1)
    leave(place, "orders.json", data)
    leave(place, "notes.txt", b"not ours")
    assert run(at).written == 2
    assert lying(place) == {f"{ARCHIVE}/orders.json": data, "notes.txt": b"not ours"}
    assert states(at) == [("orders.json", "moved")]
    assert inbox(at) == []
    again = run(at)
    assert (again.state, again.read, codes(again)) == ("nothing-to-do", 0, {"no-export-file"})


def test_sto_6_the_same_name_with_other_content_is_a_new_file(tmp_path, samples):
    at, place = archiving(tmp_path)
    first, second = orders(samples, 0), orders(samples, 1)
    leave(place, "orders.json", first)
    run(at)
    leave(place, "orders.json", second)
    assert run(at).written == 1
    assert lying(place) == {f"{ARCHIVE}/orders.json": first, f"{ARCHIVE}/orders-2.json": second}


def test_sto_6_the_same_file_given_again_later_is_read_again_and_archived_once(tmp_path, samples):
    at, place = archiving(tmp_path)
    data = orders(samples, 0)
    leave(place, "orders.json", data)
    run(at)
    leave(place, "orders.json", data, at=1_790_000_060)
    again = run(at)
    assert (again.read, again.ignored, codes(again)) == (1, 1, {"already-exchanged"})
    assert lying(place) == {f"{ARCHIVE}/orders.json": data}


def test_sto_6_the_very_same_file_put_back_is_only_moved_unless_it_is_forgotten(tmp_path, samples):
    at, place = archiving(tmp_path)
    data = orders(samples, 0)
    leave(place, "orders.json", data)
    run(at)
    (place / ARCHIVE / "orders.json").rename(place / "orders.json")
    assert run(at).read == 0
    assert lying(place) == {f"{ARCHIVE}/orders.json": data}
    (place / ARCHIVE / "orders.json").rename(place / "orders.json")
    with Ledger.open(at.ledger_url) as ledger:
        assert ledger.forget_pickup("test", "orders.json", by="alice") == 1
        assert [(entry.actor, entry.record_type, entry.record) for entry in ledger.audit()] == [
            ("alice", "file", "orders.json")
        ]
    assert run(at).read == 1
    assert lying(place) == {f"{ARCHIVE}/orders.json": data}


def test_sto_6_what_cannot_be_read_goes_to_the_error_folder_and_the_rest_goes_on(tmp_path, samples):
    at, place = archiving(tmp_path)
    good = orders(samples, 0)
    leave(place, "a.json", b'[{"id": 1,')
    leave(place, "b.json", good)
    summary = run(at)
    assert (summary.written, summary.unread_files, summary.exit_code) == (1, 1, 3)
    assert lying(place) == {f"{ERROR}/a.json": b'[{"id": 1,', f"{ARCHIVE}/b.json": good}
    assert run(at).exit_code == 0


def test_sto_6_ord_42_a_refused_order_is_read_again_until_its_mapping_is_mended(tmp_path, samples):
    at, place = archiving(tmp_path, mapped=UNMAPPED)
    leave(place, "orders.json", orders(samples, 0, 1))
    refused = run(at)
    assert (refused.failed, refused.written) == (2, 0)
    assert list(lying(place)) == [f"{ARCHIVE}/orders.json"]
    assert inbox(at) == [orders(samples, 0, 1)], "it is read again from here"
    assert run(at).failed == 2
    remap(at, ALL_MAPPED)
    assert run(at).written == 2
    assert inbox(at) == []
    assert run(at).read == 0


def test_sto_6_of_a_file_read_again_only_what_is_open_is_taken(tmp_path, samples):
    at, place = archiving(tmp_path, mapped={**ALL_MAPPED, "statuses": [("completed", "yes", "invoice", "", "")]})
    some = json.loads(orders(samples, 0, 1, status="completed")) + json.loads(orders(samples, 2, 3, status="new"))
    leave(place, "orders.json", json.dumps(some).encode())
    first = run(at)
    assert (first.written, first.failed) == (2, 2)
    again = run(at)
    assert (again.read, again.failed, again.ignored) == (2, 2, 0)
    remap(at, ALL_MAPPED)
    assert run(at).written == 2
    assert exchanged(at) == {key(samples, number) for number in range(4)}


def test_sto_6_a_newer_file_takes_the_place_of_what_was_refused(tmp_path, samples):
    at, place = archiving(
        tmp_path, mapped={**UNMAPPED, "statuses": [("completed", "yes", "invoice", "", ""), ("*", "no", "", "", "")]}
    )
    leave(place, "orders-1.json", orders(samples, 0, 1, status="completed"))
    assert run(at).failed == 2
    leave(place, "orders-2.json", orders(samples, 0, status="cancelled"))
    second = run(at)
    assert (second.read, second.failed, second.ignored) == (2, 1, 1)
    remap(at, {**ALL_MAPPED, "statuses": [("completed", "yes", "invoice", "", ""), ("*", "no", "", "", "")]})
    assert run(at).written == 1
    assert exchanged(at) == {key(samples, 1)}, "the cancelled one does not go out"
    assert inbox(at) == []


def test_sto_6_of_files_that_give_an_order_differently_the_newest_counts(tmp_path, samples):
    """After some days without a run: nobody can take the older ones away any more."""
    at, place = archiving(tmp_path, mapped={**ALL_MAPPED, "statuses": [("*", "yes", "invoice", "", "")]})
    leave(place, "a.json", orders(samples, 0, 1, status="completed"), at=1_790_000_120)
    leave(place, "b.json", orders(samples, 0, 2, status="processing"))
    summary = run(at)
    assert (summary.read, summary.written, summary.failed) == (3, 3, 0)
    assert "duplicate-order" not in codes(summary)
    with Ledger.open(at.ledger_url) as ledger:
        said = ledger.run_outcomes(summary.run_id)
    assert (said[said["code"] == "exchanged"]["record"].value_counts() == 1).all()


def test_sto_6_rel_1_the_refunds_of_a_missed_night_do_not_hold_its_orders_back(tmp_path, samples):
    """Each night's refunds stand in a file of their own, which names orders and gives none."""
    at, place = archiving(tmp_path)
    refund = {"id": 9, "amount": "1.00", "reason": "", "line_items": []}
    refunds = json.dumps({key(samples, 0).partition("/")[2]: [refund]}).encode()
    with_refund = {"refunds": [{"id": 9, "reason": "", "total": "-1.00"}]}
    for night, status in ((0, "completed"), (60, "refunded")):
        leave(
            place, f"orders-{night}.json", orders(samples, 0, 1, status=status, **with_refund), at=1_790_000_000 + night
        )
        leave(place, f"refunds-{night}.json", refunds, at=1_790_000_000 + night)
    leave(place, "orders-60-again.json", orders(samples, 0, status="refunded", **with_refund), at=1_790_000_060)
    summary = run(at)
    assert (summary.read, summary.written, summary.failed) == (2, 2, 0)
    assert {state for _, state in states(at)} == {"moved"}
    assert len(states(at)) == 5


def test_sto_6_ord_8_without_a_newest_file_an_order_given_differently_stays_refused(tmp_path, samples):
    at, place = archiving(tmp_path)
    leave(place, "a.json", orders(samples, 0, 1, status="completed"))
    leave(place, "b.json", orders(samples, 0, status="processing"))
    summary = run(at)
    assert (summary.written, summary.failed) == (1, 1)
    assert "duplicate-order" in codes(summary)
    leave(place, "c.json", orders(samples, 0, status="processing"), at=1_790_000_060)
    assert run(at).written == 1, "a newer export settles it"


def test_sto_6_files_that_belong_together_stay_until_all_are_there(tmp_path, samples):
    at, place = archiving(tmp_path, platform="prestashop", orders="vat = { unknown_rate = 'remark' }\n")
    for file in sorted((samples / "prestashop-8.2-live").glob("*.json")):
        if file.name != "customers.json":
            leave(place, file.name, file.read_bytes())
    before = list(lying(place))
    early = run(at)
    assert early.written == 0
    assert early.failed >= 60
    assert list(lying(place)) == before
    assert states(at) == []
    leave(place, "customers.json", (samples / "prestashop-8.2-live" / "customers.json").read_bytes())
    complete = run(at)
    assert complete.written >= 60
    assert complete.failed == 0
    assert all(name.startswith(ARCHIVE) for name in lying(place))
    assert inbox(at) == []


def test_sto_6_a_refused_order_that_somebody_closed_is_not_read_again(tmp_path, samples):
    at, place = archiving(tmp_path, mapped=UNMAPPED)
    leave(place, "orders.json", orders(samples, 0, 1))
    run(at)
    with Ledger.open(at.ledger_url) as ledger:
        assert ledger.close_records("test", "order", [key(samples, 0), "s/none"], by="alice") == 1
        assert [(one.actor, one.action, one.record) for one in ledger.audit()] == [("alice", "close", key(samples, 0))]
    assert run(at).failed == 1
    with Ledger.open(at.ledger_url) as ledger:
        ledger.close_records("test", "order", [key(samples, 1)], by="alice")
    assert run(at).read == 0
    assert inbox(at) == []


def test_sto_6_run_6_another_machine_reads_again_from_the_archive(tmp_path, samples):
    at, place = archiving(tmp_path, mapped=UNMAPPED)
    leave(place, "orders.json", orders(samples, 0))
    run(at)
    for content in at.inbox("test").iterdir():
        content.unlink()
    remap(at, ALL_MAPPED)
    assert run(at).written == 1


def test_sto_6_a_file_that_is_nowhere_any_more_is_said(tmp_path, samples):
    at, place = archiving(tmp_path, mapped=UNMAPPED)
    leave(place, "orders.json", orders(samples, 0))
    run(at)
    for content in at.inbox("test").iterdir():
        content.unlink()
    (place / ARCHIVE / "orders.json").write_bytes(b"something else of that name")
    summary = run(at)
    assert codes(summary) == {"picked-file-gone"}
    assert summary.exit_code == 3
    (place / ARCHIVE / "orders.json").write_bytes(orders(samples, 0))
    remap(at, ALL_MAPPED)
    assert run(at).written == 1


def test_sto_6_ord_9_an_order_that_is_reset_is_read_again_from_the_archive(tmp_path, samples):
    at, place = archiving(tmp_path)
    leave(place, "orders.json", orders(samples, 0, 1))
    run(at)
    with Ledger.open(at.ledger_url) as ledger:
        ledger.forget("test", "order", [key(samples, 1)], by="alice")
    again = run(at)
    assert (again.read, again.written) == (1, 1)
    assert run(at).read == 0


def test_sto_6_the_orders_of_an_abandoned_delivery_are_read_again(tmp_path, samples):
    at, place = archiving(tmp_path, place='"nowhere"')
    leave(place, "orders.json", orders(samples, 0))
    with pytest.raises(StorageError):
        run(at)
    with Ledger.open(at.ledger_url) as ledger:
        ledger.abandon(ledger.unfinished("test")[0].delivery_id, by="alice")
    (at.profiles / "test" / "nowhere").mkdir()
    assert run(at).written == 1
    assert list(lying(place)) == [f"{ARCHIVE}/orders.json"]


def test_sto_6_a_file_stays_until_its_delivery_has_arrived_and_is_not_read_again(tmp_path, samples):
    at, place = archiving(tmp_path, place='"nowhere"')
    leave(place, "orders.json", orders(samples, 0))
    with pytest.raises(StorageError):
        run(at)
    assert list(lying(place)) == ["orders.json"]
    assert states(at) == [("orders.json", "taken")]
    (at.profiles / "test" / "nowhere").mkdir()
    summary = run(at)
    assert (len(summary.earlier), summary.read) == (1, 0)
    assert list(lying(place)) == [f"{ARCHIVE}/orders.json"]


def test_sto_6_a_plan_claims_and_moves_nothing(tmp_path, samples):
    at, place = archiving(tmp_path, mapped=UNMAPPED)
    leave(place, "1.json", orders(samples, 0))
    run(at)
    leave(place, "2.json", orders(samples, 1))
    before = lying(place)
    plan = run(at, plan=True)
    assert (plan.state, plan.read) == ("planned", 2), "what is open is planned too"
    assert lying(place) == before
    assert states(at) == [("1.json", "moved")]
    assert inbox(at) == [orders(samples, 0)]


def test_sto_6_a_file_waits_for_its_done_file_and_both_are_moved(tmp_path, samples):
    at, place = archiving(tmp_path, options=', done_suffix = ".ok"')
    leave(place, "a.json", orders(samples, 0))
    leave(place, "a.json.ok", b"")
    leave(place, "b.json", orders(samples, 1))
    assert run(at).written == 1
    assert list(lying(place)) == [f"{ARCHIVE}/a.json", f"{ARCHIVE}/a.json.ok", "b.json"]


def test_sto_6_a_move_that_fails_is_a_warning_and_the_next_run_does_it(tmp_path, samples, caplog):
    at, place = archiving(tmp_path)
    leave(place, "orders.json", orders(samples, 0))
    leave(place, "archive", b"a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        assert run(at).state == "delivered"
    assert "read and not moved" in caplog.text
    assert run(at).read == 0
    (place / "archive").unlink()
    run(at)
    assert list(lying(place)) == [f"{ARCHIVE}/orders.json"]


def test_sto_6_a_file_replaced_while_it_was_read_is_a_new_one_and_both_are_archived(tmp_path, samples):
    at, place = archiving(tmp_path, place='"nowhere"')
    leave(place, "orders.json", orders(samples, 0))
    with pytest.raises(StorageError):
        run(at)
    leave(place, "orders.json", orders(samples, 1), at=1_790_000_060)
    (at.profiles / "test" / "nowhere").mkdir()
    assert run(at).written == 1
    archived = {f"{ARCHIVE}/orders.json": orders(samples, 0), f"{ARCHIVE}/orders-2.json": orders(samples, 1)}
    assert lying(place) == archived
    assert exchanged(at) == {key(samples, 0), key(samples, 1)}


def test_ord_1_sto_6_orders_outside_the_days_asked_for_are_not_lost(tmp_path, samples):
    at, place = archiving(tmp_path)
    leave(place, "orders.json", orders(samples, 0, 1))
    asked = run(at, since=date(2026, 1, 1), until=date(2026, 1, 2))
    assert asked.ignored == 2
    assert run(at).written == 2
    assert inbox(at) == []


def test_pro_4_sto_6_batches_go_one_run_after_the_other_until_nothing_is_left(tmp_path, samples):
    at, place = archiving(tmp_path, orders="batch_size = 2")
    leave(place, "orders.json", orders(samples, 0, 1, 2))
    assert [(made.written, made.ignored, made.state) for made in (run(at), run(at), run(at))] == [
        (2, 1, "delivered"),
        (1, 0, "delivered"),
        (0, 0, "nothing-to-do"),
    ]
    assert exchanged(at) == {key(samples, number) for number in range(3)}
    assert inbox(at) == []


def test_ord_1_sto_6_orders_older_than_the_profile_s_period_are_done_with(tmp_path, samples):
    at, place = archiving(tmp_path)
    profile = at.profiles / "test" / "profile.toml"
    profile.write_text(profile.read_text().replace('period = "all"', 'period = "last-15-days"'))
    leave(
        place,
        "orders.json",
        orders(samples, 0, **dict.fromkeys(("date_created", "date_created_gmt"), "2026-01-01T10:00:00")),
    )
    assert run(at).ignored == 1
    assert inbox(at) == []
    assert run(at).read == 0


def test_sto_12_the_good_files_of_an_archive_are_read_and_the_bad_ones_named(tmp_path, samples):
    at, place = archiving(tmp_path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("good.json", orders(samples, 0))
        archive.writestr("../bad.json", orders(samples, 1))
    leave(place, "orders.zip", buffer.getvalue())
    leave(place, "whole.zip", b"PK\3\4 no archive")
    leave(place, "other.json", orders(samples, 2))
    summary = run(at)
    assert summary.written == 2
    said = {(reason.code, reason.example) for reason in summary.reasons if reason.state == "failed"}
    assert said == {("zip-entry-name", "orders.zip/../bad.json"), ("zip-broken", "whole.zip")}
    assert list(lying(place)) == [f"{ARCHIVE}/other.json", f"{ERROR}/orders.zip", f"{ERROR}/whole.zip"]
    assert exchanged(at) == {key(samples, 0), key(samples, 2)}


def test_sto_6_two_profiles_on_one_place_take_each_file_once(tmp_path, samples):
    at, place = archiving(tmp_path)
    other = at.profiles / "other"
    other.mkdir()
    for file in (at.profiles / "test").iterdir():
        if file.is_file():
            (other / file.name).write_bytes(file.read_bytes())
    (other / "delivered").mkdir()
    profile = other / "profile.toml"
    profile.write_text(profile.read_text().replace('name = "test"', 'name = "other"'))
    leave(place, "orders.json", orders(samples, 0))
    assert run(at).written == 1
    assert run_orders(Request("other"), at).read == 0
    assert len(delivered(at)) == 2


def test_sto_6_files_of_a_server_are_read_once_and_moved_there(tmp_path, samples, monkeypatch):
    at, place = archiving(tmp_path, options=', done_suffix = ".ok"')
    with storage_servers.ftp_server(place) as server:
        url = f"ftp://{storage_servers.USER}@127.0.0.1:{server.port}/"
        monkeypatch.setenv("SHOP_PASSWORD", storage_servers.PASSWORD)
        profile = at.profiles / "test" / "profile.toml"
        text = profile.read_text().replace(
            f'place = "{place}"', f'place = {{ url = "{url}", password = "SHOP_PASSWORD" }}'
        )
        profile.write_text(text)
        leave(place, "orders.json", orders(samples, 0))
        leave(place, "orders.json.ok", b"")
        assert run(at).written == 1
        assert run(at).read == 0
    assert list(lying(place)) == [f"{ARCHIVE}/orders.json", f"{ARCHIVE}/orders.json.ok"]


@pytest.mark.parametrize("option", [', done_suffix = "/x"', ", settled_seconds = -1", ', after = "delete"'])
def test_pro_1_sto_6_a_wrong_option_of_a_source_is_said(tmp_path, option):
    at, _ = archiving(tmp_path)
    profile = at.profiles / "test" / "profile.toml"
    profile.write_text(profile.read_text().replace(', after = "archive"', option))
    with pytest.raises(ProfileError) as error:
        run(at)
    assert option.strip(", ").partition(" ")[0] in str(error.value)


def test_sto_6_by_default_files_stay_and_are_read_by_every_run(tmp_path, samples):
    at, place = archiving(tmp_path)
    profile = at.profiles / "test" / "profile.toml"
    profile.write_text(profile.read_text().replace(', after = "archive"', ""))
    leave(place, "orders.json", orders(samples, 0))
    assert run(at).written == 1
    assert run(at).ignored == 1
    assert list(lying(place)) == ["orders.json"]
    assert states(at) == []
