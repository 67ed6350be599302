"""Profiles: one ERP, its shops, their options and mappings."""
