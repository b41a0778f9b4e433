"""What is the same in a backtest, a shadow and a live run: run config, assembly, gate, recorder, data client, halt."""
