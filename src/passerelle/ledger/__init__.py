"""The durable record of what was exchanged."""
