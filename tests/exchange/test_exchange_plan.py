"""The plan of a run as a table: made of what the run would write, so that it can promise nothing else."""

from __future__ import annotations

import pandas as pd
from exchange_given import (
    UNCHECKED,
    accounts,
    address,
    context,
    erp_customers,
    line,
    order,
    payment,
    refund,
    sales,
    shipping,
)
from hypothesis import given
from hypothesis import strategies as st

from passerelle import money
from passerelle.exchange.changes import to_keep
from passerelle.exchange.orders import Context, Exchange, exchange_orders
from passerelle.exchange.plan import Before, counted, moved, of_orders
from passerelle.model.plan import ACTIONS, DIRECTIONS, PLAN
from passerelle.run.plans import as_text

NO_EFFECTS = pd.DataFrame({name: pd.Series(dtype="str") for name in ("record_key", "kind", "value")})
FIELDS = ("name", "billing_line_1", "billing_postcode", "billing_city", "billing_email")


def planned(made: Exchange, given: Context, effects: pd.DataFrame | None = None, **statuses: str) -> pd.DataFrame:
    """Give the plan of an exchange; statuses by order id."""
    wanted = made.effects.rename(columns={"order_key": "record_key"}) if effects is None else effects
    known = pd.Series({f"boutique/{number[1:]}": status for number, status in statuses.items()}, dtype="str")
    plan = of_orders(made, made.outcomes, wanted, Before(known, given.accounts, given.erp_customers, FIELDS))
    assert set(plan["action"]) <= set(ACTIONS)
    assert set(plan["direction"]) <= set(DIRECTIONS)
    return PLAN.check(plan)


def plan_of(*orders, **told) -> pd.DataFrame:
    given = context(**told)
    return planned(exchange_orders(sales(*orders), given), given)


def rows(plan: pd.DataFrame, *columns: str, **wanted: str) -> list[tuple[str, ...]]:
    """Give the rows with some values, by some columns, as text."""
    chosen = as_text(plan)
    for name, value in wanted.items():
        chosen = chosen[chosen[name] == value]
    return list(chosen[list(columns)].itertuples(index=False, name=None))


def test_pre_1_documents_and_customers_are_told_with_number_date_account_and_total():
    plan = plan_of(
        order("187", line("A", 2, excl="100.00"), shipping(excl="5.00")),
        order("188", line("A", excl="10.00"), refund("7", incl="12.00"), buyer="653"),
    )
    columns = ("record_type", "record", "document_kind", "document_number", "document_date", "customer_code", "amount")
    assert rows(plan, *columns, action="create", direction="add-to-erp")[:3] == [
        ("order", "boutique/187", "invoice", "187", "2026-11-20", "PREST0652", "126.00"),
        ("order", "boutique/188", "invoice", "188", "2026-11-20", "PREST0653", "12.00"),
        ("refund", "boutique/188/refund-7", "credit_note", "AV7", "2026-11-20", "PREST0653", "12.00"),
    ]
    assert rows(plan, "record", "customer_code", "new", record_type="customer") == [
        ("boutique/652", "PREST0652", "DOE John"),
        ("boutique/653", "PREST0653", "DOE John"),
    ]


def test_pre_1_ord_70_a_grouped_document_is_told_with_each_order_and_counted_once():
    days = [
        order(str(number), line("A", excl="10.00"), created_at=pd.Timestamp("2026-11-20 10:00")) for number in (1, 2)
    ]
    plan = plan_of(*days, grouping={"orders": "all", "account": "CAISSE"})
    assert rows(plan, "record", "document_number", "amount", document_kind="invoice") == [
        ("boutique/1", "J20261120", "24.00"),
        ("boutique/2", "J20261120", "24.00"),
    ]
    [count] = counted(plan).to_dict("records")
    assert (count["what"], count["count"], count["amount"]) == ("invoice", 1, money.of("24.00"))


def test_pre_1_ord_61_a_changed_invoice_is_a_credit_note_and_a_new_invoice():
    before = context(changes="reverse")
    made = exchange_orders(sales(order("1", line("A", excl="10.00"))), before)
    known = pd.DataFrame(
        {
            "record_key": made.contents.index,
            "content_hash": made.contents.to_numpy(),
            "document_kind": "invoice",
            "document_number": "1",
            "file_name": "erpFiles.zip",
        }
    )
    after = context(
        changes="reverse",
        exchanged=known,
        sent=to_keep(made.documents, made.lines, made.settlements, made.sources),
        accounts=made.accounts,
    )
    plan = planned(exchange_orders(sales(order("1", line("A", excl="20.00"))), after), after)
    assert sorted(rows(plan, "record", "document_kind", "document_number", "amount", direction="add-to-erp"))[:2] == [
        ("boutique/1", "credit_note", "1-R", "12.00"),
        ("boutique/1", "invoice", "1-V2", "24.00"),
    ]


def test_pre_1_cus_4_addresses_of_known_customers_are_told_field_by_field():
    known = {"customer_code": "CL1", "name": "DOE J.", "email": "boutique/652@example.fr", "billing_city": "Bern"}
    plan = plan_of(
        order("1", line("A", excl="10.00"), address(city="Zürich", line_1="1 rue d'Été 🎁")),
        erp_customers=erp_customers({**known, "billing_postcode": "75002"}),
        customers={"update_billing_address": True},
    )
    assert rows(plan, "record", "customer_code", "field", "old", "new", direction="update-erp") == [
        ("boutique/652", "CL1", "name", "DOE J.", "DOE John"),
        ("boutique/652", "CL1", "billing_line_1", "", "1 rue d'Été 🎁"),
        ("boutique/652", "CL1", "billing_city", "Bern", "Zürich"),
    ]
    assert rows(plan, "action", "customer_code", direction="remember") == [("create", "CL1")]


