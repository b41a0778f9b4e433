"""Venues reached through CCXT: public market data so far, behind an egress guard."""
