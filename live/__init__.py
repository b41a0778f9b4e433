"""Live runs, arming and promotion: nothing here yet; no order can leave for a real venue."""
