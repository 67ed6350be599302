"""The journal in the console, and what can be started and stopped there (CON-1, CON-2, JOU-1 to JOU-5, SEC-2)."""

from __future__ import annotations

import html
import io
import json
import os
import re
import time
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from consoles import variables

from passerelle import outcome
from passerelle.cli import run as run_commands
from passerelle.cli.console import commands, tasks
from passerelle.console.app import opened
from passerelle.console.pages.dashboard import charts
from passerelle.console.starting import Prefect, Starter
from passerelle.console.words import words
from passerelle.ledger.entries import Prepared
from passerelle.ledger.journal import ORDERS, Wanted
from passerelle.ledger.ledger import Ledger
from passerelle.run.errors import RunError
from passerelle.run.faults import said
from passerelle.run.orders import run_orders
from passerelle.run.purge import purge
from passerelle.run.request import Request

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def over(browser, path: str) -> str:
    """Give the page of a start once it is over."""
    deadline = time.monotonic() + 240
    while 'hx-trigger="every 1s"' in (text := browser.page(path)):
        assert time.monotonic() < deadline, text
        time.sleep(0.3)
    return text


@pytest.fixture
def ledger(tmp_path):
    """A ledger with 120 runs, one an hour, of two profiles and three tasks."""
    now = [NOON]
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", clock=lambda: now[0]) as opened:
        for number in range(120):
            now[0] = NOON - timedelta(hours=120 - number)
            profile, task = ("north", "south")[number % 2], ("orders", "stocks", "prices")[number % 3]
            run = opened.start_run(profile, task, {"shop": f"s{number % 4}"}, run_id=f"run-{number:03d}")
            if number % 5 == 4:
                opened.fail_run(run, f"50%_broken: number {number}")
            else:
                counts = {"read": 10, "succeeded": 8, "failed": number % 2, "ignored": 1}
                opened.prepare(run, Prepared(counts=counts))
        now[0] = NOON
        yield opened


def read_through(ledger, wanted, **how):
    """Give all runs wanted, forwards page by page, and see that backwards they are the same."""
    found, page = [], ledger.journal.page(wanted, limit=7, **how)
    while True:
        found += page.runs
        if not page.has_later:
            break
        page = ledger.journal.page(wanted, limit=7, after=page.runs[-1].run_id, **how)
    back = list(page.runs)
    while page.has_earlier and back:
        page = ledger.journal.page(wanted, limit=7, before=back[0].run_id, **how)
        back = [*page.runs, *back]
    assert back == found
    return found


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("ascending", [False, True])
def test_jou_1_pages_in_any_order_have_every_run_once(ledger, order, ascending):
    found = read_through(ledger, Wanted(), order=order, ascending=ascending)
    key = {"started": lambda run: ()}.get(order, lambda run: (getattr(run, order),))
    assert [run.run_id for run in found] == [
        run.run_id
        for run in sorted(ledger.runs(limit=200), key=lambda run: (*key(run), run.run_id), reverse=not ascending)
    ]


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted(profile="north"), lambda run, n: n % 2 == 0),
        (Wanted(task="stocks", state="failed"), lambda run, n: n % 3 == 1 and n % 5 == 4),
        (Wanted(state="refusals"), lambda run, n: n % 2 == 1 and n % 5 != 4),
        (Wanted(first=NOON - timedelta(hours=10), last=NOON - timedelta(hours=5)), lambda run, n: 110 <= n < 115),
        (Wanted(text="50%_BROKEN"), lambda run, n: n % 5 == 4),
        (Wanted(text="5_%"), lambda run, n: False),
        (Wanted(text="run-11"), lambda run, n: n >= 110),
        (Wanted(profile="nobody"), lambda run, n: False),
    ],
)
def test_jou_1_runs_are_filtered_and_searched(ledger, wanted, fits):
    expected = [f"run-{number:03d}" for number in range(120) if fits(None, number)]
    assert [run.run_id for run in read_through(ledger, wanted, ascending=True)] == expected


