"""Lets the tests of this folder import its server and the run tests' builders."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "run")]
sys.path.append(str(Path(__file__).parent.parent / "storage"))
