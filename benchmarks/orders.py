"""The orders job against DuckDB: a shop's CSV → ``erpFiles.zip`` and ledger, against the same CSV → the same columns.

    python benchmarks/orders.py [--orders 10000 100000] [--rounds 3]

The input is made here, seeded: a PrestaShop SQL-manager export, three lines per order, two VAT rates. Each job is a
process of its own, started in turn with its reference; the best of the rounds counts. DuckDB reads the CSV as text and
writes the columns of ``Invoices.txt`` as CSV: no rules, no checks, no ledger.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from measure import Measure, measured

from passerelle.exchange.mappings import MAPPINGS
from passerelle.formats.registry import formats
from passerelle.profile.workbook import create_workbook

LINES = 3
PROFILE = """\
name = "bench"
language = "en"

[erp.extracts]
articles = "articles.csv"

[[shops]]
name = "s"
platform = "prestashop"
source = { place = "in", files = ["*.csv"] }

[delivery]
place = "delivered"

[orders]
period = "all"

[orders.special_articles]
rounding = "ECART"
discount = "REMISE"

[customers.account]
prefix = "C"
length = 12
"""
REFERENCE = """\
import duckdb, sys
source, target, columns = sys.argv[1], sys.argv[2], sys.argv[3].split("|")
duckdb.sql("SET threads = 2")
names = duckdb.sql(f"SELECT * FROM read_csv('{source}', delim=';', header=true, all_varchar=true) LIMIT 0").columns
picked = ", ".join(f'"{names[number % len(names)]}" AS "{column}"' for number, column in enumerate(columns))
duckdb.sql(f"COPY (SELECT {picked} FROM read_csv('{source}', delim=';', header=true, all_varchar=true)) "
           f"TO '{target}' (HEADER, DELIMITER ';', FORCE_QUOTE *)")