def test_jou_3_counts_add_up_and_the_latest_is_by_shop(ledger):
    span = (NOON - timedelta(hours=50), NOON - timedelta(hours=10))
    for profile in (None, "north", "nobody"):
        expected = {True: [0, 0], False: [0, 0]}
        for number in range(70, 110):
            task = ("orders", "stocks", "prices")[number % 3]
            if profile in {None, ("north", "south")[number % 2]} and number % 5 != 4:
                sums = expected[task in {"stocks", "prices"}]
                sums[0] += 8
                sums[1] += number % 2
        ((some, others),) = ledger.journal.counts([span], ["stocks", "prices"], profile)
        assert {True: [some.succeeded, some.failed], False: [others.succeeded, others.failed]} == expected
    latest = ledger.journal.latest()
    assert {run.run_id for run in latest} == {f"run-{number:03d}" for number in range(108, 120)}
    assert [(run.profile, run.task) for run in latest] == sorted((run.profile, run.task) for run in latest)


def test_jou_3_days_and_months_of_the_charts_are_those_of_the_profiles_zone(own):
    """23:30 UTC on the last of a month is the first of the next in Paris."""
    moments = [datetime(2026, 1, 31, 23, 30, tzinfo=UTC), datetime(2026, 3, 31, 21, 30, tzinfo=UTC)]
    for moment in moments:
        with Ledger.open(own.installation.ledger_url, clock=lambda at=moment: at) as ledger:
            ledger.prepare(
                ledger.start_run("test", "orders"), Prepared(counts={"read": 5, "succeeded": 4, "failed": 1})
            )
    today = datetime(2026, 4, 2, 12, tzinfo=UTC)
    with opened(replace(own.installation, clock=lambda: today), tasks(), commands()) as site:
        drawn = {
            chart.name: {bar.label: (bar.succeeded, bar.failed) for bar in chart.bars} for chart in charts(site, "")
        }
        assert {label: sums for label, sums in drawn["to-erp-months"].items() if any(sums)} == {
            "02/26": (4, 1),
            "03/26": (4, 1),
        }
        assert {label: sums for label, sums in drawn["to-erp-days"].items() if any(sums)} == {"31/03": (4, 1)}
        assert not any(any(sums) for sums in drawn["to-shops-days"].values())
        assert not any(
            any(sums) for chart in charts(site, "nobody") for sums in [(bar.succeeded,) for bar in chart.bars]
        )


def test_jou_2_outcomes_come_in_pages(ledger):
    run = ledger.start_run("north", "orders")
    outcomes = outcome.together(
        [
            outcome.said("unknown-article", [f"r{n}"], record_type="order", stage="map", value="A")
            if n % 3 == 0
            else outcome.said("ignored-by-mapping", [f"r{n}"], record_type="order", stage="map", mapping="Taxes")
            for n in range(30)
        ]
    )
    ledger.prepare(run, Prepared(outcomes=outcomes))
    failed = ledger.journal.outcomes(run, only_failed=True, limit=4)
    assert [row["record"] for row in failed] == ["r0", "r3", "r6", "r9"]
    more = ledger.journal.outcomes(run, only_failed=True, after=failed[-1]["position"], limit=100)
    assert [row["record"] for row in more] == [f"r{n}" for n in range(12, 30, 3)]
    assert len(ledger.journal.outcomes(run)) == 30


@pytest.fixture(scope="module")
def ran(served):
    """A run that refused orders for want of a mapping."""
    return run_orders(Request.asked("test"), served.installation)


