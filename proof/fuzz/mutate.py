"""Ways in which what comes may differ from what was sent: whole frames, fields of one, or bytes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 7, 10**30, 0.5, 1e308, "", "0", "1", "-1", "-3.00", "0.5", ".5", "5.", "NaN",
    "Infinity", "1e3", "0x1", "0.0000001", "9" * 30, "9" * 5000, "٣.٥", "\ud800", "\u0000", "yes", "no", "BUY", "SELL",
    "book", "price_change", "orderbook_delta", "orderbook_snapshot", "weather", "1001", "1002", "KXCUP-26-AAA",
    "KXCUP-26-BBB", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1780000000000", "9999999999999", [], {},
    [[]], [["0.4700", "3.00"]], [["0.4700", "3.00"], ["0.47", "1"]], {"price": "0.47", "size": "-1"},
)  # fmt: skip
"""Values of every type, and those a field may hold by mistake."""

_PIECES = (
    b"\x00", b"\xff", b"\xef\xbb\xbf", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\n", b"=", b"-", b"NaN",
    b"\\u0031", b"<<<<<<< HEAD", b"[" * 3000, b"1" * 5000, b" ", b"D", b"L1", b"2",
)  # fmt: skip


def mutated(content: bytes, rng: random.Random, times: int = 1) -> bytes:
    """`content`, differing in `times` places. Equal arguments give equal bytes."""
    for _ in range(times):
        content = rng.choice(_WAYS)(content, rng)
    return content


def _lines(content: bytes, rng: random.Random) -> bytes:
    """One frame is lost, repeated, moved, late, cut, or runs into the next."""
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    match rng.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(rng.randint(at, len(lines)), lines[at])
        case 2:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines.insert(rng.randint(0, len(lines) - 1), lines.pop(at))
        case 4:
            lines[at] = lines[at][: rng.randint(0, len(lines[at]))]
        case _:
            lines[at : at + 2] = [b"".join(lines[at : at + 2])]
    return b"\n".join(lines)


def _fields(content: bytes, rng: random.Random) -> bytes:
    """One field of one frame is missing, odd, another field's, or said twice."""
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    link, body = (lines[at][:1], lines[at][1:]) if lines[at][:1] in (b"1", b"2") else (b"", lines[at])
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return content
    places = list(_places(said))
    if not places:
        return content
    holder, key = rng.choice(places)
    match rng.randrange(4):
        case 0:
            del holder[key]
        case 1:
            other, there = rng.choice(places)
            holder[key] = json.loads(json.dumps(other[there]))
        case 2 if isinstance(holder[key], str) and holder[key]:
            text, place = holder[key], rng.randrange(len(holder[key]))
            holder[key] = text[:place] + rng.choice("0123456789-.:TZa") + text[place + rng.randint(0, 1) :]
        case _:
            holder[key] = rng.choice(ODD)
    written = json.dumps(said, ensure_ascii=rng.random() < 0.8, separators=(",", ":")).encode(errors="surrogatepass")
    if rng.random() < 0.1 and written.startswith(b"{") and len(written) > 2:
        written = b"{" + body.strip()[1:-1] + b"," + written[1:]
    lines[at] = link + written
    return b"\n".join(lines)


def _places(value: Any) -> list[tuple[Any, Any]]:
    inside = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [(value, key) for key, _ in inside] + [place for _, part in inside for place in _places(part)]


def _bytes(content: bytes, rng: random.Random) -> bytes:
    at = rng.randint(0, len(content))
    match rng.randrange(4):
        case 0 if at < len(content):
            return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]
        case 1:
            return content[:at] + rng.choice(_PIECES) + content[at:]
        case 2:
            return content[:at] + content[at + rng.randint(1, 8) :]
        case _:
            begin = rng.randint(0, len(content))
            return content[:at] + content[begin : begin + rng.randint(1, 64)] + content[at:]


_WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (_lines, _fields, _fields, _bytes)
