"""Options of the task that switches a shop's articles on and off.

Source: spec CAT-5.
"""

from __future__ import annotations

from passerelle.exchange.shop_options.articles import ArticleChoice


class ActivationOptions(ArticleChoice):
    """Which articles are switched on and off (CAT-5)."""
