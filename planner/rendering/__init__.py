"""Renderers: a Quote becomes text or bytes. Rounding and colour live here and nowhere else."""
