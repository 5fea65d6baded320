"""The code broken on purpose, once for each function of these modules; `test_mutants` shows that the simulator notices
each. A mutant takes a `MonkeyPatch`, and says in its name what the broken code believes or does.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]
