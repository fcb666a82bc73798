"""From names to records: plan, measure, save."""
