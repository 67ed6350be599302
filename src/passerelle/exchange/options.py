"""What a profile can choose: every option of the rules, with its default.

The profile's TOML tables ``[orders]``, ``[customers]`` and ``[prospects]`` are these models, those of what goes to
shops are in ``exchange.shop_options``; the settings reference is made from them.
What options must have together is said with a declared code (``passerelle.messages``), so that users read it in their
language; ``at`` names the option that is wrong.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from passerelle.money import RoundingMode

Period = Literal[
    "this-week",
    "last-15-days",
    "this-month",
    "last-month",
    "last-3-months",
    "last-6-months",
    "this-year",
    "last-year",
    "all",
    "since-last-import",
]
DateChoice = Literal["order", "invoice", "today"]
AddressChoice = Literal["billing", "delivery", "erp"]

_CURRENCY = r"^[A-Z]{3}$"
_COUNTRY = r"^[A-Z]{2}$"


def _currency(code: str) -> str:
    if not re.fullmatch(_CURRENCY, code):
        raise PydanticCustomError("profile-bad-currency", "a currency is three capital letters")
    return code


def _country(code: str) -> str:
    if not re.fullmatch(_COUNTRY, code):
        raise PydanticCustomError("profile-bad-country", "a country is two capital letters")
    return code


Currency = Annotated[str, AfterValidator(_currency), Field(json_schema_extra={"pattern": _CURRENCY})]
Country = Annotated[str, AfterValidator(_country), Field(json_schema_extra={"pattern": _COUNTRY})]
Ceiling = Annotated[Decimal, Field(ge=0, le=1_000_000)]
Days = Annotated[int, Field(ge=0, le=36_500)]
OrderId = Annotated[int, Field(ge=0, lt=10**18)]


class Options(BaseModel):
    """Options are fixed once read, and an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AddressOptions(Options):
    """Which of the order's addresses a document takes as its own (ORD-16)."""

    billing: AddressChoice = Field("billing", description="Address written as the document's billing address.")
    delivery: AddressChoice = Field("delivery", description="Address written as the document's delivery address.")


class DocumentAddresses(Options):
    """The addresses by document kind (ORD-16)."""

    quote: AddressOptions = AddressOptions()
    order: AddressOptions = AddressOptions()
    delivery_note: AddressOptions = AddressOptions()
    invoice: AddressOptions = AddressOptions()
    credit_note: AddressOptions = AddressOptions()


class SpecialArticles(Options):
    """ERP references that stand for what is no catalogue article (ORD-20, 24 to 28)."""

    misc: str = Field(
        "",
        description="Divers: takes the place of an unknown article, and of what is refunded without article; "
        "empty: the document is refused.",
    )
    rounding: str = Field("", description="Écart: carries the rounding difference (ORD-27).")
    wrapping: str = Field("", description="Emballage: gift wrapping (ORD-25).")
    shipping: str = Field("", description="Frais de port: shipping written as a line (ORD-24).")
    fee: str = Field("", description="Frais: other charges of the order, such as a payment surcharge.")
    discount: str = Field("", description="Remise: order discounts, where the mapping names none (ORD-26).")
    eco_tax: str = Field("", description="Éco-participation: the eco-tax of an article, written as a line (ORD-30).")


class SettlementOptions(Options):
    """Settlements booked with the documents (ORD-50)."""

    create: bool = Field(default=False, description="Create settlements.")
    amount: Literal["order", "payments"] = Field("order", description="One of the order's total, or one per payment.")
    date: Literal["order", "payment", "invoice", "today"] = Field("payment", description="Date of the settlement.")
    label: str = Field("%CF %CL - %OI", description="Label template, codes as in the reference template.")
    difference: bool = Field(
        default=False,
        description="Where the settlements of an order do not come to the document's total, the rest becomes one too, "
        "a settlement difference (ORD-51).",
    )
    difference_ceiling: Ceiling = Field(
        Decimal("1.00"), description="A larger rest stays open: it is unpaid, or overpaid (ORD-51)."
    )
    difference_mode: str = Field("", description="Its settlement mode; empty: that of the last settlement.")
    difference_label: str = Field("Écart de règlement - %OI", description="Label template of settlement differences.")


