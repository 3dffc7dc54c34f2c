"""The line between stores and headquarters: signed releases down, hard cases up."""
