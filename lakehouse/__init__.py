"""The only room that writes the lakehouse and knows its paths and formats: manifests, provenance, journal, ledger, state."""
