"""Venues on loopback that speak a real venue's protocol to unmodified client libraries, and misbehave on command."""
