"""Fills → lots → PnL → equity and drawdown, attributed to the pair or strategy that owns them."""
