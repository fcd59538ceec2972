"""Programs of the house: what rewrites generated files. `make` has a target for each."""
