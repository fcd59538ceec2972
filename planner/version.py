"""The release of this planner."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
