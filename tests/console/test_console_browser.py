"""The console as a person uses it, in a real browser (CON-1, SEC-1)."""

from __future__ import annotations

import csv
import io
import logging
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from consoles import NAME, PASSWORD, serve, shop_installation

from passerelle.ledger.ledger import Ledger
from passerelle.run import log
from passerelle.run.orders import run_orders
from passerelle.run.request import Request

WORDS = {
    "fr": ("Exécutions", "Relancer les refus", "Compléter les correspondances", "Enregistrer les réponses"),
    "en": ("Runs", "Run the rejects again", "Fill in the mappings", "Save the answers"),
}


@pytest.fixture
def yesterday(tmp_path, request):
    """A console the morning after a run that refused an order for want of a VAT code."""
    made = shop_installation(tmp_path, request.config.rootpath)
    night = datetime.now(UTC) - timedelta(days=1)
    summary = run_orders(Request.asked("test"), replace(made, clock=lambda: night))
    with serve(made) as served:
        yield served, summary


def opened(chromium, served, language: str, width: int):
    """Give a page of a browser, and what its console complained of."""
    locale = {"fr": "fr-FR", "en": "en-GB"}[language]
    context = chromium.new_context(viewport={"width": width, "height": 800}, locale=locale, accept_downloads=True)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(served.url)
    return page, said


def log_in(page) -> None:
    page.get_by_label("Utilisateur" if page.locator("html").get_attribute("lang") == "fr" else "User").fill(NAME)
    page.locator("[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("nav")


@pytest.mark.parametrize(("language", "width"), [("fr", 1200), ("en", 360)])
def test_con_1_from_yesterdays_refusal_to_todays_zip(chromium, yesterday, tmp_path, language, width):
    served, summary = yesterday
    runs, rejects, fill, save = WORDS[language]
    with Ledger.open(served.installation.ledger_url) as ledger:
        said = ledger.run_outcomes(summary.run_id)
    refused = said[(said["code"] == "unmapped-tax") & (said["record_type"] == "order")]["record"].unique()
    assert len(refused) == summary.failed == 1
    number = refused[0].replace("/", "-")

    page, complaints = opened(chromium, served, language, width)
    assert page.locator("html").get_attribute("lang") == language
    log_in(page)
    page.locator(f"#run-{summary.run_id}").click()
    assert page.get_by_text(refused[0], exact=True).first.is_visible()
    page.get_by_role("link", name=fill).first.click()
    page.get_by_role("link", name="Taxes").click()
    while (answers := page.locator("tr.waiting input")).count():
        answers.first.fill("TVA10")
        page.get_by_role("button", name=save).click()
        page.wait_for_selector(".said .succeeded")
    page.get_by_role("link", name=runs, exact=True).click()
    page.locator(f"#run-{summary.run_id}").click()
    page.get_by_role("button", name=rejects).click()
    page.locator(".tiles .state.delivered").wait_for(timeout=120_000)
    page.locator(".tiles a").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="erpFiles.zip").click()
    download.value.save_as(tmp_path / "erpFiles.zip")
    with zipfile.ZipFile(tmp_path / "erpFiles.zip") as archive:
        text = archive.read("Invoices.txt").decode("cp1252")
    heads, *rows = csv.reader(io.StringIO(text), delimiter=";")
    cells = pd.DataFrame(rows, columns=heads)
    assert set(cells["Document - Numéro du document"]) == {number}
    assert "TVA10" in {cell for row in rows for cell in row}
    assert complaints == []


@pytest.mark.parametrize(("language", "width"), [("fr", 1200), ("en", 360)])
def test_con_2_an_order_is_reset_and_a_file_checked(chromium, yesterday, tmp_path, language, width):
    """From the run's page, by keyboard; what would be done is said first, and one may think better of it."""
    served, summary = yesterday
    reset, do_nothing, tools, check, question = {
        "fr": ("Réinitialiser des commandes", "Ne rien faire", "Outils", "Vérifier un fichier", "supprimez-y"),
        "en": ("Reset orders", "Do nothing", "Tools", "Check a file", "delete their documents"),
    }[language]
    page, complaints = opened(chromium, served, language, width)
    log_in(page)
    page.goto(f"{served.url}/runs/{summary.run_id}?said=all")
    page.get_by_role("link", name=reset).first.click()
    order = page.locator("[name=orders]").input_value()
    for leave in (True, False):
        page.get_by_role("button", name=reset).focus()
        page.keyboard.press("Enter")
        page.locator("#said ~ .notice", has_text=question).wait_for()
        assert "1 " in page.locator("#said ~ .notice").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if leave:
            page.get_by_role("link", name=do_nothing).click()
            assert page.locator("[name=orders]").input_value() == order
    page.get_by_role("button", name=reset).focus()
    page.keyboard.press("Enter")
    page.locator("#said ~ pre").wait_for()
    with served.ledger() as ledger:
        assert order not in set(ledger.exchanged("test", "order")["record_key"])
        assert len(ledger.exchanged("test", "order")) == summary.written - 1

    page.get_by_role("navigation").get_by_role("link", name=tools).click()
    page.get_by_role("link", name=check).click()
    (tmp_path / "Customers.txt").write_bytes(b"not;a\r\nlist;of customers\r\n")
    page.locator("[name=file]").set_input_files(tmp_path / "Customers.txt")
    page.locator("[name=name]").fill("ebp/customers")
    page.get_by_role("button", name=check).click()
    page.locator("#said ~ pre", has_text="Customers.txt").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []


