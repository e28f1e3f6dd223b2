"""Extended (x10): perpetual futures settled on Starknet."""
