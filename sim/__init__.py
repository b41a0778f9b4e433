"""Backtest and shadow loop: the same assembly over recorded prices, on a simulated venue."""
