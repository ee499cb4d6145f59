"""Events to the book of enrollments."""
