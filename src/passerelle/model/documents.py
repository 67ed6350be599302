"""What the ERP gets: sales documents with their lines, customers, addresses, settlements.

One document per order in this table; grouping joins several. Amounts in the document's currency, in millionths.

Source: spec 10-orders, 30-files (EBP-1, EBP-2); design.md decision 9.
"""

from __future__ import annotations

from passerelle.model.table import Column, Table

QUOTE = "quote"
DOCUMENT_KINDS = (QUOTE, "order", "delivery_note", "invoice")
"""What an order can become."""
CREDIT_NOTE = "credit_note"
"""What a refund becomes."""
SETTLEMENT = "settlement"
"""What a payment becomes."""


def _address(prefix: str, whose: str) -> tuple[Column, ...]:
    texts = (
        ("title", "civility"),
        ("name", "name of the address: company, or first and last name"),
        ("line_1", "first address line"),
        ("line_2", "second address line"),
        ("line_3", "third address line"),
        ("line_4", "fourth address line"),
        ("postcode", "post code"),
        ("city", "city"),
        ("state", "state, province or département"),
        ("country", "country code, ISO 3166-1 alpha-2"),
        ("contact_name", "last name of the contact"),
        ("contact_first_name", "first name of the contact"),
        ("phone", "phone"),
        ("mobile", "mobile phone"),
        ("email", "e-mail"),
    )
    return tuple(Column(f"{prefix}_{name}", "text", f"{whose} address: {meaning}") for name, meaning in texts)


DOCUMENTS = Table(
    "documents",
    "sales document",
    (
        Column("document_key", "text", "the order it comes from (order_key); the refund's key for a credit note"),
        Column("document_kind", "text", "quote, order, delivery_note, invoice or credit_note"),
        Column(
            "document_number",
            "text",
            "number written in the file, the key that groups its rows (BT-1), ≤ 24 characters",
        ),
        Column("use_own_number", "flag", "the ERP takes this number instead of its own (ORD-14)"),
        Column("document_state", "text", "state of the document in the ERP (ORD-2)"),
        Column("document_date", "date", "issue date (BT-2)"),
        Column("delivery_date", "date", "delivery date (BT-72); missing when the option is off"),
        Column("number_series", "text", "number series, souche (ORD-12)"),
        Column("depot", "text", "depot (ORD-12)"),
        Column("reference", "text", "reference by the template (ORD-13, BT-13)"),
        Column("shop_order", "text", "the shop's order id for the document's custom field (ORD-15), ≤ 32 characters"),
        Column("customer_code", "text", "the ERP's customer account (BT-46)"),
        Column("customer_title", "text", "civility"),
        Column("customer_name", "text", "buyer name (BT-44)"),
        *_address("billing", "billing"),
        *_address("delivery", "delivery"),
        Column("territory", "text", "territory of the sale in the ERP (ORD-40)"),
        Column("vat_number", "text", "buyer's VAT number when valid (BT-48)"),
        Column("includes_tax", "flag", "the document's prices include VAT (ORD-22)"),
        Column("currency", "text", "ISO 4217 code of the document (BT-5)"),
        Column("erp_currency", "text", "the ERP's currency code (ORD-44); empty for the ERP's own currency"),
        Column("currency_rate", "rate", "units of the document's currency for one of the ERP's", optional=True),
        Column("shipping_excl", "amount", "shipping in the footer, excluding VAT; 0 when it is a line (ORD-24)"),
        Column("shipping_tax_rate", "rate", "its VAT rate in percent", optional=True),
        Column("shipping_vat_code", "text", "its ERP VAT code"),
        Column("shipping_code", "text", "the ERP's shipping code (ORD-43)"),
        Column("total_excl", "amount", "document total excluding VAT as the ERP computes it (BT-109)"),
        Column(
            "total_incl",
            "amount",
            "document total including VAT as the ERP computes it (BT-112) = what the shop charged",
        ),
        Column("settlement_mode", "text", "the ERP's settlement mode (ORD-42)"),
        Column("notes", "text", "notes"),
        Column("representative", "text", "the ERP's sales representative (CUS-4)"),
        Column("deposit_amount", "amount", "deposit on an order document (ORD-52), in the ERP's currency"),
        Column("deposit_means", "text", "its payment means"),
        Column(
            "deposit_currency_amount",
            "amount",
            "the same in the order's currency; missing in the ERP's own",
            optional=True,
        ),
        Column("deposit_currency_rate", "rate", "its rate", optional=True),
        Column("deposit_currency", "text", "its ISO 4217 code; empty in the ERP's own currency"),
        Column("deposit_date", "date", "its date"),
    ),
)

