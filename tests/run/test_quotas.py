"""Quotas of a month: counted, told once, and kept back only where the profile says so."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from builders import installed
from mail_server import mail_server
from stock_shops import NOW, articles, home, leave, levels, run, shops
from test_journal import DEMO_SHOPS, _mapped, passerelle
from test_mail import CLEAR

from passerelle.ledger.ledger import Ledger
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation

_quantity = count(1)


def tell(at: Installation, articles_changed: int = 1, now: datetime = NOW):
    """Tell the shop new quantities of so many of five articles."""
    changed = next(_quantity)
    leave(at, "articles.csv", articles(*(f"A{n};Bol;1;0;;" for n in range(5))), now)
    rows = (f"A{n};Nice;{1000 * changed if n < articles_changed else 7}" for n in range(5))
    leave(at, "stock.csv", levels(*rows), now)
    return run(replace(at, clock=lambda: now))


def test_jou_3_a_quota_is_told_when_little_and_when_nothing_is_left_and_keeps_nothing_back(tmp_path):
    with mail_server() as server:
        mail = "\n".join(["[mail]", CLEAR.format(port=server.port)])
        quotas = "[quotas]\nto_shops_per_month = 8\nto_erp_per_month = 1\nwarn_at = 75"
        at = shops(tmp_path, ("a", "woocommerce", ""), more=f"{quotas}\n{mail}")
        assert tell(at).quotas == ()  # all five
        near = tell(at)
        assert near.quotas == ("Quota vers les boutiques, 2026-11 : 6 sur 8 (75 %), bientôt atteint.",)
        assert near.quotas[0] in passerelle(at, "run-show", near.run_id)
        assert near.to_json() == type(near).from_json(near.to_json()).to_json()
        assert tell(at).quotas
        assert server.subjects == ["[Passerelle] test stocks a : quota du mois"]  # told once
        beyond = tell(at, 4)
        assert beyond.quotas == ("Quota vers les boutiques, 2026-11 : 11 sur 8 (137 %), atteint.",)
        assert beyond.state == "delivered"
        tell(at)
        assert len(server.mails) == 2
        assert beyond.quotas[0] in server.mails[1].get_body(("plain",)).get_content()
        # At half past midnight in Paris it is December, although not yet in London.
        december = tell(at, 2, datetime(2026, 11, 30, 23, 30, tzinfo=UTC))
        assert (december.written, december.quotas) == (2, ())
        [again] = tell(at, 4, datetime(2026, 12, 1, 1, 0, tzinfo=UTC)).quotas
        assert "2026-12 : 6 sur 8" in again
        assert len(server.mails) == 3


def test_jou_3_a_quota_that_stops_keeps_runs_back_until_the_next_month_but_not_what_is_prepared(tmp_path):
    at = shops(tmp_path, ("a", "woocommerce", ""), more='[quotas]\nto_shops_per_month = 5\nwhen_reached = "stop"')
    out = home(at) / "out-a"
    out.rename(home(at) / "away")
    with pytest.raises(Exception, match="out-a"):
        tell(at)  # prepared
    (home(at) / "away").rename(out)
    leave(at, "stock.csv", levels("A0;Nice;1"))
    with pytest.raises(RunError) as error:
        tell(at)
    assert error.value.code == "quota-stops"
    assert len(list(out.glob("stock*.csv"))) == 1
    with Ledger.open(at.ledger_url) as ledger:
        [last, _] = ledger.runs("test")
    assert (last.state, last.message.split(" : ")[1].split(".")[0]) == ("failed", "5 sur 5")
    assert tell(at, now=NOW + timedelta(days=15)).state == "delivered"


def test_jou_3_orders_are_counted_shown_by_stats_and_none_is_sent_beyond_where_that_is_wanted(tmp_path, request):
    source = request.config.rootpath / DEMO_SHOPS / "web"
    at = installed(tmp_path, ("s", "woocommerce", source, "*.json"), mapped=_mapped())
    profile = home(at) / "profile.toml"
    assert "ne fixe pas de quota" in passerelle(at, "stats", "--quotas")
    profile.write_text(f"{profile.read_text()}\n[quotas]\norders_per_month = 4\nto_erp_per_month = 100\n")
    passerelle(at, "run", "orders", code=3)
    rows = json.loads(passerelle(at, "stats", "--quotas", "--json").partition("\n")[2])
    assert [row["quota"] for row in rows] == ["orders", "to-erp"]
    assert (rows[0]["used"], rows[0]["limit"], rows[0]["percent"]) == (4, 4, 100)
    assert rows[1]["used"] >= 4
    assert "4 sur 4 (100 %), atteint." in passerelle(at, "stats")
    profile.write_text(profile.read_text().replace("[quotas]", '[quotas]\nwhen_reached = "stop"'))
    assert "Rien n'a été lu" in passerelle(at, "run", "orders", code=1)
    passerelle(at, "run", "credit-notes")
