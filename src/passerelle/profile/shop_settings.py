"""What a profile says of a shop: where its exports come from, what goes to it, and where.

Source: spec PRO-1, PRO-4.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from passerelle.exchange.options import Currency, Options
from passerelle.exchange.shop_options.accounts import AccountOptions, GroupOptions
from passerelle.exchange.shop_options.activation import ActivationOptions
from passerelle.exchange.shop_options.articles import ArticleOptions
from passerelle.exchange.shop_options.images import DocumentOptions, FileOptions, ImageOptions
from passerelle.exchange.shop_options.prices import PriceOptions
from passerelle.exchange.shop_options.statuses import StatusOptions
from passerelle.exchange.shop_options.stock import StockOptions
from passerelle.exchange.shop_options.variants import VariantOptions
from passerelle.profile.setting_types import Filled, Name, Place, ProfilePath, Setting, Suffix
from passerelle.storage.publish import Collision

Platform = Literal["prestashop", "woocommerce", "shopify", "magento", "bigcommerce", "wix", "oasis"]
_WITHOUT_CUSTOMERS = ("wix", "oasis")
"""Platforms whose customers cannot be read."""


def _readable_customers(source: Source | None, info: ValidationInfo) -> Source | None:
    if source and info.data.get("platform") in _WITHOUT_CUSTOMERS:
        raise PydanticCustomError(
            "profile-customers-not-read", "customers are not read", {"platform": info.data["platform"]}
        )
    return source


_TOLD = (
    *("articles", "stock", "prices", "activation", "images", "documents"),
    *("accounts", "groups", "statuses", "quotes", "tables"),
)
"""The tables of a shop by which something goes to it."""


class Source(Options):
    """Where a shop's exports, of its orders or of its customers, are picked up, and what becomes of them there."""

    place: Place = Field(description="The place, as a URL or as a table.")
    files: Annotated[tuple[str, ...], *Filled] = Field(
        ("*",), description="Patterns of the names of the files that are taken."
    )
    after: Literal["keep", "archive"] = Field(
        "keep",
        description="What becomes of files that were read. `keep`: they stay, the shop replaces them; every run reads "
        "what is there. `archive`: each is read once and moved to `archive/YYYY/MM/DD/` of the place, one that cannot "
        "be read to `error/YYYY/MM/DD/`.",
    )
    done_suffix: Suffix = Field(
        "",
        description="A file is taken only when another one of its name and this suffix lies beside it; the two are "
        "moved together.",
        examples=[".done"],
    )
    settled_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        0,
        description="A file is taken when it has not changed for so many seconds; where files are moved, for 3 at "
        "least, as the times that storages tell are coarse.",
    )

    @property
    def settled(self) -> float:
        """Seconds for which a file has not changed when it is taken.

        One that is replaced in the second in which it was written, by one of its size, would be taken for itself when
        it is moved.
        """
        return max(self.settled_seconds, 3) if self.after == "archive" else self.settled_seconds


class Delivery(Options):
    """Where files are delivered: `erpFiles.zip` to the ERP, or those of a shop."""

    place: Place = Field(description="The place, as a URL or as a table.")
    collision: Collision = Field(
        "fail", description="What to do when a file of another content has the same name there."
    )
    read_back: bool = Field(
        default=False,
        description="Also read each file back before it gets its name, where the place computes no checksum.",
    )
    done_suffix: Suffix = Field(
        "",
        description="For a server that cannot rename: files go up under their names, and a file of this suffix beside "
        "each says that it is whole.",
        examples=[".done"],
    )


class Listing(Options):
    """Where the shop's export of its own articles lies, by which it is told what it has."""

    place: Place = Field(description="The place, as a URL or as a table.")
    files: Annotated[tuple[str, ...], *Filled] = Field(
        ("*",), description="Patterns of the names of the files that are read; they stay."
    )


class ShopFile(Options):
    """What a shop gives and takes as files of its own words, where it is told of articles."""

    listing: Listing | None = Field(
        None,
        description="The shop's export of its own articles, by which references are compared. Shopify, BigCommerce "
        "and Wix need it: it has their ids of what the ERP knows by its reference.",
    )
    format: str = Field("", description="Format of the file; empty: the platform's own, such as `magento/stock`.")
    format_settings: dict[str, Setting] = Field(
        default_factory=dict, description="Other values of the settings that this format declares."
    )


