"""The trading service: what starts, supervises and stops everything."""
