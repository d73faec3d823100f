"""The root of the API, and what concerns the desk as a whole."""
