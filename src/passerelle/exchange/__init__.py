"""Business rules, pure: tables in, tables and outcomes out."""
