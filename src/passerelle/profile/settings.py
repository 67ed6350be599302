"""What a profile's settings file may say: one ERP, the shops that feed it, options, where files come from and go to.

A wrong value is said with a declared code (``passerelle.messages``), so that users read it in their language; the
loader adds file, line and field. The settings reference and the JSON Schema are made from these models.

Source: spec PRO-1, PRO-4; facts/ebp.md §1.3.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from passerelle.exchange.options import CustomerOptions, Options, OrderOptions, ProspectOptions
from passerelle.messages import Language
from passerelle.profile.mail_settings import Mail
from passerelle.profile.schedules import Schedule
from passerelle.profile.setting_types import Filled, Name, ProfilePath, Setting, TimeZone, WindowsPath
from passerelle.profile.shop_settings import Delivery, Shop
from passerelle.storage.place import Place


def _own_names(shops: tuple[Shop, ...]) -> tuple[Shop, ...]:
    names = [shop.name for shop in shops]
    for position, name in enumerate(names):
        if name in names[:position]:
            raise PydanticCustomError(
                "profile-shop-twice", "two shops have the same name", {"at": (position, "name"), "name": name}
            )
    return shops


class Extracts(Options):
    """Files that the ERP wrote for us."""

    articles: ProfilePath = Field(
        description="Article extract, of the format `ebp/articles`; for what goes to shops it is `ebp/catalogue`."
    )
    linked_articles: ProfilePath | None = Field(
        None, description="Extract of the linked articles, of the format `ebp/linked_articles` (CAT-15)."
    )
    ranges: ProfilePath | None = Field(
        None, description="Extract of the articles of ranges (gammes), of the format `ebp/ranges` (CAT-17)."
    )
    components: ProfilePath | None = Field(
        None, description="Extract of the commercial nomenclatures, of the format `ebp/components` (CAT-18)."
    )
    stock: ProfilePath | None = Field(
        None,
        description="Extract of the stock by depot, of the format `ebp/stock`. Without it the stock is that of the "
        "article extract, of all depots together.",
    )
    prices: ProfilePath | None = Field(
        None,
        description="Extract of tariffs and promotions, of the format `ebp/prices`, for `prices`; without it only the "
        "sale prices of the article extract are told.",
    )
    customers: ProfilePath | None = Field(
        None,
        description="Customer extract, of the format `ebp/customers_extract`; for what goes to shops it is "
        "`ebp/accounts`. Without it, customers that the ERP has are only found when the ledger knows them.",
    )
    contacts: ProfilePath | None = Field(
        None, description="Extract of the customers' contacts, of the format `ebp/contacts`, for `customers`."
    )
    staff: ProfilePath | None = Field(
        None, description="Extract of salespeople and colleagues, of the format `ebp/staff`, for `tables`."
    )
    supplier_articles: ProfilePath | None = Field(
        None, description="Extract of what suppliers charge, of the format `ebp/supplier_articles`, for `tables`."
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
    vat_codes: ProfilePath | None = Field(
        None,
        description="VAT codes, `ebp/vat_codes`: for `ebp import-check`, and for the rates of articles in `prices`.",
    )
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
    active_states: tuple[str, ...] = Field(
        ("", "0", "A", "Actif"),
        description="States of articles that are not dormant, in the words of the extract's column `Statut` (CAT-5).",
    )
    format_settings: dict[str, dict[str, Setting]] = Field(
        default_factory=dict,
        description="By format (as `ebp/customers`), other values of the settings that its descriptor declares.",
    )
    formats_folder: ProfilePath | None = Field(
        None, description="Folder with descriptors of your own; one of the same name stands before the built-in one."
    )
    batch: Batch = Batch()


class Schedules(Options):
    """When tasks run by themselves, in the profile's time zone; empty: only when they are asked to."""

    orders: Schedule = Field(
        "",
        description="Schedule of `orders`: a cron expression (minute, hour, day of month, month, day of week), a "
        "table, or a list of them ([schedules](running.md#schedules)).",
        examples=["30 5 * * *", "*/15 8-20 * * mon-fri"],
    )
    quotes: Schedule = Field("", description="The same of `quotes`, which `orders` has too: only to be faster.")
    credit_notes: Schedule = Field("", description="The same of `credit-notes`; likewise.")
    prospects: Schedule = Field("", description="The same of `prospects`.")
    articles: Schedule = Field("", description="The same of `articles`.")
    new_articles: Schedule = Field("", description="The same of `new-articles`.")
    stocks: Schedule = Field("", description="The same of `stocks`.")
    prices: Schedule = Field("", description="The same of `prices`.")
    activation: Schedule = Field("", description="The same of `activation`.")
    customer_groups: Schedule = Field("", description="The same of `customer-groups`.")
    customers: Schedule = Field("", description="The same of `customers`.")
    statuses: Schedule = Field("", description="The same of `statuses`.")
    images: Schedule = Field("", description="The same of `images`.")
    documents: Schedule = Field("", description="The same of `documents`.")
    settlements: Schedule = Field("", description="The same of `settlements`, which `orders` has too.")
    tables: Schedule = Field("", description="The same of `tables`.")
    quotes_to_shop: Schedule = Field("", description="The same of `quotes-to-shop`.")
    purge: Schedule = Field("", description="The same of `purge`.")


