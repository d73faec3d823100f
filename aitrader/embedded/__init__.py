"""PostgreSQL that comes with the desk."""