def test_con_1_a_run_says_in_both_languages_what_was_refused_and_what_to_do(served, ran):
    french = served.member().page(f"/runs/{ran.run_id}")
    english = served.member("en").page(f"/runs/{ran.run_id}")
    assert ran.failed > 0
    rows = ran.reasons
    for row in rows:
        if row.state == "failed":
            assert escaped(row.message) in french
    assert "Complétez cette taxe dans la feuille Taxes" in french
    assert "Aucun code TVA" not in english
    assert "Fill in this tax in the Taxes sheet of the mappings" in english
    kib = round(Path(ran.files["erpFiles.zip"]).stat().st_size / 1024, 1)
    assert f"{kib} Kio</small>" in french
    assert f"{kib} KiB</small>" in english
    assert '<html lang="fr">' in french
    assert '<html lang="en">' in english


def escaped(text: str) -> str:
    from markupsafe import escape

    return str(escape(text))


def test_jou_2_the_files_of_a_run_are_downloaded_and_no_others(served, ran):
    member = served.member()
    answer = member.get(f"/runs/{ran.run_id}/files/erpFiles.zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="erpFiles.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert "Customers.txt" in archive.namelist()
    for name in ("summary.json", "..%2F..%2Fledger.sqlite", "%2Fetc%2Fpasswd", "nothing"):
        assert member.get(f"/runs/{ran.run_id}/files/{name}").status_code == 404, name
    assert member.get("/runs/..%2F..%2Fprofiles/files/erpFiles.zip").status_code == 404


def test_sec_4_a_summary_that_names_a_file_elsewhere_gives_none(served, ran):
    home = served.installation.run_folder(ran.run_id)
    text = (home / "summary.json").read_text(encoding="utf-8")
    secret = served.installation.profiles / "test" / "profile.toml"
    told = json.loads(text)
    told["files"] |= {"profile.toml": str(secret)}
    (home / "link.csv").symlink_to(secret)
    told["files"] |= {"link.csv": str(home / "link.csv")}
    (home / "summary.json").write_text(json.dumps(told), encoding="utf-8")
    try:
        for name in ("profile.toml", "link.csv"):
            assert served.member().get(f"/runs/{ran.run_id}/files/{name}").status_code == 404
    finally:
        (home / "summary.json").write_text(text, encoding="utf-8")


def test_jou_1_the_technical_log_is_shown_and_downloaded(served, ran):
    member = served.member()
    page = member.page(f"/runs/{ran.run_id}")
    assert f"Exécution {ran.run_id} : orders profile=test" in page
    assert f"Exécution {ran.run_id} terminée : delivered." in page
    assert "Ni erreur, ni avertissement." in member.page(f"/runs/{ran.run_id}?lines=wrong")
    lines = member.get(f"/runs/{ran.run_id}/files/log.txt").text.splitlines()
    assert len(lines) == page.partition('id="lines"')[2].count("<tr>")


def test_jou_5_the_reconciliation_is_shown(served, ran):
    page = served.member().page(f"/runs/{ran.run_id}")
    for balance in ran.balances:
        assert f"{balance.amount_read} ({balance.read})" in page
    for rate in ran.rates:
        assert rate.file_base in page


def test_jou_3_the_first_page_shows_what_is_used_of_quotas(own):
    member = own.member()
    assert "<meter" not in member.page("/")
    profile = own.installation.profiles / "test" / "profile.toml"
    profile.write_text(f"{profile.read_text()}\n[quotas]\norders_per_month = 2\nto_shops_per_month = 9\n")
    run_orders(Request("test"), own.installation)
    page = member.page("/")
    assert re.search(r'<meter aria-label="commandes" min="0" max="2" .* value="4">', page)
    assert "4 sur 2 (200 %), atteint." in page
    assert "0 sur 9 (0 %)." in page
    assert "4 of 2 (200 %), reached." in own.member("en").page("/")


def test_con_1_pages_without_anything_say_so(served):
    member = served.member()
    assert "Aucune exécution." in member.page("/runs?text=nothing-like-that")
    assert "Page introuvable" in member.page("/runs/none", 404)
    assert "Page introuvable" in member.page("/profiles/none", 404)
    assert "Page introuvable" in member.page("/runs?after=none", 404)
    assert "Aucun jeton." in member.page("/access")


def test_con_2_a_task_offers_what_its_command_takes():
    group = typer.main.get_command(run_commands.app)
    for name, command in group.commands.items():
        offered = {option.name for option in tasks()[name].options}
        assert offered == {one.name for one in command.params} - {"profile", "output", "json", "help"}


def test_con_2_a_plan_is_made_and_applied(own):
    member = own.member()
    member.page("/start/test/orders")
    started = member.submit("/start/test/orders", plan="1", period="all").headers["location"]
    page = over(member, started)
    assert "Terminé" in page
    plan = re.search(r'name="apply" value="([^"]+)"', page)[1]
    assert own.ledger().runs() == []
    workbook = member.get(f"{started}/{plan}/plan.xlsx")
    assert workbook.content.startswith(b"PK")
    assert member.get(f"{started}/{plan}/asked.json").status_code == 404
    applied = over(member, member.submit("/start/test/orders", apply=plan).headers["location"])
    (run,) = own.ledger().runs()
    assert run.state == "delivered"
    assert run.parameters["apply"] == plan
    assert f"/runs/{run.run_id}" in applied
    assert [one.action for one in own.ledger().audit()].count("start") == 2


def test_sec_5_what_a_start_said_is_purged(own):
    member = own.member()
    member.page("/start/test/orders")
    path = member.submit("/start/test/orders", plan="1", period="all").headers["location"]
    over(member, path)
    home = own.installation.started_folder(path.rpartition("/")[2])
    assert (home / "output").stat().st_size > 1000
    purge(own.installation, "test", by="test")
    assert home.is_dir()
    later = replace(own.installation, clock=lambda: datetime.now(UTC) + timedelta(days=4000))
    purge(later, "test", by="test")
    assert not home.exists()
    assert member.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/runs/x?after=99999999999999999999", "/runs/x?after=-5", "/runs/x?after=a"])
def test_con_1_numbers_that_are_none_are_pages_that_are_not_there(served, path):
    assert served.member().get(path).status_code in {404, 422}


def test_pro_3_a_task_that_no_shop_has_a_table_for_is_not_offered(served):
    page = served.member().page("/start")
    assert '"/start/test/orders"' in page
    assert "/start/test/stocks" not in page
    assert "Vers les boutiques" not in page


def test_con_2_flags_may_be_said_no_to():
    task = tasks()["stocks"]
    assert task.asked({"full": "1", "plan": "0", "shop": " web "}) == {"full": True, "shop": "web"}
    assert task.asked({"full": "false", "shop": ""}) == {}


@pytest.mark.parametrize("asked", [{}, {"plan": "1"}])
def test_pro_4_a_start_of_a_paused_profile_says_that_it_did_nothing(own, asked):
    member = own.member()
    member.page("/commands")
    member.submit("/commands/profile-pause", name="test")
    page = over(member, member.submit("/start/test/orders", **asked).headers["location"])
    assert words()["profile.is-paused"]["fr"] in html.unescape(page)
    assert "tout va bien" not in page
    assert own.ledger().runs() == []


def test_run_5_what_a_start_says_of_wrong_usage_is_shown(own):
    member = own.member()
    member.page("/start/test/orders")
    started = member.submit("/start/test/orders", since="2026-02-01", until="2026-01-01").headers["location"]
    page = over(member, started)
    assert "Demande ou réglage incorrect" in page
    assert "Le premier jour (2026-02-01) est après le dernier (2026-01-01)." in page
    unknown = over(member, member.submit("/start/test/orders", only_rejects="nothing").headers["location"])
    assert "« nothing »" in unknown
    assert "<strong>Exécution </strong>" in unknown
    assert member.submit("/start/test/orders", nonsense="1").status_code == 400
    assert member.submit("/start/test/nonsense").status_code == 404
    assert member.get("/started/..%2Fruns").status_code == 404


class TestSec2Trigger:
    """The URL that starts a task for a cron."""

    @pytest.fixture
    def token(self, own) -> str:
        return own.ledger().access.add_token("cron", "test", by="test")

    def test_it_starts_once_and_answers_with_the_run(self, own, token, caplog):
        outside = own.browser()
        with own.ledger().lease("test", "to-erp", "somebody"):
            busy = outside.get(f"/run/test/orders?token={token}")
            assert (busy.status_code, busy.json()["error"]) == (409, "console-busy")
        first = outside.get("/run/test/orders?period=all", headers={"authorization": f"Bearer {token}"})
        again = outside.post(f"/run/test/orders?token={token}")
        assert first.status_code == 202
        assert (again.status_code, again.json()["run"]) == (409, first.json()["run"])
        over(own.member(), f"/started/{first.json()['run']}")
        (run,) = own.ledger().runs()
        assert (run.run_id, run.state) == (first.json()["run"], "delivered")
        assert run.parameters["period"] == "all"
        started = [one for one in own.ledger().audit() if one.action == "start"]
        assert [(one.actor, one.record) for one in started] == [("token 1", run.run_id)]
        assert token not in caplog.text

    def test_it_starts_nothing_for_others(self, own, token):
        outside = own.browser()
        other = own.ledger().access.add_token("other", "elsewhere", by="test")
        asked = [
            outside.get("/run/test/orders"),
            outside.get(f"/run/test/orders?token={token[:-1]}"),
            outside.get(f"/run/test/orders?token={other}"),
            outside.get("/run/test/orders", headers={"authorization": "Bearer é".encode()}),
        ]
        assert [answer.status_code for answer in asked] == [401] * 4
        assert outside.get(f"/run/test/nonsense?token={token}").status_code == 404
        assert outside.get(f"/run/test/stocks?token={token}&nonsense=1").status_code == 400
        with_nul = outside.get(f"/run/test/stocks?token={token}&shop=%00").json()["run"]
        assert "[shops.stock]" in over(own.member(), f"/started/{with_nul}")
        for _ in range(20):
            outside.get("/run/test/orders?token=guess")
        assert outside.get(f"/run/test/orders?token={token}").status_code == 429
        assert own.ledger().runs() == []


@pytest.fixture
def starter(own):
    return Starter(own.installation, own.ledger(), tasks(), Prefect(""))


def test_run_3_who_works_for_a_shop_keeps_only_that_shop_out(own, starter):
    def refused(task, **options):
        try:
            starter._check_free(task, "test", options.get("shop", ""))
        except RunError as error:
            return error.parameters["holder"]
        return ""

    ledger = own.ledger()
    with ledger.lease("test", "to-shop s", "busy with s"):
        assert refused("stocks") == refused("stocks", shop="s") == refused("articles") == "busy with s"
        assert refused("stocks", shop="t") == refused("orders") == ""
    with ledger.lease("test", "to-erp", "busy with erp"):
        assert refused("orders") == refused("quotes") == "busy with erp"
        assert refused("stocks") == ""
    assert refused("orders") == ""


def test_run_4_a_run_is_stopped_and_the_next_one_goes_on(own, starter):
    """The run waits for a pipe that nobody writes into, as for a server that does not answer."""
    extract = own.installation.profiles / "test" / "articles.csv"
    content = extract.read_bytes()
    extract.unlink()
    os.mkfifo(extract)
    started = starter.start("orders", "test", {"period": "all"}, by="anne")
    ledger, member = own.ledger(), own.member()
    deadline = time.monotonic() + 120
    while not ledger.runs() and time.monotonic() < deadline:
        time.sleep(0.2)
    page = member.page(f"/runs/{started.id}")
    assert "Arrêter" in page
    assert member.submit(f"/runs/{started.id}/stop").status_code == 303
    run = ledger.run(started.id)
    assert (run.state, run.message) == ("failed", "Arrêtée par anne.")
    assert ledger.journal.holders() == []
    assert member.submit(f"/runs/{started.id}/stop").status_code == 400
    extract.unlink()
    extract.write_bytes(content)
    assert run_orders(Request.asked("test"), replace(own.installation)).state == "delivered"


def test_con_2_a_run_of_this_very_machine_only_is_stopped(own, starter):
    ledger = own.ledger()
    run = ledger.start_run("test", "orders", run_id="mine")
    with pytest.raises(RunError, match="cannot be stopped from here"):
        starter.stop(run, by="anne")
    assert ledger.run(run).state == "running"


def test_jou_1_a_failed_run_says_why_and_what_to_do_in_the_profiles_language(own):
    (own.installation.profiles / "test" / "articles.csv").write_bytes(b"")
    with pytest.raises(RunError) as caught:
        run_orders(Request.asked("test"), own.installation)
    (run,) = own.ledger().runs()
    assert (run.state, run.message) == ("failed", said(caught.value, "fr"))
    assert run.message != said(caught.value, "en")
    assert escaped(run.message) in own.member().page(f"/runs/{run.run_id}")


class TestCon1Prefect:
    """With a server that answers as Prefect's does (its API, 3.8), tasks are started and stopped there."""

    @pytest.fixture
    def server(self):
        import threading
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        seen = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append((self.path, None))
                known = self.path == "/api/deployments/name/orders/test"
                flow = self.path.startswith("/api/flow_runs/")
                self.tell(200 if known or flow else 404, {"id": "d1", "state_type": "RUNNING"})

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                seen.append((self.path, body))
                self.tell(201, {"id": "0192f0c1-2222-7333-8444-555566667777"})

            def tell(self, status, answer):
                if len(seen) % 2:  # busy at first, each time
                    status, answer = 503, {}
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
            threading.Thread(target=listening.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{listening.server_port}/api", seen
            listening.shutdown()

    def test_a_deployment_is_run_once_and_cancelled(self, own, server):
        api, seen = server
        ledger = own.ledger()
        starter = Starter(own.installation, ledger, tasks(), Prefect(api))
        started = starter.start("orders", "test", {"since": "2026-11-01"}, by="anne")
        assert started.is_prefect
        assert seen[-1] == seen[-2]  # asked again, with the same key: it is one run
        path, body = seen[-1]
        assert path == "/api/deployments/d1/create_flow_run"
        assert body.pop("idempotency_key")
        assert body == {"parameters": {"profile": "test", "since": "2026-11-01"}, "state": {"type": "SCHEDULED"}}
        with pytest.raises(RunError) as caught:
            starter.start("orders", "test", {}, by="anne")
        assert caught.value.parameters["run"] == started.id
        ledger.start_run("test", "orders", run_id=started.id)
        assert starter.can_stop(ledger.run(started.id))
        starter.stop(started.id, by="anne")
        assert seen[-1] == (f"/api/flow_runs/{started.id}/set_state", {"state": {"type": "CANCELLING"}})

    def test_what_has_no_deployment_and_plans_are_processes_of_their_own(self, own, server):
        starter = Starter(own.installation, own.ledger(), tasks(), Prefect(server[0]))
        started = [
            starter.start(*asked, by="anne") for asked in (("quotes", "test", {}), ("orders", "test", {"plan": True}))
        ]
        starter.wait()
        assert [one.is_prefect for one in started] == [False, False]


def test_sec_5_and_con_2_a_name_of_a_run_leads_nowhere_else(own, monkeypatch):
    from typer.testing import CliRunner

    from passerelle.cli.main import app

    for name, value in variables(own.installation).items():
        monkeypatch.setenv(name, value)
    for name in ("../x", "a/b", "-x", "x" * 65, "é"):
        ended = CliRunner().invoke(app, ["run", f"--run-id={name}", "orders", "-p", "test"])
        assert ended.exit_code == 2, name
    assert own.ledger().runs() == []
