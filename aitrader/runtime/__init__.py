"""The desk as running processes: the feed on its own, or everything in one."""