class GroupingOptions(Options):
    """Orders of one finished day as one document (ORD-70 to ORD-72)."""

    orders: Literal["none", "anonymous", "guests", "all"] = Field(
        "none",
        description="Which orders of a day become one document, the day after: none; those of nobody by name (a till's "
        "sales); those of guests; all.",
    )
    account: str = Field("", description="Customer account of the grouped documents; the ERP has it.")
    anonymous_customers: tuple[str, ...] = Field(
        (), description="The shop's customer ids that stand for nobody, such as a till's own."
    )
    merge_lines: bool = Field(
        default=True, description="Lines of the same article, net price, discount and VAT become one (ORD-71)."
    )
    merge_payments: bool = Field(default=True, description="Settlements of the same payment mode become one (ORD-72).")
    reference: str = Field(
        "Ventes du %OI", description="Reference of a grouped document and label of its settlements; `%OI` is its day."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.orders != "none" and not self.account:
            raise PydanticCustomError("profile-grouping-account", "no account", {"at": ("account",)})
        return self


class MarkOptions(Options):
    """How an order shows in the shop that it was exchanged, or could not be (ORD-80, ORD-82)."""

    by: Literal["none", "status", "tag", "field"] = Field(
        "none",
        description="Nothing but the status that the statuses' mapping names; a status for errors too; a tag; or a "
        "custom field of the order.",
    )
    by_shop: dict[str, Literal["none", "status", "tag", "field"]] = Field(
        default_factory=dict, description="The same by shop, where several feed the profile."
    )
    field: str = Field("passerelle", description="Name of the custom field.")
    exported: str = Field("Exporté", description="Tag, or value of the field, of an order that was exchanged.")
    error: str = Field("Erreur d'exportation", description="Tag, value of the field, or status of a refused order.")


class AfterwardsOptions(Options):
    """What is done in the shop after the delivery (ORD-80, ORD-82, CUS-9)."""

    mark: MarkOptions = MarkOptions()
    send_number: bool = Field(default=False, description="Send the document's number to the order (ORD-80).")
    send_stock: bool = Field(default=False, description="Send the stock of the order's articles at once (ORD-80).")
    send_account: bool = Field(default=False, description="Send the account given to a customer (CUS-9).")


class VatOptions(Options):
    """What is checked of the VAT that a shop charged (ORD-40, ORD-41)."""

    country: Country = Field("FR", description="Country whose VAT the seller charges at home, ISO 3166-1.")
    distance_sales: Literal["destination", "origin"] = Field(
        "destination",
        description="Whose VAT rates buyers in other EU countries are charged: theirs (OSS), or the seller's (below "
        "the threshold).",
    )
    unknown_rate: Literal["refuse", "remark", "accept"] = Field(
        "refuse", description="What a rate does that the country of the sale did not have on that day."
    )
    untaxed_without_number: Literal["refuse", "remark", "accept"] = Field(
        "refuse",
        description="What a sale to another EU country does that has neither VAT nor a buyer with a valid VAT number.",
    )


class OrderOptions(Options):
    """How orders become sales documents (ORD-…)."""

    enabled: bool = Field(
        default=True,
        description="Orders, quotes, credit notes and settlements go to the ERP. `false`: the profile only tells shops "
        "what the ERP knows; those tasks are not offered, and the check asks for nothing that only they need (PRO-3).",
    )
    period: Period = Field("last-15-days", description="Which orders are read (ORD-1).")
    date: Literal["created", "updated", "invoiced"] = Field("created", description="The date that selects (ORD-4).")
    stores: tuple[str, ...] = Field(
        (), description="Store views whose orders are read, as `store` or `shop/store`; none named: all (ORD-3)."
    )
    max_age_days: Days | None = Field(
        None,
        description="Orders older than so many days are ignored; 0: never. When it is not set, 90 with the period "
        "`since-last-import`, which does not say how far back it goes; a longer period is asked for by its name "
        "(ORD-5).",
    )
    minimum_id: OrderId = Field(0, description="Orders of a lower id are ignored (ORD-5).")
    minimum_ids: dict[str, OrderId] = Field(
        default_factory=dict, description="The same by shop, where several feed the profile (ORD-5)."
    )
    batch_size: Annotated[int | None, Field(ge=1)] = Field(
        None,
        description="Documents that a run makes at most, the oldest first; the others wait for the next runs. Not set: "
        "all at once (PRO-4).",
    )
    messages: Literal["none", "first", "all"] = Field(
        "first", description="Which messages of an order become notes of the document (ORD-6)."
    )
    document_date: DateChoice = Field("order", description="Date of the document (ORD-10).")
    price_decimals: Annotated[int, Field(ge=2, le=6)] = Field(6, description="Decimals of unit prices (ORD-11).")
    number_series: str = Field("", description="Number series, souche (ORD-12).")
    depot: str = Field("", description="Depot (ORD-12).")
    delivery_date: bool = Field(default=False, description="Write the document date as delivery date (ORD-12).")
    reference: str = Field("Web %OI - %CF %CL", description="Reference template (ORD-13).")
    number: str = Field("%OI", description="Template of the number in the file, unique per kind (ORD-14).")
    use_own_number: bool = Field(default=False, description="The ERP takes that number instead of its own (ORD-14).")
    shop_order: str = Field("%OI", description="Template of the document's custom field with the shop order (ORD-15).")
    addresses: DocumentAddresses = DocumentAddresses()
    unknown_article: Literal["refuse", "misc"] = Field("refuse", description="What an unknown article does (ORD-20).")
    label: Literal["shop", "erp"] = Field("shop", description="Where line labels come from (ORD-21).")
    includes_tax: bool = Field(default=False, description="Documents TTC: prices including tax (ORD-22).")
    line_discounts: Literal["keep", "fold"] = Field("keep", description="Keep line discounts or fold them in (ORD-23).")
    eco_tax: Literal["in-price", "line"] = Field(
        "in-price",
        description="Eco-tax (écotaxe, éco-participation, éco-mobilier) stays in the price of its article, or has a "
        "line after it (ORD-30).",
    )
    shipping: Literal["footer", "line"] = Field("footer", description="Where shipping is written (ORD-24).")
    charge_tax_rate: Annotated[Decimal | None, Field(ge=0, le=100)] = Field(
        None, description="VAT rate in percent of shipping, wrapping and fees whose rate the shop does not tell."
    )
    vat: VatOptions = VatOptions()
    rounding_line: bool = Field(default=True, description="Write an Écart line for a rounding difference (ORD-27).")
    rounding_ceiling: Ceiling = Field(
        Decimal("1.00"),
        description="Above this difference the document is always refused (ORD-27). In the document's currency; where "
        "that has not two decimals, as many of its smallest units: 1.00 is 100 cents, 100 yen, 100 millimes.",
    )
    shop_rounding: RoundingMode = Field(
        "half-up",
        description="How the shop rounds a total that it gives with more decimals than the currency has (ORD-27).",
    )
    rounding_vat_code: str = Field("", description="VAT code of the Écart line, whose rate is 0 (ORD-27).")
    paid_in_full: bool = Field(default=False, description="Refuse an order whose paid amount is not its total (ORD-8).")
    special_articles: SpecialArticles = SpecialArticles()
    currency: Currency = Field("EUR", description="The ERP's own currency, ISO 4217 (ORD-44).")
    currency_decimals: dict[Currency, Annotated[int, Field(ge=0, le=4)]] = Field(
        default_factory=dict,
        description="Decimals of amounts by currency, where they are not those of ISO 4217: `{ HUF = 0 }` (ORD-44).",
    )
    own_rate: bool = Field(default=True, description="Documents in currency carry the order's own rate (ORD-44).")
    settlements: SettlementOptions = SettlementOptions()
    packs: Literal["both", "pack", "components"] = Field(
        "both",
        description="What is written of a pack whose order has its components too: all lines as the shop has them; the "
        "pack alone, whose components the ERP knows; or the components alone (ORD-30).",
    )
    grouping: GroupingOptions = GroupingOptions()
    afterwards: AfterwardsOptions = AfterwardsOptions()
    refunds: Literal["credit-note", "ignore"] = Field(
        "credit-note", description="Refunds of exchanged orders become credit notes, or stay out (ORD-61)."
    )
    credit_note_number: str = Field(
        "AV%RI", description="Template of a credit note's number in the file; `%RI` is the refund's id (ORD-61)."
    )
    changes: Literal["conflict", "reverse"] = Field(
        "conflict",
        description="Orders that change after they were exchanged are refused; or their invoice is reversed by a "
        "credit note and entered again (ORD-61).",
    )
    cancelled_statuses: tuple[str, ...] = Field(
        (), description='With `changes = "reverse"`: the shop\'s statuses that cancel an exchanged order (ORD-61).'
    )
    state_in_territory: bool = Field(
        default=False, description="Map territories by state too, not country alone (ORD-40)."
    )
    defaults: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="Per mapping, the values taken when neither a row nor the '*' row answers.",
    )

    @model_validator(mode="after")
    def _rounds_groups(self) -> Self:
        if self.grouping.orders != "none" and not self.rounding_line:
            raise PydanticCustomError("profile-grouping-rounding", "no rounding line", {"at": ("rounding_line",)})
        return self


