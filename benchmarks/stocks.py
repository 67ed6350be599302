"""The stocks job against DuckDB: extracts → what a shop was not told yet, against DuckDB's join of the same files.

    python benchmarks/stocks.py [--articles 1000000] [--rounds 3]

The input is made here, seeded: articles, their stock in one depot on two days, 1 % of it changed. The first day's run
is made beforehand, so that the ledger knows every article. Each round is a process of its own on a copy of that state,
started in turn with its reference; the best of the rounds counts. DuckDB joins the articles with the stock of both
days and writes the rows that differ: no rules, no checks, no ledger, no delivery.
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

from passerelle.profile.workbook import create_workbook

CHANGED = 0.01
PROFILE = """\
name = "bench"
language = "en"

[erp.extracts]
articles = "articles.csv"
stock = "stock.csv"

[[shops]]
name = "s"
platform = "woocommerce"
source = { place = "in" }
delivery = { place = "delivered" }

[shops.stock]

[delivery]
place = "delivered"
"""
REFERENCE = """\
import duckdb, sys
articles, today, before, target = sys.argv[1:]
duckdb.sql("SET threads = 2")
def table(path): return f"read_csv('{path}', delim=';', header=true, all_varchar=true)"
duckdb.sql(f'''COPY (SELECT a."Code article" AS SKU, t."Stock réel" AS Stock
    FROM {table(articles)} a JOIN {table(today)} t USING ("Code article")
    LEFT JOIN {table(before)} b USING ("Code article", "Dépôt")
    WHERE a."Publié sur le web" = '1' AND b."Stock réel" IS DISTINCT FROM t."Stock réel") TO '{target}' (HEADER)''')
"""


def make_extracts(home: Path, count: int) -> None:
    """Write the articles and two days of their stock, in UTF-8, which DuckDB reads too."""
    random = np.random.default_rng(20261128)
    code = "ART-" + pd.Series(random.permutation(count)).astype(str).str.zfill(8)
    label = "Bol en grès émaillé n° " + pd.Series(np.arange(count)).astype(str)
    articles = pd.DataFrame({"Code article": code, "Libellé": label, "Publié sur le web": "1", "Statut": "0"})
    articles.to_csv(home / "articles.csv", sep=";", index=False, lineterminator="\r\n")
    quantity = random.integers(0, 500, count)
    stock = pd.DataFrame({"Code article": code, "Dépôt": "Dépôt principal", "Stock réel": quantity})
    stock = stock.sample(frac=1, random_state=7, ignore_index=True)
    stock.to_csv(home / "before.csv", sep=";", index=False, lineterminator="\r\n")
    stock.loc[random.choice(count, int(count * CHANGED), replace=False), "Stock réel"] += 1
    stock.to_csv(home / "today.csv", sep=";", index=False, lineterminator="\r\n")


def compared(count: int, rounds: int, folder: Path) -> tuple[Measure, Measure, Measure]:
    """Give the first run, which tells everything, then the best of the second day's and of the reference."""
    home = folder / "profiles" / "bench"
    for name in ("in", "delivered"):
        (home / name).mkdir(parents=True)
    (home / "profile.toml").write_text(PROFILE, encoding="utf-8")
    create_workbook(home / "mappings.xlsx", {})
    make_extracts(home, count)
    passerelle, state = Path(sys.executable).with_name("passerelle"), folder / "var"
    command = [passerelle, "--profiles", home.parent, "--state", state, "run", "stocks", "-p", "bench"]
    shutil.copy(home / "before.csv", home / "stock.csv")
    first = measured(command)
    _empty(home / "delivered")
    shutil.move(state, folder / "first")
    shutil.copy(home / "today.csv", home / "stock.csv")
    ours, theirs = [], []
    for _ in range(rounds):
        shutil.copytree(folder / "first", state)
        ours.append(measured(command))
        shutil.rmtree(state)
        files = [home / "articles.csv", home / "today.csv", home / "before.csv", folder / "reference.csv"]
        theirs.append(measured([sys.executable, "-c", REFERENCE, *files]))
        [told] = (home / "delivered").glob("stock-*.csv")
        assert len(told.read_bytes().splitlines()) == len((folder / "reference.csv").read_bytes().splitlines())
        _empty(home / "delivered")
    return first, min(ours, key=lambda one: one.seconds), min(theirs, key=lambda one: one.seconds)


def _empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def main() -> None:
    """Print a table of figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    print("| articles | changed | first run s | peak MiB | passerelle s | peak MiB | DuckDB s | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for count in asked.articles:
        with tempfile.TemporaryDirectory() as folder:
            first, ours, theirs = compared(count, asked.rounds, Path(folder))
        print(
            f"| {count:,} | {int(count * CHANGED):,} | {first.seconds:.2f} | {first.peak_mib:.0f} | {ours.seconds:.2f} "
            f"| {ours.peak_mib:.0f} | {theirs.seconds:.2f} | {ours.seconds / theirs.seconds:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
