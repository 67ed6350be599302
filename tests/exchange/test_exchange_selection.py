"""Which orders are exchanged: period, status, and what was exchanged before."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest
from exchange_given import (
    address,
    at,
    discount,
    exchanged,
    exchanged_before,
    line,
    mapping,
    order,
    row,
    said,
    sales,
    shipping,
)

from passerelle import outcome
from passerelle.exchange import selection
from passerelle.exchange.options import OrderOptions
from passerelle.exchange.selection import Window, content_hashes, next_mark, outside, window
from passerelle.model.orders import join_orders
from passerelle.outcome import message

STATUSES = [
    ("2", "oui", "order", "Accepté", "En préparation"),
    ("4", "Oui", "invoice"),
    ("6", "non", "invoice"),
    ("7", "#ignore"),
    ("8",),
    ("9", "oui", "facture"),
    ("10", "oui"),
]


def left_out(days, *orders, **options):
    outcomes = outside(sales(*orders).orders, days, OrderOptions(**options))
    assert set(outcomes["code"]) <= {"outside-period"}
    return [record.removeprefix("boutique/") for record in outcomes["record"]]


def by_status(orders, rows, **options):
    return selection.by_status(sales(*orders).orders, mapping("statuses", *rows), OrderOptions(**options))


@pytest.mark.parametrize(
    ("period", "today", "first", "last"),
    [
        ("this-week", date(2026, 11, 21), date(2026, 11, 16), date(2026, 11, 22)),
        ("this-week", date(2026, 11, 16), date(2026, 11, 16), date(2026, 11, 22)),
        ("this-week", date(2026, 11, 22), date(2026, 11, 16), date(2026, 11, 22)),
        ("this-week", date(2027, 1, 1), date(2026, 12, 28), date(2027, 1, 3)),  # ISO week 53 of 2026
        ("last-15-days", date(2026, 11, 21), date(2026, 11, 6), date(2026, 11, 21)),
        ("last-15-days", date(2026, 1, 10), date(2025, 12, 26), date(2026, 1, 10)),
        ("this-month", date(2026, 11, 21), date(2026, 11, 1), date(2026, 11, 21)),
        ("this-month", date(2026, 11, 1), date(2026, 11, 1), date(2026, 11, 1)),
        ("last-month", date(2026, 3, 31), date(2026, 2, 1), date(2026, 2, 28)),
        ("last-month", date(2028, 3, 1), date(2028, 2, 1), date(2028, 2, 29)),
        ("last-month", date(2026, 1, 15), date(2025, 12, 1), date(2025, 12, 31)),
        ("last-3-months", date(2026, 11, 21), date(2026, 8, 21), date(2026, 11, 21)),
        ("last-3-months", date(2026, 5, 31), date(2026, 2, 28), date(2026, 5, 31)),
        ("last-6-months", date(2026, 2, 28), date(2025, 8, 28), date(2026, 2, 28)),
        ("last-6-months", date(2026, 8, 31), date(2026, 2, 28), date(2026, 8, 31)),
        ("this-year", date(2026, 12, 31), date(2026, 1, 1), date(2026, 12, 31)),
        ("this-year", date(2026, 1, 1), date(2026, 1, 1), date(2026, 1, 1)),
        ("last-year", date(2026, 1, 1), date(2025, 1, 1), date(2025, 12, 31)),
        ("last-year", date(2028, 2, 29), date(2027, 1, 1), date(2027, 12, 31)),
        ("all", date(2026, 11, 21), None, None),
    ],
)
def test_ord_1_names_of_periods(period, today, first, last):
    assert window(period, today) == Window(first, last)


def test_ord_1_since_the_last_import_starts_at_the_mark_and_without_mark_takes_all():
    assert window("since-last-import", date(2026, 11, 21), date(2026, 11, 18)) == Window(date(2026, 11, 18), None)
    assert window("since-last-import", date(2026, 11, 21)) == Window()


@pytest.mark.parametrize(
    ("created", "taken"),
    [
        ("2026-11-09 23:59:59", False),
        ("2026-11-10 00:00:00", True),
        ("2026-11-12 23:59:59", True),
        ("2026-11-13 00:00:00", False),
    ],
)
def test_ord_1_an_explicit_range_has_both_its_days_whole(created, taken):
    days = Window(date(2026, 11, 10), date(2026, 11, 12))
    assert left_out(days, order("1", created_at=at(created))) == ([] if taken else ["1"])


def test_ord_1_an_open_range_has_one_end():
    orders = [order(day, created_at=at(f"2026-11-{day}")) for day in ("10", "11", "12")]
    assert left_out(Window(date(2026, 11, 11)), *orders) == ["10"]
    assert left_out(Window(None, date(2026, 11, 11)), *orders) == ["12"]


def test_ord_1_an_order_left_out_is_ignored_with_its_day_and_the_period():
    early = order("1", line("A", excl="10.00"), created_at=at("2026-10-31 12:00"))
    late = order("2", line("A", excl="10.00"), created_at=at("2026-11-01"))
    made = exchanged(early, late, days=Window(date(2026, 11, 1), date(2026, 11, 21)))
    assert made.documents["document_key"].tolist() == ["boutique/2"]
    refused = row(made, "outside-period")
    assert (refused["record"], refused["state"]) == ("boutique/1", "ignored")
    assert message(refused, "fr") == "Commande du 2026-10-31, hors de la période du 2026-11-01 au 2026-11-21."


@pytest.mark.parametrize(("option", "expected"), [("created", "1"), ("updated", "2"), ("invoiced", "3")])
def test_ord_4_the_date_that_selects_is_an_option(option, expected):
    days = {"created_at": at("2026-10-01"), "updated_at": at("2026-10-01"), "invoiced_at": at("2026-10-01")}
    orders = [order(str(number), **{**days, column: at("2026-11-15")}) for number, column in enumerate(days, 1)]
    november = Window(date(2026, 11, 1), date(2026, 11, 30))
    assert left_out(november, *orders, date=option) == sorted({"1", "2", "3"} - {expected})


def test_ord_4_an_order_without_the_date_is_left_out_of_a_period_but_not_of_all():
    assert left_out(Window(date(2026, 11, 1), None), order("1"), date="invoiced") == ["1"]
    assert left_out(Window(), order("1"), date="invoiced") == []


def test_ord_2_the_status_table_decides_on_kind_state_and_status_afterwards():
    made = exchanged(
        order("1", line("A", excl="10.00"), status="2"),
        order("2", line("A", excl="10.00"), status="4"),
        mappings={"statuses": STATUSES},
    )
    assert made.documents["document_kind"].tolist() == ["order", "invoice"]
    assert made.documents["document_state"].tolist() == ["Accepté", ""]
    assert made.effects.to_numpy().tolist() == [["boutique/1", "set-status", "En préparation"]]


@pytest.mark.parametrize(
    ("status", "code", "state"),
    [
        ("6", "status-not-selected", "ignored"),
        ("7", "ignored-by-mapping", "ignored"),
        ("8", "unmapped-status", "failed"),  # its row waits for the bookkeeper
        ("99", "unmapped-status", "failed"),
        ("9", "status-without-document", "failed"),
        ("10", "status-without-document", "failed"),
    ],
)
def test_ord_2_a_status_that_makes_no_document_says_why(status, code, state):
    found = by_status([order("1", status=status)], STATUSES)
    assert found.outcomes[["record", "code", "state", "value"]].to_numpy().tolist() == [
        ["boutique/1", code, state, status]
    ]


def test_ord_2_a_star_row_answers_for_every_other_status():
    found = by_status([order("1", status="6"), order("2", status="anything")], [("6", "non"), ("*", "oui", "quote")])
    assert found.answers["document_kind"].tolist() == ["", "quote"]
    assert found.outcomes["code"].tolist() == ["status-not-selected"]


def test_ord_2_the_profile_default_answers_where_no_row_does():
    defaults = {"statuses": {"selected": "oui", "document_kind": "delivery_note"}}
    found = by_status([order("1")], [], defaults=defaults)
    assert found.answers["document_kind"].tolist() == ["delivery_note"]
    assert found.outcomes.empty


def test_ord_2_a_status_that_is_not_selected_hides_the_order_s_other_problems():
    made = exchanged(order("1", status="6", payment_mode="unknown"), mappings={"statuses": STATUSES})
    assert said(made) == ["status-not-selected"]


SOLD = order("1", line("A", 2, excl="10.00"), shipping(excl="5.00"), discount(incl="1.00"), total="17.00")


def sent(*orders):
    """Give what the ledger knows after the orders were exchanged."""
    hashes = content_hashes(sales(*orders))
    return exchanged_before(*[(key, value, "FA0012", "erpFiles-7.zip") for key, value in hashes.items()])


def test_ord_81_rel_1_the_content_of_several_files_together_even_where_nothing_is_left_of_them():
    other = order("2", line("B", 1, excl="3.00"))
    both = join_orders([sales(SOLD), sales(other)])
    assert content_hashes(both).to_dict() == content_hashes(sales(SOLD, other)).to_dict()
    # As readers leave a column of which no row is kept: without a single chunk.
    key = ("boutique/" + both.orders["customer_key"])[[False, False]]
    nothing = both.only(set())
    assert content_hashes(replace(nothing, orders=nothing.orders.assign(customer_key=key))).to_dict() == {}


def met_again(changed, before=SOLD):
    return selection.exchanged_before(content_hashes(sales(changed)), sent(before))["code"].tolist()


def test_ord_81_the_same_order_is_ignored_with_the_file_that_had_it_and_a_changed_one_is_a_conflict():
    changed = order("2", line("A", 3, excl="10.00"))
    made = exchanged(SOLD, changed, exchanged=sent(SOLD, order("2", line("A", 2, excl="10.00"))))
    ignored, conflict = row(made, "already-exchanged"), row(made, "changed-since-exchange")
    assert (ignored["record"], ignored["state"]) == ("boutique/1", "ignored")
    assert message(ignored, "fr") == "Déjà échangée : document FA0012 dans erpFiles-7.zip."
    assert (conflict["record"], conflict["state"], conflict["value"]) == ("boutique/2", "failed", "FA0012")
    assert made.documents.empty
    assert made.contents.empty


@pytest.mark.parametrize(
    "changed",
    [
        order("1", line("A", 3, excl="10.00"), *SOLD.parts[1:], total="17.00"),
        order("1", line("A", 2, excl="11.00"), *SOLD.parts[1:], total="17.00"),
        order("1", line("B", 2, excl="10.00"), *SOLD.parts[1:], total="17.00"),
        order("1", line("A", 2, excl="10.00", rate="10"), *SOLD.parts[1:], total="17.00"),
        order("1", *SOLD.parts, line("B", excl="1.00"), total="17.00"),
        order("1", SOLD.parts[0], discount(incl="1.00"), total="17.00"),
        order("1", *SOLD.parts[:2], discount(incl="2.00"), total="17.00"),
        order("1", *SOLD.parts, address("delivery", city="Lyon"), total="17.00"),
        order("1", *SOLD.parts, total="17.01"),
        order("1", *SOLD.parts, currency="GBP", total="17.00"),
        order("1", *SOLD.parts, buyer="653", total="17.00"),
    ],
    ids=[
        "quantity",
        "price",
        "reference",
        "rate",
        "line",
        "shipping",
        "discount",
        "address",
        "total",
        "currency",
        "buyer",
    ],
)
def test_ord_81_what_was_sold_to_whom_for_how_much_is_the_content(changed):
    assert met_again(changed) == ["changed-since-exchange"]


def test_ord_81_a_change_of_status_or_dates_is_none():
    today = at("2026-11-21")
    assert met_again(order("1", *SOLD.parts, total="17.00", status="4", updated_at=today, invoiced_at=today)) == [
        "already-exchanged"
    ]


def test_ord_81_another_order_of_the_rows_is_none():
    two = order("1", line("A", excl="1.00", line_id="7"), line("B", excl="2.00", line_id="9"))
    swapped = order("1", line("B", excl="2.00", line_id="9"), line("A", excl="1.00", line_id="7"))
    assert met_again(swapped, two) == ["already-exchanged"]


def test_ord_81_the_same_texts_in_other_columns_are_another_content():
    left = order("1", line("A", excl="1.00"), address("billing", line_1="x", line_2=""))
    right = order("1", line("A", excl="1.00"), address("billing", line_1="", line_2="x"))
    assert met_again(right, left) == ["changed-since-exchange"]


def test_ord_81_what_went_out_is_remembered_by_its_content():
    other = order("2", line("A", excl="1.00"), status="none")
    made = exchanged(SOLD, other, mappings={"statuses": [("2", "oui", "invoice")]})
    assert made.contents.to_dict() == content_hashes(sales(SOLD)).to_dict()


@pytest.mark.parametrize(
    ("code", "mark"), [("beyond-batch", date(2026, 11, 18)), ("day-not-finished", date(2026, 11, 21))]
)
def test_pro_4_ord_1_the_mark_of_the_last_import_does_not_pass_what_waits_for_another_run(code, mark):
    dates = pd.to_datetime(pd.Series({"boutique/1": "2026-11-18", "boutique/2": "2026-11-20"}))
    told = outcome.said(code, ["boutique/1"], record_type="order", stage="select", value="1")
    assert next_mark(dates, told, Window(), None, date(2026, 11, 21)) == mark
