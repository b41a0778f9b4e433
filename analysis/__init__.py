"""What the logs say: run summaries now; cost and latency analysis, calibration and reports join them here."""
