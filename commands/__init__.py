"""The `sluice` command line: one file a command, thin. Nothing heavy is imported before a command needs it."""
