"""Methods at work: sized for a data set, filled with weights, fed with batches and random streams, drawing images."""