class Debug(Options):
    """What is kept of each run for whoever looks for a fault, in its `debug.zip` (PRO-4)."""

    on: bool = Field(
        default=False,
        description="Keep what runs read and their requests; `passerelle run --debug` does for one run. Secrets are "
        "masked.",
    )
    personal: Literal["mask", "keep"] = Field(
        "mask",
        description="`mask`: names, addresses, numbers and texts that may be somebody's are masked, files that cannot "
        "be masked are not kept; `keep`: files are kept as they were read, with personal data.",
    )
    max_mib: Annotated[int, Field(ge=1, le=1024)] = Field(
        50, description="MiB of files that are kept of a run; what comes after them is named alone."
    )


Quota = Annotated[int | None, Field(ge=1)]


class Quotas(Options):
    """How much may be exchanged in a month of the profile's time zone; what was delivered counts (JOU-3)."""

    orders_per_month: Quota = Field(
        None, description="Shop orders that become documents other than quotes; missing: no quota."
    )
    to_erp_per_month: Quota = Field(
        None, description="All records brought to the ERP: documents of every kind, settlements, prospects."
    )
    to_shops_per_month: Quota = Field(None, description="All records told to the shops: articles, stocks, prices …")
    warn_at: Annotated[int, Field(ge=1, le=100)] = Field(
        80, description="Per cent of a quota from which summaries and mails say how much is used; and once it all is."
    )
    when_reached: Literal["warn", "stop"] = Field(
        "warn",
        description="`warn`: what exceeds a quota is exchanged all the same; `stop`: once it is used up, tasks fail "
        "until the next month, before they read anything. A run is never cut in two.",
    )


class Profile(Options):
    """A profile: one ERP, its shops, their options and mappings (PRO-1)."""

    name: Name = Field(
        description="Short code: letters, digits and hyphens. The ledger keeps what was exchanged under it: do not "
        "change it afterwards."
    )
    label: str = Field("", description="Name shown to people.")
    language: Language = Field("fr", description="Language of messages, mails and reports.")
    time_zone: TimeZone = Field("Europe/Paris", description="IANA name of the time zone of dates, times and schedules.")
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
    keep_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        90,
        description="Days for which files of runs, deliveries and plans, and what was said of records, are kept: "
        "`purge` removes what is older (SEC-5). What was exchanged is remembered for ever.",
    )
    keep_audit_days: Annotated[int, Field(ge=1, le=36500)] = Field(
        3650,
        description="Days for which the files of the audit, one per day, are kept; never fewer than `keep_days` "
        "(JOU-4). They hold nobody's name.",
    )
    schedules: Schedules = Schedules()
    quotas: Quotas = Quotas()
    debug: Debug = Debug()
    mail: Mail | None = Field(None, description="Whom the profile tells by mail what its runs did (JOU-6).")
    orders: OrderOptions = OrderOptions()
    customers: CustomerOptions = CustomerOptions()
    prospects: ProspectOptions = ProspectOptions()

    @property
    def places(self) -> dict[str, Place]:
        """Its places by name: ``delivery``, and those that the shops' exports come from."""
        return {**{shop.name: shop.source.place for shop in self.shops}, "delivery": self.delivery.place}