class ShopArticles(ArticleOptions, ShopFile):
    """What a shop is told of the articles themselves, and in which words."""

    listing: Listing | None = Field(
        None,
        description="The shop's export of its own products, by which it is known what it has. Without it, it has what "
        "it was told, or everything when nothing may be created. Shopify, BigCommerce and Wix need it for changes.",
    )


class ShopVariants(VariantOptions):
    """How articles become variants and packs of a shop, and in which words."""

    format: str = Field("", description="Format of PrestaShop's combinations; empty: `prestashop/combinations`.")
    format_settings: dict[str, Setting] = Field(
        default_factory=dict, description="Other values of the settings that this format declares."
    )


class ShopStock(StockOptions, ShopFile):
    """What a shop is told of the stock, and in which words."""


class ShopActivation(ActivationOptions, ShopFile):
    """Which articles of a shop are switched on and off (CAT-5), and in which words."""


class ShopPrices(PriceOptions, ShopFile):
    """What a shop is told of prices, and in which words."""

    specific_format: str = Field(
        "",
        description="Format of the prices of groups, customers and quantities; empty: the platform's own, such as "
        "`magento/specific_prices`. Where it has none, `shop/specific_prices` is for an importer of your own.",
    )


class ShopAccounts(AccountOptions):
    """Which customers a shop gets, and in which words."""

    listing: Listing | None = Field(
        None,
        description="The shop's own customers, as its platform exports them (the files of `[shops.customers]`): who "
        "has an account is not created again, and its id is known. PrestaShop needs it.",
    )
    format: str = Field("", description="Format of the file; empty: `<platform>/accounts`.")
    format_settings: dict[str, Setting] = Field(
        default_factory=dict, description="Other values of the settings that this format declares."
    )
    addresses_format: str = Field(
        "", description="Format of a file of addresses of their own; empty: `<platform>/account_addresses`, if any."
    )


class InvoiceFiles(Options):
    """Where the ERP prints invoices as PDF files (STA-4)."""

    place: Place = Field(description="The place, as a URL or as a table.")
    file_name: str = Field(
        "{number}.pdf", description="Name of an invoice's file, without regard to case; `{number}` is its number."
    )


class ShopStatuses(StatusOptions):
    """What a shop is told of its orders, and in which words."""

    invoices: InvoiceFiles | None = Field(
        None, description="The PDF files of the invoices go to the shop too: all invoices of an order (STA-4)."
    )
    format: str = Field("shop/statuses", description="Format of the file.")
    format_settings: dict[str, Setting] = Field(
        default_factory=dict, description="Other values of the settings that this format declares."
    )


class ShopFiles(FileOptions):
    """Where files of articles are collected, and in which words a shop is told of them."""

    place: Place = Field(description="The place where the files are collected, as a URL or as a table.")
    listing: Listing | None = Field(
        None,
        description="The shop's export of its own articles, the same as of `[shops.stock]`, by which references are "
        "compared. Shopify, BigCommerce and Wix need it for images.",
    )
    format: str = Field("", description="Format of the file.")
    format_settings: dict[str, Setting] = Field(
        default_factory=dict, description="Other values of the settings that this format declares."
    )


class ShopImages(ShopFiles, ImageOptions):
    """The images of articles that a shop gets."""

    format: str = Field("", description="Format of the file; empty: `<platform>/images`.")


class ShopDocuments(ShopFiles, DocumentOptions):
    """The documents of articles that a shop gets."""

    format: str = Field("shop/documents", description="Format of the file.")


class ShopQuotes(Options):
    """Which quotes of the ERP the shop gets (ORD-60): `Quotes.csv`, of the format `shop/quotes`."""

    states: tuple[str, ...] = Field(
        (),
        description="States in the ERP's own codes, as `0`, whose quotes are sent; none named: all. EBP does not "
        "document what its codes mean.",
    )
    valid_days: Annotated[int | None, Field(ge=0)] = Field(
        None, description="Days that a quote holds which has no date of validity; not set: for ever."
    )


