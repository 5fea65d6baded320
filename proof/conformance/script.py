"""The script: what every client does at its stand, in one order, each step a check of its own.

The first act is an order that rests in the *tide* market and fills by itself seconds later, as a maker. Everything
else happens in the other market, whose book is known and stands still, so that every number is known beforehand. What
the client is told of its fills is added up here by the venue's published rules; at the end the client's balance, and
then the exchange's own books, must say the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

from proof.conformance.checks import Check, Note, Sheet, Wrong
from proof.conformance.desk import BookView, Desk, Ears, Extra, Filled, OrderState, Placed, Refused, Wish, soon, until
from proof.conformance.refusals import says
from proof.conformance.stand import ASKS, BIDS, TIDE_PRICE, TIDE_SECONDS, Stand

_D = Decimal
_NOWHERE = {"kalshi": "CONFNONE-26-NONE", "polymarket": str(2**255 + 77)}
_NO_ORDER = {"kalshi": "00000000-0000-4000-8000-000000000000", "polymarket": "0x" + "ab" * 32}


class Script:
    """One client's run, from the moment the session begins; `sheet` takes the findings."""

    def __init__(self, desk: Desk, stand: Stand, sheet: Sheet) -> None:
        self._desk = desk
        self._stand = stand
        self._sheet = sheet
        self._ears = Ears()
        self._tide: Placed | None = None
        self._shares = _D(0)

    async def run(self) -> None:
        for part in (
            self._arrive,
            self._rest,
            self._trade,
            self._refusals,
            self._other_markets,
            self._extras,
            self._many,
            self._tide_comes,
            self._add_up,
        ):
            try:
                await part()
            except Exception as error:  # outside any check; what follows must still run
                name = f"script:{part.__name__}"
                self._sheet.add(Check(name, "runs to its end", f"{type(error).__name__}: {error}"[:400], ok=False))

    # -- arriving ---------------------------------------------------------------------------------------------------

    async def _arrive(self) -> None:
        desk, stand, check = self._desk, self._stand, self._sheet.check
        async with check("sign in", f"a signed read is answered: {stand.opening_cash} dollars") as note:
            note.equal("cash", await desk.cash(), _D(stand.opening_cash))
        async with check("maker order", f"an order rests at {TIDE_PRICE} in the other market") as note:
            self._tide = await desk.send(await desk.make(Wish(stand.tide, "buy", TIDE_PRICE, _D(10))))
            note.equal("filled", self._tide.filled or _D(0), _D(0))
        async with check("wrong key", "refused, and nothing shown") as note:
            await self._no(note, "key", desk.wrong_key)
        async with check("market rules", "a tick of 0.01") as note:
            tick, least = await desk.rules(stand.market)
            note.equal("tick", tick, _D("0.01"))
            note.saw(f"smallest order {least}")
        async with check("book", "the known levels") as note:
            found = await desk.book(stand.market)
            note.equal("bids", found.bids, BIDS)
            note.equal("asks", found.asks, ASKS)
        async with check("subscribe", "both channels are accepted and the book arrives") as note:
            await desk.listen([stand.market, stand.tide], self._ears)
            note.true("up", await soon(lambda: self._ears.up))
            await self._stream_agrees(note)

    # -- an order that rests ----------------------------------------------------------------------------------------

    async def _rest(self) -> None:
        desk, check, market = self._desk, self._sheet.check, self._stand.market
        made = await desk.make(Wish(market, "buy", _D("0.40"), _D(10)))
        order_id = ""
        async with check("place resting", "accepted, nothing filled") as note:
            placed = await desk.send(made)
            order_id = placed.order_id
            note.equal("filled", placed.filled or _D(0), _D(0))
        if not order_id:
            return
        async with check("query order", "resting, 0 of 10 filled") as note:
            state = await self._order_when(order_id, resting=True)
            note.equal("resting, filled, size", (state.resting, state.filled, state.size), (True, _D(0), _D(10)))
        async with check("open orders", "the order is listed with 10 left") as note:
            note.equal("left", (await desk.open_orders()).get(order_id), _D(10))
        async with check("user stream: order", "the placement arrives with its order id") as note:
            note.true("heard", await soon(lambda: order_id in self._ears.orders))
        async with check("market stream: resting", "10 more at 0.40, as REST shows") as note:
            await self._stream_agrees(note, bid=(_D("0.40"), _D(10)))
        async with check("duplicate", "the same order again is refused and nothing more rests") as note:
            await self._no(note, "duplicate", lambda: desk.send(made))
            note.equal("left", (await desk.open_orders()).get(order_id), _D(10))
        async with check("cancel", "accepted; the order is over with nothing filled") as note:
            heard = self._ears.orders.count(order_id)
            await desk.cancel(market, order_id)
            state = await self._order_when(order_id, resting=False)
            note.equal("resting, filled", (state.resting, state.filled), (False, _D(0)))
            note.true("gone from open orders", order_id not in await desk.open_orders())
            note.true("heard on the stream", await soon(lambda: self._ears.orders.count(order_id) > heard))
        if "cancel_again" in desk.lacks:
            self._sheet.skip("cancel again", desk.lacks["cancel_again"])
            return
        async with check("cancel again", "refused") as note:
            await self._no(note, "cancel", lambda: desk.cancel(market, order_id))

    # -- orders that trade ------------------------------------------------------------------------------------------

    async def _trade(self) -> None:
        desk, check, market = self._desk, self._sheet.check, self._stand.market
        best = _D("0.52")
        async with check("place crossing", "20 bought at 0.52, nothing rests") as note:
            placed = await desk.send(await desk.make(Wish(market, "buy", best, _D(20), "take")))
            await self._filled(note, placed, _D(20))
            self._shares += 20
            fills = await self._fills_of(placed.order_id, _D(20))
            note.equal("price, size", [(f.price, f.size) for f in fills], [(best, _D(20))])
            await self._heard(note, fills)
        async with check("position and cash", "20 shares; cash less price and the published fee") as note:
            await self._position(note)
            await self._cash(note)
        async with check("market stream: taken", "10 left at 0.52, as REST shows") as note:
            await self._stream_agrees(note, ask=(best, _D(10)))
        async with check("partial fill", "10 of 25 at once, 15 rest, then cancelled with 10 filled") as note:
            placed = await desk.send(await desk.make(Wish(market, "buy", best, _D(25))))
            state = await self._order_when(placed.order_id, resting=True, filled=_D(10))
            note.equal("resting, filled, size", (state.resting, state.filled, state.size), (True, _D(10), _D(25)))
            self._shares += 10
            note.equal("left", (await desk.open_orders()).get(placed.order_id), _D(15))
            await desk.cancel(market, placed.order_id)
            state = await self._order_when(placed.order_id, resting=False)
            note.equal("then resting, filled", (state.resting, state.filled), (False, _D(10)))
        async with check("several levels", "60 bought: 50 at 0.53, 10 at 0.55") as note:
            placed = await desk.send(await desk.make(Wish(market, "buy", _D("0.55"), _D(60), "rest")))
            await self._filled(note, placed, _D(60))
            self._shares += 60
            fills = await self._fills_of(placed.order_id, _D(60))
            rows: dict[Decimal, Decimal] = {}
            for fill in fills:
                rows[fill.price] = rows.get(fill.price, _D(0)) + fill.size
            note.equal("by price", rows, {_D("0.53"): _D(50), _D("0.55"): _D(10)})
            await self._heard(note, fills)
        async with check("all or none", "more than there is: killed, nothing bought") as note:
            order = await desk.make(Wish(market, "buy", _D("0.55"), _D(250), "all"))
            await self._no(note, "all_or_none", lambda: desk.send(order))
            await self._position(note)
        async with check("sell", "30 sold at 0.48, the rest is held") as note:
            await self._position(note)
            placed = await desk.send(await desk.make(Wish(market, "sell", _D("0.48"), _D(30), "take")))
            await self._filled(note, placed, _D(30))
            self._shares -= 30
            await self._position(note)
            await self._cash(note)

    # -- what must be refused ---------------------------------------------------------------------------------------

    async def _refusals(self) -> None:
        desk, stand = self._desk, self._stand
        market = stand.market
        least = (await desk.rules(market))[1]
        too_small = least / 2 if least > 1 else _D("0.001")
        wishes = (
            ("off the grid", "price", Wish(market, "buy", _D("0.405"), _D(10))),
            ("too small", "size", Wish(market, "buy", _D("0.40"), too_small)),
            ("insufficient funds", "funds", Wish(market, "buy", _D("0.40"), _D(100_000))),
            ("post-only cross", "post_only", Wish(market, "buy", _D("0.55"), _D(10), post_only=True)),
            ("unknown market", "market", Wish(_NOWHERE[stand.venue], "buy", _D("0.40"), _D(10))),
        )
        for name, situation, wish in wishes:
            async with self._sheet.check(name, "refused, and nothing rests") as note:
                await self._no(note, situation, lambda wish=wish: self._send(wish))  # type: ignore[misc]
                await self._nothing_rests(note)
        async with self._sheet.check("unknown order", "said to be unknown") as note:
            await self._no(note, "order", lambda: desk.order(_NO_ORDER[stand.venue]))
        async with self._sheet.check("refusals cost nothing", "cash and shares as before") as note:
            await self._position(note)
            await self._cash(note)

    async def _send(self, wish: Wish) -> Placed:
        return await self._desk.send(await self._desk.make(wish))

    # -- the other token, and other kinds of market -------------------------------------------------------------------

    async def _other_markets(self) -> None:
        desk, stand = self._desk, self._stand
        if stand.complement:
            async with self._sheet.check("other token", "5 bought at 0.52 from who bids 0.48 for the first") as note:
                placed = await self._send(Wish(stand.complement, "buy", _D("0.52"), _D(5), "take"))
                await self._filled(note, placed, _D(5))
                await self._holds(note, stand.complement, _D(5))
        for kind, market in stand.others.items():
            async with self._sheet.check(f"{kind} market", "10 rest and are cancelled; 5 are bought at 0.52") as note:
                rests = await self._send(Wish(market, "buy", _D("0.40"), _D(10)))
                note.equal("left", (await desk.open_orders()).get(rests.order_id), _D(10))
                await desk.cancel(market, rests.order_id)
                taken = await self._send(Wish(market, "buy", _D("0.52"), _D(5), "take"))
                await self._filled(note, taken, _D(5))
                await self._holds(note, market, _D(5))

    # -- what only this client does ---------------------------------------------------------------------------------

    async def _extras(self) -> None:
        await self._call([extra for extra in self._desk.extras() if not extra.late])

    async def _late_extras(self) -> None:
        await self._call([extra for extra in self._desk.extras() if extra.late])

    async def _call(self, extras: list[Extra]) -> None:
        for extra in extras:
            async with self._sheet.check(extra.name, extra.expected) as note:
                note.saw(str(await extra.call())[:160])
                self._shares += extra.shares

    # -- several at once --------------------------------------------------------------------------------------------

    async def _many(self) -> None:
        desk, market = self._desk, self._stand.market
        if "batch" in desk.lacks:
            self._sheet.skip("batch", desk.lacks["batch"])
        else:
            async with self._sheet.check("batch", "two rest, the third is refused for itself") as note:
                wishes = (
                    Wish(market, "buy", _D("0.41"), _D(10)),
                    Wish(market, "buy", _D("0.42"), _D(10)),
                    Wish(market, "buy", _D("0.40"), _D(100_000)),
                )
                answers = await desk.send_many([await desk.make(wish) for wish in wishes])
                note.equal("answers", [type(one).__name__ for one in answers], ["Placed", "Placed", "Refused"])
                note.true("refused for its funds", says(self._stand.venue, "funds", str(answers[2])))
                rest = {one.order_id: _D(10) for one in answers[:2] if isinstance(one, Placed)}
                listed = await desk.open_orders()
                note.equal("rest", {key: listed.get(key) for key in rest}, rest)
        if "cancel_all" in desk.lacks:
            self._sheet.skip("cancel all", desk.lacks["cancel_all"])
            return
        await self._tide_in()
        async with self._sheet.check("cancel all", "whatever rests is cancelled") as note:
            if "batch" in desk.lacks:
                await self._send(Wish(market, "buy", _D("0.41"), _D(10)))
            note.saw(f"{len(await desk.open_orders())} rested")
            await desk.cancel_all()
            await self._nothing_rests(note)

    # -- the tide, and the sum --------------------------------------------------------------------------------------

    async def _tide_in(self) -> bool:
        tide = self._tide
        if tide is None:
            return False

        async def filled() -> bool:
            return not (await self._desk.order(tide.order_id)).resting

        return await until(filled, TIDE_SECONDS + 10)

    async def _tide_comes(self) -> None:
        async with self._sheet.check("maker fill", "10 bought at 0.40 without a fee, and heard of") as note:
            note.true("filled", await self._tide_in())
            assert self._tide is not None
            fills = await self._fills_of(self._tide.order_id, _D(10))
            note.equal("by price", {f.price for f in fills}, {TIDE_PRICE})
            await self._heard(note, fills)

            await self._holds(note, self._stand.tide, _D(10))

    async def _add_up(self) -> None:
        async with self._sheet.check(
            "cash adds up", "opening cash, all fills and their fees, to the last unit"
        ) as note:
            await self._position(note)
            await self._cash(note)

    # -- what several steps ask -------------------------------------------------------------------------------------

    async def _no(self, note: Note, situation: str, action: Callable[[], Awaitable[object]]) -> None:
        try:
            given = await action()
        except Refused as refused:
            by = "the client itself" if refused.by_client else f"HTTP {refused.status}" if refused.status else "answer"
            if not refused.by_client and not says(self._stand.venue, situation, refused.words):
                raise Wrong(f"refused for another reason, {by}: {refused.words}") from None
            note.saw(f"refused, {by}: {refused.words[:160]}")
            return
        raise Wrong(f"not refused: {given}")

    async def _nothing_rests(self, note: Note) -> None:
        tide = self._tide.order_id if self._tide else ""

        async def none() -> bool:
            return not set(await self._desk.open_orders()) - {tide}

        note.true("nothing rests", await until(none, 5))

    async def _order_when(self, order_id: str, *, resting: bool, filled: Decimal | None = None) -> OrderState:
        """The order once it reads so; after a while as it is."""
        seen = await self._desk.order(order_id)

        async def so() -> bool:
            nonlocal seen
            seen = await self._desk.order(order_id)
            return seen.resting is resting and filled in (None, seen.filled)

        await until(so, 5)
        return seen

    async def _filled(self, note: Note, placed: Placed, size: Decimal) -> None:
        if placed.filled is not None:
            note.equal("answered filled", placed.filled, size)
        state = await self._order_when(placed.order_id, resting=False, filled=size)
        note.equal("order resting, filled", (state.resting, state.filled), (False, size))

    async def _fills_of(self, order_id: str, size: Decimal) -> list[Filled]:
        rows: list[Filled] = []

        async def whole() -> bool:
            nonlocal rows
            rows = [fill for fill in await self._desk.fills() if fill.order_id == order_id]
            return sum(fill.size for fill in rows) == size

        if not await until(whole):
            raise Wrong(f"fills of {order_id} add up to {sum(f.size for f in rows)}, not {size}")
        return rows

    async def _heard(self, note: Note, fills: list[Filled]) -> None:
        wanted = {(fill.order_id, fill.price): fill.size for fill in fills}

        def heard() -> bool:
            got: dict[tuple[str, Decimal], Decimal] = {}
            for fill in {(f.fill_id, f.order_id, f.price): f for f in self._ears.fills}.values():
                key = (fill.order_id, fill.price)
                got[key] = got.get(key, _D(0)) + fill.size
            return all(got.get(key) == size for key, size in wanted.items())

        note.true("heard on the stream", await soon(heard))

    async def _position(self, note: Note) -> None:
        await self._holds(note, self._stand.market, self._shares)

    async def _holds(self, note: Note, market: str, wanted: Decimal) -> None:
        shares = _D(-1)

        async def so() -> bool:
            nonlocal shares
            shares = await self._desk.position(market)
            return shares == wanted

        await until(so)
        note.equal("shares", shares, wanted)

    async def _cash(self, note: Note) -> None:
        """By the rows the client was given: price and size as listed, fees by the venue's rule, makers none."""
        tide = self._tide.order_id if self._tide else ""
        wanted = _D(self._stand.opening_cash)
        for fill in await self._desk.fills():
            fee = _D(0) if fill.order_id == tide else self._stand.fee(fill.price, fill.size)
            if fill.fee is not None and fill.fee != fee:
                raise Wrong(f"fee of {fill.size} at {fill.price}: {fill.fee}, not {fee}")
            wanted += fill.price * fill.size * (-1 if fill.side == "buy" else 1) - fee
        resting = self._tide is not None and tide in await self._desk.open_orders()
        held = _D(10) * TIDE_PRICE if resting and self._stand.venue == "kalshi" else _D(0)
        cash = _D(-1)

        async def so() -> bool:
            nonlocal cash
            cash = await self._desk.cash()
            return cash == wanted - held

        await until(so)
        note.equal("cash", cash, wanted - held)

    async def _stream_agrees(
        self,
        note: Note,
        *,
        bid: tuple[Decimal, Decimal] | None = None,
        ask: tuple[Decimal, Decimal] | None = None,
    ) -> None:
        rest = BookView({}, {})

        async def so() -> bool:
            nonlocal rest
            rest = await self._desk.book(self._stand.market)
            return self._ears.books.get(self._stand.market) == rest

        agreed = await until(so)
        if not agreed:
            raise Wrong(f"stream {self._ears.books.get(self._stand.market)} · REST {rest} {self._ears.errors[-3:]}")
        note.saw(f"book of {rest}")
        for side, level in ((rest.bids, bid), (rest.asks, ask)):
            if level is not None:
                note.equal(f"size at {level[0]}", side.get(level[0]), level[1])
