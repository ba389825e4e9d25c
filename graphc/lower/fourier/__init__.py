"""How transforms of a given length are computed, and the tables of numbers they read."""
