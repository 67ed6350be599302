"""What a profile's settings file may say: one ERP, the shops that feed it, options, where files come from and go to.

A wrong value is said with a declared code (``passerelle.messages``), so that users read it in their language; the
loader adds file, line and field. The settings reference and the JSON Schema are made from these models.

Source: spec PRO-1, PRO-4; facts/ebp.md §1.3.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    SerializeAsAny,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from passerelle.exchange.options import (
    Currency,
    CustomerOptions,
    Options,
    OrderOptions,
    ProspectOptions,
    StockOptions,
)
from passerelle.messages import Language
from passerelle.storage import place, places
from passerelle.storage.errors import BadPlace
from passerelle.storage.paths import is_good_name
from passerelle.storage.publish import Collision

Platform = Literal["prestashop", "woocommerce", "shopify", "magento", "bigcommerce", "wix"]
Setting = str | int | bool
_WITHOUT_CUSTOMERS = ("wix",)
"""Platforms whose customers cannot be read."""

_NAME = r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$"
_CRON: tuple[tuple[range, tuple[str, ...]], ...] = (
    (range(60), ()),
    (range(24), ()),
    (range(1, 32), ()),
    (range(1, 13), ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    (range(8), ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
"""The numbers and names of each field of a cron expression: minute, hour, day of month, month, day of week."""
_CRON_PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/([1-9]\d?))?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def _typed(path: str) -> str:
    r"""Refuse what ``"C:\temp"`` becomes in TOML: a backslash between quotation marks starts a control character."""
    if _CONTROL.search(path):
        raise PydanticCustomError("profile-control-character", "a control character stands in the path")
    return path


def _in_profile(path: Path, info: ValidationInfo) -> Path:
    """Take a relative path from the profile's folder, which the loader gives."""
    _typed(str(path))
    return Path(info.context["folder"]) / path.expanduser() if info.context else path


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise PydanticCustomError(
            "profile-unknown-time-zone", "no such time zone", {"known": sorted(available_timezones())}
        ) from None
    return name


def _name(name: str) -> str:
    if not re.fullmatch(_NAME, name):
        raise PydanticCustomError("profile-bad-name", "a name has letters, digits and hyphens only")
    return name


def _suffix(suffix: str) -> str:
    if suffix and not is_good_name(f"x{suffix}"):
        raise PydanticCustomError("profile-bad-suffix", "no suffix of a file name")
    return suffix


def _schedule(text: str) -> str:
    fields = text.split()
    if fields and len(fields) != len(_CRON):
        raise PydanticCustomError("profile-bad-schedule", "no cron expression", {"part": text})
    for written, (values, names) in zip(fields, _CRON, strict=False):
        for part in written.lower().split(","):
            found = _CRON_PART.fullmatch(part)
            ends = [end for end in found.groups()[:2] if end] if found else [""]
            if not all(end in names or (end.isdigit() and int(end) in values) for end in ends):
                raise PydanticCustomError("profile-bad-schedule", "no cron expression", {"part": part})
    return text


def _place(given: Any) -> place.Place:
    """Take a URL for a place that has no other options, and say what is wrong with one as of any other setting."""
    if not isinstance(given, str | dict | place.Place):
        raise PydanticCustomError("string_type", "Input should be a valid string")
    try:
        return places.as_place(given)
    except BadPlace as error:
        texts = {"reason_fr": error.text("fr"), "reason_en": error.text("en")}
        todo = {"todo_fr": error.todo("fr"), "todo_en": error.todo("en")}
        raise PydanticCustomError("profile-bad-place", "not a place", texts | todo) from None


class _PlaceSchema:
    """What may stand for a place: its URL, or a table with the options of its kind."""

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        tables = []
        for kind in dict.fromkeys(places.kind_of(scheme) for scheme in places.BACKENDS):
            table = handler(kind.__pydantic_core_schema__)
            table["properties"]["url"]["description"] = kind.form
            tables.append(table)
        return {"anyOf": [{"type": "string"}, *tables]}


def _readable_customers(source: Source | None, info: ValidationInfo) -> Source | None:
    if source and info.data.get("platform") in _WITHOUT_CUSTOMERS:
        raise PydanticCustomError(
            "profile-customers-not-read", "customers are not read", {"platform": info.data["platform"]}
        )
    return source


