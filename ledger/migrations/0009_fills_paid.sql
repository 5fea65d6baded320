-- What changed hands for a fill of several prices, exactly; NULL for a fill of one, whose price times size it is.
ALTER TABLE fills ADD COLUMN paid NUMERIC;
