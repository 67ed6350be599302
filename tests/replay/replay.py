"""A month of nightly runs through the real job, with the shops, the bookkeeper, EBP, and whatever goes wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import exports_of
import openpyxl
import pytest
from builders import mapping_rows
from erp import rows, unzipped
from killed import run_at_once, run_killed
from month import (
    CARRIERS,
    CATALOGUE,
    CURRENCIES,
    DAYS,
    FIRST,
    LATE_MODES,
    MODES,
    NEW_ARTICLES,
    PLACES,
    STATUSES,
    WRAPPING,
    Shop,
)

from passerelle.ledger.ledger import Ledger
from passerelle.profile.workbook import create_workbook
from passerelle.run.installation import Installation
from passerelle.run.orders import run_orders
from passerelle.run.request import Request
from passerelle.run.summary import Summary
from passerelle.storage.errors import StorageError

SPECIAL = ("DIVERS", "ECART", "EMBALLAGE", "PORT", "FRAIS", "REMISE")
PROFILE = f"""\
name = "test"
language = "fr"

[erp.extracts]
articles = "articles.csv"
customers = "customers.csv"
vat_codes = "vat_codes.csv"
settlement_modes = "settlement_modes.csv"
payment_means = "payment_means.csv"
shipping = "shipping.csv"
countries = "countries.csv"

[[shops]]
name = "bou"
platform = "prestashop"
source = {{ place = "bou", files = ["*.json"] }}

[[shops]]
name = "web"
platform = "woocommerce"
wrapping_labels = ["{WRAPPING}"]
source = {{ place = "web", files = ["*.json"], after = "archive" }}

[delivery]
place = "delivered"

[orders]
period = "last-15-days"
number = "%SH-%OI"
use_own_number = true
shop_order = "%SH-%OI"
credit_note_number = "AV-%SH-%RI"
rounding_vat_code = "TVA0"
changes = "reverse"
cancelled_statuses = ["6", "cancelled"]

[orders.special_articles]
misc = "DIVERS"
rounding = "ECART"
wrapping = "EMBALLAGE"
shipping = "PORT"
fee = "FRAIS"
discount = "REMISE"

[orders.settlements]
create = true
amount = "payments"

