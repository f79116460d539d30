"""Optimizers in use: every one of them in every way of training, and what they have in common."""
