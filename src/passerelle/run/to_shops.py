"""What is asked of tasks that tell shops something: a run is of one shop, so that what stops one stops no other.

Source: spec RUN-1; design.md decision 5.
"""

from __future__ import annotations

from passerelle.profile.loader import LoadedProfile, load
from passerelle.run import plans
from passerelle.run.errors import RunError
from passerelle.run.installation import Installation
from passerelle.run.request import Request


def requests(
    installation: Installation,
    profile: str,
    table: str,
    shop: str = "",
    *,
    full: bool = False,
    plan: bool = False,
    apply: str = "",
) -> list[Request]:
    """Give what is asked of each shop that has a table in the profile: the one asked for, that of the plan, or all.

    Raises:
        ProfileError: the profile cannot be used.
        RunError: no shop has the table, the plan is unknown, or something is asked beside it.
    """
    if apply and (full or plan):
        raise RunError("run-plan-alone", is_usage=True, value=apply)
    if apply and not shop:
        shop = plans.read(installation, apply).shop
    loaded = load(profile, profiles_folder=installation.profiles)
    return [Request(profile, plan=plan, apply=apply, shop=one, full=full) for one in shops_with(loaded, table, shop)]


def shops_with(loaded: LoadedProfile, table: str, asked: str = "") -> list[str]:
    """Give the shops that have a table in the profile, such as ``stock``: the one asked for, or all.

    Raises:
        RunError: none has.
    """
    shops = [shop.name for shop in loaded.profile.shops if getattr(shop, table) and asked in {"", shop.name}]
    if not shops:
        raise RunError("run-no-shop-with", is_usage=True, value=asked or loaded.profile.name, table=table)
    return shops
