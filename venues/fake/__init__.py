"""A model exchange in memory behind the venue port: exact, deterministic, with faults on demand.

What trades are rehearsed and simulated on; `venues.paper` is the same exchange with a wire in front of it.
"""

from venues.fake.exchange import FakeVenue
from venues.fake.faults import Fault
from venues.fake.orders import Word

__all__ = ["FakeVenue", "Fault", "Word"]
