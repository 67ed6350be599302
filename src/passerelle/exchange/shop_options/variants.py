"""Options of the variants and packs that a shop is told, LCV's rules among them.

Source: spec CAT-17 to CAT-20; seed 002.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from passerelle.exchange.options import Options
from passerelle.model.products import ATTRIBUTES


class AttributeOptions(Options):
    """An attribute that tells variants apart: its name, and the column of the article extract with its value."""

    name: str = Field("", description="Its name, the same for all articles.", examples=["Taille"])
    name_column: str = Field(
        "", description="Column of the article extract with its name instead.", examples=["xx_NOM_ATTRIBUT_1"]
    )
    value_column: str = Field(description="Column with its value.", examples=["xx_VALEUR_ATTRIBUT_1"])
    size_grid: bool = Field(
        default=False,
        description="`name_column` has a size grid: the mapping *Grilles de tailles* gives the shop's attribute.",
    )

    @model_validator(mode="after")
    def _named(self) -> Self:
        if bool(self.name) == bool(self.name_column) or (self.size_grid and not self.name_column):
            raise PydanticCustomError("profile-attribute-name", "one name", {"at": ("name",)})
        return self


class VariantOptions(Options):
    """How articles become variants of one product (CAT-17), packs (CAT-18), and what LCV wants of them (CAT-19)."""

    master_column: str = Field(
        "",
        description="Column of the article extract with the reference of the product that an article is a variant of; "
        "articles where it is empty are products themselves.",
        examples=["xx_REFERENCE_MAITRE"],
    )
    label_column: str = Field(
        "", description="Column with that product's label; without it the label of its last article.",
        examples=["xx_LIBELLE_REF_MAITRE"],
    )  # fmt: skip
    attributes: Annotated[tuple[AttributeOptions, ...], Field(max_length=ATTRIBUTES)] = Field(
        (), description="What tells the articles of a product apart, in this order."
    )
    incomplete: Literal["refuse", "send"] = Field(
        "refuse",
        description="What becomes of a product of which the ERP lacks a combination of attributes. They are always "
        "reported.",
    )
    discriminating: tuple[str, ...] = Field(
        (),
        description="Attributes each of whose values makes a product of its own: with `Couleur` the red and the blue "
        "shirt are two products.",
        examples=[["Couleur"]],
    )
    generic_colours: tuple[str, ...] = Field(
        (),
        description="Attributes whose values are colours, told as the generic ones of the mapping *Couleurs* and of "
        "the project's list.",
        examples=[["Couleur"]],
    )
    map_brands: bool = Field(
        default=False,
        description="The brand is that of the mapping *Marques*; an article whose brand it does not have is refused.",
    )
    category_columns: tuple[str, ...] = Field(
        (),
        description="Columns of the article extract with categories, each mapped by *Catégories* to categories of the "
        "shop; an article with one that this sheet does not have is refused.",
    )
    rfs_columns: tuple[str, ...] = Field(
        (),
        description="Columns with its RFS, mapped in the same way as one text with `/` between them.",
        examples=[["Rayon", "Famille", "Sous-famille"]],
    )
    promotion_column: str = Field(
        "",
        description="Column with the promotion an article is in: it is also put in the categories that *Promotions* "
        "gives, and taken out afterwards.",
    )
    list_unused_values: bool = Field(
        default=False,
        description="Once a week the shop gets the list of the values of attributes that it was told and that none of "
        "its products has any more (PrestaShop, WooCommerce, Magento).",
    )
    packs: bool = Field(
        default=False, description="Articles with components (`erp.extracts.components`) are packs in the shop."
    )
