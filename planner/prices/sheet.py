"""A user's CSV as spreadsheets write it: the encodings, separators, decimal commas and currency signs of their locales.

What can be read in one way only is read; what could mean two things is refused with what to write instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.errors import MisuseError

__all__ = ["amount", "cells", "currency", "separator", "text"]

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
#: What people call a currency, and its code. A bare sign ("¥" is yen too, "$" of a dozen countries) is not among them.
_CALLED = {
    "RMB": "CNY",
    "CNH": "CNY",
    "YUAN": "CNY",
    "人民币": "CNY",
    "人民币元": "CNY",
    "元": "CNY",
    "CN¥": "CNY",
    "CN￥": "CNY",
    "RMB¥": "CNY",
    "RMB￥": "CNY",
    "US$": "USD",
    "美元": "USD",
}
_SIGNS = {
    "¥": ("CNY", "JPY"),
    "￥": ("CNY", "JPY"),
    "元": ("CNY",),
    "$": ("USD", "HKD", "SGD", "AUD", "CAD", "NZD", "TWD"),
}
_SIGNS |= {"€": ("EUR",), "£": ("GBP",)}


def text(data: bytes, name: str) -> str:
    """Return a file's text: UTF-8, UTF-16 with its byte-order mark, or GB 18030 (GBK, GB 2312) where it is Chinese.

    Line ends become line feeds. Raises `MisuseError` naming the remedy for another encoding.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data, encoding, name)
    if b"\0" in data[:4096]:
        raise MisuseError(f"{name}: it holds NUL bytes (UTF-16 without a byte-order mark?); save it as CSV UTF-8")
    try:
        return _lines(data.decode())
    except UnicodeDecodeError:
        pass
    try:
        read = data.decode("gb18030")
    except UnicodeDecodeError:
        read = ""
    if read and all(_chinese(letter) for letter in read if ord(letter) > 127):
        return _lines(read)
    raise MisuseError(f"{name}: neither UTF-8 nor GBK text; save it as CSV UTF-8 and give it again")


def _decoded(data: bytes, encoding: str, name: str) -> str:
    try:
        return _lines(data.decode(encoding))
    except UnicodeDecodeError as exc:
        raise MisuseError(
            f"{name}: it says that it is {encoding}, but byte {exc.start} is not; save it as CSV UTF-8"
        ) from None


def _lines(read: str) -> str:
    return read.replace("\r\n", "\n").replace("\r", "\n")


def _chinese(letter: str) -> bool:
    """Whether a letter stands in what people write in Chinese: ideographs, their punctuation, full-width forms."""
    return (
        letter in "·—‘’“”…℃￥¥€×"
        or "\u3000" <= letter <= "\u303f"
        or "\u4e00" <= letter <= "\u9fff"
        or "\uff00" <= letter <= "\uffef"
    )


def separator(lines: Sequence[str], known: Sequence[str], name: str) -> tuple[str, int]:
    """Return what separates the columns of a file, and the number of its header's line (Excel may put `sep=;` before it).

    known: the names that a header is made of. Raises `MisuseError` naming the separators when none gives two of them.
    """
    for number, line in enumerate(lines[:2]):
        if line.lower().startswith("sep=") and len(line.rstrip()) <= 5:
            continue
        hits = {sep: sum(cell.strip(' "').lower() in known for cell in line.split(sep)) for sep in _SEPARATORS}
        best = max(hits, key=lambda sep: hits[sep])
        if hits[best] > 1:
            return best, number
        break
    raise MisuseError(
        f"{name}: its first line is no header: the columns {', '.join(known[:3])} ... between "
        f"{', '.join(_SEPARATORS.values())} are expected"
    )


def currency(written: str) -> str:
    """Return the code of a currency as written (`RMB` is CNY); refuse a bare sign, which could be several."""
    word = written.strip().upper()
    if word in _SIGNS and word not in _CALLED:
        raise MisuseError(f"currency: {written!r} may be {' or '.join(_SIGNS[word])}: write the code")
    return _CALLED.get(word, word)


def amount(written: str, code: str, sep: str, comma: bool = False) -> str:
    """Return an amount as a plain decimal: without the sign of its currency, with a point.

    sep: what separates the file's columns; between commas a comma in an amount can only group digits. comma: the file has
    amounts with a decimal comma, so that a point before three digits groups them. Raises
    `MisuseError` for an amount that could be read in two ways, and for the sign of another currency.
    """
    bare = written.strip()
    for sign, codes in _SIGNS.items():
        if bare.startswith(sign) or bare.endswith(sign):
            if code not in codes:
                raise MisuseError(f"amount: {written!r} bears the sign of {' or '.join(codes)}, the currency is {code}")
            bare = bare.removeprefix(sign).removesuffix(sign).strip()
    whole, found, rest = bare.rpartition(",")
    if not found and not (comma and len(bare.rpartition(".")[2]) == 3 and "." in bare):
        return bare
    if "." in bare or "," in whole or sep == "," or len(rest) == 3:
        raise MisuseError(
            f"amount: {written!r} may mean two numbers: write it with a decimal point alone, like 1234.56"
        )
    return f"{whole}.{rest}"


def cells(row: Mapping[str, str], sep: str, comma: bool = False) -> dict[str, str]:
    """Return a row with its currency as a code and its amounts (also the steps' bounds) as plain decimals; see `amount`."""
    code = currency(row.get("currency", ""))
    numbers = {k: amount(row[k], code, sep, comma) for k in ("amount", "tier_from", "tier_to") if row.get(k)}
    return {**row, "currency": code, **numbers}
