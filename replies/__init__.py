"""Decisions to the bytes that are sent."""