"""


def make_export(path: Path, orders: int) -> None:
    """Write the shop's export: amounts in whole cents, VAT rounded per line, as the shop would."""
    random = np.random.default_rng(20261121)
    count = orders * LINES
    order = np.repeat(np.arange(orders), LINES)
    quantity = random.integers(1, 6, count)
    unit = random.integers(100, 9000, count)
    rate = np.where(random.random(count) < 0.7, 200, 55)
    excl = quantity * unit
    incl = excl + (excl * rate + 500) // 1000
    shipping, shipping_incl = 492, 590
    sums = pd.DataFrame({"order": order, "excl": excl, "incl": incl}).groupby("order").sum()

    def money(cents: np.ndarray) -> pd.Series:
        return pd.Series(cents // 100).astype(str) + "." + pd.Series(cents % 100).astype(str).str.zfill(2) + "0000"

    number = pd.Series(order + 1).astype(str)
    day = pd.Series(order % 28 + 1).astype(str).str.zfill(2)
    customer = pd.Series(random.integers(1, orders, orders)[order]).astype(str)
    frame = pd.DataFrame(
        {
            "id_order": number,
            "reference": "R" + number,
            "current_state": "2",
            "date_add": "2026-10-" + day + " 10:00:00",
            "date_upd": "2026-10-" + day + " 10:00:00",
            "payment": "Carte bancaire",
            "currency": "EUR",
            "conversion_rate": "1.000000",
            "shop_currency": "EUR",
            "id_carrier": "2",
            "carrier": "Colissimo",
            "id_customer": customer,
            "customer_firstname": "Zoé",
            "customer_lastname": "Lefèvre" + customer,
            "customer_email": "client" + customer + "@example.com",
            "customer_is_guest": "0",
            "total_paid_tax_incl": money(sums["incl"].to_numpy()[order] + shipping_incl),
            "total_paid_tax_excl": money(sums["excl"].to_numpy()[order] + shipping),
            "total_discounts_tax_incl": "0.000000",
            "total_discounts_tax_excl": "0.000000",
            "discount_shipping_tax_incl": "0.000000",
            "discount_shipping_tax_excl": "0.000000",
            "total_wrapping_tax_incl": "0.000000",
            "total_wrapping_tax_excl": "0.000000",
            "total_shipping_tax_incl": money(np.full(count, shipping_incl)),
            "total_shipping_tax_excl": money(np.full(count, shipping)),
            "carrier_tax_rate": "20.000",
            "total_paid_real": money(sums["incl"].to_numpy()[order] + shipping_incl),
            "id_order_detail": pd.Series(np.arange(count) + 1).astype(str),
            "product_reference": "ART" + pd.Series(random.integers(1, 5000, count)).astype(str).str.zfill(5),
            "product_name": "Bol en grès émaillé n° " + pd.Series(random.integers(1, 5000, count)).astype(str),
            "product_quantity": pd.Series(quantity).astype(str),
            "unit_price_tax_excl": money(unit),
            "unit_price_tax_incl": money(unit + (unit * rate + 500) // 1000),
            "total_price_tax_excl": money(excl),
            "total_price_tax_incl": money(incl),
            "tax_rate": pd.Series(np.where(rate == 200, "20.000", "5.500")),
            "tax_name": pd.Series(np.where(rate == 200, "TVA FR 20%", "TVA FR 5.5%")),
        }
    )
    places = {"firstname": "Zoé", "lastname": "Lefèvre", "address1": "12 rue de l'Église", "postcode": "06000"}
    places |= {"city": "Nice", "country": "FR", "phone": "0493000000"}
    for kind in ("billing", "delivery"):
        for name, value in places.items():
            frame[f"{kind}_{name}"] = value
    for field in formats().get("prestashop/orders_sql").fields:
        if field.name not in frame:
            frame[field.name] = ""
    frame.to_csv(path, sep=";", index=False)


def make_profile(home: Path) -> None:
    """Write the profile, its mappings and extract."""
    (home / "in").mkdir(parents=True)
    (home / "delivered").mkdir()
    (home / "profile.toml").write_text(PROFILE, encoding="utf-8")
    articles = "".join(f"ART{number:05};Bol {number};20\r\n" for number in range(1, 5000))
    (home / "articles.csv").write_text(f"Code article;Libellé;Taux de TVA\r\n{articles}", encoding="cp1252", newline="")
    rows = {
        "statuses": [("2", "yes", "invoice", "", "")],
        "territories": [("FR", "*", "FRANCE", "")],
        "taxes": [("*", "20", "FR", "TVA20"), ("*", "5.5", "FR", "TVA55")],
        "payment_modes": [("Carte bancaire", "*", "CB", "CB", "", "", "", "", "", "")],
        "carriers": [("Colissimo", "COLISS")],
    }
    tables = {
        name: pd.DataFrame(cells, columns=MAPPINGS[name].key_names + MAPPINGS[name].value_names, dtype="str")
        for name, cells in rows.items()
    }
    create_workbook(home / "mappings.xlsx", tables)


def compared(orders: int, rounds: int, folder: Path) -> tuple[Measure, Measure]:
    """Measure the job and its reference in turn; give the best of each."""
    home = folder / "profiles" / "bench"
    make_profile(home)
    source = home / "in" / "orders.csv"
    make_export(source, orders)
    columns = "|".join(field.title for field in formats().get("ebp/invoices").fields)
    passerelle = Path(sys.executable).with_name("passerelle")
    ours, theirs = [], []
    for _ in range(rounds):
        state = folder / "var"
        ours.append(measured([passerelle, "--profiles", home.parent, "--state", state, "run", "orders", "-p", "bench"]))
        shutil.rmtree(state)
        for file in (home / "delivered").iterdir():
            file.unlink()
        theirs.append(measured([sys.executable, "-c", REFERENCE, source, folder / "reference.csv", columns]))
    return min(ours, key=lambda one: one.seconds), min(theirs, key=lambda one: one.seconds)


def main() -> None:
    """Print a table of figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print("| orders | lines | passerelle s | peak MiB | DuckDB s | ratio |")
    print("|---|---|---|---|---|---|")
    for orders in asked.orders:
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs = compared(orders, asked.rounds, Path(folder))
        ratio = ours.seconds / theirs.seconds
        print(
            f"| {orders:,} | {orders * LINES:,} | {ours.seconds:.2f} | {ours.peak_mib:.0f} | "
            f"{theirs.seconds:.2f} | {ratio:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
