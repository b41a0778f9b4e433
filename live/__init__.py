"""Live runs: armed, reconciled, watched over from outside; so far at loopback stand-ins of a venue alone."""
