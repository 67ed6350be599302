"""Lets the tests of this folder import their month, and the run tests' tools."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / folder) for folder in ("replay", "run", "ebp")]
