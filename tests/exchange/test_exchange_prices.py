"""The ERP's prices as a shop wants them: tax, promotions, groups, customers, quantities, days (PRI-1 to PRI-4)."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from passerelle import money
from passerelle.exchange.price_files import price_rows, price_values, removed, specific_values
from passerelle.exchange.prices import Ability, Buyers, Special, article_prices, special_prices, with_tax_as
from passerelle.exchange.shop_options.prices import PriceOptions
from passerelle.model.catalogue import CATALOGUE
from passerelle.model.prices import ERP_PRICES

TODAY = date(2026, 11, 21)
DATED = Ability(ahead=True, ends=True, customers=("customer_code",))
UNDATED = Ability(ahead=False, ends=False, customers=("customer_code",))
BUYERS = Buyers(
    {"price-category/PRO": "Pros", "family/WEB": "Web", "price-category/VIP": "Pros"}, {"C1": "a@b.fr"}, {"C1": ["17"]}
)


def number(value):
    return pd.NA if value is None else money.of(value)


def article(name="A", excl=None, incl=None, rate="20"):
    return {"article": name, "price_excl": number(excl), "price_incl": number(incl), "tax_rate": number(rate)}


def row(name="A", *, quantity=None, excl=None, incl=None, percent=None, first=None, last=None, **target):
    days = {"valid_from": first and pd.Timestamp(first), "valid_to": last and pd.Timestamp(last)}
    amounts = {"quantity_from": quantity, "price_excl": excl, "price_incl": incl, "discount_rate": percent}
    return {"article": name, **days, **{key: number(value) for key, value in amounts.items()}, **target}


def told(*rows, articles=None, sale=DATED, specific=DATED, buyers=BUYERS, **options) -> Special:
    chosen = PriceOptions(**options)
    prices, wrong = article_prices(CATALOGUE.of(articles or [article(excl="100")]), chosen)
    assert wrong.empty
    return special_prices(ERP_PRICES.of(rows), prices, chosen, buyers, sale, specific, today=TODAY, currency="EUR")


def amounts(table, column):
    return [None if pd.isna(value) else money.shortest(value) for value in table[column]]


@pytest.mark.parametrize(
    ("given", "includes_tax", "price"),
    [
        (article(excl="41.67", incl="50"), False, "41.67"),
        (article(excl="41.67", incl="50"), True, "50"),
        (article(excl="12.34"), True, "14.81"),  # 14.808
        (article(excl="4.5", rate="5.5"), True, "4.75"),  # 4.7475
        (article(incl="19.99"), False, "16.658333"),
        (article(incl="0.05", rate="2.1"), False, "0.048972"),
        (article(excl="12.345678", rate=None), False, "12.345678"),
    ],
)
def test_pri_1_a_price_is_as_the_erp_tells_it_else_computed_by_the_rate(given, includes_tax, price):
    found, wrong = article_prices(CATALOGUE.of([given]), PriceOptions(includes_tax=includes_tax))
    assert (amounts(found, "price"), len(wrong)) == ([price], 0)


def test_pri_1_decimals_are_the_shops():
    [excl] = amounts(article_prices(CATALOGUE.of([article(incl="19.99")]), PriceOptions(decimals=2))[0], "price")
    [incl] = amounts(
        article_prices(CATALOGUE.of([article(excl="12.34")]), PriceOptions(includes_tax=True, decimals=3))[0], "price"
    )
    assert (excl, incl) == ("16.66", "14.808")


def test_pri_1_an_article_without_a_price_above_zero_is_refused():
    table = CATALOGUE.of(
        [article("A"), article("B", incl="5", rate=None), article("C", excl="0"), article("D", excl="-1")]
    )
    _, wrong = article_prices(table, PriceOptions())
    assert dict(zip(wrong["record"], wrong["code"], strict=True)) == {
        "A": "price-missing", "B": "price-rate-unknown", "C": "price-not-positive", "D": "price-not-positive"
    }  # fmt: skip


PRICES = st.decimals("0.01", "99999", places=2)
RATES = st.sampled_from(["20", "10", "5.5", "2.1", "0", "8.5", "25.5"])


@given(PRICES, RATES)
def test_pri_1_including_and_excluding_tax_come_back_within_the_unit_of_rounding(price, rate):
    """Told with six decimals, the shop finds the very price including tax again; with two, within a cent of tax."""
    columns = [pd.Series([number(value)], dtype="Int64") for value in (price, rate)]
    none = pd.Series([pd.NA], dtype="Int64")
    excl = with_tax_as(none, *columns, includes_tax=False, decimals=6)
    assert with_tax_as(excl, none, columns[1], includes_tax=True, decimals=2).tolist() == columns[0].tolist()
    cents = with_tax_as(none, *columns, includes_tax=False, decimals=2)
    back = with_tax_as(cents, none, columns[1], includes_tax=True, decimals=2)
    assert abs(back[0] - columns[0][0]) <= money.of("0.01")


@given(PRICES, RATES, st.decimals(0, "99.9", places=1), st.booleans(), st.booleans(), st.integers(0, 6))
def test_pri_1_pri_2_prices_are_exact_and_rounded_once(price, rate, less, is_incl, includes_tax, decimals):
    """Computed again in fractions: no binary float, no second rounding on the way."""
    exact = Fraction(price) * (100 - Fraction(less)) / 100
    factor = (100 + Fraction(rate)) / 100
    if is_incl and not includes_tax:
        exact /= factor
    if includes_tax and not is_incl:
        exact *= factor
    units = exact * 10**decimals
    wanted = (units.numerator * 2 + units.denominator) // (units.denominator * 2)
    sides = [pd.Series([number(price)], dtype="Int64"), pd.Series([pd.NA], dtype="Int64")]
    excl, incl = sides[::-1] if is_incl else sides
    found = with_tax_as(
        excl,
        incl,
        pd.Series([number(rate)], dtype="Int64"),
        includes_tax=includes_tax,
        decimals=decimals,
        less=pd.Series([number(less)]),
    )
    assert found.dtype == "Int64"
    assert money.decimal(found[0]) == Decimal(wanted).scaleb(-decimals)


def test_pri_2_a_promotion_is_the_lowest_of_today_else_the_one_that_begins_next():
    rows = [
        row(percent="10"),
        row(excl="85", first="2026-11-01", last="2026-11-21"),
        row(excl="50", first="2026-11-22"),
        row(excl="40", last="2026-11-20"),
        row("B", excl="6", first="2026-12-24"),
        row("B", excl="7", first="2026-12-01", last="2026-12-05"),
    ]
    articles = [article(excl="100"), article("B", excl="10")]
    sales = told(*rows, articles=articles).sales
    assert sales["article"].tolist() == ["A", "B"]
    assert amounts(sales, "sale_price") == ["85", "7"]
    assert sales["valid_to"].dt.strftime("%d/%m").tolist() == ["21/11", "05/12"]
    # A shop that cannot be told days is told what holds today only.
    today = told(*rows, articles=articles, sale=UNDATED).sales
    assert (today["article"].tolist(), today["valid_to"].isna().all()) == (["A"], True)
    assert told(*rows, articles=articles, promotions=False).sales.empty


def test_pri_2_a_promotion_that_is_not_lower_is_none():
    found = told(row(excl="100"), row("B", percent="5"), articles=[article(excl="100"), article("B", excl="8")])
    assert (found.sales["article"].tolist(), found.outcomes["code"].tolist()) == (["B"], ["price-sale-not-lower"])


def test_pri_2_groups_and_customers_have_fixed_prices_and_percents_from_quantities():
    rows = [
        row(excl="90", price_category="PRO"),
        row(percent="15", quantity="10", price_category="PRO"),
        row(incl="60", percent="50", customer_family="WEB"),
        row(percent="3.5", customer_code="C1", first="2026-12-01", last="2026-12-31"),
        row(excl="95", quantity="5"),
    ]
    specific = told(*rows).specific
    shown = ["group", "customer_code", "is_percent"]
    assert list(specific[shown].itertuples(index=False, name=None)) == [
        ("", "", False), ("", "C1", True), ("Pros", "", False), ("Pros", "", True), ("Web", "", False)
    ]  # fmt: skip
    # 60 less half including tax is 25 excluding it.
    assert amounts(specific, "amount") == ["95", "3.5", "90", "15", "25"]
    assert amounts(specific, "price") == ["95", "96.5", "90", "85", "25"]
    assert amounts(specific, "discount_share") == [None, "0.035", None, "0.15", None]
    assert amounts(specific, "quantity_from") == ["5", "1", "1", "10", "1"]
    assert specific.loc[1, "customer_email"] == "a@b.fr"
    # Where the shop cannot be told days, what begins later is not told yet.
    assert told(*rows, specific=UNDATED).specific["customer_code"].unique().tolist() == [""]


def test_pri_2_of_several_prices_for_the_same_the_lowest_holds():
    rows = [
        row(excl="90", price_category="PRO"),
        row(percent="12", price_category="VIP"),
        row(excl="95", price_category="PRO"),
    ]
    assert amounts(told(*rows).specific, "price") == ["88"]


def test_pri_4_groups_and_customers_that_the_shop_lacks_are_named_once_and_the_others_go_on():
    rows = [
        row(excl="90", price_category="PRO"),
        row(excl="80", price_category="NEW"),
        row(excl="70", quantity="5", price_category="NEW"),
        row(excl="80", customer_code="C9"),
    ]
    by_email = Ability(ahead=True, ends=True, customers=("customer_email",))
    found = told(*rows, specific=by_email)
    assert found.specific["group"].tolist() == ["Pros"]
    said = found.outcomes.set_index("code")
    assert said["record"].to_dict() == {
        "price-group-unknown": "price-category/NEW", "price-customer-unknown": "customer/C9"
    }  # fmt: skip
    assert '"count": 2' in said.loc["price-group-unknown", "params"]
    only_groups = told(*rows, specific=Ability(ahead=False, ends=False, everybody=False))
    assert "price-target-not-told" in only_groups.outcomes["code"].tolist()
    assert told(*rows, specific=None).outcomes["code"].unique().tolist() == ["price-no-format"]
    assert told(*rows, group_prices=False, customer_prices=False).specific.empty


def test_pri_2_rows_that_are_no_prices_are_refused_for_one_reason_each():
    rows = [
        row(price_category="PRO"),
        row(excl="9", price_category="PRO", customer_code="C1"),
        row(percent="100", price_category="PRO"),
        row(percent="-5", price_category="PRO"),
        row(excl="0", price_category="PRO"),
        row(excl="9", price_category="PRO", first="2026-12-02", last="2026-12-01"),
        row("B", incl="9", price_category="PRO"),
        row(excl="9", price_category="PRO", currency="USD"),
    ]
    articles = [article(excl="100"), article("B", excl="10", rate=None)]
    found = told(*rows, articles=articles)
    assert found.specific.empty
    assert sorted(found.outcomes["code"]) == [
        "price-bad-discount", "price-bad-discount", "price-dates-reversed", "price-other-currency", "price-row-empty",
        "price-row-not-positive", "price-row-rate-unknown", "price-several-targets",
    ]  # fmt: skip


QUANTITIES = st.lists(st.integers(1, 40), min_size=1, max_size=6, unique=True)


@given(QUANTITIES, st.lists(st.sampled_from(["PRO", "WEB"]), min_size=1, max_size=2, unique=True))
def test_pri_2_tiers_are_in_order_and_meet_without_a_gap(quantities, groups):
    column = {"PRO": "price_category", "WEB": "customer_family"}
    rows = [row(percent="5", quantity=str(n), **{column[group]: group}) for n in quantities for group in groups]
    specific = told(*rows).specific
    for _, tiers in specific.groupby("group"):
        assert amounts(tiers, "quantity_from") == [str(n) for n in sorted(quantities)]
        above = tiers[tiers["tier_from"].notna()]
        assert (above["tier_to"].iloc[:-1] + money.ONE).tolist() == above["tier_from"].iloc[1:].tolist()
        assert above["tier_to"].tail(1).isna().all()
    assert (specific["tier_from"].isna() == (specific["quantity_from"] == money.ONE)).all()
    assert (specific["base_price"] == money.of(95 if 1 in quantities else 100)).all()


def test_stk_8_pri_2_what_is_told_is_one_text_by_article_and_what_is_gone_is_named():
    before = told(
        row(excl="90", quantity="10", price_category="PRO"),
        row(percent="3.5", customer_code="C1", first="2026-12-01"),
    ).specific
    values = specific_values(before)
    assert values.to_dict() == {"A": '{"1 / 2026-12-01… / customer C1":"-3.5 %","10 / … / group Pros":"90"}'}
    changed = pd.DataFrame({"key": ["A"], "value": ["{}"], "before": values.tolist()})
    gone = removed(changed, BUYERS.emails, by_login=False, currency="EUR")
    shown = ["article", "group", "customer_code", "customer_email", "shop_customer", "is_removed"]
    assert gone[shown].to_numpy().tolist() == [
        ["A", "", "C1", "a@b.fr", "", True], ["A", "Pros", "", "", "", True]
    ]  # fmt: skip
    assert amounts(gone, "quantity_from") == ["1", "10"]
    assert gone["valid_from"].tolist()[0] == pd.Timestamp("2026-12-01")


def test_pri_2_all_who_buy_on_an_account_get_its_price_and_lose_it_though_the_shop_is_asked_no_more():
    by_id = Ability(ahead=True, ends=True, customers=("shop_customer",), logins=True)
    buyers = Buyers({}, {}, {"C#1": ["17", "18"]})
    before = told(row(excl="90", customer_code="C#1"), specific=by_id, buyers=buyers).specific
    assert before["shop_customer"].tolist() == ["17", "18"]
    [value] = specific_values(before)
    assert value == '{"1 / … / customer C#1#17":"90","1 / … / customer C#1#18":"90"}'
    changed = pd.DataFrame({"key": ["A"], "value": ['{"1 / … / customer C#1#18":"90"}'], "before": [value]})
    [gone] = removed(changed, {}, by_login=True, currency="EUR").to_dict("records")
    assert (gone["customer_code"], gone["shop_customer"], gone["is_removed"]) == ("C#1", "17", True)


@pytest.mark.parametrize(("includes_tax", "price", "excl"), [(False, "10.12", "10.12"), (True, "12.15", "10.123456")])
def test_pri_1_a_price_for_some_that_is_told_without_tax_has_the_decimals_of_a_shop_without_tax(
    includes_tax, price, excl
):
    decimals = {} if includes_tax else {"decimals": 2}
    made = told(row(excl="10.123456", price_category="PRO"), includes_tax=includes_tax, **decimals).specific
    assert (amounts(made, "price"), amounts(made, "fixed_price_excl")) == ([price], [excl])


def test_pri_2_what_a_promotion_takes_off_with_tax_is_told_again_when_the_rate_changes():
    """45 instead of 50, both excluding tax: 6.00 off including tax of 20 %, 5.50 of 10 %."""
    takes_off = Ability(ahead=False, ends=True, reduction=True)
    values = []
    for rate in ("20", "10"):
        sold = [article(excl="50", rate=rate)]
        prices, _ = article_prices(CATALOGUE.of(sold), PriceOptions())
        values += price_values(prices, told(row(excl="45"), articles=sold, sale=takes_off).sales, takes_off).tolist()
    assert values == [
        '{"price":"50","reduction":"6","sale_price":"45"}', '{"price":"50","reduction":"5.5","sale_price":"45"}'
    ]  # fmt: skip


@given(st.text(max_size=8).filter(bool), st.integers(1, 5), st.sampled_from([None, "2026-12-01"]))
def test_stk_8_pri_2_whatever_a_group_is_called_its_price_is_found_again_when_it_is_gone(name, quantity, first):
    buyers = Buyers({"price-category/PRO": name}, {}, {})
    before = told(row(excl="90", quantity=str(quantity), first=first, price_category="PRO"), buyers=buyers).specific
    changed = pd.DataFrame({"key": ["A"], "value": ["{}"], "before": specific_values(before).tolist()})
    gone = removed(changed, buyers.emails, by_login=False, currency="EUR")
    kept = ["article", "group", "quantity_from", "valid_from", "valid_to", "currency"]
    pd.testing.assert_frame_equal(gone[kept], before[kept])


def test_pri_2_a_discount_that_is_gone_is_ended_unless_it_has_ended_by_itself():
    prices, _ = article_prices(CATALOGUE.of([article(name, excl="10") for name in "ABCD"]), PriceOptions())
    sales = told(row("D", excl="8"), articles=[article("D", excl="10")], sale=UNDATED).sales
    before = pd.Series(
        {
            "A": '{"price":"10","sale_price":"8"}',
            "B": '{"price":"10","sale_price":"8","sale_to":"2026-11-20"}',
            "C": '{"price":"10"}',
            "D": "",
        }
    )
    rows = price_rows(prices, sales, before, includes_tax=False, today=TODAY).set_index("article")
    assert rows["discount_to"].dt.year.fillna(0).astype(int).to_dict() == {"A": 2000, "B": 0, "C": 0, "D": 0}
    assert amounts(rows, "discount_rate") == ["1", None, None, None]
    # Of D two excluding tax are taken off, which are 2.40 including it.
    assert amounts(rows, "discount_amount_incl")[3] == "2.4"
    assert amounts(rows, "discount_amount") == ["0", "0", "0", "2"]
    assert (amounts(rows, "current_price")[3], amounts(rows, "compare_at_price")[3]) == ("8", "10")
    assert price_values(prices, sales, UNDATED).to_dict()["D"] == '{"price":"10","sale_price":"8"}'


@given(PRICES, st.decimals("0.1", "99", places=1), RATES)
def test_pri_2_a_percent_is_taken_off_the_price_that_the_shop_was_told(price, less, rate):
    wanted = (price * (100 - less) / 100).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assume(wanted > 0)
    found = told(
        row(percent=str(less), quantity="2"), articles=[article(incl=str(price), rate=rate)], includes_tax=True
    )
    assert [money.decimal(value) for value in found.specific["price"]] == [wanted]
