"""``Batch.txt``, by which EBP's command line imports the files.

Source: facts ebp.md §1.3; spec EBP-1, EBP-3.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from passerelle.ebp.findings import Findings
from passerelle.ebp.labels import BATCH, FILES

_BATCH_LINE = re.compile(r'/Import="([^"]+)";([^;"]+);([^;"]+)')
_SHOWN = 100


def check_batch(files: Mapping[str, bytes], found: Findings) -> None:
    """See that EBP's command line imports each file of the zip once, in the right order, as what it is."""
    imported = [file for file in FILES if file in files]
    if not imported:
        return
    if BATCH not in files:
        found.tell("ebp-batch-missing", BATCH)
        return
    named: list[str] = []
    for line, text in enumerate(files[BATCH].decode("cp1252", errors="replace").splitlines(), 1):
        command = _BATCH_LINE.fullmatch(text)
        if command is None:
            found.tell("ebp-batch-line", BATCH, line, value=text[:_SHOWN])
            continue
        file = re.split(r"[\\/]", command[1])[-1]
        if file not in imported:
            found.tell("ebp-batch-file-missing", BATCH, line, value=file)
        elif FILES[file].category not in {"", command[2]}:
            found.tell("ebp-batch-category", BATCH, line, value=command[2], file=file, expected=FILES[file].category)
        elif named and imported.index(file) < max(map(imported.index, named)):
            found.tell("ebp-batch-order", BATCH, line, value=file)
        named += [file] if file in imported else []
    counts = Counter(named)
    for file in imported:
        if counts[file] != 1:
            found.tell("ebp-batch-count", BATCH, value=file, count=counts[file])