class AccountOptions(Options):
    """How a new customer account is named (CUS-2, CUS-3)."""

    mode: Literal["single", "per-customer"] = "per-customer"
    single: str = Field("", description="The one account for all.")
    prefix: str = Field("", description="Prefix of a new account.")
    prefixes: dict[str, str] = Field(
        default_factory=dict, description="Prefix by shop, where several feed the profile."
    )
    guest_prefix: str = Field("", description="Prefix for guests without account, whose id is the order's.")
    length: Annotated[int, Field(ge=1, le=20)] = Field(9, description="Total length, the id is padded with zeros.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode == "single" and not self.single:
            raise PydanticCustomError("profile-single-account", "no account", {"at": ("single",)})
        prefixes: dict[tuple[str, ...], str] = {("prefix",): self.prefix, ("guest_prefix",): self.guest_prefix}
        for at, prefix in (prefixes | {("prefixes", shop): prefix for shop, prefix in self.prefixes.items()}).items():
            if len(prefix) >= self.length:
                raise PydanticCustomError(
                    "profile-prefix-too-long", "no room", {"at": at, "prefix": prefix, "length": self.length}
                )
        return self


class AccountingOptions(Options):
    """The accounting account of a customer (CUS-3)."""

    mode: Literal["none", "single", "per-customer"] = "none"
    single: str = Field("", description="The one accounting account.")
    prefix: str = Field("", description="Prefix put before the customer's account code.")
    length: Annotated[int, Field(ge=0, le=20)] = Field(0, description="Total length; 0: as long as it gets.")


class CustomerOptions(Options):
    """How buyers become customer accounts (CUS-…)."""

    match: tuple[Literal["siret", "email", "vat", "known"], ...] = Field(
        ("siret", "email", "vat", "known"), description="By what an existing account is found, in this order (CUS-1)."
    )
    account: AccountOptions = AccountOptions()
    accounting: AccountingOptions = AccountingOptions()
    guest_account: str = Field("", description="Account of all guest orders; empty: from the address (ORD-7).")
    family: str = Field("", description="Customer family of new accounts (CUS-4).")
    representative: str = Field("", description="Sales representative of new accounts (CUS-4).")
    group: str = Field("", description="Customer group (price category) of new accounts (CUS-4).")
    update_billing_address: bool = Field(
        default=False, description="Orders of customers that the ERP has update their billing address (CUS-4)."
    )
    update_delivery_address: bool = Field(
        default=False, description="Orders of customers that the ERP has update their delivery address (CUS-4)."
    )
    strip_accents: bool = Field(default=False, description="Names and addresses without accents (CUS-4).")
    upper_case_name: bool = Field(default=False, description="Customer names in capitals (CUS-4).")
    upper_case_addresses: bool = Field(default=False, description="Addresses in capitals (CUS-4).")
    take_territory: bool = Field(default=True, description="A new account takes the territory of its document (CUS-4).")
    marketplaces: tuple[str, ...] = Field(
        (), description="Payment modes whose orders come from a marketplace: its buyers are not ours (CUS-7)."
    )
    marketplace_account: str = Field(
        "", description="Account of the buyers of marketplaces; empty: accounts as any other's (CUS-7)."
    )
    own_groups: tuple[str, ...] = Field(
        ("Clients LCV",),
        description="Customer groups of the shop whose members are our customers all the same (CUS-7).",
    )
    company_typology: str = Field("Entreprise", description="Typologie of a company, in the ERP's words.")
    person_typology: str = Field("Particulier", description="Typologie of a person, in the ERP's words.")
    active_state: str = Field("0", description="Statut of an active customer, in the ERP's words.")


class ProspectOptions(Options):
    """Which accounts of the shops become prospects in the ERP (CUS-6); all else is as in `[customers]`."""

    no_order_since: date | None = Field(
        None,
        description="Accounts whose last order is older than this day are prospects too; when it is not set, those "
        "that have never ordered. `--since` of the command takes its place.",
    )
    required: tuple[Literal["email", "phone", "address"], ...] = Field(
        ("email",), description="What an account must have beside a name."
    )
    only_groups: tuple[str, ...] = Field(
        (),
        description="Customer groups of the shop whose accounts alone become prospects; none named: all. For LCV, "
        'which wants customers with a purchase only: `["Clients LCV"]` (CUS-7).',
    )
