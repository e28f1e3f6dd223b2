"""Binance: USD-M, COIN-M and spot market data."""
