"""Figures that the documentation claims, as ratios against a peer or a limit on the same machine."""
