"""How long a venue asks to be left alone, in every form that the RFC and servers in front of venues know."""

from __future__ import annotations

import math

import pytest

from venues.polymarket.errors import ApiError, seconds_of
from venues.polymarket.limits import Cost, Endpoint, Limits
from venues.retry_after import LONGEST_S, bounded, retry_after

NOW = 784_111_777 * 1_000_000  # Sun, 06 Nov 1994 08:49:37 GMT


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("30", 30.0),
        (" 30 ", 30.0),
        ("0", 0.0),
        ("0.5", 0.5),
        (".25", 0.25),
        ("2.", 2.0),
        ("999999999", LONGEST_S),
        ("Sun, 06 Nov 1994 08:50:07 GMT", 30.0),
        ("Sunday, 06-Nov-94 08:50:07 GMT", 30.0),
        ("Sun Nov  6 08:50:07 1994", 30.0),
        ("Sun, 06 Nov 1994 09:50:07 +0100", 30.0),
        ("Sun, 06 Nov 1994 08:49:07 GMT", 0.0),
        ("Fri, 31 Dec 2099 23:59:59 GMT", LONGEST_S),
        *(
            (garbage, None)
            for garbage in ("", "soon", "-1", "nan", "inf", "1e9", "1,5", "3; 5", "٣", "Sun, 99 Nov 1994")
        ),
    ],
)
def test_a_wait_is_read_in_every_form_and_garbage_says_nothing(said: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": said}, NOW) == seconds


def test_an_answer_without_the_header_says_nothing() -> None:
    assert retry_after({}, NOW) is None


def test_a_date_is_measured_by_the_venues_own_clock_where_the_answer_tells_it() -> None:
    headers = {"Retry-After": "Sun, 06 Nov 1994 08:50:07 GMT", "Date": "Sun, 06 Nov 1994 08:50:00 GMT"}
    assert retry_after(headers, NOW) == 7.0
    assert retry_after(headers | {"Date": "yesterday"}, NOW) == 30.0


def test_the_header_comes_before_the_body_and_no_figure_of_either_waits_for_ever() -> None:
    error = ApiError("post-only mode", "post_only_mode", 79.0)
    assert seconds_of({"Retry-After": "0.5"}, error, NOW) == 0.5
    assert seconds_of({"Retry-After": "soon"}, error, NOW) == 79.0
    assert seconds_of({}, None, NOW) == 0.0
    assert [bounded(wait) for wait in (math.inf, math.nan, -3.0, 1e308)] == [0.0, 0.0, 0.0, LONGEST_S]


@pytest.mark.parametrize("left", ["nan", "inf", "-inf"])
async def test_a_count_of_what_remains_that_is_no_number_poisons_no_bucket(left: str) -> None:
    limits = Limits(clock=lambda: 0.0)
    limits.heed(Cost(Endpoint.POST_ORDER, orders=1), 200, {"Poly-RateLimit-Remaining": left}, 0)
    assert limits.orders.level == 60
