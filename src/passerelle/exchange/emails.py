"""E-mail addresses that a shop's account can log in with.

Source: spec CLI-1; the syntax that HTML's e-mail field accepts, with a domain of two labels at least.
"""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_VALID = rf"^[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})+$"
_LONGEST = 254


def valid(emails: pd.Series) -> pd.Series:
    """Tell which texts are e-mail addresses, same index; what a mailbox makes of one nobody can tell from outside."""
    texts = pa.array(emails, pa.large_string())
    found = pc.and_(pc.match_substring_regex(texts, _VALID), pc.less_equal(pc.utf8_length(texts), _LONGEST))
    return pd.Series(found.to_numpy(zero_copy_only=False), emails.index, dtype="bool")
