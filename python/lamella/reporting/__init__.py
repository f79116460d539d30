"""Seeing a training: a report as one HTML page, and what models and histories show in notebooks."""

from lamella.reporting.page import report

__all__ = ["report"]
