"""A bookkeeper's month: 2,000 orders of two shops in 31 nights, some of which go wrong, against the shops' own books.

The shops charge by rules of their own (``till``), the files are read back as the ERP reads them (``books``).
"""

from __future__ import annotations

from collections import Counter

import pytest
from books import by_rate, compare, expected, found, summed
from checked import assert_imports
from month import CURRENCIES, two_shops
from replay import Fault, Replay
from till import ZERO, rounded

from passerelle import outcome
from passerelle.ebp.chosen import Chosen
from passerelle.ebp.extracts import Extracts
from passerelle.profile.loader import load

SEED, ORDERS = 20250717, 2000
FAULTS = {
    2: Fault("killed", "passerelle.ledger.ledger:Ledger.claim", "after"),
    4: Fault("unreachable"),
    6: Fault("skipped"),
    8: Fault("killed", "passerelle.ledger.ledger:Ledger.prepare", "after"),
    10: Fault("twice"),
    12: Fault("killed", "passerelle.storage.local:LocalStorage._renamed", "after"),
    14: Fault("at once"),
    16: Fault("unreachable"),
    17: Fault("skipped"),
    19: Fault("killed", "passerelle.run.intake:put_away", "before"),
    22: Fault("killed", "passerelle.run.orders:exchange_orders", "after"),
    25: Fault("unreachable"),
    27: Fault("killed", "passerelle.ledger.ledger:Ledger.delivered", "before"),
    29: Fault("skipped"),
}
"""What goes wrong, by day; the worst time for PrestaShop's files is when they have been replaced since."""


@pytest.fixture(scope="module")
def shops():
    return two_shops(SEED, ORDERS)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory, shops):
    """Play the month without any fault."""
    replay = Replay(tmp_path_factory.mktemp("quiet"), shops)
    replay.play({})
    return replay


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory, shops):
    """Play the month with all its faults."""
    replay = Replay(tmp_path_factory.mktemp("disturbed"), shops)
    replay.play(FAULTS)
    return replay


@pytest.fixture(scope="module", params=["quiet", "disturbed"])
def replay(request):
    return request.getfixturevalue(request.param)


def entries(replay):
    """Give the documents of all zips by number; none stands in two."""
    listed = [entry for data in replay.zips().values() for entry in found(data)]
    by_number = {entry.number: entry for entry in listed}
    assert len(by_number) == len(listed), "a document was delivered twice"
    return by_number


def test_inv_1_ord_27_ord_61_the_files_are_what_the_shops_books_demand(replay, shops):
    """Document by document, and so by day, by mode and by VAT rate, to the cent."""
    ours, theirs = expected(shops), entries(replay)
    assert theirs.keys() == ours.keys()
    assert [line for number in ours for line in compare(ours[number], theirs[number])] == []
    assert summed(theirs.values(), "day", "mode") == summed(ours.values(), "day", "mode")
    left = Counter(dict.fromkeys(CURRENCIES, ZERO))
    for (_, currency), amount in by_rate(ours.values()).items():
        left[currency] += amount
    for (_, currency), amount in by_rate(theirs.values()).items():
        left[currency] -= amount
    for entry in theirs.values():
        left[entry.currency] -= entry.sign * entry.rounding
    # Shares of a voucher are no decimals: beyond the sixth there is noise.
    assert {rounded(amount, 6) for amount in left.values()} == {0}, "Écart lines carry what the rates lack of the books"


def test_ord_8_ord_81_inv_2_every_order_ended_once_and_stands_in_one_delivery(replay, shops):
    theirs = {number: name for name, data in replay.zips().items() for number in (e.number for e in found(data))}
    with replay.ledger() as ledger:
        assert ledger.unfinished("test") == []
        assert len(ledger.open_origins("test")) == 0, "nothing waits"
        exchanged = ledger.exchanged("test", "order").set_index("record_key")
        refunds = ledger.exchanged("test", "refund")
        last = {}
        for run in reversed(ledger.runs("test", 1000)):
            said = ledger.run_outcomes(run.run_id)
            of_orders = said[said["record_type"] == "order"]
            last |= outcome.final_states(of_orders, of_orders["record"].unique()).to_dict()
    for shop in shops:
        for order in shop.orders:
            key = f"{shop.name}/{order.number}"
            assert (key in exchanged.index) == bool(order.kind), key
            if order.kind:
                numbers = exchanged.loc[key, "document_number"].split(", ")
                assert {theirs[number] for number in numbers} == {exchanged.loc[key, "files"]}, key
            else:
                assert last[key] == "ignored", key
    assert len(refunds) == sum(len(order.refunds) for shop in shops for order in shop.orders)


def test_ebp_3_ebp_takes_every_delivery_after_those_before_it(disturbed):
    """With the codes that it has and the numbers it took: there is nothing to say but what is associated by hand."""
    chosen = Chosen.by(load(disturbed.home / "profile.toml"))
    extracts = chosen.read_extracts()
    numbers = set()
    for data in disturbed.zips().values():
        known = Extracts({**extracts.codes, "documents": frozenset(numbers)}, extracts.vat_rates)
        check = assert_imports(data, known, chosen.conventions())
        assert set(check.findings["code"]) <= {"ebp-column-not-associated"}
        assert check.unchecked == ()
        numbers.update(one.number for one in check.documents)
    assert numbers == entries(disturbed).keys()


def test_rel_1_a_month_of_faults_ends_as_one_without(quiet, disturbed):
    calm, rough = entries(quiet), entries(disturbed)
    assert rough == calm
    assert len(disturbed.zips()) < len(quiet.zips()), "a skipped night has no delivery"
