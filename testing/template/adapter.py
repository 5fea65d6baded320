"""The template's adapter: what every venue must answer. What it leaves to `VenueAdapter` a venue may do without."""

from __future__ import annotations

from collections.abc import Sequence

from domain.market import Venue
from testing.template.book_feed import TemplateFeed, decode
from venues.adapter import Account, VenueAdapter
from venues.book_feed import Counters, Feed, Told, counted, take_alone
from venues.checklist import Check, LookAt, Weight, look_at
from venues.labels import Label, millis
from venues.port import VenueClient


class TemplateAdapter(VenueAdapter):
    """It goes by the name of a venue that has no adapter of its own yet. Markets are called `T-…`."""

    venue = Venue.HYPERLIQUID

    def names(self, market: str) -> bool:
        return market.startswith("T-")

    def book_feed(self, counters: Counters, told: Told, *, yes_price: bool = True) -> Feed:
        return TemplateFeed(self.venue, counters, told)

    def label(self, raw: bytes) -> Label:
        said = decode(raw)
        return Label(said.market, millis(said.at_ms), said.seq)

    def read_again(self, raw: bytes, at: int) -> str:
        take_alone(lambda counters, told: TemplateFeed(self.venue, counters, told), raw, at)
        return counted([decode(raw)])

    async def checklist(self, client: VenueClient, account: Account, markets: Sequence[str]) -> list[Check]:
        async def collateral() -> list[Check]:
            return [Check("template collateral", "ok", f"{await client.cash()} dollars")]

        return await look_at("template", (LookAt("collateral", Weight.NEEDED, collateral),))

    async def rule_text(self, client: VenueClient, market: str) -> str:
        return (await client.market(market)).title


ADAPTER = TemplateAdapter()
