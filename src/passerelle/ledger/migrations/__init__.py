"""How the ledger's schema came to be, one step per version; forward only."""
