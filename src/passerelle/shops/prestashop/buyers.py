"""Who bought, and the addresses of orders.

Source: facts/shops § 1; spec CUS-1, CUS-8, ORD-7.
"""

from __future__ import annotations

import pandas as pd

from passerelle.shops.prestashop.reading import NO_ID, Reading, among, filled, ranked


def buyers_of(reading: Reading, header: pd.DataFrame) -> pd.DataFrame:
    """Give the buyer of each order; what an account lacks is taken of the billing address."""
    customers = reading.referred("customers", header["id_customer"])
    billing = reading.referred("addresses", header["id_billing"])
    has_account = header["id_customer"] != ""
    gender = customers["id_gender"].mask(customers["id_gender"].isin(NO_ID), "")
    group = customers["id_default_group"].mask(customers["id_default_group"].isin(NO_ID), "")
    language = filled(customers["id_lang"], header["id_lang"])
    return pd.DataFrame(
        {
            "order_key": header["order_key"],
            "customer_key": header["customer_key"],
            "shop": header["shop"],
            "customer_id": header["id_customer"].where(has_account, header["order_id"]),
            "is_guest": ~has_account | customers["is_guest"].eq("1"),
            "title": filled(reading.field_of("genders", gender, "name"), gender),
            "first_name": customers["firstname"].where(has_account, billing["firstname"]),
            "last_name": customers["lastname"].where(has_account, billing["lastname"]),
            "company": filled(customers["company"], billing["company"]),
            "email": customers["email"],
            "phone": filled(billing["phone"], billing["phone_mobile"]),
            "siret": customers["siret"],
            "vat_number": billing["vat_number"],
            "language": reading.field_of("languages", language, "iso_code").str.lower(),
            "customer_group": filled(reading.field_of("groups", group, "name"), group),
        }
    )


def addresses_of(reading: Reading, header: pd.DataFrame) -> pd.DataFrame:
    """Give the billing and the delivery address of each order."""
    emails = reading.field_of("customers", header["id_customer"], "email")
    links = pd.concat(
        [
            pd.DataFrame({"order_key": header["order_key"], "kind": kind, "id": header[f"id_{kind}"], "email": email})
            for kind, email in (("billing", emails), ("delivery", ""))
        ]
    )
    return places_of(reading, ranked(links, header))


def places_of(reading: Reading, links: pd.DataFrame) -> pd.DataFrame:
    """Give the addresses that are referred to.

    Args:
        reading: the export.
        links: of each, ``order_key`` (the record that has it), its ``id``, and what else it keeps.
    """
    keys = links["order_key"]
    reading.require("addresses", links["id"], keys, field="orders.id_address_invoice")
    found = reading.referred("addresses", links["id"])
    is_given = among(links["id"], reading.ids("addresses"))
    country = reading.iso_code(
        "countries", found.loc[is_given, "id_country"], keys[is_given], field="addresses.id_country"
    )
    states = reading.referred("states", found["id_state"])
    state = filled(states["iso_code"], states["name"])
    untold = ~found["id_state"].isin(NO_ID) & (state == "")
    reading.problems.say(
        "state-not-given", keys[untold], field="addresses.id_state", value=found.loc[untold, "id_state"]
    )
    return links.assign(
        first_name=found["firstname"],
        last_name=found["lastname"],
        company=found["company"],
        line_1=found["address1"],
        line_2=found["address2"],
        line_3=_one_line(found["other"]),
        postcode=found["postcode"],
        city=found["city"],
        state=state,
        country=country.str.upper().reindex(links.index, fill_value=""),
        phone=found["phone"],
        mobile=found["phone_mobile"],
        vat_number=found["vat_number"],
    )


def _one_line(texts: pd.Series) -> pd.Series:
    """Put texts on one line; most are empty, and only the others are looked at."""
    several = texts[texts != ""]
    return texts.mask(texts != "", several.str.replace(r"\s+", " ", regex=True)) if len(several) else texts
