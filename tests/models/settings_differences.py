"""Where the program and transformers differ on purpose: the case and the reason."""

NAMED = {}
