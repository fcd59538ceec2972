"""The wing that asks: one adapter per cloud, and what they share about asking; clouds never meet."""
