"""Files picked up once: claims, their take-over, what was read of them, what is read again (STO-6, RUN-6)."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ledger_makers import parcel, records, spoken
from typer.testing import CliRunner

from passerelle.cli.main import app
from passerelle.ledger.entries import ORIGINS, FoundFile, Prepared
from passerelle.ledger.errors import PickupLostError, UnknownError
from passerelle.ledger.ledger import Ledger

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC).isoformat()


def found(path="orders.csv", *, size=3, modified=NOON, sha256="ab" * 32, place="ftp://shop.example/out"):
    return FoundFile(place, path, size, modified, sha256)


def origins(run, *keys, is_open=True):
    return ORIGINS.of({"record_type": "order", "record_key": key, "run_id": run, "is_open": is_open} for key in keys)


def open_keys(ledger) -> dict[str, str]:
    rows = ledger.open_origins("demo")
    return dict(zip(rows["record_key"], rows["run_id"], strict=True))


@pytest.fixture
def run(ledger) -> Iterator[str]:
    with ledger.lease("demo", "orders", "night"):
        yield ledger.start_run("demo", "orders")


@pytest.fixture
def rival(url, clock) -> Iterator[Ledger]:
    with Ledger.open(url, clock=clock) as opened:
        yield opened


def paths(pickups) -> list[str]:
    return [one.file.path for one in pickups]


def test_sto_6_a_file_is_claimed_once_by_one_run(ledger, run, rival):
    [mine] = ledger.claim(run, "shop", [found()])
    assert (mine.file, mine.profile, mine.shop, mine.run_id, mine.state) == (found(), "demo", "shop", run, "claimed")
    assert ledger.claim(run, "shop", [found()]) == [mine], "twice is harmless"
    with rival.lease("other", "orders", "night"):
        theirs = rival.start_run("other", "orders")
        assert rival.claim(theirs, "shop", [found()]) == []
        assert paths(rival.claim(theirs, "shop", [found(), found("b.csv")])) == ["b.csv"]
    assert ledger.claim(run, "other-shop", [found()]) == []


@pytest.mark.parametrize(
    "other",
    [
        found("b.csv"),
        found(size=4),
        found(modified="2026-11-21T12:00:01+00:00"),
        found(modified=""),
        found(sha256="cd" * 32),
        found(place="ftp://other.example/out"),
    ],
    ids=["path", "size", "time", "no-time", "content", "place"],
)
def test_sto_6_what_differs_in_anything_is_another_file(ledger, run, other):
    assert len(ledger.claim(run, "shop", [found(), other])) == 2


def test_sto_6_a_file_that_was_taken_is_not_claimed_again_but_put_away(ledger, run):
    [one] = ledger.claim(run, "shop", [found()])
    ledger.prepare(run, Prepared(taken={one.number: True}))
    assert [(each.state, each.is_unreadable) for each in ledger.pickups("demo", state="taken")] == [("taken", True)]
    second = ledger.start_run("demo", "orders")
    assert ledger.claim(second, "shop", [found()]) == []
    ledger.put_away({one.number: "error/orders.csv"})
    assert [(each.state, each.moved_to) for each in ledger.pickups()] == [("moved", "error/orders.csv")]
    assert ledger.claim(second, "shop", [found()]) == []
    assert paths(ledger.pickups(state="taken")) == ["orders.csv"], "it lies there again: to be put away again"


def test_sto_6_the_claim_of_a_failed_run_goes_to_the_next(ledger, run, rival):
    ledger.claim(run, "shop", [found(), found("gone.csv")])
    ledger.fail_run(run, "stopped")
    with rival.lease("other", "orders", "night"):
        theirs = rival.start_run("other", "orders")
        assert paths(rival.claim(theirs, "shop", [found()])) == ["orders.csv"], "not what it has not found"
    again = ledger.start_run("demo", "orders")
    assert paths(ledger.claim(again, "shop", [])) == ["gone.csv"], "its content is in our inbox"
    assert ledger.claim(again, "other-shop", []) == []


def test_sto_6_the_claim_of_a_run_whose_lease_ran_out_is_taken_over_and_noticed(ledger, rival, clock):
    """A machine that was asleep: its run still believes in its claim."""
    with ledger.lease("demo", "orders", "night"):
        run = ledger.start_run("demo", "orders")
        [one] = ledger.claim(run, "shop", [found()])
        clock.advance(minutes=6)
        with rival.lease("other", "orders", "night"):
            theirs = rival.start_run("other", "orders")
            [same] = rival.claim(theirs, "shop", [found()])
            rival.prepare(theirs, Prepared(taken={same.number: False}))
        with pytest.raises(PickupLostError) as error:
            ledger.prepare(run, Prepared(parcel=parcel("d1"), records=records("shop/1"), taken={one.number: False}))
    assert spoken(error.value)
    assert ledger.unfinished() == [], "nothing of the run is written"


def test_sto_6_rel_1_the_claim_of_a_killed_process_is_taken_over_at_once(ledger, url):
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[2]);"
        "from test_ledger_pickups import found; from passerelle.ledger.ledger import Ledger;"
        "ledger = Ledger.open(sys.argv[1]); ledger.lease('demo', 'orders', 'night').__enter__();"
        "ledger.claim(ledger.start_run('demo', 'orders'), 'shop', [found()]); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, url, Path(__file__).parent], check=False)
    assert [one.state for one in ledger.pickups()] == ["claimed"]
    with ledger.lease("other", "orders", "night"):
        assert len(ledger.claim(ledger.start_run("other", "orders"), "shop", [found()])) == 1


def claim_all(url, profile, start, results):
    with Ledger.open(url) as ledger, ledger.lease(profile, "orders", "night"):
        run = ledger.start_run(profile, "orders")
        start.wait()
        files = [found(f"{number}.csv") for number in range(40)]
        results.put((profile, [path for part in (files[::2], files) for path in paths(ledger.claim(run, "s", part))]))
        start.wait()


def test_sto_6_run_6_processes_that_claim_at_once_share_the_files(url):
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(3), context.Queue()
    workers = [context.Process(target=claim_all, args=(url, name, start, results)) for name in ("a", "b", "c")]
    for worker in workers:
        worker.start()
    claimed = [set(results.get(timeout=60)[1]) for _ in workers]
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert sum(map(len, claimed)) == 40 == len(set().union(*claimed))


def test_sto_6_threads_that_claim_at_once_share_the_files(url, clock):
    got: list[str] = []
    start = threading.Barrier(2)

    def claim(profile):
        with Ledger.open(url, clock=clock) as ledger, ledger.lease(profile, "orders", "night"):
            run = ledger.start_run(profile, "orders")
            start.wait()
            got.extend(paths(ledger.claim(run, "shop", [found(f"{number}.csv") for number in range(20)])))
            start.wait()

    threads = [threading.Thread(target=claim, args=(profile,)) for profile in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted(f"{number}.csv" for number in range(20))


def test_sto_6_a_run_releases_only_what_is_its_own(ledger, run, rival, clock):
    one, two = ledger.claim(run, "shop", [found(), found("z.csv")])
    clock.advance(minutes=6)
    with rival.lease("other", "orders", "night"):
        theirs = rival.start_run("other", "orders")
        rival.claim(theirs, "shop", [found()])
        ledger.prepare(run, Prepared(released=frozenset({one.number, two.number})))
        assert [(each.file.path, each.run_id) for each in ledger.pickups()] == [("orders.csv", theirs)]


def test_sto_6_a_record_s_origin_is_where_its_newest_content_came_from(ledger, run):
    ledger.prepare(run, Prepared(origins=origins(run, "shop/1", "shop/2")))
    second = ledger.start_run("demo", "orders")
    ledger.prepare(second, Prepared(origins=origins(second, "shop/1")))
    assert open_keys(ledger) == {"shop/1": second, "shop/2": run}
    third = ledger.start_run("demo", "orders")
    ledger.prepare(third, Prepared(origins=origins(run, "shop/2", is_open=False)))
    assert open_keys(ledger) == {"shop/1": second}
    assert ledger.open_origins("other").empty


def test_sto_6_contents_are_needed_until_moved_and_settled(ledger, run):
    [one] = ledger.claim(run, "shop", [found()])
    assert ledger.needed_contents("demo") == {"ab" * 32}
    ledger.prepare(run, Prepared(taken={one.number: False}, origins=origins(run, "shop/1")))
    ledger.put_away({one.number: "archive/orders.csv"})
    assert ledger.needed_contents("demo") == {"ab" * 32}, "shop/1 is read again"
    second = ledger.start_run("demo", "orders")
    ledger.prepare(second, Prepared(origins=origins(run, "shop/1", is_open=False)))
    assert ledger.needed_contents("demo") == set()


@pytest.mark.parametrize("undo", ["abandon", "forget"])
def test_sto_6_ord_9_what_is_to_be_exchanged_again_is_read_again(ledger, run, undo):
    given = origins(run, "shop/1", "shop/2", is_open=False)
    ledger.prepare(run, Prepared(parcel=parcel("d1"), records=records("shop/1"), origins=given))
    if undo == "abandon":
        ledger.abandon("d1", by="alice")
    else:
        ledger.delivered("d1")
        ledger.forget("demo", "order", None, by="alice")
    assert open_keys(ledger) == {"shop/1": run}


def test_sto_6_claims_need_a_run(ledger):
    with pytest.raises(UnknownError):
        ledger.claim("nobody", "shop", [found()])


@pytest.fixture
def command(url):
    def run(*words, language="fr"):
        environment = {"PASSERELLE_LEDGER": url, "PASSERELLE_LANG": language}
        return CliRunner().invoke(app, ["ledger", *words], env=environment)

    return run


def test_sto_6_the_commands_show_and_forget_what_was_picked_up(command, ledger, run):
    assert command("pickups").output == "rien\n"
    one, two = ledger.claim(run, "shop", [found(), found("z.csv")])
    ledger.prepare(run, Prepared(taken={one.number: False, two.number: True}))
    ledger.put_away({one.number: "archive/orders.csv"})
    told = command("pickups").output
    assert f"demo/shop · ftp://shop.example/out · orders.csv · moved · {run} → archive/orders.csv\n" in told
    assert f"z.csv · taken · {run}\n" in told
    assert "Fichiers relevés à ranger" in command("status").output
    assert f"z.csv · taken · {run}" in command("status").output
    rows = json.loads(command("pickups", "--json", "-p", "demo").output)
    assert [(row["path"], row["state"], row["unreadable"], row["moved_to"]) for row in rows] == [
        ("orders.csv", "moved", False, "archive/orders.csv"),
        ("z.csv", "taken", True, ""),
    ]
    assert json.loads(command("pickups", "--json", "-p", "other").output) == []
    assert "1 file(s) forgotten" in command("forget-pickup", "orders.csv", "-p", "demo", language="en").output
    again = command("forget-pickup", "orders.csv", "-p", "demo", language="en")
    assert (again.exit_code, again.stderr.partition(":")[0]) == (1, "No file was picked up there")
    [entry] = ledger.audit("demo")
    assert (entry.action, entry.record_type, entry.record) == ("forget", "file", "orders.csv")
    assert "archive/orders.csv" in entry.detail
    assert paths(ledger.pickups()) == ["z.csv"]
    second = ledger.start_run("demo", "orders")
    assert paths(ledger.claim(second, "shop", [found()])) == ["orders.csv"]
    ledger.prepare(second, Prepared(origins=origins(second, "shop/1")))
    assert command("close", "shop/1", "shop/2", "-p", "demo").output == "1 refus écarté(s).\n"
    assert open_keys(ledger) == {}
