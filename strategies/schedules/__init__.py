"""Execution schedules: pure slicing (`slicing`, `profile`, `course`) and its shell in Nautilus (`algorithm`)."""
