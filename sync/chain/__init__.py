"""A whole chain on one machine: a hub, two stores and a release on its way to them."""