class ShopTable(Options):
    """A table that the shop is told row by row, by formats that are declared (`tables`)."""

    format: Annotated[str, *Filled] = Field(
        description="Format of the file that the shop reads, such as `oasis/staff`; its `primaryKey` says what tells a "
        "row from the others."
    )
    format_settings: dict[str, Setting] = Field(
        default_factory=dict, description="Other values of the settings that this format declares."
    )
    extract: ProfilePath | None = Field(
        None,
        description="The file with the rows, CSV or XLSX. Not set: what `[erp.extracts]` names, of `oasis/staff`, "
        "`oasis/supplier_prices` and both eco-taxes.",
    )
    extract_format: str = Field(
        "",
        description="Format of that file, with fields of the same names. Empty: that of the ERP's extract; a file of "
        "your own has the columns of `format` itself.",
    )
    by_hand: bool = Field(
        default=False, description="Somebody keeps the file by hand: it may be of any age, and lose rows, but not all."
    )
    max_drop_percent: Annotated[int | None, Field(ge=0, le=100)] = Field(
        None,
        description="How much of its rows the extract may lose; not set: as `[erp.limits]` says. Of few, each is much.",
    )
    criterion: str = Field(
        "", description="Which rows: a condition in SQL on the columns of the file (CAT-2). Others stay as they are."
    )


def _own_formats(tables: tuple[ShopTable, ...]) -> tuple[ShopTable, ...]:
    formats = [table.format for table in tables]
    for position, name in enumerate(formats):
        if name in formats[:position]:
            shown = {"at": (position, "format"), "name": name}
            raise PydanticCustomError("profile-table-twice", "two tables have the same format", shown)
    return tables


class Shop(Options):
    """One shop."""

    name: Name = Field(
        description="Short code: letters, digits and hyphens. It begins the keys of its orders: do not change it once "
        "orders were exchanged."
    )
    platform: Platform = Field(description="Which software the shop runs.")
    currency: Currency = Field("EUR", description="The shop's own currency, ISO 4217.")
    language: str = Field("", description="Language preferred in translated texts; empty: the profile's.")
    wrapping_labels: tuple[str, ...] = Field(
        (), description="Labels of the fees that are gift wrapping, where the platform has no field of its own for it."
    )
    source: Source
    customers: Annotated[Source | None, AfterValidator(_readable_customers)] = Field(
        None,
        description="Likewise the exports of its customers and their addresses, which become prospects (CUS-6). Not of "
        "Wix and Oasis, whose customers are not read.",
    )
    delivery: Delivery | None = Field(None, description="Where what goes to the shop is delivered.")
    articles: ShopArticles | None = Field(
        None, description="What it is told of the articles themselves (`articles`, `new-articles`)."
    )
    variants: ShopVariants | None = Field(
        None, description="Which articles are variants of one product, or packs; told with `articles`."
    )
    stock: ShopStock | None = Field(None, description="What the shop is told of the stock (`stocks`).")
    prices: ShopPrices | None = Field(None, description="What it is told of prices (`prices`).")
    activation: ShopActivation | None = Field(
        None, description="Which of its articles are switched on and off (`activation`)."
    )
    accounts: ShopAccounts | None = Field(None, description="Which customers of the ERP it gets (`customers`).")
    groups: GroupOptions | None = Field(None, description="Which customer groups it gets (`customer-groups`).")
    statuses: ShopStatuses | None = Field(None, description="What it is told of its orders (`statuses`).")
    images: ShopImages | None = Field(None, description="Which images of articles it gets (`images`).")
    documents: ShopDocuments | None = Field(None, description="Which documents of articles it gets (`documents`).")
    quotes: ShopQuotes | None = Field(None, description="Which quotes of the ERP it gets (`quotes-to-shop`).")
    tables: Annotated[tuple[ShopTable, ...], AfterValidator(_own_formats)] = Field(
        (), description="Further tables that it gets, by declared formats (`tables`): one `[[shops.tables]]` each."
    )

    @model_validator(mode="after")
    def _delivered(self) -> Self:
        if any(getattr(self, table) for table in _TOLD) and not self.delivery:
            shown = {"at": ("delivery",), "example": 'delivery = { place = "…" }'}
            raise PydanticCustomError("profile-shop-without-place", "no place", shown)
        return self
