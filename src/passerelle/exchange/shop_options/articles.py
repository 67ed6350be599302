"""Options of the articles that go to a shop.

Source: spec CAT-1 to CAT-4, CAT-10 to CAT-16.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from passerelle.exchange.options import Options

WeightUnit = Literal["t", "kg", "g", "mg", "lb", "oz"]
LengthUnit = Literal["m", "cm", "mm", "in", "ft"]


class ArticleChoice(Options):
    """Which articles a task takes to a shop, published on the web or not (CAT-2)."""

    changed_only: bool = Field(
        default=False,
        description="Only articles that the ERP has changed since the task last transferred to this shop; those whose "
        "date of change is not known are taken (CAT-2).",
    )
    criterion: str = Field(
        "",
        description="Only articles for which this holds: SQL as after `WHERE`, on any column of the article extract "
        "by its label or SQL name (CAT-2).",
        examples=["\"Code article\" LIKE 'EM%' AND xx_couleur <> 'rouge'"],
    )

    @property
    def leaves_unpublished(self) -> bool:
        """Whether articles that the ERP does not publish on the web are left."""
        return False


class ArticleFilter(ArticleChoice):
    """Which articles a task takes to a shop (CAT-2)."""

    published_only: bool = Field(
        default=True, description="Only articles that the ERP publishes on the web; the extract must tell (CAT-2)."
    )

    @property
    def leaves_unpublished(self) -> bool:  # noqa: D102 - as above
        return self.published_only


class ProductTexts(Options):
    """Columns of the article extract that fill a product's texts: by label or SQL name; empty: none (CAT-10)."""

    name: str = Field("", description="Name.", examples=["LocalizableCaption_2"])
    summary: str = Field("", description="Short description; RTF becomes HTML.")
    description: str = Field("", description="Description; RTF becomes HTML.")
    meta_title: str = Field("", description="Title of its page, for search engines.")
    meta_description: str = Field("", description="Description of its page, for search engines.")
    meta_keywords: str = Field("", description="Key words of its page, separated by commas.")
    permalink: str = Field("", description="End of its page's address; written in small letters, digits and hyphens.")


class ProductFields(ProductTexts):
    """Columns of the article extract that fill a product (CAT-10 to CAT-13)."""

    name: str = Field("Libellé", description="Name.")
    price: str = Field(
        "", description="Price, as the shop wants it: with or without tax. Promotions and groups are of `prices`."
    )
    cost_price: str = Field("", description="What the article costs the merchant.")
    vat_code: str = Field(
        "Code TVA", description="VAT code, which the sheet *Règles de taxe* makes the shop's tax rule (CAT-11)."
    )
    brand: str = Field("", description="Brand or manufacturer (CAT-12).", examples=["xx_Marque"])
    supplier: str = Field("", description="Main supplier.", examples=["Code fournisseur"])
    supplier_reference: str = Field("", description="The supplier's reference.")
    barcode: str = Field("", description="Barcode.", examples=["Code barre"])
    weight: str = Field("", description="Weight, net or gross (CAT-13).", examples=["Poids net", "Poids brut"])
    width: str = Field("", description="Width (CAT-13).", examples=["Largeur"])
    height: str = Field("", description="Height (CAT-13).", examples=["Hauteur"])
    depth: str = Field("", description="Depth (CAT-13).", examples=["Longueur"])
    tags: str = Field("", description="Words by which it is found, separated by commas.")


