"""What several segmenters share: pixels and weight files."""
