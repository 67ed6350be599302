"""The flows ``images`` and ``documents``: what a run without refusals, and with one, ends as (RUN-1)."""

from __future__ import annotations

from image_shops import photo, put, shop, told
from prefect.testing.utilities import prefect_test_harness
from stock_shops import home

from passerelle.flows.images import documents, images
from passerelle.run.errors import RunError


def test_run_1_img_3_the_flows_give_a_shop_its_files(tmp_path, monkeypatch):
    at = shop(tmp_path, "A", "B")
    (home(at) / "articles.csv").touch()  # the flow has the real time
    put(at, A__1=photo(1))
    monkeypatch.setenv("PASSERELLE_PROFILES", str(at.profiles))
    monkeypatch.setenv("PASSERELLE_STATE", str(at.state))
    with prefect_test_harness(server_startup_timeout=120):
        assert images("test", return_state=True).name == "Completed"
        assert told(at) == {"A": [photo(1)]}
        put(at, A__2=photo(2), B__1=b"no image")
        assert images("test", shop="a", return_state=True).name == "CompletedWithRejects"
        assert told(at) == {"A": [photo(1), photo(2)]}
        failed = documents("test", return_state=True)
        assert isinstance(failed.result(raise_on_failure=False), RunError)  # the shop has no such table
