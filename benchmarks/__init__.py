"""Figures that the documentation claims, as ratios against a peer or a limit, side by side."""
