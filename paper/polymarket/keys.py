"""API keys: opened with a wallet's signature (L1), used with an HMAC on every request (L2).

A key's three parts are a pure function of this exchange's own secret, the address and the nonce, so that deriving gives
what creating gave. How far a clock may be off is documented nowhere; here it is `WINDOW` seconds.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import uuid
from collections.abc import Mapping

from domain.errors import Rejected
from paper.polymarket import refusals
from paper.polymarket.exchange import Clob
from paper.polymarket.records import ApiKey
from venues.polymarket import auth
from venues.polymarket.wallet import Credentials

WINDOW = 60
_HEADERS = (auth.ADDRESS, auth.SIGNATURE, auth.TIMESTAMP, auth.NONCE, auth.API_KEY, auth.PASSPHRASE)


class ApiKeys:
    """Durable in the store. Raises `PolyRefusal` with the venue's words for a request nobody may make."""

    def __init__(self, clob: Clob) -> None:
        self._clob = clob
        store = clob.store
        self._keys = store.keys()
        secret = store.get("key_secret")
        if secret is None:
            secret = secrets.token_hex(32)
            with store.transaction():
                store.put("key_secret", secret)
        self._secret = bytes.fromhex(secret)

    def create(self, headers: Mapping[str, str]) -> ApiKey:
        """A new key; the wallet of the address opens with it. 400 if there is one for this nonce already."""
        address, nonce = self._l1(headers)
        made = self._made(address, nonce)
        if made.key in self._keys:
            raise refusals.refusal(400, "Could not create api key")
        self.open(made)
        return made

    def derive(self, headers: Mapping[str, str]) -> ApiKey:
        """The key created before; 400 if there is none."""
        address, nonce = self._l1(headers)
        found = self._keys.get(self._made(address, nonce).key)
        if found is None:
            raise refusals.refusal(400, "Could not derive api key!")
        return found

    def of(self, address: str) -> ApiKey:
        """The key of an address without a request: for the operator of this exchange. `address` is checksummed."""
        made = self._made(address, 0)
        if made.key not in self._keys:
            self.open(made)
        return made

    def open(self, key: ApiKey) -> None:
        with self._clob.step():
            self._clob.store.put_key(key)
            self._clob.wallet(key.address.lower(), key.address, 0)
        self._keys[key.key] = key

    def listed(self, address: str) -> list[str]:
        return sorted(key.key for key in self._keys.values() if key.address == address)

    def delete(self, key: ApiKey) -> None:
        with self._clob.step():
            self._clob.store.drop_key(key.key)
        del self._keys[key.key]

    def check(self, headers: Mapping[str, str], method: str, path: str, body: bytes) -> ApiKey:
        """Who made this request. Raises 401 unless it is signed with a known key's secret, now."""
        seen = {name: headers.get(name, "") for name in _HEADERS}
        key = self._keys.get(seen[auth.API_KEY])
        if key is None or seen[auth.ADDRESS].lower() != key.address.lower() or not self._recent(seen[auth.TIMESTAMP]):
            raise refusals.unauthorized()
        credentials = Credentials(key.key, key.secret, key.passphrase)
        if not auth.verify_l2(credentials, seen, method, path, body):
            raise refusals.unauthorized()
        return key

    def socket(self, key: str, secret: str, passphrase: str) -> ApiKey | None:
        """The key whose three parts a user channel was given; None if they are nobody's."""
        found = self._keys.get(key)
        if found is None or not hmac.compare_digest(found.secret.encode(), secret.encode()):
            return None
        return found if hmac.compare_digest(found.passphrase.encode(), passphrase.encode()) else None

    def _l1(self, headers: Mapping[str, str]) -> tuple[str, int]:
        seen = {name: headers.get(name, "") for name in _HEADERS}
        seen[auth.NONCE] = seen[auth.NONCE] or "0"
        try:
            address = auth.recover_l1(seen)
        except Rejected:
            raise refusals.bad_l1() from None
        if not self._recent(seen[auth.TIMESTAMP]):
            raise refusals.bad_l1()
        return address, int(seen[auth.NONCE])

    def _recent(self, stamp: str) -> bool:
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 20):
            return False
        return abs(int(stamp) - self._clob.wall() // 1_000_000) <= WINDOW

    def _made(self, address: str, nonce: int) -> ApiKey:
        def drawn(what: str) -> bytes:
            return hmac.digest(self._secret, f"{what}/{address}/{nonce}".encode(), "sha256")

        return ApiKey(
            key=str(uuid.UUID(bytes=drawn("key")[:16], version=4)),
            secret=base64.urlsafe_b64encode(drawn("secret")).decode(),
            passphrase=drawn("passphrase").hex(),
            address=address,
            nonce=nonce,
        )
