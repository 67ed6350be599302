"""Parts of runs on workers of Dask, real ones on this machine: the same files as without, locks held (RUN-6)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import stock_shops
from distributed import LocalCluster
from image_shops import photo, put_at, shop
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.testing.utilities import prefect_test_harness
from stock_shops import home

from passerelle.flows.dask import VARIABLE
from passerelle.flows.images import images
from passerelle.flows.stocks import stocks
from passerelle.ledger.ledger import Ledger
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation

PARTS = ("collect batch", "stocks ")


@pytest.fixture(scope="module", autouse=True)
def prefect() -> Iterator[None]:
    with prefect_test_harness(server_startup_timeout=120):
        yield


def run(flow: Flow, at: Installation, monkeypatch, dask: str):
    """Run a flow; gives its state, and how the parts ended that workers did, by name."""
    monkeypatch.setenv("PASSERELLE_PROFILES", str(at.profiles))
    monkeypatch.setenv("PASSERELLE_STATE", str(at.state))
    monkeypatch.setenv("PASSERELLE_LEDGER", at.ledger_url)
    monkeypatch.setenv(VARIABLE, dask)
    state = flow("test", return_state=True)
    of_this = FlowRunFilter(id={"any_": [state.state_details.flow_run_id]})
    with get_client(sync_client=True) as client:
        parts = [one for one in client.read_task_runs(flow_run_filter=of_this) if one.name.startswith(PARTS)]
    return state, {one.name: one.state.message or one.state.name for one in parts}


def delivered(at: Installation) -> dict[str, bytes]:
    """Give what shops got: images by their names, tables by what their names begin with (time and run end them)."""
    found = {}
    for folder in home(at).glob("out-*"):
        for file in folder.rglob("*.*"):
            name = file.name if file.parent.name == "images" else file.name.split("-")[0] + file.suffix
            if file.suffix != ".json":
                found[f"{folder.name}/{name}"] = file.read_bytes()
    return found


def reports(at: Installation) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in at.state.glob("runs/*/*.csv")}


def album(folder: Path) -> Installation:
    """Make a shop with more images than one batch has: good ones, large ones, two that are none, articles without."""
    references = [f"R{number:02}" for number in range(24)]
    at = shop(folder, *references, options="max_side = 40\n")
    (home(at) / "articles.csv").touch()  # the flow has the real time
    for number, reference in enumerate(references[:22]):
        put_at(at, f"{reference}/1.jpg", photo(number))
        put_at(at, f"{reference}/2.png", photo(number + 100, "PNG", (90, 30 + number)))
    put_at(at, "R05/3.jpg", b"no image")
    put_at(at, "R21/3.jpg", b"")
    put_at(at, "nobody/1.jpg", photo(250))
    return at


def test_run_6_img_3_batches_of_images_on_workers_give_the_same_bytes(tmp_path, monkeypatch):
    alone, spread = album(tmp_path / "alone"), album(tmp_path / "spread")
    state, parts = run(images, alone, monkeypatch, "")
    assert (state.name, parts) == ("CompletedWithRejects", {})
    state, parts = run(images, spread, monkeypatch, "2")
    assert (state.name, parts) == ("CompletedWithRejects", {f"collect batch {n} of 3": "Completed" for n in (1, 2, 3)})
    assert len(delivered(spread)) == 45
    assert delivered(spread) == delivered(alone)
    assert reports(spread) == reports(alone)
    again, parts = run(images, spread, monkeypatch, "2")
    assert (again.name, parts) == ("CompletedWithRejects", {})  # what is known is not fetched: nobody is asked for help


def test_run_6_a_shop_per_worker_gives_the_same_files_and_what_stops_one_stops_no_other(tmp_path, monkeypatch):
    def three(folder: Path) -> Installation:
        at = stock_shops.shops(folder, ("a", "woocommerce", ""), ("b", "magento", ""), ("c", "prestashop", ""))
        (home(at) / "articles.csv").write_bytes(stock_shops.articles("A1;Bol;1;0;;", "A2;Tasse;1;0;;"))
        (home(at) / "stock.csv").write_bytes(stock_shops.levels("A1;Nice;4", "A2;Nice;x"))
        return at

    alone, spread = three(tmp_path / "alone"), three(tmp_path / "spread")
    ended = {}
    for at, dask in ((alone, ""), (spread, "2")):
        with Ledger.open(at.ledger_url) as ledger, ledger.lease("test", "to-shop c", "somebody else"):
            ended[dask], parts = run(stocks, at, monkeypatch, dask)
    # Magento's file needs a location, and the third shop is held.
    assert [*sorted(parts)] == ["stocks a", "stocks b", "stocks c"]
    assert "to-shop c of profile test is already running (somebody else" in parts["stocks c"]
    assert str(ended[""].result(raise_on_failure=False)) == str(ended["2"].result(raise_on_failure=False))
    assert delivered(spread) == delivered(alone)
    assert [*delivered(spread)] == ["out-a/stock.csv"]
    with Ledger.open(spread.ledger_url) as ledger:
        assert {run.run_id[-2:]: run.state for run in ledger.runs("test")} == {"-a": "delivered", "-b": "failed"}


@pytest.mark.parametrize(
    ("dask", "hidden", "code"),
    [("tcp://127.0.0.1:1", False, "dask-unreachable"), ("2", True, "dask-not-installed")],
)
def test_run_6_workers_that_cannot_be_had_are_named(tmp_path, monkeypatch, dask, hidden, code):
    at = album(tmp_path)
    if hidden:
        monkeypatch.setitem(sys.modules, "prefect_dask", None)  # as if it were not installed
    state, _ = run(images, at, monkeypatch, dask)
    error = state.result(raise_on_failure=False)
    assert isinstance(error, RunError)
    assert error.code == code
    assert error.todo("fr")
    assert delivered(at) == {}


def test_run_6_workers_of_a_cluster_have_the_same_installation_or_run_no_shop(tmp_path, monkeypatch):
    shops = stock_shops.shops(tmp_path / "stocks", ("a", "woocommerce", ""), ("b", "woocommerce", ""))
    (home(shops) / "articles.csv").write_bytes(stock_shops.articles("A1;Bol;1;0;;"))
    (home(shops) / "stock.csv").write_bytes(stock_shops.levels("A1;Nice;4"))
    pictures = album(tmp_path / "images")
    monkeypatch.setenv("PASSERELLE_STATE", str(tmp_path / "elsewhere"))
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        state, _ = run(stocks, shops, monkeypatch, address)
        error = state.result(raise_on_failure=False)
        assert isinstance(error, RunError)
        assert (error.code, delivered(shops)) == ("dask-other-installation", {})
        # Batches of files know all they need.
        state, parts = run(images, pictures, monkeypatch, address)
        assert (state.name, len(parts), len(delivered(pictures))) == ("CompletedWithRejects", 3, 45)
    assert not (tmp_path / "elsewhere").exists()
