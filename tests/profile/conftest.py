from __future__ import annotations

import pytest
from profile_demo import Demo


@pytest.fixture
def demo(tmp_path) -> Demo:
    return Demo(tmp_path / "profiles")
