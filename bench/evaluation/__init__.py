"""Evaluation, from names to records: plan, measure, save; costs, checks and confusion matrices."""
