"""For every test that makes a zip for EBP: play its import, and say what EBP would say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from passerelle import outcome
from passerelle.ebp.check import ImportCheck, import_check
from passerelle.ebp.conventions import DEFAULTS, Conventions
from passerelle.ebp.extracts import Extracts


def assert_imports(
    data: bytes,
    extracts: Extracts | None = None,
    conventions: Mapping[str, Conventions] = DEFAULTS,
    *,
    but: Iterable[str] = (),
) -> ImportCheck:
    """Assert that EBP would take a zip as it stands; give what it would make.

    Args:
        data: the zip.
        extracts: what EBP has; without it, codes are not looked up.
        conventions: what was chosen in the wizard.
        but: codes of what is wrong on purpose.
    """
    check = import_check(data, extracts, conventions)
    wrong = check.findings[(check.findings["state"] == "failed") & ~check.findings["code"].isin(list(but))]
    said = [f"{row['record']}: {row['code']}: {outcome.message(row, 'en')}" for row in wrong.to_dict("records")]
    assert not said, "\n".join(said)
    return check
