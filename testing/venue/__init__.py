"""A model exchange in memory behind the venue port: exact, deterministic, with faults on demand.

What trades are rehearsed and simulated on; `paper` is the same exchange with a wire in front of it.
"""

from testing.venue.exchange import FakeVenue
from testing.venue.faults import Fault
from testing.venue.orders import Word

__all__ = ["FakeVenue", "Fault", "Word"]
