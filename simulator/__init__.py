"""The other side: an exchange in a box, and a carrier's core system.

Imports nothing of ours but partner files.
"""