def _filled(given: tuple[Any, ...]) -> tuple[Any, ...]:
    if not given:
        raise PydanticCustomError("profile-empty-list", "nothing is in the list")
    return given


def _own_names(shops: tuple[Shop, ...]) -> tuple[Shop, ...]:
    names = [shop.name for shop in shops]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise PydanticCustomError(
                "profile-shop-twice", "two shops have the same name", {"at": (position, "name"), "name": name}
            )
    return shops


Filled = (AfterValidator(_filled), Field(json_schema_extra={"minItems": 1}))
ProfilePath = Annotated[Path, AfterValidator(_in_profile)]
"""A path; a relative one is taken from the folder of the profile's file."""
Place = Annotated[SerializeAsAny[place.Place], PlainValidator(_place), _PlaceSchema]
"""A place, or its URL alone."""
WindowsPath = Annotated[str, AfterValidator(_typed)]
Name = Annotated[str, AfterValidator(_name), Field(json_schema_extra={"pattern": _NAME})]
Schedule = Annotated[str, AfterValidator(_schedule)]


class Extracts(Options):
    """Files that the ERP wrote for us."""

    articles: ProfilePath = Field(
        description="Article extract, of the format `ebp/articles`; for what goes to shops it is `ebp/catalogue`."
    )
    stock: ProfilePath | None = Field(
        None,
        description="Extract of the stock by depot, of the format `ebp/stock`. Without it the stock is that of the "
        "article extract, of all depots together.",
    )
    customers: ProfilePath | None = Field(
        None,
        description="Customer extract, of the format `ebp/customers_extract`. Without it, customers that the ERP "
        "has are only found when the ledger knows them.",
    )
    documents: ProfilePath | None = Field(
        None,
        description="Extract of the sales documents, of the format `ebp/sales_documents`: an order that the ERP has is "
        "not sent, whatever the ledger knows (ORD-81), and several invoices of one order are named (ORD-63).",
    )
    quotes: ProfilePath | None = Field(
        None,
        description="Extract of the quotes with their lines, of the format `ebp/quotes_extract`, for `quotes-to-shop`.",
    )
    vat_codes: ProfilePath | None = Field(None, description="VAT codes, `ebp/vat_codes`: for `ebp import-check`.")
    settlement_modes: ProfilePath | None = Field(
        None, description="Settlement modes, `ebp/settlement_modes`; likewise."
    )
    payment_means: ProfilePath | None = Field(None, description="Payment means, `ebp/payment_means`; likewise.")
    shipping: ProfilePath | None = Field(None, description="Shipping modes, `ebp/shipping`; likewise.")
    countries: ProfilePath | None = Field(None, description="Countries, `ebp/countries`; likewise.")
    customer_families: ProfilePath | None = Field(
        None, description="Customer families, `ebp/customer_families`; likewise."
    )


class ExtractLimits(Options):
    """When an extract is not believed: what goes to shops would be wrong by it."""

    max_age_hours: Annotated[int | None, Field(ge=1)] = Field(
        48, description="An extract whose file is older than so many hours is refused; a nightly one may fail once."
    )
    max_drop_percent: Annotated[int, Field(ge=0, le=100)] = Field(
        20, description="An extract that has lost more than so much of the rows that it had last time is refused."
    )


class Import(Options):
    """How EBP's command line imports one file."""

    category: str = Field(description="EBP's name of what is imported.")
    name: str = Field(description="Name of the import format saved in EBP.")


class Imports(Options):
    """The import of each file, in EBP's words; the categories of quotes, delivery and credit notes are guesses."""

    customers: Import = Import(category="Customers", name="Passerelle Customers")
    prospects: Import = Import(category="Customers", name="Passerelle Prospects")
    addresses: Import = Import(category="Customers", name="Passerelle Customers Addresses")
    quotes: Import = Import(category="SaleQuotes", name="Passerelle Quotes")
    orders: Import = Import(category="SaleOrders", name="Passerelle Orders")
    delivery_notes: Import = Import(category="SaleDeliveryOrders", name="Passerelle Delivery Notes")
    invoices: Import = Import(category="SaleInvoices", name="Passerelle Invoices")
    credit_notes: Import = Import(category="SaleCreditMemos", name="Passerelle Credit Notes")


