"""Django settings, one file for each way of running."""
