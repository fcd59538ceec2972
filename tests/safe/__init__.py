"""Harnesses against what a machine, a neighbour or a hostile file may do; docs/reliability.md has the counts."""
