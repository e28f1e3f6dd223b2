"""Virtual time, the simulated venue, generated markets and replay."""
