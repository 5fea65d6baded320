-- Venues whose orders carry a time: the intent's own, and the moment at which the venue ends an order by itself.
ALTER TABLE orders
    ADD COLUMN decided_at BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;
