"""Pages, fragments and commands: each reads selectors or calls one service."""
