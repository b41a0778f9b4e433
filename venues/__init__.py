"""Where orders go: the venue contract, the router, the symbol map, and one sub-package a kind of venue."""
