"""Market data, orders, gateways, positions, reconciliation and backtest."""
