"""What is to be done in the shop afterwards: marks, numbers, stock, errors, accounts."""

from __future__ import annotations

import pytest
from exchange_given import accounts, address, exchanged, guest, line, order

from passerelle import outcome
from passerelle.exchange import effects
from passerelle.exchange.options import AfterwardsOptions

TAG = {"mark": {"by": "tag"}}


def rows(table) -> list[tuple[str, str, str]]:
    return [tuple(row) for row in table[["order_key", "kind", "value"]].to_numpy().tolist()]


def failed(*records: str, code: str = "unknown-article"):
    return outcome.said(code, records, record_type="order", stage="exchange")


class TestOrd80:
    def test_the_status_of_the_table_is_set(self):
        made = exchanged(
            order("1", line("A", excl="1")), mappings={"statuses": [("*", "yes", "invoice", "", "Expédiée")]}
        )
        assert rows(made.effects) == [("boutique/1", "set-status", "Expédiée")]

    def test_nothing_else_is_done_unless_asked(self):
        assert exchanged(order("1", line("A", excl="1"))).effects.empty

    @pytest.mark.parametrize(
        ("mark", "value"),
        [
            ({"by": "tag"}, "tag:Exporté"),
            ({"by": "tag", "exported": "dans EBP"}, "tag:dans EBP"),
            ({"by": "field", "field": "erp"}, "field:erp=Exporté"),
            ({"by": "status"}, None),
            ({"by": "tag", "by_shop": {"boutique": "none"}}, None),
            ({"by_shop": {"boutique": "tag"}}, "tag:Exporté"),
        ],
    )
    def test_an_exported_order_is_marked_as_its_shop_shows_it(self, mark, value):
        made = exchanged(order("1", line("A", excl="1")), afterwards={"mark": mark})
        assert rows(made.effects) == ([("boutique/1", "mark-exported", value)] if value else [])

    def test_number_and_stock_are_sent_order_by_order(self):
        made = exchanged(
            order("1", line("A", excl="1"), line("B", excl="1"), line("A", excl="1")),
            order("2", line("", excl="1")),
            order("3", line("C", excl="1")),
            number="%SH-%OI",
            afterwards={"send_number": True, "send_stock": True},
        )
        assert rows(made.effects) == [
            ("boutique/1", "set-number", "boutique-1"),
            ("boutique/1", "send-stock", "A\nB"),
            ("boutique/3", "set-number", "boutique-3"),
            ("boutique/3", "send-stock", "C"),
        ]

    def test_grouped_orders_are_told_each_with_the_number_of_their_document(self):
        made = exchanged(
            order("1", line("A", excl="1")),
            order("2", line("B", excl="1")),
            grouping={"orders": "all", "account": "WEB"},
            afterwards={**TAG, "send_number": True, "send_stock": True},
        )
        assert rows(made.effects) == [
            ("boutique/1", "mark-exported", "tag:Exporté"),
            ("boutique/1", "set-number", "J20261120"),
            ("boutique/1", "send-stock", "A"),
            ("boutique/2", "mark-exported", "tag:Exporté"),
            ("boutique/2", "set-number", "J20261120"),
            ("boutique/2", "send-stock", "B"),
        ]

    def test_an_order_with_several_documents_is_told_once(self):
        cities = [address("delivery", city=city, address_id=city) for city in ("Lyon", "Nice")]
        made = exchanged(
            order(
                "1", line("A", excl="1", address_id="Lyon"), line("B", excl="1", address_id="Nice"), address(), *cities
            ),
            mappings={"statuses": [("*", "yes", "invoice", "", "Expédiée")]},
            afterwards={**TAG, "send_number": True, "send_stock": True},
        )
        assert rows(made.effects) == [
            ("boutique/1", "set-status", "Expédiée"),
            ("boutique/1", "mark-exported", "tag:Exporté"),
            ("boutique/1", "set-number", "1-1, 1-2"),
            ("boutique/1", "send-stock", "A\nB"),
        ]


class TestOrd82:
    @pytest.mark.parametrize(
        ("by", "value"),
        [
            ("tag", "tag:Erreur d'exportation"),
            ("field", "field:passerelle=Erreur d'exportation"),
            ("status", "status:Erreur d'exportation"),
        ],
    )
    def test_a_refused_order_is_marked(self, by, value):
        options = AfterwardsOptions.model_validate({"mark": {"by": by}})
        assert rows(effects.of_refused(failed("boutique/1"), [], [], options)) == [("boutique/1", "mark-error", value)]

    def test_it_is_marked_once(self):
        options = AfterwardsOptions.model_validate(TAG)
        assert rows(effects.of_refused(failed("boutique/1", "boutique/1"), [], ["boutique/1"], options)) == []

    def test_the_mark_is_taken_away_on_success(self):
        options = AfterwardsOptions.model_validate(TAG)
        gone = ("boutique/1", "clear-error", "tag:Erreur d'exportation")
        assert rows(effects.of_refused(outcome.none(), ["boutique/1"], ["boutique/1"], options)) == [gone]
        sent = failed("boutique/1", code="already-exchanged")
        assert rows(effects.of_refused(sent, [], ["boutique/1"], options)) == [gone]

    def test_an_order_of_which_nothing_is_known_keeps_its_mark(self):
        options = AfterwardsOptions.model_validate(TAG)
        outside = failed("boutique/1", code="outside-period")
        assert rows(effects.of_refused(outside, [], ["boutique/1", "boutique/2"], options)) == []

    def test_a_shop_that_shows_no_errors_gets_none(self):
        options = AfterwardsOptions.model_validate({"mark": {"by_shop": {"autre": "tag"}}})
        told = effects.of_refused(failed("boutique/1", "autre/1"), [], [], options)
        assert [row[0] for row in rows(told)] == ["autre/1"]

    def test_files_and_refunds_are_no_orders(self):
        of_file = outcome.said("unknown-article", ["boutique/a.xml"], record_type="file", stage="read")
        assert rows(effects.of_refused(of_file, [], [], AfterwardsOptions.model_validate(TAG))) == []


class TestCus9:
    def test_new_and_changed_accounts_are_sent_and_known_ones_are_not(self):
        made = exchanged(
            order("1", line("A", excl="1"), buyer="1"),
            order("2", line("A", excl="1"), buyer="2"),
            order("3", line("A", excl="1"), buyer=guest("3")),
        )
        known = accounts({"customer_key": "boutique/1", "customer_code": "PREST0001"})
        options = AfterwardsOptions(send_account=True)
        assert rows(effects.of_accounts(made.accounts, known, options)) == [("boutique/2", "set-account", "PREST0002")]
        assert effects.of_accounts(made.accounts, known, AfterwardsOptions()).empty
        changed = accounts({"customer_key": "boutique/1", "customer_code": "VIEUX"})
        assert len(effects.of_accounts(made.accounts, changed, options)) == 2
