"""What a profile can choose for its orders: every option of the rules, with its default.

The profile's TOML tables ``[orders]`` and ``[customers]`` are these models; the settings reference is made from them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

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


class SpecialArticles(Options):
    """ERP references that stand for what is no catalogue article (ORD-20, 24 to 28)."""

    misc: str = Field("", description="Divers: takes the place of an unknown article; empty: the document is refused.")
    rounding: str = Field("", description="Écart: carries the rounding difference (ORD-27).")
    wrapping: str = Field("", description="Emballage: gift wrapping (ORD-25).")
    shipping: str = Field("", description="Frais de port: shipping written as a line (ORD-24).")
    fee: str = Field("", description="Frais: other charges of the order, such as a payment surcharge.")
    discount: str = Field("", description="Remise: order discounts, where the mapping names none (ORD-26).")


class SettlementOptions(Options):
    """Settlements booked with the documents (ORD-50)."""

    create: bool = Field(default=False, description="Create settlements.")
    amount: Literal["order", "payments"] = Field("order", description="One of the order's total, or one per payment.")
    date: Literal["order", "payment", "invoice", "today"] = Field("payment", description="Date of the settlement.")
    label: str = Field("%CF %CL - %OI", description="Label template, codes as in the reference template.")


class OrderOptions(Options):
    """How orders become sales documents (ORD-…)."""

    period: Period = Field("last-15-days", description="Which orders are read (ORD-1).")
    date: Literal["created", "updated", "invoiced"] = Field("created", description="The date that selects (ORD-4).")
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
    shipping: Literal["footer", "line"] = Field("footer", description="Where shipping is written (ORD-24).")
    charge_tax_rate: Annotated[Decimal | None, Field(ge=0, le=100)] = Field(
        None, description="VAT rate in percent of shipping, wrapping and fees whose rate the shop does not tell."
    )
    rounding_line: bool = Field(default=True, description="Write an Écart line for a rounding difference (ORD-27).")
    rounding_ceiling: Annotated[Decimal, Field(ge=0)] = Field(
        Decimal("1.00"), description="Above this difference the document is always refused (ORD-27)."
    )
    rounding_vat_code: str = Field("", description="VAT code of the Écart line, whose rate is 0 (ORD-27).")
    paid_in_full: bool = Field(default=False, description="Refuse an order whose paid amount is not its total (ORD-8).")
    special_articles: SpecialArticles = SpecialArticles()
    currency: str = Field("EUR", description="The ERP's own currency, ISO 4217 (ORD-44).")
    own_rate: bool = Field(default=True, description="Documents in currency carry the order's own rate (ORD-44).")
    settlements: SettlementOptions = SettlementOptions()
    state_in_territory: bool = Field(
        default=False, description="Map territories by state too, not country alone (ORD-40)."
    )
    defaults: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="Per mapping, the values taken when neither a row nor the '*' row answers.",
    )


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
            raise ValueError("mode = 'single' needs the account in `single`")
        for prefix in (self.prefix, self.guest_prefix, *self.prefixes.values()):
            if len(prefix) >= self.length:
                raise ValueError(f"the prefix {prefix!r} leaves no room for an id in {self.length} characters")
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
    company_typology: str = Field("Entreprise", description="Typologie of a company, in the ERP's words.")
    person_typology: str = Field("Particulier", description="Typologie of a person, in the ERP's words.")
    active_state: str = Field("0", description="Statut of an active customer, in the ERP's words.")
