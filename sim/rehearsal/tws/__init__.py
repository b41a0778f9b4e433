"""A fake TWS on loopback: Interactive Brokers' socket protocol as its unmodified client library has it, and orders that match."""
