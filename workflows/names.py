"""The names that processes agree on without importing each other's code."""

TRADE_WORKFLOW = "Trade"
TRADE_QUEUE = "surefoot-trades"

RECONCILE_WORKFLOW = "Reconcile"
CONTROL_QUEUE = "surefoot-control"  # reconciliation and what else is not a trade
RECONCILE_SCHEDULE = "surefoot-reconcile"

# Updates on a trade, each OperatorCommand -> str: what will be done; refused by a validator when it cannot be
UPDATE_UNWIND = "unwind"
UPDATE_HOLD = "hold"
UPDATE_RETRY = "retry"
UPDATE_ACCEPT = "accept"
UPDATE_ADOPT = "adopt"
SIGNAL_FORCE_FLAT = "force_flat"  # OperatorCommand: the same, accepted even while no worker is up
SIGNAL_COMMAND = "command"  # Action, OperatorCommand: any of the updates above, left for a trade that cannot answer now
SIGNAL_ORDER_UPDATE = "order_update"  # client order id: the venue said something new about this order
SIGNAL_RESUME = "resume"  # build id of the worker that asks: a parked trade goes on where it stood, if its code is new
QUERY_RECORD = "record"  # -> TradeRecord: the trade as it stands now

SEARCH_STATE = "TradeState"  # Keyword
SEARCH_UNHEDGED = "UnhedgedShares"  # Double; an index for people, never read back into arithmetic
SEARCH_MARKETS = "Markets"  # KeywordList
SEARCH_STRATEGY = "Strategy"  # Keyword
SEARCH_PARKED = "Parked"  # Keyword: the build whose code raised, while the trade is parked over it; else not set
MEMO_FAULT = "fault"  # of a parked run: what was raised, in words

PATCH_EDITION_2 = "edition-2"  # marks the histories of trades that began on `workflows.state.EDITION` 2
PATCH_EDITION_3 = "edition-3"  # and of runs that began on 3
PATCH_EDITION_4 = "edition-4"

SUBMIT_ORDER = "submit_order"
FIND_EVIDENCE = "find_evidence"
TAKE_QUOTE = "take_quote"
CANCEL_ORDER = "cancel_order"
SETTLE_TRADE = "settle_trade"
RECORD_TRADE = "record_trade"
READ_RESOLUTION = "read_resolution"
LOOK_UP_ORDER = "look_up_order"
READ_POSITION = "read_position"
READ_OPEN = "read_open"
CHECK_COMMAND = "check_command"

EXTERN_IS_SEALED = "surefoot_is_sealed"
"""Trade id, Action, OperatorCommand -> bool: given by the worker to its workflows, for their validators alone."""

COMPARE_ACCOUNT = "compare_account"
DRAW_CONSEQUENCES = "draw_consequences"
