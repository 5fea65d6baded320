-- A venue may know orders by its own id only; it is recorded before the send, and leads from a fill to its trade.
CREATE INDEX orders_by_order_id ON orders (order_id) WHERE order_id IS NOT NULL;
