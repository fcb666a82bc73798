"""The harness: joins methods, metrics, segmenters and data by name."""