class UpdateFields(Options):
    """What of a product that the shop has may be changed; what may not is the shop's own (CAT-3)."""

    name: bool = Field(default=False, description="Name.")
    summary: bool = Field(default=False, description="Short description.")
    description: bool = Field(default=False, description="Description.")
    meta: bool = Field(default=False, description="Texts for search engines.")
    permalink: bool = Field(default=False, description="End of its page's address.")
    languages: bool = Field(default=False, description="The permitted texts in the further languages too.")
    price: bool = Field(default=False, description="Price and cost price.")
    tax_rule: bool = Field(default=False, description="Tax rule.")
    weight: bool = Field(default=False, description="Weight.")
    dimensions: bool = Field(default=False, description="Width, height and depth.")
    barcode: bool = Field(default=False, description="Barcode.")
    brand: bool = Field(default=False, description="Brand.")
    supplier: bool = Field(default=False, description="Supplier and its reference.")
    features: bool = Field(default=False, description="Features.")
    categories: bool = Field(default=False, description="Categories, the default one and those above it too.")
    tags: bool = Field(default=False, description="Tags.")


class CategoryOptions(Options):
    """Which categories a product is in (CAT-16)."""

    levels: Annotated[tuple[str, ...], Field(max_length=6)] = Field(
        (),
        description="Columns of the article extract whose values are the names from the top category down; the import "
        "of the shop makes those that are not there. None named: no category is made.",
        examples=[["Libellé famille", "Libellé sous-famille"]],
    )
    parents: bool = Field(default=False, description="Products are in the categories above theirs too.")
    supplementary: str = Field("", description="Column with further categories of an article.")
    supplementary_by: Literal["name", "id"] = Field(
        "name", description="These are names, with `/` between a category and the one below it; or the shop's ids."
    )
    separator: Annotated[str, Field(min_length=1, max_length=1)] = Field(",", description="Stands between these.")
    default: str = Field(
        "", description="Category of articles that have none by `levels`: a name as above, or the shop's id."
    )


class ArticleOptions(ArticleFilter):
    """What a shop is told of the ERP's articles (CAT-1 to CAT-4, CAT-10 to CAT-16)."""

    create: bool = Field(default=True, description="Articles that the shop does not have are created (CAT-3).")
    active: bool = Field(default=True, description="Created products are for sale at once.")
    update: UpdateFields = UpdateFields()
    locked_column: str = Field(
        "",
        description="Column of the article extract that is true (`1`, `Vrai`, `Oui` …) for articles of which a shop is "
        "told prices, promotions and stocks only (CAT-4).",
        examples=["xx_Verrou"],
    )
    fields: ProductFields = ProductFields()
    languages: dict[str, ProductTexts] = Field(
        default_factory=dict, description="By further language of the shop, where its texts come from (CAT-10)."
    )
    twins: dict[str, str] = Field(
        default_factory=dict,
        description="By column of a description, the column with the same text without styles (`DesComClear` of "
        "`DesCom`): where one of the two is blank, the other is taken (CAT-10).",
        examples=[{"DesCom": "DesComClear"}],
    )
    styles: bool = Field(
        default=True, description="Of the two the one with styles is taken, else the plain one (CAT-10)."
    )
    default_tax_rule: str = Field(
        "", description="Tax rule of VAT codes that the sheet *Règles de taxe* does not have (CAT-11)."
    )
    erp_weight_unit: WeightUnit = Field("kg", description="Unit of the ERP's weights (CAT-13).")
    weight_unit_column: str = Field(
        "",
        description="Column with the unit of each weight; empty cell: the above.",
        examples=["Unité de poids"],
    )
    weight_unit: WeightUnit = Field("kg", description="Unit of the shop's weights.")
    erp_length_unit: LengthUnit = Field("cm", description="Unit of the ERP's widths, heights and depths (CAT-13).")
    length_unit: LengthUnit = Field("cm", description="Unit of the shop's.")
    features: Annotated[dict[str, str], Field(max_length=10)] = Field(
        default_factory=dict,
        description="By feature of the shop, the column of the article extract that fills it (CAT-14).",
    )
    categories: CategoryOptions = CategoryOptions()
    links: Literal["none", "cross-sell", "up-sell"] = Field(
        "none", description="What the ERP's linked articles become; the extract is `linked_articles` (CAT-15)."
    )
