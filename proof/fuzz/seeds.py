"""What the search starts from: small sessions of our own, as the venues would write them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from domain.market import Venue
from recording.envelope import EventType, envelope
from recording.session_setup import Setup
from recording.session_writer import SessionWriter
from recording.sources.kalshi_csv import HEADER as CHANGES
from recording.sources.snapshots import HEADER as TOPS
from venues.kalshi import frames as kalshi_frames
from venues.polymarket import frames
from venues.polymarket.frames import LevelChange

T0 = 1_780_000_000_000_000
EVENT = "KXCUP-26"
TICKERS = ("KXCUP-26-AAA", "KXCUP-26-BBB")
CONDITION = "0x" + "ab" * 32
TOKENS = ("1001", "1002")
_CENT = 10_000
_ONE = 1_000_000
_TIME = "2026-05-28T20:26:40.000001Z"


def kalshi() -> list[bytes]:
    """Both books, a crossing and an opportunity in them; other kinds; a loss and its cure; a result."""
    one, other = TICKERS

    def snapshot(seq: int, market: str, bid: int, ask: int) -> bytes:
        yes = [((bid - step) * _CENT, 200 * _ONE) for step in range(3)]
        no = [((100 - ask - step) * _CENT, 200 * _ONE) for step in range(3)]
        return kalshi_frames.snapshot(1, seq, market, yes, no, yes_price=True)

    def delta(seq: int, market: str, side: str, price: int, change: int) -> bytes:
        at = T0 + seq * 1_000
        if side == "yes":
            return kalshi_frames.delta(1, seq, market, "yes", price * _CENT, change * _ONE, at, yes_price=True)
        return kalshi_frames.delta(1, seq, market, "no", price * _CENT, change * _ONE, at, yes_price=True)

    quiet = [
        snapshot(1, one, 47, 56),
        snapshot(2, other, 44, 46),
        delta(3, one, "yes", 48, 10),
        delta(4, one, "yes", 48, -10),
        delta(5, other, "no", 54, -200),
        delta(6, one, "no", 50, 30),
        b'{"type":"ok","id":4,"sid":1,"seq":7,"msg":{"market_tickers":["KXCUP-26-AAA"]}}\n',
        delta(8, other, "yes", 44, -200),
        b'{"type":"ticker","sid":2,"msg":{"market_ticker":"KXCUP-26-AAA","ts":5}}\n',
        delta(9, other, "yes", 60, 5),
        delta(10, other, "yes", 60, -5),
    ]
    broken = [
        snapshot(1, one, 47, 56),
        snapshot(2, other, 44, 46),
        delta(4, one, "yes", 48, 10),
        snapshot(5, one, 48, 50),
        snapshot(6, other, 40, 43),
        delta(7, one, "yes", 48, -999),
        b'{"type":"weather","sid":1,"seq":8,"msg":{}}\n',
        b"D\n",
        snapshot(1, one, 47, 56),
        b'{"type":"market_lifecycle_v2","sid":3,"seq":4,"msg":{"market_ticker":"KXCUP-26-AAA","event_type":'
        b'"determined","result":"yes"}}\n',
        delta(2, one, "yes", 47, 1),
    ]
    return [b"".join(quiet), b"".join(broken), *quiet]


def polymarket() -> list[bytes]:
    """Both tokens, mirrored changes, every other kind of message, a change of connection, a new grid, a result."""
    one, other = TOKENS

    def both(at: int, bid: int, ask: int) -> bytes:
        mirror = [(100 - ask, 100 - bid)]
        images = [
            frames.book(CONDITION, token, [(low * _CENT, _ONE)], [(high * _CENT, _ONE)], at)
            for token, (low, high) in ((one, (bid, ask)), (other, mirror[0]))
        ]
        return frames.array(*images)

    def change(at: int, bid: bool, price: int, size: int, best: tuple[int, int]) -> bytes:
        rows = [
            LevelChange(one, bid, price * _CENT, size * _ONE, best[0] * _CENT, best[1] * _CENT),
            LevelChange(
                other, not bid, (100 - price) * _CENT, size * _ONE, (100 - best[1]) * _CENT, (100 - best[0]) * _CENT
            ),
        ]
        return frames.price_change(CONDITION, rows, at)

    calm = [
        b"1" + both(T0, 47, 49),
        b"1" + change(T0 + 1_000, True, 48, 3, (48, 49)),
        b"1" + change(T0 + 2_000, True, 48, 0, (47, 49)),
        b"1" + frames.best_bid_ask(CONDITION, one, 47 * _CENT, 49 * _CENT, T0 + 2_000),
        b"1" + frames.last_trade_price(CONDITION, one, 49 * _CENT, _ONE, T0 + 2_000, bought=True),
        b"1" + change(T0 + 3_000, False, 49, 0, (47, 100)),
        b"1" + change(T0 + 4_000, False, 52, 7, (47, 52)),
        b"1[]",
    ]
    stormy = [
        b"1" + both(T0, 47, 49),
        b"2" + both(T0 + 1_000, 47, 49),
        b"1" + change(T0 + 2_000, True, 46, 3, (47, 49)),
        b"2" + change(T0 + 2_000, True, 46, 3, (47, 49)),
        b"L2",
        b"1" + both(T0 + 3_000, 40, 41),
        b"1" + frames.tick_size_change(CONDITION, one, _CENT, _CENT // 10, T0 + 3_000),
        b"1" + frames.new_market(CONDITION, TOKENS, ["Yes", "No"], "Will it?", T0),
        b"1" + both(T0 + 4_000, 40, 41),
        b'1{"event_type":"weather"}',
        b"D",
        b"1" + both(T0 + 5_000, 40, 41),
        b"1" + frames.market_resolved(CONDITION, TOKENS, one, "Yes", T0 + 6_000),
        b"1" + change(T0 + 7_000, True, 40, 0, (0, 41)),
    ]
    return [b"\n".join(calm), b"\n".join(stormy), *calm]


def exchange() -> list[bytes]:
    said: list[Any] = [
        {"type": "snapshot", "product_id": "X", "bids": [["1.4", "2"], ["1.3", "1"]], "asks": [["1.5", "2"]]},
        {"type": "ticker", "sequence": 5, "product_id": "X", "price": "1.5", "best_bid": "1", "time": _TIME},
        {"type": "l2update", "product_id": "X", "changes": [["buy", "1.41", "3"]], "time": _TIME},
        {
            "type": "l2update",
            "product_id": "X",
            "changes": [["buy", "1.41", "0"], ["sell", "1.49", "1"]],
            "time": _TIME,
        },
        {"type": "heartbeat", "sequence": 90, "last_trade_id": 20, "product_id": "X", "time": _TIME},
    ]
    return _lines(said)


def advanced() -> list[bytes]:
    def levels(*rows: tuple[str, str, str]) -> list[dict[str, str]]:
        names = ("side", "price_level", "new_quantity")
        return [{"event_time": _TIME} | dict(zip(names, row, strict=True)) for row in rows]

    whole = levels(("bid", "689", "1.5"), ("bid", "688", "1"), ("offer", "690", "0.5"))
    update = levels(("bid", "689", "0"), ("offer", "689.5", "2"))
    said: list[Any] = [
        {"channel": "l2_data", "events": [{"type": "snapshot", "product_id": "X", "updates": whole}]},
        {"channel": "l2_data", "events": [{"type": "update", "product_id": "X", "updates": update}]},
        {"channel": "ticker", "events": [{"type": "update", "tickers": [{"product_id": "X", "price": "2.5"}]}]},
        {"channel": "heartbeats", "events": [{"heartbeat_counter": 3}]},
    ]
    return _lines([{"timestamp": _TIME, "sequence_num": number} | frame for number, frame in enumerate(said)])


def binance() -> list[bytes]:
    quote = {"u": 4, "s": "X", "b": "1.5", "B": "2", "a": "1.6", "A": "3"}
    said: list[Any] = [
        {"stream": "x@bookTicker", "data": quote},
        quote | {"u": 5, "b": "1.55"},
        {"e": "trade", "s": "X", "t": 7, "p": "1.5", "q": "0.02", "T": T0 // 1000},
        {"result": None, "id": 1},
        {"e": "serverShutdown", "E": T0 // 1000},
    ]
    return _lines(said)


def prices() -> list[bytes]:
    point = {"full_accuracy_value": "1.5", "timestamp": T0 // 1000}
    later = {"full_accuracy_value": "1.6", "timestamp": T0 // 1000 + 1}
    said: list[Any] = [
        {"channel": "price.crypto", "seq": 1, "snapshot": True}
        | {"payload": {"symbol": "x", "source": "pyth", "data": [point]}},
        {"channel": "price.crypto", "seq": 2, "payload": {"symbol": "x", "source": "pyth", **later}},
        {"channel": "price.crypto.twap", "seq": 1}
        | {"payload": {"symbol": "x", "source": "chainlink", "window_seconds": 60, **point}},
        {"op": "pong"},
    ]
    return _lines([{"v": 1} | frame for frame in said])


def users() -> list[bytes]:
    """Both venues' own channels, one frame a line."""
    order = {"event_type": "order", "id": "0xff", "market": CONDITION, "asset_id": "1001", "side": "BUY"}
    order |= {"type": "PLACEMENT", "status": "LIVE", "price": "0.57", "original_size": "10", "size_matched": ""}
    trade: dict[str, Any] = {"event_type": "trade", "id": "t1", "status": "MATCHED", "size": "10", "price": 0.57}
    trade |= {"maker_orders": [{"order_id": "0xaa", "asset_id": "1002", "matched_amount": "10", "price": "0.43"}]}
    fill: dict[str, Any] = {
        "trade_id": "t",
        "order_id": "o",
        "market_ticker": TICKERS[0],
        "yes_price_dollars": "0.4700",
    }
    fill |= {"count_fp": "3.00", "fee_cost": "0.0600", "book_side": "bid", "ts_ms": T0 // 1000}
    own = {"order_id": "o", "ticker": TICKERS[0], "status": "resting", "fill_count_fp": "0"}
    said: list[Any] = [
        order | {"timestamp": "1780000000"},
        [trade | {"timestamp": 1780000000123}, order],
        {"type": "fill", "sid": 2, "msg": fill},
        {"type": "user_order", "sid": 2, "msg": own | {"remaining_count_fp": "3.00"}},
    ]
    return _lines(said)


def sessions() -> list[bytes]:
    """A recorded session: header, one block of events, footer."""
    with tempfile.TemporaryDirectory() as folder:
        writer = SessionWriter(Path(folder), Setup(name="seed", origin="seed"), sync=False)
        for raw in kalshi()[2:6]:
            writer.write(envelope(EventType.FRAME, raw, venue=Venue.KALSHI, market=TICKERS[0], received_at=T0))
        writer.close()
        return [(Path(folder) / "seed.session.zst").read_bytes()]


def recordings() -> list[bytes]:
    """Files of every reader: its name, a line end, its text. Several files are parted by a line of `=`."""
    rows = [",book,0.40,BUY,50,0.40,0.42", ",book,0.42,SELL,30,0.40,0.42"]
    rows += [f"2026-03-01T10:00:0{n}.500000Z,price_change,0.38,BUY,{n},0.40,0.42" for n in range(1, 4)]
    one = "\n".join([CHANGES, *rows])
    tops = [f"2026-03-01T10:00:0{n}.5,KXCUP-26-{t},0.40,10.0,0.42,{n},1,1,0.01" for n in (1, 2) for t in "AB"]
    said = "2026-02-22 17:00:00,000 | INFO | "
    touch = "Best Bid: (0.60, 40.0) | Best Ask: (Decimal('0.62'), 30.0)"
    log = [f"{said}Updated order book for Asset ID: KX-A | {touch}", f"{said}Connected!"]
    log += [f"{said}KX-A | side=no | price=0.35 | delta=-3 | timestamp=2026-02-22T22:00:00.326818Z", "half"]
    prices_csv = "feed_ts_ms,value,full_accuracy_value,server_ts_ms,recv_ms\n1780876800000,6.2,62000,1,1780876801156\n"
    stream = (
        '1723161254036059768 {"stream":"b@trade","data":{"e":"trade","E":1723161255343,"s":"B","t":37,"p":"6.6"}}\n'
    )
    tokens = CHANGES + "\n2025-12-08T03:00:00+00:00,book,0.41,BUY,223.25,0.41,0.43\n"
    tokens += "2025-12-08T03:00:01+00:00,price_change,0.43,SELL,0,0.41,0.44\n"
    own = '{"format":"surefoot-session","version":1,"name":"s","markets":[],"notes":[],"events":0}\n'
    files: list[Sequence[tuple[str, str]]] = [
        [("Kalshi_AAA.csv", one), ("Kalshi_BBB.csv", one.replace("0.4", "0.6"))],
        [("orderbook_snapshots_20260301.csv", "\n".join([TOPS, *tops]))],
        [("kalshi_feed_2026-02-22.log", "\n".join(log))],
        [("BTCUSD-prices-2026-06-08.csv", prices_csv)],
        [("btcusdt_20240808.gz", stream)],
        [("Polymarket_Ada_YES.csv", tokens), ("Polymarket_Ada_NO.csv", tokens)],
        [("own.session.jsonl", own)],
        [("1_output.json", '{"match_id":1,"start_time":100,"objectives":[{"time":7},{"time":"x"}]}')],
        [("live.json", '[{"ticker":"A"},{"ticker":"B"}]')],
        [("BTC-5m-markets-2026-06-08.jsonl", '{"slug":"s","token_ids":["1","2"],"start_sec":5}\n')],
    ]
    return [b"\n=\n".join(f"{name}\n{text}".encode() for name, text in held) for held in files]


def single_frames() -> list[bytes]:
    """One of every kind of every feed."""
    spot = [frame for said in (exchange(), advanced(), binance(), prices()) for frame in said[1:]]
    return [*kalshi()[2:], *(line[1:] for line in polymarket()[2:]), *spot]


def _lines(said: list[Any]) -> list[bytes]:
    one_by_one = [json.dumps(frame).encode() for frame in said]
    return [b"\n".join(one_by_one), *one_by_one]
