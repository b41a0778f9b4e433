"""Prices in and out of a Nautilus Parquet catalog: import, fetch, and the feed a backtest or a shadow reads."""