class Batch(Options):
    """`Batch.txt`, by which EBP's command line imports the files."""

    folder: WindowsPath = Field(
        "",
        description="Folder where EBP finds the files, as EBP's machine names it; empty: the file names alone.",
        examples=[r"C:\Passerelle\import"],
    )
    imports: Imports = Imports()


class Erp(Options):
    """The ERP."""

    kind: Literal["ebp"] = Field("ebp", description="Which ERP.")
    extracts: Extracts
    limits: ExtractLimits = ExtractLimits()
    format_settings: dict[str, dict[str, Setting]] = Field(
        default_factory=dict,
        description="By format (as `ebp/customers`), other values of the settings that its descriptor declares.",
    )
    formats_folder: ProfilePath | None = Field(
        None, description="Folder with descriptors of your own; one of the same name stands before the built-in one."
    )
    batch: Batch = Batch()


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
    done_suffix: Annotated[str, AfterValidator(_suffix)] = Field(
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
    done_suffix: Annotated[str, AfterValidator(_suffix)] = Field(
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


class ShopStock(StockOptions):
    """What a shop is told of the stock, and in which words."""

    listing: Listing | None = Field(
        None,
        description="The shop's export of its own articles, by which references are compared. Shopify, BigCommerce "
        "and Wix need it: it has their ids of what the ERP knows by its reference.",
    )
    format: str = Field("", description="Format of the file; empty: `<platform>/stock`.")
    format_settings: dict[str, Setting] = Field(
        default_factory=dict, description="Other values of the settings that this format declares."
    )


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
        "Wix, whose customers are not read.",
    )
    delivery: Delivery | None = Field(None, description="Where what goes to the shop is delivered.")
    stock: ShopStock | None = Field(None, description="What the shop is told of the stock (`stocks`).")
    quotes: ShopQuotes | None = Field(None, description="Which quotes of the ERP it gets (`quotes-to-shop`).")

    @model_validator(mode="after")
    def _delivered(self) -> Self:
        if (self.stock or self.quotes) and not self.delivery:
            shown = {"at": ("delivery",), "example": 'delivery = { place = "…" }'}
            raise PydanticCustomError("profile-shop-without-place", "no place", shown)
        return self


class Schedules(Options):
    """When tasks run by themselves, in the profile's time zone; empty: only when they are asked to."""

    orders: Schedule = Field(
        "",
        description="Cron expression of `orders`: minute, hour, day of month, month, day of week.",
        examples=["30 5 * * *", "*/15 8-20 * * mon-fri"],
    )
    quotes: Schedule = Field("", description="The same of `quotes`, which `orders` has too: only to be faster.")
    credit_notes: Schedule = Field("", description="The same of `credit-notes`; likewise.")
    prospects: Schedule = Field("", description="The same of `prospects`.")
    stocks: Schedule = Field("", description="The same of `stocks`.")
    settlements: Schedule = Field("", description="The same of `settlements`, which `orders` has too.")
    quotes_to_shop: Schedule = Field("", description="The same of `quotes-to-shop`.")


class Profile(Options):
    """A profile: one ERP, its shops, their options and mappings (PRO-1)."""

    name: Name = Field(
        description="Short code: letters, digits and hyphens. The ledger keeps what was exchanged under it: do not "
        "change it afterwards."
    )
    label: str = Field("", description="Name shown to people.")
    language: Language = Field("fr", description="Language of messages, mails and reports.")
    time_zone: Annotated[str, AfterValidator(_time_zone)] = Field(
        "Europe/Paris", description="IANA name of the time zone of dates, times and schedules."
    )
    mappings: ProfilePath = Field(
        Path("mappings.xlsx"),
        validate_default=True,
        description="The mappings: an .xlsx workbook with a sheet each, or a folder with a .csv file each.",
    )
    paused: bool = Field(default=False, description="Every task says that the profile is paused and does nothing.")
    erp: Erp
    shops: Annotated[tuple[Shop, ...], *Filled, AfterValidator(_own_names)] = Field(
        description="The shops that feed the ERP: one `[[shops]]` each."
    )
    delivery: Delivery
    schedules: Schedules = Schedules()
    orders: OrderOptions = OrderOptions()
    customers: CustomerOptions = CustomerOptions()
    prospects: ProspectOptions = ProspectOptions()
