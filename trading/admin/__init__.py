"""Configuration and records of trading in the admin."""
