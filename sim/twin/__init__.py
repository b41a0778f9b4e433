"""The twin: a live run's own orders once more, from its log, at a simulated venue that has no way to submit."""
