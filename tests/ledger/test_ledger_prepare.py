"""What a run prepares is written all or not at all, and nothing goes twice (design decision 5, ORD-81)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from ledger_makers import accounts, effects, known, parcel, records, send, spoken, table

from passerelle import money, outcome
from passerelle.ledger.entries import RECORDS, Prepared
from passerelle.ledger.errors import AlreadyExchangedError, WrongStateError
from passerelle.ledger.tables import _picked


def test_design_5_prepare_writes_all_that_the_run_found_out(ledger, clock):
    run = ledger.start_run("demo", "orders")
    said = outcome.together(
        [
            outcome.said("delivery-abandoned", ["shop/9"], record_type="order", stage="map", value="LU", field="pays"),
            outcome.said("run-interrupted", ["shop/8"], record_type="order", stage="read", reason="é"),
        ]
    )
    ledger.prepare(
        run,
        Prepared(
            outcomes=said,
            parcel=parcel("d1", "orders.txt", "customers.txt"),
            records=records("shop/2", "shop/1"),
            accounts=accounts(alice="PREST0001"),
            effects=effects(o1="sent"),
            counts={"total": 4, "succeeded": 2, "failed": 2},
        ),
    )
    assert ledger.run(run).state == "prepared"
    assert ledger.run(run).counts == {"total": 4, "succeeded": 2, "failed": 2}
    assert ledger.run(run).finished_at is None
    [delivery] = ledger.unfinished("demo")
    assert (delivery.delivery_id, delivery.run_id, delivery.profile, delivery.task) == ("d1", run, "demo", "orders")
    assert (delivery.place, delivery.folder, delivery.manifest_name) == ("ftp://erp.example", "in", "manifest.json")
    assert (delivery.state, delivery.prepared_at, delivery.attempts) == ("prepared", clock.now, 0)
    assert delivery.files == parcel("d1", "orders.txt", "customers.txt").files
    assert list(delivery.files) == ledger.run_files(run)
    assert ledger.run_delivery(run) == delivery
    assert table(ledger.accounts("demo"), "customer_key", "customer_code", "email", "run_id") == [
        ("shop/alice", "PREST0001", "alice@example.org", run)
    ]


def test_every_record_of_a_run_is_traceable(ledger):
    """Spec 00: total = succeeded + failed + ignored, and each has what was said of it, in the order said."""
    run = ledger.start_run("demo", "orders")
    said = outcome.said("delivery-abandoned", ["shop/9", "shop/7"], record_type="order", stage="map", value="LU")
    ledger.prepare(run, Prepared(outcomes=said, parcel=parcel("d1"), records=records("shop/2", "shop/1")))
    found = ledger.run_outcomes(run)
    assert list(found.columns) == list(outcome.COLUMNS)
    assert found.dtypes.astype(str).unique().tolist() == ["str"]
    assert found.iloc[:2].to_dict() == said.to_dict()
    assert table(found.iloc[2:], "record_type", "record", "stage", "state", "code", "value") == [
        ("order", "shop/1", "deliver", "succeeded", "exchanged", "W1"),
        ("order", "shop/2", "deliver", "succeeded", "exchanged", "W2"),
    ]
    states = outcome.final_states(found, ["shop/1", "shop/2", "shop/7", "shop/9"])
    assert states.to_list() == ["succeeded", "succeeded", "failed", "failed"]
    assert all(outcome.message(row, "fr") for row in found.to_dict("records"))


def test_nothing_to_send_is_written_too(ledger, clock):
    run = ledger.start_run("demo", "orders")
    said = outcome.said("delivery-abandoned", ["shop/9"], record_type="order", stage="map")
    ledger.prepare(run, Prepared(outcomes=said, effects=effects(o9="error"), counts={"total": 1, "failed": 1}))
    ended = ledger.run(run)
    assert (ended.state, ended.finished_at, ended.counts) == ("nothing_to_do", clock.now, {"total": 1, "failed": 1})
    assert len(ledger.run_outcomes(run)) == 1
    assert ledger.unfinished() == []
    assert ledger.run_delivery(run) is None
    assert ledger.run_files(run) == []
    assert table(ledger.pending_effects("demo"), "record_key", "value") == [("shop/9", "error")]


def test_ord_81_what_was_exchanged_is_told_with_its_file(ledger):
    run = ledger.start_run("demo", "orders")
    ledger.prepare(run, Prepared(parcel=parcel("d1", "a.txt", "b.txt"), records=records("shop/1", "shop/2")))
    other = send(ledger, "d2", records("shop/1"), profile="other")
    columns = ["record_key", "content_hash", "document_kind", "document_number", "delivery_id", "files", "run_id"]
    found = ledger.exchanged("demo", "order")
    assert sorted(found.columns) == sorted([*columns, "total_incl"])
    assert found[columns].dtypes.astype(str).unique().tolist() == ["str"]
    assert table(found, *columns) == [
        ("shop/1", "v1 of shop/1", "order", "W1", "d1", "a.txt, b.txt", run),
        ("shop/2", "v1 of shop/2", "order", "W2", "d1", "a.txt, b.txt", run),
    ]
    assert table(ledger.exchanged("other", "order"), "record_key", "run_id") == [("shop/1", other)]
    nothing = ledger.exchanged("demo", "refund")
    assert list(nothing.columns) == list(found.columns)
    assert nothing[columns].dtypes.astype(str).unique().tolist() == ["str"]
    assert nothing.empty


@pytest.mark.parametrize("content", ["v1", "v2"])
def test_ord_81_an_order_is_never_sent_twice(ledger, content):
    send(ledger, "d1", records("shop/1"))
    run = ledger.start_run("demo", "orders")
    again = Prepared(
        outcomes=outcome.said("delivery-abandoned", ["shop/9"], record_type="order", stage="map"),
        parcel=parcel("d2"),
        records=records("shop/0", "shop/1", "shop/2", content=content),
        accounts=accounts(alice="PREST0001"),
        effects=effects(o1="sent"),
    )
    with pytest.raises(AlreadyExchangedError, match=r"1 record.*shop/1\b") as caught:
        ledger.prepare(run, again)
    assert spoken(caught.value)
    assert known(ledger) == {"shop/1": "v1 of shop/1"}
    assert ledger.run(run).state == "running"
    assert [delivery.delivery_id for delivery in ledger.unfinished()] == ["d1"]
    assert ledger.run_outcomes(run).empty
    assert ledger.accounts("demo").empty


def test_ord_81_an_error_names_some_of_many_records(ledger):
    many = [f"shop/{number:03}" for number in range(200)]
    send(ledger, "d1", records(*many))
    with pytest.raises(AlreadyExchangedError, match="200 record") as caught:
        send(ledger, "d2", records(*many))
    assert "shop/009" in str(caught.value)
    assert "shop/010" not in str(caught.value)


def test_ord_61_changed_content_takes_the_place_of_the_one_it_names(ledger):
    first = send(ledger, "d1", records("shop/1", "shop/2"))
    second = send(ledger, "d2", records("shop/1", content="v2", replaces="v1"))
    assert known(ledger) == {"shop/1": "v2 of shop/1", "shop/2": "v1 of shop/2"}
    assert table(ledger.exchanged("demo", "order"), "record_key", "run_id") == [("shop/1", second), ("shop/2", first)]
    assert "exchanged" in set(ledger.run_outcomes(first)["code"])  # what the first run did stays told


@pytest.mark.parametrize(("exchanged", "replaces"), [("v2", "v1"), (None, "v1")])
def test_ord_61_content_that_changed_meanwhile_is_not_replaced(ledger, exchanged, replaces):
    send(ledger, "d0", records("shop/7"))
    if exchanged:
        send(ledger, "d1", records("shop/1", content=exchanged))
    before = known(ledger)
    with pytest.raises(AlreadyExchangedError, match="shop/1"):
        send(ledger, "d2", records("shop/1", "shop/2", content="v3", replaces=replaces))
    assert known(ledger) == before


def test_profiles_and_record_types_do_not_meet(ledger):
    send(ledger, "d1", records("shop/1"))
    send(ledger, "d2", records("shop/1"), profile="other")
    send(ledger, "d3", records("shop/1").assign(record_type="refund"))
    assert table(ledger.exchanged_counts(), "profile", "record_type", "records") == [
        ("demo", "order", 1),
        ("demo", "refund", 1),
        ("other", "order", 1),
    ]


def test_inv_1_totals_are_kept_to_the_millionth_and_may_be_missing(ledger):
    large = records("shop/1", total="9000000000000.000001")
    send(ledger, "d1", large)
    send(ledger, "d2", records("shop/2").assign(total_incl=RECORDS.empty()["total_incl"].reindex([0])))
    with ledger._database.reading() as connection:
        found = connection.exec_driver_sql("SELECT total_incl FROM records ORDER BY record_key").scalars().all()
    assert found == [money.of("9000000000000.000001"), None]


def test_cus_9_accounts_are_remembered_and_their_particulars_kept_up(ledger):
    first = send(ledger, "d1", records("shop/1"), accounts=accounts(alice="P1", bob="P2"))
    changed = accounts(alice="P1", carol="P3").assign(email="new@example.org", accounting_account="411000")
    second = send(ledger, "d2", records("shop/2"), accounts=changed)
    columns = ["customer_key", "customer_code", "email", "accounting_account", "run_id"]
    assert table(ledger.accounts("demo"), *columns) == [
        ("shop/alice", "P1", "new@example.org", "411000", first),
        ("shop/bob", "P2", "bob@example.org", "", first),
        ("shop/carol", "P3", "new@example.org", "411000", second),
    ]
    assert ledger.accounts("other").empty


def test_cus_1_buyers_that_are_one_customer_share_an_account_and_may_get_another(ledger):
    send(ledger, "d1", records("shop/1"), accounts=accounts(alice="P1", bob="P2"))
    send(ledger, "d2", records("shop/2"), accounts=accounts(carol="P1", bob="P9"))
    assert table(ledger.accounts("demo"), "customer_key", "customer_code") == [
        ("shop/alice", "P1"),
        ("shop/bob", "P9"),
        ("shop/carol", "P1"),
    ]


def test_cus_2_profiles_have_accounts_of_their_own(ledger):
    send(ledger, "d1", records("shop/1"), accounts=accounts(alice="P1"))
    send(ledger, "d2", records("shop/1"), accounts=accounts(bob="P1"), profile="other")
    assert table(ledger.accounts("other"), "customer_key") == [("shop/bob",)]


def test_a_delivery_of_another_run_is_not_prepared_again(ledger):
    send(ledger, "d1", records("shop/1"))
    with pytest.raises(WrongStateError, match="d1"):
        send(ledger, "d1", records("shop/2"))


@pytest.mark.parametrize(
    ("prepared", "reason"),
    [
        (Prepared(records=records("shop/1")), "nothing is sent"),
        (Prepared(parcel=parcel("d1"), records=records("shop/1", "shop/1")), "stand twice"),
        (Prepared(accounts=accounts(a="P1").loc[[0, 0]]), "stand twice"),
        (
            Prepared(
                parcel=parcel("d1"),
                records=records("shop/1"),
                outcomes=outcome.said("delivery-abandoned", ["shop/1"], record_type="order", stage="map"),
            ),
            "sent and refused",
        ),
    ],
)
def test_what_contradicts_itself_is_not_prepared(ledger, prepared, reason):
    run = ledger.start_run("demo", "orders")
    with pytest.raises(ValueError, match=reason):
        ledger.prepare(run, prepared)
    assert ledger.run(run).state == "running"


@pytest.mark.parametrize(
    "prepared",
    [
        Prepared(records=RECORDS.empty().drop(columns="replaces")),
        Prepared(effects=effects().assign(more="")),
        Prepared(accounts=accounts().drop(columns="email")),
        Prepared(outcomes=outcome.none().drop(columns="params")),
    ],
)
def test_tables_are_checked_at_the_border(ledger, prepared):
    run = ledger.start_run("demo", "orders")
    with pytest.raises(TypeError):
        ledger.prepare(run, prepared)


def test_a_remark_on_a_record_that_is_sent_is_no_refusal(ledger):
    said = outcome.said("exchanged", ["shop/1"], record_type="order", stage="map")
    other_type = outcome.said("delivery-abandoned", ["shop/1"], record_type="customer", stage="map")
    run = send(ledger, "d1", records("shop/1"), outcomes=outcome.together([said, other_type]))
    assert len(ledger.run_outcomes(run)) == 3


def test_a_large_run_is_a_handful_of_statements(ledger):
    """Design decision 1: 30 000 orders are no 30 000 statements, and come back as they went in."""
    import sqlalchemy as sa

    statements = []
    keys = [f"shop/{number}" for number in range(30_000)]
    sent, run = records(*keys), ledger.start_run("demo", "orders")
    sa.event.listen(ledger._database._writing, "before_cursor_execute", lambda *given: statements.append(given[2]))
    ledger.prepare(run, Prepared(parcel=parcel("d1"), records=sent))
    assert len(statements) < 20
    found = ledger.exchanged("demo", "order").set_index("record_key").loc[keys, "content_hash"]
    assert found.to_list() == sent["content_hash"].to_list()
    assert len(ledger.run_outcomes(run)) == 30_000


@pytest.mark.parametrize("sizes", [(4,), (3, 0, 5, 1)])
def test_design_5_rows_of_a_table_in_pieces_are_picked_in_their_order(sizes):
    pieces = [
        pd.DataFrame({"key": pd.Series([f"é{number}-{row}" for row in range(size)], dtype="str"), "count": size})
        for number, size in enumerate(sizes)
    ]
    table = pd.concat(pieces, ignore_index=True).assign(before=lambda all_: all_["key"].mask(all_["count"] == 5))
    rows = np.array([3, 0, 2, *range(4, len(table))][::-1])
    pd.testing.assert_frame_equal(_picked(table, rows), table.take(rows).reset_index(drop=True))
