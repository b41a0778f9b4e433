"""Interactive Brokers through Nautilus' own client: second lock, market limits, and a watchdog for orders without an answer."""
