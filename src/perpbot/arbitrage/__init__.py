"""Finds, sizes and scores directions in which one exchange sells cheaper than another buys."""
