"""Screens of the console: each module holds the routes of one, its queries and what it shows."""