DOCUMENT_LINES = Table(
    "document_lines",
    "line of a sales document",
    (
        Column("document_key", "text", "the document"),
        Column("position", "integer", "rank in the document, from 1"),
        Column("kind", "text", "article, eco_tax, shipping, wrapping, fee, refund, discount or rounding"),
        Column("article", "text", "the ERP's article reference (BT-155)"),
        Column("label", "text", "description (BT-153)"),
        Column("quantity", "quantity", "quantity (BT-129)"),
        Column("tax_rate", "rate", "VAT rate in percent (BT-152)"),
        Column("vat_code", "text", "the ERP's VAT code (ORD-41)"),
        Column("unit_price_excl", "amount", "gross unit price (BT-148) excluding VAT, at the price decimals (ORD-11)"),
        Column("unit_price_incl", "amount", "gross unit price including VAT"),
        Column("unit_discount_excl", "amount", "discount per unit (BT-147) excluding VAT, at the price decimals"),
        Column("net_excl", "amount", "line net amount (BT-131) excluding VAT, at the currency's decimals"),
        Column("net_incl", "amount", "line net amount including VAT"),
        Column("tracking_number", "text", "lot or serial number"),
    ),
)

CUSTOMERS = Table(
    "customers",
    "customer account that a document of the run needs",
    (
        Column("customer_key", "text", "the buyer in the shop"),
        Column("customer_code", "text", "account code, ≤ 20 characters"),
        Column("is_new", "flag", "the account is created by this run"),
        Column("typology", "text", "person or company, in the ERP's words (Typologie)"),
        Column("natural_person", "flag", "a person, not a company"),
        Column("title", "text", "civility"),
        Column("name", "text", "name: company, or last and first name"),
        Column("family", "text", "customer family"),
        Column("price_category", "text", "customer group (CUS-4): the ERP's price category"),
        Column("state", "text", "Statut: active customer, in the ERP's words"),
        Column("language", "text", "ISO 639-1 code"),
        *_address("billing", "billing"),
        *_address("delivery", "delivery"),
        Column("accounting_account", "text", "accounting account (CUS-3)"),
        Column("territory", "text", "territory (CUS-4)"),
        Column("siren", "text", "SIREN, from a valid SIRET"),
        Column("vat_number", "text", "VAT number when valid"),
        Column("notes", "text", "notes; invalid numbers are kept here"),
        Column("representative", "text", "sales representative"),
        Column("includes_tax", "flag", "the account is invoiced including tax"),
        Column("email", "text", "e-mail"),
    ),
)

SETTLEMENTS = Table(
    "settlements",
    "settlement of a document; on an order document it is a deposit",
    (
        Column("document_key", "text", "the document; of one exchanged before, its order or refund"),
        Column("position", "integer", "rank within the document, from 1"),
        Column(
            "settlement_key",
            "text",
            "what it books, and nothing else does: the order or refund, '/', payment-1 (by date), total or "
            "difference-1; empty where several were put together",
        ),
        Column("document_kind", "text", "kind of the document"),
        Column("document_number", "text", "number of the document"),
        Column("shop_order", "text", "the shop's order id, as the document's custom field has it (ORD-15)"),
        Column("customer_code", "text", "the document's customer account"),
        Column("settled_at", "date", "date"),
        Column("amount", "amount", "amount in the document's currency; negative when money is given back"),
        Column("currency", "text", "ISO 4217 code of the document's currency"),
        Column("currency_rate", "rate", "units of it for one of the ERP's", optional=True),
        Column("label", "text", "label by the template (ORD-50)"),
        Column("settlement_mode", "text", "the ERP's settlement mode"),
        Column("payment_means", "text", "the ERP's payment means"),
        Column("journal", "text", "journal"),
        Column("treasury_account", "text", "treasury account"),
        Column("payer_account", "text", "payer account"),
        Column("transaction_id", "text", "the provider's id of the payment"),
        Column("is_deposit", "flag", "it goes with its order document as a deposit (ORD-52)"),
    ),
)

ARTICLES = Table(
    "articles",
    "article of the ERP, from its extract",
    (
        Column("article", "text", "article reference, exact"),
        Column("label", "text", "label"),
        Column("barcode", "text", "EAN or other bar code"),
        Column("tax_rate", "rate", "VAT rate in percent, where the extract tells", optional=True),
        Column("vat_code", "text", "VAT code, where the extract tells"),
    ),
)

ERP_CUSTOMERS = Table(
    "erp_customers",
    "customer account that the ERP already has, from its extract",
    (
        Column("customer_code", "text", "account code"),
        Column("name", "text", "name"),
        Column("email", "text", "e-mail"),
        Column("siren", "text", "SIREN or SIRET"),
        Column("vat_number", "text", "VAT number"),
        *_address("billing", "billing"),
        *_address("delivery", "delivery"),
    ),
)
