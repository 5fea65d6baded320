"""What Kalshi says of the exchange as a whole: status by shard, hours, maintenance, announcements, scheduled fees."""

from __future__ import annotations

from decimal import Decimal

from venues.kalshi.messages import Message


class ShardStatus(Message, frozen=True):
    """`exchange_active` false: nothing changes there, transfers included. `trading_active` false: no trading."""

    exchange_index: int
    exchange_active: bool
    trading_active: bool
    description: str = ""
    intra_exchange_transfers_active: bool | None = None


class ExchangeStatus(Message, frozen=True):
    """The top level speaks of shard 0; the list, where there is one, of each."""

    exchange_active: bool
    trading_active: bool
    exchange_estimated_resume_time: str | None = None
    intra_exchange_transfers_active: bool | None = None
    exchange_index_statuses: list[ShardStatus] | None = None


class Session(Message, frozen=True):
    """One opening of a day, `HH:MM` Eastern time."""

    open_time: str
    close_time: str


class WeeklyHours(Message, frozen=True):
    """In force from `start_time` to `end_time`. A day without sessions is closed; all times Eastern."""

    start_time: str
    end_time: str
    monday: list[Session] | None = None
    tuesday: list[Session] | None = None
    wednesday: list[Session] | None = None
    thursday: list[Session] | None = None
    friday: list[Session] | None = None
    saturday: list[Session] | None = None
    sunday: list[Session] | None = None


class MaintenanceWindow(Message, frozen=True):
    start_datetime: str
    end_datetime: str


class Schedule(Message, frozen=True):
    standard_hours: list[WeeklyHours] | None = None
    maintenance_windows: list[MaintenanceWindow] | None = None


class ScheduleAnswer(Message, frozen=True):
    schedule: Schedule


class Announcement(Message, frozen=True):
    """`type` is info, warning or error; `status` active or inactive."""

    type: str
    message: str
    delivery_time: str = ""
    status: str = ""


class Announcements(Message, frozen=True):
    announcements: list[Announcement] | None


class SeriesFeeChange(Message, frozen=True):
    series_ticker: str | None = None
    fee_type: str | None = None
    fee_multiplier: Decimal | None = None
    scheduled_ts: str | None = None


class SeriesFeeChanges(Message, frozen=True):
    series_fee_change_arr: list[SeriesFeeChange] | None


class HistoricalCutoff(Message, frozen=True):
    """Orders that ended, fills and settlements before these moments are listed under `/historical` alone; resting
    orders never are. Source: docs.kalshi.com, GET /historical/cutoff."""

    orders_updated_ts: str
    trades_created_ts: str
    market_settled_ts: str
    market_positions_last_updated_ts: str | None = None
