"""Pages, WebSockets and the admin site."""
