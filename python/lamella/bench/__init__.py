"""How fast lamella is on this machine, beside the peers that are installed; ``import lamella`` loads nothing of it."""
