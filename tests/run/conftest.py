"""Lets the tests of this folder import its builders, and the servers of the other folders."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / folder) for folder in ("run", "flows", "storage")]