@pytest.mark.parametrize("width", [320, 360, 768])
def test_con_1_no_page_scrolls_sideways(chromium, yesterday, width):
    served, summary = yesterday
    page, complaints = opened(chromium, served, "fr", width)
    log_in(page)
    paths = ["/", "/runs", f"/runs/{summary.run_id}?said=all", "/start", "/start/test/orders", "/profiles",
             "/profiles/test", "/profiles/test/mappings", "/profiles/test/mappings/taxes",
             "/profiles/test/mappings/payment_modes", "/commands", "/commands/profile-new", "/commands/people-find",
             "/commands/ledger-reset?profile=test", "/commands/format-check", "/access"]  # fmt: skip
    for path in paths:
        page.goto(served.url + path)
        page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        unlabelled = (
            "[...document.querySelectorAll('input:not([type=hidden]),select')].filter(one => !one.labels.length"
        )
        assert page.evaluate(f"{unlabelled} && !one.getAttribute('aria-labelledby')).length") == 0, path
    assert complaints == []


def test_con_1_everything_is_reached_by_keyboard_and_the_language_stays(chromium, served):
    page, complaints = opened(chromium, served, "en", 1000)
    page.get_by_role("button", name="Français").click()
    assert page.locator("html").get_attribute("lang") == "fr"
    log_in(page)
    assert page.locator("html").get_attribute("lang") == "fr"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    reached = []
    page.goto(served.url)
    for _ in range(10):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
        assert page.evaluate("document.activeElement.tagName") in {"A", "BUTTON"}
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert {"Tableau de bord", "Exécutions", "Lancer", "Profils", "Accès", "English"} <= set(reached)
    page.get_by_role("navigation").get_by_role("link", name="Lancer").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/start")
    assert complaints == []


def test_jou_1_a_new_run_appears_by_itself(chromium, own):
    page, _ = opened(chromium, own, "fr", 1000)
    log_in(page)
    page.goto(f"{own.url}/runs")
    assert page.get_by_text("Aucune exécution.").is_visible()
    with own.ledger() as ledger:
        run = ledger.start_run("test", "orders")
    page.locator(f"#run-{run}").wait_for(timeout=20_000)
    page.goto(f"{own.url}/runs/{run}")
    assert page.locator("#live .state.running").is_visible()
    with own.ledger() as ledger:
        ledger.fail_run(run, "the shop's server did not answer")
    page.get_by_text("the shop's server did not answer").wait_for(timeout=20_000)


def test_jou_1_the_log_of_a_run_grows_by_itself(chromium, own):
    with own.ledger() as ledger:
        run = ledger.start_run("test", "orders")
    page, complaints = opened(chromium, own, "en", 1000)
    log_in(page)
    page.goto(f"{own.url}/runs/{run}")
    assert page.get_by_text("This run has no technical log, or no longer.").is_visible()
    with log.kept() as kept:
        kept.begin(own.installation.run_folder(run), "en", "Europe/Paris")
        logging.getLogger("passerelle.test").warning("the shop is slow")
        page.locator(".log .wrong", has_text="the shop is slow").wait_for(timeout=20_000)
        page.get_by_role("link", name="Errors and warnings").click()
        logging.getLogger("passerelle.test").info("it has answered")
        logging.getLogger("passerelle.test").error("it broke off")
        page.locator(".log .wrong", has_text="it broke off").wait_for(timeout=20_000)
        assert page.locator(".log tr").count() == 2
    assert complaints == []


def test_con_1_colours_can_be_told_from_their_ground(chromium, yesterday):
    """WCAG 2.2 AA: 4.5 to 1 for every text, computed from what the browser paints."""
    served, summary = yesterday
    page, _ = opened(chromium, served, "fr", 1200)
    measure = """() => {
      const rgb = text => text.match(/[\\d.]+/g).map(Number);
      const part = v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
      const light = ([r, g, b]) => .2126 * part(r / 255) + .7152 * part(g / 255) + .0722 * part(b / 255);
      const ground = one => {
        for (; one; one = one.parentElement) {
          const colour = rgb(getComputedStyle(one).backgroundColor);
          if (colour.length < 4 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
      };
      const found = [];
      for (const one of document.querySelectorAll('body *')) {
        if (![...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) continue;
        if (!one.getClientRects().length || one.closest('svg')) continue;
        const both = [light(rgb(getComputedStyle(one).color)), light(ground(one))];
        const ratio = (Math.max(...both) + .05) / (Math.min(...both) + .05);
        if (ratio < 4.5) found.push(`${one.tagName}.${one.className} ${one.textContent.trim().slice(0, 30)} ${ratio}`);
      }
      return found;
    }"""
    assert page.evaluate(measure) == []
    log_in(page)
    paths = ["/", f"/runs/{summary.run_id}?said=all", "/profiles/test", "/profiles/test/mappings/taxes", "/access",
             "/commands", "/commands/profile-new", "/commands/stats"]  # fmt: skip
    for path in paths:
        page.goto(served.url + path)
        assert page.evaluate(measure) == [], path
