"""Mappings between values of shops and of the ERP: their declaration, and how a value is found in one.

A mapping is a table with key columns (what one side says) and value columns (what the other one wants), all text. For a
record the row whose keys equal the record's wins; a key cell ``*`` fits everything, and of several fitting rows the one
with the fewest ``*`` wins, then the one whose first keys are exact. Else the profile's default values are taken, else
the record is refused. The value ``#ignore`` ignores the record. Values met for the first time are listed, never
invented.

VAT rates and zones have dates and post codes, which ``find`` knows nothing of: see ``oss`` and ``territory``.

Source: spec 00-overview (mapping), ORD-2, ORD-26, ORD-40 to 45, CUS-8, CAT-11, CAT-19.
"""

from __future__ import annotations

from collections.abc import Mapping as Dictionary
from dataclasses import dataclass

import numpy as np
import pandas as pd

from passerelle import money, outcome
from passerelle.exchange import texts

IGNORE = "#ignore"
ANY = "*"


@dataclass(frozen=True, slots=True)
class MappingColumn:
    """A column of a mapping, with the French and English titles people see in the workbook."""

    name: str
    fr: str
    en: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class MappingTable:
    """One mapping: sheet of the workbook, key and value columns.

    Attributes:
        name: its name in code, settings and CSV files.
        fr: title of its sheet.
        en: what it is for.
        keys: what one side says.
        values: what the other one wants.
        code: outcome code of a record that no row answers; empty: that is no fault.
    """

    name: str
    fr: str
    en: str
    keys: tuple[MappingColumn, ...]
    values: tuple[MappingColumn, ...]
    code: str

    @property
    def key_names(self) -> list[str]:
        """Names of the key columns."""
        return [column.name for column in self.keys]

    @property
    def value_names(self) -> list[str]:
        """Names of the value columns."""
        return [column.name for column in self.values]

    def empty(self) -> pd.DataFrame:
        """Give the mapping without rows."""
        return pd.DataFrame({name: pd.Series(dtype="str") for name in self.key_names + self.value_names})


def _column(name: str, fr: str, en: str, *, required: bool = False) -> MappingColumn:
    return MappingColumn(name, fr, en, required)


