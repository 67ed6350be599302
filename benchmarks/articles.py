"""The articles job against DuckDB: an extract → a shop's products, three nights: all new, nothing new, 1 % changed.

    python benchmarks/articles.py [--articles 1000000]

The extract is made here, seeded: thirteen columns, a description of a hundred characters, some 270 bytes an article.
The third night 1 % of the prices have changed. DuckDB reads the extracts of today and of the night before, joins them
by the reference and writes what a shop would be told of the rows that differ: no rules, no checks, no ledger, no
delivery. Each job is a process of its own, measured once.
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
NIGHTS = ("first", "nothing new", "1 % changed")
PROFILE = """\
name = "bench"
language = "en"

[erp.extracts]
articles = "articles.csv"

[[shops]]
name = "s"
platform = "woocommerce"
source = { place = "in" }
delivery = { place = "delivered" }

[shops.articles]
create = true
update = { name = true, description = true, price = true, brand = true, weight = true, barcode = true }

[shops.articles.fields]
name = "Libellé"
summary = "Résumé"
description = "Description"
price = "PV HT"
vat_code = ""
brand = "Marque"
barcode = "Code-barres"
weight = "Poids"

[shops.articles.categories]
levels = ["Famille", "Sous-famille"]

[delivery]
place = "delivered"
"""
REFERENCE = """\
import duckdb, sys
today, before, target = sys.argv[1:]
duckdb.sql("SET threads = 2")
def table(path): return f"read_csv('{path}', delim=';', header=true, all_varchar=true)"
told = ["Code article", "Libellé", "Résumé", "Description", "PV HT", "Marque", "Code-barres", "Poids"]
columns = ", ".join(f't."{name}"' for name in [*told, "Famille", "Sous-famille"])
differs = " OR ".join(f't."{name}" IS DISTINCT FROM b."{name}"' for name in told)
duckdb.sql(f'''COPY (SELECT {columns} FROM {table(today)} t LEFT JOIN {table(before)} b USING ("Code article")
    WHERE t."Publié sur le web" = '1' AND ({differs})) TO '{target}' (HEADER)''')
"""
WORDS = ("grès", "émail", "cuisson", "bol", "assiette", "tasse", "four", "main", "bleu", "blanc", "série", "céramique")


def make_extracts(home: Path, count: int) -> None:
    """Write the articles of two days, and for the first night those of the day before: none."""
    random = np.random.default_rng(20261128)
    number = pd.Series(np.arange(count)).astype(str)
    texts = pd.Series([" ".join(words) for words in random.choice(WORDS, (min(count, 5000), 14))])

    def of(word: str, many: int) -> pd.Series:
        return word + " " + pd.Series(random.integers(0, many, count)).astype(str)

    def decimals(most: int, unit: int) -> pd.Series:
        return pd.Series(random.integers(1, most, count) / unit).astype(str).str.replace(".", ",")

    articles = pd.DataFrame(
        {
            "Code article": "ART-" + pd.Series(random.permutation(count)).astype(str).str.zfill(8),
            "Libellé": "Bol en grès émaillé n° " + number,
            "Résumé": "Pièce " + number + " faite main",
            "Description": texts.take(random.integers(0, len(texts), count)).reset_index(drop=True) + " " + number,
            "Code TVA": "20",
            "PV HT": decimals(99999, 100),
            "Marque": of("Marque", 200),
            "Code-barres": (3_000_000_000_000 + pd.Series(np.arange(count))).astype(str),
            "Poids": decimals(9000, 1000),
            "Famille": of("Famille", 40),
            "Sous-famille": of("Sous-famille", 300),
            "Publié sur le web": "1",
            "Statut": "0",
        }
    )
    articles[:0].to_csv(home / "none.csv", sep=";", index=False, lineterminator="\r\n")
    articles.to_csv(home / "before.csv", sep=";", index=False, lineterminator="\r\n")
    changed = random.choice(count, int(count * CHANGED), replace=False)
    articles.loc[changed, "PV HT"] = articles.loc[changed, "PV HT"] + "1"
    articles.to_csv(home / "today.csv", sep=";", index=False, lineterminator="\r\n")


def nights(count: int, folder: Path) -> list[tuple[int, Measure, Measure]]:
    """Give of each night how many articles the shop was told, our measure and the reference's."""
    home = folder / "profiles" / "bench"
    for name in ("in", "delivered"):
        (home / name).mkdir(parents=True)
    (home / "profile.toml").write_text(PROFILE, encoding="utf-8")
    create_workbook(home / "mappings.xlsx", {})
    make_extracts(home, count)
    passerelle, reference = Path(sys.executable).with_name("passerelle"), folder / "reference.csv"
    command = [passerelle, "--profiles", home.parent, "--state", folder / "var", "run", "articles", "-p", "bench"]
    found = []
    for today, before in (("before", "none"), ("before", "before"), ("today", "before")):
        shutil.copy(home / f"{today}.csv", home / "articles.csv")
        ours = measured(command)
        theirs = measured([sys.executable, "-c", REFERENCE, home / f"{today}.csv", home / f"{before}.csv", reference])
        files = list((home / "delivered").glob("products_*.csv"))
        told = sum(len(file.read_bytes().splitlines()) - 1 for file in files)
        assert told == len(reference.read_bytes().splitlines()) - 1
        for file in (home / "delivered").iterdir():
            file.unlink()
        found.append((told, ours, theirs))
    return found


def main() -> None:
    """Print a table of figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, nargs="+", default=[100_000, 1_000_000])
    asked = parser.parse_args()
    print("| articles | night | told | passerelle s | peak MiB | DuckDB s | peak MiB | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for count in asked.articles:
        with tempfile.TemporaryDirectory() as folder:
            rows = zip(NIGHTS, nights(count, Path(folder)), strict=True)
            for night, (told, ours, theirs) in rows:
                print(
                    f"| {count:,} | {night} | {told:,} | {ours.seconds:.1f} | {ours.peak_mib:.0f} "
                    f"| {theirs.seconds:.1f} | {theirs.peak_mib:.0f} | {ours.seconds / theirs.seconds:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
