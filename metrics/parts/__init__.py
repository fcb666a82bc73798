"""What several metrics are computed with: features, pairs, moments, intervals."""
