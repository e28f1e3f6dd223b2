"""The simulated venue's in-process face: an exchange that trades without a network."""
