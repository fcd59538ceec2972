"""What a log says went wrong, and what to do about it: patterns of public logs, and the fix computed for the workload."""