def test_pre_1_cus_9_an_account_that_is_remembered_otherwise_is_told_old_and_new():
    remembered = accounts({"customer_key": "boutique/652", "customer_code": "VIEUX", "email": "a@example.fr"})
    given = context(
        accounts=remembered, erp_customers=erp_customers({"customer_code": "NEUF", "email": "boutique/652@example.fr"})
    )
    made = exchange_orders(sales(order("1", line("A", excl="10.00"))), given)
    wanted = pd.DataFrame([("boutique/652", "set-account", "NEUF")], columns=list(NO_EFFECTS))
    plan = planned(made, given, wanted)
    assert rows(plan, "field", "old", "new", direction="remember") == [
        ("customer_code", "VIEUX", "NEUF"),
        ("email", "a@example.fr", "boutique/652@example.fr"),
    ]
    assert rows(plan, "record_type", "record", "field", "old", "new", direction="update-shop") == [
        ("customer", "boutique/652", "set-account", "VIEUX", "NEUF")
    ]


def test_pre_1_ord_80_what_is_set_in_the_shop_is_told_with_the_status_that_stands_there():
    given = context(
        mappings={"statuses": [("*", "yes", "invoice", "", "5")]},
        afterwards={"mark": {"by": "tag"}, "send_number": True},
    )
    made = exchange_orders(sales(order("1", line("A", excl="10.00"))), given)
    assert rows(planned(made, given, _1="2"), "field", "old", "new", direction="update-shop") == [
        ("set-status", "2", "5"),
        ("mark-exported", "", "tag:Exporté"),
        ("set-number", "", "1"),
    ]


def test_pre_1_what_goes_nowhere_is_told_with_all_its_reasons_in_both_languages():
    plan = plan_of(
        order("1", line("A", excl="10.00", rate="17"), payment("12.00"), carrier="Traîneau"),
        order("2", line("A", excl="10.00"), status="9"),
        mappings={"statuses": [("2", "yes", "invoice"), ("9", "no", "")], "carriers": [("DHL", "COLIS")]},
        vat=UNCHECKED,
    )
    refused = rows(plan, "record", "code", "reason_fr", "reason_en", action="refuse")
    assert {(record, code) for record, code, *_ in refused} == {
        ("boutique/1", "unmapped-tax"),
        ("boutique/1", "unmapped-carrier"),
    }
    assert all(french and english and french != english for *_, french, english in refused)
    assert rows(plan, "record", "code", action="ignore") == [("boutique/2", "status-not-selected")]
    assert {(row["action"], row["count"]) for row in counted(plan).to_dict("records")} == {("refuse", 1), ("ignore", 1)}


def test_pre_1_a_plan_of_nothing_is_empty():
    assert plan_of().empty
    assert counted(plan_of()).empty


ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(ACTIONS), st.sampled_from("xyz")), max_size=6)


def text_of(some: list[tuple[str, str, str]]) -> pd.DataFrame:
    """Give a plan as text."""
    rows = [{"record_type": "order", "record": one, "action": action, "new": new} for one, action, new in some]
    return as_text(PLAN.of(rows))


@given(ROWS, ROWS)
def test_pre_1_a_plan_is_true_as_long_as_the_same_is_done_with_the_same_records(before, after):
    def done(some):
        return {one: sorted(each[1:] for each in some if each[0] == one and each[1] != "ignore") for one in "abc"}

    first, second = done(before), done(after)
    found = moved(text_of(before), text_of(after))
    wanted = {one: (bool(first[one]), bool(second[one])) for one in "abc" if first[one] != second[one]}
    assert sorted(found.gone) == [f"order {one}" for one, (_, still) in wanted.items() if not still]
    assert sorted(found.new) == [f"order {one}" for one, (was, _) in wanted.items() if not was]
    assert sorted(found.changed) == [f"order {one}" for one, both in wanted.items() if all(both)]


def test_pre_1_what_the_table_does_not_show_moves_a_plan_too():
    def plan(article="A", settlement="CB", phone=""):
        return as_text(
            plan_of(
                order("1", line(article, excl="10.00"), payment("12.00"), address(phone=phone)),
                mappings={"payment_modes": [("*", "*", settlement, "CARTE")]},
                settlements={"create": True},
            )
        )

    said = plan()
    assert moved(said, plan(article="B")).changed == ["order boutique/1"]
    assert moved(said, plan(settlement="VIREMENT")).changed == ["order boutique/1"]
    assert sorted(moved(said, plan(phone="0600000000")).changed) == ["customer boutique/652", "order boutique/1"]


def test_pre_1_a_record_that_is_ignored_otherwise_moves_nothing():
    def plan(*statuses: str):
        each_one = [order(str(number), line("A", excl="10.00"), status=one) for number, one in enumerate(statuses)]
        return as_text(plan_of(*each_one, mappings={"statuses": [("2", "yes", "invoice"), ("*", "no", "")]}))

    assert not moved(plan("2", "9"), plan("2", "8", "8")).records
    assert moved(plan("2", "9"), plan("2", "2")).new == ["order boutique/1"]
