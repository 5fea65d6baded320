-- Watchers count refusals of the last minutes every two seconds: of all orders, only those.
CREATE INDEX orders_refused ON orders (first_sent_at) WHERE verdict = 'rejected';
