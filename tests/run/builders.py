"""Small installations for the tests: a profile over real or written exports, delivered to a folder."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from passerelle.exchange.mappings import MAPPINGS
from passerelle.profile.workbook import create_workbook
from passerelle.run.installation import Installation

NOW = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)
ARTICLES = ("DIVERS", "ECART", "EMBALLAGE", "PORT", "FRAIS", "REMISE")
"""What the ERP has: the special articles alone, so that what shops sell is unknown."""
RATES = ("20", "10", "5.5", "2.1", "0", "19", "7", "21", "6", "22", "8.5")

ALL_MAPPED: Mapping[str, list[tuple[str, ...]]] = {
    "statuses": [("*", "yes", "invoice", "", "")],
    "territories": [("*", "*", "FRANCE", "")],
    "taxes": [("*", rate, "*", f"TVA{rate}") for rate in RATES],
    "payment_modes": [("*", "*", "CB", "CB", "", "", "", "", "", "")],
    "carriers": [("*", "PORT")],
    "currencies": [("*", "DEV")],
}
"""A mapping for everything that the real shops have."""

PROFILE = """\
name = "test"
language = "fr"

[erp.extracts]
articles = "articles.csv"

{shops}
[delivery]
place = {place}

[schedules]
orders = "30 3 * * *"

[orders]
period = "all"
number = "%SH-%OI"
unknown_article = "misc"
{orders}
[orders.special_articles]
misc = "DIVERS"
rounding = "ECART"
wrapping = "EMBALLAGE"
shipping = "PORT"
fee = "FRAIS"
discount = "REMISE"

[customers.account]
length = 14
prefix = "WEB"
guest_prefix = "INV"
"""
SHOP = """\
[[shops]]
name = "{name}"
platform = "{platform}"
wrapping_labels = ["Emballage cadeau"]
source = {{ place = "{source}", files = ["{pattern}"] }}
"""


def mapping_rows(rows: Mapping[str, list[tuple[str, ...]]]) -> dict[str, pd.DataFrame]:
    """Give mappings as tables."""
    return {
        name: pd.DataFrame(cells, columns=MAPPINGS[name].key_names + MAPPINGS[name].value_names, dtype="str")
        for name, cells in rows.items()
    }


def installed(
    folder: Path,
    *shops: tuple[str, str, Path, str],
    place: str = '"delivered"',
    orders: str = "",
    mapped: Mapping[str, list[tuple[str, ...]]] = ALL_MAPPED,
) -> Installation:
    """Make an installation with the profile ``test``.

    Args:
        folder: where.
        shops: name, platform, folder of the exports and file pattern of each.
        place: the delivery place in TOML.
        orders: further lines of ``[orders]``.
        mapped: rows of the mappings.
    """
    home = folder / "profiles" / "test"
    (home / "delivered").mkdir(parents=True)
    written = "\n".join(
        SHOP.format(name=name, platform=platform, source=source, pattern=pattern)
        for name, platform, source, pattern in shops
    )
    text = PROFILE.format(shops=written, place=place, orders=orders)
    (home / "profile.toml").write_text(text, encoding="utf-8")
    text = "\r\n".join(["Code article;Libellé", *(f"{article};{article.title()}" for article in ARTICLES), ""])
    (home / "articles.csv").write_text(text, encoding="cp1252", newline="")
    create_workbook(home / "mappings.xlsx", mapping_rows(mapped))
    state = folder / "var"
    return Installation(folder / "profiles", state, f"sqlite:///{state / 'ledger.sqlite'}", lambda: NOW)


def delivered(installation: Installation) -> dict[str, bytes]:
    """Give what lies in the delivery folder."""
    home = installation.profiles / "test" / "delivered"
    return {file.name: file.read_bytes() for file in sorted(home.iterdir())}