STATUSES = MappingTable(
    "statuses",
    "Statuts",
    "Which shop statuses are exchanged, as which document (ORD-2)",
    (_column("status", "Statut boutique", "Shop status"),),
    (
        _column("selected", "À importer (oui/non)", "Selected (yes/no)", required=True),
        _column("document_kind", "Type de document", "Document type"),
        _column("document_state", "État du document", "Document state"),
        _column("status_after", "Statut à mettre ensuite", "Status to set afterwards"),
    ),
    "unmapped-status",
)
TERRITORIES = MappingTable(
    "territories",
    "Territoires",
    "Country (and state) to the ERP's territory (ORD-40)",
    (_column("country", "Pays (code ISO)", "Country (ISO code)"), _column("state", "État/province", "State")),
    (
        _column("with_tax", "Territorialité avec TVA", "Territory with tax", required=True),
        _column("without_tax", "Territorialité sans TVA", "Territory without tax"),
    ),
    "unmapped-territory",
)
TAXES = MappingTable(
    "taxes",
    "Taxes",
    "Shop tax (name, rate, country) to the ERP's VAT code (ORD-41)",
    (
        _column("tax_name", "Taxe boutique", "Shop tax"),
        _column("tax_rate", "Taux %", "Rate %"),
        _column("country", "Pays (code ISO)", "Country (ISO code)"),
    ),
    (_column("vat_code", "Code TVA", "VAT code", required=True),),
    "unmapped-tax",
)
PAYMENT_MODES = MappingTable(
    "payment_modes",
    "Modes de paiement",
    "Payment mode and currency to settlement mode, means, accounts (ORD-42)",
    (
        _column("payment_mode", "Mode de paiement", "Payment mode"),
        _column("currency", "Devise (code ISO)", "Currency (ISO code)"),
    ),
    (
        _column("settlement_mode", "Mode de règlement", "Settlement mode", required=True),
        _column("payment_means", "Moyen de paiement", "Payment means"),
        _column("journal", "Journal", "Journal"),
        _column("treasury_account", "Compte de trésorerie", "Treasury account"),
        _column("customer_account", "Compte client imposé", "Customer account override"),
        _column("accounting_account", "Compte comptable imposé", "Accounting account override"),
        _column("payer_account", "Compte payeur", "Payer account"),
        _column("create_settlement", "Créer le règlement (oui/non)", "Create settlement (yes/no)"),
    ),
    "unmapped-payment-mode",
)
CARRIERS = MappingTable(
    "carriers",
    "Transporteurs",
    "Carrier, by id or by name, to shipping mode (ORD-43)",
    (_column("carrier", "Transporteur (id ou nom)", "Carrier (id or name)"),),
    (_column("shipping_code", "Code frais de port", "Shipping code", required=True),),
    "unmapped-carrier",
)
CURRENCIES = MappingTable(
    "currencies",
    "Devises",
    "Currency to the ERP's currency (ORD-44)",
    (_column("currency", "Devise (code ISO)", "Currency (ISO code)"),),
    (_column("erp_currency", "Devise ERP", "ERP currency", required=True),),
    "unmapped-currency",
)
TITLES = MappingTable(
    "titles",
    "Civilités",
    "Civility of the shop to the ERP's (CUS-8)",
    (_column("title", "Civilité boutique", "Shop civility"),),
    (_column("civility", "Civilité ERP", "ERP civility"),),
    "unmapped-title",
)
TAX_RULES = MappingTable(
    "tax_rules",
    "Règles de taxe",
    "VAT code of the ERP's articles to the shop's tax rule or class (CAT-11)",
    (_column("shop", "Boutique", "Shop"), _column("vat_code", "Code TVA", "VAT code")),
    (_column("tax_rule", "Règle de taxe boutique", "Shop tax rule", required=True),),
    "unmapped-tax-rule",
)
DISCOUNT_ARTICLES = MappingTable(
    "discount_articles",
    "Articles remise",
    "VAT code to the Remise article (ORD-26)",
    (_column("vat_code", "Code TVA", "VAT code"),),
    (_column("article", "Article remise", "Discount article", required=True),),
    "missing-special-article",
)
SPECIAL_NAMES: Dictionary[str, tuple[str, str]] = {
    "misc": ("Divers", "Misc"),
    "rounding": ("Écart", "Rounding"),
    "wrapping": ("Emballage", "Wrapping"),
    "shipping": ("Frais de port", "Shipping"),
    "fee": ("Frais", "Fee"),
    "discount": ("Remise", "Discount"),
    "eco_tax": ("Éco-participation", "Eco-tax"),
}
"""How people write the special articles, in French and in English."""
SPECIAL_ARTICLES = MappingTable(
    "special_articles",
    "Articles spéciaux",
    "Articles that stand for what is no catalogue article, before `[orders.special_articles]` (ORD-20, 24 to 28)",
    (_column("special_article", "Article spécial", "Special article"),),
    (_column("article", "Article ERP", "ERP article", required=True),),
    "missing-special-article",
)
VAT_RATES = MappingTable(
    "vat_rates",
    "Taux de TVA",
    "VAT rates of a country or zone and since when, beside those the program knows (ORD-41)",
    (
        _column("country", "Pays ou zone (code)", "Country or zone (code)"),
        _column("tax_rate", "Taux %", "Rate %"),
        _column("valid_from", "À partir du", "From"),
    ),
    (
        _column("rate_kind", "Nature du taux", "Kind of rate", required=True),
        _column("valid_to", "Jusqu'au", "Until"),
    ),
    "unknown-vat-rate",
)
VAT_ZONES = MappingTable(
    "vat_zones",
    "Zones de TVA",
    "Country and start of the post code to the zone of VAT, beside those the program knows (ORD-40)",
    (
        _column("country", "Pays (code ISO)", "Country (ISO code)"),
        _column("postcode", "Début du code postal", "Post code"),
    ),
    (
        _column("zone", "Zone (code)", "Zone (code)", required=True),
        _column("vat_country", "Pays de TVA (vide : hors UE)", "Country of VAT (empty: outside the EU)"),
    ),
    "unmapped-territory",
)
SHOP_STATUSES = MappingTable(
    "shop_statuses",
    "Statuts ERP vers boutique",
    "Kind and state of the ERP's document to the status of the shop's order, in the order of an order's life (STA-1)",
    (
        _column("shop", "Boutique", "Shop"),
        _column("erp_document", "Document ERP", "ERP document"),
        _column("erp_state", "État dans l'ERP", "State in the ERP"),
    ),
    (_column("status", "Statut à mettre (#ignore : laisser)", "Status to set (#ignore: leave)", required=True),),
    "unmapped-status",
)
COLOURS = MappingTable(
    "colours",
    "Couleurs",
    "Colours of the ERP to generic ones, beside those the program knows (CAT-19)",
    (_column("colour", "Couleur ERP", "ERP colour"),),
    (_column("generic_colour", "Couleur générique", "Generic colour", required=True),),
    "unmapped-colour",
)
ATTRIBUTES = MappingTable(
    "attributes",
    "Attributs",
    "Attributes of variants to the shop's groups of attributes (CAT-19)",
    (_column("shop", "Boutique", "Shop"), _column("attribute", "Attribut ERP", "ERP attribute")),
    (
        _column("shop_attribute", "Attribut boutique", "Shop attribute", required=True),
        _column("attribute_type", "Présentation", "Shown as"),
    ),
    "",
)
SIZE_GRIDS = MappingTable(
    "size_grids",
    "Grilles de tailles",
    "Size grids to the shop's groups of attributes (CAT-19)",
    (_column("shop", "Boutique", "Shop"), _column("size_grid", "Grille de tailles", "Size grid")),
    (
        _column("shop_attribute", "Attribut boutique", "Shop attribute", required=True),
        _column("attribute_type", "Présentation", "Shown as"),
    ),
    "unmapped-size-grid",
)
BRANDS = MappingTable(
    "brands",
    "Marques",
    "Brands of the ERP to the shop's (CAT-19)",
    (_column("shop", "Boutique", "Shop"), _column("brand", "Marque ERP", "ERP brand")),
    (_column("shop_brand", "Marque boutique", "Shop brand", required=True),),
    "unmapped-brand",
)
CATEGORIES = MappingTable(
    "categories",
    "Catégories",
    "Categories or RFS of the ERP to the shop's, with the weight of articles that have none (CAT-19)",
    (_column("shop", "Boutique", "Shop"), _column("category", "Catégorie ou RFS", "Category or RFS")),
    (
        _column(
            "shop_categories",
            "Catégories boutique (séparées par des virgules)",
            "Shop categories (separated by commas)",
        ),
        _column("default_weight", "Poids par défaut", "Default weight"),
    ),
    "unmapped-category",
)
PROMOTIONS = MappingTable(
    "promotions",
    "Promotions",
    "Promotions to the shop's category that shows them (CAT-19)",
    (_column("shop", "Boutique", "Shop"), _column("promotion", "Promotion ERP", "ERP promotion")),
    (
        _column(
            "shop_categories",
            "Catégories boutique (séparées par des virgules)",
            "Shop categories (separated by commas)",
        ),
    ),
    "",
)
MAPPINGS: dict[str, MappingTable] = {
    mapping.name: mapping
    for mapping in (
        STATUSES,
        TERRITORIES,
        TAXES,
        PAYMENT_MODES,
        CARRIERS,
        CURRENCIES,
        TITLES,
        TAX_RULES,
        DISCOUNT_ARTICLES,
        SPECIAL_ARTICLES,
        VAT_RATES,
        VAT_ZONES,
        SHOP_STATUSES,
        COLOURS,
        ATTRIBUTES,
        SIZE_GRIDS,
        BRANDS,
        CATEGORIES,
        PROMOTIONS,
    )
}


