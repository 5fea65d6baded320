"""The routes about who trades: keys (L1), balances and allowances, the dead man's switch, the tier."""

from __future__ import annotations

from aiohttp import web

from paper.polymarket import refusals
from paper.polymarket.accounts import UNLIMITED
from paper.polymarket.answers import KEY, LAG, answer, document
from paper.polymarket.clock import Clock
from paper.polymarket.exchange import Clob
from paper.polymarket.heartbeats import Heartbeats
from paper.polymarket.keys import ApiKeys
from paper.polymarket.lagging import wallet_at
from paper.polymarket.records import ApiKey
from venues.polymarket import auth
from venues.polymarket.contracts import EXCHANGE, EXCHANGE_V3, NEG_RISK_ADAPTER, NEG_RISK_EXCHANGE

_SPENDERS = {
    "COLLATERAL": (EXCHANGE, NEG_RISK_EXCHANGE, NEG_RISK_ADAPTER, EXCHANGE_V3),
    "CONDITIONAL": (EXCHANGE, NEG_RISK_EXCHANGE, NEG_RISK_ADAPTER),
    "CONDITIONAL-V2": (EXCHANGE_V3,),
}


class AccountRoutes:
    def __init__(self, clob: Clob, keys: ApiKeys, heartbeats: Heartbeats, clock: Clock) -> None:
        self._clob = clob
        self._keys = keys
        self._heartbeats = heartbeats
        self._clock = clock

    def add_to(self, app: web.Application) -> None:
        app.router.add_post(auth.CREATE_KEY_PATH, self.create_key)
        app.router.add_get(auth.DERIVE_KEY_PATH, self.derive_key)
        app.router.add_get("/auth/api-keys", self.list_keys)
        app.router.add_delete(auth.CREATE_KEY_PATH, self.delete_key)
        app.router.add_get("/auth/ban-status/closed-only", self.closed_only)
        app.router.add_get("/balance-allowance", self.balance)
        app.router.add_get("/balance-allowance/update", self.update_balance)
        app.router.add_post("/v1/heartbeats", self.heartbeat)
        app.router.add_get("/v1/user/rate-limit-tier", self.tier)
        app.router.add_get("/notifications", self.notifications)
        app.router.add_delete("/notifications", self.drop_notifications)

    async def create_key(self, http: web.Request) -> web.Response:
        return answer(_told(self._keys.create(http.headers)))

    async def derive_key(self, http: web.Request) -> web.Response:
        return answer(_told(self._keys.derive(http.headers)))

    async def list_keys(self, http: web.Request) -> web.Response:
        return answer({"apiKeys": self._keys.listed(http[KEY].address)})

    async def delete_key(self, http: web.Request) -> web.Response:
        self._keys.delete(http[KEY])
        return answer("OK")

    async def closed_only(self, http: web.Request) -> web.Response:
        wallets = [wallet for wallet in self._clob.wallets.values() if wallet.keeper == http[KEY].address]
        return answer({"closed_only": any(wallet.closed_only for wallet in wallets)})

    async def balance(self, http: web.Request) -> web.Response:
        """What the chain has: a match counts once it is mined. A wallet nobody traded from yet has its opening cash."""
        query = http.query
        kind, asset = query.get("signature_type") or "0", query.get("asset_type", "")
        spenders = _SPENDERS.get(asset)
        if kind not in ("0", "1", "2", "3") or spenders is None:
            raise refusals.refusal(400, "Invalid asset type or signature type")
        wallet = self._clob.wallet_of(http[KEY].address, int(kind))
        if wallet is not None and LAG in http:
            wallet = wallet_at(wallet, self._clob.store.trades(keeper=wallet.keeper), self._clob.now() - http[LAG])
        if wallet is not None:
            wallet = self._clob.caches.shown(wallet, self._clob.now())
        if asset == "COLLATERAL":
            held = wallet.cash if wallet else self._clob.opening_cash
        else:
            token = query.get("token_id", "")
            if self._clob.markets.of_token(token) is None:
                raise refusals.refusal(400, "Invalid asset: token_id")
            held = wallet.tokens.get(token, 0) if wallet else 0
        what = "COLLATERAL" if asset == "COLLATERAL" else "CONDITIONAL"
        granted = wallet.allowances if wallet else {}
        allowances = {spender: str(granted.get(f"{what}:{spender}", UNLIMITED)) for spender in spenders}
        return answer({"balance": str(held), "allowances": allowances})

    async def update_balance(self, http: web.Request) -> web.Response:
        """The balances are read from the chain again, whatever was cached of this wallet."""
        wallet = self._clob.wallet_of(http[KEY].address, int(http.query.get("signature_type") or "0"))
        if wallet is not None:
            self._clob.caches.drop(wallet.address)
        return answer("")

    async def heartbeat(self, http: web.Request) -> web.Response:
        body = document(await http.read())
        given = body.get("heartbeat_id") if isinstance(body, dict) else None
        expected = self._heartbeats.receive(http[KEY], str(given or ""))
        self._clock.wake()
        return answer({"heartbeat_id": expected})

    async def tier(self, http: web.Request) -> web.Response:
        return answer({"tier": "Standard", "volume_30d": "0"})

    async def notifications(self, http: web.Request) -> web.Response:
        return answer([])

    async def drop_notifications(self, http: web.Request) -> web.Response:
        return answer("OK")


def _told(key: ApiKey) -> dict[str, str]:
    return {"apiKey": key.key, "secret": key.secret, "passphrase": key.passphrase}
