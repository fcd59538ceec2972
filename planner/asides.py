"""What a workload's file may say beside the workload itself: where data stays, a batch with its deadline, hits of an API's cache.

Each is an option of `planner quote` under the same name, and means the same.
"""

from collections.abc import Mapping

from planner.errors import MisuseError

__all__ = ["BATCH", "KEYS", "MOST", "OPTIONS", "of", "refused", "without"]

#: What makes a workload a batch.
BATCH = ("tokens", "by", "spot_share", "spot_interruption")
#: Bytes of a workload's file at most.
MOST = 1 << 20
KEYS = ("data_stays", *BATCH, "cache_hits")
#: Options of `planner quote` that say how it is asked or shown (a test holds them to the command's).
OPTIONS = (
    "allow_unpriced as_of beside_apis charts compare explain force format from_tf gaps granularity infrastructure lang "
    "measurements neighbours offer offline_list online output own price_book price_book_db rejected replay sort strict target "
    "top wide"
).split()


def of(keys: Mapping[str, object], where: str) -> dict[str, str]:
    """Return the asides among a file's keys, each as its option is typed; raise `MisuseError` for a key that is only an option."""
    for key in keys:
        if key in OPTIONS:
            option = key.replace("_", "-")
            raise MisuseError(
                "{where}{key!r} says how to ask, not what must run: give it as the option --{option}",
                where=where,
                key=key,
                option=option,
            )
    return {key: _typed(key, keys[key], where) for key in KEYS if key in keys}


def _typed(key: str, value: object, where: str) -> str:
    if hasattr(value, "isoformat") and hasattr(value, "year"):  # TOML's own date or time
        return str(value.isoformat())
    if isinstance(value, bool) or (not isinstance(value, (str, int)) and not hasattr(value, "as_tuple")):
        raise MisuseError(
            "{where}{key}: expected text or a number, got {value}", where=where, key=key, value=repr(value)[:60]
        )
    return str(value)


def without(keys: Mapping[str, object], where: str, aside: dict[str, str] | None) -> dict[str, object]:
    """Return a file's keys without its asides, which go into `aside`; where there is none, they are refused."""
    found = of(keys, where)
    if aside is None:
        refused(found, (), where)
    else:
        aside |= found
    return {key: value for key, value in keys.items() if key not in found}


def refused(found: Mapping[str, str], known: tuple[str, ...], where: str) -> None:
    """Raise `MisuseError` for an aside that is not `known` to who reads the file."""
    for key in found:
        if key in known:
            continue
        if key in BATCH:
            raise MisuseError(
                "{where}{key!r} asks for a batch with a deadline, which `planner quote` alone answers: leave it out here, and say the demand as rps",
                where=where,
                key=key,
            )
        raise MisuseError("{where}{key!r} is read by `planner quote` alone: leave it out here", where=where, key=key)
