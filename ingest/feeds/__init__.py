"""One feed a venue: frames in, changed books out, and which books are not to be believed; spot prices beside them."""