@dataclass(frozen=True, slots=True)
class Found:
    """What a mapping answered, row for row of what was asked.

    Attributes:
        answers: the mapping's value columns (empty text where nothing answered), index as asked.
        answered: true where a row or the profile's default answered.
        ignored: true where the answer is ``#ignore``.
        unknown: the distinct keys that no row answered and that the mapping has no row for yet (ORD-45).
    """

    answers: pd.DataFrame
    answered: pd.Series
    ignored: pd.Series
    unknown: pd.DataFrame


def find(
    mapping: MappingTable, rows: pd.DataFrame, asked: pd.DataFrame, default: Dictionary[str, str] | None = None
) -> Found:
    """Look values up in a mapping, whole columns at once.

    Args:
        mapping: its declaration.
        rows: its rows: key and value columns, text. A row whose values are all empty answers nothing: it was added by
            the program and waits for the bookkeeper.
        asked: the mapping's key columns, text, any index.
        default: the profile's default values.
    """
    keys, values = mapping.key_names, mapping.value_names
    if asked.empty:
        nothing = pd.Series(dtype="bool", index=asked.index)
        return Found(_blank(values, asked.index), nothing, nothing, _blank(keys))
    known = _folded(rows, keys)[keys]
    filled = (rows[values] != "").any(axis=1)
    cells = asked[keys].astype("str")
    # Many rows ask for the same: each distinct key is looked up once.
    codes, _ = pd.factorize(_as_one(cells))
    met = cells[~pd.Series(codes, cells.index).duplicated()]
    compared = _folded(met, keys)
    best = _best_rows(known[filled], compared)
    waits = texts.among(_as_one(compared), _as_one(known))
    unknown = met[(best < 0) & ~waits & ~compared.duplicated()].reset_index(drop=True)
    answers = rows.loc[filled, values].reset_index(drop=True).reindex(best).fillna("")
    answered = best >= 0
    if default:
        answers = pd.DataFrame({name: answers[name].where(answered, default.get(name, "")) for name in values})
        answered = answered | any(default.values())
    ignored = (answers == IGNORE).any(axis=1).to_numpy()
    return Found(
        answers.astype("str").take(codes).set_axis(asked.index),
        pd.Series(answered[codes], asked.index),
        pd.Series(ignored[codes], asked.index),
        unknown,
    )


