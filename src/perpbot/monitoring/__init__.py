"""Being told: what the operator must know although nobody looks at the screen, and the ways it is delivered."""
