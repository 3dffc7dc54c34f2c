"""The line between a store and headquarters; still to come."""
