"""What a profile can choose of what goes to its shops: one module per family of rules."""
