"""The simulated venue: one set of models and one client, inside a backtest's exchange or a shadow node."""
