"""NautilusTrader's way from a frame of Polymarket's market channel to its book, timed: run by `polymarket.py`.

Stands alone, since NautilusTrader pins versions of its own: `python nautilus_polymarket.py FRAMES CONDITION YES NO`. It
does what `PolymarketDataClient._handle_raw_ws_message` of 1.221.0 does for a change up to and with the local book: the
adapter's decoder, the instrument looked up by its id, the delta built and applied. Quotes, logging and the message bus,
which come after, are left out. Prints JSON: microseconds a change, frame by frame, of a second pass.
"""

import base64
import gc
import importlib
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    frames_path, condition, *tokens = sys.argv[1:]
    rows = [json.loads(line) for line in Path(frames_path).read_text(encoding="utf-8").splitlines()]
    script = [(base64.b64decode(frame), changes) for frame, changes in rows]
    run(script, path_of(condition, tokens))
    gc.collect()
    gc.disable()
    spent = run(script, path_of(condition, tokens))
    version = importlib.import_module("nautilus_trader").__version__
    sys.stdout.write(json.dumps({"spent": spent, "version": version, "python": platform.python_version()}))


def run(script: list[tuple[bytes, int]], take: Any) -> list[float]:
    spent = []
    for raw, changes in script:
        begun = time.perf_counter_ns()
        take(raw)
        taken = time.perf_counter_ns() - begun
        if changes:
            spent.append(taken / 1000 / changes)
    return spent


def path_of(condition: str, tokens: list[str]) -> Any:
    """A function that takes one frame the way the adapter does."""
    msgspec = importlib.import_module("msgspec")
    adapter = "nautilus_trader.adapters.polymarket"
    messages = importlib.import_module(f"{adapter}.websocket.types").MARKET_WS_MESSAGE
    schemas = importlib.import_module(f"{adapter}.schemas.book")
    buy = importlib.import_module(f"{adapter}.common.enums").PolymarketOrderSide.BUY
    id_of = importlib.import_module(f"{adapter}.common.symbol").get_polymarket_instrument_id
    data = importlib.import_module("nautilus_trader.model.data")
    enums = importlib.import_module("nautilus_trader.model.enums")
    order_book = importlib.import_module("nautilus_trader.model.book").OrderBook
    cache = importlib.import_module("nautilus_trader.test_kit.stubs.component").TestComponentStubs.cache()
    clock = importlib.import_module("nautilus_trader.common.component").LiveClock()
    millis_to_nanos = importlib.import_module("nautilus_trader.core.datetime").millis_to_nanos
    decoder = msgspec.json.Decoder(messages)
    for token in tokens:
        cache.add_instrument(instrument_of(condition, token, id_of))
    books: dict[Any, Any] = {}

    def snapshot(message: Any) -> None:
        instrument = cache.instrument(id_of(message.market, message.asset_id))
        book = order_book(instrument.id, book_type=enums.BookType.L2_MBP)
        deltas = message.parse_to_snapshot(instrument=instrument, ts_init=clock.timestamp_ns())
        if deltas is not None:
            book.apply_deltas(deltas)
        books[instrument.id] = book

    def change(message: Any, one: Any) -> None:
        instrument = cache.instrument(id_of(message.market, one.asset_id))
        order = data.BookOrder(
            side=enums.OrderSide.BUY if one.side == buy else enums.OrderSide.SELL,
            price=instrument.make_price(float(one.price)),
            size=instrument.make_qty(float(one.size)),
            order_id=0,
        )
        delta = data.OrderBookDelta(
            instrument_id=instrument.id,
            action=enums.BookAction.UPDATE if order.size > 0 else enums.BookAction.DELETE,
            order=order,
            flags=enums.RecordFlag.F_LAST,
            sequence=0,
            ts_event=millis_to_nanos(float(message.timestamp)),
            ts_init=clock.timestamp_ns(),
        )
        books[instrument.id].apply(data.OrderBookDeltas(instrument.id, [delta]))

    def take(raw: bytes) -> None:
        message = decoder.decode(raw)
        if isinstance(message, list):
            for each in message:
                snapshot(each)
        elif isinstance(message, schemas.PolymarketQuotes):
            for one in message.price_changes:
                change(message, one)
        else:
            snapshot(message)

    return take


def instrument_of(condition: str, token: str, id_of: Any) -> Any:
    """A token as the adapter describes it: three places of price, six of size."""
    objects = importlib.import_module("nautilus_trader.model.objects")
    currency = importlib.import_module("nautilus_trader.model.currencies").USDC_POS
    asset_class = importlib.import_module("nautilus_trader.model.enums").AssetClass.ALTERNATIVE
    option = importlib.import_module("nautilus_trader.model.instruments").BinaryOption
    decimal = importlib.import_module("decimal").Decimal
    instrument_id = id_of(condition, token)
    return option(
        instrument_id=instrument_id,
        raw_symbol=instrument_id.symbol,
        outcome="Yes",
        description="a token of the bench",
        asset_class=asset_class,
        currency=currency,
        price_precision=3,
        price_increment=objects.Price.from_str("0.001"),
        size_precision=6,
        size_increment=objects.Quantity.from_str("0.000001"),
        activation_ns=0,
        expiration_ns=2**62,
        max_quantity=None,
        min_quantity=objects.Quantity.from_int(5),
        maker_fee=decimal(0),
        taker_fee=decimal(0),
        ts_event=0,
        ts_init=0,
    )


if __name__ == "__main__":
    main()
