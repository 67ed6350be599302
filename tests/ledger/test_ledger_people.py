"""Who a person is in the ledger, and what goes when they are forgotten."""

from __future__ import annotations

from ledger_makers import accounts, effects, parcel, records

from passerelle import outcome
from passerelle.ledger.entries import VALUES, Prepared


def exchange(ledger) -> str:
    """Anne and Luc share the account of their company; Zoe ordered twice, once as a guest."""
    given = accounts(anne="C1", luc="C1", zoe="C2", **{"order-9": "G9"})
    given.loc[given["customer_key"] == "shop/order-9", "email"] = "Zoe@example.org"
    given.loc[given["customer_code"] == "C1", "siret"] = "73282932000074"
    said = [
        outcome.said("invalid-siret", ["shop/9", "shop/1"], record_type="order", stage="exchange", value="12"),
        outcome.said("cell-unlike-pattern", ["f:2"], record_type="row", stage="read", value="zoe@example.org"),
        outcome.said("cell-unlike-pattern", ["f:3"], record_type="row", stage="read", value="mazoe@example.org"),
    ]
    run = ledger.start_run("demo", "orders")
    ledger.prepare(
        run,
        Prepared(
            parcel=parcel("d1"),
            records=records("shop/1", "shop/9"),
            accounts=given,
            outcomes=outcome.together(said),
            effects=effects(ozoe="C2"),
        ),
    )
    ledger.delivered("d1")
    return run


def tell(ledger, **values: str) -> None:
    run = ledger.start_run("demo", "customers")
    told = VALUES.of({"kind": "customer", "key": key, "value": value} for key, value in values.items())
    ledger.prepare(run, Prepared(parcel=replace_shop(parcel("d2")), values=told))
    ledger.delivered("d2")


def replace_shop(sent):
    return type(sent)(sent.delivery_id, sent.place, sent.folder, sent.manifest_name, sent.files, shop="a")


def emails(ledger) -> dict[str, str]:
    return ledger.accounts("demo").set_index("customer_key")["email"].to_dict()


def test_sec_5_what_is_shared_is_nobodys_alone(ledger):
    exchange(ledger)
    tell(ledger, C1='{"email":"office@example.org"}', **{"C1/7": '{"customer_code":"C1","email":"luc@example.org"}'})
    luc = ledger.people.find("demo", "LUC@example.org ")
    assert (luc.keys, luc.codes, luc.shared_codes, luc.numbers) == (("shop/luc",), (), ("C1",), ())
    assert luc.logins == (("a", "C1/7"),)
    company = ledger.people.find("demo", "C1")
    assert (company.keys, company.codes) == (("shop/anne", "shop/luc"), ("C1",))
    assert (company.numbers, company.logins) == (("73282932000074",), (("a", "C1"), ("a", "C1/7")))
    assert not ledger.people.find("demo", "c1@example.org").is_known
    assert not ledger.people.find("other", "luc@example.org").is_known
    assert ledger.people.forget("demo", luc, luc.records, by="me") == {"accounts": 1, "told": 1, "outcomes": 0}
    assert emails(ledger)["shop/anne"] == "anne@example.org"
    assert emails(ledger)["shop/luc"] == ""
    values = ledger.sent_values("demo", "a", "customer").set_index("key")["value"].to_dict()
    assert values == {"C1": '{"email":"office@example.org"}', "C1/7": '{"customer_code":"C1"}'}


def test_sec_5_what_was_said_of_a_person_goes_but_not_that_it_was_exchanged(ledger):
    run = exchange(ledger)
    zoe = ledger.people.find("demo", "shop/zoe")
    assert (zoe.keys, zoe.codes) == (("shop/order-9", "shop/zoe"), ("C2", "G9"))
    kept = ledger.people.kept("demo", zoe, zoe.records)
    assert [row["record_key"] for row in kept["records"]] == ["shop/9"]
    assert [row["record"] for row in kept["outcomes"]] == ["shop/9", "f:2"]
    assert [(row["kind"], row["value"]) for row in kept["effects"]] == []
    assert ledger.people.of_documents("demo", {run: {"W1", "W7"}, "another": {"W9"}}) == {("order", "shop/1")}
    counts = ledger.people.forget("demo", zoe, zoe.records, by="me")
    assert counts == {"accounts": 2, "told": 0, "outcomes": 2}
    said = ledger.run_outcomes(run)
    assert list(said["record"]) == ["shop/1", "f:3", "shop/1", "shop/9"]
    assert len(ledger.exchanged("demo", "order")) == 2
    assert not ledger.people.find("demo", "zoe@example.org").is_known
    assert [entry.record for entry in ledger.audit()] == ["shop/order-9", "shop/zoe"]
    assert ledger.people.forget("demo", zoe, zoe.records, by="me")["outcomes"] == 0


def test_jou_3_what_was_forgotten_since_still_counts(ledger, clock):
    exchange(ledger)
    tell(ledger, C1='{"email":"office@example.org"}')
    assert ledger.first_action("demo") == clock.now
    counts = ledger.sent_counts("demo", clock.now)
    assert counts[["shop", "kind", "records"]].to_numpy().tolist() == [["", "order", 2], ["a", "customers", 0]]
    ledger.forget("demo", "order", ["shop/1"], by="me")
    assert ledger.sent_counts("demo")["records"].sum() == 2
    clock.advance(days=1)
    assert ledger.sent_counts("demo", clock.now).empty
    assert ledger.actions("demo", clock.now) == []
