"""What and when: the planner (pure) and the manifest strategy, a thin shell on Nautilus."""