def _blank(names: list[str], index: pd.Index | None = None) -> pd.DataFrame:
    return pd.DataFrame(columns=names, index=index, dtype="str")


def _best_rows(rows: pd.DataFrame, keys: pd.DataFrame) -> money.Ints:
    """Give, for each key, the number of the best fitting row, or -1: exact first, then by how many and which ``*``."""
    stars = (rows == ANY).to_numpy()
    best = np.full(len(keys), -1, dtype=np.int64)
    for pattern in sorted(set(map(tuple, stars.tolist())), key=lambda starred: (sum(starred), starred)):
        exact = [key for key, starred in zip(rows, pattern, strict=True) if not starred]
        fitting = np.flatnonzero((stars == pattern).all(axis=1))
        first = ~rows.iloc[fitting].duplicated().to_numpy()
        found = pd.Index(_as_one(rows[exact].iloc[fitting[first]])).get_indexer(_as_one(keys[exact]))
        best = np.where((best < 0) & (found >= 0), fitting[first][found], best)
    return best


def _as_one(keys: pd.DataFrame) -> pd.Series:
    """Give several key columns as one; without any column all keys are the same."""
    return texts.side_by_side(keys, "\x1f")


def _folded(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Give the table with keys as they are compared: without case or outer blanks, rates without trailing zeros."""
    folded = table.copy()
    for key in keys:
        text = folded[key].astype("str").str.strip().str.casefold()
        if key == "tax_rate":
            text = (
                text.str.replace(",", ".", regex=False).str.replace(r"(\.\d*?)0+$", r"\1", regex=True).str.rstrip(".")
            )
        folded[key] = text
    return folded


def refusals(
    mapping: MappingTable, found: Found, asked: pd.DataFrame, records: pd.Series, *, record_type: str = "order"
) -> pd.DataFrame:
    """Say of each record that the mapping does not answer, or answers with ``#ignore``, what it lacks.

    Args:
        mapping: the mapping.
        found: its answers.
        asked: what was asked, same index.
        records: the record of each row asked, same index.
        record_type: what kind of record that is.

    Returns:
        Outcomes, once per record and value.
    """
    said = []
    for code, rows in ((mapping.code, ~found.answered), ("ignored-by-mapping", found.answered & found.ignored)):
        if not rows.any():
            continue
        named = texts.side_by_side(asked.loc[rows, mapping.key_names].astype("str"), " / ")
        met = pd.DataFrame({"record": records[rows], "value": named}).drop_duplicates()
        said.append(
            outcome.said(
                code,
                met["record"],
                record_type=record_type,
                stage="map",
                field=mapping.fr,
                value=met["value"],
                mapping=mapping.fr,
            )
        )
    return outcome.together(said)
