"""EBP's side of the exchange: its import wizard played on our files, and what an integrator sets up there."""
