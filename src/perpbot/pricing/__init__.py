"""What a trade brings and costs: depth walk, fees, funding, basis, limits, pair PnL and the worst case."""
