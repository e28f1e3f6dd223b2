"""The simulated venue: one pure matching engine. Time is handed in, money is exact, nothing is random."""
