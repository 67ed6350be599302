"""Servers that stand in for the clouds: each enforces what its cloud documents, and talks to the real client."""
