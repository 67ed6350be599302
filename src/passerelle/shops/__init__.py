"""Shop platforms: each module reads what one platform gives into the canonical tables."""
