"""Puts a store appliance on a machine."""
