"""Tokens bought from managed APIs, by the same door as a cloud: an entry point of the group `planner.tokens`, and a home.

`tokens.csv` beside this file holds dated prices per million tokens, `terms.csv` what each API promises about limits and data
(docs/tokens.md says what each column means). Nothing is fetched: both are read by hand and dated.
"""

from planner.provider import TOKENS

#: The list by which `planner quote --beside-apis` knows this folder as a home.
prices = TOKENS
