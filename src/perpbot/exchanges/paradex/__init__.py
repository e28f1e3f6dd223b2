"""Paradex: perpetual futures on a Starknet application chain."""
