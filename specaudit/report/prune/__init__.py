"""Reports on a pruning."""
