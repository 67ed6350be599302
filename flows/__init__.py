"""Prefect flows and deployments; they only orchestrate."""