[customers.account]
length = 14
prefixes = {{ bou = "BOU", web = "WEB" }}
guest_prefix = "INV"
"""
RATES = sorted({rate for place in PLACES for rate in (*place.rates, *(place.later_rates or ()))})


@dataclass(frozen=True)
class Fault:
    """What goes wrong with the run of a day: skipped, unreachable, twice, at once, or killed at a step."""

    kind: str
    step: str = ""
    moment: str = ""


class Replay:
    """The installation of a bookkeeper whose two shops export once a day.

    Args:
        folder: where.
        shops: PrestaShop ``bou``, whose files stay and are replaced; WooCommerce ``web``, whose files are put away.
    """

    def __init__(self, folder: Path, shops: list[Shop]) -> None:
        self._shops = {shop.name: shop for shop in shops}
        self.home = folder / "profiles" / "test"
        for name in ("delivered", "bou", "web"):
            (self.home / name).mkdir(parents=True)
        (self.home / "profile.toml").write_text(PROFILE, encoding="utf-8")
        self._articles = {*SPECIAL, *CATALOGUE}
        self._customers: dict[str, str] = {"CL00001": shops[0].orders[0].buyer.email}
        self._write_extracts()
        create_workbook(self.home / "mappings.xlsx", mapping_rows(_mappings()))
        state = folder / "var"
        self._at = Installation(folder / "profiles", state, f"sqlite:///{state / 'ledger.sqlite'}")
        self._seen_run = ""

    def play(self, faults: Mapping[int, Fault], days: Iterable[int] = range(DAYS)) -> None:
        """Play every day, and one more, on which nothing is left but what was late."""
        for day in (*days, DAYS):
            self._export(day)
            fault = faults.get(day)
            if fault is None:
                self.run(day)
            else:
                self._disturbed(day, fault)
            self._bookkeeping(day)

    def at(self, day: int) -> Installation:
        """Give the installation in the night after a day."""
        night = datetime.combine(FIRST + timedelta(days=day + 1), datetime.min.time(), UTC)
        return replace(self._at, clock=lambda: night + timedelta(hours=2, minutes=30))

    def run(self, day: int) -> Summary:
        return run_orders(Request("test"), self.at(day))

    def ledger(self) -> Ledger:
        return Ledger.open(self._at.ledger_url)

    def zips(self) -> dict[str, bytes]:
        """Give what was delivered, in the order it was made."""
        return {path.name: path.read_bytes() for path in sorted((self.home / "delivered").glob("*.zip"))}

    def _disturbed(self, day: int, fault: Fault) -> None:
        if fault.kind == "skipped":
            return
        if fault.kind == "killed":
            ended = run_killed(self.at(day), fault.step, fault.moment)
            assert ended == -signal.SIGKILL, f"day {day}: {fault} ended with {ended}"
            self.run(day)
        elif fault.kind == "unreachable":
            place = self.home / "delivered"
            place.rename(place.with_name("away"))
            with pytest.raises(StorageError):
                self.run(day)
            place.with_name("away").rename(place)
        elif fault.kind == "twice":
            self.run(day)
            assert self.run(day).state == "nothing-to-do"
        else:
            assert fault.kind == "at once"
            assert 0 in run_at_once(self.at(day))

    def _export(self, day: int) -> None:
        """Export what changed: PrestaShop of four days and over the last files, WooCommerce of two."""
        end = datetime.combine(FIRST + timedelta(days=day), datetime.max.time())
        for name, age in (("bou", 4), ("web", 2)):
            now = [kept for order in self._shops[name].orders if (kept := order.until(end))]
            since = end - timedelta(days=age)
            recent = [order for order in now if order.changed_at > since]
            if name == "bou":
                self._leave(name, exports_of.prestashop(recent), day)
            elif recent:
                self._leave(name, exports_of.woocommerce(recent, f"{day:02}"), day)
                if day % 7 == 3:
                    self._leave(name, exports_of.woocommerce(recent[: len(recent) // 2], f"{day:02}-encore"), day)

    def _leave(self, name: str, files: exports_of.Files, day: int) -> None:
        for position, (file, data) in enumerate(files.items()):
            path = self.home / name / file
            path.write_bytes(data)
            at = datetime.combine(FIRST + timedelta(days=day), datetime.max.time()).timestamp() + position
            os.utime(path, (at, at))

    def _bookkeeping(self, day: int) -> None:
        """Mend what the last runs refused: tell the ERP of new articles, fill the new rows of the mappings in."""
        with self.ledger() as ledger:
            latest = ledger.runs("test", 3)
            said = [ledger.run_outcomes(run.run_id) for run in latest]
        unknown = {
            reference
            for outcomes in said
            for value in outcomes.loc[outcomes["code"] == "unknown-article", "value"]
            for reference in value.split(", ")
        }
        assert unknown <= NEW_ARTICLES.keys()
        self._articles |= unknown
        if day % 7 == 4:
            for data in self.zips().values():
                for row in rows(unzipped(data)["Customers.txt"]):
                    self._customers.setdefault(row["Code (tiers)"], row["E-mail (facturation)"])
        self._write_extracts()
        _fill_in(self.home / "mappings.xlsx")

    def _write_extracts(self) -> None:
        extracts = {
            "articles": ("Code article", sorted(self._articles)),
            "customers": ("Code (tiers);E-mail (facturation)", [";".join(one) for one in self._customers.items()]),
            "vat_codes": ("Code TVA;Taux de TVA", [f"TVA{rate};{rate.replace('.', ',')}" for rate in RATES]),
            "settlement_modes": ("Code mode de règlement", sorted((MODES | LATE_MODES).values())),
            "payment_means": (
                "Code moyen de paiement",
                sorted(f"M{code[:5]}" for code in (MODES | LATE_MODES).values()),
            ),
            "countries": ("Code Pays", sorted({place.country for place in PLACES})),
            "shipping": ("Code frais de port", [f"PORT{number}" for number in range(1, len(CARRIERS) + 1)]),
        }
        for name, (header, cells) in extracts.items():
            text = "".join(f"{line}\r\n" for line in [header, *cells])
            (self.home / f"{name}.csv").write_text(text, encoding="cp1252", newline="")


def _mappings() -> dict[str, list[tuple[str, ...]]]:
    kinds = {"paid": "invoice", "invoice": "invoice", "refunded": "invoice", "order": "order", "quote": "quote"}
    kinds["delivery_note"] = "delivery_note"
    statuses = [
        (status, "oui" if meaning in kinds else "non", kinds.get(meaning, ""), "", "")
        for names in STATUSES.values()
        for meaning, status in names.items()
    ]
    abroad = [(place.country, "*", f"UE-{place.country}", "UE-HT") for place in PLACES if place.is_abroad]
    return {
        "statuses": statuses,
        "territories": [("*", "*", "EXPORT", "EXPORT"), ("FR", "*", "FRANCE", ""), *dict.fromkeys(abroad)],
        "taxes": [("*", rate, "*", f"TVA{rate}") for rate in RATES],
        "payment_modes": [(mode, "*", code, f"M{code[:5]}", "", "", "", "", "", "") for mode, code in MODES.items()],
        "carriers": [(name, f"PORT{number}") for number, name in enumerate(CARRIERS, 1)],
        "currencies": [(code, code) for code in CURRENCIES],
    }


def _fill_in(path: Path) -> None:
    """Fill in the payment modes that wait, as the bookkeeper does in his spreadsheet."""
    book = openpyxl.load_workbook(path)
    sheet = book["Modes de paiement"]
    titles = {cell.value: cell.column for cell in sheet[1]}
    mode, means = titles["Mode de règlement"], titles["Moyen de paiement"]
    waiting = [
        row[0].row for row in sheet.iter_rows(min_row=2) if row[0].value and not sheet.cell(row[0].row, mode).value
    ]
    for row in waiting:
        code = LATE_MODES[sheet.cell(row, 1).value]
        sheet.cell(row, mode).value, sheet.cell(row, means).value = code, f"M{code[:5]}"
    if waiting:
        book.save(path)
