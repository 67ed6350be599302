"""Every place that files come from and go to, behind one contract."""
